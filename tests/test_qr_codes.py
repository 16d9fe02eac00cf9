"""QR codes in pictures: read within limits whatever the picture is, and told apart by where they lead."""

from __future__ import annotations

import io

import numpy as np
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.apart import Failed
from bot.qr_codes import LONGEST_CODE, MOST_BYTES, MOST_CODES, read_apart, read_codes
from rules.moderation import Judge
from rules.policy import Place, Policy
from rules.scanned import find_reason, is_words
from rules.wordlist import Lexicon, Word

GROUP, PERSON, PAYMENT = "https://weixin.qq.com/g/AwYAABCD", "http://u.wechat.com/EAbc", "wxp://f2f0xyz"


def qr(text: str, scale: int = 4, **more: object) -> bytes:
    """A QR code as a PNG."""
    out = io.BytesIO()
    segno.make(text, micro=False).save(out, kind="png", scale=scale, **more)
    return out.getvalue()


def photo(*codes: str, size: tuple[int, int] = (1000, 700)) -> Image.Image:
    """Something like a photo, with codes in it, tilted a little."""
    width, height = size
    noise = np.random.default_rng(1).normal(0, 12, (height, width, 3)) + np.linspace(60, 200, width)[None, :, None]
    shown = Image.fromarray(noise.clip(0, 255).astype("uint8"))
    for place, code in enumerate(codes):
        drawn = Image.open(io.BytesIO(qr(code, 5))).convert("RGB").rotate(7, expand=True, fillcolor="white")
        shown.paste(drawn, (100 + place * 500, 300))
    return shown


