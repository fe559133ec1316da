"""Offloaded programs against the reference interpreter: on the simulated GPU everywhere, on a real one where there is
one; and their kernels as PTX through ptxas, for every GPU generation it knows."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from numpy.typing import NDArray

import wengert as wg
from wengert.compiler.backend import nvptx
from wengert.compiler.backend.device_program import compile_program
from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.diag.errors import IndexFault, ValueFault, ZeroDivisionFault
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.runtime.device_array import DeviceArray
from wengert.compiler.runtime.devices import devices
from wengert.compiler.runtime.ledger import LEDGER
from wengert.compiler.runtime.offload import ptx_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def real_gpu():
    """The skip reason for a machine without a usable GPU, "" with one."""
    gpus = [d for d in devices() if d.kind == "cuda"]
    return "" if any(d.available for d in gpus) else (gpus[0].reason if gpus else "only a simulated GPU")


DEVICES = [
    "cuda-sim",
    pytest.param("cuda:0", marks=[pytest.mark.gpu, pytest.mark.skipif(bool(real_gpu()), reason=real_gpu() or "-")]),
]


# -- the programs


def fused(x: Vector, y: Vector, a: float) -> Vector:
    return np.sin(x) * a + np.where(y > 0.0, y, -y) / (1.0 + x * x)


def reused(x: Vector, y: Vector) -> Vector:
    t = np.exp(x)
    return t[1:] - t[:-1] + np.sum(t) * y[1:]


def functions(x: Vector):
    p = np.abs(x) + 0.1
    return np.exp(x) + np.log(p) + np.sqrt(p) + np.cbrt(p) + np.tanh(x) + np.arctan2(x, p) + p**1.5 + np.hypot(x, p), (
        np.floor(x) + x % 0.7 + np.fmod(x, 0.3) + np.maximum(x, 0.2) + np.minimum(x, 0.1) + np.sign(x)
    )


def singles(x: NDArray[np.float32]):
    return np.sin(x) * np.float32(2.0) + np.sqrt(np.abs(x)) + x % np.float32(0.5)


def integers(k: NDArray[np.int64]):
    return k // 3 + k % 4, (k * k) ^ 5, k > 2


def complexes(z: NDArray[np.complex128]):
    return z * z + 1.0, np.sum(z)


def reductions(a: Matrix):
    return np.sum(a), np.max(a), np.min(a, axis=0), np.sum(a, axis=1), np.mean(a), np.prod(a[0]), np.any(a > 1.0)


def tensor(a: NDArray[np.float64]):
    return np.sum(a, axis=1), np.max(a, axis=(0, 2)), a.transpose(2, 0, 1) * 2.0


def products(a: Matrix, b: Matrix, v: Vector):
    return a @ b, a @ v, v @ v, np.outer(v, v)


def heat(u: Vector, steps: int) -> None:
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.1 * (u[:-2] - 2.0 * u[1:-1] + u[2:])


def pairs(x: Vector) -> Matrix:
    """As many rows as columns, and known to be: one value is both extents."""
    return x[:, None] * x[None, :] + 1.0


def heat2(u: Matrix, steps: int) -> float:
    for _ in range(steps):
        u[1:-1, 1:-1] += 0.1 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1])
    return np.sum(u)


def regions(a: Matrix, u: Vector):
    """Regions computed from other elements of the array they are written into: with steps, columns, a part of the rows."""
    u[1:-1:2] = u[:-2:2] + u[2::2]
    u[3:9] = u[9:3:-1]
    a[2:5, :] = a[:3, :] * 2.0
    a[:, 1:3] = a[:, 4:6] - a[:, 1:3]
    return a[:, 1] + 1.0


def until(x: Vector, tolerance: float) -> int:
    n = 0
    while np.max(np.abs(x)) > tolerance:
        x[:] = x * 0.5
        n += 1
    return n


def branches(x: Vector, flag: bool) -> Vector:
    y = x + 1.0
    if flag:
        y[0] = 5.0
    else:
        y = x * y
    return y


def sweep(x: Vector) -> Vector:
    y = np.zeros_like(x)
    y[0] = x[0]
    for i in range(1, x.shape[0]):
        y[i] = 0.5 * y[i - 1] + x[i]
    return y


def all_pairs(x: Vector, out: Vector) -> None:
    for i in wg.prange(x.shape[0]):
        total = 0.0
        for j in range(x.shape[0]):
            total += np.cos(x[j] - x[i])
        out[i] = total


def parallel_sum(x: Vector) -> float:
    total = 0.0
    for i in wg.prange(x.shape[0]):
        if x[i] > 0.0:
            total += x[i] * x[i]
        else:
            total -= x[i]
    return total


def private_arrays(a: Matrix, out: Vector) -> None:
    for i in wg.prange(a.shape[0]):
        row = np.exp(a[i])
        small = np.zeros(3)
        for k in range(a.shape[1]):
            small[k % 3] += row[k]
        out[i] = np.max(small) + np.sum(row * row)


def data_dependent(x: Vector, out: NDArray[np.int64]) -> None:
    for i in wg.prange(x.shape[0]):
        v, n = x[i], 0
        while v * v < 4.0 and n < 50:
            v = v * v + 0.3
            n += 1
        out[i] = n


def views(a: Matrix):
    b = a[::-1, ::2]
    c = b.T.copy()
    c[1, :] = 7.0
    return b + 1.0, c, a[1], a.reshape(-1)[3:8]


def loss(x: Vector, y: Vector) -> float:
    return np.sum(np.tanh(x) * y) + np.max(x * y)


def energy(u: Vector, steps: int) -> float:
    v = u.copy()
    for _ in range(steps):
        v[1:-1] = v[1:-1] + 0.1 * (v[:-2] - 2.0 * v[1:-1] + v[2:]) + 0.01 * np.sin(v[1:-1])
    return np.sum(v * v)


def nested(a: Matrix) -> Matrix:
    out = np.zeros_like(a)
    for i in wg.prange(1, a.shape[0]):
        scale = 2.0 * i + 1.0
        for j in wg.prange(a.shape[1] - 1, -1, -2):
            t, n = a[i, j], 0
            while t < 8.0 and n < 9:
                t, n = t * 1.5 + 1.0, n + 1
            out[i, j] = scale * t + n
    return out


def nearest(c: Matrix, p: Matrix) -> float:
    cost = 0.0
    for i in wg.prange(p.shape[0]):
        best = 1e300
        for k in range(c.shape[0]):
            s = 0.0
            for j in range(p.shape[1]):
                s += (p[i, j] - c[k, j]) ** 2
            best = min(best, s)
        cost += best
    return cost


def loop_loss(x: Vector) -> float:
    total = 0.0
    for i in range(x.shape[0]):
        if x[i] > 0.0:
            total += x[i] ** 3
        else:
            total -= np.exp(x[i])
    return total


def pair_loss(x: Vector) -> float:
    out = np.zeros(x.shape[0])
    for i in wg.prange(x.shape[0]):
        t = 0.0
        for j in range(x.shape[0]):
            t += np.cos(x[j] - x[i])
        out[i] = t
    return np.sum(out * out)


def attractions(p: Matrix) -> float:
    total = 0.0
    for i in wg.prange(p.shape[0]):
        e = 1.0
        for j in range(p.shape[0]):
            dx, dy, dz = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1], p[j, 2] - p[i, 2]
            e += 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
        total += np.log(e)
    return total


def forces(p: Matrix) -> Matrix:
    """Two sums in one loop."""
    out = np.zeros(p.shape)
    for i in wg.prange(p.shape[0]):
        u, v = p[i, 0], 0.0
        for j in range(p.shape[0] - 1, -1, -1):
            dx, dy = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1]
            weight = 1.0 / (dx * dx + dy * dy + 0.1)
            u += weight * dx
            v -= weight * dy
        out[i, 0] = u
        out[i, 1] = v
    return out


def sparse_rows(values: Vector, x: Vector, columns: NDArray[np.int64], starts: NDArray[np.int64]) -> Vector:
    y = np.empty(starts.shape[0] - 1)
    for i in wg.prange(y.shape[0]):
        t = 0.0
        for k in range(starts[i], starts[i + 1]):
            t += values[k] * x[columns[k]]
        y[i] = t
    return y


def deviations(a: Matrix) -> Vector:
    """A sum that needs another inner loop's sum."""
    out = np.zeros(a.shape[0])
    for i in wg.prange(a.shape[0]):
        total, squares = 0.0, 0.0
        for j in range(a.shape[1]):
            total += a[i, j]
        for j in range(a.shape[1]):
            squares += (a[i, j] - total / a.shape[1]) ** 2
        out[i] = squares
    return out


