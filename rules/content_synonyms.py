"""The operators' table of synonyms as a file of content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Kind, Row, has_no_line_break, is_sayable
from rules.faq_terms import SYNONYM_KINDS, Synonyms

MOST_GROUPS = 5_000

_Said = Annotated[str, Field(min_length=1, max_length=30), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
_Groups = Annotated[tuple[Annotated[tuple[_Said, ...], Field(min_length=2, max_length=200)], ...], Field(max_length=MOST_GROUPS)]


class SynonymSheet(Row):
    """Groups of words that mean the same, from strict to wide; the first of each stands for all."""

    spelling: _Groups = ()
    same: _Groups = ()
    alike: _Groups = ()
    field: _Groups = ()


def _twins(sheet: SynonymSheet) -> Iterator[tuple[Path, str]]:
    for kind in SYNONYM_KINDS:
        for n, group in enumerate(getattr(sheet, kind)):
            if len(set(group)) < len(group):
                yield (kind, n), "同一组里有重复的词，请去掉一个"


def _synonyms(sheet: SynonymSheet) -> Synonyms:
    return Synonyms(sheet.model_dump())


def _sheet(synonyms: Synonyms) -> dict[str, Any]:
    return dict(synonyms.table)


SYNONYMS: Kind[Synonyms] = Kind("synonyms", "synonyms.yaml", "同义词", False, TypeAdapter(SynonymSheet), _synonyms, _sheet, _twins)
