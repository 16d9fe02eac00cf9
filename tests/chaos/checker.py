"""Whether the books of a run keep the promises: what was acknowledged has exactly one effect and one answer, no more, no less, within the limits.

A function for each promise, all of them pure. What happened is told twice, by WeCom's side and by Redis, and here the two are held against each
other; the only differences that pass are the windows that docs/architecture.md names, and those are counted.

What the messages of a run mean is known here by their words alone: 签到 is one award a day, 转赠 one move between two members, 兑换 one order.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.chaos.record import Books, Letter, Line, Post, Row, Said

HOOK_A_MINUTE, MEMBER_A_MINUTE, MEMBER_AN_HOUR = 20, 30, 1_000
SETTLED_S = 3.0
"""So soon after a post arrived the bot has noted that it did, where nothing is broken."""
WRONGEST_S = 600.0
"""By more no clock of a house is wrong, and no message is later."""
CHAT = "大家周末都看什么书"
"""How a message begins that nobody answers when it comes again soon."""
UNANSWERED = "两次没有收到应答"
"""Why a delivery is left to an administrator: it may have arrived each time."""
PUSH = "定时推送"
"""How a planned push begins."""
ZONE = ZoneInfo("Asia/Shanghai")

_TRANSFER = re.compile(r"转赠 @?(\S+) (\d+)")
_NOTICE = re.compile(r"送给你 (\d+) 积分，你现在有 (\d+) 积分")
_GRANTED = re.compile(r"管理员给你发了 (\d+) 积分")
_PRAISE = ("🎉", "🎁", "null")
"""How app messages begin that congratulate; a picture has no words."""
_ORDER = re.compile(r"新订单 (\d+)：")
_GRANT = re.compile(r"发积分 (.+?) (\d+) \S+")
_FREE_REASONS = ("first_message",)
"""Reasons for which points come once a day for having spoken, whatever was said."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was broken: what, about which message, member or place, what should be, and what is."""

    what: str
    about: str
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.what}: {self.about}: expected {self.expected}, seen {self.seen}"


@dataclass
class Verdict:
    """What a check came to: ``windows`` counts the documented differences, ``counts`` what was looked at."""

    findings: list[Finding] = field(default_factory=list)
    windows: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def found(self, what: str, about: str, expected: object, seen: object) -> None:
        self.findings.append(Finding(what, about, str(expected), str(seen)))


