"""A year of pushes, lived by processes that are killed, sleep, and whose clocks are put forward and back; then every occurrence is accounted for.

Each process is a real one, forked, with an agenda of its own on one Redis, and is killed by SIGKILL wherever it happens to be. What should have been said
is worked out from the rules' text by other means: minute by minute.
"""

from __future__ import annotations

import functools
import itertools
import logging
import multiprocessing
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import msgspec
import numpy as np
import structlog
from chat import Chat, a_config, build, settings

from bot.mailing import ring_mailings
from bot.metrics import Metrics
from handlers.contents import publish
from rules.contents import PUSHES
from rules.text import Words
from scheduler.clock import Agenda
from storage.embedded import EmbeddedServer
from storage.moment import to_ms

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
ZONES = {"main": ZoneInfo("Asia/Shanghai"), "far": ZoneInfo("America/New_York")}
HOUR = timedelta(hours=1)
PROCESSES = 3
GRACE_MINUTES = (5, 30, 120)
SPARED_S = 86_400
"""How far a process may go, by its own time, beyond the moment at which it is to be killed."""

Span = tuple[datetime, datetime]


@dataclass(slots=True)
class Happened:
    """What was done to the processes, and what became of the occurrences."""

    kills: int = 0
    jumps: int = 0
    pauses: list[Span] = field(default_factory=list)
    away: list[Span] = field(default_factory=list)
    became: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


# What is planned ------------------------------------------------------------------------------------------------------------


def pushes(rng: random.Random, many: int, days: int) -> list[dict[str, Any]]:
    """Rows of content: daily, weekly and monthly ones, month ends, workdays, holidays, and what is said once."""
    rows = []
    for number in range(many):
        hour, minute = rng.randrange(24), rng.randrange(60)
        hour = hour if hour not in (1, 2, 3) else 9  # hours that New York has twice or not at all on one day: tests/test_calendar.py
        # half of those that are said daily are said once instead: they are most of all occurrences
        kind = number % 10 if number % 10 not in (0, 5) or number % 20 < 10 else 9
        cron, sort = {
            0: (f"{minute} {hour} * * *", "all"), 1: (f"{minute} {hour} * * {rng.randrange(7)}", "all"),
            2: (f"{minute} {hour} {rng.randrange(1, 29)} * *", "all"), 3: (f"{minute} {hour} 31 * *", "all"),
            4: (f"{minute} {hour} 28-31 * *", "all"), 5: (f"{minute} {hour} * * mon-fri", "workdays"),
            6: (f"{minute} {hour} * * 6,0", rng.choice(["workdays", "holidays"])), 7: (f"{minute} {hour} * * *", "first_workday"),
            8: (f"{minute} {hour} * * *", "last_workday"),
        }.get(kind, ("", "all"))  # fmt: skip
        row: dict[str, Any] = {
            "id": f"p{number}", "community": rng.choice(["main", "far", "*"]), "text": f"第 {number} 条", "marketing": number % 7 == 0,
            "grace_minutes": rng.choice(GRACE_MINUTES), "quiet": rng.choice(["wait", "skip", "ignore"]),
        }  # fmt: skip
        if cron:
            row |= {"cron": cron, "days": sort}
        else:
            day = FIRST.date() + timedelta(days=rng.randrange(2, days - 1))
            row |= {"at": f"{day} {hour:02}:{minute:02}"}
        rows.append(row)
    return rows


class Minutes:
    """Every minute of the year as the clocks of a zone show it."""

    def __init__(self, zone: ZoneInfo, days: int) -> None:
        hours = [FIRST + timedelta(hours=n) for n in range(days * 24)]
        local = [hour.astimezone(zone) for hour in hours]
        self.hour = np.repeat([at.hour for at in local], 60)
        self.minute = np.tile(np.arange(60), len(hours))
        self.days = np.repeat([at.toordinal() for at in local], 60)
        by_day = {day: (day.day, day.month, day.isoweekday() % 7) for day in {at.date() for at in local}}
        parts = np.array([by_day[at.date()] for at in local])
        self.day, self.month, self.weekday = (np.repeat(parts[:, n], 60) for n in range(3))

    def moments(self, row: dict[str, Any]) -> Iterator[datetime]:
        """When a row falls due, minute by minute."""
        if "at" in row:
            day, _, at = row["at"].partition(" ")
            hit = (self.days == date.fromisoformat(day).toordinal()) & (self.hour == int(at[:2])) & (self.minute == int(at[3:]))
        else:
            minute, hour, days, months, weekdays = row["cron"].split()
            hit = _fits(minute, self.minute) & _fits(hour, self.hour) & _fits(days, self.day) & _fits(months, self.month)
            hit &= _fits(weekdays.replace("mon", "1").replace("fri", "5"), self.weekday)
        for place in np.flatnonzero(hit):
            if _is_of(date.fromordinal(int(self.days[place])), row.get("days", "all")):
                yield FIRST + timedelta(minutes=int(place))


def _fits(text: str, values: Any) -> Any:
    hit = np.zeros(len(values), bool)
    for part in text.split(","):
        if part == "*":
            hit[:] = True
        else:
            low, _, high = part.partition("-")
            hit |= (values >= int(low)) & (values <= int(high or low))
    return hit


