"""The ops that only the host part of an offloaded function has: `empty` memory, a kernel `launch`, a library's product or call.

    %y = empty %n {dtype = 'f64'}                                            : f64[?]
    %z = launch %count, %y, %x, %a {kernel = <function>, outputs = 1, ...}   : f64[?]

A launch runs its kernel, an IR function (count, outputs..., inputs...) -> outputs, whose body is one parallel loop of
`count` iterations. Its results are the outputs as the kernel leaves them, in place where nobody else holds the operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY, InferenceError, OpDef, register
from wengert.compiler.ir.types import BOOL, DTYPES, I64, Type
from wengert.compiler.ops.arrays import static

ON_DEVICE = {
    "solve", "inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "svd", "svd_full", "svdvals", "fft", "ifft", "rfft",
    "irfft", "sort", "argsort", "argsort_stable",
}  # fmt: skip
"""Rows of kind "library" that the device's library has for stacks of matrices, too."""


def _infer_empty(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    return (Type(DTYPES[attrs["dtype"]], static(operands)),)


def _evaluate_empty(*extents: Any, dtype: str) -> Any:
    numpy_dtype = DTYPES[dtype].numpy
    poison = np.nan if numpy_dtype.kind in "fc" else 1  # whoever reads it before it is written is found out
    return np.full([int(n) for n in extents], poison, numpy_dtype)


def _infer_dot(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    (made,) = REGISTRY["dot_general"].infer(operands[1:], attrs)
    if not operands[0].type.accepts(made) and not made.accepts(operands[0].type):
        raise InferenceError(f"product {made} into {operands[0].type}")
    return (operands[0].type,)


def _evaluate_dot(out: Any, a: Any, b: Any, contract: Any, batch: Any) -> Any:
    evaluate = REGISTRY["dot_general"].evaluate
    assert evaluate is not None
    return evaluate(a, b, contract=contract, batch=batch)


def _evaluate_call(*operands: Any, row: str, outputs: int) -> Any:
    evaluate = REGISTRY[row].evaluate
    assert evaluate is not None
    *results, fine = evaluate(*operands[outputs:])
    return (*(np.reshape(r, np.shape(out)) for r, out in zip(results, operands, strict=False)), fine)


def _infer_launch(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    kernel: Function = attrs["kernel"]
    if len(operands) != len(kernel.params) or operands[0].type != Type(I64):
        raise InferenceError(f"launch of {kernel.name} with {len(operands)} operands")
    for operand, parameter in zip(operands, kernel.params, strict=True):
        if not parameter.type.accepts(operand.type):
            raise InferenceError(f"launch of {kernel.name}: {operand.type} for {parameter!r}")
    return tuple(v.type for v in operands[1 : 1 + attrs["outputs"]])


def _evaluate_launch(*operands: Any, kernel: Function, **attrs: Any) -> Any:
    results = interpret(kernel, operands)
    return results if len(results) > 1 else results[0]


def _extent_launch(op: Op, axis: int, position: int = 0) -> Any:
    return (op.operands[1], axis) if op.attrs["outputs"] == 1 else None


register(
    OpDef(
        "empty",
        "source",
        _infer_empty,
        _evaluate_empty,
        extent=lambda op, axis: op.operands[axis],
        doc="an array of the given extents whose elements nobody has written yet. attrs: dtype",
    )
)
register(
    OpDef(
        "library_dot",
        "update",
        _infer_dot,
        _evaluate_dot,
        extent=lambda op, axis: (op.operands[0], axis),
        doc="`dot_general` of operands 1 and 2 by the device's library, into operand 0; attrs as there",
    )
)
register(
    OpDef(
        "library_call",
        "update",
        lambda operands, attrs: (*(v.type for v in operands[: attrs["outputs"]]), Type(BOOL)),
        _evaluate_call,
        extent=lambda op, axis, position: (op.operands[position], axis),
        doc="a row of kind \"library\" by the device's library; operands: outputs..., arrays..., numbers...; results: the "
        "outputs, and whether all went well; attrs: row, outputs (how many)",
    )
)
register(
    OpDef(
        "launch",
        "update",
        _infer_launch,
        _evaluate_launch,
        extent=_extent_launch,
        doc="runs a kernel; operands: count, outputs..., inputs...; attrs: kernel, outputs (how many), threads "
        '("many", "few" in a block for long iterations, "chunk" for short ones, "plane" for rows and columns, "group" where '
        'threads beside each other are combined, "one" for a loop that has to run in order), columns, rows (see Kernel)',
    )
)