class Audit:
    """One check: the books, and what it found so far."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.verdict = Verdict()

    @cached_property
    def taken(self) -> Counter[str]:
        """Message → how often it was taken in."""
        return Counter(line.id for line in self.books.lines if line.kind == "inbound")

    @cached_property
    def kept(self) -> list[Said]:
        """The messages that were taken in."""
        return [said for said in self.books.said if self.taken[said.id]]

    @cached_property
    def ends(self) -> dict[str, Line]:
        """Message → the line of its answer."""
        return {line.id: line for line in self.books.lines if line.kind == "outbound" and "passive_bytes" in line.data}

    def rows_of(self, said: Said) -> list[tuple[str, int, Row]]:
        """All rows that a message made, whatever it meant."""
        return [found for act in acts_of(said, self.books.numbers.get(said.user, 0)) for found in self.moves.get(act, [])]

    @cached_property
    def moves(self) -> dict[str, list[tuple[str, int, Row]]]:
        """Digest of an act → its rows, with community and member."""
        found: dict[str, list[tuple[str, int, Row]]] = defaultdict(list)
        for (community, member), rows in self.books.rows.items():
            for row in rows:
                found[row.digest].append((community, member, row))
        return found

    @cached_property
    def unsure(self) -> dict[str, Letter]:
        """The dead letters of what did arrive, or had no answer twice: the bot cannot know, so an administrator looks."""
        came = {post.text for post in self.books.posts} | {text for said in self.books.said for text in said.later}
        return {
            id: letter for id, letter in self.books.dead.items()
            if letter.text in came or (UNANSWERED in letter.reason and any("WeCom" in span.why for span in self.books.spans))
        }  # fmt: skip

    def may_be_hidden(self, at: float) -> bool:
        """Whether something broke that keeps the bot from learning that a post of this moment arrived."""
        return any(span.hides and span.begin <= at + SETTLED_S and at - SETTLED_S <= span.end for span in self.books.spans)


def check(books: Books) -> Verdict:
    """Every promise, held against the books."""
    audit = Audit(books)
    for promise in PROMISES:
        promise(audit)
    audit.verdict.counts.update(said=len(books.said), accepted=len(audit.kept), posts=len(books.posts), lines=len(books.lines))
    return audit.verdict


def nothing_is_left(audit: Audit) -> None:
    """At the end all work is done, and nothing was given up but what may have arrived."""
    books, found = audit.books, audit.verdict.found
    for what, n in (("messages not finished", books.unfinished), ("messages buried", books.buried), ("queues not sent", books.unsent)):
        if n:
            found("left over", what, 0, n)
    for line in books.lines:
        if line.kind == "error":
            found("error in the log", line.id, "none", dict(line.data))
    for id, letter in books.dead.items():
        if id in audit.unsure:
            audit.verdict.windows["dead letter of what may have arrived"] += 1
        else:
            found("given up", id, "sent", f"{letter.reason}: {_short(letter.text)}")


def acknowledged_is_kept(audit: Audit) -> None:
    """A 200 means that the message was taken in, once, and decided once."""
    decided = Counter(line.id for line in audit.books.lines if line.kind == "decision")
    known = {said.id for said in audit.books.said}
    for said in audit.books.said:
        taken, acknowledged = audit.taken[said.id], any(told.status == 200 for told in said.told)
        if acknowledged and not taken:
            audit.verdict.found("lost", said.id, "taken in, for it was acknowledged", "nothing in the log")
        if taken > 1:
            audit.verdict.found("taken in twice", said.id, 1, taken)
        if decided[said.id] != min(taken, 1):
            audit.verdict.found("decided", said.id, f"{min(taken, 1)} times", f"{decided[said.id]} times")
    for id in (audit.taken.keys() | decided.keys()) - known:
        audit.verdict.found("invented", id, "somebody said it", "in the log alone")


def one_answer(audit: Audit) -> None:
    """Whoever asks gets one answer, the same however often he asks; none only where the window between finishing and the screen swallowed it."""
    for said in audit.kept:
        passive = {told.plain for told in said.told if told.status == 200 and told.plain}
        if len(passive) > 1:
            audit.verdict.found("different answers", said.id, "one", sorted(map(_short, passive)))
        if bool(passive) + len(said.later) > 1:
            audit.verdict.found("answered twice", said.id, "one answer", f"{len(passive)} in the response, {len(said.later)} later")
        if not passive and not said.later and said.id in audit.ends:
            _why_silent(audit, said, audit.ends[said.id])


def _why_silent(audit: Audit, said: Said, end: Line) -> None:
    if end.data["passive_bytes"] > 0:
        if said.will_repeat or any(told.status == 200 for told in said.told):
            audit.verdict.found("no answer", said.id, "the first answer for the repeat", "nothing")
        audit.verdict.windows["answer kept, never asked for again"] += 1
    elif end.data.get("queued"):
        if not said.id.startswith("desk:") and f"{said.id}:answer" not in audit.unsure:  # an app's are counted below
            audit.verdict.found("no answer", said.id, "delivered, for it was queued", "nothing")
    elif not said.words.startswith(CHAT):
        audit.verdict.found("no answer", said.id, "an answer", "silence")


def no_answer_of_an_app_is_lost(audit: Audit) -> None:
    """Who asked the app, and was not answered in the response, gets as many app messages as he is owed, besides notices."""
    ends = ((said.user, audit.ends[said.id].data) for said in audit.kept if said.id.startswith("desk:") and said.id in audit.ends)
    owed = Counter(user for user, data in ends if data.get("queued", ["-"])[-1] == "app" and not data["passive_bytes"])
    came: dict[str, list[Post]] = defaultdict(list)
    for post in audit.books.posts:
        if post.via == "app" and not any(_says(post)) and not post.text.startswith(_PRAISE):
            came[post.place].append(post)
    for user in owed.keys() | (came.keys() - {"boss"}):
        if len(came[user]) < owed[user]:
            audit.verdict.found("no answer", user, f"{owed[user]} app messages", len(came[user]))
        elif len(came[user]) > owed[user]:
            _why_twice(audit, (user, "app message"), came[user], owed[user])


def answered_means_done(audit: Audit) -> None:
    """Each transfer and each exchange that says so moved points once, each other moved none; the points are those that were named."""
    for said in audit.kept:
        rows = audit.rows_of(said)
        answer = _answer_of(said)
        if named := _TRANSFER.fullmatch(said.words):
            taker, n = audit.books.numbers.get(named[1], 0), int(named[2])
            _one_transfer(audit, said, rows, answer, taker, n)
        elif said.words.startswith("兑换 "):
            _one_order(audit, said, rows, answer)
        elif moved := [row for _, _, row in rows if row.reason not in ("check_in", *_FREE_REASONS)]:
            audit.verdict.found("effect of words that mean none", said.id, "no move of points", moved)


def _one_transfer(audit: Audit, said: Said, rows: Sequence[tuple[str, int, Row]], answer: str, taker: int, n: int) -> None:
    giver = audit.books.numbers.get(said.user, 0)
    moved = Counter((member, row.n) for _, member, row in rows if row.reason == "transfer")
    whole = Counter({(giver, -n): 1, (taker, n): 1})
    if moved not in (Counter(), whole):
        audit.verdict.found("transfer", said.id, f"{giver} gives {taker} {n}, once or not at all", dict(moved))
    if answer and ("已送给" in answer) != bool(moved):
        audit.verdict.found("transfer", said.id, f"what was answered: {_short(answer)}", dict(moved) or "no move")
    audit.verdict.counts["transfers"] += bool(moved)


def _one_order(audit: Audit, said: Said, rows: Sequence[tuple[str, int, Row]], answer: str) -> None:
    bought = [row for _, _, row in rows if row.reason == "purchase"]
    if len(bought) > 1:
        audit.verdict.found("order", said.id, "one", f"{len(bought)}")
    if answer and ("换到了" in answer) != bool(bought):
        audit.verdict.found("order", said.id, f"what was answered: {_short(answer)}", bought or "no order")
    for row in bought:
        number = int(row.note.removeprefix("订单 "))
        order = audit.books.orders.get(("main", number), {})
        if order.get("member") != audit.books.numbers.get(said.user) or order.get("price") != -row.n:
            audit.verdict.found("order", said.id, f"order {number} of {said.user} for {-row.n}", order or "none")


def one_check_in_a_day(audit: Audit) -> None:
    """Who says 签到 gets one award for the day, however often he says it."""
    asked: dict[str, list[Said]] = defaultdict(list)
    for said in audit.kept:
        if said.words == "签到":
            asked[said.user].append(said)
    for user, times in asked.items():
        member = audit.books.numbers.get(user, 0)
        rows = [row for row in audit.books.rows.get(("main", member), ()) if row.reason == "check_in"]
        days = _days(times)
        if not 1 <= len(rows) <= days:
            audit.verdict.found("check-in", user, f"1 award for {len(times)} × 签到 on {days} days", len(rows))
        audit.verdict.counts["check-ins"] += len(rows)


def no_effect_without_a_message(audit: Audit) -> None:
    """Every row is there because of a message that was said, every order because of a row."""
    said = {act for one in audit.kept for act in acts_of(one, audit.books.numbers.get(one.user, 0))}
    granted = _grants(audit)
    for digest, rows in audit.moves.items():
        for _, member, row in rows:
            if row.reason == "adjustment" and (member, row.n) in granted:
                granted[member, row.n] -= 1
            elif row.reason not in _FREE_REASONS and digest not in said:
                audit.verdict.found("effect without a message", f"member {member}", "somebody asked for it", row)
    for (member, n), left in granted.items():
        if left:
            audit.verdict.found("grant", f"member {member}", f"{n} once", f"{1 - left} times")
    orders = Counter(row.note for rows in audit.books.rows.values() for row in rows if row.reason == "purchase")
    numbers = Counter(f"订单 {number}" for _, number in audit.books.orders)
    if orders != numbers:
        audit.verdict.found("orders", "main", dict(orders - numbers), dict(numbers - orders))


def _grants(audit: Audit) -> Counter[tuple[int, int]]:
    granted: Counter[tuple[int, int]] = Counter()
    for said in audit.kept:
        if named := _GRANT.fullmatch(said.words):
            granted.update((audit.books.numbers.get(user.strip("@"), 0), int(named[2])) for user in named[1].split())
    return granted


def _days(said: Sequence[Said]) -> int:
    """On how many days these messages may have been dealt with: near midnight a clock that is wrong, or a repeat, has another day."""
    at = [told.at + off_s for one in said for told in one.told for off_s in (-WRONGEST_S, 0, WRONGEST_S)]
    return len({datetime.fromtimestamp(moment, ZONE).date() for moment in at})


def once_a_day(audit: Audit) -> None:
    """What comes for a day's first message comes once."""
    days = _days(audit.books.said)
    for (community, member), rows in audit.books.rows.items():
        for reason, n in Counter(row.reason for row in rows if row.reason in _FREE_REASONS).items():
            if n > days:
                audit.verdict.found(reason, f"member {member} of {community}", f"at most {days}", n)


