"""The state of a front-end run: names, cells, the builder; and the dispatcher that attaches spans.

The tracer executes the user's syntax tree on objects (objects.py) instead of values, in the order Python would, and
emits IR as it goes. Handlers are functions `(tracer, node) -> ...` in the modules of their AST family.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.diag.span import Source, Span
from wengert.compiler.frontend import liveness
from wengert.compiler.frontend.index import Affine, Indices, TracingBuilder, number
from wengert.compiler.frontend.messages import make
from wengert.compiler.frontend.objects import (
    FALSE,
    Array,
    ArrayValue,
    Cell,
    Closure,
    Guarded,
    Iteration,
    Object,
    Once,
    Poison,
    Reshaped,
    Scalar,
    Static,
    Tuple,
    Unset,
    arrays_in,
    is_maybe,
)
from wengert.compiler.frontend.reads import CONTENTS, Reads, note, note_contents
from wengert.compiler.frontend.scopes import FunctionNode
from wengert.compiler.frontend.signature import leaf_of
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.ir.tree import field_names
from wengert.compiler.ir.types import BOOL, C128, F64, I64, DType, dtype_of

Handler = Callable[..., Any]
EXPRESSIONS: dict[type[ast.AST], Handler] = {}
STATEMENTS: dict[type[ast.AST], Handler] = {}
SERVICES: dict[str, Handler] = {}
"""What the lower modules need of the higher ones, by name: as_array, matmul, read, write, property."""
RETURN, BREAK, CONTINUE, RESULT = "$return", "$break", "$continue", "$result"
FLAGS = (RETURN, BREAK, CONTINUE)
DEAD, LEFT = "$dead", "$left"
"""Names of the tracer's own in a frame: flags of early exits, the returned object, a mark after a `raise`, and one where every
path has left, in whichever way."""


def handles(table: dict[type[ast.AST], Handler], *kinds: type[ast.AST]) -> Callable[[Handler], Handler]:
    """Register the decorated function for these AST nodes."""

    def add(handler: Handler) -> Handler:
        table.update(dict.fromkeys(kinds, handler))
        return handler

    return add


class Retrace(Exception):
    """What was assumed of a list or of a number proved wrong; the tracer's models know better now."""


