"""Residency, device arrays and the checksum, on the simulated device."""

from __future__ import annotations

import gc
import pickle

import numpy as np
import pytest

from wengert.compiler.runtime.checksum import CHUNK, checksum
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.ledger import LEDGER
from wengert.compiler.runtime.residency import Residency, owner_of
from wengert.compiler.runtime.simulated import SimulatedAccelerator


@pytest.fixture
def gpu():
    return SimulatedAccelerator("cuda-sim")


@pytest.fixture
def resident(gpu):
    return Residency(gpu)


@pytest.fixture
def moved():
    """moved() lists (array, direction, why) of the transfers since the test began."""
    mark = LEDGER.mark
    return lambda: [(t.array, t.direction, t.why) for t in LEDGER.since(mark)]


def on_host(gpu, memory, like):
    home = np.empty(like.shape, like.dtype)
    gpu.download(memory.pointer, home)
    return home


# -- checksum


@pytest.mark.parametrize("size", [0, 1, 7, 8, 255, 256, 257, 1000, 9 << 20])
def test_any_single_change_is_seen(size):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, size, np.uint8)
    before = checksum(data)
    assert checksum(data.copy()) == before
    for k in rng.integers(0, size, 20) if size else ():
        changed = data.copy()
        changed[k] ^= 1 << (k % 8)
        assert checksum(changed) != before


def test_two_changes_do_not_undo_each_other():
    """Bytes of 0 and 1, which change in few ways: also those of one lane, which are 256 apart."""
    data, seen = np.zeros(1024, np.uint8), set()
    for i in range(0, 1024, 20):
        for j in range(i):
            data[i] = data[j] = 1
            seen.add(checksum(data))
            data[i] = data[j] = 0
    assert len(seen) == sum(range(0, 1024, 20))


def test_sizes_and_order_count():
    assert len({checksum(np.zeros(n, np.uint8)) for n in range(200)}) == 200
    assert checksum(np.arange(64)) != checksum(np.arange(64)[::-1])
    assert checksum(np.arange(64.0).reshape(8, 8).T) == checksum(np.ascontiguousarray(np.arange(64.0).reshape(8, 8).T))


# -- residency


def test_an_unchanged_array_is_sent_once_a_changed_one_again(gpu, resident, moved):
    a = np.arange(10.0)
    first = resident.on_device(a, "a")
    assert resident.on_device(a, "a") is first
    a[3] = 99.0
    second = resident.on_device(a, "a")
    assert second is not first and np.array_equal(on_host(gpu, second, a), a)
    assert moved() == [("a", "to device", "first use"), ("a", "to device", "changed since it was sent")]


def test_views_are_arrays_of_their_own(gpu, resident, moved):
    a = np.arange(12.0).reshape(3, 4)
    for view in (a, a.T, a[::2], a[:, 1], a.T):
        assert np.array_equal(on_host(gpu, resident.on_device(view, "v"), view), view)
    assert len(moved()) == 4  # the second a.T is another object, and the same elements
    a[0, 1] = -1.0  # seen through every view that holds it
    assert np.array_equal(on_host(gpu, resident.on_device(a.T, "v"), a.T), a.T)
    resident.on_device(a[::2], "v")
    assert len(moved()) == 6


def test_a_change_through_a_writable_view_of_a_read_only_array_is_seen(resident, moved):
    a = np.zeros(4)
    view = a[:]
    a.flags.writeable = False
    resident.on_device(a, "a")
    view[0] = 1.0
    resident.on_device(a, "a")
    assert len(moved()) == 2


def test_memory_goes_with_its_array(resident):
    a = np.arange(1000.0)
    resident.on_device(a[10:], "a")
    assert len(resident) == 1 and resident.bytes == 990 * 8
    del a
    gc.collect()
    assert len(resident) == 0


