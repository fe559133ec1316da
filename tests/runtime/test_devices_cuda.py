"""The NVIDIA accelerator's own logic, on a CuPy of the test's making whose device memory is the host's."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import types
import warnings
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import pytest

from wengert.compiler.backend import target
from wengert.compiler.diag.errors import DeviceError, MemoryFault
from wengert.compiler.runtime import cuda, pages, staging
from wengert.compiler.runtime.checksum import CHUNK, WHOLE, checksum, combined, digests_of
from wengert.compiler.runtime.context import make_is_current, make_wait


class Buffer:
    def __init__(self, size):
        self.bytes = np.zeros(size, np.uint8)
        self.ptr = self.bytes.ctypes.data


class Device:
    compute_capability = "90"

    def __init__(self, id):
        self.id = id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class Stream:
    ptr = 0

    def synchronize(self):
        pass


class Event:
    ptr = 0

    def __init__(self, disable_timing=False):
        self.recorded = 0

    def record(self, stream=None):
        self.recorded += 1

    def synchronize(self):
        pass


class OutOfMemoryError(MemoryError):
    pass


@pytest.fixture
def gpu(monkeypatch):
    copies = []

    def memcpy(target, source, size, kind, stream):
        copies.append((size, kind))
        ctypes.memmove(target, source, size)

    def alloc(size):
        if size > 1 << 40:
            raise OutOfMemoryError
        return Buffer(size)

    def up(target, source, size, stream):
        memcpy(target, source, size, 1, stream)
        return failing.get("status", 0)

    def down(target, source, size, stream):
        memcpy(target, source, size, 2, stream)
        return failing.get("status", 0)

    word, failing = ctypes.c_int64, {}
    copy = ctypes.CFUNCTYPE(ctypes.c_int, word, word, word, word)
    functions = {"cuMemcpyHtoDAsync_v2": copy(up), "cuMemcpyDtoHAsync_v2": copy(down)}
    nothing = ctypes.CFUNCTYPE(ctypes.c_int, word)(lambda _: 0)

    class FakeDriver:
        def address(self, name):
            return ctypes.cast(functions.get(name, nothing), ctypes.c_void_p).value

        def context(self):
            return None

    monkeypatch.setattr(cuda.Driver, "load", FakeDriver)
    fake = types.ModuleType("cupy")
    fake.cuda = types.SimpleNamespace(  # type: ignore[attr-defined]
        Device=Device, Event=Event, alloc=alloc, alloc_pinned_memory=Buffer, get_current_stream=Stream,
        runtime=types.SimpleNamespace(memcpyAsync=memcpy, setDevice=lambda _: None, free=lambda _: None),
        memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        get_elapsed_time=lambda start, end: 0.5,
    )  # fmt: skip
    fake.get_default_memory_pool = lambda: types.SimpleNamespace(free_all_blocks=lambda: None)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", fake)
    made = cuda.CudaAccelerator(0)
    made.copies, made.failing = copies, failing  # type: ignore[attr-defined]
    return made


def test_it_says_what_it_is(gpu):
    assert (gpu.id, gpu.kind, gpu.sm, gpu.stream) == ("cuda:0", "cuda", 90, 0)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK, 100 * CHUNK + 8, 512 * CHUNK, 700 * CHUNK - 1])
@pytest.mark.parametrize(("lanes", "largest"), [(2, 2), (12, 8), (16, 4), (3, 1)])
def test_copies_are_cut_into_pieces_that_grow_and_shrink(size, lanes, largest):
    places = staging.pieces(size, lanes, largest * CHUNK)
    sizes = np.diff(places)
    assert places[0] == 0 and places[-1] == size and all(sizes > 0) and all(sizes <= largest * CHUNK)
    assert not any(place % CHUNK for place in places[:-1])
    if size > 500 * CHUNK:
        assert sizes[0] == CHUNK and max(sizes[-3:]) <= CHUNK and max(sizes) == largest * CHUNK


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize("size", [8, 1000, 3 * CHUNK + 8, 3 * WHOLE + 1000])
def test_copies_in_chunks_are_whole(gpu, monkeypatch, size, past):
    monkeypatch.setattr(staging, "PAST_CACHES", staging.PastCaches(past, past))
    array = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    memory = gpu.allocate(size)
    digests = digests_of(size)
    assert gpu.upload(array, memory.pointer, digests) > 0.0
    assert digests is None or combined(digests) == checksum(array)
    back = np.zeros_like(array)
    gpu.download(memory.pointer, back)
    assert np.array_equal(array, back)
    apart = np.zeros(size + 8, np.uint8)[8:]  # where no vector may be stored as a whole
    gpu.download(memory.pointer, apart)
    assert np.array_equal(array, apart)
    assert max(n for n, _ in gpu.copies) <= staging.LARGEST
    assert {kind for _, kind in gpu.copies} == {1, 2}
    gpu.failing["status"] = 700
    with pytest.raises(DeviceError, match=r"cuda:0 failed to copy \(CUDA error 700\)"):
        gpu.download(memory.pointer, back)


def test_reading_and_copying_within(gpu):
    first, second = gpu.allocate(16), gpu.allocate(16)
    gpu.upload(np.array([1.5, 2.5]), first.pointer)
    gpu.copy(first.pointer, second.pointer, 16)
    out = np.zeros(1)
    gpu.read(second.pointer + 8, out.ctypes.data, 8)
    assert out[0] == 2.5


def test_no_memory_left(gpu):
    with pytest.raises(MemoryFault, match="cuda:0 has no"):
        gpu.allocate(1 << 50)


def test_clocks(gpu):
    assert gpu.elapsed(gpu.clock(), gpu.clock()) == 0.5


class _FakeRuntime:
    """CUDA's state of each thread: a device, 0 at first, and a context once it is asked for."""

    def __init__(self):
        self.here = threading.local()

    def getDevice(self):
        return getattr(self.here, "device", 0)

    def setDevice(self, ordinal):
        self.here.device, self.here.context = ordinal, 100 + ordinal

    def free(self, _):
        self.here.context = 100 + self.getDevice()

    def context(self):
        return getattr(self.here, "context", None)

    @cached_property
    def ask(self):
        """As cuCtxGetCurrent."""

        def ask(found):
            found[0] = self.context() or 0
            return 0

        return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int64))(ask)


