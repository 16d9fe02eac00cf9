"""Files: refused before a request where WeCom would refuse them, uploaded once by everybody together, fetched from WeCom's own hosts only."""

from __future__ import annotations

import base64
import multiprocessing
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bodies import BodyError, webhook_image
from bot.client import NoAnswer, WeComClient, Wire
from bot.errors import ApiError
from bot.files import sniff
from bot.media import MOST_BYTES, Account, Content, Kind, Media, MediaError, decrypt, fetch, fetch_by_id, of_app, of_webhook
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.envelope import Envelope
from simulator.pretend import PIXEL, PretendWeCom
from simulator.server import Server, serve
from simulator.world import Media as Sealed
from storage.connection import Database
from storage.media import MediaStore
from storage.tokens import TokenStore
from tests.timing import Clock

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
AES_KEY = base64.b64encode(bytes(range(32))).decode()[:43]
KEY, SECRET = "WEBHOOK-KEY-0815", "TOPSECRET-desk"
CONFIG = SimulatorConfig(
    corp_id="ww1",
    channels=(
        Channel("assistant", "aibot", "token", AES_KEY),
        Channel("desk", "app", "token-2", AES_KEY, agent_id=1000002, secret=SECRET),
    ),
    people=(Person("lilei", "李雷"),),
    groups=(Group("wrMAIN", "主群", ("lilei",), KEY),),
)

VOICE = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50
VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(40)
PDF = b"%PDF-1.7 \xe6\x9c\x88\xe6\x8a\xa5"
UPLOAD, HOOK_UPLOAD = "/cgi-bin/media/upload", "/cgi-bin/webhook/upload_media"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON, tick_ms=0)


@pytest.fixture
def server(clock: Clock) -> Iterator[Server]:
    with serve(PretendWeCom(CONFIG, now=lambda: clock().timestamp())) as server:
        yield server


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.url)
    yield wire
    wire.close()


@pytest.fixture
def client(wire: Wire, database: Database, clock: Clock) -> WeComClient:
    return WeComClient("ww1", SECRET, wire=wire, tokens=TokenStore(database), now=clock)


@pytest.fixture
def media(database: Database, clock: Clock) -> Media:
    return Media(MediaStore(database), clock)


@pytest.fixture
def app(client: WeComClient) -> Account:
    return of_app("desk", client)


def uploads(server: Server, path: str = UPLOAD) -> int:
    return sum(row.target == path for row in server.pretend.wire.rows())


# What is worth a request -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("image", b"GIF89a" + bytes(20), "JPG 或 PNG"),
        ("image", PIXEL + bytes(MOST_BYTES["image"]), "超过上限"),
        ("voice", PIXEL, "AMR"),
        ("voice", b"#!AMR\n" + (b"\x3c" + bytes(31)) * 3001, "超过 60 秒"),
        ("video", VOICE, "MP4"),
        ("file", b"12345", "不足 6 字节"),
        ("file", b"", "不足 6 字节"),
        ("movie", VIDEO, "未知的媒体类型"),
    ],
)
def test_a_file_that_wecom_would_refuse_is_refused_before_the_request(kind: Kind, data: bytes, why: str) -> None:
    with pytest.raises(MediaError, match=why):
        Content(kind, data)


@pytest.mark.parametrize("name", ["", "  ", "a\nb.txt", "a\x00.txt"])
def test_a_file_needs_a_name_that_can_be_shown(name: str) -> None:
    with pytest.raises(MediaError, match="文件名"):
        Content("file", PDF, name)


@pytest.mark.parametrize(("kind", "data"), [("image", PIXEL), ("voice", VOICE), ("video", VIDEO), ("file", PDF)])
def test_every_kind_of_file_is_uploaded_whole_under_its_name(
    media: Media, app: Account, client: WeComClient, kind: Kind, data: bytes
) -> None:
    media_id = media.get_id(app, Content(kind, data, "三月 月报.bin"))
    assert fetch_by_id(client, media_id).data == data


def test_the_pretend_wecom_itself_refuses_what_is_no_picture(client: WeComClient) -> None:
    with pytest.raises(ApiError) as raised:
        client.upload("image", ("x.png", b"no picture", "image/png"))
    assert raised.value.code == 40004


# Once ---------------------------------------------------------------------------------------------------------------------


def test_the_same_file_is_uploaded_once_in_three_days(media: Media, app: Account, server: Server, clock: Clock) -> None:
    first = media.get_id(app, Content("image", PIXEL))
    clock.later(hours=70)
    assert media.get_id(app, Content("image", PIXEL)) == first
    clock.later(hours=2)
    assert media.get_id(app, Content("image", PIXEL)) != first
    assert uploads(server) == 2


def test_another_name_kind_or_account_is_another_upload(media: Media, app: Account, wire: Wire, server: Server) -> None:
    ids = {
        media.get_id(app, Content("file", PDF, "a.pdf")),
        media.get_id(app, Content("file", PDF, "b.pdf")),
        media.get_id(app, Content("file", PIXEL, "a.pdf")),
        media.get_id(of_webhook(KEY, wire), Content("file", PDF, "a.pdf")),
    }
    assert len(ids) == 4


