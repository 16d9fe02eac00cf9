"""Members found by their display names: at one price however many there are, whatever the names, whatever became of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from chat import Chat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.members import find_members
from storage import directory as module
from storage import keys
from storage.connection import Database, Script
from storage.directory import Directory
from storage.schema import VERSION, settle_schema

pytest_plugins = ("chat",)

HOSTILE = [
    "a|b", "a:b", "|", "\x00", "a\x00b", "长" * 5_000, "-inf", "(5", "+inf", "0", "1e9", "*", "[a-z]*", "{people}", "%s", "🐉‍🔥", "İstanbul", "ß",
]  # fmt: skip


@pytest.fixture
def people(database: Database) -> Directory:
    """An empty directory."""
    return Directory(database)


def test_a_name_is_found_in_whatever_case_width_and_blanks_it_is_written(people: Directory) -> None:
    number = people.enrol("lilei", name="Li  Lei（上海）").number
    for said in ("Li Lei（上海）", "li lei(上海)", "ＬＩ　ＬＥＩ（上海）", " LI LEI（上海） "):
        assert people.find_named(said) == [number]
    for said in ("Li", "LiLei（上海）", "", " ", "\u3000"):
        assert people.find_named(said) == []


def test_two_of_one_name_are_both_found(people: Directory) -> None:
    numbers = [people.enrol(user, name=name).number for user, name in (("a", "李雷"), ("b", "李雷"), ("c", "李"))]
    assert people.find_named("李雷") == numbers[:2]


def test_who_takes_another_name_is_found_by_that_one_only(people: Directory) -> None:
    number = people.enrol("lilei", name="李雷").number
    people.enrol("lilei", name="李大雷")
    people.enrol("lilei")  # a channel that tells no name takes none away
    assert (people.find_named("李雷"), people.find_named("李大雷")) == ([], [number])
    people.enrol("lilei", name=" ")
    assert people.find_named("李大雷") == []


def test_a_new_user_id_keeps_the_name(people: Directory) -> None:
    number = people.enrol("old", name="李雷").number
    people.rename("old", "new")
    assert people.find_named("李雷") == [number]


def test_who_is_erased_is_found_no_more_and_leaves_nothing(people: Directory, database: Database) -> None:
    number = people.enrol("lilei", name="李雷").number
    people.erase_user(number)
    assert people.find_named("李雷") == []
    assert database.command("EXISTS", keys.MEMBER_NAMED()) == 0
    assert people.find_named("李雷") == []
    assert people.find_named("李雷") != [people.enrol("lilei", name="韩梅梅").number]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_a_name(people: Directory, name: str) -> None:
    others = [people.enrol(f"u{n}", name=other).number for n, other in enumerate(HOSTILE) if other != name]
    number = people.enrol("it", name=name).number
    assert people.find_named(name) == [number]
    assert number not in others


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["a", "A", "b", "a b", "ａ", "erase", ""])), max_size=20))
def test_whatever_people_are_called_they_are_found_as_one_who_reads_every_name_would(
    database: Database, acts: list[tuple[int, str]]
) -> None:
    database.command("FLUSHALL")
    people, names = Directory(database), dict[str, str]()
    for n, name in acts:
        if name == "erase":
            people.erase_user(people.find_number(f"u{n}") or 0)
            names.pop(f"u{n}", None)
        else:
            people.enrol(f"u{n}", name=name)
            names |= {f"u{n}": name} if name else {}
    for said, alike in (("a", {"a", "A", "ａ"}), ("b", {"b"}), ("a b", {"a b"})):
        assert people.find_named(said) == sorted(people.find_number(user) or 0 for user, name in names.items() if name in alike)


def test_two_names_with_one_mark_are_two_names(people: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mark_of", lambda name: 7)
    one, other = people.enrol("one", name="李雷").number, people.enrol("other", name="韩梅梅").number
    assert (people.find_named("李雷"), people.find_named("韩梅梅")) == ([one], [other])


def test_of_too_many_with_one_name_nobody_is_picked(chat: Chat) -> None:
    chat.says("帮助", user="u0", name="微信用户")
    for n in range(module.MOST_ALIKE):
        chat.stores.directory.enrol(f"w{n}", name="微信用户")
    with pytest.raises(UserError, match="太多了"):
        find_members(chat.stores, "@微信用户", chat.community.keys)


# Older layouts ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(database: Database) -> Database:
    """What the layout before left behind: names, and nothing that leads to them."""
    database.command("HSET", "qb:{meta}:schema", "version", "3", "shards", "16", "first_start_ms", "5")
    for number in range(1, 2_501):
        database.command("HSET", "qb:{people}:ids", f"u{number}", number)
        database.command("HSET", "qb:{people}:users", number, f"u{number}")
        database.command("HSET", "qb:{people}:names", number, "李雷" if number in (7, 1_900) else f"成员{number}")
    database.command("SET", "qb:{people}:next", 2_500)
    return database


def check(database: Database) -> None:
    """Everybody is found, by his name only."""
    people = Directory(database)
    assert people.find_named("李雷") == [7, 1_900]
    assert [people.find_named(f"成员{number}") for number in (1, 1_000, 2_500)] == [[1], [1_000], [2_500]]
    assert database.command("ZCARD", keys.MEMBER_NAMED()) == 2_500
    assert database.command("HGET", "qb:{meta}:schema", "version") == str(VERSION)


def test_names_of_the_layout_before_are_found_after_the_first_start(old: Database) -> None:
    settle_schema(old, 9)
    check(old)
    settle_schema(old, 9)
    check(old)


def test_a_conversion_that_was_cut_off_is_done_to_the_end(old: Database) -> None:
    class CutOff(Exception):
        pass

    class Cut(Database):
        """A database whose process dies at its second page."""

        pages = 0

        def act(self, script: Script, *args: object, **more: object) -> object:  # type: ignore[override]
            self.pages += script.name == "convert_names"
            if self.pages == 2 and script.name == "convert_names":
                raise CutOff
            return super().act(script, *args, **more)  # type: ignore[arg-type]

    dying = object.__new__(Cut)
    dying.__dict__.update(old.__dict__)
    with pytest.raises(CutOff):
        settle_schema(dying, 9)
    assert 0 < old.command("ZCARD", keys.MEMBER_NAMED()) < 2_500
    assert old.command("HGET", "qb:{meta}:schema", "version") == "3"
    old.command("HSET", "qb:{people}:names", 8, "韩梅梅")  # as a program of the layout before would, started once more
    settle_schema(old, 9)
    assert Directory(old).find_named("韩梅梅") == [8]
    check(old)


def test_many_processes_that_start_at_once_convert_it_once(old: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: settle_schema(old, 9), range(8)))
    check(old)


def test_a_name_that_changes_while_it_is_converted_is_the_new_one(old: Database, people: Directory) -> None:
    people.enrol("u7", name="韩梅梅")
    rows = ["7", "李雷", module._mark_of("李雷"), "2501", "鬼", module._mark_of("鬼")]
    assert old.act(people._convert, [keys.MEMBER_NAMES(), keys.MEMBER_NAMED()], rows) == 0
    assert people.find_named("韩梅梅") == [7]
    people.convert()
    assert (people.find_named("李雷"), people.find_named("鬼")) == ([1_900], [])
