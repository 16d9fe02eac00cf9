"""What leads where: the pages of the menu by group, with who sees them, their key, and the words they are found by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import current_app, url_for

from bot.permissions import Role, may
from console.parts import Visitor


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu.

    ``key`` goes there after ``g`` ('' none). ``inside`` are beginnings of the endpoints that belong to it besides its own; ``subs`` stand below it
    while one of them is open. ``words`` are what else people call it. ``is_for_all``: it is about all communities, and its role is needed in all.
    ``name`` tells pages of one endpoint from each other: those of extensions.
    """

    title: str
    endpoint: str
    role: Role = "viewer"
    key: str = ""
    inside: tuple[str, ...] = ()
    subs: tuple[Entry, ...] = ()
    words: str = ""
    is_for_all: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as one visitor sees it: where it leads, whether it is open now, and the entries below it."""

    title: str
    href: str
    key: str = ""
    is_open: bool = False
    subs: tuple[Shown, ...] = ()


GROUPS: Mapping[str, tuple[Entry, ...]] = {
    "": (
        Entry("总览", "overview", key="z", words="首页 概况 健康 待处理"),
        Entry("指标", "numbers", key="x", words="数据 活跃 留存 趋势 热力图"),
        Entry("报表", "reports", key="b", words="日报 周报 月报 数据", inside=("report",)),
    ),
    "成员": (
        Entry("成员", "members", key="c", words="用户 会员 资料 标签 勋章", inside=("member",)),
        Entry("群体", "segments", key="u", words="分群 人群 筛选 segment 条件", inside=("segment",)),
        Entry("积分与榜", "points", key="f", words="排行榜 积分"),
        Entry("邀请", "invitations", key="q", words="裂变 拉新", inside=("invit",)),
        Entry("工单", "tickets", "moderator", key="g", words="人工 客服", inside=("ticket",)),
    ),
    "内容": (
        Entry(
            "问答", "faq", key="w", words="知识库 FAQ", inside=("faq",),
            subs=(
                Entry("试一试", "faq_try", words="测试问答"),
                Entry("未答", "faq_unanswered", key="d", words="没答上 未命中"),
                Entry("历史", "faq_history", words="问答历史 撤销"),
                Entry("导入导出", "faq_files", "operator", words="问答文件 Excel YAML", inside=("faq_import",)),
            ),
        ),
        Entry("日历", "calendar", key="r", words="推送 定时 排期 内容日历 未来 批准 群发", inside=("calendar", "mailing", "push")),
        Entry("实验", "experiments", key="v", words="A/B AB 对照 说法 推广 样本", inside=("experiment",)),
        Entry("流程", "flows", key="l", words="SOP 新人 引导", inside=("flow",), subs=(Entry("挑战", "challenges", words="打卡挑战", inside=("challenge",)),)),
        Entry(
            "活动", "activities", key="h", words="投票 抽奖 答题 接龙 问卷 话题", inside=("activit",),
            subs=(
                Entry("审稿", "submissions", "moderator", words="投稿 树洞 审核", inside=("submission",)),
                Entry("精华", "submissions_featured", words="投稿 精选"),
            ),
        ),
        Entry(
            "商城", "shop", key="s", words="兑换 商品 库存", inside=("shop",),
            subs=(Entry("订单", "orders", key="o", words="发货 兑换", inside=("order",)),),
        ),
    ),
    "治理": (
        Entry("案件与申诉", "cases", "moderator", key="a", words="违规 举报 警告 复核", inside=("case",)),
        Entry("词库", "words", key="k", words="敏感词 白名单", inside=("words",)),
    ),
    "管理": (
        Entry("社群", "groups", "admin", key="n", words="群 chatid 没有登记 Webhook", inside=("group",)),
        Entry("设置", "settings", "operator", key="e", words="规则 角色 暂停 危机 配置 积分规则 等级 欢迎语 值班", inside=("setting", "rules")),
        Entry("审计", "audit", "admin", key="j", words="日志 谁改了 记录"),
        Entry("接口令牌", "tokens", "admin", words="API token", inside=("token",)),
        Entry("运行", "running", "admin", key="y", words="队列 死信 重发 进程 Redis 监控", inside=("running",), is_for_all=True),
    ),
}  # fmt: skip
"""The menu: groups by their heading ('' stands first, without one)."""

ACTS: tuple[Entry, ...] = (
    Entry("新增问答", "faq_edit", "operator", words="添加 FAQ"),
    Entry("发起活动", "activity_kinds", "operator", words="投票 抽奖 答题 接龙 问卷 新建"),
    Entry("添加敏感词", "words_new", "operator", words="词库 新增"),
    Entry("试一句话会不会被提醒", "words_try", words="词库 试一试 检查"),
    Entry("案件报表", "cases_report", "moderator", words="误判 规则"),
    Entry("申诉", "cases_appeals", "moderator", words="复核"),
    Entry("账号与登录", "account", words="密码 验证码 退出 会话"),
)
"""What is looked for besides the pages of the menu."""


class Menu:
    """The menu as a visitor sees it in one community; ``here`` is the endpoint that is open, without the blueprint's name.

    ``name`` is the extension whose page it is, ``more`` are the pages of extensions. Where all communities are shown (``is_everywhere``)
    it has the pages that belong to none of them.
    """

    def __init__(
        self, visitor: Visitor, place: str, here: str, *, name: str = "", is_everywhere: bool = False, more: Sequence[Entry] = ()
    ) -> None:
        self._groups = {**GROUPS, **({"扩展": tuple(more)} if more else {})}
        self._name = name
        self._visitor = visitor
        self._place = place
        self._here = here
        self._is_everywhere = is_everywhere

    @cached_property
    def groups(self) -> dict[str, list[Shown]]:
        """The pages of the menu by group, without those that do not exist or are not for him."""
        shown = {title: [self._show(entry) for entry in entries if self._sees(entry)] for title, entries in self._groups.items()}
        return {title: entries for title, entries in shown.items() if entries}

    def found(self, fits: Callable[[str], bool]) -> list[Shown]:
        """The pages and acts whose title or other words fit."""
        return [self._show(entry) for entry in self._all() if self._sees(entry) and (fits(entry.title) or fits(entry.words))]

    def opens(self, endpoint: str) -> bool:
        """Whether a page is there and, as far as the menu knows, for him; what it does not list is for everybody who may see the community."""
        return self._sees(next((entry for entry in self._all() if entry.endpoint == endpoint), Entry("", endpoint)))

    def _sees(self, entry: Entry) -> bool:
        if f"console.{entry.endpoint}" not in current_app.view_functions:
            return False
        if self._is_everywhere and not entry.is_for_all:
            return False
        return may(self._visitor.everywhere, entry.role) if entry.is_for_all else self._visitor.may(self._place, entry.role)

    def _show(self, entry: Entry) -> Shown:
        subs = [sub for sub in entry.subs if self._sees(sub)]
        is_inside, is_below = self._is_inside(entry), any(self._is_inside(sub) for sub in subs)
        below = tuple(self._show(sub) for sub in subs) if is_inside or is_below else ()
        return Shown(entry.title, self._href(entry), entry.key, is_inside and not is_below, below)

    def _is_inside(self, entry: Entry) -> bool:
        return (self._here == entry.endpoint and self._name == entry.name) or self._here.startswith(entry.inside)

    def _href(self, entry: Entry) -> str:
        rule = next(current_app.url_map.iter_rules(f"console.{entry.endpoint}"))
        arguments: dict[str, Any] = {"place": self._place} if "place" in rule.arguments else {}
        arguments |= {"name": entry.name} if entry.name else {}
        return url_for(f"console.{entry.endpoint}", **arguments)

    def _all(self) -> Iterator[Entry]:
        for entries in self._groups.values():
            for entry in entries:
                yield entry
                yield from entry.subs
        yield from ACTS
