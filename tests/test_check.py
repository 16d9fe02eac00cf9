"""``run.py check``: what it says of each channel, that everything wrong has a cure, and that nobody notices it looking."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Response
from vendor import Vendor, vendor

import run
from bot import canary, cures, tries, ways_in
from bot.check import Check, Part
from bot.client import Wire
from bot.config import CHANNEL_MODELS, Config, load
from bot.errors import ApiError, UserError
from bot.tries import BAD, GOOD, NOTE, ODD
from bot.verdicts import VERDICTS
from bot.webhooks import WebhookKeys
from commands.build import open_all, try_webhook
from rules.contents import KINDS, to_items
from simulator.config import Channel, SimulatorConfig, parse_config
from simulator.longlink import LongLink
from simulator.pretend import PretendWeCom
from simulator.server import Server, serve
from simulator.world import World
from storage.calls import Calls
from storage.connection import Database, StorageAway
from storage.content import ContentStore
from storage.embedded import EmbeddedServer
from storage.moment import to_ms
from storage.stores import Stores

ROOT = Path(__file__).parent.parent
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SECRETS = {
    "TOKEN": "a-token-of-ours",
    "AES": KEY,
    "DESK_SECRET": "the-desk-secret",
    "CONTACT_SECRET": "the-contact-secret",
    "LIVE_SECRET": "the-live-secret",
    "MAIN_HOOK": "hook-of-main",
    "ADMIN_HOOK": "hook-of-admins",
}
URL = {"token": "${TOKEN}", "aes_key": "${AES}"}
CHANNELS: list[dict[str, Any]] = [
    {"name": "assistant", "kind": "aibot", **URL},
    {"name": "desk", "kind": "app", **URL, "agent_id": 1000002, "secret": "${DESK_SECRET}"},
    {"name": "robot", "kind": "robot", **URL},
    {"name": "customers", "kind": "contact", **URL, "secret": "${CONTACT_SECRET}"},
    {"name": "ear", "kind": "archive"},
]
LIVE = {"name": "live", "kind": "aibot_ws", "bot_id": "BOT1", "secret": "${LIVE_SECRET}"}
COMMUNITY = {"id": "main", "groups": ["wrMAIN"], "webhook": "${MAIN_HOOK}", "admin_group": "wrADMIN", "admin_webhook": "${ADMIN_HOOK}"}


def free_port() -> int:
    """A port where nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def wecom() -> Iterator[Server]:
    """A pretend WeCom that knows our app, our customers and our webhooks."""
    same = {"token": SECRETS["TOKEN"], "aes_key": KEY}
    raw = {
        "corp_id": "wwCORP",
        "channels": [
            {"name": "desk", "kind": "app", **same, "agent_id": 1000002, "secret": SECRETS["DESK_SECRET"]},
            {"name": "customers", "kind": "contact", **same, "secret": SECRETS["CONTACT_SECRET"]},
        ],
        "people": [{"user": "boss", "name": "老板"}],
        "groups": [
            {"id": "wrMAIN", "name": "主群", "members": ["boss"], "webhook_key": SECRETS["MAIN_HOOK"]},
            {"id": "wrADMIN", "name": "管理群", "members": ["boss"], "webhook_key": SECRETS["ADMIN_HOOK"]},
        ],
    }
    with serve(PretendWeCom(parse_config(raw))) as server:
        yield server


pytestmark = pytest.mark.usefixtures("durable")


class Stage:
    """A configuration, and what a check of it says. Settings are as in config.yaml; ``secrets`` replace those of the environment."""

    def __init__(self, folder: Path, redis: EmbeddedServer, base: str) -> None:
        self._folder, self._redis, self._base = folder, redis, base
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def config(self, *, secrets: dict[str, str] | None = None, **settings: Any) -> Config:
        tree = {
            "wecom": {"corp_id": "wwCORP", "api_base": self._base, "ws_url": "ws://127.0.0.1:9"},
            "server": {"port": free_port()},
            "channels": CHANNELS,
            "communities": [COMMUNITY],
            "content": str(ROOT / "rules" / "content"),
            "data_dir": str(self._folder / "data"),
        }
        file = self._folder / "config.yaml"
        file.write_text(yaml.safe_dump(tree | settings, allow_unicode=True), encoding="utf-8")
        return load(file, SECRETS | {"BOT_REDIS_URL": self._redis.url} | (secrets or {}))

    def parts(self, *, is_online: bool = True, **settings: Any) -> list[Part]:
        config = self.config(**settings)
        return list(Check(config, lambda: self._stores(config), self.now, is_online=is_online).parts())

    def marked(self, mark: str, **settings: Any) -> list[str]:
        return [finding.text for part in self.parts(**settings) for finding in part.findings if finding.mark == mark]

    @contextmanager
    def _stores(self, config: Config) -> Iterator[Stores]:
        stores = open_all(config, "test", clock=self.now)
        try:
            yield stores
        finally:
            stores.database.close()


