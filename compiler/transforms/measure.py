"""`benchmark`: steady-state timings of one function on several devices, side by side."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import DeviceError
from wengert.compiler.ir.tree import flatten
from wengert.compiler.runtime.ledger import transfers
from wengert.compiler.runtime.offload import accelerator
from wengert.compiler.runtime.support import support
from wengert.compiler.runtime.threads import default_count
from wengert.compiler.transforms.compiled import Compiled, Jit
from wengert.compiler.transforms.offloaded import Offload, placed

COPIES = 7
"""How often a copy is measured."""


def threads_at_most() -> int:
    """How many threads compiled code works on: WENGERT_NUM_THREADS, else the cores of this process."""
    return default_count()


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within it, compiled code on the CPU works on so many threads."""
    pool = support().pool
    before, pool.count = pool.count, count
    try:
        yield
    finally:
        pool.count = before


@dataclass(frozen=True, slots=True)
class Timing:
    """One function on one device. Times in seconds: median and quartiles of steady-state calls with device-resident
    arguments; `transfer` is what moving the arguments there and the results back costs on top, None on the CPU."""

    device: str
    label: str
    median: float
    q1: float
    q3: float
    calls: int
    transfer: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timings:
    """What `benchmark` returns. `unavailable`: (device, reason) for each that could not be measured.

    `stages`: (name, milliseconds, ops) of compiling the first row's program.
    """

    rows: tuple[Timing, ...]
    unavailable: tuple[tuple[str, str], ...]
    stages: tuple[tuple[str, float, int | None], ...]
    size: int
    machine: str
    date: str
    versions: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        lines = [f"{'device':<10} {'function':<24} {'median':>12}   quartiles (calls)"]
        base = self.rows[0].median if self.rows else 0.0
        for r in self.rows:
            extra = f"  transfers {_human(r.transfer)}" if r.transfer is not None else ""
            ratio = f"  {base / r.median:.3g}x" if r is not self.rows[0] else ""
            lines.append(
                f"{r.device:<10} {r.label:<24} {_human(r.median):>12}   {_human(r.q1)} .. {_human(r.q3)} ({r.calls})"
                f"{extra}{ratio}{'  ' + r.note if r.note else ''}"
            )
        lines += [f"{device:<10} not measured: {reason}" for device, reason in self.unavailable]
        return "\n".join([*lines, f"{self.machine}, {self.date}"])


def _human(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def benchmark(
    f: Callable[..., Any], *args: Any, devices: Sequence[str] = ("cpu", "cuda:0"), seconds: float = 0.5
) -> Timings:
    """Time f on each device, at these arguments.

    f: a Python function or a compiled one; an offloaded one is timed on `devices`, not on its own. Calls are repeated for about
    `seconds` per device (at least 5, at most 10,000) after one that compiles and sends the arguments; what they write are copies.
    Returns Timings: `.rows`, one per device, with `median`, quartiles `q1` and `q3` and `transfer` in seconds; `.unavailable`:
    (device, reason) of those that are missing, which are never replaced. Raises what compiling or calling f raises.
    """
    base = f.__wrapped__ if isinstance(f, Offload) else f
    rows: list[Timing] = []
    missing: list[tuple[str, str]] = []
    stages: tuple[tuple[str, float, int | None], ...] = ()
    for device in devices:
        try:
            one = _on(base, device)
            copies = copies_of(args)
            one(*copies)
            if not stages:
                stages = tuple(one.lower(*args).stages)
            rows.append(_measure(one, copies, device, seconds))
        except DeviceError as error:
            missing.append((device, error.message))
    size = max((int(np.size(leaf)) for leaf in flatten(args)[0]), default=0)
    versions = {name: version(name) for name in ("numpy", "llvmlite")}
    return Timings(tuple(rows), tuple(missing), stages, size, _machine(), date.today().isoformat(), versions)


def _on(f: Callable[..., Any], device: str) -> Compiled:
    if device != "cpu" or placed(f) is not None:
        return Offload(f, device)
    return f if isinstance(f, Compiled) else Jit(f)


def copies_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with every NumPy array copied: what a call writes, it does not write in the caller's."""
    leaves, tree = flatten(args)
    return tree.unflatten([np.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves])


def _measure(f: Compiled, args: tuple[Any, ...], device: str, seconds: float) -> Timing:
    program = f.program(f.signature(f.convert(args)))
    wait = getattr(program.executable, "synchronize", None)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 10_000):
        start = time.perf_counter()
        f(*args)
        if wait is not None:
            wait()
        times.append(time.perf_counter() - start)
    q1, median, q3 = np.quantile(times, [0.25, 0.5, 0.75])
    transfer = _transfer_time(f, args, device) if device != "cpu" else None
    return Timing(device, f.__name__, float(median), float(q1), float(q3), len(times), transfer, getattr(f, "notice", ""))


def _transfer_time(f: Compiled, args: tuple[Any, ...], device: str) -> float:
    """What a first call from host arrays moves, and reading the results back: seconds by the ledger."""
    before = len(transfers())
    for leaf in flatten(f(*copies_of(args)))[0]:
        np.asarray(leaf)
    return sum(t.milliseconds for t in list(transfers())[before:] if t.device == device) / 1e3


def copy_seconds(size: int, source: str, target: str) -> float:
    """Seconds that `size` bytes take from device to device, by way of the host; the median of some copies.

    Raises DeviceError where a device cannot be used, MemoryFault where it has no room for them.
    """
    data, spent = np.ones(size, np.uint8), 0.0
    if size == 0:
        return 0.0
    for device, up in ((source, False), (target, True)):
        if device == "cpu":
            continue
        gpu, residency = accelerator(device)
        memory = residency.allocate(size)
        there = [gpu.upload(data, memory.pointer) for _ in range(COPIES)]
        took = there if up else [gpu.download(memory.pointer, data) for _ in range(COPIES)]
        spent += float(np.median(took)) / 1e3
    return spent


def _machine() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return f"{names[0]} ({len(names)} cores)"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
