"""What objects are: in words for messages, the dtype of a number, and the one that two numbers have in common."""

from __future__ import annotations

from typing import Any

from wengert.compiler.frontend.objects import (
    Array,
    Object,
    Scalar,
    Static,
    Tuple,
    is_list,
    is_maybe,
    is_number,
)
from wengert.compiler.frontend.tracer import WEAK_DTYPES, Retrace, Tracer
from wengert.compiler.ir.core import Value, constant_of
from wengert.compiler.ir.types import DType


class Mismatch(Exception):
    """Two objects that have no common meaning; says what each is."""


def describe(item: Object | None) -> str:
    """What an object is, for messages."""
    if item is None or item == Static(None):
        return "None"
    if isinstance(item, Array):
        return f"an array of {item.dtype} with {item.rank} dimension{'s' * (item.rank != 1)}"
    if isinstance(item, Scalar):
        python = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
        name = python[item.value.type.dtype.kind] if item.weak else item.value.type.dtype.name
        return ("an " if name[0] in "aei" else "a ") + name
    if is_maybe(item):
        return f"None or {describe(item.items[1])}"
    if is_list(item):
        return "a list of a length known only at run time"
    if isinstance(item, Tuple):
        return f"a {item.kind.__name__} of {len(item.items)}"
    if isinstance(item, Static):
        if is_number(item):
            return f"the number {item.value!r}"
        if isinstance(item.value, str):
            return f"the string {item.value!r}"
        return f"`{getattr(item.value, '__name__', type(item.value).__name__)}`"
    return {"Closure": "a function", "Method": "a method", "Partial": "a partial function", "Unset": "nothing"}.get(
        type(item).__name__, type(item).__name__.lower()
    )


def can_be_missing(item: Object) -> bool:
    """Whether it may be None on other paths: numbers, arrays, and tuples of these."""
    if isinstance(item, Tuple):
        return not is_list(item) and all(map(can_be_missing, item.items))
    return isinstance(item, Array) or scalar_type(item) is not None


# -- numbers


def scalar_type(item: Object) -> tuple[DType, bool] | None:
    """dtype and weakness of a number, None for anything else."""
    if isinstance(item, Scalar):
        return item.value.type.dtype, item.weak
    if is_number(item):
        assert isinstance(item, Static)
        return WEAK_DTYPES[type(item.value)], True
    return None


_ORDER = "bifc"


def join_scalars(a: Object, b: Object) -> tuple[DType, bool]:
    """The type of a number that is `a` on one path and `b` on the other. Raises Mismatch."""
    p, q = scalar_type(a), scalar_type(b)
    if p is None or q is None:
        raise Mismatch
    if p == q:
        return p
    if p[0] == q[0]:
        return p[0], False
    if p[1] and q[1]:
        return p if _ORDER.index(p[0].kind) > _ORDER.index(q[0].kind) else q
    if p[1] == q[1]:
        raise Mismatch
    weak, strong = (a, q[0]) if p[1] else (b, p[0])
    known = constant_known(weak)
    if known is not None and _fits(known, strong):
        return strong, False
    if strong.name == "f64" and scalar_type(weak)[0].kind in "if":  # type: ignore[index]
        return strong, False
    raise Mismatch


def join_numbers(tracer: Tracer, a: Object, b: Object) -> tuple[DType, bool]:
    """As `join_scalars`. Where one is what a loop began with (`total = 0.0`) and the other of a dtype that holds this exactly,
    the loop begins with that dtype, and the function is traced anew. Raises Mismatch, Retrace."""
    try:
        return join_scalars(a, b)
    except Mismatch:
        for item, other in ((a, b), (b, a)):
            kind, wanted = scalar_type(item), scalar_type(other)
            if kind is not None and wanted is not None and kind[1] and not wanted[1]:
                begin_with(tracer, item, wanted[0])
        raise


def begin_with(tracer: Tracer, item: Object, dtype: DType) -> None:
    """Raises Retrace where the loops that carry this number, which nothing has been added to, may begin with the dtype."""
    keys = []
    while isinstance(item, Scalar) and item.value in tracer.carried:
        key, item = tracer.carried[item.value]
        keys.append(("begins", *key))
    if keys and is_exactly(item, dtype) and keys[-1] not in tracer.lists:
        tracer.lists[keys[-1]] = dtype
        raise Retrace


def is_exactly(item: Object, dtype: DType) -> bool:
    """Whether it is a known number that the dtype holds."""
    known = constant_known(item)
    return known is not None and _fits(known, dtype)


def constant_known(item: Object) -> Any:
    if isinstance(item, Static):
        return item.value
    return constant_of(item.value) if isinstance(item, Scalar) else None


def _fits(value: Any, dtype: DType) -> bool:
    """Whether a Python number is exactly one of the dtype."""
    if isinstance(value, bool) or (isinstance(value, complex) and dtype.kind != "c"):
        return dtype.kind == "b"
    if dtype.is_integer:
        low = 0 if dtype.kind == "u" else -(2 ** (dtype.bits - 1))
        return isinstance(value, int) and low <= value < 2 ** (dtype.bits - (dtype.kind == "i"))
    if dtype.kind == "b":
        return False
    return complex(dtype.numpy.type(value)) == complex(value) or value != value


def to_value(tracer: Tracer, item: Object, dtype: DType) -> Value:
    """The IR value of a number, converted."""
    if isinstance(item, Static):
        return tracer.constant(item.value, dtype)
    assert isinstance(item, Scalar)
    return tracer.builder.cast(item.value, dtype)
