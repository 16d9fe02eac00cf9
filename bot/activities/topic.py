"""话题: a question that everybody may say something to; the reply that is liked most is the best. One that is weekly is followed by the next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import PROPOSED, ActivityKind, Award, Post, Settlement, Stage
from bot.activities.words import terms_of
from bot.activities.written import MOST_PRIZE, authors_of, note_of, number_of, quoted
from bot.drawing import drawn
from bot.errors import UserError
from bot.live import Contents
from bot.members import called
from rules.activities import LONGEST_TITLE, Activity, KindId
from rules.activity_words import Request
from storage.activities import Draft
from storage.submissions import Submission

EXAMPLE = "发起话题 你最近怎么读书？ | 说说你的办法 | 截止 周日20:00 | 奖励 30"
EACH = 3
"""Replies of one member, where nothing else is said."""
DRAWN = 5
"""Replies that the picture shows; the words show three."""
MOST_QUEUED = 20
WEEK = timedelta(days=7)


class TopicKind(ActivityKind):
    """What the desk asks about a topic."""

    id: KindId = "topic"
    form = Form(
        "你最近怎么读书？", sample="说说你的办法",
        fields=(
            Field("奖励", "赞最多的回复得多少积分，例如：30"),
            Field("每人", "每人最多几条，例如：3"),
            Field("先审后发", "每条先看过再让大家看到", is_switch=True),
            Field("每周", "结束以后自动开下一期", is_switch=True),
            Field("每周", "用 / 隔开，例如：最近看的电影 / 周末去哪", label="接下来的题目"),
        ),
    )  # fmt: skip

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        queue = [title for given in request.settings.get("每周", ()) for title in re.split(r"\s*[/／、]\s*", given) if title]
        numbers = {name: request.one(setting) for name, setting in (("prize", "奖励"), ("each", "每人")) if request.has(setting)}
        review = request.has("先审") or request.has("先审后发")
        note = "\n".join(request.lines)
        return request.title, {"note": note, "review": review, "weekly": request.has("每周"), "queue": queue, **numbers}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its words, prize, how many replies each may give, whether they are reviewed first, and what comes in the weeks to come."""
        queue = [str(title).strip() for title in spec.get("queue", ()) if str(title).strip()]
        if len(queue) > MOST_QUEUED or any(len(title) > LONGEST_TITLE for title in queue):
            raise UserError(
                f"“每周”后面最多写 {MOST_QUEUED} 个题目，每个最多 {LONGEST_TITLE} 个字，用 / 隔开，例如：每周 最近看的电影 / 周末去哪"
            )
        return {
            "note": note_of(spec, EXAMPLE),
            "prize": number_of(spec, "prize", "奖励", 0, 0, MOST_PRIZE, EXAMPLE),
            "each": number_of(spec, "each", "每人", EACH, 1, 20, "每人 3"),
            "review": bool(spec.get("review", False)),
            "weekly": bool(spec.get("weekly", False) or queue),
            "queue": queue,
            PROPOSED: bool(spec.get(PROPOSED, False)),
        }

    def preview(self, stage: Stage) -> str:
        """Its words and rules."""
        spec = stage.activity.spec
        queue = f"，接下来：{'、'.join(spec['queue'])}" if spec["queue"] else ""
        weekly = f"每周自动开下一期{queue}" if spec["weekly"] else ""
        return "\n".join(filter(None, (spec["note"], rules_of(stage.activity), "先审后发" if spec["review"] else "", weekly)))

    def opening(self, stage: Stage) -> Post:
        """The question, and how to reply and to like."""
        activity = stage.activity
        rows = (f"💬 话题：{activity.title}", activity.spec["note"], terms_of(stage), rules_of(activity), HOW_TO)
        return Post("\n".join(filter(None, rows)))

    def reminder(self, stage: Stage) -> Post | None:
        """How many have said something."""
        said = stage.stores.submissions.count_shown(stage.community.keys, stage.activity.number)
        return Post(f"💬 话题“{stage.activity.title}”快截止了，已有 {said} 条。{HOW_TO}")

    def settle(self, stage: Stage) -> Settlement:
        """The best replies as they stand; the first of them wins if anybody likes it, of equal ones the earlier."""
        store, where, number = stage.stores.submissions, stage.community.keys, stage.activity.number
        if stage.activity.state == "settled":
            return Settlement(stage.activity.result, told=_told_alone(stage.activity, stage.activity.result))
        best = store.best(where, number, DRAWN)
        won = best[0] if best and best[0].likes else None
        tied = store.count_liked(where, number, won.likes) if won else 0
        result = {
            "best": [one.number for one in best], "won": won.number if won else 0, "member": won.author if won else 0,
            "likes": won.likes if won else 0, "tied": tied, "total": store.count_shown(where, number),
        }  # fmt: skip
        return Settlement(result, _told(stage, best, result), _told_alone(stage.activity, result))

    def awards(self, stage: Stage) -> Sequence[Award]:
        """The prize for the best reply."""
        member, prize = int(stage.activity.result.get("member", 0)), stage.activity.spec["prize"]
        return [Award(member, prize, stage.activity.title)] if member and prize else []

    def successor(self, stage: Stage) -> Draft | None:
        """The next week's topic: the first of those that were named for the weeks to come, else the same again."""
        activity = stage.activity
        if not activity.spec["weekly"]:
            return None
        title, *queue = activity.spec["queue"] or [activity.title]
        began = activity.opens or activity.opened or activity.created
        zone, weeks = stage.community.zone, 1
        while _weeks_after(began, weeks, zone) <= stage.now:
            weeks += 1
        opens, following = _weeks_after(began, weeks, zone), _weeks_after(began, weeks + 1, zone)
        closes = _weeks_after(activity.closes, weeks, zone) if activity.closes else following - timedelta(hours=1)
        return Draft(
            "topic", title, activity.author, activity.chat, opens, closes, award=activity.award, conditions=activity.conditions,
            spec={**activity.spec, "queue": queue, PROPOSED: False},
        )  # fmt: skip

    def standing(self, stage: Stage, member: int) -> Post:
        """The best replies so far, and one's own."""
        activity, store = stage.activity, stage.stores.submissions
        found = store.best(stage.community.keys, activity.number, DRAWN)
        best = quoted(stage.stores, found)
        own = [one for one in store.of_member(stage.community.keys, member, 20) if one.activity == activity.number] if member else []
        mine = f"你说了 {len(own)} 条。" if own else ""
        rows = (activity.spec["note"], *best, mine, HOW_TO if activity.is_open else "")
        return Post("\n".join(filter(None, rows)), about=authors_of(found))

    def results(self, stage: Stage) -> Post:
        """The best replies in words and as a picture."""
        store, where, result = stage.stores.submissions, stage.community.keys, stage.activity.result
        best = store.many(where, result["best"]) if result else store.best(where, stage.activity.number, DRAWN)
        so_far = {"total": store.count_shown(where, stage.activity.number), "won": 0, "tied": 0, "likes": 0, "member": 0}
        return _told(stage, [one for one in best if one.is_shown], result or so_far)


