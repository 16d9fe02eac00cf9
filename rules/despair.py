"""Words of despair: who says them may need help now. Found in words of the tree hole, which are then shown to people who care and to nobody else.

The list is the program's own, so that an edited word list never loses it; operators add words by the category ``despair`` of theirs. It is
rather too wide than too narrow: of a false alarm comes a kind word, of a missed one perhaps nothing any more.
"""

from __future__ import annotations

from rules.moderation import Judge
from rules.submissions import DESPAIR
from rules.unmask import read
from rules.wordlist import Lexicon, Word

WORDS = (
    "不想活", "活不下去", "活不动了", "活够了", "活腻了", "活着没意思", "活着没有意思", "活着好累", "活着太累", "活着没意义",
    "活着没有意义", "活着有什么意思", "活着干什么", "活着干嘛", "没有活下去", "没勇气活", "不配活", "想死", "想去死", "去死算了",
    "死了算了", "死掉算了", "不如死", "死了一了百了", "一了百了", "一死了之", "想结束自己", "结束生命", "结束这一切", "结束我的生命",
    "了结自己", "了结生命", "了断自己", "自杀", "自尽", "轻生", "寻死", "寻短见", "自残", "自我伤害", "伤害自己", "割腕", "割自己",
    "跳楼", "跳下去", "跳河", "跳桥", "跳江", "上吊", "服毒", "喝农药", "吃安眠药", "遗书", "遗言", "没有我会更好", "没有我世界",
    "从世界上消失", "消失在这个世界", "离开这个世界", "告别这个世界", "永别了", "最后一次跟大家", "撑不下去", "熬不下去", "生无可恋",
    "想解脱", "彻底解脱", "要去死", "死了就好了", "死了就解脱", "怎么去死", "怎么死才", "怎么死不", "怎么死最", "怎么才能死", "死不痛苦",
    "不想存在", "没有活着的意义", "没活着的意义", "活着没劲", "活着没啥意思", "活着没什么意思", "想离开人世", "离开这个人世",
    "怎么活下去", "我撑不住", "我快撑不住", "我真的撑不住", "快要撑不住", "自sha", "自鲨", "zi杀", "不想继续活",
    "kill myself", "suicide", "want to die", "end my life",
)  # fmt: skip
OTHERWISE = ("想死你", "想死他", "想死她", "想死我了", "自杀式", "跳楼价", "跳楼大甩卖", "跳楼机", "寻死觅活", "自杀小队", "累死了就好了")
"""Inside these a word means something else."""
RULE = "绝望"
_PIECE, _OVERLAP = 400, 40
_LEXICON = Lexicon((Word(text, 1, "despair", RULE) for text in WORDS), OTHERWISE)


def is_despair(text: str, judge: Judge | None = None, community: str = "") -> bool:
    """Whether a text sounds of despair anywhere in it, by the words above or by those that operators listed (``judge``) for a community or all."""
    pieces = (text[start : start + _PIECE] for start in range(0, max(1, len(text)), _PIECE - _OVERLAP))
    lexicons = (_LEXICON, judge.lexicon) if judge else (_LEXICON,)
    return any(reason.category == DESPAIR for piece in pieces for one in lexicons for reason in one.find(read(piece), community))
