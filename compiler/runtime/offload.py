"""Offloaded functions: `load(function, "cuda:0").call(*arguments)`.

Arguments go to the device when they are not there yet or have changed (residency.py), results stay there
(device_array.py), every copy is in the ledger. The host part of the function runs as machine code, which calls the driver
itself and Python only for memory and for a library's products (see `Table` in backend/device_memory.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from math import prod
from struct import Struct
from typing import Any

import numpy as np

from wengert.compiler.backend import target
from wengert.compiler.backend.device_certain import ASSUMED
from wengert.compiler.backend.device_memory import ERROR_WORDS, PINNED_BYTES, Table
from wengert.compiler.backend.device_program import DeviceProgram, compile_program
from wengert.compiler.backend.sites import Site
from wengert.compiler.diag.errors import DeviceError, MemoryFault, WengertError
from wengert.compiler.diag.span import Source, Span
from wengert.compiler.ir.core import Function
from wengert.compiler.runtime import cpu
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.arguments import Arguments, Bound, Frame
from wengert.compiler.runtime.cuda import CudaAccelerator
from wengert.compiler.runtime.device_array import made_on_device, number_on_device
from wengert.compiler.runtime.devices import Device, resolve
from wengert.compiler.runtime.ledger import LEDGER, TO_HOST
from wengert.compiler.runtime.placement import ArrayAt, KernelAt, Placement
from wengert.compiler.runtime.products import Caller, Multiplier
from wengert.compiler.runtime.residency import SHORTAGE_HELP, Residency
from wengert.compiler.runtime.simulated import SimulatedAccelerator

_ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int64)
_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_DOT = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)
)
_LIBRARY = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_int64), ctypes.c_void_p
)
_HOST = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)  # with the GIL, and raises what a handler of signals raised
_LAUNCH = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, *[ctypes.c_uint] * 7, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)
_OFFERED = 8
"""Stretches of memory that a call is given beforehand, as many and as large as the call before asked for."""


@cache
def accelerator(device: str) -> tuple[Accelerator, Residency]:
    """The GPU of that id, and what is held on it for this process. Raises DeviceError."""
    found: Device = resolve(device)
    made: Accelerator = SimulatedAccelerator(found.id) if found.kind == "simulated" else CudaAccelerator(found.ordinal)
    return made, Residency(made)


def load(
    function: Function,
    device: str,
    source: Source | None = None,
    python: Sequence[bool] = (),
    kept: cpu.Kept | None = None,
    deterministic: bool = False,
) -> Any:
    """What runs `function` (optimised IR) on a device: on "cpu" the processor's executable, its loops on all cores.

    kept: where programs are kept on disk; `function` may then be without a body. python: for each of the first results
    whether it is given as a Python number. deterministic: the same bits in every run. Raises DeviceError where the device
    cannot be used, UnsupportedError where the function cannot run there.
    """
    found = resolve(device)
    if found.kind == "cpu":
        return cpu.load(function, source=source, python=python, kept=kept)
    whole = kept.function if kept is not None else lambda: function

    def program(assume: bool) -> DeviceProgram:
        name = (found.kind,) if assume else (found.kind, "checked")
        known = kept.find(name) if kept is not None else None
        if isinstance(known, DeviceProgram):
            return known
        made = compile_program(whole(), found.kind, deterministic, assume)
        if kept is not None:
            kept.keep(name, made)
        return made

    return DeviceExecutable(program, function, whole, *accelerator(found.id), python)


class Handles:
    """Device memory as the host part sees it: an address of three words, {device address, references, bytes}."""

    def __init__(self, residency: Residency):
        self._residency = residency
        self.live: dict[int, tuple[Memory, Seat]] = {}
        self._spare: list[Seat] = []
        self._seats: list[Seat] = []
        self._taken = 0
        self.asked: list[int] = []
        """Bytes of the memory that this call asked for."""
        self.failed = 0
        """Bytes that there was no memory for."""

    def make(self, memory: Memory, size: int, references: int) -> int:
        if self._spare:
            seat = self._spare.pop()
        else:
            if self._taken == len(self._seats):
                self._seats.append(_seat())
            seat = self._seats[self._taken]
            self._taken += 1
        address, words = seat
        _HANDLE(words, 0, memory.pointer, references, size)
        self.live[address] = memory, seat
        return address

    def allocate(self, size: int) -> int:
        """A new handle, 0 where there is no memory left: exceptions do not pass through compiled code."""
        self.asked.append(size)
        try:
            return self.make(self._residency.allocate(size), size, 1)
        except MemoryError:
            self.failed = size
            return 0

    def free(self, address: int) -> None:
        self._spare.append(self.live.pop(address)[1])

    def clear(self) -> None:
        """What is still needed is held by the results."""
        self.live.clear()
        self._taken = 0
        if self._spare:
            self._spare.clear()


Seat = tuple[int, memoryview]
"""Room for a handle: its address and its words."""


def _seat() -> Seat:
    frame = Frame(3)
    return frame.address, frame.bytes


_HANDLE = Struct("3q").pack_into


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel of a profiled call, from `start` to `end` in seconds since the epoch, as the ledger's times are."""

    kernel: str
    start: float
    end: float


