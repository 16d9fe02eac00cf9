"""征稿: members hand in works, people review them; who has one taken gets the prize, and climbs the pyramid of authors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Post, Settlement, Stage, Step
from bot.activities.words import terms_of
from bot.activities.written import MOST_PRIZE, authors_of, note_of, number_of, quoted
from bot.live import Contents
from rules.activities import Activity, KindId
from rules.activity_words import Request

EXAMPLE = "发起征稿 我和一本书 | 200 字以内，可以配图 | 截止 周日20:00 | 奖励 20"
EACH = 5
"""Works of one member, where nothing else is said."""
LISTED = 5
PATIENCE, AGAIN = timedelta(days=3), timedelta(hours=1)
"""How long after its end a contest waits for works that are still to be reviewed, and how often it looks."""


class ContestKind(ActivityKind):
    """What the desk asks about a call for works."""

    id: KindId = "contest"
    form = Form(
        "我和一本书", sample="200 字以内，可以配图",
        fields=(Field("奖励", "第一篇通过时得多少积分，例如：20"), Field("每人", "每人最多几篇，例如：5")),
    )  # fmt: skip

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        numbers = {name: request.one(setting) for name, setting in (("prize", "奖励"), ("each", "每人")) if request.has(setting)}
        return request.title, {"note": "\n".join(request.lines), **numbers}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its words, what the first work of a member brings that is taken, and how many each may hand in."""
        return {
            "note": note_of(spec, EXAMPLE),
            "prize": number_of(spec, "prize", "奖励", 0, 0, MOST_PRIZE, EXAMPLE),
            "each": number_of(spec, "each", "每人", EACH, 1, 50, "每人 5"),
        }

    def preview(self, stage: Stage) -> str:
        """Its words and rules."""
        return "\n".join(filter(None, (stage.activity.spec["note"], rules_of(stage.activity))))

    def opening(self, stage: Stage) -> Post:
        """What is wanted, and how to hand it in."""
        activity = stage.activity
        rows = (f"✍️ 征稿：{activity.title}", activity.spec["note"], terms_of(stage), rules_of(activity), HOW_TO)
        return Post("\n".join(filter(None, rows)))

    def reminder(self, stage: Stage) -> Post | None:
        """How many have handed something in."""
        return Post(f"✍️ 征稿“{stage.activity.title}”快截止了，已有 {stage.activity.entries} 人投稿。{HOW_TO}")

    def settle(self, stage: Stage) -> Settlement | Step:
        """What was taken. While works wait to be reviewed it is too early, for some days."""
        store, where, activity = stage.stores.submissions, stage.community.keys, stage.activity
        if activity.state == "settled":
            return Settlement(activity.result)
        waiting = sum(one.activity == activity.number for one in store.waiting(where, 200))
        if waiting and activity.ended and stage.now < activity.ended + PATIENCE:
            said = Post(f"✍️ 征稿“{activity.title}”截止了，{activity.entries} 人投稿，还有 {waiting} 篇在审，审完公布结果。")
            return Step(live={"waits": True}, until=stage.now + AGAIN, post=None if activity.live else said)
        best = store.best(where, activity.number, LISTED)
        result = {"best": [one.number for one in best], "total": store.count_shown(where, activity.number)}
        return Settlement(result, self._told(stage, result))

    def standing(self, stage: Stage, member: int) -> Post:
        """What was taken so far, and one's own works."""
        activity, store = stage.activity, stage.stores.submissions
        found = store.best(stage.community.keys, activity.number, LISTED)
        best = quoted(stage.stores, found)
        own = [one for one in store.of_member(stage.community.keys, member, 50) if one.activity == activity.number] if member else []
        mine = f"你投了 {len(own)} 篇，说“我的投稿”看进度。" if own else ""
        reviewed = "还有稿子在审，审完公布结果。" if activity.state == "closed" and activity.live else ""
        rows = (activity.spec["note"], rules_of(activity), *best, mine, reviewed, HOW_TO if activity.is_open else "")
        return Post("\n".join(filter(None, rows)), about=authors_of(found))

    def results(self, stage: Stage) -> Post:
        """The works that were taken."""
        total = stage.stores.submissions.count_shown(stage.community.keys, stage.activity.number)
        return self._told(stage, stage.activity.result or {"total": total})

    def _told(self, stage: Stage, result: Mapping[str, Any]) -> Post:
        activity, store, where = stage.activity, stage.stores.submissions, stage.community.keys
        found = store.many(where, result["best"]) if "best" in result else store.best(where, activity.number, LISTED)
        works = [one for one in found if one.is_shown]
        state = "到现在为止" if activity.is_open else "截止了"
        lines = [f"✍️ 征稿“{activity.title}”{state}：{activity.entries} 人投稿，通过 {result['total']} 篇。"]
        rows = zip(works, quoted(stage.stores, works), strict=True)
        lines += [f"{'✨' if one.state == 'featured' else '•'} {row}" for one, row in rows]
        return Post("\n".join(lines), about=authors_of(works))


HOW_TO = "@我或私聊我说“投稿 你写的内容”，图片可以一起发；“我的投稿”看进度。"


def rules_of(activity: Activity) -> str:
    """The rules in words."""
    prize = f"，通过就得 {activity.spec['prize']} 积分" if activity.spec["prize"] else ""
    return f"每人最多 {activity.spec['each']} 篇，审核后发布{prize}，好的评为精华。"
