"""Measures how well disguised abuse is found, as docs/models/unmasking.md shows: ``BOT_CORPORA=FOLDER python -m tools.measure_unmasking``.

Abuse of COLD's development part is disguised in eight ways, and texts of chat that nothing was learned from are written oddly. The shipped
files have learned from that part: for honest figures give files made without it (``python -m tools.train_unmask --without-dev --to FILE``).
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from bot.config import Config
from commands.build import models_in_use
from rules import restoring
from rules.abuse import AbuseModel
from rules.contents import MODERATION, WORDS, parse
from rules.moderation import Judge, Models
from rules.text import Words, normalise
from rules.unmask import Reading, read
from rules.wordlist import Lexicon
from tools.rewritings import DISGUISES, ODDITIES, Rewriter, oddly
from tools.train_unmask import read_labelled

_CHATS = ("chat_nus_sms", "chat_ecd_sample")
"""Chat of which nothing was learned."""
_SEED = 11
Flagged = Callable[[Sequence[str]], float]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("BOT_CORPORA", ".")))
    parser.add_argument("--restorer", type=Path, default=restoring.SHIPPED)
    parser.add_argument("--most", type=int, default=800, help="texts of each kind")
    parser.add_argument("--abuse", type=Path, help="weights of the model of abuse that were made without it")
    asked = parser.parse_args()
    restoring.SHIPPED = asked.restorer
    learned, dev = read_labelled(asked.corpora)
    rewriter = Rewriter.learn(*zip(*learned, strict=True))
    abuse = _some([text for text, label in dev if label], asked.most)
    chat = _some([text for name in _CHATS for text in _texts(asked.corpora, name)], 2 * asked.most)
    setups = _setups(asked.abuse)
    print(_disguised(abuse, rewriter, setups), _odd(chat, setups), _views(chat), _cost(chat), sep="\n\n")


def _setups(weights: Path | None) -> Mapping[str, Flagged]:
    """What may flag a text: each gives the share of texts that it flags."""
    content = Path(restoring.__file__).parent / "content"
    words = parse(WORDS, (content / WORDS.file).read_text(encoding="utf-8"))
    policy = parse(MODERATION, (content / MODERATION.file).read_text(encoding="utf-8"))
    lexicon, models = Lexicon(words.words, words.allow), models_in_use(Config())
    models = replace(models, abuse=AbuseModel.load(weights)) if weights else models
    judges = {
        "word list": Judge(lexicon, policy),
        "model": Judge(Lexicon(), policy, Models(abuse=models.abuse)),
        "both": Judge(lexicon, policy, models),
    }
    abuse, least = models.abuse, policy.standard("").review
    assert abuse

    def by_the_plain_view(texts: Sequence[str]) -> float:
        plain = [Reading(reading.sent, reading.views[:1]) for reading in map(read, texts)]
        return sum(score >= least for score in abuse.scores(plain)) / len(plain)

    return {"model, plain view": by_the_plain_view} | {name: _by(judge) for name, judge in judges.items()}


def _by(judge: Judge) -> Flagged:
    return lambda texts: sum(verdict.verdict != "pass" for verdict in judge.judge_many(texts)) / len(texts)


def _disguised(abuse: Sequence[str], rewriter: Rewriter, setups: Mapping[str, Flagged]) -> str:
    dice = Random(_SEED)
    base = {name: flagged(abuse) for name, flagged in setups.items()}
    rows = [["none: flagged", *(f"{share:.3f}" for share in base.values())]]
    kept: dict[str, list[float]] = {name: [] for name in setups}
    for kind in DISGUISES:
        texts = [rewriter.rewrite(kind, text, dice) for text in abuse]
        for name, flagged in setups.items():
            kept[name].append(flagged(texts) / base[name])
        rows.append([f"{kind}: kept", *(f"{shares[-1]:.3f}" for shares in kept.values())])
    rows.append(["mean kept", *(f"{sum(shares) / len(shares):.3f}" for shares in kept.values())])
    rows.append(["worst kept", *(f"{min(shares):.3f}" for shares in kept.values())])
    return _table(["disguise", *setups], rows)


def _odd(chat: Sequence[str], setups: Mapping[str, Flagged]) -> str:
    dice = Random(_SEED)
    rows = [["as it was sent", *(f"{flagged(chat):.2%}" for flagged in setups.values())]]
    for kind in ODDITIES:
        texts = [oddly(kind, text, dice) for text in chat]
        rows.append([kind, *(f"{flagged(texts):.2%}" for flagged in setups.values())])
    return _table(["harmless chat, flagged", *setups], rows)


def _views(chat: Sequence[str]) -> str:
    """How often a text gets a view more by each step: what is joined falsely, for this is ordinary chat."""
    steps = [step for text in chat for step in dict.fromkeys(step for view in read(text).views for step in view.steps)]
    rows = [[step, f"{steps.count(step) / len(chat):.2%}"] for step in sorted(set(steps))]
    return _table(["step", "ordinary chat with it"], [*rows, ["any", f"{sum(len(read(text).views) > 1 for text in chat) / len(chat):.2%}"]])


def _cost(chat: Sequence[str]) -> str:
    """Microseconds a text, beside jieba cutting the same texts in the same run."""
    words = Words(is_fast=False)
    words.cut("热身")
    took = {}
    ways: Mapping[str, Callable[[str], object]] = {"read": read.__wrapped__, "jieba": words.cut, "normalise": normalise.__wrapped__}
    for name, done in ways.items():
        began = time.process_time()
        for text in chat:
            done(text)
        took[name] = (time.process_time() - began) / len(chat) * 1e6
    return _table(["", "µs a text"], [[name, f"{cost:.1f}"] for name, cost in took.items()])


def _texts(corpora: Path, name: str) -> Iterable[str]:
    with (corpora / name / "public" / "train.tsv").open(encoding="utf-8", newline="") as opened:
        yield from (row["text"] for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))


def _some(texts: Sequence[str], most: int) -> list[str]:
    return list(texts[:: max(1, len(texts) // most)])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
