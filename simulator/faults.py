"""Trouble on demand: refusals, HTTP errors, slowness and cut connections on chosen REST paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble for the next ``times`` calls of ``path``.

    ``errcode`` and ``http_status`` answer instead of WeCom: the call has no effect. ``delay_s`` waits first. ``drop`` cuts the connection:
    ``after`` the call took effect (its answer is lost) or ``before``.
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
        if word not in ("", "before", "after"):
            raise ValueError(f"drop is before, after or empty, not {word!r}")
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
