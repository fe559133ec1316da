"""What a loop reads of an array that it writes, had again from the array as it was before or is after the whole loop.

    %a2 = for ... %a0 (%i, %a) {                   reverse sweep, in trip %i:
        %s = load %a, %i - 1          =>               %s = load %a2, %i - 1        written in an earlier trip, not since
        %v = exp %s                                    %v = load %a2, %i            it stands there
        %a1 = update %a, %v, %i
        yield %a1
    }

So factorizations in place and loops that fill a trajectory keep nothing. That no write comes between is shown by the
bounds of the loops around (affine.py): the element read and the element written in any trip in between, or in the
same trip between the two, would have to satisfy inequalities that have no solution.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.passes.affine import Row, infeasible, number, plus
from wengert.compiler.passes.autodiff.structure import Structure

MOST_CHOICES = 4
"""How many minima and maxima are taken apart in a proof."""
MOST_WRITES = 24
"""Of an array in a loop: beyond these it is not asked which elements they spare."""
WRITES = ("update", "update_slice", "accumulate", "accumulate_slice")


@dataclass(slots=True)
class _Chain:
    """The versions of an array that a loop carries: before is `init`, after is `result`; versions: value -> its place
    in the order of a trip; writes: (op, place of its result)."""

    init: Value
    result: Value
    versions: dict[Value, int] = field(default_factory=dict)
    writes: list[tuple[Op, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """A way to have a value: by the op `name` with `attrs`, from `source` at `index`. stored: the value is what was written
    there (`index` are then the starts alone), else it is what was read."""

    name: str
    source: Value
    index: tuple[Value, ...]
    attrs: dict[str, Any]
    stored: bool


@dataclass(frozen=True, slots=True)
class _Region:
    """starts, sizes (None: one element) and steps along each axis."""

    starts: tuple[Value, ...]
    sizes: tuple[Value | tuple[Value, int] | None, ...]
    steps: tuple[int, ...]


class Settled:
    def __init__(self, structure: Structure, extents: Any):
        self.structure, self.extents = structure, extents
        self.chains: dict[Op, list[_Chain]] = {}
        self.stored: dict[Value, tuple[Op, _Chain]] = {}
        self.found: dict[Value, Read | None] = {}

    def read(self, value: Value) -> Read | None:
        """How to have `value`, from within a loop, once the loop has run; None where that is not known."""
        if value not in self.found:
            self.found[value] = self._find(value)
        return self.found[value]

    def _find(self, value: Value) -> Read | None:
        home = self.structure.home[value]
        loops = self.structure.loops(home)
        if not loops:
            return None
        chains = self._chains(loops[0])
        op = value.owner
        if op is not None and op.name in ("load", "slice"):
            array, region = op.operands[0], _region_read(op)
            for chain in chains:
                if array not in chain.versions:
                    continue
                for source, later in ((chain.result, True), (chain.init, False)):
                    if self._stays(op, region, array, chain, later):
                        return Read(op.name, source, op.operands[1:], dict(op.attrs), False)
        if value not in self.stored:
            return None
        write, stood = self.stored[value]
        if self.structure.standing[write] is not home:
            return None
        if any(isinstance(self.extents.root(value, k), tuple) for k in range(value.type.rank)):
            return None  # its extents could only be asked of the value itself
        if not self._stays(write, _region_written(write), write.result, stood, True):
            return None
        return Read("load" if value.type.is_scalar else "slice", stood.result, write.operands[2:], dict(write.attrs), True)

    # -- the versions of the arrays of a loop

    def _chains(self, loop: Op) -> list[_Chain]:
        if loop not in self.chains:
            found = self.chains[loop] = []
            for k, param in enumerate(carried_params(loop)):
                chain = _Chain(carried_inits(loop)[k], loop.results[k])
                if not param.type.is_array or not self._walk(body_of(loop).results[k], param, chain):
                    continue
                if 0 < len(chain.writes) <= MOST_WRITES:
                    found.append(chain)
                    for write, _ in chain.writes:
                        if write.name.startswith("update"):
                            self.stored[write.operands[1]] = (write, chain)
        return self.chains[loop]

    def _walk(self, value: Value, stop: Value, chain: _Chain) -> bool:
        """From the end of a trip back to its start; False where the array comes from elsewhere, too."""
        while value is not stop:
            before = self._before(value, chain)
            if before is None:
                return False
            value = before
        self._place(value, chain)
        return True

    def _place(self, value: Value, chain: _Chain) -> None:
        chain.versions[value] = -len(chain.versions)

    def _before(self, value: Value, chain: _Chain) -> Value | None:
        op = value.owner
        if op is None:
            return None
        self._place(value, chain)
        if op.name in WRITES:
            chain.writes.append((op, chain.versions[value]))
            return op.operands[0]
        if op.name in LOOPS:
            k = op.results.index(value)
            inside = self._walk(body_of(op).results[k], carried_params(op)[k], chain)
            return carried_inits(op)[k] if inside else None
        if op.name == "if":
            k, starts = op.results.index(value), []
            for region in op.regions:
                end: Value | None = region.results[k]
                while end is not None and self.structure.is_inside(end, op):
                    end = self._before(end, chain)
                starts.append(end)
            return starts[0] if starts[0] is starts[1] else None
        return None

    # -- the proof

    def _stays(self, op: Op, region: _Region, version: Value, chain: _Chain, later: bool) -> bool:
        """Whether no write of the chain that comes later than the version (else: earlier) meets the region, as it is
        where `op` stands."""
        place = chain.versions[version]
        around = self.structure.loops(self.structure.home[version])
        for write, at in chain.writes:
            loops = self.structure.loops(self.structure.standing[write])
            common = [a for a, b in zip(around, loops, strict=False) if a is b]
            if any(not self._apart(op, region, write, common[:t], common[t], later) for t in range(len(common))):
                return False
            if (at > place) == later and not self._apart(op, region, write, common, None, later):
                return False
        return True

    def _apart(self, op: Op, region: _Region, write: Op, same: list[Op], moved: Op | None, later: bool) -> bool:
        """Whether the regions never meet, the write being in the same trip of the loops `same` and in a later (earlier)
        one of `moved`."""
        if moved is not None and moved.name == "for" and constant_of(moved.operands[2]) in (None, 0):
            return False
        system = _System(self.structure, self.extents)
        own, other = _Side(system, None), _Side(system, same)
        own.enter(self.structure.loops(self.structure.standing[op]))
        other.enter(self.structure.loops(self.structure.standing[write]))
        if moved is not None and moved.name == "for":
            step = constant_of(moved.operands[2])
            assert step is not None
            ahead = plus(other.index(moved), own.index(moved), -1)  # in trip order: a positive number of steps
            if (step > 0) != later:
                ahead = _negated(ahead)
            system.rows.append(plus(ahead, number(-abs(step))))
        for a, b in zip(own.places(region, "r"), other.places(_region_written(write), "w"), strict=True):
            difference = plus(a, b, -1)
            system.rows += [difference, _negated(difference)]
        return system.has_no_solution()


def _region_read(op: Op) -> _Region:
    rank = op.operands[0].type.rank
    starts = op.operands[1 : 1 + rank]
    if op.name == "load":
        return _Region(starts, (None,) * rank, (1,) * rank)
    sizes = tuple(None if k in op.attrs["drop"] else n for k, n in enumerate(op.operands[1 + rank :]))
    return _Region(starts, sizes, op.attrs["steps"])


def _region_written(op: Op) -> _Region:
    array, value, *starts = op.operands
    rank = array.type.rank
    if op.name in ("update", "accumulate"):
        return _Region(tuple(starts), (None,) * rank, (1,) * rank)
    axes = iter(range(value.type.rank))
    sizes = tuple(None if k in op.attrs["drop"] else (value, next(axes)) for k in range(rank))
    return _Region(tuple(starts), sizes, op.attrs["steps"])


def _negated(row: Row) -> Row:
    return {s: -k for s, k in row.items()}


@dataclass(slots=True)
class _System:
    """rows: all hold; either: of each pair, one holds."""

    structure: Structure
    extents: Any
    rows: list[Row] = field(default_factory=list)
    either: list[tuple[Row, Row]] = field(default_factory=list)

    def has_no_solution(self) -> bool:
        if infeasible(self.rows):
            return True
        choices = product(*self.either[:MOST_CHOICES])
        return bool(self.either) and all(infeasible([*self.rows, *rows]) for rows in choices)


class _Side:
    """One of two places of the program, each in a trip of the loops around it. same: the loops whose trip is that of the
    other place, too (None: this is the place that gives the names)."""

    def __init__(self, system: _System, same: list[Op] | None):
        self.system, self.same = system, same
        self.known: dict[Value, Row] = {}

    def enter(self, loops: list[Op]) -> None:
        """Say between what bounds the indices of these loops are."""
        for loop in loops:
            if loop.name != "for":
                continue
            step = constant_of(loop.operands[2])
            if step is None or step == 0:
                continue
            index, low, high = self.index(loop), self.linear(loop.operands[0]), self.linear(loop.operands[1])
            sign = 1 if step > 0 else -1
            for row in (plus(index, low, -1), plus(plus(high, index, -1), number(-sign))):
                self.system.rows.append({s: sign * k for s, k in row.items()})

    def index(self, loop: Op) -> Row:
        return {("index", loop, self._shared([loop])): 1}

    def _shared(self, loops: list[Op]) -> bool:
        return self.same is None or all(any(loop is s for s in self.same) for loop in loops)

    def places(self, region: _Region, name: str) -> list[Row]:
        """The position along each axis, as any element of the region has it."""
        found = []
        for axis, (start, size, step) in enumerate(zip(region.starts, region.sizes, region.steps, strict=True)):
            row = self.linear(start)
            if size is not None:
                count: Row = {(name, axis): 1}  # which of the elements along the axis
                extent = self._extent(*size) if isinstance(size, tuple) else self.linear(size)
                self.system.rows += [count, plus(plus(extent, count, -1), number(-1))]
                row = plus(row, count, step)
            found.append(row)
        return found

    def linear(self, value: Value) -> Row:
        """The i64 `value` as a sum of symbols; what is known of these is said in the system."""
        if value not in self.known:
            self.known[value] = self._linear(value)
        return self.known[value]

    def _linear(self, value: Value) -> Row:
        known, op = constant_of(value), value.owner
        if known is not None:
            return number(int(known))
        if op is None:
            loop, _ = self.system.structure.parent.get(self.system.structure.home[value], (None, None))
            if loop is not None and loop.name == "for" and body_of(loop).params[0] is value:
                return self.index(loop)
            return self._opaque(value)
        if op.name in ("add", "subtract"):
            a, b = (self.linear(v) for v in op.operands)
            return plus(a, b, 1 if op.name == "add" else -1)
        if op.name == "negative":
            return _negated(self.linear(op.operands[0]))
        if op.name == "multiply":
            for factor, rest in (op.operands, op.operands[::-1]):
                if (k := constant_of(factor)) is not None:
                    return {s: n * int(k) for s, n in self.linear(rest).items() if k}
        if op.name == "same_extent":
            return self.linear(op.operands[0])
        if op.name == "dim":
            return self._extent(op.operands[0], op.attrs["axis"])
        if op.name == "index":
            return self._checked(value, op)
        found = self._opaque(value)
        if op.name in ("minimum", "maximum"):
            a, b = (plus(found, self.linear(v), -1) for v in op.operands)
            if op.name == "minimum":
                a, b = _negated(a), _negated(b)
            self.system.rows += [a, b]
            self.system.either.append((_negated(a), _negated(b)))  # it is one of the two
        return found

    def _checked(self, value: Value, op: Op) -> Row:
        """An index that was not out of bounds: itself where it is not negative, else counted from the end."""
        inner, extent = (self.linear(v) for v in op.operands[:2])
        negative = plus(number(-1), inner, -1)
        is_known = inner in self.system.rows or not inner  # that it is not negative, as for an index that counts from 0
        found = inner if is_known or infeasible([*self.system.rows, negative]) else self._opaque(value)
        self.system.rows += [found, plus(plus(extent, found, -1), number(-1))]
        return found

    def _extent(self, array: Value, axis: int) -> Row:
        root = self.system.extents.root(array, axis)
        if isinstance(root, int):
            return number(root)
        if isinstance(root, Value):
            return self.linear(root)
        found = self._symbol(root, root[0])
        self.system.rows.append(found)
        return found

    def _opaque(self, value: Value) -> Row:
        return self._symbol(value, value)

    def _symbol(self, key: Hashable, value: Value) -> Row:
        """A symbol of its own; the same on both sides where both see the same value."""
        structure = self.system.structure
        return {(key, self._shared(structure.loops(structure.home[value]))): 1}

