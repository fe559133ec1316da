"""The same program changed a little, to see what that does to value and derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.loops import carried_params
from wengert.compiler.ir.rewrite import copy_block, copy_op, copy_ops, rewrite
from wengert.compiler.ir.tree import Tree
from wengert.compiler.ir.types import BOOL, DTYPES, I64, Type
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.settle import replace_function


class Variant:
    """A callable for the transforms: the function with `change` applied to its IR. known: its IR for one signature."""

    def __init__(self, function: Callable[..., Any], change: Callable[[Function], Function], known: Traced, out: Tree | None = None):
        self.function, self.change, self.known, self.out = function, change, known, out
        self.__name__ = getattr(function, "__name__", "f")
        self.made: dict[Any, Traced] = {}

    def __call__(self, *args: Any) -> Any:
        raise TypeError("a variant is only compiled")

    def __wengert_trace__(self, signature: Any, recorder: Recorder | None = None) -> Traced:
        key = signature.key
        if key not in self.made:
            traced = self.known if key == self.known.signature.key else trace(self.function, signature)
            self.made[key] = replace_function(traced, optimise(self.change(traced.function), recorder or Recorder()), self.out)
        return self.made[key]


def same(function: Function) -> Function:
    """No change."""
    return function


def more_laps(laps: int, place: int, done: int | None = None) -> Callable[[Function], Function]:
    """Runs `laps` more trips of the loop at this place, whatever its exit test or number of trips says. done: how many it
    makes; then it runs from the start without exits, since a `break` may leave what it carries half updated."""

    def change(function: Function) -> Function:
        chosen = _at(function, place)
        mapping: dict[Value, Value] = {}

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op is not chosen:
                return None
            afresh = op.name == "while" and done is not None
            if afresh:
                start = operands
            else:
                regions = tuple(copy_block(r, mapping, replace) for r in op.regions)
                start = list(copy_op(builder, op, operands, regions).results)
            body, again = op.regions[-1], Block([Value(Type(I64), "lap")])
            params = carried_params(op)
            again.params += [Value(p.type, p.hint) for p in params]
            mapping.update(zip(params, again.params[1:], strict=True))
            copy_ops(Builder(again, op.span), body.ops, mapping, stay)
            again.results = [mapping.get(v, v) for v in body.results]
            low, high, step = (builder.integer(n) for n in (0, laps + (done or 0) * afresh, 1))
            return list(builder.for_(low, high, step, start, again).results)

        def stay(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            """A branch that would leave the loop is not taken: one side yields True where the other does not. What only
            that side sets (a result that is returned) is taken from it."""
            for k, result in enumerate(op.results if op.name == "if" else ()):
                ends = [constant_of(region.results[k]) for region in op.regions]
                if result.type.dtype == BOOL and ends.count(True) == 1:
                    leaving = ends.index(True)
                    sides = []
                    for side in (1 - leaving, leaving):
                        regions = tuple(copy_block(r, mapping, stay) for r in op.regions)
                        sides.append(copy_op(builder, op, [builder.boolean(side == 0)], regions).results)
                    only = [_only_at(op.regions[leaving], op.regions[1 - leaving], n) for n in range(len(op.results))]
                    return [sides[o][n] for n, o in enumerate(only)]
            return None

        return Function(function.name, copy_block(function.body, mapping, replace), function.written)

    return change


def _only_at(leaving: Block, staying: Block, k: int) -> bool:
    """The number at position k is computed where the loop is left, and elsewhere only a value to begin with."""
    a, b = leaving.results[k], staying.results[k]
    return a.type.dtype.is_float and constant_of(a) is None and constant_of(b) is not None


def limited(trips: int) -> Callable[[Function], Function]:
    """Every `while` fails after so many trips in one execution: at other arguments a search may not end."""

    def change(function: Function) -> Function:
        mapping: dict[Value, Value] = {}

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op.name != "while":
                return None
            test, body = (copy_block(r, mapping, replace) for r in op.regions)
            test.params.append(Value(Type(I64), "lap"))
            body.params.append(Value(Type(I64), "lap"))
            inner = Builder(body, op.span)
            inner.op("check", (inner.emit("less", body.params[-1], inner.integer(trips)),), fault="runtime", message="too many trips")
            body.results = [*body.results, inner.emit("add", body.params[-1], inner.integer(1))]
            return list(builder.while_([*operands, builder.integer(0)], test, body).results[:-1])

        return Function(function.name, copy_block(function.body, mapping, replace), function.written)

    return change


def widened(function: Function) -> Function:
    """The function with f64 in place of f32 inside: parameters are cast up, results down to what they were."""
    body = Block([Value(p.type, p.hint) for p in function.params])
    mapping: dict[Value, Value] = {}
    builder = Builder(body)
    for p, q in zip(function.params, body.params, strict=True):
        mapping[p] = builder.cast(q, DTYPES["f64"]) if p.type.dtype.name == "f32" else q
    _widen_ops(builder, function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body)


def _wide(type_: Type) -> Type:
    return type_.with_dtype(DTYPES["f64"]) if type_.dtype.name == "f32" else type_


def _widen_ops(builder: Builder, ops: list[Op], mapping: dict[Value, Value]) -> None:
    for op in ops:
        operands = [mapping.get(v, v) for v in op.operands]
        attrs = {k: ("f64" if k == "dtype" and v == "f32" else v) for k, v in op.attrs.items()}
        with builder.at(op.span, op.role):
            if op.name == "cast" and operands[0].type.dtype.name == attrs["dtype"]:
                made = [operands[0]]
            else:
                regions = tuple(_widen_block(r, mapping) for r in op.regions)
                types = [_wide(v.type) for v in op.results] if op.regions else None
                made = list(builder.op(op.name, operands, regions, [v.hint for v in op.results], types, **attrs).results)
        mapping.update(zip(op.results, made, strict=True))


def _widen_block(block: Block, mapping: dict[Value, Value]) -> Block:
    new = Block([Value(_wide(p.type), p.hint) for p in block.params])
    mapping.update(zip(block.params, new.params, strict=True))
    _widen_ops(Builder(new), block.ops, mapping)
    new.results = [mapping.get(v, v) for v in block.results]
    return new


def flipped(place: int) -> Callable[[Function], Function]:
    """The comparison, `abs`, `maximum` or `minimum` at this place (in the order of `walk`) decides ties the other way."""

    def change(function: Function) -> Function:
        chosen = _at(function, place)

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op is not chosen:
                return None
            if op.name in OTHER:
                return [builder.emit(OTHER[op.name], *operands)]
            if op.name in ("equal", "not_equal"):
                never = builder.boolean(op.name == "not_equal")
                shaped = next((v for v in operands if not v.type.is_scalar), None)
                return [never if shaped is None else builder.broadcast(never, builder.extents(shaped))]
            if op.name == "absolute":
                (x,) = operands
                zero = builder.constant(0.0, x.type.dtype)
                return [builder.emit("where", builder.emit("greater_equal", x, zero), x, builder.emit("negative", x))]
            ahead = builder.emit("greater_equal" if op.name == "maximum" else "less_equal", *operands)
            return [builder.emit("where", ahead, *operands)]

        return rewrite(function, replace)

    return change


def inverted(place: int) -> Callable[[Function], Function]:
    """The comparison at this place says the opposite."""

    def change(function: Function) -> Function:
        chosen = _at(function, place)

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            return [builder.emit("invert", builder.emit(op.name, *operands))] if op is chosen else None

        return rewrite(function, replace)

    return change


def inlined(place: int) -> Callable[[Function], Function]:
    """The call at this place of a function with rules of its own is what the function computes, without its rules."""

    def change(function: Function) -> Function:
        chosen = _at(function, place)

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op is not chosen:
                return None
            callee = op.attrs["callee"].function
            mapping = dict(zip(callee.params, operands, strict=True))
            copy_ops(builder, callee.body.ops, mapping)
            return [mapping.get(v, v) for v in callee.results]

        return rewrite(function, replace)

    return change


OTHER = {"less": "less_equal", "less_equal": "less", "greater": "greater_equal", "greater_equal": "greater"}


def frozen(place: int) -> Callable[[Function], Function]:
    """The result of the op at this place is taken as a constant by derivatives."""

    def change(function: Function) -> Function:
        chosen = _at(function, place)

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op is not chosen:
                return None
            made = copy_op(builder, op, operands, tuple(copy_block(r, mapping, replace) for r in op.regions))
            return [builder.emit("stop_gradient", v) if v.type.dtype.is_float else v for v in made.results]

        mapping: dict[Value, Value] = {}
        return Function(function.name, copy_block(function.body, mapping, replace), function.written)

    return change


def place_of(function: Function, op: Op) -> int:
    return next(k for k, other in enumerate(function.walk()) if other is op)


def _at(function: Function, place: int) -> Op:
    return list(function.walk())[place]


ROOM = 2048
"""Trips of which a path is kept: later ones overwrite the last, or every n-th is kept where the number is known."""


def recorded(places: Sequence[int], returned: int) -> Callable[[Function], Function]:
    """Returns, after the returned results, what each loop at these places (not within another) carries from trip to trip:
    an array of ROOM rows, each the number of trips done so far and then the carried floats (of arrays a few elements)."""

    def change(function: Function) -> Function:
        ops = list(function.walk())
        chosen = [ops[k] for k in places]
        body = Block([Value(p.type, p.hint) for p in function.params])
        mapping: dict[Value, Value] = dict(zip(function.params, body.params, strict=True))
        builder, paths = Builder(body), []
        for op in function.body.ops:
            if op in chosen:
                with builder.at(op.span, op.role):
                    paths.append(_record(builder, op, mapping))
            else:
                copy_ops(builder, [op], mapping)
        results = [mapping.get(v, v) for v in function.results]
        body.results = [*results[:returned], *paths, *results[returned:]]
        written = (*function.written[:returned], *[None] * len(paths), *function.written[returned:])
        return Function(function.name, body, written)

    return change


def _record(builder: Builder, loop: Op, mapping: dict[Value, Value]) -> Value:
    """Copies the loop with its path carried, too, and returns that."""
    operands = [mapping.get(v, v) for v in loop.operands]
    counted, old = loop.name == "for", loop.regions[-1]
    columns = samples([v.type for v in loop.results])
    one = builder.integer(1)
    room = builder.broadcast(builder.constant(0.0, DTYPES["f64"]), [builder.integer(ROOM), builder.integer(len(columns) + 1)])
    stride = one
    if counted:
        trips = builder.emit("floor_divide", builder.emit("subtract", operands[1], operands[0]), operands[2])
        stride = builder.emit("add", builder.emit("floor_divide", trips, builder.integer(ROOM)), one)
    own = [Value(Type(I64), "trip"), Value(Type(I64), "row"), Value(Type(I64), "left"), Value(room.type, "path")]
    starts = [builder.integer(0), builder.integer(0), stride, room]
    again = Block([Value(p.type, p.hint) for p in old.params] + own)
    mapping.update(zip(old.params, again.params, strict=False))
    inner = Builder(again, loop.span)
    copy_ops(inner, old.ops, mapping)
    ends = [mapping.get(v, v) for v in old.results]
    trip, row, left, path = own
    after = inner.emit("add", trip, inner.integer(1))
    path = inner.emit("update", path, inner.cast(after, DTYPES["f64"]), row, inner.integer(0))
    for k, (position, eighths) in enumerate(columns):
        value = ends[position]
        if eighths is not None:
            value = inner.emit("load", value, *[_part(inner, inner.extent(value, axis), eighths) for axis in range(value.type.rank)])
        path = inner.emit("update", path, inner.cast(value, DTYPES["f64"]), row, inner.integer(k + 1))
    left = inner.emit("subtract", left, inner.integer(1))
    full = inner.emit("equal", left, inner.integer(0))
    row = inner.emit("minimum", inner.emit("add", row, inner.cast(full, I64)), inner.integer(ROOM - 1))
    left = inner.emit("where", full, stride, left)
    again.results = [*ends, after, row, left, path]
    if counted:
        made = builder.for_(operands[0], operands[1], operands[2], [*operands[3:], *starts], again)
    else:
        test = Block([Value(p.type, p.hint) for p in loop.regions[0].params] + [Value(v.type) for v in own])
        mapping.update(zip(loop.regions[0].params, test.params, strict=False))
        copy_ops(Builder(test, loop.span), loop.regions[0].ops, mapping)
        test.results = [mapping.get(v, v) for v in loop.regions[0].results]
        made = builder.while_([*operands, *starts], test, again)
    mapping.update(zip(loop.results, made.results, strict=False))
    return made.results[-1]


def _part(builder: Builder, extent: Value, eighths: int) -> Value:
    return builder.emit("floor_divide", builder.emit("multiply", extent, builder.integer(eighths)), builder.integer(8))


def samples(types: Sequence[Type]) -> list[tuple[int, int | None]]:
    """Which of the carried values a path holds: (position, None for a number, else eighths along every axis)."""
    found: list[tuple[int, int | None]] = []
    for k, t in enumerate(types):
        if not t.dtype.is_float:
            continue
        if t.is_scalar:
            found.append((k, None))
        elif all(n != 0 for n in t.shape):
            found += [(k, e) for e in (0, 3, 5)]
    return found[:24]
