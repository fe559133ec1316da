"""Arrays made from numbers and lists: np.array, zeros, full, arange, linspace, eye, stack, concatenate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import arithmetic
from wengert.compiler.frontend.arithmetic import ONE, broadcast_to, dtype_and_weakness, require_same, scalar_value
from wengert.compiler.frontend.gather import empty
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Iteration, Object, Scalar, Static, Tuple, is_list
from wengert.compiler.frontend.tracer import SERVICES, WEAK_DTYPES, Tracer, provides
from wengert.compiler.frontend.views import as_index
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import BOOL, F32, F64, I64, DType, dtype_of

# -- dtypes and shapes


def dtype_from(tracer: Tracer, item: Object, default: DType = F64) -> DType:
    """The dtype an argument `dtype=` names."""
    if item == NONE:
        return default
    value = item.value if isinstance(item, Static) else None
    if isinstance(value, type) and value in WEAK_DTYPES:
        return WEAK_DTYPES[value]
    try:
        found = dtype_of(value) if value is not None else None
    except TypeError:
        found = None
    if found is None:
        tracer.refuse("unknown_dtype")
    return found


def shape_from(tracer: Tracer, item: Object) -> tuple[Affine, ...]:
    """A shape: an int or a tuple of ints; negative extents are refused, at run time where need be."""
    if isinstance(item, Array):
        tracer.refuse("static_needed", what="the number of dimensions")
    parts = item.items if isinstance(item, Tuple) else (item,)
    extents = tuple(as_index(tracer, p) for p in parts)
    for e in extents:
        if not tracer.index.proves(e):
            if e.is_constant:
                tracer.refuse("binding", name="shape", problem="negative dimensions are not allowed")
            value = tracer.index.value(e)
            enough = tracer.builder.emit("greater_equal", value, tracer.builder.integer(0))
            tracer.check(enough, "value", "negative dimensions are not allowed")
            tracer.index.suppose_natural(value, everywhere=False)
    return extents


def filled(tracer: Tracer, extents: tuple[Affine, ...], value: Value, weak: bool = False) -> Object:
    if not extents:
        return Scalar(value, weak)
    made = tracer.builder.broadcast(value, [tracer.index.value(e) for e in extents])
    return tracer.fresh(ArrayValue(made, extents))


def zeros(tracer: Tracer, shape: Object, dtype: Object = NONE, order: Object = Static("C")) -> Object:
    extents, kind = shape_from(tracer, shape), dtype_from(tracer, dtype)
    if order != Static("C"):
        tracer.refuse("order")
    return filled(tracer, extents, tracer.constant(0, kind))


def unset(tracer: Tracer, shape: Object, dtype: Object) -> Object:
    extents = shape_from(tracer, shape)
    return tracer.fresh(ArrayValue(empty(tracer, dtype_from(tracer, dtype), extents), extents))


def ones(tracer: Tracer, shape: Object, dtype: Object = NONE) -> Object:
    return filled(tracer, shape_from(tracer, shape), tracer.constant(1, dtype_from(tracer, dtype)))


def full(tracer: Tracer, shape: Object, fill_value: Object, dtype: Object = NONE) -> Object:
    known = scalar_type(fill_value)
    if known is None:
        spread = broadcast_array(tracer, fill_value, shape)
        return spread if dtype == NONE else arithmetic.convert(tracer, spread, dtype_from(tracer, dtype))
    kind = dtype_from(tracer, dtype, known[0])
    return filled(tracer, shape_from(tracer, shape), scalar_value(tracer, fill_value, kind))


def like(tracer: Tracer, a: Object) -> tuple[tuple[Affine, ...], DType]:
    a = arithmetic.operand(tracer, a)
    if isinstance(a, Array):
        return tracer.extents(a), a.dtype
    return (), scalar_type(a)[0]  # type: ignore[index]


def shape_like(tracer: Tracer, extents: tuple[Affine, ...], shape: Object) -> tuple[Affine, ...]:
    return extents if shape == NONE else shape_from(tracer, shape)


def zeros_like(tracer: Tracer, a: Object, dtype: Object = NONE, shape: Object = NONE) -> Object:
    extents, kind = like(tracer, a)
    return filled(tracer, shape_like(tracer, extents, shape), tracer.constant(0, dtype_from(tracer, dtype, kind)))


def ones_like(tracer: Tracer, a: Object, dtype: Object = NONE, shape: Object = NONE) -> Object:
    extents, kind = like(tracer, a)
    return filled(tracer, shape_like(tracer, extents, shape), tracer.constant(1, dtype_from(tracer, dtype, kind)))


def full_like(tracer: Tracer, a: Object, fill_value: Object, dtype: Object = NONE, shape: Object = NONE) -> Object:
    extents, kind = like(tracer, a)
    value = scalar_value(tracer, fill_value, dtype_from(tracer, dtype, kind))
    return filled(tracer, shape_like(tracer, extents, shape), value)


# -- from lists


def as_array(tracer: Tracer, item: Object, dtype: Object = NONE) -> Object:
    """A (nested) list of numbers and arrays as an array; numbers stay numbers, arrays the same array."""
    if is_list(item):
        made: Object = SERVICES["list_array"](tracer, item, dtype != NONE)
    elif isinstance(item, Tuple):
        made = from_list(tracer, item)
    elif isinstance(item, Array) or scalar_type(item) is not None:
        made = item
    elif isinstance(item, Iteration) and item.bounds is not None:
        low, high, step = item.bounds
        made = arange(tracer, tracer.integer(low), tracer.integer(high), step)
    else:
        tracer.refuse("number_expected", what=describe(item))
    if dtype != NONE:
        kind = dtype_from(tracer, dtype)
        if dtype_and_weakness(made) != (kind, False):
            return arithmetic.convert(tracer, made, kind)
    return made


def strong(tracer: Tracer, item: Object) -> Object:
    """A number as NumPy's functions return it: no longer a Python number."""
    known = scalar_type(item)
    return item if known is None else Scalar(scalar_value(tracer, item, known[0]), False)


