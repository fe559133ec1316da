"""The blocks of a Jacobian (one for each result leaf and argument leaf), written as IR: sweeps over unit directions.

Sweeps share what they have in common. Directions of arguments whose number of elements is known are done in one sweep;
of others, the function's own work is done once in front of a loop over the directions, and where the function has loops
or branches of its own, which cannot stand in front, each trip of that loop takes several tangents at once
(J. Revels, M. Lubin, T. Papamarkou, "Forward-Mode Automatic Differentiation in Julia", 2016, call this chunk mode).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as tuples
from math import prod

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.rewrite import clone_value
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff import forward, vector_forward
from wengert.compiler.passes.batching import batch
from wengert.compiler.passes.outside import OutsideScalars
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.assemble import inline, product, unit_arrays, with_results
from wengert.compiler.transforms.derivatives import pullback

Blocks = dict[tuple[int, int], Value]
"""(result leaf, argument leaf) -> the block, of shape out.shape + in.shape."""
Write = Callable[[Builder, Function, list[Value], list[int], list[int], Recorder], Blocks]
ONE_SWEEP = 16
"""The most directions that are written out in one sweep."""
FEW = 4
"""The most elements of a result whose reverse sweeps are written out one after another, sharing what they compute."""
CHUNK = 4
"""Tangents in one trip of the loop over directions of a function with loops or branches, at most."""
LARGE = 400
"""Ops above which they are fewer: the time to compile grows with all of them, and two share nearly as much as four."""


def forward_blocks(
    builder: Builder, function: Function, params: list[Value], rows: list[int], columns: list[int], recorder: Recorder
) -> Blocks:
    blocks: Blocks = {}
    together: list[tuple[int, tuple[int, ...]]] = []
    chunk = _chunk(function)
    for c in columns:
        shape = params[c].type.shape
        known = [n for n in shape if n is not None]
        if len(known) == len(shape) and len(together) + prod(known) <= ONE_SWEEP:
            together += [(c, at) for at in tuples(*(range(n) for n in known))]
        elif chunk > 1:
            blocks.update(_chunked(builder, function, params, rows, c, chunk, recorder))
        else:
            blocks.update(_lane_by_lane(builder, function, params, rows, c, recorder))
    if together:
        blocks.update(_in_one_sweep(builder, function, params, rows, together))
    return blocks


def _chunk(function: Function) -> int:
    ops = list(function.walk())
    return max(1, CHUNK // (1 + len(ops) // LARGE)) if any(op.regions for op in ops) else 1


def _in_one_sweep(
    builder: Builder, function: Function, params: list[Value], rows: list[int], units: Sequence[tuple[int, tuple[int, ...]]]
) -> Blocks:
    """All directions as tangents of one sweep. units: (argument leaf, index of the element that moves)."""
    swept = vector_forward(function, [[k == c for k in range(len(params))] for c, _ in units])
    seeds = []
    for c, at in units:
        type_ = params[c].type
        seed = builder.constant(1, type_.dtype)
        if type_.is_array:
            zeros = builder.broadcast(builder.constant(0, type_.dtype), builder.extents(params[c]))
            seed = builder.emit("update", zeros, seed, *(builder.integer(i) for i in at))
        seeds.append(seed)
    tangents = iter(inline(builder, swept, [*params, *seeds])[len(function.results) :])
    blocks: Blocks = {}
    for c, at in units:
        for r in rows:
            tangent = next(tangents)
            if params[c].type.is_scalar:
                blocks[r, c] = tangent
                continue
            if (r, c) not in blocks:
                extents = [*builder.extents(tangent), *builder.extents(params[c])]
                blocks[r, c] = builder.broadcast(builder.constant(0, tangent.type.dtype), extents)
            index = [builder.integer(i) for i in at]
            if tangent.type.is_scalar:
                blocks[r, c] = builder.emit("update", blocks[r, c], tangent, *index)
                continue
            rank = tangent.type.rank
            starts = [*[builder.integer(0)] * rank, *index]
            steps, drop = (1,) * len(starts), tuple(range(rank, len(starts)))
            blocks[r, c] = builder.emit("update_slice", blocks[r, c], tangent, *starts, steps=steps, drop=drop)
    return blocks


def _lane_by_lane(
    builder: Builder, function: Function, params: list[Value], rows: list[int], c: int, recorder: Recorder
) -> Blocks:
    """A loop over the directions of an argument, with what does not depend on them in front."""
    count, results = len(params), len(function.results)
    swept = forward(function, [k == c for k in range(count)])
    tangent = optimise(with_results(swept, range(results, results + len(rows))), recorder, "tangent")
    extents = builder.extents(params[c])
    lanes = batch(tangent, [*[None] * count, 0], [0] * len(rows), shared=True)
    values = inline(builder, lanes, [*params, unit_arrays(builder, params[c].type, extents)])
    return {(r, c): _unstacked(builder, v, extents) for r, v in zip(rows, values, strict=True)}


def _chunked(
    builder: Builder, function: Function, params: list[Value], rows: list[int], c: int, chunk: int, recorder: Recorder
) -> Blocks:
    """As `_lane_by_lane`, with `chunk` tangents in each trip; those past the last element are zero, and cut off."""
    swept = vector_forward(function, [[k == c for k in range(len(params))]] * chunk)
    first = Value(Type(I64), "first")
    body = Block([*(clone_value(p) for p in params), first])
    inner = Builder(body, role="tangent")
    own, results = body.params[:-1], len(function.results)
    extents = inner.extents(own[c])
    position = inner.emit("iota", product(inner, extents))
    one, zero = inner.constant(1, own[c].type.dtype), inner.constant(0, own[c].type.dtype)
    seeds = []
    for d in range(chunk):
        here = inner.emit("equal", position, inner.emit("add", first, inner.integer(d)))
        flat = inner.emit("where", here, one, zero)
        seeds.append(flat if len(extents) == 1 else inner.emit("reshape", flat, *extents))
    tangents = inline(inner, swept, [*own, *seeds])[results:]
    body.results = [_stacked(inner, tangents[k :: len(rows)]) for k in range(len(rows))]
    several = optimise(Function(f"jvps_{function.name}", body), recorder, "tangents")

    extents = builder.extents(params[c])
    count = product(builder, extents)
    trips = builder.emit("floor_divide", builder.emit("add", count, builder.integer(chunk - 1)), builder.integer(chunk))
    firsts = builder.emit("multiply", builder.emit("iota", trips), builder.integer(chunk))
    lanes = batch(several, [*[None] * len(params), 0], [0] * len(rows), shared=True)
    blocks: Blocks = {}
    for r, v in zip(rows, inline(builder, lanes, [*params, firsts]), strict=True):
        rest = builder.extents(v)[2:]
        flat = builder.emit("reshape", v, builder.emit("multiply", trips, builder.integer(chunk)), *rest)
        starts, steps = [builder.integer(0)] * flat.type.rank, (1,) * flat.type.rank
        blocks[r, c] = _unstacked(builder, builder.emit("slice", flat, *starts, count, *rest, steps=steps, drop=()), extents)
    return blocks


def _stacked(builder: Builder, values: Sequence[Value]) -> Value:
    """Values of one type along a new first axis."""
    extents = [builder.integer(len(values)), *builder.extents(values[0])]
    made = builder.broadcast(builder.constant(0, values[0].type.dtype), extents)
    for k, v in enumerate(values):
        if v.type.is_scalar:
            made = builder.emit("update", made, v, builder.integer(k))
            continue
        starts = [builder.integer(k), *[builder.integer(0)] * v.type.rank]
        made = builder.emit("update_slice", made, v, *starts, steps=(1,) * len(starts), drop=(0,))
    return made


def _unstacked(builder: Builder, value: Value, extents: list[Value]) -> Value:
    """Directions along the first axis -> the axes of the argument, behind those of the result."""
    if value.type.rank > 1:
        value = builder.emit("transpose", value, axes=(*range(1, value.type.rank), 0))
    return builder.emit("reshape", value, *builder.extents(value)[:-1], *extents) if len(extents) > 1 else value


def reverse_blocks(
    builder: Builder, function: Function, params: list[Value], rows: list[int], columns: list[int], recorder: Recorder
) -> Blocks:
    """For each result one forward sweep, and a loop of reverse sweeps over its elements."""
    blocks: Blocks = {}
    count, results = len(function.params), len(function.results)
    outside = OutsideScalars(
        builder,
        function,
        lambda p: params[function.params.index(p)],
        lambda p, axis: builder.extent(params[function.params.index(p)], axis),
        "jacobian in reverse mode",
    )
    for r in rows:
        active, seeded = [k in columns for k in range(count)], [k == r for k in range(results)]
        swept = pullback(function, active, seeded, recorder)
        gradient = with_results(swept, range(results, results + len(columns)))
        type_ = function.results[r].type
        order = sorted(columns)
        if type_.is_scalar:
            values = inline(builder, gradient, [*params, builder.constant(1, type_.dtype)])
            blocks.update({(r, c): v for c, v in zip(order, values, strict=True)})
            continue
        if type_.is_static and prod(type_.shape) <= FEW and not any(op.regions for op in gradient.walk()):  # type: ignore[arg-type]
            blocks.update(_few_rows(builder, gradient, params, r, type_, order))
            continue
        extents = [outside.extent(function.results[r], k) for k in range(type_.rank)]
        cotangent = optimise(gradient, recorder, "cotangent")
        lanes = batch(cotangent, [*[None] * count, 0], [0] * len(columns), shared=True)
        values = inline(builder, lanes, [*params, unit_arrays(builder, type_, extents)])
        for c, v in zip(order, values, strict=True):
            shape = [*extents, *builder.extents(v)[1:]]
            blocks[r, c] = builder.emit("reshape", v, *shape) if len(extents) > 1 else v
    return blocks


def _few_rows(
    builder: Builder, gradient: Function, params: list[Value], r: int, type_: Type, columns: Sequence[int]
) -> Blocks:
    """The reverse sweeps of a result of few elements, without a loop over them: equal ops become one (`optimise`)."""
    blocks: Blocks = {}
    extents = [builder.integer(n) for n in type_.shape if n is not None]
    one, zeros = builder.constant(1, type_.dtype), builder.broadcast(builder.constant(0, type_.dtype), extents)
    for at in tuples(*(range(n) for n in type_.shape if n is not None)):
        index = [builder.integer(i) for i in at]
        unit = builder.emit("update", zeros, one, *index)
        for c, v in zip(columns, inline(builder, gradient, [*params, unit]), strict=True):
            if (r, c) not in blocks:
                whole = [*extents, *builder.extents(v)]
                blocks[r, c] = builder.broadcast(builder.constant(0, v.type.dtype), whole)
            if v.type.is_scalar:
                blocks[r, c] = builder.emit("update", blocks[r, c], v, *index)
                continue
            starts = [*index, *[builder.integer(0)] * v.type.rank]
            steps, drop = (1,) * len(starts), tuple(range(len(index)))
            blocks[r, c] = builder.emit("update_slice", blocks[r, c], v, *starts, steps=steps, drop=drop)
    return blocks
