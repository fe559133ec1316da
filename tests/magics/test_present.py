"""What the compiler says, as the views show it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.api import Graph, GraphNode, GraphRegion, Timing, Timings, watch_values
from wengert.magics import present
from wengert.magics.layers import Made
from wengert.magics.tabs import shown
from wengert.widgets import models, text

GRAPH = Graph(
    "grad_f",
    ("# %%autodiff", "def f(x: float, n: int) -> float:", "    return x * x"),
    (
        GraphNode("n1", "x", "primal", None, None, None, None, "%x", "f64", "primal", True),
        GraphNode("n2", "n", "primal", None, None, None, None, "%n", "i64", "primal"),
        GraphNode("n3", "multiply", "primal", "r1", None, 3, 11, "%0 = multiply %x, %x", "f64", "primal", True),
        GraphNode("n4", "add", "adjoint", None, "n3", 3, 11, "%1 = add %0, %0", "f64", "adjoint", True),
        GraphNode("n5", "add", "adjoint", None, "n3", 3, 11, "%2 = add %0, %0", "f64", "tangent", True),
    ),
    (GraphRegion("r1", "parallel", "for line 2", "primal", None, 2),),
    (("n1", "n3"), ("n1", "n4"), ("n3", "n4")),
)


def test_graph():
    model = present.graph_model(GRAPH)
    assert (model.title, model.first_line, model.has_adjoint) == ("grad_f", 1, True)
    by_id = model.node_by_id
    assert by_id["n4"].mirror == "n3"
    assert [n.id for n in model.nodes if n.stored] == ["n3"]  # not the argument, which is there anyway
    assert [n.id for n in model.nodes if n.active] == ["n1", "n3", "n4", "n5"]
    assert [n.note for n in model.nodes if n.note] == ["tangent"]
    assert model.regions == (models.Region("r1", "parallel", "line 2", None, "primal", 2),)
    assert model.edges[0] == models.Edge("n1", "n3")
    assert "multiply *  [line 3]" in text(model)


def test_timings():
    rows = (
        Timing("cpu", "f", 1e-3, 0.9e-3, 1.1e-3, 100),
        Timing("cuda:0", "f", 1e-4, 0.9e-4, 1.1e-4, 100, transfer=2e-3, note="warm"),
    )
    timings = Timings(
        rows, (("cuda:1", "not there"),), (("typed", 1.0, 5), ("LLVM", 9.0, None)), 1000, "m", "d", {"a": "1"}
    )
    model = present.timing_model(timings)
    assert [r.median for r in model.rows] == [1e-3, 1e-4]
    assert model.rows[0].note == ""
    assert model.rows[1].note == "moving arguments there and results back: 2 ms more; warm"
    assert model.unavailable == (models.Unavailable("cuda:1", "not there"),)
    assert model.stages == (models.CompileStage("typed", 1.0, 5), models.CompileStage("LLVM", 9.0, 0))
    assert (model.machine, model.date, model.versions) == ("m", "d", {"a": "1"})
    assert model.comparison(model.rows[1]) == "10× faster"


def test_placement_without_a_device_says_where_it_runs():
    model = present.placement_model(SimpleNamespace(__name__="f", last=None))
    assert model.where == "f runs on the CPU"
    assert model.devices[0].id == "cpu"
    assert model.devices[0].available


def test_placement_of_an_offloaded_function():
    transfer = SimpleNamespace(
        array="x", bytes=8, direction="to device", milliseconds=0.5, why="argument of f", order=3
    )
    place = SimpleNamespace(
        arrays=[SimpleNamespace(name="x", bytes=8, shape=(1,), dtype="float64", device="cpu")],
        kernels=[SimpleNamespace(name="k0", device="cpu", launches=2, line=4)],
        transfers=[transfer],
    )
    executable = SimpleNamespace(placement=lambda: place)
    model = present.placement_model(SimpleNamespace(__name__="f_cpu", last=SimpleNamespace(executable=executable)))
    assert model.arrays == (models.ArrayPlace("x", 8, (1,), "float64", "cpu"),)
    assert model.kernels == (models.KernelPlace("k0", "cpu", 2, 4),)
    assert model.transfers == (models.Transfer("x", 8, "to device", 0.5, "argument of f", 3),)


def cube_sum(x: np.ndarray) -> float:
    y = x * x[0]
    for _ in range(3):
        y = y * y
    return np.sum(y)


def made(*functions: Any) -> list[Made]:
    return [Made((f.__name__,), f) for f in functions]


def test_where_a_function_runs_is_said_before_its_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    gradient = wg.grad(cube_sum)
    assert present.where(gradient) == "grad_cube_sum runs on the CPU"
    missing = wg.batch(wg.offload(gradient, "cuda:7", fallback="cpu"))
    said = "batch_grad_cube_sum_cuda7 runs on the CPU instead of cuda:7: there is no device 'cuda:7' here"
    assert said in present.placement_model(missing).summary
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    assert "runs on cuda:0: its arrays" in present.where(wg.offload(gradient, "cuda:0"))


def test_a_stack_shows_the_derivative_that_is_compiled() -> None:
    primal, gradient = wg.jit(cube_sum), wg.grad(cube_sum)
    batch = wg.batch(gradient)
    primal(np.ones(3))
    assert shown(made(primal, gradient, batch)) is gradient  # not the primal: the derivative waits for its call
    gradient(np.ones(3))
    assert shown(made(primal, gradient, batch)) is gradient
    batch(np.ones((2, 3)))
    assert shown(made(primal, gradient, batch)) is batch


def test_adjoints_are_labelled_by_what_they_do() -> None:
    labels = [n.label for n in wg.grad(cube_sum).lower(np.ones(3)).graph.nodes if n.half == "adjoint"]
    assert labels[-1] == "∂x"
    assert "∂x[0] +=" in labels and any(label.startswith("∂y") for label in labels)
    values = [n.label for n in wg.value_and_grad(cube_sum).lower(np.ones(3)).graph.nodes]
    assert values[-2:] == ["value", "∂x"]


def test_a_node_says_its_rule_and_what_it_cost():
    def decay(x: float, n: int) -> float:
        for _ in range(n):
            x = x - np.sin(x) / 3.0
        return x

    made = wg.grad(decay)
    program = made.lower(2.0, 50)
    model = present.graph_model(program.graph)
    (sine,) = (n for n in model.nodes if n.half == "primal" and "sin" in n.label and "/" not in n.label)
    assert "rule     ∂sin(x)/∂x = cos(x)" in model.detail(sine.id)
    sent = model.to_dict()
    rules = [node["rule"] for node in sent["nodes"]]
    assert len(sent["rules"]) == max(rules) + 1 < len(rules)  # each is sent once
    assert sent["rules"][rules[[node["id"] for node in sent["nodes"]].index(sine.id)]] == "∂sin(x)/∂x = cos(x)"
    values = present.graph_values(model, watch_values(program, [2.0, 50]))
    assert values.texts[sine.id].endswith("; 50 elements computed")
