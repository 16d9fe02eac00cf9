"""问答: the operators' own answers. Near misses are offered by number; what nobody can answer is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from bot.cards import Button, ButtonInteraction, CardError, Link, NewsNotice, Picture, TextNotice, task_of
from bot.channels.plain import without_marks
from bot.context import Context
from bot.members import behind
from bot.message import Card, Message, Prompt, Reply
from bot.permissions import Role, may
from bot.router import Router
from rules.calendar import WEEKDAY_NAMES
from rules.contents import fill, variables_in
from rules.entries import Entry, LinkCard
from rules.faq import Finding
from rules.follow_ups import find_meant, joined, may_lean
from rules.questions import is_question
from storage.moment import to_ms
from storage.tallies import hit_of

OFFERED = 3
TOPIC_MS = 120_000
"""How long after an answer a short question is taken to be about it."""
TOLD_MS = 600_000
"""How long nobody is told again that his question is noted: the next ones are noted in silence."""
CHAT = ("chat", "empty")
"""A greeting or thanks is no question: nobody has to write an answer for it."""
LONGEST_ON_BUTTON = 300
"""Characters of a question that its 都不是 carries: a button's key has 1,024 bytes."""
ON_CARD = 100
"""Characters of an answer that a card shows whole (it cuts at 112)."""
LONGEST_KEPT = 500
"""Characters of a question that are kept for the administrators."""
UNKNOWN = "这个问题我还没有答案，已经记下来请管理员补充。\n{help}也可以换个说法再问，或说“帮助”看看我会什么。"
UNKEPT = "这句我答不上来。{help}也可以换个说法再问，或说“帮助”看看我会什么。"
"""Said where nothing is noted down: what was said lies with a case."""
NOTED = "好的，已经把您的问题记下来，请管理员补充答案。{help}"
GONE = "这个问题刚刚被管理员修改了，请再问一次。"
USAGE = "想用命令的话这样写 —— {help}"
"""Said beside what begins with a command's name and is none of the ways to write it."""

router = Router()


@router.fallback
def answer(message: Message, ctx: Context) -> list[Reply]:
    """问答：回答你的问题"""
    is_open = opens_to(ctx)
    finding = ctx.contents.faq.ask(message.text, is_open=is_open)
    note: dict[str, object] = {"faq": finding.outcome, "score": round(finding.score, 3), "why": finding.why}
    if finding.outcome == "answer" and finding.entry:
        return _answers(finding.entry, message, ctx, note)
    if finding.why in CHAT:
        return [Reply("我在呢。有问题直接问我，或说“帮助”看看我会什么。", note=note)]
    if meant := _find_meant(message.text, finding, is_open, ctx):
        return _answers(meant, message, ctx, note | {"faq": "answer", "why": "follow-up"})
    offered = [candidate.entry for candidate in finding.candidates[:OFFERED] if _is_sayable(candidate.entry, message, ctx)]
    if finding.outcome == "offer" and offered and not ctx.is_filed:
        return [_offer(offered, message.text, message.id, note, _usage(message.text, ctx))]
    return [_unknown(message.text, ctx, note)]


@router.prompt("faq")
def choose(message: Message, ctx: Context) -> list[Reply]:
    """问答：用数字选一个问题"""
    if not ctx.args[0]:
        return [replace(_none(ctx.args[1]), text=_noted(ctx))]
    entry = ctx.contents.faq.find(ctx.args[0])
    if entry is None or not opens_to(ctx)(entry):
        return [Reply(GONE, note={"faq": "gone"})]
    return _answers(entry, message, ctx, {"faq": "chosen"})


@router.card("faq")
def click(message: Message, ctx: Context) -> list[Reply]:
    """问答卡片：点一个问题"""
    kind, carried = ctx.args[0] if ctx.args else "", ":".join(ctx.args[1:])
    if kind == "none" and carried:
        return [_face("都不是", _noted(ctx), ctx), _none(carried)]
    entry = ctx.contents.faq.find(carried)
    if entry is None or not opens_to(ctx)(entry) or not _is_sayable(entry, message, ctx):
        return [_face("问题", GONE, ctx)]
    text, *more = _answers(entry, message, ctx, {"faq": "chosen"})
    face = _face(entry.question, without_marks(text.text) if text.markdown else text.text, ctx)
    fits = len(text.text) <= ON_CARD and not (text.markdown or text.image or text.file or more)
    return [face, replace(text, text="") if fits else text, *more]


def _face(title: str, text: str, ctx: Context) -> Reply:
    """What the card becomes that was clicked: the choice and how the answer begins, for where nothing can be said beside it."""
    return Reply(update_card=TextNotice(title=title, sub_title=text, action=Link(ctx.config.server.home)))


def _none(question: str) -> Reply:
    return Reply(note={"faq": "none"}, counts=("faq_miss",), unanswered=question, told=True)


def opens_to(ctx: Context) -> Callable[[Entry], bool]:
    """Which answers the speaker may get today, here, with his role."""
    today, community = ctx.today(), ctx.community.id

    def is_open(entry: Entry) -> bool:
        if not (entry.is_valid_on(today) and entry.is_for(community)):
            return False
        return entry.role == "member" or may(ctx.role, cast(Role, entry.role))  # last: it may cost a round trip

    return is_open


