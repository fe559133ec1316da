"""The last step before machine code: calls of functions with rules of their own are inlined, what rules close over is passed.

    %y = custom_call %x {callee = f}         the body of f
    %a = captured {array = <array>}    =>    func @g(..., %a: f64[?])

Where NumPy's sorting loops cannot be called, sorting is written out (frontend/written_order.py), and where LAPACK cannot,
systems of equations and the like are (frontend/written_elimination.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from wengert.compiler.backend.emit.order import SORTING, has_loop
from wengert.compiler.frontend.signature import Leaf, Signature
from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.frontend.written_elimination import WRITTEN as LINEAR
from wengert.compiler.frontend.written_order import order_of_last, sorted_last
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.rewrite import copy_block, copy_ops
from wengert.compiler.ir.tree import Tree, flatten
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


def settled(traced: Traced, recorder: Recorder, sorts: Sorts = "library") -> Traced:
    """`traced` with no calls and no `captured` left; itself where there are none. sorts: what sorts arrays: "library"; "kernels":
    the library but in loops and branches, and the same for linear algebra; "language": what is written in the language."""
    own = {*_sorts(traced.function, sorts), *(_out_of_reach(traced.function.body) if sorts == "kernels" else ())}
    names = {op.name for op in traced.function.walk()}
    if not own and names.isdisjoint((*CALLS, "captured")):
        return traced
    arrays: dict[int, tuple[np.ndarray, Value]] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name in CALLS:
            body = op.attrs["callee"].function
            mapping = dict(zip(body.params, operands, strict=True))
            copy_ops(builder, body.body.ops, mapping, replace)
            return [mapping.get(v, v) for v in body.results]
        if op in own:
            written = _written(op).function
            mapping = dict(zip(written.params, operands, strict=True))
            copy_ops(builder, written.body.ops, mapping)
            found = [mapping.get(v, v) for v in written.results]
            return [*found, builder.boolean(True)] if op.name in SORTING else found
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


Sorts = Literal["library", "kernels", "language"]


def _sorts(function: Function, sorts: Sorts) -> Iterator[Op]:
    """The sorting that is to be written out."""
    spared = set(function.body.ops) if sorts == "kernels" else set()
    for op in function.walk():
        if op.name in SORTING and op not in spared and (sorts != "library" or not has_loop(op)):
            yield op


def _out_of_reach(block: Block, depth: int = 0) -> Iterator[Op]:
    """The linear algebra that no loop can be divided at (backend/device_fission.py). depth: 0 outside of parallel loops, 1 in the
    body of one, 2 further inside."""
    for op in block.ops:
        if depth == 2 and op.name in LINEAR and op.operands[0].type.rank == 2 and op.operands[0].type.dtype.kind == "f":
            yield op
        inside = 2 if depth else int(op.name == "for" and bool(op.attrs["parallel"]))
        for region in op.regions:
            yield from _out_of_reach(region, inside)


def _written(op: Op) -> Traced:
    leaves = tuple(Leaf(v.type) for v in op.operands)
    function = LINEAR.get(op.name) or (sorted_last if op.name == "sort" else order_of_last)
    traced = trace(function, Signature(flatten((0.0,) * len(leaves))[1], leaves))
    for inner in traced.function.walk():
        inner.span, inner.role = op.span, op.role
    return traced
