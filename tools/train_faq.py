"""Counts what is said in ordinary chat: ``BOT_CORPORA=… python -m tools.train_faq`` writes ``rules/faq_ordinary.txt``, the same text every time.

Only texts whose licence allows it are counted; docs/faq-engine.md is the model card.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rules.faq_ordinary import SHIPPED, to_text
from rules.faq_terms import Terms, shipped
from rules.text import Words, core

SOURCES = {"chat_lccc_toy": "MIT", "chat_kdconv": "Apache-2.0", "chat_crosswoz": "Apache-2.0"}
LEAST = 3
"""Messages in which a pair was said; fewer are left out: they might be anybody's own words."""


def messages(data: Path) -> Iterator[str]:
    """The texts of all sources."""
    for source in SOURCES:
        with (data / source / "public" / "train.tsv").open(encoding="utf-8", newline="") as file:
            yield from (row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def main() -> None:
    """Counts and writes."""
    terms = Terms(Words(), shipped())
    counts: Counter[str] = Counter()
    said = 0
    for text in messages(Path(os.environ["BOT_CORPORA"])):
        counts.update(pair[1:] for pair in terms.features(terms.cut(core(text))) if pair[0] == "~")
        said += 1
    kept = {pair: count for pair, count in counts.items() if count >= LEAST}
    about = "pairs of characters in ordinary chat: " + ", ".join(f"{source} ({licence})" for source, licence in SOURCES.items())
    SHIPPED.write_text(to_text(said, kept, about), encoding="utf-8")
    print(f"{len(kept)} pairs of {said} messages, {SHIPPED.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
