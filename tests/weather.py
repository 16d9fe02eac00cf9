"""What all storms of messages share: threads that deliver, what is to come again, and the weather that holds either back."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from tests.timing import await_until

M = TypeVar("M")


class Weather(ABC, Generic[M]):
    """Delivers messages, ``width`` at a time: new ones while it is ``flowing``, those that come again while it is ``calm``."""

    def __init__(self, messages: Sequence[M], width: int) -> None:
        self.flowing, self.calm = threading.Event(), threading.Event()
        self.flowing.set()
        self.calm.set()
        self._fresh, self._again = deque(messages), list[M]()
        self._pending, self._settled = len(messages), 0
        self._odd: list[str] = []
        self._change = threading.Condition()
        self._threads = [threading.Thread(target=self._work, name="storm", daemon=True) for _ in range(width)]

    @abstractmethod
    def _deliver(self, message: M) -> bool:
        """Delivers one; True: WeCom is done with it, False: it comes again later."""

    def _next_again(self) -> int:
        """Which of those that come again is the next."""
        return 0

    def begin(self) -> None:
        """Lets it break loose."""
        for thread in self._threads:
            thread.start()

    def settled(self) -> int:
        """How many messages WeCom is done with: answered, or given up."""
        with self._change:
            return self._settled

    def end(self, within_s: float) -> None:
        """Waits until WeCom is done with all messages. Raises AssertionError where it would not have taken an answer."""
        await_until(lambda: self.settled() == self._pending, within_s, "the end of the storm")
        for thread in self._threads:
            thread.join(15)
        assert not self._odd, self._odd[:3]

    def _work(self) -> None:
        while (message := self._next()) is not None:
            try:
                is_over = self._deliver(message)
            except ValueError as odd:  # an answer that WeCom takes from nobody
                self._odd.append(f"{message}: {odd}")
                is_over = True
            with self._change:
                if is_over:
                    self._settled += 1
                else:
                    self._again.append(message)
                self._change.notify_all()

    def _next(self) -> M | None:
        with self._change:
            while self._settled < self._pending:
                if self._again and self.calm.is_set():
                    return self._again.pop(self._next_again())
                if self._fresh and self.flowing.is_set():
                    return self._fresh.popleft()
                self._change.wait(0.05)
            return None