rng = np.random.default_rng(7)
x, y = rng.normal(size=37), rng.normal(size=37)
a, b = rng.normal(size=(9, 6)), rng.normal(size=(6, 5))

CASES = {
    "fused": (fused, x, y, 2.5),
    "reused": (reused, x, y),
    "functions": (functions, x),
    "singles": (singles, x.astype(np.float32)),
    "integers": (integers, np.arange(-9, 12)),
    "complexes": (complexes, x + 1j * y),
    "reductions": (reductions, a),
    "tensor": (tensor, rng.normal(size=(3, 4, 5))),
    "products": (products, a, b, rng.normal(size=6)),
    "heat": (heat, x, 4),
    "heat2": (heat2, a, 3),
    "regions": (regions, a, x),
    "as wide as tall": (pairs, x),
    "wider than a block": (heat2, rng.normal(size=(5, 700)), 2),
    "taller than a block": (heat2, rng.normal(size=(700, 3)), 2),
    "until": (until, x, 0.01),
    "branch taken": (branches, x, True),
    "branch not taken": (branches, x, False),
    "sweep": (sweep, x),
    "all pairs": (all_pairs, x, np.zeros(37)),
    "parallel sum": (parallel_sum, x),
    "private arrays": (private_arrays, a, np.zeros(9)),
    "data-dependent trips": (data_dependent, x * 0.3, np.zeros(37, np.int64)),
    "views": (views, a),
    "sums within iterations": (attractions, rng.normal(size=(40, 3))),
    "gradient of sums within iterations": (wg.grad(attractions), rng.normal(size=(40, 3))),
    "sparse rows": (sparse_rows, rng.normal(size=60), rng.normal(size=9), rng.integers(0, 9, 60), np.r_[0, np.arange(0, 61, 20)]),
    "gradient of sparse rows": (
        wg.grad(lambda *s: np.sum(sparse_rows(*s) ** 2), wrt=(0, 1)),
        rng.normal(size=60), rng.normal(size=9), rng.integers(0, 9, 60), np.r_[0, np.arange(0, 61, 20)],
    ),
    "deviations": (deviations, rng.normal(size=(5, 70))),
    "forces": (forces, rng.normal(size=(40, 2))),
    "sine and cosine": (wg.grad(lambda t: np.sum(np.sin(t) * np.cos(t) + 1.0 / np.sqrt(2.0 + t))), x * 0.1),
    "gradient of a fused loss": (wg.grad(loss, wrt=(0, 1)), x, y),
    "gradient through a time loop": (wg.grad(energy), x, 4),
    "gradient of a scalar loop": (wg.grad(loop_loss), x),
    "gradient of a parallel loop": (wg.grad(pair_loss), x),
    "batch": (wg.batch(loss), np.stack([x, y]), np.stack([y, x])),
    "batch of gradients": (wg.batch(wg.grad(loss)), np.stack([x, y]), np.stack([y, x])),
    "batched loop": (wg.batch(loop_loss), np.stack([x, y, x])),
    "nested parallel loops": (nested, a),
    "nested parallel loops without columns": (nested, np.zeros((3, 0))),
    "gradient that adds to few elements": (wg.grad(nearest), rng.normal(size=(3, 2)), rng.normal(size=(100, 2))),
    "many small sums": (lambda t: np.sum(t, axis=1), rng.normal(size=(700, 9))),
    "a long sum": (lambda t: (np.sum(t), np.max(t), np.min(t)), rng.normal(size=5000)),
    "empty": (fused, np.zeros(0), np.zeros(0), 1.0),
    "sum of nothing": (parallel_sum, np.zeros(0)),
}


