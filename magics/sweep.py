"""Timing the functions of a stack over problem sizes, one size at a time, and recorded runs to put beside them."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, batch, benchmark, flatten, on_threads, threads_at_most
from wengert.compiler.diag.errors import WengertError
from wengert.magics.inputs import unwatched
from wengert.magics.roofline import roofline
from wengert.widgets.models import Sweep, TimingModel, TimingRow, Unavailable

FACTORS = (1 / 16, 1 / 4, 1, 4, 16)
SECONDS = 0.15
"""For how long one function is measured at one size."""
LONGEST = 2.0
"""Seconds of one call above which larger sizes are left out."""
ARRAYS = "the arrays' first axis"
THREADS = "threads"
CALLS = "calls in one batch"
BATCHES = (1, 8, 64, 512, 4096)
MOST_STACKED = 256_000_000
"""Bytes of arguments that a batch is measured at."""


class Sweeper:
    """Measures `functions` (of one signature) around `arguments`.

    plain: the Python function under them, which is measured as it is where it takes the same arguments.
    """

    def __init__(
        self, model: TimingModel, functions: Sequence[Compiled], arguments: Sequence[Any], names: Sequence[str],
        plain: Callable[..., Any] | None,
    ):  # fmt: skip
        self.functions, self.arguments, self.names, self.plain = functions, tuple(arguments), tuple(names), plain
        self.slow: set[str] = set()
        self.model = replace(model, sweep=Sweep(self._options()))

    def answer(self, asked: Mapping[str, Any]) -> TimingModel:
        """One size more, a recorded run beside, or the functions under the machine's ceilings."""
        if asked["what"] == "load":
            kept = tuple(row for row in self.model.curves if not row.run)
            self.model = replace(self.model, curves=(*kept, *recorded(asked["text"]).curves))
        elif asked["what"] == "measure":
            with unwatched(self.functions):
                self.measure(asked["vary"], int(asked["point"]))
        elif asked["what"] == "roofline":
            with unwatched(self.functions):
                self.model = replace(self.model, roofline=roofline(self.functions, self.arguments))
        return self.model

    def _options(self) -> tuple[str, ...]:
        whole = [n for n, a in zip(self.names, self.arguments, strict=True) if _is_count(a)]
        arrays = any(isinstance(leaf, np.ndarray) and leaf.ndim for leaf in flatten(self.arguments)[0])
        here = any(_home(f) for f in self.functions)
        threads = [THREADS] if here and threads_at_most() > 1 else []
        calls = [CALLS] if here and any(axis == 0 for axis in self.axes) else []
        return (*([ARRAYS] if arrays else []), *whole, *threads, *calls)

    @property
    def axes(self) -> tuple[int | None, ...]:
        """Which arguments differ from call to call in a batch: floats and arrays of them."""
        kinds = (np.asarray(a).dtype.kind if isinstance(a, (float, np.ndarray)) else "" for a in self.arguments)
        return tuple(0 if kind in ("f", "c") else None for kind in kinds)

    def sizes(self, vary: str) -> tuple[int, ...]:
        """The sizes that are measured, with that of the last call in their middle."""
        if vary == THREADS:
            return tuple(sorted({*(2**k for k in range(10) if 2**k < threads_at_most()), threads_at_most()}))
        if vary == CALLS:
            bytes_of_one = sum(np.asarray(a).nbytes for a, axis in zip(self.arguments, self.axes, strict=True) if axis == 0)
            return tuple(n for n in BATCHES if n == 1 or n * bytes_of_one <= MOST_STACKED)
        if vary == ARRAYS:
            now = max(leaf.shape[0] for leaf in flatten(self.arguments)[0] if isinstance(leaf, np.ndarray) and leaf.ndim)
        else:
            now = int(self.arguments[self.names.index(vary)])
        return tuple(dict.fromkeys(max(1, round(now * f)) for f in FACTORS))

    def at(self, vary: str, size: int) -> tuple[Any, ...]:
        """The arguments at a size: arrays repeat their elements along the first axis, or lose their last ones."""
        if vary == THREADS:
            return self.arguments
        if vary == CALLS:
            pairs = zip(self.arguments, self.axes, strict=True)
            return tuple(a if axis is None else np.stack([np.asarray(a)] * size) for a, axis in pairs)
        if vary != ARRAYS:
            return tuple(size if n == vary else a for n, a in zip(self.names, self.arguments, strict=True))
        leaves, tree = flatten(self.arguments)
        now = max(leaf.shape[0] for leaf in leaves if isinstance(leaf, np.ndarray) and leaf.ndim)

        def scaled(leaf: Any) -> Any:
            if not isinstance(leaf, np.ndarray) or leaf.ndim == 0 or leaf.shape[0] == 0:
                return leaf
            return np.take(leaf, range(max(1, round(leaf.shape[0] * size / now))), axis=0, mode="wrap")

        return tree.unflatten([scaled(leaf) for leaf in leaves])

    def measure(self, vary: str, point: int) -> None:
        sizes = self.sizes(vary)
        sweep = self.model.sweep
        if point == 0 or sweep is None or sweep.chosen != vary:
            self.slow.clear()
            others = tuple(row for row in self.model.curves if row.run)
            sweep = Sweep(self._options(), vary, sizes, of_itself=vary == THREADS)
            self.model = replace(self.model, curves=others)
        size, arguments = sizes[point], self.at(vary, sizes[point])
        rows, failed = [], list(sweep.failed)
        for function in self.functions if vary != CALLS else [f for f in self.functions if _home(f)][-1:]:
            if function.__name__ in self.slow:
                continue
            try:
                found = self._varied(vary, function, arguments, size)
                if found and min(row.median for row in found) > LONGEST:
                    self.slow.add(function.__name__)
                rows += found
            except (WengertError, ArithmeticError, ValueError, IndexError, MemoryError) as error:
                failed.append(f"{function.__name__} at {size:,}: {error}")
        if self.plain is not None and "Python" not in self.slow and vary not in (THREADS, CALLS):
            try:
                rows.insert(0, _plain(self.plain, arguments, size))
            except Exception as error:  # the user's own function may fail in any way at another size
                failed.append(f"{getattr(self.plain, '__name__', 'f')} in Python at {size:,}: {error}")
        self.slow |= {"Python" for row in rows if row.device == "Python" and row.median > LONGEST}
        sweep = replace(sweep, done=point + 1, failed=tuple(failed))
        self.model = replace(self.model, curves=(*self.model.curves, *rows), sweep=sweep)

    def _varied(self, vary: str, function: Compiled, arguments: tuple[Any, ...], size: int) -> list[TimingRow]:
        """The function at one size: its arguments, the threads it runs on, or how many calls are one."""
        if vary not in (THREADS, CALLS):
            return self._timed(function, arguments, size)
        if not _home(function):
            return []
        if vary == THREADS:
            with on_threads(size):
                return self._timed(function, arguments, size)
        made = batch(function, self.axes)
        (one,) = self._timed(function, self.arguments, size)
        (fused,) = self._timed(made, arguments, size)
        each = replace(one, label=f"{function.__name__}, call by call")
        return [replace(each, median=size * one.median, q1=size * one.q1, q3=size * one.q3), fused]

    def _timed(self, function: Compiled, arguments: tuple[Any, ...], size: int) -> list[TimingRow]:
        timings = benchmark(function, *arguments, devices=("cpu",) if _home(function) else ("cuda:0",), seconds=SECONDS)
        if not self.model.machine:
            self.model = replace(self.model, machine=timings.machine, date=timings.date, versions=timings.versions)
        missing = tuple(Unavailable(*pair) for pair in timings.unavailable)
        if missing:
            self.model = replace(self.model, unavailable=missing)
        rows = []
        for r in timings.rows:
            rows.append(TimingRow(r.device, r.label, size, r.median, r.q1, r.q3))
            if r.transfer:
                moved = r.transfer
                rows.append(
                    TimingRow(f"{r.device} with copies", r.label, size, r.median + moved, r.q1 + moved, r.q3 + moved)
                )
        return rows