def _weeks_after(moment: datetime, weeks: int, zone: tzinfo) -> datetime:
    """The same hour by the clocks of the community, so many weeks later."""
    return (moment.astimezone(zone) + weeks * WEEK).astimezone(UTC)


def _told_alone(activity: Activity, result: Mapping[str, Any]) -> list[tuple[int, str]]:
    prize = activity.spec["prize"]
    said = f"🏆 你在“{activity.title}”的 {result['won']} 号得了最多的赞{f'，积分 +{prize}' if prize else ''}。"
    return [(int(result["member"]), said)] if result["member"] else []


def rules_of(activity: Activity) -> str:
    """The rules in words."""
    prize = f"，最佳回复 +{activity.spec['prize']} 积分" if activity.spec["prize"] else ""
    return f"每人最多 {activity.spec['each']} 条，赞最多的是最佳{prize}。"


HOW_TO = "@我说“话题 你的想法”；喜欢哪条就说“赞 编号”。"


def _told(stage: Stage, best: Sequence[Submission], result: Mapping[str, Any]) -> Post:
    activity, stores = stage.activity, stage.stores
    state = "到现在为止" if activity.is_open else "结束了"
    lines = [f"💬 话题“{activity.title}”{state}：{activity.entries} 人说了 {result['total']} 条。"]
    lines += quoted(stores, best[:3], 100)
    if result["won"]:
        tie = f"（{result['tied']} 条并列，先说的在前）" if result["tied"] > 1 else ""
        prize = f"，积分 +{activity.spec['prize']}" if activity.spec["prize"] else ""
        lines.append(f"🏆 最佳：{called(stores, result['member'])} 的 {result['won']} 号，{result['likes']} 个赞{tie}{prize}。")
    elif not activity.is_open:
        lines.append("没有人得到赞，这次不评最佳。" if best else "这次没有人说。")
    return Post("\n".join(lines), image=_picture(stage, best, int(result["total"])) if best else "", about=authors_of(best))


def _picture(stage: Stage, best: Sequence[Submission], total: int) -> str:
    names = stage.stores.directory.find_names(authors_of(best))
    facts = {
        "title": stage.activity.title, "community": stage.community.name[:24] if stage.community.is_listed else "", "total": total,
        "people": stage.activity.entries, "is_over": not stage.activity.is_open,
        "best": [
            {
                "place": 1 + sum(other.likes > one.likes for other in best), "author": (names.get(one.author) or "群友")[:24],
                "text": one.text[:160], "likes": one.likes,
            }
            for one in best
        ],
    }  # fmt: skip
    return drawn("replies", facts, about=authors_of(best))
