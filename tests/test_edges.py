"""Who recognised whom, kept from the log; and the night in which the models of members are worked out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from chat import Chat, OpenChat

from bot.member_models import Recognitions, ring_models
from bot.numbers import Numbers
from bot.report_facts import Waiting, gather
from handlers.levels import crown_months
from rules.figures import Where
from rules.koc import FADED, Influence
from rules.periods import day_of
from storage.community import CommunityKeys
from storage.edges import Edge, EdgeStore, Found
from storage.presence import BLOCK

pytest_plugins = ("chat",)

WHERE, DAY = CommunityKeys("main", 3), date(2026, 3, 10)
PEOPLE = ("lilei", "hanmei", "lily", "jim", "kate", "polly", "tom", "ann")


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and eight members who have spoken."""
    chat = open_chat()
    for user in PEOPLE:
        chat.says("群规", user=user, name=f"成员{user}")
    return chat


def edge(giver: int, taker: int, entry: str, *, weight: float = 1.0, day: date = DAY) -> Edge:
    return Edge(giver, taker, weight, day, entry)


def weights(store: EdgeStore, day: date = DAY) -> dict[tuple[int, int], float]:
    kept = store.read(WHERE, day).edges
    return {(int(a), int(b)): round(float(w), 4) for a, b, w in zip(kept.givers, kept.takers, kept.weights, strict=True)}


def test_edges_add_up_and_lose_half_in_forty_five_days(chat: Chat) -> None:
    store = chat.stores.edges
    assert store.note(WHERE, [edge(1, 2, "5-0"), edge(1, 2, "6-0"), edge(2, 1, "6-1")]) == 3
    assert weights(store) == {(1, 2): 2.0, (2, 1): 1.0}
    assert weights(store, DAY + timedelta(days=45)) == {(1, 2): 1.0, (2, 1): 0.5}
    store.note(WHERE, [edge(1, 2, "7-0", day=DAY + timedelta(days=45))])
    assert weights(store, DAY + timedelta(days=45))[1, 2] == 2.0


def test_a_night_that_was_worked_out_late_does_not_take_the_place_of_a_later_one(chat: Chat) -> None:
    store, nobody = chat.stores.edges, Influence(np.array([], dtype=np.int64), np.array([]), 0)
    assert store.keep(WHERE, DAY, Found(judged=2), chat.clock(), nobody, ())
    assert not store.keep(WHERE, DAY - timedelta(days=1), Found(judged=1), chat.clock(), nobody, ())
    assert not store.keep(WHERE, DAY, Found(judged=1), chat.clock(), nobody, ())
    assert store.nights([WHERE])[0][1].judged == 2


def test_what_is_told_again_is_noted_once(chat: Chat) -> None:
    store = chat.stores.edges
    told = [edge(1, 2, "9-5"), edge(1, 2, "10-1"), edge(3, 2, "10-2")]
    assert store.note(WHERE, told) == 3
    assert store.note(WHERE, told) == 0
    assert store.note(WHERE, [*told, edge(1, 2, "10-3")]) == 1
    assert weights(store) == {(1, 2): 3.0, (3, 2): 1.0}


def test_what_faded_is_forgotten_once_the_night_is_kept_unless_it_grew(chat: Chat) -> None:
    store, later = chat.stores.edges, DAY + timedelta(days=400)
    store.note(WHERE, [edge(1, 2, "1-0"), edge(3, 4, "2-0"), edge(5, 6, "3-0", day=later)])
    kept = store.read(WHERE, later)
    assert sorted(field for field, _ in kept.faded) == ["1>2", "3>4"]
    assert len(kept.edges.weights) == 1
    assert (kept.edges.weights >= FADED).all()
    store.note(WHERE, [edge(3, 4, "4-0", day=later)])  # meanwhile
    nobody = Influence(np.zeros(0, dtype=np.int64), np.zeros(0), 0)
    assert store.keep(WHERE, later, Found(), chat.clock(), nobody, kept.faded)
    assert set(weights(store, later)) == {(3, 4), (5, 6)}


def test_a_night_is_kept_once(chat: Chat) -> None:
    store = chat.stores.edges
    first = Influence(np.array([3, 7]), np.array([0.5, 2.5]), 4)
    assert store.keep(WHERE, DAY, Found(judged=9, at_risk=2), chat.clock(), first, ())
    assert not store.keep(WHERE, DAY, Found(judged=1), chat.clock(), Influence(np.array([1]), np.array([9.0]), 1), ())
    assert store.nights([WHERE, CommunityKeys("other", 5)]) == [(DAY.isoformat(), Found(judged=9, at_risk=2)), ("", Found())]
    again = store.influence(WHERE)
    assert again.members.tolist() == [3, 7]
    assert again.scores.tolist() == [0.5, 2.5]
    assert [entry.data["at_risk"] for entry in chat.log("change") if entry.data.get("act") == "models"] == [2]


