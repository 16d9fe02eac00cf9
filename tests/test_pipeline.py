"""The life of a message: kept before it is acknowledged, answered once, done again after a crash, buried when it never works."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event as Flag
from typing import Any

import msgspec
import pytest
import redis
from chat import FAR, MAIN, Chat, OpenChat

from bot.context import Context
from bot.errors import RetryLater, UserError
from bot.message import Message, Prompt, Replies, Reply
from bot.pipeline import TRIES, Gated
from bot.router import Router
from bot.worker import recover_once
from handlers import GATES
from rules.judgement import NO_HISTORY, History, Verdict
from rules.moderation import Judge
from rules.wordlist import Lexicon
from storage import keys
from storage.connection import StorageAway

pytest_plugins = ("chat",)

Does = Callable[[Message, Context], Replies]
REPLY_URL = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=CODE"


class Killed(BaseException):
    """What a kill looks like from within: nothing of ours catches it."""


def routes(does: Does) -> Router:
    """A router that hands every text to one handler."""
    router = Router()
    router.fallback(does)
    return router


def recover(chat: Chat, times: int = 1) -> int:
    """Lets the worker look for what was left behind."""
    return sum(recover_once(chat.pipeline, chat.stores, idle_ms=0) for _ in range(times))


def check_in(message: Message, ctx: Context) -> Reply:
    done = ctx.stores.check_ins.check_in(
        ctx.community.keys, ctx.member, ctx.now(), today=ctx.today(), rewards=ctx.contents.rewards, lapses=None, once=message.id
    )
    return Reply(f"积分 {done.balance}")


# Replies ------------------------------------------------------------------------------------------------------------------


def test_several_replies_are_one_answer(open_chat: OpenChat) -> None:
    chat = open_chat(router=routes(lambda m, c: [Reply("一"), Reply("二"), Reply()]), gates=())
    assert chat.says("x") == "一\n\n二"


def test_what_a_gate_says_comes_first_and_a_gate_that_stops_is_the_end(open_chat: OpenChat) -> None:
    def polite(message: Message, ctx: Context) -> Gated:
        return Gated((Reply("先"),))

    def stern(message: Message, ctx: Context) -> Gated | None:
        return Gated((Reply("停"),), stops=True) if message.text == "坏" else None

    chat = open_chat(router=routes(lambda m, c: Reply("后")), gates=(polite, stern))
    assert chat.says("好") == "先\n\n后"
    assert chat.says("坏") == "先\n\n停"


def test_a_reply_to_another_member_goes_through_the_app_and_a_push_through_the_webhook(open_chat: OpenChat) -> None:
    def does(message: Message, ctx: Context) -> Replies:
        return [Reply("公开"), Reply("悄悄", to=ctx.member), Reply("大家看", push=True)]

    chat = open_chat(router=routes(does), gates=())
    assert chat.says("x") == "公开"
    assert [(d.via, d.target, d.id) for d in chat.outbox()] == [
        ("app", "app.desk.1", "assistant:M1:1"),
        ("webhook", f"hook.main.{MAIN}", "assistant:M1:2"),
    ]
    assert chat.log("outbound")[-1].data["queued"] == ["app", "webhook"]


def test_a_refusal_is_the_answer_and_ends_the_message(open_chat: OpenChat) -> None:
    def does(message: Message, ctx: Context) -> Replies:
        raise UserError("积分不足，还差 20 分")

    chat = open_chat(router=routes(does), gates=())
    assert chat.says("x") == "积分不足，还差 20 分"
    assert chat.stores.inbox.depth() == 0
    assert chat.log("decision")[-1].data["refused"] is True


def test_a_handler_that_has_nothing_to_say_leaves_an_empty_answer(open_chat: OpenChat) -> None:
    chat = open_chat(router=routes(lambda m, c: None), gates=())
    assert chat.receive(chat.words("x")).answer == ""
    assert chat.stores.inbox.depth() == 0


# Repeats ------------------------------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_without_a_second_look(open_chat: OpenChat) -> None:
    calls: list[str] = []

    def does(message: Message, ctx: Context) -> Replies:
        assert ctx.stores
        calls.append(message.id)
        return Reply(f"第 {len(calls)} 次")

    chat = open_chat(router=routes(does), gates=())
    assert [chat.says("x", id="A"), chat.says("x", id="A")] == ["第 1 次", "第 1 次"]
    assert calls == ["assistant:A"]


def test_the_same_id_of_two_channels_is_two_messages(open_chat: OpenChat) -> None:
    chat = open_chat(router=routes(lambda m, c: Reply(m.channel)), gates=())
    assert [chat.privately("x", id="7"), chat.privately("x", id="7", through="desk")] == ["assistant", "desk"]


def test_a_repeat_of_a_message_at_work_waits_for_its_answer(open_chat: OpenChat) -> None:
    at_work, go_on = Flag(), Flag()

    def does(message: Message, ctx: Context) -> Replies:
        assert ctx.stores
        at_work.set()
        assert go_on.wait(10)
        return Reply("fertig")

    chat = open_chat(router=routes(does), gates=())
    other_process = open_chat(router=routes(lambda m, c: Reply("must not happen")), gates=(), clock=chat.clock)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(chat.says, "x", id="A")
        assert at_work.wait(10)
        second = pool.submit(other_process.says, "x", id="A")
        go_on.set()
        assert (first.result(10), second.result(10)) == ("fertig", "fertig")


def test_a_repeat_of_a_message_at_work_for_too_long_is_told_to_come_again(open_chat: OpenChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.pipeline.WAIT_S", 0.05)
    chat = open_chat(router=routes(_killed), gates=())
    with pytest.raises(Killed):
        chat.says("x", id="A")
    assert chat.receive(chat.words("x", group=MAIN, id="A")).state == "busy"


def test_a_repeat_takes_over_what_a_dead_process_left_after_four_seconds(open_chat: OpenChat) -> None:
    dying = open_chat(router=routes(_killed), gates=())
    with pytest.raises(Killed):
        dying.says("x", id="A")
    heir = open_chat(router=routes(check_in), gates=(), clock=dying.clock)
    heir.later(seconds=5)
    assert heir.says("x", id="A") == "积分 5"
    assert heir.stores.inbox.depth() == 0


def acts_so_far(chat: Chat) -> int:
    """How many scripts the server has run."""
    lines = chat.stores.database.command("INFO", "commandstats").splitlines()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines if line.startswith(("cmdstat_eval:", "cmdstat_evalsha:")))


def test_a_message_that_changes_nothing_costs_one_act(open_chat: OpenChat) -> None:
    chat = open_chat(router=routes(lambda m, c: Reply("da")), gates=())
    chat.says("x")  # its first message makes a member known
    before = acts_so_far(chat)
    assert chat.says("x") == "da"
    assert acts_so_far(chat) - before == 1
    assert [entry.kind for entry in chat.log()[-3:]] == ["inbound", "decision", "outbound"]
    assert chat.stores.inbox.depth() == 0


def test_a_message_is_kept_from_the_first_look_at_the_stores(open_chat: OpenChat) -> None:
    depths: list[int] = []

    def does(message: Message, ctx: Context) -> Replies:
        depths.append(chat.stores.inbox.depth())
        depths.append(ctx.stores.inbox.depth())
        return Reply("da")

    chat = open_chat(router=routes(does), gates=())
    chat.says("x")
    depths.clear()
    assert chat.says("x") == "da"
    assert depths == [0, 1]


def test_what_waits_for_a_member_is_not_passed_over(open_chat: OpenChat) -> None:
    asks = open_chat(router=routes(lambda m, c: Reply("welche?", prompt=Prompt("faq", ("a", "b")))), gates=())
    asks.says("x")
    chat = open_chat(gates=(), clock=asks.clock)
    assert "修改" in chat.says("2"), "a number answers the question that was asked before"


# Crashes and failures -------------------------------------------------------------------------------------------------------


def _killed(message: Message, ctx: Context) -> Replies:
    assert ctx.stores
    raise Killed


def test_what_a_crash_left_is_done_again_and_changes_nothing_twice(open_chat: OpenChat) -> None:
    crashes = iter([True, False])

    def does(message: Message, ctx: Context) -> Replies:
        reply = check_in(message, ctx)
        if next(crashes):
            raise Killed  # after the change, before the end
        return reply

    chat = open_chat(router=routes(does), gates=())
    message = replace(chat.words("x", group=MAIN, id="A"), reply_url=REPLY_URL)
    with pytest.raises(Killed):
        chat.receive(message)
    assert chat.stores.inbox.depth() == 1
    assert recover(chat) == 1
    assert chat.stores.inbox.depth() == 0
    assert chat.points() == 5
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.url) == ("response_url", REPLY_URL)
    assert delivery.body["markdown"]["content"] == "积分 5"
    assert chat.receive(message).answer == "", "the answer is on its way already"
    assert chat.points() == 5


@pytest.mark.parametrize(("group", "through", "via"), [(MAIN, "assistant", "webhook"), ("", "desk", "app")])
def test_a_recovered_answer_without_an_address_finds_another_way(open_chat: OpenChat, group: str, through: str, via: str) -> None:
    crashes = iter([True, False])

    def does(message: Message, ctx: Context) -> Replies:
        assert ctx.stores
        if next(crashes):
            raise Killed
        return Reply("da")

    chat = open_chat(router=routes(does), gates=())
    with pytest.raises(Killed):
        chat.says("x", group=group) if group else chat.privately("x", through=through)
    recover(chat)
    assert [delivery.via for delivery in chat.outbox()] == [via]


def test_a_newcomer_is_welcomed_once_although_his_first_message_needed_two_tries(open_chat: OpenChat) -> None:
    crashes = iter([True, False])

    def does(message: Message, ctx: Context) -> Replies:
        assert ctx.stores
        if next(crashes):
            raise Killed
        return Reply("da")

    chat = open_chat(router=routes(does), gates=GATES)
    with pytest.raises(Killed):
        chat.says("x")
    recover(chat)
    (delivery,) = chat.outbox()
    assert "很高兴认识你" in delivery.body["markdown"]["content"]
    recover(chat)
    assert len(chat.outbox()) == 1


def test_a_failing_handler_costs_its_own_message_only_and_comes_back(open_chat: OpenChat) -> None:
    broken = Flag()
    broken.set()

    def does(message: Message, ctx: Context) -> Replies:
        if message.text == "坏" and broken.is_set():
            raise ValueError("nobody should read this: 坏")
        return Reply("好")

    chat = open_chat(router=routes(does), gates=())
    assert chat.says("坏") == ""
    assert chat.says("好") == "好"
    assert chat.stores.inbox.depth() == 1
    broken.clear()
    assert recover(chat) == 1
    assert chat.stores.inbox.depth() == 0


def test_a_message_that_asks_to_come_back_does(open_chat: OpenChat) -> None:
    answers: list[Any] = [RetryLater(3), Reply("jetzt")]

    def does(message: Message, ctx: Context) -> Replies:
        answer = answers.pop(0)
        if isinstance(answer, RetryLater):
            raise answer
        return [answer]

    chat = open_chat(router=routes(does), gates=())
    assert chat.says("x") == ""
    for _ in range(TRIES + 2):  # looking at it too early does not count as a try
        recover(chat)
    assert chat.stores.inbox.depth() == 1
    chat.later(seconds=3)
    recover(chat)
    assert (answers, chat.stores.inbox.depth()) == ([], 0)


def test_a_message_that_failed_five_times_is_buried_and_the_admins_hear_of_it_once(open_chat: OpenChat) -> None:
    calls: list[str] = []

    def does(message: Message, ctx: Context) -> Replies:
        calls.append(message.id)
        raise ValueError

    chat = open_chat(router=routes(does), gates=())
    chat.says("秘密的话", id="A")
    recover(chat, times=8)
    assert len(calls) == TRIES
    assert chat.stores.inbox.depth() == 0
    (alarm,) = chat.outbox()
    assert (alarm.via, alarm.target) == ("webhook", "hook.main.admin")
    assert "assistant:A" in alarm.body["markdown"]["content"]
    assert "秘密的话" not in str(alarm.body)
    assert chat.log("error")[-1].data["buried"] == "处理失败 5 次"
    (letter,) = [letter for s in range(16) for letter in chat.stores.database.command("LRANGE", keys.INBOX_DEAD(shard=s), 0, -1)]
    assert msgspec.json.decode(letter)["id"] == "assistant:A"
    assert chat.says("秘密的话", id="A") == "", "a repeat finds it ended"


def test_one_poisonous_message_does_not_hold_up_the_others(open_chat: OpenChat) -> None:
    chat = open_chat(router=routes(lambda m, c: Reply("好")), gates=())
    shard = chat.community.shard
    chat.stores.database.command("XADD", keys.INBOX(shard=shard), "*", "m", "no JSON at all")
    chat.stores.database.command("XREADGROUP", "GROUP", "bot", "dead", "STREAMS", keys.INBOX(shard=shard), ">")
    dying = open_chat(router=routes(_killed), gates=(), clock=chat.clock)
    with pytest.raises(Killed):
        dying.says("x")
    assert recover(chat) == 2
    assert chat.stores.inbox.depth() == 1


@pytest.mark.parametrize("rubbish", [b"no JSON at all", b'{"message":{"id":7},"member":1}', b"\xff\xfe\x00", b"[]"])
def test_what_cannot_be_read_is_buried_after_five_tries_and_the_admins_hear_of_it_once(chat: Chat, rubbish: bytes) -> None:
    shard, command = chat.community.shard, chat.stores.database.command
    command("XADD", keys.INBOX(shard=shard), "*", "m", rubbish)
    command("XREADGROUP", "GROUP", "bot", "dead", "STREAMS", keys.INBOX(shard=shard), ">")
    recover(chat, times=TRIES - 1)
    assert (chat.stores.inbox.depth(), chat.outbox()) == (1, []), "it may come from a newer version: not at the first look"
    recover(chat, times=3)
    assert chat.stores.inbox.depth() == 0
    (alarm,) = chat.outbox()
    (letter,) = (msgspec.json.decode(letter) for letter in command("LRANGE", keys.INBOX_DEAD(shard=shard), 0, -1))
    assert letter["id"] in alarm.body["markdown"]["content"]
    assert chat.log("error")[-1].data["buried"] == f"读不懂，试过 {TRIES} 次"


def test_a_question_of_another_version_is_not_waited_for(chat: Chat) -> None:
    chat.says("签到")
    member = chat.stores.directory.find_number("lilei")
    waiting = keys.WAITING(shard=chat.community.shard, chat=MAIN, member=member)
    chat.stores.database.command("SET", waiting, '{"what":"nobody knows"}')
    assert "积分" in chat.says("我的积分")
    chat.says("2")
    assert not chat.log("error")


def test_a_question_that_was_kept_without_its_community_is_answered_anywhere(chat: Chat) -> None:
    chat.as_admin("发起投票 去哪儿 | 爬山 | 看电影")
    chat.as_admin("1")
    chat.says("投票")
    waiting = keys.WAITING(shard=chat.community.shard, chat=MAIN, member=chat.member())
    kept = msgspec.json.decode(chat.stores.database.command("GET", waiting))
    assert kept.pop("community") == "main"
    chat.stores.database.command("SET", waiting, msgspec.json.encode(kept))
    assert "你投了：2. 看电影" in chat.says("2")


# Gates --------------------------------------------------------------------------------------------------------------------


def test_a_broken_gate_is_passed(open_chat: OpenChat) -> None:
    def broken(message: Message, ctx: Context) -> Gated:
        raise ValueError

    chat = open_chat(router=routes(lambda m, c: Reply("da")), gates=(broken,))
    assert chat.says("x") == "da"


def test_when_the_judge_is_broken_the_message_is_filed_for_people(open_chat: OpenChat) -> None:
    chat = open_chat(dry_run=False)

    class Broken(Judge):
        def judge(self, text: str, history: History = NO_HISTORY, community: str = "") -> Verdict:
            raise ValueError

    chat.live.current = replace(chat.live.current, judge=Broken(Lexicon()))
    assert "积分 +5" in chat.says("签到")
    (case,) = chat.stores.cases.undecided(chat.community.keys)
    assert (case.state, case.category) == ("open", "fault")


# Redis away ----------------------------------------------------------------------------------------------------------------


def test_what_may_not_have_been_kept_is_not_acknowledged_and_its_repeat_is_done_once(chat: Chat) -> None:
    chat.says("我的积分")
    outside: Any = redis.Redis.from_url(chat.config.redis.url.get_secret_value())
    outside.execute_command("CLIENT", "PAUSE", "1200", "ALL")
    with pytest.raises(StorageAway):
        chat.says("签到", id="A")
    with pytest.raises(StorageAway):
        chat.says("签到", id="A")
    outside.ping()  # answered when the pause is over
    outside.close()
    chat.later(seconds=5)
    answer = _when_back(lambda: chat.says("签到", id="A"))
    assert "积分 +5" in answer
    assert chat.points() == 5
    assert len([entry for entry in chat.log("inbound") if entry.message == "assistant:A"]) == 1


def _when_back(asks: Callable[[], str]) -> str:
    """The answer, as soon as the database's own short rest after a failure is over."""
    pause = Flag()
    for _ in range(1_200):
        try:
            return asks()
        except StorageAway:
            pause.wait(0.05)
    raise AssertionError("Redis did not come back")