def _home(function: Compiled) -> bool:
    return getattr(function, "device", "cpu") == "cpu"


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)) and int(value) >= 16


def _plain(function: Callable[..., Any], arguments: tuple[Any, ...], size: int) -> TimingRow:
    """The function as Python runs it, on copies of the arguments."""
    leaves, tree = flatten(arguments)
    copies = tree.unflatten([np.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves])
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while not times or (time.perf_counter() < end and len(times) < 10_000):
        start = time.perf_counter()
        function(*copies)
        times.append(time.perf_counter() - start)
    q1, median, q3 = (float(q) for q in np.quantile(times, [0.25, 0.5, 0.75]))
    return TimingRow("Python", getattr(function, "__name__", "f"), size, median, q1, q3, note=platform.python_version())


def recorded(text: str) -> TimingModel:
    """A recorded run: what the view's own Save wrote, or rows of cases with a median for each device, as the
    records of `benchmarks/results` have them. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
        rows = found["curves"] if "curves" in found else found["rows"]
        run = ", ".join(filter(None, [str(found.get("device") or found.get("machine") or ""), str(found.get("date", ""))]))
        curves = [row for k, entry in enumerate(rows) for row in _recorded_rows(entry, run or "recorded", k)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no recorded run: {type(error).__name__}: {error}") from None
    if not curves:
        raise ValueError("this is no recorded run: there are no medians in it")
    versions = {str(k): str(v) for k, v in dict(found.get("versions", {})).items()}
    return TimingModel(run, machine=run, date=str(found.get("date", "")), versions=versions, curves=tuple(curves))


def _recorded_rows(entry: Mapping[str, Any], run: str, number: int) -> list[TimingRow]:
    if "median" in entry:
        names = ("device", "label", "size", "median", "q1", "q3")
        device, label, size, median, q1, q3 = (entry[n] for n in names)
        return [TimingRow(str(device), str(label), size, float(median), float(q1), float(q3), run=entry.get("run") or run)]
    size = next((int(entry[n]) for n in ("size", "points", "n", "elements") if n in entry), number + 1)
    label = str(entry.get("milestone") or entry.get("case") or entry.get("what") or "")
    timed = {k: v for k, v in entry.items() if isinstance(v, Mapping) and "median" in v}
    rows = []
    for name, v in timed.items():
        q1, median, q3 = (float(v.get(n, v["median"])) for n in ("q1", "median", "q3"))
        rows.append(TimingRow(name, label, size, median, q1, q3, run=run))
    return rows
