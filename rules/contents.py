"""The kinds of content operators own, and what is wrong with a file of theirs: every problem at once, each with its remedy.

A file is YAML (JSON is YAML too) and is never executed: every scalar is read as text, and what it means is decided by the kind's model. So an
answer ``no`` stays the word "no", and anchors, aliases and tags, which can make five lines grow into gigabytes, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import groupby
from typing import Annotated, Any, Generic, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rules.faq import Entry
from rules.moderation import Word, WordList
from rules.points import Bonus, CheckInRule, PointRules
from rules.text import normalise

MOST_BYTES = 5 * 1024 * 1024
MOST_ENTRIES = 20_000
MOST_PIECES = 500_000
"""Names, texts and brackets in a file: 20,000 entries have about 300,000, and as many as fit into 5 MB would take half a minute to read."""
MOST_PROBLEMS = 50
"""Problems named one by one; more are only counted."""
DEEPEST = 8
"""Levels of nesting; the deepest kind needs four."""
VARIABLES = ("nickname",)

_VARIABLE = re.compile(r"\{([^{}\s]*)\}")
_PLAIN_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

V = TypeVar("V")
Path = tuple[str | int, ...]


class ContentProblem(ValueError):
    """What is wrong with a content file: ``problems`` are Chinese sentences with line and remedy, for the operator to read."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What newcomers read: in a group after their first message, in a single chat when they open it, as an employee's new customer. Empty says nothing."""

    first_message: str = ""
    enter_chat: str = ""
    new_customer: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """A text said by the clock. ``community`` is an id or ``*``; a firing missed by up to ``grace_minutes`` is made up for."""

    id: str
    cron: str
    text: str
    community: str = "*"
    enabled: bool = True
    grace_minutes: int = 60


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due: the minutes, hours, days, months (1–12) and weekdays (``mon`` … ``sun``) that fit, each in order."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[str, ...]


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with ``{nickname}`` and its like replaced; a variable without a value stays as it is. Values are never read as variables."""
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


# Cron ---------------------------------------------------------------------------------------------------------------
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (_Field("分", 0, 59), _Field("时", 0, 23), _Field("日", 1, 31), _Field("月", 1, 12, _MONTHS), _Field("星期", 0, 7, _WEEKDAYS))
_PART = re.compile("(?P<low>[*]|[a-z]{3}|[0-9]{1,2})(?:-(?P<high>[a-z]{3}|[0-9]{1,2}))?(?:/(?P<step>[0-9]{1,2}))?")


def parse_cron(text: str) -> Cron:
    """The five fields of ``text`` as cron reads them (weekday 0 and 7 are Sunday). ValueError says in Chinese what is wrong.

    Day and weekday cannot both be limited: cron fires when either fits, APScheduler when both do, and operators expect now this, now that.
    """
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"cron 要有 5 段（分 时 日 月 星期），这里有 {len(words)} 段，例如 0 9 * * *")
    minutes, hours, days, months, weekdays = (_parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True))
    if words[2] != "*" and words[4] != "*":
        raise ValueError("日和星期不能同时限定，请把其中一段写成 *")
    if all(min(days) > _LONGEST_MONTH[month - 1] for month in months):
        raise ValueError("这个日期永远不会到来，请检查日和月")
    due = {day % 7 for day in weekdays}
    return Cron(minutes, hours, days, months, tuple(_WEEKDAYS[day] for day in (1, 2, 3, 4, 5, 6, 0) if day in due))


def _parse_field(word: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        found.update(_parse_part(part, field))
    return tuple(sorted(found))


def _parse_part(part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None or (match["low"] == "*" and match["high"]):
        raise ValueError(f"{field.name}“{part}”看不懂，可以写 *、5、1-5、1,3,5 或 */10")
    step = int(match["step"] or 1)
    everything = match["low"] == "*"
    low = field.first if everything else _number(match["low"], field)
    high = _number(match["high"], field) if match["high"] else field.last if everything or match["step"] else low
    if step == 0 or low > high:
        raise ValueError(f"{field.name}“{part}”没有包含任何时间，请从小写到大，间隔至少是 1")
    return range(low, high + 1, step)


def _number(word: str, field: _Field) -> int:
    if word in field.names:
        return field.names.index(word) + field.first
    if not word.isdigit() or not field.first <= int(word) <= field.last:
        raise ValueError(f"{field.name}“{word}”超出范围，应在 {field.first}–{field.last} 之间")
    return int(word)


# Models -------------------------------------------------------------------------------------------------------------
def _has_no_line_break(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("只能写一行，请去掉换行")
    return text


def _is_sayable(text: str) -> str:
    if not normalise(text):
        raise ValueError("只有空白或者看不见的字符，请写上内容")
    return text


def _knows_its_variables(text: str) -> str:
    unknown = sorted({name for name in _VARIABLE.findall(text) if name not in VARIABLES})
    if unknown:
        raise ValueError(f"没有 {{{unknown[0]}}} 这个变量，可以用的是 {{{'}、{'.join(VARIABLES)}}}")
    return text


def _is_cron(text: str) -> str:
    parse_cron(text)
    return " ".join(text.lower().split())


def _has_both_parts(text: str) -> str:
    if not all(normalise(part) for part in text.split("+")):
        raise ValueError("“+”两边都要有词，例如 发票+丢")
    return text


Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_has_no_line_break), AfterValidator(_is_sayable)]
Id = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_has_no_line_break), AfterValidator(_is_sayable)]
Body = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_is_sayable)]
Greeting = Annotated[str, Field(max_length=2_000), AfterValidator(_knows_its_variables)]
Keyword = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_has_no_line_break), AfterValidator(_has_both_parts)]
Phrase = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_has_no_line_break), AfterValidator(_is_sayable)]
Points = Annotated[int, Field(ge=0, le=100_000)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class FaqRow(_Row):
    """One question with its answer."""

    id: Id
    question: Line
    similar: Annotated[tuple[Line, ...], Field(max_length=500)] = ()
    keywords: Annotated[tuple[Keyword, ...], Field(max_length=500)] = ()
    answer: Body


class WordGroupRow(_Row):
    """Words that share category, severity and rule."""

    category: Literal["insult", "threat", "advert", "scam", "other"]
    severity: Annotated[int, Field(ge=1, le=3)]
    rule: Line
    words: Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=MOST_ENTRIES)]


class WordsSheet(_Row):
    """The word list: groups, and the phrases that are allowed all the same."""

    groups: Annotated[tuple[WordGroupRow, ...], Field(max_length=MOST_ENTRIES)] = ()
    allow: Annotated[tuple[Phrase, ...], Field(max_length=MOST_ENTRIES)] = ()


class WelcomeSheet(_Row):
    """The greetings."""

    first_message: Greeting = ""
    enter_chat: Greeting = ""
    new_customer: Annotated[str, Field(max_length=1_300), AfterValidator(_knows_its_variables)] = ""


class BonusRow(_Row):
    """One streak bonus."""

    days: Annotated[int, Field(ge=2, le=3_660)]
    points: Points


class CheckInSheet(_Row):
    """What a check-in earns."""

    base: Points = 5
    bonuses: Annotated[tuple[BonusRow, ...], Field(max_length=100)] = ()
    repeat: bool = True


class PointsSheet(_Row):
    """The point rules."""

    check_in: CheckInSheet


class PushRow(_Row):
    """One scheduled text."""

    id: Id
    cron: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_cron)]
    community: Id = "*"
    enabled: bool = True
    grace_minutes: Annotated[int, Field(ge=0, le=1_440)] = 60
    text: Body


def _faq(rows: tuple[FaqRow, ...]) -> tuple[Entry, ...]:
    return tuple(Entry(row.id, row.question, row.answer, row.similar, row.keywords) for row in rows)


def _faq_rows(entries: tuple[Entry, ...]) -> list[Any]:
    order = ("id", "question", "similar", "keywords", "answer")
    return [{name: getattr(entry, name) for name in order if getattr(entry, name) != ()} for entry in entries]


def _words(sheet: WordsSheet) -> WordList:
    words = (Word(text, group.severity, group.category, group.rule) for group in sheet.groups for text in group.words)
    return WordList(tuple(words), sheet.allow)


def _words_sheet(value: WordList) -> dict[str, Any]:
    groups = groupby(value.words, key=lambda word: (word.category, word.severity, word.rule))
    rows = [{"category": c, "severity": s, "rule": r, "words": [word.text for word in words]} for (c, s, r), words in groups]
    return {"groups": rows, "allow": value.allow}


def _points(sheet: PointsSheet) -> PointRules:
    rule = sheet.check_in
    return PointRules(CheckInRule(rule.base, tuple(Bonus(row.days, row.points) for row in rule.bonuses), rule.repeat))


def _twins(names: Iterable[tuple[Path, str]], say: str) -> Iterator[tuple[Path, str]]:
    """One problem for every name that was there before."""
    first: dict[str, Path] = {}
    for path, name in names:
        if first.setdefault(name, path) is not path:
            yield path, say.format(name=name)


def _faq_twins(rows: tuple[FaqRow, ...]) -> Iterator[tuple[Path, str]]:
    return _twins((((n, "id"), row.id) for n, row in enumerate(rows)), "id“{name}”已经用过了，请换一个")


def _push_twins(rows: tuple[PushRow, ...]) -> Iterator[tuple[Path, str]]:
    return _twins((((n, "id"), row.id) for n, row in enumerate(rows)), "id“{name}”已经用过了，请换一个")


def _word_twins(sheet: WordsSheet) -> Iterator[tuple[Path, str]]:
    words = ((("groups", g, "words", n), normalise(w)) for g, group in enumerate(sheet.groups) for n, w in enumerate(group.words))
    yield from _twins(words, "“{name}”前面已经有了，请删去一个")
    listed = {normalise(word) for group in sheet.groups for word in group.words}
    for n, phrase in enumerate(sheet.allow):
        if normalise(phrase) in listed:
            yield ("allow", n), f"“{phrase}”同时在词库里，请只保留一处"


def _bonus_twins(sheet: PointsSheet) -> Iterator[tuple[Path, str]]:
    days = ((("check_in", "bonuses", n, "days"), str(row.days)) for n, row in enumerate(sheet.check_in.bonuses))
    return _twins(days, "第 {name} 天的奖励写了两次，请合并成一条")


@dataclass(frozen=True, slots=True)
class Kind(Generic[V]):
    """One kind of content: its name, its file, what Chinese readers call it, and how a file becomes a value and back."""

    name: str
    file: str
    title: str
    is_list: bool
    model: TypeAdapter[Any]
    build: Callable[[Any], V]
    unbuild: Callable[[V], Any]
    check: Callable[[Any], Iterable[tuple[Path, str]]]


_FAQ_MODEL: TypeAdapter[Any] = TypeAdapter(tuple[FaqRow, ...])
FAQ: Kind[tuple[Entry, ...]] = Kind("faq", "faq.yaml", "问答", True, _FAQ_MODEL, _faq, _faq_rows, _faq_twins)
WORDS: Kind[WordList] = Kind("words", "words.yaml", "词库", False, TypeAdapter(WordsSheet), _words, _words_sheet, _word_twins)
WELCOME: Kind[Welcome] = Kind(
    "welcome", "welcome.yaml", "欢迎语", False, TypeAdapter(WelcomeSheet), lambda sheet: Welcome(**dict(sheet)), asdict, lambda _: ()
)
POINTS: Kind[PointRules] = Kind("points", "points.yaml", "积分规则", False, TypeAdapter(PointsSheet), _points, asdict, _bonus_twins)
PUSHES: Kind[tuple[Push, ...]] = Kind(
    "pushes",
    "pushes.yaml",
    "定时推送",
    True,
    TypeAdapter(tuple[PushRow, ...]),
    lambda rows: tuple(Push(**dict(row)) for row in rows),
    lambda pushes: [asdict(push) for push in pushes],
    _push_twins,
)
KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (FAQ, WORDS, WELCOME, POINTS, PUSHES)}
"""Every kind by its name."""


# Files to values and back -------------------------------------------------------------------------------------------
def parse(kind: Kind[V], raw: str) -> V:
    """The value of a content file. Raises :class:`ContentProblem` with everything that is wrong; ids and texts come out stripped."""
    root = _read(raw)
    plain = root.plain()
    if plain is None:
        plain = [] if kind.is_list else {}
    if not isinstance(plain, list if kind.is_list else dict):
        shape = "列表，每条以“- ”开头" if kind.is_list else "“名称: 内容”的形式"
        raise ContentProblem([f"第 {root.line} 行：{kind.title}文件应该是{shape}，请对照示例修改"])
    if kind.is_list and len(plain) > MOST_ENTRIES:
        raise ContentProblem([f"一共有 {len(plain)} 条，最多 {MOST_ENTRIES} 条，请删去一些"])
    value, found = _validate(kind, plain)
    if found:
        raise ContentProblem(_listed(root, found))
    return kind.build(value)


def dump(kind: Kind[V], value: V) -> str:
    """The file of a value: what :func:`parse` reads back as the same value."""
    plain = _as_lists(kind.unbuild(value))
    return str(yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1_000))


def _validate(kind: Kind[Any], plain: Any) -> tuple[Any, list[tuple[Path, str]]]:
    try:
        value = kind.model.validate_python(plain)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [(detail["loc"], _remedy(detail["type"], detail.get("ctx", {}), detail["loc"])) for detail in details]
    return value, list(kind.check(value))


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_lists(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_lists(part) for part in value]
    return value


def _remedy(type: str, context: Mapping[str, Any], path: Path) -> str:
    """What to do about one of pydantic's findings."""
    if type == "value_error":
        return str(context["error"])
    if type == "extra_forbidden":
        near = get_close_matches(str(path[-1]), _FIELD_NAMES, n=1)
        return f"没有“{path[-1]}”这一项，" + (f"是不是想写 {near[0]}？" if near else "请删去")
    if type == "literal_error":
        return "只能是 " + "、".join(re.findall(r"'(\w+)'", str(context["expected"])))
    template = _REMEDIES.get(type)
    return template.format_map(context) if template else f"写法不对（{type}），请对照示例修改"


