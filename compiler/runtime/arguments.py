"""Arguments of an offloaded function: how each kind gets to the device, and how what was written gets back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from struct import Struct, error
from typing import Any, Protocol

import numpy as np

from wengert.compiler.diag.errors import ShapeFault, TypeMismatch, ValueFault
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.cpu import elements_apart
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.ledger import LEDGER, TO_HOST
from wengert.compiler.runtime.placement import ArrayAt
from wengert.compiler.runtime.residency import Residency


class Frame:
    """Words shared with compiled code. array: as NumPy's, words and bytes: as memory views, which are faster item by item."""

    __slots__ = ("address", "array", "bytes", "words")

    def __init__(self, words: int):
        self.array = np.zeros(words, np.int64)
        self.words: memoryview = memoryview(self.array)  # type: ignore[arg-type]
        self.bytes = self.words.cast("B")
        self.address = int(self.array.ctypes.data)


class MakesHandles(Protocol):
    def make(self, memory: Memory, size: int, references: int) -> int: ...


@dataclass(frozen=True, slots=True)
class ForeignMemory:
    """Memory of another library's array, which stays alive as long as this."""

    pointer: int
    size: int
    owner: Any


class Bound:
    """Arguments as one call has them. foreign: memory of other libraries, by the number of the parameter.

    read_only: handles of memory that results must not share.
    """

    __slots__ = ("foreign", "leaves", "read_only")

    def __init__(self, leaves: Sequence[Any]):
        self.leaves = leaves
        self.read_only: set[int] = set()  # `set[int]()` takes a microsecond
        self.foreign: dict[int, ForeignMemory] = {}


class _Parameter:
    """What is known of a parameter beforehand. at: its first word in the frame. shape, size: those of the last call's array,
    whose extents are in the frame."""

    __slots__ = (
        "at", "dtype", "extents", "itemsize", "last", "name", "number", "pack", "rank", "scalar", "shape", "size", "written"
    )  # fmt: skip

    def __init__(self, k: int, value: Value, at: int, written: bool):
        self.name, self.number, self.at, self.written = value.hint or f"argument {k}", k, at, written
        self.scalar, self.dtype, self.rank = value.type.is_scalar, value.type.dtype.numpy, value.type.rank
        self.itemsize, self.extents = self.dtype.itemsize, value.type.shape
        self.pack = Struct(_FORMATS[self.dtype.char]) if self.dtype.char in _FORMATS else None
        self.last: tuple[int, ...] | None = None  # a shape that fitted
        self.shape: tuple[int, ...] | None = None
        self.size = 0

    def fits(self, shape: tuple[int, ...]) -> bool:
        if shape == self.last:
            return True
        if len(shape) != self.rank or any(n == 1 if e is None else n != e for n, e in zip(shape, self.extents, strict=True)):
            return False
        self.last = shape
        return True


_FORMATS = {"d": "d", "f": "f", "q": "q", "l": "q", "i": "i", "?": "?", "h": "h", "b": "b", "B": "B", "H": "H", "I": "I",
            "L": "Q", "Q": "Q"}  # fmt: skip
_PYTHON: dict[str, type] = {"d": float, "l": int, "q": int, "?": bool, "D": complex}


