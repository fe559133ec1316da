"""Arguments of every kind through `wg.jit`: what NumPy makes of their dtypes, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.diag.errors import TypeMismatch

NUMBERS = [2.0, np.float64(2.0), 2.0, 2, np.int64(2), True, np.bool_(True), 2j, np.complex128(2), np.float32(2), 3]


@pytest.mark.parametrize("numbers", [NUMBERS, NUMBERS[::-1], NUMBERS[1::2] + NUMBERS[::2]], ids=["given", "back", "mixed"])
def test_python_numbers_give_way_and_numpy_numbers_do_not(numbers: list[Any]) -> None:
    """Whatever the function was compiled for before."""

    @wg.jit
    def scaled(s, x):
        return s * x

    x = np.ones(3, np.float32)
    for s in numbers:
        result = scaled(s, x)
        assert result.dtype == (s * x).dtype, repr(s)
        np.testing.assert_array_equal(result, s * x)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("make", [np.matrix, np.ma.array], ids=["matrix", "masked"])
def test_arrays_whose_operators_differ_are_refused(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeMismatch, match="cannot be compiled"):
        wg.jit(lambda x: x * x)(make([[1.0, 2.0], [3.0, 4.0]]))
