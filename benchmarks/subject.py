"""The bot in one process, without a web server, with a Redis of its own: what a point of a curve is measured on.

``python -m benchmarks.subject SETUP`` (JSON) says what its Redis holds, and then for every number on its standard input hears so many messages and
tells what they cost.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import count
from pathlib import Path
from time import process_time, thread_time_ns
from typing import Any

import msgspec
import structlog

from benchmarks import faq as faq_benchmark
from benchmarks import people, questions
from benchmarks.people import PIECE
from benchmarks.words import make_words
from bot.endings import Endings
from bot.metrics import Metrics
from handlers import GATES, moderation
from rules import ordinary_chat
from rules.content_words import entry_to_json
from rules.faq import Faq
from rules.text import Words
from rules.wordlist import id_of
from storage import keys
from storage.embedded import EmbeddedServer
from storage.inbox import Ending
from tests.chat import MAIN, ROOT, a_config, build, settings
from tests.timing import Clock

BETWEEN = timedelta(seconds=11)
"""Between two messages, so that nobody floods."""
CHECK_IN_EVERY = 5
ENTRY_BYTES = 100
"""Text of an entry of the history: with its fields it is as long as those of a real message are on the average."""


class Setup(msgspec.Struct, frozen=True):
    """One point of a curve. All but one of it stands as it is here."""

    members: int = 10_000
    speakers: int = 1_000
    """How many of the members say something, evenly spread: a larger community, not a louder one."""
    faq: int = 1_000
    words: int = 10
    groups: int = 2
    history: int = 0
    fresh: bool = False
    """True: no text was heard before, so nothing that is remembered of texts helps."""
    counts: bool = True
    """False: as if nothing were counted, so that it is seen what counting costs."""


class Cost(msgspec.Struct):
    """Of a batch, a message: µs in the program, in Redis, and of the program's those within FAQ and moderation; how often Redis was asked."""

    program: float
    redis: float
    faq: float
    moderation: float
    round_trips: float


class Held(msgspec.Struct):
    """What Redis holds, in bytes: when nothing was in it, with everybody and the history, and now; how many were heard, and the log now."""

    empty: int
    filled: int
    now: int
    heard: int
    log: int


