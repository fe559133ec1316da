"""Every op row, compiled against its NumPy reference, on all dtypes, ranks and layouts it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert.compiler.ops  # noqa: F401  fills the registry
from tests.backend import compare
from wengert.compiler.backend.emit import contraction
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY, InferenceError, OpDef
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.ir.types import BOOL, DTYPES, F64, DType, Type
from wengert.compiler.ir.verify import verify
from wengert.compiler.runtime import cpu

LAYOUTS = ["C", "F", "reversed", "strided"]


def laid_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same elements in other memory."""
    if not array.ndim or layout == "C":
        return array
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    room = np.empty(tuple(2 * n for n in array.shape), array.dtype)
    view = room[tuple(slice(None, 2 * n, 2) for n in array.shape)]
    view[...] = array
    return view


def sample(row: OpDef, dtype: DType, shape: tuple[int, ...], position: int, rng: np.random.Generator) -> np.ndarray:
    values = row.domain.sample(rng, position, shape)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "c":
        return (values + 1j * row.domain.sample(rng, position, shape)).astype(dtype.numpy)
    if dtype.kind == "u":
        values = np.abs(values)
    if dtype.is_integer:
        values = np.round(values * 3 if row.name not in ("left_shift", "right_shift", "truncated_divide") else values)
    return np.asarray(values).astype(dtype.numpy)


def element_wise(row: OpDef, types: list[Type], **attrs: Any) -> Function | None:
    body = Block([Value(t, "x") for t in types])
    try:
        result = Builder(body).emit(row.name, *body.params, **attrs)
    except InferenceError:
        return None
    body.results = [result]
    return verify(Function("f", body))


BINARY = {
    "add", "subtract", "multiply", "divide", "truncated_divide", "fmod", "floor_divide", "remainder", "power", "minimum",
    "maximum", "copysign", "arctan2", "hypot", "logaddexp", "equal", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift",
}  # fmt: skip
ELEMENTWISE = [r for r in REGISTRY.values() if r.kind == "elementwise" and r.name not in ("where", "cast")]


def close(actual: Any, expected: Any) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if actual.dtype.kind in "fc":
        tolerance = 1e-5 if actual.dtype.itemsize <= 4 or actual.dtype == np.complex64 else 1e-13
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(actual, expected)


def check(function: Function, arguments: list[Any]) -> None:
    """Compiled results equal the interpreter's."""
    expected = interpret(function, arguments)
    for got, want in zip(cpu.load(function).call(*arguments), expected, strict=True):
        close(got, want)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, np.inf, -np.inf, np.nan, 1e300, -1e-310, 4.0, 3.0])
"""Zeros, infinities, NaN, ties."""


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda r: r.name)
def test_element_wise(row: OpDef) -> None:
    """All dtypes in one function, as vectors long enough for vector registers and a rest, then special values for float64.

    Other ranks and layouts are those of `tests.harness.layouts`.
    """
    count = 2 if row.name in BINARY else 1
    rng, body, results = np.random.default_rng(0), Block(), []
    arguments: list[np.ndarray] = []
    for dtype in DTYPES.values():
        operands = [Value(Type(dtype, (None,)), "x") for _ in range(count)]
        try:
            results.append(Builder(body).emit(row.name, *operands))
        except InferenceError:
            continue
        body.params += operands
        arguments += [sample(row, dtype, (37,), k, rng) for k in range(count)]
    body.results = results
    function = verify(Function("f", body))
    executable = cpu.load(function)
    special = [a.ravel().copy() for a in np.meshgrid(SPECIAL, SPECIAL)] if count == 2 else [SPECIAL]
    floats = [k for k, a in enumerate(arguments) if a.dtype == np.float64]
    second = [special[floats.index(k)] if k in floats else a for k, a in enumerate(arguments)]
    for given in (arguments, second):
        for got, want in zip(executable.call(*given), interpret(function, given), strict=True):
            close(got, want)


