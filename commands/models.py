"""``models``: which models judge texts, how well they do, and training them on one's own texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from commands.build import private_folder
from commands.files import read_file, refuse, shown
from commands.opening import config_option, load_config

if TYPE_CHECKING:
    from commands.recipes.figures import Figure

RECIPES: Mapping[str, str] = {"abuse": "辱骂", "mood": "情绪", "adverts": "广告"}
"""A model's name and what it judges. ``commands/recipes/<name>.py`` trains and measures it, ``rules/<name>.py`` ships it."""
MOST_BYTES = 50_000_000
LONGEST_LABEL = 8
_names = click.Choice(list(RECIPES))
_corpora = click.option(
    "--corpora",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="BOT_CORPORA",
    help="公开语料的文件夹，默认用环境变量 BOT_CORPORA",
)


class Recipe(Protocol):
    """What a file of ``commands/recipes`` offers."""

    def train(self, corpora: Path | None, extra: Sequence[tuple[str, float]], on_progress: Callable[[int, int], None]) -> Any:
        """The model, of public texts and an operator's own (text, label 0..1)."""

    def report(self, corpora: Path, model: Any) -> Iterable[Figure | tuple[str, float, int]]:
        """Figures of the model, or names with shares and numbers of texts."""


@click.group()
def models() -> None:
    """模型：用自己的话训练、看判断得准不准。"""


@models.command("train")
@config_option
@_corpora
@click.option("--texts", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="自己的例子：每行一句话、一个制表符、0 或 1")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="结果放进哪个文件夹，默认是数据文件夹里的 models")
@click.argument("name", type=_names)
@click.pass_obj
def train_model(path: Path, later: Path | None, corpora: Path | None, texts: Path | None, into: Path | None, name: str) -> None:
    """训练 NAME（abuse 辱骂、mood 情绪、adverts 广告）。结果放进数据文件夹，重启后代替自带的模型；删掉那个文件就恢复自带的。

    标签 1 表示是辱骂（情绪是高兴、广告是广告），0 表示不是；情绪可以写 0 到 1 之间的小数。
    """
    own = list(read_labelled(texts)) if texts else []
    if not own and corpora is None:
        refuse("没有可以学的：用 --texts 给自己的例子（每行：一句话、制表符、0 或 1），或者用 --corpora 给公开语料的文件夹")
    recipe = _recipe(name)
    with shown(f"训练{RECIPES[name]}模型") as step:
        model = recipe.train(corpora, own, step)
    file = (into or private_folder(load_config(later or path), "models")) / f"{name}.npz"
    before = _model_before(name, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    model.save(beside)
    beside.replace(file)
    for line in _compared(own, before, model):
        click.echo(line)
    click.echo(f"已写入 {file}，{file.stat().st_size / 1024:.0f} KB，重启后生效。")


@models.command("report")
@config_option
@_corpora
@click.argument("names", type=_names, nargs=-1)
@click.pass_obj
def report_models(path: Path, later: Path | None, corpora: Path | None, names: tuple[str, ...]) -> None:
    """现在用的是哪些模型；有公开语料时（--corpora 或 BOT_CORPORA）量出准确率和误判率，附 95% 区间。"""
    folder = load_config(later or path).data_path / "models"
    for name in names or RECIPES:
        own = folder / f"{name}.npz"
        click.echo(f"{RECIPES[name]}（{name}）：{f'自己训练的 {own}' if own.exists() else '自带的'}")
        if corpora:
            model = _model_of(name, own if own.exists() else _shipped(name))
            click.echo("\n".join(f"  {line}" for line in _lines(_recipe(name).report(corpora, model))))
    if not corpora:
        click.echo("要看准确率，请用 --corpora 给公开语料的文件夹。")


def read_labelled(file: Path) -> Iterator[tuple[str, float]]:
    """The texts of a file and their labels; ends the program with the first line that cannot be read."""
    data = read_file(file, MOST_BYTES)
    if len(data) > MOST_BYTES:
        refuse(f"{file} 太大了，最多 {MOST_BYTES // 1_000_000} MB")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        refuse(f"{file} 不是 UTF-8 编码")
    for number, line in enumerate(lines, 1):
        text, tab, label = line.rpartition("\t")
        if not line.strip() or (number == 1 and label.strip() == "label"):
            continue
        if not tab or not text.strip() or not _is_label(label):
            refuse(f"{file} 第 {number} 行应该是一句话、一个制表符、0 到 1 的数，例如：你好⇥0")
        yield text.strip(), float(label)


def _is_label(label: str) -> bool:
    try:
        return len(label) <= LONGEST_LABEL and 0 <= float(label) <= 1
    except ValueError:
        return False


def _recipe(name: str) -> Recipe:
    recipe: Recipe = import_module(f"commands.recipes.{name}")
    return recipe


def _shipped(name: str) -> Path:
    file: Path = import_module(f"rules.{name}").SHIPPED
    return file


def _load(name: str, file: Path) -> Any:
    """The model in a file. OSError, ValueError or KeyError where it is none."""
    classes = {"abuse": "AbuseModel", "mood": "MoodModel", "adverts": "AdvertModel"}
    return getattr(import_module(f"rules.{name}"), classes[name]).load(file)


def _model_before(name: str, own: Path) -> Any:
    """The model that was used until now; where one's own is damaged, the one that ships: training is the way to replace it."""
    try:
        return _load(name, own if own.exists() else _shipped(name))
    except (OSError, ValueError, KeyError):
        click.echo(f"原来的 {own} 坏了，和自带的比。")
        return _load(name, _shipped(name))


def _model_of(name: str, file: Path) -> Any:
    """The model in a file; ends the program where it is none."""
    try:
        return _load(name, file)
    except (OSError, ValueError, KeyError):
        refuse(f"读不了模型 {file}，请删掉它（就用自带的），或者重新训练")


def _compared(own: Sequence[tuple[str, float]], before: Any, after: Any) -> Iterator[str]:
    """How many of one's own texts are judged right, before and after."""
    from rules.unmask import read

    if not own:
        return
    readings = [read(text) for text, _ in own]
    right = [
        sum((score >= 0.5) == (label >= 0.5) for score, (_, label) in zip(model.scores(readings), own, strict=True))
        for model in (before, after)
    ]
    yield f"自己的 {len(own)} 句例子：训练前判对 {right[0]} 句，训练后判对 {right[1]} 句。这些就是学过的，没学过的会少一些。"


def _lines(found: Iterable[Figure | tuple[str, float, int]]) -> Iterator[str]:
    from commands.recipes.figures import Figure

    for one in found:
        figure = one if isinstance(one, Figure) else Figure.share(*one)
        yield f"{figure.name}  {figure.value:.4f}（{figure.low:.4f}–{figure.high:.4f}，{figure.texts} 句）"
