"""What the demo's community has behind it, and what is said when the curtain rises.

The history is a sheet as any community may bring it along (``run.py members import``); everything else is said through the real doors.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

MAIN, ADMINS = "wrDEMOmain", "wrDEMOadmin"
BOSS = "boss"

NAMES = (
    "李雷", "韩梅梅", "王小明", "张伟", "刘洋", "陈静", "杨帆", "赵敏", "黄磊", "周婷", "吴迪", "徐丽", "孙浩", "马超", "朱琳",
    "胡杰", "郭芳", "何鑫", "高远", "林悦", "罗刚", "郑爽朗", "梁晨", "谢宁", "宋佳音", "唐果", "许诺", "韩冬", "冯唐诗", "邓小雨",
)  # fmt: skip
NEWCOMERS = {"fresh01": "安然", "fresh02": "沈浩天", "fresh03": "顾小北", "fresh04": "叶知秋"}
"""They join while the visitor looks on, and are welcomed together."""


# Before ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Past:
    """A member's past: points he earned and spent; an earlier run of check-ins and, after a day without, the one up to ``ago`` days ago."""

    earned: int
    spent: int
    earlier: int
    streak: int
    ago: int = 1


_PASTS = (
    Past(648, 180, 40, 20), Past(236, 60, 9, 4), Past(190, 20, 4, 6), Past(96, 0, 8, 2, 5), Past(180, 80, 12, 3), Past(44, 0, 3, 1, 9),
    Past(560, 240, 0, 29), Past(310, 100, 20, 8), Past(28, 0, 2, 1, 12), Past(152, 30, 6, 2), Past(405, 0, 25, 5), Past(48, 0, 3, 2),
    Past(122, 80, 10, 1, 3), Past(210, 90, 14, 6, 2), Past(83, 0, 6, 3), Past(268, 120, 18, 9), Past(141, 0, 8, 12), Past(37, 0, 2, 4),
    Past(520, 300, 36, 13), Past(74, 0, 5, 1), Past(166, 50, 11, 2, 6), Past(231, 0, 13, 10), Past(388, 160, 24, 7, 2), Past(292, 40, 17, 5),
    Past(345, 90, 21, 6), Past(460, 50, 28, 14), Past(257, 60, 15, 3), Past(612, 420, 42, 16), Past(175, 30, 10, 8), Past(59, 0, 4, 2),
)  # fmt: skip
_BADGES = {1: "社群之光", 19: "活跃之星"}
_TAGS = {1: "读书会、老客户", 3: "读书会", 7: "老客户", 12: "新手", 19: "活动组织者", 26: "老客户", 28: "读书会、老客户"}


