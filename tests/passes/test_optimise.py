"""Each optimising pass: what it makes of a small program, and that the meaning stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import wengert.compiler.ops  # noqa: F401
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.equality import same
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.ir.printer import print_function
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.optimise.extents import resolve_extents
from wengert.compiler.passes.optimise.hoist import hoist
from wengert.compiler.passes.optimise.prune import prune
from wengert.compiler.passes.optimise.scalarise import scalarise
from wengert.compiler.passes.optimise.share import share
from wengert.compiler.passes.optimise.simplify import simplify
from wengert.compiler.passes.optimise.unroll import unroll
from wengert.compiler.passes.pipeline import optimise

HEAD = """func @f(%x: f64[?], %y: f64, %n: i64, %b: bool) {
    %0 = constant {value = 0, dtype = 'i64'} : i64
    %1 = constant {value = 1, dtype = 'i64'} : i64
    %2 = constant {value = 2, dtype = 'i64'} : i64
    %3 = constant {value = 3, dtype = 'i64'} : i64
    %two = constant {value = 2.0, dtype = 'f64'} : f64
    %zero = constant {value = 0.0, dtype = 'f64'} : f64
    %one = constant {value = 1.0, dtype = 'f64'} : f64
    %true = constant {value = True, dtype = 'bool'} : bool
"""
ARGUMENTS = [np.array([0.3, -1.2, 2.0, 0.7]), 0.4, 3, True]


def program(body: str) -> Function:
    return verify(parse_function(HEAD + body + "}"))


def check(pass_: Callable[[Function], Function], before: str, after: str) -> None:
    """`pass_` (and then prune) turns one program into the other, and both mean the same."""
    function, expected = program(before), program(after)
    text = print_function(function)
    result = verify(pass_(function))
    assert print_function(function) == text, "the pass changed its input"
    assert same(prune(result), prune(expected)), print_function(result)
    for made, meant in zip(interpret(result, ARGUMENTS), interpret(function, ARGUMENTS), strict=True):
        np.testing.assert_array_equal(made, meant)


SIMPLIFY = {
    "fold": ("%a = add %1, %2 : i64 return %a", "return %3"),
    "fold float": ("%a = multiply %two, %zero : f64 return %a", "return %zero"),
    "times one": ("%a = multiply %one, %x : f64[?] %b2 = divide %a, %one : f64[?] return %b2", "return %x"),
    "plus zero stays for floats": ("%a = add %y, %zero : f64 return %a", "%a = add %y, %zero : f64 return %a"),
    "times zero stays": ("%a = multiply %y, %zero : f64 return %a", "%a = multiply %y, %zero : f64 return %a"),
    "numbers meet in adjoints": (
        "%c = constant {value = 0.1, dtype = 'f64'} : f64 %a = multiply %x, %c : f64[?] %d = negative %a : f64[?] #adjoint "
        "%e = add %d, %d : f64[?] #adjoint %g = multiply %e, %two : f64[?] #adjoint return %g",
        "%c = constant {value = -0.4, dtype = 'f64'} : f64 #adjoint %a = multiply %x, %c : f64[?] #adjoint return %a",
    ),
    "twice a product": (
        "%c = constant {value = 0.1, dtype = 'f64'} : f64 %a = multiply %x, %c : f64[?] %d = multiply %a, %x : f64[?] "
        "%e = add %d, %d : f64[?] #adjoint return %e",
        "%c = constant {value = 0.2, dtype = 'f64'} : f64 #adjoint %a = multiply %x, %c : f64[?] #adjoint "
        "%d = multiply %a, %x : f64[?] #adjoint return %d",
    ),
    "numbers that round stay": (
        "%c = constant {value = 0.1, dtype = 'f64'} : f64 %a = multiply %x, %c : f64[?] %d = multiply %a, %c : f64[?] #adjoint return %d",
        "%c = constant {value = 0.1, dtype = 'f64'} : f64 %a = multiply %x, %c : f64[?] %d = multiply %a, %c : f64[?] #adjoint return %d",
    ),
    "zeros go in adjoints": ("%a = multiply %y, %zero : f64 #adjoint %c = add %a, %y : f64 #adjoint return %c", "return %y"),
    "plus zero goes for integers": ("%a = add %n, %0 : i64 return %a", "return %n"),
    "regroup": ("%a = add %n, %1 : i64 %c = add %a, %2 : i64 return %c", "%c = add %n, %3 : i64 return %c"),
    "minus itself": ("%a = add %n, %1 : i64 %c = subtract %a, %n : i64 return %c", "return %1"),
    "square": ("%a = power %y, %two : f64 return %a", "%a = multiply %y, %y : f64 return %a"),
    "double negative": ("%a = negative %y : f64 %c = negative %a : f64 return %c", "return %y"),
    "known branch": ("%a = if %true () { %s = sin %y : f64 yield %s } () { yield %y } : f64 return %a", "%s = sin %y : f64 return %s"),
    "no trips": ("%a = for %0, %0, %1, %y {parallel = False} (%i: i64, %c: f64) { yield %zero } : f64 return %a", "return %y"),
    "same extent": ("%a = same_extent %n, %n {message = 'm'} : i64 return %a", "return %n"),
    "failing check stays": ("%a = same_extent %n, %3 {message = 'm'} : i64 return %a", "%a = same_extent %n, %3 {message = 'm'} : i64 return %3"),
    "checked equal": ("%d = dim %x {axis = 0} : i64 %e = add %n, %1 : i64 %a = same_extent %d, %e {message = 'm'} : i64 %c = same_extent %e, %d {message = 'm'} : i64 %r = add %a, %c : i64 return %r",
                      "%d = dim %x {axis = 0} : i64 %e = add %n, %1 : i64 %a = same_extent %d, %e {message = 'm'} : i64 %r = add %d, %d : i64 return %r"),
    "checked known": ("%d = dim %x {axis = 0} : i64 %e = add %3, %1 : i64 %a = same_extent %d, %e {message = 'm'} : i64 %c = index %2, %d {axis = 0} : i64 return %c, %a",
                      "%d = dim %x {axis = 0} : i64 %e = constant {value = 4, dtype = 'i64'} : i64 %a = same_extent %d, %e {message = 'm'} : i64 %c = constant {value = 2, dtype = 'i64'} : i64 return %c, %e"),
    "dim of broadcast": ("%a = broadcast %y, %n {axes = ()} : f64[?] %d = dim %a {axis = 0} : i64 return %d", "return %n"),
    "load of pack": ("%a = pack %y, %two {shape = (2,)} : f64[2] %c = load %a, %1 : f64 return %c", "return %two"),
    "load of update": ("%a = update %x, %y, %n : f64[?] %c = load %a, %n : f64 return %c", "return %y"),
    "transposes": ("%k = dim %x {axis = 0} : i64 %m = broadcast %x, %2, %k {axes = (1,)} : f64[2,?] %t = transpose %m {axes = (1, 0)} : f64[?,2] %u = transpose %t {axes = (1, 0)} : f64[2,?] %s = sum %u {axes = (0, 1)} : f64 return %s",
                   "%k = dim %x {axis = 0} : i64 %m = broadcast %x, %2, %k {axes = (1,)} : f64[2,?] %s = sum %m {axes = (0, 1)} : f64 return %s"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIMPLIFY)
def test_simplify(name: str) -> None:
    before, after = SIMPLIFY[name]
    check(simplify, before, after)


def test_share_in_scope_only() -> None:
    check(
        share,
        "%a = sin %y : f64 %c = if %b () { %d = sin %y : f64 %e = cos %y : f64 %g = add %d, %e : f64 yield %g } () { yield %y } : f64 %h = cos %y : f64 %r = add %a, %c : f64 %s = add %r, %h : f64 return %s",
        "%a = sin %y : f64 %c = if %b () { %e = cos %y : f64 %g = add %a, %e : f64 yield %g } () { yield %y } : f64 %h = cos %y : f64 %r = add %a, %c : f64 %s = add %r, %h : f64 return %s",
    )  # fmt: skip


def test_share_multiplies_with_a_reciprocal_in_derivatives() -> None:
    text = "%r = divide %one, %y : f64 %a = divide %two, %y : f64 {role} return %r, %a"
    names = [[op.name for op in share(program(text.replace("{role}", role))).body.ops][-2:] for role in ("#adjoint", "")]
    assert names == [["divide", "multiply"], ["divide", "divide"]]


def test_share_tells_zeros_apart() -> None:
    function = program("%z = constant {value = -0.0, dtype = 'f64'} : f64 %a = divide %y, %z : f64 %c = divide %y, %zero : f64 return %a, %c")
    assert interpret(share(function), ARGUMENTS) == (-np.inf, np.inf)


def test_prune_drops_unused_carried_values() -> None:
    check(
        lambda f: f,
        "%p, %q = for %0, %n, %1, %y, %y {parallel = False} (%i: i64, %a: f64, %c: f64) { %d = sin %a : f64 %e = add %c, %a : f64 yield %d, %e } : f64, f64 return %p",
        "%p = for %0, %n, %1, %y {parallel = False} (%i: i64, %a: f64) { %d = sin %a : f64 yield %d } : f64 return %p",
    )  # fmt: skip


def test_prune_keeps_checks() -> None:
    function = program("%a = index %n, %1 {axis = 0} : i64 return %y")
    with pytest.raises(IndexError):
        interpret(prune(function), ARGUMENTS)


def test_hoist() -> None:
    check(
        hoist,
        "%p = for %0, %n, %1, %y {parallel = False} (%i: i64, %a: f64) { %s = sin %y : f64 %q = for %0, %n, %1, %a {parallel = False} (%j: i64, %c: f64) { %t = cos %s : f64 %u = add %c, %t : f64 yield %u } : f64 yield %q } : f64 return %p",
        "%s = sin %y : f64 %t = cos %s : f64 %p = for %0, %n, %1, %y {parallel = False} (%i: i64, %a: f64) { %q = for %0, %n, %1, %a {parallel = False} (%j: i64, %c: f64) { %u = add %c, %t : f64 yield %u } : f64 yield %q } : f64 return %p",
    )  # fmt: skip


def test_hoist_leaves_checks_where_they_are() -> None:
    """A loop of no trips must not raise."""
    function = program("%p = for %0, %0, %1, %y {parallel = False} (%i: i64, %a: f64) { %k = index %n, %1 {axis = 0} : i64 %v = load %x, %k : f64 yield %v } : f64 return %p")
    assert interpret(hoist(function), ARGUMENTS) == (0.4,)


def test_extents_of_carried_arrays() -> None:
    function = program(
        "%p = for %0, %n, %1, %x {parallel = False} (%i: i64, %u: f64[?]) { %d = dim %u {axis = 0} : i64 %k = index %i, %d {axis = 0} : i64 %w = update %u, %y, %k : f64[?] yield %w } : f64[?] %e = dim %p {axis = 0} : i64 return %p, %e"
    )  # fmt: skip
    dims = [op for op in resolve_extents(function).walk() if op.name == "dim"]
    assert all(op.operands[0].hint == "x" for op in dims)
    assert interpret(resolve_extents(function), ARGUMENTS)[1] == 4


def test_extents_that_change_stay() -> None:
    function = program(
        "%p = for %0, %n, %1, %x {parallel = False} (%i: i64, %u: f64[?]) { %d = dim %u {axis = 0} : i64 %k = add %d, %1 : i64 %w = broadcast %y, %k {axes = ()} : f64[?] yield %w } : f64[?] %e = dim %p {axis = 0} : i64 return %e"
    )  # fmt: skip
    for pass_ in (resolve_extents, optimise):
        assert interpret(pass_(function), ARGUMENTS) == (4 + ARGUMENTS[2],)


def test_unroll() -> None:
    check(
        lambda f: simplify(unroll(f)),
        "%p = for %0, %3, %2, %y {parallel = False} (%i: i64, %a: f64) { %s = sin %a : f64 yield %s } : f64 return %p",
        "%s = sin %y : f64 %t = sin %s : f64 return %t",
    )


def test_scalarise_loop_state() -> None:
    check(
        scalarise,
        "%u0 = pack %y, %two {shape = (2,)} : f64[2] %p = for %0, %n, %1, %u0 {parallel = False} (%i: i64, %u: f64[2]) { %a = load %u, %0 : f64 %s = sin %a : f64 %v = update %u, %s, %1 : f64[2] %w = add %v, %u : f64[2] yield %w } : f64[2] %r = sum %p {axes = (0,)} : f64 return %r",
        "%p, %q = for %0, %n, %1, %y, %two {parallel = False} (%i: i64, %a: f64, %c: f64) { %s = sin %a : f64 %t = add %a, %a : f64 %v = add %s, %c : f64 yield %t, %v } : f64, f64 %r = add %p, %q : f64 return %r",
    )  # fmt: skip


def test_scalarise_leaves_arrays_with_run_time_indices() -> None:
    body = "%u = pack %y, %two {shape = (2,)} : f64[2] %m = subtract %n, %2 : i64 %k = index %m, %2 {axis = 0} : i64 %a = load %u, %k : f64 return %a"
    check(scalarise, body, body)


def test_scalarise_packs_what_others_read() -> None:
    check(
        scalarise,
        "%u = pack %y, %two {shape = (2,)} : f64[2] %v = add %u, %u : f64[2] %w = update_slice %x, %v, %0 {steps = (1,), drop = ()} : f64[?] return %w",
        "%a = add %y, %y : f64 %c = add %two, %two : f64 %v = pack %a, %c {shape = (2,)} : f64[2] %w = update_slice %x, %v, %0 {steps = (1,), drop = ()} : f64[?] return %w",
    )  # fmt: skip
