"""Additions to elements that all iterations share, as sums over the iterations: the loop's numbers become arrays.

    for i in prange(n):
        s = f(x[i])                                  S = f(x)                               an element for each i
        for k in range(m):                     =>    a += sum over i of S[i] * b[k]         a kernel that computes what it adds
            a[k] += s * b[k]

Threads that add to one element one after the other wait for each other; here each has a part of the sum. What the
products are made of is never stored: only numbers of fewer axes are. Order and bits are the same in every run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wengert.compiler.backend.device_facts import launched, plain_index
from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import Mapping, copy_block
from wengert.compiler.passes.optimise.prune import prune

MOST_COST = 120
"""Of all that is computed within the inner loops; it is done again for each array that is added to."""


def sum_columns(function: Function) -> Function:
    """The function itself where no loop is of that form."""
    found = {op for op in launched(function.body) if op.name == "for" and _adds(op)}
    mapping: Mapping = {}
    done = False

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        nonlocal done
        if op not in found:
            return None
        scratch = Block()
        with builder.inside(scratch):
            try:
                results = _Arrays(builder, mapping).loop(op, operands)
            except _Unfit:
                return None
        builder.block.ops += scratch.ops
        done = True
        return results

    made = Function(function.name, copy_block(function.body, mapping, replace), function.written)
    return prune(made) if done else function


class _Unfit(Exception):
    """The loop does something that has no form for arrays here."""


def _adds(loop: Op) -> bool:
    """Whether all that a parallel loop does is to add to elements, within plain loops."""
    names = {op.name for region in loop.regions for op in region.walk()}
    cost = sum(op_cost(o) for op in loop.regions[0].ops if op.name == "for" for o in op.regions[0].walk())
    return (
        bool(loop.attrs["parallel"]) and "accumulate" in names and "for" in names and cost <= MOST_COST
        and not any(v.type.is_scalar for v in loop.results)
        and not names & {"if", "while", "index", "check", "accumulate_slice", "update_slice", "custom_call"}
    )  # fmt: skip


@dataclass(slots=True, frozen=True)
class _Many:
    """A value for all places of some loops (by level, in order): their axes come before its own."""

    value: Value
    loops: tuple[int, ...] = ()


@dataclass(slots=True)
class _Arrays:
    builder: Builder
    outer: Mapping
    known: dict[Value, _Many] = field(default_factory=dict)
    extents: list[Value] = field(default_factory=list)
    trips: dict[Value, int] = field(default_factory=dict)
    """The level of each loop's index."""
    targets: dict[Value, Value] = field(default_factory=dict)
    """The arrays that are added to, as they are at a place in the old function."""

    def loop(self, op: Op, operands: list[Value]) -> list[Value]:
        (body,) = op.regions
        self.targets.update(zip(body.params[1:], operands[3:], strict=True))
        self._level(op, self._bounds(op))
        return [self.targets[v] for v in body.results]

    def _bounds(self, op: Op) -> Value:
        """How many places a loop has that goes from 0 up or down to 0."""
        low, high, step = op.operands[:3]
        emit, zero = self.builder.emit, self.builder.integer(0)
        if constant_of(step) == 1 and constant_of(low) == 0:
            count = self._same(high)
        elif constant_of(step) == -1 and constant_of(high) == -1:
            count = emit("add", self._same(low), self.builder.integer(1))
        else:
            raise _Unfit
        return emit("where", emit("greater", count, zero), count, zero)

    def _level(self, op: Op, count: Value, but: Iterable[Op] = ()) -> None:
        (region,) = op.regions
        self.trips[region.params[0]] = len(self.extents)
        self.extents.append(count)
        for inner in region.ops:
            if inner not in but:
                with self.builder.at(inner.span, inner.role):
                    self._op(inner)
        self.extents.pop()

    def _op(self, op: Op) -> None:
        if op.name == "for":
            self._inner(op)
        elif op.name == "accumulate":
            self._addition(op)
        elif op.name == "update":
            pass  # see `_inner`: nobody reads it
        elif op.name == "wrap_index" and plain_index(op.operands[0]) in self.trips:
            pass  # it is the index
        else:
            self.known[op.result] = self._computed(op)

    def _inner(self, op: Op) -> None:
        """A loop within: the arrays it carries are added to, or each element is read before it is written in its trip."""
        (region,), count = op.regions, self._bounds(op)
        if op.results and all(v.type.is_scalar for v in op.results):
            self._numbers(op, count)
            return
        pairs = list(zip(op.operands[3:], region.params[1:], region.results, op.results, strict=True))
        for init, param, result, _ in pairs:
            if param.type.is_scalar:
                raise _Unfit
            if init in self.targets:
                self.targets[param] = self.targets[init]
            elif not _is_read_first(region, param, result):
                raise _Unfit
            else:
                self.known[param] = self._of(init)
        self._level(op, count)
        for init, _, result, after in pairs:
            if init in self.targets:
                self.targets[after] = self.targets[result]

    def _numbers(self, op: Op, count: Value) -> None:
        """A loop within that only adds up numbers."""
        (region,), level = op.regions, len(self.extents)
        reads = [v for o in region.walk() for v in o.operands]
        last = list[Op]()
        for param, result in zip(region.params[1:], region.results, strict=True):
            final = result.owner
            if final is None or final.name != "add" or final not in region.ops or param not in final.operands:
                raise _Unfit
            if reads.count(param) != 1 or result in reads:
                raise _Unfit
            last.append(final)
        self._level(op, count, last)
        self.extents.append(count)
        totals = list[_Many]()
        for param, final in zip(region.params[1:], last, strict=True):
            each = self._of(final.operands[1 - final.operands.index(param)])
            loops = _union([each, _Many(each.value, (level,))])
            total = self.builder.emit("sum", self._spread(each, loops, 0), axes=(loops.index(level),))
            totals.append(_Many(total, loops[: loops.index(level)]))  # it is the innermost
        self.extents.pop()
        for init, added, after in zip(op.operands[3:], totals, op.results, strict=True):
            self.known[after] = self._elementwise("add", [self._of(init), added])

    def _elementwise(self, name: str, given: list[_Many]) -> _Many:
        """Of numbers."""
        loops = _union(given)
        return _Many(self.builder.emit(name, *(self._spread(g, loops, 0) if g.loops else g.value for g in given)), loops)

    def _addition(self, op: Op) -> None:
        target, value, *index = op.operands
        if target not in self.targets:
            raise _Unfit
        levels = [self.trips.get(plain_index(v)) for v in index]
        kept = [level for level in levels if level is not None]
        if 0 in kept or len(set(kept)) != len(kept) or value.type.dtype.kind not in "iuf":
            raise _Unfit
        starts = [self.builder.integer(0) if level is not None else self._same(v) for level, v in zip(levels, index, strict=True)]
        every = tuple(range(len(self.extents)))
        summed = tuple(level for level in every if level not in kept)
        total = self.builder.emit("sum", self._spread(self._of(value), every, 0), axes=summed)
        array = self.targets[target]
        if not kept:
            self.targets[op.result] = self.builder.emit("accumulate", array, total, *starts)
            return
        order = [sorted(kept).index(level) for level in kept]
        total = self._transposed(total, order)
        drop = tuple(axis for axis, level in enumerate(levels) if level is None)
        steps = (1,) * len(starts)
        self.targets[op.result] = self.builder.emit("accumulate_slice", array, total, *starts, steps=steps, drop=drop)

    # -- values

    def _of(self, v: Value) -> _Many:
        if v in self.known:
            return self.known[v]
        if v in self.targets:
            raise _Unfit
        index = plain_index(v)
        if index in self.trips:
            level = self.trips[index]
            return _Many(self.builder.emit("iota", self.extents[level]), (level,))
        return _Many(self.outer.get(v, v))

    def _same(self, v: Value) -> Value:
        """A value that is the same at all places."""
        many = self._of(v)
        if many.loops:
            raise _Unfit
        return many.value

    def _computed(self, op: Op) -> _Many:
        row = row_of(op)
        if len(op.results) != 1:
            raise _Unfit
        if op.name == "load":
            return self._load(op)
        if op.name == "slice":
            return self._slice(op)
        if op.name == "dim":
            array = self._of(op.operands[0])
            return _Many(self.builder.extent(array.value, len(array.loops) + op.attrs["axis"]))
        if row.kind not in ("elementwise", "reduce", "constant", "source") and op.name not in ("broadcast", "wrap_index"):
            raise _Unfit
        given = [self._of(v) for v in op.operands]
        loops = _union(given)
        if not loops:
            made = self.builder.op(op.name, [g.value for g in given], hint=op.result.hint, **op.attrs)
            return _Many(made.result)
        ahead = len(loops)
        if row.kind == "reduce":
            axes = tuple(a + ahead for a in op.attrs["axes"])
            return _Many(self.builder.emit(op.name, given[0].value, axes=axes), loops)
        if op.name == "broadcast":
            extents = [*(self.extents[level] for level in loops), *(self._same(n) for n in op.operands[1:])]
            axes = (*range(ahead), *(a + ahead for a in op.attrs["axes"]))
            return _Many(self.builder.emit("broadcast", given[0].value, *extents, axes=axes), loops)
        if row.kind != "elementwise":
            raise _Unfit
        like = next((v for v in op.operands if v.type.is_array), None)
        values = [
            g.value if not g.loops and v.type.is_scalar else self._spread(g, loops, 0 if like is None else v.type.rank, like)
            for g, v in zip(given, op.operands, strict=True)
        ]
        return _Many(self.builder.emit(op.name, *values, hint=op.result.hint, **op.attrs), loops)

    def _spread(self, many: _Many, loops: tuple[int, ...], rank: int, like: Value | None = None) -> Value:
        """The value at all places of the loops; of axes of its own where it is an array, else of those of `like`."""
        own = list[Value]()
        if like is not None:
            array = self._of(like)
            own = [self.builder.extent(array.value, len(array.loops) + k) for k in range(like.type.rank)]
        extents = [*(self.extents[level] for level in loops), *own]
        axes = (*(loops.index(level) for level in many.loops), *(len(loops) + k for k in range(rank)))
        if len(axes) == len(extents):
            return many.value
        return self.builder.emit("broadcast", many.value, *extents, axes=axes)

    def _load(self, op: Op) -> _Many:
        array, index = self._of(op.operands[0]), op.operands[1:]
        levels = [self.trips.get(plain_index(v)) for v in index]
        taken = [level for level in levels if level is not None]
        if not array.loops and not taken:
            return _Many(self.builder.emit("load", array.value, *map(self._same, index)))
        if len({*taken, *array.loops}) != len(taken) + len(array.loops):
            raise _Unfit
        zero, one, ahead = self.builder.integer(0), self.builder.integer(1), len(array.loops)
        starts = [zero] * ahead + [zero if level is not None else self._same(v) for level, v in zip(levels, index, strict=True)]
        sizes = [one if level is None else self.extents[level] for level in (*array.loops, *levels)]
        drop = tuple(ahead + axis for axis, level in enumerate(levels) if level is None)
        value = self.builder.emit("slice", array.value, *starts, *sizes, steps=(1,) * len(starts), drop=drop)
        now = [*array.loops, *taken]
        return _Many(self._transposed(value, [now.index(level) for level in sorted(now)]), tuple(sorted(now)))

    def _slice(self, op: Op) -> _Many:
        array, rank = self._of(op.operands[0]), op.operands[0].type.rank
        starts, sizes = op.operands[1 : 1 + rank], op.operands[1 + rank :]
        level = self.trips.get(plain_index(starts[0]))
        if array.loops or (level is not None and (0 not in op.attrs["drop"] or op.attrs["steps"][0] != 1)):
            raise _Unfit
        if level is None:
            given = [array.value, *map(self._same, (*starts, *sizes))]
            return _Many(self.builder.emit("slice", *given, hint=op.result.hint, **op.attrs))
        given = [self.builder.integer(0), *map(self._same, starts[1:]), self.extents[level], *map(self._same, sizes[1:])]
        drop = tuple(axis for axis in op.attrs["drop"] if axis)
        return _Many(self.builder.emit("slice", array.value, *given, steps=op.attrs["steps"], drop=drop), (level,))

    def _transposed(self, value: Value, axes: list[int]) -> Value:
        return value if axes == sorted(axes) else self.builder.emit("transpose", value, axes=tuple(axes))


def _union(given: Iterable[_Many]) -> tuple[int, ...]:
    return tuple(sorted({level for g in given for level in g.loops}))


def _is_read_first(region: Block, param: Value, result: Value) -> bool:
    """Whether each trip reads no element of what the loop carries but its own, and that before it writes it."""
    op, trip = result.owner, region.params[0]
    if op is None or op.name != "update" or op.operands[0] is not param or plain_index(op.operands[2]) is not trip:
        return False
    readers = [o for o in region.walk() if param in o.operands and o is not op]
    loads = all(o.name == "load" and len(o.operands) == 2 and plain_index(o.operands[1]) is trip for o in readers)
    later = [v for o in region.walk() for v in o.operands if v is result]
    return loads and len(op.operands) == 3 and not later
