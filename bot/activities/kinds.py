"""Every kind of activity by its id."""

from __future__ import annotations

from collections.abc import Mapping

from bot.activities.box import BoxKind
from bot.activities.chain import ChainKind
from bot.activities.contest import ContestKind
from bot.activities.kind import ActivityKind
from bot.activities.lottery import Lottery
from bot.activities.poll import PollKind
from bot.activities.quiz import QuizKind
from bot.activities.survey import SurveyKind
from bot.activities.topic import TopicKind
from rules.activities import KindId

KINDS: Mapping[KindId, ActivityKind] = {
    "lottery": Lottery(),
    "poll": PollKind(),
    "chain": ChainKind(),
    "survey": SurveyKind(),
    "quiz": QuizKind(),
    "topic": TopicKind(),
    "box": BoxKind(),
    "contest": ContestKind(),
}
"""Every kind of activity by its id."""
