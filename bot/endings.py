"""How a message ends: out of a handler's replies, all that one act writes – the answer, what is sent besides, what is counted and waited for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot import deliveries, streams
from bot.channels import KINDS
from bot.channels.aibot import stream_id
from bot.channels.answer import body_of, shown_card, spoken, twin_prompt
from bot.config import Config
from bot.drawing import shown_members
from bot.enclosures import beside_update, enclose, fit
from bot.feelings import Feelings
from bot.longframes import answer_by_link
from bot.message import Message, Prompt, Reply
from bot.picture_watch import task_of
from bot.router import Match
from bot.work import Work
from rules.figures import TAKES_PART
from storage.inbox import Ending
from storage.keys import shard_of
from storage.moods import Felt
from storage.notices import read_notice
from storage.outbox import Delivery
from storage.stores import Stores
from storage.streams import StreamStart
from storage.talk import topic_of

PROMPT_LIFE_MS = 600_000
LONGEST_ASKED = 500
BY_NUMBER = '"by_number":true'
"""Stands in a question that only a number answers. No words of a choice look so: within JSON their quotation marks are escaped."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Waiting:
    kind: str
    choices: tuple[str, ...]
    at: int
    none: str = ""
    life_s: int = PROMPT_LIFE_MS // 1000
    is_secret: bool = False
    community: str = ""
    by_number: bool = False


_decode_waiting = msgspec.json.Decoder(_Waiting).decode


@dataclass(frozen=True, slots=True)
class _Said:
    """How who asked is answered: in the response (``passive``), or by one of the deliveries."""

    passive: str
    deliveries: Sequence[Delivery]
    shows_card: bool
    is_delivered: bool = False


@dataclass(slots=True)
class _Together:
    """What all replies to a message say together, and the first of them that names a topic, asks nobody's question, or is told step by step."""

    counts: list[str]
    topic: str = ""
    unanswered: str = ""
    stream: Reply | None = None
    is_told: bool = False
    is_filed: bool = False
    is_secret: bool = False
    is_question: bool = False
    closes_prompt: bool = False

    @classmethod
    def of(cls, replies: Sequence[Reply]) -> _Together:
        """One look at each: most messages have one reply with nothing special to it."""
        all = cls([])
        for reply in replies:
            all.counts += reply.counts
            all.topic, all.unanswered = all.topic or reply.topic, all.unanswered or reply.unanswered
            all.is_told, all.is_filed = all.is_told or reply.told, all.is_filed or reply.is_filed
            all.is_secret, all.closes_prompt = all.is_secret or reply.is_secret, all.closes_prompt or reply.closes_prompt
            all.is_question = all.is_question or bool(reply.topic or reply.unanswered or reply.prompt)
            if all.stream is None and reply.stream:
                all.stream = reply
        return all


