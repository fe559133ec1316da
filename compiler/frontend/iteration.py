"""What a `for` can go over: ranges, arrays, tuples, enumerate, zip, reversed."""

from __future__ import annotations

import ast

from wengert.compiler.frontend import list_reads, overloads
from wengert.compiler.frontend.arithmetic import require_same
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.kinds import describe
from wengert.compiler.frontend.objects import Array, Iteration, Object, Scalar, Static, Tuple, is_list
from wengert.compiler.frontend.subscripts import array_item
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.frontend.views import as_index
from wengert.compiler.frontend.written_places import Broadcast
from wengert.compiler.ir.types import I64


def iterate(tracer: Tracer, item: Object, node: ast.AST | None = None) -> Iteration:
    """An object as something to loop over."""
    if isinstance(item, Iteration):
        return item
    if is_list(item):
        return list_reads.iteration(tracer, item)
    own = overloads.special(tracer, "iter", item)
    if own is not None:
        return iterate(tracer, own, node)
    if isinstance(item, Tuple) and item.kind is dict:
        return Iteration(number(len(item.names)), lambda i: i, items=item.keys)
    if isinstance(item, Tuple) and item.kind is not Broadcast:
        return Iteration(number(len(item.items)), lambda i: i, items=item.items)
    if isinstance(item, Static) and isinstance(item.value, str):
        return Iteration(number(len(item.value)), lambda i: i, items=tuple(map(Static, item.value)))
    if isinstance(item, Array):
        return Iteration(tracer.extents(item)[0], lambda i: array_item(tracer, item, [i]))
    tracer.refuse("iterate", node, what=describe(item))


def range_of(tracer: Tracer, *args: Object, parallel: bool = False) -> Iteration:
    """`range(stop)`, `range(start, stop)`, `range(start, stop, step)`."""
    ends = [as_index(tracer, a) for a in args]
    low, high = (number(0), ends[0]) if len(ends) == 1 else ends[:2]
    step: Object = Static(1)
    if len(ends) == 3:
        if ends[2].is_constant:
            step = Static(ends[2].constant)
            if ends[2].constant == 0:
                tracer.refuse("binding", name="range", problem="the step must not be zero")
        else:
            step = Scalar(tracer.index.value(ends[2]), True)
            nonzero = tracer.builder.emit("not_equal", step.value, tracer.constant(0, I64))
            tracer.check(nonzero, "value", "range() arg 3 must not be zero")
    return Iteration(None, lambda i: i, bounds=(low, high, step), parallel=parallel)


def indexed_by_position(tracer: Tracer, item: Iteration) -> Iteration:
    """A range as something with a length and an i-th item."""
    if item.length is not None:
        return item
    assert item.bounds is not None
    low, high, step = item.bounds
    if not isinstance(step, Static):
        tracer.refuse("static_needed", what="the step of a range inside zip, enumerate or reversed")
    by, index = step.value, tracer.index
    span = (high - low) if by > 0 else (low - high)
    length = index.quotient(index.at_least_zero(span) + (abs(by) - 1), abs(by))
    return Iteration(length, lambda i: tracer.integer(low + index.of(i.value) * by))


def enumerate_of(tracer: Tracer, item: Object, start: Object = Static(0)) -> Iteration:
    base, first = indexed_by_position(tracer, iterate(tracer, item)), as_index(tracer, start)
    if base.items is not None:
        pairs = tuple(Tuple(tuple, (tracer.integer(first + k), part)) for k, part in enumerate(base.items))
        return Iteration(base.length, lambda i: i, items=pairs)
    return Iteration(
        base.length, lambda i: Tuple(tuple, (tracer.integer(first + tracer.index.of(i.value)), base.item(i)))
    )


def zip_of(tracer: Tracer, *items: Object, strict: Object = Static(False)) -> Iteration:
    parts = [indexed_by_position(tracer, iterate(tracer, i)) for i in items]
    if strict == Static(True):
        for p in parts[1:]:
            require_same(tracer, parts[0].length, p.length, "zip() arguments differ in length")  # type: ignore[arg-type]
    if any(p.items is not None for p in parts):
        known = min(len(p.items) for p in parts if p.items is not None)
        rows = [row_of(tracer, p, known) for p in parts]
        return Iteration(number(known), lambda i: i, items=tuple(Tuple(tuple, row) for row in zip(*rows, strict=True)))
    length = parts[0].length
    assert length is not None
    for p in parts[1:]:
        assert p.length is not None
        length = tracer.index.minimum(length, p.length)
    return Iteration(length, lambda i: Tuple(tuple, tuple(p.item(i) for p in parts)))


def row_of(tracer: Tracer, part: Iteration, count: int) -> list[Object]:
    """The first `count` items; something of run-time length beside a tuple must have that many."""
    if part.items is not None:
        return list(part.items[:count])
    assert part.length is not None
    if not tracer.index.proves(part.length - count):
        value = tracer.builder.emit("greater_equal", tracer.index.value(part.length), tracer.builder.integer(count))
        tracer.check(value, "shape", "zip: the array is shorter than the tuple")
    return [part.item(Scalar(tracer.builder.integer(k), True)) for k in range(count)]


def reversed_of(tracer: Tracer, item: Object) -> Iteration:
    base = indexed_by_position(tracer, iterate(tracer, item))
    if base.items is not None:
        return Iteration(base.length, lambda i: i, items=base.items[::-1])
    assert base.length is not None
    length = base.length
    if isinstance(item, Iteration) and item.bounds is not None and item.bounds[2] == Static(1):
        low, high, _ = item.bounds
        return Iteration(None, lambda i: i, bounds=(high - 1, low - 1, Static(-1)))
    last = length - 1

    def at(i: Scalar) -> Object:
        place = tracer.index.value(last - tracer.index.of(i.value))
        return base.item(Scalar(place, True))

    return Iteration(length, at)


def length_at_run_time(tracer: Tracer, item: Object) -> bool:
    return indexed_by_position(tracer, iterate(tracer, item)).at_run_time


def items_of(tracer: Tracer, item: Object, node: ast.AST | None = None) -> tuple[Object, ...]:
    """Every item of something whose length is known at compile time."""
    iteration = indexed_by_position(tracer, iterate(tracer, item, node))
    if iteration.items is not None:
        return iteration.items
    known = iteration.length.known if iteration.length is not None else None
    if known is None:
        tracer.refuse("comprehension", node)
    return tuple(static(tracer, iteration.item(Scalar(tracer.builder.integer(k), True))) for k in range(known))


def static(tracer: Tracer, item: Object) -> Object:
    """An int made from constants, as the constant it is."""
    if isinstance(item, Scalar) and item.weak and item.value.type.dtype == I64:
        return tracer.integer(tracer.index.of(item.value))
    return item
