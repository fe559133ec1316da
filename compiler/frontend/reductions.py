"""Reductions and searches: sum, mean, prod, max, min, any, all, argmax, cumsum, norm, trace."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.frontend import arithmetic, complexes, written_indices
from wengert.compiler.frontend.arithmetic import ONE, apply, binary, cast
from wengert.compiler.frontend.creation import array_only, as_array, axis_within, dtype_from
from wengert.compiler.frontend.gather import counted, empty
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import describe
from wengert.compiler.frontend.objects import FALSE, NONE, TRUE, Array, ArrayValue, Object, Scalar, Static, Tuple
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import BOOL, F64, I64, PART, U64, DType


def axes_from(tracer: Tracer, item: Object, rank: int) -> tuple[int, ...]:
    if item == NONE:
        return tuple(range(rank))
    if isinstance(item, Tuple):
        found = {axis_within(tracer, a, rank) for a in item.items}
        if len(found) < len(item.items):
            tracer.refuse("binding", name="axis", problem="duplicate value in 'axis'")
        return tuple(sorted(found))
    return (axis_within(tracer, item, rank),)


def truth_of(tracer: Tracer, item: Object) -> Object:
    return item if arithmetic.dtype_and_weakness(item)[0] == BOOL else apply(tracer, "not_equal", (item, Static(0)))  # type: ignore[index]


def accumulator(dtype: DType) -> DType:
    """The dtype NumPy sums small integers and bools in."""
    if dtype.kind == "u":
        return U64
    return I64 if dtype.kind in "bi" else dtype


def reduction(row: str) -> Callable[..., Object]:
    def build(
        tracer: Tracer,
        a: Object,
        axis: Object = NONE,
        dtype: Object = NONE,
        keepdims: Object = FALSE,
        initial: Object = NONE,
        where: Object = TRUE,
    ) -> Object:
        item = as_array(tracer, a)
        if row in ("any", "all"):
            item = truth_of(tracer, item)
        elif dtype != NONE:
            item = arithmetic.convert(tracer, item, dtype_from(tracer, dtype))
        elif row in ("sum", "prod"):
            kind = arithmetic.dtype_and_weakness(item)[0]  # type: ignore[index]
            if accumulator(kind) != kind:
                item = arithmetic.convert(tracer, item, accumulator(kind))
        if where != TRUE:
            item = masked(tracer, row, item, where, initial)
        if not isinstance(item, Array):
            if axis not in (NONE, Static(0), Static(-1), Tuple(tuple, ())):
                tracer.refuse("axis", axis=describe(axis), rank=0)
            return started(tracer, row, item, initial)
        content = tracer.read(item)
        axes = axes_from(tracer, axis, item.rank)
        if row in ("max", "min") and initial == NONE:
            for k in axes:
                if not tracer.index.proves(content.extents[k] - 1):
                    some = tracer.builder.emit(
                        "greater", tracer.index.value(content.extents[k]), tracer.builder.integer(0)
                    )
                    tracer.check(
                        some, "value", f"zero-size array to reduction operation {row}imum which has no identity"
                    )
        made = item if not axes else reduced(tracer, row, content, axes, keepdims == TRUE)
        return started(tracer, row, made, initial)

    return build


UNITS: dict[str, Any] = {"sum": 0, "prod": 1, "any": False, "all": True}
COMBINED = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}


def masked(tracer: Tracer, row: str, item: Object, where: Object, initial: Object) -> Object:
    """The elements that are not reduced replaced by what changes nothing."""
    if row in ("max", "min") and initial == NONE:
        tracer.refuse("binding", name=f"np.{row}", problem=f"`where` needs `initial` for the reduction to a {row}imum")
    kind = arithmetic.dtype_and_weakness(item)[0]  # type: ignore[index]
    unit = initial if row in ("max", "min") else Static(UNITS[row])
    values, extents = arithmetic.spread(
        tracer, (truth_of(tracer, arithmetic.operand(tracer, where)), item, unit), (BOOL, kind, kind)
    )
    return arithmetic.wrap(tracer, arithmetic.emit(tracer, "where", values), extents, False)


def started(tracer: Tracer, row: str, made: Object, initial: Object) -> Object:
    """A reduction that starts with `initial`, which is converted to its dtype."""
    if initial == NONE:
        return made
    kind = arithmetic.dtype_and_weakness(made)[0]  # type: ignore[index]
    own = arithmetic.dtype_and_weakness(arithmetic.operand(tracer, initial))
    if row not in COMBINED or own is None or "biufc".index(own[0].kind) > "biufc".index(kind.kind):
        tracer.refuse("call_argument", name=f"np.{row}", problem=f"`initial` of another type than the result ({kind})")
    first = Scalar(arithmetic.scalar_value(tracer, initial, kind), False)
    return apply(tracer, COMBINED[row], (first, made))


def reduced(tracer: Tracer, row: str, content: ArrayValue, axes: tuple[int, ...], keepdims: bool) -> Object:
    made = arithmetic.emit(tracer, row, [content.value], axes=axes)
    extents = tuple(e for k, e in enumerate(content.extents) if k not in axes)
    if keepdims:
        kept = tuple(k for k in range(len(content.extents)) if k not in axes)
        extents = tuple(ONE if k in axes else e for k, e in enumerate(content.extents))
        made = tracer.builder.broadcast(made, [tracer.index.value(e) for e in extents], kept)
    return tracer.fresh(ArrayValue(made, extents)) if extents else Scalar(made, False)


def count_of(tracer: Tracer, extents: tuple[Affine, ...], axes: tuple[int, ...], dtype: DType) -> Value:
    total: Value | None = None
    for k in axes:
        value = tracer.index.value(extents[k])
        total = value if total is None else tracer.builder.emit("multiply", total, value)
    assert total is not None
    return tracer.builder.cast(total, dtype)


def mean(tracer: Tracer, a: Object, axis: Object = NONE, dtype: Object = NONE, keepdims: Object = FALSE) -> Object:
    item = as_array(tracer, a)
    known = arithmetic.dtype_and_weakness(item)
    if dtype != NONE or known[0].kind in "biu":  # type: ignore[index]
        item = arithmetic.convert(tracer, item, dtype_from(tracer, dtype))
    if not isinstance(item, Array):
        if axis not in (NONE, Tuple(tuple, ())):
            tracer.refuse("axis", axis=describe(axis), rank=0)
        return item
    axes = axes_from(tracer, axis, item.rank)
    total = SUM(tracer, item, axis, NONE, keepdims)
    extents = tracer.extents(item)
    real = PART.get(item.dtype, item.dtype)
    return binary(tracer, DIVIDE, total, Scalar(count_of(tracer, extents, axes, real), False))


def variance(
    tracer: Tracer, a: Object, axis: Object = NONE, ddof: Object = Static(0), keepdims: Object = FALSE
) -> Object:
    item = array_only(tracer, a)
    if item.dtype.kind in "biu":
        item = arithmetic.convert(tracer, item, F64)  # type: ignore[assignment]
    axes = axes_from(tracer, axis, item.rank)
    centre = mean(tracer, item, axis, keepdims=Static(True))
    off = apply(tracer, "subtract", (item, centre))
    total = SUM(tracer, complexes.squared_modulus(tracer, off), axis, NONE, keepdims)
    real = PART.get(item.dtype, item.dtype)
    count = count_of(tracer, tracer.extents(item), axes, real)
    if ddof != Static(0):
        less = tracer.builder.emit("subtract", count, arithmetic.scalar_value(tracer, ddof, real))
        count = tracer.builder.emit("maximum", less, tracer.constant(0, real))
    return binary(tracer, DIVIDE, total, Scalar(count, False))


def deviation(
    tracer: Tracer, a: Object, axis: Object = NONE, ddof: Object = Static(0), keepdims: Object = FALSE
) -> Object:
    return apply(tracer, "sqrt", (variance(tracer, a, axis, ddof, keepdims),))


def peak_to_peak(tracer: Tracer, a: Object, axis: Object = NONE) -> Object:
    return apply(tracer, "subtract", (MAX(tracer, a, axis), MIN(tracer, a, axis)))


def average(
    tracer: Tracer,
    a: Object,
    axis: Object = NONE,
    weights: Object = NONE,
    returned: Object = FALSE,
    keepdims: Object = FALSE,
) -> Object:
    item = as_array(tracer, a)
    if weights == NONE:
        made = mean(tracer, item, axis, keepdims=keepdims)
        extents = tracer.extents(item) if isinstance(item, Array) else ()
        kind = arithmetic.dtype_and_weakness(made)[0]  # type: ignore[index]
        axes = axes_from(tracer, axis, len(extents))
        count: Object = Scalar(count_of(tracer, extents, axes, kind), False) if axes else Static(1.0)
    else:
        if not isinstance(item, Array):
            item = array_only(tracer, item)
        weight = array_only(tracer, weights)
        if weight.rank != item.rank:
            weight = _along(tracer, weight, item, axis)
        kinds = {k for k in (item.dtype, weight.dtype) if k.kind in "biu"}
        if kinds:
            item = arithmetic.apply(tracer, "multiply", (item, Static(1.0)))
        total = SUM(tracer, apply(tracer, "multiply", (item, weight)), axis, keepdims=keepdims)
        count = SUM(tracer, weight, axis, dtype=Static(total_kind(total).numpy), keepdims=keepdims)
        some = reduction("all")(tracer, apply(tracer, "not_equal", (count, Static(0))))
        tracer.check(some.value, "zero_division", "Weights sum to zero, can't be normalized")  # type: ignore[union-attr]
        made = binary(tracer, DIVIDE, total, count)
    if returned == FALSE:
        return made
    if isinstance(made, Array):
        extents = tracer.extents(made)
        if isinstance(count, Array):
            value = arithmetic.broadcast_to(tracer, tracer.read(count), extents)
        else:
            one = arithmetic.scalar_value(tracer, count, made.dtype)
            value = tracer.builder.broadcast(one, [tracer.index.value(e) for e in extents])
        count = tracer.fresh(ArrayValue(value, extents))
    return Tuple(tuple, (made, count))


def total_kind(item: Object) -> DType:
    return arithmetic.dtype_and_weakness(item)[0]  # type: ignore[index]


def _along(tracer: Tracer, weight: Array, item: Array, axis: Object) -> Array:
    """Weights of one axis, with an extent of one along the others."""
    if axis == NONE:
        tracer.refuse("binding", name="np.average", problem="`axis` must be given where shapes of a and weights differ")
    if weight.rank != 1 or isinstance(axis, Tuple):
        tracer.refuse("contract", name="np.average", problem="takes weights of the array's shape, or a vector for one axis")
    at = axis_within(tracer, axis, item.rank)
    (n,) = tracer.extents(weight)
    arithmetic.require_same(tracer, tracer.extents(item)[at], n, "np.average: length of weights not compatible with the axis")
    extents = tuple(n if k == at else ONE for k in range(item.rank))
    return tracer.fresh(ArrayValue(tracer.reshape(tracer.read(weight).value, extents), extents))


def norm(tracer: Tracer, x: Object, ord: Object = NONE, axis: Object = NONE, keepdims: Object = FALSE) -> Object:
    item = array_only(tracer, x)
    if item.dtype.kind in "biu":
        item = arithmetic.convert(tracer, item, F64)  # type: ignore[assignment]
    size = complexes.absolute(tracer, item)
    if ord in (Static(1), Static(float("inf"))) and (item.rank == 1 or isinstance(axis, Static) and axis != NONE):
        if ord == Static(1):
            return SUM(tracer, size, axis, NONE, keepdims)
        return MAX(tracer, size, axis, NONE, keepdims, Static(0.0))
    if ord not in (NONE, Static(2), Static("fro")) or (ord == Static(2) and item.rank > 1 and axis == NONE):
        tracer.refuse("call", name="np.linalg.norm of this order", help="Write it out: `np.sqrt(np.sum(x * x))`.")
    along = item.rank if axis == NONE else len(axes_from(tracer, axis, item.rank))
    if (ord == Static("fro") and along != 2) or (ord == Static(2) and along != 1):
        tracer.refuse("contract", name="np.linalg.norm", problem="this order is of vectors or of matrices alone")
    return apply(tracer, "sqrt", (SUM(tracer, complexes.squared_modulus(tracer, item), axis, NONE, keepdims),))


def trace(
    tracer: Tracer, a: Object, offset: Object = Static(0), axis1: Object = Static(0), axis2: Object = Static(1)
) -> Object:
    if array_only(tracer, a).rank == 2:
        return SUM(tracer, diagonal(tracer, a, offset, axis1, axis2))
    return SERVICES["inline"](tracer, written_indices.trace, [a, offset, axis1, axis2])  # type: ignore[no-any-return]


def diag(tracer: Tracer, v: Object, k: Object = Static(0)) -> Object:
    if array_only(tracer, v).rank > 2:
        tracer.refuse("contract", name="np.diag", problem="takes a vector or a matrix")
    return main_diagonal(tracer, v) if k == Static(0) else SERVICES["inline"](tracer, written_indices.diag, [v, k])


def diagonal(
    tracer: Tracer, a: Object, offset: Object = Static(0), axis1: Object = Static(0), axis2: Object = Static(1)
) -> Object:
    rank = array_only(tracer, a).rank
    if rank < 2:
        tracer.refuse("contract", name="np.diagonal", problem="takes an array of two dimensions or more")
    if rank == 2 and (offset, axis1, axis2) == (Static(0), Static(0), Static(1)):
        return main_diagonal(tracer, a)
    return SERVICES["inline"](tracer, written_indices.diagonal, [a, offset, axis1, axis2])  # type: ignore[no-any-return]


def main_diagonal(tracer: Tracer, a: Object) -> Object:
    """The diagonal of a matrix as a new array; of a vector the matrix with that diagonal (np.diag)."""
    item = array_only(tracer, a)
    content = tracer.read(item)
    if item.rank == 1:
        n, builder = content.extents[0], tracer.builder
        square = builder.broadcast(tracer.constant(0, content.dtype), [tracer.index.value(n)] * 2)
        (made,) = counted(
            tracer,
            n,
            [square],
            lambda k, c: [builder.emit("update", c[0], builder.emit("load", content.value, k), k, k)],
            True,
        )
        return tracer.fresh(ArrayValue(made, (n, n)))
    size = tracer.index.minimum(*content.extents)
    start = empty(tracer, content.dtype, (size,))
    (made,) = counted(
        tracer,
        size,
        [start],
        lambda k, c: [tracer.builder.emit("update", c[0], tracer.builder.emit("load", content.value, k, k), k)],
        True,
    )
    return tracer.fresh(ArrayValue(made, (size,)))


# -- by a loop


def along_axis(tracer: Tracer, a: Object, axis: Object) -> tuple[ArrayValue, int]:
    """The array and the axis to go along; without an axis its elements as a vector."""
    item = array_only(tracer, a)
    if axis == NONE and item.rank > 1:
        content = tracer.read(item)
        size = ONE
        if all(e.is_constant for e in content.extents):
            size = number(prod(e.constant for e in content.extents))
        else:
            count = count_of(tracer, content.extents, tuple(range(item.rank)), I64)
            tracer.index.suppose_natural(count)
            size = tracer.index.of(count)
        return ArrayValue(tracer.reshape(content.value, (size,)), (size,)), 0
    return tracer.read(item), 0 if axis == NONE else axis_within(tracer, axis, item.rank)


class _Layers:
    """An array as a row of layers across an axis: numbers for a vector."""

    def __init__(self, tracer: Tracer, content: ArrayValue, axis: int):
        index, rank = tracer.index, len(content.extents)
        self.builder, self.axis, self.rank = tracer.builder, axis, rank
        self.extents = tuple(e for k, e in enumerate(content.extents) if k != axis)
        self.sizes = [index.value(ONE if k == axis else e) for k, e in enumerate(content.extents)]
        self.attrs: dict[str, Any] = {"steps": (1,) * rank, "drop": (axis,)}

    def _starts(self, k: Value) -> list[Value]:
        return [k if axis == self.axis else self.builder.integer(0) for axis in range(self.rank)]

    def load(self, array: Value, k: Value) -> Value:
        if self.rank == 1:
            return self.builder.emit("load", array, k)
        return self.builder.emit("slice", array, *self._starts(k), *self.sizes, **self.attrs)

    def store(self, array: Value, layer: Value, k: Value) -> Value:
        if self.rank == 1:
            return self.builder.emit("update", array, layer, k)
        return self.builder.emit("update_slice", array, layer, *self._starts(k), **self.attrs)

    def filled(self, value: Value) -> Value:
        """A layer of equal elements."""
        if self.rank == 1:
            return value
        return self.builder.broadcast(value, [s for k, s in enumerate(self.sizes) if k != self.axis])


def cumulative(verb: str) -> Callable[..., Object]:
    def build(tracer: Tracer, a: Object, axis: Object = NONE, dtype: Object = NONE) -> Object:
        content, along = along_axis(tracer, a, axis)
        extreme = verb in ("maximum", "minimum")
        if extreme and content.dtype.kind == "c":
            tracer.refuse("operand", name=f"np.{verb}.accumulate", types=describe(a))
        kind = dtype_from(tracer, dtype, content.dtype if extreme else accumulator(content.dtype))
        value, builder = cast(tracer, content.value, kind), tracer.builder
        unit = _least(kind, verb) if extreme else 0 if verb == "sum" else 1
        row = {"sum": "add", "prod": "multiply"}.get(verb, verb)
        if along == len(content.extents) - 1 > 0:
            return tracer.fresh(ArrayValue(_along_rows(tracer, value, content.extents, row, unit), content.extents))
        layers = _Layers(tracer, content, along)
        start = layers.filled(builder.constant(unit, kind))

        def body(k: Value, carried: list[Value]) -> list[Value]:
            total = builder.emit(row, carried[0], layers.load(value, k))
            return [total, layers.store(carried[1], total, k)]

        _, made = counted(tracer, content.extents[along], [start, empty(tracer, kind, content.extents)], body)
        return tracer.fresh(ArrayValue(made, content.extents))

    return build


def _along_rows(tracer: Tracer, value: Value, extents: Sequence[Affine], row: str, unit: Any) -> Value:
    """Cumulated along the last axis, row by row."""
    builder, kind = tracer.builder, value.type.dtype

    def rows(made: Value, outer: list[Value]) -> Value:
        length = extents[len(outer)]
        if len(outer) < len(extents) - 1:
            return counted(tracer, length, [made], lambda k, inner: [rows(inner[0], [*outer, k])], True)[0]

        def step(k: Value, carried: list[Value]) -> list[Value]:
            total = builder.emit(row, carried[0], builder.emit("load", value, *outer, k))
            return [total, builder.emit("update", carried[1], total, *outer, k)]

        return counted(tracer, length, [builder.constant(unit, kind), made], step)[1]

    return rows(empty(tracer, kind, extents), [])


def _least(kind: DType, verb: str) -> Any:
    """What the cumulative maximum (minimum) begins with."""
    if kind == BOOL:
        return verb == "minimum"
    if kind.is_integer:
        return np.iinfo(kind.numpy).min if verb == "maximum" else np.iinfo(kind.numpy).max
    return -np.inf if verb == "maximum" else np.inf


def search(row: str) -> Callable[..., Object]:
    """argmax, argmin: the first of the extreme elements, or the first NaN."""

    def build(tracer: Tracer, a: Object, axis: Object = NONE) -> Object:
        name = f"np.arg{'max' if row == 'greater' else 'min'}"
        builder = tracer.builder
        content, along = along_axis(tracer, a, axis)
        if content.dtype.kind == "c":
            tracer.refuse("operand", name=name, types=describe(a))
        length, layers = content.extents[along], _Layers(tracer, content, along)
        some = builder.emit("greater", tracer.index.value(length), builder.integer(0))
        if not tracer.index.proves(length - 1):
            tracer.check(some, "value", "attempt to get the extreme of an empty sequence")
        if content.dtype != BOOL and along == len(content.extents) - 1 and not (length.is_constant and length.constant <= FEW):
            return _first_extreme(tracer, content, row == "greater")
        zero = builder.integer(0)
        first = layers.load(content.value, zero)

        def body(k: Value, carried: list[Value]) -> list[Value]:
            best, at = carried
            here = layers.load(content.value, k)
            better = builder.emit(row, here, best)
            if content.dtype.kind == "f":
                lost = builder.emit(
                    "bitwise_and", builder.emit("not_equal", here, here), builder.emit("equal", best, best)
                )
                better = builder.emit("bitwise_or", better, lost)
            return [builder.emit("where", better, here, best), builder.emit("where", better, layers.filled(k), at)]

        _, found = counted(tracer, length, [first, layers.filled(zero)], body, low=1)
        return tracer.fresh(ArrayValue(found, layers.extents)) if layers.extents else Scalar(found, False)

    return build


FEW = 16
"""Elements that are searched one after the other."""


def _first_extreme(tracer: Tracer, content: ArrayValue, larger: bool) -> Object:
    """Along the last axis, in vector registers."""
    place = SERVICES["inline"](tracer, written_indices.first_extremes, [tracer.fresh(content), Static(larger)])
    return Scalar(place.value, False) if isinstance(place, Scalar) else place


def difference(tracer: Tracer, a: Object, n: Object = Static(1), axis: Object = Static(-1)) -> Object:
    """np.diff: x[1:] - x[:-1] along an axis."""
    item = array_only(tracer, a)
    if not isinstance(n, Static) or type(n.value) is not int:
        tracer.refuse("static_needed", what="the order of np.diff")
    at = axis_within(tracer, axis, item.rank)
    for _ in range(n.value):
        content = tracer.read(item)
        size = tracer.index.at_least_zero(content.extents[at] - 1)
        extents = tuple(size if k == at else e for k, e in enumerate(content.extents))
        parts = [
            tracer.builder.emit(
                "slice",
                content.value,
                *(tracer.index.value(number(first if k == at else 0)) for k in range(item.rank)),
                *(tracer.index.value(e) for e in extents),
                steps=(1,) * item.rank,
                drop=(),
            )
            for first in (1, 0)
        ]
        row = "bitwise_xor" if content.dtype == BOOL else "subtract"
        item = tracer.fresh(ArrayValue(tracer.builder.emit(row, *parts), extents))
    return item


SUM, MAX, MIN = reduction("sum"), reduction("max"), reduction("min")
PROD, ANY, ALL = reduction("prod"), reduction("any"), reduction("all")
DIVIDE = ast.Div

REDUCTIONS: dict[Any, Any] = {
    np.sum: SUM, np.prod: PROD, np.max: MAX, np.min: MIN, np.amax: MAX, np.amin: MIN, np.any: ANY, np.all: ALL,
    np.mean: mean, np.var: variance, np.std: deviation, np.ptp: peak_to_peak, np.average: average,
    np.linalg.norm: norm, np.trace: trace, np.diag: diag, np.diagonal: diagonal, np.cumsum: cumulative("sum"),
    np.cumprod: cumulative("prod"), np.argmax: search("greater"), np.argmin: search("less"), np.diff: difference,
}  # fmt: skip

METHODS: dict[str, Any] = {
    "sum": SUM, "prod": PROD, "max": MAX, "min": MIN, "any": ANY, "all": ALL, "mean": mean, "var": variance,
    "std": deviation, "trace": trace, "cumsum": cumulative("sum"), "cumprod": cumulative("prod"),
    "argmax": search("greater"), "argmin": search("less"), "diagonal": diagonal,
}  # fmt: skip
