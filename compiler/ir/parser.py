"""Reads the text that the printer writes. Used by tests, the corpus and people who write IR by hand."""

from __future__ import annotations

import ast
import re
from typing import Any

from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.types import parse_type

_TOKEN = re.compile(
    r"\s*(?:(?P<value>%[\w.]+)|(?P<span>@\d+:\d+-\d+:\d+)|(?P<func>@\w+)|(?P<role>#\w+)"
    r"|(?P<type>(?:bool|[iufc]\d+)(?:\[[^\]]*\])?(?![\w.]))|(?P<word>[A-Za-z_]\w*)|(?P<sign>[=,:(){}]))"
)


class ParseError(ValueError):
    """Text that is not IR; says where."""


class _Reader:
    def __init__(self, text: str):
        self.text, self.at = text, 0

    def fail(self, expected: str) -> ParseError:
        line = self.text.count("\n", 0, self.at) + 1
        return ParseError(f"line {line}: expected {expected} before {self.text[self.at : self.at + 30]!r}")

    def peek(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            return "end", ""
        return str(match.lastgroup), match.group(str(match.lastgroup))

    def take(self, kind: str, text: str | None = None) -> str:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.lastgroup != kind or (text is not None and match.group(kind) != text):
            raise self.fail(text or kind)
        self.at = match.end()
        return match.group(kind)

    def found(self, kind: str, text: str) -> bool:
        if self.peek() != (kind, text):
            return False
        self.take(kind)
        return True

    def literal(self) -> Any:
        """A Python literal, up to the comma or brace that ends it."""
        start, depth, quote = self.at, 0, ""
        while self.at < len(self.text):
            c = self.text[self.at]
            if quote:
                if c == "\\":
                    self.at += 1
                elif c == quote:
                    quote = ""
            elif c in "'\"":
                quote = c
            elif c in "([{":
                depth += 1
            elif c in ")]}" and depth:
                depth -= 1
            elif c in ",}" and not depth:
                break
            self.at += 1
        source = self.text[start : self.at].strip()
        if source.startswith("float("):
            return float(ast.literal_eval(source[6:-1]))
        return ast.literal_eval(source)


class _Parser:
    def __init__(self, text: str):
        self.read = _Reader(text)
        self.values: dict[str, Value] = {}

    def function(self) -> Function:
        read = self.read
        read.take("word", "func")
        name = read.take("func")[1:]
        body = Block(params=self.params())
        read.take("sign", "{")
        self.ops(body, "return")
        body.results = self.used()
        written = self.attrs().get("written", ())
        read.take("sign", "}")
        return Function(name, body, written)

    def params(self) -> list[Value]:
        self.read.take("sign", "(")
        params: list[Value] = []
        while not self.read.found("sign", ")"):
            if params:
                self.read.take("sign", ",")
            name = self.read.take("value")
            self.read.take("sign", ":")
            params.append(self.define(name, parse_type(self.read.take("type"))))
        return params

    def define(self, name: str, type_: Any, owner: Op | None = None) -> Value:
        hint = name[1:].partition(".")[0]
        value = self.values[name] = Value(type_, "" if hint.isdigit() else hint, owner)
        return value

    def used(self) -> list[Value]:
        values: list[Value] = []
        while self.read.peek()[0] == "value":
            name = self.read.take("value")
            if name not in self.values:
                raise self.read.fail(f"a defined value, not {name},")
            values.append(self.values[name])
            if not self.read.found("sign", ","):
                break
        return values

    def attrs(self) -> dict[str, Any]:
        attrs: dict[str, Any] = {}
        if not self.read.found("sign", "{"):
            return attrs
        while not self.read.found("sign", "}"):
            if attrs:
                self.read.take("sign", ",")
            kind, _ = self.read.peek()
            key = self.read.take(kind)
            self.read.take("sign", "=")
            attrs[key] = self.read.literal()
        return attrs

    def ops(self, block: Block, end: str) -> None:
        while not self.read.found("word", end):
            block.ops.append(self.op())

    def op(self) -> Op:
        read = self.read
        names: list[str] = []
        while read.peek()[0] == "value":
            names.append(read.take("value"))
            read.found("sign", ",")
        if names:
            read.take("sign", "=")
        op = Op(read.take("word"), tuple(self.used()), self.attrs())
        regions: list[Block] = []
        while read.found("sign", "(") or (regions and read.peek() == ("sign", "}")):
            if regions:
                read.take("sign", "}")
                if read.peek() != ("sign", "("):
                    break
            else:
                read.at -= 1  # params() takes the parenthesis
            block = Block(params=self.params())
            read.take("sign", "{")
            self.ops(block, "yield")
            block.results = self.used()
            regions.append(block)
        op.regions = tuple(regions)
        types = self.types()
        op.results = tuple(self.define(n, t, op) for n, t in zip(names, types, strict=True))
        if read.peek()[0] == "role":
            op.role = read.take("role")[1:]
        if read.peek()[0] == "span":
            numbers = [int(n) for n in re.findall(r"\d+", read.take("span"))]
            op.span = Span(None, *numbers)
        return op

    def types(self) -> list[Any]:
        types = []
        if self.read.found("sign", ":"):
            types.append(parse_type(self.read.take("type")))
            while self.read.found("sign", ","):
                types.append(parse_type(self.read.take("type")))
        return types


def parse_function(text: str) -> Function:
    """The function whose text this is. Raises ParseError."""
    return _Parser(text).function()
