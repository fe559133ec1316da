"""Derivative rules in words, read off the rows."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import wengert.compiler.ops  # noqa: F401 - registers the rows
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY, InferenceError
from wengert.compiler.ir.types import C128, F32, F64, I64, DType, Type
from wengert.compiler.transforms.rule_text import rule_text


def op_of(name: str, count: int, dtype=F64) -> Op:
    types = [Type(dtype, (3,))] * count
    op = Op(name, tuple(Value(t) for t in types), {})
    op.results = tuple(Value(t, "", op) for t in REGISTRY[name].infer(op.operands, {}))
    return op


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("sin", 1, "∂sin(x)/∂x = cos(x)"),
        ("exp", 1, "∂exp(x)/∂x = exp(x)"),
        ("subtract", 2, "∂(x − y)/∂x = 1\n∂(x − y)/∂y = -1"),
        ("divide", 2, "∂(x / y)/∂x = 1 / y\n∂(x / y)/∂y = −(x / y) / y"),
        ("tanh", 1, "∂tanh(x)/∂x = 1 − tanh(x) · tanh(x)"),
        ("stop_gradient", 1, ""),
        ("less", 2, ""),
    ],
)
def test_rules(name: str, count: int, expected: str) -> None:
    assert rule_text(op_of(name, count)) == expected


def test_integers_have_none() -> None:
    assert rule_text(op_of("add", 2, I64)) == ""


@pytest.mark.parametrize(("dtype", "least"), [(F64, 30), (F32, 30), (C128, 10)])
def test_every_elementwise_row_can_be_said(dtype: DType, least: int) -> None:
    said = 0
    for name, row in REGISTRY.items():
        if row.partials is None:
            continue
        count = len(inspect.signature(row.partials).parameters) - 1
        try:
            op = op_of(name, count, dtype)
        except InferenceError:  # not of this dtype, or of several
            continue
        lines = rule_text(op).splitlines()
        assert all(line.startswith("∂") and " = " in line for line in lines), name
        said += bool(lines)
    assert said >= least


def many(A, b, x, k):
    u = np.zeros(3)
    u[1:] = x[:2]
    u[0] += x[1]
    packed = np.array([x[0], k, 2.0])
    decomposed = np.linalg.cholesky(A @ A.T)[0, 0] + np.sum(np.linalg.eigh(A)[1]) + np.linalg.slogdet(A)[1]
    solved = np.sum(np.linalg.solve(A, b)) + np.sum(np.linalg.inv(A)) + np.linalg.det(A)
    chosen = np.sum(np.where(x > 0, x, A @ x)) + np.max(x) + np.prod(x) + np.sum(np.sort(x))
    return np.sum(u * packed) + decomposed + solved + chosen + np.sum(np.abs(np.fft.rfft(x)))


def test_the_rules_of_other_rows_are_what_their_pullbacks_and_tangents_send() -> None:
    floats = (np.eye(3), np.ones(3), np.ones(3), 1.0)
    function = trace(many, signature_of(floats)).function
    said = {}
    for op in function.walk():
        if REGISTRY[op.name].partials is None and not op.regions:
            said.setdefault(op.name, set()).add(rule_text(op))
    assert "r = solve(x, y)\n∂x += −(solve(xᵀ, ∂r) @ rᵀ)\n∂y += solve(xᵀ, ∂r)" in said["solve"]
    assert "r = inv(x)\nits tangent, read backwards:\nr' = −(r @ x' @ r)" in said["inv"]
    assert "r = x @ y\n∂x += outer(∂r, y)\n∂y += ∂r @ x" in said["dot_general"]
    assert "r = Σ(x)\n∂x += spread(∂r)" in said["sum"]
    assert "r = (x with […] = y)\n∂x += (∂r with […] = 0)\n∂y += ∂r[…]" in said["update_slice"]
    assert "r = where(i, x, y)\n∂x += where(i, ∂r, 0)\n∂y += where(i, 0, ∂r)" in said["where"]
    silent = {name for name, texts in said.items() if texts == {""}}
    with_rule = {name for name in silent if REGISTRY[name].pullback or REGISTRY[name].pushforward}
    assert with_rule <= {"broadcast", "cast", "load", "reshape", "slice"}, with_rule  # here of whole numbers only
    assert len(said) - len(silent) >= 16
