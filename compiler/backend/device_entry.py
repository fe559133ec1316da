"""The entry of a kernel: which iterations a thread does, on NVPTX and on the simulated GPU.

    grid       thread t does iteration t; where threads have memory of their own, T of them do iterations t, t + T, ...
    plane      threads and iterations have two indices; a thread does several rows, of one column
    chunk      a block does the next `CHUNK` iterations, its threads one after the other: short ones, four a thread
    combine    one iteration a thread; the values of `group` threads beside each other are combined, in a fixed order
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from wengert.compiler.backend.device_memory import BLOCK, CHUNK
from wengert.compiler.backend.device_outline import Kernel
from wengert.compiler.backend.device_scratch import Scratch
from wengert.compiler.backend.emit.host import FrameLayout, symbol
from wengert.compiler.backend.emit.nest import combine_operands, identity_of
from wengert.compiler.backend.emit.text import Module, Text, memory_type, part_type
from wengert.compiler.backend.simulator import DEVICE_BIT
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.types import DType

_REGISTERS = ("tid", "ctaid", "ntid", "nctaid")
"""CUDA's: the thread in its block, the block in the grid, threads of a block, blocks of the grid."""


class Entry:
    """How a kernel begins on a target: its header, its arguments, its thread."""

    def header(self, name: str, types: Sequence[str], read_only: Container[int], resident: int) -> str:
        """read_only: the arguments that are addresses of what no thread writes. Outputs alias nothing. resident: see Kernel."""
        raise NotImplementedError

    def arguments(self, text: Text, types: Sequence[str]) -> list[str]:
        """Operands for the arguments; addresses as plain `ptr`."""
        raise NotImplementedError

    def register(self, text: Text, name: str, axis: str) -> str:
        """A special register (see `_REGISTERS`) along "x" or "y", as i64."""
        raise NotImplementedError

    def thread(self, text: Text, axis: str = "x") -> tuple[str, str]:
        """(number of this thread among all, number of all) along an axis, as i64."""
        tid, block, width, blocks = (self.register(text, r, axis) for r in _REGISTERS)
        first = text.value(f"add i64 {text.value(f'mul i64 {block}, {width}')}, {tid}")
        return first, text.value(f"mul i64 {blocks}, {width}")

    def block_row(self, text: Text) -> str:
        """Number of this block along y, counted through the layers of a grid, as i64."""
        raise NotImplementedError

    def record(self, text: Text, errors: str, code: str) -> str:
        """Put the code into the error record if it is the first; returns an i1, whether it was."""
        raise NotImplementedError

    def combine(self, text: Text, name: str, how: str, dtype: DType, value: str, group: str, count: str, out: str) -> None:
        """Combine the values of the threads of each `group` (a power of two up to the block's size) in shared memory `name`,
        and store what comes out as element (thread / group) of `out`, where the thread is below `count`."""
        raise NotImplementedError

    shared, unset = "", "zeroinitializer"
    """The address space of a block's shared memory, and what it holds at first."""


