"""One member who leaves something in every corner that the bot has, for what is proved of export, erasure and retention."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from string import Formatter
from typing import Any

import msgspec
import redis
from chat import ADMINS, FAR, MAIN, Chat

from bot.context import Context
from bot.message import Message, Replies
from bot.private import tell
from bot.router import Router
from bot.worker import recover_once
from handlers import discover
from handlers.contents import publish
from rules.contents import PUSHES
from rules.experiments import Plan
from rules.exposures import Exposed
from rules.judgement import Verdict
from rules.roster import Roster, Seat
from scheduler.clock import Agenda
from storage.customer_groups import KnownGroup, News
from storage.errands import Errand
from storage.keys import FAMILIES, Family
from storage.limits import Limits
from storage.moment import to_ms
from storage.openings import Opening

USER, NAME, MARK, QUESTION = "woLiLei-7f3a", "李雷雷", "蓝鲸", "量子纠缠的贝尔不等式是什么意思"


class Killed(BaseException):
    """What a kill looks like from within."""


def with_accidents() -> Router:
    """All features, and texts at which the process dies or the handler fails."""
    router = discover()

    @router.pattern(".*(崩溃|坏掉).*", name="accident")
    def accident(message: Message, ctx: Context) -> Replies:
        raise Killed if "崩溃" in message.text else ValueError

    return router


def lead_a_rich_life(chat: Chat) -> int:
    """Lets a member leave something in every corner that the bot has; gives his number."""
    chat.says("签到", user="hanmei")
    chat.says("你个王八蛋", user="hanmei")
    chat.says("签到", user=USER, name=NAME)
    chat.enters(user=USER)
    chat.says("发票", user=USER)  # leaves an open question
    chat.says(f"今天看到{MARK}了真开心", user=USER)  # a mood
    chat.says(f"你个王八蛋 {MARK}", user=USER)  # a case with evidence, a warning
    chat.privately(f"你个王八蛋 {MARK} 又一次", user=USER)
    chat.says(f"你个王八蛋 {MARK} 还有一次", user=USER)  # without an app this warning still waits to be said
    report_and_appeal(chat)
    chat.says(QUESTION, user=USER)
    if chat.config.channel("desk"):
        chat.privately("我的积分", user=USER, through="desk")
    number = chat.member(USER)
    with_accident(chat, "坏掉")
    for _ in range(6):
        recover_once(chat.pipeline, chat.stores, idle_ms=0)  # buries it
    with_accident(chat, "崩溃")  # and this one is not finished yet
    chat.says(f"人工 {MARK} 怎么办", user=USER)
    chat.as_admin("工单 1")
    chat.as_admin("回复 1 很好办")
    chat.says(f"再问 {MARK} 几天", user=USER)
    chat.as_admin("工单")
    for user in (USER, "hanmei"):  # both, so that they share the first place
        chat.says("参加挑战 2", user=user)
        chat.says(f"打卡 {MARK if user == USER else '书'} 第一天", user=user)
    chat.as_admin("挑战 名单 2")
    invite_each_other(chat)
    take_part(chat)
    write_something(chat)
    chat.as_admin("案件")  # the answer, kept for repeats, shows his words to somebody else
    for shard, lane, target in chat.stores.outbox.due(range(chat.stores.shards), to_ms(chat.clock())):
        lease = chat.stores.outbox.lease(shard, lane, target, "me", to_ms(chat.clock()), 1000)
        if lease and lease.delivery.member == number:
            chat.stores.outbox.dead(lease, "test", to_ms(chat.clock()))
            break
    return number


def report_and_appeal(chat: Chat) -> None:
    """He reports somebody, is reported, appeals, and what was decided of him is looked at."""
    chat.privately(f"举报 @hanmei 骂我{MARK}", user=USER)
    chat.privately(f"举报 @{chat.member(USER)} 他骂人", user="hanmei")
    assert "收到" in chat.privately(f"申诉 2 {MARK}是开玩笑", user=USER)
    for said in ("案件 1", "案件 2", "案件 申诉", "处理 2 维持 不是玩笑", "案件 报告"):
        chat.as_admin(said)


def invite_each_other(chat: Chat) -> None:
    """He shows his code, brings somebody, and is brought by somebody."""
    code = chat.stores.invitations.code_of(chat.community.keys, chat.member(USER))
    chat.says("邀请", user=USER)
    assert "记下了" in chat.says(f"邀请码 {code}", user="guest", name="客人")
    chat.says("帮助", user="host", name="主人")
    assert "记下了" in chat.says("我是主人邀请的", user=USER)
    for asked in ("我的邀请", "邀请榜"):
        chat.privately(asked, user=USER)
    chat.privately("我的邀请", user="guest")


def take_part(chat: Chat) -> None:
    """He signs up for something that goes on, and for something that is over; what a guest was told of it goes with him."""
    for number, title in enumerate(("周六爬山", "周日骑车"), 1):
        chat.as_admin(f"发起接龙 {title}")
        chat.as_admin("1")
        for user in (USER, "guest"):
            chat.says(f"接龙 {number}号 {MARK if user == USER else ''}我和孩子两人", user=user)
        chat.says(f"活动 {number}", user="guest")
    chat.as_admin("活动 截止 2")
    chat.says("活动 结果 2", user="guest")


def write_something(chat: Chat) -> None:
    """He replies to a topic, hands a work in that is taken, and says something without his name; others see it and like it."""
    for request in ("发起话题 读书", "发起征稿 书", "发起树洞 夜"):
        chat.as_admin(request)
        chat.as_admin("1")
    for said in (f"话题 {MARK}的书", f"投稿 {MARK}的故事"):
        chat.says(said, user=USER)
    chat.privately(f"树洞 {MARK}也会累", user=USER)
    chat.privately("我的树洞", user=USER)
    for said in ("审稿", "审稿 2", "审稿 2 通过"):
        chat.as_admin(said)
    for said in ("话题", "话题 我也是", "活动"):
        chat.says(said, user="hanmei")
    for said in ("赞 3", "话题"):
        chat.says(said, user=USER)


def with_accident(chat: Chat, word: str) -> None:
    """A message of his that does not end well."""
    with contextlib.suppress(Killed):
        chat.receive(replace(chat.words(f"{MARK}{word}", user=USER, group=MAIN), name=NAME))


# Where the chat alone does not lead ------------------------------------------------------------------------------------------

FIRST = 76_543
"""The member's number: one that stands nowhere by chance."""
ITEMS = """
items:
  - {id: coffee, name: 咖啡码, price: 10, kind: code}
  - {id: sticker, name: 群贴纸, price: 20}
"""