_REMEDIES = {
    "missing": "缺少这一项，请补上",
    "string_too_short": "是空的，请写上内容",
    "string_too_long": "太长了，最多 {max_length} 个字",
    "string_type": "应该是文字",
    "tuple_type": "应该是列表，例如 [甲, 乙]",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "太多了，最多 {max_length} 项",
    "int_parsing": "应该是整数",
    "int_type": "应该是整数",
    "int_from_float": "应该是整数",
    "int_parsing_size": "这个数太大了",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "bool_parsing": "只能是 true 或者 false",
    "bool_type": "只能是 true 或者 false",
    "model_type": "应该是“名称: 内容”的形式",
}
_FIELD_NAMES = sorted({
    name
    for model in (FaqRow, WordGroupRow, WordsSheet, WelcomeSheet, BonusRow, CheckInSheet, PointsSheet, PushRow)
    for name in model.model_fields
})  # fmt: skip


def _listed(root: _Node, found: Sequence[tuple[Path, str]]) -> list[str]:
    placed = sorted(((root.line_of(path), path, say) for path, say in found), key=lambda one: one[0])
    listed = [f"第 {line} 行{_where(path)}：{say}" for line, path, say in placed[:MOST_PROBLEMS]]
    more = len(placed) - len(listed)
    return [*listed, f"还有 {more} 处问题，请先改好上面这些"] if more else listed