class NvptxEntry(Entry):
    def header(self, name: str, types: Sequence[str], read_only: Container[int], resident: int) -> str:
        shown = ["ptr addrspace(1) noalias" if t == "ptr" else t for t in types]
        for k, type_ in enumerate(types):
            if type_ == "ptr" and k in read_only:
                shown[k] += " readonly"
        bounds = f' "nvvm.maxntid"="{BLOCK}" "nvvm.minctasm"="{resident}"' if resident else ""
        return f"define ptx_kernel void @{name}({', '.join(f'{t} %a{k}' for k, t in enumerate(shown))}){bounds}"

    def arguments(self, text: Text, types: Sequence[str]) -> list[str]:
        return [
            text.value(f"addrspacecast ptr addrspace(1) %a{k} to ptr") if t == "ptr" else f"%a{k}"
            for k, t in enumerate(types)
        ]

    def register(self, text: Text, name: str, axis: str) -> str:
        intrinsic = f"llvm.nvvm.read.ptx.sreg.{name}.{axis}"
        text.module.declare(intrinsic, f"declare i32 @{intrinsic}()")
        return text.value(f"zext i32 {text.value(f'call i32 @{intrinsic}()')} to i64")

    def block_row(self, text: Text) -> str:
        layer = text.value(f"mul i64 {self.register(text, 'ctaid', 'z')}, {self.register(text, 'nctaid', 'y')}")
        return text.value(f"add i64 {layer}, {self.register(text, 'ctaid', 'y')}")

    def record(self, text: Text, errors: str, code: str) -> str:
        pair = text.value(f"cmpxchg ptr {errors}, i64 0, i64 {code} monotonic monotonic")
        return text.value(f"extractvalue {{ i64, i1 }} {pair}, 1")


    shared, unset = "addrspace(3) ", "undef"

    def combine(self, text: Text, name: str, how: str, dtype: DType, value: str, group: str, count: str, out: str) -> None:
        """By halves, each step between two barriers."""
        barrier, type_, size = "llvm.nvvm.barrier0", memory_type(dtype), dtype.bits // 8
        text.module.declare(barrier, f"declare void @{barrier}() convergent nounwind")
        thread = self.register(text, "tid", "x")
        mine = text.value(f"getelementptr {type_}, ptr addrspace(3) @{name}, i64 {thread}")
        text.do(f"store {type_} {value}, ptr addrspace(3) {mine}, align {size}")
        within = text.value(f"and i64 {thread}, {text.value(f'sub i64 {group}, 1')}")
        head, body, add, join, done = (text.fresh(n) for n in ("halves", "half", "add", "both", "combined"))
        first, before = text.value(f"lshr i64 {group}, 1"), text.block
        text.branch(head)
        text.label(head)
        width = text.phi("i64", "width")
        width.add(first, before)
        text.do(f"call void @{barrier}()")
        text.branch_if(text.value(f"icmp ne i64 {width.name}, 0"), body, done)
        text.label(body)
        text.branch_if(text.value(f"icmp ult i64 {within}, {width.name}"), add, join)
        text.label(add)
        other = text.value(f"getelementptr {type_}, ptr addrspace(3) {mine}, i64 {width.name}")
        _combine_into(text, how, dtype, "ptr addrspace(3)", mine, other)
        text.branch(join)
        text.label(join)
        width.add(text.value(f"lshr i64 {width.name}, 1"), join)
        text.branch(head)
        text.label(done)
        block = self.register(text, "ctaid", "x")
        number = text.value(f"add i64 {text.value(f'mul i64 {block}, {BLOCK}')}, {thread}")
        chosen = text.value(f"icmp eq i64 {within}, 0")
        chosen = text.value(f"and i1 {chosen}, {text.value(f'icmp ult i64 {number}, {count}')}")
        write, end = text.fresh("write"), text.fresh("end")
        text.branch_if(chosen, write, end)
        text.label(write)
        result = text.value(f"load {type_}, ptr addrspace(3) {mine}, align {size}")
        where = _at(text, dtype, out, _shifted(text, number, group))
        text.do(f"store {type_} {result}, ptr {where}, align {size}")
        text.branch(end)
        text.label(end)


