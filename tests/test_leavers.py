"""People who left the company: their rights end by themselves, the others hear of it, and nothing more is sent to them."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from chat import ADMINS, Chat, a_config, build, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from vendor import Vendor, vendor

import run
from bot.channels import KINDS
from bot.check import Check
from bot.client import WeComClient, Wire
from bot.config import ADMINS as ADMIN_PLACE
from bot.leavers import Reach, left_admins
from bot.message import Message
from bot.metrics import Metrics
from bot.sender import Sender
from bot.ways import Lookups, Ways
from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.leavers import Leavers
from storage.limits import Limits
from storage.outbox import Delivery
from storage.tokens import TokenStore
from tests.timing import Clock

pytest_plugins = ("chat",)
OpenOffice = Callable[[], Chat]


@pytest.fixture
def open_office(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> Iterator[OpenOffice]:
    """A bot with two administrators, boss and deputy, whom it knows; every call is another process."""
    tree, clock, numbers = settings() | {"admins": ["boss", "deputy"]}, Clock(), itertools.count(1)
    opened: list[Chat] = []

    def open_one() -> Chat:
        opened.append(build(numbers, a_config(tmp_path, redis_server.url, tree), dictionary, metrics, clock=clock))
        for admin in ("boss", "deputy"):
            opened[-1].stores.directory.enrol(admin)
        return opened[-1]

    yield open_one
    for one in opened:
        one.stores.database.close()


@pytest.fixture
def office(open_office: OpenOffice) -> Chat:
    return open_office()


def changed(bot: Chat, change: str, user: str, new_user: str = "", at: int = 0) -> Message:
    """What WeCom sends when the company's directory changes."""
    fields = {"ToUserName": "wwCORP", "FromUserName": "sys", "CreateTime": at or int(bot.clock().timestamp()), "MsgType": "event"}
    fields |= {"Event": "change_contact", "ChangeType": change, "UserID": user} | ({"NewUserID": new_user} if new_user else {})
    return _parsed(fields)


def subscribes(bot: Chat, user: str) -> Message:
    at = int(bot.clock().timestamp())
    return _parsed({"ToUserName": "wwCORP", "FromUserName": user, "CreateTime": at, "MsgType": "event", "Event": "subscribe"})


def _parsed(fields: dict[str, Any]) -> Message:
    root = ET.Element("xml")
    for name, value in fields.items():
        ET.SubElement(root, name).text = str(value)
    return KINDS["app"].parse(ET.tostring(root, encoding="unicode"), channel="desk")


def may_see_figures(bot: Chat, user: str) -> bool:
    return "只有管理员" not in bot.says("数据", user=user, group=ADMINS)


def acts(bot: Chat) -> list[tuple[str, str]]:
    return [(entry.kind, entry.data["act"]) for entry in bot.log() if entry.data.get("act") in ("left", "back")]


# Rights ---------------------------------------------------------------------------------------------------------------------


def test_an_administrator_who_is_deleted_loses_his_rights_and_the_others_hear_of_it(office: Chat) -> None:
    assert may_see_figures(office, "boss")
    office.receive(changed(office, "delete_user", "boss"))
    assert not may_see_figures(office, "boss")
    assert may_see_figures(office, "deputy")
    told = {(delivery.via, delivery.chat or delivery.member) for delivery in office.outbox()}
    assert told == {("webhook", ADMIN_PLACE), ("app", office.member("deputy"))}
    assert all("已不在企业里" in str(delivery.body) and "boss" not in str(delivery.body) for delivery in office.outbox())
    assert acts(office) == [("admin", "left")]
    assert left_admins(office.config, office.stores.leavers) == ["boss"]


def test_other_processes_take_his_rights_within_five_seconds(open_office: OpenOffice, database: Database) -> None:
    at = [0.0]
    elsewhere = Leavers(database, open_office().config.data_path.joinpath("evidence.key").read_bytes().strip(), clock=lambda: at[0])
    assert not elsewhere.has_left("boss")
    here = open_office()
    here.receive(changed(here, "delete_user", "boss"))
    at[0] = 5.0
    assert elsewhere.has_left("boss")


