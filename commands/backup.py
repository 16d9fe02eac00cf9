"""``backup``, ``restore``: everything in one file, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now, open_all, open_database, program_mark
from commands.files import shown, write_file
from commands.opening import config_option, erased_register, load_config, refuse_running, stores_of

if TYPE_CHECKING:
    from datetime import datetime

    from bot.backup import BackupWriter, Manifest
    from bot.config import Config
    from storage.stores import Stores


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--with-keys", is_flag=True, help="把 evidence.key 也放进去（备份因此和密钥一样要保密）；不放就另外保存它")
@click.option("--keep", type=click.IntRange(1, 10_000), default=None, help="data_dir/backups 里只留最新的这么多份，更旧的删掉")
@click.pass_obj
def backup(path: Path, later: Path | None, file: Path | None, with_keys: bool, keep: int | None) -> None:
    """备份：Redis 同一时刻的全部数据、事件记录的文件、已删除的人的名册，放进一个文件。机器人照常运行。

    不写 FILE 就放进 data_dir/backups，以时间为名。
    """
    from bot.backup import BackupWriter, kept_backups, name_of

    path, made = later or path, now()
    config = load_config(path)
    folder = config.data_path / "backups"
    target = file or folder / name_of(made)
    if target.exists():
        raise click.ClickException(f"{target} 已经有了，换一个名字")
    with stores_of(path) as stores:
        writer = BackupWriter(target)
        try:
            manifest = _write(writer, stores, config, path, made, with_keys=with_keys)
        finally:
            writer.drop()
    told = "含密钥，请妥善保管" if with_keys else f"不含密钥：请另外保存 {config.data_path / 'evidence.key'}（一次就够）"
    told = "不含密钥：证据密钥由环境给出，请另外保存" if config.evidence_key.get_secret_value() and not with_keys else told
    click.echo(f"✓ {target}（{target.stat().st_size / 1e6:.1f} MB，数据第 {manifest.layout} 版），{told}")
    for old in kept_backups(folder)[:-keep] if keep else ():
        old.unlink()
        click.echo(f"  删掉了旧的 {old.name}")


def _write(writer: BackupWriter, stores: Stores, config: Config, path: Path, made: datetime, *, with_keys: bool) -> Manifest:
    from bot.backup import LOG_FOLDER, MODELS_FOLDER
    from bot.erased import REGISTER_FILE
    from bot.keyring import KEY_FILE, sealing_key
    from storage.schema import VERSION
    from storage.snapshot import count_snapshots, write_snapshot

    # The log's files come after Redis: what is moved out of it meanwhile stands in both, which is read once. The register is last, and newest.
    for number in range(count_snapshots(stores.database)):
        with shown("Redis") as step:
            writer.add_written(f"redis/{number}.rdb", partial(write_snapshot, stores.database, number, on_bytes=step))
    writer.add_folder(LOG_FOLDER, config.log_path)
    writer.add_folder(MODELS_FOLDER, config.data_path / "models")
    writer.add_file("config.yaml", path)
    if with_keys:
        writer.add_file(KEY_FILE, config.data_path / KEY_FILE)
    writer.add_file(REGISTER_FILE, config.data_path / REGISTER_FILE)
    return writer.finish(made, layout=VERSION, shards=stores.shards, program=program_mark(), key=sealing_key(config))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of a restore."""

    is_forced: bool
    is_sending: bool
    is_new_key: bool
    registers: tuple[Path, ...]


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--data", "folder", type=click.Path(path_type=Path, file_okay=False), default=None, help="恢复到这个文件夹，用自带的 Redis")
@click.option("--check", "is_check", is_flag=True, help="只检查备份是否完整，什么也不改")
@click.option("--force", is_flag=True, help="那里已有数据也恢复：旧的文件夹改名留着；redis:// 里群管家的旧数据删掉")
@click.option("--send", is_flag=True, help="备份以后机器人没有再运行过（停机搬家）：排队的照发，推送不暂停")
@click.option(
    "--erased", "registers", type=click.Path(path_type=Path, dir_okay=False, exists=True), multiple=True, help="另一份 erased.txt"
)
@click.option("--new-key", is_flag=True, help="密钥丢了也恢复：案件证据、树洞、webhook 再也打不开，已删除的人按编号再删")
@click.pass_obj
def restore(
    path: Path, later: Path | None, file: Path, folder: Path | None, is_check: bool, force: bool, send: bool, registers: tuple[Path, ...],
    new_key: bool,
) -> None:  # fmt: skip
    """恢复备份：先停掉机器人。校验、放回、再次删除已删除的人；备份以后可能发过的不会再发。"""
    from bot.backup import read_backup

    config = load_config(later or path)
    home = config.data_path
    if folder:  # all of it goes there, and nothing to where the bot's own data are
        log = config.log.model_copy(update={"folder": ""})
        config = _at(config, "embedded").model_copy(update={"data_dir": str(folder.resolve()), "log": log})
    config.data_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=config.data_path.parent, prefix=".restoring-") as aside:
        unpacked = Path(aside)
        with shown("校验") as step:
            manifest = read_backup(file, unpacked, step)
        click.echo(f"✓ {file.name} 完整：{manifest.made.astimezone():%Y-%m-%d %H:%M:%S} 的数据，第 {manifest.layout} 版")
        if not is_check:
            _put_back(config, manifest, unpacked, home, _Wanted(force, send, new_key, registers))


