"""An NVIDIA GPU through CuPy: its memory pool, its current stream, and copies staged through pinned memory.

CuPy is imported when the first accelerator is made, never before. Pageable memory is copied at 7 GB/s up and 2.7 GB/s
down. So large copies are cut into chunks, and several threads take one chunk after the other, each through a pinned buffer
of its own: while some fill theirs, those of others are on their way.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.nvptx import code_key, compile_ptx
from wengert.compiler.diag.errors import DeviceError, MemoryFault
from wengert.compiler.runtime import store
from wengert.compiler.runtime.accelerator import DriverCalls, Gemm, GraphCalls
from wengert.compiler.runtime.context import make_is_current, make_wait
from wengert.compiler.runtime.cuda_driver import Driver, DriverError
from wengert.compiler.runtime.staging import LARGEST, CopyCalls, Job

_LANES = 16  # pinned buffers, and threads that copy through them, where there are as many cores
_BY_ONE = 4 << 20  # bytes that one of them copies
_THREAD_HEAP = 2 << 30  # bytes
_MALLOC_HEAP_SIZE = 2  # cudaLimit
_TO_HOST, _WITHIN = 2, 3  # cudaMemcpyKind


_SOME_PTX = ".version 6.0\n.target sm_70\n.address_size 64\n.visible .entry ready_{}() {{ ret; }}\n"
_HERE = nullcontext()
_BLAS_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}


@dataclass(slots=True)  # not frozen: made in every call, and twice as quick so
class CudaMemory:
    """Memory of CuPy's pool, which gets it back when `owner` goes."""

    pointer: int
    size: int
    owner: Any


@dataclass(frozen=True, slots=True)
class CudaKernels:
    handles: Mapping[str, int]
    module: Any  # the code lives as long as this
    times: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Lane:
    """A pinned buffer of `LARGEST` bytes, and the event that says that a copy through it is done."""

    pointer: int
    event: Any
    owner: Any

    @staticmethod
    def make(cupy: Any) -> Lane:
        memory = cupy.cuda.alloc_pinned_memory(LARGEST)
        return Lane(int(memory.ptr), cupy.cuda.Event(disable_timing=True), memory)


