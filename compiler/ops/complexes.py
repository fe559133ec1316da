"""Complex numbers: their parts, and the elementary functions of them in terms of real rows.

Pairing of cotangents is Re(sum(cotangent * tangent)), without conjugation (passes/autodiff/reverse.py), so that
a row which is holomorphic needs one rule for real and complex operands. The rows here are linear over the real numbers only;
their pullbacks follow from that pairing:

    r = Re z          Re(r_bar dr) = Re(r_bar dz)             z_bar = r_bar + 0i
    s = Im z          Re(s_bar ds) = Re(-i s_bar dz)          z_bar = 0 - i s_bar
    w = conj z        Re(w_bar conj(dz)) = Re(conj(w_bar) dz) z_bar = conj(w_bar)
    z = x + iy        Re(z_bar (dx + i dy))                   x_bar = Re z_bar, y_bar = -Im z_bar

Formulas of the functions: W. Kahan, Branch cuts for complex elementary functions (1987); signed zeros choose the side of a cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import PART, DType, Type
from wengert.compiler.ops.comparison import where
from wengert.compiler.ops.elementwise import common_shape, extent_of_operand

WHOLE: dict[DType, DType] = {part: whole for whole, part in PART.items()}

Rule = Callable[..., Any]


def _one(name: str, operands: Sequence[Value]) -> Value:
    if len(operands) != 1 or operands[0].type.dtype not in PART:
        raise InferenceError(f"{name} of {', '.join(str(v.type) for v in operands)}")
    return operands[0]


def _infer_part(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    z = _one("part", operands)
    return (z.type.with_dtype(PART[z.type.dtype]),)


def _infer_conjugate(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    return (_one("conjugate", operands).type,)


def _infer_complex(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    dtypes = [v.type.dtype for v in operands]
    if len(dtypes) != 2 or dtypes[0] != dtypes[1] or dtypes[0] not in WHOLE:
        raise InferenceError(f"complex of {', '.join(map(str, dtypes))}")
    return (Type(WHOLE[dtypes[0]], common_shape("complex", operands)),)


def _evaluate_complex(x: Any, y: Any) -> Any:
    """Not x + 1j * y, which loses signed zeros and makes NaN of infinities."""
    x, y = np.broadcast_arrays(x, y)
    made = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
    made.real, made.imag = x, y
    return made[()]


def _pullback_real(ctx: Any, op: Op, cotangent: Value) -> None:
    r = Sym(ctx.builder, cotangent)
    ctx.add(op.operands[0], complex_of(r, r.lift(0.0)).value)


def _pullback_imag(ctx: Any, op: Op, cotangent: Value) -> None:
    s = Sym(ctx.builder, cotangent)
    ctx.add(op.operands[0], complex_of(s.lift(0.0), -s).value)


def _pullback_conjugate(ctx: Any, op: Op, cotangent: Value) -> None:
    ctx.add(op.operands[0], conjugate(Sym(ctx.builder, cotangent)).value)


def _pullback_complex(ctx: Any, op: Op, cotangent: Value) -> None:
    z = Sym(ctx.builder, cotangent)
    for operand, part in zip(op.operands, (real, lambda z: -imag(z)), strict=True):
        if ctx.wants(operand):
            ctx.add(operand, part(z).value)


def _row(
    name: str, infer: Any, evaluate: Rule, pullback: Rule, doc: str, linear_in: tuple[int, ...] = (0,), **fields: Any
) -> None:
    register(
        OpDef(name, "elementwise", infer, evaluate, linear_in=linear_in, pullback=pullback, extent=extent_of_operand, doc=doc, **fields)
    )  # fmt: skip


_row("real", _infer_part, np.real, _pullback_real, "real part", instruction={"c": "real"})
_row("imag", _infer_part, np.imag, _pullback_imag, "imaginary part", instruction={"c": "imag"})
_row(
    "conjugate", _infer_conjugate, np.conjugate, _pullback_conjugate, "x - iy of x + iy", instruction={"c": "conjugate"}
)
_row(
    "complex", _infer_complex, _evaluate_complex, _pullback_complex, "x + iy of real x and y", (0, 1), instruction={"f": "complex"}
)  # fmt: skip


def real(z: Sym) -> Sym:
    return z.apply("real")


def imag(z: Sym) -> Sym:
    return z.apply("imag")


def conjugate(z: Sym) -> Sym:
    return z.apply("conjugate")


def complex_of(x: Sym, y: Sym | float) -> Sym:
    return x.apply("complex", y)


def is_complex(z: Sym) -> bool:
    return z.value.type.dtype.kind == "c"


# -- elementary functions


def exp(z: Sym) -> Sym:
    """e^x (cos y + i sin y); on the real axis the imaginary part is y itself, also where e^x is infinite."""
    x, y = real(z), imag(z)
    size = x.apply("exp")
    return complex_of(where(y.equals(0.0), size, size * y.apply("cos")), where(y.equals(0.0), y, size * y.apply("sin")))


def expm1(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    half = (y * 0.5).apply("sin")
    return complex_of(x.apply("expm1") * y.apply("cos") - 2.0 * half * half, x.apply("exp") * y.apply("sin"))


def log_modulus(x: Sym, y: Sym) -> Sym:
    """ln |x + iy|; near the unit circle by log1p of |z|² - 1."""
    a, b = x.apply("absolute"), y.apply("absolute")
    large, small = a.apply("maximum", b), a.apply("minimum", b)
    size = x.apply("hypot", y)
    near = (large - 1.0) * (large + 1.0) + small * small
    return ((size > 0.5).both(size < 2.0)).where(near.apply("log1p") * 0.5, size.apply("log"))


def log(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    return complex_of(log_modulus(x, y), y.apply("arctan2", x))


def log1p(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    # |1 + z|² - 1 = x (2 + x) + y²
    near = (x.apply("absolute") < 0.5).both(y.apply("absolute") < 0.5)
    close = where(near, x * (x + 2.0) + y * y, x.lift(0.0)).apply("log1p") * 0.5
    return complex_of(where(near, close, log_modulus(x + 1.0, y)), y.apply("arctan2", x + 1.0))


def scaled_log(base: float) -> Rule:
    """Logarithm to another base."""

    def rule(z: Sym) -> Sym:
        made = log(z)
        return complex_of(real(made) * (1.0 / base), imag(made) * (1.0 / base))

    return rule


def sqrt(z: Sym) -> Sym:
    """The root in the right half plane; continuous from the side of the cut that the sign of y tells."""
    x, y = real(z), imag(z)
    large = ((x.apply("absolute") + x.apply("hypot", y)) * 0.5).apply("sqrt")
    zero = large.equals(0.0)
    small = y.apply("absolute") * 0.5 / where(zero, x.lift(1.0), large)
    right = x >= 0.0
    return complex_of(where(right, large, small), where(right, small, large).apply("copysign", y))


def sin(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    return complex_of(x.apply("sin") * y.apply("cosh"), x.apply("cos") * y.apply("sinh"))


def cos(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    return complex_of(x.apply("cos") * y.apply("cosh"), -(x.apply("sin") * y.apply("sinh")))


def sinh(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    return complex_of(x.apply("sinh") * y.apply("cos"), x.apply("cosh") * y.apply("sin"))


def cosh(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    return complex_of(x.apply("cosh") * y.apply("cos"), x.apply("sinh") * y.apply("sin"))


def tanh(z: Sym) -> Sym:
    """Kahan's form; beyond |x| = 22 the real part is ±1 to the last bit."""
    x, y = real(z), imag(z)
    far = x.apply("absolute") > 22.0
    near_x = where(far, x.lift(0.0), x)
    t, s = y.apply("tan"), near_x.apply("sinh")
    beta = t * t + 1.0
    below = beta * s * s + 1.0
    decay = (x.apply("absolute") * -2.0).apply("exp")
    return complex_of(
        where(far, x.apply("sign"), beta * near_x.apply("cosh") * s / below),
        where(far, 4.0 * y.apply("sin") * y.apply("cos") * decay, t / below),
    )


