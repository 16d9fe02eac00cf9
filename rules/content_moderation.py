"""The policy of moderation as a file of content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Id, Kind, Phrase, Row, twins
from rules.content_ladder import LadderSheet, check_ladder, ladder_of, ladder_sheet
from rules.content_mood import MoodSheet, mood_of, mood_sheet
from rules.flooding import Limits
from rules.policy import STANDARDS, Place, Policy, Profile, Standard, Strictness, Trial

Share = Annotated[float, Field(ge=0.3, le=1)]


class StandardRow(Row):
    """The thresholds of one strictness."""

    review: Share
    addressed: Share
    warn: Share
    word: Annotated[float, Field(ge=0, le=1)]


class StandardsRow(Row):
    """The thresholds by strictness."""

    strict: StandardRow | None = None
    normal: StandardRow | None = None
    gentle: StandardRow | None = None


class PlaceRow(Row):
    """One community that differs."""

    community: Id
    strictness: Strictness | Literal[""] = ""
    profile: Profile = "chat"
    trial: Trial = "auto"


Count = Annotated[int, Field(ge=0, le=60)]
_LIMITS = Limits()


class FloodingRow(Row):
    """When it is too much."""

    ten_seconds: Count = _LIMITS.ten_seconds
    minute: Count = _LIMITS.minute
    same: Count = _LIMITS.same
    same_by_others: Count = _LIMITS.same_by_others
    newcomers: Count = _LIMITS.newcomers
    shortest: Annotated[int, Field(ge=1, le=100)] = _LIMITS.shortest
    quiet_s: Annotated[int, Field(ge=0, le=600)] = _LIMITS.quiet_s


class ModerationSheet(Row):
    """The policy."""

    strictness: Strictness = "normal"
    communities: Annotated[tuple[PlaceRow, ...], Field(max_length=1_000)] = ()
    thresholds: StandardsRow = StandardsRow()
    allowed: Annotated[tuple[Phrase, ...], Field(max_length=1_000)] = ()
    flooding: FloodingRow = FloodingRow()
    ladder: LadderSheet = LadderSheet()
    mood: MoodSheet = MoodSheet()


def _policy(sheet: ModerationSheet) -> Policy:
    places = {row.community: Place(row.strictness, row.profile, row.trial) for row in sheet.communities}
    written: dict[Strictness, StandardRow | None] = {
        "strict": sheet.thresholds.strict, "normal": sheet.thresholds.normal, "gentle": sheet.thresholds.gentle,
    }  # fmt: skip
    standards = {name: Standard(**dict(row)) if row else STANDARDS[name] for name, row in written.items()}
    allowed = frozenset(text.lower().removeprefix("https://").removeprefix("http://").strip("/") for text in sheet.allowed)
    return Policy(
        sheet.strictness, places, standards, allowed, Limits(**dict(sheet.flooding)), ladder_of(sheet.ladder), mood_of(sheet.mood)
    )


def _sheet(policy: Policy) -> Mapping[str, Any]:
    return {
        "strictness": policy.strictness,
        "communities": [{"community": id, **asdict(place)} for id, place in policy.places.items()],
        "thresholds": {
            name: {
                "review": standard.review,
                "addressed": standard.addressed,
                "warn": standard.warn,
                "word": standard.word,
            }
            for name, standard in policy.standards.items()
        },
        "allowed": sorted(policy.allowed),
        "flooding": asdict(policy.limits),
        "ladder": ladder_sheet(policy.ladder),
        "mood": mood_sheet(policy.mood),
    }


def _check(sheet: ModerationSheet) -> Iterator[tuple[Path, str]]:
    named = ((("communities", n, "community"), row.community) for n, row in enumerate(sheet.communities))
    yield from twins(named, "社群“{name}”写了两次，请合并成一条")
    for name, row in sheet.thresholds:
        if row is not None and row.warn < max(row.review, row.addressed):
            yield ("thresholds", name, "warn"), "不能小于 review 和 addressed：提醒要比转人工更有把握"
    yield from ((("ladder", *path), say) for path, say in check_ladder(sheet.ladder))


MODERATION: Kind[Policy] = Kind("moderation", "moderation.yaml", "治理", False, TypeAdapter(ModerationSheet), _policy, _sheet, _check)
