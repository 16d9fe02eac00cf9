"""The pages of docs/ that are made from the code: settings, commands, Redis keys.

``python -m tools.docs`` writes them all; ``python -m tools.docs --check`` writes nothing, names the stale ones and ends with 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter

import click

import run
from bot import ways_in
from bot.permissions import TITLES
from bot.router import Route, Router
from commands.build import HERE
from handlers import discover
from storage.keys import BELL, FAMILIES, Family
from tools import config_docs

DOCS = Path(__file__).resolve().parent.parent / "docs"

_COMMANDS_HEAD = """\
# 命令

<!-- 由 tools/docs.py 从 handlers/ 与 commands/ 生成，不要手改：python -m tools.docs -->

群里先 @ 机器人，单聊直接说。全角半角、大小写、句尾的标点都不影响。不是命令的话由问答回答。日常怎么用见 [运营手册](operators.md)。
"""

_CLI_HEAD = """\
## 命令行

在项目目录里执行，写作 `python run.py 命令`。`--config 路径` 写在命令前后都可以，默认 `config.yaml`，也可以用环境变量 `BOT_CONFIG`。
退出码：0 完成；1 有问题，原因已说明；2 用法不对。
"""

_WAYS_IN_HEAD = """\
# 听得到什么，为什么可能收不到

<!-- 由 tools/docs.py 从 bot/ways_in.py 生成，不要手改：python -m tools.docs -->

企业微信让机器人听到什么，由渠道决定，不由机器人决定。`python run.py check` 会按你的配置显示这两张表，并把每个渠道试一遍。
怎么接见 [接入企业微信](wecom.md)。
"""

_KEYS_HEAD = f"""\
# Redis keys

<!-- Made by tools/docs.py from storage/keys.py, do not edit: python -m tools.docs -->

Everything the bot remembers. The part in braces is the Cluster hash tag: keys of one tag live in one slot, so one Lua act may touch
them all. `<shard>` is a number from 0 up, `<community>` a community's id, `<member>` a member number. Stores know members by number; only
`{{people}}` maps numbers to WeCom's user ids and names (and messages that are not finished, or were buried, hold what WeCom sent).
`{BELL}` is a publish channel, not a key.
"""


def render_commands() -> str:
    """docs/commands.md: what members and admins can say, and what operators can type."""
    router = discover()
    shown = [_cli_block(name, command) for name, command in _typed_commands(run.main)]
    return "\n".join([_COMMANDS_HEAD, *_chat_blocks(router), _CLI_HEAD, *shown])


def render_ways_in() -> str:
    """docs/ways-in.md: what each kind of channel hears, and why a message may not arrive."""
    return f"{_WAYS_IN_HEAD}\n{ways_in.markdown()}\n"


def render_keys() -> str:
    """docs/redis-keys.md: every key family by its hash tag."""
    blocks = [_KEYS_HEAD]
    for tag, families in _by_tag(FAMILIES).items():
        rows = [(f"`{_shown(family)}`", family.type, _as_setting(family.life), _escaped(family.holds)) for family in families]
        blocks.append(_table(f"## `{tag}`", ("key", "type", "life", "holds"), rows))
    return "\n".join(blocks)


PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": config_docs.render,
    "commands.md": render_commands,
    "redis-keys.md": render_keys,
    "ways-in.md": render_ways_in,
}
"""The generated pages by their file in docs/."""


def write(folder: Path = DOCS) -> None:
    """Writes every generated page."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


def find_stale(folder: Path = DOCS) -> list[str]:
    """The names of the pages that are missing or say something else than the code."""
    return [
        name for name, render in PAGES.items() if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != render()
    ]


def main(words: Sequence[str]) -> int:
    """Writes or checks; gives the exit code."""
    if list(words) not in ([], ["--check"]):
        print("usage: python -m tools.docs [--check]", file=sys.stderr)
        return 2
    if not words:
        write()
        return 0
    stale = find_stale()
    for name in stale:
        print(f"docs/{name} is stale: run python -m tools.docs", file=sys.stderr)
    return 1 if stale else 0


# Chat ---------------------------------------------------------------------------------------------------------------------


def _chat_blocks(router: Router) -> Iterator[str]:
    members = list(router.listed(lambda role: role == "member"))
    admins = list(router.listed(lambda role: role != "member"))
    yield _table("## 成员可以说", ("命令", "做什么", "也可以说"), [_chat_row(route, router) for route in members])
    rows = [(*_chat_row(route, router), TITLES[route.role], "单聊、管理群" if route.private else "任何地方") for route in admins]
    yield _table("## 管理者可以说", ("命令", "做什么", "也可以说", "至少是", "在哪里"), rows)


def _chat_row(route: Route, router: Router) -> tuple[str, str, str]:
    """The command with its words (处理 编号 警告/忽略), what it does, its synonyms: those that take no words are routes of their own."""
    usage, colon, does = route.help.partition("：")
    others = (name for other in router.commands.values() if other.handler is route.handler for name in other.names)
    synonyms = "、".join(f"`{name}`" for name in list(dict.fromkeys([*route.names, *others]))[1:])
    return f"`{usage if colon else route.name}`", _escaped(does or usage), synonyms or "–"


# Command line ---------------------------------------------------------------------------------------------------------------


def _typed_commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """What can be typed, each behind the group it stands in: ``content``, ``content export``."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from _typed_commands(command, f"{before}{name} ")


def _cli_block(name: str, command: click.Command) -> str:
    words = [
        f"python run.py {name}",
        *(parameter.human_readable_name for parameter in command.params if isinstance(parameter, click.Argument)),
    ]
    head = f"### {name}\n\n{(command.help or '').strip()}\n\n```sh\n{' '.join(words)}\n```"
    options = [
        option for option in command.params if isinstance(option, click.Option) and "--config" not in option.opts and not option.hidden
    ]
    if not options:
        return f"{head}\n"
    return _table(head, ("选项", "含义", "默认"), [_option_row(option) for option in options])


def _option_row(option: click.Option) -> tuple[str, str, str]:
    names = "、".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    return names, _escaped(option.help or ""), _default(option)


def _default(option: click.Option) -> str:
    default = option.default
    if isinstance(default, Path):
        return f"`{default.relative_to(HERE)}`" if default.is_relative_to(HERE) else f"`{default}`"
    return f"`{default}`" if isinstance(default, str | int) and not isinstance(default, bool) and default != "" else "–"


# Keys -----------------------------------------------------------------------------------------------------------------------


def _by_tag(families: Iterable[Family]) -> dict[str, list[Family]]:
    found: dict[str, list[Family]] = {}
    for family in families:
        tag = re.search(r"\{.*?\}", _shown(family))
        found.setdefault(tag[0] if tag else "–", []).append(family)
    return found


def _shown(family: Family) -> str:
    """``qb:{<shard>}:inbox``: the tag in its braces, the parts to fill in in angles."""
    return family(**{part: f"<{part}>" for _, part, _, _ in Formatter().parse(family.pattern) if part})


def _as_setting(life: str) -> str:
    return f"`{life}`" if re.fullmatch(r"[a-z]+\.[a-z_]+", life) else life


# Tables -----------------------------------------------------------------------------------------------------------------------


def _table(head: str, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join([head, "", *lines, ""])


def _escaped(text: str) -> str:
    """Text that cannot break a table or become an HTML tag."""
    return re.sub(r"([|<])", r"\\\1", text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
