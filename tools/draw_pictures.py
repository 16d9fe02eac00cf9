"""Draws every picture into a folder, to be looked at: ``python -m tools.draw_pictures FOLDER``. Without a folder, those of the documentation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.drawing import Artist, drawn

ROOT = Path(__file__).parent.parent
_LONG = "一个名字特别特别特别特别特别特别特别特别长的群友"
_FAR = "北京市朝阳区望京街道早起跑步读书写作互助交流群（三群）"
_NAMES = ("韩梅梅", "李雷", "Jim Green", "露西", "成员 12", "김철수", _LONG, "L", "王", "😀😀")
_POINTS = (320, 285, 285, 240, 199, 180, 120, 60, 20, 5)
_RANKS = (1, 2, 2, 4, 5, 6, 7, 8, 9, 10)
_CALENDAR = {"nickname": "李雷", "community": "早起读书群", "year": 2026, "month": 11, "streak": 10, "total": 128}
_DAYS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
_POSTER = {"nickname": "李雷", "community": "早起读书群", "date": "2026 年 11 月 22 日", "sentence": "每天进步一点点，时间会记得你的坚持。"}
_BOARD = {"title": "本周积分榜", "period": "11 月 16 日 – 11 月 22 日", "community": "早起读书群", "size": 128}
_TEN = [{"rank": r, "name": n, "points": p, "own": n == "李雷"} for r, n, p in zip(_RANKS, _NAMES, _POINTS, strict=True)]
_FAR_OFF = {"rank": 1_234_567, "name": "李雷", "points": 15, "own": True}
_RICH = [
    {"rank": 1, "name": "韩梅梅", "points": 1_000_000},
    {"rank": 2, "name": _LONG, "points": 999_999},
    {"rank": 3, "name": "L", "points": 0},
]
_PROGRESS = {"nickname": "李雷", "community": "早起读书群", "title": "21 天早起挑战", "done": 9, "of": 21, "day": 11}

SHOWN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "calendar": ("calendar", {**_CALENDAR, "days": _DAYS, "made_up": [12], "today": 22}),
    "poster": ("poster", {**_POSTER, "streak": 10, "total": 128, "points": 1560, "rank": 3, "level": "达人"}),
    "board": ("board", {**_BOARD, "top": _TEN}),
    "progress": ("progress", {**_PROGRESS, "days": [1, 2, 3, 4, 6, 7, 8, 9, 10], "sentence": "坚持就是胜利，明天见！"}),
}
"""The pictures of the documentation by their names: painter and facts."""
EDGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "calendar-six-weeks": (
        "calendar",
        {**_CALENDAR, "nickname": _LONG, "community": _FAR[:24], "month": 8, "days": list(range(1, 32)), "streak": 10**6, "total": 10**6},
    ),
    "calendar-leap-day": (
        "calendar",
        {**_CALENDAR, "nickname": "L", "year": 2028, "month": 2, "days": [], "today": 29, "streak": 0, "total": 0},
    ),
    "calendar-four-weeks": (
        "calendar",
        {**_CALENDAR, "nickname": "😀", "year": 2027, "month": 2, "days": [1, 28], "streak": 1, "total": 2},
    ),
    "poster-long": (
        "poster",
        {**_POSTER, "nickname": _LONG, "community": _FAR, "date": "2028 年 2 月 29 日", "streak": 1000, "total": 10**6, "points": 10**6}
        | {
            "rank": 10**6,
            "level": _LONG,
            "sentence": "路虽远，行则将至；事虽难，做则必成。把每一个平凡的日子过成值得纪念的样子，就是坚持。",
        },
    ),
    "poster-new": ("poster", {**_POSTER, "nickname": "L"}),
    "board-far": ("board", {**_BOARD, "community": _FAR, "top": _RICH, "own": _FAR_OFF, "hint": "距上一名还差 3 分", "size": 10**6}),
    "board-empty": ("board", {**_BOARD, "top": [], "size": 0}),
    "progress-hundred": ("progress", {**_PROGRESS, "title": "100 天写作挑战", "done": 100, "of": 100, "day": 100}),
    "progress-year": ("progress", {**_PROGRESS, "title": _LONG, "done": 120, "of": 365}),
    "progress-first": ("progress", {**_PROGRESS, "title": "7 天", "done": 0, "of": 7, "day": 1}),
}
"""What is hardest to draw: long names, none, great numbers, odd months."""


def main(words: list[str]) -> None:
    """Writes the PNGs and says their sizes."""
    folder = Path(words[0]) if words else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    artist = Artist()
    for name, (painter, facts) in ({**SHOWN, **EDGES} if words else SHOWN).items():
        data = artist.draw(drawn(painter, facts))
        (folder / f"picture-{name}.png").write_bytes(data)
        print(f"{folder / f'picture-{name}.png'}: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
