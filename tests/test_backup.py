"""Backups: the whole of a running bot in a file, and back elsewhere."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from chat import Chat, OpenChat

import run
from bot.backup import BackupWriter, BadBackup, Manifest, mark_of_key, read_backup
from bot.config import load
from bot.erased import ErasedRegister
from bot.restored import HELD, settle_restored
from handlers.privacy import erase_person
from storage import keys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.machine import Machine
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.points import Points
from storage.snapshot import copy_own, count_own, count_snapshots, drop_own, place_snapshot, write_snapshot
from tests.outside import aibot_text, new_id, wecom
from tests.storm import Storm, communities_of
from tests.timing import await_until
from tests.topologies import ClusterOfOurs, running
from tests.tree import HERE, Tree

pytest_plugins = ("chat",)
MADE = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
KEY = b"a key for tests"


Typed = Callable[..., str]


@pytest.fixture
def types(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What a command says that is run in this process, on an embedded server of its own; it ends with ``code``."""
    for name in ("BOT_REDIS_URL", "BOT_PARENT"):
        monkeypatch.delenv(name, raising=False)

    def typed(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["run.py", "--config", str(config), *words])
        ended = 0
        try:
            run.entry()
        except SystemExit as end:
            ended = int(end.code or 0)
        said = capsys.readouterr()
        assert ended == code, said
        return said.out + said.err

    return typed


def command(config: Path, *words: str, code: int = 0) -> str:
    """What a command of ``run.py`` says; it ends with ``code``."""
    done = subprocess.run(
        [sys.executable, str(HERE / "run.py"), "--config", str(config), *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def streams(database: Database) -> dict[int, list[list[object]]]:
    """The event log of each shard as it stands in Redis."""
    return {shard: database.command("XRANGE", keys.EVENTS(shard=shard), "-", "+") for shard in range(keys.SHARDS)}


@pytest.mark.timeout(180)
def test_a_backup_under_load_is_one_moment_and_comes_back_elsewhere(tmp_path: Path) -> None:
    rng = random.Random(5)
    with wecom() as side:
        tree = Tree(tmp_path / "here", api_base=side.base)
        other = Tree(tmp_path / "there", api_base=side.base, data_dir="restored")
        try:
            tree.start()
            for each in (tree, other):
                secrets = (f"OUT_{name.upper()}_{what}={value}\n" for name, what, value in each._secrets())
                (each.folder / ".env").write_text("".join(secrets))
            storm = Storm(tree, side, rng, 1_000, width=8)
            storm.begin()
            await_until(lambda: storm.settled() > 100, 60, "some messages")
            command(tree.config, "backup", str(tmp_path / "one.tar.gz"), "--with-keys")
            storm.end(120)
            late = aibot_text("user001", "帮助", id=new_id(), chat="", url="")  # the storm may have been over before the backup was
            assert tree.client.tell(tree.channels["assistant"], late).status == 200
            with tree.database() as database:
                whole = streams(database)
            tree.kill(rng)

            told = command(other.config, "restore", str(tmp_path / "one.tar.gz"))
            assert "已恢复到" in told
            with EmbeddedServer(other.folder / "restored") as server:
                check_restored(Database(server.url, timeout_s=5), whole)
            other.start()
            answer = other.client.tell(other.channels["assistant"], aibot_text("user001", "我的积分", id=new_id(), chat="", url=""))
            assert answer.status == 200
            assert "积分" in answer.plain
        finally:
            tree.stop()
            other.stop()


def check_restored(database: Database, whole: dict[int, list[list[object]]]) -> None:
    """Each shard's log is the beginning of the original's, and the ledger says what it said then."""
    kept = streams(database)
    lengths = [(len([row for row in kept[shard] if row in whole[shard]]), len(whole[shard])) for shard in kept]
    assert sum(n for n, _ in lengths) > 100
    assert sum(n for n, _ in lengths) < sum(n for _, n in lengths)
    for shard, (n, _) in enumerate(lengths):
        assert kept[shard][:n] == whole[shard][:n]
    points = Points(database)
    for where in communities_of(database).values():
        assert points.discrepancies(where) == []


# The file ---------------------------------------------------------------------------------------------------------------------


def written(file: Path, folder: Path) -> Manifest:
    """A small backup."""
    (folder / "log" / "03").mkdir(parents=True)
    (folder / "log" / "03" / "1-0_9-0.gz").write_bytes(b"rows")
    (folder / "log" / "03" / ".7.part").write_bytes(b"half")
    writer = BackupWriter(file)
    try:
        writer.add_written("redis/0.rdb", lambda out: out.write(b"REDIS0011" * 50_000))
        writer.add_folder("log", folder / "log")
        writer.add_file("erased.txt", folder / "nowhere")
        return writer.finish(MADE, layout=6, shards=16, program="abc", key=KEY)
    finally:
        writer.drop()


def test_a_backup_says_what_is_in_it_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    manifest = written(tmp_path / "b.tar.gz", tmp_path / "data")
    assert [piece.name for piece in manifest.pieces] == ["redis/0.rdb", "log/03/1-0_9-0.gz"]
    assert manifest.key_mark == mark_of_key(KEY)
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o077 == 0
    assert read_backup(tmp_path / "b.tar.gz", tmp_path / "out") == manifest
    assert (tmp_path / "out" / "log" / "03" / "1-0_9-0.gz").read_bytes() == b"rows"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_backup_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    file = tmp_path / "b.tar.gz"
    written(file, tmp_path / "data")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(BadBackup):
        read_backup(file, tmp_path / "out")


@pytest.mark.parametrize("seed", range(12))
def test_a_backup_with_a_wrong_bit_is_refused_or_the_same(tmp_path: Path, seed: int) -> None:
    file = tmp_path / "b.tar.gz"
    manifest = written(file, tmp_path / "data")
    spoilt, rng = bytearray(file.read_bytes()), random.Random(seed)
    spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    file.write_bytes(spoilt)
    try:
        assert read_backup(file, tmp_path / "out") == manifest
    except BadBackup:
        return


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "log/../../evil"])
def test_a_backup_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "b.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(BadBackup, match="不该有的东西"):
        read_backup(file, tmp_path / "out")


