"""What a loop carries, and the end of its body: what goes on to the next iteration, and what the guess lacked."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wengert.compiler.frontend import maybes
from wengert.compiler.frontend.kinds import Mismatch, describe, join_numbers, scalar_type, to_value
from wengert.compiler.frontend.merge import detach
from wengert.compiler.frontend.merger import is_suspected, unify_lists
from wengert.compiler.frontend.objects import (
    FALSE,
    Array,
    ArrayValue,
    Cell,
    Guarded,
    Object,
    Poison,
    Tuple,
    Unset,
    arrays_in,
    root,
    same_object,
)
from wengert.compiler.frontend.tracer import RESULT, Loop, State, Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import DType, Type

Path = tuple[str, ...]


@dataclass(slots=True)
class Guess:
    """What a loop carries.

    scalars: dtype and weakness of numbers, by name and position in it. written: cells by identity.
    joined: paths whose array may be one of several. extents: axes of carried arrays whose extent changes.
    born: objects first bound in the body and used after the loop. unwritten: cells wrongly guessed to be written.
    spoilt: cells, or joined paths, poisoned by an earlier iteration. maybes: values of names that may be None.
    exchanged: cells that change places in the body, so that what is bound to one of them is not the same in every iteration.
    """

    scalars: dict[Path, tuple[DType, bool]] = field(default_factory=dict)
    written: dict[Cell, Type] = field(default_factory=dict)
    loose: set[tuple[Any, int]] = field(default_factory=set)
    joined: dict[Path, frozenset[Cell]] = field(default_factory=dict)
    born: dict[str, Object] = field(default_factory=dict)
    spoilt: dict[Cell | Path, Poison] = field(default_factory=dict)
    maybes: dict[str, Object] = field(default_factory=dict)
    unwritten: set[Cell] = field(default_factory=set)
    exchanged: set[Cell] = field(default_factory=set)
    changed: bool = False

    def is_older(self, item: Array, before: State) -> bool:
        """Whether it is the whole of an array that was there before the loop, and the same one in every iteration."""
        whole = item.is_whole and type(item.cell) is Cell and item.cell not in self.exchanged
        return whole and (item.cell in before.cells or item.cell.captured)

    def carry(self, cell: Cell, before: State) -> None:
        """Carry a cell that was there before the loop."""
        held = before.cells.get(cell)
        if isinstance(held, ArrayValue) and cell not in self.written:
            self.written[cell] = held.value.type
            self.changed = True


def part_at(names: dict[str, Object], path: Path) -> Any:
    """The part of a name's object at a path, None where there is none."""
    item: Any = names.get(path[0])
    for step in path[1:]:
        item = item.items[int(step)] if isinstance(item, Tuple) and int(step) < len(item.items) else None
    return item


@dataclass(slots=True)
class Attempt:
    """One tracing of the loop: the values carried in, the block parameters, and the state at the head."""

    inits: list[Value] = field(default_factory=list)
    params: list[Value] = field(default_factory=list)
    paths: dict[Path, int] = field(default_factory=dict)
    cells: dict[Cell, int] = field(default_factory=dict)
    born: dict[Path, int] = field(default_factory=dict)
    sources: dict[Cell, Path] = field(default_factory=dict)
    """Of each cell that is made in the body and known after it: a path where it is whole."""
    joined: dict[Path, Cell] = field(default_factory=dict)
    inside: list[Value] = field(default_factory=list)
    """The parameters as the body has them: those of the condition are others."""

    def add(self, init: Value, type: Type, hint: str) -> int:
        self.inits.append(init)
        self.params.append(Value(type, hint))
        return len(self.params) - 1


def shared(item: Object, names: dict[str, Object], among: Iterable[str]) -> list[list[str]]:
    """For each array in it, which of these names refer to the same storage."""
    return [
        [n for n in among if any(root(b.cell) is root(a.cell) for b in arrays_in(names.get(n, FALSE)))] for a in arrays_in(item)
    ]