def _put_back(config: Config, manifest: Manifest, unpacked: Path, home: Path, wanted: _Wanted) -> None:
    from storage.embedded import refuse_stranger

    _refuse_newer(manifest)
    is_key_known = _find_key(config, manifest, unpacked, home, is_new=wanted.is_new_key)
    refuse_running(config)
    refuse_stranger(config.data_path)
    _refuse_used(config, is_forced=wanted.is_forced)
    old = _make_room(config)
    from bot.backup import put_back
    from bot.erased import REGISTER_FILE
    from bot.permissions import COMMAND_LINE
    from bot.restored import settle_restored

    for name in put_back(unpacked, config.data_path, config.log_path):
        if name == "config.yaml":
            (config.data_path / name).replace(config.data_path / "config.from-backup.yaml")
    register = erased_register(config)
    registers = [unpacked / REGISTER_FILE, *([old / REGISTER_FILE] if old else []), *wanted.registers]
    if fresh := register.merge(registers):
        click.echo(f"  已删除的人的名册：{fresh} 位")
    with _restored(config, manifest, unpacked) as stores:
        told = settle_restored(stores, config, register, now(), is_sending=wanted.is_sending, is_key_known=is_key_known)
        for line in told:
            click.echo(f"  {line}")
        stores.audit.record("", COMMAND_LINE.id, "恢复备份", f"{manifest.made.isoformat()}", "", "", now(), once="")
    where = config.data_path if config.redis.is_embedded else "redis.url 所指的 Redis"
    own = f"另写一份 config.yaml：data_dir: {config.data_path}，redis.url: embedded，log.folder 空着，channels: []，wecom.api_base: http://127.0.0.1:9（什么也发不出去），用它"
    click.echo(f"✓ 已恢复到 {where}。{'现在可以' if config.data_path == home else own}启动：python run.py serve（服务：systemctl start …）")


def _refuse_newer(manifest: Manifest) -> None:
    from bot.errors import StartError
    from storage.schema import VERSION

    if manifest.layout > VERSION:
        raise StartError([f"备份里的数据是第 {manifest.layout} 版，本程序只懂第 {VERSION} 版：请用做备份时的程序，或更新的来恢复"])


def _find_key(config: Config, manifest: Manifest, unpacked: Path, home: Path, *, is_new: bool) -> bool:
    """Whether the key that sealed what comes back is at hand: in the environment, the backup, the folder, or the one that the configuration names (``home``).

    Raises StartError where it is not and must be.
    """
    from bot.backup import key_file_of, mark_of_key
    from bot.errors import StartError
    from bot.keyring import KEY_FILE

    given = config.evidence_key.get_secret_value().encode()
    found = [key for key in (given, *map(key_file_of, (unpacked, config.data_path, home))) if key]
    for key in found[:1] if given else found:
        if mark_of_key(key) == manifest.key_mark:
            if not given:
                write_file(unpacked / KEY_FILE, key, is_private=True)
            return True
    if is_new:
        (unpacked / KEY_FILE).unlink(missing_ok=True)
        return False
    problem = "这里的密钥不是做备份时的那一个" if found else "备份里没有密钥，这里也没有"
    cure = f"把当时的 evidence.key 放进 {config.data_path}，或者由环境变量给出（evidence_key），再恢复"
    lost = "密钥真的丢了，加 --new-key：加密的证据、树洞、webhook 从此打不开"
    raise StartError([f"{problem}：{cure}。{lost}"])