@functools.lru_cache(4_096)
def _is_of(day: date, sort: str) -> bool:
    is_workday = chinese_calendar.is_workday
    if sort in ("workdays", "holidays"):
        return bool(is_workday(day)) is (sort == "workdays")
    if sort == "all":
        return True
    month = [day.replace(day=1) + timedelta(days=n) for n in range(31)]
    worked = [one for one in month if one.month == day.month and is_workday(one)]
    return day == (worked[0] if sort == "first_workday" else worked[-1])


# How it is lived --------------------------------------------------------------------------------------------------------------


def _live(chat: Chat, at: Any, doom: Any, end: datetime, jumps: Sequence[tuple[datetime, timedelta]]) -> None:
    """One process, from ``at`` on: rings what falls due, by a clock that is put forward and back. Some way behind its ``doom`` it waits to be killed."""
    now = datetime.fromtimestamp(at.value, UTC)
    chat.stores.pauses.keep_up()
    seen = [now]
    agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, lambda: seen[0], slowest_s=7 * 86_400)
    while now < end:
        off = next((off for since, off in reversed(jumps) if since <= now), timedelta())
        seen[0] = now + off
        at.value = now.timestamp()
        while 0 < doom.value < at.value - SPARED_S:
            time.sleep(0.001)  # until somebody kills it, or spares it
        agenda.ring(seen[0])
        jump = min((since for since, _ in jumps if since > now), default=end)
        now = min(max((agenda.next_push(seen[0]) or end) - off, now + timedelta(seconds=1)), jump, end)
    at.value = end.timestamp()


def _window(chat: Chat, rng: random.Random, begin: datetime, end: datetime, kills: int, happened: Happened) -> None:
    """Some processes live a span of days; some are killed, and others go on from where they were."""
    fork = multiprocessing.get_context("fork")
    lives = []
    for _ in range(PROCESSES):
        first = begin + (end - begin) * rng.uniform(0.1, 0.5)
        jumps = [(first, rng.choice((-1, 1)) * HOUR * rng.uniform(0.2, 1)), (first + (end - first) * rng.uniform(0.2, 0.7), timedelta())]
        jumps = jumps if rng.random() < 0.4 else []
        happened.jumps += len(jumps)
        happened.away += [(since - HOUR, since + 2 * HOUR) for since, _ in jumps]
        lives.append((fork.Value("d", begin.timestamp()), fork.Value("d", 0.0), jumps))
    processes = [fork.Process(target=_live, args=(chat, at, doom, end, jumps)) for at, doom, jumps in lives]
    for process in processes:
        process.start()
    for _ in range(kills):
        number = rng.randrange(PROCESSES)
        victim, (at, doom, jumps) = processes[number], lives[number]
        doom.value = at.value + (end.timestamp() - at.value) * rng.uniform(0.0, 0.5)
        while victim.is_alive() and at.value < doom.value:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.02))  # wherever it is by then
        if victim.is_alive() and victim.pid:
            os.kill(victim.pid, signal.SIGKILL)
            happened.kills += 1
        victim.join()
        doom.value = 0.0
        processes[number] = fork.Process(target=_live, args=(chat, at, doom, end, jumps))
        processes[number].start()
    for process in processes:
        process.join()
        assert process.exitcode == 0, "a process broke by itself"


