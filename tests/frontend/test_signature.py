# ruff: noqa: F722, UP037
"""Trees of structures, leaves, signatures from values and from annotations, captures and transforms in compiled code."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import pathlib
import sys
import typing
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from jaxtyping import Float32, Float64, Int64

from wengert.compiler.diag.errors import CompileError, ShapeFault, TypeMismatch, WengertError
from wengert.compiler.frontend.bound import plain
from wengert.compiler.frontend.signature import (
    Leaf,
    Signature,
    declared_dtypes,
    declared_signature,
    leaf_of,
    signature_of,
)
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.ir.types import F32, F64, I64, Type, parse_type


@dataclasses.dataclass
class State:
    x: np.ndarray
    t: float

    def __post_init__(self):
        assert self.x is not None, "unflatten must go around __init__"


class Pair(NamedTuple):
    a: typing.Any
    b: typing.Any = None


def test_trees():
    value = (State(np.zeros(2), 1.0), Pair(2.0, (1, None)), [True, {"k": np.float32(2)}], max)
    leaves, tree = flatten(value)
    assert tree.count == len(leaves) == 6
    assert tree.paths("args") == [
        "args[0].x",
        "args[0].t",
        "args[1].a",
        "args[1].b[0]",
        "args[2][0]",
        "args[2][1]['k']",
    ]
    again = tree.unflatten(range(6))
    assert again[0].x == 0 and again[1] == Pair(2, (3, None)) and again[2] == [4, {"k": 5}] and again[3] is max
    assert tree.unflatten([None] * 6)[0].x is None
    assert hash(tree) == hash(flatten(value)[1]) and tree == flatten(value)[1]
    assert tree != flatten((*value[:3], min))[1]
    with pytest.raises(ValueError):
        tree.unflatten(range(5))
    with pytest.raises(ValueError):
        tree.unflatten(range(7))


@pytest.mark.parametrize(
    ("value", "text", "weak"),
    [
        (1.5, "f64", True),
        (3, "i64", True),
        (True, "bool", True),
        (1j, "c128", True),
        (np.float32(1), "f32", False),
        (np.int8(1), "i8", False),
        (np.zeros(()), "f64", False),
        (np.zeros(3), "f64[?]", False),
        (np.zeros((3, 1), np.float32), "f32[?,1]", False),
        (np.zeros((0, 2), bool), "bool[?,?]", False),
    ],
)
def test_leaves(value, text, weak):
    assert leaf_of(value) == Leaf(parse_type(text), weak)


def test_leaves_of_what_has_no_type():
    for value in (object(), np.array(["a"]), np.zeros(2, np.float16), {1: 2}, np.zeros(2, ">f8")):
        with pytest.raises(TypeMismatch):
            leaf_of(value)
    with pytest.raises(TypeMismatch, match=r"argument\[1\]\.x"):
        signature_of((1.0, State(np.array(["a"]), 1.0)))


def test_device_arrays_are_known_by_their_interface():
    class Device:
        __cuda_array_interface__: typing.ClassVar = {"shape": (4, 1), "typestr": "<f4"}

    assert leaf_of(Device()) == Leaf(parse_type("f32[?,1]"))


def test_declared():
    def f(
        a: Float64[np.ndarray, "n m"],
        b: Float32[np.ndarray, " m"],
        n: int,
        t: float,
        k: np.float64,
        p: Int64[np.ndarray, "3"],
    ):
        return a

    found = declared_signature(f)
    assert found is not None
    assert [str(leaf.type) for leaf in found.leaves] == ["f64[?,?]", "f32[?]", "i64", "f64", "f64", "i64[?]"]
    assert [leaf.weak for leaf in found.leaves] == [False, False, True, True, False, False]
    assert {(e.leaf, e.axis, e.name) for e in found.extents} == {(0, 1, "m"), (1, 0, "m"), (5, 0, "3")}


def test_declared_structures():
    @dataclasses.dataclass
    class Inner:
        x: Float64[np.ndarray, " n"]
        t: float

    def f(s: Inner, v: typing.Annotated[Float64[np.ndarray, " n"], "Active"], pair: tuple[float, int]):
        return s.x.sum()

    f.__annotations__ = {
        "s": Inner,
        "v": typing.Annotated[Float64[np.ndarray, " n"], "Active"],
        "pair": tuple[float, int],
    }
    Inner.__annotations__ = {"x": Float64[np.ndarray, " n"], "t": float}
    found = declared_signature(f)
    assert found is not None and found.tree.count == 5
    assert found.accepts(signature_of((Inner(np.zeros(3), 1.0), np.zeros(3), (1.0, 2))))
    traced = trace(f, found)
    assert interpret(traced.function, [np.ones(3), 1.0, np.ones(3), 1.0, 2])[0] == 3.0
    with pytest.raises(ShapeFault, match="declared extent `n`"):
        interpret(traced.function, [np.ones(3), 1.0, np.ones(4), 1.0, 2])


def test_undeclared():
    def f(a: npt.NDArray[np.float64]):
        return a

    def g(a: float, b):
        return a

    def h(a: float, *rest: float):
        return a

    def k(a: "nowhere"):  # noqa: F821
        return a

    assert [declared_signature(x) for x in (f, g, h, k)] == [None] * 4


def test_accepts():
    vector = Signature(flatten((1.0,))[1], (Leaf(Type(F64, (None,))),))
    assert vector.accepts(signature_of((np.zeros(1),))) and vector.accepts(signature_of((np.zeros(3),)))
    assert not vector.accepts(signature_of((1.0,))) and not vector.accepts(signature_of((np.zeros(3, int),)))


def test_given_parameters_and_defaults():
    def f(x, g=None, n=3, *rest, k=2.0):
        return (x if g is None else g(x)) * n * k + sum(rest)

    sign = signature_of((1.5,))
    assert interpret(trace(f, sign).function, [1.5]) == (9.0,)
    assert interpret(trace(plain(functools.partial(f, g=np.sin, n=2)), sign).function, [1.5]) == (np.sin(1.5) * 4.0,)
    assert interpret(trace(f, signature_of((1.5, None, 2, 1.0, 1.0))).function, [1.5, 2, 1.0, 1.0]) == (8.0,)
    with pytest.raises(CompileError):
        trace(lambda x, y: x, sign)
    with pytest.raises(WengertError):
        trace(lambda: 1.0, sign)


def test_weak_results():
    def f(x, a):
        return x * 2, a[0], len(a), x > 1

    assert trace(f, signature_of((1.5, np.ones(2)))).weak == (True, False, True, True)


def test_transforms_are_inlined_through_their_trace():
    """Anything with `__wengert_trace__(signature) -> Traced` can be called in compiled code."""

    def inner(state, k):
        state["v"][0] = k
        return (state["v"] * k, k)

    class Transform:
        __name__ = "transform"

        def __wengert_trace__(self, signature):
            assert [leaf.type for leaf in signature.leaves] == [Type(F64, (None,)), Type(I64)]
            return trace(inner, signature)

    transform = Transform()

    def make(f):
        return transform

    make.__wengert_transform__ = True

    def f(x):
        y, k = transform({"v": x}, 3)
        z, _ = make(inner)({"v": x}, 4)
        return y + z, k

    traced = trace(f, signature_of((np.arange(3.0),)))
    y, k, x = interpret(traced.function, [np.arange(3.0)])
    np.testing.assert_array_equal(y, np.array([3.0, 1, 2]) * 3 + np.array([4.0, 1, 2]) * 4)
    np.testing.assert_array_equal(x, [4.0, 1.0, 2.0])
    assert k == 3 and traced.function.written == (None, None, 0)


def test_places_are_those_of_the_file():
    def f(x):
        y = np.sin(x)
        return y[0.5]

    with pytest.raises(TypeMismatch) as caught:
        trace(f, signature_of((np.ones(3),)))
    span = caught.value.span
    assert span is not None and span.source is not None
    assert span.source.name == "test_signature.py"
    assert span.source.line(span.line).strip() == "return y[0.5]"
    assert span.column == 15


def test_lambdas_of_one_line():
    pair = (lambda x: x + 1.0, lambda x: x * 3.0)
    assert [interpret(trace(f, signature_of((2.0,))).function, [2.0])[0] for f in pair] == [3.0, 6.0]


def test_only_our_errors_escape():
    here = pathlib.Path(__file__)
    spec = importlib.util.spec_from_file_location("wengert_no_source", here)
    assert spec is not None and sys
    space: dict = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(WengertError, match="source"):
        trace(space["f"], signature_of((1.0,)))


def test_type_aliases_are_what_they_stand_for():
    """`type NDArray[T] = np.ndarray[..., np.dtype[T]]`, as NumPy 2.5 has it."""
    extensions = pytest.importorskip("typing_extensions")
    scalar = typing.TypeVar("scalar")
    array = extensions.TypeAliasType("array", np.ndarray[typing.Any, np.dtype[scalar]], type_params=(scalar,))
    number = extensions.TypeAliasType("number", float)

    def f(x, n):
        return x * n

    f.__annotations__ = {"x": array[np.float32], "n": number}
    assert declared_dtypes(f) == {0: F32}
    f.__annotations__ = {"x": number, "n": number}
    signature = declared_signature(f)
    assert signature is not None and [leaf.type.dtype.name for leaf in signature.leaves] == ["f64", "f64"]
