"""OpenTelemetry behind bot/tracing.py: the only file that needs its packages."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from bot.config import TracingConfig

Fact = str | int | float | bool
SERVICE = "qunguanjia"
EVERY_MS = 2_000
ANSWERS_WITHIN_S = 3
"""A collector that is slower than this loses a batch. At the end of a process what is left is sent, for no longer."""


class _Ids(RandomIdGenerator):
    """Numbers by chance, but for the first span of a message."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_trace_id(self) -> int:
        return int(getattr(self.next, "trace", 0)) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return int(self.next.__dict__.pop("span", 0)) or super().generate_span_id()


class Telemetry:
    """Sends spans in batches, by a thread of its own; what cannot be sent is dropped, and nobody waits for it.

    Whether a trace is sent is decided by its number, which all processes know alike.
    """

    def __init__(self, config: TracingConfig, process: str) -> None:
        self._ids = _Ids()
        # the spans of one batch more may wait: a collector that is away takes no memory
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(config.share),
            id_generator=self._ids,
            resource=Resource({"service.name": SERVICE, "service.instance.id": process}),
        )
        exporter = OTLPSpanExporter(config.endpoint, timeout=ANSWERS_WITHIN_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2_048, schedule_delay_millis=EVERY_MS))
        self._tracer = self._provider.get_tracer(SERVICE)

    @contextmanager
    def begin(self, name: str, message: str, is_first: bool) -> Iterator[Callable[[str, Fact], None]]:
        """One span; what is raised within fails it, and is told by its kind alone: the words of an error may be a member's."""
        ids, context = trace_of(message) if message else (0, 0), None
        if is_first:
            self._ids.next.trace, self._ids.next.span = ids
            context = Context()
        elif message:
            above = trace.SpanContext(*ids, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
            context = trace.set_span_in_context(trace.NonRecordingSpan(above), Context())
        began = self._tracer.start_span(name, context=context, attributes={"bot.message": message} if message else None)
        self._ids.next.__dict__.clear()

        def note(key: str, value: Fact) -> None:
            began.set_attribute(f"bot.{key}", value)

        with trace.use_span(began, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield note
            except Exception as error:
                began.set_status(trace.StatusCode.ERROR)
                note("error", type(error).__name__)
                raise


def trace_of(message: str) -> tuple[int, int]:
    """The number of a message's trace, and of the span that stands above all others in it; 128 and 64 bits, never 0 (W3C Trace Context, 3.2.2)."""
    digest = hashlib.blake2b(message.encode(), digest_size=24, person=b"trace").digest()
    return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:], "big") or 1