@pytest.mark.parametrize("source", list(DTYPES.values()), ids=str)
def test_cast(source: DType) -> None:
    """To every dtype, in one function, of a vector and of a number."""
    rng, row = np.random.default_rng(1), REGISTRY["cast"]
    body = Block([Value(Type(source, (None,)), "x"), Value(Type(source), "y"), Value(Type(source, (None,)), "u"), Value(Type(source), "v")])
    for target in DTYPES.values():
        if source.kind != "c" or target.kind == "c":
            first = 2 if source.kind in "fi" and target.kind == "u" else 0
            body.results += [Builder(body).emit("cast", p, dtype=target.name) for p in body.params[first : first + 2]]
    given = [sample(row, source, shape, 0, rng) for shape in ((9,), ())]
    check(verify(Function("f", body)), [*given, *(np.abs(x) if source.kind in "fi" else x for x in given)])


def test_where() -> None:
    rng, row, body = np.random.default_rng(2), REGISTRY["where"], Block()
    arguments: list[Any] = []
    for dtype in DTYPES.values():
        t, m = Type(dtype, (None, None)), Type(BOOL, (None, None))
        for types in ([m, t, t], [Type(BOOL), t, t], [m, Type(dtype), t]):
            operands = [Value(x, "x") for x in types]
            body.params += operands
            body.results.append(Builder(body).emit("where", *operands))
            shapes = [(4, 3) if x.rank else () for x in types]
            arguments += [rng.random(shapes[0]) < 0.5, *(sample(row, dtype, s, 0, rng) for s in shapes[1:])]
    check(verify(Function("f", body)), arguments)


AXES = [(1, (0,)), (2, (0,)), (2, (1,)), (2, (0, 1)), (3, (1,)), (3, (0, 2)), (3, (2,)), (3, (0, 1))]


@pytest.mark.parametrize("dtype", list(DTYPES.values()), ids=str)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all"])
def test_reduce(name: str, dtype: DType) -> None:
    """Along all axes, in one function; in vector registers for the dtypes that numbers mostly have."""
    rng, row = np.random.default_rng(3), REGISTRY[name]
    body = Block([Value(Type(dtype, (None,) * rank), "x") for rank in (1, 2, 3)])
    try:
        body.results = [Builder(body).emit(name, body.params[rank - 1], axes=axes) for rank, axes in AXES]
    except InferenceError:
        return
    function = verify(Function("f", body))
    level = 2 if dtype.name in ("f64", "f32", "i64", "bool", "c128") else 0
    executable = cpu.load(function, options=cpu.Options(level=level))
    for shape in [(7, 5, 3), (70, 2, 40)]:
        values = [sample(row, dtype, shape[:rank], 0, rng) for rank in (1, 2, 3)]
        if name == "prod" and dtype.kind == "f":
            values = [np.exp(0.1 * (v - 1)).astype(dtype.numpy) for v in values]
        for layout in LAYOUTS if level else ["C"]:
            given = [laid_out(v, layout) for v in values]
            for got, want in zip(executable.call(*given), interpret(function, given), strict=True):
                close(got, want)


def test_sum_is_accurate() -> None:
    """No worse than NumPy's pairwise sum, on long arrays and matrices."""
    from math import fsum

    rng = np.random.default_rng(4)
    x = rng.random(1_000_003) - 0.3
    function = element_wise(REGISTRY["sum"], [Type(F64, (None,))], axes=(0,))
    assert function is not None
    ours, exact = cpu.load(function).call(x)[0], fsum(x)
    assert abs(ours - exact) <= max(abs(np.sum(x) - exact), 1e-15 * abs(exact))
    for special in ([np.inf, 1.0], [np.inf, -np.inf], [np.nan, 1.0]):
        check(function, [np.array(special * 600)])


