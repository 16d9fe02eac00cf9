"""Traces of messages for OpenTelemetry, where ``tracing.endpoint`` asks for them; without it nothing here is loaded and nothing is spent.

A message's trace is named by the message's id, which every process that has to do with it knows: the one that answers the callback, the one that takes
up what another left, the one that sends. So their spans join up without anything being carried along. Spans hold ids, names of routes and outcomes; never
words, names or secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec

from bot.config import Config
from bot.errors import StartError

Fact = str | int | float | bool
Note = Callable[[str, Fact], None]
"""Puts a fact on the span that is open."""
Begin = Callable[[str, str, bool], AbstractContextManager[Note]]

MISSING = "config.yaml 写了 tracing.endpoint，但没有装 OpenTelemetry。请执行 make install-tracing；不要追踪就把它留空"


def _forget(name: str, value: Fact) -> None:
    """Where nobody asks."""


_OFF = nullcontext[Note](_forget)


_begin: Begin = lambda *_: _OFF  # noqa: E731 - until somebody asks


def span(name: str, message: str = "", *, is_first: bool = False) -> AbstractContextManager[Note]:
    """A span while the ``with`` lasts, in the trace of the ``message`` with this id, '' of the span that is open.

    ``is_first``: it stands above all others of its message.
    """
    return _begin(name, message, is_first)


def check_tracing(config: Config) -> None:
    """Raises StartError where traces are wanted and what they need is not installed."""
    if config.tracing.endpoint and find_spec("opentelemetry") is None:
        raise StartError(MISSING)


def start_tracing(config: Config, process: str) -> None:
    """Has this process, of this name, tell of its spans from now on. To be called behind every fork, for a thread sends them."""
    global _begin
    if config.tracing.endpoint:
        from bot.telemetry import Telemetry

        _begin = Telemetry(config.tracing, process).begin
