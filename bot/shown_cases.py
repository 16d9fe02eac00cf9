"""A case as a card for those who look after a community, where an app or a long connection leads to them."""

from __future__ import annotations

from bot.case_words import card
from bot.context import Context
from bot.deliveries import app_channel
from bot.longframes import ws_channel
from bot.message import Reply
from storage.cases import Case

MOST_WAITING = 10
"""With more undecided cases than this no more cards are sent: 案件 lists them."""


def cards_for_staff(ctx: Context, case: Case, once: str) -> tuple[Reply, ...]:
    """The case in private for each administrator who is at home here.

    Elsewhere they ask for it. A raid files cases by the hundred: when many wait, the list has to do.
    """
    if not ctx.community.is_listed or not (app_channel(ctx.config) or ws_channel(ctx.config)):
        return ()
    if ctx.stores.cases.count_undecided(ctx.community.keys) > MOST_WAITING:
        return ()
    directory, first = ctx.stores.directory, ctx.config.communities[0].id
    admins = [directory.enrol(user) for user in ctx.config.admins if directory.find_number(user)]
    here = [admin.number for admin in admins if (admin.home or first) == ctx.community.id and admin.number != case.member]
    # It goes without the member's own words: those are kept sealed, and a notice may wait for days.
    words = f"{ctx.community.name} · 案件 {case.number} 待处理：{case.rule}。请说“案件”查看。"
    about = tuple({case.member, *case.reporters} - {0})
    return tuple(
        Reply(words, card=card(case, ctx.community, f"{once}:{number}", is_sealed=True), to=number, about=about) for number in here
    )