class _Result:
    """What is known of a result beforehand. at: its first word in the frame; argument: the one it is written into; read: of a
    number that is in the frame; number: of one on the device, whether it is Python's."""

    __slots__ = ("argument", "at", "dtype", "name", "number", "rank", "read")

    def __init__(self, value: Any, at: int, argument: int | None, python: bool, on_device: bool):
        self.at, self.argument = at, argument
        self.dtype, self.rank, self.name = value.type.dtype.numpy, value.type.rank, value.hint or "result"
        self.number = python if on_device else None
        self.read = _reader(self.dtype, python) if value.type.is_scalar and not on_device else None


def _reader(dtype: np.dtype, python: bool) -> Callable[[Frame, int], Any]:
    """What reads a scalar at a word of the frame, as a Python number or as NumPy's."""
    if python and dtype.char in "dlq":
        one = Struct("d" if dtype.char == "d" else "q")
        return lambda frame, at: one.unpack_from(frame.bytes, 8 * at)[0]

    def read(frame: Frame, at: int) -> Any:
        value = frame.array[at : at + 2].view(np.uint8)[: dtype.itemsize].view(dtype)[0]
        return value.item() if python else value

    return read


class DeviceExecutable:
    """A compiled function on one device.

    call(*leaves) -> results: one leaf for each parameter; scalars come back as DeviceNumbers, or as NumPy's or Python's numbers
    where the host part knows them, arrays as DeviceArrays; arguments that the function writes are written (a NumPy array is
    brought home).
    """

    def __init__(
        self,
        programs: Callable[[bool], DeviceProgram],
        function: Function,
        whole: Callable[[], Function],
        gpu: Accelerator,
        residency: Residency,
        python: Sequence[bool] = (),
        assume: bool = True,
    ):
        program = programs(assume)
        self.program, self.notes = program, program.notes
        self._assumptions = {k for k, site in enumerate(program.host_faults, 1) if site.kind == ASSUMED}
        self._checked = cache(lambda: DeviceExecutable(programs, function, whole, gpu, residency, python, assume=False))
        self._last: DeviceExecutable = self  # the one that did the last call
        self._whole, self._gpu, self._residency = whole, gpu, residency
        self._lock = threading.Lock()  # of the table and the frame
        self._arguments = Arguments(function, program.layout.params, gpu, residency)
        names = program.names
        self._loaded = gpu.load(program.image, names) if names else None
        self._errors = residency.allocate(8 * ERROR_WORDS)
        self._stale = False  # whether an interrupted call may have left a fault there
        self._clear_errors()
        self._handles = Handles(residency)
        self._table = Frame(Table.LAUNCHES + 2 * len(names))
        self._counters = self._table.words[Table.TICKS : Table.LAUNCHES + len(names)]
        self._zeros = bytes(8 * len(self._counters))
        self._counters = self._counters.cast("B")
        self._frame = Frame(program.layout.words)
        self._frame.words[3] = self._table.address
        self._linked = target.link(program.code, ["wg_host"], {})
        self._host = _HOST(self._linked["wg_host"])
        self._multipliers = [Multiplier(product) for product in program.products]
        self._callers = [Caller(call) for call in program.calls]
        self._callbacks = {
            Table.ALLOCATE: _ALLOCATE(self._handles.allocate), Table.FREE: _FREE(self._handles.free),
            Table.DOT: _DOT(self._dot), Table.LIBRARY: _LIBRARY(self._library),
        }  # fmt: skip
        words = self._table.words
        for word, callback in self._callbacks.items():
            words[word] = ctypes.cast(callback, ctypes.c_void_p).value or 0
        calls = gpu.calls
        words[Table.READ], words[Table.COPY], words[Table.QUERY] = calls.read, calls.copy, calls.query
        words[Table.MARK], words[Table.PASSED] = calls.mark, calls.passed
        (words[Table.EVENTS], words[Table.SECOND_EVENT]), self._events = gpu.events()
        self._graphs = gpu.graphs
        if self._graphs is not None:
            for word, value in enumerate(self._graphs[:-1], Table.BEGIN):
                words[word] = value
        words[Table.ERRORS], self._launch = self._errors.pointer, calls.launch
        words[Table.PINNED], self._pinned = gpu.pinned(PINNED_BYTES)
        for k, name in enumerate(names):
            assert self._loaded is not None
            words[Table.LAUNCHES + len(names) + k] = self._loaded.handles[name]
        flags = (*python, *[False] * (len(function.results) - len(python)))
        self._results = [
            _Result(*each)
            for each in zip(
                function.results, program.layout.results, function.written, flags, program.on_device, strict=True
            )
        ]
        self._number = -1  # of the last call, in the ledger
        given = {p.hint for p in function.params}
        for r in self._results:
            if r.argument is None and r.name in given:
                r.name = f"{r.name} (result)"
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
        return f"; host part\n{self.program.host_text}\n; kernels\n{self.program.image}"

    @property
    def ptx(self) -> str:
        """The kernels as PTX; for a simulated device, as they would be for the GPU it plays."""
        program = self.program if self.program.kind == "cuda" else compile_program(self._whole(), "cuda")
        return ptx_of(program, self._gpu.sm)

    @property
    def assembly(self) -> str:
        return self.ptx

    @property
    def times(self) -> dict[str, float]:
        """Milliseconds of each stage of its compilation, by an earlier process where it was kept on disk, and of loading it."""
        return {**self.program.times, **(self._loaded.times if self._loaded is not None else {})}

    @property
    def kernels(self) -> list[tuple[str, Span | None]]:
        """(name, where it comes from) of each kernel."""
        return [(k.name, k.span) for k in self.program.kernels]

    def placement(self) -> Placement:
        """Arrays, kernels and transfers of the last call."""
        if self._last is not self:
            return self._last.placement()
        profiled = self._milliseconds or {}
        kernels = tuple(
            KernelAt(k.name, self.device, self._table.words[Table.LAUNCHES + n],
                     k.span.line if k.span else None, k.one_thread, profiled.get(k.name))
            for n, k in enumerate(self.program.kernels)
        )  # fmt: skip
        notes = tuple(text + (f" (line {span.line})" if span else "") for text, span in self.notes)
        made = [ArrayAt(name, prod(s) * d.itemsize, s, d, self.device) for name, s, d in self._made]
        arrays = tuple(self._arguments.places(made))
        return Placement(self.device, arrays, kernels, LEDGER.of_call(self._number), notes)

    def synchronize(self) -> None:
        """Wait until everything this device was asked for is done."""
        self._gpu.synchronize()

    # -- calls

    def call(self, *leaves: Any) -> tuple[Any, ...]:
        """The results that are not written into arguments. Raises the RuntimeFault that the CPU would."""
        return self._call(leaves, self._launch)

    def exact_entry(self, weak: Sequence[bool] | None, single: bool) -> Callable[..., Any]:
        """As `call`, returning a sole result itself where `single`; NotImplemented where the arguments are not exactly of
        the types: arrays of NumPy's or of this device, numbers that are Python's where `weak`."""
        types, exact = self._arguments.scalar_types(weak), self._arguments.exact

        def entry(*leaves: Any) -> Any:
            if not exact(leaves, types):
                return NotImplemented
            results = self._run(leaves, self._launch)
            return results if not single else results[0] if results else None

        return entry

    def profile(self, *leaves: Any) -> Placement:
        """Call it with a clock before and after every kernel; the placement then shows their times, `launches` each."""
        self.synchronize()
        zero, begun = self._gpu.clock(), time.time()
        events: list[tuple[int, Any, Any]] = []
        launch = _LAUNCH(self._launch)

        def timed(kernel: int, *rest: Any) -> int:
            start = self._gpu.clock()
            status = launch(kernel, *rest)
            events.append((kernel, start, self._gpu.clock()))
            return int(status)

        callback = _LAUNCH(timed)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None
        with self._one_by_one():
            self._call(leaves, address)
        did = self._last
        assert did._loaded is not None or not events
        names = {handle: name for name, handle in did._loaded.handles.items()} if did._loaded else {}
        totals: dict[str, float] = {}
        self.launches = []
        for kernel, start, end in events:
            took = self._gpu.elapsed(start, end)
            totals[names[kernel]] = totals.get(names[kernel], 0.0) + took
            at = begun + self._gpu.elapsed(zero, start) / 1e3
            self.launches.append(Launch(names[kernel], at, at + took / 1e3))
        did._milliseconds = totals
        return self.placement()

    def _call(self, leaves: Sequence[Any], launch: int) -> tuple[Any, ...]:
        with self._gpu.current():
            return self._here(self._arguments.checked(leaves), launch)

    def _run(self, leaves: Sequence[Any], launch: int) -> tuple[Any, ...]:
        if self._gpu.is_current():
            return self._here(leaves, launch)
        with self._gpu.current():
            return self._here(leaves, launch)

    def _here(self, leaves: Sequence[Any], launch: int) -> tuple[Any, ...]:
        """The call, in a thread whose device this is; with all checks at their places where what the program assumes does not
        hold, of which it says before it has done anything."""
        taken = self._tried(leaves, launch)
        if taken is not None:
            return taken
        checked = self._last = self._checked()
        with checked._one_by_one() if launch != self._launch else nullcontext():
            return checked._here(leaves, launch)

    @contextmanager
    def _one_by_one(self) -> Iterator[None]:
        """Kernels are launched each by itself, to be timed, and not as a graph."""
        words = self._table.words
        graphs, words[Table.BEGIN] = words[Table.BEGIN], 0
        try:
            yield
        finally:
            words[Table.BEGIN] = graphs

    def _tried(self, leaves: Sequence[Any], launch: int) -> tuple[Any, ...] | None:
        words, handles = self._table.words, self._handles
        with self._lock:
            self._number, self._milliseconds, self._last = LEDGER.begin(), None, self
            words[Table.LAUNCH], words[Table.STREAM] = launch, self._gpu.stream_here
            self._counters[:] = self._zeros
            try:
                if self._stale:
                    self._clear_errors()
                if handles.asked:
                    self._offer()
                bound = self._arguments.bind(leaves, self._frame, handles)
                status = self._host(self._frame.address)
                if words[Table.READS]:
                    self._record_reads()
                if status:
                    if status == 1 and self._frame.words[0] in self._assumptions:
                        return None
                    if words[Table.HELD]:  # the stream for capturing is left in the middle of it
                        words[Table.BEGIN] = 0
                    raise self._fault()
                return self._take(bound)
            except KeyboardInterrupt:
                self._stale = True
                raise
            finally:
                handles.clear()

    def _offer(self) -> None:
        """Memory for what is likely to be asked for, so that compiled code need not call Python for it."""
        asked, make, words, allocate = self._handles.asked, self._handles.make, self._table.words, self._gpu.allocate_here
        if len(asked) > _OFFERED:
            asked.clear()
        for k, size in enumerate(asked):
            memory = allocate(size)
            if memory is None:
                del asked[k:]
                return
            words[Table.HANDLES + k] = make(memory, size, 1)

    def _take(self, bound: Bound) -> tuple[Any, ...]:
        """Results that are not written into arguments; written arguments are brought home."""
        frame, taken, live = self._frame, bound.read_only, self._handles.live
        values: list[Any] = []
        self._made = made = []
        for r in self._results:
            at = r.at
            if r.read is not None:
                values.append(r.read(frame, at))
                continue
            handle, shape = frame.words[at], tuple(frame.words[at + 1 : at + 1 + r.rank])
            memory = live[handle][0]
            if handle in taken:
                size = prod(shape) * r.dtype.itemsize
                copy = self._residency.allocate(size)
                self._gpu.copy(memory.pointer, copy.pointer, size)
                memory = copy
            taken.add(handle)
            if r.number is not None:
                values.append(number_on_device(memory, r.dtype, self._gpu, r.name, r.number, self._number))
                continue
            array = made_on_device(memory, shape, r.dtype, self._gpu, r.name, self._number)
            made.append((r.name, shape, r.dtype))
            if r.argument is None:
                values.append(array)
            else:
                self._arguments.write_back(bound, r.argument, array)
        return tuple(values)

    def _record_reads(self) -> None:
        count, size, spent = self._table.words[Table.READS : Table.READS + 3]
        name = "element" if count == 1 else f"{count} elements"
        LEDGER.record(name, size, TO_HOST, spent * 1e-6, "the host part needs the value, and waits for it", self.device)

    # -- called by compiled code

    def _dot(self, number: int, out: int, a: int, b: int, extents: Any) -> int:
        multiply = self._multipliers[number]
        try:
            multiply(self._gpu, out, a, b, extents[: sum(multiply.product.ranks)])
        except Exception:  # nothing may pass through compiled code; the fault says that the device failed
            return 1
        return 0

    def _library(self, number: int, pointers: Any, extents: Any, words: int) -> int:
        """0 where all went well, 1 where a matrix could not be handled, 2 where the device failed."""
        caller = self._callers[number]
        count = len(caller.numbers)
        numbers = np.frombuffer(ctypes.string_at(words, 8 * count), np.int64) if count else np.empty(0, np.int64)
        ranks = caller.call.ranks
        try:
            return int(not caller(self._gpu, pointers[: len(ranks)], extents[: sum(ranks)], numbers))
        except Exception:  # nothing may pass through compiled code; the fault says that the device failed
            return 2

    # -- faults

    def _clear_errors(self) -> None:
        """After what runs on the device: kernels of a call that was interrupted may still find faults, which nobody is to see."""
        self._gpu.upload(np.zeros(ERROR_WORDS, np.int64), self._errors.pointer)
        self._stale = False

    def _fault(self) -> WengertError:
        """What to raise; kernels' faults come first, as they happened first."""
        record = np.zeros(ERROR_WORDS, np.int64)
        if any(self.program.kernel_faults):
            with contextlib.suppress(Exception):  # a broken device: its own fault is reported
                self._gpu.read(self._errors.pointer, record.ctypes.data, record.nbytes)
        if record[0]:
            self._clear_errors()
            kernel, number = int(record[0]) >> 32, int(record[0]) & 0xFFFFFFFF
            return self._error(self.program.kernel_faults[kernel][number - 1], int(record[1]), int(record[2]))
        number, a, b = self._frame.words[:3]
        return self._error(self.program.host_faults[number - 1], a, b)

    def _error(self, site: Site, a: int, b: int) -> WengertError:
        if site.kind == "memory":
            return MemoryFault(self._residency.shortage(self._handles.failed), site.span, help=SHORTAGE_HELP)
        if site.kind == "device":
            return DeviceError(f"{self.device} failed to run a kernel (CUDA error {a})", site.span)
        return site.error(a, b)


def ptx_of(program: DeviceProgram, sm: int) -> str:
    """The PTX of a program compiled for "cuda", for a compute capability."""
    from wengert.compiler.backend.nvptx import compile_ptx

    return compile_ptx(program.image, program.names, sm) if program.names else ""
