"""The envelope: the public samples open, round trips hold, and whatever a stranger sends is refused by name."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.envelope import MAX_BODY_BYTES, Envelope, is_json
from bot.errors import Refused
from tests.timing import SLOWER

TOKEN = "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo"
KEY = "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt"
CORP = "ww1436e0e65a779aee"
NOW = 1_700_000_000.0

V1_ECHO = "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA=="
V2_SEALED = (
    "Kl7kjoSf6DMD1zh7rtrHjFaDapSCkaOnwu3bqLc5tAybhhMl9pFeK8NslNPVdMwmBQTNoW4mY7AIjeLvEl3NyeTkAgGzBhzTtRLNshw2AEew+kkYcD+Fq72Kt00fT0WnN8"
    "7hGrW8SqGc+NcT3mu87Ha3dz1pSDi6GaUA6A0sqfde0VJPQbZ9U+3JWcoD4Z5jaU0y9GSh010wsHF8KZD24YhmZH4ch4Ka7ilEbjbfvhKkNL65HHL0J6EYJIZUC2pFrdkJ7"
    "MhmEbU2qARR4iQHE7wy24qy0cRX3Mfp6iELcDNfSsPGjUQVDGxQDCWjayJOpcwocugux082f49HKYg84EpHSGXAyh+/oxwaWbvL6aSDPOYuPDGOCI8jmnKiypE+"
)
V3_SEALED = (
    "cjhLUX7UU4yCSelv1vz7T0zT8huF51bAMVWriNvO1FMegHrQZNrtvRxbwf0fUPsFvwqR0U0fgiJNEA5Y30F2MoI2S7vv3EjVQ68C0cjw9frBoUE2Hj0BvFp9h3u6Vbsg4l"
    "c1C8AtHdaN8orKuNKkLRLuYEL52R1J3v8olJGZRLnRdVKIivixmX/eQpzgeExtp20jI1HxRP1AAZ6xZoILdqDPO549LO4WeG+685JRUTdiwcY5fjZlqeMxuT4PpMn1X9OWs"
    "S7NRj06Wa5E3Tvg4twjWp39KPfOdRte6P1T4JU="
)
V4_ECHO = "oCdlC8pJ%2FDIjXnC8F9reyjDYlSImCmIgxA4prPD%2Bl2Fj5qBHjFiWnpelQofsDCJrSEvNVTET6oQmoXLQxzUkyQ%3D%3D"
V5_SEALED = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxch"
    "rRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LU"
    "Mnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6b"
    "HCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
V6_ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho%2FqYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp%2B4RPcs8TgAE7OaBO%2BFZXvnaqQ%3D%3D"
SAMPLE_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


@pytest.fixture(scope="module")
def envelope() -> Envelope:
    return Envelope(TOKEN, KEY, CORP)


def args_of(signature: str, timestamp: int | str, nonce: str, **more: str) -> dict[str, str]:
    return {"msg_signature": signature, "timestamp": str(timestamp), "nonce": nonce, **more}


def signed(sealed: str, *, token: str = TOKEN, timestamp: int | str = int(NOW), nonce: str = "n1") -> dict[str, str]:
    """The query string that WeCom would send with ``sealed``; computed here, without the code under test."""
    joined = "".join(sorted([token, str(timestamp), nonce, sealed]))
    return args_of(hashlib.sha1(joined.encode()).hexdigest(), timestamp, nonce)


def sealed_by(envelope: Envelope, text: str) -> tuple[dict[str, str], bytes]:
    """A callback as WeCom would post it: arguments and JSON body."""
    answer = json.loads(envelope.seal_json(text, "n1", NOW))
    return args_of(answer["msgsignature"], answer["timestamp"], answer["nonce"]), json.dumps({"encrypt": answer["encrypt"]}).encode()


def refusal(act: Callable[[], str]) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.status, caught.value.reason


# The public samples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "key", "receive_id", "signature", "timestamp", "nonce", "echo", "answer"),
    [
        pytest.param(
            TOKEN, KEY, CORP, "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", 1476416373, "47744683", V1_ECHO, "1288432023552776189", id="V1"
        ),
        pytest.param(
            "xxx",
            "x" * 43,
            "",
            "09380007d4f0891d966988e5450ad794c77fa01c",
            1703041184,
            "1703023880",
            unquote(V4_ECHO),
            "6534946348215556778",
            id="V4",
        ),
        pytest.param(
            "QDG6eK",
            SAMPLE_KEY,
            "wx5823bf96d3bd56c7",
            "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
            1409659589,
            "263014780",
            unquote(V6_ECHO),
            "1616140317555161061",
            id="V6",
        ),
    ],
)
def test_the_public_verification_samples_open(
    token: str, key: str, receive_id: str, signature: str, timestamp: int, nonce: str, echo: str, answer: str
) -> None:
    args = args_of(signature, timestamp, nonce, echostr=echo)
    assert Envelope(token, key, receive_id).verify(args, timestamp) == answer


def test_the_public_xml_sample_of_an_app_opens(envelope: Envelope) -> None:
    args = args_of("0c3914025cb4b4d68103f6bfc8db550f79dcf48e", 1476422779, "1597212914")
    body = f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName>\n<Encrypt><![CDATA[{V2_SEALED}]]></Encrypt>\n<AgentID/></xml>".encode()
    text = envelope.open_xml(args, body, 1476422779)
    assert "你好" in text
    assert "ChenJiaShun" in text
    assert "1456453720" in text


def test_the_public_json_sample_opens_although_its_text_is_no_json(envelope: Envelope) -> None:
    args = args_of("e3647471e395139e2308c1fa963f2d648a00b90e", 1409659813, "1372623149")
    text = envelope.open_json(args, json.dumps({"tousername": "wx5823bf96d3bd56c7", "encrypt": V3_SEALED}).encode(), 1409659813)
    assert ":mycreate" in text


def test_the_classic_xml_sample_opens() -> None:
    args = args_of("477715d11cdb4164915debcba66cb864d751f3e6", 1409659813, "1372623149")
    body = f"<xml><Encrypt>{V5_SEALED}</Encrypt></xml>".encode()
    text = Envelope("QDG6eK", SAMPLE_KEY, "wx5823bf96d3bd56c7").open_xml(args, body, 1409659813)
    assert "hello" in text
    assert "4561255354251345929" in text


# Round trips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receive_id", ["", CORP])
@pytest.mark.parametrize("length", range(70))
def test_every_length_survives_the_round_trip(receive_id: str, length: int) -> None:
    envelope = Envelope(TOKEN, KEY, receive_id)
    text = "x" * length
    args, body = sealed_by(envelope, text)
    assert envelope.open_json(args, body, NOW) == text


@settings(deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
def test_any_text_survives_the_round_trip_in_json_and_xml(text: str) -> None:
    envelope = Envelope(TOKEN, KEY, CORP)
    args, body = sealed_by(envelope, text)
    assert envelope.open_json(args, body, NOW) == text
    answer = envelope.seal_xml(text, "n2", NOW)
    signature = re.findall(r"<MsgSignature><!\[CDATA\[(\w+)\]\]>", answer)[0]
    assert envelope.open_xml(args_of(signature, int(NOW), "n2"), answer.encode(), NOW) == text


def test_the_body_may_spell_encrypt_with_a_capital(envelope: Envelope) -> None:
    args, body = sealed_by(envelope, "签到")
    assert envelope.open_json(args, body.replace(b"encrypt", b"Encrypt"), NOW) == "签到"


def test_a_json_answer_carries_the_callbacks_nonce_and_its_time_in_seconds(envelope: Envelope) -> None:
    answer = json.loads(envelope.seal_json("{}", "1703023880", NOW + 0.9))
    assert answer["nonce"] == "1703023880"
    assert answer["timestamp"] == int(NOW)


def test_the_same_text_is_never_sealed_alike_twice(envelope: Envelope) -> None:
    assert len({json.loads(envelope.seal_json("签到", "n", NOW))["encrypt"] for _ in range(50)}) == 50


def test_threads_can_share_one_envelope(envelope: Envelope) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(150):
            text = f"{number}:{turn}" * (number + 1)
            args, body = sealed_by(envelope, text)
            if envelope.open_json(args, body, NOW) != text:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["msg_signature", "timestamp", "nonce"])
def test_a_callback_without_one_of_its_arguments_is_malformed(envelope: Envelope, missing: str) -> None:
    args, body = sealed_by(envelope, "签到")
    del args[missing]
    assert refusal(lambda: envelope.open_json(args, body, NOW))[0] == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("msg_signature", "z" * 40),
        ("msg_signature", "a" * 41),
        ("timestamp", "-1"),
        ("timestamp", "1" * 13),
        ("timestamp", "١٧٠٠٠٠٠٠٠٠"),
        ("timestamp", "1e9"),
        ("nonce", "n" * 129),
        ("nonce", "]]>"),
        ("nonce", "n\n"),
    ],
)
def test_an_argument_of_insane_shape_is_malformed(envelope: Envelope, name: str, value: str) -> None:
    args, body = sealed_by(envelope, "签到")
    assert refusal(lambda: envelope.open_json({**args, name: value}, body, NOW)) == (400, f"argument {name} is missing or malformed")


def test_another_tokens_signature_is_refused(envelope: Envelope) -> None:
    args, body = sealed_by(Envelope("another-token", KEY, CORP), "签到")
    assert refusal(lambda: envelope.open_json(args, body, NOW)) == (403, "wrong signature")


@pytest.mark.parametrize("late_s", [-600, 0, 600])
def test_a_callback_within_ten_minutes_is_fresh(envelope: Envelope, late_s: int) -> None:
    args, body = sealed_by(envelope, "签到")
    assert envelope.open_json(args, body, NOW + late_s) == "签到"


@pytest.mark.parametrize("late_s", [-601, 601, 86_400, float("nan")])
def test_a_callback_beyond_ten_minutes_is_stale(envelope: Envelope, late_s: float) -> None:
    args, body = sealed_by(envelope, "签到")
    assert refusal(lambda: envelope.open_json(args, body, NOW + late_s)) == (403, "stale timestamp")


def test_an_envelope_for_another_corp_is_refused(envelope: Envelope) -> None:
    args, body = sealed_by(Envelope(TOKEN, KEY, "ww-other"), "签到")
    assert refusal(lambda: envelope.open_json(args, body, NOW)) == (403, "meant for another receiver")


def test_an_envelope_with_a_receiver_is_refused_where_none_is_expected() -> None:
    args, body = sealed_by(Envelope(TOKEN, KEY, CORP), "签到")
    assert refusal(lambda: Envelope(TOKEN, KEY, "").open_json(args, body, NOW)) == (403, "meant for another receiver")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"encrypt":1}',
        b'{"encrypt":null}',
        b'{"encrypt":"\xff"}',
        b'{"encrypt":"\\ud800"}',
        b'{"a":' + b"[" * 200_000,
        b'{"encrypt":"' + b"A" * MAX_BODY_BYTES + b'"}',
        "{“encrypt”:“”}".encode(),
    ],
    ids=range(11),
)
def test_a_body_that_is_no_json_envelope_is_malformed(envelope: Envelope, body: bytes) -> None:
    assert refusal(lambda: envelope.open_json(signed("x"), body, NOW))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"<Encrypt></Encrypt>",
        b"<Encrypt><![CDATA[AAAA</Encrypt>",
        b"<Encrypt>AAAA]]></Encrypt>",
        b"<Encrypt>AA<b/>AA</Encrypt>",
        b"<Encrypt>AAAA</Encrypt><Encrypt>BBBB</Encrypt>",
        b'<!DOCTYPE x [<!ENTITY e "A">]><xml><Encrypt>&e;</Encrypt></xml>',
        b"<Encrypt>" * 100_000,
        b"<Encrypt>" + b" " * 1_000_000 + b"A</Encrypt>",
        b"<Encrypt><![CDATA[" + b"A" * 1_000_000,
    ],
    ids=range(11),
)
def test_a_body_that_is_no_xml_envelope_is_malformed_and_costs_little(envelope: Envelope, body: bytes) -> None:
    began = time.process_time()
    assert refusal(lambda: envelope.open_xml(signed("x"), body, NOW))[0] == 400
    assert time.process_time() - began < 0.2 * SLOWER


def _encrypted(plain: bytes) -> str:
    """``plain`` under the right key, so that only what lies inside is wrong."""
    key = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


@pytest.mark.parametrize(
    "sealed",
    [
        "AAA",  # base64 of the wrong length
        "AAAA",  # three bytes: no whole block
        "AAAA====",
        base64.b64encode(bytes(32)).decode(),
        _encrypted(bytes(32)),  # padding 0
        _encrypted(b"\xff" * 32),  # padding longer than the text
        _encrypted(b"r" * 16 + b"\x00\x00\x00\x04" + b"\xff\xfe\xfd\xfc" + b"\x08" * 8),  # not UTF-8
        _encrypted(b"r" * 16 + b"\x00\x00\x00\x02hi" + CORP.encode() + b"x" * 24 + b"\x2a" * 16),  # padding beyond a block
        _encrypted(b"r" * 16 + b"\x7f\xff\xff\xff" + b"x" * 4 + b"\x08" * 8),  # length beyond the end
    ],
)
def test_a_well_signed_ciphertext_that_does_not_open_is_refused(envelope: Envelope, sealed: str) -> None:
    body = json.dumps({"encrypt": sealed}).encode()
    assert refusal(lambda: envelope.open_json(signed(sealed), body, NOW))[0] in {400, 403}


@settings(deadline=None)
@given(place=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_anywhere_in_the_envelope_is_refused(place: int, bit: int) -> None:
    envelope = Envelope(TOKEN, KEY, CORP)
    args, body = sealed_by(envelope, "签到")
    start = body.index(b": ") + 3
    flipped = bytearray(body)
    flipped[start + place % (len(body) - start - 2)] ^= 1 << bit
    with pytest.raises(Refused):
        envelope.open_json(args, bytes(flipped), NOW)


@settings(deadline=None)
@given(
    args=st.dictionaries(st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr", "x"]), st.text(max_size=60)),
    body=st.binary(max_size=300),
)
def test_whatever_a_stranger_sends_is_refused_and_nothing_else(args: dict[str, str], body: bytes) -> None:
    envelope = Envelope(TOKEN, KEY, CORP)
    acts: list[Callable[[], str]] = [
        lambda: envelope.verify(args, NOW),
        lambda: envelope.open_json(args, body, NOW),
        lambda: envelope.open_xml(args, body, NOW),
    ]
    for act in acts:
        with pytest.raises(Refused):
            act()


@settings(deadline=None)
@given(blocks=st.integers(min_value=0, max_value=6), data=st.data())
def test_well_signed_noise_opens_to_text_or_is_refused(blocks: int, data: st.DataObject) -> None:
    plain = data.draw(st.binary(min_size=16 * blocks, max_size=16 * blocks))
    sealed = _encrypted(plain)
    for receive_id in ("", CORP):
        envelope = Envelope(TOKEN, KEY, receive_id)
        try:
            assert isinstance(envelope.open_json(signed(sealed), json.dumps({"encrypt": sealed}).encode(), NOW), str)
        except Refused as refused:
            assert refused.status in {400, 403}


# Secrets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "short", KEY + "=", KEY[:-1] + "!", KEY + "\n", "密" * 43])
def test_an_unusable_key_is_refused_at_construction_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="43") as caught:
        Envelope(TOKEN, key, CORP)
    assert not key or key not in str(caught.value)


def test_an_empty_token_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="token"):
        Envelope("", KEY, CORP)


def test_neither_its_repr_nor_a_refusal_shows_a_secret(envelope: Envelope) -> None:
    args, body = sealed_by(Envelope("another-token", KEY, CORP), "悄悄话")
    said = repr(envelope) + str(refusal(lambda: envelope.open_json(args, body, NOW)))
    for secret in (TOKEN, KEY, CORP, "悄悄话", body.decode()[12:40]):
        assert secret not in said


def test_a_robots_body_shows_its_format() -> None:
    assert is_json(b' {"encrypt":""}')
    assert not is_json(b"<xml></xml>")
    assert not is_json(b"")
