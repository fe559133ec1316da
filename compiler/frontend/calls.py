"""Calls: functions of the program are inlined, functions of the table are built, classes make structures."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import types
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend import attributes, constructors, generators, output, overloads, written_grids
from wengert.compiler.frontend.arithmetic import require_same
from wengert.compiler.frontend.bound import body_of_call
from wengert.compiler.frontend.control import run_block
from wengert.compiler.frontend.creation import array_only
from wengert.compiler.frontend.functions import FUNCTIONS, HELP, RANDOM, scipy_function
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.inside import inline_transform, readable, transformed
from wengert.compiler.frontend.iteration import items_of, iterate, length_at_run_time
from wengert.compiler.frontend.kinds import describe
from wengert.compiler.frontend.liveness import analyse, terminates
from wengert.compiler.frontend.maybes import settled
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    Closure,
    Method,
    Object,
    Partial,
    Scalar,
    Static,
    Tuple,
    is_list,
    is_number,
)
from wengert.compiler.frontend.positions import METHODS, by_name
from wengert.compiler.frontend.reads import CONTENTS, MISSING, now
from wengert.compiler.frontend.source import Parsed, parameters, parse, unwrap
from wengert.compiler.frontend.subscripts import known_key
from wengert.compiler.frontend.tracer import EXPRESSIONS, RESULT, RETURN, SERVICES, Frame, Tracer, handles, provides
from wengert.compiler.frontend.ufuncs import with_out
from wengert.compiler.frontend.written import WRITTEN, Written
from wengert.compiler.frontend.written_scipy import written_for
from wengert.compiler.ir.tree import field_names

Keywords = dict[str, Object]
DEEPEST, DEEPEST_KNOWN, MOST_CALLS = 2, 30, 3000
"""How deep a function may be inlined in itself: with arguments known at run time (`apply(apply, f)` may, recursion may not),
and where numbers among them are known at compile time, so that it may end; and how many calls may be inlined in all then."""


@handles(EXPRESSIONS, ast.Call)
def call_expression(tracer: Tracer, node: ast.Call) -> Object:
    callee = tracer.evaluate(node.func)
    if isinstance(callee, Static) and callee.value in (any, all) and len(node.args) == 1 and not node.keywords:
        found: Object | None = SERVICES["decided"](tracer, node.args[0], callee.value is all)
        if found is not None:
            return found
    args: list[Object] = []
    for position, a in enumerate(node.args):
        if isinstance(a, ast.Starred):
            args += spread(tracer, tracer.evaluate(a.value), callee, len(args), node, position)
        else:
            args.append(tracer.evaluate_any(a))
    keywords: Keywords = {}
    for k in node.keywords:
        item = tracer.evaluate_any(k.value)
        if k.arg is not None:
            keywords[k.arg] = item
        elif isinstance(item, Tuple) and item.kind is dict and all(isinstance(name, str) for name in item.names):
            keywords |= dict(zip(item.names, item.items, strict=True))
        else:
            tracer.refuse("starred", node)
    return call(tracer, callee, args, keywords)


def spread(tracer: Tracer, item: Object, callee: Object, before: int, node: ast.Call, position: int) -> Sequence[Object]:
    """The arguments that `*item` stands for. Of run-time length: as many as the function still needs, which is checked."""
    if not (is_list(item) or isinstance(item, Array)) or not length_at_run_time(tracer, item):
        return items_of(tracer, item, node.args[position])
    wanted = _needed(callee)
    if wanted is None or any(isinstance(a, ast.Starred) for a in node.args[position + 1 :]):
        tracer.refuse("spread", node.args[position])
    named = {k.arg for k in node.keywords}
    count = sum(name not in named for name in wanted[before:]) - (len(node.args) - position - 1)
    length = SERVICES["list_length"](tracer, item) if is_list(item) else tracer.extents(item)[0]  # type: ignore[arg-type]
    require_same(tracer, length, number(count), "wrong number of arguments in a call")
    part = iterate(tracer, item)
    return [part.item(Scalar(tracer.builder.integer(k), True)) for k in range(count)]


def _needed(callee: Object) -> list[str] | None:
    """The parameters of a function of the program that have no default; None where it takes any number."""
    if isinstance(callee, Closure):
        node, bound = callee.node, 0
    else:
        function = unwrap(callee.handler if isinstance(callee, Method) else callee.value if isinstance(callee, Static) else None)  # type: ignore[arg-type]
        if not isinstance(function, types.FunctionType) or not _of_program(callee):
            return None
        node, bound = parse(function).node, int(isinstance(callee, Method))
    names = _positional(node)[bound:]
    return None if node.args.vararg is not None else names[: len(names) - len(node.args.defaults)]


@provides("call")
def call(tracer: Tracer, callee: Object, args: Sequence[Object], keywords: Keywords) -> Object:
    """The result of calling an object. Only functions of the program take what may be None."""
    if not _of_program(callee):
        args, keywords = [settled(tracer, a) for a in args], {n: settled(tracer, k) for n, k in keywords.items()}
    if isinstance(callee, Closure):
        owner = tracer.closed_over[callee.frame]
        defaults = (
            dict(zip(reversed(_positional(callee.node)), reversed(callee.defaults), strict=False))
            | callee.keyword_defaults
        )
        return inline(
            tracer, Parsed(callee.node, owner.source), callee.name, args, keywords, defaults.get, owner, {}, {}
        )
    if isinstance(callee, Partial):
        return call(tracer, callee.function, [*callee.args, *args], callee.keywords | keywords)
    if isinstance(callee, Method):
        if isinstance(callee.handler, types.FunctionType) and callee.handler.__module__.startswith(
            "wengert.compiler.frontend"
        ):
            args = [callee.owner, *args]
            if callee.name in METHODS and not isinstance(callee.owner, Tuple):
                args, keywords = by_name(getattr(np, callee.name), callee.handler, 1, args, keywords)
            return build(tracer, callee.handler, f".{callee.name}", args, keywords)
        return inline_python(tracer, callee.handler, [callee.owner, *args], keywords)
    if isinstance(callee, Static):
        return call_static(tracer, callee.value, args, keywords)
    function = overloads.method(callee, "call")
    if function is not None:
        return inline_python(tracer, function, [callee, *args], keywords)
    tracer.refuse("not_callable", what=describe(callee))


def _of_program(callee: Object) -> bool:
    if isinstance(callee, Closure | Partial):
        return True
    function = unwrap(callee.handler if isinstance(callee, Method) else callee.value if isinstance(callee, Static) else None)  # type: ignore[arg-type]
    owner = (getattr(function, "__module__", None) or "").partition(".")[0]
    return isinstance(function, types.FunctionType) and owner not in ("numpy", "scipy", "wengert")


def _positional(node: ast.FunctionDef | ast.Lambda) -> list[str]:
    return [a.arg for a in (*node.args.posonlyargs, *node.args.args)]


def call_static(tracer: Tracer, value: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """A call of a Python object known at compile time."""
    try:
        builder = FUNCTIONS.get(value) or scipy_function(value)
    except TypeError:
        builder = None
    if isinstance(value, np.ufunc) and len(args) == value.nin + 1:
        args, keywords = args[:-1], keywords | {"out": args[-1]}
    if isinstance(getattr(value, "__self__", None), str) and not keywords and all(isinstance(a, Static) for a in args):
        return tracer.lift(value(*(a.value for a in args if isinstance(a, Static))))
    if isinstance(getattr(value, "__self__", None), str) and value.__name__ == "format":
        return output.formatted(tracer, value.__self__, args, keywords)
    if builder is not None and isinstance(value, np.ufunc) and keywords.get("where", NONE) not in (NONE, Static(True)):
        if keywords.get("out", NONE) == NONE:
            tracer.refuse("where_argument")
        rest = {k: v for k, v in keywords.items() if k not in ("out", "where")}
        compute = functools.partial(build, tracer, builder, readable(value), keywords=rest)
        return with_out(tracer, readable(value), lambda a: compute(args=a), args, keywords["out"], keywords["where"])
    if builder is not None:
        return build(tracer, builder, readable(value), *by_name(value, builder, 1, args, keywords))
    if isinstance(value, Hashable) and value in WRITTEN:
        known = WRITTEN[value]
        return inline_written(tracer, known, readable(value), *by_name(value, known.function, 0, args, keywords))
    written = written_for(value)
    if written is not None:
        return inline_written(tracer, Written(written), readable(value), *by_name(value, written, 0, args, keywords))
    if isinstance(value, np.vectorize):
        return vectorized(tracer, value, args, keywords)
    if value is np.vectorize:
        if keywords or len(args) != 1:
            tracer.refuse("call_argument", name="np.vectorize", problem="only the function itself")
        return Partial(Static(written_grids.vectorized), (args[0],), {})
    if hasattr(value, "__wengert_trace__"):
        return inline_transform(tracer, value, args, keywords)
    if isinstance(value, functools.partial):
        lifted = [tracer.lift(a) for a in value.args]
        return call(
            tracer,
            tracer.lift(value.func),
            [*lifted, *args],
            {k: tracer.lift(v) for k, v in value.keywords.items()} | keywords,
        )
    if value is dict:
        return dictionary(tracer, args, keywords)
    if value is functools.partial:
        return Partial(args[0], tuple(args[1:]), dict(keywords))
    if value is dataclasses.replace:
        return attributes.replaced(tracer, args[0], **keywords)
    if getattr(value, "__wengert_transform__", False):
        return transformed(tracer, value, args, keywords)
    if isinstance(value, type):
        return construct(tracer, value, args, keywords)
    if isinstance(value, types.MethodType):
        return call(tracer, Static(value.__func__), [tracer.lift(value.__self__), *args], keywords)
    plain = unwrap(value)
    body = None if isinstance(plain, types.FunctionType) else body_of_call(value)
    if body is not None:
        plain, args = body, [tracer.lift(value), *args]
    if isinstance(plain, types.FunctionType) and (plain.__module__ or "").partition(".")[0] not in ("numpy", "scipy"):
        return inline_python(tracer, plain, args, keywords)
    name = getattr(value, "__name__", type(value).__name__)
    shown = readable(value)
    foreign = FOREIGN if not shown.startswith(("np.", "math.")) and callable(value) else ""
    tracer.refuse("call", name=shown, help=RANDOM if shown.startswith("np.random.") else HELP.get(name, foreign))


FOREIGN = "It has no source and no derivative here: write it in NumPy, or call it outside and pass what it returns."


def vectorized(tracer: Tracer, made: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """A call of what np.vectorize made outside."""
    if keywords or made.signature is not None or made.excluded or made.otypes is not None:
        tracer.refuse("call", name="np.vectorize with options", help="Write a loop over the elements.")
    return inline_helper(tracer, written_grids.vectorized, [tracer.lift(made.pyfunc), *args])


@provides("inline")
def inline_helper(tracer: Tracer, function: Any, args: Sequence[Object]) -> Object:
    """Inline a function of ours that is written in the language; its ops have the span of the call."""
    return inline_written(tracer, Written(function, (), True), function.__name__, args, {})


@functools.lru_cache(maxsize=1024)
def _signature(builder: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(builder)


def build(tracer: Tracer, builder: Callable[..., Any], name: str, args: Sequence[Object], keywords: Keywords) -> Object:
    """Call a builder of the table, whose parameters are named as the function's own."""
    if keywords.get("out", NONE) != NONE:
        rest = {k: v for k, v in keywords.items() if k != "out"}
        return with_out(tracer, name, lambda a: build(tracer, builder, name, a, rest), args, keywords["out"])
    keywords = {k: v for k, v in keywords.items() if k != "out"}
    try:
        bound = _signature(builder).bind(tracer, *args, **keywords)
    except TypeError as error:
        tracer.refuse("call_argument", name=name, problem=str(error))
    result: Object = builder(*bound.args, **bound.kwargs)
    return result


