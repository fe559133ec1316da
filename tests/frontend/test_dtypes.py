"""Dtypes of results, wrapping and casts (NEP 50): tables of expressions over pairs of dtypes, against NumPy.

What NumPy refuses must not compile or must raise; what gives float16 there is refused here.
"""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

import wengert as wg

DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64", "float32", "float64", "complex64", "complex128")
BINARY = (
    "a + b", "a - b", "a * b", "a / b", "a == b", "a < b", "a >= b", "a != b", "a & b", "a | b", "a ^ b", "a // c", "a % c", "np.fmod(a, c)",
    "np.maximum(a, b)", "np.minimum(a, b)", "np.where(m, a, b)", "np.power(np.abs(a) % 5, np.abs(b) % 4)", "np.arctan2(a, b)",
    "np.hypot(a, b)", "np.copysign(a, b)", "np.logaddexp(a, b)", "np.heaviside(a, b)", "np.float_power(np.abs(a), 2)", "np.dot(a, b)",
    "np.outer(a, b)", "np.concatenate((a, b))", "np.convolve(a, b)", "a << s", "a >> s", "np.logical_and(a, b)", "np.clip(a, b, b)",
    "a + b[3]", "a * b[2]", "a[1] - b[2]", "a[1] * b[3]", "np.where(a[0] > 0, a, b[1])", "a[2] // c[1]", "a @ b",
)  # fmt: skip
UNARY = (
    "-a", "~a", "np.abs(a)", "np.sign(a)", "np.sin(a)", "np.rint(a)", "np.floor(a)", "np.square(a)", "np.conj(a)", "np.angle(a * 2)", "np.degrees(a)", "np.deg2rad(a)",
    "np.round(a)", "np.positive(a)", "a ** 2", "a ** 0.5", "2.0 ** (a * 0)", "a * 2.5", "a + 1j", "a + True", "a / 2", "7 // (a * a + 1)", "a % -3", "a > 0.5",
    "np.maximum(a, 0.5)", "np.where(a > 0, a, 0.0)", "np.where(a > 0, a, 0)", "np.clip(a, 1, 3)", "np.exp(a * np.float32(0.1))", "np.trapezoid(a)", "np.trapezoid(a, dx=0.5)",
    "a.sum()", "a.prod()", "a.mean()", "a.std()", "a.max()", "np.cumsum(a)", "np.ptp(a)", "np.diff(a)", "np.median(a)", "np.average(a)", "sum(a)", "max(a)",
    "a.sum(dtype=np.int16)", "a.sum(dtype=np.float32)", "a.item(2)", "a[2].item()", "float(a[2].real)", "complex(a[2])", "complex(a[2], 1)", "np.nan_to_num(a)",
    "a.astype(np.float32)", "a.astype(bool)", "np.full_like(a, 2)", "np.array([a[0], 1.0])", "np.array([a[0], 1])", "np.linalg.norm(a)", "np.bitwise_xor.reduce(a)",
)  # fmt: skip
IN_PLACE = ("u += 1", "u *= 2", "u += 1.5", "u /= 2", "u //= 2", "u **= 2", "u -= 1j", "u &= 1", "u[0] = 2.7", "u[1] += 1.5", "u[1] /= 2", "u[1:3] = np.array([1.5, 2.5])", "u[a > 0] = 7", "np.add(u, 1, out=u)")  # fmt: skip
count = iter(range(10**9))


def sample(name: str, seed: int) -> np.ndarray:
    rng, dtype = np.random.default_rng(seed), np.dtype(name)
    if dtype.kind == "b":
        return rng.random(6) < 0.5
    if dtype.kind == "c":
        return (rng.normal(size=6) * 2 + 1j * rng.normal(size=6)).astype(dtype)
    if dtype.kind == "f":
        return np.array([1.5, -2.25, 0.0, 3.0, -0.5, 7.125], dtype)[rng.permutation(6)]
    info = np.iinfo(dtype)
    return np.array([3, 100, 7, 0, max(info.min, -5), info.max], dtype)[rng.permutation(6)]


def made(body: str, names: Sequence[str]) -> Any:
    filename, text = f"<dtypes {next(count)}>", f"def f({', '.join(names)}):\n{body}\n"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def same(got: Any, wanted: Any) -> None:
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    assert type(wanted).__module__ != "builtins" or type(got) is type(wanted)
    if np.asarray(wanted).dtype.kind in "fc":
        tolerance = 3e-5 if np.asarray(wanted).dtype in (np.float32, np.complex64) else 1e-11
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=1e-30 + tolerance)
    else:
        np.testing.assert_array_equal(got, wanted)


