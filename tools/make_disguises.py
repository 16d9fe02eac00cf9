"""Makes rules/disguises.tsv, how characters are disguised: ``python -m tools.make_disguises LEXICONS``.

Needs ``pip install pypinyin``, which the bot itself does not, and LEXICONS, a folder with chaizi-jt.txt, similar_shape_chars.txt and
plome_same_stroke.txt. What emoji and well-known initials stand for is written by hand, in tools/emoji.txt and tools/initials.txt.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "rules" / "disguises.tsv"
EMOJI = Path(__file__).resolve().with_name("emoji.txt")
INITIALS = EMOJI.with_name("initials.txt")
MOST = 5_500
"""The commonest characters, by jieba's dictionary, that are disguised or serve as a disguise."""
_ALWAYS = "屄肏屌婊蝻尻艹婢奴逼畜孬屎尿贱"
_MOST_ALIKE = 16
_FLAGS = ["\U0001f3f3", *map(chr, range(0x1F1E6, 0x1F200))]
_HEAD = """\
# How characters are disguised; made by tools/make_disguises.py, not to be edited.
# sound: a syllable without its tone, the characters that are read so. From pypinyin (MIT, github.com/mozillazg/python-pinyin).
# parts: a character, the two or three characters it falls into. From chaizi (CC BY 3.0, github.com/kfcd/chaizi).
# shape: a character, those that look like it. From contr4l/SimilarCharacter (MIT) and PLOME (Apache-2.0, github.com/liushulinle/PLOME).
# emoji, initials: what stands for a word, the words. Written for this project.
"""


def main() -> None:
    """Writes the table."""
    folder = Path(sys.argv[1])
    common = dict.fromkeys([*_common()[:MOST], *_ALWAYS])
    lines = [f"sound\t{syllable}\t{chars}" for syllable, chars in _sounds(list(common))]
    lines += [f"parts\t{char}\t{parts}" for char, parts in _parts(folder / "chaizi-jt.txt", common)]
    lines += [f"shape\t{char}\t{others}" for char, others in _shapes(folder, common)]
    lines += [f"emoji\t{marks}\t{words}" for marks, words in _emoji()]
    lines += ["initials\t{}\t{}".format(*line.split()) for line in INITIALS.read_text(encoding="utf-8").splitlines()]
    TARGET.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(lines)} lines, {TARGET.stat().st_size:,} bytes")


def _common() -> list[str]:
    jieba = import_module("jieba")
    counted: defaultdict[str, int] = defaultdict(int)
    for line in Path(str(jieba.__file__)).with_name("dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split()
        for char in word:
            if "\u4e00" <= char <= "\u9fff":
                counted[char] += int(count)
    return sorted(counted, key=lambda char: (-counted[char], char))


def _sounds(common: list[str]) -> list[tuple[str, str]]:
    """The characters of each syllable, the commonest first; ü is typed v."""
    pinyin = import_module("pypinyin").lazy_pinyin
    found: defaultdict[str, list[str]] = defaultdict(list)
    for char in common:
        syllable = pinyin(char)[0]
        if syllable.isascii():
            found[syllable].append(char)
    return [(syllable, "".join(found[syllable])) for syllable in sorted(found)]


def _parts(path: Path, common: dict[str, None]) -> Iterator[tuple[str, str]]:
    """A character and its ways to fall apart into two or three characters, of which one at least is a character of its own."""
    seen: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        char, *ways = line.split("\t")
        for way in ways:
            parts = way.split()
            is_plain = len(parts) in {2, 3} and all(len(part) == 1 for part in parts)
            if char in common and is_plain and not common.keys().isdisjoint(parts):
                seen[char]["".join(parts)] = None
    yield from ((char, " ".join(ways)) for char, ways in seen.items())


def _shapes(folder: Path, common: dict[str, None]) -> Iterator[tuple[str, str]]:
    """A character and at most a dozen that look like it, the two sources in turn; the relation goes both ways."""
    alike: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for name, blank in (("similar_shape_chars.txt", " "), ("plome_same_stroke.txt", ",")):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            char, *others = [part.strip() for part in line.split(blank)]
            for other in "".join(others):
                if char != other and char in common and other in common and len(alike[char]) < _MOST_ALIKE:
                    alike[char][other] = None
    for char in common:
        if alike[char]:
            yield char, "".join(alike[char])


def _emoji() -> Iterator[tuple[str, str]]:
    for line in EMOJI.read_text(encoding="utf-8").splitlines():
        marks, _, words = line.partition(" ")
        for mark in _marks(marks):
            yield mark, words


def _marks(row: str) -> Iterator[str]:
    """The emoji of a row, each in one sign, without what is invisible; a row that holds a flag is that flag."""
    signs = [sign for sign in row if sign not in "\ufe0f\u200d"]
    yield from ["".join(signs)] if any(sign in signs for sign in _FLAGS) else signs


if __name__ == "__main__":
    main()
