"""The kinds of content operators own, and what is wrong with a file of theirs: every problem at once, each with its remedy.

Every scalar of a file is read as text (rules/content_file.py), and what it means is decided by the kind's model: an answer ``no`` stays the
word "no". In force a kind is kept by items: of a list each row by its id, as JSON; of anything else the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import date
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
import yaml
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from rules import duty
from rules.calendar import Cron as Cron
from rules.calendar import parse_cron as parse_cron
from rules.content_badges import BADGES as BADGES
from rules.content_challenges import CHALLENGES as CHALLENGES
from rules.content_contributions import CONTRIBUTIONS as CONTRIBUTIONS
from rules.content_enclosures import CardSheet, File, Picture
from rules.content_file import ContentProblem as ContentProblem
from rules.content_file import Path, lines_of, read
from rules.content_flows import FLOWS as FLOWS
from rules.content_health import HEALTH as HEALTH
from rules.content_invitations import INVITATIONS as INVITATIONS
from rules.content_kind import VARIABLES as VARIABLES
from rules.content_kind import (
    Day,
    Greeting,
    Id,
    Line,
    Row,
    V,
    has_no_line_break,
    is_sayable,
    knows_its_variables,
    twin_ids,
    twins,
)
from rules.content_kind import Kind as Kind
from rules.content_kind import Wrong as Wrong
from rules.content_kind import fill as fill
from rules.content_kind import variables_in as variables_in
from rules.content_levels import LEVELS as LEVELS
from rules.content_moderation import MODERATION as MODERATION
from rules.content_points import POINTS as POINTS
from rules.content_pushes import LONGEST_TITLE as LONGEST_TITLE
from rules.content_pushes import PUSHES as PUSHES
from rules.content_pushes import PushRow
from rules.content_pushes import push_row as push_row
from rules.content_pushing import PUSHING as PUSHING
from rules.content_quizzes import QUIZZES as QUIZZES
from rules.content_reports import REPORTS as REPORTS
from rules.content_segments import SEGMENTS as SEGMENTS
from rules.content_segments import SegmentRow, segment_row
from rules.content_shop import SHOP as SHOP
from rules.content_surveys import SURVEYS as SURVEYS
from rules.content_synonyms import SYNONYMS as SYNONYMS
from rules.content_words import WORDS as WORDS
from rules.content_workdays import WORKDAYS as WORKDAYS
from rules.duty import DutyPlan, DutyPlans, ExtraDay, Hours, Step
from rules.entries import VARIABLES as ANSWER_VARIABLES
from rules.entries import Entry, LinkCard
from rules.pushes import Push as Push
from rules.regression import FaqTest
from rules.saved_segments import Segment
from rules.text import normalise

MOST_ENTRIES = 100_000
MOST_PROBLEMS = 50
"""Problems named one by one; more are only counted."""

_decode_entry = msgspec.json.Decoder(Entry).decode
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What newcomers read: in a group after their first message, in a single chat when they open it, as an employee's new customer; and in a
    customer group, those who joined together. Empty says nothing. ``privacy`` is what whoever asks (隐私) reads of his data; empty is the shipped text.
    """

    first_message: str = ""
    enter_chat: str = ""
    new_customer: str = ""
    joined: str = ""
    privacy: str = ""


# Models -------------------------------------------------------------------------------------------------------------
def _is_answerable(text: str) -> str:
    unknown = sorted({name for name in variables_in(text) if name not in ANSWER_VARIABLES})
    if unknown:
        known = "{" + "}、{".join(ANSWER_VARIABLES) + "}"
        raise ValueError(f"没有 {{{unknown[0]}}} 这个变量，可以用的是 {known}；要原样写大括号请用全角的｛｝")
    return text


def _is_when(text: str) -> str:
    duty.parse_when(text)
    return text.lower()


def _is_spans(text: str) -> str:
    duty.parse_spans(text)
    return text


def _is_days(text: str) -> str:
    duty.parse_days(text)
    return text


def _has_both_parts(text: str) -> str:
    if "+" in text and not all(normalise(part) for part in text.split("+")):
        raise ValueError("“+”两边都要有词，例如 发票+丢")
    return text


