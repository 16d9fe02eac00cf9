"""问答 and 未答: operators look after the FAQ in a chat, and members notice within two seconds."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from chat import ADMINS, FAR, MAIN, Chat, OpenChat, Said

from bot import faq_office
from bot.errors import UserError
from bot.faq_edits import office_of
from bot.permissions import COMMAND_LINE
from handlers import faq_admin, missed
from rules.entries import Entry, id_of
from storage import keys
from storage.content import NoSuchVersion
from storage.moment import to_ms

pytest_plugins = ("chat",)

ODD = "量子纠缠的贝尔不等式是什么意思"


def edits(chat: Chat, text: str) -> Said:
    """The owner types it in the admin group, and a second passes."""
    said = chat.as_admin(text)
    chat.live.refresh()
    return said


def id_in(said: str) -> str:
    """The id of the entry that was just added or changed."""
    found = re.search(r"（(q-[0-9a-f]{8})", said)
    assert found, said
    return found[1]


# 问答 -------------------------------------------------------------------------------------------------------------------


def test_an_entry_that_was_added_is_answered(chat: Chat) -> None:
    chat.says("签到")
    said = edits(chat, "问答 添加 食堂几点开门 | 早上七点 | 食堂什么时候开；几点能去食堂")
    assert "已添加“食堂几点开门”" in said
    assert "相似问 2 个" in said
    assert chat.says("食堂几点开门") == "早上七点"
    assert chat.says("几点能去食堂呀") == "早上七点"


def test_an_entry_may_be_typed_line_by_line(chat: Chat) -> None:
    chat.says("签到")
    edits(chat, "问答 添加\n问：食堂几点开门\n答：早上七点，\n周末八点 | 节假日休息\n相似：食堂什么时候开\n关键词：食堂开门")
    assert chat.says("食堂几点开门") == "早上七点，\n周末八点 | 节假日休息"


def test_what_is_missing_is_told_with_an_example(chat: Chat) -> None:
    unclear = ("添加", "添加 只有问题", "修改", "修改 refund", "修改 refund 价格 3", "删除", "撤销 x", "用例 添加 x")
    for wrong in (f"问答 {words}" for words in unclear):
        assert "写法是：问答" in chat.as_admin(wrong), wrong
    assert "问答 添加 怎么退款 |" in chat.as_admin("问答")
    assert "问答怎么用" in chat.as_admin("问答 乱写")


def test_what_an_answer_may_not_hold_is_told_and_nothing_changes(chat: Chat) -> None:
    before = chat.stores.content.versions()["faq"]
    assert "没有 {phone} 这个变量" in chat.as_admin("问答 添加 电话多少 | 打 {phone}")
    assert "太长了" in chat.as_admin("问答 添加 电话多少 | " + "长" * 4_001)
    assert chat.stores.content.versions()["faq"] == before


def test_the_same_question_twice_is_refused_with_what_to_do(chat: Chat) -> None:
    assert "问答 修改 refund 答案" in chat.as_admin("问答 添加 怎么退款？ | 不退")
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    assert "已经用过了" in chat.as_admin("问答 添加 食堂几点开门 | 早上八点")


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("答案 请找客服。多行\n也行", "answer", "请找客服。多行\n也行"),
        ("问题 退款怎么办理", "question", "退款怎么办理"),
        ("相似 甲问题；乙问题", "similar", ("甲问题", "乙问题")),
        ("关键词 退款，退钱", "keywords", ("退款", "退钱")),
        ("\n答：分行写的", "answer", "分行写的"),
    ],
)
def test_one_field_of_an_entry_is_changed(chat: Chat, change: str, field: str, value: object) -> None:
    said = edits(chat, f"问答 修改 refund {change}")
    if "仍然发布" in said:
        edits(chat, "1")
    entry = chat.live.current.faq.find("refund")
    assert entry
    assert getattr(entry, field) == value


def test_wordings_are_added_and_taken_away(chat: Chat) -> None:
    edits(chat, "问答 修改 refund 加相似 我要把钱要回来")
    entry = chat.live.current.faq.find("refund")
    assert entry
    assert entry.similar[-1] == "我要把钱要回来"
    edits(chat, "问答 修改 refund 减相似 我要把钱要回来")
    fewer = chat.live.current.faq.find("refund")
    assert fewer
    assert "我要把钱要回来" not in fewer.similar
    assert "不在相似问里" in chat.as_admin("问答 修改 refund 减相似 没有这一条")


def test_an_entry_with_a_term_is_answered_while_it_lasts(chat: Chat) -> None:
    chat.says("签到")
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    id = id_of("食堂几点开门")
    assert "已修改" in edits(chat, f"问答 修改 {id} 有效期 2026-03-11~2026-03-12")
    assert chat.says("食堂几点开门") != "早上七点"
    chat.later(days=1)
    assert chat.says("食堂几点开门") == "早上七点"
    chat.later(days=2)
    assert chat.says("食堂几点开门") != "早上七点"
    assert "已过期" in chat.as_admin("问答 列表 食堂")
    edits(chat, f"问答 修改 {id} 有效期 长期")
    assert chat.says("食堂几点开门") == "早上七点"


def test_an_entry_is_removed_only_after_a_yes(chat: Chat) -> None:
    chat.says("签到")
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    id = id_of("食堂几点开门")
    assert "回复 1 删除，2 放弃" in edits(chat, f"问答 删除 {id}")
    assert "没有改" in edits(chat, "2")
    assert chat.says("食堂几点开门") == "早上七点"
    edits(chat, f"问答 删除 {id}")
    assert "已删除" in edits(chat, "1")
    assert chat.says("食堂几点开门") != "早上七点"
    assert "没有" in chat.as_admin(f"问答 查看 {id}")


def test_the_list_is_searched_and_its_numbers_mean_what_was_seen(chat: Chat) -> None:
    listed = chat.as_admin("问答 列表 发票")
    number = next(line.split(".")[0] for line in listed.splitlines() if "（invoice-lost" in line)
    edits(chat, "问答 添加 发票抬头怎么写 | 写公司全名")
    shown = chat.as_admin(f"问答 查看 {number}")
    assert "（invoice-lost）" in shown
    assert "相似问：发票找不到了" in shown
    assert "第 2/" in chat.as_admin("问答 列表 2")
    assert "没有找到" in chat.as_admin("问答 列表 不存在的词")
    chat.later(minutes=1)
    assert "先说“问答 列表”" in chat.as_admin("问答 查看 99")


def test_a_search_looks_at_what_entries_say_and_not_at_how_they_are_kept(chat: Chat) -> None:
    edits(chat, '问答 添加 食堂几点开门 | 早上"七点"\n周末八点')
    for field in ("id", "answer", "question", '","'):
        assert "没有找到" in chat.as_admin(f"问答 列表 {field}"), field
    for said in ('"七点"', "食堂几点", "refund"):
        assert "问答 1 条" in chat.as_admin(f"问答 列表 {said}"), said


def test_answers_are_counted_by_entry(chat: Chat) -> None:
    chat.says("签到")
    for user in ("lilei", "hanmei"):
        chat.says("怎么退款", user=user)
    chat.privately("怎么退款", user="lilei")
    assert "（refund，3 次" in chat.as_admin("问答 列表 退款")
    chat.later(days=31)
    assert "（refund，0 次" in chat.as_admin("问答 列表 退款")


def test_a_sentence_is_tried_without_being_counted(chat: Chat) -> None:
    said = chat.as_admin("问答 测试 怎么退款")
    assert "结果：和“怎么退款”的问法完全相同，直接回答" in said
    assert "1. refund“怎么退款”" in said
    assert "不回答" in chat.as_admin(f"问答 测试 {ODD}")
    assert chat.unanswered() == []
    assert "（refund，0 次" in chat.as_admin("问答 列表 退款")


def test_every_edit_is_in_the_history_and_can_be_undone(chat: Chat) -> None:
    chat.says("签到", user="boss", group=ADMINS)
    before = chat.live.current.faq.find("refund")
    edits(chat, "问答 修改 refund 答案 不退")
    version = chat.stores.content.versions()["faq"]
    history = chat.as_admin("问答 历史")
    assert f"第 {version} 版" in history
    assert "修改 refund" in history
    assert f"已撤销第 {version} 版" in edits(chat, f"问答 撤销 {version}")
    assert chat.live.current.faq.find("refund") == before
    assert "没有第 999 版" in chat.as_admin("问答 撤销 999")


def test_what_was_changed_since_is_not_undone(chat: Chat) -> None:
    edits(chat, "问答 修改 refund 答案 不退")
    version = chat.stores.content.versions()["faq"]
    edits(chat, "问答 修改 refund 答案 还是退")
    assert "refund 之后又改过" in chat.as_admin(f"问答 撤销 {version}")


def test_every_edit_is_audited_with_what_was_before_and_after(chat: Chat) -> None:
    edits(chat, "问答 修改 refund 答案 不退")
    (row, *_) = chat.stores.audit.newest("", 5)
    assert (row.act, row.subject, row.actor) == ("问答 修改", "refund", str(chat.member("boss")))
    assert "原路退回" in row.before
    assert "不退" in row.after


def test_an_edit_that_comes_twice_is_done_once(chat: Chat) -> None:
    first = chat.says("问答 添加 食堂几点开门 | 早上七点", user="boss", group=ADMINS, id="twice")
    version = chat.stores.content.versions()["faq"]
    assert chat.says("问答 添加 食堂几点开门 | 早上七点", user="boss", group=ADMINS, id="twice") == first
    assert chat.stores.content.versions()["faq"] == version
    assert len(chat.stores.audit.newest("main", 10)) == 1


# Who may ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["问答 添加 甲 | 乙", "问答 列表", "未答", "未答 1 忽略"])
def test_members_may_not_and_in_a_group_nobody_does(chat: Chat, command: str) -> None:
    assert "管理员" in chat.privately(command)
    assert "私聊" in chat.says(command, user="boss")


def test_an_entry_added_for_one_of_several_communities_stays_there(chat: Chat) -> None:
    chat.says("签到")
    chat.says("签到", group=FAR)
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    assert chat.says("食堂几点开门") == "早上七点"
    assert chat.says("食堂几点开门", group=FAR) != "早上七点"
    edits(chat, f"问答 修改 {id_of('食堂几点开门')} 社群 全部")
    assert chat.says("食堂几点开门", group=FAR) == "早上七点"


# 未答 -------------------------------------------------------------------------------------------------------------------


def ask_in_vain(chat: Chat) -> None:
    """Two subjects that nobody wrote an answer for: one asked four times, one once."""
    chat.says("签到")
    for user, text in {"a": "停车场怎么收费", "b": "停车场收费标准", "c": "请问停车场怎么收费呢", "d": "停车场收费多少钱"}.items():
        chat.says("签到", user=user)
        chat.says(text, user=user)
    chat.says(ODD)


def test_what_nobody_could_answer_is_listed_by_subject_most_asked_first(chat: Chat) -> None:
    ask_in_vain(chat)
    said = chat.as_admin("未答")
    lines = [line for line in said.splitlines() if re.match(r"\d\.", line)]
    assert "没答上的问题 5 个" in said
    assert "停车场" in lines[0]
    assert "4 次" in lines[0]
    assert "贝尔" in lines[1]


def test_a_cluster_becomes_an_entry_by_one_command(chat: Chat) -> None:
    ask_in_vain(chat)
    chat.as_admin("未答")
    said = edits(chat, "未答 1 添加 每小时五元")
    assert "已添加“停车场" in said
    assert "相似问 2 个" in said, "three different questions, one of them asked twice"
    for text in ("停车场怎么收费", "停车场收费标准", "停车场收费多少钱"):
        assert chat.says(text) == "每小时五元"
    assert "停车场" not in chat.as_admin("未答")
    assert chat.unanswered() == [ODD]


def test_a_cluster_joins_an_entry_that_is_there(chat: Chat) -> None:
    ask_in_vain(chat)
    chat.as_admin("未答")
    said = edits(chat, "未答 1 归入 shipping-time")
    if "仍然发布" in said:
        said = edits(chat, "1")
    assert "已修改“什么时候发货”" in said
    entry = chat.live.current.faq.find("shipping-time")
    assert entry
    assert "停车场收费标准" in entry.similar
    assert "停车场" not in chat.as_admin("未答")


def test_what_is_ignored_stays_away_for_thirty_days(chat: Chat) -> None:
    ask_in_vain(chat)
    chat.as_admin("未答")
    assert "30 天内不再提" in chat.as_admin("未答 1 忽略")
    (row,) = chat.stores.audit.newest("main", 5)
    assert (row.act, row.subject, row.after) == ("未答 忽略", "4 个问题", ""), "what members said is not kept for years"
    chat.says("停车场怎么收费呀", user="a")
    assert "停车场" not in chat.as_admin("未答")
    chat.later(days=31)
    chat.clean_up()
    chat.says("停车场怎么收费", user="a")
    assert "停车场" in chat.as_admin("未答")


def test_a_number_of_an_old_list_still_means_what_was_seen(chat: Chat) -> None:
    ask_in_vain(chat)
    chat.as_admin("未答")
    for user in "abcdefg":
        chat.says("签到", user=user)
        chat.says("班车几点发车呢", user=user)
    edits(chat, "未答 1 添加 每小时五元")
    assert chat.says("停车场怎么收费") == "每小时五元"
    assert "先说“未答”" in chat.as_admin("未答 9 忽略")
    assert "写法是：未答" in chat.as_admin("未答 1 添加")


def test_questions_of_another_community_are_not_shown(chat: Chat) -> None:
    ask_in_vain(chat)
    assert "停车场" not in chat.says("未答", user="boss", group=FAR)


def test_a_proposal_is_shown_and_taken_in_or_refused(chat: Chat) -> None:
    chat.says("签到")
    add = chat.stores.proposals.add
    for once, question in (("a", "停车场怎么收费"), ("b", "班车几点发车")):
        number = add("main", question, "五元", ("停车多少钱",) if once == "a" else (), "工单 7", chat.clock(), once=once)
        assert add("main", question, "五元", (), "工单 7", chat.clock(), once=once) == number, "once"
    said = chat.as_admin("未答")
    assert "P1. 停车场怎么收费 → 五元（工单 7）" in said
    assert "已添加" in edits(chat, "未答 采纳 P1 每小时五元")
    assert chat.says("停车多少钱") == "每小时五元"
    assert "不采纳" in chat.as_admin("未答 P2 忽略")
    assert "已经处理过了" in chat.as_admin("未答 忽略 P2")
    assert "没有没答上的问题" in chat.as_admin("未答")


def test_many_questions_are_put_together_behind_the_callback(chat: Chat) -> None:
    ask_in_vain(chat)
    shard = chat.community.keys.shard
    lines = [f"{to_ms(chat.clock())}|{number}号机器的{number}号零件坏了" for number in range(faq_office.FEW_WAITING)]
    chat.stores.database.command("RPUSH", keys.UNANSWERED(shard=shard, community="main"), *lines)
    assert chat.as_admin("未答") == "没答上的问题很多，正在归类……"
    message = chat.words("未答", user="boss", group=ADMINS)
    ctx = chat.pipeline.context_of(message, chat.member("boss"), "main")
    (told,) = chat.pipeline.producers["missed"](message, ctx)
    (number,) = (line.split(".")[0] for line in told.splitlines() if re.match(r"\d+\. 停车场", line))
    assert "已添加“停车场" in edits(chat, f"未答 {number} 添加 每小时五元")


def test_who_deals_with_a_cluster_does_not_wait_for_all_to_be_put_together(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_in_vain(chat)
    chat.as_admin("未答")
    monkeypatch.delattr(faq_office, "pile_up")
    assert "已添加“停车场" in edits(chat, "未答 1 添加 每小时五元")
    assert "30 天内不再提" in chat.as_admin("未答 2 忽略")
    for again in ("未答 1 添加 每小时六元", "未答 1 归入 refund", "未答 1 忽略", "未答 2 忽略"):
        assert "已经处理过了" in chat.as_admin(again), again


# Regression -------------------------------------------------------------------------------------------------------------


def test_an_edit_that_breaks_a_stored_question_asks_before_it_is_published(chat: Chat) -> None:
    chat.says("签到")
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    id = id_of("食堂几点开门")
    assert "应该由“食堂几点开门”来答。现在：直接回答" in chat.as_admin(f"问答 用例 添加 请问食堂几点开门呢 => {id}")
    version = chat.stores.content.versions()["faq"]
    said = edits(chat, f"问答 修改 {id} 问题 打印机怎么用")
    assert re.search(r"这次修改会让 \d+ 条用例中的 1 条答错", said)
    assert "“请问食堂几点开门呢”应该由" in said
    assert chat.stores.content.versions()["faq"] == version, "nothing is published yet"
    assert "没有改" in edits(chat, "2")
    edits(chat, f"问答 修改 {id} 问题 打印机怎么用")
    assert "已修改“打印机怎么用”" in edits(chat, "1")
    assert chat.stores.content.versions()["faq"] == version + 1


def test_removing_what_a_stored_question_needs_is_told(chat: Chat) -> None:
    said = edits(chat, "问答 删除 tracking")
    assert "条用例中的" in said
    assert "怎么查我的快递单号" in said


def test_stored_questions_are_listed_and_removed(chat: Chat) -> None:
    chat.as_admin("问答 用例 添加 我的钱呢 → refund")
    listed = chat.as_admin("问答 用例")
    number = next(line.split(".")[0] for line in listed.splitlines() if "我的钱呢 => refund" in line)
    assert "已删除这条用例" in chat.as_admin(f"问答 用例 删除 {number}")
    assert "我的钱呢" not in chat.as_admin("问答 用例")
    assert "没有“nothing”这条用例" in chat.as_admin("问答 用例 删除 nothing")
    with pytest.raises(NoSuchVersion):
        chat.stores.content.version("faq_tests", 99)


def office_here(chat: Chat) -> faq_office.Office:
    """The owner, in the admin group."""
    return office_of(chat.pipeline.context_of(chat.words("问答", user="boss", group=ADMINS), chat.member("boss"), "main"))


def in_far(chat: Chat, *, may_share: bool = False) -> faq_office.Office:
    """Somebody who looks after the FAQ of the other community."""
    place = chat.communities.named("far")
    return faq_office.Office(chat.stores, chat.live.current, place, COMMAND_LINE, chat.clock, is_only=False, may_share=may_share)


def test_communities_that_store_the_same_question_have_a_test_each(chat: Chat) -> None:
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    here = id_of("食堂几点开门")
    there = faq_office.save_entry(in_far(chat), Entry("", "食堂几点开门", "那边八点"), is_new=True).entry
    assert there
    chat.as_admin(f"问答 用例 添加 饭堂开了吗 => {here}")
    assert "饭堂开了吗" not in [test.question for test in faq_office.list_tests(in_far(chat))]
    faq_office.add_test(in_far(chat), "饭堂开了吗", there.id)
    assert f"饭堂开了吗 => {here}" in chat.as_admin("问答 用例")
    assert [test.entry for test in faq_office.list_tests(in_far(chat)) if test.question == "饭堂开了吗"] == [there.id]
    chat.as_admin("问答 用例 添加 饭堂开了吗 => refund")
    listed = chat.as_admin("问答 用例")
    assert "饭堂开了吗 => refund" in listed
    assert f"饭堂开了吗 => {here}" not in listed, "the same question again changes its entry"
    (shared,) = [test for test in faq_office.list_tests(in_far(chat)) if test.entry == "refund" and test.question == "饭堂开了吗"]
    with pytest.raises(UserError, match="几个社群共用"):
        faq_office.remove_test(in_far(chat), shared.id)


def test_a_stored_question_whose_entry_is_gone_stays_with_its_community(chat: Chat) -> None:
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    chat.as_admin(f"问答 用例 添加 饭堂开了吗 => {id_of('食堂几点开门')}")
    (test,) = [test for test in faq_office.list_tests(office_here(chat)) if test.question == "饭堂开了吗"]
    edits(chat, f"问答 删除 {id_of('食堂几点开门')}")
    edits(chat, "1")
    for may_share in (False, True):
        assert test.id not in [other.id for other in faq_office.list_tests(in_far(chat, may_share=may_share))]
    with pytest.raises(UserError, match="没有"):
        faq_office.remove_test(in_far(chat), test.id)
    assert "饭堂开了吗" in chat.as_admin("问答 用例")
    assert "已删除这条用例" in chat.as_admin(f"问答 用例 删除 {test.id}")


def test_a_stored_question_of_a_shared_entry_that_is_gone_is_told_to_who_may_share(chat: Chat) -> None:
    chat.as_admin("问答 用例 添加 我的钱呢 => refund")
    edits(chat, "问答 删除 refund")
    edits(chat, "1")
    seen = [[test.question for test in faq_office.list_tests(in_far(chat, may_share=may))] for may in (False, True)]
    assert ["我的钱呢" in questions for questions in seen] == [False, True]


# Health -----------------------------------------------------------------------------------------------------------------


def test_what_nobody_asked_in_thirty_days_is_cold(open_chat: OpenChat) -> None:
    chat = open_chat()
    chat.says("签到")
    assert "没有冷门" in chat.as_admin("问答 冷门"), "too young to tell"
    chat.later(days=31)
    chat.says("怎么退款")
    edits(chat, "问答 修改 invoice 答案 新写的")
    said = chat.as_admin("问答 冷门")
    assert "（refund）" not in said
    assert "（invoice）" not in said, "edited, it has not had its chance"
    assert "（invoice-lost）" in said


def test_the_checkup_tells_the_figures(chat: Chat) -> None:
    ask_in_vain(chat)
    chat.says("怎么退款")
    said = chat.as_admin("问答 体检")
    assert "答上 1 次" in said
    assert "没答上的问题 5 个" in said


# 有用 / 没用 -------------------------------------------------------------------------------------------------------------


def judged(chat: Chat, entry: str) -> tuple[int, int]:
    """How often an entry's answers were found useful, and how often not."""
    found = chat.stores.feedback.all(chat.community.keys).get(entry)
    return (found.useful, found.useless) if found else (0, 0)


