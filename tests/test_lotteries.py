"""抽奖: the draw and its proof, checked by two programs that share nothing, and the lottery as members and operators meet it."""

from __future__ import annotations

import os
import random
import runpy
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat import MAIN, ROOT, Chat, OpenChat, Said
from command_line import Cli
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.activities.desk import ActivityDesk, ring_due
from bot.activities.lottery import Lottery, proof_file, proof_of
from bot.activities.lottery_desk import give_witness
from bot.errors import UserError
from bot.files import FileProblem, Files
from bot.message import Message
from bot.permissions import COMMAND_LINE
from handlers import discover
from rules.activities import Activity
from rules.lottery import (
    MOST_WINNERS,
    Finding,
    LotteryProblem,
    Prize,
    Proof,
    Terms,
    Win,
    code_of,
    commit,
    draw,
    fair,
    hash_of,
    line_of,
    read_prizes,
    read_witnessed,
    verify,
)
from storage import keys
from tests.test_docs import blocks
from tests.timing import SLOWER

pytest_plugins = ("chat", "command_line")

VERIFIER = ROOT / "tools" / "verify_lottery.py"
SEED, SECRET = bytes(range(32)), bytes(range(32, 64))
TERMS = Terms(3, "2026-11-22 20:00:05 +0800", "周年抽奖", (Prize("咖啡券", 3), Prize("50 积分", 1)))


def proven(entries: int, terms: Terms = TERMS, seed: bytes = SEED, witnessed: str = "", step: int = 1) -> str:
    """The proof of a lottery that was drawn fairly; every ``step``-th number is a ticket."""
    tickets = range(1, entries * step + 1, step)
    lines = [line_of(ticket, code_of(SECRET, ticket)) for ticket in tickets]
    listed = hash_of(lines)
    wins = tuple(Win(tickets[place], prize.name) for place, prize in draw(seed, listed, witnessed, entries, terms.prizes))
    proof = Proof(terms, commit(seed, terms), entries, listed, witnessed, seed.hex(), wins)
    return proof.head + "".join(f"{line}\n" for line in lines)


def holds(text: str) -> bool:
    """Whether our own verifier says yes."""
    return all(finding.is_right for finding in verify(text))


def holds_elsewhere(text: str, file: Path) -> bool:
    """Whether the independent one says yes."""
    file.write_text(text, encoding="utf-8")
    before = sys.argv
    sys.argv = ["verify_lottery.py", str(file)]
    try:
        runpy.run_path(str(VERIFIER))
    except (SystemExit, ValueError, KeyError, IndexError, ZeroDivisionError):
        return False
    finally:
        sys.argv = before
    return True


# Prizes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "prize", "points"),
    [
        ("奖品 咖啡券 3", Prize("咖啡券", 3), 0), ("咖啡券×3", Prize("咖啡券", 3), 0), ("奖品：一等奖 马克杯 1 个", Prize("一等奖 马克杯", 1), 0),
        ("马克杯", Prize("马克杯", 1), 0), ("iPhone15", Prize("iPhone15", 1), 0), ("奖品 积分50 3", Prize("50 积分", 3), 50),
        ("50积分", Prize("50 积分", 1), 50), ("积分 20 x 2 份", Prize("20 积分", 2), 20), ("三体  全集 * 2", Prize("三体 全集", 2), 0),
        ("奖品券 2", Prize("奖品券", 2), 0), ("奖品 咖啡券3份", Prize("咖啡券", 3), 0), ("咖啡券，3份", Prize("咖啡券", 3), 0),
        ("咖啡券 三", Prize("咖啡券", 3), 0), ("券三十份", Prize("券", 30), 0), ("50元券3张", Prize("50元券", 3), 0),
        ("三等奖一份", Prize("三等奖", 1), 0), ("礼包3件套", Prize("礼包3件套", 1), 0), ("积分50 三份", Prize("50 积分", 3), 50),
        ("50积分3份", Prize("50 积分", 3), 50), ("iPhone15 1 台", Prize("iPhone15", 1), 0),
    ],
)  # fmt: skip
def test_a_prize_is_read_as_people_write_it(line: str, prize: Prize, points: int) -> None:
    assert read_prizes([line]) == (prize,)
    assert read_prizes([f"{prize.name} {prize.count}"]) == (prize,), "as it is kept it is read again"
    assert prize.points == points


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "还没有写奖品"), (["奖品"], "要有名字"), (["！！ 3"], "要有名字"), ([f"{'长' * 41} 1"], "最多 40 个字"), (["书 0"], "1 到 1000"),
        (["书 1001"], "1 到 1000"), (["书 2", "书 3"], "写了两次"), ([f"奖品 书{n} 100" for n in range(11)], "最多 1000 份"),
        ([f"奖品 书{n} 1" for n in range(21)], "最多 20 种"), (["积分0 2"], "1 到 100000 分"), (["积分999999 2"], "1 到 100000 分"),
        (["书 十十"], "写几份"),
    ],
)  # fmt: skip
def test_a_wrong_prize_is_told_with_an_example(lines: list[str], words: str) -> None:
    with pytest.raises(LotteryProblem, match=words):
        read_prizes(lines)


