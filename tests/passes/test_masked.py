"""Reversed loops behind a mask are run only where it is on, with the same first and second derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.harness.derivatives import direction, floating
from tests.harness.programs import compile_source
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import forward, reverse
from wengert.compiler.passes.pipeline import optimise

NEAREST = """def f(c, x):
    total = 0.0
    for i in range(x.shape[0]):
        best = np.inf
        for k in range(c.shape[0]):
            s = 0.0
            for j in range(x.shape[1]):
                s += {term}
            best = {best}
        total += best
    return total
"""
PROGRAMS = {
    "nearest": (NEAREST.format(term="(x[i, j] - c[k, j]) ** 2", best="min(best, s)"), 1),
    "farthest": (NEAREST.format(term="-np.cos(x[i, j] - c[k, j])", best="min(s, best)"), 1),
    "else": (NEAREST.format(term="(x[i, j] * c[k, j]) ** 3", best="best if s >= best else s"), 1),
    "two arrays": (NEAREST.format(term="c[k, j] ** 2 * x[k, j]", best="min(best, s)"), 1),
    "not masked": (NEAREST.format(term="(x[i, j] - c[k, j]) ** 2", best="min(best, 1e9) * 0.0 + s"), 0),
}


def vjp_of(source: str, *arguments: np.ndarray) -> Function:
    f = optimise(trace(compile_source(source, "<masked>"), signature_of(arguments)).function)
    return reverse(f, floating(f))


def guarded(f: Function) -> int:
    return sum(op.name == "if" and any(o.name == "for" for region in op.regions for o in region.walk()) for op in f.walk())


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_derivatives(name: str) -> None:
    source, branches = PROGRAMS[name]
    rng = np.random.default_rng(3)
    c, x = rng.random((4, 9)), rng.random((6, 9))
    plain = vjp_of(source, c, x)
    written = verify(optimise(plain))
    assert guarded(plain) == 0 and guarded(written) == branches
    for a, b in zip(interpret(written, [c, x, 1.0]), interpret(plain, [c, x, 1.0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    tangents = [direction(rng, v) for v in (c, x, 1.0)]
    second = [interpret(forward(f, floating(f)), [c, x, 1.0, *tangents]) for f in (written, plain)]
    for a, b in zip(*second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_masked_infinity_has_no_influence() -> None:
    source = PROGRAMS["nearest"][0]
    c, x = np.ones((3, 9)), np.zeros((2, 9))
    c[1, 4] = np.inf
    _, c_bar, _ = interpret(optimise(vjp_of(source, c, x)), [c, x, 1.0])
    assert np.all(np.isfinite(c_bar)) and np.all(c_bar[0] == 4.0)
