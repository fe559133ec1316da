"""Placement and transfers as text and picture."""

from __future__ import annotations

from math import log1p

from wengert.widgets.models.placement import Device, PlacementModel
from wengert.widgets.models.units import format_bytes, format_seconds

from .painter import BLUE, GREEN, GROUND, LINE, MARGIN, MUTED, PURPLE, VERMILLION, WIDTH, Painter
from .table import shorten, table

MOST_TRANSFERS = 40
PICTURE_TRANSFERS = 14
PICTURE_CHIPS = 6


def placement_text(model: PlacementModel) -> str:
    lines = [model.title] if model.title else []
    lines += [model.summary, ""]
    for device in model.devices:
        lines.append(f"{device.id}  {device.name}{_state(device)}")
        arrays = [array for array in model.arrays if array.device == device.id]
        rows = [(a.name, f"{_shape(a.shape)} {a.dtype}", format_bytes(a.bytes)) for a in arrays]
        kernels = [kernel for kernel in model.kernels if kernel.device == device.id]
        rows += [
            (k.name, "kernel" if k.line is None else f"kernel, line {k.line}", _launches(k.launches)) for k in kernels
        ]
        lines += table(rows, right=(2,))
    if not model.transfers:
        return "\n".join(lines)
    ordered = sorted(model.transfers, key=lambda transfer: transfer.order)
    ledger: list[tuple[str, ...]] = [("#", "array", "bytes", "direction", "time", "why")]
    ledger += [
        (
            str(t.order),
            t.array,
            format_bytes(t.bytes),
            t.direction,
            format_seconds(t.milliseconds / 1000),
            shorten(t.why, 48),
        )
        for t in ordered[:MOST_TRANSFERS]
    ]
    lines += ["", "transfers", *table(ledger, right=(0, 2, 4))]
    if len(ordered) > MOST_TRANSFERS:
        lines.append(f"  ... {len(ordered) - MOST_TRANSFERS} more")
    lines.append(f"  in all {format_bytes(model.total_bytes)} in {format_seconds(model.total_milliseconds / 1000)}")
    return "\n".join(lines)


def _state(device: Device) -> str:
    if not device.available:
        return f" (not available: {device.reason})"
    if device.memory_total <= 0:
        return ""
    return f" ({format_bytes(device.memory_used)} of {format_bytes(device.memory_total)} in use)"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _launches(count: int) -> str:
    return f"{count} launch{'' if count == 1 else 'es'}"


def placement_png(model: PlacementModel) -> bytes:
    count = max(1, len(model.devices))
    lane = (WIDTH - 2 * MARGIN - 14 * (count - 1)) / count
    chips = {device.id: _chips(model, device) for device in model.devices}
    tallest = 64 + 24 * max((len(items) for items in chips.values()), default=0)
    ordered = [t for t in sorted(model.transfers, key=lambda t: t.order) if model.ends(t) is not None]
    shown = ordered[:PICTURE_TRANSFERS]
    summary = Painter(1).wrapped(model.summary, WIDTH - 2 * MARGIN)
    top = MARGIN + 19 * len(summary) + 12
    sheet = Painter(top + tallest + 36 * len(shown) + (24 if len(ordered) > len(shown) else 0) + MARGIN + 6)
    for index, words in enumerate(summary):
        sheet.text(MARGIN, MARGIN - 4 + 19 * index, words)
    centre = {}
    for index, device in enumerate(model.devices):
        left = MARGIN + index * (lane + 14)
        centre[device.id] = left + lane / 2
        if device.available and shown:
            sheet.line(left + lane / 2, top + tallest, left + lane / 2, top + tallest + 36 * len(shown) + 8, LINE, 1.5)
        _draw_lane(sheet, device, chips[device.id], left, top, lane, tallest)
    largest = max((transfer.bytes for transfer in ordered), default=1)
    for index, transfer in enumerate(shown):
        ends = model.ends(transfer)
        assert ends is not None  # those without were left out above
        y = top + tallest + 36 * index + 30
        colour = BLUE if transfer.direction == "to device" else VERMILLION
        start, end = (centre[device] for device in ends)
        words = f"{shorten(transfer.array, 24)}  {format_bytes(transfer.bytes)}"
        sheet.text((start + end) / 2, y - 11, words, 12, anchor="mm")
        sheet.arrow(start, end, y, colour, 1.5 + 3.5 * log1p(transfer.bytes) / log1p(max(largest, 1)))
    if len(ordered) > len(shown):
        sheet.text(
            WIDTH / 2,
            sheet.image.height / 2 - MARGIN,
            f"and {len(ordered) - len(shown)} more transfers",
            12,
            MUTED,
            "mm",
        )
    return sheet.png()


def _chips(model: PlacementModel, device: Device) -> list[tuple[str, str, str]]:
    """Name, amount and colour of what lies on a device."""
    arrays = [
        (f"{a.name}  {_shape(a.shape)}", format_bytes(a.bytes), GREEN) for a in model.arrays if a.device == device.id
    ]
    kernels = [(k.name, _launches(k.launches), PURPLE) for k in model.kernels if k.device == device.id]
    chips = arrays + kernels
    if len(chips) <= PICTURE_CHIPS:
        return chips
    return [*chips[: PICTURE_CHIPS - 1], (f"and {len(chips) - PICTURE_CHIPS + 1} more", "", LINE)]


def _draw_lane(
    sheet: Painter,
    device: Device,
    chips: list[tuple[str, str, str]],
    left: float,
    top: float,
    width: float,
    height: float,
) -> None:
    sheet.box(left, top, width, height, None, LINE)
    sheet.text(left + 10, top + 8, device.id, 13, bold=True)
    state = device.name if device.available else f"not available: {device.reason}"
    for index, words in enumerate(sheet.wrapped(state, width - 20, 12)[: 1 if device.available else 4]):
        sheet.text(left + 10, top + 28 + 16 * index, sheet.fitted(words, width - 20, 12), 12, MUTED)
    for index, (name, amount, colour) in enumerate(chips):
        y = top + 54 + 24 * index
        sheet.box(left + 8, y, width - 16, 20, GROUND, radius=3)
        sheet.box(left + 8, y, 3, 20, colour, radius=1)
        room = width - 40 - sheet.width(amount, 12)
        sheet.text(left + 18, y + 10, sheet.fitted(name, room, 12), 12, anchor="lm")
        sheet.text(left + width - 14, y + 10, amount, 12, MUTED, "rm")
