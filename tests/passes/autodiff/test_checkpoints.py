"""Loops of the corpus that run again from snapshots: the interpreted cotangents are those of the unbounded sweep."""

from __future__ import annotations

import numpy as np
import pytest

from tests.corpus.programs import PROGRAMS, Program
from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import reverse_with_plan
from wengert.compiler.passes.pipeline import Recorder
from wengert.compiler.transforms.compiled import trace_for


@pytest.mark.parametrize("budget", [100])
def test_bounded_sweeps_of_the_corpus(budget: int) -> None:
    bounded = [p for p in PROGRAMS if _agrees(p, budget)]
    assert len(bounded) > 12


def _agrees(program: Program, budget: int) -> bool:
    """Whether the program needs snapshots under the budget; then its cotangents are compared."""
    args = program.arguments()
    traced = trace_for(program.function, signature_of(args), Recorder())
    function = traced.function
    active = [p.type.dtype.is_differentiable for p in function.params]
    if not any(active):
        return False
    try:
        swept, plan = reverse_with_plan(function, active, budget)
    except DifferentiationError:
        return False
    if not plan.checkpoints:
        return False
    leaves = [np.asarray(a) for a in flatten(args)[0]] + list(traced.captures)
    results = interpret(function, leaves)
    rng = np.random.default_rng(0)
    seeds = [
        np.asarray(rng.standard_normal(np.shape(r)), np.asarray(r).dtype)
        for r, v in zip(results, function.results, strict=True)
        if v.type.dtype.is_differentiable
    ]
    expected = interpret(reverse_with_plan(function, active)[0], leaves + seeds)
    for a, b in zip(interpret(verify(swept, "reverse"), leaves + seeds), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, err_msg=program.name)
    return True
