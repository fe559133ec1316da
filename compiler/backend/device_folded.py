"""Which region updates cover nearly all of their array, so that a kernel may as well write a new one."""

from __future__ import annotations

from wengert.compiler.ir.core import Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import extent_of
from wengert.compiler.passes.optimise.extents import Finder

REGION_UPDATES = ("update_slice", "accumulate_slice")
MARGIN = 8
"""Elements along an axis that may be beside the region."""

_Form = tuple[object, int]
"""An extent as something known plus a number."""


class NearlyAll:
    """Whether an update of a region covers all of its array but a margin, as far as can be seen."""

    def __init__(self, function: Function):
        self.finder = Finder(function)

    def __call__(self, op: Op) -> bool:
        array, value = op.operands[:2]
        if op.attrs["drop"] or any(step != 1 for step in op.attrs["steps"]):
            return False
        for axis in range(array.type.rank):
            (a, n), (b, m) = self._extent(array, axis), self._extent(value, axis)
            if a != b or abs(n - m) > MARGIN:
                return False
        return True

    def _extent(self, array: Value, axis: int) -> _Form:
        known = array.type.shape[axis]
        if known is not None:
            return None, known
        found = self.finder.outermost((array, axis))
        if isinstance(found, Value):
            return self._form(found)
        inner = extent_of(*found)
        if inner is None or inner == found:
            return found, 0
        return self._form(inner) if isinstance(inner, Value) else self._extent(*inner)

    def _form(self, value: Value) -> _Form:
        number, op = constant_of(value), value.owner
        if number is not None:
            return None, int(number)
        if op is None:
            return value, 0
        if op.name == "dim":
            return self._extent(op.operands[0], op.attrs["axis"])
        if op.name == "add":
            (a, n), (b, m) = map(self._form, op.operands)
            if a is None or b is None:
                return b if a is None else a, n + m
        if op.name == "subtract":
            (a, n), (b, m) = map(self._form, op.operands)
            if b is None:
                return a, n - m
        if op.name == "where" and constant_of(op.operands[2]) == 0:  # no fewer than none
            return self._form(op.operands[1])
        return value, 0
