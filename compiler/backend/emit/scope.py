"""Where the values of the IR are while code is written: in which LLVM operand or buffer, as seen from one LLVM function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import Text, register_type
from wengert.compiler.backend.places import Places
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import DType


@dataclass(frozen=True, slots=True)
class Buffer:
    """A stored array. Extents and strides (in elements) are i64 operands; strides None: row-major without gaps.

    alias: the number of its alias class; buffers of different classes never overlap.
    """

    dtype: DType
    pointer: str
    extents: tuple[str, ...]
    strides: tuple[str, ...] | None = None
    alias: int = 0


def is_literal(operand: str) -> bool:
    return operand.lstrip("-").isdigit()


class IndexArithmetic:
    """i64 arithmetic on operands that folds what is known. Also the `e` of the rows' `view_index`."""

    def __init__(self, scope: Scope):
        self.scope, self.text = scope, scope.text

    def zero(self) -> str:
        return "0"

    def value(self, value: Value) -> str:
        return self.scope.scalar(value)

    def add(self, a: str, b: str) -> str:
        if is_literal(a) and is_literal(b):
            return str(int(a) + int(b))
        if a == "0" or b == "0":
            return b if a == "0" else a
        return self.text.value(f"add nsw i64 {a}, {b}", "i")

    def subtract(self, a: str, b: str) -> str:
        if is_literal(a) and is_literal(b):
            return str(int(a) - int(b))
        return a if b == "0" else self.text.value(f"sub nsw i64 {a}, {b}", "i")

    def multiply(self, a: str, b: str) -> str:
        if is_literal(a) and is_literal(b):
            return str(int(a) * int(b))
        if "0" in (a, b):
            return "0"
        if "1" in (a, b):
            return b if a == "1" else a
        return self.text.value(f"mul nsw i64 {a}, {b}", "i")

    def scale(self, index: str, step: int) -> str:
        return self.multiply(index, str(step))

    def product(self, extents: Sequence[str]) -> str:
        total = "1"
        for extent in extents:
            total = self.multiply(total, extent)
        return total

    def flat(self, index: Sequence[str], extents: Sequence[str]) -> str:
        """The row-major position of an index."""
        position = "0"
        for i, n in zip(index, extents, strict=True):
            position = self.add(self.multiply(position, n), i)
        return position

    def unflat(self, position: str, extents: Sequence[str]) -> list[str]:
        """The index at a row-major position."""
        index: list[str] = []
        for n in reversed(extents[1:]):
            index.append("0" if n == "1" else self.text.value(f"urem i64 {position}, {n}", "i"))
            position = position if n == "1" else self.text.value(f"udiv i64 {position}, {n}", "i")
        return [position, *reversed(index)]


class Scope:
    """The operands that stand for IR values in `text`. This one is the host's: what was defined there."""

    def __init__(self, places: Places, text: Text, dialect: Dialect):
        self.places, self.text, self.dialect = places, text, dialect
        self.scalars: dict[Value, str] = {}
        self.buffers: dict[Value, Buffer] = {}
        self.index = IndexArithmetic(self)

    def scalar(self, value: Value) -> str:
        return self.scalars[value]

    def buffer(self, value: Value) -> Buffer:
        return self.buffers[value]

    def is_stored(self, value: Value) -> bool:
        return value in self.buffers

    def extent(self, value: Value, axis: int) -> str:
        """The extent of an array's axis, whether it is stored or virtual."""
        place = self.places.of(value, axis)
        if isinstance(place, int):
            return str(place)
        if isinstance(place, Value):
            return self.scalar(place)
        return self.buffer(place[0]).extents[place[1]]

    def extents(self, value: Value) -> list[str]:
        return [self.extent(value, axis) for axis in range(value.type.rank)]

    def outer(self, operand: str, type_: str) -> str:
        """A host operand that is not the value of an IR value."""
        return operand

    def outer_buffer(self, buffer: Buffer) -> Buffer:
        """A buffer of the host as it is seen here."""
        return buffer

    def metadata(self, buffer: Buffer) -> str:
        """What to append to loads and stores of a buffer."""
        return self.access_group

    access_group = ""
    """What to append to loads and stores in a loop with independent iterations."""


class CapturingScope(Scope):
    """The scope of a function outlined from a host function: what it asks of the host becomes its parameters.

    captured: (host operand, LLVM type, own name) in the order of the parameters.
    """

    def __init__(self, parent: Scope, text: Text, dialect: Dialect):
        super().__init__(parent.places, text, dialect)
        self.parent = parent
        self.captured: list[tuple[str, str, str]] = []
        self._names: dict[str, str] = {}

    def outer(self, operand: str, type_: str) -> str:
        if not operand.startswith("%"):
            return operand
        if operand not in self._names:
            name = self._names[operand] = "%" + self.text.fresh("c")
            self.captured.append((operand, type_, name))
        return self._names[operand]

    def scalar(self, value: Value) -> str:
        if value not in self.scalars:
            self.scalars[value] = self.outer(self.parent.scalar(value), register_type(value.type.dtype))
        return self.scalars[value]

    def is_stored(self, value: Value) -> bool:
        return self.parent.is_stored(value)

    def buffer(self, value: Value) -> Buffer:
        if value not in self.buffers:
            self.buffers[value] = self.outer_buffer(self.parent.buffer(value))
        return self.buffers[value]

    def outer_buffer(self, buffer: Buffer) -> Buffer:
        """A buffer of the host as it is seen here."""
        return replace(
            buffer,
            pointer=self.outer(buffer.pointer, self.dialect.pointer),
            extents=tuple(self.outer(n, "i64") for n in buffer.extents),
            strides=None if buffer.strides is None else tuple(self.outer(s, "i64") for s in buffer.strides),
        )

    def extent(self, value: Value, axis: int) -> str:
        place = self.places.of(value, axis)
        if isinstance(place, tuple):
            return self.outer(self.parent.extent(value, axis), "i64")
        return super().extent(value, axis)
