"""Draws the pictures of the views with Pillow, which is imported when the first picture is drawn."""

from __future__ import annotations

import unicodedata
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDTH = 880  # in CSS pixels
OCTREE = 2  # PIL.Image.Quantize.FASTOCTREE
SCALE = 2  # picture pixels for each of them, so that the text is sharp on dense screens
MARGIN = 20

TEXT, MUTED, LINE, PAPER, GROUND = "#202020", "#666666", "#c8c8c8", "#ffffff", "#f3f3f3"
# Okabe and Ito's colours
BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, YELLOW, GREY = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#f0e442", "#999999",
)  # fmt: skip

# The font that comes with Pillow has ASCII only: what mathematics needs beyond it is spelled out.
SPELLED = str.maketrans(
    {"∂": "d", "∇": "grad ", "Σ": "sum ", "π": "pi", "µ": "u", "·": "*", "×": "x", "−": "-", "′": "'", "…": "..."}
    | {"→": ">", "←": "<", "≤": "<=", "≥": ">="}
)  # fmt: skip


def ascii_only(words: str) -> str:
    """`words` in the letters of the font: "v₀·ā" -> "v0*a"."""
    plain = unicodedata.normalize("NFKD", words.translate(SPELLED))
    return "".join(letter if letter.isascii() else "?" for letter in plain if not unicodedata.combining(letter))


@cache
def font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size * SCALE)


class Painter:
    """A white sheet of `WIDTH` by `height` CSS pixels; all lengths are in CSS pixels."""

    def __init__(self, height: float) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (WIDTH * SCALE, int(height) * SCALE), PAPER)
        self.draw: Any = ImageDraw.Draw(self.image)

    def text(
        self, x: float, y: float, words: str, size: int = 13, colour: str = TEXT, anchor: str = "la", bold: bool = False
    ) -> None:
        """`anchor` in Pillow's terms: "la" left and top, "mm" the middle, "ra" right and top."""
        self.draw.text(
            (x * SCALE, y * SCALE), ascii_only(words), fill=colour, font=font(size), anchor=anchor,
            stroke_width=0.4 * SCALE if bold else 0, stroke_fill=colour,
        )  # fmt: skip

    def width(self, words: str, size: int = 13) -> float:
        return self.draw.textlength(ascii_only(words), font=font(size)) / SCALE

    def fitted(self, words: str, room: float, size: int = 13) -> str:
        """`words`, cut with an ellipsis where they would be wider than `room`."""
        if self.width(words, size) <= room:
            return words
        while words and self.width(words + "…", size) > room:
            words = words[:-1]
        return words.rstrip() + "…"

    def wrapped(self, words: str, room: float, size: int = 13) -> list[str]:
        """`words` broken into lines no wider than `room`."""
        lines = [""]
        for word in words.split():
            longer = f"{lines[-1]} {word}".strip()
            if self.width(longer, size) <= room or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str | None = None,
        outline: str | None = None,
        radius: float = 5,
    ) -> None:
        corners = (x * SCALE, y * SCALE, max(x, x + width) * SCALE, (y + height) * SCALE)
        self.draw.rounded_rectangle(corners, radius * SCALE, fill=fill, outline=outline, width=SCALE)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = LINE, width: float = 1) -> None:
        self.draw.line(
            (x1 * SCALE, y1 * SCALE, x2 * SCALE, y2 * SCALE), fill=colour, width=max(1, round(width * SCALE))
        )

    def arrow(self, x1: float, x2: float, y: float, colour: str, width: float) -> None:
        """A level arrow from x1 to x2."""
        way, head = (1 if x2 > x1 else -1), 4 + 1.5 * width
        self.line(x1, y, x2 - way * head, y, colour, width)
        tip = [(x2, y), (x2 - way * head * 1.3, y - head * 0.7), (x2 - way * head * 1.3, y + head * 0.7)]
        self.draw.polygon([(a * SCALE, b * SCALE) for a, b in tip], fill=colour)

    def png(self) -> bytes:
        stream = BytesIO()
        # Few colours are in use: a palette makes the file, which lies in the notebook, several times smaller. The octree
        # takes a tenth of the time of the default: a picture is drawn for every cell, whether anybody looks at it or not.
        self.image.quantize(64, method=OCTREE).save(stream, "PNG")
        return stream.getvalue()


def pale(colour: str, share: float = 0.12) -> str:
    """`colour` mixed with paper: `share` 1 is the colour itself."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)
