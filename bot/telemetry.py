"""OpenTelemetry behind bot/tracing.py: the only file that needs its packages."""

from __future__ import annotations

import atexit
import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

import structlog
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from bot.config import TracingConfig
from bot.tracing import REPEAT, Fact, Note

log = structlog.get_logger(__name__)

SERVICE = "qunguanjia"
EVERY_MS = 2_000
ANSWERS_WITHIN_S = 2
"""A collector that is slower than this loses a batch."""
LAST_S = 1
"""At the end of a process no batch is begun later than this: what a full queue holds must not keep a process from stopping in time."""
BATCHES = 4
"""As many may wait (512 spans each): a collector that is away takes no memory."""
EXPORTERS = "opentelemetry.exporter"


class _Ids(RandomIdGenerator):
    """Numbers by chance, but for the first span of a message."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_trace_id(self) -> int:
        return int(self.next.__dict__.pop("trace", 0)) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return int(self.next.__dict__.pop("span", 0)) or super().generate_span_id()


class _Door(SpanExporter):
    """The collector's door. That it is shut is said once, and once that it is open again, however many batches were lost between."""

    def __init__(self, endpoint: str) -> None:
        self._exporter = OTLPSpanExporter(endpoint, timeout=ANSWERS_WITHIN_S)
        self._words = _Words(endpoint)
        self._lost = 0
        self._until = float("inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if time.monotonic() > self._until:
            return SpanExportResult.FAILURE
        self._words.first = ""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS and self._lost:
            log.info("traces are taken again", lost=self._lost)
            self._lost = 0
        elif result is not SpanExportResult.SUCCESS:
            if not self._lost:
                log.warning("traces are not taken and dropped", why=self.why)
            self._lost += len(spans)
        return result

    @property
    def why(self) -> str:
        """What the library said when the last batch was not taken."""
        return self._words.first

    def close_soon(self) -> None:
        """No batch is begun much later than now."""
        self._until = time.monotonic() + LAST_S

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def refusal_of(config: TracingConfig) -> str:
    """Why the collector takes nothing, '' where it does; it is given an empty batch."""
    door = _Door(config.endpoint.get_secret_value())
    try:
        return "" if door.export([]) is SpanExportResult.SUCCESS else door.why
    finally:
        door.shutdown()


class _Words(logging.Handler):
    """What the library says, instead of in the log, which it would fill each second: its first words about a batch, without the address, which may hold a
    token."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(logging.WARNING)
        parts = urlsplit(endpoint)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._secrets = [secret for secret in (endpoint, path, parts.netloc.rpartition("@")[0]) if secret.strip("/")]
        self.first = ""
        library = logging.getLogger("opentelemetry")
        library.addHandler(self)
        library.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        if self.first or not record.name.startswith(EXPORTERS):
            return
        said = record.getMessage()
        for secret in self._secrets:
            said = said.replace(secret, "…")
        self.first = said[:300]


class Telemetry:
    """Sends spans in batches, by a thread of its own; what cannot be sent is dropped, and nobody waits for it.

    Whether a trace is sent is decided by its number, which all processes know alike.
    """

    def __init__(self, config: TracingConfig, process: str) -> None:
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(config.share),
            id_generator=self._ids,
            resource=Resource({"service.name": SERVICE, "service.instance.id": process}),
            shutdown_on_exit=False,
        )
        self._door = _Door(config.endpoint.get_secret_value())
        self._provider.add_span_processor(BatchSpanProcessor(self._door, max_queue_size=512 * BATCHES, schedule_delay_millis=EVERY_MS))
        self._tracer = self._provider.get_tracer(SERVICE)
        atexit.register(self.end)

    def end(self) -> None:
        """Sends what is left, for about as long as one batch may take; no span is sent after."""
        self._door.close_soon()
        self._provider.shutdown()

    def begin(self, name: str, message: str, is_first: bool) -> AbstractContextManager[Note]:
        """One span; what is raised within fails it, and is told by its kind alone: the words of an error may be a member's."""
        return self._begin_top(name, message) if is_first else self._begin(name, message)

    @contextmanager
    def _begin(self, name: str, message: str) -> Iterator[Note]:
        facts = {"bot.message": message} if message else None
        began = self._tracer.start_span(name, context=_below(message) if message else None, attributes=facts)

        def note(key: str, value: Fact) -> None:
            began.set_attribute(f"bot.{key}", value)

        with trace.use_span(began, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield note
            except Exception as error:
                began.set_status(trace.StatusCode.ERROR)
                note("error", type(error).__name__)
                raise

    @contextmanager
    def _begin_top(self, name: str, message: str) -> Iterator[Note]:
        """The span above all others of its message: made when it has ended, for only then is it known that this is not told again."""
        began_ns, facts = time.time_ns(), dict[str, Fact](message=message)
        token = attach(_below(message))
        try:
            yield facts.__setitem__
        except Exception as error:
            facts["error"] = type(error).__name__
            raise
        finally:
            detach(token)
            self._make(name, message, began_ns, facts)

    def _make(self, name: str, message: str, began_ns: int, facts: Mapping[str, Fact]) -> None:
        context = _below(message)
        if not facts.get(REPEAT):
            context, (self._ids.next.trace, self._ids.next.span) = Context(), trace_of(message)
        made = self._tracer.start_span(name, context, attributes={f"bot.{key}": value for key, value in facts.items()}, start_time=began_ns)
        if "error" in facts:
            made.set_status(trace.StatusCode.ERROR)
        made.end()


def _below(message: str) -> Context:
    """Where the other spans of a message belong: under its first."""
    above = trace.SpanContext(*trace_of(message), is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
    return trace.set_span_in_context(trace.NonRecordingSpan(above), Context())


def trace_of(message: str) -> tuple[int, int]:
    """The number of a message's trace, and of the span that stands above all others in it; 128 and 64 bits, never 0 (W3C Trace Context, 3.2.2)."""
    digest = hashlib.blake2b(message.encode(), digest_size=24, person=b"trace").digest()
    return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:], "big") or 1
