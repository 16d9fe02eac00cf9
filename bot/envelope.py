"""The sealed envelope around every callback and every passive answer: verify, open, seal. The home of wechatpy's crypto.

The scheme is WeCom's (paths 90968 and 101033): SHA-1 over the sorted token, timestamp, nonce and ciphertext, and AES-256-CBC around
``16 random bytes | length | text | receive id``. What wechatpy leaves open is closed here: its signature comparison is not constant in
time, it knows no freshness, no JSON envelope, and answers malformed input with assorted exceptions.

What a stranger can send is refused in this order, the cheap checks first: arguments, signature, freshness, base64, decryption, receive id.
No parser runs over an unauthenticated XML body.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

import msgspec
from wechatpy.utils import WeChatSigner
from wechatpy.work.crypto import PrpCrypto
from wechatpy.work.exceptions import InvalidCorpIdException

from bot.errors import Refused

MAX_BODY_BYTES = 1_048_576
"""A larger body is refused unread; WeCom's own messages stay far below."""

WRONG_SIGNATURE = "wrong signature"

_SIGNATURE = re.compile(r"[0-9a-f]{40}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[0-9A-Za-z._~+/=-]{1,128}")
_AES_KEY = re.compile(r"[0-9A-Za-z+/]{43}")
_SEALED = re.compile(r"[0-9A-Za-z+/]+={0,2}")
_SEALED_XML = re.compile(
    rb"<Encrypt>[ \t\r\n]{0,16}(?:<!\[CDATA\[([0-9A-Za-z+/=]+)\]\]>|([0-9A-Za-z+/=]+))[ \t\r\n]{0,16}</Encrypt>",
)
_BLOCK_BYTES = 16
_FRAME_BYTES = 20  # the random prefix and the length
_MAX_PADDING_BYTES = 32


class _SealedJson(msgspec.Struct):
    """The JSON body; the manual writes ``encrypt``, the official plugin takes both spellings."""

    encrypt: str = ""
    capital: str = msgspec.field(name="Encrypt", default="")


class _Crypto(PrpCrypto):  # type: ignore[misc]  # wechatpy has no types
    """wechatpy's cipher with an unpredictable prefix, and with a length that has to be right.

    The prefix stands in for an IV (WeCom's is fixed), and wechatpy draws it from ``random``, whose state forked workers share.
    """

    def get_random_string(self) -> str:
        """16 random characters."""
        return secrets.token_hex(8)

    def _decrypt(self, text: str, _id: str, exception: type[Exception] = Exception) -> str:
        # wechatpy takes what is there when the length says more. With an empty receive id, one in a thousand short texts would then seem to
        # open with a key that is not theirs: of two keys in force, the wrong one.
        framed: bytes = self.cipher.decrypt(base64.b64decode(text))
        content = framed[16 : -framed[-1]]
        end = 4 + int.from_bytes(content[:4], "big")
        if len(content) < max(end, 4):
            raise ValueError("shorter than its length says")
        if content[end:].decode() != _id:
            raise exception
        return content[4:end].decode()