def test_the_same_event_again_tells_and_notes_nothing_again(office: Chat) -> None:
    at = int(office.clock().timestamp())
    for _ in range(2):
        office.receive(changed(office, "delete_user", "boss", at=at))
    office.receive(changed(office, "delete_user", "boss", at=at + 60))
    assert len(office.outbox()) == 2
    assert acts(office) == [("admin", "left")]


def test_an_administrator_who_is_created_again_has_his_rights_back_with_an_alarm(office: Chat) -> None:
    office.receive(changed(office, "delete_user", "boss"))
    office.later(days=1)
    office.receive(changed(office, "create_user", "boss"))
    assert may_see_figures(office, "boss")
    assert sum("回到了企业" in str(delivery.body) for delivery in office.outbox()) == 2
    assert acts(office) == [("admin", "left"), ("admin", "back")]


def test_an_administrator_who_opens_the_app_again_is_back_too(office: Chat) -> None:
    office.receive(changed(office, "delete_user", "boss"))
    office.receive(subscribes(office, "boss"))
    assert may_see_figures(office, "boss")


def test_an_operator_takes_back_what_was_noted_by_mistake(
    office: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer
) -> None:
    office.receive(changed(office, "delete_user", "boss"))
    monkeypatch.setenv("BOT_REDIS_URL", redis_server.url)
    monkeypatch.setattr(sys, "argv", ["run.py", "--config", str(office.config.data_path.parent / "config.yaml"), "rehire", "boss"])
    run.entry()
    assert "已取消" in capsys.readouterr().out
    assert left_admins(office.config, Leavers(office.stores.database, office.stores.leavers._key)) == []
    with pytest.raises(SystemExit):
        run.entry()
    assert "没有离职标记" in capsys.readouterr().err
    assert acts(office) == [("admin", "left"), ("admin", "back")]


def test_an_administrators_old_id_has_no_rights_after_a_renaming(office: Chat) -> None:
    office.receive(changed(office, "update_user", "boss", "chief"))
    office.receive(changed(office, "update_user", "boss", "chief", at=1))
    assert not may_see_figures(office, "boss")
    assert not may_see_figures(office, "chief")
    assert acts(office) == [("admin", "left")]


def test_a_member_who_is_renamed_has_not_left(office: Chat) -> None:
    office.says("签到")
    office.receive(changed(office, "update_user", "lilei", "lilei2"))
    assert acts(office) == []


def test_a_colleague_who_joins_or_is_unknown_leaves_no_trace_among_the_leavers(office: Chat, database: Database) -> None:
    office.receive(changed(office, "create_user", "newcomer"))
    office.receive(changed(office, "update_user", "deputy"))
    assert database.command("EXISTS", "qb:{people}:left") == 0
    assert acts(office) == []
    assert office.outbox() == []


def test_erasing_an_administrator_who_left_does_not_give_his_rights_back(office: Chat) -> None:
    office.receive(changed(office, "delete_user", "boss"))
    done = office.erase("boss")
    assert "保留" in done["离职"]
    assert not may_see_figures(office, "boss")


def test_a_member_who_left_is_exported_and_erased_with_his_mark(office: Chat, database: Database) -> None:
    office.says("签到")
    office.receive(changed(office, "delete_user", "lilei"))
    assert "离职" in office.stores.leavers.export_user(office.member("lilei"))
    assert "lilei" not in str(database.command("HGETALL", "qb:{people}:left"))
    office.erase("lilei")
    assert database.command("EXISTS", "qb:{people}:left") == 0


