"""What differs between two states of operators' content: what has to change, and how a change reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from difflib import unified_diff
from typing import Any

from rules.contents import ContentProblem, Kind, entry_from_json

MOST_LINES = 200
"""Lines of one item's difference that are shown."""

_FIELDS = {
    "question": "问题", "similar": "相似问", "keywords": "关键词", "answer": "答案", "markdown": "Markdown", "image": "图片", "file": "文件",
    "card": "卡片", "communities": "社群", "role": "角色", "valid_from": "生效日期", "valid_to": "失效日期",
}  # fmt: skip


def difference(present: Mapping[str, str], wanted: Mapping[str, str], *, replace: bool) -> dict[str, str | None]:
    """What has to change for the wanted items to be in force, by id; with ``replace`` what is not wanted goes (None)."""
    changes: dict[str, str | None] = {id: text for id, text in wanted.items() if present.get(id) != text}
    return changes | {id: None for id in present if id not in wanted} if replace else changes


def tell_change(kind: Kind[Any], id: str, before: str | None, after: str | None) -> list[str]:
    """One item's change, as lines in Chinese: what is new, gone, or different, field by field."""
    if kind.tell and id:
        sides = " → ".join(kind.tell(text) for text in (before, after) if text is not None)
        return [f"{_MARK[before is None, after is None]} {sides}"]
    if not kind.is_list or kind.name != "faq":
        head = [f"{_MARK[before is None, after is None]} {id}"] if id else []
        return head + _lines_that_differ(before or "", after or "")
    old, new = _fields(before), _fields(after)
    name = f"{id}（{(new or old).get('question', '')}）"
    if before is None:
        return [f"＋ 新增 {name}", *(f"    {_FIELDS[field]}：{_told(value)}" for field, value in _told_fields(new))]
    if after is None:
        return [f"－ 删除 {name}", *(f"    {_FIELDS[field]}：{_told(value)}" for field, value in _told_fields(old))]
    return [f"～ 修改 {name}", *(line for field in _FIELDS if (line := _field_change(field, old.get(field), new.get(field))))]


_MARK = {(True, False): "＋ 新增", (False, True): "－ 删除", (False, False): "～ 修改", (True, True): "～ 修改"}


def _fields(text: str | None) -> dict[str, Any]:
    try:
        return asdict(entry_from_json(text)) if text else {}
    except ContentProblem:
        return {"answer": text}


def _told_fields(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((field, fields[field]) for field in _FIELDS if field != "question" and fields.get(field) and fields[field] != "member")


def _field_change(field: str, old: Any, new: Any) -> str:
    if old == new:
        return ""
    if field in ("similar", "keywords", "communities"):
        gained = [f"＋{part}" for part in new or () if part not in (old or ())]
        lost = [f"－{part}" for part in old or () if part not in (new or ())]
        return f"    {_FIELDS[field]}：{'  '.join([*gained, *lost]) or '换了顺序'}"
    return f"    {_FIELDS[field]}：{_told(old)} → {_told(new)}"


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, Mapping):
        return "，".join(str(part) for part in value.values() if part)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "、".join(map(str, value))
    return str(value).replace("\n", "⏎") if value else "（无）"


def _lines_that_differ(before: str, after: str) -> list[str]:
    lines = [
        line for line in unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1) if not line.startswith(("---", "+++"))
    ]
    return [f"    {line}" for line in lines[:MOST_LINES]] + (["    ……"] if len(lines) > MOST_LINES else [])
