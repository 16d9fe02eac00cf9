"""The test kit of extensions: ``python -m pytest -p tests.kit extensions/``, in the checkout of the bot.

::

    @pytest.fixture
    def chat(extended: Extended) -> Chat:
        return extended(Path("extensions/birthdays.py"), settings={"ahead_days": 7})

    def test_somebody_tells_his_birthday(chat: Chat) -> None:
        assert "记下了" in chat.says("我的生日 3-15")

A real Redis comes with it. What a chat can do stands in ``tests/chat.py``, what a visitor of the console can do in ``tests/visits.py``.

PYTEST_DONT_REWRITE: tests import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # where the tests of the bot find each other

from chat import Chat, OpenChat, metrics, open_chat, plain_logs
from visits import Visit, inside

from bot.extensions import load_file
from tests.conftest import database, dictionary, redis_server

__all__ = [
    "Chat",
    "Extended",
    "Visit",
    "database",
    "dictionary",
    "extended",
    "inside",
    "metrics",
    "open_chat",
    "plain_logs",
    "redis_server",
]

Extended = Callable[..., Chat]


@pytest.fixture
def extended(open_chat: OpenChat, tmp_path: Path) -> Extended:
    """Builds a bot with the extension of a file: ``extended(file, settings={…})``; takes what ``open_chat`` takes besides."""

    def open_one(file: Path, *, settings: Mapping[str, Any] | None = None, **more: Any) -> Chat:
        folder = tmp_path / "extensions"
        folder.mkdir(exist_ok=True)
        shutil.copy(file, folder)
        return open_chat(extensions={"settings": {load_file(file).name: dict(settings or {})}}, **more)

    return open_one
