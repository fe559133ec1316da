"""Random programs that alias, swap, rebind and write arrays through branches, loops, calls and reshapes.

Refusing one is allowed (two names that may or may not be one array); a wrong answer or a crash is not.
"""

from __future__ import annotations

import copy
import linecache
import random

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.verify import verify

N = 6
X = np.linspace(-1.0, 2.0, 12)
HELPER = """
def helper(x, y):
    if y[0] > 0.2:
        x[0] = y[1]
        return y
    return x

"""


class Generator:
    """Statements over the arguments p, q (arrays), t, n and the local arrays a ... d."""

    def __init__(self, seed: int):
        self.random, self.depth, self.loops, self.counters = random.Random(seed), 0, 0, 0

    def name(self) -> str:
        return self.random.choice("pqabcd")

    def index(self) -> str:
        if self.loops and self.random.random() > 0.7:
            return f"i{self.random.randrange(self.loops)}"
        return str(self.random.randrange(N))

    def element(self) -> str:
        return f"{self.name()}[{self.index()}]"

    def condition(self) -> str:
        return self.random.choice(
            [f"{self.element()} > 0.3", "n > 2", f"{self.element()} < {self.element()}", "t > 0.5"]
        )

    def simple(self) -> list[str]:
        x, y, z = self.random.sample("pqabcd", 3)
        return self.random.choice(
            [
                [f"{x} = {y}"],
                [f"{x} = {y}.copy()"],
                [f"{x} = np.sin({y}) + {z}"],
                [f"{self.element()} = {self.element()} * 0.5 + t"],
                [f"{self.element()} = {self.element()} - t"],
                [f"{x}[1:] = {y}[:-1]"],
                [f"{x}[1:] = {x}[:-1]"],
                [f"{x}, {y} = {y}, {x}"],
                [f"{x}, {y}, {z} = {z}, {x}, {y}"],
                [f"v = {x}[1:4]", f"v[0] = {y}[2] + 1.0", "s += v[1]"],
                [f"{x} += 0.3 * {y}"],
                [f"s = s * 0.5 + {self.element()}"],
                [f"{x} = {y} if {self.condition()} else {z}"],
                [f"{x} = helper({y}, {z})"],
                [f"{x}[:] = 0.25 * {y}[::-1]"],
                [f"{x}.reshape(2, 3)[1] = {y}[:3]"],
                [f"{x} = {y}.reshape(2, 3).ravel()"],
            ]
        )

    def statement(self) -> list[str]:
        if self.depth == 3 or self.random.random() < 0.65:
            return self.simple()
        self.depth += 1
        kind = self.random.choice(["if", "if", "for", "for", "for", "while", "exit"])
        made = getattr(self, f"{kind}_statement")()
        self.depth -= 1
        return made

    def if_statement(self) -> list[str]:
        orelse = ["else:", *indented(self.block())] if self.random.random() < 0.6 else []
        return [f"if {self.condition()}:", *indented(self.block()), *orelse]

    def for_statement(self) -> list[str]:
        head = f"for i{self.loops} in range({self.random.choice(['n', '3', '1, 4', '2'])}):"
        self.loops += 1
        body = self.block()
        self.loops -= 1
        return [head, *indented(body)]

    def while_statement(self) -> list[str]:
        self.counters += 1
        name = f"w{self.counters}"
        return [f"{name} = 0", f"while {name} < 3:", *indented([f"{name} += 1", *self.block()])]

    def exit_statement(self) -> list[str]:
        if self.loops:
            return [f"if {self.condition()}:", *indented([self.random.choice(["break", "continue", "return a, s"])])]
        return [f"if {self.condition()}:", *indented([*self.block(), "return b, s"])]

    def block(self) -> list[str]:
        return [line for _ in range(self.random.randrange(1, 4)) for line in self.statement()]

    def program(self) -> str:
        body = ["s = 0.0", "a = p.copy()", "b = np.ones(6)", "c = b * t", "d = q + 1"]
        body += [line for _ in range(self.random.randrange(3, 8)) for line in self.statement()]
        body += [f"return {self.name()}, s"]
        return HELPER + "def f(p, q, t, n):\n" + "\n".join(indented(body)) + "\n"


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def compiled(source: str, name: str):
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"np": np}
    exec(compile(source, name, "exec"), space)
    return space["f"]


