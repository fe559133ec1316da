"""A real IPython shell for each test, with the magics loaded: `cell(text)` runs a cell and returns what it printed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("IPython")

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

SETUP = """
import numpy as np
import wengert as wg
from numpy.typing import NDArray
"""


@pytest.fixture
def shell() -> Iterator[Any]:
    """A shell of its own, without the history and the settings of the user."""
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config, colors="nocolor")
    made.run_cell(SETUP, store_history=True)
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture
def loaded(shell: Any, capsys: pytest.CaptureFixture[str]) -> Any:
    shell.run_line_magic("load_ext", "wengert")
    capsys.readouterr()
    return shell


@pytest.fixture
def cell(loaded: Any, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a cell as a notebook would and returns all that it printed, errors included."""

    def run(text: str) -> str:
        loaded.run_cell(textwrap.dedent(text).strip(), store_history=True)
        captured = capsys.readouterr()
        return (captured.out + captured.err).strip()

    run.shell = loaded  # type: ignore[attr-defined]
    return run
