"""Extensions: found in a folder and among packages, refused with every problem at once, and the example with its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chat import OpenChat, a_config, settings
from kit import Extended
from visits import inside

from bot.check import Check, Part
from bot.config import Config
from bot.errors import WiringError
from bot.extensions import find_extensions
from bot.tries import BAD
from commands.build import open_all
from storage.community import CommunityKeys
from storage.connection import Database
from storage.extensions import Act, Drawer

pytest_plugins = ("chat", "kit")

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "extensions" / "birthdays.py"
HERE = CommunityKeys("main", 3)
SMALL = """
from bot.extensions import Extension
from bot.message import Message, Reply
from bot.context import Context
from bot.router import Router
router = Router()
@router.command("{word}")
def answer(message: Message, ctx: Context) -> Reply:
    \"\"\"{word}：试试\"\"\"
    return Reply("这里是扩展")
extension = Extension(name="{name}", title="{name}", router=router{more})
"""


def small(folder: Path, name: str, *, word: str = "扩展你好", more: str = "", file: str = "") -> Path:
    """Writes an extension with one command."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / (file or f"{name}.py")
    path.write_text(textwrap.dedent(SMALL.format(name=name, word=word, more=more)), encoding="utf-8")
    return path


def configured(folder: Path, **extensions: object) -> Config:
    return a_config(folder, "redis://127.0.0.1:1", settings(extensions=extensions or {"skip": []}))


def problems(folder: Path, **extensions: object) -> list[str]:
    with pytest.raises(WiringError) as refused:
        find_extensions(configured(folder, **extensions))
    return list(refused.value.problems)


def test_without_a_folder_there_is_none(tmp_path: Path) -> None:
    assert find_extensions(configured(tmp_path)) == ()