def check(source: str, name: str, seed: int) -> bool:
    """Whether it was compiled (and right)."""
    f = compiled(source, name)
    rng = np.random.default_rng(seed)
    args = (rng.uniform(-1, 1, N), rng.uniform(-1, 1, N), float(rng.uniform(0, 1)), int(rng.integers(0, 5)))
    reference = copy.deepcopy(args)
    expected = f(*reference)
    try:
        traced = trace(f, signature_of(args))
    except UnsupportedError:
        return False
    verify(traced.function)
    results = interpret(traced.function, args)
    written = [w for w in traced.function.written if w is not None]
    for found, wanted in zip(results, [*expected, *(reference[w] for w in written)], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    for position in {0, 1} - set(written):
        np.testing.assert_array_equal(args[position], reference[position])
    return True


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_random_aliases(start):
    compiled_ones = 0
    for seed in range(start, start + 20):
        source = Generator(seed).program()
        try:
            compiled_ones += check(source, f"<alias {seed}>", seed)
        except Exception as error:
            error.add_note(source)
            raise
    assert compiled_ones, "every program was refused: the test tests nothing"


SUSPICION = """
def f(p, q, t, n):
    s = 0.0
    a = p.copy()
    b = np.ones(6)
    if p[4] < a[0]:
        b, a = a, b
    else:
        for i in range(1, 4):
            q = b
            p = b
            a[1:] = b[:-1]
        a, q = q, a
    b[:] = 0.25 * p[::-1]
    return p, s
"""
"""`p` may be the array that `b` was before the merge gave it new storage."""

RESHAPED = """
def f(p, q, t, n):
    a = np.zeros(6)
    r = a.reshape(2, 3)
    if t > 2.0:
        a = p + 1.0
    a[0] = 5.0
    return r, a[0] * 1.0
"""


@pytest.mark.parametrize("source", [SUSPICION, RESHAPED])
def test_found_by_the_generator(source):
    check(source, f"<found {hash(source)}>", 2012)


def reshaped_in_a_loop(x, n):
    s = np.zeros(12)
    for _ in range(n):
        s = (x + s).reshape(3, 4).T.reshape(-1)
    s *= 2.0
    if n > 2:
        t = x[2:5] * 2
        t = t[1:]
    else:
        t = np.zeros(2)
    t += 1
    u = np.zeros((3, 4))
    for i in range(n):
        u = (x * i).reshape(3, 4)
        r = u.reshape(-1)
        r[0] = 5.0
    u[1] = 0
    return s, t, u


def reached_by_two_names(x, n):
    s, keep = np.zeros((3, 4)), np.zeros(12)
    for i in range(n):
        base = x * i
        s, keep = base.reshape(3, 4), base
    s += 1
    return s, keep


def reached_by_a_closure(x, n):
    s, base = np.zeros((3, 4)), np.zeros(12)

    def peek():
        return base.sum()

    for i in range(n):
        base = x * i
        s = base.reshape(3, 4)
    s += 1
    return s, peek()


def test_views_that_nothing_else_reaches_are_arrays_of_their_own():
    for n in (0, 1, 3):
        for a, b in zip(wg.jit(reshaped_in_a_loop)(X, n), reshaped_in_a_loop(X, n), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("function", [reached_by_two_names, reached_by_a_closure])
def test_views_that_are_reached_otherwise_cannot_be_written(function):
    with pytest.raises(wg.errors.UnsupportedError, match="depending on the path"):
        wg.jit(function)(X, 3)
