"""Whether hard words are said to somebody, or only told: quoted, reported, asked about, said of oneself, or in fun among friends."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ahocorasick_rs import AhoCorasick

from rules.contacts import find_contacts
from rules.judgement import Outcome, Reason
from rules.text import normalise
from rules.unmask import Reading

_SAYS = "骂|说|喊|叫|回|发|评论|留言|吼|嚷|怼|喷|冲"
_OTHERS = (
    "他|她|他们|她们|人家|有人|对方|客服|邻居|楼上|楼下|那人|这人|那个人|网友|司机|老板|领导|同事|群友|孩子|同学|老师|商家|卖家|骑手|店员|保安|物业|顾客|客户|前任"
    "|老公|老婆|婆婆|妈妈|爸爸|你们"
)
_TOLD = re.compile(
    rf"(?:{_OTHERS}).{{0,12}}?(?:{_SAYS})(?:了|过|着|的)?(?:我|我们|咱|人|他|她|一句|一声|什么|出)"  # 他刚才骂了我……
    rf"|(?:{_SAYS})(?:我|我们|他|她|人)(?:是|叫|:|,)"  # 骂我是……
    r"|(?:被|遭|挨)(?:人|他|她|你们|同事|网友|对方|客服|邻居)?.{0,6}(?:骂|喷|怼|侮辱|辱骂|威胁)"  # 被人骂
    r"|举报|投诉他|投诉她|管理员?(?:看看|管管|来看|处理)"
)
_ASKED = re.compile(
    r"(?:什么|啥|何)(?:意思|梗|由来)|(?:怎么|如何)(?:读|念|写|翻译|理解|拼)|(?:算|是)(?:不算|不是)?(?:骂人|脏话|侮辱|歧视|违规)"
    r"|(?:能|可以|会)(?:不能|不可以|不会)?(?:说|用|发|被封|被禁|被屏蔽|违规)(?:吗|么|这|\?)|出自哪|这个词|这词|这句话(?:是|出|什么)"
)
_MYSELF = (
    r"(?:^|[^你他她的对跟和给])(?:我|俺|本人|咱)(?:自己|也|又|就|真|真的|可|简直|果然|本来|从小|一直|总|确实|反正|有时|有时候|好像|都|才|已经|终于|当时|今天|刚才|昨天|这脑子|觉得|感觉|怕不|怕|大概|可能|估计|他妈|特么|这个|这|算|还)*"
    r"(?:是|像|个|好|太|成了|变成|当)"
)
_SELF = re.compile(rf"{_MYSELF}[^你他她]{{0,6}}$|(?:骂|怪|笑|恨)(?:自己|我自己)")
_OF_SELF = re.compile(rf"{_MYSELF}|(?:骂|怪|笑|恨)(?:自己|我自己)")
_FUN = re.compile(
    r"哈{2,}|嘿嘿|嘻嘻|hh+|233+|xswl|笑死|笑哭|狗头|doge|[😂🤣😄😆😜😝🤪😁]"
    r"|\[(?:笑哭|捂脸|偷笑|坏笑|呲牙|憨笑|破涕为笑|哈哈|允悲)\]"
)
_QUOTED = re.compile(
    r"[“「『《\"][^“”「」『』《》\"]{1,200}[”」』》\"]|‘[^‘’]{1,200}’"
    r"|(?<=[说骂喊回发写道问叫喷怼了我])(?:了|道|着|过)?[:：].*$", re.DOTALL
)  # fmt: skip
_LURE = "骗人|骗子|骗局|骗钱|诈骗|假的|传销|陷阱|套路"
_CAUTIONS = re.compile(
    rf"(?<!不)(?:是|都|全|像|属于)(?:是|个|一个)?(?:{_LURE})"  # 扫码领红包是骗人的
    rf"|(?:别|不要|勿|莫)(?:再|去|轻易|随便|乱)*(?:相信|轻信|信|上当|点|扫|转账|理会|理他|参与)"  # 大家别信
    rf"|(?:谨防|警惕|当心|小心|提防|防范|防)(?:.{{0,4}})(?:骗|传销)"
    rf"|(?:差点|又|已经|也|给|让人|老人|我妈|我爸|朋友|同事)(?:被骗|上当)"
    rf"|是(?:不是|否)?(?:{_LURE})(?:吗|么|吧|嘛|\?)|(?:靠谱|可信|能信|是真的|真的假的)(?:吗|么|吧|嘛|\?)"
)
_CRIMES = re.compile(
    r"(?<![是群帮窝个都当该要想])(?:强奸犯?|轮奸|奸杀|猥亵|性侵|性骚扰|骚扰|侮辱|抢劫|抢夺|盗窃|偷盗|小偷|偷|凶手|杀人犯?|杀害|谋杀|枪杀|枪毙|死刑|判刑|判决|坐牢|监狱"
    r"|罪犯|犯罪|犯人|嫌犯|拐卖|人贩子?|贩毒|毒品|吸毒|贩卖|走私|卖淫|嫖娼|诈骗|骗子|行骗|家暴|暴力|殴打|恐怖|袭击|绑架|勒索|虐待|惨遭|遇害|尸体|自杀|黑社会|歹徒|劫匪|小三"
    r"|出轨|警察|民警|警方|公安|法院|法律|法官|检察|政府|官员|国家|军队|战争)"
)
"""Crimes and who deals with them, where nobody is called by them (都是骗子) and nobody wishes for them (该枪毙)."""
_LEADS = re.compile("[0-9a-z]{5}")
_MENTION = re.compile(r"(?<![0-9A-Za-z._-])[@＠][^\s:：@＠,，.。!！?？;；、…你妳您]{1,64}(?=[\s:：@＠]|$)")
_ADDRESSED = re.compile("[你妳您滚丫泥尔去n](?:(?<=[你妳您滚丫])|(?<=泥)马|(?<=尔)等|(?<=去)死|(?<=n)m)")
"""你, 滚, 丫 and their like; the set of first characters lets a text without any be passed over."""


def is_addressed(reading: Reading) -> bool:
    """Whether a text speaks to somebody."""
    return any(_ADDRESSED.search(view.text) for view in reading.views)


def told(reading: Reading, reason: Reason) -> Outcome | None:
    """How far a reason may lead, for what is told and not said: ``pass`` or ``review``; None where it is said to somebody."""
    plain = reading.plain
    if not _ADDRESSED.search(plain):
        # read as the rest is: what is invisible, or of another width, makes it no other sentence
        before = normalise(reading.sent[: reason.span[0]]) if reason.source == "words" and reason.span else ""
        if _SELF.search(before[-24:]):
            return "pass"
        if _OF_SELF.search(plain):
            return "review"
    if _TOLD.search(plain) or _ASKED.search(plain) or _FUN.search(plain):
        return "review"
    return None


def is_harsh(reading: Reading) -> bool:
    """Whether a text holds a word that few say without contempt, and says it: not of oneself, not in fun, not as somebody else's."""
    plain = reading.plain
    if any(pattern.search(plain) for pattern in (_TOLD, _ASKED, _FUN)) or (_OF_SELF.search(plain) and not is_addressed(reading)):
        return False
    return bool(_harsh_words().find_matches_as_indexes(unquoted(plain) or plain))


