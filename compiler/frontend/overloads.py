"""Operators that the class of a dataclass or NamedTuple defines: `a + b` is `type(a).__add__(a, b)`, and so on."""

from __future__ import annotations

import ast
import types
from typing import Any

from wengert.compiler.frontend.objects import Array, ListOf, Object, Scalar, Static, Tuple
from wengert.compiler.frontend.tracer import SERVICES, Tracer

_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "lshift",
    ast.RShift: "rshift",
}  # fmt: skip
_COMPARE: dict[type[ast.AST], tuple[str, str]] = {
    ast.Eq: ("eq", "eq"), ast.NotEq: ("ne", "ne"), ast.Lt: ("lt", "gt"), ast.Gt: ("gt", "lt"), ast.LtE: ("le", "ge"),
    ast.GtE: ("ge", "le"),
}  # fmt: skip
_UNARY: dict[type[ast.AST], str] = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"}


def method(item: Object, name: str) -> types.FunctionType | None:
    """The method `__name__` that the class of a structure defines in Python; None where it has none or it was generated."""
    if not isinstance(item, Tuple) or isinstance(item.kind, ListOf) or item.kind in (tuple, list, dict):
        return None
    found = getattr(item.kind, f"__{name}__", None)
    generated = getattr(getattr(found, "__code__", None), "co_filename", "<string>") == "<string>"
    return found if isinstance(found, types.FunctionType) and not generated else None


def _called(tracer: Tracer, function: Any, *args: Object) -> Object:
    made: Object = SERVICES["call"](tracer, Static(function), list(args), {})
    if made == Static(NotImplemented):
        tracer.refuse("call", name="an operator that gives NotImplemented", help="Write a method, and call that.")
    return made


def operator(tracer: Tracer, kind: type[ast.AST], a: Object, b: Object, in_place: bool = False) -> Object | None:
    """What the classes of the operands make of a binary operator or comparison; None where they say nothing of it."""
    own, other = _COMPARE.get(kind) or (_BINARY.get(kind, ""), f"r{_BINARY.get(kind, '')}")
    if not own:
        return None
    if in_place and (function := method(a, f"i{own}")) is not None:
        return _called(tracer, function, a, b)
    if kind is ast.NotEq and method(a, "ne") is None and method(a, "eq") is not None:
        made = operator(tracer, ast.Eq, a, b)
        return None if made is None else SERVICES["negated"](tracer, made)  # type: ignore[no-any-return]
    if (function := method(a, own)) is not None:
        return _called(tracer, function, a, b)
    as_sequence = isinstance(a, Scalar) and not a.weak and method(b, "len") is not None  # NumPy would make it an array
    if (isinstance(a, Array) or as_sequence) and method(b, other) is not None:
        tracer.refuse("call", name="an operator of NumPy's and a structure", help="Write the structure first, or call a method.")
    if (function := method(b, other)) is not None and isinstance(a, Scalar | Static | Tuple):
        return _called(tracer, function, b, a)
    return None


def unary(tracer: Tracer, kind: type[ast.AST], item: Object) -> Object | None:
    function = method(item, _UNARY.get(kind, "no such operator"))
    return None if function is None else _called(tracer, function, item)


def special(tracer: Tracer, name: str, item: Object, *args: Object) -> Object | None:
    """`len`, `abs`, `getitem`, `call`, `contains`, `bool`: what the class defines; None where it does not."""
    function = method(item, name)
    return None if function is None else _called(tracer, function, item, *args)
