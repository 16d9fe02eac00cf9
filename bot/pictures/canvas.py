"""What every picture is drawn with: a canvas with round corners and Chinese text, and the fonts behind it.

The fonts come with the package (Noto Sans SC and Noto Serif SC, SIL OFL): a fresh machine has none of its own. Pillow is imported when the
first picture is drawn; most processes never draw one.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pylopdf_fonts_zh_cn as fonts

if TYPE_CHECKING:
    from PIL import Image, ImageFont

Face = Literal["sans", "serif"]
Align = Literal["left", "middle", "right"]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

WIDTH = 1080
"""Every picture's width in pixels."""
MOST_COLOURS = 256
NOBODY = "群友"
"""Stands for a name of which the fonts have nothing."""
UNKNOWN = "·"
"""Stands for a letter that the fonts do not have."""

_PROBE_SIZE = 24
_NO_CHARACTER = "\uffff"
_SHADES = 5
"""How many shades lie between two colours where one is drawn on the other; more are not seen at this size."""
_CLOSING = "，。！？；：、”》）"
_FINE = 4
"""How much finer round shapes are drawn before they are scaled down: Pillow's own have steps."""
_ANCHORS: dict[Align, str] = {"left": "lm", "middle": "mm", "right": "rm"}


class Studio:
    """Fonts and brushes, kept between pictures. One drawing at a time: the fonts are not for two threads at once."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[Face, int], ImageFont.FreeTypeFont] = {}
        self._known: dict[tuple[Face, str], bool] = {}
        self._discs: dict[int, Image.Image] = {}

    def font(self, face: Face, size: int) -> ImageFont.FreeTypeFont:
        """A font of a size in pixels."""
        if (face, size) not in self._fonts:
            from PIL import ImageFont

            path = fonts.sans_path() if face == "sans" else fonts.serif_path()
            self._fonts[face, size] = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        return self._fonts[face, size]

    def disc(self, radius: int) -> Image.Image:
        """A smooth disc as a mask."""
        if radius not in self._discs:
            from PIL import Image, ImageDraw

            side = 2 * radius * _FINE
            large = Image.new("L", (side, side), 0)
            ImageDraw.Draw(large).ellipse((0, 0, side - 1, side - 1), fill=255)
            self._discs[radius] = large.reduce(_FINE)
        return self._discs[radius]

    def readable(self, text: str, face: Face = "sans") -> str:
        """``text`` as the fonts can show it on one line: without emoji and invisible marks, a letter they lack as ``UNKNOWN``."""
        shown: list[str] = []
        for char in unicodedata.normalize("NFC", text):
            kind = unicodedata.category(char)
            if kind[0] == "Z" or char in "\t\n\r":
                shown.append(" ")
            elif kind[0] in "CM":
                continue
            elif self._has(char, face):
                shown.append(char)
            elif kind[0] in "LN" and shown[-1:] != [UNKNOWN]:
                shown.append(UNKNOWN)
        return " ".join("".join(shown).split())

    def _has(self, char: str, face: Face) -> bool:
        if (face, char) not in self._known:
            if len(self._known) > 20_000:
                self._known.clear()
            font = self.font(face, _PROBE_SIZE)
            self._known[face, char] = _look(font, char) != _look(font, _NO_CHARACTER)
        return self._known[face, char]


def _look(font: ImageFont.FreeTypeFont, char: str) -> tuple[Any, bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is set: size in pixels, colour, weight, face, and which of its points is named."""

    size: int
    colour: str
    bold: bool = False
    face: Face = "sans"
    align: Align = "left"


