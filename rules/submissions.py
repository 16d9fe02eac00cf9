"""Submissions: what members write for an activity – a reply to a topic, words for the tree hole, a work – and what becomes of it.

Who contributes climbs a small pyramid (基础 → 进阶 → 共创 → 孵化): its steps are tags, reached by works that were approved and by those that
were featured. A step is taken once; nobody goes down by himself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SubmissionState = Literal["waiting", "help", "cared", "approved", "rejected", "featured", "erased"]
"""``help``: words of despair, which a person looks at at once; ``cared`` afterwards. They are never shown to others, and no decision leads on."""
Decision = Literal["approved", "rejected", "featured", "cared"]

STATES: Mapping[SubmissionState, str] = {
    "waiting": "等待审核", "help": "需要关心", "cared": "关心过了", "approved": "已通过", "rejected": "已退回", "featured": "精华", "erased": "已删除",
}  # fmt: skip
"""What people call the states."""

FROM: Mapping[Decision, frozenset[SubmissionState]] = {
    "approved": frozenset({"waiting", "rejected"}),
    "rejected": frozenset({"waiting", "approved", "featured"}),
    "featured": frozenset({"waiting", "approved"}),
    "cared": frozenset({"help"}),
}
"""From which states each decision leads on."""

LONGEST_TEXT = 1_000
"""Characters of what a member may write."""
LONGEST_REASON = 200
DESPAIR = "despair"
"""The category of the word list whose words make a text of the tree hole one of despair."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the pyramid: the tag that it puts on a member, from so many works approved and featured on (both are needed)."""

    tag: str
    works: int = 0
    featured: int = 0


STEPS = (Step("基础作者", 1), Step("进阶作者", 3, 1), Step("共创作者", 8, 3), Step("孵化作者", 20, 8))


@dataclass(frozen=True, slots=True)
class Contributions:
    """What works count: each approved one ``per_work`` and each featured one ``per_featured`` more towards the KOC score; ``steps``, lowest first."""

    per_work: int = 1
    per_featured: int = 5
    steps: tuple[Step, ...] = STEPS


@dataclass(frozen=True, slots=True)
class Works:
    """How many works of a member were approved (those featured among them), and how many were featured."""

    approved: int = 0
    featured: int = 0


def koc_score(rules: Contributions, works: Works) -> int:
    """The KOC score of a member: what he contributed, weighted as the rules say."""
    return works.approved * rules.per_work + works.featured * rules.per_featured


def step_of(rules: Contributions, works: Works) -> Step | None:
    """The highest step that so many works reach; None for none."""
    reached = [step for step in rules.steps if step.works <= works.approved and step.featured <= works.featured]
    return reached[-1] if reached else None


def next_step(rules: Contributions, works: Works) -> Step | None:
    """The step that comes next; None at the top."""
    here = step_of(rules, works)
    at = rules.steps.index(here) + 1 if here else 0
    return rules.steps[at] if at < len(rules.steps) else None


def climbed(rules: Contributions, before: Works, after: Works) -> Step | None:
    """The step that was reached between two moments; None where it stayed the same."""
    old, new = step_of(rules, before), step_of(rules, after)
    return new if new is not None and new != old and (old is None or rules.steps.index(new) > rules.steps.index(old)) else None
