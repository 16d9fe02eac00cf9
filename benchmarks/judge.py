"""What judging costs: processor time a text, alone and in batches, beside jieba's cutting of the same texts in the same run; memory; the first answer.

``python -m benchmarks.judge [FILE]``: texts one a line; without a file those that every checkout has (tests/data, the FAQ that ships).
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import jieba

from bot.config import load
from commands.build import HERE, models_in_use
from rules.contents import FAQ, MODERATION, WORDS, parse
from rules.moderation import Judge
from rules.unmask import read
from rules.wordlist import Lexicon

ROUNDS = 7
FIRST = 5
LIMIT_PART = 0.87
"""A hundred microseconds of the reference machine, where jieba takes 115 for the same texts."""


def main() -> None:
    """Measures and prints."""
    texts = _texts(sys.argv[1:])
    before_kb = _resident_kb()
    judge = _open()
    judge.judge("先热一下身")
    added_kb = _resident_kb() - before_kb
    jieba.initialize()
    steps: dict[str, Callable[[Sequence[str]], object]] = {
        "jieba.lcut": lambda some: [jieba.lcut(text) for text in some],
        "judge, one by one": lambda some: [judge.judge(text) for text in some],
        "judge_many": lambda some: list(judge.judge_many(some)),
    }
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            read.cache_clear()
            took[name].append(_cpu_us(step, texts))
    print(f"{len(texts)} texts of {sum(map(len, texts)) / len(texts):.0f} characters, medians of {ROUNDS} rounds, processor time")
    cut = median(took["jieba.lcut"])
    for name, rounds in took.items():
        print(f"  {name:<20}{median(rounds):8.1f} us a text  {median(rounds) / cut:5.2f} x jieba (asked: at most {LIMIT_PART})")
    print(f"memory added by the judge: {added_kb / 1024:.0f} MB (asked: at most 80)")
    answers = [_first_answer_s() for _ in range(FIRST)]
    print(f"first answer of `run.py judge`: {median(answers):.2f} s, processor time {_first_cpu_s():.2f} s")


def _texts(files: Sequence[str]) -> list[str]:
    if files:
        return Path(files[0]).read_text(encoding="utf-8").splitlines()
    with (HERE / "tests" / "data" / "group_messages.tsv").open(encoding="utf-8", newline="") as opened:
        said = [row["text"] for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)]
    entries = parse(FAQ, (HERE / "rules" / "content" / FAQ.file).read_text(encoding="utf-8"))
    return said + [wording for entry in entries for wording in (entry.question, *entry.similar)]


def _open() -> Judge:
    folder = HERE / "rules" / "content"
    listed = parse(WORDS, (folder / WORDS.file).read_text(encoding="utf-8"))
    policy = parse(MODERATION, (folder / MODERATION.file).read_text(encoding="utf-8"))
    return Judge(Lexicon(listed.words, listed.allow), policy, models_in_use(load(HERE / "config.yaml", {})))


def _cpu_us(step: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    start = time.process_time()
    step(texts)
    return (time.process_time() - start) / len(texts) * 1e6


def _resident_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def _first_answer_s() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, HERE / "run.py", "judge"], input="你好\n".encode(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _first_cpu_s() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _first_answer_s()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