def turned(function: Rule) -> Rule:
    """-i f(iz): the circular function of a hyperbolic one."""

    def rule(z: Sym) -> Sym:
        made = function(complex_of(-imag(z), real(z)))
        return complex_of(imag(made), -real(made))

    return rule


def arctanh(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    off = 1.0 - x
    modulus_ = (4.0 * x / (off * off + y * y)).apply("log1p") * 0.25
    return complex_of(modulus_, (2.0 * y).apply("arctan2", off * (1.0 + x) - y * y) * 0.5)


def _around_one(z: Sym) -> tuple[Sym, Sym]:
    """√(1 - z) and √(1 + z)."""
    x, y = real(z), imag(z)
    return sqrt(complex_of(1.0 - x, -y)), sqrt(complex_of(1.0 + x, y))


def arcsin(z: Sym) -> Sym:
    low, high = _around_one(z)
    return complex_of(
        real(z).apply("arctan2", real(low) * real(high) - imag(low) * imag(high)),
        (real(low) * imag(high) - imag(low) * real(high)).apply("arcsinh"),
    )


def arccos(z: Sym) -> Sym:
    low, high = _around_one(z)
    return complex_of(
        2.0 * real(low).apply("arctan2", real(high)), (real(high) * imag(low) - imag(high) * real(low)).apply("arcsinh")
    )


def arccosh(z: Sym) -> Sym:
    x, y = real(z), imag(z)
    low, high = sqrt(complex_of(x - 1.0, y)), sqrt(complex_of(x + 1.0, y))
    return complex_of(
        (real(low) * real(high) + imag(low) * imag(high)).apply("arcsinh"), 2.0 * imag(low).apply("arctan2", real(high))
    )


def power(z: Sym, w: Sym) -> Sym:
    """e^(w ln z); z**0 is 1, and 0**w is 0 where Re w > 0, else NaN, as NumPy's (npy_cpow)."""
    x, y, p, q = real(z), imag(z), real(w), imag(w)
    at_zero, no_power = x.equals(0.0).both(y.equals(0.0)), p.equals(0.0).both(q.equals(0.0))
    size, angle = log_modulus(where(at_zero, x.lift(1.0), x), y), y.apply("arctan2", x)
    general = exp(complex_of(p * size - q * angle, q * size + p * angle))
    origin = where(p > 0.0, p.lift(0.0), p.lift(float("nan")))
    special = where(no_power, p.lift(1.0), origin)
    rest = where(no_power, p.lift(0.0), origin)
    either = at_zero.apply("bitwise_or", no_power)
    return complex_of(where(either, special, real(general)), where(either, rest, imag(general)))
