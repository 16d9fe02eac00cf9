"""The operators' content as this process uses it: parsed, indexed, and exchanged as a whole when a new version is published."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from typing import Any

import structlog

from bot.errors import StartError
from bot.faq_file import FaqFile
from bot.faq_live import KIND as FAQ
from bot.faq_live import LazyFaq, LiveFaq
from bot.word_live import KIND as WORDS
from bot.word_live import LiveWords
from rules import contents
from rules.badges import BadgeRules
from rules.challenges import Challenge
from rules.contacts import contacts_in
from rules.contents import ContentProblem, Kind, Push, Welcome
from rules.duty import DutyPlans
from rules.faq_terms import Synonyms, shipped
from rules.flows import Flows, flows_of
from rules.health import HealthRules
from rules.invitations import InvitationRules
from rules.levels import Levels
from rules.moderation import Judge, Models
from rules.points import CheckInRule, PointRules, check_in_reward
from rules.pushes import Pushing
from rules.quiz import Question
from rules.reports import Timetables
from rules.saved_segments import Segments
from rules.shop import Shop
from rules.submissions import Contributions
from rules.surveys import Survey
from rules.text import Words
from rules.wordlist import Lexicon
from rules.workdays import Workdays
from storage.connection import StorageAway
from storage.content import ContentStore
from storage.directory import Directory
from storage.points import Rewards

log = structlog.get_logger(__name__)

SYNONYMS = "synonyms"
MOST_READ = 2_000
"""Answers whose addresses and numbers are known as the community's own; those of a larger FAQ are listed in its policy."""
WATCH_S = 1.0
"""How often a process asks for new versions: an edit is live everywhere within two seconds."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All content of one moment; never changed, only replaced."""

    faq: LazyFaq
    words: Words
    judge: Judge
    welcome: Welcome
    rewards: Rewards
    pushes: tuple[Push, ...]
    versions: Mapping[str, int]
    duty: DutyPlans = dataclasses.field(default_factory=DutyPlans)
    points: PointRules = dataclasses.field(default_factory=PointRules)
    levels: Levels = dataclasses.field(default_factory=Levels)
    badges: BadgeRules = dataclasses.field(default_factory=BadgeRules)
    challenges: tuple[Challenge, ...] = ()
    shop: Shop = dataclasses.field(default_factory=Shop)
    flows: Flows = dataclasses.field(default_factory=Flows)
    contributions: Contributions = dataclasses.field(default_factory=Contributions)
    quizzes: tuple[Question, ...] = ()
    surveys: tuple[Survey, ...] = ()
    invitations: InvitationRules = dataclasses.field(default_factory=InvitationRules)
    synonyms: Synonyms = dataclasses.field(default_factory=shipped)
    workdays: Workdays = dataclasses.field(default_factory=Workdays)
    reports: Timetables = dataclasses.field(default_factory=Timetables)
    health: HealthRules = dataclasses.field(default_factory=HealthRules)
    pushing: Pushing = dataclasses.field(default_factory=Pushing)
    segments: Segments = dataclasses.field(default_factory=Segments)


