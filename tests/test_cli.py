"""``python run.py …``: what operators type, what they read, and the exit code that scripts look at."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat import ADMINS, FAR, ROOT, Chat
from command_line import Cli

from simulator.config import Channel, Person, SimulatorConfig
from simulator.pretend import PretendWeCom
from simulator.server import serve
from simulator.world import single_chat
from storage.connection import Database
from storage.outbox import Delivery, Outbox

pytest_plugins = ("chat", "command_line")


def writes(folder: Path, **tree: Any) -> Path:
    """A configuration with a data folder of its own."""
    file = folder / "config.yaml"
    tree = {"data_dir": str(folder / "data"), "content": str(ROOT / "rules" / "content")} | tree
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return file


# log ------------------------------------------------------------------------------------------------------------------------


def test_the_log_is_read_as_json_a_line_for_each_entry(chat: Chat, cli: Cli) -> None:
    chat.says("签到")
    ran = cli("log", "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    kinds = [row["kind"] for row in rows]
    assert [kinds[0], *kinds[-2:]] == ["inbound", "decision", "outbound"]
    assert set(kinds[1:-2]) == {"change"}
    assert set(rows[1]) == {"id", "at", "kind", "community", "member", "message", "data"}
    moved = next(row for row in rows if row["data"].get("act") == "points")
    assert (moved["member"], moved["community"], moved["data"]["n"], moved["data"]["reason"]) == (1, "main", 5, "check_in")


def test_the_log_is_narrowed_to_a_community_a_member_or_a_number_of_lines(chat: Chat, cli: Cli) -> None:
    chat.says("签到", user="lilei")
    chat.says("签到", user="hanmei", group=FAR)
    assert {json.loads(line)["community"] for line in cli("log", "--json", "--community", "far").out.splitlines()} == {"far"}
    assert {json.loads(line)["member"] for line in cli("log", "--json", "--user", "hanmei").out.splitlines()} == {2}
    assert {json.loads(line)["member"] for line in cli("log", "--json", "-u", "1").out.splitlines()} == {1}
    assert len(cli("log", "-n", "3").out.splitlines()) == 3


def test_the_log_is_read_by_people_too(chat: Chat, cli: Cli) -> None:
    chat.says("怎么退款")
    decision = next(line for line in cli("log").out.splitlines() if " decision " in line)
    assert "main 成员 1 assistant:M1" in decision
    assert "faq=answer" in decision
    assert "entry=refund" in decision


def test_the_log_says_which_message_brought_a_point(chat: Chat, cli: Cli) -> None:
    chat.says("群规", user="lilei")
    chat.says("签到", user="lilei")
    chat.says("发积分 @lilei 40 参加线下活动", user="boss", group=ADMINS)
    chat.says("兑换 1", user="lilei")
    chat.says("1", user="lilei")
    moved = [row["data"] for row in map(json.loads, cli("log", "--json").out.splitlines()) if row["data"].get("act") == "points"]
    assert [(row["reason"], row["why"]) for row in moved[:2]] == [("check_in", "assistant:M2"), ("adjustment", "assistant:M3")]
    assert (moved[2]["reason"], moved[2]["why"].rpartition(":")[2]) == ("purchase", "buy")
    told = cli("log", "--message", "assistant:M3").out.splitlines()
    assert [line.split()[2] for line in told] == ["inbound", "change", "decision", "admin", "outbound"]
    assert any("n=40" in line and "why=assistant:M3" in line for line in told)
    assert cli("log", "-m", "assistant:nothing").out == ""


def test_the_log_of_somebody_unknown_says_what_to_write(chat: Chat, cli: Cli) -> None:
    ran = cli("log", "--user", "nobody")
    assert (ran.code, ran.out) == (1, "")
    assert "没有找到成员 nobody：请写企业微信 userid，或成员编号" in ran.err


def test_the_log_can_be_followed_until_one_has_seen_enough(chat: Chat, tmp_path: Path) -> None:
    chat.says("签到")
    words = [sys.executable, str(ROOT / "run.py"), "log", "--json", "-f", "-n", "1", "--config", str(tmp_path / "config.yaml")]
    environment = os.environ | {"BOT_REDIS_URL": chat.config.redis.url.get_secret_value()}
    following = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        assert following.stdout
        assert json.loads(following.stdout.readline())["kind"] == "outbound"
        chat.says("签到", user="hanmei")
        assert json.loads(following.stdout.readline())["member"] == 2
    finally:
        following.send_signal(signal.SIGTERM)
        rest, _ = following.communicate(timeout=20)
    assert following.returncode == 0
    assert all(json.loads(line) for line in rest.splitlines())


# export, erase ----------------------------------------------------------------------------------------------------------------


def test_a_person_is_exported_as_json(chat: Chat, cli: Cli) -> None:
    chat.says("签到", name="李雷")
    given = json.loads(cli("export", "lilei").out)
    assert given["通讯录"] == {"编号": 1, "企业微信 ID": "lilei", "名字": "李雷", "所在社群": "main"}
    assert given["积分"]["main"]["积分"] == 5
    assert list(given) == list(chat.stores.of_persons())


def test_a_person_is_erased_after_a_yes(chat: Chat, cli: Cli) -> None:
    chat.says("签到")
    asked = cli("erase", "lilei", types="n\n")
    assert asked.code == 1
    assert "将删除成员 1 的全部数据，不能恢复。继续吗？" in asked.out
    assert chat.points() == 5
    erased = cli("erase", "1", types="y\n")
    assert erased.code == 0
    assert "通讯录：已删除" in erased.out
    assert chat.stores.directory.find_number("lilei") is None
    assert cli("erase", "lilei", "--yes").code == 1, "he is unknown now"


def test_erasing_without_being_asked_needs_a_word(chat: Chat, cli: Cli) -> None:
    chat.says("签到")
    ran = cli("erase", "lilei", "--yes")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split("：")[0] for line in ran.out.splitlines()] == list(chat.stores.of_persons())


# check ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("durable")
def test_a_check_without_problems_ends_with_0(tmp_path: Path, cli: Cli) -> None:
    writes(tmp_path)
    ran = cli("check")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "✓ 没有发现问题。")
    assert "还没有渠道" in ran.out


def test_a_check_tells_all_problems_at_once_and_ends_with_1(tmp_path: Path, cli: Cli) -> None:
    content = tmp_path / "content"
    content.mkdir()
    (content / "faq.yaml").write_text("- {id: a}\n", encoding="utf-8")
    (content / "pushes.yaml").write_text('- {id: p, cron: "x", text: 早安}\n', encoding="utf-8")
    key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    writes(tmp_path, content=str(content), channels=[{"name": "a", "kind": "aibot", "token": "literal", "aes_key": key}])
    ran = cli("check")
    assert ran.code == 1
    for expected in ("channels[0].token", "faq.yaml", "pushes.yaml", "改成 ${变量名}"):
        assert expected in ran.out, expected
    assert "literal" not in ran.out, "secrets are not told"


def test_a_check_of_a_wrong_configuration_says_where_and_what_instead(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "config.yaml").write_text("admin: [boss]\nserver: {port: 99999}\n", encoding="utf-8")
    ran = cli("check")
    assert ran.code == 1
    assert len(ran.err.splitlines()) >= 2
    assert "admins" in ran.err
    assert "server.port" in ran.err or "port" in ran.err


def test_a_redis_that_does_not_answer_is_a_problem_with_a_remedy(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    writes(tmp_path)
    monkeypatch.setenv("BOT_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    ran = cli("check")
    assert ran.code == 1
    assert "✗ Redis：" in ran.out
    assert "redis.url" in ran.out


def test_a_check_finds_the_groups_that_nobody_listed(chat: Chat, cli: Cli) -> None:
    chat.says("签到", group="wrSTRANGER")
    assert "未列入配置的群 1 个（只答不推）：wrSTRANGER" in cli("check").out


def test_a_redis_of_a_newer_program_is_left_alone(chat: Chat, cli: Cli) -> None:
    chat.stores.database.command("HSET", "qb:{meta}:schema", "version", 999)
    ran = cli("log")
    assert ran.code == 1
    assert "请升级程序" in ran.err


def test_an_embedded_redis_is_started_for_a_short_command(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    writes(tmp_path)
    monkeypatch.delenv("BOT_REDIS_URL")
    ran = cli("log")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert (tmp_path / "data" / "redis").is_dir()


# Starting -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["no-such-command"], ["log", "--no-such-option"], ["log", "-n", "0"], ["export"], ["demo", "--port", "70000"]]
)
def test_wrong_usage_ends_with_2(cli: Cli, words: list[str]) -> None:
    ran = cli(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "用法不对" in ran.err


@pytest.mark.parametrize("role", ["web", "worker", "clock"])
def test_a_single_role_refuses_the_embedded_redis(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    writes(tmp_path)
    monkeypatch.delenv("BOT_REDIS_URL")
    ran = cli(role)
    assert ran.code == 1
    assert "只能由 serve 或 demo 使用" in ran.err
    assert "redis://" in ran.err


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_refused_with_the_name_of_who_has_it(tmp_path: Path, cli: Cli, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        writes(tmp_path, server={"port": port})
        ran = cli(*(["serve"] if command == "serve" else ["demo", "--port", str(port), "--data", str(tmp_path / "demo")]))
    assert ran.code == 1
    assert f"端口 {port} 已被占用" in ran.err
    assert f"（进程 {os.getpid()}）" in ran.err
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_the_configuration_may_be_named_before_or_behind_the_command(chat: Chat, tmp_path: Path, cli: Cli) -> None:
    chat.says("签到")
    file = (tmp_path / "config.yaml").rename(tmp_path / "other.yaml")
    assert cli("log").code == 1
    assert cli("--config", str(file), "log").code == 0
    assert "inbound" in cli("log", "--config", str(file)).out


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["serve", "--help"], ["log", "-h"]])
def test_help_is_there_and_in_chinese(cli: Cli, words: list[str]) -> None:
    ran = cli(*words)
    assert ran.code == 0
    assert "群管家" in ran.out or "启动" in ran.out or "看" in ran.out


# outbox ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def outbox(tmp_path: Path, database: Database) -> Outbox:
    """An outbox with two dead letters of one community, and one delivery that waits in another."""
    writes(tmp_path)
    outbox = Outbox(database, 16)
    for id in ("d1", "d2"):
        body = {"msgtype": "text", "text": {"content": f"{id}：这一段话比二十个字长得多，后面的不该出现在任何表格里"}}
        outbox.enqueue(3, [Delivery(id, "now", "hook.main.g1", "webhook", "main", body, chat="g1", born_ms=1_795_000_000_000)], 0)
        lease = outbox.lease(3, "now", "hook.main.g1", "me", 0, 1000)
        assert lease
        outbox.dead(lease, "机器人不在群聊中（错误码 93008）", 1_795_000_000_000, 93008)
    url = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=SECRET-CODE"
    outbox.enqueue(5, [Delivery("w1", "bulk", "once.w1", "response_url", "two", body, url=url, born_ms=1)], 0)
    return outbox


def test_the_outbox_is_listed_with_reasons_and_without_secrets(cli: Cli, outbox: Outbox) -> None:
    shown = cli("outbox", "list").out
    assert "机器人不在群聊中（错误码 93008）" in shown
    assert "等待发送 1 条，死信 2 条。" in shown
    assert "SECRET-CODE" not in shown
    assert "不该出现" not in shown
    assert "w1" not in cli("outbox", "list", "--dead").out
    assert "d1" not in cli("outbox", "list", "-c", "two").out
    rows = [json.loads(line) for line in cli("outbox", "list", "--json").out.splitlines()]
    assert [(row["id"], row["state"], row["community"], row["code"]) for row in rows] == [
        ("d1", "dead", "main", 93008), ("d2", "dead", "main", 93008), ("w1", "waiting", "two", None),
    ]  # fmt: skip


def test_one_dead_letter_is_replayed_and_the_rest_dropped_after_a_question(cli: Cli, outbox: Outbox) -> None:
    assert "已重发 1 条" in cli("outbox", "replay", "d1").out
    assert [letter.delivery.id for letter in outbox.dead_letters(3)] == ["d2"]
    assert cli("outbox", "drop", "--all", types="n\n").code == 1
    assert outbox.count_dead() == 1
    assert "已丢弃 1 条" in cli("outbox", "drop", "--all", types="y\n").out
    assert outbox.count_dead() == 0
    assert outbox.depth() == 2


def test_an_unknown_dead_letter_and_a_missing_choice_are_explained(cli: Cli, outbox: Outbox) -> None:
    assert "没有编号为 nix 的死信" in cli("outbox", "replay", "nix").err
    assert cli("outbox", "drop").code == 2
    assert cli("outbox", "drop", "d1", "--all").code == 2


# app ------------------------------------------------------------------------------------------------------------------------

APP_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def wecom(tmp_path: Path) -> Iterator[PretendWeCom]:
    """The pretend WeCom with one app, and a configuration that leads there."""
    channels = (Channel("desk", "app", "token", APP_KEY, agent_id=1000002, secret="TOPSECRET"),)
    people = (Person("lilei", "李雷"), Person("hanmei", "韩梅梅"), Person("boss", "老板"))
    with serve(PretendWeCom(SimulatorConfig("ww1", channels, people))) as server:
        desk = {"name": "desk", "kind": "app", "token": "t", "aes_key": APP_KEY, "agent_id": 1000002, "secret": "TOPSECRET"}
        writes(tmp_path, wecom={"corp_id": "ww1", "api_base": server.url}, admins=["boss"], channels=[desk])
        yield server.pretend


def shown(wecom: PretendWeCom, user: str) -> list[str]:
    return [post.text or post.kind for post in wecom.world.posts(single_chat("desk", user)) if not post.recalled]


def test_an_app_message_names_whom_it_did_not_reach_and_is_taken_back(cli: Cli, wecom: PretendWeCom, tmp_path: Path) -> None:
    (tmp_path / "海报.png").write_bytes(PNG)
    ran = cli("app", "send", "--to", "lilei", "--to", "nobody", "--text", "今晚八点", "--file", str(tmp_path / "海报.png"))
    assert (ran.code, ran.err) == (1, "✗ 没有送到 nobody：成员不存在或不在应用的可见范围内\n")
    assert shown(wecom, "lilei") == ["今晚八点", "image"]
    id = ran.out.rpartition(" ")[2].strip()
    assert cli("app", "recall", id, "--yes").out == "已撤回 2 条。\n"
    assert shown(wecom, "lilei") == []
    assert [row["data"]["act"] for row in map(json.loads, cli("log", "--json").out.splitlines()) if row["kind"] == "admin"] == ["recall"]


def test_an_app_makes_a_group_once_speaks_in_it_and_takes_members_out(cli: Cli, wecom: PretendWeCom) -> None:
    words = ("app", "chat", "create", "读书会", "lilei", "hanmei", "boss", "--owner", "boss")
    chat = cli(*words).out.split()[0]
    assert cli(*words).out.split()[0] == chat
    assert cli("app", "send", "--chat", chat, "--text", "大家好").code == 0
    assert [post.text for post in wecom.world.posts(chat)] == ["大家好"]
    assert "群主 boss，共 2 人" in cli("app", "chat", "update", chat, "--remove", "lilei").out
    assert cli("app", "chat", "list").out == f"{chat}  读书会\n"
    assert "至少要留 2 人" in cli("app", "chat", "update", chat, "--remove", "hanmei").err


def test_an_apps_menu_comes_from_a_file(cli: Cli, wecom: PretendWeCom, tmp_path: Path) -> None:
    file = tmp_path / "menu.yaml"
    file.write_text("- {name: 签到, command: 签到}\n- {name: 官网, url: 'https://example.com'}\n", encoding="utf-8")
    assert cli("app", "menu", str(file)).code == 0
    assert [button["type"] for button in wecom.world.menus["desk"]] == ["click", "view"]
    file.write_text("- {name: 签到", encoding="utf-8")
    assert "YAML 写法有误" in cli("app", "menu", str(file)).err
    assert cli("app", "menu", "--remove").code == 0
    assert wecom.world.menus == {}


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("send", "--to", "lilei"), 2, "写明要说什么"),
        (("send", "--text", "x"), 2, "写明发给谁"),
        (("send", "--text", "x", "--to", "lilei", "--chat", "c"), 2, "写明发给谁"),
        (("send", "--text", "x", "--to", "nobody"), 1, "错误码 81013"),
        (("send", "--text", "x", "--to", "a|b"), 1, "一个一个写"),
        (("send", "--text", "长" * 9_000, "--to", "lilei"), 1, "会分成 14 条"),
        (("send", "--text", "x", "--to", "lilei", "--app", "other"), 1, "没有叫 other 的自建应用"),
        (("send", "--file", "/nowhere.png", "--to", "lilei"), 1, "读不了 /nowhere.png"),
        (("send", "--text", "x", "--chat", "unknown"), 1, "错误码 86001"),
        (("recall", "nothing", "--yes"), 1, "没有发出过编号为 nothing 的消息"),
        (("menu",), 2, "写明菜单文件"),
    ],
)
def test_an_app_command_that_cannot_be_says_what_to_do(cli: Cli, wecom: PretendWeCom, words: tuple[str, ...], code: int, why: str) -> None:
    ran = cli("app", *words)
    assert (ran.code, why in ran.err) == (code, True)
    assert "TOPSECRET" not in ran.out + ran.err