class Endings:
    """Makes endings. ``take_in`` gives the stores for a message that is kept from then on; ``pays_first``: a day's first message earns points.

    ``takes_numbers`` says of which kinds of questions only a number can be the answer.
    """

    def __init__(
        self, config: Config, shards: int, find_user: Callable[[int], str | None], take_in: Callable[[Work], Stores], feelings: Feelings,
        pays_first: Callable[[], bool] = lambda: False,
        takes_numbers: Callable[[str], bool] = lambda kind: False,
    ) -> None:  # fmt: skip
        self._config = config
        self._shards = shards
        self._find_user = find_user
        self._take_in = take_in
        self._feelings = feelings
        self._pays_first = pays_first
        self._takes_numbers = takes_numbers
        self._kinds = {channel.name: channel.kind for channel in config.channels}

    def make(self, work: Work, match: Match | None, replies: list[Reply], *, in_time: bool, took_ms: float) -> Ending:
        """All that ends ``work``. ``in_time``: the callback's response is still waited for, else the answer is delivered."""
        message, place = work.message, work.place
        notices = work.accepted.notices if message.is_private and message.event is None else ()
        waited = [Reply(text, about=named) for text, named in map(read_notice, notices)]
        replies = waited + [_judgeable(reply, work.now_ms) for reply in replies]
        queued, about, together = self._aside(work, replies), _named(replies), _Together.of(replies)
        replies, beside = enclose(self._config, message, replies, work.community.id, place.member, in_time=in_time, now_ms=work.now_ms)
        said = self._said(work, replies, in_time=in_time)
        queued = [*queued, *beside, *(replace(delivery, about=about) for delivery in said.deliveries)]
        felt, is_active = self._feelings.felt(work, match), message.event is None and place.member > 0 and not work.is_confidential
        named = together.counts
        note = _note(match, replies, took_ms) | _counted(work, named, felt)
        prompt = _next_prompt(replies, shown=shown_card(replies) if said.shows_card else None)
        return Ending(
            answer=said.passive,
            events=[
                ("decision", note),
                *_audit(match, note),
                ("outbound", self._outbound_facts(work, match, said.passive, queued, about, is_secret=together.is_secret)),
            ],
            counts=_counts(work, named, felt),
            deliveries=queued,
            prompt=self._waiting(work, prompt)
            if prompt
            else "-"
            if together.closes_prompt or (match is not None and match.answers_prompt)
            else "",
            prompt_life_ms=prompt.life_s * 1000 if prompt else PROMPT_LIFE_MS,
            unanswered=f"{work.now_ms}|{together.unanswered}" if together.unanswered else "",
            job=self._feelings.job(work, match),
            pictures="" if _answers_secret(work, match) else task_of(self._config, work, match),
            felt=felt,
            is_active=is_active,
            takes_part=place.member > 0 and not work.is_confidential and not TAKES_PART.isdisjoint(named),
            pays_first=is_active and self._pays_first(),
            stream=self._stream_start(work, together.stream, shows_parts=in_time and self._kind(message) == "aibot"),
            notices_said=notices if said.is_delivered or (said.passive and in_time) else (),
            was_first=work.accepted.is_first,
            topic=topic_of(together.topic, work.now_ms) if together.topic else "",
            told=str(work.now_ms) if together.is_told else "",
            asked=self._asked(work, match) if together.is_question and not together.is_filed else "",
            about=about,
            is_confidential=work.is_confidential,
        )

    def _waiting(self, work: Work, prompt: Prompt) -> str:
        return waiting_for(prompt, work.now_ms, work.community.id, by_number=self._takes_numbers(prompt.kind))

    def _said(self, work: Work, replies: list[Reply], *, in_time: bool) -> _Said:
        """The answer: in the callback's response, else by whichever way leads to who asked."""
        message, kind, member, now_ms = work.message, self._kind(work.message), work.place.member, work.now_ms
        shown, besides = replies, list[Delivery]()
        if in_time:
            shown, besides = fit(self._config, message, replies, work.community.id, member, now_ms=now_ms)
            besides = [*besides, *beside_update(self._config, message, replies, work.community.id, member, now_ms=now_ms)]
        passive = KINDS[kind].render(message, shown, corp_id=self._config.wecom.corp_id, as_json=work.as_json)
        answered = answer_by_link(self._config, message, replies, work.community.id, member, now_ms=now_ms)
        if answered is None and not in_time:
            answered = self._card_update(work, replies)
        if answered is None and (not in_time or not passive):
            late = _spoken_text([reply for reply in replies if not reply.stream], shows_markdown=kind != "app")
            answered = deliveries.answer_later(self._config, message, work.community.id, member, late, now_ms=now_ms) if late else None
        if answered is None:
            return _Said(passive, besides, shows_card=in_time and kind == "aibot")
        return _Said("", [*besides, answered], shows_card=answered.via == "aibot_ws", is_delivered=True)

    def _stream_start(self, work: Work, reply: Reply | None, *, shows_parts: bool) -> StreamStart | None:
        if reply is None:
            return None
        task = streams.Task(work.message, work.place.member, work.community.id, reply.stream, shows_parts)
        return StreamStart(stream_id(work.message), reply.text, _encode(task).decode())

    def _aside(self, work: Work, replies: Sequence[Reply]) -> list[Delivery]:
        """What is said to others or as a post of its own; kept for a later single chat where no channel leads there."""
        queued: list[Delivery] = []
        for number, reply in enumerate(replies):
            id = f"{work.message.id}:{number}"
            if reply.to is not None:
                user = self._find_user(reply.to)
                private = deliveries.to_member(
                    self._config, reply.to, reply.words, user=user or "", id=id, community=work.community.id, message=work.message.id,
                    now_ms=work.now_ms,
                )  # fmt: skip
                if private:
                    queued.append(replace(deliveries.as_card(private, reply.card), about=reply.about))
                elif user:
                    self._take_in(work).notices.keep(shard_of(user, self._shards), reply.to, reply.words, once=id, about=reply.about)
            elif reply.push:
                post = deliveries.to_group(
                    self._config,
                    work.community.id,
                    work.message.chat,
                    reply.words,
                    id=id,
                    lane="now",
                    message=work.message.id,
                    now_ms=work.now_ms,
                )
                queued += [deliveries.as_card(post, reply.card)] if post else []
        return queued

    def _card_update(self, work: Work, replies: Sequence[Reply]) -> Delivery | None:
        """The new face of a card whose click was answered too late for WeCom to take it from the response."""
        update = next((reply.update_card for reply in replies if reply.update_card is not None), None)
        if update is None:
            return None
        return deliveries.update_later(
            self._config, work.message, work.community.id, work.place.member, body_of(update, "app"), now_ms=work.now_ms
        )

    def _asked(self, work: Work, match: Match | None) -> str:
        """The question that a person can take over when its member asks for one just afterwards."""
        return topic_of(work.message.text[:LONGEST_ASKED], work.now_ms) if match and match.route.is_fallback else ""

    def _outbound_facts(
        self, work: Work, match: Match | None, passive: str, queued: Sequence[Delivery], about: Sequence[int], *, is_secret: bool
    ) -> dict[str, Any]:
        if match and match.route.is_confidential:  # the length of an answer may tell what it was to
            return {}
        facts: dict[str, Any] = {"passive_bytes": len(passive.encode())}
        if queued:
            facts["queued"] = [delivery.via for delivery in queued]
        if passive and self._config.log.keep_text and not is_secret and not _answers_secret(work, match):
            facts["text"] = passive
            # by these words whoever forgets one of them finds the text (storage/roster.py)
            facts |= {"about": "、".join(f"成员 {number}" for number in about)} if about else {}
        return facts

    def _kind(self, message: Message) -> str:
        return self._kinds.get(message.channel, "contact")


