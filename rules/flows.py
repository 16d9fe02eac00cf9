"""Flows: what a member is led through step by step – said, asked, waited for – as data. What happens next is decided here and nowhere else.

A flow runs until it has to stop: at a question, at a wait, at its end. Everything on the way comes out as texts to say and effects to do; who keeps
the state, speaks and does the effects is ``bot/flow_desk.py``. No clock and no dice: moments are handed in, in the community's own zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

from rules.content_kind import fill, variables_in
from rules.text import normalise

QUIET_FROM, QUIET_TO = time(22), time(8)
"""Between these nobody is written to by the clock: what falls due then waits for the morning."""
MOST_STEPS = 60
"""Steps of one flow; which of them a member reached is kept as the bits of one number."""
MOST_MOVES = 200
"""Steps that one advance may take: a flow that loops without stopping is refused at import, this is for the case that it was not."""
LONGEST_ANSWER = 500
LONGEST_NUMBER = 24
"""Characters of an answer that is a number with its unit."""
SKIPS = frozenset({"跳过", "略过", "不填", "下一个", "skip"})
EMPTY = "空"
"""What conditions call an answer that was skipped."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVENTS: Mapping[str, str] = {
    "check_in": "签到",
    "first_order": "兑换一次",
    "thanks": "感谢一个人",
    "activity": "参加一次活动",
}
"""What a flow can wait for, and what a member does to make it happen."""
STARTS = ("joined", "first_message", "enter_chat")
"""The occasions that start flows by themselves; words, tags and administrators start them too."""
FACTS = ("points", "earned", "level", "streak", "check_ins", "days", "orders")
"""What branches may ask besides answers and tags: numbers."""

Kind = Literal["free", "number", "choice", "date"]
_CONDITION = re.compile(r"\s*(?P<name>[^\s<>=!]+?)\s*(?P<sign>>=|<=|==|!=|=|<|>|包含)\s*(?P<value>.+?)\s*")
_TAG = re.compile(r"\s*(?P<no>没有标签|没有|not\s+)?\s*(?:标签|tag)\s*[:：]\s*(?P<value>\S+)\s*|\s*没有标签\s*[:：]?\s*(?P<gone>\S+)\s*")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?")
_UNIT = r"(?:[^\W\d_吗呢么啥哪谁怎几多什]{0,2}|[a-z]{1,4}|[%％])(?:左右|以上|以内|多|了|吧|整)?"
_AS_NUMBER = re.compile(rf"(?:约|大约|大概|差不多|应该是?|是|有)?\s*[-+\d.,，~～至到–—]*\d[-+\d.,，~～至到–—\s]*{_UNIT}", re.IGNORECASE)
"""A number with a unit of two characters at most (3 年, 10 公里, 约 5 个月), or what was meant as one: a span, or two."""
_AS_DATE = re.compile(r"(?=\D*\d)[\d\s年月日号/.-]{1,16}")
_DATE = re.compile(r"(?:(?P<year>\d{4})\s*[-/.年]\s*)?(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?")
_ENDINGS = " 。.!！~～"
"""May stand behind a number or a date. A question mark may not: that is a question."""
_RELATIVE = {"今天": 0, "明天": 1, "后天": 2, "昨天": -1, "前天": -2}


# The parts of a flow --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Say:
    """Says something and goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks something and keeps the answer under ``name``; a wrong answer is told ``example``."""

    name: str
    text: str
    kind: Kind = "free"
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    example: str = ""
    skippable: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Waits: so many minutes, until an event (for ``timeout`` minutes at most), until a weekday and hour, or until a day after the start."""

    minutes: int = 0
    event: str = ""
    weekday: int = -1
    day: int = -1
    at: time = time(10)
    timeout: int = 0
    late: str = ""
    """The label to go to when the timeout passes; '' the next step."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: a fact or an answer with a value, or a tag that is there or not."""

    name: str
    sign: str
    value: str


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of a branch: taken when all conditions hold; without any it is always taken."""

    conditions: tuple[Condition, ...]
    goto: str


@dataclass(frozen=True, slots=True)
class Branch:
    """Takes the first arm that holds; where none does the next step follows."""

    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class TagStep:
    """Gives and takes tags."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Award:
    """Gives points for a reason of the point rules; ``points`` 0 gives what the rules say."""

    reason: str
    points: int = 0


