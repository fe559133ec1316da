"""The table of functions compiled code can call, by the function object itself: NumPy's, math's and Python's own.

Element-wise functions come from the rows (`OpDef.numpy`); the rest are small builders `(tracer, *arguments) -> object`
whose parameters are named as the function's own.
"""

from __future__ import annotations

import ast
import itertools
import math
import sys
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler import ops as rows
from wengert.compiler.frontend import (
    complexes,
    creation,
    einsum,
    fourier,
    functional,
    iterators,
    linalg,
    list_methods,
    lists,
    masks,
    once,
    order,
    output,
    overloads,
    products,
    reductions,
    shapes,
    ufuncs,
    written_lists,
    written_numbers,
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
from wengert.compiler.frontend.intrinsics import in_order, is_sequence, order_of, prange, stop_gradient, unset
from wengert.compiler.frontend.iteration import (
    enumerate_of,
    indexed_by_position,
    items_of,
    iterate,
    range_of,
    reversed_of,
    zip_of,
)
from wengert.compiler.frontend.merge import Mismatch, describe, join_numbers, to_value
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Iteration,
    Object,
    Scalar,
    Slice,
    Static,
    Tuple,
    Unset,
    is_list,
    is_number,
)
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.frontend.truth import truth
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import BOOL, F64, I64

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


