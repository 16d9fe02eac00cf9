"""The operators' pages are true: what they say to type is a command that is understood, every picture is there, small, and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from chat import Chat
from PIL import Image

from bot.message import Message
from handlers import discover
from handlers.flows import CANCELS, RESUMES
from rules.flows import SKIPS
from tools import operator_pictures

pytest_plugins = ("chat",)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "operators"
PAGES = sorted(FOLDER.glob("*.md"))
CHINESE = re.compile(r"[一-鿿]")
FILE = re.compile(r".*\.(xlsx|csv|txt)")


def said(page: Path) -> list[str]:
    """What a page tells people to say: every code span with Chinese in it that is no file's name."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", prose)
    return [span for span in spans if CHINESE.search(span) and not FILE.fullmatch(span)]


def pictures(page: Path) -> list[str]:
    """The pictures that a page shows."""
    return re.findall(r"!\[[^\]\n]+\]\(images/([\w-]+\.png)\)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_tells_to_say_is_a_command(page: Path) -> None:
    router = discover()
    flow = yaml.safe_load((ROOT / "rules" / "content" / "flows" / "newcomer.yaml").read_text(encoding="utf-8"))
    known = {*CANCELS, *RESUMES, *SKIPS, *flow["start"]["words"]}
    matches = {text: router.find(Message(id="1", channel="a", kind="text", user="u", text=text), None) for text in said(page)}
    assert [text for text, match in matches.items() if text not in known and (match is None or match.route.is_fallback)] == []


def test_nothing_that_the_pages_tell_to_say_is_answered_with_how_to_write_it(chat: Chat) -> None:
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("wudi", "吴迪")):
        chat.says("你好", user=user, name=name)
    chat.as_admin("标签 @李雷 加 读书会")
    lines = {"商城 加码 咖啡兑换码": "\nABCD-1234"}  # the page says in words what follows on the next line
    answers = {text: chat.as_admin(text + lines.get(text, "")) for text in sorted({text for page in PAGES for text in said(page)})}
    assert {text: answer for text, answer in answers.items() if "写法是" in answer} == {}


def test_no_answer_in_the_app_has_the_asterisks_of_markdown_in_it(chat: Chat) -> None:
    chat.says("你好", user="hanmei", name="韩梅梅")
    chat.says("你好")
    chat.as_admin("发积分 @李雷 800 开门红")
    answers = {text: chat.privately(text, through="desk") for text in ("签到", *sorted({text for page in PAGES for text in said(page)}))}
    assert {text: answer for text, answer in answers.items() if "**" in answer} == {}
    assert [delivery.body for delivery in chat.outbox() if "**" in str(delivery.body) and delivery.via == "app"] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_pictures_of_a_page_are_there_whole_and_small(page: Path) -> None:
    for name in pictures(page):
        file = FOLDER / "images" / name
        assert file.stat().st_size <= operator_pictures.MOST_BYTES, name
        with Image.open(file) as picture:
            assert picture.width == operator_pictures.WIDTH * operator_pictures.SCALE, name
            picture.load()


def test_every_picture_that_is_taken_is_shown_and_no_other_is_kept() -> None:
    shown = {name for page in PAGES for name in pictures(page)}
    assert shown == {f"{taken.name}.png" for taken in (*operator_pictures.SHOTS, *operator_pictures.LOOKS)}
    assert shown == {file.name for file in (FOLDER / "images").iterdir()}
