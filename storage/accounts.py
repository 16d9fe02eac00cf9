"""Logins by password: who has one, what is compared, and the codes that were taken. Secrets are sealed, passwords and recovery codes are digests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from cryptography.fernet import Fernet, InvalidToken

from storage import keys
from storage.connection import Database, Script, pairs
from storage.moment import from_ms, to_ms
from storage.personal import Personal

Outcome = Literal["done", "same", "changed", "used"]
"""What became of a change: done; done before; not done, for the login is another by now; not done, for the code was taken before or is none of his."""
RECOVERY_CODES = 10
SEED_LIFE_MS = 7 * 86_400_000
"""How long what follows a login that was ended is made from another seed: no form lives longer than its session."""
LONGEST_CODE = 32
"""Characters that are looked at of what is typed as a code."""
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""What recovery codes are made of: nothing that is mistaken for something else when it is typed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A member's login by password: the password's digest, the secret of his code app ('' when the sealing key was lost), how many recovery codes are left."""

    password: str = field(repr=False)
    secret: str = field(repr=False)
    codes_left: int
    since: datetime


class Accounts:
    """The logins by password of all members. ``sealing_key`` is a Fernet key."""

    PERSONAL = Personal(
        "密码登录",
        "让有角色的人用密码登录控制台",
        (keys.CONSOLE_ACCOUNT, keys.CONSOLE_SEED),
        what="密码和恢复码的摘要、加密的验证器密钥、设于哪天",
        erasing="全部删除",
        stays=(keys.CONSOLE_SEED,),
        stays_why="一个随机数，7 天后自动消失；没有它，旧的登录表单会再生效",
        passing=(keys.CONSOLE_SEED,),
        passing_why="只是一个随机数",
    )

    def __init__(self, database: Database, sealing_key: bytes) -> None:
        self._database = database
        self._fernet = Fernet(sealing_key)
        self._key = sealing_key
        self._change = Script("change_account")
        self._drop = Script("drop_account")

    def find(self, number: int) -> Account | None:
        """A member's login by password, None where he has none; one round trip either way."""
        flat = self._database.command("HGETALL", keys.CONSOLE_ACCOUNT(member=number))
        kept = pairs(flat)
        if not kept:
            return None
        return Account(kept["password"], self._opened(kept["secret"]), len(kept["codes"].split()), from_ms(int(kept["since"])))

    def among(self, numbers: Sequence[int]) -> set[int]:
        """Which of some members have a login by password; one round trip."""
        found = self._database.pipeline([("EXISTS", keys.CONSOLE_ACCOUNT(member=number)) for number in numbers])
        return {number for number, there in zip(numbers, found, strict=True) if there}

    def set_up(self, number: int, password: str, secret: str, codes: Sequence[str], counter: int, now: datetime, *, once: str) -> Outcome:
        """Gives a member who has none a login: its password's digest, its secret, recovery codes, and the number of the code that proved the app."""
        fields = {"password": password, "secret": self._sealed(secret), "codes": self._digests(number, codes), "since": str(to_ms(now))}
        return self._act(number, "", once, counter, "", fields)

    def is_done(self, number: int, once: str) -> bool:
        """Whether the newest change of a member's login was asked for by the form with this mark."""
        return bool(once) and self._database.command("HGET", keys.CONSOLE_ACCOUNT(member=number), "mark") == _mark(once)

    def take(
        self, number: int, seen: Account, *, counter: int = 0, recovery: str = "", once: str = "", password: str = "", codes: Sequence[str] = ()
    ) -> Outcome:  # fmt: skip
        """Takes a code, the app's by its number or a recovery code, and puts a new password's digest or new recovery codes in force, if given."""
        fields = {"password": password, "codes": self._digests(number, codes)}
        given = {name: value for name, value in fields.items() if value}
        return self._act(number, seen.password, once, counter, self._digest(number, recovery), given)

    def close(self, number: int, seen: Account, *, counter: int = 0, recovery: str = "") -> Outcome:
        """Takes a code and ends the login."""
        return self._act(number, seen.password, "", counter, self._digest(number, recovery), None)

    def drop(self, number: int) -> bool:
        """Ends a member's login; False where he had none."""
        return bool(self._database.act(self._drop, _keys_of(number), [secrets.token_hex(16), SEED_LIFE_MS]))

    def secret_for(self, number: int, once: str) -> str:
        """The secret (Base32) that a form offers to a member's code app: the same as long as the form is, until his login is ended."""
        return base64.b32encode(self._made_for(number, once, self._seed(number), "secret")[:20]).decode()

    def codes_for(self, number: int, once: str) -> list[str]:
        """The ten recovery codes that a form gives out, in two halves of five letters: the same for its repeats, until his login is ended."""
        found, seed = [], self._seed(number)
        for n in range(RECOVERY_CODES):
            word = "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._made_for(number, once, seed, f"code {n}")[:10])
            found.append(f"{word[:5]}-{word[5:]}")
        return found

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member has a login by password; its secrets are his alone, and stay here as digests."""
        found = self.find(number)
        return {"密码登录": {"设于": found.since.isoformat(), "剩余恢复码": found.codes_left}} if found else {}

    def erase_user(self, number: int) -> str:
        """Ends the member's login."""
        return "已删除密码登录" if self.drop(number) else "没有密码登录"

    def _act(
        self, number: int, password: str, once: str, counter: int, recovery: str, fields: Mapping[str, str] | None
    ) -> Outcome:  # fmt: skip
        pairs = [word for pair in (fields or {}).items() for word in pair]
        what = ["drop", secrets.token_hex(16), SEED_LIFE_MS] if fields is None else ["put", *pairs]
        return cast(Outcome, self._database.act(self._change, _keys_of(number), [_mark(once), password, counter, recovery, *what]))

    def _digests(self, number: int, codes: Sequence[str]) -> str:
        return "".join(f"{self._digest(number, code)} " for code in codes)

    def _digest(self, number: int, code: str) -> str:
        """What stands for a recovery code, however it is typed: it is too short for a digest that anybody can compute."""
        plain = "".join(letter for letter in code[:LONGEST_CODE].upper() if letter in _LETTERS)
        return hmac.new(self._key, f"recovery code {number} {plain}".encode(), hashlib.sha256).hexdigest()[:32] if plain else ""

    def _seed(self, number: int) -> str:
        return self._database.command("GET", keys.CONSOLE_SEED(member=number)) or ""

    def _made_for(self, number: int, once: str, seed: str, what: str) -> bytes:
        return hmac.new(self._key, f"made for {number} {once} {seed} {what}".encode(), hashlib.sha256).digest()

    def _sealed(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode()).decode()

    def _opened(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return ""


def _keys_of(number: int) -> list[str]:
    return [keys.CONSOLE_ACCOUNT(member=number), keys.CONSOLE_SEED(member=number)]


def _mark(once: str) -> str:
    return hashlib.sha256(once.encode()).hexdigest()[:16] if once else ""
