"""Logins by password: setting one up, coming in with it, changing and ending it. A password alone opens nothing: a code of the member's app goes with it.

Whatever is wrong – the name, the password, the code – the answer is the same, and so is the work done for it. Tries are counted for whom they name,
known or not; a login link is never refused for them, so nobody is locked out by another's tries.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Semaphore

import pyotp
from pyotp.exceptions import OTPVerificationError
from werkzeug.security import check_password_hash, generate_password_hash

from bot.errors import UserError
from bot.members import name_of
from rules.passwords import LONGEST, plain_of, problem_of
from storage.accounts import Account
from storage.limits import Limits, Rules
from storage.moment import to_ms
from storage.stores import Stores

PER_ACCOUNT: Rules = ((10, 900), (40, 86_400))
"""Tries with one member's password: ten in a quarter of an hour, forty a day."""
AT_ONCE = 2
"""Passwords compared at a time in one process: each takes 32 MB and a tenth of a second."""
PATIENCE_S = 3.0
METHOD = "scrypt:32768:8:1"
NOBODYS = f"{METHOD}$nobodyhaspassword${'0' * 128}"
"""What is compared for those who have no password, so that it takes as long."""
NOBODY = Account(NOBODYS, "A" * 32, 0, datetime.min.replace(tzinfo=UTC))
"""Whose codes are compared where a name or password was wrong."""
DRIFT = 1
"""Codes that are good: of this half minute, and so many before and after it, for clocks differ."""
_CODE = 6
DONE = ("done", "same")
ISSUER = "群管家"
WRONG = "账号、密码或验证码不对，或者这个验证码已经用过：等下一个再试。一直不行就用企业微信里“控制台”给的链接登录。"
BUSY = "现在登录的人太多，请过几秒再试。"


