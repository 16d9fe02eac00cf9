"""How a message felt, as the act that ends it adds it up: scored at once by the small model, or queued for SnowNLP, which is slow."""

from __future__ import annotations

import zlib

import msgspec
import structlog

from bot.config import Config
from bot.live import LiveContents
from bot.router import Match
from bot.work import Work
from rules.mood import NEGATIVE
from rules.mood_topics import SAMPLE, words_of
from rules.unmask import glance
from storage.moods import Felt

log = structlog.get_logger(__name__)

SPOKEN = frozenset({"text", "mixed", "voice"})
LONGEST_JOB = 500
_encode = msgspec.json.Encoder().encode


class Feelings:
    """Says how a message felt. What is a command, an answer to a question, or said in confidence has no mood: 签到 is neither
    glad nor sad. The administrators' own groups are left out.
    """

    def __init__(self, config: Config, live: LiveContents) -> None:
        self._config = config.mood
        self._offices = frozenset(filter(None, (community.admin_group for community in config.communities)))
        self._live = live

    def felt(self, work: Work, match: Match | None) -> Felt | None:
        """How it felt, None for what has no mood or is left to SnowNLP. Words are told of unhappy messages in groups, and of some others beside them."""
        model = self._live.models.mood if self._live.models else None
        if model is None or self._config.model != "chat" or not self._has_mood(work, match):
            return None
        try:
            score = model.score(glance(work.message.text))
        except Exception as error:
            # A figure less; the message is answered all the same, as when a gate breaks.
            log.error("mood failed", id=work.message.id, error=type(error).__name__, exc_info=True)
            return None
        is_low = score < NEGATIVE
        if not work.place.chat:
            return Felt(score, is_low)
        contents = self._live.current
        is_looked_at = is_low or zlib.crc32(work.message.id.encode()) % SAMPLE == 0
        words = words_of(work.message.text, contents.words.cut) if is_looked_at else ()
        policy = contents.judge.policy
        share = policy.mood.share(is_support=policy.place(work.community.id).profile == "support")
        return Felt(score, is_low, words, share, policy.mood.alarm_messages)

    def job(self, work: Work, match: Match | None) -> str:
        """The work that SnowNLP's process is to do for a message; '' for none."""
        if self._config.model != "snownlp" or not self._has_mood(work, match):
            return ""
        return _encode(
            {
                "job": "mood", "member": work.place.member, "community": work.community.id, "text": work.message.text[:LONGEST_JOB],
                "chat": work.place.chat, "at": work.now_ms,
            }
        ).decode()  # fmt: skip

    def _has_mood(self, work: Work, match: Match | None) -> bool:
        is_chat = work.message.kind in SPOKEN and bool(work.message.text) and (match is None or match.route.is_fallback)
        return self._config.enabled and is_chat and work.place.member > 0 and work.place.chat not in self._offices
