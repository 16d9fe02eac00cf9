"""What a QR code in a picture leads to: a WeChat group or person, a payment, some website, or words that are judged as any others."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from rules.contacts import Contact, is_allowed
from rules.judgement import RULES, Category, Reason

_SHOWN = 80
_LINK = re.compile(r"(?:https?://|www\.)(?:[^/?#@\s]*@)?(?P<host>[^/?#:\s]+)(?::[0-9]+)?(?P<path>[^?#\s]*)", re.IGNORECASE)
_OTHERS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]{1,30}):(?=\S)", re.IGNORECASE)
_Kind = Literal["contact", "payment", "link"]
_MEANING: dict[_Kind, tuple[Category, str]] = {
    "contact": ("contact", RULES["contact"]), "payment": ("advert", "未经同意不发收款码"), "link": ("advert", RULES["advert"]),
}  # fmt: skip
"""The category and the rule of each kind: to ask for money is no fraud yet."""
_HARMLESS = frozenset({"geo", "wifi"})
_PLACES: tuple[tuple[str, str, _Kind, float, str], ...] = (
    ("weixin.qq.com", "/g/", "contact", 0.9, "微信群"),
    ("u.wechat.com", "/", "contact", 0.9, "微信个人名片"),
    ("weixin.qq.com", "/r/", "contact", 0.7, "公众号"),
    ("weixin.qq.com", "/q/", "contact", 0.7, "公众号"),
    ("work.weixin.qq.com", "/gm/", "contact", 0.9, "企业微信群"),
    ("work.weixin.qq.com", "/g/", "contact", 0.9, "企业微信群"),
    ("work.weixin.qq.com", "/ca/", "contact", 0.9, "企业微信名片"),
    ("work.weixin.qq.com", "/u/", "contact", 0.9, "企业微信名片"),
    ("work.weixin.qq.com", "/kfid/", "contact", 0.9, "微信客服"),
    ("qm.qq.com", "/", "contact", 0.9, "QQ 或 QQ 群"),
    ("jq.qq.com", "/", "contact", 0.9, "QQ 群"),
    ("qun.qq.com", "/", "contact", 0.9, "QQ 群"),
    ("t.me", "/", "contact", 0.9, "电报"),
    ("line.me", "/", "contact", 0.9, "LINE"),
    ("wa.me", "/", "contact", 0.9, "WhatsApp"),
    ("qr.alipay.com", "/", "payment", 0.7, "支付宝收款"),
    ("qr.95516.com", "/", "payment", 0.7, "云闪付收款"),
    ("payapp.weixin.qq.com", "/", "payment", 0.7, "微信收款"),
)  # fmt: skip
"""Domain, beginning of the path (``/`` is every path), kind, score, and what it is called; the first that fits."""
_SCHEMES: dict[str, tuple[_Kind, float, str]] = {
    "wxp": ("payment", 0.7, "微信收款"), "weixin": ("contact", 0.7, "微信里的页面"), "alipays": ("payment", 0.7, "支付宝里的页面"),
    "alipayqr": ("payment", 0.7, "支付宝收款"), "mqqapi": ("contact", 0.9, "QQ 或 QQ 群"), "tg": ("contact", 0.9, "电报"),
    "begin": ("contact", 0.8, "电话名片"), "mecard": ("contact", 0.8, "电话名片"), "tel": ("contact", 0.8, "电话"),
    "sms": ("contact", 0.8, "短信号码"), "smsto": ("contact", 0.8, "短信号码"), "mailto": ("contact", 0.7, "邮箱"),
}  # fmt: skip
"""The same for what is no web address, by what stands before its colon."""


def find_reason(code: str, allowed: Collection[str] = ()) -> Reason | None:
    """Why a person should look at a code; None for one that is harmless, and for mere words (:func:`is_words`).

    ``allowed`` are the community's own domains. A place where anybody may have a group or be paid is nobody's own, whatever its domain.
    """
    if link := _LINK.match(code):
        return _of_link(code, link["host"].lower().rstrip("."), link["path"].lower() or "/", allowed)
    scheme = _scheme(code)
    if not scheme or scheme in _HARMLESS:
        return None
    kind, score, what = _SCHEMES.get(scheme, ("link", 0.5, "别的应用"))
    return _reason(kind, score, f"{what}的二维码", code)


def is_words(code: str) -> bool:
    """Whether a code leads nowhere by itself, and holds words to be read."""
    return not _LINK.match(code) and not _scheme(code)


def _scheme(code: str) -> str:
    found = _OTHERS.match(code)
    return found["scheme"].lower() if found else ""


def _of_link(code: str, host: str, path: str, allowed: Collection[str]) -> Reason | None:
    for domain, start, kind, score, what in _PLACES:
        if host == domain and path.startswith(start):
            return _reason(kind, score, f"{what}的二维码", code)
    is_own = is_allowed(Contact("link", host, 0, len(host)), allowed)
    return None if is_own else _reason("link", 0.5, f"通往 {host[:_SHOWN]} 的二维码", code)


def _reason(kind: _Kind, score: float, what: str, code: str) -> Reason:
    category, rule = _MEANING[kind]
    return Reason("adverts", category, score, 2, rule, f"图片里有{what}“{code[:_SHOWN]}”")
