"""Which elements of the results depend on which elements of the arguments: sets of directions in place of tangents.

    %y = multiply %a, %b : f64[?]        =>        %y_dot = bitwise_or %a_dot, %b_dot : i64[?]

Each value carries the set of the directions that it may vary in, the bits of an i64: 64 directions in one sweep
(bit pattern propagation: A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition, SIAM 2008, section 7.2). A set
is never too small for the path that was taken; it may be too large, since a partial that happens to be zero counts, both
arms of a `where` do, and the results of linear algebra and of functions with rules of their own depend on all they read.
"""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.ir.core import Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff.forward import Forward

BITS = 64
"""Directions in one sweep."""


def dependence(function: Function, active: Sequence[bool]) -> Function:
    """As `forward`, with i64 sets in place of tangents."""
    return _Dependence(function, [active]).function()


class _Dependence(Forward):
    def tangent_type(self, type_: Type) -> Type:
        return type_.with_dtype(I64)

    def rule(self, op: Op, seeds: list[Value | None]) -> Sequence[Value]:
        row, b = REGISTRY[op.name], self.builder
        if row.kind == "elementwise":
            return [self._either([s for s in seeds if s is not None])]
        if op.name in ("accumulate", "accumulate_slice"):
            return [self._accumulated(op, *seeds[:2])]
        if row.kind == "reduce":
            return [b.emit("any", *(s for s in seeds if s is not None), axes=op.attrs["axes"])]
        if op.name == "dot_general":
            return [self._either([self._contracted(op, k, s) for k, s in enumerate(seeds) if s is not None])]
        if row.linear_in:
            return self._linear(op, seeds)
        if op.name == "sort":  # its rule moves elements, sets as well as tangents
            return row.pushforward(self, op, *seeds)  # type: ignore[misc]
        return self._all(op, [s for s in seeds if s is not None])

    def _either(self, sets: Sequence[Value]) -> Value:
        total = sets[0]
        for s in sets[1:]:
            total = self.builder.emit("bitwise_or", total, s)
        return total

    def _accumulated(self, op: Op, array: Value | None, value: Value | None) -> Value:
        """The region's own sets and those of what is added to it."""
        b = self.builder
        into, added = self._tangent_of(op.operands[0], array), self._tangent_of(op.operands[1], value)
        where = [self._of(v) for v in op.operands[2:]]
        if op.name == "accumulate":
            return b.emit("update", into, self._either([b.emit("load", into, *where), added]), *where)
        extents = iter(b.extents(added))
        sizes = [b.integer(1) if k in op.attrs["drop"] else next(extents) for k in range(into.type.rank)]
        region = b.emit("slice", into, *where, *sizes, **op.attrs)
        return b.emit("update_slice", into, self._either([region, added]), *where, **op.attrs)

    def _contracted(self, op: Op, side: int, sets: Value) -> Value:
        """What the elements of a product depend on through one operand: all of a row, or of a column."""
        b, contract, batch = self.builder, op.attrs["contract"], op.attrs["batch"]
        kept = [k for k in range(sets.type.rank) if k not in contract[side]]
        if contract[side]:
            sets = b.emit("any", sets, axes=tuple(sorted(contract[side])))
        if op.result.type.is_scalar or sets.type.is_scalar:
            return sets
        other = op.operands[0].type.rank - len(contract[0]) - len(batch[0]) if side else 0
        free = [k for k in kept if k not in batch[side]]
        axes = [batch[side].index(k) if k in batch[side] else len(batch[0]) + other + free.index(k) for k in kept]
        order = sorted(range(len(axes)), key=axes.__getitem__)
        if order != list(range(len(axes))):
            sets = b.emit("transpose", sets, axes=tuple(order))
        return b.broadcast(sets, b.extents(self._of(op.result)), tuple(sorted(axes)))

    def _all(self, op: Op, sets: Sequence[Value]) -> Sequence[Value]:
        """Every element of every result depends on all that the operands do."""
        b = self.builder
        ends = [b.emit("any", s, axes=tuple(range(s.type.rank))) if s.type.is_array else s for s in sets]
        total = self._either(ends)
        return [total if r.type.is_scalar else b.broadcast(total, b.extents(self._of(r))) for r in op.results]
