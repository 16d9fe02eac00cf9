"""问答: operators look after the FAQ in a chat. What they do is done in bot/faq_office.py; here is what they type and what they read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from bot import faq_office
from bot.context import Context
from bot.errors import UserError
from bot.faq_edits import PROMPT, Edit, behind_command, first_word, make_edit, office_of, pick_entry, shortened, told_broken
from bot.faq_office import Office, Row
from bot.members import name_of
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from bot.synonym_office import TITLES as SYNONYM_TITLES
from bot.synonym_office import SynonymOffice
from rules.entries import Entry
from rules.entry_forms import parse_draft, parse_keywords, parse_wordings
from rules.text import normalise

PAGE = 10
USAGE = """问答怎么用：
• 问答 添加 怎么退款 | 在“我的订单”里点“申请退款” | 如何退款；退钱
• 问答 修改 编号 答案 新的答案（也可以改：问题、相似、加相似、减相似、关键词、有效期、社群）
• 问答 删除 编号；问答 查看 编号；问答 列表 [词] [页]
• 问答 测试 一句话：看机器人会怎么答
• 问答 历史；问答 撤销 版本
• 问答 冲突；问答 冷门：哪些互相打架、哪些没人问
• 问答 同义词：哪些说法是一个意思；添加、删除、撤销
• 问答 用例：每次修改前自动核对的问题
• 未答：成员问了没答上的"""
ADD_USAGE = """写法是：问答 添加 问题 | 答案 | 相似问1；相似问2（相似问可以不写）
也可以分行写：
问答 添加
问：怎么退款
答：在“我的订单”里点“申请退款”
相似：如何退款；退钱
关键词：退款"""
CHANGE_USAGE = """写法是：问答 修改 编号 答案 新的答案。编号是列表里的数字，或者条目的 id。能改的有：
问题、答案、相似（整个换掉）、加相似、减相似、关键词、有效期（如 2026-01-01~2026-01-31，或“长期”）、社群（本群 或 全部）"""
OUTCOMES = {"answer": "直接回答", "offer": "给出选项", "silent": "不回答"}

router = Router()


# 问答 -------------------------------------------------------------------------------------------------------------------
@router.command("问答", role="operator", takes_words=True, private=True)
def faq(message: Message, ctx: Context) -> Reply:
    """问答 添加/修改/删除/列表/测试：维护问答，只说“问答”看全部用法"""
    word, rest = first_word(behind_command(message.text))
    act = _ACTS.get(word)
    if act is None:
        return Reply(USAGE)
    return act(rest, message, ctx)


def _add(text: str, message: Message, ctx: Context) -> Reply:
    draft = parse_draft(text)
    if not draft.question or not draft.answer:
        raise UserError(ADD_USAGE)
    id = faq_office.id_for(office_of(ctx), draft.question)
    entry = Entry(id, draft.question, draft.answer, draft.similar, draft.keywords)
    return make_edit(Edit("save", entry, is_new=True), message, ctx)


def _change(text: str, message: Message, ctx: Context) -> Reply:
    which, rest = first_word(text)
    field, value = first_word(rest)
    if not which or not field:
        raise UserError(CHANGE_USAGE)
    office = office_of(ctx)
    entry = pick_entry(which, office, ctx)
    change = _FIELDS.get(field.rstrip(":："))
    if change is None:
        draft = parse_draft(rest)  # 问答 修改 编号, and below it 答：…
        fields = {name: value for name in ("question", "answer", "similar", "keywords") if (value := getattr(draft, name))}
        if not fields or (rest[:1] not in "问答相关标回" and "\n" not in rest):
            raise UserError(CHANGE_USAGE)
        return make_edit(Edit("save", replace(entry, **fields), before=entry), message, ctx)
    return make_edit(Edit("save", change(entry, value.strip(), office), before=entry), message, ctx)


def _remove(text: str, message: Message, ctx: Context) -> Reply:
    which, rest = first_word(text)
    if not which or rest:
        raise UserError("写法是：问答 删除 编号。编号是列表里的数字，或者条目的 id")
    office = office_of(ctx)
    entry = pick_entry(which, office, ctx)
    office.refuse_others(entry)
    broken = told_broken(office.desk.check({entry.id: None}))
    sure = Prompt(PROMPT, (Edit("remove", entry).kept(), ""))
    return Reply(
        f"将删除“{entry.question}”（{entry.id}）和它的 {len(entry.similar)} 个相似问。{broken}\n回复 1 删除，2 放弃。", prompt=sure
    )


def _list(text: str, message: Message, ctx: Context) -> Reply:
    words = text.split()
    page = int(words.pop()) if words and words[-1].isdecimal() and len(words[-1]) < 6 else 1
    office = office_of(ctx)
    found = faq_office.list_entries(office, search=" ".join(words), page=page, size=PAGE)
    if not found.total:
        return Reply("没有找到。" if words else "还没有问答。说“问答 添加 问题 | 答案”写第一条。")
    ctx.stores.listings.keep(ctx.community.keys, ctx.member, "faq", [row.entry.id for row in found.rows])
    head = f"{ctx.community.name} · 问答 {found.total} 条，第 {found.page}/{found.pages} 页（30 天里答上的次数，有用/没用）："
    lines = [_row(number, row) for number, row in enumerate(found.rows, 1)]
    more = [f"下一页：问答 列表 {' '.join([*words, str(found.page + 1)])}"] if found.page < found.pages else []
    return Reply("\n".join([head, *lines, *more]))


def _show(text: str, message: Message, ctx: Context) -> Reply:
    which, rest = first_word(text)
    if not which or rest:
        raise UserError("写法是：问答 查看 编号。编号是列表里的数字，或者条目的 id")
    office = office_of(ctx)
    row = faq_office.row_of(office, pick_entry(which, office, ctx))
    return Reply(_whole(row))


def _try(text: str, message: Message, ctx: Context) -> Reply:
    if not text.strip():
        raise UserError("写法是：问答 测试 一句话，例如：问答 测试 钱什么时候退给我")
    trial = faq_office.try_question(office_of(ctx), text.strip()[: faq_office.MOST_QUERY])
    answer = [f"回答：{shortened(trial.finding.entry.answer)}"] if trial.finding.entry else []
    return Reply("\n".join([f"“{trial.text}”", *answer, *trial.explanation.lines()]))


def _history(text: str, message: Message, ctx: Context) -> Reply:
    versions = faq_office.history(office_of(ctx), 10)
    zone = ctx.community.zone
    lines = [
        f"第 {v.number} 版 · {v.at.astimezone(zone):%m-%d %H:%M} · {_who(v.author, ctx)} · {v.note or f'{v.count} 条'}" for v in versions
    ]
    return Reply("\n".join(["最近的修改：", *lines, "撤销其中一版：问答 撤销 版本号"]) if lines else "还没有修改过。")


def _undo(text: str, message: Message, ctx: Context) -> Reply:
    number = text.strip().removeprefix("第").removesuffix("版").strip()
    if not number.isdecimal() or len(number) > 9:
        raise UserError("写法是：问答 撤销 版本号，例如：问答 撤销 12。说“问答 历史”看有哪些版本")
    return make_edit(Edit("undo", number=int(number)), message, ctx)


def _conflicts(text: str, message: Message, ctx: Context) -> Reply:
    return Reply("正在逐条核对……", stream="faq_conflicts")


@router.stream("faq_conflicts")
def find_conflicts(message: Message, ctx: Context) -> Iterator[str]:
    """Entries that are asked for in each other's words."""
    found = faq_office.conflicts(office_of(ctx), most=20, most_tried=20_000)
    if not found:
        yield "没有发现互相冲突的问答。"
        return
    lines = [f"{n}. “{c.wording}”（{c.entry.id}）也像“{c.rival.question}”（{c.rival.id}），{c.score:.2f}" for n, c in enumerate(found, 1)]
    yield "\n".join(["这些问法会答到别的条目上，可以合并、改写，或者给其中一条删去相似问：", *lines])


