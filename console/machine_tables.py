"""The tables of 运行, 接口令牌 and 所有人的登录: no token, no link and no digest stands in them, and of a letter to one person no word."""

from __future__ import annotations

from collections.abc import Iterator

from bot.parts import is_private, opening
from bot.permissions import may
from bot.running import hooks_of, observe, sockets_of
from bot.webhooks import WebhookKeys
from console.account_pages import everybody
from console.doors import WAYS
from console.sheets import Cells, Source, Table
from console.token_pages import is_seen
from storage.calls import lease_of
from storage.limits import WEBHOOK
from storage.moment import from_ms, to_ms
from storage.roles import ALL

LANES = {"now": "先发"}
"""What the lanes of the outbox are called; all others are pushes."""


def _lines(source: Source) -> Iterator[Cells]:
    for line in source.parts.stores.machine.lines():
        yield LANES.get(line.lane, "推送"), line.target, str(line.waiting), source.at(from_ms(line.next_ms))


def _letters(source: Source) -> Iterator[Cells]:
    stores = source.parts.stores
    for shard in range(stores.shards):
        for one in stores.outbox.dead_letters(shard):
            sent = one.delivery
            yield (
                sent.id, source.at(from_ms(one.died_ms)), sent.community, sent.target, one.reason, "" if one.code is None else str(one.code),
                "" if is_private(sent) else opening(sent),
            )  # fmt: skip


def _processes(source: Source) -> Iterator[Cells]:
    now_ms = to_ms(source.parts.clock())
    for one in source.parts.stores.machine.processes():
        yield (
            one.name, "在运行" if one.is_alive(now_ms) else "结束了", source.at(from_ms(one.since_ms)), source.at(from_ms(one.seen_ms)), one.program,
        )  # fmt: skip


def _ways(source: Source) -> Iterator[Cells]:
    parts = source.parts
    state = observe(parts.stores, parts.config, (), to_ms(parts.clock()), with_letters=False)
    sockets = sockets_of(parts.config)
    for channel in parts.config.channels:
        at = state.arrivals.get(channel.name)
        yield (
            channel.name,
            channel.kind,
            source.at(from_ms(at)) if at else "",
            state.held.get(lease_of(channel.name), "") if channel.name in sockets else "",
        )


def _hooks(source: Source) -> Iterator[Cells]:
    parts = source.parts
    hooks = hooks_of(WebhookKeys(parts.config, parts.stores.webhooks, parts.stores.groups))
    state = observe(parts.stores, parts.config, hooks, to_ms(parts.clock()), with_letters=False)
    for hook in hooks:
        chat = "管理群" if hook.chat == "~admin" else hook.chat or "第一个群"
        yield hook.community, chat, str(state.turns[hook.limit]), str(WEBHOOK[0][0])


def _tokens(source: Source) -> Iterator[Cells]:
    now = source.parts.clock()
    for token, used in source.parts.stores.api_tokens.all():
        if is_seen(source.community, token):
            yield (
                token.id, token.name, "全部社群" if token.place == ALL else source.community.name, "是" if token.names else "不是",
                source.called(token.by), source.at(from_ms(token.made)), source.at(token.ends), "过期了" if token.is_over(now) else "有效",
                used.isoformat() if used else "",
            )  # fmt: skip


def _logins(source: Source) -> Iterator[Cells]:
    """A row for each session, one for who has none but may come in."""
    if not may(source.role, "owner"):
        return
    for one in everybody(source.parts):
        password = "设了" if one.has_password else "没有"
        for session in one.sessions:
            yield (
                str(one.number), one.name, password, WAYS.get(session.way, session.way), session.browser, source.at(session.began), source.at(session.seen),
            )  # fmt: skip
        if not one.sessions:
            yield str(one.number), one.name, password, "", "", "", ""


MACHINE = (
    Table("lines", "等着发的", "running", "admin", ("什么", "发给", "条数", "下次试"), _lines, is_for_all=True),
    Table("letters", "死信", "running", "admin", ("死信", "时间", "社群", "发给", "原因", "错误码", "开头"), _letters, is_for_all=True),
    Table("processes", "进程", "running", "admin", ("进程", "状态", "启动", "最近一次", "程序"), _processes, is_for_all=True),
    Table("ways", "渠道", "running", "admin", ("渠道", "种类", "最近一次", "谁连着"), _ways, is_for_all=True),
    Table("hooks", "Webhook 用掉的次数", "running", "admin", ("社群", "群", "这一分钟", "每分钟最多"), _hooks, is_for_all=True),
    Table(
        "tokens", "接口令牌", "tokens", "admin",
        ("令牌", "名称", "看得到", "含成员", "谁建的", "建立", "到期", "状态", "最近用的那天"), _tokens,
    ),
    Table("logins", "所有人的登录", "logins", "owner", ("编号", "名字", "密码登录", "怎么进来的", "浏览器", "登录", "最近一次"), _logins),
)  # fmt: skip
