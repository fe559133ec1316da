"""Scalars of a function's body (extents above all) computed from its parameters alone, ahead of the body.

Batching and Jacobians allocate results before the loop that fills them, so they need each result's extents there.
"""

from __future__ import annotations

from collections.abc import Callable

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.optimise.extents import Finder

ParamScalar = Callable[[Value], Value | None]
"""param -> the scalar that stands for it outside, None where it has none (it differs from lane to lane)."""
ParamExtent = Callable[[Value, int], Value]
"""(array param, axis) -> its extent outside."""


class OutsideScalars:
    """Recomputes scalars of `function` with `builder`; raises UnsupportedError for what depends on data. Extents are
    followed through the loops and branches that keep them."""

    def __init__(self, builder: Builder, function: Function, scalar: ParamScalar, extent: ParamExtent, what: str):
        self.builder, self.scalar, self.extent_of_param, self.what = builder, scalar, extent, what
        self.params = set(function.params)
        self.finder = Finder(function)
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
        found = self.finder.outermost((array, axis))
        if isinstance(found, Value):
            return self.value(found)
        outer, k = found
        known = outer.type.shape[k]
        if known is not None:
            return self.builder.integer(known)
        if outer in self.params:
            return self.extent_of_param(outer, k)
        for equal in self.finder.checked((outer, k)):
            if isinstance(equal, int):
                return self.builder.integer(equal)
            if isinstance(equal, tuple) and equal[0] in self.params:
                return self.extent_of_param(*equal)
        raise self._refuse(outer.owner)

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
