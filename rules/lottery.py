"""A lottery that anyone can check: the seed is fixed before the first entry, the list before the seed is shown, and the draw follows from both.

The protocol with its reasons is in docs/lottery.md. What is published is one text, the proof; ``tools/verify_lottery.py`` recomputes it and shares
nothing with this module.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from rules.activity_words import read_number

SEED_BYTES = 32
MOST_PRIZES = 20
"""Kinds of prizes of one lottery."""
MOST_WINNERS = 1_000
LONGEST_PRIZE = 40
MOST_POINTS = 100_000
LONGEST_WITNESS = 60
HEADING = "群管家抽奖凭证 1"
"""The first line of a proof, with the version of the protocol."""
TICKETS = "号码："
"""The line before the tickets."""

_RANGE = 1 << 256
_NUMBER = "[1-9][0-9]{0,8}"
_HASH = "[0-9a-f]{64}"
_TICKET = re.compile(rf"({_NUMBER}) [0-9a-f]{{32}}")
_WITNESSED = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,79}")
_MANY = r"(\d{1,6}|[一二两三四五六七八九十]{1,3})"
_UNIT = "[份个名件张位台瓶套支本盒部只条]"
_COUNTED = re.compile(rf"(.*?[^\s,，、:：])(?:[\s,，、:：]+|\s*[x×*＊Ｘ]\s*){_MANY}\s*(?:{_UNIT}|人)?", re.IGNORECASE)
_JOINED = re.compile(rf"(.*?[^\d一二两三四五六七八九十]){_MANY}\s*{_UNIT}")
"""咖啡券3份: without a blank only where the thing counted is named."""
_POINTS = re.compile(r"(?:积分\s*(\d{1,6})|(\d{1,6})\s*积分)")
_POINTS_COUNTED = re.compile(
    rf"({_POINTS.pattern})(?:(?:[\s,，、:：]+|\s*[x×*＊Ｘ]\s*|(?<=分)|(?=[一二两三四五六七八九十])){_MANY}\s*(?:{_UNIT}|人)?)?",
    re.IGNORECASE,
)


class LotteryProblem(ValueError):
    """Prizes or a number that cannot be; says in Chinese why, with an example."""


@dataclass(frozen=True, slots=True)
class Prize:
    """``count`` of the same thing."""

    name: str
    count: int

    @property
    def is_doubtful(self) -> bool:
        """Whether the number of copies may be part of the name: iPhone 15."""
        return self.count > 1 and self.name[-1].isascii() and self.name[-1].isalnum()

    @property
    def points(self) -> int:
        """How many points it is; 0 for what somebody hands over."""
        found = _POINTS.fullmatch(self.name)
        return int(found[1] or found[2]) if found else 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What was promised before the first entry, and cannot change: ``number`` and ``title`` of the activity, ``begun`` the local time at which
    it opened, the prizes in the order in which they are drawn, and the public number (``witness``, '' none) that will be waited for.
    """

    number: int
    begun: str
    title: str
    prizes: tuple[Prize, ...]
    witness: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The same as it stands in a proof; the commitment covers it."""
        prizes = (f"奖品：{prize.count} {prize.name}" for prize in self.prizes)
        witness = (f"公证数：{self.witness}",) if self.witness else ()
        return (f"活动：{self.number}", f"开始：{self.begun}", f"名称：{self.title}", *prizes, *witness)


@dataclass(frozen=True, slots=True)
class Win:
    """A ticket's number and the name of what it won."""

    ticket: int
    prize: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What is published of a lottery, but its tickets. Hashes and ``seed`` are in small hexadecimal digits; the seed is '' until the draw."""

    terms: Terms
    commitment: str
    count: int
    list_hash: str
    witnessed: str = ""
    seed: str = field(default="", repr=False)
    wins: tuple[Win, ...] = ()

    @property
    def head(self) -> str:
        """All lines before the tickets."""
        lines = [HEADING, *self.terms.lines, f"承诺：{self.commitment}", f"人数：{self.count}", f"名单：{self.list_hash}"]
        if self.seed:
            lines += [f"结果：{self.witnessed}"] if self.witnessed else []
            lines += [f"种子：{self.seed}", *(f"中奖：{win.ticket} {win.prize}" for win in self.wins)]
        return "\n".join((*lines, TICKETS, ""))


# The protocol -----------------------------------------------------------------------------------------------------------


def commit(seed: bytes, terms: Terms) -> str:
    """The commitment that is published when a lottery opens: SHA-256 of the seed and the terms."""
    return _sha256("\n".join((seed.hex(), *terms.lines, "")))


def code_of(secret: bytes, ticket: int) -> str:
    """What only the owner of a ticket is told, sixteen hexadecimal digits. ``secret`` (32 bytes) is the lottery's own and never published.

    BLAKE2 takes a key by itself and a fifth of the time of HMAC; nobody else has to compute it.
    """
    return hashlib.blake2b(str(ticket).encode(), key=secret, digest_size=8).hexdigest()


def line_of(ticket: int, code: str) -> str:
    """A ticket as it is published: its number, and a digest that its owner can make of number and code."""
    return f"{ticket} {_sha256(f'{ticket} {code}')[:32]}"


def hash_of(lines: Iterable[str]) -> str:
    """The hash of a list of tickets: SHA-256 of its lines, each with its line end."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def draw(seed: bytes, list_hash: str, witnessed: str, entries: int, prizes: Sequence[Prize]) -> list[tuple[int, Prize]]:
    """Who of ``entries`` tickets wins what: places in the list from 0, one prize each, as long as there are tickets.

    Every place is equally likely: numbers of 256 bits come from HMAC-SHA256 with the seed as its key, and those that would favour the first
    places are passed over.
    """
    numbers = _numbers(seed, f"{list_hash}|{witnessed}|")
    places, won = list(range(entries)), list[tuple[int, Prize]]()
    for prize in prizes:
        for _ in range(min(prize.count, len(places))):
            at = next(fair(numbers, len(places)))
            won.append((places[at], prize))
            places[at] = places[-1]
            places.pop()
    return won