def without_crimes(reading: Reading) -> Reading | None:
    """The reading of a text that speaks to nobody, with blanks for crimes and who deals with them; None where it names none, or speaks to somebody."""
    if is_addressed(reading) or not any(_CRIMES.search(view.text) for view in reading.views):
        return None
    return replace(reading, views=tuple(view._replace(text=_CRIMES.sub(_blank, view.text)) for view in reading.views))


def is_caution(reading: Reading) -> bool:
    """Whether a text warns of an offer, or asks whether it is honest, and names no way to take it: who is after customers does not leave that out."""
    plain = reading.plain
    if not _CAUTIONS.search(plain) or any(_LEADS.search(view.text) for view in reading.views):
        return False
    return all(contact.kind == "pull" for view in reading.views for contact in find_contacts(view.text))


def unnamed(text: str) -> str:
    """A text with blanks for the names behind @, which are others' words; all else stays where it is.

    What speaks to somebody, or has parts as a sentence has, is no name.
    """
    return _MENTION.sub(lambda found: "@" + " " * (len(found[0]) - 1), text) if "@" in text or "＠" in text else text


def unquoted(text: str) -> str | None:
    """A text without what it quotes: words in quotation marks, titles, and what follows 说： and its like; None where it quotes nothing."""
    rest = _QUOTED.sub(" ", text)
    return rest if rest != text else None


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


@lru_cache(maxsize=1)
def _harsh_words() -> AhoCorasick:
    lines = Path(__file__).with_name("harsh_words.txt").read_text(encoding="utf-8").splitlines()
    return AhoCorasick([word for line in lines if not line.startswith("#") for word in line.split()])