def test_members_say_what_an_answer_was_worth_and_operators_see_it(chat: Chat) -> None:
    for user in ("lilei", "hanmei"):
        chat.says("怎么退款", user=user)
        assert "谢谢" in chat.says("有用", user=user)
    chat.privately("怎么退款", user="lilei")
    assert "人工" in chat.privately("没用！", user="lilei")
    assert judged(chat, "refund") == (2, 1)
    assert "有用 2/没用 1" in chat.as_admin("问答 列表 退款")


def test_a_member_counts_once_for_an_answer_and_may_change_his_mind(chat: Chat) -> None:
    chat.says("怎么退款")
    for word in ("有用", "👍", "没用", "没帮助"):
        chat.says(word)
    assert judged(chat, "refund") == (0, 1)
    chat.says("怎么退款")
    chat.says("没用")
    assert judged(chat, "refund") == (0, 2), "another answer"


def test_a_word_without_an_answer_before_it_counts_nothing(chat: Chat) -> None:
    chat.says("签到")
    assert "哪个回答" in chat.says("有用")
    chat.says("怎么退款")
    assert "哪个回答" in chat.says("有用", user="hanmei"), "that answer was not his"
    chat.later(minutes=11)
    assert "哪个回答" in chat.says("有用")
    assert judged(chat, "refund") == (0, 0)


