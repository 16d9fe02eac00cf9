"""The language of segments: who is meant, by what is known of members. Parsed, explained, written down again, and answered a block at a time.

``level >= 3 and silent_days > 7 and not tag:员工``; the grammar is in docs/segments.md, what can be asked in rules/traits.py.
"""

from __future__ import annotations

from rules.segment_parser import LONGEST as LONGEST
from rules.segment_parser import Names as Names
from rules.segment_parser import SegmentError as SegmentError
from rules.segment_parser import parse as parse
from rules.segment_tree import Query as Query
from rules.segment_tree import fits as fits
from rules.segment_tree import names_of as names_of
from rules.segment_tree import traits_of as traits_of
from rules.segment_words import explain as explain
from rules.segment_words import unparse as unparse
from rules.segment_words import written as written
