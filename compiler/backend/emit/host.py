"""The host function: walks a planned function in order and writes its LLVM text.

    define i32 @name(ptr %frame)        0: done, 1: a fault (recorded in the frame), 2: interrupted

The frame is a row of i64 words: the record of a fault, then for each parameter its scalar or its pointer,
extents and strides, then for each result its scalar or its pointer and extents (see `FrameLayout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wengert.compiler.backend.bufferise import Plan, Storage
from wengert.compiler.backend.emit.across import crossed_axis
from wengert.compiler.backend.emit.nest import Elements, Nest, address, fill_body, flat_body, is_flat, load, store
from wengert.compiler.backend.emit.scalars import Dialect, emit_row
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import COLD, Module, Phi, Text, constant_text, memory_type, parallel_nodes
from wengert.compiler.backend.fuse import is_undefined, op_cost
from wengert.compiler.backend.signs import Least
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import Type

FAULT_WORDS = 3
"""Words 0-2 of the frame: number of the fault, two operands."""
FUEL = 1 << 20
"""Simple operations between two looks for an interrupt: about a millisecond."""
COUNTERS = "wg_counters"
"""With `count`, a global of four i64: copies, bytes copied, allocations, bytes allocated; of the last call."""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where each parameter and result begins in the frame, in words."""

    params: tuple[int, ...]
    results: tuple[int, ...]
    words: int

    @classmethod
    def of(cls, function: Function) -> FrameLayout:
        at = FAULT_WORDS
        places: list[int] = []
        for p in function.params:
            places.append(at)
            at += frame_words(p.type, strides=True)
        results: list[int] = []
        for r in function.results:
            results.append(at)
            at += frame_words(r.type, strides=False)
        return cls(tuple(places), tuple(results), at)


def frame_words(type_: Type, strides: bool) -> int:
    """Words a value takes: two for any scalar (a complex number fills them), else pointer, extents (and strides)."""
    return 2 if type_.is_scalar else 1 + type_.rank * (2 if strides else 1)


