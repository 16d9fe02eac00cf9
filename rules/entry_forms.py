"""Entries as operators type them in a chat: ``问题 | 答案 | 相似问1；相似问2``, or line by line with ``问：`` and ``答：``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BAR = re.compile(r"\s*[|｜]\s*")
_NAMES = "(标准问|问题|问|回答|答案|答|相似问法|相似问|相似|关键词)[ \\t]*[:：]"
_LABEL = re.compile(rf"^[ \t]*{_NAMES}[ \t]*", re.MULTILINE)
_LABEL_ANYWHERE = re.compile(rf"(?:^|(?<=\s)){_NAMES}[ \t]*")
"""Where the first word is a label, further ones may stand in the same line."""
_BETWEEN = re.compile(r"[;；\n]+")
_BETWEEN_KEYWORDS = re.compile(r"[;；,，、\s]+")
_FIELDS: Mapping[str, str] = {
    "标准问": "question", "问题": "question", "问": "question",
    "回答": "answer", "答案": "answer", "答": "answer",
    "相似问法": "similar", "相似问": "similar", "相似": "similar",
    "关键词": "keywords",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed of an entry; what was not is empty."""

    question: str = ""
    answer: str = ""
    similar: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


def parse_draft(text: str) -> Draft:
    """What an operator typed; labels win over bars, so that an answer may hold a table."""
    text = text.strip()
    found = list((_LABEL_ANYWHERE if _LABEL_ANYWHERE.match(text) else _LABEL).finditer(text))
    if not found:
        question, answer, similar, keywords = (*_BAR.split(text, maxsplit=3), "", "", "", "")[:4]
        return Draft(" ".join(question.split()), answer, parse_wordings(similar), parse_keywords(keywords))
    ends = [*(match.start() for match in found[1:]), len(text)]
    parts = {_FIELDS[match[1]]: text[match.end() : end].strip() for match, end in zip(found, ends, strict=True)}
    question = " ".join((parts.get("question") or text[: found[0].start()]).split())
    return Draft(question, parts.get("answer", ""), parse_wordings(parts.get("similar", "")), parse_keywords(parts.get("keywords", "")))


def parse_wordings(text: str) -> tuple[str, ...]:
    """Questions that stand one a line, or with semicolons between them; each once."""
    return tuple(dict.fromkeys(wording for part in _BETWEEN.split(text) if (wording := " ".join(part.split()))))


def parse_keywords(text: str) -> tuple[str, ...]:
    """Keywords with commas, semicolons or blanks between them; each once."""
    return tuple(dict.fromkeys(filter(None, _BETWEEN_KEYWORDS.split(text))))
