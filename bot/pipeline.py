"""The life of a message: accepted once, through the gates, to its handler, and finished in one act. One path for callbacks and for recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from bot import deliveries, streams
from bot.channels import KINDS
from bot.channels.aibot import stream_id
from bot.channels.answer import body_of, shown_card, twin_prompt
from bot.communities import Communities, Community
from bot.config import Config
from bot.context import Context
from bot.errors import RetryLater, UserError
from bot.live import LiveContents
from bot.longframes import answer_by_link
from bot.message import Message, Prompt, Replies, Reply
from bot.metrics import Metrics
from bot.permissions import may, role_of
from bot.router import Match, Producer, Router
from storage.connection import StorageAway
from storage.directory import Person
from storage.inbox import UNTOUCHED, Accepted, Ending, Left, Place
from storage.keys import shard_of
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores
from storage.streams import StreamStart

log = structlog.get_logger(__name__)

WAIT_S = 4.0
"""How long a repeat waits for the work of another process; WeCom gives up after five seconds."""
TRIES = 5
PROMPT_LIFE_MS = 600_000
NOBODY = Person(0, "", "")
SPOKEN = frozenset({"text", "mixed", "voice"})
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Gated:
    """What a gate says: replies, and whether the message stops here. A gate that has nothing to say returns None."""

    replies: Sequence[Reply] = ()
    stops: bool = False


Gate = Callable[[Message, Context], Gated | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to tell WeCom: ``answer`` (a plaintext, '' for an empty one), or ``busy``: come again."""

    state: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What lies in the inbox: enough to do the same work again, in the same community, as the same member."""

    message: Message
    member: int
    community: str
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    kind: str
    choices: tuple[str, ...]
    at: int


_decode_kept = msgspec.json.Decoder(_Kept).decode
_decode_waiting = msgspec.json.Decoder(_Waiting).decode


@dataclass(slots=True)
class _Work:
    """A message on its way: where it lives, who sent it, what accepting told – or what is taken for granted while it is ``UNTOUCHED``."""

    message: Message
    place: Place
    community: Community
    person: Person
    accepted: Accepted
    now: datetime
    as_json: bool

    @property
    def now_ms(self) -> int:
        return to_ms(self.now)


class _TakenIn(BaseException):
    """The message is taken in now, and not what was taken for granted: the work begins anew. No feature may catch this."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__()
        self.accepted = accepted