class _FakeDevice:
    """As CuPy's: no device is set that is the thread's already."""

    def __init__(self, runtime, ordinal):
        self.runtime, self.ordinal = runtime, ordinal

    def __enter__(self):
        self.before = self.runtime.getDevice()
        if self.before != self.ordinal:
            self.runtime.setDevice(self.ordinal)

    def __exit__(self, *_):
        if self.before != self.ordinal:
            self.runtime.setDevice(self.before)


@pytest.mark.parametrize("ordinal", [0, 1])
def test_a_new_thread_has_the_device_s_context_before_anything_is_launched(ordinal):
    runtime = _FakeRuntime()
    gpu = object.__new__(cuda.CudaAccelerator)
    fake = SimpleNamespace(runtime=runtime, Device=lambda k: _FakeDevice(runtime, k))
    gpu._cupy, gpu._driver = SimpleNamespace(cuda=fake), runtime
    gpu._device, gpu._context = SimpleNamespace(id=ordinal), 100 + ordinal
    gpu.is_current = make_is_current(ctypes.cast(runtime.ask, ctypes.c_void_p).value, 100 + ordinal)
    seen = []

    def work():
        for _ in range(2):
            with gpu.current():
                seen.append(runtime.context())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [100 + ordinal] * 4


def _asked(answer):
    """A function of C that answers as cuStreamQuery would."""
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(answer)


def test_a_wait_ends_with_the_work_the_device_or_a_signal():
    left, other = iter([600] * 50 + [0]), []
    query = _asked(lambda _: next(left))
    make_wait(ctypes.cast(query, ctypes.c_void_p).value, "cuda:0")(0)
    assert next(left, None) is None

    failed = _asked(lambda _: 719)
    with pytest.raises(DeviceError, match=r"cuda:0 failed to run a kernel \(CUDA error 719\)"):
        make_wait(ctypes.cast(failed, ctypes.c_void_p).value, "cuda:0")(0)

    text = f'target triple = "{target.triple()}"\ndefine i32 @endless(ptr %x) {{\n  ret i32 600\n}}\n'
    code = target.link(target.object_code(target.parse(text)), ["endless"], {})  # in Python the signal could end the question
    timer = threading.Timer(0.1, lambda: (other.append("ran"), os.kill(os.getpid(), signal.SIGINT)))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        make_wait(code["endless"], "cuda:0")(0)
    timer.join()
    assert other == ["ran"]


def test_memory_of_arrays_that_came_home_is_used_again():
    first = pages.empty((1 << 18,), np.dtype(np.float64))
    first[:] = 1.0
    address, part = first.ctypes.data, first[1000:]
    del first
    assert pages.empty((1 << 18,), np.dtype(np.float64)).ctypes.data != address  # a view is still there
    assert np.all(part == 1.0)
    del part
    again = pages.empty((1 << 9, 1 << 9), np.dtype(np.float64))
    assert again.ctypes.data == address and again.flags.c_contiguous and again.flags.writeable
    assert pages.empty((3,), np.dtype(np.int8)).flags.owndata


def test_memory_of_arrays_is_not_shared_with_a_forked_process():
    array = pages.empty((1 << 18,), np.dtype(np.float64))
    array[:] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: the child does nothing but write
        child = os.fork()
    if child == 0:
        array[:] = 2.0
        os._exit(0)
    os.waitpid(child, 0)
    assert np.all(array == 1.0)