def test_a_public_number_has_one_form() -> None:
    assert read_witnessed(" 4,011.23 ") == read_witnessed("4011.23") == "4011.23"
    for wrong in ("", "上证", "4011|23", "-1", "1" * 81):
        with pytest.raises(LotteryProblem, match=r"4011\.23"):
            read_witnessed(wrong)


# The draw -----------------------------------------------------------------------------------------------------------------


def test_the_protocol_stays_what_it_is() -> None:
    """Whoever wrote a verifier of his own relies on these."""
    assert commit(SEED, TERMS) == "911c53523dce55ffc12527cb43c39639308e6ea361ae8d927f2d9de528066be7"
    assert line_of(17, "9f86d081884c7d65") == "17 1327f719f47d99a8ae8674a9e2b0143e"
    assert [place for place, _ in draw(SEED, "a" * 64, "", 1_000, TERMS.prizes)] == [879, 680, 102, 298]
    assert [place for place, _ in draw(SEED, "a" * 64, "4011.23", 1_000, TERMS.prizes)] == [43, 710, 472, 72]


@given(
    seed=st.binary(min_size=32, max_size=32), entries=st.integers(0, 300), counts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    witnessed=st.sampled_from(["", "4011.23"]),
)  # fmt: skip
def test_nobody_wins_twice_and_no_prize_is_left_while_somebody_could_have_it(
    seed: bytes, entries: int, counts: list[int], witnessed: str
) -> None:
    prizes = tuple(Prize(f"奖品{n}", count) for n, count in enumerate(counts))
    won = draw(seed, "0" * 64, witnessed, entries, prizes)
    assert len(won) == len({place for place, _ in won}) == min(entries, sum(counts))
    assert all(0 <= place < entries for place, _ in won)
    wanted = [prize for prize in prizes for _ in range(prize.count)]
    assert [prize for _, prize in won] == wanted[:entries], "in the order of the prizes"
    assert won == draw(seed, "0" * 64, witnessed, entries, prizes)


def test_every_ticket_is_equally_likely() -> None:
    dice = random.Random(7)
    seen = Counter(place for _ in range(6_000) for place, _ in draw(dice.randbytes(32), "0" * 64, "", 12, (Prize("书", 3),)))
    assert len(seen) == 12
    # 1,500 each, standard deviation 34: five of them
    assert all(abs(n - 1_500) < 170 for n in seen.values())


def test_a_number_that_would_favour_the_first_places_is_passed_over() -> None:
    top = 2**256
    assert list(fair(iter([top - 1, 7, top - top % 10, top - top % 10 - 1]), 10)) == [7, 9]
    assert list(fair(iter([top - 1]), 16)) == [15], "where it comes out even none is lost"


def test_seed_list_and_public_number_each_decide() -> None:
    first = draw(SEED, "a" * 64, "", 10_000, TERMS.prizes)
    others = [
        draw(SECRET, "a" * 64, "", 10_000, TERMS.prizes),
        draw(SEED, "b" * 64, "", 10_000, TERMS.prizes),
        draw(SEED, "a" * 64, "1", 10_000, TERMS.prizes),
    ]
    assert all(first != other for other in others)


# The proof ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [0, 1, 3, 4, 500])
@pytest.mark.parametrize("witness", ["", "上证指数 11 月 23 日收盘"])
def test_a_fair_lottery_holds_by_both_verifiers(entries: int, witness: str, tmp_path: Path) -> None:
    text = proven(entries, replace(TERMS, witness=witness), witnessed="4011.23" if witness and entries else "", step=3)
    assert holds(text)
    assert holds_elsewhere(text, tmp_path / "proof.txt")


PLAIN = proven(9)
WITNESSED = proven(9, replace(TERMS, witness="收盘"), witnessed="4011.23")


@settings(max_examples=150, deadline=None)
@given(
    text=st.sampled_from([PLAIN, WITNESSED]), at=st.integers(0, 2_000),
    act=st.sampled_from(["replace", "insert", "delete", "swap lines", "drop line", "twice"]), char=st.sampled_from("0123456789abcdef 券号：\nx٣"),
)  # fmt: skip
def test_whatever_is_changed_in_a_proof_both_verifiers_notice(
    tmp_path_factory: pytest.TempPathFactory, text: str, at: int, act: str, char: str
) -> None:
    lines, place, row = text.split("\n"), at % len(text), at % (text.count("\n") - 1)
    match act:
        case "replace":
            changed = text[:place] + char + text[place + 1 :]
        case "insert":
            changed = text[:place] + char + text[place:]
        case "delete":
            changed = text[:place] + text[place + 1 :]
        case "swap lines":
            changed = "\n".join([*lines[:row], lines[row + 1], lines[row], *lines[row + 2 :]])
        case "drop line":
            changed = "\n".join([*lines[:row], *lines[row + 1 :]])
        case _:
            changed = "\n".join([*lines[: row + 1], *lines[row:]])
    is_same = changed == text
    assert holds(changed) == is_same
    assert holds_elsewhere(changed, tmp_path_factory.getbasetemp() / f"proof-{os.getpid()}.txt") == is_same


