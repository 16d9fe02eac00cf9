"""运行: how the machine is, what is wrong with it and the cure; what could not be delivered is sent again or dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.outbox_cli import age
from bot.parts import is_private, opening
from bot.permissions import Role
from bot.room import look
from bot.running import Hook, alarms, hooks_of, observe, sockets_of
from bot.webhooks import WebhookKeys
from console.asked import fresh_once, number_in, number_of, once_of
from console.doors import needs_everywhere
from console.parts import Parts, visitor
from rules.room import lasting
from storage.calls import lease_of
from storage.limits import WEBHOOK
from storage.machine import Line, Mark, Process, State
from storage.moment import to_ms

ADMIN: Role = "admin"
ACTS = {"replay": "重发死信", "drop": "丢弃死信"}
MOST_DEAD = 10**6
MOST_ID = 300
"""Characters of a delivery's id."""
_MARK = re.compile(r"[0-9]{1,5}-[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter as the page shows it; ``opening`` is how its text begins, '' where it was for one person alone: it may say what concerns only him."""

    shard: int
    id: str
    community: str
    target: str
    reason: str
    code: int | None
    age: str
    opening: str


class RunningPages:
    """The page of 运行 and what is done there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keys = WebhookKeys(parts.config, parts.stores.webhooks, parts.stores.groups)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs_everywhere(ADMIN)
        pages.add_url_rule("/running", "running", guard(self.show))
        pages.add_url_rule("/running/letters", "running_letters", guard(self.settle), methods=["POST"])

    def show(self) -> str:
        """Everything, in six round trips at most; dead letters only when the page is opened, not each time that it looks again by itself."""
        parts, now_ms = self._parts, to_ms(self._parts.clock())
        config, sockets, hooks = parts.config, sockets_of(parts.config), hooks_of(self._keys)
        again = "X-Live" in request.headers
        state = observe(parts.stores, config, hooks, now_ms, with_letters=not again, begin=_mark(request.args))
        room = look(parts.stores, config, state.server)
        return render_template(
            "running.html", state=state, alarms=alarms(state, config, now_ms, room), room=room, lasting=lasting,
            now=parts.clock(), lines=self._lines(state, now_ms),
            hooks=self._used(hooks, state), most=WEBHOOK[0][0], letters=self._letters(state, now_ms), processes=self._processes(state, now_ms),
            ways=self._ways(state, sockets, now_ms), once=fresh_once(),
            begin=_told(_mark(request.args)), more=_told(state.more), seen=number_of("seen", 0, MOST_DEAD) if again else state.dead,
        )  # fmt: skip

    def settle(self) -> Any:
        """Sends a dead letter again, or drops it; once, and audited where it came from. A repeat of the form gets the first result."""
        act, id, once = request.form.get("act", ""), request.form.get("id", "")[:MOST_ID], once_of()
        stores, now = self._parts.stores, self._parts.clock()
        if act not in ACTS:
            abort(400)
        told = self._settled(number_in("shard", 0, stores.shards - 1), id, act, f"{once}:{act}")
        if told:
            community, reason = told
            stores.audit.record(community, str(visitor().number), ACTS[act], f"死信 {id}", reason, "", now, once=once)
        said = f"letter_{act}" if told else "letter_gone"
        return redirect(url_for("console.running", said=said, begin=_told(_mark(request.form)), _anchor="letters"), 303)

    def _settled(self, shard: int, id: str, act: str, once: str) -> tuple[str, str] | None:
        """Community and reason of the letter that is settled now, or was by the same form before; None when it is gone."""
        outbox = self._parts.stores.outbox
        letter = None if (told := outbox.settled(shard, once)) else outbox.dead_letter(shard, id)
        if letter is None:
            return told
        told = letter.delivery.community, letter.reason
        now_ms = to_ms(self._parts.clock())
        is_done = outbox.replay(shard, id, now_ms, once=once) if act == "replay" else outbox.drop(shard, id, once=once, told=told)
        return told if is_done else None

    # What is shown ------------------------------------------------------------------------------------------------------

    def _lines(self, state: State, now_ms: int) -> list[tuple[Line, str]]:
        return [(line, _when(line.next_ms - now_ms)) for line in state.lines]

    def _used(self, hooks: Sequence[Hook], state: State) -> list[tuple[Hook, int]]:
        return [(hook, state.turns[hook.limit]) for hook in hooks]

    def _letters(self, state: State, now_ms: int) -> list[Dead]:
        return [
            Dead(
                one.shard, one.letter.delivery.id, one.letter.delivery.community, one.letter.delivery.target, one.letter.reason, one.letter.code,
                age(max(now_ms - one.letter.died_ms, 0) // 1000), "" if is_private(one.letter.delivery) else opening(one.letter.delivery),
            )
            for one in state.letters
        ]  # fmt: skip

    def _processes(self, state: State, now_ms: int) -> list[tuple[Process, str]]:
        return [(one, _life(one, now_ms)) for one in state.processes]

    def _ways(self, state: State, sockets: Sequence[str], now_ms: int) -> list[tuple[str, str, str]]:
        """Each channel with its last arrival, and who holds it."""
        found = []
        for channel in self._parts.config.channels:
            at = state.arrivals.get(channel.name)
            told = f"{age((now_ms - at) // 1000)}前" if at else "还没有"
            holder = state.held.get(lease_of(channel.name), "没有进程持有") if channel.name in sockets else ""
            found.append((channel.name, told, holder))
        return found


def _when(in_ms: int) -> str:
    return f"{age(in_ms // 1000)}后试" if in_ms > 0 else f"等了 {age(-in_ms // 1000)}"


def _life(one: Process, now_ms: int) -> str:
    """How long a process has run, and which program; of one that is gone, since when."""
    ran = age((one.seen_ms - one.since_ms) // 1000)
    return f"跑了 {ran} · 程序 {one.program}" if one.is_alive(now_ms) else f"跑了 {ran}，{age((now_ms - one.seen_ms) // 1000)}前结束"


def _mark(asked: Mapping[str, str]) -> Mark:
    """Where the page of dead letters begins; at the first of them where nothing else is asked for."""
    shard, _, at = asked.get("begin", "").partition("-")
    return (int(shard), int(at)) if _MARK.fullmatch(f"{shard}-{at}") and int(at) < 2**64 else (0, 0)


def _told(mark: Mark | None) -> str | None:
    """The same in an address; None for the first of them, and for none."""
    return "{}-{}".format(*mark) if mark and mark != (0, 0) else None
