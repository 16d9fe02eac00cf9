"""What is tried against WeCom without anybody noticing: nothing is posted, nothing is changed, nothing is kicked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.canary import Knock
from bot.client import WeComClient, Wire
from bot.config import AppChannel, Config
from bot.cures import cure
from bot.errors import ApiError
from bot.ways import Undeliverable
from bot.webhooks import chat_name, chats_of

GOOD, BAD, ODD, NOTE = "✓", "✗", "!", "·"
SKEW_S = 60
"""WeCom's callbacks are refused when the clocks differ by more than server.freshness_s; a minute is a clock that nobody sets."""
VERIFY_MS = 1_000
"""Within this time WeCom wants its verification answered (path 101033)."""
RENEW_DAYS = 7
SOON_DAYS = 21
_KEY_IS_GOOD = (44004, 40058)
"""How a webhook refuses an empty text once it has found its key."""
_EMPTY: Mapping[str, object] = {"msgtype": "text", "text": {"content": ""}}
_TOO_OFTEN = 45009
_MAY_LIST = (81017,)
"""A refusal that only somebody gets who may ask."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: ``mark`` is GOOD, BAD (a problem), ODD (worth a look) or NOTE; ``text`` is Chinese and says what to do."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook: where it posts, and what operators call that."""

    community: str
    chat: str
    name: str


def reach(wire: Wire, now: Callable[[], datetime]) -> tuple[list[Finding], bool]:
    """Whether WeCom's interface can be reached at all, and whether our clock agrees with its."""
    before = now()
    try:
        answer = wire.send(lambda: wire.http.request("get", f"{wire.base}/"))
    except ApiError as error:
        text = f"连不上 {wire.base}（{error.text.partition(':')[0]}）。检查这台机器能不能上网、DNS、防火墙和代理；其余的这次没有试"
        return [Finding(BAD, text)], False
    if answer.status_code >= 500:
        return [Finding(BAD, f"{wire.base} 回答 HTTP {answer.status_code}。检查中间的代理；其余的这次没有试")], False
    found = [Finding(GOOD, f"连得上 {wire.base}")]
    found += _clock(answer.headers.get("Date", ""), before, now())
    return found, True


def try_app(client: WeComClient, app: AppChannel) -> list[Finding]:
    """Whether an app's secret, its trusted address, its id and its visible range are right."""
    try:
        token = client.access_token
    except ApiError as error:
        return [Finding(BAD, f"取 access_token：{cure(error)}")]
    found = [Finding(GOOD, "Secret：对")] if token else []
    try:
        agent = client.get("agent/get", params={"agentid": app.agent_id})
    except ApiError as error:
        return [*found, Finding(BAD, f"应用 {app.agent_id}：{cure(error)}")]
    found.append(Finding(GOOD, f"应用 {app.agent_id}：找得到，本机 IP 可信"))
    if agent.get("close"):
        found.append(Finding(BAD, "应用已被停用：在后台“应用管理”里启用它"))
    users, parties, tags = _range(agent)
    if users + parties + tags == 0:
        found.append(Finding(BAD, "可见范围是空的：谁也找不到这个应用。在后台“应用管理”里选上成员或部门"))
    else:
        found.append(Finding(NOTE, f"可见范围：{users} 名成员、{parties} 个部门、{tags} 个标签；别的人不能和它说话"))
    return found


def try_contact(client: WeComClient) -> list[Finding]:
    """Whether the secret of 客户联系 is right and may list customer groups."""
    try:
        client.post("externalcontact/groupchat/list", {"status_filter": 0, "limit": 1})
    except ApiError as error:
        if error.code not in _MAY_LIST:
            return [Finding(BAD, f"客户联系：{cure(error)}")]
    return [Finding(GOOD, "客户联系：Secret 对，查得到客户群")]


def webhooks_of(config: Config) -> list[Hook]:
    """Every webhook of the configuration."""
    places = [(one, chat) for one in config.communities for chat in chats_of(one)]
    return [Hook(one.id, chat, chat_name(one.id, chat)) for one, chat in places if config.webhook_for(one.id, chat)]


