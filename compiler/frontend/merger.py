"""What each name and each cell is where two paths meet.

Numbers join (int with float to float), tuples join item by item, references stay references: when both paths bind a
name to new storage, the merged name has new storage of its own; when it may be one of two arrays that are reachable
otherwise, it becomes a read-only snapshot (`Cell.alias_of`), and writing either of them spoils it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import Mismatch, can_be_missing, join_numbers, scalar_type, to_value
from wengert.compiler.frontend.objects import (
    FALSE,
    NONE,
    Array,
    ArrayValue,
    Cell,
    Maybe,
    Object,
    Poison,
    Scalar,
    Static,
    Tuple,
    arrays_in,
    given,
    is_list,
    is_maybe,
    root,
    same_object,
)
from wengert.compiler.frontend.tracer import SERVICES, State, Tracer
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.types import Type

Make = Callable[[list[Value]], Object]


@dataclass(slots=True)
class Side:
    """One of the paths: its block, the scope of that, and the state at its end."""

    block: Block
    scope: int
    state: State

    def inside(self, tracer: Tracer) -> Any:
        return tracer.builder.region(self.block, self.scope)


# -- arrays


def dummy(tracer: Tracer, type: Type) -> Value:
    """A value of the type that nobody reads."""
    zero = tracer.constant(0, type.dtype)
    if type.is_scalar:
        return zero
    extents = [tracer.builder.integer(0 if n is None else n) for n in type.shape]
    return tracer.builder.broadcast(zero, extents)


def joint_extents(tracer: Tracer, value: Value, a: tuple[Affine, ...], b: tuple[Affine, ...]) -> tuple[Affine, ...]:
    """Extents of a merged array: kept where both paths agree and they mean something outside; else asked of the value."""
    return tuple(
        p if p == q and tracer.index.visible(p) else unknown_extent(tracer, value, axis)
        for axis, (p, q) in enumerate(zip(a, b, strict=True))
    )


def unknown_extent(tracer: Tracer, value: Value, axis: int) -> Affine:
    known = value.type.shape[axis]
    if known is not None:
        return number(known)
    made = tracer.builder.emit("dim", value, axis=axis)
    tracer.index.suppose_natural(made)
    return tracer.index.of(made)


# -- branches


@dataclass
class Merger:
    """Builds the results of one `if`: pairs of values to yield, and how to make the merged objects from the results."""

    tracer: Tracer
    sides: tuple[Side, Side]
    before: State
    yields: tuple[list[Value], list[Value]] = field(default_factory=lambda: ([], []))
    types: list[Type] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    partners: tuple[dict[Cell, set[Any]], dict[Cell, set[Any]]] = field(
        default_factory=lambda: (defaultdict(set), defaultdict(set))
    )
    references: dict[Cell, int] = field(default_factory=lambda: defaultdict(int))
    cells: dict[tuple[Cell, Cell | None], Cell] = field(default_factory=dict)
    finish: list[Callable[[list[Value]], None]] = field(default_factory=list)

    def slot(self, a: Value, b: Value, hint: str) -> int:
        joined = a.type.join(b.type)
        assert joined is not None
        self.yields[0].append(a)
        self.yields[1].append(b)
        self.types.append(joined)
        self.hints.append(hint)
        return len(self.types) - 1

    def on(self, side: int, make: Callable[[], Any]) -> Any:
        """Run `make` at the end of one path."""
        tracer, chosen = self.tracer, self.sides[side]
        before, tracer.state = tracer.state, chosen.state
        with chosen.inside(tracer):
            result = make()
        tracer.state = before
        return result

    def note_pairs(self, a: Object, b: Object) -> None:
        """Count which cells meet which, to know whether merging them keeps all aliases together."""
        if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
            for p, q in zip(a.items, b.items, strict=True):
                self.note_pairs(p, q)
            return
        for side, (item, other) in enumerate(((a, b), (b, a))):
            partner = other.cell if isinstance(other, Array) else None
            for array in arrays_in(item):
                self.partners[side][array.cell].add(partner)
                if root(array.cell) is not array.cell:  # seen through a reshape: its storage must not move
                    self.partners[side][root(array.cell)].add(array.cell)
                if side == 0 or a is not b:
                    self.references[array.cell] += 1

    def join(self, name: str, a: Object | None, b: Object | None) -> Make:
        """How to make what a name is after the merge; None: this path does not need it. Raises Mismatch."""
        if a is None or b is None:
            return self.one_sided(name, 0 if b is None else 1, a if b is None else b)  # type: ignore[arg-type]
        if same_object(a, b) and (not isinstance(a, Array) or self.visible_view(a)):
            return lambda results: a
        if (a == NONE) != (b == NONE):
            return self.join_missing(name, b if a == NONE else a, 1 if a == NONE else 0)
        if is_maybe(a) != is_maybe(b):
            if not can_be_missing(a) or not can_be_missing(b):
                raise Mismatch
            return self.join(name, given(a), given(b))
        if scalar_type(a) is not None:
            dtype, weak = join_numbers(self.tracer, a, b)
            values = [self.on(k, partial(to_value, self.tracer, item, dtype)) for k, item in enumerate((a, b))]
            at = self.slot(values[0], values[1], name)
            return lambda results: Scalar(results[at], weak)
        if isinstance(a, Tuple) and isinstance(b, Tuple):
            if (a.kind, a.names, len(a.items)) != (b.kind, b.names, len(b.items)):
                unify_lists(self.tracer, a, b)
                raise Mismatch
            parts = [self.join(name, p, q) for p, q in zip(a.items, b.items, strict=True)]
            return lambda results: replace(a, items=tuple(part(results) for part in parts), fresh=False)
        if isinstance(a, Array) and isinstance(b, Array):
            return self.join_arrays(name, a, b)
        raise Mismatch

    def join_missing(self, name: str, item: Object, side: int) -> Make:
        """What is None on the other path."""
        if not can_be_missing(item):
            raise Mismatch
        flag, value = given(item).items
        flags = (FALSE, flag) if side else (flag, FALSE)
        whether, what = self.join(name, *flags), self.one_sided(name, side, value)
        return lambda results: Tuple(Maybe, (whether(results), what(results)))

    def visible_view(self, array: Array) -> bool:
        view = array.view
        return view is None or all(self.tracer.index.visible(e) for e in (*view.starts, *view.sizes))

    def join_arrays(self, name: str, a: Array, b: Array) -> Make:
        if a.dtype != b.dtype or a.rank != b.rank:
            raise Mismatch
        movable = (
            a.cell is not b.cell
            and (a.view, a.part) == (b.view, b.part)
            and self.visible_view(a)
            and self.partners[0][a.cell] <= {b.cell}
            and self.partners[1][b.cell] <= {a.cell}
            and not a.cell.pinned
            and not b.cell.pinned
            and type(a.cell) is Cell
            and type(b.cell) is Cell
            and not a.cell.alias_of
            and not b.cell.alias_of
            and not any(is_suspected(side.state, x.cell) for side in self.sides for x in (a, b))
        )
        if movable:
            cell = self.cells.get((a.cell, b.cell))
            if cell is None:
                cell = self.cells[a.cell, b.cell] = self.new_cell(name, a.cell, b.cell)
                self.cell_slot(cell, a.cell, b.cell)
            merged = replace(a, cell=cell)
            return lambda results: merged
        aliases = {root(x.cell) for x in (a, b) if not self.only_here(x.cell)}
        aliases |= {other for x in (a, b) for other in x.cell.alias_of}
        cell = self.new_cell(name, a.cell, b.cell)
        cell.rank, cell.dtype, cell.alias_of = a.rank, a.dtype, frozenset(aliases)
        contents = [self.on(k, partial(self.tracer.read, x)) for k, x in enumerate((a, b))]
        self.content_slot(cell, contents[0], contents[1])
        return lambda results: Array(cell)

    def only_here(self, cell: Cell) -> bool:
        """Whether the cell was made on one of the paths and reaches the merge by one reference only."""
        base = root(cell)
        if base.pinned or base in self.before.cells or self.references[cell] > 1:
            return False
        return base is cell or not self.references[base]

    def new_cell(self, name: str, a: Cell, b: Cell | None) -> Cell:
        contiguous = a.contiguous and (b is None or b.contiguous)
        return Cell(name, a.dtype, a.rank, self.tracer.builder.span, contiguous=contiguous)

    def cell_slot(self, cell: Cell, a: Cell, b: Cell) -> None:
        contents = (self.sides[0].state.cells[a], self.sides[1].state.cells[b])
        spoilt = next((c for c in contents if isinstance(c, Poison)), None)
        if spoilt is not None:
            self.finish.append(lambda results: self.tracer.state.cells.__setitem__(cell, spoilt))
            return
        self.content_slot(cell, contents[0], contents[1])  # type: ignore[arg-type]

    def content_slot(self, cell: Cell, a: ArrayValue, b: ArrayValue) -> None:
        at = self.slot(a.value, b.value, cell.name)

        def finish(results: list[Value]) -> None:
            extents = joint_extents(self.tracer, results[at], a.extents, b.extents)
            self.tracer.state.cells[cell] = ArrayValue(results[at], extents)

        self.finish.append(finish)

    def one_sided(self, name: str, side: int, item: Object) -> Make:
        """What only one path needs: the other yields something nobody reads."""
        kind = scalar_type(item)
        if kind is not None:
            if isinstance(item, Static):
                return lambda results: item
            pair = [self.on(side, lambda: to_value(self.tracer, item, kind[0]))]
            pair.insert(1 - side, self.on(1 - side, lambda: dummy(self.tracer, Type(kind[0]))))
            at = self.slot(pair[0], pair[1], name)
            return lambda results: Scalar(results[at], kind[1])
        if isinstance(item, Tuple):
            parts = [self.one_sided(name, side, part) for part in item.items]
            return lambda results: replace(item, items=tuple(part(results) for part in parts), fresh=False)
        if isinstance(item, Array):
            if (item.cell in self.before.cells or item.cell.captured) and self.visible_view(item):
                return lambda results: item
            whole = item.is_whole and type(item.cell) is Cell and not item.cell.alias_of
            known = self.cells.get((item.cell, None))
            if whole and known is not None:
                return lambda results: Array(known)
            content = self.on(side, lambda: self.tracer.read(item))
            pair = [content.value]
            pair.insert(1 - side, self.on(1 - side, lambda: dummy(self.tracer, content.value.type)))
            cell = self.new_cell(name, item.cell, None)
            cell.rank, cell.dtype = item.rank, item.dtype
            if whole and self.partners[side][item.cell] <= {None}:
                self.cells[item.cell, None] = cell
            elif not self.only_here(item.cell):
                cell.alias_of = frozenset({root(item.cell)})
            self.content_slot(cell, *(ArrayValue(v, content.extents) for v in pair))
            return lambda results: Array(cell)
        return lambda results: item


def unify_lists(tracer: Tracer, a: Object, b: Object) -> None:
    """Where a name is either of two lists, have them traced anew as lists of one kind. Returns where that cannot be."""
    if all(isinstance(x, Tuple) and (x.kind is list or is_list(x)) for x in (a, b)):
        SERVICES["unify_lists"](tracer, a, b)


def is_suspected(state: State, cell: Cell) -> bool:
    """Whether some array may or may not be this one; the suspicion is of the cell, so names must not leave it."""
    return any(cell in other.alias_of for other in state.cells)
