"""积分与榜: where a community's points are, who earned most, and by which rules."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from bot.communities import Community
from bot.members import left_out
from bot.permissions import Role
from console.doors import needs
from console.parts import Parts, visitor
from handlers.boards import DAY, EVER, LAST_MONTH, LAST_WEEK, MONTH, WEEK, Kind, day_of

VIEWER: Role = "viewer"
TOP = 20
BOARDS: dict[str, Kind] = {"day": DAY, "week": WEEK, "month": MONTH, "all": EVER, "last-week": LAST_WEEK, "last-month": LAST_MONTH}
"""The boards by their names in addresses."""
TITLES = {"day": "今日", "week": "本周", "month": "本月", "all": "总榜", "last-week": "上周", "last-month": "上月"}


class PointsPages:
    """The page of 积分与榜."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page to the console."""
        pages.add_url_rule("/in/<place>/points", "points", needs(self._parts, VIEWER)(self.show))

    def show(self, community: Community) -> str:
        """The sums, one board, and the rules."""
        stores, name = self._parts.stores, request.args.get("board", "week")
        kind = BOARDS.get(name) or abort(404)
        today = community.day_of(self._parts.clock())
        out = left_out(stores, self._parts.config, community.id)
        board = stores.boards.page(community.keys, kind.period, day_of(kind, today), visitor().number, first=TOP, around=0, without=out)
        contents = self._parts.live.current
        return render_template(
            "points.html",
            totals=stores.points.totals(community.keys), members=stores.points.count(community.keys), board=board, asked=name, titles_of=TITLES,
            names=stores.directory.find_names([place.member for place in board.top]), rules=contents.points, levels=contents.levels,
            may_share=self._parts.office(community).may_share, leaves_out=bool(out),
        )  # fmt: skip
