"""A person's rights: every store gives away and forgets; after an erasure nothing in Redis leads to him, whatever he did before."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from casework import in_service
from chat import MAIN, Chat, OpenChat

import storage
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Replies
from bot.router import Router
from bot.worker import recover_once
from handlers import discover
from handlers.privacy import export_person, find_member
from storage.moment import to_ms
from storage.stores import Stores

pytest_plugins = ("chat",)

USER, NAME, MARK, QUESTION = "woLiLei-7f3a", "李雷雷", "蓝鲸", "量子纠缠的贝尔不等式是什么意思"
NOT_OF_PERSONS = {
    "ArchiveMarks": "numbers of messages",
    "Webhooks": "sealed keys of groups' webhooks",
    "ShopStore": "numbers of items, and sealed codes that nobody has yet",
    "Bell": "listens and keeps nothing",
    "Leases": "names processes",
    "Machine": "names processes",
    "Arrivals": "numbers of callbacks",
    "Presence": "reads what the daybook keeps",
    "Calls": "frames on their way, for ten seconds",
    "Lights": "how well communities are",
    "TokenStore": "holds WeCom's access tokens",
}


def storage_classes() -> Iterator[type]:
    """Every class of storage/ that is built on a database."""
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{found.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            takes = getattr(kind.__init__, "__annotations__", {})  # of an exception, say, none
            if kind.__module__ == module.__name__ and kind is not Stores and "Database" in takes.values():
                yield kind


def test_every_class_that_keeps_something_can_give_it_away_and_forget_it() -> None:
    kinds = {kind.__name__: kind for kind in storage_classes()}
    assert len(kinds) > 12
    for name, kind in kinds.items():
        keeps = hasattr(kind, "export_user") and hasattr(kind, "erase_user")
        assert keeps != (name in NOT_OF_PERSONS), f"{name} has to implement export_user and erase_user, even to say that nothing is kept"


def test_every_store_of_the_bot_is_asked_when_a_person_is_erased(chat: Chat) -> None:
    asked = {type(store) for store in chat.stores.of_persons().values()}
    built = {kind for name in Stores.__slots__ if hasattr(kind := type(getattr(chat.stores, name)), "erase_user")}
    assert built == asked


def test_every_store_answers_for_somebody_it_never_heard_of(chat: Chat) -> None:
    for store in chat.stores.of_persons().values():
        json.dumps(store.export_user(4711))
        said = store.erase_user(4711)
        assert isinstance(said, str)
        assert said


# Erasing ------------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a kill looks like from within."""


def with_accidents() -> Router:
    """All features, and texts at which the process dies or the handler fails."""
    router = discover()

    @router.pattern(".*(崩溃|坏掉).*", name="accident")
    def accident(message: Message, ctx: Context) -> Replies:
        raise Killed if "崩溃" in message.text else ValueError

    return router


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


def traces(chat: Chat, *words: str) -> set[tuple[str, str]]:
    """Which of the words stand where in Redis, plain or as JSON escapes."""
    forms = [(word, form) for word in words for form in (word.encode(), json.dumps(word)[1:-1].encode())]
    return {(word, key) for key, held in everything(chat).items() for word, form in forms if form in held}


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


@pytest.mark.parametrize("app", [True, False])
@pytest.mark.parametrize("keep_text", [True, False])
def test_an_erased_person_leaves_no_trace_in_redis(open_chat: OpenChat, app: bool, keep_text: bool) -> None:
    chat = in_service(open_chat, router=with_accidents(), app=app, keep_text=keep_text)
    number = lead_a_rich_life(chat)
    assert len(traces(chat, USER, NAME, MARK)) > 8, "or there is nothing to erase"
    done = chat.erase(USER)
    assert list(done)[-1] == "通讯录"
    left = {where for _, where in traces(chat, USER, NAME, MARK)}
    assert left <= {"qb:{4}:main:unanswered"}, "questions are kept without their sender: nobody knows any more whose they were"
    assert chat.stores.points.discrepancies(chat.community.keys) == []
    assert chat.stores.points.balance(chat.community.keys, number) == 5 + 3, "the ledger keeps its sums"
    assert traces(chat, USER, NAME) == set()


def test_what_others_said_stays(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, router=with_accidents(), keep_text=True)
    number = lead_a_rich_life(chat)
    before = export_person(chat.stores, chat.member("hanmei"))
    # an answer that quoted him goes with him, whoever asked
    before["事件记录"] = [row for row in before["事件记录"] if f"成员 {number}" not in row["内容"].get("about", "").split("、")]
    before["举报"]["main"]["举报"][0]["说明"] = []  # what she wrote of him lay in his case
    chat.erase(USER)
    assert export_person(chat.stores, chat.member("hanmei")) == before
    assert "王八蛋" in chat.as_admin("案件")
    assert chat.stores.inbox.depth() == 0, "what he had left unfinished has gone with him"


def test_erasing_twice_is_no_harm(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, router=with_accidents())
    number = lead_a_rich_life(chat)
    chat.erase(USER)
    first = everything(chat)
    for store in chat.stores.of_persons().values():
        store.erase_user(number)
    again = everything(chat)
    assert [key for key in first if first[key] != again[key]] == ["qb:{people}:epoch"]


def test_a_person_who_comes_back_is_somebody_new_to_every_process(open_chat: OpenChat) -> None:
    chat = open_chat(dry_run=False)
    elsewhere = open_chat(dry_run=False, clock=chat.clock)
    chat.says("签到", user=USER, name=NAME)
    elsewhere.says("签到", user=USER)
    number = chat.member(USER)
    chat.erase(USER)
    elsewhere.live.refresh()
    said = elsewhere.says("签到", user=USER)
    assert "很高兴认识你" in said
    assert "积分 +5，现有 **5** 积分，已连续签到 1 天" in said
    assert chat.member(USER) != number
    assert chat.stores.directory.find_user(number) is None


# Giving away --------------------------------------------------------------------------------------------------------------


def test_an_export_holds_what_is_kept_of_the_person_and_of_nobody_else(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到", user=USER, name=NAME)
    chat.says(f"你个王八蛋 {MARK}", user=USER)
    chat.says("签到", user="hanmei", name="韩梅梅")
    given = json.dumps(export_person(chat.stores, chat.member(USER)), ensure_ascii=False)
    for expected in (USER, NAME, MARK, "友善交流", "2026-03-10", '"积分": 5'):
        assert expected in given
    assert "韩梅梅" not in given
    assert "hanmei" not in given


def test_a_person_is_found_by_his_wecom_id_or_his_number(chat: Chat) -> None:
    chat.says("签到", user="4711")
    chat.says("签到", user=USER)
    assert find_member(chat.stores, USER) == 2
    assert find_member(chat.stores, "2") == 2
    assert find_member(chat.stores, "4711") == 1, "a WeCom id goes before a number"
    with pytest.raises(UserError, match="没有找到成员 nobody"):
        find_member(chat.stores, "nobody")
