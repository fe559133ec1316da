"""Sums within the iterations of a parallel loop, each by a group of threads beside each other.

    for i in prange(n):                 t = empty(n)
        s = 0.0                         launch: threads (i, lane), t[i] = the sum over k = lane, lane + group, ...
        for k in range(m):        ->    for i in prange(n):
            s += f(i, k)                    s = 0.0 + t[i]
        y[i] = g(s)                         y[i] = g(s)

A few thousand iterations alone would leave most of a GPU idle, and threads that each walk along a row of their own read
memory badly. The group is a power of two that depends on extents alone, so that bits do not change from run to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wengert.compiler.backend.device_facts import apart
from wengert.compiler.backend.device_iterations import captured, combine_of, counted, on_host, trip_count
from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.backend.device_memory import BLOCK
from wengert.compiler.backend.device_reductions import THREADS, WARP, identity
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Block, Op, Value, constant_of, free_values
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import Mapping, copy_ops

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner

SHORT = 16
"""Trips, known beforehand, up to which a loop is left to its thread."""
_PLAIN = ("index", "wrap_index", "load", "dim", "check")


@dataclass(slots=True)
class Sums:
    """how: the row that combines the results of an inner loop. partial: on the host, for each result an array of what the
    trips of each iteration come to. stored: whether that is the array the parallel loop results in."""

    how: str
    partial: list[Value]
    stored: bool = False


def spread_sums(outliner: Outliner, op: Op, count: Value) -> dict[Op, Sums]:
    """The inner loops of a parallel loop of `count` iterations that only add up, done by groups of threads."""
    (body,) = op.regions
    done: dict[Op, Sums] = {}
    for k, inner in enumerate(body.ops):
        how = _combined_by(body, inner)
        before = None if how is None else _needed(body, k, done)
        if how is not None and before is not None:
            stored = stores_only(op, inner, before)
            outputs = [outliner.values[stored]] if stored is not None and how == "add" else None
            partial = _spread(outliner, op, count, inner, how, before, dict(done), outputs)
            done[inner] = Sums(how, partial, outputs is not None)
    return done


def adds_only(op: Op, sums: dict[Op, Sums]) -> Op | None:
    """The inner loop whose sums are all that a parallel loop adds up: it begins at 0."""
    (body,) = op.regions
    if len(sums) != 1 or len(op.results) != 1 or not op.results[0].type.is_scalar:
        return None
    ((inner, one),) = sums.items()
    last, params = body.results[0].owner, {body.params[1], inner.result} if len(inner.results) == 1 else set()
    found = last is not None and last.name == "add" == one.how and set(last.operands) == params and is_zero(inner.operands[3])
    return inner if found and all(o is last or o is inner or _has_no_check(o) for o in body.ops) else None


def stores_only(op: Op, inner: Op, before: Iterable[Op]) -> Value | None:
    """The array of which each iteration stores one element, its own, where that is what the inner loop adds up from 0: the
    group's threads can store it themselves."""
    (body,) = op.regions
    low, _, step = (constant_of(v) for v in op.operands[:3])
    if (low, step) != (0, 1) or len(op.results) != 1 or len(inner.results) != 1 or not is_zero(inner.operands[3]):
        return None
    last = body.results[0].owner
    if last is None or last.name != "update" or last not in body.ops or inner.result.type.dtype is not op.results[0].type.dtype:
        return None
    if list(last.operands) != [body.params[1], inner.result, body.params[0]]:
        return None
    rest = {o for o in body.ops if o is not last and o is not inner} - set(before)
    return op.operands[3] if all(_has_no_check(o) for o in rest) else None


def is_zero(start: Value) -> bool:
    """Whether it is 0, to which a sum that itself began at 0 is added without a change of a bit: such a sum is never -0."""
    number = constant_of(start)
    return number is not None and number == 0 and not np.signbit(np.real(number)) and not np.signbit(np.imag(number))


def _has_no_check(op: Op) -> bool:
    """What may be left out where nobody needs it."""
    return reads_only(op) and not row_of(op).traps and not any(row_of(o).traps for r in op.regions for o in r.walk())


def copy_with_sums(kernel: KernelBuilder, ops: Iterable[Op], mapping: Mapping, number: Value, sums: dict[Op, Sums]) -> None:
    """Copies of the ops of iteration `number`, where `sums` hold what their inner loops come to."""
    for op in ops:
        if op not in sums:
            copy_ops(kernel.builder, [op], mapping)
            continue
        one = sums[op]
        for result, init, partial in zip(op.results, op.operands[3:], one.partial, strict=True):
            value = kernel.builder.emit("load", kernel.capture(partial), number)
            mapping[result] = kernel.builder.emit(one.how, mapping.get(init, init), value)


# -- which loops


