"""Draws the pictures of the views with Pillow, which is imported when the first picture is drawn."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

WIDTH = 880  # in CSS pixels
SHADES = 4  # between paper and ink, at the edges of letters
SCALE = 2  # picture pixels for each of them, so that the text is sharp on dense screens
MARGIN = 20
QUICK = 4  # how hard zlib tries, of 9: 11 ms for a third of the file

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
    if words.isascii():
        return words
    plain = unicodedata.normalize("NFKD", words.translate(SPELLED))
    return "".join(letter if letter.isascii() else "?" for letter in plain if not unicodedata.combining(letter))


@cache
def font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size * SCALE)


@lru_cache(2000)
def length(words: str, size: int) -> float:
    """How wide words are, in pixels of the picture."""
    return font(size).getlength(words)


@lru_cache(1000)
def glyph(letter: str, size: int, stroke: float) -> tuple[Image, int, float]:
    """How much of each pixel a letter covers, where its picture begins from the pen's place, and how far the pen moves on.

    The font renders a word no faster than its letters, and a graph has a hundred words of the same few letters.
    """
    from PIL import Image, ImageDraw

    advance = font(size).getlength(letter)
    margin = 2 * SCALE
    cover = Image.new("L", (int(advance) + 1 + 2 * margin, int(1.5 * size * SCALE)))
    ImageDraw.Draw(cover).text((margin, 2), letter, fill=255, font=font(size), anchor="la", stroke_width=stroke)
    return cover, -margin, advance


def render_letters() -> None:
    """Have the letters of the usual size at hand."""
    for letter in map(chr, range(32, 127)):
        glyph(letter, 12, 0)


class Painter:
    """A white sheet of `WIDTH` by `height` CSS pixels; all lengths are in CSS pixels.

    It is painted with a palette from the start. A picture is drawn for every cell before its panel is sent, whether anybody
    looks at it or not: drawing in full colour and looking for a palette afterwards took twice as long as the rest.
    """

    def __init__(self, height: float) -> None:
        from PIL import Image, ImageDraw

        self._palette: dict[tuple[int, int, int], int] = {}
        self._shades: dict[tuple[int, int], bytes] = {}
        self.image = Image.new("P", (WIDTH * SCALE, int(height) * SCALE), self._index(rgb(PAPER)))
        self.draw: Any = ImageDraw.Draw(self.image)

    def _index(self, colour: tuple[int, int, int]) -> int:
        """The place of a colour in the palette; that of the nearest one where the palette is full."""
        found = self._palette.get(colour)
        if found is None and len(self._palette) < 256:
            found = self._palette[colour] = len(self._palette)
        if found is None:
            near = min(self._palette, key=lambda other: sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)))
            found = self._palette[colour] = self._palette[near]
        return found

    def _ramp(self, paper: int, ink: int) -> bytes:
        """For how much of a pixel a letter covers (0 to 255): the colour between the paper and the ink."""
        if (paper, ink) not in self._shades:
            places = {place: colour for colour, place in self._palette.items()}
            ends = places[paper], places[ink]
            mixed = [
                self._index(tuple(round(a + (b - a) * step / (SHADES + 1)) for a, b in zip(*ends, strict=True)))  # type: ignore[arg-type]
                for step in range(SHADES + 2)
            ]
            self._shades[paper, ink] = bytes(mixed[round(cover * (SHADES + 1) / 255)] for cover in range(256))
        return self._shades[paper, ink]

    def text(
        self, x: float, y: float, words: str, size: int = 13, colour: str = TEXT, anchor: str = "la", bold: bool = False
    ) -> None:
        """`anchor` in Pillow's terms: "la" left and top, "mm" the middle, "ra" right and top."""
        from PIL import Image

        words, stroke = ascii_only(words), 0.4 * SCALE if bold else 0
        wide, high = length(words, size) + stroke / 2 * len(words), int(1.5 * size * SCALE)
        start = x * SCALE - {"l": 0, "m": wide / 2, "r": wide}[anchor[0]]
        left, right = int(start) - 2 * SCALE, int(start + wide) + 2 * SCALE + 2
        top = round(y * SCALE - (0.55 * size * SCALE + 2 if anchor[1] == "m" else 2))
        cover = Image.new("L", (right - left, high))
        pen = start - left
        for letter in words:
            picture, before, advance = glyph(letter, size, stroke)
            cover.paste(255, (round(pen) + before, 0), picture)
            pen += advance + stroke / 2
        inside = max(0, min(int(start), self.image.width - 1)), max(0, min(top + high // 2, self.image.height - 1))
        ground = self.image.getpixel(inside)
        assert isinstance(ground, int)
        covered = cover.tobytes()
        shaded = covered.translate(self._ramp(ground, self._index(rgb(colour))))
        mask = Image.frombytes("L", cover.size, covered.translate(TOUCHED))
        self.image.paste(Image.frombytes("P", cover.size, shaded), (left, top), mask)

    def width(self, words: str, size: int = 13) -> float:
        return length(ascii_only(words), size) / SCALE

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
        inks = [None if c is None else self._index(rgb(c)) for c in (fill, outline)]
        self.draw.rounded_rectangle(corners, radius * SCALE, fill=inks[0], outline=inks[1], width=SCALE)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = LINE, width: float = 1) -> None:
        ends = (x1 * SCALE, y1 * SCALE, x2 * SCALE, y2 * SCALE)
        self.draw.line(ends, fill=self._index(rgb(colour)), width=max(1, round(width * SCALE)))

    def arrow(self, x1: float, x2: float, y: float, colour: str, width: float) -> None:
        """A level arrow from x1 to x2."""
        way, head = (1 if x2 > x1 else -1), 4 + 1.5 * width
        self.line(x1, y, x2 - way * head, y, colour, width)
        tip = [(x2, y), (x2 - way * head * 1.3, y - head * 0.7), (x2 - way * head * 1.3, y + head * 0.7)]
        self.draw.polygon([(a * SCALE, b * SCALE) for a, b in tip], fill=self._index(rgb(colour)))

    def png(self) -> bytes:
        """The sheet as a PNG file. Pillow's own writer takes three times as long for a file a third smaller."""
        from PIL import Image

        wide, high = self.image.size
        rows = Image.new("P", (wide + 1, high), 0)  # a row begins with the 0 of "unfiltered"
        rows.paste(self.image, (1, 0))
        head = struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)  # 8 bits a pixel, of a palette
        palette = bytes(part for colour in self._colours() for part in colour)
        parts = [(b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows.tobytes(), QUICK)), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
        )

    def _colours(self) -> list[tuple[int, int, int]]:
        """The palette in order; a colour that stands for others keeps its own place."""
        first: dict[int, tuple[int, int, int]] = {}
        for colour, place in self._palette.items():
            first.setdefault(place, colour)
        return [first[place] for place in sorted(first)]


TOUCHED = bytes([0] + [255] * 255)


def rgb(colour: str) -> tuple[int, int, int]:
    """"#rrggbb" as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def pale(colour: str, share: float = 0.12) -> str:
    """`colour` mixed with paper: `share` 1 is the colour itself."""
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in rgb(colour))
