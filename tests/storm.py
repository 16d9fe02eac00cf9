"""A storm of messages as WeCom delivers them, and the books that must be right when it is over.

WeCom sends a callback again, up to three times and sealed anew, when it got no 200. How long it pauses is not documented; here the first
repeat comes at once and the others when the weather is ``calm`` again, so that a restart lies within them. Some messages are never repeated:
nothing promises repeats for an aibot.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database
from storage.directory import Directory
from storage.events import Events
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.points import Points
from tests.outside import Answer, WeCom, aibot_text, app, new_id, wecom
from tests.timing import await_until
from tests.tree import GROUP, Tree
from tests.weather import Weather

REPEATS = 3
MEMBERS = 240
WIDTH = 24
"""How many callbacks are under way at once."""
_CHAT = "大家周末都看什么书？"
"""What nobody can answer: a member is told so once in ten minutes."""
_WORDS = ("签到", "签到", "签到", "我的积分", "怎么退款", "帮助", _CHAT, "积分明细")


@dataclass
class Said:
    """One message: what became of each time that it was delivered."""

    channel: str
    id: str
    user: str
    words: str
    payload: str
    repeats_left: int
    answers: list[tuple[float, Answer]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The bot's id for it."""
        return f"{self.channel}:{self.id}"

    @property
    def plains(self) -> list[str]:
        """The opened answers of all 200s."""
        return [answer.plain for _, answer in self.answers if answer.status == 200]


class Storm(Weather[Said]):
    """Sends ``count`` messages of ``MEMBERS`` people, ``WIDTH`` at a time."""

    def __init__(self, tree: Tree, side: WeCom, rng: random.Random, count: int, *, once_share: float = 0.1, width: int = WIDTH) -> None:
        self.said = [self._invent(side, rng, once_share) for _ in range(count)]
        super().__init__(self.said, width)
        self._tree = tree

    def _invent(self, side: WeCom, rng: random.Random, once_share: float) -> Said:
        user, words, id = f"user{rng.randrange(MEMBERS):03}", rng.choice(_WORDS), new_id()
        repeats = 0 if rng.random() < once_share else REPEATS
        if rng.random() < 0.2:
            id = str(rng.randrange(10**16, 10**17))
            return Said("desk", id, user, words, app(user, id=id, Content=words), repeats)
        chat = GROUP if rng.random() < 0.7 else ""
        payload = aibot_text(user, f"@小助手 {words}" if chat else words, id=id, chat=chat, url=side.url(id))
        return Said("assistant", id, user, words, payload, repeats)

    def _deliver(self, said: Said) -> bool:
        while True:
            started = time.monotonic()
            answer = self._tree.client.tell(self._tree.channels[said.channel], said.payload)
            said.answers.append((started, answer))
            is_over = answer.status == 200 or said.repeats_left == 0
            if is_over or said.repeats_left < REPEATS:
                break
            said.repeats_left -= 1  # the first repeat comes at once
        if not is_over:
            said.repeats_left -= 1
        return is_over


@dataclass(frozen=True, slots=True)
class Tried:
    """What a storm proved: how many messages were kept, how many were answered how, and how many the weather swallowed."""

    accepted: int
    in_hand: int
    silent: int
    actively: int
    only_kept: int
    never_kept: int


def check_books(
    database: Database, said: Sequence[Said], side: WeCom, *, began: datetime, within_s: float = 75.0, strangers: str = "no stranger"
) -> Tried:
    """Waits until the bot has nothing left to do, then holds its books against all that was said and answered. AssertionError names what is wrong.

    ``strangers`` is how the ids of members begin who spoke outside of the storm.
    """
    _await_quiet(database, within_s)
    _check_dead_letters(database, side)
    others = {user_number for user, user_number in _members(database) if user.startswith(strangers)}
    entries = [entry for entry in Events(database, keys.SHARDS).read() if entry.member not in others]
    inbound = Counter(entry.message for entry in entries if entry.kind == "inbound")
    decided = Counter(entry.message for entry in entries if entry.kind == "decision")
    ended = {entry.message: entry.data for entry in entries if entry.kind == "outbound" and "passive_bytes" in entry.data}
    fresh = Counter(entry.member for entry in entries if entry.kind == "decision" and entry.data.get("fresh"))
    ours = {one.key for one in said}
    assert [entry for entry in entries if entry.kind == "error" and entry.message in ours] == []

    kept = [one for one in said if inbound[one.key]]
    tried = Counter(_fate(one, inbound[one.key], decided[one.key], ended.get(one.key), side) for one in said)
    _check_app_messages(kept, ended, side)
    _check_points(database, kept, fresh, began)
    if not others:
        counts = _counts(database)
        assert counts["messages"] == len(kept)
        assert counts["check_ins"] == sum(fresh.values())
    return Tried(len(kept), tried["in hand"], tried["silent"], tried["actively"], tried["only kept"], tried["never kept"])


