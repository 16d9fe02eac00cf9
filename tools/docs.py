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
from rules.health import DEFAULTS, Threshold
from rules.metrics import GROUPS, INLET_NAMES, LENGTHS, METRICS, Metric, shown
from storage.keys import BELL, FAMILIES, Family
from tools import config_docs, privacy_docs

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


_NUMBERS_HEAD = """\
# 指标与健康灯

<!-- 由 tools/docs.py 从 rules/metrics.py 与 rules/health.py 生成，不要手改：python -m tools.docs -->

机器人记下的每一个数都在消息处理完的那一刻数好，指标由它们算出来，没有估计。一周是到那一天为止的 7 天；一个月是整月，月中则是到那一天为止的 30 天。
说 `健康` 看哪里不好、为什么、可以怎么做；控制台的“指标”页有走势和每个指标的算法。

缺了入口的指标是灰的，不会变红：入口有一个就够，都没有的时候页面会说清楚缺什么、怎么接上。只听得到 @ 机器人的话时，“说过话”就是 @ 过它。
"""
_LIGHTS_HEAD = """\
## 健康灯

每小时看一遍到昨天为止的一周（或一个月）。有一处变红，早上 9 点到晚上 9 点之间告诉管理群一次；好了又坏，或者一直没好满 7 天，才再说。
比例的门槛是 yellow 和 red，“和前四周比”的写的是差了多少。变色要连着两天，变回来要比门槛好出一成，免得来回跳。
门槛在控制台的“规则”里改（health.yaml），可以按社群、按阶段（培育、成长、成熟、衰退）各写各的：

```sh
python run.py content export health
```"""
_ODD_WORDS = """\
除了灯，每天还把消息、说话的人、没答上的提问和离开的人和前 8 周的同一个星期几比：突然少了（或多了）一大截，或者连着几天少一点，就算不寻常，也告诉一次。
放假安静、调休热闹不算。白天到了平常该有 15 条消息的钟点还一条都没有，马上告诉：多半是消息进不来了。

灯和“不寻常”是怎么判的，多久误报一次、一次下跌几天看得出来：[health.md](../health.md)（英文，给开发者）。
"""


def render_commands() -> str:
    """docs/commands.md: what members and admins can say, and what operators can type."""
    router = discover()
    shown = [_cli_block(name, command) for name, command in _typed_commands(run.main)]
    return "\n".join([_COMMANDS_HEAD, *_chat_blocks(router), _CLI_HEAD, *shown])


def render_ways_in() -> str:
    """docs/ways-in.md: what each kind of channel hears, and why a message may not arrive."""
    return f"{_WAYS_IN_HEAD}\n{ways_in.markdown()}\n"


def render_numbers() -> str:
    """docs/operators/numbers.md: the indicators, and where their lights turn."""
    blocks = [_NUMBERS_HEAD]
    for group, title in GROUPS.items():
        rows = [_metric_row(metric) for metric in METRICS.values() if metric.group == group]
        blocks.append(_table(f"## {title}", ("指标", "怎么算", "按", "入口（有一个就够）", "越…越好", "来源"), rows))
    lit = [_light_row(threshold) for threshold in DEFAULTS]
    return "\n".join([*blocks, _table(_LIGHTS_HEAD, ("指标", "看什么", "变黄", "变红", "至少有", "只在"), lit), _ODD_WORDS])


def _metric_row(metric: Metric) -> tuple[str, ...]:
    inlets = "、".join(INLET_NAMES[inlet] for inlet in INLET_NAMES if inlet in metric.inlets)
    good = {"up": "高", "down": "低", "": "–"}[metric.good]
    lengths = "、".join(LENGTHS[length] for length in metric.lengths)
    return f"{metric.name} `{metric.id}`", _escaped(metric.formula), lengths, inlets, good, metric.source


def _light_row(threshold: Threshold) -> tuple[str, ...]:
    metric, is_past = METRICS[threshold.metric], threshold.by == "past"
    limits = ("–" if limit is None else _limit(metric, limit, is_past=is_past) for limit in (threshold.yellow, threshold.red))
    where = [f"有{INLET_NAMES[inlet]}时" for inlet in sorted(threshold.needs)] + [f"{stage}期" for stage in threshold.stages]
    what = "和前四周的中位数比" if is_past else f"连着 {threshold.periods} 周" if threshold.periods > 1 else "直接比"
    return metric.name, what, *limits, str(threshold.least), "、".join(where) or "–"


def _limit(metric: Metric, limit: float, *, is_past: bool) -> str:
    return f"差 {limit:.0%}" if is_past else f"{'低于' if metric.good == 'up' else '高于'} {shown(metric, limit)}"


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
    "privacy.md": privacy_docs.render,
    "ways-in.md": render_ways_in,
    "operators/numbers.md": render_numbers,
}
"""The generated pages by their file in docs/."""


def write(folder: Path = DOCS) -> None:
    """Writes every generated page."""
    for name, render in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
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
