"""The host part of an offloaded function as LLVM text: scalars, control flow, memory and launches, no Python between.

    define i32 @wg_host(ptr %frame)          0: done, 1: a fault, recorded in the frame

An array is a *handle*, a pointer to three host words {device address, references, bytes}, and its extents. References are
counted: a launch writes in place where its operand's last reference ends with it, and into a copy otherwise. So a time
loop works in the same two buffers throughout, whatever way its arrays go through loops and branches.
Freed memory waits in a few slots of the runtime's table (see `Table`) for the next request of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from wengert.compiler.backend.device_scratch import MOST_BYTES, Scratch
from wengert.compiler.backend.emit.scalars import Dialect, emit_row
from wengert.compiler.backend.emit.text import COLD, Module, Text, constant_text, memory_type, part_type, register_type
from wengert.compiler.ir.core import Block, Function, Op, Value, free_values
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

BLOCK, MOST_BLOCKS = 256, 4096
"""Threads of a block; blocks at most (threads then take several iterations each)."""


class Table:
    """Words of the runtime's table, word 3 of the frame: C functions, the stream, the error record, memory to reuse."""

    ALLOCATE, FREE, READ, COPY, LAUNCH, STREAM, ERRORS, DOT = range(8)
    HANDLES, SLOTS = 8, 16
    KERNELS = HANDLES + SLOTS  # from here on, for each kernel: its handle, and how often it was launched


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
    op: Op


@dataclass(slots=True)
class Scope:
    """A block being written: the arrays whose reference it owns, and the op (or None: the block's end) that ends each."""

    owned: dict[Value, Op | None] = field(default_factory=dict)


class HostWriter:
    """Writes the host function. Ops are dispatched by `WRITE`, else by what their row is."""

    def __init__(self, function: Function, kernels: dict[str, int], scratch: Sequence[Scratch | None], module: Module):
        self.function, self.kernels, self.scratch, self.module = function, kernels, scratch, module
        self.layout = HostLayout.of(function)
        self.text = Text(module, "define i32 @wg_host(ptr noalias %frame) nounwind")
        self.dialect = Dialect()
        self.scalars: dict[Value, str] = {}
        self.arrays: dict[Value, DeviceBuffer] = {}
        self.faults: list[HostFault] = []
        self.dots: list[Op] = []
        self.scopes: list[Scope] = []

    def write(self) -> None:
        """Write the function and the memory routines into the module."""
        self.text.begin()
        self.table = self.text.at_entry(f"load ptr, ptr {self._word_at_entry(FRAME_TABLE)}", "table")
        for p, at in zip(self.function.params, self.layout.params, strict=True):
            self._parameter(p, at)
        self.block(self.function.body, self._results)
        self.text.do("ret i32 0")
        self.text.label("fail")
        self.text.do("ret i32 1")
        self.module.functions += [MEMORY, str(self.text)]

    def block(self, block: Block, finish: Callable[[], None], inherited: Iterable[Value] = ()) -> None:
        """The ops of a block, then `finish`, which takes the results (`take` each once)."""
        scope = Scope()
        self.scopes.append(scope)
        last = _last_uses(block)
        for v in (*block.params, *inherited):
            self._own(v, last)
        for op in block.ops:
            WRITE.get(op.name, _scalar)(self, op)
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

    def check(self, condition: str, kind: str, op: Op, a: str = "0", b: str = "0") -> None:
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


# -- ops


def _scalar(host: HostWriter, op: Op) -> None:
    assert REGISTRY[op.name].kind == "elementwise" and op.result.type.is_scalar, f"{op!r} is no host op"
    host.scalars[op.result] = emit_row(host.text, host.dialect, op, [host.scalars[v] for v in op.operands])


