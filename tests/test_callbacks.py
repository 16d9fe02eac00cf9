"""The callback addresses as a web server hands them over: what no HTTP client of ours would send."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from chat import KEY, Chat
from outside import aibot_text, callback, make_channel
from visits import new_web

from bot.callbacks import MOST_ARGUMENTS, Callbacks

pytest_plugins = ("chat",)
ASSISTANT = replace(make_channel("assistant", "aibot"), token="t", aes_key=KEY)


class Late(io.BytesIO):
    """A body that the server stops waiting for."""

    def read(self, size: int | None = -1) -> bytes:
        raise TimeoutError


class Door:
    """The web application's callbacks, asked through their WSGI environment; what is not theirs is noted."""

    def __init__(self, chat: Chat) -> None:
        self.passed_on: list[str] = []
        self._callbacks = Callbacks(chat.config, chat.pipeline, chat.metrics, chat.clock, self._rest)
        self.now_s = int(chat.clock().timestamp())

    def asks(
        self, method: str = "POST", path: str = "/wecom/assistant", *, query: str | None = None, **more: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the body of one answer."""
        asked = callback(ASSISTANT, aibot_text("lilei", "签到"), timestamp=self.now_s)
        target, _, sent = asked.target.partition("?")
        assert target == "/wecom/assistant"
        body = asked.body
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": sent if query is None else query.replace("{sent}", sent),
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "REMOTE_ADDR": "1.2.3.4",
        } | more  # fmt: skip
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
            said.append((status, headers))
            return len

        answer = b"".join(self._callbacks(environ, start_response))
        [(status, headers)] = said
        assert dict(headers)["Content-Length"] == str(len(answer))
        return int(status.split()[0]), dict(headers), answer

    def _rest(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.passed_on.append(environ["PATH_INFO"])
        start_response("404 NOT FOUND", [("Content-Length", "0")])
        return [b""]


@pytest.fixture
def door(chat: Chat) -> Door:
    return Door(chat)


def test_a_callback_is_answered_and_everything_else_is_the_frameworks(door: Door) -> None:
    status, headers, answer = door.asks()
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert b'"encrypt"' in answer
    for path in ("/", "/wecom", "/wecom/", "/wecom/assistant/more", "/console/", "//wecom/assistant"):
        assert door.asks(path=path)[0] == 404
    assert door.passed_on == ["/", "/wecom", "/wecom/", "/wecom/assistant/more", "/console/", "//wecom/assistant"]


def test_a_channel_that_nobody_configured_is_404_and_stays_out_of_the_framework(door: Door) -> None:
    assert door.asks(path="/wecom/other")[0] == 404
    assert door.passed_on == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_what_wecom_never_asks_is_told_what_may_be_asked(door: Door, method: str) -> None:
    status, headers, answer = door.asks(method)
    assert (status, headers["Allow"], answer) == (405, "GET, POST", b"")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("{sent}", 200), ("a=1&{sent}&b=2", 200), ("{sent}&nonce=other", 200), ("nonce=other&{sent}", 403), ("", 400), ("&&&=&=x", 400),
        ("&".join(["a=1"] * MOST_ARGUMENTS) + "&{sent}", 400), ("{sent}&" + "a=1&" * 5_000, 200), ("nonce=%ff%fe&{sent}", 400),
    ],
)  # fmt: skip
def test_arguments_in_any_order_the_first_of_a_name_and_no_more_than_a_few(door: Door, query: str, status: int) -> None:
    assert door.asks(query=query)[0] == status


def test_arguments_may_be_quoted(door: Door) -> None:
    asked = callback(ASSISTANT, aibot_text("lilei", "你好"), timestamp=door.now_s)
    quoted = "&".join(
        "=".join((name, "".join(f"%{ord(sign):02x}" for sign in value))) for name, value in parse_qsl(urlsplit(asked.target).query)
    )
    sent: dict[str, Any] = {"CONTENT_LENGTH": str(len(asked.body)), "wsgi.input": io.BytesIO(asked.body)}
    assert door.asks(query=quoted, **sent)[0] == 200


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": "99999999999999999999999999"}, 413), ({"CONTENT_LENGTH": str(1024 * 1024 + 1)}, 413), ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "1e3"}, 400), ({"CONTENT_LENGTH": "٣"}, 400), ({"CONTENT_LENGTH": "100000"}, 400), ({"CONTENT_LENGTH": "10"}, 400),
        ({"CONTENT_LENGTH": ""}, 400), ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, 200), ({"wsgi.input": Late()}, 400),
        ({"CONTENT_LENGTH": "", "wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b"x" * (1024 * 1024 + 1))}, 413),
    ],
)  # fmt: skip
def test_a_body_is_read_as_long_as_it_says_and_no_longer_than_is_allowed(door: Door, more: dict[str, Any], status: int) -> None:
    assert door.asks(**more)[0] == status


def test_a_fault_of_ours_is_500_and_says_nothing(chat: Chat, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: Any, **more: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(chat.pipeline, "receive", breaks)
    assert door.asks()[::2] == (500, b"")


def test_the_web_application_has_them_in_front(chat: Chat) -> None:
    answer = new_web(chat).test_client().open("/wecom/nobody", method="POST", data=b"{}")
    assert (answer.status_code, answer.data) == (404, b"")
