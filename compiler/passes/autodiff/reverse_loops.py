"""Reversed loops and branches. Values of the input's body stand for themselves in what is built here.

    %r = for %lo, %hi, %1, %u (%i, %c) {         %u_bar, %x_bar2 = for %n-1, %-1, %-1, %r_bar, %x_bar (%k, %y_bar, %a) {
        %e = load %x, %i                    =>       %c_bar = multiply %y_bar, %e #adjoint
        %y = multiply %c, %e                         %e_bar = multiply %y_bar, %c #adjoint
        yield %y                                     %a2 = accumulate %a, %e_bar, %i #adjoint
    }                                                yield %c_bar, %a2
                                                 }

A reversed loop carries the cotangents of what the loop carries, and those of the active values from outside that its
body reads. Its own index is the trip number %k, counted down; a parallel loop stays one, and counts up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import body_of, carried_inits, carried_params
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff.activity import Activity
from wengert.compiler.passes.autodiff.cotangents import Cotangents
from wengert.compiler.passes.autodiff.parallel import are_sums
from wengert.compiler.passes.autodiff.rules import fit
from wengert.compiler.passes.autodiff.structure import Extents, Structure


class Reversal(Protocol):
    """What is kept while a function is reversed (reverse.py).

    blocks: block of the input -> its reversed block. ops: loop or branch -> the op that reverses it. trips: loop -> the
    trip number in its reversed block. counts: `while` -> the i64 value that stands for its number of trips. renamed:
    value made here -> the one to use instead. sequential: parallel loops that have to run in order after all.
    """

    structure: Structure
    extents: Extents
    activity: Activity
    blocks: dict[Block, Block]
    ops: dict[Op, Op]
    trips: dict[Op, Value]
    counts: dict[Op, Value]
    renamed: dict[Value, Value]
    sequential: set[Op]

    def reverse_block(self, block: Block, into: Block, cotangents: Iterable[tuple[Value, Value]]) -> Cotangents: ...


def trip_count(builder: Builder, low: Value, high: Value, step: Value) -> Value:
    """The number of trips of `for low, high, step`: ceil((high - low) / step), not below 0."""
    known = [constant_of(v) for v in (low, high, step)]
    if None not in known:
        return builder.integer(len(range(*known)))  # type: ignore[arg-type]
    if known[2] == 1:
        distance = high if known[0] == 0 else builder.emit("subtract", high, low)
    elif known[2] == -1:
        distance = builder.emit("subtract", low, high)
    else:
        down = builder.emit("subtract", low, high)
        distance = builder.emit("negative", builder.emit("floor_divide", down, step))
    return builder.emit("maximum", distance, builder.integer(0), hint="trips")


def reverse_loop(state: Reversal, op: Op, ctx: Cotangents) -> None:
    """Append the reversal of a `for` or `while` at `ctx.builder`'s place."""
    builder, active = ctx.builder, state.activity.active
    params, inits, body = carried_params(op), carried_inits(op), body_of(op)
    carried = [k for k, p in enumerate(params) if p in active or op.results[k] in active]
    reads = list(state.activity.reads.get(op, ()))
    if not carried and not reads:
        return
    arrived = {k: ctx.take(op.results[k]) for k in carried}
    starts = [_started(ctx, arrived[k], op.results[k], params[k].type) for k in carried]
    starts += [_started(ctx, ctx.of.get(v), v, v.type) for v in reads]
    count = _count(state, builder, op)

    trip = Value(Type(I64), "trip")
    seeds = [_barred(params[k]) for k in carried]
    sums = [_barred(v) for v in reads]
    block = Block([trip, *seeds, *sums])
    state.blocks[body], state.trips[op] = block, trip
    pairs = [*zip(reads, sums, strict=True), *((body.results[k], s) for k, s in zip(carried, seeds, strict=True))]
    inner = state.reverse_block(body, block, pairs)
    with inner.builder.at(op.span, "adjoint"):
        for k, seed in zip(carried, seeds, strict=True):
            end = inner.of.get(params[k])
            if end is None:
                end = inner.builder.zeros_like(seed) if _keeps_extents(state, op, k) else inner.zeros(params[k])
            block.results.append(fit(inner.builder, end, seed.type))
        block.results += [fit(inner.builder, inner.of[v], v.type) for v in reads]

    made = _make_loop(state, op, builder, count, starts, block)
    for v, cotangent in zip(reads, made[len(carried) :], strict=True):
        ctx.of[v] = cotangent
    for k, cotangent in zip(carried, made, strict=False):
        ctx.add(inits[k], fit(builder, cotangent, inits[k].type))


