"""The arithmetic of docs/capacity.md: units, what grows with what, and that the page has the figures that the calculator gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.capacity import Load, Measured, main, measured, need, table

ROUND = Measured(
    web_us=1_000,
    redis_us=500,
    worker_us=100,
    log_bytes=300,
    answer_bytes=200,
    filed_bytes=100,
    member_bytes=1_000,
    base_mb=10,
    wire_bytes=1_000,
)
LOAD = Load(messages=8_640_000, members=1_000_000, hot_days=1, kept_days=11, answers_hours=24, peak=2, busy=0.5)


def test_a_load_of_round_figures() -> None:
    got = need(LOAD, ROUND)
    assert (got.mean_rate, got.peak_rate) == (100, 200)
    assert (got.web_cores, got.redis_cores, got.worker_cores) == pytest.approx((0.4, 0.2, 0.04))
    assert (got.cores, got.masters, got.needs_cluster) == (2, 1, False)
    # 8.64 million times 500 bytes, a million times a kilobyte, ten megabytes
    assert got.redis_gb == pytest.approx(4.32 + 1 + 0.01)
    assert got.files_gb == pytest.approx(8.64)
    assert got.peak_mbit == pytest.approx(1.6)


def test_ten_times_the_messages_need_ten_times_the_processor() -> None:
    one, ten = need(LOAD, ROUND), need(replace(LOAD, messages=LOAD.messages * 10), ROUND)
    assert ten.web_cores == pytest.approx(10 * one.web_cores)
    assert ten.redis_gb - one.redis_gb == pytest.approx(9 * 4.32)
    assert (ten.masters, ten.needs_cluster) == (2, True)
    assert ten.cores == 5 + 2


def test_days_go_from_redis_into_files_and_none_is_lost() -> None:
    cold, hot = need(LOAD, ROUND), need(replace(LOAD, hot_days=11), ROUND)
    assert hot.files_gb == 0
    assert hot.redis_gb - cold.redis_gb == pytest.approx(8.64e6 * 10 * 300 / 1e9)


def test_nonsense_is_refused() -> None:
    for wrong in ({"messages": 0}, {"peak": 0.5}, {"busy": 0}, {"busy": 1.1}, {"hot_days": -1}, {"hot_days": 12}):
        with pytest.raises(ValueError, match="at least"):
            replace(LOAD, **wrong)


def test_the_command_says_what_the_model_says() -> None:
    said = CliRunner().invoke(main, ["--messages", "1e8", "--members", "1e6", "--hot-days", "1"])
    assert said.exit_code == 0
    got = need(Load(1e8, 1e6, 1), measured())
    assert f"{got.redis_gb:,.2f}" in said.output
    assert ("needs a cluster" in said.output) == got.needs_cluster
    assert CliRunner().invoke(main, ["--hot-days", "200"]).exit_code == 2


def test_the_page_has_the_table_of_the_kept_figures() -> None:
    page = (Path(__file__).parent.parent / "docs" / "capacity.md").read_text(encoding="utf-8")
    assert table(measured()) in page
