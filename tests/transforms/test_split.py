"""One function over several devices: the same results in the same order, whatever the shares."""

from __future__ import annotations

import signal
from typing import NamedTuple

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.runtime.devices import devices

GPUS = [d.id for d in devices() if d.kind == "cuda" and d.available]
TWO = pytest.param(
    ["cuda:0", "cuda:1"],
    marks=[pytest.mark.gpu, pytest.mark.skipif(len(GPUS) < 2, reason=f"needs two GPUs, there are {len(GPUS)}")],
)


def orbit(start, rate, steps):
    u = start.copy()
    for _ in range(steps):
        u += rate * np.sin(u)
    return u, np.sum(u)


@pytest.mark.parametrize("where", [["cuda-sim", "cpu"], ["cpu", "cuda-sim", "cpu"], TWO])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_results_are_those_of_the_batch(where, count):
    batch = wg.batch(orbit, in_axes=(1, 0, None), out_axes=(1, 0))
    start, rate = np.random.default_rng(0).random((3, count)), np.linspace(0.1, 0.2, count)
    split = wg.offload(batch, where)
    for _ in range(3 if where[-1] == "cuda:1" else 1):  # by whichever threads, with arrays that are there already
        for wanted, got in zip(batch(start, rate, 5), split(start, rate, 5), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-13)
    assert [s.start for s in split.split][1:] == [s.stop for s in split.split][:-1]
    assert split.split[0].start == 0 and split.split[-1].stop == count


def test_shares():
    split = wg.offload(wg.batch(lambda x: x * x), ["cpu", "cuda-sim"], shares=[3, 1])
    assert np.array_equal(split(np.arange(8.0)), np.arange(8.0) ** 2)
    assert [(s.device, s.stop - s.start) for s in split.split] == [("cpu", 6), ("cuda-sim", 2)]
    assert "cpu 6" in repr(split)
    alone = wg.offload(wg.batch(lambda x: x * x), ["cpu", "cuda-sim"], shares=[0, 1])
    assert np.array_equal(alone(np.arange(4.0)), np.arange(4.0) ** 2) and len(alone.split) == 1


class State(NamedTuple):
    place: np.ndarray
    speed: np.ndarray


def test_gradients_and_user_types():
    energy = wg.batch(wg.grad(lambda s: np.sum(s.place**2) + np.sum(s.place * s.speed)))
    state = State(np.random.default_rng(1).random((9, 3)), np.random.default_rng(2).random((9, 3)))
    got = wg.offload(energy, ["cpu", "cuda-sim"])(state)
    assert type(got) is State
    np.testing.assert_allclose(got.place, 2 * state.place + state.speed, rtol=1e-14)


def test_an_error_of_one_part_is_the_caller_s():
    split = wg.offload(wg.batch(lambda x, k: x[k], in_axes=(None, 0)), ["cpu", "cuda-sim"])
    with pytest.raises(wg.errors.IndexFault):
        split(np.arange(3.0), np.array([0, 1, 2, 3]))
    assert np.array_equal(split(np.arange(3.0), np.array([0, 1, 2, 1])), [0.0, 1.0, 2.0, 1.0])