def test_an_erased_member_is_on_neither_side(chat: Chat) -> None:
    store = chat.stores.edges
    store.note(WHERE, [edge(1, 12, "1-0"), edge(12, 3, "2-0"), edge(2, 1, "3-0"), edge(112, 1, "4-0")])
    store.keep(WHERE, DAY, Found(), chat.clock(), Influence(np.array([1, 12]), np.array([1.0, 2.0]), 1), ())
    assert store.export_user(12) == {"main": {"感谢过几个人": 1, "被几个人感谢过": 1}}
    store.erase_user(12)
    assert set(weights(store)) == {(2, 1), (112, 1)}
    assert store.influence(WHERE).members.tolist() == [1]
    assert store.export_user(12) == {}


# From the log -------------------------------------------------------------------------------------------------------------


def consume(chat: Chat) -> None:
    """Takes in the whole log, as the follower would: from the beginning, again and again."""
    taken = Recognitions(chat.stores, chat.communities)
    entries = [entry for entry in chat.stores.events.read() if entry.community == chat.community.id]
    taken.consume(chat.community.shard, entries)


def numbers(chat: Chat) -> dict[int, str]:
    return {chat.member(user): user for user in PEOPLE}


def test_thanks_become_edges_once(chat: Chat) -> None:
    chat.says("谢谢 @成员hanmei", user="lilei")
    chat.says("谢谢 @成员hanmei", user="lily")
    consume(chat)
    consume(chat)
    kept, who = chat.stores.edges.read(chat.community.keys, DAY).edges, numbers(chat)
    found = sorted((who[int(a)], who[int(b)]) for a, b in zip(kept.givers, kept.takers, strict=True))
    assert found == [("lilei", "hanmei"), ("lily", "hanmei")]


def test_a_newcomer_who_stayed_speaks_for_whoever_brought_him_and_nobody_for_himself(chat: Chat) -> None:
    lilei, hanmei = chat.member("lilei"), chat.member("hanmei")
    events, place = chat.stores.events, chat.community
    events.record(place.shard, "change", place.id, chat.clock(), {"act": "invite_credited", "by": lilei, "actor": 0}, member=hanmei)
    events.record(place.shard, "change", place.id, chat.clock(), {"act": "recognised", "what": "thanks", "by": lilei}, member=lilei)
    events.record(place.shard, "change", place.id, chat.clock(), {"act": "recognised", "what": "other", "by": lilei}, member=hanmei)
    consume(chat)
    kept = chat.stores.edges.read(place.keys, DAY).edges
    assert (kept.givers.tolist(), kept.takers.tolist()) == ([hanmei], [lilei])


