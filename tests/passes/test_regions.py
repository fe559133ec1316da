"""Gradients that are sums of shifted regions, written in one pass: the same numbers at every size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.harness.programs import compile_source
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import reverse
from wengert.compiler.passes.optimise.regions import regions
from wengert.compiler.passes.pipeline import optimise

SOURCES = {
    "chained": "np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)",
    "one region": "np.sum(np.sin(x[2:]))",
    "far apart": "np.sum(x[3:] * x[:-3]) + np.sum(x[1:] ** 3)",
    "a whole array first": "np.sum(x[1:] * x[:-1]) + np.sum(x * x * x)",
    "dear and shared": "np.sum(np.exp(x[1:] - x[:-1]))",
    "disjoint": "np.sum(x[: len(x) // 2] ** 2) * np.sum(x[len(x) // 2 :])",
    "known ends": "np.sum(x[:2] ** 2) + np.sum(x[1:] ** 2)",
}


def adjoint(expression: str) -> Function:
    f = trace(compile_source(f"def f(x):\n    return {expression}\n", "<regions>"), signature_of((np.ones(7),))).function
    return reverse(optimise(f), [True])


@pytest.mark.parametrize("name", SOURCES)
def test_same_at_every_size(name: str) -> None:
    plain = adjoint(SOURCES[name])
    written = optimise(plain)
    added = [op.name for op in written.walk()].count("accumulate_slice")
    assert any(op.attrs.get("undefined") for op in written.walk()) and added < 8
    for n in (*range(8), 70):
        x = np.random.default_rng(n).random(n)
        try:
            wanted = interpret(plain, [x, 1.0])
        except Exception:  # `x[:2]` and others are longer than some arrays: then both trap
            with pytest.raises(Exception):  # noqa: B017
                interpret(written, [x, 1.0])
            continue
        np.testing.assert_allclose(interpret(written, [x, 1.0])[1], wanted[1], rtol=1e-13)


def test_only_what_differentiation_made() -> None:
    source = "def f(x):\n    y = np.zeros(len(x))\n    y[1:] += x[1:]\n    y[:-1] += x[:-1]\n    return y\n"
    f = optimise(trace(compile_source(source, "<regions>"), signature_of((np.ones(7),))).function)
    assert regions(f) is f
    assert verify(f)