class Canvas:
    """A picture of ``WIDTH`` by ``height`` pixels. A text's point is at half its height; what is too wide is cut with an ellipsis."""

    def __init__(self, studio: Studio, height: int, ground: str) -> None:
        from PIL import Image, ImageDraw

        self._studio = studio
        self._image = Image.new("RGB", (WIDTH, height), ground)
        self._draw = ImageDraw.Draw(self._image)
        self._edges: dict[tuple[tuple[int, int, int], tuple[int, int, int]], None] = {}

    def panel(self, box: Box, radius: int, colour: str) -> None:
        """A filled rectangle with round corners; no wider corners than it has room for."""
        left, top, right, bottom = box
        radius = min(radius, (right - left) // 2, (bottom - top) // 2)
        self._note(colour, left, top)
        for inner in ((left + radius, top, right - radius, bottom), (left, top + radius, right, bottom - radius)):
            if inner[0] < inner[2] and inner[1] < inner[3]:
                self._image.paste(colour, inner)
        if radius <= 0:
            return
        disc = self._studio.disc(radius)
        for across, x in ((0, left), (radius, right - radius)):
            for down, y in ((0, top), (radius, bottom - radius)):
                self._image.paste(colour, (x, y, x + radius, y + radius), disc.crop((across, down, across + radius, down + radius)))

    def frame(self, box: Box, radius: int, colour: str, inner: str, width: int) -> None:
        """A panel of ``inner`` with a line of ``colour`` around it."""
        self.panel(box, radius, colour)
        self.panel((box[0] + width, box[1] + width, box[2] - width, box[3] - width), radius - width, inner)

    def disc(self, x: int, y: int, radius: int, colour: str) -> None:
        """A filled circle around a point; it may reach over the edge."""
        for aside in (-radius, radius - 1):
            self._note(colour, x + aside, y)
            self._note(colour, x, y + aside)
        self._image.paste(colour, (x - radius, y - radius, x + radius, y + radius), self._studio.disc(radius))

    def ring(self, x: int, y: int, radius: int, width: int, share: float, *, colour: str, rest: str) -> None:
        """A ring around a point, ``share`` (0 to 1) of it in ``colour``, clockwise from the top."""
        from PIL import Image, ImageDraw

        side, box = 2 * radius * 2, (0, 0, 4 * radius - 1, 4 * radius - 1)
        for end, paint in ((360.0, rest), (360 * min(max(share, 0), 1), colour)):
            mask = Image.new("L", (side, side), 0)
            ImageDraw.Draw(mask).arc(box, -90, end - 90, fill=255, width=2 * width)
            self._note(paint, x, y - radius + width // 2)
            self._note(paint, x, y - radius + width + 4)
            self._image.paste(paint, (x - radius, y - radius, x + radius, y + radius), mask.reduce(2))

    def line(self, points: Sequence[tuple[int, int]], width: int, colour: str) -> None:
        """A line through points."""
        self._note(colour, *points[0])
        self._draw.line(list(points), fill=colour, width=width, joint="curve")

    def write(self, x: int, y: int, text: str, style: Style, room: int = WIDTH) -> int:
        """Sets one line of text within ``room`` pixels; gives its width."""
        said = self.cut(text, style, room)
        font = self._studio.font(style.face, style.size)
        stroke = max(1, round(style.size / 48)) if style.bold else 0
        self._note(style.colour, x, y)
        self._draw.text((x, y), said, font=font, fill=style.colour, anchor=_ANCHORS[style.align], stroke_width=stroke)
        return round(font.getlength(said))

    def width_of(self, text: str, style: Style) -> int:
        """How many pixels a text takes."""
        return round(self._studio.font(style.face, style.size).getlength(self._studio.readable(text, style.face)))

    def cut(self, text: str, style: Style, room: int) -> str:
        """The text as it can be shown within ``room`` pixels."""
        said, font = self._studio.readable(text, style.face), self._studio.font(style.face, style.size)
        if font.getlength(said) <= room:
            return said
        kept = said
        while kept and font.getlength(kept + "…") > room:
            kept = kept[:-1]
        return kept.rstrip() + "…"

    def name(self, text: str) -> str:
        """A member's or group's name as it can be shown; ``NOBODY`` where the fonts have nothing of it."""
        said = self._studio.readable(text)
        return said if said.strip(f"{UNKNOWN} ") else NOBODY

    def wrap(self, text: str, style: Style, room: int) -> list[str]:
        """The text in at most two lines of ``room`` pixels, about equally long and cut behind a mark where there is one."""
        said = self._studio.readable(text, style.face)
        if self.width_of(said, style) <= room:
            return [said]
        breaks = [at for at in range(1, len(said)) if said[at] not in _CLOSING and self.width_of(said[:at], style) <= room]
        marked = [at for at in breaks if said[at - 1] in _CLOSING and self.width_of(said[at:], style) <= room]
        best = min(marked or breaks, key=lambda at: abs(len(said) - 2 * at)) if breaks else len(said)
        return [said[:best].strip(), self.cut(said[best:], style, room)]

    def png(self) -> bytes:
        """The picture as a PNG of few colours: those that were used, and the shades between each and what it was drawn on."""
        from PIL import Image

        shades = dict.fromkeys(colour for pair in self._edges for colour in pair)
        shades |= dict.fromkeys(_between(one, other, part) for one, other in self._edges for part in range(1, _SHADES + 1))
        palette = Image.new("P", (1, 1))
        palette.putpalette([part for colour in list(shades)[:MOST_COLOURS] for part in colour])
        out = io.BytesIO()
        self._image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", compress_level=4)
        return out.getvalue()

    def _note(self, colour: str, x: int, y: int) -> None:
        """Remembers that ``colour`` is drawn upon what is at a point."""
        x, y = min(max(x, 0), WIDTH - 1), min(max(y, 0), self._image.height - 1)
        below: Any = self._image.getpixel((x, y))
        self._edges[_rgb(colour), below] = None


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _between(one: tuple[int, int, int], other: tuple[int, int, int], part: int) -> tuple[int, int, int]:
    red, green, blue = ((a * part + b * (_SHADES + 1 - part)) // (_SHADES + 1) for a, b in zip(one, other, strict=True))
    return red, green, blue
