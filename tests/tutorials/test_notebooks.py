"""Every tutorial runs without a screen, unsolved and solved, and none is committed with outputs.

Unsolved, every check of a tutorial must say "not yet"; with the exercises of `tutorials/solutions` in place, "right".
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
SOLUTIONS = sorted((TUTORIALS / "solutions").glob("*.ipy"))
EXERCISE = re.compile(r"^# Exercise: (\w+)$", re.MULTILINE)
MIME = "application/vnd.wengert.check+json"


def execute(notebook: nbformat.NotebookNode) -> None:
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(TUTORIALS)}})
    client.execute()  # raises CellExecutionError at the first cell that fails
    texts = [o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", [])]
    assert not any("Traceback" in text or "UsageError" in text for text in texts)


def outcomes(notebook: nbformat.NotebookNode) -> dict[str, dict]:
    shown = [o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", [])]
    return {data[MIME]["name"]: data[MIME] for data in shown if MIME in data}


@pytest.fixture(autouse=True)
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_unsolved(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    execute(notebook)
    exercises = {name for cell in notebook.cells for name in EXERCISE.findall(cell.source)}
    found = outcomes(notebook)
    assert exercises == set(found)
    assert [name for name, outcome in found.items() if outcome["passed"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_runs_solved(path: Path) -> None:
    notebook = nbformat.read(TUTORIALS / f"{path.stem}.ipynb", as_version=4)
    blocks = re.split(r"^# %% (\w+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    solved = dict(zip(blocks[1::2], blocks[2::2], strict=True))
    for cell in notebook.cells:
        if (match := EXERCISE.search(cell.source)) is not None:
            cell.source = solved.pop(match[1])
    assert solved == {}, "a solution without an exercise"
    execute(notebook)
    found = outcomes(notebook)
    assert found
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