def forged(**changes: Any) -> str:
    """A proof that somebody wrote anew, with all hashes that he can make himself."""
    lines = [line_of(ticket, code_of(SECRET, ticket)) for ticket in range(1, 10)]
    proof = Proof(TERMS, commit(SEED, TERMS), 9, hash_of(lines), "", SEED.hex(), ())
    fair_wins = tuple(Win(place + 1, prize.name) for place, prize in draw(SEED, proof.list_hash, "", 9, TERMS.prizes))
    return replace(proof, **{"wins": fair_wins, **changes}).head + "".join(f"{line}\n" for line in lines)


def wrong(found: Sequence[Finding]) -> list[tuple[int, str]]:
    """Line and words of what was found to be wrong."""
    return [(finding.line, finding.text) for finding in found if not finding.is_right]


def test_each_lie_is_named_with_its_line() -> None:
    fair_wins = [win for win in forged().split("\n") if win.startswith("中奖：")]
    loser = next(n for n in range(1, 10) if f"中奖：{n} " not in "".join(fair_wins))
    [(line, words)] = wrong(verify(forged(wins=(Win(loser, "咖啡券"),))))
    assert (line, words.startswith("应该是 ")) == (11, True)
    [(line, words)] = wrong(verify(forged(wins=())))
    assert words == "应该有 4 个中奖号码，写了 0 个"
    [(line, words)] = wrong(verify(forged(commitment="0" * 64)))
    assert line == 7
    assert "承诺由种子" in words
    [(line, words)] = wrong(verify(forged(count=8)))
    assert (line, "应该是 9，写的是 8" in words) == (8, True)
    [(line, words)] = wrong(verify(forged(terms=replace(TERMS, title="别的抽奖"))))
    assert "承诺由种子" in words
    assert wrong(verify("一张图片")) == [(1, "这不是抽奖凭证：第一行应该是“群管家抽奖凭证 1”")]
    assert wrong(verify(PLAIN.removesuffix("\n")))[0][1] == "最后一行不完整，文件可能没有下载完"
    twisted = PLAIN.split("\n")
    twisted[-2], twisted[-3] = twisted[-3], twisted[-2]
    assert wrong(verify("\n".join(twisted))) == [(len(twisted) - 1, "号码应该从小到大，8 号不能在 9 号后面")]


def test_a_result_that_nobody_named_beforehand_is_refused() -> None:
    """Else whoever draws could try results until he likes the winners."""
    lines = [line_of(ticket, code_of(SECRET, ticket)) for ticket in range(1, 10)]
    wins = tuple(Win(place + 1, prize.name) for place, prize in draw(SEED, hash_of(lines), "777", 9, TERMS.prizes))
    assert "事先写了“公证数”" in wrong(verify(forged(witnessed="777", wins=wins)))[0][1]


def test_what_the_group_was_told_and_what_a_member_was_told_is_compared() -> None:
    seed2 = bytes(32)
    other = proven(9, seed=seed2)
    assert holds(other), "a second lottery drawn in secret is consistent with itself"
    [(_, words)] = wrong(verify(other, commitment=commit(SEED, TERMS)))
    assert "群里公布的" in words
    [(_, words)] = wrong(verify(other, list_hash="0" * 64))
    assert "群里公布的" in words
    assert not wrong(verify(PLAIN, commitment=commit(SEED, TERMS).upper(), ticket=7, code=code_of(SECRET, 7)))
    [(_, words)] = wrong(verify(PLAIN, ticket=7, code=code_of(SECRET, 8)))
    assert words == "名单里没有这个校验码的 7 号"


def test_before_the_draw_the_list_can_be_checked_and_nothing_more() -> None:
    undrawn = forged(seed="", wins=())
    assert wrong(verify(undrawn)) == [(0, "还没有开奖：没有种子，中奖的人还不能核对")]
    assert "没有种子，就不能有中奖号码" in wrong(verify(undrawn.replace("号码：\n", "中奖：1 咖啡券\n号码：\n", 1)))[0][1]


def test_the_independent_verifier_is_short_and_the_page_shows_it_whole() -> None:
    source = VERIFIER.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 30
    assert "rules" not in source
    assert source in [code for _, code in blocks((ROOT / "docs" / "lottery.md").read_text(encoding="utf-8"), "python")]


# In chat ------------------------------------------------------------------------------------------------------------------

LONG = "奖" * 40
BEGIN = "发起抽奖 周年抽奖 | 奖品 咖啡券 2 | 奖品 积分50 1 | 截止 明天20:00"
PEOPLE = (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("wudi", "吴迪"), ("lucy", "露西"))


def ring(chat: Chat) -> int:
    """What the clock does to activities."""
    return ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def desk_of(chat: Chat) -> ActivityDesk:
    """The desk at this moment."""
    return ActivityDesk(chat.stores, chat.live.current, chat.config, chat.community, chat.clock())


def posts(chat: Chat) -> list[str]:
    """What was told in the main group so far, oldest first."""
    return [str(delivery.body["markdown"]["content"]) for delivery in chat.outbox() if delivery.body["msgtype"] == "markdown"]


def begin(chat: Chat, words: str = BEGIN) -> Said:
    """An operator begins a lottery; gives what the group was told."""
    chat.says(words, user="boss", group=MAIN)
    assert "开始了" in chat.says("1", user="boss", group=MAIN)
    return Said(posts(chat)[-1])


