"""A program's IR, interpreted, against Python; its derivatives against differences and against each other.

The interpreted IR must return what NumPy returns and write what it writes, optimised or not; jvp must agree with
differences (where these agree with themselves: not at a kink), vjp with jvp, and two directions in one sweep with each of
them. By turns of the seeds, what costs most: forward over reverse against reverse over reverse (two in three), within a
memory budget by checkpoints (the third), lanes of jvp and lanes of vjp (one in four each).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.harness.derivatives import differences, direction, floating, inner
from tests.harness.programs import arguments_for, compile_source
from wengert.compiler.diag.errors import CompileError, DifferentiationError, UnsupportedError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, reverse, reverse_with_plan, vector_forward
from wengert.compiler.passes.autodiff.dependence import dependence
from wengert.compiler.passes.batching import batch
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
        leaves, _ = flatten(compile_source(source, f"<program {seed}>", plain=True)(*arguments))
    return [*leaves, *flatten(arguments)[0]]


def inputs(seed: int) -> list[Any]:
    """The leaves of fresh arguments: what the IR's parameters take."""
    return flatten(arguments_for(seed))[0]


def check_primal(source: str, seed: int) -> Function:
    """Interpreted IR against Python. Returns the optimised IR."""
    wanted = expected(source, seed)
    function = traced(source, seed)
    optimised = optimise(function)
    leaves = len(wanted) - len(inputs(seed))
    for stage, f in (("traced", function), ("optimised", optimised)):
        got = interpret(f, inputs(seed))
        compare(f"{stage}: result", got[:leaves], wanted[:leaves], 1e-9)
        left = dict(zip(f.written[leaves:], got[leaves:], strict=True))
        for k, after in enumerate(wanted[leaves:]):
            before = inputs(seed)[k]
            compare(f"{stage}: argument {k}", [left.get(k, before)], [after], 1e-9)
    return optimised


def check_derivatives(f: Function, seed: int) -> None:
    arguments, mask = inputs(seed), floating(f)
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
    fast = optimise(vjp)
    for stage, g in (("reverse", vjp), ("reverse, optimised", fast)):
        back = interpret(g, [*arguments, *cotangents])
        compare(f"primal result of {stage}", back[:count], wanted, 1e-12)
        left, right = inner(cotangents, ahead[count:]), inner(back[count:], tangents)
        if not abs(left - right) <= 1e-9 * max(1.0, abs(left)):
            raise Wrong(f"{stage} and forward disagree: {right} and {left}")
    if seed % 3 == 1:
        within_memory(f, mask, [*arguments, *cotangents], back)
    single = many_tangents(f, jvp, arguments, tangents, rng)
    if seed % 4 == 1:
        lanes("lanes of jvp", jvp, arguments, *single)
    elif seed % 4 == 2:
        lanes("lanes of vjp", fast, arguments, *_cotangents(fast, arguments, cotangents, count, rng))
    if seed % 3 != 1:
        second_order(fast, [*arguments, *cotangents], rng)


def within_memory(f: Function, mask: Sequence[bool], seeds: Sequence[Any], wanted: Sequence[Any]) -> None:
    """The same from snapshots, where the loops can be run again from them."""
    try:
        bounded = reverse_with_plan(f, mask, 400)[0]
    except DifferentiationError:
        return
    found = interpret(optimise(verify(bounded, "reverse within memory")), list(seeds))
    compare("within memory", found, wanted, 1e-9)


def many_tangents(
    f: Function, jvp: Function, arguments: Sequence[Any], tangents: Sequence[Any], rng: np.random.Generator
) -> tuple[tuple[Sequence[Any], Sequence[Any]], list[list[Any]]]:
    """Two directions in one sweep against one at a time; what varies is in the sets. Returns directions and results."""
    mask, count = floating(f), len(f.results)
    others = [direction(rng, t) for t in tangents]
    single = [interpret(jvp, [*arguments, *t])[count:] for t in (tangents, others)]
    both = interpret(verify(vector_forward(f, [mask, mask]), "vector forward"), [*arguments, *tangents, *others])
    compare("two directions in one sweep", both[count:], [*single[0], *single[1]], 1e-12)
    everywhere = [np.full(np.shape(t), 1 << k) for k, t in enumerate(tangents)]
    sets = interpret(verify(dependence(f, mask), "dependence"), [*arguments, *everywhere])[count:]
    for k, (found, tangent) in enumerate(zip(sets, single[0], strict=True)):
        if np.any((np.asarray(tangent) != 0) & (np.asarray(found) == 0)):
            raise Wrong(f"dependence: result {k} varies where its set is empty: {tangent} and {found}")
    return (tangents, others), single


def lanes(what: str, g: Function, arguments: Sequence[Any], seeds: Any, one: Sequence[Sequence[Any]]) -> None:
    """Two lanes that share the rest against one at a time. seeds: the two sets of what differs; one: what each gives."""
    if not seeds[0]:
        return
    axes = [*[None] * len(arguments), *[0] * len(seeds[0])]
    try:
        batched = verify(batch(g, axes, [0] * len(g.results), shared=True), what)
    except UnsupportedError:  # shapes that depend on data
        return
    found = interpret(optimise(batched), [*arguments, *(np.stack(pair) for pair in zip(*seeds, strict=True))])
    compare(what, found[-len(one[0]) :] if one[0] else [], [np.stack(pair) for pair in zip(*one, strict=True)], 1e-9)


def _cotangents(
    vjp: Function, arguments: Sequence[Any], cotangents: Sequence[Any], count: int, rng: np.random.Generator
) -> Any:
    """Two sets of cotangents, and what the vjp makes of each besides the function's own `count` results."""
    seeds = (cotangents, [direction(rng, c) for c in cotangents])
    results = [interpret(vjp, [*arguments, *c]) for c in seeds]
    return seeds, [r[count:] for r in results]


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
