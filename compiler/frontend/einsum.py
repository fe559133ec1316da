"""np.einsum: products of two operands at a time, from left to right, each a `dot_general`."""

from __future__ import annotations

from string import ascii_letters
from typing import Any

import numpy as np

from wengert.compiler.frontend.arithmetic import apply, convert, require_same
from wengert.compiler.frontend.creation import array_only
from wengert.compiler.frontend.objects import FALSE, Array, ArrayValue, Object, Static
from wengert.compiler.frontend.products import common, contract
from wengert.compiler.frontend.reductions import diagonal, reduced
from wengert.compiler.frontend.tracer import Tracer

NAME = "np.einsum"


def einsum(tracer: Tracer, subscripts: Object, *operands: Object, optimize: Object = FALSE) -> Object:
    """Subscripts known at compile time; an ellipsis stands for the same axes in every operand that has one."""
    if not isinstance(subscripts, Static) or not isinstance(subscripts.value, str):
        tracer.refuse("static_needed", what="the subscripts of np.einsum")
    arrays = [array_only(tracer, x) for x in operands]
    labels, out = _parsed(tracer, subscripts.value, [a.rank for a in arrays])
    if len(labels) != len(arrays) or any(len(s) != a.rank for s, a in zip(labels, arrays, strict=True)):
        tracer.refuse("contract", name=NAME, problem="the subscripts do not fit the operands")
    dtype = arrays[0].dtype
    for other in arrays[1:]:
        dtype = common(tracer, NAME, arrays[0], other) if len(arrays) == 2 else dtype
        if len(arrays) > 2 and other.dtype != dtype:
            tracer.refuse("contract", name=NAME, problem="more than two operands must be of one dtype")
    items: list[Object] = [convert(tracer, a, dtype) if a.dtype != dtype else a for a in arrays]
    for k, item in enumerate(items):
        items[k], labels[k] = _diagonals(tracer, item, labels[k])
    made, own = _summed(tracer, items[0], labels[0], set(out).union(*labels[1:]))
    for k in range(1, len(items)):
        later = set(out).union(*labels[k + 1 :])
        right, theirs = _summed(tracer, items[k], labels[k], later | set(own))
        made, own = _summed(tracer, made, own, later | set(theirs))
        if not isinstance(made, Array) or not isinstance(right, Array):
            made, own = apply(tracer, "multiply", (made, right)), own + theirs
            continue
        batch = [s for s in own if s in theirs and s in later]
        shared = [s for s in own if s in theirs and s not in later]
        pairs = [tuple(tuple(t.index(s) for s in names) for t in (own, theirs)) for names in (shared, batch)]
        made = contract(tracer, NAME, made, right, *pairs)  # type: ignore[arg-type]
        used = {*batch, *shared}
        own = "".join([*batch, *(s for s in own if s not in used), *(s for s in theirs if s not in used)])
    if not isinstance(made, Array):
        return made
    content = tracer.read(made)
    order = tuple(own.index(s) for s in out)
    value = tracer.builder.emit("transpose", content.value, axes=order)
    return tracer.fresh(ArrayValue(value, tuple(content.extents[k] for k in order)))


def _parsed(tracer: Tracer, text: str, ranks: list[int]) -> tuple[list[str], str]:
    given, arrow, out = text.replace(" ", "").partition("->")
    labels = given.split(",")
    spare = [s for s in ascii_letters if s not in text]
    hidden = [rank - len(s) + 3 for s, rank in zip(labels, ranks, strict=False) if "..." in s]
    width = max(hidden, default=0)
    if any(n != width for n in hidden) or width > len(spare):
        tracer.refuse("contract", name=NAME, problem="an ellipsis has to stand for as many axes in every operand")
    axes = "".join(spare[:width])
    labels, out = [s.replace("...", axes, 1) for s in labels], out.replace("...", axes, 1)
    every = "".join(labels)
    if not arrow:
        out = axes + "".join(sorted(s for s in set(every) - set(axes) if every.count(s) == 1))
    if not (every + out).isalpha() or len(set(out)) != len(out) or not set(out) <= set(every):
        tracer.refuse("call", name=f"np.einsum of {text!r}", help="Write every axis as a letter, each once in the result.")
    return labels, out


def _diagonals(tracer: Tracer, item: Object, labels: str) -> tuple[Object, str]:
    """The operand with each letter once: a letter that comes again takes the diagonal of its axes."""
    while twice := next((s for s in labels if labels.count(s) > 1), None):
        first, second = [k for k, s in enumerate(labels) if s == twice][:2]
        assert isinstance(item, Array)
        extents = tracer.extents(item)
        require_same(tracer, extents[first], extents[second], f"np.einsum: axes of '{twice}' differ")
        item = diagonal(tracer, item, Static(0), Static(first), Static(second))
        labels = "".join(s for k, s in enumerate(labels) if k not in (first, second)) + twice
    return item, labels


def _summed(tracer: Tracer, item: Object, labels: str, wanted: set[str]) -> tuple[Object, str]:
    """The operand summed over the axes that nothing else names."""
    axes = tuple(k for k, s in enumerate(labels) if s not in wanted)
    if not axes or not isinstance(item, Array):
        return item, labels
    return reduced(tracer, "sum", tracer.read(item), axes, False), "".join(s for s in labels if s in wanted)


EINSUM: dict[Any, Any] = {np.einsum: einsum}
