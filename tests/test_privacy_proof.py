"""Export and erasure, proved by looking everywhere: every key with all its bytes, the append-only file as it is rewritten, every file of the bot's."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from casework import in_service
from chat import MAIN, Chat, OpenChat
from lives import FIRST, MARK, NAME, USER, everything, family_of, lead_a_rich_life, live_everywhere, with_accidents

from handlers.privacy import erase_person, export_person, ring_erasures
from storage import keys
from storage.embedded import EmbeddedServer, ask
from storage.keys import FAMILIES, Family
from storage.personal import COMMON, Personal
from storage.work import mark_of
from tools.privacy_docs import declaring, in_chinese

pytest_plugins = ("chat",)

WORDS = (USER, NAME, MARK)
NOT_LIVED = {"离职": "a keyed digest, in which nobody stands", "群发": "an employee's number, set by WeCom's own answer"}
"""Stores in which the life leaves nothing that could be searched for."""
NOT_SEARCHED = {keys.LEAVERS, keys.INVITE_ERASED, keys.MASS, keys.LINK_SENT, keys.ACTIVITY_SCORES}
"""Families that say that something stays, in which the life leaves nothing to search for: digests, what only WeCom's answers begin, and a right answer."""
OTHERS_WORDS = {(keys.EVENTS, NAME): "others spoke of him, and the operator keeps texts", (keys.UNANSWERED, MARK): "nobody knows who asked"}
"""What stays of the words, and why."""
DECLARED = {family: kind.PERSONAL for kind in declaring() for family in kind.PERSONAL.families} | {
    family: one for one in COMMON for family in one.families
}


# The declarations ---------------------------------------------------------------------------------------------------------


def test_every_family_of_keys_is_declared_by_one_store() -> None:
    claims = [family for kind in declaring() for family in kind.PERSONAL.families] + [family for one in COMMON for family in one.families]
    assert len(claims) == len(set(claims)), [family.pattern for family in claims if claims.count(family) > 1]
    assert {family.pattern for family in set(FAMILIES) - set(claims)} == {
        family.pattern for family in FAMILIES if family.life == "until converted"
    }


def test_a_declaration_is_whole() -> None:
    for kind in declaring():
        one: Personal = kind.PERSONAL
        assert {*one.stays, *one.passing} <= set(one.families), one.name
        assert bool(one.stays) == bool(one.stays_why), one.name
        assert bool(one.passing) == bool(one.passing_why), one.name
        assert not one.what or one.erasing, one.name
        assert all(in_chinese(family.life) for family in one.families), one.name


# Everywhere ---------------------------------------------------------------------------------------------------------------


def keys_with(chat: Chat, *words: str) -> set[tuple[Family, str]]:
    """Families in whose keys a word stands, plain or as JSON escapes, with the word."""
    raw = everything(chat)
    return {(family_of(key), word) for key, held in raw.items() for word in words if any(form in held for form in forms_of(word))}


def forms_of(word: str) -> set[bytes]:
    return {word.encode(), json.dumps(word)[1:-1].encode()}


def keys_with_number(chat: Chat, number: int) -> set[Family]:
    """Families in which a member's number stands: in digits, as a bit of a bitmap, or packed."""
    digits, packed = re.compile(rb"(?<!\d)%d(?!\d)" % number), number.to_bytes(4, "little")
    found = set()
    for key, held in everything(chat).items():
        family = family_of(key)
        is_bitmap = family.type == "bitmap" or family == keys.EXPERIMENT_MEMBERS
        if (
            digits.search(held)
            or (is_bitmap and chat.stores.database.command("GETBIT", key, number))
            or (family.type == "string" and not is_bitmap and packed in held)
        ):
            found.add(family)
    return found


def files_with(folder: Path, *words: str) -> set[tuple[str, str]]:
    """Files below a folder, compressed ones too, in which a word stands."""
    found = set()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        held = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found |= {(path.name, word) for word in words if any(form in held for form in forms_of(word))}
    return found


def logged_with(server: EmbeddedServer, *words: str) -> set[tuple[Family, str]]:
    """Families whose commands in the append-only files hold a word."""
    found = set()
    for path in server.folder.rglob("*.aof"):
        for command in commands_in(path.read_bytes()):
            for word in words:
                if any(form in part for part in command for form in forms_of(word)):
                    found |= {(family_of(part.decode()), word) for part in command if part.startswith(b"qb:{")}
    return found


def commands_in(log: bytes) -> Iterator[list[bytes]]:
    """The commands of an append-only file."""
    at = 0
    while at < len(log):
        end = log.index(b"\r\n", at)
        count, at, command = int(log[at + 1 : end]), end + 2, []
        if log[end - 1 - len(str(count))] != ord("*"):  # a note between commands
            continue
        for _ in range(count):
            end = log.index(b"\r\n", at)
            size = int(log[at + 1 : end])
            command.append(log[end + 2 : end + 2 + size])
            at = end + 2 + size + 2
        yield command


