"""What is read of an array written in place comes from the array before or after the loop, if it is the same there."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from tests.harness.derivatives import check_derivatives, floating
from tests.harness.programs import compile_source
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.passes.affine import ONE, infeasible
from wengert.compiler.passes.autodiff import reverse_with_plan
from wengert.compiler.passes.pipeline import optimise


def traced(source: str, *arguments):  # type: ignore[no-untyped-def]
    return optimise(trace(compile_source(source, "<settled>"), signature_of(arguments)).function)


FACTORIZATIONS = {
    "lu": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[k, j]
            a[i, j] = s / a[j, j]
        for j in range(i, n):
            s = a[i, j]
            for k in range(i):
                s -= a[i, k] * a[k, j]
            a[i, j] = s
    return a
""", []),
    "elimination by rows": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            a[i, k + 1:] -= a[i, k] * a[k, k + 1:]
    return a
""", []),
    "trajectory": ("""
def f(a0):
    n = a0.shape[0]
    a = np.zeros((n + 1, 2))
    a[0] = a0[0]
    for t in range(n):
        a[t + 1] = np.sin(a[t])
    return a
""", []),
    "each element once": ("""
def f(a0):
    a = a0.copy()
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = np.exp(a[i, j] * a[i, j])
    return a
""", []),
    "from the end": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for i in range(n - 2, -1, -1):
        a[i] = a[i + 1] * a[i + 1] * a[i]
    return a
""", []),
    "written twice": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for i in range(1, n):
        a[i, 0] = a[i, 0] * a[i - 1, 0]
        a[i - 1, 0] = a[i - 1, 0] * 2.0
    return a
""", ["load"]),
    "negative index": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for i in range(n):
        a[i - 2, 1] = a[i, 1] * a[i, 1]
    return a
""", ["load"]),
    "time loop": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for t in range(n):
        for i in range(1, n):
            a[i, 0] = a[i, 0] * a[i - 1, 0]
    return a
""", ["load", "load"]),
    "a fork": ("""
def f(a0):
    a = a0.copy()
    n = a.shape[0]
    for i in range(n):
        b = a.copy()
        b[i, 0] = 3.0
        a[i, 1] = np.sin(b[i, 0] * b[i, 1]) * b[n - 1, 1] * a[n - 1, 1]
    return np.sum(a)
""", None),
}  # fmt: skip


@pytest.mark.parametrize("name", FACTORIZATIONS)
def test_programs(name: str) -> None:
    source, kept = FACTORIZATIONS[name]
    n = 2 if name == "trajectory" else 4
    argument = np.random.default_rng(0).random((4, n)) + 2 * np.eye(4, n)
    f = traced(source, argument)
    check_derivatives(f, [argument], order=2 if name == "lu" else 1)
    _, plan = reverse_with_plan(f, floating(f))
    if kept is not None:
        assert [k.name for k in plan.kept] == kept


@pytest.mark.parametrize("seed", range(40))
def test_random_nests(seed: int) -> None:
    """Reads and writes at random affine places, in random nests: right, whatever was found to be settled."""
    rnd = random.Random(seed)
    names: list[str] = []

    def bound() -> str:
        return rnd.choice([*names, "n", "n - 1", "2", f"{rnd.choice(names)} + 1"] if names else ["n", "n - 1", "2"])

    def place() -> str:
        parts = [*names, "0", "1", "n - 1"]
        return rnd.choice([rnd.choice(parts), f"{rnd.choice(parts)} - 1", f"{rnd.choice(parts)} + 1", f"2 * {rnd.choice(parts)}"])

    def at() -> str:
        return f"({place()}) % n" if rnd.random() < 0.1 else f"min(max({place()}, 0), n - 1)" if rnd.random() < 0.4 else rnd.choice([*names, "n - 1", "0"])

    def block(depth: int) -> list[str]:
        lines = []
        for _ in range(rnd.randint(1, 2)):
            kind = rnd.random()
            if depth < 3 and kind < 0.5:
                name = "ijk"[depth]
                low, high = (bound() if names and rnd.random() < 0.5 else "0"), bound()
                lines.append(f"for {name} in range({low}, {high}):" if rnd.random() < 0.7 else f"for {name} in range({high} - 1, -1, -1):")
                names.append(name)
                lines += ["    " + line for line in block(depth + 1)]
                names.pop()
            elif depth < 4 and kind < 0.65 and names:
                lines.append(f"if {rnd.choice(names)} < {bound()}:")
                lines += ["    " + line for line in block(4)]
            elif kind < 0.75:
                lines.append(f"a[{at()}, {at()}:] = a[{at()}, {rnd.choice(['0', '1'])}] * np.cos(a[{at()}, 0])")
            else:
                lines.append(f"a[{at()}, {at()}] = np.sin(a[{at()}, {at()}]) * a[{at()}, {at()}] + 0.5")
        return lines

    body = "\n".join("    " + line for line in ["a = a0.copy()", "n = a.shape[0]", *block(0), *block(0), "return a"])
    argument = np.random.default_rng(seed).random((4, 4)) + 0.5
    check_derivatives(traced(f"def f(a0):\n{body}\n", argument), [argument], order=1, seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_infeasible_systems_have_no_solution(seed: int) -> None:
    rnd = random.Random(seed)
    proved = 0
    for _ in range(60):
        rows = [{s: rnd.randint(-2, 2) for s in "xyz"} | {ONE: rnd.randint(-4, 2)} for _ in range(rnd.randint(2, 7))]
        points = (dict(zip("xyz", p, strict=True)) for p in itertools.product(range(-4, 5), repeat=3))
        solved = any(all(sum(r[s] * p[s] for s in "xyz") + r[ONE] >= 0 for r in rows) for p in points)
        if infeasible(rows):
            proved += 1
            assert not solved
    assert proved
