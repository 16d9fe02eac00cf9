"""Hours at the highest rate that the bot holds: what may not grow does not, what ends ends, and nothing that waits is left waiting.

The load asks again as soon as it is answered. Every so often it is noted what each process holds (memory, open files, threads), what Redis holds, and how
far behind everything is that waits its turn. A series grows where Mann and Kendall's test is sure of it and the line of Theil and Sen through it is steeper
than :data:`MOST_AN_HOUR` allows: neither minds a few strange values.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from benchmarks import questions, usage
from benchmarks.capacity import FIGURES
from benchmarks.load import Job, Result
from benchmarks.servers import CHATS, SPEAKERS, chat_of
from benchmarks.traffic import Traffic
from rules.text import Words
from storage import keys
from storage.connection import Database
from storage.inbox import Inbox
from tests.lives import family_of
from tests.outside import WeCom, aibot_text, new_id, wecom
from tests.tree import HERE, Tree

GROUPS = CHATS[:100]
EVERY_S = 10.0
ROUND_S, MOST_PER_S, CONNECTIONS = 30.0, 1_500, 16
WARM_UP_S = 240.0
"""Until then what is remembered of texts and members fills up."""
KEEP_EVERY = 50
MOST_AN_HOUR: Mapping[str, float] = {"MB": 8.0, "open files": 3.0, "threads": 3.0, "keys without an end": 150.0}
"""What a series may rise in an hour, by what it counts. Each push and each hour leaves a few keys for ever: what was sent, what was counted."""
LEAST_POINTS = 20
SURE_Z = 3.0
"""Standard deviations by which more pairs rise than fall, before a rise is believed."""
LONGEST_WAIT_S: Mapping[str, float] = {"inbox": 10.0, "outbox": 60.0, "answer": 5.0}
"""How long anything may wait. What reads the log may fall behind by :data:`LONGEST_BEHIND_S`: it catches up in rounds."""
LONGEST_BEHIND_S = 60.0
NO_END = -1
"""What PTTL says of a key that stays."""
MORE_BYTES = 1.2
"""Redis may take so many times what docs/capacity.md says of a message."""

Series = Mapping[str, Sequence[tuple[float, float]]]


def growing(series: Series, most_an_hour: Mapping[str, float] = MOST_AN_HOUR) -> list[str]:
    """What grows, by name: points are seconds and values; a name ends with what is counted."""
    found = []
    for name, points in series.items():
        if len(points) < LEAST_POINTS:  # a process that lives for seconds, such as that which writes Redis' file anew
            continue
        unit = next(unit for unit in most_an_hour if name.endswith(unit))
        slope, z = trend(points)
        if z > SURE_Z and slope * 3600 > most_an_hour[unit]:
            found.append(f"{name}: {slope * 3600:+.1f} an hour, at most {most_an_hour[unit]:g}")
    return found


def trend(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median slope between two points, a second, and how sure it is that there is one: by how many standard deviations more pairs rise than fall.

    Sen, JASA 63 (1968); Mann, Econometrica 13 (1945), with Kendall's variance for ties.
    """
    at, value = np.array(points, dtype=float).T
    first, second = np.triu_indices(len(at), 1)
    apart = at[second] != at[first]
    first, second = first[apart], second[apart]
    rise = value[second] - value[first]
    n, ties = len(at), np.unique(value, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - np.sum(ties * (ties - 1) * (2 * ties + 5))) / 18
    score = float(np.sum(np.sign(rise)))
    return float(np.median(rise / (at[second] - at[first]))), (score - np.sign(score)) / variance**0.5 if variance > 0 else 0.0


def held_by(pid: int) -> dict[str, float]:
    """What a process holds: memory of no file (what it shares with others changes with them), open files, threads."""
    place = Path(f"/proc/{pid}")
    anonymous_kb = re.search(r"^RssAnon:\s+(\d+) kB", (place / "status").read_text(), re.MULTILINE)
    assert anonymous_kb
    return {
        "MB": int(anonymous_kb[1]) / 1024,
        "open files": len(list((place / "fd").iterdir())),
        "threads": len(list((place / "task").iterdir())),
    }


@dataclass
class Seen:
    """What was noted: ``series`` after the warm-up, the longest waits, what Redis took at how many messages, and how soon somebody was answered."""

    series: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    redis: list[tuple[float, float]] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    answered: int = 0
    rates: list[float] = field(default_factory=list)


