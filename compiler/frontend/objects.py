"""What a name of the user's program is bound to while the front end runs it on types.

    object ::= Static(value)              known at compile time: Python numbers, strings, None, functions, modules, types
             | Scalar(value, weak)        a number known at run time
             | Array(cell, view, part)    a reference to (part of) an array's storage; aliases share the cell
             | Tuple(kind, items)         tuple, list, NamedTuple or dataclass of fixed length
             | Closure | Method | Partial callables of the program
             | Guarded(item, bound)       may be unbound here; reading it is checked while running
             | Unset(reason)              may be unbound here; reading it is an error that gives the reason

The storage itself is a `Cell`; what it holds at a point of the program is in `State.cells`, an `ArrayValue`
(an IR value and its extents), so writing through any alias is seen through all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from wengert.compiler.diag.span import Span
from wengert.compiler.frontend.index import Affine
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import PART, DType


@dataclass(frozen=True, slots=True)
class Static:
    value: Any

    def __eq__(self, other: object) -> bool:
        """None equals None alone: NumPy takes `np.dtype("float64") == None` as true."""
        if not isinstance(other, Static):
            return NotImplemented
        if self.value is None or other.value is None:
            return self.value is other.value
        return bool(self.value == other.value)


@dataclass(frozen=True, slots=True)
class Scalar:
    """weak: a Python number, which gives way in dtype promotion (NEP 50)."""

    value: Value
    weak: bool


class ArrayValue(NamedTuple):
    """An array as it is at one point of the program. `extents` are symbolic, one per axis."""

    value: Value
    extents: tuple[Affine, ...]

    @property
    def dtype(self) -> DType:
        return self.value.type.dtype


@dataclass(slots=True, eq=False)
class Cell:
    """The storage of one array.

    name: for messages. position: of the parameter it is, if it is one. captured: an array of the module or a closure.
    contiguous: known to be in C order. alias_of: cells this may be the same storage as, or not; it is read-only then.
    """

    name: str
    dtype: DType
    rank: int
    span: Span | None = None
    position: int | None = None
    captured: bool = False
    contiguous: bool = True
    alias_of: frozenset[Cell] = frozenset()

    @property
    def pinned(self) -> bool:
        """Whether its identity is visible outside the function."""
        return self.position is not None or self.captured


@dataclass(slots=True, eq=False)
class Reshaped(Cell):
    """An array under other extents: reading and writing go through to `parent`."""

    parent: Array | None = None
    extents: tuple[Affine, ...] = ()


@dataclass(frozen=True, slots=True)
class Poison:
    """What a cell holds after an array it may share storage with was written: nothing that may be read."""

    reason: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class View:
    """A part of a cell: on base axis k the elements starts[k] + steps[k] * j, j < sizes[k].

    order: for each axis of the view the base axis it runs along, or NEW for an inserted axis of extent 1;
    base axes that are not in it are fixed at starts[k].
    """

    starts: tuple[Affine, ...]
    sizes: tuple[Affine, ...]
    steps: tuple[int, ...]
    order: tuple[int, ...]


NEW = -1


@dataclass(frozen=True, slots=True)
class Array:
    """part: "real" or "imag" where it is that part of a complex array, else ""."""

    cell: Cell
    view: View | None = None
    part: str = ""

    @property
    def is_whole(self) -> bool:
        return self.view is None and not self.part

    @property
    def rank(self) -> int:
        return self.cell.rank if self.view is None else len(self.view.order)

    @property
    def dtype(self) -> DType:
        return PART[self.cell.dtype] if self.part else self.cell.dtype


@dataclass(slots=True, eq=False)
class Once:
    """What is known of an iterator under a name, see once.py: how many loops are around the name, and where it was read."""

    loops: int = 0
    place: Any = None


@dataclass(frozen=True, slots=True)
class Tuple:
    """kind: tuple, list, dict (with `names`), the class of a NamedTuple or dataclass, or a `ListOf`.

    origin: the place of the literal, of a list. fresh: a list that was made here, and not put together from two where paths
    meet: who holds this very object are all who hold the list.
    """

    kind: Any
    items: tuple[Object, ...]
    names: tuple[Any, ...] = ()
    origin: Any = field(default=None, compare=False)
    fresh: bool = field(default=False, compare=False)
    once: Once | None = field(default=None, compare=False)

    @property
    def keys(self) -> tuple[Object, ...]:
        """The names of a dict as the objects they are in the program."""
        return tuple(map(_constant, self.names))

    def field(self, name: Any) -> Object | None:
        return self.items[self.names.index(name)] if name in self.names else None


def _constant(value: Any) -> Object:
    return Tuple(tuple, tuple(map(_constant, value))) if isinstance(value, tuple) else Static(value)


@dataclass(frozen=True, slots=True)
class ListOf:
    """The kind of the `Tuple` of a list of run-time length, (count, data...), see lists.py.

    key: which literal's items tell what may be in it; path: where in those. row: it is an item of another list, its `Tuple`
    (number, heap...), see heaps.py.
    """

    key: Any = field(compare=False)
    model: Any
    path: tuple[int, ...] = field(default=(), compare=False)
    row: bool = False

    @property
    def __name__(self) -> str:
        return "list"


class Maybe:
    """The kind of the `Tuple` (given, item) of what is None where it is not given, see maybes.py."""


def is_maybe(item: Any) -> TypeGuard[Tuple]:
    """Whether it may be None, as is known only at run time."""
    return isinstance(item, Tuple) and item.kind is Maybe


def given(item: Object) -> Tuple:
    """Something as one that may be None, which it is not."""
    return item if is_maybe(item) else Tuple(Maybe, (TRUE, item))


def is_list(item: Any) -> TypeGuard[Tuple]:
    """Whether it is a list of run-time length."""
    return isinstance(item, Tuple) and isinstance(item.kind, ListOf)


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A function or lambda defined inside the compiled function. `frame` is the index of the frame it closes over."""

    node: ast.FunctionDef | ast.Lambda
    frame: int
    defaults: tuple[Object, ...]
    keyword_defaults: dict[str, Object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "lambda")


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method bound to an object: `handler` is called with it first."""

    owner: Object
    handler: Any
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """functools.partial."""

    function: Object
    args: tuple[Object, ...]
    keywords: dict[str, Object]


@dataclass(frozen=True, slots=True)
class Slice:
    """A `slice` object inside a subscript; None where a part is left out."""

    start: Object | None
    stop: Object | None
    step: Object | None


@dataclass(frozen=True, slots=True, eq=False)
class Iteration:
    """Something to loop over: `length` items, `item(i)` making the i-th. items: the objects where they are all known.

    parallel: from `prange`. bounds: low, high, step where it is a range.
    """

    length: Affine | None
    item: Callable[[Scalar], Object]
    items: tuple[Object, ...] | None = None
    bounds: tuple[Affine, Affine, Object] | None = None
    parallel: bool = False
    once: Once | None = None

    @property
    def at_run_time(self) -> bool:
        """Whether its length is known only when it runs. A range must be indexed by position first."""
        return self.items is None and (self.length is None or self.length.known is None)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something within a text, and how it is written; only numbers can be when it runs."""

    item: Object
    conversion: str
    spec: str


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text with numbers in it that are known at run time: only `print` takes it."""

    parts: tuple[str | Piece, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """What a loop that may not run, or one side of a branch, has bound. bound: whether it has."""

    item: Object
    bound: Value
    reason: str = "is set only in a loop, which did not run"


@dataclass(frozen=True, slots=True)
class Unset:
    """key: the message of the catalogue for reading it."""

    reason: str
    span: Span | None = None
    key: str = "unset"


Object = Static | Scalar | Array | Tuple | Closure | Method | Partial | Slice | Iteration | Text | Guarded | Unset

NONE, TRUE, FALSE = Static(None), Static(True), Static(False)


def is_number(item: Any) -> TypeGuard[Static]:
    """Whether it is a Python number known at compile time."""
    return isinstance(item, Static) and type(item.value) in (int, float, bool, complex)


def same_object(a: Object, b: Object) -> bool:
    """Whether two objects are the same thing on every run, so that a merge of them is either."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, Static):
        assert isinstance(b, Static)
        if is_number(a):  # repr tells 0.0 from -0.0 and nan from nan
            return type(a.value) is type(b.value) and repr(a.value) == repr(b.value)
        return a.value is b.value or (isinstance(a.value, str) and a.value == b.value)
    if isinstance(a, Tuple):
        assert isinstance(b, Tuple)
        return (a.kind, a.names, len(a.items)) == (b.kind, b.names, len(b.items)) and all(
            same_object(p, q) for p, q in zip(a.items, b.items, strict=True)
        )
    if isinstance(a, Scalar | Array):
        return a == b
    if isinstance(a, Closure):
        assert isinstance(b, Closure)
        return a.node is b.node and a.frame == b.frame and a.defaults == b.defaults
    return False


def root(cell: Cell) -> Cell:
    """The cell whose storage it really is."""
    parent = getattr(cell, "parent", None)
    return cell if parent is None else root(parent.cell)


def arrays_in(item: Object) -> list[Array]:
    """The array references in an object, in order."""
    if isinstance(item, Array):
        return [item]
    if isinstance(item, Tuple):
        return [a for part in item.items for a in arrays_in(part)]
    if isinstance(item, Partial):
        return [a for part in (item.function, *item.args, *item.keywords.values()) for a in arrays_in(part)]
    if isinstance(item, Method):
        return arrays_in(item.owner)
    if isinstance(item, Guarded):
        return arrays_in(item.item)
    if isinstance(item, Closure):
        return [a for part in (*item.defaults, *item.keyword_defaults.values()) for a in arrays_in(part)]
    return []
