"""Kernels as LLVM text, for NVPTX and for the simulated GPU. Both wrap the same function, one iteration, that the CPU's
emitter writes (emit/host.py): its frame is filled here, on the thread's stack, where it dissolves into registers.

    define ptx_kernel void @k(i64 %count, ptr addrspace(1) %errors, ptr addrspace(1) %out, i64 %n, ...)
        for i in range(thread, count, threads): fill the frame; call @wg_k; record the first fault of all threads
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.bufferise import Plan, bufferise
from wengert.compiler.backend.device_entry import Entry, EntryWriter, NvptxEntry, SimulatedEntry, Together
from wengert.compiler.backend.device_math import with_libdevice
from wengert.compiler.backend.device_memory import BLOCK, CHUNK
from wengert.compiler.backend.device_outline import Kernel
from wengert.compiler.backend.device_scratch import Scratch, can_interleave, scratch_sizes
from wengert.compiler.backend.device_thread import ThreadTarget
from wengert.compiler.backend.device_together import loads_first, together
from wengert.compiler.backend.emit import families  # noqa: F401  (it fills EMIT)
from wengert.compiler.backend.emit.host import Fault, HostEmitter, symbol
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import Module, Text, memory_type, part_type
from wengert.compiler.backend.lower import lower
from wengert.compiler.backend.memory import plan_memory
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Function
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
    return KernelText(with_libdevice(made.text), made.names, made.faults, made.scratch)


def kernels_for_simulator(kernels: Sequence[Kernel]) -> KernelText:
    return _write(kernels, Module(), SimulatedEntry(), lambda shared: Dialect())


def _write(kernels: Sequence[Kernel], module: Module, entry: Entry, dialect) -> KernelText:  # type: ignore[no-untyped-def]
    made = [_kernel(number, kernel, module, entry, dialect(kernel.shared)) for number, kernel in enumerate(kernels)]
    names, faults, scratch = (k.name for k in kernels), (f for f, _ in made), (s for _, s in made)
    return KernelText(str(module), tuple(names), tuple(faults), tuple(scratch))


def _kernel(
    number: int, kernel: Kernel, module: Module, entry: Entry, dialect: Dialect
) -> tuple[tuple[Fault, ...], Scratch | None]:
    lowered = lower(kernel.iteration)
    function = verify(loads_first(lowered, kernel.indices), "lower of a kernel")
    plan = plan_memory(bufferise(function))
    _check_in_place(plan, kernel)
    sizes = scratch_sizes(plan, kernel.indices)
    interleaved = sizes is not None and can_interleave(plan)
    target = ThreadTarget(dialect, sizes is not None, interleaved)
    emitter = HostEmitter(plan, module, target, [True] * len(function.params))
    if isinstance(dialect, NvptxDialect):
        outputs = function.params[kernel.indices : kernel.indices + kernel.outputs]
        dialect.is_shared = lambda base: any(emitter.scope.buffers[p].pointer == base for p in outputs)
    emitter.text.header = f"define internal i32 @{symbol(function)}(ptr noalias %frame) nounwind alwaysinline"
    emitter.emit()
    target.finish(module)
    slots = 2 * emitter.allocations + 2 * len(plan.slots) + 8  # as many as the emitter's table of what is live has
    if interleaved:  # nothing takes another's buffer over: each place that allocates has one at most
        slots = max(1, emitter.allocations)
    scratch = Scratch(slots, sizes, interleaved) if sizes and target.allocates else None
    writer = EntryWriter(number, kernel, module, entry, function.params, emitter.layout, scratch)
    several = together(lowered, kernel.indices, CHUNK // BLOCK if kernel.chunk else kernel.rows)
    if several is not None and scratch is None:
        writer.together = _several(*several, kernel, module, dialect)
    module.functions.append(writer.write())
    return tuple(emitter.faults), scratch


def _several(function: Function, count: int, kernel: Kernel, module: Module, dialect: Dialect) -> Together:
    """A function of several iterations, which neither fail nor make arrays."""
    plan = plan_memory(bufferise(verify(function, "iterations together")))
    _check_in_place(plan, kernel)
    emitter = HostEmitter(plan, module, ThreadTarget(dialect), [True] * len(function.params))
    emitter.text.header = f"define internal i32 @{symbol(function)}(ptr noalias %frame) nounwind alwaysinline"
    emitter.emit()
    assert not emitter.faults and not emitter.allocations
    return Together(function, emitter.layout, count)


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


# -- NVPTX's own


class NvptxDialect(Dialect):
    """libdevice's functions, fused multiply-adds, and atomic additions where iterations may meet in an element."""

    contracts = True

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
            part = part_type(dtype)
            for k in (0, 1):
                half = text.value(f"extractvalue {{ {part}, {part} }} {value}, {k}")
                _add_together(text, part, dtype.bits // 2, text.value(f"getelementptr {part}, ptr {pointer}, i64 {k}"), half)
            return True
        _add_together(text, memory_type(dtype), dtype.bits, pointer, value)
        return True


def _add_together(text: Text, type_: str, bits: int, pointer: str, value: str) -> None:
    is_float = type_ in ("float", "double")
    if bits < 32:
        text.do(f"atomicrmw add ptr {pointer}, {type_} {value} monotonic, align {bits // 8}")
        return
    name = f"wg_add_{type_}"
    text.module.declarations.setdefault(name, _addition(name, type_, bits, is_float))
    text.do(f"call void @{name}(ptr {pointer}, {type_} {value})")


def _addition(name: str, type_: str, bits: int, is_float: bool) -> str:
    """An atomic addition of a whole warp: nothing where all add nothing, one by its first thread where all add to one place."""
    shuffle, words = "llvm.nvvm.shfl.sync.down.i32", bits // 32
    lines, total = [], "%v"
    for step in (16, 8, 4, 2, 1):
        n = f"%s{step}"
        lines.append(f"{n}.b = bitcast {type_} {total} to i{bits}")
        for w in range(words):
            lines.append(f"{n}.x{w} = lshr i{bits} {n}.b, {32 * w}")
            lines.append(f"{n}.w{w} = " + (f"trunc i64 {n}.x{w} to i32" if words > 1 else f"add i32 {n}.x{w}, 0"))
            lines.append(f"{n}.r{w} = call i32 @{shuffle}(i32 -1, i32 {n}.w{w}, i32 {step}, i32 31)")
        whole = f"{n}.r0"
        if words > 1:
            lines += [f"{n}.l = zext i32 {n}.r0 to i64", f"{n}.h = zext i32 {n}.r1 to i64", f"{n}.u = shl i64 {n}.h, 32",
                      f"{n}.o = or i64 {n}.l, {n}.u"]  # fmt: skip
            whole = f"{n}.o"
        lines.append(f"{n}.f = bitcast i{bits} {whole} to {type_}")
        lines.append(f"{n} = {'fadd' if is_float else 'add'} {type_} {total}, {n}.f")
        total = n
    add = f"atomicrmw {'fadd' if is_float else 'add'} ptr %p, {type_} {{}} monotonic, align {bits // 8}"
    some = f"fcmp une {type_} %v, 0.0" if is_float else f"icmp ne {type_} %v, 0"
    body = "\n  ".join(lines)
    return f"""declare i32 @llvm.nvvm.activemask()
declare i1 @llvm.nvvm.vote.any.sync(i32, i1)
declare {{ i32, i1 }} @llvm.nvvm.match.all.sync.i64p(i32, i64)
declare i32 @{shuffle}(i32, i32, i32, i32)
declare i32 @llvm.nvvm.read.ptx.sreg.laneid()
define internal void @{name}(ptr %p, {type_} %v) convergent alwaysinline {{
entry:
  %some = {some}
  %mask = call i32 @llvm.nvvm.activemask()
  %any = call i1 @llvm.nvvm.vote.any.sync(i32 %mask, i1 %some)
  br i1 %any, label %look, label %done
look:
  %address = ptrtoint ptr %p to i64
  %match = call {{ i32, i1 }} @llvm.nvvm.match.all.sync.i64p(i32 %mask, i64 %address)
  %same = extractvalue {{ i32, i1 }} %match, 1
  %full = icmp eq i32 %mask, -1
  %together = and i1 %same, %full
  br i1 %together, label %sum, label %alone
sum:
  {body}
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
  %first = icmp eq i32 %lane, 0
  br i1 %first, label %add, label %done
add:
  %a = {add.format("%s1")}
  br label %done
alone:
  br i1 %some, label %single, label %done
single:
  %b = {add.format("%v")}
  br label %done
done:
  ret void
}}"""


_LLVM_DOES = {"__nv_sqrt", "__nv_fabs", "__nv_floor", "__nv_ceil", "__nv_trunc", "__nv_rint", "__nv_copysign"}
"""Rounded correctly by LLVM's own instructions, whereas libdevice's sqrtf is approximate here (see nvptx.py)."""
