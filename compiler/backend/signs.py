"""The least that integers can be: an index that is certain not to be negative does not count from the end.

    for i in range(n - 1, -1, -1):         i: 0
        for j in range(i + 1, n):          j: 1
            a[i, j - 1]                    j - 1: 0, so that its check is one comparison without a sign

Sums and products are taken as exact numbers. Where one does not fit in 64 bits, the place it would be is in no array, and the
check of an index taken as unsigned says so.
"""

from __future__ import annotations

from collections.abc import Callable

from wengert.compiler.backend.structure import Structure
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits

DEEPEST = 40
"""Operations looked through from an index."""
Bound = int | None


class Least:
    """Lower bounds of integer values, as far as they follow from loops, extents and constants."""

    def __init__(self, structure: Structure, known: dict[Value, Bound] | None = None):
        self.structure = structure
        self.known: dict[Value, Bound] = {} if known is None else known
        self._depth = 0

    def of(self, value: Value) -> Bound:
        """A number that the value is never below; None where there is none or it is not known."""
        if value not in self.known:
            if self._depth > DEEPEST:
                return None
            self._depth += 1
            self.known[value] = self._find(value)
            self._depth -= 1
        return self.known[value]

    def _find(self, value: Value) -> Bound:
        dtype, known, op = value.type.dtype, constant_of(value), value.owner
        if value.type.is_array or dtype.kind not in "iub":
            return None
        if dtype.kind != "i" or known is not None:
            return 0 if known is None else int(known)
        if dtype.bits < 64:  # may go round
            return None
        if op is None:
            return self._of_parameter(value)
        if op.name in RULES:
            return RULES[op.name](self, op)
        at = op.results.index(value)
        if op.name in LOOPS:
            return self._carried(op, at)
        return self.least(*(region.results[at] for region in op.regions)) if op.name == "if" else None

    def least(self, *values: Value) -> Bound:
        found = [self.of(v) for v in values]
        return None if None in found else min(b for b in found if b is not None)

    def _of_parameter(self, value: Value) -> Bound:
        block = self.structure.home[value]
        op = self.structure.around[block]
        if op is None or op.name not in LOOPS:
            return None
        at = block.params.index(value)
        if op.name == "while":
            return self._carried(op, at)
        return self._carried(op, at - 1) if at > 0 else self._of_index(op)

    def _of_index(self, loop: Op) -> Bound:
        low, high, step = loop.operands[:3]
        size = constant_of(step)
        if size is None:
            return None
        if size > 0:
            return self.of(low)
        last = self.of(high)
        return None if last is None else last + 1

    def _carried(self, loop: Op, at: int) -> Bound:
        """What it begins as, if no trip leaves less."""
        body = body_of(loop)
        start = self.of(carried_inits(loop)[at])
        if start is None:
            return None
        parameter = _parameters(loop, body)[at]
        assumed = Least(self.structure, {**self.known, parameter: start})
        assumed._depth = self._depth
        if loop.name == "while":
            assumed.known[loop.regions[0].params[at]] = start
        end = assumed.of(body.results[at])
        return start if end is not None and end >= start else None


def _parameters(loop: Op, body: Block) -> list[Value]:
    return body.params[len(body.params) - len(loop.results) :]


def _add(least: Least, op: Op) -> Bound:
    a, b = (least.of(v) for v in op.operands)
    return None if a is None or b is None else a + b


def _subtract(least: Least, op: Op) -> Bound:
    a, b = least.of(op.operands[0]), constant_of(op.operands[1])
    return None if a is None or b is None else a - int(b)


def _multiply(least: Least, op: Op) -> Bound:
    a, b = (least.of(v) for v in op.operands)
    return a * b if a is not None and b is not None and a >= 0 and b >= 0 else None


def _divide(least: Least, op: Op) -> Bound:
    a, b = least.of(op.operands[0]), constant_of(op.operands[1])
    return a // int(b) if a is not None and b is not None and b > 0 else None


def _remainder(least: Least, op: Op) -> Bound:
    b = least.of(op.operands[1])
    return 0 if b is not None and b > 0 else None


def _maximum(least: Least, op: Op) -> Bound:
    return max((b for b in (least.of(v) for v in op.operands) if b is not None), default=None)


RULES: dict[str, Callable[[Least, Op], Bound]] = {
    "dim": lambda least, op: 0,
    "index": lambda least, op: 0,
    "same_extent": lambda least, op: 0,
    "cast": lambda least, op: least.of(op.operands[0]),
    "where": lambda least, op: least.least(*op.operands[1:]),
    "minimum": lambda least, op: least.least(*op.operands),
    "maximum": _maximum,
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "floor_divide": _divide,
    "remainder": _remainder,
}
