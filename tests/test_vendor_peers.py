"""WeCom's own clients against this project: envelopes and media both ways, and the long connection of the pretend WeCom.

The Node clients come with ``npm ci --prefix tests/vendor_peers``; without them their tests say so and are skipped. What they said on the
long connection is kept in ``vendor_peers/conversation.json``, so that our client is held against it even where Node is missing.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import importlib.util
import json
import queue
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot import longlink, media
from bot.client import NoAnswer, Wire
from bot.envelope import Envelope
from bot.errors import ApiError
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.envelope import Envelope as PretendEnvelope
from simulator.link_commands import Turn
from simulator.longlink import Frame, LongLink
from simulator.pretend import PIXEL, PretendWeCom
from simulator.server import serve

PEERS = Path(__file__).parent / "vendor_peers"
NODE = shutil.which("node") if (PEERS / "node_modules" / "@wecom").is_dir() else None
needs_node = pytest.mark.skipif(NODE is None, reason="WeCom's Node clients are missing: npm ci --prefix tests/vendor_peers")
needs_python_client = pytest.mark.skipif(importlib.util.find_spec("aibot") is None, reason="wecom-aibot-python-sdk is missing")

TOKEN, KEY, CORP = "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt", "ww1436e0e65a779aee"
NOW, NONCE = 1_700_000_000, "1597212914"
TEXTS = [*(("签到 abc" * 12)[:length] for length in range(70)), *("x" * length for length in range(70)), "👋🏽 家人们\n“早”<xml>]]>&amp;"]
PING_S = 0.2


def ask_node(tasks: Sequence[dict[str, Any]]) -> list[Any]:
    """The results of vendor_peers/crypto.mjs, all in one process."""
    assert NODE is not None
    done = subprocess.run([NODE, PEERS / "crypto.mjs"], input=json.dumps(tasks).encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answers: list[Any] = json.loads(done.stdout)
    return answers


# -- envelopes


def sealed_by_us(receiver: str) -> list[dict[str, str]]:
    """Every text in an envelope of ours: the fields that a peer needs to open it."""
    ours = Envelope(TOKEN, KEY, receiver)
    envelopes = [json.loads(ours.seal_json(text, NONCE, NOW)) for text in TEXTS]
    common = {"token": TOKEN, "key": KEY, "receiver": receiver, "timestamp": str(NOW), "nonce": NONCE}
    return [{**common, "encrypt": e["encrypt"], "signature": e["msgsignature"]} for e in envelopes]


@needs_node
@pytest.mark.parametrize("receiver", ["", CORP], ids=["aibot", "app"])
def test_what_we_seal_is_opened_and_signed_alike_by_the_vendor(receiver: str) -> None:
    sealed = sealed_by_us(receiver)
    opened = ask_node([{"task": "open", **fields} for fields in sealed])
    signatures = ask_node([{"task": "sign", **fields} for fields in sealed])
    by_sdk = ask_node([{"task": "sdkOpen", **fields} for fields in sealed])
    assert [(found["message"], found["id"]) for found in opened] == [(text, receiver) for text in TEXTS]
    assert signatures == [fields["signature"] for fields in sealed]
    assert by_sdk == [{"message": text, "signed": True} for text in TEXTS]


@needs_node
@pytest.mark.parametrize("receiver", ["", CORP], ids=["aibot", "app"])
def test_what_the_vendor_seals_is_opened_by_us_in_both_wrappings(receiver: str) -> None:
    ours, common = Envelope(TOKEN, KEY, receiver), {"token": TOKEN, "key": KEY, "receiver": receiver}
    sealed = ask_node([{"task": "seal", "text": text, **common} for text in TEXTS])
    signatures = ask_node([{"task": "sign", "encrypt": e, "timestamp": str(NOW), "nonce": NONCE, **common} for e in sealed])
    for text, encrypt, signature in zip(TEXTS, sealed, signatures, strict=True):
        args = {"msg_signature": signature, "timestamp": str(NOW), "nonce": NONCE}
        assert ours.open_json(args, json.dumps({"encrypt": encrypt}).encode(), NOW) == text
        assert ours.open_xml(args, f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode(), NOW) == text
        assert ours.verify({**args, "echostr": encrypt}, NOW) == text


@needs_node
def test_what_the_aibot_sdk_seals_is_opened_by_us() -> None:
    common = {"token": TOKEN, "key": KEY, "receiver": "", "timestamp": str(NOW), "nonce": NONCE}
    for text, sealed in zip(TEXTS, ask_node([{"task": "sdkSeal", "text": text, **common} for text in TEXTS]), strict=True):
        args = {"msg_signature": sealed["signature"], "timestamp": str(NOW), "nonce": NONCE}
        assert Envelope(TOKEN, KEY, "").open_json(args, json.dumps({"encrypt": sealed["encrypt"]}).encode(), NOW) == text


# -- media


def files() -> list[bytes]:
    return [secrets.token_bytes(length) for length in (1, 15, 16, 31, 32, 33, 64, 100_000)] + [PIXEL]


@needs_node
def test_media_of_the_pretend_wecom_open_at_the_vendors_and_ours_alike() -> None:
    given = files()
    sealed = [PretendEnvelope("", KEY, "").encrypt_media(data) for data in given]
    by_node = ask_node([{"task": "media", "key": KEY, "data": base64.b64encode(data).decode()} for data in sealed])
    assert [base64.b64decode(data) for data in by_node] == given
    assert [media.decrypt(data, KEY) for data in sealed] == given


@needs_python_client
def test_media_of_the_pretend_wecom_open_at_the_vendors_python_client() -> None:
    open_by_vendor = importlib.import_module("aibot").decrypt_file
    for data in files():
        assert open_by_vendor(PretendEnvelope("", KEY, "").encrypt_media(data), KEY) == data


# -- the long connection

SECRET = "the-bots-secret"
CONFIG = SimulatorConfig(
    corp_id="ww1",
    channels=(Channel("live", "aibot_ws", bot_id="BOT1", secret=SECRET),),
    people=(Person("zhang", "张三"),),
    groups=(Group("g1", "大群", ("zhang",)),),
)
BUTTONS = {
    "card_type": "button_interaction",
    "main_title": {"title": "选一个"},
    "button_list": [{"text": "好", "key": "ok"}],
    "task_id": "task-1",
}
THANKS = {**BUTTONS, "main_title": {"title": "谢谢"}}
Peer = Callable[[LongLink], AbstractContextManager[None]]


@pytest.fixture
def pretend() -> Iterator[PretendWeCom]:
    with serve(PretendWeCom(CONFIG)) as server:
        yield server.pretend


@pytest.fixture
def link(pretend: PretendWeCom) -> LongLink:
    assert pretend.link is not None
    return pretend.link


@contextmanager
def node_peer(link: LongLink) -> Iterator[None]:
    """The official Node client, playing vendor_peers/talk.mjs."""
    assert NODE is not None
    with subprocess.Popen([NODE, PEERS / "talk.mjs", link.url, "BOT1"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(f"{SECRET}\n".encode())
        process.stdin.flush()
        connected = link.wait_until(lambda: link.live_connections("BOT1") == 1)
        if connected:
            yield
        process.stdin.close()
        complaint = process.stderr.read().decode()
        assert connected, complaint
        assert process.wait(10) == 0, complaint


@contextmanager
def python_peer(link: LongLink) -> Iterator[None]:
    """The official Python client, with the same answers as talk.mjs as far as it knows the commands."""
    aibot = importlib.import_module("aibot")
    importlib.import_module("aibot.ws")._SSL_CONTEXT = None  # it insists on TLS even for ws://
    loop, problems = asyncio.new_event_loop(), list[Exception]()
    client = aibot.WSClient(
        aibot.WSClientOptions(bot_id="BOT1", secret=SECRET, ws_url=link.url, heartbeat_interval=int(PING_S * 1000), logger=_Silent())
    )

    async def answer(frame: dict[str, Any]) -> None:
        words = frame["body"]["text"]["content"].removeprefix("@小助手 ")
        if words == "故事":
            await client.reply_stream(frame, "story", "从前", False)
            await client.reply_stream(frame, "story", "从前有座山", True)
        elif words == "菜单":
            await client.reply_template_card(frame, BUTTONS)
        elif words == "推送":
            await client.send_message(frame["body"]["from"]["userid"], {"msgtype": "markdown", "markdown": {"content": "**早**"}})

    async def welcome(frame: dict[str, Any]) -> None:
        await client.reply_welcome(frame, {"msgtype": "text", "text": {"content": "你好"}})

    async def update(frame: dict[str, Any]) -> None:
        await client.update_template_card(frame, THANKS, [frame["body"]["from"]["userid"]])

    client.on("message.text", answer)
    client.on("event.enter_chat", welcome)
    client.on("event.template_card_event", update)
    client.on("error", problems.append)
    thread = threading.Thread(target=_run_forever, args=(loop, client.connect), daemon=True)
    thread.start()
    connected = link.wait_until(lambda: link.live_connections("BOT1") == 1)
    if connected:
        yield
    loop.call_soon_threadsafe(client.disconnect)
    gone = link.wait_until(lambda: link.live_connections("BOT1") == 0)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    assert (connected, gone, problems) == (True, True, [])


def _run_forever(loop: asyncio.AbstractEventLoop, connect: Callable[[], Any]) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(connect())
    loop.run_forever()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


class _Silent:
    """A logger that says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_args, **_more: None


