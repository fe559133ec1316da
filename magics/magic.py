"""The magics themselves: each hands its line and cell on; what IPython shows for `%%autodiff?` is their help.

The compiler takes half a second to import. `%load_ext` does not: what needs it is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from wengert.magics.options import LINE_HELP, PARSERS
from wengert.magics.session import Session


def later(module: str, name: str) -> Callable[..., Any]:
    """The function `name` of a module of this package, which is imported at the first call."""
    return lambda *arguments: getattr(import_module(f"wengert.magics.{module}"), name)(*arguments)


run_cell, run_line = later("cells", "run"), later("line", "run")


@magics_class
class WengertMagics(Magics):
    """`%%autodiff`, `%%batch`, `%%offload` and `%wengert`."""

    def __init__(self, session: Session):
        super().__init__(session.shell)
        self.session = session

    @no_var_expand
    @cell_magic
    def autodiff(self, options: str, cell: str) -> None:
        run_cell(self.session, "autodiff", options, cell)

    @no_var_expand
    @cell_magic
    def batch(self, options: str, cell: str) -> None:
        run_cell(self.session, "batch", options, cell)

    @no_var_expand
    @cell_magic
    def offload(self, options: str, cell: str) -> None:
        run_cell(self.session, "offload", options, cell)

    @no_var_expand
    @line_magic
    def wengert(self, options: str) -> None:
        run_line(self.session, options)


for _name, _parser in PARSERS.items():
    getattr(WengertMagics, _name).__doc__ = _parser.format_help()
WengertMagics.wengert.__doc__ = LINE_HELP

NAMES: dict[str, tuple[str, ...]] = {"cell": tuple(PARSERS), "line": ("wengert",)}


def help_needs_no_body(lines: list[str]) -> list[str]:
    """Let `%%autodiff --help` stand alone: IPython refuses a cell magic without a body before it reads its options."""
    if len(lines) == 1 and "--help" in lines[0].split() and lines[0].startswith(tuple(f"%%{m}" for m in PARSERS)):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines


def registered(shell: Any) -> WengertMagics | None:
    """The magics of a shell, None where they are not loaded."""
    return shell.magics_manager.registry.get(WengertMagics.__name__)
