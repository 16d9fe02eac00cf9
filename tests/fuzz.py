"""Whatever strangers, WeCom or operators send: spoilt a million times, each parser refuses it by name or gives what holds – within a second.

A target takes seeds (good inputs: payloads, shipped content, files that we write ourselves), spoils them – bytes flipped, cut, doubled, crossed with
each other, mixed with the words that its grammar knows – and hands them to the parser. Anything but the named refusal is a crash, what is accepted has
to hold what the target promises (``try_one``), and nothing may take longer than a second of CPU.
"""

from __future__ import annotations

import base64
import io
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from requests import Request, RequestException
from urllib3.util import parse_url

from bot.channels import KINDS, pieces
from bot.client import Wire
from bot.config import load
from bot.envelope import Envelope
from bot.errors import ApiError, ConfigError, Refused
from bot.live import starting_files
from bot.media import MediaError, decrypt
from bot.message import Message
from bot.router import Router
from handlers import discover
from rules import contents, sheets
from rules.calendar import parse_at, parse_cron
from rules.content_file import ContentProblem
from tests.outside import make_channel, seal, sign

ROOT = Path(__file__).parent.parent
PAYLOADS = Path(__file__).parent / "payloads"
SLOWEST_S = 1.0
LARGEST = 20_000
"""Bytes of an input; limits on the whole are tried elsewhere."""
NOW = 1_790_000_000
_KIND = b"# "
_NOISE = (
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    "𠮷".encode(),
    b"-1",
    b"1e999",
    b"9" * 40,
    b"null",
    b"\r\n",
    b" " * 50,
    b"'",
    b'"',
    b"{{",
    b"%s",
    b"../",
    b"\x1b[31m",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser: good inputs, words of its grammar, and what is tried with an input.

    ``try_one`` gives whether it was accepted, and raises AssertionError where that was wrong.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    try_one: Callable[[bytes], bool]
    words: Sequence[bytes] = ()


@dataclass(slots=True)
class Tried:
    """How many inputs were accepted and refused, and the longest that one took (s)."""

    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.accepted + self.refused} inputs: {self.accepted} accepted, {self.refused} refused, the slowest {self.slowest_s * 1000:.0f} ms"


def fuzz(target: Target, inputs: int, seed: int) -> Tried:
    """Tries so many inputs. Raises AssertionError with the target, the seed and the input that shows a fault."""
    dice, tried, seeds = Random(f"{target.name}:{seed}"), Tried(), target.seeds()
    for number in range(inputs):
        given = spoilt(dice, seeds, target.words) if number else seeds[0]
        began = time.process_time()
        try:
            accepted = target.try_one(given)
        except Exception as error:
            raise AssertionError(
                f"{target.name}, seed {seed}, input {number}: {type(error).__name__}: {error}; given {given[:2000]!r}"
            ) from error
        took_s = time.process_time() - began
        assert took_s < SLOWEST_S, f"{target.name}, seed {seed}, input {number} took {took_s:.1f} s; given {given[:2000]!r}"
        tried.accepted += accepted
        tried.refused += not accepted
        tried.slowest_s = max(tried.slowest_s, took_s)
    return tried