def to_integer(row: str | None) -> Builder:
    """int(x), math.floor(x), ...: NaN and what no i64 holds raise, as in Python."""

    def build(tracer: Tracer, x: Object = Static(0)) -> Object:
        if is_number(x):
            fold: Any = {None: int, "floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "rint": round}[row]
            return Static(fold(x.value))  # type: ignore[union-attr]
        if not isinstance(x, Scalar):
            tracer.refuse("number_expected", what=describe(x))
        value, builder = x.value, tracer.builder
        if value.type.dtype.kind in "biu":
            return tracer.integer(tracer.index.of(builder.cast(value, I64)))
        if value.type.dtype.kind == "c":
            tracer.refuse("complex_store", target=I64)
        if row is not None:
            value = builder.emit(row, value)
        size = builder.emit("absolute", value)
        fits = builder.emit("less", size, builder.constant(2.0**63, value.type.dtype))
        tracer.check(fits, "value", "cannot convert float NaN, infinity or so large a number to an integer")
        return Scalar(builder.cast(value, I64), True)

    return build


FUNCTIONS |= {
    math.log: logarithm, math.floor: to_integer("floor"), math.ceil: to_integer("ceil"), math.trunc: to_integer("trunc"),
    math.radians: lambda t, x: binary(t, ast.Mult, x, Static(math.pi / 180)),
    math.degrees: lambda t, x: binary(t, ast.Mult, x, Static(180 / math.pi)),
}  # fmt: skip

# -- Python's own


NO_DEFAULT = Unset("")


def _extreme_of(tracer: Tracer, args: Sequence[Object], larger: bool, key: Object, default: Object) -> Object:
    """min and max with `key=` or `default=`."""
    items = args[0] if len(args) == 1 else Tuple(tuple, tuple(args))
    if isinstance(items, Iteration):
        items = sequence(list)(tracer, items)
    helper: Any = written_numbers.extreme
    if default is not NO_DEFAULT:
        if key != NONE:
            tracer.refuse("call_argument", name="max/min", problem="`key` and `default` together")
        helper, key = written_numbers.extreme_or, default
    made: Object = SERVICES["inline"](tracer, helper, [items, key, Static(larger)])
    return made


def extreme(kind: type[ast.AST], whole: Builder) -> Builder:
    """min and max of numbers: the first one unless a later one is strictly smaller (larger)."""

    def build(tracer: Tracer, *args: Object, key: Object = NONE, default: Object = NO_DEFAULT) -> Object:
        if key != NONE or default is not NO_DEFAULT:
            return _extreme_of(tracer, args, kind is ast.Gt, key, default)
        if len(args) == 1 and is_list(args[0]):
            made = whole(tracer, list_methods.of_numbers(tracer, args[0]))
            return Scalar(made.value, list_methods.is_weak(args[0])) if isinstance(made, Scalar) else made
        if len(args) == 1 and isinstance(args[0], Array):
            if args[0].rank != 1:
                tracer.refuse("truth_array")
            return whole(tracer, args[0])
        items = items_of(tracer, args[0]) if len(args) == 1 else args
        if not items:
            tracer.refuse("binding", name="min/max", problem="an empty sequence")
        best = items[0]
        for item in items[1:]:
            better = truth(tracer, binary(tracer, kind, item, best))
            if isinstance(better, bool):
                best = item if better else best
                continue
            try:
                dtype, weak = join_numbers(tracer, item, best)
            except Mismatch:
                tracer.refuse("conditional_types", a=describe(item), b=describe(best))
            values = [to_value(tracer, i, dtype) for i in (item, best)]
            best = Scalar(tracer.builder.emit("where", better, *values), weak)
        return best

    return build


def total(tracer: Tracer, iterable: Object, start: Object = Static(0)) -> Object:
    if is_list(iterable) and not list_methods.are_numbers(iterable):
        return SERVICES["inline"](tracer, written_numbers.sum_of, [iterable, list_methods.first_sum(tracer, iterable, start)])  # type: ignore[no-any-return]
    if is_list(iterable):
        numbers = list_methods.of_numbers(tracer, iterable)
        kind = Static(numbers.dtype.numpy) if numbers.dtype.kind in "iu" else NONE
        made = reductions.SUM(tracer, numbers, dtype=kind)
        made = Scalar(made.value, list_methods.is_weak(iterable)) if isinstance(made, Scalar) else made
        return made if start == Static(0) else binary(tracer, ast.Add, start, made)
    if isinstance(iterable, Array):
        if iterable.rank > 1:
            tracer.refuse("call", name="sum() of an array of several dimensions", help="Use `np.sum(x, axis=0)`.")
        own = Static(iterable.dtype.numpy) if iterable.dtype.kind in "iu" else NONE
        made = reductions.SUM(tracer, iterable, dtype=own)
        return made if start == Static(0) else binary(tracer, ast.Add, start, made)
    if isinstance(iterable, Iteration) and iterable.items is None:
        return SERVICES["inline"](tracer, written_numbers.sum_of, [iterable, start])  # type: ignore[no-any-return]
    result = start
    for item in items_of(tracer, iterable):
        result = binary(tracer, ast.Add, result, item)
    return result


def magnitude(tracer: Tracer, x: Object) -> Object:
    """Python's abs()."""
    own = overloads.special(tracer, "abs", x)
    return own if own is not None else complexes.absolute(tracer, x)


def length(tracer: Tracer, obj: Object) -> Object:
    own = overloads.special(tracer, "len", obj)
    if own is not None:
        return own
    if isinstance(obj, Iteration):
        known = indexed_by_position(tracer, obj).length
        return tracer.integer(known) if known is not None else Static(0)
    if is_list(obj):
        return tracer.integer(lists.length(tracer, obj))
    if isinstance(obj, Tuple):
        return Static(len(obj.items))
    if isinstance(obj, Array):
        return tracer.integer(tracer.extents(obj)[0])
    if isinstance(obj, Static) and isinstance(obj.value, str):
        return Static(len(obj.value))
    tracer.refuse("operand", name="len", types=describe(obj))


def to_float(tracer: Tracer, x: Object = Static(0.0)) -> Object:
    if is_number(x) or (isinstance(x, Static) and isinstance(x.value, str)):
        return Static(float(x.value))  # type: ignore[union-attr]
    return Scalar(scalar_value(tracer, x, F64), True)


def to_bool(tracer: Tracer, x: Object = Static(False)) -> Object:
    made = truth(tracer, x)
    return Static(made) if isinstance(made, bool) else Scalar(made, True)


def python_round(tracer: Tracer, number: Object, ndigits: Object = NONE) -> Object:
    if is_number(number) and isinstance(ndigits, Static):
        return Static(round(number.value, ndigits.value) if ndigits.value is not None else round(number.value))  # type: ignore[union-attr]
    if ndigits != NONE:
        return round_to(tracer, number, ndigits)
    return to_integer("rint")(tracer, number)


def round_to(tracer: Tracer, number: Object, ndigits: Object) -> Object:
    """round(x, digits): of a Python float as Python does, of NumPy's as np.round does."""
    if not isinstance(ndigits, Static) or type(ndigits.value) is not int or not 0 <= ndigits.value <= 22:
        tracer.refuse("static_needed", what="the digits of round() (0 to 22)")
    dtype, weak = dtype_and_weakness(operand(tracer, number)) or (F64, False)
    if dtype.kind in "biu":
        return number
    if not weak:
        return rounded(tracer, number, ndigits)
    return SERVICES["inline"](tracer, written_numbers.round_digits, [number, Static(10.0**ndigits.value)])  # type: ignore[no-any-return]


def sequence(kind: type) -> Builder:
    def build(tracer: Tracer, iterable: Object = Tuple(tuple, ())) -> Object:
        if kind is list and is_list(iterable):
            return list_methods.copied(tracer, iterable)
        if kind is list and isinstance(iterable, Array | Iteration):
            known = indexed_by_position(tracer, iterate(tracer, iterable))
            if known.items is None and (known.length is None or known.length.known is None):
                return SERVICES["inline"](tracer, written_lists.listed, [iterable])  # type: ignore[no-any-return]
        return Tuple(kind, items_of(tracer, iterable), fresh=kind is list)

    return build


def warned(tracer: Tracer, message: Object, *args: Object, **options: Object) -> Object:
    """warnings.warn(...): compiled code has no warnings."""
    return NONE


def limits(kind: Any) -> Builder:
    """np.finfo and np.iinfo, of a dtype or of something that has one."""

    def build(tracer: Tracer, dtype: Object) -> Object:
        named = isinstance(dtype, Static) and not is_number(dtype)
        found = creation.dtype_from(tracer, dtype) if named else dtype_and_weakness(operand(tracer, dtype))[0]  # type: ignore[index]
        try:
            return Static(kind(found.numpy))
        except ValueError as error:
            tracer.refuse("binding", name=f"np.{kind.__name__}", problem=str(error), raises=ValueError)

    return build


def dtype_of_all(tracer: Tracer, *arrays_and_dtypes: Object) -> Object:
    """np.result_type; np.promote_types of dtypes."""
    kinds: list[Any] = []
    for item in arrays_and_dtypes:
        if isinstance(item, Static) and not is_number(item):
            kinds.append(creation.dtype_from(tracer, item).numpy)
            continue
        known = dtype_and_weakness(as_array(tracer, item) if isinstance(item, Tuple) else item)
        if known is None:
            tracer.refuse("number_expected", what=describe(item))
        kinds.append({"b": False, "i": 0, "f": 0.0, "c": 0j}[known[0].kind] if known[1] else known[0].numpy)
    return Static(np.result_type(*kinds))


def silenced(tracer: Tracer, action: Object, *args: Object, **options: Object) -> Object:
    """warnings.simplefilter("ignore"): compiled code has no warnings."""
    if action != Static("ignore"):
        tracer.refuse("call", name="a filter of warnings that does not ignore them", help="Set it around the call.")
    return NONE


def repeated(tracer: Tracer, object: Object, times: Object = NONE) -> Object:  # noqa: A002
    """itertools.repeat(x, n)."""
    if times == NONE:
        tracer.refuse("call", name="itertools.repeat without a number", help="Say how often, or write `while True:`.")
    count = indexed_by_position(tracer, range_of(tracer, times))
    return Iteration(count.length, lambda i: object)


def slice_of(tracer: Tracer, *ends: Object) -> Object:
    """slice(stop), slice(start, stop), slice(start, stop, step): as between brackets."""
    if not 1 <= len(ends) <= 3:
        tracer.refuse("binding", name="slice", problem=f"{len(ends)} arguments")
    parts = [None if e == NONE else e for e in ends]
    return Slice(None, parts[0], None) if len(parts) == 1 else Slice(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def queue(tracer: Tracer, iterable: Object = Tuple(tuple, ())) -> Object:
    """collections.deque, as a list: taking from its left moves the rest."""
    made = sequence(list)(tracer, iterable)
    assert tracer.frame.statement is not None
    return lists.literal(tracer, tracer.frame.statement, made.items) if isinstance(made, Tuple) and not is_list(made) else made


def every(tracer: Tracer, iterable: Object) -> Object:
    if _of_run_time(tracer, iterable):
        return SERVICES["inline"](tracer, written_numbers.every, [iterable])  # type: ignore[no-any-return]
    return _fold_bools(tracer, iterable, "bitwise_and", True)


def some(tracer: Tracer, iterable: Object) -> Object:
    if _of_run_time(tracer, iterable):
        return SERVICES["inline"](tracer, written_numbers.some, [iterable])  # type: ignore[no-any-return]
    return _fold_bools(tracer, iterable, "bitwise_or", False)


def _of_run_time(tracer: Tracer, iterable: Object) -> bool:
    known = indexed_by_position(tracer, iterate(tracer, iterable))
    return known.items is None and (known.length is None or known.length.known is None)


def _fold_bools(tracer: Tracer, iterable: Object, row: str, unit: bool) -> Object:
    result: Any = unit
    for item in items_of(tracer, iterable):
        one = truth(tracer, item)
        if isinstance(one, bool):
            if one is not unit:
                return Static(one)
        else:
            result = one if isinstance(result, bool) else tracer.builder.emit(row, result, one)
    return Static(result) if isinstance(result, bool) else Scalar(result, True)


def division_with_rest(tracer: Tracer, a: Object, b: Object) -> Object:
    return Tuple(tuple, (binary(tracer, ast.FloorDiv, a, b), binary(tracer, ast.Mod, a, b)))


def parallel_range(tracer: Tracer, *args: Object) -> Object:
    return range_of(tracer, *args, parallel=True)


def constant_of_derivatives(tracer: Tracer, x: Object) -> Object:
    """stop_gradient, through structures."""
    if isinstance(x, Tuple):
        return Tuple(x.kind, tuple(constant_of_derivatives(tracer, i) for i in x.items), x.names)
    if isinstance(x, Array):
        content = tracer.read(x)
        return tracer.fresh(ArrayValue(tracer.builder.emit("stop_gradient", content.value), content.extents))
    if isinstance(x, Scalar):
        return Scalar(tracer.builder.emit("stop_gradient", x.value), x.weak)
    return x


FUNCTIONS |= {
    min: extreme(ast.Lt, reductions.MIN), max: extreme(ast.Gt, reductions.MAX), sum: total, len: length,
    float: to_float, int: to_integer(None), bool: to_bool, round: python_round, tuple: sequence(tuple), list: sequence(list),
    all: every, any: some, divmod: division_with_rest, pow: lambda t, a, b: binary(t, ast.Pow, a, b), print: output.show,
    str: lambda t, x=Static(""): output.joined(list(output.text_of(t, x, "s"))),
    repr: lambda t, x: output.joined(list(output.text_of(t, x, "r"))),
    range: range_of, enumerate: enumerate_of, zip: zip_of, reversed: reversed_of, prange: parallel_range,
    stop_gradient: constant_of_derivatives, deque: queue, slice: slice_of,
    warnings.warn: warned, np.dtype: lambda t, dtype: Static(creation.dtype_from(t, dtype).numpy),
    np.finfo: limits(np.finfo), np.iinfo: limits(np.iinfo),
    np.result_type: dtype_of_all, np.promote_types: dtype_of_all, itertools.repeat: repeated,
    warnings.simplefilter: silenced, warnings.filterwarnings: silenced, is_sequence: lambda t, x: Static(isinstance(x, Tuple)),
    in_order: order.in_order, order_of: order.order_of, unset: creation.unset,
    **complexes.COMPLEX, abs: magnitude, **functional.FUNCTIONAL | iterators.ITERATORS,
}  # fmt: skip
FUNCTIONS |= ufuncs.methods(FUNCTIONS)
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
    "input": "Pass it as an argument.",
}  # fmt: skip
