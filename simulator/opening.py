"""What the demo's community has behind it, and what is said when the curtain rises.

The history is a sheet as any community may bring it along (``run.py members import``); everything else is said through the real doors.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

MAIN, ADMINS = "wrDEMOmain", "wrDEMOadmin"
STARTERS, PHOTOS = "wrDEMOstart", "wrDEMOphoto"
"""The groups of two more communities, which the console shows: one that is not well, one that is young."""
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
    """One thing that somebody says: in a group, or alone with the bot (``chat`` empty). ``once``: only when the demo begins for the first time.

    ``reads`` finds what stands for ``{}`` in the text in what the bot said last.
    """

    user: str
    text: str
    chat: str = MAIN
    once: bool = False
    reads: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody comes into the main group."""

    user: str
    name: str


CODES = ("KFQ7-M2XD-81", "KFT3-9ZLP-26", "KFB5-W4RN-73", "KFH8-C6VJ-59", "KFY2-N7SA-34", "KFE9-P3UG-67", "KFM4-T8QK-15", "KFX6-D5HB-92")


def opening() -> tuple[Line | Entry, ...]:
    """Everything that happens at the start, in order; the last line is of the thirtieth member."""
    return (
        *_arrivals(),
        *_shelves(),
        *_starters(),
        *_morning(),
        *_challenge(),
        *_shopping(),
        *_together(),
        *_words(),
        *_friends(),
        *_peace(),
        *_office(),
        *_evening(),
    )


def _arrivals() -> Iterator[Entry]:
    for user, name in NEWCOMERS.items():
        yield Entry(user, name)


def _shelves() -> Iterator[Line]:
    for text in ("商城 补货 群贴纸一套 50", "商城 补货 纪念 T 恤 10", "商城 加码 咖啡兑换码\n" + "\n".join(CODES)):
        yield Line(BOSS, text, ADMINS, once=True)


def _starters() -> Iterator[Line]:
    """People who wait for an answer, where people wait too long."""
    for n, text in {
        16: "人工 新手礼包一直没有收到",
        17: "人工 说好今天开课，怎么没有人通知",
        20: "人工 问了两次都没人理，怎么退出课程",
    }.items():
        yield Line(user_of(n), text, STARTERS, once=True)


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


def _begin(words: str) -> Iterator[Line]:
    """An activity, begun at once."""
    for text in (words, "1"):
        yield Line(BOSS, text, ADMINS, once=True)


def _all_say(said: Mapping[int, str], chat: str = MAIN) -> Iterator[Line]:
    for n, text in said.items():
        yield Line(user_of(n), text, chat, once=True)


def _end(number: int) -> Line:
    return Line(BOSS, f"活动 截止 {number}", ADMINS, once=True)


_RIGHT = ("欢迎他", "几条短句", "先私下", "说清楚", "自己或别人的身份证", "不给", "查一查")
"""How the right answers of the quiz begin, in whatever order they are offered."""


_LONELY = "换了城市以后，周末总不知道找谁吃饭"


def right_letter(question: str) -> str:
    """The letter of the right answer to a question whose choices stand a line each (``A. …``)."""
    return next((letter for letter, text in _choices(question) if text.startswith(_RIGHT)), "A")


def wrong_letter(question: str) -> str:
    """The letter of an answer that is wrong."""
    return next((letter for letter, text in _choices(question) if not text.startswith(_RIGHT)), "A")


def number_in_box(waiting: str) -> str:
    """The number of the words from the tree hole that are to be shown, out of the list of what waits: it is drawn anew each time."""
    return "".join(re.findall(rf"^(\d+)\S? ?树洞.*{_LONELY}", waiting, re.MULTILINE))


def _choices(question: str) -> list[tuple[str, str]]:
    return re.findall(r"^([A-H])\. (.+)$", question, re.MULTILINE)