@dataclass(frozen=True, slots=True)
class Human:
    """Opens a ticket with this text, for a person to look at."""

    text: str


@dataclass(frozen=True, slots=True)
class Goto:
    """Goes on at a label."""

    label: str


@dataclass(frozen=True, slots=True)
class End:
    """Ends the flow, with last words if there are any."""

    text: str = ""


Act = Say | Ask | Wait | Branch | TagStep | Award | Human | Goto | End


@dataclass(frozen=True, slots=True)
class Step:
    """One step; its label is what others go to and what the funnel calls it."""

    label: str
    act: Act


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as it is written; ``source`` is its canonical text, ``digest`` names this version of it.

    ``on`` are the occasions that start it, ``words`` what members type, ``tags`` whose giving does; ``remind`` are minutes after which a member who
    is asked or waited for hears of it again, ``deadline`` minutes after the start it is over (0: never), with ``late`` as last words.
    """

    id: str
    title: str
    steps: tuple[Step, ...]
    source: str = ""
    digest: str = ""
    on: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    who: Literal["all", "customers", "employees"] = "all"
    repeat: bool = False
    where: Literal["private", "group"] = "private"
    enabled: bool = True
    deadline: int = 0
    remind: tuple[int, ...] = ()
    late: str = ""
    labels: Mapping[str, int] = field(default_factory=dict, compare=False)

    def is_for(self, community: str, *, is_customer: bool) -> bool:
        """Whether members of a community who are customers, or are not, may be led through it."""
        fits = self.who == "all" or (self.who == "customers") == is_customer
        return self.enabled and fits and (not self.communities or community in self.communities)

    @property
    def uses(self) -> frozenset[str]:
        """The facts (FACTS, or tag) that its branches and texts speak of."""
        named = {name for step in self.steps if isinstance(step.act, Say | Ask | Human | End) for name in variables_in(step.act.text)}
        branches = (step.act for step in self.steps if isinstance(step.act, Branch))
        named |= {condition.name for branch in branches for arm in branch.arms for condition in arm.conditions}
        return frozenset(named & {*FACTS, "tag"})

    @property
    def awaits(self) -> frozenset[str]:
        """The events (EVENTS) that it waits for."""
        return frozenset(step.act.event for step in self.steps if isinstance(step.act, Wait) and step.act.event)


@dataclass(frozen=True, slots=True)
class Flows:
    """All flows in force, by id, by the words that start them, and by occasion."""

    by_id: Mapping[str, Flow] = field(default_factory=dict)
    by_word: Mapping[str, str] = field(default_factory=dict)
    by_digest: Mapping[str, Flow] = field(default_factory=dict)

    def find(self, name: str) -> Flow | None:
        """A flow by its id, its title or a word that starts it."""
        plain = normalise(name)
        same = (flow for flow in self.by_id.values() if plain in (normalise(flow.id), normalise(flow.title)))
        return next(same, None) or self.by_id.get(self.by_word.get(plain, ""))

    def starting_on(self, occasion: str, community: str) -> list[Flow]:
        """The flows that an occasion starts for somebody in a community: joined, first_message, enter_chat, or tag:name."""
        found = (flow for flow in self.by_id.values() if flow.enabled and (not flow.communities or community in flow.communities))
        kind, _, tag = occasion.partition(":")
        return [flow for flow in found if (tag in flow.tags if kind == "tag" else occasion in flow.on)]

    def begins_on(self, occasion: str) -> bool:
        """Whether any flow begins on an occasion, for anybody."""
        return any(occasion in flow.on for flow in self.by_id.values() if flow.enabled)


def flows_of(found: Sequence[Flow]) -> Flows:
    """The table of flows; of two with one word the first has it."""
    words: dict[str, str] = {}
    for flow in found:
        for word in flow.words if flow.enabled else ():
            words.setdefault(normalise(word), flow.id)
    return Flows({flow.id: flow for flow in found}, words, {flow.digest: flow for flow in found})


# Running --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Known:
    """What a flow may ask about its member: numbers by the names of FACTS, his tags, and what to call him."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    nickname: str = "新朋友"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that is done outside the flow: award (reason, points), tag, untag or human (text in ``value``)."""

    kind: Literal["award", "tag", "untag", "human"]
    value: str
    n: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """How far a flow came: what was said and done on the way, and where it stopped: at ``step`` (len(steps): the end)."""

    step: int
    says: tuple[str, ...]
    effects: tuple[Effect, ...]
    passed: tuple[int, ...]
    """The steps that were reached on the way, the one it stopped at among them."""
    is_at_end: bool