def _combined_by(body: Block, inner: Op) -> str | None:
    """The row by which the results of an inner loop are combined over its trips; None where it does anything else."""
    if inner.name != "for" or inner.attrs.get("parallel") or not inner.results:
        return None
    if any(v.type.is_array or v.type.dtype.kind not in "fi" for v in inner.results):
        return None
    low, high, step = (constant_of(v) for v in inner.operands[:3])
    if step not in (1, -1) or (low is not None and high is not None and abs(int(high) - int(low)) <= SHORT):
        return None
    (region,) = inner.regions
    if any(not reads_only(o) for o in region.ops) or set(body.params[1:]) & {*free_values(region), *inner.operands}:
        return None
    reads = [v for o in region.walk() for v in o.operands] + [v for r in _blocks(region) for v in r.results]
    for p, result in zip(region.params[1:], region.results, strict=True):
        if reads.count(p) != 1 or reads.count(result) != 1 or result.owner not in region.ops:
            return None
        if result.owner is None or p not in result.owner.operands:
            return None
        if result.owner.name == "subtract" and result.owner.operands[1] is p:
            return None
    try:
        rows = {combine_of(region, k, inner) for k in range(len(inner.results))}
    except UnsupportedError:
        return None
    return rows.pop() if len(rows) == 1 and rows <= {"add", "maximum", "minimum"} else None


def _blocks(block: Block) -> list[Block]:
    return [block, *(r for o in block.walk() for r in o.regions)]


def reads_only(op: Op) -> bool:
    """Whether it may be done again by another thread, and writes nothing."""
    if op.regions:
        scalars = all(v.type.is_scalar for v in op.results)
        return op.name in ("for", "while", "if") and scalars and all(reads_only(o) for r in op.regions for o in r.ops)
    if op.name in _PLAIN:
        return True
    return row_of(op).kind in ("elementwise", "source", "constant") and all(v.type.is_scalar for v in (*op.operands, *op.results))


def _needed(body: Block, position: int, done: dict[Op, Sums]) -> list[Op] | None:
    """What an inner loop needs of its iteration, checks before it included, in order; None where that is too much to be done
    by every thread of a group."""
    inner = body.ops[position]
    wanted = {*free_values(inner.regions[0]), *inner.operands[:3]}
    found: list[Op] = []
    for op in reversed(body.ops[:position]):
        if op.name != "check" and not wanted & set(op.results):
            continue
        if op in done:
            wanted |= set(op.operands[3:])
        elif op.name in ("for", "while") or not reads_only(op):
            return None
        else:
            wanted |= set(op.operands) | {v for region in op.regions for v in free_values(region)}
        found.insert(0, op)
    return None if wanted & set(body.params[1:]) else found


# -- their kernels


def _spread(
    outliner: Outliner, op: Op, count: Value, inner: Op, how: str, before: list[Op], done: dict[Op, Sums],
    outputs: list[Value] | None,
) -> list[Value]:  # fmt: skip
    host, dtypes = outliner.host, [v.type.dtype for v in inner.results]
    low, _, step = (outliner.values[v] for v in op.operands[:3])
    (body,), (region,) = op.regions, inner.regions
    shift = group_shift(outliner, body, inner, count)
    group = host.emit("left_shift", host.integer(1), shift)
    if outputs is None:
        outputs = [outliner.empty([count], dtype, v.hint) for dtype, v in zip(dtypes, inner.results, strict=True)]
    local = {v for o in body.ops for v in o.results} | {body.params[0]}
    again = Block(ops=[o for o in before if o not in done] + [inner])
    again.params = [v for v in free_values(again) if v in local]  # of the iteration, not captured
    inits = [v for o in before if o in done for v in o.operands[3:] if v not in local]

    def write(kernel: KernelBuilder) -> list[Value]:
        mapping = captured(kernel, [again], inits)
        number, lane = lane_of(kernel, shift)
        mapping[body.params[0]] = counted(kernel, number, low, step)
        copy_with_sums(kernel, before, mapping, number, done)
        turns = Turns.of(kernel, inner, mapping, lane, group, shift)
        starts = [kernel.constant(identity(how, dtype), dtype) for dtype in dtypes]
        steady, changing = apart(region)
        some, none = Block(), Block(results=starts)
        with kernel.inside(some):
            copy_ops(kernel.builder, steady, mapping)
            some.results = take_turns(kernel, region, changing, starts, mapping, turns)
        any_turn = kernel.builder.emit("greater", turns.count, kernel.integer(0))
        return list(kernel.builder.if_(any_turn, some, none, [v.type for v in starts]).results)

    total = host.emit("multiply", count, group)
    return outliner.launch("sum" if how == "add" else how, total, outputs, write, combine=(how, group))


