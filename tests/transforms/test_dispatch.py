"""Calls that go straight to machine code: what they keep of Python's calls, and that they leave nothing behind."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import wengert as wg

scale = 2.0
TABLE = np.arange(3.0)


def scaled(a, x, y=1.0):
    """Scaled."""
    return a * x * scale + y + TABLE[0]


def failing(x, k):
    return x[k]


X = np.ones(3)


def test_a_function_object_reads_as_its_function() -> None:
    f = wg.jit(scaled)
    assert (f.__name__, f.__doc__, f.__wrapped__) == ("scaled", "Scaled.", scaled)
    assert inspect.signature(f) == inspect.signature(scaled) and callable(f)
    assert copy.copy(f).__wrapped__ is scaled
    assert pickle.loads(pickle.dumps(f)).__wrapped__ is scaled
    np.testing.assert_array_equal(f(2.0, X), scaled(2.0, X))
    np.testing.assert_array_equal(f(2.0, y=3.0, x=X), scaled(2.0, X, 3.0))
    np.testing.assert_array_equal(f(*(2.0, X)), scaled(2.0, X))
    np.testing.assert_array_equal(copy.copy(f)(2.0, X), scaled(2.0, X))


def test_several_programs_take_turns() -> None:
    f = wg.jit(scaled)
    calls = [(2.0, X), (2, X), (np.float32(2), X.astype(np.float32)), (2.0, X[:1]), (2j, X), (2.0, np.ones((3, 3)))]
    for _ in range(3):
        for args in calls:
            wanted, given = scaled(*args), f(*args)
            assert given.dtype == wanted.dtype and f.last is f.programs[f.signature(args).key]
            np.testing.assert_array_equal(given, wanted)
    assert len(f.programs) == len(calls)


def test_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        @wg.jit
        def value(self, x):
            return np.sum(x) * scale

        @staticmethod
        @wg.jit
        def plain(x):
            return x + scale

    for _ in range(2):
        assert Model.plain(X).tolist() == [3.0, 3.0, 3.0]
    monkeypatch.setitem(globals(), "scale", 5.0)
    assert Model.plain(X).tolist() == [6.0, 6.0, 6.0]
    monkeypatch.delitem(globals(), "scale")
    with pytest.raises(wg.errors.WengertError, match="scale"):
        Model.plain(X)


def test_who_watches_the_calls_sees_each_once() -> None:
    f, seen = wg.jit(scaled), []
    f(2.0, X)
    f.on_call = lambda args, kwargs: seen.append((len(args), kwargs))
    f(2.0, X)
    f(2, X)
    f(2.0, X, y=2.0)
    f(2.0, X[::-1])
    assert seen == [(2, {}), (2, {}), (2, {"y": 2.0}), (2, {})]

    def refuse(args, kwargs):
        raise KeyError("no")

    f.on_call = refuse
    with pytest.raises(KeyError, match="no"):
        f(2.0, X)
    f.on_call = None
    f(2.0, X)
    assert len(seen) == 4


def test_calls_leave_no_references() -> None:
    f, g, k = wg.jit(scaled), wg.jit(failing), 2.0
    f.on_call = lambda args, kwargs: None
    things = [f, g, X, k, TABLE, NotImplemented, None, scaled.__globals__]

    def calls() -> None:
        for _ in range(40):
            f(k, X)
            f(2, X)
            f(k, X[::-1])
            f(k, X, y=k)
            for wrong in (lambda: g(X, 5), lambda: f("a", X)):
                with pytest.raises((IndexError, wg.errors.WengertError)):
                    wrong()

    calls()
    growths = []
    for _ in range(5):  # caches grow now and then, a leak in each round
        gc.collect()
        before = [sys.getrefcount(t) for t in things] + [sys.getallocatedblocks()]
        calls()
        gc.collect()
        after = [sys.getrefcount(t) for t in things] + [sys.getallocatedblocks()]
        growths.append([b - a for a, b in zip(before, after, strict=True)])
    assert max(map(min, zip(*growths, strict=True))) < 30


def test_a_function_that_nobody_holds_is_freed() -> None:
    f = wg.jit(lambda x: x * 2.0)
    f.on_call = lambda args, kwargs, own=f: None  # a cycle
    f(X)
    there = weakref.ref(f)
    del f
    gc.collect()
    assert there() is None


def test_programs_may_be_dropped_while_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher changes what the function was compiled with: the call that was begun ends as it began."""
    f = wg.jit(scaled)
    f(2.0, X)

    def drop(args, kwargs):
        f.on_call = None
        monkeypatch.setitem(globals(), "scale", 7.0)
        f._refresh()
        gc.collect()

    f.on_call = drop
    np.testing.assert_array_equal(f(2.0, X), np.full(3, 5.0))
    np.testing.assert_array_equal(f(2.0, X), np.full(3, 15.0))


def test_threads() -> None:
    f, wrong = wg.jit(scaled), []

    def work(a) -> None:
        for k in range(300):
            x = X if k % 3 else X[::-1]
            if not np.array_equal(f(a, x), scaled(a, x)):
                wrong.append(a)

    threads = [threading.Thread(target=work, args=(a,)) for a in (2.0, 3, np.float32(4))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_fault_names_the_line() -> None:
    g = wg.jit(failing)
    for _ in range(2):
        assert g(X, 1) == 1.0
        with pytest.raises(IndexError, match=r"return x\[k\]"):
            g(X, 3)


def test_the_collector_waits_only_while_compiling() -> None:
    seen: list[bool] = []
    f = wg.jit(lambda x: x + 1.0)
    make, f._make = f._make, lambda signature: (seen.append(gc.isenabled()), make(signature))[1]  # type: ignore[method-assign]
    f(X)
    assert seen == [False] and gc.isenabled()
    with pytest.raises(wg.errors.UnsupportedError):
        wg.jit(lambda x: np.poly(x))(X)
    assert gc.isenabled()
