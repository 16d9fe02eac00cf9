"""切换社群: which of his communities a member's single chat belongs to; until he says so, the one where he was last seen in a group."""

from __future__ import annotations

from collections.abc import Sequence

from bot.communities import Community, listed_community
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Prompt, Reply
from bot.router import Router
from rules.questions import asks
from rules.text import normalise

AUTOMATIC = ("自动", "跟随")
FOLLOWING = "没有选过时，私聊算在你最后说话的那个群所在的社群。"

router = Router()


@router.command("切换社群", "换社群", "选择社群", takes_words=True, private=True, unless=asks)
def switch(message: Message, ctx: Context) -> Reply:
    """切换社群：私聊算在你的哪个社群；切换社群 2 或名字直接切换，切换社群 自动 跟着你最后说话的群"""
    places, word = _places(ctx), " ".join(ctx.args)
    if word in AUTOMATIC:
        ctx.stores.directory.choose_home(ctx.member, "", once=message.id)
        return Reply("好，从下一句起，我们的私聊算在你最后说话的那个群所在的社群。", note={"home": ""})
    if word:
        return _choose(_find(word, places), message, ctx)
    if len(places) == 1 and places[0].id == ctx.community.id:
        return Reply(f"我只在“{_named(places[0])}”见过你，私聊就算在这里。到别的群里 @ 我说句话，就可以切换过去。")
    return Reply(
        f"私聊现在算在“{_named(ctx.community)}”。我在这些社群见过你：\n{_listed(places, ctx)}\n"
        f"回复数字切换，或说：切换社群 名字。{_how(ctx)}",
        prompt=Prompt("home", tuple(place.id for place in places), anywhere=True),
    )  # fmt: skip


@router.prompt("home")
def choose(message: Message, ctx: Context) -> Reply:
    """切换社群：用数字选一个"""
    return _choose(next((place for place in _places(ctx) if place.id == ctx.args[0]), None), message, ctx)


def _choose(place: Community | None, message: Message, ctx: Context) -> Reply:
    if place is None:
        raise UserError(f"没有这一个，或者没有在那里见过你。你可以选：\n{_listed(_places(ctx), ctx)}\n例如：切换社群 1")
    ctx.stores.directory.choose_home(ctx.member, place.id, once=message.id)
    return Reply(
        f"好，从下一句起，我们的私聊算在“{_named(place)}”：积分、签到、活动和问答都是那里的。换回来再说：切换社群",
        note={"home": place.id}, closes_prompt=True,
    )  # fmt: skip


def _places(ctx: Context) -> list[Community]:
    """The communities where the member was seen, those of the configuration in its order; the present one is among them."""
    known = {found.id: found for found in (listed_community(listed, ctx.stores.shards) for listed in ctx.config.communities)}
    seen = [known[where.id] for where in ctx.stores.roster.places([place.keys for place in known.values()], ctx.member)]
    return seen if any(place.id == ctx.community.id for place in seen) else [*seen, ctx.community]


def _find(word: str, places: Sequence[Community]) -> Community | None:
    """The one that a number of the list, a name or an id means; None where it means none, or more than one."""
    if word.isdecimal() and len(word) < 4:
        return places[int(word) - 1] if 0 < int(word) <= len(places) else None
    meant = normalise(word)
    exact = [place for place in places if meant in (normalise(place.name), normalise(place.id))]
    near = exact or [place for place in places if meant and meant in normalise(place.name)]
    return near[0] if len(near) == 1 else None


def _listed(places: Sequence[Community], ctx: Context) -> str:
    return "\n".join(f"{n}. {_named(place)}{'（现在）' if place.id == ctx.community.id else ''}" for n, place in enumerate(places, 1))


def _named(place: Community) -> str:
    """What a community is called; one that nobody configured has no name of its own."""
    return place.name if place.is_listed else "还没有登记的群"


def _how(ctx: Context) -> str:
    return "不想固定了说：切换社群 自动" if ctx.stores.directory.chosen_home(ctx.member) else FOLLOWING