def lane_of(kernel: KernelBuilder, shift: Value) -> tuple[Value, Value]:
    """(number of the group, number in it) of a thread, where groups have 2**shift threads."""
    emit, by = kernel.builder.emit, kernel.capture(shift)
    number = emit("right_shift", kernel.iteration, by)
    return number, emit("subtract", kernel.iteration, emit("left_shift", number, by))


@dataclass(slots=True)
class Turns:
    """Of a lane, in an inner loop whose trips lane, lane + group, ... it does: the first index, the step, how many."""

    first: Value
    step: Value
    count: Value

    @classmethod
    def of(cls, kernel: KernelBuilder, inner: Op, mapping: Mapping, lane: Value, group: Value, shift: Value) -> Turns:
        emit = kernel.builder.emit
        first, end, by = (mapping.get(v, v) for v in inner.operands[:3])
        trips = emit("multiply", emit("subtract", end, first), by)
        up = emit("subtract", emit("add", trips, emit("subtract", kernel.capture(group), kernel.integer(1))), lane)
        count = emit("right_shift", up, kernel.capture(shift))
        return cls(emit("add", first, emit("multiply", lane, by)), emit("multiply", kernel.capture(group), by), count)


def take_turns(
    kernel: KernelBuilder, region: Block, ops: list[Op], starts: Sequence[Value], mapping: Mapping, turns: Turns
) -> list[Value]:
    """What the trips of a lane come to, of `ops`, those of a loop's region that are not done before it. The index is carried,
    for a shifted number of the turn is none that LLVM would make addresses of that move on."""
    each = Block(params=[Value(region.params[0].type, "turn"), *(Value(p.type, p.hint) for p in region.params)])
    inside = mapping | dict(zip(region.params, each.params[1:], strict=True))
    with kernel.inside(each):
        copy_ops(kernel.builder, ops, inside)
        following = kernel.builder.emit("add", each.params[1], turns.step)
        each.results = [following, *(inside.get(v, v) for v in region.results)]
    zero, one = kernel.integer(0), kernel.integer(1)
    return list(kernel.builder.for_(zero, turns.count, one, [turns.first, *starts], each).results)[1:]


def group_shift(outliner: Outliner, body: Block, inner: Op, count: Value) -> Value:
    """log2 of the threads of a group: each has two trips at least, and there are THREADS in all at most; but up to a warp of
    them where neighbouring trips read neighbouring elements that no other iteration reads."""
    host = outliner.host
    length, own = _length(outliner, body, inner, count)
    most = host.emit("truncated_divide", host.integer(THREADS), _at_least(outliner, count, 1))
    if own:
        most = _at_least(outliner, most, WARP)
    room = host.emit("truncated_divide", length, host.integer(2))
    room = host.emit("where", host.emit("less", room, most), room, most)
    shift, size = host.integer(0), 2
    while size <= BLOCK:
        enough = host.emit("greater_equal", room, host.integer(size))
        shift = host.emit("where", enough, host.integer(size.bit_length() - 1), shift)
        size *= 2
    return shift


def _length(outliner: Outliner, body: Block, inner: Op, count: Value) -> tuple[Value, bool]:
    """(trips of the inner loop, about, whether it goes along elements that are the iteration's own)."""
    host, (region,) = outliner.host, inner.regions
    own = {v for o in body.ops for v in o.results if constant_of(v) is None} | {body.params[0]}
    along = [o for o in region.walk() if o.name == "load" and _goes_along(o.operands[-1], region.params[0])]
    if not own & set(inner.operands[:3]):
        low, high, step = (on_host(outliner, v) for v in inner.operands[:3])
        rows = any(_depends(v, own) for o in along for v in o.operands[1:-1])
        return trip_count(outliner, low, high, step), rows
    flat = [o.operands[0] for o in along if len(o.operands) == 2]
    if not flat:
        return host.integer(WARP), False
    some = _at_least(outliner, count, 1)
    up = host.emit("add", outliner.extent(flat[0], 0), host.emit("subtract", some, host.integer(1)))
    return host.emit("truncated_divide", up, some), True


def _depends(value: Value, own: set[Value]) -> bool:
    return value in own or (value.owner is not None and any(_depends(v, own) for v in value.owner.operands))


def _goes_along(value: Value, index: Value) -> bool:
    """Whether it is the index, or that and a number."""
    while value is not index:
        op = value.owner
        if op is not None and op.name == "add":
            return any(_goes_along(v, index) for v in op.operands)
        if op is None or op.name not in ("index", "wrap_index"):
            return False
        value = op.operands[0]
    return True


def _at_least(outliner: Outliner, a: Value, number: int) -> Value:
    host = outliner.host
    b = host.integer(number)
    return host.emit("where", host.emit("greater", a, b), a, b)
