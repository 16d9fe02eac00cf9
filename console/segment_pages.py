"""群体: conditions on members, tried while they are typed, saved under a name, and how many each means now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.members import all_called
from bot.permissions import Role
from bot.segment_desk import Kept, Look, Moved, SegmentDesk
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from handlers.audit import actor_name
from rules.content_segments import LONGEST_NOTE, LONGEST_TITLE
from rules.saved_segments import EVERYWHERE, Segment, Segments
from rules.segment_parser import example
from rules.segments import LONGEST, SegmentError, explain, written
from rules.traits import TRAITS, Sort, Trait

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
COUNTED_WITHIN_S = 1.0
"""How long the list may count; then it is shown without figures."""
MOST_NAMED = 12
"""Members that are named below a condition."""
HISTORY = 30
SORTS: Mapping[Sort, str] = {
    "days": "多久以前：天数，可以写 7d、2周、3个月（一个月算 30 天），从来没有过写 never",
    "number": "数字",
    "share": "比例：写成 70% 或者 0.7",
    "word": "几种里的一种",
    "flag": "是不是：直接写名字，不是就在前面写 not",
    "set": "名单：写冒号和名字，名字里有空格就加引号",
}
"""The sorts of traits, in the order of the help, and how their values are written."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a condition: a look at whom it means with the names of the first, or what is wrong, with the text before, in and behind the place."""

    look: Look | None = None
    people: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""
    before: str = ""
    wrong: str = ""
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A saved segment in the list: whom it means in words, how many, and what is wrong with it."""

    segment: Segment
    words: str
    members: int | None
    problem: str


class SegmentPages:
    """The pages of 群体."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        sees, acts = needs(self._parts, VIEWER), needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/segments", "segments", sees(self.listed))
        pages.add_url_rule("/in/<place>/segments/one", "segment", sees(self.show))
        pages.add_url_rule("/in/<place>/segments/history", "segments_history", sees(self.history))
        for name, view in (("check", self.check), ("save", self.save), ("remove", self.remove), ("undo", self.undo)):
            pages.add_url_rule(f"/in/<place>/segments/{name}", f"segment_{name}", acts(view), methods=["POST"])

    # Looking ------------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """The saved segments with how many each means now."""
        desk = self._desk(community)
        kept = [one.segment for one in desk.segments()]
        saved, counted = desk.saved(), desk.count(kept, within_s=COUNTED_WITHIN_S)
        return render_template(
            "segments.html", rows=[_row(saved, community, one, counted.members) for one in kept], of=counted.of, is_late=counted.is_late
        )

    def show(self, community: Community) -> str:
        """One segment, or a new one, with its check below."""
        desk, id = self._desk(community), request.args.get("id", "")[:64]
        if not id:
            segment = Segment("", request.args.get("name", "")[:LONGEST_TITLE], request.args.get("text", "")[:LONGEST], community.id)
            return self._page(desk, None, segment)
        kept = next((one for one in desk.segments() if one.segment.id == id), None)
        if kept is None:
            abort(404)
        return self._page(desk, kept, kept.segment)

    def check(self, community: Community) -> str:
        """What a condition means that is being typed."""
        text = request.form.get("text", "")[: LONGEST + 1]
        return render_template("_segment_check.html", checked=self._checked(self._desk(community), text), text=text)

    def history(self, community: Community) -> str:
        """The newest versions."""
        versions = self._desk(community).history(HISTORY)
        names = {version.author: actor_name(self._parts.stores, version.author) for version in versions}
        return render_template("segments_history.html", versions=versions, names=names)

    # Changing -----------------------------------------------------------------------------------------------------------

    def save(self, community: Community) -> Any:
        """Makes or changes a segment."""
        once, id, mark = once_of(), request.form.get("id", "")[:64], request.form.get("mark", "")
        desk, form = self._desk(community), request.form
        wanted = Segment(
            id, " ".join(form.get("name", "").split()), " ".join(form.get("text", "").split()),
            EVERYWHERE if form.get("scope") == "all" else community.id, " ".join(form.get("note", "").split()),
        )  # fmt: skip
        try:
            done = desk.change(id, mark, wanted, once=once) if id else desk.make(wanted, once=once)
        except UserError as problem:
            return self._page(desk, self._kept(desk, id), wanted, str(problem)), 400
        except Moved as moved:
            return self._page(desk, self._kept(desk, id), wanted, _moved(moved)), 409
        return self._back(community, "segment_saved", done.version, done.after)

    def remove(self, community: Community) -> Any:
        """Takes a segment away."""
        once, id, mark = once_of(), request.form.get("id", "")[:64], request.form.get("mark", "")
        desk = self._desk(community)
        kept = self._kept(desk, id)
        try:
            done = desk.remove(id, mark, once=once)
        except (UserError, Moved) as problem:
            if kept is None:
                abort(404)
            words, code = (_moved(problem), 409) if isinstance(problem, Moved) else (str(problem), 400)
            return self._page(desk, kept, kept.segment, words), code
        return self._back(community, "segment_removed", done.version)

    def undo(self, community: Community) -> Any:
        """Takes a version back."""
        once, version = once_of(), request.form.get("version", "")
        if not (version.isdecimal() and version.isascii() and len(version) < 12):
            abort(400)
        self._desk(community).undo(int(version), once=once)
        return self._back(community, "undone", 0)

    # Small steps --------------------------------------------------------------------------------------------------------

    def _page(self, desk: SegmentDesk, kept: Kept | None, segment: Segment, problem: str = "") -> str:
        may_change = visitor().may(desk.community.id, OPERATOR) and (kept is None or desk.may_change(kept.segment))
        return render_template(
            "segment.html", kept=kept, segment=segment, problem=problem, may_change=may_change, may_share=desk.may_share, once=fresh_once(),
            checked=self._checked(desk, segment.text), traits=_by_sort(), sorts=SORTS, example=example, written=written, text=segment.text,
            longest=LONGEST, longest_name=LONGEST_TITLE, longest_note=LONGEST_NOTE,
            others=[one.segment for one in desk.segments() if kept is None or one.segment.id != kept.segment.id],
        )  # fmt: skip

    def _checked(self, desk: SegmentDesk, text: str) -> Checked | None:
        """What comes of a condition; None of none."""
        if not text.strip():
            return None
        try:
            look = desk.look(text, first=MOST_NAMED)
        except SegmentError as error:
            at, end = error.column - 1, error.column - 1 + error.length
            return Checked(problem=str(error), before=text[:at], wrong=text[at:end], behind=text[end:])
        return Checked(look, all_called(self._parts.stores, look.first))

    def _kept(self, desk: SegmentDesk, id: str) -> Kept | None:
        return next((one for one in desk.segments() if one.segment.id == id), None)

    def _desk(self, community: Community) -> SegmentDesk:
        return SegmentDesk.of(self._parts.office(community))

    def _back(self, community: Community, words: str, version: int, segment: Segment | None = None) -> Any:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        to = url_for("console.segment", place=community.id, id=segment.id, said=words, version=version or None) if segment else ""
        return redirect(to or url_for("console.segments", place=community.id, said=words, version=version or None), 303)


def _row(saved: Segments, community: Community, segment: Segment, counts: Mapping[str, int]) -> Row:
    try:
        return Row(segment, explain(saved.query(segment.text, community.id)), counts.get(segment.id), "")
    except SegmentError as error:
        return Row(segment, "", None, str(error))


def _by_sort() -> dict[Sort, list[Trait]]:
    return {sort: [trait for trait in TRAITS.values() if trait.sort == sort] for sort in SORTS}


def _moved(moved: Moved) -> str:
    if moved.now is None:
        return "这个群体刚刚被别人删掉了。要留着，就按“保存”以前先复制下来，再新建一个。"
    return f"这个群体刚刚被别人改过，现在是“{moved.now.name}”：{moved.now.text}。请打开最新的再改。"