def test_a_click_on_wecoms_own_thumb_counts_and_is_taken_back(chat: Chat) -> None:
    chat.says("签到")
    outcome = chat.receive(chat.words("@小助手 怎么退款", user="lilei", group=MAIN))
    name = json.loads(outcome.answer)["stream"]["feedback"]["id"]
    for kind, expected in ((2, (0, 1)), (2, (0, 1)), (1, (1, 0)), (3, (0, 0)), (9, (0, 0))):
        assert chat.hears(chat._event("feedback_event", {"id": name, "type": kind}, "lilei", MAIN)) == ""
        assert judged(chat, "refund") == expected
    chat.says("有用")
    chat.hears(chat._event("feedback_event", {"id": name, "type": 1}, "lilei", MAIN))
    assert judged(chat, "refund") == (1, 0), "by word and by click it is one answer"
    chat.hears(chat._event("feedback_event", {"id": "nonsense", "type": 1}, "lilei", MAIN))


def test_whose_judgement_it_was_is_forgotten_with_him(chat: Chat) -> None:
    chat.says("怎么退款")
    chat.says("有用")
    chat.erase("lilei")
    assert judged(chat, "refund") == (1, 0)
    assert list(chat.stores.database.scan("qb:{*}:*:once:feedback:*")) == []


