"""Keys that are replaced while the bot runs: two pairs of a channel at once, and a group's webhook that leaked."""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat import ADMINS, MAIN, SUB, Chat, OpenChat, a_config, build, settings
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

import run
from bot import deliveries
from bot.config import Config, load
from bot.envelope import Envelope, Envelopes
from bot.errors import ConfigError, Refused, UserError
from bot.http import create_app
from bot.metrics import Metrics
from bot.watch import WEBHOOKS_S, keep_up
from bot.ways import Undeliverable
from bot.webhooks import WebhookKeys
from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.events import Events
from storage.webhooks import Webhooks
from tests.outside import Answer, Callback, Channel, aibot_text, app, callback, make_channel, opened, robot_json, robot_xml, seal
from tests.outside import address as address_of
from tests.timing import SLOWER, await_until

pytest_plugins = ("chat",)
NEW = "22222222-new"
STRANGE = "wrSTRANGE"
CORP = "wwCORP"


# Two pairs of keys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rotating:
    """A bot between two pairs of keys, and WeCom with the old and with the new ones. By the last of ``off_s`` the clock of the bot's web is wrong."""

    client: Callable[[], FlaskClient]
    old: dict[str, Channel]
    new: dict[str, Channel]
    off_s: list[float]

    def tell(self, channel: Channel, payload: str, **more: Any) -> Answer:
        """A callback sealed with one of the pairs; ValueError when its answer is not sealed with the same."""
        return self.post(channel, callback(channel, payload, **more))

    def post(self, channel: Channel, asked: Callback) -> Answer:
        answer = self.client().post(asked.target, data=asked.body)
        return opened(channel, asked, Answer(answer.status_code, answer.data))