def _cold(text: str, message: Message, ctx: Context) -> Reply:
    found = faq_office.cold_entries(office_of(ctx))
    if not found:
        return Reply("最近 30 天里没有冷门的问答（30 天内写过或改过的不算）。")
    ctx.stores.listings.keep(ctx.community.keys, ctx.member, "faq", [entry.id for entry in found[:PAGE]])
    lines = [f"{number}. {entry.question}（{entry.id}）" for number, entry in enumerate(found[:PAGE], 1)]
    more = [f"……还有 {len(found) - PAGE} 条"] if len(found) > PAGE else []
    return Reply("\n".join([f"30 天里没有人问到的问答，共 {len(found)} 条：", *lines, *more]))


def _checkup(text: str, message: Message, ctx: Context) -> Reply:
    stats = faq_office.faq_stats(office_of(ctx))
    asked = stats.hits + stats.misses
    rate = f"（自助率 {stats.hits / asked:.0%}）" if asked else ""
    return Reply(
        f"{ctx.community.name} · 问答体检（30 天）：\n共 {stats.entries} 条，答上 {stats.hits} 次，给出选项 {stats.offers} 次，"
        f"没答上 {stats.misses} 次{rate}\n有用 {stats.useful}，没用 {stats.useless}\n没人问到的 {stats.cold} 条（问答 冷门）\n"
        f"没答上的问题 {stats.waiting} 个（未答）"
    )


