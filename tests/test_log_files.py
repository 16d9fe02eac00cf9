"""The event log in Redis and in files is one log: whatever is read, erased or killed meanwhile."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.events import Events, LogElsewhere, LogEntry, LogTangled
from storage.log_files import LogFile, LogFiles, id_of
from storage.moment import from_ms
from tests.tree import HERE

SHARDS = 3
DAY_MS = 86_400_000
PLACE = CommunityKeys("main", 1)


class Killed(BaseException):
    """The process ends here."""


class Dying(Database):
    """A connection whose process is killed before one of its commands."""

    left = 10**9

    def command(self, *words: object) -> object:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().command(*words)


@pytest.fixture
def events(database: Database, tmp_path: Path) -> Events:
    return Events(database, SHARDS, LogFiles(tmp_path / "log"))


def fill(events: Events, days: int = 10, a_day: int = 30, seed: int = 1) -> list[LogEntry]:
    """So many entries a day in each shard, of ten members, some with texts; gives all of them."""
    rng = random.Random(seed)
    for day in range(days):
        for n in range(a_day * SHARDS):
            member = rng.randrange(1, 11)
            data = rng.choice([{"n": n}, {"text": f"我是 {member}"}, {"text": f"成员 {rng.randrange(1, 11)} 说得对"}])
            at = from_ms(day * DAY_MS + n * 1_000)
            kind = rng.choice(["inbound", "outbound"])
            events.record(n % SHARDS, kind, "main", at, data, member=member, message=f"m{n % 7}")
    return list(events.read())


def after(days: float) -> object:
    return from_ms(round(days * DAY_MS))


def looks(events: Events) -> dict[str, object]:
    """Everything that can be asked of the log, by how."""
    now = from_ms(10 * DAY_MS)
    return {
        "read": list(events.read()),
        "member": list(events.read(member=3)),
        "newest": events.newest(500),
        "few": events.newest(5),
        "begins": events.begins(),
        "back": events.look_back(PLACE, 3, from_ms(2 * DAY_MS), now),
        "all back": events.look_back(PLACE, 4, from_ms(0), now),
        "sent": events.find_sent("m3", from_ms(DAY_MS)),
        "exported": events.export_user(5),
    }


def test_what_is_read_is_the_same_wherever_it_stands(events: Events, database: Database) -> None:
    fill(events)
    before = looks(events)

    assert events.file_away(after(7), stretch=50) == SHARDS * 200
    assert database.command("XLEN", keys.EVENTS(shard=0)) == 100
    assert looks(events) == before
    assert events.file_away(after(7), stretch=50) == 0


def test_less_than_a_stretch_stays_so_a_small_installation_has_no_files(events: Events, tmp_path: Path) -> None:
    fill(events)
    assert events.file_away(after(10)) == 0
    assert not list((tmp_path / "log").rglob("*.gz"))


def test_a_reader_that_was_away_for_long_reads_on_in_the_files(events: Events) -> None:
    told = fill(events)
    events.file_away(after(8), stretch=40)
    read: list[str] = []
    now = datetime.now(UTC)
    while pages := [page for page in events.unread(["trial"], now, most=35) if page.entries]:
        assert not any(page.is_cut for page in pages)
        assert all(events.mark_read(page, {"trial": 0}, now) for page in pages)
        read += [f"{page.shard}/{entry.id}" for page in pages for entry in page.entries]
    assert len(read) == len(set(read)) == len(told)


@pytest.mark.parametrize("step", range(40))
def test_a_kill_before_any_step_loses_nothing_and_doubles_nothing(
    step: int, redis_server: object, database: Database, tmp_path: Path
) -> None:
    plain = Events(database, SHARDS, LogFiles(tmp_path / "log"))
    told = fill(plain, days=3, a_day=10)
    dying = Dying(redis_server.url)  # type: ignore[attr-defined]
    doomed = Events(dying, SHARDS, LogFiles(tmp_path / "log"))
    dying.left = step
    try:
        doomed.file_away(after(3), stretch=8)
    except Killed:
        assert list(plain.read()) == told
    plain.file_away(after(3), stretch=8)
    assert list(plain.read()) == told
    assert database.command("XLEN", keys.EVENTS(shard=0)) == 30 % 8
    assert not list((tmp_path / "log").rglob("*.part"))
    dying.close()


def test_half_a_file_of_a_killed_process_is_not_read(events: Events, tmp_path: Path) -> None:
    told = fill(events, days=2)
    (tmp_path / "log" / "00").mkdir(parents=True)
    (tmp_path / "log" / "00" / ".17-3.part").write_bytes(b"\x1f\x8b\x08half")
    assert list(events.read()) == told


def test_an_erased_member_has_no_text_in_any_file(events: Events, tmp_path: Path) -> None:
    told = fill(events)
    events.file_away(after(9), stretch=30)
    files = list((tmp_path / "log").rglob("*.gz"))
    erased = [entry for entry in told if "text" in entry.data and (entry.member == 3 or "成员 3 " in entry.data["text"])]

    assert f"{len(erased)} 条" in events.erase_user(3)

    assert list(events.read()) == [entry for entry in told if entry not in erased]
    lines = [line for path in files if path.exists() for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    assert lines
    assert not [line for line in lines if '我是 3"' in line or "成员 3 " in line]


def test_files_that_do_not_name_a_member_are_not_opened_for_him(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(60):
        events.record(0, "inbound", "main", from_ms(n), {"text": "x"}, member=1 if n < 30 else 2)
    events.file_away(after(1), stretch=30)
    opened: list[LogFile] = []
    rows = LogFile.rows
    monkeypatch.setattr(LogFile, "rows", lambda self: opened.append(self) or rows(self))
    assert len(events.export_user(2)) == 30
    assert len(opened) == 1


def test_who_is_erased_while_his_entries_are_moved_is_gone(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(events, days=2)
    write = LogFiles.write

    def write_late(self: LogFiles, *args: object, **more: object) -> object:
        """What was read from the stream is written after the erasure went through streams and files."""
        monkeypatch.setattr(LogFiles, "write", write)
        Events(events._database, SHARDS, self).erase_user(3)
        return write(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(LogFiles, "write", write_late)
    events.file_away(after(2), stretch=20)
    assert not [entry for entry in events.read() if "text" in entry.data and (entry.member == 3 or "成员 3 " in entry.data["text"])]


def test_the_log_is_whole_for_readers_while_it_is_moved(redis_server: object, events: Events, database: Database, tmp_path: Path) -> None:
    told = fill(events, days=4, a_day=60)
    mover = Database(redis_server.url)  # type: ignore[attr-defined]

    def move() -> None:
        for day in (1, 2, 3, 4):
            Events(mover, SHARDS, LogFiles(tmp_path / "log")).file_away(after(day), stretch=15)

    moving = threading.Thread(target=move)
    moving.start()
    seen = [list(events.read()) for _ in range(10)]
    moving.join(30)
    assert all(one == told for one in seen)
    assert list(events.read()) == told
    mover.close()


def test_what_two_take_out_of_one_file_at_once_is_out(events: Events, tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "two")
    rows: list[list[object]] = [
        [f"{number}-0", ["v", "1", "t", str(number), "k", "", "m", "", "u", "0", "c", "", "d", "{}"]] for number in range(1, 5)
    ]
    file = files.write(0, rows)
    other = threading.Thread(target=files.rewrite, args=(0, file, lambda row: row[0] != "2-0"))

    def stays(row: list[object]) -> bool:
        if row[0] == "4-0":  # all was read, nothing is written yet
            other.start()
            other.join(0.2)  # who does not wait for us is through by then
        return row[0] != "1-0"

    files.rewrite(0, file, stays)
    other.join()
    assert [row[0] for row in file.rows()] == ["3-0", "4-0"]


def test_what_is_too_old_goes_from_files_to_the_day(events: Events) -> None:
    told = fill(events)
    events.file_away(after(8), stretch=50)
    assert events.trim(from_ms(3 * DAY_MS + 5_000)) == SHARDS * 90 + 5
    assert list(events.read()) == [entry for entry in told if entry.at >= from_ms(3 * DAY_MS + 5_000)]


def test_entries_before_a_file_that_stand_in_none_are_never_trimmed(events: Events, database: Database) -> None:
    fill(events, days=2)
    assert events.files
    rows = database.command("XRANGE", keys.EVENTS(shard=0), "-", "+")
    events.files.write(0, rows[10:30])
    with pytest.raises(LogTangled, match="shard 0"):
        events.file_away(after(2), stretch=10)
    assert database.command("XLEN", keys.EVENTS(shard=0)) == len(rows) == 60


def test_where_the_files_are_not_seen_nobody_takes_the_rest_for_the_whole(events: Events, database: Database, tmp_path: Path) -> None:
    told, blind = fill(events), Events(database, SHARDS)
    assert list(blind.read()) == told, "as long as nothing is filed everybody sees everything"
    assert events.file_away(after(8), stretch=50)
    for other in (blind, Events(database, SHARDS, LogFiles(tmp_path / "elsewhere"))):
        assert not other.is_whole()
        for act in (
            lambda one=other: next(one.read()),
            other.begins,
            lambda one=other: one.export_user(3),
            lambda one=other: one.erase_user(3),
        ):
            with pytest.raises(LogElsewhere, match="另一个文件夹"):
                act()
    with pytest.raises(LogElsewhere):
        Events(database, SHARDS, LogFiles(tmp_path / "elsewhere")).file_away(after(9), stretch=10)
    assert not (tmp_path / "elsewhere" / "00").exists(), "nothing was moved to where others do not see it"
    assert list(Events(database, SHARDS, LogFiles(tmp_path / "log")).read()) == told
    assert blind.forget_files()
    assert len(list(blind.read())) < len(told), "what is left, once somebody has said that the rest is gone"
    assert events.file_away(after(9), stretch=10) > 0
    assert not blind.is_whole(), "and the next stretch makes a folder known again"


def test_a_file_tells_its_ends_and_members_without_being_read(events: Events) -> None:
    fill(events, days=3)
    events.file_away(after(3), stretch=30)
    for shard in range(SHARDS):
        for file in events.files.of(shard) if events.files else ():
            rows, index = list(file.rows()), file.index()
            assert (file.first, file.last) == (id_of(rows[0]), id_of(rows[-1]))
            assert (index.entries, index.first_ms, index.last_ms) == (len(rows), int(rows[0][1][3]), int(rows[-1][1][3]))
            assert {int(row[1][9]) for row in rows} <= set(index.members)


def test_a_file_is_readable_by_its_owner_alone(events: Events, tmp_path: Path) -> None:
    fill(events, days=3)
    events.file_away(after(3), stretch=30)
    found = list((tmp_path / "log").rglob("*.gz"))
    assert {path.stat().st_mode & 0o077 for path in found} == {0}


# Real processes, really killed --------------------------------------------------------------------------------------------------

MOVER = """
import sys
from pathlib import Path
from storage.connection import Database
from storage.events import Events
from storage.log_files import LogFiles
from storage.moment import from_ms
url, folder, stretch = sys.argv[1:]
events = Events(Database(url, timeout_s=10), 3, LogFiles(Path(folder)))
print("ready", flush=True)
events.file_away(from_ms(10**12), stretch=int(stretch))
"""
"""A process that moves what is old, as the clock does."""


def file_under_kills(folder: Path, entries: int, kills: int, seed: int) -> str:
    """Has processes move a log into files and kills them at random moments, reading all of it each time; says what it saw. AssertionError: it differs."""
    rng = random.Random(seed)
    with EmbeddedServer(folder / "redis", fsync="no") as server:
        database = Database(server.url, timeout_s=10)
        events = Events(database, SHARDS, LogFiles(folder / "log"))
        told = fill(events, days=10, a_day=entries // 10 // SHARDS, seed=seed)
        stretch, killed, shares = max(entries // 200, 5), 0, []
        for _ in range(kills):
            words = [sys.executable, "-c", MOVER, server.url, str(folder / "log"), str(stretch)]
            with subprocess.Popen(words, cwd=HERE, stdout=subprocess.PIPE) as process:
                assert process.stdout
                process.stdout.readline()
                try:
                    process.wait(rng.random() * entries / 40_000)
                except subprocess.TimeoutExpired:
                    process.kill()
                    killed += 1
            assert list(events.read()) == told
            shares.append(1 - sum(database.command("XLEN", keys.EVENTS(shard=shard)) for shard in range(SHARDS)) / len(told))
        events.file_away(from_ms(10**12), stretch=stretch, is_last=True)
        assert list(events.read()) == told
        assert not any(database.command("XLEN", keys.EVENTS(shard=shard)) for shard in range(SHARDS))
        events.erase_user(3)
        assert not [entry for entry in events.read() if "text" in entry.data and (entry.member == 3 or "成员 3 " in entry.data["text"])]
        database.close()
    moved = ", ".join(f"{share:.0%}" for share in shares)
    return f"{killed} of {kills} processes killed while they moved {len(told)} entries into files (moved then: {moved}); each is read once, at any time"


def test_a_mover_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    assert " of 3 processes" in file_under_kills(tmp_path, 3_000, 3, seed=2)


def test_a_file_that_another_lets_go_of_meanwhile_is_passed_over(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(events)
    events.file_away(after(8), stretch=50)
    assert events.files
    files = events.files
    listed = {shard: files.of(shard) for shard in range(SHARDS)}
    for shard in range(SHARDS):
        files.drop(listed[shard][0])
    left = looks(events)
    monkeypatch.setattr(files, "of", listed.__getitem__)
    assert looks(events) == left
    events.erase_user(3)
    assert not any(entry.member == 3 and "text" in entry.data for entry in events.read())
    assert events.trim(from_ms(3 * DAY_MS)) > 0
