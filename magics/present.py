"""From what the compiler says to what the views show: pure functions, data in, view models out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from wengert.compiler.api import (
    Compiled,
    Graph,
    GraphNode,
    GraphRegion,
    Lowered,
    Timing,
    Timings,
    devices,
    placed,
    transfers,
)
from wengert.widgets import models


def graph_model(graph: Graph) -> models.GraphModel:
    """The derivative graph. A primal value that the adjoint half reads is marked as stored."""
    half = {n.id: n.half for n in graph.nodes}
    parameters = {n.id for n in graph.nodes if n.line is None}
    stored = {a for a, b in graph.edges if half[a] == "primal" and half[b] == "adjoint"} - parameters
    return models.GraphModel(
        graph.title,
        graph.source,
        1,
        tuple(_node(n, n.id in stored) for n in graph.nodes),
        tuple(_region(r) for r in graph.regions),
        tuple(models.Edge(a, b) for a, b in graph.edges),
        graph.has_adjoint,
    )


def _node(node: GraphNode, stored: bool) -> models.Node:
    return models.Node(
        node.id,
        node.label,
        cast(Any, node.half),
        node.parent,
        node.mirror,
        node.line,
        node.column,
        node.ir,
        node.type,
        # By its type alone: the view says of an inactive node that no derivative flows through it, which integers
        # and truth values make sure of.
        active=node.type.startswith(("f", "c")),
        stored=stored,
        note="" if node.role in ("primal", "adjoint") else node.role,
    )


def _region(region: GraphRegion) -> models.Region:
    label = region.label.removeprefix("for").removeprefix("while").removeprefix("if").strip()
    return models.Region(region.id, cast(Any, region.kind), label, region.parent, cast(Any, region.half), region.line)


def timing_model(timings: Timings) -> models.TimingModel:
    """What `benchmark` measured: calls with their arguments on the device; moving these there is told in words."""
    label = timings.rows[0].label if timings.rows else ""
    return models.TimingModel(
        f"{label}: time of one call",
        tuple(_timing_row(r, timings.size) for r in timings.rows),
        tuple(models.Unavailable(device, reason) for device, reason in timings.unavailable),
        compile_stages(timings.stages),
        timings.machine,
        timings.date,
        timings.versions,
    )


def _timing_row(row: Timing, size: int) -> models.TimingRow:
    moved = "" if not row.transfer else f"moving arguments there and results back: {milliseconds(row.transfer)} more"
    note = "; ".join(filter(None, [moved, row.note]))
    return models.TimingRow(row.device, row.label, size, row.median, row.q1, row.q3, note=note)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def compile_stages(stages: Iterable[tuple[str, float, int | None]]) -> tuple[models.CompileStage, ...]:
    return tuple(models.CompileStage(name, ms, ops or 0) for name, ms, ops in stages)


def stages_model(lowered: Lowered) -> models.TimingModel:
    """Where the time of one compilation went."""
    title = f"{lowered.name}: `%wengert bench {lowered.name}(...)` measures calls"
    return models.TimingModel(title, stages=compile_stages(lowered.stages))


def placement_model(compiled: Compiled) -> models.PlacementModel:
    """Devices, the arrays and kernels of an offloaded function at its last call, and what moved for it."""
    known = tuple(_device(d) for d in devices())
    program = compiled.last
    found = getattr(program.executable, "placement", None) if program is not None else None
    if found is None:
        return models.PlacementModel(compiled.__name__, known, transfers=_transfers(transfers()), where=where(compiled))
    place = found()
    return models.PlacementModel(
        compiled.__name__,
        known,
        tuple(models.ArrayPlace(a.name, a.bytes, tuple(a.shape), str(a.dtype), a.device) for a in place.arrays),
        tuple(models.KernelPlace(k.name, k.device, k.launches, k.line) for k in place.kernels),
        _transfers(place.transfers),
    )


def where(compiled: Compiled) -> str:
    """Where a function runs, as far as it is known before its first call."""
    offload, name = placed(compiled), compiled.__name__
    if offload is None or offload.asked == "cpu":
        return f"{name} runs on the CPU"
    if offload.notice:
        return f"{name} runs on the CPU instead of {offload.asked}, which cannot be used"
    return f"{name} runs on {offload.device}: its arrays and kernels are known after its first call"


def _device(device: Any) -> models.Device:
    total, free = device.memory_total or 0, device.memory_free or 0
    used = total - free if total and device.memory_free is not None else 0
    return models.Device(device.id, device.name, device.kind, total, used, device.available, device.reason)


def _transfers(entries: Iterable[Any]) -> tuple[models.Transfer, ...]:
    return tuple(models.Transfer(t.array, t.bytes, t.direction, t.milliseconds, t.why, t.order) for t in entries)
