"""Whether the functions that a panel shows are still what their names say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.api import Compiled
from wengert.magics.layers import Made


class Bound:
    """A panel and the names of its functions. `status` says what they are compiled for by now, and the panel's status line
    that, and when one was deleted or is another function."""

    def __init__(self, panel: Any, made: Sequence[Sequence[Made]], status: Callable[[], str]):
        self.panel, self.status, self.tone = panel, status, panel.tone
        self._compiled = {name: m.compiled for chain in made for m in chain for name in m.names}
        self._names: dict[str, Compiled] | None = None

    def look(self, user: dict[str, Any]) -> None:
        """After each cell; the first time is that of the panel's own cell, which has bound the names."""
        if self._names is None:
            self._names = {name: c for name, c in self._compiled.items() if user.get(name) is c}
            return
        changed = {name: name in user for name, c in self._names.items() if user.get(name) is not c}
        deleted = [name for name, there in changed.items() if not there]
        other = [name for name, there in changed.items() if there]
        notes = [f"{', '.join(deleted)} {'was' if len(deleted) == 1 else 'were'} deleted since"] if deleted else []
        notes += [f"{', '.join(other)} {'is another object' if len(other) == 1 else 'are other objects'} now"] if other else []
        status = "; ".join([self.status(), *notes])
        if self.panel.status != status:
            self.panel.status, self.panel.tone = status, "warning" if notes else self.tone
