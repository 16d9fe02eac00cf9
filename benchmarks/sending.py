"""How fast the outbox is sent: two worker processes, a WeCom that takes its time, many targets, and callbacks beside it.

``python benchmarks/sending.py [--seconds 10] [--answer-ms 100]``; ends with 1 when a limit is missed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import questions
from benchmarks.load import Job, Result
from benchmarks.servers import COMMUNITY, ROOT, FullPath, Secrets
from benchmarks.traffic import Traffic
from rules.text import Words
from storage import keys
from storage.connection import Database
from storage.directory import Directory
from storage.embedded import socket_path
from storage.outbox import Delivery, Outbox

MEMBERS = 4_000
"""Each takes 30 messages a minute at most."""
CALLBACKS_PER_S = 100
LEAST_PER_S, MOST_P99_RATIO = 200, 2.0
_READY_WITHIN_S = 60.0


class SendingPath(FullPath):
    """The whole bot with an app, and a second worker beside the first one."""

    def __init__(self, folder: Path, shared: Secrets, wecom_port: int) -> None:
        super().__init__(folder, "gthread", shared)
        self._wecom_port = wecom_port

    def _start(self) -> None:
        super()._start()
        until = time.monotonic() + _READY_WITHIN_S
        while not (self._folder / "data" / "metrics").exists() and time.monotonic() < until:
            time.sleep(0.1)
        environment = {
            "BENCH_TOKEN": self._shared.token,
            "BENCH_KEY": self._shared.aes_key,
            "BOT_REDIS_URL": self.redis_url,
            "PROMETHEUS_MULTIPROC_DIR": str(self._folder / "data" / "metrics"),
        }
        self._launch([sys.executable, str(ROOT / "run.py"), "worker", "--config", str(self._folder / "config.yaml")], environment)

    @property
    def redis_url(self) -> str:
        """Where its Redis is."""
        return f"unix://{socket_path(self._folder / 'data')}"

    def _config(self) -> dict[str, object]:
        config = super()._config()
        app = {
            "name": "desk",
            "kind": "app",
            "agent_id": 1000002,
            "secret": "${BENCH_TOKEN}",
            "token": "${BENCH_TOKEN}",
            "aes_key": "${BENCH_KEY}",
        }
        assert isinstance(config["channels"], list)
        config["channels"].append(app)
        return config | {"wecom": {"corp_id": "wwbench", "api_base": f"http://127.0.0.1:{self._wecom_port}"}}


def serve_slowly(port: int, answer_s: float) -> None:
    """A WeCom that says ok to everything after a while."""
    body = b'{"errcode":0,"errmsg":"ok","access_token":"BENCH","expires_in":7200}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                await reader.readexactly(length)
                await asyncio.sleep(answer_s)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(talk, "127.0.0.1", port) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def slow_wecom(answer_s: float) -> Iterator[int]:
    """The port of a running slow WeCom."""
    command = [sys.executable, "-m", "benchmarks.sending", "--serve", str(answer_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class Bench:
    """Measures one running bot."""

    def __init__(self, folder: Path, path: SendingPath, shared: Secrets, seconds: float) -> None:
        self._folder = folder
        self._path = path
        self._seconds = seconds
        self._traffic = Traffic(questions.answerable(questions.entries(), Words(folder)), shared, seed=1)
        self._database = Database(path.redis_url, timeout_s=10)
        self._outbox = Outbox(self._database, keys.SHARDS)
        self._made = 0
        self._members = [Directory(self._database).enrol(f"bench{n:05d}").number for n in range(MEMBERS)]

    def fill(self, deliveries: int) -> None:
        """Queues messages for many members, one after the other."""
        for start in range(0, deliveries, 500):
            self._outbox.enqueue(keys.shard_of(COMMUNITY), [self._delivery() for _ in range(min(500, deliveries - start))], _now_ms())

    def callbacks(self) -> float:
        """The p99 of callbacks at a steady rate, in ms."""
        size = round(CALLBACKS_PER_S * self._seconds)
        batch = self._traffic.batch(size)
        job = Job(self._path.port, batch.requests, 16, self._seconds, [n / CALLBACKS_PER_S for n in range(size)], 20)
        todo, done = self._folder / "job", self._folder / "result"
        todo.write_bytes(msgspec.msgpack.encode(job))
        subprocess.run(
            [sys.executable, "-m", "benchmarks.load", str(todo), str(done)], cwd=ROOT, input=b"go\n", stdout=subprocess.DEVNULL, check=True
        )
        result = msgspec.msgpack.decode(done.read_bytes(), type=Result)
        if result.errors:
            raise click.ClickException(f"callbacks failed: {result.errors}")
        return sorted(result.latencies_ms)[len(result.latencies_ms) * 99 // 100]

    def rate(self) -> float:
        """Sends a second while a deep outbox is worked on, without callbacks."""
        before, began = self._outbox.depth(), time.monotonic()
        time.sleep(self._seconds)
        return (before - self._outbox.depth()) / (time.monotonic() - began)

    def feed(self, stop: threading.Event) -> None:
        """Queues ``LEAST_PER_S`` messages a second."""
        while not stop.wait(0.02):
            self.fill(LEAST_PER_S // 50)

    def depth(self) -> int:
        """How many deliveries wait."""
        return self._outbox.depth()

    def wait_until_empty(self) -> None:
        """Returns when everything was sent."""
        while self._outbox.depth():
            time.sleep(0.2)

    def _delivery(self) -> Delivery:
        self._made += 1
        member = self._members[self._made % MEMBERS]
        body = {"msgtype": "text", "text": {"content": f"第 {self._made} 条"}}
        return Delivery(f"b{self._made}", "now", f"app.desk.{member}", "app", COMMUNITY, body, member, channel="desk", born_ms=_now_ms())


@click.command()
@click.option("--seconds", type=click.FloatRange(2, 60), default=10.0, show_default=True, help="length of a round")
@click.option("--rounds", type=click.IntRange(1, 9), default=3, show_default=True)
@click.option("--answer-ms", type=click.IntRange(1, 5_000), default=100, show_default=True, help="how long WeCom takes for an answer")
@click.option("--serve", type=float, default=None, hidden=True)
def main(seconds: float, rounds: int, answer_ms: int, serve: float | None) -> None:
    """Sends a second, and callbacks with and without sending beside them."""
    if serve is not None:
        serve_slowly(0, serve)
        return
    shared = Secrets()
    with tempfile.TemporaryDirectory(prefix="qunbot-bench-") as name, slow_wecom(answer_ms / 1000) as port:
        folder = Path(name)
        (folder / "full").mkdir()
        with SendingPath(folder / "full", shared, port) as path:
            rates, ratios = _measure(Bench(folder, path, shared, seconds), rounds, seconds)
    rate, ratio = statistics.median(rates), statistics.median(ratios)
    click.echo(
        f"medians of {rounds} rounds: {rate:.0f} sends/s (at least {LEAST_PER_S}); callback p99 × {ratio:.2f} (at most {MOST_P99_RATIO:g})"
    )
    sys.exit(0 if rate >= LEAST_PER_S and ratio <= MOST_P99_RATIO else 1)


def _measure(bench: Bench, rounds: int, seconds: float) -> tuple[list[float], list[float]]:
    rates, ratios = [], []
    bench.fill(MEMBERS)
    bench.callbacks()  # warm
    bench.wait_until_empty()
    enough = round(seconds * 400)
    for number in range(rounds):
        quiet_ms = bench.callbacks()
        bench.fill(enough)
        time.sleep(1.0)
        rates.append(bench.rate())
        bench.wait_until_empty()
        stop = threading.Event()
        feeding = threading.Thread(target=bench.feed, args=(stop,))
        feeding.start()
        busy_ms = bench.callbacks()
        stop.set()
        feeding.join()
        ratios.append(busy_ms / quiet_ms)
        click.echo(
            f"  {number + 1}: {rates[-1]:.0f} sends/s; callback p99 {quiet_ms:.1f} ms alone, {busy_ms:.1f} ms beside {LEAST_PER_S} sends/s "
            f"({bench.depth()} left)",
            err=True,
        )
        bench.wait_until_empty()
    return rates, ratios


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
