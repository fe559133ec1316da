"""Mathematical functions of floating-point numbers: libm (vectorised through libmvec) on the CPU, libdevice on the GPU."""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, inf, nan, pi
from math import erf as _erf
from math import erfc as _erfc
from math import gamma as _gamma
from math import lgamma as _lgamma
from math import log as _log
from math import sqrt as _sqrt
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Sym
from wengert.compiler.ops import complexes
from wengert.compiler.ops.arithmetic import divide
from wengert.compiler.ops.comparison import where
from wengert.compiler.ops.elementwise import elementwise


def _function(
    name: str,
    evaluate: Callable[..., Any],
    partials: Callable[..., tuple[Any, ...]],
    domain: tuple[float, float],
    libm: str = "",
    complex_: Callable[[Sym], Sym] | None = None,
    **fields: Any,
) -> Callable[..., Sym]:
    """A row for a function of one operand under its libm name (libdevice's is the same with a prefix).

    complex_: the function of a complex operand in terms of real rows, for a function that is defined there.
    """
    c_name = libm or name
    if complex_ is not None:
        fields |= {"kinds": "fc", "expand": complex_}
    return elementwise(
        name, evaluate, partials=partials, domain=(domain,), call=(c_name, "__nv_" + c_name), **fields
    )


def _unless_zero(x):  # type: ignore[no-untyped-def]
    """x, inf where it is 0: what is divided by it is 0 then, in derivatives of every order."""
    return where(x.equals(0.0), x.lift(inf), x)


sqrt = _function("sqrt", np.sqrt, lambda y, x: (0.5 / y,), (0.1, 4.0), singular=True, kinks="at 0: inf; of a sum of squares: see `root_of_squares`", complex_=complexes.sqrt, doc="√x")
root_of_squares = elementwise(
    "root_of_squares",
    np.sqrt,
    partials=lambda y, x: (0.5 / _unless_zero(y),),
    call=("sqrt", "__nv_sqrt"),
    domain=((0.1, 4.0),),
    kinks="what `np.sqrt` of a sum of squares is, as in norms, `np.std` and `np.sqrt(d @ d)`; at 0: 0, the middle of the cone",
    doc="√x of an x that is a sum of squares by its form",
)
cbrt = _function("cbrt", np.cbrt, lambda y, x: (1.0 / (3.0 * y * y),), (0.1, 4.0), singular=True, kinks="at 0: inf", doc="∛x")  # fmt: skip
exp = _function("exp", np.exp, lambda y, x: (y,), (-2.0, 2.0), complex_=complexes.exp, doc="eˣ")
exp2 = _function("exp2", np.exp2, lambda y, x: (y * _log(2.0),), (-2.0, 2.0), doc="2ˣ")
expm1 = _function("expm1", np.expm1, lambda y, x: (y + 1.0,), (-2.0, 2.0), complex_=complexes.expm1, doc="eˣ - 1, exact near 0")
log = _function("log", np.log, lambda y, x: (1.0 / x,), (0.1, 4.0), singular=True, complex_=complexes.log, doc="ln x")
log2 = _function("log2", np.log2, lambda y, x: (1.0 / (x * _log(2.0)),), (0.1, 4.0), singular=True, complex_=complexes.scaled_log(_log(2.0)), doc="log₂ x")
log10 = _function("log10", np.log10, lambda y, x: (1.0 / (x * _log(10.0)),), (0.1, 4.0), singular=True, complex_=complexes.scaled_log(_log(10.0)), doc="log₁₀ x")
log1p = _function("log1p", np.log1p, lambda y, x: (1.0 / (1.0 + x),), (-0.5, 2.0), singular=True, complex_=complexes.log1p, doc="ln(1 + x), exact near 0")  # fmt: skip
sin = _function("sin", np.sin, lambda y, x: (cos(x),), (-3.0, 3.0), complex_=complexes.sin, doc="sin x, x in radians")
cos = _function("cos", np.cos, lambda y, x: (-sin(x),), (-3.0, 3.0), complex_=complexes.cos, doc="cos x, x in radians")
tan = _function("tan", np.tan, lambda y, x: (1.0 + y * y,), (-1.2, 1.2), complex_=complexes.turned(complexes.tanh), doc="tan x, x in radians")
arcsin = _function("arcsin", np.arcsin, lambda y, x: (1.0 / sqrt(1.0 - x * x),), (-0.9, 0.9), "asin", singular=True, complex_=complexes.arcsin, doc="arcsin x in radians")  # fmt: skip
arccos = _function("arccos", np.arccos, lambda y, x: (-1.0 / sqrt(1.0 - x * x),), (-0.9, 0.9), "acos", singular=True, complex_=complexes.arccos, doc="arccos x in radians")  # fmt: skip
arctan = _function("arctan", np.arctan, lambda y, x: (1.0 / (1.0 + x * x),), (-3.0, 3.0), "atan", complex_=complexes.turned(complexes.arctanh), doc="arctan x in radians")  # fmt: skip
sinh = _function("sinh", np.sinh, lambda y, x: (cosh(x),), (-2.0, 2.0), complex_=complexes.sinh, doc="sinh x")
cosh = _function("cosh", np.cosh, lambda y, x: (sinh(x),), (-2.0, 2.0), complex_=complexes.cosh, doc="cosh x")
tanh = _function("tanh", np.tanh, lambda y, x: (1.0 - y * y,), (-2.0, 2.0), complex_=complexes.tanh, doc="tanh x")
arcsinh = _function("arcsinh", np.arcsinh, lambda y, x: (1.0 / sqrt(x * x + 1.0),), (-3.0, 3.0), "asinh", complex_=complexes.turned(complexes.arcsin), doc="arsinh x")  # fmt: skip
arccosh = _function("arccosh", np.arccosh, lambda y, x: (1.0 / sqrt(x * x - 1.0),), (1.2, 4.0), "acosh", singular=True, complex_=complexes.arccosh, doc="arcosh x")  # fmt: skip
arctanh = _function("arctanh", np.arctanh, lambda y, x: (1.0 / (1.0 - x * x),), (-0.9, 0.9), "atanh", singular=True, complex_=complexes.arctanh, doc="artanh x")  # fmt: skip
erf = _function("erf", np.vectorize(_erf, otypes=[float]), lambda y, x: (2.0 / _sqrt(pi) * exp(-(x * x)),), (-2.0, 2.0), doc="Gauss error function")  # fmt: skip
erfc = _function("erfc", np.vectorize(_erfc, otypes=[float]), lambda y, x: (-2.0 / _sqrt(pi) * exp(-(x * x)),), (-2.0, 2.0), doc="1 - erf x")  # fmt: skip


