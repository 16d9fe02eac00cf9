"""The ways out: for each ``via`` of a delivery, how its request is built, how it is counted, how long it is worth sending.

**A new way** is one row more in :meth:`Ways.table` (or in what commands/worker.py adds to it): a function that turns a delivery into an
:class:`Order`, and what is special about it. The sender knows no way by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from bot.app_api import SendResult, read_result
from bot.appchat import REASONS
from bot.client import UploadedFile, WeComClient, Wire
from bot.files import FileProblem
from bot.media import MediaError, of_app, of_webhook
from bot.uploads import Send, Uploads, is_enclosing
from bot.verdicts import USED, VERDICTS, Verdict
from storage.limits import AIBOT_CHAT, APP_CHAT, APP_MEMBER, WEBHOOK, Rules
from storage.outbox import Delivery

OLDEST_MS = 86_400_000
"""What could not be delivered in a day is given up."""
ONE_TIME_MS = 3_600_000
"""How long a response_url works (path 101138)."""
DUPLICATE_CHECK_S = 14_400
"""The longest WeCom takes (path 90236): a delivery that waits out an outage is repeated hours later."""
MANY_CHECK_S = 1_800
"""From the first try on: nobody means to tell many members the same twice in half an hour, and one lost answer would double it for all."""
WELCOME_MS = 20_000
"""How long a welcome code works, from the event on (path 92137)."""
WEBHOOK_BYTES: Mapping[str, int] = {"text": 2_048, "markdown": 4_096, "markdown_v2": 4_096}
"""Path 99110."""
APP_BYTES: Mapping[str, int] = {"text": 2_048, "markdown": 2_048}
"""Path 90236."""
WECOM = "wecom"
"""The one host behind all ways that speak HTTP."""
_UPDATED = Verdict("dead", "卡片的更新凭证可能已经用过：前一次尝试没有收到应答，卡片可能已经更新")


_WELCOME = {
    41050: Verdict("dead", "欢迎语的 code 无效或已过期"),
    41051: Verdict("dead", "已经发过欢迎语，或员工已开始和客户聊天"),
    41096: Verdict("soon", "欢迎语正在发送"),
}


class Undeliverable(Exception):
    """Why a delivery is given up without asking WeCom, or in spite of its "ok"."""


@dataclass(frozen=True, slots=True)
class Order:
    """A delivery made ready.

    ``limit`` is the name under which ``rules`` count it, ``pauses`` the name that is left alone after 45009, ``also`` further
    names under the same rules: of everybody whom one message is for. ``send`` asks WeCom: it gives
    the answer, or raises ApiError, NoAnswer or Undeliverable.
    """

    limit: str
    rules: Rules
    pauses: str
    send: Callable[[], dict[str, Any]] = field(repr=False)
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the table.

    ``order`` makes a delivery ready; its second argument says whether this is a repeat. ``oldest_ms`` after its birth a delivery is given up
    with the reason ``too_old``. ``can_double``: a repeat after a missing answer may arrive twice, so there is only one. ``unknown_repeat`` is the
    verdict for an undocumented code in answer to a repeat. ``verdicts`` are codes that mean something else here than everywhere. ``host`` is
    what breaks as a whole: when it does not answer, all its ways wait. ``notes`` picks facts of WeCom's answer for the outbound event.
    ``most_bytes`` is the longest content by msgtype: longer ones go in parts.
    """

    order: Callable[[Delivery, bool], Order]
    oldest_ms: int = OLDEST_MS
    too_old: str = "超过 24 小时没有送达"
    can_double: bool = False
    unknown_repeat: Verdict | None = None
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    host: str = WECOM
    notes: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: {}
    most_bytes: Mapping[str, int] = field(default_factory=dict)


