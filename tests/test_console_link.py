"""The first way into the console, from the command line; and that the console's foreign files are those that were fetched."""

from __future__ import annotations

import re

import pytest
from chat import Chat
from command_line import Cli
from visits import Visit, web

from bot.config import ServerConfig
from bot.console_links import base_url
from tools.vendor_assets import VENDOR, is_as_fetched

pytest_plugins = ("chat", "command_line")


def test_an_owner_who_never_spoke_gets_in_from_the_command_line(chat: Chat, cli: Cli) -> None:
    ran = cli("console-link", "boss")
    assert ran.code == 0
    found = re.search(r"http://127\.0\.0\.1:8080/console/login#(\S{19})", ran.out)
    assert found
    assert "public_url" in ran.err
    assert "总览" in Visit.of(web(chat)).logs_in(found[1])
    [login, link] = chat.stores.audit.newest("", 9)
    assert (login.act, link.act, link.actor) == ("登录控制台", "控制台链接", "命令行")


def test_who_has_no_role_gets_no_link(chat: Chat, cli: Cli) -> None:
    chat.says("签到", user="lilei")
    ran = cli("console-link", "lilei")
    assert (ran.code, ran.out) == (1, "")
    assert "lilei 没有角色" in ran.err
    chat.as_admin("角色 lilei 观察员")
    assert cli("console-link", "1").code == 0


def test_who_lost_password_and_phone_is_helped_from_the_command_line(chat: Chat, cli: Cli) -> None:
    chat.says("签到", user="boss", group="wrADMIN")
    number = chat.member("boss")
    chat.stores.accounts.set_up(number, "digest", "SECRET", ["AAAAA-AAAAA"], 1, chat.clock(), once="x")
    assert cli("console-link", "boss").code == 0
    assert chat.stores.accounts.find(number)
    assert cli("console-link", "boss", "--drop-password").code == 0
    assert chat.stores.accounts.find(number) is None
    assert chat.stores.audit.newest("", 1)[0].act == "关闭他的密码登录"


def test_somebody_unknown_is_told_what_to_write(chat: Chat, cli: Cli) -> None:
    ran = cli("console-link", "nobody")
    assert ran.code == 1
    assert "没有找到成员 nobody" in ran.err


@pytest.mark.parametrize(
    ("server", "address"),
    [
        (ServerConfig(host="0.0.0.0", port=80), "http://127.0.0.1:80"),
        (ServerConfig(host="::", port=81), "http://[::1]:81"),
        (ServerConfig(host="::1"), "http://[::1]:8080"),
        (ServerConfig(public_url="https://bot.example.com/"), "https://bot.example.com"),
    ],
)
def test_links_begin_where_visitors_come_in(server: ServerConfig, address: str) -> None:
    assert base_url(server) == address


def test_foreign_files_are_as_fetched_and_come_with_their_licences() -> None:
    assert is_as_fetched()
    assert {path.name for path in VENDOR.iterdir()} >= {"htmx.LICENSE.txt", "pico.LICENSE.txt"}