Keyword = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(has_no_line_break), AfterValidator(_has_both_parts)]
Answer = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(is_sayable), AfterValidator(_is_answerable)]


class FaqRow(Row):
    """One question with its answer."""

    id: Id
    question: Line
    similar: Annotated[tuple[Line, ...], Field(max_length=500)] = ()
    keywords: Annotated[tuple[Keyword, ...], Field(max_length=500)] = ()
    answer: Answer
    markdown: bool = False
    image: Picture | None = None
    file: File | None = None
    card: CardSheet | None = None
    communities: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
    role: Literal["member", "viewer", "moderator", "operator", "admin", "owner"] = "member"
    valid_from: Day | None = None
    valid_to: Day | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> FaqRow:
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to 早于 valid_from，这条问答永远不会生效，请检查日期")
        return self


class FaqTestRow(Row):
    """One question that has to reach its entry, whatever is edited."""

    id: Id
    question: Line
    entry: Id
    community: Annotated[str, Field(max_length=64), AfterValidator(has_no_line_break)] = ""


class WelcomeSheet(Row):
    """The greetings."""

    first_message: Greeting = ""
    enter_chat: Greeting = ""
    new_customer: Annotated[str, Field(max_length=1_300), AfterValidator(knows_its_variables)] = ""
    joined: Annotated[str, Field(max_length=1_000), AfterValidator(knows_its_variables)] = ""
    privacy: Greeting = ""


UserId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^\S+$")]


class HoursRow(Row):
    """A line of the duty roster."""

    when: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_when)]
    people: Annotated[tuple[UserId, ...], Field(max_length=50)] = ()


class ExtraDayRow(Row):
    """A day with a roster of its own."""

    day: Day
    when: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_spans)]
    people: Annotated[tuple[UserId, ...], Field(max_length=50)] = ()


class StepRow(Row):
    """A step of the escalation ladder."""

    after_minutes: Annotated[int, Field(ge=1, le=10_080)]
    tell: Annotated[tuple[UserId, ...], Field(min_length=1, max_length=20)]


class DutyRow(Row):
    """The duty roster of a community."""

    community: Id = "*"
    hours: Annotated[tuple[HoursRow, ...], Field(min_length=1, max_length=100)]
    closed: Annotated[tuple[Annotated[str, AfterValidator(_is_days)], ...], Field(max_length=400)] = ()
    extra: Annotated[tuple[ExtraDayRow, ...], Field(max_length=400)] = ()
    answer_within_minutes: Annotated[int, Field(ge=1, le=10_080)] = 30
    escalation: Annotated[tuple[StepRow, ...], Field(max_length=10)] = ()


class DutySheet(Row):
    """The duty rosters."""

    plans: Annotated[tuple[DutyRow, ...], Field(max_length=1_000)] = ()


def _entry(row: FaqRow) -> Entry:
    card = LinkCard(**dict(row.card)) if row.card else None
    return Entry(
        row.id, row.question, row.answer, row.similar, row.keywords, row.markdown, row.image or "", row.file or "", card, row.communities,
        row.role, row.valid_from, row.valid_to,
    )  # fmt: skip


def _faq(rows: tuple[FaqRow, ...]) -> tuple[Entry, ...]:
    return tuple(map(_entry, rows))


_ENTRY_FIELDS = {field.name: None if field.default is MISSING else field.default for field in fields(Entry)}
_ENTRY_ORDER = ("id", "question", "similar", "keywords", "answer", *list(_ENTRY_FIELDS)[5:])


def _faq_row(entry: Entry) -> dict[str, Any]:
    """The row of an entry: what it says of itself, in plain types."""
    told = ((name, getattr(entry, name)) for name in _ENTRY_ORDER)
    return {name: _plain(value) for name, value in told if value != _ENTRY_FIELDS[name]}


def _plain(value: Any) -> Any:
    if isinstance(value, LinkCard):
        return {name: text for name, text in asdict(value).items() if text}
    return value.isoformat() if isinstance(value, date) else value


def _faq_rows(entries: tuple[Entry, ...]) -> list[Any]:
    return [_faq_row(entry) for entry in entries]


def entry_to_json(entry: Entry) -> str:
    """An entry as it is kept; equal entries give equal texts."""
    return _to_json(_faq_row(entry))


