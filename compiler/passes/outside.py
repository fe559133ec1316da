"""Scalars of a function's body (extents above all) computed from its parameters alone, ahead of the body.

Batching and Jacobians allocate results before the loop that fills them, so they need each result's extents there.
"""

from __future__ import annotations

from collections.abc import Callable

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import REGISTRY

ParamScalar = Callable[[Value], Value | None]
"""param -> the scalar that stands for it outside, None where it has none (it differs from lane to lane)."""
ParamExtent = Callable[[Value, int], Value]
"""(array param, axis) -> its extent outside."""


class OutsideScalars:
    """Recomputes scalars with `builder`; raises UnsupportedError for what depends on data, loops or branches."""

    def __init__(self, builder: Builder, params: list[Value], scalar: ParamScalar, extent: ParamExtent, what: str):
        self.builder, self.params, self.scalar, self.extent_of_param, self.what = builder, set(params), scalar, extent, what
        self.done: dict[Value, Value] = {}

    def value(self, v: Value) -> Value:
        if v not in self.done:
            self.done[v] = self._make(v)
        return self.done[v]

    def extent(self, array: Value, axis: int) -> Value:
        """The extent of an axis of any array of the body."""
        known = array.type.shape[axis]
        if known is not None:
            return self.builder.integer(known)
        if array in self.params:
            return self.extent_of_param(array, axis)
        op = array.owner
        if op is None:
            raise self._refuse(None)
        if op.name in ("for", "while"):  # `resolve_extents` proved where a loop keeps extents; take it at its word
            first = 3 if op.name == "for" else 0
            position = list(op.results).index(array)
            if not _keeps_extent(op, position, axis):
                raise self._refuse(op)
            return self.extent(op.operands[first + position], axis)
        rule = REGISTRY[op.name].extent
        found = rule(op, axis) if rule is not None else None
        if found is None:
            raise self._refuse(op)
        return self.extent(*found) if isinstance(found, tuple) else self.value(found)

    def _make(self, v: Value) -> Value:
        if v in self.params:
            found = self.scalar(v)
            if found is None:
                raise self._refuse(None)
            return found
        op = v.owner
        if op is None:
            raise self._refuse(None)
        if op.name == "dim":
            return self.extent(op.operands[0], op.attrs["axis"])
        if op.name == "same_extent":
            return self.value(op.operands[0])
        row = REGISTRY[op.name]
        if not row.is_pure or any(o.type.is_array for o in op.operands):
            raise self._refuse(op)
        return self.builder.emit(op.name, *(self.value(o) for o in op.operands), **op.attrs)

    def _refuse(self, op: object) -> UnsupportedError:
        return UnsupportedError(
            f"{self.what} needs results whose shapes follow from the shapes of the arguments",
            getattr(op, "span", None),
            "allocate the result with a shape made of argument shapes or of arguments that are the same for every call",
        )


def _keeps_extent(op, position: int, axis: int) -> bool:  # type: ignore[no-untyped-def]
    body = op.regions[-1]
    param = (body.params[1:] if op.name == "for" else body.params)[position]
    place: tuple[Value, int] | None = (body.results[position], axis)
    while place is not None:
        value, k = place
        if value is param:
            return k == axis
        made = value.owner
        if made is None:
            return False
        if made.name in ("for", "while"):
            inner = list(made.results).index(value)
            if not _keeps_extent(made, inner, k):
                return False
            place = (made.operands[(3 if made.name == "for" else 0) + inner], k)
            continue
        rule = REGISTRY[made.name].extent
        found: Value | tuple[Value, int] | None = rule(made, k) if rule is not None else None
        if isinstance(found, Value) and found.owner is not None and found.owner.name == "dim":
            found = (found.owner.operands[0], found.owner.attrs["axis"])
        place = found if isinstance(found, tuple) else None
    return False
