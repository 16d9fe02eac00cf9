"""The way in, walked by ourselves: a sealed verification as WeCom sends it, to our own public address, through name, TLS, proxy and door.

It is the GET that WeCom makes when an operator saves the address (paths 101033 and 90238), so the door needs nothing new for it and no
message comes of it.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import secrets
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec

from bot.channels import KINDS
from bot.config import AibotChannel, AppChannel, ChannelConfig, Config, ContactChannel, RobotChannel
from bot.envelope import Envelope

UrlChannel = AibotChannel | AppChannel | RobotChannel | ContactChannel
"""A channel that WeCom calls at an address."""
TIMEOUT_S = 5.0
"""How long WeCom waits for a message to be taken; the verification itself must come within one second."""
_WHOLE_S = 8.0
_ANSWER_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Knock:
    """How a verification went.

    ``problem`` is Chinese and names the cure, "" when the answer was right; ``took_ms`` is for all of it; ``certificate_days`` says how long the
    certificate still holds (None without TLS), ``addresses`` what the name stands for, ``is_answered`` whether anybody answered at all.
    """

    problem: str = ""
    took_ms: float = 0.0
    certificate_days: float | None = None
    addresses: tuple[str, ...] = ()
    is_answered: bool = True

    @property
    def is_private(self) -> bool:
        """Whether the name stands for an address that nobody outside can reach."""
        return any(not ipaddress.ip_address(address).is_global for address in self.addresses)


class _Shut(Exception):
    """Why the way in is shut, in Chinese, with the cure."""

    is_answered = False


class _WrongAnswer(_Shut):
    """Somebody answered, but not as our door does."""

    is_answered = True


def url_channels(config: Config) -> list[UrlChannel]:
    """The channels that have a callback address."""
    return [channel for channel in config.channels if isinstance(channel, UrlChannel)]


def callback_address(config: Config, channel: ChannelConfig) -> str:
    """What an operator enters in WeCom's console."""
    base = config.server.public_url or f"http://{config.server.host}:{config.server.port}"
    return f"{base}/wecom/{channel.name}"


def knock(config: Config, channel: UrlChannel, now: datetime, *, tls: ssl.SSLContext | None = None) -> Knock:
    """Verifies a channel's callback address from outside. ``tls`` is what certificates are judged by, the machine's own list by default."""
    plaintext = str(secrets.randbelow(10**18))
    parts = urlsplit(callback_address(config, channel))
    parts = parts._replace(query=_sealed_query(config, channel, plaintext, now))
    started = time.perf_counter()
    addresses: tuple[str, ...] = ()
    try:
        addresses = _resolve(parts)
        days = _ask(parts, plaintext, channel, now, tls)
    except _Shut as shut:
        return Knock(str(shut), (time.perf_counter() - started) * 1000, addresses=addresses, is_answered=shut.is_answered)
    return Knock("", (time.perf_counter() - started) * 1000, days, addresses)


def _sealed_query(config: Config, channel: UrlChannel, plaintext: str, now: datetime) -> str:
    receiver = config.wecom.corp_id if KINDS[channel.kind].receives_corp_id else ""
    envelope = Envelope(channel.token.get_secret_value(), channel.aes_key.get_secret_value(), receiver)
    sealed = msgspec.json.decode(envelope.seal_json(plaintext, secrets.token_hex(8), now.timestamp()))
    return urlencode(
        {
            "msg_signature": sealed["msgsignature"],
            "timestamp": sealed["timestamp"],
            "nonce": sealed["nonce"],
            "echostr": sealed["encrypt"],
        }
    )


def _resolve(parts: SplitResult) -> tuple[str, ...]:
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a name that cannot be one does not even reach the resolver
        raise _Shut(f"域名 {host} 解析不出来。检查域名服务商的解析记录，和本机的 DNS") from error
    return tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


def _ask(parts: SplitResult, plaintext: str, channel: UrlChannel, now: datetime, tls: ssl.SSLContext | None) -> float | None:
    """Asks and judges the answer; gives for how many days the certificate holds. Raises _Shut."""
    link = _link(parts, tls)
    hang_up: threading.Timer | None = None
    try:
        link.connect()
        hang_up = threading.Timer(_WHOLE_S, _hang_up, [link.sock])  # each piece may take its time, and an answer may have many
        hang_up.start()
        days = _certificate_days(link, now)
        link.request("GET", f"{quote(parts.path)}?{parts.query}", headers={"User-Agent": "Mozilla/4.0", "Accept": "*/*"})
        answer = link.getresponse()
        body = answer.read(_ANSWER_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise _Shut(f"证书不被信任（{error.verify_message}）。检查证书是不是过期、域名对不对、有没有带上中间证书") from error
    except ssl.SSLError as error:
        raise _Shut(f"TLS 握手失败（{error.reason}）。这个端口可能不是 HTTPS，检查代理的设置和 server.public_url") from error
    except TimeoutError as error:
        raise _Shut(f"{TIMEOUT_S:g} 秒没有回答。检查防火墙、安全组和代理；机器人是不是太忙") from error
    except ConnectionRefusedError as error:
        raise _Shut(f"没有程序在 {parts.hostname}:{_port(parts)} 等着。检查代理有没有启动、端口转发对不对") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Shut(f"连接中断（{type(error).__name__}）。检查代理、防火墙，和网址里的 http、https 对不对") from error
    finally:
        if hang_up is not None:
            hang_up.cancel()
        link.close()
    _judge(answer, body, plaintext, channel)
    return days


def _judge(answer: http.client.HTTPResponse, body: bytes, plaintext: str, channel: UrlChannel) -> None:
    status = answer.status
    if 300 <= status < 400:
        host = urlsplit(answer.getheader("Location", "")).netloc
        raise _WrongAnswer(
            f"地址跳转到了{f' {host[:80]} ' if host else '别处'}（HTTP {status}），企业微信不跟着跳转。"
            "把跳转后的网址写进 server.public_url 和后台，或让代理对 /wecom/ 不跳转"
        )
    if status in (502, 503, 504):
        raise _WrongAnswer(f"代理找不到机器人（HTTP {status}）。检查机器人有没有启动、Redis 有没有应答、代理转到的端口是不是 server.port")
    if status == 404:
        raise _WrongAnswer(f"那里没有 /wecom/{channel.name}（HTTP 404）。代理要把整个路径原样转过来；渠道是新加的，就重启机器人")
    if status in (400, 403):
        raise _WrongAnswer(
            f"被拒绝（HTTP {status}）。运行中的机器人用的可能不是这份 Token 和 EncodingAESKey，重启它；"
            "也可能是代理改动了参数、防火墙拦下了，或两台机器的时间不一致"
        )
    if status != 200:
        raise _WrongAnswer(f"回答是 HTTP {status}，应为 200。检查代理的设置")
    if body != plaintext.encode():
        raise _WrongAnswer("回答的不是验证的原文。这个地址可能是另一个网站，或中间的代理、防护改动了内容")


def _link(parts: SplitResult, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, _port(parts), timeout=TIMEOUT_S, context=tls or ssl.create_default_context())
    return http.client.HTTPConnection(host, _port(parts), timeout=TIMEOUT_S)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)


def _certificate_days(link: http.client.HTTPConnection, now: datetime) -> float | None:
    certificate = link.sock.getpeercert() if isinstance(link.sock, ssl.SSLSocket) else None
    ends = certificate.get("notAfter") if certificate else None
    return (ssl.cert_time_to_seconds(ends) - now.timestamp()) / 86_400 if isinstance(ends, str) else None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
