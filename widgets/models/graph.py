"""The derivative graph: the primal program, its adjoint, and which adjoint value belongs to which primal one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

Half = Literal["primal", "adjoint"]
RegionKind = Literal["for", "while", "if", "call", "parallel"]


@dataclass(frozen=True)
class Node:
    """One operation. `line` is 1-based in the cell or file, `parent` the id of the region that holds it.

    `mirror` names the primal node that an adjoint node is derived from; `stored` says that the value is
    kept from the forward for the reverse sweep. `sweep` is what the reverse sweep does about it ("stored",
    "recomputed", "linear", "" for nothing) and `reason` why; `rule` holds its partial derivatives, line by
    line; `device` where it runs ("" where nothing is offloaded).
    """

    id: str
    label: str
    half: Half = "primal"
    parent: str | None = None
    mirror: str | None = None
    line: int | None = None
    column: int | None = None
    ir: str = ""
    type: str = ""
    active: bool = False
    stored: bool = False
    note: str = ""
    sweep: str = ""
    reason: str = ""
    rule: str = ""
    device: str = ""


@dataclass(frozen=True)
class Region:
    """A loop, branch or call that holds nodes and further regions; drawn collapsed until it is opened."""

    id: str
    kind: RegionKind
    label: str = ""
    parent: str | None = None
    half: Half = "primal"
    line: int | None = None


@dataclass(frozen=True)
class Edge:
    """The value of node `source` is read by node `target`; the two may lie in different regions and halves."""

    source: str
    target: str


@dataclass(frozen=True)
class GraphValues:
    """What one watched run showed: `texts` and the largest magnitude `sizes` by node id; `ended`: why it stopped early."""

    texts: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    ended: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able dictionaries."""
        return {"texts": dict(self.texts), "sizes": dict(self.sizes), "ended": self.ended}


@dataclass(frozen=True)
class GraphPath:
    """How `source` reaches `target`: one shortest chain of (operation, line) in `steps` (empty: it does not), `count`
    operations on all chains, and `nodes`, the ids of those of them that the graph shows."""

    source: str
    target: str
    steps: tuple[tuple[str, int | None], ...] = ()
    count: int = 0
    nodes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON-able dictionaries."""
        return asdict(self)


@dataclass(frozen=True)
class GraphModel:
    """What the graph view shows: `source` lines starting at line number `first_line`, and the two halves.

    `starts` and `ends` are the arguments and results between which paths can be asked for.
    """

    kind: ClassVar[str] = "graph"

    title: str
    source: tuple[str, ...] = ()
    first_line: int = 1
    nodes: tuple[Node, ...] = ()
    regions: tuple[Region, ...] = ()
    edges: tuple[Edge, ...] = ()
    has_adjoint: bool = field(default=False)
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("source", "nodes", "regions", "edges", "starts", "ends"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check()

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-able dictionaries and lists, the form the browser reads; nodes hold the number of their rule
        among `rules`, -1 without one."""
        flat = ("nodes", "regions", "edges")  # of plain values: `asdict` would look into each of them
        data = asdict(replace(self, nodes=(), regions=(), edges=()))
        data |= {name: [dict(vars(item)) for item in getattr(self, name)] for name in flat}
        rules: dict[str, int] = {}
        for node in data["nodes"]:
            rule = node["rule"]
            node["rule"] = rules.setdefault(rule, len(rules)) if rule else -1
        return {**data, "rules": list(rules)}

    @cached_property
    def node_by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def region_by_id(self) -> dict[str, Region]:
        return {region.id: region for region in self.regions}

    def operands(self, node_id: str) -> list[Node]:
        """The nodes whose values `node_id` reads."""
        return [self.node_by_id[edge.source] for edge in self.edges if edge.target == node_id]

    def users(self, node_id: str) -> list[Node]:
        """The nodes that read the value of `node_id`."""
        return [self.node_by_id[edge.target] for edge in self.edges if edge.source == node_id]

    def adjoints(self, node_id: str) -> list[Node]:
        """The adjoint nodes derived from primal node `node_id`."""
        return [node for node in self.nodes if node.mirror == node_id]

    def enclosing(self, item: Node | Region) -> Iterator[Region]:
        """The regions around `item`, innermost first."""
        parent = item.parent
        while parent is not None:
            region = self.region_by_id[parent]
            yield region
            parent = region.parent

    def detail(self, node_id: str) -> str:
        """What there is to know about a node, as text of a few lines; empty for an id that is not there."""
        node = self.node_by_id.get(node_id)
        if node is None:
            return ""
        lines = [f"reads    {_names(self.operands(node_id))}", f"read by  {_names(self.users(node_id))}"]
        if node.mirror is not None:
            lines.append(f"derived from  {_names([self.node_by_id[node.mirror]])}")
        elif adjoints := self.adjoints(node_id):
            lines.append(f"adjoint  {_names(adjoints)}")
        lines += [f"rule     {line}" for line in node.rule.splitlines()]
        if regions := list(self.enclosing(node)):
            lines.append("inside   " + " < ".join(f"{region.kind} {region.label}".strip() for region in regions))
        if node.half == "primal" and self.has_adjoint and not node.active:
            lines.append("inactive: no derivative flows through it")
        if node.sweep:
            lines.append(f"{node.sweep}: {node.reason}")
        elif node.stored:
            lines.append("stored: kept for the reverse sweep")
        if node.device:
            lines.append(f"runs on {node.device}")
        return "\n".join(lines)

    def _check(self) -> None:
        """Refuse a graph with dangling references here, where the caller is, instead of in the browser."""
        nodes, regions = {node.id for node in self.nodes}, {region.id for region in self.regions}
        if len(nodes) + len(regions) != len(self.nodes) + len(self.regions) or nodes & regions:
            raise ValueError(f"graph {self.title!r}: two nodes or regions have the same id")
        items: tuple[Node | Region, ...] = (*self.nodes, *self.regions)
        for item in items:
            if item.parent is not None and item.parent not in regions:
                raise ValueError(f"graph {self.title!r}: {item.id!r} lies in unknown region {item.parent!r}")
        for node in self.nodes:
            if node.mirror is not None and node.mirror not in nodes:
                raise ValueError(f"graph {self.title!r}: {node.id!r} mirrors unknown node {node.mirror!r}")
        for edge in self.edges:
            if edge.source not in nodes or edge.target not in nodes:
                raise ValueError(f"graph {self.title!r}: edge {edge.source!r} -> {edge.target!r} has an unknown end")


def _names(nodes: list[Node]) -> str:
    return ", ".join(f"{node.id} ({node.label})" if node.label != node.id else node.id for node in nodes) or "nothing"
