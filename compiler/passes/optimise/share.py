"""Common subexpressions: a pure op (or a check) that stands before, in the same block or one around it, is not done again.

    %1 = multiply %x, %x : f64            %1 = multiply %x, %x : f64
    %2 = multiply %x, %x : f64      =>    %3 = add %1, %1 : f64
    %3 = add %1, %2 : f64

Sound for loads and slices too, since arrays are values. In derivatives, x / y is x * (1 / y) where that stands before.
"""

from __future__ import annotations

from collections.abc import Hashable

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import AS_WRITTEN, Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op

Known = dict[Hashable, tuple[Value, ...]]


def share(function: Function) -> Function:
    """The function itself where nothing is done twice."""
    mapping: dict[Value, Value] = {}
    found: list[Op] = []
    body = _block(function.body, mapping, {}, found)
    return Function(function.name, body, function.written) if found else function


def _block(block: Block, mapping: dict[Value, Value], known: Known, found: list[Op]) -> Block:
    """known: what was done before, in this block and around it; found: the ops that are not done again, or otherwise."""
    new = Block([clone_value(p) for p in block.params])
    mapping.update(zip(block.params, new.params, strict=True))
    builder = Builder(new)
    for op in block.ops:
        operands = [mapping.get(v, v) for v in op.operands]
        reciprocal = known.get(("reciprocal", id(operands[1]))) if op.name == "divide" else None
        if reciprocal is not None and op.role not in AS_WRITTEN and constant_of(operands[0]) != 1:
            with builder.at(op.span, op.role):
                mapping[op.result] = builder.emit("multiply", operands[0], reciprocal[0], hint=op.result.hint)
            found.append(op)
            continue
        key = _key(op, operands)
        results = known.get(key) if key is not None else None
        if results is None:
            regions = tuple(_block(r, mapping, dict(known), found) for r in op.regions)
            results = copy_op(builder, op, operands, regions).results
            if key is not None:
                known[key] = results
            if op.name == "divide" and constant_of(operands[0]) == 1 and op.result.type == operands[1].type:
                known["reciprocal", id(operands[1])] = results
        else:
            found.append(op)
            first = results[0].owner if results else None
            if first is not None and op.role in AS_WRITTEN and first.role not in AS_WRITTEN:
                first.role = op.role  # it stands for both
        mapping.update(zip(op.results, results, strict=True))
    new.results = [mapping.get(v, v) for v in block.results]
    return new


def _key(op: Op, operands: list[Value]) -> Hashable | None:
    if REGISTRY[op.name].kind == "control" or op.name == "print":
        return None
    return op.name, tuple(map(id, operands)), repr(sorted(op.attrs.items())) if op.attrs else ""
