"""QR codes in members' pictures: looked at behind the answer, once, and never more than a case for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from casework import to_admins, told
from chat import ADMINS, KEY, MAIN, Chat, OpenChat
from test_qr_codes import GROUP, PAYMENT, qr

from bot.apart import Failed
from bot.channels import KINDS, json
from bot.client import Wire
from bot.media import fetch
from bot.message import Attachment
from bot.picture_watch import AGAIN_S, IDLE_MS, LIFE_MS, PictureWatch
from bot.qr_codes import MOST_BYTES, read_codes
from simulator.config import Channel, SimulatorConfig
from simulator.envelope import Envelope
from simulator.pretend import PIXEL, PretendWeCom
from simulator.server import Server, serve
from simulator.world import Media as Sealed
from storage.connection import StorageAway

pytest_plugins = ("chat",)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """A bot in service, whose member has been there for a while."""
    chat = open_chat(dry_run=False)
    chat.says("签到")
    chat.later(days=9)
    return chat


@pytest.fixture
def server(chat: Chat) -> Iterator[Server]:
    config = SimulatorConfig(corp_id="wwCORP", channels=(Channel("assistant", "aibot", "t", KEY),), people=(), groups=())
    with serve(PretendWeCom(config, now=lambda: chat.clock().timestamp())) as server:
        yield server


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.url)
    yield wire
    wire.close()


Post = Callable[..., str]


@pytest.fixture
def posts(server: Server) -> Post:
    """Puts a picture where WeCom would, for five minutes; gives its address."""

    def put(data: bytes, key: str = KEY, life_s: float = LIFE_MS / 1000) -> str:
        sealed = Envelope("t", key, "").encrypt_media(data)
        until = server.pretend.now() + life_s
        return f"{server.url}/media/{server.pretend.world.store(Sealed('image', sealed, expires_at=until))}"

    return put


def watch(chat: Chat, wire: Wire, *, rest: Callable[[float], object] = lambda seconds: None, read: object = read_codes) -> PictureWatch:
    """What a worker looks with; the code is read in this process, as tests/test_qr_codes.py looks at the other."""
    return PictureWatch(
        chat.stores, chat.config, chat.pipeline.context_of, lambda url, key: fetch(wire, url, key, most_bytes=MOST_BYTES).data, read,
        chat.metrics, clock=chat.clock, rest=rest,
    )  # type: ignore[arg-type]  # fmt: skip


def cases(chat: Chat) -> int:
    return chat.stores.cases.count_undecided(chat.community.keys)


def queued(chat: Chat) -> int:
    return sum(chat.stores.database.pipeline(("XLEN", f"qb:{{{shard}}}:pictures") for shard in range(chat.stores.shards)))


def test_a_group_code_in_a_picture_becomes_a_case_and_nobody_is_warned(chat: Chat, posts: Post, wire: Wire) -> None:
    said = chat.hears(chat.pictures(posts(qr(GROUP))))
    assert cases(chat) == 0, "nothing is looked at before the answer"
    assert watch(chat, wire).look_at_some() == 1
    shown = chat.privately("案件 1", user="boss")
    assert f"[图片二维码] {GROUP}" in shown
    assert "微信群的二维码" in shown
    assert "二维码" not in said
    assert not told(chat), "the member hears nothing"
    assert queued(chat) == 0


def test_the_administrator_is_shown_the_case_as_one_in_words(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.privately("帮助", user="boss", through="desk")
    chat.hears(chat.pictures(posts(qr(GROUP))))
    watch(chat, wire).look_at_some()
    cards = [one.body["template_card"] for one in chat.outbox() if one.member == chat.member("boss") and "template_card" in one.body]
    assert len(cards) == 1
    assert "案件 1" in str(cards[0])


def test_a_picture_without_code_and_an_own_code_are_no_case(chat: Chat, posts: Post, wire: Wire) -> None:
    current = chat.live.current
    policy = replace(current.judge.policy, allowed=frozenset({"bot.example.com"}))
    chat.live.current = replace(current, judge=type(current.judge)(current.judge.lexicon, policy))
    for picture in (PIXEL, qr("https://bot.example.com/i/AB12"), qr("WIFI:S:guest;;")):
        chat.hears(chat.pictures(posts(picture)))
    worker = watch(chat, wire)
    while worker.look_at_some():
        pass
    assert (cases(chat), queued(chat)) == (0, 0)


def test_a_page_that_the_operators_name_themselves_is_no_case(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.as_admin("问答 添加 在哪里看说明 | 请看 https://help.our-own-shop.com/start")
    chat.live.refresh()
    chat.hears(chat.pictures(posts(qr("https://help.our-own-shop.com/a"))))
    watch(chat, wire).look_at_some()
    assert cases(chat) == 0
    chat.hears(chat.pictures(posts(qr("https://help.other-shop.com/a"))))
    watch(chat, wire).look_at_some()
    assert cases(chat) == 1


def test_several_pictures_of_one_message_are_one_case(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(PIXEL), posts(qr(GROUP)), posts(qr(PAYMENT))))
    watch(chat, wire).look_at_some()
    assert cases(chat) == 1
    shown = chat.privately("案件 1", user="boss")
    assert GROUP in shown
    assert PAYMENT in shown


def test_while_a_trial_runs_it_is_only_noted(open_chat: OpenChat, posts: Post, wire: Wire) -> None:
    chat = open_chat(dry_run=True)
    chat.hears(chat.pictures(posts(qr(GROUP))))
    watch(chat, wire).look_at_some()
    assert cases(chat) == 0
    assert chat.stores.trials.report(chat.community.keys).reviewed == 1
    assert "联系方式" in chat.as_admin("治理 报告")


def test_during_a_pause_a_case_is_filed_all_the_same(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.as_admin("暂停")
    chat.hears(chat.pictures(posts(qr(GROUP))))
    watch(chat, wire).look_at_some()
    assert cases(chat) == 1
    assert not to_admins(chat)


def test_moderators_and_administrators_may_post_codes(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.says("签到", user="lucy")
    chat.stores.roles.grant(chat.member("lucy"), "main", "moderator", seen="", once="t")
    for user in ("lucy", "boss"):
        chat.hears(chat.pictures(posts(qr(GROUP)), user=user))
    watch(chat, wire).look_at_some()
    watch(chat, wire).look_at_some()
    assert (cases(chat), queued(chat)) == (0, 0)


@pytest.mark.parametrize("group", [ADMINS, "wrSOMEWHERE", ""])
def test_admin_groups_unlisted_groups_and_single_chats_are_left_alone(chat: Chat, posts: Post, group: str) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP)), group=group))
    assert queued(chat) == 0


def test_nothing_is_looked_at_where_the_operator_wants_none(open_chat: OpenChat, posts: Post) -> None:
    chat = open_chat(dry_run=False, pictures=False)
    chat.hears(chat.pictures(posts(qr(GROUP))))
    assert queued(chat) == 0


def test_a_message_that_comes_twice_is_one_case(chat: Chat, open_chat: OpenChat, posts: Post, wire: Wire) -> None:
    twin = open_chat(dry_run=False, clock=chat.clock)
    message = chat.pictures(posts(qr(GROUP)), id="SAME")
    chat.hears(message)
    twin.hears(message)
    assert queued(chat) == 1
    watch(chat, wire).look_at_some()
    assert watch(twin, wire).look_at_some() == 0
    assert cases(chat) == 1


def test_what_a_killed_worker_left_is_looked_at_by_another(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP))))
    assert len(chat.stores.pictures.take()) == 1  # taken, and its worker died
    assert watch(chat, wire).look_at_some() == 0
    assert watch(chat, wire).look_at_left(IDLE_MS) == 0, "it may still be at work"
    assert watch(chat, wire).look_at_left(0) == 1
    assert (cases(chat), queued(chat)) == (1, 0)


def test_a_worker_killed_between_filing_and_settling_files_once(
    chat: Chat, posts: Post, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP))))
    with monkeypatch.context() as dying:
        dying.setattr(type(chat.stores.pictures), "done", _dies)
        with pytest.raises(StorageAway):
            watch(chat, wire).look_at_some()
    assert (cases(chat), queued(chat)) == (1, 1)
    assert watch(chat, wire).look_at_left(0) == 1
    assert (cases(chat), queued(chat)) == (1, 0)
    assert len(chat.stores.cases.of_member(chat.community.keys, chat.member())) == 1


def test_a_picture_that_breaks_its_readers_is_dropped_in_the_end(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP))))
    looked: list[bytes] = []

    def breaks(data: bytes) -> tuple[str, ...]:
        looked.append(data)
        raise RuntimeError("a bug of ours")

    worker = watch(chat, wire, read=breaks)
    for look in (worker.look_at_some, lambda: worker.look_at_left(0)):
        with pytest.raises(RuntimeError):
            look()
    assert worker.look_at_left(0) == 1
    assert (len(looked), cases(chat), queued(chat)) == (2, 0, 0)


def test_a_picture_that_takes_too_long_is_let_go(chat: Chat, posts: Post, wire: Wire) -> None:
    def slow(data: bytes) -> tuple[str, ...]:
        raise Failed("long")

    chat.hears(chat.pictures(posts(qr(GROUP))))
    assert watch(chat, wire, read=slow).look_at_some() == 1
    assert (cases(chat), queued(chat)) == (0, 0)


def test_an_address_that_has_expired_is_asked_twice_and_dropped(chat: Chat, posts: Post, wire: Wire) -> None:
    rested: list[float] = []
    chat.hears(chat.pictures(posts(qr(GROUP), life_s=-1.0)))
    assert watch(chat, wire, rest=rested.append).look_at_some() == 1
    assert (rested, cases(chat), queued(chat)) == ([AGAIN_S], 0, 0)


def test_what_waited_for_more_than_five_minutes_is_not_asked_for(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP))))
    chat.later(minutes=6)
    rested: list[float] = []
    assert watch(chat, wire, rest=rested.append).look_at_some() == 1
    assert (rested, cases(chat), queued(chat)) == ([], 0, 0)


def test_addresses_that_are_not_wecoms_are_not_asked(chat: Chat, wire: Wire) -> None:
    rested: list[float] = []
    chat.hears(chat.pictures("http://169.254.169.254/latest/meta-data", "https://evil.example.com/a.png"))
    assert watch(chat, wire, rest=rested.append).look_at_some() == 1
    assert (rested, cases(chat)) == ([], 0)


def test_what_the_key_does_not_open_is_dropped(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP), KEY[::-1])))
    assert watch(chat, wire).look_at_some() == 1
    assert (cases(chat), queued(chat)) == (0, 0)


def test_a_members_pictures_are_forgotten_with_him(chat: Chat, posts: Post, wire: Wire) -> None:
    chat.hears(chat.pictures(posts(qr(GROUP))))
    chat.erase()
    assert queued(chat) == 0


def test_what_is_queued_holds_no_words(chat: Chat, posts: Post) -> None:
    message = chat.pictures(posts(qr(GROUP)))
    chat.hears(replace(message, text="悄悄话", reply_url="https://qyapi.weixin.qq.com/secret"))
    (job,) = chat.stores.pictures.take()
    assert "悄悄话" not in job.body
    assert "secret" not in job.body


def test_over_a_long_connection_a_picture_has_a_key_of_its_own() -> None:
    tree = {
        "msgid": "M",
        "from": {"userid": "u"},
        "chatid": MAIN,
        "chattype": "group",
        "msgtype": "image",
        "image": {"url": "https://a", "aeskey": "K"},
    }
    (picture,) = KINDS["aibot_ws"].parse(json.write(tree), channel="link", names=()).attachments
    assert picture == Attachment("image", "https://a", aes_key="K")
    assert "aes_key" not in repr(picture)


def _dies(*_: object) -> None:
    raise StorageAway("the worker is gone")
