"""The whole path of an aibot callback against a bare app on the same server: rates, delays, CPU, round trips, memory.

``python benchmarks/callback.py [--seconds 10] [--engine gthread|granian|both] [--json FILE]``; docs/benchmarks.md explains the figures.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import questions, usage
from benchmarks.load import Job, Result
from benchmarks.servers import ROOT, SPEAKERS, BareApp, FullPath, Secrets, Server
from benchmarks.traffic import Traffic
from rules.text import Words

SHARE = 0.7
"""The part of the full path's top rate at which delays and CPU are measured."""
MOST_PER_S = {"gthread": 3_000, "granian": 5_000}
"""Requests made ready for a second of a round without a clock: more than a server answers."""
KEEP_EVERY = 20
MOST_ADDED_US, MOST_ROUND_TRIPS, MOST_P99_RATIO = 500, 4, 3
REFERENCE_US = 570
"""What the bare app's web process costs a message on the machine for which ``MOST_ADDED_US`` was set: the limit is judged at that speed."""
EVENTS_PER_MESSAGE = 3
"""Inbound, decision and outbound stand in the log of every message; a first check-in adds a change."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures: answers per second, delays in ms, CPU in µs and round trips per message, by role."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]
    round_trips: Mapping[str, float]
    load_busy: float
    checked: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Both servers at the top and at the same lower rate, each round a row; ``memory_mb`` at the end."""

    engine: str
    top: Mapping[str, list[Round]]
    steady: Mapping[str, list[Round]]
    memory_mb: Mapping[str, Mapping[str, float]]


