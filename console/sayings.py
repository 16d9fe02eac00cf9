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
    "password_changed": "密码已换，你在别处的登录也都结束了。",
    "password_closed": "密码登录已关闭，以后用企业微信里“控制台”给的链接。",
    "session_ended": "那个登录已结束。",
    "login_ended": "已结束，他要重新登录。",
    "token_revoked": "令牌已吊销，用它的程序从现在起读不到了。",
    "others": "你在别处的登录都已结束。",
    "crisis": "已开启危机模式，营销推送停下。",
    "crisis_over": "已解除危机模式，营销推送照常。",
    "paused": "已暂停，1 秒内在所有进程生效。",
    "resumed": "已恢复，排着队的会在 10 秒内接着发。",
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
    "activity_made": "草稿存好了。看看下面的预览，没问题就开始。",
    "activity_open": "已开始。",
    "activity_schedule": "定好了，到时间自动开始。",
    "activity_close": "已截止并结算。",
    "activity_settle": "已结算。",
    "activity_cancel": "已取消，花掉的积分会退回。",
    "activity_next": "已到下一步。",
    "activity_times": "时间已改。",
    "submission_approved": "已通过，也告诉作者了。",
    "submission_featured": "已评为精华，也告诉作者了。",
    "submission_cared": "记为关心过了。谢谢你。",
    "submission_rejected": "已处理，也告诉作者了。",
    "activity_witness": "公证数已记下，不能再改。",
    "ticket_take": "已接单，别人看得到是你在回复。",
    "ticket_answer": "已答复，也转给他了。这一问一答放进了“未答”，可以采纳成问答。",
    "ticket_close": "已关闭，原因也告诉他了。",
    "case_warned": "已警告，也私下告诉他了。",
    "case_ignored": "已忽略，算在他头上的提醒（如果有）也取消了。",
    "case_hand": "已移交，也告诉对方了。",
    "case_merge": "已合并。",
    "case_granted": "申诉成立，提醒撤销，已私下道歉。",
    "case_upheld": "维持原判，理由已告诉他。",
    "invitation_approved": "已通过，满天数还在就算数。",
    "invitation_rejected": "已驳回，不算数。",
    "words_added": "已添加，两秒内在所有进程生效。",
    "words_saved": "已修改，两秒内在所有进程生效。",
    "words_removed": "已从词库删除。",
    "words_imported": "词库已导入。",
    "report_sent": "已交给发送队列，马上出现在管理群里。",
    "push_saved": "已保存，到时间就发。",
    "push_drafted": "已存为草稿，不会发。",
    "push_asked": "已保存，等另一位管理员批准才发，已经请他们看。",
    "push_saved_much": "已保存，到时间就发。营销占得多了，“以后 7 天”里看得到。",
    "push_granted": "已批准，到时间就发。",
    "mailing_stopped": "已停下：还没发的都不发了。",
    "mailing_goes_on": "继续发其余的。",
    "push_corrected": "更正已准备好，是草稿：看一看再启用。",
    "push_moved": "已改期。",
    "push_removed": "已删除。",
    "pushes_imported": "推送已导入，两秒内在所有进程生效。",
    "experiment_rolled_out": "以后都发这一种。不合适可以在这一页撤回。",
    "experiment_taken_back": "已撤回，各组照旧分着发。",
    "segment_saved": "已保存，两秒内在所有进程生效。推送时写 @名字。",
    "segment_removed": "已删除。",
    "activity_moved": "活动已改期，截止时间跟着走。要改回去就再挪一次。",
    "published": "已发布，两秒内在所有进程生效。",
    "role_given": "角色已给，两秒内生效。他对机器人说“控制台”就能登录。",
    "role_taken": "角色已收回，他在控制台的登录也结束了。",
    "webhook": "Webhook 已换，两秒内在所有进程生效；旧的从此作废。",
    "webhook_added": "Webhook 已放入，两秒内在所有进程生效。",
    "webhook_removed": "Webhook 已拿走，两秒内在所有进程生效；要用还可以再放进来。",
    "letter_replay": "已放回队尾，马上再发一次。",
    "letter_drop": "已丢弃。",
    "letter_gone": "这一条刚刚已经处理过了。",
    "noted": "备注已记下。",
    "note_removed": "备注已删除。",
    "erasing": "几分钟内删除他的全部数据，之后这一页就没有了。",
    "unchanged": "和现在的一样，没有改动。",
}


_UNDO: Mapping[str, str] = {
    **dict.fromkeys(("saved", "added", "removed", "imported", "adopted", "merged"), "console.faq_undo"),
    **dict.fromkeys(("words_added", "words_saved", "words_removed", "words_imported"), "console.words_undo"),
    **dict.fromkeys(
        ("push_saved", "push_saved_much", "push_asked", "push_granted", "push_corrected", "push_drafted", "push_moved", "push_removed"),
        "console.calendar_undo",
    ),
    "pushes_imported": "console.calendar_undo",
    **dict.fromkeys(("segment_saved", "segment_removed"), "console.segment_undo"),
    "published": "console.rules_undo",
}
"""Where to undo what changed operators' content."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What was done, and the version of the content that it made: ``undo`` is where that is taken back ('': nowhere)."""

    text: str
    version: int | None = None
    undo: str = ""


def said(args: Mapping[str, str]) -> Saying | None:
    """What the address says was done."""
    text = _SAYINGS.get(args.get("said", ""))
    version = args.get("version", "")
    return Saying(text, int(version) if version.isdecimal() and len(version) < 12 else None, _UNDO.get(args["said"], "")) if text else None
