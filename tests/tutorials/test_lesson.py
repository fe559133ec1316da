"""Checks say right or what is off, never raise, and progress survives a restart and a broken file."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("IPython")


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tutorials"))
    module = importlib.import_module("lesson")
    yield lambda: module.Lesson("07", module.Progress(tmp_path / "kept" / "progress.json"))
    for name in [name for name in sys.modules if name == "lesson" or name.startswith("lesson.")]:
        del sys.modules[name]


def test_a_check_says_what_is_off(lesson, capsys) -> None:
    first = lesson()
    with first.check("norm") as expect:
        expect.close("the norm", 1.0, 2.0)
        expect.close("the gradient", [np.nan, 0.0], [0.0, 0.0])
        expect.close("the table", [1.0], 1.0)
        expect.true(False, "The branch is still there.")
    said = first.outcomes["norm"].messages
    assert not first.outcomes["norm"].passed and len(said) == 4
    assert "off by 1" in said[0] and "not finite" in said[1] and "shape" in said[2]
    assert "Not yet." in capsys.readouterr().out


def test_an_error_and_an_empty_check_are_not_right(lesson) -> None:
    first = lesson()
    with first.check("broken"):
        raise ValueError("no such thing")
    with first.check("empty"):
        pass
    assert "ValueError: no such thing" in first.outcomes["broken"].messages[0]
    assert not first.outcomes["empty"].passed


def test_progress_is_kept_and_taken_back(lesson) -> None:
    first = lesson()
    first.guess("slope", 0.5)
    with first.check("norm") as expect:
        expect.close("it", 1.0, 1.0)
    again = lesson()
    assert again.guesses == {"slope": 0.5} and again.progress.of("07")["passed"] == ["norm"]
    with again.check("norm") as expect:
        expect.close("it", 1.0, 2.0)
    assert lesson().progress.of("07")["passed"] == []
    again.progress.path.write_text("{", encoding="utf-8")
    assert lesson().guesses == {}


def test_a_guess_is_shown_beside_the_answer(lesson, capsys) -> None:
    first = lesson()
    first.guess("slope", 1.0)
    first.reveal("slope", 0.0)
    first.reveal("other", 2.0)
    out = capsys.readouterr().out
    assert "you said 1, it is 0" in out and "You made no guess" in out


def test_the_path_shows_what_is_done_and_what_comes_next(lesson, tmp_path, capsys) -> None:
    def notebook(number: str, *exercises: str) -> None:
        cells = [{"source": [f"# Tutorial {int(number)} · Of {number}\n", "*About 20 minutes.*"]}]
        cells += [{"source": [f"# Exercise: {name}\n", "x = 0"]} for name in exercises]
        (tmp_path / f"{number}_of.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")

    notebook("06", "one")
    notebook("07", "norm", "other")
    notebook("13", "last")
    sixth, seventh = (lesson().__class__(number, lesson().progress) for number in ("06", "07"))
    for of, name in ((sixth, "one"), (seventh, "norm"), (seventh, "renamed since")):
        with of.check(name) as expect:
            expect.close("it", 1.0, 1.0)
    capsys.readouterr()
    sys.modules["lesson"].show_path(tmp_path, lesson().progress)
    out = capsys.readouterr().out
    assert re.search(r"✓ 06  Of 06 +20 min  1 of 1", out) and re.search(r"→ 07  Of 07 +20 min  1 of 2", out)
    assert "The machine" in out and "Next: 7 · Of 07" in out
