"""Static facts of a function: what depends on what by any way, and through what a value acts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.passes.autodiff.activity import analyse, differentiable_operands, reach
from wengert.compiler.passes.autodiff.structure import Structure

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
STEPS = ("floor", "ceil", "rint", "trunc", "floor_divide", "sign")
ORDER = ("argmax", "argmin", "argsort", "searchsorted")
READ_BY = ("load", "slice", "broadcast", "reshape")


@dataclass
class Flow:
    """varied, active: as in activity analysis, for the leaves marked in `marked`. depends: reached from them by any way,
    control included. data: operand -> (op that uses it); uses of carried values lead to the loop's op."""

    function: Function
    marked: Sequence[bool]
    structure: Structure = field(init=False)
    varied: set[Value] = field(init=False)
    active: set[Value] = field(init=False)
    users: dict[Value, list[Op]] = field(default_factory=dict)
    edges: dict[Value, list[Value]] = field(default_factory=dict)
    yields: dict[Value, list[Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.structure = Structure(self.function)
        found = analyse(self.structure, self.marked)
        self.varied, self.active = set(found.varied), found.active
        for op in self.function.walk():
            if op.name == "while":  # what the exit test reads
                for test, carried in zip(op.regions[0].params, carried_params(op), strict=True):
                    if carried in self.varied:
                        self.varied.add(test)
                for inner in op.regions[0].walk():
                    if any(v in self.varied for v in inner.operands):
                        self.varied |= {r for r in inner.results if r.type.dtype.is_float}
        for op in self.function.walk():
            for v in op.operands:
                self.users.setdefault(v, []).append(op)
            for source, target in _data_edges(op):
                self.edges.setdefault(source, []).append(target)
        self.useful = self._backward(self.function.results)

    def _backward(self, ends: Iterable[Value]) -> set[Value]:
        back: dict[Value, list[Value]] = {}
        for source, targets in self.edges.items():
            for target in targets:
                back.setdefault(target, []).append(source)
        return reach(ends, back)

    def forward(self, start: Iterable[Value]) -> set[Value]:
        """All values that `start` reaches as data (not through conditions)."""
        return reach(start, self.edges)

    def decisions(self, value: Value) -> set[Value]:
        """The truth values and whole numbers that `value` reaches without becoming a floating number on the way."""
        return reach([value], {v: [t for t in targets if not t.type.dtype.is_float] for v, targets in self.edges.items()})

    def nearest(self, value: Value) -> list[Value]:
        """All values that `value` reaches as data, the nearest first."""
        return list(_in_order(value, self.edges))

    def parameters(self, value: Value, start: Collection[Value] = ()) -> set[Value]:
        """What reaches `value` as data, backward: every value on the way. start: values that are not asked where they come from."""
        if not hasattr(self, "_back"):
            self._back: dict[Value, list[Value]] = {}
            for source, targets in self.edges.items():
                for target in targets:
                    self._back.setdefault(target, []).append(source)
        return reach([value], {v: [] if v in start else sources for v, sources in self._back.items()} if start else self._back)

    def loops(self, op: Op) -> list[Op]:
        return self.structure.loops(self.structure.standing[op])

    def detaching(self) -> Iterator[tuple[Op, str]]:
        """The ops that take a varied value and whose result has no derivative, with the family they belong to."""
        for op in self.function.walk():
            if op.regions or not any(v in self.varied for v in op.operands):
                continue
            if op.name in STEPS:
                if op.results[0] not in self.varied:
                    yield op, "step"
            elif op.name == "cast" and op.operands[0].type.dtype.is_float and not op.result.type.dtype.is_float:
                yield op, "step" if op.result.type.dtype.kind != "b" else "compare"
            elif op.name in ORDER:
                yield op, "order"
            elif op.name in COMPARISONS:
                yield op, "compare"
            elif op.name == "stop_gradient":
                yield op, "stop"

    def _stores(self, index: Op) -> bool:
        users = self.users.get(index.result, ())
        return bool(users) and all(u.name in ("update", "accumulate") for u in users)

    def sinks(self, value: Value) -> dict[str, Op]:
        """Through what a value without a derivative acts: "index", "store" (an index where something is stored), "bound" (of
        a loop), "extent" (of an array that is made), "exit" (of a `while`), "branch", "select", "arithmetic" (it gets to a floating value of the result); each
        with the first op there, in the order of their distance, "exit" last."""
        found: dict[str, Op] = {}
        for v in self.nearest(value):
            for op in self.users.get(v, ()):
                k = op.operands.index(v)
                if op.name in ("index", "wrap_index"):
                    found.setdefault("store" if self._stores(op) else "index", op)
                elif op.name == "for" and k < 3:
                    found.setdefault("bound", op)
                elif op.name == "iota" or (op.name == "broadcast" and k > 0):
                    found.setdefault("extent", op)
                elif op.name == "if" and k == 0:
                    found.setdefault("branch", op)
                elif op.name == "where" and k == 0:
                    found.setdefault("select", op)
            if v.type.dtype.is_differentiable and v in self.useful:
                found.setdefault("arithmetic", v.owner or next(iter(self.users.get(v, [None]))))  # type: ignore[arg-type]
        for op in self.function.walk():
            if op.name == "while" and any(r in self.forward([value]) for r in op.regions[0].results):
                found.setdefault("exit", op)
        return found


def _in_order(start: Value, edges: dict[Value, list[Value]]) -> dict[Value, None]:
    found = {start: None}
    for v in (queue := [start]):
        new = [t for t in edges.get(v, ()) if t not in found]
        found.update(dict.fromkeys(new))
        queue += new
    return found


def _data_edges(op: Op) -> Iterator[tuple[Value, Value]]:
    if op.name in LOOPS:
        for init, end, param, result in zip(
            carried_inits(op), body_of(op).results, carried_params(op), op.results, strict=True
        ):
            yield from ((v, to) for v in (init, end) for to in (param, result))
        if op.name == "while":
            for init, end, param in zip(op.operands, body_of(op).results, op.regions[0].params, strict=True):
                yield from ((init, param), (end, param))
    elif op.name == "if":
        for region in op.regions:
            yield from zip(region.results, op.results, strict=True)
    elif op.name in ("dim", "same_extent"):
        return
    else:
        yield from ((v, r) for v in op.operands for r in op.results)


__all__ = ["COMPARISONS", "ORDER", "STEPS", "Flow", "differentiable_operands", "reach"]


def array_behind(v: Value, through: Collection[str] = READ_BY) -> Value:
    """The array that `v` is, or is read of by these ops."""
    while v.owner is not None and v.owner.name in through:
        v = v.owner.operands[0]
    return v