def test_entries_in_each_others_way_are_found(chat: Chat) -> None:
    chat.says("签到")
    edits(chat, "问答 添加 打印机没墨了找谁 | 找行政 | 打印机没有墨了怎么办")
    edits(chat, "问答 添加 打印机墨盒空了怎么办 | 找前台 | 打印机没有墨水了怎么办")
    assert chat.as_admin("问答 冲突") == "正在逐条核对……"
    ctx = chat.pipeline.context_of(chat.words("问答 冲突", user="boss", group=ADMINS), chat.member("boss"), "main")
    (told,) = chat.pipeline.producers["faq_conflicts"](chat.words("问答 冲突", user="boss", group=ADMINS), ctx)
    assert id_of("打印机没墨了找谁") in told
    assert id_of("打印机墨盒空了怎么办") in told
    assert "coupon" not in told
    listed = faq_office.list_entries(office_of(ctx), only="conflicts")
    assert {"找行政", "找前台"} <= {row.entry.answer for row in listed.rows}
    assert listed.conflicts


# Two at once ------------------------------------------------------------------------------------------------------------


def test_an_edit_is_not_lost_to_another_of_the_same_entry(open_chat: OpenChat) -> None:
    chat = open_chat()
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    id = id_of("食堂几点开门")
    chat.as_admin(f"问答 用例 添加 请问食堂几点开门呢 => {id}")
    assert "仍然发布" in edits(chat, f"问答 修改 {id} 问题 打印机怎么用")
    chat.privately(f"问答 修改 {id} 答案 早上八点", user="boss")
    assert "刚刚被别人改过" in edits(chat, "1")
    entry = chat.live.current.faq.find(id)
    assert entry
    assert (entry.question, entry.answer) == ("食堂几点开门", "早上八点")


