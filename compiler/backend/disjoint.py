"""Whether two regions of an array cannot overlap, where a comparison of their bounds can show it.

    a[k+1:, k+1:] -= outer(a[k+1:, k], a[k, k+1:])        written: columns from k + 1 on; read: column k; rows likewise

Bounds are sums of i64 values and a number. What is known of a value: `index` gives back its operand where that is not
negative, and something below the extent; the index of a loop that counts up is at least where it starts; an extent is not
negative; `minimum` and `maximum` are taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wengert.compiler.backend.places import Places
from wengert.compiler.backend.structure import Structure
from wengert.compiler.ir.core import Op, Value, constant_of

DEPTH = 6
"""How many steps a proof may take."""


@dataclass(frozen=True, slots=True)
class Sum:
    """terms[v] * v + ... + number."""

    terms: Mapping[Value, int]
    number: int

    def plus(self, other: Sum, factor: int = 1) -> Sum:
        terms = dict(self.terms)
        for v, k in other.terms.items():
            terms[v] = terms.get(v, 0) + factor * k
        return Sum({v: k for v, k in terms.items() if k}, self.number + factor * other.number)


@dataclass(frozen=True, slots=True)
class Region:
    """start, size and step along each axis; the size is None for axes that are dropped: one element."""

    starts: tuple[Value, ...]
    sizes: tuple[Value | None, ...]
    steps: tuple[int, ...]


class Bounds:
    def __init__(self, structure: Structure, places: Places):
        self.structure, self.places = structure, places

    def apart(self, a: Region, b: Region) -> bool:
        """Whether the regions share no element: along some axis one ends before the other begins (or is empty)."""
        for k in range(len(a.starts)):
            if a.steps[k] < 0 or b.steps[k] < 0:
                continue
            if self._before(a, b, k) or self._before(b, a, k):
                return True
        return False

    def _before(self, a: Region, b: Region, k: int) -> bool:
        """Whether the last element of `a` along axis k comes before the first of `b`."""
        last = self.sum(a.starts[k])
        size = a.sizes[k]
        if size is not None:
            count = self.sum(size)
            if a.steps[k] != 1:
                return False
            last = last.plus(count).plus(Sum({}, -1))
        return self.positive(self.sum(b.starts[k]).plus(last, -1))

    def sum(self, value: Value) -> Sum:
        """The value as a sum of others."""
        place = self.places.scalar(value)
        if isinstance(place, int):
            return Sum({}, place)
        op = value.owner
        if op is not None and op.name in ("add", "subtract"):
            a, b = (self.sum(v) for v in op.operands)
            return a.plus(b, 1 if op.name == "add" else -1)
        return Sum({value: 1}, 0)

    def positive(self, s: Sum, depth: int = DEPTH) -> bool:
        """Whether a sum is known to be greater than 0."""
        if not s.terms:
            return s.number > 0
        if depth == 0:
            return False
        for v, k in s.terms.items():
            for candidates, every in self._bounds(v, k, depth - 1):
                tried = (self.positive(self._replaced(s, v, k, c), depth - 1) for c in candidates)
                if all(tried) if every else any(tried):
                    return True
        return False

    def at_least(self, value: Value, number: int, depth: int) -> bool:
        known = constant_of(value)
        return known >= number if known is not None else self.positive(Sum({value: 1}, 1 - number), depth - 1)

    def _replaced(self, s: Sum, v: Value, k: int, by: Sum) -> Sum:
        rest = Sum({w: n for w, n in s.terms.items() if w is not v}, s.number)
        return rest.plus(by, k)

    def _bounds(self, v: Value, k: int, depth: int) -> list[tuple[list[Sum], bool]]:
        """Sums no greater than v (for k > 0) or no less (k < 0); with True, v is one of them, else each is a bound."""
        op, found = v.owner, list[tuple[list[Sum], bool]]()
        if op is None:
            loop = self.structure.around.get(self.structure.home[v])
            counts = loop is not None and loop.name == "for" and loop.regions[0].params[0] is v
            if counts and loop is not None:
                step = constant_of(loop.operands[2])
                if step is not None and step > 0:
                    bound = self.sum(loop.operands[0]) if k > 0 else self.sum(loop.operands[1]).plus(Sum({}, -1))
                    found.append(([bound], False))
            return found
        if op.name in ("minimum", "maximum"):
            one_of = (op.name == "minimum") == (k > 0)
            found.append(([self.sum(w) for w in op.operands], one_of))
        elif op.name == "where" and (chosen := _extremum(op)) is not None:
            found.append(([self.sum(w) for w in op.operands[1:]], (chosen == "minimum") == (k > 0)))
        elif op.name in ("index", "wrap_index"):
            if k < 0:
                found.append(([self.sum(op.operands[1]).plus(Sum({}, -1))], False))
            if self.at_least(op.operands[0], 0, depth):
                found.append(([self.sum(op.operands[0])], False))
        if k > 0 and op.name in ("dim", "index", "wrap_index"):
            found.append(([Sum({}, 0)], False))
        return found


def _extremum(op: Op) -> str | None:
    """`minimum` and `maximum` of integers after lowering: where(x < y, x, y) or where(x > y, x, y)."""
    condition = op.operands[0].owner
    if condition is None or op.result.type.is_array:
        return None
    if condition.name == "bitwise_or":  # (x < y) | (x != x)
        condition = condition.operands[0].owner
    if condition is None or tuple(condition.operands) != op.operands[1:]:
        return None
    return {"less": "minimum", "greater": "maximum"}.get(condition.name)
