"""Group webhooks that were put in while the bot runs: the keys sealed, those that they replaced refused for ever."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class WebhookState:
    """What was put in: the keys by place ('' for one that our sealing key does not open), and the digests of those that are refused."""

    keys: Mapping[str, str] = field(repr=False)
    refused: frozenset[str]


class Webhooks:
    """Keys by place (community and chat). ``sealing_key`` is a Fernet key that stays outside Redis.

    Each process remembers which places have one, so that asking costs nothing; what others changed is known after ``keep_up``.
    """

    PERSONAL = Personal(
        "群机器人的地址",
        "加密的 Webhook",
        (keys.WEBHOOKS, keys.WEBHOOKS_REFUSED, keys.WEBHOOKS_ONCE),
    )

    def __init__(self, database: Database, sealing_key: bytes) -> None:
        self._database = database
        self._seal = Fernet(sealing_key)
        self._sealing_key = sealing_key
        self._put = Script("put_webhook")
        self._places: frozenset[str] = frozenset()

    def state(self) -> WebhookState:
        """All of it; one round trip."""
        flat, refused = self._database.pipeline([("HGETALL", keys.WEBHOOKS()), ("SMEMBERS", keys.WEBHOOKS_REFUSED())])
        opened = {place: self._open(kept) for place, kept in zip(flat[::2], flat[1::2], strict=True)}
        self._places = frozenset(opened)
        return WebhookState(opened, frozenset(refused))

    def has(self, place: str) -> bool:
        """Whether a key was put in at a place. No round trip."""
        return place in self._places

    def keep_up(self) -> None:
        """Learns which places have a key now; one round trip, which brings no key."""
        self._places = frozenset(self._database.command("HKEYS", keys.WEBHOOKS()))

    def put(self, place: str, key: str, configured: str, *, once: str) -> tuple[str, str]:
        """Puts a key in force at a place and refuses the one before it, at first the ``configured`` one ('' none).

        Gives what was done and the digest of the key before ('' none): ``added``, ``replaced``, ``same`` when it is in force already, ``refused``
        when it was replaced itself, here or elsewhere. A repeat of a change gives its first result.
        """
        sealed = f"{self.digest(key)}|{self._seal.encrypt(key.encode()).decode()}"
        return self._change(place, sealed, self.digest(key), self.digest(configured) if configured else "", once)

    def remove(self, place: str, *, once: str) -> tuple[str, str]:
        """Takes out the key that was put in at a place: ``removed`` or ``missing``, and the digest of the key, which may be put in again."""
        return self._change(place, "", "", "", once)

    def _change(self, place: str, sealed: str, digest: str, configured: str, once: str) -> tuple[str, str]:
        where = [keys.WEBHOOKS(), keys.WEBHOOKS_REFUSED(), keys.WEBHOOKS_ONCE(id=once)]
        done, before = self._database.act(self._put, where, [place, sealed, digest, configured, ONCE_LIFE_MS])
        self.keep_up()
        return str(done), str(before)

    def digest(self, key: str) -> str:
        """What may be shown of a key: 16 hex digits that nobody can guess it from."""
        return hmac.new(self._sealing_key, f"webhook {key}".encode(), hashlib.sha256).hexdigest()[:16]

    def _open(self, kept: str) -> str:
        try:
            return self._seal.decrypt(kept.partition("|")[2]).decode()
        except InvalidToken:
            return ""