def entry_from_json(text: str) -> Entry:
    """The entry of a kept text. Raises :class:`ContentProblem` for what is no entry."""
    try:
        return _decode_entry(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise ContentProblem(["这条问答的内容读不懂，请重新写一遍"]) from None


def _entries_from_json(texts: Iterable[str]) -> tuple[Entry, ...]:
    return tuple(map(entry_from_json, texts))


def check_push(push: Push) -> tuple[str, ...]:
    """What is wrong with a push, in Chinese with its remedy; empty when nothing is."""
    return _wrong_with(PushRow, push_row(push))


def check_segment(segment: Segment) -> tuple[str, ...]:
    """What is wrong with the fields of a segment, in Chinese with its remedy; empty when nothing is. What its text means is not looked at."""
    return _wrong_with(SegmentRow, segment_row(segment))


def check_entry(entry: Entry) -> tuple[str, ...]:
    """What is wrong with an entry, in Chinese with its remedy; empty when nothing is."""
    return _wrong_with(FaqRow, _faq_row(entry))


def _wrong_with(model: type[Row], row: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        model.model_validate(row)
    except ValidationError as error:
        return tuple(f"{_where(path)}{say}" for path, say in _details(error))
    return ()


def _duty(sheet: DutySheet) -> DutyPlans:
    return DutyPlans(tuple(map(_duty_plan, sheet.plans)))


def _duty_plan(row: DutyRow) -> DutyPlan:
    return DutyPlan(
        row.community,
        tuple(Hours(*duty.parse_when(line.when), line.people) for line in row.hours),
        tuple(map(duty.parse_days, row.closed)),
        tuple(ExtraDay(line.day, duty.parse_spans(line.when), line.people) for line in row.extra),
        row.answer_within_minutes,
        tuple(Step(line.after_minutes, line.tell) for line in row.escalation),
    )


def _duty_sheet(value: DutyPlans) -> dict[str, Any]:
    return {"plans": [_duty_row(plan) for plan in value.plans]}


def _duty_row(plan: DutyPlan) -> dict[str, Any]:
    return {
        "community": plan.community,
        "hours": [{"when": duty.when_text(line), "people": line.people} for line in plan.hours],
        "closed": [duty.days_text(days) for days in plan.closed],
        "extra": [{"day": line.day.isoformat(), "when": duty.spans_text(line.spans), "people": line.people} for line in plan.extra],
        "answer_within_minutes": plan.answer_within_minutes,
        "escalation": [asdict(step) for step in plan.escalation],
    }


def _duty_twins(sheet: DutySheet) -> Iterator[tuple[Path, str]]:
    places = ((("plans", n, "community"), row.community) for n, row in enumerate(sheet.plans))
    yield from twins(places, "社群“{name}”的值班写了两份，请合并成一份")
    for n, row in enumerate(sheet.plans):
        days = ((("plans", n, "extra", m, "day"), line.day.isoformat()) for m, line in enumerate(row.extra))
        yield from twins(days, "{name} 这一天写了两次，请合并成一条")
        for m in range(1, len(row.escalation)):
            if row.escalation[m].after_minutes <= row.escalation[m - 1].after_minutes:
                yield ("plans", n, "escalation", m, "after_minutes"), "要比上一步晚，请按时间从早到晚写"


_FAQ_MODEL: TypeAdapter[Any] = TypeAdapter(tuple[FaqRow, ...])
FAQ: Kind[tuple[Entry, ...]] = Kind("faq", "faq.yaml", "问答", True, _FAQ_MODEL, _faq, _faq_rows, twin_ids, _entries_from_json)
WELCOME: Kind[Welcome] = Kind(
    "welcome", "welcome.yaml", "欢迎语", False, TypeAdapter(WelcomeSheet), lambda sheet: Welcome(**dict(sheet)), asdict, lambda _: ()
)
FAQ_TESTS: Kind[tuple[FaqTest, ...]] = Kind(
    "faq_tests",
    "faq_tests.yaml",
    "问答用例",
    True,
    TypeAdapter(tuple[FaqTestRow, ...]),
    lambda rows: tuple(FaqTest(row.id, row.question, row.entry, row.community) for row in rows),
    lambda tests: [asdict(test) for test in tests],
    twin_ids,
)
DUTY: Kind[DutyPlans] = Kind("duty", "duty.yaml", "值班", False, TypeAdapter(DutySheet), _duty, _duty_sheet, _duty_twins)
KINDS: Mapping[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        FAQ, WORDS, WELCOME, POINTS, PUSHES, DUTY, FAQ_TESTS, LEVELS, BADGES, CHALLENGES,
        SHOP, FLOWS, QUIZZES, CONTRIBUTIONS, SURVEYS, INVITATIONS, SYNONYMS, MODERATION, WORKDAYS, REPORTS, HEALTH, PUSHING, SEGMENTS,
    )
}  # fmt: skip
"""Every kind by its name."""


# Files to values and back -------------------------------------------------------------------------------------------
def parse(kind: Kind[V], raw: str, *, most: int = MOST_PROBLEMS) -> V:
    """The value of a content file. Raises :class:`ContentProblem` with everything that is wrong, up to ``most``; ids and texts come out stripped."""
    plain = read(raw)
    if plain is None:
        plain = [] if kind.is_list else {}
    if is_alone := kind.in_folder and isinstance(plain, dict):
        plain = [plain]
    if not isinstance(plain, list if kind.is_list else dict):
        shape = "列表，每条以“- ”开头" if kind.is_list else "“名称: 内容”的形式"
        raise ContentProblem([f"第 {lines_of(raw, [()])[()]} 行：{kind.title}文件应该是{shape}，请对照示例修改"])
    try:
        return validate(kind, plain)
    except Wrong as wrong:
        found = [(path[1:] if is_alone else path, say) for path, say in wrong.found]
        raise ContentProblem(_listed(raw, found, most)) from None


def dump(kind: Kind[V], value: V) -> str:
    """The file of a value: what :func:`parse` reads back as the same value."""
    plain = _as_lists(kind.unbuild(value))
    return str(yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000))


