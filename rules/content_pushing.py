"""The manners of pushing as a file of content: quiet hours, caps, whose consent is needed, and the columns of the calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.content_file import Path
from rules.content_kind import Id, Kind, Phrase, Row, twins
from rules.pushes import Cap, Colour, Pushing, PushRules

_SPAN = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]-(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_RULES = PushRules()


def _is_span(text: str) -> str:
    if text and (not _SPAN.fullmatch(text) or text[:5] == text[6:]):
        raise ValueError("写从几点到几点，例如 22:00-08:00；没有安静时段写空的 ''")
    return text


class CapRow(Row):
    """At most so many pushes of a kind in so many days."""

    kind: Phrase
    most: Annotated[int, Field(ge=0, le=1_000)]
    days: Annotated[int, Field(ge=1, le=90)]


def _caps(caps: tuple[Cap, ...]) -> tuple[CapRow, ...]:
    return tuple(CapRow(kind=cap.kind, most=cap.most, days=cap.days) for cap in caps)


class RulesRow(Row):
    """The manners of pushing."""

    quiet: Annotated[str, Field(max_length=11), AfterValidator(_is_span)] = _RULES.quiet
    caps: Annotated[tuple[CapRow, ...], Field(max_length=20)] = _caps(_RULES.caps)
    group_caps: Annotated[tuple[CapRow, ...], Field(max_length=20)] = _caps(_RULES.group_caps)
    marketing_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = _RULES.marketing_share
    share_days: Annotated[int, Field(ge=1, le=90)] = _RULES.share_days
    approve_above: Annotated[int, Field(ge=0, le=10_000_000)] = _RULES.approve_above
    approve_marketing: bool = _RULES.approve_marketing
    brake_above: Annotated[int, Field(ge=0, le=10_000_000)] = _RULES.brake_above

    @model_validator(mode="after")
    def _says_each_cap_once(self) -> RulesRow:
        for caps in (self.caps, self.group_caps):
            if len({(cap.kind, cap.days) for cap in caps}) < len(caps):
                raise ValueError("同一种推送同样的天数写了两次上限，请合并成一条")
        return self


class PlaceRow(RulesRow):
    """The manners of one community: what it does not say is as everywhere."""

    community: Id


class ColumnRow(Row):
    """A recurring column of the calendar."""

    name: Phrase
    colour: Colour = ""


class PushingSheet(RulesRow):
    """The manners everywhere, and where they are others."""

    communities: Annotated[tuple[PlaceRow, ...], Field(max_length=1_000)] = ()
    columns: Annotated[tuple[ColumnRow, ...], Field(max_length=100)] = ()


def _pushing(sheet: PushingSheet) -> Pushing:
    default = _rules(sheet, _RULES)
    places = {row.community: _rules(row, default) for row in sheet.communities}
    return Pushing(default, places, {row.name: row.colour for row in sheet.columns})


def _rules(row: RulesRow, otherwise: PushRules) -> PushRules:
    told = {name: getattr(row, name) for name in row.model_fields_set if name in RulesRow.model_fields}
    for name in ("caps", "group_caps"):
        if name in told:
            told[name] = tuple(Cap(cap.kind, cap.most, cap.days) for cap in told[name])
    return PushRules(**{**{name: getattr(otherwise, name) for name in RulesRow.model_fields}, **told})


def _sheet(pushing: Pushing) -> Mapping[str, Any]:
    return asdict(pushing.default) | {
        "communities": [{"community": id} | asdict(rules) for id, rules in pushing.places.items()],
        "columns": [{"name": name, "colour": colour} for name, colour in pushing.colours.items()],
    }


def _check(sheet: PushingSheet) -> Iterator[tuple[Path, str]]:
    named = ((("communities", n, "community"), row.community) for n, row in enumerate(sheet.communities))
    yield from twins(named, "社群“{name}”写了两次，请合并成一条")
    yield from twins(((("columns", n, "name"), row.name) for n, row in enumerate(sheet.columns)), "栏目“{name}”写了两次，请合并成一条")


PUSHING: Kind[Pushing] = Kind("pushing", "pushing.yaml", "推送规矩", False, TypeAdapter(PushingSheet), _pushing, _sheet, _check)
