"""词库: operators look after the word list in a chat. What they do is done at its desk (bot/word_desk.py); here is what they type and what they read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.context import Context
from bot.errors import UserError
from bot.faq_edits import behind_command, first_word, office_of
from bot.members import name_of
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from bot.word_desk import Done, Wide, WordDesk, of_payload, to_payload
from rules.content_words import LISTED, rule_of, told
from rules.judgement import TITLES, Category, Verdict
from rules.lines import one_line
from rules.wordlist import Allowed, Entry, Word, id_of
from storage.content import Version

PROMPT = "words"
PAGE = 10
MOST_AT_ONCE = 200
MOST_TRIED = 500
USAGE = """词库怎么用：
• 词库 添加 傻叉、煞笔 辱骂 3（类别、级别可以不写，是“其他”和 2；最后加“本群”只在这里）
• 词库 删除 傻叉
• 词库 放行 傻瓜相机：里面的词不算
• 词库 查 傻：有哪些词带“傻”
• 词库 测试 一句话：会碰到什么，怎么处理
• 词库 历史；词库 撤销：收回最近一次修改
类别：{categories}。级别：1 只记录，2 交给管理员看，3 最严重。很多词请用控制台的“词库”页或文件。"""
ADD_USAGE = "写法是：词库 添加 词 类别 级别，几个词用顿号隔开，例如：词库 添加 傻叉、煞笔 辱骂 3"
REMOVE_USAGE = "写法是：词库 删除 词，例如：词库 删除 傻叉"
ALLOW_USAGE = "写法是：词库 放行 词组，例如：词库 放行 傻瓜相机"
SEARCH_USAGE = "写法是：词库 查 词，例如：词库 查 傻"
TRY_USAGE = "写法是：词库 测试 一句话，例如：词库 测试 你这个傻·逼"
UNDO_USAGE = "写法是：词库 撤销，或者：词库 撤销 版本号，例如：词库 撤销 12。说“词库 历史”看有哪些版本"
OUTCOMES = {"pass": "放过", "review": "交给管理员看", "warn": "提醒成员"}
LEVELS = {1: "只记录", 2: "交给管理员看", 3: "最严重"}
SYNONYMS: Mapping[str, Category] = {
    **{TITLES[category]: category for category in LISTED}, "骂人": "insult", "脏话": "insult", "侮辱": "insult", "恐吓": "threat", "涉黄": "porn",
    "黄色": "porn", "推广": "advert", "骗子": "scam", "欺诈": "scam",
}  # fmt: skip
"""What the categories may be called."""

_LEVEL = re.compile(r"(?:级别)?([1-3])级?")
_ANY_LEVEL = re.compile(r"级别\d*|\d|\d+级")
"""What looks like a level but is none, or is a second one."""
_BETWEEN = re.compile(r"[、，,；;\n]+")
_HERE = frozenset({"本群", "本社群", "只在本群"})

router = Router()


@dataclass(frozen=True, slots=True)
class Draft:
    """Words as they were typed, with what was said of them."""

    words: tuple[str, ...]
    category: Category
    severity: int
    only_here: bool


def parse_words(text: str) -> Draft:
    """Reads ``傻叉、煞笔 辱骂 3 本群``: the words, then category, severity and place in any order, each of which may be left out."""
    category, severity, only_here = None, 0, False
    while len(parts := text.strip().rsplit(maxsplit=1)) == 2:
        last, level = parts[1], _LEVEL.fullmatch(parts[1])
        if level and not severity:
            severity = int(level[1])
        elif last in SYNONYMS and category is None:
            category = SYNONYMS[last]
        elif last in _HERE and not only_here:
            only_here = True
        else:
            break
        text = parts[0]
    return Draft(split_words(text), category or "other", severity or 2, only_here)


def _refuse_leftovers(words: Sequence[str]) -> None:
    """What is said of words and stands behind one of them was typed wrongly; it must not become a word or a part of one."""
    for last in " ".join(words).split()[1:]:
        if last in SYNONYMS or last in _HERE or _ANY_LEVEL.fullmatch(last):
            raise UserError(f"“{one_line(last, 20)}”看起来是类别或者级别，不是词；级别是 1、2 或 3，每样只写一个，放在最后。{ADD_USAGE}")


def split_words(text: str) -> tuple[str, ...]:
    """The words of a line: between commas where there are any, between blanks where not; each once."""
    parts = _BETWEEN.split(text) if _BETWEEN.search(text.strip()) else text.split()
    return tuple(dict.fromkeys(filter(None, (" ".join(part.split()) for part in parts))))


# 词库 -------------------------------------------------------------------------------------------------------------------
@router.command("词库", role="moderator", takes_words=True, private=True)
def words(message: Message, ctx: Context) -> Reply:
    """词库 添加/删除/放行/查/测试/撤销：维护词库，只说“词库”看有多少和全部用法"""
    word, rest = first_word(behind_command(message.text))
    return _act(word, rest, message, ctx)


@router.pattern(
    r"(?s)\s*词库(添加|增加|新增|删除|去掉|放行|白名单|查找|查询|查|测试|试试|撤销|历史)(?:[\s:：]+(.*))?", name="词库添加", role="moderator",
    private=True,
)  # fmt: skip
def words_joined(message: Message, ctx: Context) -> Reply:
    """词库：动词和命令写在一起"""
    return _act(ctx.args[0], ctx.args[1] or "", message, ctx)


@router.prompt(PROMPT)
def confirm(message: Message, ctx: Context) -> Reply:
    """词库：确认太宽的词"""
    _refuse_moderators(ctx)
    if not ctx.args[0]:
        return Reply("好的，没有添加。")
    entries = of_payload(ctx.args[0])
    return Reply(_put_told(_desk(ctx).put(entries, once=message.id), ()))


def _act(word: str, rest: str, message: Message, ctx: Context) -> Reply:
    if not word:
        return _summary(ctx)
    act = _ACTS.get(word) or _EDITS.get(word)
    if act is None:
        raise UserError(_usage())
    if word in _EDITS:
        _refuse_moderators(ctx)
    return act(rest, message, ctx)


def _refuse_moderators(ctx: Context) -> None:
    if not may(ctx.role, "operator"):
        raise UserError("改词库要有运营角色；版主可以查看和测试，例如：词库 测试 你这个傻·逼")


def _desk(ctx: Context) -> WordDesk:
    return WordDesk.of(office_of(ctx))


def _usage() -> str:
    return USAGE.format(categories="、".join(TITLES[category] for category in LISTED))


# Looking ----------------------------------------------------------------------------------------------------------------
def _summary(ctx: Context) -> Reply:
    counts, allowed = _desk(ctx).counts()
    lines = []
    for category in LISTED:
        by_level = {level: n for (of, level), n in sorted(counts.items()) if of == category}
        if by_level:
            lines.append(f"{TITLES[category]} {sum(by_level.values())}（{'，'.join(f'{level} 级 {n}' for level, n in by_level.items())}）")
    head = f"{ctx.community.name} · 词库 {sum(counts.values())} 个词，放行 {allowed} 个词组"
    return Reply("\n".join([head, *lines, _usage()]))


def _search(text: str, message: Message, ctx: Context) -> Reply:
    search = text.strip()
    if not search:
        raise UserError(SEARCH_USAGE)
    found = _desk(ctx).page(search, size=PAGE)
    if not found.total:
        return Reply(f"词库里没有带“{one_line(search, 50)}”的词。要看一句话会碰到什么，说：词库 测试 {one_line(search, 50)}")
    lines = [f"• {told(entry)}{f'：{entry.rule}' if isinstance(entry, Word) else ''}" for entry in found.rows.values()]
    more = [f"……还有 {found.total - len(lines)} 个，写长一点再查，或者看控制台的“词库”页"] if found.total > len(lines) else []
    return Reply("\n".join([f"带“{one_line(search, 50)}”的有 {found.total} 个：", *lines, *more]))


def _try(text: str, message: Message, ctx: Context) -> Reply:
    said = text.strip()[:MOST_TRIED]
    if not said:
        raise UserError(TRY_USAGE)
    return Reply(_verdict_told(said, _desk(ctx).judge(said)))


def _verdict_told(said: str, verdict: Verdict) -> str:
    head = f"“{one_line(said, 60)}” → {OUTCOMES[verdict.verdict]}"
    if not verdict.reasons:
        return f"{head}：什么都没有碰到。"
    lines = [f"• {TITLES[reason.category]} {reason.severity} 级：{reason.said}" for reason in verdict.reasons]
    rule = [f"会说的群规：{verdict.rule}"] if verdict.rule and verdict.verdict != "pass" else []
    return "\n".join([head, *lines, *rule])


def _history(text: str, message: Message, ctx: Context) -> Reply:
    lines = [_version_line(version, ctx) for version in _desk(ctx).history(PAGE)]
    return Reply("\n".join(["最近的修改：", *lines, "收回其中一版：词库 撤销 版本号"]) if lines else "词库还没有修改过。")


def _version_line(version: Version, ctx: Context) -> str:
    who = name_of(ctx.stores, int(version.author)) if version.author.isdecimal() else version.author
    at = version.at.astimezone(ctx.community.zone)
    return f"第 {version.number} 版 · {at:%m-%d %H:%M} · {who} · {version.note or f'{version.count} 处'}"


# Changing ---------------------------------------------------------------------------------------------------------------
def _add(text: str, message: Message, ctx: Context) -> Reply:
    draft = parse_words(text)
    _refuse_many(draft.words, ADD_USAGE)
    _refuse_leftovers(draft.words)
    desk = _desk(ctx)
    communities = desk.scope(only_here=draft.only_here)
    entries = [Word(word, draft.severity, draft.category, rule_of(draft.category), communities) for word in draft.words]
    widths = desk.widths(entries)
    if wide := [one for one in widths if one.is_wide]:
        sure = Prompt(PROMPT, (to_payload(entries), ""))
        lines = "\n".join(map(_width_told, wide))
        return Reply(f"太宽了，会碰到平常的话：\n{lines}\n回复 1 照样添加（全部 {len(entries)} 个），2 放弃。", prompt=sure)
    return Reply(_put_told(desk.put(entries, once=message.id), widths))


def _allow(text: str, message: Message, ctx: Context) -> Reply:
    phrases = split_words(text)
    _refuse_many(phrases, ALLOW_USAGE)
    desk = _desk(ctx)
    idle = [phrase for phrase in phrases if not desk.judge(phrase).hits]
    said = _put_told(desk.put(map(Allowed, phrases), once=message.id), ())
    return Reply(said + (f"\n“{'”“'.join(idle[:5])}”里没有词库的词，现在用不上。" if idle else ""))


def _remove(text: str, message: Message, ctx: Context) -> Reply:
    asked = split_words(text)
    _refuse_many(asked, REMOVE_USAGE)
    desk = _desk(ctx)
    found: list[Entry] = []
    missing = []
    for word in asked:
        named = desk.named(word)
        mine = [entry for entry in named if desk.may_change(entry)]
        found += mine[:1] or named[:1]  # the community's own first; one that is not his to change is refused at the desk
        missing += [] if named else [word]
    if missing and not found:
        raise UserError(f"词库里没有“{'”“'.join(missing[:5])}”。先查一下，例如：词库 查 {missing[0][:1]}")
    done = desk.remove([id_of(entry) for entry in found], once=message.id)
    gone = "、".join(told(entry) for entry in done.removed or found)
    return Reply(f"已删除：{gone}。{_version_told(done)}" + (f"\n词库里没有“{'”“'.join(missing[:5])}”。" if missing else ""))


def _undo(text: str, message: Message, ctx: Context) -> Reply:
    wanted = text.strip().removeprefix("第").removesuffix("版").strip()
    desk = _desk(ctx)
    if not wanted:
        if not (newest := desk.history(1)):
            raise UserError("没有可以撤销的修改。说“词库 历史”看看，例如：词库 撤销 12")
        wanted = str(newest[0].number)
    if not wanted.isdecimal() or len(wanted) > 9:
        raise UserError(UNDO_USAGE)
    version = desk.undo(int(wanted), once=message.id)
    return Reply(f"已撤销第 {wanted} 版，现在是第 {version} 版，两秒内各处生效。", note={"words_version": version})


_ACTS: Mapping[str, Callable[[str, Message, Context], Reply]] = {
    "查": _search, "查找": _search, "查询": _search, "搜索": _search, "测试": _try, "试试": _try, "历史": _history,
    "帮助": lambda text, message, ctx: _summary(ctx),
}  # fmt: skip
_EDITS: Mapping[str, Callable[[str, Message, Context], Reply]] = {
    "添加": _add, "增加": _add, "新增": _add, "加": _add, "删除": _remove, "去掉": _remove, "放行": _allow, "白名单": _allow, "撤销": _undo,
}  # fmt: skip


# Small steps ------------------------------------------------------------------------------------------------------------
def _refuse_many(words: Sequence[str], usage: str) -> None:
    if not words:
        raise UserError(usage)
    if len(words) > MOST_AT_ONCE:
        raise UserError(f"一次最多 {MOST_AT_ONCE} 个，更多的请用控制台的“词库”页。{usage}")


def _width_told(wide: Wide) -> str:
    seen = f"在 {wide.of:,} 句日常聊天里碰到 {wide.lines} 句" + (f"，例如“{one_line(wide.example, 30)}”" if wide.example else "")
    asked = f"；成员会问的“{one_line(wide.questions[0], 30)}”也在内" if wide.questions else ""
    return f"• “{wide.word.text}”{seen}{asked}"


def _put_told(done: Done, widths: Sequence[Wide]) -> str:
    parts = [("已添加", done.added), ("已修改", done.changed), ("本来就有", done.same)]
    said = [f"{verb} {len(entries)} 个：{_named(entries)}" for verb, entries in parts if entries]
    said += [f"在 {widths[0].of:,} 句日常聊天里碰到 {sum(one.lines for one in widths)} 句。"] if widths else []
    return "\n".join([*said, _version_told(done)]) if done.added or done.changed else "\n".join(said)


def _named(entries: Sequence[Entry]) -> str:
    shown = "、".join(told(entry) for entry in entries[:PAGE])
    return shown + (" 等" if len(entries) > PAGE else "")


def _version_told(done: Done) -> str:
    return f"第 {done.version} 版，两秒内各处生效。收回请说：词库 撤销 {done.version}"
