"""规则: the operators' files behind points, levels, badges, challenges, shop and flows – read, checked with every problem, and published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from console.asked import once_of
from console.doors import needs
from console.parts import Parts, visitor
from handlers.contents import check, publish, undo
from rules.contents import (
    BADGES,
    CHALLENGES,
    CONTRIBUTIONS,
    FLOWS,
    HEALTH,
    INVITATIONS,
    LEVELS,
    MODERATION,
    POINTS,
    PUSHING,
    QUIZZES,
    REPORTS,
    SHOP,
    SURVEYS,
    SYNONYMS,
    WORKDAYS,
    Kind,
    text_of,
    text_of_one,
)

OPERATOR: Role = "operator"
KINDS: Mapping[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        POINTS,
        LEVELS,
        BADGES,
        CHALLENGES,
        SHOP,
        FLOWS,
        QUIZZES,
        SURVEYS,
        CONTRIBUTIONS,
        INVITATIONS,
        SYNONYMS,
        MODERATION,
        REPORTS,
        HEALTH,
        PUSHING,
        WORKDAYS,
    )
}
"""What may be edited here, by its name in addresses."""
HINTS: Mapping[str, str] = {
    "points": "签到得多少分、为什么给分、每天上限、几个月到期、转赠和补签。",
    "levels": "每个等级从多少累计积分开始，有什么权益。第一个等级从 0 开始。",
    "badges": "勋章怎么得：计数到了自动得，月度前几名，或者由管理员授予。",
    "challenges": "打卡挑战：多少天、要什么证明、得多少分。",
    "shop": "商品、价格和限制。库存和兑换码不写在这里，在商城页加。",
    "flows": "一步一步带新人。已经在里面的人走完他开始时的那一版。",
    "quizzes": "答题竞赛的题目，一道一条，同一个 bank 是一个题库。正在进行的答题不受修改影响。",
    "surveys": "问卷的题目，一份一条。已经发起的问卷不受修改影响。",
    "invitations": "邀请来的人要留几天才算数，得多少分，满几位另有什么，短时间内太多要不要先看一下。",
    "moderation": "判得多严、哪些社群不一样、几条算刷屏、提醒的分寸和用词。",
    "synonyms": "意思相同的说法，问答按它认出换了词的问题。改了以后问答的索引会重做；可以先在“问答 测试”里试。",
    "health": "每个指标从多少起变黄、变红；哪些社群不一样。",
    "pushing": "安静时段、每人最多几条、多少人以上要别人批准、要输人数，和固定栏目的颜色。",
    "reports": "日报、周报、月报什么时候自动发到管理群，哪一种不发。",
    "workdays": "放假和调休上班的日子。已公布的年份程序自带，这里写还没公布的和社群自己的；推送、日历和指标都按它算。",
    "contributions": "投稿通过和精华各算几分 KOC 分，作者等级（基础到孵化）要多少篇。",
}
LONGEST = 200_000
"""Characters of a file."""


class RulePages:
    """The pages of 规则."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/rules/<kind>", "rules", guard(self.show))
        pages.add_url_rule("/in/<place>/rules/<kind>/save", "rules_save", guard(self.save), methods=["POST"])
        pages.add_url_rule("/in/<place>/rules/<kind>/undo", "rules_undo", guard(self.undo), methods=["POST"])

    def show(self, community: Community, kind: str) -> str:
        """The file in force, or one of its items."""
        found = self._shared(community, kind)
        version, items = self._parts.stores.content.snapshot(found.name)
        return self._page(found, self._text(found, items, request.args.get("id", "")[:64]), version)

    def save(self, community: Community, kind: str) -> Any:
        """Puts a file in force, or only says what is wrong with it and how much it would change."""
        found, text = self._shared(community, kind), request.form.get("text", "").replace("\r\n", "\n")
        digits = request.form.get("expect", "")
        version = int(digits) if digits.isdecimal() and len(digits) < 12 else 0
        stores, actor = self._parts.stores, visitor().actor(community.id)
        try:
            if len(text) > LONGEST:
                raise UserError(f"一次最多 {LONGEST} 个字，更大的请用命令行：python run.py content import {found.name} 文件")
            if request.form.get("act") == "check":
                return self._page(found, text, version, changes=check(stores, found, text))
            # The version that it was made from keeps a second click, or an older page, from changing anything.
            done = publish(stores, found, text, actor.id, self._parts.clock(), note="控制台", expect=version)
        except UserError as problem:
            return self._page(found, text, version, problems=str(problem).splitlines()), 400
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        said = "published" if done != version else "unchanged"
        return redirect(
            url_for("console.rules", place=community.id, kind=found.name, id=request.form.get("id") or None, said=said, version=done), 303
        )

    def undo(self, community: Community, kind: str) -> Any:
        """Takes back what one version changed, as a new version."""
        found, digits, once = self._shared(community, kind), request.form.get("version", ""), once_of()
        number = int(digits) if digits.isdecimal() and len(digits) < 12 else 0
        stores, actor = self._parts.stores, visitor().actor(community.id)
        try:
            undo(stores, found, number, actor, self._parts.clock(), once=once)
        except UserError as problem:
            version, items = stores.content.snapshot(found.name)
            return self._page(found, self._text(found, items, ""), version, problems=str(problem).splitlines()), 409
        self._parts.live.refresh()
        return redirect(url_for("console.rules", place=community.id, kind=found.name, said="undone"), 303)

    def _page(
        self, kind: Kind[Any], text: str, version: int, *, problems: list[str] | None = None, changes: int | None = None
    ) -> str:  # fmt: skip
        one = (request.form.get("id") or request.args.get("id", ""))[:64]
        return render_template(
            "rules.html", kind=kind, text=text, version=version, problems=problems or [], changes=changes, kinds=KINDS, hint=HINTS[kind.name],
            one=one, lines=min(max(text.count("\n") + 2, 12), 40),
        )  # fmt: skip

    def _text(self, kind: Kind[Any], items: Mapping[str, str], id: str) -> str:
        if not id:
            return text_of(kind, items) if items else ""
        return text_of_one(kind, items[id]) if kind.in_folder and id in items else abort(404)

    def _shared(self, community: Community, kind: str) -> Kind[Any]:
        """The kind of a file that all communities have, for who may change it for all of them."""
        found = KINDS.get(kind) or abort(404)
        if not self._parts.office(community).may_share:
            abort(403, "规则是所有社群共用的，要在所有社群都是运营才能看和改。")
        return found