# The log --------------------------------------------------------------------------------------------------------------------


def test_texts_are_not_noted_unless_the_operator_wants_it(open_chat: OpenChat) -> None:
    quiet = open_chat()
    quiet.says("怎么退款")
    assert "退款" not in str(quiet.log())
    loud = open_chat(keep_text=True)
    loud.says("怎么退款", user="hanmei")
    assert "怎么退款" in str(loud.log("inbound"))
    assert "我的订单" in str(loud.log("outbound"))


def test_each_message_leaves_who_what_where_and_why(chat: Chat) -> None:
    chat.says("签到", id="A")
    log = chat.log()
    assert {(entry.member, entry.community) for entry in log} == {(1, "main")}
    assert [(entry.kind, entry.message) for entry in log if entry.kind != "change"] == [
        (kind, "assistant:A") for kind in ("inbound", "decision", "outbound")
    ]
    changes = {entry.data["act"] for entry in log[1:-2]}
    assert {"points", "badge"} <= changes, "between what came in and what was decided: what it changed"


@pytest.mark.parametrize("text", ["a" * 100_000, "\x00\x01", "🏳️‍🌈" * 300, "%s %(x)s {0} {nickname}", "</xml>]]>", "' OR 1=1", "|" * 50])
def test_no_text_of_a_member_breaks_the_bot(chat: Chat, text: str) -> None:
    assert chat.says(text)
    assert chat.stores.inbox.depth() == 0
    assert "积分 +5" in chat.says("签到")


