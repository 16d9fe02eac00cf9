"""What the FAQ costs: a question at 10, 1,000 and 100,000 entries, making the index, starting with it, and memory.

``python -m benchmarks.faq [--sizes 10,1000,100000] [--questions 500]``. The entries and questions are made up from templates. CPU time of this
thread counts, not the clock on the wall. The machine's speed is measured by a loop before and after, and every figure is given twice: as
measured, and at the reference speed, at which ten million additions in a loop take 0.7 s.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import questions
from bot.faq_file import NAME, FaqFile, Label
from bot.faq_maker import make
from rules import faq as faq_module
from rules.contents import entry_to_json
from rules.entries import Entry
from rules.faq import Faq, scheme_of
from rules.faq_index import Index
from rules.text import Words

REFERENCE_S = 0.7
"""What the loop takes at the reference speed."""
LOOPS = 3_000_000
_SYLLABLES = "云海星辰蓝青紫金银木火石风雪月晨光峰川林森禾麦竹梅兰菊荷茶米谷雅乐欢喜康宁安泰和顺丰盛宏远达通汇聚优佳美妙奇幻灵慧"


def slowness() -> float:
    """How many times slower than the reference this machine is at the moment, by its CPU time."""
    start = time.thread_time()
    total = 0
    for number in range(LOOPS):
        total += number
    return (time.thread_time() - start) / (REFERENCE_S * LOOPS / 10_000_000)


def entries(count: int) -> list[Entry]:
    """So many entries: the thousand of the other benchmarks, above that once for each of many made-up shops."""
    if count <= 1_000:
        return list(questions.entries()[:count])
    dice = random.Random(1)
    shops = dict.fromkeys("".join(dice.sample(_SYLLABLES, 2)) for _ in range(count // 500))
    made = (_of_shop(shop, entry) for shop in shops for entry in questions.entries())
    return [entry for entry, _ in zip(made, range(count), strict=False)]


def _of_shop(shop: str, entry: Entry) -> Entry:
    similar = tuple(f"{shop}{each}" for each in entry.similar)
    return Entry(f"{shop}-{entry.id}", f"{shop}{entry.question}", entry.answer, similar, tuple(f"{shop}+{each}" for each in entry.keywords))


def asked(listed: Sequence[Entry], count: int) -> list[tuple[str, str]]:
    """Questions that no entry lists, with the id of the entry that is meant."""
    dice = random.Random(2)
    found = []
    for entry in dice.choices(listed, k=count):
        shop, _, place = entry.id.rpartition("q")
        found.append((shop.rstrip("-") + questions.own_wording(place), entry.id))
    return found


def measure(ask: Callable[[str], object], texts: Sequence[str]) -> tuple[float, float]:
    """Median and 95th percentile of the CPU time of a question, in µs, the first round apart."""
    for text in texts[:100]:
        ask(text)
    took = sorted(_cpu_us(ask, text) for text in texts)
    return took[len(took) // 2], took[len(took) * 95 // 100]


def _cpu_us(ask: Callable[[str], object], text: str) -> float:
    start = time.thread_time_ns()
    ask(text)
    return (time.thread_time_ns() - start) / 1_000


def _memory_mb() -> dict[str, float]:
    """What this process holds: alone, and shared with whoever maps the same file."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    kept = {name.rstrip(":"): int(size) / 1024 for name, size, *_ in lines}
    return {"own": kept["Private_Clean"] + kept["Private_Dirty"], "own, written": kept["Private_Dirty"], "all": kept["Rss"]}


def measure_size(count: int, asks: int) -> Iterator[tuple[str, str]]:
    """Name and value of each figure at one size."""
    with tempfile.TemporaryDirectory() as folder:
        words = Words(Path(folder))
        words.cut("词典先读")
        listed = entries(count)
        texts = [entry_to_json(entry) for entry in listed]
        file = FaqFile(Path(folder) / "faq", words, partial(make, words=words))
        before = slowness()
        start = time.thread_time()
        with file.turn(is_waiting=True):
            file.make(Label(1, ""), texts)
        built = time.thread_time() - start
        slow = (before + slowness()) / 2
        yield "wordings", str(sum(1 + len(entry.similar) for entry in listed))
        yield "build, s", f"{built:.2f} ({built / slow:.2f} at reference)"
        yield "file, MB", f"{(Path(folder) / 'faq' / NAME).stat().st_size / 1e6:.1f}"
        del texts
        base = _memory_mb()
        start = time.thread_time()
        shared = file.open(lambda _: True)
        assert shared is not None
        faq = Faq.over(Index(scheme_of(words), shared.layer))
        faq.ask("第一个问题")
        started = time.thread_time() - start
        yield "start, s", f"{started:.3f} ({started / slow:.3f} at reference)"
        yield from _asking(faq, listed, asks)
        yield "memory of the process above what it had, MB", ", ".join(f"{n} {v - base[n]:.0f}" for n, v in _memory_mb().items())
        start = time.thread_time()
        edited = faq.with_changes({f"new{n}": Entry(f"new{n}", f"新问题第 {n} 个怎么办", "答") for n in range(100)})
        edited.ask("新问题第 5 个")
        yield (
            "100 edits taken in, ms",
            f"{(time.thread_time() - start) * 1e3:.0f} ({(time.thread_time() - start) * 1e3 / slow:.0f} at reference)",
        )


def _asking(faq: Faq, listed: Sequence[Entry], asks: int) -> Iterator[tuple[str, str]]:
    pairs = asked(listed, asks)
    texts = [text for text, _ in pairs]
    remembered, faq_module.LONGEST_REMEMBERED = faq_module.LONGEST_REMEMBERED, 0  # what was found before is not to be measured
    before = slowness()
    median, slowest = measure(faq.ask, texts)
    slow = (before + slowness()) / 2
    faq_module.LONGEST_REMEMBERED = remembered
    yield "machine slower than the reference", f"{slow:.2f} times"
    yield "question, median µs", f"{median:.0f} ({median / slow:.0f} at reference)"
    yield "question, 95 % µs", f"{slowest:.0f} ({slowest / slow:.0f} at reference)"
    found = [faq.ask(text) for text in texts]
    again, _ = measure(faq.ask, texts)
    yield "one that was asked before, median µs", f"{again:.0f} ({again / slow:.0f} at reference)"
    reached = sum(any(one.entry.id == id for one in each.candidates) for each, (_, id) in zip(found, pairs, strict=True))
    yield "questions with the right entry among the five", f"{reached / len(pairs):.3f}"


def main() -> None:
    """Each size in a process of its own, so that memory is that of one size."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", default="10,1000,100000")
    options.add_argument("--questions", type=int, default=500)
    options.add_argument("--one", type=int, help=argparse.SUPPRESS)
    told = options.parse_args()
    if told.one:
        for name, value in measure_size(told.one, told.questions):
            print(f"  {name}: {value}", flush=True)
        print(f"  peak memory of this process, making included, MB: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
        return
    for size in told.sizes.split(","):
        print(f"{int(size):,} entries", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks.faq", "--one", size, "--questions", str(told.questions)], check=True)


if __name__ == "__main__":
    main()