def live_everywhere(chat: Chat) -> int:
    """Lets a member leave something in every store, by chat and beside it; gives his number, :data:`FIRST`."""
    database, stores = chat.stores.database, chat.stores
    chat.says("签到", user="hanmei", name="韩梅梅")
    database.command("SET", "qb:{people}:next", FIRST - 1)
    number = chat.member(USER) if chat.says("签到", user=USER, name=NAME) else 0
    chat.says("签到", user=USER, group=FAR)
    chat.says("签到", user=USER)
    assert lead_a_rich_life(chat) == number == FIRST
    shop_and_thank(chat)
    answer_and_play(chat)
    work_here(chat)
    beside_the_chat(chat)
    be_pushed_to(chat)
    stores.leavers.leave(USER, chat.clock(), is_admin=False)
    stores.wishes.take_copy(number, once="copy")
    stores.wishes.ask_to_be_erased(number, chat.clock())
    return number


def shop_and_thank(chat: Chat) -> None:
    """He has points, gives some away, exchanges for a thing and a code, thanks and is thanked, judges an answer."""
    stores, where, now = chat.stores, chat.community.keys, chat.clock()
    number, other, today = chat.member(USER), chat.member("hanmei"), chat.community.day_of(now)
    stores.content.put("shop", {"": ITEMS}, "boss", now)
    chat.live.refresh()
    for member in (number, other):
        stores.points.award(
            where, member, now, today=today, reason="event", points=300, once=f"give:{member}", lapses=chat.live.current.points
        )
    chat.as_admin("商城 补货 群贴纸 10")
    stores.shop.add_codes(where, "coffee", ["CODE-FOR-HIM-77"], now, actor=1, once="codes")
    for said in ("商城", "兑换 群贴纸", "转赠 @韩梅梅 20", "兑换 咖啡码", "谢谢 @韩梅梅 帮了我", "我的订单"):
        chat.says(said, user=USER)
    chat.says(f"谢谢 @{NAME} 帮我", user="hanmei")
    chat.says("群规", user=USER)
    chat.says("有用", user=USER)


