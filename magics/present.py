"""From what the compiler says to what the views show: pure functions, data in, view models out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from wengert.compiler.api import (
    Compiled,
    Graph,
    GraphNode,
    GraphRegion,
    Lowered,
    Timing,
    Timings,
    Values,
    devices,
    placed,
)
from wengert.magics import paths
from wengert.widgets import models
from wengert.widgets.models.units import format_seconds


def graph_model(graph: Graph, primal: Graph | None = None, devices: Mapping[int, str] | None = None) -> models.GraphModel:
    """The derivative graph. A primal value that the adjoint half reads is marked as stored.

    primal: of the function itself, whose arguments and results are the ends of the paths that can be asked for.
    devices: source line -> the device on which its kernels run; other lines run on the host.
    """
    half = {n.id: n.half for n in graph.nodes}
    parameters = {n.id for n in graph.nodes if n.line is None}
    stored = {a for a, b in graph.edges if half[a] == "primal" and half[b] == "adjoint"} - parameters
    starts, ends = paths.ends(primal or graph)
    return models.GraphModel(
        graph.title,
        graph.source,
        1,
        tuple(_node(n, n.id in stored, devices, graph.elsewhere) for n in graph.nodes),
        tuple(_region(r) for r in graph.regions),
        tuple(models.Edge(a, b) for a, b in graph.edges),
        graph.has_adjoint,
        starts,
        ends,
    )


IN_PLACE = "the reverse sweep reads it, and at the level of the function it is still there"


def _node(node: GraphNode, stored: bool, devices: Mapping[int, str] | None, elsewhere: Mapping[int, int]) -> models.Node:
    sweep, reason = node.sweep, node.reason
    if stored and sweep in ("", "linear"):
        sweep, reason = "stored", IN_PLACE
    on = "" if devices is None or node.line is None else devices.get(elsewhere.get(node.line, node.line), "cpu")
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
        active=node.active,
        stored=stored or sweep == "stored",
        note="" if node.role in ("primal", "adjoint") else node.role,
        sweep=sweep,
        reason=reason,
        rule=node.rule,
        device=on,
    )


def graph_values(graph: models.GraphModel, values: Values) -> models.GraphValues:
    """What a watched run showed, in words; a primal node's size is that of its largest adjoint."""
    by_node = values.by_node
    adjoints = [n for n in graph.nodes if n.half == "adjoint" and "∂" in n.label]  # others only prepare for them
    sizes = {n.id: by_node[n.id].largest for n in adjoints if n.id in by_node}
    for n in graph.nodes:
        if n.mirror is not None and n.id in sizes:
            sizes[n.mirror] = max(sizes.get(n.mirror, 0.0), sizes[n.id])
    texts = {name: f"{_watched(w)}; {_cost(w)}" for name, w in by_node.items()}
    return models.GraphValues(texts, sizes, values.ended)


def _cost(value: Any) -> str:
    """How many elements all its runs computed."""
    count = value.runs * int(value.last.size)
    return f"{count:,} element{'s' * (count != 1)} computed"


def _watched(value: Any) -> str:
    """One watched value in words: "0.765, the last of 4 (0 to 1)", "100×100, from −1 to 3"."""
    last, runs = value.last, value.runs
    many = f" of {runs} runs" if runs > 1 else ""
    span = f"from {value.least:.4g} to {value.most:.4g}" if value.least <= value.most else ""
    bad = f", {value.bad} not finite" if value.bad else ""
    if last.ndim:
        shape = "×".join(map(str, last.shape))
        return ", ".join(filter(None, [f"array {shape}", f"{span}{many}".strip()])) + bad
    number = last[()]
    shown = f"{number:.6g}" if last.dtype.kind in "fc" else str(number)
    return shown + (f", the last{many} ({span})" if many and span else f", the last{many}" if many else "") + bad


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
    moved = "" if not row.transfer else f"moving arguments there and results back: {format_seconds(row.transfer)} more"
    note = "; ".join(filter(None, [moved, row.note]))
    label = row.label.removesuffix(f"_{row.device.replace(':', '')}")  # the device has a column of its own
    return models.TimingRow(row.device, label, size if size > 1 else None, row.median, row.q1, row.q3, note=note)


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
        return models.PlacementModel(compiled.__name__, known, where=where(compiled))
    place = found()
    listed = {d.id for d in known}
    gone = dict.fromkeys(x.device for x in (*place.arrays, *place.kernels) if x.device not in listed)
    known += tuple(models.Device(d, d, "cuda", available=False, reason="it is not there any more") for d in gone)
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
        return f"{name} runs on the CPU instead of {offload.asked}: {offload.why}"
    return f"{name} runs on {offload.device}: its arrays and kernels are known after its first call"


def _device(device: Any) -> models.Device:
    total, free = device.memory_total or 0, device.memory_free or 0
    used = total - free if total and device.memory_free is not None else 0
    return models.Device(device.id, device.name, device.kind, total, used, device.available, device.reason)


def _transfers(entries: Iterable[Any]) -> tuple[models.Transfer, ...]:
    return tuple(models.Transfer(t.array, t.bytes, t.direction, t.milliseconds, t.why, t.order) for t in entries)
