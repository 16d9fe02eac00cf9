"""Edits of the FAQ as they are made in a chat: done at once, or asked about first when they would break something."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bot import faq_office
from bot.context import Context
from bot.errors import UserError
from bot.faq_desk import Breaks, Published, Regression
from bot.faq_office import Office, office_for
from bot.message import Message, Prompt, Reply
from rules.contents import entry_from_json, entry_to_json
from rules.entries import Entry
from rules.lines import one_line
from rules.regression import Broken
from storage.content import Outdated

PROMPT = "faq_edit"
MOST_TOLD = 5
"""Broken cases that are told one by one."""
SHOWN = 60
"""Characters of a text in a list."""


def office_of(ctx: Context) -> Office:
    """The speaker, as one who looks after the FAQ of his community."""
    listed = len(ctx.config.communities)
    return office_for(ctx.stores, ctx.contents, ctx.community, ctx.actor, ctx.now, listed=listed, everywhere=ctx.role_everywhere)


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that may have to be confirmed: kept as text in the question whether to go on."""

    act: str
    entry: Entry | None = None
    is_new: bool = False
    key: str = ""
    text: str = ""
    question: str = ""
    number: int = 0
    before: Entry | None = None

    def kept(self) -> str:
        """The edit as text."""
        entries = (entry_to_json(entry) if entry else "" for entry in (self.entry, self.before))
        return json.dumps([*entries, self.act, self.is_new, self.key, self.text, self.question, self.number], ensure_ascii=False)

    @staticmethod
    def of(kept: str) -> Edit:
        """The edit of such a text."""
        entry, before, act, is_new, key, text, question, number = json.loads(kept)
        return Edit(act, _read(entry), is_new, key, text, question, number, _read(before))

    def carry_out(self, office: Office, *, force: bool, once: str) -> Published:
        """Does it. Raises UserError, Breaks, Outdated."""
        if self.act == "save" and self.entry:
            return faq_office.save_entry(office, self.entry, is_new=self.is_new, force=force, once=once, before=self.before)
        if self.act == "remove" and self.entry:
            return faq_office.remove_entry(office, self.entry.id, force=force, once=once)
        if self.act == "adopt":
            return faq_office.adopt_cluster(office, self.key, self.text, question=self.question, force=force, once=once)
        if self.act == "merge" and self.entry:
            return faq_office.merge_cluster(office, self.key, self.entry.id, force=force, once=once)
        if self.act == "propose":
            return faq_office.adopt_proposal(office, self.number, answer=self.text, force=force, once=once)
        return faq_office.undo(office, self.number, force=force, once=once)


def make_edit(edit: Edit, message: Message, ctx: Context, *, force: bool = False) -> Reply:
    """Carries an edit out and tells of it; asks first, by a prompt of kind PROMPT, when it would break questions. Raises UserError."""
    try:
        done = edit.carry_out(office_of(ctx), force=force, once=message.id)
    except Breaks as breaks:
        sure = Prompt(PROMPT, (edit.kept(), ""))
        return Reply(f"{breaks}：\n{_lines_of(breaks.broken)}\n回复 1 仍然发布，2 放弃。", prompt=sure, note={"breaks": len(breaks.broken)})
    except Outdated:
        raise UserError("刚才有别人也改了问答，请再说一次") from None
    return Reply(_told(edit, done), note={"faq_version": done.version})


def _read(entry: str) -> Entry | None:
    return entry_from_json(entry) if entry else None


def _told(edit: Edit, done: Published) -> str:
    checked = f"（核对了 {done.checked} 个问法）" if done.checked else ""
    live = f"第 {done.version} 版，两秒内各处生效{checked}。撤销请说：问答 撤销 {done.version}"
    if edit.act == "undo":
        return f"已撤销第 {edit.number} 版，现在是{live}"
    if done.entry is None:
        return f"已删除。{live}"
    similar = f"，相似问 {len(done.entry.similar)} 个" if done.entry.similar else ""
    verb = "已添加" if edit.is_new or edit.act in ("adopt", "propose") else "已修改"
    return f"{verb}“{done.entry.question}”（{done.entry.id}{similar}）。{live}"


def told_broken(tried: Regression) -> str:
    """What an edit would break, in lines of their own; '' when nothing."""
    if not tried.broken:
        return ""
    return f"\n这次修改会让 {tried.total} 条用例中的 {len(tried.broken)} 条答错：\n{_lines_of(tried.broken)}"


def _lines_of(broken: Sequence[Broken]) -> str:
    lines = [
        f"• “{b.case.question}”应该由 {b.case.entry} 来答，{f'现在是{b.before}，改后' if b.before else ''}会{b.after}"
        for b in broken[:MOST_TOLD]
    ]
    return "\n".join(lines + ([f"……还有 {len(broken) - MOST_TOLD} 条"] if len(broken) > MOST_TOLD else []))


# What is typed -------------------------------------------------------------------------------------------------------
def behind_command(text: str) -> str:
    """What was typed behind the command."""
    return first_word(text)[1]


def first_word(text: str) -> tuple[str, str]:
    """The first word, and what comes behind it with its line breaks."""
    first, *rest = text.strip().split(maxsplit=1) or ("",)
    return first, rest[0] if rest else ""


def pick_entry(which: str, office: Office, ctx: Context) -> Entry:
    """The entry of an id, or of a number in the list shown last. Raises UserError."""
    entry = office.desk.find(which)
    if entry is None and which.isdecimal() and len(which) < 5:
        id = ctx.stores.listings.find(ctx.community.keys, ctx.member, "faq", int(which))
        if id is None:
            raise UserError(f"没有编号 {which}。先说“问答 列表”，一小时内按那时的编号处理；也可以直接写条目的 id")
        which = id
    return faq_office.get_entry(office, which)


def shortened(text: str) -> str:
    """A text as one line of a list."""
    return one_line(text, SHOWN)
