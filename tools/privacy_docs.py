"""docs/privacy.md: what is kept of persons, from what the stores declare of themselves (``storage/personal.py``) and the lives of their keys."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, cast

import storage
from bot.config import RetentionConfig
from storage.keys import Family
from storage.personal import COMMON, Personal

HEAD = """\
# 个人信息：保存什么、多久、怎么查和删

<!-- 由 tools/privacy_docs.py 从各个存储自己的声明生成，不要手改：python -m tools.docs -->

给运营者和法务看：群管家处理哪些个人信息，为什么，保存多久，成员怎么行使权利。每一行都由保存数据的那部分程序自己声明，测试核对它说的是真的：
把一个人的痕迹留遍每一处，删除他，再搜遍 Redis 的每个键、重写后的 AOF 和数据文件夹里的每个文件。成员看到的说明（说“隐私”）是 `welcome` 内容里的
`privacy`，由你改成自己的话；每次修改都有版本和审计。
"""

RULES = """\
## 怎么做到尽量少

- **只有编号**：各处记的是成员编号，只有通讯录知道编号是谁。统计、指标、报表、事件记录里都没有名字和企业微信 ID。
- **默认不留原文**：`log.keep_text` 关着时，说过的话回答完就没有了；违规的原话加密保存（密钥在 `data_dir` 里，不在 Redis 里）。
- **日志没有内容**：程序的日志只有消息编号、成员编号和错误的种类，没有说了什么，没有名字，没有密钥。
- **不给别人**：数据在你自己的机器上；除了企业微信本身，不发给任何第三方。
- **谁看得到**：有角色的人，在控制台和管理群；谁看了、改了什么在审计里。

## 成员的权利

| 要做什么 | 成员自己 | 管理者 |
|---|---|---|
| 知道保存什么 | 说 `隐私` | 这一页 |
| 查看、复制自己的数据 | 单聊说 `导出我的数据` | 控制台的成员页（所有社群的管理员），或 `python run.py export 谁` |
| 更正名字 | 改企业微信里的名字，再说一句话 | – |
| 不再收推送 | 说 `免打扰` | – |
| 删除自己的数据 | 单聊说 `删除我的数据`，再回复一个词 | 控制台的成员页（所有社群的管理员），或 `python run.py erase 谁` |

删除由后台做完：进程中途被杀，别的进程接着做；删完过一会儿再找一遍，删除时他正好在说的也不留。
之后他再说话，是一个新的编号，从零开始。做过删除的记号（看不出是谁）留在 `data/erased.txt`，
恢复旧备份时照着它再删一次。**旧备份里的数据要等备份自己过期**；Redis 的 AOF 在下一次重写后不再有他的数据，删除之后会请它重写一次。

## 保存期限的设置

| 设置 | 默认 | 管什么 |
|---|---|---|
"""
TABLE = """
## 每一处保存什么

“一直”里的个人信息，删除这个人时按“删除时”一栏处理。期限是最长的那个；写着设置名字的，由上面的设置决定。

| 在哪里 | 保存什么 | 为什么 | 多久 | 删除时 |
|---|---|---|---|---|
"""
LEFT = """
## 删除以后还留着的

都不再指向任何人：通讯录里已经没有这个编号。

| 在哪里 | 为什么 |
|---|---|
"""
PASSING = """
## 导出里没有的

| 在哪里 | 哪些 | 为什么 |
|---|---|---|
"""
NOTHING = """
## 不含个人信息的