def give(chat: Chat, points: int, *users: str) -> None:
    """Members have so many points more."""
    for user in users:
        today = chat.clock().astimezone(chat.community.zone).date()
        chat.stores.points.award(
            chat.community.keys, chat.member(user), chat.clock(), today=today, reason="event", points=points, once=f"give:{user}:{points}"
        )


def meet(chat: Chat) -> None:
    """Four members have spoken."""
    for user, name in PEOPLE:
        chat.says("你好", user=user, name=name)


def forget_answer(chat: Chat, id: str) -> None:
    """As if the process had died between the act and the answer to this message."""
    chat.stores.database.command("DEL", *chat.stores.database.scan(f"qb:{{*}}:msg:*{id}"))


def lottery_of(chat: Chat, number: int = 1) -> Activity:
    """A lottery as it is kept."""
    found = chat.stores.activities.find(chat.community.keys, number)
    assert found
    return found


def proof(chat: Chat, number: int = 1) -> str:
    """Its proof."""
    return "".join(proof_of(chat.stores, chat.config, chat.community.keys, lottery_of(chat, number)))


@pytest.fixture
def drawing(chat: Chat) -> Chat:
    """A lottery that runs, and four who may take part."""
    meet(chat)
    begin(chat)
    return chat


def test_from_the_first_word_to_a_proof_that_anybody_checks(drawing: Chat, tmp_path: Path) -> None:
    opened = posts(drawing)[-1]
    assert "咖啡券 × 2、50 积分 × 1" in opened
    commitment = opened.splitlines()[-1]
    said = [drawing.says("抽奖", user=user) for user, _ in PEOPLE]
    assert [f"你的号码是 {n}，校验码 " in words for n, words in enumerate(said, 1)] == [True] * 4
    assert "4 人参加，明天 20:00 截止" in said[-1]
    drawing.later(days=2)
    ring(drawing)
    closed, announced = posts(drawing)[-2:]
    assert "已截止，4 人参加。马上开奖" in closed
    assert "4 人参加，3 人中奖" in announced
    text = proof(drawing)
    assert holds_elsewhere(text, tmp_path / "proof.txt")
    ticket, code = 3, said[2].split("校验码 ")[1][:16]
    assert not wrong(verify(text, commitment=commitment, list_hash=closed.splitlines()[-1], ticket=ticket, code=code))
    assert not any(name in text for _, name in PEOPLE), "nobody is named in it"
    winners = {int(line.split(" ")[0].removeprefix("中奖：")) for line in text.splitlines() if line.startswith("中奖：")}
    for n, (user, name) in enumerate(PEOPLE, 1):
        assert (f"{name}（{n} 号）" in announced) == (n in winners)
        assert ("恭喜，你中了" in drawing.says("抽奖 号码", user=user)) == (n in winners)
    told = {delivery.member for delivery in drawing.outbox() if "恭喜！你在抽奖" in str(delivery.body)}
    assert told == {drawing.member(PEOPLE[n - 1][0]) for n in winners}
    lucky = next(int(line[3]) for line in text.splitlines() if line.startswith("中奖：") and line.endswith("50 积分"))
    assert [drawing.points(user) for user, _ in PEOPLE] == [50 * (n == lucky) for n in range(1, 5)]


def test_ringing_again_draws_and_pays_nothing_more(drawing: Chat) -> None:
    drawing.says("抽奖")
    drawing.later(days=2)
    ring(drawing)
    before, points = drawing.outbox(), drawing.points()
    assert ring(drawing) == 0
    drawing.later(days=1)
    ring(drawing)
    assert (drawing.outbox(), drawing.points()) == (before, points)


def test_one_ticket_each_and_a_repeat_gets_the_same(drawing: Chat) -> None:
    first = drawing.says("抽奖", id="same")
    forget_answer(drawing, "same")
    assert drawing.says("抽奖", id="same") == first
    again = drawing.says("抽奖 1")
    assert "你已经参加了「周年抽奖」，你的号码是 1" in again
    assert lottery_of(drawing).entries == 1


@pytest.mark.parametrize("words", ["抽奖", "抽奖 1", "抽奖1", "参加抽奖", "抽奖 1号", "我要抽奖"])
def test_taking_part_is_understood(drawing: Chat, words: str) -> None:
    assert "你的号码是 1" in drawing.says(words)


@pytest.mark.parametrize("words", ["抽奖 太黑了", "抽奖 我从来没中过", "开奖 了没", "抽奖结果 什么时候出", "我的抽奖 运气真差"])
def test_a_sentence_that_begins_like_it_is_for_others(drawing: Chat, words: str) -> None:
    assert "例如" not in drawing.says(words)


@pytest.mark.parametrize("words", ["抽奖 什么时候开", "抽奖 怎么参加", "抽奖 有什么奖品吗"])
def test_a_question_about_it_is_no_entry(drawing: Chat, words: str) -> None:
    drawing.says(words)
    assert lottery_of(drawing).entries == 0


