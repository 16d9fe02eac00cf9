"""Makes rules/variants.tsv, the table of characters that stand for each other: ``python -m tools.make_variants SHAPES``.

Needs ``pip install opencc pypinyin``, which the bot itself does not, and SHAPES, the file similar_shape_chars.txt of contr4l/SimilarCharacter.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "rules" / "variants.tsv"
MOST = 4_500
"""The commonest characters, by jieba's dictionary, between which typing mistakes are looked for."""
_FUZZY = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
_HEAD = """\
# Characters that stand for each other; made by tools/make_variants.py, not to be edited.
# simple: traditional character, simplified one. From OpenCC (Apache-2.0, github.com/BYVoid/OpenCC).
# sound: characters pronounced alike, zh/z, ng/n and the like taken together. From pypinyin (MIT, github.com/mozillazg/python-pinyin).
# shape: characters that look alike. From contr4l/SimilarCharacter (MIT).
"""


def main() -> None:
    """Writes the table."""
    common = set(_common())
    lines = [f"simple\t{one}\t{other}" for one, other in _simple()]
    lines += [f"sound\t{''.join(sorted(chars))}" for chars in _sounds(common) if len(chars) > 1]
    lines += [f"shape\t{chars}" for chars in _shapes(Path(sys.argv[1]), common)]
    TARGET.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(lines)} lines")


def _common() -> list[str]:
    jieba = import_module("jieba")
    counted: defaultdict[str, int] = defaultdict(int)
    for line in Path(str(jieba.__file__)).with_name("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split()
        for char in word:
            counted[char] += int(count)
    return sorted(counted, key=lambda char: -counted[char])[:MOST]


def _simple() -> list[tuple[str, str]]:
    convert = import_module("opencc").OpenCC("t2s").convert
    found = {char: convert(char) for char in map(chr, [*range(0x3400, 0xA000), *range(0xF900, 0xFB00)])}
    changed = {char: simple for char, simple in found.items() if len(simple) == 1 and simple != char}
    return [(char, simple) for char, simple in sorted(changed.items()) if simple not in changed and char not in "乾著"]


def _sounds(common: set[str]) -> list[set[str]]:
    pinyin = import_module("pypinyin").lazy_pinyin
    found: defaultdict[str, set[str]] = defaultdict(set)
    for char in common:
        sound = pinyin(char)[0]
        for long, short in _FUZZY:
            sound = sound.replace(long, short)
        if sound.isascii():
            found[sound].add(char)
    return [found[sound] for sound in sorted(found)]


def _shapes(path: Path, common: set[str]) -> list[str]:
    groups = ("".join(sorted(common & set(line.strip()))) for line in path.read_text(encoding="utf-8").splitlines())
    return sorted({chars for chars in groups if 1 < len(chars) <= 12})


if __name__ == "__main__":
    main()
