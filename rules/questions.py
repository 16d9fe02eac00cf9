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
_ENDINGS = " \n\t。.!！~～?？…"


def asks(words: str) -> bool:
    """Whether words ask something, by asking words at their beginning or end; a sentence that only holds such words does not."""
    return bool(_ASKS.search(words.strip(_ENDINGS)))


def is_question(words: str) -> bool:
    """The same, or they end with a question mark."""
    return words.rstrip(" \n\t。.!！~～").endswith(("?", "？")) or asks(words)