def to_items(kind: Kind[V], raw: str) -> dict[str, str]:
    """The items that a content file is kept as: by the id of each, as JSON; else the file itself under "". Raises as :func:`parse`."""
    value = parse(kind, raw)
    return items_of(kind, value) if kind.is_by_items else {"": raw}


def is_one_of(kind: Kind[Any], raw: str) -> bool:
    """Whether a file holds one item of a kind that has a folder, not all of them."""
    return kind.in_folder and isinstance(read(raw), dict)


def items_of(kind: Kind[V], value: V) -> dict[str, str]:
    """The items of a value; equal values give equal texts."""
    if kind.itemise:
        return kind.itemise(value)
    return _row_items(kind.unbuild(value)) if kind.is_list else {"": dump(kind, value)}


def split(kind: Kind[Any], raw: str) -> dict[str, str]:
    """The items of a file that was in force under older rules: rows as they are, read but not checked."""
    rows = read(raw) if kind.is_list else None
    return {"": raw} if rows is None else _row_items(row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str))


def from_items(kind: Kind[V], items: Mapping[str, str]) -> V:
    """The value of kept items. Raises :class:`ContentProblem` for what a program with other rules put in."""
    is_one_file = not kind.is_list and "" in items  # also of a kind that is kept by items: what an older program kept whole
    return kind.restore(items.values()) if kind.restore and not is_one_file else parse(kind, _joined(kind, items))


def text_of(kind: Kind[V], items: Mapping[str, str]) -> str:
    """The file of kept items, for people to edit."""
    return dump(kind, from_items(kind, items)) if kind.is_by_items else _joined(kind, items)


def text_of_one(kind: Kind[Any], item: str) -> str:
    """The file of one kept item of a kind that has a folder, for people to edit; read back it is one of them, not all."""
    lines = text_of(kind, {"": item}).splitlines()
    return "".join(f"{line[2:]}\n" for line in lines)  # without the mark and the indent of a list


