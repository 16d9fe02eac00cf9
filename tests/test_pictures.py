"""Pictures that are drawn: right glyphs, bounded names, small files – and in a chat, by whichever way they travel."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chat import MAIN, ROOT, Chat
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.drawing import MOST_NAME_BYTES, PAINTERS, Artist, DrawingProblem, drawn, shown_members
from bot.files import SHOWN_BYTES, FileProblem, Files
from bot.pictures.canvas import NOBODY, UNKNOWN, WIDTH, Canvas, Studio, Style
from rules.months import parse_month
from tools.draw_pictures import EDGES, SHOWN

pytest_plugins = ("chat",)

SMALL = 204_800


@pytest.fixture(scope="module")
def artist() -> Artist:
    """One artist for all tests."""
    return Artist()


@pytest.fixture(scope="module")
def studio() -> Studio:
    """One studio for all tests."""
    return Studio()


# Painting -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SHOWN, *EDGES])
def test_every_picture_is_a_small_png_as_wide_as_a_phone_likes(artist: Artist, name: str) -> None:
    painter, facts = {**SHOWN, **EDGES}[name]
    data = artist.draw(drawn(painter, facts))
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.width) == ("PNG", WIDTH)
    assert len(data) < SMALL
    assert picture.convert("L").getextrema()[0] < 128, "something is written on it"


def test_no_kind_of_picture_is_never_looked_at() -> None:
    assert {painter for painter, _ in {**SHOWN, **EDGES}.values()} == PAINTERS.keys()


def test_one_name_gives_one_picture_whoever_draws_it() -> None:
    name = drawn(*SHOWN["poster"])
    assert Artist().draw(name) == Artist().draw(name)


@settings(max_examples=12, deadline=None)
@given(
    nickname=st.text(max_size=64), streak=st.integers(0, 10**9), year=st.integers(1, 9999), month=st.integers(1, 12),
    days=st.lists(st.integers(1, 31), max_size=31),
)  # fmt: skip
def test_a_calendar_is_drawn_of_whatever_facts_there_may_be(
    artist: Artist, nickname: str, streak: int, year: int, month: int, days: list[int]
) -> None:
    facts = {"nickname": nickname, "community": nickname, "year": year, "month": month, "days": days, "streak": streak, "total": streak}
    assert artist.draw(drawn("calendar", facts)).startswith(b"\x89PNG")


# Glyphs ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("李雷", "李雷"), ("李😀雷🏅", "李雷"), ("Jim  Green\n", "Jim Green"), ("e\u0301", "é"), ("김철수", UNKNOWN), ("A김철B", f"A{UNKNOWN}B"),
        ("\u202e李\u200b雷\u0007", "李雷"), ("龘靐", "龘靐"), ("𠮷野", f"{UNKNOWN}野"), ("①★✓", "①★✓"),
    ],
)  # fmt: skip
def test_a_name_is_shown_as_far_as_the_fonts_go_and_never_as_boxes(studio: Studio, name: str, shown: str) -> None:
    assert studio.readable(name) == shown


@pytest.mark.parametrize("name", ["😀😀", "", "김철수", "\u200b"])
def test_a_name_of_which_nothing_can_be_shown_is_somebodys(studio: Studio, name: str) -> None:
    assert Canvas(studio, 10, "#ffffff").name(name) == NOBODY


def test_all_that_the_pictures_say_has_its_glyphs(studio: Studio) -> None:
    for source in (ROOT / "bot" / "pictures").glob("*.py"):
        chinese = "".join(char for char in source.read_text(encoding="utf-8") if char > "\u2e80")
        assert studio.readable(chinese) == chinese
    for sentence in (ROOT / "handlers" / "pictures.py").read_text(encoding="utf-8").splitlines():
        assert studio.readable(sentence.strip(), "serif") == " ".join(sentence.split())


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80), room=st.integers(20, 900), size=st.sampled_from([24, 40]))
def test_no_text_is_wider_than_its_room(studio: Studio, text: str, room: int, size: int) -> None:
    canvas, style = Canvas(studio, 10, "#ffffff"), Style(size, "#000000")
    said = canvas.cut(text, style, max(room, 2 * size))
    assert canvas.width_of(said, style) <= max(room, 2 * size)


def test_a_fresh_machine_needs_no_fonts_and_pays_for_pillow_only_when_it_draws() -> None:
    code = "import sys, bot.files; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# Names ----------------------------------------------------------------------------------------------------------------------


def packed(facts: Any) -> str:
    """Facts as they stand in a name."""
    return base64.urlsafe_b64encode(msgspec.json.encode(facts)).decode().rstrip("=")


BAD = {
    "no such painter": f"drawn:landscape:{packed({})}",
    "no facts": "drawn:poster:",
    "no base64": "drawn:poster:李雷",
    "no JSON": "drawn:poster:e30xx",
    "a list": f"drawn:poster:{packed([1])}",
    "too little": f"drawn:poster:{packed({'nickname': 'x'})}",
    "too much": f"drawn:poster:{packed({**SHOWN['poster'][1], 'size': 10**9})}",
    "month 13": f"drawn:calendar:{packed({**SHOWN['calendar'][1], 'month': 13})}",
    "a negative number": f"drawn:board:{packed({**SHOWN['board'][1], 'size': -1})}",
    "a day of 1e9": f"drawn:progress:{packed({**SHOWN['progress'][1], 'of': 10**9})}",
    "too long": "drawn:poster:" + "A" * MOST_NAME_BYTES,
}


@pytest.mark.parametrize("what", BAD)
def test_a_name_that_cannot_be_drawn_is_a_file_problem_that_names_no_facts(tmp_path: Path, what: str) -> None:
    with pytest.raises(FileProblem) as raised:
        Files(tmp_path).read_picture(BAD[what])
    assert len(str(raised.value)) < 40
    assert raised.value.__cause__ is None


@settings(max_examples=200, deadline=None)
@given(
    painter=st.sampled_from([*PAINTERS, "x"]), rest=st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: packed({"a": raw.hex()}))
)
def test_no_name_breaks_the_artist(artist: Artist, painter: str, rest: str) -> None:
    with pytest.raises(DrawingProblem):
        artist.draw(f"drawn:{painter}:{rest}")


@pytest.mark.parametrize(
    ("painter", "facts"), [("landscape", {}), ("poster", {"nickname": 5}), ("board", {**SHOWN["board"][1], "top": [{}] * 11})]
)
def test_a_wrong_picture_is_noticed_where_it_is_asked_for(painter: str, facts: Mapping[str, Any]) -> None:
    with pytest.raises(DrawingProblem):
        drawn(painter, facts)


def test_a_name_says_whom_it_shows() -> None:
    assert shown_members(drawn(*SHOWN["board"], about=(3, 12))) == (3, 12)
    assert shown_members(drawn(*SHOWN["board"])) == ()
    assert shown_members("报名表：成员 3.png") == ()


def test_a_picture_above_the_limit_of_its_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="最多 100 字节"):
        Files(tmp_path).read_picture(drawn(*SHOWN["poster"]), 100)


# In chat --------------------------------------------------------------------------------------------------------------------


def ask(chat: Chat, words: str, id: str = "") -> dict[str, Any]:
    """The stream of the passive answer."""
    answer = chat.receive(chat.words(f"@{chat.config.bot_name} {words}", group=MAIN, id=id, name="李雷")).answer
    stream: dict[str, Any] = msgspec.json.decode(answer)["stream"]
    return stream


def image_of(stream: Mapping[str, Any]) -> bytes:
    """The picture in an answer."""
    (item,) = stream["msg_item"]
    return base64.b64decode(item["image"]["base64"])


@pytest.mark.parametrize("words", ["签到日历", "海报", "排行榜"])
def test_an_answer_shows_its_picture_and_redis_never_holds_one(chat: Chat, words: str) -> None:
    chat.says("签到", name="李雷")
    first = ask(chat, words, id="m1")
    assert image_of(first).startswith(b"\x89PNG")
    assert len(base64.b64encode(image_of(first))) < SHOWN_BYTES
    assert first["content"]
    kept = [chat.stores.database.command("HGET", key, "answer") or "" for key in chat.stores.database.scan("qb:{*}:msg:*")]
    assert max(map(len, kept)) < MOST_NAME_BYTES
    assert ask(chat, words, id="m1") == first, "a repeat shows the same picture"


def test_the_calendar_tells_the_month_in_words_too(chat: Chat) -> None:
    for _ in range(3):
        chat.says("签到")
        chat.later(days=1)
    chat.later(days=1)
    said = chat.says("签到日历")
    assert "2026 年 3 月你签到了 **3** 天，漏了 1 天；连续 0 天，累计 3 天" in said
    assert "今天还没签到" in said
    assert "2026 年 2 月你签到了 **0** 天；连续 0 天" in chat.says("签到日历 2月")
    assert "2025 年 12 月" in chat.says("打卡日历 12月")


@pytest.mark.parametrize("words", ["签到日历 13月", "签到日历 昨天", "签到日历 2026-13"])
def test_what_is_no_month_is_answered_with_examples(chat: Chat, words: str) -> None:
    assert "例如：签到日历 3月、签到日历 2026-03" in chat.says(words)


def test_a_month_to_come_is_not_shown(chat: Chat) -> None:
    assert "2026 年 4 月还没到呢" in chat.says("签到日历 2026-04")


def test_the_poster_says_rank_level_and_streak(chat: Chat) -> None:
    chat.says("签到", user="hanmei")
    chat.says("签到")
    assert "直接说：海报" in chat.says("海报 韩梅梅")
    said = chat.says("海报")
    assert "连续签到 1 天，累计 1 天，挣了 5 积分，排第 1 名" in said
    assert "连续签到 0 天，累计 0 天，挣了 0 积分。" in chat.says("我的海报", user="newcomer")


def test_who_asks_the_app_gets_the_picture_as_a_message_of_its_own(chat: Chat) -> None:
    chat.says("签到")
    assert "你的海报来了" in chat.privately("海报", through="desk")
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.about) == ("app", (chat.member(),))
    chat.erase()
    assert chat.outbox() == []


# Months ---------------------------------------------------------------------------------------------------------------------

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("words", "month"),
    [
        ("", (2026, 3)), ("本月", (2026, 3)), ("3月", (2026, 3)), ("3", (2026, 3)), ("03 月", (2026, 3)), ("三月", (2026, 3)), ("四月份", (2025, 4)),
        ("12月", (2025, 12)), ("十二月", (2025, 12)), ("十一月", (2025, 11)), ("上个月", (2026, 2)), ("上上个月", (2026, 1)), ("2026-03", (2026, 3)),
        ("2025年11月", (2025, 11)), ("25年1月", (2025, 1)), ("去年2月", (2025, 2)), ("今年1月", (2026, 1)), ("202503", (2025, 3)), ("2026/1", (2026, 1)),
        ("13月", None), ("0月", None), ("昨天", None), ("3月5日", None), ("2026", None), ("一二月", None), ("-1", None), ("９９９", None),
    ],
)  # fmt: skip
def test_a_month_is_understood_as_people_write_it(words: str, month: tuple[int, int] | None) -> None:
    assert parse_month(words, TODAY) == month


@given(words=st.text(max_size=12), today=st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_whatever_is_said_a_month_is_a_month_or_nothing(words: str, today: date) -> None:
    found = parse_month(words, today)
    assert found is None or (2000 <= found[0] <= 2099 and 1 <= found[1] <= 12)