def kill_in_storms(folder: Path, *, runs: int, messages: int, seed: int) -> Tried:
    """Kills the whole tree once in each of ``runs`` storms at a random moment, starts it again, and checks the books at the end of all.

    The storms share one bot and its data: what an earlier crash left must survive the later ones too. In the last storm WeCom repeats
    nothing, so that all that the kill cut off has to be answered actively.
    """
    rng, began = random.Random(seed), datetime.now(UTC)
    storms: list[Storm] = []
    with wecom() as side:
        tree = Tree(folder, api_base=side.base)
        try:
            tree.start()
            for run in range(runs):
                is_last = run == runs - 1
                storms.append(Storm(tree, side, rng, messages, once_share=1.0 if is_last else 0.1, width=48 if is_last else 24))
                _kill_in(storms[-1], tree, rng)
            with tree.database() as database:
                return check_books(database, [said for storm in storms for said in storm.said], side, began=began)
        finally:
            tree.stop()


def _kill_in(storm: Storm, tree: Tree, rng: random.Random) -> None:
    moment = rng.randrange(len(storm.said) // 10, len(storm.said) * 9 // 10)
    storm.begin()
    await_until(lambda: storm.settled() >= moment, 300, f"{moment} settled messages", every_s=0.001)
    threading.Event().wait(rng.random() * 0.02)  # not always right after an answer
    storm.calm.clear()
    tree.kill(rng, then=storm.flowing.clear)  # what is said to a closed door proves nothing: the others wait
    tree.start()
    storm.flowing.set()
    storm.calm.set()
    storm.end(300)


def communities_of(database: Database) -> dict[str, CommunityKeys]:
    """The communities that have points, by id."""
    return {where.id: where for where in communities_with(database, keys.BALANCES)}


def _await_quiet(database: Database, within_s: float) -> None:
    inbox, outbox = Inbox(database, lambda: "test"), Outbox(database)
    await_until(lambda: inbox.depth() == 0, within_s, "an empty inbox", every_s=0.25)
    await_until(lambda: outbox.depth() == 0, within_s, "an empty outbox", every_s=0.25)


def _check_dead_letters(database: Database, side: WeCom) -> None:
    """None but answers that did arrive: a kill between the post and its settling leaves the sender unsure, and the address works once."""
    outbox = Outbox(database)
    letters = [letter for shard in range(keys.SHARDS) for letter in outbox.dead_letters(shard)]
    lost = [letter.reason for letter in letters if not side.answers.get(letter.delivery.message.partition(":")[2])]
    assert lost == []


def _fate(said: Said, inbound: int, decided: int, ended: Any, side: WeCom) -> str:
    """What became of one message, after checking that it is what was promised."""
    plains, posts = said.plains, len(side.answers.get(said.id, []))
    if not inbound:
        assert not plains, f"{said.key} was acknowledged but not kept"
        assert not decided
        assert not posts
        return "never kept"
    assert (inbound, decided) == (1, 1), f"{said.key} was taken in {inbound} times and decided {decided} times"
    told = {plain for plain in plains if plain}
    assert len(told) <= 1, f"{said.key} got different answers"
    assert len(told) + posts <= 1, f"{said.key} was answered twice"
    if told:
        return "in hand"
    if ended.get("queued"):
        assert posts == (1 if said.channel == "assistant" else 0), f"{said.key} was to be answered actively, and was not"
        return "actively"
    if said.words == _CHAT and not ended["passive_bytes"]:
        return "silent"
    # Answered in a response that the kill cut off. WeCom did not ask again; had it done so, it would have got the first answer.
    assert ended["passive_bytes"] > 0, f"{said.key} has no answer"
    assert said.repeats_left == 0
    assert not plains, f"{said.key} got an empty answer although there was one"
    return "only kept"


def _check_app_messages(kept: list[Said], ended: dict[str, Any], side: WeCom) -> None:
    owed = Counter(said.user for said in kept if said.channel == "desk" and ended[said.key].get("queued"))
    assert {user: len(bodies) for user, bodies in side.sent.items() if bodies} == dict(owed)


def _check_points(database: Database, kept: list[Said], fresh: Counter[int], began: datetime) -> None:
    points, directory = Points(database), Directory(database)
    for where in communities_of(database).values():
        assert points.discrepancies(where) == []
    where = communities_of(database)["main"]
    days = len({at.astimezone(ZoneInfo("Asia/Shanghai")).date() for at in (began, datetime.now(UTC))})
    asked: dict[str, int] = defaultdict(int)
    for said in kept:
        asked[said.user] += said.words == "签到"
    for user, times in asked.items():
        member = directory.find_number(user)
        assert member is not None
        awards = sum(row.reason == "check_in" for row in points.rows(where, member, 50))
        assert awards == fresh[member]
        assert min(times, 1) <= awards <= min(times, days), f"{user} checked in {times} times and got {awards} awards"


def _counts(database: Database) -> Counter[str]:
    counts: Counter[str] = Counter()
    for key in set(database.scan("qb:{*}:*:counts:*")):
        if "/" in key or ":~all:" in key:  # a group's, and the whole installation's, are the same once more
            continue
        flat = database.command("HGETALL", key)
        counts.update({name: int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)})
    return counts


def _members(database: Database) -> list[tuple[str, int]]:
    flat = database.command("HGETALL", keys.MEMBER_IDS())
    return [(user, int(number)) for user, number in zip(flat[::2], flat[1::2], strict=True)]
