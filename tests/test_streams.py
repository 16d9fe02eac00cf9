"""Answers in parts: begun in the callback, made behind it, asked for by WeCom, and whole whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

import pytest
from chat import ADMINS, MAIN, Chat, OpenChat

from bot.channels.aibot import stream_id
from bot.context import Context
from bot.message import Event, Message, Reply
from bot.router import Router
from bot.streams import FAILED, FORGOTTEN, IDLE_MS, STILL_AT_WORK, TRIES, Makers
from handlers import discover
from handlers.upkeep import clean_up
from storage import keys
from storage import work as streams_of_work
from storage.outbox import Bell
from storage.streams import StreamWork
from tests.timing import PATIENCE_S, await_until

pytest_plugins = ("chat",)

REPLY_URL = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=CODE"
Produces = Callable[[Message, Context], Iterator[str]]


class Killed(BaseException):
    """What a kill looks like from within."""


class Broken(Exception):
    """What a bug in a producer raises."""


def slow(produces: Produces) -> Router:
    """A router that answers every text in parts."""
    router = Router()
    router.fallback(lambda m, c: Reply("稍等……", stream="slow"))
    router.stream("slow")(produces)
    return router


def counting(message: Message, ctx: Context) -> Iterator[str]:
    yield "一"
    yield "一二"
    yield "一二三"


def makers(chat: Chat) -> Makers:
    """What a worker runs."""
    return Makers(chat.stores, chat.config, chat.router.producers, chat.pipeline.context_of, chat.metrics, chat.clock)


def waiting(chat: Chat, *, idle_ms: int | None = None) -> list[StreamWork]:
    """The work that a worker finds: new, or left behind."""
    return chat.stores.streams.take() if idle_ms is None else list(chat.stores.streams.left_behind(idle_ms))


def make(chat: Chat) -> list[bool]:
    """Makes what waits; gives what became of each."""
    return [makers(chat).make(work) for work in waiting(chat)]


def begin(chat: Chat, *, group: str = MAIN, id: str = "A", text: str = "x") -> Message:
    """A question whose answer comes in parts; gives the message."""
    message = replace(chat.words(text, group=group, id=id), reply_url=REPLY_URL)
    first = json.loads(chat.receive(message).answer)["stream"]
    assert (first["finish"], first["content"]) == (False, "稍等……")
    return replace(message, id=f"assistant:{id}")


def asked_again(chat: Chat, message: Message) -> tuple[str, bool]:
    """What WeCom gets when it asks for more: the text and whether it is all."""
    refresh = Message("r", "assistant", "refresh", message.user, message.chat, event=Event("stream", key=stream_id(message)))
    stream = json.loads(chat.receive(refresh).answer)["stream"]
    assert stream["id"] == stream_id(message)
    return stream["content"], stream["finish"]


@pytest.mark.parametrize("group", [MAIN, ""])
def test_wecom_is_shown_what_is_there_until_it_is_whole(open_chat: OpenChat, group: str) -> None:
    chat = open_chat(router=slow(counting), gates=())
    message = begin(chat, group=group)
    assert asked_again(chat, message) == ("稍等……", False)
    assert make(chat) == [True]
    assert asked_again(chat, message) == ("一二三", True)
    assert chat.outbox() == [], "WeCom asks, so nothing is sent"
    assert chat.log("outbound")[-1].data["parts"] == 3


def test_each_part_replaces_the_one_before(open_chat: OpenChat) -> None:
    seen: list[tuple[str, bool]] = []

    def watched(m: Message, c: Context) -> Iterator[str]:
        for text in counting(m, c):
            yield text
            seen.append(asked_again(chat, replace(m)))

    chat = open_chat(router=slow(watched), gates=())
    begin(chat)
    make(chat)
    assert seen == [("一", False), ("一二", False), ("一二三", False)]


def test_a_repeat_of_the_question_begins_no_second_answer(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    begin(chat)
    begin(chat)
    assert make(chat) == [True]


def test_an_answer_whose_maker_died_is_made_anew_by_another_and_keeps_its_id(open_chat: OpenChat) -> None:
    crashes = iter([True, False])

    def mortal(m: Message, c: Context) -> Iterator[str]:
        yield "一"
        if next(crashes):
            raise Killed
        yield "一二"

    chat = open_chat(router=slow(mortal), gates=())
    message = begin(chat)
    with pytest.raises(Killed):
        make(chat)
    heir = open_chat(router=chat.router, gates=(), clock=chat.clock)
    assert asked_again(heir, message) == ("一", False), "a restart in between shows what was there"
    (left,) = waiting(heir, idle_ms=0)
    assert makers(heir).make(left)
    assert asked_again(heir, message) == ("一二", True)
    assert waiting(heir, idle_ms=0) == []


def test_who_ends_second_changes_nothing(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    message = begin(chat)
    (work,) = waiting(chat)
    assert makers(chat).make(work)
    assert not makers(chat).make(work)
    assert asked_again(chat, message) == ("一二三", True)
    assert len([entry for entry in chat.log("outbound") if "stream" in entry.data]) == 1


def test_an_answer_that_takes_longer_than_wecom_asks_is_sent_once(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    message = begin(chat)
    chat.later(minutes=5, seconds=55)
    text, is_all = asked_again(chat, message)
    assert is_all
    assert text.endswith(STILL_AT_WORK)
    assert make(chat) == [True]
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.url) == ("response_url", REPLY_URL)
    assert delivery.body["markdown"]["content"] == "一二三"


def test_a_channel_without_parts_gets_a_word_and_then_the_whole(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    assert chat.privately("x", through="desk") == "稍等……"
    make(chat)
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.body["text"]["content"]) == ("app", "一二三")


def test_a_producer_that_always_fails_ends_with_an_apology(open_chat: OpenChat) -> None:
    tries: list[int] = []

    def broken(m: Message, c: Context) -> Iterator[str]:
        tries.append(1)
        yield "一"
        raise Broken

    chat = open_chat(router=slow(broken), gates=())
    message = begin(chat)
    with pytest.raises(Broken):
        make(chat)
    for _ in range(TRIES + 1):
        for work in waiting(chat, idle_ms=0):
            if work.tries > TRIES:
                makers(chat).make(work)
                continue
            with pytest.raises(Broken):
                makers(chat).make(work)
    assert len(tries) == TRIES
    assert asked_again(chat, message) == (FAILED, True)


def test_an_answer_nobody_remembers_is_said_to_be_gone(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    assert asked_again(chat, chat.words("x", group=MAIN, id="never")) == (FORGOTTEN, True)


def test_who_is_erased_leaves_no_answer_behind(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    begin(chat, id="A")
    make(chat)
    begin(chat, id="B", text="geheim")
    assert chat.stores.streams.export_user(chat.member())["分段回答"]
    chat.erase()
    assert list(chat.stores.database.scan("qb:{*}:stream:*")) == []
    assert chat.stores.streams.depth() == 0


def test_the_week_comes_a_day_at_a_time(open_chat: OpenChat) -> None:
    chat = open_chat(router=discover())
    chat.says("签到")
    first = json.loads(chat.receive(chat.words("@小助手 数据 本周", user="boss", group=ADMINS, id="W")).answer)
    assert first["stream"]["finish"] is False
    make(chat)
    text, is_all = asked_again(chat, Message("assistant:W", "assistant", "text", "boss", ADMINS))
    assert is_all
    assert len(text.splitlines()) == 8
    assert "签到 1" in text.splitlines()[1]


def test_no_more_work_is_taken_than_there_is_room_for(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    for number in range(5):
        begin(chat, id=str(number))
    assert len(chat.stores.streams.take(3)) == 3
    assert len(chat.stores.streams.take(3)) == 2
    assert chat.stores.database.command("XLEN", keys.STREAM_WORK(shard=chat.community.shard)) == 5


def test_a_worker_makes_what_comes_while_it_runs(open_chat: OpenChat) -> None:
    chat = open_chat(router=slow(counting), gates=())
    stop = Flag()
    bell = Bell(chat.stores.database, keys.STREAM_BELL)
    worker = Thread(target=makers(chat).run, args=(stop, bell))
    worker.start()
    try:
        messages = [begin(chat, id=str(number)) for number in range(12)]
        await_until(lambda: all(asked_again(chat, message) == ("一二三", True) for message in messages), 20, "all answers")
    finally:
        stop.set()
        worker.join(10)
    assert not worker.is_alive()


def test_a_worker_that_is_asked_to_end_leaves_an_answer_to_the_next_at_once(open_chat: OpenChat) -> None:
    gate, stop = Flag(), Flag()

    def endless(_message: Message, _ctx: Context) -> Iterator[str]:
        yield "一"
        while not gate.is_set():
            yield "一二"
        yield "一二三"

    chat = open_chat(router=slow(endless), gates=())
    worker = Thread(target=makers(chat).run, args=(stop, Bell(chat.stores.database, keys.STREAM_BELL)))
    worker.start()
    try:
        message = begin(chat)
        await_until(lambda: asked_again(chat, message) == ("一二", False), what="an answer that is being made")
    finally:
        stop.set()
        worker.join(PATIENCE_S)
    (work,) = await_until(lambda: waiting(chat, idle_ms=IDLE_MS), what="what was left")
    assert work.tries == 1, "to be asked to end is no failure"
    gate.set()
    assert makers(chat).make(work)
    assert asked_again(chat, message) == ("一二三", True)


def test_work_that_is_taken_up_just_as_a_worker_is_asked_to_end_costs_no_try(open_chat: OpenChat) -> None:
    """The end may be asked for between two looks, or between the taking of the work and its first part."""
    chat, stop = open_chat(router=slow(counting), gates=()), Flag()
    message = begin(chat)
    worker, bell = makers(chat), Bell(chat.stores.database, keys.STREAM_BELL)
    taken = waiting(chat)
    stop.set()
    worker.run(stop, bell)
    for _ in range(TRIES + 2):
        (work,) = taken
        assert work.tries == 1, "to be asked to end is no failure"
        assert not worker.make(work)
        taken = waiting(chat, idle_ms=IDLE_MS)
    assert makers(chat).make(*taken)
    assert asked_again(chat, message) == ("一二三", True)


def test_work_that_cannot_be_read_is_buried_and_the_admins_hear_of_it_once(chat: Chat) -> None:
    shard, command = chat.community.shard, chat.stores.database.command
    command("XADD", keys.STREAM_WORK(shard=shard), "*", "w", b"\xff no task")
    assert make(chat) == [False]
    for _ in range(TRIES + 2):
        for work in waiting(chat, idle_ms=0):
            assert not makers(chat).make(work)
    assert chat.stores.streams.depth() == 0
    (alarm,) = chat.outbox()
    assert f"unread:stream:{shard}:" in alarm.body["markdown"]["content"]


def test_names_of_processes_that_are_gone_are_dropped_from_every_stream_of_work(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_of_work, "IDLE_CONSUMER_MS", -1)
    shard, command = chat.community.shard, chat.stores.database.command
    streams = [key(shard=shard) for key in (keys.INBOX, keys.JOBS, keys.STREAM_WORK)]
    for stream in streams:
        command("XGROUP", "CREATECONSUMER", stream, "bot", "web.gone.7")
    assert clean_up(chat.stores, chat.config, chat.clock())["consumers"] >= len(streams)
    assert [command("XINFO", "CONSUMERS", stream, "bot") for stream in streams] == [[], [], []]
