"""The derivative graph as plain data: what the graph view draws, made from the IR."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wengert.compiler.diag.span import Source, Span
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import AHEAD
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.printer import print_lines
from wengert.compiler.passes.autodiff import Plan
from wengert.compiler.transforms.carried import Carried
from wengert.compiler.transforms.rule_text import rule_text

HIDDEN = {"constant", "dim", "index", "wrap_index", "same_extent", "check"}
"""Bookkeeping that a reader of derivatives does not look for; edges pass through it."""
LONGEST_LABEL = 24
FURTHEST = 40
"""How many lines above a helper's first op its `def` is looked for."""
FORMULAS = {"add": "{} + {}", "subtract": "{} − {}", "multiply": "{} · {}", "divide": "{} / {}", "negative": "−{}"}
"""How the arithmetic of adjoints reads; other ops are labelled by their names."""
LINEAR = {"add", "subtract", "negative"}
"""Elementwise ops whose partial derivatives are constants."""
KEPT = {"update": "keep", "update_slice": "keep", "load": "kept", "slice": "kept", "broadcast": "room to keep"}
"""What the ops on the tape do."""
BAR, TAPE = "_bar", "_tape"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One op. half: "primal" or "adjoint" (tangents count as adjoint); mirror: the primal node it comes from.

    active: whether a derivative flows through it, by reverse mode's own analysis; where nothing was differentiated in
    reverse, whether its type can carry one. sweep: what the reverse sweep does about its value ("stored",
    "recomputed", "linear": its derivative needs no value; "" for what has no part in it), reason: why. rule: its partial
    derivatives in words, where it is active and element-wise.
    """

    id: str
    label: str
    half: str
    parent: str | None
    mirror: str | None
    line: int | None
    column: int | None
    ir: str
    type: str
    role: str
    active: bool = False
    sweep: str = ""
    reason: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class GraphRegion:
    """A loop or branch, in the half its op belongs to."""

    id: str
    kind: str
    label: str
    half: str
    parent: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Graph:
    """edges: (maker, reader) within one pass through the program; carried: those from one trip of a loop to the next.

    source: the function's cell or file, below it the lines of helpers that stand elsewhere; `line` counts in these.
    values: the IR value behind each node that has one. elsewhere: a helper's line in `source` -> in its own.
    """

    title: str
    source: tuple[str, ...]
    nodes: tuple[GraphNode, ...]
    regions: tuple[GraphRegion, ...]
    edges: tuple[tuple[str, str], ...]
    carried: tuple[tuple[str, str], ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict, repr=False, compare=False)
    elsewhere: Mapping[int, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_adjoint(self) -> bool:
        return any(n.half == "adjoint" for n in self.nodes)


def _last_of_each_span(function: Function) -> dict[Span | None, Op]:
    """span -> the last primal op made for it: the one that results in the whole expression."""
    return {op.span: op for op in function.walk() if op.role == "primal" and not op.regions}


def _lines_of(function: Function, source: Source) -> tuple[list[str], dict[Source | None, int], dict[int, int]]:
    """The lines of `source` and below them those of helpers that stand elsewhere (in another cell, another file); by
    source, what is added to its line numbers to find a line among them; of the added lines, their own numbers."""
    helpers: dict[Source, list[int]] = {}
    for op in function.walk():
        if op.span is not None and op.span.source is not None and op.span.source != source:
            helpers.setdefault(op.span.source, []).extend((op.span.line, op.span.end_line))
    lines, added, own = source.text.splitlines(), dict[Source | None, int](), dict[int, int]()
    for other, numbers in helpers.items():
        first, last, text = min(numbers), max(numbers), other.text.splitlines()
        first = next((k for k in range(first, max(0, first - FURTHEST), -1) if text[k - 1].lstrip().startswith("def ")), first)
        lines += ["", f"# {Path(other.name).name}, from line {first}"]
        added[other] = len(lines) + 1 - first
        lines += text[first - 1 : last]
        own.update((k + added[other], k) for k in range(first, last + 1))
    return lines, added, own


def _adjoint_label(op: Op) -> str:
    """What an op of the adjoint does: "∂q[0] +=", "∂u = ∂ · k", "keep u"; ∂x is the adjoint of x, ∂ one without a name."""
    name = op.results[0].hint if op.results else ""
    if op.role == "tape":
        kept = name.removesuffix(TAPE).removesuffix("tape")
        return f"{KEPT[op.name]} {kept}".rstrip() if op.name in KEPT else op.name
    target = f"∂{name.removesuffix(BAR)}" if name.endswith(BAR) else ""
    if op.name in ("accumulate", "accumulate_slice"):
        return f"∂{_part(op) or target.removeprefix('∂')} +="
    if op.name in ("load", "slice"):
        whole = _operand(op.operands[0])
        return f"part of {whole}" if whole.startswith("∂") else _part(op) or op.name
    if op.name == "add" and target and target in (_operand(v) for v in op.operands):
        return f"{target} +="
    operands = [_operand(v) for v in op.operands]
    formula = FORMULAS.get(op.name, "").format(*operands) if set(operands) != {"…"} else ""
    label = " = ".join(filter(None, (target, formula)))
    return label if label and len(label) <= LONGEST_LABEL else target or op.name


def _operand(value: Value) -> str:
    """An operand of an adjoint op, in a few characters; "…" where that cannot be said."""
    owner = value.owner
    if value.hint.endswith(BAR):
        return f"∂{value.hint.removesuffix(BAR)}"
    if value.hint or owner is None:
        return value.hint.removesuffix(TAPE) or "…"
    if owner.name == "constant":
        number = owner.attrs["value"]
        return str(number) if isinstance(number, complex) else f"{number:g}"
    if owner.name == "broadcast":
        return _operand(owner.operands[0])
    if owner.role == "tape":
        return "kept"
    if owner.name in ("load", "slice") and _part(owner) and not _is_adjoint(value):
        return _part(owner)
    return "∂" if _is_adjoint(value) else "…"


def _is_adjoint(value: Value, depth: int = 8) -> bool:
    """Whether a value depends on an adjoint, and is not one of the program's own that is computed again."""
    owner = value.owner
    if value.hint.endswith(BAR):
        return True
    if owner is None or owner.role != "adjoint" or owner.regions:
        return False
    return depth == 0 or any(_is_adjoint(v, depth - 1) for v in owner.operands)


