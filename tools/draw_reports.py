"""Makes the reports kept in docs/operators/examples: ``python -m tools.draw_reports``. Those of the demo's communities, in a week of 2026.

They are made by the bot itself, on a Redis of their own, out of the past that the demo brings along; the same program makes the same files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from dotenv import dotenv_values

from bot.config import load
from bot.drawing import Artist
from bot.numbers import Numbers
from bot.report_desk import ReportDesk
from bot.report_words import picture_of
from commands.build import Bot, build
from commands.past import bring_past, pasts
from commands.roles import bot_environment
from rules.periods import Period, before, day_of, month_of, week_of
from simulator.opening import MAIN, NAMES, PHOTOS, STARTERS, user_of
from simulator.scene import set_stage
from storage.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "operators" / "examples"
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday at ten in Shanghai."""
TODAY = NOW.date()
WANTED: Mapping[str, tuple[str, Period]] = {
    "weekly": ("starters", before(week_of(TODAY))),
    "weekly-well": ("main", before(week_of(TODAY))),
    "monthly": ("main", before(month_of(TODAY))),
    "brief": ("starters", before(day_of(TODAY))),
}
"""What is made: file, community, period."""


def write(bot: Bot, folder: Path) -> list[Path]:
    """Writes the pictures, texts and workbooks of a bot's communities; gives the files."""
    artist, written = Artist(), []
    for name, (place, period) in WANTED.items():
        numbers = Numbers(bot.stores, bot.communities, lambda: NOW, bot.live.current)
        desk = ReportDesk(bot.stores, bot.config, bot.live.current, numbers, bot.communities.named(place), NOW)
        report = desk.make(period)
        made = {"txt": f"{desk.text(report)}\n".encode()}
        if period.length != "day":
            made |= {"png": artist.draw(picture_of(report)), "xlsx": desk.book(report)}
        for ending, data in made.items():
            file = folder / f"{name}.{ending}"
            file.write_bytes(data)
            written.append(file)
    return written


def main(words: list[str]) -> None:
    """Writes the files and says their sizes."""
    folder = Path(words[0]) if words else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        stage = set_stage(Path(scratch), 8080, starting_content=ROOT / "rules" / "content")
        with EmbeddedServer(stage.data, fsync="no") as server:
            secrets = {name: value or "" for name, value in dotenv_values(Path(scratch) / ".env").items()}
            environment = {**secrets, **bot_environment(stage.data, server.url)}
            os.environ.update(environment)
            bot = build(load(stage.bot_config, os.environ), "worker", clock=lambda: NOW)
            everybody = [user_of(n) for n in range(1, len(NAMES) + 1)]
            found = pasts(everybody, well=("main", MAIN), unwell=("starters", STARTERS), young=("photos", PHOTOS))
            bring_past(bot.stores.database, bot.stores.shards, found, TODAY)
            for file in write(bot, folder):
                print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
