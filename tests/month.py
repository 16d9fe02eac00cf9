"""A month in the life of a few communities: thousands of members who talk, check in, buy, thank, fall silent and leave, on a clock of its own.

Everything goes through two copies of the bot – two processes on one Redis – as WeCom's own payloads. What they did is then counted once more by
:class:`Recount`, which knows nothing but the event log, and held against what the stores say. The same seed gives the same month.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from bot.closing import ring_days
from bot.member_transfer import MemberTransfer, standards_of
from bot.message import Message
from bot.permissions import COMMAND_LINE
from bot.shop_desk import ring_due as ring_orders
from bot.welcomes import ring_welcomes
from handlers.first_messages import award_firsts
from handlers.flows import ring_flows
from handlers.human import ring as ring_tickets
from handlers.levels import crown_months
from handlers.points import lapse_due
from rules.member_sheets import members_of
from rules.sheets import Sheet
from storage import keys
from tests.chat import ROOT, Chat, settings

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = datetime(2026, 2, 16, tzinfo=ZONE)
"""A Monday; the month ends on the 28th of February, on a Saturday, and goes on into March."""
DAYS = 30
COMMUNITIES = 5
GROUPS_EACH = 4
HOURS = (1, 1, 1, 0.5, 0.5, 1, 3, 8, 12, 14, 13, 12, 16, 10, 9, 10, 11, 12, 15, 18, 22, 20, 12, 5)
"""How much is said in each hour of a day."""
WEEKEND = 0.7
REPEATED = 0.02
REORDERED = 0.03
BACK = timedelta(hours=1)
JUMPS = ((FIRST_DAY + timedelta(days=9, hours=14), timedelta(hours=3)), (FIRST_DAY + timedelta(days=20, minutes=20), timedelta(hours=5)))
"""From when on, and for how long, the clock is an hour behind; the second time it falls back over midnight."""
CHALLENGES = ("早起打卡", "读书笔记")
QUESTIONS = ("群规是什么", "怎么签到", "积分怎么用", "怎么联系人工", "今天天气怎么样", "你好呀", "大家早上好")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a month is."""

    members: int
    messages: int
    days: int = DAYS
    ring_every: timedelta = timedelta(hours=1)


