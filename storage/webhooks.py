"""Group webhooks that were replaced while the bot runs: the new keys sealed, the old ones refused for ever."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken

from storage import keys
from storage.connection import Database, Script


@dataclass(frozen=True, slots=True)
class WebhookState:
    """What was replaced: the keys by place ('' for one that our sealing key does not open), and the digests of those that are refused."""

    keys: Mapping[str, str] = field(repr=False)
    refused: frozenset[str]


class Webhooks:
    """Keys by place (community and chat). ``sealing_key`` is a Fernet key that stays outside Redis."""

    def __init__(self, database: Database, sealing_key: bytes) -> None:
        self._database = database
        self._seal = Fernet(sealing_key)
        self._sealing_key = sealing_key
        self._replace = Script("replace_webhook")

    def state(self) -> WebhookState:
        """All of it; one round trip."""
        flat, refused = self._database.pipeline([("HGETALL", keys.WEBHOOKS()), ("SMEMBERS", keys.WEBHOOKS_REFUSED())])
        opened = {place: self._open(kept) for place, kept in zip(flat[::2], flat[1::2], strict=True)}
        return WebhookState(opened, frozenset(refused))

    def replace(self, place: str, key: str, configured: str) -> str:
        """Puts a key in force at a place and refuses the one before it, at first the ``configured`` one ('' none).

        Gives ``replaced``, ``same`` when it is in force already, ``refused`` when it was replaced itself, here or elsewhere.
        """
        sealed = f"{self.digest(key)}|{self._seal.encrypt(key.encode()).decode()}"
        before = self.digest(configured) if configured else ""
        return str(self._database.act(self._replace, [keys.WEBHOOKS(), keys.WEBHOOKS_REFUSED()], [place, sealed, self.digest(key), before]))

    def digest(self, key: str) -> str:
        """What may be shown of a key: 16 hex digits that nobody can guess it from."""
        return hmac.new(self._sealing_key, f"webhook {key}".encode(), hashlib.sha256).hexdigest()[:16]

    def _open(self, kept: str) -> str:
        try:
            return self._seal.decrypt(kept.partition("|")[2]).decode()
        except InvalidToken:
            return ""
