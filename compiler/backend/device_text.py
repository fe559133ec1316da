"""Kernels as LLVM text, for NVPTX and for the simulated GPU. Both wrap the same function, one iteration, that the CPU's
emitter writes (emit/host.py): its frame is filled here, on the thread's stack, where it dissolves into registers.

    define ptx_kernel void @k(i64 %count, ptr addrspace(1) %errors, ptr addrspace(1) %out, i64 %n, ...)
        for i in range(thread, count, threads): fill the frame; call @wg_k; record the first fault of all threads
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.bufferise import Plan, bufferise
from wengert.compiler.backend.device_outline import Kernel
from wengert.compiler.backend.device_scratch import Scratch, scratch_sizes
from wengert.compiler.backend.device_thread import ThreadTarget
from wengert.compiler.backend.emit import families  # noqa: F401  (it fills EMIT)
from wengert.compiler.backend.emit.host import Fault, FrameLayout, HostEmitter, symbol
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import Module, Text, memory_type, part_type
from wengert.compiler.backend.lower import lower
from wengert.compiler.backend.memory import plan_memory
from wengert.compiler.backend.simulator import DEVICE_BIT
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import DType
from wengert.compiler.ir.verify import verify


@dataclass(frozen=True, slots=True)
class KernelText:
    """text: an LLVM module with every kernel. faults[k][f - 1]: what fault f of kernel k is."""

    text: str
    names: tuple[str, ...]
    faults: tuple[tuple[Fault, ...], ...]
    scratch: tuple[Scratch | None, ...]


def kernels_for_nvptx(kernels: Sequence[Kernel]) -> KernelText:
    module = Module(nvptx.TRIPLE, nvptx.DATA_LAYOUT)
    made = _write(kernels, module, NvptxEntry(), NvptxDialect)
    return KernelText(_with_libdevice_fmod(made.text), made.names, made.faults, made.scratch)


def kernels_for_simulator(kernels: Sequence[Kernel]) -> KernelText:
    return _write(kernels, Module(), SimulatedEntry(), lambda shared: Dialect())


def _write(kernels: Sequence[Kernel], module: Module, entry: Entry, dialect) -> KernelText:  # type: ignore[no-untyped-def]
    made = [_kernel(number, kernel, module, entry, dialect(kernel.shared)) for number, kernel in enumerate(kernels)]
    names, faults, scratch = (k.name for k in kernels), (f for f, _ in made), (s for _, s in made)
    return KernelText(str(module), tuple(names), tuple(faults), tuple(scratch))


def _kernel(
    number: int, kernel: Kernel, module: Module, entry: Entry, dialect: Dialect
) -> tuple[tuple[Fault, ...], Scratch | None]:
    function = verify(lower(kernel.iteration), "lower of a kernel")
    plan = plan_memory(bufferise(function))
    _check_in_place(plan, kernel)
    sizes = scratch_sizes(plan, kernel.indices)
    target = ThreadTarget(dialect, sizes is not None)
    emitter = HostEmitter(plan, module, target, [True] * len(function.params))
    if isinstance(dialect, NvptxDialect):
        outputs = function.params[kernel.indices : kernel.indices + kernel.outputs]
        dialect.is_shared = lambda base: any(emitter.scope.buffers[p].pointer == base for p in outputs)
    emitter.text.header = f"define internal i32 @{symbol(function)}(ptr noalias %frame) nounwind alwaysinline"
    emitter.emit()
    target.finish(module)
    slots = 2 * emitter.allocations + 2 * len(plan.slots) + 8  # as many as the emitter's table of what is live has
    scratch = Scratch(slots, sizes) if sizes and target.allocates else None
    module.functions.append(_entry(number, kernel, module, entry, function.params, emitter.layout, scratch))
    return tuple(emitter.faults), scratch


def _check_in_place(plan: Plan, kernel: Kernel) -> None:
    """Threads share the outputs: a thread with a copy of its own would write the others' elements back too."""
    if kernel.one_thread:
        return
    body = plan.function.body
    for k, v in enumerate(body.results):
        storage = plan.storage[v].find()
        if (body, k) in plan.taken and storage.parameter == plan.function.written[k]:
            continue
        raise UnsupportedError(
            f"an iteration of this loop needs a copy of the whole array '{v.hint or 'result'}'",
            kernel.span,
            help="write elements in place, into the array that the loop began with",
        )


# -- the entry


_REGISTERS = ("tid", "ctaid", "ntid", "nctaid")
"""CUDA's: the thread in its block, the block in the grid, threads of a block, blocks of the grid."""


class Entry:
    """How a kernel begins on a target: its header, its arguments, its thread."""

    def header(self, name: str, types: Sequence[str], read_only: Container[int]) -> str:
        """read_only: the arguments that are addresses of what no thread writes. Outputs alias nothing."""
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

    def record(self, text: Text, errors: str, code: str) -> str:
        """Put the code into the error record if it is the first; returns an i1, whether it was."""
        raise NotImplementedError


