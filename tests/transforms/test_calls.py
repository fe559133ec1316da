"""Calls of compiled functions: declared types, wrong arguments, names of the module that change, where they run."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import wengert as wg

factor = 2.0
table = np.array([1.0, 2.0])


def helper(x):
    return factor * x


def scaled(x: float) -> float:
    return helper(x) * table[1]


def square_element(x: NDArray[np.float64], k: int) -> float:
    return x[k] ** 2


def cubes(x):
    return np.sum(x**3)


def test_a_changed_name_of_the_module_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    f, around = wg.jit(scaled), wg.jit(lambda x: wg.jit(scaled)(x) + 1.0)
    gradient = wg.grad(f)
    assert (f(1.0), gradient(1.0), around(1.0)) == (4.0, 4.0, 5.0)
    monkeypatch.setitem(globals(), "factor", 3.0)
    assert (f(1.0), gradient(1.0), around(1.0)) == (6.0, 6.0, 7.0)
    monkeypatch.setitem(globals(), "helper", lambda x: x * x)
    assert (f(3.0), gradient(3.0), around(3.0)) == (18.0, 12.0, 19.0)
    monkeypatch.setitem(globals(), "table", np.array([0.0, 10.0]))
    assert (f(3.0), gradient(3.0), around(3.0)) == (90.0, 60.0, 91.0)


def test_an_equal_number_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    f = wg.jit(scaled)
    f(1.0)
    before = f.last
    monkeypatch.setitem(globals(), "factor", float("2.0"))
    f(1.0)
    assert f.last is before


WRONG = [
    (scaled, ("a",), "x of scaled is declared f64 and was given a str, 'a'"),
    (scaled, ([1.0, 2.0],), r"was given a list, \[1.0, 2.0\]"),
    (scaled, (None,), "was given None"),
    (scaled, (np.ones(3),), "use `wg.batch`"),
    (scaled, (1.0, 2.0), "takes 1 argument and was called with 2"),
    (square_element, (np.arange(3), 1), r"declared an array of float64 and was given one of int64[^$]*astype\(np.float64\)"),
    (square_element, (np.ones(3, np.float32), 1), "given one of float32"),
    (square_element, ([1.0, 2.0], 1), r"declared an array and was given a list[^$]*np.array"),
]


@pytest.mark.parametrize(("function", "args", "message"), WRONG)
def test_what_is_not_as_declared_is_refused(function, args, message) -> None:
    for compiled in (wg.jit(function), wg.grad(function)):
        with pytest.raises(wg.errors.WengertError, match=message.replace(f" of {function.__name__}", r" of \w+")):
            compiled(*args)


def test_an_unknown_keyword_reads_as_in_python() -> None:
    with pytest.raises(wg.errors.CallError, match=r"scaled\(\): got an unexpected keyword argument 'y'"):
        wg.jit(scaled)(1.0, y=2.0)


@pytest.mark.parametrize("transform", [wg.grad, wg.batch, wg.jacobian, wg.hessian])
def test_a_transform_of_an_offloaded_function_runs_on_its_device(transform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    x = np.array([[1.0, 2.0, 3.0]]) if transform is wg.batch else np.array([1.0, 2.0, 3.0])
    y = transform(wg.offload(cubes, "cuda:0"))(x)
    assert getattr(y, "device", None) == "cuda:0"
    np.testing.assert_allclose(np.asarray(y), transform(cubes)(x))


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (1, 1)])
def test_a_batch_of_one(shape) -> None:
    x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    np.testing.assert_allclose(wg.batch(cubes)(x), [cubes(row) for row in x])
    np.testing.assert_allclose(wg.batch(wg.grad(cubes))(x), 3 * x**2)
    np.testing.assert_allclose(wg.batch(lambda a, b: np.sin(a) * b)(x[0], x[0]), np.sin(x[0]) * x[0])


stack = np.linspace(-1.0, 1.0, 12).reshape(3, 2, 2) + 2.0 * np.eye(2)
LIBRARY = {
    "solve": (wg.batch(np.linalg.solve), (stack, stack[:, 0]), np.linalg.solve(stack, stack[:, 0, :, None])[..., 0]),
    "shared": (wg.batch(np.linalg.solve, (None, 0)), (stack[0], stack[:, 0]), stack[:, 0] @ np.linalg.inv(stack[0]).T),
    "eigh": (wg.batch(np.linalg.eigvalsh), (stack,), np.linalg.eigvalsh(stack)),
    "sum": (wg.jit(np.sum), (stack,), np.sum(stack)),
    "axis": (wg.batch(functools.partial(np.sum, axis=0)), (stack,), np.sum(stack, axis=1)),
    "sine": (wg.batch(np.sin), (stack,), np.sin(stack)),
    "ufunc": (wg.batch(np.add), (stack, stack), stack + stack),
    "dot": (wg.jit(np.dot), (stack[0], stack[1]), stack[0] @ stack[1]),
    "grad": (wg.grad(np.linalg.det), (stack[0],), np.linalg.det(stack[0]) * np.linalg.inv(stack[0]).T),
    "python": (wg.batch(abs), (stack[:, 0, 0],), np.abs(stack[:, 0, 0])),
    "math": (wg.batch(math.hypot), (stack[:, 0, 0], stack[:, 0, 1]), np.hypot(stack[:, 0, 0], stack[:, 0, 1])),
}  # fmt: skip


@pytest.mark.parametrize("case", LIBRARY.values(), ids=LIBRARY)
def test_a_function_of_a_library_itself(case) -> None:
    function, args, wanted = case
    np.testing.assert_allclose(function(*args), wanted, rtol=1e-12)


def test_a_function_of_a_library_that_cannot_be_compiled_is_named() -> None:
    with pytest.raises(wg.errors.UnsupportedError, match="np.linalg.tensorsolve. cannot") as fault:
        wg.jit(np.linalg.tensorsolve)(stack[0], stack[0, 0])
    assert "return np.linalg.tensorsolve(a, b, axes=axes)" in str(fault.value)


def scaled_power(x: Any, power: int = 2, scale: float = 1.0) -> Any:
    return scale * np.sum(x**power)


def test_numbers_that_in_axes_does_not_name_are_shared() -> None:
    f, x = wg.batch(scaled_power, (0,)), np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(f(x), np.sum(x**2, 1))
    np.testing.assert_allclose(f(x, 3), np.sum(x**3, 1))
    np.testing.assert_allclose(f(x, scale=2.0), 2.0 * np.sum(x**2, 1))
    with pytest.raises(wg.errors.OptionError, match="in_axes has 1 entries .* called with 3 arguments"):
        f(x, scale=np.ones(3))  # shared, or one for each call


def test_batches_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError):
        wg.batch(lambda a, b: a * b)(np.ones(1), np.ones(3))


def test_a_number_that_cannot_be_batched_is_named() -> None:
    with pytest.raises(wg.errors.OptionError, match=r"k has no axes and cannot be batched over axis 0[^$]*in_axes=\(0, None\)"):
        wg.batch(square_element)(np.ones((2, 3)), 1)


@pytest.mark.parametrize(
    "function, args",
    [
        (lambda a: a * 2, (1.5,)),
        (lambda a: a // 2, (7,)),
        (lambda a: a > 2, (7,)),
        (lambda a: a * 1j, (7.0,)),
        (lambda x: (len(x), x.shape, x[0], float(x[1]), x[0] > 0), (np.ones(3),)),
        (lambda x: (-1, 0.5) if x[0] > 0 else (2, 1.5), (np.ones(3),)),
        (lambda x: int(x[0] * 10), (np.ones(3),)),
        (lambda a: np.sin(a), (0.5,)),
        (lambda a: math.sin(a), (0.5,)),
    ],
)
def test_numbers_are_those_python_gives(function, args):
    got, wanted = wg.jit(function)(*args), function(*args)
    assert repr(got) == repr(wanted)
