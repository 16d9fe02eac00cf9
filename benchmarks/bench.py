"""What ``make bench`` runs: the callback path at four loads beside the bare app, one and two processes, the parts of a message, and curves.

``python -m benchmarks.bench [--quick] [--only path,processes,parts,curves] [--keep]``. ``--keep`` writes ``benchmarks/figures.json`` and the pictures of
docs/benchmarks.md; without it the figures go beside those that were kept, and nothing is written.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks import charts, curves, usage
from benchmarks.callback import REFERENCE_US, Bench, Round, machine
from benchmarks.capacity import FIGURES
from benchmarks.servers import FullPath, Server

LOADS = (0.25, 0.5, 0.75)
"""Parts of the full path's top rate; the fourth, 100 %, is the top itself: each connection asks as soon as it is answered."""
PARTS = ("path", "processes", "parts", "curves")
LIMITS = {"path": 250, "faq": 200, "moderation": 80, "counting": 70}
FILED_ENTRY_BYTES, ENTRIES = 33, 3
"""An entry of the log in a compressed file (docs/decisions/0030), and how many a message leaves."""
WIRE_BYTES = 2_600
"""Request and answer with their headers, and what goes to Redis and back of both."""

Figures = dict[str, Any]


class Runner(Bench):
    """Runs the parts that need servers."""

    def path(self, rounds: int) -> Figures:
        """Both servers at every load, in turns; memory before the first message and at the end."""
        with self.both() as servers:
            idle = {server.name: _memory(server) for server in servers}
            self.warm_up(servers)
            done: dict[str, dict[str, list[Round]]] = {server.name: {} for server in servers}
            for _ in range(rounds):
                top = 0.0
                for server in servers:
                    result = self.round(server, rate=0)
                    done[server.name].setdefault("1.0", []).append(result)
                    top = top or result.rate
                for load in LOADS:
                    for server in servers:
                        done[server.name].setdefault(str(load), []).append(self.round(server, rate=load * top))
            loaded = {server.name: _memory(server) for server in servers}
        rows = {load: _row(done["full"][load], done["bare"][load]) for load in sorted(done["full"], key=float)}
        return {"loads": rows, "memory_mb": {"idle": idle, "loaded": loaded}}

    def processes(self, rounds: int) -> Figures:
        """One web process and two, in turns, each at all that it can take."""
        one = FullPath(self.sub("one"), self.engine, self.shared, processes=1)
        two = FullPath(self.sub("two"), self.engine, self.shared, processes=2)
        with one, two:
            self.warm_up((one, two))
            pairs = [(self.round(one, rate=0), self.round(two, rate=0)) for _ in range(rounds)]
        return {
            "rate": [statistics.median(each[number].rate for each in pairs) for number in (0, 1)],
            "p99_ms": [statistics.median(each[number].p99_ms for each in pairs) for number in (0, 1)],
            "cpu_us": [statistics.median(_path_us(each[number]) for each in pairs) for number in (0, 1)],
            "load_busy": [statistics.median(each[number].load_busy for each in pairs) for number in (0, 1)],
            "speed_up": statistics.median(after.rate / before.rate for before, after in pairs),
            "cpu_ratio": statistics.median(_path_us(after) / _path_us(before) for before, after in pairs),
        }


