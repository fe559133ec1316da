"""What is None on some paths and a value on others: a `Tuple` of kind `Maybe`, (whether it is given, the value).

    best = None                          best: (False, 0)                 the value is whatever where it is not given
    for i, v in enumerate(x):
        if best is None or v < best:     not given, or a check that it is and its value
            best = v                     (True, v)
    return best                          None where it is not given

It goes where a name, a result, an argument of a function of the program or an item of a tuple goes, and merges and is carried
like any tuple. Everything else takes its value, after a check (`settled`).
"""

from __future__ import annotations

import ast
from dataclasses import replace

from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.kinds import can_be_missing, scalar_type
from wengert.compiler.frontend.merger import dummy
from wengert.compiler.frontend.objects import (
    FALSE,
    NONE,
    Array,
    ArrayValue,
    Maybe,
    Object,
    Scalar,
    Static,
    Tuple,
    given,
    is_maybe,
)
from wengert.compiler.frontend.tracer import Tracer, provides
from wengert.compiler.ir.types import BOOL, Type


@provides("settled")
def settled(tracer: Tracer, item: Object, node: ast.AST | None = None) -> Object:
    """The value of what may be None, also within tuples: it is checked while running that there is one."""
    if not isinstance(item, Tuple):
        return item
    if not is_maybe(item):
        parts = tuple(settled(tracer, part) for part in item.items)
        return item if all(p is q for p, q in zip(parts, item.items, strict=True)) else replace(item, items=parts, fresh=False)
    flag, value = item.items
    if isinstance(flag, Static):
        return settled(tracer, value) if flag.value else NONE
    assert isinstance(flag, Scalar)
    tracer.check(flag.value, "type", "None where a value is needed")
    value = settled(tracer, value)
    if isinstance(node, ast.Name) and tracer.names.get(node.id) is item:  # from here on it is known to be given
        tracer.bind(node.id, value)
    return value


def is_none(tracer: Tracer, item: Tuple) -> Object:
    flag = item.items[0]
    if isinstance(flag, Static):
        return Static(not flag.value)
    assert isinstance(flag, Scalar)
    return Scalar(tracer.builder.emit("invert", tracer.builder.cast(flag.value, BOOL)), True)


def blank(tracer: Tracer, model: Object) -> Object:
    """An object of the types of `model` that nobody reads."""
    kind = scalar_type(model)
    if kind is not None:
        return Scalar(dummy(tracer, Type(kind[0])), kind[1])
    if isinstance(model, Array):
        extents = (number(0),) * model.rank
        return tracer.fresh(ArrayValue(dummy(tracer, Type(model.dtype, (None,) * model.rank)), extents))
    assert isinstance(model, Tuple)
    return replace(model, items=tuple(blank(tracer, part) for part in model.items))


def made_optional(tracer: Tracer, first: Object, model: Object) -> Object:
    """What a loop starts with, None or a value, as one that may be missing."""
    return Tuple(Maybe, (FALSE, blank(tracer, model))) if first == NONE else given(first)


def aligned(first: Object, item: Object) -> Object | None:
    """What the end of a loop's body has for `first`, as one that may be missing where that is; None where it cannot be."""
    if is_maybe(first) and not is_maybe(item):
        if item == NONE:
            return Tuple(Maybe, (FALSE, first.items[1]))
        return given(item) if can_be_missing(item) else None
    return item


def model_of(first: Object, item: Object) -> Object | None:
    """The value of what is None at one end of a loop's body and not at the other; None where there is no such."""
    if is_maybe(first) or (first == NONE) == (item == NONE) and not is_maybe(item):
        return None
    model = item.items[1] if is_maybe(item) else item if first == NONE else first
    fits = first == NONE or can_be_missing(first)
    return model if fits and can_be_missing(model) else None
