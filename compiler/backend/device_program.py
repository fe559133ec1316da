"""A function compiled for a GPU: its host part as machine code of this processor, its kernels as a module to load there.

The same program runs on every device of a kind; what belongs to one device (loaded kernels, memory) is the runtime's
business (runtime/offload.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

from wengert.compiler.backend import device_host_control, device_host_ops, target  # noqa: F401  (the first two fill WRITE)
from wengert.compiler.backend.device_host import HostFault, HostLayout, HostWriter
from wengert.compiler.backend.device_outline import Kernel, outline
from wengert.compiler.backend.device_text import KernelText, kernels_for_nvptx, kernels_for_simulator
from wengert.compiler.backend.emit.text import Module
from wengert.compiler.backend.lower import lower
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Function, Op
from wengert.compiler.ir.verify import verify

KERNELS = {"cuda": kernels_for_nvptx, "simulated": kernels_for_simulator}
"""By the kind of device: how kernels are written for it."""


@dataclass(slots=True)
class DeviceProgram:
    """host: the address of `i32 wg_host(frame)`. times: milliseconds of each stage of its compilation."""

    function: Function
    host_function: Function
    layout: HostLayout
    host: int
    host_text: str
    host_faults: list[HostFault]
    dots: list[Op]
    kernels: list[Kernel]
    image: KernelText
    notes: list[tuple[str, Span | None]]
    times: dict[str, float] = field(default_factory=dict)
    keep: object = None


def compile_program(function: Function, kind: str) -> DeviceProgram:
    """Compile an optimised function for devices of a kind, "cuda" or "simulated". Raises UnsupportedError."""
    times: dict[str, float] = {}
    start = perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = perf_counter()
        times[name], start = (now - start) * 1e3, now

    lowered = verify(lower(function), "lower")
    outlined = outline(lowered)
    lap("split")
    image = KERNELS[kind](outlined.kernels)
    lap("kernels")
    module = Module(target.triple(), target.data_layout())
    numbers = {kernel.name: k for k, kernel in enumerate(outlined.kernels)}
    writer = HostWriter(outlined.host, numbers, image.scratch, module)
    writer.write()
    text = str(module)
    parsed = target.parse(text)
    target.optimise(parsed, 1)
    code = target.link(target.object_code(parsed), ["wg_host"], {})
    lap("host")
    return DeviceProgram(
        function, outlined.host, writer.layout, code["wg_host"], text, writer.faults, writer.dots, outlined.kernels, image,
        outlined.notes, times, code,
    )  # fmt: skip
