"""Whether the functions that a panel shows are still what their names say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.api import Compiled, devices, notes, placed
from wengert.magics.layers import Made

LONG = 2000
"""Operations above which the places to look at are not counted before the Findings tab is opened."""


class Bound:
    """A panel and the names of its functions. `status` says what they are compiled for by now, and the panel's status line
    that, how many findings there are, when a function was deleted or is another one, and when its device went away."""

    def __init__(self, panel: Any, made: Sequence[Sequence[Made]], status: Callable[[], str]):
        self.panel, self.status, self.tone = panel, status, panel.tone
        self._primals = [chain[0].compiled for chain in made]
        self._compiled = {name: m.compiled for chain in made for m in chain for name in m.names}
        found = [placed(m.compiled) for chain in made for m in chain]
        self._devices = dict.fromkeys(offload.device for offload in found if offload is not None and offload.device != "cpu")
        self._names: dict[str, Compiled] | None = None
        self._said: list[str] = []
        self._places = 0
        self._checked: list[Any] = []  # the views of findings that were opened
        panel.observe(self._built, "tabs")

    def look(self, user: dict[str, Any]) -> None:
        """After each cell; the first time is that of the panel's own cell, which has bound the names."""
        if self._names is None:
            self._names = {name: c for name, c in self._compiled.items() if user.get(name) is c}
            # After the panel was sent: they take a while, and of a long program too long.
            self._places = sum(len(notes(f)) for f in self._primals if not _is_long(f))
        else:
            changed = {name: name in user for name, c in self._names.items() if user.get(name) is not c}
            deleted = [name for name, there in changed.items() if not there]
            other = [name for name, there in changed.items() if there]
            self._said = [f"{', '.join(deleted)} {'was' if len(deleted) == 1 else 'were'} deleted since"] if deleted else []
            if other:
                self._said.append(f"{', '.join(other)} {'is another object' if len(other) == 1 else 'are other objects'} now")
        self._said += self._gone()
        self._tell()

    def _gone(self) -> list[str]:
        """The devices of offloaded functions that cannot be used any more, and why."""
        if not self._devices:
            return []
        reasons = {d.id: d.reason for d in devices() if not d.available}
        there = {d.id for d in devices() if d.available}
        return [f"{d} cannot be used any more: {reasons.get(d) or 'it is not there'}" for d in self._devices if d not in there]

    def _built(self, _: Any) -> None:
        """A tab was opened: the findings are counted from now on."""
        view = self.panel.views.get("Findings")
        if view is not None and view not in self._checked:
            self._checked.append(view)
            view.observe(self._tell, "data")
            self._tell()

    def _tell(self, _: Any = None) -> None:
        status = "; ".join([self.status(), *filter(None, [self._count()]), *self._said])
        if self.panel.status != status:
            self.panel.status, self.panel.tone = status, "warning" if self._said else self.tone

    def _count(self) -> str:
        """How many findings; before the check, how many places there are to look at."""
        models = [view.model for view in self._checked if not view.model.pending]
        if models:
            found = sum(len(model.findings) for model in models)
            return f"{found or 'no'} finding{'s' * (found != 1)}"
        return f"{self._places} place{'s' * (self._places != 1)} to look at, see Findings" if self._places else ""


def _is_long(compiled: Compiled) -> bool:
    return compiled.last is not None and sum(1 for _ in compiled.last.traced.function.walk()) > LONG