def _row_items(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {row["id"]: _to_json(row) for row in rows}


def _to_json(row: Mapping[str, Any]) -> str:
    return msgspec.json.encode(row).decode()


def _joined(kind: Kind[Any], items: Mapping[str, str]) -> str:
    return f"[{','.join(items.values())}]" if kind.is_list else items.get("", "")


def validate(kind: Kind[V], plain: Any) -> V:
    """The value of plain texts, lists and names. Raises :class:`Wrong` with everything that is wrong; ContentProblem for too many rows."""
    if kind.is_list and len(plain) > MOST_ENTRIES:
        raise ContentProblem([f"一共有 {len(plain)} 条，最多 {MOST_ENTRIES} 条，请删去一些"])
    try:
        rows = kind.model.validate_python(plain)
    except ValidationError as error:
        raise Wrong(_details(error)) from None
    if found := list(kind.check(rows)):
        raise Wrong(found)
    return kind.build(rows)


def _details(error: ValidationError) -> list[tuple[Path, str]]:
    details = error.errors(include_url=False, include_input=False)
    meant = _meant(str(detail["loc"][-1]) for detail in details if detail["type"] == "extra_forbidden")
    return [(detail["loc"], _remedy(detail["type"], detail.get("ctx", {}), detail["loc"], meant)) for detail in details]


def _meant(unknown: Iterable[str]) -> dict[str, str]:
    """What was probably meant by unknown names, of as many as are told: to guess takes a while, and a file may have a hundred thousand."""
    guessed = ((name, get_close_matches(name, _field_names(), n=1)) for name in islice(dict.fromkeys(unknown), MOST_PROBLEMS))
    return {name: near[0] for name, near in guessed if near}


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_lists(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_lists(part) for part in value]
    return value


def _remedy(type: str, context: Mapping[str, Any], path: Path, meant: Mapping[str, str]) -> str:
    """What to do about one of pydantic's findings."""
    if type == "value_error":
        return str(context["error"])
    if type == "extra_forbidden":
        near = meant.get(str(path[-1]))
        return f"没有“{path[-1]}”这一项，" + (f"是不是想写 {near}？" if near else "请删去")
    if type == "literal_error":
        return "只能是 " + "、".join(re.findall(r"'(\w+)'", str(context["expected"])))
    template = _REMEDIES.get(type)
    return template.format_map(context) if template else f"写法不对（{type}），请对照示例修改"


_REMEDIES = {
    "missing": "缺少这一项，请补上",
    "string_too_short": "是空的，请写上内容",
    "string_too_long": "太长了，最多 {max_length} 个字",
    "string_type": "应该是文字",
    "string_pattern_mismatch": "里面不能有空白，请写企业微信 userid",
    "tuple_type": "应该是列表，例如 [甲, 乙]",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "太多了，最多 {max_length} 项",
    "int_parsing": "应该是整数",
    "int_type": "应该是整数",
    "int_from_float": "应该是整数",
    "int_parsing_size": "这个数太大了",
    "float_parsing": "应该是数字，例如 0.9",
    "float_type": "应该是数字，例如 0.9",
    "finite_number": "应该是数字，例如 0.9",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "bool_parsing": "只能是 true 或者 false",
    "bool_type": "只能是 true 或者 false",
    "model_type": "应该是“名称: 内容”的形式",
}


def _names_in(model: Any) -> Iterator[str]:
    """The names that a kind's model knows, with those of the rows inside it."""
    schema = model.json_schema()
    for shape in (schema, *schema.get("$defs", {}).values()):
        yield from shape.get("properties", ())


@cache
def _field_names() -> list[str]:
    """All names that a file may have: looked for when somebody wrote one that there is not."""
    return sorted({name for kind in KINDS.values() for name in _names_in(kind.model)})


def _listed(raw: str, found: Sequence[tuple[Path, str]], most: int) -> list[str]:
    lines = lines_of(raw, (path for path, _ in found))
    placed = sorted(((lines[path], path, say) for path, say in found), key=lambda one: one[0])
    listed = [f"第 {line} 行{_where(path)}：{say}" for line, path, say in placed[:most]]
    more = len(placed) - len(listed)
    return [*listed, f"还有 {more} 处问题，请先改好上面这些"] if more else listed


def _where(path: Path) -> str:
    """``（第 2 条的 answer）``: the list positions count from one, as people do."""
    steps = [f"第 {step + 1} 条" if isinstance(step, int) else step for step in path]
    return f"（{' 的 '.join(steps)}）" if steps else ""