def test_what_it_costs_is_taken_once_and_comes_back_with_leaving(chat: Chat) -> None:
    meet(chat)
    give(chat, 15, "lilei")
    assert "参加要花 10 积分" in begin(chat, f"{BEGIN} | 花费 10 | 奖励积分 3")
    assert "花了 10 积分，还有 8 积分。积分 +3" in chat.says("抽奖")
    assert "还差 10 积分" in chat.says("抽奖", user="wudi")
    assert "花掉的 10 积分退回了，号码作废" in chat.says("抽奖 退出")
    assert chat.points() == 15, "what taking part brought goes back too"
    assert "你还没有参加" in chat.says("抽奖 退出")
    assert "你的号码是 2" in chat.says("抽奖"), "a number is never given twice"


def test_who_may_take_part_is_said_with_what_is_missing(chat: Chat) -> None:
    meet(chat)
    begin(chat, f"{BEGIN} | 条件 签到 / 等级 2")
    said = chat.says("抽奖")
    assert "才能参加，再得" in said
    give(chat, 500, "lilei")
    assert "要先签到才能参加" in chat.says("抽奖")
    chat.says("签到")
    assert "你的号码是 1" in chat.says("抽奖")


def test_called_off_it_gives_the_costs_back_and_has_no_proof(chat: Chat) -> None:
    meet(chat)
    give(chat, 10, "lilei", "wudi")
    begin(chat, f"{BEGIN} | 花费 10")
    for user in ("lilei", "wudi"):
        chat.says("抽奖", user=user)
    chat.as_admin("活动 取消 1")
    chat.as_admin("1")
    ring(chat)
    assert [chat.points("lilei"), chat.points("wudi")] == [10, 10]
    for words in ("抽奖 凭证 1", "抽奖 结果 1", "抽奖 号码 1"):
        assert "“周年抽奖”取消了，没有结果" in chat.says(words)
    assert "还没有办过抽奖" in chat.says("抽奖 结果"), "it is passed over"
    with pytest.raises(UserError, match="取消了的没有"):
        proof(chat)


def test_without_anybody_it_is_called_a_blank(drawing: Chat) -> None:
    drawing.later(days=2)
    ring(drawing)
    assert "没有人参加，流抽了" in posts(drawing)[-1]
    assert "流抽了" in drawing.says("抽奖 结果")
    assert holds(proof(drawing)), "that nobody took part is proved as well"


def test_with_fewer_people_than_prizes_what_is_left_is_said(drawing: Chat) -> None:
    drawing.says("抽奖")
    drawing.later(days=2)
    ring(drawing)
    announced = posts(drawing)[-1]
    assert "咖啡券：李雷（1 号）" in announced
    assert "50 积分：没有抽出" in announced
    assert "2 份奖品没有抽出" in announced


def test_a_thousand_winners_are_told_in_few_words_and_every_prize_is_named(chat: Chat) -> None:
    begin(chat, f"发起抽奖 大抽奖 | {LONG} 990 | 杯子 5 | 笔 5 | 截止 明天20:00")
    lottery = lottery_of(chat)
    part = {"shard": chat.community.shard, "community": chat.community.id, "number": 1}
    flat = [text for n in range(1, MOST_WINNERS + 1) for text in (n, 10_000 + n)]
    chat.stores.database.command("ZADD", keys.ACTIVITY_ORDER(**part), *flat)
    desk = desk_of(chat)
    desk.close(lottery, COMMAND_LINE, once="")
    desk.settle(lottery_of(chat), COMMAND_LINE, once="")
    announced = posts(chat)[-1]
    assert "等 990 人" in announced
    assert all(f"{prize}：（已退出的成员）" in announced for prize in (LONG, "杯子", "笔"))
    assert len(announced.encode()) < 4_096
    assert len(announced.splitlines()) < 12
    assert holds(proof(chat))


def test_a_hundred_thousand_tickets_are_drawn_and_a_changed_one_is_found(drawing: Chat, tmp_path: Path) -> None:
    part = {"shard": drawing.community.shard, "community": drawing.community.id, "number": 1}
    for start in range(1, 100_001, 10_000):
        flat = [text for n in range(start, start + 10_000) for text in (n, 1_000_000 + n)]
        drawing.stores.database.command("ZADD", keys.ACTIVITY_ORDER(**part), *flat)
    desk = desk_of(drawing)
    desk.close(lottery_of(drawing), COMMAND_LINE, once="")
    began = time.process_time()
    desk.settle(lottery_of(drawing), COMMAND_LINE, once="")
    assert time.process_time() - began < 1 * SLOWER, "of CPU, for reading, hashing and drawing twice: about one on a machine of its own"
    text = proof(drawing)
    assert holds_elsewhere(text, tmp_path / "proof.txt")
    at = text.index("\n77777 ") + 10
    changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
    assert not holds_elsewhere(changed, tmp_path / "proof.txt")
    assert [line for line, _ in wrong(verify(changed))] != []


def test_a_name_that_may_not_be_said_is_not_said(chat: Chat) -> None:
    chat.says("你好", user="lilei", name="王八蛋")
    begin(chat)
    chat.says("抽奖")
    chat.later(days=2)
    ring(chat)
    assert "王八蛋" not in posts(chat)[-1]
    assert "一位群友（1 号）" in posts(chat)[-1]
    assert "王八蛋（成员" in chat.as_admin("抽奖 名单"), "those who hand it over see who it is"


