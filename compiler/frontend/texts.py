"""The texts of errors that compiled code raises. What is known at compile time is written out; a value known only at
run time stands as its expression in braces: `f"no convergence after {n} steps"` is raised as it is written.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import FAULTS
from wengert.compiler.frontend.objects import Static
from wengert.compiler.frontend.tracer import Tracer

_CONVERSIONS: dict[int, Callable[[Any], str]] = {115: str, 114: repr, 97: ascii}


def text_of(tracer: Tracer, node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_piece(tracer, part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text_of(tracer, node.left) + text_of(tracer, node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr") and node.args:
        return text_of(tracer, node.args[0])
    if isinstance(node, ast.Name):
        item = tracer.lookup(node.id, node)
        if isinstance(item, Static):
            return str(item.value)
    return "{" + ast.unparse(node) + "}"


def _piece(tracer: Tracer, part: ast.expr) -> str:
    if not isinstance(part, ast.FormattedValue):
        return text_of(tracer, part)
    if isinstance(part.value, ast.Name):
        item = tracer.lookup(part.value.id, part.value)
        spec = text_of(tracer, part.format_spec) if part.format_spec is not None else ""
        if isinstance(item, Static):
            convert = _CONVERSIONS.get(part.conversion)
            return format(item.value if convert is None else convert(item.value), spec)
    return ast.unparse(ast.JoinedStr([part]))[2:-1]


def fault_for(tracer: Tracer, node: ast.expr) -> str:
    """The kind of fault (diag.errors.FAULTS) that is raised as the exception class `node` names."""
    cls = tracer.evaluate(node)
    wanted = cls.value if isinstance(cls, Static) else None
    own = isinstance(wanted, type) and (getattr(builtins, wanted.__name__, None) is wanted or wanted is np.linalg.LinAlgError)
    kinds = [kind for kind, fault in FAULTS.items() if own and wanted in fault.__bases__]
    if kinds:
        return kinds[0]
    tracer.refuse("raise", node)
