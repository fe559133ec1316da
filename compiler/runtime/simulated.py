"""A GPU played by the CPU: the same host code and kernels as for a real one, compiled for this processor.

What a real GPU would not forgive is not forgiven here either: device addresses carry a bit that only kernels and copies
take away, so host code that reads device memory crashes, and fresh memory is filled with NaNs.
A launch runs the threads one after the other; that is a legal order, as no kernel here waits for another thread.
"""

from __future__ import annotations

import _thread
import ctypes
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from llvmlite import binding as llvm

from wengert.compiler.backend.simulator import DEVICE_BIT, ENTRY_WORDS, LAUNCHER
from wengert.compiler.diag.errors import MemoryFault
from wengert.compiler.runtime.accelerator import DriverCalls, Gemm, GraphCalls
from wengert.compiler.runtime.checksum import CHUNK, digest_chunk

_POISON = 0xFF  # NaN in every floating-point type, -1 in every integer


class SimulatedMemory:
    """A stretch of host memory under a device address."""

    def __init__(self, size: int):
        try:
            self._buffer = np.full(size + 64, _POISON, np.uint8)
        except MemoryError:
            raise MemoryFault(f"the simulated device has no {size} bytes left") from None
        self.size = size
        address = self._buffer.ctypes.data
        self.pointer = (address + -address % 64) | DEVICE_BIT


@dataclass(frozen=True, slots=True)
class SimulatedKernels:
    handles: Mapping[str, int]
    library: object  # the code lives as long as this
    times: Mapping[str, float]


class SimulatedAccelerator:
    kind = "simulated"
    sm = 90
    stream = stream_here = 0

    def __init__(self, id: str):
        self.id = id

    def allocate(self, size: int) -> SimulatedMemory:
        return SimulatedMemory(size)

    def memory(self) -> tuple[int, int, int] | None:
        return None

    def allocate_here(self, size: int) -> SimulatedMemory | None:
        try:
            return self.allocate(size)
        except MemoryError:
            return None

    def pinned(self, size: int) -> tuple[int, object]:
        memory = np.zeros(size, np.uint8)
        return int(memory.ctypes.data), memory

    def events(self) -> tuple[tuple[int, int], object]:
        return (0, 0), None

    foreign: tuple[type, ...] = ()

    def upload(self, source: np.ndarray, target: int, digests: np.ndarray | None = None) -> float:
        if digests is not None:
            for at in range(0, source.nbytes, CHUNK):
                digest_chunk(digests, at, source.ctypes.data + at, min(CHUNK, source.nbytes - at))
        return _move(target & ~DEVICE_BIT, source.ctypes.data, source.nbytes)

    def download(self, source: int, target: np.ndarray) -> float:
        return _move(target.ctypes.data, source & ~DEVICE_BIT, target.nbytes)

    def read(self, source: int, address: int, size: int) -> float:
        return _move(address, source & ~DEVICE_BIT, size)

    def copy(self, source: int, target: int, size: int) -> None:
        _move(target & ~DEVICE_BIT, source & ~DEVICE_BIT, size)

    def synchronize(self) -> None:
        pass

    def get_ready(self) -> None:
        """All is there."""

    def load(self, image: str, kernels: Sequence[str]) -> SimulatedKernels:
        start = time.perf_counter()
        library = _link(image, kernels)
        handles = {name: library[name] for name in kernels}
        return SimulatedKernels(handles, library, {"load": (time.perf_counter() - start) * 1e3})

    library = np

    def gemm(self, gemm: Gemm, out: int, a: int, b: int) -> bool:
        g = gemm
        x = self.array(a, (g.batch, *((g.k, g.m) if g.a_turned else (g.m, g.k))), g.dtype)
        y = self.array(b, (g.batch, *((g.n, g.k) if g.b_turned else (g.k, g.n))), g.dtype)
        left, right = x.swapaxes(1, 2) if g.a_turned else x, y.swapaxes(1, 2) if g.b_turned else y
        np.matmul(left, right, out=self.array(out, (g.batch, g.m, g.n), g.dtype))
        return True

    def array(self, pointer: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        size = int(np.prod(shape)) * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype)
        raw = (ctypes.c_uint8 * size).from_address(pointer & ~DEVICE_BIT)
        return np.ctypeslib.as_array(raw).view(dtype).reshape(shape)

    def current(self) -> AbstractContextManager[object]:
        return nullcontext()

    def is_current(self) -> bool:
        return True

    def clock(self) -> float:
        return time.perf_counter()

    def elapsed(self, start: float, end: float) -> float:
        return (end - start) * 1e3

    @property
    def calls(self) -> DriverCalls:
        return DriverCalls(*(int(_launcher()[name]) for name in DriverCalls._fields))

    @property
    def graphs(self) -> GraphCalls | None:
        return _graphs().calls


