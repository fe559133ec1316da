"""The door of the front end: `trace` turns a Python function and the types of its arguments into IR.

def f(x, y):            func @f(%x: f64[?], %y: f64) {
    x[0] = y      ->      %n = dim %x {axis = 0} ...
    return x.sum()        return %s, %x.1 {written = (None, 0)}
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.diag.span import Source
from wengert.compiler.frontend import expressions as expressions
from wengert.compiler.frontend import tries as tries
from wengert.compiler.frontend import views as views
from wengert.compiler.frontend.arithmetic import require_same
from wengert.compiler.frontend.bound import Bound
from wengert.compiler.frontend.calls import enclosed, object_of, run_function, tree_of
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.liveness import analyse
from wengert.compiler.frontend.merge import Retrace, scalar_type, to_value
from wengert.compiler.frontend.objects import Array, ArrayValue, Cell, Object, Poison, Scalar, Tuple
from wengert.compiler.frontend.reads import Reads
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.source import parameters, parse, unwrap
from wengert.compiler.frontend.tracer import Frame, Tracer
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.tree import Tree


@dataclass(frozen=True)
class Traced:
    """A traced function.

    function    its parameters are the leaves of the signature, then the captures; its results are the leaves of the
                returned value, then the arrays written back (`function.written`)
    out         the tree of the returned value only
    captures    NumPy arrays read from the module or a closure, to be passed as trailing arguments
    weak        for each leaf of `out`, whether Python would give a Python number there (not a NumPy scalar)
    reads       the names of modules (the cells of a notebook), closures and the like that were read, with what they were
    apart       (written, other) for each two arrays among the arguments of the Python function of which it writes one: they
                may not share memory, also where `function`, a derivative or batch of it, leaves both alone
    """

    function: Function
    signature: Signature
    out: Tree
    captures: tuple[np.ndarray, ...]
    source: Source
    weak: tuple[bool, ...] = field(default=())
    reads: Reads = field(default_factory=dict)
    apart: frozenset[tuple[int, int]] = frozenset()


def trace(python_function: Callable[..., Any], signature: Signature) -> Traced:
    """IR of `python_function` for arguments of `signature`.

    Raises only WengertError (UnsupportedError, TypeMismatch, RaceError, ...) for what cannot be compiled.
    """
    lists: dict[Any, Any] = {}
    while True:
        try:
            return _trace(python_function, signature, lists)
        except Retrace:  # `lists` has grown
            continue


def _trace(python_function: Callable[..., Any], signature: Signature, lists: dict[Any, Any]) -> Traced:
    given = python_function.given if isinstance(python_function, Bound) else {}
    function: Any = unwrap(python_function)
    parsed = parse(function)
    tracer = Tracer(lists)
    tracer.count += 1
    name = getattr(function, "__name__", "function")
    frame = Frame(
        name,
        parsed.node,
        parsed.source,
        analyse(parsed.node),
        function.__globals__,
        enclosed(function),
        None,
        tracer.count,
    )  # type: ignore[arg-type]
    tracer.frames.append(frame)
    tracer.state.frames[frame.index] = {}
    tracer.builder.span = tracer.span(parsed.node)
    cells = bind_parameters(tracer, function, signature, given)
    try:
        result = run_function(tracer, parsed.node)
    except Retrace:
        raise
    except Exception as error:
        if tracer.pending is not None:
            raise tracer.pending from None
        raise error
    if tracer.pending is not None:
        raise tracer.pending
    tracer.builder.span = tracer.span(parsed.node)
    return finish(tracer, name, signature, result, cells, parsed.source)


def bind_parameters(tracer: Tracer, function: Any, signature: Signature, fixed: dict[str, Any]) -> list[Cell | None]:
    """Bind the function's parameters to objects over the leaves; the cell of each leaf that is an array."""
    names = list(parameters(tracer.frame.node).parameters.values())
    defaults = inspect.signature(function).parameters
    rest = next((p.name for p in names if p.kind is p.VAR_POSITIONAL), None)
    positional = [
        p.name
        for p in names
        if p.name not in fixed
        and (p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) or p.kind is p.KEYWORD_ONLY and rest is None)
    ]
    given = signature.tree.children
    if len(given) > len(positional) and rest is None:
        problem = f"takes {len(positional)} positional arguments but {len(given)} were given"
        tracer.refuse("binding", name=tracer.frame.name, problem=problem)
    leaves: list[Object] = []
    cells: list[Cell | None] = []
    labels = [
        label
        for n, tree in zip((*positional, *[rest] * len(given)), given, strict=False)
        for label in tree.paths(n or "")
    ]
    for position, (leaf, label) in enumerate(zip(signature.leaves, labels, strict=True)):
        value = Value(leaf.type, label.replace(".", "_").replace("[", "_").replace("]", ""))
        tracer.entry.params.append(value)
        if leaf.type.is_scalar:
            leaves.append(Scalar(value, leaf.weak))
            cells.append(None)
            continue
        cell = Cell(label, leaf.type.dtype, leaf.type.rank, tracer.builder.span, position, contiguous=False)
        tracer.state.cells[cell] = tracer.parameter(value)
        leaves.append(Array(cell))
        cells.append(cell)
    check_extents(tracer, signature, leaves)
    iterator = iter(leaves)
    objects = [object_of(tracer, child, iterator) for child in given]
    for name, item in zip(positional, objects, strict=False):
        tracer.bind(name, item)
    if rest is not None:
        tracer.bind(rest, Tuple(tuple, tuple(objects[len(positional) :])))
    for p in names:
        if p.name in fixed:
            tracer.bind(p.name, tracer.lift(fixed[p.name], p.name))
        elif p.kind is p.VAR_KEYWORD:
            tracer.bind(p.name, Tuple(dict, ()))
        elif p.name not in tracer.names:
            default = defaults[p.name].default
            if default is inspect.Parameter.empty:
                tracer.refuse("binding", name=tracer.frame.name, problem=f"missing an argument for `{p.name}`")
            tracer.bind(p.name, tracer.lift(default, p.name))
    return cells


