"""The derivative graph: what carries derivatives, what the reverse sweep does about each value, loops' own edges, and the
values of a watched run."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.api import Graph, flatten, watch_values


def delayed(x: float, y: float, n: int) -> float:
    a = y
    b = 0.0
    s = 0.0
    for _ in range(n):
        s = s + np.sin(a) * a
        a = b
        b = x
    return s + x * 3.0


def node(graph: Graph, label: str) -> str:
    return next(n.id for n in graph.nodes if n.label == label)


def test_what_a_trip_hands_to_a_later_one_is_an_edge() -> None:
    graph = wg.jit(delayed).lower(0.5, 0.7, 4).graph
    assert (node(graph, "y"), node(graph, "np.sin(a)")) in graph.edges
    assert (node(graph, "x"), node(graph, "np.sin(a)")) in graph.carried  # through b, two trips later
    assert not any(n.sweep for n in graph.nodes)


def test_activity_and_the_sweep_are_those_of_reverse_mode() -> None:
    def f(x: float, c: float, n: int) -> float:
        k = c * 2.0
        u = np.exp(k)
        v = x + u
        for _ in range(n):
            v = np.sin(np.exp(v) * u)
        return v

    graph = wg.grad(f).lower(0.5, 0.25, 3).graph
    primal = {n.label: n for n in graph.nodes if n.half == "primal"}
    assert not primal["np.exp(k)"].active and primal["x + u"].active
    assert [primal[name].active for name in ("x", "c", "n")] == [True, False, False]
    assert primal["x + u"].sweep == "linear"
    kept = [n for n in graph.nodes if n.sweep in ("stored", "recomputed")]
    assert kept and all(n.reason for n in kept)


@pytest.mark.parametrize("n", [0, 4])
def test_a_watched_run_shows_the_values_of_the_nodes(n: int) -> None:
    lowered = wg.grad(delayed, wrt=("x", "y")).lower(0.5, 0.7, n)
    graph, values = lowered.graph, watch_values(lowered, [0.5, 0.7, n])
    assert values.ended == ""
    ends = [float(values.by_node[k.id].last) for k in graph.nodes if k.ir == "return"]
    np.testing.assert_allclose(ends, wg.grad(delayed, wrt=("x", "y"))(0.5, 0.7, n), rtol=1e-12)
    sines = values.by_node.get(node(graph, "np.sin(a)"))
    assert (sines.runs if sines else 0) == n
    if sines:
        assert sines.most == sines.largest == pytest.approx(np.sin(0.7)) and sines.least == 0.0


def test_a_watched_run_of_arrays_counts_what_is_not_finite_and_stops_in_time() -> None:
    def f(u: np.ndarray, n: int) -> float:
        for _ in range(n):
            u = np.log(u)
        return np.sum(u)

    lowered = wg.jit(f).lower(np.array([0.0, 1.0, 4.0]), 1)
    found = watch_values(lowered, flatten((np.array([0.0, 1.0, 4.0]), 1))[0]).by_node
    log = next(v for k, v in found.items() if k == node(lowered.graph, "np.log(u)"))
    assert (log.bad, log.runs, log.largest) == (1, 1, pytest.approx(np.log(4.0)))
    stopped = watch_values(lowered, [np.array([0.0, 1.0, 4.0]), 10**9], seconds=0.05)
    assert "stopped after 0.05 s" in stopped.ended and stopped.by_node


def test_a_helper_of_another_cell_stands_below_with_lines_of_its_own(tmp_path) -> None:
    (tmp_path / "helper.py").write_text("import numpy as np\n\n\ndef rate(u, k):\n    v = np.exp(u)\n    return v * k\n")
    made: dict = runpy.run_path(str(tmp_path / "helper.py"))
    rate = made["rate"]

    def f(x: float) -> float:
        return rate(x, 2.0) * x

    graph = wg.grad(f).lower(0.5).graph
    line = next(n.line for n in graph.nodes if n.label == "np.exp(u)")
    assert graph.source[line - 1] == "    v = np.exp(u)" and graph.elsewhere[line] == 5
    assert "# helper.py, from line 4" in graph.source and graph.source[line - 2] == "def rate(u, k):"
    assert all(n.mirror is None or n.line is not None for n in graph.nodes)