@pytest.fixture
def stage(tmp_path: Path, redis_server: EmbeddedServer, database: object, wecom: Server) -> Stage:
    del database  # an empty one
    wecom.pretend.tokens.forget()
    return Stage(tmp_path, redis_server, wecom.url)


@pytest.fixture
def double() -> Iterator[Vendor]:
    with vendor() as double:
        yield double


@pytest.fixture
def scripted(tmp_path: Path, redis_server: EmbeddedServer, database: object, double: Vendor) -> Stage:
    """A stage on a double of WeCom that answers by script."""
    del database
    return Stage(tmp_path, redis_server, double.base)


# What to enter where --------------------------------------------------------------------------------------------------------


def test_each_channel_says_what_to_enter_where_and_no_secret_is_shown(stage: Stage) -> None:
    parts = stage.parts(
        channels=[*CHANNELS, LIVE], server={"public_url": "https://bot.example.com/wecom-bot", "port": free_port()}, is_online=False
    )
    shown = "\n".join([part.title + "\n" + "\n".join([*part.lines, *(finding.text for finding in part.findings)]) for part in parts])
    for expected in (
        "应用管理 → 自建 → 这个应用 → 接收消息 → 设置 API 接收",
        "https://bot.example.com/wecom-bot/wecom/desk",
        "环境变量 TOKEN 的值",
        "环境变量 DESK_SECRET 的值",
        "环境变量 LIVE_SECRET 的值",
        "企业可信 IP",
    ):
        assert expected in shown, expected
    assert [value for value in SECRETS.values() if value in shown] == []


def test_an_answer_whose_picture_or_file_is_not_there_is_a_problem(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "content"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "fine.pdf").write_bytes(b"%PDF-1.4")
    (folder / "files" / "page.png").write_bytes(b"<html>")
    rows = ("image: gone.png", "image: page.png", "file: fine.pdf", "file: 'https://example.com/a.pdf'")
    text = "".join(f"- {{id: e{number}, question: 问 {number}, answer: 答, {row}}}\n" for number, row in enumerate(rows))
    (folder / "faq.yaml").write_text(text, encoding="utf-8")
    first, second = stage.marked(BAD, content=str(folder), is_online=False)
    assert "faq.yaml：“e0”：没有“gone.png”这个文件" in first
    assert "faq.yaml：“e1”：“page.png”不是 JPG 或 PNG 图片" in second


SHOP = "items:\n  - {id: mug, name: 马克杯, price: 5, min_level: gold}\n  - {id: hat, name: 帽子, price: 5, min_level: '1'}\n"
CHALLENGES = """
- {id: early, title: 早起, days: 3, badge: nobodys, min_level: gold}
- {id: late, title: 晚睡, days: 3, badge: early_bird, min_level: '1'}
"""
LEVELS = "- {id: '1', name: 新芽, at: 0}\n"
BADGES = "- {id: early_bird, name: 早起的鸟}\n"


@pytest.mark.parametrize("is_started", [False, True])
def test_an_item_and_a_challenge_that_name_what_is_nowhere_are_named(
    stage: Stage, tmp_path: Path, database: Database, is_started: bool
) -> None:
    texts = {"shop": SHOP, "challenges": CHALLENGES, "levels": LEVELS, "badges": BADGES}
    folder = tmp_path / "content"
    folder.mkdir()
    for kind, text in texts.items():
        (folder / f"{kind}.yaml").write_text("" if is_started else text, encoding="utf-8")
        if is_started:
            ContentStore(database).put(kind, to_items(KINDS[kind], text), "boss", datetime.now(UTC))
    said = [text for text in stage.marked(ODD, content=str(folder), is_online=False) if "没有这个 id" in text]
    assert [text.partition("，")[0] for text in said] == [
        "shop.yaml：商品“mug”的 min_level 写的是“gold”",
        "challenges.yaml：挑战“early”的 min_level 写的是“gold”",
        "challenges.yaml：挑战“early”的 badge 写的是“nobodys”",
    ]
    assert "谁也换不了它。改成其中一个：1；或者去掉它（content export shop）" in said[0]
    assert "early_bird" in said[2]


