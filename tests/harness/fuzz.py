"""Random programs against NumPy and their derivatives against differences: `python -m tests.harness.fuzz --count 20000`.

For each seed: the interpreted IR must return what NumPy returns and write what it writes, optimised or not; jvp must
agree with differences (where these agree with themselves: not at a kink), vjp with jvp, forward over reverse with reverse over
reverse. A refusal (any WengertError of the front end) is counted, not failed. Failures are shrunk and printed.
"""

from __future__ import annotations

import argparse
import collections
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.harness.derivatives import differences, direction, floating, inner
from tests.harness.programs import Program, arguments_for, compile_source, generate, shrink
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


def outcome(source: str, seed: int, derivatives: bool) -> str:
    """"ok", "refused: ...", "python: ..." (not a valid program), or what went wrong."""
    try:
        expected(source, seed)
    except Exception as error:
        return f"python: {type(error).__name__}"
    try:
        check(source, seed, derivatives)
    except Refused as refusal:
        return f"refused: {refusal}"
    except Exception as error:
        lines = traceback.format_exc().strip().splitlines()
        places = [line.strip() for line in lines if "/compiler/" in line]
        first = str(error).partition("\n")[0]
        return f"{type(error).__name__}: {first} {'' if isinstance(error, Wrong) else places[-1:]}"
    return "ok"


def _kind(text: str) -> str:
    return text.split(":")[0] if text.startswith(("ok", "python", "refused")) else "wrong: " + text.partition(":")[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--no-derivatives", action="store_true")
    parser.add_argument("--stop", type=int, default=5, help="after so many failures")
    parser.add_argument("--source", action="store_true", help="print the failing program as generated too")
    options = parser.parse_args()
    seen: collections.Counter[str] = collections.Counter()
    refusals: collections.Counter[str] = collections.Counter()
    failures = 0
    for seed in range(options.start, options.start + options.count):
        program: Program = generate(seed)
        found = outcome(program.source, seed, not options.no_derivatives)
        kind = _kind(found)
        seen[kind] += 1
        if kind == "refused":
            refusals[found] += 1
        if not kind.startswith("wrong"):
            continue
        failures += 1

        def fails(source: str, seed: int = seed, kind: str = kind) -> bool:
            return _kind(outcome(source, seed, not options.no_derivatives)) == kind

        small = shrink(program.source, fails)
        print(f"--- seed {seed}: {found}\n{program.source if options.source else ''}{small}", flush=True)
        if failures >= options.stop:
            break
    print(dict(seen))
    for text, times in refusals.most_common(10):
        print(f"{times:6}  {text}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
