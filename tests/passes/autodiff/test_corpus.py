"""Every program of the corpus: jvp against differences, vjp against jvp, second order; from traced and from optimised IR."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.corpus.programs import PROGRAMS, Program
from tests.harness.derivatives import check_derivatives
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import optimise


def traced(program: Program) -> tuple[Function, list[Any]]:
    arguments = program.arguments()
    found = trace(program.function, signature_of(arguments))
    return found.function, [*flatten(arguments)[0], *found.captures]


@pytest.mark.parametrize("stage", ["traced", "optimised"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_derivatives(program: Program, stage: str) -> None:
    function, arguments = traced(program)
    if stage == "optimised":
        function = optimise(function)
    arguments = [np.asarray(a)[()] if np.ndim(a) == 0 else a for a in arguments]
    check_derivatives(function, arguments, order=2, step=2e-4, tolerance=1e-5, smooth=not program.kinks)
