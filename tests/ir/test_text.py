"""Printing, parsing, equality: `parse(print(f)) == f`."""

from __future__ import annotations

import pytest

import wengert.compiler.ops  # noqa: F401 - fills the registry
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.equality import same
from wengert.compiler.ir.parser import ParseError, parse_function
from wengert.compiler.ir.printer import print_function
from wengert.compiler.ir.types import F64, I64, Type, parse_type
from wengert.compiler.ir.verify import verify

PROGRAMS = {
    "straight": """
func @f(%x: f64[?], %k: i64) {
    %0 = dim %x {axis = 0} : i64
    %1 = index %k, %0 {axis = 0} : i64
    %y = load %x, %1 : f64
    %2 = constant {value = float('inf'), dtype = 'f64'} : f64
    %3 = multiply %y, %2 : f64 #adjoint
    return %y, %3
}""",
    "loops": """
func @g(%n: i64, %u: f64[?,3]) {
    %0 = constant {value = 0, dtype = 'i64'} : i64
    %1 = constant {value = 1, dtype = 'i64'} : i64
    %s, %w = for %0, %n, %1, %0, %u {parallel = False} (%i: i64, %a: i64, %v: f64[?,3]) {
        %2 = add %a, %i : i64
        yield %2, %v
    } : i64, f64[?,3]
    %t = while %s (%b: i64) {
        %3 = less %b, %n : bool
        yield %3
    } (%c: i64) {
        %4 = add %c, %1 : i64
        yield %4
    } : i64
    %5 = less %t, %n : bool
    %6 = if %5 () {
        yield %t
    } () {
        yield %n
    } : i64
    check %5 {fault = 'assertion', message = 'a, {b} = "c"'}
    return %6, %w {written = (None, 1)}
}""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_round_trip(name: str) -> None:
    text = PROGRAMS[name].strip()
    function = verify(parse_function(text))
    assert print_function(function) == text
    assert same(function, parse_function(print_function(function)))


def test_spans_round_trip() -> None:
    x = Value(Type(F64), "x")
    body = Block([x])
    body.results = [Builder(body, Span(None, 3, 4, 3, 9)).emit("sin", x)]
    text = print_function(Function("f", body), spans=True)
    assert text.splitlines()[1].endswith("@3:4-3:9")
    assert print_function(parse_function(text), spans=True) == text


def test_names_are_unique_and_keep_hints() -> None:
    block = Block([Value(Type(I64), "n"), Value(Type(I64), "n"), Value(Type(I64))])
    assert print_function(Function("f", block)).splitlines()[0] == "func @f(%n: i64, %n.1: i64, %0: i64) {"


@pytest.mark.parametrize(
    ("change", "equal"),
    [(("add %a, %i", "add %i, %a"), False), (("%s, %w", "%left, %right"), None), (("i64 #", "i64 #"), True)],
)
def test_equality(change: tuple[str, str], equal: bool | None) -> None:
    text = PROGRAMS["loops"]
    other = text.replace(*change)
    if equal is None:  # renaming values changes nothing
        other, equal = text.replace("%s", "%left").replace("%w", "%right"), True
    assert same(parse_function(text), parse_function(other)) is equal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func @f(%x: f64) {\n  %y = sin %z : f64\n return %y }", "line 2"),
        ("func f() { return }", "func"),
        ("func @f() { %y = : f64 return }", "word"),
    ],
)
def test_parse_errors_say_where(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_function(text)


@pytest.mark.parametrize("text", ["f64", "bool", "i32[?]", "c128[3,?,1]", "u8[0]"])
def test_types_round_trip(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize("text", ["f16", "f64[", "f64[n]", ""])
def test_not_types(text: str) -> None:
    with pytest.raises(ValueError):
        parse_type(text)