def test_what_a_batch_writes_is_a_result():
    def write(x):
        x[0] = 1.0

    x = np.zeros((4, 2))
    nothing, written = wg.offload(wg.batch(write), ["cpu", "cuda-sim"])(x)
    assert nothing is None and np.array_equal(written, [[1.0, 0.0]] * 4) and not x.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: wg.offload(wg.batch(lambda x: x), ["cpu", "cuda-sim"], shares=[1]), "one number"),
        (lambda: wg.offload(wg.batch(lambda x: x), ["cpu", "cuda-sim"], shares=[0, 0]), "not all of them 0"),
        (lambda: wg.offload(wg.batch(lambda x: x), "cpu", shares=[1]), "one device"),
        (lambda: wg.offload(wg.batch(lambda x: x), []), "empty"),
        (lambda: wg.offload(wg.batch(lambda x: x), None), "device=None"),
        (lambda: wg.offload(wg.batch(lambda x, y: x + y), ["cpu", "cuda-sim"])(np.zeros(3), np.zeros(4)), "extents"),
        (lambda: wg.grad(wg.offload(wg.batch(lambda x: x), ["cpu", "cuda-sim"]))(np.ones(3)), "several devices"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(wg.errors.WengertError, match=words):
        make()


# -- the outer axis of functions that are no batches


def several(x, y):
    extrema = np.max(x), np.min(x + y), np.any(x > 1.0), np.all(x > -9.0)
    return np.sum(x * y), np.sin(x) * y, np.mean(x), *extrema, (x * 9).astype(int)


def smooth(u):
    v = u.copy()
    v[1:-1] = 0.5 * (u[2:] + u[:-2])
    return v, u[1:] - u[:-1]


def rows(x, y):
    out, total = np.zeros((len(x), 3)), 1.0
    for i in wg.prange(len(x)):
        for k in range(3):
            out[i, k] = x[i] * k + y[k]
        total += x[i]
    return out, total


def halves(x):
    out = np.empty(len(x))
    for i in range(len(x)):
        a = x[i]
        while a > 0.1:
            a *= 0.5
        out[i] = a
    return out


def shifted(x):
    out, beside = np.ones(len(x)), np.zeros((2, len(x)))
    for i in range(len(x) - 2):
        out[i + 1] = x[i] + x[i + 2]
        beside[1, i + 1] = out[i + 1]
    return out, beside


def products(a, b):
    return a @ b.T, np.sum(a, axis=1), np.sum(a, axis=0), a.T, np.exp(a) / np.sum(np.exp(a), axis=1)[:, None]


def forces(p):
    a = np.zeros_like(p)
    for i in wg.prange(len(p)):
        for j in range(len(p)):
            d = p[j] - p[i]
            a[i] += d / (np.sum(d * d) + 0.1)
    return a


def by_table(x):
    t = np.zeros(5)
    for k in range(1, 5):
        t[k] = t[k - 1] + x[k]
    out = np.zeros(len(x))
    for i in wg.prange(len(x)):
        out[i] = x[i] * t[i % 5]
    return out


def area(n):
    s = 0.0
    for i in wg.prange(n):
        s += 4.0 / (1.0 + ((i + 0.5) / n) ** 2)
    return s / n, np.arange(n) * 2


def scaled_here(x, s):
    for i in wg.prange(len(x)):
        x[i] = x[i] * s
    return np.sum(x)


VECTOR, OTHER = np.random.default_rng(3).random((2, 37))
MATRIX = np.random.default_rng(4).random((11, 5))
AXES = {
    "several": (several, (VECTOR, OTHER), (0, 0)),
    "smooth": (smooth, (VECTOR,), (None,)),
    "rows": (rows, (VECTOR, OTHER), (0, None)),
    "halves": (halves, (VECTOR,), (0,)),
    "strided": (halves, (VECTOR[::-2],), (0,)),
    "two": (halves, (VECTOR[:2],), (0,)),
    "shifted": (shifted, (VECTOR,), (None,)),
    "products": (products, (MATRIX, MATRIX), (0, None)),
    "forces": (forces, (MATRIX,), (None,)),
    "by_table": (by_table, (VECTOR,), (None,)),
    "area": (area, (100,), (None,)),
    "scaled_here": (scaled_here, (VECTOR, 2.0), (0, None)),
    "gradient": (wg.value_and_grad(lambda x, y: np.sum(np.sin(x) * y)), (VECTOR, OTHER), (0, 0)),
}


@pytest.mark.parametrize("where", [["cuda-sim", "cpu", "cuda-sim"], TWO])
@pytest.mark.parametrize("name", AXES)
def test_outer_axes(name, where):
    function, args, cuts = AXES[name]
    alone, parts = ([np.array(a) if isinstance(a, np.ndarray) else a for a in args] for _ in range(2))
    split = wg.offload(function, where, shares=range(1, len(where) + 1))
    wanted, got = wg.jit(function)(*alone), split(*parts)
    pairs = zip(got, wanted, strict=True) if isinstance(wanted, tuple) else [(got, wanted)]
    for a, b in [*pairs, *zip(parts, alone, strict=True)]:
        assert type(a) is type(b) and np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=1e-12)
    (made,) = split._portions.values()
    assert made.portion.cuts == cuts
    assert [s.start for s in split.split] == [0, *(s.stop for s in split.split[:-1])]
    assert all(s.stop - s.start > 1 for s in split.split)


def test_extents_that_leave_nothing_to_share_out():
    split = wg.offload(halves, ["cuda-sim", "cpu"])
    for count in (0, 1, 3):
        np.testing.assert_array_equal(split(VECTOR[:count]), wg.jit(halves)(VECTOR[:count]))


