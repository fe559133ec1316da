"""A function's share of its outer axis: the same results for the places `first` to `last`, so that devices can share it out.

    func @f(%x: f64[?], %y: f64[?]) {              func @part_f(%x: f64[?], %y: f64[?], %first: i64, %last: i64, %extent: i64) {
        %n = dim %x {axis = 0} : i64                   %x: cut by the caller to its places; its whole extent is %extent
        %out0 = broadcast %zero, %n : f64[?]           %out0 = broadcast %zero, %last - %first : f64[?]
        %out, %s = for %0, %n, %1, %out0, %0    =>     %out, %s = for max(%0, %first), min(%extent, %last), %1, %out0, %0
            %v = load %x, %i : f64                         %v = load %x, %i - %first : f64
            %w = load %y, %k : f64                         %w = load %y, %k : f64
            %o2 = update %o, %v * %w, %i                   %o2 = update %o, %v * %w, %i - %first
            ...

It is asked from the results backwards which part of each value is needed (`_Cutter.window`): element-wise rows, views and loops
whose iterations each keep to an index of their own need as much of their operands as of their results. What is read otherwise is
computed and sent whole. Reductions over the axis give a part that the caller combines. All else is refused with its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_ops
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.ops.reductions import kept_axes
from wengert.compiler.passes.own_index import INDEXED, keeps, own_offset, uses_of
from wengert.compiler.passes.portion_shape import REDUCTIONS, Key, Loop, Shape, independent, refusal

IDENTITIES = {"add": 0, "multiply": 1, "bitwise_or": 0, "bitwise_and": -1}
Join = int | str
"""How the parts of a result are put together: along an axis, by a row ("add"), or "same" in all of them."""
SAID = {"root_of_squares": "sqrt"}
"""Rows that a program does not name, as it has them."""


@dataclass(frozen=True, slots=True)
class Portion:
    """function: the parameters, then first, last and the whole extent of each parameter that is cut, in order.

    cuts: for each parameter the axis along which it is cut, or None. joins: for each result. count: the number of places, from
    the extents and scalars of the whole arguments (arrays are not read).
    """

    function: Function
    cuts: tuple[int | None, ...]
    joins: tuple[Join, ...]
    count: Function


def portion(function: Function) -> Portion:
    """Raises UnsupportedError, with the line that is to blame, where the function has no outer axis that can be shared out."""
    shape = Shape(function)
    first_error: UnsupportedError | None = None
    for places in shape.candidates():
        try:
            first = _Cutter(shape, places, {})
            first.run()
            cuts = {p: min(axes) for p, axes in first.cut.items() if p not in first.needed and len(axes) == 1}
            cutter = _Cutter(shape, places, cuts)
            return Portion(cutter.run(), tuple(cuts.get(p) for p in function.params), cutter.joins, shape.count(places))
        except UnsupportedError as error:
            first_error = first_error or error
    raise first_error or refusal("no result has an axis along which it could be shared out", None)


class _Cutter:
    def __init__(self, shape: Shape, places: Key, cuts: dict[Value, int]):
        self.shape, self.places, self.cuts = shape, places, cuts
        function = shape.function
        self.outer = {p: Value(_opened(p.type, cuts.get(p)), p.hint) for p in function.params}
        self.first, self.last = Value(Type(I64), "first"), Value(Type(I64), "last")
        self.extents = {p: Value(Type(I64), f"{p.hint}_extent") for p in function.params if p in cuts}
        self.body = Block([*self.outer.values(), self.first, self.last, *self.extents.values()])
        self.builder = Builder(self.body)
        self.size = self.builder.emit("subtract", self.last, self.first, hint="places")
        self.done: dict[Value, Value] = {}
        self.windows: dict[tuple[Value, int, Value], Value] = {}
        self.loops: dict[Op, Loop] = {}
        self.ran: dict[tuple[Op, Value], tuple[Value, ...]] = {}
        self.added: dict[tuple[Value, Value], Value] = {}
        self.needed: set[Value] = set()
        self.cut: dict[Value, set[int]] = {}
        self.joins: tuple[Join, ...] = ()

    def run(self) -> Function:
        function = self.shape.function
        for op in function.body.ops:  # what may fail at function level fails in every part
            if op.name == "print":
                raise refusal("its parts would print in any order", op)
            if REGISTRY[op.name].traps and not any(v.type.is_array for v in (*op.operands, *op.results)):
                self.whole_op(op)
        parts = [self.result(v) for v in function.results]
        self.joins = tuple([join for _, join in parts])
        if all(join == "same" for join in self.joins):
            raise refusal("no result is made of parts", None)
        self.body.results = [v for v, _ in parts]
        return Function(f"part_{function.name}", self.body)

    # -- whole values

    def whole(self, v: Value) -> Value:
        if v in self.done:
            return self.done[v]
        if v in self.outer:
            self.needed.add(v)
            assert v not in self.cuts, f"{v!r} is cut and needed whole"
            return self.outer[v]
        assert v.owner is not None
        if v.owner.name == "dim" and v.owner.operands[0] in self.outer:
            self.done[v] = self.extent(*self._dim(v.owner))
        else:
            self.whole_op(v.owner)
        return self.done[v]

    def whole_op(self, op: Op) -> None:
        if all(v in self.done for v in op.results) and op.results:
            return
        mapping = self.done
        for v in self._outside(op):
            mapping[v] = self.whole(v)
        copy_ops(self.builder, [op], mapping, self._extents_of_params)

    def _outside(self, op: Op) -> Iterator[Value]:
        """The values of the function's level that an op reads, but for extents of parameters."""
        if not (op.name == "dim" and op.operands[0] in self.outer):
            yield from (v for v in op.operands if v in self.shape.top)
        for region in op.regions:
            yield from self._read_by(region)

    def _read_by(self, block: Block) -> Iterator[Value]:
        yield from (v for v in block.results if v in self.shape.top)
        for op in block.ops:
            yield from self._outside(op)

    def _extents_of_params(self, builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name == "dim" and op.operands[0] in self.outer:
            return [self.extent(*self._dim(op), builder)]
        return None

    def _dim(self, op: Op) -> tuple[Value, int]:
        return op.operands[0], int(op.attrs["axis"])

    def extent(self, array: Value, axis: int, builder: Builder | None = None) -> Value:
        """The whole extent of an axis."""
        builder = builder or self.builder
        key = self.shape.extent(array, axis)
        if isinstance(key, int):
            return builder.integer(key)
        if isinstance(key, Value):
            return self.whole(key)
        param, k = key
        if param not in self.outer:
            raise refusal("an extent is known only when the whole has been computed", param.owner)
        return self.extents[param] if self.cuts.get(param) == k else builder.extent(self.outer[param], k)

    # -- parts of arrays: the places from `low` on, as many as the share has

    def window(self, v: Value, axis: int, low: Value) -> Value:
        key = v, axis, low
        if key not in self.windows:
            self.windows[key] = self._window(v, axis, low)
        return self.windows[key]

    def _window(self, v: Value, axis: int, low: Value) -> Value:
        op, builder = v.owner, self.builder
        if v in self.outer:
            if low is self.first and self.shape.extent(v, axis) == self.places:
                self.cut.setdefault(v, set()).add(axis)
                if self.cuts.get(v) == axis:
                    return self.outer[v]
                return self._slice(self.outer[v], axis, low)
            return self._slice(self.whole(v), axis, low)
        assert op is not None
        rule = _WINDOWS.get(op.name)
        with builder.at(op.span, op.role):
            if rule is not None:
                return rule(self, op, v, axis, low)
            if REGISTRY[op.name].kind == "elementwise":
                operands = [self.window(o, axis, low) if o.type.is_array else self.whole(o) for o in op.operands]
                return builder.emit(op.name, *operands, hint=v.hint, **op.attrs)
        raise refusal(f"a part of `{op.name}` needs the whole of what it is computed from", op)

    def _slice(self, whole: Value, axis: int, low: Value) -> Value:
        zero = self.builder.integer(0)
        rank = whole.type.rank
        starts = [low if k == axis else zero for k in range(rank)]
        sizes = [self.size if k == axis else self.builder.extent(whole, k) for k in range(rank)]
        return self.builder.emit("slice", whole, *starts, *sizes, steps=(1,) * rank, drop=(), hint=whole.hint)

    def plus(self, a: Value, b: Value) -> Value:
        if constant_of(a) == 0 or constant_of(b) == 0:
            return b if constant_of(a) == 0 else a
        if (a, b) not in self.added:
            self.added[a, b] = self.builder.emit("add", a, b)
        return self.added[a, b]

    def _broadcast(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        array, *extents = op.operands
        axes = op.attrs["axes"]
        repeated = axis not in axes or array.type.shape[axes.index(axis)] == 1
        made = self.whole(array) if repeated else self.window(array, axes.index(axis), low)
        sizes = [self.size if k == axis else self.whole(n) for k, n in enumerate(extents)]
        return self.builder.emit("broadcast", made, *sizes, hint=v.hint, **op.attrs)

    def _iota(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        local = self.builder.emit("iota", self.size)
        return self.builder.emit("add", local, low, hint=v.hint)

    def _transpose(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        return self.builder.emit("transpose", self.window(op.operands[0], op.attrs["axes"][axis], low), axes=op.attrs["axes"])

    def _view(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        array, rank = op.operands[0], op.operands[0].type.rank
        starts, sizes = list(op.operands[1 : 1 + rank]), list(op.operands[1 + rank :])
        at = kept_axes(rank, op.attrs["drop"])[axis]
        if op.attrs["steps"][at] != 1:
            raise refusal("a slice along the axis has a step", op)
        start = self.whole(starts[at])
        part = self.window(array, at, self.plus(start, low))
        zero = self.builder.integer(0)
        starts = [zero if k == at else self.whole(s) for k, s in enumerate(starts)]
        sizes = [self.size if k == at else self.whole(s) for k, s in enumerate(sizes)]
        return self.builder.emit("slice", part, *starts, *sizes, hint=v.hint, **op.attrs)

    def _update_slice(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        """What of the region is within the part."""
        builder, (base, value, *starts) = self.builder, op.operands
        drop, rank = op.attrs["drop"], base.type.rank
        part = self.window(base, axis, low)
        if axis in drop or op.attrs["steps"][axis] != 1:
            raise refusal("single rows along the axis are written", op)
        at = kept_axes(rank, drop).index(axis)
        if value.type.shape[at] == 1:
            raise refusal("single rows along the axis are written", op)
        whole = self.whole(value)  # its extent differs from the share's
        high, start = self.plus(low, self.size), self.whole(starts[axis])
        end = builder.emit("add", start, builder.extent(whole, at))
        begin, stop = (builder.emit("minimum", builder.emit("maximum", s, low), high) for s in (start, end))
        zero = builder.integer(0)
        kept = [builder.emit("subtract", begin, start) if k == at else zero for k in range(whole.type.rank)]
        sizes = [
            builder.emit("subtract", stop, begin) if k == at else builder.extent(whole, k) for k in range(whole.type.rank)
        ]
        taken = builder.emit("slice", whole, *kept, *sizes, steps=(1,) * whole.type.rank, drop=())
        places = [builder.emit("subtract", begin, low) if k == axis else self.whole(s) for k, s in enumerate(starts)]
        return builder.emit(op.name, part, taken, *places, hint=v.hint, **op.attrs)

    def _reduce(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        (array,) = op.operands
        part = self.window(array, kept_axes(array.type.rank, op.attrs["axes"])[axis], low)
        return self.builder.emit(op.name, part, hint=v.hint, **op.attrs)

    def _contract(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        a, b = op.operands
        (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
        free = [free_axes(x.type.rank, c, d) for x, c, d in ((a, ca, ba), (b, cb, bb))]
        sources: list[tuple[int | None, int | None]] = [*zip(ba, bb, strict=True)]
        sources += [(k, None) for k in free[0]] + [(None, k) for k in free[1]]
        places = sources[axis]
        parts = [self.whole(x) if k is None else self.window(x, k, low) for x, k in zip((a, b), places, strict=True)]
        return self.builder.emit(op.name, *parts, hint=v.hint, **op.attrs)

    def _pack(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        return self._slice(self.whole(v), axis, low)

    def _of_loop(self, op: Op, v: Value, axis: int, low: Value) -> Value:
        k, loop = op.results.index(v), self.loop(op)
        if loop.axes.get(k) != axis:
            raise refusal("the loop does not write it at an index of its own along that axis", op)
        return self.run_loop(op, low)[k]

    # -- loops

    def loop(self, op: Op) -> Loop:
        if op not in self.loops:
            self.loops[op] = independent(op)
        return self.loops[op]

    def run_loop(self, op: Op, low: Value) -> tuple[Value, ...]:
        """The iterations that write the places from `low` on; the last share's go on to where the loop's do, and fail there."""
        if (op, low) in self.ran:
            return self.ran[op, low]
        builder, loop, (body,) = self.builder, self.loop(op), op.regions
        for k, axis in loop.axes.items():
            if self.shape.extent(op.results[k], axis) != self.places:
                raise refusal("it writes arrays of different extents", op)
        begin, end = (self.whole(v) for v in op.operands[:2])
        places = builder.emit("add", low, self.size)
        start = low
        if loop.offset:
            back = builder.integer(-loop.offset)
            start, places = self.plus(low, back), self.plus(places, back)
        if loop.axes:
            k, axis = next(iter(loop.axes.items()))
            total = self.extent(op.results[k], axis)
            is_last = builder.emit("equal", self.last, total)
            stop = builder.emit("where", is_last, end, builder.emit("minimum", end, places))
        else:
            stop = builder.emit("minimum", end, places)
        start = builder.emit("maximum", begin, start)
        shifted: dict[Value, tuple[int, Value, Value]] = {}
        mapping: dict[Value, Value] = {}
        inits = [self._init(op, k, low) for k in range(len(op.results))]
        for k, axis in loop.axes.items():
            at = axis, low, self.extent(op.results[k], axis)
            shifted.update((v, at) for v in loop.versions[k])
        for v in dict.fromkeys(self._read_by(body)):
            part = self._read_part(op, loop, v, low)
            if part is None:
                mapping[v] = self.whole(v)
                continue
            mapping[v], axis = part
            at = axis, low, self.extent(v, axis)
            shifted.update((w, at) for w in uses_of(body, v)[1])

        def replace(inner: Builder, o: Op, operands: list[Value]) -> list[Value] | None:
            found = shifted.get(o.operands[0]) if o.operands else None
            if o.name == "dim":
                if found is not None and found[0] == o.attrs["axis"]:
                    return [found[2]]
                return self._extents_of_params(inner, o, operands)
            if found is None or o.name not in INDEXED:
                return None
            axis, origin, _ = found
            place = INDEXED[o.name] + axis
            operands[place] = inner.emit("subtract", operands[place], origin)
            return list(inner.op(o.name, operands, hint=[r.hint for r in o.results], **o.attrs).results)

        made_body = Block([Value(body.params[0].type, body.params[0].hint)])
        made_body.params += [Value(v.type, p.hint) for v, p in zip(inits, body.params[1:], strict=True)]
        mapping.update(zip(body.params, made_body.params, strict=True))
        copy_ops(Builder(made_body, op.span, op.role), body.ops, mapping, replace)
        made_body.results = [mapping.get(v, v) for v in body.results]
        made = builder.for_(start, stop, self.whole(op.operands[2]), inits, made_body, **op.attrs)
        made.span, made.role = op.span, op.role
        self.ran[op, low] = made.results
        return made.results

    def _init(self, op: Op, k: int, low: Value) -> Value:
        loop, init = self.loop(op), op.operands[3 + k]
        if k in loop.axes:
            return self.window(init, loop.axes[k], low)
        how = loop.combines[k]
        return self._once(self.whole(init), how) if how else self.whole(init)

    def _once(self, value: Value, how: str) -> Value:
        """The value in the first share, in the others what changes nothing."""
        builder = self.builder
        is_first = builder.emit("equal", self.first, builder.integer(0))
        dtype = value.type.dtype
        neutral = IDENTITIES[how] if dtype.kind != "b" else how == "bitwise_and"
        nothing = builder.constant(neutral, dtype)
        if value.type.is_array:
            return builder.emit("where", is_first, value, builder.broadcast(nothing, builder.extents(value)))
        return builder.emit("where", is_first, value, nothing)

    def _read_part(self, op: Op, loop: Loop, v: Value, low: Value) -> tuple[Value, int] | None:
        """The part of an array from outside that the iterations keep to, and its axis; None where they do not."""
        (body,) = op.regions
        if not v.type.is_array or v in body.results:
            return None
        uses, versions = uses_of(body, v)
        if not keeps(body, versions):
            return None
        for axis in range(v.type.rank):
            if self.shape.extent(v, axis) == self.places and own_offset(op, uses, versions, axis) == loop.offset:
                try:
                    return self.window(v, axis, low), axis
                except UnsupportedError:
                    return None
        return None

    # -- results

    def result(self, v: Value) -> tuple[Value, Join]:
        refusal: UnsupportedError | None = None
        for axis in range(v.type.rank):
            if self.shape.extent(v, axis) == self.places:
                try:
                    return self.window(v, axis, self.first), axis
                except UnsupportedError as error:
                    refusal = refusal or error
        if self._is_light(v):
            return self.whole(v), "same"
        try:
            return self.partial(v)
        except UnsupportedError as error:
            raise refusal or error from None

    def _is_light(self, v: Value) -> bool:
        """Whether nothing worth sharing out goes into it."""
        seen, todo = set[Value](), [v]
        while todo:
            one = todo.pop()
            if one in seen or one.owner is None:
                continue
            seen.add(one)
            if one.owner.regions or REGISTRY[one.owner.name].kind in ("reduce", "contract", "library", "update"):
                return False
            if one.owner.name != "dim":
                todo += one.owner.operands
        return True

    def partial(self, v: Value) -> tuple[Value, str]:
        """What a share contributes to a value, and how contributions are combined."""
        op, builder = v.owner, self.builder
        assert op is not None
        with builder.at(op.span, op.role):
            if op.name in REDUCTIONS:
                array, axes = op.operands[0], op.attrs["axes"]
                axis = next((k for k in axes if self.shape.extent(array, k) == self.places), None)
                if axis is not None:
                    return builder.emit(op.name, self.window(array, axis, self.first), **op.attrs), REDUCTIONS[op.name]
            if op.name == "dot_general":
                for at in zip(*op.attrs["contract"], strict=True):
                    if self.shape.extent(op.operands[0], at[0]) == self.places:
                        parts = [self.window(x, k, self.first) for x, k in zip(op.operands, at, strict=True)]
                        return builder.emit(op.name, *parts, **op.attrs), "add"
            if op.name == "for" and v.type.is_scalar and self.shape.scalar(op.operands[1]) == self.places:
                k = op.results.index(v)
                how = self.loop(op).combines.get(k)
                if how:
                    return self.run_loop(op, self.first)[k], how
            if op.name in ("negative", "multiply", "divide", "add", "subtract"):
                return self._linear(op)
        raise refusal(f"`{SAID.get(op.name, op.name)}` is computed from the whole of the axis", op)

    def _linear(self, op: Op) -> tuple[Value, str]:
        """Sums of contributions, and their multiples."""
        light = [self._is_light(o) for o in op.operands]
        parts: list[Value] = []
        for operand, is_light in zip(op.operands, light, strict=True):
            if is_light:
                whole = self.whole(operand)
                parts.append(self._once(whole, "add") if op.name in ("add", "subtract") else whole)
                continue
            part, how = self.partial(operand)
            if how != "add":
                raise refusal(f"`{op.name}` of what is combined by `{how}`", op)
            parts.append(part)
        if op.name == "multiply" and not any(light) or op.name == "divide" and not light[1]:
            raise refusal(f"`{op.name}` is computed from the whole of the axis", op)
        return self.builder.emit(op.name, *parts, **op.attrs), "add"


_WINDOWS = {
    "broadcast": _Cutter._broadcast,
    "iota": _Cutter._iota,
    "transpose": _Cutter._transpose,
    "slice": _Cutter._view,
    "update_slice": _Cutter._update_slice,
    "dot_general": _Cutter._contract,
    "pack": _Cutter._pack,
    "for": _Cutter._of_loop,
} | dict.fromkeys(REDUCTIONS, _Cutter._reduce)


def _opened(type_: Type, axis: int | None) -> Type:
    if axis is None:
        return type_
    return type_.with_shape(tuple(None if k == axis else n for k, n in enumerate(type_.shape)))


def shares(weights: Sequence[float], count: int) -> list[range]:
    """The places of each part, in proportion to the weights."""
    ends = np.rint(np.cumsum(weights) / sum(weights) * count).astype(int).tolist()
    return [range(a, b) for a, b in zip([0, *ends], ends, strict=False)]


def without_single_places(parts: Sequence[range]) -> list[range]:
    """The parts with single places given to a neighbour: what is compiled for many places is not for an extent of 1."""
    found: list[range] = []
    for part in parts:
        begin = found[-1].stop if found else part.start
        stop = begin if part.stop - begin == 1 and part is not parts[-1] else part.stop
        found.append(range(begin, stop))
    last = next((k for k in reversed(range(len(found))) if found[k]), 0)
    if len(found[last]) == 1 and last:
        before = next((k for k in reversed(range(last)) if found[k]), last)
        if before != last:
            found[before] = range(found[before].start, found[last].stop)
            found[before + 1 :] = [range(found[before].stop, found[before].stop)] * (len(found) - before - 1)
    return found
