"""Where two paths meet.

    branch(tracer, condition, then, orelse, live)      runs both ways on copies of the state, emits one `if`

What each name and each cell is afterwards is made by a `Merger`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from wengert.compiler.diag.span import Span
from wengert.compiler.frontend.kinds import Mismatch, describe
from wengert.compiler.frontend.merger import Make, Merger, Side, is_suspected
from wengert.compiler.frontend.objects import (
    FALSE,
    TRUE,
    Array,
    Cell,
    Guarded,
    Object,
    Poison,
    Unset,
    arrays_in,
    root,
)
from wengert.compiler.frontend.tracer import (
    BREAK,
    CONTINUE,
    DEAD,
    FLAGS,
    LEFT,
    RESULT,
    RETURN,
    State,
    Tracer,
    has_exited,
)
from wengert.compiler.ir.core import Block, Value


def detach(tracer: Tracer, live: Iterable[str], before: State) -> None:
    """Make arrays of their own of views and reshapes of what was made since `before` and no other live name reaches."""
    names = tracer.names
    own = {n: a for n in live if isinstance(a := names.get(n), Array)}
    views = {n: a for n, a in own.items() if not (a.is_whole and type(a.cell) is Cell) or a.cell.alias_of}
    if not views:
        return
    elsewhere = [item for other in tracer.state.frames.values() if other is not names for item in other.values()]
    reached = [*elsewhere, *(names[n] for n in names if n in live or n.startswith("$"))]
    references = Counter(root(a.cell) for item in reached for a in arrays_in(item))
    for name, array in views.items():
        base = root(array.cell)
        bases = {base, *map(root, array.cell.alias_of), *map(root, base.alias_of)}
        if any(b in before.cells or b.pinned or references[b] > (b is base) for b in bases):
            continue
        if is_suspected(tracer.state, base) or isinstance(tracer.state.cells[base], Poison):
            continue
        made = tracer.fresh(tracer.read(array), name)
        made.cell.contiguous = array.is_whole and array.cell.contiguous
        names[name] = made


def live_at_end(tracer: Tracer, state: State, fall: frozenset[str]) -> frozenset[str]:
    """Names that may be read after the end of a path, whichever way it is left."""
    names = state.frames[tracer.frame.index]
    flags = {f: names.get(f, FALSE) for f in FLAGS}
    if DEAD in names:
        return frozenset()
    live: frozenset[str] = frozenset() if has_exited(names) else fall
    loop = tracer.frame.loops[-1] if tracer.frame.loops else None
    if loop is not None and flags[BREAK] != FALSE:
        live |= loop.after
    if loop is not None and flags[CONTINUE] != FALSE:
        live |= loop.head
    if flags[RETURN] != FALSE:
        live |= {RESULT}
    if loop is not None:
        live |= {n for n in names if n.startswith("$loop")}
    return live | {n for n in names if n.startswith("$held")}


def branch(
    tracer: Tracer,
    condition: Value,
    then: Callable[[], None],
    orelse: Callable[[], None],
    fall: frozenset[str],
) -> None:
    """Run `then` and `orelse` on copies of the state and leave the merged state; `fall`: names live where they meet."""
    before = tracer.state
    sides = (run_side(tracer, then), run_side(tracer, orelse))
    meet(tracer, condition, sides, before, fall)


def run_side(tracer: Tracer, run: Callable[[], None]) -> Side:
    """Run one path on a copy of the state, into a block of its own."""
    before, span = tracer.state, tracer.builder.span
    tracer.state = before.copy(tracer.frame.index)
    side = Side(Block(), tracer.builder.new_scope(), tracer.state)
    with side.inside(tracer):
        run()
    side.state, tracer.state, tracer.builder.span = tracer.state, before, span
    return side


def meet(tracer: Tracer, condition: Value, sides: tuple[Side, Side], before: State, fall: frozenset[str]) -> None:
    """Emit the `if` of two paths that were run, and leave the merged state."""
    current, span = tracer.frame.index, tracer.builder.span
    tracer.state = before.copy(current)
    merger = Merger(tracer, sides, before)
    made = _merge_names(merger, fall, span)
    _merge_cells(merger)
    results: list[Value] = []
    for side, values in zip(sides, merger.yields, strict=True):
        side.block.results = values
    if sides[0].block.ops or sides[1].block.ops or merger.types:
        types = merger.types
        op = tracer.builder.op("if", (condition,), (sides[0].block, sides[1].block), merger.hints, types)
        results = list(op.results)
    for finish in merger.finish:
        finish(results)
    for name, make in made.items():
        tracer.names[name] = make(results)
    if all(DEAD in side.state.frames[current] for side in sides):
        tracer.names[DEAD] = TRUE
    elif all(has_exited(side.state.frames[current]) for side in sides):
        tracer.names[LEFT] = TRUE


def _merge_names(merger: Merger, fall: frozenset[str], span: Span | None) -> dict[str, Make]:
    tracer = merger.tracer
    current = tracer.frame.index
    a, b = (side.state.frames[current] for side in merger.sides)
    needs = [live_at_end(tracer, side.state, fall) | set(FLAGS) for side in merger.sides]
    shared = tracer.frame.live.shared
    for side, need in enumerate(needs):
        merger.on(side, partial(detach, tracer, need | shared, merger.before))
    a, b = (side.state.frames[current] for side in merger.sides)
    wanted = [n for n in dict.fromkeys((*a, *b)) if n in needs[0] or n in needs[1] or n in shared]
    for index, names in tracer.state.frames.items():
        if index != current:
            for item in names.values():
                merger.note_pairs(item, item)
    for name in wanted:
        p, q = a.get(name), b.get(name)
        if p is not None or q is not None:
            merger.note_pairs(p or Unset(""), q or Unset(""))
    made: dict[str, Make] = {}
    for name in dict.fromkeys((*a, *b)):
        if name not in wanted:
            tracer.names.pop(name, None)
            continue
        made[name] = _merge_name(merger, name, (a.get(name), b.get(name)), needs, span)
    return made


def _merge_name(merger: Merger, name: str, pair: Any, needs: Any, span: Span | None) -> Make:
    default = FALSE if name in FLAGS else None
    a, b = (default if item is None else item for item in pair)
    if name in FLAGS:  # a path that raised leaves in no other way
        dead = [DEAD in side.state.frames[merger.tracer.frame.index] for side in merger.sides]
        a, b = (b if dead[0] else a), (a if dead[1] else b)
    if a is b and a is not None:
        return lambda results: a
    need = [name in needs[0], name in needs[1]]
    unset = [item is None or isinstance(item, Unset) for item in (a, b)]
    for side in (0, 1):
        if unset[1 - side] and not unset[side] and not need[1 - side]:
            return _one_sided(merger, name, (a, b)[side], side)
    if any(unset):
        lost = next((x for x in (a, b) if isinstance(x, Unset)), None)
        if lost is None and not name.startswith("$"):
            return _guarded(merger, name, a, b)
        where = "where the condition holds" if unset[0] else "where the condition does not hold"
        return lambda results: lost or Unset(f"it is not set {where}", span)
    try:
        if isinstance(a, Guarded) or isinstance(b, Guarded):
            return _guarded(merger, name, a, b)
        return merger.join(name, a, b)
    except Mismatch:
        for side in (0, 1):
            if need[side] and not need[1 - side]:
                return _one_sided(merger, name, (a, b)[side], side)
        if name == RESULT:
            merger.tracer.refuse("result_type", a=describe(a), b=describe(b))
        if name.startswith("$value"):
            merger.tracer.refuse("conditional_types", a=describe(a), b=describe(b))
        text = f"it is {describe(a)} on one path and {describe(b)} on the other"
        return lambda results: Unset(text, span, "differs")


def _one_sided(merger: Merger, name: str, item: Any, side: int) -> Make:
    """What only one of the paths needs."""
    pair = (item, None) if side == 0 else (None, item)
    return _guarded(merger, name, *pair) if isinstance(item, Guarded) else merger.join(name, *pair)


def _guarded(merger: Merger, name: str, a: Object | None, b: Object | None) -> Make:
    """What is set on some of the paths that lead to one side or the other: reading it is checked. Raises Mismatch."""
    sides = (a, b)
    items = [side.item if isinstance(side, Guarded) else side for side in sides]
    made, builder = merger.join(name, *items), merger.tracer.builder
    known = [side.bound if isinstance(side, Guarded) else None for side in sides]
    flags = [k or merger.on(n, partial(builder.boolean, sides[n] is not None)) for n, k in enumerate(known)]
    at = merger.slot(flags[0], flags[1], name)
    return lambda results: Guarded(made(results), results[at], "is not set on the path that was taken")


def _merge_cells(merger: Merger) -> None:
    """Cells that were there before and differ between the paths."""
    cells = merger.tracer.state.cells
    a, b = (side.state.cells for side in merger.sides)
    for cell, held in list(cells.items()):
        p, q = a[cell], b[cell]
        if p is held and q is held:
            continue
        if p is q:
            cells[cell] = p
        elif isinstance(p, Poison) or isinstance(q, Poison):
            cells[cell] = p if isinstance(p, Poison) else q
        else:
            merger.content_slot(cell, p, q)
