"""What people read of cases: lists, one case with its story, cards, and the report of disagreements. Chat and console say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from bot.cards import Button, ButtonInteraction, Fact, task_of
from bot.communities import Community
from bot.members import all_called, plain
from rules.disagreement import Disagreement, Judged, Tally
from rules.judgement import TITLES
from rules.lines import one_line
from storage.appeals import Appeal
from storage.cases import Case, Story, Told
from storage.evidence import Evidence, Ground
from storage.stores import Stores

STATES: Mapping[str, str] = {
    "open": "待处理", "hinted": "已提示", "warned": "已警告", "ignored": "已忽略", "lifted": "已撤销", "merged": "已合并",
}  # fmt: skip
"""What states of a case are called."""
APPEAL_STATES: Mapping[str, str] = {"waiting": "等待复核", "granted": "申诉成立", "upheld": "维持原判"}
JUDGES: Mapping[str, str] = {
    "words": "词库", "abuse": "辱骂模型", "adverts": "广告判断", "history": "刷屏判断", "member": "成员举报", "fault": "判断出错",
}  # fmt: skip
VERDICTS: Mapping[str, str] = {"warn": "直接提醒", "review": "转人工"}
_ACTS: Mapping[str, str] = {
    "warned": "警告", "ignored": "忽略", "hand": "移交给", "merge": "并入案件", "merged": "并进了案件", "again": "又说了一次", "report": "举报",
    "warn": "自动提醒", "hint": "自动提示", "appeal": "申诉", "granted": "申诉成立，警告撤销", "upheld": "维持原判",
}  # fmt: skip
UNKNOWN = "说话的人不明"
GONE = "（原文已清除）"


def about(case: Case, name: str = "") -> str:
    """Whom a case is about, by number, or as he is called. Where only a reporter says whose words were quoted, that is all that is said."""
    who = name or f"成员 {case.member}"
    return UNKNOWN if not case.member else f"举报人说是{who}说的，引用里看不到是谁" if case.is_claimed else who


def line(case: Case, zone: tzinfo, viewer: int = 0) -> str:
    """A case on one line of the queue."""
    at = case.at.astimezone(zone)
    marks = [
        f"举报 {len(case.reporters)} 人" if case.reporters else "", f"又 {case.again} 次" if case.again else "",
        f"在成员 {case.holder} 手上" if case.holder else "", STATES[case.state] if case.state != "open" else "",
    ]  # fmt: skip
    said = "，".join(filter(None, marks))
    return f"{case.number}. {at:%m-%d %H:%M} {about(case)}，{case.rule}{f'（{said}）' if said else ''}：“{one_line(plain(text_of(case, viewer)), 60)}”"


def text_of(case: Case, viewer: int = 0) -> str:
    """The words that a case is about, as far as they are kept: a reporter's where it has none, but never for who is reported."""
    return case.evidence or (f"举报人说：{case.kept.note}" if case.kept.note and case.member != viewer else GONE)


def ground_line(ground: Ground, text: str) -> str:
    """What one judge found, how sure it was, and by which reading."""
    where = f"“{text[ground.span[0] : ground.span[1]]}”" if ground.span and not ground.said else ""
    path = f"（{'，'.join(ground.steps)}）" if ground.steps and ground.steps[0] not in ground.said else ""
    title = TITLES.get(ground.category, ground.category)  # type: ignore[call-overload]
    return f"{JUDGES.get(ground.judge, ground.judge)}：{title} {ground.score:.2f}，{ground.said or where}{path}"


def seen_by(story: Story, viewer: int) -> Story:
    """A case as somebody may see it: who is reported does not learn by whom, whatever his role."""
    if story.case.member != viewer:
        return story
    case = replace(story.case, reporters={}, kept=_without_note(story.case.kept))
    told = tuple(row for row in story.told if row.act != "report")
    evidence = tuple(kept for kept in story.evidence if kept.evidence.by in (0, viewer) or kept.evidence.text)
    return Story(case, told, tuple(replace(kept, evidence=_without_note(kept.evidence, viewer)) for kept in evidence))


def _without_note(evidence: Evidence, viewer: int = 0) -> Evidence:
    """Evidence without what somebody else wrote to it."""
    return evidence if evidence.by == viewer else Evidence(evidence.text, evidence.grounds)


def story_lines(story: Story, appeal: Appeal | None, stores: Stores, zone: tzinfo) -> tuple[str, tuple[int, ...]]:
    """A whole case for those who decide, and whom it names. ``appeal`` is its newest, None without one."""
    case = story.case
    numbers = {case.member, case.holder, *case.reporters, *(row.by for row in story.told)} - {0}
    names = all_called(stores, tuple(numbers)) if numbers else {}
    who = about(case, f"{names[case.member]}（成员 {case.member}）" if case.member else "")
    out = [
        f"案件 {case.number} · {STATES[case.state]}：{who}，{case.at.astimezone(zone):%m-%d %H:%M}，{case.rule}",
        f"“{plain(text_of(case))}”",
    ]
    out += [f"又说了 {case.again} 次"] if case.again else []
    out += [f"• {plain(ground_line(ground, case.evidence))}" for ground in case.kept.grounds]
    out += [
        f"• 又说：“{one_line(plain(kept.evidence.text), 80)}”"
        for kept in story.evidence[1:]
        if kept.evidence.text not in ("", case.evidence)
    ]
    out += [
        f"• 举报说明：{one_line(plain(kept.evidence.note), 80)}" for kept in story.evidence if kept.evidence.note and ".a" not in kept.name
    ]
    if case.reporters:
        out.append(f"举报 {len(case.reporters)} 人，共重 {sum(case.reporters.values()):.1f}：{'、'.join(names[n] for n in case.reporters)}")
    if appeal:
        out.append(f"申诉（{APPEAL_STATES[appeal.state]}）：“{plain(appeal.words) or GONE}”")
    out += [told_line(row, names, zone) for row in story.told if row.act not in ("again", "report")]
    return "\n".join(out), tuple(numbers)


