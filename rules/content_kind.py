"""What the models of all kinds of content are built from: texts that are checked, rows that know nothing they do not name, and ``Kind``.

Every scalar of a file comes as text (rules/content_file.py); what it means is decided here and in each kind's own module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from rules.content_file import Path
from rules.text import normalise

VARIABLES = ("nickname",)

VARIABLE = re.compile(r"\{([^{}\s]*)\}")
_ADDRESS = re.compile(r"https://[^\s/?#]{1,255}(?:[/?#]\S{0,1700})?")
_PLAINLY_SAYABLE = re.compile("[0-9A-Za-z\u4e00-\u9fff]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

V = TypeVar("V")


class Wrong(ValueError):
    """What is wrong with a value: ``found`` says where in it, and in Chinese what and what to do."""

    def __init__(self, found: Sequence[tuple[Path, str]]) -> None:
        super().__init__(f"{len(found)} problems")
        self.found = tuple(found)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with ``{nickname}`` and its like replaced; a variable without a value stays as it is. Values are never read as variables."""
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


def variables_in(text: str) -> frozenset[str]:
    """The names that stand in braces in a text."""
    return frozenset(VARIABLE.findall(text))


# Texts --------------------------------------------------------------------------------------------------------------
def has_no_line_break(text: str) -> str:
    """The text, if it is one line."""
    if "\n" in text or "\r" in text:
        raise ValueError("只能写一行，请去掉换行")
    return text


def is_sayable(text: str) -> str:
    """The text, if there is anything to read in it."""
    if not _PLAINLY_SAYABLE.search(text) and not normalise(text):
        raise ValueError("只有空白或者看不见的字符，请写上内容")
    return text


def knows_its_variables(text: str) -> str:
    """The text, if greetings have all the variables in it."""
    unknown = sorted({name for name in VARIABLE.findall(text) if name not in VARIABLES})
    if unknown:
        raise ValueError(f"没有 {{{unknown[0]}}} 这个变量，可以用的是 {{{'}、{'.join(VARIABLES)}}}")
    return text


def is_address(text: str) -> str:
    """The text, if it is empty or a whole https address."""
    if text and not _ADDRESS.fullmatch(text):
        raise ValueError("应该是 https:// 开头的完整网址，不含空格")
    return text


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("应该是日期，例如 2026-03-10")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"没有 {value} 这一天") from None


Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Id = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Body = Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(is_sayable)]
Greeting = Annotated[str, Field(max_length=2_000), AfterValidator(knows_its_variables)]
Phrase = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Address = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(is_address)]
Day = Annotated[date, BeforeValidator(_day)]
Points = Annotated[int, Field(ge=0, le=100_000)]


class Row(BaseModel):
    """A row or a part of a file; names it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def twins(names: Iterable[tuple[Path, str]], say: str) -> Iterator[tuple[Path, str]]:
    """One problem for every name that was there before."""
    first: dict[str, Path] = {}
    for path, name in names:
        if first.setdefault(name, path) is not path:
            yield path, say.format(name=name)


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
    restore: Callable[[Iterable[str]], V] | None = None
    """Makes the value of kept items without the checks that they passed when they were put in."""
    in_folder: bool = False
    """``file`` is a folder whose YAML files hold one item each; what is exported and imported is still one list, or one of its items."""
    itemise: Callable[[V], dict[str, str]] | None = None
    """Makes the items, by their ids, of a value that is kept by them though its file is no list; ``restore`` puts them together again."""
    tell: Callable[[str], str] | None = None
    """A kept item in one line for people; what has none is shown as its file."""

    @property
    def is_by_items(self) -> bool:
        """Whether a value is kept by items, each with an id of its own, not as one file."""
        return self.is_list or self.itemise is not None


def twin_ids(rows: Sequence[Any]) -> Iterator[tuple[Path, str]]:
    """One problem for every row of a list whose id was there before."""
    return twins((((n, "id"), row.id) for n, row in enumerate(rows)), "id“{name}”已经用过了，请换一个")
