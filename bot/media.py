"""Pictures, voices, videos and files: checked, uploaded once in three days, fetched and decrypted.

Paths 90253 (upload), 99110 (upload for a webhook), 100719 and 101033 (the files that an aibot's callbacks speak of).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.client import NoAnswer, UploadedFile, WeComClient, Wire
from bot.errors import ApiError, UserError
from bot.files import sniff
from storage.media import MediaStore
from storage.moment import to_ms

Kind = Literal["image", "voice", "video", "file"]

MOST_BYTES: dict[Kind, int] = {"image": 10_485_760, "voice": 2_097_152, "video": 10_485_760, "file": 20_971_520}
"""What WeCom takes by kind (path 90253)."""
LEAST_BYTES = 6
LONGEST_VOICE_S = 60
RECEIVED_BYTES = 104_857_600
"""The largest file that a member can send to an aibot (path 100719)."""
WAIT_FOR_UPLOAD_S = 60.0
"""How long one waits for another process that uploads the same file."""

_BAD_MEDIA = 40007
_WANTED: dict[Kind, tuple[str, ...]] = {"image": ("image/png", "image/jpeg"), "voice": ("audio/amr",), "video": ("video/mp4",)}
_NAMES: dict[Kind, str] = {"image": "图片只能是 JPG 或 PNG", "voice": "语音只能是 AMR", "video": "视频只能是 MP4"}
_BLOCK_BYTES, _MOST_PADDING_BYTES, _KEY_BYTES = 16, 32, 32
_AMR_HEAD = b"#!AMR\n"
_AMR_FRAME_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
"""The size of a frame of 20 ms by its type (RFC 4867 §5.3)."""

Given = TypeVar("Given")


class MediaError(UserError):
    """A file that WeCom would refuse, or that could not be opened; says in Chinese what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file to send: the bytes, and the name that members see (``file`` only). Raises MediaError for what WeCom would refuse."""

    kind: Kind
    data: bytes = field(repr=False)
    name: str = "file"

    def __post_init__(self) -> None:
        if problem := _find_problem(self):
            raise MediaError(problem)

    @property
    def digest(self) -> str:
        """32 hex digits that stand for kind, name and bytes."""
        head = f"{self.kind}\n{self.name}\n".encode("utf-8", "replace")
        return hashlib.sha256(head + self.data).hexdigest()[:32]

    @property
    def upload(self) -> UploadedFile:
        """The file as it is uploaded: a repeat sends the same bytes again."""
        return self.name, self.data, sniff(self.data)


@dataclass(frozen=True, slots=True)
class Account:
    """Who uploads and may send: an app, or a webhook's robot. ``scope`` names it without a secret."""

    scope: str
    upload: Callable[[Content], dict[str, Any]] = field(repr=False)


class Uploader(Protocol):
    """What is asked of a WeComClient."""

    def upload(self, kind: str, file: UploadedFile) -> dict[str, Any]:
        """WeCom's answer with the media id; raises ApiError."""
        ...


def of_app(channel: str, client: Uploader) -> Account:
    """The account of an app's channel."""
    return Account(f"app.{channel}", lambda content: client.upload(content.kind, content.upload))


def of_webhook(key: str, wire: Wire) -> Account:
    """The account of a webhook: files and voices only, usable by this robot alone."""
    scope = f"hook.{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def upload(content: Content) -> dict[str, Any]:
        if content.kind not in ("file", "voice"):
            raise MediaError("webhook 只能上传文件和语音；图片请用 bodies.webhook_image 直接随消息发送")
        return wire.upload_webhook(key, content.kind, content.upload)

    return Account(scope, upload)


