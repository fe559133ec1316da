"""The verifier refuses what a faulty pass could make; one program for each rule."""

from __future__ import annotations

import pytest

import wengert.compiler.ops  # noqa: F401
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.ir.verify import InvalidIR, verify

HEAD = """func @f(%x: f64[?], %y: f64, %n: i64, %b: bool) {
    %0 = constant {value = 0, dtype = 'i64'} : i64
    %1 = constant {value = 1, dtype = 'i64'} : i64
"""

INVALID = {
    "declared type": ("%r = sin %y : f32\n return %r }", "infers f64"),
    "too precise": ("%r = sin %x : f64[3]\n return %r }", "infers"),
    "unknown op": ("%r = frobnicate %y : f64\n return %r }", "no row"),
    "unknown role": ("%r = sin %y : f64 #nonsense\n return %r }", "role"),
    "dtype mixture": ("%r = add %y, %n : f64\n return %r }", "add of"),
    "for index": ("%r = for %0, %n, %1, %y {parallel = False} (%i: f64, %a: f64) { yield %a } : f64\n return %r }", "i64"),
    "for yields": ("%r = for %0, %n, %1, %y {parallel = False} (%i: i64, %a: f64) { yield %i } : f64\n return %r }", "yields"),
    "for count": ("%r = for %0, %n, %1, %y {parallel = False} (%i: i64, %a: f64) { yield %a, %a } : f64\n return %r }", "different numbers"),
    "for init": ("%r = for %0, %n, %1, %n {parallel = False} (%i: i64, %a: f64) { yield %a } : f64\n return %r }", "starts with"),
    "while condition": ("%r = while %y (%a: f64) { yield %a } (%c: f64) { yield %c } : f64\n return %r }", "one bool"),
    "if condition": ("%r = if %y () { yield %y } () { yield %y } : f64\n return %r }", "needs a bool"),
    "if branches": ("%r = if %b () { yield %y } () { yield %n } : f64\n return %r }", "a branch in"),
    "written": ("return %y {written = (0,)} }", "written"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_invalid(name: str) -> None:
    body, message = INVALID[name]
    with pytest.raises(InvalidIR, match=message) as caught:
        verify(parse_function(HEAD + body), "a pass")
    assert "after a pass" in str(caught.value) and "func @f" in str(caught.value)


def test_scope_of_regions() -> None:
    """A value defined in a region is not seen outside it."""
    function = parse_function(HEAD + "%r = if %b () { %s = sin %y : f64 yield %s } () { yield %y } : f64\n return %r }")
    inner = function.body.ops[-1].regions[0].results[0]
    function.body.results = [inner]
    with pytest.raises(InvalidIR, match="not defined"):
        verify(function)
