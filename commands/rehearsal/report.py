"""The report of a rehearsal, as Markdown for operators: the same rehearsal gives the same report to the byte."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, cast

from bot.push_desk import WHYS
from commands.rehearsal.living import Told
from storage.firings import Why

CROWDED = timedelta(hours=1)
MANY_A_WEEK = 7
MARKETING = 0.2
WELL_ANSWERED = 0.9
SLOW_MS = 60_000
MOST_ROWS = 20
MOST_NAMED = 5
_SKIPPED: Mapping[str, str] = {
    "no_way": "没有路可走（没有 webhook、私聊不到）", "cap": "超过频次上限", "opted_out": "免打扰", "holdout": "对照组", "stopped": "被叫停",
    "erased": "删除了资料", "body": "内容在这里发不了", "quiet": "安静时段不发", "crisis": "危机模式里不发营销",
}  # fmt: skip
"""Why one reader was left out; why a whole moment was, the desk of pushes says."""


def _why(why: str) -> str:
    if why in _SKIPPED:
        return _SKIPPED[why]
    found = WHYS.get(cast(Why, why), why)
    return found.removeprefix("没有发：")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was rehearsed."""

    begin: datetime
    days: int
    seed: int
    source: str


def report_of(asked: Asked, parts: Sequence[Told]) -> str:
    """The whole report."""
    whole = _Whole(asked, parts)
    return "\n".join(
        [*whole.head(), "", *whole.to_look_at(), "", *whole.pushes(), "", *whole.members(), "", *whole.crowding(), "", *whole.talk(), ""]
    )