class NvptxEntry(Entry):
    def header(self, name: str, types: Sequence[str], read_only: Container[int]) -> str:
        shown = ["ptr addrspace(1) noalias" if t == "ptr" else t for t in types]
        for k, type_ in enumerate(types):
            if type_ == "ptr" and k in read_only:
                shown[k] += " readonly"
        return f"define ptx_kernel void @{name}({', '.join(f'{t} %a{k}' for k, t in enumerate(shown))})"

    def arguments(self, text: Text, types: Sequence[str]) -> list[str]:
        return [
            text.value(f"addrspacecast ptr addrspace(1) %a{k} to ptr") if t == "ptr" else f"%a{k}"
            for k, t in enumerate(types)
        ]

    def register(self, text: Text, name: str, axis: str) -> str:
        intrinsic = f"llvm.nvvm.read.ptx.sreg.{name}.{axis}"
        text.module.declare(intrinsic, f"declare i32 @{intrinsic}()")
        return text.value(f"zext i32 {text.value(f'call i32 @{intrinsic}()')} to i64")

    def record(self, text: Text, errors: str, code: str) -> str:
        pair = text.value(f"cmpxchg ptr {errors}, i64 0, i64 {code} monotonic monotonic")
        return text.value(f"extractvalue {{ i64, i1 }} {pair}, 1")


class SimulatedEntry(Entry):
    def header(self, name: str, types: Sequence[str], read_only: Container[int]) -> str:
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

    def record(self, text: Text, errors: str, code: str) -> str:
        first = text.value(f"icmp eq i64 {text.value(f'load i64, ptr {errors}')}, 0")
        chosen = text.value(f"select i1 {first}, i64 {code}, i64 {text.value(f'load i64, ptr {errors}')}")
        text.do(f"store i64 {chosen}, ptr {errors}")
        return first


def parameters(v: Value) -> list[str]:
    """The LLVM types of the arguments a value is passed by."""
    if v.type.is_array:
        return ["ptr", *["i64"] * v.type.rank]
    if v.type.dtype.kind == "c":
        return [part_type(v.type.dtype)] * 2
    return [memory_type(v.type.dtype)]


def _entry(
    number: int,
    kernel: Kernel,
    module: Module,
    entry: Entry,
    params: Sequence[Value],
    layout: FrameLayout,
    scratch: Scratch | None,
) -> str:
    places, words = layout.params, layout.words + 2  # see ThreadTarget._frame_end
    indices = kernel.indices
    types = ["i64", "ptr", *(t for v in params[indices:] for t in parameters(v))]
    writable = 2 + sum(len(parameters(v)) for v in params[indices : indices + kernel.outputs])
    read_only = range(writable, len(types))
    types += ["ptr", "i64"] if scratch is not None else []
    text = Text(module, entry.header(kernel.name, types, read_only))
    text.begin()
    count, errors, *rest = entry.arguments(text, types)
    frame = text.alloca(f"[{words} x i64]", "frame", 16)
    position, columns = 0, "1"
    if kernel.columns is not None and kernel.columns <= 0:
        columns = str(-kernel.columns)
    for number_of, (v, at) in enumerate(zip(params[indices:], places[indices:], strict=True), 1):
        if number_of == kernel.columns:
            columns = rest[position]
        for k, type_ in enumerate(parameters(v)):
            where = text.value(f"getelementptr i64, ptr {frame}, i64 {at + k}")
            if v.type.is_scalar and k:  # the imaginary part follows the real one
                where = text.value(f"getelementptr {type_}, ptr {frame_word(text, frame, at)}, i64 1")
            text.do(f"store {type_} {rest[position]}, ptr {where}")
            position = position + 1
    across = kernel.columns is not None
    first, step = entry.thread(text, "y" if across else "x")
    column, column_step = entry.thread(text, "x") if across else ("", "")
    if scratch is not None:
        base, size = rest[position:]
        thread = first
        if across:
            thread = text.value(f"add i64 {text.value(f'mul i64 {first}, {column_step}')}, {column}")
        offset = text.value(f"mul i64 {text.value(f'mul i64 {thread}, {scratch.slots}')}, {size}")
        mine = text.value(f"getelementptr i8, ptr {base}, i64 {offset}")
        text.do(f"store ptr {mine}, ptr {frame_word(text, frame, layout.words)}")
        text.do(f"store i64 {size}, ptr {frame_word(text, frame, layout.words + 1)}")
    head, body, failed, mine, following, done = (
        text.fresh(n) for n in ("head", "body", "failed", "mine", "next", "done")
    )
    rows, next_row = text.fresh("rows"), text.fresh("next")
    before = text.block
    row, row_step = None, step
    if across:  # columns within rows
        text.branch(rows)
        text.label(rows)
        row = text.phi("i64", "row")
        row.add(first, before)
        before, row_step = text.fresh("row"), step
        text.branch_if(text.value(f"icmp slt i64 {row.name}, {count}"), before, done)
        text.label(before)
        text.do(f"store i64 {row.name}, ptr {frame_word(text, frame, places[0])}")
        first, step, count = column, column_step, columns
    text.branch(head)
    text.label(head)
    i = text.phi("i64", "i")
    i.add(first, before)
    text.branch_if(text.value(f"icmp slt i64 {i.name}, {count}"), body, next_row if across else done)
    text.label(body)
    text.do(f"store i64 {i.name}, ptr {frame_word(text, frame, places[indices - 1])}")
    status = text.value(f"call i32 @{symbol(kernel.iteration)}(ptr {frame})")
    text.branch_if(text.value(f"icmp eq i32 {status}, 0"), following, failed)
    text.label(failed)
    fault = text.value(f"load i64, ptr {frame}")
    is_first = entry.record(text, errors, text.value(f"add i64 {fault}, {number << 32}"))
    text.branch_if(is_first, mine, done)
    text.label(mine)
    for word in (1, 2):
        operand = text.value(f"load i64, ptr {frame_word(text, frame, word)}")
        text.do(f"store i64 {operand}, ptr {frame_word(text, errors, word)}")
    text.branch(done)
    text.label(following)
    i.add(text.value(f"add i64 {i.name}, {step}"), text.block)
    text.do(f"br label %{head}" + _unrolled(module, kernel))
    if row is not None:
        text.label(next_row)
        row.add(text.value(f"add i64 {row.name}, {row_step}"), text.block)
        text.branch(rows)
    text.label(done)
    text.do("ret void")
    return str(text)