def _together() -> Iterator[Line]:
    """Things to do together: each kind once, numbered as they begin."""
    yield from _begin("发起投票 下个月一起读哪本书 | 小王子 | 活着 | 城南旧事 | 截止 3天后")  # 1
    yield from _all_say({n: f"投票 {1 + (n * n) % 3}" for n in range(1, 16)})
    yield _end(1)
    yield from _begin("发起投票 周末线下聚会去哪儿 | 湖边徒步 | 桌游咖啡馆 | 城市骑行 | 美术馆 | 多选 2 | 截止 2天后")  # 2
    yield from _all_say({n: f"投票 {1 + n % 2} {3 + n % 2}" for n in range(2, 11)})
    yield from _begin("发起接龙 周六湖边徒步报名 | 早上 8 点地铁口集合，自带水 | 上限 20 | 截止 2天后")  # 3
    yield from _all_say({4: "接龙 我和孩子两人", 9: "接龙 +1", 14: "接龙 郑州过来，直接到集合点", 20: "接龙 带一把吉他", 23: "接龙 +1"})
    yield from _begin("发起抽奖 新朋友见面礼 | 奖品 群贴纸 2 | 奖品 积分20 3 | 截止 2天后")  # 4
    yield from _all_say(dict.fromkeys((3, 6, 8, 11, 13, 17, 21, 24, 27, 29), "抽奖"))
    yield _end(4)
    yield from _begin("发起抽奖 周末咖啡抽奖 | 奖品 咖啡券 3 | 奖品 积分50 5 | 花费 5 | 截止 2天后")  # 5
    yield from _all_say(dict.fromkeys((1, 5, 7, 12, 16, 19, 26), "抽奖"))
    yield from _begin("发起答题 社群常识 | 题数 3 | 个人 | 队伍 红队 蓝队 | 奖励 30 20 10 | 截止 2天后")  # 6
    for n, right in {2: 2, 5: 3, 10: 1, 14: 3, 15: 2, 22: 0, 25: 1, 28: 2}.items():
        yield from _all_say({n: f"答题 {'红队' if n % 2 else '蓝队'}"})
        for at in range(3):
            yield Line(user_of(n), "答题 {}", once=True, reads=right_letter if at < right else wrong_letter)
    yield _end(6)


def _words() -> Iterator[Line]:
    """What members write: a topic, the tree hole, a survey, a call for works."""
    yield from _begin("发起话题 最近让你眼前一亮的一句话 | 书里、路上、朋友说的都行 | 奖励 30 | 截止 2天后")  # 7
    yield from _all_say({
        1: "话题 慢慢来，比较快。贴在显示器上一年了", 8: "话题 外婆说：饭要热着吃，话要凉着说", 18: "话题 不是路到了尽头，是该转弯了",
        26: "话题 地铁上看到的：先完成，再完美",
    })  # fmt: skip
    yield from _all_say({3: "赞 2", 5: "赞 2", 9: "赞 2", 11: "赞 1", 14: "赞 4", 28: "赞 4"})
    yield from _begin("发起树洞 深夜树洞 | 说说心里话，审核后匿名发出")  # 8
    yield from _all_say({12: f"树洞 {_LONELY}", 19: "树洞 今天终于把拖了三个月的方案交了，想有人夸夸我"}, "")
    yield Line(BOSS, "审稿", ADMINS, once=True)
    yield Line(BOSS, "审稿 {} 通过", ADMINS, once=True, reads=number_in_box)
    yield from _begin("发起问卷 nps | 截止 2天后")  # 9
    for n, (score, why) in {
        1: (10, "有人认真回答问题"), 4: (9, "活动很多"), 6: (8, "跳过"), 8: (10, "在这里认识了跑友"), 11: (9, "资料整理得好"), 13: (7, "消息有点多"),
        16: (10, "跳过"), 20: (6, "晚上太热闹了"), 21: (9, "跳过"), 24: (10, "管家回得快"), 29: (9, "氛围好"),
    }.items():  # fmt: skip
        yield from (Line(user_of(n), text, "", once=True) for text in ("问卷", str(score), why))
    yield from _begin("发起征稿 我和一本书 | 200 字以内，说说它怎么帮到你 | 奖励 20 | 截止 2天后")  # 10
    yield from _all_say({
        15: "投稿 《城南旧事》我读了三遍。第一遍看热闹，第二遍看离别，第三遍看见了自己的童年。",
        22: "投稿 一本讲复利的小书让我开始记账，一年下来存住了第一笔钱。",
    })  # fmt: skip
    yield Line(BOSS, "审稿 5 精华 写得真诚", ADMINS, once=True)


def _friends() -> Iterator[Line]:
    """A member asks for his code, and two of those who just came say who brought them."""
    yield Line(user_of(1), "邀请")
    for user in ("fresh02", "fresh03"):
        yield Line(user, "我是李雷邀请的", "", once=True)
    yield Line(user_of(1), "我的邀请", "")
    yield Line(user_of(5), "活动")


def _peace() -> Iterator[Line]:
    """What people should not say: one is warned in private and appeals, an advertisement and a report wait to be looked at."""
    yield Line(user_of(14), "你个王八蛋，给老子滚", once=True)
    yield Line(user_of(14), "申诉 我在跟室友开玩笑，发错群了", "", once=True)
    yield Line(user_of(24), "加我微信 ke_ke8899 领内部优惠券，兼职日结 300", once=True)
    yield Line(user_of(6), "举报 @许诺 一直在群里拉人去别的群", once=True)
    for text in ("案件", "案件 申诉", "治理"):
        yield Line(BOSS, text, ADMINS)


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