def any_array(tracer: Tracer, a: Object, dtype: Object = NONE) -> Object:
    """np.asarray."""
    return strong(tracer, as_array(tracer, a, dtype))


def new_array(tracer: Tracer, object: Object, dtype: Object = NONE, copy: Object = Static(True)) -> Object:
    """np.array: as `any_array`, but new storage."""
    made = any_array(tracer, object, dtype)
    return copied(tracer, made) if made is object and copy == Static(True) else made


def copied(tracer: Tracer, a: Object) -> Object:
    a = arithmetic.operand(tracer, a)
    if isinstance(a, Array):
        return tracer.fresh(tracer.read(a))
    if isinstance(a, Scalar):
        return Scalar(a.value, False)
    return strong(tracer, a)


def leaves_of(tracer: Tracer, item: Object) -> tuple[list[Object], tuple[int, ...]]:
    """The elements of a nested list in order, and its shape. Raises TypeMismatch where it is ragged."""
    if not isinstance(item, Tuple):
        return [item], ()
    parts = [leaves_of(tracer, p) for p in item.items]
    shapes = {shape for _, shape in parts}
    if len(shapes) > 1:
        tracer.refuse("ragged")
    inner = next(iter(shapes), ())
    return [leaf for leaves, _ in parts for leaf in leaves], (len(parts), *inner)


def common_dtype(tracer: Tracer, items: Sequence[Object]) -> DType:
    """The dtype np.array gives these."""
    if not items:
        return F64
    kinds = []
    for item in items:
        known = dtype_and_weakness(item)
        if known is None:
            tracer.refuse("number_expected", what=describe(item))
        kinds.append(known[0].numpy)
    found = dtype_of(np.result_type(*kinds))
    assert found is not None
    return found


def with_rows_as_arrays(tracer: Tracer, item: Object) -> Object:
    """Lists of run-time length in it as arrays, and what stands beside these as well."""
    if is_list(item):
        return SERVICES["list_array"](tracer, item)  # type: ignore[no-any-return]
    if not isinstance(item, Tuple):
        return item
    parts = [with_rows_as_arrays(tracer, part) for part in item.items]
    if any(isinstance(part, Array) and part.rank for part in parts):
        parts = [from_list(tracer, part) if isinstance(part, Tuple) else part for part in parts]
    return Tuple(list, tuple(parts))


