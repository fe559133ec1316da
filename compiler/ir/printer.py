"""The IR as text. `parse(print(f)) == f` (equality: ir.equality.same)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wengert.compiler.ir.core import Block, Function, Op, Value

INDENT = "    "


class Names:
    """Gives every value a unique printed name, from its hint where it has one."""

    def __init__(self) -> None:
        self.of: dict[Value, str] = {}
        self.taken: set[str] = set()
        self.count: dict[str, int] = {}

    def __getitem__(self, value: Value) -> str:
        if value not in self.of:
            self.of[value] = self._fresh(value.hint)
        return self.of[value]

    def _fresh(self, hint: str) -> str:
        stem = "".join(c if c.isalnum() or c == "_" else "_" for c in hint)
        name = stem
        while not name or name in self.taken:
            number = self.count.get(stem, 0)
            self.count[stem] = number + 1
            name = f"{stem}.{number + 1}" if stem else str(number)
        self.taken.add(name)
        return name


def print_function(function: Function, spans: bool = False) -> str:
    """The text of a function; with `spans`, each op ends with its place as `@line:column-line:column`."""
    return "\n".join(text for text, _ in print_lines(function, spans))


def print_lines(function: Function, spans: bool = False) -> list[tuple[str, Op | None]]:
    """The text line by line, each with the op it prints (None for the function's own lines)."""
    names = Names()
    params = ", ".join(_typed(names, p) for p in function.params)
    lines: list[tuple[str, Op | None]] = [(f"func @{function.name}({params}) {{", None)]
    _block(function.body, names, INDENT, spans, lines)
    written = ""
    if any(w is not None for w in function.written):
        written = " {written = " + repr(function.written) + "}"
    lines.append((f"{INDENT}return{_list(names, function.results)}{written}", None))
    lines.append(("}", None))
    return lines


def _block(block: Block, names: Names, indent: str, spans: bool, lines: list[tuple[str, Op | None]]) -> None:
    for op in block.ops:
        _op(op, names, indent, spans, lines)


def _op(op: Op, names: Names, indent: str, spans: bool, lines: list[tuple[str, Op | None]]) -> None:
    results = ", ".join("%" + names[v] for v in op.results)
    head = f"{indent}{results}{' = ' if results else ''}{op.name}{_list(names, op.operands)}{_attrs(op.attrs)}"
    tail = (" : " + ", ".join(str(v.type) for v in op.results)) if op.results else ""
    if op.role != "primal":
        tail += f" #{op.role}"
    if spans and op.span is not None:
        s = op.span
        tail += f" @{s.line}:{s.column}-{s.end_line}:{s.end_column}"
    for number, region in enumerate(op.regions):
        params = ", ".join(_typed(names, p) for p in region.params)
        lines.append((f"{head if number == 0 else indent + '}'} ({params}) {{", op))
        _block(region, names, indent + INDENT, spans, lines)
        lines.append((f"{indent}{INDENT}yield{_list(names, region.results)}", op))
    lines.append((f"{indent}}}{tail}" if op.regions else head + tail, op))


def _typed(names: Names, value: Value) -> str:
    return f"%{names[value]}: {value.type}"


def _list(names: Names, values: Iterable[Value]) -> str:
    text = ", ".join("%" + names[v] for v in values)
    return " " + text if text else ""


def _attrs(attrs: Mapping[str, Any]) -> str:
    if not attrs:
        return ""
    return " {" + ", ".join(f"{key} = {_literal(value)}" for key, value in attrs.items()) + "}"


def _literal(value: Any) -> str:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float('{value}')"
    return repr(value)
