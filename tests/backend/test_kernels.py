"""The kernels of the corpus, compiled as they stand, against NumPy: values, dtypes, kinds of numbers, what is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.corpus.kernels import KERNELS
from wengert.compiler.ir.tree import flatten


def same(found: Any, wanted: Any) -> None:
    (a, found_tree), (b, wanted_tree) = flatten(found), flatten(wanted)
    assert found_tree == wanted_tree
    for x, y in zip(a, b, strict=True):
        assert type(x) is type(y)
        x, y = np.asarray(x), np.asarray(y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        single = y.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(x, y, rtol=1e-5 if single else 1e-10, atol=1e-6 if single else 1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel(name: str) -> None:
    function, arguments = KERNELS[name]
    ours, theirs = arguments(), arguments()
    with np.errstate(all="ignore"):
        wanted = function(*theirs)
    same(wg.jit(function)(*ours), wanted)
    same(ours, theirs)
