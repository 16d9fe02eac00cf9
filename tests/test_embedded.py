"""The embedded Redis, as real processes that are really killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.connection import Database
from storage.embedded import SOCKET_PATH_BYTES, EmbeddedServer, EmbeddedServerError, FolderTaken, ask, join_or_start
from tests.timing import PATIENCE_S, SLOWER

ROOT = Path(__file__).parent.parent
OWNER = """
import os, sys, time
from pathlib import Path
from storage.connection import Database
from storage.embedded import EmbeddedServer
folder, tie, forks, writes = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "forks", int(sys.argv[4])
server = EmbeddedServer(folder, tie=tie)
server.start()
if forks and os.fork() == 0:
    time.sleep(20)
    os._exit(0)
print(server.pid, flush=True)
database = Database(server.url)
for n in range(writes):
    database.command("RPUSH", "kept", n)
    print(n, flush=True)
time.sleep(60)
"""


def until(true: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Waits for a condition; whether it came true."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.01)
    return False


def setting(server: EmbeddedServer, name: str) -> str:
    """A setting in force, asked of the server itself."""
    return ask(server.socket, f"CONFIG GET {name}").split()[-1]


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "数据 与 空格"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(folder) as server:
        yield server


def an_owner(folder: Path, *, tie: str = "kernel", forks: bool = False, writes: int = 0) -> subprocess.Popen[str]:
    """Another process that owns the folder; its first line is the server's pid, then one line for each write acknowledged."""
    words = [sys.executable, "-c", OWNER, str(folder), tie, "forks" if forks else "-", str(writes)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def first_line(owner: subprocess.Popen[str]) -> int:
    assert owner.stdout is not None
    return int(owner.stdout.readline())


def test_it_answers_when_start_returns(server: EmbeddedServer) -> None:
    assert server.alive()
    assert Database(server.url).command("PING")


def test_it_opens_no_port_and_lets_nobody_else_in(server: EmbeddedServer, folder: Path) -> None:
    assert setting(server, "port") == "0"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    everything = [path for path in folder.rglob("*") if not path.is_symlink()]
    assert folder / "redis.lock" in everything
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in [*everything, server.socket, server.socket.parent])


def test_it_keeps_what_it_acknowledges(server: EmbeddedServer) -> None:
    assert setting(server, "appendonly") == "yes"
    assert setting(server, "appendfsync") == "always"
    assert setting(server, "maxmemory-policy") == "noeviction"


def test_no_secret_of_ours_reaches_its_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Path("/proc/self/environ")
    if not environment.exists():
        pytest.skip("needs /proc")
    monkeypatch.setenv("BOT_SECRET", "s3cret")
    with EmbeddedServer(folder) as server:
        assert b"s3cret" not in Path(f"/proc/{server.pid}/environ").read_bytes()


