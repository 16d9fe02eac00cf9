"""QR codes in pictures that members post in a group: looked for behind the answers, and filed for a person where they lead outside.

Only pictures of an aibot's channels: there WeCom tells an address that lives for five minutes. A picture is fetched, read and forgotten; what is kept
is what its codes say, sealed as any evidence, and only of those that a person is to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import msgspec
import structlog

from bot.apart import Failed
from bot.case_desk import CaseDesk
from bot.client import NoAnswer
from bot.config import AibotChannel, AibotWsChannel, Config
from bot.context import Context
from bot.errors import ApiError
from bot.media import MediaError
from bot.message import Attachment, Message
from bot.metrics import Metrics
from bot.permissions import may
from bot.private import tell
from bot.router import Match
from bot.shown_cases import cards_for_staff
from bot.trials import course
from bot.work import Work
from rules.judgement import Verdict
from storage.connection import StorageAway
from storage.jobs import Job
from storage.moment import to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

LIFE_MS = 300_000
"""How long WeCom keeps what an address leads to (path 100719)."""
MOST_PICTURES = 9
AT_ONCE = 1
"""Messages of each shard that are taken up together: what waits behind a slow one is better left to another worker."""
IDLE_MS = 60_000
LOOK_S = 1.0
LEFT_EVERY = 15
"""How many looks at new work there are for one at what others left behind."""
TRIES = 2
AGAIN_S = 3.0

Fetch = Callable[[str, str], bytes]
"""The bytes at an address, opened with a key. Raises ApiError, or MediaError where the key does not fit."""
Read = Callable[[bytes], tuple[str, ...]]
"""What the codes in a picture say. Raises apart.Failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """A message whose pictures are to be looked at, as it is queued, and when it was said; without its words."""

    message: Message
    member: int
    community: str
    at_ms: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Task).decode


def task_of(config: Config, work: Work, match: Match | None) -> str:
    """The work that a message's pictures make; '' for none. What is told in confidence and what administrators show each other is left alone."""
    message = work.message
    pictures = tuple(one for one in message.attachments if one.kind == "image" and one.url)[:MOST_PICTURES]
    if not pictures or message.event or not message.chat or not work.place.member:
        return ""
    is_private = match is not None and match.route.is_confidential
    is_office = any(message.chat == community.admin_group for community in config.communities)
    if is_private or is_office or not work.community.is_listed or not config.moderation.pictures or not _keys(config, message, pictures[0]):
        return ""
    shown = Message(message.id, message.channel, message.kind, message.user, message.chat, attachments=pictures)
    return _encode(Task(shown, work.place.member, work.community.id, work.now_ms)).decode()


def _keys(config: Config, message: Message, picture: Attachment) -> tuple[str, ...]:
    """The keys that may open a picture, the likeliest first; none where its channel shows none."""
    channel = config.channel(message.channel)
    if isinstance(channel, AibotWsChannel):
        return (picture.aes_key,) if picture.aes_key else ()
    return tuple(dict.fromkeys(key.get_secret_value() for _, key in channel.key_pairs)) if isinstance(channel, AibotChannel) else ()


