"""Arithmetic: + - * / // % ** and their kin. Integer operations wrap around as NumPy's do."""

from __future__ import annotations

import numpy as np

from wengert.compiler.ops import complexes
from wengert.compiler.ops.comparison import where
from wengert.compiler.ops.elementwise import elementwise

add = elementwise(
    "add",
    np.add,
    kinds="iufc",
    partials=lambda z, x, y: (1.0, 1.0),
    instruction={"f": "fadd", "i": "add", "u": "add"},
    doc="x + y",
)
subtract = elementwise(
    "subtract",
    np.subtract,
    kinds="iufc",
    partials=lambda z, x, y: (1.0, -1.0),
    instruction={"f": "fsub", "i": "sub", "u": "sub"},
    doc="x - y",
)
multiply = elementwise(
    "multiply",
    np.multiply,
    kinds="iufc",
    partials=lambda z, x, y: (y, x),
    instruction={"f": "fmul", "i": "mul", "u": "mul"},
    doc="x * y",
)
divide = elementwise(
    "divide",
    np.divide,
    kinds="fc",
    numpy=("divide", "true_divide"),
    partials=lambda z, x, y: (1.0 / y, -z / y),
    singular=True,
    instruction={"f": "fdiv"},
    domain=((-2.0, 2.0), (0.5, 2.0)),
    doc="x / y of floating-point operands",
)
negative = elementwise(
    "negative",
    np.negative,
    kinds="iufc",
    partials=lambda z, x: (-1.0,),
    instruction={"f": "fneg"},
    expand=lambda x: x.lift(0) - x,
    doc="-x",
)
truncated_divide = elementwise(
    "truncated_divide",
    lambda x, y: np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(np.where(y == 0, 1, y))),
    kinds="iu",
    numpy=(),
    instruction={"i": "sdiv", "u": "udiv"},
    guarded=True,
    domain=((-9, 9), (1, 5)),
    doc="integer quotient rounded towards zero, as C's; y must not be 0",
)
fmod = elementwise(
    "fmod",
    np.fmod,
    kinds="iuf",
    partials=lambda z, x, y: (1.0, -trunc(x / y)),
    instruction={"f": "frem", "i": "srem", "u": "urem"},
    guarded=True,
    domain=((-9.3, 9.1), (1.1, 4.0)),
    kinks="where x / y is an integer: the derivative of the piece the value is on",
    doc="remainder with the sign of x, as C's",
)


def _floor_divide(x, y):  # type: ignore[no-untyped-def]
    """As NumPy's npy_divmod (numpy/_core/src/npymath/npy_math_internal.h.src)."""
    remainder_ = fmod(x, y)
    adjust = (remainder_.differs(0)).both((remainder_ < 0).apply("not_equal", y < 0))
    if x.value.type.dtype.kind != "f":
        return truncated_divide(x, y) - where(adjust, x.lift(1), x.lift(0))
    quotient = (x - remainder_) / y - where(adjust, x.lift(1), x.lift(0))
    lower = floor(quotient)
    rounded = where((quotient - lower) > 0.5, lower + 1.0, lower)
    signed_zero = copysign(x.lift(0.0), x / y)
    exact = where(quotient.differs(0), rounded, signed_zero)
    return where(y.equals(0), x / y, exact)


def _remainder(x, y):  # type: ignore[no-untyped-def]
    r = fmod(x, y)
    adjust = (r.differs(0)).both((r < 0).apply("not_equal", y < 0))
    shifted = where(adjust, r + y, r)
    if x.value.type.dtype.kind != "f":
        return shifted
    return where(r.equals(0), copysign(x.lift(0.0), y), shifted)


floor_divide = elementwise(
    "floor_divide",
    np.floor_divide,
    kinds="iuf",
    partials=lambda z, x, y: (None, None),
    expand=_floor_divide,
    guarded=True,
    domain=((-9.3, 9.1), (1.1, 4.0)),
    kinks="a step function: its derivative is 0 everywhere, also on the steps",
    doc="x // y, rounded towards minus infinity",
)
remainder = elementwise(
    "remainder",
    np.remainder,
    kinds="iuf",
    numpy=("remainder", "mod"),
    partials=lambda z, x, y: (1.0, -floor_divide(x, y)),
    expand=_remainder,
    guarded=True,
    domain=((-9.3, 9.1), (1.1, 4.0)),
    kinks="where x / y is an integer: the derivative of the piece the value is on",
    doc="x % y, with the sign of y",
)


