"""Where two paths meet: what each name and each cell is afterwards.

    branch(tracer, condition, then, orelse, live)      runs both ways on copies of the state, emits one `if`

Numbers join (int with float to float), tuples join item by item, references stay references: when both paths bind a
name to new storage, the merged name has new storage of its own; when it may be one of two arrays that are reachable
otherwise, it becomes a read-only snapshot (`Cell.alias_of`), and writing either of them spoils it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from wengert.compiler.diag.span import Span
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.objects import (
    FALSE,
    NONE,
    TRUE,
    Array,
    ArrayValue,
    Cell,
    Guarded,
    Maybe,
    Object,
    Poison,
    Scalar,
    Static,
    Tuple,
    Unset,
    arrays_in,
    given,
    is_list,
    is_maybe,
    is_number,
    same_object,
)
from wengert.compiler.frontend.tracer import (
    BREAK,
    CONTINUE,
    DEAD,
    FLAGS,
    LEFT,
    RESULT,
    RETURN,
    SERVICES,
    WEAK_DTYPES,
    State,
    Tracer,
    has_exited,
)
from wengert.compiler.ir.core import Block, Value, constant_of
from wengert.compiler.ir.types import DType, Type

Make = Callable[[list[Value]], Object]


class Retrace(Exception):
    """What was assumed of a list or of a number proved wrong; the tracer's models know better now."""


class Mismatch(Exception):
    """Two objects that have no common meaning; says what each is."""


@dataclass(slots=True)
class Side:
    """One of the paths: its block, the scope of that, and the state at its end."""

    block: Block
    scope: int
    state: State

    def inside(self, tracer: Tracer) -> Any:
        return tracer.builder.region(self.block, self.scope)


def describe(item: Object | None) -> str:
    """What an object is, for messages."""
    if item is None or item == Static(None):
        return "None"
    if isinstance(item, Array):
        return f"an array of {item.dtype} with {item.rank} dimension{'s' * (item.rank != 1)}"
    if isinstance(item, Scalar):
        python = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
        name = python[item.value.type.dtype.kind] if item.weak else item.value.type.dtype.name
        return ("an " if name[0] in "aei" else "a ") + name
    if is_maybe(item):
        return f"None or {describe(item.items[1])}"
    if is_list(item):
        return "a list of a length known only at run time"
    if isinstance(item, Tuple):
        return f"a {item.kind.__name__} of {len(item.items)}"
    if isinstance(item, Static):
        if is_number(item):
            return f"the number {item.value!r}"
        if isinstance(item.value, str):
            return f"the string {item.value!r}"
        return f"`{getattr(item.value, '__name__', type(item.value).__name__)}`"
    return {"Closure": "a function", "Method": "a method", "Partial": "a partial function", "Unset": "nothing"}.get(
        type(item).__name__, type(item).__name__.lower()
    )


def can_be_missing(item: Object) -> bool:
    """Whether it may be None on other paths: numbers, arrays, and tuples of these."""
    if isinstance(item, Tuple):
        return not is_list(item) and all(map(can_be_missing, item.items))
    return isinstance(item, Array) or scalar_type(item) is not None


# -- numbers


def scalar_type(item: Object) -> tuple[DType, bool] | None:
    """dtype and weakness of a number, None for anything else."""
    if isinstance(item, Scalar):
        return item.value.type.dtype, item.weak
    if is_number(item):
        assert isinstance(item, Static)
        return WEAK_DTYPES[type(item.value)], True
    return None


_ORDER = "bifc"


def join_scalars(a: Object, b: Object) -> tuple[DType, bool]:
    """The type of a number that is `a` on one path and `b` on the other. Raises Mismatch."""
    p, q = scalar_type(a), scalar_type(b)
    if p is None or q is None:
        raise Mismatch
    if p == q:
        return p
    if p[0] == q[0]:
        return p[0], False
    if p[1] and q[1]:
        return p if _ORDER.index(p[0].kind) > _ORDER.index(q[0].kind) else q
    if p[1] == q[1]:
        raise Mismatch
    weak, strong = (a, q[0]) if p[1] else (b, p[0])
    known = constant_known(weak)
    if known is not None and _fits(known, strong):
        return strong, False
    if strong.name == "f64" and scalar_type(weak)[0].kind in "if":  # type: ignore[index]
        return strong, False
    raise Mismatch


