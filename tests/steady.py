"""Hours at the highest rate that the bot holds: what may not grow does not, what ends ends, and nothing that waits is left waiting.

The load asks again as soon as it is answered. Every so often it is noted what each process holds (memory, open files, threads), what Redis holds, and how
far behind everything is that waits its turn. A series rises where Mann and Kendall's test is sure of it and the line of Theil and Sen through it is steeper
than :data:`MOST_AN_HOUR` allows: neither minds a few strange values. It grows where it rises, and goes on rising to the end: what was opened once and is
kept does not, what begins late does.
"""

from __future__ import annotations

import math
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from tests.timing import await_until
from tests.tree import HERE, Tree

GROUPS = CHATS[:100]
EVERY_S, ASK_EVERY_S = 10.0, 1.0
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
READERS = ("experiments", "recognitions", "traits")
"""Who reads the event log behind the path."""
LATE = (2, 4, 8)
"""The last half, quarter and eighth are judged on their own too: what begins late is lost in the whole."""
LEAST_A_S = 50.0
"""Answers a second below which no rate was held, however slow the machine; and :data:`SLOWED` of its own first hour is slowing down."""
SLOWED = 0.4
LEAST_OFTEN = 0.3
"""Of the looks and questions that there is time for, so many have to have been made, or nothing was proved."""
SETTLED_S = 60.0
"""What was begun when the load ends is ended then."""
NO_END = -1
"""What PTTL says of a key that stays."""
MORE_BYTES = 1.2
"""Redis may take so many times what docs/capacity.md says of a message."""

Series = Mapping[str, Sequence[tuple[float, float]]]


