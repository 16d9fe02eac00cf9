"""How WeCom's REST interface is spoken to: the home of wechatpy's client, with what it lacks.

wechatpy (2.0.0a26) renews tokens without lock or bound, has no time-out, and leaks secrets in the texts of network errors. Here one process
at a time renews a token, a rejected one is renewed and tried again once, every request has time-outs and a largest answer, no redirect
is followed, and whatever is raised is an :class:`ApiError` without secrets.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from wechatpy.exceptions import WeChatClientException
from wechatpy.work import WeChatClient

from bot.errors import ApiError
from bot.scrub import scrub
from storage.moment import to_ms
from storage.tokens import TokenStore, secret_id

TIMEOUT_S = (3.0, 8.0)
"""To connect, and for the head of the answer."""
ANSWER_S = 10.0
"""For the whole answer, head and all."""
ANSWER_BYTES = 1_048_576
DOWNLOAD_S = 60.0
"""For a whole file."""
POOL = 32
WAIT_FOR_TOKEN_S = 12.0
"""How long one waits for another process that fetches a token."""

_OFFICIAL_HOST = "qyapi.weixin.qq.com"
_FILE_HOST = re.compile(r"(?:[a-z0-9-]+\.)+myqcloud\.com")
"""Where the files lie that callbacks speak of (path 100719). Of plain letters only: a proxy on the way may read others as the host's end."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""Where gateways between IPv6 and IPv4 keep the IPv4 address in the last four bytes (RFC 6052, RFC 8215)."""
_REJECTED = (40014, 42001)
"""An access token that is invalid or has expired: worth one new token and one more try."""
_REFUSED_MS = {None: 3_000, -1: 3_000, 45009: 60_000}
"""How long gettoken's refusal is remembered by code; any other one is a matter of configuration."""
_REFUSED_CONFIG_MS = 60_000
_TOO_NEW_MS = 1_000
"""A token that is rejected at this age will not be better for being fetched again."""

UploadedFile = tuple[str, bytes, str]
"""A file's name, bytes and content type. Bytes, never a stream: a repeat after a new token must not send an empty file."""

_encode = msgspec.json.Encoder().encode


class NoAnswer(ApiError):
    """WeCom gave no usable answer. ``may_have_arrived``: the request may have been carried out all the same."""

    def __init__(self, text: str, *, may_have_arrived: bool) -> None:
        super().__init__(None, text)
        self.may_have_arrived = may_have_arrived


class _Scrubber(logging.Filter):
    """Keeps tokens out of urllib3's debug lines, which hold whole addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), ()
        return True


class _Paced(io.RawIOBase):
    """What a socket says until a deadline. A time-out of the socket's own begins anew with every byte, so whoever dribbles never meets it."""

    def __init__(self, link: socket.socket) -> None:
        self._link, self._raw = link, link.makefile("rb", buffering=0)
        self._pause_s = link.gettimeout()
        self._began = time.monotonic()
        self.allow(self._pause_s)

    def allow(self, longest_s: float | None) -> None:
        """Sets how long all of it may take, from its beginning."""
        self._deadline = None if longest_s is None else self._began + longest_s

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int | None:
        if self._deadline is not None:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the answer takes too long")
            self._link.settimeout(left_s if self._pause_s is None else min(self._pause_s, left_s))
        return self._raw.readinto(room)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    """An answer whose head has the time-out for all of it, and whose rest has what it is allowed."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._paced = _Paced(sock)
        self.fp = io.BufferedReader(self._paced)

    def allow(self, longest_s: float) -> None:
        """Sets how long the whole answer may take, head and all."""
        self._paced.allow(longest_s)


class _Plain(HTTPConnection):
    response_class = _PacedResponse


class _Sealed(HTTPSConnection):
    response_class = _PacedResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SealedPool(HTTPSConnectionPool):
    ConnectionCls = _Sealed


class _Adapter(HTTPAdapter):
    """Connections, direct or through a proxy, whose answers come in time or not at all."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SealedPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SealedPool}
        return manager


class _Http(requests.Session):
    """A pool of connections that follows no redirect, keeps no cookie and reads no endless answer."""

    def __init__(self, *, pool: int) -> None:
        super().__init__()
        adapter = _Adapter(pool_connections=4, pool_maxsize=pool, max_retries=0)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        logger = logging.getLogger("urllib3.connectionpool")
        if not any(isinstance(kept, _Scrubber) for kept in logger.filters):
            logger.addFilter(_Scrubber())

    def obey_machine(self, base: str) -> None:
        """Takes the proxy and the certificates that the machine's environment names for ``base``, once and for all.

        requests would look again for each request, which costs about as much as a round trip to Redis, and for passwords in ~/.netrc.
        """
        self.proxies = get_environ_proxies(base)
        self.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"], kwargs["stream"] = False, True
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_S
        most_bytes, longest_s = kwargs.pop("most_bytes", ANSWER_BYTES), kwargs.pop("longest_s", ANSWER_S)
        response = super().request(*args, **kwargs)
        try:
            cast(_PacedResponse, response.raw._original_response).allow(longest_s)
            response._content = _read(response, most_bytes)
        finally:
            response.close()
        return response


