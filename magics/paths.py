"""How an argument reaches a result: the chains of operations between two nodes of a derivative graph."""

from __future__ import annotations

from collections.abc import Iterable

from wengert.compiler.api import Graph, GraphNode
from wengert.widgets.models import GraphPath


def ends(graph: Graph) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names between which paths can be asked for: arguments that can carry a derivative, and results."""
    starts = [n.label for n in graph.nodes if _is_argument(n) and n.active]
    return tuple(starts), tuple(n.label for n in graph.nodes if n.ir == "return" and n.half == "primal")


def _is_argument(node: GraphNode) -> bool:
    return node.line is None and node.half == "primal" and node.ir.startswith("%")


def path(graph: Graph, shown: Graph, source: str, target: str) -> GraphPath:
    """How `source` reaches `target` in the program `graph`, trips of loops included; what of it `shown` has too is named.

    Both are names of `ends(graph)`. Conditions and bounds of loops are no part of a path: they carry no derivative.
    """
    node = {n.id: n for n in graph.nodes}
    start = next(n.id for n in graph.nodes if _is_argument(n) and n.label == source)
    end = next(n.id for n in graph.nodes if n.ir == "return" and n.label == target)
    edges = [(a, b) for a, b in (*graph.edges, *graph.carried) if node[a].active and node[b].active]
    before = _search(edges, start)
    after = _search([(b, a) for a, b in edges], end)
    if end not in before:
        return GraphPath(source, target)
    chain = [end]
    while chain[-1] != start:
        chain.append(before[chain[-1]])
    steps = tuple((node[k].label, node[k].line) for k in reversed(chain))
    on = [node[k] for k in before if k in after and k not in (start, end)]
    places = {(n.line, n.column) for n in on}
    names = {n.id: n for n in shown.nodes}
    found = [n.id for n in shown.nodes if n.half == "primal" and (n.line, n.column) in places and n.line is not None]
    found += [n.id for n in shown.nodes if n.mirror in found]
    found += [n.id for n in shown.nodes if names[n.id].label in (source, f"∂{source}") and n.line is None]
    return GraphPath(source, target, steps, len(on), tuple(dict.fromkeys(found)))


def _search(edges: Iterable[tuple[str, str]], start: str) -> dict[str, str]:
    """Breadth first: each node that is reached, and the one it is reached from."""
    ahead: dict[str, list[str]] = {}
    for a, b in edges:
        ahead.setdefault(a, []).append(b)
    found, front = {start: start}, [start]
    for a in front:  # grows while it is walked
        for b in ahead.get(a, ()):
            if b not in found:
                found[b] = a
                front.append(b)
    return found
