"""The watches: silence is news only where it is unusual, and the way in is walked from outside."""

from __future__ import annotations

import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chat import Chat
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response, redirect
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from bot import canary
from bot.http import create_app
from bot.watch import Watch
from rules import silence
from storage.arrivals import Arrivals
from storage.connection import Database, StorageAway
from storage.embedded import EmbeddedServer
from storage.moment import to_ms

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

pytest_plugins = ("chat",)
HOUR_S = 3_600.0
MONDAY = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() // HOUR_S)
"""An hour, counted since 1970."""

# The rule -----------------------------------------------------------------------------------------------------------------

weeks_of_counts = st.dictionaries(st.integers(MONDAY - 5 * 168, MONDAY), st.integers(0, 500), max_size=200)


@given(counts=weeks_of_counts, since_h=st.floats(0, 300), more_h=st.floats(0, 100))
def test_the_longer_the_silence_the_more_was_missed(counts: dict[int, int], since_h: float, more_h: float) -> None:
    start_s = (MONDAY - 100) * HOUR_S
    shorter = silence.missed(counts, 0, start_s, start_s + since_h * 3600)
    longer = silence.missed(counts, 0, start_s, start_s + since_h * 3600 + more_h * 3600)
    assert shorter >= 0
    assert shorter <= longer * (1 + 1e-9) + 1e-9 or since_h + more_h > 168, "a week at most is looked at"


@given(counts=weeks_of_counts, hours=st.floats(0, 168), begun=st.integers(0, silence.WEEK_HOURS * silence.LEAST_WEEKS))
def test_without_weeks_to_compare_with_no_silence_is_news(counts: dict[int, int], hours: float, begun: int) -> None:
    end = MONDAY
    assert silence.missed(counts, end - begun, end * HOUR_S - min(hours, begun) * 3600, end * HOUR_S) == 0


@given(busy=st.integers(0, 167), hours=st.integers(0, 400))
def test_hours_that_were_always_quiet_stay_quiet(busy: int, hours: int) -> None:
    counts = {MONDAY - 168 * week + busy: 1_000 for week in range(1, 5)}
    start = MONDAY + busy + 1
    missed = silence.missed(counts, 0, start * HOUR_S, (start + min(hours, 166)) * HOUR_S)
    assert missed == 0
    assert not silence.is_news(missed, hours * 3600)


def test_one_odd_week_neither_raises_an_alarm_nor_hides_one() -> None:
    hour_s = MONDAY * HOUR_S
    once_busy = {MONDAY - 168: 10_000}
    assert silence.missed(once_busy, 0, hour_s, hour_s + HOUR_S) == 0
    once_away = {MONDAY - 168 * week: 100 for week in (1, 3, 4)}
    assert silence.missed(once_away, 0, hour_s, hour_s + HOUR_S) == 100


def a_life(rng: random.Random, weeks: int, per_day: float) -> list[float]:
    """Moments (Unix seconds) at which people speak: in bursts, by day more than in the evening, hardly at night and on Sundays."""
    moments = []
    for hour in range(MONDAY - 168 * weeks, MONDAY):
        day, of_day = (hour - MONDAY) // 24 % 7, hour % 24
        weight = (0.01 if of_day < 7 or of_day > 22 else 1.0) * (0.2 if day == 6 else 1.0) / 15
        talks = sum(rng.random() < per_day * weight / 4 / 20 for _ in range(20))  # about four callbacks to a talk
        for _ in range(talks):
            begun = (hour + rng.random()) * HOUR_S
            moments += [begun + rng.expovariate(1 / 120) for _ in range(rng.randint(1, 7))]
    return sorted(moments)