def answer_and_play(chat: Chat) -> None:
    """He answers a questionnaire, votes, enters a lottery, goes through a flow, and chooses a community."""
    for begun in (
        "发起问卷 nps",
        "发起投票 去哪里 | 爬山 | 骑车",
        "发起抽奖 谢谢大家 | 奖品 咖啡券 1 | 截止 明天20:00",
        "发起答题 社群常识 | 2题 | 个人 | 截止 后天9点",
    ):
        chat.as_admin(begun)
        chat.as_admin("1")
    for said in ("问卷", "9", f"因为{MARK}"):
        chat.privately(said, user=USER)
    for said in ("投票 1", "抽奖", "答题", "A", "A", "新人任务"):
        chat.says(said, user=USER)
    for said in ("新人任务", "切换社群 主群", "免打扰 营销", "我的勋章", "成员", "隐私"):
        chat.privately(said, user=USER)


def work_here(chat: Chat) -> None:
    """He has a role, and does what those with one do."""
    chat.as_admin(f"角色 {NAME} 管理员")
    stores, now, number = chat.stores, chat.clock(), chat.member(USER)
    chat.privately("控制台", user=USER)
    stores.sessions.begin(number, now, browser="Firefox", network="n")
    stores.accounts.set_up(number, "a long password", "SECRET", ["one", "two"], 1, now, once="set")
    token, made = stores.api_tokens.make(f"{MARK}报表", "main", names=True, by=number, now=now, until=now + timedelta(days=9), once="t")
    stores.api_tokens.note_used(made, now.date())
    assert token
    for said in ("商城", "案件", "标签 @韩梅梅 加 VIP", "数据 本周"):
        chat.privately(said, user=USER)
    assert "收到" in chat.says("投稿 春天来了", user="hanmei")
    for said in ("处理 1 忽略 没事", "审稿", "审稿 4 通过"):
        chat.says(said, user=USER, group=ADMINS)
    stores.content.put("welcome", {"": "enter_chat: 你好"}, str(number), now)
    for activity in (8, 9):
        chat.as_admin(f"活动 截止 {activity}")
    chat.hears(chat.pictures("https://example.com/a.png", user=USER))
    chat.as_admin(f"标签 @{NAME} 加 老客户")
    chat.as_admin(f"授勋 @{NAME} 热心")
    stores.notes.add(chat.community.keys, number, f"他养了一只{MARK}", 1, now, once="note")


