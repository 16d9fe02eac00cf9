"""Draws what short messages that are no advertising pay for what is found: ``BOT_CORPORA=FOLDER python -m tools.draw_moderation``.

Writes ``docs/images/moderation-frontier.svg`` and prints the tables of docs/moderation.md: one threshold is moved, all else is as it ships.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.config import Config
from commands.build import models_in_use
from rules.adverts import AdvertModel
from rules.contents import MODERATION, WORDS, parse
from rules.judgement import Reason
from rules.moderation import Judge, Models
from rules.policy import Policy
from rules.unmask import Reading
from rules.wordlist import Lexicon

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "moderation-frontier.svg"
REVIEW = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.01)
"""The model of abuse: from which score a person looks; ``addressed`` moves along."""
BARS = (0.5, 0.52, 0.54, 0.56, 0.6, 0.65, 0.73, 0.8, 0.9, 1.01)
"""The judge of advertisements: the score from which it takes a text for one."""
ASKED_HAM = 0.005
WIDTH, HEIGHT, LEFT, TOP, GAP, MOST = 300, 220, 60, 50, 90, 0.02
COLOURS = ("#1565c0", "#2e7d32")

Texts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Point:
    """What is flagged of each set at a threshold, as shares."""

    threshold: float
    flagged: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Barred:
    """The judge of advertisements with a higher bar; contacts are told as ever."""

    model: AdvertModel
    bar: float

    def find(self, reading: Reading, allowed: Collection[str] = ()) -> tuple[Reason, ...]:
        """The reasons that pass the bar."""
        return self._kept(self.model.find(reading, allowed))

    def find_many(self, readings: Sequence[Reading], allowed: Collection[str] = ()) -> list[tuple[Reason, ...]]:
        """:meth:`find` of many texts."""
        return [self._kept(found) for found in self.model.find_many(readings, allowed)]

    def _kept(self, found: Iterable[Reason]) -> tuple[Reason, ...]:
        return tuple(reason for reason in found if reason.category == "contact" or reason.score >= self.bar)


def curve_of_abuse(lexicon: Lexicon, policy: Policy, models: Models, texts: Texts) -> list[Point]:
    """What is flagged as the model of abuse has to be surer."""
    normal = policy.standards["normal"]
    standards = {
        at: replace(normal, review=at, addressed=normal.addressed * at / normal.review, warn=max(at, normal.warn)) for at in REVIEW
    }
    judges = {at: Judge(lexicon, replace(policy, standards={**policy.standards, "normal": one}), models) for at, one in standards.items()}
    return [Point(at, shares(judge, texts)) for at, judge in judges.items()]


def curve_of_adverts(lexicon: Lexicon, policy: Policy, models: Models, texts: Texts) -> list[Point]:
    """What is flagged as the judge of advertisements has to be surer."""
    assert isinstance(models.adverts, AdvertModel)
    barred = {at: replace(models, adverts=Barred(models.adverts, at)) for at in BARS}
    return [Point(at, shares(Judge(lexicon, policy, one), texts)) for at, one in barred.items()]


def shares(judge: Judge, texts: Texts) -> dict[str, float]:
    """Of each set the share that is not passed."""
    return {name: sum(verdict.verdict != "pass" for verdict in judge.judge_many(some)) / len(some) for name, some in texts.items()}


def picture(panels: Sequence[tuple[str, Sequence[Point], Mapping[str, float]]]) -> str:
    """The SVG: a panel a threshold, short messages flagged from left to right, what is found upwards; what is asked dashed."""
    width, height = LEFT + len(panels) * (WIDTH + GAP), TOP + HEIGHT + 80
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, points, asked) in enumerate(panels):
        parts += _panel(LEFT + number * (WIDTH + GAP), title, points, asked)
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, title: str, points: Sequence[Point], asked: Mapping[str, float]) -> list[str]:
    def x(share: float) -> float:
        return left + min(share, MOST) / MOST * WIDTH

    def y(share: float) -> float:
        return TOP + (1.0 - share) * HEIGHT

    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line x1="{left}" y1="{y(share):.1f}" x2="{left + WIDTH}" y2="{y(share):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    ticks = (0.0, 0.005, 0.01, 0.015, 0.02)
    parts += (f'<text x="{x(at):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{at:.1%}</text>' for at in ticks)
    parts.append(_dashed(x(ASKED_HAM), TOP, x(ASKED_HAM), TOP + HEIGHT, "#c62828"))
    for place, (name, least) in enumerate(asked.items()):
        colour, below = COLOURS[place], TOP + HEIGHT + 40 + 18 * place
        ranked = sorted(points, key=lambda point: point.flagged[HAM])
        path = " ".join(f"{x(point.flagged[HAM]):.1f},{y(point.flagged[name]):.1f}" for point in ranked)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += (f'<circle cx="{x(point.flagged[HAM]):.1f}" cy="{y(point.flagged[name]):.1f}" r="3" fill="{colour}"/>' for point in ranked)
        parts.append(_dashed(left, y(least), left + WIDTH, y(least), colour))
        parts.append(f'<text x="{left}" y="{below}" fill="{colour}">{name} (dashed: asked)</text>')
    return parts


def _dashed(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-dasharray="4 3"/>'


# Texts ----------------------------------------------------------------------------------------------------------------

HAM, PRIVATE, ABUSE, FINE = "short messages", "private messages", "abuse by hand", "harmless by hand"
SIX, SAMPLE = "six kinds of advertising", "sample of 800,000"


def _rows(file: Path) -> list[tuple[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return [(row["text"].replace("\n", " "), row["label"]) for row in csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE)]


def read_texts(corpora: Path) -> Texts:
    """The sets by their names; none of them was learned from."""
    sets = {
        name: [row for file in sorted((corpora / name / "public").glob("*.tsv")) for row in _rows(file)]
        for name in ("chat_nus_sms", "sms_spam_800k_sample", "sms_spam_6kinds")
    }
    by_hand = _rows(ROOT / "tests" / "data" / "group_messages.tsv")
    return {
        HAM: [text for text, label in sets["sms_spam_800k_sample"] if label == "0"],
        PRIVATE: [text for text, _ in sets["chat_nus_sms"]],
        ABUSE: [text for text, label in by_hand if label == "abuse"],
        FINE: [text for text, label in by_hand if label == "fine"],
        SIX: [text for text, _ in sets["sms_spam_6kinds"]],
        SAMPLE: [text for text, label in sets["sms_spam_800k_sample"] if label == "1"],
    }


def table(points: Sequence[Point]) -> str:
    """The points as a table of Markdown."""
    names = list(points[0].flagged)
    rows = [f"| {point.threshold:.2f} | " + " | ".join(f"{point.flagged[name]:.2%}" for name in names) + " |" for point in points]
    return "\n".join([f"| from | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|", *rows])


def main() -> None:
    """Measures, draws and prints."""
    texts, config = read_texts(Path(os.environ["BOT_CORPORA"])), Config()
    content = ROOT / "rules" / "content"
    listed = parse(WORDS, (content / WORDS.file).read_text(encoding="utf-8"))
    policy = parse(MODERATION, (content / MODERATION.file).read_text(encoding="utf-8"))
    lexicon, models = Lexicon(listed.words, listed.allow), models_in_use(config)
    abuse = curve_of_abuse(lexicon, policy, models, {name: texts[name] for name in (HAM, PRIVATE, ABUSE, FINE)})
    adverts = curve_of_adverts(lexicon, policy, models, {name: texts[name] for name in (HAM, SIX, SAMPLE)})
    panels = (("the model of abuse surer", abuse, {ABUSE: 0.8}), ("the judge of adverts surer", adverts, {SIX: 0.85, SAMPLE: 0.75}))
    PICTURE.write_text(picture(panels), encoding="utf-8")
    print(table(abuse), table(adverts), sep="\n\n")


if __name__ == "__main__":
    main()
