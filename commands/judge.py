"""``judge``: tries the rules of moderation on an exported chat before they are turned on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec

from commands.opening import config_option, load_config
from rules.judgement import TITLES

if TYPE_CHECKING:
    from rules.judgement import Reason, Verdict
    from rules.moderation import Judge

_READ_BYTES = 1 << 16
_encode = msgspec.json.Encoder().encode
_SHOWN = {"pass": "放行", "review": "转人工", "warn": "提醒"}


@click.command()
@config_option
@click.option("--community", default="", help="按哪个社群的尺度判断，写它的编号；不写就是通用的尺度")
@click.option("--explain", is_flag=True, help="用中文说明为什么")
@click.argument("texts", type=click.File("rb"), default="-")
@click.pass_obj
def judge(path: Path, later: Path | None, community: str, explain: bool, texts: BinaryIO) -> None:
    """试判：从标准输入（或 TEXTS 文件）一行读一句话，每句输出一行 JSON。加 --explain 用中文说明原因。不需要 Redis。"""
    judge, show, out = _open(later or path), _explained if explain else _as_json, sys.stdout.buffer
    for lines in _arriving(texts):
        said = [line.decode("utf-8", errors="replace") for line in lines]
        out.writelines(show(text, verdict) for text, verdict in zip(said, judge.judge_many(said, community), strict=True))
        out.flush()


def _arriving(texts: BinaryIO) -> Iterator[list[bytes]]:
    """The whole lines that have arrived, again and again: who waits for an answer before he says the next line gets it."""
    rest = b""
    while got := texts.read1(_READ_BYTES) if hasattr(texts, "read1") else texts.read(_READ_BYTES):
        *lines, rest = (rest + got).split(b"\n")
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest]


def _open(path: Path) -> Judge:
    """The judge of the content folder: what is edited there is tried without Redis."""
    from commands.build import models_in_use, own_addresses
    from rules.contents import MODERATION, WORDS, ContentProblem, parse
    from rules.moderation import Judge
    from rules.wordlist import Lexicon

    config = load_config(path)
    try:
        listed = parse(WORDS, (config.content_path / WORDS.file).read_text(encoding="utf-8"))
        policy = parse(MODERATION, (config.content_path / MODERATION.file).read_text(encoding="utf-8"))
    except ContentProblem as problem:
        raise click.ClickException("\n".join(problem.problems)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"读不了内容文件夹里的词库或治理规则：{error}") from None
    return Judge(Lexicon(listed.words, listed.allow), policy, models_in_use(config), own_addresses(config))


def _as_json(_text: str, verdict: Verdict) -> bytes:
    found = {
        "verdict": verdict.verdict,
        "abuse": round(verdict.abuse, 4),
        "mood": round(verdict.mood, 4),
        "reasons": [_reason(reason) for reason in verdict.reasons],
    }
    return _encode(found) + b"\n"


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "judge": reason.source,
        "category": reason.category,
        "score": round(reason.score, 4),
        "severity": reason.severity,
        "said": reason.said,
        "span": reason.span,
        "steps": reason.steps,
    }


def _explained(text: str, verdict: Verdict) -> bytes:
    lines = [f"话：{text}", f"→ {_SHOWN[verdict.verdict]}（像辱骂 {verdict.abuse:.2f}，情绪 {verdict.mood:.2f}）"]
    lines += [f"  · {TITLES[reason.category]}，{reason.severity} 级：{reason.said}" for reason in verdict.reasons]
    return "\n".join([*lines, "", ""]).encode()
