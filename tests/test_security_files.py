"""Files made to do harm: backups that are none, tables and texts that grow, and what each reader of a file makes of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import xlsxwriter
import yaml
from chat import OpenChat
from command_line import Cli
from visits import inside, met

from bot.app_api import MenuError, parse_menu
from bot.backup import BadBackup, read_backup
from bot.errors import WiringError
from bot.extensions import find_extensions
from rules.content_file import ContentProblem, read
from rules.content_tables import items_of_file
from rules.contents import KINDS
from rules.sheets import read_excel
from tests.test_backup import written
from tests.test_extensions import configured, small
from tools import bootstrap

pytest_plugins = ("chat", "command_line")

SOON_S = 5.0
"""CPU time within which each of these files is refused; what grows without end takes hours."""


# Backups --------------------------------------------------------------------------------------------------------------------


def packed(blocks: bytes) -> bytes:
    return gzip.compress(blocks + bytes(1024), 1)


def head(name: str, size: int = 0, type: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, type
    return member.tobuf(tarfile.GNU_FORMAT)


def pax(records: bytes, size: int | None = None) -> bytes:
    return head("x", len(records) if size is None else size, tarfile.XHDTYPE) + records + bytes(-len(records) % 512)


LONG, STRANGE, FULL = "a head that is too long", "不该有的东西", "放不下"
BACKUPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a head of a gigabyte": (lambda: packed(pax(b"", 1 << 30) + bytes(4 << 20)), LONG),
    "a name of a gigabyte": (lambda: packed(head("x", 1 << 30, tarfile.GNUTYPE_LONGNAME) + bytes(4 << 20)), LONG),
    "a head that reads backwards": (lambda: packed(pax(b"", -512)), LONG),
    "a file that reads backwards": (lambda: packed(head("redis/0.rdb", -512) * 2), STRANGE),
    "a thousand heads of one file": (lambda: packed(pax(b"") * 5_000 + head("redis/0.rdb")), "不是完整的备份"),
    "more than the disk has": (lambda: packed(head("redis/0.rdb", 1 << 62) + bytes(4 << 20)), FULL),
    "more than the disk has, said twice": (lambda: packed(pax(b"30 size=99999999999999999999\n") + head("redis/0.rdb")), FULL),
    "a file of holes": (lambda: packed(pax(b"30 GNU.sparse.size=1000000000\n22 GNU.sparse.major=0\n") + head("redis/0.rdb")), STRANGE),
    "a manifest of a gigabyte": (lambda: packed(head("manifest.json", 1 << 30) + bytes(4 << 20)), "大得不正常"),
    "a zero in a name": (lambda: packed(pax(b"18 path=log/a\x00b.gz\n") + head("redis/0.rdb")), "不是完整的备份"),
    "the folder itself": (lambda: packed(head("log/.")), STRANGE),
    "one name twice": (lambda: packed(head("log/a") * 2), "不是完整的备份"),
    "a file below a file": (lambda: packed(head("log/a") + head("log/a/b")), "不是完整的备份"),
    "a program": (lambda: packed(head("extensions/evil.py")), STRANGE),
    "what would steer Redis": (lambda: packed(head("redis/redis.conf")), STRANGE),
    "a hard link": (lambda: packed(head("redis/0.rdb", 0, tarfile.LNKTYPE)), STRANGE),
    "a device": (lambda: packed(head("redis/0.rdb", 0, tarfile.CHRTYPE)), STRANGE),
    "words for the terminal": (lambda: packed(head("log/\x1b]0;evil\x07\x1b[2J../../x")), STRANGE),
    "nothing": (lambda: b"", "没有写完|不是完整的备份"),
    "no tar": (lambda: gzip.compress(b"x" * 10_000), "不是完整的备份"),
}


@pytest.mark.parametrize("name", BACKUPS)
def test_a_backup_made_to_do_harm_is_refused_and_leaves_its_folder_alone(tmp_path: Path, name: str) -> None:
    file, out = tmp_path / "b.tar.gz", tmp_path / "here" / "out"
    made, why = BACKUPS[name]
    file.write_bytes(made())
    out.mkdir(parents=True)
    began = time.process_time()
    with pytest.raises(BadBackup, match=why) as refused:
        read_backup(file, out)
    assert time.process_time() - began < SOON_S
    assert str(refused.value).isprintable()
    assert {path.name for path in tmp_path.rglob("*")} <= {"b.tar.gz", "here", "out", "redis", "log", "a"}
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_backup_with_a_spoilt_head_is_refused_by_name(tmp_path: Path, seed: int) -> None:
    file, dice = tmp_path / "b.tar.gz", Random(seed)
    manifest = written(file, tmp_path / "data")
    plain = gzip.decompress(file.read_bytes())
    refused = 0
    for number in range(120):
        spoilt = bytearray(plain)
        start = 512 * dice.randrange(len(plain) // 512)
        for _ in range(dice.randint(1, 6)):
            spoilt[start + dice.randrange(512)] = dice.choice((0, 32, 48, 55, 120, 128, 255, dice.randrange(256)))
        spoilt[start + 148 : start + 156] = b"%06o\0 " % sum(
            bytes(spoilt[start : start + 148]) + b" " * 8 + spoilt[start + 156 : start + 512]
        )
        file.write_bytes(gzip.compress(spoilt, 1))
        try:
            assert read_backup(file, tmp_path / f"out{number}") == manifest
        except BadBackup:
            refused += 1
    assert refused > 60


def test_restoring_says_what_is_wrong_and_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data_dir": "data"}))
    file = tmp_path / "b.tar.gz"
    file.write_bytes(BACKUPS["a program"][0]())
    ran = cli("restore", str(file))
    assert ran.code == 1
    assert "不该有的东西：extensions/evil.py" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar.gz", "config.yaml"]


# Tables and texts -----------------------------------------------------------------------------------------------------------

_TIMES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
GROWING = f'<!DOCTYPE a [<!ENTITY a0 "lollollollollollollollollollol">{_TIMES}]>'
LEADING = '<!DOCTYPE a [<!ENTITY a9 SYSTEM "{}">]>'
MEMBERS = (
    "[Content_Types].xml",
    "xl/_rels/workbook.xml.rels",
    "xl/workbook.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/worksheets/sheet1.xml",
)


def workbook(member: str, dtd: str) -> bytes:
    """A good workbook in which one member has a document type, and its first text the entity a9."""
    plain, out = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(plain) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate((("问题", "答案"), ("甲", "乙"))):
            sheet.write_row(row, 0, cells)
    with zipfile.ZipFile(plain) as good, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            text = good.read(name).decode()
            if name == member:
                first, _, rest = text.partition("?>")
                spot = "<t>" if "<t>" in rest else ">"
                text = f"{first}?>{dtd}" + rest.strip().replace(spot, f"{spot}&a9;", 1)
            bad.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize("member", MEMBERS)
def test_entities_of_a_workbook_neither_grow_nor_lead_anywhere(tmp_path: Path, member: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("天机")
    for dtd in (GROWING, LEADING.format(secret.as_uri())):
        began = time.process_time()
        try:
            said = str(read_excel(workbook(member, dtd)))
        except ContentProblem as problem:
            said = str(problem)
        assert time.process_time() - began < SOON_S
        assert len(said) < 1_000
        assert "天机" not in said
        assert "lollol" not in said


def test_a_workbook_without_them_is_read() -> None:
    assert "甲" in str(read_excel(workbook("none", "")))


TEXTS: dict[str, Callable[[], str]] = {
    "aliases that grow": lambda: "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "an alias of itself": lambda: "a: &a [*a]",
    "a tag that makes an object": lambda: "!!python/object/apply:os.system ['true']",
    "merged keys": lambda: "a: &a {b: c}\nd: {<<: *a}",
    "brackets by the thousand": lambda: "[" * 100_000,
    "braces by the thousand": lambda: '{"a":' * 100_000,
    "a name that is there twice": lambda: '{"a": 1, "a": 2}',
    "a number of a million digits": lambda: f'{{"version": {"9" * 1_000_000}}}',
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_grow_are_refused_as_every_kind_of_content(name: str) -> None:
    raw = TEXTS[name]()
    for kind in KINDS.values():
        began = time.process_time()
        with pytest.raises(ContentProblem) as refused:
            items_of_file(kind, f"{kind.name}.yaml", raw.encode())
        assert time.process_time() - began < SOON_S, kind.name
        assert len(str(refused.value)) < 3_000, kind.name


def test_a_menu_that_grows_is_refused() -> None:
    for name in ("aliases that grow", "an alias of itself", "brackets by the thousand"):
        with pytest.raises((ContentProblem, MenuError)):
            parse_menu(read(TEXTS[name]()))


UPLOADED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "faq": ("a.xlsx", lambda: workbook("xl/sharedStrings.xml", GROWING)),
    "words": ("b.yaml", lambda: TEXTS["aliases that grow"]().encode()),
}


@pytest.mark.parametrize("kind", UPLOADED)
def test_whoever_uploads_such_a_file_is_told_and_nothing_is_taken_in(open_chat: OpenChat, kind: str) -> None:
    chat = met(open_chat())
    owner, before = inside(chat), chat.stores.content.versions()
    name, made = UPLOADED[kind]
    owner.opens(f"/console/in/main/{kind}/files")
    said = owner.posts(f"/console/in/main/{kind}/import", file=(io.BytesIO(made()), name))
    assert owner.status == 400
    assert "lollol" not in said
    assert chat.stores.content.versions() == before


# Extensions -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["folder", "package", "file"])
def test_what_every_user_of_the_machine_could_write_is_not_run(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "extensions"
    file = small(folder / "one", "one", file="__init__.py")
    open_to_all = {"folder": folder, "package": file.parent, "file": file}[place]
    assert [found.extension.name for found in find_extensions(configured(tmp_path))] == ["one"]
    file.write_text(f"{file.read_text()}\nopen({str(tmp_path / 'ran')!r}, 'w')")
    open_to_all.chmod(open_to_all.stat().st_mode | 0o002)
    with pytest.raises(WiringError) as refused:
        find_extensions(configured(tmp_path))
    assert re.search(rf"谁都能改写.*chmod o-w {re.escape(str(open_to_all))}$", str(refused.value), re.MULTILINE)
    assert not (tmp_path / "ran").exists()


# Packages -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-build.txt"])
def test_every_package_is_locked_to_a_version_and_its_files(name: str) -> None:
    lock = (bootstrap.ROOT / name).read_text(encoding="utf-8")
    rows = [row for row in re.split(r"\n(?=[^\s#])", lock) if not row.startswith("#")]
    assert rows
    assert [row[:60] for row in rows if not re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+ ", row) or "--hash=sha256:" not in row] == []


def test_a_package_that_is_not_the_locked_one_is_not_installed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wheel, lock = tmp_path / "tampered-1.0-py3-none-any.whl", tmp_path / "lock.txt"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("tampered.py", "")
        made.writestr("tampered-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tampered\nVersion: 1.0\n")
        made.writestr("tampered-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr("tampered-1.0.dist-info/RECORD", "")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for digest, is_taken in ((f" --hash=sha256:{right}", True), (f" --hash=sha256:{'0' * 64}", False)):
        lock.write_text(f"tampered==1.0{digest}\n")
        assert bootstrap._pip("--dry-run", "--no-index", "--no-cache-dir", "--find-links", str(tmp_path), "-r", str(lock)) is is_taken
    assert "HASH" in capfd.readouterr().err.upper()
