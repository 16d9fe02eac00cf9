"""A segment in words: as the text that means it (canonical), and as a Chinese sentence for people."""

from __future__ import annotations

from decimal import Decimal

from rules.segment_parser import BARE, LONGEST_NAME, alike
from rules.segment_tree import And, Compare, Flag, Not, Or, Query, Saved, Within, Word
from rules.traits import NEVER, TRAITS

_COUNTED = {"=": "正好", "!=": "不是", "<": "少于", "<=": "最多", ">": "多于", ">=": "至少"}
_PASSED = {"=": "正好", "!=": "不是正好", "<": "不到", "<=": "不超过", ">": "超过", ">=": "至少"}
_SHARED = {"=": "正好", "!=": "不是", "<": "低于", "<=": "最多", ">": "高于", ">=": "至少"}


def unparse(query: Query) -> str:
    """The canonical text of a query: what is parsed from it is equal to it."""
    if isinstance(query, And | Or):
        return (" and " if isinstance(query, And) else " or ").join(_inside(part) for part in query.parts)
    if isinstance(query, Not):
        if isinstance(query.part, Word) and len(query.part.words) == 1:
            return f"{query.part.trait} != {query.part.words[0]}"
        return f"not {_inside(query.part)}"
    if isinstance(query, Compare):
        return f"{query.trait} {query.sign} {_value(query)}"
    if isinstance(query, Word):
        return f"{query.trait} = {query.words[0]}" if len(query.words) == 1 else f"{query.trait} in ({', '.join(query.words)})"
    if isinstance(query, Within):
        return f"{query.trait}:{written(query.name)}"
    if isinstance(query, Saved):
        return f"@{written(query.name)}"
    return query.trait if isinstance(query, Flag) else "all"


def _inside(part: Query) -> str:
    return f"({unparse(part)})" if isinstance(part, And | Or) else unparse(part)


def written(name: str) -> str:
    """The name of a tag, a group or a saved segment as a text has to have it: in quotes where it has to be."""
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"a name has 1 to {LONGEST_NAME} characters")
    if BARE.fullmatch(alike(name)):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _value(query: Compare) -> str:
    sort = TRAITS[query.trait].sort
    if sort == "days":
        return "never" if query.value == NEVER else f"{int(query.value)}d"
    return _share(query.value) if sort == "share" else _plain(Decimal(repr(query.value)))


def _share(value: float) -> str:
    return f"{_plain(Decimal(repr(value)) * 100)}%"


def _plain(value: Decimal) -> str:
    """A number without an exponent and without zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# For people ---------------------------------------------------------------------------------------------------------
def explain(query: Query) -> str:
    """Who is meant, as a Chinese sentence without its full stop."""
    return _said(query, is_so=True)


def _said(query: Query, *, is_so: bool) -> str:
    if isinstance(query, And | Or):
        said = ("，并且" if isinstance(query, And) else "，或者").join(_bracketed(part) for part in query.parts)
        return said if is_so else f"不符合（{said}）"
    if isinstance(query, Not):
        return _said(query.part, is_so=not is_so)
    if isinstance(query, Compare):
        return _compared(query) if is_so else f"不是“{_compared(query)}”"
    if isinstance(query, Word):
        return f"{TRAITS[query.trait].title}{'是' if is_so else '不是'}{'或'.join(query.words)}"
    if isinstance(query, Flag):
        return _flagged(TRAITS[query.trait].title, is_so=is_so)
    if isinstance(query, Within):
        if query.trait == "group":
            return f"最近{'' if is_so else '没'}在群“{query.name}”说过话"
        return f"{'有' if is_so else '没有'}{TRAITS[query.trait].title}“{query.name}”"
    if isinstance(query, Saved):
        return f"{'属于' if is_so else '不属于'}群体“{query.name}”"
    return "所有人" if is_so else "没有人"


def _bracketed(part: Query) -> str:
    return f"（{_said(part, is_so=True)}）" if isinstance(part, And | Or) else _said(part, is_so=True)


def _compared(query: Compare) -> str:
    trait = TRAITS[query.trait]
    if trait.sort == "days":
        if query.value == NEVER:
            said = f"从来{trait.title}过" if trait.title.startswith("没") else f"从来没有{trait.title}"
            return said if query.sign == "=" else f"不是“{said}”"
        never = "（从来没有过的也算）" if query.sign in (">", ">=", "!=") and trait.title.startswith("没") else ""
        return f"{trait.title}{_PASSED[query.sign]} {int(query.value)} 天{never}"
    if trait.sort == "share":
        return f"{trait.title}{_SHARED[query.sign]} {_share(query.value)}"
    return f"{trait.title}{_COUNTED[query.sign]} {_plain(Decimal(repr(query.value)))} {trait.unit}".rstrip()


def _flagged(title: str, *, is_so: bool) -> str:
    if title.startswith("有"):
        return title if is_so else f"没{title}"
    if title.startswith("能"):
        return title if is_so else f"不{title}"
    if title.startswith("免"):
        return f"{'说过' if is_so else '没说过'}“{title}”"
    return f"{'是' if is_so else '不是'}{title}"
