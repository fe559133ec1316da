"""What a function would cost on another device: a small cost model, calibrated on this machine, and how far off it is.

A call costs an overhead, a time for each element operation, and the copies of its arguments there and of its results back.
Overhead and time are fitted to a reference function at two sizes on the device; bandwidth is that of the reference's copies.
The model knows nothing of caches, vector units or the shape of the program: its error is measured, and shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, Lowered, benchmark, copy_seconds, flatten, jit, watch_values
from wengert.widgets.models import ArrayPlace, Estimate, Movable, PlacementModel

SIZES = (1_000, 200_000)
SECONDS = 0.1
STRUCTURAL = ("const", "dim")


class NotCounted(Exception):
    """The operations of a call could not be counted in time."""


def reference(u: np.ndarray) -> np.ndarray:
    """Ten element operations on each element."""
    v = u * 1.5 + 0.25
    w = v * u - v
    return np.sqrt(w * w + 1.0) / (v * v + 2.0)


@dataclass(frozen=True)
class Calibration:
    """Seconds: of a call that does nothing, of one element operation, of one byte between host and device."""

    overhead: float
    operation: float
    byte: float


class CostModel:
    """Calibrates each device once, when it is first asked about."""

    def __init__(self) -> None:
        self._known: dict[str, Calibration] = {}
        self._reference = jit(reference)

    def calibration(self, device: str) -> Calibration:
        """Raises DeviceError where the device cannot be used."""
        if device not in self._known:
            times, counts, moved, sent = [], [], 0.0, 0
            for size in SIZES:
                u = np.linspace(0.5, 1.5, size)
                row = measured(self._reference, (u,), device)
                counts.append(work(self._reference, (u,))[0])
                times.append(row.median)
                moved, sent = moved + (row.transfer or 0.0), sent + 2 * u.nbytes
            operation = max((times[1] - times[0]) / (counts[1] - counts[0]), 1e-13)
            overhead = max(times[0] - counts[0] * operation, 0.0)
            self._known[device] = Calibration(overhead, operation, moved / sent)
        return self._known[device]

    def predict(self, function: Compiled, arguments: Sequence[Any], device: str) -> Estimate:
        """Raises NotCounted, DeviceError."""
        known = self.calibration(device)
        count, size = work(function, arguments)
        compute, copies = known.overhead + count * known.operation, size * known.byte
        return Estimate("function", function.__name__, device, count, size, compute, copies)


def measured(function: Compiled, arguments: Sequence[Any], device: str) -> Any:
    timings = benchmark(function, *arguments, devices=(device,), seconds=SECONDS)
    if not timings.rows:
        raise NotCounted("; ".join(f"{d}: {reason}" for d, reason in timings.unavailable))
    return timings.rows[0]


def work(function: Compiled, arguments: Sequence[Any]) -> tuple[int, int]:
    """Element operations of one call, counted in a watched run, and bytes of its arguments and results that are arrays."""
    lowered: Lowered = function.lower(*arguments)
    leaves = flatten(function.convert(tuple(arguments)))[0]
    values = watch_values(lowered, [*leaves, *lowered.program.captures])
    if values.ended:
        raise NotCounted(f"the operations of {function.__name__} could not be counted: {values.ended}")
    graph, count, size = lowered.graph, 0, 0
    for node in graph.nodes:
        seen = values.by_node.get(node.id)
        if seen is None:
            continue
        if node.line is None:
            size += int(seen.last.nbytes) if seen.last.ndim else 0
        elif not node.ir.startswith(STRUCTURAL):
            count += seen.runs * int(seen.last.size)
    return max(count, 1), size


class WhatIf:
    """The questions of the placement tab: predict a function or an array on a device, then measure it there.

    functions: (function, arguments of its last call, their names). Arrays among the arguments stand on the host, unless
    `model` knows better.
    """

    def __init__(
        self, model: PlacementModel, functions: Sequence[tuple[Compiled, Sequence[Any], Sequence[str]]], costs: CostModel
    ):
        self.functions = {f.__name__: (f, tuple(arguments)) for f, arguments, _ in functions}
        self.costs = costs
        host = model.host or ""
        arrays = list(model.arrays)
        for _, arguments, names in functions:
            for name, array in zip(names, arguments, strict=False):
                if isinstance(array, np.ndarray) and all(a.name != name for a in arrays):
                    arrays.append(ArrayPlace(name, array.nbytes, array.shape, str(array.dtype), host))
        self.model = replace(
            model,
            arrays=tuple(arrays),
            movable=tuple(Movable(name, host) for name in self.functions),
            targets=tuple(d.id for d in model.devices if d.available),
        )

    def answer(self, asked: Mapping[str, Any]) -> PlacementModel:
        """The model with one estimate more, or with a measured time beside the estimate."""
        name, device, measure = asked["name"], asked["device"], asked["what"] == "measure"
        about = self._value if asked["kind"] == "value" else self._function
        kept = {(e.kind, e.name, e.device): e for e in self.model.estimates}
        kept[asked["kind"], name, device] = about(name, device, measure)
        self.model = replace(self.model, estimates=tuple(kept.values()))
        return self.model

    def _function(self, name: str, device: str, measure: bool) -> Estimate:
        function, arguments = self.functions[name]
        estimate = self.costs.predict(function, arguments, device)
        if not measure:
            return estimate
        row = measured(function, arguments, device)
        return replace(estimate, measured=row.median + (row.transfer or 0.0))

    def _value(self, name: str, device: str, measure: bool) -> Estimate:
        array = next(a for a in self.model.arrays if a.name == name)
        moved = 0 if array.device == device else array.bytes
        seconds = sum(self.costs.calibration(d).byte * moved for d in {array.device, device} - {"cpu"})
        took = copy_seconds(moved, array.device, device) if measure else None
        return Estimate("value", name, device, 0, moved, 0.0, seconds, took)
