"""Reads what operators write about whom they mean: ``level >= 3 and silent_days > 7 and not tag:员工``, or the same in Chinese.

Written by hand: a scanner that looks where the parser stands (a name after ``tag:`` reads differently from a word) and two functions that call each other,
never deeper than :data:`DEEPEST`. The grammar is in docs/segments.md. Whatever is written, the outcome is a tree or a :class:`SegmentError` that points
at a place in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from rules.segment_tree import And, Compare, Everybody, Flag, Not, Or, Query, Saved, Sign, Within, Word, parts_of
from rules.traits import NEVER, TRAITS, Trait

LONGEST, DEEPEST, MOST_CONDITIONS = 1_000, 32, 100
"""Characters, levels inside each other, and conditions that one text may have."""
LONGEST_NAME = 64
"""Characters of the name of a tag, a group, or a saved segment."""
DEEPEST_SAVED, MOST_IN_ALL = 4, 500
"""Saved segments inside each other, and conditions with those that saved segments bring along."""

V = TypeVar("V", str, float)
Names = Callable[[str], str | None]
"""The text of a saved segment by its name; None of one that is not there."""


class SegmentError(ValueError):
    """What cannot be understood: where (``column`` from 1 in characters, ``length``; 0 at the end) and in Chinese why and what to write."""

    def __init__(self, message: str, column: int, length: int) -> None:
        super().__init__(f"第 {column} 个字：{message}")
        self.message = message
        self.column = column
        self.length = length

    def mark(self, text: str) -> str:
        """The text with the place in 【】."""
        at = self.column - 1
        return f"{text[:at]}【{text[at : at + self.length]}】{text[at + self.length :]}"


def parse(text: str, names: Names = lambda name: None, *, longest: int = LONGEST) -> Query:
    """The tree of a text. Raises SegmentError.

    ``longest`` is for texts that no person wrote: the canonical text of a query may be longer than what it was made of.
    """
    return _Texts(names).read(text, longest)[0]


class _Texts:
    """The text that is read and the saved ones that it names: each of these is read once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._read: dict[str, tuple[Query, int, int]] = {}
        self._open: list[str] = []

    def read(self, text: str, longest: int) -> tuple[Query, int]:
        """The tree of a text, and how many conditions it has with those of saved segments."""
        parser = _Parser(text, self, longest)
        return parser.whole(), parser.in_all

    def has(self, name: str) -> bool:
        """Whether a segment of this name is saved."""
        return self._names(name) is not None

    def saved(self, name: str) -> tuple[Query, int]:
        """The tree of a saved segment, and its conditions. Raises ValueError with the reason."""
        if name in self._open:
            raise ValueError(f"群体“{name}”绕回到了它自己：{' → '.join([*self._open[self._open.index(name) :], name])}，请改掉其中一个")
        if name not in self._read:
            text = self._names(name)
            if text is None:
                raise ValueError(f"没有存着叫“{name}”的群体，发“群体 列表”看有哪些")
            self._read[name] = self._open_saved(name, text)
        query, conditions, height = self._read[name]
        if len(self._open) + height > DEEPEST_SAVED:
            raise ValueError(f"群体里套群体最多 {DEEPEST_SAVED} 层，请把“{name}”的条件直接写出来")
        return query, conditions

    def _open_saved(self, name: str, text: str) -> tuple[Query, int, int]:
        if len(self._open) >= DEEPEST_SAVED:
            raise ValueError(f"群体里套群体最多 {DEEPEST_SAVED} 层，请把“{name}”的条件直接写出来")
        self._open.append(name)
        try:
            query, conditions = self.read(text, LONGEST)
        except SegmentError as error:
            raise ValueError(f"群体“{name}”里面有问题（{error}），请先改好它") from None
        finally:
            self._open.pop()
        return query, conditions, 1 + max((self._read[inner][2] for inner in _saved_in(query)), default=0)


def _saved_in(query: Query) -> Iterator[str]:
    """The saved segments that a text names itself."""
    if isinstance(query, Saved):
        yield query.name
        return
    for part in parts_of(query):
        yield from _saved_in(part)


