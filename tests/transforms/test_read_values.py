"""What a function reads of Python is what it is at each call: globals, closures, and what can be changed in place."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass

import numpy as np
import pytest

import wengert as wg


@dataclass
class Settings:
    k: float = 1.0


class Model:
    scale = 1.0

    def __init__(self):
        self.k = 1.0

    def loss(self, x):
        return self.scale * self.k * np.sum(x * x)

    def __call__(self, x):
        return self.loss(x)


SPACE = {"k": 1.0, "list": [1.0], "settings": Settings(), "zero_d": np.array(1.0), "model": Model()}
MODULE = types.ModuleType("some_module")


def by_cell():
    k = 1.0

    def change(value):
        nonlocal k
        k = value

    return (lambda x: k * x), change


def append_to(items):
    items[:] = [1.0]
    return (lambda x: sum(items) * x), lambda value: items.append(value - 1.0)


WAYS = {
    "cell": by_cell,
    "dict": lambda: ((lambda x: SPACE["k"] * x), lambda v: SPACE.update(k=v)),
    "list": lambda: ((lambda x: SPACE["list"][0] * x), lambda v: SPACE["list"].__setitem__(0, v)),
    "length of a list": lambda: append_to(SPACE["list"]),
    "dataclass": lambda: ((lambda x: SPACE["settings"].k * x), lambda v: setattr(SPACE["settings"], "k", v)),
    "array without axes": lambda: ((lambda x: SPACE["zero_d"] * x), lambda v: SPACE["zero_d"].fill(v)),
    "object": lambda: ((lambda x: SPACE["model"].k * x), lambda v: setattr(SPACE["model"], "k", v)),
    "method": lambda: ((lambda x: SPACE["model"].loss(x)), lambda v: setattr(SPACE["model"], "k", v)),
    "class": lambda: ((lambda x: Model.scale * x), lambda v: setattr(Model, "scale", v)),
    "module": lambda: ((lambda x: MODULE.k * x), lambda v: setattr(MODULE, "k", v)),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("transform", [wg.jit, wg.grad])
def test_changed_values_are_seen(name, transform, monkeypatch):
    monkeypatch.setattr(Model, "scale", 1.0)
    SPACE.update(k=1.0, list=[1.0], settings=Settings(), zero_d=np.array(1.0), model=Model())
    MODULE.k = 1.0
    function, change = WAYS[name]()
    compiled = transform(function)
    assert compiled(1.0) == transform(function)(1.0) and compiled(1.0) == compiled(1.0)
    before = compiled(1.0)
    change(3.0)
    assert compiled(1.0) == pytest.approx(3.0 * before)


def test_the_short_way():
    """Machine code compares what was read itself: calls with nothing changed do not pass through Python."""
    items, table, settings, k = [1.0], {"k": 1.0}, Settings(), 1.0

    def function(x):
        return k * items[0] * table["k"] * settings.k * x

    compiled = wg.jit(function)
    assert compiled(1.0) == 1.0 and hasattr(compiled, "_fast")
    compiled._called = None  # whoever comes here fails
    assert compiled(2.0) == 2.0
    del compiled._called
    items[0], table["k"], settings.k, k = 2.0, 3.0, 5.0, 7.0
    assert compiled(1.0) == 210.0
    items.append(1.0)
    del table["k"]
    with pytest.raises(wg.errors.WengertError):
        compiled(1.0)


def test_what_is_read_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE", str(tmp_path))
    function, change = by_cell()
    assert wg.jit(function)(1.0) == 1.0
    again = wg.jit(function)
    assert again(1.0) == 1.0
    change(5.0)
    assert again(1.0) == 5.0


def scaled(x, k, *, shift=0.0):
    return k * np.sum(x * x) + shift


GIVEN = {
    "method": lambda: Model().loss,
    "object": Model,
    "partial, by position": lambda: functools.partial(lambda k, x: k * np.sum(x * x), 1.0),
    "partial, by name": lambda: functools.partial(scaled, k=1.0),
    "partial of a method": lambda: functools.partial(Model().loss),
    "partial, keyword only": lambda: functools.partial(scaled, k=1.0, shift=2.0),
}


@pytest.mark.parametrize("name", GIVEN)
def test_functions_with_given_arguments(name):
    function, x = GIVEN[name](), np.arange(3.0)
    assert wg.jit(function)(x) == function(x)
    np.testing.assert_allclose(wg.grad(function, "x")(x), 2 * x)
    np.testing.assert_allclose(wg.jacobian(wg.grad(function))(x), 2 * np.eye(3))
    np.testing.assert_allclose(wg.batch(function)(np.stack([x, x])), [function(x)] * 2)
    assert wg.jit(lambda y: function(y))(x) == function(x)


def test_a_method_reads_its_object_at_each_call():
    model = Model()
    compiled = wg.grad(model.loss)
    assert compiled(np.ones(1)) == 2.0
    model.k = 5.0
    assert compiled(np.ones(1)) == 10.0


@pytest.mark.parametrize("function", [np.sum, functools.partial(np.sum, axis=0), len])
def test_functions_of_libraries_themselves(function):
    assert wg.jit(function)(np.arange(3.0)) == function(np.arange(3.0))


def test_what_is_not_written_in_python_is_refused():
    with pytest.raises(wg.errors.WengertError, match=r"cannot be compiled|cannot be found"):
        wg.jit(dict)(np.ones(3))


def test_auxiliary_results_beside_the_value():
    (value, aux), gradient = wg.value_and_grad(lambda x: (np.sum(x * x), {"largest": np.max(x)}), has_aux=True)(np.arange(3.0))
    assert (value, aux) == (5.0, {"largest": 2.0})
    np.testing.assert_allclose(gradient, [0.0, 2.0, 4.0])