class Steady:
    """One bot under load."""

    def __init__(self, tree: Tree, side: WeCom, folder: Path, seed: int) -> None:
        self._tree = tree
        self._side = side
        self._folder = folder
        spoken = [user for user in SPEAKERS if chat_of(user) in GROUPS]
        asked = questions.answerable(questions.entries(), Words(folder))
        self._traffic = Traffic(asked, tree.channels["assistant"], seed, spoken)
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self.seen = Seen()
        self.problems: list[str] = []

    def run(self, seconds: float) -> None:
        """Loads, looks and asks for so long."""
        began = time.monotonic()
        others = [threading.Thread(target=work, args=(began,), daemon=True) for work in (self._look_on, self._ask_on)]
        for thread in others:
            thread.start()
        batch = self._traffic.batch(round(MOST_PER_S * ROUND_S))
        while time.monotonic() - began < seconds:
            with self._loading(batch.requests) as load:
                coming = self._traffic.batch(round(MOST_PER_S * ROUND_S))  # sealed while the others are on their way
            assert load.wait() == 0, "the load failed"
            result = msgspec.msgpack.decode((self._folder / "result").read_bytes(), type=Result)
            wrong = self._traffic.wrong(batch, result.kept)
            if result.errors or wrong:
                self.problems.append(f"errors {result.errors}, {len(wrong)} wrong answers, such as {wrong[:1]}")
            self.seen.answered += len(result.latencies_ms)
            self.seen.rates.append(len(result.latencies_ms) / result.seconds)
            batch = coming
        self._over.set()
        for thread in others:
            thread.join(60)

    def _loading(self, requests: list[bytes]) -> subprocess.Popen[str]:
        todo, done = self._folder / "job", self._folder / "result"
        todo.write_bytes(msgspec.msgpack.encode(Job(self._tree.port, requests, CONNECTIONS, ROUND_S, [], KEEP_EVERY)))
        load = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load", str(todo), str(done)],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert load.stdin
        assert load.stdout
        assert load.stdout.readline() == "ready\n"
        load.stdin.write("go\n")
        load.stdin.flush()
        return load

    def _look_on(self, began: float) -> None:
        with self._tree.database() as database:
            while not self._over.wait(EVERY_S):
                try:
                    self._look(database, time.monotonic() - began)
                except (OSError, AssertionError) as broken:
                    self.problems.append(f"{type(broken).__name__}: {broken}")

    def _look(self, database: Database, at_s: float) -> None:
        seen, note = self.seen, at_s > WARM_UP_S
        for name, wait_s in waits(database):
            seen.waits[name] = max(seen.waits[name], wait_s)
        if not note:
            return
        for role, pid in self._roles():
            for unit, value in held_by(pid).items():
                if (role, unit) != ("redis", "MB"):  # what Redis takes is held against the number of messages
                    seen.series[f"{role} {pid}, {unit}"].append((at_s, value))
        memory, space = (
            dict(line.partition(":")[::2] for line in database.command("INFO", part).splitlines()) for part in ("memory", "keyspace")
        )
        held = dict(pair.split("=") for pair in space["db0"].split(","))
        seen.series["Redis, keys without an end"].append((at_s, float(held["keys"]) - float(held["expires"])))
        seen.redis.append((float(self.seen.answered), float(memory["used_memory"])))

    def _roles(self) -> Iterator[tuple[str, int]]:
        for pid in self._tree.pids():
            name = usage.program(pid)
            yield (
                "redis"
                if "server" in name
                else next((word for word in reversed(usage.command(pid)) if word in ("web", "worker")), "parent"),
                pid,
            )

    def _ask_on(self, began: float) -> None:
        """Somebody who asks for this and that, and sees how soon he is answered."""
        words = ("帮助", "积分明细", "排行榜", "我的资料", "大家周末都看什么书", "你这个骗子，退钱", "活动", "人工")
        channel = self._tree.channels["assistant"]
        while not self._over.wait(1.0):
            chat = self._dice.choice(GROUPS)
            payload = aibot_text(
                f"asker{self._dice.randrange(200)}",
                f"@小助手 {self._dice.choice(words)}",
                id=new_id(),
                chat=chat,
                url=self._side.url(new_id()),
            )
            answer = self._tree.client.tell(channel, payload)
            if answer.status != 200:
                self.problems.append(f"an answer of {answer.status}")
            elif time.monotonic() - began > WARM_UP_S:
                self.seen.asked_s.append(answer.took_s)


