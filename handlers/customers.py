"""客户群与客户联系: hints about customer groups, what administrators hear of joins and leaves, the greeting of a new customer."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.campaigns import CANCEL, INTERCEPT_PLAN, INTERCEPT_SYNC, REMIND, RESULT, START
from bot.communities import Communities, Community
from bot.config import ADMINS, Config, ContactChannel
from bot.context import Context
from bot.customers import WAIT_MS, GroupNews, Person, ask_for_look, ask_for_sweep
from bot.errors import UserError
from bot.message import Message, Reply
from bot.router import Router
from rules.contents import fill
from rules.moderation import Judge
from rules.numerals import whole
from storage.errands import Errand
from storage.moment import to_ms
from storage.stores import Stores

MASS_BYTES = 4_000
MASS_GROUPS = 2_000
NAMED = 10
"""So many names stand in a notice; the rest is counted."""

ALTERED = {"owner": "群主换了人", "name": "群名改了", "notice": "群公告改了"}

_MASS_ACTS = {"结果": RESULT, "提醒": REMIND, "取消": CANCEL}

router = Router()


@router.event("change_external_chat")
def group_changed(message: Message, ctx: Context) -> None:
    """客户群：有人进出、换群主、改群名时，稍后读一次名册"""
    event = message.event
    assert event is not None
    last, _, current = event.key.partition("/")
    facts = {name: value for name, value in (("last", last), ("current", current)) if value}
    first = {"since": str(message.sent_at or int(ctx.now().timestamp()))}
    if message.chat:
        due_ms = to_ms(ctx.now()) + WAIT_MS
        ask_for_look(ctx.stores, ctx.community, message.channel, message.chat, due_ms, facts=facts, first=first)


@router.event("change_external_contact")
def greet_customer(message: Message, ctx: Context) -> Reply | None:
    """新客户：添加员工后打个招呼（企业微信只给 20 秒）"""
    text = ctx.contents.welcome.new_customer
    if ctx.pause or not (message.event and message.event.code and text):
        return None
    return Reply(fill(text, {"nickname": ctx.nickname}), note={"welcomed": True}, counts=("customers",))


@router.command("群发", role="owner", takes_words=True, private=True)
def mass_message(message: Message, ctx: Context) -> Reply:
    """群发 新建 员工 内容 / 结果 编号 / 提醒 编号 / 取消 编号：由员工确认后发到他的客户群"""
    words = ctx.args
    if len(words) >= 3 and words[0] == "新建":
        return _start_mass(message, ctx, words[1])
    number = whole(words[1], 10**15) if len(words) == 2 and words[0] in _MASS_ACTS else None
    if number is not None:
        return _about_mass(message, ctx, words[0], number)
    raise UserError("写法是：群发 新建 员工的userid 内容，或：群发 结果 编号、群发 提醒 编号、群发 取消 编号。")


@router.command("拦截词", role="owner", takes_words=True, private=True)
def intercept_words(message: Message, ctx: Context) -> Reply:
    """拦截词 同步：按词库更新企业微信的拦截规则，先给出打算，确认后才改"""
    if ctx.args not in (("同步",), ("同步", "确认")):
        raise UserError("写法是：拦截词 同步。先给出打算；照办再说：拦截词 同步 确认。")
    kind = INTERCEPT_SYNC if ctx.args[1:] else INTERCEPT_PLAN
    _ask(message, ctx, kind, {}, _contact_channel(ctx))
    return Reply("正在和企业微信核对，结果会发到管理群。", note={"intercept": kind})


def _start_mass(message: Message, ctx: Context, user: str) -> Reply:
    if ctx.pause:
        raise UserError("这里暂停了，不群发。先说“恢复”，再重新说一次这条命令。")
    text = message.text.split(maxsplit=3)[3].strip()
    sender = ctx.stores.directory.find_number(user)
    chats = ctx.stores.customer_groups.owned_by(ctx.community.keys, sender) if sender else []
    if not chats:
        raise UserError(f"{user} 在“{ctx.community.name}”没有客户群。群主才能群发；刚建的群要等几秒。")
    if len(text.encode()) > MASS_BYTES:
        raise UserError(f"内容太长：最多 {MASS_BYTES} 字节，大约 {MASS_BYTES // 3} 个汉字。")
    today = ctx.today()
    month, days = f"{today:%Y-%m}", monthrange(today.year, today.month)[1]
    used = ctx.stores.mass_messages.used(ctx.community.keys, chats, month)
    reachable = [chat for chat in chats if used[chat] < days][:MASS_GROUPS]
    if not reachable:
        raise UserError(f"这些客户群本月都已收到 {days} 次群发，到上限了。")
    facts = {"sender": str(sender), "text": text, "chats": msgspec.json.encode(reachable).decode(), "month": month}
    _ask(message, ctx, START, facts, _contact_channel(ctx))
    rest = f"，另有 {len(chats) - len(reachable)} 个群本月已达上限" if len(reachable) < len(chats) else ""
    return Reply(f"正在建群发任务：{len(reachable)} 个客户群{rest}。结果会发到管理群。", note={"mass": len(reachable)})


def _about_mass(message: Message, ctx: Context, word: str, number: int) -> Reply:
    found = ctx.stores.mass_messages.find(ctx.community.keys, number)
    if found is None:
        raise UserError(f"没有编号为 {number} 的群发。")
    if word == "提醒":
        # The message's own turn: asked for again by a repeat or a recovery, it is the same reminder.
        left = ctx.stores.mass_messages.take_reminder(ctx.community.keys, number, ctx.now(), once=message.id)
        if left < 0:
            raise UserError(f"群发 {number} 在 24 小时内已经提醒过 3 次，企业微信不让再提醒了。")
    _ask(message, ctx, _MASS_ACTS[word], {"number": str(number)}, found.channel)
    return Reply("好的，结果会发到管理群。", note={"mass": number, "act": word})


def _ask(message: Message, ctx: Context, kind: str, facts: Mapping[str, str], channel: str) -> None:
    if not ctx.config.has_webhook(ctx.community.id, ADMINS):
        raise UserError("结果要发到管理群：请先在控制台的“社群”里给管理群加上 Webhook，或者写进 config.yaml 的 admin_webhook。")
    ctx.stores.errands.ask(Errand(kind, channel, message.id, ctx.community.keys, facts), to_ms(ctx.now()), once=message.id)


def _contact_channel(ctx: Context) -> str:
    channel = next((channel for channel in ctx.config.channels if isinstance(channel, ContactChannel)), None)
    if channel is None:
        raise UserError("还没有接“客户联系”：请在 config.yaml 里加一个 kind 为 contact 的渠道。")
    return channel.name


def sweep_groups(stores: Stores, config: Config, communities: Communities, now: datetime) -> None:
    """Has a worker look at every customer group: what no callback told of is told then. For the clock, at night and after a start."""
    for channel in config.channels:
        if isinstance(channel, ContactChannel):
            ask_for_sweep(stores, communities.of_home(""), channel.name, now)


def notice(community: Community, news: GroupNews, judge: Judge) -> str:
    """What administrators hear of a look at a group; '' when nobody came or went and nothing else changed."""
    if news.is_closed:
        return f"🗂 **{community.name}** · 客户群“{news.group}”已解散，不再关注。"
    lines = []
    if news.joined:
        doubtful = {person.number for person in news.joined if any(judge.judge(name).verdict != "pass" for name in person.names)}
        # Whom an administrator should look at stands first: of a crowd only some are named.
        shown = sorted(news.joined, key=lambda person: person.number not in doubtful)
        names = [_name(person) + ("（⚠️ 昵称疑似违规）" if person.number in doubtful else "") for person in shown]
        lines.append(f"新加入 {len(names)} 人：" + _named(names))
    if news.left:
        lines.append(f"退出 {len(news.left)} 人：" + _named([_name(person) for person in news.left]))
    if news.joined or news.left:
        lines += [ALTERED[what] for what in news.altered]
    elif news.altered:
        lines.append("，".join(ALTERED[what] for what in news.altered))
    return "\n".join([f"👥 **{community.name}** · 客户群“{news.group}”", *lines]) if lines else ""


def _named(names: list[str]) -> str:
    rest = len(names) - NAMED
    return "、".join(names[:NAMED]) + (f" 等 {len(names)} 人" if rest > 0 else "")


def _name(person: Person) -> str:
    return person.names[0] if person.names and person.names[0] else f"成员 {person.number}"
