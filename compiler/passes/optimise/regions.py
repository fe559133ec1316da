"""A gradient that is the sum of shifted regions is written once, not filled with zeros and then added to region by region.

    %0 = broadcast %zero, %n                              %0 = broadcast %zero, %n {undefined}
    %1 = accumulate_slice %0, %v, #1               =>     %1 = update_slice %0, first of %w, #0       a slab at each end
    %2 = accumulate_slice %1, %w, #0                      %2 = update_slice %1, last of %v, %m
                                                          %3 = update_slice %2, %v[..] + %w[1..], #1  one loop inside

Where the regions overlap their sum is written in one loop; before and after lie slabs, which are written by themselves. All
bounds are computed at run time, so the sizes may be anything. What the values are computed from is computed again for the
slabs, which are thin: without that it would be kept for them.

At function level, and for what differentiation made (role adjoint), as additions to zero change the signs of zeros. Along one
axis only: with two, the slabs of each region along each axis took ten times as long to compile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_block

FEWEST = 64
"""Elements from which on it is done, where the number is known."""
MOST_OPS = 160
"""That are written again for slabs and inside."""
CHEAP = 6
"""Additions that a value shared by several regions may cost to be computed again for each."""

Box = tuple[list[Value], list[Value]]
"""Starts and sizes."""


def regions(function: Function) -> Function:
    """The function with such sums written in one pass; the function itself where there are none."""
    uses: dict[Value, int] = {}
    for op in function.walk():
        for v in (*op.operands, *(v for region in op.regions for v in region.results)):
            uses[v] = uses.get(v, 0) + 1
    for v in function.results:
        uses[v] = uses.get(v, 0) + 1
    lengths: dict[Op, int] = {}
    for op in function.body.ops:
        if _is_step(op):
            before = op.operands[0].owner
            follows = before in lengths and uses[op.operands[0]] == 1
            lengths[op] = 1 + (lengths.pop(before) if follows and before is not None else 0)
    lengths = {op: n for op, n in lengths.items() if _starts_anew(op, n, uses)}
    if not lengths:
        return function
    shared = {v for v, n in uses.items() if n > 1}
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op not in lengths:
            return None
        again = {mapping.get(v, v) for v in shared}
        with builder.at(op.span, op.role):
            made = _Written(builder, op, operands, lengths[op], again).made()
        return None if made is None else [made]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _is_step(op: Op) -> bool:
    if op.name != "accumulate_slice" or op.role != "adjoint" or op.attrs["drop"] or op.attrs["steps"] != (1,):
        return False
    (extent,) = op.result.type.shape
    return extent is None or extent >= FEWEST


def _is_zeros(value: Value) -> bool:
    op = value.owner
    return op is not None and op.name == "broadcast" and op.operands[0].type.is_scalar and constant_of(op.operands[0]) == 0


def _is_elementwise(value: Value) -> bool:
    return value.owner is not None and REGISTRY[value.owner.name].kind == "elementwise"


def _starts_anew(last: Op, length: int, uses: dict[Value, int]) -> bool:
    """Whether the array that the regions are added to is zero, or computed for this alone."""
    op = last
    for _ in range(length - 1):
        before = op.operands[0].owner
        assert before is not None
        op = before
    start = op.operands[0]
    return _is_zeros(start) or (_is_elementwise(start) and uses[start] == 1)


@dataclass(slots=True)
class _Region:
    """value: what is added; starts, ends: of where, along each axis."""

    value: Value
    starts: list[Value]
    ends: list[Value]


class _Written:
    def __init__(self, builder: Builder, op: Op, operands: list[Value], length: int, again: set[Value]):
        self.builder, self.shared = builder, again
        self.hint = op.result.hint
        array, steps = operands[0], [(operands[1], operands[2:])]
        for _ in range(length - 1):
            made = array.owner
            assert made is not None
            array = made.operands[0]
            steps.insert(0, (made.operands[1], list(made.operands[2:])))
        self.array, self.rank = array, array.type.rank
        self.extents = builder.extents(array)
        zero = builder.integer(0)
        self.base = None if _is_zeros(array) else _Region(array, [zero] * self.rank, self.extents)
        self.added = [self._region(value, starts) for value, starts in steps]
        self.known: dict[tuple[int, ...], Value] = {}

    def _region(self, value: Value, starts: list[Value]) -> _Region:
        ends = [self._add(s, self.builder.extent(value, k)) for k, s in enumerate(starts)]
        return _Region(value, starts, ends)

    def made(self) -> Value | None:
        before = len(self.builder.block.ops)
        found = self._made()
        if found is None or len(self.builder.block.ops) - before > MOST_OPS:
            del self.builder.block.ops[before:]
            return None
        return found

    def _made(self) -> Value | None:
        builder = self.builder
        low, end, high = [], [], []
        for k in range(self.rank):
            lowest = self.added[0].starts[k]
            highest = self.added[0].ends[k]
            for region in self.added[1:]:
                lowest = self._extremum("maximum", lowest, region.starts[k])
                highest = self._extremum("minimum", highest, region.ends[k])
            low.append(lowest)
            end.append(highest)
            high.append(self._extremum("maximum", highest, lowest))  # where there is no inside, it is empty
        kept = self.base or _Region(self.array, [builder.integer(0)] * self.rank, self.extents)
        zero = builder.constant(0, self.array.type.dtype)
        made = builder.emit("broadcast", zero, *self.extents, axes=(), undefined=True)
        for starts, sizes in self._slabs(kept, low, end, high):
            value = builder.broadcast(zero, sizes) if self.base is None else self._part(kept, starts, sizes)
            made = self._put("update_slice", made, value, starts)
        for region in self.added:
            for starts, sizes in self._slabs(region, low, end, high):
                made = self._put("accumulate_slice", made, self._part(region, starts, sizes), starts)
        sizes = [self._subtract(h, n) for h, n in zip(high, low, strict=True)]
        parts = [self._part(r, low, sizes) for r in ([self.base] if self.base else []) + self.added]
        total = parts[0]
        for part in parts[1:]:
            total = builder.emit("add", total, part)
        return self._put("update_slice", made, total, low)

    def _put(self, name: str, array: Value, value: Value, starts: list[Value]) -> Value:
        whole = {"steps": (1,) * self.rank, "drop": ()}
        return self.builder.emit(name, array, value, *starts, **whole, hint=self.hint)

    def _slabs(self, region: _Region, low: list[Value], end: list[Value], high: list[Value]) -> Iterator[Box]:
        """The parts of the region before and after the inside, axis by axis; those that are empty for certain left out."""
        starts, ends = list(region.starts), list(region.ends)
        for k in range(self.rank):
            first = low[k] if self._is_same(region.starts[k], low[k]) else self._extremum("minimum", low[k], region.ends[k])
            last = region.ends[k]
            if not self._is_same(last, end[k]):
                last = self._extremum("minimum", high[k], last)
            for a, b in ((region.starts[k], first), (last, region.ends[k])):
                if not self._is_same(a, b):
                    starts[k], ends[k] = a, b
                    yield list(starts), [self._subtract(e, s) for s, e in zip(starts, ends, strict=True)]
            starts[k], ends[k] = first, last

    # -- values at a part of a region

    def _part(self, region: _Region, starts: list[Value], sizes: list[Value]) -> Value:
        offsets = [self._subtract(s, own) for s, own in zip(starts, region.starts, strict=True)]
        self.known.clear()
        return self._at(region.value, offsets, sizes)

    def _at(self, value: Value, offsets: list[Value], sizes: list[Value]) -> Value:
        """The elements of `value` from `offsets` on, computed from elements of what it is computed from."""
        key = (id(value), *map(id, offsets))
        if key not in self.known:
            self.known[key] = self._made_at(value, offsets, sizes)
        return self.known[key]

    def _made_at(self, value: Value, offsets: list[Value], sizes: list[Value]) -> Value:
        op, builder = value.owner, self.builder
        if op is not None and _is_elementwise(value) and not (value in self.shared and _cost(value) > CHEAP):
            operands = [v if v.type.is_scalar else self._at(v, offsets, sizes) for v in op.operands]
            with builder.at(op.span, op.role):
                return builder.emit(op.name, *operands, **op.attrs)
        if op is not None and op.name == "broadcast" and op.operands[0].type.is_scalar:
            return builder.broadcast(op.operands[0], sizes)
        if op is not None and op.name == "slice" and not op.attrs["drop"] and all(n == 1 for n in op.attrs["steps"]):
            array, starts = op.operands[0], op.operands[1 : 1 + value.type.rank]
            return self._at(array, [self._add(s, o) for s, o in zip(starts, offsets, strict=True)], sizes)
        return builder.emit("slice", value, *offsets, *sizes, steps=(1,) * len(offsets), drop=())

    # -- numbers

    def _add(self, a: Value, b: Value) -> Value:
        (base, n), (other, m) = _split(a), _split(b)
        if base is None or other is None:
            return self._sum(base or other, n + m)
        return self.builder.emit("add", a, b)

    def _subtract(self, a: Value, b: Value) -> Value:
        (base, n), (other, m) = _split(a), _split(b)
        if base is other or other is None:
            return self._sum(None if base is other else base, n - m)
        return self.builder.emit("subtract", a, b)

    def _sum(self, base: Value | None, number: int) -> Value:
        if base is None or number == 0:
            return self.builder.integer(number) if base is None else base
        return self.builder.emit("add", base, self.builder.integer(number))

    def _extremum(self, name: str, a: Value, b: Value) -> Value:
        (base, n), (other, m) = _split(a), _split(b)
        if base is other:
            return a if (n <= m) == (name == "minimum") else b
        return self.builder.emit(name, a, b)

    def _is_same(self, a: Value, b: Value) -> bool:
        return _split(a) == _split(b)


def _split(value: Value) -> tuple[Value | None, int]:
    """An i64 value as another one and a number."""
    known, op = constant_of(value), value.owner
    if known is not None:
        return None, int(known)
    if op is not None and op.name == "add" and constant_of(op.operands[1]) is not None:
        base, n = _split(op.operands[0])
        return base, n + int(constant_of(op.operands[1]) or 0)
    return value, 0


def _cost(value: Value) -> int:
    """Of an element, in additions."""
    op = value.owner
    if op is None or value.type.is_scalar or REGISTRY[op.name].kind not in ("elementwise", "view"):
        return 0
    own = 0 if REGISTRY[op.name].kind == "view" else 20 if REGISTRY[op.name].call else 4 if op.name == "divide" else 1
    return own + sum(_cost(v) for v in set(op.operands))
