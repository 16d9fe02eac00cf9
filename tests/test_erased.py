"""Who was erased stays erased, also when a backup from before is restored."""

from __future__ import annotations

from chat import Chat, OpenChat

from bot.restored import erase_again
from handlers.privacy import erase_person
from storage.connection import Database

pytest_plugins = ("chat",)


def backup(database: Database) -> dict[str, bytes]:
    """Every key as Redis dumps it."""
    return {key: database.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in list(database.scan("*"))}


def restore(database: Database, kept: dict[str, bytes]) -> None:
    """Everything as it was."""
    database.command("FLUSHALL")
    for key, value in kept.items():
        database.command("RESTORE", key, 0, value)


def lively(open_chat: OpenChat) -> tuple[Chat, int]:
    chat = open_chat()
    chat.says("签到", user="lilei")
    chat.says("签到", user="hanmei")
    return chat, chat.member("lilei")


def test_a_restored_backup_is_swept(open_chat: OpenChat) -> None:
    chat, number = lively(open_chat)
    kept = backup(chat.stores.database)
    list(erase_person(chat.stores, chat.erased, number))
    restore(chat.stores.database, kept)
    assert chat.stores.directory.find_user(number) == "lilei"
    assert erase_again(chat.stores, chat.erased) == 1
    assert chat.stores.directory.find_user(number) is None
    assert chat.stores.directory.find_user(chat.member("hanmei")) == "hanmei"
    assert erase_again(chat.stores, chat.erased) == 0


def test_a_number_that_went_to_somebody_else_after_a_restore_is_left_alone(open_chat: OpenChat) -> None:
    chat, number = lively(open_chat)
    list(erase_person(chat.stores, chat.erased, number))
    chat.stores.database.command("HSET", "qb:{people}:users", number, "newcomer")
    assert erase_again(chat.stores, chat.erased) == 0
    assert chat.stores.directory.find_user(number) == "newcomer"


def test_the_register_names_nobody(open_chat: OpenChat) -> None:
    chat, number = lively(open_chat)
    list(erase_person(chat.stores, chat.erased, number))
    assert "lilei" not in (chat.config.data_path / "erased.txt").read_text()
