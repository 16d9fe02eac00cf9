"""Sentences made to learn from, of the words and patterns in ``sayings.txt``.

Abuse of the plain kind (you are a …), and above all what only looks like it: quarrels without insults, quotes and reports of insults, words of
reproach for oneself, teasing among friends, complaints about goods, and everyday words that hold a bad one (垃圾分类).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

ABUSIVE, HARMLESS = "abusive", "harmless"
_FILE = Path(__file__).with_name("sayings.txt")
_SECTION = re.compile(r"^\[(\w+)\]\n", re.MULTILINE)
_SLOT = re.compile(r"\{(\w+)\}")
_OPENINGS = ("", "", "", "@{name} ", "{name}，", "真的，", "说实话", "唉，", "呵呵，", "大家好，", "我说，", "哎", "有一说一，")
_ENDINGS = ("", "", "", "！", "。", "！！", "……", "？", "吧", "啊", "呢", "[微笑]", "[怒]", "[捂脸]", "哈", "，真的")


def sayings(kind: str, count: int, dice: Random, around: Sequence[str] = ()) -> Iterator[str]:
    """``count`` sentences of a kind (``ABUSIVE``, ``HARMLESS``); a third of them beside one of the texts ``around``."""
    patterns, words = _listed()
    for _ in range(count):
        pattern = dice.choice(_OPENINGS) + dice.choice(patterns[kind]) + dice.choice(_ENDINGS)
        said = _SLOT.sub(lambda slot: dice.choice(words[slot[1]]), pattern)
        if around and dice.random() < 1 / 3:
            beside = dice.choice(around)
            said = f"{beside} {said}" if dice.random() < 0.5 else f"{said}，{beside}"
        yield said


@cache
def _listed() -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
    """The patterns of each kind, and the words for each slot."""
    _, *parts = _SECTION.split(_FILE.read_text(encoding="utf-8"))
    sections = {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
    patterns = {kind: sections.pop(kind).splitlines() for kind in (ABUSIVE, HARMLESS)}
    return patterns, {slot: text.split() for slot, text in sections.items()}
