"""How an argument reaches a result, and what the graph tab answers."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.api import Graph
from wengert.magics import paths


def f(x: float, y: float, z: float, n: int) -> float:
    a, b = y, 0.0
    for _ in range(n):
        a = np.sin(a) + b
        b = x
    if z > 0.0:
        a = a * 2.0
    return a


@pytest.fixture(scope="module")
def graph() -> Graph:
    return wg.jit(f).lower(0.1, 0.2, 0.3, 3).graph


def test_the_ends_of_paths(graph: Graph) -> None:
    assert paths.ends(graph) == (("x", "y", "z"), ("result",))


@pytest.mark.parametrize(("source", "through"), [("x", "np.sin(a) + b"), ("y", "np.sin(a)")])
def test_a_path_goes_through_the_trips_of_a_loop(graph: Graph, source: str, through: str) -> None:
    found = paths.path(graph, graph, source, "result")
    labels = [label for label, _ in found.steps]
    assert (labels[0], labels[-1]) == (source, "result") and through in labels
    assert found.count >= len(labels) - 2
    assert {n.label for n in graph.nodes if n.id in found.nodes} >= {source, through}


def test_what_only_a_condition_reads_has_no_path(graph: Graph) -> None:
    assert paths.path(graph, graph, "z", "result").steps == ()


def test_the_nodes_of_a_path_in_the_graph_of_the_gradient(graph: Graph) -> None:
    shown = wg.grad(f, wrt="x").lower(0.1, 0.2, 0.3, 3).graph
    found = paths.path(graph, shown, "x", "result")
    halves = {n.half for n in shown.nodes if n.id in found.nodes}
    assert found.steps and halves == {"primal", "adjoint"}
