"""The operators' word lists: words with a severity, and phrases that are allowed all the same; one automaton whatever their length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ahocorasick_rs import AhoCorasick

from rules.judgement import Category, Reason
from rules.text import normalise, stands_alone
from rules.unmask import Reading, View

GUESSED = 0.7
"""The score of a word that is only found where somebody guessed how the text was meant."""
MOST_HIDDEN = 1_000
"""Words of a list that are also looked for in disguise, the worst first: with more of them too many ordinary texts could be meant otherwise."""
LEAST_HIDDEN = 2
"""The severity from which a word is: nobody disguises what is only noted."""
MOST_ABOVE = 500
"""Changes that are looked for beside the automaton they came after; with more of them it is built anew: seconds for 100,000 words."""


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the word list. ``severity`` 1 is only noted, 2 is looked at by a person, 3 is the worst; ``rule`` is told to the member.

    It holds in ``communities``, or everywhere; where a community has an entry of its own for a word, that one counts and not the common one.
    """

    text: str
    severity: int
    category: Category
    rule: str
    communities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """A phrase inside which no word counts, in all communities (傻瓜相机)."""

    text: str


Entry = Word | Allowed


@dataclass(frozen=True, slots=True)
class WordList:
    """The words, and the ``allow``-ed phrases."""

    words: tuple[Word, ...] = ()
    allow: tuple[str, ...] = ()


def id_of(entry: Entry) -> str:
    """The id of an entry: the word as it is compared, with the communities that it holds in. No two that mean the same have different ones.

    What is compared has no characters of full width, so none of the three kinds of ids can be taken for another.
    """
    plain = normalise(entry.text)
    if isinstance(entry, Allowed):
        return f"放行：{plain}"
    return f"{plain}＠{'，'.join(sorted(entry.communities))}" if entry.communities else plain