def _unrolled(module: Module, kernel: Kernel) -> str:
    """Four iterations of a short kernel at a time: their loads are under way together."""
    long = kernel.one_thread or kernel.shared or any(op.regions for op in kernel.iteration.body.ops)
    if long or kernel.columns is not None:
        return ""
    count = module.node('!{!"llvm.loop.unroll.count", i32 4}')
    return f", !llvm.loop {module.node(f'!{{self, {count}}}')}"


def frame_word(text: Text, frame: str, word: int) -> str:
    return text.value(f"getelementptr i64, ptr {frame}, i64 {word}")


# -- NVPTX's own


class NvptxDialect(Dialect):
    """libdevice's functions, and atomic additions where iterations may meet in an element."""

    def __init__(self, shared: bool):
        super().__init__()
        self.shared = shared
        self.is_shared: Callable[[str], bool] = lambda base: False

    def call(self, text: Text, names: tuple[str, str], dtype: DType, operands: Sequence[str]) -> str:
        if names[1] in _LLVM_DOES:
            return super().call(text, names, dtype, operands)
        type_ = {32: "float", 64: "double"}[dtype.bits]
        name = names[1] + ("f" if dtype.bits == 32 else "")
        arguments = ", ".join(f"{type_} {o}" for o in operands)
        text.module.declare(name, f"declare {type_} @{name}({', '.join([type_] * len(operands))})")
        return text.value(f"call {type_} @{name}({arguments})")

    def atomic_add(self, text: Text, dtype: DType, base: str, pointer: str, value: str) -> bool:
        if not self.shared or not self.is_shared(base):
            return False
        if dtype.kind == "c":
            part, size = part_type(dtype), dtype.bits // 16
            for k in (0, 1):
                half = text.value(f"extractvalue {{ {part}, {part} }} {value}, {k}")
                where = text.value(f"getelementptr {part}, ptr {pointer}, i64 {k}")
                text.do(f"atomicrmw fadd ptr {where}, {part} {half} monotonic, align {size}")
            return True
        operation = "fadd" if dtype.is_float else "add"
        text.do(f"atomicrmw {operation} ptr {pointer}, {memory_type(dtype)} {value} monotonic, align {dtype.bits // 8}")
        return True


_LLVM_DOES = {"__nv_sqrt", "__nv_fabs", "__nv_floor", "__nv_ceil", "__nv_trunc", "__nv_rint", "__nv_copysign"}
"""Rounded correctly by LLVM's own instructions, whereas libdevice's sqrtf is approximate here (see nvptx.py)."""

_FREM = re.compile(r"= frem (double|float) (\S+), (\S+)")


def _with_libdevice_fmod(text: str) -> str:
    """`frem` is exact only by libdevice: LLVM expands it to x - y * trunc(x / y)."""
    if not _FREM.search(text):
        return text
    text = _FREM.sub(
        lambda m: f"= call {m[1]} @__nv_fmod{'f' if m[1] == 'float' else ''}({m[1]} {m[2]}, {m[1]} {m[3]})", text
    )
    declarations = [f"declare {t} @{n}({t}, {t})" for t, n in (("double", "__nv_fmod"), ("float", "__nv_fmodf"))]
    return text + "".join(f"{d}\n" for d in declarations if d not in text)