@contextmanager
def our_peer(link: LongLink) -> Iterator[None]:
    """Our own client, with the same answers as talk.mjs."""
    heard: queue.SimpleQueue[longlink.Callback | None] = queue.SimpleQueue()
    ours = longlink.LongLink.open(link.url, "BOT1", SECRET, heard.put, ping_s=PING_S)
    problems: list[Exception] = []

    def answer_all() -> None:
        while (callback := heard.get()) is not None:
            try:
                _answer(ours, callback)
            except (ApiError, NoAnswer) as error:
                problems.append(error)

    threads = [threading.Thread(target=ours.run, daemon=True), threading.Thread(target=answer_all, daemon=True)]
    for thread in threads:
        thread.start()
    yield
    heard.put(None)
    threads[1].join(5)
    ours.close()
    threads[0].join(5)
    assert problems == []


def _answer(ours: longlink.LongLink, callback: longlink.Callback) -> None:
    body = json.loads(callback.payload)
    user, event = body["from"]["userid"], body.get("event", {}).get("eventtype")
    words = body.get("text", {}).get("content", "").removeprefix("@小助手 ")

    def respond(cmd: str, **fields: Any) -> None:
        ours.ask(f"aibot_respond_{cmd}", fields, req_id=callback.req_id)

    if event == "enter_chat":
        respond("welcome_msg", msgtype="text", text={"content": "你好"})
    elif event == "template_card_event":
        respond("update_msg", response_type="update_template_card", template_card=THANKS, userids=[user])
    elif words == "故事":
        respond("msg", msgtype="stream", stream={"id": "story", "finish": False, "content": "从前"})
        respond("msg", msgtype="stream", stream={"id": "story", "finish": True, "content": "从前有座山"})
    elif words == "菜单":
        respond("msg", msgtype="template_card", template_card=BUTTONS)
    elif words == "推送":
        ours.ask("aibot_send_msg", {"chatid": user, "msgtype": "markdown", "markdown": {"content": "**早**"}})
    elif words == "文件":
        respond("msg", msgtype="file", file={"media_id": ours.upload("file", "a.txt", b"hello\n")})


