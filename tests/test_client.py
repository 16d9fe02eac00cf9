"""WeCom's REST interface: one token for all, one retry, no secret in any text, no request to strangers."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Response, jsonify, request
from hypothesis import given
from hypothesis import strategies as st
from vendor import Vendor, vendor

from bot.client import ANSWER_BYTES, NoAnswer, WeComClient, Wire
from bot.errors import ApiError
from bot.scrub import scrub
from storage.connection import Database
from storage.moment import to_ms
from storage.tokens import TokenStore, secret_id
from tests.timing import SLOWER, Clock

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
SECRET = "TOPSECRET-0123456789"
KEY, CODE = "WEBHOOK-KEY", "ONCE-CODE"


@pytest.fixture
def wecom() -> Iterator[Vendor]:
    with vendor() as double:
        yield double


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON, tick_ms=0)


@pytest.fixture
def wire(wecom: Vendor) -> Iterator[Wire]:
    wire = Wire(wecom.base)
    yield wire
    wire.close()


@pytest.fixture
def client(wire: Wire, database: Database, clock: Clock) -> WeComClient:
    return WeComClient("ww1", SECRET, wire=wire, tokens=TokenStore(database), now=clock)


# Tokens -----------------------------------------------------------------------------------------------------------------


def test_a_call_fetches_a_token_once_and_carries_it(client: WeComClient, wecom: Vendor) -> None:
    assert client.post("message/send", {"msgtype": "text", "text": {"content": "你好"}})["path"] == "message/send"
    assert client.get("user/get", params={"userid": "u1"})["errcode"] == 0
    assert wecom.tokens == 1
    assert wecom.sent("message/send") == [{"msgtype": "text", "text": {"content": "你好"}}]
    assert wecom.queries("user/get") == [{"userid": "u1", "access_token": "TOKEN-1"}]


def test_wechatpys_own_methods_work_through_it(client: WeComClient, wecom: Vendor) -> None:
    client.message.send_text(1000002, "u1", "你好")
    assert wecom.sent("message/send")[0]["touser"] == "u1"


def test_a_token_is_fetched_anew_a_minute_before_it_expires(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    client.get("a")
    clock.later(seconds=7200 - 61)
    client.get("a")
    assert wecom.tokens == 1
    clock.later(seconds=2)
    client.get("a")
    assert wecom.tokens == 2


def test_a_rejected_token_is_fetched_anew_and_the_call_repeated_once(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    client.get("a")
    wecom.valid.clear()
    clock.later(seconds=5)
    assert client.get("b")["errcode"] == 0
    assert wecom.tokens == 2
    assert [query["access_token"] for query in wecom.queries("b")] == ["TOKEN-1", "TOKEN-2"]


def test_a_token_that_is_always_rejected_ends_after_one_repeat(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    wecom.will("a", *[{"errcode": 42001, "errmsg": "expired"}] * 9)
    client.access_token  # noqa: B018 - it fetches
    clock.later(seconds=5)
    with pytest.raises(ApiError) as raised:
        client.get("a")
    assert raised.value.code == 42001
    assert len(wecom.queries("a")) == 2
    with pytest.raises(ApiError):  # and what was fetched this very second is not fetched again
        client.get("a")
    assert wecom.tokens == 2


def test_many_rejections_at_once_fetch_one_token(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    client.get("a")
    wecom.valid.clear()
    clock.later(seconds=5)
    with ThreadPoolExecutor(16) as pool:
        assert all(answer["errcode"] == 0 for answer in pool.map(lambda _: client.get("b"), range(64)))
    assert wecom.tokens == 2


def test_an_upload_is_repeated_after_a_new_token_only_when_all_of_it_can_be_sent_again(
    client: WeComClient, wecom: Vendor, clock: Clock
) -> None:
    rejected = {"errcode": 40014, "errmsg": "invalid"}
    wecom.will("media/upload", rejected)
    assert client.access_token
    clock.later(seconds=5)
    assert client.upload("file", ("a.txt", b"whole", "text/plain"))["errcode"] == 0
    clock.later(seconds=5)
    wecom.will("media/upload", rejected)
    with pytest.raises(ApiError, match="请重新上传"):
        client.media.upload("file", BytesIO(b"a stream is read once"))
    assert len(wecom.queries("media/upload")) == 3


def _need_tokens(answers: Any, base: str, url: str, n: int) -> None:
    database = Database(url, timeout_s=10)
    clients = [WeComClient("ww1", SECRET, wire=Wire(base), tokens=TokenStore(database), now=lambda: NOON) for _ in range(2)]
    with ThreadPoolExecutor(25) as pool:
        answers.put(set(pool.map(lambda k: clients[k % 2].access_token, range(n))))


def test_a_thousand_needs_in_several_processes_fetch_one_token(wecom: Vendor, database: Database, redis_server: Any) -> None:
    wecom.token_delay_s = 0.3
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_need_tokens, args=(answers, wecom.base, redis_server.url, 250)) for _ in range(4)]
    for process in processes:
        process.start()
    got = [answers.get(timeout=50) for _ in processes]
    for process in processes:
        process.join(10)
    assert got == [{"TOKEN-1"}] * 4
    assert wecom.tokens == 1


def test_a_wrong_secret_is_asked_for_once_a_minute(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    wecom.will("gettoken", {"errcode": 40001, "errmsg": f"invalid credential corpsecret={SECRET}"})
    for _ in range(5):
        with pytest.raises(ApiError) as raised:
            client.get("a")
        assert raised.value.code == 40001
        assert SECRET not in str(raised.value)
    assert len(wecom.queries("gettoken")) == 1
    clock.later(seconds=61)
    assert client.get("a")["errcode"] == 0


def test_a_missing_answer_to_gettoken_is_remembered_for_seconds(client: WeComClient, wecom: Vendor, clock: Clock) -> None:
    wecom.will("gettoken", lambda: Response("busy", 502))
    for _ in range(3):
        with pytest.raises(NoAnswer):
            client.get("a")
    assert len(wecom.queries("gettoken")) == 1
    clock.later(seconds=4)
    assert client.get("a")["errcode"] == 0


def test_two_secrets_of_one_corp_have_two_tokens(wire: Wire, database: Database, wecom: Vendor, clock: Clock) -> None:
    tokens = TokenStore(database)
    one, two = (WeComClient("ww1", f"{SECRET}{n}", wire=wire, tokens=tokens, now=clock) for n in (1, 2))
    assert (one.access_token, two.access_token) == ("TOKEN-1", "TOKEN-2")
    assert one.access_token == "TOKEN-1"


def test_the_store_knows_the_secret_by_a_digest_only(client: WeComClient, database: Database) -> None:
    client.get("a")
    for key in database.scan("*"):
        assert SECRET not in key
        assert SECRET not in str(database.command("GET", key))
    assert TokenStore(database).get(secret_id("ww1", SECRET), to_ms(NOON)) == "TOKEN-1"


def test_a_lock_goes_back_by_its_holder_only(database: Database) -> None:
    store = TokenStore(database)
    word = store.lock("id")
    assert word
    assert store.lock("id") is None
    assert not store.unlock("id", "other")
    assert store.lock("id") is None
    assert store.unlock("id", word)
    assert store.lock("id")


# Errors and secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("url: /cgi-bin/gettoken?corpid=ww1&corpsecret=TOP (x)", "url: /cgi-bin/gettoken?corpid=ww1&corpsecret=*** (x)"),
        ("send?access_token=abc-_9&x=1", "send?access_token=***&x=1"),
        ("webhook/send?key=0-1-2", "webhook/send?key=***"),
        ("response?response_code=R'C", "response?response_code=***'C"),
        ("RESPONSE_CODE%3Dabc", "RESPONSE_CODE%3D***"),
        ('{"access_token": "abc", "expires_in": 1}', '{"access_token": ***, "expires_in": 1}'),
        ("{'key': 'abc'}", "{'key': ***}"),
        ("event_key=menu", "event_key=menu"),
        ("没有秘密", "没有秘密"),
    ],
)
def test_scrub_takes_the_values_of_secrets_out(text: str, clean: str) -> None:
    assert scrub(text) == clean


@given(
    st.text(alphabet="abcXYZ0123456789-_.~%", min_size=6, max_size=40),
    st.sampled_from(["corpsecret", "access_token", "key", "response_code"]),
)
def test_no_value_survives_scrubbing(value: str, name: str) -> None:
    assert value not in scrub(f"GET /cgi-bin/x?a=1&{name}={value}&b=2 HTTP/1.1")


def dead_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_no_secret_is_in_an_error_its_traceback_or_a_debug_log(
    database: Database, wecom: Vendor, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    for base in (dead_address(), wecom.base):
        wecom.will("webhook/send", lambda: Response("gone", 502))
        wecom.will("aibot/response", {"errcode": 40058, "errmsg": f"bad response_code={CODE}"})
        wire = Wire(base)
        client = WeComClient("ww1", SECRET, wire=wire, tokens=TokenStore(database), now=clock)
        for call in (
            lambda: client.get("a"),  # noqa: B023
            lambda: wire.post_webhook(KEY, {}),  # noqa: B023
            lambda: wire.post_response_url(f"{base}/cgi-bin/aibot/response?response_code={CODE}", {}),  # noqa: B023
        ):
            try:
                call()
            except ApiError as error:
                assert error.__context__ is None
                texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
        texts.append(repr(client))
        clock.later(minutes=5)
    text = "\n".join([*texts, caplog.text])
    assert len(texts) > 10
    assert "gettoken" in caplog.text
    for secret in (SECRET, KEY, CODE, "TOKEN-1"):
        assert secret not in text


def test_nothing_has_arrived_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NoAnswer) as raised:
        Wire(dead_address()).post_webhook("k", {})
    assert not raised.value.may_have_arrived


def test_a_request_without_an_answer_may_have_arrived(wecom: Vendor) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()

        def hang_up() -> None:
            connection, _ = deaf.accept()
            connection.recv(65_536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(NoAnswer) as raised:
            Wire(f"http://127.0.0.1:{deaf.getsockname()[1]}").post_webhook("k", {})
        thread.join(5)
    assert raised.value.may_have_arrived


@contextmanager
def dribbling(start: bytes, drip: bytes) -> Iterator[str]:
    """The address of a server that begins its answer and then says a little more every 20 ms, for as long as anybody listens."""
    done = threading.Event()

    def serve() -> None:
        link, _ = door.accept()
        with link, suppress(OSError):
            link.recv(65_536)
            link.sendall(start)
            while not done.wait(0.02):
                link.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            done.set()
            thread.join(5)


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", id="a head without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b" ", id="a body, byte by byte"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="many small chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", id="a chunk's head without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="a body until the connection ends"),
    ],
)
def test_an_answer_that_dribbles_in_has_its_time_as_a_whole(start: bytes, drip: bytes) -> None:
    with dribbling(start, drip) as base:
        began = time.monotonic()
        with pytest.raises(NoAnswer) as raised:
            Wire(base).ask("get", f"{base}/", longest_s=0.5, timeout=(10, 0.4))
        assert time.monotonic() - began < 3 * SLOWER
    assert raised.value.may_have_arrived


def test_a_call_whose_token_did_not_come_has_surely_not_arrived(database: Database, clock: Clock) -> None:
    with dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b" ") as base:
        client = WeComClient("ww1", SECRET, wire=Wire(base), tokens=TokenStore(database), now=clock)
        with pytest.raises(NoAnswer) as raised:
            client.post("message/send", {})
    assert not raised.value.may_have_arrived
    assert "access_token" in raised.value.text


def test_an_answer_that_takes_its_time_and_ends_in_time_is_read_whole() -> None:
    with dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", b" ") as base, pytest.raises(NoAnswer) as raised:
        Wire(base).ask("get", f"{base}/", longest_s=10)
    assert "JSON" in raised.value.text  # all twenty bytes came: the half-open brace was judged, not the time


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"errcode": 93000, "errmsg": "invalid webhook url"}, 93000),
        ({"errcode": "45009", "errmsg": "x"}, 45009),
        (lambda: Response("<html>", 200), None),
        (lambda: Response("[1]", 200), None),
        (lambda: Response("{}", 500), None),
        (lambda: Response("", 302, {"Location": "http://127.0.0.1:1/"}), None),
        (lambda: Response(b" " * (ANSWER_BYTES + 1) + b"{}", 200), None),
    ],
)
def test_an_answer_that_is_not_a_yes_is_an_api_error(wire: Wire, wecom: Vendor, step: Any, code: int | None) -> None:
    wecom.will("webhook/send", step)
    with pytest.raises(ApiError) as raised:
        wire.post_webhook("k", {"msgtype": "text"})
    assert raised.value.code == code
    assert len(wecom.sent("webhook/send")) == 1


def test_the_client_too_takes_no_answer_for_a_yes_that_is_none(client: WeComClient, wecom: Vendor) -> None:
    wecom.will(
        "a", lambda: Response("<html>", 200), lambda: Response("", 302, {"Location": wecom.base}), {"errcode": 48002, "errmsg": "no"}
    )
    codes = []
    for _ in range(3):
        with pytest.raises(ApiError) as raised:
            client.get("a")
        codes.append(raised.value.code)
    assert codes == [None, None, 48002]


# Addresses that came from outside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/cgi-bin/aibot/response?response_code=R",
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/cgi-bin/aibot/response",
        "https://qyapi.weixin.qq.com.evil.example/x",
        "https://qyapi.weixin.qq.com@evil.example/x",
        "https://user:word@qyapi.weixin.qq.com/x",
        "https://qyapi.weixin.qq.com:8443/x",
        "http://qyapi.weixin.qq.com/x",
        "https://qyapi.weixin.qq.com\\@evil.example/x",
        "file:///etc/passwd",
        "ftp://qyapi.weixin.qq.com/x",
        "//qyapi.weixin.qq.com/x",
        "https://[::1/x",
        "https://qyapi.weixin.qq.com:99999/x",
        "https://qyapi.weixin.qq.com",
        "",
    ],
)
@pytest.mark.parametrize("base", ["https://qyapi.weixin.qq.com", "vendor"])
def test_an_address_of_a_stranger_is_refused(wecom: Vendor, url: str, base: str) -> None:
    wire = Wire(wecom.base if base == "vendor" else base)
    with pytest.raises(ApiError) as raised:
        wire.post_response_url(url, {})
    assert not isinstance(raised.value, NoAnswer)
    assert "拒绝发送" in str(raised.value)
    assert wecom.seen == []


def test_an_address_of_wecoms_own_is_asked_where_api_base_says(wire: Wire, wecom: Vendor) -> None:
    for base in ("https://qyapi.weixin.qq.com", wecom.base):
        wire.post_response_url(f"{base}/cgi-bin/aibot/response?response_code=R%2B1", {"msgtype": "markdown"})
    assert wecom.queries("aibot/response") == [{"response_code": "R+1"}] * 2


def test_the_machines_proxy_is_used_for_the_outside_and_its_passwords_for_nothing(
    wecom: Vendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password NETRC-WORD")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", wecom.base)
    monkeypatch.setenv("no_proxy", "direct.invalid")
    heads: list[str | None] = []

    def note() -> Response:
        heads.append(request.headers.get("Authorization"))
        return jsonify(errcode=0)

    wecom.will("webhook/send", note)
    Wire("http://outside.invalid").post_webhook(KEY, {"msgtype": "text"})
    assert wecom.queries("webhook/send") == [{"key": KEY}]
    assert heads == [None]
    with pytest.raises(NoAnswer):  # not through the proxy, and there is no such machine
        Wire("http://direct.invalid").post_webhook(KEY, {"msgtype": "text"})
    assert len(wecom.queries("webhook/send")) == 1


def test_plain_http_is_refused_even_to_ones_own_host_unless_that_is_this_machine() -> None:
    with pytest.raises(ApiError, match="拒绝发送"):
        Wire("http://proxy.example").post_response_url("http://proxy.example/cgi-bin/aibot/response?response_code=R", {})
