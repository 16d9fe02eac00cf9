"""What waits for operators – questions without an answer, proposals, judgements – is kept by community, once, and for as long as promised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from storage import keys, proposals
from storage.community import CommunityKeys
from storage.connection import Database
from storage.feedback import Feedback, Judged
from storage.keys import SHARDS, shard_of
from storage.listings import LIFE_MS, Listings
from storage.moment import to_ms
from storage.proposals import Proposals
from storage.tallies import Tallies, hit_of, hits_in
from storage.unanswered import Asked, Unanswered

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
MAIN = CommunityKeys("main", shard_of("main"))


def ask(database: Database, text: str, *, shard: int = 3, community: str = "main", at: datetime = NOW) -> None:
    """A question nobody can answer, as the finishing act keeps it."""
    database.command("RPUSH", keys.UNANSWERED(shard=shard, community=community), f"{to_ms(at)}|{text}")


def test_questions_come_from_all_shards_in_the_order_of_time(database: Database) -> None:
    ask(database, "乙", shard=2, at=NOW + timedelta(seconds=1))
    ask(database, "甲|有竖线", shard=9)
    ask(database, "别人的", community="far")
    found = Unanswered(database, SHARDS).questions("main")
    assert found == [Asked("甲|有竖线", to_ms(NOW)), Asked("乙", to_ms(NOW) + 1000)]
    assert Unanswered(database, SHARDS).questions("main", most=1) == found[1:]


def test_what_was_dealt_with_goes_and_the_rest_stays(database: Database) -> None:
    store = Unanswered(database, SHARDS)
    for shard in (1, 2):
        for text in ("甲", "乙", "甲"):
            ask(database, text, shard=shard)
    assert store.forget("main", {"甲"}) == 4
    assert store.forget("main", {"甲"}) == 0
    assert store.forget("main", set()) == 0
    assert [asked.text for asked in store.questions("main")] == ["乙", "乙"]


def test_what_is_ignored_is_remembered_for_as_long_as_questions_are_kept(database: Database) -> None:
    store = Unanswered(database, SHARDS)
    ask(database, "甲")
    assert store.ignore(MAIN, ["甲"], NOW) == 1
    assert store.ignored(MAIN) == ["甲"]
    assert store.drop_before(NOW) == 0
    assert store.drop_before(NOW + timedelta(seconds=1)) == 1
    assert store.ignored(MAIN) == []


def test_a_proposal_is_kept_once_cut_to_size_and_taken_away_once(database: Database) -> None:
    store = Proposals(database, SHARDS)
    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(lambda _: store.add("main", "问" * 900, "答" * 9_000, ["似"] * 99, "工单 1", NOW, once="x"), range(16)))
    assert numbers == {1}
    (kept,) = store.waiting("main")
    assert (len(kept.question), len(kept.answer), len(kept.similar)) == (500, 4_000, 20)
    assert store.waiting("far") == []
    assert store.settle("main", 1)
    assert not store.settle("main", 1)
    assert store.find("main", 1) is None
    assert store.add("main", "问", "答", (), "工单 2", NOW, once="y") == 2, "no number is given out twice"


def test_the_oldest_proposals_go_when_too_many_wait(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MOST_WAITING", 3)
    store = Proposals(database, SHARDS)
    for number in range(5):
        store.add("main", f"问{number}", "答", (), "", NOW + timedelta(days=number), once=str(number))
    assert [waiting.question for waiting in store.waiting("main")] == ["问4", "问3", "问2"]
    assert store.drop_before(NOW + timedelta(days=3)) == 1


def test_judgements_are_counted_once_for_each_answer_however_often_they_come(database: Database) -> None:
    store = Feedback(database)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.give(MAIN, "refund", "a1", 7, "useful", NOW), range(16)))
    assert store.all(MAIN) == {"refund": Judged(1, 0)}
    assert store.give(MAIN, "refund", "a1", 7, "useless", NOW) == "useful"
    assert store.give(MAIN, "refund", "a1", 8, "useless", NOW) is None
    assert store.all(MAIN) == {"refund": Judged(0, 2)}
    assert store.give(MAIN, "refund", "a1", 7, "", NOW) == "useless"
    assert store.give(MAIN, "refund", "a1", 7, "", NOW) == ""
    store.give(MAIN, "refund", "a1", 8, "", NOW)
    assert store.all(MAIN) == {}
    assert store.all(CommunityKeys("far", 1)) == {}


def test_a_listing_is_its_operators_own_and_lasts_an_hour(database: Database) -> None:
    store = Listings(database)
    store.keep(MAIN, 7, "faq", ["甲", "乙"])
    assert [store.find(MAIN, 7, "faq", number) for number in (0, 1, 2, 3)] == [None, "甲", "乙", None]
    assert store.find(MAIN, 8, "faq", 1) is None
    assert store.find(MAIN, 7, "missed", 1) is None
    assert 0 < database.command("PTTL", keys.LISTING(shard=MAIN.shard, community="main", name="faq", member=7)) <= LIFE_MS
    store.erase_user(7)
    assert store.find(MAIN, 7, "faq", 1) is None


def test_what_was_listed_together_is_kept_for_every_operator_of_the_community(database: Database) -> None:
    store = Listings(database)
    store.keep_groups(MAIN, {"k": ["甲", "乙"], "l": ["丙"]})
    store.keep_groups(MAIN, {})
    store.erase_user(7)
    assert store.find_group(MAIN, "k") == ["甲", "乙"]
    assert store.find_group(MAIN, "m") == []
    assert store.find_group(CommunityKeys("far", MAIN.shard), "k") == []
    assert 0 < database.command("PTTL", keys.LISTING(shard=MAIN.shard, community="main", name="group-k", member=0)) <= LIFE_MS


def test_what_waits_and_what_is_to_stay_away_are_counted_together(database: Database) -> None:
    store = Unanswered(database, SHARDS)
    for shard in (1, 2, 2):
        ask(database, f"问{shard}", shard=shard)
    ask(database, "别人的", community="far")
    assert store.size(MAIN) == 3
    store.ignore(MAIN, ["问1"], NOW)
    assert store.size(MAIN) == 3, "two wait, one is to stay away"


def test_hits_of_entries_are_summed_over_days_and_shards(database: Database) -> None:
    for shard, day in ((1, "2026-03-10"), (2, "2026-03-10"), (1, "2026-03-09"), (1, "2026-03-08")):
        database.command("HINCRBY", keys.COUNTS(shard=shard, community="main", day=day), hit_of("refund"), 2)
    database.command("HINCRBY", keys.COUNTS(shard=1, community="main", day="2026-03-10"), "messages", 5)
    counts = Tallies(database, SHARDS).of_days("main", NOW.date(), 2)
    assert counts == {"hit:refund": 6, "messages": 5}
    assert hits_in(counts) == {"refund": 6}