def talk(link: LongLink, *, with_file: bool) -> None:
    """One conversation in which every command of a bot comes up; each step waits until members see its outcome."""

    def answered(turn: Turn) -> None:
        assert link.wait_until(lambda: turn.settled), link.frames[-3:]

    answered(link.say("zhang", "故事", chat="g1"))
    assert [(post.text, post.state) for post in link.shown("g1")] == [("从前有座山", "")]
    answered(link.event("zhang", "enter_chat"))
    answered(link.say("zhang", "菜单"))
    answered(link.click("zhang", link.shown("zhang")[-1], "ok"))
    assert link.shown("zhang")[-1].card_of("zhang") == THANKS
    link.say("zhang", "推送")
    assert link.wait_until(lambda: link.shown("zhang")[-1].text == "**早**")
    if with_file:
        answered(link.say("zhang", "文件"))
        assert [(post.kind, post.text) for post in link.shown("zhang")][-1] == ("file", "a.txt")
    said = len(link.frames)
    assert link.wait_until(lambda: any(frame.cmd == "ping" for frame in link.frames[said:]))


def shape(frames: Sequence[Frame]) -> list[dict[str, Any]]:
    """What a bot said, in order, without its ids: the command, which callback it answers, and the body. Heartbeats come when they come."""
    asked = {frame.frame["headers"]["req_id"]: frame.cmd for frame in frames if frame.sent_by == "wecom" and frame.cmd}
    return [
        {
            "cmd": frame.cmd,
            "answers": asked.get(frame.frame["headers"]["req_id"], ""),
            "has": sorted(frame.frame),
            "headers": sorted(frame.frame["headers"]),
            "body": _without_ids(frame.frame.get("body")),
        }
        for frame in frames
        if frame.sent_by == "bot" and frame.cmd != "ping"
    ]


