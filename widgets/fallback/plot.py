"""A plot as text and picture."""

from __future__ import annotations

import math
from collections.abc import Callable

from wengert.widgets.models.plot import PlotModel, Series

from .painter import BLUE, GREEN, LINE, MUTED, ORANGE, PURPLE, VERMILLION, WIDTH, Painter
from .table import table

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 80, 24, 44, 84, 380


def plot_text(model: PlotModel) -> str:
    lines = [model.title] if model.title else []
    rows = [
        (s.name, f"{len(s.x)} points", _span(s, "x"), _span(s, "y")) for s in model.series
    ]
    if rows:
        lines += table([("series", "", model.x_label or "x", model.y_label or "y"), *rows])
    lines += [f"  {c.label or c.name} = {c.value:g} (slider from {c.low:g} to {c.high:g})" for c in model.controls]
    lines += [model.note] if model.note else []
    return "\n".join(lines)


def _span(series: Series, axis: str) -> str:
    finite = [value for value in getattr(series, axis) if math.isfinite(value)]
    return f"{min(finite):.4g} to {max(finite):.4g}" if finite else "nothing finite"


def plot_png(model: PlotModel) -> bytes:
    sheet = Painter(HEIGHT)
    across = _scale(model.extent("x"), model.x_log, LEFT, WIDTH - RIGHT)
    up = _scale(model.extent("y"), model.y_log, HEIGHT - BOTTOM, TOP)
    sheet.text(LEFT, 14, sheet.fitted(model.title, WIDTH - LEFT - RIGHT), bold=True)
    sheet.line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM)
    sheet.line(LEFT, TOP, LEFT, HEIGHT - BOTTOM)
    for end, anchor in zip(model.extent("x"), ("la", "ra"), strict=True):
        sheet.text(across(end), HEIGHT - BOTTOM + 6, f"{end:.4g}", 12, MUTED, anchor)
    for end in model.extent("y"):
        sheet.text(LEFT - 6, up(end), f"{end:.4g}", 12, MUTED, "rm")
    sheet.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 6, model.x_label, 12, MUTED, "ma")
    sheet.text(LEFT + 6, TOP - 4, model.y_label, 12, MUTED, "lb")
    at = float(LEFT)
    for index, series in enumerate(model.series):
        colour = COLOURS[index % len(COLOURS)]
        _curve(sheet, series, across, up, colour, model)
        sheet.box(at, HEIGHT - 50, 12, 12, fill=colour, radius=2)
        sheet.text(at + 18, HEIGHT - 52, series.name, 12)
        at += 40 + sheet.width(series.name, 12)
    if model.mark and all(math.isfinite(value) for value in model.mark):
        sheet.box(across(model.mark[0]) - 5, up(model.mark[1]) - 5, 10, 10, fill=PURPLE, radius=5)
    sheet.text(LEFT, HEIGHT - 28, sheet.fitted(model.note, WIDTH - LEFT - RIGHT, 12), 12, MUTED)
    return sheet.png()


def _curve(
    sheet: Painter, series: Series, across: Callable[[float], float], up: Callable[[float], float], colour: str,
    model: PlotModel,
) -> None:  # fmt: skip
    def drawable(x: float, y: float) -> bool:
        return math.isfinite(x) and math.isfinite(y) and (x > 0 or not model.x_log) and (y > 0 or not model.y_log)

    points = [(across(x), up(y)) if drawable(x, y) else None for x, y in zip(series.x, series.y, strict=True)]
    ground = up(model.extent("y")[0] if model.y_log else 0.0)
    wide = max(2.0, 0.8 * (WIDTH - LEFT - RIGHT) / max(1, len(points)))
    for before, point in zip([None, *points], points, strict=False):
        if point is None:
            continue
        if series.style == "bars":
            sheet.box(point[0] - wide / 2, min(point[1], ground), wide, abs(ground - point[1]), fill=colour, radius=0)
        elif series.style == "dots":
            sheet.box(point[0] - 3, point[1] - 3, 6, 6, fill=colour, radius=3)
        elif before is not None and series.style == "steps":
            sheet.line(*before, point[0], before[1], colour, 2)
            sheet.line(point[0], before[1], *point, colour, 2)
        elif before is not None:
            sheet.line(*before, *point, colour if series.style == "line" else LINE, 2)


def _scale(extent: tuple[float, float], log: bool, start: float, end: float) -> Callable[[float], float]:
    low, high = (math.log10(value) for value in extent) if log else extent

    def position(value: float) -> float:
        share = ((math.log10(value) if log else value) - low) / (high - low)
        return start + (end - start) * min(1.0, max(0.0, share))

    return position
