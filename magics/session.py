"""What the magics keep for one shell: the settings, and how to show things there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from IPython.display import display

NAMES = "__wengert_cell__"
"""The variable in the user's namespace by which the compiler learns that a file is a cell, "In[3]"."""


class CellNames(dict[str, str]):
    """File name of a cell -> "In[n]", for every cell that the shell knows, with or without a magic."""

    def __init__(self, shell: Any):
        super().__init__()
        self._compiler = shell.compile

    def get(self, filename: str, default: Any = None) -> Any:
        found = self._compiler.format_code_name(filename)
        return found[1] if found else default


@dataclass
class Session:
    """One shell's session. view: whether cell magics show their panel. calls: the last calls of what cells made.

    made: what the last cell made; lab: the place beside the notebook, where there is one.
    """

    shell: Any
    view: bool = True
    names: CellNames = field(init=False)
    calls: WeakSet[Any] = field(init=False, default_factory=WeakSet)
    made: Any = None
    lab: Any = None
    _panels: list[Any] = field(init=False, default_factory=list)
    _shown: dict[str, list[Any]] = field(init=False, default_factory=dict)
    _running: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.names = CellNames(self.shell)

    @property
    def has_views(self) -> bool:
        """Whether a front end listens that can show widgets; a terminal cannot."""
        return getattr(self.shell, "kernel", None) is not None

    @property
    def user(self) -> dict[str, Any]:
        """The user's namespace."""
        return self.shell.user_ns

    def begin(self, info: Any = None) -> None:
        """Before each cell: it is known by its name, and the widgets of its last run are closed."""
        self.announce()
        self._running = getattr(info, "cell_id", None) or getattr(info, "raw_cell", None) or ""
        for widget in self._shown.pop(self._running, ()):
            widget.close()

    def settle(self, *_: Any) -> None:
        """After each cell: let go of the arguments of its calls; panels say what became of their functions."""
        for call in list(self.calls):
            call.settle()
        self._panels = [p for p in self._panels if p.panel.comm is not None]
        for bound in self._panels:
            bound.look(self.user)

    def follow(self, bound: Any) -> None:
        """Keep a panel's status line true from now on."""
        self._panels.append(bound)

    def own(self, widget: Any) -> None:
        """Close `widget` when the cell that shows it runs again: its output is gone then."""
        self._shown.setdefault(self._running, []).append(widget)

    def announce(self, *_: Any) -> None:
        """Tell the compiler how cells are called; before each cell, since `%reset` empties the namespace."""
        self.user[NAMES] = self.names

    def show(self, thing: Any) -> None:
        """Show something that has a text and perhaps a view."""
        display(thing)
