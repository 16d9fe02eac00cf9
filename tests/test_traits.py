"""Traits: what segments know of members, from what they really did in a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from chat import Chat
from command_line import Cli

from bot.audience import Audience
from bot.communities import Communities
from bot.follower import Reader, read_on
from bot.permissions import Actor
from bot.readers import ring_log
from bot.traits import Filler, ring_traits
from handlers.roles import set_role
from rules.layers import Doings, layers, stages, stands, trusts
from rules.traits import NEVER, TRAITS
from storage import keys
from storage.connection import StorageAway
from storage.events import LogEntry, Unread
from storage.traits import BLOCK

pytest_plugins = ("chat", "command_line")


def reads(chat: Chat) -> int:
    """How many commands Redis was sent that read what is known of members."""
    found = chat.stores.database.command("INFO", "commandstats")
    return sum(int(n) for n in re.findall(r"cmdstat_(?:hmget|zrevrange|lrange):calls=(\d+)", found))


def ring(chat: Chat) -> int:
    """The clock looks at whom the log touched, and at the next of the day's round; gives how many entries and members these were."""
    communities = Communities(chat.config, chat.stores.groups, chat.stores.shards)
    return sum(act(chat.stores, chat.config, chat.live.current, communities, chat.clock()) for act in (ring_log, ring_traits))


def unread(chat: Chat, name: str) -> list[Unread]:
    """What a reader of the log has before him."""
    return [page for page in chat.stores.events.unread([name], chat.clock()) if page.entries]


def who(chat: Chat, text: str) -> list[str]:
    """The user ids of those who fit."""
    audience, community = Audience(chat.stores, chat.live.current), chat.community
    query = audience.query(community, text)
    day = community.day_of(chat.clock())
    found, after = audience.page(community, query, day)
    assert after is None
    count = audience.count(community, query, day)
    assert count.members == len(found)
    return sorted(filter(None, map(chat.stores.directory.find_user, found)))