@pytest.fixture
def rotating(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> Iterator[Rotating]:
    kinds = {"assistant": "aibot", "desk": "app", "robot": "robot"}
    old = {name: make_channel(name, kind, CORP if kind == "app" else "") for name, kind in kinds.items()}
    new = {name: make_channel(name, kind, CORP if kind == "app" else "") for name, kind in kinds.items()}
    new["robot"] = replace(new["robot"], token=old["robot"].token)  # only its key is replaced
    tree = settings() | {"channels": [_written(old[name], new[name]) for name in kinds]}
    bot = build(itertools.count(1), a_config(tmp_path, redis_server.url, tree), dictionary, metrics)
    off_s = [0.0]
    web = create_app(bot.config, bot.pipeline, bot.metrics, lambda: True, lambda: datetime.now(UTC) + timedelta(seconds=off_s[-1]))
    yield Rotating(web.test_client, old, new, off_s)
    bot.stores.database.close()


def _written(old: Channel, new: Channel) -> dict[str, Any]:
    tree: dict[str, Any] = {"name": old.name, "kind": old.kind, "token": old.token, "aes_key": old.aes_key, "aes_key_next": new.aes_key}
    tree |= {"token_next": new.token} if new.token != old.token else {}
    return tree | ({"agent_id": 1000002, "secret": "s"} if old.kind == "app" else {})


@pytest.mark.parametrize("which", ["old", "new"])
def test_both_pairs_open_a_callback_and_the_one_that_did_seals_the_answer(rotating: Rotating, which: str) -> None:
    channels: dict[str, Channel] = getattr(rotating, which)
    assert "积分 +5" in rotating.tell(channels["assistant"], aibot_text("a", "@小助手 签到", chat=MAIN)).said
    assert "积分 +5" in rotating.tell(channels["desk"], app("b", Content="签到")).said
    assert "积分 +5" in rotating.tell(channels["robot"], robot_xml("c", "@小助手 签到", chat=MAIN), as_json=False).said
    assert "积分 +5" in rotating.tell(channels["robot"], robot_json("d", "@小助手 签到", chat=MAIN), as_json=True).said


@pytest.mark.parametrize("off_s", [-400.0, 400.0])
def test_an_answer_bears_wecoms_own_time_however_wrong_the_clock_of_a_machine(rotating: Rotating, off_s: float) -> None:
    rotating.off_s.append(off_s)
    for channel, payload in (("assistant", aibot_text("a", "签到")), ("desk", app("b", Content="签到"))):
        assert "积分 +5" in rotating.tell(rotating.new[channel], payload).said, "WeCom takes no answer of another time"


@pytest.mark.parametrize("which", ["old", "new"])
def test_the_console_can_save_the_address_with_either_pair(rotating: Rotating, which: str) -> None:
    for channel in getattr(rotating, which).values():
        sealed = seal(channel, b"1288432023552776189")
        target, _ = address_of(channel, sealed, echostr=sealed)
        assert rotating.client().get(target).data == b"1288432023552776189"


def test_a_repeat_under_the_new_keys_gets_the_first_answer(rotating: Rotating) -> None:
    payload = aibot_text("a", "@小助手 签到", chat=MAIN)
    first = rotating.tell(rotating.old["assistant"], payload)
    assert rotating.tell(rotating.new["assistant"], payload).plain == first.plain


def test_callbacks_of_both_pairs_are_opened_side_by_side(rotating: Rotating) -> None:
    def tell(number: int) -> str:
        side = rotating.new if number % 2 else rotating.old
        return rotating.tell(side["assistant"], aibot_text(f"u{number}", "@小助手 签到", chat=MAIN)).said

    with ThreadPoolExecutor(8) as pool:
        assert all("积分 +5" in said for said in pool.map(tell, range(60)))


def test_what_neither_pair_signed_is_refused_as_ever(rotating: Rotating) -> None:
    old, new = rotating.old["assistant"], rotating.new["assistant"]
    payload = aibot_text("a", "@小助手 签到", chat=MAIN)
    asked = callback(new, payload)
    stranger = make_channel("assistant", "aibot")
    assert rotating.post(new, replace(asked, body=asked.body.replace(b'"encrypt"', b'"encrypt":"AAAA","x"'))).status == 403
    assert rotating.post(stranger, callback(stranger, payload)).status == 403
    assert rotating.post(old, callback(replace(old, aes_key=new.aes_key), payload)).status == 400, "signed by one, sealed by the other"
    assert rotating.post(old, callback(old, payload, timestamp=int(time.time()) - 3_600)).status == 403
    assert rotating.post(new, callback(new, payload, timestamp=int(time.time()) - 3_600)).status == 403


def test_a_stale_callback_under_the_new_keys_is_called_stale() -> None:
    old, new = make_channel("a", "aibot"), make_channel("a", "aibot")
    envelopes = Envelopes(Envelope(old.token, old.aes_key, ""), Envelope(new.token, new.aes_key, ""))
    asked = callback(new, "{}", timestamp=1_000)
    args = dict(part.split("=", 1) for part in asked.target.partition("?")[2].split("&"))
    with pytest.raises(Refused, match="stale timestamp"):
        envelopes.open_json(args, asked.body, 1_700_000_000.0)


PAIRS = [make_channel("a", "aibot") for _ in range(3)]
"""The old pair, the new one, and a stranger's."""


@given(st.integers(0, 2), st.integers(0, 2), st.text(max_size=40))
@rules(max_examples=80, deadline=None)
def test_only_a_whole_pair_opens(signer: int, sealer: int, text: str) -> None:
    envelopes = Envelopes(*(Envelope(pair.token, pair.aes_key, "") for pair in PAIRS[:2]))
    asked = callback(replace(PAIRS[signer], aes_key=PAIRS[sealer].aes_key), text, timestamp=1_000)
    args = dict(part.split("=", 1) for part in asked.target.partition("?")[2].split("&"))
    if signer == sealer < 2:
        got = envelopes.open_json(args, asked.body, 1_000.0)
        assert (got.plaintext, envelopes.is_next(got.envelope)) == (text, signer == 1)
    else:
        with pytest.raises(Refused):
            envelopes.open_json(args, asked.body, 1_000.0)


def test_new_keys_that_cannot_be_ones_are_named_and_not_shown(tmp_path: Path) -> None:
    tree = settings(app=False)
    tree["channels"][0] |= {"aes_key_next": "tooshort", "token_next": "a b"}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(ConfigError) as problems:
        load(file, {})
    assert "aes_key_next" in str(problems.value)
    assert "token_next" in str(problems.value)
    assert "tooshort" not in str(problems.value)


# A webhook that leaked ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hooks(chat: Chat) -> Callable[[], WebhookKeys]:
    """The webhooks as one process sees them; two calls are two processes."""
    return lambda: WebhookKeys(chat.config, chat.stores.webhooks, chat.stores.groups)


def test_the_configured_webhook_holds_until_it_is_replaced(hooks: Callable[[], WebhookKeys]) -> None:
    assert (hooks().find("main", ""), hooks().find("main", MAIN), hooks().find("main", SUB)) == ("hook-main", "hook-main", None)
    hooks().put("main", "", f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={NEW}", once="o1")
    assert (hooks().find("main", ""), hooks().find("main", MAIN), hooks().find("far", "")) == (NEW, NEW, "hook-far")


def test_a_process_that_remembers_the_old_key_drops_it_within_seconds(chat: Chat) -> None:
    at = [0.0]
    sender = WebhookKeys(chat.config, chat.stores.webhooks, chat.stores.groups, clock=lambda: at[0])
    assert sender.find("main", "") == "hook-main"
    WebhookKeys(chat.config, chat.stores.webhooks, chat.stores.groups).put("main", "", NEW, once="w")
    at[0] = 5.0
    assert sender.find("main", "") == NEW


def test_a_replaced_key_never_comes_back_not_even_by_another_place(hooks: Callable[[], WebhookKeys]) -> None:
    hooks().put("main", ADMINS, NEW, once="o2")
    with pytest.raises(UserError, match="以前被换掉过"):
        hooks().put("main", ADMINS, "hook-admin", once="o3")
    with pytest.raises(UserError, match="以前被换掉过"):
        hooks().put("main", MAIN, "hook-admin", once="o4")
    hooks().put("far", "", "hook-main-too", once="o5")
    hooks().put("main", "", "hook-far-not", once="o6")
    with pytest.raises(UserError):
        hooks().put("main", "", "hook-far", once="o7")


def test_a_leaked_key_that_stands_elsewhere_too_is_not_used_there_either(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    hooks().put("main", "", "hook-far-new", once="o8")
    chat.stores.webhooks.put("main|other", "x", "hook-far", once="y")
    with pytest.raises(Undeliverable, match="已被换掉"):
        hooks().find("far", "")


def test_replacing_says_what_is_wrong(hooks: Callable[[], WebhookKeys]) -> None:
    for place, given_key, why in [
        (("nowhere", ""), NEW, "没有编号为"),
        (("main", "wrX"), NEW, "没有这个群"),
        (("main", SUB), "hook-far", "已经在用这个 Webhook"),
        (("main", ""), "not a key!", "不是群机器人的 Webhook"),
        (("main", ""), "https://example.com/hook?key=somebody-elses", "不是群机器人的 Webhook"),
        (("main", ""), f"https://qyapi.weixin.qq.com.example.com/cgi-bin/webhook/send?key={NEW}", "不是群机器人的 Webhook"),
        (("main", ""), "hook-main", "没有改变"),
    ]:
        with pytest.raises(UserError, match=why) as refused:
            hooks().put(*place, given_key, once="o9")
        assert given_key not in str(refused.value)
    assert hooks().find("main", "") == "hook-main", "what was refused ended nothing"


def test_an_address_of_wecom_is_taken_as_it_is_pasted(hooks: Callable[[], WebhookKeys]) -> None:
    hooks().put("main", "", f" https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={NEW} ", once="o1")
    assert hooks().find("main", "") == NEW


def test_redis_never_holds_a_key_in_the_clear_and_another_sealing_key_opens_nothing(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    hooks().put("main", "", NEW, once="o10")
    database = chat.stores.database
    kept = str([database.command("HGETALL", "qb:{webhooks}:keys"), database.command("SMEMBERS", "qb:{webhooks}:refused")])
    assert NEW not in kept
    assert "hook-main" not in kept
    other = WebhookKeys(chat.config, Webhooks(database, b"A" * 43 + b"="), chat.stores.groups)
    with pytest.raises(Undeliverable, match="打不开"):
        other.find("main", "")


def typed(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis: EmbeddedServer, *words: str, line: str = ""
) -> str:
    """What ``run.py`` says to these words, with a line on its standard input."""
    monkeypatch.setenv("BOT_REDIS_URL", redis.url)
    monkeypatch.setattr(sys, "argv", ["run.py", "--config", str(chat.config.data_path.parent / "config.yaml"), *words])
    monkeypatch.setattr(sys, "stdin", StringIO(line))
    run.entry()
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_an_operator_replaces_a_webhook_and_sees_digests_only(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer
) -> None:
    types = partial(typed, chat, monkeypatch, capsys, redis_server)
    before = types("webhook", "list")
    said = types("webhook", "set", "--untried", "main", line=f"{NEW}\n")
    after = types("webhook", "list")
    assert "五秒内生效" in said
    assert (before.count("来自配置"), after.count("后来放进")) == (3, 1)
    assert not any(secret in text for text in (before, said, after) for secret in (NEW, "hook-main", "hook-admin", "hook-far"))
    (entry,) = [entry for entry in Events(chat.stores.database, chat.stores.shards).read() if entry.kind == "admin"]
    assert entry.data["act"] == "webhook"
    assert NEW not in json.dumps(dict(entry.data))


def test_a_webhook_that_is_put_in_leads_into_a_group_that_had_none(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    assert not chat.config.has_webhook("main", SUB)
    assert deliveries.to_group(chat.config, "main", SUB, "早安", id="p", lane="bulk", now_ms=0) is None
    hooks().put("main", SUB, NEW, once="a")
    post = deliveries.to_group(chat.config, "main", SUB, "早安", id="p", lane="bulk", now_ms=0)
    assert post
    assert (post.via, hooks().find(post.community, post.chat)) == ("webhook", NEW)
    assert not chat.config.has_webhook("far", SUB), "another community's"


def listing(chat: Chat, **community: Any) -> tuple[Config, WebhookKeys]:
    """The bot's memory under a configuration that lists this one community."""
    config = Config.model_validate({"communities": (community,)})
    config.follow_webhooks(chat.stores.webhooks.has)
    return config, WebhookKeys(config, chat.stores.webhooks, chat.stores.groups)


def test_the_admin_group_hears_alarms_by_a_webhook_that_was_put_in(chat: Chat) -> None:
    config, keys = listing(chat, id="main", groups=(MAIN,), admin_group=ADMINS)
    assert deliveries.to_admins(config, "main", "⚠️", id="a", now_ms=0) is None
    keys.put("main", ADMINS, NEW, once="a")
    alarm = deliveries.to_admins(config, "main", "⚠️", id="a", now_ms=0)
    assert alarm
    assert keys.find(alarm.community, alarm.chat) == NEW


def test_an_unlisted_group_has_one_webhook_and_keeps_it_when_it_is_listed_under_its_own_name(chat: Chat) -> None:
    keys = WebhookKeys(chat.config, chat.stores.webhooks, chat.stores.groups)
    with pytest.raises(UserError, match="没有编号为"):
        keys.put(STRANGE, "", NEW, once="a")
    chat.says("签到", group=STRANGE)
    keys.put(STRANGE, "", NEW, once="b")
    assert (keys.find(STRANGE, ""), keys.find(STRANGE, STRANGE)) == (NEW, NEW)
    assert chat.config.has_webhook(STRANGE, STRANGE)
    listed, same = listing(chat, id=STRANGE, groups=(STRANGE,))
    assert (same.find(STRANGE, ""), listed.has_webhook(STRANGE)) == (NEW, True)
    moved, others = listing(chat, id="elsewhere", groups=(STRANGE,))
    assert [one.is_idle for one in others.all()] == [True]
    assert not moved.has_webhook("elsewhere", STRANGE)


def test_one_webhook_posts_into_one_group_only(hooks: Callable[[], WebhookKeys]) -> None:
    with pytest.raises(UserError, match="far 的群 wrFAR已经在用这个 Webhook"):
        hooks().put("main", SUB, "hook-far", once="a")
    hooks().put("main", SUB, NEW, once="b")
    with pytest.raises(UserError, match="main 的群 wrSUB已经在用"):
        hooks().put("far", "", NEW, once="c")


def test_what_was_put_in_is_taken_out_and_may_be_put_in_again_elsewhere(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    put = hooks().put("main", SUB, NEW, once="a")
    assert hooks().remove("main", SUB, once="b").before == put.digest
    assert hooks().find("main", SUB) is None
    assert not chat.config.has_webhook("main", SUB)
    hooks().put("main", ADMINS, "hook-admin-new", once="c")
    with pytest.raises(UserError, match=r"写在 config\.yaml 里"):
        hooks().remove("main", ADMINS, once="d")
    with pytest.raises(UserError, match="没有放进来的"):
        hooks().remove("main", SUB, once="e")
    chat.says("签到", group=STRANGE)
    hooks().put(STRANGE, STRANGE, NEW, once="f")
    assert hooks().find(STRANGE, STRANGE) == NEW


def test_a_change_that_is_repeated_is_made_once(hooks: Callable[[], WebhookKeys]) -> None:
    first = hooks().put("main", SUB, NEW, once="a")
    assert hooks().put("main", SUB, NEW, once="a") == first
    gone = hooks().remove("main", SUB, once="b")
    hooks().put("main", SUB, "another-key", once="c")
    assert hooks().remove("main", SUB, once="b") == gone
    assert hooks().find("main", SUB) == "another-key", "a late repeat takes nothing out"


def test_another_process_learns_within_two_seconds_that_a_group_has_a_webhook(open_chat: OpenChat) -> None:
    here, there = open_chat(), open_chat()
    stop = threading.Event()
    thread = threading.Thread(target=keep_up, args=("webhooks", there.stores.webhooks.keep_up, WEBHOOKS_S, stop), daemon=True)
    thread.start()
    try:
        WebhookKeys(here.config, here.stores.webhooks, here.stores.groups).put("main", SUB, NEW, once="a")
        began = time.monotonic()
        await_until(lambda: there.config.has_webhook("main", SUB), what="the other process to know")
        assert time.monotonic() - began < 2 * SLOWER
    finally:
        stop.set()
        thread.join(5)
    assert open_chat().config.has_webhook("main", SUB), "a process that starts knows it"


def test_asking_whether_a_group_has_a_webhook_costs_no_round_trip(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    hooks().put("main", SUB, NEW, once="a")
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    assert deliveries.to_group(chat.config, "main", SUB, "早安", id="p", lane="bulk", now_ms=0)
    assert made == []


def test_the_command_puts_in_and_takes_out(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer
) -> None:
    types = partial(typed, chat, monkeypatch, capsys, redis_server)
    assert "已放入" in types("webhook", "set", "--untried", "main", SUB, line=f"{NEW}\n")
    assert f"main  {SUB}" in types("webhook", "list")
    assert "已拿走" in types("webhook", "remove", "main", SUB)
    assert SUB not in types("webhook", "list")
    assert [row.act for row in chat.stores.audit.newest("main", 2)] == ["拿走 Webhook", "添加 Webhook"]
