"""The ops with regions. Their forms are in ir/verify.py, their meaning in ir/interpret.py; passes treat each by itself.

for low, high, step, carried...   {parallel}  (i, carried...) { ... yield carried }
    `range(low, high, step)`; step is not 0. With parallel = True the iterations may run in any order or at once:
    each carried array is written at elements no other iteration reads or writes (or only accumulated into), each
    carried scalar is a reduction; checked by frontend/races.
while carried...   (carried...) { ... yield bool }  (carried...) { ... yield carried }
if condition   () { ... yield }  () { ... yield }
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import Type


def _infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
    raise InferenceError("a control op states its result types")


for _name, _doc in {
    "for": "a counted loop",
    "while": "a loop with a condition",
    "if": "one of two branches",
}.items():
    register(OpDef(_name, "control", _infer, doc=_doc))
