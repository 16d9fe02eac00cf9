"""What the QR codes in a picture say: the home of zxing-cpp. Run as ``python -m bot.qr_codes PARENT`` it is the process that reads one picture.

Pictures come from strangers. A picture of nothing but the corners of codes takes the reader 20 s, and what is written in C++ may crash: so each is
read in a process of its own, with limits (bot/apart.py).
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import msgspec

from bot import apart

if TYPE_CHECKING:
    from PIL import Image

MOST_BYTES = 10_485_760
MOST_PIXELS = 20_000_000
"""Of a picture as it is stored, known from its head before anything is unpacked."""
LONGEST_SIDE = 2_000
"""Larger pictures are shrunk: a code that somebody is to scan from a screen is large enough then."""
MOST_CODES = 8
LONGEST_CODE = 2_000
MOST_CPU_S = 5
MOST_MEMORY = 1 << 30
MOST_WALL_S = 20.0
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class Job(apart.Job, frozen=True, kw_only=True):
    """What the process is told: the picture's bytes."""

    data: bytes


class Found(msgspec.Struct, frozen=True):
    """What the codes say."""

    texts: tuple[str, ...]


def read_apart(data: bytes) -> tuple[str, ...]:
    """:func:`read_codes` in a process of its own. Raises apart.Failed where that took too long or too much, or did not come to an end."""
    if not 0 < len(data) <= MOST_BYTES:
        return ()
    job = Job(data=data, cpu_s=MOST_CPU_S, memory=MOST_MEMORY)
    return apart.worked("bot.qr_codes", job, Found, MOST_WALL_S).texts


def read_codes(data: bytes) -> tuple[str, ...]:
    """The texts of the QR codes in a PNG, JPEG, WebP or GIF (its first frame), each once, at most 8 and 2,000 characters each.

    Nothing for whatever is no such picture, larger than 10 MiB or 20 million pixels, or broken.
    """
    if not 0 < len(data) <= MOST_BYTES:
        return ()
    shown = _gray(data)
    if shown is None:
        return ()
    import zxingcpp

    found = zxingcpp.read_barcodes(shown, formats=zxingcpp.barcode_formats_from_str("QRCode"), text_mode=zxingcpp.TextMode.Plain)
    texts = (code.text.strip()[:LONGEST_CODE] for code in found)
    return tuple(dict.fromkeys(filter(None, texts)))[:MOST_CODES]


def _gray(data: bytes) -> Image.Image | None:
    """The picture in shades of gray, no larger than need be; None for what is none, or too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.draft("L", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG can be unpacked small at once
            gray = _on_white(picture) if picture.has_transparency_data else picture.convert("L")
            gray.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return gray
    # what Pillow's readers raise on damaged files
    except (
        OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError, struct.error, zlib.error,
        Image.DecompressionBombError, Image.DecompressionBombWarning,
    ):  # fmt: skip
        return None


def _on_white(picture: Image.Image) -> Image.Image:
    """A picture with transparent parts as a chat shows it: black dots on nothing would else be black on black."""
    from PIL import Image

    shown = picture.convert("LA")
    white = Image.new("L", shown.size, 255)
    white.paste(shown.getchannel("L"), mask=shown.getchannel("A"))
    return white


def main() -> None:
    """The program."""
    apart.work(Job, lambda job: Found(read_codes(job.data)))


if __name__ == "__main__":
    main()
