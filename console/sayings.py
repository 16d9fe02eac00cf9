"""What a page says after something was done: the address names it, the words stand here, so nobody can put words into a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_SAYINGS: Mapping[str, str] = {
    "saved": "已保存，两秒内在所有进程生效。",
    "added": "已新增，两秒内在所有进程生效。",
    "removed": "已删除。",
    "undone": "已撤销，恢复成原来的样子。",
    "imported": "已导入。",
    "ignored": "已忽略，30 天内再问也不再列出。",
    "merged": "已归入，这些问法以后会得到这个答案。",
    "adopted": "已变成新的问答。",
    "others": "你在别处的登录都已结束。",
    "given": "积分已发，也告诉他了。",
    "taken": "积分已扣，也告诉他了。",
    "tagged": "已加上标签。",
    "untagged": "已去掉标签。",
    "badge_given": "已授勋，也告诉他了。",
    "badge_taken": "已收回勋章。",
    "restocked": "库存已改。",
    "codes_added": "兑换码已加进去。它们不会再显示，只有换到的人看得到。",
    "order_done": "已完成，也告诉他了。",
    "order_refunded": "已退款，积分退回，也告诉他了。",
    "flow_started": "已为他启动流程。",
    "flow_stopped": "已停止，他不会收到提示。",
    "published": "已发布，两秒内在所有进程生效。",
    "unchanged": "和现在的一样，没有改动。",
}


@dataclass(frozen=True, slots=True)
class Saying:
    """What was done, and the version of the content that it made: it can be undone."""

    text: str
    version: int | None = None


def said(args: Mapping[str, str]) -> Saying | None:
    """What the address says was done."""
    text = _SAYINGS.get(args.get("said", ""))
    version = args.get("version", "")
    return Saying(text, int(version) if version.isdecimal() and len(version) < 12 else None) if text else None
