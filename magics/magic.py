"""The magics themselves: each hands its line and cell on; what IPython shows for `%%autodiff?` is their help."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from wengert.magics import cells, line
from wengert.magics.options import PARSERS
from wengert.magics.session import Session


@magics_class
class WengertMagics(Magics):
    """`%%autodiff`, `%%batch`, `%%offload` and `%wengert`."""

    def __init__(self, session: Session):
        super().__init__(session.shell)
        self.session = session

    @no_var_expand
    @cell_magic
    def autodiff(self, options: str, cell: str) -> None:
        cells.run(self.session, "autodiff", options, cell)

    @no_var_expand
    @cell_magic
    def batch(self, options: str, cell: str) -> None:
        cells.run(self.session, "batch", options, cell)

    @no_var_expand
    @cell_magic
    def offload(self, options: str, cell: str) -> None:
        cells.run(self.session, "offload", options, cell)

    @no_var_expand
    @line_magic
    def wengert(self, options: str) -> None:
        line.run(self.session, options)


for _name, _parser in PARSERS.items():
    getattr(WengertMagics, _name).__doc__ = _parser.format_help()
WengertMagics.wengert.__doc__ = line.HELP

NAMES: dict[str, tuple[str, ...]] = {"cell": tuple(PARSERS), "line": ("wengert",)}


def help_needs_no_body(lines: list[str]) -> list[str]:
    """Let `%%autodiff --help` stand alone: IPython refuses a cell magic without a body before it reads its options."""
    if len(lines) == 1 and "--help" in lines[0].split() and lines[0].startswith(tuple(f"%%{m}" for m in PARSERS)):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines


def registered(shell: Any) -> WengertMagics | None:
    """The magics of a shell, None where they are not loaded."""
    return shell.magics_manager.registry.get(WengertMagics.__name__)