class Client(Protocol):
    """What is asked of a WeComClient."""

    def post(self, url: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...

    def upload(self, kind: str, file: UploadedFile) -> dict[str, Any]:
        """WeCom's answer with the media id; raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Lookups:
    """Where a delivery learns at send time what it must not store.

    ``webhook_key`` gives the key for a community and chat, ``user_id`` WeCom's id for a member number, ``app`` the client and agent id of a
    channel, each None when there is none (any more).
    """

    webhook_key: Callable[[str, str], str | None]
    user_id: Callable[[int], str | None]
    app: Callable[[str], tuple[WeComClient | Client, int] | None]


class Ways:
    """The ways over one process's connections. Without ``uploads`` no pictures and files are sent."""

    def __init__(self, wire: Wire, lookups: Lookups, uploads: Uploads | None = None) -> None:
        self._wire = wire
        self._lookups = lookups
        self._uploads = uploads

    def table(self) -> dict[str, Way]:
        """Every way by its ``via``."""
        once = "回复地址已过期（只在 1 小时内有效）"
        return {
            "webhook": Way(self._webhook, can_double=True, most_bytes=WEBHOOK_BYTES),
            "robot_webhook": Way(self._robot_webhook, can_double=True, most_bytes=WEBHOOK_BYTES),
            "response_url": Way(self._response_url, oldest_ms=ONE_TIME_MS, too_old=once, unknown_repeat=USED),
            "app": Way(self._app, notes=_app_facts, most_bytes=APP_BYTES),
            "appchat": Way(self._appchat, can_double=True, most_bytes=APP_BYTES, verdicts=_APP_CHAT),
            "app_update": Way(self._app_update, unknown_repeat=_UPDATED),
            "welcome_code": Way(self._welcome_code, oldest_ms=WELCOME_MS, too_old="欢迎语已过期（只在 20 秒内有效）", verdicts=_WELCOME),
        }

    def _webhook(self, delivery: Delivery, is_repeat: bool) -> Order:
        key = self._lookups.webhook_key(delivery.community, delivery.chat)
        if not key:
            raise Undeliverable("没有为这个群配置 webhook")
        name = hook_name(key)
        return Order(name, WEBHOOK, name, lambda: self._post_to_robot(delivery, key, lambda body: self._wire.post_webhook(key, body)))

    def _robot_webhook(self, delivery: Delivery, is_repeat: bool) -> Order:
        key = parse_qs(urlsplit(delivery.url).query).get("key", [delivery.url])[0]
        name = hook_name(key)
        return Order(
            name, WEBHOOK, name, lambda: self._post_to_robot(delivery, key, lambda body: self._wire.post_response_url(delivery.url, body))
        )

    def _post_to_robot(self, delivery: Delivery, key: str, post: Send) -> dict[str, Any]:
        if not is_enclosing(delivery.body):
            return post(delivery.body)
        with readable(self._uploads) as uploads:
            return uploads.send_by_webhook(delivery.body, of_webhook(key, self._wire), post)

    def _response_url(self, delivery: Delivery, is_repeat: bool) -> Order:
        name = f"aibot.{delivery.channel}.{delivery.chat or delivery.member or delivery.id}"
        return Order(name, AIBOT_CHAT, name, lambda: self._wire.post_response_url(delivery.url, delivery.body))

    def _app(self, delivery: Delivery, is_repeat: bool) -> Order:
        app = self._lookups.app(delivery.channel)
        if app is None:
            raise Undeliverable(f"没有配置应用 {delivery.channel}")
        numbers = (delivery.member,) if delivery.member else delivery.receivers
        users = {user: number for number in numbers if (user := self._lookups.user_id(number))}
        if not users:
            raise Undeliverable("成员不在通讯录中（可能已被删除）")
        client, agent_id = app
        body = {**delivery.body, "touser": "|".join(users), "agentid": agent_id}
        if is_repeat or delivery.receivers:
            check_s = MANY_CHECK_S if delivery.receivers else DUPLICATE_CHECK_S
            body |= {"enable_duplicate_check": 1, "duplicate_check_interval": check_s}
        channel = f"app.{delivery.channel}"
        names = [f"{channel}.{number}" for number in users.values()]

        def post(filled: Mapping[str, Any]) -> dict[str, Any]:
            result = read_result(client.post("message/send", data=dict(filled)))
            return {"app": delivery.channel, "msgid": result.msgid, "missed": _missed(result, users, numbers)}

        def send() -> dict[str, Any]:
            if not is_enclosing(body):
                return post(body)
            with readable(self._uploads) as uploads:
                return uploads.send(body, of_app(delivery.channel, client), post)

        return Order(names[0], APP_MEMBER, channel, send, also=tuple(names[1:]))

    def _appchat(self, delivery: Delivery, is_repeat: bool) -> Order:
        app = self._lookups.app(delivery.channel)
        if app is None:
            raise Undeliverable(f"没有配置应用 {delivery.channel}")
        body = {"chatid": delivery.chat, **delivery.body}
        name = f"appchat.{delivery.channel}.{delivery.chat}"
        return Order(name, APP_CHAT, name, lambda: app[0].post("appchat/send", data=body))

    def _app_update(self, delivery: Delivery, is_repeat: bool) -> Order:
        """A card's new face (path 94888). The code works once, so a repeat changes nothing."""
        app = self._lookups.app(delivery.channel)
        user = self._lookups.user_id(delivery.member) if delivery.member else None
        if app is None or not user:
            raise Undeliverable("没有配置应用，或成员不在通讯录中")
        client, agent_id = app
        body = {**delivery.body, "userids": [user], "agentid": agent_id, "response_code": delivery.code}
        channel = f"app.{delivery.channel}"
        return Order(f"{channel}.{delivery.member}", APP_MEMBER, channel, lambda: client.post("message/update_template_card", data=body))

    def _welcome_code(self, delivery: Delivery, is_repeat: bool) -> Order:
        """The greeting of an employee's new customer (path 92137). The code works once, so a repeat cannot double."""
        found = self._lookups.app(delivery.channel)
        if found is None:
            raise Undeliverable(f"没有配置渠道 {delivery.channel}")
        body = {**delivery.body, "welcome_code": delivery.code}
        name = f"welcome.{delivery.channel}"
        return Order(name, (), name, lambda: found[0].post("externalcontact/send_welcome_msg", data=body))


@contextmanager
def readable(uploads: Uploads | None) -> Iterator[Uploads]:
    """What uploads; a file that cannot be read or that WeCom would refuse makes a delivery undeliverable."""
    if uploads is None:
        raise Undeliverable("这里发不了图片和文件")
    try:
        yield uploads
    except (FileProblem, MediaError) as problem:
        raise Undeliverable(str(problem)) from None


_APP_CHAT = {code: Verdict("dead", reason) for code, reason in REASONS.items()}
"""What a group of an app's refuses will not be taken by asking again."""


def hook_name(key: str) -> str:
    """Who is limited is the robot, whoever posts through it: named by a digest, for the key is a secret."""
    return f"hook.{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _missed(result: SendResult, users: Mapping[str, int], numbers: Sequence[int]) -> list[int]:
    """The members, by number, whom a message did not reach; raises Undeliverable when it reached none: errcode 0 does not exclude that.

    The others have it, so it is not sent again.
    """
    unreached = {*result.invalid_users, *result.unlicensed_users}
    if users.keys() <= unreached:
        raise Undeliverable(VERDICTS[81013].reason if result.invalid_users else "成员没有企业微信接口许可")
    return [number for number in numbers if number not in users.values() or any(users[user] == number for user in unreached & users.keys())]


def _app_facts(answer: dict[str, Any]) -> dict[str, Any]:
    """For the event log: what recalls the message, and whom it did not reach."""
    return {name: answer[name] for name in ("app", "msgid", "missed") if answer[name]}
