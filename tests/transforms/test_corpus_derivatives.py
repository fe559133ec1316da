"""The corpus through the public API, compiled: forward mode against extrapolated differences of plain Python to 1e-8
relative, and reverse mode against forward mode by inner products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.corpus.programs import PROGRAMS, Program
from wengert.compiler.ir.tree import Tree, flatten

DOUBLE = [p for p in PROGRAMS if not p.kinks and p.name != "single_precision"]


def is_float(leaf: Any) -> bool:
    return np.asarray(leaf).dtype.kind == "f"


def outputs(program: Program, leaves: list[Any], tree: Tree) -> np.ndarray:
    """Every floating-point number that plain Python returns or writes, in one vector."""
    args = tree.unflatten([np.array(x) if isinstance(x, np.ndarray) else x for x in leaves])
    returned = program.function(*args)
    written = [np.asarray(args[k]).ravel() for k in program.writes]
    parts = [np.ravel(x) for x in flatten(returned)[0] if is_float(x)]
    return np.concatenate([*parts, *written]) if parts or written else np.zeros(0)


def along(leaves: list[Any], directions: list[Any], h: float) -> list[Any]:
    return [x if d is None else x + h * d for x, d in zip(leaves, directions, strict=True)]


def extrapolated(program: Program, leaves: list[Any], directions: list[Any], tree: Tree) -> np.ndarray:
    """Central differences for steps h, h/2, h/4, ... extrapolated to 0 (Ridders 1982); the best of the table per element."""
    rows: list[list[np.ndarray]] = []
    best, error = None, None
    for k in range(9):
        h = 2e-2 / 2**k
        ahead, back = (outputs(program, along(leaves, directions, s * h), tree) for s in (1, -1))
        row = [(ahead - back) / (2 * h)]
        for m in range(k):
            row.append(row[m] + (row[m] - rows[-1][m]) / (4.0 ** (m + 1) - 1))
            new = np.maximum(abs(row[-1] - row[-2]), abs(row[-1] - rows[-1][m]))
            if best is None:
                best, error = row[-1], new
            else:
                best, error = np.where(new < error, row[-1], best), np.minimum(new, error)
        rows.append(row)
    assert best is not None
    return best


@pytest.mark.parametrize("program", DOUBLE, ids=lambda program: program.name)
def test_forward_against_differences_and_reverse_against_forward(program: Program) -> None:
    rng = np.random.default_rng(7)
    args = program.arguments()
    leaves, tree = flatten(args)
    active = [k in program.wrt for k, child in enumerate(tree.children) for _ in range(child.count)]
    directions = [
        rng.standard_normal(np.shape(x)) if on and is_float(x) else None for x, on in zip(leaves, active, strict=True)
    ]
    directions = [float(d) if d is not None and np.ndim(d) == 0 else d for d in directions]

    out, tangent = wg.jvp(program.function)(args, tree.unflatten(directions))
    parts = [np.ravel(t) for t, o in zip(*matched(tangent, out), strict=True) if is_float(o)]
    forward = np.concatenate(parts) if parts else np.zeros(0)
    wanted = extrapolated(program, leaves, directions, tree)
    np.testing.assert_allclose(forward, wanted, rtol=0, atol=1e-8 * max(1.0, float(np.max(abs(wanted), initial=0.0))))

    flat, out_tree = flatten(out)
    seeds = [rng.standard_normal(np.shape(o)) if is_float(o) else None for o in flat]
    seeds = [float(s) if s is not None and np.ndim(s) == 0 else s for s in seeds]
    _, cotangents = wg.vjp(program.function)(args, out_tree.unflatten(seeds))
    by_reverse = sum(
        float(np.sum(np.asarray(c) * d)) for c, d in zip(gradients(cotangents, args), directions, strict=True) if d is not None
    )
    by_forward = float(np.sum(forward * np.concatenate([np.ravel(s) for s in seeds if s is not None])))
    assert by_reverse == pytest.approx(by_forward, rel=1e-8, abs=1e-10)


def matched(tangent: Any, out: Any) -> tuple[list[Any], list[Any]]:
    """The tangent of each leaf of `out`; None for those that have none."""
    flat, tree = flatten(out)
    given = iter(flatten(tangent)[0])
    return [next(given) if is_float(o) else None for o in flat], flat


def gradients(cotangents: Any, args: tuple[Any, ...]) -> list[Any]:
    """The cotangent of each leaf of the arguments, None for those that are no floats."""
    given = iter(flatten(cotangents)[0])
    return [next(given) if is_float(leaf) else None for leaf in flatten(args)[0]]
