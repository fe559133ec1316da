"""What reverse mode keeps: the plan as data, budgets, and loops that run again from snapshots."""

from __future__ import annotations

import resource

import numpy as np
import pytest

import wengert as wg


def linear(u, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        v = u.copy()
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = v
    return np.mean(u * u)


def nonlinear(u, steps):  # type: ignore[no-untyped-def]
    for _ in range(steps):
        v = u.copy()
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - u[:-2]) ** 2
        u = v
    return np.mean(u * u)


def rows(a):  # type: ignore[no-untyped-def]
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1] - 1):
            s = s * a[i, j] + a[i, j + 1]
    return s


def scalar(x, n):  # type: ignore[no-untyped-def]
    y = x
    z = 1.0
    for _ in range(n):
        y, z = y + 0.01 * z * y, z - 0.01 * y * z
    return y * z


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (linear, (np.linspace(0.0, 1.0, 50), 20), 0),
        (nonlinear, (np.linspace(0.0, 1.0, 50), 20), 20 * 50 * 8),
        (scalar, (0.5, 1000), 2 * 8 * 1000),
        (rows, (np.linspace(0.9, 1.1, 12).reshape(3, 4),), 3 * 3 * 8),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_bytes_of_the_plan(function, args, expected) -> None:  # type: ignore[no-untyped-def]
    plan = wg.grad(function).lower(*args).plan
    assert plan.bytes == expected
    assert plan.extra_time is not None and plan.memory is None and plan.checkpoints == ()
    assert all(k.span is not None for k in plan.kept)


def test_a_function_without_a_reverse_sweep_has_no_plan() -> None:
    with pytest.raises(wg.errors.WengertError, match="no reverse sweep"):
        _ = wg.jit(scalar).lower(0.5, 3).plan


def in_place(u0, steps):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for t in range(2, 2 + 3 * steps, 3):
        for i in range(1, u.shape[0] - 1):
            u[i] = u[i] + 0.1 * np.sin(u[i - 1] * u[i + 1]) / t
    return np.sum(u * u)


def until(x, tolerance):  # type: ignore[no-untyped-def]
    y = x
    n = 0
    while y * y > tolerance:
        y = y * np.cos(y)
        if n % 3 == 0:
            y = y * 0.9
        n += 1
    return y + n


def twice(x, n):  # type: ignore[no-untyped-def]
    a = x
    for i in range(n):
        a = np.sin(a) + x * i * 0.01
    b = a
    for i in range(n - 1, -1, -1):
        b = b * np.cos(b * a) + 0.1 * i
    return b


LOOPS = [
    (scalar, (0.5, 37)),
    (scalar, (0.5, 1)),
    (scalar, (0.5, 0)),
    (nonlinear, (np.linspace(0.0, 1.0, 11), 23)),
    (in_place, (np.linspace(0.2, 1.0, 7), 12)),
    (until, (1.2, 1e-2)),
    (twice, (0.4, 19)),
]


@pytest.mark.parametrize(("function", "args"), LOOPS, ids=lambda v: getattr(v, "__name__", None))
@pytest.mark.parametrize("memory", [0, 300, 4000])
def test_gradients_from_snapshots_are_the_same(function, args, memory) -> None:  # type: ignore[no-untyped-def]
    bounded = wg.grad(function, memory=memory)
    np.testing.assert_array_equal(bounded(*args), wg.grad(function)(*args))
    plan = bounded.lower(*args).plan
    assert plan.checkpoints and plan.memory == memory
    second = wg.jvp(bounded)((args), (np.ones_like(args[0]) if np.ndim(args[0]) else 1.0, None))[1]
    expected = wg.jvp(wg.grad(function))(args, (np.ones_like(args[0]) if np.ndim(args[0]) else 1.0, None))[1]
    np.testing.assert_allclose(second, expected, rtol=1e-12)


def test_snapshots_fit_the_budget() -> None:
    args = (np.linspace(0.0, 1.0, 1000), 500)
    plan = wg.grad(nonlinear, memory="100 KB").lower(*args).plan
    (loop,) = plan.checkpoints
    assert (loop.trips, loop.bytes_per_snapshot, loop.snapshots) == (500, 8000, 12)
    assert plan.bytes is not None and plan.bytes <= 100_000
    assert loop.runs == 2 + 4 and plan.extra_time == 5  # C(12 + 4, 4) = 1820 >= 500 > C(12 + 3, 3)