def find_prompt(work: Work) -> Prompt | None:
    """The question whose answer is waited for here; None when there is none, or it was asked too long ago or in another community."""
    waiting = _read_waiting(work)
    if waiting is None or waiting.community not in ("", work.community.id):
        return None
    return Prompt(waiting.kind, waiting.choices, waiting.none, waiting.life_s, waiting.is_secret, anywhere=not waiting.community)


def asked_elsewhere(work: Work) -> str:
    """The other community that asked what is waited for in a single chat, '' where none did."""
    waiting = None if work.message.chat else _read_waiting(work)
    return waiting.community if waiting and waiting.community != work.community.id else ""


def _read_waiting(work: Work) -> _Waiting | None:
    if not work.accepted.waiting:
        return None
    try:
        waiting = _decode_waiting(work.accepted.waiting)
    except msgspec.DecodeError:  # asked by another version
        return None
    return waiting if work.now_ms - waiting.at < waiting.life_s * 1000 else None


def waiting_for(prompt: Prompt, now_ms: int, community: str, *, by_number: bool = False) -> str:
    """A question that was asked in a community, as it is kept until it is answered. ``by_number``: no words but a number can be its answer."""
    asked_in, by_number = "" if prompt.anywhere else community, by_number and not prompt.is_secret
    return _encode(
        _Waiting(prompt.kind, prompt.choices, now_ms, prompt.none, prompt.life_s, prompt.is_secret, asked_in, by_number)
    ).decode()


def is_harmless(waiting: str, *, may_choose: bool) -> bool:
    """Whether a question that waits changes nothing for a message: it is answered by a number, and the message is none."""
    return not waiting or (not may_choose and BY_NUMBER in waiting)


def _answers_secret(work: Work, match: Match | None) -> bool:
    """Whether a message may hold a secret, which its answer may quote."""
    if match is None or not match.answers_prompt:
        return match is not None and match.route.is_secret
    prompt = find_prompt(work)
    return prompt is not None and prompt.is_secret


def _next_prompt(replies: Sequence[Reply], *, shown: Reply | None) -> Prompt | None:
    prompts = (reply.prompt or (None if reply is shown else twin_prompt(reply)) for reply in reversed(replies))
    return next(filter(None, prompts), None)


def _named(replies: Sequence[Reply]) -> tuple[int, ...]:
    """The members whom the answer names, in words or in a picture."""
    here = [reply for reply in replies if reply.to is None and not reply.push]
    return tuple(dict.fromkeys(number for reply in here for number in (*reply.about, *shown_members(reply.image))))


def _note(match: Match | None, replies: Sequence[Reply], took_ms: float) -> dict[str, Any]:
    """What the log is told of the decision."""
    if match and match.route.is_confidential:
        return {"route": match.route.logged}  # how long it took would tell, too
    note: dict[str, Any] = {"route": match.route.name if match else None, "ms": round(took_ms, 2)}
    for reply in replies:
        note |= reply.note
    return note


def _counts(work: Work, named: Sequence[str], felt: Felt | None) -> dict[str, int]:
    """What the day's counters are raised by."""
    counts = {"messages": 1, f"h:{work.local.hour}": 1} if work.message.event is None else {"events": 1}
    if felt is not None and work.place.chat:
        counts |= {"felt": 1, "unhappy": 1} if felt.is_low else {"felt": 1}
    return counts | Counter(named) if named else counts


def _counted(work: Work, named: Sequence[str], felt: Felt | None) -> dict[str, Any]:
    """What the log is told of it, so that the counters can be found again (rules/recount.py)."""
    facts: dict[str, Any] = {"chat": work.place.chat} if work.place.chat else {}
    if work.message.event is not None:
        facts["event"] = True
    if named:
        facts["counts"] = named
    return facts | {"felt": int(felt.is_low)} if felt is not None and work.place.chat else facts


def _audit(match: Match | None, note: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The audit row of an administrator's command; what he was denied stands in the decision."""
    if match is None or match.route.role == "member" or not note.keys().isdisjoint(("denied", "private", "refused")):
        return []
    return [("admin", {"act": match.route.name})]


def _judgeable(reply: Reply, now_ms: int) -> Reply:
    """An answer under the name by which members judge it: the same that a 有用 in words finds in what was just said."""
    return replace(reply, feedback=topic_of(reply.topic, now_ms)) if reply.topic else reply


def _spoken_text(replies: Sequence[Reply], *, shows_markdown: bool) -> str:
    said = (spoken(reply, shows_markdown=shows_markdown) for reply in replies if reply.to is None and not reply.push)
    return "\n\n".join(filter(None, said))
