"""What is said of a command that was typed wrongly: the mistake, what may stand there, and where to read on."""

from __future__ import annotations

from typing import Any

import click


def explain_usage(wrong: click.UsageError) -> str:
    """What is wrong and how to put it right, in two lines."""
    typed = wrong.ctx.command_path.removeprefix(wrong.ctx.find_root().command_path) if wrong.ctx else ""
    return f"✗ 用法不对：{_mistake(wrong)}\n  完整的用法：python run.py{typed} --help"


def _mistake(wrong: click.UsageError) -> str:
    match wrong:
        case click.MissingParameter(param=click.Parameter() as param):
            return f"还缺 {_name(param)}{_choices(param.type)}"
        case click.BadParameter(param=click.Parameter() as param):
            return f"{_name(param)} 写得不对{_choices(param.type)}"
        case click.NoSuchOption():
            return f"没有 {wrong.option_name} 这个选项{_likely(wrong.possibilities)}"
        case click.NoSuchCommand():
            return f"没有 {wrong.command_name} 这个命令{_likely(wrong.possibilities)}"
        case click.BadOptionUsage():
            return f"{wrong.option_name} 后面要写一个值，或者不该写值"
    return _plain(wrong.message)


def _plain(message: str) -> str:
    """Our own words as they are; the library's only other ones are about too many."""
    too_many = message.partition("(")[2].rstrip(").")
    return f"多写了 {too_many}（有空格的文件名要加引号）" if message.startswith("Got unexpected extra") else message


def _name(param: click.Parameter) -> str:
    return param.opts[0] if isinstance(param, click.Option) else param.human_readable_name


def _choices(kind: click.ParamType[Any]) -> str:
    match kind:
        case click.Choice():
            return f"，可以写：{'、'.join(map(str, kind.choices))}"
        case click.IntRange() | click.FloatRange():
            return f"，要 {kind.min} 到 {kind.max} 之间的数" if kind.max is not None else f"，要不小于 {kind.min} 的数"
        case click.Path(exists=True):
            return "：没有它，类型不对（文件夹不是文件），或者现在的用户读不了它"
        case click.Path():
            return "：要写文件的路径，不是文件夹" if not kind.dir_okay else "：要写文件夹的路径"
    return ""


def _likely(names: list[str] | None) -> str:
    return f"，是不是 {'、'.join(names)}？" if names else ""
