"""The report desk: what chat, console and clock do with reports is done here – made, told to those who look after a community, written as a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import structlog

from bot.communities import Communities, Community
from bot.config import Config
from bot.console_links import CONSOLE
from bot.enclosures import enclosing
from bot.errors import UserError
from bot.live import Contents, LiveContents
from bot.numbers import Numbers
from bot.permissions import Actor
from bot.report_book import write_book
from bot.report_facts import Report, cohorts_of, gather
from bot.report_words import picture_of, text_of
from bot.staff import to_staff
from rules.periods import Period, find_period
from rules.reports import due
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores

log = structlog.get_logger(__name__)

BOOKS = "report"
"""Begins the name of a workbook, which is written when it is sent."""


@dataclass(frozen=True, slots=True)
class ReportDesk:
    """The reports of one community at one moment."""

    stores: Stores
    config: Config
    contents: Contents
    numbers: Numbers
    community: Community
    now: datetime

    def make(self, period: Period) -> Report:
        """The report of a period that has begun."""
        return gather(self.stores, self.contents, self.numbers, self.community, period, self.now)

    def text(self, report: Report) -> str:
        """A report in words, with a link to its page where there is an address that leads there."""
        base = self.config.server.public_url
        is_shown = base and report.community.is_listed
        return text_of(report, f"{base}{CONSOLE}in/{self.community.id}/reports/{report.period.id}" if is_shown else "")

    def book(self, report: Report) -> bytes:
        """A report as a workbook."""
        return write_book(report, cohorts_of(self.numbers, report))

    def send(self, period: Period, actor: Actor, *, once: str) -> int:
        """Sends a report to those who look after the community, now; gives to how many chats, none where no way leads to anybody."""
        report = self.make(period)
        posts = list(self.posts(report, id=f"report:{self.community.id}:{period.id}:{once}"))
        if posts:
            self.stores.audit.record(self.community.id, actor.id, "发送报表", f"{period.name} {period.id}", "", "", self.now, once=once)
            self.stores.outbox.enqueue(self.community.shard, posts, to_ms(self.now))
        return len({post.target for post in posts})

    def posts(self, report: Report, *, id: str) -> Iterator[Delivery]:
        """What is posted of a report, wherever staff is told: the text, before it the picture and behind it the workbook; of a day the text alone."""
        texts = to_staff(self.stores, self.config, self.community, self.text(report), id=id, now_ms=to_ms(self.now))
        is_long = report.period.length != "day"
        for post in texts:
            if is_long:
                yield enclosing(post, "image", picture_of(report))
            yield post
            if is_long:
                yield enclosing(post, "file", book_name(self.community, report.period))


def book_name(community: Community, period: Period) -> str:
    """The name of a report's workbook as a file that is written when it is sent."""
    return f"{BOOKS}:{community.id}/{period.id}/{period.name} {period.id}.xlsx"


def book_file(stores: Stores, config: Config, live: LiveContents, communities: Communities, now: datetime, name: str) -> bytes:
    """The bytes of such a file, by what stands behind its ``BOOKS:``. Raises UserError for a name that is none."""
    community, id, _ = name.rsplit("/", 2) if name.count("/") > 1 else ("", "", "")
    period = find_period(id)
    place = communities.named(community)
    if not community or period is None or period.first > now.astimezone(place.zone).date():
        raise UserError("没有这份报表")
    desk = ReportDesk(stores, config, live.current, Numbers(stores, communities, lambda: now, live.current), place, now)
    return desk.book(desk.make(period))


def ring_reports(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Sends the reports whose time has come, each once over all processes; gives how many."""
    numbers, sent = Numbers(stores, communities, lambda: now, contents), 0
    for community in communities.listed:
        for period in due(contents.reports.of(community.id), now.astimezone(community.zone)):
            try:
                sent += _ring(ReportDesk(stores, config, contents, numbers, community, now), period)
            except Exception:  # what one community suffers from stops no other
                log.exception("a report could not be made", community=community.id, report=period.id)
    return sent


def _ring(desk: ReportDesk, period: Period) -> bool:
    """Sends one report unless it was sent, or settled, before. What it is about names it, so a changed timetable sends nothing twice."""
    firings, community = desk.stores.firings, desk.community
    name, ended = f"report:{period.length}", _end(period, community)
    last = firings.last(community.keys, name)
    if last is not None and ended <= last <= desk.now:  # what ended after now was noted by a clock that went wrong
        return False
    report = desk.make(period)
    posts = [] if report.is_empty else list(desk.posts(report, id=f"report:{community.id}:{period.id}"))
    day, title = community.day_of(desk.now), period.name if posts else ""
    is_first = firings.claim(community.keys, name, ended, posts, desk.now, None, day=day if posts else None, title=title)
    if is_first and posts:
        log.info("report sent", report=period.id, community=community.id, posts=len(posts))
    return is_first and bool(posts)


def _end(period: Period, community: Community) -> datetime:
    """The moment when a period was over."""
    return datetime.combine(period.last + timedelta(days=1), time(), community.zone)