def test_operators_who_edit_at_once_lose_no_entry(open_chat: OpenChat) -> None:
    chat = open_chat()
    chat.as_admin("问答 列表")
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: chat.as_admin(f"问答 添加 第{n}号会议室的{n}号投影仪怎么借 | 找{n}号前台"), range(12)))
    done = sum("已添加" in text for text in said)
    assert done + sum("请再说一次" in text or "仍然发布" in text for text in said) == 12
    kept = [row for row in chat.stores.content.items("faq").values() if "号前台" in row]
    assert len(kept) == done
    assert done >= 6


# Again after a crash ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "问答 添加 食堂几点开门 | 早上七点",
        "问答 修改 refund 答案 不退",
        "问答 撤销 2",
        "问答 用例 添加 我的钱呢 => refund",
        "未答 采纳 P1",
    ],
)
def test_what_a_crash_left_half_told_is_done_once(chat: Chat, command: str) -> None:
    chat.says("签到")
    edits(chat, "问答 修改 invoice 答案 找财务")
    chat.stores.proposals.add("main", "停车场怎么收费", "五元", (), "工单 7", chat.clock(), once="p")
    message = chat.words(command, user="boss", group=ADMINS, id="again")
    ctx = chat.pipeline.context_of(message, chat.member("boss"), "main")
    act = {"问答": faq_admin.faq, "未答": missed.missed}[command.split()[0]]
    first = act(message, ctx)
    versions, audited = chat.stores.content.versions(), len(chat.stores.audit.newest("", 99)) + len(chat.stores.audit.newest("main", 99))
    again = act(message, ctx).text
    assert re.sub("（核对了.*?）", "", again) == re.sub("（核对了.*?）", "", first.text)
    assert chat.stores.content.versions() == versions
    assert len(chat.stores.audit.newest("", 99)) + len(chat.stores.audit.newest("main", 99)) == audited


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("未答 1 添加 五元", "已添加“停车场"),
        ("未答 1 归入 shipping-time", "已修改“什么时候发货”"),
        ("未答 1 忽略", "这一组（4 个问题）30 天内不再提"),
        ("未答 采纳 P1", "已添加“班车几点发车"),
        ("未答 忽略 P1", "不采纳"),
        ("问答 用例 删除 mine", "已删除这条用例"),
    ],
)
def test_an_act_that_comes_again_is_told_as_done_and_done_and_written_down_once(chat: Chat, command: str, told: str) -> None:
    ask_in_vain(chat)
    chat.stores.proposals.add("main", "班车几点发车", "七点", (), "工单 7", chat.clock(), once="p")
    chat.stores.content.put("faq_tests", {"mine": '{"id":"mine","question":"钱呢","entry":"refund"}'}, "1", chat.clock())
    chat.as_admin("未答")

    def act(id: str) -> str:
        message = chat.words(command, user="boss", group=ADMINS, id=id)
        ctx = chat.pipeline.context_of(message, chat.member("boss"), "main")
        reply = faq_admin.faq(message, ctx) if command.startswith("问答") else missed.missed(message, ctx)
        return faq_admin.confirm(message, replace(ctx, args=(reply.prompt.choices[0],))).text if reply.prompt else reply.text

    database = chat.stores.database
    waiting = {key: database.client.dump(key) for pattern in ("unanswered", "proposals") for key in database.scan(f"qb:{{*}}:*:{pattern}")}
    assert told in act("again")
    kept = versions_and_rows(chat)
    assert told in act("again")
    assert versions_and_rows(chat) == kept
    if "忽略" not in command:
        for key in [*database.scan("qb:{*}:*:audit"), *database.scan("qb:{*}:*:once:audit:*")]:
            database.command("DEL", key)
        assert told in act("again"), "the crash came before the row was written"
        assert versions_and_rows(chat) == (kept[0], 1)
    kept = versions_and_rows(chat)
    for key, dump in waiting.items():
        database.client.restore(key, 0, dump, replace=True)
    assert told in act("again"), "the crash came before what waits was taken away"
    assert versions_and_rows(chat) == kept
    try:
        said = act("another")
    except UserError as gone:
        said = str(gone)
    assert "处理过" in said or "没有“mine”" in said
    assert versions_and_rows(chat)[0] == kept[0]


