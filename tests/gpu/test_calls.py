"""Calls of offloaded functions as such: memory, interrupts, programs on disk, what may not be written."""

from __future__ import annotations

import operator
import os
import pickle
import signal
import threading
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

import wengert as wg
from wengert.compiler.diag.errors import MemoryFault, ValueFault
from wengert.compiler.runtime import store
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.devices import devices
from wengert.compiler.runtime.ledger import LEDGER
from wengert.compiler.runtime.offload import accelerator

Vector = NDArray[np.float64]


def real_gpu():
    gpus = [d for d in devices() if d.kind == "cuda"]
    return "" if any(d.available for d in gpus) else (gpus[0].reason if gpus else "only a simulated GPU")


REAL = [pytest.mark.gpu, pytest.mark.skipif(bool(real_gpu()), reason=real_gpu() or "-")]


@pytest.fixture(params=["cuda-sim", pytest.param("cuda:0", marks=REAL)])
def device(request):
    return request.param


def waves(x: Vector, a: float) -> Vector:
    return np.sin(x) * a + np.cos(x)


def steps(x: Vector, count: int) -> None:
    for _ in range(count):
        x[1:-1] = x[1:-1] + 0.1 * (x[:-2] - 2.0 * x[1:-1] + x[2:])


def norm(x: Vector) -> float:
    return np.sqrt(np.sum(x * x))


def two(x: Vector):
    return x * 2.0, np.sum(x)


X = np.linspace(0.0, 1.0, 50)


def test_ten_thousand_calls_leak_nothing(device):
    f, total = wg.offload(waves, device), wg.offload(norm, device)
    x = f(X, 1.0)
    gpu, residency = accelerator(device)

    def many(count):
        for _ in range(count):
            f(x, 2.0)
            total(x)

    many(200)
    held, entries, used = len(f.last.executable._handles._seats), len(residency), gpu.memory()
    tracemalloc.start()
    many(50)
    before = tracemalloc.get_traced_memory()[0]
    LEDGER.clear()
    many(200)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    many(4750)
    assert len(f.last.executable._handles._seats) == held and len(residency) == entries
    assert grown < 100_000  # 400 calls; the ledger's entries
    if used is not None:
        assert gpu.memory()[2] == used[2]


def test_short_and_long_way_agree(device):
    f = wg.offload(two, device)
    y, s = f(X)
    again, t = f(y)
    np.testing.assert_allclose(np.asarray(again), X * 4.0)
    assert isinstance(again, DeviceArray) and t == pytest.approx(2.0 * s)
    assert f(np.ones((2, 2)))[1] == 4.0 and len(f.programs) == 2
    assert f(y)[1] == pytest.approx(2.0 * s)
    with pytest.raises(wg.errors.TypeMismatch):
        f(X.astype(np.float32))


def test_a_batch_stacks_lists_of_arguments_on_a_device_too(device):
    f, xs = wg.batch(lambda p: p[0] * p[1]), [(X, 2.0), (X + 1.0, 3.0)]
    np.testing.assert_array_equal(np.asarray(wg.offload(f, device)(xs)), np.stack([X * 2.0, (X + 1.0) * 3.0]))


def turns(u: Vector, v: Vector, count: int, a: float):
    w, total = np.sin(u), u.copy()
    for _ in range(count):
        w = w + a * (v - w)
        v = v - a * w[::-1]
        total = np.minimum(total, w)
    return w, v, total


def three(u: Vector, count: int):
    a, b, c, d, e = u + 1.0, u + 2.0, u + 3.0, u + 4.0, u + 5.0
    for _ in range(count):
        a, b, c, d, e = b, c, d, e, a * 0.999
    return a, b, c, d, e


def indexed(u: Vector, count: int):
    w = u.copy()
    for k in range(count):
        w = w * 0.99 + k * u
    return w


