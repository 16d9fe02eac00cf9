"""投票: one question, some options, one vote a member. Of an anonymous poll nobody can see who chose what, and what was chosen is not kept with him."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Post, Settlement, Stage
from bot.activities.words import short, terms_of
from bot.cards import Checkbox, Option, Submit, VoteInteraction, task_of
from bot.drawing import drawn
from bot.errors import UserError
from bot.live import Contents
from rules.activities import Activity, KindId
from rules.activity_words import Request
from rules.polls import FEWEST_VOTERS, Line, Poll, PollProblem, lines_of, poll_of, read_poll, told, winners_of
from storage.activities import Entry

VOTERS = "n"
"""The counter of those who voted. Entries would not do: an anonymous vote is not lowered when its voter is erased, and has to have its voter."""
QUESTION = "options"
"""The key of the card's question."""
_PAGE = 1_000
LONGEST_DRAWN = 24
"""Characters of an option in a picture with many of them."""


class PollKind(ActivityKind):
    """What the desk asks about a poll."""

    id: KindId = "poll"
    form = Form(
        "周末去哪儿", "选项", "爬山\n看电影", "一行一个，2 到 20 个",
        (
            Field("多选", "最多选几项，例如：2；不写就是单选"),
            Field("匿名", "谁也看不到谁选了什么", is_switch=True),
            Field("不可改", "投出后不能改", is_switch=True),
        ),
    )  # fmt: skip

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        try:
            return request.title, read_poll(request.lines, request.settings).spec
        except PollProblem as problem:
            raise UserError(str(problem)) from None

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The poll, if it can be asked so."""
        try:
            return poll_of(spec).spec
        except PollProblem as problem:
            raise UserError(str(problem)) from None

    def preview(self, stage: Stage) -> str:
        """The question, its options and the rules."""
        return f"🗳 {stage.activity.title}\n{_options(stage.activity)}\n{rules_of(poll_of(stage.activity.spec))}"

    def opening(self, stage: Stage) -> Post:
        """The question, and how to vote."""
        activity = stage.activity
        rows = (f"🗳 投票：{activity.title}", _options(activity), rules_of(poll_of(activity.spec)), terms_of(stage), how_to(activity))
        return Post("\n".join(filter(None, rows)))

    def reminder(self, stage: Stage) -> Post | None:
        """How many have voted already."""
        activity = stage.activity
        return Post(f"🗳 投票“{activity.title}”快截止了，已有 {activity.entries} 人投票。{how_to(activity)}")

    def settle(self, stage: Stage) -> Settlement:
        """The votes."""
        return Settlement({"tally": stage.stores.activities.tally(stage.community.keys, stage.activity.number)}, self.results(stage))

    def standing(self, stage: Stage, member: int) -> str:
        """The options with their votes, where these may be seen, and one's own vote."""
        activity = stage.activity
        kept = stage.stores.activities.entry_of(stage.community.keys, activity.number, member) if member else None
        own = own_vote(activity, kept.value if kept else None) + ("" if kept or not activity.is_open else how_to(activity))
        return "\n".join(filter(None, (figures(stage) or _options(activity), rules_of(poll_of(activity.spec)), own)))

    def results(self, stage: Stage) -> Post:
        """The votes in words and as a picture; of an anonymous poll only behind its end, and not of two or three voters."""
        activity, poll = stage.activity, poll_of(stage.activity.spec)
        said = figures(stage)
        if not said:
            return Post(f"🗳 投票“{activity.title}”：{_hidden(stage, poll)}")
        state = "结果" if not activity.is_open else "到现在为止"
        return Post(f"🗳 投票“{activity.title}”{state}：\n{said}", image=_picture(stage, poll))


def ballot(poll: Poll, chosen: Sequence[int]) -> Entry:
    """A vote as it is put in. An anonymous one leaves with its voter only that he voted."""
    names = tuple(map(str, chosen))
    value = "" if poll.is_anonymous else ",".join(names)
    return Entry(
        value, tallies=(VOTERS, *names), replaces=not poll.is_final, forgets=poll.is_anonymous, unnamed=poll.is_anonymous,
    )  # fmt: skip


def chosen_of(value: str) -> tuple[int, ...]:
    """The options of a kept vote; none of an anonymous one."""
    return tuple(int(name) for name in value.split(",") if name)


def figures(stage: Stage) -> str:
    """The votes so far; '' where they may not be seen."""
    poll = poll_of(stage.activity.spec)
    lines, voters = counted(stage)
    return told(poll, lines, voters) if _may_see(stage.activity, poll, voters) else ""


