"""The table of functions compiled code can call, by the function object itself: NumPy's, math's and Python's own
(python_functions).

Element-wise functions come from the rows (`OpDef.numpy`); the rest are small builders `(tracer, *arguments) -> object`
whose parameters are named as the function's own.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler import ops as rows
from wengert.compiler.frontend import (
    complexes,
    constructors,
    creation,
    einsum,
    fourier,
    linalg,
    masks,
    once,
    products,
    python_functions,
    reductions,
    shapes,
    ufuncs,
)
from wengert.compiler.frontend.arithmetic import (
    apply,
    binary,
    convert,
    dtype_and_weakness,
    emit,
    operand,
    promoted,
    scalar_value,
    spread,
    wrap,
)
from wengert.compiler.frontend.creation import array_only, as_array
from wengert.compiler.frontend.creation import strong as _strong
from wengert.compiler.frontend.gather import arrays_for_lists, scatter
from wengert.compiler.frontend.kinds import describe
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    Object,
    Scalar,
    Static,
    Tuple,
    is_number,
)
from wengert.compiler.frontend.python_functions import to_integer
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import BOOL, F64

assert rows  # importing it fills the registry

Builder = Callable[..., Object]
FUNCTIONS: dict[Any, Builder] = {}
"""Function object -> builder."""

# -- element-wise, from the rows

_BINARY: dict[str, type[ast.AST]] = {
    "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div, "floor_divide": ast.FloorDiv,
    "remainder": ast.Mod, "power": ast.Pow,
}  # fmt: skip


def _elementwise(row: str, name: str) -> Builder:
    if row in _BINARY:
        return lambda t, x1, x2: _strong(t, binary(t, _BINARY[row], operand(t, x1), operand(t, x2)))
    if row in ("floor", "ceil", "trunc"):
        return lambda t, x: _rounded(t, row, x)
    return lambda t, *xs: _strong(t, apply(t, row, xs, name))


def _rounded(tracer: Tracer, row: str, x: Object) -> Object:
    """Rounding leaves integers as they are; np.round takes a bool for a number, of a dtype that is not compiled."""
    item = operand(tracer, x)
    kind = dtype_and_weakness(item)[0].kind  # type: ignore[index]
    if kind in "iu" or (kind == "b" and row != "rint"):
        return _strong(tracer, creation.copied(tracer, item))
    return _strong(tracer, apply(tracer, row, (item,)))


def _register_rows() -> None:
    for row in REGISTRY.values():
        if row.kind != "elementwise" or row.name in ("where", "cast"):
            continue
        for name in row.numpy:
            function = getattr(np, name, None)
            if function is None:
                continue
            canonical = name if isinstance(function, np.ufunc) else row.name
            FUNCTIONS[function] = _elementwise(row.name, canonical)


_register_rows()


def scipy_function(value: Any) -> Builder | None:
    """The builder of a scipy.special function that is a row (erf). SciPy's module is not imported for its sake."""
    special: Any = sys.modules.get("scipy.special")
    if special is None or not isinstance(value, np.ufunc):
        return None
    name: str = value.__name__
    row = "lgamma" if name == "gammaln" else name
    return _elementwise(row, row) if row in REGISTRY and getattr(special, name, None) is value else None


# -- element-wise, composed


def where(tracer: Tracer, condition: Object, x: Object = NONE, y: Object = NONE) -> Object:
    if x == NONE and y == NONE:
        return masks.nonzero(tracer, condition)
    if x == NONE or y == NONE:
        tracer.refuse("binding", name="np.where", problem="either both or neither of x and y should be given")
    a, b = operand(tracer, x), operand(tracer, y)
    (first, second), _ = promoted(tracer, "maximum", (a, b))
    values, extents = (
        spread(tracer, (operand(tracer, condition), a, b), (BOOL, first, second))
        if _is_bool(tracer, condition)
        else (spread(tracer, (reductions.truth_of(tracer, operand(tracer, condition)), a, b), (BOOL, first, second)))
    )
    return wrap(tracer, emit(tracer, "where", values), extents, False)


def _is_bool(tracer: Tracer, item: Object) -> bool:
    return dtype_and_weakness(operand(tracer, item))[0] == BOOL  # type: ignore[index]


def clip(tracer: Tracer, a: Object, a_min: Object = NONE, a_max: Object = NONE) -> Object:
    made = operand(tracer, a)
    if a_min != NONE:
        made = apply(tracer, "maximum", (made, a_min))
    if a_max != NONE:
        made = apply(tracer, "minimum", (made, a_max))
    return _strong(tracer, made)


def square(tracer: Tracer, x: Object) -> Object:
    item = operand(tracer, x)
    kind = promoted(tracer, "square", (item,))[0][0]
    if dtype_and_weakness(item)[0] == BOOL:  # type: ignore[index]
        item = convert(tracer, item, kind)
    return _strong(tracer, binary(tracer, ast.Mult, item, item))


