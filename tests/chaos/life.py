"""A life of a house: seeded runs one after the other on the same data, a quiet end, and the books of all of them checked together.

What an earlier run left behind must survive the later ones too; and the start, which costs most, is paid once.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.chaos.checker import CHAT, PUSH, Verdict, check
from tests.chaos.house import ADMINS, GROUPS, MEMBERS, House, user_name
from tests.chaos.plan import FAULTS, Fault, Plan, plans
from tests.chaos.record import Told, unfinished, unsent
from tests.chaos.storm import AT_ONCE, ONCE_MORE, REPEATS, Message, Storm, ask_until
from tests.outside import aibot_text, app, new_id
from tests.timing import SLOWER, await_until
from tests.topologies import ClusterOfOurs, Topology

REFUSED_WITHIN_S, WELL_WITHIN_S = 2.0, 5.0
WIDTH, CROWD = 12, 24
STAR = "user000"
"""Whom many give points: more than he may be told in a minute."""
PUSHES = 3
QUIET_WITHIN_S = 240.0
ZONE = ZoneInfo("Asia/Shanghai")
_QUESTIONS = ("我的积分", "怎么退款", "帮助", "积分明细", "排行榜", f"{CHAT}？")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large each run is. ``star`` is the share of the transfers that goes to one member: enough of them and he may not be told of all at once.

    ``patience``: how many times longer than promised the bot may take, where other tests run beside it. ``with_clock``: machine B has a
    clock process too, and there are faults that need time.
    """

    messages: int
    faults: int
    star: float
    patience: int
    with_clock: bool


SHORT, LONG = Scale(40, 2, 0.0, SLOWER, with_clock=False), Scale(60, 3, 0.15, 1, with_clock=True)


@dataclass
class Life:
    """What became of all runs together."""

    verdict: Verdict
    plans: Sequence[Plan]
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    took_s: float = 0.0

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n}" for name, n in sorted(self.verdict.counts.items()))
        windows = ", ".join(f"{name} {n}" for name, n in sorted(self.verdict.windows.items())) or "none"
        return (
            f"{len(self.plans)} runs with {self.faults.total()} faults of {len(self.faults)} kinds: {counts}; "
            f"documented windows: {windows}; findings: {len(self.verdict.findings)}"
        )


def live(
    folder: Path, seed: int, runs: int, scale: Scale, *, topology: Topology | None = None, tell: Callable[[str], None] = print
) -> Life:
    """One life of ``runs`` runs, on one Redis or on a ``topology`` of several, checked at its end.

    Raises AssertionError where a fault was not answered as promised while it lasted.
    """
    redis = "one" if topology is None else "cluster" if isinstance(topology, ClusterOfOurs) else "sentinels"
    began, dealt = time.monotonic(), plans(seed, runs, each=scale.faults, redis=redis, with_rare=scale.with_clock)
    house = House(folder, topology, roles=("web", "worker", "clock") if scale.with_clock else ("web", "worker"))
    try:
        house.open()
        life, said = Life(Verdict(), dealt), _prelude(house)
        for plan in dealt:
            tell(str(plan))
            said += _Run(house, plan, scale, life).go()
        _await_quiet(house)
        life.verdict = check(house.books(said))
        life.statuses = Counter(told.status for message in said for told in message.told)
        life.took_s = time.monotonic() - began
        return life
    finally:
        house.close()


def _prelude(house: House) -> list[Message]:
    """Everybody has spoken and has points to give, and a push is planned that falls into the runs."""
    users = [user_name(n) for n in range(MEMBERS)]
    rng = random.Random(0)
    hello = [_message(house, rng, user, "我的积分", GROUPS[0], repeats=REPEATS) for user in ("boss", *users)]
    _deliver(house, hello, rng)
    words = [f"发积分 {' '.join(f'@{user}' for user in users[first : first + 40])} 200 开张" for first in range(0, MEMBERS, 40)]
    words += [f"推送 新建 {{soon}} {PUSH} {n}" for n in range(PUSHES)]
    orders = list[Message]()
    for one in words:  # when is said as late as can be: a slow machine is not to be told of what is past
        soon = datetime.now(ZONE) + timedelta(minutes=1, seconds=20)
        orders.append(_message(house, rng, "boss", one.format(soon=f"{soon:%Y-%m-%d %H:%M}"), ADMINS, repeats=REPEATS))
        _deliver(house, orders[-1:], rng)
    return hello + orders


def _deliver(house: House, messages: Sequence[Message], rng: random.Random) -> None:
    storm = Storm(house.machines, house.tree.channels, messages, rng, width=8)
    storm.begin()
    storm.end(60)


