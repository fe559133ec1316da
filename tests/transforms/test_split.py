"""A batch over several devices: the same results in the same order, whatever the shares."""

from __future__ import annotations

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
        (lambda: wg.offload(lambda x: x, ["cpu", "cuda-sim"]), "only a batch"),
        (lambda: wg.offload(wg.batch(lambda x: x), ["cpu", "cuda-sim"], shares=[1]), "one number"),
        (lambda: wg.offload(wg.batch(lambda x: x), "cpu", shares=[1]), "one device"),
        (lambda: wg.offload(wg.batch(lambda x, y: x + y), ["cpu", "cuda-sim"])(np.zeros(3), np.zeros(4)), "extents"),
        (lambda: wg.grad(wg.offload(wg.batch(lambda x: x), ["cpu", "cuda-sim"]))(np.ones(3)), "several devices"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(wg.errors.WengertError, match=words):
        make()
