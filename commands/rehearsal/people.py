"""The virtual members of a rehearsal: who they are, when they speak, and what they say. The same dice give the same people."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

HOURS = (1, 1, 1, 0.5, 0.5, 1, 3, 8, 12, 14, 13, 12, 16, 10, 9, 10, 11, 12, 15, 18, 22, 20, 12, 5)
"""How much is said in each hour of a day: little at night, most after supper."""
WEEKEND = 0.75
NEWCOMERS = 0.2
"""The share of members who come during the rehearsal."""
LEAVERS = 0.12
RUDE = 0.005
"""The share of members who are rude or advertise now and then."""
Kind = Literal["known", "unknown", "chatter", "command", "rude"]
"""A question that stands in the FAQ, one that does not, words of no matter, a command, and what deserves a warning."""
CHATTER = (
    "大家早上好", "今天天气真不错", "收到，谢谢", "周末有人一起去爬山吗", "我也觉得是这样", "哈哈哈笑死我了", "刚下班，好累", "明天几点开始呀", "这个主意不错",
    "我家孩子今天开学了", "有没有好看的电视剧推荐", "最近降温了，大家注意保暖", "我已经试过了，挺好用的", "晚安各位", "吃饭去了，回头聊", "恭喜恭喜", "辛苦啦",
    "这个我不太懂，谁能说说", "昨天的直播回放在哪里看", "下次一定参加",
)  # fmt: skip
UNKNOWN = (
    "线下聚会的停车场怎么走", "这本书的作者是哪一年出生的", "能不能帮我查一下快递到哪了", "下周的讲师是谁", "你们公司在哪个区",
    "有没有适合老人的课程", "这款和上一款有什么区别", "团购满多少包邮", "证书什么时候寄出", "可以开专票吗", "群里有广州的朋友吗", "怎么把课件下载到电脑上",
)  # fmt: skip
RUDE_LINES = ("你们就是一群骗子，垃圾", "滚蛋吧你", "你是不是有病啊，傻逼", "加我微信 abc12345 日赚三百，兼职刷单", "闭嘴吧你个废物")
COMMANDS = ("我的积分", "等级", "任务", "帮助", "积分明细", "商城")
REPLIES = ("收到", "来了来了", "好的，谢谢提醒", "今天也加油", "已经看了，很有收获", "签到")


@dataclass(frozen=True, slots=True)
class Person:
    """A member: how much he talks (a power law over members), how faithfully he checks in, how he takes to pushes, when he comes and goes."""

    user: str
    name: str
    group: str
    talks: float
    faithful: float
    wakes: float
    open_to: float
    joins: datetime
    leaves: datetime
    is_rude: bool

    def is_here(self, at: datetime) -> bool:
        """Whether he is in his group at a moment."""
        return self.joins <= at < self.leaves


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """Something said: when, a number that keeps the order, by whom, where ('' alone with the bot), what, and of which kind."""

    at: datetime
    order: int
    user: str
    name: str
    group: str
    text: str
    kind: Kind = "chatter"


def people_of(dice: random.Random, groups: Sequence[str], count: int, begin: datetime, days: int, first: int) -> list[Person]:
    """So many members over some groups, numbered from ``first``."""
    people = []
    for n in range(first, first + count):
        comes = begin if dice.random() >= NEWCOMERS else begin + timedelta(minutes=dice.randrange(days * 1_440))
        end = begin + timedelta(days=days + 1)
        goes = end if dice.random() >= LEAVERS else comes + (end - comes) * dice.random()
        people.append(
            Person(
                f"r{n:05}", f"成员{n}", groups[n % len(groups)], min(dice.paretovariate(1.3), 40.0), dice.betavariate(0.6, 1.6), dice.uniform(6.5, 21.5),
                dice.betavariate(1, 12), comes, goes, dice.random() < RUDE,
            )
        )  # fmt: skip
    return people


def story_of(
    dice: random.Random, people: Sequence[Person], questions: Sequence[str], begin: datetime, days: int, messages: int
) -> list[Said]:
    """What they say by themselves, about so many messages, in order of time."""
    check_ins = list(_check_ins(dice, people, begin, days))
    if len(check_ins) > messages * 2 // 5:
        check_ins = dice.sample(check_ins, messages * 2 // 5)
    said: list[tuple[datetime, Person, str, Kind]] = [(at, person, "签到", "command") for at, person in check_ins]
    weights = [person.talks for person in people]
    moments = _moments(dice, begin, days, max(messages - len(said), 0))
    for at, person in zip(moments, dice.choices(people, weights, k=len(moments)) if people else (), strict=False):
        if not person.is_here(at):
            continue
        is_rude = person.is_rude and dice.random() < 0.25
        said.append((at, person, *((dice.choice(RUDE_LINES), _RUDE) if is_rude else _line(dice, people, questions))))
    said.sort(key=lambda one: (one[0], one[1].user))
    return [Said(at, n, person.user, person.name, person.group, text, kind) for n, (at, person, text, kind) in enumerate(said)]


def _check_ins(dice: random.Random, people: Sequence[Person], begin: datetime, days: int) -> list[tuple[datetime, Person]]:
    found = []
    for day in range(days):
        for person in people:
            if dice.random() < person.faithful:
                at = begin + timedelta(days=day, hours=max(0.0, min(23.9, dice.gauss(person.wakes, 0.7))))
                if person.is_here(at):
                    found.append((at, person))
    return found


def _moments(dice: random.Random, begin: datetime, days: int, count: int) -> list[datetime]:
    by_day = [WEEKEND if (begin + timedelta(days=day)).weekday() >= 5 else 1.0 for day in range(days)]
    chosen = zip(dice.choices(range(days), by_day, k=count), dice.choices(range(24), HOURS, k=count), strict=True)
    return sorted(begin + timedelta(days=day, hours=hour, seconds=dice.randrange(3_600_000) / 1_000) for day, hour in chosen)


def _line(dice: random.Random, people: Sequence[Person], questions: Sequence[str]) -> tuple[str, Kind]:
    chance = dice.random()
    if chance < 0.38 and questions:
        return dice.choice(questions), "known"
    if chance < 0.46:
        return dice.choice(UNKNOWN), "unknown"
    if chance < 0.54:
        return f"谢谢 @{dice.choice(people).name} 帮我解答", "command"
    if chance < 0.64:
        return dice.choice(COMMANDS), "command"
    return dice.choice(CHATTER), "chatter"


_RUDE: Kind = "rude"