def test_the_placement_shows_the_split():
    split = wg.offload(several, ["cuda-sim", "cpu"], shares=[2, 1])
    split(VECTOR, OTHER)
    shown = repr(split.placement)
    assert "cuda-sim ran 0 to 25 of 37" in shown and "cpu ran 25 to 37 of 37" in shown
    assert {t.bytes for t in split.placement.transfers if t.direction == "to device"} == {25 * 8}


@pytest.mark.parametrize("trips", [37, 38, 60])
def test_an_index_that_no_part_holds_is_out_of_bounds(trips):
    def copied(x, n):
        out = np.zeros(len(x))
        for i in range(n):
            out[i] = x[i]
        return out

    split = wg.offload(copied, ["cuda-sim", "cpu"])
    if trips == 37:
        np.testing.assert_array_equal(split(VECTOR, trips), VECTOR)
        return
    with pytest.raises(IndexError, match="index 37 is out of bounds for axis 0 with size 37"):
        split(VECTOR, trips)


def running_sum(x):
    for i in range(1, len(x)):
        x[i] += x[i - 1]
    return x


def size(x):
    return np.sqrt(np.sum(x * x))


def in_time(u, n):
    for _ in range(n):
        u = u + 0.1 * np.sin(u)
    return u


def mostly_own(x, y):
    z = x.copy()
    for i in range(len(x)):
        if z[i] > 0.5:
            z = y * 2.0
        z[i] = 0.0
    return z


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        (running_sum, (VECTOR,), "places of their own in `x`"),
        (size, (VECTOR,), "`sqrt` is computed from the whole"),
        (in_time, (VECTOR, 3), "places of their own in `u`"),
        (mostly_own, (VECTOR, OTHER), "places of their own in `z`"),
        (lambda x: np.cumsum(x), (VECTOR,), "of the one before"),
        (lambda a: np.linalg.inv(a), (np.eye(5),), "needs the whole"),
    ],
)
def test_what_cannot_be_split(function, args, words):
    with pytest.raises(wg.errors.UnsupportedError, match=words) as error:
        wg.offload(function, ["cuda-sim", "cpu"])(*args)
    assert error.value.span is not None


def forever(x, table, trips):
    k = 0
    while k < trips:
        x = np.sin(x) + table[int(x)]
        k += 1
    return x


def test_what_is_interrupted_ends_in_all_parts():
    """Else the call after it would wait for them."""

    def ring(*_):
        raise KeyboardInterrupt

    split, x, table = wg.offload(wg.batch(forever, (0, None, None)), ["cpu", "cpu"]), np.linspace(0.0, 1.0, 9), np.zeros(2)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        wanted = split(x, table, 3)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            split(x, table, 10**15)
        np.testing.assert_array_equal(split(x, table, 3), wanted)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_a_fault_in_one_part_ends_the_others():
    split, x = wg.offload(wg.batch(forever, (0, None, None)), ["cpu", "cpu"]), np.zeros(9)
    x[0] = 5.0
    with pytest.raises(IndexError, match="index"):
        split(x, np.zeros(2), 10**15)
    assert not split(np.zeros(9), np.zeros(2), 3).any()


def test_what_a_device_cannot_run_falls_back():
    def spectra(a, trips):
        for _ in range(trips):
            a = a + np.linalg.eigvalsh(a)
        return a

    batch, matrices = wg.batch(spectra, (0, None)), np.random.default_rng(3).random((5, 3, 3))
    with pytest.raises(wg.errors.UnsupportedError, match="eigvalsh"):
        wg.offload(batch, "cuda-sim")(matrices, 2)
    for where in ("cuda-sim", ["cuda-sim", "cpu"]):
        there = wg.offload(batch, where, fallback="cpu")
        assert there.notice == ""
        with pytest.warns(UserWarning, match="eigvalsh.*on the CPU instead of cuda-sim") as warned:
            np.testing.assert_array_equal(there(matrices, 2), batch(matrices, 2))
        assert len(warned) == 1 and (where != "cuda-sim" or warned[0].filename == __file__)
        assert "eigvalsh" in there.notice and "on the CPU instead of cuda-sim" in there.notice
    never = wg.offload(lambda x: divmod, "cuda-sim", fallback="cpu")
    with pytest.raises(wg.errors.CompileError):
        never(1.0)
    assert never.notice == "" and never.device == "cuda-sim"