class Envelope:
    """Opens and seals one channel's envelopes. Built once per channel, safe to share between threads: no call changes anything in it.

    ``receive_id`` is the CorpID for an app and for customer contact, empty for aibot and group robots. ``freshness_s`` is how far a
    callback's timestamp may lie from our clock, in either direction. Every refusal is ``Refused``: 400 for what is malformed, 403 for a
    wrong signature, a stale timestamp or another receiver. ``ValueError`` at construction for an unusable token or key, never showing it.
    """

    __slots__ = ("_crypto", "_freshness_s", "_json", "_receive_id", "_token")

    def __init__(self, token: str, aes_key: str, receive_id: str, *, freshness_s: int = 600) -> None:
        if not token:
            raise ValueError("token is empty: without it anybody could sign")
        self._token = token
        self._receive_id = receive_id
        self._freshness_s = freshness_s
        self._crypto = _Crypto(_key_bytes(aes_key))
        self._json = msgspec.json.Decoder(_SealedJson)

    def __repr__(self) -> str:
        return f"Envelope(receive_id={'set' if self._receive_id else 'empty'}, freshness_s={self._freshness_s})"

    def verify(self, args: Mapping[str, str], now_s: float) -> str:
        """The plaintext that answers WeCom's GET when an operator saves the callback address."""
        return self._open(args, args.get("echostr", ""), now_s)

    def open_json(self, args: Mapping[str, str], body: bytes, now_s: float) -> str:
        """The plaintext of a JSON callback."""
        _check_size(body)
        try:
            sealed = self._json.decode(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "body is not a JSON envelope") from error
        return self._open(args, sealed.encrypt or sealed.capital, now_s)

    def open_xml(self, args: Mapping[str, str], body: bytes, now_s: float) -> str:
        """The plaintext of an XML callback."""
        _check_size(body)
        return self._open(args, _sealed_in_xml(body), now_s)

    def seal_json(self, plaintext: str, nonce: str, now_s: float) -> str:
        """The JSON answer around ``plaintext``; an aibot wants the callback's own ``nonce`` back."""
        sealed, timestamp, signature = self._seal(plaintext, nonce, now_s)
        answer = {"encrypt": sealed, "msgsignature": signature, "timestamp": timestamp, "nonce": nonce}
        return msgspec.json.encode(answer).decode()

    def seal_xml(self, plaintext: str, nonce: str, now_s: float) -> str:
        """The XML answer around ``plaintext``."""
        sealed, timestamp, signature = self._seal(plaintext, nonce, now_s)
        return (
            f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _open(self, args: Mapping[str, str], sealed: str, now_s: float) -> str:
        signature = _argument(args, "msg_signature", _SIGNATURE)
        timestamp = _argument(args, "timestamp", _TIMESTAMP)
        nonce = _argument(args, "nonce", _NONCE)
        if len(sealed) > MAX_BODY_BYTES or not _SEALED.fullmatch(sealed):
            raise Refused(400, "ciphertext is missing or not base64")
        if not hmac.compare_digest(self._sign(timestamp, nonce, sealed), signature):
            raise Refused(403, WRONG_SIGNATURE)
        if not abs(now_s - int(timestamp)) <= self._freshness_s:
            raise Refused(403, "stale timestamp")
        return self._decrypt(sealed)

    def _decrypt(self, sealed: str) -> str:
        try:
            size = len(base64.b64decode(sealed, validate=True))
            if size % _BLOCK_BYTES:
                raise Refused(400, "ciphertext is not whole blocks")
            plaintext: str = self._crypto.decrypt(sealed, self._receive_id)
        except InvalidCorpIdException as error:
            raise Refused(403, "meant for another receiver") from error
        except (KeyError, IndexError, struct.error, ValueError, UnicodeDecodeError, binascii.Error, ExpatError) as error:
            raise Refused(400, "ciphertext does not open") from error
        # wechatpy cuts off whatever the last byte says; by the scheme that is 1 to 32 bytes.
        if not 1 <= size - _FRAME_BYTES - len(plaintext.encode()) - len(self._receive_id.encode()) <= _MAX_PADDING_BYTES:
            raise Refused(400, "ciphertext is not padded by the scheme")
        return plaintext

    def _seal(self, plaintext: str, nonce: str, now_s: float) -> tuple[str, int, str]:
        timestamp = int(now_s)
        sealed: str = self._crypto.encrypt(plaintext, self._receive_id).decode()
        return sealed, timestamp, self._sign(str(timestamp), nonce, sealed)

    def _sign(self, timestamp: str, nonce: str, sealed: str) -> str:
        signer = WeChatSigner()
        signer.add_data(self._token, timestamp, nonce, sealed)
        signature: str = signer.signature
        return signature


@dataclass(frozen=True, slots=True)
class Opened:
    """A plaintext, and the envelope that opened it: the answer goes back in the same one."""

    plaintext: str
    envelope: Envelope


class Envelopes:
    """The envelopes of one channel: one, or two while its keys are being replaced. The one that opens a callback seals its answer.

    What neither opens is refused as the one that got farther refuses it. Safe to share between threads.
    """

    __slots__ = ("_envelopes",)

    def __init__(self, first: Envelope, *others: Envelope) -> None:
        self._envelopes: Sequence[Envelope] = (first, *others)

    def verify(self, args: Mapping[str, str], now_s: float) -> Opened:
        """The answer to WeCom's GET, which comes with the new keys before the console saves them."""
        return self._open(lambda envelope: envelope.verify(args, now_s))

    def open_json(self, args: Mapping[str, str], body: bytes, now_s: float) -> Opened:
        """A JSON callback."""
        return self._open(lambda envelope: envelope.open_json(args, body, now_s))

    def open_xml(self, args: Mapping[str, str], body: bytes, now_s: float) -> Opened:
        """An XML callback."""
        return self._open(lambda envelope: envelope.open_xml(args, body, now_s))

    def is_next(self, envelope: Envelope) -> bool:
        """Whether these are the keys that are to take over."""
        return envelope is not self._envelopes[0]

    def _open(self, open_one: Callable[[Envelope], str]) -> Opened:
        refusals = []
        for envelope in self._envelopes:
            try:
                return Opened(open_one(envelope), envelope)
            except Refused as refused:
                refusals.append(refused)
        # Signed with one pair's token and still refused says more than not signed with the other's.
        raise max(refusals, key=lambda refused: refused.reason != WRONG_SIGNATURE)


def is_json(body: bytes) -> bool:
    """Whether a callback's body is JSON: the group robot speaks either format, as its address was configured."""
    return body[:64].lstrip().startswith(b"{")


def _argument(args: Mapping[str, str], name: str, shape: re.Pattern[str]) -> str:
    value = args.get(name, "")
    if not shape.fullmatch(value):
        raise Refused(400, f"argument {name} is missing or malformed")
    return value


def _check_size(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise Refused(400, "body is too large")


def _sealed_in_xml(body: bytes) -> str:
    # Exactly one: of two, the one we sign over and the one somebody else reads could differ.
    found = _SEALED_XML.search(body) if body.count(b"<Encrypt>") == 1 else None
    if found is None:
        raise Refused(400, "body is not an XML envelope")
    sealed: bytes = found[1] or found[2]
    return sealed.decode("ascii")


def _key_bytes(aes_key: str) -> bytes:
    if not _AES_KEY.fullmatch(aes_key):
        raise ValueError("aes_key is not an EncodingAESKey: 43 letters and digits")
    return base64.b64decode(aes_key + "=")
