"""Polls: what an operator asks, how a ballot is read, and what came of the votes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rules.choices import ENDINGS, choose, mixed_up
from rules.text import normalise

FEWEST_OPTIONS, MOST_OPTIONS, LONGEST_OPTION = 2, 20, 40
FEWEST_VOTERS = 3
"""With fewer voters the figures of an anonymous poll say who chose what, so they are not told."""
SETTINGS = ("多选", "单选", "匿名", "可改", "不可改")
"""What an operator may set besides what all activities have."""
EXAMPLE = "发起投票 周末去哪儿 | 爬山 | 看电影 | 截止 明天20:00"

_BAR, _EMPTY, _WIDTH = "█", "░", 10


class PollProblem(ValueError):
    """What is wrong with a poll or a ballot: in Chinese, with an example of the right way."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What is asked: ``most`` options may be chosen. Of an anonymous poll nobody can see who chose what; a final vote cannot be changed.

    An anonymous vote is always final: what could be changed would have to be kept with its voter.
    """

    options: tuple[str, ...]
    most: int = 1
    is_anonymous: bool = False
    is_final: bool = False

    @property
    def spec(self) -> dict[str, Any]:
        """The poll as it is kept with its activity."""
        return {
            "options": list(self.options),
            "most": self.most,
            "is_anonymous": self.is_anonymous,
            "is_final": self.is_final or self.is_anonymous,
        }

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of its counters, one for each option."""
        return tuple(str(number) for number in range(1, len(self.options) + 1))


@dataclass(frozen=True, slots=True)
class Line:
    """An option with its votes. ``rank`` is shared by equal votes and counts them (1, 1, 3); ``share`` is of the voters, 0 to 1."""

    number: int
    text: str
    votes: int
    rank: int
    share: float


# Asking -------------------------------------------------------------------------------------------------------------------


def poll_of(spec: Mapping[str, Any]) -> Poll:
    """The poll of a kept or edited spec. Raises PollProblem."""
    options = tuple(" ".join(str(option).split()) for option in spec.get("options", ()))
    most: Any = spec.get("most", 1)
    poll = Poll(
        options,
        most if type(most) is int else 0,
        bool(spec.get("is_anonymous")),
        bool(spec.get("is_final")) or bool(spec.get("is_anonymous")),
    )
    _check(poll)
    return poll


def read_poll(lines: Sequence[str], settings: Mapping[str, Sequence[str]]) -> Poll:
    """The poll of a request: its lines are the options. Raises PollProblem."""
    if "单选" in settings and "多选" in settings:
        raise PollProblem(f"“单选”和“多选”只能写一个，例如：{EXAMPLE} | 多选 2")
    if "可改" in settings and ("不可改" in settings or "匿名" in settings):
        why = "匿名投票不记谁选了什么，所以投出后不能改。去掉“可改”或“匿名”" if "匿名" in settings else "“可改”和“不可改”只能写一个"
        raise PollProblem(f"{why}，例如：{EXAMPLE} | 不可改")
    options = tuple(_without_number(line, at) for at, line in enumerate(lines, 1))
    most = _most(settings["多选"][-1], len(options)) if "多选" in settings else 1
    poll = Poll(options, most, "匿名" in settings, "不可改" in settings or "匿名" in settings)
    _check(poll)
    return poll


def _without_number(line: str, at: int) -> str:
    """An option without the number that people write in front: that is its own, and ours comes anyway."""
    words = " ".join(line.split())
    return re.sub(rf"^{at}\s*[.、)）:：]\s*(?=\S)", "", words)


def _most(said: str, options: int) -> int:
    number = normalise(said).strip(ENDINGS).removeprefix("最多").removesuffix("项").removesuffix("个").strip()
    if not number:
        return max(options, 1)
    if not number.isdecimal() or len(number) > 2:
        raise PollProblem(f"多选后面写最多选几项，例如：{EXAMPLE} | 多选 2")
    return int(number)