def _asked(name: str, results: Sequence[str]) -> bool:
    """Whether one of the results is the derivative by argument `name` ("∂p.mass" is that by p_mass)."""
    return any(r.startswith("∂") and re.sub(r"\W", "_", r[1:]) == re.sub(r"\W", "_", name) for r in results)


def _part(op: Op) -> str:
    """The element or slice that the user wrote at the op's place ("q[0]"), "" where something else stands there."""
    text = _source_text(op)
    return text if len(text) <= LONGEST_LABEL // 2 and re.fullmatch(r"[\w.]+\[[^\[\]]*\]", text) else ""


def _source_text(op: Op) -> str:
    """What the user wrote at the op's place, where that is on one line."""
    span = op.span
    if span is None or span.source is None or span.line != span.end_line:
        return ""
    return span.source.line(span.line)[span.column : span.end_column]


def graph_of(
    function: Function, source: Source, title: str, results: Sequence[str] = (), plan: Plan | None = None
) -> Graph:
    """The graph of a function; ops keep the span of the user's line they come from, which links the halves.

    results: what the first results are called ("∂p"), where that is known. plan: of the reverse sweep, where there is one.
    """
    return _Grapher(function, plan, source).graph(title, results)


class _Grapher:
    def __init__(self, function: Function, plan: Plan | None, source: Source):
        self.function, self.plan = function, plan
        self.stored = {(k.name, k.span): k for k in plan.kept} if plan is not None else {}
        self.again = {(r.op, r.span) for r in plan.recomputed} if plan is not None else set()
        self.carried = Carried()
        self.values: dict[str, Value] = {}
        self.text: dict[int, str] = {}
        for line, op in print_lines(function):
            if op is not None:
                self.text.setdefault(id(op), line.strip())
        self.nodes: list[GraphNode] = []
        self.regions: list[GraphRegion] = []
        self.edges: dict[tuple[str, str], None] = {}
        self.made_by: dict[Value, frozenset[str]] = {}
        self.primal_at: dict[tuple[str, int, int], str] = {}
        self.lines, self.added, self.elsewhere = _lines_of(function, source)
        self.count = 0
        self.whole = _last_of_each_span(function)

    def graph(self, title: str, results: Sequence[str] = ()) -> Graph:
        for p in self.function.params:
            adjoint = p.hint.startswith(("d_", "ct_"))
            flows = p.type.dtype.is_differentiable and (self.plan is None or not results or _asked(p.hint, results))
            half = "adjoint" if adjoint else "primal"
            self.made_by[p] = frozenset([self._node(p.hint or "argument", half, None, p, flows)])
        self._block(self.function.body, None)
        for k, v in enumerate(self.function.results):
            end = self._id()
            numbered = f"result {k}" if len(self.function.results) > 1 else "result"
            label = results[k] if k < len(results) else numbered
            half = "adjoint" if label.startswith("∂") else self._half_of(v)
            if v.owner is not None and v.owner.name == "constant":
                label = f"{label} = {_operand(v)}"
            flows = v.type.dtype.is_differentiable
            self.nodes.append(GraphNode(end, label, half, None, None, None, None, "return", str(v.type), half, flows))
            self.values[end] = v
            self._connect(v, end)
        carried = tuple(e for e in self.carried.edges() if e not in self.edges)
        shown = tuple(self.lines), tuple(self.nodes), tuple(self.regions), tuple(self.edges)
        return Graph(title, *shown, carried, self.values, self.elsewhere)

    def _id(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def _node(self, label: str, half: str, parent: str | None, value: Value, flows: bool) -> str:
        name = self._id()
        self.nodes.append(
            GraphNode(name, label, half, parent, None, None, None, f"%{value.hint}", str(value.type), half, flows)
        )
        self.values[name] = value
        return name

    def _half_of(self, v: Value) -> str:
        owner = v.owner
        return "primal" if owner is None or owner.role == "primal" else "adjoint"

    def _connect(self, value: Value, target: str) -> None:
        self.carried.read(value, target)
        for start in self.made_by.get(value, ()):
            if start != target:
                self.edges[start, target] = None

    def _block(self, block: Block, parent: str | None) -> None:
        for op in block.ops:
            if op.regions:
                self._control(op, parent)
            elif op.name in HIDDEN:
                sources = frozenset().union(*(self.made_by.get(v, frozenset()) for v in op.operands))
                self.made_by.update((r, sources) for r in op.results)
                for r in op.results:
                    self.carried.passes(r, op.operands)
            else:
                self._op(op, parent)

    def _op(self, op: Op, parent: str | None) -> None:
        name, half = self._id(), "primal" if op.role == "primal" else "adjoint"
        line, column = self._line(op), op.span.column if op.span else None
        mirror = None
        if line is not None and column is not None:
            key = (op.name, line, column)
            if half == "primal":
                self.primal_at.setdefault(key, name)
                self.primal_at.setdefault(("", *key[1:]), name)
            else:
                mirror = self.primal_at.get(key) or self.primal_at.get(("", *key[1:]))
        types = ", ".join(str(r.type) for r in op.results)
        text = self.text.get(id(op), op.name)
        label = self._written(op) if half == "primal" else _adjoint_label(op)
        active, sweep, reason = self._sweep(op) if half == "primal" else (True, "", "")
        rule = rule_text(op) if active and half == "primal" else ""
        node = GraphNode(name, label, half, parent, mirror, line, column, text, types, op.role, active, sweep, reason, rule)
        self.nodes.append(node)
        if op.results:
            self.values[name] = op.results[0]
        for v in op.operands:
            self._connect(v, name)
        self.made_by.update((r, frozenset([name])) for r in op.results)

    def _line(self, op: Op) -> int | None:
        return op.span.line + self.added.get(op.span.source, 0) if op.span is not None else None

    def _sweep(self, op: Op) -> tuple[bool, str, str]:
        """Whether a derivative flows through a primal op, what becomes of its value for the reverse sweep, and why."""
        if self.plan is None:
            return any(r.type.dtype.is_differentiable for r in op.results), "", ""
        active = (op.name, op.span) in self.plan.active
        hint = op.results[0].hint if op.results else ""
        kept = self.stored.get((hint, op.span)) or self.stored.get((op.name, op.span))
        if kept is not None:
            return active, "stored", f"{kept.scheme}: {kept.reason}"
        if (op.name, op.span) in self.again:
            return active, "recomputed", "the reverse sweep computes it again: that is cheaper than to keep it"
        row = REGISTRY[op.name]
        if active and (row.linear_in or op.name in LINEAR):
            return active, "linear", "its derivative needs none of its operands' values"
        return active, "", ""

    def _written(self, op: Op) -> str:
        """What the user wrote for it where that is short and the op is the whole of it, else the op's name."""
        text = _source_text(op) if self.whole.get(op.span) is op else ""
        return text if 0 < len(text) <= LONGEST_LABEL else op.name

    def _control(self, op: Op, parent: str | None) -> None:
        """A loop or branch is a region; what goes in connects to its parameters' users, what comes out from its yields."""
        half = "primal" if op.role == "primal" else "adjoint"
        line = self._line(op)
        first = AHEAD[op.name]
        kind = "parallel" if op.attrs.get("parallel") else op.name
        for number, region in enumerate(op.regions):
            name = f"r{self._id()[1:]}"
            branch = {0: "then", 1: "else"}[number] if op.name == "if" else ""
            branch = "condition" if op.name == "while" and number == 0 else branch
            label = " ".join(filter(None, [op.name, branch, f"line {line}" if line else ""]))
            self.regions.append(GraphRegion(name, kind, label, half, parent, line))
            carried = region.params[1:] if op.name == "for" else region.params
            if op.name == "for":
                self.made_by[region.params[0]] = frozenset()
            for p, init in zip(carried, op.operands[first:], strict=False):
                self.made_by[p] = self.made_by.get(init, frozenset())
                self.carried.passes(p, [init])
            if op.name != "if":
                self.carried.enter(carried)
            self._block(region, name)
        body = op.regions[-1]
        for k, r in enumerate(op.results):
            ends = [region.results[k] for region in op.regions] if op.name == "if" else [body.results[k]]
            self.made_by[r] = frozenset().union(*(self.made_by.get(v, frozenset()) for v in ends))
            self.carried.passes(r, ends)
        if op.name == "if":
            return
        for region in op.regions:
            carried = region.params[1:] if op.name == "for" else region.params
            for p, v in zip(carried, body.results, strict=False):
                self.carried.next_trip(p, v, self.made_by.get(v, frozenset()))