def _without_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_ids(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: "…" if key in ("upload_id", "media_id", "chunk_index") else _without_ids(inner) for key, inner in value.items()}


def recorded(*, with_file: bool) -> list[dict[str, Any]]:
    """The kept shape of the official Node client's conversation."""
    kept: list[dict[str, Any]] = json.loads((PEERS / "conversation.json").read_text(encoding="utf-8"))
    return [frame for frame in kept if with_file or not ("upload" in frame["cmd"] or frame["body"].get("msgtype") == "file")]


def pings(frames: Sequence[Frame]) -> set[tuple[str, ...]]:
    return {tuple(sorted(frame.frame)) for frame in frames if frame.cmd == "ping"}


@pytest.mark.parametrize(
    ("peer", "with_file"),
    [
        pytest.param(node_peer, True, marks=needs_node, id="node"),
        pytest.param(python_peer, False, marks=needs_python_client, id="python"),
        pytest.param(our_peer, True, id="ours"),
    ],
)
def test_the_vendors_clients_and_ours_hold_the_same_conversation(link: LongLink, peer: Peer, with_file: bool) -> None:
    with peer(link):
        talk(link, with_file=with_file)
    refused = [frame.frame for frame in link.frames if frame.frame.get("errcode")]
    assert refused == []
    assert shape(link.frames) == recorded(with_file=with_file)
    assert pings(link.frames) == {("cmd", "headers")}


@needs_node
def test_the_node_client_uploads_in_chunks_that_it_counts_from_zero(link: LongLink) -> None:
    with node_peer(link):
        link.say("zhang", "大文件")
        assert link.wait_until(lambda: [post.text for post in link.shown("zhang")] == ["big.bin"])
    chunks = [frame.frame["body"]["chunk_index"] for frame in link.frames if frame.cmd == "aibot_upload_media_chunk"]
    assert set(chunks) == {0, 1, 2}  # where the machine is slow the client sends some again


@needs_node
def test_the_node_client_downloads_and_opens_a_picture_by_its_own_key(pretend: PretendWeCom, link: LongLink) -> None:
    with node_peer(link):
        assert base64.b64decode(pretend.send_image("zhang").text) == PIXEL


def test_our_download_opens_the_same_picture_by_its_own_key(pretend: PretendWeCom, link: LongLink) -> None:
    with our_peer(link):
        pretend.later(pretend.send_image, "zhang")
        assert link.wait_until(lambda: any("image" in frame.frame.get("body", {}) for frame in link.frames))
    image = next(frame.frame["body"]["image"] for frame in link.frames if "image" in frame.frame.get("body", {}))
    found = media.fetch(Wire(pretend.base_url), image["url"], image["aeskey"])
    assert (found.data, found.type) == (PIXEL, "image/png")


@needs_node
def test_a_client_pushed_out_by_another_stays_away(link: LongLink) -> None:
    with node_peer(link), our_peer(link):
        link.say("zhang", "推送")
        assert link.wait_until(lambda: len(link.shown("zhang")) == 1)
        assert link.wait_until(lambda: sum(frame.cmd == "ping" for frame in link.frames) > 5)
    assert sum(frame.cmd == "aibot_subscribe" for frame in link.frames) == 2