def _message(house: House, rng: random.Random, user: str, words: str, chat: str, *, repeats: int) -> Message:
    """A message of a member: most to the robot in the group, some to the app; the dice say whether it comes twice."""
    comes = {"comes_twice": rng.random() < AT_ONCE, "comes_again": rng.random() < ONCE_MORE}
    if not chat and rng.random() < 0.5:
        id = str(rng.randrange(10**16, 10**17))
        return Message("desk", id, user, words, app(user, id=id, Content=words), repeats, **comes)
    id, code = new_id(), house.code(user, chat)
    payload = aibot_text(user, f"@小助手 {words}" if chat else words, id=id, chat=chat, url=house.url(code))
    return Message("assistant", id, user, words, payload, repeats, code, **comes)


class _Run:
    """One storm with its faults."""

    def __init__(self, house: House, plan: Plan, scale: Scale, life: Life) -> None:
        self._house, self._plan, self._life, self._scale = house, plan, life, scale
        self._rng = random.Random(plan.seed)
        self._said = [self._invent() for _ in range(scale.messages)]
        self._asked: list[Message] = []
        self._storm = Storm(house.machines, house.tree.channels, self._said, random.Random(plan.seed), width=WIDTH)

    def go(self) -> list[Message]:
        """Lets it happen; gives what was said."""
        self._storm.begin()
        for timed in self._plan.faults:
            moment = int(timed.at * len(self._said))
            await_until(lambda moment=moment: self._storm.settled() >= moment, 60, f"{moment} settled messages", every_s=0.001)
            self._go_wrong(FAULTS[timed.fault], timed.lasts_s)
            self._life.faults[timed.fault] += 1
        self._storm.end(90)
        return self._said + self._asked

    def _invent(self) -> Message:
        rng = self._rng
        user = user_name(rng.randrange(MEMBERS))
        chat = rng.choice(GROUPS) if rng.random() < 0.7 else ""
        repeats = 0 if rng.random() < 0.15 else REPEATS
        return _message(self._house, rng, user, self._words(user), chat, repeats=repeats)

    def _words(self, user: str) -> str:
        rng, kind = self._rng, self._rng.random()
        if kind < 0.2:
            return "签到"
        if kind < 0.5:
            taker = STAR if rng.random() < self._scale.star else user_name(rng.randrange(MEMBERS))
            return f"转赠 @{taker} {rng.randrange(1, 6)}"
        if kind < 0.7:
            return "兑换 徽章"
        return rng.choice(_QUESTIONS)

    def _go_wrong(self, fault: Fault, lasts_s: float) -> None:
        self._storm.calm.clear()
        with self._house.broken(fault.name, hides=fault.hides or fault.takes_redis):
            with fault.breaks(self._house, self._rng):
                if fault.takes_redis:
                    self._storm.flowing.clear()  # what is said to a shut door proves nothing more than that it is shut
                    self._ask_in_vain(lasts_s)
                else:
                    threading.Event().wait(lasts_s)
            back = time.monotonic()
            if fault.takes_redis:
                self._await_health(back)
        self._storm.flowing.set()
        self._storm.calm.set()

    def _ask(self) -> Told:
        """Somebody asks one of the machines something that needs what is remembered, and asks no second time."""
        asked = Message("assistant", id := new_id(), "asker", "我的积分", aibot_text("asker", "我的积分", id=id), 0)
        at, machine = time.time(), self._rng.choice(self._house.machines)
        answer = machine.tell(self._house.tree.channels["assistant"], asked.payload)
        asked.told.append(Told(at, answer.status, answer.plain, answer.took_s))
        self._asked.append(asked)
        return asked.told[0]

    def _ask_in_vain(self, lasts_s: float) -> None:
        """While nothing can be kept every callback gets a 5xx, soon, also when more ask than there are threads."""
        end = time.time() + lasts_s
        threading.Event().wait(0.1)  # what was under way when it began may have ended well
        told = ask_until(self._ask, end - lasts_s * 0.4, CROWD)
        for one in told:
            assert 500 <= one.status <= 599, f"a callback got {one.status} while nothing could be kept"
            assert one.took_s < REFUSED_WITHIN_S * self._scale.patience, f"a refusal took {one.took_s:.1f} s"
        self._life.verdict.counts["refusals"] += len(told)
        await_until(lambda: time.time() >= end, 10, "the end of the fault")

    def _await_health(self, back: float) -> None:
        """Right answers in a row, the last not later than promised."""
        in_a_row, within_s = 0, WELL_WITHIN_S * self._scale.patience
        while in_a_row < 8:
            answer = self._ask()
            in_a_row = in_a_row + 1 if answer.status == 200 and "积分" in answer.plain else 0
            assert time.monotonic() - back < within_s, f"not well {within_s:g} s after it was over"


def _await_quiet(house: House) -> None:
    """Until the bot has said what was planned, and has nothing left to do."""
    house.revive()
    until = time.monotonic() + QUIET_WITHIN_S
    pause = threading.Event()
    while (not _has_pushed(house) or unfinished(house.server) or unsent(house.server)) and time.monotonic() < until:
        pause.wait(0.25)


def _has_pushed(house: House) -> bool:
    return len({post.text for post in house.posts() if post.text.startswith(PUSH)}) == PUSHES
