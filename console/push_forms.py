"""The form of a push: its fields filled from a push, and the push that a filled form asks for. What it leaves out stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, get_args

from flask import abort, request
from markupsafe import Markup

from bot.communities import Community
from bot.errors import UserError
from bot.mailing import HINT
from console.preview import preview
from rules.calendar import AT, WEEKDAYS, Repeat, Rhythm, cron_of, parse_at, rhythm_of
from rules.entries import LinkCard
from rules.numerals import whole
from rules.pushes import SHOWN_EPISODES, After, Arm, Body, Event, Outcome, Push, Quiet, To, Trial, said
from rules.workdays import SORTS
from rules.workdays import Sort as Days

SHOWN_OWN = {"points": "120", "level": "常客"}
"""What stands for a reader's own points and level where nobody in particular reads."""
ARM_NAMES = "ABCD"
"""What the versions of a push are called that are written in the form; the first is the text itself."""
PART = "---"
"""The line between two episodes."""
QUIETS: Mapping[Quiet, str] = {"wait": "等安静时段结束再发", "skip": "这次不发", "ignore": "照常发"}
EVENTS: Mapping[Event, str] = {"joined": "入群", "active": "最后一次说话", "check_in": "最后一次签到", "order": "最后一次兑换"}
OUTCOMES: Mapping[Outcome, str] = {"reply": "说话的人多", "check_in": "签到的人多", "purchase": "兑换的人多", "opt_out": "免打扰的人少"}
FIELDS = frozenset({
    "title", "text", "repeat", "date", "time", "monthday", "cron", "days", "scope", "marketing", "grace", "to", "segment", "group", "column", "quiet",
    "first", "first_minutes", "plain", "image", "file", "card_title", "card_text", "card_url", "articles", "episodes", "after", "after_days",
    "arm_B", "arm_C", "arm_D", "outcome", "within_hours", "holdout", "roll_out",
})  # fmt: skip
"""Fields of the form that a refused one is filled with again."""
CHECKS = ("marketing", "plain", "roll_out")
"""Those that a browser leaves out where they are not set."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """How something will look: in which version, where, and with what beside it."""

    name: str
    text: Markup
    card: LinkCard | None = None
    articles: tuple[LinkCard, ...] = ()
    image: str = ""
    file: str = ""
    hint: str = ""


def form_of(push: Push) -> dict[str, Any]:
    """The fields of a push's form."""
    rhythm, trial = rhythm_of(push), push.trial or Trial()
    at = parse_at(push.at) if push.at else None
    card = push.card or LinkCard("")
    return {
        "title": push.title, "text": push.arms[0].body.text if push.arms else push.text, "repeat": rhythm.repeat,
        "date": at.date().isoformat() if at else "", "time": f"{rhythm.at:%H:%M}", "monthday": rhythm.day, "cron": push.cron, "days": push.days,
        "scope": "all" if push.community == "*" else "here", "marketing": "on" if push.marketing else "", "grace": push.grace_minutes, "to": push.to,
        "segment": push.segment, "group": list(push.groups), "column": push.column, "quiet": push.quiet, "first": push.first or "",
        "first_minutes": push.first_minutes, "plain": "" if push.markdown else "on", "image": push.image, "file": push.file,
        "card_title": card.title, "card_text": card.text, "card_url": card.url, "articles": "\n".join(map(_line, push.articles)),
        "episodes": f"\n{PART}\n".join(push.episodes), "after": push.after.event if push.after else "", "after_days": push.after.days if push.after else 7,
        **{f"arm_{name}": arm.body.text for name, arm in zip(ARM_NAMES[1:], push.arms[1:], strict=False)}, "outcome": trial.outcome,
        "within_hours": trial.within_hours, "holdout": trial.holdout, "roll_out": "on" if trial.roll_out else "",
    }  # fmt: skip