def counted(stage: Stage) -> tuple[tuple[Line, ...], int]:
    """The options with their votes, and how many voted; whoever shows them looks whether they may be seen."""
    activity = stage.activity
    tally = activity.result.get("tally") or stage.stores.activities.tally(stage.community.keys, activity.number)
    voters = int(tally.get(VOTERS, 0))
    return lines_of(poll_of(activity.spec), tally, voters), voters


def voters_of(stage: Stage) -> dict[int, list[int]]:
    """Who chose each option, in the order in which they voted, by the option's number; nobody of an anonymous poll. For operators only."""
    activity, poll = stage.activity, poll_of(stage.activity.spec)
    chose: dict[int, list[int]] = {at: [] for at in range(1, len(poll.options) + 1)}
    for start in range(0, 0 if poll.is_anonymous else activity.entries, _PAGE):
        for kept in stage.stores.activities.entries(stage.community.keys, activity.number, start=start, count=_PAGE):
            for option in chosen_of(kept.value):
                chose.setdefault(option, []).append(kept.member)
    return chose


def own_vote(activity: Activity, value: str | None) -> str:
    """What a member voted, in words; None he did not."""
    if value is None:
        return "你还没有投票。" if activity.is_open else "你没有投票。"
    named = named_options(poll_of(activity.spec), chosen_of(value))
    return f"你投了：{named}。" if named else "你投过了（匿名，没有记下选了什么）。"


def named_options(poll: Poll, chosen: Sequence[int]) -> str:
    """Options as they are said: 1. 爬山、3. 看电影."""
    return "、".join(f"{number}. {poll.options[number - 1]}" for number in chosen if 0 < number <= len(poll.options))


def rules_of(poll: Poll) -> str:
    """The rules in words."""
    rules = ["每人投一次", "选一项" if poll.most == 1 else f"最多选 {poll.most} 项"]
    if poll.is_anonymous:
        return f"{'，'.join(rules)}；匿名：不记谁选了什么，投出后不能改，截止后公布结果。"
    return f"{'，'.join(rules)}，{'投出后不能改' if poll.is_final else '截止前可以改'}。"


def how_to(activity: Activity) -> str:
    """How to vote, in words that are clear whatever else is running."""
    poll = poll_of(activity.spec)
    example = f"投票 {activity.number}号 {'1 2' if poll.most > 1 else '1'}"
    return f"请私聊我说“{example}”（在群里说大家就看到了）。" if poll.is_anonymous else f"@我说“{example}”，最后的数字是选项。"


def card_of(activity: Activity, community: str, *, once: str) -> VoteInteraction:
    """The poll as a card to be clicked."""
    poll = poll_of(activity.spec)
    options = tuple(Option(str(number), f"{number}. {text}") for number, text in enumerate(poll.options, 1))
    return VoteInteraction(
        title=short(activity.title, 60).strip() or "投票",
        desc=rules_of(poll),
        checkbox=Checkbox(QUESTION, options, is_many=poll.most > 1),
        submit=Submit(f"vote:{community}:{activity.number}", "投票"),
        task=task_of("vote", community, str(activity.number), once),
    )


def _options(activity: Activity) -> str:
    return "\n".join(f"{number}. {text}" for number, text in enumerate(poll_of(activity.spec).options, 1))


def _may_see(activity: Activity, poll: Poll, voters: int) -> bool:
    if activity.state in ("draft", "scheduled", "cancelled"):
        return False
    return not poll.is_anonymous or (not activity.is_open and voters >= FEWEST_VOTERS)


def _hidden(stage: Stage, poll: Poll) -> str:
    activity = stage.activity
    if activity.is_open:
        return f"已有 {activity.entries} 人投票，匿名投票截止后公布结果。"
    if activity.state in ("closed", "settled") and poll.is_anonymous:
        return f"只有 {activity.entries} 人投票。匿名投票不到 {FEWEST_VOTERS} 人就不公布，否则会看出谁选了什么。"
    return "还没有结果。"


def _picture(stage: Stage, poll: Poll) -> str:
    lines, voters = counted(stage)
    won = winners_of(lines)
    longest = LONGEST_DRAWN if len(lines) > 8 else 40
    traits = [f"{voters} 人投票", *(["匿名"] if poll.is_anonymous else []), *([f"最多选 {poll.most} 项"] if poll.most > 1 else [])]
    state = "投票结果" if not stage.activity.is_open else "投票进行中"
    note = "" if not won else f"{len(won)} 项并列最多" if len(won) > 1 else f"最多：{won[0].text}"
    facts = {
        "title": short(stage.activity.title, 60), "subtitle": " · ".join([state, *traits]), "community": short(stage.community.name, 40),
        "bars": [[line.number, short(line.text, longest), line.votes, line in won] for line in lines], "voters": voters, "note": short(note, 50),
    }  # fmt: skip
    return drawn("bars", facts)