@pytest.fixture
def plain_log(redis_server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """The server as operators have it, its file rewritten in plain commands, so that it can be searched."""
    if not isinstance(redis_server, EmbeddedServer):
        pytest.skip("looks into the files of the embedded server")
    for setting in ("aof-use-rdb-preamble no", "appendonly yes"):
        ask(redis_server.socket, f"CONFIG SET {setting}")
    await_rewritten(redis_server)
    yield redis_server
    for setting in ("appendonly no", "aof-use-rdb-preamble yes"):
        ask(redis_server.socket, f"CONFIG SET {setting}")


def await_rewritten(server: EmbeddedServer) -> None:
    """Returns when the server writes its file anew no more."""
    pause = threading.Event()
    for _ in range(12_000):
        told = ask(server.socket, "INFO persistence")
        if "aof_rewrite_in_progress:0" in told and "aof_rewrite_scheduled:0" in told:
            return
        pause.wait(0.005)
    pytest.fail("the server does not end writing its file")


def test_a_person_is_exported_and_erased_to_the_last_byte(open_chat: OpenChat, plain_log: EmbeddedServer) -> None:
    chat = in_service(open_chat, router=with_accidents(), keep_text=True)
    number = live_everywhere(chat)
    chat.stores.events.file_away(chat.clock(), stretch=40)
    reached, worded = keys_with_number(chat, number), keys_with(chat, *WORDS)
    assert {name for name, _ in files_with(chat.config.data_path, *WORDS) if name.endswith(".gz")}
    assert len(logged_with(plain_log, *WORDS)) > 20
    lived = {DECLARED[family].name for family in reached | {family for family, _ in worded}}
    assert {kind.PERSONAL.name for kind in declaring() if kind.PERSONAL.what} - lived == set(NOT_LIVED)

    given = export_person(chat.stores, number)
    for family in reached | {family for family, _ in worded}:
        told = DECLARED[family]
        assert not told.what or family in told.passing or given[told.name], f"{family.pattern} is kept, and not given away"
    assert (given["通讯录"]["企业微信 ID"], given["通讯录"]["名字"]) == (USER, NAME)
    for family in {family for family, word in worded - set(OTHERS_WORDS) if word == MARK and family not in DECLARED[family].passing}:
        assert MARK in json.dumps(given[DECLARED[family].name], ensure_ascii=False), f"what he said in {family.pattern} is not given away"

    chat.erase(USER)
    await_rewritten(plain_log)
    assert keys_with(chat, *WORDS) <= set(OTHERS_WORDS)
    assert {word for _, word in files_with(chat.config.data_path, *WORDS)} <= {NAME}, "in what others said"
    assert logged_with(plain_log, *WORDS) <= set(OTHERS_WORDS)
    left = keys_with_number(chat, number)
    assert {family.pattern for family in left if family not in DECLARED[family].stays} == set()
    meant = {family for told in DECLARED.values() for family in told.stays} - NOT_SEARCHED
    assert {family.pattern for family in meant - left} == set(), "declared to stay, and does not"


# While he speaks, and killed half way ---------------------------------------------------------------------------------------


SAYINGS = ("签到", f"你个王八蛋 {MARK}", f"人工 {MARK} 怎么办", f"今天看到{MARK}了", "话题", "我的积分")


def ring(chat: Chat) -> int:
    return ring_erasures(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def test_what_he_says_while_he_is_forgotten_goes_too(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, keep_text=True)
    elsewhere = in_service(open_chat, keep_text=True, clock=chat.clock)
    chat.says("签到", user="hanmei")
    chat.stores.database.command("SET", "qb:{people}:next", FIRST - 1)
    for process in (chat, elsewhere):
        process.says("签到", user=USER, name=NAME)
    assert chat.member(USER) == FIRST
    chat.stores.wishes.ask_to_be_erased(FIRST, chat.clock())
    for n, (name, _) in enumerate(erase_person(chat.stores, chat.erased, FIRST)):
        if name != "通讯录":
            chat.says(SAYINGS[n % len(SAYINGS)], user=USER, name=NAME)
    elsewhere.says(f"你个王八蛋 {MARK} 又来", user=USER, name=NAME)  # this process has not heard of it yet
    assert FIRST in {entry.member for entry in elsewhere.log() if "text" in entry.data}, "or there is nothing to look for once more"
    chat.later(seconds=20)
    assert ring(chat) == 0
    assert chat.stores.wishes.to_erase(chat.clock()) == []
    assert keys_with(chat, *WORDS) <= {(keys.UNANSWERED, MARK)}
    assert {family.pattern for family in keys_with_number(chat, FIRST) if family not in DECLARED[family].stays} == set()
    assert chat.stores.points.discrepancies(chat.community.keys) == []
    assert "很高兴认识你" in chat.says("签到", user=USER)


@pytest.mark.parametrize("steps", [1, 9, 30, 55])
def test_an_erasure_that_is_killed_is_done_to_its_end(open_chat: OpenChat, steps: int) -> None:
    chat = in_service(open_chat, router=with_accidents(), keep_text=True)
    number = lead_a_rich_life(chat)
    chat.stores.wishes.ask_to_be_erased(number, chat.clock())
    chat.later(seconds=60)
    killed_after(steps, lambda: erase_person(chat.stores, chat.erased, number))
    assert chat.stores.directory.find_user(number) == USER
    assert ring(chat) == 1
    assert keys_with(chat, *WORDS) <= {(keys.UNANSWERED, MARK)}
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def killed_after(steps: int, begin: Callable[[], Iterator[object]]) -> None:
    """A process goes so many steps, and is killed."""
    child = os.fork()
    if not child:
        for step, _ in enumerate(begin(), 1):
            if step == steps:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_dead_letters_are_given_away(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, router=with_accidents())
    number = lead_a_rich_life(chat)
    assert mark_of(number)
    given = chat.stores.inbox.export_user(number)
    assert [(letter["原因"], MARK in letter["原文"]) for letter in given] == [("处理失败 5 次", True)]
    assert chat.stores.inbox.export_user(chat.member("hanmei")) == []
    assert MAIN not in json.dumps(given)
