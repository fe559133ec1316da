"""Extents of carried arrays: where a loop or branch keeps an array's extents, `dim` of it is the extent outside.

    %r = for ... , %u0 (%i, %u) {                    %n = dim %u0 {axis = 0} : i64
        %n = dim %u {axis = 0} : i64           =>    %r = for ... , %u0 (%i, %u) {
        %w = update %u, %v, %k : f64[?]                  %w = update %u, %v, %k : f64[?]
        yield %w                                         yield %w
    }                                                }

It lets checks of equal shapes fold and trip counts leave their loops.
"""

from __future__ import annotations

from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.loops import AHEAD, LOOPS
from wengert.compiler.ir.opdef import extent_of
from wengert.compiler.ir.rewrite import copy_block

Place = tuple[Value, int]
"""An axis of an array."""
Checks = tuple[Op, Any] | None
"""A `same_extent`, and those before it."""


def resolve_extents(function: Function) -> Function:
    carried = carried_by_loops(function)
    if not any(op.name == "dim" and _made_by_control(op.operands[0], carried) for op in function.walk()):
        return function
    finder = Finder(function)
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name != "dim":
            return None
        place = (op.operands[0], op.attrs["axis"])
        found = finder.outermost(place)
        if found == place:
            return None
        if isinstance(found, Value):
            return [mapping.get(found, found)]
        array, axis = found
        return [builder.extent(mapping.get(array, array), axis)]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def carried_by_loops(function: Function) -> dict[Value, Op]:
    """The loop of each value that one carries, as its regions see it."""
    carried: dict[Value, Op] = {}
    for op in function.walk():
        if op.name in LOOPS:
            for region in op.regions:
                for p in region.params[1:] if op.name == "for" else region.params:
                    carried[p] = op
    return carried


def _made_by_control(array: Value, carried: dict[Value, Op]) -> bool:
    """Whether its extents are not resolved yet: `simplify` follows other ops, but neither loops nor branches."""
    return array in carried or (array.owner is not None and bool(array.owner.regions))


class Finder:
    """Follows an axis from value to value, as far out as it can be proved to keep its extent.

    Every carried array is first taken to keep its extents; what one trip through a body then contradicts is given up,
    until nothing is contradicted any more (so that arrays which change places keep theirs too). Extents that were checked to be
    the same on the way to a loop or branch are the same there.
    """

    def __init__(self, function: Function):
        self.body, self.carried = function.body, carried_by_loops(function)
        self.checks: dict[Op, Checks] = {}
        """Loop or branch -> the checks that stand before it."""
        self._note_checks(function.body, None)
        self.changing: set[tuple[Op, int, int]] = set()
        """(loop, position, axis) of carried arrays whose extent may change from trip to trip."""
        self.known: dict[Place, Place | Value] = {}
        loops = list(dict.fromkeys(self.carried.values()))
        while changed := [key for op in loops for key in self._contradicted(op)]:
            self.changing.update(changed)
            self.known.clear()

    def outermost(self, place: Place) -> Place | Value:
        trail: list[Place] = []
        found: Place | Value = place
        while isinstance(found, tuple) and found not in self.known:
            trail.append(found)
            step = self._step(found)
            if step == found:
                break
            found = step
        if isinstance(found, tuple) and found in self.known:
            found = self.known[found]
        self.known.update((p, found) for p in trail)
        return found

    def _contradicted(self, op: Op) -> list[tuple[Op, int, int]]:
        first = AHEAD[op.name]
        found = []
        checks = self.checks[op]
        for check in op.regions[-1].ops:  # every trip checks them, too
            if check.name == "same_extent":
                checks = check, checks
        for position, (init, end) in enumerate(zip(op.operands[first:], op.regions[-1].results, strict=True)):
            for axis in range(init.type.rank):
                key = (op, position, axis)
                if key not in self.changing and not self._agree((init, axis), (end, axis), checks):
                    found.append(key)
        return found

    def _note_checks(self, block: Block, before: Checks) -> None:
        for op in block.ops:
            if op.name == "same_extent":
                before = op, before
            if op.regions:
                self.checks[op] = before
                for region in op.regions:
                    self._note_checks(region, before)

    def _agree(self, a: Place, b: Place, checks: Checks) -> bool:
        known = a[0].type.shape[a[1]]
        if known is not None and known == b[0].type.shape[b[1]]:
            return True
        return self._same(self.outermost(a), self.outermost(b), checks)

    def _same(self, p: Place | Value, q: Place | Value, checks: Checks) -> bool:
        """Whether two extents are equal once these checks have passed."""
        start, end = self._extent(p), self._extent(q)
        return start == end or end in self._equal_to(start, checks)

    def checked(self, place: Place) -> list[Place | Value | int]:
        """What the function checks to be equal to the extent of an axis."""
        checks: Checks = None
        for op in self.body.ops:
            if op.name == "same_extent":
                checks = op, checks
        return list(self._equal_to(self._extent(place), checks))

    def _equal_to(self, start: Place | Value | int, checks: Checks) -> set[Place | Value | int]:
        equal: dict[Place | Value | int, list[Place | Value | int]] = {}
        while checks is not None:
            check, checks = checks
            a, b = (self._extent(v) for v in check.operands)
            equal.setdefault(a, []).append(b)
            equal.setdefault(b, []).append(a)
        reached, todo = {start}, [start]
        while todo:
            more = [n for n in equal.get(todo.pop(), ()) if n not in reached]
            reached.update(more)
            todo += more
        return reached

    def _extent(self, n: Place | Value) -> Place | Value | int:
        """A number that is known; the outermost place that an i64 value is the extent of."""
        if isinstance(n, Value) and n.owner is not None and n.owner.name == "dim":
            n = self.outermost((n.owner.operands[0], n.owner.attrs["axis"]))
        known = constant_of(n) if isinstance(n, Value) else n[0].type.shape[n[1]]
        return n if known is None else int(known)

    def _step(self, place: Place) -> Place | Value:
        """One step outwards; the place itself where there is none."""
        array, axis = place
        op = self.carried.get(array) or array.owner
        if op is None:
            return place
        if op.name in LOOPS:
            position = self._position(op, array)
            if (op, position, axis) in self.changing:
                return place
            return op.operands[AHEAD[op.name] + position], axis
        if op.name == "if":
            return self._branches(op, place)
        found = extent_of(array, axis)
        if isinstance(found, Value) and found.owner is not None and found.owner.name == "dim":
            return found.owner.operands[0], found.owner.attrs["axis"]
        return place if found is None else found  # type: ignore[return-value]

    def _position(self, op: Op, array: Value) -> int:
        if array.owner is op:
            return next(k for k, v in enumerate(op.results) if v is array)
        skipped = 1 if op.name == "for" else 0
        return next(k - skipped for region in op.regions for k, p in enumerate(region.params) if p is array)

    def _branches(self, op: Op, place: Place) -> Place | Value:
        array, axis = place
        position = next(k for k, v in enumerate(op.results) if v is array)
        a, b = (self.outermost((region.results[position], axis)) for region in op.regions)
        if not self._same(a, b, self.checks[op]):
            return place
        inside = _defined_in(op.regions[0]) | _defined_in(op.regions[1])
        return next((n for n in (a, b) if (n if isinstance(n, Value) else n[0]) not in inside), place)


def _defined_in(block: Block) -> set[Value]:
    return set(block.params) | {r for op in block.walk() for r in op.results} | {
        p for op in block.walk() for region in op.regions for p in region.params
    }
