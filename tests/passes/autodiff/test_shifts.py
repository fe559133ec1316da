"""Extrema that are taken away again: nothing is differentiated through them, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.harness.derivatives import check_derivatives
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.passes.autodiff.shifts import CHOSEN, without_influence
from wengert.compiler.passes.pipeline import optimise


def log_sum_exp(A):
    top = np.max(A)
    return top + np.log(np.sum(np.exp(A - top)))


def by_rows(A):
    top = A.max(axis=1, keepdims=True)
    return np.sum(top[:, 0] * 2.0 + 2.0 * np.log(np.exp(A - top).sum(axis=1)))


def log_softmax(A):
    z = A - A.max(axis=0)
    return (z - np.log(np.sum(np.exp(z), 0)))[1] @ A[0]


def attention(A):
    S = A @ A.T
    E = np.exp(2.0 * (S - S.max(axis=-1, keepdims=True)))
    return np.sum((E @ A / E.sum(axis=-1, keepdims=True)) ** 2)


def of_two(A):
    total = 0.0
    for i in range(len(A)):
        a, b = A[i, 0], np.sin(A[i, 1])
        top = max(a, b)
        total += (top + np.log(np.exp(a - top) + np.exp(b - top))) * A[i, 2]
    return total


def along_a_chain(A):
    state = A[0]
    for row in A[1:]:
        top = np.max(state)
        state = top + np.log(A[:3, :3] ** 2 @ np.exp(state - top)) + row
    return log_sum_exp(state)


def packed(A):
    low = np.min(A[0])
    return np.log(np.array([np.exp(A[1, 0] - low), 0.0, np.exp(A[0, 1] - low)]).sum()) + low


def not_taken_away(A):
    top = np.max(A)
    return np.log(np.sum(np.exp(A - top)))


def twice(A):
    top = np.max(A)
    return 2.0 * top + np.log(np.sum(np.exp(A - top)))


def along_the_other_axis(A):
    B = A[:3, :3]
    top = B.max(axis=1)
    return np.sum(top[:, None] + np.log(np.exp(B - top[None, :]).sum(axis=0)))


def summed_over(A):
    top = A.max(axis=1)
    return np.sum(top) + np.log(np.sum(np.exp(A - top[:, None])))


def squared(A):
    top = np.max(A)
    return np.sum((A - top) ** 2) + np.sum(np.exp(A - top)) / np.sum(np.exp(2.0 * A - top))


def a_part_of_it(A):
    top = A.max(axis=1, keepdims=True)
    return np.sum(top[1:, 0] + np.log(np.exp(A[1:] - top[:-1]).sum(axis=1)))


def kept_by_a_loop(A):
    total = 0.0
    for i in range(3):
        top = np.max(A[i])
        total = total * top + top - np.max(A[i] - top)
    return total


def compared(A):
    top = np.max(A)
    return top + np.log(np.sum(np.where(A - top > -1.0, np.exp(A - top), 0.0)))


INERT = [log_sum_exp, by_rows, log_softmax, attention, of_two, along_a_chain, packed]
OTHERS = [not_taken_away, twice, along_the_other_axis, summed_over, squared, a_part_of_it, kept_by_a_loop, compared]


@pytest.mark.parametrize("f", INERT + OTHERS)
def test_extrema_without_influence(f) -> None:
    A = np.random.default_rng(4).normal(size=(4, 3))
    function = optimise(trace(f, signature_of((A,))).function)
    extrema = {op for op in function.walk() if op.name in CHOSEN[: 4 + (f is of_two)] and op.result.type.dtype.is_float}
    assert extrema and without_influence(function) == (extrema if f in INERT else set())
    check_derivatives(function, (A,), order=2)


def test_ties_without_influence_are_not_counted() -> None:
    A = np.array([[1.0, 1.0, 0.5]])
    function = optimise(trace(log_sum_exp, signature_of((A,))).function)
    check_derivatives(function, (A,), order=2)