def _move(target: int, source: int, size: int) -> float:
    start = time.perf_counter()
    ctypes.memmove(target, source, size)
    return (time.perf_counter() - start) * 1e3


@cache
def _jit() -> llvm.LLJIT:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.create_lljit_compiler(llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True))


@cache
def _launcher() -> llvm.ResourceTracker:
    return _link(LAUNCHER, (*DriverCalls._fields, "capture", "run"))


_P, _I, _U, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint, ctypes.c_int64
_LAUNCH, _COPY = ctypes.CFUNCTYPE(_I, _P, *[_U] * 7, _P, ctypes.POINTER(_P), _P), ctypes.CFUNCTYPE(_I, _L, _L, _L, _P)
_ARGUMENT = 16  # bytes of a kernel's argument, as the host part lays them out


class _Graphs:
    """Graphs as lists of launches and copies, with their arguments as they were (see `run` in backend/simulator.py).

    What Python does here ends quickly: a signal that comes meanwhile would end in it, and is sent again.
    """

    def __init__(self) -> None:
        capture = ctypes.CFUNCTYPE(_I, _P, _P)(_launcher()["capture"])
        self._note = _LAUNCH(self._launched), _COPY(self._copied)
        self._start, self._stop = partial(capture, *self._note), partial(capture, None, None)
        self._entries: list[tuple[int, ...]] = []
        self._values: list[Any] = []
        self._kept = deque[Any](maxlen=16)  # long enough for graphs that run once they are made
        out = ctypes.POINTER(_L)
        self._callbacks = (
            ctypes.CFUNCTYPE(_I, _P, _I)(_again(self._begin)), ctypes.CFUNCTYPE(_I, _P, out)(_again(self._end)),
            ctypes.CFUNCTYPE(_I, out, _L, _L)(_again(self._instantiate)),
        )  # fmt: skip
        begin, end, instantiate = (ctypes.cast(one, _P).value or 0 for one in self._callbacks)
        run, nothing = int(_launcher()["run"]), int(_launcher()["passed"])
        self.calls = GraphCalls(begin, end, instantiate, run, nothing, nothing, 0, self)
        self.made = 0
        """How many there were."""

    def _launched(self, kernel: int, *rest: Any) -> int:
        *sizes, _, params, _ = rest
        values: list[Any] = []
        while params[len(values)]:
            values.append(ctypes.create_string_buffer(ctypes.string_at(params[len(values)], _ARGUMENT), _ARGUMENT))
        pointers = (_P * (len(values) + 1))(*map(ctypes.addressof, values), None)
        self._values += [values, pointers]
        self._entries.append((kernel, *sizes[:6], ctypes.addressof(pointers)))
        return 0

    def _copied(self, to: int, source: int, size: int, stream: int) -> int:
        self._entries.append((0, to, source, size, 0, 0, 0, 0))
        return 0

    def _begin(self, stream: int, mode: int) -> int:
        self._entries, self._values = [], []
        return int(self._start())

    def _end(self, stream: int, graph: Any) -> int:
        words = (ctypes.c_int64 * (1 + ENTRY_WORDS * len(self._entries)))(len(self._entries), *sum(self._entries, ()))
        graph[0] = ctypes.addressof(words)
        self._kept.append((words, self._values))
        self.made += 1
        return int(self._stop())

    def _instantiate(self, made: Any, graph: int, flags: int) -> int:
        made[0] = graph
        return 0


def _again(function: Callable[..., int]) -> Callable[..., int]:
    def called(*arguments: Any) -> int:
        try:
            return function(*arguments)
        except KeyboardInterrupt:
            done = function(*arguments)
            _thread.interrupt_main()
            return done

    return called


@cache
def _graphs() -> _Graphs:
    return _Graphs()


_serial = iter(range(1 << 62))


def _link(text: str, names: Sequence[str]) -> llvm.ResourceTracker:
    builder = llvm.JITLibraryBuilder().add_ir(text).add_current_process()
    for name in names:
        builder.export_symbol(name)
    return builder.link(_jit(), f"simulated {next(_serial)}")
