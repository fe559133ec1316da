"""`compare`: the same call on the CPU and on a device, and the largest difference of every output in ULPs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import OptionError
from wengert.compiler.ir.tree import Tree, flatten
from wengert.compiler.transforms.compiled import Compiled, Jit
from wengert.compiler.transforms.offloaded import Offload, placed
from wengert.compiler.transforms.structure import parameter_names


@dataclass(frozen=True, slots=True)
class Difference:
    """One output on both devices, where they differ most.

    `ulps` counts the representable numbers between the two values in the output's own dtype (for a complex output the
    larger of its parts, for integers and truth values the difference itself); None where one of them is NaN and the
    other is not, or the shapes differ. `index` is the place, `cpu` and `device` are the values there.
    """

    output: str
    dtype: str
    ulps: int | None
    index: tuple[int, ...]
    cpu: Any
    device: Any


@dataclass(frozen=True, slots=True)
class Agreement:
    """What `compare` returns: one `Difference` for each output, results first, then arrays that were written."""

    name: str
    device: str
    outputs: tuple[Difference, ...]
    notice: str = ""

    @property
    def ulps(self) -> int | None:
        """The largest difference of all outputs; None where one of them cannot be compared."""
        found = [d.ulps for d in self.outputs]
        return None if None in found else max((u for u in found if u is not None), default=0)

    def __repr__(self) -> str:
        lines = [f"{self.name} on cpu and {self.device}: largest difference of each output"]
        for d in self.outputs:
            where = f" at {list(d.index)}: {d.cpu!r} and {d.device!r}" if d.ulps != 0 else ""
            amount = "not comparable" if d.ulps is None else f"{d.ulps} ULP" if d.ulps == 1 else f"{d.ulps} ULPs"
            lines.append(f"  {d.output:<14}{d.dtype:<12}{amount}{where}")
        return "\n".join([*lines, *([self.notice] if self.notice else [])])


def compare(f: Callable[..., Any], *args: Any, device: str = "cuda:0", fallback: str | None = None) -> Agreement:
    """Run f on the CPU and on a device at these arguments, and report the largest difference of every output in ULPs.

    f: a Python function or a compiled one; an offloaded function is run on its own device, and `device` is then not
    looked at. Both runs get copies of the arguments, and what they write there is compared, too. Raises DeviceError where the
    device is missing, unless fallback="cpu", which compares the CPU with itself and says so in `notice`.
    """
    own = placed(f)
    there: Compiled = f if own is not None and isinstance(f, Compiled) else Offload(f, device, fallback)
    offload = own or placed(there)
    base = offload.__wrapped__ if offload is there else f
    here = base if isinstance(base, Compiled) and placed(base) is None else Jit(_on_cpu(base))
    mine, theirs = _run(here, args), _run(there, args)
    rows = tuple(
        _difference(name, np.asarray(a), np.asarray(b)) for (name, a), (_, b) in zip(mine, theirs, strict=True)
    )
    name = getattr(f, "__name__", "f")
    device, notice = (offload.device, offload.notice) if offload else ("cpu", "")
    if device == "cpu" and not notice:
        notice = "the device is the CPU, which was compared with itself"
    return Agreement(name, device, rows, notice)


def _on_cpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """A transform of an offloaded function cannot be taken back to the CPU: say what to compare instead."""
    if placed(function) is not None:
        raise OptionError("compare takes an offloaded function, not a transform of one: offload the transform instead")
    return function


def _run(f: Compiled, args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    leaves, tree = flatten(args)
    copies = [np.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
    results, _ = flatten(f(*tree.unflatten(copies)))
    named = [("result" if len(results) == 1 else f"result {k}", np.asarray(r)) for k, r in enumerate(results)]
    return named + [
        (f"{path} afterwards", copy)
        for path, leaf, copy in zip(_names(f, tree), leaves, copies, strict=False)
        if isinstance(leaf, np.ndarray)
    ]


def _names(f: Compiled, tree: Tree) -> list[str]:
    """What each leaf of the arguments is called."""
    known = [] if f.argument_tuples else parameter_names(f)
    roots = [*known, *(f"argument {k}" for k in range(len(known), len(tree.children)))]
    return [
        path
        for root, child in zip(roots, tree.children, strict=False)
        for path in ([root] * child.count if child.kind == "numbers" else child.paths(root))
    ]


def _difference(name: str, cpu: np.ndarray, device: np.ndarray) -> Difference:
    if cpu.shape != device.shape or cpu.dtype != device.dtype:
        return Difference(name, str(cpu.dtype), None, (), cpu.shape, device.shape)
    if cpu.size == 0:
        return Difference(name, str(cpu.dtype), 0, (), None, None)
    distance = ulps(cpu, device)
    worst = np.unravel_index(np.argmax(distance), cpu.shape)
    index = tuple(int(i) for i in worst)
    amount = int(distance[worst])
    return Difference(name, str(cpu.dtype), None if amount == INCOMPARABLE else amount, index, cpu[worst], device[worst])


INCOMPARABLE = np.iinfo(np.uint64).max
_ORDERED = {np.dtype(np.float64): (np.uint64, 63), np.dtype(np.float32): (np.uint32, 31)}


def ulps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The representable numbers between a and b, element by element, as uint64; `INCOMPARABLE` where one is NaN.

    a, b: arrays of one shape and dtype. Floats are mapped to integers of the same order (Dawson, *Comparing floating
    point numbers*, 2012), with -0.0 and 0.0 at one place.
    """
    if a.dtype.kind == "c":
        return np.maximum(ulps(a.real.copy(), b.real.copy()), ulps(a.imag.copy(), b.imag.copy()))
    if a.dtype.kind != "f":
        low, high = np.minimum(a, b), np.maximum(a, b)
        return high.astype(np.uint64) - low.astype(np.uint64)  # wraps to the right distance for negative numbers
    bits, top = _ORDERED[a.dtype]

    def place(x: np.ndarray) -> np.ndarray:
        raw = np.ascontiguousarray(x).view(bits).astype(np.uint64).reshape(x.shape)
        sign = half = np.uint64(1 << top)
        size = raw & ~sign
        return np.where(raw & sign, half - size, half + size)

    p, q = place(a), place(b)
    distance = np.maximum(p, q) - np.minimum(p, q)
    lone = np.isnan(a) != np.isnan(b)
    both = np.isnan(a) & np.isnan(b)
    return np.where(lone, np.uint64(INCOMPARABLE), np.where(both, np.uint64(0), distance))
