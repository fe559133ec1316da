"""In front of each reversed block: what restores the values of the input that it reads.

    for %n-1, %-1, %-1, %r_bar (%k, %v_bar) {        for %n-1, %-1, %-1, %r_bar (%k, %v_bar) {
        %0 = cos %u #adjoint                    =>       %u2 = load %t, %k #tape
        %u_bar = multiply %v_bar, %0                     %0 = cos %u2 #adjoint
        yield %u_bar                                     ...

The reversed blocks name the values of the input; here they get their stand-ins: the forward sweep's value at function
level, else one read from a tape or recomputed.
"""

from __future__ import annotations

from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value, constant_of, free_values
from wengert.compiler.ir.loops import LOOPS, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_op
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff.checkpoints import advance, allocate, pop
from wengert.compiler.passes.autodiff.rules import fit
from wengert.compiler.passes.autodiff.settled import Read
from wengert.compiler.passes.autodiff.store import Store
from wengert.compiler.passes.autodiff.tape import ForwardSweep, Outside, Saved, elements


def restore(state: Any, store: Store, sweep: ForwardSweep) -> None:
    """Step 4 of reverse.py; changes the reversed blocks in place."""
    _Restore(state, store, sweep).run()


class _Falling(dict[Value, Value]):
    """A mapping that falls back on another: what stands before a loop is seen in it."""

    def __init__(self, own: dict[Value, Value], other: dict[Value, Value]):
        super().__init__(own)
        self.other = other

    def __missing__(self, value: Value) -> Value:
        return self.other[value]


