"""Products under a root: where the root's slope is infinite and a factor is 0, the other factor's cotangent is 0.

    %1 = multiply %w, %d;  %2 = multiply %1, %d;  %3 = sum %2;  %4 = sqrt %3        at d = 0: inf * 0

Forward mode has 0 there, since the tangent of the product is 0 before it meets the root. Reverse mode meets the root first; it
does the same where a partial of 0 counts as a strong zero in the products that are added up to what the root is taken of.
"""

from __future__ import annotations

from wengert.compiler.ir.core import Function, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY

SUMS = ("add", "subtract", "negative")


def products_under_roots(function: Function) -> set[Op]:
    """The products whose sum, or a part of it, is what a root is taken of."""
    ops = list(function.walk())
    stack = [op.operands[0] for op in ops if _is_root(op)]
    if not stack:
        return set()
    sources: dict[Value, list[Value]] = {}
    for op in ops:
        if op.name in LOOPS:
            ends = zip(op.results, carried_params(op), carried_inits(op), body_of(op).results, strict=True)
            for result, param, init, end in ends:
                sources[result] = sources[param] = [init, end]
        elif op.name == "if":
            for k, result in enumerate(op.results):
                sources[result] = [region.results[k] for region in op.regions]
    found: set[Op] = set()
    seen: set[Value] = set()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        made = value.owner
        if value in sources:
            stack += sources[value]
        elif made is not None and made.name == "multiply":
            found.add(made)
        elif made is not None and made.name in SUMS:
            stack += made.operands
        elif made is not None and made.name == "divide":
            stack.append(made.operands[0])
        elif made is not None:
            stack += [made.operands[k] for k in REGISTRY[made.name].linear_in if made.name != "dot_general"]
    return found


def _is_root(op: Op) -> bool:
    if op.name == "power":
        exponent = constant_of(op.operands[1])
        return exponent is not None and 0 < exponent < 1
    return op.name in ("sqrt", "cbrt")