def test_an_erased_member_keeps_his_ticket_in_the_list_and_nobody_learns_whose_it_was(drawing: Chat) -> None:
    for user, _ in PEOPLE:
        drawing.says("抽奖", user=user)
    drawing.later(days=2)
    ring(drawing)
    before = proof(drawing)
    for user, _ in PEOPLE:
        drawing.erase(user)
    assert proof(drawing) == before
    said = drawing.says("抽奖 结果", user="boss")
    assert "（已退出的成员）" in said
    assert not any(name in said for _, name in PEOPLE)


def test_erased_before_it_closes_he_is_not_in_the_list(drawing: Chat) -> None:
    for user, _ in PEOPLE[:2]:
        drawing.says("抽奖", user=user)
    drawing.erase("lilei")
    drawing.later(days=2)
    ring(drawing)
    assert "1 人参加" in posts(drawing)[-1]
    assert [line[:2] for line in proof(drawing).split("号码：\n")[1].splitlines()] == ["2 "]


def test_a_seed_that_cannot_be_opened_says_what_to_do(drawing: Chat) -> None:
    drawing.says("抽奖")
    drawing.later(days=2)
    (drawing.config.data_path / "evidence.key").unlink()
    assert ring(drawing) == 0
    assert lottery_of(drawing).state == "closed"
    assert "evidence.key 换过了" in drawing.as_admin("活动 结算 1")


def test_the_seed_is_sealed_until_it_is_told(drawing: Chat, tmp_path: Path) -> None:
    randomness = iter([b"A" * 32, b"B" * 32])
    stage = desk_of(drawing).stage(lottery_of(drawing))
    live = Lottery(lambda size: next(randomness)).prepare(stage)
    assert live["commitment"] == commit(b"A" * 32, Terms(1, live["begun"], "周年抽奖", (Prize("咖啡券", 2), Prize("50 积分", 1))))
    assert (b"A" * 32).hex() not in str(live)
    assert "A" * 32 not in str(live)


# A public number ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def awaiting(chat: Chat) -> Chat:
    """A lottery of four, closed, that waits for its public number."""
    meet(chat)
    assert "再等公证数（上证指数收盘）" in begin(chat, f"{BEGIN} | 公证数 上证指数收盘")
    for user, _ in PEOPLE:
        chat.says("抽奖", user=user)
    chat.later(days=2)
    ring(chat)
    return chat


def test_with_a_public_number_it_waits_and_both_decide(awaiting: Chat, tmp_path: Path) -> None:
    assert "还要等公证数：上证指数收盘" in posts(awaiting)[-1]
    assert ring(awaiting) == 0
    assert "在等公证数（上证指数收盘）" in awaiting.says("抽奖 结果")
    undrawn = proof(awaiting)
    awaiting.erase("lucy")  # forgotten while it waits: the list stays what it was
    assert wrong(verify(undrawn)) == [(0, "还没有开奖：没有种子，中奖的人还不能核对")]
    assert "是 4011.23 吗" in awaiting.as_admin("抽奖 公证数 1 4,011.23")
    assert "没有记下" in awaiting.as_admin("2")
    awaiting.as_admin("抽奖 公证数 1 4011.23")
    assert "开奖" in awaiting.as_admin("1")
    assert "公证数（上证指数收盘）：4011.23" in posts(awaiting)[-1]
    text = proof(awaiting)
    assert holds_elsewhere(text, tmp_path / "proof.txt")
    assert undrawn.split("号码：\n")[1] == text.split("号码：\n")[1], "the list did not change meanwhile"
    assert "现在不用公证数" in awaiting.as_admin("抽奖 公证数 1 5000")
    assert [row.subject for row in awaiting.stores.audit.newest("main", 50) if row.act == "抽奖公证数"] == ["活动 1（抽奖）"]


def test_a_public_number_that_is_given_again_draws_once(awaiting: Chat) -> None:
    done = [give_witness(desk_of(awaiting), lottery_of(awaiting), "4011.23", COMMAND_LINE, once="m1").outcome for _ in range(2)]
    assert done == ["done", "again"]
    assert sum("人中奖" in post for post in posts(awaiting)) == 1
    with pytest.raises(UserError, match="现在不用公证数"):
        give_witness(desk_of(awaiting), lottery_of(awaiting), "5000", COMMAND_LINE, once="m2")


def test_a_process_that_dies_between_the_number_and_the_draw_leaves_it_to_the_clock(awaiting: Chat) -> None:
    lottery, now = lottery_of(awaiting), awaiting.clock()
    live = {**lottery.live, "witnessed": "4011.23"}
    awaiting.stores.activities.change(awaiting.community.keys, lottery, now, live=live, next_step=now, once="m1")
    assert ring(awaiting) == 1
    assert "公证数（上证指数收盘）：4011.23" in posts(awaiting)[-1]
    assert give_witness(desk_of(awaiting), lottery_of(awaiting), "4011.23", COMMAND_LINE, once="m1").outcome == "again"


def test_two_who_look_at_the_same_moment_give_one_number(awaiting: Chat) -> None:
    seen = lottery_of(awaiting)
    give_witness(desk_of(awaiting), seen, "4011.23", COMMAND_LINE, once="m1")
    with pytest.raises(UserError, match="刚刚被别人改过"):
        give_witness(desk_of(awaiting), seen, "4011.24", COMMAND_LINE, once="m2")
    assert "结果：4011.23\n" in proof(awaiting)


