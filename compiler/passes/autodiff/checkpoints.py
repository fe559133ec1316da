"""Loops whose reverse sweep runs the trips again from snapshots, so that memory does not grow with the trip count.

    for %n-1, %-1, %-1, %x_bar, %S, %T, %top (%k, ...) {     %S: snapshots of what the loop carries, %T: their trips
        %t, %s = %T[%top], %S[%top]
        %s_k = for %t, %k, #1, %s, %S, %T, %top (%j, %s, ...) {
            if %j is where the next snapshot stands: push (%s, %j)
            yield the trip %j from %s
        }
        ... the trip %k from %s_k once more, and its reversal ...
        pop the snapshot of %k, if there is one
    }

Of arrays that get smaller from trip to trip their extents are kept, too.

Where snapshots stand is the binomial schedule of Griewank & Walther (Algorithm 799: revolve, ACM TOMS 26, 2000): of all
schedules for that many snapshots it runs the fewest trips again. The forward sweep keeps nothing at all: the first
snapshot is what the loop starts with. Trip counts, extents and with them the number of snapshots that fit the budget may
be known at run time only; the schedule is computed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.loops import carried_inits, carried_params
from wengert.compiler.passes.autodiff.plan import Checkpointed, Size, checkpointed, with_runs
from wengert.compiler.passes.autodiff.reverse_loops import trip_count


def describe(state: Any, again: Mapping[Block, Op]) -> tuple[Checkpointed, ...]:
    """For the plan. again: the blocks that run again, each with the op it belongs to."""
    made: list[Checkpointed] = []
    order = list(state.again.loops)
    for loop in order:
        around = [again[region] for _, region in state.structure.path(state.structure.standing[loop]) if region in again]
        last = max((k for k, op in enumerate(around) if op in order), default=-1)
        within = order.index(around[last]) if last >= 0 else None
        made.append(replace(_describe(state, loop, state.share), within=within, reentered=len(around) - 1 - last))
    return with_runs(made)


def _describe(state: Any, loop: Op, budget: int) -> Checkpointed:
    places = [k for k in range(len(carried_params(loop))) if k not in state.again.loops[loop]]
    params, inits, smaller = carried_params(loop), carried_inits(loop), state.again.smaller.get(loop, [])
    parts: list[tuple[int, tuple[Size, ...]]] = [(8, ())] * len(smaller)
    for place in places:
        at = [inits[place] if (place, k) in smaller else params[place] for k in range(params[place].type.rank)]
        parts.append((params[place].type.dtype.bits // 8, tuple(state.extents.root(v, k) for k, v in enumerate(at))))
    count: Size = None
    if loop.name == "for":
        value = trip_count(Builder(Block()), *loop.operands[:3])
        count = value.owner.attrs["value"] if value.owner is not None and value.owner.name == "constant" else value
    name = ", ".join(params[k].hint for k in places if params[k].hint) or loop.name
    made = Checkpointed(name, loop.span, None, None, None, None, None, tuple(parts), count, budget)
    static = [(item, [n for n in extents if isinstance(n, int)]) for item, extents in parts]
    if any(len(known) < len(extents) for (_, known), (_, extents) in zip(static, parts, strict=True)):
        return made
    return checkpointed(made, sum(item * prod(n) for item, n in static), count if isinstance(count, int) else None)


@dataclass(slots=True)
class Snapshots:
    """What the reversed loop carries for it: one array for each value the loop carries and each extent that gets smaller,
    the trips, and the last one. smaller: (position among those values, axis) of these extents."""

    arrays: list[Value]
    trips: Value
    top: Value
    capacity: Value
    smaller: list[tuple[int, int]]

    @property
    def values(self) -> list[Value]:
        return [*self.arrays, self.trips, self.top]

    def but(self, values: list[Value]) -> Snapshots:
        return replace(self, arrays=values[:-2], trips=values[-2], top=values[-1])

    def parts(self, builder: Builder, values: list[Value]) -> list[Value]:
        """What a snapshot of these values is made of."""
        return [*values, *(builder.extent(values[k], axis) for k, axis in self.smaller)]


def allocate(
    builder: Builder,
    inits: list[Value],
    extents: list[list[Value]],
    count: Value,
    budget: int,
    smaller: list[tuple[int, int]],
) -> Snapshots:
    """In front of the reversed loop: room for as many snapshots as fit, the first of them what the loop starts with."""
    zero, one = builder.integer(0), builder.integer(1)
    inits = [*inits, *(extents[k][axis] for k, axis in smaller)]
    extents = [*extents, *([] for _ in smaller)]
    size: Value = builder.integer(8)
    for v, own in zip(inits, extents, strict=True):
        part = builder.integer(v.type.dtype.bits // 8)
        for n in own:
            part = builder.emit("multiply", part, n)
        size = builder.emit("add", size, part)
    size = builder.emit("maximum", size, one)
    fits = builder.emit("floor_divide", builder.integer(budget), size)
    capacity = builder.emit("maximum", builder.emit("minimum", fits, count), one)
    arrays = []
    for v, own in zip(inits, extents, strict=True):
        hint = f"{v.hint}_snapshots" if v.hint else "snapshots"
        zero_of = builder.constant(0, v.type.dtype)
        room = builder.emit("broadcast", zero_of, capacity, *own, axes=(), undefined=True, hint=hint)
        arrays.append(_put(builder, room, v, zero))
    trips = builder.broadcast(zero, [capacity])
    return Snapshots(arrays, trips, zero, capacity, smaller)


def _put(builder: Builder, room: Value, value: Value, at: Value) -> Value:
    if value.type.is_scalar:
        return builder.emit("update", room, value, at, hint=room.hint)
    rank = value.type.rank
    starts = [at] + [builder.integer(0)] * rank
    return builder.emit("update_slice", room, value, *starts, steps=(1,) * (rank + 1), drop=(0,), hint=room.hint)


def _take(builder: Builder, room: Value, like: Value, at: Value, known: Mapping[int, Value]) -> Value:
    """known: axis -> its extent, where that is not the whole of the room."""
    if like.type.is_scalar:
        return builder.emit("load", room, at, hint=like.hint)
    rank = like.type.rank
    sizes = [
        builder.integer(n) if n is not None else known[k] if k in known else builder.extent(room, k + 1)
        for k, n in enumerate(like.type.shape)
    ]
    starts = [at] + [builder.integer(0)] * rank
    steps = (1,) * (rank + 1)
    return builder.emit("slice", room, *starts, builder.integer(1), *sizes, steps=steps, drop=(0,), hint=like.hint)


def advance(
    builder: Builder, held: Snapshots, params: list[Value], trip: Value, step: Any
) -> tuple[list[Value], Snapshots]:
    """The carried values before trip `trip`, and the snapshots that were placed on the way.

    params: the carried values that are in snapshots. step: (builder, trip number, those) -> those after that trip.
    """
    begin = builder.emit("load", held.trips, held.top)
    known: list[dict[int, Value]] = [{} for _ in params]
    for room, (k, axis) in zip(held.arrays[len(params) :], held.smaller, strict=True):
        known[k][axis] = builder.emit("load", room, held.top)
    state = [_take(builder, room, p, held.top, k) for room, p, k in zip(held.arrays, params, known, strict=False)]
    following = _next(builder, held, begin, trip)
    block = Block()
    j = Value(begin.type, "j")
    own = [Value(p.type, p.hint) for p in params]
    carried = [Value(v.type, v.hint) for v in held.values]
    place = Value(following.type, "next")
    block.params = [j, *own, *carried, place]
    inner = held.but(carried)
    with builder.inside(block):
        here = builder.emit("equal", j, place)
        pushed, kept = Block(), Block(results=[*inner.values, place])
        with builder.inside(pushed):
            top = builder.emit("add", inner.top, builder.integer(1))
            parts = inner.parts(builder, own)
            arrays = [_put(builder, room, v, top) for room, v in zip(inner.arrays, parts, strict=True)]
            after = inner.but([*arrays, builder.emit("update", inner.trips, j, top), top])
            pushed.results = [*after.values, _next(builder, after, j, trip)]
        chosen = list(builder.if_(here, pushed, kept).results)
        block.results = [*step(builder, j, own), *chosen]
    made = builder.for_(begin, trip, builder.integer(1), [*state, *held.values, following], block)
    results = list(made.results)
    return results[: len(params)], held.but(results[len(params) : -1])


def pop(builder: Builder, held: Snapshots, trip: Value) -> list[Value]:
    """The snapshots without that of `trip`, which is done."""
    done = builder.emit("equal", builder.emit("load", held.trips, held.top), trip)
    below = builder.emit("subtract", held.top, builder.integer(1))
    return [*held.arrays, held.trips, builder.emit("where", done, below, held.top)]


def _next(builder: Builder, held: Snapshots, begin: Value, trip: Value) -> Value:
    """Where the next snapshot stands when trips begin..trip are to be reversed, the last one first; past the end if
    there is no room. The names are those of Algorithm 799."""

    def op(name: str, a: Value, b: Value | int) -> Value:
        return builder.emit(name, a, builder.integer(b) if isinstance(b, int) else b)

    def over(a: Value, b: Value) -> Value:
        return builder.emit("truncated_divide", a, builder.emit("maximum", b, builder.integer(1)))

    zero, one = builder.integer(0), builder.integer(1)
    length = op("add", op("subtract", trip, begin), 1)
    ds = op("subtract", held.capacity, held.top)
    # the least number of repetitions whose binomial coefficient reaches
    condition, body = Block(), Block()
    for block in (condition, body):
        block.params = [Value(ds.type, "reps"), Value(ds.type, "range")]
    with builder.inside(condition):
        condition.results = [builder.emit("less", condition.params[1], length)]
    with builder.inside(body):
        reps = op("add", body.params[0], 1)
        body.results = [reps, over(op("multiply", body.params[1], op("add", reps, ds)), reps)]
    reps, reach = builder.while_([zero, one], condition, body).results

    def where(test: Value, yes: Value, no: Value) -> Value:
        return builder.emit("where", test, yes, no)

    bino1 = over(op("multiply", reach, reps), op("add", ds, reps))
    bino2 = where(op("greater", ds, 1), over(op("multiply", bino1, ds), op("subtract", op("add", ds, reps), 1)), one)
    rest = over(op("multiply", bino2, op("subtract", ds, 1)), op("subtract", op("add", ds, reps), 2))
    bino3 = where(op("equal", ds, 1), zero, where(op("greater", ds, 2), rest, one))
    bino4 = over(op("multiply", bino2, op("subtract", reps, 1)), ds)
    last = over(op("multiply", bino3, op("subtract", ds, 1)), reps)
    bino5 = where(op("less", ds, 3), zero, where(op("greater", ds, 3), last, one))
    first = builder.emit("less_equal", length, op("add", bino1, bino3))
    second = builder.emit("greater_equal", length, op("subtract", reach, bino5))
    middle = op("subtract", op("subtract", length, bino2), bino3)
    distance = builder.emit("maximum", where(first, bino4, where(second, bino1, middle)), one)
    found = op("add", begin, distance)
    return where(op("greater", ds, 1), found, op("add", trip, 1))