def history(today: date) -> str:
    """The members as a CSV file: points, check-ins up to yesterday, make-up cards, badges, tags."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("成员 ID", "名字", "积分", "累计获得", "签到日", "补签卡", "勋章", "标签", "入群时间"))
    for n, (name, past) in enumerate(zip(NAMES, _PASTS, strict=True), 1):
        joined = today - timedelta(days=past.earlier + past.streak + past.ago + 7 * (n % 5) + 3)
        balance = past.earned - past.spent
        days = "、".join(_runs(past, today))
        cards = 1 + n % 2
        rows.writerow((user_of(n), name, balance, past.earned, days, cards, _BADGES.get(n, ""), _TAGS.get(n, ""), joined.isoformat()))
    return out.getvalue()


def user_of(number: int) -> str:
    """The user id of the n-th of the thirty, from 1 on."""
    return f"user{number:02d}"


def _runs(past: Past, today: date) -> Iterator[str]:
    last = today - timedelta(days=past.ago)
    first = last - timedelta(days=past.streak - 1)
    if past.earlier:
        yield _run(first - timedelta(days=past.earlier + 1), first - timedelta(days=2))
    yield _run(first, last)


def _run(first: date, last: date) -> str:
    return f"{first.isoformat()}~{last.isoformat()}"


# The curtain rises ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody says: in a group, or alone with the bot (``chat`` empty). ``once``: only when the demo begins for the first time."""

    user: str
    text: str
    chat: str = MAIN
    once: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody comes into the main group."""

    user: str
    name: str


CODES = ("KFQ7-M2XD-81", "KFT3-9ZLP-26", "KFB5-W4RN-73", "KFH8-C6VJ-59", "KFY2-N7SA-34", "KFE9-P3UG-67", "KFM4-T8QK-15", "KFX6-D5HB-92")


def opening() -> tuple[Line | Entry, ...]:
    """Everything that happens at the start, in order; the last line is of the thirtieth member."""
    return (*_arrivals(), *_shelves(), *_morning(), *_challenge(), *_shopping(), *_office(), *_evening())


def _arrivals() -> Iterator[Entry]:
    for user, name in NEWCOMERS.items():
        yield Entry(user, name)


def _shelves() -> Iterator[Line]:
    for text in ("商城 补货 群贴纸一套 50", "商城 补货 纪念 T 恤 10", "商城 加码 咖啡兑换码\n" + "\n".join(CODES)):
        yield Line(BOSS, text, ADMINS, once=True)


def _morning() -> Iterator[Line]:
    said = {
        1: "签到", 2: "怎么退款", 3: "签到", 6: "发票怎么开", 7: "签到", 5: "我的积分", 10: "签到", 13: "积分怎么用", 12: "签到",
        9: "什么时候发货", 19: "怎么联系人工", 18: "签到", 21: "今天天气真不错", 22: "签到",
    }  # fmt: skip
    for n, text in said.items():
        yield Line(user_of(n), text)
    yield Line(user_of(2), "谢谢 @李雷 教我怎么退款")
    yield Line(user_of(15), "谢谢 @吴迪 分享的书单")
    yield Line(BOSS, "精华 @吴迪 整理了十二月的共读书单", once=True)


def _challenge() -> Iterator[Line]:
    for n in (16, 17, 20, 26, 28):
        yield Line(user_of(n), "参加挑战 早起打卡", once=True)
        yield Line(user_of(n), "打卡")
    yield Line(user_of(11), "参加挑战 读书笔记", once=True)
    yield Line(user_of(11), "打卡 今天读到第三章，最大的收获是慢慢来")
    yield Line(user_of(16), "打卡进度")


def _shopping() -> Iterator[Line]:
    yield Line(user_of(24), "商城")
    yield Line(user_of(24), "兑换 咖啡兑换码", once=True)
    for n, item in ((25, "群贴纸一套"), (26, "纪念 T 恤")):
        yield Line(user_of(n), f"兑换 {item}", once=True)
        yield Line(user_of(n), "1", once=True)
    yield Line(user_of(27), "转赠 @李雷 20", once=True)


def _office() -> Iterator[Line]:
    for text in ("标签 @李雷 加 活动组织者", "授勋 @何鑫 社群之光", "订单 2 完成 顺丰 SF10248", "人工 想办一场线下读书会，可以吗？"):
        who, chat = (user_of(29), MAIN) if text.startswith("人工") else (BOSS, ADMINS)
        yield Line(who, text, chat, once=True)
    for text in ("订单", "商城 盘点", "挑战名单 1", "成员 @李雷", "标签 列表", "流程 列表", "数据"):
        yield Line(BOSS, text, ADMINS)


def _evening() -> Iterator[Line]:
    fresh = next(iter(NEWCOMERS))
    for text in ("新人任务", "能做到", "我在杭州做设计，喜欢读小说"):
        yield Line(fresh, text, "", once=True)
    said = {23: "等级", 28: "勋章", 12: "任务", 27: "签到日历", 1: "海报", 7: "排行榜", 30: "签到"}
    for n, text in said.items():
        yield Line(user_of(n), text)
