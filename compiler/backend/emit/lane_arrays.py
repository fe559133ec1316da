"""Arrays of each lane in memory: rows of as many elements as there are lanes, those of one place side by side.

    t[k] = x      k the same in all lanes that are active:  one store of a vector, in which the others keep what they hold
                  else, if all are active:                  element by element, to row k of each lane

A block of lanes uses the rows that the one before it has used, so they are allocated once; tapes that grow stay as long as they
have become. Arrays above LARGEST leave the loop to its form of one lane after the other: there are `n` times as many elements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wengert.compiler.backend.emit.control import Slots
from wengert.compiler.backend.emit.host import Count
from wengert.compiler.backend.emit.lane_values import LaneValues, OneLane
from wengert.compiler.backend.emit.loops import counted_loop
from wengert.compiler.backend.emit.nest import address_at, load, store
from wengert.compiler.backend.emit.scope import Buffer
from wengert.compiler.backend.emit.text import memory_type, register_type
from wengert.compiler.backend.fuse import is_undefined
from wengert.compiler.backend.lane_arrays import LaneArray, lane_arrays
from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY

LARGEST = 1 << 20
"""Bytes of an array of all lanes of a block."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Where an array is: `pointer` and `room` (its length along axis 0) are cells on the stack, which LLVM keeps in registers."""

    pointer: str
    room: str
    rest: tuple[str, ...]
    """The extents but that along axis 0."""