def _find_meant(text: str, finding: Finding, is_open: Callable[[Entry], bool], ctx: Context) -> Entry | None:
    """What a question means that is too short to be clear alone: the answer to itself and the subject of the answer just given."""
    if not may_lean(text):
        return None
    talk = ctx.talk
    if not talk.entry or to_ms(ctx.now()) - talk.answered_ms >= TOPIC_MS:
        return None
    before = ctx.contents.faq.find(talk.entry)
    whole = joined(before.question, text) if before else ""
    return find_meant(finding, ctx.contents.faq.ask(whole, is_open=is_open), before) if before and whole else None


def _answers(entry: Entry, message: Message, ctx: Context, note: Mapping[str, object]) -> list[Reply]:
    if not _is_sayable(entry, message, ctx):
        return [Reply("这里人多，请私聊我再问一次。", note={**note, "entry": entry.id, "private": "faq"})]
    text = Reply(
        _fill(entry.answer, ctx), markdown=entry.markdown, image=entry.image, file=entry.file, topic=entry.id,
        note={**note, "entry": entry.id}, counts=("faq_hit", hit_of(entry.id)),
    )  # fmt: skip
    return [text, Reply(card=_card_of(entry.card))] if entry.card else [text]


def _is_sayable(entry: Entry, message: Message, ctx: Context) -> bool:
    """What is for some only is said where the others do not read it."""
    return entry.role == "member" or message.is_private or ctx.in_admin_group


def _card_of(card: LinkCard) -> Card:
    action = Link(card.url)
    if not card.picture:
        return TextNotice(title=card.title, sub_title=card.text, action=action)
    return NewsNotice(title=card.title, desc=card.text, picture=Picture(card.picture), action=action)


def _offer(entries: Sequence[Entry], question: str, once: str, note: Mapping[str, object], usage: str) -> Reply:
    lines = [f"{number}. {entry.question}" for number, entry in enumerate(entries, 1)]
    ids = tuple(entry.id for entry in entries)
    return Reply(
        "您是想问：\n" + "\n".join(lines) + "\n回复数字即可，都不是请回复 0。" + (usage and f"\n{usage}"),
        card=_choices(entries, question, once),
        keeps_text=True,
        prompt=Prompt("faq", ids, none=question[:LONGEST_KEPT]),
        note={**note, "faq": "offer", "offered": list(ids)},
        counts=("faq_offer",),
    )


def _choices(entries: Sequence[Entry], question: str, once: str) -> ButtonInteraction | None:
    """The same as buttons, which lead to the same entries; None for an id that no button can carry."""
    try:
        buttons = [Button(entry.question, f"faq:one:{entry.id}") for entry in entries]
        none = Button("都不是", f"faq:none:{question[:LONGEST_ON_BUTTON]}", style=4)
        return ButtonInteraction(title="也可以点一下", buttons=(*buttons, none), task=task_of("faq", once))
    except CardError:
        return None


def _noted(ctx: Context) -> str:
    return NOTED.format(help="着急请说“人工”。" if ctx.community.is_listed else "")


def _unknown(question: str, ctx: Context, note: Mapping[str, object]) -> Reply:
    was_told = to_ms(ctx.now()) - ctx.talk.told_ms < TOLD_MS
    said = "" if was_told else (UNKEPT if ctx.is_filed else UNKNOWN).format(help="着急请说“人工”；" if ctx.community.is_listed else "")
    return Reply(
        "\n".join(filter(None, (said, _usage(question, ctx)))),
        note={**note, "faq": "silent"},
        counts=("faq_miss",),
        unanswered="" if ctx.is_filed else question[:LONGEST_KEPT],
        told=not was_told,
    )


def _usage(text: str, ctx: Context) -> str:
    """How the command is written whose name a text begins with; "" where it begins with none that the speaker may use, and for questions."""
    command = None if is_question(text) or is_question(behind(text)) else ctx.find_begun(text)
    if command is None or not (command.role == "member" or may(ctx.role, command.role)):
        return ""
    return USAGE.format(help=command.help)


# Variables ------------------------------------------------------------------------------------------------------------
def _fill(text: str, ctx: Context) -> str:
    """The text with its variables: none is looked up that it does not name."""
    return fill(text, {name: VALUES[name](ctx) for name in variables_in(text) & VALUES.keys()})


def _day(ctx: Context) -> str:
    today = ctx.today()
    return f"{today.month} 月 {today.day} 日"


VALUES: Mapping[str, Callable[[Context], str]] = {
    "nickname": lambda ctx: ctx.nickname,
    "points": lambda ctx: str(ctx.stores.points.balance(ctx.community.keys, ctx.member)),
    "streak": lambda ctx: str(ctx.stores.check_ins.standing(ctx.community.keys, ctx.member, ctx.today()).streak),
    "community": lambda ctx: ctx.community.name,
    "date": _day,
    "weekday": lambda ctx: "星期" + WEEKDAY_NAMES[ctx.today().weekday()],
    "time": lambda ctx: f"{ctx.now().astimezone(ctx.community.zone):%H:%M}",
    "bot_name": lambda ctx: ctx.config.bot_name,
}
"""What stands for each of ``rules.entries.VARIABLES``."""