# -- structures


def dictionary(tracer: Tracer, args: Sequence[Object], keywords: Keywords) -> Object:
    """dict(d, key=value), dict(pairs). It is no row of the table, whose functions know what their keywords mean."""
    if len(args) > 1:
        tracer.refuse("opaque", kind="dict")
    found: dict[Any, Object] = {}
    for given in args:
        if isinstance(given, Tuple) and given.kind is dict:
            found = dict(zip(given.names, given.items, strict=True))
            continue
        for pair in items_of(tracer, given):
            key, item = items_of(tracer, pair)
            found[known_key(tracer, key)] = item
    found |= keywords
    return Tuple(dict, tuple(found.values()), tuple(found))


def construct(tracer: Tracer, cls: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """An instance of a NamedTuple or dataclass."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        defaults = {n: (lambda v=v: tracer.lift(v)) for n, v in cls._field_defaults.items()}
        return structure(tracer, cls, cls._fields, args, keywords, defaults)
    if not hasattr(cls, "__dataclass_fields__"):
        tracer.refuse("opaque", kind=cls.__name__)
    init = constructors.own_init(cls)
    if init is not None:
        return run_constructor(tracer, cls, init, Tuple(cls, ()), args, keywords)
    defaults = {}
    for f in dataclasses.fields(cls):
        if f.default is not dataclasses.MISSING:
            defaults[f.name] = lambda f=f: tracer.lift(f.default)
        elif f.default_factory is not dataclasses.MISSING:
            defaults[f.name] = lambda f=f: call(tracer, Static(f.default_factory), [], {})
    if not hasattr(cls, "__post_init__"):
        return structure(tracer, cls, field_names(cls), args, keywords, defaults)
    taken = {f.name for f in dataclasses.fields(cls) if f.init}
    if set(constructors.parameters_of(cls)) != taken:
        tracer.refuse("constructor", name=cls.__name__)
    made = structure(tracer, cls, [n for n in field_names(cls) if n in taken or n in defaults], args, keywords, defaults)
    return run_constructor(tracer, cls, cls.__post_init__, made, [], {})


def run_constructor(
    tracer: Tracer, cls: type, function: Any, made: Object, args: Sequence[Object], keywords: Keywords
) -> Object:
    """An object as `__init__` or `__post_init__` leaves it."""
    parsed = constructors.written_out(function) if isinstance(function, types.FunctionType) else None
    if parsed is None:
        tracer.refuse("constructor", name=cls.__name__)
    named = inspect.signature(function).parameters
    found = inline(
        tracer, parsed, f"{cls.__name__}.{function.__name__}", [made, *args], keywords,
        lambda name: tracer.lift(named[name].default, name), None, function.__globals__, enclosed(function),
    )  # fmt: skip
    return constructors.finished(tracer, found)


def structure(
    tracer: Tracer, cls: type, names: Sequence[str], args: Sequence[Object], keywords: Keywords, defaults: Any
) -> Object:
    if len(args) > len(names) or set(keywords) - set(names):
        tracer.refuse("binding", name=cls.__name__, problem="unexpected arguments")
    given = dict(zip(names, args, strict=False)) | keywords
    items = []
    for name in names:
        if name not in given and name not in defaults:
            tracer.refuse("binding", name=cls.__name__, problem=f"missing a value for {name!r}")
        items.append(given[name] if name in given else defaults[name]())
    return Tuple(cls, tuple(items), tuple(names))


# -- inlining


def inline_python(tracer: Tracer, function: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """Inline a Python function that has source."""
    function = unwrap(function)
    parsed = parse(function)
    named = inspect.signature(function).parameters

    def default(name: str) -> Object:
        return tracer.lift(named[name].default, name)

    frames, span = len(tracer.frames), tracer.builder.span
    try:
        return inline(
            tracer, parsed, function.__name__, args, keywords, default, None, function.__globals__, enclosed(function)
        )
    except WengertError as error:
        module = function.__module__ or ""
        if error.certain is not None or module.partition(".")[0] not in sys.stdlib_module_names or module == "__main__":
            raise
        del tracer.frames[frames:]  # what it does inside is nothing that the caller could change
        tracer.builder.span = span
        name = f"{module}.{function.__name__}"
        tracer.refuse("call", name=name, help=HELP.get(module, FOREIGN))


def inline_written(tracer: Tracer, written: Written, name: str, args: Sequence[Object], keywords: Keywords) -> Object:
    """Inline a function of NumPy that is written in the language; its ops and errors have the span of the call."""
    try:
        bound = inspect.signature(written.function).bind(*args, **keywords)
    except TypeError as error:
        tracer.refuse("call_argument", name=name, problem=str(error))
    for parameter in written.vectors:
        if array_only(tracer, bound.arguments[parameter]).rank != 1:
            tracer.refuse("contract", name=name, problem=f"`{parameter}` must be a vector")
    for item in bound.arguments.values():
        if not written.complex and isinstance(item, Array | Scalar) and _is_complex(item):
            tracer.refuse("operand", name=name, types="complex numbers")
    outer, tracer.inside = tracer.inside, tracer.inside or tracer.builder.span
    try:
        return inline_python(tracer, written.function, args, keywords)
    finally:
        tracer.inside = outer


def _is_complex(item: Array | Scalar) -> bool:
    return (item.dtype if isinstance(item, Array) else item.value.type.dtype).kind == "c"


def enclosed(function: types.FunctionType) -> dict[str, types.CellType]:
    """The names a function closes over, and their cells; without those that are not assigned yet."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell for name, cell in cells if now(cell, CONTENTS) is not MISSING}


def inline(
    tracer: Tracer,
    parsed: Parsed,
    name: str,
    args: Sequence[Object],
    keywords: Keywords,
    default: Callable[[str], Object | None],
    parent: Frame | None,
    namespace: dict[str, Any],
    closed: dict[str, Any],
) -> Object:
    """Run a function's body in a frame of its own and give what it returns."""
    span = tracer.builder.span
    depth = sum(f.node is parsed.node for f in tracer.frames)
    known = any(is_number(a) for a in (*args, *keywords.values())) and tracer.count < MOST_CALLS
    if depth > (DEEPEST_KNOWN if known else DEEPEST):
        tracer.refuse("recursion", name=name)
    try:
        bound = parameters(parsed.node).bind(*args, **keywords)
    except TypeError as error:
        tracer.refuse("binding", name=name, problem=str(error))
    names: dict[str, Object] = {}
    for parameter in parameters(parsed.node).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names[parameter.name] = Tuple(tuple, tuple(bound.arguments.get(parameter.name, ())))
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = bound.arguments.get(parameter.name, {})
            names[parameter.name] = Tuple(dict, tuple(extra.values()), tuple(extra))
        elif parameter.name in bound.arguments:
            names[parameter.name] = bound.arguments[parameter.name]
        else:
            found = default(parameter.name)
            assert found is not None
            names[parameter.name] = found
    if parent is not None:
        namespace, closed = parent.namespace, parent.enclosed
    if generators.is_generator(parsed.node):
        generators.check_call(tracer, parsed.node, name)
    tracer.count += 1
    site = (span.line, span.column) if span is not None else (0, 0)
    frame = Frame(name, parsed.node, parsed.source, analyse(parsed.node), namespace, closed, parent, tracer.count, site)
    tracer.frames.append(frame)
    tracer.state.frames[frame.index] = names
    try:
        if generators.is_generator(parsed.node):
            generators.begin(tracer)
        result = run_function(tracer, parsed.node)
    except WengertError as error:
        if tracer.inside is None:
            tracer.error_at_call(error, name, span)
        raise
    if generators.is_generator(parsed.node):
        result = generators.finish(tracer, (*args, *keywords.values()), parent)
    tracer.frames.pop()
    if not holds_closure(result):
        del tracer.state.frames[frame.index]
    tracer.builder.span = span
    return result


def holds_closure(item: Object) -> bool:
    if isinstance(item, Tuple):
        return any(map(holds_closure, item.items))
    return isinstance(item, Closure | Partial)


def run_function(tracer: Tracer, node: ast.FunctionDef | ast.Lambda) -> Object:
    """The body of the current frame's function; what it returns."""
    if isinstance(node, ast.Lambda):
        return tracer.evaluate(node.body)
    body = list(node.body)
    if not terminates(body):
        end = ast.copy_location(ast.Return(None), body[-1])
        tracer.frame.live.after.setdefault(end, frozenset())
        body.append(end)
    run_block(tracer, body)
    if RETURN not in tracer.names and RESULT not in tracer.names:
        return NONE
    return tracer.names.get(RESULT, NONE)


@provides("property")
def property_of(tracer: Tracer, function: Any, owner: Object) -> Object:
    """What the getter of a property returns."""
    return inline_python(tracer, function, [owner], {})