class Subject:
    """The bot, filled, and its traffic: four questions to one 签到, as ``benchmarks/traffic.py`` has it."""

    def __init__(self, setup: Setup, folder: Path, server: EmbeddedServer) -> None:
        self._setup, self._dice, self._heard = setup, random.Random(3), 0
        self._spent = {"faq": 0, "moderation": 0}
        self._groups = [MAIN, *(f"wrBENCH{number:06d}" for number in range(1, setup.groups))]
        listed, words = faq_benchmark.entries(setup.faq), Words(folder)
        gates = tuple(self._timed(gate, "moderation") if gate is moderation.gate else gate for gate in GATES)
        Faq.ask = self._timed(Faq.ask, "faq")  # type: ignore[method-assign]
        if not setup.counts:
            _count_nothing()
        tree = settings(app=False, content=_content(folder, listed))
        tree["communities"][0]["groups"] = self._groups
        self._chat = build(count(), a_config(folder, server.url, tree), words, Metrics(), clock=Clock(), gates=gates)
        self._database = self._chat.stores.database
        self._texts = [text for text, _ in faq_benchmark.asked(listed, 1_000)] + [entry.question for entry in listed[:1_000]]
        self._home = self._chat.communities.of_chat(MAIN, 0)
        self._put_words()
        self._chat.receive(self._chat.words("签到", user="first", group=MAIN))
        empty = self._memory()
        self._fill()
        self.held = Held(empty, self._memory(), 0, 0, 0)

    def hear(self, messages: int) -> Cost:
        """What so many messages cost."""
        made = []
        for _ in range(messages):
            self._heard += 1
            said = "签到" if self._heard % CHECK_IN_EVERY == 0 else self._dice.choice(self._texts)
            if self._setup.fresh and said != "签到":
                said = f"{said}，我是第 {self._heard} 个问的"
            made.append(self._chat.words(said, user=self._someone(), group=self._dice.choice(self._groups)))
        self._spent = dict.fromkeys(self._spent, 0)
        before = self._used()
        for message in made:
            self._chat.clock.later(seconds=BETWEEN.total_seconds())
            self._chat.receive(message)
        program, redis, trips = ((now - was) / messages for now, was in zip(self._used(), before, strict=True))
        spent = {part: ns / 1_000 / messages for part, ns in self._spent.items()}
        return Cost(program * 1e6, redis * 1e6, spent["faq"], spent["moderation"], trips)

    def holds(self) -> Held:
        """What Redis holds now."""
        self.held.now, self.held.heard = self._memory(), self._heard
        self.held.log = int(self._database.command("MEMORY", "USAGE", keys.EVENTS(shard=self._home.shard), "SAMPLES", 0))
        return self.held

    def _someone(self) -> str:
        apart = max(1, self._setup.members // self._setup.speakers)
        return f"member{self._dice.randrange(min(self._setup.members, self._setup.speakers)) * apart:07d}"

    def _timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The same, its CPU time noted down."""

        @wraps(function)
        def timed(*args: Any, **more: Any) -> Any:
            began = thread_time_ns()
            try:
                return function(*args, **more)
            finally:
                self._spent[part] += thread_time_ns() - began

        return timed

    def _used(self) -> tuple[float, float, float]:
        redis = self._info("cpu")
        return (
            process_time(),
            float(redis["used_cpu_user"]) + float(redis["used_cpu_sys"]),
            int(self._info("stats")["total_reads_processed"]),
        )

    def _memory(self) -> int:
        return int(self._info("memory")["used_memory"])

    def _info(self, section: str) -> dict[str, str]:
        lines = str(self._database.command("INFO", section)).splitlines()
        return {name: value for name, found, value in (line.partition(":") for line in lines) if found}

    def _put_words(self) -> None:
        made = make_words(self._setup.words, ordinary_chat.shipped(), random.Random(1))
        self._chat.stores.content.put("words", {id_of(word): entry_to_json(word) for word in made}, "benchmark", datetime.now(UTC))
        self._chat.live.refresh()

    def _fill(self) -> None:
        """Everybody as he stands in Redis after his first message, and a log of ``history`` entries."""
        home = self._home
        people.put(self._database, [f"member{number:07d}" for number in range(self._setup.members)], shard=home.shard, community=home.id)
        row = ("v", 1, "t", 1, "kind", "decision", "c", home.id, "m", 1, "id", "0" * 24, "data", "x" * ENTRY_BYTES)
        for first in range(0, self._setup.history, PIECE):
            self._database.pipeline([("XADD", keys.EVENTS(shard=home.shard), "*", *row)] * min(PIECE, self._setup.history - first))


def main(words: list[str]) -> None:
    """Serves one point."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged is no answer
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    setup = msgspec.json.decode(words[0], type=Setup)
    with tempfile.TemporaryDirectory(prefix="qunbot-bench-") as place, EmbeddedServer(Path(place) / "redis", fsync="no") as server:
        subject = Subject(setup, Path(place), server)
        print(msgspec.json.encode(subject.held).decode(), file=told, flush=True)
        for line in sys.stdin:
            answer = subject.hear(int(line)) if line.strip() != "0" else subject.holds()
            print(msgspec.json.encode(answer).decode(), file=told, flush=True)


def _content(folder: Path, listed: list[Any]) -> Path:
    content = folder / "content"
    shutil.copytree(ROOT / "rules" / "content", content)
    (content / "faq.yaml").write_text(questions.as_yaml(listed), encoding="utf-8")
    return content


def _count_nothing() -> None:
    make = Endings.make

    def uncounted(*args: Any, **more: Any) -> Ending:
        return replace(make(*args, **more), counts={}, is_active=False, takes_part=False)

    Endings.make = uncounted  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1:])
