"""A report in words, and as what its picture shows: what is wrong and what to do first, then the figures that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.drawing import drawn
from bot.numbers import Figure
from bot.pictures.report import HOURS, LEVELS, LONGEST_ACT, LONGEST_QUESTION, LONGEST_REASON, MOST_POINTS
from bot.report_facts import Report, Waiting
from rules.calendar import WEEKDAY_NAMES
from rules.changes import change, tone
from rules.health import COLOURS, Light
from rules.metrics import Length, shown
from rules.periods import day_said

TROUBLES = ("red", "yellow")
EARLIER: Mapping[Length, str] = {"day": "前一天", "week": "上周", "month": "上月"}
MOST_LAMPS, MOST_QUESTIONS = 3, 5


def text_of(report: Report, link: str = "") -> str:
    """A report in Markdown, at most some twenty lines; ``link`` leads to its page."""
    lines = [f"**{report.community.name}** · {report.period.name}（{subtitle(report)}）", *paused(report.pause)]
    lines += [*_troubles(report), *_figures(report)]
    if report.questions and report.period.length != "day":
        lines.append("问得最多：" + "、".join(f"{question}（{n} 次）" for question, n in report.questions[:3]))
    if peak := peak_of(report):
        lines.append(peak)
    lines += _waiting(report.waiting)
    return "\n".join([*lines, *([f"[看图、下载表格]({link})"] if link else [])])


def subtitle(report: Report) -> str:
    """Which days a report is about, and how far it goes where they are not over."""
    if report.is_over:
        return report.period.said
    return f"{report.period.said}，到现在" if report.period.length == "day" else f"{report.period.said}，截至 {day_said(report.last)}"


def picture_of(report: Report, title: str = "") -> str:
    """The name of a report's picture; ``title`` stands above it in place of the report's own."""
    facts: dict[str, Any] = {
        "title": title or report.period.name,
        "subtitle": subtitle(report),
        "community": report.community.name[:24],
        **_lamps(report.lights),
        "figures": [_figure(report, figure) for figure in report.leading],
        "note": f"说“{title or report.period.name}”随时看最新的",
    }
    if report.period.length == "day":
        return drawn("report", facts | _recent(report))
    questions = [[_cut(question, LONGEST_QUESTION), n] for question, n in report.questions[:MOST_QUESTIONS]]
    return drawn("report", facts | _course(report) | _heat(report) | {"questions": questions})


def act_of(light: Light) -> str:
    """What is suggested about a light, and what may be said to do it."""
    if light.remedy is None:
        return ""
    said = f"说：{light.remedy.command}" if light.remedy.command and light.remedy.command not in light.remedy.text else ""
    return "，".join(filter(None, (light.remedy.text.rstrip("。"), said)))


def rest_of(lights: Sequence[Light]) -> str:
    """How the lights are that are not shown one by one: further ones that are red or yellow, and all others."""
    troubles, fine, dark = (sum(light.colour in colours for light in lights) for colours in (TROUBLES, ("green",), ("grey",)))
    told = [f"另有 {troubles - MOST_LAMPS} 项要留意（说：健康）"] if troubles > MOST_LAMPS else []
    told += [f"{'' if troubles else '都好：'}{fine} 项正常"] if fine else []
    told += [f"{dark} 项还看不出来"] if dark else []
    return "，".join(told)


def peak_of(report: Report) -> str:
    """When most was said in a week or a month; '' where nothing was."""
    most = max((max(hours) for hours in report.heat), default=0)
    if not most or report.period.length == "day":
        return ""
    weekday, hour = next((weekday, hours.index(most)) for weekday, hours in enumerate(report.heat) if most in hours)
    return f"周{WEEKDAY_NAMES[weekday]} {hour} 点最热闹，{most:,} 条"


def paused(pause: str) -> Iterator[str]:
    """Reminds of a pause: nobody else would."""
    if pause:
        yield f"⏸ 已暂停：{'推送、警告、欢迎和回答' if pause == 'all' else '推送、警告和欢迎'}都停着。恢复请说：恢复"


# Words --------------------------------------------------------------------------------------------------------------------


def _troubles(report: Report) -> Iterator[str]:
    lights = [light for light in report.lights if light.colour in TROUBLES][:MOST_LAMPS]
    for light in lights:
        act = act_of(light)
        yield f"{COLOURS[light.colour]} {light.reason}" + (f"\n　→ {act}" if act else "")
    if rest := rest_of(report.lights):
        yield f"{COLOURS['green']} {rest}" if not lights else rest


def _figures(report: Report) -> Iterator[str]:
    """The leading figures; of a day only those that there are."""
    for figure in report.leading:
        name, value = figure.metric.name, shown(figure.metric, figure.value)
        if figure.value is None:
            if report.period.length != "day":
                yield f"{name}：—（{figure.why_grey}）"
            continue
        changed = _change(report, figure)
        beside = "，".join(filter(None, (changed, _hint(report, figure))))
        yield f"{name}：{value}" + (f"（{beside}）" if beside else "")


def _waiting(found: Sequence[Waiting]) -> Iterator[str]:
    if found:
        yield "等着处理：" + "，".join(f"{one.name} {one.count} 个（说：{one.command}）" for one in found)


def _change(report: Report, figure: Figure) -> str:
    """How a figure changed; a day that is not over is compared with none."""
    return "" if report.period.length == "day" and not report.is_over else change(figure.metric, figure.value, figure.before)


def _hint(report: Report, figure: Figure) -> str:
    if figure.before is None:
        return ""
    earlier = EARLIER[report.period.length]
    same = "同期" if not report.is_over and report.period.length != "day" else ""
    return f"{earlier}{same} {shown(figure.metric, figure.before)}"


# The picture --------------------------------------------------------------------------------------------------------------


def _lamps(lights: Sequence[Light]) -> dict[str, Any]:
    """The lights that matter, and a line about the others; where none does, that line is a light of its own."""
    rest, troubles = rest_of(lights), [light for light in lights if light.colour in TROUBLES][:MOST_LAMPS]
    if not troubles and rest:
        return {"lamps": [["green" if any(light.colour == "green" for light in lights) else "grey", rest, ""]]}
    return {"rest": rest, "lamps": [[one.colour, _cut(one.reason, LONGEST_REASON), _short(one)] for one in troubles]}


def _short(light: Light) -> str:
    """What is suggested about a light; without what may be said, where that makes it too long."""
    act = act_of(light)
    return act if len(act) <= LONGEST_ACT or light.remedy is None else _cut(light.remedy.text.rstrip("。"), LONGEST_ACT)


def _figure(report: Report, figure: Figure) -> list[str]:
    name = _cut(figure.metric.name, 16)
    if figure.value is None:
        return [name, "—", "", "grey", _cut(figure.why_grey.partition("：")[0], 28)]
    changed = _change(report, figure)
    feeling = tone(figure.metric, figure.value, figure.before) if changed else "flat"
    return [name, _cut(shown(figure.metric, figure.value), 16), _cut(changed, 16), feeling, _cut(_hint(report, figure), 28)]


def _course(report: Report) -> dict[str, Any]:
    """Who spoke, day by day; nothing where nobody did."""
    trend, past = ([day.spoke.day for day in days][:MOST_POINTS] for days in (report.days, report.past))
    if not any(trend) and not any(past):
        return {}
    ends = {"first": day_said(report.period.first), "last": day_said(report.period.last)}
    # a line that ends today ends where today stands in its period
    short = [None] * (min(report.period.days, MOST_POINTS) - len(trend))
    return {"trend_name": "每天说话的人", "trend": [*trend, *short], "past": past if any(past) else [], **ends}


def _recent(report: Report) -> dict[str, Any]:
    """Who spoke on the last seven days; nothing where nobody did."""
    trend = [day.spoke.day for day in report.recent]
    if not any(trend):
        return {}
    ends = {"first": day_said(report.recent[0].day), "last": day_said(report.last)}
    return {"trend_name": "最近七天说话的人", "trend": trend, **ends}


def _heat(report: Report) -> dict[str, str]:
    most = max((max(hours) for hours in report.heat), default=0)
    if not most:
        return {}
    levels = "".join(str(-(-LEVELS * n // most)) for hours in report.heat for n in hours[:HOURS])
    return {"heat": levels, "peak": peak_of(report)}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