def the_ledger_sums(audit: Audit) -> None:
    """All balances of a community sum to zero; a member's is the sum of his rows, and never was below zero; what is moved is so on both sides."""
    for community, balances in audit.books.balances.items():
        if sum(balances.values()):
            audit.verdict.found("ledger", community, "a sum of 0", sum(balances.values()))
        members = {int(account): n for account, n in balances.items() if account.isdecimal()}
        for member in members.keys() | {member for place, member in audit.books.rows if place == community}:
            total = 0
            for row in audit.books.rows.get((community, member), ()):
                total += row.n
                if total < 0:
                    audit.verdict.found("ledger", f"member {member}", "never below 0", total)
            if total != members.get(member, 0):
                audit.verdict.found("ledger", f"member {member}", f"{total}, the sum of his rows", members.get(member, 0))
    logged = Counter(
        (line.id[:8], line.data["n"], str(line.data["from"]), str(line.data["to"]))
        for line in audit.books.lines
        if line.kind == "change" and line.data.get("act") == "points"
    )
    written = Counter(
        (row.digest, abs(row.n), *_ends(member, row))
        for rows in audit.moves.values()
        for _, member, row in rows
        if row.n < 0 or not row.other.isdecimal()  # between two members the giver's row is enough
    )
    for move in (logged - written) + (written - logged):
        audit.verdict.found("ledger", str(move), "in the log and in the rows", f"{logged[move]} in the log, {written[move]} in the rows")


