"""Offloaded functions: `load(function, "cuda:0").call(*arguments)`.

Arguments go to the device when they are not there yet or have changed (residency.py), results stay there
(device_array.py), every copy is in the ledger. The host part of the function runs as machine code; it asks this module
for memory and for single elements through a table of C functions (see `Table` in backend/device_host.py).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.backend.device_memory import Table
from wengert.compiler.backend.device_program import DeviceProgram, compile_program
from wengert.compiler.backend.device_text import ERROR_WORDS
from wengert.compiler.diag.errors import FAULTS, DeviceError, MemoryFault, WengertError
from wengert.compiler.diag.span import Source, Span
from wengert.compiler.ir.core import Function, Op
from wengert.compiler.ir.interpret import Trap
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.runtime import cpu
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.arguments import Arguments
from wengert.compiler.runtime.cuda import CudaAccelerator
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.devices import Device, resolve
from wengert.compiler.runtime.ledger import LEDGER, TO_HOST
from wengert.compiler.runtime.placement import ArrayAt, KernelAt, Placement
from wengert.compiler.runtime.residency import Residency
from wengert.compiler.runtime.simulated import SimulatedAccelerator

_ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64)
_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
_COPY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
_DOT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)
)
_HOST = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


@cache
def accelerator(device: str) -> tuple[Accelerator, Residency]:
    """The GPU of that id, and what is held on it for this process. Raises DeviceError."""
    found: Device = resolve(device)
    made: Accelerator = SimulatedAccelerator(found.id) if found.kind == "simulated" else CudaAccelerator(found.ordinal)
    return made, Residency(made)


def load(function: Function, device: str, source: Source | None = None, **options: Any) -> Any:
    """What runs `function` (optimised IR) on a device: on "cpu" the processor's executable, its loops on all cores.

    Raises DeviceError where the device cannot be used, UnsupportedError where the function cannot run there.
    """
    found = resolve(device)
    if found.kind == "cpu":
        return cpu.load(function, source=source, **options)
    return DeviceExecutable(compile_program(function, found.kind), *accelerator(found.id), source)


class Handles:
    """Device memory as the host part sees it: an address of three words, {device address, references, bytes}."""

    def __init__(self, residency: Residency):
        self._residency = residency
        self.live: dict[int, tuple[Any, Memory]] = {}

    def make(self, memory: Memory, size: int, references: int) -> int:
        words = (ctypes.c_int64 * 3)(memory.pointer, references, size)
        address = ctypes.addressof(words)
        self.live[address] = words, memory
        return address

    def allocate(self, size: int) -> int:
        """A new handle, 0 where there is no memory left: exceptions do not pass through compiled code."""
        try:
            return self.make(self._residency.allocate(size), size, 1)
        except MemoryError:
            return 0

    def free(self, address: int) -> None:
        del self.live[address]

    def memory(self, address: int) -> Memory:
        return self.live[address][1]


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel of a profiled call, from `start` to `end` in seconds since the epoch, as the ledger's times are."""

    kernel: str
    start: float
    end: float


