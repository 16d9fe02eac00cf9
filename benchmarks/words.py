"""What a word list costs in CPU: a line judged by 10, 1,000 and 100,000 words, the list loaded, and one word of it edited.

``python -m benchmarks.words``; lines are the ordinary chat that comes with the product. Words are made of its characters, so that they nearly fit, as
real ones do; those that hit one of the lines are left out: words that do belong in no list.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jieba

from bot.word_live import LiveWords
from rules import ordinary_chat
from rules.content_words import entry_to_json
from rules.unmask import Reading, read
from rules.wordlist import Lexicon, Word, id_of
from storage.connection import Database
from storage.content import ContentStore
from storage.embedded import EmbeddedServer

SIZES = (10, 1_000, 100_000)
ROUNDS = 7
RULE = "遵守群规"


def make_words(count: int, lines: Sequence[str], dice: random.Random) -> list[Word]:
    """Words of two to six characters as they follow each other in chat, one of them exchanged."""
    found: dict[str, None] = {}
    chars = [char for line in lines for char in line if char > "\u4e00"]
    while len(found) < count:
        line, size = dice.choice(lines), dice.choice((2, 3, 4, 4, 5, 6))
        at = dice.randrange(max(1, len(line) - size))
        word = list(line[at : at + size])
        word[dice.randrange(len(word))] = dice.choice(chars)
        if len(text := "".join(word)) == size and all(char > "\u4e00" for char in text):
            found[text] = None
    return [Word(text, 2, "other", RULE) for text in found]


def microseconds(lexicon: Lexicon, readings: Sequence[Reading]) -> float:
    """CPU time of one line, the best of some rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for reading in readings:
            lexicon.find(reading)
        took.append(time.process_time() - began)
    return min(took) / len(readings) * 1e6


def timed(title: str, began: float) -> None:
    """Prints the CPU time of this process since."""
    print(f"{title:34} {(time.process_time() - began) * 1000:10,.1f} ms")


def live(words: Sequence[Word]) -> None:
    """Loading the list, and editing one word of it, as a process of the bot does."""
    items, now = {id_of(word): entry_to_json(word) for word in words}, datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        database = Database(server.url, timeout_s=10)
        store, began = ContentStore(database), time.process_time()
        store.put("words", items, "benchmark", now)
        timed(f"{len(words):,} words put in force", began)
        lists, began = LiveWords(store), time.process_time()
        lists.refresh(1)
        timed("loaded by a process", began)
        began = time.process_time()
        store.put("words", {"新词": entry_to_json(Word("新词", 2, "other", RULE))}, "benchmark", now)
        timed("one more word put in force", began)
        began = time.process_time()
        lists.refresh(2)
        timed("seen by a process", began)
        database.close()


def main() -> None:
    """Runs it all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--words", type=int, default=SIZES[-1])
    most, lines = options.parse_args().words, ordinary_chat.shipped()
    readings = [read(line) for line in lines]
    words = make_words(most, lines, random.Random(1))
    wide = Lexicon(words).count_in(lines)
    words = [word for word in words if not wide[word.text]]
    first = 0.0
    for size in [*(size for size in SIZES if size < len(words)), len(words)]:
        began = time.process_time()
        lexicon = Lexicon(words[:size])
        built, took = time.process_time() - began, microseconds(lexicon, readings)
        first = first or took
        hits = sum(bool(lexicon.find(reading)) for reading in readings)
        print(f"{size:8,} words: built in {built:5.2f} s, {took:6.2f} µs a line, {took / first:4.1f} × ten words ({hits} lines hit)")
    jieba.lcut("先读词典")
    began = time.process_time()
    for line in lines:
        jieba.lcut(line)
    print(f"{'jieba.lcut of the same lines':34} {(time.process_time() - began) / len(lines) * 1e6:10.1f} µs a line")
    live(words)


if __name__ == "__main__":
    main()
