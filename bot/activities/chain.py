"""接龙: a list to which everybody adds himself with a line, as people know it from their groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.activities.form import Form
from bot.activities.kind import ActivityKind, Post, Settlement, Stage
from bot.activities.words import short, terms_of
from bot.drawing import drawn
from bot.errors import UserError
from bot.live import Contents
from bot.members import all_called, plain
from bot.pictures.roll import MOST_SHOWN
from rules.activities import Activity, KindId
from rules.activity_words import Request
from storage.activities import Kept

LONGEST_LINE = 60
"""Characters of what somebody writes into the list."""
LONGEST_NOTE = 500
NEWEST = 10
"""Rows of a long list that an answer shows."""
MOST_TOLD = 100
"""Rows that the final list shows in the group."""


class ChainKind(ActivityKind):
    """What the desk asks about a list."""

    id: KindId = "chain"
    form = Form("周六爬山", sample="早上 8 点南门集合")

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        return request.title, {"note": "\n".join(request.lines)}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The list's own words, '' for none."""
        note = "\n".join(line.strip() for line in str(spec.get("note", "")).splitlines() if line.strip())
        if len(note) > LONGEST_NOTE:
            raise UserError(f"说明太长了，最多 {LONGEST_NOTE} 个字。例如：发起接龙 周六爬山 | 早上 8 点南门集合 | 上限 20")
        return {"note": note}

    def preview(self, stage: Stage) -> str:
        """Its title and words."""
        return "\n".join(filter(None, (f"📝 接龙：{stage.activity.title}", stage.activity.spec.get("note", ""))))

    def opening(self, stage: Stage) -> Post:
        """The head of the list, and how to join."""
        return Post("\n".join(filter(None, (self.preview(stage), terms_of(stage), how_to(stage.activity)))))

    def reminder(self, stage: Stage) -> Post | None:
        """How many have joined already."""
        return Post(f"📝 接龙“{stage.activity.title}”快截止了，{_size(stage.activity)}。{how_to(stage.activity)}")

    def settle(self, stage: Stage) -> Settlement:
        """How many joined; the list itself is read where it is shown, so that it goes with its people."""
        return Settlement({"entries": stage.activity.entries}, self.results(stage))

    def standing(self, stage: Stage, member: int) -> Post:
        """The list's last rows, and one's own line."""
        kept = stage.stores.activities.entry_of(stage.community.keys, stage.activity.number, member) if member else None
        own = f"你写的是：{kept.value}" if kept else how_to(stage.activity) if stage.activity.is_open else ""
        rows, about = rows_of(stage, NEWEST)
        return Post("\n".join(filter(None, (stage.activity.spec.get("note", ""), rows, own))), about=about)

    def results(self, stage: Stage) -> Post:
        """The list, and as a picture its last rows."""
        activity = stage.activity
        said, about = rows_of(stage, MOST_TOLD)
        return Post(f"📝 接龙“{activity.title}”{_size(activity)}：\n{said}", image=_picture(stage), about=about)


def rows_of(stage: Stage, most: int, *, last: int = 0) -> tuple[str, tuple[int, ...]]:
    """The last rows of the list, ``most`` of them at most, numbered as in the whole list, and whom they name; two or three round trips.

    With ``last`` those up to that row.
    """
    end = last or stage.activity.entries
    start = max(0, end - most)
    kept = stage.stores.activities.entries(stage.community.keys, stage.activity.number, start=start, count=end - start) if end else []
    if not kept:
        return "还没有人接龙，等你第一个。", ()
    cut = [f"……（前面 {start} 人）"] if start else []
    members = _members(kept)
    names = all_called(stage.stores, members)
    rows = [f"{n}. {names[one.member]} {plain(one.value)}".rstrip() for n, one in enumerate(kept, start + 1)]
    return "\n".join([*cut, *rows]), members


def how_to(activity: Activity) -> str:
    """How to join, in words that are clear whatever else is running."""
    return f"@我说“接龙 {activity.number}号 你要写的话”就排上了，例如：接龙 {activity.number}号 我和孩子两人"


def _size(activity: Activity) -> str:
    return f"共 {activity.entries} 人" + (f"（上限 {activity.most}）" if activity.most else "")


def _picture(stage: Stage) -> str:
    activity = stage.activity
    start = max(0, activity.entries - MOST_SHOWN)
    kept = stage.stores.activities.entries(stage.community.keys, activity.number, start=start, count=MOST_SHOWN)
    names = all_called(stage.stores, _members(kept))
    facts = {
        "title": short(activity.title, 60), "community": short(stage.community.name, 40), "size": activity.entries, "most": activity.most,
        "rows": [[n, short(names[one.member], 12), short(one.value, 16)] for n, one in enumerate(kept, start + 1)],
    }  # fmt: skip
    return drawn("roll", facts, about=_members(kept))


def _members(kept: Iterable[Kept]) -> tuple[int, ...]:
    return tuple(one.member for one in kept)
