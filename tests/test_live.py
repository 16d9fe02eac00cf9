"""A large FAQ in several processes: indexed once, edited live, and never answered from a file that is not what it says."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

from bot import faq_live, faq_maker
from bot.faq_file import NAME, FaqFile, Label, NotMade
from bot.faq_live import LazyFaq, LiveFaq
from rules import text
from rules.contents import entry_to_json
from rules.entries import Entry
from rules.faq import scheme_of
from rules.faq_index import build, pack
from rules.faq_terms import Synonyms
from rules.text import Words
from storage import content
from storage.connection import Database
from storage.content import ContentStore
from tests.timing import PATIENCE_S

NOW = datetime(2026, 3, 10, 10, 0, tzinfo=UTC)
LARGE = 20
THINGS = "会员卡 优惠券 发票 体验课 直播回放 教材 勋章 读书会 沙龙 订单 礼包 徽章 训练营 证书 辅导 名片 快递 赠品 奖品 邀请码 活动 佣金 定金 尾款 门票".split()
ENTRIES = [Entry(f"e{n}", f"{thing}怎么申请", f"{thing}在这里申请") for n, thing in enumerate(THINGS)]


@pytest.fixture(scope="module")
def words(dictionary: Words) -> Words:
    dictionary.cut("读一次词典")
    return dictionary


@pytest.fixture
def store(database: Database) -> ContentStore:
    store = ContentStore(database)
    put(store, {entry.id: entry for entry in ENTRIES})
    return store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "faq"


class Process:
    """What one process knows of the FAQ. It makes files itself unless ``is_apart``: starting another process takes a second or two."""

    def __init__(self, store: ContentStore, words: Words, folder: Path, large: int = LARGE, *, is_apart: bool = False) -> None:
        self._store = store
        self.live = LiveFaq(
            store, words, FaqFile(folder, words, None if is_apart else partial(faq_maker.make, words=words)), shared_from=large
        )
        self.faq = LazyFaq((), words)

    def look(self) -> bool:
        found = self.live.refresh(self._store.versions()["faq"])
        if found:
            self.faq = found[1]
        return found is not None

    def says(self, text: str) -> str:
        found = self.faq.ask(text)
        return found.entry.answer if found.entry else found.outcome


def put(store: ContentStore, changes: Mapping[str, Entry | None]) -> int:
    return store.put("faq", {id: entry_to_json(entry) if entry else None for id, entry in changes.items()}, "1", NOW)


def inode(folder: Path) -> int:
    return (folder / NAME).stat().st_ino


def wait_for(what: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows above some bytes, for this process and its children: writing fails as on a full disk.

    Bytecode is not written meanwhile: Python takes what was cut short for good, and everybody who imports it fails from then on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = before
        os.environ.pop("PYTHONDONTWRITEBYTECODE")


# One file for all -----------------------------------------------------------------------------------------------------
def test_the_second_process_uses_what_the_first_has_made(store: ContentStore, words: Words, folder: Path) -> None:
    first, second = (Process(store, words, folder, is_apart=True) for _ in range(2))
    assert first.look()
    made = inode(folder)
    assert second.look()
    assert inode(folder) == made
    assert first.says("会员卡怎么申请") == second.says("会员卡怎么申请") == "会员卡在这里申请"
    assert not first.look()


def test_a_small_faq_needs_no_file(store: ContentStore, words: Words, folder: Path) -> None:
    process = Process(store, words, folder, large=1_000)
    process.look()
    assert process.says("优惠券怎么申请") == "优惠券在这里申请"
    assert not (folder / NAME).exists()


def test_the_file_is_for_its_owner_only(store: ContentStore, words: Words, folder: Path) -> None:
    Process(store, words, folder).look()
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {NAME: 0o600, "lock": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_two_that_start_at_once_make_one_file(store: ContentStore, words: Words, folder: Path) -> None:
    processes = [Process(store, words, folder) for _ in range(3)]
    made: list[int] = []
    make = FaqFile.make

    def counted(self: FaqFile, label: Label, entries: list[str]) -> None:
        made.append(label.version)
        make(self, label, entries)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaqFile, "make", counted)
        threads = [threading.Thread(target=process.look) for process in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert made == [1]
    assert {process.says("发票怎么申请") for process in processes} == {"发票在这里申请"}


# Edits ------------------------------------------------------------------------------------------------------------------
def test_an_edit_is_live_everywhere_without_a_new_file(store: ContentStore, words: Words, folder: Path) -> None:
    processes = [Process(store, words, folder) for _ in range(2)]
    for process in processes:
        process.look()
    made = inode(folder)
    put(store, {"e0": Entry("e0", "会员卡怎么申请", "改到前台申请"), "e1": None, "dogs": Entry("dogs", "可以带狗吗", "请牵绳")})
    for process in processes:
        assert process.look()
        assert process.says("会员卡怎么申请") == "改到前台申请"
        assert process.says("优惠券怎么申请") != "优惠券在这里申请"
        assert process.says("可以带狗吗") == "请牵绳"
        assert [entry.id for entry in process.faq.entries()] == ["e0", *(f"e{n}" for n in range(2, 25)), "dogs"]
    assert inode(folder) == made


def test_many_edits_make_a_new_base_and_the_old_one_serves_meanwhile(
    store: ContentStore, words: Words, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faq_live, "MOST_ABOVE", 3)
    first, second = Process(store, words, folder), Process(store, words, folder)
    first.look()
    second.look()
    made = inode(folder)
    put(store, {entry.id: Entry(entry.id, entry.question, "新的" + entry.answer) for entry in ENTRIES[:5]})
    assert first.look()
    assert second.look()
    assert first.says("会员卡怎么申请") == second.says("会员卡怎么申请") == "新的会员卡在这里申请"
    wait_for(lambda: inode(folder) != made)
    put(store, {"e9": Entry("e9", ENTRIES[9].question, "最新的")})
    for process in (first, second):
        wait_for(process.look)
        assert process.says("发票怎么申请") == "新的发票在这里申请"
        assert process.says("订单怎么申请") == "最新的"


def test_a_faq_that_grows_large_is_indexed_in_the_background(database: Database, words: Words, folder: Path) -> None:
    store = ContentStore(database)
    put(store, {"dogs": Entry("dogs", "可以带狗吗", "请牵绳")})
    process = Process(store, words, folder)
    process.look()
    put(store, {entry.id: entry for entry in ENTRIES})
    process.look()
    assert process.says("可以带狗吗") == "请牵绳"
    wait_for(process.look)
    assert process.says("证书怎么申请") == "证书在这里申请"
    assert process.says("可以带狗吗") == "请牵绳"


def test_a_faq_that_shrinks_goes_back_into_memory(store: ContentStore, words: Words, folder: Path) -> None:
    process = Process(store, words, folder)
    process.look()
    put(store, dict.fromkeys([entry.id for entry in ENTRIES[2:]]))
    assert process.look()
    assert process.says("优惠券怎么申请") == "优惠券在这里申请"
    assert process.says("发票怎么申请") != "发票在这里申请"
    assert not (folder / NAME).exists()


def test_a_large_faq_is_indexed_anew_with_new_synonyms_while_the_old_index_serves(store: ContentStore, words: Words, folder: Path) -> None:
    one, other = Process(store, words, folder), Process(store, words, folder)
    assert one.look()
    assert other.look()
    made, before = inode(folder), one.faq.ask("小红本怎么申请")
    for process in (one, other):
        process.live.use(Synonyms({"spelling": [["会员卡", "小红本"]]}))
        process.look()
        assert process.says("会员卡怎么申请") == "会员卡在这里申请", "somebody answers all the time"
    wait_for(
        lambda: (
            bool([process.look() for process in (one, other)])
            and all(process.says("小红本怎么申请") == "会员卡在这里申请" for process in (one, other))
        )
    )
    assert inode(folder) != made
    assert before.entry is None


# What is not to be trusted ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "foreign", "link"])
def test_a_spoilt_file_is_made_anew(spoil: str, store: ContentStore, words: Words, folder: Path, tmp_path: Path) -> None:
    Process(store, words, folder).look()
    file = folder / NAME
    whole = bytearray(file.read_bytes())
    if spoil == "link":
        (tmp_path / "elsewhere").write_bytes(whole)
        file.unlink()
        file.symlink_to(tmp_path / "elsewhere")
    else:
        whole[len(whole) // 2] ^= 1
        file.write_bytes({"cut": bytes(whole[: len(whole) // 2]), "flip": bytes(whole), "empty": b"", "foreign": b"hello" * 999}[spoil])
    process = Process(store, words, folder)
    process.look()
    assert process.says("会员卡怎么申请") == "会员卡在这里申请"
    assert not file.is_symlink()
    assert FaqFile(folder, words).find_label() is not None


def test_another_programs_file_is_made_anew(store: ContentStore, words: Words, folder: Path) -> None:
    Process(store, words, folder).look()
    made = inode(folder)
    others = Words(words.tmp_dir, ["会员卡怎么"])
    assert FaqFile(folder, others).find_label() is None
    Process(store, others, folder).look()
    assert inode(folder) != made


def test_a_file_of_another_store_with_the_same_version_is_not_used(
    database: Database, store: ContentStore, words: Words, folder: Path
) -> None:
    Process(store, words, folder).look()
    database.command("FLUSHALL")
    renewed = ContentStore(database)
    renewed.put("faq", {entry.id: entry_to_json(Entry(entry.id, entry.question, "别家的")) for entry in ENTRIES}, "2", NOW.replace(hour=11))
    process = Process(renewed, words, folder)
    process.look()
    assert process.says("会员卡怎么申请") == "别家的"


# What goes wrong --------------------------------------------------------------------------------------------------------
def test_on_a_full_disk_each_process_keeps_its_own(store: ContentStore, words: Words, folder: Path) -> None:
    process = Process(store, words, folder, is_apart=True)
    with full_disk():
        process.look()
    assert process.says("会员卡怎么申请") == "会员卡在这里申请"
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_when_the_disk_is_full_later_the_old_base_serves_on(
    store: ContentStore, words: Words, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faq_live, "MOST_ABOVE", 1)
    process = Process(store, words, folder)
    process.look()
    made = inode(folder)
    with full_disk():
        put(store, {entry.id: Entry(entry.id, entry.question, "新的") for entry in ENTRIES[:3]})
        process.look()
        with pytest.raises(NotMade, match="File too large"):
            FaqFile(folder, words, partial(faq_maker.make, words=words)).make(Label(2, ""), [entry_to_json(entry) for entry in ENTRIES])
    assert process.says("会员卡怎么申请") == "新的"
    assert process.says("订单怎么申请") == "订单在这里申请"
    assert inode(folder) == made


def test_where_no_file_can_be_made_edits_are_live_all_the_same(store: ContentStore, words: Words, folder: Path) -> None:
    folder.mkdir()
    (folder / "lock").mkdir()
    process = Process(store, words, folder)
    assert process.look()
    for number in range(3):
        put(
            store,
            {
                "e0": Entry("e0", "会员卡怎么申请", f"改到前台申请 {number}"),
                "dogs": Entry("dogs", "可以带狗吗", "请牵绳"),
            },
        )
        assert process.look()
        assert process.says("会员卡怎么申请") == f"改到前台申请 {number}"
        assert process.says("订单怎么申请") == "订单在这里申请"
    assert process.says("可以带狗吗") == "请牵绳"
    assert not process.look()


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_faq_that_grows_large_on_a_full_disk_is_live_in_memory(database: Database, words: Words, folder: Path, is_asked: bool) -> None:
    store = ContentStore(database)
    put(store, {"dogs": Entry("dogs", "可以带狗吗", "请牵绳")})
    process = Process(store, words, folder)
    process.look()
    with full_disk():
        put(store, {entry.id: entry for entry in ENTRIES})
        wait_for(process.look)
        assert not is_asked or process.says("证书怎么申请") == "证书在这里申请"
        put(store, {"e0": None, "dogs": Entry("dogs", "可以带狗吗", "不可以")})
        assert process.look()
    assert process.says("可以带狗吗") == "不可以"
    assert process.says("证书怎么申请") == "证书在这里申请"
    assert process.says("会员卡怎么申请") != "会员卡在这里申请"


def test_more_changes_than_can_be_told_on_a_full_disk_are_live_in_memory(
    store: ContentStore, words: Words, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(store, words, folder)
    process.look()
    monkeypatch.setattr(content, "MOST_TOLD", 3)
    with full_disk():
        put(store, {entry.id: Entry(entry.id, entry.question, "新的") for entry in ENTRIES[:10]})
        wait_for(process.look)
    assert process.says("会员卡怎么申请") == "新的"
    assert process.says("门票怎么申请") == "门票在这里申请"


def test_once_there_is_room_again_the_file_is_made_and_used(
    store: ContentStore, words: Words, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faq_live, "RETRY_S", 0.2)
    process = Process(store, words, folder)
    with full_disk():
        process.look()
        put(store, {"e0": Entry("e0", "会员卡怎么申请", "改到前台申请")})
        assert process.look()
    wait_for((folder / NAME).exists)
    assert process.look()
    assert process.says("会员卡怎么申请") == "改到前台申请"
    assert not process.look()


def test_whatever_the_disk_refuses_is_one_error(words: Words, folder: Path) -> None:
    file = FaqFile(folder, words)
    folder.write_text("a file where the folder should be")
    with pytest.raises(NotMade, match="FileExistsError"), file.turn(is_waiting=True):
        pass
    with pytest.raises(NotMade):
        file.make(Label(1, ""), [])
    assert not file.is_changed()


def test_a_file_cut_by_another_version_is_made_anew(
    store: ContentStore, words: Words, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Process(store, words, folder).look()
    assert FaqFile(folder, words).find_label() is not None
    assert FaqFile(folder, Words(words.tmp_dir, is_fast=False)).find_label() is None
    monkeypatch.setattr(text, "version", lambda name: f"{name} 99")
    assert FaqFile(folder, words).find_label() is None


def test_a_maker_killed_while_it_writes_leaves_nothing_that_counts(store: ContentStore, words: Words, folder: Path, tmp_path: Path) -> None:
    Process(store, words, folder).look()
    before = (folder / NAME).read_bytes()
    pipe = folder / f"{NAME}.1.new"
    many = [entry_to_json(Entry(f"m{n}", f"{THINGS[n % 25]}第{n}期怎么申请", "答" * 500)) for n in range(500)]
    job = faq_maker.Job(str(pipe), {"program": "x", "version": 1, "mark": ""}, str(words.tmp_dir), [], many)
    with subprocess.Popen([sys.executable, "-m", "bot.faq_maker", str(os.getpid())], stdin=subprocess.PIPE) as maker:
        assert maker.stdin is not None
        maker.stdin.write(msgspec.msgpack.encode(job))
        maker.stdin.close()
        wait_for(pipe.exists)
        maker.send_signal(signal.SIGKILL)
    assert (folder / NAME).read_bytes() == before
    process = Process(store, words, folder)
    process.look()
    assert process.says("会员卡怎么申请") == "会员卡在这里申请"
    file = FaqFile(folder, words, partial(faq_maker.make, words=words))
    with file.turn(is_waiting=True):
        file.make(Label(1, "again"), many)
    assert sorted(path.name for path in folder.iterdir()) == [NAME, "lock"]
    assert file.find_label() == Label(1, "again")


def test_the_turn_ends_with_its_process(folder: Path, words: Words) -> None:
    waits = "import sys, pathlib; from bot.faq_file import FaqFile; from rules.text import Words\n"
    waits += "with FaqFile(pathlib.Path(sys.argv[1]), Words()).turn(is_waiting=True): print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waits, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with FaqFile(folder, words).turn(is_waiting=False) as is_mine:
            assert not is_mine
        other.kill()
    with FaqFile(folder, words).turn(is_waiting=False) as is_mine:
        assert is_mine


def test_a_half_written_file_in_place_is_not_used(words: Words, folder: Path) -> None:
    folder.mkdir()
    whole = b"".join(pack(build(ENTRIES, scheme_of(words)), {"program": "x", "version": 1, "mark": ""}))
    (folder / NAME).write_bytes(whole[:-1])
    assert FaqFile(folder, words).open(lambda label: True) is None
