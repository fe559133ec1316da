"""Functions of Python itself in compiled code: extremes, sums, conversions, containers, warnings; and our own intrinsics."""

from __future__ import annotations

import ast
import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import (
    complexes,
    creation,
    functional,
    iterators,
    list_methods,
    list_reads,
    lists,
    order,
    output,
    overloads,
    reductions,
    written_lists,
    written_numbers,
)
from wengert.compiler.frontend.arithmetic import (
    binary,
    dtype_and_weakness,
    operand,
    scalar_value,
)
from wengert.compiler.frontend.creation import as_array
from wengert.compiler.frontend.intrinsics import in_order, is_sequence, order_of, prange, stop_gradient, unset
from wengert.compiler.frontend.iteration import (
    enumerate_of,
    indexed_by_position,
    items_of,
    iterate,
    length_at_run_time,
    range_of,
    reversed_of,
    zip_of,
)
from wengert.compiler.frontend.kinds import Mismatch, describe, join_numbers, to_value
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
from wengert.compiler.ir.types import F64, I64

Builder = Callable[..., Object]
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
        return tracer.integer(list_reads.length(tracer, obj))
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
        return SERVICES["call"](tracer, Static(np.round), [number, ndigits], {})  # type: ignore[no-any-return]
    return SERVICES["inline"](tracer, written_numbers.round_digits, [number, Static(10.0**ndigits.value)])  # type: ignore[no-any-return]


def sequence(kind: type) -> Builder:
    def build(tracer: Tracer, iterable: Object = Tuple(tuple, ())) -> Object:
        if kind is list and is_list(iterable):
            return list_methods.copied(tracer, iterable)
        if kind is list and isinstance(iterable, Array | Iteration):
            known = indexed_by_position(tracer, iterate(tracer, iterable))
            if known.at_run_time:
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


def power(tracer: Tracer, base: Object, exp: Object, mod: Object = NONE) -> Object:
    """pow(base, exp), pow(base, exp, mod)."""
    if mod == NONE:
        return binary(tracer, ast.Pow, base, exp)
    known = [dtype_and_weakness(x) for x in (base, exp, mod)]
    if not all(k is not None and k[0].kind in "bi" and k[1] for k in known):  # as Python and NumPy's numbers have it
        tracer.refuse("binding", name="pow", problem="a modulus goes with Python's whole numbers, `int(x)`")
    return SERVICES["inline"](tracer, written_numbers.power_modulo, [base, exp, mod])  # type: ignore[no-any-return]


def queue(tracer: Tracer, iterable: Object = Tuple(tuple, ())) -> Object:
    """collections.deque, as a list: taking from its left moves the rest."""
    made = sequence(list)(tracer, iterable)
    assert tracer.frame.statement is not None
    return lists.literal(tracer, tracer.frame.statement, made.items) if isinstance(made, Tuple) and not is_list(made) else made


def every(tracer: Tracer, iterable: Object) -> Object:
    if length_at_run_time(tracer, iterable):
        return SERVICES["inline"](tracer, written_numbers.every, [iterable])  # type: ignore[no-any-return]
    return _fold_bools(tracer, iterable, "bitwise_and", True)


def some(tracer: Tracer, iterable: Object) -> Object:
    if length_at_run_time(tracer, iterable):
        return SERVICES["inline"](tracer, written_numbers.some, [iterable])  # type: ignore[no-any-return]
    return _fold_bools(tracer, iterable, "bitwise_or", False)


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


PYTHON: dict[Any, Builder] = {
    min: extreme(ast.Lt, reductions.MIN), max: extreme(ast.Gt, reductions.MAX), sum: total, len: length,
    float: to_float, int: to_integer(None), bool: to_bool, round: python_round, tuple: sequence(tuple), list: sequence(list),
    all: every, any: some, divmod: division_with_rest, pow: power, print: output.show,
    str: lambda t, x=Static(""): output.joined(list(output.text_of(t, x, "s"))),
    repr: lambda t, x: output.joined(list(output.text_of(t, x, "r"))),
    range: range_of, enumerate: enumerate_of, zip: zip_of, reversed: reversed_of, prange: parallel_range,
    stop_gradient: constant_of_derivatives, deque: queue, slice: slice_of,
    warnings.warn: warned, np.dtype: lambda t, dtype: Static(creation.dtype_from(t, dtype).numpy),
    np.finfo: limits(np.finfo), np.iinfo: limits(np.iinfo),
    np.result_type: dtype_of_all, np.promote_types: dtype_of_all, itertools.repeat: repeated,
    warnings.simplefilter: silenced, warnings.filterwarnings: silenced, is_sequence: lambda t, x: Static(isinstance(x, Tuple)),
    in_order: order.in_order, order_of: order.order_of, unset: creation.unset, abs: magnitude,
    **functional.FUNCTIONAL, **iterators.ITERATORS,
}  # fmt: skip
