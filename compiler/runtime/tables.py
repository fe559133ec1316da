"""Small tables for what the runtime reports: plain text for a terminal, HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """The rows under their headers in columns; columns in `right` are set flush right."""
    cells = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        parts = [c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), "  ".join("-" * w for w in widths), *(line(row) for row in rows)])


def html_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = (), caption: str = ""
) -> str:
    """The same as an HTML table; every cell is escaped."""

    def cells(tag: str, row: Sequence[str]) -> str:
        sides = ["right" if k in right else "left" for k in range(len(row))]
        return "".join(f'<{tag} style="text-align:{s}">{escape(c)}</{tag}>' for c, s in zip(row, sides, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{cells('th', headers)}</tr></thead><tbody>{body}</tbody></table>"


def readable_bytes(count: int | None) -> str:
    """`count` bytes with a unit (powers of 1024), "-" where unknown."""
    if count is None:
        return "-"
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