class Media:
    """Media ids, each file uploaded once by all processes together."""

    def __init__(self, store: MediaStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def get_id(self, account: Account, content: Content) -> str:
        """The media id of a file, uploaded if need be; raises ApiError or MediaError."""
        deadline, digest = time.monotonic() + WAIT_FOR_UPLOAD_S, content.digest
        while time.monotonic() < deadline:
            if found := self._find(account, digest):
                return found
            if word := self._store.lock(account.scope, digest):
                try:
                    # while the lock was being taken, its last holder may have put one
                    return self._find(account, digest) or self._upload(account, content, digest)
                finally:
                    self._store.unlock(account.scope, digest, word)
            threading.Event().wait(0.05)
        raise NoAnswer("另一个进程正在上传同一个文件，久未完成", may_have_arrived=False)

    def send(self, account: Account, content: Content, send: Callable[[str], Given]) -> Given:
        """What ``send`` gives for the file's media id; a media id that WeCom refuses is replaced by a new upload, once."""
        media_id = self.get_id(account, content)
        try:
            return send(media_id)
        except ApiError as error:
            if error.code != _BAD_MEDIA:
                raise
        self._store.forget(account.scope, content.digest, media_id)
        return send(self.get_id(account, content))

    def _find(self, account: Account, digest: str) -> str | None:
        return self._store.find(account.scope, digest, to_ms(self._now()))

    def _upload(self, account: Account, content: Content, digest: str) -> str:
        at_ms = to_ms(self._now())  # the earliest moment from which WeCom may count
        media_id = account.upload(content).get("media_id")
        if not isinstance(media_id, str) or not media_id:
            raise NoAnswer("上传的应答里没有 media_id", may_have_arrived=False)
        self._store.put(account.scope, digest, media_id, at_ms)
        return media_id


@dataclass(frozen=True, slots=True)
class Received:
    """A file that a member sent: its bytes, and what they are by their look (never by what anybody says)."""

    data: bytes = field(repr=False)
    type: str


def fetch(wire: Wire, url: str, aes_key: str, *, most_bytes: int = RECEIVED_BYTES) -> Received:
    """The file at an aibot's attachment address, decrypted.

    ``aes_key`` is the channel's EncodingAESKey, or in the long connection the address's own ``aeskey``. Raises ApiError for an address that is
    not WeCom's, one that has expired (5 minutes) or a file that is too large, MediaError for what the key does not open.
    """
    sealed = wire.download(url, most_bytes=most_bytes + _MOST_PADDING_BYTES)
    data = decrypt(sealed, aes_key)
    if len(data) > most_bytes:
        raise MediaError(f"文件超过 {most_bytes} 字节")
    return Received(data, sniff(data))


def fetch_by_id(client: WeComClient, media_id: str, *, most_bytes: int = MOST_BYTES["file"]) -> Received:
    """The file behind a media id of an app's callback; raises ApiError."""
    data = client.download(media_id, most_bytes=most_bytes)
    return Received(data, sniff(data))


def decrypt(sealed: bytes, aes_key: str) -> bytes:
    """The bytes of an aibot's file: AES-256-CBC, the key's first half as IV, padded to 32 (path 100719). Raises MediaError."""
    key = _key_bytes(aes_key)
    if not sealed or len(sealed) % _BLOCK_BYTES:
        raise MediaError("文件不是完整的密文")
    opener = Cipher(algorithms.AES256(key), modes.CBC(key[:_BLOCK_BYTES])).decryptor()
    padded = opener.update(sealed) + opener.finalize()
    count = padded[-1]
    # compared as a whole: how far a wrong padding got is nobody's business
    if not 1 <= count <= _MOST_PADDING_BYTES or not hmac.compare_digest(padded[-count:], bytes([count]) * count):
        raise MediaError("文件解密失败：密钥不对，或文件已损坏")
    return padded[:-count]


def _find_problem(content: Content) -> str | None:
    kind, data = content.kind, content.data
    if kind not in MOST_BYTES:
        return f"未知的媒体类型 {kind}"
    if len(data) < LEAST_BYTES:
        return "文件是空的，或不足 6 字节"
    if len(data) > MOST_BYTES[kind]:
        return f"文件有 {len(data)} 字节，超过上限 {MOST_BYTES[kind]} 字节"
    if kind in _WANTED and sniff(data) not in _WANTED[kind]:
        return _NAMES[kind]
    if kind == "voice" and _voice_ms(data) > LONGEST_VOICE_S * 1000:
        return f"语音超过 {LONGEST_VOICE_S} 秒"
    return None if content.name.strip() and content.name.isprintable() else "文件名是空的，或含有控制字符"


def _voice_ms(data: bytes) -> int:
    """How long an AMR narrow-band voice lasts; 0 for another form of AMR, which WeCom judges."""
    if not data.startswith(_AMR_HEAD):
        return 0
    at, frames = len(_AMR_HEAD), 0
    while at < len(data):
        at += _AMR_FRAME_BYTES[data[at] >> 3 & 15]
        frames += 1
    return frames * 20


def _key_bytes(aes_key: str) -> bytes:
    try:
        key = base64.b64decode(aes_key.rstrip("=") + "=" * (-len(aes_key.rstrip("=")) % 4), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise MediaError("文件的密钥不正确")  # without the key itself
    return key
