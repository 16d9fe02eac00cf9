"""A backup: one file with the whole of Redis, the log's files, who was erased, and what says whether all of it is whole."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import io
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import msgspec

from bot.erased import REGISTER_FILE
from bot.errors import UserError
from bot.keyring import KEY_FILE

FORMAT = 1
MANIFEST = "manifest.json"
LOG_FOLDER, MODELS_FOLDER = "log", "models"
CHUNK = 1 << 20
MOST_FILES, MOST_MANIFEST = 500_000, 256 << 20
"""Files of a backup, and bytes of its manifest: far more than years of logs give."""
SPARE = 256 << 20
"""Bytes that unpacking leaves free on the disk: whatever a file says of itself, the bot beside it goes on writing."""
_OURS = re.compile(
    rf"redis/\d+\.rdb|(?:{LOG_FOLDER}|{MODELS_FOLDER})/.+|config\.yaml|{re.escape(KEY_FILE)}|{re.escape(REGISTER_FILE)}|{MANIFEST}"
)
_BAD_TAR = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError, RecursionError, MemoryError)

OnBytes = Callable[[int, int], None]
"""Hears how many bytes of how many (0: unknown) are done."""


class BadBackup(UserError):
    """Why a backup cannot be used; in Chinese, an operator reads it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a backup: its name there, length and SHA-256."""

    name: str
    length: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is: made when, of which layout of data, in how many shards, by which program; its files; a mark of the sealing key.

    The mark tells whether a key is the one that sealed what lies in here; it gives nothing of the key away.
    """

    format: int
    made: datetime
    layout: int
    shards: int
    program: str
    key_mark: str
    pieces: tuple[Piece, ...]

    @property
    def snapshots(self) -> list[str]:
        """The names of the snapshots of Redis."""
        return [piece.name for piece in self.pieces if piece.name.startswith("redis/")]

    @property
    def length(self) -> int:
        """Bytes of all files."""
        return sum(piece.length for piece in self.pieces)


def mark_of_key(key: bytes) -> str:
    """What a sealing key is known by."""
    return hmac.new(key, b"qunguanjia backup", hashlib.sha256).hexdigest()[:32]


class BackupWriter:
    """Writes a backup aside; :meth:`finish` puts it in place. What is not finished leaves no file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, aside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # readable by its owner alone
        self._aside = Path(aside)
        self._raw = os.fdopen(descriptor, "wb")
        self._tar = tarfile.open(fileobj=self._raw, mode="w:gz", compresslevel=1)  # noqa: SIM115  # finish() closes it
        self._pieces: list[Piece] = []

    def add_written(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Adds what ``write`` writes, by way of a file that has no name: its length is known only at the end."""
        with tempfile.TemporaryFile(dir=self._file.parent) as aside:
            write(aside)
            length = aside.tell()
            aside.seek(0)
            self._add(name, aside, length)

    def add_file(self, name: str, file: Path) -> None:
        """Adds a file; one that is gone by now is passed over."""
        with suppress(FileNotFoundError), file.open("rb") as source:
            self._add(name, source, os.fstat(source.fileno()).st_size)

    def add_folder(self, name: str, folder: Path) -> None:
        """Adds the files of a folder and below, if there is one; what is being written aside is left out."""
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if file.is_file() and not file.name.startswith(".") and not file.name.endswith(".part"):
                self.add_file(f"{name}/{file.relative_to(folder).as_posix()}", file)

    def finish(self, made: datetime, *, layout: int, shards: int, program: str, key: bytes) -> Manifest:
        """Ends the file with what it holds, and puts it in place for good."""
        manifest = Manifest(FORMAT, made, layout, shards, program, mark_of_key(key), tuple(self._pieces))
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._tar.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        self._tar.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._aside.replace(self._file)
        _keep_names(self._file.parent)
        return manifest

    def drop(self) -> None:
        """Leaves nothing behind."""
        with suppress(OSError):
            self._raw.close()
        self._aside.unlink(missing_ok=True)

    def _add(self, name: str, source: BinaryIO, length: int) -> None:
        reader = _Digesting(source)
        self._tar.addfile(_member(name, length), reader)
        self._pieces.append(Piece(name, length, reader.digest.hexdigest()))