def _tests(text: str, message: Message, ctx: Context) -> Reply:
    word, rest = first_word(text)
    office = office_of(ctx)
    if word in ("添加", "新增"):
        question, arrow, which = rest.replace("＝＞", "=>").replace("→", "=>").rpartition("=>")
        if not arrow or not question.strip() or not which.strip():
            raise UserError("写法是：问答 用例 添加 问题 => 编号，例如：问答 用例 添加 钱什么时候退我 => refund")
        entry = pick_entry(which.strip(), office, ctx)
        test = faq_office.add_test(office, question, entry.id, once=message.id)
        finding = office.contents.faq.ask(test.question, is_open=office.is_open)
        return Reply(
            f"记下了用例 {test.id}：“{test.question}”应该由“{entry.question}”来答。现在：{_outcome(finding.outcome, finding.entry)}。"
        )
    if word in ("删除", "去掉") and rest:
        id = ctx.stores.listings.find(ctx.community.keys, ctx.member, "tests", int(rest)) if rest.isdecimal() and len(rest) < 5 else rest
        faq_office.remove_test(office, id or rest, once=message.id)
        return Reply("已删除这条用例。")
    found = faq_office.list_tests(office)
    if not found:
        return Reply("还没有用例。用例在每次修改前自动核对，例如：问答 用例 添加 钱什么时候退我 => refund")
    ctx.stores.listings.keep(ctx.community.keys, ctx.member, "tests", [test.id for test in found])
    lines = [f"{number}. {test.question} => {test.entry}" for number, test in enumerate(found[:30], 1)]
    more = [f"……还有 {len(found) - 30} 条"] if len(found) > 30 else []
    return Reply(
        "\n".join(
            [f"用例 {len(found)} 条，每次修改前自动核对：", *lines, *more, "添加：问答 用例 添加 问题 => 编号；删除：问答 用例 删除 编号"]
        )
    )


# 同义词 ------------------------------------------------------------------------------------------------------------------
SYNONYM_PROMPT = "synonyms"
SYNONYM_USAGE = """写法是：
• 问答 同义词 退货：看它在哪一组
• 问答 同义词 添加 退货=退掉=不要了（意思只是接近的写：问答 同义词 添加 近义 改=换；写错的字写：写法）
• 问答 同义词 删除 不要了
• 问答 同义词 撤销：取消上一次修改"""


