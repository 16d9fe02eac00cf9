"""Texts written as those write who do not want to be found, and harmless texts written oddly: to train with, and to measure.

``Rewriter.learn(texts, labels)`` finds out which words bear what a text is blamed for; ``rewrite(kind, text, dice)`` disguises these words in
one of eight ways (``DISGUISES``), as the published test sets of disguised Chinese do: the words that bear it, not every character.
``oddly(kind, text, dice)`` writes an ordinary text in one of the ways of chat (``ODDITIES``). The same seed gives the same texts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from random import Random

from rules.disguises import shipped
from rules.text import Words, normalise
from rules.variants import shipped as shipped_variants

_ENOUGH = 0.7
"""How much more likely, as a logarithm, a word is in blamed texts than in others, to be disguised."""
_MOST = 0.5
"""At most this share of a text's characters is disguised, but always one word."""
_EVERYDAY = 45
"""Of the characters of one sound, this many are common enough to be written by mistake or for fun."""

Disguise = Callable[[str, Random], str]


class Rewriter:
    """Disguises the words of a text that bear what it is blamed for. ``weights``: how much each word does."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights

    @classmethod
    def learn(cls, texts: Iterable[str], labels: Iterable[int]) -> Rewriter:
        """From texts, 1 for those that are blamed and 0 for others: the logarithm of how much likelier a word is among the first."""
        words = _words()
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for text, label in zip(texts, labels, strict=True):
            counts[label].update(set(words.cut(text)))
        blamed, others = counts[1], counts[0]
        more = math.log((others.total() + 1) / (blamed.total() + 1))
        known = {word for word, count in blamed.items() if count > 2 and any(map(_is_chinese, word))}
        return cls({word: math.log((blamed[word] + 1) / (others[word] + 1)) + more for word in known})

    def rewrite(self, kind: str, text: str, dice: Random) -> str:
        """``text`` with its bearing words disguised; unchanged where none of them can be disguised in this way."""
        words = _cut(text)
        chosen = self._choose(words)
        if kind == "shuffle" and any(len(words[at]) == 1 for at in chosen):  # one character alone cannot be out of order
            words, chosen = _with_neighbours(words, chosen)
        return "".join(DISGUISES[kind](word, dice) if at in chosen else word for at, word in enumerate(words))

    def _choose(self, words: list[str]) -> set[int]:
        ranked = sorted(range(len(words)), key=lambda at: -self._weights.get(words[at], -9.0))
        chosen: set[int] = set()
        room = max(2, int(sum(map(len, words)) * _MOST))
        for at in ranked:
            if chosen and (self._weights.get(words[at], -9.0) < _ENOUGH or len(words[at]) > room):
                break
            chosen.add(at)
            room -= len(words[at])
        return chosen


def oddly(kind: str, text: str, dice: Random) -> str:
    """The ordinary ``text`` written in one of the odd ways of chat."""
    return ODDITIES[kind](normalise(text), dice)


@cache
def _words() -> Words:
    """What cuts texts here, once: reading its dictionary takes long."""
    return Words()


def _cut(text: str) -> list[str]:
    """All of the text in pieces, marks and blanks among them."""
    pieces, at, plain = [], 0, normalise(text)
    for word in _words().cut(plain):
        start = plain.index(word, at)
        pieces += [plain[at:start], word]
        at = start + len(word)
    return [piece for piece in [*pieces, plain[at:]] if piece]


def _with_neighbours(words: list[str], chosen: set[int]) -> tuple[list[str], set[int]]:
    """Words with a chosen single character joined to the word that follows."""
    joined: list[str] = []
    found: set[int] = set()
    wants_more = False
    for at, word in enumerate(words):
        if wants_more and _is_chinese(word):
            joined[-1] += word
            wants_more = False
            continue
        joined.append(word)
        wants_more = at in chosen and len(word) == 1
        if at in chosen:
            found.add(len(joined) - 1)
    return joined, found


def _is_chinese(text: str) -> bool:
    return "\u4e00" <= text[:1] <= "\u9fff"


# What is done to a word ------------------------------------------------------------------------------------------------


def _each(change: Callable[[str, Random], str]) -> Disguise:
    """Does ``change`` to the characters of a word: to all, or to some but at least one of those that it changes."""

    def changed(word: str, dice: Random) -> str:
        share = dice.choice((1.0, 1.0, 0.6))
        forms = [change(char, dice) for char in word]
        can = [at for at, (char, form) in enumerate(zip(word, forms, strict=True)) if char != form]
        kept = {at for at in can if dice.random() > share}
        kept = kept if len(kept) < len(can) else kept - set(can[:1])
        return "".join(char if at in kept else form for at, (char, form) in enumerate(zip(word, forms, strict=True)))

    return changed


def _split(char: str, dice: Random) -> str:
    ways = shipped().parts.get(char, ())
    return dice.choice(ways) if ways else char


def _pinyin(word: str, dice: Random) -> str:
    """Some or all characters of a word as syllables, which are written together or apart."""
    syllables = shipped().syllables
    written = _each(lambda char, _: syllables.get(char, char))(word, dice)
    if dice.random() < 0.3:
        return "".join(f" {syllables.get(char, char)} " for char in word).replace("  ", " ")
    return written


def _initials(word: str, dice: Random) -> str:
    syllables = shipped().syllables
    if len(word) == 1 or dice.random() < 0.8:
        return "".join(syllables.get(char, char)[0] for char in word)
    return _each(lambda char, _: syllables.get(char, char)[0])(word, dice)


def _homophone(char: str, dice: Random) -> str:
    found = shipped()
    others = found.sounds.get(found.syllables.get(char, ""), "").replace(char, "")[:_EVERYDAY]
    if not others:
        return char
    return others[min(int(dice.expovariate(1 / 6)), len(others) - 1)]


def _lookalike(char: str, dice: Random) -> str:
    others = shipped().shapes.get(char, "")
    return others[min(int(dice.expovariate(1 / 3)), len(others) - 1)] if others else char


def _traditional(text: str, dice: Random) -> str:
    return "".join(dice.choice(_traditionals().get(char, char)) for char in text)


def _shuffle(word: str, dice: Random) -> str:
    if len(word) < 2:
        return word
    chars = list(word)
    for _ in range(8):
        dice.shuffle(chars)
        if "".join(chars) != word:
            break
    return "".join(chars)


def _emoji(word: str, dice: Random) -> str:
    """The word, or those of its characters that have one, as emoji: by what they mean, now and then by how they sound."""
    if word in _emoji_of():
        return dice.choice(_emoji_of()[word])
    syllables = shipped().syllables
    by_sound = dice.random() < 0.4

    def change(char: str, _: Random) -> str:
        marks = _emoji_of().get(char, "") or (_emoji_by_sound().get(syllables.get(char, ""), "") if by_sound else "")
        return dice.choice(marks) if marks else char

    return "".join(change(char, dice) for char in word)


@cache
def _traditionals() -> Mapping[str, str]:
    found: defaultdict[str, str] = defaultdict(str)
    for code, simple in shipped_variants().simple.items():
        if 0x4E00 <= code <= 0x9FFF and len(found[simple]) < 2:
            found[simple] += chr(code)
    return dict(found)


@cache
def _emoji_of() -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for mark, words in shipped().emoji.items():
        for word in words:
            found[word].append(mark)
    return {word: tuple(marks) for word, marks in found.items()}


@cache
def _emoji_by_sound() -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word, marks in _emoji_of().items():
        if len(word) == 1 and word in shipped().syllables:
            found[shipped().syllables[word]] += marks
    return {syllable: tuple(marks) for syllable, marks in found.items()}


DISGUISES: Mapping[str, Disguise] = {
    "split": _each(_split),
    "pinyin": _pinyin,
    "initials": _initials,
    "homophone": _each(_homophone),
    "lookalike": _each(_lookalike),
    "traditional": _traditional,
    "shuffle": _shuffle,
    "emoji": _emoji,
}
"""The eight ways to disguise a word: 拆字, pinyin, its initials, characters of one sound, look-alikes, 繁体, out of order, emoji."""

# What chat does ------------------------------------------------------------------------------------------------------

_SHORT = ("yyds", "xswl", "dbq", "zqsg", "awsl", "plmm", "gkd", "nsdd", "bdjw", "u1s1", "ssfd", "kswl", "xdm", "jms", "dddd", "yygq", "tql", "hhh",
          "ok", "pdd", "jd", "tb", "wx", "gg", "mm", "dd", "bb", "lz", "ddw", "pyq", "rmb", "gps", "usb", "vip", "app", "nba", "cba", "10cm", "5kg",
          "100ml", "xl", "xxl", "a4", "sku", "qaq", "orz", "emmm", "2333", "666", "555", "nb", "ky", "cp", "ip", "bgm", "bug", "ppt", "pdf")  # fmt: skip
_FACES = ("(｡･ω･｡)", "(╯‵□′)╯︵┻━┻", "o(╥﹏╥)o", "(*^▽^*)", "Σ( ° △ °|||)︴", "╮(╯▽╰)╭", "(＞﹏＜)", "(๑•̀ㅂ•́)و✧", "_(:з」∠)_", "(=^･ω･^=)",
          "ヾ(≧▽≦*)o", "(´▽`ʃ♡ƪ)", "QAQ", "T_T", "^_^", "╥﹏╥", "(ﾉ◕ヮ◕)ﾉ*:･ﾟ✧", "凸^-^凸", "(눈_눈)", "(⊙o⊙)", "→_→", "←_←", "=_=", "-_-|||")  # fmt: skip
_MARKS = "😂🤣😊😍😘😭😅👍🙏🌹🎉❤💪👏🔥✨🎁🐶🐱🐷🐮🌞🌙⭐🍎🍉🍚🍺☕🚗✈🏠💰📱📦🎈🙈💐😁😆🤔👌🐔🐴"
_DIALECT = {
    "没有": ("冇", "么得", "木有"), "不要": ("唔好", "表", "莫"), "什么": ("啥子", "咩", "啥"), "怎么": ("咋个", "点解", "咋"),
    "我": ("俺", "偶", "阿拉", "窝"), "我们": ("咱", "阿拉", "俺们"), "很": ("老", "好鬼", "忒"), "喜欢": ("稀饭", "中意"),
    "不知道": ("母鸡", "唔知", "布吉岛"), "是": ("系", "四"), "吗": ("咩", "嘛"), "知道": ("晓得", "造"), "这样": ("酱紫", "介样"),
    "吃": ("恰", "食", "七"), "谢谢": ("蟹蟹", "多谢晒"), "漂亮": ("靓", "灵"), "东西": ("东东", "嘢"), "好": ("猴", "吼"), "朋友": ("盆友", "瓷"),
    "同学": ("童鞋", "桐学"), "老师": ("老湿", "劳斯"), "男": ("蓝",), "的": ("滴", "哒", "嘅"), "了": ("鸟", "咗", "惹"), "啊": ("鸭", "吖", "呀"),
}  # fmt: skip
_MARTIAN = dict(
    zip("我你的是不爱人小好在有天心们女个想到会要么就都大生多没可", "莪伱の湜卟嬡亼尐恏茬洧兲吢扪囡個緗菿浍偠庅僦嘟汏泩哆莈妸", strict=True)
)


def _some_words(text: str, dice: Random, change: Callable[[str, Random], str], *, share: float = 0.35) -> str:
    """``text`` with ``share`` of its words changed, one at least where one can be."""
    words = _cut(text)
    can = [at for at, word in enumerate(words) if _is_chinese(word) and change(word, Random(0)) != word]
    chosen = {at for at in can if dice.random() < share} or set(dice.sample(can, min(1, len(can))))
    return "".join(change(word, dice) if at in chosen else word for at, word in enumerate(words))


def _mixed_pinyin(text: str, dice: Random) -> str:
    syllables = shipped().syllables
    between = dice.choice(("", " "))
    changed = _some_words(text, dice, lambda word, _: f"{between}{between.join(syllables.get(char, char) for char in word)}{between}")
    return changed.strip()


def _mixed_initials(text: str, dice: Random) -> str:
    if dice.random() < 0.5:
        return dice.choice((f"{dice.choice(_SHORT)} {text}", f"{text}{dice.choice(_SHORT)}", f"{text} {dice.choice(_SHORT)}"))
    syllables = shipped().syllables
    return _some_words(text, dice, lambda word, _: "".join(syllables.get(char, char)[0] for char in word), share=0.25)


def _faces(text: str, dice: Random) -> str:
    face = dice.choice(_FACES)
    return dice.choice((f"{text}{face}", f"{face}{text}", f"{text} {face} {dice.choice(_FACES)}"))


def _emoji_row(text: str, dice: Random) -> str:
    row = dice.choice((dice.choice(_MARKS) * dice.randint(2, 12), "".join(dice.choices(_MARKS, k=dice.randint(2, 8)))))
    at = dice.randint(0, len(text))
    return dice.choice((f"{text}{row}", f"{row}{text}", f"{text[:at]}{row}{text[at:]}"))


def _spaced(text: str, dice: Random) -> str:
    between = dice.choice((" ", ".", "~", "·", "-", "*", "、", "|", "  "))
    return between.join(text)


def _repeated(text: str, dice: Random) -> str:
    if not text:
        return text
    chosen = set(dice.choices(range(len(text)), k=max(1, len(text) // 6)))
    return "".join(char * dice.randint(2, 6) if at in chosen else char for at, char in enumerate(text))


def _dialect(text: str, dice: Random) -> str:
    for word in sorted(_DIALECT, key=len, reverse=True):
        text = text.replace(word, dice.choice(_DIALECT[word]))
    return text


def _martian(text: str, dice: Random) -> str:
    written = "".join(_MARTIAN.get(char, char) if dice.random() < 0.9 else _traditional(char, dice) for char in text)
    return dice.choice((written, f"ˇ{written}ヽ", f"oО{written}Оo", f"★{written}☆", f"丶{written}灬"))


def _typo(text: str, dice: Random) -> str:
    """One or two characters of the same sound, as a hasty typist leaves them."""
    can = [at for at, char in enumerate(text) if _homophone(char, Random(0)) != char]
    chosen = set(dice.sample(can, min(len(can), dice.randint(1, 2))))
    return "".join(_homophone(char, dice) if at in chosen else char for at, char in enumerate(text))


def _on_some(disguise: Disguise) -> Disguise:
    return lambda text, dice: _some_words(text, dice, disguise)


ODDITIES: Mapping[str, Disguise] = {
    "traditional chat": _traditional,
    "pinyin in chat": _mixed_pinyin,
    "initials in chat": _mixed_initials,
    "kaomoji": _faces,
    "emoji row": _emoji_row,
    "spaced out": _spaced,
    "repeated": _repeated,
    "dialect": _dialect,
    "martian": _martian,
    "typo": _typo,
    **{f"harmless {kind}": _on_some(disguise) for kind, disguise in DISGUISES.items()},
}
"""The odd ways to write what is harmless; the last eight do to some ordinary words what is done to disguise bad ones."""
