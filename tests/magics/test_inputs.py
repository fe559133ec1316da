"""The last arguments of a function, held no longer than the user holds them; and what the explore tab computes."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

pytest.importorskip("IPython")
import wengert as wg
from wengert.magics.explore import Explorer, NothingToExplore
from wengert.magics.inputs import SMALL, last_arguments, watch
from wengert.magics.layers import Made


def energy(x, k):
    return np.sum(x * x) * k


def test_last_arguments_of_a_stack():
    f = wg.jit(energy)
    g, many = wg.grad(f), wg.batch(f, (0, None))
    chain = [Made((m.__name__,), m) for m in (f, g, many)]
    for made in (f, g, many):
        watch(made)
    assert last_arguments(chain, f) is None
    g(np.ones(3), 2.0)
    many(np.ones((2, 3)), 2.0)
    assert last_arguments(chain, f)[0].shape == (3,)
    assert last_arguments(chain, many)[0].shape == (2, 3)


@pytest.mark.parametrize(("size", "kept"), [(3, True), (SMALL // 8 + 1, False)], ids=["small", "large"])
def test_large_arrays_are_not_kept_alive(size, kept):
    f = wg.jit(energy)
    call = watch(f)
    x = np.ones(size)
    f(x, 2.0)
    call.settle()
    assert call.arguments is not None and call.arguments[1] == 2.0
    del x
    gc.collect()
    assert (call.arguments is not None) is kept


def wave(x: float, y: float, n: int, u):
    return u[0] * np.sin(n * x) * np.cos(y)


def test_explore_curve_and_map():
    explorer = Explorer(wg.jit(wave), ["x", "y", "n", "u"], (0.5, 0.0, 2, np.array([3.0, 0.0])))
    model = explorer.model({"x": 0.25, "y": 0.0, "n": 2.0})
    assert model.value == pytest.approx(3 * math.sin(0.5)) and model.gradient["x"] == pytest.approx(6 * math.cos(0.5))
    assert np.allclose(model.y, 3 * np.sin(2 * np.array(model.x))) and np.allclose(model.slope, 6 * np.cos(2 * np.array(model.x)))
    assert model.fixed == ("u: 2 float64, as in the last call",)
    grid = explorer.model({"x": 0.25, "y": 0.0, "n": 2.0}, ("x", "y"))
    x, y = np.meshgrid(grid.x, grid.y)
    assert np.allclose(np.reshape(grid.heights, x.shape), 3 * np.sin(2 * x) * np.cos(y))
    px, py, dx, dy = grid.arrows[7]
    assert (dx, dy) == pytest.approx((6 * np.cos(2 * px) * np.cos(py), -3 * np.sin(2 * px) * np.sin(py)))


def test_explore_says_what_is_missing():
    with pytest.raises(NothingToExplore, match="no argument that is one float"):
        Explorer(wg.jit(energy), ["x", "k"], (np.ones(3), 2))
    with pytest.raises(NothingToExplore, match="returns no single float"):
        Explorer(wg.jit(lambda x, k: x * k), ["x", "k"], (np.ones(3), 2.0))
