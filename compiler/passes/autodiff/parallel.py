"""Which carried values a parallel loop may have: arrays (the rows that write them keep to their element) and sums.

    s2 = add s, v            a sum: any order gives it
    s2 = multiply s, v       not one: the loop that carries it has to run in order
"""

from __future__ import annotations

from collections.abc import Iterable

from wengert.compiler.ir.core import Value

_SUMS = {"add": (0, 1), "subtract": (0,)}
"""The operand through which a running sum may enter."""


def are_sums(params: Iterable[Value], ends: Iterable[Value]) -> bool:
    """Whether every scalar among the carried `params` only has something added to it until it is yielded in `ends`."""
    return all(p.type.is_array or _is_sum(p, end) for p, end in zip(params, ends, strict=True))


def _is_sum(param: Value, end: Value) -> bool:
    if end is param:
        return True
    op = end.owner
    if op is None:
        return False
    if op.name == "if":
        k = op.results.index(end)
        return all(_is_sum(param, region.results[k]) for region in op.regions)
    if op.name == "for":
        k = op.results.index(end)
        return _is_sum(param, op.operands[3 + k]) and _is_sum(op.regions[0].params[1 + k], op.regions[0].results[k])
    return any(_is_sum(param, op.operands[k]) for k in _SUMS.get(op.name, ()))
