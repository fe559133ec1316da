"""The door of the front end: `trace` turns a Python function and the types of its arguments into IR.

def f(x, y):            func @f(%x: f64[?], %y: f64) {
    x[0] = y      ->      %n = dim %x {axis = 0} ...
    return x.sum()        return %s, %x.1 {written = (None, 0)}
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from wengert.compiler.frontend import expressions as expressions
from wengert.compiler.frontend import loop_statements as loop_statements
from wengert.compiler.frontend import tries as tries
from wengert.compiler.frontend import views as views
from wengert.compiler.frontend.arithmetic import require_same
from wengert.compiler.frontend.bound import Bound
from wengert.compiler.frontend.calls import enclosed, run_function
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.leaves import object_of
from wengert.compiler.frontend.liveness import analyse
from wengert.compiler.frontend.objects import Array, Cell, Object, Tuple
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.source import parameters, parse, unwrap
from wengert.compiler.frontend.traced import Traced as Traced
from wengert.compiler.frontend.traced import finish, parameter_leaves
from wengert.compiler.frontend.tracer import Frame, Retrace, Tracer


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
    labels = [
        label
        for n, tree in zip((*positional, *[rest] * len(given)), given, strict=False)
        for label in tree.paths(n or "")
    ]
    leaves, cells = parameter_leaves(tracer, signature, labels)
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
