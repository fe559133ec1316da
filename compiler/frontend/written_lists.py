"""What is done with lists of a length known only at run time, written in the language like `written`."""

from __future__ import annotations

import numpy as np

# ruff: noqa: SIM110, SIM118, C416  # lists are what this is for
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


def listed(iterable):
    return [item for item in iterable]


def numbers(array, kind):
    return [kind(item) for item in array]


def rows_of_numbers(array, kind):
    return [[kind(item) for item in row] for row in array]


def index_of(items, wanted):
    for place, item in enumerate(items):
        if item == wanted:
            return place
    raise ValueError("the value is not in the list")


def count_of(items, wanted):
    made = 0
    for item in items:
        if item == wanted:
            made += 1
    return made


def is_among(items, wanted):
    for item in items:
        if item == wanted:
            return True
    return False


def remove(items, wanted):
    items.pop(index_of(items, wanted))


def insert(items, index, item):
    items.append(item)
    last = len(items) - 1
    place = max(0, min(index + last if index < 0 else index, last))
    for k in range(last, place, -1):
        items[k] = items[k - 1]
    items[place] = item


def replace_part(items, start, stop, others):
    new = [item for item in others]
    count = len(items)
    low = min(max(start + count if start < 0 else start, 0), count)
    if stop is None:
        stop = count
    high = max(low, min(stop + count if stop < 0 else stop, count))
    rest = items[high:]
    while len(items) > low:
        items.pop()
    items.extend(new)
    items.extend(rest)


def delete_part(items, start, stop):
    count = len(items)
    low = min(max(start + count if start < 0 else start, 0), count)
    if stop is None:
        stop = count
    high = max(low, min(stop + count if stop < 0 else stop, count))
    for k in range(high, count):
        items[low + k - high] = items[k]
    for _ in range(low, high):
        items.pop()


def reverse(items):
    last = len(items) - 1
    for k in range(len(items) // 2):
        items[k], items[last - k] = items[last - k], items[k]


def assign(items, others):
    for k in range(len(others)):
        items[k] = others[k]


def lengths(rows):
    made = np.zeros(len(rows), dtype=np.int64)
    for k in range(len(rows)):
        made[k] = len(rows[k])
    return made


def flat(rows):
    return [item for row in rows for item in row]


def table(rows, dtype):
    width = len(rows[0]) if len(rows) > 0 else 0
    made = np.empty((len(rows), width), dtype=dtype)
    for i in range(len(rows)):
        row = rows[i]
        if len(row) != width:
            raise ValueError("the lists have different lengths and make no array")
        for j in range(width):
            made[i, j] = row[j]
    return made


def block(rows, dtype):
    height = len(rows[0]) if len(rows) > 0 else 0
    width = len(rows[0][0]) if height > 0 else 0
    made = np.empty((len(rows), height, width), dtype=dtype)
    for i in range(len(rows)):
        if len(rows[i]) != height:
            raise ValueError("the lists have different lengths and make no array")
        made[i] = table(rows[i], dtype)
    return made


def places_in_order(columns, reverse):
    """The places of items in the order of their keys, of which these are the parts; equal ones keep their order."""
    count = len(columns[0])
    order = np.arange(count)
    if reverse:
        order = order[::-1]
    for column in columns[::-1]:
        if np.any(column != column):
            raise ValueError("NaN has no place in an order")
        order = order[np.argsort(column[order], kind="stable")]
    if reverse:
        order = order[::-1]
    return order


def picked(items, places):
    return [items[k] for k in places]


def keys_of(items, key):
    return [key(item) for item in items]


def kept(function, items):
    return [item for item in items if function(item)]


def kept_true(items):
    return [item for item in items if item]


def triples(items, repeats):
    n = len(items)
    low = 0 if repeats else 1
    return [
        (items[i], items[j], items[k]) for i in range(n) for j in range(i + low, n) for k in range(j + low, n)
    ]


def couples(items):
    n = len(items)
    return [(items[i], items[j]) for i in range(n) for j in range(i, n)]


def pairwise(items):
    return [(items[k], items[k + 1]) for k in range(len(items) - 1)]


def sums(items):
    made = []
    if len(items) > 0:
        held = items[0]
        made.append(held)
        for k in range(1, len(items)):
            held = held + items[k]
            made.append(held)
    return made


def accumulated(items, function):
    made = []
    if len(items) > 0:
        held = items[0]
        made.append(held)
        for k in range(1, len(items)):
            held = function(held, items[k])
            made.append(held)
    return made


def accumulated_from(items, function, initial):
    held = initial
    made = [held]
    for item in items:
        held = function(held, item)
        made.append(held)
    return made


def in_slice(items, start, stop, step):
    if stop is None:
        return [items[k] for k in range(start, len(items), step)]
    return [items[k] for k in range(start, min(stop, len(items)), step)]


def taken_while(predicate, items):
    made = []
    for item in items:
        if not predicate(item):
            break
        made.append(item)
    return made


def dropped_while(predicate, items):
    made = []
    dropping = True
    for item in items:
        if dropping and predicate(item):
            continue
        dropping = False
        made.append(item)
    return made


def longest_pairs(a, b, fill):
    made = []
    for k in range(max(len(a), len(b))):
        made.append((a[k] if k < len(a) else fill, b[k] if k < len(b) else fill))
    return made


def windows(x, size):
    """Windows along the only axis."""
    count = x.shape[0] - size + 1
    if size < 0 or count < 1:
        raise ValueError("window shape cannot be larger than input array shape")
    return x[np.arange(count)[:, None] + np.arange(size)]


def windows_along(x, size, axis):
    return np.moveaxis(np.take(x, _places(x.shape[axis], size), axis=axis), axis + 1, -1)


def _places(extent, size):
    count = extent - size + 1
    if size < 0 or count < 1:
        raise ValueError("window shape cannot be larger than input array shape")
    return np.arange(count)[:, None] + np.arange(size)