def test_the_list_that_was_told_is_the_list_that_is_drawn_from(awaiting: Chat) -> None:
    part = {"shard": awaiting.community.shard, "community": awaiting.community.id, "number": 1}
    awaiting.stores.database.command("ZADD", keys.ACTIVITY_ORDER(**part), 5, 999)
    with pytest.raises(UserError, match="参加名单与截止时公布的不一致"):
        give_witness(desk_of(awaiting), lottery_of(awaiting), "4011.23", COMMAND_LINE, once="m1")
    assert lottery_of(awaiting).state == "closed"


def test_where_nobody_came_no_number_is_waited_for(chat: Chat, tmp_path: Path) -> None:
    begin(chat, f"{BEGIN} | 公证数 上证指数收盘")
    chat.later(days=2)
    ring(chat)
    assert "流抽了" in posts(chat)[-1]
    assert holds(proof(chat))
    assert holds_elsewhere(proof(chat), tmp_path / "proof.txt")


def test_a_public_number_is_for_operators_only(awaiting: Chat) -> None:
    assert "只有运营" in awaiting.says("抽奖 公证数 1 4011.23")
    assert "例如：抽奖 公证数 3 4011.23" in awaiting.as_admin("抽奖 公证数 1")
    assert "例如：4011.23" in awaiting.as_admin("抽奖 公证数 1 看图")


# Wrong words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "example"),
    [
        ("发起抽奖", "发起抽奖 周年抽奖 | 奖品 咖啡券 3"), ("发起抽奖 周年 | 截止 明天20:00", "奖品 咖啡券 3"), ("发起抽奖 周年 | 书 9999", "奖品 书 3"),
        ("发起抽奖 周年 | 书 1 | 截止 2020-01-01", "截止 明天20:00"), ("发起抽奖 周年 | 书 1 | 条件 长得帅", "条件 签到 / 入群 7天"),
        ("抽奖 结果 甲", "抽奖 结果 1"), ("抽奖 凭证 甲", "抽奖 凭证 1"), ("抽奖 三", "抽奖 1"), ("抽奖 名单 甲", "抽奖 名单 1"),
        ("发起抽奖 周年 | 书 1 | 公证数", "公证数 上证指数"), ("发起抽奖 周年 | 书 1 | 花费", "花费 20"),
        ("抽奖 退出 甲", "抽奖 1"),
    ],
)  # fmt: skip
def test_a_wrong_way_of_typing_is_answered_with_the_right_one(chat: Chat, words: str, example: str) -> None:
    assert example in chat.as_admin(words)


def test_what_is_no_lottery_is_said(chat: Chat) -> None:
    assert "还没有办过抽奖" in chat.says("抽奖 结果")
    assert "现在没有进行中的抽奖" in chat.says("抽奖")
    chat.as_admin("发起抽奖 周年 | 书 1")
    assert "没有活动 1" in chat.says("抽奖 结果 1"), "a draft is not spoken of"
    assert "没有活动 8" in chat.says("抽奖 凭证 8")


def test_a_member_begins_none_and_sees_no_list(drawing: Chat) -> None:
    assert "周年" not in drawing.says("发起抽奖 周年 | 书 1")
    assert "只有运营可以看" in drawing.says("抽奖 名单")
    assert "请私聊我看" in drawing.says("抽奖 名单", user="boss")


def test_with_two_that_run_the_number_is_asked_for(drawing: Chat) -> None:
    begin(drawing, "发起抽奖 第二个 | 书 1 | 截止 明天20:00")
    said = drawing.says("抽奖")
    assert "1. 周年抽奖" in said
    assert "2. 第二个" in said
    assert "参加了「第二个」" in drawing.says("抽奖 2")
    assert "例如：抽奖 号码 1" in drawing.says("抽奖 号码")
    assert "第二个" in drawing.says("抽奖 号码 2")


# Card, file, command line -------------------------------------------------------------------------------------------------


def test_a_card_can_be_pressed_alone_and_in_a_group(drawing: Chat) -> None:
    stage = desk_of(drawing).stage(lottery_of(drawing))
    card = Lottery().opening(stage).card
    assert card
    shown = Said("", dict(card.body_for("aibot")))
    assert lottery_of(drawing).live["commitment"] in str(shown.card)
    alone = drawing.clicks(shown, "参加", user="lilei", group="")
    assert alone.updated
    assert "你的号码是 1" in alone.updated["sub_title_text"]
    crowd = drawing.clicks(shown, "参加", user="wudi", group=MAIN)
    assert crowd.updated is None, "others want to press it too"
    assert lottery_of(drawing).entries == 2


def test_a_card_of_elsewhere_or_by_hand_does_nothing(drawing: Chat) -> None:
    for key in ("lottery:far:1", "lottery:main:x", "lottery"):
        card = {"button_list": [{"text": "参加", "key": key}], "task_id": "lottery@1", "card_type": "button_interaction"}
        drawing.clicks(Said("", card), "参加", user="lilei", group=MAIN)
    assert lottery_of(drawing).entries == 0