def _synonyms(text: str, message: Message, ctx: Context) -> Reply:
    office = _synonym_office(ctx)
    act, rest = first_word(text)
    if not act:
        return Reply("同义词：" + "，".join(f"{title} {n} 组" for title, n in office.counts().items()) + "。\n" + SYNONYM_USAGE)
    if act in ("添加", "新增", "增加", "加", "删除", "去掉", "撤销"):
        if not office_of(ctx).may_share:
            raise UserError("同义词是所有社群共用的，要在所有社群都是运营才能改。")
        return _change_synonyms(act, rest, message, ctx)
    if rest:
        raise UserError(SYNONYM_USAGE)
    found = office.groups_with(normalise(act))
    if not found:
        return Reply(f"“{act}”没有同义词。要加请说：问答 同义词 添加 {act}=另一个说法")
    return Reply("\n".join(f"{title}：{'、'.join(group)}" for title, group in found))


def _change_synonyms(act: str, rest: str, message: Message, ctx: Context, *, force: bool = False) -> Reply:
    office = _synonym_office(ctx)
    if act == "撤销":
        return Reply(f"已撤销，现在是同义词第 {office.undo(once=message.id)} 版，两秒内各处生效。")
    if act in ("删除", "去掉"):
        if not rest or "=" in rest:
            raise UserError(SYNONYM_USAGE)
        version, tried = office.remove(normalise(rest), once=message.id, force=force)
        said = f"已删除“{rest}”"
    else:
        kind, words = _synonym_words(rest)
        version, group, tried = office.add(kind, words, once=message.id, force=force)
        said = f"这些说法现在是一组（{SYNONYM_TITLES[kind]}）：{'、'.join(group)}"
    if tried.broken:
        sure = Prompt(SYNONYM_PROMPT, (f"{act} {rest}", ""))
        return Reply(f"没有改。{told_broken(tried).strip()}\n回复 1 仍然修改，2 放弃。", prompt=sure, note={"breaks": len(tried.broken)})
    checked = f"，核对了 {tried.total} 个问法" if tried.total else ""
    return Reply(f"{said}。同义词第 {version} 版，两秒内各处生效{checked}。撤销请说：问答 同义词 撤销", note={"synonyms_version": version})


def _synonym_office(ctx: Context) -> SynonymOffice:
    return SynonymOffice(ctx.stores, ctx.contents, ctx.actor, ctx.now())


def _synonym_words(text: str) -> tuple[str, list[str]]:
    first, rest = first_word(text)
    kind = next((kind for kind, title in SYNONYM_TITLES.items() if title == first and rest), "")
    words = list(dict.fromkeys(filter(None, (normalise(word) for word in re.split("[=＝、,，;；|｜]", rest if kind else text)))))
    if len(words) < 2:
        raise UserError(SYNONYM_USAGE)
    return kind or "same", words


@router.prompt(SYNONYM_PROMPT)
def confirm_synonyms(message: Message, ctx: Context) -> Reply:
    """问答 同义词：确认一次修改"""
    if not (may(ctx.role, "operator") and office_of(ctx).may_share):
        raise UserError("这个命令只有管理员可以用。")
    if not ctx.args[0]:
        return Reply("好的，没有改。")
    act, rest = first_word(ctx.args[0])
    return _change_synonyms(act, rest, message, ctx, force=True)


_ACTS: Mapping[str, Callable[[str, Message, Context], Reply]] = {
    "添加": _add, "新增": _add, "增加": _add, "修改": _change, "改": _change, "删除": _remove, "列表": _list, "搜索": _list, "查看": _show,
    "测试": _try, "试试": _try, "历史": _history, "撤销": _undo, "冲突": _conflicts, "冷门": _cold, "体检": _checkup, "用例": _tests,
    "同义词": _synonyms, "近义词": _synonyms,
}  # fmt: skip


# An edit, and what it may break ---------------------------------------------------------------------------------------
@router.prompt(PROMPT)
def confirm(message: Message, ctx: Context) -> Reply:
    """问答：确认一次修改"""
    if not may(ctx.role, "operator"):
        raise UserError("这个命令只有管理员可以用。")
    if not ctx.args[0]:
        return Reply("好的，没有改。")
    return make_edit(Edit.of(ctx.args[0]), message, ctx, force=True)