@given(st.lists(st.tuples(st.sampled_from(["delete_user", "create_user"]), st.sampled_from(["boss", "deputy", "lilei"])), max_size=8))
@rules(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_rights_are_as_the_last_event_says(office: Chat, database: Database, events: list[tuple[str, str]]) -> None:
    last = dict.fromkeys(("boss", "deputy", "lilei"), "create_user")
    for user in last:
        office.receive(changed(office, "create_user", user))
    for change, user in events:
        office.later(seconds=61)
        office.receive(changed(office, change, user))
        last[user] = change
    assert {user: may_see_figures(office, user) for user in last} == {
        "boss": last["boss"] == "create_user",
        "deputy": last["deputy"] == "create_user",
        "lilei": False,
    }


def test_check_names_an_administrator_who_left(office: Chat) -> None:
    office.receive(changed(office, "delete_user", "boss"))
    parts = Check(office.config, lambda: nullcontext(office.stores), office.clock, is_online=False).parts()
    said = [finding.text for part in parts for finding in part.findings if "admins" in finding.text]
    assert len(said) == 1
    assert said[0].startswith("admins：boss 已不在企业里")


# What is sent ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wecom() -> Iterator[Vendor]:
    with vendor() as double:
        yield double


def sender_of(bot: Chat, wecom: Vendor, dead: list[tuple[str, str]]) -> Sender:
    """The sender as ``run.py worker`` builds it."""
    wire, database, reach = Wire(wecom.base), bot.stores.database, Reach(bot.stores, bot.config, bot.clock)
    client = reach.watched(WeComClient("wwCORP", "s", wire=wire, tokens=TokenStore(database), now=bot.clock))
    lookups = Lookups(webhook_key=lambda community, chat: "KEY", user_id=reach.find_user, app=lambda name: (client, 1000002))
    return Sender(
        bot.stores.outbox, Limits(database), Ways(wire, lookups).table(), now=bot.clock, shards=range(bot.stores.shards),
        on_dead=lambda delivery, reason: dead.append((delivery.id, reason)), rng=random.Random(1),
    )  # fmt: skip


def queue(bot: Chat, user: str, *ids: str) -> None:
    now_ms = int(bot.clock().timestamp() * 1000)
    body = {"msgtype": "text", "text": {"content": "提醒"}}
    number = bot.member(user)
    waiting = [
        Delivery(
            id=id, lane="now", target=f"app.desk.{number}", via="app", community="main", channel="desk", member=number,
            born_ms=now_ms, body=body,
        )
        for id in ids
    ]  # fmt: skip
    bot.stores.outbox.enqueue(3, waiting, now_ms)


def test_what_waits_for_a_leaver_becomes_dead_letters_with_the_reason(office: Chat, wecom: Vendor) -> None:
    office.says("签到")
    queue(office, "lilei", "one", "two")
    office.receive(changed(office, "delete_user", "lilei"))
    dead: list[tuple[str, str]] = []
    sender_of(office, wecom, dead).drain_once()
    sender_of(office, wecom, dead).drain_once()
    assert [id for id, _ in dead] == ["one", "two"]
    assert all("不在通讯录" in reason for _, reason in dead)
    assert wecom.sent("message/send") == []


def test_an_administrator_whom_wecom_does_not_know_any_more_loses_his_rights(office: Chat, wecom: Vendor) -> None:
    queue(office, "boss", "one", "two")
    wecom.will("message/send", {"errcode": 60111, "errmsg": "userid not found"})
    dead: list[tuple[str, str]] = []
    for _ in range(2):
        sender_of(office, wecom, dead).drain_once()
    assert [id for id, _ in dead] == ["one", "two"]
    assert "60111" in dead[0][1]
    assert not may_see_figures(office, "boss")
    assert acts(office) == [("admin", "left")]
    assert len([body for body in wecom.sent("message/send") if body["touser"] == "boss"]) == 1


def test_another_refusal_takes_nobodys_rights(office: Chat, wecom: Vendor) -> None:
    queue(office, "boss", "one")
    wecom.will("message/send", {"errcode": 81013, "errmsg": "all invalid"})
    sender_of(office, wecom, []).drain_once()
    assert may_see_figures(office, "boss")


def test_the_clock_of_the_mark_is_the_bots(office: Chat) -> None:
    office.says("签到")
    office.receive(changed(office, "delete_user", "lilei"))
    since = datetime.fromisoformat(office.stores.leavers.export_user(office.member("lilei"))["离职"])
    assert abs((since - office.clock()).total_seconds()) < 1
    assert since.tzinfo == UTC
