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
from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.frontend import liveness
from wengert.compiler.frontend.index import Affine
from wengert.compiler.frontend.merge import (
    Mismatch,
    describe,
    dummy,
    join_scalars,
    root,
    scalar_type,
    to_value,
    unknown_extent,
)
from wengert.compiler.frontend.objects import (
    FALSE,
    Array,
    ArrayValue,
    Cell,
    Object,
    Poison,
    Scalar,
    Static,
    Tuple,
    Unset,
    arrays_in,
    is_number,
    same_object,
)
from wengert.compiler.frontend.tracer import BREAK, RESULT, RETURN, Loop, State, Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import BOOL, DType, Type

Path = tuple[str, ...]


@dataclass(slots=True)
class Guess:
    """What a loop carries.

    scalars: dtype and weakness of numbers, by name and position in it. written: cells by identity.
    joined: paths whose array may be one of several. extents: axes of carried arrays whose extent changes.
    born: objects first bound in the body and used after the loop. spoilt: cells poisoned by an earlier iteration.
    unwritten: cells that were guessed to be written once, and were not.
    """

    scalars: dict[Path, tuple[DType, bool]] = field(default_factory=dict)
    written: dict[Cell, Type] = field(default_factory=dict)
    loose: set[tuple[Any, int]] = field(default_factory=set)
    joined: dict[Path, frozenset[Cell]] = field(default_factory=dict)
    born: dict[str, Object] = field(default_factory=dict)
    spoilt: dict[Cell, Poison] = field(default_factory=dict)
    unwritten: set[Cell] = field(default_factory=set)
    changed: bool = False


@dataclass(slots=True)
class Form:
    """How a particular loop is made from its carried values.

    body: traces one iteration. condition: for a `while`, traces the test. index: the loop variable of a `for`.
    emit: (inits, blocks, types, hints) -> results.
    """

    body: Callable[[], None]
    emit: Callable[..., Any]
    condition: Callable[[], Value] | None = None
    index: Callable[[], Value] | None = None


@dataclass(slots=True)
class Attempt:
    """One tracing of the loop: the values carried in, the block parameters, and the state at the head."""

    inits: list[Value] = field(default_factory=list)
    params: list[Value] = field(default_factory=list)
    paths: dict[Path, int] = field(default_factory=dict)
    cells: dict[Cell, int] = field(default_factory=dict)
    born: dict[Path, int] = field(default_factory=dict)
    joined: dict[Path, Cell] = field(default_factory=dict)

    def add(self, init: Value, type: Type, hint: str) -> int:
        self.inits.append(init)
        self.params.append(Value(type, hint))
        return len(self.params) - 1