def test_a_file_of_the_folder_is_an_extension_and_its_neighbours_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    small(folder, "one")
    small(folder / "two", "two", word="第二个", file="__init__.py")
    (folder / "test_one.py").write_text("raise SystemExit")
    (folder / "_parts.py").write_text("raise SystemExit")
    assert [found.extension.name for found in find_extensions(configured(tmp_path))] == ["one", "two"]
    assert [found.extension.name for found in find_extensions(configured(tmp_path, skip=["one"]))] == ["two"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    (folder).mkdir()
    (folder / "broken.py").write_text("import nothing_of_this_name")
    (folder / "none.py").write_text("x = 1")
    small(folder, "Loud")
    small(folder, "old", more=", api=99")
    small(folder, "keeps", more=", store=dict")
    small(folder, "twin", file="twin_a.py")
    small(folder, "twin", file="twin_b.py")
    said = problems(tmp_path)
    for words in ("nothing_of_this_name", "没有 extension = Extension", "小写字母", "第 99 版", "export_user", "两个扩展都叫 twin"):
        assert [words in line for line in said].count(True) == 1, words


def test_settings_are_checked_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions" / "birthdays.py").write_bytes(EXAMPLE.read_bytes())
    assert "extensions.settings.birthdays.ahead_days" in problems(tmp_path, settings={"birthdays": {"ahead_days": 0}})[0]
    assert "ahead_days：不能小于 1" in problems(tmp_path, settings={"birthdays": {"ahead_days": 0}})[0]
    assert "extensions.settings.birthdays.when：没有这个设置" in problems(tmp_path, settings={"birthdays": {"when": 1}})[0]
    assert "您是想写 ahead_days 吗" in problems(tmp_path, settings={"birthdays": {"ahead_day": 1}})[0]
    assert "没有这个扩展" in problems(tmp_path, settings={"birthday": {}})[0]
    assert "没有这个扩展" in problems(tmp_path, skip=["birthday"])[0]


def test_words_that_exist_are_refused(tmp_path: Path, open_chat: OpenChat) -> None:
    small(tmp_path / "extensions", "mine", word="签到")
    with pytest.raises(WiringError, match="签到"):
        open_chat(extensions={"skip": []})


def test_a_handler_of_an_extension_is_one_like_all(tmp_path: Path, extended: Extended) -> None:
    chat = extended(small(tmp_path / "written", "mine"))
    assert chat.says("扩展你好").endswith("这里是扩展")
    assert chat.says("扩展你好", id="same") == chat.says("扩展你好", id="same")


def test_its_page_stands_in_the_menu_and_is_found(extended: Extended) -> None:
    chat = extended(EXAMPLE)
    chat.as_admin("签到")
    owner = inside(chat)
    assert 'href="/console/in/main/x/birthdays"' in owner.opens("/console/in/main/")
    assert "/console/in/main/x/birthdays" in owner.opens("/console/search?in=main&q=生日")
    owner.opens("/console/in/main/x/nothing")
    assert owner.status == 404


def test_who_may_only_look_sees_no_form_and_sends_none(extended: Extended) -> None:
    chat = extended(EXAMPLE)
    for user in ("lilei", "wang"):
        chat.says("我的生日 3-15", user=user)
    chat.as_admin("角色 lilei 观察员")
    viewer = inside(chat, "lilei")
    page = viewer.opens("/console/in/main/x/birthdays")
    assert "2 位成员" in page
    assert '<form method="post" data-testid="form-forget"' not in page
    viewer.posts("/console/in/main/x/birthdays", act="forget", member="1")
    assert viewer.status == 403
    assert "2 位成员" in viewer.opens("/console/in/main/x/birthdays")


def test_what_is_done_on_its_page_stands_in_the_audit_and_is_done_once(extended: Extended) -> None:
    chat = extended(EXAMPLE)
    chat.says("我的生日 3-15")
    chat.as_admin("签到")
    owner, page = inside(chat), "/console/in/main/x/birthdays"
    owner.opens(page)
    owner.posts(page, act="forget", member=str(chat.member()), once="abc")
    rows = [row for row in chat.stores.audit.newest("main", 50) if row.act == "扩展 生日：忘掉"]
    assert [row.after for row in rows] == [f"忘掉了成员 {chat.member()} 的生日。"]
    owner.posts(page, act="nothing", member="1")
    assert owner.status == 400
    owner.posts(page, act="forget", member="")
    assert owner.status == 400


def test_words_of_members_are_shown_as_they_stand(extended: Extended) -> None:
    chat = extended(EXAMPLE)
    chat.says("我的生日 3-10", user="lilei", name="<b>李</b>")
    chat.at("2026-03-10 09:00")
    chat.as_admin("签到")
    page = inside(chat).opens("/console/in/main/x/birthdays")
    assert "<b>李</b>" not in page
    assert "3 月 10 日" in page


def test_check_lists_extensions_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions" / "birthdays.py").write_bytes(EXAMPLE.read_bytes())
    assert next(part.findings[0].text for part in checked(tmp_path) if part.title == "扩展").startswith("生日（birthdays）：")
    small(tmp_path / "extensions", "Loud")
    said = checked(tmp_path)
    assert [part.findings[0].mark for part in said if part.title == "扩展"] == [BAD]
    assert "Redis 和密钥" not in [part.title for part in said]


def checked(folder: Path) -> list[Part]:
    config = configured(folder)
    return list(Check(config, lambda: closing(open_all(config, "check")), lambda: datetime.now(UTC), is_online=False).parts())


# What an extension keeps ------------------------------------------------------------------------------------------------------


def test_a_drawer_holds_its_own_keys_only(database: Database) -> None:
    drawer = Drawer(database, "mine")
    key = drawer.key(HERE, "days")
    assert key == "qb:{3}:main:x:mine:days"
    drawer.ask("HSET", key, "1", "a")
    assert drawer.ask_all([("HGET", key, "1"), ("HLEN", key)]) == ["a", 1]
    assert drawer.act(Act("return redis.call('HGET', KEYS[1], ARGV[1])"), [key], ["1"]) == "a"
    assert list(drawer.places()) == [HERE]
    for wrong in ("qb:{3}:main:x:other:days", "qb:{people}:ids"):
        with pytest.raises(ValueError, match="not a key"):
            drawer.ask("GET", wrong)
        with pytest.raises(ValueError, match="not a key"):
            drawer.act(Act("return 1"), [wrong])
    with pytest.raises(ValueError, match="name of a key"):
        drawer.key(HERE, "a*")


# Outside --------------------------------------------------------------------------------------------------------------------


def test_a_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    package, told = site / "birthday_package", site / "qunguanjia_birthdays-1.2.dist-info"
    package.mkdir(parents=True)
    told.mkdir()
    (package / "__init__.py").write_bytes(EXAMPLE.read_bytes())
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: qunguanjia-birthdays\nVersion: 1.2\n")
    (told / "entry_points.txt").write_text("[qunguanjia.extensions]\nbirthdays = birthday_package:extension\n")
    configured(tmp_path)
    look = (
        "from pathlib import Path; from bot.config import load; from bot.extensions import find_extensions; "
        f"print([(f.extension.name, f.source) for f in find_extensions(load(Path({str(tmp_path / 'config.yaml')!r}), {{}}))])"
    )
    environment = {**os.environ, "PYTHONPATH": f"{site}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    assert done.stdout.strip() == "[('birthdays', 'qunguanjia-birthdays 1.2')]", done.stderr


def test_the_example_passes_its_own_tests_with_the_kit() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.kit", "-p", "no:cacheprovider", "examples/extensions"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False, env={**os.environ, "PYTEST_ADDOPTS": ""})
    assert done.returncode == 0, done.stdout[-3000:]
    assert "10 passed" in done.stdout
