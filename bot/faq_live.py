"""The FAQ as this process uses it. A small one is indexed in the process's own memory; a large one is a file that all processes map.

Over the mapped base lies a small layer of what was changed since, made anew with every edit. When it has grown, a new base is made in the
background; the old one serves until it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock, Thread

import structlog

from bot.faq_file import FaqFile, Label, NotMade, Shared
from rules.contents import ContentProblem, entry_from_json
from rules.entries import Entry
from rules.faq import Faq, Finding, always, scheme_of
from rules.faq_explanation import Explanation
from rules.faq_index import Index
from rules.text import Words
from storage.connection import StorageAway
from storage.content import ContentStore, Forgotten

log = structlog.get_logger(__name__)

KIND = "faq"
SHARED_FROM = 2_000
"""Entries from which on the index is a file. Below, making it anew takes a fraction of a second, and every process has the very same."""
MOST_ABOVE = 500
"""Changes over the base from which on a new base is made; some 100 ms in each process with each edit."""
RETRY_S = 60.0
"""After a base could not be made."""


class LazyFaq:
    """The operators' FAQ of one moment, indexed at the first question: most processes are never asked one."""

    def __init__(self, source: Sequence[Entry] | Index, words: Words) -> None:
        self._source = source
        self._words = words
        self._lock = Lock()
        self._faq: Faq | None = None

    def ask(self, text: str, *, is_open: Callable[[Entry], bool] = always, without: str = "") -> Finding:
        """What the FAQ says to a text; of its entries only those count that are open, and not the one ``without``."""
        return (self._faq or self.index()).ask(text, is_open=is_open, without=without)

    def explain(self, text: str, *, is_open: Callable[[Entry], bool] = always) -> Explanation:
        """Why :meth:`ask` finds what it finds."""
        return (self._faq or self.index()).explain(text, is_open=is_open)

    def find(self, id: str) -> Entry | None:
        """The entry of an id, None when there is none (any more)."""
        return (self._faq or self.index()).find(id)

    def with_changes(self, changes: Mapping[str, Entry | None]) -> Faq:
        """The FAQ as it would be after an edit, to be tried before it is published; costs what the changes cost."""
        return (self._faq or self.index()).with_changes(changes)

    def entries(self) -> Iterable[Entry]:
        """All entries, in their order."""
        return self._source.all() if isinstance(self._source, Index) else self._source

    def index(self) -> Faq:
        """Makes the index now; once, whichever thread comes first."""
        with self._lock:
            if self._faq is None:
                source, words = self._source, self._words
                self._faq = Faq.over(source) if isinstance(source, Index) else Faq(source, words)
            return self._faq


class LiveFaq:
    """Keeps the FAQ up to date in this process. Without a ``file`` every FAQ is treated as a small one."""

    def __init__(self, store: ContentStore, words: Words, file: FaqFile | None, *, shared_from: int = SHARED_FROM) -> None:
        self._store = store
        self._words = words
        self._file = file
        self._shared_from = shared_from
        self._shared: Shared | None = None
        self._version = 0
        self._making: Thread | None = None
        self._stop = Event()

    def refresh(self, version: int) -> tuple[int, LazyFaq] | None:
        """The FAQ and its version when something is new; ``version`` is the one in force. Called by one thread at a time."""
        is_fresh = self._adopt()
        if version == self._version and not is_fresh:
            return None
        found = self._layered() or self._whole()
        if found:
            self._version = found[0]
        return found

    def _adopt(self) -> bool:
        """Takes a file that somebody put in place since, if it was made of this store's content."""
        if self._file is None or not self._file.is_changed():
            return False
        found = self._file.open(self._is_of_this_store)
        self._shared = found or self._shared
        return found is not None

    def _is_of_this_store(self, label: Label) -> bool:
        """Another store, or the same after it was emptied, has versions with the same numbers."""
        return self._mark(label.version) == label.mark

    def _is_near(self, label: Label) -> bool:
        """Whether little was changed since: no need to make it anew."""
        try:
            return len(self._store.changes_since(KIND, label.version)[1]) <= MOST_ABOVE
        except Forgotten:
            return False

    def _mark(self, version: int) -> str | None:
        newest = self._store.versions().get(KIND, 0)
        told = self._store.history(KIND, newest - version + 1)[-1:] if 0 < version <= newest else []
        return next((f"{each.at.isoformat()} {each.count}" for each in told if each.number == version), None)

    def _layered(self) -> tuple[int, LazyFaq] | None:
        """The mapped base with what was changed since; None when it does not help."""
        if self._shared is None:
            return None
        try:
            version, texts = self._store.changes_since(KIND, self._shared.label.version)
        except Forgotten:
            return None
        changes: dict[str, Entry | None] = dict.fromkeys(texts)
        changes |= {entry.id: entry for entry in _entries(filter(None, texts.values()))}
        if sum(text is None for text in texts.values()) > self._shared.layer.entries - self._shared_from // 2:
            return None  # hardly anything is left
        if len(changes) > MOST_ABOVE:
            self._make_behind()
        return version, LazyFaq(Index(scheme_of(self._words), self._shared.layer, changes), self._words)

    def _whole(self) -> tuple[int, LazyFaq] | None:
        """All entries, read anew. None when they are so many that they are read in the background, while what was before serves on."""
        if self._making is not None and self._making.is_alive():
            return None
        version, items = self._store.snapshot(KIND)
        if self._file is None or len(items) < self._shared_from:
            if self._file and self._shared:
                self._file.drop()
            self._shared = None
            return version, LazyFaq(tuple(_entries(items.values())), self._words)
        if self._version:
            self._make_behind()
            return None
        try:
            self._make()
            if self._adopt():
                return self._layered()
        except NotMade as problem:
            log.error("FAQ index not made, every process keeps its own in memory", reason=str(problem))
        return version, LazyFaq(tuple(_entries(items.values())), self._words)

    def _make_behind(self) -> None:
        if self._making is None or not self._making.is_alive():
            self._making = Thread(target=self._keep_trying, name="faq-index", daemon=True)
            self._making.start()

    def _keep_trying(self) -> None:
        while not self._stop.is_set():
            try:
                self._make()
            except NotMade as problem:
                log.error("FAQ index not made, the one before serves on", reason=str(problem))
            except StorageAway as away:
                log.warning("FAQ index not made, the one before serves on", reason=str(away))
            else:
                return
            self._stop.wait(RETRY_S)

    def _make(self) -> None:
        """Makes the file of what is in force, unless another process was quicker. Raises NotMade, StorageAway."""
        assert self._file is not None
        with self._file.turn(is_waiting=True):
            there = self._file.find_label()
            if there and self._is_of_this_store(there) and self._is_near(there):
                return
            version, items = self._store.snapshot(KIND)
            self._file.make(Label(version, self._mark(version) or ""), list(items.values()))


def _entries(texts: Iterable[str]) -> list[Entry]:
    """The entries of kept texts; one that a program with other rules put in is left out, and said so."""
    found = []
    for text in texts:
        try:
            found.append(entry_from_json(text))
        except ContentProblem:
            log.error("FAQ entry not readable, left out")
    return found
