"""Traces: what several processes do with one message is one trace at a real collector's door, and nobody's words are in it."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chat import Chat
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import SecretStr

from bot.config import TracingConfig
from bot.errors import StartError
from bot.telemetry import Telemetry, refusal_of, trace_of
from bot.tracing import Spans, check_tracing, span
from tests.outside import aibot_text, app, new_id, wecom
from tests.timing import await_until
from tests.tree import GROUP, Tree

pytest_plugins = ("chat",)
SECRET_WORDS = "我家住在梧桐路九号"


@dataclass
class Collector:
    """Takes spans by OTLP over HTTP."""

    endpoint: str = ""
    told: list[tuple[str, Span]] = field(default_factory=list)
    raw: bytes = b""

    def of(self, message: str) -> dict[str, Span]:
        """The spans of a message's trace by name."""
        trace_id = trace_of(message)[0].to_bytes(16, "big")
        return {one.name: one for _, one in self.told if one.trace_id == trace_id}

    def all_of(self, message: str, name: str) -> list[Span]:
        """The spans of a message's trace with this name."""
        trace_id = trace_of(message)[0].to_bytes(16, "big")
        return [one for _, one in self.told if one.trace_id == trace_id and one.name == name]

    def processes(self, message: str) -> set[str]:
        """Which processes told of it."""
        trace_id = trace_of(message)[0].to_bytes(16, "big")
        return {process for process, one in self.told if one.trace_id == trace_id}


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            found.raw += body
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                process = next(one.value.string_value for one in part.resource.attributes if one.key == "service.instance.id")
                found.told += [(process, one) for scope in part.scope_spans for one in scope.spans]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def facts(one: Span) -> dict[str, object]:
    return {each.key: each.value.string_value or each.value.int_value or each.value.bool_value for each in one.attributes}


def test_what_processes_do_with_a_message_is_one_trace(tmp_path: Path, collector: Collector) -> None:
    with wecom() as side:
        tree = Tree(tmp_path, api_base=side.base, tracing={"endpoint": collector.endpoint})
        try:
            tree.start()
            id = new_id()
            assert "签到" in tree.client.tell(tree.channels["assistant"], aibot_text("lilei", "@小助手 签到", id=id, chat=GROUP)).plain
            await_until(lambda: collector.of(f"assistant:{id}"), what="the spans of the first telling")
            tree.client.tell(tree.channels["assistant"], aibot_text("lilei", "@小助手 签到", id=id, chat=GROUP))
            tree.client.tell(tree.channels["assistant"], aibot_text("lilei", f"@小助手 {SECRET_WORDS}", id=new_id(), chat=GROUP))
            given = "90000000000000001"
            tree.client.tell(tree.channels["desk"], app("boss", id=given, Content="发积分 lilei 5 谢谢你"))
            message, told = f"assistant:{id}", f"desk:{given}"
            await_until(lambda: len(collector.all_of(message, "receive")) == 2, what="the span of the second telling")
            await_until(lambda: "send" in collector.of(told), what="the span of what a worker sent")
        finally:
            tree.stop()
    first, again = collector.all_of(message, "receive")
    handled = collector.all_of(message, "handle")[0]
    assert (first.span_id, first.parent_span_id) == (trace_of(message)[1].to_bytes(8, "big"), b"")
    assert handled.parent_span_id == first.span_id
    assert facts(first) == {"bot.message": message, "bot.outcome": "answer"}
    assert again.parent_span_id == first.span_id != again.span_id, "told again, it is one more span and not the first with other times"
    assert facts(again) == {"bot.message": message, "bot.outcome": "answer", "bot.repeat": True}
    assert facts(handled) == {"bot.route": "签到"}
    sent = collector.of(told)["send"]
    assert sent.parent_span_id == collector.of(told)["receive"].span_id
    assert facts(sent) == {"bot.message": told, "bot.via": "app", "bot.attempt": 1}
    assert {name.partition(".")[0] for name in collector.processes(told)} == {"web", "worker"}
    for secret in (SECRET_WORDS, "lilei", GROUP, *(f"secret-of-{name}" for name in tree.channels)):
        assert secret.encode() not in collector.raw


def telling(endpoint: str, share: float = 1.0) -> tuple[Spans, Telemetry]:
    """Spans that go to a collector, once it is told that this was all."""
    spans, telemetry = Spans(), Telemetry(TracingConfig(endpoint=SecretStr(endpoint), share=share), "it")
    spans.begin_by(telemetry.begin)
    return spans, telemetry


@pytest.mark.parametrize("is_first", [False, True])
def test_what_fails_is_told_by_its_kind_alone(collector: Collector, *, is_first: bool) -> None:
    span, telemetry = telling(collector.endpoint)

    def fail() -> None:
        with span("send", "desk:1", is_first=is_first) as note:
            note("via", "app")
            raise ValueError(SECRET_WORDS)

    with pytest.raises(ValueError, match="梧桐"):
        fail()
    telemetry.end()
    failed = collector.of("desk:1")["send"]
    assert facts(failed) == {"bot.message": "desk:1", "bot.via": "app", "bot.error": "ValueError"}
    assert (failed.status.code, failed.status.message) == (2, "")
    assert SECRET_WORDS.encode() not in collector.raw


def test_one_in_so_many_messages_is_traced_by_all_alike(collector: Collector) -> None:
    span, telemetry = telling(collector.endpoint, share=0.2)
    messages = [f"desk:{n}" for n in range(300)]
    for message in messages:
        with span("receive", message, is_first=True), span("handle"):
            pass
        with span("send", message):
            pass
    telemetry.end()
    seen = {message: set(collector.of(message)) for message in messages}
    assert 30 <= sum(map(bool, seen.values())) <= 95
    assert all(names in (set(), {"receive", "handle", "send"}) for names in seen.values())


def test_without_an_endpoint_nothing_is_loaded_and_nothing_is_noted(chat: Chat) -> None:
    with span("receive", "desk:1") as one, span("handle") as other:
        one("outcome", "answer")
    assert one is other
    assert "积分" in chat.says("签到")


def test_a_collector_that_takes_nothing_keeps_no_process_from_ending_and_fills_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    asked: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def hold() -> None:
            while True:
                try:
                    asked.append(silent.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        span, telemetry = telling(f"http://127.0.0.1:{silent.getsockname()[1]}/adapt_t0ken@one/api/traces")
        for n in range(5_000):
            with span("receive", f"desk:{n}", is_first=True):
                pass
        await_until(lambda: asked, what="the first batch")
        telemetry.end()
        silent.shutdown(socket.SHUT_RDWR)
    for one in asked:
        one.close()
    assert len(asked) < 4, "of the four batches and more that waited, those that would have kept the process are dropped"
    told = capfd.readouterr()
    assert (told.out + told.err).count("traces are not taken") == 1
    assert "t0ken" not in told.out + told.err


def test_check_says_why_a_collector_takes_nothing(collector: Collector) -> None:
    assert refusal_of(TracingConfig(endpoint=SecretStr(collector.endpoint))) == ""
    gone = refusal_of(TracingConfig(endpoint=SecretStr(collector.endpoint.replace("127.0.0.1", "127.0.0.2").replace("v1", "t0ken"))))
    assert "refused" in gone
    assert "t0ken" not in gone


def test_without_its_packages_the_start_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, chat: Chat) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    wanted = TracingConfig(endpoint=SecretStr("http://127.0.0.1:4318/v1/traces"))
    with pytest.raises(StartError) as missing:
        check_tracing(chat.config.model_copy(update={"tracing": wanted}))
    assert [problem.count("make install-tracing") for problem in missing.value.problems] == [1]