def test_many_threads_upload_a_file_once(media: Media, app: Account, server: Server) -> None:
    server.pretend.faults.add(UPLOAD, delay_s=0.2)
    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(lambda _: media.get_id(app, Content("image", PIXEL)), range(32)))
    assert len(ids) == 1
    assert uploads(server) == 1


def _upload(answers: Any, base: str, url: str) -> None:
    database = Database(url, timeout_s=10)
    client = WeComClient("ww1", SECRET, wire=Wire(base), tokens=TokenStore(database), now=lambda: NOON)
    answers.put(Media(MediaStore(database), lambda: NOON).get_id(of_app("desk", client), Content("image", PIXEL)))


def test_several_processes_upload_a_file_once(server: Server, database: Database, redis_server: Any) -> None:
    server.pretend.faults.add(UPLOAD, delay_s=0.3)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_upload, args=(answers, server.url, redis_server.url)) for _ in range(4)]
    for process in processes:
        process.start()
    ids = {answers.get(timeout=30) for _ in processes}
    for process in processes:
        process.join(10)
    assert len(ids) == 1
    assert uploads(server) == 1


def test_a_media_id_that_wecom_refuses_is_replaced_once(media: Media, app: Account, server: Server) -> None:
    old = media.get_id(app, Content("image", PIXEL))
    tried: list[str] = []

    def send(media_id: str) -> str:
        tried.append(media_id)
        if media_id == old:
            raise ApiError(40007, "invalid media_id")
        return "sent"

    assert media.send(app, Content("image", PIXEL), send) == "sent"
    assert tried[0] == old
    assert len(tried) == uploads(server) == 2


def test_a_media_id_that_is_refused_twice_is_given_up(media: Media, app: Account, server: Server) -> None:
    def refuse(media_id: str) -> None:
        raise ApiError(40007, "invalid media_id")

    with pytest.raises(ApiError) as raised:
        media.send(app, Content("image", PIXEL), refuse)
    assert raised.value.code == 40007
    assert uploads(server) == 2


def test_what_another_process_uploaded_meanwhile_is_not_forgotten(database: Database) -> None:
    store = MediaStore(database)
    store.put("app.desk", "d", "new", 1)
    store.forget("app.desk", "d", "old")
    assert store.find("app.desk", "d", 2) == "new"


def test_an_upload_after_a_token_that_ended_early_sends_the_whole_file(
    media: Media, app: Account, client: WeComClient, server: Server, clock: Clock
) -> None:
    assert client.access_token
    server.pretend.tokens.forget()
    clock.later(seconds=5)
    media_id = media.get_id(app, Content("file", PDF))
    assert uploads(server) == 2
    assert fetch_by_id(client, media_id).data == PDF


@pytest.mark.parametrize("fault", [{"http_status": 502}, {"drop": "before"}, {"drop": "after"}, {"errcode": 45009}])
def test_an_upload_that_failed_can_be_tried_again_at_once(media: Media, app: Account, server: Server, fault: dict[str, Any]) -> None:
    server.pretend.faults.add(UPLOAD, **fault)
    with pytest.raises(ApiError):
        media.get_id(app, Content("image", PIXEL))
    assert media.get_id(app, Content("image", PIXEL))


# Webhooks -----------------------------------------------------------------------------------------------------------------


def test_a_file_for_a_webhook_is_uploaded_there_and_sent(media: Media, wire: Wire, server: Server) -> None:
    media_id = media.get_id(of_webhook(KEY, wire), Content("file", PDF, "月报.pdf"))
    wire.post_webhook(KEY, {"msgtype": "file", "file": {"media_id": media_id}})
    assert [post.text for post in server.pretend.world.posts("wrMAIN")] == ["月报.pdf"]
    assert uploads(server, HOOK_UPLOAD) == 1


def test_a_webhook_takes_its_picture_with_the_message(media: Media, wire: Wire, server: Server) -> None:
    with pytest.raises(MediaError, match="只能上传文件和语音"):
        media.get_id(of_webhook(KEY, wire), Content("image", PIXEL))
    wire.post_webhook(KEY, webhook_image(PIXEL))
    assert server.pretend.world.posts("wrMAIN")[-1].kind == "image"
    with pytest.raises(BodyError, match="JPG 或 PNG"):
        webhook_image(PDF)


