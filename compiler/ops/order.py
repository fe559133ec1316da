"""Sorting along the last axis by NumPy's own sorting loops, so that results are NumPy's: NaN last, and equal elements in the
order in which NumPy leaves them.

    %s, %ok = sort %x : f64[?], bool             %o, %ok = argsort %x : i64[?], bool           the last result: memory sufficed

Derivatives move the tangents as the stable order has it, which no machine or device decides in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.types import BOOL, I64, DType, Type
from wengert.compiler.ops.library import Library, library_row

SORT, ARGSORT = "sort", "argsort"
QUICK, STABLE = 0, 2
"""NPY_QUICKSORT and NPY_STABLESORT."""


@dataclass(frozen=True, slots=True)
class Ordering(Library):
    """A sorting loop of NumPy's dtypes: `name` is SORT or ARGSORT, `kind` QUICK or STABLE."""

    kind: int = QUICK

    def result_dtypes(self, dtype: DType) -> tuple[DType, ...]:
        return (dtype if self.name == SORT else I64,)


def _moved(b: Builder, source: Value, order: Value, back: bool) -> Value:
    """source[order] along the last axis; back: the inverse of that."""
    extents, zero, one = b.extents(source), b.integer(0), b.integer(1)
    made = b.broadcast(b.constant(0, source.type.dtype), extents)

    def along(axis: int, into: Value, index: tuple[Value, ...]) -> Value:
        if axis == len(extents):
            place = (*index[:-1], b.emit("load", order, *index))
            given, taken = (index, place) if back else (place, index)
            return b.emit("update", into, b.emit("load", source, *given), *taken)
        block = Block([Value(Type(I64), "k"), Value(into.type)])
        with b.inside(block):
            block.results = [along(axis + 1, block.params[1], (*index, block.params[0]))]
        return b.for_(zero, extents[axis], one, [into], block, parallel=True).result

    return along(0, made, ())


def _stable_order(ctx: Any, x: Value) -> Value:
    return ctx.builder.op("argsort_stable", (ctx.primal(x),)).results[0]


def _push(ctx: Any, op: Op, dx: Value) -> Sequence[Value]:
    b: Builder = ctx.builder
    return _moved(b, dx, _stable_order(ctx, op.operands[0]), False), b.constant(True, BOOL)


def _pull(ctx: Any, op: Op, cotangent: Value, fine: Value) -> None:
    x = op.operands[0]
    ctx.add(x, _moved(ctx.builder, cotangent, _stable_order(ctx, x), True))


def _row(name: str, kind: int, evaluate: Callable[[Any], Any], doc: str, **rules: Any) -> None:
    core = (("n",),)
    library = Ordering("numpy", SORT if name == SORT else ARGSORT, core, core, "", evaluate, kind=kind)
    library_row(name, library, evaluate, doc=doc, **rules)


_row("sort", QUICK, lambda x: np.sort(x, axis=-1), "the elements in ascending order, NaN last", numpy=("sort",), pushforward=_push, pullback=_pull, kinks="equal elements keep their order: a permutation")  # fmt: skip
_row("argsort", QUICK, lambda x: np.argsort(x, axis=-1), "the positions of the elements in ascending order", numpy=("argsort",))
_row("argsort_stable", STABLE, lambda x: np.argsort(x, axis=-1, kind="stable"), "as argsort; equal elements keep their order")
