"""Derivatives of random functions of the IR: `python -m tests.harness.random_check --count 5000`."""

from __future__ import annotations

import argparse

import numpy as np

from tests.harness.derivatives import differences, direction, floating, inner
from tests.harness.interpreted import Wrong, compare, second_order
from tests.harness.random_ir import arguments_for, random_function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, reverse


def check(seed: int) -> None:
    """Raises where jvp, vjp, differences or the second orders of the function of this seed do not agree."""
    f, arguments, rng = verify(random_function(seed)), arguments_for(seed), np.random.default_rng(seed)
    mask = floating(f)
    wanted = interpret(f, arguments)
    count = len(wanted)
    tangents, cotangents = [direction(rng, a) for a in arguments], [direction(rng, r) for r in wanted]
    ahead = interpret(verify(forward(f, mask), "forward"), [*arguments, *tangents])
    compare("primal result of forward", ahead[:count], wanted, 0)
    coarse, fine = (differences(f, arguments, tangents, h) for h in (2e-5, 1e-5))
    if all(np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(coarse, fine, strict=True)):  # not at a kink
        compare("jvp", ahead[count:], fine, 1e-4)
    vjp = verify(reverse(f, mask), "reverse")
    back = interpret(vjp, [*arguments, *cotangents])
    compare("primal result of reverse", back[:count], wanted, 0)
    left, right = inner(cotangents, ahead[count:]), inner(back[count:], tangents)
    if not abs(left - right) <= 1e-9 * max(1.0, abs(left)):
        raise Wrong(f"reverse and forward disagree: {right} and {left}")
    second_order(vjp, [*arguments, *cotangents], rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    failures = 0
    for seed in range(options.start, options.start + options.count):
        try:
            check(seed)
        except Exception as error:
            failures += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    print(f"{options.count} functions, {failures} failures")


if __name__ == "__main__":
    main()
