"""The saved segments as a file of content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Id, Kind, Row, has_no_line_break, is_sayable, twin_ids, twins
from rules.saved_segments import EVERYWHERE, Segment, Segments
from rules.segments import LONGEST, SegmentError

MOST_SEGMENTS = 500
LONGEST_TITLE, LONGEST_NOTE = 30, 200
"""Characters of a segment's name and of what is said about it."""


class SegmentRow(Row):
    """One saved segment."""

    id: Id
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
    text: Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(has_no_line_break)]
    community: Id = EVERYWHERE
    note: Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(has_no_line_break)] = ""


def _segments(rows: Iterable[SegmentRow]) -> Segments:
    return Segments(tuple(Segment(**dict(row)) for row in rows))


def segment_row(segment: Segment) -> dict[str, Any]:
    """The row of a segment, in plain types, without what says nothing."""
    return {name: value for name, value in asdict(segment).items() if value and (name, value) != ("community", EVERYWHERE)}


def read_segment(item: str) -> Segment:
    """The segment of a kept item."""
    return Segment(**dict(SegmentRow.model_validate_json(item)))


def _check(rows: Sequence[SegmentRow]) -> Iterator[tuple[Path, str]]:
    yield from twin_ids(rows)
    yield from twins((((n, "name"), f"{row.community} 的 {row.name}") for n, row in enumerate(rows)), "{name} 已经有了，请换一个名字")
    if len(rows) > MOST_SEGMENTS:
        yield (), f"群体最多 {MOST_SEGMENTS} 个，这里有 {len(rows)} 个"
    segments = _segments(rows)
    for n, row in enumerate(rows):
        if problem := wrong_with(row.text, row.community, segments):
            yield (n, "text"), problem


def wrong_with(text: str, community: str, segments: Segments) -> str:
    """What is wrong with a text among these saved segments, in Chinese with the place; '' when nothing is."""
    try:
        segments.query(text, community)
    except SegmentError as error:
        return str(error)
    return ""


SEGMENTS: Kind[Segments] = Kind(
    "segments",
    "segments.yaml",
    "群体",
    True,
    TypeAdapter(tuple[SegmentRow, ...]),
    _segments,
    lambda segments: [segment_row(one) for one in segments.rows],
    _check,
)