def _where(path: Path) -> str:
    """``（第 2 条的 answer）``: the list positions count from one, as people do."""
    steps = [f"第 {step + 1} 条" if isinstance(step, int) else step for step in path]
    return f"（{' 的 '.join(steps)}）" if steps else ""


@dataclass(slots=True)
class _Node:
    """A piece of a file and the line it begins on; ``value`` is a text, None, or the nodes inside."""

    line: int
    value: str | list[_Node] | dict[str, _Node] | None

    def plain(self) -> Any:
        """The bare value; a name that is followed by nothing counts as not written."""
        if isinstance(self.value, list):
            return ["" if node.value is None else node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items() if node.value is not None}
        return self.value

    def line_of(self, path: Path) -> int:
        """The line of what ``path`` leads to, or of the last thing on the way that is there."""
        node = self
        for step in path:
            inside = node.value
            if isinstance(inside, list) and isinstance(step, int) and step < len(inside):
                node = inside[step]
            elif isinstance(inside, dict) and str(step) in inside:
                node = inside[str(step)]
        return node.line


def _read(raw: str) -> _Node:
    """The file as a tree, built from the parser's events without recursion: nested brackets by the thousand would end the process in C."""
    if len(raw) > MOST_BYTES or len(raw.encode(errors="replace")) > MOST_BYTES:
        raise ContentProblem([f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分成几个或者删去一些"])
    reader = _Reader()
    try:
        for event in yaml.parse(raw, Loader=_Loader):
            reader.take(event)
    except yaml.reader.ReaderError as error:
        line = raw.count("\n", 0, error.position) + 1
        raise ContentProblem([f"第 {line} 行：有 YAML 不认识的字符，请删去看不见的控制字符"]) from None
    except yaml.MarkedYAMLError as error:
        raise ContentProblem([_syntax_problem(error)]) from None
    except (yaml.YAMLError, UnicodeEncodeError):  # the latter: half of a surrogate pair, which no UTF-8 file can hold
        raise ContentProblem(["不是有效的 YAML，请检查缩进和引号，并保存为 UTF-8"]) from None
    return reader.root or _Node(1, None)


def _syntax_problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"第 {mark.line + 1} 行第 {mark.column + 1} 个字附近" if mark else "文件里"
    return f"{where}：YAML 写法有误，请检查缩进、冒号后面的空格、引号是否成对；以 * & @ % 开头的内容要加引号"


class _Reader:
    """Puts events together into nodes; refuses what content never needs."""

    def __init__(self) -> None:
        self.root: _Node | None = None
        self._pieces = 0
        self._open: list[_Node] = []
        self._names: list[str | None] = []

    def take(self, event: yaml.Event) -> None:
        """The next event of the file."""
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise _problem(event, "内容太零碎，一个文件读不下，请分成几个或者删去一些")
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_marks(event)
            plain = not event.style and event.value in _PLAIN_NULLS
            self._add(event, None if plain else event.value)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._refuse_marks(event)
            self._begin(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._open.pop()
            self._names.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise _problem(event, "不支持 YAML 的引用（*名称），请把内容写全；要写星号请加引号")
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise _problem(event, "一个文件只能有一份内容，请删去多余的 ---")

    def _begin(self, event: yaml.Event) -> None:
        if len(self._open) >= DEEPEST:
            raise _problem(event, f"层数太多，最多 {DEEPEST} 层，请检查括号和缩进")
        node = self._add(event, [] if isinstance(event, yaml.SequenceStartEvent) else {})
        self._open.append(node)
        self._names.append(None)

    def _add(self, event: yaml.Event, value: str | list[_Node] | dict[str, _Node] | None) -> _Node:
        node = _Node(_line(event), value)
        if not self._open:
            self.root = node
            return node
        inside = self._open[-1].value
        if isinstance(inside, list):
            inside.append(node)
        elif isinstance(inside, dict):
            self._add_to(inside, event, node)
        return node

    def _add_to(self, inside: dict[str, _Node], event: yaml.Event, node: _Node) -> None:
        """A mapping's events are a name, its value, a name, its value …"""
        name = self._names[-1]
        if name is not None:
            inside[name] = node
            self._names[-1] = None
            return
        if not isinstance(node.value, str):
            raise _problem(event, "冒号前面要有名称，例如 question: 怎么退款")
        if node.value in inside:
            raise _problem(event, f"“{node.value}”在同一处写了两次，请删去一个")
        self._names[-1] = node.value

    @staticmethod
    def _refuse_marks(event: yaml.NodeEvent) -> None:
        if event.anchor:
            raise _problem(event, "不支持 YAML 的锚点（&名称），请把内容写全；要写 & 请加引号")
        if getattr(event, "tag", None):
            raise _problem(event, "不支持 YAML 的类型标记（!名称），请直接写内容；要写感叹号请加引号")


def _problem(event: yaml.Event, say: str) -> ContentProblem:
    return ContentProblem([f"第 {_line(event)} 行：{say}"])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
