"""The host part of an offloaded function as LLVM text: scalars, control flow, memory and launches, no Python between.

    define i32 @wg_host(ptr %frame)          0: done, 1: a fault, recorded in the frame, 2: a kernel's, recorded in the
                                             table, 3: interrupted

An array is a *handle*, a pointer to three host words {device address, references, bytes}, and its extents. References are
counted: a launch writes in place where its operand's last reference ends with it, and into a copy otherwise. So a time
loop works in the same two buffers throughout, whatever way its arrays go through loops and branches.
Freed memory waits in a few slots of the runtime's table (see `Table`) for the next request of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from wengert.compiler.backend.device_graphs import GRAPHS
from wengert.compiler.backend.device_memory import ERROR_WORDS, MEMORY, Table
from wengert.compiler.backend.device_scratch import Scratch
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import COLD, Module, Text, memory_type, register_type
from wengert.compiler.ir.core import Block, Function, Op, Value, free_values
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

FRAME_TABLE, FRAME_VALUES = 3, 4


@dataclass(frozen=True, slots=True)
class HostLayout:
    """Where each parameter and result begins in the frame, in words. A scalar takes two, an array a handle and extents."""

    params: tuple[int, ...]
    results: tuple[int, ...]
    words: int

    @classmethod
    def of(cls, function: Function) -> HostLayout:
        at, places = FRAME_VALUES, list[int]()
        for v in (*function.params, *function.results):
            places.append(at)
            at += 2 if v.type.is_scalar else 1 + v.type.rank
        count = len(function.params)
        return cls(tuple(places[:count]), tuple(places[count:]), at)


@dataclass(frozen=True, slots=True)
class DeviceBuffer:
    """An array on the device. handle: ptr operand; extents: i64 operands."""

    dtype: DType
    handle: str
    extents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostFault:
    """A check of the host part: the op, and the fault kind."""

    kind: str
    op: Op | None


@dataclass(slots=True)
class Scope:
    """A block being written: the arrays whose reference it owns, and the op (or None: the block's end) that ends each."""

    owned: dict[Value, Op | None] = field(default_factory=dict)


class HostWriter:
    """Writes the host function. Ops are dispatched by `WRITE`, else by what their row is."""

    def __init__(
        self, function: Function, kernels: dict[str, int], scratch: Sequence[Scratch | None], module: Module, can_fault: bool
    ):
        self.function, self.kernels, self.scratch, self.module = function, kernels, scratch, module
        self.can_fault = can_fault  # whether a kernel can
        self.layout = HostLayout.of(function)
        self.text = Text(module, "define i32 @wg_host(ptr noalias %frame) nounwind")
        self.dialect = Dialect()
        self.scalars: dict[Value, str] = {}
        self.arrays: dict[Value, DeviceBuffer] = {}
        self.faults: list[HostFault] = []
        self.dots: list[Op] = []
        self.calls: list[Op] = []
        self.scopes: list[Scope] = []
        self.graphs = False  # whether a loop runs as graphs

    def write(self) -> None:
        """Write the function and the memory routines into the module."""
        self.text.begin()
        self.table = self.text.at_entry(f"load ptr, ptr {self._word_at_entry(FRAME_TABLE)}", "table")
        for p, at in zip(self.function.params, self.layout.params, strict=True):
            self._parameter(p, at)
        self.block(self.function.body, self._results)
        if self.can_fault:
            self._look_for_faults()
        self.text.do("ret i32 0")
        self.text.label("fail")
        self.text.do("ret i32 1")
        self.text.label("interrupted")
        self.text.do("ret i32 3")
        self.module.functions += [MEMORY, *([GRAPHS] if self.graphs else []), str(self.text)]

    def _look_for_faults(self) -> None:
        """Wait for the kernels and read the error record."""
        record = self.text.value(f"getelementptr inbounds i64, ptr {self.table}, i64 {Table.RECORD}")
        size, errors = 8 * ERROR_WORDS, self.table_word(Table.ERRORS)
        status = self.text.value(f"call i32 @wg_fetch(ptr {self.table}, ptr {record}, ptr {errors}, i64 {size})")
        self.check(self.text.value(f"icmp eq i32 {status}, 0"), "device", None, self.text.value(f"zext i32 {status} to i64"))
        clean, faulty = self.text.fresh("clean"), self.text.fresh("faulty")
        self.text.branch_if(self.text.value(f"icmp eq i64 {self.text.value(f'load i64, ptr {record}')}, 0"), clean, faulty)
        self.text.label(faulty)
        self.text.do("ret i32 2")
        self.text.label(clean)

    def poll(self) -> None:
        """In a loop: stop where the user asks for it."""
        go = self.text.fresh("go")
        self.text.branch_if(self.text.value(f"call i1 @wg_tick(ptr {self.table})"), "interrupted", go)
        self.text.label(go)

    def block(self, block: Block, finish: Callable[[], None], inherited: Iterable[Value] = ()) -> None:
        """The ops of a block, then `finish`, which takes the results (`take` each once)."""
        scope = Scope()
        self.scopes.append(scope)
        last = _last_uses(block)
        for v in (*block.params, *inherited):
            self._own(v, last)
        for op in block.ops:
            WRITE[op.name if op.name in WRITE else REGISTRY[op.name].kind](self, op)
            self.end(op)
            for v in op.results:
                self._own(v, last)
        finish()
        for v in list(scope.owned):
            self.drop(v)
        self.scopes.pop()

    def _own(self, v: Value, last: dict[Value, Op | None]) -> None:
        if not v.type.is_array:
            return
        self.scopes[-1].owned[v] = last.get(v)
        if v not in last:
            self.drop(v)

    def take(self, v: Value, op: Op | None) -> DeviceBuffer:
        """The array with a reference of its own: the block's, where its only use at the end is this one, else a new one."""
        owned, buffer = self.scopes[-1].owned, self.arrays[v]
        if v in owned and owned[v] is op and (op is None or _uses(op, v) == 1):
            del owned[v]
        else:
            self.text.do(f"call void @wg_share(ptr {buffer.handle})")
        return buffer

    def end(self, op: Op) -> None:
        """Drop what was used for the last time by `op`."""
        for v, last in list(self.scopes[-1].owned.items()):
            if last is op:
                self.drop(v)

    def drop(self, v: Value) -> None:
        del self.scopes[-1].owned[v]
        self.text.do(f"call void @wg_drop(ptr {self.table}, ptr {self.arrays[v].handle})")

    # -- the frame

    def _word_at_entry(self, word: int) -> str:
        return self.text.at_entry(f"getelementptr inbounds i64, ptr %frame, i64 {word}", "f")

    def word(self, word: int) -> str:
        return self.text.value(f"getelementptr inbounds i64, ptr %frame, i64 {word}", "f")

    def _parameter(self, p: Value, at: int) -> None:
        if p.type.is_scalar:
            value = self.text.at_entry(f"load {memory_type(p.type.dtype)}, ptr {self._word_at_entry(at)}", "arg")
            self.scalars[p] = self.text.at_entry(f"icmp ne i8 {value}, 0") if p.type.dtype.kind == "b" else value
            return
        handle = self.text.at_entry(f"load ptr, ptr {self._word_at_entry(at)}", "handle")
        extents = [
            str(n) if n is not None else self.text.at_entry(f"load i64, ptr {self._word_at_entry(at + 1 + k)}", "n")
            for k, n in enumerate(p.type.shape)
        ]
        self.arrays[p] = DeviceBuffer(p.type.dtype, handle, tuple(extents))

    def _results(self) -> None:
        for v, at in zip(self.function.results, self.layout.results, strict=True):
            if v.type.is_scalar:
                self.text.do(f"store {self._in_memory(self.scalars[v], v.type.dtype)}, ptr {self.word(at)}")
                continue
            buffer = self.take(v, None)
            self.text.do(f"store ptr {buffer.handle}, ptr {self.word(at)}")
            for k, n in enumerate(buffer.extents):
                self.text.do(f"store i64 {n}, ptr {self.word(at + 1 + k)}")

    def _in_memory(self, operand: str, dtype: DType) -> str:
        """`type operand` of a scalar as it lies in memory."""
        if dtype.kind == "b":
            operand = self.text.value(f"zext i1 {operand} to i8")
        return f"{memory_type(dtype)} {operand}"

    # -- what ops need

    def check(self, condition: str, kind: str, op: Op | None, a: str = "0", b: str = "0") -> None:
        """Leave with a fault unless the condition holds."""
        self.faults.append(HostFault(kind, op))
        bad, after = self.text.fresh("bad"), self.text.fresh("ok")
        self.text.branch_if(condition, after, bad, COLD)
        self.text.label(bad)
        for word, value in enumerate((str(len(self.faults)), a, b)):
            self.text.do(f"store i64 {value}, ptr {self.word(word)}")
        self.text.branch("fail")
        self.text.label(after)

    def table_word(self, word: int, type_: str = "ptr") -> str:
        pointer = self.text.value(f"getelementptr inbounds i64, ptr {self.table}, i64 {word}")
        return self.text.value(f"load {type_}, ptr {pointer}")

    def size(self, extents: Sequence[str], dtype: DType) -> str:
        total = str(dtype.bits // 8)
        for n in extents:
            total = n if total == "1" else self.text.value(f"mul i64 {total}, {n}")
        return total

    def address(self, buffer: DeviceBuffer) -> str:
        return self.text.value(f"load ptr, ptr {buffer.handle}", "d")

    def acquire(self, extents: Sequence[str], dtype: DType, op: Op) -> DeviceBuffer:
        handle = self.text.value(f"call ptr @wg_acquire(ptr {self.table}, i64 {self.size(extents, dtype)})", "h")
        self.check(self.text.value(f"icmp ne ptr {handle}, null"), "memory", op)
        return DeviceBuffer(dtype, handle, tuple(extents))

    def writable(self, buffer: DeviceBuffer, op: Op) -> DeviceBuffer:
        """A buffer with the same elements that nobody else holds, for the reference given."""
        handle = self.text.value(f"call ptr @wg_writable(ptr {self.table}, ptr {buffer.handle})", "h")
        self.check(self.text.value(f"icmp ne ptr {handle}, null"), "memory", op)
        return DeviceBuffer(buffer.dtype, handle, buffer.extents)

    # -- values that go through phis

    def pieces(self, v: Value, op: Op | None) -> list[tuple[str, str]]:
        """(LLVM type, operand) for a scalar, or a handle and the extents not known; takes the reference."""
        if v.type.is_scalar:
            return [(register_type(v.type.dtype), self.scalars[v])]
        buffer = self.take(v, op)
        return [("ptr", buffer.handle), *(("i64", n) for n in buffer.extents)]

    def bind(self, v: Value, operands: Sequence[str]) -> None:
        """Let `v` be what `pieces` took apart."""
        if v.type.is_scalar:
            (self.scalars[v],) = operands
            return
        extents = tuple(str(n) if n is not None else o for n, o in zip(v.type.shape, operands[1:], strict=True))
        self.arrays[v] = DeviceBuffer(v.type.dtype, operands[0], extents)

    def join(self, values: Sequence[Value], arms: Sequence[tuple[str, list[list[tuple[str, str]]]]]) -> None:
        """Phis at the start of a block: values[k] is arms' pieces[k], by the block one comes from."""
        bound: list[tuple[Value, list[str]]] = []
        for k, v in enumerate(values):
            operands = []
            for j in range(len(arms[0][1][k])):
                phi = self.text.phi(arms[0][1][k][j][0])
                for block, pieces in arms:
                    phi.add(pieces[k][j][1], block)
                operands.append(phi.name)
            bound.append((v, operands))
        for v, operands in bound:
            self.bind(v, operands)


def _last_uses(block: Block) -> dict[Value, Op | None]:
    """The op of the block that uses each array last, itself or in its regions; None: the block's results."""
    last: dict[Value, Op | None] = {}
    for op in block.ops:
        for v in op.operands:
            last[v] = op
        for region in op.regions:
            for v in free_values(region):
                last[v] = op
    for v in block.results:
        last[v] = None
    return last


def _uses(op: Op, v: Value) -> int:
    return op.operands.count(v) + sum(v in free_values(region) for region in op.regions)


WRITE: dict[str, Callable[[HostWriter, Op], None]] = {}
"""How each op is written: by its name, or its row's kind. Filled by device_host_ops.py and device_host_control.py."""