def copies(arguments):
    return [v.copy() if isinstance(v, np.ndarray) else v for v in arguments]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_offloaded_is_what_the_interpreter_says(name, device):
    function, *arguments = CASES[name]
    mine = copies(arguments)
    offloaded = wg.offload(function, device)
    returned = flatten(offloaded(*mine))[0]
    traced = offloaded.last.traced.function
    wanted = interpret(traced, copies(arguments))
    results = [returned.pop(0) if w is None else mine[w] for w in traced.written]
    single = any(v.type.dtype.bits == 32 for v in traced.results)
    for want, got in zip(wanted, results, strict=True):
        np.testing.assert_allclose(
            np.asarray(got), want, rtol=1e-5 if single else 1e-10, atol=1e-6 if single else 1e-11
        )


@pytest.mark.skipif(not nvptx.assembler_targets(), reason="ptxas is not on this machine")
@pytest.mark.skipif(find_libdevice() is None, reason="libdevice.10.bc is not on this machine")
@pytest.mark.parametrize("name", ["functions", "integers", "private arrays"])
def test_its_kernels_assemble_made_for_each_generation(name, capfd):
    function, *arguments = CASES[name]
    offloaded = wg.offload(function, "cuda-sim")
    offloaded.lower(*arguments)
    program = compile_program(offloaded.last.traced.function, "cuda")
    for sm in {75, 80, 90, 100} & set(nvptx.assembler_targets()):
        assert nvptx.assemble(ptx_of(program, sm), sm)
    assert "warning" not in capfd.readouterr().err


