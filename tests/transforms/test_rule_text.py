"""Derivative rules in words, read off the rows."""

from __future__ import annotations

import inspect

import pytest

import wengert.compiler.ops  # noqa: F401 - registers the rows
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
