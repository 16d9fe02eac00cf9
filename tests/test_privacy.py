"""A person's rights: every store gives away and forgets; after an erasure nothing in Redis leads to him, whatever he did before."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator

import pytest
from casework import in_service
from chat import Chat, OpenChat
from lives import MARK, NAME, USER, everything, lead_a_rich_life, with_accidents

import storage
from bot.errors import UserError
from handlers.privacy import export_person, find_member
from storage.personal import Personal
from storage.stores import Stores

pytest_plugins = ("chat",)

KEEPS_NOTHING = {"Bell": "listens"}


def storage_classes() -> Iterator[type]:
    """Every class of storage/ that is built on a database."""
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{found.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            takes = getattr(kind.__init__, "__annotations__", {})  # of an exception, say, none
            if kind.__module__ == module.__name__ and kind is not Stores and "Database" in takes.values():
                yield kind


def test_every_class_that_keeps_something_says_what_and_can_give_it_away_and_forget_it() -> None:
    kinds = {kind.__name__: kind for kind in storage_classes() if kind.__name__ not in KEEPS_NOTHING}
    assert len(kinds) > 12
    for name, kind in kinds.items():
        told = getattr(kind, "PERSONAL", None)
        assert isinstance(told, Personal), f"{name} has to declare what it keeps of persons (storage/personal.py), even if that is nothing"
        keeps = hasattr(kind, "export_user") and hasattr(kind, "erase_user")
        assert keeps or not told.what, f"{name} has to implement export_user and erase_user"


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


def traces(chat: Chat, *words: str) -> set[tuple[str, str]]:
    """Which of the words stand where in Redis, plain or as JSON escapes."""
    forms = [(word, form) for word in words for form in (word.encode(), json.dumps(word)[1:-1].encode())]
    return {(word, key) for key, held in everything(chat).items() for word, form in forms if form in held}


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
