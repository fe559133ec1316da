"""The derivative rule of an op in words, from its row: "∂sin(x)/∂x = cos(x)"."""

from __future__ import annotations

from functools import cache
from typing import Any

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type
from wengert.compiler.ops.custom import CALLS
from wengert.compiler.passes.autodiff.rules import partials_of
from wengert.compiler.transforms.rule_words import in_words, written


def rule_text(op: Op) -> str:
    """One line for each operand with a derivative; "" for an op without a derivative."""
    row = REGISTRY[op.name]
    if not all(any(v.type.dtype.is_differentiable for v in values) for values in (op.operands, op.results)):
        return ""
    if op.name in CALLS:
        return f"the rule that was given for {op.attrs['callee'].function.name}"
    if row.partials is not None:
        if not all(v.type.dtype.is_differentiable for v in op.operands) or len(op.results) != 1 or op.attrs:
            return ""
        return _rule(op.name, tuple(v.type.with_shape(()) for v in op.operands), op.results[0].type.with_shape(()))
    if row.pullback is None and row.pushforward is None:
        return ""
    key = (op.name, tuple(v.type for v in op.operands), tuple(r.type for r in op.results), str(op.attrs))
    if key not in _known:
        _known[key] = in_words(op)
    return _known[key]


_known: dict[tuple[Any, ...], str] = {}


@cache
def _rule(name: str, types: tuple[Type, ...], made: Type) -> str:
    letters = ("x", "y", "z")[: len(types)] if len(types) <= 3 else tuple(f"x{k}" for k in range(len(types)))
    operands = [Value(t, letter) for t, letter in zip(types, letters, strict=True)]
    op = Op(name, tuple(operands), {})
    result = Value(made, "", op)
    op.results = (result,)
    whole = written(result, 0, {})
    found = partials_of(Builder(Block()), op, result, operands)
    parts = [(x, p) for x, p in zip(letters, found, strict=True) if p is not None]
    whole = whole if "(" in whole and whole.split("(")[0].isidentifier() else f"({whole})"
    return "\n".join(f"∂{whole}/∂{x} = " + (written(p.value, 0, {}) if isinstance(p, Sym) else f"{p:g}") for x, p in parts)
