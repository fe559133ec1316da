"""A program's IR, interpreted, against Python; its derivatives against differences and against each other.

The interpreted IR must return what NumPy returns and write what it writes, optimised or not; jvp must agree with
differences (where these agree with themselves: not at a kink), vjp with jvp, forward over reverse with reverse over reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.harness.derivatives import differences, direction, floating, inner
from tests.harness.programs import arguments_for, compile_source
from wengert.compiler.diag.errors import CompileError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, reverse
from wengert.compiler.passes.pipeline import optimise


class Refused(Exception):
    """The front end does not take the program, and says so."""


class Wrong(AssertionError):
    """What was computed is not what it should be."""


def traced(source: str, seed: int) -> Function:
    """The IR of a program. Raises Refused."""
    try:
        found = trace(compile_source(source, f"<program {seed}>"), signature_of(tuple(arguments_for(seed))))
    except CompileError as error:
        raise Refused(error.message) from None
    return verify(found.function, "trace")


def expected(source: str, seed: int) -> list[Any]:
    """The leaves that Python returns, then its arguments as they are left."""
    arguments = arguments_for(seed)
    with np.errstate(all="ignore"):
        leaves, _ = flatten(compile_source(source, f"<program {seed}>")(*arguments))
    return [*leaves, *arguments]


def check_primal(source: str, seed: int) -> Function:
    """Interpreted IR against Python. Returns the optimised IR."""
    wanted = expected(source, seed)
    function = traced(source, seed)
    optimised = optimise(function)
    leaves = len(wanted) - len(arguments_for(seed))
    for stage, f in (("traced", function), ("optimised", optimised)):
        got = interpret(f, arguments_for(seed))
        compare(f"{stage}: result", got[:leaves], wanted[:leaves], 1e-9)
        left = dict(zip(f.written[leaves:], got[leaves:], strict=True))
        for k, after in enumerate(wanted[leaves:]):
            before = arguments_for(seed)[k]
            compare(f"{stage}: argument {k}", [left.get(k, before)], [after], 1e-9)
    return optimised


def check_derivatives(f: Function, seed: int) -> None:
    arguments, mask = arguments_for(seed), floating(f)
    rng = np.random.default_rng(seed)
    tangents = [direction(rng, a) for a, m in zip(arguments, mask, strict=True) if m]
    wanted = interpret(f, arguments)
    count = len(wanted)
    cotangents = [direction(rng, r) for r in wanted if np.asarray(r).dtype.kind in "fc"]
    jvp = optimise(verify(forward(f, mask), "forward"))
    vjp = verify(reverse(f, mask), "reverse")
    ahead = interpret(jvp, [*arguments, *tangents])
    compare("primal result of forward", ahead[:count], wanted, 1e-12)
    coarse, fine = (differences(f, arguments, tangents, h) for h in (2e-5, 1e-5))
    if all(np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(coarse, fine, strict=True)):
        compare("jvp", ahead[count:], fine, 1e-4)
    for stage, g in (("reverse", vjp), ("reverse, optimised", optimise(vjp))):
        back = interpret(g, [*arguments, *cotangents])
        compare(f"primal result of {stage}", back[:count], wanted, 1e-12)
        left, right = inner(cotangents, ahead[count:]), inner(back[count:], tangents)
        if not abs(left - right) <= 1e-9 * max(1.0, abs(left)):
            raise Wrong(f"{stage} and forward disagree: {right} and {left}")
    second_order(optimise(vjp), [*arguments, *cotangents], rng)


def second_order(vjp: Function, seeds: Sequence[Any], rng: np.random.Generator) -> None:
    """Forward over reverse against reverse over reverse, at the arguments and cotangents `seeds` of `vjp`."""
    mask = floating(vjp)
    moves = [direction(rng, a) for a, m in zip(seeds, mask, strict=True) if m]
    ahead = interpret(verify(forward(vjp, mask), "forward over reverse"), [*seeds, *moves])
    count = len(vjp.results)
    weights = [direction(rng, r) for r in ahead[:count] if np.asarray(r).dtype.kind in "fc"]
    back = interpret(verify(reverse(vjp, mask), "reverse over reverse"), [*seeds, *weights])[count:]
    left, right = inner(weights, ahead[count:]), inner(back, moves)
    if not abs(left - right) <= 1e-8 * max(1.0, abs(left)):
        raise Wrong(f"second orders disagree: {right} and {left}")


def compare(what: str, got: Sequence[Any], wanted: Sequence[Any], tolerance: float) -> None:
    for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise Wrong(f"{what} {k}: {a} instead of {b}")


def check(source: str, seed: int, derivatives: bool = True) -> None:
    """Raises Refused, or anything else where something is wrong."""
    optimised = check_primal(source, seed)
    if derivatives:
        check_derivatives(optimised, seed)
