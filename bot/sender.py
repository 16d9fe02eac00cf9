"""Drains the outbox: which delivery is tried when, over which wire, and what becomes of it.

A delivery is leased, sent, settled. What can go wrong between sending and settling makes **the one window in which a message may come
twice**: the process dies there, WeCom gives no answer in time, or Redis stays away until the lease runs out. A ``response_url`` works
once only, so a repeat cannot double; an app message is repeated with WeCom's own duplicate check; a webhook has neither and is repeated
a single time after a missing answer, then given up for an admin to judge.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import random
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog

from bot.client import NoAnswer, WeComClient, Wire
from bot.errors import ApiError
from storage.connection import StorageAway
from storage.limits import AIBOT_CHAT, APP_MEMBER, WEBHOOK, Limits, Rules
from storage.moment import to_ms
from storage.outbox import LANES, Bell, Delivery, Lease, Outbox

log = structlog.get_logger(__name__)

THREADS = 16
LEASE_MS = 30_000
"""Longer than a request with a new token usually takes at worst; after a crash the delivery waits this long."""
SWEEP_S = 0.25
"""How often the outbox is looked at when no bell rings: what was put off has no bell."""
TURNS = 20
"""How many deliveries one thread sends to one target before others get their turn."""
MOST_ATTEMPTS = 8
OLDEST_MS = 86_400_000
"""What could not be delivered in a day is given up."""
ONE_TIME_MS = 3_600_000
"""How long a response_url works (path 101138)."""
PAUSE_MS = 60_000
_AHEAD = 4
"""How many targets for each thread are taken at one look: looking is dear when thousands are due, and an answer waits behind them."""
HELD_MS = 10_000
"""How often a delivery of a paused community is looked at again."""
DUPLICATE_CHECK_S = 120
SLOWEST_MS = 900_000


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
_BUG = Verdict("retry", "程序内部错误")

_encode = msgspec.json.Encoder().encode


class Client(Protocol):
    """What is asked of a WeComClient."""

    def post(self, url: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Lookups:
    """Where a delivery learns at send time what it must not store.

    ``webhook_key`` gives the key for a community and chat, ``user_id`` WeCom's id for a member number, ``app`` the client and agent id of a
    channel, each None when there is none (any more). ``is_paused`` says whether a delivery is to wait because its community is paused.
    """

    webhook_key: Callable[[str, str], str | None]
    user_id: Callable[[int], str | None]
    app: Callable[[str], tuple[WeComClient | Client, int] | None]
    is_paused: Callable[[Delivery], bool]


class Undeliverable(Exception):
    """Why a delivery is given up without asking WeCom."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A delivery made ready: under which names and rules it is counted, and how it is sent."""

    limit: str
    rules: Rules
    pauses: str
    send: Callable[[], dict[str, Any]]


