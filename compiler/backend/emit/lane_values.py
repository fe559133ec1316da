"""Values of a parallel loop's body in all lanes: vectors of what varies, scalars of the rest, and rows computed on them.

    y = sqrt(x) + k       x varies, k does not:  %y = fadd <8 x double> (call <8 x double> @llvm.sqrt.v8f64(%x)), splat k
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from wengert.compiler.backend.emit.control import Slots
from wengert.compiler.backend.emit.scalars import INTRINSICS, PURE, emit_row
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import register_type
from wengert.compiler.backend.lanes import varying_values
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

GUARDED = ("sdiv", "udiv", "srem", "urem", "shl", "lshr", "ashr")
"""Integer instructions that need more than themselves: element by element."""


class OneLane(Scope):
    """The scope as one lane sees it: its elements of what varies."""

    def __init__(self, writer: LaneValues, lane: int):
        parent = writer.host.scope
        super().__init__(parent.places, parent.text, parent.dialect)
        self.writer, self.parent, self.lane = writer, parent, lane

    def scalar(self, value: Value) -> str:
        if value not in self.writer.varying:
            return self.parent.scalar(value)
        return self.writer.element(value, self.lane)

    def buffer(self, value: Value) -> Buffer:
        return self.parent.buffer(value)

    def is_stored(self, value: Value) -> bool:
        return self.parent.is_stored(value)

    def extent(self, value: Value, axis: int) -> str:
        return self.parent.extent(value, axis)

    def metadata(self, buffer: Buffer) -> str:
        return self.parent.metadata(buffer)


class LaneValues:
    """What the lanes of a block hold, for the loop `op`."""

    def __init__(self, slots: Slots, op: Op, lanes: int):
        self.slots, self.host, self.text, self.n = slots, slots.host, slots.host.text, lanes
        self.varying = varying_values(op)
        self.index = slots.body.params[0]
        self.vectors: dict[Value, str] = {}
        self.first_lane = ""
        self.mask = ""
        """The active lanes, "" where all are."""

    # -- operands

    def type(self, dtype: DType) -> str:
        return f"<{self.n} x {register_type(dtype)}>"

    def splat(self, operand: str, type_: str) -> str:
        if not operand.startswith("%"):
            return f"splat ({type_} {operand})"
        vector = f"<{self.n} x {type_}>"
        one = self.text.value(f"insertelement {vector} poison, {type_} {operand}, i64 0")
        return self.text.value(f"shufflevector {vector} {one}, {vector} poison, <{self.n} x i32> zeroinitializer")

    def vector(self, value: Value) -> str:
        """The value in all lanes."""
        if value in self.varying:
            return self.vectors[value]
        return self.splat(self.host.scope.scalar(value), register_type(value.type.dtype))

    def operand(self, value: Value, like: Value) -> tuple[str, str]:
        """(type, operand) of a value as `like` is held: a vector where that varies."""
        dtype = like.type.dtype
        if like in self.varying:
            return self.type(dtype), self.vector(value)
        return register_type(dtype), self.host.scope.scalar(value)

    def define(self, value: Value, operand: str) -> None:
        (self.vectors if value in self.varying else self.host.scope.scalars)[value] = operand

    def element(self, value: Value, lane: int) -> str:
        if value is self.index:
            return self.host.scope.index.add(self.first_lane, str(lane))
        at = self._lane(lane)
        return self.text.value(f"extractelement {self.type(value.type.dtype)} {self.vectors[value]}, i64 {at}")

    def _lane(self, lane: int) -> str:
        """The lane itself, or one that is active where it is not: what an inactive lane holds is no index."""
        if not self.mask:
            return str(lane)
        mask, text = self.mask, self.text
        if (self._stand_ins[0], self._stand_ins[2]) != (mask, text.block):
            text.module.declare("llvm.cttz.i32", "declare i32 @llvm.cttz.i32(i32, i1)")
            bits = text.value(f"bitcast <{self.n} x i1> {mask} to i{self.n}")
            wide = text.value(f"zext i{self.n} {bits} to i32") if self.n < 32 else bits
            found = text.value(f"call i32 @llvm.cttz.i32(i32 {wide}, i1 true)")
            self._stand_ins = mask, text.value(f"zext i32 {found} to i64"), text.block
        active = self.text.value(f"extractelement <{self.n} x i1> {self.mask}, i64 {lane}")
        return self.text.value(f"select i1 {active}, i64 {lane}, i64 {self._stand_ins[1]}")

    _stand_ins: tuple[str, str, str] = ("", "", "")

    def any(self, mask: str) -> str:
        name = f"llvm.vector.reduce.or.v{self.n}i1"
        self.text.module.declare(name, f"declare i1 @{name}(<{self.n} x i1>)")
        return self.text.value(f"call i1 @{name}(<{self.n} x i1> {mask})")

    def _both(self, a: str, b: str) -> str:
        return self.text.value(f"and <{self.n} x i1> {a}, {b}") if a else b

    def _not(self, mask: str) -> str:
        return self.text.value(f"xor <{self.n} x i1> {mask}, splat (i1 true)")

    @contextmanager
    def masked(self, mask: str) -> Iterator[None]:
        before, self.mask = self.mask, mask
        yield
        self.mask = before

    # -- rows

    def row(self, op: Op) -> None:
        self.vectors[op.result] = self._instruction(op) or self._call(op) or self._each(op)

    def _instruction(self, op: Op) -> str | None:
        row, dtype = REGISTRY[op.name], op.operands[-1].type.dtype
        instruction = (row.instruction or {}).get(dtype.kind)
        if op.name == "cast" or instruction is None or instruction in GUARDED:
            return self._cast(op) if op.name == "cast" else None
        operands = [self.vector(v) for v in op.operands]
        type_ = self.type(dtype)
        if instruction == "select":
            return self.text.value(f"select <{self.n} x i1> {operands[0]}, {type_} {operands[1]}, {type_} {operands[2]}")
        return self.text.value(f"{instruction} {type_} {', '.join(operands)}")

    def _cast(self, op: Op) -> str | None:
        source, target = op.operands[0].type.dtype, op.result.type.dtype
        if target.kind != "f" or source.kind not in "iub":
            return None
        instruction = "sitofp" if source.kind == "i" else "uitofp"
        return self.text.value(f"{instruction} {self.type(source)} {self.vector(op.operands[0])} to {self.type(target)}")

    def _call(self, op: Op) -> str | None:
        """The vector version of a math function, where this processor has one for as many lanes."""
        row, dtype = REGISTRY[op.name], op.operands[-1].type.dtype
        if row.call is None or dtype.kind != "f":
            return None
        type_, module = self.type(dtype), self.text.module
        name, operands = row.call[0], [self.vector(v) for v in op.operands]
        if name in INTRINSICS:
            name = f"llvm.{name}.v{self.n}f{dtype.bits}"
            module.declare(name, f"declare {type_} @{name}({', '.join([type_] * len(operands))})")
            return self.text.value(f"call {type_} @{name}({', '.join(f'{type_} {o}' for o in operands)})")
        scalar = name + ("f" if dtype.bits == 32 else "")
        found = self.host.scope.dialect.vector_variants(scalar, len(operands), dtype.bits)
        size, name = max(((lanes, vector) for _, vector, lanes in found if self.n % lanes == 0), default=(0, ""))
        return self._by_parts(name, size, dtype, operands) if name else None

    def _by_parts(self, name: str, size: int, dtype: DType, operands: list[str]) -> str:
        """A function of `size` lanes called for one part of the vectors after the other."""
        text, part = self.text, f"<{size} x {register_type(dtype)}>"
        text.module.declare(name, f"declare {part} @{name}({', '.join([part] * len(operands))}) {PURE}")
        whole, width = "", 0
        for start in range(0, self.n, size):
            lanes = self._numbers(range(start, start + size))
            cut = [text.value(f"shufflevector {self.type(dtype)} {o}, {self.type(dtype)} poison, {lanes}") for o in operands]
            made = text.value(f"call {part} @{name}({', '.join(f'{part} {o}' for o in cut)}) {PURE}")
            whole, width = self._joined(whole, width, made, size, dtype), width + size
        return whole

    def _joined(self, a: str, width: int, b: str, size: int, dtype: DType) -> str:
        """The lanes of a, of which there are `width`, and those of b, `size` or fewer than a has, behind them."""
        if not a:
            return b
        text, type_ = self.text, register_type(dtype)
        if width != size:
            lanes = self._numbers([k if k < size else -1 for k in range(width)])
            b = text.value(f"shufflevector <{size} x {type_}> {b}, <{size} x {type_}> poison, {lanes}")
        vector = f"<{width} x {type_}>"
        return text.value(f"shufflevector {vector} {a}, {vector} {b}, {self._numbers(range(width + size))}")

    @staticmethod
    def _numbers(lanes: Iterable[int]) -> str:
        numbers = [f"i32 {k}" if k >= 0 else "i32 poison" for k in lanes]
        return f"<{len(numbers)} x i32> <{', '.join(numbers)}>"

    def _each(self, op: Op) -> str:
        """Lane by lane, for what has no vector form."""

        def one(lane: int) -> str:
            scope = OneLane(self, lane)
            with self.masked(""):
                return emit_row(self.text, self.host.scope.dialect, op, [scope.scalar(v) for v in op.operands])

        return self.gathered(op.result.type.dtype, one)

    def gathered(self, dtype: DType, one: Callable[[int], str]) -> str:
        vector, type_ = "poison", register_type(dtype)
        for lane in range(self.n):
            vector = self.text.value(f"insertelement {self.type(dtype)} {vector}, {type_} {one(lane)}, i64 {lane}")
        return vector
