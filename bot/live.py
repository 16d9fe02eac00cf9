"""The operators' content as this process uses it: parsed, indexed, and exchanged as a whole when a new version is published."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any

import structlog

from bot.errors import StartError
from rules import contents
from rules.contents import ContentProblem, Push, Welcome
from rules.faq import Entry, Faq, Finding
from rules.moderation import Judge
from rules.points import CheckInRule, check_in_reward
from rules.text import Words
from storage.connection import StorageAway
from storage.content import ContentStore
from storage.directory import Directory
from storage.points import Rewards

log = structlog.get_logger(__name__)

WATCH_S = 1.0
"""How often a process asks for new versions: an edit is live everywhere within two seconds."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All content of one moment; never changed, only replaced."""

    faq: LazyFaq
    judge: Judge
    welcome: Welcome
    rewards: Rewards
    pushes: tuple[Push, ...]
    versions: Mapping[str, int]


class LazyFaq:
    """The operators' FAQ, indexed at the first question: most processes are never asked one."""

    def __init__(self, entries: Sequence[Entry], words: Words) -> None:
        self._entries = entries
        self._words = words
        self._lock = Lock()
        self._faq: Faq | None = None

    def ask(self, text: str) -> Finding:
        """What the FAQ says to a text."""
        return (self._faq or self.index()).ask(text)

    def index(self) -> Faq:
        """Makes the index now; once, whichever thread comes first."""
        with self._lock:
            self._faq = self._faq or Faq(self._entries, self._words)
            return self._faq


class LiveContents:
    """The content in force in this process. ``current`` may be read at any time, by any thread; ``is_eager`` indexes before it is exchanged."""

    def __init__(self, store: ContentStore, directory: Directory, words: Words, *, is_eager: bool = True) -> None:
        self._store = store
        self._directory = directory
        self._words = words
        self._is_eager = is_eager
        self._lock = Lock()
        self.current = self._build({})

    def take_in(self, folder: Path, now: datetime) -> None:
        """Puts the starting files into the store where it has none yet, and loads what is in force. Raises StartError with every problem."""
        problems = []
        for kind in contents.KINDS.values():
            file = folder / kind.file
            if not file.exists():
                continue
            text = file.read_text(encoding="utf-8")
            try:
                contents.parse(kind, text)
            except ContentProblem as problem:
                problems += [f"{kind.file}：{line}" for line in problem.problems]
            else:
                self._store.take_in(kind.name, text, now)
        if problems:
            raise StartError(problems)
        self.refresh()

    def refresh(self) -> bool:
        """Loads what is new; True when something was. Two small round trips when nothing is."""
        with self._lock:
            self._directory.keep_up()
            versions = self._store.versions()
            changed = {kind: number for kind, number in versions.items() if self.current.versions.get(kind) != number}
            if not changed:
                return False
            fresh = self._build(changed)
            if self._is_eager:
                fresh.faq.index()
            self.current = fresh
            return True

    def watch(self, stop: Event, on_change: Callable[[], None] = lambda: None) -> None:
        """Looks for new versions until ``stop`` is set."""
        is_owed = False
        while not stop.wait(WATCH_S):
            try:
                is_owed = self.refresh() or is_owed
                if is_owed:
                    on_change()
                is_owed = False
            except StorageAway as away:
                log.warning("content not refreshed", reason=str(away))
            except Exception as error:
                # Without this loop edits would stop to arrive, and nobody would see why.
                log.error("content not refreshed", error=type(error).__name__, exc_info=True)

    def _build(self, changed: Mapping[str, int]) -> Contents:
        parts: dict[str, Any] = {}
        for kind, number in changed.items():
            if kind in _BUILDERS:
                try:
                    parts |= _BUILDERS[kind](contents.parse(contents.KINDS[kind], self._store.text(kind, number)), self._words)
                except ContentProblem as problem:
                    log.error("content version refused, the one before stays", kind=kind, version=number, problems=len(problem.problems))
        if not hasattr(self, "current"):
            return Contents(LazyFaq((), self._words), Judge(()), Welcome(), _rewards(CheckInRule()), (), {})
        return dataclasses.replace(self.current, **parts, versions={**self.current.versions, **changed})


def _rewards(rule: CheckInRule) -> Rewards:
    longest = max((bonus.days for bonus in rule.bonuses), default=0)
    days = longest if rule.repeat and longest else longest + 1
    return Rewards(tuple(check_in_reward(day, rule) for day in range(1, days + 1)), rule.repeat and bool(longest))


_BUILDERS: Mapping[str, Callable[[Any, Words], dict[str, Any]]] = {
    "faq": lambda entries, words: {"faq": LazyFaq(entries, words)},
    "words": lambda listed, words: {"judge": Judge(listed.words, listed.allow)},
    "welcome": lambda welcome, words: {"welcome": welcome},
    "points": lambda rules, words: {"rewards": _rewards(rules.check_in)},
    "pushes": lambda pushes, words: {"pushes": pushes},
}
