"""What integers are certain not to be below; that indices are right either way is for test_ranges.py."""

from __future__ import annotations

import pytest

from wengert.compiler.backend.signs import Least
from wengert.compiler.backend.structure import Structure
from wengert.compiler.ir.parser import parse_function

LOOP = """
func @f(%x: f64[?], %k: i64, %s: i32) {
    %n = dim %x {axis = 0} : i64
    %zero = constant {value = 0, dtype = 'i64'} : i64
    %one = constant {value = 1, dtype = 'i64'} : i64
    %down = constant {value = -1, dtype = 'i64'} : i64
    %last = subtract %n, %one : i64
    %small = add %s, %s : i32
    %whole = cast %small {dtype = 'i64'} : i64
    %up, %fall = for %last, %down, %down, %zero, %zero {parallel = False} (%i: i64, %a: i64, %b: i64) {
        %next = add %i, %one : i64
        %twice = multiply %next, %next : i64
        %unknown = multiply %next, %k : i64
        %most = maximum %unknown, %one : i64
        %half = floor_divide %most, %next : i64
        %c = add %a, %most : i64
        %d = subtract %b, %one : i64
        yield %c, %d
    } : i64, i64
    return %up, %fall
}
"""
WANTED = {
    "n": 0, "last": -1, "whole": None, "i": 0, "next": 1, "twice": 1, "unknown": None, "most": 1, "half": None, "a": 0, "c": 1,
    "b": None, "d": None, "up": 0, "fall": None,
}  # fmt: skip


@pytest.mark.parametrize("backwards", [False, True])
def test_bounds(backwards: bool) -> None:
    """In whatever order they are asked for."""
    structure = Structure(parse_function(LOOP))
    values = {v.hint: v for v in structure.home}
    least = Least(structure)
    names = sorted(WANTED, reverse=backwards)
    assert {name: least.of(values[name]) for name in names} == {name: WANTED[name] for name in names}