def spoilt(dice: Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A good input after some accidents; now and then none."""
    data = bytearray(dice.choice(seeds))
    for _ in range(min(int(dice.expovariate(0.5)), 12)):
        at, upto = sorted((dice.randrange(len(data) + 1), dice.randrange(len(data) + 1)))
        upto = min(upto, at + dice.choice((1, 3, 20, 400)))
        match dice.randrange(8):
            case 0:
                del data[at:upto]
            case 1:
                data[at:at] = data[at:upto] * dice.choice((1, 2, 30))
            case 2 | 3:
                data[at:at] = dice.choice(words or _NOISE)
            case 4:
                data[at:upto] = dice.choice(_NOISE)
            case 5 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 6:
                other = dice.choice(seeds)
                cut = dice.randrange(len(other) + 1)
                data[at:upto] = other[cut : cut + dice.choice((5, 50, 500))]
            case _:
                data[at:upto] = bytes(dice.randrange(256) for _ in range(min(upto - at, 8)))
    return bytes(data[:LARGEST])


# Callbacks ------------------------------------------------------------------------------------------------------------------

CHANNEL = make_channel("assistant", "aibot")


PLAIN = b'{"msgid":"1","msgtype":"text","from":{"userid":"u"},"text":{"content":"hi"}}'


@cache
def _sealed(xml: bool) -> bytes:
    sealed = seal(CHANNEL, PLAIN)
    return (
        f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
        if xml
        else f'{{"encrypt":"{sealed}"}}'.encode()
    )


@cache
def _envelope() -> Envelope:
    return Envelope(CHANNEL.token, CHANNEL.aes_key, "")


def _open(body: bytes, *, xml: bool) -> bool:
    """The arguments were signed for the body as it stands, as far as it has anything to sign: what is behind the signature is tried too."""
    return _opened(_signed(body, xml=xml), body, xml=xml) is not None


def _forge(body: bytes, *, xml: bool) -> bool:
    """The arguments are those of a good body: what opens is what was in that."""
    opened = _opened(_signed(_sealed(xml=xml), xml=xml), body, xml=xml)
    assert opened in (None, PLAIN.decode()), "what nobody signed was opened"
    return opened is not None


def _signed(body: bytes, *, xml: bool) -> dict[str, str]:
    mark = (b"<Encrypt><![CDATA[", b"]]>") if xml else (b'"encrypt":"', b'"')
    sealed = body.partition(mark[0])[2].partition(mark[1])[0].decode("utf-8", "replace")
    return {"timestamp": str(NOW), "nonce": "n", "msg_signature": sign(CHANNEL.token, str(NOW), "n", sealed)}


def _opened(args: Mapping[str, str], body: bytes, *, xml: bool) -> str | None:
    try:
        opened = _envelope().open_xml(args, body, NOW) if xml else _envelope().open_json(args, body, NOW)
    except Refused as refused:
        assert 400 <= refused.status < 500
        return None
    assert isinstance(opened, str)
    return opened


WIRE = Wire("https://qyapi.weixin.qq.com")


def _lead(data: bytes) -> bool:
    """An address is asked only where whoever connects, who reads addresses in his own way, finds one of WeCom's own behind it."""
    address, accepted = data.decode("utf-8", "replace"), False
    if WIRE._may_download(address):
        assert _host(address).endswith((".myqcloud.com", "qyapi.weixin.qq.com"))
        accepted = True
    try:
        asked = WIRE._own_address(address)
    except ApiError:
        return accepted
    assert _host(asked) == "qyapi.weixin.qq.com"
    return True


def _host(address: str) -> str:
    """The host to which requests would connect, by https at its own port; WeCom's for an address that it refuses by itself."""
    try:
        prepared = Request("GET", address).prepare().url
    except RequestException:
        return "qyapi.weixin.qq.com"
    found = parse_url(prepared or "")
    assert (found.scheme, found.port or 443, found.auth) == ("https", 443, None), address
    return found.host or ""


@cache
def _payloads(suffix: str) -> Sequence[bytes]:
    return [file.read_bytes() for file in sorted(PAYLOADS.rglob(f"*.{suffix}"))]


def _parse(kinds: Sequence[str], data: bytes) -> bool:
    text, accepted = data.decode("utf-8", "replace"), False
    for kind in kinds:
        try:
            message = KINDS[kind].parse(text, channel="c", names=("小助手",))
        except Refused as refused:
            assert 400 <= refused.status < 500
            continue
        assert message.id
        assert message.channel == "c"
        accepted = True
    return accepted


# What operators write -------------------------------------------------------------------------------------------------------


@cache
def _content() -> Sequence[bytes]:
    """What ships of each kind, as far as whole entries go, under a first line that names the kind."""
    files = [(kind, file) for kind in contents.KINDS.values() for _, file in starting_files(kind, ROOT / "rules" / "content")]
    return [_KIND + kind.name.encode() + b"\n" + _whole_entries(file.read_bytes()) for kind, file in files]


def _whole_entries(data: bytes) -> bytes:
    """The beginning of a long list, and of long lists inside of it: enough to be spoilt, and quick to read a million times."""
    data = re.sub(rb"((?:^ +- .*\n){6})(?:^ +- .*\n)+", rb"\1", data, flags=re.MULTILINE)
    begin = data.rfind(b"\n- ", 0, 3_000) if len(data) > 3_000 else -1
    return data[: begin + 1] if begin > 0 else data


def _read_content(data: bytes) -> bool:
    text, accepted = data.decode("utf-8", "replace"), False
    for kind in _some_kinds(data):
        try:
            value = contents.parse(kind, text)
        except ContentProblem:
            continue
        assert contents.parse(kind, contents.dump(kind, value)) == value
        accepted = True
    return accepted


def _some_kinds(data: bytes) -> Iterator[contents.Kind[object]]:
    """The kind that the first line names, where it is left, and now and then another, for files are mixed up."""
    kinds = list(contents.KINDS.values())
    other = kinds[len(data) % len(kinds)]
    named = data.partition(b"\n")[0].removeprefix(_KIND).decode(errors="replace")
    yield contents.KINDS.get(named, other)
    if len(data) % 8 == 0:
        yield other


def _read_config(data: bytes) -> bool:
    file = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"qunguanjia-fuzz-{os.getpid()}.yaml"
    file.write_bytes(data)
    try:
        load(file, {})
    except ConfigError as wrong:
        assert wrong.problems
        return False
    finally:
        file.unlink()
    return True


def _read_csv(data: bytes) -> bool:
    try:
        table = sheets.read_csv(data)
    except ContentProblem:
        return False
    assert all(isinstance(cell, str) for _, cells in table.rows for cell in cells)
    return True


@cache
def _workbooks() -> Sequence[bytes]:
    """Small workbooks: as we write them, and unpacked, without what no table is read from, so that accidents hit XML that matters and not only deflate."""
    made = sheets.write_table("a.xlsx", "表", [("问题", "答案"), ("怎么退款", "点申请"), ("=1+1", "3")])
    loose = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made)) as packed, zipfile.ZipFile(loose, "w", zipfile.ZIP_STORED) as out:
        for name in sorted(set(packed.namelist()) - {"xl/theme/theme1.xml", "docProps/core.xml", "docProps/app.xml"}):
            out.writestr(name, packed.read(name))
    return [made, loose.getvalue()]