# Words --------------------------------------------------------------------------------------------------------------
_ALIKE: dict[int, int] = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x3000: ord(" "), ord("、"): ord(",")}
"""Full-width forms as what they are read like; one character stays one, so that places stay the same."""
_AND, _OR, _NOT = {"and", "并且", "而且", "且", "&&", "&"}, {"or", "或者", "或", "||", "|"}, {"not", "不是", "非", "!"}
_WRITTEN: dict[Sign, tuple[str, ...]] = {
    "=": ("=", "==", "是", "等于"),
    "!=": ("!=", "<>", "≠", "不是", "不等于"),
    ">": (">", "大于", "超过", "多于"),
    ">=": (">=", "=>", "≥", "大于等于", "至少", "不少于"),
    "<": ("<", "小于", "少于", "不到"),
    "<=": ("<=", "=<", "≤", "小于等于", "至多", "最多", "不超过"),
}
_SIGNS: dict[str, Sign] = {word: sign for sign, words in _WRITTEN.items() for word in words}
_IN, _BETWEEN, _TO = {"in", "属于"}, {"between", "介于"}, {"and", "和", "到", "且"}
_ALL = {"all", "everybody", "全部", "所有人"}
_NEVER = {"never", "从未", "从没", "从来没有"}
_DAYS: dict[str, int] = {
    **dict.fromkeys(("d", "day", "days", "天", "日"), 1),
    **dict.fromkeys(("w", "week", "weeks", "周", "星期"), 7),
    **dict.fromkeys(("month", "months", "个月", "月"), 30),
    **dict.fromkeys(("y", "year", "years", "年"), 365),
}
_TIMES = {"万": 10_000, "千": 1_000, "k": 1_000, "w": 10_000}
_JOINS = "并且|而且|且|或者|或"
_INSIDE = "|".join(
    (
        _JOINS,
        *sorted((sign for sign in _SIGNS if len(sign) > 1 and not sign.isascii() and sign != "不是"), key=len, reverse=True),
        "介于",
        "属于",
    )
)
"""What ends a word though nothing stands between: 等级至少3且积分超过100."""
_TOKEN = re.compile(
    rf"(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<word>{_INSIDE}|非|不是|[^\W\d]+?(?={_INSIDE}|[\W\d]|$))"
    r"|(?P<sign>>=|=>|<=|=<|<>|!=|==|&&|\|\||[≥≤≠=<>()!&|,:@%\-])|(?P<strange>\S)"
)
_CLOSERS = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」", "『": "』"}
BARE = re.compile(rf"(?!{_JOINS}|[@:])(?:(?!{_JOINS})[^\s()\"'“”‘’「」『』,<>=!&|≥≤≠\x00-\x1f\x7f])+")
"""A name that can stand without quotes, once its full-width forms are read as what they look like."""
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfff]")


def alike(text: str) -> str:
    """The text with full-width forms as the ones that they look like, character for character."""
    return text.translate(_ALIKE)


def _names() -> dict[str, Trait]:
    found = {trait.title.casefold(): trait for trait in TRAITS.values() if re.fullmatch(r"[^\W\d]\w*", trait.title)}
    for trait in TRAITS.values():
        found.update((name.casefold(), trait) for name in (*trait.also, trait.name))
    return found


_TRAITS = _names()
_WORDS = {word: trait for trait in TRAITS.values() for word in trait.words}
_KEYWORDS = _AND | _OR | _NOT | _IN | _BETWEEN | _TO | _ALL | _NEVER | set(_SIGNS)


