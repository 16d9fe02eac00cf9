"""Where the bot can be led by addresses that somebody else chose: nowhere but to WeCom, however they are written."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from flask import Response
from vendor import vendor

from bot.client import NoAnswer, Wire, is_public
from bot.errors import ApiError

WRITTEN = (
    "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:169.254.169.254]", "[64:ff9b::169.254.169.254]", "[fe80::1%25eth0]", "0", "0.0.0.0", "[::]", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1",
    "localhost", "LOCALHOST.", "metadata.google.internal", "169.254.169.254", "100.100.100.200", "127.0.0.1#.myqcloud.com", "127.0.0.1?.myqcloud.com",
    "127.0.0.1;.myqcloud.com", "127.0.0.1%23.myqcloud.com", "127.0.0.1%2f.myqcloud.com", "127.0.0.1:443@a.myqcloud.com",
    "a.myqcloud.com@127.0.0.1", "a.myqcloud.com:443@127.0.0.1", "127.0.0.1:80", "a.myqcloud.com.", "a。myqcloud。com", "a.myqcloud.com:80",
    "qyapi.weixin.qq.com.", "qyapi。weixin。qq。com", "qyapi.weixin.qq.com:80", "xn--qyapi-.weixin.qq.com",
)  # fmt: skip
"""Hosts in every spelling that some reader of addresses takes for another one."""


@pytest.mark.parametrize("host", WRITTEN)
@pytest.mark.parametrize("scheme", ["https", "http", "HTTPS", "gopher", "dict"])
def test_no_spelling_of_an_address_leads_inside(monkeypatch: pytest.MonkeyPatch, scheme: str, host: str) -> None:
    asked = list[object]()

    def looked_up(*where: object, **_: object) -> object:
        asked.append(where[0])
        raise OSError("nobody looks this up")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    wire = Wire("https://qyapi.weixin.qq.com")
    for ask in asks(wire):
        with pytest.raises(ApiError, match="拒绝"):
            ask(f"{scheme}://{host}/x")
    assert asked == [], "no name is looked up, no socket is opened"


@pytest.mark.parametrize(
    ("address", "is_outside"),
    [
        ("1.2.3.4", True), ("240e:1::1", True), ("::ffff:1.2.3.4", True), ("64:ff9b::102:304", True), ("127.0.0.1", False), ("10.0.0.1", False),
        ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("240.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False), ("fc00::1", False), ("fe80::1%eth0", False), ("ff02::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:169.254.169.254", False), ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False), ("2002:a00:1::1", False), ("::127.0.0.1", False),
    ],
)  # fmt: skip
def test_an_address_is_as_public_as_what_it_stands_for(address: str, is_outside: bool) -> None:
    assert is_public(address) is is_outside


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_elsewhere(status: int) -> None:
    with vendor() as inside, vendor() as wecom:
        wecom.will("x", *[lambda: Response("", status, {"Location": f"{inside.base}/cgi-bin/secret"})] * 4)
        wire = Wire(wecom.base)
        for ask in asks(wire):
            with pytest.raises(NoAnswer):
                ask(f"{wecom.base}/cgi-bin/x")
        with pytest.raises(NoAnswer):
            wire.post(f"{wecom.base}/cgi-bin/x", {})
        wire.close()
        assert (len(wecom.seen), inside.seen) == (3, [])


def asks(wire: Wire) -> tuple[Callable[[str], object], ...]:
    """Whatever asks at an address that came from outside."""
    return (lambda url: wire.download(url, most_bytes=10), lambda url: wire.post_response_url(url, {}))