@dataclass(slots=True)
class Person:
    """A member, and how he is: how much he talks, how faithfully he checks in, when he came and when he went silent."""

    user: str
    name: str
    community: int
    group: str
    talks: float
    faithful: float
    morning: float
    joins: int
    leaves: int
    challenge: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that is said: when by the wall, by whom, where ('' alone with the bot), what."""

    at: datetime
    user: str
    name: str
    group: str
    text: str


# The people and what they do ----------------------------------------------------------------------------------------------


def a_tree() -> dict[str, Any]:
    """A configuration with five communities of four groups, each with its administrators."""
    listed = [
        {
            "id": f"c{n}",
            "name": f"社群{n}",
            "groups": [f"wrC{n}G{g}" for g in range(GROUPS_EACH)],
            "webhook": f"hook-{n}",
            "admin_group": f"wrC{n}ADMIN",
            "admin_webhook": f"hook-admin-{n}",
        }
        for n in range(COMMUNITIES)
    ]
    return {**settings(app=False), "communities": listed, "admins": ["boss"], "mood": {"enabled": False}}


def people_of(dice: random.Random, scale: Scale) -> list[Person]:
    """The members: a few talk a lot, many hardly ever (a power law); a third comes during the month, a sixth falls silent."""
    people = []
    for n in range(scale.members):
        community = min(int(dice.paretovariate(1.2)) - 1, COMMUNITIES - 1)
        joins = 0 if dice.random() < 0.7 else dice.randrange(scale.days)
        leaves = dice.randrange(joins + 1, scale.days + 1) if dice.random() < 0.17 else scale.days
        people.append(
            Person(
                user=f"u{n:05}", name=f"成员{n}", community=community, group=f"wrC{community}G{dice.randrange(GROUPS_EACH)}",
                talks=dice.paretovariate(1.3), faithful=dice.betavariate(0.5, 1.2), morning=dice.uniform(6.5, 22.5), joins=joins, leaves=leaves,
                challenge=dice.choice(CHALLENGES) if dice.random() < 0.05 else "",
            )
        )  # fmt: skip
    return people


def history_of(dice: random.Random, people: Sequence[Person]) -> list[Sheet]:
    """What a third of those who were there from the start bring from another bot."""
    head = ["社群", "成员 ID", "名字", "积分", "累计积分", "连续签到", "最长连续", "累计签到", "最近签到", "补签卡"]
    rows = []
    for person in people:
        if person.joins == 0 and dice.random() < 0.3:
            earned, streak = dice.randrange(0, 1500), dice.choice((0, 0, 1, 3, 12, 40))
            last = (FIRST_DAY.date() - timedelta(days=dice.choice((1, 1, 2)))).isoformat()
            figures = (earned // 3, earned, streak, streak + 5, streak + 20, last, dice.randrange(3))
            rows.append([f"c{person.community}", person.user, person.name, *map(str, figures)])
    return [Sheet("", list(enumerate([head, *rows], 1)))]


def _moment(dice: random.Random, day: int) -> datetime:
    hour = dice.choices(range(24), HOURS)[0]
    return FIRST_DAY + timedelta(days=day, hours=hour, seconds=dice.randrange(3600))


def _is_weekend(day: int) -> bool:
    return (FIRST_DAY + timedelta(days=day)).weekday() >= 5


def story_of(dice: random.Random, people: Sequence[Person], scale: Scale) -> list[Said]:
    """What is said in the month, in order: habits first – check-ins and challenges – then talk, as much as is left."""
    said: list[Said] = []
    for person in people:
        said += _habits(dice, person)
    dice.shuffle(said)
    said = said[: scale.messages * 3 // 5]
    # Everybody's weight by the days he is there, so that one draw gives who speaks when.
    places = [(person, day) for person in people for day in range(person.joins, person.leaves)]
    weights = [min(person.talks, 40) * (WEEKEND if _is_weekend(day) else 1) for person, day in places]
    mates = defaultdict(list)
    for person in people:
        mates[person.community].append(person)
    admin = list(_administration(dice, people, scale))
    for person, day in dice.choices(places, weights, k=max(0, scale.messages - len(said) - len(admin))):
        at = _moment(dice, day)
        group = "" if dice.random() < 0.06 else person.group
        for text in _talk(dice, person, mates[person.community]):
            said.append(Said(at, person.user, person.name, group, text))
            at += timedelta(seconds=dice.randrange(5, 60))
    return sorted([*said, *admin], key=lambda one: (one.at, one.user))


def _habits(dice: random.Random, person: Person) -> Iterator[Said]:
    for day in range(person.joins, person.leaves):
        at = FIRST_DAY + timedelta(days=day, hours=min(23.9, max(0.0, dice.gauss(person.morning, 1.5))))
        if dice.random() < person.faithful * (0.9 if _is_weekend(day) else 1):
            yield Said(at, person.user, person.name, person.group, dice.choice(("签到", "签到", "签到", "我要签到", "qd")))
            if dice.random() < 0.03:
                yield Said(at + timedelta(seconds=40), person.user, person.name, person.group, "签到")
        if person.challenge:
            later = at + timedelta(minutes=3)
            if day == person.joins:
                yield Said(later, person.user, person.name, person.group, f"参加挑战 {person.challenge}")
            elif dice.random() < 0.85:
                text = "打卡" if person.challenge == "早起打卡" else f"打卡 今天读了第 {day} 章"
                yield Said(later, person.user, person.name, person.group, text)


def _talk(dice: random.Random, person: Person, mates: Sequence[Person]) -> Sequence[str]:
    """What somebody says now: a line or two."""
    mate = dice.choice(mates)
    who = mate.user if dice.random() < 0.8 else mate.name
    options: tuple[tuple[float, Sequence[str]], ...] = (
        (26, (dice.choice(QUESTIONS),)),
        (14, (f"谢谢 @{who} 帮我解答",)),
        (9, ("我的积分",)),
        (5, (dice.choice(("积分明细", "积分明细 2")),)),
        (
            0.3,
            (dice.choice(("排行榜", "今日榜", "本周榜", "本月榜", "总榜")),),
        ),  # each is drawn, and a drawing costs as much as thirty words
        (6, (dice.choice(("等级", "勋章", "任务")),)),
        (5, ("商城",)),
        (9, (f"兑换 {dice.randrange(1, 5)}", "1")),
        (5, (f"转赠 @{who} {dice.choice((1, 5, 10, 500))}",)),
        (4, ("补签",)),
        (2, ("我的订单",)),
        (1, (f"取消订单 {dice.randrange(1, 40)}",)),
        (3, ("打卡进度",)),
        (2, ("参加挑战 1",)),
        (1, ("退出挑战",)),
        (2, ("新人任务", "1")),
        (1, ("流程",)),
        (1, (dice.choice(("转赠", "谢谢", "兑换", "补签 昨天的昨天", "积分明细 零", "打卡")),)),
    )
    del person
    return dice.choices([lines for _, lines in options], [weight for weight, _ in options])[0]


def _administration(dice: random.Random, people: Sequence[Person], scale: Scale) -> Iterator[Said]:
    """What the administrators do: stock and codes on the first day, then some hands every day."""

    def say(day: int, community: int, text: str) -> Said:
        at = FIRST_DAY + timedelta(days=day, hours=9, seconds=dice.randrange(36_000)) if day else FIRST_DAY + timedelta(seconds=community)
        return Said(at, "boss", "老板", f"wrC{community}ADMIN", text)

    for community in range(COMMUNITIES):
        yield say(0, community, "商城 补货 纪念 T 恤 20")
        yield say(0, community, "商城 补货 群贴纸一套 15")
        codes = "\n".join(f"CODE-{community}-{n:04}" for n in range(12))
        yield say(0, community, f"商城 加码 咖啡兑换码\n{codes}")
    for day in range(1, scale.days):
        for community in range(COMMUNITIES):
            there = [person for person in people if person.community == community and person.joins < day]
            for _ in range(dice.randrange(3)):
                if not there:
                    continue
                who = dice.choice(there).user
                number = dice.randrange(1, 3 + 2 * day)
                text = dice.choice(
                    (
                        f"发积分 @{who} {dice.choice((5, 20, 100))} 参加线下活动", f"扣积分 @{who} {dice.choice((5, 50))} 误发更正",
                        f"精华 @{who} 写了攻略", f"订单 {number} 完成 顺丰 SF{number}", f"订单 {number} 退款 缺货", "订单",
                        f"标签 @{who} 加 {dice.choice(('老客户', '讲师', '上海'))}", f"标签 @{who} 去 老客户", f"授勋 @{who} 社群之光",
                        f"收回勋章 @{who} 社群之光", "商城 补货 纪念 T 恤 -3", f"成员 @{who}",
                    )
                )  # fmt: skip
                yield say(day, community, text)


# Living it ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Lived:
    """What a month came to: messages that came in (repeats too), repeats, the CPU and wall seconds it took."""

    messages: int = 0
    repeats: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def clock_at(at: datetime) -> datetime:
    """What the servers' clock shows at a moment: twice in the month it is an hour behind for some hours."""
    return at - BACK if any(since <= at < since + lasts for since, lasts in JUMPS) else at


