"""Stages, findings, memory, transfers and explore as text and picture."""

from __future__ import annotations

from wengert.widgets.models.explore import ExploreModel
from wengert.widgets.models.findings import FindingsModel
from wengert.widgets.models.memory import MemoryModel
from wengert.widgets.models.plot import PlotModel, Series
from wengert.widgets.models.stages import StagesModel
from wengert.widgets.models.transfers import LANES, TransfersModel
from wengert.widgets.models.units import format_bytes, format_seconds

from .painter import BLUE, GREEN, GROUND, LINE, MARGIN, MUTED, PURPLE, VERMILLION, WIDTH, Painter
from .plot import plot_png
from .table import shorten, table

LANE_COLOURS = {"host": PURPLE, "to device": BLUE, "compute": GREEN, "to host": VERMILLION}
MOST_LINES = 44
MOST_COPIES = 30


def stages_text(model: StagesModel) -> str:
    rows = [
        (s.name, "" if s.milliseconds is None else f"{s.milliseconds:.2f} ms", "" if s.ops is None else f"{s.ops} ops")
        for s in model.stages
    ]
    lines = [model.title] if model.title else []
    return "\n".join([*lines, *table(rows, right=(1, 2)), f"  in all {model.milliseconds:.2f} ms"])


def findings_text(model: FindingsModel) -> str:
    lines = [f"{model.title}: {model.summary}" if model.title else model.summary]
    for finding in model.findings:
        place = f"line {finding.line}: " if finding.line else ""
        lines += ["", f"{finding.severity}: {place}{finding.title} [{finding.kind}]", f"  {finding.message}"]
        lines += [f"  help: {finding.remedy}"] if finding.remedy else []
    if model.checks:
        lines += ["", *table([(name, shorten(result, 90)) for name, result in model.checks])]
    lines += [f"  not looked at: {what}" for what in model.unseen]
    return "\n".join(line.rstrip() for line in lines)


def memory_text(model: MemoryModel) -> str:
    rows = [
        (k.name, k.type, "" if k.line is None else f"line {k.line}",
         "at run time" if k.bytes is None else format_bytes(k.bytes), k.scheme)
        for k in model.kept
    ]  # fmt: skip
    lines = [f"{model.title}: {model.summary}" if model.title else model.summary]
    return "\n".join([*lines, *table(rows, right=(3,))])


def transfers_text(model: TransfersModel) -> str:
    lines = [f"{model.title}: {model.diagnosis}" if model.title else model.diagnosis]
    lines += [f"  {model.recorded}"] if model.recorded else []
    rows = [
        (e.name, e.lane, format_bytes(e.bytes), format_seconds(e.seconds), shorten(e.why, 40))
        for e in model.copies[:MOST_COPIES]
    ]
    if rows:
        lines += table([("array", "direction", "bytes", "time", "why"), *rows], right=(2, 3))
    if len(model.copies) > MOST_COPIES:
        lines.append(f"  ... {len(model.copies) - MOST_COPIES} more")
    kernels = model.of("compute")
    if kernels:
        lines.append(f"  {len(kernels)} kernel launches, {format_seconds(sum(e.seconds for e in kernels))}")
    return "\n".join(lines)


def explore_text(model: ExploreModel) -> str:
    lines = [model.title] if model.title else []
    lines += table([(c.name, f"{c.value:g}", f"({c.low:g} to {c.high:g})") for c in model.controls], right=(1,))
    if model.value is not None:
        lines.append(f"  value {model.value:.6g}")
        lines += [f"  d/d{name} {slope:.6g}" for name, slope in model.gradient.items()]
    lines += [f"  {what}" for what in (*model.fixed, model.note) if what]
    return "\n".join(lines)


def words_png(words: str) -> bytes:
    """Text as a picture: for views whose content is text."""
    lines = [part for line in words.splitlines() for part in (Painter(1).wrapped(line, WIDTH - 2 * MARGIN) or [""])]
    shown = lines[:MOST_LINES]
    sheet = Painter(2 * MARGIN + 20 * len(shown) + 4)
    for number, line in enumerate(shown):
        sheet.text(MARGIN, MARGIN + 20 * number, line, bold=number == 0)
    return sheet.png()


def stages_png(model: StagesModel) -> bytes:
    longest = max((s.milliseconds or 0.0 for s in model.stages), default=0.0) or 1.0
    sheet = Painter(2 * MARGIN + 30 + 26 * len(model.stages))
    sheet.text(MARGIN, MARGIN - 4, sheet.fitted(model.title or "Stages", WIDTH - 2 * MARGIN, 15), 15, bold=True)
    for number, stage in enumerate(model.stages):
        y = MARGIN + 30 + 26 * number
        sheet.text(MARGIN, y + 9, stage.name, 12, anchor="lm")
        sheet.box(MARGIN + 180, y, 420 * (stage.milliseconds or 0.0) / longest, 18, BLUE, radius=2)
        time = "" if stage.milliseconds is None else f"{stage.milliseconds:.2f} ms"
        sheet.text(WIDTH - MARGIN - 110, y + 9, time, 12, anchor="rm")
        sheet.text(WIDTH - MARGIN, y + 9, "" if stage.ops is None else f"{stage.ops} ops", 12, MUTED, "rm")
    return sheet.png()


def memory_png(model: MemoryModel) -> bytes:
    held = [size for _, size in model.profile]
    series = [Series("kept", range(len(held)), held, "steps")]  # type: ignore[arg-type]
    if model.budget is not None:
        series.append(Series("limit", (0, len(held) - 1), (model.budget, model.budget), "dashed"))
    return plot_png(PlotModel(model.title, tuple(series), "forward sweep, then back", "bytes", note=model.summary))


def transfers_png(model: TransfersModel) -> bytes:
    lanes = [lane for lane in LANES if model.of(lane)]
    words = Painter(1).wrapped(model.diagnosis, WIDTH - 2 * MARGIN)
    top = MARGIN + 20 * len(words) + 10
    sheet = Painter(top + 34 * len(lanes) + 30 + MARGIN)
    for number, line in enumerate(words):
        sheet.text(MARGIN, MARGIN - 4 + 20 * number, line)
    start = min((e.start for e in model.events), default=0.0)
    end = max((e.end for e in model.events), default=1.0)
    left, room = MARGIN + 90, WIDTH - 2 * MARGIN - 90
    scale = room / max(end - start, 1e-12)
    for number, lane in enumerate(lanes):
        y = top + 34 * number
        sheet.text(MARGIN, y + 12, lane, 12, anchor="lm")
        sheet.box(left, y, room, 24, GROUND, radius=3)
        for event in model.of(lane):
            at, wide = left + (event.start - start) * scale, max(1.5, event.seconds * scale)
            sheet.box(at, y + 3, wide, 18, LANE_COLOURS[lane], radius=1)
    bottom = top + 34 * len(lanes) + 4
    sheet.line(left, bottom, left + room, bottom, LINE)
    sheet.text(left, bottom + 4, "0", 12, MUTED)
    sheet.text(left + room, bottom + 4, format_seconds(end - start), 12, MUTED, "ra")
    return sheet.png()


def explore_png(model: ExploreModel) -> bytes:
    if len(model.across) != 1:
        return words_png(explore_text(model))
    name = model.across[0]
    at = next(c.value for c in model.controls if c.name == name)
    series = [Series("value", model.x, model.y), Series(f"d/d{name}", model.x, model.slope, "dashed")]
    mark = None if model.value is None else (at, model.value)
    return plot_png(PlotModel(model.title, tuple(series), name, "value", mark=mark, note=model.note))
