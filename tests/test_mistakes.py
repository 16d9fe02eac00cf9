"""What an administrator reads who mistyped, has no right or no room: cause and cure, in Chinese, and never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from command_line import Cli

from commands.files import explain
from storage.connection import Database
from storage.embedded import EmbeddedServer, EmbeddedServerError, join_or_start, refuse_stranger
from storage.machine import Machine
from storage.moment import to_ms

pytest_plugins = ("chat", "command_line")
ROOT = Path(__file__).parent.parent
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"data_dir": "data", "content": str(ROOT / "rules" / "content")}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("log-level", "还缺 LEVEL，可以写：debug、info、warning、error、reset"),
        ("log-level loud", "LEVEL 写得不对，可以写：debug"),
        ("log-level debug --minutes 0", "--minutes 写得不对，要 1 到 1440 之间的数"),
        ("log-level debug --minutes", "--minutes 后面要写一个值"),
        ("backup --keep many", "--keep 写得不对，要 1 到 10000 之间的数"),
        ("backup --with-keys=yes", "--with-keys 后面要写一个值，或者不该写值"),
        ("restore", "还缺 FILE"),
        ("restore /nowhere.tar.gz", "FILE 写得不对：没有它"),
        ("check --lve", "没有 --lve 这个选项，是不是 --live？"),
        ("bakcup", "没有 bakcup 这个命令，是不是 backup？"),
        ("migrate now please", "多写了 now please"),
        ("outbox drop", "写明要丢弃哪一条的编号"),
    ],
)
def test_what_was_mistyped_is_said_with_what_may_stand_there(cli: Cli, config: Path, typed: str, says: str) -> None:
    ran = cli(*typed.split())
    assert ran.code == 2
    assert says in ran.err
    assert "--help" in ran.err.splitlines()[-1]
    assert not {"Usage", "Error", "Try"} & set(ran.err.split())


def test_a_backup_that_cannot_be_written_says_why_and_leaves_nothing(cli: Cli, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for target, says in (("file/b.tar.gz", "同名的文件"), ("file/c/b.tar.gz", "路径中间有一段是文件"), (f"{'b' * 300}.tar.gz", "名字太长")):
        ran = cli("backup", str(tmp_path / target))
        assert ran.code == 1
        assert says in ran.err
        assert "现在的用户是" in ran.err
    assert {one.name for one in tmp_path.iterdir()} <= {"config.yaml", "data", "file"}


@pytest.mark.parametrize("typed", ["check --live", "backup", "migrate", "log-level debug"])
def test_without_its_redis_a_command_says_what_to_look_at(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setenv("BOT_REDIS_URL", "redis://:geheim@127.0.0.1:1")
    ran = cli(*typed.split())
    assert ran.code == 1
    assert "redis.url（或 BOT_REDIS_URL）的地址和密码对不对" in ran.err
    assert "geheim" not in ran.err


def test_a_dial_that_nobody_hears_says_so(cli: Cli, config: Path, database: Database) -> None:
    assert "没有进程在运行" in cli("log-level", "debug").err
    now_ms = to_ms(datetime.now(UTC))
    Machine(database, lambda: "web.here.1", 16).beat(now_ms, now_ms, "abcd1234")
    assert cli("log-level", "debug").err == ""


def test_data_are_converted_as_soon_as_the_last_process_left(cli: Cli, config: Path, database: Database) -> None:
    machine, now_ms = Machine(database, lambda: "web.here.1", 16), to_ms(datetime.now(UTC))
    machine.beat(now_ms, now_ms, "abcd1234")
    ran = cli("migrate")
    assert ran.code == 1
    assert "web.here.1" in ran.err
    assert cli("migrate", "--plan").code == 0
    machine.leave()
    assert cli("migrate").code == 0


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_the_file_system_refuses_has_a_cure(number: int) -> None:
    said = explain(OSError(number, os.strerror(number), "/var/lib/b.tar.gz"))
    assert said.startswith("/var/lib/b.tar.gz：")
    assert os.strerror(number) not in said


def test_what_is_no_administrators_to_put_right_keeps_its_traceback() -> None:
    assert explain(ConnectionResetError(errno.ECONNRESET, "reset")) == ""
    assert explain(OSError("no number")) == ""


@as_root
def test_root_leaves_nothing_in_a_folder_that_is_the_services(tmp_path: Path) -> None:
    data = tmp_path / "service" / "data"
    data.parent.mkdir()
    os.chown(data.parent, NOBODY, NOBODY)
    with pytest.raises(EmbeddedServerError, match="qunguanjia 代替"):
        refuse_stranger(data)  # what is to be made there would be root's
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    with pytest.raises(EmbeddedServerError, match=f"{data} 属于用户"), join_or_start(data):
        pass
    assert list(data.iterdir()) == []


@as_root
def test_root_may_join_what_runs_in_a_folder_that_is_the_services(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", fsync="no") as server:
        os.chown(tmp_path / "data", NOBODY, NOBODY)
        with join_or_start(tmp_path / "data") as url:
            assert url == server.url


def test_the_services_command_is_for_root() -> None:
    script = (ROOT / "deploy" / "systemd" / "qunguanjia").read_text(encoding="utf-8")
    ran = subprocess.run(
        ["sh", "-s"], input=script, capture_output=True, text=True, check=False, cwd="/", user=NOBODY if os.geteuid() == 0 else None
    )
    assert ran.returncode == 1
    assert ran.stderr == "✗ qunguanjia 要用 root 执行：sudo qunguanjia …\n"