class Month:
    """A month that is lived by two processes."""

    def __init__(self, first: Chat, second: Chat, seed: int, scale: Scale) -> None:
        self._processes = (first, second)
        self._dice = random.Random(seed)
        self._scale = scale
        self.people = people_of(self._dice, scale)
        self._answers: dict[str, str] = {}
        self._sent = 0

    def live(self) -> Lived:
        """Lives it."""
        lived, first = Lived(), self._processes[0]
        began, cpu = time.monotonic(), time.process_time()
        self._set(FIRST_DAY - timedelta(hours=5))
        self._bring_history()
        ring = FIRST_DAY
        for one, message in self._callbacks():
            while ring <= one.at:
                self._ring(ring)
                ring += self._scale.ring_every
            self._hear(message, one.at, lived)
        end = FIRST_DAY + timedelta(days=self._scale.days + 1)
        while ring <= end:
            self._ring(ring)
            ring += self._scale.ring_every
        if waiting := first.stores.firsts.waiting():
            lived.wrong.append(f"{len(waiting)} first messages were never awarded")
        lived.cpu_s, lived.wall_s = time.process_time() - cpu, time.monotonic() - began
        return lived

    def _bring_history(self) -> None:
        chat = self._processes[0]
        standards = standards_of(chat.stores.content, Path(chat.config.content_path))
        transfer = MemberTransfer(chat.stores, standards, chat.communities, chat.erased, chat.clock)
        plan = transfer.plan(members_of(history_of(self._dice, self.people), today=FIRST_DAY.date()))
        assert not plan.bad, plan.bad[:3]
        for _ in range(2):
            transfer.bring_in(plan, COMMAND_LINE, "history.xlsx")

    def _callbacks(self) -> Iterator[tuple[Said, Message]]:
        """What WeCom posts: the story, with some callbacks out of order and some sent again, up to a minute later."""
        story = story_of(self._dice, self.people, self._scale)
        for at in range(len(story) - 1):
            if self._dice.random() < REORDERED and story[at + 1].at - story[at].at < timedelta(minutes=1):
                story[at], story[at + 1] = replace(story[at + 1], at=story[at].at), replace(story[at], at=story[at + 1].at)
        late: list[tuple[Said, Message]] = []
        for one in story:
            message = self._message(one)
            yield one, message
            if late and self._dice.random() < 0.5:
                again, repeat = late.pop(0)
                yield replace(again, at=one.at), repeat
            if self._dice.random() < REPEATED:
                late.append((one, message))
        yield from ((replace(again, at=story[-1].at), repeat) for again, repeat in late)

    def _message(self, one: Said) -> Message:
        chat = self._processes[0]
        self._sent += 1
        text = f"@{chat.config.bot_name} {one.text}" if one.group else one.text
        self._set(one.at)
        return chat.words(text, user=one.user, group=one.group, id=f"m{self._sent}", name=one.name)

    def _hear(self, message: Message, at: datetime, lived: Lived) -> None:
        self._set(at)
        outcome = self._dice.choice(self._processes).receive(message)
        lived.messages += 1
        if outcome.state != "answer":
            lived.wrong.append(f"{message.id} {message.text[:20]}: {outcome.state}")
        if message.id in self._answers:
            lived.repeats += 1
            if self._answers[message.id] != outcome.answer:
                lived.wrong.append(f"{message.id} {message.text[:20]}: its repeat was answered otherwise")
        self._answers[message.id] = outcome.answer

    def _ring(self, at: datetime) -> None:
        """What the clock does; either process may."""
        self._set(at)
        chat = self._dice.choice(self._processes)
        stores, config, contents, places = chat.stores, chat.config, chat.live.current, chat.communities
        award_firsts(stores, config, contents, places, chat.clock())
        crown_months(stores, config, contents, places, chat.clock())
        lapse_due(stores, config, places.listed, chat.clock())
        ring_orders(stores, config, contents, places, chat.clock())
        ring_flows(stores, config, contents, places, chat.clock())
        ring_welcomes(stores, config, contents, places, chat.clock())
        ring_tickets(stores, config, contents.duty, places, chat.clock())
        ring_days(stores, config, contents, places, chat.clock())

    def _set(self, at: datetime) -> None:
        for chat in self._processes:
            chat.clock.set(clock_at(at).astimezone(UTC))