class Pipeline:
    """Takes messages in and sees them through. Threads and forks share one."""

    def __init__(
        self,
        stores: Stores,
        config: Config,
        router: Router,
        gates: Sequence[Gate],
        live: LiveContents,
        communities: Communities,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._config = config
        self._router = router
        self._gates = tuple(gates)
        self._live = live
        self._communities = communities
        self._metrics = metrics
        self._clock = clock
        self._kinds = {channel.name: channel.kind for channel in config.channels}

    # In by the door -----------------------------------------------------------------------------------------------------

    def receive(self, message: Message, *, as_json: bool = False) -> Outcome:
        """Accepts a message once and answers it; a repeat gets the first answer. Raises StorageAway when it may not be kept."""
        now = self._clock()
        if message.kind == "refresh":
            return Outcome("answer", self._so_far(message, to_ms(now)))
        self._stores.arrivals.note(message.channel, to_ms(now))  # also when it cannot be kept: the way in works
        message = replace(message, id=f"{message.channel}:{message.id}")
        community, person = self._locate(message, to_ms(now))
        place = self._place(message, community, person.number)
        work = _Work(message, place, community, person, UNTOUCHED, now, as_json)
        try:
            return self._see_through(work)
        except _TakenIn as known:
            accepted = known.accepted
        if accepted.state == "busy":
            answer = self._await_answer(place.shard, message.id)
            if answer is not None:
                return Outcome("answer", answer)
            # Whoever had it has had it for longer than any handler needs: it is taken over, or still busy if somebody else did so just now.
            work.now = self._clock()
            accepted = self._accept(work)
        if accepted.state != "yours":
            return Outcome("answer" if accepted.state == "done" else "busy", accepted.answer)
        if accepted.payload:
            # Taken over: the same work in the same community as the same member, wherever he has been seen since.
            kept = _decode_kept(accepted.payload)
            work.community, work.person = self._communities.named(kept.community), replace(person, number=kept.member)
            work.place = self._place(message, work.community, kept.member)
        work.accepted = accepted
        return self._see_through(work)

    def _so_far(self, message: Message, now_ms: int) -> str:
        """The next frame of an answer in parts. WeCom asks again and again; each asking only reads."""
        assert message.event is not None
        group = self._communities.of_chat(message.chat, now_ms) if message.chat else None
        shard = group.shard if group else shard_of(message.user, self._stores.shards)
        shown = self._stores.streams.find(shard, message.event.key)
        return streams.frame(message.event.key, shown, now_ms)

    # In by recovery -----------------------------------------------------------------------------------------------------

    def recover(self, left: Left) -> None:
        """Does again what a crash or a failure left undone; buries it after the fifth try. The answer is delivered actively."""
        kept = _decode_kept(left.payload)
        message, now = kept.message, self._clock()
        community = self._communities.named(kept.community)
        place = self._place(message, community, kept.member)
        if left.tries > TRIES:
            self._bury(place, message, left, to_ms(now))
            return
        accepted = self._stores.inbox.resume(place, message.id, left, to_ms(now))
        if accepted is None:
            return
        person = Person(kept.member, kept.community, self._stores.directory.find_name(kept.member) if kept.member else "")
        self._see_through(_Work(message, place, community, person, accepted, now, kept.as_json), in_time=False)

    # The way through ----------------------------------------------------------------------------------------------------

    def _see_through(self, work: _Work, *, in_time: bool = True) -> Outcome:
        started = time.perf_counter()
        match = None if work.message.overheard else self._router.find(work.message, self._waiting(work))
        context = self._context(work, match)
        try:
            replies = self._handle(work.message, context, match)
            if work.message.overheard:  # the gates judged it; what they say to somebody else than the group stays
                replies = [reply for reply in replies if reply.to is not None or not _is_shown(reply)]
            ending = self._ending(work, match, replies, in_time=in_time, took_ms=(time.perf_counter() - started) * 1000)
        except StorageAway:
            raise
        except RetryLater as later:
            log.info("message comes back", id=work.message.id, seconds=later.seconds)
            again_ms = to_ms(self._clock() + timedelta(seconds=later.seconds))
            self._take_in(work, as_assumed=False).inbox.postpone(work.place, work.message.id, again_ms)
            return Outcome("answer")
        except Exception as error:  # noqa: BLE001 - logged by _fail
            # Handlers are features of many hands: one that fails must not take the door with it. The message stays in the inbox and comes back.
            self._take_in(work, as_assumed=False)
            self._fail(work, match, error)
            return Outcome("answer")
        return Outcome("answer", self._finish(work, context.today().isoformat(), ending))

    def _finish(self, work: _Work, day: str, ending: Ending) -> str:
        inbox, id = self._stores.inbox, work.message.id
        if work.accepted is not UNTOUCHED:
            return inbox.finish(work.place, id, work.accepted.entry, day, ending, work.now_ms)[1]
        is_speech = work.message.event is None
        answer = inbox.settle(work.place, id, self._inbound_facts(work.message), day, ending, work.now_ms, is_speech=is_speech)
        if answer is None:
            raise _TakenIn(self._accept(work))
        return answer

    def _handle(self, message: Message, context: Context, match: Match | None) -> list[Reply]:
        said: list[Reply] = []
        for gate in self._gates:
            gated = self._pass_gate(gate, message, context)
            if gated:
                said += gated.replies
                if gated.stops:
                    return said
        if match is None:
            return said
        if refusal := self._refusal(message, context, match):
            return [*said, refusal]
        try:
            return said + _as_list(match.route.handler(replace(message, event=match.click) if match.click else message, context))
        except UserError as refusal:
            return [*said, Reply(str(refusal), note={"refused": True})]

    def _pass_gate(self, gate: Gate, message: Message, context: Context) -> Gated | None:
        try:
            return gate(message, context)
        except StorageAway:
            raise
        except Exception as error:
            # A broken gate must not silence the bot: it is passed, and its failure is seen.
            name = getattr(gate, "__module__", "gate")
            self._metrics.failures.labels(name).inc()
            log.error("gate failed", id=message.id, gate=name, error=type(error).__name__, exc_info=True)
            return None

    def _refusal(self, message: Message, context: Context, match: Match) -> Reply | None:
        route = match.route
        if not may(role_of(message.user, self._config, self._stores.leavers.has_left), route.role):
            return Reply("这个命令只有管理员可以用。需要帮助请说“人工”。", note={"denied": route.name})
        if route.private and not (message.is_private or context.in_admin_group):
            return Reply("这里人多，请私聊我再说一次。", note={"private": route.name})
        return None

    def _ending(self, work: _Work, match: Match | None, replies: list[Reply], *, in_time: bool, took_ms: float) -> Ending:
        message = work.message
        notices = work.accepted.notices if message.is_private and message.event is None else ()
        replies = [Reply(text) for text in notices] + replies
        queued = self._aside(work, replies)
        shows_parts = in_time and self._kind(message) == "aibot"
        stream = self._stream_start(work, replies, shows_parts=shows_parts)
        passive = KINDS[self._kind(message)].render(message, replies, corp_id=self._config.wecom.corp_id, as_json=work.as_json)
        late = _spoken_text([reply for reply in replies if not reply.stream]) if not in_time or not passive else ""
        answered = answer_by_link(self._config, message, replies, work.community.id, work.place.member, now_ms=work.now_ms)
        if answered is None and not in_time:
            answered = self._card_update(work, replies)
        if late and answered is None:
            answered = deliveries.answer_later(self._config, message, work.community.id, work.place.member, late, now_ms=work.now_ms)
        shows_card = answered.via == "aibot_ws" if answered else in_time and self._kind(message) == "aibot"
        if answered:
            passive, queued = "", [*queued, answered]
        note: dict[str, Any] = {"route": match.route.name if match else None, "ms": round(took_ms, 2)}
        for reply in replies:
            note |= reply.note
        counts = {"messages" if message.event is None else "events": 1}
        for reply in replies:
            for name in reply.counts:
                counts[name] = counts.get(name, 0) + 1
        return Ending(
            answer=passive,
            events=[("decision", note), *_audit(match, note), ("outbound", self._outbound_facts(passive, queued))],
            counts=counts,
            deliveries=queued,
            prompt=self._next_prompt(work, match, replies, shown=shown_card(replies) if shows_card else None),
            prompt_life_ms=PROMPT_LIFE_MS,
            unanswered=next((f"{work.now_ms}|{reply.unanswered}" for reply in replies if reply.unanswered), ""),
            job=self._job(work, match),
            is_active=message.event is None and work.place.member > 0,
            stream=stream,
            notices_said=notices if answered or (passive and in_time) else (),
            was_first=work.accepted.is_first,
        )

    def _stream_start(self, work: _Work, replies: Sequence[Reply], *, shows_parts: bool) -> StreamStart | None:
        reply = next((reply for reply in replies if reply.stream), None)
        if reply is None:
            return None
        task = streams.Task(work.message, work.place.member, work.community.id, reply.stream, shows_parts)
        return StreamStart(stream_id(work.message), reply.text, _encode(task).decode())

    def _aside(self, work: _Work, replies: Sequence[Reply]) -> list[Delivery]:
        """What is said to others or as a post of its own; kept for a later single chat where no channel leads there."""
        queued: list[Delivery] = []
        for number, reply in enumerate(replies):
            id = f"{work.message.id}:{number}"
            if reply.to is not None:
                private = deliveries.to_member(
                    self._config, reply.to, reply.words, id=id, community=work.community.id, message=work.message.id, now_ms=work.now_ms
                )
                if private:
                    queued.append(replace(deliveries.as_card(private, reply.card), about=reply.about))
                elif user := self._stores.directory.find_user(reply.to):
                    self._take_in(work).notices.keep(shard_of(user, self._stores.shards), reply.to, reply.words, once=id)
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

    def _card_update(self, work: _Work, replies: Sequence[Reply]) -> Delivery | None:
        """The new face of a card whose click was answered too late for WeCom to take it from the response."""
        update = next((reply.update_card for reply in replies if reply.update_card is not None), None)
        if update is None:
            return None
        return deliveries.update_later(
            self._config, work.message, work.community.id, work.place.member, body_of(update, "app"), now_ms=work.now_ms
        )

    def _bury(self, place: Place, message: Message, left: Left, now_ms: int) -> None:
        reason = f"处理失败 {left.tries - 1} 次"
        if not self._stores.inbox.bury(place, message.id, left, reason, now_ms):
            return
        log.error("message buried", id=message.id, tries=left.tries)
        text = f"⚠️ 有一条消息{reason}，已放入死信，编号 {message.id}。请查看日志中的 “handler failed”。"
        alarm = deliveries.to_admins(self._config, place.community, text, id=f"{message.id}:buried", now_ms=now_ms)
        if alarm:
            self._stores.outbox.enqueue(place.shard, [alarm], now_ms)

    def _fail(self, work: _Work, match: Match | None, error: Exception) -> None:
        route, place = match.route.name if match else "none", work.place
        self._metrics.failures.labels(route).inc()
        log.error("handler failed", id=work.message.id, route=route, error=type(error).__name__, exc_info=error)
        facts = {"route": route, "error": type(error).__name__}
        self._stores.events.record(place.shard, "error", place.community, work.now, facts, member=place.member, message=work.message.id)

    # Small steps --------------------------------------------------------------------------------------------------------

    def _locate(self, message: Message, now_ms: int) -> tuple[Community, Person]:
        is_of_directory = message.event is not None and message.event.name == "change_contact"  # it speaks of somebody, nobody speaks
        nobody = self._kind(message) == "contact" or message.user in ("", "sys") or is_of_directory
        if message.chat:
            community = self._communities.of_chat(message.chat, now_ms)
            return community, NOBODY if nobody else self._stores.directory.enrol(message.user, name=message.name, community=community.id)
        person = NOBODY if nobody else self._stores.directory.enrol(message.user, name=message.name)
        return self._communities.of_home(person.home), person

    def _place(self, message: Message, community: Community, member: int) -> Place:
        shard = community.shard if message.chat else shard_of(message.user, self._stores.shards)
        return Place(shard, community.id, message.chat, member)

    def _kind(self, message: Message) -> str:
        return self._kinds.get(message.channel, "contact")

    def _context(self, work: _Work, match: Match | None) -> Context:
        return Context(
            open_stores=lambda: self._take_in(work),
            config=self._config,
            contents=self._live.current,
            commands=self._router.listed,
            community=work.community,
            person=work.person,
            clock=self._clock,
            is_first=work.accepted.is_first,
            in_admin_group=self._communities.is_admin_group(work.message.chat),
            args=match.args if match else (),
        )

    @property
    def producers(self) -> Mapping[str, Producer]:
        """Who makes answers in parts, by name."""
        return self._router.producers

    def context_of(self, message: Message, member: int, community: str) -> Context:
        """What work behind a message's answer may use; the message itself was taken in before."""
        where = self._communities.named(community)
        person = Person(member, community, self._stores.directory.find_name(member) if member else "")
        work = _Work(message, self._place(message, where, member), where, person, Accepted("yours", entry="behind"), self._clock(), False)
        return self._context(work, None)

    def _waiting(self, work: _Work) -> Prompt | None:
        if not work.accepted.waiting:
            return None
        waiting = _decode_waiting(work.accepted.waiting)
        return Prompt(waiting.kind, waiting.choices) if work.now_ms - waiting.at < PROMPT_LIFE_MS else None

    def _next_prompt(self, work: _Work, match: Match | None, replies: Sequence[Reply], *, shown: Reply | None) -> str:
        prompts = (reply.prompt or (None if reply is shown else twin_prompt(reply)) for reply in reversed(replies))
        prompt = next(filter(None, prompts), None)
        if prompt:
            return _encode(_Waiting(prompt.kind, prompt.choices, work.now_ms)).decode()
        return "-" if match and match.answers_prompt else ""

    def _take_in(self, work: _Work, *, as_assumed: bool = True) -> Stores:
        """The stores, for a message that is kept: taken in now, if it was not before. What failed anyway is not done anew for other facts."""
        if work.accepted is UNTOUCHED:
            accepted = self._accept(work)
            if accepted.state != "yours" or (as_assumed and accepted != replace(UNTOUCHED, entry=accepted.entry)):
                raise _TakenIn(accepted)
            work.accepted = accepted
        return self._stores

    def _accept(self, work: _Work) -> Accepted:
        message, place = work.message, work.place
        payload = _encode(_Kept(message, place.member, work.community.id, work.as_json)).decode()
        facts = self._inbound_facts(message)
        return self._stores.inbox.accept(place, message.id, payload, facts, work.now_ms, is_speech=message.event is None)

    def _await_answer(self, shard: int, id: str) -> str | None:
        """Waits for the process that is at work on the same message."""
        until, pause_s = time.monotonic() + WAIT_S, 0.01
        while time.monotonic() < until:
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.2)
            answer = self._stores.inbox.find_answer(shard, id)
            if answer is not None:
                return answer
        return None

    def _inbound_facts(self, message: Message) -> dict[str, Any]:
        facts: dict[str, Any] = {"channel": message.channel, "kind": message.kind}
        if message.chat:
            facts["chat"] = message.chat
        if message.event:
            facts["event"] = message.event.name
            if message.event.detail:
                facts["detail"] = message.event.detail
        if message.text and self._config.log.keep_text:
            facts["text"] = message.text
        return facts

    def _outbound_facts(self, passive: str, queued: Sequence[Delivery]) -> dict[str, Any]:
        facts: dict[str, Any] = {"passive_bytes": len(passive.encode())}
        if queued:
            facts["queued"] = [delivery.via for delivery in queued]
        if passive and self._config.log.keep_text:
            facts["text"] = passive
        return facts

    def _job(self, work: _Work, match: Match | None) -> str:
        # A command's words say nothing of a mood: 签到 alone would score 0.23.
        is_chat = work.message.kind in SPOKEN and bool(work.message.text) and (match is None or match.route.is_fallback)
        if not (self._config.mood.enabled and is_chat and work.place.member):
            return ""
        return _encode(
            {"job": "mood", "member": work.place.member, "community": work.community.id, "text": work.message.text[:500]}
        ).decode()


def _as_list(replies: Replies) -> list[Reply]:
    if replies is None:
        return []
    return [replies] if isinstance(replies, Reply) else list(replies)


def _audit(match: Match | None, note: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The audit row of an administrator's command; what he was denied stands in the decision."""
    if match is None or match.route.role == "member" or not note.keys().isdisjoint(("denied", "private", "refused")):
        return []
    return [("admin", {"act": match.route.name})]


def _is_shown(reply: Reply) -> bool:
    return bool(reply.text or reply.card or reply.stream)


def _spoken_text(replies: Sequence[Reply]) -> str:
    return "\n\n".join(reply.said for reply in replies if reply.said and reply.to is None and not reply.push)
