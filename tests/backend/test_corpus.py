"""The corpus and its derivatives, compiled, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backend.compare import check
from tests.corpus.programs import PROGRAMS, Program
from tests.harness.derivatives import direction, floating
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.autodiff import forward, reverse
from wengert.compiler.passes.pipeline import optimise


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_compiled(program: Program) -> None:
    arguments = program.arguments()
    traced = trace(program.function, signature_of(arguments))
    leaves = [*flatten(arguments)[0], *traced.captures]
    function = optimise(traced.function)
    check(function, leaves)
    mask = floating(function)
    rng = np.random.default_rng(0)
    tangents = [direction(rng, a) for a, m in zip(leaves, mask, strict=True) if m]
    cotangents = [direction(rng, r) for r in interpret(function, leaves) if np.asarray(r).dtype.kind in "fc"]
    check(optimise(forward(function, mask)), [*leaves, *tangents], level=1)
    check(optimise(reverse(function, mask)), [*leaves, *cotangents])