def run(flow: Flow, at: int, answers: Mapping[str, str], known: Known) -> Run:
    """Runs a flow from a step until it stops at a question, a wait or its end."""
    says, effects, passed = list[str](), list[Effect](), list[int]()
    tags = set(known.tags)
    for _ in range(MOST_MOVES):
        if at >= len(flow.steps):
            break
        passed.append(at)
        act = flow.steps[at].act
        if isinstance(act, Ask | Wait):
            if isinstance(act, Ask):
                says.append(question(act, answers, known))
            break
        if isinstance(act, Say):
            says.append(_filled(act.text, answers, known))
        elif isinstance(act, End):
            says += [_filled(act.text, answers, known)] if act.text else []
            at = len(flow.steps)
            break
        elif isinstance(act, Award):
            effects.append(Effect("award", act.reason, act.points))
        elif isinstance(act, Human):
            effects.append(Effect("human", _filled(act.text, answers, known)))
        elif isinstance(act, TagStep):
            effects += [Effect("tag", tag) for tag in act.add] + [Effect("untag", tag) for tag in act.remove]
            tags = (tags | set(act.add)) - set(act.remove)
        at = _next(flow, at, answers, known, frozenset(tags))
    else:
        at = len(flow.steps)
    return Run(at, tuple(says), tuple(effects), tuple(passed), at >= len(flow.steps))


def question(ask: Ask, answers: Mapping[str, str], known: Known) -> str:
    """A question with its numbered choices."""
    lines = [_filled(ask.text, answers, known), *(f"{n}. {choice}" for n, choice in enumerate(ask.choices, 1))]
    return "\n".join([*lines, "（不想答可以说“跳过”）"] if ask.skippable else lines)


def _next(flow: Flow, at: int, answers: Mapping[str, str], known: Known, tags: frozenset[str]) -> int:
    act = flow.steps[at].act
    if isinstance(act, Goto):
        return flow.labels[act.label]
    if isinstance(act, Branch):
        for arm in act.arms:
            if all(_holds(condition, answers, known, tags) for condition in arm.conditions):
                return flow.labels[arm.goto]
    return at + 1


def _filled(text: str, answers: Mapping[str, str], known: Known) -> str:
    return fill(text, {"nickname": known.nickname} | {name: str(n) for name, n in known.numbers.items()} | dict(answers))


# Answers --------------------------------------------------------------------------------------------------------------
def read_answer(ask: Ask, said: str, today: date) -> str | None:
    """What an answer means, as it is kept ('' skipped); None when it is no answer to this question. Dates come out as 2026-03-10."""
    text = said.strip()
    if ask.skippable and text in SKIPS:
        return ""
    if not could_answer(ask.kind, ask.choices, said):
        return None
    if ask.kind == "free":
        return text if 0 < len(text) <= LONGEST_ANSWER else None
    if ask.kind == "choice":
        return _chosen(ask.choices, text)
    return _number(ask, text) if ask.kind == "number" else _date(text.strip(_ENDINGS), today)


def could_answer(kind: str, choices: Sequence[str], said: str) -> bool:
    """Whether words are meant as an answer to a question of this kind: all of them for a free question, else only what is nothing but an answer."""
    text = said.strip()
    if kind == "free" or text in SKIPS:
        return True
    if kind == "choice":
        return _chosen(choices, text) is not None or bool(re.fullmatch(r"\d{1,3}", text))
    bare = text.strip(_ENDINGS)
    if kind == "date":
        return bare in _RELATIVE or _AS_DATE.fullmatch(bare) is not None
    return len(bare) <= LONGEST_NUMBER and _AS_NUMBER.fullmatch(bare) is not None


def example_of(ask: Ask) -> str:
    """What to answer instead of something wrong."""
    if ask.example:
        return ask.example
    if ask.kind == "choice":
        return f"请回复数字 1–{len(ask.choices)}，例如：1"
    if ask.kind == "date":
        return "请回复日期，例如：3 月 10 日"
    if ask.kind == "free":
        return f"请用一句话回答，最多 {LONGEST_ANSWER} 个字"
    least, most = ask.least, ask.most
    bounds = f" {least}–{most} 之间的" if least is not None and most is not None else f"不小于 {least} 的" if least is not None else ""
    bounds = bounds or (f"不大于 {most} 的" if most is not None else "")
    return f"请回复一个{bounds}数字，例如：{least if least is not None else most if most is not None else 1}"


