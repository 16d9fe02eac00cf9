"""What unhappy messages are about: words that are said more often in them than in others, by several people."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MOST_WORDS = 8
"""Words of one message that are counted."""
LEAST_PEOPLE = 3
"""A word that fewer members said unhappily is nobody's business."""
SAMPLE = 4
"""Of messages that are not unhappy one in so many is looked at."""
_CHINESE = re.compile("[\u4e00-\u9fff]{2,8}")
_CALM = 10
"""So many messages without the word are thought to stand beside the others: in a handful nothing is said often."""
_EVERYDAY = frozenset(
    (
        "我们 你们 他们 她们 咱们 自己 大家 人家 别人 什么 怎么 怎样 这样 那样 这么 那么 多么 为什么 为啥 "
        "干嘛 这个 那个 这些 那些 哪个 哪些 哪里 这里 那里 这边 那边 一个 一下 一点 一些 一样 一直 一定 有点 "
        "有些 没有 不是 就是 还是 可是 但是 不过 而且 然后 所以 因为 如果 虽然 或者 而是 只是 真是 真的 实在 "
        "已经 正在 刚刚 刚才 现在 今天 昨天 明天 时候 以后 以前 之后 之前 后来 最近 可以 可能 应该 能够 不能 "
        "不会 不要 不行 不好 知道 觉得 感觉 认为 起来 出来 下来 过来 上去 还有 还要 非常 特别 十分 太太 "
        "越来越 到底 究竟 居然 竟然 根本 完全 简直 几乎 差不多 总是 老是 又是 都是 也是 是不是 有没有 能不能 "
        "一次 两次 几次 东西 事情 问题 谢谢 请问 你好 您好 哈哈 哈哈哈 呵呵 呜呜 啊啊 垃圾 讨厌 难受 难过 "
        "生气 失望 无语 崩溃 郁闷 伤心 烦死 气死 太差 差劲 后悔 难吃 恶心 糟糕 "
        "糟心 死了 气死 气死我了 恶劣 态度恶劣 透顶 太慢 烦人 差评 离谱 过分 受不了"
    ).split()
)
"""Words that tell nothing of what it is about, and those by which unhappiness itself is said."""


@dataclass(frozen=True, slots=True)
class Said:
    """How often a word was said: in unhappy messages, in others (one in ``SAMPLE``), and by at least how many members unhappily."""

    word: str
    unhappy: int
    others: int
    people: int


def words_of(text: str, cut: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The words of a message that may tell what it is about, each once, without everyday ones.

    Chinese words are those of the dictionary; what is written in other letters or numbers may be anybody's name or number, and is left out.
    """
    words = (word for word in cut(text) if _CHINESE.fullmatch(word) and word not in _EVERYDAY)
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def topics(counted: Iterable[Said], unhappy: int, others: int, most: int = 6) -> Sequence[Said]:
    """What ``unhappy`` messages are about, as against ``others``: words of several members that are said more often in them, the most telling first."""
    weighed = []
    for said in counted:
        lift = ((said.unhappy + 0.5) / (unhappy + 1)) / ((said.others * SAMPLE + 0.5) / (others + _CALM))
        if said.people >= LEAST_PEOPLE and lift > 1:
            weighed.append((said.unhappy * math.log(lift), said))
    return [said for _, said in sorted(weighed, key=lambda pair: (-pair[0], pair[1].word))[:most]]
