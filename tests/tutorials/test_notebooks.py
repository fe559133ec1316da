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

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
SOLUTIONS = sorted((TUTORIALS / "solutions").glob("*.ipy"))
EXERCISE = re.compile(r"^# Exercise: (\w+)$", re.MULTILINE)
MIME = "application/vnd.wengert.check+json"


def on_one_worker(paths: list[Path]) -> list:
    return [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in paths]


def outcomes(cells: list[nbformat.NotebookNode]) -> dict[str, dict]:
    """What the checks among `cells` found, by name. No cell may have printed a traceback or a usage error."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [output.get("text", "") for output in outputs]
    assert not any("Traceback" in text or "UsageError" in text for text in texts)
    shown = [output.get("data", {}) for output in outputs]
    return {data[MIME]["name"]: data[MIME] for data in shown if MIME in data}


@cache
def run(path: Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """The outcomes of a tutorial run from top to bottom, and those after every exercise was solved in the same session:
    each exercise's cell is run anew with its solution, then what follows it, down to its check."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(TUTORIALS)}})
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    with client.setup_kernel():
        for index, cell in code:
            client.execute_cell(cell, index)  # raises CellExecutionError at the first cell that fails
        unsolved = outcomes(notebook.cells)
        solved: list[nbformat.NotebookNode] = []
        for name, solution in solutions(path).items():
            first = next(k for k, (_, cell) in enumerate(code) if name in EXERCISE.findall(cell.source))
            last = next(k for k, (_, cell) in enumerate(code) if f'lesson.check("{name}")' in cell.source)
            code[first][1].source = solution
            for index, cell in code[first : last + 1]:
                client.execute_cell(cell, index)
                solved.append(cell)
    return unsolved, outcomes(solved)


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
    found, _ = run(path)
    exercises = {name for cell in nbformat.read(path, as_version=4).cells for name in EXERCISE.findall(cell.source)}
    assert exercises == set(found)
    assert [name for name, outcome in found.items() if outcome["passed"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", on_one_worker([path for path in NOTEBOOKS if solutions(path)]))
def test_runs_solved(path: Path) -> None:
    unsolved, found = run(path)
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