def versions_and_rows(chat: Chat) -> tuple[dict[str, int], int]:
    """The versions in force, and how many acts are written down."""
    return chat.stores.content.versions(), sum(len(chat.stores.audit.newest(where, 99)) for where in ("", "main"))


def test_an_operator_of_one_community_changes_what_is_only_its_own(chat: Chat) -> None:
    chat.says("签到", user="lilei", name="李雷")
    assert "运营" in chat.as_admin("角色 lilei 运营")
    refused = chat.privately("问答 修改 refund 答案 不退", user="lilei")
    assert "由几个社群共用" in refused
    assert "由几个社群共用" in chat.privately("问答 删除 refund", user="lilei")
    assert "已添加" in chat.privately("问答 添加 食堂几点开门 | 早上七点", user="lilei")
    chat.live.refresh()
    assert "已修改" in chat.privately(f"问答 修改 {id_of('食堂几点开门')} 答案 早上八点", user="lilei")
    assert "由几个社群共用" in chat.privately(f"问答 修改 {id_of('食堂几点开门')} 社群 全部", user="lilei")
    history = chat.privately("问答 历史", user="lilei")
    assert ("第 2 版" in history, "第 1 版" in history) == (True, False)
    assert "没有第 1 版" in chat.privately("问答 撤销 1", user="lilei")
    assert "已撤销第 3 版" in chat.privately("问答 撤销 3", user="lilei")
    assert "由几个社群共用" in chat.privately("问答 用例 添加 钱呢 => refund", user="lilei")


