"""What works count, and the steps of the pyramid, as a file of content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from rules.content_file import Path
from rules.content_flows import TagName
from rules.content_kind import Kind, Row, twins
from rules.submissions import Contributions, Step

_DEFAULT = Contributions()
Count = Annotated[int, Field(ge=0, le=10_000)]


class StepRow(Row):
    """One step of the pyramid."""

    tag: TagName
    works: Count = 0
    featured: Count = 0


class ContributionsSheet(Row):
    """What works count."""

    per_work: Annotated[int, Field(ge=0, le=1_000)] = _DEFAULT.per_work
    per_featured: Annotated[int, Field(ge=0, le=1_000)] = _DEFAULT.per_featured
    steps: Annotated[tuple[StepRow, ...], Field(max_length=10)] = tuple(StepRow(**asdict(step)) for step in _DEFAULT.steps)


def _rules(sheet: ContributionsSheet) -> Contributions:
    return Contributions(sheet.per_work, sheet.per_featured, tuple(Step(**dict(row)) for row in sheet.steps))


def _sheet(rules: Contributions) -> dict[str, Any]:
    return {"per_work": rules.per_work, "per_featured": rules.per_featured, "steps": [asdict(step) for step in rules.steps]}


def _check(sheet: ContributionsSheet) -> Iterator[tuple[Path, str]]:
    yield from twins(((("steps", n, "tag"), row.tag) for n, row in enumerate(sheet.steps)), "标签“{name}”写了两次，请合并成一级")
    for n, row in enumerate(sheet.steps):
        if not row.works and not row.featured:
            yield ("steps", n, "works"), "works 和 featured 至少写一个，否则谁都算到了这一级"
        below = sheet.steps[n - 1] if n else None
        if below and (
            row.works < below.works or row.featured < below.featured or (row.works, row.featured) == (below.works, below.featured)
        ):
            yield ("steps", n, "works"), "要比上一级高，请从低到高写"


CONTRIBUTIONS: Kind[Contributions] = Kind(
    "contributions", "contributions.yaml", "共创等级", False, TypeAdapter(ContributionsSheet), _rules, _sheet, _check
)
