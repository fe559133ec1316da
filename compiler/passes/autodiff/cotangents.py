"""The cotangents that have arrived so far, while a block is gone through backward. Absent means zero.

At each point `of[v]` is the sum of what the uses of v met so far have sent. A `load` sends one element:

    %e = load %x, %i         =>        %x_bar2 = accumulate %x_bar, %e_bar, %i        (in place in the back end)

which makes zeros the size of %x only if nothing has arrived yet, and never within a loop for an array from outside it:
such cotangents are carried by the reversed loop (reverse_loops.py), so they are there when its body starts.
"""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Value
from wengert.compiler.passes.autodiff.rules import fit, plus
from wengert.compiler.passes.autodiff.structure import Structure


class Cotangents:
    """Handed to the rows' pullbacks as `ctx`.

    builder: makes ops in the reversed block. block: the block of the input that is being reversed.
    Values of the input stand for themselves in what is built: they are resolved afterwards (tape.py).
    """

    def __init__(self, builder: Builder, block: Block, active: set[Value], structure: Structure):
        self.builder, self.block, self.active, self.structure = builder, block, active, structure
        self.of: dict[Value, Value] = {}

    def wants(self, value: Value) -> bool:
        """Whether `value` is active; what is sent to others is dropped."""
        return value in self.active

    def primal(self, value: Value) -> Value:
        """A value of the input, for use in the adjoint."""
        return value

    def extents(self, array: Value) -> list[Value]:
        return self.builder.extents(array)

    def zeros(self, value: Value) -> Value:
        """Zeros of the type and extents of a value of the input."""
        zero = self.builder.constant(0, value.type.dtype)
        return zero if value.type.is_scalar else self.builder.broadcast(zero, self.extents(value))

    def take(self, value: Value) -> Value | None:
        """What has arrived at `value`, which is complete: its definition is being reversed."""
        return self.of.pop(value, None)

    def add(self, value: Value, cotangent: Value) -> None:
        """Send `cotangent`, of the type of `value`, to it. A scalar that stood for every element gets their sum."""
        if value not in self.active:
            return
        if value.type.is_scalar and cotangent.type.is_array:
            cotangent = self.builder.emit("sum", cotangent, axes=tuple(range(cotangent.type.rank)))
        if not cotangent.hint and value.hint:
            cotangent.hint = f"{value.hint}_bar"
        old = self.of.get(value)
        if old is None:
            self.of[value] = cotangent
        elif value.type.is_array and self.structure.home[value] is not self.block:
            # Carried from outside: as an update, in place, and free of races where the loop is parallel.
            starts = [self.builder.integer(0)] * value.type.rank
            self._region(value, fit(self.builder, cotangent, value.type), starts, (1,) * value.type.rank, ())
        else:
            self._set(value, plus(self.builder, old, cotangent))

    def accumulate(self, value: Value, cotangent: Value, index: Sequence[Value]) -> None:
        """Send the scalar `cotangent` to element `index` of the array `value`."""
        if value in self.active:
            self._set(value, self.builder.emit("accumulate", self._started(value), cotangent, *index))

    def accumulate_slice(
        self, value: Value, cotangent: Value, starts: Sequence[Value], steps: tuple[int, ...], drop: tuple[int, ...]
    ) -> None:
        """Send `cotangent` to a region of the array `value`, given as for the op `accumulate_slice`."""
        if value not in self.active:
            return
        if cotangent.type.is_scalar:  # every axis dropped
            self.accumulate(value, cotangent, starts)
        else:
            self._started(value)
            self._region(value, cotangent, starts, steps, drop)

    def _started(self, value: Value) -> Value:
        if value not in self.of:
            self.of[value] = self.zeros(value)
        return self.of[value]

    def _region(
        self, value: Value, cotangent: Value, starts: Sequence[Value], steps: tuple[int, ...], drop: tuple[int, ...]
    ) -> None:
        made = self.builder.emit("accumulate_slice", self.of[value], cotangent, *starts, steps=steps, drop=drop)
        self._set(value, made)

    def _set(self, value: Value, cotangent: Value) -> None:
        cotangent.hint = value.hint and f"{value.hint}_bar"
        self.of[value] = cotangent