def _ends(member: int, row: Row) -> tuple[str, str]:
    other = row.other or "treasury"
    return (other, str(member)) if row.n > 0 else (str(member), other)


def no_delivery_twice(audit: Audit) -> None:
    """What is told of a transfer, an order or a plan comes once to each place; twice only where a break hid the first from the bot."""
    expected, given_up = _notices(audit), Counter[tuple[str, str]]()
    for letter in audit.unsure.values():
        given_up.update(what for via in ("app", "webhook") for what in _says(Post(0, via, "", letter.text)))
    came: dict[tuple[str, str], list[Post]] = defaultdict(list)
    for post in audit.books.posts:
        for what in _says(post):
            came[what].append(post)
    for what, times in expected.items():
        if len(came[what]) + given_up[_wherever(what)] < times:
            audit.verdict.found("not delivered", f"{what[0]}: {what[1]}", times, len(came[what]))
    for what, posts in came.items():
        if what not in expected:
            audit.verdict.found("delivery of nothing", f"{what[0]}: {what[1]}", "a reason", "none")
        elif len(posts) > expected[what]:
            _why_twice(audit, what, posts, expected[what])
    audit.verdict.counts["notices"] += expected.total()


def _wherever(what: tuple[str, str]) -> tuple[str, str]:
    """The same as a dead letter tells it, which names no user."""
    return (what[0] if what[0] == "admins" else "", what[1])


def _notices(audit: Audit) -> Counter[tuple[str, str]]:
    """What is to be told: (place, what), with what a taker had after each transfer, worked out from his rows."""
    users = {number: user for user, number in audit.books.numbers.items()}
    expected: Counter[tuple[str, str]] = Counter()
    for (_, member), rows in audit.books.rows.items():
        balance = 0
        for row in rows:
            balance += row.n
            if row.reason == "transfer" and row.n > 0:
                expected[users.get(member, "?"), f"{row.n} of {balance}"] += 1
            elif row.reason == "adjustment":
                expected[users.get(member, "?"), f"grant of {row.n}"] += 1
    expected.update(("admins", f"order {number}") for _, number in audit.books.orders)
    return expected


