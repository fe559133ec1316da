"""Oracles for derivatives: differences of the interpreted function, forward against reverse, and order on order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import wengert.compiler.ops  # noqa: F401
from wengert.compiler.backend.emit.scalars import INTRINSICS
from wengert.compiler.ir.core import Function, Op
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, reverse


def floating(function: Function) -> list[bool]:
    """Which parameters can be active."""
    return [p.type.dtype.is_differentiable for p in function.params]


def direction(rng: np.random.Generator, value: Any) -> Any:
    """A random tangent or cotangent for `value`."""
    value = np.asarray(value)
    made = rng.standard_normal(value.shape)
    if value.dtype.kind == "c":
        made = made + 1j * rng.standard_normal(value.shape)
    return made.astype(value.dtype)[()]


def inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    return float(sum(np.real(np.sum(np.asarray(x) * np.asarray(y))) for x, y in zip(a, b, strict=True)))


def _active(values: Sequence[Any], mask: Sequence[bool]) -> list[Any]:
    return [v for v, m in zip(values, mask, strict=True) if m]


def _close(a: Any, b: Any, tolerance: float, what: str) -> None:
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        assert np.shape(x) == np.shape(y), f"{what} {k}: shapes {np.shape(x)} and {np.shape(y)}"
        scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
        worst = float(np.max(np.abs(np.asarray(x) - np.asarray(y)), initial=0.0))
        assert worst <= tolerance * scale, f"{what} {k}: {x} instead of {y} (off by {worst:g})"


def in_doubt(function: Function, arguments: Sequence[Any]) -> bool:
    """Whether its results hang on the last digit of an elementary function, which no two libraries share.

    So it is where one such number is compared with another that is equal to it, or where what is computed is chaotic.
    """
    rng = np.random.default_rng(0)

    def other_digits(op: Op, results: Sequence[np.ndarray]) -> None:
        call = REGISTRY[op.name].call
        if call is not None and call[0] not in INTRINSICS and op.result.type.dtype.kind == "f":
            (result,) = results
            result[...] += rng.integers(-4, 5, result.shape) * np.spacing(result)

    wanted = interpret(function, arguments)
    for _ in range(8):
        for a, b in zip(interpret(function, arguments, other_digits), wanted, strict=True):
            if not np.allclose(a, b, rtol=1e-10, atol=1e-10, equal_nan=True):
                return True
    return False


def differences(function: Function, arguments: Sequence[Any], tangents: Sequence[Any], step: float) -> list[Any]:
    """Central differences of the floating results in a direction, fourth order."""
    mask = floating(function)

    def at(t: float) -> list[Any]:
        rest = iter(tangents)
        moved = [np.asarray(a + t * next(rest), np.asarray(a).dtype) if m else a for a, m in zip(arguments, mask, strict=True)]
        return _floating_results(function, interpret(function, moved))

    values = [at(t) for t in (step, -step, 2 * step, -2 * step)]
    return [(8 * (p - m) - (pp - mm)) / (12 * step) for p, m, pp, mm in zip(*values, strict=True)]


def _floating_results(function: Function, results: Sequence[Any]) -> list[Any]:
    return [r for v, r in zip(function.results, results, strict=True) if v.type.dtype.is_differentiable]


def check_derivatives(
    function: Function,
    arguments: Sequence[Any],
    *,
    order: int = 2,
    seed: int = 0,
    step: float = 1e-3,
    tolerance: float = 1e-7,
    smooth: bool = True,
) -> None:
    """First order: primal results unchanged, jvp against differences, vjp against jvp. Second order (`order` 2):
    forward over reverse against differences of the vjp, and reverse over reverse against it. Not `smooth`: at a point
    without a derivative, where differences mean nothing; the modes still have to agree.
    """
    if any(p.type.dtype.name in ("f32", "c64") for p in function.params):
        step, tolerance, agree = 3e-2, 1e-2, 1e-4  # single precision
    else:
        agree = 1e-10
    rng = np.random.default_rng(seed)
    mask = floating(function)
    verify(function)
    jvp, vjp = verify(forward(function, mask), "forward"), verify(reverse(function, mask), "reverse")
    wanted = interpret(function, arguments)
    tangents = [direction(rng, a) for a in _active(arguments, mask)]
    cotangents = [direction(rng, r) for r in _floating_results(function, wanted)]
    count = len(wanted)

    forwarded = interpret(jvp, [*arguments, *tangents])
    _close(forwarded[:count], wanted, 0.0, "primal result of forward")
    if smooth:
        _close(forwarded[count:], differences(function, arguments, tangents, step), tolerance, "jvp")
    pulled = interpret(vjp, [*arguments, *cotangents])
    _close(pulled[:count], wanted, 0.0, "primal result of reverse")
    for a, b in zip(_active(arguments, mask), pulled[count:], strict=True):
        assert np.shape(a) == np.shape(b), f"cotangent of shape {np.shape(b)} for an argument of shape {np.shape(a)}"
    left, right = inner(cotangents, forwarded[count:]), inner(pulled[count:], tangents)
    assert abs(left - right) <= agree * max(1.0, abs(left)), f"vjp and jvp disagree: {left} and {right}"
    if order < 2:
        return
    _check_second_order(vjp, jvp, arguments, tangents, cotangents, rng, step if smooth else None, tolerance, agree, order)


def _check_second_order(vjp, jvp, arguments, tangents, cotangents, rng, step, tolerance, agree, order):  # type: ignore[no-untyped-def]
    full = floating(vjp)
    seeds = [*arguments, *cotangents]
    over = verify(forward(vjp, full), "forward over reverse")
    moves = [direction(rng, a) for a in _active(seeds, full)]
    got = interpret(over, [*seeds, *moves])
    count = len(vjp.results)
    floats = _floating_results(vjp, got[:count])
    if step is not None:
        _close(got[count:], differences(vjp, seeds, moves, step), tolerance * 10, "forward over reverse")
    back = verify(reverse(vjp, full), "reverse over reverse")
    weights = [direction(rng, r) for r in floats]
    pulled = interpret(back, [*seeds, *weights])[count:]
    left, right = inner(weights, got[count:]), inner(pulled, moves)
    assert abs(left - right) <= 10 * agree * max(1.0, abs(left)), f"second order disagrees: {left} and {right}"
    if order < 3:
        return
    # third order: reverse over reverse over reverse against forward over it
    seeds3 = [*seeds, *weights]
    mask3 = floating(back)
    moves3 = [direction(rng, a) for a in _active(seeds3, mask3)]
    third = verify(forward(back, mask3), "forward over reverse over reverse")
    n = len(back.results)
    got3 = interpret(third, [*seeds3, *moves3])
    last = verify(reverse(back, mask3), "reverse over reverse over reverse")
    weights3 = [direction(rng, r) for r in _floating_results(back, got3[:n])]
    pulled3 = interpret(last, [*seeds3, *weights3])[n:]
    left, right = inner(weights3, got3[n:]), inner(pulled3, moves3)
    assert abs(left - right) <= 100 * agree * max(1.0, abs(left)), f"third order disagrees: {left} and {right}"
