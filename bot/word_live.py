"""The word list as this process uses it: an edit is laid over what was loaded, so that a word among 100,000 costs what a word costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import structlog

from rules.content_words import entry_from_json
from rules.contents import WORDS, ContentProblem, from_items
from rules.wordlist import Entry, Lexicon
from storage.content import ContentStore, Forgotten

log = structlog.get_logger(__name__)

KIND = WORDS.name


class LiveWords:
    """Keeps the word list up to date in this process."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._version = 0
        self._lexicon = Lexicon()

    def refresh(self, version: int) -> tuple[int, Lexicon] | None:
        """The list and its version when something is new; ``version`` is the one in force. Called by one thread at a time."""
        if version == self._version:
            return None
        self._version, self._lexicon = self._edited() or self._whole()
        return self._version, self._lexicon

    def _edited(self) -> tuple[int, Lexicon] | None:
        """The list with what was changed since; None where that cannot be told."""
        try:
            version, texts = self._store.changes_since(KIND, self._version)
        except Forgotten:
            return None
        if "" in texts:
            return None
        gone: dict[str, Entry | None] = dict.fromkeys(texts)
        return version, self._lexicon.with_changes(gone | dict(_entries((id, text) for id, text in texts.items() if text)))

    def _whole(self) -> tuple[int, Lexicon]:
        version, items = self._store.snapshot(KIND)
        if "" not in items:
            return version, Lexicon.of(dict(_entries(items.items())))
        try:  # what an older program has put in as one file
            listed = from_items(WORDS, items)
        except ContentProblem as problem:
            log.error("content version refused, the one before stays", kind=KIND, version=version, problems=len(problem.problems))
            return version, self._lexicon
        return version, Lexicon(listed.words, listed.allow)


def _entries(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Entry]]:
    """The entries of kept rows; one that a program with other rules put in is left out, and said so."""
    for id, text in rows:
        try:
            yield id, entry_from_json(text)
        except ContentProblem:
            log.error("word list entry not readable, left out")
