"""The derivative graph as text and picture: both programs side by side, each primal operation level with its adjoints."""

from __future__ import annotations

from dataclasses import dataclass

from wengert.widgets.models.graph import GraphModel, Node, Region

from .painter import BLUE, GREEN, LINE, MARGIN, MUTED, TEXT, VERMILLION, WIDTH, Painter, pale
from .table import shorten

MOST_ROWS = 60
PICTURE_ROWS = 24
COLUMN = 46  # characters of each half


@dataclass(frozen=True)
class Row:
    depth: int
    primal: Node | Region | None
    adjoint: tuple[Node, ...] = ()


def rows_of(model: GraphModel) -> list[Row]:
    """The primal program in order, with the adjoints of each operation; adjoints of nothing come last."""
    rows: list[Row] = []
    adjoints: dict[str, list[Node]] = {}
    for node in model.nodes:
        if node.mirror is not None:
            adjoints.setdefault(node.mirror, []).append(node)
    children: dict[str | None, list[Node | Region]] = {}
    items: tuple[Node | Region, ...] = (*model.nodes, *model.regions)
    for item in items:
        if item.half == "primal":
            children.setdefault(item.parent, []).append(item)

    def walk(parent: str | None, depth: int) -> None:
        # By source line, so that a loop stands where it is written; operations of one line keep their order.
        for item in sorted(children.get(parent, []), key=lambda item: item.line or 0):
            if isinstance(item, Region):
                rows.append(Row(depth, item))
                walk(item.id, depth + 1)
            else:
                rows.append(Row(depth, item, tuple(adjoints.get(item.id, ()))))

    walk(None, 0)
    rows += [Row(0, None, (node,)) for node in model.nodes if node.half == "adjoint" and node.mirror is None]
    return rows


def graph_text(model: GraphModel) -> str:
    rows = rows_of(model)
    lines = [model.title, ""]
    if model.has_adjoint:
        lines += [f"  {'primal':<{COLUMN}}  adjoint", f"  {'-' * COLUMN}  {'-' * COLUMN}"]
    for row in rows[:MOST_ROWS]:
        left = shorten("  " * row.depth + _words(row.primal), COLUMN)
        right = shorten(", ".join(node.label for node in row.adjoint), COLUMN)
        lines.append(f"  {left:<{COLUMN}}  {right}".rstrip())
    if len(rows) > MOST_ROWS:
        lines.append(f"  ... {len(rows) - MOST_ROWS} more")
    if any(node.stored for node in model.nodes):
        lines += ["", "  * kept for the reverse sweep"]
    return "\n".join(lines)


def _words(item: Node | Region | None) -> str:
    if item is None:
        return ""
    if isinstance(item, Region):
        return f"{item.kind} {item.label}".strip() + ":"
    place = "" if item.line is None else f"  [line {item.line}]"
    return f"{item.label}{' *' if item.stored else ''}{place}"


def graph_png(model: GraphModel) -> bytes:
    rows = rows_of(model)
    shown, step, top = rows[:PICTURE_ROWS], 30, 76
    sheet = Painter(top + step * len(shown) + (26 if len(rows) > len(shown) else 6) + MARGIN)
    half = (WIDTH - 2 * MARGIN - 40) / 2 if model.has_adjoint else WIDTH - 2 * MARGIN
    right = MARGIN + half + 40
    sheet.text(MARGIN, 14, sheet.fitted(model.title, WIDTH - 2 * MARGIN, 15), 15, bold=True)
    sheet.text(MARGIN, 46, "primal", 13, BLUE, bold=True)
    if model.has_adjoint:
        sheet.text(right, 46, "adjoint", 13, VERMILLION, bold=True)
        sheet.line(right - 20, 44, right - 20, top + step * len(shown), LINE)
    if any(node.stored for node in model.nodes):
        sheet.box(MARGIN + 70, 49, 9, 9, GREEN, radius=4.5)
        sheet.text(MARGIN + 84, 46, "kept for the reverse sweep", 12, MUTED)
    for index, row in enumerate(shown):
        y = top + index * step
        _draw_primal(sheet, row, y, half)
        left = right
        for node in row.adjoint:
            words = sheet.fitted(node.label, max(30, right + half - left - 20), 12)
            width = sheet.width(words, 12) + 18
            if left + width > right + half:
                break
            sheet.box(left, y, width, 24, pale(VERMILLION), VERMILLION)
            sheet.text(left + width / 2, y + 12, words, 12, anchor="mm")
            left += width + 8
        if row.primal is not None and row.adjoint:
            sheet.line(right - 27, y + 12, right - 13, y + 12, MUTED)
    if len(rows) > len(shown):
        sheet.text(MARGIN, top + step * len(shown) + 4, f"and {len(rows) - len(shown)} more operations", 12, MUTED)
    return sheet.png()


def _draw_primal(sheet: Painter, row: Row, y: float, room: float) -> None:
    if row.primal is None:
        return
    left = MARGIN + 22 * min(row.depth, 6)
    room -= left - MARGIN
    if isinstance(row.primal, Region):
        sheet.text(left + 2, y + 12, sheet.fitted(_words(row.primal), room, 12), 12, BLUE, "lm", bold=True)
        return
    node = row.primal
    colour = BLUE if node.active else MUTED
    words = sheet.fitted(node.label, room - 120, 12)
    width = sheet.width(words, 12) + 18 + (14 if node.stored else 0)
    sheet.box(left, y, width, 24, pale(colour), colour)
    sheet.text(left + 9, y + 12, words, 12, TEXT, "lm")
    if node.stored:
        sheet.box(left + width - 17, y + 7.5, 9, 9, GREEN, radius=4.5)
    if node.line is not None:
        sheet.text(left + width + 10, y + 12, f"line {node.line}", 12, MUTED, "lm")
