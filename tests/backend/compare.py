"""Compiled code against the interpreter, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.harness.layouts import own
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.runtime import cpu


def fresh(arguments: Sequence[Any]) -> list[Any]:
    """The arguments in memory of their own, laid out as they are."""
    return list(own(dict(enumerate(arguments))).values())


def run(executable: cpu.Executable, arguments: Sequence[Any]) -> list[Any]:
    """All results in the function's order: also those written back, read from (copies of) the arguments."""
    given = fresh(arguments)
    rest = iter(executable.call(*given))
    return [next(rest) if w is None else given[w] for w in executable.function.written]


def same(got: Sequence[Any], wanted: Sequence[Any], tolerance: float = 1e-10) -> None:
    """Equal dtypes and shapes; floats within `tolerance` of the largest element, relatively."""
    for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype and a.shape == b.shape, (
            f"result {k}: {a.dtype}{a.shape} instead of {b.dtype}{b.shape}"
        )
        if a.dtype.kind not in "fc":
            np.testing.assert_array_equal(a, b)
            continue
        if a.dtype in (np.float32, np.complex64):
            tolerance = max(tolerance, 1e-4)
        finite = np.abs(b[np.isfinite(b)])
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, finite.max(initial=0.0)))


def check(function: Function, arguments: Sequence[Any], level: int = 2, tolerance: float = 1e-10) -> cpu.Executable:
    """Compile, call twice, compare with the interpreter; nothing else is written to."""
    executable = cpu.load(function, options=cpu.Options(level=level))
    wanted = interpret(function, arguments)
    for _ in range(2):
        same(run(executable, arguments), wanted, tolerance)
    return executable
