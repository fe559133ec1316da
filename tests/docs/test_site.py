"""The documentation builds without a warning, and names every public function."""

from __future__ import annotations

import importlib.util
import re
import runpy
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


def test_the_table_of_the_language_knows_what_functions_do() -> None:
    spec = importlib.util.spec_from_file_location("language_table", DOCS / "language_table.py")
    assert spec is not None and spec.loader is not None
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    known = {name: value for name, value in table.names() if table.is_known(value)}
    assert {"np.sin", "np.sort", "np.linalg.solve", "np.mgrid", "np.vectorize"} <= set(known) and "np.loadtxt" not in known
    marks = {name: table.tried(name, known[name])[2:] for name in ("np.sin", "np.argmax", "np.linalg.inv", "np.interp")}
    assert marks == {"np.sin": (True, True), "np.argmax": (None, True), "np.linalg.inv": (True, False), "np.interp": (True, True)}


def test_every_public_name_has_its_place() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    missing = [name for name in wengert._PUBLIC if f":: wengert.{name}\n" not in page and name != "errors"]
    assert missing == []


CONCEPTS = ("activity", "batching", "complex", "custom_rules", "in_place", "loops", "memory", "modes")
RUN = ["getting_started", *(f"concepts/{name}" for name in CONCEPTS)]


@pytest.mark.parametrize("name", RUN)
def test_the_code_of_a_page_runs(name: str, tmp_path: Path) -> None:
    """As one program; its assertions are what the page claims."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    runpy.run_path(str(program))