def fair(numbers: Iterator[int], room: int) -> Iterator[int]:
    """Numbers of 256 bits as places below ``room``, without those of the last, incomplete round."""
    limit = _RANGE - _RANGE % room
    return (number % room for number in numbers if number < limit)


def _numbers(seed: bytes, name: str) -> Iterator[int]:
    return (int.from_bytes(hmac.digest(seed, f"{name}{counter}".encode(), "sha256"), "big") for counter in count())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# What operators write ---------------------------------------------------------------------------------------------------


def read_prizes(lines: Sequence[str]) -> tuple[Prize, ...]:
    """Prizes as they are typed: ``奖品 咖啡券 3``, ``马克杯×1``, ``积分50 3``. Raises LotteryProblem."""
    prizes = tuple(_read_prize(line) for line in lines if line.strip())
    if not prizes:
        raise LotteryProblem("还没有写奖品，例如：奖品 咖啡券 3")
    if len(prizes) > MOST_PRIZES:
        raise LotteryProblem(f"奖品最多 {MOST_PRIZES} 种，现在有 {len(prizes)} 种")
    names = [prize.name for prize in prizes]
    if twin := next((name for at, name in enumerate(names) if name in names[:at]), ""):
        raise LotteryProblem(f"奖品“{twin}”写了两次，请合成一行，例如：奖品 {twin} 2")
    if (total := sum(prize.count for prize in prizes)) > MOST_WINNERS:
        raise LotteryProblem(f"一次抽奖最多 {MOST_WINNERS} 份奖品，现在有 {total} 份")
    return prizes


def _read_prize(line: str) -> Prize:
    said = " ".join(line.split())
    said = re.sub(r"^奖品(?:\s*[:：]\s*|\s+|$)", "", said)
    if points := _POINTS_COUNTED.fullmatch(said):
        n = int(points[2] or points[3])
        if not 0 < n <= MOST_POINTS:
            raise LotteryProblem(f"一份积分奖品是 1 到 {MOST_POINTS} 分，例如：奖品 积分50 3")
        return _counted(f"{n} 积分", points[4])
    counted = _COUNTED.fullmatch(said) or _JOINED.fullmatch(said)
    return _counted(counted[1], counted[2]) if counted else _counted(said, None)


