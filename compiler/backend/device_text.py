"""Kernels as LLVM text, for NVPTX and for the simulated GPU. Both wrap the same function, one iteration, that the CPU's
emitter writes (emit/host.py): its frame is filled here, on the thread's stack, where it dissolves into registers.

    define ptx_kernel void @k(i64 %count, ptr addrspace(1) %errors, ptr addrspace(1) %out, i64 %n, ...)
        for i in range(thread, count, threads): fill the frame; call @wg_k; record the first fault of all threads
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.bufferise import Plan, bufferise
from wengert.compiler.backend.device_entry import Entry, EntryWriter, NvptxEntry, SimulatedEntry
from wengert.compiler.backend.device_outline import Kernel
from wengert.compiler.backend.device_scratch import Scratch, scratch_sizes
from wengert.compiler.backend.device_thread import ThreadTarget
from wengert.compiler.backend.emit import families  # noqa: F401  (it fills EMIT)
from wengert.compiler.backend.emit.host import Fault, HostEmitter, symbol
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import Module, Text, memory_type, part_type
from wengert.compiler.backend.lower import lower
from wengert.compiler.backend.memory import plan_memory
from wengert.compiler.diag.errors import UnsupportedError
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
    module.functions.append(EntryWriter(number, kernel, module, entry, function.params, emitter.layout, scratch).write())
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
