"""``ask``: tries an FAQ before it is published."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from commands.build import private_folder
from commands.opening import config_option, load_config

if TYPE_CHECKING:
    from rules.faq import Faq, Finding


@click.command()
@config_option
@click.option(
    "--faq", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="要试的问答文件，默认用内容文件夹里的 faq.yaml"
)
@click.option("--explain", is_flag=True, help="说明为什么：每个候选的得分、像在哪里")
@click.argument("questions", type=click.File(encoding="utf-8", errors="replace"), default="-")
@click.pass_obj
def ask(path: Path, later: Path | None, file: Path | None, explain: bool, questions: IO[str]) -> None:
    """试问：从标准输入（或 QUESTIONS 文件）一行读一个问题，每个问题输出一行 JSON。加 --explain 用中文说明原因。"""
    faq = _open(later or path, file)
    for line in questions:
        text = line.rstrip("\r\n")
        if explain:
            click.echo(f"问：{text}\n" + "\n".join(faq.explain(text).lines()) + "\n")
        else:
            sys.stdout.write(json.dumps(_as_json(faq.ask(text)), ensure_ascii=False) + "\n")
        if sys.stdin.isatty():
            sys.stdout.flush()


def _open(path: Path, file: Path | None) -> Faq:
    from rules.contents import FAQ, ContentProblem, parse
    from rules.faq import Faq
    from rules.text import Words

    jieba = None
    if file is None or path.exists():
        config = load_config(path)
        jieba, file = private_folder(config, "jieba"), file or config.content_path / FAQ.file
    try:
        entries = parse(FAQ, file.read_text(encoding="utf-8"))
        return Faq(entries, Words(jieba))
    except ContentProblem as problem:
        click.echo("\n".join([f"{file} 有 {len(problem.problems)} 个问题：", *(f"  {line}" for line in problem.problems)]), err=True)
    except (OSError, UnicodeDecodeError) as error:
        click.echo(f"读不了 {file}：{error.strerror if isinstance(error, OSError) else '不是 UTF-8 编码'}", err=True)
    sys.exit(1)


def _as_json(found: Finding) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "id": found.entry and found.entry.id,
        "score": round(found.score, 4),
        "answer": found.entry and found.entry.answer,
        "candidates": [{"id": one.entry.id, "score": round(one.score, 4)} for one in found.candidates],
    }