def _digamma(x: Sym) -> Sym:
    """The logarithmic derivative of Γ: by ψ(x) = ψ(x + 1) - 1/x from an asymptotic series at 10 and more, and by reflection below 0
    (Abramowitz and Stegun 6.3.5, 6.3.7, 6.3.18)."""
    below = x < 0.5
    at = below.where(1.0 - x, x)
    large = at + 10.0
    square = 1.0 / (large * large)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square * (1 / 132 - square * (691 / 32760))))))
    made = log(large) - 0.5 / large - series
    for k in range(10):
        made = made - 1.0 / (at + float(k))
    return made - below.where(pi / tan(pi * below.where(x, 0.25)), x.lift(0.0))


def _as_in_c(function: Callable[[float], float], at_poles: Callable[[float], float], odd: bool) -> Callable[..., Any]:
    """A function of Python's `math`, with C's values where that raises: at poles, and infinity where the result is too large,
    of the sign of x where it is `odd` there."""

    def element(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return at_poles(x)
        except OverflowError:
            return copysign(inf, x) if odd else inf

    return np.vectorize(element, otypes=[float])


gamma = _function("gamma", _as_in_c(_gamma, lambda x: copysign(inf, x) if x == 0 else nan, True), lambda y, x: (y * _digamma(x),), (0.3, 4.0), "tgamma", doc="Γ(x)")
lgamma = _function("lgamma", _as_in_c(_lgamma, lambda x: inf, False), lambda y, x: (_digamma(x),), (0.3, 4.0), doc="ln |Γ(x)|")

arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    partials=lambda z, y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
    singular=True,
    call=("atan2", "__nv_atan2"),
    domain=((0.3, 2.0), (-2.0, 2.0)),
    doc="angle of (x, y) in radians; the arguments are (y, x)",
)
hypot = elementwise(
    "hypot",
    np.hypot,
    partials=lambda z, x, y: (divide(x, _unless_zero(z)), divide(y, _unless_zero(z))),
    singular=True,
    call=("hypot", "__nv_hypot"),
    domain=((0.3, 2.0), (-2.0, 2.0)),
    kinks="at (0, 0): 0, the middle of the cone",
    doc="√(x² + y²) without overflow",
)
logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    partials=lambda z, x, y: (exp(x - z), exp(y - z)),
    expand=lambda x, y: x.equals(y).where(
        x + _log(2.0), x.apply("maximum", y) + log1p(exp(-((x - y).apply("absolute"))))
    ),
    doc="ln(eˣ + eʸ) without overflow",
)
