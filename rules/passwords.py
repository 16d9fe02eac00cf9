"""Whether a password is good enough: long, not the member's own name, and none of those that everybody tries first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

SHORTEST = 12
LONGEST = 200
FEWEST_DIFFERENT = 6
"""Different characters that a password has at least: ``aaaaaaaaaaaa`` is long and worth nothing."""
FEWEST_OWN = 6
"""Characters that are left at least when his name and what everybody tries are taken away."""
ORDINARY = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "qwertyuiop", "qwerty", "asdfghjkl", "zxcvbnm", "1qaz2wsx", "qazwsx", "q1w2e3r4", "letmein", "welcome",
    "iloveyou", "woaini", "5201314", "1314520", "abcdefghijklmnopqrstuvwxyz", "abcdefgh", "abcdef", "abc123", "admin", "administrator", "root",
    "changeme", "secret", "mima", "guanliyuan", "qunguanjia", "weixin", "wechat", "wecom", "qiyeweixin", "monkey", "dragon", "football",
    "1234567890", "123456789", "12345678", "123456", "123123", "147258369", "987654321", "0987654321", "11111111", "000000", "666666", "888888",
    "correct", "horse", "battery", "staple", "海豚雨伞周三拿铁37", "密码", "群管家", "企业微信", "我爱你", "管理员",
)  # fmt: skip
"""What passwords are made of that everybody tries first, our own example among them."""
_LONGEST_FIRST = sorted(ORDINARY, key=len, reverse=True)


def problem_of(password: str, about: Iterable[str] = ()) -> str:
    """Why a password is not good enough, in Chinese with what to do; "" for a good one. ``about`` are the member's names and user id."""
    plain = plain_of(password)
    if len(plain) < SHORTEST:
        return f"太短了：有 {len(plain)} 位，至少 {SHORTEST} 位。几个不相干的词连起来就好记，例如：海豚 雨伞 周三 拿铁 37"
    if len(plain) > LONGEST:
        return f"太长了：有 {len(plain)} 位，最多 {LONGEST} 位。"
    lowered = plain.casefold()
    if len(set(lowered)) < FEWEST_DIFFERENT:
        return "同样的字重复太多，容易被猜到。几个不相干的词连起来就好，例如：海豚 雨伞 周三 拿铁 37"
    own = re.sub(r"[\W_]", "", lowered)
    for word in (*(re.sub(r"[\W_]", "", plain_of(name).casefold()) for name in about), *_LONGEST_FIRST):
        if len(word) > 1:
            own = own.replace(word, "")
    if len(own) < FEWEST_OWN or len(set(own)) < FEWEST_OWN - 2:
        return "里面大半是你的名字，或者人人先试的词（123456、password 之类）。换几个不相干的词连起来，例如：海豚 雨伞 周三 拿铁 37"
    return ""


def plain_of(password: str) -> str:
    """A password as it is compared: the same characters give the same, whichever keyboard wrote them."""
    return unicodedata.normalize("NFKC", password).strip()