def _counted(name: str, copies: str | None) -> Prize:
    if not any(map(str.isalnum, name)):
        raise LotteryProblem("奖品要有名字，后面写几份，例如：奖品 咖啡券 3")
    if len(name) > LONGEST_PRIZE:
        raise LotteryProblem(f"奖品的名字最多 {LONGEST_PRIZE} 个字，“{name[:12]}……”太长了")
    n = read_number(copies) if copies and not copies.isdecimal() else int(copies or 1)
    if n is None or not 0 < n <= MOST_WINNERS:
        raise LotteryProblem(f"“{name}”写几份？1 到 {MOST_WINNERS}，例如：奖品 {name} 3")
    return Prize(name, n)


def read_witnessed(words: str) -> str:
    """A public number as it goes into the draw: digits, letters, points; without blanks and separators. Raises LotteryProblem."""
    said = re.sub(r"[\s,，]", "", words)
    if not _WITNESSED.fullmatch(said):
        raise LotteryProblem("公证数由数字、字母和小数点组成，最多 80 个，例如：4011.23")
    return said


# Checking a proof -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: in Chinese what, and whether it is right; ``line`` of the proof (from 1), 0 where it is no single one."""

    text: str
    is_right: bool = True
    line: int = 0


class BrokenProof(ValueError):
    """A text that is no proof: says in Chinese why, and in which line."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def verify(text: str, *, commitment: str = "", list_hash: str = "", ticket: int = 0, code: str = "") -> list[Finding]:
    """Recomputes a proof. ``commitment`` and ``list_hash`` are what stood in the group, ``ticket`` and ``code`` what a member was told ('' and 0:
    not compared). The proof holds when every finding is right.
    """
    try:
        proof, lines, at = _read(text)
    except BrokenProof as broken:
        return [Finding(str(broken), False, broken.line)]
    found = [_compared("人数与号码的行数一致", str(len(lines)), str(proof.count), at("人数"))]
    found.append(_compared("名单哈希由号码算得出来", hash_of(lines), proof.list_hash, at("名单")))
    if list_hash:
        found.append(_compared("名单哈希与群里公布的一致", proof.list_hash, list_hash.strip().lower(), at("名单")))
    if commitment:
        found.append(_compared("承诺与群里公布的一致", proof.commitment, commitment.strip().lower(), at("承诺")))
    if ticket:
        there = line_of(ticket, code.strip().lower()) in lines
        found.append(Finding(f"{ticket} 号在名单里，校验码也对" if there else f"名单里没有这个校验码的 {ticket} 号", there))
    if not proof.seed:
        return [*found, Finding("还没有开奖：没有种子，中奖的人还不能核对", False)]
    seed = bytes.fromhex(proof.seed)
    found.append(_compared("承诺由种子和上面的活动、奖品算得出来", commit(seed, proof.terms), proof.commitment, at("承诺")))
    return [*found, _drawn(proof, seed, lines, at)]


def _drawn(proof: Proof, seed: bytes, lines: Sequence[str], at: Callable[[str], int]) -> Finding:
    won = draw(seed, proof.list_hash, proof.witnessed, len(lines), proof.terms.prizes)
    wins = [Win(int(lines[place].partition(" ")[0]), prize.name) for place, prize in won]
    first = at("中奖") if proof.wins else at("种子") + 1
    for n, (ours, theirs) in enumerate(zip(wins, proof.wins, strict=False)):
        if ours != theirs:
            return Finding(f"应该是 {ours.ticket} 号中“{ours.prize}”，写的是 {theirs.ticket} 号中“{theirs.prize}”", False, first + n)
    if len(wins) != len(proof.wins):
        return Finding(f"应该有 {len(wins)} 个中奖号码，写了 {len(proof.wins)} 个", False, first + min(len(wins), len(proof.wins)))
    return Finding(f"{len(wins)} 个中奖号码都由种子和名单算得出来" if wins else "没有人参加，没有中奖号码")


def _compared(text: str, computed: str, written: str, line: int) -> Finding:
    return Finding(text) if computed == written else Finding(f"“{text}”不成立：应该是 {computed}，写的是 {written[:80]}", False, line)


_FIELDS: tuple[tuple[str, str, int, int], ...] = (
    ("活动", _NUMBER, 1, 1),
    ("开始", r"\S.{0,39}", 1, 1),
    ("名称", r"\S.{0,99}", 1, 1),
    ("奖品", rf"{_NUMBER} \S.{{0,99}}", 1, MOST_PRIZES),
    ("公证数", r"\S.{0,99}", 0, 1),
    ("承诺", _HASH, 1, 1),
    ("人数", rf"0|{_NUMBER}", 1, 1),
    ("名单", _HASH, 1, 1),
    ("结果", _WITNESSED.pattern, 0, 1),
    ("种子", _HASH, 0, 1),
    ("中奖", rf"{_NUMBER} \S.{{0,99}}", 0, MOST_WINNERS),
)
"""The lines of a proof's head in their order: name, form, and how many there are at least and at most."""