def _keeps_extents(state: Reversal, op: Op, k: int) -> bool:
    """Whether what the loop carries at place `k` has the same extents before and after a trip."""
    param, result = carried_params(op)[k], body_of(op).results[k]
    root = state.extents.root
    return all(root(param, axis) == root(result, axis) for axis in range(param.type.rank))


def _make_loop(
    state: Reversal, op: Op, builder: Builder, count: Value, starts: list[Value], block: Block
) -> list[Value]:
    """The reversed loop. What its trips leave alone is not carried, but seen from outside. Returns the ends of all."""
    params, ends = block.params[1:], block.results
    kept = [k for k, (p, end) in enumerate(zip(params, ends, strict=True)) if p is not end]
    for p, end, start in zip(params, ends, starts, strict=True):
        if p is end:
            state.renamed[p] = start
    block.params = [block.params[0], *(params[k] for k in kept)]
    block.results = [ends[k] for k in kept]
    parallel = bool(op.attrs.get("parallel"))
    if parallel and not are_sums(block.params[1:], block.results):
        state.sequential.add(op)  # e.g. a running maximum: its adjoint needs the trips in order
    zero, one = builder.integer(0), builder.integer(1)
    if parallel and op not in state.sequential:
        bounds = (zero, count, one)
    else:
        parallel = False
        minus = builder.integer(-1)
        bounds = (builder.emit("subtract", count, one), minus, minus)
    made = builder.for_(*bounds, [starts[k] for k in kept], block, parallel=parallel)
    state.ops[op] = made
    results = list(starts)
    for k, result in zip(kept, made.results, strict=True):
        results[k] = result
    return results


def _count(state: Reversal, builder: Builder, op: Op) -> Value:
    if op.name == "for":
        return trip_count(builder, *op.operands[:3])
    count = Value(Type(I64), "trips")
    state.structure.place(count, state.structure.standing[op])
    state.counts[op] = count
    return count


def reverse_if(state: Reversal, op: Op, ctx: Cotangents) -> None:
    """Append the reversal of an `if`: the cotangents go back through the branch that was taken.

    %r = if %c () {                        %x_bar2 = if %c () {
        %y = sin %x                            %0 = cos %x #adjoint
        yield %y                     =>        %1 = multiply %r_bar, %0 #adjoint
    } () {                                     yield %1
        yield %x                           } () {
    }                                          yield %r_bar
                                           }
    """
    builder = ctx.builder
    reads = list(state.activity.reads.get(op, ()))
    arrived = [ctx.take(r) for r in op.results]
    seeded = [k for k, cotangent in enumerate(arrived) if cotangent is not None]
    if not seeded:
        return
    branches = []
    for region in op.regions:
        block = state.blocks[region] = Block()
        pairs = [(v, ctx.of[v]) for v in reads if v in ctx.of]
        with builder.inside(block):  # a branch may know extents that the other has not
            pairs += [(region.results[k], fit(builder, arrived[k], region.results[k].type)) for k in seeded]  # type: ignore[arg-type]
        branches.append((state.reverse_block(region, block, pairs), block))
    changed = [v for v in reads if any(inner.of.get(v) is not ctx.of.get(v) for inner, _ in branches)]
    for inner, block in branches:
        with inner.builder.at(op.span, "adjoint"):
            for v in changed:
                end = inner.of.get(v)
                block.results.append(inner.zeros(v) if end is None else fit(inner.builder, end, v.type))
    made = builder.op(
        "if",
        op.operands,
        [block for _, block in branches],
        [_barred(v).hint for v in changed],
        [v.type for v in changed],
    )
    state.ops[op] = made
    for v, cotangent in zip(changed, made.results, strict=True):
        ctx.of[v] = cotangent


def _started(ctx: Cotangents, cotangent: Value | None, value: Value, declared: Type) -> Value:
    return ctx.zeros(value) if cotangent is None else fit(ctx.builder, cotangent, declared)


def _barred(value: Value) -> Value:
    return Value(value.type, f"{value.hint}_bar" if value.hint else "")