def test_arrays_over_bytes_and_empty_ones(gpu, resident, moved):
    a = np.frombuffer(b"12345678" * 4, np.float64)
    assert owner_of(a) == b"12345678" * 4
    assert np.array_equal(on_host(gpu, resident.on_device(a, "a"), a), a)
    resident.on_device(a, "a")
    assert len(moved()) == 1
    resident.on_device(np.empty((0, 3)), "e")


def test_a_full_device_lets_go_of_what_was_not_used_for_longest(gpu, resident, monkeypatch):
    arrays = [np.full(100, k) for k in range(4)]
    allocate = type(gpu).allocate

    def limited(self, size):
        if resident.bytes + size > 2500:
            raise MemoryError
        return allocate(self, size)

    monkeypatch.setattr(type(gpu), "allocate", limited)
    for a in arrays:
        assert np.array_equal(on_host(gpu, resident.on_device(a, "a"), a), a)
    assert len(resident) == 3


def test_taken_memory_is_not_shared_and_kept_memory_is_found(resident, moved):
    a = np.arange(5.0)
    memory = resident.take(a, "a")
    assert len(resident) == 0
    a[:] = 7.0
    resident.keep(a, memory)
    assert resident.on_device(a, "a") is memory
    assert len(moved()) == 1


# -- device arrays


@pytest.fixture
def array(gpu):
    values = np.arange(6.0).reshape(2, 3)
    memory = gpu.allocate(values.nbytes)
    gpu.upload(values, memory.pointer)
    return DeviceArray(memory, values.shape, values.dtype, gpu, "y")


def test_what_is_known_moves_nothing(array, moved):
    assert (array.shape, array.ndim, array.size, array.nbytes, len(array)) == ((2, 3), 2, 6, 48, 2)
    assert repr(array) == "DeviceArray(shape=(2, 3), dtype=float64, device='cuda-sim')"
    assert moved() == []


def test_it_comes_home_once_and_says_why(array, moved):
    assert np.array_equal(np.asarray(array), [[0, 1, 2], [3, 4, 5]])
    assert (array + 1).sum() == 21 and array[1, 2] == 5.0 and float(array.max()) == 5.0
    assert moved() == [("y", "to host", "read by NumPy")]


def test_the_copy_at_home_cannot_be_written_a_copy_of_ones_own_can(array):
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(array)[0, 0] = 1.0
    own = array.get()
    own[0, 0] = 9.0
    assert array[0, 0] == 0.0
    with pytest.raises(TypeError, match="written by offloaded functions only"):
        array[0, 0] = 1.0
    with pytest.raises(TypeError, match="written by offloaded functions only"):
        np.add(array, 1.0, out=array)


def test_after_a_write_on_the_device_it_is_fetched_anew(array, gpu, moved):
    np.asarray(array)
    memory = gpu.allocate(48)
    gpu.upload(np.zeros(6), memory.pointer)
    array.replaced(memory)
    assert not np.asarray(array).any()
    assert len(moved()) == 2


def test_it_behaves_like_an_array(array):
    assert (2.0 * array == np.arange(6.0).reshape(2, 3) * 2).all()
    assert np.sum(array) == 15.0 and np.dot(array, np.ones(3)).tolist() == [3.0, 12.0]
    assert array.T.shape == (3, 2) and [row.sum() for row in array] == [3.0, 12.0]
    assert np.array(array, dtype=np.float32).dtype == np.float32
    assert isinstance(pickle.loads(pickle.dumps(array)), np.ndarray)
    with pytest.raises(AttributeError, match="no attribute 'fill'"):
        array.fill(0.0)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(array, copy=False)
    assert not hasattr(array, "__cuda_array_interface__")


@pytest.mark.parametrize("size", [1000, 2 * CHUNK + 8, 3 * CHUNK])
def test_the_checksum_taken_while_sending_is_the_same(gpu, resident, moved, size):
    a = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    memory = resident.on_device(a, "a")
    assert resident.on_device(a, "a") is memory
    a[-1] ^= 1
    assert resident.on_device(a, "a") is not memory and len(moved()) == 2
