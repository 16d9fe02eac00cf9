"""What becomes of a delivery that failed: one verdict for every errcode of WeCom's, for silence and for our own bugs."""

from __future__ import annotations

from dataclasses import dataclass

MOST_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an errcode means for a delivery.

    ``act`` is dead (give up), retry (later and later), soon (in a few seconds, by chance) or pause (leave the whole target alone for a
    minute). ``reason`` is read by admins. ``most`` is how many tries it gets.
    """

    act: str
    reason: str
    most: int = MOST_ATTEMPTS


VERDICTS: dict[int, Verdict] = {
    -1: Verdict("retry", "企业微信系统繁忙", 4),
    40014: Verdict("retry", "access_token 反复被拒绝"),
    42001: Verdict("retry", "access_token 反复过期"),
    45009: Verdict("pause", "超过发送频率限制"),
    45033: Verdict("soon", "超过并发限制"),
    60020: Verdict("retry", "本机 IP 不在企业可信 IP 中，请在管理后台添加"),
    40001: Verdict("dead", "应用的 secret 不正确或应用已停用，请检查配置"),
    40003: Verdict("dead", "成员的 userid 不正确"),
    40007: Verdict("dead", "media_id 不正确或已过期"),
    40008: Verdict("dead", "消息类型不正确"),
    40013: Verdict("dead", "企业 ID 不正确，请检查 wecom.corp_id"),
    40056: Verdict("dead", "agent_id 不正确，请检查配置"),
    40058: Verdict("dead", "参数不符合企业微信的要求"),
    40091: Verdict("dead", "secret 属于另一家企业，请检查配置"),
    41001: Verdict("dead", "请求缺少 access_token"),
    44004: Verdict("dead", "消息内容为空"),
    45002: Verdict("dead", "消息内容超过长度限制"),
    45008: Verdict("dead", "图文消息超过 8 条"),
    48002: Verdict("dead", "应用没有调用这个接口的权限"),
    50001: Verdict("dead", "跳转域名未设为可信域名"),
    50002: Verdict("dead", "成员不在应用的可见范围内"),
    50003: Verdict("dead", "应用已被停用"),
    60011: Verdict("dead", "应用没有这个成员或部门的权限"),
    60111: Verdict("dead", "成员不存在"),
    81012: Verdict("dead", "没有收件人"),
    81013: Verdict("dead", "收件人全部无效"),
    82001: Verdict("dead", "没有指定收件人"),
    84061: Verdict("dead", "对方已不是该成员的联系人"),
    93000: Verdict("dead", "webhook 的 key 无效，或机器人已被移出群聊"),
    93004: Verdict("dead", "机器人已被停用"),
    93005: Verdict("dead", "机器人不能给这个成员发消息"),
    93006: Verdict("dead", "群聊 ID 不正确"),
    93008: Verdict("dead", "机器人不在群聊中"),
    301002: Verdict("dead", "agent_id 与 secret 不是同一个应用，请检查配置"),
}
"""What to do by errcode (protocol reference §2.12)."""
UNKNOWN = Verdict("retry", "未知错误", 5)
NETWORK = Verdict("retry", "企业微信没有应答")
UNSURE = Verdict("retry", "两次没有收到应答，消息可能已经送达，请核对后再决定是否重发", 2)
"""No answer came, and a repeat could double: for webhooks."""
USED = Verdict("dead", "回复地址可能已经用过：前一次尝试没有收到应答，消息可能已经送达")
BUG = Verdict("retry", "程序内部错误")
