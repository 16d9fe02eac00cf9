"""The checker against books that are right, and against the same books with exactly one thing wrong: it finds nothing, and that thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.chaos.checker import ZONE, Verdict, check, digest_of
from tests.chaos.record import Books, Letter, Line, Post, Request, Row, Said, Span, Told

AT = 1_780_000_000.0
GIVER, TAKER, BUYER = 1, 2, 3
USERS = {"anna": GIVER, "bert": TAKER, "carl": BUYER}
PUSHED = "定时推送 1"


def answered(id: str, user: str, words: str, answer: str, *, times: int = 1) -> Said:
    return Said(id, user, words, tuple(Told(AT + n, 200, answer) for n in range(times)))


def taken(id: str, member: int, *, passive: int = 20, queued: tuple[str, ...] = ()) -> list[Line]:
    """The three lines of a message that was taken in, decided and answered."""
    facts: dict[str, Any] = {"passive_bytes": passive} | ({"queued": list(queued)} if queued else {})
    return [
        Line(0, int(AT * 1000), kind, "main", member, id, data)
        for kind, data in (("inbound", {}), ("decision", {"route": "x"}), ("outbound", facts))
    ]


def moved(act: str, source: str, target: str, n: int) -> Line:
    data = {"act": "points", "from": source, "to": target, "n": n}
    return Line(0, int(AT * 1000), "change", "main", 0, digest_of(act) + "abcd", data)


CHECK_IN, TRANSFER, ORDER, LATE, DESK = "assistant:m1", "assistant:m2", "assistant:m3", "assistant:m4", "desk:m5"
ACT_OF_TRANSFER, ACT_OF_ORDER = f"transfer|{GIVER}|{TRANSFER}", f"{ORDER}:buy"


def good() -> Books:
    """A check-in (said twice), a transfer, an order, an answer that came later, one by the app, a push to two groups."""
    return Books(
        said=[
            answered(CHECK_IN, "anna", "签到", "签到成功", times=2),
            answered(TRANSFER, "anna", "转赠 @bert 2", "已送给bert 2 积分，你还有 3 积分。"),
            answered(ORDER, "carl", "兑换 徽章", "换到了“徽章”，花了 3 积分"),
            Said(LATE, "bert", "帮助", (Told(AT, 0),), later=("都在这里",)),
            Said(DESK, "carl", "帮助", (Told(AT, 0),)),
            Said("assistant:m6", "bert", "帮助", (Told(AT, 503),)),
            answered("assistant:m7", "bert", "大家周末都看什么书？", ""),
        ],
        posts=[
            Post(AT, "app", "bert", "anna在“主群”送给你 2 积分，你现在有 7 积分。"),
            Post(AT, "app", "carl", "都在这里"),
            Post(AT, "webhook", "wrADMIN", "🛒 新订单 1：徽章（carl，3 积分）。"),
            Post(AT, "webhook", "wrMAIN", PUSHED),
            Post(AT, "webhook", "wrOTHER", PUSHED),
        ],
        requests=[Request(AT + n, "hook.k", f"r{n}", True) for n in range(20)] + [Request(AT + n, "app.bert", f"r{n}", True) for n in range(30)],
        lines=[
            *taken(CHECK_IN, GIVER), *taken(TRANSFER, GIVER, queued=("app",)), *taken(ORDER, BUYER), *taken("assistant:m7", TAKER, passive=0),
            *taken(LATE, TAKER, passive=0, queued=("response_url",)), *taken(DESK, BUYER, passive=0, queued=("app",)),
            moved(CHECK_IN, "treasury", "1", 5), moved("a", "treasury", "2", 5), moved("b", "treasury", "3", 5),
            moved(ACT_OF_TRANSFER, "1", "2", 2), moved(ACT_OF_ORDER, "3", "shop", 3),
        ],
        numbers=USERS,
        rows={
            ("main", GIVER): [
                Row(5, "", "check_in", "", digest_of(CHECK_IN), ""),
                Row(-2, "2", "transfer", "", digest_of(ACT_OF_TRANSFER), ""),
            ],
            ("main", TAKER): [
                Row(5, "", "first_message", "", digest_of("a"), ""),
                Row(2, "1", "transfer", "1", digest_of(ACT_OF_TRANSFER), ""),
            ],
            ("main", BUYER): [
                Row(5, "", "first_message", "", digest_of("b"), ""),
                Row(-3, "shop", "purchase", "", digest_of(ACT_OF_ORDER), "订单 1"),
            ],
        },
        balances={"main": {"1": 3, "2": 7, "3": 2, "shop": 3, "treasury": -15}},
        orders={("main", 1): {"member": BUYER, "price": 3, "state": "waiting"}},
        dead={},
    )  # fmt: skip


Plant = Callable[[Books], Books]


def said(books: Books, id: str, **changes: Any) -> Books:
    return replace(books, said=[replace(one, **changes) if one.id == id else one for one in books.said])


def rows(books: Books, member: int, changed: Callable[[list[Row]], list[Row]]) -> Books:
    return replace(books, rows={**books.rows, ("main", member): changed(list(books.rows["main", member]))})


def again(books: Books, kind: str, id: str) -> Books:
    return replace(books, lines=[*books.lines, next(line for line in books.lines if line.kind == kind and line.id == id)])


def without(books: Books, id: str, kind: str = "") -> Books:
    return replace(books, lines=[line for line in books.lines if line.id != id or (kind and line.kind != kind)])


def with_post(books: Books, at: float = 100.0, *, of: int = 0) -> Books:
    return replace(books, posts=[*books.posts, replace(books.posts[of], at=AT + at)])


def without_post(books: Books, of: int) -> Books:
    return replace(books, posts=[post for place, post in enumerate(books.posts) if place != of])


def order(books: Books, changes: Mapping[str, Any]) -> Books:
    return replace(books, orders={("main", 1): {**books.orders["main", 1], **changes}})


PLANTS: Mapping[str, tuple[str, Plant]] = {
    "an accepted message that vanished": ("lost", lambda b: without(b, "assistant:m7")),
    "a message taken in twice": ("taken in twice", lambda b: again(b, "inbound", CHECK_IN)),
    "a message decided twice": ("decided", lambda b: again(b, "decision", CHECK_IN)),
    "a message that was never decided": ("decided", lambda b: without(b, "assistant:m7", "decision")),
    "a message that nobody said": ("invented", lambda b: replace(b, lines=[*b.lines, *taken("assistant:ghost", TAKER)])),
    "an answer that differs on repeat": (
        "different answers",
        lambda b: said(b, CHECK_IN, told=(Told(AT, 200, "签到成功"), Told(AT, 200, "今天已签到"))),
    ),
    "an answer in the response and once more later": ("answered twice", lambda b: said(b, CHECK_IN, later=("签到成功",))),
    "an answer that came twice by its address": ("answered twice", lambda b: said(b, LATE, later=("都在这里", "都在这里"))),
    "an answer that never came": ("no answer", lambda b: said(b, LATE, later=())),
    "an empty answer where one was kept": ("no answer", lambda b: said(b, CHECK_IN, told=(Told(AT, 200, ""),))),
    "silence where none should be": ("no answer", lambda b: said(b, "assistant:m7", words="怎么退款")),
    "an app's answer that never came": ("no answer", lambda b: without_post(b, 1)),
    "an app's answer that came twice": ("delivered twice", lambda b: with_post(b, of=1)),
    "a lost award": ("check-in", lambda b: rows(b, GIVER, lambda r: r[1:])),
    "a doubled award": ("check-in", lambda b: rows(b, GIVER, lambda r: [r[0], *r])),
    "a lost transfer": ("transfer", lambda b: rows(rows(b, GIVER, lambda r: r[:1]), TAKER, lambda r: r[:1])),
    "a doubled transfer": ("transfer", lambda b: rows(rows(b, GIVER, lambda r: [*r, r[1]]), TAKER, lambda r: [*r, r[1]])),
    "a transfer of which the taker saw nothing": ("transfer", lambda b: rows(b, TAKER, lambda r: r[:1])),
    "a transfer of another amount": ("transfer", lambda b: rows(b, TAKER, lambda r: [r[0], replace(r[1], n=3)])),
    "a refused transfer that moved points": (
        "transfer",
        lambda b: said(b, TRANSFER, told=(Told(AT, 200, "积分不足：你有 1 积分，还差 1 分。"),)),
    ),
    "a lost order": ("order", lambda b: rows(b, BUYER, lambda r: r[:1])),
    "a doubled order": ("order", lambda b: rows(b, BUYER, lambda r: [*r, r[1]])),
    "an order of somebody else": ("order", lambda b: order(b, {"member": TAKER})),
    "an order at another price": ("order", lambda b: order(b, {"price": 4})),
    "an order without a payment": ("orders", lambda b: replace(b, orders={**b.orders, ("main", 2): b.orders["main", 1]})),
    "a gap in the numbers of orders": (
        "orders",
        lambda b: rows(replace(b, orders={("main", 2): b.orders["main", 1]}), BUYER, lambda r: [r[0], replace(r[1], note="订单 2")]),
    ),
    "points for a question": (
        "effect of words that mean none",
        lambda b: rows(b, TAKER, lambda r: [*r, Row(1, "", "award", "", digest_of("assistant:m7"), "")]),
    ),
    "points for nothing": (
        "effect without a message",
        lambda b: rows(b, TAKER, lambda r: [*r, Row(1, "", "award", "", digest_of("ghost"), "")]),
    ),
    "two awards for a day's first message": ("first_message", lambda b: rows(b, TAKER, lambda r: [r[0], *r])),
    "a grant that nobody got": ("grant", lambda b: said(b, "assistant:m7", words="发积分 @anna 9 开张")),
    "an unbalanced row": ("ledger", lambda b: rows(b, TAKER, lambda r: [replace(r[0], n=6), r[1]])),
    "balances that do not sum to zero": ("ledger", lambda b: replace(b, balances={"main": {**b.balances["main"], "treasury": -14}})),
    "a balance below zero": ("ledger", lambda b: rows(b, BUYER, lambda r: r[::-1])),
    "a move that the log does not know": ("ledger", lambda b: without(b, digest_of(CHECK_IN) + "abcd")),
    "a move that only the log knows": ("ledger", lambda b: replace(b, lines=[*b.lines, moved("ghost", "treasury", "1", 5)])),
    "a notice that never came": ("not delivered", lambda b: without_post(b, 0)),
    "a notice that came twice for no reason": ("delivered twice", lambda b: with_post(b, of=0)),
    "a webhook post that came twice for no reason": ("delivered twice", lambda b: with_post(b, of=2)),
    "a webhook post that came three times, break or not": (
        "delivered twice",
        lambda b: replace(with_post(with_post(b, of=2), of=2), spans=[Span("a worker killed", AT, AT + 1, hides=True)]),
    ),
    "a notice of a transfer that was not": (
        "delivery of nothing",
        lambda b: replace(b, posts=[*b.posts, Post(AT, "app", "anna", "bert在“主群”送给你 9 积分，你现在有 9 积分。")]),
    ),
    "a push that came twice into one group": ("delivered twice", lambda b: with_post(b, of=3)),
    "a push that one group never got": (
        "push not delivered",
        lambda b: replace(b, posts=[*b.posts, Post(AT, "webhook", "wrMAIN", "定时推送 2")]),
    ),
    "a minute over the limit of a webhook": ("over the limit", lambda b: replace(b, requests=[*b.requests, Request(AT + 59.9, "hook.k", "", True)])),
    "a minute over the limit of a member": ("over the limit", lambda b: replace(b, requests=[*b.requests, Request(AT + 59.9, "app.bert", "", True)])),
    "an hour over the limit of a member": (
        "over the limit",
        lambda b: replace(b, requests=[Request(AT + n * 3.5, "app.bert", "", True) for n in range(1_001)]),
    ),
    "a delivery given up": ("given up", lambda b: replace(b, dead={"x:1": Letter("参数不符合要求", "没人见过的话")})),
    "a message that is not done": ("left over", lambda b: replace(b, unfinished=1)),
    "a message that was buried": ("left over", lambda b: replace(b, buried=1)),
    "a queue that is not empty": ("left over", lambda b: replace(b, unsent=1)),
    "an error in the log": (
        "error in the log",
        lambda b: replace(b, lines=[*b.lines, Line(0, 0, "error", "main", 0, CHECK_IN, {"error": "KeyError"})]),
    ),
}  # fmt: skip


def found(verdict: Verdict) -> str:
    return "\n".join(map(str, verdict.findings))


def test_nothing_is_found_in_books_that_are_right() -> None:
    verdict = check(good())
    assert not verdict.findings, found(verdict)
    assert not verdict.windows
    assert verdict.counts == {
        "said": 7, "accepted": 6, "posts": 5, "lines": 23, "check-ins": 1, "transfers": 1, "notices": 2, "pushes": 1, "sendings": 50,
    }  # fmt: skip


@pytest.mark.parametrize("plant", PLANTS)
def test_one_thing_that_is_wrong_is_found(plant: str) -> None:
    what, put = PLANTS[plant]
    verdict = check(put(good()))
    assert what in {finding.what for finding in verdict.findings}, found(verdict)


def test_a_finding_names_the_message_what_should_be_and_what_is() -> None:
    [finding] = check(without(good(), "assistant:m7")).findings
    assert str(finding) == "lost: assistant:m7: expected taken in, for it was acknowledged, seen nothing in the log"


WINDOWS: Mapping[str, tuple[str, Plant]] = {
    "a webhook post twice around a kill": (
        "webhook post twice after a break",
        lambda b: replace(with_post(b, 30.0, of=2), spans=[Span("a worker killed", AT + 1, AT + 2, hides=True)]),
    ),
    "a webhook post twice after WeCom's answer was lost": (
        "webhook post twice after a break",
        lambda b: replace(with_post(b, 30.0, of=2), requests=[*b.requests[1:], Request(AT, "hook.k", b.posts[2].text, False)]),
    ),
    "an answer whose connection broke, and which nobody asked for again": (
        "answer kept, never asked for again",
        lambda b: said(b, CHECK_IN, told=(Told(AT, 0),)),
    ),
    "a dead letter of what arrived": (
        "dead letter of what may have arrived",
        lambda b: replace(b, dead={"order:main:1:new": Letter("可能已经送达", b.posts[2].text)}),
    ),
    "a push without an answer, twice": (
        "dead letter of what may have arrived",
        lambda b: replace(
            b,
            posts=[*b.posts, Post(AT, "webhook", "wrMAIN", "定时推送 2")],
            dead={"push:main:2:wrOTHER": Letter("两次没有收到应答，请核对", "定时推送 2")},
            spans=[Span("WeCom cut off", AT, AT + 1)],
        ),
    ),
    "a notice without an answer, twice": (
        "dead letter of what may have arrived",
        lambda b: replace(
            without_post(b, 0),
            dead={f"{TRANSFER}:1": Letter("两次没有收到应答，请核对", b.posts[0].text)},
            spans=[Span("WeCom cut off", AT, AT + 1)],
        ),
    ),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_a_documented_window_is_counted_and_no_finding(window: str) -> None:
    what, put = WINDOWS[window]
    verdict = check(put(good()))
    assert not verdict.findings, found(verdict)
    assert verdict.windows == {what: 1}


def test_a_break_that_hides_nothing_excuses_no_second_post() -> None:
    books = replace(with_post(good(), of=2), spans=[Span("a clock wrong by minutes", AT, AT + 1)])
    assert {finding.what for finding in check(books).findings} == {"delivered twice"}


@pytest.mark.parametrize(("before_s", "is_wrong"), [(300.0, False), (3_600.0, True)])
def test_a_second_award_is_right_only_where_clocks_may_have_had_two_days(before_s: float, is_wrong: bool) -> None:
    midnight = datetime(2026, 5, 29, tzinfo=ZONE).timestamp()
    books = rows(said(good(), CHECK_IN, told=(Told(midnight - before_s, 200, "签到成功"),)), GIVER, lambda r: [r[0], *r])
    assert ("check-in" in {finding.what for finding in check(books).findings}) == is_wrong


def test_a_post_twice_far_from_any_break_is_no_window() -> None:
    books = replace(with_post(good(), of=2), spans=[Span("a worker killed", AT + 500, AT + 501, hides=True)])
    assert {finding.what for finding in check(books).findings} == {"delivered twice"}
