"""What is to be done about a message: judged with what was said before, by the community's standard, or only noted while a trial runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import structlog

from bot.context import Context
from bot.message import Message
from bot.permissions import may
from bot.staff import to_staff
from bot.trials import course
from rules.flooding import copy_digest, fresh
from rules.judgement import RULES, History, Reason, Verdict
from storage.keys import shard_of
from storage.moment import to_ms

log = structlog.get_logger(__name__)

Act = Literal["none", "file", "warn"]
FIRST_WEEK = timedelta(days=7)
"""How long a member is a newcomer."""
FAULT = Verdict("review", 1, (Reason("fault", "fault", 1.0, 1, RULES["fault"], RULES["fault"]),))
ADVERTISING = frozenset({"advert", "contact", "flood", "copy", "raid"})
"""What those who look after a community may do in it."""
HINT = "说得有点快，我先歇 {seconds} 秒再回答你。急事请说“人工”。"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and what comes of it: nothing, a case for a person, or a warning.

    ``is_trial``: nothing is done, what would have been is noted already. ``is_hushed``: the message goes unanswered because its member flooded;
    ``hint`` says so to him once, else ''.
    """

    verdict: Verdict
    act: Act = "none"
    is_trial: bool = False
    is_newcomer: bool = False
    is_hushed: bool = False
    hint: str = ""


NOTHING = Judged(Verdict())


def judged(message: Message, ctx: Context) -> Judged:
    """What is to be done about a member's message. Costs no round trip where nothing is found."""
    history = ctx.history
    verdict = _verdict(message, ctx, history)
    if verdict.verdict == "pass":
        return Judged(verdict, is_hushed=history.is_hushed)
    if (message.is_private and may(ctx.role, "moderator")) or (verdict.categories <= ADVERTISING and may(ctx.role, "operator")):
        return NOTHING  # what moderators type to the bot alone is their work
    if ctx.is_first and message.chat:
        newcomers = ctx.stores.heard.count_newcomer(ctx.community.shard, message.chat, ctx.member, ctx.now())
        history = replace(history, newcomers=newcomers)
    is_newcomer = ctx.is_first or _came_lately(ctx)
    history = replace(history, is_newcomer=is_newcomer)
    if history != ctx.history:
        verdict = _verdict(message, ctx, history)
    is_tried = course(ctx.stores, ctx.config, ctx.contents.judge.policy, ctx.community, ctx.now()).is_trial
    if "raid" in verdict.categories and not is_tried:
        _tell_of_raid(verdict, history, message, ctx)
    is_hushed, hint = (False, "") if is_tried else _hush(verdict, message, ctx)
    own = fresh(history, ctx.contents.judge.policy.limits)
    told = _verdict(message, ctx, own) if "history" in verdict.sources else verdict
    if told.verdict == "pass":
        return Judged(told, is_hushed=is_hushed, hint=hint)
    if is_tried:
        ctx.stores.trials.note(
            ctx.community.keys, ctx.member, told, message.text, ctx.now(), is_newcomer=is_newcomer, once=message.id
        )  # fmt: skip
        return Judged(told, is_trial=True, is_newcomer=is_newcomer)
    warns = told.verdict == "warn" and ctx.community.is_listed and not ctx.pause
    return Judged(told, "warn" if warns else "file", is_newcomer=is_newcomer, is_hushed=is_hushed, hint=hint)


def _verdict(message: Message, ctx: Context, history: History) -> Verdict:
    try:
        return ctx.contents.judge.judge(message.text, history, ctx.community.id)
    except Exception as error:
        # The one gate that may not just be passed when it breaks: a person looks instead.
        log.error("judge failed", id=message.id, error=type(error).__name__, exc_info=True)
        return FAULT


def _came_lately(ctx: Context) -> bool:
    since = ctx.stores.roster.since(ctx.community.keys, ctx.member)
    return since is not None and ctx.now() - since < FIRST_WEEK


def _hush(verdict: Verdict, message: Message, ctx: Context) -> tuple[bool, str]:
    """Whether a flooder goes unanswered, and what he is told of it, once."""
    seconds = ctx.contents.judge.policy.limits.quiet_s
    if ctx.history.is_hushed:
        return True, ""
    if "flood" not in verdict.categories or not seconds:
        return False, ""
    place = ctx.community.shard if message.chat else shard_of(message.user, ctx.stores.shards)
    is_new = ctx.stores.heard.hush(place, message.chat, ctx.member, ctx.now(), timedelta(seconds=seconds))
    return True, HINT.format(seconds=seconds) if is_new else ""


def _tell_of_raid(verdict: Verdict, history: History, message: Message, ctx: Context) -> None:
    """Tells those who look after the community, once for each text and day."""
    said = next(reason.said for reason in verdict.reasons if reason.category == "raid")
    is_copy = history.same_by_others >= ctx.contents.judge.policy.limits.same_by_others > 0
    what = copy_digest(message.text, 1) if is_copy else "newcomers"
    text = (
        f"⚠️ {ctx.community.name}：{said}。如果是大家在祝贺或接龙，不用理会；如果是集中刷屏，可以在群里说一声，或者“暂停”机器人的主动发言。"
    )
    now_ms, id = to_ms(ctx.now()), f"raid:{ctx.community.id}:{ctx.today():%Y%m%d}:{what}"
    ctx.stores.outbox.enqueue(ctx.community.shard, to_staff(ctx.stores, ctx.config, ctx.community, text, id=id, now_ms=now_ms), now_ms)