class LiveContents:
    """The content in force in this process. ``current`` may be read at any time, by any thread; ``is_eager`` indexes before it is exchanged.

    ``faq_folder`` is where the processes of this machine share the index of a large FAQ; without one each keeps its own in memory. ``models``
    judge besides the word list; ``own`` are domains and numbers that may always be named.
    """

    def __init__(
        self, store: ContentStore, directory: Directory, words: Words, *, is_eager: bool = True, faq_folder: Path | None = None,
        models: Models | None = None, own: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._models = models
        self._own = own
        self._store = store
        self._directory = directory
        self._words = words
        self._is_eager = is_eager
        self._lock = Lock()
        self._faq = LiveFaq(store, words, FaqFile(faq_folder, words) if faq_folder else None)
        self._word_list = LiveWords(store)
        self.current = Contents(
            LazyFaq((), words), words, Judge(Lexicon(), models=models, own=own), Welcome(), _rewards(CheckInRule()), (), {}
        )

    @property
    def models(self) -> Models | None:
        """The models in use, besides the word list."""
        return self._models

    def take_in(self, folder: Path, now: datetime) -> None:
        """Puts the starting files into the store where it has none yet, and loads what is in force. Raises StartError with every problem."""
        problems, starting = [], dict[str, dict[str, str]]()
        for kind in contents.KINDS.values():
            files, items = starting_files(kind, folder), dict[str, str]()
            for name, file in files:
                try:
                    found = contents.to_items(kind, file.read_text(encoding="utf-8"))
                except ContentProblem as problem:
                    problems += [f"{name}：{line}" for line in problem.problems]
                else:
                    problems += [f"{name}：id“{id}”在另一个文件里已经用过了，请换一个" for id in found.keys() & items.keys()]
                    items |= found
            if files:
                starting[kind.name] = items
        if problems:
            raise StartError(problems)
        self._store.take_in_all(starting, now)
        self.refresh()

    def refresh(self) -> bool:
        """Loads what is new; True when something was. Two small round trips when nothing is."""
        with self._lock:
            self._directory.keep_up()
            versions = self._store.versions()
            parts, loaded = self._load({kind: number for kind, number in versions.items() if self.current.versions.get(kind) != number})
            if SYNONYMS in parts:
                self._faq.use(parts[SYNONYMS])
            if FAQ in versions and (found := self._faq.refresh(versions[FAQ])):
                loaded[FAQ], parts["faq"] = found
                if self._is_eager:
                    found[1].index()
            if WORDS in versions and (listed := self._word_list.refresh(versions[WORDS])):
                loaded[WORDS], parts["lexicon"] = listed
            if not loaded:
                return False
            if not parts.keys().isdisjoint(("lexicon", "policy", "faq", "welcome")):
                own = self._named(parts) if "faq" in parts or "welcome" in parts else self.current.judge.own
                parts["judge"] = Judge(
                    parts.pop("lexicon", self.current.judge.lexicon), parts.pop("policy", self.current.judge.policy), self._models, own
                )
            self.current = dataclasses.replace(self.current, **parts, versions={**self.current.versions, **loaded})
            return True

    def _named(self, parts: Mapping[str, Any]) -> frozenset[str]:
        """The domains and numbers that the operators' own texts name: who repeats them does not advertise."""
        welcome = dataclasses.asdict(parts.get("welcome", self.current.welcome)).values()
        answers = (entry.answer for entry in islice(parts.get("faq", self.current.faq).entries(), MOST_READ))
        return contacts_in((*welcome, *answers)).union(self._own)

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

    def _load(self, changed: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, int]]:
        """The parts of :class:`Contents` that changed, and the versions they are of; FAQ and word list apart."""
        parts: dict[str, Any] = {}
        loaded = {kind: number for kind, number in changed.items() if kind not in (FAQ, WORDS)}
        for kind, items in self._store.items_of([kind for kind in loaded if kind in _BUILDERS]).items():
            try:
                parts |= _BUILDERS[kind](contents.from_items(contents.KINDS[kind], items))
            except ContentProblem as problem:
                log.error("content version refused, the one before stays", kind=kind, version=loaded[kind], problems=len(problem.problems))
        return parts, loaded


def starting_files(kind: Kind[Any], folder: Path) -> list[tuple[str, Path]]:
    """The files of a kind in a folder of content that there are, each with its name below it: one, or those of the kind's own folder."""
    place = folder / kind.file
    if not kind.in_folder:
        return [(kind.file, place)] if place.exists() else []
    return [(f"{kind.file}/{file.name}", file) for file in sorted(place.glob("*.yaml"))]


def _rewards(rule: CheckInRule) -> Rewards:
    longest = max((bonus.days for bonus in rule.bonuses), default=0)
    days = longest if rule.repeat and longest else longest + 1
    return Rewards(tuple(check_in_reward(day, rule) for day in range(1, days + 1)), rule.repeat and bool(longest))


_BUILDERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "moderation": lambda policy: {"policy": policy},
    "welcome": lambda welcome: {"welcome": welcome},
    "points": lambda rules: {"points": rules, "rewards": _rewards(rules.check_in)},
    "pushes": lambda pushes: {"pushes": pushes},
    "duty": lambda plans: {"duty": plans},
    "levels": lambda levels: {"levels": levels},
    "badges": lambda rules: {"badges": rules},
    "challenges": lambda challenges: {"challenges": challenges},
    "shop": lambda shop: {"shop": shop},
    "flows": lambda found: {"flows": flows_of(found)},
    "contributions": lambda rules: {"contributions": rules},
    "quizzes": lambda questions: {"quizzes": questions},
    "surveys": lambda surveys: {"surveys": surveys},
    "invitations": lambda rules: {"invitations": rules},
    "synonyms": lambda table: {"synonyms": table},
    "workdays": lambda table: {"workdays": table},
    "reports": lambda timetables: {"reports": timetables},
    "health": lambda rules: {"health": rules},
    "pushing": lambda rules: {"pushing": rules},
    "segments": lambda segments: {"segments": segments},
}
