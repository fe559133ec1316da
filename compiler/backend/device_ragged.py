"""Loops within parallel loops that go over elements of their own: a group of threads beside each other for each.

    for i in prange(n):                             launch: threads (i, lane)
        for k in range(starts[i], starts[i + 1]):       for k in range(starts[i] + lane, starts[i + 1], group):
            a[k] += f(i, k)                   =>            a[k] += f(i, k)
            b[c[k]] += g(i, k)                              b[c[k]] += g(i, k)

A thread that walks along a range alone reads from places far from its neighbours'. Where ranges are the same for all
iterations, threads have two indices instead (see `loop_kernel`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wengert.compiler.backend.device_iterations import captured, counted
from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.backend.device_spread import Turns, group_shift, lane_of, reads_only, take_turns
from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.rewrite import copy_ops

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner


def ragged(op: Op, meet: bool) -> Op | None:
    """The last inner loop of a parallel loop, if all else is to read where it begins and ends and what it needs, and its trips
    may come in any order. meet: additions may meet in an element."""
    (body,) = op.regions
    if not body.ops:
        return None
    *before, last = body.ops
    if last.name != "for" or last.attrs.get("parallel") or constant_of(last.operands[2]) not in (1, -1):
        return None
    if list(body.results) != list(last.results) or list(last.operands[3:]) != list(body.params[1:]):
        return None
    carried = set(body.params[1:])
    if any(o.regions or o.name == "check" or carried & set(o.operands) or not reads_only(o) for o in before):
        return None
    (region,) = last.regions
    plain = all(o.name in ("update", "accumulate") or reads_only(o) for o in region.ops)
    return last if plain and in_any_order(last, meet) else None


def launch_lanes(outliner: Outliner, op: Op, count: Value, inner: Op, outputs: list[Value], shared: bool) -> list[Value]:
    """Both loops as one kernel; what the parallel loop results in."""
    host, low, step = outliner.host, outliner.values[op.operands[0]], outliner.values[op.operands[2]]
    (body,), (region,) = op.regions, inner.regions
    shift = group_shift(outliner, body, inner, count)
    group = host.emit("left_shift", host.integer(1), shift)

    def write(kernel: KernelBuilder) -> list[Value]:
        mapping = captured(kernel, op.regions, op.operands)
        number, lane = lane_of(kernel, shift)
        mapping[body.params[0]] = counted(kernel, number, low, step)
        mapping.update(zip(body.params[1:], kernel.outputs, strict=True))
        copy_ops(kernel.builder, body.ops[:-1], mapping)
        turns = Turns.of(kernel, inner, mapping, lane, group, shift)
        return take_turns(kernel, region, region.ops, kernel.outputs, mapping, turns)

    return outliner.launch("for", host.emit("multiply", count, group), outputs, write, shared=shared)


def in_any_order(inner: Op, meet: bool) -> bool:
    """Whether the trips of a loop that carries arrays read nothing of what others write: each stores into elements of its
    own, or (where `meet`) adds to elements that are not read."""
    (region,) = inner.regions
    written, trip = dict.fromkeys([*region.params[1:], *inner.operands[3:]]), region.params[0]
    if not region.params[1:]:
        return False
    for array, result in zip(region.params[1:], region.results, strict=True):
        chain = list[Op]()
        while result is not array:
            op = result.owner
            if op is None or op.name not in ("update", "accumulate") or op not in region.ops:
                return False
            chain.append(op)
            written[result] = None
            result = op.operands[0]
        places = [{k for k, v in enumerate(o.operands[2:]) if _is_trip(v, trip)} for o in chain]
        if len({o.name for o in chain}) > 1 or (chain and chain[0].name == "update" and not set.intersection(*places)):
            return False
        if chain and chain[0].name == "accumulate" and not meet:
            return False
    reads = [v for o in region.walk() for v in (o.operands[1:] if o.name in ("update", "accumulate") else o.operands)]
    return not any(v in written for v in reads)


def _is_trip(value: Value, trip: Value) -> bool:
    """Whether it is the loop's index, which no two trips share; wrapped around, two might."""
    while value is not trip and value.owner is not None and value.owner.name == "index":
        value = value.owner.operands[0]
    return value is trip