def test_a_link_in_a_backup_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        link = tarfile.TarInfo("redis/0.rdb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(BadBackup, match="不该有的东西"):
        read_backup(file, tmp_path / "out")


# What is done with restored data ----------------------------------------------------------------------------------------------


def settled(chat: Chat, *, is_sending: bool = False, is_key_known: bool = True) -> list[str]:
    return list(settle_restored(chat.stores, chat.config, chat.erased, chat.clock(), is_sending=is_sending, is_key_known=is_key_known))


def queue(chat: Chat, id: str) -> None:
    delivery = Delivery(id, "now", "hook.main.wr1", "webhook", "main", {"msgtype": "text", "text": {"content": id}})
    chat.stores.outbox.enqueue(chat.community.shard, [delivery], 1)


def test_what_was_queued_is_held_for_an_administrator_and_can_be_sent_again(chat: Chat) -> None:
    for id in ("a", "b"):
        queue(chat, id)
    told = settled(chat)
    assert any("2 条还在排队的消息成了死信" in line for line in told)
    assert chat.outbox() == []
    assert [(letter.delivery.id, letter.reason) for letter in chat.stores.outbox.dead_letters(chat.community.shard)] == [
        ("a", HELD),
        ("b", HELD),
    ]
    assert chat.stores.outbox.replay(chat.community.shard, "a", 9)
    assert [delivery.id for delivery in chat.outbox()] == ["a"]


def test_pushes_wait_until_somebody_lets_them_go_on(chat: Chat) -> None:
    where = chat.community.keys
    chat.stores.firings.note_start(where, "tea", chat.clock() - timedelta(days=2))
    settled(chat)
    assert chat.stores.pauses.of("main") == "posts"
    assert chat.stores.firings.last(where, "tea") > chat.clock() - timedelta(seconds=1)


def test_a_move_with_the_bot_stopped_goes_on_as_if_nothing_had_been(chat: Chat) -> None:
    queue(chat, "a")
    settled(chat, is_sending=True)
    assert [delivery.id for delivery in chat.outbox()] == ["a"]
    assert chat.stores.pauses.of("main") == ""


def test_who_was_logged_in_is_not_any_more_and_no_token_of_wecom_is_left(chat: Chat) -> None:
    database = chat.stores.database
    database.command("SET", keys.TOKEN(id="abc"), "secret")
    database.command("HSET", keys.CONSOLE_SESSIONS(member=1), "digest", "x")
    settled(chat)
    assert count_keys(database, "qb:{token:*", "qb:{console}:of:*") == 0


def count_keys(database: Database, *patterns: str) -> int:
    return sum(1 for pattern in patterns for _ in database.scan(pattern))


def test_who_was_erased_after_the_backup_is_erased_again_by_the_newest_register(
    open_chat: OpenChat, tmp_path: Path, redis_server: EmbeddedServer
) -> None:
    chat = open_chat()
    chat.says("签到", user="lilei")
    chat.says("签到", user="hanmei")
    number = chat.member("lilei")
    with (tmp_path / "0.rdb").open("wb") as out:
        write_snapshot(chat.stores.database, 0, out)
    list(erase_person(chat.stores, chat.erased, number))
    newest = shutil.copy(chat.config.data_path / "erased.txt", tmp_path / "newest.txt")
    (chat.config.data_path / "erased.txt").write_text("")  # a new machine, and a backup from before
    place_snapshot(tmp_path / "0.rdb", tmp_path / "there")
    chat.stores.database.command("FLUSHALL")
    with EmbeddedServer(tmp_path / "there", fsync="no") as source:
        copy_own(source.url, chat.stores.database)
    assert chat.stores.directory.find_user(number) == "lilei"

    assert chat.erased.merge([Path(newest)]) == 1
    assert any("1 位已删除的成员" in line for line in settled(chat))
    assert chat.stores.directory.find_user(number) is None
    assert chat.member("hanmei")
    assert chat.erased.merge([Path(newest)]) == 0


def test_without_the_key_the_number_decides_who_is_erased_again(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    number = chat.member("lilei")
    ErasedRegister(chat.config.data_path, b"a key that was lost").note(number, "lilei")
    assert not any("已删除的成员" in line for line in settled(chat))
    assert any("1 位已删除的成员" in line for line in settled(chat, is_key_known=False))
    assert chat.stores.directory.find_user(number) is None


def test_a_register_that_ends_in_half_a_line_takes_others_in(tmp_path: Path) -> None:
    one, other = ErasedRegister(tmp_path, KEY), ErasedRegister(tmp_path / "other", KEY)
    (tmp_path / "other").mkdir()
    other.note(7, "lilei")
    (tmp_path / "erased.txt").write_text("9 abc")
    assert one.merge([tmp_path / "other" / "erased.txt", tmp_path / "nowhere"]) == 1
    assert [erased.number for erased in one.all()] == [7]


def test_a_register_that_ends_in_half_a_line_keeps_who_is_noted_next(tmp_path: Path) -> None:
    (tmp_path / "erased.txt").write_text("9 abc")
    register = ErasedRegister(tmp_path, KEY)
    register.note(7, "lilei")
    assert [erased.number for erased in register.all()] == [7]


# Snapshots --------------------------------------------------------------------------------------------------------------------


def test_a_snapshot_keeps_every_kind_of_key_with_what_is_left_of_its_life(
    database: Database, tmp_path: Path, redis_server: EmbeddedServer
) -> None:
    database.pipeline(
        [
            ("SET", "qb:{1}:a", "x", "PX", 600_000), ("HSET", "qb:{1}:b", "f", "v"), ("ZADD", "qb:{1}:c", 1.5, "m"), ("RPUSH", "qb:{1}:d", 1, 2),
            ("XADD", "qb:{1}:e", "5-1", "f", "v"), ("SADD", "qb:{1}:f", "m"), ("SETBIT", "qb:{1}:g", 1_000, 1), ("SET", "others", "y"),
        ]
    )  # fmt: skip
    with (tmp_path / "0.rdb").open("wb") as out:
        assert write_snapshot(database, 0, out) == out.tell()
    place_snapshot(tmp_path / "0.rdb", tmp_path / "there")
    before = {key: database.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in database.scan("qb:*")}
    database.command("FLUSHALL")
    with EmbeddedServer(tmp_path / "there", fsync="no") as source:
        assert copy_own(source.url, database) == 7
        assert copy_own(source.url, database) == 7
    assert {key: database.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in database.scan("qb:*")} == before
    assert 0 < int(database.command("PTTL", "qb:{1}:a")) <= 600_000
    assert (count_own(database), database.command("EXISTS", "others")) == (7, 0)


def test_a_cluster_has_a_snapshot_for_each_master_and_all_come_back_in_one(tmp_path: Path, database: Database) -> None:
    with running(ClusterOfOurs(tmp_path / "cluster")) as cluster:
        whole = Database(cluster.url, timeout_s=5)
        for shard in range(keys.SHARDS):
            whole.command("HSET", f"qb:{{{shard}}}:main:points:balances", 1, shard)
        assert count_snapshots(whole) == 3
        for number in range(3):
            with (tmp_path / f"{number}.rdb").open("wb") as out:
                write_snapshot(whole, number, out)
        drop_own(whole)
        assert count_own(whole) == 0
        for number in range(3):
            place_snapshot(tmp_path / f"{number}.rdb", tmp_path / f"there-{number}")
            with EmbeddedServer(tmp_path / f"there-{number}", fsync="no") as source:
                copy_own(source.url, database)
                copy_own(source.url, whole)
        for one in (database, whole):
            assert {one.command("HGET", f"qb:{{{shard}}}:main:points:balances", 1) for shard in range(16)} == {str(n) for n in range(16)}
        whole.close()


# The commands -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"data_dir": "data", "communities": [{"id": "main", "name": "主群", "groups": ["wr1"]}]}))
    return file


def test_backups_and_what_stands_in_the_way_of_restoring_them(types: Typed, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    assert "不含密钥" in types("backup", str(file))
    assert "完整" in types("restore", str(file), "--check")
    assert "已有数据" in types("restore", str(file), code=1)
    key = (tmp_path / "data" / "evidence.key").read_bytes()

    assert "旧数据现在在" in types("restore", str(file), "--force")
    assert (tmp_path / "data" / "evidence.key").read_bytes() == key
    assert len(list(tmp_path.glob("data.before-*"))) == 1

    shutil.rmtree(tmp_path / "data")
    assert "没有密钥" in types("restore", str(file), code=1)
    assert not (tmp_path / "data").exists() or not any((tmp_path / "data").iterdir())
    assert "已恢复到" in types("restore", str(file), "--new-key")
    assert load(config, {}).data_path.joinpath("evidence.key").read_bytes() != key
    backups = tmp_path / "data" / "backups"
    backups.mkdir()
    for day in (1, 2, 3):
        (backups / f"qunguanjia-2026010{day}-031500.tar.gz").write_bytes(b"old")
    assert "删掉了旧的" in types("backup", "--keep", "2")
    assert min(path.name for path in backups.iterdir()) == "qunguanjia-20260103-031500.tar.gz"
    assert len(list(backups.iterdir())) == 2


def stands(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but those of its Redis, and what is in it."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file() and "redis" not in str(file)}


def test_what_a_running_bot_works_on_is_not_touched_even_by_force(types: Typed, config: Path, tmp_path: Path) -> None:
    file, shared = tmp_path / "b.tar.gz", tmp_path / "shared"
    types("backup", str(file), "--with-keys")
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | {"log": {"folder": "shared"}}))
    (shared / "00").mkdir(parents=True)
    (shared / "00" / "1.gz").write_bytes(b"log")
    before = stands(tmp_path)
    with EmbeddedServer(tmp_path / "data") as server:
        assert server.pid
        os.kill(server.pid, signal.SIGSTOP)  # one that hangs, or reads its data, runs all the same
        assert f"进程 {os.getpid()}" in types("restore", str(file), "--force", code=1)
        os.kill(server.pid, signal.SIGCONT)
    assert stands(tmp_path) == before

    assert "log.folder 空着" in types("restore", str(file), "--data", str(tmp_path / "drill"))
    assert (shared / "00" / "1.gz").exists(), "a drill elsewhere leaves the shared folder alone"
    said = types("restore", str(file), code=1)
    assert "里已有事件记录的文件" in said
    assert "里已有数据" in said, "all that is in the way at once"


def test_a_restore_into_a_redis_that_is_used_refuses_before_it_changes_anything(
    types: Typed, config: Path, tmp_path: Path, redis_server: EmbeddedServer, database: Database
) -> None:
    file = tmp_path / "b.tar.gz"
    types("backup", str(file), "--with-keys")
    shutil.rmtree(tmp_path / "data")
    own = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(own | {"redis": {"url": redis_server.url}, "log": {"folder": "shared"}}))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "1.gz").write_bytes(b"log")
    machine = Machine(database, lambda: "web.here.1", 16)
    now_ms = to_ms(datetime.now(UTC))
    machine.beat(now_ms, now_ms, "mark")
    before = stands(tmp_path)
    assert "机器人正在这个 Redis 上运行" in types("restore", str(file), "--force", code=1)
    assert stands(tmp_path) == before
    assert len(machine.processes()) == 1

    drill = tmp_path / "drill"
    assert "redis.url: embedded" in types("restore", str(file), "--data", str(drill))
    assert (drill / "redis").exists()
    assert len(machine.processes()) == 1, "a drill touches no Redis but its own"
