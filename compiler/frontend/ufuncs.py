"""What every ufunc has beside its call: `out=`, `where=`, and the methods outer, reduce and accumulate.

np.add.outer(a, b)              a[..., None] + b
np.divide(a, b, out=c, where=m) c[...] = where(m, a / b, c)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import arithmetic, reductions, written_numbers
from wengert.compiler.frontend.creation import array_only, as_array
from wengert.compiler.frontend.kinds import describe
from wengert.compiler.frontend.objects import NONE, Array, ArrayValue, Object, Slice, Static, Tuple
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.frontend.views import indexed, store
from wengert.compiler.ir.types import BOOL

Builder = Callable[..., Object]
Call = Callable[[Sequence[Object]], Object]


def with_out(tracer: Tracer, name: str, call: Call, args: Sequence[Object], out: Object, where: Object = NONE) -> Object:
    """`f(*args, out=out, where=where)`: computed as without, then stored. The result is `out` itself."""
    if isinstance(out, Tuple) and len(out.items) == 1:
        (out,) = out.items
    if not isinstance(out, Array):
        tracer.refuse("call_argument", name=name, problem=f"`out` must be an array, not {describe(out)}")
    made = call(args)
    kind = arithmetic.dtype_and_weakness(made)
    if kind is None or not np.can_cast(kind[0].numpy, out.dtype.numpy, "same_kind"):
        tracer.refuse("call_argument", name=name, problem=f"{describe(made)} cannot be put into {describe(out)}")
    if where not in (NONE, Static(True)):
        held = tracer.read(out)
        chosen = reductions.truth_of(tracer, arithmetic.operand(tracer, where))
        target = tracer.fresh(held)
        values, extents = arithmetic.spread(tracer, (chosen, made, target), (BOOL, out.dtype, out.dtype))
        made = tracer.fresh(ArrayValue(tracer.builder.emit("where", *values), extents))
    store(tracer, out, made)
    return out


def outer(apply: Builder) -> Builder:
    def build(tracer: Tracer, A: Object, B: Object) -> Object:
        a, b = as_array(tracer, A), as_array(tracer, B)
        if isinstance(a, Array) and isinstance(b, Array):
            whole = Slice(None, None, None)
            a = indexed(tracer, a, [*[whole] * a.rank, *[NONE] * b.rank])
        return apply(tracer, a, b)

    return build


def reduce(build: Builder) -> Builder:
    """A reduction with the defaults of `ufunc.reduce`: along the first axis."""

    def reduced(
        tracer: Tracer, array: Object, axis: Object = Static(0), dtype: Object = NONE, keepdims: Object = Static(False)
    ) -> Object:
        return build(tracer, array_only(tracer, array), axis=axis, dtype=dtype, keepdims=keepdims)

    return reduced


def accumulate(verb: str) -> Builder:
    build = reductions.cumulative(verb)

    def accumulated(tracer: Tracer, array: Object, axis: Object = Static(0), dtype: Object = NONE) -> Object:
        return build(tracer, array_only(tracer, array), axis, dtype)

    return accumulated


REDUCE: dict[Any, Any] = {
    np.add.reduce: reduce(reductions.SUM), np.multiply.reduce: reduce(reductions.PROD),
    np.maximum.reduce: reduce(reductions.MAX), np.minimum.reduce: reduce(reductions.MIN),
    np.logical_and.reduce: reduce(reductions.ALL), np.logical_or.reduce: reduce(reductions.ANY),
    np.add.accumulate: accumulate("sum"), np.multiply.accumulate: accumulate("prod"),
    np.maximum.accumulate: accumulate("maximum"), np.minimum.accumulate: accumulate("minimum"),
}  # fmt: skip


def folded(ufunc: np.ufunc, every: bool) -> Builder:
    """`reduce` (every: `accumulate`) of any binary ufunc: one element after the other along an axis."""
    helper = written_numbers.accumulated if every else written_numbers.reduced_along

    def build(tracer: Tracer, array: Object, axis: Object = Static(0)) -> Object:
        item = array_only(tracer, array)
        along = axis if axis != NONE or item.rank > 1 else Static(0)
        if along == NONE:
            tracer.refuse("static_needed", what=f"the axis of np.{ufunc.__name__} along which elements are taken")
        start = NONE if every or ufunc.identity is None else Static(ufunc.identity)
        if ufunc is np.bitwise_and and item.dtype.kind in "bu":
            start = Static(True if item.dtype == BOOL else np.iinfo(item.dtype.numpy).max)
        made: Object = SERVICES["inline"](tracer, helper, [Static(ufunc), item, along, start])
        return made

    return build


def methods(functions: dict[Any, Builder]) -> dict[Any, Builder]:
    """`outer` of the binary ufuncs of the table, and the reductions there are."""
    binary = [f for f in functions if isinstance(f, np.ufunc) and f.nin == 2 and f.nout == 1]
    loops = {f.reduce: folded(f, False) for f in binary} | {f.accumulate: folded(f, True) for f in binary}
    return loops | {f.outer: outer(functions[f]) for f in binary} | REDUCE
