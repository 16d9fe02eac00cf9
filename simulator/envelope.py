"""WeCom's sealed envelope, written from the public description alone: signature, AES-256-CBC, and its JSON and XML wrappings.

Nothing is shared with the bot, so that a misunderstanding there shows up here. Source: manual pages 90968 and 101033.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAD_BYTES = 32


class EnvelopeError(ValueError):
    """An envelope that WeCom would not open; the text says which step failed and holds no secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A closed envelope: base64 ciphertext and the three values that travel beside it."""

    encrypt: str
    signature: str
    timestamp: str
    nonce: str


class Envelope:
    """Seals and opens for one channel. ``receive_id`` is the CorpID for apps and the empty string for both kinds of robots."""

    def __init__(self, token: str, aes_key: str, receive_id: str) -> None:
        self._token = token
        self._receive_id = receive_id.encode()
        self._key = base64.b64decode(aes_key + "=")
        if len(self._key) != 32:
            raise ValueError("an EncodingAESKey has 43 characters and stands for 32 bytes")

    def sign(self, timestamp: str, nonce: str, encrypt: str) -> str:
        """The hex SHA-1 over the four sorted strings."""
        return hashlib.sha1("".join(sorted((self._token, timestamp, nonce, encrypt))).encode(), usedforsecurity=False).hexdigest()

    def seal(self, text: str, timestamp: str, nonce: str) -> Sealed:
        """The plaintext under a fresh random prefix."""
        message = text.encode()
        plain = secrets.token_bytes(16) + struct.pack(">I", len(message)) + message + self._receive_id
        encrypt = base64.b64encode(self.encrypt_media(plain)).decode()
        return Sealed(encrypt, self.sign(timestamp, nonce, encrypt), timestamp, nonce)

    def open(self, sealed: Sealed) -> str:
        """The plaintext; EnvelopeError for a wrong signature, a bad cipher text, or another receiver."""
        if not hmac.compare_digest(self.sign(sealed.timestamp, sealed.nonce, sealed.encrypt).encode(), sealed.signature.encode()):
            raise EnvelopeError("the signature does not fit")
        plain = self.decrypt_media(_unbase64(sealed.encrypt))
        if len(plain) < 20:
            raise EnvelopeError("the plaintext is shorter than its own header")
        end = 20 + int(struct.unpack(">I", plain[16:20])[0])
        if end > len(plain):
            raise EnvelopeError("the length field points behind the end")
        if plain[end:] != self._receive_id:
            raise EnvelopeError("the envelope is addressed to another receiver")
        try:
            return plain[20:end].decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError("the plaintext is not UTF-8") from error

    def encrypt_media(self, data: bytes) -> bytes:
        """The cipher text of raw bytes, as WeCom stores images and files (no prefix, no receiver)."""
        pad = PAD_BYTES - len(data) % PAD_BYTES
        encryptor = self._cipher().encryptor()
        return encryptor.update(data + bytes([pad]) * pad) + encryptor.finalize()

    def decrypt_media(self, data: bytes) -> bytes:
        """The raw bytes back; EnvelopeError for a wrong length or padding."""
        if not data or len(data) % 16:
            raise EnvelopeError("the cipher text is not made of whole blocks")
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        pad = padded[-1]
        if not 1 <= pad <= PAD_BYTES or pad > len(padded):
            raise EnvelopeError("the padding is wrong")
        return padded[:-pad]

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise EnvelopeError("the cipher text is not base64") from error
