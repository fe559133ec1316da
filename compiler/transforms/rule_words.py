"""The rule of a row that has a pullback or only a forward rule, written down by running it on operands that are letters:

    r = sum(x)               ∂x += spread(∂r)
    r = x @ y                ∂x += ∂r @ yᵀ,  ∂y += xᵀ @ ∂r
    r = inv(x)               its tangent −(r @ ẋ @ r), read backwards
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY

INFIX = {
    "add": ("+", 1), "subtract": ("−", 1), "multiply": ("·", 2), "divide": ("/", 2), "less": ("<", 0), "greater": (">", 0),
    "less_equal": ("≤", 0), "greater_equal": ("≥", 0), "equal": ("=", 0), "not_equal": ("≠", 0),
}  # fmt: skip
"""op -> (sign, how strongly it binds)."""
CALL = 3
MOST = 4
"""Operands whose rules are written out."""
LONGEST = 320
OF_ONE = {"broadcast": "spread", "reshape": "reshape", "sum": "Σ", "conjugate": "conj", "cast": "cast", "transpose": "transpose"}
"""Ops of which only the array is written, not the extents."""


def written(value: Value, outer: int, names: dict[Value, str]) -> str:
    """A value as an expression of those in `names`; brackets as an operator that binds as strongly as `outer` needs them."""
    op = value.owner
    if value in names:
        return names[value]
    if op is None:
        return value.hint
    if op.name == "constant":
        number = op.attrs["value"]
        return f"{number:g}" if isinstance(number, (int, float)) else str(number)
    if op.name == "negative":
        return f"−{written(op.operands[0], CALL, names)}"
    if op.name in ("load", "slice"):
        place = ", ".join(written(v, 0, names) for v in op.operands[1:]) if op.name == "load" else "…"
        return f"{written(op.operands[0], CALL, names)}[{place}]"
    if op.name in ("update", "update_slice", "accumulate", "accumulate_slice"):
        array, part, *index = op.operands
        place = "…" if op.name.endswith("slice") else ", ".join(written(v, 0, names) for v in index)
        sign = "=" if op.name.startswith("update") else "+="
        return f"({written(array, CALL, names)} with [{place}] {sign} {written(part, 0, names)})"
    if op.regions:
        return "(a loop over the elements)"
    if op.name == "broadcast":
        inner = op.operands[0]
        if inner.owner is not None and inner.owner.name == "iota" and len(op.attrs["axes"]) == 1:
            return "ijkl"[op.attrs["axes"][0]]  # the position along that axis
        if inner.owner is not None and inner.owner.name == "constant":
            return written(inner, outer, names)
    if op.name == "dot_general":
        left, right = (_turned(v, side, op, names) for side, v in enumerate(op.operands))
        if not op.attrs["contract"][0]:
            return f"outer({left}, {right})"
        return f"({left} @ {right})" if outer > 2 else f"{left} @ {right}"
    if op.name == "transpose" and op.attrs["axes"] == (1, 0):
        inner = op.operands[0]
        product = inner.owner if inner not in names else None
        if product is not None and product.name == "dot_general" and product.attrs["contract"] == ((0,), (0,)):
            left, right = (written(v, CALL, names) for v in product.operands)  # (lᵀ @ r)ᵀ
            return f"({right}ᵀ @ {left})" if outer > 2 else f"{right}ᵀ @ {left}"
        return f"{written(inner, CALL, names)}ᵀ"
    if op.name in OF_ONE:
        return f"{OF_ONE[op.name]}({written(op.operands[0], 0, names)})"
    sign, binds = INFIX.get(op.name, ("", 0))
    if sign:
        left, right = (written(v, binds + k * (sign in "−/"), names) for k, v in enumerate(op.operands))
        text = f"{left} {sign} {right}"
        return f"({text})" if binds < outer else text
    return f"{op.name}({', '.join(written(v, 0, names) for v in op.operands)})"


def _turned(value: Value, side: int, op: Op, names: dict[Value, str]) -> str:
    """An operand of a contraction as a matrix product needs it: transposed where its other axis is the contracted one."""
    axes = op.attrs["contract"][side]
    if value.type.rank == 2 and len(axes) == 1 and axes[0] == side:
        return f"{written(value, CALL, names)}ᵀ"
    product = value not in names and value.owner is not None and value.owner.name == "dot_general"
    return written(value, 2 if product else CALL, names)


class Told:
    """What a pullback is given as `ctx` (see passes/autodiff/cotangents.py): notes what is sent where."""

    def __init__(self, op: Op, names: dict[Value, str]):
        self.builder, self.names = Builder(Block()), names
        self.lines: dict[Value, list[str]] = {v: [] for v in op.operands}

    def wants(self, value: Value) -> bool:
        return value.type.dtype.is_differentiable

    def primal(self, value: Value) -> Value:
        return value

    def extents(self, array: Value) -> list[Value]:
        return self.builder.extents(array)

    def zeros(self, value: Value) -> Value:
        return self.builder.constant(0, value.type.dtype)

    def add(self, value: Value, cotangent: Value) -> None:
        self._send(value, "", cotangent)

    def accumulate(self, value: Value, cotangent: Value, index: Sequence[Value]) -> None:
        self._send(value, f"[{', '.join(written(v, 0, self.names) for v in index)}]", cotangent)

    def accumulate_slice(self, value: Value, cotangent: Value, *_: Any) -> None:
        self._send(value, "[…]", cotangent)

    def _send(self, value: Value, place: str, cotangent: Value) -> None:
        if self.wants(value):
            self.lines[value].append(f"∂{self.names[value]}{place} += {written(cotangent, 0, self.names)}")


def in_words(op: Op) -> str:
    """The rule of an op whose row has no partials: a line for the op, then one for each operand with a derivative."""
    row = REGISTRY[op.name]
    operands, indices = [], iter("ijklmnpqstabcdefgh" * 500)
    floats = [v for v in op.operands if v.type.dtype.is_differentiable]
    letters = iter(["x", "y", "z", "w"] if len(floats) <= 4 else [f"x{k}" for k in range(len(floats))])
    for v in op.operands:
        operands.append(Value(v.type, next(letters) if v.type.dtype.is_differentiable else next(indices)))
    stand = Op(op.name, tuple(operands), op.attrs)
    names = {v: v.hint for v in operands}
    head = written(Value(op.results[0].type, "", stand), 0, names)
    stand.results = tuple(Value(r.type, "", stand) for r in op.results)
    smooth = [r for r in stand.results if r.type.dtype.is_differentiable]
    names |= {r: "r" if len(smooth) == 1 else f"r{k + 1}" for k, r in enumerate(smooth)}
    head = f"{', '.join(names[r] for r in smooth)} = {head}"
    if row.pullback is not None:
        told = Told(stand, names)
        row.pullback(told, stand, *(Value(r.type, f"∂{names.get(r, '')}") for r in stand.results))
        lines = [line for v in operands for line in told.lines[v]]
        return "\n".join(map(_cut, [head, *lines[:MOST], *(["…"] if len(lines) > MOST else [])]))
    assert row.pushforward is not None
    tangents = [Value(v.type, f"{v.hint}'") if v.type.dtype.is_differentiable else None for v in operands]
    told = Told(stand, names)
    found = row.pushforward(told, stand, *tangents)
    lines = [f"{names[r]}' = {written(t, 0, names)}" for r, t in zip(stand.results, found, strict=True) if r in smooth]
    return "\n".join(map(_cut, [head, "its tangent, read backwards:", *lines[:MOST]]))


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[:LONGEST].rstrip() + "…"