class LaneArrays(LaneValues):
    """The lanes' own arrays. Before the loop over blocks `reserve`, after it `give_back`."""

    def __init__(self, slots: Slots, op: Op, lanes: int):
        super().__init__(slots, op, lanes)
        self.own = lane_arrays(slots.host.plan, op)
        self.rows: dict[LaneArray, Rows] = {}

    def reserve(self) -> str:
        """Allocate all of them; returns whether they are small enough ("" where there are none)."""
        host, text, e = self.host, self.text, self.host.scope.index
        text.module.declare("llvm.smax", "declare i64 @llvm.smax.i64(i64, i64)")
        fine = ""
        for array in dict.fromkeys(self.own.values()):
            extents = [self._known(v) for v in self._extents(array)]
            count, size = e.product(extents), array.like.type.dtype.bits // 8
            small = text.value(f"icmp ule i64 {count}, {LARGEST // (size * self.n)}")
            fine = text.value(f"and i1 {fine}, {small}") if fine else small
            room = text.value(f"select i1 {small}, i64 {count}, i64 0")
            host.allocations += 1
            host.statistics.counts.append(Count("allocation", host.depth, host.op))
            pointer = host.target.allocate(host, e.multiply(room, str(self.n)), size)
            cells = text.alloca("ptr", "rows"), text.alloca("i64", "room")
            text.do(f"store ptr {pointer}, ptr {cells[0]}")
            text.do(f"store i64 {extents[0]}, ptr {cells[1]}")
            self.rows[array] = Rows(*cells, tuple(extents[1:]))
        return fine

    def give_back(self) -> None:
        for rows in self.rows.values():
            self.host.target.free(self.host, self.text.value(f"load ptr, ptr {rows.pointer}"))

    def _extents(self, array: LaneArray) -> tuple[Value, ...]:
        made = array.like.owner
        assert made is not None
        return made.operands[1:]

    def _known(self, extent: Value) -> str:
        constant = constant_of(extent)
        return self.host.scope.scalar(extent) if constant is None else str(constant)

    # -- what the ops do

    def begin(self, op: Op) -> None:
        """The arrays that begin with this op are filled."""
        for array in dict.fromkeys(self.own[v] for v in op.results if v in self.own):
            if array.start is op and not is_undefined(array.like):
                self._fill(array)

    def _fill(self, array: LaneArray) -> None:
        made = array.like.owner
        assert made is not None
        e, dtype = self.host.scope.index, array.like.type.dtype
        number = self._in_memory(dtype.kind == "b", self.vector(made.operands[0]))
        pointer = self.text.value(f"load ptr, ptr {self.rows[array].pointer}")
        buffer = Buffer(dtype, pointer, ())

        def one(row: str, _: list[str]) -> list[str]:
            where = address_at(self.host.scope, buffer, e.multiply(row, str(self.n)))
            self.text.do(f"store <{self.n} x {memory_type(dtype)}> {number}, ptr {where}, align {dtype.bits // 8}")
            return []

        counted_loop(self.text, "0", e.product([self._known(v) for v in self._extents(array)]), [], one)

    def _in_memory(self, flags: bool, vector: str) -> str:
        return self.text.value(f"zext <{self.n} x i1> {vector} to <{self.n} x i8>") if flags else vector

    def _row(self, array: LaneArray, index: list[str], lane: int = 0) -> tuple[Buffer, str]:
        """The buffer, and the address of a lane's element in it."""
        e, rows = self.host.scope.index, self.rows[array]
        pointer = self.text.value(f"load ptr, ptr {rows.pointer}")
        buffer = Buffer(array.like.type.dtype, pointer, ())
        place = index[0]
        for i, n in zip(index[1:], rows.rest, strict=True):
            place = e.add(e.multiply(place, n), i)
        return buffer, address_at(self.host.scope, buffer, e.add(e.multiply(place, str(self.n)), str(lane)))

    def _row_vector(self, array: LaneArray, where: str) -> str:
        dtype = array.like.type.dtype
        found = self.text.value(f"load <{self.n} x {memory_type(dtype)}>, ptr {where}, align {dtype.bits // 8}")
        return self.text.value(f"icmp ne <{self.n} x i8> {found}, zeroinitializer") if dtype.kind == "b" else found

    def load_own(self, op: Op) -> None:
        first, *index = op.operands
        array, scope = self.own[first], self.host.scope
        if not any(v in self.varying for v in index):
            self.vectors[op.result] = self._row_vector(array, self._row(array, [scope.scalar(v) for v in index])[1])
            return

        def one(lane: int) -> str:
            own = OneLane(self, lane)
            return load(scope, *self._row(array, [own.scalar(v) for v in index], lane))

        self.vectors[op.result] = self.gathered(op.result.type.dtype, one)

    def write_own(self, op: Op) -> None:
        """`update` or `accumulate`."""
        first, value, *index = op.operands
        array, scope, mask, vector = self.own[op.result], self.host.scope, self.mask, self.vector(value)
        dtype = array.like.type.dtype
        type_ = self.type(dtype)
        adding = (REGISTRY["add"].instruction or {}).get(dtype.kind) if op.name == "accumulate" else None
        if not any(v in self.varying for v in index):
            _, where = self._row(array, [scope.scalar(v) for v in index])
            if adding:
                vector = self.text.value(f"{adding} {type_} {self._row_vector(array, where)}, {vector}")
            if mask:
                kept = self._row_vector(array, where)
                vector = self.text.value(f"select <{self.n} x i1> {mask}, {type_} {vector}, {type_} {kept}")
            vector = self._in_memory(dtype.kind == "b", vector)
            self.text.do(f"store <{self.n} x {memory_type(dtype)}> {vector}, ptr {where}, align {dtype.bits // 8}")
            return
        assert not mask, "lanes that have parted write to one row"  # fits_lanes
        one = register_type(dtype)
        for lane in range(self.n):
            own = OneLane(self, lane)
            buffer, where = self._row(array, [own.scalar(v) for v in index], lane)
            element = self.text.value(f"extractelement {type_} {vector}, i64 {lane}")
            if adding:
                element = self.text.value(f"{adding} {one} {load(scope, buffer, where)}, {element}")
            store(scope, buffer, where, element)

    def grow_own(self, op: Op) -> None:
        """Room for the longest lane's array."""
        host, text, e = self.host, self.text, self.host.scope.index
        first, count = op.operands
        array = self.own[op.result]
        rows, dtype = self.rows[array], first.type.dtype
        needed = self._most(count) if count in self.varying else host.scope.scalar(count)
        room = text.value(f"load i64, ptr {rows.room}")
        enough, longer = text.fresh("enough"), text.fresh("longer")
        text.branch_if(text.value(f"icmp sle i64 {needed}, {room}"), enough, longer)
        text.label(longer)
        more = text.value(f"call i64 @llvm.smax.i64(i64 {needed}, i64 {e.multiply(room, '2')})")
        row, size = e.product((*rows.rest, str(self.n))), dtype.bits // 8
        host.leave_unless(text.value(f"icmp ule i64 {e.multiply(more, row)}, {LARGEST // size}"), "1")
        host.allocations += 1
        host.statistics.counts.append(Count("growth", host.depth, op))
        old = text.value(f"load ptr, ptr {rows.pointer}")
        pointer = host.target.allocate(host, e.multiply(more, row), size)
        filled = (e.multiply(room, row),)
        host.target.copy(host, Buffer(dtype, old, filled), Buffer(dtype, pointer, filled))
        host.target.free(host, old)
        text.do(f"store ptr {pointer}, ptr {rows.pointer}")
        text.do(f"store i64 {more}, ptr {rows.room}")
        text.branch(enough)
        text.label(enough)

    def _most(self, count: Value) -> str:
        """The largest number of an active lane."""
        vector, type_ = self.vector(count), f"<{self.n} x i64>"
        if self.mask:
            vector = self.text.value(f"select <{self.n} x i1> {self.mask}, {type_} {vector}, {type_} zeroinitializer")
        return self.reduced("smax", vector)

    def reduced(self, how: str, vector: str) -> str:
        """The largest ("smax") or smallest ("smin") of i64 lanes."""
        name = f"llvm.vector.reduce.{how}.v{self.n}i64"
        self.text.module.declare(name, f"declare i64 @{name}(<{self.n} x i64>)")
        return self.text.value(f"call i64 @{name}(<{self.n} x i64> {vector})")


def _nothing(writer: LaneArrays, op: Op) -> None:
    """A fill was written when it began."""


def _extent(writer: LaneArrays, op: Op) -> None:
    scope = writer.host.scope
    scope.scalars[op.result] = scope.extent(op.operands[0], op.attrs["axis"])


OWN: dict[str, Callable[[LaneArrays, Op], None]] = {
    "load": LaneArrays.load_own,
    "update": LaneArrays.write_own,
    "accumulate": LaneArrays.write_own,
    "grow": LaneArrays.grow_own,
    "broadcast": _nothing,
    "dim": _extent,
}
"""What ops on arrays of the lanes become."""
