"""The desk of flows: members are led from step to step; what chat, console, clock and other features do with a flow is done here.

Every move is one act that compares what it was decided on (``storage/flows.py``): the new state, what is sent, the funnel and the log are kept
together or not at all. What a move owes to other stores – points, tags, a ticket – stands in the state until it is done, each under a name of its
own, so that doing it twice is doing it once. A move that answers a message is kept under that message's id: its repeat says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog

from bot import deliveries
from bot.cards import Button, ButtonInteraction, task_of
from bot.channels.plain import without_marks
from bot.communities import Community
from bot.config import Config
from bot.endings import waiting_for
from bot.human_desk import HumanDesk
from bot.live import Contents
from bot.members import name_of, unmentioned
from bot.message import Prompt, Reply
from bot.praise import news_of, praise_alone, words_of
from bot.private import keep, tell
from rules import flows
from rules.badges import Facts
from rules.content_flows import flow_from_source
from rules.flows import Ask, Flow, Known, Run, Wait
from rules.levels import level_of
from rules.people import is_customer
from storage.community import CommunityKeys
from storage.connection import StorageAway
from storage.flows import FlowState, Todo
from storage.keys import shard_of
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery
from storage.stores import Stores
from storage.tags import MOST_OF_COMMUNITY, MOST_OF_MEMBER

log = structlog.get_logger(__name__)

CommunityOf = Callable[[str], Community]
"""The community of an id."""
PROMPT = "flow"
FREE_LIFE_S, LIFE_S = 1_800, 86_400
"""How long words are taken for the answer to a free question, and to one that only a number, a choice or a date answers."""
SETTLE_AGAIN = timedelta(seconds=15)
"""When the clock looks for what a move owes and a crash may have left undone."""
RESUMABLE = timedelta(days=30)
"""So long a cancelled flow may be resumed; then its version is let go."""
MOST_ACTIVE = 10
"""Flows that one member may be in at the same time."""
MOST_BUTTONS, LONGEST_BUTTON = 6, 10
"""Choices that a card shows as buttons, and characters of each."""
MOST_ORDERS = 100
"""Orders are counted up to here."""
TAGS_FULL = {"full": f"他的标签已经满了（最多 {MOST_OF_MEMBER} 个）", "many": f"社群的标签已经满了（最多 {MOST_OF_COMMUNITY} 个）"}
"""Why a tag could not be given, as administrators are told."""
_TRIES = 4
STATUS = {
    "asking": "等你回答", "waiting": "进行中", "done": "已完成", "left": "已离开", "late": "已过期", "stopped": "已停止", "broken": "已停止",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What came of something that was asked of the desk, and what is said to the member there and then.

    ``outcome`` is moved (he came further), wrong (no answer to the question), stale (the question has passed), active (he is in it), once (he was
    in it and may not again), many (he is in too many), unknown (no such flow), none (nothing to do), or lost (others were faster every time).
    """

    outcome: str
    replies: tuple[Reply, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a member stands in a flow, for people: ``asks`` is what he is asked or waited for, ``done`` of ``total`` steps are behind him."""

    flow: str
    title: str
    status: str
    label: str
    asks: str
    done: int
    total: int

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.status in ("asking", "waiting")


@dataclass(frozen=True, slots=True)
class _Turn:
    """One thing that happens to a member: ``alone`` when nobody waits for words (the clock), so that they are delivered."""

    community: Community
    member: int
    once: str
    chat: str = ""
    alone: bool = False
    besides: tuple[str, ...] = ()
    """The waits of other flows that the same ends: moves of their own."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a move said, for its repeats; of one that was made long ago only which step it was."""

    flow: str
    n: int
    seq: int
    says: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    todo: tuple[Todo, ...] = ()
    besides: tuple[str, ...] = ()
    revision: int = 0
    """The write that owes it: what is owed is named by it, for a reminder and last words are of the same step as what came before."""


_encode = msgspec.json.Encoder().encode
_decode_kept = msgspec.json.Decoder(_Kept).decode


@dataclass(frozen=True, slots=True)
class FlowDesk:
    """All flows of all members at one moment."""

    stores: Stores
    contents: Contents
    config: Config
    now: datetime

    # Beginning ------------------------------------------------------------------------------------------------------------

    def start(
        self, community: Community, member: int, flow_id: str, *, chat: str = "", once: str, alone: bool = False, anew: bool = False
    ) -> Told:  # fmt: skip
        """Leads a member into a flow, or back into the one he left. ``anew``: although he has been through it; ``alone``: by no word of his."""
        flow = self.contents.flows.by_id.get(flow_id)
        if flow is None:
            return Told("unknown")
        turn = _Turn(community, member, once, chat if flow.where == "group" or not alone else "", alone)
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
            if first:
                return self._again(turn, first)
            before = states.get(flow.id)
            if before and before.is_active:
                return Told("active")
            if before and before.status == "left" and before.held and not anew:
                return self.resume(community, member, flow_id, chat=chat, once=once, alone=alone)
            if before and not flow.repeat and not anew:
                return Told("once")
            if sum(state.is_active for state in states.values()) >= MOST_ACTIVE:
                return Told("many")
            before = self._settled(turn, before) if before else None
            if told := self._move(turn, flow, before, self._fresh(turn, flow, before), 0):
                return told
        return Told("lost")

    def start_on(
        self, community: Community, member: int, occasion: str, *, chat: str = "", once: str, alone: bool = False, repeats: bool = True
    ) -> list[Told]:
        """Starts what an occasion starts: joined, first_message, enter_chat or tag:name. Costs nothing where no flow waits for it.

        ``repeats`` False: only what a member goes through once, so that flows that start each other come to an end.
        """
        begins = self.contents.flows.starting_on(occasion, community.id)
        if not begins:
            return []
        outside = is_customer(self.stores.directory.find_user(member) or "")
        fit = [flow for flow in begins if flow.is_for(community.id, is_customer=outside) and (repeats or not flow.repeat)]
        return [self.start(community, member, flow.id, chat=chat, once=f"{once}:{flow.id}", alone=alone) for flow in fit]

    # What the member does ---------------------------------------------------------------------------------------------------

    def answer(self, community: Community, member: int, ident: str, words: str, *, chat: str = "", once: str) -> Told:
        """Takes words for the answer to the question ``ident``; of a wrong one the member is told an example, and is asked still."""
        flow_id, n, seq = read_ident(ident)
        turn = _Turn(community, member, once, chat)
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
            if first:
                return self._again(turn, first)
            state = states.get(flow_id)
            if state is None or (state.n, state.seq, state.status) != (n, seq, "asking"):
                return Told("stale", (Reply("这个问题已经过去了。说“流程”看看现在到了哪一步。", note={"flow": flow_id}),))
            flow = self._flow_of(turn, state)
            if flow is None:
                continue  # a twin may have ended it since: then its answer is found
            state = self._settled(turn, state)
            ask = flow.steps[state.step].act
            if not isinstance(ask, Ask):
                return Told("stale")
            value = flows.read_answer(ask, words, community.day_of(self.now))
            if value is None:
                prompt = self._prompt(community, flow, state)
                return Told("wrong", (Reply(f"没看懂。{flows.example_of(ask)}", prompt=prompt, note={"flow": flow.id, "wrong": True}),))
            after = replace(state, answers={**state.answers, ask.name: value}, chat=chat)
            if told := self._move(turn, flow, state, after, state.step + 1):
                return told
        return Told("lost")

    def may_wait(self, community: Community, event: str) -> bool:
        """Whether a flow of anybody may wait for an event: one in force, or a former version that somebody is in. Mostly no round trip."""
        in_force = any(event in flow.awaits for flow in self.contents.flows.by_id.values())
        return in_force or event in self.stores.flows.awaited(community.keys, self.contents.flows, self.now)

    def happened(self, community: Community, member: int, event: str, *, chat: str = "", once: str, alone: bool = False) -> list[Told]:
        """Tells all flows of a member that wait for an event that it happened. One round trip where none does."""
        once = f"{once}:{event}"
        states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
        told = [self._again(_Turn(community, member, once, chat, alone), first)] if first else []
        waiting = [state for _, state in sorted(states.items()) if state.status == "waiting" and state.event == event]
        if first:  # what waits for it since then is another time's
            waiting = [state for state in waiting if _wait_of(state) in _decode_kept(first).besides]
        besides = tuple(map(_wait_of, waiting[1:]))
        for state in waiting:
            # One move answers the message, others are delivered.
            name, by_itself = (f"{once}:{state.flow}", True) if told else (once, alone)
            told.append(self._past_wait(_Turn(community, member, name, chat, by_itself, () if told else besides), state.flow, event))
        return told

    def cancel(self, community: Community, member: int, flow_id: str = "", *, once: str) -> Told:
        """Has a member leave a flow; where none is named the newest that asks him, else the newest that waits. He may resume it for 30 days."""
        turn = _Turn(community, member, once)
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
            if first:
                return self._again(turn, first)
            state = _newest(states.values(), flow_id, ("asking",)) or _newest(states.values(), flow_id, ("waiting",))
            flow = self._flow_of(turn, state) if state else None
            if state is None or flow is None:
                return Told("none")
            after = replace(self._settled(turn, state), status="left", ended=to_ms(self.now))
            says = (f"好的，已离开“{flow.title}”。想接着做，随时说“继续”。",)
            if told := self._commit(turn, flow, state, after, says):
                return told
        return Told("lost")

    def resume(self, community: Community, member: int, flow_id: str = "", *, chat: str = "", once: str, alone: bool = False) -> Told:
        """Says again what a member is asked or waited for, and takes him back into the flow that he left last where he is in none."""
        turn = _Turn(community, member, once, chat, alone)
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
            if first:
                return self._again(turn, first)
            held = [one for one in states.values() if one.held]
            state = _newest(held, flow_id, ("asking",)) or _newest(held, flow_id, ("waiting",))
            left = state or _newest(held, flow_id, ("left",))
            flow = self._flow_of(turn, left) if left else None
            if left is None or flow is None:
                return Told("none")
            if state is not None:
                return Told("active", (self._say_again(turn, flow, state),))
            act = flow.steps[left.step].act
            rest = max(0, left.deadline - left.ended)
            after = replace(
                left, status="asking" if isinstance(act, Ask) else "waiting", ended=0, chat=chat, since=to_ms(self.now), reminded=0,
                deadline=to_ms(self.now) + rest if left.deadline else 0,
            )  # fmt: skip
            if told := self._commit(turn, flow, left, after, (f"接着来：{flow.title}。", *self._open_matter(turn, flow, after))):
                return told
        return Told("lost")

    def stop(self, community: Community, member: int, flow_id: str, *, once: str) -> Told:
        """Ends a flow of a member by an administrator's word; nothing is said to him."""
        turn = _Turn(community, member, once)
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(community.keys, member, self.now, once=once)
            if first:
                return self._again(turn, first)
            state = states.get(flow_id)
            if state is None or not (state.is_active or (state.status == "left" and state.held)):
                return Told("none")
            state = self._settled(turn, state)
            flow = self._flow_of(turn, state) or Flow(state.flow, state.flow, ())
            after = replace(state, status="stopped", held=False, ended=to_ms(self.now))
            if told := self._commit(turn, flow, state, after, ()):
                return told
        return Told("lost")

    # The clock --------------------------------------------------------------------------------------------------------------

    def ring(self, community: Community, member: int, flow_id: str) -> bool:
        """Does what has come of one flow of a member: what a crash left undone, a wait's end, a reminder, the deadline. True when he moved."""
        turn = _Turn(community, member, "", alone=True)
        state = self.stores.flows.of_member(community.keys, member).get(flow_id)
        if state is None:
            return False
        state = self._settled(turn, state)
        flow = self._flow_of(turn, state) if state.held else None
        if flow is None or not state.is_active:
            return self._let_go(turn, flow, state)
        local = self.now.astimezone(community.zone)
        due = self._due(flow, state, community)
        if due is None or due > self.now:
            self._alarm(turn, state, due)
            return False
        if (morning := flows.after_quiet(local)) != local:  # nobody is woken at night for what was missed by day
            self.stores.flows.ring_later(community.keys, member, flow_id, morning)
            return False
        if (free := self._free_from(turn, flow, state)) is not None:
            self.stores.flows.ring_later(community.keys, member, flow_id, free)
            return False
        return self._ring(_Turn(community, member, "", state.chat, alone=True), flow, state)

    def ring_due(self, community_of: CommunityOf, count: int = 500) -> int:
        """Rings for the members whose clocks have come, ``count`` at most; gives how many moved."""
        moved = 0
        for where, member, flow in self.stores.flows.due(self.now)[:count]:
            try:
                moved += self.ring(community_of(where.id), member, flow)
            except StorageAway:
                raise
            except Exception as error:
                # One state that cannot be read must not stop the clock of all others.
                log.error("flow failed", community=where.id, member=member, flow=flow, error=type(error).__name__, exc_info=True)
                self.stores.flows.ring_later(where, member, flow, self.now + timedelta(minutes=10))
        return moved

    # Looking ----------------------------------------------------------------------------------------------------------------

    def of_member(self, where: CommunityKeys, member: int) -> list[Progress]:
        """Where a member stands, the newest first; one round trip while he is in the versions in force."""
        states = self.stores.flows.of_member(where, member)
        ordered = sorted(states.values(), key=lambda state: (not state.is_active, -state.began))
        return [self._progress(where, state) for state in ordered]

    def _progress(self, where: CommunityKeys, state: FlowState) -> Progress:
        flow = self._definition(where, state.digest) or self.contents.flows.by_id.get(state.flow) or Flow(state.flow, state.flow, ())
        step = flow.steps[state.step] if state.step < len(flow.steps) else None
        act = step.act if step and state.is_active else None
        asks = act.text if isinstance(act, Ask) else flows.EVENTS.get(state.event, "") if isinstance(act, Wait) else ""
        total = len(flow.steps)
        return Progress(state.flow, flow.title, state.status, step.label if step else "", asks, min(state.step, total), total)

    # Moving -----------------------------------------------------------------------------------------------------------------

    def _fresh(self, turn: _Turn, flow: Flow, before: FlowState | None) -> FlowState:
        now_ms = to_ms(self.now)
        return FlowState(
            flow.id, before.n + 1 if before else 1, before.revision if before else 0, 0, flow.digest, "waiting", 0, now_ms, now_ms,
            self.now.astimezone(turn.community.zone).date().isoformat(), held=False, chat=turn.chat,
            deadline=now_ms + flow.deadline * 60_000 if flow.deadline else 0,
        )  # fmt: skip

    def _move(
        self, turn: _Turn, flow: Flow, before: FlowState | None, state: FlowState, at: int, *, lead: Sequence[str] = ()
    ) -> Told | None:
        """Runs a flow on from a step and keeps where it stops; None when somebody else was faster."""
        known = self._known(turn, flow)
        run = flows.run(flow, at, state.answers, known)
        act = None if run.is_at_end else flow.steps[run.step].act
        fresh = [n for n in run.passed if not state.reached >> n & 1]
        zone, now_ms = turn.community.zone, to_ms(self.now)
        wake = None
        if isinstance(act, Wait):
            wake = flows.ends_at(act, self.now.astimezone(zone), from_ms(state.began).astimezone(zone))
        after = replace(
            state, seq=state.seq + 1, step=run.step, since=now_ms, reminded=0, wake=to_ms(wake) if wake else 0,
            status="done" if act is None else "asking" if isinstance(act, Ask) else "waiting", held=act is not None,
            ended=0 if act else now_ms, event=act.event if isinstance(act, Wait) else "",
            reached=state.reached | sum(1 << n for n in set(fresh)), todo=self._owed(run),
        )  # fmt: skip
        labels = [flow.steps[n].label for n in dict.fromkeys(fresh)] + ([OVER] if act is None else []) + ([BEGUN] if not state.seq else [])
        return self._commit(turn, flow, before, after, (*lead, *run.says), labels)

    def _owed(self, run: Run) -> tuple[Todo, ...]:
        """What a run owes to other stores; where badges count finished flows, a look at these when it ended."""
        counts = run.is_at_end and any(badge.counter == "flows" for badge in self.contents.badges.badges)
        owed = [Todo(effect.kind, effect.value, effect.n) for effect in run.effects]
        return (*owed, *([Todo("finished")] if counts else []))

    def _commit(
        self, turn: _Turn, flow: Flow, before: FlowState | None, after: FlowState, says: Sequence[str], labels: Sequence[str] = ()
    ) -> Told | None:  # fmt: skip
        """Keeps a new state with all that goes with it, then does what it owes; None when he stands elsewhere by now."""
        after = replace(after, revision=(before.revision if before else 0) + 1)
        sent = list[Delivery]()
        if turn.alone:
            sent, owed = self._mail(turn, flow, after, "\n\n".join(says))
            after = replace(after, todo=(*after.todo, *owed))
        asks = self._asks(turn.community, flow, after)
        kept = _Kept(flow.id, after.n, after.seq, tuple(says), asks, after.todo, turn.besides, after.revision)
        brief = _encode({"flow": flow.id, "n": after.n, "seq": after.seq, **({"besides": turn.besides} if turn.besides else {})}).decode()
        let_go = before.digest if before and before.held and not (after.held and after.digest == before.digest) else ""
        takes_hold = after.held and not (before and before.held and after.digest == before.digest)
        counts = [_COUNTED[label] for label in labels if label in _COUNTED]
        done = self.stores.flows.step(
            turn.community.keys, turn.member, after, self.now, expect=before.revision if before else 0,
            due=self._due(flow, after, turn.community), deliveries=sent, once=turn.once,
            hold=flow.source if takes_hold else "", release=let_go,
            reached=labels, counts=counts,
            told={"act": "flow", "flow": flow.id, "to": after.status, "step": _label(flow, after), "seq": after.seq}
            | ({"counts": counts} if counts else {}),
            result=_encode(kept).decode() if turn.once else "", brief=brief,
        )  # fmt: skip
        if done.outcome == "moved":
            return None
        if done.outcome == "again":
            return self._again(turn, done.result)
        if before and not asks:
            self._close_question(turn, before)
        lines = self._settle(turn, kept)
        if after.todo:
            self._clear(turn, flow, after)
        return self._told(turn, flow.id, kept, lines)

    def _clear(self, turn: _Turn, flow: Flow | None, state: FlowState) -> FlowState:
        """Notes that nothing is owed any more, unless somebody did so meanwhile or he moved on."""
        clean = replace(state, todo=(), revision=state.revision + 1)
        due = self._due(flow, clean, turn.community)
        done = self.stores.flows.step(turn.community.keys, turn.member, clean, self.now, expect=state.revision, due=due, once="")
        return clean if done.outcome == "done" else state

    def _settled(self, turn: _Turn, state: FlowState) -> FlowState:
        """The state with nothing owed: what a crash left undone is done first, and said to the member alone."""
        if not state.todo:
            return state
        flow = self._definition(turn.community.keys, state.digest)
        self._settle(replace(turn, alone=True), _Kept(state.flow, state.n, state.seq, todo=state.todo, revision=state.revision))
        return self._clear(turn, flow, state)

    def _again(self, turn: _Turn, first: str) -> Told:
        """What a move gave before. What it owes is done again: each is named, so it is done once; if a crash left it open, it is so no more."""
        kept = _decode_kept(first)
        lines = self._settle(turn, kept)
        if kept.todo:
            state = self.stores.flows.of_member(turn.community.keys, turn.member).get(kept.flow)
            if state and state.todo and state.revision == kept.revision:
                self._clear(turn, self._definition(turn.community.keys, state.digest), state)
        return self._told(turn, kept.flow, kept, lines)

    def _told(self, turn: _Turn, flow_id: str, kept: _Kept, lines: Sequence[str]) -> Told:
        if turn.alone:
            return Told("moved")
        # What was earned stands between what was done and what comes next.
        text = "\n\n".join([*kept.says[:-1], *lines, *kept.says[-1:]] if kept.asks else [*kept.says, *lines])
        note = {"flow": flow_id, "seq": kept.seq}
        if not text:
            return Told("moved", (Reply(note=note),))
        card = self._card(turn, kept)
        return Told("moved", (Reply(text, card=card, keeps_text=card is not None, prompt=prompt_of(kept.asks), note=note),))

    def _card(self, turn: _Turn, kept: _Kept) -> ButtonInteraction | None:
        """The choices of a question as buttons, where there are few and short ones; the words beside it are its twin."""
        ident, kind, *choices = kept.asks or ("", "")
        if kind != "choice" or len(choices) > MOST_BUTTONS or max(map(len, choices)) > LONGEST_BUTTON:
            return None
        key = f"flow:{ident.replace('|', ':')}:{turn.member}"
        asked = kept.says[-1].splitlines()[0] if kept.says else "请选择"
        buttons = tuple(Button(choice, f"{key}:{n}") for n, choice in enumerate(choices, 1))
        return ButtonInteraction(
            title=asked, sub_title="点一下，或者回复数字", buttons=buttons, task=task_of("flow", ident, str(turn.member), turn.once)
        )

    def _past_wait(self, turn: _Turn, flow_id: str, event: str) -> Told:
        for _ in range(_TRIES):
            states, first = self.stores.flows.load(turn.community.keys, turn.member, self.now, once=turn.once)
            if first:
                return self._again(turn, first)
            state = states.get(flow_id)
            if state is None or state.status != "waiting" or state.event != event:
                return Told("none")
            flow = self._flow_of(turn, state)
            if flow is None:
                continue  # as in answer
            state = self._settled(turn, state)
            if told := self._move(turn, flow, state, state, state.step + 1):
                return told
        return Told("lost")

    def _ring(self, turn: _Turn, flow: Flow, state: FlowState) -> bool:
        """Does the one thing that is most overdue; what else has come is done at the next ring."""
        now_ms, act = to_ms(self.now), flow.steps[state.step].act
        if state.deadline and state.deadline <= now_ms:
            after = replace(state, status="late", held=False, ended=now_ms)
            return self._commit(turn, flow, state, after, (flow.late,) if flow.late else ()) is not None
        if isinstance(act, Wait) and state.wake and state.wake <= now_ms:
            at = flow.labels[act.late] if act.event and act.late else state.step + 1
            return self._move(turn, flow, state, state, at) is not None
        passed = sum(state.since + minutes * 60_000 <= now_ms for minutes in flow.remind)
        says = (f"“{flow.title}”还有一步等着你：", *self._open_matter(turn, flow, state), "现在不想做可以说“取消”。")
        return self._commit(turn, flow, state, replace(state, reminded=max(passed, state.reminded + 1)), ("\n".join(says),)) is not None

    def _free_from(self, turn: _Turn, flow: Flow, state: FlowState) -> datetime | None:
        """When the bot may speak to a member whom it asks something else just now (“1” must mean one thing); None where it may at once."""
        chat = state.chat or turn.community.main_group if flow.where == "group" else ""
        busy = self.stores.flows.busy_until(self._shard_of(turn, chat), chat, turn.member)
        return busy if busy and busy > self.now else None

    def _let_go(self, turn: _Turn, flow: Flow | None, state: FlowState) -> bool:
        """Lets go of a version when a member left too long ago or his flow cannot be read any more; silences a clock that has nothing to do."""
        if not state.held:
            self._alarm(turn, state, None)
            return False
        if flow is not None and state.status == "left" and from_ms(state.ended) + RESUMABLE > self.now:
            self._alarm(turn, state, from_ms(state.ended) + RESUMABLE)
            return False
        after = replace(state, status=state.status if state.status == "left" else "broken", held=False)
        has_let_go = self._commit(turn, flow or Flow(state.flow, state.flow, ()), state, after, ()) is not None
        if has_let_go and flow is None:
            log.error("flow unreadable", community=turn.community.id, flow=state.flow, digest=state.digest)
        return has_let_go

    def _alarm(self, turn: _Turn, state: FlowState, due: datetime | None) -> None:
        after = replace(state, revision=state.revision + 1)
        self.stores.flows.step(turn.community.keys, turn.member, after, self.now, expect=state.revision, due=due, once="")

    def _due(self, flow: Flow | None, state: FlowState, community: Community) -> datetime | None:
        """When the clock next has something to do for a state."""
        moments = [self.now + SETTLE_AGAIN] if state.todo else []
        if state.status == "left" and state.held:
            moments.append(from_ms(state.ended) + RESUMABLE)
        if state.is_active and flow is not None:
            moments += [from_ms(at) for at in (state.wake, state.deadline) if at]
            is_awaited = state.status == "asking" or bool(state.event)
            if is_awaited and state.reminded < len(flow.remind):
                at = from_ms(state.since) + timedelta(minutes=flow.remind[state.reminded])
                moments.append(flows.after_quiet(at.astimezone(community.zone)))
        return min(moments, default=None)

    # What a move owes -------------------------------------------------------------------------------------------------------

    def _settle(self, turn: _Turn, kept: _Kept) -> list[str]:
        """Does what a move owes to other stores, each once, and gives what is to be said of it."""
        lines: list[str] = []
        for n, todo in enumerate(kept.todo):
            name = f"flow:{kept.flow}:{kept.n}:{kept.revision}:{n}"
            line = self._do(turn, kept.flow, todo, name)
            if line and turn.alone:
                tell(self.stores, self.config, turn.community, turn.member, line, self.now, id=f"{turn.community.id}:{turn.member}:{name}")
            elif line:
                lines.append(line)
        return lines

    def _do(self, turn: _Turn, flow_id: str, todo: Todo, name: str) -> str:
        where, member, unique = turn.community.keys, turn.member, f"{turn.community.id}:{turn.member}:{name}"
        if todo.kind == "award":
            return self._award(turn, flow_id, todo, name)
        if todo.kind == "tag":
            put = self.stores.tags.add(where, member, todo.value, self.now, actor=0, once=unique)
            if put == "done":
                self.start_on(turn.community, member, f"tag:{todo.value}", once=unique, alone=True, repeats=False)
            elif put in TAGS_FULL:
                self._tell_admins(turn, flow_id, f"打上标签“{todo.value}”，但{TAGS_FULL[put]}。请整理标签后补上。", unique)
        elif todo.kind == "untag":
            self.stores.tags.remove(where, member, todo.value, self.now, actor=0, once=unique)
        elif todo.kind == "human":
            self._hand_over(turn, flow_id, todo.value, unique)
        elif todo.kind == "notice":
            keep(self.stores, member, todo.value, once=unique)
        elif todo.kind == "ask":
            self._open_question(turn, todo)
        elif todo.kind == "finished":
            return self._finished(turn, flow_id, name)
        return ""

    def _hand_over(self, turn: _Turn, flow_id: str, words: str, once: str) -> None:
        """Opens a ticket, or adds the words to the one that waits; where neither can be done administrators are told."""
        if not turn.community.is_listed:
            why = "这个群没有写进 config.yaml 的 communities，没有人值班"
            self._tell_admins(turn, flow_id, f"开工单，但{why}。请把群加进去，或者改流程。", once)
            return
        desk = HumanDesk(self.stores, self.config, self.contents.duty, turn.community, self.now)
        opened, ticket = desk.open(turn.member, words, "", once=once)
        if opened.outcome == "opened" or (ticket and desk.add(ticket, words, ticket.chat, once=once).done):
            return
        why = "今天他的工单已经太多" if ticket is None else f"他的工单 {ticket.number} 已经写不下了"
        self._tell_admins(turn, flow_id, f"开工单，但{why}，请直接联系他。要说的是：{words}", once)

    def _tell_admins(self, turn: _Turn, flow_id: str, what: str, once: str) -> None:
        """Tells administrators what a flow was to do and could not, once; those of another community are not told for whom."""
        community, now_ms = turn.community, to_ms(self.now)
        flow, id = self.contents.flows.by_id.get(flow_id), f"{once}:admins"
        whom = name_of(self.stores, turn.member) if community.is_listed else f"群 {community.name} 的一位成员"
        text = unmentioned(f"⚠️ 流程“{flow.title if flow else flow_id}”要为{whom}{what}")
        if community.is_listed:
            post = deliveries.to_admins(self.config, community.id, text, id=id, now_ms=now_ms)
        else:
            post = deliveries.to_first_admins(self.config, text, id=id, now_ms=now_ms)
        if post:
            self.stores.outbox.enqueue(shard_of(post.community, self.stores.shards), [replace(post, about=(turn.member,))], now_ms)
            return
        for user in self.config.admins:
            tell(self.stores, self.config, community, self.stores.directory.enrol(user).number, text, self.now, id=f"{id}:{user}")

    def _award(self, turn: _Turn, flow_id: str, todo: Todo, name: str) -> str:
        rules, where = self.contents.points, turn.community.keys
        reason = rules.reason(todo.value)
        points = todo.n or reason.points
        if points <= 0:
            return ""
        flow = self.contents.flows.by_id.get(flow_id)
        moved = self.stores.points.award(
            where, turn.member, self.now, today=self.now.astimezone(turn.community.zone).date(), reason=reason.id, points=points,
            once=name, note=flow.title if flow else flow_id, cap_of_reason=reason.per_day, cap_of_day=rules.cap_of_day, lapses=rules,
        )  # fmt: skip
        if not moved.n:
            return ""
        line = f"🎁 {reason.title}：积分 +{moved.n}，现有 {moved.balance} 积分。"
        praised = self._praised(turn, Facts(earned=moved.earned - moved.n), Facts(earned=moved.earned), name)
        return "\n".join(filter(None, (line, praised)))

    def _finished(self, turn: _Turn, flow_id: str, name: str) -> str:
        """What is said of having finished this flow, and so many of them."""
        states = self.stores.flows.of_member(turn.community.keys, turn.member)
        done = frozenset(state.flow for state in states.values() if state.status == "done") | {flow_id}
        before, after = Facts(flows=len(done) - 1, finished=done - {flow_id}), Facts(flows=len(done), finished=done)
        return self._praised(turn, before, after, name)

    def _praised(self, turn: _Turn, before: Facts, after: Facts, name: str) -> str:
        """A level or badge that was reached, in words; where nobody waits for them it is told by itself."""
        stores, contents, once = self.stores, self.contents, f"{turn.member}:{name}"
        if turn.alone:
            praise_alone(stores, self.config, contents, turn.community, turn.member, before, after, self.now, once=once)
            return ""
        news = news_of(stores, contents, turn.community, turn.member, before, after, self.now, once=once)
        return without_marks(words_of(news, contents.levels)) if news else ""

    def _open_question(self, turn: _Turn, todo: Todo) -> None:
        chat, *asks = msgspec.json.decode(todo.value, type=list[str])
        prompt = prompt_of(asks)
        if prompt and (chat or self.stores.directory.find_user(turn.member)):  # who was forgotten is asked nothing
            asked_ms = todo.n or to_ms(self.now)
            waiting, shard = waiting_for(prompt, asked_ms, turn.community.id), self._shard_of(turn, chat)
            self.stores.flows.open_question(shard, chat, turn.member, waiting, prompt.life_s * 1000, asked_ms)

    def _close_question(self, turn: _Turn, before: FlowState) -> None:
        """Leaves alone what a member says next: what he was asked is over. Where a crash comes between, he is told so at his next words."""
        if before.status == "asking":
            name = _question_of(turn.community, before)
            for chat in dict.fromkeys(("", before.chat)):
                self.stores.flows.drop_question(self._shard_of(turn, chat), chat, turn.member, name)

    def _shard_of(self, turn: _Turn, chat: str) -> int:
        """Where it is kept what a member is asked in a group, or ('') alone."""
        return turn.community.shard if chat else shard_of(self.stores.directory.find_user(turn.member) or "", self.stores.shards)

    # Words ------------------------------------------------------------------------------------------------------------------

    def _mail(self, turn: _Turn, flow: Flow, state: FlowState, text: str) -> tuple[list[Delivery], list[Todo]]:
        """How words reach a member whom nobody answers just now, and what is owed for it."""
        if not text:
            return [], []
        asks = self._asks(turn.community, flow, state)
        id, now_ms = f"flow:{turn.community.id}:{turn.member}:{flow.id}:{state.n}:{state.revision}", to_ms(self.now)
        lane = self.stores.pauses.lane(turn.community.id)
        if flow.where == "group" and (chat := state.chat or turn.community.main_group):
            called = unmentioned(f"@{name_of(self.stores, turn.member)} {text}")
            post = deliveries.to_group(self.config, turn.community.id, chat, called, id=id, lane=lane, now_ms=now_ms)
            if post:
                return [replace(post, about=(turn.member,))], _open_later(chat, asks, now_ms)
        user = self.stores.directory.find_user(turn.member) or ""
        private = deliveries.to_member(
            self.config, turn.member, text, user=user, id=id, community=turn.community.id, message="", now_ms=now_ms, lane=lane
        )  # fmt: skip
        if private is None:  # it waits until he speaks to the bot himself
            return [], [Todo("notice", text), *_open_later("", asks, now_ms)]
        return [replace(private, about=(turn.member,))], _open_later("", asks, now_ms)

    def _asks(self, community: Community, flow: Flow, state: FlowState) -> tuple[str, ...]:
        """The question that is open in a state: its name, kind and choices; () when none is."""
        act = flow.steps[state.step].act if state.step < len(flow.steps) else None
        if state.status != "asking" or not isinstance(act, Ask):
            return ()
        return (_question_of(community, state), act.kind, *act.choices)

    def _prompt(self, community: Community, flow: Flow, state: FlowState) -> Prompt | None:
        return prompt_of(self._asks(community, flow, state))

    def _open_matter(self, turn: _Turn, flow: Flow, state: FlowState) -> tuple[str, ...]:
        """What a member is asked or waited for, in words."""
        act = flow.steps[state.step].act
        if isinstance(act, Ask):
            return (flows.question(act, state.answers, self._known(turn, flow)),)
        if isinstance(act, Wait) and act.event:
            return (f"等你{flows.EVENTS[act.event]}。",)
        return (f"现在没有要你做的，到 {self._local(turn, state.wake)} 我再来找你。",) if state.wake else ()

    def _say_again(self, turn: _Turn, flow: Flow, state: FlowState) -> Reply:
        text = "\n".join((f"“{flow.title}”：", *self._open_matter(turn, flow, state)))
        return Reply(text, prompt=self._prompt(turn.community, flow, state), note={"flow": flow.id})

    def _local(self, turn: _Turn, ms: int) -> str:
        at = from_ms(ms).astimezone(turn.community.zone)
        return f"{at.month} 月 {at.day} 日 {at:%H:%M}"

    # What is known ----------------------------------------------------------------------------------------------------------

    def _known(self, turn: _Turn, flow: Flow) -> Known:
        nickname = self.stores.directory.find_name(turn.member) or "新朋友"
        return known_of(self, turn.community, turn.member, nickname, flow.uses)

    def _flow_of(self, turn: _Turn, state: FlowState) -> Flow | None:
        """The version that a member is in; None where it is gone, or this program does not know it any more."""
        flow = self._definition(turn.community.keys, state.digest)
        return flow if flow is not None and state.step < len(flow.steps) else None

    def _definition(self, where: CommunityKeys, digest: str) -> Flow | None:
        current = self.contents.flows.by_digest.get(digest)
        if current is not None:
            return current
        source = self.stores.flows.definition(where, digest)
        try:
            return flow_from_source(source) if source else None
        except ValueError:
            return None


OVER, BEGUN = "完成", "开始"
_COUNTED = {BEGUN: "flows_begun", OVER: "flows_done"}
"""What the funnel calls the end of a flow and its beginning."""


def known_of(desk: FlowDesk, community: Community, member: int, nickname: str, uses: frozenset[str]) -> Known:
    """What flows may ask about a member, as far as it is used; each costs a round trip."""
    stores, where, today = desk.stores, community.keys, community.day_of(desk.now)
    numbers: dict[str, int] = {}
    if "points" in uses:
        numbers["points"] = stores.points.balance(where, member)
    if uses & {"earned", "level"}:
        numbers["earned"] = stores.points.earned(where, member)
        numbers["level"] = desk.contents.levels.number(level_of(desk.contents.levels, numbers["earned"]))
    if uses & {"check_ins", "streak"}:
        standing = stores.check_ins.standing(where, member, today)
        numbers |= {"check_ins": standing.total, "streak": standing.streak}
    if "days" in uses:
        since = stores.roster.since(where, member)
        numbers["days"] = max(0, (today - community.day_of(since)).days) if since else 0
    if "orders" in uses:
        numbers["orders"] = len(stores.orders.of_member(where, member, MOST_ORDERS))
    return Known(numbers, frozenset(stores.tags.of(where, member)) if "tag" in uses else frozenset(), nickname)


def prompt_of(asks: Sequence[str]) -> Prompt | None:
    """The question as it is waited for: free words for half an hour, what only a number, choice or date answers for a day."""
    return Prompt(PROMPT, tuple(asks), life_s=FREE_LIFE_S if asks[1] == "free" else LIFE_S, anywhere=True) if asks else None


def _question_of(community: Community, state: FlowState) -> str:
    """The name of the question that a state asks."""
    return f"{community.id}|{state.flow}|{state.n}|{state.seq}"


def read_ident(ident: str) -> tuple[str, int, int]:
    """Flow, turn and step of a question's name; ('', 0, 0) for what is none."""
    parts = ident.rsplit("|", 3)
    if len(parts) != 4 or not (parts[2].isdecimal() and parts[3].isdecimal()):
        return "", 0, 0
    return parts[1], int(parts[2]), int(parts[3])


def community_of(ident: str) -> str:
    """The community of a question's name: the member may be at home elsewhere by now."""
    return ident.rsplit("|", 3)[0]


def _open_later(chat: str, asks: Sequence[str], asked_ms: int) -> list[Todo]:
    """What is owed where a question was sent: that the member's next words in that chat are its answer, if he is asked nothing else meanwhile."""
    return [Todo("ask", msgspec.json.encode([chat, *asks]).decode(), asked_ms)] if asks else []


def _label(flow: Flow, state: FlowState) -> str:
    return flow.steps[state.step].label if state.step < len(flow.steps) else OVER


def _wait_of(state: FlowState) -> str:
    """The name of the wait that a state is in."""
    return f"{state.flow}|{state.n}|{state.seq}"


def _newest(states: Iterable[FlowState], flow_id: str, among: tuple[str, ...]) -> FlowState | None:
    found = [state for state in states if state.status in among and flow_id in ("", state.flow)]
    return max(found, key=lambda state: (state.since, state.began), default=None)