def _chosen(choices: Sequence[str], text: str) -> str | None:
    bare = text.strip(" .。、)）")
    if bare.isdecimal() and len(bare) <= 3:
        return choices[int(bare) - 1] if 0 < int(bare) <= len(choices) else None
    plain = normalise(text)
    return next((choice for choice in choices if plain and normalise(choice) == plain), None)


def _number(ask: Ask, text: str) -> str | None:
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return None
    value = float(found[0])
    if (ask.least is not None and value < ask.least) or (ask.most is not None and value > ask.most):
        return None
    return str(int(value)) if value == int(value) else str(value)


def _date(text: str, today: date) -> str | None:
    if text in _RELATIVE:
        return (today + timedelta(days=_RELATIVE[text])).isoformat()
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match["year"] or today.year), int(match["month"]), int(match["day"])).isoformat()
    except ValueError:
        return None


# Conditions -----------------------------------------------------------------------------------------------------------
def parse_conditions(text: str) -> tuple[Condition, ...]:
    """What stands behind ``if``: comparisons joined by “并且”. Raises ValueError in Chinese."""
    return tuple(_condition(part) for part in re.split(r"\s+(?:and|且|并且)\s+", text))


def _condition(text: str) -> Condition:
    if tag := _TAG.fullmatch(text):
        return Condition("tag", "!=" if tag["no"] or tag["gone"] else "=", tag["value"] or tag["gone"])
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"条件“{text}”看不懂，写法例如：points >= 50、城市 = 北京、标签:新手、没有标签:新手")
    sign = "=" if match["sign"] == "==" else match["sign"]
    if sign in ("<", ">", "<=", ">=") and not _NUMBER.fullmatch(match["value"]):
        raise ValueError(f"条件“{text}”里 {sign} 的右边应该是数字")
    return Condition(match["name"], sign, match["value"])


def _holds(condition: Condition, answers: Mapping[str, str], known: Known, tags: frozenset[str]) -> bool:
    if condition.name == "tag":
        return (condition.value in tags) == (condition.sign == "=")
    if condition.name not in answers and condition.name in FACTS:
        return _compares(float(known.numbers.get(condition.name, 0)), condition.sign, condition.value)
    given, value = answers.get(condition.name, ""), "" if condition.value == EMPTY else condition.value
    if condition.sign == "包含":
        return normalise(value) in normalise(given)
    if condition.sign in ("=", "!="):
        return (normalise(given) == normalise(value)) == (condition.sign == "=")
    return bool(_NUMBER.fullmatch(given)) and _compares(float(given), condition.sign, condition.value)


def _compares(value: float, sign: str, with_text: str) -> bool:
    if not _NUMBER.fullmatch(with_text):
        return sign == "!="
    other = float(with_text)
    table = {"=": value == other, "!=": value != other, "<": value < other, ">": value > other, "<=": value <= other, ">=": value >= other}
    return table.get(sign, False)


# Time -----------------------------------------------------------------------------------------------------------------
def ends_at(wait: Wait, now: datetime, started: datetime) -> datetime | None:
    """When a wait that begins now is over by itself; None when only its event ends it. All moments in the community's zone."""
    if wait.event:
        return after_quiet(now + timedelta(minutes=wait.timeout)) if wait.timeout else None
    if wait.weekday >= 0:
        found = _at(now.date() + timedelta(days=(wait.weekday - now.weekday()) % 7), wait.at, now)
        return after_quiet(found if found > now else _at(found.date() + timedelta(days=7), wait.at, now))
    if wait.day >= 0:
        return after_quiet(max(now, _at(started.date() + timedelta(days=wait.day), wait.at, now)))
    return after_quiet(now + timedelta(minutes=wait.minutes))


def after_quiet(moment: datetime) -> datetime:
    """The moment or, where it is in the quiet hours, the morning after."""
    if moment.time() >= QUIET_FROM:
        return _at(moment.date() + timedelta(days=1), QUIET_TO, moment)
    return _at(moment.date(), QUIET_TO, moment) if moment.time() < QUIET_TO else moment


def _at(day: date, at: time, like: datetime) -> datetime:
    return datetime.combine(day, at, like.tzinfo)
