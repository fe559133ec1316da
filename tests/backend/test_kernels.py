"""The kernels of the corpus, compiled as they stand, against NumPy: values, dtypes, kinds of numbers, what is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.corpus.kernels import KERNELS
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import optimise
from wengert.compiler.runtime.cpu import Options, load


def same(found: Any, wanted: Any) -> None:
    (a, found_tree), (b, wanted_tree) = flatten(found), flatten(wanted)
    assert found_tree == wanted_tree
    for x, y in zip(a, b, strict=True):
        assert type(x) is type(y)
        x, y = np.asarray(x), np.asarray(y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        single = y.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(x, y, rtol=1e-5 if single else 1e-10, atol=1e-6 if single else 1e-12)


QUICK = ("arrays", "methods", "models")
"""Modules whose kernels are compiled without LLVM's optimisations, in half the time."""


def compiled(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    if function.__module__.rpartition(".")[2] not in QUICK:
        return wg.jit(function)(*arguments)
    traced = trace(function, signature_of(arguments))
    executable = load(optimise(traced.function), options=Options(level=0), python=traced.weak)
    return traced.out.unflatten(executable.call(*flatten(arguments)[0], *traced.captures))


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(name: str) -> None:
    function, arguments = KERNELS[name]
    ours, theirs = arguments(), arguments()
    with np.errstate(all="ignore"):
        wanted = function(*theirs)
    same(compiled(function, ours), wanted)
    same(ours, theirs)
