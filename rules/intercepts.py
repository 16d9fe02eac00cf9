"""Which 拦截词 rules of WeCom's would say what the word list says. Only rules that carry our name are ever touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WORDS_PER_RULE = 300
MOST_RULES = 100
LONGEST = 32
NAME = "群管家"
"""What our rules are called, followed by a number."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of ours as WeCom has it."""

    id: str
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: rules to add by name, rules with their new words, rules to drop. ``left_out`` are words that WeCom would refuse."""

    add: Mapping[str, tuple[str, ...]]
    update: tuple[Rule, ...]
    drop: tuple[Rule, ...]
    left_out: tuple[str, ...] = ()
    kept: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether all is as it should be."""
        return not (self.add or self.update or self.drop)


def is_ours(name: str) -> bool:
    """Whether a rule of this name was made by us."""
    return name.startswith(f"{NAME} ") and name.removeprefix(f"{NAME} ").isdecimal()


def plan(words: Iterable[str], ours: Sequence[Rule], *, others: int) -> Plan:
    """How to come from ``ours`` to rules with exactly these words, beside ``others`` rules of other people.

    A word stays where it is; new ones fill up rules before another is added. A second plan after the first was carried out is empty. Words of
    more than 32 characters, and those beyond 100 rules, are left out.
    """
    wanted = list(dict.fromkeys(word for word in words if word))
    fitting = {word for word in wanted if len(word) <= LONGEST}
    placed: set[str] = set()
    target: dict[str, tuple[str, ...]] = {}
    for rule in ours:
        target[rule.id] = tuple(word for word in rule.words if word in fitting and word not in placed)[:WORDS_PER_RULE]
        placed.update(target[rule.id])
    missing = [word for word in wanted if word in fitting and word not in placed]
    for rule in ours:
        room = WORDS_PER_RULE - len(target[rule.id])
        target[rule.id] += tuple(missing[:room])
        missing = missing[room:]
    numbers = iter(number for number in range(1, MOST_RULES + len(ours) + 1) if f"{NAME} {number}" not in {rule.name for rule in ours})
    new_rules = max(MOST_RULES - others - len(ours), 0)
    chunks = [tuple(missing[start : start + WORDS_PER_RULE]) for start in range(0, len(missing), WORDS_PER_RULE)]
    return Plan(
        add={f"{NAME} {next(numbers)}": chunk for chunk in chunks[:new_rules]},
        update=tuple(Rule(rule.id, rule.name, target[rule.id]) for rule in ours if target[rule.id] and target[rule.id] != rule.words),
        drop=tuple(rule for rule in ours if not target[rule.id]),
        left_out=(*(word for word in wanted if word not in fitting), *(word for chunk in chunks[new_rules:] for word in chunk)),
        kept=sum(bool(rule.words) and target[rule.id] == rule.words for rule in ours),
    )