def test_the_shipped_content_names_nothing_that_is_nowhere(stage: Stage) -> None:
    assert [text for text in stage.marked(ODD, is_online=False) if "没有这个 id" in text] == []


def test_a_secret_that_is_written_out_is_a_problem_and_is_named_by_its_place(stage: Stage) -> None:
    channel = {"name": "assistant", "kind": "aibot", "token": "written-out", "aes_key": "${AES}"}
    (problem,) = stage.marked(BAD, channels=[channel], communities=[])
    assert "channels[0].token：直接写出了密钥" in problem
    part = next(part for part in stage.parts(channels=[channel], communities=[]) if part.title.startswith("渠道 assistant"))
    assert "config.yaml 里 channels[0].token 的值" in "\n".join(part.lines)
    assert "written-out" not in repr(part)


def test_a_change_of_keys_says_how_it_ends(stage: Stage) -> None:
    changing = CHANNELS[0] | {"token_next": "${NEXT}"}
    odd = stage.marked(ODD, channels=[changing], communities=[], secrets={"NEXT": "the-next-token"})
    assert any("把 token_next、aes_key_next 移到 token、aes_key，重启" in text for text in odd)


# What is tried --------------------------------------------------------------------------------------------------------------


def test_a_good_configuration_has_no_problem_and_nothing_is_posted(stage: Stage, wecom: Server) -> None:
    before = [len(wecom.pretend.world.posts(group)) for group in ("wrMAIN", "wrADMIN")]
    assert stage.marked(BAD) == []
    good = stage.marked(GOOD)
    for expected in (
        "Secret：对",
        "应用 1000002：找得到",
        "客户联系：Secret 对",
        "main 的群 wrMAIN：key 对",
        "main 的管理群：key 对",
        "时间：与企业微信一致",
    ):
        assert any(expected in text for text in good), expected
    assert [len(wecom.pretend.world.posts(group)) for group in ("wrMAIN", "wrADMIN")] == before


def test_every_wrong_secret_is_found_at_once_with_its_cure(stage: Stage) -> None:
    wrong = {"DESK_SECRET": "wrong-1", "CONTACT_SECRET": "wrong-2", "MAIN_HOOK": "wrong-3"}
    problems = stage.marked(BAD, secrets=wrong)
    assert len(problems) == 3
    assert "取 access_token：Secret 不对，或应用已停用" in problems[0]
    assert "客户联系：Secret 不对" in problems[1]
    assert "main 的群 wrMAIN：Webhook 的 key 不对，或机器人已被移出群" in problems[2]
    assert "（错误码 93000）" in problems[2]
    assert [value for value in wrong.values() if value in "".join(problems)] == []


def test_an_agent_id_of_another_app_is_found(stage: Stage) -> None:
    (problem,) = stage.marked(BAD, channels=[CHANNELS[1] | {"agent_id": 1000003}], communities=[])
    assert "应用 1000003：AgentId 和 Secret 不是同一个应用" in problem


def test_an_address_that_is_not_trusted_is_named(scripted: Stage, double: Vendor) -> None:
    refusal = "not allow to access from your ip, hint: [1764060000_1], from ip: 203.0.113.7, more info at https://open.work.weixin.qq.com"
    double.will("agent/get", {"errcode": 60020, "errmsg": refusal})
    (problem,) = scripted.marked(BAD, channels=[CHANNELS[1]], communities=[])
    assert "企业可信 IP" in problem
    assert "本机的出口 IP 是 203.0.113.7（错误码 60020）" in problem


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ({"close": 1, "allow_partys": {"partyid": [1]}}, "应用已被停用"),
        ({"close": 0, "allow_userinfos": {"user": []}, "allow_partys": {}}, "可见范围是空的"),
    ],
)
def test_an_app_that_nobody_can_use_is_a_problem(scripted: Stage, double: Vendor, agent: dict[str, Any], said: str) -> None:
    double.will("agent/get", {"errcode": 0, "errmsg": "ok", **agent})
    problems = scripted.marked(BAD, channels=[CHANNELS[1]], communities=[])
    assert any(said in problem for problem in problems)