def _read(text: str) -> tuple[Proof, list[str], Callable[[str], int]]:
    """A proof, its tickets, and the line in which each name stands first. Raises BrokenProof."""
    lines = text.split("\n")
    if lines[0] != HEADING:
        raise BrokenProof(1, f"这不是抽奖凭证：第一行应该是“{HEADING}”")
    values, first, at = dict[str, list[str]](), dict[str, int](), 1
    for name, form, least, most in _FIELDS:
        first[name] = at + 1
        values[name] = []
        while at < len(lines) and lines[at].startswith(f"{name}：") and lines[at] != TICKETS and len(values[name]) < most:
            value = lines[at].removeprefix(f"{name}：")
            if not re.fullmatch(form, value):
                raise BrokenProof(at + 1, f"“{name}”这一行的写法不对")
            values[name].append(value)
            at += 1
        if len(values[name]) < least:
            raise BrokenProof(at + 1, f"这里应该是“{name}”")
    if at >= len(lines) or lines[at] != TICKETS:
        raise BrokenProof(at + 1, f"这里应该是“{TICKETS}”")
    tickets = lines[at + 1 : -1]
    _look_at(tickets, lines[-1], at + 2)
    return _proof(values), tickets, first.__getitem__


def _look_at(tickets: Sequence[str], end: str, first: int) -> None:
    if end:
        raise BrokenProof(first + len(tickets), "最后一行不完整，文件可能没有下载完")
    before = 0
    for n, line in enumerate(tickets):
        found = _TICKET.fullmatch(line)
        if found is None:
            raise BrokenProof(first + n, "号码这一行的写法不对：应该是号码、空格、32 位摘要")
        if int(found[1]) <= before:
            raise BrokenProof(first + n, f"号码应该从小到大，{found[1]} 号不能在 {before} 号后面")
        before = int(found[1])


def _proof(values: dict[str, list[str]]) -> Proof:
    def one(name: str) -> str:
        return next(iter(values[name]), "")

    # a result that nobody named beforehand would be one that somebody chose
    if bool(one("结果")) != bool(one("公证数") and one("种子") and one("人数") != "0"):
        raise BrokenProof(0, "“结果”只有在事先写了“公证数”的抽奖里才有，并且与“种子”一起公布")
    if values["中奖"] and not one("种子"):
        raise BrokenProof(0, "没有种子，就不能有中奖号码")
    prizes = tuple(Prize(name, int(count)) for count, _, name in (value.partition(" ") for value in values["奖品"]))
    wins = tuple(Win(int(ticket), name) for ticket, _, name in (value.partition(" ") for value in values["中奖"]))
    terms = Terms(int(one("活动")), one("开始"), one("名称"), prizes, one("公证数"))
    return Proof(terms, one("承诺"), int(one("人数")), one("名单"), one("结果"), one("种子"), wins)