| 在哪里 | 保存什么 |
|---|---|
"""
UNITS = {"days": " 天", "day": " 天", "h": " 小时", "min": " 分钟", "s": " 秒"}
LIVES = {
    "for ever": "一直", "seconds": "几秒", "a minute": "1 分钟", "a day after their end": "结束后 1 天", "longest period": "最长 1 天",
    "until finished": "处理完为止", "until done": "做完为止", "until sent": "发出为止", "until it ends": "结束为止", "until decided": "决定为止",
    "until settled": "办完为止", "until erased": "直到删除这个人", "until removed or erased": "去掉为止，或删除这个人",
    "until taken back": "自己改回为止", "until taken back or erased": "自己改回为止，或删除这个人", "until taken or erased": "收回为止，或删除这个人",
    "until back or erased": "回来为止，或删除这个人", "until answered": "回答为止", "until awarded": "发了为止", "until faded": "慢慢淡去",
    "until the next night": "到下一夜", "until paid": "付清为止", "until reviewed": "审完为止", "until replayed or dropped": "处理它为止",
    "until revoked": "吊销为止", "until told": "告诉为止", "until given out": "给出为止", "until he leaves": "离开为止", "until dismissed": "解散为止",
    "until lifted": "解除为止", "until it answers": "恢复为止", "until it is through": "发完为止", "until it is done": "删完为止", "while used": "用着的时候",
    "while somebody is in it": "有人在里面的时候", "newest 1,000": "最新 1,000 条", "the newest 500": "最新 500 个", "the newest 2,000": "最新 2,000 个",
    "as long as WeCom says": "企业微信说的期限",
    "as long as was said": "到说好的时间", "as its token": "和令牌一样", "as its unit": "和实验一样", "as its version": "和版本一样",
    "as the submission": "和投稿一样", "as the submissions": "和投稿一样", "as the extension says": "由扩展自己说明",
    "until removed, or the member has no role": "自己关闭为止，没有角色了就删", "until the token's end, 7 days at least": "到令牌期满，至少 7 天",
    "until finished, then retention.answers_hours": "处理完，再 `retention.answers_hours`",
    "retention.activities_days; featured ones until erased": "`retention.activities_days`；精华直到删除这个人",
    "10 min, of a questionnaire or flow 24 h at most": "10 分钟，问卷和流程里的问题最长 1 天", "7 days, of words that are kept 30": "7 天，待转达的 30 天",
    "the newest 400 days": "最新 400 天",
    "3 days after a unit's hours": "实验的时间过后 3 天", "400 days after the last": "最后一次之后 400 天",
}  # fmt: skip


def render() -> str:
    """docs/privacy.md."""
    found = list(declared())
    persons, others = [one for one in found if one.what], [one for one in found if not one.what]
    settings = [
        f"| `retention.{name}` | {field.default} {'小时' if name.endswith('hours') else '天'} | {_escaped(field.description or '')} |"
        for name, field in RetentionConfig.model_fields.items()
    ]
    kept = [f"| {one.name} | {one.what} | {one.why} | {'；'.join(lives_of(one.families))} | {one.erasing} |" for one in persons]
    left = [f"| {one.name} | {one.stays_why} |" for one in found if one.stays]
    passing = [f"| {one.name} | {_keys(one.passing)} | {one.passing_why} |" for one in persons if one.passing]
    nothing = [f"| {one.name} | {one.why} |" for one in others]
    blocks = ((RULES, settings), (TABLE, kept), (LEFT, left), (PASSING, passing), (NOTHING, nothing))
    return HEAD + "".join("\n" * (head is RULES) + head + "\n".join(rows) + "\n" for head, rows in blocks)


def declared() -> Iterator[Personal]:
    """What every store declares, in the order of their names, and what is no single store's."""
    yield from sorted((kind.PERSONAL for kind in declaring()), key=lambda one: one.name)
    yield from COMMON


class Declares(Protocol):
    """A store that declares what it keeps."""

    PERSONAL: Personal


def declaring() -> Iterator[type[Declares]]:
    """Every class of storage/ that declares what it keeps of persons."""
    for found in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{found.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and isinstance(getattr(kind, "PERSONAL", None), Personal):
                yield cast(type[Declares], kind)


def lives_of(families: Iterable[Family]) -> list[str]:
    """How long the keys live, in Chinese, each once."""
    return list(dict.fromkeys(in_chinese(family.life) for family in families))


def in_chinese(life: str) -> str:
    """A life of ``storage/keys.py`` in Chinese. Raises KeyError for one that nobody translated."""
    if known := LIVES.get(life):
        return known
    if re.fullmatch(r"retention\.\w+", life):
        return f"`{life}`"
    count, _, unit = life.partition(" ")
    if not count.isdecimal():
        raise KeyError(life)
    return f"{count}{UNITS[unit]}"


def _keys(families: Sequence[Family]) -> str:
    return "、".join(f"`{_short(family)}`" for family in families)


def _short(family: Family) -> str:
    """What a family is called: its pattern without the tag and the community."""
    bare = family.pattern.split("}}}:", 1)[-1].split("}}:", 1)[-1].removeprefix("{community}:")
    return re.sub(r"\{(\w+)\}", r"<\1>", bare)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
