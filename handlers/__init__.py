"""Does: one feature a file, found by itself. A handler is a plain function ``(message, ctx) -> Reply``.

``GATES`` is what every message passes, in this order, before the router: each lets it pass, adds something, or stops it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from bot.pipeline import Gate
from bot.router import Router
from handlers import flows, leavers, moderation, pauses, quizzes, welcome

GATES: tuple[Gate, ...] = (leavers.gate, moderation.gate, pauses.gate, welcome.gate, flows.gate, quizzes.gate)


def discover(more: Iterable[Router] = ()) -> Router:
    """The routes of all features, and ``more`` of extensions. Raises WiringError when two want the same words."""
    joined = Router()
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if isinstance(router := getattr(module, "router", None), Router):
            joined.include(router)
    for router in more:
        joined.include(router)
    return joined
