"""Wengert's own transforms inside compiled code, of functions known there.

    def f(x, k):
        g = wg.grad(lambda v: np.sum(v**2) * k)      # a function defined inside, which reads `k`
        return g(x)

What such a function reads of those around it is one more argument of the transform (closures.py), a tuple behind the others,
and so derivatives of the whole see it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.closures import lifted
from wengert.compiler.frontend.functions import FUNCTIONS
from wengert.compiler.frontend.leaves import leaf_value, object_of, tree_of, wrapped
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Closure, Object, Partial, Static, Tuple, root
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.rewrite import copy_ops
from wengert.compiler.ir.tree import tuple_of
from wengert.compiler.ops.custom import CALLS

Keywords = dict[str, Object]


def transformed(tracer: Tracer, transform: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """`grad(f)`: made now of a function known at compile time; of one defined inside when it is called."""
    function: Object = args[0] if args else NONE
    inside = isinstance(function, Closure | Partial)
    plain = [to_python(tracer, i) for i in args[inside:]], {k: to_python(tracer, v) for k, v in keywords.items()}
    if not inside:
        return Static(transform(*plain[0], **plain[1]))
    steps: tuple[Any, ...] = ()
    if isinstance(function, Partial) and function.function == CALL_INSIDE:  # a transform of a transform
        function, known = function.args
        assert isinstance(known, Static)
        steps = known.value
    return Partial(CALL_INSIDE, (function, Static((*steps, (transform, *plain)))), {})


def call_inside(tracer: Tracer, function: Object, steps: Static, *args: Object) -> Object:
    """A call of what transforms made of a function defined inside. steps: (transform, options, options by name) from the
    function outwards."""
    made: Any
    made, read = lifted(tracer, function)
    for transform, options, named in steps.value:
        made = transform(made, *options, **named)
    tuples, items = made.argument_tuples, list(args)
    if not tuples:
        return inline_transform(tracer, made, [*items, read], {})
    for k, item in enumerate(items[:tuples]):
        if isinstance(item, Tuple) and item.kind in (tuple, list):  # else it is refused by the transform
            items[k] = Tuple(item.kind, (*item.items, read if k == 0 else NONE))
    return inline_transform(tracer, made, items, {})


CALL_INSIDE = Static(call_inside)
FUNCTIONS[call_inside] = call_inside


def _with_lifted(tracer: Tracer, args: Sequence[Object], function: int, more: int) -> list[Object]:
    """`args` with the function defined inside at place `function` as one of its own, and what it reads behind the tuple of its
    arguments at place `more`."""
    items = list(args)
    made, read = lifted(tracer, items[function])
    rest = items[more]
    assert isinstance(rest, Tuple)
    items[function], items[more] = Static(made), Tuple(rest.kind, (*rest.items, read))
    return items


def readable(value: Any) -> str:
    """A function's name as users write it."""
    name = getattr(value, "__name__", type(value).__name__)
    owner = getattr(value, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}"
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    if module == "numpy" or vars(np).get(name) is value:
        nested = (getattr(value, "__module__", "") or "").split(".")
        return (
            f"np.{nested[1]}.{name}" if len(nested) > 1 and nested[1] in ("linalg", "fft", "random") else f"np.{name}"
        )
    return f"math.{name}" if module == "math" else name


def to_python(tracer: Tracer, item: Object) -> Any:
    if isinstance(item, Static):
        return item.value
    if isinstance(item, Tuple) and item.kind in (tuple, list):
        return item.kind(to_python(tracer, i) for i in item.items)
    tracer.refuse("static_needed", what="an option of a transform")