class Lexicon:
    """Finds listed words in texts: one automaton, some microseconds a text whatever the list's length. Never changed; an edit makes another."""

    def __init__(self, words: Iterable[Word] = (), allow: Iterable[str] = ()) -> None:
        entries = {
            id_of(word): word for word in sorted(words, key=lambda word: word.severity)
        }  # of two for one word the more severe counts
        self._stand_on(entries | {id_of(phrase): phrase for phrase in map(Allowed, allow)})

    @classmethod
    def of(cls, entries: Mapping[str, Entry]) -> Lexicon:
        """The lexicon of entries by their ids."""
        made = cls.__new__(cls)
        made._stand_on(dict(entries))
        return made

    def with_changes(self, changes: Mapping[str, Entry | None]) -> Lexicon:
        """The lexicon after some entries were added, changed or taken away (None); costs what was changed since the automaton was built."""
        since = {**self._since, **changes}
        if len(since) > MOST_ABOVE:
            return Lexicon.of({id: entry for id, entry in {**self._entries, **since}.items() if entry})
        made = Lexicon.__new__(Lexicon)
        made._entries, made._base, made._worst, made._since = self._entries, self._base, self._worst, since
        gone = {entry for id in since if (entry := self._entries.get(id))}
        come = [entry for entry in since.values() if entry]
        touched = {normalise(entry.text) for entry in (*gone, *come)}
        kept = [entry for plain in touched for entry in self._base.meant.get(plain, ()) if entry not in gone]
        made._above, made._hidden = _Layer([*kept, *come]), frozenset(touched & self._base.meant.keys())
        return made

    def _stand_on(self, entries: dict[str, Entry]) -> None:
        self._entries, self._since = entries, dict[str, Entry | None]()
        self._worst = _worst(entries)
        self._base, self._above, self._hidden = _Layer(entries.values()), _Layer(()), frozenset[str]()

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All entries by their ids, in their order."""
        if not self._since:
            return self._entries
        return {id: entry for id, entry in {**self._entries, **self._since}.items() if entry}

    @property
    def worth_hiding(self) -> list[str]:
        """The words that members would disguise, as they are compared: the worst first, at most ``MOST_HIDDEN``."""
        words = _worst({**self._worst, **self._since})
        return [normalise(word.text) for word in words.values()]

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._entries) + sum((entry is not None) - (id in self._entries) for id, entry in self._since.items())

    def find(self, reading: Reading, community: str = "") -> tuple[Reason, ...]:
        """A reason for each word that is listed in a community, in any way to read the text, each word once, as it was read with least ado."""
        found: dict[str, Reason] = {}
        for view in reading.views:
            if matches := self._matches(view.text):
                for plain, word, start, end in _counted(matches, view.text, community):
                    if plain not in found:
                        found[plain] = _reason(word, view, start, end, reading.sent)
        return tuple(found.values())

    def count_in(self, texts: Iterable[str]) -> Counter[str]:
        """In how many of some texts, as :func:`rules.text.normalise` leaves them, each word counts that all communities share."""
        counts: Counter[str] = Counter()
        for text in texts:
            if matches := self._matches(text):
                counts.update({plain for plain, *_ in _counted(matches, text, "")})
        return counts

    def _matches(self, text: str) -> list[_Match]:
        matches = self._base.matches(text)
        if self._since:
            matches = [match for match in matches if match[0] not in self._hidden] + self._above.matches(text)
        return matches


def _worst(entries: Mapping[str, Entry | None]) -> Mapping[str, Word]:
    """Those of the entries that are looked for in disguise, by their ids."""
    words = ((id, entry) for id, entry in entries.items() if isinstance(entry, Word) and entry.severity >= LEAST_HIDDEN)
    return dict(islice(sorted(words, key=lambda each: -each[1].severity), MOST_HIDDEN))


_Match = tuple[str, Sequence[Entry], int, int]
"""What was found, all entries for it, and where it begins and ends."""


class _Layer:
    """An automaton, and what is meant by each of its patterns."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        meant: dict[str, tuple[Entry, ...]] = {}
        for entry in entries:
            plain = normalise(entry.text)
            meant[plain] = (*meant.get(plain, ()), entry)
        meant.pop("", None)
        self.meant = meant
        self._patterns = list(meant)
        self._find = AhoCorasick(self._patterns).find_matches_as_indexes

    def matches(self, text: str) -> list[_Match]:
        """Every place of every pattern in a text."""
        patterns = self._patterns
        return [
            (plain := patterns[which], self.meant[plain], start, end) for which, start, end in self._find(text, overlapping=True)
        ]  # fmt: skip


def _counted(matches: Sequence[_Match], text: str, community: str) -> Iterator[tuple[str, Word, int, int]]:
    """Those of the matches that count: words that stand for themselves, and outside every allowed phrase."""
    shelters = []
    words = []
    for plain, meant, start, end in matches:
        if word := _word_for(meant, community):
            words.append((plain, word, start, end))
        elif any(isinstance(entry, Allowed) for entry in meant):
            shelters.append((start, end))
    for plain, word, start, end in words:
        if stands_alone(text, start, end) and not any(left <= start and end <= right for left, right in shelters):
            yield plain, word, start, end


def _word_for(meant: Sequence[Entry], community: str) -> Word | None:
    """The word that counts in a community: its own entry before the common one."""
    words = [entry for entry in meant if isinstance(entry, Word) and (not entry.communities or community in entry.communities)]
    return max(words, key=lambda word: (bool(word.communities), word.severity), default=None)


def _reason(word: Word, view: View, start: int, end: int, sent: str) -> Reason:
    span = view.span(start, end)
    seen = sent[slice(*span)]
    said = f"词库里的“{word.text}”" if not view.steps else f"“{seen}”读作词库里的“{word.text}”（{'、'.join(view.steps)}）"
    return Reason("words", word.category, GUESSED if view.is_guess else 1.0, word.severity, word.rule, said, span, view.steps, word.text)