def live_through(chat: Chat, seed: int, *, many: int, days: int, kills: int, told: Callable[[str], None] = lambda line: None) -> Happened:
    """Lives through so many days with so many pushes; gives what happened, with what is ``wrong`` about it in words."""
    rng, happened = random.Random(seed), Happened()
    rows = pushes(rng, many, days)
    publish(chat.stores, PUSHES, msgspec.json.encode(rows).decode(), "boss", FIRST - timedelta(days=1))
    assert chat.live.refresh()
    for one in chat.live.current.pushes:
        for community in chat.communities.listed:
            chat.stores.firings.note_start(community.keys, one.id, FIRST)
    spans = max(days // 15, 4)
    edges = [FIRST + timedelta(days=days) * n / spans for n in range(spans + 1)]
    planned_kills = Counter(rng.randrange(spans) for _ in range(kills))
    for number, (begin, end) in enumerate(itertools.pairwise(edges)):
        if number % 4 == 3:  # nobody is awake for some hours
            asleep, begin = begin, begin + HOUR * rng.uniform(0.5, 8)
            happened.away.append((asleep - HOUR, begin + HOUR))
        is_paused = number % 5 == 2
        chat.stores.pauses.set("main", "posts" if is_paused else "", once=f"pause:{number}")
        if is_paused:
            happened.pauses.append((begin - 2 * HOUR, end + 2 * HOUR))
        _window(chat, rng, begin, end, planned_kills[number], happened)
        told(f"{end:%m-%d}")
    chat.stores.pauses.set("main", "", once="pause:end")
    _finish(chat, edges[-1] + timedelta(hours=12))
    _account(chat, rows, days, happened)
    return happened


def _finish(chat: Chat, now: datetime) -> None:
    """Carries on what waits for the morning after the last day."""
    for _ in range(10_000):
        if chat.stores.mailings.next_due({community.shard for community in chat.communities.listed}) is None:
            return
        ring_mailings(chat.stores, chat.config, chat.live.current, chat.communities, now)
    raise AssertionError("a mailing does not end")


# What became of it --------------------------------------------------------------------------------------------------------------


def _account(chat: Chat, rows: Sequence[dict[str, Any]], days: int, happened: Happened) -> None:
    wanted, found = _wanted(rows, days), _told(chat, days, happened)
    for key in wanted | {key for key in found if key[2] < to_ms(FIRST + timedelta(days=days))}:
        became = found.get(key, [])
        what = f"{key[0]} in {key[1]} at {datetime.fromtimestamp(key[2] / 1000, UTC):%m-%d %H:%M}"
        if key not in wanted:
            happened.wrong.append(f"{what} was never planned: {became}")
        elif len(became) != 1:
            happened.wrong.append(f"{what}: {became or 'nothing became of it'}")
        elif problem := _unexplained(became[0], key, happened):
            happened.wrong.append(f"{what}: {problem}")
        else:
            happened.became[became[0]] += 1


def _told(chat: Chat, days: int, happened: Happened) -> dict[tuple[str, str, int], list[str]]:
    """What log and receipts tell of each occurrence; what was queued is compared with it."""
    found: dict[tuple[str, str, int], list[str]] = {}
    queued = Counter(delivery.id for delivery in chat.outbox() if delivery.id.startswith("push:"))
    for entry in chat.stores.events.read():
        if entry.kind == "change" and entry.data["act"] == "mailing_stop":
            found.setdefault((entry.data["push"], entry.community, to_ms(datetime.fromisoformat(entry.data["planned"]))), []).append(
                "stopped"
            )
        if entry.kind != "push":
            continue
        planned = to_ms(datetime.fromisoformat(entry.data["planned"]))
        why = entry.data.get("why", "")
        found.setdefault((entry.data["push"], entry.community, planned), []).append(why or "sent")
        id = f"push:{entry.community}:{entry.data['push']}@{planned}"
        if queued.pop(id, 0) != (0 if why else 1):
            happened.wrong.append(f"{id} was not queued once")
    happened.wrong += [f"{id} was queued and no event tells of it" for id in queued]
    last = FIRST.date() + timedelta(days=days + 1)
    for community in chat.communities.listed:
        for receipt in chat.stores.firings.receipts(community.keys, FIRST.date() - timedelta(days=1), last):
            for moment in receipt.moments:
                if moment.why:
                    found.setdefault((receipt.push, community.id, to_ms(moment.planned)), []).append(moment.why)
    return found


def _wanted(rows: Sequence[dict[str, Any]], days: int) -> set[tuple[str, str, int]]:
    minutes = {place: Minutes(zone, days) for place, zone in ZONES.items()}
    return {
        (row["id"], place, to_ms(moment))
        for row in rows
        for place in (ZONES if row["community"] == "*" else (row["community"],))
        for moment in minutes[place].moments(row)
        if moment > FIRST
    }


def _unexplained(became: str, key: tuple[str, str, int], happened: Happened) -> str:
    """What speaks against the reason that is told of an occurrence, '' nothing."""
    at = datetime.fromtimestamp(key[2] / 1000, UTC)
    if became == "missed" and not any(begin <= at <= end for begin, end in happened.away):
        return "missed while processes were awake"
    waited = 10 * HOUR if became == "stopped" else 0 * HOUR  # for the end of the night, and then the pause had begun
    if became in ("paused", "stopped") and (key[1] != "main" or not any(begin - waited <= at <= end for begin, end in happened.pauses)):
        return "held, but nobody had paused"
    local = at.astimezone(ZONES[key[1]])
    if (
        became == "quiet" and 9 <= local.hour < 19
    ):  # what is late by two hours of grace and a clock put forward may come to fall in the night
        return "not said at night, but it was day"
    return ""


# The whole of it ----------------------------------------------------------------------------------------------------------------


def live_a_year(folder: Path, seed: int) -> str:
    """Lives a whole year with 500 pushes and 40 kills; says what became of the occurrences. AssertionError where one is not accounted for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with EmbeddedServer(folder, fsync="no") as server:
        chat = build(itertools.count(1), a_config(folder, server.url, settings()), Words(), Metrics())
        began = time.monotonic()
        happened = live_through(chat, seed, many=500, days=365, kills=40)
        took = time.monotonic() - began
    spent = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    assert not happened.wrong, f"{len(happened.wrong)} occurrences, as {happened.wrong[:5]}"
    became = ", ".join(f"{many} {why}" for why, many in happened.became.most_common())
    return (
        f"a year of 500 pushes by {PROCESSES} processes in {took:.0f} s ({spent:.0f} s of CPU), {happened.kills} of them killed, "
        f"{happened.jumps} times a clock put forward or back, "
        f"{len(happened.pauses)} spans of pause: {sum(happened.became.values())} occurrences, each sent once or told why not: {became}"
    )