def test_a_repeat_that_takes_over_works_where_the_first_try_did(open_chat: OpenChat) -> None:
    falls = [True]

    def does(message: Message, ctx: Context) -> Replies:
        if message.is_private:
            ctx.stores.check_ins.check_in(
                ctx.community.keys, ctx.member, ctx.now(), today=ctx.today(), rewards=ctx.contents.rewards, lapses=None, once=message.id
            )
            if falls:
                falls.clear()
                raise ValueError
        return Reply(ctx.community.id)

    chat = open_chat(router=routes(does), gates=())
    chat.says("x", group=MAIN)
    chat.privately("x", id="A")
    chat.says("x", group=FAR)
    chat.later(seconds=5)
    assert chat.privately("x", id="A") == "main"
    far = chat.communities.named("far").keys
    assert chat.stores.points.balance(far, chat.member("lilei")) == 0


def test_a_refusal_does_not_swallow_what_the_gates_said(open_chat: OpenChat) -> None:
    def does(message: Message, ctx: Context) -> Replies:
        raise UserError("积分不足，还差 20 分")

    said = open_chat(router=routes(does)).says("x")
    assert "很高兴认识你" in said
    assert "还差 20 分" in said


def test_an_open_choice_costs_whoever_asks_something_else_nothing_and_still_takes_its_number(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.says("签到")
    offered = chat.says("发票")
    assert "1." in offered
    taken_in: list[str] = []
    accept = chat.stores.inbox.accept
    monkeypatch.setattr(
        type(chat.stores.inbox), "accept", lambda self, place, id, *rest, **more: (taken_in.append(id), accept(place, id, *rest, **more))[1]
    )
    assert "退款" in chat.says("怎么退款")
    assert taken_in == [], "it was taken in and ended in one act"
    assert chat.says("1") != offered
    assert len(taken_in) == 1, "a number may mean the choice"