class DeviceExecutable:
    """A compiled function on one device.

    call(*leaves) -> results: one leaf for each parameter; scalars come back as Python numbers, arrays as DeviceArrays;
    arguments that the function writes are written (a NumPy array is brought home).
    """

    def __init__(self, program: DeviceProgram, gpu: Accelerator, residency: Residency, source: Source | None):
        self.program, self.source, self.notes = program, source, program.notes
        self._gpu, self._residency = gpu, residency
        self._lock = threading.Lock()  # of the table and the frame
        self._arguments = Arguments(program.function, gpu, residency)
        self._loaded = gpu.load(program.image.text, program.image.names) if program.kernels else None
        self._can_fault = any(program.image.faults)
        self._errors = residency.allocate(8 * ERROR_WORDS)
        gpu.upload(np.zeros(ERROR_WORDS, np.int64), self._errors.pointer)
        self._handles = Handles(residency)
        self._table = np.zeros(Table.KERNELS + 2 * len(program.kernels), np.int64)
        self._frame = np.zeros(program.layout.words, np.int64)
        self._frame[3] = self._table.ctypes.data
        self._host = _HOST(program.host)
        self._callbacks = (
            _ALLOCATE(self._handles.allocate), _FREE(self._handles.free), _READ(self._read), _COPY(self._copy),
            _DOT(self._dot),
        )  # fmt: skip
        words = (Table.ALLOCATE, Table.FREE, Table.READ, Table.COPY, Table.DOT)
        for word, callback in zip(words, self._callbacks, strict=True):
            self._table[word] = ctypes.cast(callback, ctypes.c_void_p).value or 0
        self._table[Table.ERRORS] = self._errors.pointer
        self._launch_address = gpu.launch_address
        for k, name in enumerate(program.image.names):
            assert self._loaded is not None
            self._table[Table.KERNELS + 2 * k] = self._loaded.handles[name]
        self._mark, self._shapes = 0, dict[int, tuple[int, ...]]()
        self._made: list[tuple[str, tuple[int, ...], np.dtype]] = []
        self._milliseconds: dict[str, float] | None = None
        self.launches: list[Launch] = []

    # -- what the views show

    @property
    def device(self) -> str:
        return self._gpu.id

    @property
    def llvm(self) -> str:
        """The LLVM text of host part and kernels."""
        return f"; host part\n{self.program.host_text}\n; kernels\n{self.program.image.text}"

    @property
    def ptx(self) -> str:
        """The kernels as PTX; for a simulated device, as they would be for the GPU it plays."""
        return ptx_of(self.program, self._gpu.sm)

    @property
    def assembly(self) -> str:
        return self.ptx

    @property
    def times(self) -> dict[str, float]:
        return self.program.times

    @property
    def kernels(self) -> list[tuple[str, Span | None]]:
        """(name, where it comes from) of each kernel."""
        return [(k.name, k.span) for k in self.program.kernels]

    def placement(self) -> Placement:
        """Arrays, kernels and transfers of the last call."""
        profiled = self._milliseconds or {}
        kernels = tuple(
            KernelAt(k.name, self.device, int(self._table[Table.KERNELS + 2 * n + 1]),
                     k.span.line if k.span else None, k.one_thread, profiled.get(k.name))
            for n, k in enumerate(self.program.kernels)
        )  # fmt: skip
        notes = tuple(text + (f" (line {span.line})" if span else "") for text, span in self.notes)
        made = [ArrayAt(name, prod(s) * d.itemsize, s, d, self.device) for name, s, d in self._made]
        arrays = tuple(self._arguments.places(self._shapes, made))
        return Placement(self.device, arrays, kernels, LEDGER.since(self._mark), notes)

    def synchronize(self) -> None:
        """Wait until everything this device was asked for is done."""
        self._gpu.synchronize()

    # -- calls

    def call(self, *leaves: Any) -> tuple[Any, ...]:
        """The results that are not written into arguments. Raises the RuntimeFault that the CPU would."""
        return self._call(leaves, self._launch_address)

    def profile(self, *leaves: Any) -> Placement:
        """Call it with a clock before and after every kernel; the placement then shows their times, `launches` each."""
        self.synchronize()
        zero, begun = self._gpu.clock(), time.time()
        events: list[tuple[int, Any, Any]] = []
        launch = _LAUNCH(self._launch_address)

        def timed(kernel: int, *rest: Any) -> int:
            start = self._gpu.clock()
            status = launch(kernel, *rest)
            events.append((kernel, start, self._gpu.clock()))
            return int(status)

        callback = _LAUNCH(timed)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None
        self._call(leaves, address)
        assert self._loaded is not None or not events
        names = {handle: name for name, handle in self._loaded.handles.items()} if self._loaded else {}
        totals: dict[str, float] = {}
        self.launches = []
        for kernel, start, end in events:
            took = self._gpu.elapsed(start, end)
            totals[names[kernel]] = totals.get(names[kernel], 0.0) + took
            at = begun + self._gpu.elapsed(zero, start) / 1e3
            self.launches.append(Launch(names[kernel], at, at + took / 1e3))
        self._milliseconds = totals
        return self.placement()

    def _call(self, leaves: Sequence[Any], launch: int) -> tuple[Any, ...]:
        with self._lock, self._gpu.current():
            self._mark, self._milliseconds = LEDGER.mark, None
            self._table[Table.LAUNCH], self._table[Table.STREAM] = launch, self._gpu.stream
            self._table[Table.HANDLES : Table.KERNELS] = 0
            self._table[Table.KERNELS + 1 :: 2] = 0
            try:
                bound = self._arguments.bind(leaves, self._frame, self.program.layout.params, self._handles)
                status = self._host(self._frame.ctypes.data)
                if status != 0:
                    raise self._host_fault()
                if self._can_fault:
                    self._check_errors()
                results = self._results(bound)
                self._shapes = bound.shapes
                self._made = [(r.name, r.shape, r.dtype) for r in results if isinstance(r, DeviceArray)]
                return tuple(r for r, w in zip(results, self.program.function.written, strict=True) if w is None)
            finally:
                self._handles.live.clear()  # what is still needed is held by the results

    def _results(self, bound: Any) -> list[Any]:
        """Scalars as numbers, arrays as DeviceArrays with memory of their own; written arguments are brought home."""
        function, frame = self.program.function, self._frame
        taken = set(bound.read_only)
        values: list[Any] = []
        for v, at in zip(function.results, self.program.layout.results, strict=True):
            if v.type.is_scalar:
                values.append(
                    frame[at : at + 2].view(np.uint8)[: v.type.dtype.bits // 8].view(v.type.dtype.numpy)[0].item()
                )
                continue
            handle, shape = int(frame[at]), tuple(int(n) for n in frame[at + 1 : at + 1 + v.type.rank])
            memory = self._handles.memory(handle)
            size = prod(shape) * v.type.dtype.bits // 8
            if handle in taken:
                copy = self._residency.allocate(size)
                self._gpu.copy(memory.pointer, copy.pointer, size)
                memory = copy
            taken.add(handle)
            values.append(DeviceArray(memory, shape, v.type.dtype.numpy, self._gpu, v.hint or "result"))
        for value, written in zip(values, function.written, strict=True):
            if written is not None:
                self._arguments.write_back(bound, written, value)
        return values

    # -- called by compiled code

    def _read(self, target: int, source: int, size: int) -> int:
        try:
            milliseconds = self._gpu.read(source, target, size)
        except Exception:  # nothing may pass through compiled code; the fault says that the device failed
            return 1
        LEDGER.record("element", size, TO_HOST, milliseconds, "the host part needs its value", self.device)
        return 0

    def _copy(self, target: int, source: int, size: int) -> None:
        self._gpu.copy(source, target, size)

    def _dot(self, number: int, out: int, a: int, b: int, extents: Any) -> int:
        op = self.program.dots[number]
        a_rank, b_rank = (v.type.rank for v in op.operands[1:])
        dtype = op.result.type.dtype.numpy
        try:
            left = self._gpu.array(a, tuple(extents[:a_rank]), dtype)
            right = self._gpu.array(b, tuple(extents[a_rank : a_rank + b_rank]), dtype)
            multiply_into(self._gpu, out, left, right, op.attrs["contract"], op.attrs["batch"])
        except Exception:  # as above
            return 1
        return 0

    # -- faults

    def _host_fault(self) -> WengertError:
        number, a, b = (int(n) for n in self._frame[:3])
        fault = self.program.host_faults[number - 1]
        return fault_error(fault.kind, fault.op, a, b, self.device)

    def _check_errors(self) -> None:
        """Raise the first fault of the kernels; the device and its context live on."""
        record = np.zeros(ERROR_WORDS, np.int64)
        self._gpu.read(self._errors.pointer, record.ctypes.data, record.nbytes)
        if record[0] == 0:
            return
        self._gpu.upload(np.zeros(ERROR_WORDS, np.int64), self._errors.pointer)
        kernel, number = int(record[0]) >> 32, int(record[0]) & 0xFFFFFFFF
        fault = self.program.image.faults[kernel][number - 1]
        raise fault_error(fault.kind, fault.op, int(record[1]), int(record[2]), self.device)


def multiply_into(gpu: Accelerator, out: int, a: Any, b: Any, contract: Any, batch: Any) -> None:
    """`dot_general` by matmul: batch axes first, the free ones of each and the contracted ones each as one axis."""
    (ca, cb), (ba, bb) = contract, batch
    fa, fb = free_axes(a.ndim, ca, ba), free_axes(b.ndim, cb, bb)
    size = [int(np.prod([array.shape[k] for k in axes])) for array, axes in ((a, ba), (a, fa), (a, ca), (b, fb))]
    left = a.transpose(*ba, *fa, *ca).reshape(size[0], size[1], size[2])
    right = b.transpose(*bb, *cb, *fb).reshape(size[0], size[2], size[3])
    target = gpu.array(out, (size[0], size[1], size[3]), a.dtype)
    if target.size == 0:
        return
    if size[2] == 0:
        target[...] = 0
    elif size[0] == 1:
        gpu.library.matmul(left[0], right[0], out=target[0])
    else:
        gpu.library.matmul(left, right, out=target)


def fault_error(kind: str, op: Op | None, a: int, b: int, device: str) -> WengertError:
    """The exception for a fault, with the words that the reference interpreter uses."""
    span = op.span if op is not None else None
    if kind == "memory":
        return MemoryFault(f"{device} has no memory left for an array", span)
    if kind == "device":
        return DeviceError(f"{device} failed to run a kernel (CUDA error {a})", span)
    evaluate: Callable[..., Any] | None = REGISTRY[op.name].evaluate if op is not None else None
    assert evaluate is not None and op is not None
    try:
        if op.name == "check":
            evaluate(False, **op.attrs)
        else:
            evaluate(a, b, **op.attrs)
    except Trap as trap:
        return FAULTS[trap.fault](trap.message, span)
    raise AssertionError(f"{op!r} did not fail for {a} and {b}")


def ptx_of(program: DeviceProgram, sm: int) -> str:
    """The PTX of a program's kernels for a compute capability."""
    from wengert.compiler.backend.device_text import kernels_for_nvptx
    from wengert.compiler.backend.nvptx import compile_ptx

    image = kernels_for_nvptx(program.kernels)
    return compile_ptx(image.text, image.names, sm) if image.names else ""
