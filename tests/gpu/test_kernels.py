"""How loops and regions become kernels: right results on every device, and kernels of the form that was meant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import wengert as wg
from tests.gpu.test_programs import DEVICES, copies
from wengert.compiler.backend.device_outline import Outlined, outline
from wengert.compiler.backend.device_prepare import prepare
from wengert.compiler.backend.device_together import together
from wengert.compiler.diag.errors import IndexFault
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def nearest(c: Matrix, p: Matrix) -> float:
    cost = 0.0
    for i in wg.prange(p.shape[0]):
        best = 1e300
        for k in range(c.shape[0]):
            s = 0.0
            for j in range(p.shape[1]):
                d = p[i, j] - c[k, j]
                s += d * d
            best = min(best, s)
        cost += best
    return cost


def backwards(c: Matrix, p: Matrix) -> Matrix:
    """Both loops the other way round, with a number that the trips hand on."""
    out = np.empty((p.shape[0], c.shape[0]))
    for i in wg.prange(p.shape[0]):
        before = 0.0
        for k in range(c.shape[0] - 1, -1, -1):
            s = 1.0
            for j in range(p.shape[1] - 1, 0, -1):
                s = max(s, p[i, j] * c[k, j])
            before = 0.5 * before + s
            out[i, k] = before
    return out


def potential(p: Matrix, w: Vector) -> float:
    total = 0.0
    for i in wg.prange(p.shape[0]):
        e = 0.0
        for j in range(w.shape[0]):
            dx, dy = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1]
            e += w[j] / np.sqrt(dx * dx + dy * dy + 0.1)
        total += w[i] * e
    return total


def coarse(u: Vector, v: Vector) -> float:
    total = 0.0
    for i in wg.prange(u.shape[0]):
        for j in range(v.shape[0]):
            total += np.sin(u[i] * v[j])
    return total


def layer(w: Matrix, t: Vector) -> float:
    total = 0.0
    for i in range(w.shape[0]):
        s = 0.0
        for j in range(w.shape[1]):
            s += w[i, j] * t[j]
        total += np.tanh(s)
    return total


def steps(u: Matrix, count: int) -> Matrix:
    u = u.copy()
    for _ in range(count):
        u[1:-1, 1:-1] += 0.1 * (u[2:, 1:-1] + u[:-2, 1:-1] - 2.0 * u[1:-1, 1:-1]) * u[1:-1, :-2]
    return u


def reach(u: Vector, count: int) -> float:
    for _ in range(count):
        v = u.copy()
        v[3:-2] = 0.5 * (u[1:-4] + u[5:])
        v[1:] += 0.1 * u[:-1]
        u = v
    return np.sum(u * u)


def evens(u: Vector) -> Vector:
    out = np.zeros(2 * len(u) + 1)
    out[1::2] = np.sin(u)
    return out


def whole(x: Vector, rows: Matrix):
    a, b, c = np.empty(len(x)), np.zeros((len(rows), len(x))), np.empty_like(rows)
    for i in wg.prange(len(x)):
        t = x[i]
        while t > 0.1:
            t *= 0.5
        a[i] = t
        for k in range(len(rows)):
            b[k, i] = t + k
    for i in wg.prange(rows.shape[0]):
        c[i] = rows[i] * 2.0
    return a, b, c


def not_whole(x: Vector):
    a, b, c = np.ones(len(x)), np.ones(len(x) + 1), np.ones(len(x))
    for i in wg.prange(len(x)):
        if x[i] > 0.0:
            a[i] = 2.0
        b[i] = 3.0
    for i in wg.prange(len(x)):
        c[i] = c[i] + a[i]
    return a, b, c


def mixture(alpha: Vector, mu: Matrix, p: Matrix) -> float:
    likelihood = 0.0
    for i in wg.prange(p.shape[0]):
        logs = np.zeros(mu.shape[0])
        for k in range(mu.shape[0]):
            s = 0.0
            for j in range(p.shape[1]):
                s += (p[i, j] - mu[k, j]) ** 2
            logs[k] = alpha[k] - 0.5 * s
        top = np.max(logs)
        likelihood += top + np.log(np.sum(np.exp(logs - top)))
    return likelihood


def polynomial(c: Vector, p: Matrix) -> float:
    """c[0] is read in all iterations, c[k] with a number that depends on k."""
    total = 0.0
    for i in wg.prange(p.shape[0]):
        for _ in range(c.shape[0]):
            total += c[0] * p[i, 0]
        for k in range(c.shape[0]):
            for j in range(p.shape[1]):
                total += k * c[k] ** 2 * p[i, j]
    return total


def branching(a: Vector, c: Matrix, p: Matrix) -> float:
    """The adjoint of the total is handed through loops and branches."""
    total = 0.0
    for i in wg.prange(p.shape[0]):
        for k in range(c.shape[0]):
            for j in range(c.shape[1]):
                if p[i, j] > 0.0:
                    total += np.sin(c[k, j])
                else:
                    total += np.sin(a[k] * p[i, j])
    return total


def softmax_loss(x: Vector) -> float:
    e = np.exp(x - np.max(x))
    return np.sum((e / np.sum(e)) ** 2)


def prices(s: Vector, k: Vector, t: Vector) -> Vector:
    return np.log(s / k) / np.sqrt(t) - k * np.exp(-0.1 * t)


def relaxed(u: Matrix, v: Vector) -> Matrix:
    u = u.copy()
    for _ in range(2):
        u[:, :] = np.exp(-u * u) / (1.0 + v) + np.tanh(v)
    return u


def sparse_loss(values: Vector, x: Vector, columns: NDArray[np.int64], starts: NDArray[np.int64]) -> float:
    y = np.empty(len(starts) - 1)
    for i in wg.prange(len(y)):
        t = 0.0
        for k in range(starts[i], starts[i + 1]):
            t += values[k] * x[columns[k]]
        y[i] = t
    return np.sum(y * y)


def triangle(x: Vector) -> Matrix:
    out = np.zeros((len(x), len(x)))
    for i in wg.prange(len(x)):
        for k in range(i, len(x)):
            out[i, k] = np.exp(x[k]) * x[i]
    return out


def products(a: Matrix, b: Matrix, c: Matrix):
    """Shapes (m, k), (m, n), (n, k)."""
    w = np.exp(c)
    return (a.T @ b).T, (b @ w).T @ a, b @ np.sinh(c.T + 1.0).T, np.tanh(a @ w.T).T


rng = np.random.default_rng(11)
points, weights = rng.normal(size=(300, 2)), rng.random(300)
x = rng.normal(size=41)
p, c = rng.normal(size=(40, 3)), rng.normal(size=(21, 3))
CASES = {
    "nearest of 21": (nearest, c, p),
    "nearest of 3": (nearest, c[:3], p),
    "nearest of 0": (nearest, c[:0], p),
    "gradient of nearest of 21": (wg.grad(nearest), c, p),
    "backwards over 16": (backwards, c[:16], p),
    "backwards over 21": (backwards, c, p),
    "no coordinates": (nearest, np.zeros((9, 0)), np.zeros((5, 0))),
    "few pairs": (wg.grad(potential, wrt=(0, 1)), points[:20], weights[:20]),
    "a long and a short axis": (wg.grad(coarse, wrt=(0, 1)), x[:5], rng.normal(size=700)),
    "gradient of a mixture": (wg.grad(mixture, wrt=(0, 1)), rng.random(5), c[:5], p),
    "gradient of a mixture of one": (wg.grad(mixture, wrt=(0, 1)), rng.random(1), c[:1], p[:7]),
    "gradient of a mixture at no places": (wg.grad(mixture, wrt=(0, 1)), rng.random(5), c[:5], p[:0]),
    "gradient of a polynomial": (wg.grad(polynomial), rng.random(4), p),
    "gradient of shared weights": (wg.grad(lambda w, t: np.sum(wg.batch(layer, (None, 0))(w, t))), c[:4], p),
    "gradient through branches": (wg.grad(branching, wrt=(0, 1)), rng.random(5), c[:5], p[:9]),
    "steps": (steps, rng.normal(size=(70, 45)), 3),
    "gradient of steps": (wg.grad(lambda u, n: np.sum(steps(u, n) ** 2)), rng.normal(size=(70, 45)), 3),
    "gradient of small steps": (wg.grad(lambda u, n: np.sum(steps(u, n) ** 2)), rng.normal(size=(2, 3)), 3),
    "gradient of reach": (wg.grad(reach), x, 3),
    "evens": (evens, x),
    "whole": (whole, np.abs(x), rng.normal(size=(6, 4))),
    "not whole": (not_whole, x),
    "softmax": (wg.grad(softmax_loss), x),
    "sums over two axes": (
        lambda t: (np.sum(t * t), np.max(t, axis=(1, 2)), np.sum(t, axis=(0, 2))), rng.normal(size=(3, 900, 7)),
    ),
    "sums over no places": (lambda t: (np.sum(t * t), np.sum(t * t, axis=1)), np.zeros((5, 0))),
    "functions of three arrays": (prices, *(1.0 + rng.random((3, 2600)))),
    "functions of rows in place": (relaxed, rng.normal(size=(70, 45)), rng.random(45)),
    "gradient of sparse rows": (
        wg.grad(sparse_loss, wrt=(0, 1)), rng.normal(size=200), x, rng.integers(0, 41, 200), np.array([0, 3, 3, 90, 101, 200]),
    ),
    "triangle": (triangle, x),
    "transposed products": (products, p, rng.normal(size=(40, 5)), rng.normal(size=(5, 3))),
    "tall": (lambda t: t * 2.0 + 1.0, rng.normal(size=(1001, 3))),
}  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_offloaded_is_what_the_interpreter_says(name, device):
    function, *arguments = CASES[name]
    offloaded = wg.offload(function, device)
    got = flatten(offloaded(*copies(arguments)))[0]
    for one, wanted in zip(got, interpret(offloaded.last.traced.function, copies(arguments)), strict=True):
        np.testing.assert_allclose(np.asarray(one), wanted, rtol=1e-10, atol=1e-11)


def outlined(function, *arguments, deterministic: bool = False) -> Outlined:
    offloaded = wg.offload(function, "cuda-sim")
    offloaded.lower(*arguments)
    return outline(prepare(offloaded.last.traced.function, deterministic), deterministic)


@pytest.mark.parametrize(
    ("name", "launches"),
    [("steps", {"update_slice"}), ("gradient of steps", {"accumulate_slice"}), ("gradient of reach", {"accumulate_slice"})],
)
def test_a_step_in_time_is_one_kernel(name, launches):
    """Each loop of the host part launches one kernel a trip, whatever the number of regions that it updates."""
    host = outlined(*CASES[name]).host
    last = [op for op in host.body.ops if op.name == "for"][-1]
    found = [op.attrs["kernel"].name.rpartition("_")[0] for op in last.regions[0].walk() if op.name == "launch"]
    assert len(found) == 1 and set(found) == launches


def test_all_pairs_have_no_tape_and_no_atomic_additions():
    slopes = wg.grad(potential, wrt=(0, 1))
    made = outlined(slopes, points, weights, deterministic=True)
    assert not any(kernel.shared for kernel in made.kernels)
    assert sum(kernel.combine is not None for kernel in made.kernels) == 3  # e, and the sums over either axis
    squares = [op for op in made.host.walk() if op.name == "empty" and len(op.operands) == 2 and len(set(op.operands)) == 1]
    assert not squares


@pytest.mark.parametrize("device", DEVICES)
def test_gradients_of_all_pairs(device):
    slopes = wg.grad(potential, wrt=(0, 1))
    first, again = (wg.offload(slopes, device, deterministic=True)(points, weights) for _ in range(2))
    for wanted, a, b, c in zip(slopes(points, weights), first, again, wg.offload(slopes, device)(points, weights), strict=True):
        np.testing.assert_allclose(np.asarray(a), wanted, rtol=1e-10, atol=1e-10)
        assert np.array_equal(a, b) and np.array_equal(a, c)


@pytest.mark.parametrize("name", ["gradient of a mixture", "gradient of a polynomial"])
def test_additions_that_all_iterations_share_are_sums(name):
    """In an order that does not change: allowed where the same bits are asked for."""
    made = outlined(*CASES[name], deterministic=True)
    assert not any(kernel.shared for kernel in made.kernels)


def test_trips_that_load_the_same_are_done_together():
    (kernel, *_) = outlined(*CASES["nearest of 21"]).kernels
    together = max(len(op.results) for op in kernel.iteration.walk() if op.name == "for")
    assert together == 8


def test_a_product_reads_and_writes_transposed_matrices_as_they_lie():
    made = outlined(*CASES["transposed products"])
    dots = [op for op in made.host.walk() if op.name == "library_dot"]
    assert len(dots) == 5 and sum(op.attrs["contract"] == ((0,), (0,)) for op in dots) == 2
    assert not any(kernel.name.startswith("transpose") for kernel in made.kernels[:-1])  # the last is of tanh


@pytest.mark.parametrize("name", ["gradient of sparse rows", "triangle"])
def test_ranges_of_their_own_are_shared_by_threads(name):
    kernel = outlined(*CASES[name]).kernels[-1]
    assert kernel.name.startswith("for") and any(op.name == "right_shift" for op in kernel.iteration.walk())  # of the lanes


@pytest.mark.parametrize(("name", "count"), [("functions of three arrays", 4), ("functions of rows in place", 4), ("tall", 1)])
def test_several_elements_are_loaded_before_functions_are_called(name, count):
    kernel = outlined(*CASES[name]).kernels[-1]
    several = together(kernel.iteration, kernel.indices, 4)
    assert (1 if several is None else several[1]) == count
    if several is not None:
        names = [op.name for op in several[0].body.ops]
        last = max(k for k, name in enumerate(names) if name == "load")
        assert not {"exp", "log", "tanh", "sqrt"} & set(names[:last])


@pytest.mark.parametrize(("name", "fills"), [("whole", 0), ("not whole", 2)])
def test_what_is_written_whole_is_not_filled(name, fills):
    kernels = outlined(*CASES[name]).kernels
    assert sum(kernel.outputs for kernel in kernels if kernel.name.startswith("broadcast")) == fills


def third(p: Matrix) -> float:
    total = 0.0
    for i in wg.prange(p.shape[0]):
        for j in range(p.shape[0]):
            total += np.sqrt((p[j, 2] - p[i, 2]) ** 2 + 0.1)
    return total


@pytest.mark.parametrize("device", DEVICES)
def test_checks_of_a_tape_that_is_computed_again_are_still_made(device):
    gradient = wg.offload(wg.grad(third), device)
    with pytest.raises(IndexFault) as fault:
        gradient(points)
    assert fault.value.line == third.__code__.co_firstlineno + 4
    assert np.asarray(gradient(points[:0])).shape == (0, 2)
    found = np.asarray(gradient(rng.normal(size=(300, 3))))
    assert found.shape == (300, 3) and np.all(found[:, :2] == 0.0) and np.any(found[:, 2] != 0.0)


def shifted(a: Vector, b: Vector, n: int) -> Vector:
    out = np.zeros(a.shape[0])
    for i in wg.prange(a.shape[0]):
        for k in range(n):
            out[i] += a[i] * b[i + 2 * k]
    return out


def stopped(a: Vector, b: Vector) -> Vector:
    out = np.zeros(a.shape[0])
    for i in wg.prange(a.shape[0]):
        t, k = a[i], 0
        while t > 0.5:
            t, k = t * b[k % 3], k + 1
            t *= b[i]
        out[i] = t
    return out


def guarded(a: Vector, b: Vector, n: int) -> Vector:
    out = np.zeros(a.shape[0])
    for i in wg.prange(a.shape[0]):
        if i + n < b.shape[0]:
            out[i] = a[i] + b[i + n]
    return out


@pytest.mark.parametrize("device", DEVICES)
def test_checks_that_follow_from_extents_are_made_beforehand(device):
    """Nothing is left for kernels to check; where that does not hold, the program with its checks runs."""
    a, b = rng.normal(size=40), rng.normal(size=50)
    f = wg.offload(shifted, device)
    np.testing.assert_allclose(np.asarray(f(a, b, 6)), shifted(a, b, 6), rtol=1e-12)
    executable = f.last.executable
    assert not any(executable.program.kernel_faults) and executable._last is executable
    for n in (7, (1 << 63) - 1):  # numbers so large that sums go round are never assumed to be within
        with pytest.raises(IndexFault, match="out of bounds for axis 0 with size 50") as fault:
            f(a, b, n)
        assert fault.value.line == shifted.__code__.co_firstlineno + 4 and executable._last is not executable
    assert any(k.launches for k in executable.profile(a, b[:40], 0).kernels)
    np.testing.assert_allclose(np.asarray(f(a, b, 6)), shifted(a, b, 6), rtol=1e-12)
    assert executable._last is executable


@pytest.mark.parametrize("device", DEVICES)
def test_checks_that_are_never_reached_do_no_harm(device):
    a, b = np.array([0.9, 0.8, 0.1, 0.2]), np.array([0.6, 0.5, 0.4])
    f = wg.offload(stopped, device)
    np.testing.assert_allclose(np.asarray(f(a, b)), stopped(a, b), rtol=1e-12)  # b[3] is not read
    with pytest.raises(IndexFault, match="index 3 is out of bounds for axis 0 with size 3"):
        f(a[::-1].copy() + 0.4, b)
    g = wg.offload(guarded, device)
    for n in (0, 2, 9):
        np.testing.assert_allclose(np.asarray(g(a, b, n)), guarded(a, b, n), rtol=1e-12)
    assert g.last.executable._last is g.last.executable


def rows_into(a: Matrix, y: Vector) -> None:
    for i in wg.prange(a.shape[0]):
        t = 0.0
        for k in range(a.shape[1]):
            t += a[i, k]
        y[i] = t


def rows_and_one(a: Matrix) -> Vector:
    y = np.empty(a.shape[0])
    for i in wg.prange(a.shape[0]):
        t = 1.0
        for k in range(a.shape[1]):
            t += a[i, k]
        y[i] = t
    return y


def all_rows(a: Matrix) -> float:
    total = 0.0
    for i in wg.prange(a.shape[0]):
        t = 0.0
        for k in range(a.shape[1]):
            t += a[i, k]
        total += t
    return total


@pytest.mark.parametrize("device", DEVICES)
def test_sums_of_groups_are_stored_where_they_go(device):
    """By the kernel that adds up, if nothing else is done to them; what the loop does not write stays."""
    a, y = rng.normal(size=(40, 70)), rng.normal(size=45)
    f, g, h = (wg.offload(each, device) for each in (rows_into, rows_and_one, all_rows))
    wanted = np.concatenate([a.sum(1), y[40:]])
    f(a, y)
    np.testing.assert_allclose(y, wanted, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(g(a)), 1.0 + a.sum(1), rtol=1e-12)
    np.testing.assert_allclose(float(h(a)), a.sum(), rtol=1e-12)
    kinds = [[k.name.partition("_")[0] for k in each.last.executable.placement().kernels if k.launches] for each in (f, g, h)]
    assert kinds[:2] == [["sum"], ["sum", "for"]] and kinds[2][0] == "sum" and set(kinds[2][1:]) == {"combine"}
