"""How a cell is read: the stack of magics, which functions are meant, and when each can be compiled."""

from __future__ import annotations

import ast

import pytest
from IPython.core.error import UsageError

from wengert.magics import cells
from wengert.magics.options import Autodiff, Batch, Offload


def chosen(text: str) -> list[tuple[str, int]]:
    return [(f.name, f.ready) for f in cells.chosen_functions(ast.parse(text), "autodiff")]


def test_lines_of_magics_stack_outermost_first():
    body = "%%batch --in-axes 0,None\n\n  %%autodiff --wrt x\n\ndef f(x: float): ..."
    stack, rest = cells.split("offload", "cuda:0", body)
    assert stack == [("offload", Offload()), ("batch", Batch((0, None))), ("autodiff", Autodiff(wrt="x"))]
    assert rest == ["def f(x: float): ..."]


def test_other_magics_cannot_stand_below():
    with pytest.raises(UsageError, match="%%time cannot stand below %%batch: write it above"):
        cells.split("batch", "", "%%time\ndef f(x: float): ...")


WHICH = [
    ("def f(x: float): ...", [("f", 0)]),
    ("def f(x) -> float: ...", [("f", 0)]),
    ("def f(*x: float): ...", [("f", 0)]),
    ("def h(x): ...\ndef f(x, *, y: int): ...\ndef g(x: int): ...", [("f", 1), ("g", 2)]),
    ("import numpy as np\ndef f(x): ...", [("f", 1)]),  # the only one: the first call tells its types
]

READY = [
    ("def f(x: float): return g(x)\ndef g(x): return x", [("f", 1)]),
    ("def f(x: float): return g(x)\ndef g(x): return C * x\nC = 2.0\n1 + 1", [("f", 2)]),
    ("C = 2.0\ndef f(x: float): return C * x\nC = f(1.0)", [("f", 1)]),
    ("def f(x: float): return np.sin(x)\nimport numpy as np", [("f", 1)]),
    ("def f(x: float): return y\nfor k in range(3):\n    y = k", [("f", 1)]),
    ("def f(x: float): return x\ndef g(x: float): return f(x)\nf(1.0)", [("f", 0), ("g", 1)]),
    ("def f(x: float): return f(x)", [("f", 0)]),
    ("def f(x: float): return x * x\nf(1.0)\nx = 2.0", [("f", 0)]),  # its own x is not the cell's
    ("def f(a: float):\n    def g(b): return b * C\n    return g(a)\nC = 2.0\nb = 1", [("f", 1)]),
    ("def f(x: float): return y\ng = lambda: (y := 3)", [("f", 0)]),  # y is not bound by the lambda's line
]


@pytest.mark.parametrize(("text", "expected"), WHICH)
def test_which_functions(text, expected):
    assert chosen(text) == expected


@pytest.mark.parametrize(("text", "expected"), READY)
def test_ready_when_all_it_uses_is_bound(text, expected):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "the cell defines no function; write one below"),
        ("def f(x): ...\ndef g(x): ...", "which of f, g? Annotate the functions that are meant"),
        ("class A:\n    def f(self, x: float): ...", "the cell defines no function"),
    ],
)
def test_no_function_to_choose(text, message):
    with pytest.raises(UsageError) as caught:
        chosen(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
