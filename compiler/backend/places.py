"""Extents of arrays in a canonical form: a number, the i64 value that holds it, or an axis of an array that is stored."""

from __future__ import annotations

from wengert.compiler.ir.core import Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.optimise.extents import Finder

Extent = int | Value | tuple[Value, int]


class Places:
    """`of(value, axis)` is equal for two axes only if their extents are (the reverse need not be known)."""

    def __init__(self, function: Function):
        self._finder = Finder(function)
        self._known: dict[tuple[Value, int], Extent] = {}

    def of(self, value: Value, axis: int) -> Extent:
        key = (value, axis)
        if key not in self._known:
            self._known[key] = self._find(value, axis)
        return self._known[key]

    def shape(self, value: Value) -> tuple[Extent, ...]:
        return tuple(self.of(value, axis) for axis in range(value.type.rank))

    def scalar(self, value: Value) -> Extent:
        """The canonical form of an i64 value."""
        constant = constant_of(value)
        if constant is not None:
            return int(constant)
        op = value.owner
        return self.of(op.operands[0], op.attrs["axis"]) if op is not None and op.name == "dim" else value

    def _find(self, value: Value, axis: int) -> Extent:
        static = value.type.shape[axis]
        if static is not None:
            return static
        found = self._finder.outermost((value, axis))
        if isinstance(found, Value):
            return self.scalar(found)
        if found == (value, axis):
            return found
        return self.of(*found)


class Equals:
    """Extents that are equal where the ops noted have run: `same_extent` has looked, and the operands of element-wise ops have
    one shape."""

    def __init__(self, places: Places, leader: dict[Extent, Extent] | None = None):
        self.places, self.leader = places, leader if leader is not None else {}

    def copy(self) -> Equals:
        return Equals(self.places, dict(self.leader))

    def note(self, op: Op) -> None:
        if op.name == "same_extent":
            self._join(*(self.places.scalar(v) for v in op.operands))
        elif REGISTRY[op.name].kind == "elementwise":
            arrays = [v for v in op.operands if v.type.is_array]
            for other in arrays[1:]:
                for n, m in zip(self.places.shape(arrays[0]), self.places.shape(other), strict=True):
                    self._join(n, m)

    def of(self, extent: Extent) -> Extent:
        """What stands for an extent and those equal to it."""
        while extent in self.leader:
            extent = self.leader[extent]
        return extent

    def shape(self, value: Value) -> tuple[Extent, ...]:
        return tuple(self.of(n) for n in self.places.shape(value))

    def _join(self, n: Extent, m: Extent) -> None:
        n, m = self.of(n), self.of(m)
        if n != m:
            if isinstance(n, int):
                n, m = m, n
            self.leader[n] = m
