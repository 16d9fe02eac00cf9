"""The thresholds of the lights as a file of content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.content_file import Path
from rules.content_kind import Id, Kind, Row, twins
from rules.health import DEFAULTS, STAGES, By, HealthRules, Place, Stage, Threshold
from rules.metrics import METRICS

_RULES = HealthRules()
LONG = {id for id, metric in METRICS.items() if metric.good and not {"week", "month"}.isdisjoint(metric.lengths)}
Inlets = Literal["mentions", "roster", "archive", "pushes", "surveys", "invitations"]
Figure = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]


def _is_judged(id: str) -> str:
    if id not in LONG:
        raise ValueError(f"没有“{id}”这个能亮灯的指标，可以写的是 {'、'.join(sorted(LONG))}")
    return id


class LightRow(Row):
    """When the light of one indicator turns."""

    metric: Annotated[str, AfterValidator(_is_judged)]
    by: By = "level"
    yellow: Figure
    red: Figure | None = None
    least: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    needs: Annotated[tuple[Inlets, ...], Field(max_length=7)] = ()
    periods: Annotated[int, Field(ge=1, le=4)] = 1
    stages: Annotated[tuple[Stage, ...], Field(max_length=4)] = ()
    on: bool = True

    @model_validator(mode="after")
    def _worsens(self) -> LightRow:
        if self.by == "past" and self.yellow <= 0:
            raise ValueError("和过去比的，yellow 写差了多少才变黄，要大于 0，例如 0.1 是差一成")
        if self.by == "past" and self.periods > 1:
            raise ValueError("和过去比的不能写 periods")
        if self.red is not None and not self._is_worse(self.red):
            raise ValueError("red 要比 yellow 更差，请对照示例修改")
        return self

    def _is_worse(self, red: float) -> bool:
        is_low_bad = self.by == "level" and METRICS[self.metric].good == "up"
        return red < self.yellow if is_low_bad else red > self.yellow


class PlaceRow(Row):
    """What is different in one community."""

    community: Id
    stage: Stage | None = None
    lights: Annotated[tuple[LightRow, ...], Field(max_length=100)] = ()


def _row(threshold: Threshold) -> dict[str, Any]:
    told = {**asdict(threshold), "needs": sorted(threshold.needs)}
    return {
        name: value for name, value in told.items() if name in ("metric", "by", "yellow", "least") or value not in (None, (), [], 1, True)
    }


class HealthSheet(Row):
    """The thresholds."""

    margin: Annotated[float, Field(ge=0, le=0.5)] = _RULES.margin
    days: Annotated[int, Field(ge=1, le=7)] = _RULES.days
    again_days: Annotated[int, Field(ge=1, le=90)] = _RULES.again_days
    lights: Annotated[tuple[LightRow, ...], Field(max_length=200)] = tuple(LightRow.model_validate(_row(one)) for one in DEFAULTS)
    communities: Annotated[tuple[PlaceRow, ...], Field(max_length=1_000)] = ()


def _thresholds(rows: Iterable[LightRow]) -> tuple[Threshold, ...]:
    return tuple(Threshold(**{**dict(row), "needs": frozenset(row.needs)}) for row in rows)


def _rules(sheet: HealthSheet) -> HealthRules:
    places = {row.community: Place(row.stage, _thresholds(row.lights)) for row in sheet.communities}
    return HealthRules(sheet.margin, sheet.days, sheet.again_days, _thresholds(sheet.lights), places)


def _sheet(rules: HealthRules) -> Mapping[str, Any]:
    return {
        "margin": rules.margin,
        "days": rules.days,
        "again_days": rules.again_days,
        "lights": [_row(threshold) for threshold in rules.lights],
        "communities": [
            {"community": id}
            | ({"stage": place.stage} if place.stage else {})
            | {"lights": [_row(threshold) for threshold in place.lights]}
            for id, place in rules.places.items()
        ],
    }


def _check(sheet: HealthSheet) -> Iterator[tuple[Path, str]]:
    named = ((("communities", n, "community"), row.community) for n, row in enumerate(sheet.communities))
    yield from twins(named, "社群“{name}”写了两次，请合并成一条")
    yield from _twin_lights(("lights",), sheet.lights)
    for n, row in enumerate(sheet.communities):
        yield from _twin_lights(("communities", n, "lights"), row.lights)


def _twin_lights(at: Path, rows: Iterable[LightRow]) -> Iterator[tuple[Path, str]]:
    for stage in ("", *STAGES):
        listed = (((*at, n, "metric"), row.metric) for n, row in enumerate(rows) if (stage in row.stages if stage else not row.stages))
        yield from twins(listed, f"指标“{{name}}”{f'在{stage}期' if stage else ''}写了两次，请合并成一条")


HEALTH: Kind[HealthRules] = Kind("health", "health.yaml", "健康灯", False, TypeAdapter(HealthSheet), _rules, _sheet, _check)
