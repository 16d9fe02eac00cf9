"""帮助 and 管理帮助: made from the routes themselves, so they cannot lag behind. One line a feature; 帮助 with a command's name tells all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.context import Command, Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.permissions import Role, may
from bot.router import Router
from rules.questions import asks
from rules.text import normalise

LONGEST_SHORT = 18
"""Characters of what the overview says of a feature."""
LONGEST_NAME = 10
"""Characters behind 帮助 that may be a command; more is a sentence of its own."""

router = Router()


def _not_meant(words: str) -> bool:
    return asks(words) or len(words) > LONGEST_NAME


@router.command("帮助", "help", "菜单", "功能", "你会什么", "怎么用", "使用说明", "?", "？", takes_words=True, unless=_not_meant)
def show_help(message: Message, ctx: Context) -> Reply:
    """帮助：我会做什么；帮助 投票 看一样怎么用"""
    if ctx.args:
        return Reply(_of_one(" ".join(ctx.args), ctx, lambda role: may(ctx.role, role), "帮助"))
    ask = "群里先 @ 我，单聊直接说" if not message.is_private else "直接说就行"
    lines = _by_feature(ctx.commands(lambda role: role == "member"))
    return Reply(f"我可以（{ask}）：\n" + "\n".join(lines) + "\n\n一样一样怎么用，说“帮助 投票”。其他问题直接问我，我会从问答里找答案。")


@router.command("管理帮助", "管理员帮助", "管理菜单", role="viewer", takes_words=True, unless=_not_meant)
def show_admin_help(message: Message, ctx: Context) -> Reply:
    """管理帮助：管理员可以用的命令；管理帮助 答题 看一样怎么用"""

    def is_mine(needed: Role) -> bool:
        return needed != "member" and may(ctx.role, needed)

    if ctx.args:
        return Reply(_of_one(" ".join(ctx.args), ctx, is_mine, "管理帮助"))
    lines = _by_feature(ctx.commands(is_mine))
    return Reply(f"管理命令（{ctx.community.name}）：\n" + "\n".join(lines) + "\n\n一样一样怎么用，说“管理帮助 问答”。")


def _by_feature(commands: Iterable[Command]) -> list[str]:
    """A line for each feature: its commands, and in short what the first one does."""
    features: dict[str, list[Command]] = {}
    for command in commands:
        features.setdefault(command.feature, []).append(command)
    return [f"• {'、'.join(f'**{one.name}**' for one in found)}：{_short(found[0].help)}" for found in features.values()]


def _of_one(word: str, ctx: Context, wanted: Callable[[Role], bool], command: str) -> str:
    """All about the feature that has a command of that name."""
    found = list(ctx.commands(wanted))
    meant = normalise(word)
    feature = next((one.feature for one in found if normalise(one.name) == meant), None)
    feature = feature or next((one.feature for one in found if meant in normalise(one.name)), None)
    if feature is None:
        raise UserError(f"没有“{word}”这个命令。说“{command}”看有哪些，例如再说：{command} {found[0].name if found else '签到'}")
    return "\n".join(f"• {one.help}" for one in found if one.feature == feature)


def _short(help: str) -> str:
    """What a command does, without its further forms; of a long sentence only how it begins."""
    first = help.split("：", 1)[-1].split("；")[0]
    return first if len(first) <= LONGEST_SHORT else first.split("，")[0]
