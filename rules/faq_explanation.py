"""Why the FAQ said what it said: the parts of a question, the scores of each candidate, and the decision in a sentence for operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rules.faq_likeness import ANSWER_FROM, OFFER_FROM

MOST_PARTS = 40
"""Parts that are told, the heaviest first."""
_KINDS = {".": "字", "~": "字对", "=": "说法", "≈": "意思", "#": "话题"}


@dataclass(frozen=True, slots=True)
class Part:
    """A character, a pair or a meaning of the question, what it weighs, and how many entries have it."""

    kind: str
    text: str
    weight: float
    entries: int


@dataclass(frozen=True, slots=True)
class Reason:
    """The scores of one candidate. ``nearest`` is the wording that is most like the question (normalised), ``likeness`` how much.

    ``pattern`` compares with all its wordings together (None when there is one only), ``keyword`` is the score of a keyword, None without one.
    """

    id: str
    question: str
    score: float
    nearest: str = ""
    wordings: int = 0
    likeness: float | None = None
    pattern: float | None = None
    keyword: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a finding came about. ``asked`` is what was compared; ``unknown`` the share of its weight that no entry knows, 0 to 1."""

    asked: str
    outcome: str
    why: str
    score: float
    parts: tuple[Part, ...]
    unknown: float
    reasons: tuple[Reason, ...]
    clear_from: float
    offer_from: float = OFFER_FROM
    answer_from: float = ANSWER_FROM

    @property
    def sentence(self) -> str:
        """The decision in Chinese, with its figures."""
        return _SENTENCES[self.why](self)

    def lines(self) -> Iterator[str]:
        """All of it in Chinese, for a terminal or an operator's chat."""
        yield f"结果：{self.sentence}"
        yield f"比较的文字：{self.asked or '（没有文字）'}"
        if self.parts:
            told = "，".join(
                f"{part.kind}“{part.text}”{part.weight:.2f}{'' if part.entries else '（没有问答提到）'}" for part in self.parts[:12]
            )
            yield f"重要的部分：{told}"
            yield f"没有任何问答提到的占 {self.unknown:.0%}"
        for place, reason in enumerate(self.reasons, 1):
            yield f"{place}. {reason.id}“{reason.question}”{reason.score:.2f}：{_details(reason)}"

    def as_json(self) -> dict[str, Any]:
        """As plain values, with the sentence."""
        return asdict(self) | {"sentence": self.sentence}


def part_of(feature: str, weight: float, entries: int) -> Part:
    """What a feature of the index is called."""
    return Part(_KINDS[feature[0]], feature[1:], weight, entries)


def _details(reason: Reason) -> str:
    told = []
    if reason.likeness is not None:
        told.append(f"最像的问法“{reason.nearest}”{reason.likeness:.2f}")
    if reason.pattern is not None:
        told.append(f"和它的 {reason.wordings} 种问法整体 {reason.pattern:.2f}")
    if reason.keyword is not None:
        told.append(f"关键词 {reason.keyword:.2f}")
    return "，".join(told) or "问法完全相同"


def _names(told: Explanation) -> str:
    return "、".join(f"“{reason.question}”" for reason in told.reasons[:3])


_SENTENCES: Mapping[str, Callable[[Explanation], str]] = {
    "empty": lambda told: "没有文字可以比较，不回答。",
    "chat": lambda told: "是寒暄或应声，不回答。",
    "exact": lambda told: f"和{_names(told)}的问法完全相同，{'直接回答' if told.outcome == 'answer' else '不止一条，请提问的人选'}。",
    "keyword": lambda told: f"关键词命中“{told.reasons[0].question}”，得分 {told.score:.2f}，达到 {told.answer_from:.2f}，直接回答。",
    "similar": lambda told: f"最像“{told.reasons[0].question}”，得分 {told.score:.2f}，达到 {told.answer_from:.2f}，直接回答。",
    "rival": lambda told: f"{_names(told)}差不多像，最好的两个得分相差不到 {told.clear_from:.2f}，请提问的人选。",
    "near": lambda told: (
        f"最好的得分 {told.score:.2f}，在 {told.offer_from:.2f} 和 {told.answer_from:.2f} 之间，给出{_names(told)}请提问的人选。"
    ),
    "far": lambda told: f"最好的得分 {told.score:.2f}，不到 {told.offer_from:.2f}，不回答。",
}
