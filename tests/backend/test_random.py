"""Random functions of the IR, and their derivatives, compiled: in place, moved or copied, the values are the interpreter's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backend.compare import check
from tests.harness.derivatives import direction, floating
from tests.harness.random_ir import arguments_for, random_function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.passes.autodiff import forward, reverse
from wengert.compiler.passes.pipeline import optimise


@pytest.mark.parametrize("seed", [*range(20), 141, 142])  # 141: an array yielded twice by both branches
def test_random_function(seed: int) -> None:
    function, arguments = random_function(seed), arguments_for(seed)
    check(function, arguments, level=1)
    check(optimise(function), arguments)


@pytest.mark.parametrize("seed", range(12))
def test_random_derivative(seed: int) -> None:
    function, arguments = optimise(random_function(seed)), arguments_for(seed)
    mask, rng = floating(function), np.random.default_rng(seed)
    tangents = [direction(rng, a) for a, m in zip(arguments, mask, strict=True) if m]
    cotangents = [direction(rng, r) for r in interpret(function, arguments) if np.asarray(r).dtype.kind in "fc"]
    check(optimise(forward(function, mask)), [*arguments, *tangents], level=1, tolerance=1e-8)
    check(reverse(function, mask), [*arguments, *cotangents], level=1, tolerance=1e-8)
    check(optimise(reverse(function, mask)), [*arguments, *cotangents], tolerance=1e-8)