def outcome(function: Any, values: dict[str, np.ndarray]) -> Any:
    """What it gives, or the error it raises."""
    with np.errstate(all="ignore"):
        try:
            return function(*(v.copy() for v in values.values()))
        except (TypeError, ValueError, OverflowError, wg.errors.WengertError) as error:
            return error


def check(bodies: Sequence[str], values: dict[str, np.ndarray]) -> int:
    """Each body gives NumPy's result, or is refused; all that compile are one function. Returns how many are refused."""
    known = {b: outcome(made(b, list(values)), values) for b in bodies}
    fine = [b for b, r in known.items() if not isinstance(r, Exception) and np.asarray(r).dtype != np.float16]
    for body in known.keys() - fine:
        assert isinstance(outcome(wg.jit(made(body, list(values))), values), Exception), f"{body}: NumPy gives {known[body]!r}"
    parts = [b.removeprefix("    return ") for b in fine if b.startswith("    return ")]
    together = outcome(wg.jit(made(f"    return ({', '.join(parts)},)", list(values))), values) if parts else ()
    alone = isinstance(together, Exception) or len(parts) < len(fine)
    got = [outcome(wg.jit(made(b, list(values))), values) for b in fine] if alone else together
    refused = 0
    for body, result in zip(fine, got, strict=True):
        if isinstance(result, Exception):
            assert isinstance(result, wg.errors.CompileError), f"{body}: {result!r}"
            refused += 1
            continue
        try:
            same(result, known[body])
        except AssertionError as error:
            raise AssertionError(f"{body}: {error}") from None
    return refused


def expressions(texts: Sequence[str]) -> list[str]:
    return [f"    return {t}" for t in texts]


PAIRS = [(x, y) for (i, x), (j, y) in product(enumerate(DTYPES), enumerate(DTYPES)) if (5 * i + 3 * j) % 12 == 0][::2]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two(first: str, second: str) -> None:
    a, b = sample(first, 1), sample(second, 2)
    values = {"a": a, "b": b, "c": np.where(b == 0, np.ones_like(b), b), "s": (np.arange(6) % 5).astype(second), "m": np.arange(6) % 2 == 0}
    assert check(expressions(BINARY), values) <= 7


@pytest.mark.parametrize("dtype", ("bool", "uint8", "int32", "float32"))
def test_of_one(dtype: str) -> None:
    assert check(expressions(UNARY), {"a": sample(dtype, 3)}) <= 8


@pytest.mark.parametrize("dtype", ("uint8", "int32", "float32"))
def test_in_place(dtype: str) -> None:
    assert check([f"    u = a.copy()\n    {t}\n    return u" for t in IN_PLACE], {"a": sample(dtype, 4)}) <= 2


def some(x):
    total = 0.0
    for i in range(len(x)):
        part = 0
        for j in range(i + 1):
            if x[j] > x[i]:
                part += x[j] * x[i]
        total += part
    return total


def largest(x):
    best, at = (0.0, -1.0), 0
    while at < len(x):
        best = (max(best[0], x[at]), x[at] if x[at] < 0.5 else best[1])
        at += 1
    return best[0] + best[1]


def run_length(x):
    def onwards(length, longest, v):
        if v > 0.3:
            length += v
        else:
            longest = max(longest, length)
            length = 0.0
        return length, longest

    length, longest = 0.0, 0.0
    for v in x:
        length, longest = onwards(length, longest, v)
    return longest


def inexact(x):
    total = 0.1
    for v in x:
        if v > 0.5:
            total += v
    return total


def added_to(x):
    total = 0.0
    for v in x:
        if v > 0.5:
            total += v
        else:
            total += 0.1
    return total


@pytest.mark.parametrize("f", [some, largest, run_length])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_begins_as_what_is_added_to_it_in_some_trips(f, dtype: str) -> None:
    x = np.random.default_rng(0).random(12).astype(dtype)
    found, wanted = wg.jit(f)(x), f(x)
    assert found == wanted and np.asarray(found).dtype == dtype == np.asarray(wanted).dtype


@pytest.mark.parametrize("f", [inexact, added_to])
def test_a_number_that_float32_rounds_does_not(f) -> None:
    with pytest.raises(wg.errors.TypeMismatch):
        wg.jit(f)(np.ones(3, np.float32))
