"""Derivatives through loops and branches written as IR text: every way a value is kept, and every order up to three."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.harness.derivatives import check_derivatives
from wengert.compiler.ir.parser import parse_function


def parse(text: str):  # type: ignore[no-untyped-def]
    """IR text with integers written as `#3`."""
    numbers = sorted(set(re.findall(r"#(-?\d+)", text)), key=int)
    names = {n: f"%k{n.replace('-', 'm')}" for n in numbers}
    lines = "".join(f"{names[n]} = constant {{value = {n}, dtype = 'i64'}} : i64\n" for n in numbers)
    text = re.sub(r"#(-?\d+)", lambda m: names[m.group(1)], text)
    head, brace, rest = text.partition("{")
    return parse_function(head + brace + "\n" + lines + rest)


X = np.array([0.7, -1.2, 0.4, 1.5, -0.3])
A = np.array([[0.9, -0.4, 0.3], [0.2, 1.1, -0.6], [-0.5, 0.8, 0.7]])
PROGRAMS: dict[str, tuple[str, list[Any]]] = {}


def program(name: str, arguments: list[Any], text: str) -> None:
    PROGRAMS[name] = (text, arguments)


program("product", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %s {parallel = False} (%i: i64, %c: f64) {
        %e = load %x, %i : f64
        %a = sin %c : f64
        %y = multiply %a, %e : f64
        yield %y
    } : f64
    return %r
}""")
program("zero trips", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %r = for #3, #3, #1, %s {parallel = False} (%i: i64, %c: f64) {
        %e = load %x, %i : f64
        %a = sin %c : f64
        %y = multiply %a, %e : f64
        yield %y
    } : f64
    return %r
}""")
program("descending by two", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %r = for #4, #-1, #-2, %s {parallel = False} (%i: i64, %c: f64) {
        %e = load %x, %i : f64
        %a = exp %c : f64
        %b = sin %a : f64
        %y = multiply %b, %e : f64
        yield %y
    } : f64
    return %r
}""")
program("sweep in place", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #1, %n, #1, %x {parallel = False} (%i: i64, %u: f64[?]) {
        %j = subtract %i, #1 : i64
        %a = load %u, %j : f64
        %b = load %u, %i : f64
        %p = multiply %a, %b : f64
        %q = multiply %p, %s : f64
        %v = update %u, %q, %i : f64[?]
        yield %v
    } : f64[?]
    return %r
}""")
program("time loop over slices", [X, 0.3], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = subtract %n, #2 : i64
    %r = for #0, #3, #1, %x {parallel = False} (%t: i64, %u: f64[?]) {
        %a = slice %u, #0, %m {steps = (1,), drop = ()} : f64[?]
        %b = slice %u, #2, %m {steps = (1,), drop = ()} : f64[?]
        %c = slice %u, #1, %m {steps = (1,), drop = ()} : f64[?]
        %d = multiply %a, %b : f64[?]
        %e = multiply %d, %s : f64[?]
        %g = add %c, %e : f64[?]
        %v = update_slice %u, %g, #1 {steps = (1,), drop = ()} : f64[?]
        yield %v
    } : f64[?]
    return %r
}""")
program("rows of a matrix", [A, 0.3], """func @f(%x: f64[?,?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = dim %x {axis = 1} : i64
    %r = for #1, %n, #1, %x {parallel = False} (%i: i64, %u: f64[?,?]) {
        %j = subtract %i, #1 : i64
        %a = slice %u, %j, #0, #1, %m {steps = (1, 1), drop = (0,)} : f64[?]
        %b = slice %u, %i, #0, #1, %m {steps = (1, 1), drop = (0,)} : f64[?]
        %c = multiply %a, %b : f64[?]
        %d = sin %c : f64[?]
        %e = multiply %d, %s : f64[?]
        %v = update_slice %u, %e, %i, #0 {steps = (1, 1), drop = (0,)} : f64[?,?]
        yield %v
    } : f64[?,?]
    return %r
}""")
program("nested", [A, 0.3], """func @f(%x: f64[?,?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = dim %x {axis = 1} : i64
    %r = for #0, %n, #1, %s {parallel = False} (%i: i64, %a: f64) {
        %q = for #0, %m, #1, %a {parallel = False} (%j: i64, %b: f64) {
            %e = load %x, %i, %j : f64
            %c = multiply %e, %b : f64
            %d = cos %c : f64
            yield %d
        } : f64
        %g = multiply %q, %a : f64
        yield %g
    } : f64
    return %r
}""")
program("triangle", [X, 0.3], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %s {parallel = False} (%i: i64, %a: f64) {
        %q = for #0, %i, #1, %a {parallel = False} (%j: i64, %b: f64) {
            %e = load %x, %j : f64
            %c = multiply %e, %b : f64
            %d = cos %c : f64
            yield %d
        } : f64
        %g = multiply %q, %a : f64
        yield %g
    } : f64
    return %r
}""")
program("slices of growing extent", [X, 0.3], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #1, %n, #1, %x {parallel = False} (%i: i64, %u: f64[?]) {
        %a = slice %u, #0, %i {steps = (1,), drop = ()} : f64[?]
        %b = sin %a : f64[?]
        %c = multiply %b, %a : f64[?]
        %d = sum %c {axes = (0,)} : f64
        %e = load %u, %i : f64
        %g = multiply %d, %e : f64
        %v = update %u, %g, %i : f64[?]
        yield %v
    } : f64[?]
    return %r
}""")
program("matrices of growing extent", [A, 0.3], """func @f(%x: f64[?,?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = dim %x {axis = 1} : i64
    %r = for #1, %n, #1, %s {parallel = False} (%i: i64, %c: f64) {
        %a = slice %x, #0, #0, %i, %m {steps = (1, 1), drop = ()} : f64[?,?]
        %t = multiply %a, %c : f64[?,?]
        %b = sin %t : f64[?,?]
        %p = multiply %b, %b : f64[?,?]
        %d = sum %p {axes = (0, 1)} : f64
        yield %d
    } : f64
    return %r
}""")
program("while", [0.9, 0.4], """func @f(%x: f64, %s: f64) {
    %k, %r = while #0, %s (%i: i64, %a: f64) {
        %c = less %i, #5 : bool
        yield %c
    } (%j: i64, %b: f64) {
        %e = sin %b : f64
        %p = multiply %e, %x : f64
        %q = multiply %p, %b : f64
        %j2 = add %j, #1 : i64
        yield %j2, %q
    } : i64, f64
    return %r, %k
}""")
program("while of many trips", [1.01, 0.4], """func @f(%x: f64, %s: f64) {
    %k, %r = while #0, %s (%i: i64, %a: f64) {
        %c = less %i, #40 : bool
        yield %c
    } (%j: i64, %b: f64) {
        %e = sin %b : f64
        %p = multiply %e, %x : f64
        %j2 = add %j, #1 : i64
        yield %j2, %p
    } : i64, f64
    return %r, %k
}""")
program("while around for", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %k, %r = while #0, %x (%i: i64, %a: f64[?]) {
        %c = less %i, #3 : bool
        yield %c
    } (%j: i64, %b: f64[?]) {
        %u = for #1, %n, #1, %b {parallel = False} (%l: i64, %v: f64[?]) {
            %l1 = subtract %l, #1 : i64
            %e = load %v, %l1 : f64
            %g = load %v, %l : f64
            %p = multiply %e, %g : f64
            %q = multiply %p, %s : f64
            %w = update %v, %q, %l : f64[?]
            yield %w
        } : f64[?]
        %j2 = add %j, #1 : i64
        yield %j2, %u
    } : i64, f64[?]
    return %r
}""")
program("while in for", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %s {parallel = False} (%l: i64, %v: f64) {
        %e = load %x, %l : f64
        %k, %u = while #0, %v (%i: i64, %a: f64) {
            %c = less_equal %i, %l : bool
            yield %c
        } (%j: i64, %b: f64) {
            %p = sin %b : f64
            %q = multiply %p, %e : f64
            %j2 = add %j, #1 : i64
            yield %j2, %q
        } : i64, f64
        yield %u
    } : f64
    return %r
}""")
program("arrays that change places", [X], """func @f(%x: f64[?]) {
    %n = dim %x {axis = 0} : i64
    %half = constant {value = 0.5, dtype = "f64"} : f64
    %w0 = broadcast %half, %n {axes = ()} : f64[?]
    %u, %w = for #0, #3, #1, %x, %w0 (%l: i64, %a: f64[?], %b: f64[?]) {
        %p = multiply %a, %b : f64[?]
        %q = sin %p : f64[?]
        yield %q, %a
    } : f64[?], f64[?]
    %r = multiply %u, %w : f64[?]
    return %r
}""")
program("if on a value", [0.9, 0.4], """func @f(%x: f64, %s: f64) {
    %c = less %x, %s : bool
    %r = if %c () {
        %a = multiply %x, %s : f64
        yield %a
    } () {
        %b = sin %x : f64
        %d = exp %b : f64
        %e = multiply %d, %s : f64
        yield %e
    } : f64
    return %r
}""")
program("if with arrays", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %e = load %x, #0 : f64
    %c = less %s, %e : bool
    %r = if %c () {
        %a = multiply %x, %s : f64[?]
        %b = exp %a : f64[?]
        %d = sin %b : f64[?]
        yield %d
    } () {
        yield %x
    } : f64[?]
    return %r
}""")
program("if with a loop in it", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %e = load %x, #0 : f64
    %c = less %s, %e : bool
    %r = if %c () {
        %q = for #0, %n, #1, %s {parallel = False} (%i: i64, %a: f64) {
            %g = load %x, %i : f64
            %h = sin %a : f64
            %b = multiply %h, %g : f64
            yield %b
        } : f64
        yield %q
    } () {
        yield %s
    } : f64
    return %r
}""")
program("if in for", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %s {parallel = False} (%i: i64, %a: f64) {
        %e = load %x, %i : f64
        %c = less %e, %a : bool
        %q = if %c () {
            %h = exp %a : f64
            %m = sin %h : f64
            %b = multiply %m, %e : f64
            yield %b
        } () {
            %g = add %a, %e : f64
            yield %g
        } : f64
        yield %q
    } : f64
    return %r
}""")
program("if in while, with updates", [X, 0.45], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %k, %r = while #0, %x (%i: i64, %a: f64[?]) {
        %c = less %i, %n : bool
        yield %c
    } (%j: i64, %u: f64[?]) {
        %e = load %u, %j : f64
        %c2 = less %s, %e : bool
        %w = if %c2 () {
            %h = exp %e : f64
            %m = multiply %h, %s : f64
            %m2 = multiply %m, %e : f64
            %v = update %u, %m2, %j : f64[?]
            yield %v
        } () {
            yield %u
        } : f64[?]
        %j2 = add %j, #1 : i64
        yield %j2, %w
    } : i64, f64[?]
    return %r
}""")
program("break", [X, 0.1], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %go = constant {value = True, dtype = 'bool'} : bool
    %limit = constant {value = 1.5, dtype = 'f64'} : f64
    %k, %g, %r = while #0, %go, %s (%i: i64, %t: bool, %a: f64) {
        %c = less %i, %n : bool
        %d = bitwise_and %c, %t : bool
        yield %d
    } (%j: i64, %t2: bool, %b: f64) {
        %e = load %x, %j : f64
        %p = multiply %e, %e : f64
        %q = add %b, %p : f64
        %o = multiply %q, %q : f64
        %t3 = less %o, %limit : bool
        %j2 = add %j, #1 : i64
        yield %j2, %t3, %o
    } : i64, bool, f64
    return %r
}""")
program("swap", [X, X[::-1].copy()], """func @f(%x: f64[?], %y: f64[?]) {
    %n = dim %x {axis = 0} : i64
    %p, %q = for #1, %n, #1, %x, %y {parallel = False} (%i: i64, %a: f64[?], %b: f64[?]) {
        %e = load %a, %i : f64
        %j = subtract %i, #1 : i64
        %g = load %b, %j : f64
        %h = multiply %e, %g : f64
        %c = update %b, %h, %i : f64[?]
        yield %c, %a
    } : f64[?], f64[?]
    return %p, %q
}""")
program("old value after the update", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %p, %q = for #0, %n, #1, %x, %s {parallel = False} (%i: i64, %a: f64[?], %b: f64) {
        %e = load %a, %i : f64
        %h = multiply %e, %b : f64
        %c = update %a, %h, %i : f64[?]
        %g = load %a, %i : f64
        %d = multiply %g, %h : f64
        %o = add %b, %d : f64
        yield %c, %o
    } : f64[?], f64
    return %p, %q
}""")
program("parallel map", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %p, %q = for #0, %n, #1, %x, %s {parallel = True} (%i: i64, %a: f64[?], %b: f64) {
        %e = load %a, %i : f64
        %g = exp %e : f64
        %h = multiply %g, %s : f64
        %h2 = sin %h : f64
        %c = update %a, %h2, %i : f64[?]
        %o = add %b, %h2 : f64
        yield %c, %o
    } : f64[?], f64
    return %p, %q
}""")
program("parallel gather", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %p = for #0, %n, #1, %x {parallel = True} (%i: i64, %a: f64[?]) {
        %half = floor_divide %i, #2 : i64
        %e = load %x, %half : f64
        %g = load %x, %i : f64
        %h = multiply %e, %g : f64
        %c = update %a, %h, %i : f64[?]
        yield %c
    } : f64[?]
    return %p
}""")
program("parallel with a while inside", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %x {parallel = True} (%l: i64, %y: f64[?]) {
        %e = load %x, %l : f64
        %k, %u = while #0, %e (%i: i64, %a: f64) {
            %c = less_equal %i, %l : bool
            yield %c
        } (%j: i64, %b: f64) {
            %p = sin %b : f64
            %q = multiply %p, %s : f64
            %j2 = add %j, #1 : i64
            yield %j2, %q
        } : i64, f64
        %v = update %y, %u, %l : f64[?]
        yield %v
    } : f64[?]
    return %r
}""")
program("parallel matrix", [A, 0.4], """func @f(%x: f64[?,?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = dim %x {axis = 1} : i64
    %z = constant {value = 0.0, dtype = 'f64'} : f64
    %y = broadcast %z, %n {axes = ()} : f64[?]
    %t, %r = for #0, %n, #1, %y, %s {parallel = True} (%i: i64, %u: f64[?], %c: f64) {
        %q = for #0, %m, #1, %s {parallel = False} (%j: i64, %a: f64) {
            %e = load %x, %i, %j : f64
            %g = load %x, %j, %i : f64
            %h = multiply %a, %e : f64
            %k = sin %h : f64
            %l = add %k, %g : f64
            yield %l
        } : f64
        %v = update %u, %q, %i : f64[?]
        %row = slice %x, %i, #0, #1, %m {steps = (1, 1), drop = (0,)} : f64[?]
        %w = exp %row : f64[?]
        %p = sum %w {axes = (0,)} : f64
        %d = add %c, %p : f64
        yield %v, %d
    } : f64[?], f64
    return %t, %r
}""")
program("parallel histogram", [X, 0.45], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %z = constant {value = 0.0, dtype = 'f64'} : f64
    %y = broadcast %z, #2 {axes = ()} : f64[2]
    %r = for #0, %n, #1, %y {parallel = True} (%i: i64, %u: f64[2]) {
        %e = load %x, %i : f64
        %b = less %e, %s : bool
        %k = cast %b {dtype = 'i64'} : i64
        %q = multiply %e, %e : f64
        %w = multiply %q, %s : f64
        %v = accumulate %u, %w, %k : f64[2]
        yield %v
    } : f64[2]
    return %r
}""")
program("parallel triangle", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %z = constant {value = 0.0, dtype = 'f64'} : f64
    %y = broadcast %z, %n {axes = ()} : f64[?]
    %r = for #0, %n, #1, %y {parallel = True} (%i: i64, %u: f64[?]) {
        %q = for #0, %i, #1, %s {parallel = False} (%j: i64, %a: f64) {
            %e = load %x, %j : f64
            %h = multiply %a, %e : f64
            %k = sin %h : f64
            yield %k
        } : f64
        %b = less %q, %s : bool
        %o = if %b () {
            %v = update %u, %q, %i : f64[?]
            yield %v
        } () {
            yield %u
        } : f64[?]
        yield %o
    } : f64[?]
    return %r
}""")
program("parallel triangle that reads what it writes", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %x {parallel = True} (%i: i64, %u: f64[?]) {
        %q = for #0, %i, #1, %u {parallel = False} (%j: i64, %a: f64[?]) {
            %e = load %a, %i : f64
            %h = multiply %s, %e : f64
            %k = sin %h : f64
            %v = update %a, %k, %i : f64[?]
            yield %v
        } : f64[?]
        yield %q
    } : f64[?]
    return %r
}""")
program("parallel maximum", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %s {parallel = True} (%l: i64, %y: f64) {
        %e = load %x, %l : f64
        %g = multiply %e, %s : f64
        %m = maximum %y, %g : f64
        yield %m
    } : f64
    return %r
}""")
program("whole array made anew in each trip", [0.4 * X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %r = for #0, #3, #1, %x {parallel = False} (%l: i64, %y: f64[?]) {
        %a = multiply %y, %y : f64[?]
        %b = sin %a : f64[?]
        %c = sum %b {axes = (0,)} : f64
        %d = multiply %x, %c : f64[?]
        yield %d
    } : f64[?]
    return %r
}""")
program("temporary array read in an inner loop", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, #3, #1, %s {parallel = False} (%l: i64, %y: f64) {
        %a = multiply %x, %y : f64[?]
        %w = sin %a : f64[?]
        %q = for #0, %n, #1, %y {parallel = False} (%j: i64, %c: f64) {
            %e = load %w, %j : f64
            %d = multiply %e, %c : f64
            %g = add %d, %y : f64
            yield %g
        } : f64
        yield %q
    } : f64
    return %r
}""")
program("static extents", [np.array([0.3, 0.7, -0.2]), 0.4], """func @f(%x: f64[3], %s: f64) {
    %c = less %s, %s : bool
    %r = for #0, #3, #1, %x {parallel = False} (%i: i64, %u: f64[3]) {
        %e = load %u, %i : f64
        %c2 = less %e, %s : bool
        %q = if %c2 () {
            %a = multiply %u, %e : f64[3]
            %b = exp %a : f64[3]
            %d = sin %b : f64[3]
            yield %d
        } () {
            yield %u
        } : f64[3]
        yield %q
    } : f64[3]
    return %r
}""")
program("independent result and argument", [X, 0.4], """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %o = constant {value = 1.0, dtype = 'f64'} : f64
    %a = broadcast %o, %n {axes = ()} : f64[?]
    return %a, %n
}""")


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_orders(name: str) -> None:
    text, arguments = PROGRAMS[name]
    check_derivatives(parse(text), arguments, order=3, tolerance=1e-6)
