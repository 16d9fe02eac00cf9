"""The errors that have names, in one tree.

::

    BotError
    ├── UserError      the text is the reply to the member: "积分不足，还差 20 分"
    ├── RetryLater     the message comes back after some seconds
    ├── StartError     the bot refuses to start; says all problems at once, each with its remedy
    │   ├── ConfigError    config.yaml or the environment
    │   └── WiringError    handlers that contradict each other
    ├── Refused        a callback that is turned away at the door, with its HTTP status
    └── ApiError       WeCom answered a call of ours with an error code

    storage.connection.StorageAway    Redis does not answer (storage knows no room above it)

Anything else is a bug: it is logged with the message's id, the message comes back, and after five attempts it is buried with an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence


class BotError(Exception):
    """The root of the bot's own errors."""


class UserError(BotError):
    """A refusal that the member reads: the text is the reply."""


class RetryLater(BotError):
    """The message is to come back after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class StartError(BotError):
    """Why the bot does not start: every problem at once, each with its remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ConfigError(StartError):
    """Problems in config.yaml or in the environment."""


class WiringError(StartError):
    """Handlers that contradict each other."""


class Refused(BotError):
    """A callback that is turned away. ``reason`` is for the log and names no content."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ApiError(BotError):
    """WeCom's answer to a call of ours: ``code`` is its errcode (None: no usable answer), the text holds no secret."""

    def __init__(self, code: int | None, text: str) -> None:
        super().__init__(f"{code}: {text}" if code is not None else text)
        self.code = code
        self.text = text
