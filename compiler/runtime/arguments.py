"""Arguments of an offloaded function: how each kind gets to the device, and how what was written gets back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

import numpy as np

from wengert.compiler.diag.errors import ShapeFault, TypeMismatch, ValueFault
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.ledger import LEDGER, TO_HOST
from wengert.compiler.runtime.placement import ArrayAt
from wengert.compiler.runtime.residency import Residency


class MakesHandles(Protocol):
    def make(self, memory: Memory, size: int, references: int) -> int: ...


@dataclass(frozen=True, slots=True)
class ForeignMemory:
    """Memory of another library's array, which stays alive as long as this."""

    pointer: int
    size: int
    owner: Any


@dataclass(slots=True)
class Bound:
    """The arguments of one call. memory[k], shape[k]: of array argument k. read_only: handles nobody may write."""

    leaves: list[Any]
    memory: dict[int, Memory] = field(default_factory=dict)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    read_only: list[int] = field(default_factory=list)


class Arguments:
    """Binds arguments to the parameters of one function on one device."""

    def __init__(self, function: Function, gpu: Accelerator, residency: Residency):
        self._params, self._gpu, self._residency = function.params, gpu, residency
        self._written = {w for w in function.written if w is not None}

    def bind(self, leaves: Sequence[Any], frame: np.ndarray, places: Sequence[int], handles: MakesHandles) -> Bound:
        """Fill the frame. Raises TypeMismatch, ShapeFault, ValueFault (a written argument that overlaps another)."""
        if len(leaves) != len(self._params):
            raise TypeMismatch(f"{len(leaves)} arguments instead of {len(self._params)}")
        bound = Bound([self._as_array(k, leaf) for k, leaf in enumerate(leaves)])
        if self._written:
            self._check_overlap(bound.leaves)
        for k, (p, leaf, at) in enumerate(zip(self._params, bound.leaves, places, strict=True)):
            if p.type.is_scalar:
                self._scalar(p, leaf, frame[at : at + 2])
                continue
            shape = tuple(int(n) for n in leaf.shape)
            memory = bound.memory[k] = self._on_device(k, leaf)
            size = prod(shape) * p.type.dtype.bits // 8
            # the caller holds a second reference to what may not be written: the host part then copies it first
            mine = k in self._written and not isinstance(memory, ForeignMemory)
            frame[at] = handle = handles.make(memory, size, 1 if mine else 2)
            frame[at + 1 : at + 1 + len(shape)] = shape
            bound.shapes[k] = shape
            if not mine:
                bound.read_only.append(handle)
        return bound

    def _as_array(self, k: int, leaf: Any) -> Any:
        """Scalars as they are; anything else as an array with a shape and a dtype."""
        p = self._params[k]
        if p.type.is_scalar:
            return leaf
        if not isinstance(leaf, (np.ndarray, DeviceArray)):
            leaf = self._foreign(leaf)
        if leaf.dtype != p.type.dtype.numpy or len(leaf.shape) != p.type.rank:
            raise TypeMismatch(f"argument '{p.hint}' is {leaf.dtype} of rank {len(leaf.shape)}, not {p.type}")
        if any(n is not None and n != m for n, m in zip(p.type.shape, leaf.shape, strict=True)):
            raise ShapeFault(f"argument '{p.hint}' has shape {tuple(leaf.shape)}, not {p.type}")
        return leaf

    def _foreign(self, leaf: Any) -> Any:
        """Another library's array: as it is where it lies on this device without gaps, else as a NumPy array."""
        interface = getattr(leaf, "__cuda_array_interface__", None)
        if interface is None or self._gpu.kind != "cuda":
            return leaf.get() if hasattr(leaf, "get") and interface is not None else np.asarray(leaf)
        import cupy  # it is installed: the device is an NVIDIA GPU

        with self._gpu.current():
            array = cupy.asarray(leaf)
        if f"cuda:{array.device.id}" != self._gpu.id:
            return cupy.asnumpy(array)
        return array

    def _scalar(self, p: Value, leaf: Any, words: np.ndarray) -> None:
        dtype = p.type.dtype.numpy
        words.view(np.uint8)[: dtype.itemsize].view(dtype)[0] = np.asarray(leaf).astype(dtype)

    def _on_device(self, k: int, leaf: Any) -> Memory:
        name, written = self._params[k].hint or f"argument {k}", k in self._written
        if isinstance(leaf, np.ndarray):
            return self._residency.take(leaf, name) if written else self._residency.on_device(leaf, name)
        if isinstance(leaf, DeviceArray):
            if leaf.device == self._gpu.id:
                return leaf._memory
            home = leaf.home(f"used on {self._gpu.id}")
            return self._residency.take(home, name) if written else self._residency.on_device(home, name)
        packed = leaf if leaf.flags.c_contiguous else leaf.copy(order="C")
        return ForeignMemory(int(packed.data.ptr), packed.nbytes, packed)

    def _check_overlap(self, leaves: Sequence[Any]) -> None:
        """A written array must not share memory with another argument: the function would see its own writes or not."""
        arrays = [(k, leaf) for k, leaf in enumerate(leaves) if self._params[k].type.is_array]
        for k, a in arrays:
            for j, b in arrays:
                if k in self._written and j != k and _overlap(a, b):
                    names = self._params[k].hint, self._params[j].hint
                    raise ValueFault(
                        f"argument '{names[0]}' is written and shares memory with argument '{names[1]}'",
                        help=f"pass a copy: {names[1]}.copy()",
                    )

    # -- after the call

    def write_back(self, bound: Bound, k: int, result: DeviceArray) -> None:
        """Let argument k have the elements of `result`."""
        leaf, name = bound.leaves[k], self._params[k].hint or f"argument {k}"
        if tuple(leaf.shape) != result.shape:
            raise ShapeFault(f"argument '{name}' of shape {tuple(leaf.shape)} cannot be given shape {result.shape}")
        if isinstance(leaf, np.ndarray):
            home = leaf if leaf.flags.c_contiguous else np.empty(leaf.shape, leaf.dtype)
            milliseconds = self._gpu.download(result.pointer, home) if home.nbytes else 0.0
            if home is not leaf:
                leaf[...] = home
            LEDGER.record(name, home.nbytes, TO_HOST, milliseconds, "written by the function", self._gpu.id)
            self._residency.keep(leaf, result._memory)
        elif isinstance(leaf, DeviceArray) and leaf.device == self._gpu.id:
            leaf.replaced(result._memory)
        elif isinstance(leaf, DeviceArray):
            raise ValueFault(f"argument '{name}' is written, and lies on {leaf.device} instead of {self._gpu.id}")
        else:
            self._write_back_foreign(bound, k, result)

    def _write_back_foreign(self, bound: Bound, k: int, result: DeviceArray) -> None:
        leaf, memory = bound.leaves[k], bound.memory[k]
        if result.pointer != memory.pointer:
            self._gpu.copy(result.pointer, memory.pointer, result.nbytes)
        assert isinstance(memory, ForeignMemory)
        if memory.owner is not leaf:
            leaf[...] = memory.owner

    def places(self, shapes: dict[int, tuple[int, ...]], results: Sequence[ArrayAt]) -> list[ArrayAt]:
        """Where the arguments of these shapes, and results, are now."""
        found = []
        for k, shape in shapes.items():
            p = self._params[k]
            size = prod(shape) * p.type.dtype.bits // 8
            found.append(ArrayAt(p.hint or f"argument {k}", size, shape, p.type.dtype.numpy, self._gpu.id))
        return [*found, *results]


def _overlap(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.may_share_memory(a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return False
    (p, n), (q, m) = _extent(a), _extent(b)
    return p < q + m and q < p + n


def _extent(array: Any) -> tuple[int, int]:
    """(address, bytes) of a device array."""
    if isinstance(array, DeviceArray):
        return array.pointer, array.nbytes
    low, high = _bounds(array)
    return low, high - low


def _bounds(array: Any) -> tuple[int, int]:
    first = last = int(array.data.ptr)
    for n, stride in zip(array.shape, array.strides, strict=True):
        if n == 0:
            return first, first
        first, last = (first + (n - 1) * stride, last) if stride < 0 else (first, last + (n - 1) * stride)
    return first, last + array.itemsize