class Bench:
    """Runs rounds. ``folder`` is for what load and servers need on disk."""

    def __init__(self, folder: Path, engine: str, seconds: float, connections: int) -> None:
        self._folder = folder
        self.engine = engine
        self._seconds = seconds
        self._connections = connections
        self.shared = Secrets()
        self._traffic = Traffic(questions.answerable(questions.entries(), Words(folder)), self.shared, seed=1)
        self._random = random.Random(2)

    def compare(self, rounds: int) -> Compared:
        """Warm-up, then ``rounds`` times both servers without a clock and both at ``SHARE`` of the rate that the full path just reached."""
        with self.both() as servers:
            self.warm_up(servers)
            top: dict[str, list[Round]] = {server.name: [] for server in servers}
            steady: dict[str, list[Round]] = {server.name: [] for server in servers}
            for _ in range(rounds):
                # The lower rate is taken from the top just measured: the machine's own speed drifts by half within minutes.
                self._measure(servers, top, rate=0)
                self._measure(servers, steady, rate=SHARE * top[FullPath.name][-1].rate)
            memory = {server.name: {role: usage.memory_mb(pids) for role, pids in server.processes().items()} for server in servers}
            return Compared(self.engine, top, steady, memory)

    @contextmanager
    def both(self) -> Iterator[tuple[Server, ...]]:
        """The bot and the bare app while the ``with`` lasts."""
        with FullPath(self.sub("full"), self.engine, self.shared) as full, BareApp(self.sub("bare"), self.engine, self.shared) as bare:
            yield full, bare

    def warm_up(self, servers: Sequence[Server]) -> None:
        """Everybody who speaks has spoken once before anything is measured."""
        for server in servers:
            self._say(f"{server.name}: warming up, one message of each of {len(SPEAKERS):,} members")
            self._round(server, len(SPEAKERS), rate=0, seconds=600)

    def round(self, server: Server, *, rate: float) -> Round:
        """One round at a rate; 0: all that the server can take."""
        return self._round(server, round((rate or MOST_PER_S[self.engine]) * self._seconds), rate=rate, seconds=self._seconds)

    def sub(self, name: str) -> Path:
        """A new folder for a server."""
        made = self._folder / name
        made.mkdir()
        return made

    def _measure(self, servers: Sequence[Server], done: Mapping[str, list[Round]], *, rate: float) -> None:
        for server in servers:
            result = self.round(server, rate=rate)
            done[server.name].append(result)
            self._say(f"{server.name} {len(done[server.name])} {'at 70 %' if rate else 'at the top'} {_line(result)}")

    def _round(self, server: Server, size: int, *, rate: float, seconds: float) -> Round:
        batch = self._traffic.batch(size)
        due_s = self._arrivals(size, rate) if rate else []
        job = Job(server.port, batch.requests, self._connections, seconds, due_s, KEEP_EVERY)
        events = server.events() if isinstance(server, FullPath) else 0
        result, cpu_s, trips = self._drive(server, job)
        answered = len(result.latencies_ms)
        if result.errors or not answered:
            raise click.ClickException(f"{server.name}: errors: {result.errors}")
        if isinstance(server, FullPath):
            if wrong := self._traffic.wrong(batch, result.kept):
                raise click.ClickException(f"{len(wrong)} of {len(result.kept)} answers are wrong, the first: {wrong[0]}")
            if (logged := server.events() - events) < EVENTS_PER_MESSAGE * answered:
                raise click.ClickException(f"{logged} events in the log for {answered} messages")
        return Round(
            rate=answered / result.seconds,
            p50_ms=_percentile(result.latencies_ms, 50),
            p99_ms=_percentile(result.latencies_ms, 99),
            cpu_us={role: used * 1e6 / answered for role, used in cpu_s.items()},
            round_trips={who: made / answered for who, made in trips.items()},
            load_busy=result.cpu_s / result.seconds,
            checked=len(result.kept),
        )

    def _drive(self, server: Server, job: Job) -> tuple[Result, dict[str, float], dict[str, float]]:
        """The load's result; the CPU seconds of each role and the round trips, the work that a round leaves to the worker included."""
        todo, done = self._folder / "job", self._folder / "result"
        todo.write_bytes(msgspec.msgpack.encode(job))
        command = [sys.executable, "-m", "benchmarks.load", str(todo), str(done)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            assert load.stdin is not None
            assert load.stdout is not None
            try:
                if load.stdout.readline() != "ready\n":
                    raise click.ClickException("the load does not come up")
                roles, trips = server.processes(), server.round_trips()
                before = {role: usage.cpu_s(pids) for role, pids in roles.items()}
                load.stdin.write("go\n")
                load.stdin.flush()
                if load.wait():
                    raise click.ClickException("the load failed")
            finally:
                load.kill()
        server.wait_until_idle()
        used = {role: usage.cpu_s(pids) - before[role] for role, pids in roles.items()}
        made = {who: total - trips[who] for who, total in server.round_trips().items()}
        return msgspec.msgpack.decode(done.read_bytes(), type=Result), used, made

    def _arrivals(self, size: int, rate: float) -> list[float]:
        """Times at which people who know nothing of each other would write: a Poisson process."""
        at_s, times_s = 0.0, []
        for _ in range(size):
            at_s += self._random.expovariate(rate)
            times_s.append(at_s)
        return times_s

    def _say(self, text: str) -> None:
        click.echo(f"  {self.engine} {text}", err=True)


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 60), default=10.0, show_default=True, help="length of a round")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="rounds of each server, at the top and at 70 %")
@click.option("--engine", type=click.Choice(["gthread", "granian", "both"]), default="both", show_default=True)
@click.option("--connections", type=click.IntRange(1, 256), default=16, show_default=True, help="kept HTTP connections")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), default=None, help="write every round's figures to a file")
def main(seconds: float, rounds: int, engine: str, connections: int, file: Path | None) -> None:
    """Measures the bot's callback path against a bare app. Exit code 1 when gthread misses a limit."""
    on, compared = machine(), []
    click.echo("  ".join(f"{name}: {value}" for name, value in on.items()))
    for each in ("gthread", "granian") if engine == "both" else (engine,):
        with tempfile.TemporaryDirectory(prefix="qunbot-bench-") as folder:
            compared.append(Bench(Path(folder), each, seconds, connections).compare(rounds))
        click.echo(report(compared[-1]))
    if file:
        figures = {"machine": on, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "compared": [asdict(each) for each in compared]}
        file.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if any(missed(each) for each in compared):
        sys.exit(1)