def test_a_secret_without_the_right_to_customers_is_found(scripted: Stage, double: Vendor) -> None:
    double.will("externalcontact/groupchat/list", {"errcode": 48002, "errmsg": "api forbidden"})
    (problem,) = scripted.marked(BAD, channels=[CHANNELS[3]], communities=[])
    assert "可调用接口的应用" in problem


def test_too_many_owners_are_a_proof_of_the_right(scripted: Stage, double: Vendor) -> None:
    double.will("externalcontact/groupchat/list", {"errcode": 81017, "errmsg": "too many"})
    assert scripted.marked(BAD, channels=[CHANNELS[3]], communities=[]) == []


def test_one_webhook_for_two_groups_is_worth_a_look(stage: Stage) -> None:
    odd = stage.marked(ODD, channels=[], communities=[COMMUNITY | {"admin_webhook": "${MAIN_HOOK}"}])
    assert any("main 的管理群：与main 的群 wrMAIN用同一个 Webhook" in text for text in odd)


@pytest.mark.parametrize(("ahead_s", "said"), [(90, "快 90 秒"), (-300, "慢 300 秒"), (0, ""), (40, "")])
def test_a_clock_that_nobody_sets_is_found(stage: Stage, ahead_s: int, said: str) -> None:
    stage.now = lambda: datetime.now(UTC) + timedelta(seconds=ahead_s)
    problems = [problem for problem in stage.marked(BAD, channels=[], communities=[COMMUNITY]) if problem.startswith("时间")]
    found = [int(seconds) for problem in problems for seconds in re.findall(r"[快慢] (\d+) 秒", problem)]
    assert bool(problems) == bool(said)
    assert all(abs(seconds - abs(ahead_s)) <= 2 for seconds in found)
    assert all(said[0] in problem for problem in problems)


def test_a_wecom_that_cannot_be_reached_is_one_problem_not_many(stage: Stage) -> None:
    stage._base = "http://127.0.0.1:9"
    (problem,) = stage.marked(BAD)
    assert "连不上 http://127.0.0.1:9" in problem


def test_a_long_connection_that_is_refused_says_why(stage: Stage) -> None:
    (problem,) = stage.marked(BAD, channels=[LIVE], communities=[])
    assert problem.startswith("长连接：连不上 ws://127.0.0.1:9")


@pytest.fixture
def link() -> Iterator[LongLink]:
    """WeCom's side of a long connection."""
    config = SimulatorConfig(corp_id="wwCORP", channels=(Channel("live", "aibot_ws", bot_id="BOT1", secret=SECRETS["LIVE_SECRET"]),))
    with LongLink(World(config, time.time), time.time) as link:
        yield link


@pytest.mark.parametrize(("secret", "mark"), [(SECRETS["LIVE_SECRET"], GOOD), ("wrong", BAD)])
def test_a_long_connection_is_tried(stage: Stage, link: LongLink, secret: str, mark: str) -> None:
    wecom = {"corp_id": "wwCORP", "api_base": stage._base, "ws_url": link.url}
    found = stage.marked(mark, channels=[LIVE], communities=[], wecom=wecom, secrets={"LIVE_SECRET": secret})
    assert [text for text in found if text.startswith("长连接：")]
    assert secret not in "".join(found)


def test_a_check_does_not_push_out_the_running_bot(stage: Stage, link: LongLink, database: Database) -> None:
    Calls(database).note_alive("live", to_ms(stage.now()))
    wecom = {"corp_id": "wwCORP", "api_base": stage._base, "ws_url": link.url}
    assert "长连接：连得上" in stage.marked(GOOD, channels=[LIVE], communities=[], wecom=wecom)
    assert link.live_connections("BOT1") == 0, "nobody subscribed"


def test_without_redis_the_rest_is_told_nevertheless(stage: Stage) -> None:
    @contextmanager
    def away() -> Iterator[Stores]:
        raise StorageAway("Redis 不可用")
        yield

    parts = list(Check(stage.config(), away, stage.now, is_online=True).parts())
    problems = [finding.text for part in parts for finding in part.findings if finding.mark == BAD]
    assert problems == ["Redis：Redis 不可用。检查 redis.url 与服务是否启动"]
    assert any(part.title == "群的 Webhook" for part in parts)


def test_offline_nobody_is_asked(scripted: Stage, double: Vendor) -> None:
    scripted.parts(channels=[*CHANNELS, LIVE], is_online=False)
    assert double.seen == []