@pytest.mark.parametrize("dtype", [t for t in DTYPES.values() if t.kind in "iufc"], ids=str)
@pytest.mark.parametrize(
    "ranks, contract, batch",
    [
        ((1, 1), ((0,), (0,)), ((), ())),
        ((2, 1), ((1,), (0,)), ((), ())),
        ((1, 2), ((0,), (0,)), ((), ())),
        ((2, 2), ((1,), (0,)), ((), ())),
        ((2, 2), ((0,), (0,)), ((), ())),
        ((2, 2), ((1,), (1,)), ((), ())),
        ((2, 2), ((0, 1), (0, 1)), ((), ())),
        ((1, 1), ((), ()), ((), ())),
        ((3, 3), ((2,), (1,)), ((0,), (0,))),
    ],
)
def test_dot(dtype: DType, ranks: Any, contract: Any, batch: Any) -> None:
    rng = np.random.default_rng(5)
    row = REGISTRY["dot_general"]
    function = element_wise(row, [Type(dtype, (None,) * r) for r in ranks], contract=contract, batch=batch)
    assert function is not None
    level = 2 if dtype.kind in "fc" else 0
    executable = cpu.load(function, options=cpu.Options(level=level))
    for scale in (1, 9):
        shapes = [[5 * scale, 4 * scale, 3 * scale][:r] for r in ranks]
        for p, q in zip((*contract[0], *batch[0]), (*contract[1], *batch[1]), strict=True):
            shapes[1][q] = shapes[0][p]
        arguments = [sample(row, dtype, tuple(s), 0, rng) for s in shapes]
        for layout in LAYOUTS if max(ranks) == 2 and level else ["C"]:
            given = [laid_out(a, layout) for a in arguments]
            got, want = executable.call(*given)[0], interpret(function, given)[0]
            tolerance = 1e-4 if dtype.name in ("f32", "c64") else 1e-12
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_products_of_views(dtype: str) -> None:
    """BLAS reads slices and transposes where they lie; reversed and strided ones are copied."""
    t = f"{dtype}[?,?]"
    text = f"""
    func @f(%a: {t}, %b: {t}) {{
        %0 = constant {{value = 0, dtype = 'i64'}} : i64
        %1 = constant {{value = 1, dtype = 'i64'}} : i64
        %4 = constant {{value = 4, dtype = 'i64'}} : i64
        %5 = constant {{value = 5, dtype = 'i64'}} : i64
        %p = slice %a, %1, %0, %4, %5 {{steps = (2, 1), drop = ()}} : {dtype}[4,5]
        %q = transpose %b {{axes = (1, 0)}} : {t}
        %r = slice %q, %1, %0, %5, %5 {{steps = (1, 1), drop = ()}} : {dtype}[5,5]
        %s = slice %q, %5, %0, %5, %5 {{steps = (-1, 1), drop = ()}} : {dtype}[5,5]
        %u = slice %a, %1, %0, %4, %5 {{steps = (1, 2), drop = ()}} : {dtype}[4,5]
        %v = dot_general %p, %r {{contract = ((1,), (0,)), batch = ((), ())}} : {dtype}[4,5]
        %w = dot_general %u, %s {{contract = ((1,), (1,)), batch = ((), ())}} : {dtype}[4,5]
        %x = dot_general %q, %a {{contract = ((0,), (1,)), batch = ((), ())}} : {t}
        %y = multiply %a, %a : {t}
        %z = dot_general %y, %y {{contract = ((0,), (0,)), batch = ((), ())}} : {t}
        return %v, %w, %x, %z
    }}"""
    function, small = parse_function(text), contraction.SMALL
    a, b = np.random.default_rng(0).random((2, 10, 10)).astype(DTYPES[dtype].numpy)
    contraction.SMALL = 0  # also the products of known extents
    try:
        compare.check(function, [a, b], tolerance=1e-12)
        compare.check(function, [np.asfortranarray(a), b[::-1]], tolerance=1e-12)
    finally:
        contraction.SMALL = small


