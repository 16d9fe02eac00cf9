"""What Prometheus may ask: counters and durations, added up over all processes through files in the data folder."""

from __future__ import annotations

from collections.abc import Mapping

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
        self.broken = Gauge(
            "bot_circuits_open",
            "Ways out that are left alone because they fail",
            ["name"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.links = Counter(
            "bot_long_connections_total", "Long connections by channel and what became of them", ["channel", "outcome"], registry=registry
        )
        self.link_gaps = Counter(
            "bot_long_connection_gap_seconds_total", "Time without a long connection, by channel", ["channel"], registry=registry
        )
        self.door = Gauge(
            "bot_public_address_reachable",
            "Whether our own public address answered its last test",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.silent = Gauge(
            "bot_silent_channels", "Channels whose silence was alarmed about", registry=registry, multiprocess_mode="mostrecent"
        )
        self.tickets = Gauge(
            "bot_tickets", "Questions that wait for a person: all of them, and those overdue", ["state"], registry=registry,
            multiprocess_mode="mostrecent",
        )  # fmt: skip
        self.pictures = Counter(
            "bot_pictures_total", "Messages whose pictures were looked at for QR codes, by outcome", ["outcome"], registry=registry
        )
        self.unfinished = Gauge(
            "bot_inbox_unfinished", "Accepted messages that are not finished", registry=registry, multiprocess_mode="mostrecent"
        )

        self.unfinished_age = Gauge(
            "bot_inbox_oldest_seconds", "For how long the oldest of them has waited", registry=registry, multiprocess_mode="mostrecent"
        )

        def newest(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(name, says, labels, registry=registry, multiprocess_mode="mostrecent")

        self.room_used = newest("bot_room_used_bytes", "Bytes in use: memory of Redis, disk of the data folder", "what")
        self.room_total = newest("bot_room_bytes", "All bytes there are", "what")
        self.room_days = newest("bot_room_days_left", "Days until it is full, as it grew lately; +Inf where it does not grow", "what")
        self.waiting = newest("bot_queue_waiting", "What waits, by queue", "queue")
        self.dead = newest("bot_dead_letters", "What was given up and waits for a person, by queue", "queue")
        self.late = newest("bot_outbox_late_seconds", "For how long the delivery that is most overdue should have been sent")
        self.lights = newest("bot_health_lights", "Health lights of a community by colour", "community", "colour")
        self.active = newest("bot_active_members", "Members of a community who spoke today", "community")
        self.members = newest("bot_members", "Members of a community", "community")

    def note_tickets(self, waiting: int, overdue: int) -> None:
        """How many questions wait for a person, and how many of them longer than was promised."""
        self.tickets.labels("waiting").set(waiting)
        self.tickets.labels("overdue").set(overdue)

    def note_room(self, found: Mapping[str, tuple[int, int, int | None]]) -> None:
        """Bytes in use and all there are, and in how many days they are full, of memory and disk."""
        for what, (used, total, days_left) in found.items():
            self.room_used.labels(what).set(used)
            self.room_total.labels(what).set(total)
            self.room_days.labels(what).set(float("inf") if days_left is None else days_left)

    def note_queues(self, *, waiting: Mapping[str, int], dead: Mapping[str, int], late_s: float) -> None:
        """How much waits and was given up, by queue, and how late the outbox is."""
        for gauge, found in ((self.waiting, waiting), (self.dead, dead)):
            for queue, n in found.items():
                gauge.labels(queue).set(n)
        self.late.set(late_s)

    def note_community(self, community: str, lights: Mapping[str, int], *, active: int, members: int) -> None:
        """How a community is today."""
        for colour, n in lights.items():
            self.lights.labels(community, colour).set(n)
        self.active.labels(community).set(active)
        self.members.labels(community).set(members)

    @staticmethod
    def text() -> bytes:
        """The figures of all processes, in Prometheus' text format."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
