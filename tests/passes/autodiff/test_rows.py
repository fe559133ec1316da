"""Every differentiable row on its sampling domain: jvp against differences, vjp against jvp, second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert.compiler.ops  # noqa: F401
from tests.harness.derivatives import check_derivatives
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.opdef import REGISTRY, InferenceError
from wengert.compiler.ir.types import BOOL, C128, F64, Type
from wengert.compiler.passes.autodiff.activity import _depends

ELEMENTWISE = [row for row in REGISTRY.values() if row.partials is not None and row.name != "stop_gradient"]
REDUCTIONS = [row for row in REGISTRY.values() if row.kind == "reduce" and row.pullback is not None]


def function_of(types: list[Type], make: Any) -> Function:
    params = [Value(t, f"p{k}") for k, t in enumerate(types)]
    block = Block(params)
    builder = Builder(block)
    found = make(builder, *params)
    block.results = list(found) if isinstance(found, (list, tuple)) else [found]
    return Function("f", block)


def arity(row: Any) -> int:
    for count in (1, 2, 3):
        try:
            _depends(row.name, count)
            return count
        except TypeError:
            continue
    raise AssertionError(row.name)


@pytest.mark.parametrize("shapes", ["s", "a", "m"], ids=["scalars", "arrays", "mixed"])
@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_elementwise(row: Any, shapes: str) -> None:
    count = arity(row)
    if shapes == "m" and count == 1:
        return
    rng = np.random.default_rng(7)
    ranks = [0 if shapes == "s" or (shapes == "m" and k == 0) else 1 for k in range(count)]
    types = [Type(F64, (None,) * rank) for rank in ranks]
    f = function_of(types, lambda b, *ps: b.emit(row.name, *ps))
    arguments = [row.domain.sample(rng, k, (4,) * rank) for k, rank in enumerate(ranks)]
    check_derivatives(f, arguments, step=1e-4, tolerance=1e-6)


def takes_complex(row: Any) -> bool:
    try:
        return bool(row.infer([Value(Type(C128), "z")] * arity(row), {}))
    except InferenceError:
        return False


@pytest.mark.parametrize("row", [row for row in ELEMENTWISE if takes_complex(row)], ids=lambda row: row.name)
def test_complex(row: Any) -> None:
    rng = np.random.default_rng(3)
    count = arity(row)
    f = function_of([Type(C128, (None,))] * count, lambda b, *ps: b.emit(row.name, *ps))
    arguments = [row.domain.sample(rng, k, (3,)) + 0.4j * rng.standard_normal(3) for k in range(count)]
    check_derivatives(f, arguments, step=1e-4, tolerance=1e-6)


@pytest.mark.parametrize("name", ["real", "imag", "conjugate", "complex"])
def test_parts(name: str) -> None:
    """Linear over the real numbers only; squared, so that the second order is not zero."""
    rng = np.random.default_rng(5)
    count, dtype = (2, F64) if name == "complex" else (1, C128)

    def make(b: Builder, *ps: Value) -> Value:
        made = b.emit(name, *(b.emit("multiply", p, p) for p in ps))
        return b.emit("multiply", made, made)

    points = [rng.standard_normal(3) + (1j * rng.standard_normal(3) if dtype is C128 else 0) for _ in range(count)]
    check_derivatives(function_of([Type(dtype, (None,))] * count, make), points, step=1e-4, tolerance=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("row", REDUCTIONS, ids=lambda row: row.name)
def test_reductions(row: Any, axes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    f = function_of([Type(F64, (None, None))], lambda b, p: b.emit(row.name, p, axes=axes))
    check_derivatives(f, [row.domain.sample(rng, 0, (3, 4))], step=1e-4, tolerance=1e-6)


@pytest.mark.parametrize("zeros", [1, 2])
def test_product_with_zeros(zeros: int) -> None:
    x = np.array([0.5, -1.5, 2.0, 0.7])
    x[:zeros] = 0.0
    f = function_of([Type(F64, (None,))], lambda b, p: b.emit("prod", p, axes=(0,)))
    check_derivatives(f, [x], order=1, tolerance=1e-6)


VECTOR, MATRIX, SCALAR = Type(F64, (None,)), Type(F64, (None, None)), Type(F64)


def _slice(b: Builder, x: Value) -> Value:
    starts, sizes = [b.integer(2), b.integer(1)], [b.integer(1), b.integer(2)]
    return b.emit("slice", x, *starts, *sizes, steps=(1, -1), drop=(0,))


def _update_slice(b: Builder, x: Value, v: Value, name: str) -> Value:
    return b.emit(name, x, v, b.integer(1), b.integer(0), steps=(1, 1), drop=(0,))


def _where(b: Builder, x: Value, y: Value, s: Value) -> list[Value]:
    c = b.emit("less", x, y)
    return [b.emit("where", c, b.emit("sin", x), y), b.emit("where", c, s, y), b.emit("where", b.emit("less", s, s), s, y)]


STRUCTURAL: dict[str, tuple[list[Type], Any]] = {
    "slice": ([MATRIX], _slice),
    "transpose": ([MATRIX], lambda b, x: b.emit("transpose", x, axes=(1, 0))),
    "reshape": ([MATRIX], lambda b, x: b.emit("reshape", x, b.integer(2), b.integer(6))),
    "broadcast scalar": ([SCALAR], lambda b, s: b.broadcast(s, [b.integer(3), b.integer(2)])),
    "broadcast rows": ([VECTOR], lambda b, x: b.broadcast(x, [b.integer(3), b.extent(x, 0)])),
    "broadcast columns": ([VECTOR], lambda b, x: b.broadcast(x, [b.extent(x, 0), b.integer(3)], (0,))),
    "broadcast ones": ([Type(F64, (None, 1))], lambda b, x: b.broadcast(x, [b.extent(x, 0), b.integer(3)])),
    "pack": ([SCALAR, SCALAR], lambda b, s, t: b.emit("pack", s, t, s, t, shape=(2, 2))),
    "load": ([MATRIX], lambda b, x: b.emit("load", x, b.integer(1), b.integer(2))),
    "update": ([MATRIX, SCALAR], lambda b, x, s: b.emit("update", x, s, b.integer(1), b.integer(2))),
    "accumulate": ([MATRIX, SCALAR], lambda b, x, s: b.emit("accumulate", x, s, b.integer(1), b.integer(2))),
    "update_slice": ([MATRIX, VECTOR], lambda b, x, v: _update_slice(b, x, v, "update_slice")),
    "accumulate_slice": ([MATRIX, VECTOR], lambda b, x, v: _update_slice(b, x, v, "accumulate_slice")),
    "matmul": ([MATRIX, MATRIX], lambda b, x, y: b.emit("dot_general", x, y, contract=((1,), (1,)), batch=((), ()))),
    "batched": ([MATRIX, MATRIX], lambda b, x, y: b.emit("dot_general", x, y, contract=((1,), (1,)), batch=((0,), (0,)))),
    "outer": ([VECTOR, VECTOR], lambda b, x, y: b.emit("dot_general", x, y, contract=((), ()), batch=((), ()))),
    "inner": ([VECTOR, VECTOR], lambda b, x, y: b.emit("dot_general", x, y, contract=((0,), (0,)), batch=((), ()))),
    "inner, twice the same": ([VECTOR], lambda b, x: b.emit("dot_general", x, x, contract=((0,), (0,)), batch=((), ()))),
    "trace": ([MATRIX, MATRIX], lambda b, x, y: b.emit("dot_general", x, y, contract=((0, 1), (0, 1)), batch=((), ()))),
    "where": ([VECTOR, VECTOR, SCALAR], _where),
    "real part": ([Type(C128, (None,))], lambda b, x: b.emit("cast", b.emit("multiply", x, x), dtype="f64")),
    "to complex": ([VECTOR], lambda b, x: b.emit("cast", x, dtype="c128")),
}


@pytest.mark.parametrize("name", list(STRUCTURAL))
def test_structural(name: str) -> None:
    types, make = STRUCTURAL[name]
    rng = np.random.default_rng(5)
    extents = {0: (), 1: (4,), 2: (3, 4)}
    arguments: list[Any] = []
    for t in types:
        shape = tuple(n if known is None else known for n, known in zip(extents[t.rank], t.shape, strict=True))
        value = rng.standard_normal(shape)
        arguments.append(value + 1j * rng.standard_normal(shape) if t.dtype.kind == "c" else value)
    check_derivatives(function_of(types, make), arguments, tolerance=1e-6, order=3)


def test_stop_gradient_and_steps_have_no_derivative() -> None:
    def make(b: Builder, x: Value) -> list[Value]:
        return [b.emit("multiply", x, b.emit("stop_gradient", x)), b.emit("floor", x), b.emit("sign", x)]

    from wengert.compiler.ir.interpret import interpret
    from wengert.compiler.passes.autodiff import forward, reverse

    f = function_of([SCALAR], make)
    assert interpret(forward(f, [True]), [1.5, 1.0])[3:] == (1.5, 0.0, 0.0)
    assert interpret(reverse(f, [True]), [1.5, 1.0, 1.0, 1.0])[3:] == (1.5,)


@pytest.mark.parametrize("name", ["sqrt", "log", "divide"])
def test_strong_zero(name: str) -> None:
    """0 * inf is 0 where the seed is 0: what `where` masks does not count, in either mode."""
    from wengert.compiler.ir.interpret import interpret
    from wengert.compiler.passes.autodiff import forward, reverse

    def make(b: Builder, x: Value) -> Value:
        zero = b.constant(0.0, F64)
        operands = [b.constant(1.0, F64), x] if name == "divide" else [x]
        return b.emit("where", b.emit("greater", x, zero), b.emit(name, *operands), zero)

    f = function_of([VECTOR], make)
    x, one = np.array([0.0, 4.0]), np.ones(2)
    back, ahead = interpret(reverse(f, [True]), [x, one])[1], interpret(forward(f, [True]), [x, one])[1]
    assert np.isfinite(back).all() and np.isfinite(ahead).all() and back[0] == ahead[0] == 0
    np.testing.assert_allclose(back, ahead)
    assert interpret(forward(function_of([SCALAR], lambda b, s: b.emit("sqrt", s)), [True]), [0.0, 0.0])[1] == 0.0


def test_conditions_are_not_differentiated() -> None:
    f = function_of([SCALAR, Type(BOOL)], lambda b, s, c: b.emit("where", c, s, b.emit("negative", s)))
    check_derivatives(f, [0.3, True])
