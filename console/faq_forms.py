"""An entry of the FAQ as a form, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from bot.errors import UserError
from bot.permissions import TITLES, known_role
from rules.entries import Entry, LinkCard

HERE, EVERYWHERE, AS_IT_IS = "here", "all", "keep"


def read_entry(form: Mapping[str, str], community: str, kept: Entry | None) -> Entry:
    """The entry that a form describes; ``kept`` is the one that is changed. Raises UserError for what no form of ours sends."""
    role = form.get("role", "member")
    if known_role(role) != role or role not in TITLES:
        raise UserError("没有这个角色。")
    return Entry(
        id=kept.id if kept else _line(form, "id"),
        question=_line(form, "question"),
        answer=_text(form, "answer"),
        similar=_items(form.get("similar", ""), r"[\n；;]"),
        keywords=_items(form.get("keywords", ""), r"[\n，,；;、]"),
        markdown=form.get("markdown") == "on",
        image=_line(form, "image"),
        file=_line(form, "file"),
        card=_card(form),
        communities=_communities(form.get("scope", ""), community, kept),
        role=role,
        valid_from=_day(form, "valid_from", "生效日期"),
        valid_to=_day(form, "valid_to", "失效日期"),
    )


def scope_of(entry: Entry | None, community: str) -> str:
    """Which of the form's places an entry is for."""
    if entry is None or not entry.communities:
        return EVERYWHERE
    return HERE if entry.communities == (community,) else AS_IT_IS


def with_question(question: str, similar: tuple[str, ...]) -> Entry:
    """A new entry to begin with: its question and other wordings of it."""
    return replace(Entry("", question, ""), similar=similar)


def _communities(scope: str, community: str, kept: Entry | None) -> tuple[str, ...]:
    if scope == AS_IT_IS and kept:
        return kept.communities
    return (
        (community,) if scope in (HERE, AS_IT_IS) else ()
    )  # of an entry that is gone it is not known any more whose it was: not everybody's


def _card(form: Mapping[str, str]) -> LinkCard | None:
    title = _line(form, "card_title")
    return LinkCard(title, _text(form, "card_text"), _line(form, "card_url"), _line(form, "card_picture")) if title else None


def _day(form: Mapping[str, str], name: str, title: str) -> date | None:
    text = _line(form, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as problem:
        raise UserError(f"{title}不是一个日期，请写成 2026-03-10 的样子。") from problem


def _items(text: str, between: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for part in re.split(between, text.replace("\r", "")) if (item := part.strip())))


def _line(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\r\n", "\n").strip()
