"""审计: who changed what, newest first, in chat and in the console."""

from __future__ import annotations

from dataclasses import dataclass

from bot.context import Context
from bot.errors import UserError
from bot.members import harmless, name_of
from bot.message import Message, Reply
from bot.permissions import may
from bot.router import Router
from rules.content_diff import tell_change
from rules.contents import FAQ
from rules.numerals import whole
from storage.audit import AuditRow
from storage.stores import Stores

PAGE = 10
MOST_PAGES = 200
SHOWN = 100
"""Characters of a change that a line in chat shows."""

router = Router()


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the audit: its rows, newest first, and whether there are older ones."""

    rows: tuple[AuditRow, ...]
    has_more: bool


def audit_page(stores: Stores, community: str, page: int, *, size: int = PAGE, everywhere: bool = False) -> AuditPage:
    """A page (from 1) of a community's audit; with ``everywhere`` what concerns all communities is among it."""
    wanted = page * size + 1
    rows = stores.audit.newest(community, wanted)
    if everywhere:
        rows = sorted([*rows, *stores.audit.newest("", wanted)], key=lambda row: row.at, reverse=True)
    return AuditPage(tuple(rows[wanted - 1 - size : wanted - 1]), len(rows) >= wanted)


def actor_name(stores: Stores, actor: str) -> str:
    """What the audit's actor is called: a member by his name, a program by its own."""
    return name_of(stores, int(actor)) if actor.isdecimal() else actor


def change_lines(row: AuditRow) -> list[str]:
    """What an act changed, in Chinese, a line each; of an entry of the FAQ by its parts. Empty where nothing was before or after."""
    if row.act.startswith("问答") and (row.after or row.before).startswith("{"):
        return tell_change(FAQ, row.subject, row.before or None, row.after or None)
    return [f"{row.subject}：{row.before or '（空）'} → {row.after or '（空）'}"] if row.before or row.after else [row.subject]


@router.command("审计", "操作记录", role="admin", takes_words=True, private=True)
def show_audit(message: Message, ctx: Context) -> Reply:
    """审计 [页]：谁改了什么，新的在前"""
    page = _page(ctx.args)
    found = audit_page(ctx.stores, ctx.community.id, page, everywhere=may(ctx.role_everywhere, "admin"))
    if not found.rows:
        return Reply("没有更早的记录了。" if page > 1 else "还没有记录：问答、角色、设置被修改以后，会列在这里。")
    lines = [_line(row, ctx) for row in found.rows]
    more = [f"更早的：审计 {page + 1}"] if found.has_more else []
    return Reply(f"{ctx.community.name} · 审计（第 {page} 页）：\n" + harmless("\n".join(lines + more)))


def _page(words: tuple[str, ...]) -> int:
    if not words:
        return 1
    page = whole(words[0], MOST_PAGES) if len(words) == 1 else None
    if page is None:
        raise UserError(f"写法是：审计，或：审计 页码（1 到 {MOST_PAGES}）。")
    return page


def _line(row: AuditRow, ctx: Context) -> str:
    at = row.at.astimezone(ctx.community.zone)
    told = " ".join(" ".join(change_lines(row)).split())
    return f"• {at:%m-%d %H:%M} {actor_name(ctx.stores, row.actor)} {row.act} {told if len(told) <= SHOWN else told[:SHOWN] + '…'}".rstrip()
