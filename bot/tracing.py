"""Traces of messages, where ``tracing.endpoint`` asks for them (bot/telemetry.py); until then spans are nothing and cost nothing.

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
REPEAT = "repeat"
"""Noted where WeCom told a message before: it is one more span of that message, not the first again."""

MISSING = "config.yaml 写了 tracing.endpoint，但没有装 OpenTelemetry。请执行 make install-tracing；不要追踪就把它留空"


def _forget(name: str, value: Fact) -> None:
    """Where nobody asks."""


class Spans:
    """Where the spans of this process go: nowhere, until somebody wants them."""

    def __init__(self) -> None:
        nothing = nullcontext[Note](_forget)
        self._begin: Begin = lambda *_: nothing

    def begin_by(self, begin: Begin) -> None:
        """Has spans begun so from now on."""
        self._begin = begin

    def __call__(self, name: str, message: str = "", *, is_first: bool = False) -> AbstractContextManager[Note]:
        """A span while the ``with`` lasts, in the trace of the ``message`` with this id, '' of the span that is open.

        ``is_first``: it stands above all others of its message, unless ``REPEAT`` is noted on it.
        """
        return self._begin(name, message, is_first)


span = Spans()
"""The spans of this process."""


def check_tracing(config: Config) -> None:
    """Raises StartError where traces are wanted and what they need is not installed."""
    if config.tracing.endpoint and find_spec("opentelemetry") is None:
        raise StartError([MISSING])