def waits(database: Database) -> Iterator[tuple[str, float]]:
    """How long whatever waits has waited, in seconds, by what it is."""
    now_ms = time.time() * 1000
    oldest = Inbox(database, keys.SHARDS).oldest_ms()
    yield "inbox", (now_ms - oldest) / 1000 if oldest else 0.0
    due = [database.command("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, 0, "WITHSCORES") for shard in range(keys.SHARDS)]
    yield "outbox", max([0.0, *((now_ms - float(page[1])) / 1000 for page in due if page)])
    for shard in range(keys.SHARDS):
        newest = database.command("XREVRANGE", keys.EVENTS(shard=shard), "+", "-", "COUNT", 1)
        read = database.command("HGETALL", keys.FOLLOWED(shard=shard))
        for name, mark in zip(read[::2], read[1::2], strict=True):
            if newest and "#" not in name:
                yield f"log, {name}", (int(newest[0][0].partition("-")[0]) - int(mark.partition("-")[0])) / 1000


def without_end(database: Database) -> list[str]:
    """Keys that a family's life says end by themselves, and that have no end; how many, by family."""
    found = Counter[str]()
    for key in database.scan("*"):
        family = family_of(key)
        if family is keys.MESSAGE and database.command("PTTL", key) == NO_END:  # -2: it ended between our two looks
            found[family.pattern] += 1
    return [f"{count} keys of {name} without an end" for name, count in found.items()]


def hold(folder: Path, seed: int, *, minutes: float) -> str:
    """The part of the soak. AssertionError names everything that grew, waited or went wrong."""
    with wecom() as side:
        tree = Tree(folder / "bot", api_base=side.base, **_settings(folder))
        try:
            tree.start()
            tree.all_pids()
            steady = Steady(tree, side, folder, seed)
            steady.run(minutes * 60)
            with tree.database() as database:
                problems = [*steady.problems[:20], *judge(steady.seen, side.posts), *without_end(database)]
        finally:
            tree.stop()
    seen = steady.seen
    (folder / "seen.json").write_bytes(msgspec.json.encode({"series": seen.series, "redis": seen.redis, "waits": seen.waits}))
    told = _told(seen, minutes)
    assert not problems, f"{'; '.join(problems)} ({told})"
    return told


def judge(seen: Seen, posts: Sequence[float]) -> list[str]:
    """What of all that was noted is not as it should be."""
    problems = growing(seen.series)
    for name, waited in seen.waits.items():
        most = LONGEST_WAIT_S.get(name, LONGEST_BEHIND_S)
        if waited > most:
            problems.append(f"{name} waited {waited:.0f} s, at most {most:g}")
    if seen.asked_s and (slowest := float(np.percentile(seen.asked_s, 99))) > LONGEST_WAIT_S["answer"]:
        problems.append(f"somebody's answer took {slowest:.1f} s (p99), at most {LONGEST_WAIT_S['answer']:g}")
    if (bytes_each := trend(seen.redis)[0]) > MORE_BYTES * (promised := _promised_bytes()):
        problems.append(f"Redis takes {bytes_each:.0f} B a message, promised {promised:.0f}")
    whole = Counter(int(at // 60) for at in posts)
    late = [minute for minute in range(min(whole) + 1, max(whole)) if whole[minute] < len(GROUPS)] if whole else [0]
    if late:
        problems.append(f"{len(late)} of {len(whole)} minutes without all their posts")
    return problems


def _promised_bytes() -> float:
    found = msgspec.json.decode(FIGURES.read_bytes())["capacity"]
    return float(found["log_bytes"] + found["answer_bytes"])


def _told(seen: Seen, minutes: float) -> str:
    long = {name: points for name, points in seen.series.items() if len(points) >= LEAST_POINTS}
    steepest = {
        unit: max((trend(points)[0] * 3600 for name, points in long.items() if name.endswith(unit)), default=0.0) for unit in MOST_AN_HOUR
    }
    rises = ", ".join(f"{slope:+.2f} {unit}" for unit, slope in steepest.items())
    longest = ", ".join(f"{name} {waited:.1f} s" for name, waited in sorted(seen.waits.items()))
    median, slow = (np.percentile(seen.asked_s, share) * 1000 for share in (50, 99))
    return (
        f"{minutes:g} minutes, {seen.answered} messages, {np.median(seen.rates):.0f} a second; steepest rise in an hour: {rises}; "
        f"Redis {trend(seen.redis)[0]:.0f} B a message; longest waits: {longest}; who asked meanwhile waited {median:.0f} ms, p99 {slow:.0f} ms"
    )


def _settings(folder: Path) -> dict[str, Any]:
    content = folder / "content"
    shutil.copytree(HERE / "rules" / "content", content)
    (content / "faq.yaml").write_text(questions.as_yaml(questions.entries()), encoding="utf-8")
    push = {"id": "minutely", "cron": "* * * * *", "community": "*", "enabled": True, "text": "又过了一分钟", "grace_minutes": 5}
    (content / "pushes.yaml").write_text(yaml.safe_dump([push], allow_unicode=True), encoding="utf-8")
    rules = yaml.safe_load((content / "pushing.yaml").read_text(encoding="utf-8"))
    (content / "pushing.yaml").write_text(
        yaml.safe_dump({**rules, "quiet": "", "approve_above": 10**6, "brake_above": 10**6}), encoding="utf-8"
    )
    main = {"id": "bench", "name": "测量", "groups": list(GROUPS), "webhook": "hook0"}
    return {
        "communities": [main | {"webhooks": {chat: f"hook{number}" for number, chat in enumerate(GROUPS) if number}}],
        "content": str(content),
        "retention": {"answers_hours": 1},
    }