class LoopTracer:
    """Traces one loop of the current frame. `names` may be bound by it; `live` may be read at its head or after it."""

    def __init__(self, tracer: Tracer, node: ast.AST, names: frozenset[str], loop: Loop, form: Form, runs: bool):
        self.tracer, self.node, self.loop, self.form, self.runs = tracer, node, loop, form, runs
        self.live = loop.head | loop.after | tracer.frame.live.shared
        self.live |= {n for n in names if n.startswith("$")}
        self.names = [n for n in sorted(names) if n in self.live]
        self.private = [n for n in names if n not in self.live]
        self.guess = Guess()
        self.before = tracer.state
        self.start = tracer.state
        self.key = (node, tuple(id(f.statement) for f in tracer.frames))

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
            yields = self.leave(attempt, head, ends, blocks[-1], scopes)
            if not self.guess.changed:
                break
        else:
            raise AssertionError("a loop's carried values did not settle")
        self.remember(before)
        tracer.builder.span = span
        self.finish(before, attempt, head, ends, blocks, yields)

    # -- guesses

    def first_guess(self, before: State) -> None:
        known = self.tracer.hints.get(self.key)
        names = before.frames[self.tracer.frame.index]
        if known is None:
            for name in liveness.stored(self.node):
                for array in arrays_in(names.get(name, FALSE)):
                    if not root(array.cell).captured:
                        self.carry(root(array.cell), before)
            return
        self.guess.scalars = {
            path: wide
            for path, (narrow, wide) in known["scalars"].items()
            if (found := self.at(names, path)) is not None and scalar_type(found) == narrow
        }
        self.guess.born = dict(known["born"])
        for name in known["written"]:
            for array in arrays_in(names.get(name, FALSE)):
                self.carry(root(array.cell), before)

    def remember(self, before: State) -> None:
        names = before.frames[self.tracer.frame.index]
        scalars = {p: (scalar_type(self.at(names, p)), wide) for p, wide in self.guess.scalars.items()}
        written = [n for n, item in names.items() if any(root(a.cell) in self.guess.written for a in arrays_in(item))]
        self.tracer.hints[self.key] = {"scalars": scalars, "written": written, "born": self.guess.born}

    def carry(self, cell: Cell, before: State) -> None:
        held = before.cells.get(cell)
        if isinstance(held, ArrayValue) and cell not in self.guess.written:
            self.guess.written[cell] = held.value.type
            self.guess.changed = True

    def at(self, names: dict[str, Object], path: Path) -> Any:
        item: Any = names.get(path[0])
        for step in path[1:]:
            item = item.items[int(step)] if isinstance(item, Tuple) and int(step) < len(item.items) else None
        return item

    # -- the head

    def enter(self, before: State) -> tuple[Attempt, State]:
        """The state at the head of the loop, its changing parts replaced by block parameters."""
        tracer, attempt = self.tracer, Attempt()
        names = tracer.names
        for cell in self.guess.written:
            held = before.cells[cell]
            assert isinstance(held, ArrayValue)
            attempt.cells[cell] = self.add_array(attempt, cell, held, self.guess.written[cell])
        for cell, poison in self.guess.spoilt.items():
            tracer.state.cells[cell] = poison
        for name in self.private:
            if name in names:
                names[name] = Unset("it is set only in the body of the loop", tracer.builder.span)
        for name in self.names:
            item = names.get(name)
            if item is None or isinstance(item, Unset):
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
                made.append(None)  # made inside the block, see `trace`
        return ArrayValue(value, tuple(made))  # type: ignore[arg-type]

    def general(self, attempt: Attempt, path: Path, item: Object) -> Object:
        if scalar_type(item) is not None:
            dtype, weak = self.guess.scalars.setdefault(path, scalar_type(item))  # type: ignore[arg-type]
            at = attempt.add(to_value(self.tracer, item, dtype), Type(dtype), path[0].lstrip("$"))
            attempt.paths[path] = at
            return Scalar(attempt.params[at], weak)
        if isinstance(item, Tuple):
            parts = [self.general(attempt, (*path, str(k)), part) for k, part in enumerate(item.items)]
            return Tuple(item.kind, tuple(parts), item.names)
        if isinstance(item, Array) and path in self.guess.joined:
            now, self.tracer.state = self.tracer.state, self.before
            held = self.tracer.read(item)
            self.tracer.state = now
            cell = Cell(path[0], item.dtype, item.rank, self.tracer.builder.span, contiguous=False)
            cell.alias_of = self.guess.joined[path]
            loose = {k for (key, k) in self.guess.loose if key == path}
            shape = tuple(None if k in loose else n for k, n in enumerate(held.value.type.shape))
            at = attempt.add(held.value, Type(item.dtype, shape), path[0])
            self.guess.loose |= {(cell, k) for k in loose}
            self.tracer.state.cells[cell] = self.array_of(cell, attempt.params[at], held.extents, outside=False)
            attempt.joined[path] = cell
            attempt.cells[cell] = at
            return Array(cell)
        return item

    def add_born(self, attempt: Attempt, path: Path, item: Object) -> None:
        kind = scalar_type(item)
        if kind is not None:
            type = Type(kind[0])
        elif isinstance(item, Array):
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
                self.tracer.refuse("call", self.node, name="an assignment in the condition of a loop", help="Assign in the body.")
            if any(tracer.state.cells.get(c) is not held for c, held in start.cells.items() if None not in getattr(held, "extents", ())):
                self.note_condition_writes(start)
            blocks.append(block)
            scopes.append(scope)
            params = [Value(p.type, p.hint) for p in attempt.params]
            tracer.state = self.renamed(start, dict(zip(attempt.params, params, strict=True)))
        else:
            params = attempt.params
            tracer.state = start.copy(tracer.frame.index)
        index = form.index() if form.index is not None else None
        block, scope = self.block_of(params, index)
        with tracer.builder.region(block, scope):
            self.settle(tracer.state)
            self.start = tracer.state.copy(tracer.frame.index)
            form.body()
        blocks.append(block)
        scopes.append(scope)
        tracer.frame.loops.pop()
        return blocks, scopes, tracer.state

    def note_condition_writes(self, start: State) -> None:
        self.tracer.refuse("call", self.node, name="a condition that writes an array", help="Write the array in the body.")

    def block_of(self, params: list[Value], index: Value | None) -> tuple[Block, int]:
        block = Block([*([index] if index is not None else []), *params])
        return block, self.tracer.builder.new_scope()

    def settle(self, state: State) -> None:
        """Ask for the extents that change, now that we are inside the block."""
        for cell, held in state.cells.items():
            if isinstance(held, ArrayValue) and None in held.extents:
                extents = tuple(unknown_extent(self.tracer, held.value, k) if e is None else e for k, e in enumerate(held.extents))
                state.cells[cell] = ArrayValue(held.value, extents)

    def renamed(self, state: State, mapping: dict[Value, Value]) -> State:
        """The head's state on the body's own block parameters."""
        current = self.tracer.frame.index

        def rename(item: Object) -> Object:
            if isinstance(item, Scalar) and item.value in mapping:
                return Scalar(mapping[item.value], item.weak)
            if isinstance(item, Tuple):
                return Tuple(item.kind, tuple(rename(part) for part in item.items), item.names)
            return item

        names = {name: rename(item) for name, item in state.frames[current].items()}
        cells = {
            cell: ArrayValue(mapping[held.value], held.extents) if isinstance(held, ArrayValue) and held.value in mapping else held
            for cell, held in state.cells.items()
        }
        return State(state.frames | {current: names}, cells)

    # -- the end of the body

    def leave(self, attempt: Attempt, head: State, end: State, block: Block, scopes: list[int]) -> list[Value]:
        """The values to carry on, or (guess.changed) what the guess lacks."""
        tracer, guess = self.tracer, self.guess
        names = end.frames[tracer.frame.index]
        start = self.start
        begin = start.frames[tracer.frame.index]
        yields: list[Value | None] = [None] * len(attempt.params)
        tracer.state = end
        with tracer.builder.region(block, scopes[-1]):
            moved = self.permutation(begin, names, start)
            for name in self.names:
                item, first = names.get(name), begin.get(name)
                if first is None or isinstance(first, Unset):
                    self.leave_born(name, item, attempt, yields)
                else:
                    self.leave_name((name,), first, item, attempt, yields)
            for cell, held in start.cells.items():
                self.leave_cell(cell, held, end.cells.get(moved.get(cell, cell)), attempt, yields)
        return yields  # type: ignore[return-value]

    def permutation(self, begin: dict[str, Object], names: dict[str, Object], start: State) -> dict[Cell, Cell]:
        """For each cell of the head the cell that takes its place at the end of the body.

        Names that cannot be explained by cells changing places become joined.
        """
        pairs: list[tuple[Path, Array, Array]] = []
        fixed: set[Cell] = {cell for cell in start.cells if cell.pinned}
        for index, other in self.tracer.state.frames.items():
            if index != self.tracer.frame.index:
                fixed |= {root(a.cell) for item in other.values() for a in arrays_in(item)}
        for name, first in begin.items():
            if name not in self.names and (name in self.live or name.startswith("$")):
                fixed |= {root(a.cell) for a in arrays_in(first)}
            elif name in self.names and name in names:
                self.pair((name,), first, names[name], pairs)
        forward: dict[Cell, set[Cell]] = {cell: {cell} for cell in fixed}
        backward: dict[Cell, set[Cell]] = {cell: {cell} for cell in fixed}
        for _, a, b in pairs:
            forward.setdefault(root(a.cell), set()).add(root(b.cell))
            backward.setdefault(root(b.cell), set()).add(root(a.cell))
        moved: dict[Cell, Cell] = {}
        for path, a, b in pairs:
            if a == b and len(forward[root(a.cell)]) == 1 == len(backward[root(b.cell)]):
                continue
            plain = a.view is None and b.view is None and type(a.cell) is Cell and type(b.cell) is Cell
            if not plain or len(forward[a.cell]) > 1 or len(backward[b.cell]) > 1 or b.cell.alias_of:
                if a == b:
                    continue
                self.join(path, a, b)
            else:
                moved[a.cell] = b.cell
        return moved

    def pair(self, path: Path, a: Object, b: Object, pairs: list[tuple[Path, Array, Array]]) -> None:
        if isinstance(a, Array) and isinstance(b, Array) and (a.dtype, a.rank) == (b.dtype, b.rank):
            pairs.append((path, a, b))
        elif isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
            for k, (p, q) in enumerate(zip(a.items, b.items, strict=True)):
                self.pair((*path, str(k)), p, q, pairs)

    def join(self, path: Path, a: Array, b: Array) -> None:
        aliases = {root(c) for x in (a, b) for c in (x.cell, *x.cell.alias_of)}
        known = self.guess.joined.get(path, frozenset())
        outside = {c for c in aliases if c in self.before.cells and c not in known and not c.alias_of}
        if path not in self.guess.joined or outside:
            self.guess.joined[path] = known | frozenset(outside)
            self.guess.changed = True

    def leave_name(self, path: Path, first: Object, item: Any, attempt: Attempt, yields: list[Any]) -> None:
        guess, tracer = self.guess, self.tracer
        if path in attempt.paths:
            if item is None or isinstance(item, Unset) or scalar_type(item) is None:
                self.changes_kind(path, first, item)
            init, at = self.at(self.before.frames[tracer.frame.index], path), attempt.paths[path]
            try:  # a constant start gives way to what the body makes of it, where that loses nothing
                wide = join_scalars(init if guess.scalars[path] == scalar_type(init) else first, item)
            except Mismatch:
                self.changes_kind(path, first, item)
            if wide != guess.scalars[path]:
                guess.scalars[path] = wide
                guess.changed = True
                return
            yields[at] = to_value(tracer, item, wide[0])
        elif isinstance(first, Tuple):
            if not isinstance(item, Tuple) or (item.kind, len(item.items)) != (first.kind, len(first.items)):
                self.changes_kind(path, first, item)
            for k, (p, q) in enumerate(zip(first.items, item.items, strict=True)):
                self.leave_name((*path, str(k)), p, q, attempt, yields)
        elif isinstance(first, Array):
            if not isinstance(item, Array) or (item.dtype, item.rank) != (first.dtype, first.rank):
                self.changes_kind(path, first, item)
            if path in attempt.joined:
                cell = attempt.joined[path]
                if root(item.cell) is not cell and yields[attempt.cells[cell]] is None:
                    held = tracer.read(item)
                    yields[attempt.cells[cell]] = held.value
                    self.compare_extents(path, cell, held)
        elif item is None or not same_object(first, item):
            self.changes_kind(path, first, item)

    def changes_kind(self, path: Path, first: Object, item: Any) -> None:
        name = path[0]
        if isinstance(item, Unset):
            self.tracer.refuse(item.key, self.node, name=name, reason=item.reason, notes=[("the paths part here", item.span)])
        self.tracer.refuse("loop_type", self.node, name=name, before=describe(first), after=describe(item))

    def leave_born(self, name: str, item: Any, attempt: Attempt, yields: list[Any]) -> None:
        """A name first bound in the body: carried only if the loop surely runs and it is used after."""
        guess = self.guess
        if item is None or isinstance(item, Unset) or name not in self.loop.after | {RESULT} or not (self.runs or name == RESULT):
            return
        if name not in guess.born:
            guess.born[name] = item
            guess.changed = True
            return
        self.yield_born((name,), item, guess.born[name], attempt, yields)

    def yield_born(self, path: Path, item: Object, model: Object, attempt: Attempt, yields: list[Any]) -> None:
        at = attempt.born.get(path)
        if not self.fits(item, model):
            self.guess.born[path[0]] = self.tracer.names[path[0]]
            self.guess.changed = True
        elif isinstance(item, Tuple):
            for k, part in enumerate(item.items):
                self.yield_born((*path, str(k)), part, model.items[k], attempt, yields)  # type: ignore[union-attr]
        elif at is not None and isinstance(item, Array):
            yields[at] = self.tracer.read(item).value
        elif at is not None:
            yields[at] = to_value(self.tracer, item, attempt.params[at].type.dtype)

    def fits(self, item: Object, model: Object) -> bool:
        """Whether `item` can be carried where `model` was foreseen."""
        if isinstance(item, Array) and isinstance(model, Array):
            return (item.dtype, item.rank) == (model.dtype, model.rank)
        if isinstance(item, Tuple) and isinstance(model, Tuple):
            return (item.kind, len(item.items)) == (model.kind, len(model.items))
        if scalar_type(item) is not None:
            return scalar_type(item) == scalar_type(model)
        return same_object(item, model)

    def leave_cell(self, cell: Cell, held: Any, end: Any, attempt: Attempt, yields: list[Any]) -> None:
        guess = self.guess
        if isinstance(end, Poison) and not isinstance(held, Poison):
            if cell in attempt.cells:
                yields[attempt.cells[cell]] = held.value
            guess.spoilt[cell] = end
            guess.changed = True
            return
        if cell in attempt.cells:
            at = attempt.cells[cell]
            if yields[at] is None:
                if end is held and cell in guess.written and cell not in guess.unwritten:
                    del guess.written[cell]
                    guess.unwritten.add(cell)
                    guess.changed = True
                    return
                if isinstance(end, Poison):
                    yields[at] = attempt.params[at]
                    return
                yields[at] = end.value
                self.compare_extents(next((p for p, c in attempt.joined.items() if c is cell), cell), cell, end)
        elif end is not held and not isinstance(end, Poison):
            self.carry(cell, self.before)

    def compare_extents(self, key: Any, cell: Cell, end: ArrayValue) -> None:
        """Note extents that differ from one iteration to the next."""
        start = self.start.cells[cell]
        assert isinstance(start, ArrayValue)
        widths = zip(start.value.type.shape, end.value.type.shape, strict=True)
        wider = [p is not None and p != q for p, q in widths]
        for axis, (a, b) in enumerate(zip(start.extents, end.extents, strict=True)):
            if (a != b or wider[axis]) and (cell, axis) not in self.guess.loose:
                self.guess.loose.add((key, axis))
                self.guess.loose.add((cell, axis))
                self.guess.changed = True
                known = self.guess.written.get(cell)
                if known is not None:
                    shape = tuple(None if k == axis else n for k, n in enumerate(known.shape))
                    self.guess.written[cell] = known.with_shape(shape)

    # -- after the loop

    def finish(self, before: State, attempt: Attempt, head: State, end: State, blocks: list[Block], yields: list[Value]) -> None:
        """Emit the loop and leave the state after it."""
        tracer = self.tracer
        blocks[-1].results = yields
        types, hints = [p.type for p in attempt.params], [p.hint for p in attempt.params]
        tracer.state = before
        results = self.form.emit(attempt.inits, blocks, types, hints)
        tracer.state = self.renamed(head, dict(zip(attempt.params, results, strict=True)))
        for cell, at in attempt.cells.items():
            held = head.cells[cell]
            assert isinstance(held, ArrayValue)
            tracer.state.cells[cell] = self.array_of(cell, results[at], held.extents, outside=True)
        names = tracer.names
        for name, item in self.guess.born.items():
            names[name] = self.born_object((name,), item, attempt, results)

    def born_object(self, path: Path, item: Object, attempt: Attempt, results: list[Value]) -> Object:
        if isinstance(item, Tuple):
            parts = [self.born_object((*path, str(k)), part, attempt, results) for k, part in enumerate(item.items)]
            return Tuple(item.kind, tuple(parts), item.names)
        at = attempt.born.get(path)
        if at is None:
            return item
        value = results[at]
        kind = scalar_type(item)
        if kind is not None:
            return Scalar(value, kind[1])
        extents = tuple(unknown_extent(self.tracer, value, k) for k in range(value.type.rank))
        return self.tracer.fresh(ArrayValue(value, extents), path[0])


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