class _Token:
    """A word of the text: its kind, how it reads, and where it stands."""

    __slots__ = ("at", "end", "kind", "text")

    def __init__(self, kind: str, text: str, at: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.at = at
        self.end = end


# Sentences ----------------------------------------------------------------------------------------------------------
class _Parser:
    """One text being read from left to right."""

    def __init__(self, text: str, texts: _Texts, longest: int) -> None:
        self._raw = text
        self._text = alike(text)
        self._texts = texts
        self._at = 0
        self._depth = 0
        self._conditions = 0
        self.in_all = 0
        if len(text) > longest:
            raise SegmentError(
                f"最多 {longest} 个字，这里有 {len(text)} 个。可以把一部分存成群体，再用 @名字 来写", longest + 1, len(text) - longest
            )
        if match := _INVISIBLE.search(text):
            raise SegmentError("这里有看不见的字符，请删掉", match.start() + 1, 1)

    def whole(self) -> Query:
        """The tree of the whole text."""
        if not self._text.strip():
            raise SegmentError("写一个条件，例如 level >= 3；要所有人就写 all", 1, 0)
        query, _ = self._either()
        token = self._peek()
        if token.kind != "end":
            self._fail_after(token)
        return query

    def _either(self) -> tuple[Query, int]:
        """Conditions with ``or`` between them, each of them with ``and``; and how many levels there are."""
        begin = self._peek().at
        sums: list[tuple[Query, int]] = []
        while True:
            products = [self._condition()]
            while self._skip(_AND):
                products.append(self._condition())
            sums.append(self._joined(And, products, begin))
            if not self._skip(_OR):
                return self._joined(Or, sums, begin)

    def _joined(self, kind: type[And | Or], parts: list[tuple[Query, int]], begin: int) -> tuple[Query, int]:
        if len(parts) == 1:
            return parts[0]
        return kind(tuple(part for part, _ in parts)), self._level(1 + max(depth for _, depth in parts), begin)

    def _level(self, depth: int, begin: int) -> int:
        """The depth, if it is not too much."""
        if depth > DEEPEST:
            raise SegmentError(f"一层套一层最多 {DEEPEST} 层，请拆成几个群体，再用 @名字 来写", begin + 1, self._at - begin)
        return depth

    def _condition(self) -> tuple[Query, int]:
        """A condition, or something in brackets, with any number of ``not`` before it."""
        begin, turned = self._peek().at, 0
        while self._skip(_NOT):
            turned += 1
            self._level(turned, begin)
        if self._peek().text == "(":
            query, depth = self._brackets()
        else:
            query = self._single()
            depth = self._level(_height(query), begin)
        for _ in range(turned):
            query, depth = Not(query), self._level(depth + 1, begin)
        return query, depth

    def _brackets(self) -> tuple[Query, int]:
        opened = self._take()
        self._depth += 1
        if self._depth > DEEPEST:
            raise SegmentError(f"括号里套括号最多 {DEEPEST} 层", opened.at + 1, 1)
        inner = self._either()
        self._depth -= 1
        token = self._peek()
        if token.text != ")":
            if token.kind != "end":
                self._fail_after(token)
            raise SegmentError("这个括号没有关上，请补一个 )", opened.at + 1, 1)
        self._take()
        return inner

    def _count(self, token: _Token, *, conditions: int = 1, in_all: int = 1) -> None:
        self._conditions += conditions
        self.in_all += in_all
        if self._conditions > MOST_CONDITIONS:
            self._fail(token, f"一共最多 {MOST_CONDITIONS} 个条件，请把一部分存成群体，再用 @名字 来写")
        if self.in_all > MOST_IN_ALL:
            self._fail(token, f"连同 @ 的群体一共最多 {MOST_IN_ALL} 个条件，请写得简单一点")

    def _single(self) -> Query:
        """One condition."""
        token = self._peek()
        if token.text == "@":
            return self._saved()
        if token.kind != "word":
            self._fail_before(token)
        if token.text in _ALL:
            self._take()
            self._count(token)
            return Everybody()
        trait = _TRAITS.get(token.text)
        if trait is None:
            self._fail_unknown(token)
        self._take()
        self._count(token)
        if trait.sort == "flag":
            return self._flag(trait, token)
        if trait.sort == "set":
            return self._within(trait, token)
        return self._word(trait, token) if trait.sort == "word" else self._number(trait, token)

    # One sort after the other
    def _saved(self) -> Query:
        at = self._take()
        name, _ = self._name("@ 后面写群体的名字，例如 @新人")
        try:
            query, conditions = self._texts.saved(name)
        except ValueError as error:
            raise SegmentError(str(error), at.at + 1, self._at - at.at) from None
        self._count(_Token("word", name, at.at, self._at), in_all=conditions)
        return Saved(name, query)

    def _flag(self, trait: Trait, token: _Token) -> Query:
        follows = self._peek()
        if _SIGNS.get(follows.text) or follows.text in _IN | {":"}:
            self._fail(follows, f"{trait.name} 不用和什么比：是就写 {trait.name}，不是就写 not {trait.name}")
        return Flag(trait.name)

    def _within(self, trait: Trait, token: _Token) -> Query:
        turned = self._not_in(trait)
        if self._skip(_IN):
            names = self._list(lambda: self._name(f"写一个名字，例如 {trait.name} in (新手, 老手)")[0])
            found: Query = Or(tuple(Within(trait.name, name) for name in names)) if len(names) > 1 else Within(trait.name, names[0])
            return Not(found) if turned else found
        follows = self._peek()
        sign = _SIGNS.get(follows.text)
        if follows.text != ":" and sign not in ("=", "!="):
            self._fail(follows if follows.kind != "end" else token, f"{trait.name} 后面写冒号和名字，例如 {example(trait)}")
        self._take()
        name, _ = self._name(f"冒号后面写名字，例如 {example(trait)}")
        return Not(Within(trait.name, name)) if sign == "!=" else Within(trait.name, name)

    def _word(self, trait: Trait, token: _Token) -> Query:
        turned = self._not_in(trait)
        if self._skip(_IN):
            words = tuple(dict.fromkeys(self._list(lambda: self._one_of(trait))))
            return Not(Word(trait.name, words)) if turned else Word(trait.name, words)
        follows = self._peek()
        sign = _SIGNS.get(follows.text, "=" if follows.text == ":" else None)
        if sign is None:
            self._fail(follows if follows.kind != "end" else token, f"{trait.name} 要写是哪一种，例如 {example(trait)}")
        if sign not in ("=", "!="):
            self._fail(follows, f"{trait.name} 是词，没有大小，只能写 = 或者 in，例如 {example(trait)}")
        self._take()
        found = Word(trait.name, (self._one_of(trait),))
        return Not(found) if sign == "!=" else found

    def _one_of(self, trait: Trait) -> str:
        known = "、".join(trait.words)
        name, begin = self._name(f"这里写 {known} 中的一个")
        if name not in trait.words:
            near = get_close_matches(name, trait.words, 1, 0.4)
            raise SegmentError(
                f"{trait.name} 没有“{name}”，{f'是不是 {near[0]}？' if near else ''}可以写的是 {known}", begin + 1, self._at - begin
            )
        return name

    def _number(self, trait: Trait, token: _Token) -> Query:
        turned = self._not_in(trait)
        if self._skip(_IN):
            values = self._list(lambda: self._value(trait, "="))
            parts: tuple[Query, ...] = tuple(Compare(trait.name, "=", value) for value in values)
            found = Or(parts) if len(parts) > 1 else parts[0]
            return Not(found) if turned else found
        if self._skip(_BETWEEN):
            self._count(token)
            low = self._value(trait, ">=")
            if not self._skip(_TO):
                self._fail(self._peek(), f"between 要写两头，例如 {trait.name} between 3 and 5")
            found = And((Compare(trait.name, ">=", low), Compare(trait.name, "<=", self._value(trait, "<="))))
            return Not(found) if turned else found
        follows = self._peek()
        sign = _SIGNS.get(follows.text)
        if sign is None:
            self._fail(
                follows if follows.kind not in ("end", "word") else token, f"{trait.name} 是数字，要写和什么比，例如 {example(trait)}"
            )
        self._take()
        return Compare(trait.name, sign, self._value(trait, sign))

    def _not_in(self, trait: Trait) -> bool:
        """Whether ``not`` stands between the trait and its ``in``."""
        if not self._skip({"not"}):
            return False
        follows = self._peek()
        if follows.text not in _IN and not (trait.sort in ("number", "days", "share") and follows.text in _BETWEEN):
            self._fail(follows, f"{trait.name} not 后面写 in (…)；要说不是，把 not 写在最前面，例如 not {example(trait)}")
        return True

    def _list(self, one: Callable[[], V]) -> list[V]:
        """``(a, b, …)``"""
        opened = self._peek()
        if opened.text != "(":
            self._fail(opened, "in 后面写括号，例如 (a, b)")
        self._take()
        found = []
        while True:
            found.append(one())
            token = self._take()
            if token.text == ")":
                break
            if token.text != ",":
                raise SegmentError("一个一个之间写逗号，最后写 )", token.at + 1, token.end - token.at)
            if len(found) > 1:
                self._count(token)
        if len(found) > 1:
            self._count(opened)
        return found

    # Values
    def _value(self, trait: Trait, sign: Sign) -> float:
        """A number with its unit, as the trait counts it."""
        token = self._peek()
        if trait.sort == "days" and token.text in _NEVER:
            if sign not in ("=", "!="):
                self._fail(token, f"never（从来没有）只能写 = 或 !=，例如 {trait.name} = never")
            self._take()
            return float(NEVER)
        minus = token.text == "-"
        if minus:
            self._take()
            token = self._peek()
        if token.kind != "number":
            self._fail_no_number(trait, token)
        self._take()
        if len(token.text.replace(".", "")) > 15 or len(token.text.partition(".")[2]) > 6 or len(token.text.partition(".")[0]) > 9:
            self._fail(token, "数字太长了，小数点前最多 9 位、后最多 6 位")
        value = self._with_unit(trait, token, Decimal(token.text))
        if value >= 10**9:
            self._fail(token, "数字太大了，要小于 10 亿")
        if minus and value:
            if trait.sort != "number":
                self._fail(token, f"{trait.name} 没有负的")
            return float(-value)
        return float(value)

    def _with_unit(self, trait: Trait, token: _Token, value: Decimal) -> Decimal:
        """A value with the unit that may follow it."""
        unit = self._peek()
        if unit.text != "%" and (unit.kind != "word" or unit.text in _KEYWORDS or unit.text in _TRAITS):
            unit = _Token("", "", unit.at, unit.at)
        elif unit.at > token.end and get_close_matches(unit.text, ("and", "or"), 1, 0.6):
            self._fail_after(unit)
        if trait.sort == "share":
            value = self._share(trait, unit, value)
            if value > 1:
                self._fail(token, f"{trait.name} 在 0 到 1 之间，写成 70% 或者 0.7")
        elif trait.sort == "days" or trait.unit == "天":
            value = self._days(trait, unit, value)
            if trait.sort == "days" and value != int(value):
                self._fail(token, "天数写整数")
            if trait.sort == "days" and value >= NEVER:
                self._fail(token, f"最多写 {NEVER - 1} 天；从来没有过写成 {trait.name} = never")
        elif unit.text:
            value = self._counted(trait, unit, value)
        return value

    def _share(self, trait: Trait, unit: _Token, value: Decimal) -> Decimal:
        if not unit.text:
            return value
        if unit.text != "%":
            self._fail(unit, f"单位“{unit.text}”不对：{trait.name} 写成 70% 或者 0.7")
        self._take()
        return value / 100

    def _days(self, trait: Trait, unit: _Token, value: Decimal) -> Decimal:
        if not unit.text:
            return value
        if unit.text not in _DAYS:
            self._fail(unit, f"单位“{unit.text}”不认识：可以写 d/天、w/周（7 天）、个月（30 天）、年（365 天），例如 {trait.name} > 30d")
        self._take()
        return value * _DAYS[unit.text]

    def _counted(self, trait: Trait, unit: _Token, value: Decimal) -> Decimal:
        times = next((word for word in _TIMES if unit.text.startswith(word)), "")
        rest = unit.text.removeprefix(times)
        if rest and (not trait.unit or rest not in (trait.unit, f"个{trait.unit}")):
            self._fail(unit, f"{trait.name} 按{trait.unit or '个'}数，后面不写“{unit.text}”，例如 {example(trait)}")
        self._take()
        return value * _TIMES.get(times, 1)

    def _name(self, example: str) -> tuple[str, int]:
        """A name, in quotes or bare, and where it begins."""
        begin = self._next()
        closer = _CLOSERS.get(self._raw[begin : begin + 1])
        if closer:
            name, self._at = self._quoted(begin, closer)
        else:
            match = BARE.match(self._text, begin)
            if match is None:
                self._at = begin
                token = self._peek()
                raise SegmentError(example, token.at + 1, token.end - token.at)
            name, self._at = self._raw[begin : match.end()], match.end()
        if not name:
            raise SegmentError(f"引号里没有名字。{example}", begin + 1, self._at - begin)
        if len(name) > LONGEST_NAME:
            raise SegmentError(f"名字最多 {LONGEST_NAME} 个字", begin + 1, self._at - begin)
        return name, begin

    def _quoted(self, begin: int, closer: str) -> tuple[str, int]:
        """What stands between quotes, of which two are one; and where it ends."""
        found, at = "", begin + 1
        while True:
            end = self._raw.find(closer, at)
            if end < 0:
                raise SegmentError("这个引号没有关上", begin + 1, 1)
            found += self._raw[at:end]
            if self._raw[end + 1 : end + 2] != closer:
                return found.strip(), end + 1
            found, at = found + closer, end + 2

    # The scanner
    def _peek(self) -> _Token:
        at = self._next()
        match = _TOKEN.match(self._text, at)
        if match is None:
            return _Token("end", "", len(self._text), len(self._text))
        return _Token(match.lastgroup or "", match[0].casefold(), at, match.end())

    def _next(self) -> int:
        """Where the next word begins."""
        at = self._at
        while self._text[at : at + 1].isspace():
            at += 1
        return at

    def _take(self) -> _Token:
        token = self._peek()
        self._at = token.end
        return token

    def _skip(self, words: set[str]) -> bool:
        """Whether one of these words came; it is behind us then."""
        token = self._peek()
        if token.text not in words:
            return False
        self._at = token.end
        return True

    # What went wrong
    def _fail(self, token: _Token, message: str) -> NoReturn:
        raise SegmentError(message, token.at + 1, token.end - token.at)

    def _fail_before(self, token: _Token) -> NoReturn:
        """Nothing can begin like this."""
        if token.kind == "end":
            self._fail(token, "后面还缺一个条件，例如 level >= 3")
        if token.text in ("'", '"', "“", "‘", "「", "『"):
            self._fail(token, "条件不用引号；标签写成 tag:新手，存好的群体写成 @名字")
        if token.kind == "number":
            self._fail(token, "条件要从名字写起，例如 level >= 3，不是 3 <= level")
        self._fail(token, f"这里应该是一个条件，不是“{token.text}”，例如 level >= 3")

    def _fail_after(self, token: _Token) -> NoReturn:
        """A condition is whole, and this follows."""
        if token.text == ")":
            self._fail(token, "多了一个右括号，请删掉，或者在前面补一个 (")
        if token.text == ",":
            self._fail(token, "条件之间不写逗号，写 and（且）或者 or（或）")
        if token.text in _TRAITS or token.text in _NOT or token.text in ("(", "@") or token.text in _ALL:
            self._fail(token, "两个条件之间要写 and（且）或者 or（或）")
        near = get_close_matches(token.text, ("and", "or"), 1, 0.6)
        self._fail(token, f"看不懂“{token.text}”，{f'是不是 {near[0]}？' if near else ''}两个条件之间写 and（且）或者 or（或）")

    def _fail_unknown(self, token: _Token) -> NoReturn:
        """A word that is no trait's name."""
        written = self._raw[token.at : token.end]
        if token.text in _WORDS:
            trait = _WORDS[token.text]
            self._fail(token, f"“{written}”要写成 {trait.name} = {written}")
        if self._texts.has(written):
            self._fail(token, f"“{written}”是存好的群体，前面加 @：@{written}")
        if token.text in _KEYWORDS:
            self._fail(token, f"“{written}”前面还缺一个条件，例如 level >= 3")
        near = get_close_matches(token.text, _TRAITS, 1, 0.5)
        self._fail(
            token, f"没有 {written}，" + (f"是不是 {near[0]}？" if near else "可以写的有 level（等级）、silent_days（没说话）、tag:标签 等")
        )

    def _fail_no_number(self, trait: Trait, token: _Token) -> NoReturn:
        written = self._raw[token.at : token.end]
        if token.kind == "end":
            self._fail(token, f"还缺一个数字，例如 {example(trait)}")
        if token.text in _TRAITS:
            self._fail(token, f"只能和数字比，不能拿 {trait.name} 和 {written} 比，例如 {example(trait)}")
        kind = {"share": "是 0 到 1 的数", "days": "是天数"}.get(trait.sort, "是数字")
        self._fail(token, f"{trait.name} {kind}，不能和“{written}”比，例如 {example(trait)}")


def _height(query: Query) -> int:
    """The levels of a condition; that of a saved segment has one, whatever it stands for."""
    return 1 if isinstance(query, Saved) else 1 + max(map(_height, parts_of(query)), default=0)


def example(trait: Trait, name: str = "") -> str:
    """The right way to write a condition of a trait, by one of its other names if one is given."""
    name = name or trait.name
    if trait.sort == "word":
        return f"{name} = {next(iter(trait.words))}"
    if trait.sort == "set":
        return f"{name}:新手" if trait.name == "tag" else f"{name}:名字"
    return {"days": f"{name} > 7d", "share": f"{name} > 70%", "flag": name}.get(trait.sort, f"{name} >= 3")
