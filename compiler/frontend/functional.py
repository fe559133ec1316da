"""Functions of functions and of types: map, filter, sorted, isinstance, callable, itertools.product, np.ndindex."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wengert.compiler.frontend import iterators, list_methods, lists, written_lists, written_numbers
from wengert.compiler.frontend.arithmetic import PYTHON
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.iteration import indexed_by_position, items_of, iterate, range_of, zip_of
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    Closure,
    Iteration,
    Method,
    Object,
    Partial,
    Scalar,
    Static,
    Tuple,
    is_list,
    is_number,
)
from wengert.compiler.frontend.subscripts import array_item
from wengert.compiler.frontend.tracer import SERVICES, Tracer, provides
from wengert.compiler.frontend.truth import truth


def called(tracer: Tracer, function: Object, *args: Object) -> Object:
    made: Object = SERVICES["call"](tracer, function, args, {})
    return made


def map_of(tracer: Tracer, func: Object, *iterables: Object) -> Object:
    parts = [indexed_by_position(tracer, iterate(tracer, i)) for i in iterables]
    if all(p.items is not None for p in parts):
        rows = zip(*(p.items or () for p in parts), strict=False)
        return Tuple(list, tuple(called(tracer, func, *row) for row in rows))
    joined = zip_of(tracer, *iterables)

    def item(i: Scalar) -> Object:
        row = joined.item(i)
        assert isinstance(row, Tuple)
        return called(tracer, func, *row.items)

    return Iteration(joined.length, item)


def filter_of(tracer: Tracer, function: Object, iterable: Object) -> Object:
    over = indexed_by_position(tracer, iterate(tracer, iterable))
    if over.items is None:
        helper, args = (written_lists.kept_true, [iterable]) if function == NONE else (written_lists.kept, [function, iterable])
        return lists.spoilt_with(SERVICES["inline"](tracer, helper, args), [iterable])
    kept = []
    for item in over.items:
        on = truth(tracer, item if function == NONE else called(tracer, function, item))
        if not isinstance(on, bool):
            tracer.refuse("static_needed", what="what filter() keeps")
        if on:
            kept.append(item)
    return Tuple(list, tuple(kept))


def sorted_of(tracer: Tracer, iterable: Object, key: Object = NONE, reverse: Object = Static(False)) -> Object:
    """Of numbers known at compile time, or of as many numbers as are known; else by np.sort."""
    if not isinstance(reverse, Static):
        tracer.refuse("static_needed", what="`reverse` of sorted()")
    over = indexed_by_position(tracer, iterate(tracer, iterable))
    if over.at_run_time:
        return sorted_list(tracer, iterable, key, reverse)
    items = items_of(tracer, iterable)
    keys = items if key == NONE else tuple(called(tracer, key, i) for i in items)
    known: list[Any] = [k.value for k in keys if isinstance(k, Static)]
    if len(known) == len(keys):
        order = sorted(range(len(items)), key=known.__getitem__, reverse=bool(reverse.value))
        return Tuple(list, tuple(items[k] for k in order), fresh=True)
    if key != NONE or any(scalar_type(i) is None for i in items) or len({scalar_type(i) for i in items}) > 1:
        tracer.refuse("call", name="sorted() of these", help="Use `np.argsort` of an array of the keys.")
    dtype, weak = scalar_type(items[0])  # type: ignore[misc]
    made = called(tracer, Static(np.sort), Tuple(list, items))
    found = [Scalar(i.value, weak) for i in items_of(tracer, made) if isinstance(i, Scalar)]
    return Tuple(list, tuple(found[::-1] if reverse.value else found), fresh=True)


@provides("sorted")
def sorted_list(tracer: Tracer, iterable: Object, key: Object, reverse: Object) -> Object:
    """A list of run-time length, in the order of its keys: numbers, or tuples of them."""
    inline = SERVICES["inline"]
    items = iterable if isinstance(iterable, Array) or is_list(iterable) else inline(tracer, written_lists.listed, [iterable])
    keys = items if key == NONE else inline(tracer, written_lists.keys_of, [items, key])
    if is_list(keys):
        parts: list[Array] = list_methods.columns(tracer, keys)
    elif isinstance(keys, Array):
        parts = [keys]
    else:
        parts = []
    if not parts or any(p.rank != 1 or p.dtype.kind not in "iufb" for p in parts):
        tracer.refuse("call", name="sorted() by these", help="Let the key be a number or a tuple of numbers.")
    order = inline(tracer, written_lists.places_in_order, [Tuple(tuple, tuple(parts)), reverse])
    made: Object = inline(tracer, written_lists.picked, [items, order])
    return made


# -- types


def type_of(tracer: Tracer, item: Object) -> type:
    """The class an object has in Python."""
    if isinstance(item, Array):
        return np.ndarray
    known = scalar_type(item)
    if known is not None:
        return PYTHON[known[0].kind] if known[1] else known[0].numpy.type
    if isinstance(item, Tuple):
        return item.kind
    if isinstance(item, Static):
        return type(item.value)
    if isinstance(item, Closure):
        return type(type_of)
    tracer.refuse("number_expected", what=describe(item))


def is_instance(tracer: Tracer, obj: Object, class_or_tuple: Object) -> Object:
    """Known at compile time: the code for other types is not compiled."""
    options = class_or_tuple.items if isinstance(class_or_tuple, Tuple) else (class_or_tuple,)
    classes = [o.value for o in options if isinstance(o, Static)]
    return Static(len(classes) == len(options) and issubclass(type_of(tracer, obj), tuple(classes)))


def is_callable(tracer: Tracer, obj: Object) -> Object:
    if isinstance(obj, Static) and not is_number(obj):
        return Static(callable(obj.value))
    return Static(isinstance(obj, Closure | Method | Partial))


# -- products of ranges


def product_of(tracer: Tracer, *iterables: Object, repeat: Object = Static(1)) -> Object:
    """itertools.product: the last runs fastest."""
    if not isinstance(repeat, Static):
        tracer.refuse("static_needed", what="`repeat` of itertools.product")
    parts = [indexed_by_position(tracer, iterate(tracer, i)) for i in iterables] * repeat.value
    if all(p.items is not None for p in parts):
        rows = itertools.product(*(p.items or () for p in parts))
        return Tuple(list, tuple(Tuple(tuple, row) for row in rows))
    for p in parts:
        if p.items is not None:
            tracer.refuse("call", name="itertools.product of a tuple and something longer", help="Write nested loops.")

    def item(places: list[Scalar]) -> Object:
        return Tuple(tuple, tuple(p.item(k) for p, k in zip(parts, places, strict=True)))

    return nested(tracer, [p.length for p in parts if p.length is not None], item)


def nested(tracer: Tracer, lengths: Sequence[Affine], item: Callable[[list[Scalar]], Object]) -> Iteration:
    """One loop for several nested ones: the indices are quotients and rests of its counter."""
    builder, index = tracer.builder, tracer.index
    total = builder.integer(1)
    for n in lengths:
        total = builder.emit("multiply", total, index.value(n))
    index.suppose_natural(total)

    def at(i: Scalar) -> Object:
        places: list[Scalar] = []
        rest = i.value
        for n in reversed(lengths):
            size = index.value(n)
            safe = tracer.builder.emit("maximum", size, tracer.builder.integer(1))
            place = tracer.builder.emit("remainder", rest, safe)
            rest = tracer.builder.emit("floor_divide", rest, safe)
            index.suppose_natural(place)
            index.bounds[place] = (number(0), n - 1)
            places.insert(0, Scalar(place, True))
        return item(places)

    return Iteration(index.of(total), at)


def ndindex_of(tracer: Tracer, *shape: Object) -> Object:
    parts = shape[0].items if len(shape) == 1 and isinstance(shape[0], Tuple) else shape
    ranges = [range_of(tracer, p) for p in parts]
    return product_of(tracer, *ranges)


def ndenumerate_of(tracer: Tracer, arr: Object) -> Object:
    if not isinstance(arr, Array):
        tracer.refuse("iterate", what=describe(arr))
    extents = tracer.extents(arr)

    def item(places: list[Scalar]) -> Object:
        return Tuple(tuple, (Tuple(tuple, tuple(places)), array_item(tracer, arr, list(places))))

    return nested(tracer, extents, item)


def combinations_of(tracer: Tracer, iterable: Object, r: Object) -> Object:
    """Of items known at compile time; pairs of anything."""
    if not isinstance(r, Static):
        tracer.refuse("static_needed", what="`r` of itertools.combinations")
    base = indexed_by_position(tracer, iterate(tracer, iterable))
    if base.items is not None:
        return Tuple(list, tuple(Tuple(tuple, row) for row in itertools.combinations(base.items, r.value)))
    if r.value == 3:
        items = iterators.items_or_list(tracer, iterable)
        return SERVICES["inline"](tracer, written_lists.triples, [items, Static(False)])  # type: ignore[no-any-return]
    if r.value != 2:
        tracer.refuse("call", name="itertools.combinations of more than three", help="Write nested loops.")
    made: Object = SERVICES["inline"](tracer, written_numbers.pairs, [iterable, r])
    return made


MOST_PERMUTATIONS = 720


def permutations_of(tracer: Tracer, iterable: Object, r: Object = NONE) -> Object:
    """Of items known at compile time."""
    base = indexed_by_position(tracer, iterate(tracer, iterable))
    if not isinstance(r, Static) or base.at_run_time:
        tracer.refuse("call", name="itertools.permutations of a number of items known only at run time", help="Write loops.")
    items = items_of(tracer, base)
    count = len(items) if r == NONE else r.value
    if math.perm(len(items), count) > MOST_PERMUTATIONS:
        many = f"a loop over {math.perm(len(items), count)} permutations"
        tracer.refuse("call", name=many, help="Pass them as an array of indices.")
    return Tuple(list, tuple(Tuple(tuple, row) for row in itertools.permutations(items, count)))


def reduce_of(tracer: Tracer, function: Object, iterable: Object, initial: Object | None = None) -> Object:
    base = indexed_by_position(tracer, iterate(tracer, iterable))
    if base.items is None:
        if initial is None:
            return SERVICES["inline"](tracer, written_numbers.reduced_from_first, [function, iterable])  # type: ignore[no-any-return]
        made: Object = SERVICES["inline"](tracer, written_numbers.reduced, [function, base, initial])
        return made
    items = base.items if initial is None else (initial, *base.items)
    if not items:
        tracer.refuse("binding", name="functools.reduce", problem="an empty sequence without a first value")
    result = items[0]
    for item in items[1:]:
        result = called(tracer, function, result, item)
    return result


def copy_of(tracer: Tracer, x: Object) -> Object:
    """copy.copy: a list of its own, with the same items."""
    if isinstance(x, Tuple) and (x.kind is list or is_list(x)):
        return list_methods.copied(tracer, x)
    return called(tracer, Static(np.copy), x) if isinstance(x, Array) else x


def deep_copy_of(tracer: Tracer, x: Object, path: tuple[int, ...] = ()) -> Object:
    """copy.deepcopy: nothing that can be changed is shared. path: which part of what is copied this is."""
    if is_list(x):
        if not list_methods.are_numbers(x):
            tracer.refuse("call", name="copy.deepcopy of a list of these", help="Copy its items in a comprehension.")
        return list_methods.copied(tracer, x)
    if isinstance(x, Tuple):
        parts = tuple(deep_copy_of(tracer, part, (*path, k)) for k, part in enumerate(x.items))
        statement, span = tracer.frame.statement, tracer.builder.span
        if x.kind is not list or statement is None or span is None:
            return replace(x, items=parts)
        return lists.made_at(tracer, (*tracer.place(statement), "copy", span.line, span.column, *path), parts, False)
    return copy_of(tracer, x)


def iter_of(tracer: Tracer, iterable: Object) -> Object:
    """iter(x) as what `__iter__` returns; elsewhere an iterator remembers where it is, which nothing here does."""
    if tracer.frame.name != "__iter__":
        tracer.refuse("call", name="iter()", help="Loop over the object itself, or index it.")
    return iterable


FUNCTIONAL: dict[Any, Any] = {
    map: map_of, filter: filter_of, sorted: sorted_of, isinstance: is_instance, callable: is_callable,
    functools.reduce: reduce_of, itertools.combinations: combinations_of,
    itertools.permutations: permutations_of, itertools.product: product_of,
    copy.copy: copy_of, copy.deepcopy: deep_copy_of, np.ndindex: ndindex_of, np.ndenumerate: ndenumerate_of, iter: iter_of,
}  # fmt: skip