def is_public(address: str) -> bool:
    """Whether an IP address leads to the outside. One of IPv6 that stands for one of IPv4 is as public as that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if any(ip in network for network in _TRANSLATED):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _PublicOnly(_Sealed):
    """A connection that is given up, before a byte is sent, when the name led to an address that is not public."""

    def _new_conn(self) -> socket.socket:
        link = super()._new_conn()
        if not is_public(link.getpeername()[0]):
            link.close()
            raise NewConnectionError(self, "the name leads to an address that is not public")
        return link


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicOnly


class _ToTheOutside(_Adapter):
    """Leads to public addresses only. Through a proxy of the machine it is the proxy that looks names up, and the proxy's word holds."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}


class Wire:
    """The connections of one process to WeCom at ``api_base``. Threads share one."""

    def __init__(self, api_base: str, *, pool: int = POOL) -> None:
        self.base = api_base.rstrip("/")
        self._origin = _origin(self.base)
        self._is_loopback = urlsplit(self.base).hostname in _LOOPBACK
        self.http = _Http(pool=pool)
        self.http.trust_env = False
        if not self._is_loopback:  # a proxy of the machine is for the outside only
            self.http.obey_machine(self.base)
        self._downloads = _Http(pool=4)
        self._downloads.trust_env = not self._is_loopback
        if not self._is_loopback:
            self._downloads.mount("https://", _ToTheOutside(max_retries=0))

    def post_webhook(self, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Posts one message into a group through its webhook; raises ApiError with WeCom's errcode."""
        return self.post(f"{self.base}/cgi-bin/webhook/send", body, params={"key": key})

    def post_response_url(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Posts to an address that came in a callback (``response_url``, a robot's ``WebhookUrl``); raises ApiError.

        An address may say anything, so it is refused unless its host is that of ``api_base`` or WeCom's own; the request then goes to
        ``api_base``, whatever the address says.
        """
        return self.post(self._own_address(url), body)

    def post(self, url: str, body: Mapping[str, Any], params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Posts JSON to a trusted address and gives WeCom's answer; raises ApiError."""
        return self.ask("post", url, params=params, data=_encode(body), headers={"Content-Type": "application/json"})

    def upload_webhook(self, key: str, kind: str, file: UploadedFile) -> dict[str, Any]:
        """Uploads a file that only this webhook's robot may send, with WeCom's answer; raises ApiError."""
        return self.ask("post", f"{self.base}/cgi-bin/webhook/upload_media", params={"key": key, "type": kind}, files={"media": file})

    def download(self, url: str, *, most_bytes: int) -> bytes:
        """The bytes at an address that came in a callback; raises ApiError, also when there are more than ``most_bytes``.

        An address may say anything, so only https to WeCom's own hosts is asked, at public addresses, without redirects. Where ``api_base``
        is this machine itself (drills, tests), that very server is allowed too.
        """
        if not self._may_download(url):
            raise ApiError(None, "下载地址不属于企业微信，拒绝下载（只允许 https 和企业微信的文件服务器）")
        response = self.send(lambda: self._downloads.request("get", url, most_bytes=most_bytes, longest_s=DOWNLOAD_S))
        if response.status_code != 200:
            raise NoAnswer(f"下载失败：HTTP {response.status_code}（地址只在 5 分钟内有效）", may_have_arrived=False)
        return cast(bytes, response.content)

    def ask(self, method: str, url: str, **kwargs: Any) -> dict[str, Any]:
        """One request; gives the answer's JSON object when its errcode is 0, else raises ApiError."""
        response = self.send(lambda: self.http.request(method, url, **kwargs))
        return _judge(response)

    def send(self, send: Callable[[], Any]) -> Any:
        """What ``send`` gives; network trouble becomes NoAnswer, with nothing secret in it or behind it."""
        try:
            return send()
        except requests.RequestException as error:
            trouble = NoAnswer(scrub(f"{type(error).__name__}: {error}"), may_have_arrived=_may_have_arrived(error))
        raise trouble  # outside of the except clause: the original, which holds the address, is not to hang on it

    def close(self) -> None:
        self.http.close()
        self._downloads.close()

    def _may_download(self, url: str) -> bool:
        try:
            parts, origin = urlsplit(url), _origin(url)
        except ValueError:
            return False
        # What is not printed is left out by urlsplit, not by whoever connects: both are to read one address.
        if "@" in parts.netloc or "\\" in url or not url.isprintable() or not parts.path.startswith("/"):
            return False
        if self._is_loopback and origin == self._origin:
            return True
        scheme, host, port = origin
        return scheme == "https" and port == 443 and (host == _OFFICIAL_HOST or _FILE_HOST.fullmatch(host) is not None)

    def _own_address(self, url: str) -> str:
        try:
            parts, origin = urlsplit(url), _origin(url)
        except ValueError:
            raise ApiError(None, "回调给出的地址无法解析，拒绝发送") from None
        is_own = origin == self._origin and (parts.scheme == "https" or self._is_loopback)
        is_official = origin == ("https", _OFFICIAL_HOST, 443)
        if not (is_own or is_official) or "@" in parts.netloc or not parts.path.startswith("/"):
            raise ApiError(None, "回调给出的地址不属于企业微信，拒绝发送（只允许 https，且主机与 wecom.api_base 相同）")
        if is_official:
            return f"{self.base}{parts.path}?{parts.query}"
        scheme, host, port = self._origin
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{parts.path}?{parts.query}"


class WeComClient(WeChatClient):  # type: ignore[misc]
    """WeCom's interface with one secret's rights: all of wechatpy's ``client.message``, ``client.external_contact``…, made safe.

    Every call raises ApiError. ``post`` and ``get`` take a path such as ``externalcontact/groupchat/get``.
    """

    def __init__(self, corp_id: str, secret: str, *, wire: Wire, tokens: TokenStore, now: Callable[[], datetime]) -> None:
        super().__init__(corp_id, secret, timeout=TIMEOUT_S, auto_retry=False)
        self.API_BASE_URL = f"{wire.base}/cgi-bin/"
        self._http = wire.http
        self._wire = wire
        self._tokens = tokens
        self._now = now
        self._id = secret_id(corp_id, secret)
        self._fetching = threading.Lock()  # of all threads of this process, one talks to the store about a missing token

    def __repr__(self) -> str:
        return f"WeComClient({self._id})"

    @property
    def access_token(self) -> str:
        """The token in force, fetched when there is none."""
        return self._token()

    def fetch_access_token(self) -> dict[str, Any]:
        """wechatpy's word for renewing: it makes sure of a token and gives it in gettoken's shape."""
        return {"errcode": 0, "access_token": self._token()}

    def post(self, url: str, data: Mapping[str, Any] | None = None, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer to a POST of ``data`` as JSON."""
        if data is not None:
            kwargs["data"] = dict(data)
        return cast(dict[str, Any], self._request("post", url, **kwargs))

    def get(self, url: str, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer to a GET; the query is ``params=``."""
        return cast(dict[str, Any], self._request("get", url, **kwargs))

    def upload(self, kind: str, file: UploadedFile) -> dict[str, Any]:
        """Uploads a temporary file that every app of the corp may send for three days, with WeCom's answer (path 90253)."""
        return cast(dict[str, Any], self._request("post", "media/upload", params={"type": kind}, files={"media": file}))

    def download(self, media_id: str, *, most_bytes: int) -> bytes:
        """The bytes of a temporary file; raises ApiError, also when there are more than ``most_bytes`` (path 90254)."""
        found = self._request("get", "media/get", params={"media_id": media_id}, most_bytes=most_bytes, longest_s=DOWNLOAD_S)
        if not isinstance(found, requests.Response):
            raise ApiError(None, "媒体文件的应答不是文件")
        return found.content

    def _handle_result(self, res: Any, *args: Any, **kwargs: Any) -> Any:
        """wechatpy's reading of an answer; what was sent as a file stays a file, even when it holds JSON."""
        if isinstance(res, requests.Response) and "Content-Disposition" in res.headers:
            return res
        return super()._handle_result(res, *args, **kwargs)

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        token = self._token()
        try:
            return self._once(method, url_or_endpoint, token, **kwargs)
        except ApiError as error:
            if error.code not in _REJECTED:
                raise
            code = error.code
        fresh = self._token(rejected=token)
        if not _can_be_repeated(kwargs.get("files") or {}):  # its streams are read to their ends: a repeat would upload empty files
            raise ApiError(code, "access_token 已更新，请重新上传")
        return self._once(method, url_or_endpoint, fresh, **kwargs)

    def _once(self, method: str, url_or_endpoint: str, token: str, **kwargs: Any) -> Any:
        if url_or_endpoint.startswith(("http://", "https://")) and _origin(url_or_endpoint) != _origin(self._wire.base):
            # wechatpy has a few addresses built in; they move with api_base, and a token never goes elsewhere
            url_or_endpoint = urlsplit(url_or_endpoint).path.removeprefix("/cgi-bin/")
        params = {**(kwargs.pop("params", None) or {}), "access_token": token}
        if isinstance(kwargs.get("data"), dict):
            kwargs["headers"] = {"Content-Type": "application/json", **kwargs.get("headers", {})}
        call = super()._request
        try:
            answer = self._wire.send(lambda: call(method, url_or_endpoint, params=params, **kwargs))
        except WeChatClientException as error:
            trouble = _from_wechatpy(error)
        else:
            if isinstance(answer, requests.Response) and _is_json_call(answer):
                return _judge(answer)
            return answer
        raise trouble

    def _token(self, rejected: str = "") -> str:
        """A token in force that is not the ``rejected`` one; raises ApiError when WeCom gives none."""
        found = self._tokens.find(self._id, to_ms(self._now()))
        if found.token and found.token != rejected:
            return found.token
        if not self._fetching.acquire(timeout=WAIT_FOR_TOKEN_S):
            raise NoAnswer("等待 access_token 超时", may_have_arrived=False)
        try:
            return self._renewed(rejected)
        finally:
            self._fetching.release()

    def _renewed(self, rejected: str) -> str:
        deadline = time.monotonic() + WAIT_FOR_TOKEN_S
        while time.monotonic() < deadline:
            token = self._known(rejected)
            if token:
                return token
            word = self._tokens.lock(self._id)
            if word:
                try:
                    # while the lock was being taken, its last holder may have put a new one
                    return self._known(rejected) or self._fetch()
                finally:
                    self._tokens.unlock(self._id, word)
            threading.Event().wait(0.05)
        raise NoAnswer("另一个进程正在获取 access_token，久未完成", may_have_arrived=False)

    def _known(self, rejected: str) -> str | None:
        """The token in force, None when it is worth fetching one; raises ApiError when it is not."""
        now_ms = to_ms(self._now())
        found = self._tokens.find(self._id, now_ms)
        if found.token and found.token != rejected:
            return found.token
        if found.refusal and found.refusal.code is None:
            raise NoAnswer(found.refusal.text, may_have_arrived=False)
        if found.refusal:
            raise ApiError(found.refusal.code, found.refusal.text)
        if found.token and now_ms - found.fetched_ms < _TOO_NEW_MS:
            raise ApiError(_REJECTED[0], "刚刚获取的 access_token 也被拒绝")
        return None

    def _fetch(self) -> str:
        try:
            answer = self._wire.ask(
                "get", f"{self.API_BASE_URL}gettoken", params={"corpid": self.corp_id, "corpsecret": self.secret}, timeout=TIMEOUT_S
            )
            fetched, life_s = str(answer["access_token"]), int(answer.get("expires_in", 7200))
        except (KeyError, TypeError, ValueError):
            raise NoAnswer("gettoken 的应答里没有 access_token", may_have_arrived=False) from None
        except ApiError as error:
            code, text = error.code, f"获取 access_token 失败：{error.text}"
        else:
            self._tokens.put(self._id, fetched, life_s, to_ms(self._now()))
            return fetched
        self._tokens.refuse(self._id, code, text, to_ms(self._now()), _REFUSED_MS.get(code, _REFUSED_CONFIG_MS))
        # Whatever became of gettoken, the call itself was not made.
        raise NoAnswer(text, may_have_arrived=False) if code is None else ApiError(code, text)


def _can_be_repeated(files: Mapping[str, Any]) -> bool:
    """Whether every file is whole in memory, with its name or bare."""
    return all(isinstance(file[1] if isinstance(file, tuple) else file, bytes | str) for file in files.values())


def _read(response: requests.Response, most_bytes: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            raise requests.exceptions.ContentDecodingError(f"answer of more than {most_bytes} bytes")
    return b"".join(parts)


def _judge(response: requests.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise NoAnswer(f"HTTP {response.status_code}", may_have_arrived=response.status_code == 504)
    try:
        answer = msgspec.json.decode(response.content)
        code = int(answer.get("errcode", 0))
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, TypeError, ValueError):
        raise NoAnswer("应答不是预期的 JSON", may_have_arrived=True) from None
    if code != 0:
        raise ApiError(code, scrub(str(answer.get("errmsg", ""))))
    return cast(dict[str, Any], answer)


def _from_wechatpy(error: WeChatClientException) -> ApiError:
    if error.errcode is not None:
        return ApiError(int(error.errcode), scrub(str(error.errmsg)))
    status = getattr(error.response, "status_code", None)
    return NoAnswer(f"HTTP {status}", may_have_arrived=status == 504)


def _is_json_call(response: requests.Response) -> bool:
    """Whether JSON was to be expected: not when a file was downloaded."""
    return response.status_code != 200 or "Content-Disposition" not in response.headers


def _may_have_arrived(error: requests.RequestException) -> bool:
    """Whether the request may have reached WeCom: not when no connection came about."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError | requests.exceptions.SSLError):
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return not isinstance(reason, NewConnectionError)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