@pytest.mark.parametrize(("function", "extra"), [(turns, (0.01,)), (three, ()), (indexed, ())], ids=["turns", "three", "indexed"])
def test_loops_whose_turns_are_alike_run_as_graphs(device, function, extra):
    """As the same kernels launched one by one, and with every launch counted."""
    f, gpu = wg.offload(function, device), accelerator(device)[0]
    for count in (0, 3, 386, 387, 460, 1003):
        arguments = (X, np.cos(X), count, *extra) if extra else (X, count)
        made = gpu.graphs.owner.made if device == "cuda-sim" else 0
        got, wanted = f(*arguments), function(*arguments)
        for g, w in zip(got, wanted, strict=True) if isinstance(got, tuple) else [(got, wanted)]:
            np.testing.assert_allclose(np.asarray(g), w, rtol=1e-12, atol=1e-13)
        assert {k.launches for k in f.last.executable.placement().kernels} <= {1, count}
        if device == "cuda-sim":
            assert (gpu.graphs.owner.made > made) == (count >= 387 and function is not indexed)


def test_an_interrupt_ends_the_host_part(device):
    f, x = wg.offload(steps, device), X.copy()
    f(x, 1)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        f(x, 1 << 60)
    timer.join()
    wanted = X.copy()
    steps(wanted, 2)
    fresh = X.copy()
    f(fresh, 2)
    np.testing.assert_allclose(fresh, wanted)


def stays(x: Vector, trips: int) -> Vector:
    y = np.zeros(x.shape[0])
    for i in wg.prange(x.shape[0]):
        v = x[i]
        for _ in range(trips):
            v = np.sin(v) + x[i]
        y[i] = v
    return y


def looked_at(x: Vector, trips: int) -> float:
    y = stays(x, trips)
    return y[int(y[0] * 0.0)]


def long_steps(x: Vector, trips: int, count: int) -> None:
    for _ in range(count):
        x[:] = stays(x, trips)


@pytest.mark.parametrize("device", [pytest.param("cuda:0", marks=REAL)])
@pytest.mark.parametrize("function", [stays, looked_at], ids=lambda f: f.__name__)
def test_an_interrupt_does_not_wait_for_a_long_kernel(device, function):
    """Neither where a result is read nor where the host part waits."""
    f, gpu = wg.offload(function, device), accelerator(device)[0]
    np.asarray(f(X, 1))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        np.asarray(f(X, 10_000_000))
    assert not gpu.library.cuda.get_current_stream().done
    timer.join()
    np.testing.assert_allclose(np.asarray(f(X, 1)), function(X, 1))


@pytest.mark.parametrize("device", [pytest.param("cuda:0", marks=REAL)])
def test_other_threads_run_beside_a_long_loop_of_launches(device):
    """It is never so far ahead of the device that the driver makes it wait, with Python's lock in its hands."""
    f, x, ran, done = wg.offload(long_steps, device), X.copy(), [], threading.Event()
    f(x, 1, 1)
    thread = threading.Thread(target=lambda: [ran.append(None) for _ in iter(lambda: done.wait(0.001), True)])
    thread.start()
    f(x, 5000, 2000)
    done.set()
    thread.join()
    assert len(ran) > 60


def test_without_memory_it_says_what_was_asked_and_goes_on(device, monkeypatch):
    f = wg.offload(waves, device)
    y = f(X, 1.0)
    _, residency = accelerator(device)
    residency.on_device(np.ones(10), "kept")

    def none(size):
        raise MemoryError

    monkeypatch.setattr(residency._accelerator, "allocate", none)
    monkeypatch.setattr(residency._accelerator, "allocate_here", lambda size: None)
    with pytest.raises(MemoryFault, match=r"has no room for 400 B more"):
        f(y, 2.0)
    assert len(residency) == 0
    monkeypatch.undo()
    np.testing.assert_allclose(np.asarray(f(y, 2.0)), waves(np.asarray(y), 2.0))


def test_what_may_not_be_written_is_refused(device):
    f, x = wg.offload(steps, device), X.copy()
    x.flags.writeable = False
    with pytest.raises(ValueFault, match="read-only"):
        f(x, 1)
    overlapping = np.lib.stride_tricks.as_strided(np.zeros(9), (5,), (0,))
    with pytest.raises(ValueFault, match="overlap each other"):
        f(overlapping, 1)