def from_list(tracer: Tracer, item: Tuple) -> Array:
    leaves, shape = leaves_of(tracer, with_rows_as_arrays(tracer, item))
    dtype = common_dtype(tracer, leaves)
    if any(isinstance(leaf, Array) for leaf in leaves):
        return from_rows(tracer, leaves, shape, dtype)
    extents = tuple(number(n) for n in shape)
    if not leaves:
        return tracer.fresh(ArrayValue(empty(tracer, dtype, extents), extents))
    values = [scalar_value(tracer, leaf, dtype) for leaf in leaves]
    return tracer.fresh(ArrayValue(tracer.builder.emit("pack", *values, shape=shape), extents))


def from_rows(tracer: Tracer, leaves: list[Object], shape: tuple[int, ...], dtype: DType) -> Array:
    """A list of arrays: each is put into its place of a new array."""
    if not all(isinstance(leaf, Array) for leaf in leaves):
        tracer.refuse("ragged")
    contents = [tracer.read(leaf) for leaf in leaves]  # type: ignore[arg-type]
    inner = contents[0].extents
    for c in contents[1:]:
        if len(c.extents) != len(inner):
            tracer.refuse("ragged")
        for p, q in zip(inner, c.extents, strict=True):
            require_same(tracer, p, q, "rows of different length")
    extents = (*(number(n) for n in shape), *inner)
    made = empty(tracer, dtype, extents)
    for place, content in zip(np.ndindex(*shape), contents, strict=True):
        starts = [tracer.builder.integer(k) for k in (*place, *[0] * len(inner))]
        value = tracer.builder.cast(content.value, dtype)
        made = tracer.builder.emit(
            "update_slice", made, value, *starts, steps=(1,) * len(extents), drop=tuple(range(len(shape)))
        )
    return tracer.fresh(ArrayValue(made, extents))


@provides("as_array")
def array_only(tracer: Tracer, item: Object) -> Array:
    """An array operand, lists included."""
    made = as_array(tracer, item)
    if not isinstance(made, Array):
        tracer.refuse("number_expected", what=describe(item))
    return made


# -- ranges


def arange(tracer: Tracer, *args: Object, dtype: Object = NONE) -> Object:
    ends = [Static(0), args[0], Static(1)] if len(args) == 1 else [*args, Static(1)][:3]
    integers = all((k := scalar_type(e)) is not None and k[0].is_integer for e in ends)
    if not integers:
        return float_range(tracer, ends, dtype)
    low, high, step = (as_index(tracer, e) for e in ends)
    index, builder = tracer.index, tracer.builder
    if step.is_constant and step.constant:
        by = step.constant
        span = high - low if by > 0 else low - high
        size = index.quotient(index.at_least_zero(span) + (abs(by) - 1), abs(by))
    else:  # ceil((high - low) / step), where a step of zero raises
        some = builder.emit("not_equal", index.value(step), builder.integer(0))
        tracer.check(some, "zero_division", "division by zero: the step of arange")
        rounds = builder.emit("floor_divide", index.value(low - high), index.value(step))
        size = index.at_least_zero(index.of(builder.emit("negative", rounds)))
    made = builder.emit("iota", index.value(size))
    if step != number(1):
        made = builder.emit("multiply", made, index.value(step))
    if low != number(0):
        made = builder.emit("add", made, index.value(low))
    kind = dtype_from(tracer, dtype, I64)
    return tracer.fresh(ArrayValue(arithmetic.cast(tracer, made, kind), (size,)))


def float_range(tracer: Tracer, ends: list[Object], dtype: Object) -> Object:
    """start + k * step, ceil((stop - start) / step) of them."""
    builder = tracer.builder
    low, high, step = (scalar_value(tracer, e, F64) for e in ends)
    span = builder.emit("divide", builder.emit("subtract", high, low), step)
    count = builder.cast(builder.emit("ceil", span), I64)
    size = tracer.index.at_least_zero(tracer.index.of(count))
    steps = builder.cast(builder.emit("iota", tracer.index.value(size)), F64)
    # NumPy's own: the difference of the first two elements, which is not `step` to the last bit
    delta = builder.emit("subtract", builder.emit("add", low, step), low)
    made = builder.emit("add", low, builder.emit("multiply", steps, delta))
    return tracer.fresh(ArrayValue(arithmetic.cast(tracer, made, dtype_from(tracer, dtype)), (size,)))