def test_data_are_there_after_stop_and_start(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        Database(server.url).command("SET", "name", "小助手")
    with EmbeddedServer(folder) as server:
        assert Database(server.url).command("GET", "name") == "小助手"


def test_one_object_starts_again_after_its_stop(folder: Path) -> None:
    server = EmbeddedServer(folder)
    for _ in range(2):
        server.start()
        server.start()
        assert server.alive()
        server.stop()
        server.stop()
        assert not server.alive()


def test_a_server_whose_restart_fails_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deep = tmp_path.joinpath(*["很长的目录名" * 4] * 4)
    with EmbeddedServer(deep) as server:
        elsewhere, killed = server.socket.parent, server.pid
        assert killed
        server.socket.unlink()
        elsewhere.rmdir()
        elsewhere.write_text("in the way")
        os.kill(killed, signal.SIGKILL)
        assert until(lambda: "不是本用户的目录" in caplog.text)
        elsewhere.unlink()
        assert until(server.alive)


def test_a_stop_is_quick_and_leaves_no_process(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        pid = server.pid
        assert pid
        began = time.monotonic()
    assert time.monotonic() - began < 5 * SLOWER
    assert not lives(pid)
    assert not server.socket.exists()


def test_a_server_that_hangs_is_stopped_too(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        pid = server.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 5 * SLOWER
    assert not lives(pid)


def test_a_killed_server_comes_back_with_everything_acknowledged(server: EmbeddedServer) -> None:
    database = Database(server.url)
    for n in range(50):
        database.command("RPUSH", "kept", n)
    killed = server.pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: server.pid != killed and server.alive())
    assert Database(server.url).command("LLEN", "kept") == 50


@pytest.mark.parametrize("tie", [pytest.param("kernel", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only")), "watch"])
def test_a_killed_owner_leaves_no_orphan_and_loses_nothing(folder: Path, tie: str) -> None:
    owner = an_owner(folder, tie=tie, writes=10_000)
    try:
        pid = first_line(owner)
        acknowledged = [first_line(owner) for _ in range(100)]
    finally:
        owner.kill()
    assert owner.stdout is not None
    acknowledged += [int(line) for line in owner.stdout if line.endswith("\n")]
    owner.wait()

    assert until(lambda: not lives(pid))
    with EmbeddedServer(folder) as server:
        kept = Database(server.url).command("LRANGE", "kept", 0, -1)
    assert [int(n) for n in kept[: len(acknowledged)]] == acknowledged
    assert len(kept) <= len(acknowledged) + 1  # one write may have been on its way


def test_forks_that_outlive_a_killed_owner_do_not_keep_the_folder(folder: Path) -> None:
    owner = an_owner(folder, forks=True)
    pid = first_line(owner)
    owner.kill()
    owner.wait()
    with EmbeddedServer(folder) as server:
        assert server.alive()
        assert server.pid != pid


def test_a_fork_cannot_stop_it(server: EmbeddedServer) -> None:
    child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert server.alive()


def test_a_second_owner_is_refused_and_told_who_the_first_is(server: EmbeddedServer, folder: Path) -> None:
    with pytest.raises(FolderTaken, match=f"正被进程 {os.getpid()} 使用"):
        EmbeddedServer(folder, lock_within_s=0.1).start()
    assert server.alive()


def test_a_long_path_puts_the_socket_into_a_private_folder_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["很长的目录名" * 4] * 4)
    with EmbeddedServer(deep) as server:
        assert server.alive()
        assert len(os.fsencode(server.socket)) <= SOCKET_PATH_BYTES
        assert deep not in server.socket.parents
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert not server.socket.parent.exists()


def test_a_planted_folder_for_the_socket_is_refused(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["很长的目录名" * 4] * 4)
    server = EmbeddedServer(deep)
    server.socket.parent.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedServerError, match="不是本用户的目录"):
            server.start()
    finally:
        server.socket.parent.unlink()


@pytest.mark.parametrize("plant", [lambda path: path.write_text("garbage"), lambda path: path.mkdir(), lambda path: path.symlink_to("x")])
def test_garbage_where_the_socket_should_be_does_not_bar_the_start(folder: Path, plant: Callable[[Path], object]) -> None:
    socket = EmbeddedServer(folder).socket
    socket.parent.mkdir(parents=True, mode=0o700)
    plant(socket)
    with EmbeddedServer(folder) as server:
        assert server.alive()


def test_an_entry_torn_by_a_power_cut_does_not_bar_the_start(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        Database(server.url).command("SET", "whole", "1")
    (log,) = (folder / "redis" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nto")
    with EmbeddedServer(folder) as server:
        assert Database(server.url).command("GET", "whole") == "1"


def test_broken_data_are_reported_with_the_end_of_the_servers_log(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        Database(server.url).command("SET", "whole", "1")
    (log,) = (folder / "redis" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"garbage" * 100)
    with pytest.raises(EmbeddedServerError, match=r"(?s)启动后立即退出.*Bad file format"):
        EmbeddedServer(folder).start()


def test_a_data_folder_that_cannot_be_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="请检查 data_dir"):
        EmbeddedServer(tmp_path / "file" / "data").start()
    with pytest.raises(EmbeddedServerError, match="请检查 data_dir"), join_or_start(tmp_path / "file"):
        pass


def test_a_command_joins_the_server_that_runs_and_leaves_it_running(server: EmbeddedServer, folder: Path) -> None:
    with join_or_start(folder) as url:
        Database(url).command("SET", "from", "guest")
    assert server.alive()
    assert Database(server.url).command("GET", "from") == "guest"


def test_a_command_on_its_own_starts_a_server_for_its_own_duration(folder: Path) -> None:
    with join_or_start(folder) as url:
        Database(url).command("SET", "kept", "1")
    assert ask(EmbeddedServer(folder).socket, "PING") == ""
    with join_or_start(folder) as url:
        assert Database(url).command("GET", "kept") == "1"


def test_commands_that_begin_at_once_share_one_server_until_the_last_is_done(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from storage.connection import Database; from storage.embedded import join_or_start\n"
        "with join_or_start(Path(sys.argv[1])) as url:\n"
        "    database = Database(url)\n"
        "    for _ in range(200): database.command('INCR', 'count')\n"
    )
    commands = [subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT) for _ in range(3)]
    assert [command.wait(timeout=60) for command in commands] == [0, 0, 0]
    with join_or_start(folder) as url:
        assert Database(url).command("GET", "count") == "600"
