"""Complex numbers in the user's program: parts that are views, conjugates, absolute values, `complex(x, y)`.

z.real[0] = 3.0       part of the storage of z: the imaginary part stays
abs(z)                hypot of the parts; 0 at 0, with derivative 0 there
"""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from typing import Any

import numpy as np

from wengert.compiler.frontend import creation
from wengert.compiler.frontend.arithmetic import (
    apply,
    binary,
    convert,
    dtype_and_weakness,
    operand,
    promoted,
    scalar_value,
)
from wengert.compiler.frontend.objects import Array, ArrayValue, Object, Scalar, Static, is_number
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.types import BOOL, C128, F64, I8, PART

FALSE = Static(False)


def is_complex(item: Object) -> bool:
    known = dtype_and_weakness(item)
    return known is not None and known[0].kind == "c"


def _made(tracer: Tracer, row: str, item: Object) -> Object:
    """A row of one complex operand, as a new value."""
    if isinstance(item, Array):
        content = tracer.read(item)
        return tracer.fresh(ArrayValue(tracer.builder.emit(row, content.value), content.extents))
    assert isinstance(item, Scalar)
    return Scalar(tracer.builder.emit(row, item.value), item.weak)


def part(tracer: Tracer, owner: Object, which: str) -> Object:
    """`.real` or `.imag`; of an array a view of it."""
    if is_number(owner):
        return Static(getattr(owner.value, which))  # type: ignore[union-attr]
    if not is_complex(owner):
        if which == "real":
            return owner
        return creation.zeros_like(tracer, owner) if isinstance(owner, Array) else _zero(tracer, owner)
    if isinstance(owner, Array):
        return replace(owner, part=which)
    return _made(tracer, which, owner)


def _zero(tracer: Tracer, owner: Object) -> Object:
    dtype, weak = dtype_and_weakness(owner)  # type: ignore[misc]
    return Scalar(tracer.constant(0, dtype), weak)


def conjugate(tracer: Tracer, x: Object) -> Object:
    """NumPy's: a new array, also of real numbers."""
    if is_number(x):
        return Static(x.value.conjugate())  # type: ignore[union-attr]
    item = operand(tracer, x)
    if is_complex(item):
        return _made(tracer, "conjugate", item)
    known = dtype_and_weakness(item)
    if known is not None and known[0] == BOOL and not known[1]:
        return convert(tracer, item, I8)
    return creation.copied(tracer, item)


def absolute(tracer: Tracer, x: Object) -> Object:
    """|z|. The strong zero of `where` makes its derivative 0 at 0, the mean over the directions."""
    if is_number(x):
        return Static(abs(x.value))  # type: ignore[union-attr]
    item = operand(tracer, x)
    if not is_complex(item):
        return apply(tracer, "absolute", (item,))
    builder = tracer.builder
    content = tracer.read(item) if isinstance(item, Array) else None
    value = content.value if content is not None else item.value  # type: ignore[union-attr]
    zero = builder.constant(0, PART[value.type.dtype])
    size = builder.emit("hypot", builder.emit("real", value), builder.emit("imag", value))
    size = builder.emit("where", builder.emit("equal", value, builder.constant(0, value.type.dtype)), zero, size)
    if content is not None:
        return tracer.fresh(ArrayValue(size, content.extents))
    return Scalar(size, item.weak)  # type: ignore[union-attr]


def angle(tracer: Tracer, z: Object, deg: Object = FALSE) -> Object:
    item = operand(tracer, z)
    if not is_complex(item):
        kind = dtype_and_weakness(item)[0]  # type: ignore[index]
        if kind.kind in "biu":
            item = convert(tracer, item, promoted(tracer, "arctan2", (item, item))[0][0])
        y: Object = apply(tracer, "multiply", (item, Static(0.0)))
        y = apply(tracer, "absolute", (y,))
    else:
        y, item = part(tracer, item, "imag"), part(tracer, item, "real")
    made = apply(tracer, "arctan2", (y, item))
    if deg == FALSE:
        return made
    if deg != Static(True):
        tracer.refuse("static_needed", what="whether np.angle is in degrees")
    return binary(tracer, ast.Mult, made, Static(180 / math.pi))


def make(tracer: Tracer, real: Object = Static(0.0), imag: Object = Static(0.0)) -> Object:
    """Python's complex(x, y)."""
    if isinstance(real, Static) and isinstance(real.value, str):
        return Static(complex(real.value))
    if is_number(real) and is_number(imag):
        return Static(complex(real.value, imag.value))  # type: ignore[union-attr, arg-type]
    if imag == Static(0.0) and is_complex(operand(tracer, real)):
        return Scalar(scalar_value(tracer, real, C128), True)
    if any(is_complex(operand(tracer, x)) for x in (real, imag)):
        real, imag = (Scalar(scalar_value(tracer, x, C128), True) for x in (real, imag))
        return binary(tracer, ast.Add, real, binary(tracer, ast.Mult, imag, Static(1j)))
    x, y = (scalar_value(tracer, x, F64) for x in (real, imag))
    return Scalar(tracer.builder.emit("complex", x, y), True)


def imaginary_part(row: str) -> Any:
    """np.isreal and np.iscomplex: how the imaginary part compares with 0."""
    return lambda tracer, x: apply(tracer, row, (part(tracer, operand(tracer, x), "imag"), Static(0)), weak=False)


def holds_complex(answer: bool) -> Any:
    """np.iscomplexobj and np.isrealobj."""
    return lambda tracer, x: Static(is_complex(operand(tracer, x)) is answer)


def squared_modulus(tracer: Tracer, x: Object) -> Object:
    """|z|² without a root: x² + y², or x² of a real number."""
    if not is_complex(x):
        return apply(tracer, "multiply", (x, x))
    parts = [part(tracer, x, which) for which in ("real", "imag")]
    return apply(tracer, "add", tuple(apply(tracer, "multiply", (p, p)) for p in parts))


COMPLEX: dict[Any, Any] = {
    np.real: lambda t, val: part(t, operand(t, val), "real"), np.imag: lambda t, val: part(t, operand(t, val), "imag"),
    np.conjugate: conjugate, np.angle: angle, np.absolute: absolute, np.isreal: imaginary_part("equal"),
    np.iscomplex: imaginary_part("not_equal"),
    np.iscomplexobj: holds_complex(True), np.isrealobj: holds_complex(False), complex: make, abs: absolute,
}  # fmt: skip


def _conjugate_method(tracer: Tracer, x: Object) -> Object:
    """The method of arrays, which leaves bools as they are."""
    kind = dtype_and_weakness(x)
    plain = isinstance(x, Array | Scalar) and kind is not None and kind[0] == BOOL
    return creation.copied(tracer, x) if plain else conjugate(tracer, x)


METHODS: dict[str, Any] = {"conj": _conjugate_method, "conjugate": _conjugate_method}
