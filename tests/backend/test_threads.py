"""Parallel loops and large array expressions: the same bits on any number of threads, faults in order, Ctrl-C, forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.runtime import threads
from wengert.compiler.runtime.support import support

N = 70_003


@pytest.fixture(autouse=True)
def pool() -> Iterator[threads.Pool]:
    pool = support().pool
    before = pool.count
    yield pool
    pool.count = before


def element_wise(x, a):
    return np.sin(x) * x + a.T, np.exp(-x)


def sums(x, a):
    return np.sum(np.sin(x) * x), np.max(x), np.prod(1.0 + x * 1e-6), np.sum(a * a, axis=0), np.mean(np.abs(a), axis=1)


def loop(x, a):
    out, steps = np.zeros(len(x)), np.zeros(len(x), np.int64)
    for i in wg.prange(len(x)):
        y = x[i]
        while abs(y * y - x[i] - 1.0) > 1e-9 and steps[i] < 50:
            y -= (y * y - x[i] - 1.0) / (2.0 * y + 0.1)
            steps[i] += 1
        out[i] = y
    return out, steps


def reductions(x, a):
    s, count, p = 0.5, 0, 1.0
    for i in wg.prange(len(x)):
        if x[i] > 0.25:
            s += np.sqrt(x[i])
            count += 1
        else:
            s -= x[i]
        p *= 1.0 + 1e-7 * x[i]
    return s, count, p


def temporaries(x, a):
    out = np.empty((a.shape[0], 3))
    for i in wg.prange(a.shape[0]):
        row = np.sort(a[i] * 2.0 + i)
        small = np.array([row[0], row[1], row[-1]])
        for k in range(3):
            small = small * 0.5 + np.sum(row) / (k + 1.0)
        out[i] = small
    return out


def added_to(x, a):
    total = np.zeros(7)
    for i in wg.prange(len(x)):
        total[i % 7] += x[i]
    return total


def gathered(x, a):
    index = (x * 1000.0).astype(np.int64)
    return x[index] + 1.0, a[:, ::-2] * 2.0


def time_loop(x, a):
    u = a.copy()
    for _ in range(3):
        u[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
    return u


PROGRAMS = (element_wise, sums, loop, reductions, temporaries, added_to, gathered, time_loop)


def arguments(function):
    rng = np.random.default_rng(3)
    a = rng.random((600, 600))
    return rng.random(600 if function is element_wise else N), a


def leaves(value):
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_the_same_bits_on_any_number_of_threads(function, pool):
    args = arguments(function)
    compiled = wg.jit(function)
    found = []
    for pool.count in (1, 2, 5):
        found += [leaves(compiled(*args)) for _ in range(2)]
    for other in found[1:]:
        for first, second in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(first, second)
    if function is not loop:  # minutes in Python
        short = (args[0], args[1]) if function not in (reductions, added_to) else (args[0][:2000], args[1])
        for got, wanted in zip(leaves(compiled(*short)), leaves(function(*short)), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "scalar",
    (lambda x, a: sums(x, a)[0], lambda x, a: reductions(x, a)[0], lambda x, a: np.sum(loop(x, a)[0])),
    ids=("sums", "reductions", "loop"),
)
def test_gradients_are_the_same_bits(scalar, pool):
    x, a = arguments(sums)
    gradient = wg.grad(scalar)
    pool.count = 1
    one = gradient(x, a)
    pool.count = 3
    np.testing.assert_array_equal(gradient(x, a), one)


def test_the_first_fault_is_reported_and_python_goes_on(pool):
    def f(x, at):
        out = np.zeros(len(x))
        for i in wg.prange(len(x)):
            s = 0.0
            for k in range(20):
                s += x[(i + k) % len(x)]
            out[i] = s + x[at[i]]
        return out

    x = np.ones(50_000)
    at = np.zeros(50_000, np.int64)
    at[[1234, 3, 49_999, 30_000]] = [60_001, 60_000, 60_002, 60_003]
    compiled = wg.jit(f)
    for pool.count in (1, 2, 4):
        with pytest.raises(IndexError, match="60000"):
            compiled(x, at)
    assert compiled(x, np.zeros(50_000, np.int64))[7] == 21.0


def test_python_threads_call_at_once(pool):
    pool.count = 3
    x, a = arguments(sums)
    compiled, wanted = wg.jit(sums), leaves(wg.jit(sums)(x, a))
    wrong = []

    def calls():
        for _ in range(20):
            if not all(np.array_equal(p, q) for p, q in zip(leaves(compiled(x, a)), wanted, strict=True)):
                wrong.append(1)

    callers = [threading.Thread(target=calls) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_other_threads_of_python_go_on_beside_a_long_call():
    def long(n):
        s = 1.0
        for k in range(n):
            s = s * 0.999 + k
        return s

    compiled, beats, done = wg.jit(long), [0], threading.Event()
    compiled(10)

    def beat():
        while not done.wait(0.001):
            beats[0] += 1

    heart = threading.Thread(target=beat)
    heart.start()
    before = beats[0]
    compiled(100_000_000)
    after = beats[0]
    done.set()
    heart.join()
    assert after - before > 5


def test_interrupt(pool):
    pool.count = 2

    def f(n):
        out = np.zeros(n)
        for i in wg.prange(n):
            s = 1.0
            for k in range(1_000_000):
                s = s * 0.999 + k
            out[i] = s
        return out

    compiled = wg.jit(f)
    compiled(1)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            compiled(100_000)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert compiled(2)[0] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own(pool):
    pool.count = 2
    x, a = arguments(sums)
    compiled = wg.jit(sums)
    wanted = compiled(x, a)[0]
    child = os.fork()
    if not child:
        os._exit(0 if compiled(x, a)[0] == wanted else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert compiled(x, a)[0] == wanted


@pytest.mark.parametrize("given, wanted", (("3", "3"), ("0", "OptionError"), ("many", "OptionError")))
def test_the_number_of_threads_is_an_environment_variable(given, wanted):
    program = (
        "from wengert.compiler.runtime.support import support\n"
        "try: print(support().pool.count)\nexcept Exception as e: print(type(e).__name__)"
    )
    environment = {**os.environ, threads.VARIABLE: given}
    out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == wanted
