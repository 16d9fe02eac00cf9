"""How many cores and how much memory so many messages a day need: ``python -m benchmarks.capacity --messages 1e8 --members 1e6 --hot-days 1``.

Arithmetic on measured figures (``Measured``); docs/capacity.md names what it takes for granted. ``--table`` prints that page's table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import click
import msgspec

DAY_S = 86_400
GB = 10**9
SIZES: Mapping[float, tuple[float, float]] = {10**4: (1e3, 14), 10**5: (1e4, 14), 10**6: (1e5, 7), 10**7: (1e6, 2), 10**8: (1e6, 1)}
"""Messages a day, with the members and the days in Redis that go with them in the table."""
FIGURES = Path(__file__).parent / "figures.json"


class Measured(msgspec.Struct, frozen=True):
    """What one message and one member cost, as ``python -m benchmarks`` measured it: µs of processor time, bytes."""

    web_us: float
    redis_us: float
    worker_us: float
    log_bytes: float
    answer_bytes: float
    filed_bytes: float
    member_bytes: float
    base_mb: float
    wire_bytes: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of an installation. ``peak`` is the busiest minute's rate over the day's mean, ``busy`` how much of a core is to be used then."""

    messages: float
    members: float = 100_000
    hot_days: float = 14
    kept_days: float = 180
    answers_hours: float = 24
    peak: float = 5.0
    busy: float = 0.6

    def __post_init__(self) -> None:
        if self.messages <= 0 or self.peak < 1 or not 0 < self.busy <= 1 or min(self.members, self.hot_days, self.answers_hours) < 0:
            raise ValueError("messages above 0, peak at least 1, busy above 0 and at most 1, nothing below 0")
        if self.kept_days < self.hot_days:
            raise ValueError("what is kept is at least what is hot")


@dataclass(frozen=True, slots=True)
class Need:
    """What it needs: rates in messages a second, cores, Redis masters, decimal gigabytes, megabits a second at the peak."""

    mean_rate: float
    peak_rate: float
    web_cores: float
    redis_cores: float
    worker_cores: float
    cores: int
    masters: int
    redis_gb: float
    files_gb: float
    peak_mbit: float

    @property
    def needs_cluster(self) -> bool:
        """Whether one Redis is not enough: it works on one core."""
        return self.masters > 1


def need(load: Load, measured: Measured) -> Need:
    """What a load needs: processor time at the peak, memory of what is kept at the end of a day."""
    mean = load.messages / DAY_S
    peak = mean * load.peak
    web, redis, worker = (peak * us / 1e6 / load.busy for us in (measured.web_us, measured.redis_us, measured.worker_us))
    hot = load.messages * load.hot_days * measured.log_bytes
    answers = load.messages * load.answers_hours / 24 * measured.answer_bytes
    return Need(
        mean_rate=mean,
        peak_rate=peak,
        web_cores=web,
        redis_cores=redis,
        worker_cores=worker,
        cores=max(2, math.ceil(web + worker) + math.ceil(redis)),
        masters=max(1, math.ceil(redis)),
        redis_gb=(hot + answers + load.members * measured.member_bytes + measured.base_mb * 1e6) / GB,
        files_gb=load.messages * (load.kept_days - load.hot_days) * measured.filed_bytes / GB,
        peak_mbit=peak * measured.wire_bytes * 8 / 1e6,
    )


def measured(file: Path = FIGURES) -> Measured:
    """The figures of the last kept run."""
    return msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(file.read_bytes())["capacity"]), type=Measured)


def table(found: Measured) -> str:
    """The table of docs/capacity.md, a row for each of ``SIZES``."""
    lines = [
        (
            "| messages a day | members | days in Redis | at the peak, a second | cores: web · worker · Redis | Redis masters | Redis, GB "
            "| files of 180 days, GB | network at the peak, Mbit/s |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for messages, (members, hot_days) in SIZES.items():
        got = need(Load(messages, members, hot_days), found)
        cores = " · ".join(f"{each:.1f}" if each >= 0.1 else f"{each:.3f}" for each in (got.web_cores, got.worker_cores, got.redis_cores))
        lines.append(
            f"| {messages:,.0f} | {members:,.0f} | {hot_days:g} | {got.peak_rate:,.1f} | {cores} (**{got.cores}**) | {got.masters} "
            f"| **{got.redis_gb:,.2f}** | {got.files_gb:,.1f} | {got.peak_mbit:,.2f} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--messages", type=click.FloatRange(min=1), default=1e6, show_default=True, help="messages a day")
@click.option("--members", type=click.FloatRange(min=0), default=1e5, show_default=True, help="members")
@click.option(
    "--hot-days", type=click.FloatRange(min=0), default=14.0, show_default=True, help="days of the event log in Redis (log.hot_days)"
)
@click.option(
    "--kept-days", type=click.FloatRange(min=0), default=180.0, show_default=True, help="days of it in all (retention.events_days)"
)
@click.option(
    "--answers-hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="hours for which answers are kept (retention.answers_hours)",
)
@click.option("--peak", type=click.FloatRange(min=1), default=5.0, show_default=True, help="busiest minute over the mean")
@click.option("--busy", type=click.FloatRange(0.05, 1), default=0.6, show_default=True, help="how much of a core is used then")
@click.option(
    "--figures", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=FIGURES, help="figures of a run of this machine"
)
@click.option("--table", "as_table", is_flag=True, help="the table of docs/capacity.md")
def main(
    messages: float,
    members: float,
    hot_days: float,
    kept_days: float,
    answers_hours: float,
    peak: float,
    busy: float,
    figures: Path,
    *,
    as_table: bool,
) -> None:
    """Prints what a load needs."""
    found = measured(figures)
    if as_table:
        click.echo(table(found))
        return
    try:
        got = need(Load(messages, members, hot_days, kept_days, answers_hours, peak, busy), found)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for field in fields(got):
        click.echo(f"{field.name.replace('_', ' '):14}{getattr(got, field.name):>14,.2f}")
    click.echo("needs a cluster" if got.needs_cluster else "one Redis will do")


if __name__ == "__main__":
    main()
