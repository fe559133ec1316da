"""Sorting along the last axis: the rows of ops/order.py."""

from __future__ import annotations

from wengert.compiler.frontend.creation import array_only
from wengert.compiler.frontend.objects import ArrayValue, Object, Static
from wengert.compiler.frontend.tracer import Tracer


def in_order(tracer: Tracer, x: Object) -> Object:
    return _ordered(tracer, "sort", x)


def order_of(tracer: Tracer, x: Object, stable: Object) -> Object:
    return _ordered(tracer, "argsort_stable" if stable == Static(True) else "argsort", x)


def _ordered(tracer: Tracer, row: str, x: Object) -> Object:
    content = tracer.read(array_only(tracer, x))
    made, fine = tracer.builder.op(row, (content.value,)).results
    tracer.check(fine, "memory", "there is no memory to sort in")
    return tracer.fresh(ArrayValue(made, content.extents))