def beside_the_chat(chat: Chat) -> None:
    """What customer groups, openings, experiments, trials and queues hold of him."""
    stores, where, now, number = chat.stores, chat.community.keys, chat.clock(), chat.member(USER)
    group = KnownGroup("wrCUSTOMERS", where, "desk")
    roster = Roster("v1", number, "客户群", "", {number: Seat(2, 1_700_000_000)})
    look = stores.customer_groups.look_back(where, group.chat)
    assert stores.customer_groups.keep(group, look, roster, News(newcomers=(number,)), now, "2026-03-10")
    stores.openings.book(
        where, number, Opening(points=7), now, today=chat.community.day_of(now), lapses=chat.live.current.points, once="opening"
    )
    stores.experiments.begin(where, "p", "digest.reply.24", "早安", Plan({"A": 0.5, "B": 0.5}, "A"), now)
    stores.experiments.count(where, [Exposed("p", "digest.reply.24", "A", f"m:{number}", now)], is_home=True)
    stores.trials.note(where, number, Verdict("warn"), f"{MARK}试运行", now, once="trial")
    stores.errands.ask(Errand("hush", "desk", "x", where, {"member": str(number)}), to_ms(now))
    tell(stores, chat.config, chat.community, number, f"{MARK}，积分 +1", now, id=f"adjusted:main:{number}:x")
    stores.notices.keep(where.shard, number, f"{MARK}在等你", once="notice")
    Limits(stores.database).acquire(f"app.desk.{number}", ((5, 60),), to_ms(now))
    stores.proposals.add("main", f"{MARK}吃什么", "吃磷虾", (), "ticket", now, member=number, once="proposal")


def be_pushed_to(chat: Chat) -> None:
    """A planned push comes to members, him too, and everything that the clock does is done."""
    rows = [{"id": "p", "cron": "* * * * *", "community": "main", "text": "早安", "to": "members", "segment": "all"}]
    publish(chat.stores, PUSHES, msgspec.json.encode(rows).decode(), "boss", chat.clock())
    chat.live.refresh()
    chat.at("2026-03-11 10:00")
    agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)
    for _ in range(4):
        agenda.ring(chat.clock())
        send_all(chat)
        chat.later(seconds=61)
    agenda.ring(chat.clock())
    chat.says(f"我也说{MARK}", user=USER)


def send_all(chat: Chat) -> None:
    """A sender takes what is queued."""
    outbox, now = chat.stores.outbox, to_ms(chat.clock())
    for shard, lane, target in outbox.due(range(chat.stores.shards), now):
        while lease := outbox.lease(shard, lane, target, "sender", now, 30_000):
            outbox.done(lease, now)


# Looking ------------------------------------------------------------------------------------------------------------------


def everything(chat: Chat) -> dict[str, bytes]:
    """Every key of Redis, with all that it holds."""
    raw: Any = redis.Redis.from_url(chat.config.redis.url.get_secret_value())
    reads: dict[bytes, Callable[[bytes], list[bytes]]] = {
        b"string": lambda key: [raw.get(key)],
        b"hash": lambda key: [word for pair in raw.hgetall(key).items() for word in pair],
        b"list": lambda key: raw.lrange(key, 0, -1),
        b"set": lambda key: sorted(raw.smembers(key)),
        b"zset": lambda key: raw.zrange(key, 0, -1),
        b"stream": lambda key: [word for _, row in raw.xrange(key) for pair in row.items() for word in pair],
    }
    with raw:
        return {key.decode(): b"\n".join([key, *reads[raw.type(key)](key)]) for key in sorted(raw.scan_iter(count=1000))}


@cache
def _patterns() -> list[tuple[re.Pattern[str], Family]]:
    """Every family with what its keys look like, the most particular first."""
    found = []
    for family in FAMILIES:
        pieces = [(re.escape(text.replace("{{", "{")), part) for text, part, _, _ in Formatter().parse(family.pattern)]
        looks = "".join(
            text + (r"\d+" if part == "shard" else r"[^:{}]+" if part == "community" else ".+" if part else "") for text, part in pieces
        )
        found.append((sum(len(text) for text, _ in pieces), re.compile(looks), family))
    return [(looks, family) for _, looks, family in sorted(found, key=lambda one: -one[0])]


def family_of(key: str) -> Family:
    """The family that a key is of."""
    found = next((family for looks, family in _patterns() if looks.fullmatch(key)), None)
    assert found, f"{key} is of no family of storage/keys.py"
    return found