def test_a_webhooks_key_is_in_no_error_key_or_repr(
    media: Media, database: Database, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    server.pretend.faults.add(HOOK_UPLOAD, errcode=93000)
    said = [repr(of_webhook(KEY, Wire(server.url)))]
    for base in (dead, server.url):
        with pytest.raises(ApiError) as raised:
            media.get_id(of_webhook(KEY, Wire(base)), Content("file", PDF))
        said += [str(raised.value), repr(raised.value), str(raised.value.__context__)]
    media.get_id(of_webhook(KEY, Wire(server.url)), Content("file", PDF))
    stored = [f"{key} {database.command('GET', key)}" for key in database.scan("qb:{media:*")]
    assert stored
    assert KEY not in "\n".join([*said, *stored, caplog.text])


# What members send ----------------------------------------------------------------------------------------------------------


def sealed(data: bytes) -> bytes:
    return Envelope("token", AES_KEY, "").encrypt_media(data)


def sent_by_a_member(server: Server, data: bytes) -> str:
    """The address that a callback names: sealed bytes, for five minutes."""
    until = server.pretend.now() + 300
    return f"{server.url}/media/{server.pretend.world.store(Sealed('image', sealed(data), expires_at=until))}"


@given(st.binary(min_size=1, max_size=100))
def test_what_the_platform_seals_is_opened(data: bytes) -> None:
    assert decrypt(sealed(data), AES_KEY) == data


@given(st.binary(max_size=100))
def test_any_other_bytes_are_opened_or_refused_by_name(junk: bytes) -> None:
    try:
        decrypt(junk, AES_KEY)
    except MediaError as error:
        assert AES_KEY not in str(error)


@pytest.mark.parametrize("key", ["", "x", AES_KEY[:-1], AES_KEY + "AAAA", "!" * 43])
def test_a_key_that_is_none_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(MediaError) as raised:
        decrypt(sealed(PIXEL), key)
    assert not key or key not in str(raised.value)


def test_the_other_key_does_not_open_a_file() -> None:
    with pytest.raises(MediaError, match="解密失败"):
        decrypt(sealed(PIXEL), base64.b64encode(bytes(range(1, 33))).decode()[:43])


def test_a_members_picture_is_fetched_opened_and_known_by_its_look(wire: Wire, server: Server) -> None:
    received = fetch(wire, sent_by_a_member(server, PIXEL), AES_KEY)
    assert (received.data, received.type) == (PIXEL, "image/png")


def test_an_address_is_good_for_five_minutes(wire: Wire, server: Server, clock: Clock) -> None:
    url = sent_by_a_member(server, PIXEL)
    clock.later(minutes=6)
    with pytest.raises(NoAnswer, match="HTTP 403"):
        fetch(wire, url, AES_KEY)


def test_a_file_above_the_cap_is_not_taken_in(wire: Wire, server: Server) -> None:
    url = sent_by_a_member(server, bytes(300_000))
    with pytest.raises(NoAnswer, match="more than"):
        fetch(wire, url, AES_KEY, most_bytes=100_000)
    assert len(fetch(wire, url, AES_KEY, most_bytes=300_000).data) == 300_000


def test_a_file_of_json_comes_as_it_is(client: WeComClient, media: Media, app: Account) -> None:
    for data in (b'{"errcode": 93000, "errmsg": "not an answer"}', bytes(2_000_000)):
        assert fetch_by_id(client, media.get_id(app, Content("file", data, "a.json"))).data == data


def test_a_media_id_that_is_gone_says_so(client: WeComClient) -> None:
    with pytest.raises(ApiError) as raised:
        fetch_by_id(client, "nothing")
    assert raised.value.code == 40007


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/media/x",
        "http://ww-aibot-img-1.cos.ap-guangzhou.myqcloud.com/x?sign=SIGN",
        "https://ww-aibot-img-1.cos.ap-guangzhou.myqcloud.com:8443/x?sign=SIGN",
        "https://myqcloud.com/x",
        "https://evilmyqcloud.com/x",
        "https://a.myqcloud.com.evil.example/x",
        "https://a.myqcloud.com@evil.example/x",
        "https://evil.example\\.myqcloud.com/x",
        "https://evil.example/.myqcloud.com",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::1",
        "file:///etc/passwd",
        "//a.myqcloud.com/x",
        "https://a.myqcloud.com",
        "h\nttps://a.myqcloud.com/x",
        "https://a.\tmyqcloud.com/x",
        "",
    ],
)
@pytest.mark.parametrize("base", ["https://qyapi.weixin.qq.com", "http://127.0.0.1:9"])
def test_a_strangers_address_is_not_asked(url: str, base: str) -> None:
    with pytest.raises(ApiError, match="拒绝下载") as raised:
        Wire(base).download(url, most_bytes=10)
    assert "SIGN" not in str(raised.value)


def test_a_name_of_wecoms_that_leads_into_ones_own_network_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a poisoned name server could do. Only the look-up is bent; the connection is a real one, and nothing may arrive on it."""
    with socket.socket() as inside:
        inside.bind(("127.0.0.1", 0))
        inside.listen()
        inside.settimeout(5)
        where = inside.getsockname()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where)])
        wire = Wire("https://qyapi.weixin.qq.com")
        wire._downloads.trust_env = False
        with pytest.raises(ApiError, match="not public") as raised:
            wire.download("https://a.cos.ap-guangzhou.myqcloud.com/x?sign=SIGN", most_bytes=10)
        link, _ = inside.accept()
        assert link.recv(100) == b""
        link.close()
    assert "SIGN" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "type"),
    [(PIXEL, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (VOICE, "audio/amr"), (VIDEO, "video/mp4"), (PDF, "application/pdf")],
)
def test_a_file_is_known_by_its_first_bytes(data: bytes, type: str) -> None:
    assert sniff(data) == type
    assert sniff(b"<html>") == sniff(b"") == "application/octet-stream"