def growing(series: Series, most_an_hour: Mapping[str, float] = MOST_AN_HOUR) -> list[str]:
    """What grows, by name: points are seconds and values; a name ends with what is counted."""
    found = []
    for name, points in series.items():
        most = most_an_hour[next(unit for unit in most_an_hour if name.endswith(unit))]
        # A short piece swings: it has to rise by as much as a whole hour may.
        if _grows(points, most, 0.0) or any(_grows(points[-(len(points) // share) :], most, 1.0) for share in LATE):
            found.append(f"{name}: {trend(points)[0] * 3600:+.1f} an hour and still at it, at most {most:g}")
    return found


def _grows(points: Sequence[tuple[float, float]], most_an_hour: float, least_h: float) -> bool:
    """Whether the points rise by more than so much an hour, and by ``least_h`` times as much at all, half of it in their last half."""
    if len(points) < 2 * LEAST_POINTS:
        return False
    least = most_an_hour * max((points[-1][0] - points[0][0]) / 3600, least_h)
    return _rises(points, least) and _rises(points[len(points) // 2 :], least / 2)


def _rises(points: Sequence[tuple[float, float]], least: float) -> bool:
    slope, z = trend(points)
    return z > SURE_Z and slope * (points[-1][0] - points[0][0]) > least


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
    """What was noted in ``seconds``: ``series`` after the warm-up, the longest waits, what Redis took at how many messages, how soon somebody was answered,
    which group had the post when, and what was answered in each round."""

    seconds: float = 0.0
    began: float = 0.0
    """By this machine's clock."""
    series: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    redis: list[tuple[float, float]] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    answered: int = 0
    rates: list[float] = field(default_factory=list)
    looks: int = 0
    posts: dict[str, list[float]] = field(default_factory=dict)


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
        self._house: dict[int, str] = {}
        """The processes that were there when the warm-up ended, and what each is."""
        self.seen = Seen()
        self.problems: list[str] = []

    def run(self, seconds: float) -> None:
        """Loads, looks and asks for so long."""
        began, self.seen.began = time.monotonic(), time.time()
        paces = ((self._look, EVERY_S), (self._ask, ASK_EVERY_S))
        others = [threading.Thread(target=self._go_on, args=(work, began, every_s), daemon=True) for work, every_s in paces]
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
        self.seen.seconds = time.monotonic() - began
        self.seen.posts = {hook: list(at) for hook, at in self._side.posts.items()}

    def _go_on(self, work: Callable[[float], None], began: float, every_s: float) -> None:
        """Does something over and over. Whatever goes wrong is a finding, and no end."""
        while not self._over.wait(every_s):
            try:
                work(time.monotonic() - began)
            except Exception as broken:  # noqa: BLE001 - a thread that ends unnoticed would prove nothing
                self.problems.append(f"{type(broken).__name__}: {broken}")

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

    def _look(self, at_s: float) -> None:
        with self._tree.database() as database:
            self._note(database, at_s)

    def _note(self, database: Database, at_s: float) -> None:
        seen = self.seen
        for name, wait_s in waits(database, seen.began):
            seen.waits[name] = max(seen.waits[name], wait_s)
        if at_s <= WARM_UP_S:
            return
        self._house = self._house or dict(self._roles())
        for pid, role in self._house.items():
            for unit, value in held_by(pid).items():  # FileNotFoundError: a process of the house ended, which none should
                if (role, unit) != ("redis", "MB"):  # what Redis takes is held against the number of messages
                    seen.series[f"{role} {pid}, {unit}"].append((at_s, value))
        seen.looks += 1
        memory, space = (
            dict(line.partition(":")[::2] for line in database.command("INFO", part).splitlines()) for part in ("memory", "keyspace")
        )
        held = dict(pair.split("=") for pair in space["db0"].split(","))
        seen.series["Redis, keys without an end"].append((at_s, float(held["keys"]) - float(held["expires"])))
        seen.redis.append((float(self.seen.answered), float(memory["used_memory"])))

    def _roles(self) -> Iterator[tuple[int, str]]:
        """All processes but those that Redis starts for seconds, such as that which writes its file anew."""
        below = usage.descendants(self._tree.pid)
        servers = {pid for pid in below if "server" in usage.program(pid)}
        for pid, parent in below.items():
            if pid in servers and parent not in servers:
                yield pid, "redis"
            elif pid not in servers:
                yield pid, next((word for word in reversed(usage.command(pid)) if word in ("web", "worker")), "parent")

    def _ask(self, at_s: float) -> None:
        """Somebody asks for this or that, and sees how soon he is answered."""
        words = ("帮助", "积分明细", "排行榜", "我的资料", "大家周末都看什么书", "你这个骗子，退钱", "活动", "人工")
        payload = aibot_text(
            f"asker{self._dice.randrange(200)}",
            f"@小助手 {self._dice.choice(words)}",
            id=new_id(),
            chat=self._dice.choice(GROUPS),
            url=self._side.url(new_id()),
        )
        answer = self._tree.client.tell(self._tree.channels["assistant"], payload)
        if answer.status != 200:
            self.problems.append(f"an answer of {answer.status}")
        elif at_s > WARM_UP_S:
            self.seen.asked_s.append(answer.took_s)


def waits(database: Database, since: float) -> Iterator[tuple[str, float]]:
    """How long whatever waits has waited, in seconds, by what it is; ``since`` is when those began to wait who have read nothing of the log yet."""
    now_ms = time.time() * 1000
    oldest = Inbox(database, keys.SHARDS).oldest_ms()
    yield "inbox", (now_ms - oldest) / 1000 if oldest else 0.0
    due = [database.command("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, 0, "WITHSCORES") for shard in range(keys.SHARDS)]
    yield "outbox", max([0.0, *((now_ms - float(page[1])) / 1000 for page in due if page)])
    for shard in range(keys.SHARDS):
        newest = database.command("XREVRANGE", keys.EVENTS(shard=shard), "+", "-", "COUNT", 1)
        for name, mark in zip(READERS, database.command("HMGET", keys.FOLLOWED(shard=shard), *READERS), strict=True):
            read_ms = int(mark.partition("-")[0]) if mark else 0
            if newest:
                yield f"log, {name}", int(newest[0][0].partition("-")[0]) / 1000 - max(read_ms / 1000, since)


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
            (folder / "seen.json").write_bytes(msgspec.json.encode(steady.seen))
            with tree.database() as database:
                await_until(lambda: not without_end(database), SETTLED_S, "the end of what was begun", every_s=1.0)
                problems = [*steady.problems[:20], *judge(steady.seen)]
        finally:
            tree.stop()
    seen = steady.seen
    told = _told(seen, minutes)
    assert not problems, f"{'; '.join(problems)} ({told})"
    return told


def judge(seen: Seen) -> list[str]:
    """What of all that was noted is not as it should be."""
    problems = [*growing(seen.series), *_unproved(seen), *_missed(seen)]
    for name, waited in seen.waits.items():
        most = LONGEST_WAIT_S.get(name, LONGEST_BEHIND_S)
        if waited > most:
            problems.append(f"{name} waited {waited:.0f} s, at most {most:g}")
    if seen.asked_s and (slowest := float(np.percentile(seen.asked_s, 99))) > LONGEST_WAIT_S["answer"]:
        problems.append(f"somebody's answer took {slowest:.1f} s (p99), at most {LONGEST_WAIT_S['answer']:g}")
    if seen.redis and (bytes_each := trend(seen.redis)[0]) > MORE_BYTES * (promised := _promised_bytes()):
        problems.append(f"Redis takes {bytes_each:.0f} B a message, promised {promised:.0f}")
    return problems


def _unproved(seen: Seen) -> Iterator[str]:
    """What was looked at too seldom, or loaded too little, for its silence to mean anything."""
    noted_s = seen.seconds - WARM_UP_S
    for what, count, every_s in (("looks", seen.looks, EVERY_S), ("questions", len(seen.asked_s), ASK_EVERY_S)):
        if count < LEAST_OFTEN * noted_s / every_s:
            yield f"only {count} {what} in {noted_s:.0f} s"
    lasting = [name for name, points in seen.series.items() if len(points) >= LEAST_OFTEN * noted_s / EVERY_S]
    missing = [role for role in ("web", "worker", "redis", "parent", "Redis") if not any(name.startswith(role) for name in lasting)]
    yield from (f"no {role} was looked at to the end" for role in missing)
    at_last = np.median(seen.rates[-(len(seen.rates) // 4) :]) if seen.rates else 0.0
    least = max(LEAST_A_S, SLOWED * float(np.median(seen.rates[: len(seen.rates) // 2]))) if seen.rates else LEAST_A_S
    if at_last < least:
        yield f"{at_last:.0f} answers a second at last, at least {least:.0f}"


def _missed(seen: Seen) -> Iterator[str]:
    """Groups that did not get the post of each whole minute within the minute, once."""
    first, last = math.ceil(seen.began / 60), int((seen.began + seen.seconds) // 60) - 1
    wrong = []
    for group in range(len(GROUPS)):
        got = Counter(int(at // 60) for at in seen.posts.get(f"hook{group}", ()))
        wrong += [(group, minute, got[minute]) for minute in range(first, last) if got[minute] != 1]
    if wrong:
        yield f"{len(wrong)} of {(last - first) * len(GROUPS)} posts missing or double, such as group {wrong[0][0]}: {wrong[0][2]} in a minute"
    if last <= first:
        yield "no whole minute"


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
