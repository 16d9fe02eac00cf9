"""What Prometheus may ask: counters and durations, added up over all processes through files in the data folder."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The bot's own figures. Built once in each process; the variable PROMETHEUS_MULTIPROC_DIR names the folder they meet in."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.callbacks = Counter("bot_callbacks_total", "Callbacks by channel and outcome", ["channel", "outcome"], registry=registry)
        self.duration = Histogram("bot_callback_seconds", "Time from request to answer", registry=registry, buckets=_SECONDS)
        self.round_trips = Counter("bot_redis_round_trips_total", "Scripts, commands and pipelines sent to Redis", registry=registry)
        self.failures = Counter("bot_handler_failures_total", "Handlers that failed, by route", ["route"], registry=registry)
        self.sent = Counter("bot_sent_total", "Deliveries by way and outcome", ["via", "outcome"], registry=registry)
        self.unfinished = Gauge(
            "bot_inbox_unfinished", "Accepted messages that are not finished", registry=registry, multiprocess_mode="mostrecent"
        )

    @staticmethod
    def text() -> bytes:
        """The figures of all processes, in Prometheus' text format."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
