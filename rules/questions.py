"""Whether words ask something: what follows a command, or what is said while a proof is waited for, may be a question and not meant for it."""

from __future__ import annotations

import re

_ASKS = re.compile(
    r"""
    (?:吗|干[嘛么]|几[点号天]|多久|哪里|哪儿|行不行|可不可以|能不能|好不好)[啊呀呢]?$
    | (?<!没)(?<!没有)(?:什么|多少|多久)\w{0,2}$      # 需要什么材料, but not 没什么胃口
    | (?<!不)(?:怎么|咋)\w{0,2}$                      # 怎么弄, but not 不怎么样
    | ^(?:请问|想问|怎么|怎样|咋|如何|为什么|为啥|什么|几点|多少|哪[里儿个些天]|能不能|可不可以|是不是|有没有|需要什么|要什么)
    """,
    re.VERBOSE,
)
_ENDS_ASKING = re.compile(r"(?:吗|嘛|么|呢)$")
_ANYTHING = re.compile(
    r"(?:(?<!为)什么|哪[里儿个些天]|多少|几点|谁)\w{0,2}?[都也](?:行|可以|好|能|ok|没问题|无所谓|没意见|方便|要|会|想|喜欢)"
)
"""What somebody is content with, whatever it be: 哪天都可以, 什么时候都行."""
_ASKS_HOW = re.compile(
    r"(?:请问|想问)?(?:怎么|怎样|咋|如何|是什么|什么是|啥是|是啥|什么意思|有什么用|在哪|哪里|什么时候|几点|有吗|是匿名|能匿名|匿名吗).{0,8}"
)
_ABOUT = re.compile(
    r"""
    (?:请问|想问|我想问)?(?:一下)?(?:这个|现在|这里|大家)?(?:
      (?:怎么|怎样|咋|如何|在哪里?|哪里|去哪里?|什么时候|几点|可以|能|还能|能不能|可不可以|还可以|要)
        (?:才能|可以|能)?(?:参加|参与|玩|用|使用|弄|搞|操作|发|写|说|投稿?|回复?|加入|报名|看|改|撤回?|删|取消|开始|截止|结束|公布|出结果|匿名|发图|发图片|点赞|发起|提)
        (?:的|呢|啊|呀|吗|嘛|么|了)*
    | (?:怎么|咋)(?:个)?(?:弄|搞|玩|用)?法?
    | (?:是)?(?:什么|啥)(?:意思|东西|活动|用)?(?:的|呢|啊|呀)*
    | (?:有|给|能得)(?:什么|啥|多少|没有)?(?:用|奖励|奖品|奖|积分|好处|要求|规则|话题|征稿|活动)(?:吗|呢|嘛|么|没有)?
    | (?:奖励|奖品|规则|要求|截止时间|题目|主题)(?:是)?(?:什么|多少|啥|有哪些|在哪)?(?:吗|呢)?
    | (?:已经|还没|还)?(?:截止|结束|开始|过期|关闭|停)(?:了)?(?:吗|没有?|嘛)
    | (?:是)?(?:不是)?匿名(?:的)?(?:吗|么)
    | (?:有|还有|有人|在)?(?:吗|哪些)
    )
    """,
    re.VERBOSE,
)
_REMARK = re.compile(
    "(?:这个|这次|今天|昨天|刚才)?(?:的|题|题目|也|都)*(?:好|太|真|挺|很|蛮|超|有点儿?|这么|那么|越来越)"
    "(?:的|是)?(?:难|简单|容易|有意思|有趣|好玩|没意思|无聊|刺激|紧张|快|慢|多|少|烦|累|棒|赞|开心|可惜)(?:了|啊|呀|吧|哦|哈|呢|的)*"
)
_LONGEST_ABOUT = 20
_ENDINGS = " \n\t。.!！~～?？…"


def asks(words: str) -> bool:
    """Whether words ask something, by asking words at their beginning or end; a sentence that only holds such words does not."""
    plain = words.strip(_ENDINGS)
    is_anything = _ANYTHING.search(plain) and not _ENDS_ASKING.search(plain)
    return bool(_ASKS.search(plain)) and not is_anything


def is_question(words: str) -> bool:
    """The same, or they end with a question mark."""
    return words.rstrip(" \n\t。.!！~～").endswith(("?", "？")) or asks(words)


def is_remark(words: str) -> bool:
    """Whether words only say what somebody thinks of what the command before them names (好难啊, 真有意思, 太快了)."""
    return bool(_REMARK.fullmatch(words.strip(_ENDINGS)))


def asks_about(words: str) -> bool:
    """Whether some words ask about the command before them, and nothing else (怎么参加, 有奖励吗, 截止了吗): for commands behind which people write
    whatever they like, questions of all kinds too.
    """
    asked = words.strip(_ENDINGS)
    return len(asked) <= _LONGEST_ABOUT and bool(_ABOUT.fullmatch(asked))


def asks_how(words: str) -> bool:
    """Whether a few words ask about the command before them (怎么参加, 是什么意思): for commands behind which people may ask in earnest, too."""
    return bool(_ASKS_HOW.fullmatch(words.strip(_ENDINGS)))
