"""Texts made comparable, and cut into words: the one home of jieba."""

from __future__ import annotations

import logging
import math
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rules.variants import shipped

if TYPE_CHECKING:
    from jieba import Tokenizer

LONGEST = 2_000
"""Characters of a text that are read, so that no message can cost more than a page does: see :func:`fit`."""

_MOST = 20_000
"""Characters in which is looked for those that are no padding."""
_COMMONEST = 0.01
_RAREST = 1e-8
"""Shares of all words: below the one nothing is said, above the other nothing more."""
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]+"
)
_BLANKS = re.compile(r"\s+")
_PLAIN = re.compile("(?:{0}++(?: {0}++)*+)?".format("[!-@\\[-~\u3001\u3002\u4e00-\u9fff]"))
"""What most texts are once their marks are of half width: nothing in it is invisible, in upper case, composed, or of another width."""
_MARKS = r"\s!\"'(),\-.:;?\[\]_~。、·—“”‘’「」『』《》〈〉【】\u2600-\u27bf\U0001f300-\U0001faff"
"""What people put around a question; ``+ # %`` belong to names (C++, C#)."""
_OPENING = re.compile(rf"^[{_MARKS}]*(?:(?:你好|您好|请问|亲|hi|hello|在吗|在么)[{_MARKS}]+|(?:请问|想问|问)一?下+|请问)*[{_MARKS}]*")
_TAIL = re.compile(rf"[{_MARKS}吗嘛呢啊呀吧哦噢哈啦呐么]")
_ENDING = re.compile("什么|怎么|那么|这么|多么|要么|酒吧|网吧|贴吧|哈哈|哦哦")
"""Words whose last character is no particle."""


def fit(text: str) -> str:
    """What is read of a text, at most ``LONGEST`` characters: all of an ordinary one. Of a longer one nothing that is invisible, and where it is
    still too long its beginning and its end: what is meant may stand behind padding as well as before it.
    """
    if len(text) <= LONGEST:
        return text
    return _ends(_BLANKS.sub(" ", _INVISIBLE.sub("", _ends(text, _MOST))), LONGEST)


def _ends(text: str, most: int) -> str:
    """As much of the beginning as of the end of a text that is too long, a blank between them."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]} {text[half + 1 - most :]}"


@lru_cache(maxsize=64)  # router, judge and FAQ ask for the same message, one after the other
def normalise(text: str) -> str:
    """The text in one width and case, simplified, without invisible characters, blanks collapsed; doing it twice changes nothing.

    NFKC makes full-width letters and digits half-width. Lone surrogates, which no encoder takes, go as well. Of a long text that is left which
    :func:`fit` reads.
    """
    text = fit(text)
    for _ in range(4):  # lower case or a removed character can make room for a composition: rare, so once is nearly always enough
        if _PLAIN.fullmatch(text):
            break
        before, text = text, _normalise_once(text)
        if before == text:
            break
    return shipped().simplify(text)


@lru_cache(maxsize=64)
def core(text: str) -> str:
    """What is compared: ``text`` normalised, without a polite opening, punctuation and particles around it.

    ``请问怎么退款呢？`` and ``怎么退款`` have one core. Empty when nothing but marks was said; a text of particles only keeps them.
    """
    plain = normalise(text)
    while (shorter := _shorten(plain)) != plain:
        plain = shorter
    return plain if plain[:1].isalnum() or any(map(str.isalnum, plain)) else ""


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is not the inside of a longer Latin word or number: ``sb`` does not stand alone in ``usb``."""
    return not (_are_joined(text, start) or _are_joined(text, end))


def _are_joined(text: str, at: int) -> bool:
    around = text[at - 1 : at + 1] if 0 < at < len(text) else ""
    return around.isascii() and around.isalnum()