def _read_excel(data: bytes) -> bool:
    try:
        found = sheets.read_excel(data)
    except ContentProblem:
        return False
    assert all(isinstance(cell, str) for sheet in found for _, cells in sheet.rows for cell in cells)
    return True


def _read_times(data: bytes) -> bool:
    text, accepted = data.decode("utf-8", "replace"), False
    for parse in (parse_cron, parse_at):
        try:
            parse(text)
        except ValueError:
            continue
        accepted = True
    return accepted


# What is said and shown -----------------------------------------------------------------------------------------------------


def _cut(data: bytes) -> bool:
    text, limit = data.decode("utf-8", "replace"), 40 + len(data) % 200
    cut = pieces.split(text, limit)
    assert all(len(piece.encode()) <= limit for piece in cut)
    return bool(cut)


@cache
def _router() -> Router:
    return discover()


@cache
def _commands() -> Sequence[bytes]:
    said = [route.help.partition("：")[0] for route in _router().commands.values()]
    return [f"{words} @李雷 5 谢谢".encode() for words in said if words]


def _route(data: bytes) -> bool:
    message = Message(id="1", channel="a", kind="text", user="u", text=data.decode("utf-8", "replace"))
    found = _router().find(message, None)
    assert found is None or all(isinstance(word, str) for word in found.args)
    return found is not None


@cache
def _sealed_files() -> Sequence[bytes]:
    """Files as WeCom seals them: AES-256-CBC, padded to 32, the key's first half as IV."""
    key, made = base64.b64decode(CHANNEL.aes_key + "="), []
    for plain in (b"", b"a picture", bytes(range(256)) * 4):
        sealer = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
        more = 32 - len(plain) % 32
        made.append(sealer.update(plain + bytes([more]) * more) + sealer.finalize())
    return made


