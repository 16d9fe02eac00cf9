"""Ways to reach somebody that stand in a text: links, phones, WeChat and QQ ids, also where they are written so that nobody should find them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from ahocorasick_rs import AhoCorasick

from rules.text import normalise

ContactKind = Literal["link", "phone", "wechat", "qq", "telegram", "account", "pull"]
TITLES: dict[ContactKind, str] = {
    "link": "网址", "phone": "电话", "wechat": "微信号", "qq": "QQ 号", "telegram": "电报号", "account": "银行卡号", "pull": "拉人的话",
}  # fmt: skip

_DOT = r"\s?(?:\.|。|点|·|dot)\s?"
_ENDINGS = (
    "com|cn|net|org|cc|top|xyz|vip|shop|club|site|online|me|io|info|tv|ltd|wang|tk|ru|link|live|app|pro|work|icu|fun|store|biz|ren|la|hk|tw"
    "|pw|co|asia|mobi|us"
)
_LINK = re.compile(
    r"(?P<scheme>(?:h(?:tt|xx)ps?|ftp)\s?[::]\s?/{1,2}\s?)[!-~]{3,200}[a-z0-9/=&#_-]"
    rf"|(?<![a-z0-9@.\-])(?=[a-z0-9\-]*[a-z])[a-z0-9][a-z0-9\-]{{0,40}}(?:\.[a-z0-9\-]{{1,40}}){{0,3}}\.(?:{_ENDINGS})(?![a-z0-9\-@])(?:[/?#:](?:[!-~]{{0,200}}[a-z0-9/=&#_-])?)?"
    rf"|(?<![a-z0-9@.\-])(?:www{_DOT})?(?=[a-z0-9\-]*[a-z])[a-z0-9][a-z0-9\-]{{2,40}}{_DOT}(?:com|cn|net|cc|top|xyz|vip)(?![a-z0-9\-@])"
    rf"|(?<![a-z0-9@.\-])www{_DOT}[a-z0-9\-]{{2,40}}"
)
_DIGITS = "0123456789零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖o"
_AS_DIGIT = str.maketrans("零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖o", "001234567891123456789" + "0")
_PHONE = re.compile(
    r"(?<![0-9a-z.])(?:\+?86[\- ]?)?1[3-9][0-9](?:[\- ]?[0-9]{4}){2}(?![0-9a-z])"
    rf"|(?<![{_DIGITS}$¥.,])[1一幺壹](?:[ \-._*·,，、]{{0,2}}[{_DIGITS}]){{10}}(?![{_DIGITS}])"
    r"|(?<![0-9\-])(?:0[0-9]{2,3}-[0-9]{7,8}|[48]00-?[0-9]{3}-?[0-9]{4})(?![0-9\-])"
)
_ACCOUNT = re.compile(
    r"(?<![0-9a-z])(?:(?:6[0-9]|4[0-9]|5[1-5]|9[0-9])[0-9]{14,17}|[469][0-9]{3}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{2,3})?|x{15,19})(?![0-9a-z])"
)
"""A bank card's number, also one that somebody masked."""
_ODD_IN_PHONE = re.compile(r"[^0-9\- +]")
_MOBILE = re.compile("1[3-9][0-9]{9}")
_ID = r"(?P<id>[a-z][a-z0-9_\-]{4,19}(?![a-z0-9_\-])|[0-9]{5,11}(?![0-9]))"
_WECHAT = re.compile(
    r"(?P<open>微信号?|wechat|weixin|(?<![a-z])[vw]x)"
    r"|(?P<hidden>[薇威徽维葳溦嶶微v卫][❤♥💗💕心信芯星x]|[+➕加]\s?[v薇徽威溦葳微]|(?<![a-z])v(?=\s?[:：])|[薇徽溦葳嶶](?=\s?[::+]))"
)
_AFTER_WECHAT = re.compile(rf"(?:[号是为:同步電电话手机(（,，\s\-—~→>👉心信x❤]{{0,8}}){_ID}")
_QQ = re.compile(
    r"(?:(?P<open>(?<![a-z0-9@.])qq[群号]?)|(?P<hidden>扣扣[群裙号]?|[扣咖q][群裙]|企鹅[群号]?|球球|秋秋|蔻蔻|[加+]扣))"
    r"[^0-9a-z\n]{0,6}(?P<id>[0-9]{5,11})(?![0-9@人个条])"
)
_TELEGRAM = re.compile(r"(?:telegram|电报|纸飞机|飞机号|(?<![a-z])tg)[::@号\s]{1,4}(?P<id>[a-z][a-z0-9_]{4,31})")
_PULL = re.compile(
    r"(?:[进入加拉][扣咖微vq]?[群裙]|扫码|扫一扫|扫(?:下面|下方|我的)?二维码|加(?:我|你)(?:微信|好友|[vw]x)?|私(?:聊|信)?我|滴滴我|戳我|扣1)[^。!?\n]{0,8}"
    r"(?:领|福利|红包|返利|赚|免费|优惠|了解|资料|咨询)|[看点]我?(?:的)?(?:头像|签名|主页|相册)|(?:想(?:了解|做|要|赚)|有(?:需要|兴趣|意))的?(?:加|私聊|私信|私|找|滴滴|滴|联系)我?"
)
_NUMERIC = re.compile(rf"x{{15}}|[{_DIGITS}](?:[ \-._*·,，、]{{0,2}}[{_DIGITS}]){{6}}")