class TooOften(UserError):
    """Too many tries; ``wait_ms`` until the next one is looked at."""

    def __init__(self, wait_ms: int) -> None:
        self.wait_ms = wait_ms
        super().__init__(f"试得太多了，请 {-(-wait_ms // 1000)} 秒后再试，或者用企业微信里“控制台”给的链接登录。")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a form for a new login shows: the secret for the code app, plain and as the address that its QR code holds."""

    secret: str
    address: str


class AccountDesk:
    """Everything that is done with logins by password. Threads of a process share one."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._limits = Limits(stores.database)
        self._turns = Semaphore(AT_ONCE)

    def enter(self, user: str, password: str, code: str, now: datetime) -> int | None:
        """The member who shows his user id, password and code; None for anybody else. Uses the code up. Raises TooOften, UserError."""
        number = self._stores.directory.find_number(user) or 0
        seen = self._compared(f"console.password.{hashlib.sha256(user.encode()).hexdigest()[:16]}", number, password, now)
        is_shown = self._shown(number if seen else 0, seen or NOBODY, code, now)  # asked in any case: it takes as long
        return number if seen and is_shown else None

    def offer(self, number: int, once: str) -> Offer:
        """What the form with this mark offers to a member's code app."""
        secret = self._stores.accounts.secret_for(number, once)
        return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=self._name(number), issuer_name=ISSUER))

    def set_up(self, number: int, password: str, code: str, now: datetime, *, once: str) -> list[str]:
        """Gives a member a login by password, once his app's first code is right; gives his recovery codes. Raises UserError."""
        accounts, mark = self._stores.accounts, f"set up:{once}"
        if accounts.is_done(number, mark):
            return accounts.codes_for(number, mark)
        self._refuse_bad(number, password)
        secret = accounts.secret_for(number, once)
        counter = _counter_of(secret, _plain(code), now)
        if not counter:
            raise UserError("验证码不对：请在验证器里加上面这个二维码，填它现在显示的 6 位数字，例如 123456。手机的时间要自动校准。")
        codes = accounts.codes_for(number, mark)
        if accounts.set_up(number, self._hashed(password), secret, codes, counter, now, once=mark) not in DONE:
            raise UserError("你已经设过密码登录了。要重新设置，请先关闭它。")
        return codes

    def change_password(self, number: int, old: str, code: str, new: str, now: datetime, *, once: str) -> None:
        """Puts a new password in force. Raises UserError, for a wrong old password or code too."""
        mark = f"password:{once}"  # the forms of one page share what they are known by: it takes the act to tell them apart
        if self._stores.accounts.is_done(number, mark):
            return
        self._refuse_bad(number, new)
        seen = self._owned(number, old, now)
        self._changed(number, seen, code, now, once=mark, password=self._hashed(new))

    def renew_codes(self, number: int, password: str, code: str, now: datetime, *, once: str) -> list[str]:
        """Ten new recovery codes in place of those that are left. Raises UserError."""
        mark = f"codes:{once}"
        codes = self._stores.accounts.codes_for(number, mark)
        if not self._stores.accounts.is_done(number, mark):
            self._changed(number, self._owned(number, password, now), code, now, once=mark, codes=codes)
        return codes

    def close(self, number: int, password: str, code: str, now: datetime) -> None:
        """Ends a member's login by password, for himself; where the sealing key was lost no code can be right, and none is asked for. Raises UserError."""
        seen = self._owned(number, password, now)
        if not seen.secret:
            self._stores.accounts.drop(number)
            return
        counter, recovery = self._read(seen, code, now)
        if self._stores.accounts.close(number, seen, counter=counter, recovery=recovery) != "done":
            raise UserError(WRONG)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _compared(self, tries: str, number: int, password: str, now: datetime) -> Account | None:
        """The login of a member whose password this is; as much work for everybody else. ``tries`` is where they are counted."""
        if wait_ms := self._limits.acquire(tries, PER_ACCOUNT, to_ms(now)):
            raise TooOften(wait_ms)
        seen = self._stores.accounts.find(number)
        with self._turn():
            is_right = check_password_hash(seen.password if seen else NOBODYS, plain_of(password[: 2 * LONGEST]))
        return seen if is_right else None

    def _owned(self, number: int, password: str, now: datetime) -> Account:
        """The login of a member who is in; his tries are counted apart from those of strangers who name him at the login page."""
        seen = self._compared(f"console.own.{number}", number, password, now)
        if seen is None:
            raise UserError(WRONG)
        return seen

    def _shown(self, number: int, seen: Account, code: str, now: datetime) -> bool:
        counter, recovery = self._read(seen, code, now)
        return self._stores.accounts.take(number, seen, counter=counter, recovery=recovery) == "done"

    def _changed(
        self, number: int, seen: Account, code: str, now: datetime, *, once: str, password: str = "", codes: list[str] | None = None
    ) -> None:
        counter, recovery = self._read(seen, code, now)
        take = self._stores.accounts.take
        if take(number, seen, counter=counter, recovery=recovery, once=once, password=password, codes=codes or ()) not in DONE:
            raise UserError(WRONG)

    def _read(self, seen: Account, code: str, now: datetime) -> tuple[int, str]:
        """A typed code as the number of the app's code or as a recovery code; neither for one that cannot be right."""
        plain = _plain(code)
        if plain.isdecimal() and len(plain) == _CODE:
            return _counter_of(seen.secret, plain, now), ""
        return 0, plain

    def _refuse_bad(self, number: int, password: str) -> None:
        names = (self._stores.directory.find_user(number) or "", name_of(self._stores, number))
        if problem := problem_of(password, names):
            raise UserError(problem)

    def _hashed(self, password: str) -> str:
        with self._turn():
            return generate_password_hash(plain_of(password), METHOD)

    def _name(self, number: int) -> str:
        return self._stores.directory.find_user(number) or str(number)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise UserError(BUSY)
        try:
            yield
        finally:
            self._turns.release()


def _plain(code: str) -> str:
    """A code as it is compared: of half width, without blanks."""
    return "".join(unicodedata.normalize("NFKC", code).split())


def _counter_of(secret: str, plain: str, now: datetime) -> int:
    """The number of the half minute whose code this is, 0 for a wrong one."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(plain, for_time=now, valid_window=DRIFT) if secret and plain.isascii() else 0
    except OTPVerificationError:
        return 0