def _constant(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = constant_text(op.attrs["value"], op.result.type.dtype)


def _dim(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = host.arrays[op.operands[0]].extents[op.attrs["axis"]]


def _index(host: HostWriter, op: Op) -> None:
    i, n = (host.scalars[v] for v in op.operands)
    wrapped = _wrapped(host, i, n)
    host.check(host.text.value(f"icmp ult i64 {wrapped}, {n}"), "index", op, i, n)
    host.scalars[op.result] = wrapped


def _wrap_index(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = _wrapped(host, *(host.scalars[v] for v in op.operands))


def _wrapped(host: HostWriter, i: str, n: str) -> str:
    negative = host.text.value(f"icmp slt i64 {i}, 0")
    return host.text.value(f"select i1 {negative}, i64 {host.text.value(f'add i64 {i}, {n}')}, i64 {i}")


def _same_extent(host: HostWriter, op: Op) -> None:
    n, m = (host.scalars[v] for v in op.operands)
    host.check(host.text.value(f"icmp eq i64 {n}, {m}"), "shape", op, n, m)
    host.scalars[op.result] = n


def _check(host: HostWriter, op: Op) -> None:
    host.check(host.scalars[op.operands[0]], op.attrs["fault"], op)


def _empty(host: HostWriter, op: Op) -> None:
    known = [host.scalars[v] for v in op.operands]
    extents = [known[k] if n is None else str(n) for k, n in enumerate(op.result.type.shape)]
    host.arrays[op.result] = host.acquire(extents, op.result.type.dtype, op)


def _reshape(host: HostWriter, op: Op) -> None:
    buffer = host.take(op.operands[0], op)
    extents = tuple(host.scalars[v] for v in op.operands[1:])
    host.arrays[op.result] = DeviceBuffer(buffer.dtype, buffer.handle, extents)


def _load(host: HostWriter, op: Op) -> None:
    """One element, read from the device: waits for it."""
    array, *index = op.operands
    buffer, dtype = host.arrays[array], op.result.type.dtype
    position = "0"
    for i, n in zip(index, buffer.extents, strict=True):
        scaled = host.text.value(f"mul i64 {position}, {n}") if position != "0" else "0"
        position = host.text.value(f"add i64 {scaled}, {host.scalars[i]}")
    where = host.text.value(f"getelementptr {memory_type(dtype)}, ptr {host.address(buffer)}, i64 {position}")
    slot = host.text.alloca(memory_type(dtype))
    read = host.table_word(Table.READ)
    status = host.text.value(f"call i32 {read}(ptr {slot}, ptr {where}, i64 {dtype.bits // 8})")
    host.check(host.text.value(f"icmp eq i32 {status}, 0"), "device", op)
    value = host.text.value(f"load {memory_type(dtype)}, ptr {slot}")
    host.scalars[op.result] = host.text.value(f"icmp ne i8 {value}, 0") if dtype.kind == "b" else value


def _launch(host: HostWriter, op: Op) -> None:
    """Arguments by their addresses, as cuLaunchKernel wants them; nothing is launched for no iterations."""
    text, outputs = host.text, op.attrs["outputs"]
    buffers = [host.take(v, op) for v in op.operands[1 : 1 + outputs]]
    buffers = [host.writable(b, op) for b in buffers]
    count, kernel = host.scalars[op.operands[0]], host.kernels[op.attrs["kernel"].name]
    go, after = text.fresh("launch"), text.fresh("after")
    text.branch_if(text.value(f"icmp sgt i64 {count}, 0"), go, after)
    text.label(go)
    blocks, threads = (
        ("1", "1") if op.attrs["threads"] == "one" else (_blocks(host, count, str(MOST_BLOCKS)), str(BLOCK))
    )
    scratch, held = host.scratch[kernel], ""
    arguments = [("i64", count), ("ptr", host.table_word(Table.ERRORS))]
    for v, buffer in zip(op.operands[1 : 1 + outputs], buffers, strict=True):
        arguments += _argument(host, v, buffer)
    for v in op.operands[1 + outputs :]:
        arguments += _argument(host, v, host.arrays[v] if v.type.is_array else None)
    if scratch is not None:
        held, size, blocks = _scratch(host, op, scratch, buffers, count, blocks, threads)
        arguments += [("ptr", text.value(f"load ptr, ptr {held}")), ("i64", size)]
    slots = text.alloca(f"[{len(arguments)} x [2 x i64]]", "args", 16)
    pointers = text.alloca(f"[{len(arguments)} x ptr]", "params", 16)
    for k, (type_, operand) in enumerate(arguments):
        slot = text.value(f"getelementptr [2 x i64], ptr {slots}, i64 {k}")
        text.do(f"store {type_} {operand}, ptr {slot}")
        text.do(f"store ptr {slot}, ptr {text.value(f'getelementptr ptr, ptr {pointers}, i64 {k}')}")
    launch, stream = host.table_word(Table.LAUNCH), host.table_word(Table.STREAM)
    grid = text.value(f"trunc i64 {blocks} to i32")
    status = text.value(
        f"call i32 {launch}(ptr {host.table_word(Table.KERNELS + 2 * kernel)}, i32 {grid}, i32 1, i32 1, i32 {threads}, "
        f"i32 1, i32 1, i32 0, ptr {stream}, ptr {pointers}, ptr null)"
    )
    text.do(f"call void @wg_count(ptr {host.table}, i64 {Table.KERNELS + 2 * kernel + 1})")
    host.check(text.value(f"icmp eq i32 {status}, 0"), "device", op, text.value(f"zext i32 {status} to i64"))
    if held:
        text.do(f"call void @wg_drop(ptr {host.table}, ptr {held})")
    text.branch(after)
    text.label(after)
    for v, buffer in zip(op.results, buffers, strict=True):
        host.arrays[v] = buffer


def _blocks(host: HostWriter, count: str, most: str) -> str:
    """Blocks for so many iterations, at most `most`."""
    up = host.text.value(f"udiv i64 {host.text.value(f'add i64 {count}, {BLOCK - 1}')}, {BLOCK}")
    return _smaller(host, up, most)


def _smaller(host: HostWriter, a: str, b: str) -> str:
    return host.text.value(f"select i1 {host.text.value(f'icmp ult i64 {a}, {b}')}, i64 {a}, i64 {b}")


def _scratch(
    host: HostWriter, op: Op, scratch: Scratch, outputs: Sequence[DeviceBuffer], count: str, blocks: str, threads: str
) -> tuple[str, str, str]:
    """(handle of the scratch memory, bytes of a slot, blocks): as many blocks as there is room for, at least one."""
    text, largest = host.text, "16"
    buffers = [None, *outputs, *(host.arrays.get(v) for v in op.operands[1 + len(outputs) :])]
    for factors in scratch.sizes:
        size = "1"
        for factor in factors:
            operand = str(factor)
            if isinstance(factor, tuple):
                number, axis = factor
                buffer = buffers[number]
                operand = host.scalars[op.operands[number]] if axis is None or buffer is None else buffer.extents[axis]
            size = text.value(f"mul i64 {size}, {operand}")
        largest = text.value(f"select i1 {text.value(f'icmp ugt i64 {size}, {largest}')}, i64 {size}, i64 {largest}")
    slot = text.value(f"and i64 {text.value(f'add i64 {largest}, 15')}, -16")
    block = text.value(f"mul i64 {slot}, {scratch.slots * int(threads)}")
    room = text.value(f"udiv i64 {MOST_BYTES}, {block}")
    room = text.value(f"select i1 {text.value(f'icmp eq i64 {room}, 0')}, i64 1, i64 {room}")
    blocks = _smaller(host, blocks, room)
    handle = text.value(f"call ptr @wg_acquire(ptr {host.table}, i64 {text.value(f'mul i64 {block}, {blocks}')})", "h")
    host.check(text.value(f"icmp ne ptr {handle}, null"), "memory", op)
    return handle, slot, blocks


def _library_dot(host: HostWriter, op: Op) -> None:
    """The runtime is told which product (by number), the addresses, and the extents of both operands."""
    text, (target, a, b) = host.text, op.operands
    out = host.writable(host.take(target, op), op)
    x, y = host.arrays[a], host.arrays[b]
    known = [*x.extents, *y.extents]
    extents = text.alloca(f"[{len(known)} x i64]", "extents")
    for k, n in enumerate(known):
        text.do(f"store i64 {n}, ptr {text.value(f'getelementptr i64, ptr {extents}, i64 {k}')}")
    host.dots.append(op)
    pointers = ", ".join(f"ptr {host.address(buffer)}" for buffer in (out, x, y))
    status = text.value(f"call i32 {host.table_word(Table.DOT)}(i64 {len(host.dots) - 1}, {pointers}, ptr {extents})")
    host.check(text.value(f"icmp eq i32 {status}, 0"), "device", op, text.value(f"zext i32 {status} to i64"))
    host.arrays[op.result] = out


def _argument(host: HostWriter, v: Value, buffer: DeviceBuffer | None) -> list[tuple[str, str]]:
    """What a kernel takes for a value: see device_text.parameters."""
    if buffer is not None:
        return [("ptr", host.address(buffer)), *(("i64", n) for n in buffer.extents)]
    dtype, operand = v.type.dtype, host.scalars[v]
    if dtype.kind == "c":
        halves = [host.text.value(f"extractvalue {register_type(dtype)} {operand}, {k}") for k in (0, 1)]
        return [(part_type(dtype), half) for half in halves]
    type_, operand = host._in_memory(operand, dtype).split(" ", 1)
    return [(type_, operand)]


# -- control


def _if(host: HostWriter, op: Op) -> None:
    """Arrays whose last use this is belong to the branches: each uses its reference up, or drops it."""
    text, then, orelse, after = host.text, *(host.text.fresh(h) for h in ("then", "else", "after"))
    owned = host.scopes[-1].owned
    passed = [v for v, last in owned.items() if last is op and v not in op.operands]
    for v in passed:
        del owned[v]
    text.branch_if(host.scalars[op.operands[0]], then, orelse)
    arms: list[tuple[str, list[list[tuple[str, str]]]]] = []
    for label, region in zip((then, orelse), op.regions, strict=True):
        text.label(label)
        pieces: list[list[tuple[str, str]]] = []
        host.block(region, lambda r=region, p=pieces: p.extend(host.pieces(v, None) for v in r.results), passed)  # type: ignore[misc]
        arms.append((text.block, pieces))
        text.branch(after)
    text.label(after)
    host.join(op.results, arms)


def _for(host: HostWriter, op: Op) -> None:
    text, (body,) = host.text, op.regions
    low, high, step = (host.scalars[v] for v in op.operands[:3])
    inits = [host.pieces(v, op) for v in op.operands[3:]]
    start, head, inside, after = text.block, *(text.fresh(h) for h in ("head", "body", "after"))
    text.branch(head)
    text.label(head)
    i = text.phi("i64", "i")
    i.add(low, start)
    phis = [[text.phi(type_) for type_, _ in pieces] for pieces in inits]
    _feed(phis, inits, start)
    up, rising = text.value(f"icmp slt i64 {i.name}, {high}"), text.value(f"icmp sgt i64 {step}, 0")
    down = text.value(f"icmp sgt i64 {i.name}, {high}")
    text.branch_if(text.value(f"select i1 {rising}, i1 {up}, i1 {down}"), inside, after)
    text.label(inside)
    host.scalars[body.params[0]] = i.name
    for p, row in zip(body.params[1:], phis, strict=True):
        host.bind(p, [phi.name for phi in row])
    pieces: list[list[tuple[str, str]]] = []
    host.block(body, lambda: pieces.extend(host.pieces(v, None) for v in body.results))
    i.add(text.value(f"add i64 {i.name}, {step}"), text.block)
    _feed(phis, pieces, text.block)
    text.branch(head)
    text.label(after)
    for v, row in zip(op.results, phis, strict=True):
        host.bind(v, [phi.name for phi in row])


def _while(host: HostWriter, op: Op) -> None:
    text, (condition, body) = host.text, op.regions
    inits = [host.pieces(v, op) for v in op.operands]
    start, head, inside, after = text.block, *(text.fresh(h) for h in ("head", "body", "after"))
    text.branch(head)
    text.label(head)
    phis = [[text.phi(type_) for type_, _ in pieces] for pieces in inits]
    _feed(phis, inits, start)
    held = [[phi.name for phi in row] for row in phis]
    for values in (condition.params, body.params, op.results):
        for v, operands in zip(values, held, strict=True):
            host.bind(v, operands)
    lent = Block(condition.params, condition.ops, condition.results)
    for p in condition.params:  # the condition only looks at them
        if p.type.is_array:
            text.do(f"call void @wg_share(ptr {host.arrays[p].handle})")
    host.block(lent, lambda: None)
    text.branch_if(host.scalars[condition.results[0]], inside, after)
    text.label(inside)
    pieces: list[list[tuple[str, str]]] = []
    host.block(body, lambda: pieces.extend(host.pieces(v, None) for v in body.results))
    _feed(phis, pieces, text.block)
    text.branch(head)
    text.label(after)


def _feed(phis: Sequence[Sequence], pieces: Sequence[Sequence[tuple[str, str]]], block: str) -> None:  # type: ignore[type-arg]
    for row, values in zip(phis, pieces, strict=True):
        for phi, (_, operand) in zip(row, values, strict=True):
            phi.add(operand, block)


WRITE: dict[str, Callable[[HostWriter, Op], None]] = {
    "constant": _constant,
    "dim": _dim,
    "index": _index,
    "wrap_index": _wrap_index,
    "same_extent": _same_extent,
    "check": _check,
    "empty": _empty,
    "reshape": _reshape,
    "load": _load,
    "launch": _launch,
    "library_dot": _library_dot,
    "if": _if,
    "for": _for,
    "while": _while,
}
"""How an op is written; those not here are scalar element-wise rows."""

MEMORY = f"""
define internal void @wg_share(ptr %h) {{
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %s = add i64 %r, 1
  store i64 %s, ptr %p
  ret void
}}
define internal void @wg_count(ptr %table, i64 %word) {{
  %p = getelementptr i64, ptr %table, i64 %word
  %r = load i64, ptr %p
  %s = add i64 %r, 1
  store i64 %s, ptr %p
  ret void
}}
define internal ptr @wg_acquire(ptr %table, i64 %size) {{
entry:
  br label %look
look:
  %k = phi i64 [ {Table.HANDLES}, %entry ], [ %next, %other ]
  %slot = getelementptr ptr, ptr %table, i64 %k
  %h = load ptr, ptr %slot
  %empty = icmp eq ptr %h, null
  br i1 %empty, label %other, label %compare
compare:
  %p = getelementptr i64, ptr %h, i64 2
  %held = load i64, ptr %p
  %same = icmp eq i64 %held, %size
  br i1 %same, label %found, label %other
found:
  store ptr null, ptr %slot
  %refs = getelementptr i64, ptr %h, i64 1
  store i64 1, ptr %refs
  ret ptr %h
other:
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, {Table.HANDLES + Table.SLOTS}
  br i1 %more, label %look, label %new
new:
  %where = getelementptr ptr, ptr %table, i64 {Table.ALLOCATE}
  %allocate = load ptr, ptr %where
  %made = call ptr %allocate(i64 %size)
  ret ptr %made
}}
define internal void @wg_drop(ptr %table, ptr %h) {{
entry:
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %s = add i64 %r, -1
  store i64 %s, ptr %p
  %last = icmp eq i64 %s, 0
  br i1 %last, label %look, label %done
look:
  %k = phi i64 [ {Table.HANDLES}, %entry ], [ %next, %other ]
  %slot = getelementptr ptr, ptr %table, i64 %k
  %there = load ptr, ptr %slot
  %empty = icmp eq ptr %there, null
  br i1 %empty, label %keep, label %other
keep:
  store ptr %h, ptr %slot
  ret void
other:
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, {Table.HANDLES + Table.SLOTS}
  br i1 %more, label %look, label %full
full:
  %where = getelementptr ptr, ptr %table, i64 {Table.FREE}
  %free = load ptr, ptr %where
  call void %free(ptr %h)
  ret void
done:
  ret void
}}
define internal ptr @wg_writable(ptr %table, ptr %h) {{
entry:
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %alone = icmp eq i64 %r, 1
  br i1 %alone, label %same, label %copy
same:
  ret ptr %h
copy:
  %sizes = getelementptr i64, ptr %h, i64 2
  %size = load i64, ptr %sizes
  %new = call ptr @wg_acquire(ptr %table, i64 %size)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %none, label %fill
none:
  ret ptr null
fill:
  %from = load ptr, ptr %h
  %to = load ptr, ptr %new
  %where = getelementptr ptr, ptr %table, i64 {Table.COPY}
  %move = load ptr, ptr %where
  call void %move(ptr %to, ptr %from, i64 %size)
  call void @wg_drop(ptr %table, ptr %h)
  ret ptr %new
}}
"""