def _partials_of_power(z, x, y):  # type: ignore[no-untyped-def]
    real = not complexes.is_complex(x)
    return (
        where(y.equals(0.0), x.lift(0.0), y * power(x, y - 1.0)),
        where(x > 0.0 if real else x.differs(0.0), z * x.apply("log"), x.lift(0.0)),
    )


power = elementwise(
    "power",
    np.power,
    kinds="fc",
    numpy=("power",),
    partials=_partials_of_power,
    singular=True,
    call=("pow", "__nv_pow"),
    expand=complexes.power,
    domain=((0.3, 2.0), (-2.0, 2.0)),
    kinks="x**0 has derivative 0 in x everywhere; the derivative in y is taken as 0 for x <= 0 (complex: at x = 0)",
    doc="x**y of floating-point operands",
)
absolute = elementwise(
    "absolute",
    np.absolute,
    kinds="if",
    numpy=("absolute", "abs", "fabs"),
    partials=lambda z, x: (sign(x),),
    call=("fabs", "__nv_fabs"),
    expand=lambda x: where(x < 0, -x, x),
    kinks="at 0: 0, the mean of the one-sided derivatives",
    doc="|x|",
)
sign = elementwise(
    "sign",
    np.sign,
    kinds="if",
    partials=lambda z, x: (None,),
    expand=lambda x: where(x > 0, x.lift(1), where(x < 0, x.lift(-1), where(x.equals(0), x.lift(0), x))),
    kinks="a step function: its derivative is 0 everywhere",
    doc="-1, 0 or 1; NaN where x is",
)


def _half_on_tie(first, second):  # type: ignore[no-untyped-def]
    """1 where `first` holds, 1/2 where neither does, else 0; as numbers of the operands' dtype."""

    def partials(z, x, y):  # type: ignore[no-untyped-def]
        one, half, zero = x.lift(1.0), x.lift(0.5), x.lift(0.0)
        px = where(first(x, y), one, where(second(x, y), zero, half))
        return (px, one - px)

    return partials


minimum = elementwise(
    "minimum",
    np.minimum,
    kinds="biuf",
    partials=_half_on_tie(lambda x, y: x < y, lambda x, y: y < x),
    expand=lambda x, y: where((x < y).apply("bitwise_or", x.differs(x)), x, y),
    kinks="x == y: half to each, the mean of the one-sided derivatives",
    doc="the smaller; NaN where either is",
)
maximum = elementwise(
    "maximum",
    np.maximum,
    kinds="biuf",
    partials=_half_on_tie(lambda x, y: x > y, lambda x, y: y > x),
    expand=lambda x, y: where((x > y).apply("bitwise_or", x.differs(x)), x, y),
    kinks="x == y: half to each, the mean of the one-sided derivatives",
    doc="the larger; NaN where either is",
)
copysign = elementwise(
    "copysign",
    np.copysign,
    partials=lambda z, x, y: (sign(x) * sign(z), None),
    call=("copysign", "__nv_copysign"),
    domain=((0.3, 2.0), (0.3, 2.0)),
    kinks="at x = 0: 0",
    doc="|x| with the sign of y",
)
floor = elementwise(
    "floor", np.floor, partials=lambda z, x: (None,), call=("floor", "__nv_floor"), kinks="a step function: 0", doc="⌊x⌋"
)
ceil = elementwise(
    "ceil", np.ceil, partials=lambda z, x: (None,), call=("ceil", "__nv_ceil"), kinks="a step function: 0", doc="⌈x⌉"
)
trunc = elementwise(
    "trunc",
    np.trunc,
    numpy=("trunc", "fix"),
    partials=lambda z, x: (None,),
    call=("trunc", "__nv_trunc"),
    kinks="a step function: 0",
    doc="x rounded towards zero",
)
rint = elementwise(
    "rint",
    np.rint,
    numpy=("rint", "round"),
    partials=lambda z, x: (None,),
    call=("rint", "__nv_rint"),
    kinks="a step function: 0",
    doc="x rounded to the nearest integer, halves to even",
)