def try_webhooks(wire: Wire, hooks: Sequence[Hook], find: Callable[[str, str], str | None]) -> list[Finding]:
    """Whether the key of each webhook is known, without posting: a text without content is refused, but only after the key was found.

    ``find`` gives the key in force for a community and chat; where it raises Undeliverable, there is nothing to try.
    """
    found, seen = [], dict[str, str]()
    for hook in hooks:
        try:
            key = find(hook.community, hook.chat)
        except Undeliverable:  # a key that was replaced or cannot be opened: the check of what Redis holds tells of it
            continue
        if key in seen:
            found.append(Finding(ODD, f"{hook.name}：与{seen[key]}用同一个 Webhook，消息会发到同一个群"))
        elif key:
            seen[key] = hook.name
            found.append(_try_webhook(wire, hook.name, key))
    return found


def judge_knock(knock: Knock) -> list[Finding]:
    """What a walk through our own way in tells."""
    if knock.problem:
        return [Finding(BAD, f"回调地址：{knock.problem}")]
    found = [_in_time(knock)]
    if knock.is_private:
        found.append(Finding(ODD, f"域名解析到 {'、'.join(knock.addresses)}，是内网地址：企业微信从公网访问不到（本机演练时可以不管）"))
    if knock.certificate_days is not None and knock.certificate_days < SOON_DAYS:
        mark = BAD if knock.certificate_days < RENEW_DAYS else ODD
        found.append(Finding(mark, f"证书还有 {knock.certificate_days:.0f} 天过期：检查自动续期，过期后企业微信的消息全都进不来"))
    return found


def _in_time(knock: Knock) -> Finding:
    holds = f"，证书还有 {knock.certificate_days:.0f} 天" if knock.certificate_days is not None else ""
    if knock.took_ms > VERIFY_MS:
        return Finding(BAD, f"回调地址：回答用了 {knock.took_ms:.0f} 毫秒，企业微信只等 1 秒，后台会保存失败。检查代理、网络和机器的负载")
    return Finding(GOOD, f"回调地址：从外面绕回来，{knock.took_ms:.0f} 毫秒答对{holds}")


def _clock(date: str, before: datetime, after: datetime) -> list[Finding]:
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return []
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    ahead_s = (before + (after - before) / 2 - theirs).total_seconds()
    if abs(ahead_s) <= SKEW_S:
        return [Finding(GOOD, "时间：与企业微信一致")]
    side = "快" if ahead_s > 0 else "慢"
    return [
        Finding(BAD, f"时间：本机比企业微信{side} {abs(ahead_s):.0f} 秒，回调会被当成过期的拒绝。打开时间同步（timedatectl set-ntp true）")
    ]


def refusal_of(wire: Wire, key: str) -> str:
    """Why nothing can be posted through a webhook, '' where something can; nothing is."""
    try:
        wire.post_webhook(key, _EMPTY)
    except ApiError as error:
        return "" if error.code in (*_KEY_IS_GOOD, _TOO_OFTEN) else cure(error) if error.code is not None else "企业微信现在没有应答"
    return ""


def _try_webhook(wire: Wire, name: str, key: str) -> Finding:
    try:
        wire.post_webhook(key, _EMPTY)
    except ApiError as error:
        if error.code in _KEY_IS_GOOD:
            return Finding(GOOD, f"{name}：key 对（没有发出消息）")
        if error.code == _TOO_OFTEN:
            return Finding(ODD, f"{name}：这一分钟发得太多，过一会儿再检查")
        return Finding(BAD, f"{name}：{cure(error)}")
    return Finding(GOOD, f"{name}：key 对")


def _range(agent: Mapping[str, object]) -> tuple[int, int, int]:
    """How many members, departments and tags an app is visible to."""

    def count(part: str, key: str) -> int:
        listed = agent.get(part)
        inner = listed.get(key) if isinstance(listed, dict) else None
        return len(inner) if isinstance(inner, list) else 0

    return count("allow_userinfos", "user"), count("allow_partys", "partyid"), count("allow_tags", "tagid")