def reciprocal(tracer: Tracer, x: Object) -> Object:
    item = operand(tracer, x)
    if dtype_and_weakness(item)[0].kind not in "fc":  # type: ignore[index]
        tracer.refuse("operand", name="np.reciprocal", types="integers")
    return _strong(tracer, apply(tracer, "divide", (Static(1), item)))


def positive(tracer: Tracer, x: Object) -> Object:
    item = operand(tracer, x)
    promoted(tracer, "positive", (item,))  # refuses bools
    return _strong(tracer, creation.copied(tracer, item))


def scaled(factor: float, name: str) -> Builder:
    def build(tracer: Tracer, x: Object) -> Object:
        item = operand(tracer, x)
        (kind,), _ = promoted(tracer, name, (item,))
        return _strong(tracer, apply(tracer, "multiply", (convert(tracer, item, kind), Static(factor))))

    return build


def heaviside(tracer: Tracer, x1: Object, x2: Object) -> Object:
    given = [operand(tracer, x) for x in (x1, x2)]
    kinds, _ = promoted(tracer, "heaviside", given)
    item, other = (convert(tracer, x, k) for x, k in zip(given, kinds, strict=True))
    step = where(tracer, apply(tracer, "greater", (item, Static(0))), Static(1.0), Static(0.0))
    made = where(tracer, apply(tracer, "equal", (item, Static(0))), other, convert(tracer, step, kinds[0]))
    return where(tracer, apply(tracer, "not_equal", (item, item)), item, made)


def float_power(tracer: Tracer, x1: Object, x2: Object) -> Object:
    """In double precision."""
    given = [operand(tracer, x) for x in (x1, x2)]
    kinds, _ = promoted(tracer, "float_power", given)
    return binary(tracer, ast.Pow, *(convert(tracer, x, k) for x, k in zip(given, kinds, strict=True)))


def rounded(tracer: Tracer, a: Object, decimals: Object = Static(0)) -> Object:
    if not isinstance(decimals, Static) or type(decimals.value) is not int or decimals.value < 0:
        tracer.refuse("static_needed", what="decimals of np.round (not negative)")
    if decimals.value and dtype_and_weakness(operand(tracer, a))[0] == BOOL:  # type: ignore[index]
        tracer.refuse("operand", name="np.round to decimals", types="bools")
    if decimals.value == 0 or dtype_and_weakness(operand(tracer, a))[0].kind in "iu":  # type: ignore[index]
        return _rounded(tracer, "rint", a)
    factor = Static(float(10**decimals.value))
    return apply(tracer, "divide", (apply(tracer, "rint", (apply(tracer, "multiply", (a, factor)),)), factor))


def logical(row: str) -> Builder:
    def build(tracer: Tracer, *xs: Object) -> Object:
        return _strong(tracer, apply(tracer, row, [reductions.truth_of(tracer, operand(tracer, x)) for x in xs]))

    return build


def at(row: str) -> Builder:
    """np.add.at and its like: equal indices take effect one after the other."""

    def build(tracer: Tracer, a: Object, indices: Object, b: Object) -> Object:
        target = array_only(tracer, a)
        dtype = dtype_and_weakness(operand(tracer, b))[0]  # type: ignore[index]
        if not np.can_cast(dtype.numpy, target.dtype.numpy, "same_kind"):
            tracer.refuse("operand", name=f"np.{row}.at", types=f"{describe(a)} and {describe(b)}")
        if row in ("maximum", "minimum") and target.dtype.kind == "c":
            tracer.refuse("operand", name=f"np.{row}.at", types=describe(a))
        items = list(indices.items) if isinstance(indices, Tuple) and indices.kind is tuple else [indices]
        items = masks.picked(tracer, target, arrays_for_lists(tracer, items))
        if row == "add":
            scatter(tracer, target, items, b, accumulate=True)
        else:
            scatter(tracer, target, items, b, combine=lambda old, new: tracer.builder.emit(row, old, new))
        return NONE

    return build


def dtype_type(kind: Any) -> Builder:
    """np.float32(x): a strong number, or an array of that dtype."""

    def build(tracer: Tracer, x: Object = Static(0)) -> Object:
        return convert(tracer, as_array(tracer, x), creation.dtype_from(tracer, Static(kind)))

    return build


def size_of(tracer: Tracer, a: Object, axis: Object = NONE) -> Object:
    item = array_only(tracer, a)
    extents = tracer.extents(item)
    if axis != NONE:
        return tracer.integer(extents[creation.axis_within(tracer, axis, item.rank)])
    total: Object = Static(1)
    for e in extents:
        total = binary(tracer, ast.Mult, total, tracer.integer(e))
    return total


