"""Loops: what they carry, found by running the body until nothing changes.

The body is traced on a guess of what it carries: the numbers it may bind and that are live where the loop decides to go
on, and the cells it writes. What the end of the body shows to be missing or too narrow (an int that becomes a float, a
cell written through a call, two arrays that change places) is added, and the body is traced again. The guess that held
is remembered, so that an inner loop is not found out anew each time the outer one is traced.

    u, v = v, u        names that change places: the carried values do, each name keeps its cell
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wengert.compiler.frontend import liveness, maybes
from wengert.compiler.frontend.carried import BOUND, Attempt, BodyEnd, Guess, Path, part_at
from wengert.compiler.frontend.index import Affine
from wengert.compiler.frontend.kinds import can_be_missing, is_exactly, scalar_type, to_value
from wengert.compiler.frontend.merger import dummy, unknown_extent
from wengert.compiler.frontend.objects import (
    FALSE,
    NONE,
    Array,
    ArrayValue,
    Cell,
    Guarded,
    Object,
    Scalar,
    Static,
    Tuple,
    Unset,
    arrays_in,
    is_maybe,
    root,
)
from wengert.compiler.frontend.tracer import BREAK, RESULT, RETURN, Loop, State, Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import BOOL, DType, Type


@dataclass(slots=True)
class Form:
    """How a particular loop is made from its carried values.

    body: traces one iteration. condition: for a `while`, traces the test. index: the loop variable of a `for`.
    emit: (inits, blocks, types, hints) -> results. ran: whether a `for` runs its body at all.
    """

    body: Callable[[], None]
    emit: Callable[..., Any]
    condition: Callable[[], Value] | None = None
    index: Callable[[], Value] | None = None
    ran: Callable[[], Value] | None = None


class LoopTracer:
    """Traces one loop of the current frame. `names` may be bound by it; `live` may be read at its head or after it."""

    def __init__(self, tracer: Tracer, node: ast.AST, names: frozenset[str], loop: Loop, form: Form, runs: bool):
        self.tracer, self.node, self.loop, self.form, self.runs = tracer, node, loop, form, runs
        self.live = loop.head | loop.after | tracer.frame.live.shared
        self.live |= {n for n in names if n.startswith("$")}
        self.names = [n for n in sorted(names) if n in self.live]
        self.private = [n for n in sorted(names) if n not in self.live]
        self.guess = Guess()
        self.before = tracer.state
        self.start = tracer.state
        self.key = (node, tuple(id(f.statement) for f in tracer.frames))
        self.place = tracer.place(node) if hasattr(node, "lineno") else None

    def run(self) -> None:
        tracer, before = self.tracer, self.tracer.state
        self.first_guess(before)
        span = tracer.builder.span
        for _ in range(30):
            self.guess.changed = False
            tracer.builder.span = span
            self.tracer.state = before.copy(tracer.frame.index)
            attempt, head = self.enter(before)
            blocks, scopes, ends = self.trace(attempt, head)
            end = BodyEnd(
                tracer, self.node, self.guess, attempt, self.names, self.live, self.loop, before, self.start
            )
            yields = end.leave(ends, blocks[-1], scopes[-1])
            if not self.guess.changed:
                break
            self.begin_missing(before)
        else:
            raise AssertionError("a loop's carried values did not settle")
        self.remember(before)
        tracer.builder.span = span
        self.finish(before, attempt, head, ends, blocks, yields)

    def begin_missing(self, before: State) -> None:
        """Let names that are None in some iterations begin as what may be missing."""
        names, now = before.frames[self.tracer.frame.index], self.tracer.state
        self.tracer.state = before
        for name, model in self.guess.maybes.items():
            if name in names and not is_maybe(names[name]):
                names[name] = maybes.made_optional(self.tracer, names[name], model)
        self.tracer.state = now

    # -- guesses

    def first_guess(self, before: State) -> None:
        known = self.tracer.hints.get(self.key)
        names = before.frames[self.tracer.frame.index]
        if known is None:
            for name in sorted(liveness.stored(self.node)):
                for array in arrays_in(names.get(name, FALSE)):
                    if not root(array.cell).captured:
                        self.guess.carry(root(array.cell), before)
            return
        fit = [n for n in known["maybes"] if names.get(n) == NONE or can_be_missing(names.get(n, NONE))]
        self.guess.maybes = {n: known["maybes"][n] for n in fit}
        self.begin_missing(before)
        self.guess.scalars = {
            path: wide
            for path, (narrow, wide) in known["scalars"].items()
            if (found := part_at(names, path)) is not None and scalar_type(found) == narrow
        }
        self.guess.born = dict(known["born"])
        for name in known["written"]:
            for array in arrays_in(names.get(name, FALSE)):
                self.guess.carry(root(array.cell), before)

    def remember(self, before: State) -> None:
        names = before.frames[self.tracer.frame.index]
        scalars = {p: (scalar_type(part_at(names, p)), wide) for p, wide in self.guess.scalars.items()}
        written = [n for n, item in names.items() if any(root(a.cell) in self.guess.written for a in arrays_in(item))]
        kept = {"born": self.guess.born, "maybes": self.guess.maybes}
        self.tracer.hints[self.key] = {"scalars": scalars, "written": written, **kept}

    # -- the head

    def enter(self, before: State) -> tuple[Attempt, State]:
        """The state at the head of the loop, its changing parts replaced by block parameters."""
        tracer, attempt = self.tracer, Attempt()
        names = tracer.names
        for cell in self.guess.written:
            held = before.cells[cell]
            assert isinstance(held, ArrayValue)
            attempt.cells[cell] = self.add_array(attempt, cell, held, self.guess.written[cell])
        for spoilt, poison in self.guess.spoilt.items():
            if isinstance(spoilt, Cell):
                tracer.state.cells[spoilt] = poison
        for name in self.private:
            if name in names:
                names[name] = Unset("it is set only in the body of the loop", tracer.builder.span)
        for name in self.names:
            item = names.get(name)
            if item is None or isinstance(item, Unset | Guarded):
                names[name] = Unset("it is set only in the body of the loop, which may not run", tracer.builder.span)
            else:
                names[name] = self.general(attempt, (name,), item)
        for name, item in self.guess.born.items():
            self.add_born(attempt, (name,), item)
        return attempt, tracer.state

    def add_array(self, attempt: Attempt, key: Any, held: ArrayValue, type: Type) -> int:
        at = attempt.add(held.value, type, getattr(key, "name", "") or "")
        if isinstance(key, Cell):
            self.tracer.state.cells[key] = self.array_of(key, attempt.params[at], held.extents, outside=False)
        return at

    def array_of(self, key: Any, value: Value, extents: tuple[Affine, ...], outside: bool) -> ArrayValue:
        """The array a parameter (or result) holds; extents that change in the loop are asked of the value."""
        tracer = self.tracer
        made = []
        for axis, extent in enumerate(extents):
            if (key, axis) not in self.guess.loose:
                made.append(extent)
            elif outside:
                made.append(unknown_extent(tracer, value, axis))
            else:
                made.append(None)  # type: ignore[arg-type]  # made inside the block, see `trace`
        return ArrayValue(value, tuple(made))  # type: ignore[arg-type]

    def general(self, attempt: Attempt, path: Path, item: Object) -> Object:
        if scalar_type(item) is not None:
            dtype, weak = self.guess.scalars.setdefault(path, self.beginning(path, item))
            at = attempt.add(to_value(self.tracer, item, dtype), Type(dtype), path[0].lstrip("$"))
            attempt.paths[path] = at
            if weak and self.place is not None:
                self.tracer.carried[attempt.params[at]] = ((self.place, path), item)
            return Scalar(attempt.params[at], weak)
        if isinstance(item, Tuple):
            parts = [self.general(attempt, (*path, str(k)), part) for k, part in enumerate(item.items)]
            return replace(item, items=tuple(parts), fresh=False)
        if isinstance(item, Array) and path in self.guess.joined:
            cell = Cell(path[0], item.dtype, item.rank, self.tracer.builder.span, contiguous=False)
            cell.alias_of = self.guess.joined[path]
            if path in self.guess.spoilt:
                self.tracer.state.cells[cell] = self.guess.spoilt[path]
                return Array(cell)
            now, self.tracer.state = self.tracer.state, self.before
            held = self.tracer.read(item)
            self.tracer.state = now
            loose = {k for (key, k) in self.guess.loose if key == path}
            shape = tuple(None if k in loose else n for k, n in enumerate(held.value.type.shape))
            at = attempt.add(held.value, Type(item.dtype, shape), path[0])
            self.guess.loose |= {(cell, k) for k in loose}
            self.tracer.state.cells[cell] = self.array_of(cell, attempt.params[at], held.extents, outside=False)
            attempt.joined[path] = cell
            attempt.cells[cell] = at
            return Array(cell)
        return item

    def beginning(self, path: Path, item: Object) -> tuple[DType, bool]:
        """What a number that is carried is at the start: see `kinds.begin_with`."""
        kind, wanted = scalar_type(item), self.tracer.lists.get(("begins", self.place, path))
        assert kind is not None
        return (wanted, False) if wanted is not None and kind[1] and is_exactly(item, wanted) else kind

    def add_born(self, attempt: Attempt, path: Path, item: Object) -> None:
        if isinstance(item, Guarded):
            self.add_born(attempt, path, item.item)
            attempt.born[(*path, BOUND)] = attempt.add(self.tracer.builder.boolean(False), Type(BOOL), path[0].lstrip("$"))
            return
        kind = scalar_type(item)
        if kind is not None:
            type = Type(kind[0])
        elif isinstance(item, Array):
            if self.guess.is_older(item, self.before) or (item.is_whole and item.cell in attempt.sources):
                return
            if item.is_whole and item.cell not in self.guess.exchanged:
                attempt.sources[item.cell] = path
            type = Type(item.dtype, (None,) * item.rank)
        else:
            for k, part in enumerate(item.items if isinstance(item, Tuple) else ()):
                self.add_born(attempt, (*path, str(k)), part)
            return
        attempt.born[path] = attempt.add(dummy(self.tracer, type), type, path[0].lstrip("$"))

    # -- the body

    def trace(self, attempt: Attempt, head: State) -> tuple[list[Block], list[int], State]:
        """Trace condition and body; returns their blocks and the state at the end of the body."""
        tracer, form = self.tracer, self.form
        tracer.frame.loops.append(self.loop)
        self.loop.runs = True
        blocks, scopes = [], []
        start = head.copy(tracer.frame.index)
        if form.condition is not None:
            block, scope = self.block_of(attempt.params, None)
            tracer.state = head.copy(tracer.frame.index)
            with tracer.builder.region(block, scope):
                self.settle(tracer.state)
                names = dict(tracer.names)
                block.results = [form.condition()]
            if any(tracer.names.get(n) is not item for n, item in names.items()) or len(names) != len(tracer.names):
                self.tracer.refuse(
                    "call", self.node, name="an assignment in the condition of a loop", help="Assign in the body."
                )
            if any(
                tracer.state.cells.get(c) is not held
                for c, held in start.cells.items()
                if None not in getattr(held, "extents", ())
            ):
                self.note_condition_writes(start)
            blocks.append(block)
            scopes.append(scope)
            params = [Value(p.type, p.hint) for p in attempt.params]
            tracer.state = self.renamed(start, dict(zip(attempt.params, params, strict=True)))
        else:
            params = attempt.params
            tracer.state = start.copy(tracer.frame.index)
        attempt.inside = params
        index = form.index() if form.index is not None else None
        block, scope = self.block_of(params, index)
        with tracer.builder.region(block, scope):
            self.settle(tracer.state)
            self.start = tracer.state.copy(tracer.frame.index)
            form.body()
        blocks.append(block)
        scopes.append(scope)
        tracer.frame.loops.pop()
        self.loop.runs = False
        return blocks, scopes, tracer.state

    def note_condition_writes(self, start: State) -> None:
        self.tracer.refuse(
            "call", self.node, name="a condition that writes an array", help="Write the array in the body."
        )

    def block_of(self, params: list[Value], index: Value | None) -> tuple[Block, int]:
        block = Block([*([index] if index is not None else []), *params])
        return block, self.tracer.builder.new_scope()

    def settle(self, state: State) -> None:
        """Ask for the extents that change, now that we are inside the block."""
        for cell, held in state.cells.items():
            if isinstance(held, ArrayValue) and None in held.extents:
                extents = tuple(
                    unknown_extent(self.tracer, held.value, k) if e is None else e for k, e in enumerate(held.extents)
                )
                state.cells[cell] = ArrayValue(held.value, extents)

    def renamed(self, state: State, mapping: dict[Value, Value]) -> State:
        """The head's state on the body's own block parameters."""
        current = self.tracer.frame.index

        def rename(item: Object) -> Object:
            if isinstance(item, Scalar) and item.value in mapping:
                return Scalar(mapping[item.value], item.weak)
            if isinstance(item, Tuple):
                return replace(item, items=tuple(rename(part) for part in item.items), fresh=False)
            return item

        carried = self.tracer.carried
        carried.update({mapping[v]: carried[v] for v in mapping if v in carried})
        names = {name: rename(item) for name, item in state.frames[current].items()}
        cells = {
            cell: ArrayValue(mapping[held.value], held.extents)
            if isinstance(held, ArrayValue) and held.value in mapping
            else held
            for cell, held in state.cells.items()
        }
        return State(state.frames | {current: names}, cells)

    # -- after the loop

    def finish(
        self, before: State, attempt: Attempt, head: State, end: State, blocks: list[Block], yields: list[Value]
    ) -> None:
        """Emit the loop and leave the state after it."""
        tracer = self.tracer
        blocks[-1].results = yields
        types, hints = [p.type for p in attempt.params], [p.hint for p in attempt.params]
        bound = self.first_test(before) if self.guess.born and not self.runs else None
        tracer.state = before
        results = self.form.emit(attempt.inits, blocks, types, hints)
        tracer.state = self.renamed(head, dict(zip(attempt.params, results, strict=True)))
        for cell, at in attempt.cells.items():
            held = head.cells[cell]
            assert isinstance(held, ArrayValue)
            tracer.state.cells[cell] = self.array_of(cell, results[at], held.extents, outside=True)
        names = tracer.names
        cells = {
            cell: self.tracer.fresh(self.born_value(results[attempt.born[path]]), path[0]).cell
            for cell, path in attempt.sources.items()
        }
        for name, item in self.guess.born.items():
            made = self.born_object((name,), item, attempt, results, cells)
            if isinstance(item, Guarded):
                names[name] = made
                continue
            names[name] = made if bound is None or name == RESULT else Guarded(made, bound)

    def first_test(self, before: State) -> Value:
        """Whether the body is run at all, as known before the loop."""
        self.tracer.state = before.copy(self.tracer.frame.index)
        test = self.form.ran or self.form.condition
        assert test is not None
        return test()

    def born_value(self, value: Value) -> ArrayValue:
        return ArrayValue(value, tuple(unknown_extent(self.tracer, value, k) for k in range(value.type.rank)))

    def born_object(
        self, path: Path, item: Object, attempt: Attempt, results: list[Value], cells: dict[Cell, Cell]
    ) -> Object:
        """What a name bound in the body is after the loop. cells: those made in the body that are known whole."""
        if isinstance(item, Tuple):
            parts = [
                self.born_object((*path, str(k)), part, attempt, results, cells) for k, part in enumerate(item.items)
            ]
            return replace(item, items=tuple(parts), fresh=False)
        if isinstance(item, Guarded):
            inner = self.born_object(path, item.item, attempt, results, cells)
            return Guarded(inner, results[attempt.born[(*path, BOUND)]], item.reason)
        if isinstance(item, Array) and item.is_whole and item.cell in cells:
            return Array(cells[item.cell])
        at = attempt.born.get(path)
        if at is None:
            return item
        value = results[at]
        kind = scalar_type(item)
        if kind is not None:
            return Scalar(value, kind[1])
        made = self.tracer.fresh(self.born_value(value), path[0])
        assert isinstance(item, Array)
        bases = {cells.get(c, c) for cell in (item.cell, *item.cell.alias_of) for c in (cell, root(cell))}
        if bases & self.guess.exchanged and path[0] != RESULT:  # what is returned is not written any more
            bases |= self.guess.exchanged
        known = self.tracer.state.cells
        made.cell.alias_of = frozenset(c for c in bases if c in known or c.captured)  # a part of what has other names
        return made


def run_loop(tracer: Tracer, node: ast.AST, names: frozenset[str], loop: Loop, form: Form, runs: bool) -> None:
    """Trace a loop to the state after it. `runs`: its body certainly runs at least once."""
    LoopTracer(tracer, node, names, loop, form, runs).run()


def carried_flags(tracer: Tracer, breaks: bool, returns: bool) -> frozenset[str]:
    """Names of the flags a loop carries, set to False."""
    names = ({BREAK} if breaks else set()) | ({RETURN, RESULT} if returns else set())
    for flag in names - {RESULT}:
        tracer.names[flag] = FALSE
    return frozenset(names)


def flag_value(tracer: Tracer, flag: str) -> Value | None:
    """A flag as a value; None where it is certainly False."""
    item = tracer.flag(flag)
    if isinstance(item, Static):
        return tracer.constant(True, BOOL) if item.value else None
    assert isinstance(item, Scalar)
    return item.value
