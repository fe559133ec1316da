"""What one trip of a loop hands to the next, as edges between nodes of the graph: who reads what a loop carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wengert.compiler.ir.core import Value


class Carried:
    """Gathers, while a graph is made, which nodes read a carried value and which make its next one."""

    def __init__(self) -> None:
        self._through: dict[Value, frozenset[Value]] = {}
        self._makers: dict[Value, set[str]] = {}
        self._readers: dict[Value, dict[str, None]] = {}
        self._from: dict[Value, set[Value]] = {}

    def enter(self, params: Iterable[Value]) -> None:
        """`params` are carried by a loop."""
        for p in params:
            self._through[p] = self._through.get(p, frozenset()) | {p}

    def passes(self, value: Value, sources: Iterable[Value]) -> None:
        """`value` is one of `sources`, or a part of one: it has no node of its own."""
        found = frozenset().union(*(self._through.get(s, frozenset()) for s in sources))
        if found:
            self._through[value] = self._through.get(value, frozenset()) | found

    def read(self, value: Value, node: str) -> None:
        for p in self._through.get(value, ()):
            self._readers.setdefault(p, {})[node] = None

    def next_trip(self, param: Value, value: Value, makers: Iterable[str]) -> None:
        """At the end of a trip `param` becomes `value`, which the nodes `makers` make."""
        self._makers.setdefault(param, set()).update(makers)
        self._from.setdefault(param, set()).update(self._through.get(value, ()))

    def edges(self) -> Iterator[tuple[str, str]]:
        """(maker, reader): what the maker made in one trip, the reader reads in a later one or after the loop."""
        changed = True
        while changed:  # a carried value may become another carried one: what that becomes arrives a trip later
            changed = False
            for p, others in self._from.items():
                have = self._makers.setdefault(p, set())
                new = set().union(*(self._makers.get(q, set()) for q in others)) - have
                have |= new
                changed = changed or bool(new)
        for p, readers in self._readers.items():
            for maker in sorted(self._makers.get(p, ())):
                for reader in readers:
                    if maker != reader:
                        yield maker, reader
