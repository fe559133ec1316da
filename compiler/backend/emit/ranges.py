"""Bounds checks that a whole stretch of trips is certain to pass (inductive range checks; Kolte and Wolfe 1995).

    for i in range(low, high):           for i in range(low, middle):      middle = min(high, n - 1)
        check 0 <= i + 1 < n        =>       ...                           no check
        ...                              for i in range(middle, high):
                                             check 0 <= i + 1 < n
                                             ...

What is checked, and when a fault is raised, stays as it was: the second loop begins where the first check may fail.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from wengert.compiler.backend.emit.held import held_loads, holding
from wengert.compiler.backend.emit.host import HostEmitter
from wengert.compiler.backend.emit.loops import Carried, plain
from wengert.compiler.backend.emit.scope import Buffer, is_literal
from wengert.compiler.ir.core import Block, Op, Value, constant_of

LARGEST_BODY = 120
"""Ops up to which a body is written twice."""
SHORT = 16
"""Loops of so few trips are written out by LLVM."""
_FAR = 1 << 31

Loop = Callable[[str, str, Carried, str], list[str]]
"""(low, high, carried, metadata of the latch) -> the carried operands after the loop."""


@dataclass(slots=True)
class Checks:
    """The `index` ops of a loop's body that can be decided before it.

    moving: those of the loop's index plus a constant: (constant, operand of the extent)
    fixed: those of an index from outside: (its operand, operand of the extent)
    """

    moving: dict[Op, tuple[int, str]] = field(default_factory=dict)
    fixed: dict[Op, tuple[str, str]] = field(default_factory=dict)

    @property
    def ops(self) -> frozenset[Op]:
        return frozenset((*self.moving, *self.fixed))


def checks_of(host: HostEmitter, body: Block, low: str) -> Checks:
    """Without those that are certain to wrap around or to fail at `low`: they would leave nothing to the first loop."""
    found, ops = Checks(), list(body.walk())
    if len(ops) > LARGEST_BODY:
        return found
    inside = {v for op in ops for v in op.results} | set(body.params)
    inside |= {v for op in ops for region in op.regions for v in region.params}

    def outside(value: Value) -> str | None:
        known = constant_of(value)
        return str(known) if known is not None else None if value in inside else host.scope.scalar(value)

    for op in ops:
        if op.name != "index" or (extent := outside(op.operands[1])) is None:
            continue
        place = op.operands[0]
        if (offset := _offset(place, body.params[0])) is not None:
            if not is_literal(low) or int(low) + offset >= 0:
                found.moving[op] = offset, extent
        elif (fixed := outside(place)) is not None and not fixed.startswith("-"):
            found.fixed[op] = fixed, extent
    return found


def _offset(value: Value, index: Value) -> int | None:
    """c where `value` is index + c."""
    offset = 0
    while value is not index:
        op = value.owner
        if op is None or op.name not in ("add", "subtract"):
            return None
        a, b = op.operands
        known = constant_of(b)
        if known is None and op.name == "add":
            a, known = b, constant_of(a)
        if known is None:
            return None
        offset += int(known) if op.name == "add" else -int(known)
        value = a
    return offset if abs(offset) < _FAR else None


def split(
    host: HostEmitter, body: Block, low: str, high: str, carried: Carried, loop: Loop, arrays: dict[Value, Buffer]
) -> list[str]:
    """The loop in two, the first one without the checks that hold there; or as it is, where none does.

    arrays: those that the trips hand on and that stay where they are.
    """
    short = is_literal(low) and is_literal(high) and int(high) - int(low) <= SHORT
    checks = checks_of(host, body, low) if host.target.splits_loops and not short else Checks()
    if not checks.ops:
        return loop(low, high, carried, "")
    least = host.least.of(body.params[0])
    middle = _middle(host, low, high, checks, least)
    proved, host.proved = host.proved, host.proved | checks.ops
    moving = {op: constant for op, (constant, _) in checks.moving.items()}
    held = held_loads(host, body, arrays, moving, {op: place for op, (place, _) in checks.fixed.items()})
    for start, end in [(low, middle)] if held is None else _around(host, held.trip, low, middle):
        with holding(host, held, start, end) if held is not None else nullcontext():
            carried = _following(carried, loop(start, end, carried, ""))
    host.proved = proved
    return loop(middle, high, carried, plain(host.module))


def _following(carried: Carried, operands: list[str]) -> Carried:
    return [(type_, operand) for (type_, _), operand in zip(carried, operands, strict=True)]


def _around(host: HostEmitter, trip: str, low: str, high: str) -> list[tuple[str, str]]:
    """range(low, high) in two: up to a trip, itself included, and what comes after it."""
    after = host.scope.index.add(trip, "1")
    least = host.text.value(f"call i64 @llvm.smax.i64(i64 {after}, i64 {low})")
    cut = host.text.value(f"call i64 @llvm.smin.i64(i64 {least}, i64 {high})")
    return [(low, cut), (cut, high)]


def _middle(host: HostEmitter, low: str, high: str, checks: Checks, least: int | None) -> str:
    """Up to where, from `low`, every check holds; `low` itself where one fails there at once or may wrap around.

    least: what `low` is known not to be below.
    """
    text, e = host.text, host.scope.index
    text.module.declare("llvm.smin", "declare i64 @llvm.smin.i64(i64, i64)")
    text.module.declare("llvm.smax", "declare i64 @llvm.smax.i64(i64, i64)")
    first = max((-c for c, _ in checks.moving.values()), default=None)
    middle = high
    for constant, extent in dict.fromkeys(checks.moving.values()):
        bound = e.subtract(extent, str(constant))
        middle = text.value(f"call i64 @llvm.smin.i64(i64 {middle}, i64 {bound})")
    conditions = [f"icmp ult i64 {place}, {extent}" for place, extent in dict.fromkeys(checks.fixed.values())]
    if first is not None and not is_literal(low) and (least is None or least < first):
        conditions.append(f"icmp sge i64 {low}, {first}")
    for condition in conditions:
        middle = text.value(f"select i1 {text.value(condition)}, i64 {middle}, i64 {low}")
    return text.value(f"call i64 @llvm.smax.i64(i64 {middle}, i64 {low})")
