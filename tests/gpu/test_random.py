"""Random functions offloaded to the simulated GPU, against the reference interpreter."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from tests.harness.programs import generate
from tests.harness.random_ir import arguments_for, random_function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import optimise
from wengert.compiler.runtime import offload


def agree(function, arguments, wanted, executable):
    mine = [v.copy() if isinstance(v, np.ndarray) else v for v in arguments]
    returned = list(executable.call(*mine))
    results = [returned.pop(0) if w is None else mine[w] for w in function.written]
    for want, got in zip(wanted, results, strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_random_ir(seed):
    function = random_function(seed) if seed % 2 else optimise(random_function(seed))
    arguments = arguments_for(seed)
    agree(function, arguments, interpret(function, arguments), offload.load(function, "cuda-sim"))


@pytest.mark.parametrize("seed", range(0, 45, 3))  # the others call NumPy's library, which stays on the host
def test_random_programs(seed):
    program = generate(seed)
    offloaded = wg.offload(program.function(), "cuda-sim")
    offloaded.lower(*program.arguments())
    traced = offloaded.last.traced.function
    arguments = flatten(tuple(program.arguments()))[0]
    agree(traced, arguments, interpret(traced, arguments), offloaded.last.executable)
