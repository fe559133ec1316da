"""Tests of a derivative at a point, as pure functions of NumPy values: what `wg.check` and the tests of this project ask.

Points, directions and results are lists of leaves (numbers and arrays; see ir/tree.flatten). `f` maps a list of leaves
to a list of leaves. Leaves that are not floating point do not move; their direction is None.

    inner_product  <w, J v> = <J^T w, v>: forward against reverse. Blind where both are wrong alike.
    taylor         f(x + h v) - f(x) - h J v falls as h^2 where J v is right and f smooth: the ground truth
    one_sided      slopes from the left and from the right: they differ at a kink, which central differences do not see
    complex_step   Im f(x + i h v) / h: exact to the last digits, for f that is analytic and takes complex arguments

Sources: Martins, Sturdza and Alonso, ACM TOMS 29 (2003) for the complex step; Farrell, Ham, Funke and Rognes, SIAM J.
Sci. Comput. 35 (2013) for the Taylor remainder as a test of adjoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Leaves = Sequence[Any]
Function = Callable[[list[Any]], Leaves]


def random_direction(rng: np.random.Generator, value: Any) -> Any:
    """A random tangent or cotangent (standard normal) of the shape and dtype of `value`, None where it is not floating."""
    value = np.asarray(value)
    if value.dtype.kind not in "fc":
        return None
    made = rng.standard_normal(value.shape)
    if value.dtype.kind == "c":
        made = made + 1j * rng.standard_normal(value.shape)
    return made.astype(value.dtype)[()]


def moved(point: Leaves, direction: Leaves, step: complex) -> list[Any]:
    """`point + step * direction`, each leaf in its own dtype (a complex step makes real leaves complex)."""
    wide = isinstance(step, complex)
    return [
        x if v is None else np.asarray(x + step * np.asarray(v), None if wide else np.asarray(x).dtype)[()]
        for x, v in zip(point, direction, strict=True)
    ]


def inner(a: Leaves, b: Leaves) -> float:
    """The pairing of cotangents and tangents, Re(sum(a * b)) without conjugation; pairs with a None count as 0."""
    pairs = zip(a, b, strict=True)
    return float(sum(np.real(np.sum(np.asarray(x) * np.asarray(y))) for x, y in pairs if x is not None and y is not None))


@dataclass(frozen=True)
class InnerProduct:
    """forward: <w, J v>; reverse: <J^T w, v>; error: their difference relative to the larger (or to 1e-300)."""

    forward: float
    reverse: float

    @property
    def error(self) -> float:
        largest = max(abs(self.forward), abs(self.reverse), 1e-300)
        return abs(self.forward - self.reverse) / largest


def inner_product(cotangent: Leaves, out_tangent: Leaves, gradient: Leaves, tangent: Leaves) -> InnerProduct:
    """Forward against reverse, from what `jvp` gave for `tangent` and `vjp` for `cotangent`."""
    return InnerProduct(inner(cotangent, out_tangent), inner(gradient, tangent))


@dataclass(frozen=True)
class Taylor:
    """Remainders of the Taylor expansion, as maximum norms over all results.

    steps: the h, falling. zeroth: |f(x + h v) - f(x)|. first: |f(x + h v) - f(x) - h J v|.
    rate: the order at which `first` falls, by least squares over the steps that rounding does not hide: near 2 where the
    derivative is right, near 1 where it is wrong (NaN where every remainder is rounding: f is linear there).
    """

    steps: tuple[float, ...]
    zeroth: tuple[float, ...]
    first: tuple[float, ...]
    rounding: float

    @property
    def usable(self) -> list[int]:
        return [k for k, r in enumerate(self.first) if r > 10 * self.rounding and np.isfinite(r)]

    @property
    def rate(self) -> float:
        usable = self.usable
        if len(usable) < 2:
            return float("nan")
        h, r = (np.log([row[k] for k in usable]) for row in (self.steps, self.first))
        return float(np.polyfit(h, r, 1)[0])

    def passes(self, least: float = 1.7) -> bool:
        """Whether the remainder falls like h^2, or is no more than rounding at every step."""
        finite = all(np.isfinite(r) for r in self.first)
        usable = self.usable
        return finite and (len(usable) < 2 or self.rate >= least)


STEPS = tuple(10.0**-k for k in range(2, 6))


def taylor(
    f: Function, point: Leaves, direction: Leaves, out_tangent: Leaves, steps: Sequence[float] = STEPS
) -> Taylor:
    """The Taylor test of `out_tangent` = J v. `direction` should be scaled to the point: steps are multiples of it."""
    base = [np.asarray(r) for r in f(list(point))]
    zeroth, first, size = [], [], _largest(base)
    for h in steps:
        ahead = [np.asarray(r) for r in f(moved(point, direction, h))]
        changes = [a - b for a, b in zip(ahead, base, strict=True) if b.dtype.kind in "fc"]
        tangents = [t for t, b in zip(out_tangent, base, strict=True) if b.dtype.kind in "fc"]
        zeroth.append(_largest(changes))
        first.append(_largest([c if t is None else c - h * np.asarray(t) for c, t in zip(changes, tangents, strict=True)]))
    return Taylor(tuple(steps), tuple(zeroth), tuple(first), _unit([*base, *map(np.asarray, point)]) * max(size, 1e-300))


@dataclass(frozen=True)
class OneSided:
    """Slopes at one step: forward = (f(x + h v) - f(x)) / h, backward = (f(x) - f(x - h v)) / h, by leaf."""

    step: float
    forward: tuple[Any, ...]
    backward: tuple[Any, ...]

    @property
    def gap(self) -> float:
        """The largest difference between both sides: falls with the step, except at a kink or a jump."""
        return _largest([a - b for a, b in zip(self.forward, self.backward, strict=True)])


def one_sided(f: Function, point: Leaves, direction: Leaves, steps: Sequence[float] = STEPS) -> list[OneSided]:
    """Slopes from both sides, of the floating-point results, for each step."""
    base = [np.asarray(r) for r in f(list(point))]
    floating = [k for k, b in enumerate(base) if b.dtype.kind in "fc"]
    found = []
    for h in steps:
        ahead, behind = f(moved(point, direction, h)), f(moved(point, direction, -h))
        forward = tuple((np.asarray(ahead[k]) - base[k]) / h for k in floating)
        backward = tuple((base[k] - np.asarray(behind[k])) / h for k in floating)
        found.append(OneSided(h, forward, backward))
    return found


def differences(f: Function, point: Leaves, direction: Leaves, step: float = 1e-3) -> list[Any]:
    """J v by central differences of fourth order: error O(step^4) + rounding / step. None for results without one."""
    steps = (step, -step, 2 * step, -2 * step)
    plus, minus, plus2, minus2 = ([np.asarray(r) for r in f(moved(point, direction, h))] for h in steps)
    return [
        (8 * (a - b) - (c - d)) / (12 * step) if a.dtype.kind in "fc" else None
        for a, b, c, d in zip(plus, minus, plus2, minus2, strict=True)
    ]


def complex_step(f: Function, point: Leaves, direction: Leaves, step: float = 1e-30) -> list[Any]:
    """J v of a real function by Im f(x + i h v) / h, which subtracts nothing: exact to the last digits.

    `f` must be analytic along the way and take complex arguments (no abs, comparisons, real parts). Raises TypeError where
    a leaf that moves is complex already.
    """
    for x, v in zip(point, direction, strict=True):
        if v is not None and np.asarray(x).dtype.kind == "c":
            raise TypeError("the complex step is for real arguments")
    return [np.imag(r) / step for r in f(moved(point, direction, 1j * step))]


def _largest(values: Leaves) -> float:
    finite = [float(np.max(np.abs(v), initial=0.0)) for v in values]
    return float(np.max(finite, initial=0.0))  # NaN stays NaN


def _unit(values: Sequence[np.ndarray]) -> float:
    """The coarsest unit roundoff among floating-point values."""
    return max((float(np.finfo(v.dtype).eps) for v in values if v.dtype.kind in "fc"), default=2.2e-16)
