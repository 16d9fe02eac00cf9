"""Flows as files of content, one flow a file: their models, and what is wrong with one before it leads anybody astray."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, model_validator

from rules.content_file import Path
from rules.content_kind import Kind as ContentKind
from rules.content_kind import Line, Phrase, Points, Row, has_no_line_break, is_sayable, twin_ids, twins, variables_in
from rules.flows import (
    EVENTS,
    FACTS,
    MOST_STEPS,
    STARTS,
    WEEKDAYS,
    Act,
    Arm,
    Ask,
    Award,
    Branch,
    End,
    Flow,
    Goto,
    Human,
    Kind,
    Say,
    Step,
    TagStep,
    Wait,
    parse_conditions,
)
from rules.text import normalise

LONGEST_WAIT = 400 * 1_440
MOST_CHOICES = 9
_SPAN = re.compile(r"(?:(\d{1,4})d)?\s*(?:(\d{1,4})h)?\s*(?:(\d{1,5})m)?")
_CLOCK = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")
_NAME = re.compile(r"[\w\u4e00-\u9fff-]{1,40}")
_WEEK = {**{name: n for n, name in enumerate(WEEKDAYS)}, **{f"周{name}": n for n, name in enumerate("一二三四五六日")}, "周天": 6}


# Scalars --------------------------------------------------------------------------------------------------------------
def parse_span(text: str) -> int:
    """The minutes of ``3d``, ``12h``, ``1d12h`` or ``30m``. Raises ValueError in Chinese."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"“{text}”不是一段时间，写法例如：3d（3 天）、12h（12 小时）、30m（30 分钟）")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    total = days * 1_440 + hours * 60 + minutes
    if not 1 <= total <= LONGEST_WAIT:
        raise ValueError("要在 1 分钟到 400 天之间")
    return total