class Words:
    """Cuts texts into words. The dictionary is read on first use, once, by whichever thread comes first.

    ``is_fast`` cuts with rjieba, which is the same in a tenth of the time, where it is installed: then jieba itself, with its tables of
    prefixes (two seconds to make, half a second to read, 60 MB), stays out of the process. ``tmp_dir`` is the private folder for jieba's
    cache; None keeps no cache: jieba's own default is a predictable name in a folder that everybody may write to. ``own_words`` are kept
    whole (product names, the community's own terms).
    """

    def __init__(self, tmp_dir: Path | None = None, own_words: Iterable[str] = (), *, is_fast: bool = True) -> None:
        self.tmp_dir = tmp_dir
        self.own_words = tuple(filter(None, map(normalise, own_words)))
        self._is_fast = is_fast
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._counts: tuple[Callable[[str], int], int] | None = None
        self._cut: Callable[[str], list[str]] | None = None

    @property
    def cutter(self) -> str:
        """What cuts, each with its version: what one of them has cut is not comparable with what another has."""
        used = ("jieba", "rjieba") if self._is_fast else ("jieba",)
        return " ".join(f"{name} {_version(name)}" for name in used)

    def cut(self, text: str) -> list[str]:
        """The words of the normalised ``text`` in their order, without blanks and marks."""
        return [word for word in (self._cut or self._build_cutter())(normalise(text)) if word[0].isalnum()]

    def rarity(self, word: str) -> float:
        """How rare ``word`` is in ordinary Chinese, by jieba's dictionary: 0 for 的, 1 for a word it does not know, a logarithmic scale between."""
        count, total = self._counts or self._count()
        share = count(word) / total
        return min(1.0, math.log(_COMMONEST / share) / math.log(_COMMONEST / _RAREST)) if share > _RAREST else 1.0

    def _count(self) -> tuple[Callable[[str], int], int]:
        """How often each word of the dictionary was counted, and all of them together; words of our own get their number from jieba."""
        if self._is_fast and not self.own_words and _is_installed("rjieba"):
            counted = _read_counts()
        else:
            tokenizer = self._get()
            counted = partial(_count_in, tokenizer.FREQ), tokenizer.total
        self._counts = counted
        return counted

    def _get(self) -> Tokenizer:
        if self._tokenizer is None:
            with self._lock:
                if self._tokenizer is None:
                    self._tokenizer = self._build()
        return self._tokenizer

    def _build(self) -> Tokenizer:
        import jieba

        jieba.setLogLevel(logging.ERROR)
        tokenizer = jieba.Tokenizer()
        if self.tmp_dir is not None:
            tokenizer.tmp_dir = str(self.tmp_dir)
            tokenizer.initialize()
        else:
            tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
            tokenizer.initialized = True
        for word in self.own_words:
            tokenizer.add_word(word)
        return tokenizer

    def _build_cutter(self) -> Callable[[str], list[str]]:
        fast = _fast_cutter(self.own_words) if self._is_fast else None
        cut = fast or partial(self._get().lcut, HMM=False)
        with self._lock:
            self._cut = self._cut or cut
            return self._cut


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _read_counts() -> tuple[Callable[[str], int], int]:
    """jieba's dictionary as it is shipped: word, count, kind on each line; of a word that stands there twice the second counts.

    It stays bytes: to decode 350,000 words of which a few hundred are asked for takes as long again, and half as much memory.
    """
    found = find_spec("jieba")
    origin = found.origin if found else None
    assert origin, "jieba is not installed"
    pieces = Path(origin).with_name("dict.txt").read_bytes().split()
    counts = dict(zip(pieces[::3], pieces[1::3], strict=True))
    return partial(_count_in_bytes, counts), sum(map(int, pieces[1::3]))


def _count_in(counts: Mapping[str, int], word: str) -> int:
    return counts.get(word, 0)


def _count_in_bytes(counts: Mapping[bytes, bytes], word: str) -> int:
    return int(counts.get(word.encode(errors="replace"), 0))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _fast_cutter(own_words: Iterable[str]) -> Callable[[str], list[str]] | None:
    """rjieba's way to cut, None where it is not installed."""
    try:
        import rjieba
    except ImportError:
        return None
    own = tuple(own_words)
    if not own:
        return partial(rjieba.cut, hmm=False)  # its own tables, made when it is imported: others would be the same, in a tenth of a second
    tokenizer = rjieba.Jieba()
    for word in own:
        tokenizer.add_word(word, None, None)
    return partial(tokenizer.cut, hmm=False)


def _normalise_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).lower()
    if len(text) <= LONGEST and _PLAIN.fullmatch(text):
        return text
    return _ends(_BLANKS.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))), LONGEST).strip()


def _shorten(plain: str) -> str:
    """One polite opening and one tail of marks and particles less, unless nothing were left."""
    opening = _OPENING.match(plain)
    rest = plain[opening.end() :] if opening and opening.end() < len(plain) else plain
    end = len(rest)
    while end and _TAIL.match(rest, end - 1) and not _ENDING.fullmatch(rest, max(0, end - 2), end):
        end -= 1
    return rest[:end] or rest
