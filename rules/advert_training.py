"""Trains the model of advertising (:mod:`rules.adverts`) from material that was written for it; docs/models/adverts.md is the card.

The material is advertisements by kind, and what is none of them though it speaks of money, phones and links. Its slots are filled in and its
clauses put together anew by dice, so that a few hundred lines make tens of thousands. Ordinary texts come from whoever asks.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from rules.advert_signs import IDLE, MANNER, SignWords, mark, shipped_words
from rules.adverts import AdvertModel, inputs
from rules.contacts import find_contacts
from rules.gram_model import GramModel
from rules.gram_training import Texts, fit, minimise
from rules.grams import grams
from rules.text import normalise

BITS, KINDS, PENALTY = 19, 3, 3.0
FOLDS = 4
WEIGHT_PENALTY = 1e-5
RATE = 0.0012
"""The share of ordinary texts that may be taken for advertisements: where it is reached lies a score of 0.5."""
_SLOT = re.compile(r"\{(.+?)\}")
_CLAUSE = re.compile(r"[^，；！。]+[，；！。]?")


class Writer:
    """Fills in and varies what was written by hand. The same seed writes the same texts."""

    def __init__(self, seed: int, fillings: Mapping[str, Sequence[str]], words: SignWords) -> None:
        self._dice = random.Random(seed)
        self._is_masked = False
        trade = [word for word in words.said(MANNER | IDLE) if len(word) > 1]
        self._fillings = {**fillings, "词": trade}
        self._made: Mapping[str, Callable[[], str]] = {
            "店": lambda: self._name(self._dice.choice((2, 2, 3, 4))),
            "盘": lambda: self._name(self._dice.choice((1, 2, 2))) + self._slot("苑"),
            "址": self._address,
            "微": self._wechat,
            "电话": self._phone,
            "卡": lambda: self._dice.choice(("6222", "6228", "6217", "6225", "")) + self._digits(self._dice.choice((12, 15))),
            "数": lambda: self._digits(self._dice.choice((1, 1, 2, 2, 3))),
            "万": lambda: self._digits(self._dice.choice((1, 2, 2, 3))),
            "价": lambda: self._digits(self._dice.choice((3, 4, 4, 5))),
            "小价": lambda: self._digits(self._dice.choice((1, 2, 2, 3))) + self._dice.choice(("", "", "", ".9", ".8", ".5")),
            "折": lambda: self._dice.choice((self._digits(1), f"{self._digits(1)}.{self._digits(1)}", *"一三五六七八九")),
            "率": lambda: self._digits(1) + self._dice.choice(("", f".{self._digits(1)}", f".{self._digits(2)}")),
        }

    def advert(self, ads: Sequence[str]) -> str:
        """One advertisement, made of one or two of the ``ads`` of a kind: some clauses left out, some from another, a greeting, an ending."""
        dice = self._dice
        clauses = _CLAUSE.findall(dice.choice(ads))
        if len(clauses) > 3:
            clauses = [clause for clause in clauses if dice.random() < 0.85] or clauses
        if dice.random() < 0.35:
            others = _CLAUSE.findall(dice.choice(ads))
            start = dice.randrange(len(others))
            clauses[dice.randrange(len(clauses) + 1) :] = others[start:]
        if dice.random() < 0.25:
            dice.shuffle(clauses)
        text = "".join(clauses)
        if dice.random() < 0.3:
            text = self._slot("开头") + text
        if dice.random() < 0.25:
            text += self._slot("结尾")
        if dice.random() < 0.1:
            text = "【{店}】" + text
        return self.fill(text)

    def fill(self, text: str) -> str:
        """The text with every slot filled in, its digits masked with ``x`` in every second one, as published collections do."""
        self._is_masked = self._dice.random() < 0.5
        return _SLOT.sub(lambda slot: self._slot(slot[1]), text)

    def _slot(self, name: str) -> str:
        return self._made[name]() if name in self._made else self._dice.choice(self._fillings[name])

    def _name(self, length: int) -> str:
        return "".join(self._dice.choices(self._fillings["字"], k=length))

    def _wechat(self) -> str:
        letters = "".join(self._dice.choices(ascii_lowercase, k=self._dice.randint(2, 6)))
        return self._dice.choice((letters + self._digits(self._dice.randint(2, 6)), self._phone()))

    def _phone(self) -> str:
        dice = self._dice
        if dice.random() < 0.25:
            area, local = self._digits(2), self._digits(8)
            return dice.choice((f"0{area}-{local}", local, local[:7], f"400-{self._digits(3)}-{self._digits(4)}"))
        number = "1" + dice.choice("3456789") + self._digits(9)
        return self._digits(11) if self._is_masked else number

    def _address(self) -> str:
        dice = self._dice
        name = "".join(dice.choices(ascii_lowercase + "0123456789", k=dice.randint(3, 8)))
        tail = dice.choice((".com", ".cn", ".cc", ".top", ".net", ".com/" + name[:4], ".cn/" + name[:5], ".xyz"))
        return dice.choice(("http://", "www.", "", "https://", "t.cn/", "dwz.cn/")) + name + tail

    def _digits(self, count: int) -> str:
        if self._is_masked:
            return "x" * count
        return self._dice.choice("123456789") + "".join(self._dice.choices("0123456789", k=count - 1))


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from: advertisements by kind and harmless texts, both with slots; ordinary texts; texts that were labelled for it (0..1)."""

    adverts: Mapping[str, Sequence[str]]
    harmless: Sequence[str]
    ordinary: Sequence[str]
    fillings: Mapping[str, Sequence[str]]
    labelled: Sequence[tuple[str, float]] = ()