class SimulatedEntry(Entry):
    def header(self, name: str, types: Sequence[str], read_only: Container[int], resident: int) -> str:
        place = ", ".join(f"i32 %{register}.{axis}" for register in _REGISTERS for axis in "xy")
        return f"define void @{name}(ptr %params, {place})"

    def arguments(self, text: Text, types: Sequence[str]) -> list[str]:
        made = []
        for k, type_ in enumerate(types):
            where = text.value(f"load ptr, ptr {text.value(f'getelementptr ptr, ptr %params, i64 {k}')}")
            if type_ != "ptr":
                made.append(text.value(f"load {type_}, ptr {where}"))
                continue
            bits = text.value(f"and i64 {text.value(f'load i64, ptr {where}')}, {~DEVICE_BIT}")
            made.append(text.value(f"inttoptr i64 {bits} to ptr"))
        return made

    def register(self, text: Text, name: str, axis: str) -> str:
        return text.value(f"zext i32 %{name}.{axis} to i64")

    def block_row(self, text: Text) -> str:
        return self.register(text, "ctaid", "y")  # counted through by the launcher

    def record(self, text: Text, errors: str, code: str) -> str:
        first = text.value(f"icmp eq i64 {text.value(f'load i64, ptr {errors}')}, 0")
        chosen = text.value(f"select i1 {first}, i64 {code}, i64 {text.value(f'load i64, ptr {errors}')}")
        text.do(f"store i64 {chosen}, ptr {errors}")
        return first

    def combine(self, text: Text, name: str, how: str, dtype: DType, value: str, group: str, count: str, out: str) -> None:
        """In the order of the real one, by the last thread of the block, which then does all the groups' work."""
        type_, size = memory_type(dtype), dtype.bits // 8
        thread = self.register(text, "tid", "x")
        text.do(f"store {type_} {value}, ptr {_at(text, dtype, f'@{name}', thread)}, align {size}")
        last, done = text.fresh("last"), text.fresh("combined")
        names = ("halves", "half", "each", "add", "next", "narrower", "results", "result", "write")
        halves, half, each, add, following, narrower, results, out_each, write = (text.fresh(n) for n in names)
        text.branch_if(text.value(f"icmp eq i64 {thread}, {BLOCK - 1}"), last, done)
        text.label(last)
        first = text.value(f"lshr i64 {group}, 1")
        mask = text.value(f"sub i64 {group}, 1")
        text.branch(halves)
        text.label(halves)
        width = text.phi("i64", "width")
        width.add(first, last)
        text.branch_if(text.value(f"icmp ne i64 {width.name}, 0"), half, results)
        text.label(half)
        text.branch(each)
        text.label(each)
        k = text.phi("i64", "k")
        k.add("0", half)
        within = text.value(f"and i64 {k.name}, {mask}")
        text.branch_if(text.value(f"icmp ult i64 {within}, {width.name}"), add, following)
        text.label(add)
        here = _at(text, dtype, f"@{name}", k.name)
        _combine_into(text, how, dtype, "ptr", here, _at(text, dtype, here, width.name))
        text.branch(following)
        text.label(following)
        more = text.value(f"add i64 {k.name}, 1")
        k.add(more, following)
        text.branch_if(text.value(f"icmp ult i64 {more}, {BLOCK}"), each, narrower)
        text.label(narrower)
        width.add(text.value(f"lshr i64 {width.name}, 1"), narrower)
        text.branch(halves)
        text.label(results)
        block = text.value(f"mul i64 {self.register(text, 'ctaid', 'x')}, {BLOCK}")
        text.branch(out_each)
        text.label(out_each)
        t = text.phi("i64", "t")
        t.add("0", results)
        number = text.value(f"add i64 {block}, {t.name}")
        text.branch_if(text.value(f"icmp ult i64 {number}, {count}"), write, done)
        text.label(write)
        result = text.value(f"load {type_}, ptr {_at(text, dtype, f'@{name}', t.name)}, align {size}")
        where = _at(text, dtype, out, _shifted(text, number, group))
        text.do(f"store {type_} {result}, ptr {where}, align {size}")
        onward = text.value(f"add i64 {t.name}, {group}")
        t.add(onward, write)
        text.branch_if(text.value(f"icmp ult i64 {onward}, {BLOCK}"), out_each, done)
        text.label(done)


def _shifted(text: Text, number: str, group: str) -> str:
    """number / group, a power of two."""
    text.module.declare("llvm.cttz.i64", "declare i64 @llvm.cttz.i64(i64, i1)")
    return text.value(f"lshr i64 {number}, {text.value(f'call i64 @llvm.cttz.i64(i64 {group}, i1 true)')}")


def _at(text: Text, dtype: DType, base: str, position: str) -> str:
    return text.value(f"getelementptr {memory_type(dtype)}, ptr {base}, i64 {position}")