@click.command()
@click.option("--quick", is_flag=True, help="short rounds and small sizes: three minutes at most")
@click.option("--only", default=",".join(PARTS), show_default=True, help="which parts, by commas")
@click.option("--keep", is_flag=True, help="keep the figures and draw the pictures")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), default=None, help="write this run's figures to a file")
def main(*, quick: bool, only: str, keep: bool, file: Path | None) -> None:
    """Measures and prints, beside the figures that were kept."""
    wanted = only.split(",")
    if unknown := set(wanted) - set(PARTS):
        raise click.UsageError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    kept: Figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    found: Figures = {"machine": machine(), "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()), "quick": quick}
    for part in wanted:
        found[part] = _RUN[part](quick)
        click.echo(_SHOW[part](found[part]))
        if part in kept:
            click.echo(f"\n  kept on {kept['at']}:" + _SHOW[part](kept[part]))
    if "path" in found and "parts" in found:
        found["capacity"] = _capacity(found)
    if file:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if keep:
        FIGURES.write_text(json.dumps({**kept, **found}, indent=1) + "\n", encoding="utf-8")
        for picture in charts.draw({**kept, **found}):
            click.echo(f"drawn: {picture}")


def _run_path(quick: bool) -> Figures:
    return _with_servers(seconds=2 if quick else 3, run=lambda runner: runner.path(1 if quick else 3))


def _run_processes(quick: bool) -> Figures:
    return _with_servers(seconds=2 if quick else 3, run=lambda runner: runner.processes(2 if quick else 3))


def _run_parts(quick: bool) -> Figures:
    def measured(*, fresh: bool) -> Figures:
        return asdict(curves.parts(batches=8 if quick else 20, messages=150, members=10_000 if quick else 100_000, fresh=fresh))

    return {**measured(fresh=False), "fresh": measured(fresh=True)}


def _run_curves(quick: bool) -> Figures:
    chosen = {"members": curves.QUICK["members"], "faq": curves.QUICK["faq"]} if quick else curves.FULL
    return {
        name: [asdict(point) for point in curves.curve(name, sizes, batches=6 if quick else 12, messages=120)]
        for name, sizes in chosen.items()
    }


def _with_servers(seconds: float, run: Callable[[Runner], Figures]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="qunbot-bench-") as folder:
        return run(Runner(Path(folder), "gthread", seconds, connections=16))


def _row(full: list[Round], bare: list[Round]) -> Figures:
    """Medians of both at one load, and of what lies between neighbours."""
    pairs = list(zip(full, bare, strict=True))
    names = ("rate", "p50_ms", "p99_ms")
    each = {
        who: {name: statistics.median(getattr(one, name) for one in done) for name in names}
        for who, done in (("full", full), ("bare", bare))
    }
    for who, done in (("full", full), ("bare", bare)):
        each[who] |= {
            f"{role}_us": statistics.median(one.cpu_us.get(role, 0.0) for one in done) for role in ("web", "redis", "worker", "mood")
        }
    return {
        **each,
        "round_trips": statistics.median(one.round_trips["web"] for one in full),
        "added_us": statistics.median(_path_us(ours) - _path_us(its) for ours, its in pairs),
        "added_at_reference_us": REFERENCE_US
        * statistics.median((_path_us(ours) - _path_us(its)) / its.cpu_us["web"] for ours, its in pairs),
        "p99_ratio": statistics.median(ours.p99_ms / its.p99_ms for ours, its in pairs),
    }


def _capacity(found: Figures) -> Figures:
    """What benchmarks/capacity.py reckons with: the load of three quarters, and what Redis keeps."""
    ours, parts = found["path"]["loads"]["0.75"]["full"], found["parts"]
    memory = found["path"]["memory_mb"]["idle"]["full"]
    return {
        "web_us": ours["web_us"],
        "redis_us": ours["redis_us"],
        "worker_us": ours["worker_us"] + ours["mood_us"],
        "log_bytes": parts["log_bytes"],
        "answer_bytes": max(0.0, parts["bytes_of_message"] - parts["log_bytes"]),
        "filed_bytes": FILED_ENTRY_BYTES * ENTRIES,
        "member_bytes": parts["bytes_of_member"],
        "base_mb": memory["redis"],
        "wire_bytes": WIRE_BYTES,
    }


def _show_path(found: Figures) -> str:
    lines = [
        f"\n{'load':>6}{'rate':>8}{'p50':>8}{'p99':>8}{'bare p99':>10}{'web µs':>9}{'Redis µs':>10}{'bare µs':>9}{'added':>8}{'at ref.':>9}{'trips':>7}"
    ]
    for load, row in found["loads"].items():
        ours, its = row["full"], row["bare"]
        lines.append(
            f"{float(load):>6.0%}{ours['rate']:>8.0f}{ours['p50_ms']:>8.1f}{ours['p99_ms']:>8.1f}{its['p99_ms']:>10.1f}{ours['web_us']:>9.0f}{ours['redis_us']:>10.0f}"
            f"{its['web_us'] + its['redis_us']:>9.0f}{row['added_us']:>8.0f}{row['added_at_reference_us']:>9.0f}{row['round_trips']:>7.2f}"
        )
    for when, memory in found["memory_mb"].items():
        lines.append(
            f"memory {when}, MB: "
            + "; ".join(f"{who} {', '.join(f'{role} {mb:.0f}' for role, mb in roles.items())}" for who, roles in memory.items())
        )
    top = found["loads"]["1.0"]
    lines.append(f"bare top rate {top['bare']['rate']:.0f}/s, ratio {top['full']['rate'] / top['bare']['rate']:.2f}")
    return "\n".join(lines)


def _show_processes(found: Figures) -> str:
    lines = [f"\n{name:10} one {found[name][0]:8.2f}  two {found[name][1]:8.2f}" for name in ("rate", "p99_ms", "cpu_us", "load_busy")]
    return "".join(lines) + f"\ntwo processes: {found['speed_up']:.2f} × the rate of one, {found['cpu_ratio']:.2f} × its CPU a message"


def _show_parts(found: Figures) -> str:
    spent = "\n".join(
        f"{part:12}{found[part]:8.0f} µs a message, {found['fresh'][part]:.0f} of texts never heard before (asked at the reference speed: {most})"
        for part, most in LIMITS.items()
    )
    kept = f"{found['bytes_of_message']:.0f} B in Redis, {found['log_bytes']:.0f} of them the log"
    return f"\n{spent}\na message: {kept}; a member: {found['bytes_of_member']:.0f} B"


def _show_curves(found: Mapping[str, list[Figures]]) -> str:
    rows = ((name, point) for name, points in found.items() for point in points)
    return "".join(
        f"\n{name:10}{point['size']:>12,}  program {point['program_us']:6.0f} µs, Redis {point['redis_us']:4.0f} µs; "
        f"{point['more_us']:+6.0f} µs, {point['ratio']:.2f} × the first"
        for name, point in rows
    )


def _memory(server: Server) -> dict[str, float]:
    return {role: usage.memory_mb(pids) for role, pids in server.processes().items()}


def _path_us(done: Round) -> float:
    return done.cpu_us["web"] + done.cpu_us["redis"]


_RUN: Mapping[str, Callable[[bool], Figures]] = {"path": _run_path, "processes": _run_processes, "parts": _run_parts, "curves": _run_curves}
_SHOW: Mapping[str, Callable[[Any], str]] = {"path": _show_path, "processes": _show_processes, "parts": _show_parts, "curves": _show_curves}

if __name__ == "__main__":
    main()
