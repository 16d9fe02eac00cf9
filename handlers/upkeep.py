"""Upkeep: what has been kept long enough goes, once an hour, by whichever process rings first."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.config import Config
from storage.moment import to_ms
from storage.stores import Stores


def clean_up(stores: Stores, config: Config, now: datetime) -> dict[str, int]:
    """Removes what is older than the configuration keeps it; gives how much went, by kind."""
    keep = config.retention
    return {
        "events": stores.events.trim(now - timedelta(days=keep.events_days)),
        "unanswered": stores.unanswered.drop_before(now - timedelta(days=keep.unanswered_days)),
        "proposals": stores.proposals.drop_before(now - timedelta(days=keep.unanswered_days)),
        "evidence": stores.cases.drop_evidence(now - timedelta(days=keep.evidence_days)),
        "trials": stores.trials.drop_before(now - timedelta(days=keep.evidence_days)),
        "ticket texts": stores.tickets.drop_texts(now - timedelta(days=keep.tickets_days)),
        "challenge proofs": stores.challenges.drop_proofs(now - timedelta(days=keep.proofs_days)),
        "activities": stores.activities.drop_entries(now - timedelta(days=keep.activities_days)),
        "submissions": stores.submissions.drop_before(now - timedelta(days=keep.activities_days)),
        "audit": stores.audit.drop_before(now - timedelta(days=keep.audit_days)),
        "dead letters": sum(box.drop_dead_letters(now - timedelta(days=keep.evidence_days)) for box in (stores.inbox, stores.outbox)),
        # nobody works on what was queued before the setting was changed, and it holds texts
        "mood jobs": 0 if config.mood.model == "snownlp" else stores.jobs.drop(),
        "processes": stores.machine.sweep(to_ms(now)),
        "room": stores.room.sweep(now.date()),
        "consumers": sum(work.drop_idle_consumers() for work in (stores.inbox, stores.jobs, stores.pictures, stores.streams)),
        # last: where the disk is full nothing can be written, and all else has to be done all the same
        "filed events": stores.events.file_away(now - timedelta(days=config.log.hot_days)) if config.is_log_filed else 0,
    }
