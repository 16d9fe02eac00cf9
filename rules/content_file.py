"""A content file as plain values: lists, names with their values, texts – fast also for 100,000 entries, and with exact lines for what is wrong.

YAML (JSON is YAML too) that is never executed: every scalar is read as text. Anchors, aliases and tags, which can make five lines grow into
gigabytes, are refused, and so is nesting that no content needs: by the thousand, brackets would end the process in C. What begins like JSON
is read as JSON first, which is twenty times faster.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import yaml

MOST_BYTES = 64 * 1024 * 1024
MOST_PIECES = 6_000_000
"""Names, texts and brackets in a file: 100,000 entries have about 2,000,000; to read the most takes half a minute on a slow machine."""
DEEPEST = 8
"""Levels of nesting; the deepest kind needs four."""

Path = tuple[str | int, ...]

_PLAIN_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ContentProblem(ValueError):
    """What is wrong with a content file: ``problems`` are Chinese sentences with line and remedy, for the operator to read."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read(raw: str) -> Any:
    """The value of a file; None for an empty one. A name that is followed by nothing counts as not written. Raises ContentProblem."""
    if len(raw) > MOST_BYTES or len(raw.encode(errors="replace")) > MOST_BYTES:
        raise ContentProblem([f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分成几个或者删去一些"])
    found, value = _read_json(raw) if raw.lstrip()[:1] in ("[", "{") else (False, None)
    return value if found else _Builder().build(raw)


def lines_of(raw: str, paths: Iterable[Path]) -> dict[Path, int]:
    """The line where what each path leads to begins, or the last thing on the way that is there. A second pass, for files with problems."""
    wanted = set(paths)
    tops = {path[:1] for path in wanted}
    starts: dict[Path, int] = {(): 1}
    with suppress(ContentProblem):  # JSON that is no YAML, such as one with tabs: then the lines up to there must do
        starts.update(_starts(raw, tops))
    return {path: next(starts[path[:length]] for length in range(len(path), -1, -1) if path[:length] in starts) for path in wanted}


# JSON ---------------------------------------------------------------------------------------------------------------
def _read_json(raw: str) -> tuple[bool, Any]:
    """Whether the text is JSON, and its value with every scalar as text."""
    try:
        value = json.loads(raw, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_mapping)
        if "\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return True, _as_text(value)
    except (ValueError, RecursionError):  # too deep for C or for us: the reader of YAML says so
        return False, None


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = {name: _as_text(value) for name, value in pairs if value is not None}
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice: the reader of YAML says in which line")
    return mapping


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ["" if each is None else _as_text(each) if isinstance(each, bool | list) else each for each in value]
    return value


# YAML ---------------------------------------------------------------------------------------------------------------
def _events(raw: str) -> Iterator[yaml.Event]:
    """The parser's events; what is no YAML is a problem with its place."""
    try:
        yield from yaml.parse(raw, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = raw.count("\n", 0, error.position) + 1
        raise ContentProblem([f"第 {line} 行：有 YAML 不认识的字符，请删去看不见的控制字符"]) from None
    except yaml.MarkedYAMLError as error:
        raise ContentProblem([_syntax_problem(error)]) from None
    except (yaml.YAMLError, UnicodeEncodeError):  # the latter: half of a surrogate pair, which no UTF-8 file can hold
        raise ContentProblem(["不是有效的 YAML，请检查缩进和引号，并保存为 UTF-8"]) from None


def _syntax_problem(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"第 {mark.line + 1} 行第 {mark.column + 1} 个字附近" if mark else "文件里"
    return f"{where}：YAML 写法有误，请检查缩进、冒号后面的空格、引号是否成对；以 * & @ % 开头的内容要加引号"


class _Builder:
    """Puts events together into plain values, without recursion and without a thought of lines; refuses what content never needs."""

    def __init__(self) -> None:
        self._root: Any = None
        self._has_root = False
        self._open: list[Any] = []
        self._names: list[str | None] = []
        self._acts: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: self._begin,
            yaml.MappingStartEvent: self._begin,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
            yaml.AliasEvent: self._refuse_alias,
            yaml.DocumentStartEvent: self._refuse_second,
        }

    def build(self, raw: str) -> Any:
        """The value of a text."""
        acts = self._acts
        for count, event in enumerate(_events(raw)):
            act = acts.get(type(event))
            if act:
                act(event)
            if count >= MOST_PIECES:
                raise _problem(event, "内容太零碎，一个文件读不下，请分成几个或者删去一些")
        return self._root

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.anchor or event.tag:
            _refuse_marks(event)
        value = event.value
        self._add(event, None if value in _PLAIN_NULLS and not event.style else value)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if event.anchor or event.tag:
            _refuse_marks(event)
        if len(self._open) >= DEEPEST:
            raise _problem(event, f"层数太多，最多 {DEEPEST} 层，请检查括号和缩进")
        value: Any = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self._add(event, value)
        self._open.append(value)
        self._names.append(None)

    def _end(self, event: yaml.Event) -> None:
        inside = self._open.pop()
        self._names.pop()
        if isinstance(inside, dict):
            for name in [name for name, value in inside.items() if value is None]:
                del inside[name]

    def _add(self, event: yaml.Event, value: Any) -> None:
        if not self._open:
            self._root, self._has_root = value, True
            return
        inside = self._open[-1]
        if isinstance(inside, list):
            inside.append("" if value is None else value)
            return
        name = self._names[-1]  # a mapping's events are a name, its value, a name, its value …
        if name is None:
            self._names[-1] = _name(event, value, inside)
        else:
            inside[name] = value
            self._names[-1] = None

    def _refuse_alias(self, event: yaml.Event) -> None:
        raise _problem(event, "不支持 YAML 的引用（*名称），请把内容写全；要写星号请加引号")

    def _refuse_second(self, event: yaml.Event) -> None:
        if self._has_root:
            raise _problem(event, "一个文件只能有一份内容，请删去多余的 ---")


def _name(event: yaml.Event, value: Any, inside: dict[str, Any]) -> str:
    if not isinstance(value, str):
        raise _problem(event, "冒号前面要有名称，例如 question: 怎么退款")
    if value in inside:
        raise _problem(event, f"“{value}”在同一处写了两次，请删去一个")
    return value


def _refuse_marks(event: yaml.NodeEvent) -> None:
    if event.anchor:
        raise _problem(event, "不支持 YAML 的锚点（&名称），请把内容写全；要写 & 请加引号")
    raise _problem(event, "不支持 YAML 的类型标记（!名称），请直接写内容；要写感叹号请加引号")


def _problem(event: yaml.Event, say: str) -> ContentProblem:
    return ContentProblem([f"第 {_line(event)} 行：{say}"])


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


# Lines --------------------------------------------------------------------------------------------------------------
def _starts(raw: str, tops: set[Path]) -> Iterator[tuple[Path, int]]:
    """Where every value below the wanted first steps begins; a file that was read before, so nothing is checked."""
    path: list[Any] = []
    is_list: list[bool] = []
    for event in _events(raw):
        if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            is_list.pop()
            path.pop()
        elif isinstance(event, yaml.NodeEvent):
            if is_list and is_list[-1]:
                path[-1] += 1
            elif is_list and path[-1] is None:
                path[-1] = event.value if isinstance(event, yaml.ScalarEvent) else ""
                continue
            if not path or (path[0],) in tops:
                yield tuple(path), _line(event)
            if isinstance(event, yaml.CollectionStartEvent):
                is_list.append(isinstance(event, yaml.SequenceStartEvent))
                path.append(-1 if is_list[-1] else None)
                continue
        if is_list and not is_list[-1]:
            path[-1] = None  # what comes next is a name again