def check_extents(tracer: Tracer, signature: Signature, leaves: list[Object]) -> None:
    """Declared extents ("n m") must agree wherever a name stands."""
    first: dict[str, Any] = {}
    for extent in signature.extents:
        array = leaves[extent.leaf]
        assert isinstance(array, Array)
        own = tracer.extents(array)[extent.axis]
        wanted = number(int(extent.name)) if extent.name.isdigit() else first.setdefault(extent.name, own)
        require_same(tracer, own, wanted, f"declared extent `{extent.name}`")


def finish(
    tracer: Tracer, name: str, signature: Signature, result: Object, cells: list[Cell | None], source: Source
) -> Traced:
    """Flatten what is returned, append what was written, and wrap up the function."""
    leaves: list[Object] = []
    out = tree_of(tracer, result, leaves)
    if has_static(out):
        tracer.refuse("returned", what="a function or text")
    body = tracer.entry
    weak = []
    for leaf in leaves:
        if isinstance(leaf, Array):
            body.results.append(tracer.read(leaf).value)
            weak.append(False)
        else:
            dtype, is_weak = scalar_type(leaf)  # type: ignore[misc]
            body.results.append(to_value(tracer, leaf, dtype))
            weak.append(is_weak)
    written: list[int | None] = [None] * len(leaves)
    for position, cell in enumerate(cells):
        if cell is None:
            continue
        held = tracer.state.cells[cell]
        assert isinstance(held, ArrayValue) and not isinstance(held, Poison)
        if held.value is not body.params[position]:
            body.results.append(held.value)
            written.append(position)
    body.params += [content.value for _, _, content in tracer.captures]
    captures = tuple(array for array, _, _ in tracer.captures)
    arrays = [k for k, leaf in enumerate(signature.leaves) if leaf.type.is_array]
    apart = frozenset((w, k) for w in written if w is not None for k in arrays if k != w)
    return Traced(Function(name, body, tuple(written)), signature, out, captures, source, tuple(weak), tracer.reads, apart)


def has_static(tree: Tree) -> bool:
    return tree.kind == "static" or any(map(has_static, tree.children))
