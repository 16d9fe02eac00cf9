"""树洞: a box for words without a name. They are reviewed first, then shown under a number; who said them, nobody can look up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Post, Settlement, Stage
from bot.activities.words import terms_of
from bot.activities.written import note_of, number_of, quoted
from bot.errors import UserError
from bot.live import Contents
from rules.activities import Activity, KindId
from rules.activity_words import Request

EXAMPLE = "发起树洞 深夜树洞 | 说说心里话 | 每天 3"
A_DAY = 3
"""What one member may say a day, where nothing else is said."""


class BoxKind(ActivityKind):
    """What the desk asks about a tree hole."""

    id: KindId = "box"
    form = Form(
        "深夜树洞", sample="说说心里话", fields=(Field("每天", "每人每天最多说几条，例如：3"),), never=("花费", "奖励积分", "上限", "名额")
    )

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        if refused := next((name for name in self.form.never if request.has(name)), ""):
            raise UserError(f"树洞不能设“{refused}”：花了、得了积分的人，别人就看得出他说过话。例如：{EXAMPLE}")
        a_day = request.one("每天") or request.one("每人")
        return request.title, {"note": "\n".join(request.lines), **({"a_day": a_day} if a_day else {})}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its words, and how often a member may say something a day."""
        return {"note": note_of(spec, EXAMPLE), "a_day": number_of(spec, "a_day", "每天", A_DAY, 1, 20, EXAMPLE)}

    def preview(self, stage: Stage) -> str:
        """Its words and rules."""
        return "\n".join(filter(None, (stage.activity.spec["note"], rules_of(stage.activity))))

    def opening(self, stage: Stage) -> Post:
        """What it is for, and how to use it."""
        activity = stage.activity
        return Post(
            "\n".join(filter(None, (f"🌳 树洞：{activity.title}", activity.spec["note"], terms_of(stage), rules_of(activity), HOW_TO)))
        )

    def reminder(self, stage: Stage) -> Post | None:
        """That it closes."""
        return Post(f"🌳 “{stage.activity.title}”快关上了。{HOW_TO}")

    def settle(self, stage: Stage) -> Settlement:
        """How many voices were heard."""
        total = stage.stores.submissions.count_shown(stage.community.keys, stage.activity.number)
        return Settlement(
            {"total": total},
            Post(f"🌳 “{stage.activity.title}”关上了，一共说出了 {total} 条心里话。谢谢每一个开口的人，也谢谢每一个听的人。"),
        )

    def standing(self, stage: Stage, member: int) -> str:
        """The newest voices."""
        voices = stage.stores.submissions.newest(stage.community.keys, stage.activity.number, 30)
        heard = [f"🌳 {row}" for row in quoted(stage.stores, [one for one in voices if one.is_shown][:5])]
        return "\n".join(filter(None, (stage.activity.spec["note"], *heard, HOW_TO if stage.activity.is_open else "")))

    def results(self, stage: Stage) -> Post:
        """The same."""
        total = stage.stores.submissions.count_shown(stage.community.keys, stage.activity.number)
        return Post(f"🌳 “{stage.activity.title}”里有 {total} 条心里话。\n{self.standing(stage, 0)}".strip())


HOW_TO = "私聊我说“树洞 想说的话”，审核后匿名发出来；想回应就私聊我：树洞 回复 编号 你的话。"


def rules_of(activity: Activity) -> str:
    """The rules in words."""
    return f"不记名，每人每天 {activity.spec['a_day']} 条，先审后发。"
