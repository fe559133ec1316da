"""`check(f, *args)`: the traced function, interpreted, does what the Python function does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.verify import verify


def run(traced: Traced, args: tuple[Any, ...]) -> tuple[Any, dict[int, Any]]:
    """What the traced function returns, as Python has it, and the arrays it writes by leaf position."""
    leaves, _ = flatten(args)
    results = interpret(traced.function, [*leaves, *traced.captures])
    count = traced.out.count
    written = dict(zip(traced.function.written[count:], results[count:], strict=True))
    return traced.out.unflatten(results[:count]), written  # type: ignore[return-value]


def check(function: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> Traced:
    """Compare the compiled meaning with Python's: results, dtypes, structure, written arguments."""
    reference = copy.deepcopy(args)
    with np.errstate(all="ignore"):
        expected = function(*reference)
    before = copy.deepcopy(args)
    traced = trace(function, signature_of(args))
    verify(traced.function)
    result, written = run(traced, args)
    compare(result, expected, rtol)
    leaves, _ = flatten(args)
    for position, (own, first, wanted) in enumerate(
        zip(leaves, flatten(before)[0], flatten(reference)[0], strict=True)
    ):
        np.testing.assert_array_equal(own, first, "interpret wrote into an argument")
        np.testing.assert_allclose(written.get(position, own), wanted, rtol=rtol, atol=1e-13)
    return traced


def compare(result: Any, expected: Any, rtol: float) -> None:
    found, tree = flatten(result)
    wanted, wanted_tree = flatten(expected)
    assert tree == wanted_tree, f"{tree} instead of {wanted_tree}"
    for a, b in zip(found, wanted, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-13)
