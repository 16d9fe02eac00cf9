"""``python run.py faq …``: the FAQ goes into files and comes out of them, with a version for every change and a way back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from chat import Chat, OpenChat
from command_line import Cli
from timing import await_until

from bot.faq_desk import Desk
from bot.faq_transfer import export_file, plan_import
from bot.permissions import COMMAND_LINE
from rules.contents import FAQ, dump, from_items
from rules.entries import id_of
from storage.content import Outdated

pytest_plugins = ("chat", "command_line")

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
SHEET = """\
分类,标准问题,相似问法,回复内容
宠物,可以带狗吗,宠物能进吗；带狗可以吗,可以，请牵绳。
时间,营业到几点,,晚上十点关门。
"""


@pytest.fixture
def sheet(tmp_path: Path) -> str:
    """A sheet as operators keep them."""
    file = tmp_path / "知识库.csv"
    file.write_text(SHEET, encoding="gb18030")
    return str(file)


def test_a_sheet_is_taken_in_and_answers_at_once(chat: Chat, cli: Cli, sheet: str) -> None:
    total = len(chat.stores.content.items("faq"))
    ran = cli("faq", "import", sheet)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "没有用到的列：分类",
        f"新增 2，修改 0，删除 0，未变 {total}。第 2 版已发布，撤销请执行：python run.py faq undo 2",
    ]
    chat.live.refresh()
    assert "请牵绳" in chat.says("宠物能进吗？")
    assert [(row.actor, row.act) for row in chat.stores.audit.newest("", 2)] == [("命令行", "问答 添加")] * 2


def test_a_trial_changes_nothing(chat: Chat, cli: Cli, sheet: str) -> None:
    assert "新增 2，修改 0，删除 0" in cli("faq", "import", "--dry-run", sheet).out
    assert "没有用到的列" in cli("faq", "import", "--dry-run", sheet).out
    assert chat.stores.content.versions()["faq"] == 1


def test_an_unchanged_file_is_no_version(chat: Chat, cli: Cli, sheet: str) -> None:
    cli("faq", "import", "--force", sheet)
    ran = cli("faq", "import", sheet)
    assert ran.code == 0
    assert "新增 0，修改 0，删除 0" in ran.out
    assert "没有新版本" in ran.out
    assert chat.stores.content.versions()["faq"] == 2


@pytest.mark.parametrize("ending", [".yaml", ".csv", ".xlsx", ".json"])
def test_what_goes_out_comes_in_the_same(chat: Chat, cli: Cli, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"faq{'.yaml' if ending == '.json' else ending}"
    assert cli("faq", "export", str(file)).code == 0
    if ending == ".json":
        items = chat.stores.content.items("faq")
        file = tmp_path / "faq.json"
        file.write_text(f"[{','.join(items.values())}]", encoding="utf-8")
    ran = cli("faq", "import", "--replace", str(file))
    assert (ran.code, "没有新版本" in ran.out) == (0, True)


def test_only_replacing_removes(chat: Chat, cli: Cli, sheet: str) -> None:
    total = len(chat.stores.content.items("faq"))
    ran = cli("faq", "import", "--replace", "--force", sheet)
    assert f"新增 2，修改 0，删除 {total}，未变 0" in ran.out
    assert list(chat.stores.content.items("faq")) == [id_of("可以带狗吗"), id_of("营业到几点")]
    assert cli("faq", "undo", "2", "--force").code == 0
    assert len(chat.stores.content.items("faq")) == total


def test_a_change_of_an_entry_is_shown_field_by_field(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    cli("faq", "import", "--force", str(_file(tmp_path, "- {id: dogs, question: 可以带狗吗, similar: [宠物能进吗], answer: 可以}\n")))
    cli(
        "faq", "import", str(_file(tmp_path, "- {id: dogs, question: 可以带狗吗, similar: [带狗可以吗], answer: 不可以, role: operator}\n"))
    )
    assert cli("faq", "diff", "3").out.splitlines()[1:] == [
        "～ 修改 dogs（可以带狗吗）",
        "    相似问：＋带狗可以吗  －宠物能进吗",
        "    答案：可以 → 不可以",
        "    角色：member → operator",
    ]
    assert "命令行  1 处  导入 faq.yaml" in cli("faq", "history").out.splitlines()[0]


def test_an_undo_names_what_was_changed_since(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    for answer in ("可以", "不可以"):
        cli("faq", "import", "--force", str(_file(tmp_path, f"- {{id: dogs, question: 可以带狗吗, answer: {answer}}}\n")))
    ran = cli("faq", "undo", "2", "--force")
    assert ran.code == 1
    assert "dogs 之后又改过" in ran.err
    assert cli("faq", "undo", "3", "--force").code == 0
    assert cli("faq", "undo", "9", "--force").code == 1
    assert from_items(FAQ, chat.stores.content.items("faq"))[-1].answer == "可以"


def test_every_bad_row_is_told_and_nothing_is_taken_in(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "faq.csv"
    file.write_text("问题,答案\n" + "".join(f"问题 {number},\n" for number in range(120)) + "可以带狗吗,可以\n", encoding="utf-8")
    ran = cli("faq", "import", str(file))
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 120
    assert "第 121 行（答案）：缺少这一项，请补上" in ran.err
    assert chat.stores.content.versions()["faq"] == 1


@pytest.mark.parametrize(
    ("name", "said"), [("faq.doc", "不认识“.doc”这种文件"), ("faq.xlsx", "不是完好的 .xlsx"), ("faq.yaml", "YAML 写法有误")]
)
def test_a_file_of_another_kind_is_refused(chat: Chat, cli: Cli, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_text("- id: a\n  question: b: c\n", encoding="utf-8")
    ran = cli("faq", "import", str(tmp_path / name))
    assert ran.code == 1
    assert said in ran.err


def test_an_export_that_cannot_be_written_leaves_nothing_behind(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    ran = cli("faq", "export", str(tmp_path / "nowhere" / "faq.csv"))
    assert ran.code == 1
    assert "写不了" in ran.err
    assert cli("faq", "export", str(tmp_path / "faq.doc")).code == 1


def test_of_two_who_import_at_once_the_second_is_told(chat: Chat, tmp_path: Path) -> None:
    desk = Desk(chat.stores, chat.live.current, chat.clock)
    store = chat.stores.content
    first, second = (
        plan_import(store, "a.yaml", f"- {{id: dogs, question: 可以带狗吗, answer: {answer}}}\n".encode()) for answer in ("可以", "不可以")
    )
    desk.publish(COMMAND_LINE, first.changes, expect=first.version)
    with pytest.raises(Outdated):
        desk.publish(COMMAND_LINE, second.changes, expect=second.version)
    assert "可以" in export_file(store, "b.yaml").decode()


def test_an_import_is_live_in_every_process_that_watches(open_chat: OpenChat, cli: Cli, sheet: str) -> None:
    processes, stop = [open_chat(), open_chat()], Event()
    watching = [Thread(target=process.live.watch, args=(stop,)) for process in processes]
    for thread in watching:
        thread.start()
    try:
        assert cli("faq", "import", sheet).code == 0
        for process in processes:  # each looks once a second; a busy machine gets more time
            await_until(lambda process=process: process.live.current.versions["faq"] == 2, 10, "a new version in every process")  # type: ignore[misc]
            assert process.live.current.faq.ask("可以带狗吗").entry
    finally:
        stop.set()
        for thread in watching:
            thread.join(10)


def _file(folder: Path, text: str) -> Path:
    file = folder / "faq.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_general_import_tries_the_stored_questions_first(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    for asked in ("我的钱怎么退", "退钱找谁"):
        chat.as_admin(f"问答 用例 添加 {asked} => refund")
    file = tmp_path / "faq.yaml"
    kept = tuple(entry for entry in from_items(FAQ, chat.stores.content.items("faq")) if entry.id != "refund")
    file.write_text(dump(FAQ, kept), encoding="utf-8")
    ran = cli("content", "import", "faq", str(file))
    assert ran.code == 1
    found = re.search(r"没有发布：这次修改会让 (\d+) 条用例中的 (\d+) 条答错", ran.err)
    assert found
    assert 2 <= int(found[2]) <= int(found[1])
    assert "“我的钱怎么退”应该到 refund" in ran.err
    assert "--force" in ran.err
    assert "refund" in chat.stores.content.items("faq")
    ran = cli("content", "import", "--force", "faq", str(file))
    assert ran.code == 0
    assert "删除 1" in ran.out
    assert "faq undo 2" in ran.out
    assert "refund" not in chat.stores.content.items("faq")


def test_the_general_import_takes_yaml_under_any_name_and_tables(chat: Chat, cli: Cli, tmp_path: Path, sheet: str) -> None:
    file = tmp_path / "faq.txt"
    file.write_text(cli("content", "export", "faq").out, encoding="utf-8")
    ran = cli("content", "import", "faq", str(file))
    assert (ran.code, "没有新版本" in ran.out) == (0, True)
    assert "新增 2" in cli("content", "import", "--force", "faq", sheet).out
    file.write_text("- {id: a}\n", encoding="utf-8")
    ran = cli("content", "import", "faq", str(file))
    assert (ran.code, "第 1 行" in ran.err) == (1, True)
