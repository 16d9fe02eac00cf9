"""Trouble on demand: refusals, HTTP errors, slowness and cut connections on chosen REST paths."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble for the next ``times`` calls of ``path``.

    ``errcode`` and ``http_status`` answer instead of WeCom: the call has no effect. ``delay_s`` waits first. ``drop`` cuts the connection:
    ``after`` the call took effect (its answer is lost) or ``before``. On the long connection ``path`` is a cmd, and ``drop="ack"`` leaves the
    connection open and says nothing.
    """

    path: str
    errcode: int = 0
    http_status: int = 0
    delay_s: float = 0.0
    drop: str = ""
    times: int = 1


class Faults:
    """The faults still to come; the oldest that fits a path is used first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def add(
        self, path: str, *, errcode: int = 0, http_status: int = 0, delay_s: float = 0.0, drop: str | bool = "", times: int = 1
    ) -> None:
        """Order trouble; ``drop=True`` means after the call took effect. ValueError for another word."""
        word = "after" if drop is True else (drop or "")
        if word not in ("", "before", "after", "ack"):
            raise ValueError(f"drop is before, after, ack or empty, not {word!r}")
        with self._lock:
            self._waiting.append(Fault(path, int(errcode), int(http_status), float(delay_s), word, int(times)))

    def take(self, path: str) -> Fault | None:
        """The fault that hits this call, counted down; None when all is well."""
        with self._lock:
            for index, fault in enumerate(self._waiting):
                if fault.path != path:
                    continue
                if fault.times <= 1:
                    self._waiting.pop(index)
                else:
                    self._waiting[index] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def clear(self) -> None:
        """Forget all that is still to come."""
        with self._lock:
            self._waiting.clear()


class Weather(Faults):
    """Trouble by chance as well: each call has a fault with probability ``share``, drawn from ``kinds``; ordered faults come first.

    Every one of ``once`` (faults by their path) comes up once before any is drawn again, so that no kind is missing in a short run.
    """

    def __init__(self, rng: random.Random, share: float, kinds: Sequence[Fault], once: Sequence[Fault] = ()) -> None:
        super().__init__()
        self._rng = rng
        self._share = share
        self._kinds = tuple(kinds)
        self._once = list(once)
        self._dice = Lock()

    def take(self, path: str) -> Fault | None:
        """An ordered fault, else one by chance, else None. A drawn fault of several ``times`` hits as many calls in a row."""
        ordered = super().take(path)
        if ordered:
            return ordered
        with self._dice:
            if self._rng.random() >= self._share:
                return None
            drawn = self._draw(path)
            if drawn and drawn.times > 1:
                self._waiting.append(replace(drawn, times=drawn.times - 1))
            return drawn

    def _draw(self, path: str) -> Fault | None:
        for index, fault in enumerate(self._once):
            if fault.path == path:
                return self._once.pop(index)
        fitting = [fault for fault in self._kinds if fault.path == path]
        return self._rng.choice(fitting) if fitting else None