def test_who_lost_his_role_meanwhile_confirms_nothing(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    chat.as_admin("角色 lilei 运营")
    chat.privately("问答 添加 食堂几点开门 | 早上七点", user="lilei")
    assert "回复 1 删除" in chat.privately(f"问答 删除 {id_of('食堂几点开门')}", user="lilei")
    chat.as_admin("角色 lilei 无")
    chat.later(seconds=10)
    assert "已删除" not in chat.privately("1", user="lilei")
    assert id_of("食堂几点开门") in chat.stores.content.items("faq")


def test_entries_of_another_community_do_not_exist(chat: Chat) -> None:
    chat.says("签到", group=FAR)
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    far = faq_office.Office(
        chat.stores, chat.live.current, chat.communities.named("far"), COMMAND_LINE, chat.clock, is_only=False, may_share=False
    )
    id = id_of("食堂几点开门")
    assert id not in [row.entry.id for row in faq_office.list_entries(far, size=100).rows]
    for act in (
        lambda: faq_office.get_entry(far, id),
        lambda: faq_office.remove_entry(far, id),
        lambda: faq_office.save_entry(far, Entry(id, "食堂几点开门", "不开"), is_new=False),
        lambda: faq_office.undo(far, 2),
        lambda: faq_office.add_test(far, "食堂呢", id),
    ):
        with pytest.raises(UserError, match="没有"):
            act()
    assert faq_office.try_question(far, "食堂几点开门").finding.entry is None
    assert faq_office.history(far) == []


def test_two_communities_may_ask_the_same_and_each_has_its_answer(chat: Chat) -> None:
    chat.says("签到")
    chat.says("签到", group=FAR)
    edits(chat, "问答 添加 食堂几点开门 | 早上七点")
    far = faq_office.Office(
        chat.stores, chat.live.current, chat.communities.named("far"), COMMAND_LINE, chat.clock, is_only=False, may_share=False
    )
    done = faq_office.save_entry(far, Entry("", "食堂几点开门", "那边八点"), is_new=True)
    chat.live.refresh()
    assert done.entry
    assert done.entry.id != id_of("食堂几点开门")
    assert (chat.says("食堂几点开门"), chat.says("食堂几点开门", group=FAR)) == ("早上七点", "那边八点")
    with pytest.raises(UserError, match="已经用过了，请换一个"):
        faq_office.save_entry(far, Entry(id_of("食堂几点开门"), "别的问题", "x"), is_new=True)