def provides(name: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as a service."""

    def add(handler: Handler) -> Handler:
        SERVICES[name] = handler
        return handler

    return add


def has_exited(names: dict[str, Object]) -> bool:
    """Whether what follows where these names are is certainly not reached."""
    return DEAD in names or LEFT in names or any(names.get(f) == Static(True) for f in FLAGS)


@dataclass(slots=True)
class Loop:
    """A loop being traced: the names live where it decides to go on, and after it. place: of one over few numbers that are
    known, which may be written out (`lists.written_out`). runs: its body runs again and again, and is no item's own copy."""

    head: frozenset[str]
    after: frozenset[str]
    parallel: bool = False
    place: Any = None
    runs: bool = False


@dataclass(slots=True, eq=False)
class Frame:
    """A call being traced."""

    name: str
    node: FunctionNode
    source: Source
    live: liveness.Liveness
    namespace: dict[str, Any]
    enclosed: dict[str, types.CellType]
    parent: Frame | None
    index: int
    site: tuple[int, int] = (0, 0)
    """Line and column of the call in the caller."""
    loops: list[Loop] = field(default_factory=list)
    statement: ast.stmt | None = None


@dataclass(slots=True)
class State:
    """Names of every frame and the contents of every cell at one point of the program."""

    frames: dict[int, dict[str, Object]]
    cells: dict[Cell, ArrayValue | Poison]

    def copy(self, current: int) -> State:
        """Only the current frame's names can change before the copies meet again."""
        return State(self.frames | {current: dict(self.frames[current])}, dict(self.cells))


class Tracer:
    def __init__(self, lists: dict[Any, Any] | None = None) -> None:
        self.lists: dict[Any, Any] = {} if lists is None else lists
        """What the items of a list literal are, by its place, for lists of run-time length (lists.py)."""
        self.unsettled = False
        self.pending: WengertError | None = None
        """unsettled: a list is traced as empty whose items are not known yet. Errors are pending until they are."""
        self.entry = Block()
        self.builder = TracingBuilder(self.entry)
        self.index = Indices(self.builder)
        self.state = State({}, {})
        self.frames: list[Frame] = []
        self.count = 0
        self.inside: Span | None = None
        """The call of a NumPy function written in the language, while that is inlined: the place of all its ops."""
        self.captures: list[tuple[np.ndarray, Cell, ArrayValue]] = []
        self.prologue = 0
        self.hints: dict[Any, Any] = {}
        self.carried: dict[Value, tuple[Any, Object]] = {}
        """Of a Python number that a loop carries: where (the loop, the number's path in it), and what it begins with."""
        self.closed_over: dict[int, Frame] = {}
        self.reads: Reads = {}

    # -- places and errors

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    @property
    def names(self) -> dict[str, Object]:
        return self.state.frames[self.frames[-1].index]

    def span(self, node: ast.AST) -> Span:
        if self.inside is not None:
            return self.inside
        return Span(self.frames[-1].source, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def place(self, node: ast.AST) -> Any:
        """Where in the program, and in which calls, a node stands; the same whenever the function is traced."""
        calls = tuple((f.name, f.site, f.statement.lineno if f.statement is not None else 0) for f in self.frames)
        return (*calls, type(node).__name__, node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def refuse(
        self,
        key: str,
        node: ast.AST | None = None,
        notes: Any = (),
        raises: type[Exception] | None = None,
        widening: ast.AST | None = None,
        **fields: Any,
    ) -> NoReturn:
        """Raise the error `key` of the catalogue at `node`, by default where the tracer stands. raises: what Python would
        certainly raise there (see tries.py). widening: the loop whose first round may be run apart."""
        error = make(key, self.span(node) if node is not None else self.builder.span, tuple(notes), fields)
        error.certain = None if raises is None else (raises, self.builder.block)
        error.widening = widening
        raise error

    def evaluate(self, node: ast.expr) -> Object:
        """What an expression is; where it may be None, its value."""
        item = self.evaluate_any(node)
        if isinstance(item, Tuple):
            made: Object = SERVICES["settled"](self, item, node) if is_maybe(item) else item
            return made
        return item

    def evaluate_any(self, node: ast.expr) -> Object:
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            self.refuse("expression", node, what=type(node).__name__)
        builder, before = self.builder, self.builder.span
        builder.span = self.span(node)
        result: Object = handler(self, node)
        if isinstance(result, Tuple) and result.fresh and not isinstance(node, ast.Name):
            result = SERVICES["placed_list"](self, node, result)
        builder.span = before
        return result

    def execute(self, node: ast.stmt) -> None:
        handler = STATEMENTS.get(type(node))
        if handler is None:
            self.refuse("statement", node, what=type(node).__name__)
        builder, before = self.builder, self.builder.span
        builder.span = self.span(node)
        self.frame.statement = node
        handler(self, node)
        builder.span = before

    # -- flags of early exits

    def flag(self, name: str) -> Object:
        return self.names.get(name, FALSE)

    @property
    def exited(self) -> bool:
        """Whether what follows here is certainly not reached."""
        return has_exited(self.names)

    @property
    def may_have_exited(self) -> bool:
        return any(self.flag(f) != FALSE for f in FLAGS)

    # -- names

    def bind(self, name: str, item: Object) -> None:
        if isinstance(item, Tuple | Iteration) and item.once is not None:
            item = replace(item, once=Once(self.loops_around()))
        self.names[name] = item

    def loops_around(self) -> int:
        return sum(len(frame.loops) for frame in self.frames)

    def checked_bound(self, name: str, held: Guarded) -> Object:
        """What a loop or a branch has bound a name to; it is checked while running that it has."""
        self.check(held.bound, "unbound", f"`{name}` {held.reason}")
        return held.item

    def lookup(self, name: str, node: ast.AST | None = None) -> Object:
        frame: Frame | None = self.frame
        while frame is not None:
            found = self.state.frames[frame.index].get(name)
            if isinstance(found, Guarded):
                return self.checked_bound(name, found)
            if found is not None and not isinstance(found, Unset):
                return found
            if found is not None:
                self.refuse(
                    found.key, node, name=name, reason=found.reason, notes=[("the paths part here", found.span)]
                )
            if name in frame.live.locals:
                self.refuse("unbound", node, name=name)
            if frame.parent is None:
                break
            frame = frame.parent
        assert frame is not None
        if name in frame.enclosed:
            note(self.reads, frame.enclosed[name], CONTENTS)
            return self.lift(frame.enclosed[name].cell_contents, name)
        for space in (frame.namespace, vars(builtins)):
            if name in space:
                if space is frame.namespace and not isinstance(space[name], types.ModuleType):
                    note(self.reads, space, name)
                return self.lift(space[name], name)
        self.refuse("undefined", node, name=name, help=self._nearest(name, frame))

    def _nearest(self, name: str, frame: Frame) -> str:
        """What may have been meant by a name that is not defined."""
        if hasattr(np, name):
            return f"Did you mean `np.{name}`?"
        known = [*self.names, *frame.live.locals, *frame.enclosed, *frame.namespace]
        near = difflib.get_close_matches(name, [n for n in known if n.isidentifier()], 1, 0.75)
        return f"Did you mean `{near[0]}`?" if near else ""

    def lift(self, value: Any, name: str = "") -> Object:
        """A Python value of the module or a closure as an object of the program."""
        kind = type(value)
        if kind in (int, float, bool, complex, str) or value is None:
            return Static(value)
        if isinstance(value, int | float | str) and not isinstance(value, np.generic):  # IntEnum and its like
            return Static(next(base(value) for base in (int, float, str) if isinstance(value, base)))
        note_contents(self.reads, value)
        if isinstance(value, np.generic) or (kind is np.ndarray and value.ndim == 0):
            dtype = dtype_of(value.dtype)
            if dtype is None:
                self.refuse("dtype", dtype=value.dtype)
            return Scalar(self.builder.constant(value.item(), dtype, name), False)
        if kind is np.ndarray:
            return self.capture(value, name)
        if kind in (set, frozenset):
            return Tuple(frozenset, tuple(self.lift(v, name) for v in value))
        if kind in (tuple, list):
            return Tuple(kind, tuple(self.lift(v, name) for v in value))
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return Tuple(kind, tuple(self.lift(v, name) for v in value), tuple(kind._fields))
        if kind is dict and all(isinstance(k, str) for k in value):
            return Tuple(dict, tuple(self.lift(v, name) for v in value.values()), tuple(value))
        if hasattr(kind, "__dataclass_fields__") and not hasattr(value, "__wengert_trace__") and not callable(value):
            fields = field_names(kind)
            return Tuple(kind, tuple(self.lift(getattr(value, f), f) for f in fields), fields)
        return Static(value)

    def capture(self, array: np.ndarray, name: str) -> Array:
        """An array of the module or a closure: a further parameter of the compiled function."""
        for known, cell, _ in self.captures:
            if known is array:
                return Array(cell)
        leaf = leaf_of(array)
        value = Value(leaf.type, name)
        cell = Cell(name, leaf.type.dtype, leaf.type.rank, captured=True, contiguous=False)
        self.captures.append((array, cell, self.parameter(value)))
        return Array(cell)

    def parameter(self, value: Value) -> ArrayValue:
        """An array parameter, its extents taken at the top of the function where every use sees them."""
        builder = self.builder
        before, builder.block, scope, builder.scope = builder.block, Block(), builder.scope, 0
        extents = []
        for axis, known in enumerate(value.type.shape):
            made = builder.integer(known) if known is not None else builder.emit("dim", value, axis=axis)
            extents.append(self.index.of(made))
            if known is None:
                self.index.suppose_natural(made)
        self.entry.ops[self.prologue : self.prologue] = builder.block.ops
        self.prologue += len(builder.block.ops)
        builder.block, builder.scope = before, scope
        return ArrayValue(value, tuple(extents))

    # -- cells

    def fresh(self, content: ArrayValue, name: str = "") -> Array:
        """New storage."""
        cell = Cell(name, content.dtype, content.value.type.rank, self.builder.span)
        self.state.cells[cell] = content
        return Array(cell)

    def content(self, cell: Cell) -> ArrayValue:
        """What the whole cell holds here."""
        if isinstance(cell, Reshaped):
            assert cell.parent is not None
            parent = self.read(cell.parent)
            return ArrayValue(self.reshape(parent.value, cell.extents), cell.extents)
        if cell.captured:
            return next(content for _, known, content in self.captures if known is cell)
        held = self.state.cells[cell]
        if isinstance(held, Poison):
            self.refuse("stale", name=shown(cell), reason=held.reason, notes=[("written here", held.span)])
        return held

    def put(self, cell: Cell, content: ArrayValue) -> None:
        """Replace what the whole cell holds; every alias sees it."""
        if isinstance(cell, Reshaped):
            assert cell.parent is not None
            parent = self.extents(cell.parent)
            self.write(cell.parent, ArrayValue(self.reshape(content.value, parent), parent))
            return
        if cell.alias_of:
            found = sorted({("the argument " if c.position is not None else "") + shown(c) for c in cell.alias_of})
            names = " or ".join(found if len(found) > 1 else [*found, "a new array"])
            made = {(shown(c), c.span) for c in cell.alias_of if c.span and c.position is None}
            notes = [(f"{name} is made here", span) for name, span in sorted(made, key=str)]
            self.refuse("ambiguous_write", name=shown(cell), names=names, notes=notes)
        if cell.captured:
            self.refuse("captured_write", name=cell.name)
        for other, held in self.state.cells.items():
            if cell in other.alias_of and isinstance(held, ArrayValue):
                self.state.cells[other] = Poison(f"may be the same array as `{cell.name}`", self.builder.span)
        self.state.cells[cell] = content

    def extents(self, array: Array) -> tuple[Affine, ...]:
        """The extents of a reference, without reading it."""
        if array.view is not None:
            return tuple(array.view.sizes[k] if k >= 0 else number(1) for k in array.view.order)
        if isinstance(array.cell, Reshaped):
            return array.cell.extents
        return self.content(array.cell).extents

    def read(self, array: Array) -> ArrayValue:
        content: ArrayValue = SERVICES["read"](self, array)
        return content

    def write(self, array: Array, content: ArrayValue) -> None:
        SERVICES["write"](self, array, content)

    def reshape(self, value: Value, extents: tuple[Affine, ...]) -> Value:
        """`value` under other extents, whose product the caller has checked."""
        return self.builder.emit("reshape", value, *(self.index.value(e) for e in extents))

    # -- small makers

    def constant(self, value: Any, dtype: DType) -> Value:
        return self.builder.constant(value, dtype)

    def integer(self, form: Affine) -> Object:
        """A Python int."""
        return Static(form.constant) if form.is_constant else Scalar(self.index.value(form), True)

    def check(self, condition: Value, fault: str, message: str) -> None:
        self.builder.op("check", (condition,), fault=fault, message=message)

    def error_at_call(self, error: WengertError, callee: str, span: Span | None) -> None:
        """Say in an error inside an inlined function where it was called from."""
        if len(error.notes) < 6:
            error.notes = (*error.notes, (f"in `{callee}`, called from here", span))

    def roots(self) -> list[Array]:
        """Every array reference any frame holds."""
        return [a for names in self.state.frames.values() for item in names.values() for a in arrays_in(item)]


def shown(cell: Cell) -> str:
    """A cell's name in messages."""
    return "a list or an item of one" if cell.name.startswith("$") else f"`{cell.name}`"


WEAK_DTYPES: dict[type, DType] = {bool: BOOL, int: I64, float: F64, complex: C128}


def closure_of(tracer: Tracer, node: ast.FunctionDef | ast.Lambda) -> Closure:
    """The function object an inner `def` or `lambda` makes: its defaults are evaluated now."""
    tracer.closed_over[tracer.frame.index] = tracer.frame
    defaults = tuple(tracer.evaluate(d) for d in node.args.defaults)
    keywords = {
        a.arg: tracer.evaluate(d)
        for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if d is not None
    }
    return Closure(node, tracer.frame.index, defaults, keywords)