class Arguments:
    """Brings the arguments of one function to one device."""

    def __init__(self, function: Function, places: Sequence[int], gpu: Accelerator, residency: Residency):
        self._params, self._gpu, self._residency = function.params, gpu, residency
        self._ordinal = int(gpu.id.partition(":")[2] or 0)
        self._written = {w for w in function.written if w is not None}
        self._known = [
            _Parameter(k, p, at, k in self._written) for k, (p, at) in enumerate(zip(self._params, places, strict=True))
        ]

    def scalar_types(self, weak: Sequence[bool] | None) -> list[tuple[type, ...]]:
        """For each scalar parameter the types that are exactly its own; () for arrays. weak: see calls.make_native."""
        found: list[tuple[type, ...]] = []
        for k, p in enumerate(self._known):
            python = (_PYTHON[p.dtype.char],) if p.dtype.char in _PYTHON else ()
            exact = (p.dtype.type,)
            found.append(() if not p.scalar else exact + python if weak is None else python if weak[k] else exact)
        return found

    def exact(self, leaves: Sequence[Any], types: Sequence[tuple[type, ...]]) -> bool:
        """Whether the leaves can be bound as they are: scalars of these types, arrays of this device or NumPy's."""
        if len(leaves) != len(self._known):
            return False
        for p, leaf, allowed in zip(self._known, leaves, types):  # noqa: B905 (`strict` takes as long as the rest)
            kind = type(leaf)
            if p.scalar:
                if kind not in allowed:
                    return False
            elif kind is DeviceArray:
                if leaf._accelerator is not self._gpu or (leaf.dtype is not p.dtype and leaf.dtype != p.dtype):
                    return False
                if leaf.shape != p.last and not p.fits(leaf.shape):
                    return False
            elif leaf.dtype != p.dtype or not p.fits(leaf.shape) or p.written if kind is np.ndarray else not self._lies(p, leaf):
                return False
        return True

    def _lies(self, p: _Parameter, leaf: Any) -> bool:
        """Whether an array of the device's own library can be bound as it is."""
        return (
            type(leaf) in self._gpu.foreign and leaf.dtype == p.dtype and p.fits(leaf.shape) and leaf.flags.c_contiguous
            and leaf.data.device_id == self._ordinal and not p.written
        )  # fmt: skip

    def checked(self, leaves: Sequence[Any]) -> list[Any]:
        """The leaves, arrays of other kinds converted. Raises TypeMismatch, ShapeFault, ValueFault."""
        if len(leaves) != len(self._params):
            raise TypeMismatch(f"{len(leaves)} arguments instead of {len(self._params)}")
        return [self._as_array(k, leaf) for k, leaf in enumerate(leaves)]

    def bind(self, leaves: Sequence[Any], frame: Frame, handles: MakesHandles) -> Bound:
        """Fill the frame, always the same one, with leaves that are `exact` or `checked`. Raises ValueFault (a written
        argument that overlaps another, or is read-only)."""
        bound, words = Bound(leaves), frame.words
        if self._written:
            self._check_written(leaves)
        for p, leaf in zip(self._known, leaves):  # noqa: B905
            if p.scalar:
                self._scalar(p, leaf, frame)
                continue
            if leaf.shape != p.shape:
                self._extents(p, leaf.shape, words)
            mine = p.written
            if type(leaf) is DeviceArray:
                memory: Memory = leaf._memory
            else:
                memory = self._on_device(p, leaf)
                if isinstance(memory, ForeignMemory):
                    bound.foreign[p.number], mine = memory, False
            # the caller holds a second reference to what may not be written: the host part then copies it first
            words[p.at] = handle = handles.make(memory, p.size, 1 if mine else 2)
            if not mine:
                bound.read_only.add(handle)
        return bound

    def _extents(self, p: _Parameter, shape: tuple[int, ...], words: memoryview) -> None:
        p.shape, p.size = tuple(shape), p.itemsize * prod(shape)
        for k, n in enumerate(shape):
            words[p.at + 1 + k] = n

    def _as_array(self, k: int, leaf: Any) -> Any:
        """Scalars as they are; anything else as an array with a shape and a dtype."""
        p = self._params[k]
        if p.type.is_scalar:
            return leaf
        if isinstance(leaf, DeviceArray) and leaf.device != self._gpu.id and k in self._written:
            raise ValueFault(f"argument '{p.hint}' is written, and lies on {leaf.device} instead of {self._gpu.id}")
        if isinstance(leaf, DeviceArray) and leaf.device != self._gpu.id:
            leaf = leaf.home(f"used on {self._gpu.id}")
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

    def _scalar(self, p: _Parameter, leaf: Any, frame: Frame) -> None:
        if p.pack is not None and type(leaf) in (float, int, bool, p.dtype.type):
            try:
                p.pack.pack_into(frame.bytes, 8 * p.at, leaf)
                return
            except error:  # an integer that the type cannot hold: as NumPy has it
                pass
        frame.array[p.at : p.at + 2].view(np.uint8)[: p.itemsize].view(p.dtype)[0] = np.asarray(leaf).astype(p.dtype)

    def _on_device(self, p: _Parameter, leaf: Any) -> Memory:
        if isinstance(leaf, np.ndarray):
            return self._residency.take(leaf, p.name) if p.written else self._residency.on_device(leaf, p.name)
        packed = leaf if leaf.flags.c_contiguous else leaf.copy(order="C")
        return ForeignMemory(int(packed.data.ptr), packed.nbytes, packed)

    def _check_written(self, leaves: Sequence[Any]) -> None:
        for k in self._written:
            leaf, name = leaves[k], self._known[k].name
            if isinstance(leaf, np.ndarray):
                if not leaf.flags.writeable:
                    raise ValueFault(f"{name} is written but read-only", help=f"pass a copy: {name}.copy()")
                if not elements_apart(leaf):
                    raise ValueFault(f"{name} is written and its elements overlap each other", help=f"pass a copy: {name}.copy()")
        self._check_overlap(leaves)

    def _check_overlap(self, leaves: Sequence[Any]) -> None:
        """A written array must not share memory with another argument: the function would see its own writes or not."""
        arrays = [(k, leaf) for k, leaf in enumerate(leaves) if self._params[k].type.is_array]
        for k, a in arrays:
            for j, b in arrays:
                if k in self._written and j != k and overlap(a, b):
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
        elif isinstance(leaf, DeviceArray):
            leaf.replaced(result._memory, result._call)
        else:
            self._write_back_foreign(bound, k, result)

    def _write_back_foreign(self, bound: Bound, k: int, result: DeviceArray) -> None:
        leaf, memory = bound.leaves[k], bound.foreign[k]
        if result.pointer != memory.pointer:
            self._gpu.copy(result.pointer, memory.pointer, result.nbytes)
        if memory.owner is not leaf:
            leaf[...] = memory.owner

    def places(self, results: Sequence[ArrayAt]) -> list[ArrayAt]:
        """Where the arguments of the last call, and results, are now."""
        bound = [(p, p.shape) for p in self._known if p.shape is not None]
        return [*(ArrayAt(p.name, p.size, shape, p.dtype, self._gpu.id) for p, shape in bound), *results]


def overlap(a: Any, b: Any) -> bool:
    """Whether two arrays, of NumPy or on devices, share memory."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(np.shares_memory(a, b))
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