def join_numbers(tracer: Tracer, a: Object, b: Object) -> tuple[DType, bool]:
    """As `join_scalars`. Where one is what a loop began with (`total = 0.0`) and the other of a dtype that holds this exactly,
    the loop begins with that dtype, and the function is traced anew. Raises Mismatch, Retrace."""
    try:
        return join_scalars(a, b)
    except Mismatch:
        for item, other in ((a, b), (b, a)):
            kind, wanted = scalar_type(item), scalar_type(other)
            if kind is not None and wanted is not None and kind[1] and not wanted[1]:
                begin_with(tracer, item, wanted[0])
        raise


def begin_with(tracer: Tracer, item: Object, dtype: DType) -> None:
    """Raises Retrace where the loops that carry this number, which nothing has been added to, may begin with the dtype."""
    keys = []
    while isinstance(item, Scalar) and item.value in tracer.carried:
        key, item = tracer.carried[item.value]
        keys.append(("begins", *key))
    if keys and is_exactly(item, dtype) and keys[-1] not in tracer.lists:
        tracer.lists[keys[-1]] = dtype
        raise Retrace


def is_exactly(item: Object, dtype: DType) -> bool:
    """Whether it is a known number that the dtype holds."""
    known = constant_known(item)
    return known is not None and _fits(known, dtype)


def constant_known(item: Object) -> Any:
    if isinstance(item, Static):
        return item.value
    return constant_of(item.value) if isinstance(item, Scalar) else None


def _fits(value: Any, dtype: DType) -> bool:
    """Whether a Python number is exactly one of the dtype."""
    if isinstance(value, bool) or (isinstance(value, complex) and dtype.kind != "c"):
        return dtype.kind == "b"
    if dtype.is_integer:
        low = 0 if dtype.kind == "u" else -(2 ** (dtype.bits - 1))
        return isinstance(value, int) and low <= value < 2 ** (dtype.bits - (dtype.kind == "i"))
    if dtype.kind == "b":
        return False
    return complex(dtype.numpy.type(value)) == complex(value) or value != value


def to_value(tracer: Tracer, item: Object, dtype: DType) -> Value:
    """The IR value of a number, converted."""
    if isinstance(item, Static):
        return tracer.constant(item.value, dtype)
    assert isinstance(item, Scalar)
    return tracer.builder.cast(item.value, dtype)


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


def root(cell: Cell) -> Cell:
    """The cell whose storage it really is."""
    parent = getattr(cell, "parent", None)
    return cell if parent is None else root(parent.cell)


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
    if isinstance(a, Guarded) or isinstance(b, Guarded):
        return lambda results: Unset("it is set only in a loop that may not run", span)
    need = [name in needs[0], name in needs[1]]
    unset = [item is None or isinstance(item, Unset) for item in (a, b)]
    for side in (0, 1):
        item = (a, b)[side]
        if unset[1 - side] and not unset[side] and not need[1 - side]:
            return merger.join(name, *((item, None) if side == 0 else (None, item)))
    if any(unset):
        lost = next((x for x in (a, b) if isinstance(x, Unset)), None)
        where = "where the condition holds" if unset[0] else "where the condition does not hold"
        return lambda results: lost or Unset(f"it is not set {where}", span)
    try:
        return merger.join(name, a, b)
    except Mismatch:
        for side in (0, 1):
            if need[side] and not need[1 - side]:
                item = (a, b)[side]
                return merger.join(name, *((item, None) if side == 0 else (None, item)))
        if name == RESULT:
            merger.tracer.refuse("result_type", a=describe(a), b=describe(b))
        if name.startswith("$value"):
            merger.tracer.refuse("conditional_types", a=describe(a), b=describe(b))
        text = f"it is {describe(a)} on one path and {describe(b)} on the other"
        return lambda results: Unset(text, span, "differs")


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