def _refuse_used(config: Config, *, is_forced: bool) -> None:
    """Raises StartError with all that is in the way, unless it may be put aside."""
    from bot.errors import StartError
    from storage.snapshot import count_own

    problems = []
    if is_forced:
        return
    if _has_files(config):
        problems.append(f"{config.log_path}（log.folder）里已有事件记录的文件：换一个文件夹，或加 --force：旧的改名留着")
    if config.redis.is_embedded and (found := _found_in(config.data_path)):
        problems.append(f"{config.data_path} 里已有数据（{'、'.join(found[:4])}…）：换一个文件夹（--data），或加 --force：旧的改名留着")
    if not config.redis.is_embedded and (count := count_own(open_database(config))):
        problems.append(f"redis.url 所指的 Redis 里已有群管家的 {count} 个键：换一个 Redis，或加 --force 删掉它们")
    if problems:
        raise StartError(problems)


def _has_files(config: Config) -> bool:
    return bool(config.log.folder) and config.log_path.exists() and any(config.log_path.iterdir())


def _found_in(folder: Path) -> list[str]:
    """What stands in a data folder that a restore would replace."""
    found = sorted(one.name for one in folder.iterdir()) if folder.exists() else []
    return [] if set(found) <= {"evidence.key", "backups"} else found


def _make_room(config: Config) -> Path | None:
    """Puts aside what is there; gives where the old data folder is now, None where there was none."""
    folder, stamp = config.data_path, f"{now():%Y%m%d-%H%M%S}"
    if _has_files(config):
        config.log_path.rename(config.log_path.with_name(f"{config.log_path.name}.before-{stamp}"))
    if not config.redis.is_embedded or not _found_in(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return None
    old = folder.with_name(f"{folder.name}.before-{stamp}")
    folder.rename(old)
    folder.mkdir(mode=0o700)
    if (old / "backups").exists():
        (old / "backups").rename(folder / "backups")
    click.echo(f"  旧数据现在在 {old}")
    return old


@contextmanager
def _restored(config: Config, manifest: Manifest, unpacked: Path) -> Iterator[Stores]:
    """The stores on the restored Redis: the embedded one of the folder, or the one of the configuration."""
    from storage.embedded import EmbeddedServer
    from storage.snapshot import drop_own, place_snapshot

    snapshots = [unpacked / name for name in manifest.snapshots]
    if not config.redis.is_embedded:
        drop_own(open_database(config))
        _copy_in(snapshots, unpacked, config)
        yield open_all(config, "command")
        return
    if len(snapshots) == 1:
        place_snapshot(snapshots[0], config.data_path)
    with EmbeddedServer(config.data_path) as server:
        joined = _at(config, server.url)
        if len(snapshots) > 1:
            _copy_in(snapshots, unpacked, joined)
        yield open_all(joined, "command")


def _at(config: Config, url: str) -> Config:
    from pydantic import SecretStr

    from bot.config import RedisConfig

    return config.model_copy(update={"redis": RedisConfig(url=SecretStr(url))})


def _copy_in(snapshots: Sequence[Path], unpacked: Path, config: Config) -> None:
    """Reads each snapshot with a server of its own, and copies its keys to where they belong."""
    from storage.embedded import EmbeddedServer
    from storage.snapshot import copy_own, place_snapshot

    for number, snapshot in enumerate(snapshots):
        folder = unpacked / f"server-{number}"
        place_snapshot(snapshot, folder)
        with EmbeddedServer(folder, fsync="no") as source, shown("Redis") as step:
            copy_own(source.url, open_database(config), step)