# Fields that can be changed -------------------------------------------------------------------------------------------
def _with_similar(entry: Entry, value: str, office: Office) -> Entry:
    return replace(entry, similar=tuple(wording for wording in parse_wordings(value) if wording != entry.question))


def _more_similar(entry: Entry, value: str, office: Office) -> Entry:
    return replace(entry, similar=tuple(dict.fromkeys((*entry.similar, *parse_wordings(value)))))


def _less_similar(entry: Entry, value: str, office: Office) -> Entry:
    unwanted = set(parse_wordings(value))
    if missing := unwanted - set(entry.similar):
        raise UserError(f"“{missing.pop()}”不在相似问里。说“问答 查看 {entry.id}”看有哪些")
    return replace(entry, similar=tuple(wording for wording in entry.similar if wording not in unwanted))


def _valid(entry: Entry, value: str, office: Office) -> Entry:
    if value in ("长期", "永久", "一直"):
        return replace(entry, valid_from=None, valid_to=None)
    first, _, last = value.replace("～", "~").replace("到", "~").replace("至", "~").partition("~")
    try:
        days = [date.fromisoformat(day.strip()) if day.strip() else None for day in (first, last)]
    except ValueError:
        raise UserError("有效期写成 2026-01-01~2026-01-31，只写一边也可以，例如 ~2026-01-31；一直有效写：长期") from None
    return replace(entry, valid_from=days[0], valid_to=days[1])


def _for_whom(entry: Entry, value: str, office: Office) -> Entry:
    if value in ("全部", "所有社群", "共用"):
        return replace(entry, communities=())
    if value in ("本群", "本社群", office.community.id, office.community.name):
        return replace(entry, communities=(office.community.id,))
    raise UserError("社群写成：本群，或：全部")


def _said(value: str) -> str:
    if not value:
        raise UserError(CHANGE_USAGE)
    return value


_FIELDS: Mapping[str, Callable[[Entry, str, Office], Entry]] = {
    "问题": lambda entry, value, office: replace(entry, question=" ".join(_said(value).split())),
    "答案": lambda entry, value, office: replace(entry, answer=_said(value)),
    "回答": lambda entry, value, office: replace(entry, answer=_said(value)),
    "相似": _with_similar,
    "相似问": _with_similar,
    "加相似": _more_similar,
    "减相似": _less_similar,
    "关键词": lambda entry, value, office: replace(entry, keywords=parse_keywords(value)),
    "有效期": _valid,
    "社群": _for_whom,
}


# Small steps ----------------------------------------------------------------------------------------------------------
def _row(number: int, row: Row) -> str:
    judged = f"，有用 {row.useful}/没用 {row.useless}" if row.useful or row.useless else ""
    return f"{number}. {row.entry.question}（{row.entry.id}，{row.hits} 次{judged}{_STATES[row.state]}）"


_STATES = {"": "", "expired": "，已过期", "future": "，还没生效"}


def _whole(row: Row) -> str:
    entry = row.entry
    lines = [
        f"**{entry.question}**（{entry.id}{_STATES[row.state]}）",
        entry.answer,
        f"相似问：{'；'.join(entry.similar)}" if entry.similar else "",
        f"关键词：{'，'.join(entry.keywords)}" if entry.keywords else "",
        f"社群：{'、'.join(entry.communities)}" if entry.communities else "",
        f"有效期：{entry.valid_from or ''}~{entry.valid_to or ''}" if entry.valid_from or entry.valid_to else "",
        f"30 天里答上 {row.hits} 次，有用 {row.useful}，没用 {row.useless}",
    ]
    return "\n".join(filter(None, lines))


def _outcome(outcome: str, entry: Entry | None) -> str:
    return OUTCOMES[outcome] + (f"“{entry.question}”（{entry.id}）" if entry else "")


def _who(author: str, ctx: Context) -> str:
    """Who made a version: a member by his name, or what the store says."""
    return name_of(ctx.stores, int(author)) if author.isdecimal() else author