class _Restore:
    """`stand_ins`: value of the input -> what holds it in the reverse sweep."""

    def __init__(self, state: Any, store: Store, sweep: ForwardSweep):
        self.state, self.store = state, store
        self.sweeps: dict[Block, ForwardSweep] = {state.function.body: sweep}
        self.stand_ins: dict[Value, Value] = {}
        self.builder = Builder(Block())

    def run(self) -> None:
        state, order = self.state, self.state.structure.order
        for block in sorted(state.blocks, key=lambda b: len(state.structure.paths[b])):
            if block is state.function.body:
                continue
            new = Block()
            with self.builder.inside(new):
                if block in self.store.again:
                    run = self._from_snapshots if self.store.again[block] in state.again.loops else self._run_again
                    run(block)
                    self.store.asked[block] = {}
                for value in sorted(self.store.asked.get(block, ()), key=order.__getitem__):
                    self._get(value)
            reversed_ = state.blocks[block]
            reversed_.ops[:0] = new.ops
        self._resolve(state.blocks[state.function.body])

    def _resolve(self, block: Block) -> None:
        """Put the stand-ins where values of the input are named."""
        for op in block.ops:
            op.operands = tuple([self._final(v) for v in op.operands])
            for region in op.regions:
                self._resolve(region)
        block.results = [self._final(v) for v in block.results]

    def _final(self, value: Value) -> Value:
        value = self.state.final(value)
        return self._get(value) if value in self.state.structure.home else value

    def _get(self, value: Value) -> Value:
        if self.store.is_there(value):
            return self.sweeps[self.state.structure.home[value]].mapping[value]
        found = self.stand_ins.get(value)
        if found is None:
            saved = self.store.saved.get(value)
            found = self.stand_ins[value] = self._recompute(value) if saved is None else self._read(saved)
        return found

    def _run_again(self, body: Block) -> None:
        """A branch once more, or the trip of a parallel loop, from where the loop started."""
        op, outer = self.store.again[body], self._outer(body)
        mapping = {v: outer[v] for v in free_values(body)}
        if op.name in LOOPS:
            for param, init in zip(carried_params(op), carried_inits(op), strict=True):
                mapping[param] = outer[init]
            index = body.params[0]
            with self.builder.at(op.span, "adjoint"):
                mapping[index] = self._index(index, op.operands[0], op.operands[2])
        sweep = self.sweeps[body] = ForwardSweep(self.state, self.store, body, _Falling(mapping, outer))
        sweep.run_again(self.builder)

    def _outer(self, body: Block) -> dict[Value, Value]:
        """What the sweep around the op of `body` made."""
        return self.sweeps[self.state.structure.standing[self.store.again[body]]].mapping

    def _from_snapshots(self, body: Block) -> None:
        """The trip of a loop once more, from the nearest snapshot before it (checkpoints.py)."""
        state, builder = self.state, self.builder
        loop, outer = self.store.again[body], self._outer(body)
        reversed_: Op = state.ops[loop]
        around = state.blocks[state.structure.standing[loop]]
        left_out, trip = state.again.loops[loop], state.trips[loop]
        places = [k for k in range(len(carried_params(loop))) if k not in left_out]
        params = [carried_params(loop)[k] for k in places]
        before = Block()
        with builder.inside(before), builder.at(loop.span, "tape"):
            outside = Outside(state.structure, state.extents, loop)
            smaller = [(places.index(place), k) for place, k in state.again.smaller[loop]]
            count = builder.emit("add", reversed_.operands[0], builder.integer(1))
            inits = [fit(builder, outer[carried_inits(loop)[k]], p.type) for k, p in zip(places, params, strict=True)]
            extents = [
                [
                    builder.extent(init, k) if (n, k) in smaller else outside.make_extent(builder, p, k, outer)
                    for k in range(p.type.rank)
                ]
                for n, (p, init) in enumerate(zip(params, inits, strict=True))
            ]
            held = allocate(builder, inits, extents, count, state.share, smaller)
        at = around.ops.index(reversed_)
        around.ops[at:at] = before.ops
        reversed_.operands = (*reversed_.operands, *held.values)
        inside = held.but([Value(v.type, v.hint) for v in held.values])
        reversed_block = state.blocks[body]
        reversed_block.params += inside.values

        def step(builder: Builder, number: Value, carried: list[Value]) -> list[Value]:
            mapping = self._seen(body, loop, outer, number, carried)
            run = ForwardSweep(state, Store(state), body, _Falling(mapping, outer))
            run.run_again(builder)
            ends = zip(params, (body.results[k] for k in places), strict=True)
            return [fit(builder, run.mapping[v], p.type) for p, v in ends]

        with builder.at(loop.span, "adjoint"):
            now, after = advance(builder, inside, params, trip, step)
        mapping = self._seen(body, loop, outer, trip, now)
        sweep = self.sweeps[body] = ForwardSweep(state, self.store, body, _Falling(mapping, outer))
        sweep.run_again(builder)
        with builder.at(loop.span, "tape"):
            reversed_block.results += pop(builder, after, trip)
        reversed_.results += tuple(Value(v.type, v.hint, reversed_) for v in held.values)

    def _seen(
        self, body: Block, loop: Op, outer: dict[Value, Value], number: Value, carried: list[Value]
    ) -> dict[Value, Value]:
        """What the body of a loop sees in trip `number`, when it carries these values. In place of what its snapshots leave out
        it sees what it began with: nothing reads that, nor what is made of it."""
        left_out, rest = self.state.again.loops[loop], iter(carried)
        mapping = {v: outer[v] for v in free_values(body)}
        for k, (p, init) in enumerate(zip(carried_params(loop), carried_inits(loop), strict=True)):
            mapping[p] = outer[init] if k in left_out else next(rest)
        if loop.name == "for":
            with self.builder.at(loop.span, "adjoint"):
                mapping[body.params[0]] = self._index_at(number, loop.operands[0], loop.operands[2])
        return mapping

    # -- recomputing

    def _recompute(self, value: Value) -> Value:
        builder, op = self.builder, value.owner
        with builder.at(op.span if op else None, "again"):
            known = constant_of(value)
            if known is not None:
                return builder.constant(known, value.type.dtype)
            bounds = self.store.bounds_of_index(value)
            if bounds is not None:
                return self._index(value, *bounds)
            if value in self.store.places:
                array, axis = self.store.places[value]
                return builder.extent(self._get(array), axis)
            if value in self.store.settled:
                return self._read_settled(value, self.store.settled[value])
            assert op is not None, f"{value!r} was neither saved nor can it be recomputed"
            if op.name == "dim":
                extent = self.store.extent(op.operands[0], op.attrs["axis"])
                return builder.integer(extent) if isinstance(extent, int) else self._get(extent)
            operands = [self._get(v) for v in op.operands]
            untrapped = REGISTRY[op.name].untrapped
            if untrapped is not None:
                return untrapped(builder, op, operands)
            made = copy_op(builder, op, operands)
            made.role = "again"
            self.stand_ins.update(zip(op.results, made.results, strict=True))
            return self.stand_ins[value]

    def _read_settled(self, value: Value, read: Read) -> Value:
        builder, index = self.builder, [self._get(v) for v in read.index]
        if read.stored and read.name == "slice":
            extents = iter([self.store.extent(value, k) for k in range(value.type.rank)])
            sizes = [1 if k in read.attrs["drop"] else next(extents) for k in range(len(index))]
            index += [self._number(n) if isinstance(n, Value) else builder.integer(n) for n in sizes]
        made = builder.emit(read.name, self._get(read.source), *index, **read.attrs, hint=value.hint)
        return fit(builder, made, value.type)

    def _index(self, value: Value, low: Value, step: Value) -> Value:
        """low + trip * step."""
        loop, _ = self.state.structure.parent[self.state.structure.home[value]]
        return self._index_at(self.state.trips[loop], low, step)

    def _index_at(self, index: Value, low: Value, step: Value) -> Value:
        builder = self.builder
        if constant_of(step) != 1:
            index = builder.emit("multiply", index, self._number(step))
        if constant_of(low) != 0:
            index = builder.emit("add", self._number(low), index)
        return index

    def _number(self, value: Value) -> Value:
        known = constant_of(value)
        return self._get(value) if known is None else self.builder.integer(known)

    # -- reading tapes

    def _read(self, saved: Saved) -> Value:
        builder, value, tape = self.builder, saved.value, self.sweeps[saved.base].tapes[saved]
        span = value.owner.span if value.owner is not None else saved.path[-1][0].span
        with builder.at(span, "tape"):
            if saved.scheme == "result":
                return fit(builder, tape, value.type)
            if saved.scheme == "stack":
                return self._pop(saved)
            trips = [self.state.trips[loop] for loop in saved.loops]
            if value.type.is_scalar:
                return builder.emit("load", tape, *trips, hint=value.hint)
            rank, count = value.type.rank, len(trips)
            starts = trips + [builder.integer(0)] * rank
            sizes = [builder.integer(1)] * count
            sizes += [
                builder.extent(tape, count + k) if n is None else builder.integer(n)
                for k, n in enumerate(value.type.shape)
            ]
            steps, drop = (1,) * (rank + count), tuple(range(count))
            return builder.emit("slice", tape, *starts, *sizes, steps=steps, drop=drop, hint=value.hint)

    def _pop(self, saved: Saved) -> Value:
        """Take the value from the top of its stack, and hand the position through the reversed ops around it."""
        builder, value, tape = self.builder, saved.value, self.sweeps[saved.base].tapes[saved]
        extents = [self.store.extent(value, k) for k in range(value.type.rank)]
        # first, for they may be popped themselves, and positions are handed through one after the other
        sizes = [builder.integer(n) if isinstance(n, int) else self._get(n) for n in extents]
        around = [(op, region) for op, region in saved.path]
        first = next(k for k, (op, _) in enumerate(around) if op is saved.outermost)
        entered: list[Value] = []
        top = self.sweeps[saved.base].tops[saved]
        for op, region in around[first:]:
            entered.append(top)
            if op.name in LOOPS:
                loop: Op = self.state.ops[op]
                loop.operands = (*loop.operands, top)
                top = Value(Type(I64), "top")
                self.state.blocks[region].params.append(top)
        size = elements(builder, sizes)
        below = builder.emit("subtract", top, size)
        if value.type.is_scalar:
            found = builder.emit("load", tape, below, hint=value.hint)
        else:
            found = builder.emit("slice", tape, below, size, steps=(1,), drop=(), hint=value.hint)
            if value.type.rank > 1:
                found = builder.emit("reshape", found, *sizes, hint=value.hint)
            found = fit(builder, found, value.type)
        top = below
        for (op, region), before in reversed(list(zip(around[first:], entered, strict=True))):
            made: Op = self.state.ops[op]
            self.state.blocks[region].results.append(top)
            for other in op.regions if op.name == "if" else ():
                if other is not region:
                    self.state.blocks[other].results.append(before)
            top = Value(Type(I64), "top", made)
            made.results = (*made.results, top)
        return found
