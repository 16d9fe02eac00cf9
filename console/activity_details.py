"""What a page shows of one kind of activity besides what all have: who chose what, the ranking, the proof, the answers. For operators only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.activities.kind import Stage
from bot.activities.lottery import waits_for_witness, winners_of, wins_of
from bot.activities.poll import voters_of
from bot.activities.quiz import count, places_in, score_text
from rules.polls import poll_of

MOST_NAMED = 50
"""Members of one row."""
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: its head, what stands behind it, and the members it names with their names."""

    head: str
    text: str
    members: Sequence[tuple[int, str]] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading; ``note`` is said below."""

    title: str
    lines: Sequence[Line]
    note: str = ""


def tables(stage: Stage) -> list[Table]:
    """What its kind has to show to operators; nothing of what was said without a name."""
    show = _TABLES.get(stage.activity.kind)
    is_begun = stage.activity.state in ("open", "closed", "settled")
    return list(show(stage)) if show and is_begun else []


def proof_facts(stage: Stage) -> Mapping[str, str]:
    """What was published of a lottery so far, by what it is called."""
    live, result = stage.activity.live, stage.activity.result
    facts = {
        "公平承诺": live.get("commitment", ""), "名单哈希": live.get("list", ""), "公证数": live.get("witnessed", ""),
        "种子": result.get("seed", ""),
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value}


def waits(stage: Stage) -> str:
    """The public number that a lottery waits for; '' for none."""
    is_waiting = stage.activity.kind == "lottery" and waits_for_witness(stage.activity)
    return str(stage.activity.live["witness"]) if is_waiting else ""


def _poll(stage: Stage) -> Iterator[Table]:
    poll = poll_of(stage.activity.spec)
    if poll.is_anonymous:
        return
    chose = voters_of(stage)
    names = _names(stage, (member for members in chose.values() for member in members[:MOST_NAMED]))
    lines = [
        Line(f"{at}. {text}", f"{len(chose[at])} 票", [(member, names[member]) for member in chose[at][:MOST_NAMED]], max(0, len(chose[at]) - MOST_NAMED))
        for at, text in enumerate(poll.options, 1)
    ]  # fmt: skip
    yield Table("谁选了什么", lines)


def _quiz(stage: Stage) -> Iterator[Table]:
    result = stage.activity.result or count(stage)
    top = places_in(result)
    names = _names(stage, (one.member for one in top))
    lines = [
        Line(f"第 {one.rank} 名", f"{score_text(one.score)}{f'，{one.team}' if one.team else ''}", [(one.member, names[one.member])])
        for one in top
    ]
    yield Table("排名", lines, "" if stage.activity.is_over else "还在答，名次截止后才算数，请不要说出去。")
    if result["teams"]:
        yield Table(
            "队伍", [Line(f"第 {rank} 名", f"{name}，平均 {mean} 分，{members} 人") for rank, name, mean, members in result["teams"]]
        )


def _lottery(stage: Stage) -> Iterator[Table]:
    if stage.activity.state != "settled":
        return
    by_hand = {ticket for ticket, prize, _ in wins_of(stage.activity) if not prize.points}
    winners = winners_of(stage.stores, stage.activity)
    for title, is_by_hand in (("要发的奖品", True), ("自动到账的积分", False)):
        found = [one for one in winners if (one.ticket in by_hand) is is_by_hand]
        lines = [Line(one.prize, f"号码 {one.ticket}", [(one.member, one.name)] if one.name else []) for one in found[:MOST_ROWS]]
        if lines:
            yield Table(title, lines, f"还有 {len(found) - MOST_ROWS} 位，在凭证里。" if len(found) > MOST_ROWS else "")


_TABLES = {"poll": _poll, "quiz": _quiz, "lottery": _lottery}


def _names(stage: Stage, numbers: Iterable[int]) -> dict[int, str]:
    asked = list(dict.fromkeys(numbers))
    found = stage.stores.directory.find_names(asked) if asked else {}
    return {number: found.get(number) or f"成员 {number}" for number in asked}
