"""Structured logs on stderr: one JSON object a line, or readable lines on a terminal. Facts and ids, never texts, names or secrets."""

from __future__ import annotations

import logging
import sys

import structlog

from bot.scrub import scrub

CHATTY = ("urllib3", "apscheduler", "jieba", "requests", "werkzeug")
"""Libraries of which only warnings are of interest."""


def set_up_logs(level: str) -> None:
    """Sends this process's logs to stderr, its own and those of libraries, scrubbed of secrets in addresses."""
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(ensure_ascii=False)
    dial = _Dial(level)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        _scrubbed,
    ]
    structlog.configure(
        processors=[dial, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),  # the dial decides: it can be turned while the bot runs
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                                                             foreign_pre_chain=shared))  # fmt: skip
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def turn_logs(level: str) -> bool:
    """Lets this process log from ``level`` on; gives whether that is a change. What is no level changes nothing."""
    first = structlog.get_config()["processors"][0]
    if not isinstance(first, _Dial) or first.level == level or level.upper() not in logging.getLevelNamesMapping():
        return False
    first.turn(level)
    logging.getLogger().setLevel(level.upper())
    return True


class _Dial:
    """Drops what is below a level; the first of all processors, so that what is dropped costs nothing."""

    def __init__(self, level: str) -> None:
        self.turn(level)

    def turn(self, level: str) -> None:
        """From now on this level."""
        self.level, self._least = level, logging.getLevelNamesMapping()[level.upper()]

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if logging.getLevelNamesMapping().get("ERROR" if method == "exception" else method.upper(), logging.CRITICAL) < self._least:
            raise structlog.DropEvent
        return event


class Seldom:
    """Keeps strangers from filling the disk: of each kind of line, some a minute, and then how many more there were."""

    def __init__(self, per_minute: int = 20) -> None:
        self._per_minute = per_minute
        self._counts: dict[str, tuple[int, int]] = {}

    def admits(self, kind: str, now_s: float) -> int | None:
        """How many lines of this kind were kept back in the minute before, None when this one is to be kept back too."""
        minute, (counted, lines) = int(now_s // 60), self._counts.get(kind, (0, 0))
        if counted != minute:
            self._counts[kind] = (minute, 1)
            return max(0, lines - self._per_minute)
        self._counts[kind] = (minute, lines + 1)
        return 0 if lines < self._per_minute else None


def _scrubbed(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    del logger, method
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}
