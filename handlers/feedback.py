"""有用 and 没用: what members think of an answer. It is counted by entry and shown to operators; by itself it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from bot.context import Context
from bot.human_desk import counts_of, rate_newest
from bot.message import Message, Reply
from bot.router import Router
from storage.feedback import Verdict
from storage.moment import from_ms, to_ms
from storage.talk import Talk, read_topic, topic_of

JUDGED_FOR_MS = 600_000
"""How long after an answer a word about it is taken to be about it."""
SAID: Mapping[str, Verdict] = {"1": "useful", "2": "useless", "3": ""}
"""WeCom's types of feedback: accurate, inaccurate, taken back (path 101027)."""
NOTHING = "您是在说哪个回答？回答后十分钟内说“有用”或“没用”，我会记下来。"

router = Router()


@router.command("有用", "有帮助", "很有用", "有用谢谢", "有用 谢谢", "👍", "[强]", "[thumbsup]", is_hidden=True)
def useful(message: Message, ctx: Context) -> Reply:
    """有用：刚才的回答帮上忙了"""
    return _judge("useful", "谢谢反馈！", message, ctx)


@router.command("没用", "没有用", "没帮助", "没有帮助", "答非所问", "不对", "👎", "[弱]", is_hidden=True)
def useless(message: Message, ctx: Context) -> Reply:
    """没用：刚才的回答没帮上忙"""
    help = "需要人来回答，请说“人工”。" if ctx.community.is_listed else ""
    return _judge("useless", f"抱歉没帮上忙，已经记下来请管理员改进。{help}", message, ctx)


@router.event("feedback_event")
def judged(message: Message, ctx: Context) -> Reply | None:
    """评价：企业微信里点了赞或踩"""
    event = message.event
    if event is None or event.detail not in SAID:
        return None
    talk = read_topic(event.key)
    if not talk.entry or not ctx.member or ctx.contents.faq.find(talk.entry) is None:
        return None
    return Reply(note=_count(talk, SAID[event.detail], ctx))


def _judge(verdict: Verdict, thanks: str, message: Message, ctx: Context) -> Reply:
    talk, rate = ctx.talk, 1 if verdict == "useful" else -1
    # What a person answered after the bot's own last answer is meant before that, and as little of long ago.
    after = max(from_ms(talk.answered_ms), ctx.now() - timedelta(milliseconds=JUDGED_FOR_MS))
    if rated := rate_newest(ctx.stores, ctx.community.keys, ctx.member, rate, after, ctx.now(), once=message.id):
        return Reply(thanks, note={"feedback": verdict, "human": True}, counts=counts_of(rated))
    if not talk.entry or to_ms(ctx.now()) - talk.answered_ms >= JUDGED_FOR_MS:
        return Reply(NOTHING, note={"feedback": "of nothing"})
    return Reply(thanks, note=_count(talk, verdict, ctx))


def _count(talk: Talk, verdict: Verdict, ctx: Context) -> dict[str, object]:
    """Counts a verdict; the same answer judged by word and by a click is one answer."""
    answer = topic_of(talk.entry, talk.answered_ms)
    ctx.stores.feedback.give(ctx.community.keys, talk.entry, answer, ctx.member, verdict, ctx.now())
    return {"feedback": verdict or "taken back", "entry": talk.entry}
