"""The word list as a file of content: groups of words with what they have in common, and phrases that are allowed all the same.

Kept by rows, a word a row, so that an edit costs what it changes and not what 100,000 others weigh.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, TypeAdapter

from rules.content_file import ContentProblem, Path
from rules.content_kind import Id, Kind, Line, Phrase, Row, twins
from rules.judgement import RULES, TITLES, Category
from rules.text import normalise
from rules.wordlist import Allowed, Entry, Word, WordList, id_of

MOST_WORDS = 100_000
"""Words of a list, and as many phrases."""
Listed = Literal["insult", "threat", "porn", "advert", "contact", "scam", "despair", "other"]
"""What words can be listed for; everything else is found in other ways."""
LISTED: tuple[Category, ...] = ("insult", "threat", "porn", "advert", "contact", "scam", "despair", "other")
DESPAIR_RULE = "有人在意你"
"""Stands where words of despair want a rule: nobody breaks one by them."""


class WordGroupRow(Row):
    """Words that share category, severity, rule, and the communities that they hold in (all, if none is named)."""

    category: Listed
    severity: Annotated[int, Field(ge=1, le=3)]
    rule: Line
    communities: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
    words: Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=MOST_WORDS)]


class WordsSheet(Row):
    """The word list: groups, and the phrases that are allowed all the same."""

    groups: Annotated[tuple[WordGroupRow, ...], Field(max_length=MOST_WORDS)] = ()
    allow: Annotated[tuple[Phrase, ...], Field(max_length=MOST_WORDS)] = ()


class _Kept(msgspec.Struct, frozen=True):
    """A row as it is kept: a word, or a phrase that is allowed."""

    word: str = ""
    category: Listed = "other"
    severity: Literal[1, 2, 3] = 1
    rule: str = ""
    communities: tuple[str, ...] = ()
    allow: str = ""


_decode = msgspec.json.Decoder(_Kept).decode


def entry_from_json(text: str) -> Entry:
    """The entry of a kept row. Raises ContentProblem for what is none."""
    try:
        row = _decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise ContentProblem(["词库里有一条读不懂，请重新写一遍"]) from None
    return Allowed(row.allow) if row.allow else Word(row.word, row.severity, row.category, row.rule, row.communities)


def entry_to_json(entry: Entry) -> str:
    """An entry as it is kept; equal entries give equal texts."""
    return msgspec.json.encode(_row(entry)).decode()


def rule_of(category: Category) -> str:
    """The rule that words of a category name unless somebody writes another."""
    return RULES[category] or DESPAIR_RULE


def told(entry: Entry) -> str:
    """An entry in one line, for people."""
    if isinstance(entry, Allowed):
        return f"{entry.text}（放行）"
    places = f"，只在 {'、'.join(entry.communities)}" if entry.communities else ""
    return f"{entry.text}（{TITLES[entry.category]}，{entry.severity} 级{places}）"


def _row(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Allowed):
        return {"allow": entry.text}
    row = {"word": entry.text, "category": entry.category, "severity": entry.severity, "rule": entry.rule}
    return row | {"communities": sorted(entry.communities)} if entry.communities else row


def _build(sheet: WordsSheet) -> WordList:
    words = (Word(text, group.severity, group.category, group.rule, group.communities) for group in sheet.groups for text in group.words)
    return WordList(tuple(words), sheet.allow)


def _plain(value: WordList) -> dict[str, Any]:
    return {"groups": [_group(key, words) for key, words in groupby(value.words, key=_shared)], "allow": value.allow}


def _shared(word: Word) -> tuple[Category, int, str, tuple[str, ...]]:
    """What words of one group have in common."""
    return word.category, word.severity, word.rule, word.communities


def _group(shared: tuple[Category, int, str, tuple[str, ...]], words: Iterable[Word]) -> dict[str, Any]:
    category, severity, rule, communities = shared
    places = {"communities": communities} if communities else {}
    return {"category": category, "severity": severity, "rule": rule, **places, "words": [word.text for word in words]}


def _items(value: WordList) -> dict[str, str]:
    entries: list[Entry] = [*value.words, *map(Allowed, value.allow)]
    return {id_of(entry): entry_to_json(entry) for entry in entries}


def _restore(texts: Iterable[str]) -> WordList:
    """The list of kept rows, words that have something in common together."""
    groups: dict[object, list[Word]] = {}
    allow = []
    for entry in map(entry_from_json, texts):
        if isinstance(entry, Allowed):
            allow.append(entry.text)
        else:
            groups.setdefault(_shared(entry), []).append(entry)
    return WordList(tuple(word for words in groups.values() for word in words), tuple(allow))


def _check(sheet: WordsSheet) -> Iterator[tuple[Path, str]]:
    rows = [(("groups", g, "words", n), group, text) for g, group in enumerate(sheet.groups) for n, text in enumerate(group.words)]
    if len(rows) > MOST_WORDS:
        yield ("groups",), f"一共有 {len(rows)} 个词，最多 {MOST_WORDS} 个，请删去一些"
    ids = ((path, id_of(Word(text, 1, "other", "", group.communities))) for path, group, text in rows)
    yield from twins(ids, "“{name}”前面已经有了，请删去一个")
    listed = {normalise(text) for _, _, text in rows}
    yield from twins(((("allow", n), normalise(phrase)) for n, phrase in enumerate(sheet.allow)), "“{name}”前面已经放行了，请删去一个")
    for n, phrase in enumerate(sheet.allow):
        if normalise(phrase) in listed:
            yield ("allow", n), f"“{phrase}”同时在词库里，请只保留一处"


def _told_row(text: str) -> str:
    return told(entry_from_json(text))


WORDS: Kind[WordList] = Kind(
    "words", "words.yaml", "词库", False, TypeAdapter(WordsSheet), _build, _plain, _check, _restore, itemise=_items, tell=_told_row
)  # fmt: skip
