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
from bot.communities import Communities, Community
from bot.config import Config
from bot.context import Context
from bot.endings import Endings, asked_elsewhere, find_prompt, is_harmless
from bot.errors import RetryLater, UserError
from bot.feelings import Feelings
from bot.files import Files
from bot.live import LiveContents
from bot.members import harmless
from bot.message import Message, Replies, Reply
from bot.metrics import Metrics
from bot.permissions import Role, may, role_in
from bot.router import Follower, Match, Producer, Route, Router
from bot.tracing import REPEAT, Note, span
from bot.work import Work
from rules.flooding import copy_digest
from rules.judgement import NO_HISTORY, History
from storage.connection import StorageAway
from storage.directory import Person
from storage.inbox import UNTOUCHED, Accepted, Ending, Left, Place, Said
from storage.keys import shard_of
from storage.moment import to_ms
from storage.stores import Stores
from storage.talk import Talk

log = structlog.get_logger(__name__)

WAIT_S = 4.0
"""How long a repeat waits for the work of another process; WeCom gives up after five seconds."""
TRIES = 5
NOBODY = Person(0, "", "")
UNREADABLE = "⚠️ 收件箱里有一条内容读不懂（数据损坏，或者由另一个版本写入），已放入死信，编号 {id}。如果刚换过版本，请换回去或升级到最新。"
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


