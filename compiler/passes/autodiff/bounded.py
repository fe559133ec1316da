"""What runs again in the reverse sweep, so that what is kept fits a budget.

From the function's level inwards: loops that keep more than fits run again from snapshots (checkpoints.py); within one
trip, a loop may keep too much again, and then it does the same. Branches run once more as a whole, and so do the trips of
parallel loops that only write, which stay parallel: what they kept is then kept for one branch or trip at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_at, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.autodiff.store import Store, only_writes
from wengert.compiler.passes.autodiff.tape import Outside, Saved


@dataclass(slots=True)
class Again:
    """loops: those that run again from snapshots, the ones around before those inside; of each the places of what it carries
    that its snapshots leave out (`_only_written`). smaller: (place, axis) of what a loop carries whose extent may be smaller
    in later trips, and is part of the snapshots. blocks: branches, and bodies of parallel loops, that run once more. What
    stands around such a loop or block, up to the function, runs again, too."""

    loops: dict[Op, frozenset[int]] = field(default_factory=dict)
    smaller: dict[Op, list[tuple[int, int]]] = field(default_factory=dict)
    blocks: dict[Block, None] = field(default_factory=dict)


def run_more_again(state: Any, store: Store) -> bool:
    """Add to `state.again` what has to run again, too, that `state.memory` be kept; False if nothing has to, and then
    the rest of the budget is divided among the snapshots. Raises DifferentiationError."""
    memory, again = state.memory, state.again
    if memory is None:
        return False
    kept: dict[Op, int | None] = {}
    saved_in: dict[Op, list[Saved]] = {}
    for saved, size in zip(store.in_order(), store.plan().kept, strict=True):
        if saved.loops:  # what only branches stand around is no more than a value at function level
            op = saved.path[0][0]
            before = kept.get(op, 0)
            kept[op] = None if before is None or size.bytes is None else before + size.bytes
            saved_in.setdefault(op, []).append(saved)
    unknown = [op for op, bytes_ in kept.items() if bytes_ is None]
    known = sum(bytes_ or 0 for bytes_ in kept.values())
    if not unknown and known <= (memory // 2 if again.loops else memory):
        state.share = (memory - known) // max(1, len(again.loops))
        return False
    for op in unknown or kept:
        _run_again(state, store, op, saved_in[op])
    return True


def _run_again(state: Any, store: Store, op: Op, saved: list[Saved]) -> None:
    if op.name not in LOOPS:
        state.again.blocks.update((s.path[0][1], None) for s in saved)
    elif op.attrs.get("parallel") and only_writes(op):
        state.again.blocks[body_of(op)] = None
    else:
        left_out = frozenset(k for k in range(len(carried_params(op))) if _only_written(store, op, k))
        _check_extents(state, op, left_out)
        state.again.loops[op] = left_out


def _only_written(store: Store, loop: Op, place: int) -> bool:
    """Whether the array that a loop carries at `place` is written by its trips and read by none, nor by the adjoint: such as a
    trajectory, or a list that grows. A trip can be run again without it; what is made of it is dead code there. (The condition
    of the loop itself may read it: trips that run again are counted. That of a loop inside may not.)"""
    body = body_of(loop)
    held = set(carried_at(loop, place))

    def visit(block: Block) -> bool:
        for op in block.ops:
            inits = carried_inits(op) if op.name in LOOPS else ()
            for k, init in enumerate(inits):
                if init in held:
                    held.update(carried_at(op, k))
            if any(v in held for v in op.operands[: len(op.operands) - len(inits)]) if op.regions else False:
                return False
            for region in op.regions:
                if not visit(region):
                    return False
                ends = [k for k, v in enumerate(region.results) if v in held]
                if op.name in LOOPS and (region is not body_of(op) and ends or any(inits[k] not in held for k in ends)):
                    return False
                held.update(op.results[k] for k in ends)
            if not op.regions and any(v in held for v in op.operands):
                if REGISTRY[op.name].kind != "update" or any(v in held for v in op.operands[1:]):
                    return False
                held.update(op.results)
        return True

    if held & set(_read_by_adjoint(store)) or not visit(body) or any(v in held for k, v in enumerate(body.results) if k != place):
        return False
    return not held & set(_read_by_adjoint(store))


def _read_by_adjoint(store: Store) -> Iterator[Value]:
    yield from store.saved
    for values in store.asked.values():
        yield from values
    for array, _ in store.places.values():
        yield array


def _check_extents(state: Any, loop: Op, left_out: frozenset[int]) -> None:
    """Where it is not proved that the arrays a loop carries keep their extents: those that every trip takes from outside are
    checked to (`Finder` takes for equal what every trip checks to be), others to be no larger than what the loop begins
    with, for which a snapshot has room. Raises DifferentiationError for what grows anyway, and for what is not there yet
    when the loop begins, such as an array that is returned from within."""
    outside = Outside(state.structure, state.extents, loop)
    around, builder = state.structure.standing[loop], Builder(body_of(loop), loop.span)
    smaller = state.again.smaller.setdefault(loop, [])
    for place, (p, init, end) in enumerate(zip(carried_params(loop), carried_inits(loop), body_of(loop).results, strict=True)):
        for k in range(0 if place in left_out else p.type.rank):
            if outside.has_extent(p, k):
                continue
            root = state.extents.root(end, k)
            grows = isinstance(root, tuple) and root[0].owner is not None and root[0].owner.name == "grow"
            if grows or _begins_empty(state, init, k):
                raise DifferentiationError(
                    "what this keeps for the reverse sweep cannot be bounded by `memory`",
                    loop.span,
                    "only loops with arrays that do not grow run again from snapshots; leave `memory` out, or allocate "
                    "what grows before the loop",
                )
            does = f"`{p.hint or 'an array'}` {{}} in a loop, whose trips `memory` makes run again from snapshots"
            if isinstance(root, tuple) and not state.structure.is_inside(root[0], loop):
                extents = [builder.op("dim", (v,), axis=k).result for v in (p, end)]
                builder.op("same_extent", extents, message=does.format("changes its shape"))
                continue
            smaller.append((place, k))
            before = Builder(Block(), loop.span)
            room = before.extent(init, k)
            at = around.ops.index(loop)
            around.ops[at:at] = before.block.ops
            fits = builder.emit("less_equal", builder.op("dim", (end,), axis=k).result, room)
            builder.op("check", (fits,), fault="value", message=does.format("grows"))


def _begins_empty(state: Any, array: Value, axis: int) -> bool:
    """Whether the array may have no elements when the loops and branches that made it begin."""
    carrier = state.structure.carrier
    while True:
        op = array.owner
        if array in carrier:
            op, position = carrier[array]
        elif op is not None and op.regions:
            position = op.results.index(array)
        else:
            return bool(state.extents.root(array, axis) == 0)
        if op.name == "if":
            return any(_begins_empty(state, region.results[position], axis) for region in op.regions)
        array = carried_inits(op)[position]