VIEWS = {
    "broadcast": "%r = broadcast %x, %k, %n, %m {axes = (1, 2)} : T[4,?,?]",
    "broadcast row": """%a = load %x, %o, %o : T
        %p = pack %a, %a, %a {shape = (1, 3)} : T[1,3]
        %r = broadcast %p, %n, %t {axes = (0, 1)} : T[?,3]""",
    "slice": "%r = slice %x, %o, %t, %two, %two {steps = (2, -1), drop = ()} : T[2,2]",
    "slice of a slice": """%a = slice %x, %i, %o, %t, %m {steps = (1, 1), drop = ()} : T[3,?]
        %r = slice %a, %two, %i, %t, %i {steps = (-1, 1), drop = (1,)} : T[3]""",
    "transpose": "%r = transpose %x {axes = (1, 0)} : T[?,?]",
    "reshape": "%r = reshape %x, %m, %n : T[?,?]",
    "reshape of a transpose": """%a = transpose %x {axes = (1, 0)} : T[?,?]
        %r = reshape %a, %n, %m : T[?,?]""",
    "reshape by unit axes": "%r = reshape %x, %n, %i, %m, %i : T[?,1,?,1]",
    "flatten a sum": """%a = add %x, %x : T[?,?]
        %z = multiply %n, %m : i64
        %r = reshape %a, %z : T[?]""",
    "pack": """%a = load %x, %i, %two : T
        %b = load %x, %two, %i : T
        %r = pack %a, %b, %b, %a {shape = (2, 2)} : T[2,2]""",
    "update": """%a = load %x, %i, %two : T
        %r = update %x, %a, %two, %o : T[?,?]""",
    "accumulate": """%a = load %x, %i, %two : T
        %r = accumulate %x, %a, %two, %o : T[?,?]""",
    "update row": """%a = slice %x, %t, %o, %i, %m {steps = (1, 1), drop = (0,)} : T[?]
        %r = update_slice %x, %a, %i, %o {steps = (1, 1), drop = (0,)} : T[?,?]""",
    "update overlapping": """%y = add %x, %x : T[?,?]
        %a = slice %y, %o, %o, %t, %m {steps = (1, 1), drop = ()} : T[3,?]
        %r = update_slice %y, %a, %i, %o {steps = (1, 1), drop = ()} : T[?,?]""",
    "update reversed": """%y = add %x, %x : T[?,?]
        %a = slice %y, %t, %o, %k, %m {steps = (-1, 1), drop = ()} : T[4,?]
        %r = update_slice %y, %a, %o, %o {steps = (1, 1), drop = ()} : T[?,?]""",
    "accumulate a transpose": """%y = add %x, %x : T[?,?]
        %b = slice %y, %o, %o, %k, %k {steps = (1, 1), drop = ()} : T[4,4]
        %a = transpose %b {axes = (1, 0)} : T[4,4]
        %r = accumulate_slice %y, %a, %o, %o {steps = (1, 1), drop = ()} : T[?,?]""",
    "grow": """%g = grow %x, %ten : T[?,?]
        %z = slice %g, %o, %o, %n, %m {steps = (1, 1), drop = ()} : T[?,?]
        %h = grow %x, %i : T[?,?]
        %r = add %z, %h : T[?,?]""",
}


@pytest.mark.parametrize("dtype", ["f64", "f32", "i32", "u8", "c64"])
@pytest.mark.parametrize("name", VIEWS)
def test_views_and_updates(name: str, dtype: str) -> None:
    numbers = "".join(
        f"%{hint} = constant {{value = {n}, dtype = 'i64'}} : i64\n"
        for hint, n in {"o": 0, "i": 1, "two": 2, "t": 3, "k": 4, "ten": 10}.items()
    )
    body = VIEWS[name].replace("T", dtype)
    extents = "%n = dim %x {axis = 0} : i64\n%m = dim %x {axis = 1} : i64\n"
    function = parse_function(f"func @f(%x: {dtype}[?,?]) {{\n{numbers}{extents}{body}\nreturn %r }}")
    x = sample(REGISTRY["add"], DTYPES[dtype], (5, 6), 0, np.random.default_rng(6))
    executable = compare.check(function, [x], level=2 if dtype in ("f64", "c64") else 0)
    for layout in LAYOUTS[1:]:
        compare.same(compare.run(executable, [laid_out(x, layout)]), interpret(function, [x]))


def test_iota_and_no_parameters() -> None:
    text = "func @f() { %n = constant {value = 7, dtype = 'i64'} : i64 %i = iota %n : i64[7] %j = multiply %i, %i : i64[7] return %j, %n }"
    compare.check(parse_function(text), [])
    assert cpu.load(parse_function("func @nothing(%x: f64) { return }")).call(1.0) == ()