# The public address -----------------------------------------------------------------------------------------------------------


def test_without_a_public_address_that_is_said_once(stage: Stage) -> None:
    assert len([text for text in stage.marked(ODD) if "public_url 空着" in text]) == 1


@pytest.mark.parametrize(("trusted", "times"), [([], 1), (["127.0.0.1"], 0)])
def test_behind_a_proxy_that_is_not_named_every_visitor_has_one_address(stage: Stage, trusted: list[str], times: int) -> None:
    server = {"public_url": "https://bot.example.com", "port": free_port(), "trusted_proxies": trusted}
    assert len([text for text in stage.marked(ODD, server=server, is_online=False) if "server.trusted_proxies" in text]) == times


def test_a_bot_that_does_not_run_is_no_problem_yet(stage: Stage) -> None:
    server = {"public_url": "http://127.0.0.1:9", "port": free_port()}
    assert stage.marked(BAD, server=server) == []
    assert any("机器人没有在运行" in text for text in stage.marked(NOTE, server=server))


@pytest.mark.parametrize(
    ("knock", "marks"),
    [
        (canary.Knock(took_ms=35, certificate_days=60, addresses=("93.184.216.34",)), [GOOD]),
        (canary.Knock(took_ms=1_200, addresses=("93.184.216.34",)), [BAD]),
        (canary.Knock(took_ms=35, certificate_days=12, addresses=("93.184.216.34",)), [GOOD, ODD]),
        (canary.Knock(took_ms=35, certificate_days=3, addresses=("93.184.216.34",)), [GOOD, BAD]),
        (canary.Knock(took_ms=35, addresses=("192.168.1.5",)), [GOOD, ODD]),
        (canary.Knock(took_ms=35, addresses=("::1",)), [GOOD, ODD]),
        (canary.Knock(problem="域名解析不出来"), [BAD]),
    ],
)
def test_a_walk_through_the_way_in_is_judged(knock: canary.Knock, marks: list[str]) -> None:
    assert [finding.mark for finding in tries.judge_knock(knock)] == marks


# Cures ------------------------------------------------------------------------------------------------------------------------

KNOWN_CODES = (
    -1, 40001, 40003, 60111, 40007, 40008, 40058, 40013, 40056, 40091, 40014, 42001, 41001, 44004, 45002, 45008, 45009, 45033, 48002,
    50001, 50002, 50003, 60011, 60020, 81012, 81013, 82001, 81017, 84061, 86001, 86003, 86004, 86005, 86006, 86007, 86008, 86215, 86216,
    86217, 90501, 93000, 93004, 93006, 93008, 93005, 301002, 41048, 41050, 41051, 41063, 41096, 41068, 41069, 41070, 41071, 41076, 41077,
    41083, 41084, 853001, 853006, 95000, 95001, 95002, 95004, 95007, 95008, 95011, 95012, 95013, 95014, 95016, 95017, 95018, 95019,
    *range(-40011, -40000),
)  # fmt: skip
"""The error codes of the manual's table (path 90313) and of the pages in use."""


def test_every_error_code_has_a_cure() -> None:
    played = (re.findall(r"RefusedError\((\d+)", path.read_text(encoding="utf-8")) for path in (ROOT / "simulator").rglob("*.py"))
    for code in {*KNOWN_CODES, *VERDICTS, *(int(code) for codes in played for code in codes)}:
        text = cures.cure(ApiError(code, "errmsg"))
        assert text.endswith(f"（错误码 {code}）")
        assert "errmsg" not in text, f"{code} has no cure of our own"
        assert re.search(r"[\u4e00-\u9fff]{4}", text)


def test_a_code_that_nobody_knows_tells_what_wecom_said() -> None:
    assert "企业微信说“something new”" in cures.cure(ApiError(999999, "something new"))
    assert "没有应答（ReadTimeout）" in cures.cure(ApiError(None, "ReadTimeout"))


def test_a_refusal_that_names_no_address_names_none() -> None:
    assert "出口 IP 是" not in cures.cure(ApiError(60020, "not allow to access from your ip"))
    assert "出口 IP 是 2001:db8::7（" in cures.cure(ApiError(60020, "from ip: 2001:db8::7, more"))


# The truth about the ways in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CHANNEL_MODELS)
def test_every_kind_of_channel_says_what_it_hears(kind: str) -> None:
    assert ways_in.HEARS[kind].keys() == ways_in.HEARS["aibot"].keys()
    assert kind in ways_in.TITLES
    assert any(kind in kinds for kinds, _, _ in ways_in.REASONS)