def told_line(row: Told, names: Mapping[int, str], zone: tzinfo) -> str:
    """One thing that happened to a case."""
    to = "" if not row.to else f"成员 {row.to}" if row.act == "hand" else f" {row.to}"
    change = f"，{STATES.get(row.before, '')} → {STATES.get(row.after, '')}" if row.before != row.after and row.after else ""
    why = f"：{plain(row.why)}" if row.why else ""
    alone = "（没有别人能决定，一个人决定的）" if row.alone else ""
    who = names.get(row.by, f"成员 {row.by}") if row.by else "系统"
    return f"{row.at.astimezone(zone):%m-%d %H:%M} {who} {_ACTS.get(row.act, row.act)}{to}{change}{why}{alone}"


def card(case: Case, community: Community, once: str, viewer: int = 0, *, is_sealed: bool = False) -> ButtonInteraction:
    """A case with its two buttons. Every message needs a task id of its own, also when it shows the same case again.

    ``is_sealed``: without the member's words, for where a card may wait to be sent: they lie sealed in the case only.
    """
    key = f"case:{community.id}:{case.number}"
    return ButtonInteraction(
        title=f"案件 {case.number} · {case.rule}",
        desc=about(case),
        sub_title=f"看原话请说：案件 {case.number}" if is_sealed else text_of(case, viewer)[:100],
        facts=(Fact("社群", community.name),),
        buttons=(Button("警告", f"{key}:警告", style=2), Button("忽略", f"{key}:忽略")),
        task=task_of("case", community.id, str(case.number), once),
    )


def appeal_line(appeal: Appeal, zone: tzinfo, now: datetime) -> str:
    """An appeal that waits, on one line."""
    hours = int((now - appeal.at).total_seconds() // 3600)
    late = f"，等了 {hours} 小时" if hours >= 1 else ""
    said = one_line(plain(appeal.words), 60) or GONE
    return f"{appeal.number}. {appeal.at.astimezone(zone):%m-%d %H:%M} 成员 {appeal.member}{late}：“{said}”"


def percent(share: float) -> str:
    """A share as people say it."""
    return f"{share * 100:.0f}%"


def judged_line(one: Judged) -> str:
    """How often people found a judge wrong, and what would help."""
    total, title = one.total, TITLES.get(one.category, one.category)  # type: ignore[call-overload]
    head = f"{JUDGES.get(one.judge, one.judge)}·{title}·{VERDICTS.get(one.verdict, one.verdict)}"
    said = f"{head} ≥ {one.floor:.2f} 的 {total.n} 件里改判 {total.overturned} 件（{percent(total.wrong)}）"
    found = one.suggestion
    if found is None:
        return f"{said}。"
    return f"{said}，建议提到 {found.score:.2f}：剩下 {found.left.n} 件里改判 {found.left.overturned} 件，会漏掉判对的 {found.lost} 件。"


def rule_line(rule: str, tally: Tally) -> str:
    """How often people found a rule's cases wrong."""
    return f"“{rule}”：人工看过 {tally.n} 件，判错 {tally.overturned} 件（{percent(tally.wrong)}）"


def report_lines(found: Disagreement, names: Mapping[int, str]) -> list[str]:
    """The report of disagreements: judges, rules, and who decided how. It only tells; nothing is changed by it."""
    if not found.rules and not found.moderators:
        return []
    out = ["判断与人工的出入："] + ([f"• {judged_line(one)}" for one in found.judged] or ["• 还没有人看过自动判断的案件。"])
    out += ["各条规则："] + [f"• {rule_line(rule, tally)}" for rule, tally in sorted(found.rules.items(), key=lambda row: -row[1].n)]
    out += ["各位的处理："] + [f"• {line}" for line in moderator_lines(found, names)]
    return [*out, "这些只供参考：阈值和词库不会自己改，要改请到治理规则里改。"]


def moderator_lines(found: Disagreement, names: Mapping[int, str]) -> list[str]:
    """Who decided how many cases how, beside what all decided together."""
    everybody, warned = sum(one.n for one in found.moderators), sum(one.decisions.get("warned", 0) for one in found.moderators)
    lines = [
        f"{names.get(one.member, f'成员 {one.member}')}：处理 {one.n} 件，警告占 {percent(one.decisions.get('warned', 0) / one.n)}，"
        f"后来被申诉推翻 {one.overruled} 件"
        for one in found.moderators
        if one.n
    ]
    return [*lines, f"全体：处理 {everybody} 件，警告占 {percent(warned / everybody)}"] if everybody else ["还没有人处理过案件。"]


def marked(evidence: Evidence) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether a judge pointed at it."""
    text, points = evidence.text, [False] * len(evidence.text)
    for ground in evidence.grounds:
        if ground.span:
            for at in range(max(0, ground.span[0]), min(len(text), ground.span[1])):
                points[at] = True
    pieces: list[tuple[str, bool]] = []
    for letter, is_pointed in zip(text, points, strict=True):
        if pieces and pieces[-1][1] == is_pointed:
            pieces[-1] = (pieces[-1][0] + letter, is_pointed)
        else:
            pieces.append((letter, is_pointed))
    return pieces


def named(rows: Sequence[Case], stores: Stores) -> dict[int, str]:
    """What to call everybody in some cases."""
    numbers = {number for case in rows for number in (case.member, case.holder, case.by, *case.reporters)} - {0}
    return {0: "", **(all_called(stores, tuple(numbers)) if numbers else {})}