def test_what_was_done_is_known_and_what_is_asked_is_answered(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    chat.says("大家好", user="hanmei")
    assert ring(chat)
    assert who(chat, "all") == ["hanmei", "lilei"]
    assert who(chat, "check_ins >= 1") == ["lilei"]
    assert who(chat, "points > 0") == ["lilei"]
    assert who(chat, "joined = 0d and stage = 新人") == ["hanmei", "lilei"]
    assert who(chat, "check_in_days > 3000") == ["hanmei"]
    assert not ring(chat), "nothing was touched"
    chat.later(days=20)
    chat.says("我回来了", user="hanmei")
    ring(chat)
    assert who(chat, "silent_days > 7") == ["lilei"]
    assert who(chat, "stage = 沉默") == ["lilei"]
    assert who(chat, "active_days = 2") == ["hanmei"]


def test_tags_groups_and_those_who_left_are_live(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    chat.says("大家好", user="hanmei")
    ring(chat)
    chat.stores.tags.add(chat.community.keys, chat.member("lilei"), "新手", chat.clock(), actor=0, once="t")
    assert who(chat, "tag:新手") == ["lilei"]
    assert who(chat, "not tag:新手") == ["hanmei"]
    assert who(chat, f"group:{chat.community.main_group}") == ["hanmei", "lilei"]
    assert who(chat, "group:wrELSEWHERE") == []


def test_whoever_has_a_role_is_staff_and_who_is_erased_is_gone(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    chat.says("大家好", user="boss")
    ring(chat)
    assert who(chat, "staff") == ["boss"]
    number = chat.member("lilei")
    assert chat.stores.traits.export_user(number)["main"]["joined"]
    chat.erase("lilei")
    assert who(chat, "all") == ["boss"]
    assert not chat.stores.traits.export_user(number)
    chat.stores.traits.write(chat.community.keys, {number: {"points": 5, "spoke": chat.community.day_of(chat.clock())}})
    assert who(chat, "all") == ["boss"], "who read of him before he was erased writes in vain"
    assert not chat.stores.traits.export_user(number)


def test_an_erased_member_gets_no_row_from_what_is_still_in_the_log(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    number = chat.member("lilei")
    chat.erase("lilei")
    ring(chat)
    assert chat.stores.traits.without_seat(chat.community.keys, [number]) == [number]


def test_whoever_is_erased_while_he_is_written_stays_empty(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.says("大家好", user="lilei")
    ring(chat)
    number, traits, database = chat.member("lilei"), chat.stores.traits, chat.stores.database
    send, erasing = database.pipeline, [number]

    def slowly(commands: Iterable[Sequence[Any]]) -> list[Any]:
        if erasing:
            traits.erase_user(erasing.pop())
        return send(commands)

    monkeypatch.setattr(database, "pipeline", slowly)
    traits.write(chat.community.keys, {number: {"points": 5}})
    assert not erasing
    [(_, block)] = traits.blocks(chat.community.keys, ["points"], (), chat.community.day_of(chat.clock()))
    assert not block.members.size


def test_what_others_do_about_a_member_is_known(chat: Chat) -> None:
    for user, name in (("boss", "老板"), ("lilei", "李雷"), ("hanmei", "韩梅梅")):
        chat.says("大家好", user=user, name=name)
    ring(chat)
    chat.says("谢谢 @韩梅梅", user="lilei", name="李雷")
    now, where = chat.clock(), chat.community.keys
    chat.stores.subscriptions.set(where, chat.member("lilei"), "all", now, once="w")
    set_role(
        chat.stores, chat.config, Actor(chat.member("boss"), "老板", "owner"), chat.member("hanmei"), "operator", "main", now, once="r"
    )
    ring(chat)
    assert who(chat, "opted_out") == ["lilei"]
    assert who(chat, "staff") == ["boss", "hanmei"]
    assert who(chat, "thanks = 1") == ["hanmei"]
    chat.stores.subscriptions.set(where, chat.member("lilei"), "", now, once="v")
    ring(chat)
    assert who(chat, "opted_out") == []


def test_whoever_speaks_with_the_bot_alone_is_a_member_too_and_who_left_is_none(chat: Chat) -> None:
    chat.privately("你好", user="anne")
    chat.says("大家好", user="lilei")
    ring(chat)
    assert who(chat, "silent_days = 0") == ["anne", "lilei"]
    here = keys.HERE(shard=chat.community.shard, community=chat.community.id)
    chat.stores.database.command("SETBIT", here, chat.member("lilei"), 0)
    assert who(chat, "all") == ["anne"]


def test_messages_and_commands_of_administrators_cost_no_reading(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    ring(chat)
    chat.says("大家好，今天天气不错", user="lilei")
    before = reads(chat)
    ring(chat)
    marks = 2 * chat.stores.shards  # each shard's are asked for before a page and after the last
    assert reads(chat) - before <= 4 + marks, "only the day he spoke on is written"


def test_a_reader_that_dies_over_a_page_gets_it_again(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    events = chat.stores.events
    died_over = unread(chat, "trial")
    assert died_over
    assert not any(page.is_cut for page in died_over)
    again = unread(chat, "trial")
    assert again == died_over
    assert all(events.mark_read(page, {"trial": 0}, chat.clock()) for page in again)
    assert not unread(chat, "trial")


def test_who_lost_his_lease_at_a_page_does_not_put_the_next_ones_mark_back(chat: Chat) -> None:
    for user in ("lilei", "hanmei"):
        chat.privately("你好", user=user)  # two shards: what is asked for next notes what came before
    events, late = chat.stores.events, unread(chat, "trial")
    assert late == unread(chat, "trial"), "the next holder reads it all"
    assert all(events.mark_read(page, {"trial": 2}, chat.clock()) for page in late)
    assert not any(events.mark_read(page, {"trial": 1}, chat.clock()) for page in late), "the one before puts no mark back"
    assert not unread(chat, "trial")


def test_readers_at_the_same_place_have_the_log_read_for_them_once_and_each_gets_all_of_it(chat: Chat) -> None:
    for user in ("lilei", "hanmei"):
        chat.privately("你好", user=user)
    got: dict[str, list[tuple[int, str]]] = {"one": [], "other": [], "late": []}

    def reader(name: str) -> Reader:
        return Reader(name, lambda shard, entries: got[name].extend((shard, entry.id) for entry in entries))

    told = len(list(chat.stores.events.read()))
    assert read_on(chat.stores, [reader("one"), reader("other")], chat.clock()) == told, "once for both"
    chat.privately("在吗", user="lilei")
    now_told = len(list(chat.stores.events.read()))
    assert read_on(chat.stores, map(reader, got), chat.clock()) == (now_told - told) + now_told, "who comes later begins at the beginning"
    assert [len(set(those)) for those in got.values()] == [len(those) for those in got.values()] == [now_told] * 3
    assert read_on(chat.stores, map(reader, got), chat.clock()) == 0


def test_a_reader_that_fails_stays_behind_and_holds_nobody_up(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    got: list[str] = []
    well, is_broken = Reader("well", lambda shard, entries: got.extend(entry.id for entry in entries)), True

    def stumble(shard: int, entries: Sequence[LogEntry]) -> None:
        if is_broken and entries:
            raise ValueError("broken")
        again.extend(entry.id for entry in entries)

    again: list[str] = []
    with pytest.raises(ExceptionGroup) as raised:
        read_on(chat.stores, [Reader("broken", stumble), well], chat.clock())
    assert [str(error) for error in raised.value.exceptions] == ["broken"]
    assert got
    is_broken = False
    read_on(chat.stores, [Reader("broken", stumble), well], chat.clock())
    assert again == got, "it gets what it stumbled over, the other nothing twice"


def test_an_entry_that_no_strict_reader_takes_is_read_all_the_same(chat: Chat) -> None:
    chat.stores.database.command(
        "XADD",
        keys.EVENTS(shard=0),
        "*",
        "v",
        "1",
        "t",
        "1",
        "kind",
        "change",
        "c",
        "main",
        "m",
        "0",
        "id",
        "x",
        "data",
        '{"act":"\\ud83d"}',
    )
    assert [page.entries[0].data for page in unread(chat, "trial")] == [{"act": "\ud83d"}]


def test_whoever_was_touched_while_nothing_could_be_written_is_looked_at_in_the_next_ring(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    chat.says("大家好", user="lilei")
    ring(chat)
    chat.says("签到", user="lilei")

    def is_away(*args: Any) -> None:
        raise StorageAway("away")

    with monkeypatch.context() as away:
        away.setattr(chat.stores.traits, "write", is_away)
        with pytest.raises(StorageAway):
            ring(chat)
    ring(chat)
    assert who(chat, "check_ins = 1") == ["lilei"]


def test_the_round_of_the_day_mends_what_no_entry_tells(chat: Chat) -> None:
    chat.says("大家好", user="lilei")
    ring(chat)
    where, number = chat.community.keys, chat.member("lilei")
    chat.stores.traits.write(where, {number: {"level": 99}})
    assert who(chat, "level = 99") == ["lilei"]
    chat.later(days=1)
    ring(chat)
    assert who(chat, "level = 1") == ["lilei"]


def test_a_round_goes_on_where_it_stopped_and_begins_anew_with_other_columns(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.says("大家好", user="lilei")
    ring(chat)
    traits, where, day = chat.stores.traits, chat.community.keys, chat.community.day_of(chat.clock())
    assert traits.rounds({where: day}) == {}
    traits.note_round(where, day, "17")
    assert traits.rounds({where: day}) == {where: "17"}
    monkeypatch.setattr("storage.traits.LAYOUT", "other")
    assert traits.rounds({where: day}) == {where: "0"}


def test_a_log_that_was_cut_has_everybody_be_looked_at_again(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    ring(chat)
    where, number = chat.community.keys, chat.member("lilei")
    chat.stores.traits.write(where, {number: {"check_ins": 40}})
    Filler(
        chat.stores, chat.config, chat.live.current, Communities(chat.config, chat.stores.groups, chat.stores.shards), chat.clock()
    ).forget(where.shard)  # fmt: skip
    ring(chat)
    assert who(chat, "check_ins = 1") == ["lilei"]


def test_everybody_is_looked_at_anew(chat: Chat) -> None:
    for user in ("a", "b", "c"):
        chat.says("大家好", user=user)
    communities = Communities(chat.config, chat.stores.groups, chat.stores.shards)
    filler = Filler(chat.stores, chat.config, chat.live.current, communities, chat.clock())
    assert list(filler.rebuild(chat.community)) == [3]
    assert who(chat, "silent_days = 0") == ["a", "b", "c"]


def test_an_operator_has_everybody_be_looked_at_anew(chat: Chat, cli: Cli) -> None:
    chat.says("签到", user="lilei")
    ran = cli("traits", "rebuild", "-c", "main")
    assert (ran.code, ran.out) == (0, "主群：1 人\n")
    assert who(chat, "check_ins = 1") == ["lilei"]
    assert cli("traits", "rebuild", "-c", "nowhere").code == 1


def test_whoever_is_erased_while_scores_are_put_in_stays_empty(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    traits, database, where = chat.stores.traits, chat.stores.database, chat.community.keys
    traits.write(where, {1: {"churn": 0.5}, 2: {"churn": 0.5}, 3: {"churn": 0.5}})
    send, erasing = database.pipeline, [1, 2]

    def slowly(commands: Iterable[Sequence[Any]]) -> list[Any]:
        found = list(commands)
        while erasing:
            traits.erase_user(erasing.pop())
        return send(found)

    monkeypatch.setattr(database, "pipeline", slowly)
    traits.put(where, np.array([1, 3], dtype=np.uint32), {"churn": np.array([0.9, 0.9])})
    assert not erasing
    kept = database.read_parts([(keys.TRAIT_COLUMN(shard=where.shard, community=where.id, column="churn", block=0), 0, -1)])[0]
    assert [value > 0 for value in np.frombuffer(kept, "<u2")] == [False, False, True]


def test_scores_are_put_in_for_many_at_once_and_who_has_no_seat_is_passed_over(chat: Chat) -> None:
    where, day = chat.community.keys, chat.community.day_of(chat.clock())
    members = range(1, 5_001)
    chat.stores.traits.write(where, {number: {"joined": day} for number in members})
    chat.stores.database.pipeline([("SETBIT", f"qb:{{{where.shard}}}:{where.id}:here", number, 1) for number in members])
    asked = np.arange(1, 6_001, dtype=np.uint32)[::-1].copy()
    chat.stores.traits.put(where, asked, {"churn": np.where(asked % 2 == 0, 0.9, np.nan)})
    [(_, block)] = chat.stores.traits.blocks(where, ["churn"], (), day)
    churn = block.number("churn")
    assert len(block.members) == 5_000 < BLOCK
    assert np.isnan(churn[block.members % 2 == 1]).all()
    assert np.abs(churn[block.members % 2 == 0] - 0.9).max() < 1e-4
    audience = Audience(chat.stores, chat.live.current)
    assert audience.count(chat.community, audience.query(chat.community, "churn > 70%"), day).members == 2_500


def test_pages_follow_one_another_without_gap_or_twin(chat: Chat) -> None:
    where, day = chat.community.keys, chat.community.day_of(chat.clock())
    chat.stores.traits.write(where, {number: {"joined": day} for number in range(1, 10_001)})
    chat.stores.database.pipeline([("SETBIT", f"qb:{{{where.shard}}}:{where.id}:here", number, 1) for number in range(1, 10_001)])
    audience = Audience(chat.stores, chat.live.current)
    query = audience.query(chat.community, "all")
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        page, after = audience.page(chat.community, query, day, after, 1_000)
        found += page
    assert found == list(range(1, 10_001))


@pytest.mark.parametrize(
    ("silent", "active", "churn", "joined", "stage"),
    [
        (0, 1, np.nan, 3, "新人"), (1, 20, np.nan, 100, "活跃"), (5, 3, np.nan, 100, "稳定"), (20, 2, np.nan, 100, "沉默"), (3, 10, 0.8, 100, "沉默"),
        (70, 0, np.nan, 100, "流失"), (NEVER, 0, np.nan, 2, "新人"), (NEVER, 0, np.nan, 40, "沉默"), (NEVER, 0, np.nan, 90, "流失"),
    ],
)  # fmt: skip
def test_stages(silent: float, active: float, churn: float, joined: float, stage: str) -> None:
    doings = _doings(silent=silent, active=active, churn=churn, joined=joined)
    assert stages(doings)[0] == TRAITS["stage"].words[stage]


def test_layers_and_trust() -> None:
    assert layers(_doings(silent=1, active=15, thanks=10))[0] == TRAITS["layer"].words["贡献"]
    assert layers(_doings(silent=1, active=15))[0] == TRAITS["layer"].words["核心"]
    assert layers(_doings(silent=20, active=1))[0] == TRAITS["layer"].words["体验"]
    assert layers(_doings(silent=200, thanks=50))[0] == TRAITS["layer"].words["体验"], "who gave long ago is not here any more"
    assert trusts(_doings(invited=1))[0] == TRAITS["trust"].words["认同"]
    assert trusts(_doings(check_ins=7))[0] == TRAITS["trust"].words["信任"]
    assert trusts(_doings())[0] == TRAITS["trust"].words["认知"]


@pytest.mark.parametrize(
    ("silent", "active", "joined", "stage", "why"),
    [
        (15, 8, 100, "沉默", "15 天没说话，平时 2 天一次，超过 14 天"), (0, 1, 3, "新人", "来了 3 天，不到 30 天"),
        (NEVER, 0, 40, "沉默", "来了 40 天，从没说过话，超过 14 天"), (5, 3, 100, "稳定", "5 天没说话，平时 8 天一次，最近 30 天有 3 天说话，不到 8 天"),
    ],
)  # fmt: skip
def test_it_is_said_why(silent: float, active: float, joined: float, stage: str, why: str) -> None:
    said, layer, trust = stands(_doings(silent=silent, active=active, joined=joined, thanks=2))
    assert (said.word, said.why) == (stage, why)
    assert "贡献 2（被感谢 2 次）" in layer.why
    assert trust.word == ("信任" if active >= 8 else "认知")


def test_who_is_leaving_by_his_own_rhythm_is_told_so() -> None:
    stage, _, trust = stands(_doings(silent=3, active=9, churn=0.8, invited=1))
    assert (stage.word, stage.why) == ("沉默", "3 天没说话，平时 3 天一次，按他自己的节奏，不再来的可能有 80%")
    assert (trust.word, trust.why) == ("认同", "请来了 1 人")


def _doings(
    *, silent: float = 1, active: float = 1, churn: float = np.nan, joined: float = 100, check_ins: float = 0, invited: float = 0, thanks: float = 0
) -> Doings:  # fmt: skip
    return Doings(*(np.array([value], np.float64) for value in (joined, silent, active, churn, check_ins, 0, invited, thanks, 0)))


def test_a_day_is_kept_as_a_day(chat: Chat) -> None:
    where = chat.community.keys
    chat.stores.traits.write(where, {7: {"joined": date(2026, 1, 1), "order_days": None}})
    chat.stores.database.command("SETBIT", f"qb:{{{where.shard}}}:{where.id}:here", 7, 1)
    [(_, block)] = chat.stores.traits.blocks(where, ["joined", "order_days"], (), date(2026, 3, 1))
    assert block.number("joined")[0] == 59
    assert block.number("order_days")[0] == NEVER