def test_the_tables_stand_in_columns_on_a_terminal(stage: Stage) -> None:
    table = ways_in.hearing_table(stage.config())
    starts = [ways_in.width(line[: line.index(cell)]) for line, cell in zip(table[1:3], ("✓", "–"), strict=True)]
    assert len(set(starts)) == 1
    assert ways_in.width("小助手 @ bot") == 12
    assert ways_in.width("e\u0301") == 1


def test_only_reasons_of_the_configured_channels_are_told(stage: Stage) -> None:
    told = "\n".join(ways_in.reasons(stage.config(channels=[LIVE], communities=[])))
    assert "同一个机器人连了两处" in told
    assert "客户群的事件没有来" not in told


def test_a_wrong_key_is_known_before_an_empty_text_is_refused(stage: Stage, wecom: Server) -> None:
    wire = Wire(wecom.url)
    try:
        for key, expected in ((SECRETS["MAIN_HOOK"], 44004), ("nobody", 93000)):
            with pytest.raises(ApiError) as refused:
                wire.post_webhook(key, {"msgtype": "text", "text": {"content": ""}})
            assert refused.value.code == expected
    finally:
        wire.close()


def test_a_webhook_is_tried_before_the_one_before_it_ends(stage: Stage, wecom: Server) -> None:
    config = stage.config(secrets={"MAIN_HOOK": "leaked"})
    posts = len(wecom.pretend.world.posts("wrMAIN"))
    with stage._stores(config) as stores:
        hooks = WebhookKeys(config, stores.webhooks, stores.groups)
        with pytest.raises(UserError, match=r"没有换，原来的照旧：试这个 Webhook 时.*key 不对"):
            hooks.put("main", "wrMAIN", "nobody", once="wrong", refusal=partial(try_webhook, config))
        assert hooks.find("main", "wrMAIN") == "leaked"
        assert hooks.put("main", "wrMAIN", SECRETS["MAIN_HOOK"], once="right", refusal=partial(try_webhook, config)).before
        assert hooks.find("main", "wrMAIN") == SECRETS["MAIN_HOOK"]
        with pytest.raises(UserError, match="以前被换掉过"):
            hooks.put("main", "wrMAIN", "leaked", once="again", refusal=partial(try_webhook, config))
    assert len(wecom.pretend.world.posts("wrMAIN")) == posts, "it is tried without a post"


def test_a_webhook_that_cannot_be_tried_ends_nothing(stage: Stage) -> None:
    config = stage.config(wecom={"corp_id": "wwCORP", "api_base": f"http://127.0.0.1:{free_port()}"})
    with stage._stores(config) as stores, pytest.raises(UserError, match="企业微信现在没有应答"):
        WebhookKeys(config, stores.webhooks, stores.groups).put("main", "wrMAIN", "new", once="w", refusal=partial(try_webhook, config))


def test_a_webhook_that_was_replaced_is_tried_as_it_is_now(stage: Stage) -> None:
    config = stage.config(secrets={"MAIN_HOOK": "leaked"})
    with stage._stores(config) as stores:
        WebhookKeys(config, stores.webhooks, stores.groups).put("main", "wrMAIN", SECRETS["MAIN_HOOK"], once="w")
    assert stage.marked(BAD, secrets={"MAIN_HOOK": "leaked"}) == []


def test_an_interface_behind_a_broken_proxy_is_one_problem(scripted: Stage, double: Vendor) -> None:
    scripted._base += "/cgi-bin/behind"
    double.will("behind/", lambda: Response(status=502))
    (problem,) = scripted.marked(BAD)
    assert "回答 HTTP 502" in problem


def test_the_command_repeats_its_problems_at_the_end(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer
) -> None:
    stage.config(secrets={"MAIN_HOOK": "wrong"})
    for name, value in (SECRETS | {"MAIN_HOOK": "wrong", "BOT_REDIS_URL": redis_server.url}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["run.py", "--config", str(tmp_path / "config.yaml"), "check"])
    with pytest.raises(SystemExit) as end:
        run.entry()
    out = capsys.readouterr().out.splitlines()
    assert end.value.code == 1
    assert out[-2:] == ["共 1 个问题：", next(line for line in out if line.startswith("  ✗ 群的 Webhook：main 的群 wrMAIN"))]
