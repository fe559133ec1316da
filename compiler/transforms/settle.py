"""The last step before machine code: calls of functions with rules of their own are inlined, what rules close over is passed.

    %y = custom_call %x {callee = f}         the body of f
    %a = captured {array = <array>}    =>    func @g(..., %a: f64[?])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.rewrite import copy_block, copy_ops
from wengert.compiler.ir.tree import Tree
from wengert.compiler.ops.custom import CALLS
from wengert.compiler.passes.pipeline import Recorder, optimise


def replace_function(traced: Traced, function: Any, out: Tree | None = None, signature: Signature | None = None) -> Traced:
    """`traced` with another function (and structure of results, and signature)."""
    return Traced(
        function,
        signature or traced.signature,
        traced.out if out is None else out,
        traced.captures,
        traced.source,
        traced.weak if out is None else (),
        traced.reads,
        traced.apart,
    )


def settled(traced: Traced, recorder: Recorder) -> Traced:
    """`traced` with no calls and no `captured` left; itself where there are none."""
    names = {op.name for op in traced.function.walk()}
    if names.isdisjoint((*CALLS, "captured")):
        return traced
    arrays: dict[int, tuple[np.ndarray, Value]] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name in CALLS:
            body = op.attrs["callee"].function
            mapping = dict(zip(body.params, operands, strict=True))
            copy_ops(builder, body.body.ops, mapping, replace)
            return [mapping.get(v, v) for v in body.results]
        if op.name != "captured":
            return None
        array = op.attrs["array"].array
        if id(array) not in arrays:
            arrays[id(array)] = array, Value(op.result.type, op.result.hint)
        return [arrays[id(array)][1]]

    body = copy_block(traced.function.body, {}, replace)
    body.params += [param for _, param in arrays.values()]
    function = recorder.stage("inlined", lambda: Function(traced.function.name, body, traced.function.written))
    captures = (*traced.captures, *(array for array, _ in arrays.values()))
    made = replace_function(traced, optimise(function, recorder))
    return Traced(made.function, made.signature, made.out, captures, made.source, made.weak, made.reads, made.apart)
