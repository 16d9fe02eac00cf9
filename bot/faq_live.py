"""The FAQ as this process uses it. A small one is indexed in the process's own memory; a large one is a file that all processes map.

Over the mapped base lies a small layer of what was changed since, made anew with every edit. When it has grown, a new base is made in the
background; the old one serves until it is there. Where no file can be made, each process has a base of its own in memory: edits go live all
the same, and the file is tried again from time to time.
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
from rules.faq_index import Index, Layer
from rules.faq_terms import Synonyms
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
"""After a base could not be made; twice as long after each further time, up to LONGEST_RETRY_S."""
LONGEST_RETRY_S = 900.0


class LazyFaq:
    """The operators' FAQ of one moment, indexed at the first question: most processes are never asked one."""

    def __init__(self, source: Sequence[Entry] | Index, words: Words, synonyms: Synonyms | None = None) -> None:
        self._source = source
        self._words = words
        self._synonyms = synonyms
        self._lock = Lock()
        self._index = source if isinstance(source, Index) else None
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
                self._index = self._index or Index.of(self.entries(), scheme_of(self._words, self._synonyms))
                self._faq = Faq.over(self._index)
            return self._faq

    @property
    def base(self) -> Layer | None:
        """What was indexed, for edits to be laid over; None while nobody has asked."""
        return self._index.base if self._index else None


class LiveFaq:
    """Keeps the FAQ up to date in this process. Without a ``file`` every FAQ is treated as a small one."""

    def __init__(self, store: ContentStore, words: Words, file: FaqFile | None, *, shared_from: int = SHARED_FROM) -> None:
        self._store = store
        self._words = words
        self._file = file
        self._shared_from = shared_from
        self._shared: Shared | None = None
        self._own: tuple[int, LazyFaq] | None = None
        """In place of what is shared, while that cannot be made: a version and its FAQ in memory."""
        self._version = 0
        self._synonyms: Synonyms | None = None
        self._is_stale = False
        """Whether what serves was made with other synonyms than those in force."""
        self._making: Thread | None = None
        self._is_failing = False
        """Whether the last try to make a base came to nothing, and none has succeeded since."""
        self._stop = Event()

    def use(self, synonyms: Synonyms) -> None:
        """Takes over the operators' synonyms: the index is made anew with the next refresh. A large one is made behind, while the old one serves."""
        if self._file:
            self._file.use(synonyms)
        self._synonyms, self._shared, self._own, self._is_stale = synonyms, None, None, True

    def refresh(self, version: int) -> tuple[int, LazyFaq] | None:
        """The FAQ and its version when something is new; ``version`` is the one in force. Called by one thread at a time."""
        is_fresh = self._adopt()
        if version == self._version and not is_fresh and not self._is_stale:
            return None
        found = self._layered() or self._whole()
        if found:
            self._version, self._is_stale = found[0], False
        return found

    def _adopt(self) -> bool:
        """Takes a file that somebody put in place since, if it was made of this store's content."""
        if self._file is None or not self._file.is_changed():
            return False
        found = self._file.open(self._is_of_this_store)
        if found:
            self._shared, self._own = found, None
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
        head = self._store.head(KIND, version)
        return f"{head.at.isoformat()} {head.count}" if head else None

    def _layered(self) -> tuple[int, LazyFaq] | None:
        """The base with what was changed since; None when it does not help."""
        since, base = self._base()
        if base is None:
            return None
        try:
            version, texts = self._store.changes_since(KIND, since)
        except Forgotten:
            return None
        changes: dict[str, Entry | None] = dict.fromkeys(texts)
        changes |= {entry.id: entry for entry in _entries(filter(None, texts.values()))}
        if sum(text is None for text in texts.values()) > base.entries - self._shared_from // 2:
            return None  # hardly anything is left
        if len(changes) > MOST_ABOVE:
            self._make_behind()
        return version, self._lazy(Index(scheme_of(self._words, self._synonyms), base, changes))

    def _base(self) -> tuple[int, Layer | None]:
        """What edits are laid over, and its version: what is mapped, or what this process has indexed for itself."""
        if self._shared:
            return self._shared.label.version, self._shared.layer
        return (self._own[0], self._own[1].base) if self._own else (0, None)

    def _whole(self) -> tuple[int, LazyFaq] | None:
        """All entries, read anew. None when they are so many that a base is made in the background, while what was before serves on."""
        if self._making and self._making.is_alive() and not self._is_failing:
            return None
        version, items = self._store.snapshot(KIND)
        if self._file is None or len(items) < self._shared_from:
            if self._file and self._shared:
                self._file.drop()
            self._shared = self._own = None
            return version, self._lazy(tuple(_entries(items.values())))
        if self._version and not self._is_failing:
            self._make_behind()
            return None
        if not self._version and (found := self._made_at_once()):
            return found
        self._make_behind(RETRY_S)
        self._shared, self._own = None, (version, self._lazy(tuple(_entries(items.values()))))
        return self._own

    def _lazy(self, source: Sequence[Entry] | Index) -> LazyFaq:
        return LazyFaq(source, self._words, self._synonyms)

    def _made_at_once(self) -> tuple[int, LazyFaq] | None:
        try:
            self._make()
        except NotMade as problem:
            self._is_failing = True
            log.error("FAQ index not made, every process keeps its own in memory", reason=str(problem))
            return None
        return self._layered() if self._adopt() else None

    def _make_behind(self, after_s: float = 0.0) -> None:
        if self._making is None or not self._making.is_alive():
            self._making = Thread(target=self._keep_trying, args=(after_s,), name="faq-index", daemon=True)
            self._making.start()

    def _keep_trying(self, after_s: float) -> None:
        while not self._stop.wait(after_s):
            try:
                self._make()
                self._is_failing = False
                return
            except (NotMade, StorageAway) as problem:
                log.error("FAQ index not made, tried again later", reason=str(problem))
            except Exception as error:
                # A thread that ends is started again at once, and would do the same again.
                log.error("FAQ index not made, tried again later", error=type(error).__name__, exc_info=True)
            self._is_failing = True
            after_s = min(LONGEST_RETRY_S, max(RETRY_S, 2 * after_s))

    def _make(self) -> None:
        """Makes the file of what is in force, unless another process was quicker. Raises NotMade, StorageAway."""
        assert self._file is not None
        with self._file.turn(is_waiting=True):
            there = self._file.find_label()
            if there and self._is_of_this_store(there) and self._is_near(there):
                return
            version, items = self._store.snapshot(KIND)
            self._file.make(Label(version, self._mark(version) or ""), list(items.values()))
            if self._file.find_label() is None:
                raise NotMade("made, but it cannot be read")


def _entries(texts: Iterable[str]) -> list[Entry]:
    """The entries of kept texts; one that a program with other rules put in is left out, and said so."""
    found = []
    for text in texts:
        try:
            found.append(entry_from_json(text))
        except ContentProblem:
            log.error("FAQ entry not readable, left out")
    return found