def _check(poll: Poll) -> None:
    if not FEWEST_OPTIONS <= len(poll.options) <= MOST_OPTIONS:
        raise PollProblem(f"投票要有 {FEWEST_OPTIONS}–{MOST_OPTIONS} 个选项，现在有 {len(poll.options)} 个。写法是：{EXAMPLE}")
    for option in poll.options:
        if not normalise(option).strip(ENDINGS):
            raise PollProblem(f"有一个选项是空的，请写上内容，例如：{EXAMPLE}")
        if len(option) > LONGEST_OPTION:
            raise PollProblem(f"选项“{option[:12]}…”太长了，最多 {LONGEST_OPTION} 个字，例如：{EXAMPLE}")
    plain = [normalise(option).strip(ENDINGS) for option in poll.options]
    if mixed := mixed_up(poll.options):
        raise PollProblem(f"选项“{mixed}”会和选项的编号混在一起，请写得长一点，例如：{mixed} 人")
    if twice := next((option for option, said in zip(poll.options, plain, strict=True) if plain.count(said) > 1), ""):
        raise PollProblem(f"选项“{twice}”写了两次，请改掉一个，例如：{EXAMPLE}")
    if not 1 <= poll.most <= len(poll.options):
        raise PollProblem(f"最多选几项要在 1–{len(poll.options)} 之间，例如：多选 2")


# Voting -------------------------------------------------------------------------------------------------------------------


def read_ballot(words: str, poll: Poll) -> tuple[int, ...]:
    """The numbers of the options that words choose, from 1 and in order. Raises PollProblem."""
    chosen, missing = choose(words, poll.options)
    example = f"投票 {'1 2' if poll.most > 1 else '1'}"
    if missing:
        listed = "\n".join(f"{number}. {option}" for number, option in enumerate(poll.options, 1))
        raise PollProblem(f"没有“{missing[:LONGEST_OPTION]}”这个选项，请写编号或选项原文，例如：{example}\n{listed}")
    if not chosen:
        raise PollProblem(f"选哪一项？写法是：{example}")
    if len(chosen) > poll.most:
        limit = "只能选一项" if poll.most == 1 else f"最多选 {poll.most} 项"
        raise PollProblem(f"这个投票{limit}，你写了 {len(chosen)} 项。请重新写，例如：{example}")
    return chosen


# What came of it ----------------------------------------------------------------------------------------------------------


def lines_of(poll: Poll, tally: Mapping[str, int], voters: int) -> tuple[Line, ...]:
    """The options with their votes, most votes first and equal ones in their own order."""
    votes = [max(0, tally.get(name, 0)) for name in poll.kept]
    order = sorted(range(len(votes)), key=lambda at: (-votes[at], at))
    return tuple(
        Line(at + 1, poll.options[at], votes[at], 1 + sum(other > votes[at] for other in votes), votes[at] / voters if voters else 0.0)
        for at in order
    )


def winners_of(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The options with the most votes: several where they tie, none where nobody voted."""
    return tuple(line for line in lines if line.rank == 1 and line.votes)


def percent(share: float) -> str:
    """A share as it is said: 33%; half a percent goes up."""
    return f"{int(share * 100 + 0.5)}%"


def bar(share: float) -> str:
    """A share as a bar of ten characters; whatever is more than nothing shows."""
    full = min(_WIDTH, max(round(share * _WIDTH), 1 if share > 0 else 0))
    return _BAR * full + _EMPTY * (_WIDTH - full)


def told(poll: Poll, lines: Sequence[Line], voters: int) -> str:
    """The votes in words and bars: who leads, ties as ties, percent of the voters."""
    won = winners_of(lines)
    if not won:
        return "还没有人投票。"
    names = "、".join(f"“{line.text}”" for line in won)
    head = f"并列最多：{names}（各 {won[0].votes} 票）" if len(won) > 1 else f"最多：{names}（{won[0].votes} 票）"
    rows = [f"{line.number}. {line.text}\n{bar(line.share)} {line.votes} 票 {percent(line.share)}" for line in lines]
    foot = f"共 {voters} 人投票。" + ("可以多选，百分比是选它的人占投票人数的比例。" if poll.most > 1 else "")
    return "\n".join([head, *rows, foot])