def _says(post: Post) -> Iterator[tuple[str, str]]:
    if post.via == "app" and (told := _NOTICE.search(post.text)):
        yield post.place, f"{told[1]} of {told[2]}"
    if post.via == "app" and (told := _GRANTED.match(post.text)):
        yield post.place, f"grant of {told[1]}"
    if post.via == "webhook":
        for number in _ORDER.findall(post.text):
            yield "admins", f"order {number}"


def _why_twice(audit: Audit, what: tuple[str, str], posts: Sequence[Post], times: int) -> None:
    first = min(post.at for post in posts)
    if len(posts) <= 2 * times and (audit.may_be_hidden(first) or _unheard(audit, posts)):
        audit.verdict.windows[f"{posts[0].via} post twice after a break"] += len(posts) - times
    else:
        audit.verdict.found("delivered twice", f"{what[0]}: {what[1]}", times, [(round(post.at, 1), _short(post.text)) for post in posts])


def _unheard(audit: Audit, posts: Sequence[Post]) -> bool:
    """Whether WeCom's answer to one of these posts was lost on its way."""
    texts = {post.text for post in posts}
    return any(not request.is_answered and request.text in texts for request in audit.books.requests)


def planned_once(audit: Audit) -> None:
    """A planned push comes to each of its groups once, and to all of them."""
    came: dict[str, list[Post]] = defaultdict(list)
    for post in audit.books.posts:
        if post.text.startswith(PUSH):
            came[post.text].append(post)
    groups, given_up = {post.place for posts in came.values() for post in posts}, Counter(letter.text for letter in audit.unsure.values())
    for text, posts in came.items():
        for place, times in Counter(post.place for post in posts).items():
            if times > 1:
                _why_twice(audit, (place, text), [post for post in posts if post.place == place], 1)
        missing = groups - {post.place for post in posts}
        if len(missing) > given_up[text]:
            audit.verdict.found("push not delivered", text, "every group", f"not to {sorted(missing)}")
    audit.verdict.counts["pushes"] += len(came)


def within_the_limits(audit: Audit) -> None:
    """Never more than WeCom allows in any minute, or hour, of any webhook and any member."""
    times: dict[str, list[float]] = defaultdict(list)
    for request in audit.books.requests:
        times[request.target].append(request.at)
    for target, at in times.items():
        rules = ((HOOK_A_MINUTE, 60.0),) if target.startswith("hook.") else ((MEMBER_A_MINUTE, 60.0), (MEMBER_AN_HOUR, 3600.0))
        ordered = sorted(at)
        for most, within_s in rules:
            spans = [later - first for first, later in zip(ordered, ordered[most:], strict=False)]
            if spans and min(spans) < within_s:
                audit.verdict.found("over the limit", target, f"{most} in {within_s:g} s", f"{most + 1} in {min(spans):.1f} s")
        audit.verdict.counts["sendings"] += len(at)


def in_order(audit: Audit) -> None:
    """Orders are numbered without a gap, and time does not run backwards in a member's rows by more than clocks differ."""
    numbers = sorted(number for _, number in audit.books.orders)
    if any(after != before + 1 for before, after in pairwise([0, *numbers])):
        audit.verdict.found("orders", "main", "numbers without a gap", numbers)


PROMISES: Sequence[Callable[[Audit], None]] = (
    nothing_is_left, acknowledged_is_kept, one_answer, no_answer_of_an_app_is_lost, answered_means_done, one_check_in_a_day,
    no_effect_without_a_message, once_a_day, the_ledger_sums, no_delivery_twice, planned_once, within_the_limits, in_order,
)  # fmt: skip


def acts_of(said: Said, member: int) -> tuple[str, ...]:
    """What the acts of a message are called in the ledger's rows: a check-in, a transfer, an exchange."""
    return digest_of(said.id), digest_of(f"transfer|{member}|{said.id}"), digest_of(f"{said.id}:buy")


def digest_of(name: str) -> str:
    """What stands for an act's name in the ledger's rows (docs/redis-keys.md): the first eight characters of its digest."""
    return base64.urlsafe_b64encode(hashlib.blake2b(name.encode(), digest_size=9).digest()).decode()[:8]


def _answer_of(said: Said) -> str:
    return next(iter([told.plain for told in said.told if told.status == 200 and told.plain] + list(said.later)), "")


def _short(text: str) -> str:
    return " ".join(text.split())[-80:]