WEAK_REAL = ((F64, True), (I64, True), (BOOL, True))


def linspace(
    tracer: Tracer,
    start: Object,
    stop: Object,
    num: Object = Static(50),
    endpoint: Object = Static(True),
    retstep: Object = Static(False),
    dtype: Object = NONE,
) -> Object:
    builder, index = tracer.builder, tracer.index
    (size,) = shape_from(tracer, num)
    low, high = scalar_value(tracer, start, F64), scalar_value(tracer, stop, F64)
    parts = size - 1 if endpoint == Static(True) else size
    safe = index.maximum(parts, ONE)
    divisor = builder.cast(index.value(safe), F64)
    step = builder.emit("divide", builder.emit("subtract", high, low), divisor)
    places = builder.cast(builder.emit("iota", index.value(size)), F64)
    made = builder.emit("add", builder.emit("multiply", places, step), low)
    if endpoint == Static(True):
        if index.proves(size - 2):
            made = builder.emit("update", made, high, index.value(size - 1))
        elif not size.is_constant:
            last = builder.emit("equal", builder.emit("iota", index.value(size)), index.value(size - 1))
            many = builder.emit("greater", index.value(size), builder.integer(1))
            made = builder.emit("where", builder.emit("bitwise_and", last, many), high, made)
    kind = dtype_from(tracer, dtype)
    if dtype == NONE and all(arithmetic.dtype_and_weakness(x) in ((F32, False), *WEAK_REAL) for x in (start, stop)):
        kind = F64 if all(arithmetic.dtype_and_weakness(x) in WEAK_REAL for x in (start, stop)) else F32
    points = tracer.fresh(ArrayValue(arithmetic.cast(tracer, made, kind), (size,)))
    return Tuple(tuple, (points, Scalar(step, False))) if retstep == Static(True) else points


def eye(tracer: Tracer, N: Object, M: Object = NONE, k: Object = Static(0), dtype: Object = NONE) -> Object:
    (n,) = shape_from(tracer, N)
    (m,) = (n,) if M == NONE else shape_from(tracer, M)
    builder, index, kind = tracer.builder, tracer.index, dtype_from(tracer, dtype)
    sizes = [index.value(n), index.value(m)]
    rows = builder.broadcast(builder.emit("iota", sizes[0]), sizes, (0,))
    columns = builder.broadcast(builder.emit("iota", sizes[1]), sizes, (1,))
    shifted = builder.emit("subtract", columns, index.value(as_index(tracer, k)))
    on = builder.emit("equal", rows, shifted)
    made = builder.emit("where", on, builder.constant(1, kind), builder.constant(0, kind))
    return tracer.fresh(ArrayValue(made, (n, m)))


# -- joining


def pieces(tracer: Tracer, arrays: Object) -> list[Object]:
    if isinstance(arrays, Array) or is_list(arrays):
        tracer.refuse("static_needed", what="the number of arrays to join")
    assert isinstance(arrays, Tuple)
    return [as_array(tracer, a) for a in arrays.items]


def static_int(tracer: Tracer, item: Object, what: str) -> int:
    if not isinstance(item, Static) or type(item.value) is not int:
        tracer.refuse("static_needed", what=what)
    return item.value


def axis_within(tracer: Tracer, item: Object, rank: int) -> int:
    axis = static_int(tracer, item, "an axis")
    if not -rank <= axis < rank:
        tracer.refuse("axis", axis=axis, rank=rank)
    return axis % rank


def stack(tracer: Tracer, arrays: Object, axis: Object = Static(0)) -> Object:
    if is_list(arrays):
        made = as_array(tracer, arrays)
        return made if axis == Static(0) else moved_axis(tracer, array_only(tracer, made), axis)
    parts = pieces(tracer, arrays)
    if all(scalar_type(p) is not None for p in parts):
        return from_list(tracer, Tuple(list, tuple(parts)))
    if not all(isinstance(p, Array) for p in parts):
        tracer.refuse("ragged")
    return moved_axis(tracer, from_list(tracer, Tuple(list, tuple(parts))), axis)