BOUND = "bound"
"""The last part of the path of a flag: whether a name that is bound in a loop in the body has been."""


@dataclass(slots=True)
class BodyEnd:
    """Compares the end of one traced body with its head.

    names: those the loop may bind and that are live; live: all that may be read at the head or after the loop.
    before: the state before the loop; start: the state at the top of the body.
    """

    tracer: Tracer
    node: ast.AST
    guess: Guess
    attempt: Attempt
    names: list[str]
    live: frozenset[str]
    loop: Loop
    before: State
    start: State

    def leave(self, end: State, block: Block, scope: int) -> list[Value]:
        """The values to carry on, or (guess.changed) what the guess lacks."""
        tracer, attempt, start = self.tracer, self.attempt, self.start
        names = end.frames[tracer.frame.index]
        begin = start.frames[tracer.frame.index]
        yields: list[Value | None] = [None] * len(attempt.params)
        tracer.state = end
        with tracer.builder.region(block, scope):
            detach(tracer, {*self.names, *self.live, *self.loop.after}, start)
            missing = self.missing(begin, names)
            moved = self.permutation(begin, names, start)
            exchanged = moved.keys() & self.before.cells.keys()
            self.guess.changed |= not exchanged <= self.guess.exchanged
            self.guess.exchanged |= exchanged
            for name in self.names:
                item, first = names.get(name), begin.get(name)
                if name in missing:
                    continue
                if first is None or isinstance(first, Unset):
                    self.leave_born(name, item, attempt, yields)
                else:
                    self.leave_name((name,), first, item, attempt, yields)
            for cell, held in start.cells.items():
                self.leave_cell(cell, held, end.cells.get(moved.get(cell, cell)), attempt, yields)
        return yields  # type: ignore[return-value]

    def missing(self, begin: dict[str, Object], names: dict[str, Object]) -> set[str]:
        """Names that are None at one end of the body and not at the other: noted, to begin with one that may be missing."""
        found = set()
        for name in self.names:
            item, first = names.get(name), begin.get(name)
            if item is None or first is None:
                continue
            names[name] = item = maybes.aligned(first, item) or item
            model = maybes.model_of(first, item)
            if model is not None:
                found.add(name)
                self.guess.maybes[name] = model
                self.guess.changed = True
        return found

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
            plain = a.is_whole and b.is_whole and type(a.cell) is Cell and type(b.cell) is Cell
            plain = plain and (b.cell.contiguous or not a.cell.contiguous)
            known = plain and len(forward[a.cell]) == 1 == len(backward[b.cell]) and not b.cell.alias_of
            suspected = any(is_suspected(state, x.cell) for state in (start, self.tracer.state) for x in (a, b))
            if not known or suspected:
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
            init, at = part_at(self.before.frames[tracer.frame.index], path), attempt.paths[path]
            try:  # a constant start gives way to what the body makes of it, where that loses nothing
                wide = join_numbers(tracer, init if guess.scalars[path] == scalar_type(init) else first, item)
            except Mismatch:
                self.changes_kind(path, first, item)
            if wide != guess.scalars[path]:
                guess.scalars[path] = wide
                guess.changed = True
                return
            yields[at] = to_value(tracer, item, wide[0])
        elif isinstance(first, Tuple):
            if not isinstance(item, Tuple) or (item.kind, len(item.items)) != (first.kind, len(first.items)):
                unify_lists(self.tracer, first, item)
                self.changes_kind(path, first, item)
            for k, (p, q) in enumerate(zip(first.items, item.items, strict=True)):
                self.leave_name((*path, str(k)), p, q, attempt, yields)
        elif isinstance(first, Array):
            if not isinstance(item, Array) or (item.dtype, item.rank) != (first.dtype, first.rank):
                self.changes_kind(path, first, item)
            if path in attempt.joined:
                cell = attempt.joined[path]
                spoilt = tracer.state.cells.get(root(item.cell))
                if isinstance(spoilt, Poison):
                    guess.spoilt[path] = spoilt
                    guess.changed = True
                elif item.cell is not cell and yields[attempt.cells[cell]] is None:
                    held = tracer.read(item)
                    yields[attempt.cells[cell]] = held.value
                    self.compare_extents(path, cell, held)
        elif item is None or not same_object(first, item):
            self.changes_kind(path, first, item)

    def changes_kind(self, path: Path, first: Object, item: Any) -> None:
        name = path[0]
        if isinstance(item, Unset):
            self.tracer.refuse(
                item.key, self.node, name=name, reason=item.reason, notes=[("the paths part here", item.span)]
            )
        widens = scalar_type(first) is not None and isinstance(item, Array)
        known: dict[str, Any] = {"name": name, "before": describe(first), "after": describe(item)}
        given = isinstance(first, Tuple) and first.kind is list and first.origin is None
        self.tracer.refuse("loop_list" if given else "loop_type", self.node, widening=self.node if widens else None, **known)

    def leave_born(self, name: str, item: Any, attempt: Attempt, yields: list[Any]) -> None:
        """A name first bound in the body: carried if it is used after the loop."""
        guess = self.guess
        if (
            item is None
            or isinstance(item, Unset)
            or (isinstance(item, Guarded) and scalar_type(item.item) is None)
            or name not in self.loop.after | {RESULT}
        ):
            return
        if name not in guess.born:
            guess.born[name] = item
            guess.changed = True
            return
        if shared(item, self.tracer.names, guess.born) != shared(guess.born[name], guess.born, guess.born):
            guess.born[name] = item
            guess.changed = True
            return
        self.yield_born((name,), item, guess.born[name], attempt, yields)

    def yield_born(self, path: Path, item: Object, model: Object, attempt: Attempt, yields: list[Any]) -> None:
        at = attempt.born.get(path)
        if isinstance(item, Guarded) and isinstance(model, Guarded) and at is not None and self.fits(item.item, model.item):
            flag, builder = attempt.born[(*path, BOUND)], self.tracer.builder
            held, was = attempt.inside[at], attempt.inside[flag]
            yields[at] = builder.emit("where", item.bound, to_value(self.tracer, item.item, held.type.dtype), held)
            yields[flag] = builder.emit("bitwise_or", item.bound, was)
        elif not self.fits(item, model):
            self.guess.born[path[0]] = self.tracer.names[path[0]]
            self.guess.changed = True
        elif isinstance(item, Tuple):
            for k, part in enumerate(item.items):
                self.yield_born((*path, str(k)), part, model.items[k], attempt, yields)  # type: ignore[union-attr, index]
        elif at is not None and isinstance(item, Array):
            yields[at] = self.tracer.read(item).value
        elif at is not None:
            yields[at] = to_value(self.tracer, item, attempt.params[at].type.dtype)

    def fits(self, item: Object, model: Object) -> bool:
        """Whether `item` can be carried where `model` was foreseen."""
        if isinstance(item, Array) and isinstance(model, Array):
            if self.guess.is_older(item, self.before) or self.guess.is_older(model, self.before):
                return item == model
            return (item.dtype, item.rank) == (model.dtype, model.rank)
        if isinstance(item, Tuple) and isinstance(model, Tuple):
            return (item.kind, len(item.items)) == (model.kind, len(model.items))
        if scalar_type(item) is not None:
            return scalar_type(item) == scalar_type(model)
        return same_object(item, model)

    def leave_cell(self, cell: Cell, held: Any, end: Any, attempt: Attempt, yields: list[Any]) -> None:
        guess = self.guess
        if cell in attempt.cells and yields[attempt.cells[cell]] is not None:
            return
        if isinstance(end, Poison) and not isinstance(held, Poison):
            if cell in attempt.cells:
                yields[attempt.cells[cell]] = held.value
            if cell not in self.before.cells:  # a joined one, which no name refers to any more
                return
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
            self.guess.carry(cell, self.before)

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
