"""`print` and f-strings: what is known at compile time is text, numbers known at run time are put in when it is shown.

print(f"step {k}: {err:.3e}")      print %k, %err {texts = ('step ', ': ', '\n'), formats = ('int!:', 'float!:.3e')}
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from wengert.compiler.frontend.kinds import describe, scalar_type, to_value
from wengert.compiler.frontend.objects import NONE, Object, Piece, Scalar, Static, Text, Tuple
from wengert.compiler.frontend.tracer import EXPRESSIONS, Tracer, handles
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import F64, I64
from wengert.compiler.ops.output import CONVERSIONS, KINDS

_NAMES = {-1: "", 115: "s", 114: "r", 97: "a"}


def text_of(tracer: Tracer, item: Object, conversion: str = "", spec: str = "") -> tuple[str | Piece, ...]:
    """An object as the parts of a text. What cannot be written at run time is refused where the text is shown: most texts are
    of errors."""
    if isinstance(item, Text) and not conversion and not spec:
        return item.parts
    if isinstance(item, Static):
        return (format(CONVERSIONS[conversion](item.value), spec),)
    if isinstance(item, Tuple) and item.kind in (tuple, list) and not spec:
        start, end = "()" if item.kind is tuple else "[]"
        end = "," * (item.kind is tuple and len(item.items) == 1) + end
        inner = [text_of(tracer, part, "r") for part in item.items]
        return (start, *(p for k, part in enumerate(inner) for p in (*([", "] if k else []), *part)), end)
    return (Piece(item, conversion, spec),)


def formatted(tracer: Tracer, template: str, args: Sequence[Object], keywords: Mapping[str, Object]) -> Object:
    """`template.format(...)`."""
    parts: list[str | Piece] = []
    count = 0
    for literal, name, spec, conversion in string.Formatter().parse(template):
        parts.append(literal)
        if name is None:
            continue
        if name == "":
            name, count = str(count), count + 1
        if "{" in (spec or "") or not (name in keywords or name.isdecimal() and int(name) < len(args)):
            tracer.refuse("binding", name="format", problem=f"the field {name!r} of the text")
        item = keywords[name] if name in keywords else args[int(name)]
        parts += text_of(tracer, item, conversion or "", spec or "")
    return joined(parts)


def combined(tracer: Tracer, kind: type[ast.AST], a: Object, b: Object) -> Object | None:
    """`+` and `%` of texts; None where `a` is none."""
    if not (isinstance(a, Text) or isinstance(a, Static) and isinstance(a.value, str)):
        return None
    if kind is ast.Add and (isinstance(b, Text) or isinstance(b, Static) and isinstance(b.value, str)):
        return joined([*text_of(tracer, a), *text_of(tracer, b)])
    return percent(tracer, a.value, b) if kind is ast.Mod and isinstance(a, Static) else None


def percent(tracer: Tracer, template: str, item: Object) -> Object:
    """`template % items`."""
    items = list(item.items) if isinstance(item, Tuple) and item.kind is tuple else [item]
    if all(isinstance(i, Static) for i in items):
        return Static(template % tuple(i.value for i in items if isinstance(i, Static)))
    parts: list[str | Piece] = []
    for k, piece in enumerate(re.split(r"%([-+ 0#]*\d*(?:\.\d+)?[diuoxXeEfFgGsrc%])", template)):
        if k % 2 == 0 or piece == "%":
            parts.append(piece)
            continue
        if not items:
            tracer.refuse("binding", name="%", problem="not enough values for the text")
        spec = piece[:-1].replace("-", "<") + piece[-1].replace("i", "d").replace("u", "d")
        parts += text_of(tracer, items.pop(0), piece[-1], "") if piece[-1] in "sr" else text_of(tracer, items.pop(0), "", spec)
    return joined(parts)


@handles(EXPRESSIONS, ast.JoinedStr)
def f_string(tracer: Tracer, node: ast.JoinedStr) -> Object:
    parts: list[str | Piece] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            spec = tracer.evaluate(part.format_spec) if part.format_spec is not None else Static("")
            if not isinstance(spec, Static):
                tracer.refuse("static_needed", part, what="the format of a value in a text")
            parts += text_of(tracer, tracer.evaluate(part.value), _NAMES[part.conversion], spec.value)
        else:
            parts += text_of(tracer, tracer.evaluate(part))
    return joined(parts)


def joined(parts: list[str | Piece]) -> Object:
    if all(isinstance(p, str) for p in parts):
        return Static("".join(p for p in parts if isinstance(p, str)))
    return Text(tuple(parts))


def show(tracer: Tracer, *values: Object, sep: Object = Static(" "), end: Object = Static("\n"), flush: Object = NONE) -> Object:
    """print(...), at run time and in order; numbers and texts only."""
    if any(loop.parallel for frame in tracer.frames for loop in frame.loops):
        tracer.refuse("parallel_print")
    if not isinstance(sep, Static) or not isinstance(end, Static):
        tracer.refuse("static_needed", what="`sep` and `end` of print")
    between = " " if sep.value is None else sep.value
    parts: list[str | Piece] = []
    for k, item in enumerate(values):
        parts += [between] * (k > 0) + list(text_of(tracer, item, "" if isinstance(item, Text) else "s"))
    parts.append("\n" if end.value is None else end.value)
    texts, formats, numbers = [""], [], []
    for part in parts:
        if isinstance(part, str):
            texts[-1] += part
            continue
        shown, kind = number(tracer, part.item)
        numbers.append(shown)
        formats.append(f"{kind}!{part.conversion}:{part.spec}")
        texts.append("")
    tracer.builder.op("print", tuple(numbers), texts=tuple(texts), formats=tuple(formats))
    return NONE


def number(tracer: Tracer, item: Object) -> tuple[Value, str]:
    """A number as the op takes it, and what it is to Python."""
    if not isinstance(item, Scalar):
        tracer.refuse("fstring", what=describe(item))
    dtype, weak = scalar_type(item)  # type: ignore[misc]
    python: Any = {"b": "bool", "i": "int", "f": "float"}.get(dtype.kind)
    kind = python if weak else f"numpy.{dtype.numpy.name}"
    if kind not in KINDS:
        tracer.refuse("fstring", what=describe(item))
    return tracer.builder.cast(to_value(tracer, item, dtype), F64 if dtype.kind == "f" else I64), kind