class Target(Protocol):
    """What differs between targets; see backend/__init__.py."""

    dialect: Dialect
    splits_loops: bool
    """Whether innermost loops are written twice, to be free of bounds checks for most trips (ranges.py)."""
    lanes: int
    """Iterations of a parallel loop that run side by side in vector registers; 1: none (lanes.py)."""

    @property
    def latch(self) -> Callable[[HostEmitter, int], str] | None:
        """Metadata of the branch back of an innermost loop without exits, by the weight of a trip; None where loops are
        written so that they can be interrupted and split."""

    def run(self, host: HostEmitter, nest: Nest) -> str | None:
        """Write the loops (or the launch) of a nest; returns the operand of a full reduction."""

    def run_parallel(self, host: HostEmitter, op: Op) -> bool:
        """Write a `for` whose iterations may run at once; False: it is written as a loop."""

    def contract(self, host: HostEmitter, op: Op) -> bool:
        """Write a `dot_general` by a library; False: it is written as a nest."""

    def allocate(self, host: HostEmitter, count: str, item_bytes: int) -> str:
        """Memory for `count` elements."""

    def strides(self, host: HostEmitter, extents: Sequence[str]) -> tuple[str, ...] | None:
        """The strides of an array in memory that `allocate` gives; None: row-major without gaps."""

    def free(self, host: HostEmitter, pointer: str) -> None: ...

    def copy(self, host: HostEmitter, source: Buffer, target: Buffer) -> None:
        """Copy between row-major buffers of the same extents."""

    def poll(self, host: HostEmitter, work: str) -> None:
        """Look for an interrupt after `work` simple operations."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What may go wrong at a place: the op and the kind of fault ("memory" for an allocation that fails)."""

    kind: str
    op: Op | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A `print`: its texts and formats (ops/output.py), and the kind of each number, "f" or "i"."""

    texts: tuple[str, ...]
    formats: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(slots=True)
class Count:
    """A copy, an allocation or a growth (of a tape) in the compiled code: what, in how many loops, for which op."""

    what: str
    depth: int
    op: Op | None


@dataclass(slots=True)
class Statistics:
    counts: list[Count] = field(default_factory=list)

    def number(self, what: str, in_loops: bool = False) -> int:
        return sum(c.what == what and (c.depth > 0 or not in_loops) for c in self.counts)


class HostScope(Scope):
    """The scope of host code; loads and stores are marked with what they cannot overlap."""

    aliases: dict[int, str]

    def metadata(self, buffer: Buffer) -> str:
        return self.aliases.get(buffer.alias, "") + self.access_group


class HostEmitter:
    """Emits one function. Families of ops are in control.py, updates.py, reductions.py, checks.py (see `EMIT`)."""

    context = "0"
    """The operand that says on which thread this runs (runtime/threads.py); a task is told by its caller."""
    joining = False
    """Whether a nest is going to be written when its last member comes (backend/joined.py)."""
    late: tuple[Value, ...] = ()
    """What is to be freed after it."""
    bail: tuple[str, Phi, str] | None = None
    """Where faults go instead, with a value for a phi there: to a loop that runs into them in order (lanes.py)."""

    def __init__(self, plan: Plan, module: Module, target: Target, layouts: Sequence[bool], count: bool = False):
        self.plan, self.module, self.target, self.layouts, self.count = plan, module, target, layouts, count
        self.function = plan.function
        self.layout = FrameLayout.of(plan.function)
        self.text = Text(module, f"define i32 @{symbol(self.function)}(ptr noalias %frame) nounwind")
        self.scope = HostScope(plan.places, self.text, target.dialect)
        self.faults: list[Fault] = []
        self.prints: list[Shown] = []
        self.statistics = Statistics()
        self.depth = 0
        self.op: Op | None = None
        self.spare: dict[Value, str] = {}
        self.hoisted: dict[Storage, str] = {}
        self.stack: dict[Storage, str] = {}
        self.allocations = 0
        self.fuel = ""
        self.proved: frozenset[Op] = frozenset()
        """`index` ops that hold in the loop being written."""
        self.held: dict[Op, str] = {}
        """Loads that give the same number in all trips of the loop being written (see held.py)."""
        self.least = Least(plan.structure)
        self._number_aliases()

    # -- the function

    def emit(self) -> Text:
        """Write the function into the module."""
        self.text.begin()
        self._fail_phis()
        if self.count:
            self.module.globals.append(f"@{COUNTERS} = global [4 x i64] zeroinitializer")
            self.text.do(f"store [4 x i64] zeroinitializer, ptr @{COUNTERS}")
        for k, p in enumerate(self.function.params):
            self._parameter(k, p)
        self.block(self.function.body)
        self._results()
        self.text.do("ret i32 0")
        self._finish()
        self.module.functions.append(str(self.text))
        return self.text

    def block(self, block: Block) -> None:
        """The ops of a block; its results are the business of the op around it."""
        for op in block.ops:
            self.op = op
            joined = "joined" if op in self.plan.joined else op.name
            EMIT[REGISTRY[op.name].kind if joined not in EMIT else joined](self, op)
            if self.joining:
                self.late = (*self.late, *self.plan.free_after.get(op, ()))
                continue
            for value in (*self.late, *self.plan.free_after.get(op, ())):
                self.free(value)
            self.late = ()

    def free_at_end(self, block: Block) -> None:
        for value in self.plan.free_at_end.get(block, ()):
            self.free(value)

    # -- the frame

    def frame_pointer(self, word: int) -> str:
        return self.text.value(f"getelementptr inbounds i64, ptr %frame, i64 {word}", "f")

    def frame_load(self, word: int, type_: str = "i64") -> str:
        pointer = self.text.at_entry(f"getelementptr i64, ptr %frame, i64 {word}", "f")
        return self.text.at_entry(f"load {type_}, ptr {pointer}", "arg")

    def _parameter(self, k: int, p: Value) -> None:
        at = self.layout.params[k]
        if p.type.is_scalar:
            value = self.frame_load(at, memory_type(p.type.dtype))
            if p.type.dtype.kind == "b":
                value = self.text.at_entry(f"icmp ne i8 {value}, 0")
            self.scope.scalars[p] = value
            return
        rank = p.type.rank
        extents = tuple(str(n) if n is not None else self._extent(at + 1 + j, j) for j, n in enumerate(p.type.shape))
        strides = None if self.layouts[k] else tuple(self.frame_load(at + 1 + rank + j) for j in range(rank))
        self.scope.buffers[p] = Buffer(p.type.dtype, self.frame_load(at, "ptr"), extents, strides, self.alias_of(p))

    def _extent(self, word: int, axis: int) -> str:
        """An extent. In a form that LLVM does not guess to be 1 where it is a distance between elements: arguments with
        extents of 1 have code of their own, and LLVM would vectorise loops along columns for nothing else."""
        loaded = self.frame_load(word)
        if axis == 0:
            return loaded
        self.module.declare("llvm.smax", "declare i64 @llvm.smax.i64(i64, i64)")
        return self.text.at_entry(f"call i64 @llvm.smax.i64(i64 {loaded}, i64 0)", "arg")

    def _results(self) -> None:
        """Ordinary results first: they may be copies of buffers that are then written back to."""
        body = self.function.body
        order = sorted(range(len(body.results)), key=lambda k: self.function.written[k] is not None)
        late: list[tuple[int, Buffer]] = []
        for k in order:
            v, written, at = body.results[k], self.function.written[k], self.layout.results[k]
            if v.type.is_scalar:
                self.store_scalar(self.scope.scalar(v), v, at)
                continue
            buffer = self.scope.buffer(v)
            if written is not None:
                if (body, k) not in self.plan.taken:
                    if self.plan.storage[v].find().kind == "parameter":
                        buffer = self.copied(buffer, None)
                    late.append((written, buffer))
                continue
            if (body, k) not in self.plan.taken:
                buffer = self.copied(buffer, v)
            self.release(buffer.pointer)
            self.text.do(f"store ptr {buffer.pointer}, ptr {self.frame_pointer(at)}")
            for j, n in enumerate(buffer.extents):
                self.text.do(f"store i64 {n}, ptr {self.frame_pointer(at + 1 + j)}")
        for written, buffer in late:
            self._write_back(buffer, self.function.params[written])
        self.free_at_end(body)
        if self.allocations:
            self.text.do("call void @wg_free_all(ptr %live)")

    def _write_back(self, source: Buffer, parameter: Value) -> None:
        """Copy to the caller's array; its extents were fixed by the call, so they must agree."""
        target = self.scope.buffer(parameter)
        for n, m in zip(source.extents, target.extents, strict=True):
            if n != m:
                equal = self.text.value(f"icmp eq i64 {n}, {m}")
                self.check(equal, Fault("shape", None), n, m)
        self.copy(source, target)

    def store_scalar(self, operand: str, value: Value, word: int) -> None:
        kind, type_ = value.type.dtype.kind, memory_type(value.type.dtype)
        if kind == "b":
            operand = self.text.value(f"zext i1 {operand} to i8")
        self.text.do(f"store {type_} {operand}, ptr {self.frame_pointer(word)}")

    # -- faults

    def _fail_phis(self) -> None:
        self.fail_code, self.fail_a, self.fail_b = (Phi(f"%fail_{k}", "i64") for k in ("code", "a", "b"))

    def check(self, condition: str, fault: Fault, a: str = "0", b: str = "0") -> None:
        """Leave with a fault unless the condition holds; a, b: i64 operands of its message."""
        self.faults.append(fault)
        self.leave_unless(condition, str(len(self.faults)), a, b)

    def leave_unless(self, condition: str, code: str, a: str = "0", b: str = "0") -> None:
        """Code 0: interrupted."""
        after = self.text.fresh("ok")
        if self.bail is not None and code != "0":
            label, phi, value = self.bail
            phi.add(value, self.text.block)
            self.text.branch_if(condition, after, label, COLD)
            self.text.label(after)
            return
        for phi, value in ((self.fail_code, code), (self.fail_a, a), (self.fail_b, b)):
            phi.add(value, self.text.block)
        self.text.branch_if(condition, after, "fail", COLD)
        self.text.label(after)

    def _finish(self) -> None:
        if self.allocations:
            slots = 2 * self.allocations + 2 * len(self.plan.slots) + 8
            self.text.entry[:0] = [f"  %live = alloca [{slots + 1} x ptr], align 16"]
            self.text.entry += [
                f"  call void @llvm.memset.p0.i64(ptr align 16 %live, i8 0, i64 {8 * slots + 8}, i1 false)",
                f"  store i64 {slots}, ptr %live",
            ]
            self.module.declare("llvm.memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            self.module.declare("wg_free_all", "declare void @wg_free_all(ptr)")
        if not self.fail_code.incoming:
            return
        self.text.label("fail")
        self.text.lines += [self.fail_code, self.fail_a, self.fail_b]
        for word, phi in enumerate((self.fail_code, self.fail_a, self.fail_b)):
            self.text.do(f"store i64 {phi.name}, ptr {self.frame_pointer(word)}")
        if self.allocations:
            self.text.do("call void @wg_free_all(ptr %live)")
        interrupted = self.text.value(f"icmp eq i64 {self.fail_code.name}, 0")
        self.text.do(f"ret i32 {self.text.value(f'select i1 {interrupted}, i32 2, i32 1')}")

    def fuel_pointer(self) -> str:
        """Where it is counted how much work is left before the next look for an interrupt, then who is to look."""
        if not self.fuel:
            self.fuel = self.text.alloca("[2 x i64]", "fuel")
            self.text.entry.append(f"  store [2 x i64] [i64 {FUEL}, i64 0], ptr {self.fuel}")
            if self.context != "0":
                second = self.text.at_entry(f"getelementptr i64, ptr {self.fuel}, i64 1")
                self.text.entry.append(f"  store i64 {self.context}, ptr {second}")
        return self.fuel

    def loop_metadata(self) -> str:
        """What to append to the latch of a loop whose marked accesses are independent."""
        return f"!llvm.loop {self.module.node(f'!{{self, {parallel_nodes(self.module)[1]}}}')}"

    # -- memory

    def _number_aliases(self) -> None:
        """Read-only parameters may overlap each other: they share class 1. Class 0 says nothing."""
        self._alias_number: dict[Storage, int] = {}
        for storage in self.plan.storage.values():
            own = storage.alias_group()
            read_only = own.kind == "parameter" and not own.writable
            self._alias_number.setdefault(own, 1 if read_only else len(self._alias_number) + 2)
        numbers = sorted(set(self._alias_number.values()))
        self.scope.aliases = {}
        if len(numbers) < 2 or len(numbers) > 100:
            return
        domain = self.module.node("!{self}")
        scopes = {n: self.module.node(f"!{{self, {domain}}}") for n in numbers}
        for n in numbers:
            others = self.module.node("!{" + ", ".join(scopes[m] for m in numbers if m != n) + "}")
            own_list = self.module.node(f"!{{{scopes[n]}}}")
            self.scope.aliases[n] = f", !alias.scope {own_list}, !noalias {others}"

    def alias_of(self, value: Value) -> int:
        return self._alias_number.get(self.plan.storage[value].alias_group(), 0)

    def allocate(self, value: Value) -> Buffer:
        """The buffer that the plan gives a newly stored value, its elements undefined."""
        storage = self.plan.storage[value].find()
        extents = tuple(self.scope.extents(value))
        return self._within(value, extents) if value in self.plan.within else self.allocate_for(storage, value, extents)

    def _within(self, value: Value, extents: tuple[str, ...]) -> Buffer:
        base, _, *starts = self.plan.within[value].operands
        tape = self.scope.buffer(base)
        where = address(self.scope, tape, [self.scope.scalar(v) for v in starts])
        return Buffer(tape.dtype, where, extents, None, tape.alias)

    def allocate_for(self, storage: Storage, value: Value, extents: tuple[str, ...]) -> Buffer:
        dtype = value.type.dtype
        if storage.kind == "stack":
            if storage not in self.stack:
                count = self.scope.index.product(extents)
                self.stack[storage] = self.text.alloca(f"[{count} x {memory_type(dtype)}]", "stack", 16)
            pointer = self.stack[storage]
        elif value in self.spare:
            pointer = self.spare[value]
        elif storage.hoisted is not None:
            pointer = self.hoisted[storage]
        else:
            pointer = self.allocate_pointer(value, extents)
        strides = None if storage.kind == "stack" else self.target.strides(self, extents)
        return Buffer(dtype, pointer, extents, strides, self._alias_number.get(storage.alias_group(), 0))

    def allocate_pointer(self, value: Value, extents: Sequence[str], what: str = "allocation") -> str:
        self.allocations += 1
        self.statistics.counts.append(Count(what, self.depth, self.op))
        size = value.type.dtype.bits // 8
        return self.target.allocate(self, self._checked_count(extents), size)

    def _checked_count(self, extents: Sequence[str]) -> str:
        """The product, or more than any memory where it does not fit."""
        total, overflow = "1", ""
        for n in extents:
            if "1" in (total, n) or (total.isdigit() and n.isdigit()):
                total = self.scope.index.multiply(total, n)
                continue
            pair = self.text.value(f"call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 {total}, i64 {n})")
            self.module.declare("llvm.umul", "declare { i64, i1 } @llvm.umul.with.overflow.i64(i64, i64)")
            total = self.text.value(f"extractvalue {{ i64, i1 }} {pair}, 0")
            flag = self.text.value(f"extractvalue {{ i64, i1 }} {pair}, 1")
            overflow = flag if not overflow else self.text.value(f"or i1 {overflow}, {flag}")
        return self.text.value(f"select i1 {overflow}, i64 {2**62}, i64 {total}") if overflow else total

    def free(self, value: Value) -> None:
        if value in self.scope.buffers:
            self.target.free(self, self.scope.buffers[value].pointer)

    def release(self, pointer: str) -> None:
        """The buffer becomes the caller's."""
        self.module.declare("wg_release", "declare void @wg_release(ptr, ptr)")
        self.text.do(f"call void @wg_release(ptr %live, ptr {pointer})")

    def copied(self, source: Buffer, value: Value | None) -> Buffer:
        """A row-major copy of a buffer, from the heap."""
        self.allocations += 1
        self.statistics.counts.append(Count("allocation", self.depth, self.op))
        pointer = self.target.allocate(self, self._checked_count(source.extents), source.dtype.bits // 8)
        made = Buffer(source.dtype, pointer, source.extents, self.target.strides(self, source.extents))
        self.copy(source, made)
        return made

    def copy(self, source: Buffer, target: Buffer) -> None:
        """Copy all elements; the buffers have the same extents."""
        self.statistics.counts.append(Count("copy", self.depth, self.op))
        if source.strides is None and target.strides is None:
            self.target.copy(self, source, target)
            return
        self.run_map(target.extents, copy_body(source, target))

    # -- nests

    def run_map(
        self,
        extents: Sequence[str],
        body: Callable[[Scope, list[str]], str | None],
        weight: int = 1,
        across: int | None = None,
    ) -> None:
        self.target.run(self, Nest(tuple(extents), body, weight, across=across))

    def store_value(self, value: Value) -> Buffer:
        """Compute all elements of a virtual-kind value into its buffer."""
        buffer = self.allocate(value)
        if is_undefined(value):
            pass
        elif value.type.rank > 1 and buffer.strides is None and is_flat(self.scope, value):
            self.run_map((self.scope.index.product(buffer.extents),), flat_body(buffer, value), self.weight(value))
        else:
            self.run_map(buffer.extents, fill_body(buffer, value), self.weight(value), crossed_axis(self.scope, value))
        self.scope.buffers[value] = buffer
        return buffer

    def weight(self, value: Value, seen: set[Value] | None = None) -> int:
        """Rough cost of an element of a value that is being computed."""
        seen = set() if seen is None else seen
        op = value.owner
        if op is None or value in seen:
            return 1
        seen.add(value)
        inner = (v for v in op.operands if v.type.is_array and not self.scope.is_stored(v))
        return 1 + op_cost(op) + sum(self.weight(v, seen) for v in inner)


def copy_body(source: Buffer, target: Buffer) -> Callable[[Scope, list[str]], str | None]:
    def body(scope: Scope, index: list[str]) -> None:
        a, b = scope.outer_buffer(source), scope.outer_buffer(target)
        store(scope, b, address(scope, b, index), load(scope, a, address(scope, a, index)))

    return body


def symbol(function: Function) -> str:
    """The LLVM name of a function."""
    return "wg_" + "".join(c if c.isalnum() else "_" for c in function.name)


# -- ops of no family of their own


def _constant(host: HostEmitter, op: Op) -> None:
    host.scope.scalars[op.result] = constant_text(op.attrs["value"], op.result.type.dtype)


def _element_wise(host: HostEmitter, op: Op) -> None:
    """Element-wise ops, views, iota, reshape: scalars at once, stored arrays by a nest, virtual ones not at all."""
    if op.result.type.is_scalar:
        operands = [host.scope.scalar(v) for v in op.operands]
        host.scope.scalars[op.result] = emit_row(host.text, host.scope.dialect, op, operands)
    elif op.result in host.plan.stored:
        host.store_value(op.result)


def _load(host: HostEmitter, op: Op) -> None:
    if op in host.held:
        host.scope.scalars[op.result] = host.held[op]
        return
    array, *index = op.operands
    host.scope.scalars[op.result] = Elements(host.scope).at(array, [host.scope.scalar(i) for i in index])


def _dim(host: HostEmitter, op: Op) -> None:
    host.scope.scalars[op.result] = host.scope.extent(op.operands[0], op.attrs["axis"])


EMIT: dict[str, Callable[[HostEmitter, Op], None]] = {
    "constant": _constant,
    "elementwise": _element_wise,
    "view": _element_wise,
    "source": _element_wise,
    "reshape": _element_wise,
    "load": _load,
    "dim": _dim,
}
"""How each op is emitted: by its name, or by its row's kind. The family files add theirs (see emit/families.py)."""
