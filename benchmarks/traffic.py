"""What members send: sealed aibot callbacks as ready-made HTTP requests, four FAQ questions to one 签到, and what each must be answered."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from benchmarks.questions import Asked
from benchmarks.servers import SPEAKERS, chat_of
from simulator.envelope import Envelope, Sealed
from simulator.payloads import aibot_message, text

CHECK_IN_EVERY = 5
_CHECKED_IN = ("签到成功", "今天已经签到过了")


class Shared(Protocol):
    """What both sides of a callback address know."""

    @property
    def token(self) -> str: ...
    @property
    def aes_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests in the order in which they are sent, and the texts of which one must stand in each answer."""

    requests: list[bytes]
    expected: list[tuple[str, ...]]


class Traffic:
    """Makes batches; every message has an id of its own, and all who speak have their turn."""

    def __init__(self, asked: Mapping[str, Sequence[Asked]], shared: Shared, seed: int, speakers: Sequence[str] = SPEAKERS) -> None:
        self._asked = asked
        self._speakers = list(speakers)
        self._envelope = Envelope(shared.token, shared.aes_key, "")
        self._random = random.Random(seed)
        self._numbers = count()
        self._members = self._all_members()

    def batch(self, size: int) -> Batch:
        """``size`` requests, sealed now: they must be sent within ten minutes."""
        requests, expected = [], []
        for _ in range(size):
            number = next(self._numbers)
            said, answers = self._say(number)
            requests.append(self.request(number, next(self._members), said))
            expected.append(answers)
        return Batch(requests, expected)

    def request(self, number: int, user: str, said: str) -> bytes:
        """One message of a user in his group, sealed now, as an HTTP request; ``number`` makes its id."""
        payload = aibot_message(
            msgid=f"bench{number:024d}",
            aibotid="AIBOTID",
            user=user,
            chat=chat_of(user),
            response_url=f"https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code={number:040x}",
            body=text(f"@小助手 {said}"),
        )
        nonce = f"{self._random.getrandbits(32):010d}"
        sealed = self._envelope.seal(payload, str(int(time.time())), nonce)
        body = json.dumps({"encrypt": sealed.encrypt})
        return (
            f"POST /wecom/assistant?msg_signature={sealed.signature}&timestamp={sealed.timestamp}&nonce={nonce} HTTP/1.1\r\n"
            f"Host: bot.example.com\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def said(self, body: bytes) -> str:
        """The words of an answer."""
        answer = json.loads(body)
        opened = self._envelope.open(Sealed(answer["encrypt"], answer["msgsignature"], str(answer["timestamp"]), answer["nonce"]))
        return str(json.loads(opened)["stream"]["content"])

    def wrong(self, batch: Batch, kept: Sequence[tuple[int, bytes]]) -> list[str]:
        """Opens answers and says what is not right about them."""
        return [problem for number, body in kept if (problem := self._problem(body, batch.expected[number]))]

    def _problem(self, body: bytes, expected: tuple[str, ...]) -> str:
        said = self.said(body)
        return "" if any(text in said for text in expected) else f"expected {expected[0]!r}, got {said!r}"

    def _say(self, number: int) -> tuple[str, tuple[str, ...]]:
        if number % CHECK_IN_EVERY == 0:
            return "签到", _CHECKED_IN
        how = ("exact", "keyword", "similar")[number % 3]
        asked = self._random.choice(self._asked[how])
        return asked.text, (asked.answer,)

    def _all_members(self) -> Iterator[str]:
        while True:
            self._random.shuffle(self._speakers)
            yield from self._speakers