def moved_axis(tracer: Tracer, made: Array, axis: Object) -> Array:
    """Axis 0 put elsewhere."""
    at = axis_within(tracer, axis, made.rank)
    if at == 0:
        return made
    content = tracer.read(made)
    order = (*range(1, at + 1), 0, *range(at + 1, len(content.extents)))
    value = tracer.builder.emit("transpose", content.value, axes=order)
    return tracer.fresh(ArrayValue(value, tuple(content.extents[k] for k in order)))


def concatenate(tracer: Tracer, arrays: Object, axis: Object = Static(0)) -> Object:
    parts = pieces(tracer, arrays)
    if not parts or not all(isinstance(p, Array) for p in parts):
        tracer.refuse("binding", name="concatenate", problem="zero-dimensional arrays cannot be concatenated")
    contents = [tracer.read(p) for p in parts]  # type: ignore[arg-type]
    rank = len(contents[0].extents)
    at, dtype = axis_within(tracer, axis, rank), common_dtype(tracer, parts)
    total: Affine = number(0)
    for c in contents:
        if len(c.extents) != rank:
            tracer.refuse("shapes", a=f"of {rank} dimensions", b=f"of {len(c.extents)}")
        for k, (p, q) in enumerate(zip(contents[0].extents, c.extents, strict=True)):
            if k != at:
                require_same(
                    tracer, p, q, "all the input array dimensions except for the concatenation axis must match"
                )
        total = total + c.extents[at]
    extents = tuple(total if k == at else e for k, e in enumerate(contents[0].extents))
    made, place = empty(tracer, dtype, extents), number(0)
    for c in contents:
        starts = [tracer.index.value(place if k == at else number(0)) for k in range(rank)]
        value = tracer.builder.cast(c.value, dtype)
        made = tracer.builder.emit("update_slice", made, value, *starts, steps=(1,) * rank, drop=())
        place = place + c.extents[at]
    return tracer.fresh(ArrayValue(made, extents))


def at_least(tracer: Tracer, item: Object, rank: int) -> Object:
    """Rows out of vectors and numbers, as vstack and hstack have it."""
    made = item if isinstance(item, Array) else from_list(tracer, Tuple(list, (item,)))
    if made.rank >= rank:
        return made
    content = tracer.read(made)
    return tracer.fresh(ArrayValue(tracer.reshape(content.value, (ONE, *content.extents)), (ONE, *content.extents)))


def vstack(tracer: Tracer, tup: Object) -> Object:
    return concatenate(tracer, Tuple(list, tuple(at_least(tracer, p, 2) for p in pieces(tracer, tup))))


def hstack(tracer: Tracer, tup: Object) -> Object:
    parts = [at_least(tracer, p, 1) for p in pieces(tracer, tup)]
    axis = 0 if parts[0].rank == 1 else 1  # type: ignore[union-attr]
    return concatenate(tracer, Tuple(list, tuple(parts)), Static(axis))


def broadcast_array(tracer: Tracer, array: Object, shape: Object) -> Object:
    if scalar_type(array) is not None:
        return full(tracer, shape, array)
    content, extents = tracer.read(array_only(tracer, array)), shape_from(tracer, shape)
    for own, wanted in zip(content.extents[::-1], extents[::-1], strict=False):
        if own != ONE:
            require_same(tracer, own, wanted, "could not broadcast, extents differ")
    return tracer.fresh(ArrayValue(broadcast_to(tracer, content, extents), extents))


CREATION: dict[Any, Any] = {
    np.zeros: zeros, np.empty: zeros, np.ones: ones, np.full: full, np.zeros_like: zeros_like, np.empty_like: zeros_like,
    np.ones_like: ones_like, np.full_like: full_like, np.array: new_array, np.asarray: any_array, np.copy: copied,
    np.arange: arange, np.linspace: linspace, np.eye: eye, np.identity: lambda t, n, dtype=NONE: eye(t, n, dtype=dtype),
    np.stack: stack, np.concatenate: concatenate, np.vstack: vstack, np.hstack: hstack, np.broadcast_to: broadcast_array,
    np.asanyarray: any_array, np.ndarray: zeros,
}  # fmt: skip
