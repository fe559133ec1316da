"""`print`: the one op that is done for what it shows. It is never removed, moved or shared, and has no derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import F64, I64, Type

KINDS: dict[str, Any] = {
    "bool": bool, "int": int, "float": float, "numpy.bool": np.bool_, "numpy.int64": np.int64, "numpy.int32": np.int32,
    "numpy.float64": np.float64, "numpy.float32": np.float32,
}  # fmt: skip
"""What a number is to Python. Whole numbers and truth values come as i64, others as f64."""
CONVERSIONS: dict[str, Any] = {"": lambda v: v, "s": str, "r": repr, "a": ascii}


def _infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    known = all(v.type in (Type(F64), Type(I64)) for v in operands)
    if not known or len(attrs["texts"]) != len(operands) + 1 or len(attrs["formats"]) != len(operands):
        raise InferenceError(f"print of {[str(v.type) for v in operands]}")
    return ()


def rendered(values: Sequence[Any], texts: Sequence[str], formats: Sequence[str]) -> str:
    """The text that is shown. formats: "kind!conversion:format" of each value."""
    parts = [texts[0]]
    for value, wanted, text in zip(values, formats, texts[1:], strict=True):
        kind, _, rest = wanted.partition("!")
        conversion, _, spec = rest.partition(":")
        parts += [format(CONVERSIONS[conversion](KINDS[kind](value)), spec), text]
    return "".join(parts)


def _evaluate(*values: Any, texts: Sequence[str], formats: Sequence[str]) -> None:
    print(rendered(values, texts, formats), end="")


register(
    OpDef(
        "print",
        "structural",
        _infer,
        _evaluate,
        traps=True,
        doc="shows numbers between texts. attrs: texts, one more than numbers; formats, one for each number",
    )
)