def read_lines(folder: Path) -> Mapping[str, Sequence[str]]:
    """The lines of a folder's files, by the files' names."""
    return {file.stem: file.read_text(encoding="utf-8").splitlines() for file in sorted(folder.glob("*.txt"))}


def read_fillings(file: Path) -> Mapping[str, Sequence[str]]:
    """What slots are filled with, by name."""
    rows = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: values.split(" ") for name, values in rows}


def train(
    material: Material,
    *,
    seed: int = 7,
    adverts: int = 22_000,
    harmless: int = 18_000,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AdvertModel:
    """The model. The signs' weights are learned beside logits of runs that were fitted without the text in question, so that they are not trusted too much."""
    words = shipped_words()
    rows = list(_rows(material, Writer(seed, material.fillings, words), random.Random(seed), adverts, harmless))
    texts = [normalise(text) for text, _, _ in rows]
    labels = np.array([label for _, label, _ in rows])
    folds = np.array([fold for _, _, fold in rows])
    marked = [mark(text) for text in texts]
    logits = np.zeros(len(rows))
    for fold in range(FOLDS):
        on_progress(fold, FOLDS + 2)
        kept, left = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        logits[left] = _logits(_fit([marked[at] for at in kept], labels[kept]), [marked[at] for at in left])
    on_progress(FOLDS, FOLDS + 2)
    runs = _fit(marked, labels)
    on_progress(FOLDS + 1, FOLDS + 2)
    shown = np.array([_inputs(text, at, logit, words) for text, at, logit in zip(texts, marked, logits, strict=True)])
    weights = _weigh(shown, labels)
    return AdvertModel(runs, weights, float(np.quantile((shown @ weights)[labels < 0.5], 1 - RATE)), words)


def _rows(material: Material, writer: Writer, dice: random.Random, adverts: int, harmless: int) -> Iterator[tuple[str, float, int]]:
    """Texts with their labels and folds; what was made of one line lies in one fold."""
    for fold in range(FOLDS):
        kinds = [lines[fold::FOLDS] for lines in material.adverts.values() if lines[fold::FOLDS]]
        for _ in range(adverts // FOLDS):
            yield writer.advert(dice.choices(kinds, [len(lines) for lines in kinds])[0]), 1.0, fold
        lines = material.harmless[fold::FOLDS]
        for _ in range(harmless // FOLDS):
            yield writer.fill(dice.choice(lines)), 0.0, fold
    for text in material.ordinary:
        yield text, 0.0, dice.randrange(FOLDS)
    for text, label in material.labelled:
        yield text, label, dice.randrange(FOLDS)


def _fit(marked: Sequence[str], labels: NDArray[np.float64]) -> GramModel:
    return fit(Texts(marked, labels, np.ones(len(labels))), bits=BITS, kinds=KINDS, penalty=PENALTY)


def _logits(runs: GramModel, marked: Sequence[str]) -> NDArray[np.float64]:
    return np.concatenate([runs.logits(grams(marked[at : at + 2000])) for at in range(0, len(marked), 2000)])


def _inputs(text: str, marked: str, logit: float, words: SignWords) -> NDArray[np.float64]:
    return inputs(words.find(text), tuple(find_contacts(text)), marked, logit, words)


def _weigh(shown: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = shown @ at
        odd = 1 / (1 + np.exp(-np.clip(logits, -30, 30))) - labels
        value = float((np.logaddexp(0, logits) - labels * logits).mean() + WEIGHT_PENALTY / 2 * (at @ at))
        return value, shown.T @ odd / len(labels) + WEIGHT_PENALTY * at

    return minimise(loss, np.zeros(shown.shape[1]), 300)