def test_a_program_is_taken_from_the_disk(device, tmp_path, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("WENGERT_CACHE", "on")
    want = np.asarray(wg.offload(wg.grad(norm), device)(X))
    from wengert.compiler.runtime import offload

    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(offload, "compile_program", refuse)
    hits = store.hits
    again = wg.offload(wg.grad(norm), device)
    np.testing.assert_array_equal(np.asarray(again(X)), want)
    assert store.hits > hits


def halved(x: Vector) -> Vector:
    while np.sum(x) > 1.0:
        x = x * 0.5
    return x


def test_single_elements_are_one_entry_of_the_ledger(device):
    f, mark = wg.offload(halved, device), LEDGER.mark
    f(X)
    entries = [t for t in LEDGER.since(mark) if t.direction == "to host"]
    assert [(t.array, t.bytes) for t in entries] == [("6 elements", 48)]


def log_sum_exp(x: Vector) -> float:
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def several(x: Vector, k: int):
    s = np.sum(x)
    y = x / np.sqrt(s) + np.exp(np.tanh(s))  # a few operations by every thread, functions once
    if k > 0:
        y = y * np.mean(x)
    t = 0.0
    for i in range(k):
        t = t + np.sum(y) * i
        y = y * (t > 0.0)
    return y, np.sqrt(s) + t, -np.sum(x > 0.5), np.sum(x) > 3.0, int(np.sum(x * 3.0)) + k, s * 1j


READ = [(log_sum_exp, (), 0), (norm, (), 0), (several, (0,), 1), (several, (2,), 1)]


@pytest.mark.parametrize(("function", "extra", "read"), READ)
def test_numbers_stay_on_the_device_until_they_are_read(device, function, extra, read):
    f, mark = wg.offload(function, device), LEDGER.mark
    f(X, *extra)
    found, wanted = f(X, *extra), function(X, *extra)
    home = [t for t in LEDGER.since(mark) if t.direction == "to host"]
    assert bool(home) == bool(read)  # `int(...)` may fail, so the host looks at it
    for one, want in zip(*((v if isinstance(v, tuple) else (v,)) for v in (found, wanted)), strict=True):
        np.testing.assert_allclose(np.asarray(one), want, rtol=1e-13)
        assert np.asarray(one).dtype == np.asarray(want).dtype


def conjugate_gradients(b: Vector, n: int):
    x, r, p, rs = np.zeros(len(b)), b.copy(), b.copy(), np.sum(b * b)
    for _ in range(n):
        q = (1.0 + 9.0 * b) * p
        alpha = rs / np.sum(p * q)
        x, r = x + alpha * p, r - alpha * q
        new = np.sum(r * r)
        p, rs = r + (new / rs) * p, new
    return x, rs


def tracked(x: Vector, n: int):
    t, most = 0.5, -1.0
    for _ in range(n):
        y = np.empty(len(x))
        for i in wg.prange(len(x)):
            y[i] = x[i] * t + i * 0.01
        x, t = y, np.tanh(t + np.sum(y) * 0.01)
        x[0], most = t, max(most, np.max(x))
    return x, t, most


def decided(x: Vector, n: int):
    t, a, b = 0.0, 1.0, 2.0
    for k in range(n):
        if k % 2 == 0 or t > 9.0:
            t += np.sum(x)
        a, b = b, a + np.sum(x) * 0.1
        x = x * 0.9 + a * 0.001
    return t, a, b


@pytest.mark.parametrize(("function", "reads"), [(conjugate_gradients, False), (tracked, False), (decided, True)])
@pytest.mark.parametrize("count", [0, 5])
def test_loops_carry_numbers_on_the_device(device, function, reads, count):
    f, mark = wg.offload(function, device), LEDGER.mark
    found = f(X, count)
    assert any("element" in t.array for t in LEDGER.since(mark)) == (reads and count > 0)
    for got, want in zip(found, function(X, count), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-11)
    if count == 0:
        gradient = wg.grad(lambda x, n: function(x, n)[1])
        np.testing.assert_allclose(np.asarray(wg.offload(gradient, device)(X, 3)), gradient(X, 3), rtol=1e-9)


def total(x: Vector) -> float:
    return 2.0 * np.sum(x)


def counted(x: Vector) -> int:
    return np.sum(x > 0.5)


@pytest.mark.parametrize("weak", [False, True])
def test_a_number_on_the_device_is_used_as_the_number_it_is(device, weak):
    f = wg.offload(total, device)
    y, z, n = f(X), f(X), wg.offload(counted, device)(X)
    if weak:
        y.weak = z.weak = n.weak = True
    mark = LEDGER.mark
    assert float(y) == 50.0 and LEDGER.mark == mark + 1 and "50.0" in repr(y) and f"{y:.1f}" == str(y) == "50.0"
    assert type(y + 1) is (float if weak else np.float64) and y + 1 == 51.0 == 1 + y and y / z == 1.0 and z**2 == 2500.0
    assert (np.float32(1) * y).dtype == (np.float32 if weak else np.float64)
    assert (y * np.ones(2, np.float32)).dtype == (np.float32 if weak else np.float64) and np.sqrt(z) == np.sqrt(50.0)
    assert y == z and y > 49 and not y < z and bool(y) and {y: 1}[50.0] == 1 and abs(-y) == 50.0 and round(y, 1) == 50.0
    assert list(range(3))[wg.offload(counted, device)(X[:27])] == 2 and divmod(n, 2) == (12, 1) and n & 1 == 1
    assert pickle.loads(pickle.dumps(y)) == 50.0 and y.item() == 50.0 and np.isscalar(y)
    assert [t.bytes for t in LEDGER.since(mark) if t.direction == "to host"] == [8, 8, 8, 8]
    with pytest.raises(TypeError):
        operator.index(y)


def test_a_number_on_the_device_is_an_argument_like_another(device):
    y = wg.offload(total, device)(X)
    np.testing.assert_allclose(np.asarray(wg.offload(waves, device)(X, y)), waves(X, 50.0), rtol=1e-13)
    np.testing.assert_allclose(wg.jit(waves)(X, y), waves(X, 50.0), rtol=1e-15)


@pytest.mark.gpu
@pytest.mark.skipif(bool(real_gpu()), reason=real_gpu() or "-")
@pytest.mark.parametrize("library", ["cupy", "torch", "jax"])
def test_arrays_of_other_libraries_enter_and_leave_without_a_copy(library):
    module = pytest.importorskip(library)
    if library == "jax":
        module.config.update("jax_enable_x64", True)
        x = module.numpy.linspace(0.0, 1.0, 50)
    elif library == "torch":
        x = module.linspace(0.0, 1.0, 50, dtype=module.float64, device="cuda")
    else:
        x = module.linspace(0.0, 1.0, 50)
    f, mark = wg.offload(waves, "cuda:0"), LEDGER.mark
    y = f(x, 2.0)
    back = (module.numpy if library == "jax" else module).from_dlpack(y)
    pointers = {"cupy": lambda: back.data.ptr, "torch": lambda: back.data_ptr(), "jax": lambda: back.unsafe_buffer_pointer()}
    assert pointers[library]() == y.pointer and LEDGER.mark == mark
    np.testing.assert_allclose(np.asarray(y), waves(X, 2.0), rtol=1e-12)


ROWS = wg.batch(lambda row, w: np.sum(row * w) ** 2, in_axes=(0, None))


def listed(x: Vector):
    out = []
    for i in range(5):
        out.append(x[i] * i)
    return np.array(out)


def chosen(x: Vector):
    if x[0] > 0.5:
        y = np.exp(x)
    else:
        y = np.zeros(5)
        y[1] = x[2]
    return y


@pytest.mark.parametrize(
    ("function", "shapes", "axes"),
    [(lambda x, w: ROWS(x, w), ((7, 4, 3), (3,)), (0, None)), (listed, ((7, 5),), 0), (chosen, ((7, 5),), 0)],
    ids=["a batch within it", "a list", "branches that make arrays"],
)
def test_small_arrays_of_a_batched_call_have_known_extents_on_a_device_too(device, function, shapes, axes):
    arguments, f = [np.random.default_rng(0).random(shape) for shape in shapes], wg.batch(function, axes)
    np.testing.assert_allclose(np.asarray(wg.offload(f, device)(*arguments)), f(*arguments), rtol=1e-12)


def test_a_list_is_stacked_by_whatever_a_batch_is_wrapped_in():
    batch, xs = wg.batch(lambda x: np.cumsum(x)), [X, X + 1.0, X + 2.0]
    assert np.array_equal(wg.jit(batch)(xs), batch(xs))
    with pytest.raises(wg.errors.TypeMismatch, match="stacked where a batch is called from Python") as error:
        wg.jit(lambda xs: batch(xs))(xs)
    assert error.value.span is not None
