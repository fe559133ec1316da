"""What `itertools` and NumPy iterate over beside products: running values, neighbours, selections, windows, elements.

Where the number of items is known only at run time they are put into a list first (written_lists.py).
"""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

import numpy as np

from wengert.compiler.frontend import lists, shapes, written_lists
from wengert.compiler.frontend.creation import array_only, as_array, static_int
from wengert.compiler.frontend.iteration import indexed_by_position, items_of, iterate
from wengert.compiler.frontend.objects import NONE, Array, Object, Static, Tuple, is_list, root
from wengert.compiler.frontend.tracer import SERVICES, Tracer


def _as_it_goes(build: Any) -> Any:
    """Of what Python reads one by one."""

    @functools.wraps(build)
    def made(tracer: Tracer, *args: Object, **options: Object) -> Object:
        return lists.spoilt_with(build(tracer, *args, **options), [*args, *options.values()])

    return made


def _inline(tracer: Tracer, helper: Any, *args: Object) -> Object:
    made: Object = SERVICES["inline"](tracer, helper, list(args))
    return made


def items_or_list(tracer: Tracer, iterable: Object) -> Object:
    """Something with a length and items by number: an array, a list, or what can be put into one."""
    if isinstance(iterable, Array) or is_list(iterable):
        return iterable
    over = indexed_by_position(tracer, iterate(tracer, iterable))
    if not over.at_run_time:
        return Tuple(list, items_of(tracer, over))
    return _inline(tracer, written_lists.listed, iterable)


@_as_it_goes
def pairwise(tracer: Tracer, iterable: Object) -> Object:
    items = items_or_list(tracer, iterable)
    if isinstance(items, Tuple) and not is_list(items):
        return Tuple(list, tuple(Tuple(tuple, pair) for pair in itertools.pairwise(items.items)))
    return _inline(tracer, written_lists.pairwise, items)


@_as_it_goes
def accumulate(tracer: Tracer, iterable: Object, func: Object = NONE, *, initial: Object = NONE) -> Object:
    items = items_or_list(tracer, iterable)
    function = Static(operator.add) if func == NONE else func
    if isinstance(items, Tuple) and not is_list(items):
        made = [] if initial == NONE else [initial]
        for item in items.items:
            made.append(SERVICES["call"](tracer, function, [made[-1], item], {}) if made else item)
        return Tuple(list, tuple(made))
    if initial != NONE:
        return _inline(tracer, written_lists.accumulated_from, items, function, initial)
    if func == NONE:
        return _inline(tracer, written_lists.sums, items)
    return _inline(tracer, written_lists.accumulated, items, function)


@_as_it_goes
def islice(tracer: Tracer, iterable: Object, *ends: Object) -> Object:
    start, stop, step = (Static(0), ends[0], Static(1)) if len(ends) == 1 else (*ends, Static(1))[:3]
    ends_ = (Static(0) if start == NONE else start, stop, Static(1) if step == NONE else step)
    return _inline(tracer, written_lists.in_slice, items_or_list(tracer, iterable), *ends_)


@_as_it_goes
def takewhile(tracer: Tracer, predicate: Object, iterable: Object) -> Object:
    return _inline(tracer, written_lists.taken_while, predicate, items_or_list(tracer, iterable))


@_as_it_goes
def dropwhile(tracer: Tracer, predicate: Object, iterable: Object) -> Object:
    return _inline(tracer, written_lists.dropped_while, predicate, items_or_list(tracer, iterable))


@_as_it_goes
def zip_longest(tracer: Tracer, *iterables: Object, fillvalue: Object = NONE) -> Object:
    if len(iterables) != 2 or fillvalue == NONE:
        tracer.refuse("call", name="itertools.zip_longest", help="It takes two iterables and a fillvalue here.")
    parts = [items_or_list(tracer, i) for i in iterables]
    return _inline(tracer, written_lists.longest_pairs, *parts, fillvalue)


def combinations_with_replacement(tracer: Tracer, iterable: Object, r: Object) -> Object:
    items = items_or_list(tracer, iterable)
    if isinstance(items, Tuple) and not is_list(items):
        chosen = itertools.combinations_with_replacement(items.items, static_int(tracer, r, "`r`"))
        return Tuple(list, tuple(Tuple(tuple, row) for row in chosen))
    if r == Static(2):
        return _inline(tracer, written_lists.couples, items)
    if r == Static(3):
        return _inline(tracer, written_lists.triples, items, Static(True))
    tracer.refuse("call", name="itertools.combinations_with_replacement of more than three", help="Write nested loops.")


@_as_it_goes
def elements(tracer: Tracer, op: Object) -> Object:
    """np.nditer(x): the elements, to be read."""
    return shapes.ravel(tracer, array_only(tracer, op))


def from_iterable(tracer: Tracer, iter: Object, dtype: Object, count: Object = Static(-1)) -> Object:
    """np.fromiter: the items, or the first `count` of them, as an array."""
    items = items_or_list(tracer, iter)
    if count != Static(-1):
        items = _inline(tracer, written_lists.in_slice, items, Static(0), count, Static(1))
    made = as_array(tracer, items, dtype)
    if isinstance(items, Array) and made is items:
        return SERVICES["call"](tracer, Static(np.copy), [made], {})  # type: ignore[no-any-return]
    return made


def sliding_windows(tracer: Tracer, x: Object, window_shape: Object, axis: Object = NONE) -> Object:
    """np.lib.stride_tricks.sliding_window_view, made anew: it is spoilt where `x` is written."""
    array = array_only(tracer, x)
    sizes = window_shape.items if isinstance(window_shape, Tuple) else (window_shape,)
    if axis == NONE:
        axes = list(range(array.rank))
    else:
        given = axis.items if isinstance(axis, Tuple) else (axis,)
        axes = [static_int(tracer, a, "an axis") % array.rank for a in given]
    if len(sizes) != len(axes):
        problem = "Must provide window_shape for all dimensions of `x`, or as many axes"
        tracer.refuse("contract", name="sliding_window_view", problem=problem)
    made: Object = array
    for size, at in zip(sizes, axes, strict=True):
        if array.rank == 1 and len(axes) == 1:
            made = _inline(tracer, written_lists.windows, made, size)
        else:
            made = _inline(tracer, written_lists.windows_along, made, size, Static(at))
    assert isinstance(made, Array)
    made.cell.alias_of = made.cell.alias_of | {root(array.cell)}
    return made


ITERATORS: dict[Any, Any] = {
    itertools.pairwise: pairwise, itertools.accumulate: accumulate, itertools.islice: islice, itertools.takewhile: takewhile,
    itertools.dropwhile: dropwhile, itertools.zip_longest: zip_longest,
    itertools.combinations_with_replacement: combinations_with_replacement, np.nditer: elements, np.fromiter: from_iterable,
    np.lib.stride_tricks.sliding_window_view: sliding_windows,
}  # fmt: skip
