"""A function compiled for a GPU: its host part as machine code of this processor, its kernels as a module to load there.

The same program runs on every device of a kind, and is plain data that is kept on disk; what belongs to one device or
process (linked code, loaded kernels, memory) is the runtime's business (runtime/offload.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from wengert.compiler.backend import device_host_control, device_host_ops, target  # noqa: F401  (the first two fill WRITE)
from wengert.compiler.backend.device_host import HostLayout, HostWriter
from wengert.compiler.backend.device_outline import outline
from wengert.compiler.backend.device_prepare import prepare
from wengert.compiler.backend.device_text import kernels_for_nvptx, kernels_for_simulator
from wengert.compiler.backend.emit.text import Module
from wengert.compiler.backend.prints import refuse_prints
from wengert.compiler.backend.sites import Site
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Function, Op

KERNELS = {"cuda": kernels_for_nvptx, "simulated": kernels_for_simulator}
"""By the kind of device: how kernels are written for it."""


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """one_thread: its loop runs in order."""

    name: str
    span: Span | None
    one_thread: bool


@dataclass(frozen=True, slots=True)
class Product:
    """A `dot_general` that the library does: see ops/contraction.py."""

    contract: tuple[tuple[int, ...], tuple[int, ...]]
    batch: tuple[tuple[int, ...], tuple[int, ...]]
    ranks: tuple[int, int]
    dtype: str

    @classmethod
    def of(cls, op: Op) -> Product:
        a, b = (v.type for v in op.operands[1:])
        (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
        return cls((tuple(ca), tuple(cb)), (tuple(ba), tuple(bb)), (a.rank, b.rank), a.dtype.name)


@dataclass(frozen=True, slots=True)
class Call:
    """A row of kind "library" that the device's library computes. dtypes and ranks: of the outputs, then of the arrays given;
    numbers: the dtypes of the operands that are numbers."""

    row: str
    outputs: int
    dtypes: tuple[str, ...]
    ranks: tuple[int, ...]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, op: Op) -> Call:
        arrays = [v.type for v in op.operands if v.type.is_array]
        numbers = tuple(v.type.dtype.name for v in op.operands if v.type.is_scalar)
        return cls(
            op.attrs["row"], op.attrs["outputs"], tuple(t.dtype.name for t in arrays), tuple(t.rank for t in arrays), numbers
        )


@dataclass(slots=True)
class DeviceProgram:
    """code: an object file with `i32 wg_host(frame)`. image: the kernels' LLVM text, kernel_faults[k][f - 1] what fault f
    of kernel k is. on_device: which results are numbers that come as arrays of one element.
    times: milliseconds of each stage of its compilation."""

    kind: str
    layout: HostLayout
    code: bytes
    host_text: str
    host_faults: tuple[Site, ...]
    products: tuple[Product, ...]
    calls: tuple[Call, ...]
    kernels: tuple[KernelInfo, ...]
    image: str
    kernel_faults: tuple[tuple[Site, ...], ...]
    notes: tuple[tuple[str, Span | None], ...]
    on_device: tuple[bool, ...]
    times: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        return tuple(kernel.name for kernel in self.kernels)


def compile_program(function: Function, kind: str, deterministic: bool = False, assume: bool = True) -> DeviceProgram:
    """Compile an optimised function for devices of a kind, "cuda" or "simulated". assume: see device_certain.py; otherwise every
    check is made at its place. Raises UnsupportedError."""
    times: dict[str, float] = {}
    start = perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = perf_counter()
        times[name], start = (now - start) * 1e3, now

    refuse_prints(function, device=True)
    outlined = outline(prepare(function, deterministic, assume), deterministic)
    lap("split")
    image = KERNELS[kind](outlined.kernels)
    lap("kernels")
    module = Module(target.triple(), target.data_layout())
    numbers = {kernel.name: k for k, kernel in enumerate(outlined.kernels)}
    writer = HostWriter(outlined.host, numbers, image.scratch, module, any(image.faults))
    writer.write()
    text = str(module)
    parsed = target.parse(text)
    loops = any(op.name in ("for", "while") for op in outlined.host.walk())
    if loops:  # what runs once is not worth LLVM's passes: they were a tenth of a first call
        target.optimise(parsed, 1)
    code = target.object_code(parsed, int(loops))
    lap("host")
    return DeviceProgram(
        kind, writer.layout, code, text, tuple(map(Site.of, writer.faults)), tuple(map(Product.of, writer.dots)),
        tuple(map(Call.of, writer.calls)),
        tuple(KernelInfo(k.name, k.span, k.one_thread) for k in outlined.kernels), image.text,
        tuple(tuple(map(Site.of, faults)) for faults in image.faults), tuple(outlined.notes), outlined.on_device, times,
    )  # fmt: skip