@pytest.mark.parametrize("per_day", [10, 100, 1_000])
def test_people_who_speak_in_bursts_raise_no_alarm_and_an_outage_does(per_day: int) -> None:
    moments = a_life(random.Random(per_day), 8, per_day)
    counts = Counter(int(at // HOUR_S) for at in moments)
    first = int(moments[0] // HOUR_S)
    gaps = [(a, b) for a, b in pairwise(moments) if a > (MONDAY - 4 * 168) * HOUR_S and b - a >= silence.SHORTEST_S]
    alarms = [gap for gap in gaps if silence.is_news(silence.missed(counts, first, *gap), gap[1] - gap[0])]
    assert alarms == []

    outage_s = (MONDAY + 8) * HOUR_S  # Monday morning, nothing any more
    noticed = next(h for h in range(1, 168) if silence.is_news(silence.missed(counts, first, outage_s, outage_s + h * 3600), h * 3600))
    assert noticed <= {10: 168, 100: 14, 1_000: 2}[per_day]


# Counting -----------------------------------------------------------------------------------------------------------------

NOW_MS = to_ms(datetime(2026, 3, 10, 2, 0, tzinfo=UTC))
HOUR = NOW_MS // 3_600_000


def test_what_several_processes_counted_adds_up(database: Database) -> None:
    one, two = Arrivals(database), Arrivals(database)
    for arrivals, at in ((one, NOW_MS), (two, NOW_MS + 5), (one, NOW_MS - 3_600_000)):
        arrivals.note("assistant", at)
    assert (one.flush(), two.flush(), one.flush()) == (2, 1, 0)
    heard = one.heard(["assistant", "desk"], NOW_MS)
    assert list(heard) == ["assistant"], "nothing is known of a channel that was never heard"
    assert heard["assistant"].counts == {HOUR: 2, HOUR - 1: 1}
    assert heard["assistant"].last_ms == NOW_MS + 5


def test_the_last_arrival_never_goes_back(database: Database) -> None:
    late, early = Arrivals(database), Arrivals(database)
    late.note("assistant", NOW_MS)
    early.note("assistant", NOW_MS - 60_000)
    late.flush()
    early.flush()
    assert late.heard(["assistant"], NOW_MS)["assistant"].last_ms == NOW_MS


def test_what_was_counted_while_redis_was_away_is_not_lost(database: Database, tmp_path: Path) -> None:
    away = Database(f"unix://{tmp_path}/nobody.sock")
    arrivals = Arrivals(away)
    arrivals.note("assistant", NOW_MS)
    with pytest.raises(StorageAway):
        arrivals.flush()
    arrivals.note("assistant", NOW_MS + 1)
    arrivals._database = database
    assert arrivals.flush() == 2


def test_old_hours_leave_by_themselves(database: Database) -> None:
    arrivals = Arrivals(database)
    arrivals.note("assistant", NOW_MS)
    arrivals.flush()
    (key,) = database.scan("qb:{arrivals}:assistant:*")
    assert 0 < int(database.command("PTTL", key)) <= 36 * 86_400_000


def test_a_message_is_counted_without_a_round_trip_and_a_verification_is_not(chat: Chat) -> None:
    chat.says("签到")
    app = create_app(chat.config, chat.pipeline, chat.metrics, lambda: True, chat.clock)
    with a_server(app) as url:
        server = chat.config.server.model_copy(update={"public_url": url})
        config = chat.config.model_copy(update={"server": server})
        for channel in canary.url_channels(config):
            assert canary.knock(config, channel, chat.clock()).problem == ""
    assert chat.stores.arrivals.flush() == 1
    assert chat.stores.inbox.depth() == 0
    assert [entry.message for entry in chat.log("inbound")] == ["assistant:M1"]


# Silence ------------------------------------------------------------------------------------------------------------------


def a_watch(chat: Chat, **more: Any) -> Watch:
    """A watch that finds the lease free: the one before it is gone."""
    chat.stores.database.command("DEL", "qb:{lease:watch}")
    return Watch(chat.stores, chat.config, chat.metrics, chat.clock, **more)


def has_spoken_for_weeks(chat: Chat, channel: str = "assistant") -> None:
    """Twenty callbacks in each hour of the past four weeks, the last one now."""
    now_ms = to_ms(chat.clock())
    for back in range(1, 4 * 168 + 2):
        for number in range(20):
            chat.stores.arrivals.note(channel, now_ms - back * 3_600_000 + number)
    chat.stores.arrivals.note(channel, now_ms)
    chat.stores.arrivals.flush()


def alarms(chat: Chat) -> list[str]:
    """What administrators were told, oldest first."""
    return [delivery.body["markdown"]["content"] for delivery in chat.outbox() if delivery.chat == "~admin"]


def watches(chat: Chat, watch: Watch, hours: float, step_min: float = 10) -> None:
    """Lets time pass under a watch."""
    for _ in range(int(hours * 60 / step_min)):
        chat.later(minutes=step_min)
        watch.look()


def test_a_silence_is_told_once_and_its_end_once(chat: Chat) -> None:
    has_spoken_for_weeks(chat)
    watch = a_watch(chat)
    watches(chat, watch, 1)
    assert alarms(chat) == [], "an hour may be chance"

    watches(chat, watch, 5)
    assert len(alarms(chat)) == 1
    assert "渠道 assistant 从 03 月 10 日 10:00 起没有收到企业微信的任何消息，平时这段时间大约有" in alarms(chat)[0]
    assert "run.py check" in alarms(chat)[0]

    chat.says("签到")
    chat.stores.arrivals.flush()
    watches(chat, watch, 0.5)
    assert len(alarms(chat)) == 2
    assert alarms(chat)[1].startswith("✅ 渠道 assistant 又有消息了")


def test_the_next_watch_does_not_tell_again(chat: Chat) -> None:
    has_spoken_for_weeks(chat)
    watches(chat, a_watch(chat), 6)
    watches(chat, a_watch(chat), 6)
    assert len(alarms(chat)) == 1


def test_a_second_silence_is_told_anew(chat: Chat) -> None:
    has_spoken_for_weeks(chat)
    watch = a_watch(chat)
    watches(chat, watch, 6)
    chat.says("签到")
    chat.stores.arrivals.flush()
    watches(chat, watch, 7)
    assert [alarm[:1] for alarm in alarms(chat)] == ["⚠", "✅", "⚠"]


def test_a_young_installation_is_not_alarmed(chat: Chat) -> None:
    for number in range(500):
        chat.stores.arrivals.note("assistant", to_ms(chat.clock()) - number)
    chat.stores.arrivals.flush()
    watches(chat, a_watch(chat), 48, step_min=60)
    assert alarms(chat) == []


def test_the_time_when_nobody_listened_is_not_silence(chat: Chat) -> None:
    has_spoken_for_weeks(chat)
    chat.later(hours=20)  # the bot was stopped
    watch = a_watch(chat)
    watches(chat, watch, 1)
    assert alarms(chat) == []


def test_only_one_process_watches(chat: Chat, redis_server: EmbeddedServer) -> None:
    has_spoken_for_weeks(chat)
    watch = a_watch(chat)
    chat.stores.database.command("SET", "qb:{lease:watch}", "another.process", "PX", 60_000)
    watches(chat, watch, 12)
    assert alarms(chat) == []


def test_a_silence_ends_with_its_channel(chat: Chat) -> None:
    has_spoken_for_weeks(chat)
    watches(chat, a_watch(chat), 6)
    assert list(chat.stores.arrivals.told()) == ["silence:assistant"]
    chat.config = chat.config.model_copy(update={"channels": chat.config.channels[1:]})
    a_watch(chat).look()
    assert chat.stores.arrivals.told() == {}


def test_a_channel_that_was_never_heard_is_not_missed(chat: Chat) -> None:
    has_spoken_for_weeks(chat, "a-channel-of-the-past")
    watches(chat, a_watch(chat), 12)
    assert alarms(chat) == []


# The way in ---------------------------------------------------------------------------------------------------------------


@contextmanager
def a_server(app: Flask, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves an application on a port of its own; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def answering(answer: Callable[[], Any]) -> Flask:
    """A web server that gives the same answer to everything."""
    app = Flask("elsewhere")
    app.add_url_rule("/<path:path>", view_func=lambda path: answer())
    return app


def a_certificate(folder: Path, days: float) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for 127.0.0.1: the server's side, and that of a client who trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    holder = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(holder, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def its_address(chat: Chat, url: str) -> Any:
    """The configuration with this public address."""
    return chat.config.model_copy(update={"server": chat.config.server.model_copy(update={"public_url": url})})


def its_door(chat: Chat, clock: Callable[[], datetime] | None = None) -> Flask:
    """The bot's own web application."""
    return create_app(chat.config, chat.pipeline, chat.metrics, lambda: True, clock or chat.clock)


@pytest.mark.parametrize("name", ["assistant", "desk"])
def test_the_way_in_is_open(chat: Chat, name: str) -> None:
    with a_server(its_door(chat)) as url:
        knock = canary.knock(its_address(chat, url), chat.config.channel(name), chat.clock())  # type: ignore[arg-type]
    assert knock.problem == ""
    assert knock.certificate_days is None
    assert knock.addresses == ("127.0.0.1",)
    assert knock.is_private


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: redirect("https://www.example.com/wecom/assistant?x=1"), "跳转到了 www.example.com （HTTP 302），企业微信不跟着跳转"),
        (lambda: Response(status=502), "代理找不到机器人（HTTP 502）"),
        (lambda: Response(status=404), "那里没有 /wecom/assistant（HTTP 404）"),
        (lambda: Response(status=403), "用的可能不是这份 Token 和 EncodingAESKey"),
        (lambda: Response(status=418), "回答是 HTTP 418，应为 200"),
        (lambda: Response("<html>welcome</html>"), "回答的不是验证的原文"),
        (lambda: Response("x" * 1_000_000), "回答的不是验证的原文"),
    ],
)
def test_a_way_in_that_is_shut_says_why(chat: Chat, answer: Callable[[], Any], said: str) -> None:
    with a_server(answering(answer)) as url:
        assert said in a_problem(chat, url)


def a_problem(chat: Chat, url: str, **more: Any) -> str:
    """What a walk to an address tells."""
    knock = canary.knock(its_address(chat, url), chat.config.channel("assistant"), datetime.now(UTC), **more)  # type: ignore[arg-type]
    assert "t" * 3 not in knock.problem, "no secret, no signature"
    return knock.problem


def test_a_name_that_is_unknown_and_a_port_where_nobody_waits_say_so(chat: Chat) -> None:
    assert "域名 nobody.invalid 解析不出来" in a_problem(chat, "https://nobody.invalid")
    with a_server(answering(Response)) as url:
        pass
    assert "没有程序在 127.0.0.1:" in a_problem(chat, url)


def test_an_answer_that_drips_without_end_is_hung_up_on(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_WHOLE_S", 0.5)
    ended = threading.Event()

    def drips() -> Iterator[bytes]:
        while not ended.wait(0.05):
            yield b"x"

    with a_server(answering(lambda: Response(drips()))) as url:
        assert a_problem(chat, url)
        ended.set()


@pytest.mark.parametrize("url", ["https://" + "a" * 70 + ".example", "http://没有.invalid/路径"])
def test_an_address_that_cannot_be_is_told_too(chat: Chat, url: str) -> None:
    assert "解析不出来" in a_problem(chat, url)


def test_keys_that_differ_are_told_by_the_running_bot(chat: Chat) -> None:
    other = chat.config.channels[0].model_copy(update={"token": chat.config.channels[0].aes_key})  # type: ignore[union-attr]
    with a_server(its_door(chat)) as url:
        assert "被拒绝（HTTP 403）" in canary.knock(its_address(chat, url), other, chat.clock()).problem  # type: ignore[arg-type]


def test_a_certificate_is_looked_at_too(chat: Chat, tmp_path: Path) -> None:
    server, client = a_certificate(tmp_path, days=12)
    with a_server(its_door(chat, lambda: datetime.now(UTC)), server) as url:
        good = canary.knock(its_address(chat, url), chat.config.channels[0], datetime.now(UTC), tls=client)  # type: ignore[arg-type]
        assert good.problem == ""
        assert good.certificate_days == pytest.approx(12, abs=0.1)
        assert "证书不被信任" in a_problem(chat, url)
        assert "连接中断" in a_problem(chat, url.replace("https", "http"))


def test_an_expired_certificate_and_plain_http_where_tls_was_meant_are_told(chat: Chat, tmp_path: Path) -> None:
    server, client = a_certificate(tmp_path, days=-1)
    with a_server(answering(Response), server) as url:
        assert "证书不被信任（certificate has expired）" in a_problem(chat, url, tls=client)
    with a_server(answering(Response)) as url:
        assert "TLS 握手失败" in a_problem(chat, url.replace("http", "https"))


# The canary ---------------------------------------------------------------------------------------------------------------


class Entrance:
    """A public address that can be shut: what the proxy in front of the bot would answer."""

    def __init__(self, chat: Chat) -> None:
        self.status = 200
        self.app = its_door(chat)
        self._inside = self.app.wsgi_app
        self.app.wsgi_app = self._answer  # type: ignore[method-assign]

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        door = self._inside if self.status == 200 else Response(status=self.status)
        return door(environ, start_response)


@pytest.fixture
def entrance(chat: Chat) -> Iterator[Entrance]:
    entrance = Entrance(chat)
    with a_server(entrance.app) as url:
        chat.config = its_address(chat, url)
        yield entrance


def test_an_address_that_works_is_not_worth_a_word(chat: Chat, entrance: Entrance) -> None:
    watches(chat, a_watch(chat), 2)
    assert alarms(chat) == []


def test_one_failure_is_not_an_alarm_two_are_and_what_opens_again_is_told(chat: Chat, entrance: Entrance) -> None:
    watch = a_watch(chat)
    watch.look()
    entrance.status = 502
    chat.later(minutes=10)
    watch.look()
    assert alarms(chat) == [], "once may be chance"

    watches(chat, watch, 1 / 30, step_min=1)
    assert len(alarms(chat)) == 1
    assert "到不了机器人，企业微信的消息多半也进不来" in alarms(chat)[0]
    assert "- assistant、desk：代理找不到机器人（HTTP 502）" in alarms(chat)[0]

    watches(chat, watch, 3)
    assert len(alarms(chat)) == 1, "once is enough"
    entrance.status = 200
    watches(chat, watch, 1)
    assert len(alarms(chat)) == 2
    assert alarms(chat)[1].startswith("✅")


def test_a_failure_between_two_successes_is_forgotten(chat: Chat, entrance: Entrance) -> None:
    watch = a_watch(chat)
    for status in (502, 200, 502, 200, 502):
        entrance.status = status
        chat.later(minutes=10)
        watch.look()
    assert alarms(chat) == []


def test_the_next_watch_knows_that_the_door_was_shut(chat: Chat, entrance: Entrance) -> None:
    entrance.status = 404
    watches(chat, a_watch(chat), 1)
    after = a_watch(chat)
    watches(chat, after, 1)
    assert len(alarms(chat)) == 1
    entrance.status = 200
    watches(chat, after, 1)
    assert len(alarms(chat)) == 2


@pytest.mark.parametrize("change", [{"public_url": ""}, {"canary_minutes": 0}])
def test_the_canary_can_be_left_at_home(chat: Chat, entrance: Entrance, change: dict[str, Any]) -> None:
    entrance.status = 502
    chat.config = chat.config.model_copy(update={"server": chat.config.server.model_copy(update=change)})
    watches(chat, a_watch(chat), 2)
    assert alarms(chat) == []