def shape_of(tracer: Tracer, a: Object) -> Object:
    item = as_array(tracer, a)
    return (
        Tuple(tuple, tuple(tracer.integer(e) for e in tracer.extents(item)))
        if isinstance(item, Array)
        else Tuple(tuple, ())
    )


def rank_of(tracer: Tracer, a: Object) -> Object:
    item = as_array(tracer, a)
    return Static(item.rank if isinstance(item, Array) else 0)


FUNCTIONS |= {
    np.where: where, np.clip: clip, np.square: square, np.reciprocal: reciprocal, np.positive: positive,
    np.deg2rad: scaled(math.pi / 180, "deg2rad"), np.radians: scaled(math.pi / 180, "radians"),
    np.rad2deg: scaled(180 / math.pi, "rad2deg"),
    np.degrees: scaled(180 / math.pi, "degrees"), np.heaviside: heaviside, np.float_power: float_power, np.round: rounded,
    np.around: rounded,
    np.logical_and: logical("bitwise_and"), np.logical_or: logical("bitwise_or"), np.logical_not: logical("invert"),
    np.logical_xor: logical("bitwise_xor"), np.size: size_of, np.shape: shape_of,
    np.ndim: rank_of,
}  # fmt: skip
FUNCTIONS |= {getattr(np, row).at: at(row) for row in ("add", "subtract", "multiply", "maximum", "minimum")}
FUNCTIONS |= creation.CREATION | reductions.REDUCTIONS | products.PRODUCTS | shapes.SHAPES | linalg.LINALG
FUNCTIONS |= einsum.EINSUM | masks.MASKS | fourier.TRANSFORMS
FUNCTIONS |= {
    kind: dtype_type(kind)
    for kind in (
        np.float64,
        np.float32,
        np.int64,
        np.int32,
        np.int16,
        np.int8,
        np.uint8,
        np.uint16,
        np.uint32,
        np.uint64,
        np.bool_,
        np.complex128,
        np.complex64,
    )
}

# -- math


def _math(row: str, function: Any) -> Builder:
    def build(tracer: Tracer, *xs: Object) -> Object:
        if all(is_number(x) for x in xs):
            try:
                return Static(function(*(x.value for x in xs)))  # type: ignore[union-attr]
            except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
                tracer.refuse("binding", name=f"math.{function.__name__}", problem=str(error))
        values = [Scalar(scalar_value(tracer, x, F64), True) for x in xs]
        return apply(tracer, row, values, weak=True) if row != "power" else binary(tracer, ast.Pow, *values)

    return build


_MATH = {name: name for name in (
    "sqrt", "exp", "expm1", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot", "copysign",
    "erf", "erfc", "gamma", "lgamma", "fmod", "isnan", "isinf", "isfinite", "cbrt", "exp2",
)} | {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
      "atanh": "arctanh", "fabs": "absolute", "pow": "power"}  # fmt: skip
FUNCTIONS |= {getattr(math, n): _math(row, getattr(math, n)) for n, row in _MATH.items() if hasattr(math, n)}


def logarithm(tracer: Tracer, x: Object, base: Object = NONE) -> Object:
    if base == NONE:
        return _math("log", math.log)(tracer, x)
    if is_number(x) and is_number(base):
        return Static(math.log(x.value, base.value))  # type: ignore[union-attr]
    return binary(tracer, ast.Div, _math("log", math.log)(tracer, x), _math("log", math.log)(tracer, base))


FUNCTIONS |= {
    math.log: logarithm, math.floor: to_integer("floor"), math.ceil: to_integer("ceil"), math.trunc: to_integer("trunc"),
    math.radians: lambda t, x: binary(t, ast.Mult, x, Static(math.pi / 180)),
    math.degrees: lambda t, x: binary(t, ast.Mult, x, Static(180 / math.pi)),
}  # fmt: skip

FUNCTIONS |= complexes.COMPLEX | python_functions.PYTHON
FUNCTIONS |= ufuncs.methods(FUNCTIONS) | {constructors.stored: constructors.with_field}
FUNCTIONS |= {made: once.one_shot(FUNCTIONS[made]) for made in once.ITERATORS}

RANDOM = "Draw the numbers before the call and pass the array."

HELP: dict[str, str] = {
    "poly": "Multiply the factors `x - root` in a loop.",
    "i0": "Compute it outside of the compiled function.",
    "ldexp": "Write `x * 2.0**n`.",
    "nextafter": "Compute it outside of the compiled function.",
    "frexp": "Compute it outside of the compiled function.",
    "open": "Read files before the compiled function.",
    "accumulate": "Write a loop.", "reduceat": "Write a loop.", "reduce": "Write a loop.",
    "logging": "Leave it out, or write `print(...)`.",
    "as_strided": "Use `np.lib.stride_tricks.sliding_window_view(x, n)`, or parts in a loop: `x[i : i + n]`.",
    "input": "Pass it as an argument.",
}  # fmt: skip
