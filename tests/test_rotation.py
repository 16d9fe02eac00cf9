"""Keys that are replaced while the bot runs: two pairs of a channel at once, and a group's webhook that leaked."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat import ADMINS, MAIN, SUB, Chat, a_config, build, settings
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

import run
from bot.config import load
from bot.envelope import Envelope, Envelopes
from bot.errors import ConfigError, Refused, UserError
from bot.http import create_app
from bot.metrics import Metrics
from bot.ways import Undeliverable
from bot.webhooks import WebhookKeys
from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.events import Events
from storage.webhooks import Webhooks
from tests.outside import Answer, Callback, Channel, aibot_text, app, callback, make_channel, opened, robot_json, robot_xml, seal
from tests.outside import address as address_of

pytest_plugins = ("chat",)
NEW = "22222222-new"
CORP = "wwCORP"


# Two pairs of keys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rotating:
    """A bot between two pairs of keys, and WeCom with the old and with the new ones."""

    client: Callable[[], FlaskClient]
    old: dict[str, Channel]
    new: dict[str, Channel]

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
    web = create_app(bot.config, bot.pipeline, bot.metrics, lambda: True, lambda: datetime.now(UTC))
    yield Rotating(web.test_client, old, new)
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
    return lambda: WebhookKeys(chat.config, chat.stores.webhooks)


def test_the_configured_webhook_holds_until_it_is_replaced(hooks: Callable[[], WebhookKeys]) -> None:
    assert (hooks().find("main", ""), hooks().find("main", MAIN), hooks().find("main", SUB)) == ("hook-main", "hook-main", None)
    hooks().replace("main", "", f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={NEW}")
    assert (hooks().find("main", ""), hooks().find("main", MAIN), hooks().find("far", "")) == (NEW, NEW, "hook-far")


def test_a_process_that_remembers_the_old_key_drops_it_within_seconds(chat: Chat) -> None:
    at = [0.0]
    sender = WebhookKeys(chat.config, chat.stores.webhooks, clock=lambda: at[0])
    assert sender.find("main", "") == "hook-main"
    WebhookKeys(chat.config, chat.stores.webhooks).replace("main", "", NEW)
    at[0] = 5.0
    assert sender.find("main", "") == NEW


def test_a_replaced_key_never_comes_back_not_even_by_another_place(hooks: Callable[[], WebhookKeys]) -> None:
    hooks().replace("main", ADMINS, NEW)
    with pytest.raises(UserError, match="以前被换掉过"):
        hooks().replace("main", ADMINS, "hook-admin")
    with pytest.raises(UserError, match="以前被换掉过"):
        hooks().replace("main", MAIN, "hook-admin")
    hooks().replace("far", "", "hook-main-too")
    hooks().replace("main", "", "hook-far-not")
    with pytest.raises(UserError):
        hooks().replace("main", "", "hook-far")


def test_a_leaked_key_that_stands_elsewhere_too_is_not_used_there_either(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    hooks().replace("main", "", "hook-far-new")
    chat.stores.webhooks.replace("main|other", "x", "hook-far")
    with pytest.raises(Undeliverable, match="已被换掉"):
        hooks().find("far", "")


def test_replacing_says_what_is_wrong(hooks: Callable[[], WebhookKeys]) -> None:
    for place, given_key, why in [
        (("nowhere", ""), NEW, "没有编号为"),
        (("main", "wrX"), NEW, "没有这个群"),
        (("main", SUB), NEW, "还没有 webhook"),
        (("main", ""), "not a key!", "不是群机器人的 Webhook"),
        (("main", ""), "hook-main", "没有改变"),
    ]:
        with pytest.raises(UserError, match=why) as refused:
            hooks().replace(*place, given_key)
        assert given_key not in str(refused.value)


def test_redis_never_holds_a_key_in_the_clear_and_another_sealing_key_opens_nothing(chat: Chat, hooks: Callable[[], WebhookKeys]) -> None:
    hooks().replace("main", "", NEW)
    database = chat.stores.database
    kept = str([database.command("HGETALL", "qb:{webhooks}:keys"), database.command("SMEMBERS", "qb:{webhooks}:refused")])
    assert NEW not in kept
    assert "hook-main" not in kept
    other = WebhookKeys(chat.config, Webhooks(database, b"A" * 43 + b"="))
    with pytest.raises(Undeliverable, match="打不开"):
        other.find("main", "")


def test_an_operator_replaces_a_webhook_and_sees_digests_only(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer
) -> None:
    monkeypatch.setenv("BOT_REDIS_URL", redis_server.url)
    config = str(chat.config.data_path.parent / "config.yaml")

    def types(*words: str, line: str = "") -> str:
        monkeypatch.setattr(sys, "argv", ["run.py", "--config", config, *words])
        monkeypatch.setattr(sys, "stdin", StringIO(line))
        run.entry()
        shown = capsys.readouterr()
        return shown.out + shown.err

    before = types("webhook", "list")
    said = types("webhook", "set", "main", line=f"{NEW}\n")
    after = types("webhook", "list")
    assert "五秒内生效" in said
    assert (before.count("来自配置"), after.count("来自命令")) == (3, 1)
    assert not any(secret in text for text in (before, said, after) for secret in (NEW, "hook-main", "hook-admin", "hook-far"))
    (entry,) = [entry for entry in Events(chat.stores.database, chat.stores.shards).read() if entry.kind == "admin"]
    assert entry.data["act"] == "webhook"
    assert NEW not in json.dumps(dict(entry.data))
