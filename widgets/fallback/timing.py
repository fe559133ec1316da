"""Timings as text and picture."""

from __future__ import annotations

from wengert.widgets.models.timing import TimingModel, TimingRow
from wengert.widgets.models.units import format_seconds

from .painter import (
    BLUE,
    GREEN,
    GREY,
    LINE,
    MARGIN,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    TEXT,
    VERMILLION,
    WIDTH,
    YELLOW,
    Painter,
)
from .table import table

DEVICE_COLOURS = (BLUE, GREEN, VERMILLION, PURPLE)
STAGE_COLOURS = (SKY, ORANGE, GREEN, PURPLE, BLUE, YELLOW, VERMILLION, GREY)
BAR = 28  # characters of the longest bar


def timing_text(model: TimingModel) -> str:
    lines = [model.title] if model.title else []
    longest = max((row.median for row in model.rows), default=0.0)
    rows = [
        (row.device, _case(row), format_seconds(row.median), f"{format_seconds(row.q1)} to {format_seconds(row.q3)}",
         _bar(row.median, longest), model.comparison(row))
        for row in model.rows
    ]  # fmt: skip
    if rows:
        lines += table([("device", "case", "median", "middle half", "", ""), *rows], right=(2,))
    lines += [f"  {device.device}: not available: {device.reason}" for device in model.unavailable]
    if model.stages:
        total = model.compile_milliseconds
        stages = [
            (
                s.name,
                format_seconds(s.milliseconds / 1000),
                _bar(s.milliseconds, total),
                f"{s.ops} ops" if s.ops else "",
            )
            for s in model.stages
        ]
        lines += ["", f"where the compile time went: {format_seconds(total / 1000)} in all", *table(stages, right=(1,))]
    lines += ["", _provenance(model)]
    return "\n".join(lines).rstrip()


def _case(row: TimingRow) -> str:
    return row.label if row.size is None else f"{row.label}, {row.size} elements"


def _bar(value: float, longest: float) -> str:
    return "#" * max(1, round(BAR * value / longest)) if value > 0 and longest > 0 else ""


def _provenance(model: TimingModel) -> str:
    return ", ".join(
        filter(None, [model.machine, model.date, *(f"{name} {version}" for name, version in model.versions.items())])
    )


def timing_png(model: TimingModel) -> bytes:
    step = 34
    stage_lines = (len(model.stages) + 1) // 2
    height = (
        MARGIN
        + 30
        + step * len(model.rows)
        + 22 * len(model.unavailable)
        + (64 + 20 * stage_lines if model.stages else 0)
        + 40
    )
    sheet = Painter(height)
    sheet.text(MARGIN, MARGIN - 4, sheet.fitted(model.title or "Timings", WIDTH - 2 * MARGIN, 15), 15, bold=True)
    y: float = MARGIN + 30
    devices = list(dict.fromkeys(row.device for row in model.rows))
    longest = max((max(row.median, row.q3) for row in model.rows), default=0.0) or 1.0
    left, room = MARGIN + 250, 330
    for row in model.rows:
        _draw_row(sheet, model, row, DEVICE_COLOURS[devices.index(row.device) % 4], y, left, room / longest)
        y += step
    for missing in model.unavailable:
        words = f"{missing.device}: not available: {missing.reason}"
        sheet.text(MARGIN, y, sheet.fitted(words, WIDTH - 2 * MARGIN, 12), 12, MUTED)
        y += 22
    if model.stages:
        y = _draw_stages(sheet, model, y + 10)
    sheet.text(MARGIN, y + 8, sheet.fitted(_provenance(model), WIDTH - 2 * MARGIN, 12), 12, MUTED)
    return sheet.png()


def _draw_row(
    sheet: Painter, model: TimingModel, row: TimingRow, colour: str, y: float, left: float, scale: float
) -> None:
    """One bar; `scale` is in pixels for each second."""
    sheet.text(MARGIN, y + 10, sheet.fitted(row.device, 70, 12), 12, colour, "lm", bold=True)
    sheet.text(MARGIN + 78, y + 10, sheet.fitted(_case(row), 162, 12), 12, TEXT, "lm")
    sheet.box(left, y + 2, max(1.0, row.median * scale), 16, colour, radius=2)
    low, high = left + row.q1 * scale, left + row.q3 * scale
    sheet.line(low, y + 10, high, y + 10, TEXT, 1.3)
    for x in (low, high):
        sheet.line(x, y + 6, x, y + 14, TEXT, 1.3)
    end = left + max(row.median, row.q3) * scale + 10
    sheet.text(end, y + 10, f"{format_seconds(row.median)}   {model.comparison(row)}", 12, TEXT, "lm")


def _draw_stages(sheet: Painter, model: TimingModel, y: float) -> float:
    """The stacked bar and its key; returns where it ends."""
    total = model.compile_milliseconds or 1.0
    sheet.text(
        MARGIN,
        y,
        f"Where the compile time went: {format_seconds(model.compile_milliseconds / 1000)} in all",
        13,
        bold=True,
    )
    x: float = MARGIN
    for index, stage in enumerate(model.stages):
        width = (WIDTH - 2 * MARGIN) * stage.milliseconds / total
        sheet.box(x, y + 22, max(0.5, width - 1), 16, STAGE_COLOURS[index % 8], radius=0)
        x += width
    y += 46
    for index, stage in enumerate(model.stages):
        column, line = index % 2, index // 2
        left = MARGIN + column * (WIDTH / 2 - MARGIN)
        sheet.box(left, y + 20 * line + 3, 10, 10, STAGE_COLOURS[index % 8], LINE, radius=2)
        ops = f"   {stage.ops} ops" if stage.ops else ""
        sheet.text(left + 18, y + 20 * line, f"{stage.name}   {format_seconds(stage.milliseconds / 1000)}{ops}", 12)
    return y + 20 * ((len(model.stages) + 1) // 2)