def _combine_into(text: Text, how: str, dtype: DType, pointer: str, target: str, other: str) -> None:
    """*target = *target combined with *other."""
    type_, size = memory_type(dtype), dtype.bits // 8
    a, b = (text.value(f"load {type_}, {pointer} {p}, align {size}") for p in (target, other))
    if dtype.kind == "b":
        a, b = (text.value(f"icmp ne i8 {v}, 0") for v in (a, b))
    both = combine_operands(text, how, dtype, a, b)
    if dtype.kind == "b":
        both = text.value(f"zext i1 {both} to i8")
    text.do(f"store {type_} {both}, {pointer} {target}, align {size}")


def parameters(v: Value) -> list[str]:
    """The LLVM types of the arguments a value is passed by."""
    if v.type.is_array:
        return ["ptr", *["i64"] * v.type.rank]
    if v.type.dtype.kind == "c":
        return [part_type(v.type.dtype)] * 2
    return [memory_type(v.type.dtype)]


@dataclass(frozen=True, slots=True)
class Together:
    """Several iterations as one function, whose parameters begin with their (first) indices; it cannot fail."""

    function: Function
    layout: FrameLayout
    count: int


class EntryWriter:
    """Writes the entry of one kernel, around its iteration, a function that takes a frame."""

    def __init__(
        self,
        number: int,
        kernel: Kernel,
        module: Module,
        entry: Entry,
        params: Sequence[Value],
        layout: FrameLayout,
        scratch: Scratch | None,
    ):
        self.number, self.kernel, self.module, self.entry, self.scratch = number, kernel, module, entry, scratch
        self.params, self.layout = params[kernel.indices :], layout
        self.places = layout.params[kernel.indices :]
        self.together: Together | None = None
        self.types = ["i64", "ptr", *(t for v in self.params for t in parameters(v))]
        writable = 2 + sum(len(parameters(v)) for v in self.params[: kernel.outputs])
        read_only = range(writable, len(self.types))
        self.types += ["ptr", "i64"] if scratch is not None else []
        self.text = Text(module, entry.header(kernel.name, self.types, read_only, kernel.resident))

    def write(self) -> str:
        text = self.text
        text.begin()
        self.count, self.errors, *self.rest = self.entry.arguments(text, self.types)
        self.frame = text.alloca(f"[{self.layout.words + 4} x i64]", "frame", 16)  # see ThreadTarget._frame_end
        if self.together is not None:
            self.wide_frame = text.alloca(f"[{self.together.layout.words} x i64]", "wide", 16)
        self.done = text.fresh("done")
        if self.kernel.combine is not None:
            self._combine(*self.kernel.combine)
        elif self.kernel.chunk:
            self._fill_frame()
            self._chunk()
        elif self.kernel.columns is not None:
            self._fill_frame()
            self._plane()
        else:
            self._fill_frame()
            self._grid()
        text.label(self.done)
        text.do("ret void")
        return str(text)

    def _word(self, base: str, word: int) -> str:
        return self.text.value(f"getelementptr i64, ptr {base}, i64 {word}")

    def _fill_frame(self, outputs: Sequence[str] = ()) -> None:
        """The arguments into the frames; `outputs`: addresses of single elements that stand for the first ones."""
        self._fill(self.frame, self.places, outputs)
        if self.together is not None:
            first = self.kernel.indices - 1 + self.together.count
            self._fill(self.wide_frame, self.together.layout.params[first:], outputs)

    def _fill(self, frame: str, places: Sequence[int], outputs: Sequence[str]) -> None:
        text, position = self.text, 0
        self.columns = str(-(self.kernel.columns or 0))
        for number, (v, at) in enumerate(zip(self.params, places, strict=True), 1):
            if number == self.kernel.columns:
                self.columns = self.rest[position]
            for k, type_ in enumerate(parameters(v)):
                where = self._word(frame, at + k)
                if v.type.is_scalar and k:  # the imaginary part follows the real one
                    where = text.value(f"getelementptr {type_}, ptr {self._word(frame, at)}, i64 1")
                given = self.rest[position]
                if number <= len(outputs):
                    given = outputs[number - 1] if k == 0 else "1"
                text.do(f"store {type_} {given}, ptr {where}")
                position += 1

    def _iteration(self, i: str, following: str, failed: str, index: int = -1) -> None:
        """Do iteration i (the index of that number), then go to `following`; where it fails, after the fault is recorded, to
        `failed`."""
        text = self.text
        record, mine = text.fresh("failed"), text.fresh("mine")
        text.do(f"store i64 {i}, ptr {self._word(self.frame, self.layout.params[range(self.kernel.indices)[index]])}")
        status = text.value(f"call i32 @{symbol(self.kernel.iteration)}(ptr {self.frame})")
        text.branch_if(text.value(f"icmp eq i32 {status}, 0"), following, record)
        text.label(record)
        fault = text.value(f"load i64, ptr {self.frame}")
        first = self.entry.record(text, self.errors, text.value(f"add i64 {fault}, {self.number << 32}"))
        text.branch_if(first, mine, failed)
        text.label(mine)
        for word in (1, 2):
            operand = text.value(f"load i64, ptr {self._word(self.frame, word)}")
            text.do(f"store i64 {operand}, ptr {self._word(self.errors, word)}")
        text.branch(failed)

    def _each(self, iterations: Sequence[str], index: int = -1, rest: str = "") -> None:
        """Do these iterations (the indices of that number), several together where there is a function for that; the frame
        has the other index, `rest`."""
        text, several = self.text, self.together
        if several is None:
            for i in iterations:
                following = text.fresh("next")
                self._iteration(i, following, self.done, index)
                text.label(following)
            return
        places = several.layout.params
        if rest:
            text.do(f"store i64 {rest}, ptr {self._word(self.wide_frame, places[several.count])}")
        for k in range(0, len(iterations), several.count):
            for i, at in zip(iterations[k : k + several.count], places, strict=False):
                text.do(f"store i64 {i}, ptr {self._word(self.wide_frame, at)}")
            text.value(f"call i32 @{symbol(several.function)}(ptr {self.wide_frame})")

    def _loop(self, first: str, end: str, step: str, after: str, index: int = -1) -> None:
        """Iterations first, first + step, ... below end, then on to `after`."""
        text = self.text
        head, body, following = (text.fresh(n) for n in ("head", "body", "next"))
        before = text.block
        text.branch(head)
        text.label(head)
        i = text.phi("i64", "i")
        i.add(first, before)
        text.branch_if(text.value(f"icmp slt i64 {i.name}, {end}"), body, after)
        text.label(body)
        self._iteration(i.name, following, self.done, index)
        text.label(following)
        i.add(text.value(f"add i64 {i.name}, {step}"), text.block)
        text.branch(head)

    def _grid(self) -> None:
        first, step = self.entry.thread(self.text)
        if self.scratch is not None:
            self._give_scratch(first, step)
            self._loop(first, self.count, step, self.done)
            return
        only = self.text.fresh("only")  # what a loop around it would keep in registers leaves room for more threads
        self.text.branch_if(self.text.value(f"icmp slt i64 {first}, {self.count}"), only, self.done)
        self.text.label(only)
        following = self.text.fresh("next")
        self._iteration(first, following, self.done)
        self.text.label(following)
        self.text.branch(self.done)

    def _plane(self) -> None:
        """No loop, so that a thread has little to do beside its rows, which are a block's height apart."""
        text, entry, rows = self.text, self.entry, self.kernel.rows
        column, _ = entry.thread(text, "x")
        height = entry.register(text, "ntid", "y")
        block = text.value(f"mul i64 {entry.block_row(text)}, {text.value(f'mul i64 {height}, {rows}')}")
        first = text.value(f"add i64 {block}, {entry.register(text, 'tid', 'y')}")
        across, whole, part = (text.fresh(n) for n in ("across", "whole", "part"))
        text.branch_if(text.value(f"icmp slt i64 {column}, {self.columns}"), across, self.done)
        text.label(across)
        text.do(f"store i64 {column}, ptr {self._word(self.frame, self.layout.params[1])}")
        every = [first]
        for _ in range(1, rows):
            every.append(text.value(f"add i64 {every[-1]}, {height}"))
        text.branch_if(text.value(f"icmp slt i64 {every[-1]}, {self.count}"), whole, part if rows > 1 else self.done)
        text.label(whole)
        self._each(every, 0, column)
        text.branch(self.done)
        if rows > 1:
            text.label(part)
            self._loop(first, self.count, height, self.done, index=0)

    def _give_scratch(self, thread: str, threads: str) -> None:
        text, scratch, end = self.text, self.scratch, self.layout.words
        assert scratch is not None
        base, size = self.rest[-2:]
        if scratch.interleaved:
            size = text.value(f"mul i64 {size}, {threads}")
        else:
            offset = text.value(f"mul i64 {text.value(f'mul i64 {thread}, {scratch.slots}')}, {size}")
            base = text.value(f"getelementptr i8, ptr {base}, i64 {offset}")
        for word, operand in enumerate((f"ptr {base}", f"i64 {size}", f"i64 {threads}", f"i64 {thread}")):
            text.do(f"store {operand}, ptr {self._word(self.frame, end + word)}")

    def _chunk(self) -> None:
        """A whole chunk is a loop of four iterations, unrolled, so that their loads are under way together."""
        text, entry = self.text, self.entry
        thread = entry.register(text, "tid", "x")
        begin = text.value(f"mul i64 {entry.register(text, 'ctaid', 'x')}, {CHUNK}")
        end = text.value(f"add i64 {begin}, {CHUNK}")
        first = text.value(f"add i64 {begin}, {thread}")
        whole, part = text.fresh("whole"), text.fresh("part")
        text.branch_if(text.value(f"icmp sle i64 {end}, {self.count}"), whole, part)
        text.label(whole)
        self._each([first, *(text.value(f"add i64 {first}, {k * BLOCK}") for k in range(1, CHUNK // BLOCK))])
        text.branch(self.done)
        text.label(part)
        self._loop(first, self.count, str(BLOCK), self.done)

    def _combine(self, how: str, group: int) -> None:
        text, entry = self.text, self.entry
        dtypes = [v.type.dtype for v in self.params[: self.kernel.outputs]]
        locals_ = [text.alloca(memory_type(dtype), "value", 16) for dtype in dtypes]
        self._fill_frame(locals_)
        for dtype, local in zip(dtypes, locals_, strict=True):
            neutral = identity_of(how, dtype)
            if dtype.kind == "b":
                neutral = str(int(neutral == "true"))
            text.do(f"store {memory_type(dtype)} {neutral}, ptr {local}, align {dtype.bits // 8}")
        lanes, places, at = str(-group), list[int](), 0
        for number, v in enumerate(self.params, 1):
            places.append(at)
            if number == group:
                lanes = self.rest[at]
            at += len(parameters(v))
        i, _ = entry.thread(text)
        go, meet = text.fresh("go"), text.fresh("meet")
        text.branch_if(text.value(f"icmp slt i64 {i}, {self.count}"), go, meet)
        text.label(go)
        self._iteration(i, meet, meet)
        text.label(meet)
        for k, (dtype, local) in enumerate(zip(dtypes, locals_, strict=True)):
            type_ = memory_type(dtype)
            value = text.value(f"load {type_}, ptr {local}, align {dtype.bits // 8}")
            name = f"wg_shared_{self.number}_{k}"
            shared = f"{entry.shared}global [{BLOCK} x {type_}] {entry.unset}"
            self.module.globals.append(f"@{name} = internal {shared}, align 16")
            entry.combine(text, name, how, dtype, value, lanes, self.count, self.rest[places[k]])
        text.branch(self.done)
