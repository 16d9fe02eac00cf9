"""A storm of messages as WeCom delivers them, to any of several machines.

WeCom sends a callback again, up to three times and sealed anew, when it got no 200. How long it pauses is not documented; here the first
repeat comes at once and the others when the weather is ``calm`` again, in any order. Some messages are never repeated: nothing promises
repeats for an aibot. Some come twice at the same moment, and some once more although they were answered.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.chaos.record import Told
from tests.outside import Channel, Client
from tests.timing import PATIENCE_S
from tests.weather import Weather

REPEATS = 3
AT_ONCE, ONCE_MORE = 0.1, 0.1
"""Shares of the messages that come twice at the same moment, and of those that come again after their answer."""


@dataclass
class Message:
    """One message, and what became of each time that it was delivered. ``code`` is that of its response address."""

    channel: str
    id: str
    user: str
    words: str
    payload: str
    repeats_left: int
    code: str = ""
    comes_twice: bool = False
    comes_again: bool = False
    told: list[Told] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        """Whether WeCom got a 200."""
        return any(told.status == 200 for told in self.told)


class Storm(Weather[Message]):
    """Delivers ``messages``, ``width`` at a time, each to a machine that the dice choose."""

    def __init__(
        self, machines: Sequence[Client], channels: dict[str, Channel], messages: Sequence[Message], rng: random.Random, *, width: int
    ) -> None:
        super().__init__(messages, width)
        self.messages = messages
        self._machines, self._channels, self._rng = machines, channels, rng
        self._twins = ThreadPoolExecutor(width, "twin")

    def end(self, within_s: float) -> None:
        """Waits until WeCom is done with all messages."""
        super().end(within_s)
        self._twins.shutdown()

    def _next_again(self) -> int:
        return self._rng.randrange(len(self._again))

    def _deliver(self, message: Message) -> bool:
        is_fresh = not message.told
        if message.comes_twice and is_fresh:
            twins = [self._twins.submit(self._tell, message) for _ in range(2)]
            message.told += [twin.result() for twin in twins]
        else:
            message.told.append(self._tell(message))
        if not message.is_answered and is_fresh and message.repeats_left:
            message.repeats_left -= 1
            message.told.append(self._tell(message))
        if message.is_answered and message.comes_again:
            message.comes_again = False
            return False
        if message.is_answered or not message.repeats_left:
            return True
        message.repeats_left -= 1
        return False

    def _tell(self, message: Message) -> Told:
        with self._change:
            machine = self._rng.choice(self._machines)
        at = time.time()
        answer = machine.tell(self._channels[message.channel], message.payload)
        return Told(at, answer.status, answer.plain, answer.took_s)


def ask_until(ask: Callable[[], Told], end: float, crowd: int) -> list[Told]:
    """What many who ask at once are told until ``end`` (Unix seconds), each after a breath."""
    told: list[Told] = []
    breath = threading.Event()

    def go_on() -> None:
        while time.time() < end:
            told.append(ask())
            breath.wait(0.05)  # the machine is to have time for the bot

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)  # who asked before the end is answered before it is over, however slow the machine
    return told
