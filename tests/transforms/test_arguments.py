"""Arguments of every kind through `wg.jit`: what NumPy makes of their dtypes, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.diag.errors import CompileError, TypeMismatch

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


def test_complex_arithmetic_keeps_its_precision_and_its_zeros() -> None:
    def work(x):
        s = 0
        for v in x:
            s += v
        return np.mean(x), s, 0.0 + x, x - 0.0, 1 * x

    for x in (np.array([1 + 1j, 2 - 1j], np.complex64), np.array([complex(-0.0, -0.0), 1j]), np.array([complex(np.inf, 1)])):
        with np.errstate(all="ignore"):
            results = zip(wg.jit(work)(x), work(x), strict=True)
        for got, wanted in results:
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(np.signbit(got.real), np.signbit(wanted.real))
            np.testing.assert_array_equal(np.signbit(got.imag), np.signbit(wanted.imag))
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("work", [np.argmax, np.argmin, np.max, np.sort])
def test_what_complex_arrays_are_not_compiled_for(work: Callable[..., Any]) -> None:
    with pytest.raises(CompileError):
        wg.jit(lambda x: work(x))(np.array([1j, 2.0]))


def _add(x, y):
    x += y
    return x


def _add_where(x, y):
    x[x != 0] += y[0]
    return x


@pytest.mark.parametrize("function", [_add, _add_where], ids=["whole", "mask"])
@pytest.mark.parametrize("target", [np.uint8, np.int32, np.float32, np.bool_, np.complex64])
def test_operators_in_place_take_what_numpy_takes(function: Callable[..., Any], target: Any) -> None:
    for given in (np.uint8, np.int8, np.int64, np.uint64, np.float64, np.bool_, np.complex128):
        x, y = np.array([1, 0, 1], target), np.array([1, 0, 1], given)
        try:
            wanted = function(x.copy(), y)
        except TypeError:
            with pytest.raises(TypeMismatch, match="which NumPy refuses"):
                wg.jit(function)(x.copy(), y)
        else:
            got = wg.jit(function)(x.copy(), y)
            np.testing.assert_array_equal(got, wanted)
            assert got.dtype == wanted.dtype


def test_a_cotangent_has_the_extents_of_its_result() -> None:
    """Else what lies behind it in memory would be read."""

    def work(x):
        x[0] = 1.0
        return x, np.outer(x, x)

    vjp, x = wg.vjp(work), np.ones(3)
    for extents in ((3, (3, 4), 3), (4, (3, 3), 3), (3, (3, 3), 2), (3, (2, 3), 3)):
        first, second, third = map(np.ones, extents)
        with pytest.raises(ValueError, match="cotangent differ"):
            vjp((x,), ((first, second), third))
    vjp((x,), ((x, np.ones((3, 3))), x))
    with pytest.raises(ValueError, match="cotangent differ"):
        wg.vjp(lambda x: x)((x,), np.ones(4))


def test_cotangent_of_a_result_of_which_an_extent_is_known() -> None:
    """The rows have 3 elements whatever the arguments; a cotangent's extents are known only when it is given."""

    def history(rate, n):
        rows, state = np.zeros((n, 3)), 1.0
        for k in range(n):
            state = state * rate
            rows[k] = state, state * state, k
        return rows

    f = wg.vjp(history)
    difference = sum(k * 0.9 ** (k - 1) + 2 * k * 0.9 ** (2 * k - 1) for k in range(1, 6))
    assert f((0.9, 5), np.ones((5, 3)))[1][0] == pytest.approx(difference, rel=1e-12)
    for shape in [(5, 2), (5, 4), (4, 3)]:
        with pytest.raises(ValueError, match="extents"):
            f((0.9, 5), np.ones(shape))


def test_cotangent_of_a_result_that_happens_to_have_one_element() -> None:
    f = wg.vjp(lambda x: (x[x > 0] * 2, x.sum()))
    x = np.array([1.0, -1.0, -2.0])
    np.testing.assert_array_equal(f((x,), (np.array([3.0]), 1.0))[1][0], [7.0, 1.0, 1.0])
    np.testing.assert_array_equal(f((-x,), (np.array([3.0, 4.0]), 0.0))[1][0], [0.0, 6.0, 8.0])


def scaled(x, *, by=2.0, plus=1.0):
    return x * by + plus


@pytest.mark.parametrize("keywords", [{}, {"by": 3.0}, {"plus": 0.5}, {"plus": 0.5, "by": 3.0}])
def test_parameters_that_are_named_in_calls_only(keywords: dict[str, float]) -> None:
    assert wg.jit(scaled)(2.0, **keywords) == scaled(2.0, **keywords)
    assert wg.grad(scaled)(2.0, **keywords) == keywords.get("by", 2.0)
    assert wg.grad(scaled, wrt="by")(2.0, by=3.0) == 2.0
    batched = wg.batch(scaled, in_axes=(0, None, None))(np.arange(3.0), **keywords)
    np.testing.assert_array_equal(batched, scaled(np.arange(3.0), **keywords))


def test_keywords_without_a_position_are_refused() -> None:
    def f(x, *rest, by=2.0):
        return x * by

    def g(x, **options):
        return x

    assert wg.jit(f)(2.0) == 4.0
    for call in (lambda: wg.jit(f)(2.0, by=3.0), lambda: wg.jit(g)(2.0, by=3.0)):
        with pytest.raises(wg.errors.WengertError, match="by its name"):
            call()
