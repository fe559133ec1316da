"""The values that the nodes of a derivative graph take at given arguments: one run of the IR that is watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import RuntimeFault
from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.transforms.lowered import Lowered


@dataclass(slots=True)
class Watched:
    """One value over a run. runs: how often it was made; last: what it was in the end (of an array: a copy);
    least, most: over all elements of all runs, without NaN; largest: the largest magnitude; bad: how many were not finite."""

    runs: int = 0
    last: Any = None
    least: float = np.inf
    most: float = -np.inf
    largest: float = 0.0
    bad: int = 0

    def see(self, value: Any) -> None:
        self.runs += 1
        self.last = value
        if value.dtype.kind not in "fciub" or value.size == 0:
            return
        size = np.abs(value) if value.dtype.kind in "fc" else value
        fine = np.isfinite(size)
        self.bad += int(value.size - np.count_nonzero(fine))
        sizes = size[fine] if value.ndim else size.reshape(1)[fine.reshape(1)]
        if sizes.size:
            plain = value[fine] if value.ndim else value.reshape(1)[fine.reshape(1)]
            real = plain.real if value.dtype.kind == "c" else plain
            self.least, self.most = min(self.least, float(real.min())), max(self.most, float(real.max()))
            self.largest = max(self.largest, float(np.max(np.abs(sizes))))


@dataclass(frozen=True, slots=True)
class Values:
    """What a run showed. by_node: of each node of the graph that was reached. ended: "" where the run came to its end,
    else why it did not; what was seen until then stands."""

    by_node: Mapping[str, Watched]
    ended: str = ""


class _TimeIsUp(Exception):
    pass


def watch_values(lowered: Lowered, arguments: Sequence[Any], seconds: float = 2.0) -> Values:
    """Run the program that `lowered.graph` shows at `arguments` (the leaves of a call, captured values after them).

    The run is NumPy's, op by op, and ends after `seconds`.
    """
    seen: dict[Value, Watched] = {}

    def observe(op: Op, results: Sequence[Any]) -> None:
        for value, result in zip(op.results, results, strict=True):
            seen.setdefault(value, Watched()).see(result)

    function = lowered.function()
    for p, a in zip(function.params, arguments, strict=True):
        seen.setdefault(p, Watched()).see(np.asarray(a, dtype=p.type.dtype.numpy))
    _, ended = _observed(function, arguments, observe, seconds, f"stopped after {seconds:g} s: values so far")
    return Values({n: seen[v] for n, v in lowered.graph.values.items() if v in seen}, ended)


def _observed(
    function: Function, arguments: Sequence[Any], observe: Callable[[Op, Sequence[Any]], None], seconds: float, late: str
) -> tuple[Sequence[Any], str]:
    """The results of a run that is watched for at most `seconds`, and ""; or none, and why it ended (`late`: its time was up)."""
    end = perf_counter() + seconds

    def bounded(op: Op, results: Sequence[Any]) -> None:
        if perf_counter() > end:
            raise _TimeIsUp
        observe(op, results)

    try:
        return interpret(function, arguments, bounded), ""
    except _TimeIsUp:
        return (), late
    except RuntimeFault as fault:
        return (), f"{type(fault).__name__}: {fault}"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What one call computes. operations: on floating-point numbers, each add, product, root or sine of an element as
    one, a complex one as two; library loops (sorts, transforms, factorisations) are not counted. bytes: of its arguments
    and results that are arrays: what has to be read and written at least. ended: "" where the run came to its end."""

    operations: int
    bytes: int
    ended: str = ""


UNCOUNTED = {"cast", "where", "copysign", "real", "imag", "conjugate"}
"""Elementwise rows that choose or move rather than compute."""


def count_arithmetic(lowered: Lowered, arguments: Sequence[Any], seconds: float = 2.0) -> Arithmetic:
    """Count the arithmetic of a call at `arguments` (as `watch_values` takes them) in an interpreted run."""
    sizes: dict[Value, tuple[int, ...]] = {}
    counted = 0

    def observe(op: Op, results: Sequence[Any]) -> None:
        nonlocal counted
        for value, result in zip(op.results, results, strict=True):
            sizes[value] = np.shape(result)
        counted += _operations(op, sizes)

    function = lowered.function()
    leaves = [np.asarray(a, dtype=p.type.dtype.numpy) for p, a in zip(function.params, arguments, strict=True)]
    sizes.update((p, a.shape) for p, a in zip(function.params, leaves, strict=True))
    late = f"the call is too long to be counted: more than {seconds:g} s in the interpreter"
    results, ended = _observed(function, arguments, observe, seconds, late)
    moved = sum(np.asarray(x).nbytes for x in (*leaves, *results) if np.ndim(x))
    return Arithmetic(counted, moved, ended)


def _operations(op: Op, sizes: Mapping[Value, tuple[int, ...]]) -> int:
    """How many operations on floating-point numbers one run of an op is."""
    kind = REGISTRY[op.name].kind if op.name in REGISTRY else ""
    if kind not in ("elementwise", "reduce", "contract") or op.name in UNCOUNTED:
        return 0
    dtype = op.results[0].type.dtype
    if dtype.kind not in "fc":
        return 0
    whole = op.operands[0] if kind == "reduce" else op.results[0]
    count = math.prod(sizes.get(whole, ()))
    if kind == "contract":
        first = sizes.get(op.operands[0], ())
        count *= 2 * math.prod(first[k] for k in op.attrs["contract"][0])
    return count * (2 if dtype.kind == "c" else 1)
