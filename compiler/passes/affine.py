"""Systems of linear inequalities over integers, and whether they have no solution (Fourier-Motzkin elimination).

    i >= j + 1,  k <= j - 1,  k >= i          no solution

A row is {symbol: factor} with the number under the key `ONE`, and says that its sum is >= 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import gcd

Row = dict[Hashable, int]
ONE = None
"""The key of the number in a row."""
MOST_ROWS = 400
"""Beyond these nothing is proved."""


def plus(a: Row, b: Row, factor: int = 1) -> Row:
    """a + factor * b."""
    total = dict(a)
    for symbol, k in b.items():
        total[symbol] = total.get(symbol, 0) + factor * k
    return {symbol: k for symbol, k in total.items() if k}


def number(n: int) -> Row:
    return {ONE: n} if n else {}


def infeasible(rows: Iterable[Row]) -> bool:
    """Whether no integers satisfy all rows. False where that could not be shown."""
    found = _normal(rows)
    while found is not None:
        best = _cheapest(found)
        if best is None:
            return False
        below = [row for row in found if row.get(best, 0) > 0]
        above = [row for row in found if row.get(best, 0) < 0]
        rest = [row for row in found if best not in row]
        if len(rest) + len(below) * len(above) > MOST_ROWS:
            return False
        joined = [plus({s: k * -b[best] for s, k in a.items()}, b, a[best]) for a in below for b in above]
        found = _normal([*rest, *joined])
    return True


def _cheapest(rows: list[Row]) -> Hashable | None:
    """The symbol whose elimination makes the fewest rows; None where there are no symbols."""

    def products(symbol: Hashable) -> int:
        return sum(r.get(symbol, 0) > 0 for r in rows) * sum(r.get(symbol, 0) < 0 for r in rows)

    symbols = {symbol for row in rows for symbol in row if symbol is not ONE}
    return min(symbols, key=products, default=None)


def _normal(rows: Iterable[Row]) -> list[Row] | None:
    """The rows divided by their common factors, the number rounded down; None where one of them cannot hold."""
    kept: dict[frozenset[tuple[Hashable, int]], int] = {}
    for row in rows:
        factors = {s: k for s, k in row.items() if s is not ONE and k}
        constant = row.get(ONE, 0)
        if not factors:
            if constant < 0:
                return None
            continue
        common = gcd(*factors.values())
        key = frozenset((s, k // common) for s, k in factors.items())
        kept[key] = min(kept.get(key, constant // common), constant // common)
    return [dict(key) | number(constant) for key, constant in kept.items()]