def pendulum(x, n):  # type: ignore[no-untyped-def]
    y = x
    z = 0.0
    for _ in range(n):
        y, z = y + 1e-6 * z, z - 1e-6 * np.sin(y)
    return y * y + z


@pytest.mark.parametrize(
    ("make", "memory"),
    [
        (lambda: wg.grad(pendulum, memory="1MB"), 1e6),
        (lambda: wg.grad(pendulum, memory="64MB"), 64e6),
        (lambda: wg.grad(wg.checkpoint(pendulum)), 64e6),
    ],
)
def test_a_million_steps_in_constant_memory(make, memory) -> None:  # type: ignore[no-untyped-def]
    gradient = make()
    gradient(0.5, 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = gradient(0.5, 1_000_000)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < memory + 4e6
    np.testing.assert_allclose(found, wg.jvp(pendulum)((0.5, 1_000_000), (1.0, None))[1], rtol=1e-10)


def branch(x, n):  # type: ignore[no-untyped-def]
    y = x
    if n > 2:
        for _ in range(n):
            y = np.sin(y) * y
    return y


def nest(x, n):  # type: ignore[no-untyped-def]
    y = x.copy()
    s = 0.0
    for _ in range(n):
        if y[0] > 0.1:
            for _ in range(n):
                z = y * 0.5
                while z[0] < 1.0:
                    z = z * (1.1 + 0.1 * np.sin(y[1] * z))
                y = y + 1e-3 * z
        else:
            y = y + 0.1
        s += y[1] * y[0]
        y[0] = y[0] - 0.02 * np.sin(y[1])
    return s


def lanes(x, n):  # type: ignore[no-untyped-def]
    out = np.zeros(x.shape[0])
    for i in wg.prange(x.shape[0]):
        y = x[i]
        for _ in range(n):
            y = y + 0.1 * np.sin(y * y)
        out[i] = y * y
    return np.sum(out)


def cell(w, n):  # type: ignore[no-untyped-def]
    h = np.zeros(3)
    for _ in range(n):
        h = np.tanh(w @ h + 0.3)  # three elements again, if w is square
    return np.sum(h)


@pytest.mark.parametrize(
    ("function", "x", "memory", "around"),
    [
        (branch, 0.6, 0, [None]),
        (nest, np.array([0.05, 0.7, 0.4]), 400, [None, 0, 1]),
        (lanes, np.linspace(0.1, 1.0, 5), 60, [None]),
        (cell, np.linspace(-0.5, 1.0, 9).reshape(3, 3), 100, [None]),
    ],
)
def test_loops_in_loops_and_branches_are_bounded(function, x, memory, around) -> None:  # type: ignore[no-untyped-def]
    bounded = wg.grad(function, memory=memory)
    np.testing.assert_allclose(bounded(x, 9), wg.grad(function)(x, 9), rtol=1e-13)
    plan = bounded.lower(x, 9).plan
    assert [c.within for c in plan.checkpoints] == around
    assert plan.bytes is not None and plan.bytes <= max(memory, 16)


def test_runs_add_up_over_nested_loops() -> None:
    def inner(x, n):  # type: ignore[no-untyped-def]
        y = x
        for _ in range(n):
            for _ in range(n):
                y = np.sin(y) * y
        return y

    plan = wg.grad(inner, memory=160).lower(0.5, 50).plan
    assert [(c.snapshots, c.runs) for c in plan.checkpoints] == [(5, 2 + 3), (5, 2 + 3 + 1 + 3)]  # C(5 + 3, 3) = 56 >= 50
    assert plan.extra_time == 8


def grows(x, n):  # type: ignore[no-untyped-def]
    xs = []
    for i in range(n):
        for k in range(2):
            x = np.sin(x) * x + 0.1
            xs.append(x * k)
        if x > 0.2:
            xs.append(x * i)
    return sum(xs) * len(xs)


def trajectory(x, n):  # type: ignore[no-untyped-def]
    xs, sums = np.zeros((n, 3)), np.zeros(2)
    for i in range(n):
        x = np.sin(x) * x + 0.1
        xs[i] = x
        sums[i % 2] += x * x
    return np.sum(xs**2) * sums[0] + sums[1]


@pytest.mark.parametrize(("function", "snapshot"), [(grows, 16), (trajectory, 8)])
def test_snapshots_leave_out_what_is_only_written(function, snapshot) -> None:  # type: ignore[no-untyped-def]
    """A list or trajectory is no part of the state from which trips run again."""
    bounded = wg.grad(function, memory=100)
    np.testing.assert_allclose(bounded(0.5, 9), wg.grad(function)(0.5, 9), rtol=1e-13)
    plan = bounded.lower(0.5, 9).plan
    assert plan.checkpoints[0].bytes_per_snapshot == snapshot and plan.bytes is not None and plan.bytes <= 100
    second = wg.jvp(wg.grad(function))((0.5, 9), (1.0, None))[1]
    assert wg.jvp(bounded)((0.5, 9), (1.0, None))[1] == pytest.approx(second, rel=1e-12)


def ended_by_what_is_carried(y, n):  # type: ignore[no-untyped-def]
    s = 1.0
    for _ in range(n):
        while s > 0.1:
            y = y * y
            s = 0.3 * y
    return y


@pytest.mark.parametrize("n", [1, 5])
def test_what_ends_a_loop_inside_is_read(n) -> None:  # type: ignore[no-untyped-def]
    """`s` is read by the condition alone: without it every trip would start the inner loop anew."""
    assert wg.grad(ended_by_what_is_carried, memory=2)(0.9, n) == pytest.approx(16 * 0.9**15, rel=1e-13)


def exchanged(x, n):  # type: ignore[no-untyped-def]
    u, w = np.zeros(n), np.ones(n)
    for i in range(n):
        u[i] = x
        x = np.sin(x) * x + 0.2
        u, w = w, u
    return np.sum(u * w * np.arange(n))


def test_arrays_that_change_places_are_part_of_it() -> None:
    bounded = wg.grad(exchanged, memory=500)
    assert bounded(0.5, 6) == pytest.approx(wg.grad(exchanged)(0.5, 6), rel=1e-14)
    assert bounded.lower(0.5, 6).plan.checkpoints[0].bytes_per_snapshot == 2 * 6 * 8 + 8


def reads_its_list(x, n):  # type: ignore[no-untyped-def]
    xs = [x]
    for _ in range(n):
        xs.append(np.sin(xs[-1]) * x)
    return sum(xs)


def shrinks(x, n):  # type: ignore[no-untyped-def]
    for _ in range(n):
        a = x * 1.0
        while len(a) > 1:
            a = np.sin(a[::2] * a[1::2])
        x = x + 0.1 * a[0]
    return np.sum(x * x)


def appends(x, n):  # type: ignore[no-untyped-def]
    for _ in range(n):
        x = np.append(np.sin(x), x[0])
    return np.sum(x * x)


def test_arrays_that_shrink_run_again_from_snapshots() -> None:
    x = np.linspace(0.5, 1.5, 8)
    bounded = wg.grad(shrinks, memory=100)
    np.testing.assert_allclose(bounded(x, 5), wg.grad(shrinks)(x, 5), rtol=1e-13)
    assert [c.bytes_per_snapshot for c in bounded.lower(x, 5).plan.checkpoints] == [64, 64 + 8]  # and the extent


def test_what_cannot_be_bounded_is_refused() -> None:
    with pytest.raises(wg.errors.WengertError, match="cannot be bounded"):
        wg.grad(reads_its_list, memory=100)(0.5, 5)
    with pytest.raises(ValueError, match="grows in a loop"):
        wg.grad(appends, memory=100)(np.arange(6.0), 3)
    with pytest.raises(ValueError, match="changes its shape in a loop"):
        wg.grad(cell, memory=100)(np.linspace(-0.5, 1.0, 12).reshape(4, 3), 9)
    with pytest.raises(wg.errors.WengertError, match="not an amount of memory"):
        wg.grad(shrinks, memory="much")
