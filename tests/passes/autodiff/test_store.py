"""What is kept for the reverse sweep, and that the reversed loops make no array they need not make."""

from __future__ import annotations

import gc
import time

import numpy as np
import pytest

from tests.harness.derivatives import direction, floating
from tests.passes.autodiff.test_control import PROGRAMS, parse
from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY, OpDef
from wengert.compiler.ir.types import F64, I64, Type
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff import activity, forward, reverse, reverse_with_plan

LINEAR = """func @f(%x: f64[?], %s: f64) {
    %n = dim %x {axis = 0} : i64
    %m = subtract %n, #2 : i64
    %w = constant {value = 0.25, dtype = 'f64'} : f64
    %r = for #0, #50, #1, %x {parallel = False} (%t: i64, %u: f64[?]) {
        %a = slice %u, #0, %m {steps = (1,), drop = ()} : f64[?]
        %b = slice %u, #2, %m {steps = (1,), drop = ()} : f64[?]
        %d = add %a, %b : f64[?]
        %e = multiply %d, %w : f64[?]
        %v = update_slice %u, %e, #1 {steps = (1,), drop = ()} : f64[?]
        yield %v
    } : f64[?]
    return %r
}"""
ELIMINATION = """func @f(%x: f64[?,?]) {
    %n = dim %x {axis = 0} : i64
    %r = for #0, %n, #1, %x {parallel = False} (%k: i64, %a: f64[?,?]) {
        %below = add %k, #1 : i64
        %p = load %a, %k, %k : f64
        %r1 = for %below, %n, #1, %a {parallel = False} (%i: i64, %b: f64[?,?]) {
            %e = load %b, %i, %k : f64
            %q = divide %e, %p : f64
            %c = update %b, %q, %i, %k : f64[?,?]
            %r2 = for %below, %n, #1, %c {parallel = False} (%j: i64, %d: f64[?,?]) {
                %g = load %d, %k, %j : f64
                %h = multiply %q, %g : f64
                %l = load %d, %i, %j : f64
                %m = subtract %l, %h : f64
                %o = update %d, %m, %i, %j : f64[?,?]
                yield %o
            } : f64[?,?]
            yield %r2
        } : f64[?,?]
        yield %r1
    } : f64[?,?]
    return %r
}"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (LINEAR, []),
        (PROGRAMS["product"][0], ["c: array", "a: array"]),
        (PROGRAMS["time loop over slices"][0], ["u: array"]),  # three slices of it are recomputed
        (PROGRAMS["sweep in place"][0], []),
        (PROGRAMS["rows of a matrix"][0], ["d: array"]),  # the sine; rows are read again
        (PROGRAMS["parallel gather"][0], []),
        (PROGRAMS["while"][0], ["b: growing", "e: growing"]),
        (PROGRAMS["triangle"][0], ["a: array", "b: stack", "q: array"]),
        (PROGRAMS["arrays that change places"][0], ["a: array", "b: array"]),
        (PROGRAMS["if with arrays"][0], ["b: result"]),
        (ELIMINATION, []),
    ],
)
def test_kept(text: str, kept: list[str]) -> None:
    f = parse(text)
    _, plan = reverse_with_plan(f, floating(f))
    assert [f"{k.name}: {k.scheme}" for k in plan.kept] == kept


def test_plan_counts_bytes() -> None:
    f = parse(PROGRAMS["static extents"][0])
    _, plan = reverse_with_plan(f, floating(f))
    arrays = [k for k in plan.kept if k.type.is_array]
    assert arrays and all((k.bytes_per_trip, k.bytes, k.loops) == (24, 72, 1) for k in arrays)


def in_loops(function: Function, depth: int = 1) -> list[Op]:
    found: list[Op] = []

    def visit(block: Block, around: int) -> None:
        for op in block.ops:
            if around >= depth:
                found.append(op)
            for region in op.regions:
                visit(region, around + (op.name in ("for", "while")))

    visit(function.body, 0)
    return found


@pytest.mark.parametrize("name", ["product", "sweep in place", "nested", "triangle", "parallel map", "parallel gather", "while in for"])
def test_no_array_is_made_in_loops_that_only_touch_elements(name: str) -> None:
    f = parse(PROGRAMS[name][0])
    for op in in_loops(reverse(f, floating(f))):
        makes = [r for r in op.results if r.type.is_array]
        assert not makes or op.name in ("for", "while", "if", "update", "accumulate", "grow"), op


def test_elimination_keeps_no_matrix_per_trip() -> None:
    f = parse(ELIMINATION)
    assert all(k.type.is_scalar for k in reverse_with_plan(f, [True])[1].kept)


PARALLEL = {
    "parallel map": 2,
    "parallel gather": 2,
    "parallel matrix": 2,
    "parallel histogram": 2,
    "parallel maximum": 0,  # its adjoint needs the trips in order
    "parallel with a while inside": 2,  # run once more
    "parallel triangle": 2,
    "parallel triangle that reads what it writes": 0,
}


@pytest.mark.parametrize("name", list(PARALLEL))
def test_parallel_loops_stay_parallel_and_need_no_order(name: str) -> None:
    text, arguments = PROGRAMS[name]
    f = parse(text)
    g = reverse(f, floating(f))
    assert sum(1 for op in g.walk() if op.attrs.get("parallel")) == PARALLEL[name]
    rng = np.random.default_rng(0)
    seeds = [direction(rng, r) for r in interpret(f, arguments)]
    once = interpret(g, [*arguments, *seeds])
    for op in list(g.walk()):
        if op.attrs.get("parallel"):
            _count_down(op, g)
    for a, b in zip(once, interpret(verify(g), [*arguments, *seeds]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def _count_down(loop: Op, function: Function) -> None:
    """Turn a loop over range(0, n, 1) into one over the same indices from the last to the first."""
    low, high, step = loop.operands[:3]
    assert (constant_of(low), constant_of(step)) == (0, 1)
    before = Block()
    builder = Builder(before)
    last, minus = builder.emit("subtract", high, builder.integer(1)), builder.integer(-1)
    place = function.body.ops.index(loop)
    function.body.ops[place:place] = before.ops
    loop.operands = (last, minus, minus, *loop.operands[3:])


def test_roles_and_spans() -> None:
    f = parse(PROGRAMS["nested"][0].replace("%d = cos %c : f64", "%d = cos %c : f64 @7:4-7:9"))
    g = reverse(f, floating(f))
    sine = next(op for op in g.walk() if op.name == "sin")
    assert sine.role == "adjoint" and sine.span is not None and sine.span.line == 7
    assert {op.role for op in g.walk() if op.name in ("grow", "broadcast")} <= {"tape", "adjoint"}
    assert {op.role for op in forward(f, floating(f)).walk()} == {"primal", "tangent"}


def test_activity() -> None:
    f = parse("""func @f(%x: f64, %y: f64) {
        %a = multiply %x, %y : f64
        %b = sin %y : f64
        %c = cos %x : f64
        %d = add %a, %b : f64
        return %d
    }""")
    assert {v.hint for v in activity(f, [True, False])} == {"x", "a", "d"}


def test_what_has_no_rule_is_refused_at_its_place_and_only_where_it_matters() -> None:
    REGISTRY["mystery"] = OpDef("mystery", "structural", lambda operands, attrs: (operands[0].type,), lambda x: x)
    try:
        text = """func @f(%x: f64, %y: f64) {
            %a = mystery %x : f64 @3:4-3:11
            %b = multiply %a, %y : f64
            return %b
        }"""
        for mode in (forward, reverse):
            with pytest.raises(DifferentiationError) as error:
                mode(parse(text), [True, True])
            assert error.value.span is not None and error.value.span.line == 3 and error.value.help
            mode(parse(text), [False, True])
    finally:
        del REGISTRY["mystery"]


def test_an_integer_parameter_cannot_be_active() -> None:
    with pytest.raises(DifferentiationError, match="`n`"):
        forward(parse("func @f(%n: i64) {\n return %n\n}"), [True])


@pytest.mark.parametrize("looped", [False, True])
def test_the_time_is_linear_in_the_number_of_ops(looped: bool) -> None:
    def chain(count: int) -> Function:
        x, y = Value(Type(F64), "x"), Value(Type(F64), "y")
        body = Block([x, y])
        builder = Builder(body)
        loop = Block([Value(Type(I64), "i"), Value(Type(F64), "c")])
        with builder.inside(loop if looped else body):
            made = [x, y, loop.params[1] if looped else y]
            for k in range(count):
                name = ("multiply", "sin", "divide", "exp", "add")[k % 5]
                made.append(builder.emit(name, *((made[-1],) if name in ("sin", "exp") else (made[-1], made[-3]))))
        body.results = [made[-1]]
        if looped:
            loop.results = [made[-1]]
            op = builder.for_(builder.integer(0), builder.integer(9), builder.integer(1), [x], loop)
            body.results = [op.result]
        return Function("f", body)

    def seconds(count: int) -> float:
        f = chain(count)
        best = np.inf
        for _ in range(3):
            start = time.process_time()
            reverse(f, [True, True])
            best = min(best, time.process_time() - start)
        return best

    gc.disable()  # its passes over everything alive are not the transformation's
    try:
        seconds(50)
        assert seconds(2000) < 16 * seconds(250)
    finally:
        gc.enable()