_decode_kept = msgspec.json.Decoder(_Kept).decode


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
        self._files = Files(config.files_path)
        self._kinds = {channel.name: channel.kind for channel in config.channels}
        self._endings = Endings(
            config, stores.shards, stores.directory.find_user, self._take_in, Feelings(config, live),
            lambda: live.current.points.reason("first_message").points > 0, router.takes_numbers,
        )  # fmt: skip

    # In by the door -----------------------------------------------------------------------------------------------------

    def receive(self, message: Message, *, as_json: bool = False) -> Outcome:
        """Accepts a message once and answers it; a repeat gets the first answer. Raises StorageAway when it may not be kept."""
        if message.kind == "refresh":  # each second, as long as an answer grows: no step of a message, and not traced
            outcome = Outcome("answer", self._so_far(message, to_ms(self._clock())))
        else:
            with span("receive", f"{message.channel}:{message.id}", is_first=True) as note:
                outcome = self._receive(message, note, as_json=as_json)
                note("outcome", outcome.state)
        return Outcome(outcome.state, self._files.put_in(outcome.answer)) if outcome.answer else outcome

    def _receive(self, message: Message, note: Note, *, as_json: bool) -> Outcome:
        now = self._clock()
        self._stores.arrivals.note(message.channel, to_ms(now))  # also when it cannot be kept: the way in works
        message = replace(message, id=f"{message.channel}:{message.id}")
        community, person = self._locate(message, to_ms(now))
        place = self._place(message, community, person.number)
        work = Work(message, place, community, person, UNTOUCHED, now, as_json)
        try:
            return self._see_through(work)
        except _TakenIn as known:
            accepted = known.accepted
        if accepted.state != "yours" or accepted.payload:
            note(REPEAT, True)
        if accepted.state == "busy":
            answer = self._await_answer(place.shard, message.id)
            if answer is not None:
                return Outcome("answer", answer)
            # Whoever had it has had it for longer than any handler needs: it is taken over, or still busy if somebody else did so just now.
            work.begin(self._clock())
            accepted = self._accept(work)
        if accepted.state != "yours":
            return Outcome("answer" if accepted.state == "done" else "busy", accepted.answer)
        if accepted.payload:
            # Taken over: the same work in the same community as the same member, wherever he has been seen since.
            kept = _read_kept(accepted.payload)
            if kept:
                work.community, work.person = self._communities.named(kept.community), msgspec.structs.replace(person, number=kept.member)
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
        kept, now = _read_kept(left.payload), self._clock()
        if kept is None:
            self._leave_unread(left, to_ms(now))
            return
        message = kept.message
        community = self._communities.named(kept.community)
        place = self._place(message, community, kept.member)
        if left.tries > TRIES:
            self._bury(place, message, left, to_ms(now))
            return
        accepted = self._stores.inbox.resume(place, message.id, left, to_ms(now))
        if accepted is None:
            return
        person = Person(kept.member, kept.community, self._stores.directory.find_name(kept.member) if kept.member else "")
        with span("recover", message.id) as note:
            note("tries", left.tries)
            self._see_through(Work(message, place, community, person, accepted, now, kept.as_json), in_time=False)

    # The way through ----------------------------------------------------------------------------------------------------

    def _see_through(self, work: Work, *, in_time: bool = True) -> Outcome:
        started = time.perf_counter()
        match = None if work.message.overheard else self._find_route(work)
        work.said = self._said(work, match)
        work.is_confidential = match is not None and match.route.is_confidential
        context = self._context(work, match)
        try:
            with span("handle") as note:
                note("route", match.route.logged if match else "none")
                replies = self._handle(work.message, context, match)
            if work.message.overheard:  # the gates judged it; what they say to somebody else than the group stays
                replies = [reply for reply in replies if reply.to is not None or not _is_shown(reply)]
            ending = self._endings.make(work, match, replies, in_time=in_time, took_ms=(time.perf_counter() - started) * 1000)
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
        return Outcome("answer", self._finish(work, work.local.date().isoformat(), ending))

    def _said(self, work: Work, match: Match | None) -> Said | None:
        """What is counted of a message: nothing of events, of commands, and of what is said in an activity.

        Who talks to others may do so as fast as he likes: only what is said to the bot can be a flood.
        """
        if work.message.event or not work.place.member or (match is not None and not match.route.is_fallback):
            return None
        limits = self._live.current.judge.policy.limits
        digest = copy_digest(work.message.text, limits.shortest) if work.message.chat else ""
        fast = (0, 0) if work.message.overheard else (limits.ten_seconds, limits.minute)
        return Said(digest, (*fast, limits.same, limits.same_by_others))

    def _find_route(self, work: Work) -> Match | None:
        """The message's route. An answer in a single chat goes to the community that asked, wherever its member was seen since."""
        if elsewhere := asked_elsewhere(work):
            asking = self._communities.named(elsewhere)
            there = replace(work, community=asking, place=self._place(work.message, asking, work.place.member))
            match = self._found(there)
            if match and match.answers_prompt:
                work.community, work.place = there.community, there.place
                return match
        return self._found(work)

    def _found(self, work: Work) -> Match | None:
        return self._router.find(work.message, find_prompt(work), lambda route: may(self._role(work, work.community.id), route.role))

    def _finish(self, work: Work, day: str, ending: Ending) -> str:
        inbox, id = self._stores.inbox, work.message.id
        if work.accepted is not UNTOUCHED:
            return inbox.finish(work.place, id, work.accepted.entry, day, ending, work.now_ms)[1]
        is_speech = work.message.event is None
        answer = inbox.settle(
            work.place, id, self._inbound_facts(work.message), day, ending, work.now_ms, is_speech=is_speech, said=work.said,
            may_choose=self._router.may_choose(work.message),
        )  # fmt: skip
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
                if any(reply.is_filed for reply in gated.replies):
                    context = replace(context, is_filed=True)
        if match is None:
            return said
        if refusal := self._refusal(message, context, match):
            return [*said, refusal]
        try:
            said += _as_list(match.route.handler(replace(message, event=match.click) if match.click else message, context))
        except UserError as refusal:
            return [*said, Reply(harmless(str(refusal)), note={"refused": True})]  # it quotes what was said
        for follower in self._router.followers:
            said += self._follow(follower, message, context, said)
        return said

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

    def _follow(self, follower: Follower, message: Message, context: Context, said: Sequence[Reply]) -> list[Reply]:
        try:
            return _as_list(follower(message, context, tuple(said)))
        except StorageAway:
            raise
        except Exception as error:
            # What was answered holds, whatever else might have been said.
            name = getattr(follower, "__module__", "follower")
            self._metrics.failures.labels(name).inc()
            log.error("follower failed", id=message.id, follower=name, error=type(error).__name__, exc_info=True)
            return []

    def _refusal(self, message: Message, context: Context, match: Match) -> Reply | None:
        route = match.route
        if route.role != "member" and not self._may(message, context, route):
            help = "需要帮助请说“人工”。" if context.community.is_listed else ""
            return Reply(f"这个命令只有管理员可以用。{help}", note={"denied": route.name})
        if route.private and not (message.is_private or context.in_admin_group):
            return Reply("这里人多，请私聊我再说一次。", note={"private": route.name})
        return None

    def _may(self, message: Message, context: Context, route: Route) -> bool:
        if may(context.role, route.role):
            return True
        places = self._config.communities if route.anywhere and message.is_private else ()
        return any(may(context.find_role(place.id), route.role) for place in places)

    def _bury(self, place: Place, message: Message, left: Left, now_ms: int) -> None:
        reason = f"处理失败 {left.tries - 1} 次"
        if not self._stores.inbox.bury(place, message.id, left, reason, now_ms):
            return
        log.error("message buried", id=message.id, tries=left.tries)
        text = f"⚠️ 有一条消息{reason}，已放入死信，编号 {message.id}。请查看日志中的 “handler failed”。"
        alarm = deliveries.to_admins(self._config, place.community, text, id=f"{message.id}:buried", now_ms=now_ms)
        if alarm:
            self._stores.outbox.enqueue(place.shard, [alarm], now_ms)

    def _leave_unread(self, left: Left, now_ms: int) -> None:
        """What cannot be read comes back, for a newer version may know it, and is buried like everything else that fails."""
        log.error("message unreadable", shard=left.shard, entry=left.entry, tries=left.tries)
        if left.tries <= TRIES:
            return
        id = f"unread:{left.shard}:{left.entry}"
        if not self._stores.inbox.bury(Place(left.shard, "", "", 0), id, left, f"读不懂，试过 {left.tries - 1} 次", now_ms):
            return
        alarm = deliveries.to_first_admins(self._config, UNREADABLE.format(id=id), id=f"{id}:buried", now_ms=now_ms)
        if alarm:
            self._stores.outbox.enqueue(shard_of(alarm.community, self._stores.shards), [alarm], now_ms)

    def _fail(self, work: Work, match: Match | None, error: Exception) -> None:
        route, place = match.route.logged if match else "none", work.place
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

    def _context(self, work: Work, match: Match | None) -> Context:
        return Context(
            open_stores=lambda: self._take_in(work),
            config=self._config,
            contents=self._live.current,
            commands=self._router.listed,
            find_begun=self._router.find_begun,
            community=work.community,
            person=work.person,
            clock=self._clock,
            is_first=work.accepted.is_first,
            in_admin_group=self._communities.is_admin_group(work.message.chat),
            args=match.args if match else (),
            find_role=lambda place: self._role(work, place),
            find_talk=lambda: self._talk(work),
            pause=self._stores.pauses.of(work.community.id),
            is_unclaimed=match is None or match.route.is_fallback,
            is_confidential=match is not None and match.route.is_confidential,
            history=_history(work),
        )

    def _talk(self, work: Work) -> Talk:
        self._take_in(work)
        return work.accepted.talk

    def _role(self, work: Work, place: str) -> Role:
        return role_in(place, work.message.user, work.place.member, self._config, self._stores)

    @property
    def producers(self) -> Mapping[str, Producer]:
        """Who makes answers in parts, by name."""
        return self._router.producers

    def context_of(self, message: Message, member: int, community: str) -> Context:
        """What work behind a message's answer may use; the message itself was taken in before."""
        where = self._communities.named(community)
        person = Person(member, community, self._stores.directory.find_name(member) if member else "")
        work = Work(message, self._place(message, where, member), where, person, Accepted("yours", entry="behind"), self._clock(), False)
        return self._context(work, None)

    def _take_in(self, work: Work, *, as_assumed: bool = True) -> Stores:
        """The stores, for a message that is kept: taken in now, if it was not before. What failed anyway is not done anew for other facts."""
        if work.accepted is UNTOUCHED:
            accepted = self._accept(work)
            if accepted.state != "yours" or (as_assumed and not self._is_as_assumed(work, accepted)):
                raise _TakenIn(accepted)
            work.accepted = accepted
        return self._stores

    def _is_as_assumed(self, work: Work, accepted: Accepted) -> bool:
        """Whether nothing that accepting told would have led the message another way."""
        harmless = is_harmless(accepted.waiting, may_choose=self._router.may_choose(work.message))
        return replace(accepted, entry="", waiting="" if harmless else accepted.waiting) == UNTOUCHED

    def _accept(self, work: Work) -> Accepted:
        message, place = work.message, work.place
        payload = _encode(_Kept(message, place.member, work.community.id, work.as_json)).decode()
        facts = self._inbound_facts(message)
        return self._stores.inbox.accept(
            place, message.id, payload, facts, work.now_ms, is_speech=message.event is None, said=work.said,
            is_confidential=work.is_confidential,
        )  # fmt: skip

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
        if message.text and self._config.log.keep_text and not self._router.hides(message):
            facts["text"] = message.text
        return facts


def _read_kept(payload: str) -> _Kept | None:
    """What lies in the inbox; None when it cannot be read: damaged, or written by another version."""
    try:
        return _decode_kept(payload)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _history(work: Work) -> History:
    """What was said before, as far as it counts for this message."""
    if not work.said:
        return NO_HISTORY
    found = work.accepted.history
    return replace(found, in_ten_seconds=0, in_a_minute=0) if work.message.overheard and found is not NO_HISTORY else found


def _as_list(replies: Replies) -> list[Reply]:
    if replies is None:
        return []
    return [replies] if isinstance(replies, Reply) else list(replies)


def _is_shown(reply: Reply) -> bool:
    return bool(reply.text or reply.card or reply.stream)