class PictureWatch:
    """Looks at pictures, in any number of workers; what a crash left is looked at by another, once more."""

    def __init__(
        self, stores: Stores, config: Config, context_of: Callable[[Message, int, str], Context], fetch: Fetch, read: Read, metrics: Metrics,
        *, clock: Callable[[], datetime], rest: Callable[[float], object],
    ) -> None:  # fmt: skip
        self._stores = stores
        self._config = config
        self._context_of = context_of
        self._fetch = fetch
        self._read = read
        self._metrics = metrics
        self._clock = clock
        self._rest = rest

    def run(self, stop: Event) -> None:
        """Looks at what comes until ``stop``."""
        looks = 0
        while not stop.wait(LOOK_S):
            try:
                self.look_at_some()
                if looks % LEFT_EVERY == 0:
                    self.look_at_left(IDLE_MS)
                looks += 1
            except StorageAway as away:
                log.warning("pictures wait", reason=str(away))
            except Exception as error:
                # One picture that breaks us must not hold up the others; it is looked at once more, then dropped.
                log.error("picture failed", error=type(error).__name__, exc_info=True)

    def look_at_some(self) -> int:
        """Looks at new pictures; gives of how many messages."""
        jobs = self._stores.pictures.take(AT_ONCE)
        for job in jobs:
            self._settle(job)
        return len(jobs)

    def look_at_left(self, idle_ms: int) -> int:
        """Looks at what processes left behind that are gone; gives of how many messages."""
        looked = 0
        for job in self._stores.pictures.left_behind(idle_ms):
            self._settle(job)
            looked += 1
        return looked

    def _settle(self, job: Job) -> None:
        outcome = self._look(job)
        self._stores.pictures.done([job])
        self._metrics.pictures.labels(outcome).inc()
        log.info("picture looked at", outcome=outcome)

    def _look(self, job: Job) -> str:
        try:
            task = _decode(job.body)
        except (msgspec.DecodeError, UnicodeError):  # queued by another version
            return "unreadable"
        if job.tries > TRIES:  # it broke the processes that looked at it
            return "given up"
        if to_ms(self._clock()) - task.at_ms > LIFE_MS:
            return "late"
        ctx = self._context_of(task.message, task.member, task.community)
        if not ctx.community.is_listed or not self._stores.directory.find_user(task.member):
            return "gone"
        if may(ctx.role, "moderator"):
            return "staff"
        codes = self._codes(task.message)
        if not codes:
            return "unseen" if codes is None else "none"
        verdict = ctx.contents.judge.judge_codes(codes, ctx.community.id)
        if verdict.verdict == "pass":
            return "harmless"
        return self._note(task.message, codes, verdict, ctx)

    def _note(self, message: Message, codes: tuple[str, ...], verdict: Verdict, ctx: Context) -> str:
        """Files a case for a person, or only notes it while a trial runs; once, whoever repeats it."""
        text, once = "\n".join(f"[图片二维码] {code}" for code in codes), f"{message.id}:qr"
        if course(ctx.stores, ctx.config, ctx.contents.judge.policy, ctx.community, ctx.now()).is_trial:
            ctx.stores.trials.note(ctx.community.keys, ctx.member, verdict, text, ctx.now(), once=once)
            return "trial"
        desk = CaseDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
        filed = desk.file(ctx.member, text, verdict, "file", chat=message.chat, once=once)
        if filed.outcome == "filed":
            for reply in cards_for_staff(ctx, desk.get(filed.number), once):
                if reply.to is not None:
                    id = f"{once}:{reply.to}"
                    tell(ctx.stores, ctx.config, ctx.community, reply.to, reply.words, ctx.now(), id=id, about=reply.about, card=reply.card)
        return "filed"

    def _codes(self, message: Message) -> tuple[str, ...] | None:
        """What the codes in a message's pictures say; None where not one of them could be seen."""
        found: list[str] = []
        seen = 0
        for picture in message.attachments:
            try:
                data = self._fetched(message, picture)
                codes = self._read(data) if data else ()
            except Failed:  # said in the log already
                continue
            seen += data is not None
            found += codes
        return tuple(dict.fromkeys(found)) if seen else None

    def _fetched(self, message: Message, picture: Attachment) -> bytes | None:
        """A picture's bytes; None for one that cannot be had. Where WeCom gives none it is asked once more."""
        for is_last in (False, True):
            try:
                return self._opened(message, picture)
            except NoAnswer as trouble:
                log.warning("picture not fetched", reason=str(trouble))
                if not is_last:
                    self._rest(AGAIN_S)
            except ApiError as refusal:  # not WeCom's address, or too large
                log.warning("picture not fetched", reason=str(refusal))
                return None
        return None

    def _opened(self, message: Message, picture: Attachment) -> bytes | None:
        for key in _keys(self._config, message, picture):
            try:
                return self._fetch(picture.url, key)
            except MediaError as problem:  # the other key, while keys are being changed
                log.warning("picture not opened", reason=str(problem))
        return None