def report(compared: Compared) -> str:
    """The medians over all rounds as a table, and how they stand against the limits."""
    full, bare = (_Medians(compared, name) for name in ("full", "bare"))
    lines = [
        f"\n{compared.engine}: medians of {len(full.steady)} rounds",
        f"{'':34}{'full path':>12}{'bare app':>12}",
        _row("top rate, messages/s", full.top("rate"), bare.top("rate"), 0),
        _row("  p50 / ms", full.top("p50_ms"), bare.top("p50_ms"), 1),
        _row("  p99 / ms", full.top("p99_ms"), bare.top("p99_ms"), 1),
        _row(f"at {SHARE:.0%} of the full path's: rate", full.at("rate"), bare.at("rate"), 0),
        _row("  p50 / ms", full.at("p50_ms"), bare.at("p50_ms"), 2),
        _row("  p99 / ms", full.at("p99_ms"), bare.at("p99_ms"), 2),
        _row("  CPU web, µs/message", full.cpu("web"), bare.cpu("web"), 0),
        _row("  CPU Redis, µs/message", full.cpu("redis"), bare.cpu("redis"), 0),
        f"{'  CPU worker, µs/message':34}{full.cpu('worker'):>12.0f}",
        f"{'  CPU mood, µs/message':34}{full.cpu('mood'):>12.0f}",
        f"{'  round trips/message, web':34}{full.trips('web'):>12.2f}{1:>12}",
        f"{'  round trips/message, all':34}{full.trips('all'):>12.2f}",
    ]
    lines += [
        _row(f"memory of {role}, MB", full.memory_mb.get(role, 0), bare.memory_mb.get(role, 0), 0)
        for role in ("web", "redis", "worker", "mood", "parent")
    ]
    lines += [
        f"ratio of top rates: {full.top('rate') / bare.top('rate'):.2f}; answers opened and right: {full.checked}; errors: 0",
        f"added CPU (web + Redis): {_added_us(compared):.0f} µs here, {_added_share(compared):.0%} of the bare app's",
        f"at the speed at which the bare app's web costs {REFERENCE_US} µs: {_added_at_reference_us(compared):.0f} µs, at most {MOST_ADDED_US}",
        f"p99: {_p99_ratio(compared):.2f} × the bare app's, at most {MOST_P99_RATIO}",
    ]
    return "\n".join(lines + [f"MISSED: {limit}" for limit in missed(compared)])


def missed(compared: Compared) -> list[str]:
    """The limits that are not kept; they are asked of the default server only."""
    if compared.engine != "gthread":
        return []
    limits = (
        (_added_at_reference_us(compared) <= MOST_ADDED_US, f"added CPU ≤ {MOST_ADDED_US} µs"),
        (_Medians(compared, "full").trips("all") <= MOST_ROUND_TRIPS, f"round trips ≤ {MOST_ROUND_TRIPS}"),
        (_p99_ratio(compared) <= MOST_P99_RATIO, f"p99 ≤ {MOST_P99_RATIO} × the bare app's"),
    )
    return [name for kept, name in limits if not kept]


class _Medians:
    """One server's medians."""

    def __init__(self, compared: Compared, name: str) -> None:
        self._top = compared.top[name]
        self.steady = compared.steady[name]
        self.memory_mb = compared.memory_mb[name]
        self.checked = sum(each.checked for each in [*self._top, *self.steady])

    def top(self, figure: str) -> float:
        return float(statistics.median(getattr(each, figure) for each in self._top))

    def at(self, figure: str) -> float:
        return float(statistics.median(getattr(each, figure) for each in self.steady))

    def cpu(self, role: str) -> float:
        return statistics.median(each.cpu_us.get(role, 0.0) for each in self.steady)

    def trips(self, who: str) -> float:
        return statistics.median(each.round_trips[who] for each in self.steady)


def _added_us(compared: Compared) -> float:
    """The median over the rounds of what the full path costs more than the bare app beside it."""
    return statistics.median(_path_us(full) - _path_us(bare) for full, bare in _pairs(compared))


def _added_share(compared: Compared) -> float:
    """The same as a part of what the bare app costs: a figure that a slow machine does not change."""
    return statistics.median(_path_us(full) / _path_us(bare) - 1 for full, bare in _pairs(compared))


def _added_at_reference_us(compared: Compared) -> float:
    """What the full path adds, in the microseconds of the reference machine: neighbours' noise and slower processors cancel out."""
    return REFERENCE_US * statistics.median((_path_us(full) - _path_us(bare)) / bare.cpu_us["web"] for full, bare in _pairs(compared))


def _p99_ratio(compared: Compared) -> float:
    return statistics.median(full.p99_ms / bare.p99_ms for full, bare in _pairs(compared))


def _pairs(compared: Compared) -> list[tuple[Round, Round]]:
    return list(zip(compared.steady["full"], compared.steady["bare"], strict=True))


def _path_us(done: Round) -> float:
    return done.cpu_us["web"] + done.cpu_us["redis"]


def _row(name: str, full: float, bare: float, digits: int) -> str:
    return f"{name:34}{full:>12.{digits}f}{bare:>12.{digits}f}"


def _line(done: Round) -> str:
    cpu = " ".join(f"{role} {used:.0f}" for role, used in done.cpu_us.items())
    trips = " ".join(f"{who} {made:.2f}" for who, made in done.round_trips.items())
    return f"{done.rate:.0f}/s p50 {done.p50_ms:.2f} p99 {done.p99_ms:.2f} ms; µs: {cpu}; trips: {trips}; load {done.load_busy:.0%}"


def _percentile(values: Sequence[float], percent: int) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?"
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