def typed_over(form: Mapping[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a form with what was typed into it; what a browser does not send was not set."""
    if not typed:
        return dict(form)
    given = {name: value for name, value in typed.items() if name in FIELDS and name != "group"}
    return dict(form) | dict.fromkeys(CHECKS, "") | given | {"group": request.form.getlist("group")}


def push_of_form(present: Push, community: Community) -> Push:
    """The push that a form asks for. Raises UserError."""
    form = request.form
    repeat = form.get("repeat", "once")
    if repeat not in get_args(Repeat):
        abort(400)
    days: Days = next((sort for sort in SORTS if sort == form.get("days")), "all")
    to: To = "members" if form.get("to") == "members" else "groups"
    text = _text("text")
    arms = _arms(present, text)
    wanted = replace(
        present, title=" ".join(form.get("title", "").split()), text=text, community="*" if form.get("scope") == "all" else community.id,
        marketing=bool(form.get("marketing")), grace_minutes=_number("grace", "补发时间应该是分钟数，例如 60"), enabled=form.get("act") != "draft",
        at=_at_of_form() if repeat == "once" else "", cron="" if repeat == "once" else _cron_of_form(repeat), days="all" if repeat == "once" else days,
    )  # fmt: skip
    if "to" not in form:  # the short form: what it does not show stays
        return wanted
    return replace(
        wanted, to=to, segment=" ".join(form.get("segment", "").split()), groups=tuple(form.getlist("group")) if to == "groups" else (),
        after=_after_of_form() if to == "members" else None, column=" ".join(form.get("column", "").split()),
        quiet=next((one for one in QUIETS if one == form.get("quiet")), "wait"), first=_number("first", "先发多少应该是数字，例如 20", 0),
        first_minutes=_number("first_minutes", "等几分钟应该是数字，例如 30", 30), markdown=not form.get("plain"), image=form.get("image", "").strip(),
        file=form.get("file", "").strip(), card=_card_of_form(present), articles=_articles(form.get("articles", "")), episodes=_episodes(_text("episodes")),
        arms=arms, trial=_trial_of_form(present) if arms else None,
    )  # fmt: skip


def bubbles(push: Push, community: Community, today: date) -> list[Bubble]:
    """How each version of a push will look where it is read."""
    nickname = "李雷" if push.to == "members" else "大家"
    place = "私聊里" if push.to == "members" else "群里"

    def shown(name: str, body: Body) -> Bubble:
        text = said(body.text, nickname=nickname, community=community.name, on=today, own=SHOWN_OWN if push.to == "members" else None)
        drawn = preview(text, markdown=body.markdown) or Markup("（还没有写内容）")
        return Bubble(name, drawn, body.card, body.articles, body.image, body.file, HINT if push.to == "members" else "")

    if push.arms:
        return [shown(f"{place}，版本 {arm.name}", arm.body) for arm in push.arms]
    if push.episodes:
        return [shown(f"{place}，第 {n} 期", replace(push.body, text=text)) for n, text in enumerate(push.episodes[:SHOWN_EPISODES], 1)]
    return [shown(place, push.body)]


def typed_number() -> int | None:
    """The number of readers that was typed, None where none was."""
    text = request.form.get("number", "").replace(",", "").replace("，", "").strip().removesuffix("人").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UserError("人数应该是数字，例如 1240")
    return int(text)


def day_of(text: str, first: int = 2020, last: int = 2099) -> date | None:
    """The day of such a text, None where it is none or far away."""
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found and first <= found.year <= last else None


# Small steps ----------------------------------------------------------------------------------------------------------------


def _text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n").strip()


def _number(name: str, wrong: str, bare: int | None = None) -> int:
    text = request.form.get(name, "").strip()
    if not text and bare is not None:
        return bare
    if not (text.isascii() and text.isdecimal() and len(text) < 8) or (name == "grace" and len(text) > 4):
        raise UserError(wrong)
    return int(text)


def _arms(present: Push, text: str) -> tuple[Arm, ...]:
    """The versions that a form asks for; what an arm carries besides its text stays as it was."""
    others = [(name, words) for name in ARM_NAMES[1:] if (words := _text(f"arm_{name}"))]
    if not others:
        return ()
    kept = dict(zip(ARM_NAMES, present.arms, strict=False))

    def arm(name: str, words: str) -> Arm:
        was = kept.get(name)
        return replace(was, body=replace(was.body, text=words)) if was else Arm(name, Body(words, markdown=not request.form.get("plain")))

    return tuple(arm(name, words) for name, words in [("A", text), *others])


def _trial_of_form(present: Push) -> Trial:
    form = request.form
    return replace(
        present.trial or Trial(), outcome=next((one for one in OUTCOMES if one == form.get("outcome")), "reply"),
        within_hours=_number("within_hours", "多少小时内应该是数字，例如 24", 24), holdout=_number("holdout", "不发的比例应该是 0 到 90，例如 10", 0),
        roll_out=bool(form.get("roll_out")),
    )  # fmt: skip


def _after_of_form() -> After | None:
    event = next((one for one in EVENTS if one == request.form.get("after")), None)
    return After(event, _number("after_days", "几天后应该是数字，例如 7")) if event else None


def _card_of_form(present: Push) -> LinkCard | None:
    title, url = " ".join(request.form.get("card_title", "").split()), request.form.get("card_url", "").strip()
    if not title and not url:
        return None
    return LinkCard(title, _text("card_text"), url, present.card.picture if present.card else "")


def _articles(text: str) -> tuple[LinkCard, ...]:
    """A line an article: 标题 | 网址 | 说明 | 图片的网址."""
    return tuple(_article(line) for line in text.splitlines() if line.strip())


def _article(line: str) -> LinkCard:
    parts = [part.strip() for part in line.replace("｜", "|").split("|")]
    if len(parts) < 2 or len(parts) > 4:
        raise UserError("图文一行一条，写成 标题 | 网址 | 说明 | 图片的网址，后两样可以不写，例如：周报 | https://example.com/weekly")
    title, url, text, picture = (*parts, "", "")[:4]
    return LinkCard(title, text, url, picture)


def _line(article: LinkCard) -> str:
    return f"{article.title} | {article.url} | {article.text} | {article.picture}".rstrip(" |")


def _episodes(text: str) -> tuple[str, ...]:
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == PART:
            parts.append([])
        else:
            parts[-1].append(line)
    return tuple(said for part in parts if (said := "\n".join(part).strip()))


def _at_of_form() -> str:
    day, at = day_of(request.form.get("date", "")), _time(request.form.get("time", ""))
    if day is None:
        raise UserError("请选日期，例如 2026-12-01")
    return datetime.combine(day, at).strftime(AT)


def _cron_of_form(repeat: str) -> str:
    form = request.form
    if repeat == "cron":
        cron = " ".join(form.get("cron", "").split())
        if not cron:
            raise UserError("请写 cron，五段是：分 时 日 月 星期，例如 0 9 * * 1-5")
        return cron
    weekdays = tuple(WEEKDAYS.index(code) for code in form.getlist("weekday") if code in WEEKDAYS)
    if repeat == "weekly" and not weekdays:
        raise UserError("请至少勾一个星期几，例如周一")
    day = whole(form.get("monthday", "1"), 31)
    if day is None:
        raise UserError("每月几号应该在 1 到 31 之间，例如 1")
    at = _time(form.get("time", ""))
    match repeat:
        case "weekly":
            return cron_of(Rhythm("weekly", at, weekdays))
        case "monthly":
            return cron_of(Rhythm("monthly", at, day=day))
        case _:
            return cron_of(Rhythm("daily", at))


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text[:5])
    except ValueError:
        raise UserError("请写几点，例如 09:00") from None