# -- residency: what moves, and why


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture
def moved():
    mark = LEDGER.mark
    return lambda: [(t.array, t.direction, t.why) for t in LEDGER.since(mark)]


def test_arrays_are_sent_once_and_results_stay(device, moved):
    f = wg.offload(fused, device)
    u, v = x.copy(), y.copy()
    first = f(u, v, 2.0)
    assert isinstance(first, DeviceArray)
    second = f(u, first, 3.0)
    assert moved() == [("x", "to device", "first use"), ("y", "to device", "first use")]
    v[0] = 9.0
    f(u, v, 2.0)
    assert moved()[2:] == [("y", "to device", "changed since it was sent")]
    np.asarray(second)
    assert moved()[3:] == [(second.name, "to host", "read by NumPy")]


def test_a_written_array_comes_home_and_need_not_be_sent_again(device, moved):
    f, u = wg.offload(heat, device), x.copy()
    f(u, 2)
    f(u, 2)
    wanted = x.copy()
    heat(wanted, 4)
    np.testing.assert_allclose(u, wanted)
    assert [m[1] for m in moved()] == ["to device", "to host", "to host"]


def test_a_device_array_is_written_where_it_is(device, moved):
    f = wg.offload(heat, device)
    u = wg.offload(fused, device)(x, y, 1.0)
    before = np.array(u)
    count = len(moved())
    for _ in range(3):
        f(u, 1)
    assert len(moved()) == count
    heat(before, 3)
    np.testing.assert_allclose(np.asarray(u), before)


def test_a_time_loop_keeps_to_its_buffers(device):
    f, u = wg.offload(heat, device), x.copy()
    f(u, 1)
    executable = f.last.executable
    asked = []
    allocate = executable._handles._residency.allocate
    executable._handles._residency.allocate = lambda size: asked.append(size) or allocate(size)
    f(u, 50)
    executable._handles._residency.allocate = allocate
    assert len(asked) <= 2
    (kernel,) = executable.placement().kernels
    assert kernel.launches == 50


def test_overlapping_arguments_are_refused(device):
    u = np.zeros(40)
    with pytest.raises(ValueFault, match="shares memory"):
        wg.offload(all_pairs, device)(u[:20], u[10:30])


def test_results_outlive_the_call_and_the_function(device):
    f = wg.offload(fused, device)
    results = [f(x, y, float(k)) for k in range(5)]
    del f
    gc.collect()
    for k, r in enumerate(results):
        np.testing.assert_allclose(np.asarray(r), fused(x, y, float(k)), rtol=1e-10)


def test_a_placement_shows_what_moved_for_its_own_call(device):
    f, g = wg.offload(fused, device), wg.offload(reused, device)
    u, v = np.arange(5.0), np.arange(6.0)
    y, z = f(u, u.copy(), 2.0), g(v, v.copy())
    assert np.asarray(y).size + np.asarray(z).size == 10
    for each, nbytes in ((f, 80), (g, 96)):
        moved = each.last.executable.placement().transfers
        assert (moved.bytes("to device"), moved.bytes("to host")) == (nbytes, 40)


