"""Adjoints of stencils as stencils: the same array added at several places becomes one sum of shifted reads.

    for ... (%k, %a) {                              %p0 = broadcast %zero, ...        v's extents and a margin of zeros
        %a1 = update_slice %a, %zeros, #1           for ..., %p0 (%k, %a, %p) {
        %a2 = accumulate_slice %a1, %w, #1      =>      %a1 = update_slice %a, %w, #1
        %a3 = accumulate_slice %a2, %v, #0              %p1 = update_slice %p, %v, #2
        %a4 = accumulate_slice %a3, %v, #2              %0, %1 = slice %p1, #2 / #0
        yield %a4                                       %a4 = accumulate_slice %a1, %0 + %1, #0
    }                                                   yield %a4, %p1
                                                    }

Each `accumulate_slice` is a loop that reads and writes the array; in the gathered form there is one, whatever the number of
neighbours. The margin stays zero, so it is written once, before the loop. Additions come in another order than written, so
only what differentiation made (role adjoint) is changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import Mapping, clone_value, copy_op

_STEPS = ("update_slice", "accumulate_slice")


@dataclass(slots=True)
class _Chain:
    """ops: one after another on the same array. first: the region written at the start, or None. sums: (value, starts)
    of what is added, in order, values of equal place joined."""

    ops: list[Op]
    first: Op | None
    sums: list[tuple[list[Value], tuple[Value, ...]]] = field(default_factory=list)


def gather(function: Function) -> Function:
    """The function with chains of adjoint accumulations gathered; the function itself where there are none."""
    uses: dict[Value, int] = {}
    _count(function.body, uses)
    chains: dict[Op, _Chain] = {}
    _find(function.body, uses, chains)
    return _Rewriter(chains).run(function) if chains else function


def _count(block: Block, uses: dict[Value, int]) -> None:
    for op in block.ops:
        for v in op.operands:
            uses[v] = uses.get(v, 0) + 1
        for region in op.regions:
            _count(region, uses)
    for v in block.results:
        uses[v] = uses.get(v, 0) + 1


def _extent(array: Value, axis: int) -> int | Value | None:
    """The extent as a number or an i64 value, where ops say it."""
    while True:
        known = array.type.shape[axis]
        if known is not None:
            return known
        op = array.owner
        rule = REGISTRY[op.name].extent if op is not None else None
        found = rule(op, axis) if rule is not None and op is not None else None
        if not isinstance(found, tuple):
            return constant_of(found) if found is not None and constant_of(found) is not None else found
        array, axis = found


def _extents(array: Value) -> list[int | Value | None]:
    return [_extent(array, k) for k in range(array.type.rank)]


def _is_step(op: Op) -> bool:
    return (
        op.name in _STEPS
        and op.role == "adjoint"
        and not op.attrs["drop"]
        and all(s == 1 for s in op.attrs["steps"])
        and None not in _extents(op.operands[1])
    )


def _find(block: Block, uses: dict[Value, int], chains: dict[Op, _Chain]) -> None:
    """The chains of the block by their last op."""
    running: dict[Value, list[Op]] = {}
    for op in block.ops:
        for region in op.regions:
            _find(region, uses, chains)
        if not _is_step(op):
            continue
        before = running.pop(op.operands[0], None) if uses[op.operands[0]] == 1 else None
        if before is not None and op.name == "accumulate_slice":
            running[op.result] = [*before, op]
        else:
            if before is not None:
                _keep(before, chains)
            running[op.result] = [op]
    for ops in running.values():
        _keep(ops, chains)


def _keep(ops: list[Op], chains: dict[Op, _Chain]) -> None:
    chain = _Chain(ops, ops[0] if ops[0].name == "update_slice" else None)
    for op in ops[chain.first is not None :]:
        value, starts = op.operands[1], tuple(op.operands[2:])
        for values, place in chain.sums:
            if place == starts and _extents(values[0]) == _extents(value):
                values.append(value)
                break
        else:
            chain.sums.append(([value], starts))
    if _joins(chain) is not None or len(chain.sums) < len(ops) - (chain.first is not None) or _groups(chain):
        chains[ops[-1]] = chain


def _joins(chain: _Chain) -> int | None:
    """Which sum starts at the region that was set to zero: it is written there instead."""
    if chain.first is None or not _is_zero(chain.first.operands[1]):
        return None
    own = _extents(chain.first.operands[1])
    for k, (values, starts) in enumerate(chain.sums):
        if starts == tuple(chain.first.operands[2:]) and _extents(values[0]) == own:
            return k
    return None


def _puts_back(chain: _Chain, joined: int | None) -> bool:
    """Whether the region set to zero gets back just what stood there."""
    if joined is None or chain.first is None or len(chain.sums[joined][0]) > 1:
        return False
    part, array = chain.sums[joined][0][0].owner, chain.first.operands[0]
    if part is None or part.name != "slice" or part.operands[0] is not array or part.attrs["drop"]:
        return False
    starts = tuple(part.operands[1 : 1 + array.type.rank])
    return starts == chain.sums[joined][1] and all(n == 1 for n in part.attrs["steps"])


def _is_zero(value: Value) -> bool:
    op = value.owner
    return op is not None and op.name == "broadcast" and op.operands[0].type.is_scalar and constant_of(op.operands[0]) == 0


def _groups(chain: _Chain) -> dict[Value, list[tuple[int, ...]]]:
    """The values added at several places whose distances are known: value -> its starts."""
    found: dict[Value, list[tuple[int, ...]]] = {}
    skip = _joins(chain)
    for k, (values, starts) in enumerate(chain.sums):
        places = [constant_of(s) for s in starts]
        if k != skip and len(values) == 1 and None not in places:
            found.setdefault(values[0], []).append(tuple(places))  # type: ignore[arg-type]
    return {v: places for v, places in found.items() if len(places) > 1 and _spread(places) <= 8}


def _spread(places: list[tuple[int, ...]]) -> int:
    return max(max(axis) - min(axis) for axis in zip(*places, strict=True))


class _Rewriter:
    def __init__(self, chains: dict[Op, _Chain]):
        self.chains = chains
        self.skipped = {op for last, chain in chains.items() for op in chain.ops if op is not last}
        self.mapping: Mapping = {}
        self.before: Builder | None = None
        """Where the margins are made: in front of the sequential loop whose body is being copied."""
        self.outside: set[Value] = set()
        self.extra: list[tuple[Value, Value, Value]] = []
        """(before the loop, at the start of a trip, at its end) of every margin."""

    def run(self, function: Function) -> Function:
        body = Block([clone_value(p) for p in function.params])
        self.mapping.update(zip(function.params, body.params, strict=True))
        self._ops(function.body, body, set(function.params))
        return Function(function.name, body, function.written)

    def _ops(self, block: Block, into: Block, seen: set[Value]) -> None:
        """Copy the ops of `block`; `seen`: the values of the input that are defined so far."""
        builder = Builder(into)
        for op in block.ops:
            if op in self.chains:
                with builder.at(op.span, op.role):
                    self.mapping[op.result] = self._gathered(builder, self.chains[op])
            elif op not in self.skipped:
                self._copy(builder, op, seen)
            seen.update(op.results)
        into.results += [self.mapping[v] for v in block.results]

    def _copy(self, builder: Builder, op: Op, seen: set[Value]) -> None:
        operands = [self.mapping[v] for v in op.operands]
        saved = self.before, self.outside, self.extra
        regions = []
        added: list[tuple[Value, Value, Value]] = []
        for region in op.regions:
            self.before, self.outside, self.extra = None, set(), []
            if op.name == "for" and not op.attrs.get("parallel"):
                self.before, self.outside = builder, set(seen)
            inner = Block([clone_value(p) for p in region.params])
            self.mapping.update(zip(region.params, inner.params, strict=True))
            self._ops(region, inner, seen | set(region.params))
            inner.params += [param for _, param, _ in self.extra]
            inner.results += [end for _, _, end in self.extra]
            added += self.extra
            regions.append(inner)
        self.before, self.outside, self.extra = saved
        if added:
            with builder.at(op.span, op.role):
                types = [v.type for v in op.results] + [start.type for start, _, _ in added]
                hints = [v.hint for v in op.results] + ["margin"] * len(added)
                inits = [start for start, _, _ in added]
                made = builder.op(op.name, operands + inits, regions, hints, types, **op.attrs)
        else:
            made = copy_op(builder, op, operands, tuple(regions))
        self.mapping.update(zip(op.results, made.results, strict=False))

    def _gathered(self, builder: Builder, chain: _Chain) -> Value:
        array = self.mapping[chain.ops[0].operands[0]]
        rank, hint = array.type.rank, chain.ops[-1].result.hint
        whole: dict[str, Any] = {"steps": (1,) * rank, "drop": (), "hint": hint}
        joined, groups = _joins(chain), _groups(chain)
        # First what reads the array through the values: later it would have to be kept apart from the array written.
        shifted = [self._stencil(builder, value, places, whole) for value, places in groups.items()]
        if chain.first is not None and not _puts_back(chain, joined):
            value = chain.first.operands[1]
            new = self.mapping[value] if joined is None else self._sum(builder, chain.sums[joined][0])
            starts = [self.mapping[s] for s in chain.first.operands[2:]]
            array = builder.emit("update_slice", array, new, *starts, **whole)
        for k, (values, places) in enumerate(chain.sums):
            if k != joined and not (len(values) == 1 and values[0] in groups and None not in map(constant_of, places)):
                starts = [self.mapping[s] for s in places]
                array = builder.emit("accumulate_slice", array, self._sum(builder, values), *starts, **whole)
        for total, starts in shifted:
            array = builder.emit("accumulate_slice", array, total, *starts, **whole)
        return array

    def _sum(self, builder: Builder, values: list[Value]) -> Value:
        total = self.mapping[values[0]]
        for v in values[1:]:
            total = builder.emit("add", total, self.mapping[v])
        return total

    def _stencil(
        self, builder: Builder, value: Value, places: list[tuple[int, ...]], whole: dict[str, Any]
    ) -> tuple[Value, list[Value]]:
        """The sum of the value at all its places, and where that starts."""
        low = [min(axis) for axis in zip(*places, strict=True)]
        high = [max(axis) for axis in zip(*places, strict=True)]
        margin = [h - n for h, n in zip(high, low, strict=True)]
        extents = _extents(value)
        place = self._margin(builder, value, margin)
        where = [builder.integer(m) for m in margin]
        padded = builder.emit("update_slice", place, self.mapping[value], *where, **{**whole, "hint": "padded"})
        if self.extra and self.extra[-1][1] is place:
            self.extra[-1] = (*self.extra[-1][:2], padded)
        sizes = [self._longer(builder, n, m) for n, m in zip(extents, margin, strict=True)]
        total: Value | None = None
        for starts in places:
            at = [builder.integer(h - s) for h, s in zip(high, starts, strict=True)]
            part = builder.emit("slice", padded, *at, *sizes, steps=whole["steps"], drop=())
            total = part if total is None else builder.emit("add", total, part)
        assert total is not None
        return total, [builder.integer(n) for n in low]

    def _longer(self, builder: Builder, extent: int | Value | None, by: int) -> Value:
        assert extent is not None
        if isinstance(extent, int):
            return builder.integer(extent + by)
        return builder.emit("add", self.mapping[extent], builder.integer(by))

    def _margin(self, builder: Builder, value: Value, margin: list[int]) -> Value:
        """Zeros with room for the value and a margin on each side: carried by the loop around where that can be."""
        extents = _extents(value)
        carried = self.before is not None and all(isinstance(n, int) or n in self.outside for n in extents)
        maker = self.before if carried and self.before is not None else builder
        with maker.at(builder.span, "adjoint"):
            sizes = [self._longer(maker, n, 2 * m) for n, m in zip(extents, margin, strict=True)]
            zeros = maker.broadcast(maker.constant(0, value.type.dtype), sizes)
        if not carried:
            return zeros
        param = clone_value(zeros)
        param.hint = "margin"
        self.extra.append((zeros, param, param))
        return param
