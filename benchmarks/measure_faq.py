"""How well the FAQ's engine does on real questions: ``BOT_CORPORA=… python -m benchmarks.measure_faq``.

The questions of each public set are halved by a hash of their text: constants are chosen by looking at the first half (``tune``) only, the other
(``held``) was never looked at. For each half: right, wrong, offered with and without the right one, silent, p@1, r@5, the 95 % interval of p@1,
and what happened to questions that no entry answers. ``--curve FILE`` writes right/wrong/silent over thresholds, what the picture in
docs/faq-engine.md is drawn from (``python -m tools.draw_faq``).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.entries import Entry
from rules.faq import CLEAR_FROM, Candidate, Faq
from rules.faq_likeness import ANSWER_FROM, OFFER_FROM
from rules.text import Words

SETS = ("faq_telecom29", "faq_bq_corpus", "faq_lcqmc")
CHAT = ("chat_nus_sms", "chat_lccc_toy", "chat_kdconv")
CHAT_LINES = 500
"""Of each source of ordinary chat."""
SHOWN = 3
"""Candidates that an offer shows."""


@dataclass(frozen=True, slots=True)
class Question:
    """``entry`` is the one that answers it, empty when none does; ``kind`` is ``in``, ``more`` (a wording left over) or ``oos_…``, ``chat``."""

    text: str
    kind: str
    entry: str

    @property
    def half(self) -> str:
        """``tune`` or ``held``, by the text."""
        return "held" if hashlib.sha256(self.text.encode()).digest()[0] & 1 else "tune"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what the engine made of it."""

    question: Question
    outcome: str
    candidates: tuple[tuple[str, float], ...]

    @property
    def is_first(self) -> bool:
        """Whether the best candidate is the right one."""
        return bool(self.candidates) and self.candidates[0][0] == self.question.entry


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, none when there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def load(data: Path, name: str, similar: int = 4) -> tuple[list[Entry], list[Question]]:
    """A set's entries, each with its first wordings, and its questions."""
    folder = data / name / "public"
    wordings: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows(folder / "faq.tsv"):
        wordings[row["faq"]].append(row["text"])
    entries = [Entry(id, asked[0], "答", tuple(asked[1 : 1 + similar])) for id, asked in wordings.items()]
    questions = [Question(text, "more", id) for id, asked in wordings.items() for text in asked[1 + similar :]]
    for table in ("queries.tsv", "dev_queries.tsv", "oos.tsv"):
        for row in rows(folder / table):
            kind = row.get("kind") or "in"
            questions.append(Question(row["text"], kind, row["faq"] if kind == "in" else ""))
    for source in CHAT:
        for file in sorted((data / source / "public").glob("*.tsv")):
            questions += [Question(row["text"], "chat", "") for row in rows(file)[:CHAT_LINES]]
    return entries, questions


def outcome_of(candidates: Sequence[tuple[str, float]], answer_from: float) -> str:
    """What the engine would do with another threshold."""
    scores = [score for _, score in candidates[:2]] + [0.0, 0.0]
    if scores[0] < OFFER_FROM:
        return "silent"
    return "answer" if scores[0] >= answer_from and scores[0] - scores[1] >= CLEAR_FROM else "offer"


def figures(asked: Sequence[Asked]) -> dict[str, float]:
    """The figures of some questions of all kinds."""
    found: dict[str, float] = {}
    for kind in ("in", "more"):
        these = [each for each in asked if each.question.kind == kind]
        if these:
            found |= {(f"{kind} " if kind != "in" else "") + name: value for name, value in _of_answerable(these).items()}
    for kind in sorted({each.question.kind for each in asked} - {"in", "more"}):
        these = [each for each in asked if each.question.kind == kind]
        found[f"{kind} answered"] = sum(each.outcome == "answer" for each in these) / len(these)
        found[f"{kind} offered"] = sum(each.outcome == "offer" for each in these) / len(these)
    return found


def _of_answerable(asked: Sequence[Asked]) -> dict[str, float]:
    count = len(asked)
    answered = [each for each in asked if each.outcome == "answer"]
    offered = [each for each in asked if each.outcome == "offer"]
    shown = sum(each.question.entry in [id for id, _ in each.candidates[:SHOWN]] for each in offered)
    right = sum(each.is_first for each in answered)
    first = sum(each.is_first for each in asked) / count
    by_entry: defaultdict[str, list[bool]] = defaultdict(list)
    for each in asked:
        by_entry[each.question.entry].append(each.is_first)
    return {
        "questions": count,
        "right": right / count,
        "wrong": (len(answered) - right) / count,
        "right or offered with right": (right + shown) / count,
        "silent": 1 - (len(answered) + len(offered)) / count,
        "p@1": first,
        "p@1 ±": 1.96 * (first * (1 - first) / count) ** 0.5,
        "p@1 mean over entries": sum(sum(each) / len(each) for each in by_entry.values()) / len(by_entry),
        "r@5": sum(each.question.entry in [id for id, _ in each.candidates] for each in asked) / count,
    }


def ask_all(faq: Faq, questions: Iterable[Question]) -> list[Asked]:
    """Every question asked."""
    return [Asked(each, found.outcome, _plain(found.candidates)) for each in questions for found in [faq.ask(each.text)]]


def _plain(candidates: Sequence[Candidate]) -> tuple[tuple[str, float], ...]:
    return tuple((each.entry.id, each.score) for each in candidates)


def curve(asked: Sequence[Asked]) -> list[dict[str, float]]:
    """Right, wrong, offered, silent and false answers over thresholds."""
    points = []
    for step in range(30, 101, 2):
        again = [Asked(each.question, outcome_of(each.candidates, step / 100), each.candidates) for each in asked]
        points.append({"threshold": step / 100} | figures(again))
    return points


def _print(name: str, halves: Mapping[str, Mapping[str, float]]) -> None:
    print(name)
    for figure in next(iter(halves.values())):
        print(f"  {figure:32}" + "".join(f"{half} {values.get(figure, float('nan')):8.4f}   " for half, values in halves.items()))


def main() -> None:
    """Measures the sets and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("--tune-only", action="store_true", help="leave the held half alone")
    parser.add_argument("--curve", type=Path, help="write what the picture is drawn from")
    chosen = parser.parse_args()
    data = Path(os.environ["BOT_CORPORA"])
    words = Words()
    words.cut("读词典")
    curves = {}
    print(f"offer from {OFFER_FROM}, answer from {ANSWER_FROM}, clear from {CLEAR_FROM}")
    for name in chosen.set or SETS:
        entries, questions = load(data, name)
        started = time.process_time()
        faq = Faq(entries, words)
        built = time.process_time()
        asked = ask_all(faq, [each for each in questions if not chosen.tune_only or each.half == "tune"])
        spent = time.process_time() - built
        halves = {half: figures([each for each in asked if each.question.half == half]) for half in ("tune", "held")}
        _print(name, {half: values for half, values in halves.items() if values} | {"all": figures(asked)})
        print(f"  built in {built - started:.2f} s CPU, {spent / len(asked) * 1e6:.0f} µs CPU a question")
        curves[name] = curve([each for each in asked if each.question.kind != "more"])
    if chosen.curve:
        chosen.curve.write_text(json.dumps(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
