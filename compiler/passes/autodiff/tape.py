"""The forward sweep: the input once more, with what the reverse sweep reads saved on the way.

    %r = for %0, %n, %1, %x (%i, %u) {             %t0 = broadcast %zero, %n : f64[?] #tape
        %v = sin %u                                %r, %t = for %0, %n, %1, %x, %t0 (%i, %u, %t1) {
        yield %v                           =>          %t2 = update %t1, %u, %i #tape
    }                                                  %v = sin %u
                                                       yield %v, %t2
                                                   }

Where a value is saved depends on the loops around it:
    array    trip counts and extents are known before the outermost loop: an array with one leading axis for each loop,
             allocated once before the outermost, written at the trip numbers
    growing  the same, but the outermost loop is a `while`: the first axis grows, once a trip at most
    stack    an inner trip count or an extent varies: a flat array that grows, and the position on it
    result   there are only branches around it: handed out of them
Tapes are carried through loops and branches like any array, so they are written in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff.reverse_loops import trip_count
from wengert.compiler.passes.autodiff.structure import Extents, Structure

FIRST_CAPACITY = 16
"""Elements that a growing tape starts with."""


class Outside:
    """Scalars and extents from inside a loop, computed before it. Only arithmetic that cannot fail is moved."""

    def __init__(self, structure: Structure, extents: Extents, loop: Op):
        self.structure, self.extents, self.loop = structure, extents, loop
        self.known: dict[Value, bool] = {}

    def has(self, value: Value) -> bool:
        """Whether the i64 `value` can be had before the loop."""
        if value not in self.known:
            self.known[value] = False
            self.known[value] = self._find(value)
        return self.known[value]

    def _find(self, value: Value) -> bool:
        if not self.structure.is_inside(value, self.loop):
            return True
        op = value.owner
        if op is None or op.regions or not value.type.is_scalar:
            return False
        if op.name == "dim":
            return self.has_extent(op.operands[0], op.attrs["axis"])
        row = REGISTRY[op.name]
        if row.traps and row.untrapped is None:
            return False
        if row.guarded and not constant_of(op.operands[-1]):
            return False
        if any(v.type.is_array or not v.type.dtype.is_integer for v in op.operands):
            return False
        return all(self.has(v) for v in op.operands)

    def has_trips(self, loop: Op) -> bool:
        """Whether the trip count of a loop inside can be had before the loop."""
        return (
            loop.name == "for"
            and constant_of(loop.operands[2]) is not None
            and all(self.has(v) for v in loop.operands[:2])
        )

    def has_extent(self, array: Value, axis: int) -> bool:
        root = self.extents.root(array, axis)
        if isinstance(root, tuple):
            return not self.structure.is_inside(root[0], self.loop)
        return isinstance(root, int) or self.has(root)

    def make(self, builder: Builder, value: Value, mapping: dict[Value, Value]) -> Value:
        """The value, emitted before the loop; `mapping` leads to the copies of what is defined there."""
        known = constant_of(value)
        if known is not None:
            return builder.integer(known)
        if not self.structure.is_inside(value, self.loop):
            return mapping[value]
        op = value.owner
        assert op is not None
        if op.name == "dim":
            return self.make_extent(builder, op.operands[0], op.attrs["axis"], mapping)
        operands = [self.make(builder, v, mapping) for v in op.operands]
        untrapped = REGISTRY[op.name].untrapped
        if untrapped is not None:
            return untrapped(builder, op, operands)
        return builder.emit(op.name, *operands, **op.attrs)

    def make_extent(self, builder: Builder, array: Value, axis: int, mapping: dict[Value, Value]) -> Value:
        root = self.extents.root(array, axis)
        if isinstance(root, int):
            return builder.integer(root)
        if isinstance(root, Value):
            return self.make(builder, root, mapping)
        return builder.extent(mapping[root[0]], root[1])


@dataclass(frozen=True, slots=True)
class Saved:
    """How a value is saved. base: the block whose sweep saves it (see `ForwardSweep`); path: the ops with regions around
    it within the base, outermost first, each with the region that leads to the value; loops: the loops among them."""

    value: Value
    scheme: str
    base: Block
    loops: tuple[Op, ...]
    path: tuple[tuple[Op, Block], ...]
    outside: Outside | None

    @property
    def outermost(self) -> Op | None:
        return self.loops[0] if self.loops else None

    @staticmethod
    def plan(state: Any, value: Value, base: Block, path: tuple[tuple[Op, Block], ...]) -> Saved:
        loops = tuple(op for op, _ in path if op.name in LOOPS)
        if not loops:
            return Saved(value, "result", base, loops, path, None)
        outside = Outside(state.structure, state.extents, loops[0])
        fixed = all(outside.has_trips(loop) for loop in loops[1:])
        if not fixed or not all(outside.has_extent(value, k) for k in range(value.type.rank)):
            return Saved(value, "stack", base, loops, path, outside)
        return Saved(value, "array" if loops[0].name == "for" else "growing", base, loops, path, outside)


class ForwardSweep:
    """Emits the forward sweep of `base`: the input's body; or, again and without its checks, the body of a loop that is
    run once more in the reverse sweep. `mapping`: value of the input -> its copy. `tapes`, `tops`: the current array
    (and, for a stack, the position) of each saved value; afterwards the final ones."""

    def __init__(self, state: Any, store: Any, base: Block, mapping: dict[Value, Value] | None = None):
        self.state, self.store, self.base = state, store, base
        self.again = mapping is not None
        self.mapping: dict[Value, Value] = {} if mapping is None else mapping
        self.tapes: dict[Saved, Value] = {}
        self.tops: dict[Saved, Value] = {}
        self.trips: dict[Op, Value] = {}
        self.builder = Builder(Block())
        self.through: dict[Op, list[Saved]] = {}
        self.extents_of: dict[Value, list[tuple[int, Value]]] = {}
        for saved in store.saved.values():
            for op, _ in saved.path if saved.base is base else ():
                self.through.setdefault(op, []).append(saved)
        for value, (array, axis) in store.places.items():
            self.extents_of.setdefault(array, []).append((axis, value))

    def function_body(self) -> Block:
        """A block with the input's parameters and ops (its own copy); its results are the input's."""
        function = self.state.function
        body = self.builder.block
        body.params = self._params(function.body)
        self._block(function.body)
        body.results = [self.mapping[v] for v in function.results]
        return body

    def run_again(self, builder: Builder) -> None:
        """Append the ops of the base at `builder`'s place; `mapping` has its parameters and what it sees from outside."""
        self.builder = builder
        with builder.at(role="again"):
            self._block(self.base)

    def _params(self, block: Block) -> list[Value]:
        params = [clone_value(p) for p in block.params]
        self.mapping.update(zip(block.params, params, strict=True))
        return params

    def _block(self, block: Block) -> None:
        for p in block.params:
            self._defined(p)
        for op in block.ops:
            if op.name in LOOPS:
                self._loop(op)
            elif op.name == "if":
                self._if(op)
            else:
                self._copy(op)
            with self.builder.at(op.span):
                for v in op.results:
                    self._defined(v)

    def _copy(self, op: Op) -> None:
        operands, row = [self.mapping[v] for v in op.operands], REGISTRY[op.name]
        if not self.again:
            made = copy_op(self.builder, op, operands)
            self.mapping.update(zip(op.results, made.results, strict=True))
        elif row.untrapped is not None:
            with self.builder.at(op.span):
                self.mapping[op.result] = row.untrapped(self.builder, op, operands)
        elif op.results or not row.traps:  # what is left out are the checks, which have passed
            made = copy_op(self.builder, op, operands)
            made.role = "again"
            self.mapping.update(zip(op.results, made.results, strict=True))

    def _defined(self, value: Value) -> None:
        """Keep what is to be kept of a value that has just been made."""
        if value in self.extents_of:
            with self.builder.at(role="tape"):
                for axis, extent in self.extents_of[value]:
                    self.mapping[extent] = self.builder.extent(self.mapping[value], axis)
                    self._save(extent)
        self._save(value)

    # -- saving

    def _save(self, value: Value) -> None:
        saved = self.store.saved.get(value)
        if saved is None or saved.base is not self.base:
            return
        copy = self.mapping[value]
        if saved.scheme == "result":
            self.tapes[saved] = copy
            return
        with self.builder.at(role="tape"):
            if saved.scheme == "stack":
                self._push(saved, copy)
                return
            trips = [self.trips[loop] for loop in saved.loops]
            tape = self.tapes[saved]
            if value.type.is_scalar:
                self.tapes[saved] = self.builder.emit("update", tape, copy, *trips, hint=tape.hint)
            else:
                rank, count = value.type.rank, len(trips)
                starts = trips + [self.builder.integer(0)] * rank
                self.tapes[saved] = self.builder.emit(
                    "update_slice",
                    tape,
                    copy,
                    *starts,
                    steps=(1,) * (rank + count),
                    drop=tuple(range(count)),
                    hint=tape.hint,
                )

    def _push(self, saved: Saved, copy: Value) -> None:
        builder, top = self.builder, self.tops[saved]
        size = elements(builder, builder.extents(copy))
        above = builder.emit("add", top, size)
        grown = builder.emit("grow", self.tapes[saved], above)
        hint = self.tapes[saved].hint
        if copy.type.is_scalar:
            self.tapes[saved] = builder.emit("update", grown, copy, top, hint=hint)
        else:
            flat = copy if copy.type.rank == 1 else builder.emit("reshape", copy, size)
            self.tapes[saved] = builder.emit("update_slice", grown, flat, top, steps=(1,), drop=(), hint=hint)
        self.tops[saved] = above

    def _allocate(self, saved: Saved) -> None:
        builder, value = self.builder, saved.value
        hint = f"{value.hint}_tape" if value.hint else "tape"
        zero = builder.constant(0, value.type.dtype)
        if saved.scheme == "stack":
            capacity = builder.integer(FIRST_CAPACITY)
            type_ = Type(value.type.dtype, (None,))
            made = builder.op("broadcast", (zero, capacity), types=[type_], hint=hint, axes=(), undefined=True)
            self.tapes[saved] = made.result
            self.tops[saved] = builder.integer(0)
            return
        assert saved.outside is not None
        extents = []
        for loop in saved.loops:
            if loop.name == "while":
                extents.append(builder.integer(FIRST_CAPACITY))
            else:
                extents.append(trip_count(builder, *(saved.outside.make(builder, v, self.mapping) for v in loop.operands[:3])))
        extents += [saved.outside.make_extent(builder, value, k, self.mapping) for k in range(value.type.rank)]
        made = builder.op("broadcast", (zero, *extents), types=None, hint=hint, axes=(), undefined=True)
        if saved.scheme == "growing":
            made.result.type = made.result.type.with_shape((None, *made.result.type.shape[1:]))
        self.tapes[saved] = made.result

    # -- loops and branches

    def _loop(self, op: Op) -> None:
        through = self.through.get(op, [])
        stacks = [s for s in through if s.scheme == "stack"]
        counted = op.name == "while" and (op in self.state.counts or bool(through))
        with self.builder.at(op.span, "tape"):
            for saved in through:
                if saved.outermost is op:
                    self._allocate(saved)
            starts = [self.tapes[s] for s in through] + [self.tops[s] for s in stacks]
            starts += [self.builder.integer(0)] if counted else []
        regions = []
        for region in op.regions:
            block = Block(self._params(region))
            extra = [clone_value(v) for v in starts]
            block.params += extra
            with self.builder.inside(block), self.builder.at(op.span):
                if region is not body_of(op):
                    self._block(region)
                    block.results = [self.mapping[v] for v in region.results]
                else:
                    self._enter(op, through, stacks, extra, counted)
                    self._block(region)
                    block.results = [self.mapping[v] for v in region.results] + self._leave(op, through, stacks, counted)
            regions.append(block)
        attrs = dict(op.attrs)
        if op in self.state.sequential:
            attrs["parallel"] = False
        types = [v.type for v in op.results] + [v.type for v in starts]
        hints = [v.hint for v in op.results] + [v.hint for v in starts]
        with self.builder.at(op.span, self._role(op)):
            made = self.builder.op(op.name, [self.mapping[v] for v in op.operands] + starts, regions, hints, types, **attrs)
        self.mapping.update(zip(op.results, made.results, strict=False))
        self._take(through, stacks, made.results[len(op.results) :])
        if op in self.state.counts:
            count = self.state.counts[op]
            self.mapping[count] = made.results[-1]
            with self.builder.at(op.span):
                self._defined(count)

    def _take(self, through: list[Saved], stacks: list[Saved], values: Any) -> None:
        self.tapes.update(zip(through, values, strict=False))
        self.tops.update(zip(stacks, values[len(through) :], strict=False))

    def _enter(self, op: Op, through: list[Saved], stacks: list[Saved], extra: list[Value], counted: bool) -> None:
        """The start of a trip: the tapes are the carried ones; know the trip's number; make room for it."""
        self._take(through, stacks, extra)
        if not through and not counted:
            return
        with self.builder.at(role="tape"):
            if op.name == "for":
                self.trips[op] = self._trip_number(op)
                return
            self.trips[op] = extra[-1]
            room = self.builder.emit("add", extra[-1], self.builder.integer(1))
            for saved in through:
                if saved.outermost is op and saved.scheme == "growing":
                    self.tapes[saved] = self.builder.emit("grow", self.tapes[saved], room, hint=self.tapes[saved].hint)

    def _trip_number(self, op: Op) -> Value:
        builder = self.builder
        index, low, step = self.mapping[body_of(op).params[0]], op.operands[0], op.operands[2]
        distance = index
        if constant_of(low) != 0:
            distance = builder.emit("subtract", index, self.mapping[low])
        if constant_of(step) == 1:
            return distance
        return builder.emit("truncated_divide", distance, self.mapping[step])

    def _leave(self, op: Op, through: list[Saved], stacks: list[Saved], counted: bool) -> list[Value]:
        ends = [self.tapes[s] for s in through] + [self.tops[s] for s in stacks]
        if counted:
            with self.builder.at(op.span, "tape"):
                ends.append(self.builder.emit("add", self.trips[op], self.builder.integer(1)))
        return ends

    def _if(self, op: Op) -> None:
        through = self.through.get(op, [])
        stacks = [s for s in through if s.scheme == "stack"]
        before = dict(self.tapes), dict(self.tops)
        blocks, ends = [], []
        for region in op.regions:
            self.tapes, self.tops = dict(before[0]), dict(before[1])
            block = Block()
            with self.builder.inside(block):
                self._block(region)
            block.results = [self.mapping[v] for v in region.results]
            blocks.append(block)
            ends.append((self.tapes, self.tops))
        tapes: list[Type] = []
        for saved in through:  # whose value, or outermost loop, may stand in one of the branches
            types = [tapes_[saved].type for tapes_, _ in ends if saved in tapes_]
            for block, (tapes_, tops) in zip(blocks, ends, strict=True):
                with self.builder.inside(block), self.builder.at(op.span, "tape"):
                    if saved not in tapes_:
                        tapes_[saved] = self._nothing(types[0])
                        tops[saved] = self.builder.integer(0)
            joined = ends[0][0][saved].type.join(ends[1][0][saved].type)
            assert joined is not None
            tapes.append(joined)
        for block, (tapes_, tops) in zip(blocks, ends, strict=True):
            block.results += [tapes_[s] for s in through] + [tops[s] for s in stacks]
        types = [v.type for v in op.results] + tapes + [Type(I64)] * len(stacks)
        hints = [v.hint for v in op.results] + [ends[0][0][s].hint for s in through] + ["top"] * len(stacks)
        with self.builder.at(op.span, self._role(op)):
            made = self.builder.op("if", [self.mapping[op.operands[0]]], blocks, hints, types, **op.attrs)
        self.mapping.update(zip(op.results, made.results, strict=False))
        self.tapes, self.tops = before
        self._take(through, stacks, made.results[len(op.results) :])

    def _role(self, op: Op) -> str:
        return "again" if self.again else op.role

    def _nothing(self, like: Type) -> Value:
        """What a branch hands out for a value that only the other one has."""
        zero = self.builder.constant(0, like.dtype)
        return zero if like.is_scalar else self.builder.broadcast(zero, [self.builder.integer(0)] * like.rank)


def elements(builder: Builder, extents: list[Value]) -> Value:
    """The number of elements of an array of these extents."""
    if not extents:
        return builder.integer(1)
    total = extents[0]
    for n in extents[1:]:
        total = builder.emit("multiply", total, n)
    return total
