"""Every tutorial runs without a screen, unsolved and solved, and none is committed with outputs.

Unsolved, every check of a tutorial must say "not yet"; with the exercises of `tutorials/solutions` in place, "right".
Both runs share a session, as a reader's would.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from wengert.compiler.detect.catalogue import KINDS

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
SOLUTIONS = sorted((TUTORIALS / "solutions").glob("*.ipy"))
EXERCISE = re.compile(r"^# Exercise: (\w+)$", re.MULTILINE)
MIME = "application/vnd.wengert.check+json"
REVEALED = re.compile(r"(\w+): it is (.+?)\. You made no guess\.")
SHOWN = {
    "00": {"states": "all", "peak": "0"},
    "01": {"overwritten": "15.5897", "special_case": "0", "table": "0", "count": "0"},
    "02": {"linear": "0", "nonlinear": "64"},
    "03": {"step": "h = 1e-09", "dot": "no"},
    "04": {"gain": "0", "maximum": "0.5", "median": "0", "depot": "the pull of the others"},
    "05": {"hole": "0", "exit": "0", "pruned": "0"},
    "06": {"overflow": "nan", "masked": "12", "digits": "3"},
    "07": {"nearest": "0", "second": "0", "rounded": "0", "bits": "about 10 %"},
}
"""What the reader is told after predicting, by tutorial: the prose around it counts on that."""


def on_one_worker(paths: list[Path]) -> list:
    return [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in paths]


def outcomes(cells: list[nbformat.NotebookNode]) -> dict[str, dict]:
    """What the checks among `cells` found, by name. No cell may have printed a traceback or a usage error."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [output.get("text", "") for output in outputs]
    assert not any("Traceback" in text or "UsageError" in text for text in texts)
    shown = [output.get("data", {}) for output in outputs]
    return {data[MIME]["name"]: data[MIME] for data in shown if MIME in data}


def revealed(cells: list[nbformat.NotebookNode]) -> dict[str, str]:
    """What `lesson.reveal` said among the outputs of `cells`, by name."""
    texts = [output.get("data", {}).get("text/plain", "") for cell in cells for output in cell.get("outputs", [])]
    return dict(found.groups() for text in texts if (found := REVEALED.match(text)))


@cache
def run(path: Path) -> tuple[dict[str, dict], dict[str, dict], dict[str, str]]:
    """The outcomes of a tutorial run from top to bottom, those after every exercise was solved in the same session, and what
    was revealed: each exercise's cell is run anew with its solution, then what follows it, down to its check."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(TUTORIALS)}})
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    with client.setup_kernel():
        for index, cell in code:
            client.execute_cell(cell, index)  # raises CellExecutionError at the first cell that fails
        unsolved, said = outcomes(notebook.cells), revealed(notebook.cells)
        solved: list[nbformat.NotebookNode] = []
        for name, solution in solutions(path).items():
            first = next(k for k, (_, cell) in enumerate(code) if name in EXERCISE.findall(cell.source))
            last = next(k for k, (_, cell) in enumerate(code) if f'lesson.check("{name}")' in cell.source)
            code[first][1].source = solution
            for index, cell in code[first : last + 1]:
                client.execute_cell(cell, index)
                solved.append(cell)
    return unsolved, outcomes(solved), said


def solutions(path: Path) -> dict[str, str]:
    file = TUTORIALS / "solutions" / f"{path.stem}.ipy"
    blocks = re.split(r"^# %% (\w+)\n", file.read_text(encoding="utf-8") if file.exists() else "", flags=re.MULTILINE)
    return dict(zip(blocks[1::2], blocks[2::2], strict=True))


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.slow
@pytest.mark.parametrize("path", on_one_worker(NOTEBOOKS))
def test_runs_unsolved(path: Path) -> None:
    found, _, said = run(path)
    exercises = {name for cell in nbformat.read(path, as_version=4).cells for name in EXERCISE.findall(cell.source)}
    assert exercises == set(found)
    assert [name for name, outcome in found.items() if outcome["passed"]] == []
    expected = SHOWN.get(path.stem[:2], {})
    assert {name: said.get(name) for name in expected} == expected


@pytest.mark.slow
@pytest.mark.parametrize("path", on_one_worker([path for path in NOTEBOOKS if solutions(path)]))
def test_runs_solved(path: Path) -> None:
    unsolved, found, _ = run(path)
    assert set(found) == set(unsolved) == set(solutions(path))
    assert {name: outcome["messages"] for name, outcome in found.items() if not outcome["passed"]} == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_exercises_have_solutions() -> None:
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in NOTEBOOKS}
    exercised = {stem for stem, notebook in notebooks.items() if any(EXERCISE.search(c.source) for c in notebook.cells)}
    assert exercised == {path.stem for path in SOLUTIONS} != set()


def test_the_index_names_every_kind_of_finding() -> None:
    text = (TUTORIALS / "index.ipynb").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
