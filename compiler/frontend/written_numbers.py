"""Functions of whole numbers, of `math` and `itertools`, written in the language like `written`.

What Python's unbounded integers can hold and 64 bits cannot raises instead of wrapping.
"""

from __future__ import annotations

import math

import numpy as np

# ruff: noqa: SIM110  # a comprehension would make a list
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False

LARGEST = 9.2e18


def gcd(*integers):
    made = 0
    for n in integers:
        a, b = abs(n), made
        while b:
            a, b = b, a % b
        made = a
    return made


def lcm(*integers):
    made = 1
    for n in integers:
        common = gcd(made, n)
        made = 0 if common == 0 else abs(made // common * n)
    return made


def power_modulo(base, exp, mod):
    if mod == 0:
        raise ValueError("pow() 3rd argument cannot be 0")
    if exp < 0:
        raise ValueError("pow() of a negative exponent with a modulus: write the inverse out")
    if abs(mod) > 3037000499:
        raise OverflowError("pow() with a modulus whose square does not fit into 64 bits")
    made, factor = 1 % mod, base % mod
    while exp > 0:
        if exp % 2 == 1:
            made = made * factor % mod
        factor = factor * factor % mod
        exp //= 2
    return made


def bit_length(n):
    made = 0
    if n < 0:
        n, made = -((n + 1) // 2), 1  # half of it, since the least number has no opposite
    while n > 0:
        n //= 2
        made += 1
    return made


def factorial(n):
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    if n > 20:
        raise OverflowError("a factorial of more than 20 does not fit into 64 bits")
    made = 1
    for k in range(2, n + 1):
        made *= k
    return made


def perm(n, k):
    if n < 0 or k < 0:
        raise ValueError("n and k must be non-negative integers")
    made = 1
    for i in range(k):
        if float(abs(made)) * (n - i) > LARGEST:
            raise OverflowError("the number of permutations does not fit into 64 bits")
        made *= n - i
    return made


def comb(n, k):
    if n < 0 or k < 0:
        raise ValueError("n and k must be non-negative integers")
    made = 0 if k > n else 1
    for i in range(min(k, n - k)):
        if float(made) * (n - i) > LARGEST:
            raise OverflowError("the number of combinations does not fit into 64 bits")
        made = made * (n - i) // (i + 1)
    return made


def isqrt(n):
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = int(math.sqrt(n))
    while root > 3037000499 or root * root > n:
        root -= 1
    while root < 3037000499 and (root + 1) * (root + 1) <= n:
        root += 1
    return root


def prod(iterable, start=1):
    made = start
    for item in iterable:
        made = made * item
    return made


def dist(p, q):
    total = 0.0
    for a, b in zip(p, q, strict=True):
        total += (float(a) - float(b)) ** 2
    return math.sqrt(total)


def isclose(p, q, rel_tol=1e-09, abs_tol=0.0):
    a = float(p)
    b = float(q)
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) <= max(rel_tol * max(abs(a), abs(b)), abs_tol)


def round_digits(x, scale):
    """x to the digits that scale = 10 ** digits counts, as Python rounds: of the decimal value, ties to even.

    The product with scale is computed exactly, in two parts (Dekker 1971), to tell ties from near ones.
    """
    p = x * scale
    if not abs(p) < 9007199254740992.0:
        return x
    a = 134217729.0 * x
    b = 134217729.0 * scale
    xh = a - (a - x)
    sh = b - (b - scale)
    xl = x - xh
    sl = scale - sh
    rest = ((xh * sh - p) + xh * sl + xl * sh) + xl * sl
    made = float(np.rint(p))
    off = p - made
    if off == 0.5 and rest > 0.0:
        made = made + 1.0
    elif off == -0.5 and rest < 0.0:
        made = made - 1.0
    return math.copysign(made / scale, x)


def sum_of(items, start):
    made = start
    for item in items:
        made = made + item
    return made


def reduced(function, items, initial):
    made = initial
    for item in items:
        made = function(made, item)
    return made


def reduced_from_first(function, items):
    made = None
    for item in items:
        made = item if made is None else function(made, item)
    if made is None:
        raise TypeError("reduce() of empty iterable with no initial value")
    return made


def extreme(items, key, larger):
    best = items[0]
    mark = key(best)
    for item in items:
        here = key(item)
        if here > mark if larger else here < mark:
            best = item
            mark = here
    return best


def extreme_or(items, default, larger):
    found = default
    first = True
    for item in items:
        if first or (item > found if larger else item < found):
            found = item
        first = False
    return found


def every(items):
    for item in items:
        if not item:
            return False
    return True


def some(items):
    for item in items:
        if item:
            return True
    return False


# -- heaps, as CPython's heapq orders them


def _rise(heap, start, place):
    item = heap[place]
    while place > start:
        above = (place - 1) >> 1
        if not item < heap[above]:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = item


def _sink(heap, place):
    end = len(heap)
    start = place
    item = heap[place]
    child = 2 * place + 1
    while child < end:
        if child + 1 < end and not heap[child] < heap[child + 1]:
            child += 1
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    heap[place] = item
    _rise(heap, start, place)


def heappush(heap, item):
    heap.append(item)
    _rise(heap, 0, len(heap) - 1)


def heappop(heap):
    last = heap.pop()
    if len(heap) == 0:
        return last
    least = heap[0]
    heap[0] = last
    _sink(heap, 0)
    return least


def heapify(x):
    for k in range(len(x) // 2 - 1, -1, -1):
        _sink(x, k)


def reduced_along(function, a, axis, start):
    x = np.moveaxis(a, axis, 0)
    n = x.shape[0]
    if n == 0:
        if start is None:
            raise ValueError("zero-size array to a reduction operation which has no identity")
        return np.full(x.shape[1:], start, dtype=function(x[:0], x[:0]).dtype)
    made = x[0].copy()
    for k in range(1, n):
        made = function(made, x[k])
    return made


def accumulated(function, a, axis, start):
    x = np.moveaxis(a, axis, 0)
    made = np.zeros(x.shape, dtype=function(x[:0], x[:0]).dtype)
    if x.shape[0] > 0:
        made[0] = x[0]
    for k in range(1, x.shape[0]):
        made[k] = function(made[k - 1], x[k])
    return np.moveaxis(made, 0, axis)


def pairs(iterable, r):
    return [(a, b) for i, a in enumerate(iterable) for j, b in enumerate(iterable) if j > i]