def test_placement_says_where_everything_is(device):
    f = wg.offload(loss, device)
    f(x.copy(), y.copy())
    place = f.lower(x, y).placement
    assert {p.name for p in place.arrays} == {"x", "y"} and {p.device for p in place.arrays} == {device}
    assert all(k.launches <= 1 and k.line is not None for k in place.kernels) and any(k.launches for k in place.kernels)
    assert "first use" in repr(place) and "<table>" in place._repr_html_()


# -- faults


def gather(v: Vector, index: NDArray[np.int64], out: Vector) -> None:
    for i in wg.prange(index.shape[0]):
        out[i] = v[index[i]]


def test_an_index_out_of_bounds_in_a_kernel_names_the_line_and_the_device_lives_on(device):
    f = wg.offload(gather, device)
    out = np.zeros(5)
    with pytest.raises(IndexFault, match="index 99 is out of bounds for axis 0 with size 37") as fault:
        f(x, np.array([0, 1, 99, 2, 3]), out)
    assert isinstance(fault.value, IndexError)
    assert fault.value.line == gather.__code__.co_firstlineno + 2
    f(x, np.array([0, 1, -1, 2, 3]), out)
    np.testing.assert_array_equal(out, x[[0, 1, -1, 2, 3]])


def test_a_fault_of_the_host_part(device):
    def quotient(v: Vector, k: int) -> Vector:
        return v * float(10 // k)

    f = wg.offload(quotient, device)
    with pytest.raises(ZeroDivisionFault):
        f(x, 0)
    np.testing.assert_allclose(np.asarray(f(x, 5)), x * 2.0)


def test_loops_in_order_are_noted(device):
    f = wg.offload(sweep, device)
    f(x)
    ((note, span),) = f.last.executable.notes
    assert "one GPU thread" in note and span.line == sweep.__code__.co_firstlineno + 3


def test_profile_gives_each_kernel_its_time(device):
    f = wg.offload(loss, device)
    f(x, y)
    place = f.last.executable.profile(x, y)
    assert all((k.milliseconds is None) == (k.launches == 0) for k in place.kernels) and any(k.launches for k in place.kernels)


# -- fusion


def slopes(s: Vector, k: Vector):
    q = np.exp(s / k)
    r = np.sqrt(q + 1.0)
    return q * r, k / r, np.sin(q) - r


def shifted(x: Vector):
    y = np.exp(x)
    z = np.sqrt(y)
    return y[1:] + y[:-1], z * y


@pytest.mark.parametrize(
    ("function", "count"),
    [(slopes, 1), (wg.grad(lambda s, k: np.sum(np.log(s / k) * np.exp(-k) * s), wrt=(0, 1)), 1), (shifted, 2)],
)
def test_arrays_of_the_same_extents_are_written_by_one_kernel(function, count):
    arguments = [np.abs(x) + 0.5, np.abs(y) + 0.5][: 1 if function is shifted else 2]
    offloaded = wg.offload(function, "cuda-sim")
    results = offloaded(*arguments)
    for got, want in zip(results, function(*arguments), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    assert len(offloaded.last.executable.kernels) == count


@pytest.mark.parametrize(
    ("name", "kernels"),
    [("sums within iterations", "sum"), ("sparse rows", "sum"), ("deviations", "sum sum"), ("forces", "sum")],
)
def test_inner_sums_are_done_by_groups_of_threads(name, kernels):
    function, *arguments = CASES[name]
    offloaded = wg.offload(function, "cuda-sim")
    offloaded.lower(*arguments)
    names = [k.name.partition("_")[0] for k in compile_program(offloaded.last.traced.function, "cuda").kernels]
    assert [n for n in names if n == "sum"] == kernels.split()


def tape(x: Vector, count: int) -> float:
    """A nonlinear recurrence, so that its gradient has to keep every step."""
    u, v = x[0], x[1]
    for _ in range(count):
        u, v = u + 0.1 * np.sin(v), v - 0.1 * u * u
    return u * v


def test_arrays_of_neighbouring_threads_lie_within_each_other(device):
    slopes_of = wg.batch(wg.grad(tape), (0, None))
    starts = np.random.default_rng(0).normal(size=(300, 2))
    offloaded = wg.offload(slopes_of, device)
    np.testing.assert_allclose(np.asarray(offloaded(starts, 9)), slopes_of(starts, 9), rtol=1e-11, atol=1e-13)
    image = offloaded.last.executable.program.image
    assert "@wg_scratch_allocate(ptr %live, ptr %base, i64 %size, i64 %own)" in image and "@malloc" not in image
    assert len(offloaded.last.executable.kernels) <= 2  # no kernel fills a tape


# -- the same bits


def own_rows(a: Matrix, index: NDArray[np.int64]) -> float:
    total = 0.0
    for i in wg.prange(index.shape[0]):
        t = 0.0
        for k in range(a.shape[1]):
            t += a[i, k] * a[i, k]
        total += t
    return total


def gathered(v: Vector, index: NDArray[np.int64]) -> float:
    total = 0.0
    for i in wg.prange(index.shape[0]):
        total += v[index[i]] ** 2
    return total


def newton(s: Vector) -> Vector:
    v = s.copy()
    for _ in range(9):
        off = np.array([v[0] * v[0] + v[1] - 3.0, v[0] * v[1] - 2.0])
        step = np.linalg.solve(np.array([[2.0 * v[0], 1.0], [v[1], v[0]]]), off)
        v = v - step
        if np.abs(step).max() < 1e-12:
            break
    return v


def test_what_a_thread_adds_to_its_own_array_has_an_order(device):
    starts = np.array([[1.4, 1.1], [0.9, 2.2], [1.2, 1.5]])
    solved = wg.offload(wg.batch(newton), device, deterministic=True)
    np.testing.assert_allclose(np.asarray(solved(starts)), [newton(s) for s in starts], rtol=1e-12)
    assert "wg_add_double" not in compile_program(solved.last._stages().loaded.function, "cuda").image


def test_additions_in_a_changing_order_are_refused_where_the_same_bits_are_asked_for(device):
    index = np.array([0, 3, 3, 1])
    f = wg.offload(wg.grad(gathered), device, deterministic=True)
    with pytest.raises(wg.errors.UnsupportedError, match="order that changes") as fault:
        f(x, index)
    assert fault.value.line == gathered.__code__.co_firstlineno + 3
    np.testing.assert_allclose(np.asarray(wg.offload(wg.grad(gathered), device)(x, index)), wg.grad(gathered)(x, index))
    wanted = 2.0 * a
    wanted[5:] = 0.0
    rows = wg.offload(wg.grad(own_rows), device, deterministic=True)
    first = np.asarray(rows(a, np.arange(5)))
    np.testing.assert_allclose(first, wanted)
    assert all(np.array_equal(first, np.asarray(rows(a, np.arange(5)))) for _ in range(3))
    assert "wg_add_double" not in compile_program(rows.last.traced.function, "cuda").image


# -- plain loops


def halved(x: Vector) -> Vector:
    out = np.empty(len(x))
    for i in range(len(x)):
        a = x[i]
        while a > 0.1:
            a *= 0.5
        out[i] = a
    return out


def summed(x: Vector):
    s, n = 0.0, 0
    for i in range(len(x)):
        s += x[i] * 2.0
        n += 1
    return s, n


def beside(x: Vector) -> Vector:
    out = np.ones(len(x))
    for i in range(len(x) - 2):
        out[i + 1] = x[i] + x[i + 2]
    return out


def counted(x: Vector) -> Vector:
    bins = np.zeros(4)
    for i in range(len(x)):
        bins[int(x[i] * 4.0)] += 1.0
    return bins


def running(x: Vector) -> Vector:
    out = x.copy()
    for i in range(1, len(x)):
        out[i] += out[i - 1]
    return out


@pytest.mark.parametrize(("function", "threads"), [(halved, 1), (summed, 1), (beside, 1), (counted, 0), (running, 0)])
def test_plain_loops_whose_iterations_keep_to_places_of_their_own_are_threads(function, threads):
    x = np.random.default_rng(3).random(100)
    offloaded = wg.offload(function, "cuda-sim")
    for got, want in zip(np.atleast_1d(offloaded(x)), np.atleast_1d(function(x)), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)
    loops = [k.one_thread for k in offloaded.last.executable.placement().kernels if k.name.startswith("for")]
    assert loops == [not threads]