def read_backup(file: Path, folder: Path, on_bytes: OnBytes = lambda done, total: None) -> Manifest:
    """Unpacks a backup into an empty folder and checks each file against the manifest. Raises BadBackup, whatever the file is."""
    total, found = file.stat().st_size, dict[str, Piece]()
    raw: bytes | None = None
    try:
        with file.open("rb") as source, gzip.GzipFile(fileobj=source) as plain, tarfile.open(fileobj=_Bounded(plain), mode="r:") as tar:
            for member in tar:
                name = _safe(member)
                content = tar.extractfile(member)
                if content is None or len(found) >= MOST_FILES:
                    raise BadBackup(f"{file} 里有不该有的东西：{_shown(member.name)}")
                if name == MANIFEST:
                    raw = _read_manifest(content, member.size)
                    continue
                found[name] = _unpack(content, folder / name, name, member.size)
                on_bytes(source.tell(), total)
    except _BAD_TAR as error:
        raise BadBackup(f"读不了 {file}：不是完整的备份（{_shown(str(error))}）") from error
    if raw is None:
        raise BadBackup(f"{file} 没有写完：末尾的清单不见了。请换一份备份")
    return _checked(raw, found, file)


def _checked(raw: bytes, found: dict[str, Piece], file: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise BadBackup(f"看不懂 {file} 的清单：它多半是更新的程序做的。请用同样新的程序恢复") from error
    if manifest.format > FORMAT:
        raise BadBackup(f"{file} 是更新的程序做的。请用同样新的程序恢复")
    wrong = [piece.name for piece in manifest.pieces if found.get(piece.name) != piece]
    if wrong or len(found) != len(manifest.pieces):
        raise BadBackup(f"{file} 坏了：{_shown('、'.join(wrong[:3])) or '多出了文件'} 和清单里的校验对不上。请换一份备份")
    if not manifest.snapshots:
        raise BadBackup(f"{file} 里没有 Redis 的快照")
    return manifest


def put_back(unpacked: Path, folder: Path, log_folder: Path) -> Iterator[str]:
    """Puts all but Redis and the register where it belongs: models and keys into a data folder, the log's files into theirs. Gives their names."""
    for file in sorted(unpacked.rglob("*")):
        name = file.relative_to(unpacked).as_posix()
        if not file.is_file() or name.startswith("redis/") or name == REGISTER_FILE:
            continue
        target = log_folder / name.removeprefix(f"{LOG_FOLDER}/") if name.startswith(f"{LOG_FOLDER}/") else folder / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.chmod(0o600)
        shutil.move(file, target)  # the log's may be on another disk
        yield name


def kept_backups(folder: Path) -> list[Path]:
    """The backups of a folder by the names that we give, oldest first."""
    return sorted(folder.glob("qunguanjia-*.tar.gz"))


def name_of(made: datetime) -> str:
    """What a backup of a moment is called."""
    return f"qunguanjia-{made:%Y%m%d-%H%M%S}.tar.gz"


def key_file_of(folder: Path) -> bytes | None:
    """The sealing key that lies in a folder, None where there is none."""
    file = folder / KEY_FILE
    return file.read_bytes().strip() if file.exists() else None


class _Bounded(io.RawIOBase):
    """What tarfile reads from: it would take a head of any length at once, or with a negative one all that follows."""

    def __init__(self, plain: gzip.GzipFile) -> None:
        self._plain = plain

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError("a head that is too long")
        return self._plain.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._plain.seek(offset, whence)

    def tell(self) -> int:
        return self._plain.tell()


class _Digesting(io.RawIOBase):
    """A file that is digested while it is read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._source.read(size)
        self.digest.update(part)
        return part


def _member(name: str, length: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = length, 0o600
    return member


def _safe(member: tarfile.TarInfo) -> str:
    """The name of a file in a backup; what we put into none is refused, and what leads out of its folder."""
    path = PurePosixPath(member.name)
    is_file = member.isreg() and not member.issparse() and member.size >= 0
    if not is_file or path.is_absolute() or ".." in path.parts or not _OURS.fullmatch(path.as_posix()):
        raise BadBackup(f"备份里有不该有的东西：{_shown(member.name)}（也可能是更新的程序做的）")
    return path.as_posix()


def _unpack(content: IO[bytes], target: Path, name: str, length: int) -> Piece:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if length > (room := shutil.disk_usage(target.parent).free - SPARE):
        raise BadBackup(f"放不下：{_shown(name)} 有 {length / 1e6:,.0f} MB，这个磁盘只能再放 {max(room, 0) / 1e6:,.0f} MB。请先腾出空间")
    digest, written = hashlib.sha256(), 0
    with target.open("xb") as out:
        while part := content.read(CHUNK):
            digest.update(part)
            written += len(part)
            out.write(part)
    return Piece(name, written, digest.hexdigest())


def _read_manifest(content: IO[bytes], length: int) -> bytes:
    if length > MOST_MANIFEST:
        raise BadBackup("清单大得不正常，不是我们的备份")
    return b"".join(iter(lambda: content.read(CHUNK), b""))


def _shown(words: str) -> str:
    """Words of a backup that is none as they may be shown in a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in words[:120])


def _keep_names(folder: Path) -> None:
    """A new name is on disk once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