@pytest.mark.parametrize(
    "more",
    [
        "| 奖品 马克杯一个很长很长的名字放不下卡片 3 | 奖品 另外一个 2",
        "| 公证数 上证指数收盘",
        "| 条件 入群 7天 / 签到 30天 / 等级 2 | 花费 10 | 上限 200",
    ],
)
def test_where_a_card_does_not_show_everything_the_words_stay(chat: Chat, more: str) -> None:
    meet(chat)
    begin(chat, f"{BEGIN} {more}")
    post = Lottery().opening(desk_of(chat).stage(lottery_of(chat)))
    assert post.card is None
    assert "公平承诺" in post.text


def test_a_number_that_may_be_of_the_name_is_pointed_out(chat: Chat) -> None:
    assert "“iPhone × 15”不是 15 份的话，写成：奖品 iPhone15 1 份" in chat.as_admin("发起抽奖 周年 | 奖品 iPhone 15")
    assert "的话，写成" not in chat.as_admin("发起抽奖 周年 | 奖品 iPhone15 1 份 | 奖品 书 3")


def test_an_operator_who_leaves_hears_how_to_call_it_off(drawing: Chat) -> None:
    assert "要取消整个抽奖，说：活动 取消 1" in drawing.as_admin("抽奖 取消 1")
    assert "活动 取消" not in drawing.says("抽奖 取消 1")


def test_a_name_in_the_list_mentions_nobody(drawing: Chat) -> None:
    drawing.says("抽奖", user="evil", name="<@all>[点我](http://e.cn)")
    drawing.as_admin("活动 截止 1")
    listed = drawing.as_admin("抽奖 名单 1")
    assert "<@" not in listed
    assert "](" not in listed


def test_the_proof_comes_as_a_file(drawing: Chat) -> None:
    drawing.says("抽奖")
    assert lottery_of(drawing).live["commitment"] in drawing.says("抽奖 凭证"), "before it closes there is the commitment"
    drawing.later(days=2)
    ring(drawing)
    said = drawing.says("抽奖 凭证")
    assert lottery_of(drawing).result["seed"] in said
    [name] = {str(delivery.body["file"]["file_to_show"]) for delivery in drawing.outbox() if delivery.body["msgtype"] == "file"}
    assert name.endswith("/抽奖凭证-1.txt")
    files = Files(
        drawing.config.files_path, {"lottery": lambda rest: proof_file(drawing.stores, drawing.config, drawing.communities, rest)}
    )
    assert files.read(name, 10_000) == proof(drawing).encode()
    with pytest.raises(FileProblem, match="最多 100 字节"):
        files.read(name, 100)


@pytest.mark.parametrize(
    "name", ["lottery:", "lottery:main/1/x", "lottery:main/1/0000000000000000/a.txt", "lottery:main/x//a.txt", "lottery:main/7//a.txt"]
)
def test_a_file_that_is_no_proof_is_refused(drawing: Chat, name: str) -> None:
    files = Files(
        drawing.config.files_path, {"lottery": lambda rest: proof_file(drawing.stores, drawing.config, drawing.communities, rest)}
    )
    with pytest.raises(FileProblem, match="没有这个抽奖的凭证"):
        files.read(name, 10_000)


def test_the_command_line_writes_and_checks_a_proof(drawing: Chat, cli: Cli, tmp_path: Path) -> None:
    drawing.says("抽奖")
    assert "没有抽奖凭证" in cli("lottery", "proof", "1", "-c", "main").err
    drawing.later(days=2)
    ring(drawing)
    written = cli("lottery", "proof", "1", "-c", "main")
    assert (written.code, written.out) == (0, proof(drawing))
    file, live = tmp_path / "proof.txt", lottery_of(drawing).live
    file.write_text(written.out.replace("\n", "\r\n"), encoding="utf-8-sig")  # as editors on Windows leave it
    good = cli("lottery", "verify", str(file), "--commitment", live["commitment"], "--list-hash", live["list"])
    assert (good.code, good.out.splitlines()[-1]) == (0, "凭证成立。")
    file.write_text(written.out.replace("中奖：1 ", "中奖：2 "), encoding="utf-8")
    bad = cli("lottery", "verify", str(file))
    assert bad.code == 1
    assert "✗ 第 11 行：应该是 1 号中“咖啡券”，写的是 2 号中“咖啡券”" in bad.out
    assert cli("lottery", "verify", str(file), "--ticket", "1").code == 2
    assert "没有社群" in cli("lottery", "proof", "1", "-c", "nowhere").err
    assert "没有活动 9" in cli("lottery", "proof", "9", "-c", "main").err


def test_a_file_that_is_no_text_is_no_proof(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    assert "不是 UTF-8 文本" in cli("lottery", "verify", str(tmp_path / "picture.png")).err


def test_every_word_of_it_is_a_command() -> None:
    router = discover()
    for text in ("抽奖", "抽奖 结果", "抽奖 凭证 3", "发起抽奖 周年 | 书 1", "中奖名单", "我的抽奖"):
        match = router.find(Message(id="1", channel="a", kind="text", user="u", text=text), None, lambda route: True)
        assert match
        assert match.route.handler.__module__ == "handlers.lotteries"


def test_lotteries_of_unlisted_groups_stay_there(open_chat: OpenChat) -> None:
    chat = open_chat()
    chat.says("你好", user="lilei", group="wrNEW")
    assert "现在没有进行中的抽奖" in chat.says("抽奖", group="wrNEW")