def inline_transform(tracer: Tracer, transform: Any, args: Sequence[Object], keywords: Keywords) -> Object:
    """Inline what `transform.__wengert_trace__(signature)` gives: a Traced function."""
    if keywords:
        args = _by_position(tracer, transform, args, keywords)
    if getattr(transform, "__wengert_device__", None) is not None:
        tracer.refuse(
            "call",
            name=readable(transform),
            help="It is offloaded: offload the function around it instead of this one.",
        )
    at = getattr(transform, "__wengert_lifts__", None)
    if at is not None and isinstance(args[at[0]], Closure | Partial):
        args = _with_lifted(tracer, args, *at)
    if any(isinstance(a, Closure | Partial) for a in args):
        tracer.refuse(
            "call",
            name=f"{readable(transform)} with a function defined inside",
            help="Define that function outside of the compiled one, and pass what it reads as arguments.",
        )
    leaves: list[Object] = []
    tree = tuple_of([tree_of(tracer, a, leaves) for a in args])
    values, types_ = [], []
    for leaf in leaves:
        value, type_ = leaf_value(tracer, leaf)
        values.append(value)
        types_.append(type_)
    try:
        traced = transform.__wengert_trace__(Signature(tree, tuple(types_)))
    except WengertError as error:
        error.span = error.span or tracer.builder.span
        raise
    for k, j in sorted(traced.apart):
        if _may_share(leaves[k], leaves[j]):  # what was traced is right for arrays apart only
            if getattr(transform, "__wengert_same__", False):
                made: Object = SERVICES["call"](tracer, tracer.lift(transform.__wrapped__), args, {})
                return made
            name, other = (traced.function.params[n].hint or f"argument {n + 1}" for n in (k, j))
            tracer.refuse("shared", name=name, other=other, function=readable(transform))
    tracer.reads.update(traced.reads)
    for array in traced.captures:
        values.append(tracer.read(tracer.capture(array, "captured")).value)
    function = traced.function
    here = tracer.builder.span

    def at_call(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        """A function with rules of its own is one op, which stands where it is called."""
        if op.name not in CALLS:
            return None
        with builder.at(here or op.span):
            types, hints = [v.type for v in op.results], [v.hint for v in op.results]
            return list(builder.op(op.name, operands, (), hints, types, **op.attrs).results)

    alone = len([op for op in function.body.ops if op.name not in ("constant", "captured")]) == 1
    mapping: dict[Value, Value] = dict(zip(function.params, values, strict=True))
    copy_ops(tracer.builder, function.body.ops, mapping, at_call if alone else None)
    results = [mapping[v] for v in function.results]
    count = traced.out.count
    weak = traced.weak or (False,) * count
    for result, position in zip(results[count:], function.written[count:], strict=True):
        assert position is not None
        target = leaves[position]
        assert isinstance(target, Array)
        tracer.write(target, ArrayValue(result, tracer.extents(target)))
    return object_of(
        tracer, traced.out, iter([wrapped(tracer, v, w) for v, w in zip(results[:count], weak, strict=True)])
    )


def _by_position(tracer: Tracer, transform: Any, args: Sequence[Object], keywords: Keywords) -> list[Object]:
    """Arguments by position, as transforms take them; the defaults between them filled in."""
    try:
        bound = inspect.signature(transform.__wrapped__).bind(*args, **keywords)
    except (TypeError, ValueError) as error:
        tracer.refuse("call_argument", name=readable(transform), problem=str(error))
    parameters = bound.signature.parameters
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters.values()):
        tracer.refuse("call_argument", name=readable(transform), problem="keyword arguments beside *args or **kwargs")
    names = list(parameters)
    last = max(names.index(name) for name in keywords)
    return [
        bound.arguments[name] if name in bound.arguments else tracer.lift(parameters[name].default, name)
        for name in names[: last + 1]
    ]


def _may_share(a: Object, b: Object) -> bool:
    """Whether two arguments may be (parts of) one array."""
    if not isinstance(a, Array) or not isinstance(b, Array):
        return False
    cells = [{root(cell) for cell in (x.cell, *x.cell.alias_of)} for x in (a, b)]
    return not cells[0].isdisjoint(cells[1])