class Sender:
    """Sends what is due in ``shards``; any number of processes may do so side by side.

    ``on_dead`` is told of each delivery that is given up, with the reason in Chinese.
    """

    def __init__(
        self,
        outbox: Outbox,
        limits: Limits,
        wire: Wire,
        lookups: Lookups,
        *,
        now: Callable[[], datetime],
        shards: Sequence[int],
        on_dead: Callable[[Delivery, str], None],
        rng: random.Random | None = None,
        lease_ms: int = LEASE_MS,
        threads: int = THREADS,
    ) -> None:
        self._outbox = outbox
        self._limits = limits
        self._wire = wire
        self._lookups = lookups
        self._now = now
        self._shards = tuple(shards)
        self._on_dead = on_dead
        self._rng = rng or random.Random()
        self._lease_ms = lease_ms
        self._threads = threads
        self._owner = secrets.token_hex(4)
        self._stopping = threading.Event()

    def run(self, stop: threading.Event, bell: Bell) -> None:
        """Sends until ``stop``; what is being sent then is settled first."""
        self._stopping = stop
        busy: dict[concurrent.futures.Future[int], tuple[int, str]] = {}
        with concurrent.futures.ThreadPoolExecutor(self._threads, "sender") as pool:
            while not stop.is_set():
                waiting = self._fill(pool, busy)
                if waiting:
                    concurrent.futures.wait(busy, SWEEP_S, concurrent.futures.FIRST_COMPLETED)
                else:
                    bell.wait(SWEEP_S)
        bell.close()

    def drain_once(self) -> int:
        """Tries everything that is due now, once around; gives how many deliveries arrived."""
        with concurrent.futures.ThreadPoolExecutor(self._threads, "sender") as pool:
            return sum(pool.map(lambda place: self._work(*place), self._due()))

    def _fill(self, pool: concurrent.futures.Executor, busy: dict[concurrent.futures.Future[int], tuple[int, str]]) -> bool:
        """Gives the threads the targets whose turn it is; gives whether some are left over."""
        for future in [future for future in busy if future.done()]:
            del busy[future]
        if len(busy) > self._threads:
            return True
        try:
            places = [place for place in self._due() if place not in busy.values()]
        except StorageAway:
            return False
        room = _AHEAD * self._threads - len(busy)
        for place in places[:room]:
            busy[pool.submit(self._work, *place)] = place
        return len(places) > room

    def _due(self) -> list[tuple[int, str]]:
        """The (shard, target) pairs that have something due, each once, those with an answer first."""
        due = self._outbox.due(self._shards, to_ms(self._now()))
        return list(dict.fromkeys((shard, target) for shard, _, target in due))

    def _work(self, shard: int, target: str) -> int:
        """Sends to one target until nothing is due there, it is to wait, or others are to have their turn; gives how many arrived."""
        arrived = 0
        try:
            while arrived < TURNS and not self._stopping.is_set():
                lease = self._next(shard, target)
                if lease is None or not self._deliver(lease):
                    break
                arrived += 1
        except StorageAway as error:  # the lease runs out by itself
            log.warning("outbox not reached", shard=shard, error=str(error))
        except Exception:  # a sender never dies of one target
            log.exception("sender failed", shard=shard, target=target)
        return arrived

    def _next(self, shard: int, target: str) -> Lease | None:
        for lane in LANES:
            lease = self._outbox.lease(shard, lane, target, self._owner, to_ms(self._now()), self._lease_ms)
            if lease is not None:
                return lease
        return None

    def _deliver(self, lease: Lease) -> bool:
        """Tries one delivery and settles it; gives whether it arrived."""
        try:
            return self._try(lease)
        except StorageAway:
            raise
        except Undeliverable as error:
            self._bury(lease, str(error))
        except Exception:  # nor of one delivery
            log.exception("delivery failed by a bug", id=lease.delivery.id)
            self._judge(lease, _BUG, None)
        return False

    def _try(self, lease: Lease) -> bool:
        delivery, now_ms = lease.delivery, to_ms(self._now())
        if self._lookups.is_paused(delivery):
            self._put_off(lease, HELD_MS)
            return False
        _check_age(delivery, now_ms)
        if delivery.attempts + lease.losses > MOST_ATTEMPTS:
            raise Undeliverable(f"{MOST_ATTEMPTS} 次尝试都没有成功")
        order = self._order(lease)
        wait_ms = self._wait(order, now_ms)
        if wait_ms:
            self._put_off(lease, wait_ms)
            return False
        try:
            answer = order.send()
        except NoAnswer as error:
            self._judge(lease, _no_answer(delivery, error), error)
            return False
        except ApiError as error:
            self._failed(lease, order, error)
            return False
        self._check_receiver(answer)
        return self._arrived(lease)

    def _wait(self, order: _Order, now_ms: int) -> int:
        """How long the delivery is to wait; 0: a turn was taken."""
        paused_ms = self._limits.paused_for(order.pauses, now_ms) if order.pauses != order.limit else 0
        return paused_ms or self._limits.acquire(order.limit, order.rules, now_ms)

    def _order(self, lease: Lease) -> _Order:
        delivery = lease.delivery
        if delivery.via == "app":
            return self._app_order(lease)
        if delivery.via == "webhook":
            key = self._lookups.webhook_key(delivery.community, delivery.chat)
            if not key:
                raise Undeliverable("没有为这个群配置 webhook")
            name = _hook_name(key)
            return _Order(name, WEBHOOK, name, lambda: self._wire.post_webhook(key, delivery.body))
        if delivery.via == "robot_webhook":
            name = _hook_name(parse_qs(urlsplit(delivery.url).query).get("key", [delivery.url])[0])
            return _Order(name, WEBHOOK, name, lambda: self._wire.post_response_url(delivery.url, delivery.body))
        if delivery.via == "response_url":
            name = f"aibot.{delivery.channel}.{delivery.chat or delivery.member or delivery.id}"
            return _Order(name, AIBOT_CHAT, name, lambda: self._wire.post_response_url(delivery.url, delivery.body))
        raise Undeliverable(f"未知的发送方式 {delivery.via}")

    def _app_order(self, lease: Lease) -> _Order:
        delivery = lease.delivery
        app = self._lookups.app(delivery.channel)
        if app is None:
            raise Undeliverable(f"没有配置应用 {delivery.channel}")
        user = self._lookups.user_id(delivery.member) if delivery.member else None
        if not user:
            raise Undeliverable("成员不在通讯录中（可能已被删除）")
        client, agent_id = app
        body = {**delivery.body, "touser": user, "agentid": agent_id}
        if delivery.attempts or lease.losses:
            body |= {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_CHECK_S}
        channel = f"app.{delivery.channel}"
        return _Order(f"{channel}.{delivery.member}", APP_MEMBER, channel, lambda: client.post("message/send", data=body))

    def _check_receiver(self, answer: dict[str, Any]) -> None:
        """An app message without a single valid receiver may still be answered with errcode 0."""
        if answer.get("invaliduser"):
            raise Undeliverable(VERDICTS[81013].reason)
        if answer.get("unlicenseduser"):
            raise Undeliverable("成员没有企业微信接口许可")

    def _arrived(self, lease: Lease) -> bool:
        delivery, now_ms = lease.delivery, to_ms(self._now())
        event = {
            "via": delivery.via,
            "lane": delivery.lane,
            "message": delivery.message,
            "attempts": delivery.attempts + lease.losses + 1,
            "waited_ms": max(now_ms - delivery.born_ms, 0) if delivery.born_ms else 0,
        }
        if not self._settled(lease, lambda: self._outbox.done(lease, now_ms, _encode(event).decode())):
            return False
        log.info("delivery sent", id=delivery.id, via=delivery.via)
        return True

    def _failed(self, lease: Lease, order: _Order, error: ApiError) -> None:
        verdict = VERDICTS.get(error.code, UNKNOWN) if error.code is not None else NETWORK
        if error.code is None:  # an address that was refused, a body that cannot be: asking again changes nothing
            verdict = Verdict("dead", error.text)
        elif error.code not in VERDICTS and lease.delivery.via == "response_url" and lease.delivery.attempts + lease.losses:
            verdict = USED  # which code a used address gives is not documented
        if verdict.act == "pause":
            now_ms = to_ms(self._now())
            self._limits.pause(order.pauses, now_ms + PAUSE_MS, now_ms)
        self._judge(lease, verdict, error)

    def _judge(self, lease: Lease, verdict: Verdict, error: ApiError | None) -> None:
        """Settles a delivery that failed: by its verdict and how often it was tried."""
        tries = lease.delivery.attempts + lease.losses + 1
        log.warning("delivery failed", id=lease.delivery.id, tries=tries, error=str(error or verdict.reason))
        if verdict.act == "pause":  # not the delivery's fault: only its age ends it
            self._put_off(lease, PAUSE_MS)
        elif verdict.act == "dead" or tries >= verdict.most:
            self._bury(lease, _reason(verdict, error), error.code if error else None)
        else:
            self._put_off(lease, self._back_off_ms(verdict, tries), count_attempt=True)

    def _back_off_ms(self, verdict: Verdict, tries: int) -> int:
        if verdict.act == "soon":
            return round(self._rng.uniform(1_000, 3_000))
        return round(min(SLOWEST_MS, 2_000 * 3.0 ** (tries - 1)) * self._rng.uniform(0.8, 1.2))

    def _put_off(self, lease: Lease, wait_ms: int, *, count_attempt: bool = False) -> None:
        at_ms = to_ms(self._now()) + wait_ms
        self._settled(lease, lambda: self._outbox.again(lease, at_ms, count_attempt=count_attempt))

    def _bury(self, lease: Lease, reason: str, code: int | None = None) -> None:
        now_ms = to_ms(self._now())
        if self._settled(lease, lambda: self._outbox.dead(lease, reason, now_ms, code)):
            self._on_dead(lease.delivery, reason)

    def _settled(self, lease: Lease, settle: Callable[[], bool]) -> bool:
        """Settles, again and again while Redis is away and the lease may still hold: it is the fence that makes a repeat safe."""
        was_away = False
        for _ in range(max(self._lease_ms // 500, 1)):
            try:
                # a refusal after an answer that was lost most likely means that the first try counted
                if settle() or was_away:
                    return True
                log.warning("lease lost before it was settled", id=lease.delivery.id)
                return False
            except StorageAway:
                was_away = True
                threading.Event().wait(0.5)
        log.error("Redis stayed away, outcome not kept", id=lease.delivery.id)
        return False


def split_bytes(text: str, limit: int) -> list[str]:
    """The text in pieces of at most ``limit`` bytes of UTF-8, cut at ends of lines where that wastes little, never inside a character.

    The pieces joined are the text again. ``limit`` is at least 4, the longest character's size.
    """
    if limit < 4:
        raise ValueError("limit must be at least 4 bytes")
    raw, pieces, start = text.encode(), [], 0
    while len(raw) - start > limit:
        end = start + limit
        while raw[end] & 0xC0 == 0x80:  # a byte that continues a character
            end -= 1
        line = raw.rfind(b"\n", start, end) + 1
        if line > start + limit // 2:
            end = line
        pieces.append(raw[start:end].decode())
        start = end
    pieces.append(raw[start:].decode())
    return pieces


def _no_answer(delivery: Delivery, error: NoAnswer) -> Verdict:
    can_double = delivery.via in ("webhook", "robot_webhook")
    return UNSURE if can_double and error.may_have_arrived else NETWORK


def _check_age(delivery: Delivery, now_ms: int) -> None:
    age_ms = now_ms - delivery.born_ms if delivery.born_ms else 0
    if delivery.via == "response_url" and age_ms > ONE_TIME_MS:
        raise Undeliverable("回复地址已过期（只在 1 小时内有效）")
    if age_ms > OLDEST_MS:
        raise Undeliverable("超过 24 小时没有送达")


def _reason(verdict: Verdict, error: ApiError | None) -> str:
    if error is None or error.code is None:
        return verdict.reason
    return f"{verdict.reason}（错误码 {error.code}）"


def _hook_name(key: str) -> str:
    """Who is limited is the robot, whoever posts through it: named by a digest, for the key is a secret."""
    return f"hook.{hashlib.sha256(key.encode()).hexdigest()[:16]}"
