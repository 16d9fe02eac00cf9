"""未答: what members asked and nobody could answer, put together by what they meant, and turned into entries by one command."""

from __future__ import annotations

from collections.abc import Iterator

from bot import faq_office
from bot.context import Context
from bot.errors import UserError
from bot.faq_edits import MOST_TOLD, Edit, behind_command, first_word, make_edit, office_of, pick_entry, shortened
from bot.members import harmless
from bot.message import Message, Reply
from bot.router import Router
from rules.entry_forms import parse_draft

PAGE = 10
USAGE = """写法是：未答 编号 添加 答案，或：未答 编号 归入 问答编号，或：未答 编号 忽略。
待采纳的用：未答 采纳 P1，或：未答 忽略 P1。先说“未答”看列表。"""

router = Router()


@router.command("未答", "没答上", role="operator", takes_words=True, private=True)
def missed(message: Message, ctx: Context) -> Reply:
    """未答：成员问了没答上的问题，归好类；“未答 编号 添加 答案”写成一条问答"""
    rest = behind_command(message.text)
    if not rest or (rest.isdecimal() and len(rest) < 5):
        return _list_missed(ctx)
    first, rest = first_word(rest)
    word, value = first_word(rest)
    if first in ("采纳", "忽略"):
        return _settle_proposal(first, word, value, message, ctx)
    if word == "采纳" and first[:1] in "PpＰ":
        return _settle_proposal(word, first, value, message, ctx)
    if word == "忽略" and first[:1] in "PpＰ":
        return _settle_proposal(word, first, "", message, ctx)
    if not first.isdecimal() or len(first) > 4 or (word != "忽略" and not value):
        raise UserError(USAGE)
    return _settle_pile(int(first), word, value, message, ctx)


@router.stream("missed")
def list_many(message: Message, ctx: Context) -> Iterator[str]:
    """What nobody could answer, where there is much of it."""
    yield _listed(ctx)


def _list_missed(ctx: Context) -> Reply:
    if faq_office.takes_long(office_of(ctx)):
        return Reply("没答上的问题很多，正在归类……", stream="missed")
    return Reply(_listed(ctx))


def _listed(ctx: Context) -> str:
    waiting = faq_office.clusters(office_of(ctx), most=PAGE)
    if not waiting.clusters and not waiting.proposals:
        return "最近没有没答上的问题。"
    ctx.stores.listings.keep(ctx.community.keys, ctx.member, "missed", [pile.key for pile in waiting.clusters])
    lines = [f"{ctx.community.name} · 没答上的问题 {waiting.questions} 个，问得多的在前："] if waiting.clusters else []
    for number, pile in enumerate(waiting.clusters, 1):
        others = [wording for wording in pile.wordings if wording != pile.central][:3]
        also = f"；也问：{' / '.join(map(shortened, others))}" if others else ""
        now = f"（现在会由 {pile.answered_by} 回答）" if pile.answered_by else ""
        lines.append(f"{number}. {shortened(pile.central)}（{pile.count} 次{also}）{now}")
    if waiting.clusters:
        lines.append("写成问答：未答 1 添加 答案；并入已有的：未答 1 归入 编号；不再提：未答 1 忽略")
    if waiting.proposals:
        lines.append(f"待采纳的问答 {len(waiting.proposals)} 条：")
        lines += [f"P{p.number}. {shortened(p.question)} → {shortened(p.answer)}（{p.source}）" for p in waiting.proposals[:MOST_TOLD]]
        lines.append("采纳：未答 采纳 P1 [改过的答案]；不要：未答 忽略 P1")
    return harmless("\n".join(lines))


def _settle_pile(number: int, word: str, value: str, message: Message, ctx: Context) -> Reply:
    key = ctx.stores.listings.find(ctx.community.keys, ctx.member, "missed", number)
    if key is None:
        raise UserError("没有这个编号。先说“未答”看列表，一小时内按那时的编号处理")
    if word in ("添加", "回答", "答"):
        draft = parse_draft(value)
        question, answer = (draft.question, draft.answer) if draft.answer else ("", value.strip())
        return make_edit(Edit("adopt", key=key, text=answer, question=question), message, ctx)
    if word == "归入":
        entry = pick_entry(value.strip(), office_of(ctx), ctx)
        return make_edit(Edit("merge", entry, key=key), message, ctx)
    if word == "忽略":
        gone = faq_office.ignore_cluster(office_of(ctx), key, once=message.id)
        return Reply(f"好的，这一组（{gone} 个问题）30 天内不再提。")
    raise UserError(USAGE)


def _settle_proposal(word: str, which: str, value: str, message: Message, ctx: Context) -> Reply:
    number = which.lstrip("PpＰ")
    if not number.isdecimal() or len(number) > 9:
        raise UserError(USAGE)
    if word == "忽略":
        done = faq_office.ignore_proposal(office_of(ctx), int(number), once=message.id)
        return Reply("好的，不采纳。" if done else "这条已经处理过了。")
    return make_edit(Edit("propose", number=int(number), text=value.strip()), message, ctx)
