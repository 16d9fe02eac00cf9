"""The ear on a message archive: what is said in a group is judged and counted, never answered unless it is for the bot; nothing lost or doubled."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from casework import by_words_alone
from chat import ADMINS, MAIN, ROOT, Chat, a_config, build, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from bot.archive import CHUNK_BYTES, MOST_LINE_BYTES, Ear, listen, read_lines, serve_pullers
from bot.channels import archive
from bot.config import ArchiveChannel
from bot.errors import Refused, StartError
from bot.metrics import Metrics
from rules.ladder import Ladder
from rules.text import Words
from storage.archive import ArchiveMarks
from storage.connection import Database
from storage.embedded import EmbeddedServer

pytest_plugins = ("chat",)
INSULT = "你个王八蛋"


class Archive:
    """A bot with an ear, and a puller that reads to it."""

    def __init__(self, bot: Chat) -> None:
        self.bot = bot
        self.told: list[int] = []
        self.complaints: list[str] = []
        channel = bot.config.channel("ear")
        assert isinstance(channel, ArchiveChannel)
        self.ear = Ear(
            bot.pipeline, bot.stores.archive, channel, bot.config.mention_names("ear"),
            clock=bot.clock, complain=self.complaints.append, rest=lambda seconds: threading.Event().wait(0.1),
        )  # fmt: skip
        self._seq = itertools.count(1)

    def line(self, text: str, *, user: str = "lilei", group: str = MAIN, seq: int = 0, age_s: float = 0, **more: Any) -> bytes:
        """A line of the archive."""
        number = seq or next(self._seq)
        fields = {
            "seq": number, "msgid": f"a{number}", "action": "send", "from": user, "tolist": ["x"], "roomid": group,
            "msgtime": int((self.bot.clock().timestamp() - age_s) * 1000), "msgtype": "text", "text": {"content": text},
        }  # fmt: skip
        return json.dumps(fields | more, ensure_ascii=False).encode() + b"\n"

    def reads(self, *lines: bytes) -> list[int]:
        """The puller reads lines to the ear; gives what it was told."""
        before = len(self.told)
        self.ear.hear(pieces(b"".join(lines)), self.told.append)
        return self.told[before:]


def pieces(text: bytes, size: int = 0) -> Callable[[int], bytes]:
    """A stream that gives at most ``size`` bytes at a time."""
    at = 0

    def read(most: int) -> bytes:
        nonlocal at
        piece = text[at : at + (min(size, most) if size else most)]
        at += len(piece)
        return piece

    return read


OpenArchive = Callable[..., Archive]


@pytest.fixture
def open_archive(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> Iterator[OpenArchive]:
    opened: list[Chat] = []

    def open_one(*, answers: bool = True, **more: Any) -> Archive:
        tree = settings(**more)
        tree["channels"].append({"name": "ear", "kind": "archive", "answers": answers})
        opened.append(build(itertools.count(1), a_config(tmp_path, redis_server.url, tree), dictionary, metrics))
        return Archive(opened[-1])

    yield open_one
    for one in opened:
        one.stores.database.close()


@pytest.fixture
def heard(open_archive: OpenArchive) -> Archive:
    return open_archive()


# What is overheard ----------------------------------------------------------------------------------------------------------


def test_what_is_overheard_is_counted_and_logged_and_answered_by_nobody(heard: Archive) -> None:
    heard.reads(heard.line("今天天气真好"), heard.line("签到"), heard.line("有人知道入群规则吗", user="hanmei"))
    figures = heard.bot.stores.tallies.of_day("main", heard.bot.clock().date())
    assert (figures.counts["messages"], figures.active) == (3, 2)
    assert figures.counts.keys().isdisjoint(("faq_hit", "faq_miss", "check_ins"))
    assert heard.bot.outbox() == []
    assert heard.bot.unanswered() == []
    assert [entry.data["route"] for entry in heard.bot.log("decision")] == [None, None, None]
    assert heard.bot.points() == 0


def test_who_is_overheard_first_is_known_from_then_on_and_not_welcomed(heard: Archive) -> None:
    heard.reads(heard.line("大家好"))
    assert heard.bot.stores.roster.count(heard.bot.community.keys) == 1
    assert "欢迎" not in heard.bot.says("签到")
    assert heard.bot.outbox() == []


def test_a_bare_number_that_is_overheard_answers_no_question_of_the_bot(heard: Archive) -> None:
    assert "您是想问" in heard.bot.says("发票")
    heard.reads(heard.line("1"))
    heard.bot.says("1")
    assert [entry.data.get("faq") for entry in heard.bot.log("decision")] == ["offer", None, "chosen"]


def test_overheard_insults_are_filed_and_warned_of_in_private_only(open_archive: OpenArchive) -> None:
    heard = open_archive(dry_run=False)
    by_words_alone(heard.bot, Ladder(spare_newcomers=False))
    heard.reads(heard.line("早上好"), heard.line(INSULT))
    (warning,) = heard.bot.outbox()
    assert (warning.via, warning.member) == ("app", heard.bot.member("lilei"))
    assert "第 1 次提醒" in warning.body["text"]["content"]


def test_an_overheard_text_moves_the_mood(heard: Archive) -> None:
    heard.reads(heard.line("这个活动太棒了，我很喜欢"))
    mood = heard.bot.stores.moods.find_group(heard.bot.community.keys)
    assert mood
    assert mood.mean > 0.6


# What is for the bot --------------------------------------------------------------------------------------------------------


def test_a_mention_is_answered_through_the_groups_webhook(heard: Archive) -> None:
    heard.reads(heard.line("@小助手 签到"))
    (answer,) = heard.bot.outbox()
    assert (answer.via, answer.chat) == ("webhook", MAIN)
    assert "积分 +5" in str(answer.body)
    assert heard.bot.points() == 5


def test_a_mention_in_a_group_without_webhook_is_answered_in_private_by_the_app(heard: Archive) -> None:
    heard.reads(heard.line("@小助手 签到", group="wrNOBODY"))
    assert [delivery.via for delivery in heard.bot.outbox()] == ["app"]


def test_a_mention_that_is_read_much_later_is_only_overheard(heard: Archive) -> None:
    heard.reads(heard.line("@小助手 签到", age_s=3_600))
    assert heard.bot.outbox() == []
    assert heard.bot.points() == 0


def test_where_another_channel_hears_the_mentions_they_are_left_to_it(open_archive: OpenArchive) -> None:
    heard = open_archive(answers=False)
    assert heard.reads(heard.line("@小助手 签到"), heard.line("你好")) == [0, 2]
    assert (heard.ear.tally.taken, heard.ear.tally.passed) == (1, 1)
    assert heard.bot.outbox() == []


def test_what_two_people_or_robots_say_is_not_for_our_ears(heard: Archive) -> None:
    robot = "wbjc7bDwAAJVylUKpSA3Z5U11tDO4AAA"
    lines = [heard.line("悄悄话", group=""), heard.line("广播", user=robot), heard.line("", user="", action="switch")]
    assert heard.reads(*lines)[-1] == 3
    assert heard.ear.tally.passed == 3
    assert heard.bot.log() == []


def test_a_recall_is_an_event_with_the_id_of_what_was_recalled(heard: Archive) -> None:
    heard.reads(heard.line("", action="recall", msgtype="revoke", revoke={"pre_msgid": "a1"}))
    (entry,) = heard.bot.log("inbound")
    assert (entry.data["event"], entry.data["kind"]) == ("recall", "event")


def test_a_mixed_message_gives_its_texts() -> None:
    item = {"type": "text", "content": json.dumps({"content": "@小助手 看图"})}
    line = {"msgid": "m", "action": "send", "from": "a", "roomid": "r", "msgtype": "mixed", "mixed": {"item": [item, {"type": "image"}]}}
    message = archive.parse(json.dumps(line), channel="ear", names=("小助手",))
    assert (message.kind, message.text, message.overheard) == ("mixed", "看图", False)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["msgid", "seq", "action", "from", "roomid", "msgtime", "msgtype", "text", "content", "mixed", "item", "type", "revoke"]), inner),
    max_leaves=12))  # fmt: skip
@rules(max_examples=200, deadline=None)
def test_no_line_breaks_the_reader(tree: Any) -> None:
    try:
        message = archive.parse(json.dumps(tree), channel="ear", names=("小助手",))
    except Refused:
        return
    assert message.id
    assert isinstance(message.overheard, bool)


# Going on after a stop ------------------------------------------------------------------------------------------------------


def test_the_puller_hears_first_where_to_go_on_and_then_how_far_it_came(heard: Archive) -> None:
    assert heard.reads(heard.line("一", seq=7), heard.line("二", seq=8)) == [0, 8]
    assert heard.reads(heard.line("三", seq=9)) == [8, 9]
    assert heard.reads() == [9]


def test_a_line_that_comes_again_changes_nothing(heard: Archive) -> None:
    lines = [heard.line(f"第 {n} 句") for n in range(5)]
    heard.reads(*lines)
    heard.reads(*lines, heard.line("新的"))
    assert (heard.ear.tally.taken, heard.ear.tally.repeated) == (6, 5)
    assert len(heard.bot.log("inbound")) == 6


def test_a_message_that_was_taken_but_not_noted_is_not_taken_twice(heard: Archive) -> None:
    lines = [heard.line("@小助手 签到"), heard.line("你好")]
    heard.reads(*lines)
    for key in heard.bot.stores.database.scan("qb:{archive:*"):  # as if we had been killed before each note
        heard.bot.stores.database.command("DEL", key)
    heard.reads(*lines)
    assert len(heard.bot.log("inbound")) == 2
    assert len(heard.bot.outbox()) == 1


def test_bad_lines_are_named_and_passed(heard: Archive) -> None:
    told = heard.reads(
        heard.line("好"), b"{broken\n", b"[1]\n", b'{"msgid":"x"}\n', b"\xff\xfe\n", b"\n", b'{"seq":2}\n', heard.line("更好", seq=3)
    )
    assert [complaint.split("：")[0] for complaint in heard.complaints] == [f"第 {n} 行跳过" for n in (2, 3, 4, 5, 7)]
    assert (heard.ear.tally.taken, heard.ear.tally.bad) == (2, 5)
    assert told[-1] == 3


def test_the_ear_waits_while_redis_is_away(heard: Archive, database: Database) -> None:
    database.command("CLIENT", "PAUSE", 1_300, "ALL")
    assert heard.reads(heard.line("等一等"))[-1] == 1
    assert [complaint[:8] for complaint in heard.complaints] == ["等待 Redis"]
    assert len(heard.bot.log("inbound")) == 1


def test_a_gap_holds_the_mark_up_until_what_is_missing_came_or_is_far_behind(database: Database) -> None:
    marks = ArchiveMarks(database, remembered=4)
    assert [marks.take("ear", seq) for seq in (10, 11, 13, 14)] == [10, 11, 11, 11]
    assert not marks.is_taken("ear", 12)
    assert marks.take("ear", 12) == 14
    assert [marks.take("ear", seq) for seq in (20, 21, 22, 23)] == [14, 14, 14, 14]
    assert marks.take("ear", 24) == 24
    assert marks.is_taken("ear", 15)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
@rules(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_number_is_taken_once_and_the_mark_never_passes_what_is_missing_nor_falls(database: Database, order: list[int]) -> None:
    database.command("FLUSHALL")
    marks, taken, last = ArchiveMarks(database), Counter[int](), 0
    for seq in order:
        if not marks.is_taken("ear", seq):
            taken[seq] += 1
            mark = marks.take("ear", seq)
            assert mark >= last
            assert all(seen in taken for seen in range(order[0], mark + 1))
            last = mark
    assert taken == Counter(set(order))


# Lines ----------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=20), st.integers(1, 40))
@rules(deadline=None)
def test_lines_come_out_as_they_went_in_however_they_are_cut(lines: list[bytes], size: int) -> None:
    found = list(read_lines(pieces(b"".join(line + b"\n" for line in lines), size)))
    assert [line.text for line in found] == lines
    assert [line.number for line in found] == list(range(1, len(lines) + 1))


def test_a_line_without_end_is_passed_without_being_kept() -> None:
    huge = b"x" * (MOST_LINE_BYTES + 3 * CHUNK_BYTES)
    found = list(read_lines(pieces(b"one\n" + huge + b"\ntwo\n" + huge)))
    assert [line.text for line in found] == [b"one", None, b"two", None]


# The socket -----------------------------------------------------------------------------------------------------------------


def test_a_puller_speaks_through_a_socket_that_only_its_owner_may_open(heard: Archive, tmp_path: Path) -> None:
    path = tmp_path / "ear.sock"
    listening = listen(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    threading.Thread(target=_serve_until_closed, args=(heard.ear, listening), daemon=True).start()

    for told in (["0", "1"], ["1", "2"]):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as puller, puller.makefile("rb") as answers:
            puller.settimeout(5)
            puller.connect(str(path))
            first = json.loads(answers.readline())["seq"]
            puller.sendall(heard.line("你好"))
            assert [str(first), str(json.loads(answers.readline())["seq"])] == told
    with pytest.raises(StartError, match="已经有一个正在旁听"):
        listen(path)
    listening.close()


def test_a_socket_that_a_kill_left_behind_is_cleared_away_but_nothing_else(tmp_path: Path) -> None:
    listen(tmp_path / "old.sock").close()
    listen(tmp_path / "old.sock").close()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StartError, match="已经有一个文件"):
        listen(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def _serve_until_closed(ear: Ear, listening: socket.socket) -> None:
    try:
        serve_pullers(ear, listening)
    except OSError:
        return


# kill -9 --------------------------------------------------------------------------------------------------------------------


def test_a_kill_in_the_middle_loses_and_doubles_nothing(
    tmp_path: Path, database: Database, redis_server: EmbeddedServer, dictionary: Words
) -> None:
    config = tmp_path / "config.yaml"
    tree = settings() | {"data_dir": str(tmp_path / "data"), "mood": {"enabled": False}}
    tree["channels"].append({"name": "ear", "kind": "archive"})
    config.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    rng, total, mark = random.Random(), 600, 0
    for kill_after in (rng.randrange(50, 400), None):
        mark = _pull(config, redis_server.url, mark, total, kill_after)
    rows = Counter(entry for entry in _inbound(database))
    assert mark == total
    assert set(rows) == {f"ear:k{n}" for n in range(1, total + 1)}
    assert set(rows.values()) == {1}


def _pull(config: Path, url: str, mark: int, total: int, kill_after: int | None) -> int:
    """A puller that begins where the ear says, and kills it after it has taken so many; gives the last number it was told."""
    ear = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--config", str(config), "archive", "ear"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"BOT_REDIS_URL": url},
    )  # fmt: skip
    assert ear.stdin
    assert ear.stdout
    told = json.loads(ear.stdout.readline())["seq"]
    assert told >= mark
    writer = threading.Thread(target=_feed, args=(ear, range(told + 1, total + 1)), daemon=True)
    writer.start()
    for answer in ear.stdout:
        try:
            told = json.loads(answer)["seq"]
        except ValueError:  # half a line of one that was killed
            break
        if kill_after is not None and told >= mark + kill_after:
            ear.send_signal(signal.SIGKILL)
            break
    writer.join(10)
    ear.stdout.close()
    ear.wait(20)
    return int(told)


def _feed(ear: subprocess.Popen[bytes], numbers: Iterable[int]) -> None:
    assert ear.stdin
    try:
        for number in numbers:
            line = {"seq": number, "msgid": f"k{number}", "action": "send", "from": f"u{number % 7}", "roomid": MAIN, "msgtype": "text"}
            ear.stdin.write(json.dumps(line | {"text": {"content": f"第 {number} 句"}}).encode() + b"\n")
        ear.stdin.close()
    except BrokenPipeError:
        return


def _inbound(database: Database) -> Iterator[str]:
    for key in database.scan("qb:{*}:events"):
        for _, flat in database.command("XRANGE", key, "-", "+"):
            row = dict(zip(flat[::2], flat[1::2], strict=True))
            if row["kind"] == "inbound":
                yield row["id"]


def test_the_admin_group_is_overheard_too_but_not_judged(heard: Archive) -> None:
    heard.reads(heard.line(INSULT, group=ADMINS))
    assert heard.bot.stores.cases.count_undecided(heard.bot.community.keys) == 0
    assert len(heard.bot.log("inbound")) == 1
