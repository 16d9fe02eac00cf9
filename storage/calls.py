"""Calls to the one process that holds a long connection: any process asks, the holder sends and answers.

A call waits in a list until the holder takes it; the answer comes back on a list of its own. Who asked and got no answer in time takes the
call back: what could still be taken back was not sent. A delivery leaves a mark before it is sent (``once``), so that a repeat knows whether
it may have arrived, and gets WeCom's answer if there was one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database
from storage.personal import Personal

WAIT_S = 0.5
"""How long Redis is listened to at a time: less than the connection's time-out."""
CALL_LIFE_MS = 10_000
ANSWER_LIFE_MS = 30_000
SENT_LIFE_MS = 25 * 3_600_000
"""Longer than anything is tried to be sent."""
DEAD_MS = 10_000
"""A connection that was not alive for so long is not waited for."""


@dataclass(frozen=True, slots=True)
class Call:
    """One frame to send: ``req_id`` is that of the callback it answers, "" for a new one. After ``until_ms`` nobody waits for it.

    ``once`` names the delivery it belongs to, "" for none. ``is_repeatable``: sent again when it may have arrived, for that changes nothing.
    """

    id: str
    cmd: str
    req_id: str = field(repr=False)
    body: dict[str, Any] = field(repr=False)
    until_ms: int = 0
    once: str = ""
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a call: WeCom's ``code`` (0: done) and words; code None: no answer, and ``may_have_arrived`` says how sure that is.

    ``was_unsure``: an earlier try of the same delivery may have arrived.
    """

    code: int | None
    text: str = ""
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    may_have_arrived: bool = False
    was_unsure: bool = False


UNSURE = "?"
NOBODY = Answered(None, "没有进程持有长连接")
LOST = Answered(None, "持有长连接的进程没有应答", may_have_arrived=True)

_encode = msgspec.json.Encoder().encode
_decode_call = msgspec.json.Decoder(Call).decode
_decode_answer = msgspec.json.Decoder(Answered).decode


class Calls:
    """The calls to the holders of all long connections, and when each was last alive."""

    PERSONAL = Personal(
        "长连接",
        "正在经长连接发的东西，几秒到一天",
        (keys.LINK_CALLS, keys.LINK_ANSWER, keys.LINK_SENT, keys.LINK_ALIVE),
        stays=(keys.LINK_SENT,),
        stays_why="发送的编号里可能有成员编号，25 小时后自动消失",
        passing=(keys.LINK_CALLS, keys.LINK_ANSWER, keys.LINK_SENT),
        passing_why="几秒就没了",
    )

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(
        self,
        channel: str,
        cmd: str,
        req_id: str,
        body: Mapping[str, Any],
        *,
        now_ms: int,
        wait_s: float,
        once: str = "",
        is_repeatable: bool = False,
    ) -> Answered:
        """Has one frame sent; gives what came of it within ``wait_s``. Raises StorageAway, and then nothing is known."""
        call = Call(secrets.token_hex(8), cmd, req_id, dict(body), now_ms + round(wait_s * 1000), once, is_repeatable)
        queue, item = keys.LINK_CALLS(channel=channel), _encode(call).decode()
        if now_ms - self.last_alive(channel) > DEAD_MS:
            return NOBODY
        self._database.pipeline([("RPUSH", queue, item), ("PEXPIRE", queue, CALL_LIFE_MS)])
        deadline = time.monotonic() + wait_s
        while (left_s := deadline - time.monotonic()) > 0:
            got = self._database.command("BLPOP", keys.LINK_ANSWER(channel=channel, id=call.id), max(min(left_s, WAIT_S), 0.01))
            if got:
                return _decode_answer(got[1])
        return NOBODY if self._database.command("LREM", queue, 1, item) else LOST

    def take(self, channel: str, now_ms: int) -> Call | None:
        """The next call that somebody still waits for; None when there was none for ``WAIT_S``."""
        got = self._database.command("BLPOP", keys.LINK_CALLS(channel=channel), WAIT_S)
        if not got:
            return None
        call = _decode_call(got[1])
        return call if now_ms < call.until_ms else None

    def answer(self, channel: str, call: Call, answered: Answered) -> None:
        """Tells who asked what came of his call."""
        key = keys.LINK_ANSWER(channel=channel, id=call.id)
        self._database.pipeline([("RPUSH", key, _encode(answered).decode()), ("PEXPIRE", key, ANSWER_LIFE_MS)])

    def begin(self, channel: str, call: Call) -> Answered | None:
        """Marks a delivery as given to the connection; gives what an earlier try came to, code None if nobody knows, None if there was none."""
        if not call.once:
            return None
        key = keys.LINK_SENT(channel=channel, id=call.once)
        before, _ = self._database.pipeline([("GET", key), ("SET", key, UNSURE, "NX", "PX", SENT_LIFE_MS)])
        if before is None:
            return None
        return LOST if before == UNSURE else _decode_answer(before)

    def end(self, channel: str, call: Call, answered: Answered) -> None:
        """Keeps what came of a delivery: WeCom's yes for its repeats; a clear no takes the mark away."""
        if not call.once:
            return
        key = keys.LINK_SENT(channel=channel, id=call.once)
        if answered.code == 0:
            self._database.command("SET", key, _encode(answered).decode(), "PX", SENT_LIFE_MS)
        elif not (answered.may_have_arrived or answered.was_unsure):
            self._database.command("DEL", key)

    def is_held(self, channel: str) -> bool:
        """Whether some process has the role of holding this connection now."""
        return bool(self._database.command("EXISTS", keys.LEASE(name=lease_of(channel))))

    def note_alive(self, channel: str, at_ms: int) -> None:
        """Remembers that a long connection was alive."""
        self._database.command("SET", keys.LINK_ALIVE(channel=channel), at_ms)

    def last_alive(self, channel: str) -> int:
        """When a long connection was last known to be alive, in Unix ms; 0 when it never was."""
        return int(self._database.command("GET", keys.LINK_ALIVE(channel=channel)) or 0)


def lease_of(channel: str) -> str:
    """The name of the lease whose holder has a channel's long connection."""
    return f"ws:{channel}"
