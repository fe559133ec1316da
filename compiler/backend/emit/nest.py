"""Work over array elements: `Nest` says what is done for each element, a target says how the elements are visited.

`Elements` computes single elements of virtual values: by the row of the op they result from, back to loads from buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wengert.compiler.backend.emit.scalars import apply_instruction, emit_row
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import Text, constant_text, memory_type, part_type, register_type
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

Body = Callable[[Scope, list[str]], str | None]


@dataclass(frozen=True, slots=True)
class Nest:
    """What is done for every index of a domain.

    extents   the domain's extents as host operands, outermost axis first
    body      (scope, index) writes one element's work to `scope.text`; for a reduction it returns the element
    reduced   the axes whose elements are combined; () for a map, whose iterations are independent
    combine   the element-wise row that combines two elements of `dtype`: "add", "multiply", "maximum", ...
    into      where the combined elements go, indexed by the axes kept; None where all are reduced to one scalar
    weight    rough cost of one element in simple operations
    counted   bits of a number that counts elements which are 0 or 1, for a stretch of 32768; 0 where they are others
    across    an axis, not the last, along which operands are read without gaps (across.py); None where there is none
    """

    extents: tuple[str, ...]
    body: Body
    weight: int = 1
    reduced: tuple[int, ...] = ()
    combine: str = ""
    dtype: DType | None = None
    into: Buffer | None = None
    across: int | None = None
    counted: int = 0

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(k for k in range(len(self.extents)) if k not in self.reduced)


# -- memory


def address(scope: Scope, buffer: Buffer, index: Sequence[str]) -> str:
    """The pointer to an element."""
    e = scope.index
    if buffer.strides is None:
        offset = e.flat(index, buffer.extents)
    else:
        offset = "0"
        for i, stride in zip(index, buffer.strides, strict=True):
            offset = e.add(offset, e.multiply(i, stride))
    return address_at(scope, buffer, offset)


def address_at(scope: Scope, buffer: Buffer, offset: str) -> str:
    if offset == "0":
        return buffer.pointer
    type_, pointer = memory_type(buffer.dtype), scope.dialect.pointer
    return scope.text.value(f"getelementptr inbounds {type_}, {pointer} {buffer.pointer}, i64 {offset}", "a")


def load(scope: Scope, buffer: Buffer, where: str) -> str:
    """The element at an address, as a register operand."""
    text, type_, pointer, metadata = (
        scope.text,
        memory_type(buffer.dtype),
        scope.dialect.pointer,
        scope.metadata(buffer),
    )
    size = buffer.dtype.bits // 8
    if buffer.dtype.kind == "c":
        part = part_type(buffer.dtype)
        second = text.value(f"getelementptr inbounds {part}, {pointer} {where}, i64 1", "a")
        halves = [text.value(f"load {part}, {pointer} {p}, align {size // 2}{metadata}") for p in (where, second)]
        half = text.value(f"insertvalue {type_} poison, {part} {halves[0]}, 0")
        return text.value(f"insertvalue {type_} {half}, {part} {halves[1]}, 1")
    value = text.value(f"load {type_}, {pointer} {where}, align {size}{metadata}")
    return text.value(f"icmp ne i8 {value}, 0") if buffer.dtype.kind == "b" else value


def store(scope: Scope, buffer: Buffer, where: str, value: str) -> None:
    """Write a register operand to an address."""
    text, type_, pointer, metadata = (
        scope.text,
        memory_type(buffer.dtype),
        scope.dialect.pointer,
        scope.metadata(buffer),
    )
    size = buffer.dtype.bits // 8
    if buffer.dtype.kind == "c":
        part = part_type(buffer.dtype)
        second = text.value(f"getelementptr inbounds {part}, {pointer} {where}, i64 1", "a")
        for k, p in enumerate((where, second)):
            half = text.value(f"extractvalue {type_} {value}, {k}")
            text.do(f"store {part} {half}, {pointer} {p}, align {size // 2}{metadata}")
        return
    if buffer.dtype.kind == "b":
        value = text.value(f"zext i1 {value} to i8")
    text.do(f"store {type_} {value}, {pointer} {where}, align {size}{metadata}")


# -- elements of virtual values


class Elements:
    """Computes elements within one stretch of straight-line code; each (value, index) once."""

    def __init__(self, scope: Scope):
        self.scope = scope
        self.known: dict[tuple[Value, tuple[str, ...]], str] = {}

    def at(self, value: Value, index: Sequence[str]) -> str:
        """The element of `value` at `index` (the value itself where it is a scalar), as a register operand."""
        if value.type.is_scalar:
            return self.scope.scalar(value)
        key = (value, tuple(index))
        if key not in self.known:
            self.known[key] = self._compute(value, list(index))
        return self.known[key]

    def _compute(self, value: Value, index: list[str]) -> str:
        scope = self.scope
        if scope.is_stored(value):
            buffer = scope.buffer(value)
            return load(scope, buffer, address(scope, buffer, index))
        op = value.owner
        assert op is not None, f"{value!r} has no place"
        row = REGISTRY[op.name]
        if row.view_index is not None:
            return self.at(op.operands[0], row.view_index(scope.index, op, index))
        if row.kind == "elementwise":
            return emit_row(scope.text, scope.dialect, op, [self.at(v, index) for v in op.operands])
        return _VIRTUAL[op.name](self, op, index)


def _iota(elements: Elements, op: Op, index: list[str]) -> str:
    return index[0]


def _reshape(elements: Elements, op: Op, index: list[str]) -> str:
    """Axes of extent 1 that come or go need no arithmetic; row-major buffers are read at the flat position."""
    scope, source, e = elements.scope, op.operands[0], elements.scope.index
    places = scope.places
    own = [k for k in range(op.result.type.rank) if places.of(op.result, k) != 1]
    other = [k for k in range(source.type.rank) if places.of(source, k) != 1]
    if [places.of(op.result, k) for k in own] == [places.of(source, k) for k in other]:
        inner = ["0"] * source.type.rank
        for k, axis in zip(own, other, strict=True):
            inner[axis] = index[k]
        return elements.at(source, inner)
    position = e.flat(index, scope.extents(op.result))
    if scope.is_stored(source) and (buffer := scope.buffer(source)).strides is None:
        return load(scope, buffer, address_at(scope, buffer, position))
    return elements.at(source, e.unflat(position, scope.extents(source)))


_VIRTUAL: dict[str, Callable[[Elements, Op, list[str]], str]] = {"iota": _iota, "reshape": _reshape}
"""Virtual ops that are neither element-wise nor views by `view_index`."""


class FlatElements(Elements):
    """Elements at a row-major position: for values that `is_flat` says are read only there."""

    def _compute(self, value: Value, index: list[str]) -> str:
        scope, op = self.scope, value.owner
        if scope.is_stored(value):
            buffer = scope.buffer(value)
            return load(scope, buffer, address_at(scope, buffer, index[0]))
        assert op is not None
        if op.name == "broadcast":
            return scope.scalar(op.operands[0])
        return emit_row(scope.text, scope.dialect, op, [self.at(v, index) for v in op.operands])


def is_flat(scope: Scope, value: Value) -> bool:
    """Whether every element depends only on elements at the same row-major position of row-major buffers."""
    shape = scope.places.shape(value)
    known: dict[Value, bool] = {}

    def check(v: Value) -> bool:
        if v.type.is_scalar:
            return True
        if v not in known:
            known[v] = scope.places.shape(v) == shape and look(v)
        return known[v]

    def look(v: Value) -> bool:
        if scope.is_stored(v):
            return scope.buffer(v).strides is None
        assert v.owner is not None
        if REGISTRY[v.owner.name].kind == "elementwise":
            return all(check(o) for o in v.owner.operands)
        return v.owner.name == "broadcast" and v.owner.operands[0].type.is_scalar

    return check(value)


Part = Callable[[Scope, list[str], Elements], None]
"""What is done for one element of a value that is stored; several parts may share a nest, and what has been computed."""


def fill_part(buffer: Buffer, value: Value) -> Part:
    """Stores each element of `value` at the same index of a buffer (with FlatElements: at the same position)."""

    def part(scope: Scope, index: list[str], elements: Elements) -> None:
        element = elements.at(value, index)
        own = scope.outer_buffer(buffer)
        where = address_at(scope, own, index[0]) if isinstance(elements, FlatElements) else address(scope, own, index)
        store(scope, own, where, element)

    return part


def body_of(parts: Sequence[Part], kind: type[Elements] = Elements, reduced: Value | None = None) -> Body:
    """The parts one after the other, and then the element of `reduced`, for a reduction."""

    def body(scope: Scope, index: list[str]) -> str | None:
        elements = kind(scope)
        for part in parts:
            part(scope, index, elements)
        return elements.at(reduced, index) if reduced is not None else None

    return body


def fill_body(buffer: Buffer, value: Value) -> Body:
    """Stores each element of `value` at the same index of a buffer."""
    return body_of([fill_part(buffer, value)])


def flat_body(buffer: Buffer, value: Value) -> Body:
    """As `fill_body`, for values that are flat, given the row-major position."""
    return body_of([fill_part(buffer, value)], FlatElements)


def identity_of(combine: str, dtype: DType) -> str:
    """The operand that changes nothing when combined."""
    if combine == "add":
        return constant_text(0, dtype)
    if combine == "multiply":
        return constant_text(1, dtype)
    if combine in ("bitwise_or", "bitwise_and"):
        return constant_text(combine == "bitwise_and", dtype) if dtype.kind == "b" else str(-(combine == "bitwise_and"))
    low = combine == "maximum"
    if dtype.kind == "f":
        return constant_text(float("-inf") if low else float("inf"), dtype)
    if dtype.kind == "b":
        return "false" if low else "true"
    if dtype.kind == "u":
        return "0" if low else str(2**dtype.bits - 1)
    return str(-(2 ** (dtype.bits - 1)) if low else 2 ** (dtype.bits - 1) - 1)


def combine_elements(scope: Scope, combine: str, dtype: DType, a: str, b: str, flags: str = "") -> str:
    """Two elements combined; `flags` are fast-math flags of the accumulation."""
    return combine_operands(scope.text, combine, dtype, a, b, flags)


def combine_operands(text: Text, combine: str, dtype: DType, a: str, b: str, flags: str = "") -> str:
    type_ = register_type(dtype)
    if combine in ("maximum", "minimum"):
        kind = {"f": "{}imum", "i": "s{}", "u": "u{}", "b": "u{}"}[dtype.kind]
        short = combine[:3]
        name = f"llvm.{kind.format(short)}.{'f' if dtype.kind == 'f' else 'i'}{1 if dtype.kind == 'b' else dtype.bits}"
        text.module.declare(name, f"declare {type_} @{name}({type_}, {type_})")
        return text.value(f"call {type_} @{name}({type_} {a}, {type_} {b})")
    instruction = REGISTRY[combine].instruction
    assert instruction is not None
    chosen = instruction.get(dtype.kind) or instruction["f"]
    if flags and dtype.kind == "f":
        chosen = f"{chosen} {flags}"
    return apply_instruction(text, chosen, dtype, [a, b])