def _triggers() -> dict[str, ContactKind]:
    """Pieces of text without which there is no contact of that kind, so that a text without any costs one pass."""
    found: dict[str, ContactKind] = dict.fromkeys(("://", ": //", "www"), "link")
    for dot in (".", "。", "点", "·", "dot"):
        found |= dict.fromkeys((dot + blank + ending for blank in ("", " ") for ending in _ENDINGS.split("|")), "link")
    found |= dict.fromkeys((first + second for first in "薇威徽维葳溦嶶微v卫" for second in "❤♥💗💕心信芯星x"), "wechat")
    found |= dict.fromkeys((first + blank + second for first in "+➕加" for blank in ("", " ") for second in "v薇徽威溦葳微"), "wechat")
    found |= dict.fromkeys((first + second for first in "v薇徽溦葳嶶" for second in (":", " :", "+")), "wechat")
    found |= dict.fromkeys(("微信", "wechat", "weixin", "wx"), "wechat")
    found |= dict.fromkeys("qq 扣扣 扣群 咖群 q群 扣裙 咖裙 q裙 企鹅 球球 秋秋 蔻蔻 加扣 +扣".split(), "qq")
    found |= dict.fromkeys("telegram 电报 纸飞机 飞机号 tg".split(), "telegram")
    return found | dict.fromkeys(
        "群 裙 扫码 扫一扫 二维码 加我 加你 私我 私聊我 私信我 滴滴我 戳我 扣1 头像 签名 主页 相册 想了解 想做 想要 想赚 有需要 有兴趣 有意".split(),
        "pull",
    )


_KINDS = tuple(_triggers().values())
_TRIGGERS = AhoCorasick(_triggers().keys())


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach somebody, at ``text[start:end]``. ``value`` is the domain, number or id as it is meant; ``is_hidden``: it is disguised."""

    kind: ContactKind
    value: str
    start: int
    end: int
    is_hidden: bool = False


def find_contacts(text: str) -> Iterator[Contact]:
    """The contacts in a normalised text, by kind; characters that belong to one of them are not looked at again."""
    kinds = {_KINDS[which] for which, _, _ in _TRIGGERS.find_matches_as_indexes(text, overlapping=True)}
    if _NUMERIC.search(text):
        kinds |= {"phone", "account"}
    taken: list[tuple[int, int]] = []
    for contact in chain.from_iterable(find(text) for kind, find in _FINDERS.items() if kind in kinds):
        if not any(contact.start < end and start < contact.end for start, end in taken):
            taken.append((contact.start, contact.end))
            yield contact


def contacts_in(texts: Iterable[str]) -> frozenset[str]:
    """The domains, numbers and ids that some texts name."""
    return frozenset(contact.value for text in texts for contact in find_contacts(normalise(text)))


def is_allowed(contact: Contact, allowed: Collection[str]) -> bool:
    """Whether it is one of the community's own: a domain of ``allowed`` or one below it, or a number or id."""
    if contact.kind != "link":
        return contact.value in allowed
    return any(contact.value == domain or contact.value.endswith("." + domain) for domain in allowed)


def _links(text: str) -> Iterator[Contact]:
    for match in _LINK.finditer(text):
        host = _host(match[0])
        yield Contact("link", host, *match.span(), is_hidden=match[0].startswith("hxx") or host not in match[0])


def _wechat_ids(text: str) -> Iterator[Contact]:
    for match in _WECHAT.finditer(text):
        if found := _AFTER_WECHAT.match(text, match.end()):
            yield Contact("wechat", found["id"], match.start(), found.end(), is_hidden=match["hidden"] is not None)


def _qq_numbers(text: str) -> Iterator[Contact]:
    for match in _QQ.finditer(text):
        yield Contact("qq", match["id"], *match.span(), is_hidden=match["hidden"] is not None)


def _telegram_ids(text: str) -> Iterator[Contact]:
    for match in _TELEGRAM.finditer(text):
        yield Contact("telegram", match["id"], *match.span())


def _phones(text: str) -> Iterator[Contact]:
    for match in _PHONE.finditer(text):
        number = re.sub("[^0-9]", "", match[0].translate(_AS_DIGIT))
        if match[0][0] not in "1一幺壹" or _MOBILE.fullmatch(number):
            yield Contact("phone", number.removeprefix("86"), *match.span(), is_hidden=bool(_ODD_IN_PHONE.search(match[0])))


def _accounts(text: str) -> Iterator[Contact]:
    for match in _ACCOUNT.finditer(text):
        yield Contact("account", re.sub("[ -]", "", match[0]), *match.span())


def _pulls(text: str) -> Iterator[Contact]:
    for match in _PULL.finditer(text):
        yield Contact("pull", match[0], *match.span())


_FINDERS: dict[ContactKind, Callable[[str], Iterator[Contact]]] = {
    "link": _links, "wechat": _wechat_ids, "qq": _qq_numbers, "telegram": _telegram_ids, "phone": _phones, "account": _accounts, "pull": _pulls,
}  # fmt: skip


def _host(link: str) -> str:
    """The name of the machine that a link leads to, as it is meant."""
    shown = re.sub(r"^(?:h..ps?|ftp)\s?[::]\s?/{1,2}\s?", "", link)
    return re.sub(_DOT, ".", re.split(r"[/?#:]", shown, maxsplit=1)[0]).strip(".")