def parse_clock(text: str) -> time:
    """The time of ``09:00``. Raises ValueError in Chinese."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text}”不是时刻，写法例如：09:00")
    return time(int(match[1]), int(match[2]))


def _is_span(text: str) -> str:
    parse_span(text)
    return text.strip().lower()


def _is_clock(text: str) -> str:
    return f"{parse_clock(text):%H:%M}"


def _is_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("只能用文字、数字、_ 和 -，不含空格，最多 40 个字")
    return text


def _is_label(text: str) -> str:
    if _is_name(text).isdecimal():
        raise ValueError("标号不能全是数字，请起个名字，例如：自我介绍")
    return text


def _is_until(text: str) -> str:
    text = " ".join(text.lower().split())
    day, _, at = text.partition(" ")
    if text in EVENTS:
        return text
    if day not in _WEEK or not at:
        known = "、".join(f"{name}（{what}）" for name, what in EVENTS.items())
        raise ValueError(f"“{text}”看不懂：可以等星期几的几点，例如 mon 09:00；或者等一件事：{known}")
    parse_clock(at)
    return text


def _is_start(text: str) -> str:
    if text not in STARTS:
        raise ValueError("只能是 joined（入群）、first_message（第一次发言）、enter_chat（打开单聊）")
    return text


def _is_condition(text: str) -> str:
    parse_conditions(text)
    return text


def _is_tag(text: str) -> str:
    if re.search(r"[\s,，|:：{}@＠#＃\\\"']", text):
        raise ValueError("标签里不能有空白和标点")
    return text


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) and value else value


Name = Annotated[str, AfterValidator(_is_name)]
Label = Annotated[str, AfterValidator(_is_label)]
Target = Annotated[str, Field(min_length=1, max_length=40)]
Span = Annotated[str, AfterValidator(_is_span)]
ClockTime = Annotated[str, AfterValidator(_is_clock)]
Words = Annotated[str, Field(min_length=1, max_length=1_500), AfterValidator(is_sayable)]
Question = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(is_sayable)]
TagName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=20,
    ),
    AfterValidator(_is_tag),
    AfterValidator(is_sayable),
]
Tags = Annotated[tuple[TagName, ...], BeforeValidator(_as_list), Field(max_length=10)]
Choice = Annotated[str, Field(min_length=1, max_length=30), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Bound = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]


# Rows -----------------------------------------------------------------------------------------------------------------
class AskSheet(Row):
    """A question."""

    name: Name
    text: Question
    kind: Literal["free", "number", "choice", "date"] = "free"
    choices: Annotated[tuple[Choice, ...], Field(max_length=MOST_CHOICES)] = ()
    least: Bound | None = None
    most: Bound | None = None
    example: Annotated[str, Field(max_length=200)] = ""
    skippable: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> AskSheet:
        if (self.kind == "choice" or self.choices) and len(self.choices) < 2:
            raise ValueError("选择题至少要有两个选项，请写 choices: [甲, 乙]")
        if self.kind not in ("choice", "free") and self.choices:
            raise ValueError("写了 choices 就不要再写 kind，或者写成 kind: choice")
        if (self.least is not None or self.most is not None) and self.kind != "number":
            raise ValueError("least 和 most 只用于 kind: number")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least 比 most 大，没有数字能满足，请对调")
        return self


class WaitSheet(Row):
    """A wait."""

    span: Annotated[Span | None, Field(alias="for")] = None
    until: Annotated[str, AfterValidator(_is_until)] | None = None
    day: Annotated[int, Field(ge=0, le=400)] | None = None
    at: ClockTime | None = None
    timeout: Span | None = None
    late: Target | None = None

    @model_validator(mode="after")
    def _waits_for_one_thing(self) -> WaitSheet:
        if sum(part is not None for part in (self.span, self.until, self.day)) != 1:
            raise ValueError("等待要写一样：for: 3d、until: check_in、until: mon 09:00 或者 day: 7")
        is_event = self.until in EVENTS
        if self.timeout and not is_event:
            raise ValueError("timeout 只用于等一件事，例如 until: check_in")
        if self.late and not self.timeout:
            raise ValueError("写了 late（过时去哪一步）就要写 timeout（等多久）")
        if self.at and self.day is None:
            raise ValueError("at 只用于 day，例如 {day: 7, at: 10:00}")
        return self


class ArmSheet(Row):
    """One way of a branch."""

    condition: Annotated[str, Field(alias="if", max_length=200), AfterValidator(_is_condition)] = ""
    goto: Target


class TagSheet(Row):
    """Tags that are given and taken."""

    add: Tags = ()
    remove: Tags = ()

    @model_validator(mode="after")
    def _does_something(self) -> TagSheet:
        if not self.add and not self.remove:
            raise ValueError("要写 add 或 remove，例如 {add: 新手}")
        return self


class AwardSheet(Row):
    """Points that are given."""

    reason: Name = "flow"
    points: Points = 0


_ACTS = ("say", "ask", "wait", "branch", "tag", "award", "human", "goto", "end")


class StepSheet(Row):
    """One step: exactly one thing that is done."""

    label: Label | None = None
    say: Words | None = None
    ask: AskSheet | None = None
    wait: WaitSheet | None = None
    branch: Annotated[tuple[ArmSheet, ...], Field(min_length=1, max_length=20)] | None = None
    tag: TagSheet | None = None
    award: AwardSheet | None = None
    human: Question | None = None
    goto: Target | None = None
    end: Annotated[str, Field(max_length=1_500)] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> StepSheet:
        done = [name for name in _ACTS if getattr(self, name) is not None]
        if len(done) != 1:
            said = f"这里写了 {'、'.join(done)}，请分成几步" if done else f"可以是 {'、'.join(_ACTS)}"
            raise ValueError(f"每一步只做一件事：{said}")
        return self


class StartSheet(Row):
    """What starts a flow."""

    on: Annotated[tuple[Annotated[str, AfterValidator(_is_start)], ...], BeforeValidator(_as_list), Field(max_length=3)] = ()
    words: Annotated[tuple[Phrase, ...], BeforeValidator(_as_list), Field(max_length=20)] = ()
    tags: Tags = ()


class FlowSheet(Row):
    """One flow."""

    id: Name
    title: Line
    enabled: bool = True
    start: StartSheet = StartSheet()
    communities: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], BeforeValidator(_as_list), Field(max_length=100)
    ] = ()
    who: Literal["all", "customers", "employees"] = "all"
    repeat: bool = False
    where: Literal["private", "group"] = "private"
    deadline: Span | None = None
    late: Annotated[str, Field(max_length=500)] = ""
    remind: Annotated[tuple[Span, ...], BeforeValidator(_as_list), Field(max_length=5)] = ()
    steps: Annotated[tuple[StepSheet, ...], Field(min_length=1, max_length=MOST_STEPS)]


# Sheets to flows and back ---------------------------------------------------------------------------------------------
def flow_from_source(source: str) -> Flow:
    """The flow of a kept definition. Raises ValueError where this version of the program does not know it any more."""
    return _flow(FlowSheet.model_validate(json.loads(source)))


def _flow(sheet: FlowSheet) -> Flow:
    plain = sheet.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    source = json.dumps(plain, ensure_ascii=False, sort_keys=False, separators=(",", ":"))
    steps = tuple(Step(step.label or str(n), _act(step)) for n, step in enumerate(sheet.steps, 1))
    return Flow(
        sheet.id, sheet.title, steps, source, hashlib.blake2b(source.encode(), digest_size=8).hexdigest(), sheet.start.on, sheet.start.words,
        sheet.start.tags, tuple(name for name in sheet.communities if name != "*"), sheet.who, sheet.repeat, sheet.where, sheet.enabled,
        parse_span(sheet.deadline) if sheet.deadline else 0, tuple(map(parse_span, sheet.remind)), sheet.late,
        {step.label: n for n, step in enumerate(steps)},
    )  # fmt: skip


def _act(step: StepSheet) -> Act:
    if step.ask is not None:
        ask = step.ask
        kind: Kind = "choice" if ask.choices else ask.kind
        return Ask(ask.name, ask.text, kind, ask.choices, ask.least, ask.most, ask.example, ask.skippable)
    if step.wait is not None:
        return _wait(step.wait)
    if step.branch is not None:
        return Branch(tuple(Arm(parse_conditions(arm.condition) if arm.condition else (), arm.goto) for arm in step.branch))
    if step.tag is not None:
        return TagStep(step.tag.add, step.tag.remove)
    if step.award is not None:
        return Award(step.award.reason, step.award.points)
    if step.say is not None:
        return Say(step.say)
    if step.human is not None:
        return Human(step.human)
    if step.goto is not None:
        return Goto(step.goto)
    return End("" if step.end in (None, "true", "yes") else step.end or "")


def _wait(sheet: WaitSheet) -> Wait:
    timeout = parse_span(sheet.timeout) if sheet.timeout else 0
    if sheet.span is not None:
        return Wait(minutes=parse_span(sheet.span))
    if sheet.until in EVENTS:
        return Wait(event=sheet.until or "", timeout=timeout, late=sheet.late or "")
    if sheet.until is not None:
        day, _, at = sheet.until.partition(" ")
        return Wait(weekday=_WEEK[day], at=parse_clock(at))
    return Wait(day=sheet.day or 0, at=parse_clock(sheet.at) if sheet.at else time(10))


def _flows(rows: Sequence[FlowSheet]) -> tuple[Flow, ...]:
    return tuple(map(_flow, rows))


def _rows(flows: Sequence[Flow]) -> list[Any]:
    return [json.loads(flow.source) for flow in flows]


# What is wrong with one -----------------------------------------------------------------------------------------------
def _problems(rows: Sequence[FlowSheet]) -> Iterator[tuple[Path, str]]:
    yield from twin_ids(rows)
    words = (((n, "start", "words", m), normalise(word)) for n, row in enumerate(rows) for m, word in enumerate(row.start.words))
    yield from twins(words, "“{name}”已经会启动一个流程了，请换一个说法")
    for n, row in enumerate(rows):
        yield from (((n, *path), say) for path, say in _problems_of(row))


def _problems_of(row: FlowSheet) -> Iterator[tuple[Path, str]]:
    labels = ((("steps", n, "label"), step.label) for n, step in enumerate(row.steps) if step.label)
    yield from twins(labels, "标号“{name}”用了两次，请改掉一个")
    places = {step.label or str(n): n - 1 for n, step in enumerate(row.steps, 1)}
    targets = list(_targets(row))
    unknown = [(path, label) for _, path, label in targets if label not in places]
    for path, label in unknown:
        yield path, f"没有标号为“{label}”的步骤，请给要去的那一步写上 label: {label}"
    yield from _wrong_words(row)
    if not unknown:
        yield from _wrong_ways(row, places, targets)


def _targets(row: FlowSheet) -> Iterator[tuple[int, Path, str]]:
    """Everything that names a label: at which step, where in the file, which."""
    for n, step in enumerate(row.steps):
        if step.goto is not None:
            yield n, ("steps", n, "goto"), step.goto
        for m, arm in enumerate(step.branch or ()):
            yield n, ("steps", n, "branch", m, "goto"), arm.goto
        if step.wait and step.wait.late:
            yield n, ("steps", n, "wait", "late"), step.wait.late


def _wrong_words(row: FlowSheet) -> Iterator[tuple[Path, str]]:
    """Names that texts and branches speak of and nobody ever asks for."""
    asked = {step.ask.name for step in row.steps if step.ask}
    known = sorted({"nickname", *FACTS, *asked})
    for n, step in enumerate(row.steps):
        texts = {"say": step.say, "human": step.human, "end": step.end, "ask": step.ask.text if step.ask else None}
        for name, text in texts.items():
            for variable in sorted(variables_in(text or "") - set(known)):
                path: Path = ("steps", n, name, "text") if name == "ask" else ("steps", n, name)
                yield path, f"没有 {{{variable}}} 这个变量，可以用的是 {{{'}、{'.join(known)}}}"
        for m, arm in enumerate(step.branch or ()):
            for condition in parse_conditions(arm.condition) if arm.condition else ():
                if condition.name not in {"tag", *FACTS, *asked}:
                    yield (
                        ("steps", n, "branch", m, "if"),
                        f"没有问过“{condition.name}”，条件里可以用的是 {'、'.join(known[:-1])} 和 标签:名字",
                    )


def _wrong_ways(row: FlowSheet, places: dict[str, int], targets: Sequence[tuple[int, Path, str]]) -> Iterator[tuple[Path, str]]:
    """Steps that nobody reaches, loops that never stop, and ways that never end."""
    ways: list[set[int]] = [_straight_on(row.steps[n], n) for n in range(len(row.steps))]
    for n, _, label in targets:
        ways[n].add(places[label])
    end = len(row.steps)
    reached = _closure({0}, [*ways, set()])
    for n in range(end):
        if n not in reached:
            yield ("steps", n), "哪里都走不到这一步，请删去，或者让前面的步骤 goto 到这里"
    back: list[set[int]] = [{m for m in range(end) if n in ways[m]} for n in range(end + 1)]
    back[end] |= {n for n in range(end) if row.steps[n].end is not None}
    ending = _closure({end}, back)
    stuck = [n for n in sorted(reached) if n not in ending]
    if stuck:
        yield ("steps", stuck[0]), "从这一步开始永远走不到结束，请在循环外面加一个 end"
    moving = [set() if row.steps[n].ask or row.steps[n].wait else ways[n] - {end} for n in range(end)]
    for n in range(end):
        if n in _closure(moving[n], moving):
            yield ("steps", n), "这里会不停地循环，请在循环里加一个 ask 或 wait"
            break


def _straight_on(step: StepSheet, at: int) -> set[int]:
    """Where a step leads besides to labels."""
    stops = step.goto is not None or step.end is not None or bool(step.branch and not step.branch[-1].condition)
    return set() if stops else {at + 1}


def _closure(start: set[int], ways: Sequence[set[int]]) -> set[int]:
    found, left = set(start), list(start)
    while left:
        for there in ways[left.pop()] - found:
            found.add(there)
            left.append(there)
    return found


FLOWS: ContentKind[tuple[Flow, ...]] = ContentKind(
    "flows", "flows", "流程", True, TypeAdapter(tuple[FlowSheet, ...]), _flows, _rows, _problems, in_folder=True
)