# Counting it once more ----------------------------------------------------------------------------------------------------

Command = Callable[..., Any]
Board = dict[str, int]


@dataclass(slots=True)
class CommunityCount:
    """What the log says of one community."""

    balances: Counter[str] = field(default_factory=Counter)
    boards: dict[str, Board] = field(default_factory=lambda: defaultdict(dict))
    days: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    openings: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    said: dict[str, tuple[int, ...]] = field(default_factory=dict)
    check_ins: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    active: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    orders: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    stock: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    badges: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    challenges: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=dict)
    recognised: Counter[str] = field(default_factory=Counter)


class Recount:
    """The totals of every community, from the event log alone. It shares no code with the stores: it reads Redis' streams, and JSON."""

    def __init__(self, command: Command, counted: frozenset[str], coded: frozenset[str]) -> None:
        self.communities: dict[str, CommunityCount] = defaultdict(CommunityCount)
        self.events: Counter[str] = Counter()
        self._counted = counted
        self._coded = coded
        for shard in range(16):
            self._read(command, f"qb:{{{shard}}}:events")

    def _read(self, command: Command, stream: str) -> None:
        last = "-"
        while page := command("XRANGE", stream, last, "+", "COUNT", 5_000):
            for _, flat in page:
                row = dict(zip(flat[::2], flat[1::2], strict=True))
                self._take(row, json.loads(row["data"]))
            last = f"({page[-1][0]}"

    def _take(self, row: dict[str, str], data: dict[str, Any]) -> None:
        self.events[row["kind"]] += 1
        count, day = self.communities[row["c"]], _day_of(row["t"])
        if row["kind"] == "inbound" and "event" not in data:
            count.messages[day] += 1
            count.active[day].add(row["m"])
        take = getattr(self, f"_{data.get('act', '')}", None) if row["kind"] == "change" else None
        if take:
            take(count, row, data)

    # Points
    def _points(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        giver, taker, n = str(data["from"]), str(data["to"]), data["n"]
        count.balances[giver] -= n
        count.balances[taker] += n
        assert count.balances[giver] >= 0 or not giver.isdecimal(), f"{giver} of {row['c']} gave what he had not"
        if data.get("counts"):
            day = date.fromordinal(data["day"])
            member, change = (taker, n) if taker.isdecimal() else (giver, -n)
            for board in ("all", f"month:{day:%Y-%m}", f"week:{_week(day)}", f"day:{day.isoformat()}"):
                _raise(count.boards[board], member, change)

    def _opening(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        _raise(count.boards["all"], row["m"], data["earned"])
        if "check_ins" in data:
            day, streak, longest, total = map(int, data["check_ins"].split("|"))
            count.openings[row["m"]] = (day, streak, longest, total)

    # Check-ins
    def _check_in(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        assert data["day"] not in count.days[row["m"]], f"{row['m']} checked in twice on {data['day']}"
        count.days[row["m"]].add(data["day"])
        count.check_ins[_day_of(row["t"])] += 1
        count.said[row["m"]] = (data["streak"], data["longest"], data["total"])

    def _make_up(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.days[row["m"]].add(data["day"])
        count.said[row["m"]] = (data["streak"], data["longest"], data["total"])

    def standing(self, community: str, member: str) -> tuple[int, int, int, int]:
        """Last day, streak, longest and total of a member, from his days and from what he brought."""
        count = self.communities[community]
        last, streak, longest, total = count.openings.get(member, (0, 0, 0, 0))
        days = count.days.get(member, set())
        known = days | set(range(last - streak + 1, last + 1) if last else ())
        newest = max(known, default=0)
        runs, run = [longest], 0
        for day in sorted(known):
            run = run + 1 if day - 1 in known else 1
            runs.append(run)
        return newest, run, max(runs), total + len(days)

    # The shop
    def _order_open(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        number = str(data["order"])
        assert number not in count.orders, f"order {number} was opened twice"
        count.orders[number] = ("open", data["item"], data["price"])
        if data["item"] in self._counted:
            count.stock[data["item"]] -= 1
            assert count.stock[data["item"]] >= 0, f"{data['item']} was oversold"
        if data["item"] in self._coded:
            count.codes[data["item"]] -= 1
            assert count.codes[data["item"]] >= 0, f"a code of {data['item']} was given twice"

    def _settle(self, count: CommunityCount, data: dict[str, Any], state: str, before: str = "open") -> None:
        was, item, price = count.orders[str(data["order"])]
        assert was == before, f"order {data['order']} was settled twice"
        count.orders[str(data["order"])] = (state, item, price)
        if was == "open" and state != "done" and item in self._counted:
            count.stock[item] += 1

    def _order_done(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        self._settle(count, data, "done")

    def _order_refunded(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        self._settle(count, data, "refunded")

    def _order_returned(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        self._settle(count, data, "refunded", before="done")

    def _order_cancelled(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        self._settle(count, data, "cancelled")

    def _order_expired(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        self._settle(count, data, "expired")

    def _stock(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.stock[data["item"]] += data["n"]

    def _codes(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.codes[data["item"]] += data["n"]

    # Honours, tags, challenges, flows
    def _badge(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        id = data["badge"]
        if id.startswith("-"):
            count.badges[row["m"]].discard(id[1:])
        else:
            count.badges[row["m"]].add(id)

    def _recognised(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.recognised[f"{row['m']}:{data['what']}"] += 1

    def _tag(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.tags[row["m"]].add(data["tag"])

    def _untag(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.tags[row["m"]].discard(data["tag"])

    def _challenge(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.challenges[f"{data['challenge']}|{row['m']}"] = (data["state"], data["done"], data["times"])

    def _flow(self, count: CommunityCount, row: dict[str, str], data: dict[str, Any]) -> None:
        count.flows[f"{row['m']}|{data['flow']}"] = data["to"]


def _day_of(t: str) -> str:
    return datetime.fromtimestamp(int(t) / 1000, ZONE).date().isoformat()


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _raise(board: Board, member: str, n: int) -> None:
    after = max(0, board.get(member, 0) + n)
    if after:
        board[member] = after
    else:
        board.pop(member, None)


# Holding both against each other --------------------------------------------------------------------------------------------


def differences(chat: Chat, most: int = 40) -> tuple[list[str], Recount]:
    """Where the stores say something else than the event log; what the log says."""
    shop = yaml.safe_load((ROOT / "rules/content/shop.yaml").read_text(encoding="utf-8"))["items"]
    coded = frozenset(item["id"] for item in shop if item.get("kind") == "code")
    counted = frozenset(item["id"] for item in shop if item.get("counted", True) and item["id"] not in coded)
    ladder = yaml.safe_load((ROOT / "rules/content/levels.yaml").read_text(encoding="utf-8"))
    recount = Recount(chat.stores.database.command, counted, coded)
    found: list[str] = []
    for place in chat.communities.listed:
        found += [f"{place.id}: {line}" for line in _of_community(chat, place.id, place.shard, recount, coded, ladder)]
    if recount.events["error"]:
        found.append(f"{recount.events['error']} errors stand in the log")
    return found[:most], recount


def _of_community(chat: Chat, id: str, shard: int, recount: Recount, coded: frozenset[str], ladder: list[Any]) -> Iterator[str]:
    command, part, count = chat.stores.database.command, {"shard": shard, "community": id}, recount.communities[id]
    balances = {name: int(n) for name, n in _pairs(command("HGETALL", keys.BALANCES(**part)))}
    yield from _unlike("balance", balances, dict(count.balances))
    if sum(balances.values()):
        yield f"all balances sum to {sum(balances.values())}"
    yield from (line for line in chat.stores.points.discrepancies(chat.communities.named(id).keys))
    for name in {key.split(":board:")[1] for key in chat.stores.database.scan(f"qb:{{{shard}}}:{id}:board:*")} | set(count.boards):
        kept = {member: int(n) for member, n in _pairs(command("ZRANGE", f"qb:{{{shard}}}:{id}:board:{name}", 0, -1, "WITHSCORES"))}
        yield from _unlike(f"board {name}", kept, count.boards[name])
    yield from _check_ins(command, part, count, recount, id)
    yield from _levels(chat, id, count, ladder)
    yield from _day_counters(chat, id, count)
    yield from _shop(command, part, count, coded)
    yield from _honours(command, part, count)


def _check_ins(command: Command, part: dict[str, Any], count: CommunityCount, recount: Recount, id: str) -> Iterator[str]:
    kept = {}
    for member, record in _pairs(command("HGETALL", keys.CHECK_INS(**part))):
        last, streak, longest, total, *_ = map(int, record.split("|")[:4])
        if last or total:
            kept[member] = (last, streak, longest, total)
    members = {*count.days, *(member for member, brought in count.openings.items() if any(brought))}
    yield from _unlike("check-ins", kept, {member: recount.standing(id, member) for member in members})
    said = {member: kept[member][1:] for member in count.said if member in kept}
    yield from _unlike("streak as it was told", said, count.said)


def _levels(chat: Chat, id: str, count: CommunityCount, ladder: list[Any]) -> Iterator[str]:
    """The level of each member, by what the shipped file says."""
    where, kept, wanted = chat.communities.named(id).keys, {}, {}
    levels = chat.live.current.levels
    for member, earned in count.boards["all"].items():
        wanted[member] = max(row["name"] for row in [max((row for row in ladder if row["at"] <= earned), key=lambda row: row["at"])])
        mine = chat.stores.points.earned(where, int(member))
        kept[member] = [level for level in levels.steps if level.at <= mine][-1].name
    yield from _unlike("level", kept, wanted)


def _day_counters(chat: Chat, id: str, count: CommunityCount) -> Iterator[str]:
    database = chat.stores.database
    kept: dict[str, Counter[str]] = defaultdict(Counter)
    for key in database.scan(f"qb:{{*}}:{id}:counts:*"):
        for name, n in _pairs(database.command("HGETALL", key)):
            kept[name][key.rsplit(":", 1)[1]] += int(n)
    yield from _unlike("messages of the day", dict(kept["messages"]), dict(count.messages))
    yield from _unlike("check-ins of the day", dict(kept["check_ins"]), dict(count.check_ins))
    active: dict[str, int] = Counter()
    for day in {key.rsplit(":", 1)[1] for key in database.scan(f"qb:{{*}}:{id}:active:*")}:
        bits = [
            int.from_bytes(bits, "big") << 8 * (1_000 - len(bits))
            for bits in database.read_bytes(list(database.scan(f"qb:{{*}}:{id}:active:{day}")))
        ]
        joined = 0
        for one in bits:
            joined |= one
        active[day] = joined.bit_count()
    yield from _unlike("active members of the day", dict(active), {day: len(members) for day, members in count.active.items()})


def _shop(command: Command, part: dict[str, Any], count: CommunityCount, coded: frozenset[str]) -> Iterator[str]:
    kept = {}
    for number, text in _pairs(command("HGETALL", keys.ORDERS(**part))):
        order = json.loads(text)
        kept[number] = (order["state"], order["item"], order["price"])
    at_once = {number for number, (state, item, _) in count.orders.items() if state == "open" and kept.get(number, ("",))[0] == "done"}
    wanted = {
        n: ("done" if n in at_once else "waiting" if state == "open" else state, item, price)
        for n, (state, item, price) in count.orders.items()
    }
    yield from _unlike("order", kept, wanted)
    stuck = [number for number in at_once if count.orders[number][1] not in coded and count.orders[number][1] != "makeup-card"]
    if stuck:
        yield f"orders {stuck} are done, but nobody did them"
    sold = sum(price for state, _, price in wanted.values() if state in ("done", "waiting"))
    if count.balances["shop"] != sold:
        yield f"the shop has {count.balances['shop']} points, its orders {sold}"
    yield from _unlike("stock", {item: int(n) for item, n in _pairs(command("HGETALL", keys.SHOP_STOCK(**part)))}, dict(count.stock))
    for item in coded:
        left = command("LLEN", keys.SHOP_CODES(**part, item=item))
        if left != count.codes[item]:
            yield f"{left} codes of {item} are left, by the log {count.codes[item]}"


def _honours(command: Command, part: dict[str, Any], count: CommunityCount) -> Iterator[str]:
    badges = {}
    for member, text in _pairs(command("HGETALL", keys.BADGES(**part))):
        badges[member] = {entry.split(":")[0] for entry in text.split(",") if entry and not entry.startswith("-")}
    yield from _unlike("badges", _filled(badges), _filled(count.badges))
    tags = {member: set(text.split(",")) for member, text in _pairs(command("HGETALL", keys.TAGS_OF(**part)))}
    yield from _unlike("tags", _filled(tags), _filled(count.tags))
    runs, finished = {}, {}
    for name, record in _pairs(command("HGETALL", keys.CHALLENGE_RUNS(**part))):
        if name.startswith("~|"):
            finished[name[2:]] = int(record)
            continue
        _, state, marks, times, *_ = record.split("|")
        runs[name] = (state, marks.count("1"), int(times))
    yield from _unlike("challenge", runs, count.challenges)
    times: Counter[str] = Counter()
    for name, (_, _, often) in count.challenges.items():
        times[name.rsplit("|", 1)[1]] += often
    yield from _unlike("finished challenges", finished, dict(times))
    thanked = {name: int(n) for name, n in _pairs(command("HGETALL", keys.HONOUR_COUNTS(**part)))}
    yield from _unlike("thanks and features", thanked, dict(count.recognised))
    flows = {}
    for member in {name.split("|")[0] for name in count.flows}:
        for flow, state in _pairs(command("HGETALL", keys.FLOWS_OF(**part, member=member))):
            flows[f"{member}|{flow}"] = json.loads(state.partition("|")[2])["status"]
    yield from _unlike("flow", flows, count.flows)


def _filled(of: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: found for name, found in of.items() if found}


def _unlike(what: str, kept: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for name in sorted(kept.keys() | wanted.keys()):
        if kept.get(name) != wanted.get(name) and (kept.get(name) or wanted.get(name)):
            yield f"{what} of {name}: kept {kept.get(name)}, by the log {wanted.get(name)}"


def _pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)