class _Whole:
    """All parts together."""

    def __init__(self, asked: Asked, parts: Sequence[Told]) -> None:
        self._asked = asked
        self._parts = parts
        self._labels = {id: label for part in parts for id, label in part.labels.items()}
        self._marketing = {id for part in parts for id in part.marketing}
        self._stays = {
            chat: [(datetime.fromisoformat(joins), datetime.fromisoformat(leaves)) for joins, leaves in stays]
            for part in parts
            for chat, stays in part.stays.items()
        }
        self._groups_of = {member: chat for part in parts for member, chat in part.groups_of.items()}
        self._events = [event for part in parts for event in part.events]
        self._said = [event for event in self._events if not event.get("why") and (event.get("chat") or event["m"])]
        self._left_out = [event for event in self._events if event.get("why")]
        self._members = sum(part.members for part in parts)
        self._crowds = self._crowded()
        self._counts: Counter[str] = Counter()
        for part in parts:
            for counts in part.days.values():
                self._counts.update(counts)

    def head(self) -> Iterator[str]:
        """What was rehearsed."""
        asked, heard = self._asked, sum(part.heard for part in self._parts)
        groups, communities = sum(part.groups for part in self._parts), sum(len(part.days) for part in self._parts)
        yield "# 演练报告"
        yield ""
        yield (
            f"从 {asked.begin:%Y-%m-%d} 起 {asked.days} 天，{communities} 个社群、{groups} 个群、{self._members:,} 位虚拟成员，机器人听到 {heard:,} 条消息。"
            f"随机种子 {asked.seed}：同样的种子、同样的内容，报告一字不差。内容取自{asked.source}。"
        )  # fmt: skip
        yield "虚拟成员不是真人：看“会不会撞车、会不会太多、会不会被限流”，不要看“会有多少人喜欢”。"

    def to_look_at(self) -> Iterator[str]:
        """What an operator should see first."""
        yield "## 先看这些"
        yield ""
        found = list(self._worries())
        yield from (f"- {worry}" for worry in found)
        if not found:
            yield "- 没有发现要改的。"

    def _worries(self) -> Iterator[str]:
        if mute := [group for part in self._parts for group in part.mute]:
            yield f"有 {len(mute)} 个群没有 webhook，推送到不了：{'、'.join(map(_cell, mute[:MOST_NAMED]))}{'……' if len(mute) > MOST_NAMED else '。'}"
        yield from self._left_undone()
        if self._crowds:
            yield f"同一个群一小时内收到两条以上推送：{sum(self._crowds.values()):,} 次，见“撞车”。"
        weekly = self._weekly()
        if weekly and max(weekly) > MANY_A_WEEK:
            yield f"最多的一位成员一周收到 {max(weekly)} 条推送；一半的成员每周不超过 {median(weekly):.0f} 条。"
        share = self._marketing_share()
        if share > MARKETING:
            yield f"营销占全部推送的 {share:.0%}，超过 {MARKETING:.0%}。“广告过多”是退群的第一个原因。"
        if gave_up := sum(part.gave_up for part in self._parts):
            yield f"有 {gave_up} 位成员因为私信太多说了“免打扰”。"
        if wrong := sum(part.false_warnings for part in self._parts):
            yield f"有 {wrong} 条普通的话被提醒或者送去复核（虚拟成员的脚本里它们没有问题），请看词库。"
        asked, answered = sum(part.questions for part in self._parts), sum(part.answered for part in self._parts)
        if asked and answered / asked < WELL_ANSWERED:
            yield f"问答里有的问题问了 {asked:,} 次，只答上 {answered / asked:.0%}：有的条目互相抢答，请在“问答”里试问。"

    def _left_undone(self) -> Iterator[str]:
        for why, count in sorted(Counter(event["why"] for event in self._left_out).items()):
            if why in ("no_way", "cap", "body"):
                yield f"有 {count:,} 份没有发出：{_why(why)}。"
        missed = Counter(
            why for part in self._parts for _, _, _, why in part.receipts if why in ("no_way", "missed", "unapproved", "segment")
        )
        for why, count in sorted(missed.items()):
            yield f"有 {count:,} 个时刻什么也没有发：{_why(why)}。"
        if waited := sum(n for part in self._parts for n in part.waited.values()):
            yield f"有 {waited:,} 条推送因为频率限制等了一分钟以上。"

    def pushes(self) -> Iterator[str]:
        """What would have gone out."""
        yield "## 推送"
        yield ""
        if not self._labels:
            yield "没有推送。"
            return
        yield "| 推送 | 时刻 | 发出 | 收到的人次 | 没有发的 | 等得最久 |"
        yield "|---|---:|---:|---:|---|---:|"
        moments = Counter(push for part in self._parts for _, push, _, why in part.receipts if not why)
        said, readers = Counter(event["push"] for event in self._said), self._readers()
        left: dict[str, Counter[str]] = defaultdict(Counter)
        for event in self._left_out:
            left[event["push"]][event["why"]] += 1
        for part in self._parts:
            for _, push, _, why in part.receipts:
                if why:
                    left[push][why] += 1
        longest = {push: max(part.longest_ms.get(push, 0) for part in self._parts) for push in self._labels}
        for push in sorted(self._labels, key=lambda one: (-readers[one], one)):
            whys = "、".join(f"{_why(why)} {n:,}" for why, n in sorted(left[push].items())) or "–"
            mark = "（营销）" if push in self._marketing else ""
            yield (
                f"| {_cell(self._labels[push])}{mark} | {moments[push]:,} | {said[push]:,} | {readers[push]:,} | {whys} | {_duration(longest.get(push, 0))} |"
            )
        yield ""
        yield f"营销占全部推送的 {self._marketing_share():.0%}。"

    def members(self) -> Iterator[str]:
        """What members would have received."""
        yield "## 成员收到多少"
        yield ""
        weekly = self._weekly()
        if not weekly:
            yield "没有人收到推送。"
            return
        yield "| 每人每周收到的推送 | 人数 |"
        yield "|---|---:|"
        bands = ((0, 0), (1, 2), (3, 5), (6, 7), (8, 14), (15, 9_999))
        for low, high in bands:
            count = sum(low <= n <= high for n in weekly)
            yield f"| {low if low == high else f'{low}–{high}' if high < 9_999 else f'{low} 以上'} | {count:,} |"
        yield ""
        yield f"（按最多的一周算；中位数 {median(weekly):.0f}，最多 {max(weekly)}。）"

    def crowding(self) -> Iterator[str]:
        """Which pushes come too close to each other."""
        yield "## 撞车：同一个群，一小时内"
        yield ""
        if not self._crowds:
            yield "没有。"
            return
        yield "| 推送 | 和 | 次数 |"
        yield "|---|---|---:|"
        for (one, other), n in sorted(self._crowds.items(), key=lambda item: (-item[1], item[0]))[:MOST_ROWS]:
            yield f"| {_cell(self._labels.get(one, one))} | {_cell(self._labels.get(other, other))} | {n:,} |"

    def talk(self) -> Iterator[str]:
        """Questions, moderation, points, flows and the load."""
        counts = self._counts
        yield "## 问答、治理、积分、新人"
        yield ""
        asked, answered = sum(part.questions for part in self._parts), sum(part.answered for part in self._parts)
        others = f"别的问题给选项 {counts['faq_offer']:,}，没答上 {counts['faq_miss']:,}（闲聊也算在内）"
        yield f"- 问答：里面有的问题问了 {asked:,} 次，直接答上 {answered:,}；{others}。"
        missed: Counter[str] = Counter()
        for part in self._parts:
            missed.update(part.unanswered)
        for text, n in sorted(missed.items(), key=lambda item: (-item[1], item[0]))[:5]:
            yield f"  - 没答上 {n} 次：{_cell(text)}"
        rude, fair = sum(part.rude for part in self._parts), sum(part.fair_warnings for part in self._parts)
        wrong = sum(part.false_warnings for part in self._parts)
        yield f"- 治理：{rude} 条过分的话里提醒或复核了 {fair} 条；普通的话里误伤 {wrong} 条；发出提醒 {counts['warnings']} 次（演练时试运行是关着的）。"
        yield f"- 积分：发出 {counts['points_in']:,}，花掉或过期 {counts['points_out']:,}；签到 {counts['check_ins']:,} 次；兑换 {counts['orders']:,} 单。"
        yield f"- 新人欢迎 {counts['welcomes']:,} 次；流程开始 {counts['flows_begun']:,}，走完 {counts['flows_done']:,}。"
        for title, steps in sorted(self._funnels().items()):
            yield f"  - {_cell(title)}：{'，'.join(f'{_cell(label)} {n:,}' for label, n in steps)}"
        hours = [sum(part.hours[hour] for part in self._parts) for hour in range(24)]
        busiest = max(range(24), key=lambda hour: (hours[hour], -hour))
        yield f"- 最忙的钟点：{busiest}–{busiest + 1} 点，一共 {hours[busiest]:,} 条；夜里（0–6 点）{sum(hours[:6]):,} 条。"
        days: Counter[str] = Counter()
        for part in self._parts:
            days.update(part.by_day)
        if days:
            day, most = max(sorted(days.items()), key=lambda item: item[1])
            yield f"- 最忙的一天：{day}，{most:,} 条；平常一天 {median(days.values()):.0f} 条。"

    def _funnels(self) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for part in self._parts:
            for title, steps in part.flows.items():
                found[title].update(steps)
        return {title: sorted(steps.items(), key=lambda step: (-step[1], step[0])) for title, steps in found.items() if steps}

    # Figures ------------------------------------------------------------------------------------------------------------

    def _readers(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for event in self._said:
            found[event["push"]] += 1 if event["m"] else self._there(event)
        return found

    def _there(self, event: Mapping[str, Any]) -> int:
        """How many were in a group as something was posted there."""
        at = datetime.fromisoformat(event["t"])
        return sum(joins <= at < leaves for joins, leaves in self._stays.get(event.get("chat", ""), ()))

    def _weekly(self) -> list[int]:
        """The most pushes in a week (from the first day on) that each member would have got: those of his group while he was there, and his own."""
        posts: dict[str, list[datetime]] = defaultdict(list)
        own: dict[str, list[Counter[int]]] = defaultdict(list)
        letters: dict[str, Counter[int]] = defaultdict(Counter)
        for event in self._said:
            at = datetime.fromisoformat(event["t"])
            if event["m"]:
                letters[f"{event['c']}|{event['m']}"][self._week(at)] += 1
            else:
                posts[event["chat"]].append(at)
        for member, weeks in sorted(letters.items()):
            own[self._groups_of.get(member, "")].append(weeks)
        found = []
        for chat, stays in sorted(self._stays.items()):
            for number, (joins, leaves) in enumerate(stays):
                weeks = Counter(self._week(at) for at in posts[chat] if joins <= at < leaves)
                if number < len(own[chat]):  # which of his group he is does not matter here
                    weeks.update(own[chat][number])
                found.append(max(weeks.values(), default=0))
        return found

    def _week(self, at: datetime) -> int:
        return (at - self._asked.begin).days // 7

    def _marketing_share(self) -> float:
        posts = {
            (event["c"], event["push"], event["planned"], event.get("chat", "")) for event in self._said
        }  # letters of one moment are one
        said = Counter(push in self._marketing for _, push, _, _ in posts)
        return said[True] / max(said.total(), 1)

    def _crowded(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        by_group: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        for event in self._said:
            if event.get("chat"):
                by_group[event["chat"]].append((datetime.fromisoformat(event["t"]), event["push"]))
        for _, posts in sorted(by_group.items()):
            posts.sort()
            for at, (moment, push) in enumerate(posts):
                for later, other in posts[at + 1 :]:
                    if later - moment >= CROWDED:
                        break
                    found[min(push, other), max(push, other)] += 1
        return found


def _cell(text: Any) -> str:
    return str(text).replace("|", "／").replace("\n", " ")[:40]


def _duration(ms: int) -> str:
    if ms < 1_000:
        return "–"
    return f"{ms / 1000:.0f} 秒" if ms < SLOW_MS else f"{ms / 60_000:.0f} 分"