class CudaAccelerator:
    kind = "cuda"

    def __init__(self, ordinal: int):
        import cupy

        self._cupy, self._device = cupy, cupy.cuda.Device(ordinal)
        self.id, self.sm = f"cuda:{ordinal}", int(self._device.compute_capability)
        self._alloc, self._stream = cupy.cuda.alloc, cupy.cuda.get_current_stream  # looked up once: every call needs them
        driver = Driver.load()
        assert driver is not None  # CuPy has found the GPU by it
        self._driver = driver
        self._context: int | None = None
        self.is_current: Callable[[], bool] = lambda: False
        self._wait = make_wait(driver.address("cuStreamQuery"), self.id)
        names = ("cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuEventRecord", "cuEventSynchronize")
        self._copies = CopyCalls(*map(driver.address, names))
        self._capture: Any = None
        self._staging = threading.Lock()  # of the pinned buffers
        with self.current():
            self._lanes = [Lane.make(cupy) for _ in range(_lanes())]
            self._context = driver.context()
        if self._context is not None:
            self.is_current = make_is_current(driver.address("cuCtxGetCurrent"), self._context)
        self._copiers = ThreadPoolExecutor(len(self._lanes), "wengert-staging")
        self._ready = False

    @property
    def library(self) -> Any:
        return self._cupy

    def array(self, pointer: int, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        size = int(np.prod(shape)) * dtype.itemsize
        with self.current():
            if size == 0:
                return self._cupy.empty(shape, dtype)
            memory = self._cupy.cuda.UnownedMemory(pointer, size, None, self._device.id)
            return self._cupy.ndarray(shape, dtype, self._cupy.cuda.MemoryPointer(memory, 0))

    def current(self) -> AbstractContextManager[object]:
        """Within it, this is the current device of the thread."""
        return _HERE if self.is_current() else self._entered()

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """CuPy's own way, and what it leaves out: a thread that begins has device 0 but no context, and CuPy sets no device that
        is the thread's already; compiled code would launch into no context (CUDA error 201)."""
        runtime = self._cupy.cuda.runtime
        with self._cupy.cuda.Device(self._device.id):  # a new one: each keeps one device to go back to
            if self._context is None or self._driver.context() != self._context:
                runtime.setDevice(self._device.id)
                runtime.free(0)  # what makes the context, before CUDA 12
            yield

    @property
    def stream(self) -> int:
        with self.current():
            return self.stream_here

    @property
    def stream_here(self) -> int:
        return self._stream().ptr  # type: ignore[no-any-return]

    def allocate_here(self, size: int) -> CudaMemory | None:
        try:
            owner = self._alloc(size)
        except self._cupy.cuda.memory.OutOfMemoryError:
            return None
        return CudaMemory(owner.ptr, size, owner)

    @property
    def calls(self) -> DriverCalls:
        names = ("cuLaunchKernel", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2", "cuStreamQuery", "cuEventRecord",
                 "cuEventQuery")  # fmt: skip
        return DriverCalls(*map(self._driver.address, names))

    def gemm(self, gemm: Gemm, out: int, a: int, b: int) -> bool:
        """By cuBLAS, whose matrices are column-major: outᵀ = bᵀ aᵀ, and a row-major matrix is its transpose there."""
        g, letter = gemm, _BLAS_LETTERS.get(gemm.dtype.char)
        if letter is None or max(g.m, g.n, g.k, g.batch) >= 1 << 31:
            return False
        from cupy_backends.cuda.libs import cublas

        ta, tb = int(g.a_turned), int(g.b_turned)  # CUBLAS_OP_N, CUBLAS_OP_T
        lda, ldb = g.m if g.a_turned else g.k, g.k if g.b_turned else g.n
        handle, p, q = self._cupy.cuda.device.get_cublas_handle(), *_one_and_zero(letter)
        if g.batch == 1:
            getattr(cublas, f"{letter}gemm")(handle, tb, ta, g.n, g.m, g.k, p, b, ldb, a, lda, q, out, g.n)
        else:
            getattr(cublas, f"{letter}gemmStridedBatched")(
                handle, tb, ta, g.n, g.m, g.k, p, b, ldb, g.k * g.n, a, lda, g.m * g.k, q, out, g.n, g.m * g.n, g.batch
            )
        return True

    def allocate(self, size: int) -> CudaMemory:
        with self.current():
            try:
                owner = self._cupy.cuda.alloc(size)
            except self._cupy.cuda.memory.OutOfMemoryError:
                self._cupy.get_default_memory_pool().free_all_blocks()
                try:
                    owner = self._cupy.cuda.alloc(size)
                except self._cupy.cuda.memory.OutOfMemoryError as error:
                    raise MemoryFault(f"{self.id} has no {size} bytes left: {error}") from None
        return CudaMemory(int(owner.ptr), size, owner)

    def pinned(self, size: int) -> tuple[int, object]:
        with self.current():
            memory = self._cupy.cuda.alloc_pinned_memory(size)
        return int(memory.ptr), memory

    @property
    def graphs(self) -> GraphCalls | None:
        names = ("cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphLaunch",
                 "cuGraphExecDestroy", "cuGraphDestroy")  # fmt: skip
        if not all(hasattr(self._driver.library, name) for name in names):
            return None  # CUDA before 11.4
        with self.current():
            if self._capture is None:  # the default stream cannot be captured
                self._capture = self._cupy.cuda.Stream(non_blocking=True)
        return GraphCalls._make([*map(self._driver.address, names), int(self._capture.ptr), self._capture])

    def events(self) -> tuple[tuple[int, int], object]:
        with self.current():
            first, second = (self._cupy.cuda.Event(disable_timing=True) for _ in range(2))
        return (int(first.ptr), int(second.ptr)), (first, second)

    @property
    def foreign(self) -> tuple[type, ...]:
        return (self._cupy.ndarray,)

    def memory(self) -> tuple[int, int, int] | None:
        with self.current():
            free, total = self._cupy.cuda.runtime.memGetInfo()
            pool = self._cupy.get_default_memory_pool()
            return free + pool.free_bytes(), total, pool.used_bytes()

    def load(self, image: str, kernels: Sequence[str]) -> CudaKernels:
        """`image` is LLVM text for NVPTX; compiled to machine code, or taken from the disk, and loaded."""
        with self.current():
            if "@malloc" in image:
                self._make_room_for_threads()
            module, times = self._cupy.cuda.function.Module(), dict[str, float]()
            self._load_code(module, image, kernels, times)
            return CudaKernels({name: int(module.get_function(name).ptr) for name in kernels}, module, times)

    def _load_code(self, module: Any, image: str, kernels: Sequence[str], times: dict[str, float]) -> None:
        refused = self._cupy.cuda.driver.CUDADriverError
        driver = self._driver
        key = code_key(image, kernels, self.sm, f"cubin {driver.cuda_version}")
        kept = store.load(key)
        if isinstance(kept, bytes):
            with suppress(refused), _timed(times, "load"):
                module.load(kept)
                return
        with _timed(times, "ptx"):
            ptx = compile_ptx(image, kernels, self.sm).encode()
        try:
            with _timed(times, "assembly"):
                code = driver.machine_code(ptx)
        except DriverError:  # then as PTX, with the driver's own words if that fails, too
            code = ptx
        try:
            with _timed(times, "load"):
                module.load(code)
        except refused as error:
            raise DeviceError(f"{self.id} does not take the compiled kernels: {error}") from None
        if code is not ptx:
            store.save(key, code)

    def get_ready(self) -> None:
        if not self._ready:
            self._ready = True
            threading.Thread(target=self._get_ready, name="wengert-ready").start()

    def _get_ready(self) -> None:
        """LLVM's part and the driver's assembler, which it loads at its first use and not for what it has assembled before."""
        nvptx.get_ready()
        with suppress(DriverError), self.current():
            self._driver.machine_code(_SOME_PTX.format(time.time_ns()).encode())

    def _make_room_for_threads(self) -> None:
        """Kernels whose threads allocate arrays take them from a heap of fixed size, 8 MB unless it is enlarged now."""
        free, _ = self._cupy.cuda.runtime.memGetInfo()
        wanted = min(_THREAD_HEAP, free // 4)
        try:
            if self._cupy.cuda.runtime.deviceGetLimit(_MALLOC_HEAP_SIZE) < wanted:
                self._cupy.cuda.runtime.deviceSetLimit(_MALLOC_HEAP_SIZE, wanted)
        except self._cupy.cuda.runtime.CUDARuntimeError:  # it is in use, and cannot be enlarged any more
            pass

    def synchronize(self) -> None:
        with self.current():
            self._wait(self.stream_here)

    def copy(self, source: int, target: int, size: int) -> None:
        with self.current():
            self._cupy.cuda.runtime.memcpyAsync(target, source, size, _WITHIN, self.stream)

    def upload(self, source: np.ndarray, target: int, digests: np.ndarray | None = None) -> float:
        with self._staging, self.current():
            stream = self.stream_here
            self._wait(stream)  # the time is that of the copy
            start = time.perf_counter()
            job = Job(self._copies, target, source, stream, len(self._lanes), digests)
            self._in_chunks(source.nbytes, job.send)
            self._wait(stream)
        return (time.perf_counter() - start) * 1e3

    def download(self, source: int, target: np.ndarray) -> float:
        with self._staging, self.current():
            stream = self.stream_here
            self._wait(stream)  # the wait for kernels is not the copy's time
            start = time.perf_counter()
            self._in_chunks(target.nbytes, Job(self._copies, source, target, stream, len(self._lanes)).fetch)
        return (time.perf_counter() - start) * 1e3

    def _in_chunks(self, size: int, copy: Callable[[int, int], int]) -> None:
        """`copy(pinned buffer, event)` by this thread where there are few chunks, else by one thread for each lane."""

        def work(lane: Lane) -> int:
            with self.current():
                return copy(lane.pointer, int(lane.event.ptr))

        if size <= _BY_ONE:
            self._succeed(work(self._lanes[0]))
            return
        working = [self._copiers.submit(work, lane) for lane in self._lanes]
        try:
            for one in working:
                self._succeed(one.result())
        finally:
            wait(working)  # also where a signal's handler has raised: they copy into an array that may go now

    def _succeed(self, status: int) -> None:
        if status:
            raise DeviceError(f"{self.id} failed to copy (CUDA error {status})")

    def read(self, source: int, address: int, size: int) -> float:
        runtime = self._cupy.cuda.runtime
        with self._staging, self.current():
            stream = self._cupy.cuda.get_current_stream()
            self._wait(stream.ptr)
            start = time.perf_counter()
            runtime.memcpyAsync(self._lanes[0].pointer, source, size, _TO_HOST, stream.ptr)
            stream.synchronize()
            ctypes.memmove(address, self._lanes[0].pointer, size)
        return (time.perf_counter() - start) * 1e3

    def clock(self) -> Any:
        """A point of time on the device's stream; `elapsed` of two of them is known once both have passed."""
        with self.current():
            event = self._cupy.cuda.Event()
            event.record()
        return event

    def elapsed(self, start: Any, end: Any) -> float:
        """Milliseconds between two clocks; waits for the later one."""
        with self.current():
            end.synchronize()
            return float(self._cupy.cuda.get_elapsed_time(start, end))


@cache
def _one_and_zero(letter: str) -> tuple[int, int]:
    """The addresses of the numbers that products are scaled with."""
    numbers = [np.array(n, {"s": "f", "d": "d", "c": "F", "z": "D"}[letter]) for n in (1, 0)]
    _KEPT.extend(numbers)
    one, zero = (int(n.ctypes.data) for n in numbers)
    return one, zero


_KEPT: list[np.ndarray] = []


def _lanes() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(2, min(_LANES, cores))


@contextmanager
def _timed(times: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times[stage] = (time.perf_counter() - start) * 1e3
