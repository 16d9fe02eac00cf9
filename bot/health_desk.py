"""健康: how well a community is, in words; and the look that the clock takes every hour, which tells those who look after it of each trouble once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog

from bot.communities import Communities, Community
from bot.config import Config
from bot.live import Contents
from bot.numbers import Numbers, is_ahead
from bot.staff import to_staff
from rules.health import COLOURS, Light
from rules.lighting import Judgement
from storage.lights import Looked
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores

log = structlog.get_logger(__name__)

LEASE_MS = 240_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIRST_HOUR, LAST_HOUR = 9, 21
"""Nobody is told of a trouble outside these hours of the community's day: it waits for the morning."""
MOST_TOLD = 5
SILENT, QUIET = "silent", "quiet"
ONE_CAUSE = frozenset({"odd:messages", "odd:dau", "wau", "week_retention"})
"""Troubles that come of one cause, that people stay away: they are told under the name QUIET. Silence is told by itself, and tells of these too."""
SOUR = "negative_share"
"""The alarm of a bad mood (``bot/moods.py``) tells of this within the day: while that one stands, the light need not."""


def ring_health(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Looks at every listed community once an hour, and tells of troubles that are new; gives of how many communities something was told."""
    if not stores.leases.hold("health", LEASE_MS):
        return 0
    looks = stores.lights.all([community.keys for community in communities.listed])
    due = {
        one.id: (one, looked)
        for one, looked in zip(communities.listed, looks, strict=True)
        if looked.at_ms // HOUR_MS < to_ms(now) // HOUR_MS or is_ahead(looked.at_ms, now)
    }
    numbers = Numbers(stores, communities, lambda: now, contents)
    told = 0
    for community, looked in due.values():
        try:
            judged = numbers.judge([community])[community.id]
            told += _look(stores, config, numbers, contents, community, looked, judged, now)
        except Exception:  # what one community suffers from stops no other
            log.exception("a community could not be looked at", community=community.id)
    return told


def _look(
    stores: Stores, config: Config, numbers: Numbers, contents: Contents, community: Community, before: Looked, judged: Judgement, now: datetime
) -> bool:  # fmt: skip
    """Keeps a look and sends what tells of its new troubles, in one act; True when something was told."""
    told = _still_told(before, judged, contents.health.again_days * DAY_MS, now)
    is_daytime = FIRST_HOUR <= now.astimezone(community.zone).hour < LAST_HOUR
    again_ms = contents.health.again_days * DAY_MS
    fresh = [name for name in judged.troubles if is_daytime and to_ms(now) - told.get(_cause(name), -again_ms) >= again_ms]
    posts: tuple[Delivery, ...] = ()
    if new := [judged.troubles[name] for name in fresh if name != SOUR or not stores.moods.window(community.keys, to_ms(now)).alarm_ms]:
        said = alarm_words(community, new)
        posts = to_staff(stores, config, community, said, id=f"lights:{community.id}:{to_ms(now)}", now_ms=to_ms(now))
    causes = {_cause(name) for name in fresh} | ({QUIET} if SILENT in fresh else set())
    is_kept = stores.lights.keep(community.keys, before, numbers.pack(judged.lights), told | dict.fromkeys(causes, to_ms(now)), posts, now)
    if is_kept and new:
        log.info("troubles told", community=community.id, troubles=fresh, told=len(posts))
    return is_kept and bool(new)


def _cause(trouble: str) -> str:
    """The name under which a trouble is told."""
    return QUIET if trouble in ONE_CAUSE else trouble


def _still_told(before: Looked, judged: Judgement, again_ms: int, now: datetime) -> dict[str, int]:
    """What need not be told yet: what stands, what was told lately though it has gone since, and silence until somebody is heard."""
    standing = {_cause(name) for name in judged.troubles}

    def holds(name: str, at_ms: int) -> bool:
        if is_ahead(at_ms, now):
            return False
        return name in standing or (not judged.is_heard if name == SILENT else to_ms(now) - at_ms < again_ms)

    return {name: at_ms for name, at_ms in before.told.items() if holds(name, at_ms)}


def alarm_words(community: Community, troubles: Sequence[Light]) -> str:
    """What those are told who look after a community: what is not well, why, and what to do."""
    lines = [f"🩺 “{community.name}”有 {len(troubles)} 处不好，请看一看："]
    lines += [_with_remedy(light) for light in troubles[:MOST_TOLD]]
    more = f"还有 {len(troubles) - MOST_TOLD} 处。" if len(troubles) > MOST_TOLD else ""
    return "\n".join([*lines, f"{more}看全部请说：健康"])


def health_words(community: Community, lights: Sequence[Light]) -> str:
    """All lights of a community: those that are not well with the reason and what to do, the others in short, the grey ones with what would open them."""
    ill = [light for light in lights if light.colour in ("red", "yellow")]
    well = [light for light in lights if light.colour == "green"]
    grey = [light for light in lights if light.colour == "grey"]
    if ill:
        head = f"{COLOURS[ill[0].colour]} **{community.name}** · 有 {len(ill)} 处要看一看"
    elif well:
        head = f"{COLOURS['green']} **{community.name}** · 一切正常"
    else:
        head = f"{COLOURS['grey']} **{community.name}** · 数据还少，看不出好坏"
    lines = [head, *map(_with_remedy, ill)]
    if well:
        lines.append(f"{COLOURS['green']} 正常：" + "；".join(light.reason for light in well))
    return "\n".join([*lines, *_grey(grey)])


def _grey(lights: Sequence[Light]) -> Iterator[str]:
    """The lights that say nothing, together by what is missing."""
    names: dict[str, list[str]] = {}
    for light in lights:
        names.setdefault(light.why_grey, []).append(light.name)
    for why, named in names.items():
        yield f"{COLOURS['grey']} 看不了 {'、'.join(named)}：{why}"


def _with_remedy(light: Light) -> str:
    since = f"（{light.since.month} 月 {light.since.day} 日起）" if light.since else ""
    lines = [f"{COLOURS[light.colour]} {light.reason}{since}"]
    if light.remedy:
        lines.append(f"　→ {light.remedy.text}" + (f"。可以说：{light.remedy.command}" if light.remedy.command else ""))
    return "\n".join(lines)