def _open_media(data: bytes) -> bool:
    try:
        decrypt(data, CHANNEL.aes_key)
    except MediaError:
        return False
    return True


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (  # the slow ones last
        Target(
            "envelope-json",
            lambda: [_sealed(xml=False)],
            lambda data: _open(data, xml=False),
            (b'"encrypt":', b'"\\u0000"', b"[[[[", b'{"a":'),
        ),
        Target(
            "envelope-xml",
            lambda: [_sealed(xml=True)],
            lambda data: _open(data, xml=True),
            (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>", b"&a;", b"<Encrypt>", b"]]>", b"<?xml encoding='utf-16'?>"),
        ),
        Target(
            "forged-json",
            lambda: [_sealed(xml=False)],
            lambda data: _forge(data, xml=False),
            (b'"encrypt":', b'"Encrypt":"', b"\\u0041", b"="),
        ),
        Target(
            "forged-xml", lambda: [_sealed(xml=True)], lambda data: _forge(data, xml=True), (b"<Encrypt>", b"]]>", b"<!--", b"-->", b"=")
        ),
        Target(
            "addresses",
            lambda: [
                b"https://ww-aibot-img-1.cos.ap-guangzhou.myqcloud.com/a/b?sign=x%2By",
                b"https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=R",
            ],
            _lead,
            (
                b"@",
                b"\\",
                b"#",
                b"?",
                b"/",
                b":",
                b"//",
                b"127.0.0.1",
                b"[::1]",
                b"evil.example",
                b"%2f",
                b"%40",
                b"\t",
                b"\n",
                "。".encode(),
                b"http:",
            ),
        ),
        Target(
            "payload-json",
            lambda: _payloads("json"),
            lambda data: _parse(("aibot", "robot", "archive"), data),
            (b'"msgtype":', b'"event":{', b"[]", b"{}", b"true"),
        ),
        Target(
            "payload-xml",
            lambda: _payloads("xml"),
            lambda data: _parse(("app", "robot", "contact"), data),
            (b"<MsgType>", b"<Event>", b"<![CDATA[", b"]]>", b"&#0;", b"<!ENTITY a SYSTEM 'file:///etc/passwd'>"),
        ),
        Target(
            "csv",
            lambda: ['问题,答案\n怎么退款,点申请\n"a""b",c\n'.encode(), "问题\t答案\r\na\tb\r\n".encode("utf-16")],
            _read_csv,
            (b'"', b",", b"\n", b";", b"\t", b"=cmd|"),
        ),
        Target(
            "times",
            lambda: [b"0 9 * * 1-5", b"*/15 8-20 1,15 * *", b"2026-03-10 09:00", b"@daily"],
            _read_times,
            (b"*", b"/", b"-", b",", b"L", b"0", b"61"),
        ),
        Target(
            "pieces",
            lambda: ["# 标题\n\n- 一\n- 二\n\n**粗** [链接](https://a.b)\n\n```\ncode\n```\n".encode() * 4],
            _cut,
            (b"```", b"\n\n", b"**", b"](", "👨‍👩‍👧".encode()),
        ),
        Target("router", _commands, _route, (b"@", "＠".encode(), b"1", "第".encode(), b" ", "。".encode())),
        Target("media", _sealed_files, _open_media),
        Target(
            "config",
            lambda: [(ROOT / "config.yaml").read_bytes()[:15_000]],
            _read_config,
            (b"${X}", b"&a [*a]", b"<<: ", b"\n  - ", b"[" * 40, b"channels:\n"),
        ),
        Target("excel", _workbooks, _read_excel, (b"<c r=", b't="s"', b"<v>", b"PK\x03\x04", b"PK\x01\x02", b"<row r='99999999'>", b"&a;")),
        Target(
            "content", _content, _read_content, (b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"- ", b": ", b"|\n", b"\t", b"? ")
        ),
    )
}
