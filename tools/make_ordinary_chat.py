"""Makes rules/ordinary_chat.txt: ``BOT_CORPORA=… python -m tools.make_ordinary_chat``, the same text every time.

Only sources whose licence allows it. Lines that name somebody, an address or a long number are left out, and so are those that the shipped word
list finds something to look at in.
"""

from __future__ import annotations

import csv
import os
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rules.contents import WORDS, parse
from rules.ordinary_chat import SHIPPED
from rules.text import normalise
from rules.unmask import read
from rules.wordlist import Lexicon

SOURCES: Mapping[str, tuple[str, int]] = {
    "chat_lccc_toy": ("MIT, thu-coai/CDial-GPT", 3_000),
    "chat_kdconv": ("Apache-2.0, thu-coai/KdConv", 1_000),
    "chat_crosswoz": ("Apache-2.0, thu-coai/CrossWOZ", 1_000),
}
"""The sources, their licences, and how many lines each gives."""
SHORTEST, LONGEST = 4, 80
LIST = Path(__file__).resolve().parent.parent / "rules" / "content" / "words.yaml"

_PRIVATE = re.compile(r"[@#]|https?:|www\.|\d{5}")


def lines(data: Path, source: str) -> Iterator[str]:
    """The lines of a source that may be taken."""
    with (data / source / "public" / "train.tsv").open(encoding="utf-8", newline="") as file:
        found = {normalise(row["text"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    yield from (line for line in sorted(found) if SHORTEST <= len(line) <= LONGEST and not _PRIVATE.search(line))


def main() -> None:
    """Writes the file."""
    listed = parse(WORDS, LIST.read_text(encoding="utf-8"))
    lexicon = Lexicon((word for word in listed.words if word.severity > 1), listed.allow)
    dice, kept = random.Random(1), list[str]()
    for source, (_, most) in SOURCES.items():
        clean = [line for line in lines(Path(os.environ["BOT_CORPORA"]), source) if not lexicon.find(read(line))]
        kept += sorted(dice.sample(clean, most))
    head = [f"# {most} lines of {source} ({licence})" for source, (licence, most) in SOURCES.items()]
    SHIPPED.write_text(
        "\n".join(["# ordinary chat, made by tools/make_ordinary_chat.py, not to be edited", *head, *kept, ""]), encoding="utf-8"
    )
    print(f"{len(kept)} lines, {SHIPPED.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
