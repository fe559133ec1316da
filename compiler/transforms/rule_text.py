"""The derivative rule of an element-wise op in words, from its row: "∂sin(x)/∂x = cos(x)"."""

from __future__ import annotations

from functools import cache

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type
from wengert.compiler.passes.autodiff.rules import partials_of

INFIX = {
    "add": ("+", 1), "subtract": ("−", 1), "multiply": ("·", 2), "divide": ("/", 2), "less": ("<", 0), "greater": (">", 0),
    "less_equal": ("≤", 0), "greater_equal": ("≥", 0), "equal": ("=", 0), "not_equal": ("≠", 0),
}  # fmt: skip
"""op -> (sign, how strongly it binds)."""
CALL = 3


def rule_text(op: Op) -> str:
    """One line for each operand with a derivative; "" for an op whose row has no partial derivatives."""
    arithmetic = all(v.type.dtype.is_differentiable for v in op.operands)
    if REGISTRY[op.name].partials is None or len(op.results) != 1 or op.attrs or not arithmetic:
        return ""
    return _rule(op.name, tuple(v.type.with_shape(()) for v in op.operands), op.results[0].type.with_shape(()))


@cache
def _rule(name: str, types: tuple[Type, ...], made: Type) -> str:
    letters = ("x", "y", "z")[: len(types)] if len(types) <= 3 else tuple(f"x{k}" for k in range(len(types)))
    operands = [Value(t, letter) for t, letter in zip(types, letters, strict=True)]
    op = Op(name, tuple(operands), {})
    result = Value(made, "", op)
    op.results = (result,)
    written = _text(result, 0)
    found = partials_of(Builder(Block()), op, result, operands)
    parts = [(x, p) for x, p in zip(letters, found, strict=True) if p is not None]
    whole = written if "(" in written and written.split("(")[0].isidentifier() else f"({written})"
    return "\n".join(f"∂{whole}/∂{x} = " + (_text(p.value, 0) if isinstance(p, Sym) else f"{p:g}") for x, p in parts)


def _text(value: Value, outer: int) -> str:
    op = value.owner
    if op is None:
        return value.hint
    if op.name == "constant":
        return f"{op.attrs['value']:g}" if isinstance(op.attrs["value"], (int, float)) else str(op.attrs["value"])
    if op.name in INFIX:
        sign, binds = INFIX[op.name]
        left, right = (_text(v, binds + k * (sign in "−/")) for k, v in enumerate(op.operands))
        text = f"{left} {sign} {right}"
        return f"({text})" if binds < outer else text
    if op.name == "negative":
        return f"−{_text(op.operands[0], CALL)}"
    return f"{op.name}({', '.join(_text(v, 0) for v in op.operands)})"
