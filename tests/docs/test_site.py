"""The documentation builds without a warning, and names every public function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import wengert

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb")
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "trees", DOCS, tmp_path / "site"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert built.returncode == 0, built.stderr
    assert "Tutorial 1" in (tmp_path / "site/_generated/tutorials/01_differentiates_the_program.html").read_text("utf-8")


def test_every_public_name_has_its_place() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    missing = [name for name in wengert._PUBLIC if f":: wengert.{name}\n" not in page and name != "errors"]
    assert missing == []