def test_what_the_log_tells_of_an_erased_member_is_not_noted(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    lilei, hanmei, lily = (chat.member(user) for user in ("lilei", "hanmei", "lily"))
    events, place, store = chat.stores.events, chat.community, chat.stores.edges
    for giver, taker in ((lilei, hanmei), (hanmei, lily), (lily, lilei)):
        events.record(place.shard, "change", place.id, chat.clock(), {"act": "recognised", "what": "thanks", "by": giver}, member=taker)
    chat.erase("hanmei")
    consume(chat)
    kept = store.read(place.keys, DAY).edges
    assert (kept.givers.tolist(), kept.takers.tolist()) == ([lily], [lilei])
    note = store.note

    def slowly(where: CommunityKeys, edges: Sequence[Edge]) -> int:
        chat.erase("lilei")
        return note(where, edges)

    monkeypatch.setattr(store, "note", slowly)
    consume(chat)
    assert not len(store.read(place.keys, DAY).edges.givers), "who is erased while he is noted, too"


# Presence -----------------------------------------------------------------------------------------------------------------


def test_presence_is_what_the_daybook_marked_in_blocks(chat: Chat) -> None:
    book, days = chat.stores.daybook, [DAY - timedelta(days=back) for back in (9, 3, 1)]
    far = 2 * BLOCK + 17
    for day, spoke in zip(days, ([5, far], [5, 9], [9, far]), strict=True):
        book.bring(Where("main"), day, spoke=spoke)
    first = DAY - timedelta(days=9)
    assert chat.stores.presence.speakers("main", first, DAY - timedelta(days=1)).tolist() == [2, 0, 0, 0, 0, 0, 2, 0, 2]
    blocks = dict(chat.stores.presence.blocks("main", first, DAY - timedelta(days=1)))
    assert list(blocks) == [0, 2 * BLOCK]  # between them nobody spoke
    assert np.argwhere(blocks[0][:, :12]).tolist() == [[0, 5], [6, 5], [6, 9], [8, 9]]
    assert np.flatnonzero(blocks[2 * BLOCK][:, 17]).tolist() == [0, 8]
    assert list(chat.stores.presence.blocks("nowhere", first, DAY)) == []


# A night ------------------------------------------------------------------------------------------------------------------


def live(chat: Chat, days: int = 90) -> None:
    """Days gone by: everybody spoke every other day, but lily has been silent for fifty."""
    today = chat.community.day_of(chat.clock())
    everybody = [chat.member(user) for user in PEOPLE]
    for back in range(1, days):
        here = [number for number in everybody if (number + back) % 2 and (number != chat.member("lily") or back > 50)]
        chat.stores.daybook.bring(Where(chat.community.id), today - timedelta(days=back), spoke=here)


def ring(chat: Chat) -> int:
    return ring_models(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def keep_seats(chat: Chat) -> None:
    """Everybody has a row, as the follower of members' facts would have made."""
    chat.stores.traits.write(chat.community.keys, {chat.member(user): {"level": 1} for user in PEOPLE})


def trait(chat: Chat, name: str, user: str) -> float:
    block = chat.stores.traits.of(chat.community.keys, chat.member(user), DAY)
    assert block is not None
    return float(block.number(name)[0])


def test_at_night_everybody_is_judged_and_the_heard_are_known_once(chat: Chat) -> None:
    live(chat)
    for giver in PEOPLE[1:]:
        chat.says("谢谢 @成员lilei", user=giver)
    for giver in PEOPLE[2:6]:
        chat.says("谢谢 @成员hanmei", user=giver)
    consume(chat)
    keep_seats(chat)
    assert ring(chat) == 2  # this one, and a second one that is empty and has a zone of its own
    assert ring(chat) == 0
    [(night, found)] = chat.stores.edges.nights([chat.community.keys])
    assert (night, found.judged, found.at_risk, found.relations, found.why) == ("2026-03-09", 8, 1, 11, "")
    assert trait(chat, "churn", "lily") > 0.7 > 0.1 > trait(chat, "churn", "lilei")
    assert trait(chat, "koc", "lilei") == pytest.approx(1.0, abs=0.001)
    assert trait(chat, "koc", "hanmei") == pytest.approx(1 - 1 / 8, abs=0.001)
    assert trait(chat, "koc", "tom") == pytest.approx(0.0, abs=0.001)
    chat.at("2026-03-11 02:00")
    ring(chat)
    assert chat.stores.edges.nights([chat.community.keys])[0][0] == "2026-03-09"
    chat.at("2026-03-11 03:05")  # lily has asked something since
    ring(chat)
    [(night, found)] = chat.stores.edges.nights([chat.community.keys])
    assert (night, found.at_risk) == ("2026-03-10", 0)
    assert trait(chat, "churn", "lily") < 0.1
    best = chat.stores.edges.influence(chat.community.keys)
    assert best.members[np.argmax(best.scores)] == chat.member("lilei")


def test_the_report_tells_how_many_are_leaving_and_how_to_see_who(chat: Chat) -> None:
    live(chat)
    keep_seats(chat)
    numbers = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)
    period = day_of(chat.community.day_of(chat.clock()))

    def leaving() -> list[Waiting]:
        found = gather(chat.stores, chat.live.current, numbers, chat.community, period, chat.clock())
        return [one for one in found.waiting if one.name == "快要流失的人"]

    assert leaving() == []
    ring(chat)
    assert [(one.count, one.command) for one in leaving()] == [(1, "群体 看 churn > 70% and not staff")]
    assert "成员lily" in chat.as_admin(leaving()[0].command)


def test_where_hardly_anybody_thanks_influence_stays_unknown(chat: Chat) -> None:
    live(chat)
    chat.says("谢谢 @成员lilei", user="lily")
    consume(chat)
    chat.at("2026-03-11 03:05")
    keep_seats(chat)
    ring(chat)
    assert np.isnan(trait(chat, "koc", "lilei"))
    [(_, found)] = chat.stores.edges.nights([chat.community.keys])
    assert (found.why, found.influential, found.relations) == ("few", 0, 1)
    assert len(chat.stores.edges.influence(chat.community.keys).members) == 0


def test_the_most_heard_of_a_month_is_honoured_once(chat: Chat) -> None:
    live(chat)
    for giver in PEOPLE[1:]:
        chat.says("谢谢 @成员lilei", user=giver)
    for giver in PEOPLE[2:6]:
        chat.says("谢谢 @成员hanmei", user=giver)
    consume(chat)
    chat.at("2026-04-01 03:05")
    ring(chat)
    chat.outbox()
    for _ in range(2):
        crown_months(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    held = [badge.id for badge in chat.stores.badges.of(chat.community.keys, chat.member("lilei"))]
    assert "voice@2026-03" in held
    assert any("意见领袖" in str(delivery.body) for delivery in chat.outbox())
    assert "voice@2026-03" not in [badge.id for badge in chat.stores.badges.of(chat.community.keys, chat.member("hanmei"))]
