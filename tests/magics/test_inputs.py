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


@pytest.mark.parametrize(
    ("names", "places", "across"),
    [
        (["x"], [[0.25], [0.5], [-1.0]], ["x"]),  # the curve stays, the point moves
        (["y"], [[0.25], [0.5]], ["x"]),  # another curve for each
        (["n"], [[2.0], [3.0]], ["x"]),  # a whole number: one after another
        (["n"], [[3.0]], ["x", "y"]),
        (["x", "y"], [[0.25, 0.75]], ["x", "y"]),  # a point of the map
    ],
)
def test_steps_of_sliders_are_what_the_model_shows_there(names, places, across):
    explorer = Explorer(wg.jit(wave), ["x", "y", "n", "u"], (0.5, 0.0, 2, np.array([3.0, 0.0])))
    start, told = {"x": 0.5, "y": 0.125, "n": 2.0}, 0
    places = np.array(places)
    while told < len(places):
        for row in explorer.steps(names, places[told:], start, across):
            model = explorer.model({**start, **dict(zip(names, places[told], strict=True))}, tuple(across))
            picture = [] if set(names) & set(across) else [*model.y, *model.slope] if len(across) == 1 else [*model.heights]
            if len(across) == 2 and picture:
                picture += [a[2] for a in model.arrows] + [a[3] for a in model.arrows]
            assert np.allclose(row, [model.value, *model.gradient.values(), *picture], rtol=1e-12, atol=1e-13)
            told += 1


def test_a_question_is_answered_as_far_as_the_time_goes(monkeypatch):
    explorer = Explorer(wg.jit(wave), ["x", "y", "n", "u"], (0.5, 0.0, 2, np.array([3.0, 0.0])))
    seconds = iter([0.0, 0.004, 0.0, 0.004])
    monkeypatch.setattr("wengert.magics.explore.perf_counter", lambda: next(seconds))
    places, start = np.linspace(0, 1, 1000)[:, None], {"x": 0.5, "y": 0.0, "n": 2.0}
    assert len(explorer.steps(["x"], places, start, ["x"])) == 1  # nothing is known of its cost yet
    assert len(explorer.steps(["x"], places, start, ["x"])) == 2  # 4 ms a step, 8 ms a question


def test_explore_says_what_is_missing():
    with pytest.raises(NothingToExplore, match="no argument that is one float"):
        Explorer(wg.jit(energy), ["x", "k"], (np.ones(3), 2))
    with pytest.raises(NothingToExplore, match="returns no single float"):
        Explorer(wg.jit(lambda x, k: x * k), ["x", "k"], (np.ones(3), 2.0))