def stored(picture: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


# Reading ------------------------------------------------------------------------------------------------------------------


def test_a_code_is_read_also_in_chinese_and_on_nothing() -> None:
    assert read_codes(qr("加我，领红包")) == ("加我，领红包",)
    assert read_codes(qr(GROUP, light=None)) == (GROUP,)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_small_codes_in_a_photo_are_all_found(form: str) -> None:
    assert set(read_codes(stored(photo(GROUP, PAYMENT), form))) == {GROUP, PAYMENT}


def test_a_large_photo_is_shrunk_and_still_read() -> None:
    large = photo(GROUP).resize((4000, 2800))
    assert read_codes(stored(large, "JPEG")) == (GROUP,)


def test_a_picture_without_codes_gives_nothing() -> None:
    assert read_codes(stored(photo())) == ()


def test_no_more_codes_and_characters_are_read_than_somebody_looks_at() -> None:
    many = Image.new("L", (1200, 1200), 255)
    for n in range(16):
        many.paste(Image.open(io.BytesIO(qr(f"code {n}"))).convert("L"), (n % 4 * 300, n // 4 * 300))
    assert len(read_codes(stored(many))) == MOST_CODES
    assert read_codes(qr("a" * 2_500, 3)) == ("a" * LONGEST_CODE,)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_small_file_that_unpacks_to_much_is_not_unpacked() -> None:
    for side in (5_000, 20_000):
        bomb = stored(Image.new("1", (side, side)))
        assert len(bomb) < 100_000
        assert read_codes(bomb) == ()


def test_what_is_too_large_is_not_looked_at() -> None:
    assert read_codes(qr(GROUP) + bytes(MOST_BYTES)) == ()
    assert read_apart(bytes(MOST_BYTES + 1)) == ()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_damaged_picture_breaks_nothing(form: str) -> None:
    whole = stored(photo(GROUP, size=(400, 300)).resize((200, 150)), form)
    for length in range(0, len(whole), max(1, len(whole) // 12)):
        read_codes(whole[:length])
    assert read_codes(whole[: len(whole) // 3]) == ()


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM"])
def test_other_forms_of_pictures_are_left_alone(form: str) -> None:
    assert read_codes(stored(Image.open(io.BytesIO(qr(GROUP))).convert("RGB"), form)) == ()


@given(
    st.binary(max_size=2_000), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x00\x01\x00\x00WEBPVP8 ", b"GIF89a"])
)
def test_nothing_that_somebody_sends_breaks_the_reader(noise: bytes, head: bytes) -> None:
    assert isinstance(read_codes(head + noise), tuple)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_breaks_nothing(place: int, value: int) -> None:
    data = bytearray(qr(GROUP, 2))
    data[place % len(data)] = value
    assert read_codes(bytes(data)) in ((), (GROUP,))


def test_a_process_of_its_own_reads_the_same() -> None:
    assert read_apart(qr(GROUP)) == (GROUP,)
    assert read_apart(b"no picture") == ()


def test_a_picture_that_is_made_to_take_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    corner = np.full((9, 9), 255, "uint8")
    corner[:7, :7] = 0
    corner[1:6, 1:6] = 255
    corner[2:5, 2:5] = 0
    monkeypatch.setattr("bot.qr_codes.MOST_CPU_S", 1)
    with pytest.raises(Failed, match="long"):
        read_apart(stored(Image.fromarray(np.tile(corner, (220, 220)))))


# What they lead to --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "category", "said"),
    [
        (GROUP, "contact", "微信群"),
        (PERSON, "contact", "微信个人名片"),
        ("https://work.weixin.qq.com/gm/0123abc", "contact", "企业微信群"),
        ("https://WORK.weixin.qq.com/kfid/kfc1", "contact", "微信客服"),
        ("https://qm.qq.com/q/abc", "contact", "QQ"),
        ("BEGIN:VCARD\nFN:李雷\nTEL:13800138000\nEND:VCARD", "contact", "电话名片"),
        (PAYMENT, "advert", "微信收款"),
        ("HTTPS://QR.ALIPAY.COM/FKX01234", "advert", "支付宝收款"),
        ("https://get-rich.xyz/?a=1", "advert", "通往 get-rich.xyz"),
        ("www.get-rich.xyz", "advert", "通往 get-rich.xyz"),
        ("taobao://item?id=1", "advert", "别的应用"),
        ("https://weixin.qq.com.get-rich.xyz/g/A", "advert", "通往 weixin.qq.com.get-rich.xyz"),
        ("https://shop.example.com@get-rich.xyz/", "advert", "通往 get-rich.xyz"),
    ],
)
def test_a_code_is_told_by_where_it_leads(code: str, category: str, said: str) -> None:
    reason = find_reason(code, {"shop.example.com"})
    assert reason
    assert (reason.category, reason.severity, reason.source) == (category, 2, "adverts")
    assert said in reason.said
    assert not is_words(code)


@pytest.mark.parametrize(
    "code", ["https://shop.example.com/i/AB12", "http://m.shop.example.com", "WIFI:T:WPA;S:guest;P:12345678;;", "geo:30,120"]
)
def test_the_communitys_own_places_and_harmless_codes_are_passed(code: str) -> None:
    assert find_reason(code, {"shop.example.com"}) is None


def test_a_group_is_nobodys_own_whatever_its_domain() -> None:
    assert find_reason(GROUP, {"weixin.qq.com", "qq.com"})


@given(st.text(max_size=300))
def test_every_text_is_words_or_leads_somewhere(code: str) -> None:
    reason = find_reason(code)
    assert reason is None or not is_words(code)


def judge(**policy: object) -> Judge:
    return Judge(Lexicon((Word("加我领红包", 2, "advert", "不发广告"), Word("王八蛋", 3, "insult", "不骂人"))), Policy(**policy))  # type: ignore[arg-type]


def test_codes_go_to_a_person_and_never_warn() -> None:
    verdict = judge().judge_codes((GROUP, "王八蛋", "你好"), "main")
    assert (verdict.verdict, verdict.severity) == ("review", 3)
    assert verdict.categories == {"contact", "insult"}


def test_words_in_a_code_are_judged_as_any_others() -> None:
    assert judge().judge_codes(("加我领红包",), "main").verdict == "review"
    assert judge().judge_codes(("订单 20260310",), "main").verdict == "pass"


def test_where_people_come_to_complain_codes_are_left_alone() -> None:
    verdict = judge(places={"help": Place(profile="support")}).judge_codes((GROUP,), "help")
    assert verdict.verdict == "pass"
