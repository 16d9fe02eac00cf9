"""What counting costs a message: ``python -m benchmarks.counting --before DIR``, DIR holding the program as it was without it.

Both programs hear the same group messages, a batch of the one and a batch of the other in turn, each with a Redis of its own. Told is CPU time, of the
program and of its Redis, and the median over the batches of how much more the present one takes. A machine three times as fast is asked for 70 µs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

BATCHES, MESSAGES = 24, 400
LIMIT_US = 70.0
FASTER = 3.0
"""How much faster the machine is that the limit was asked for."""
_CHILD = r"""
import json, os, resource, sys, tempfile
from datetime import timedelta
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what is logged is no answer
from pathlib import Path
from bot.metrics import Metrics
from rules.text import Words
from storage.embedded import EmbeddedServer
from tests.chat import a_config, build, settings
from tests.timing import Clock
import structlog
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())

with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "redis", fsync="no") as server:
    chat = build(iter(range(10**9)), a_config(Path(folder), server.url, settings(app=False)), Words(Path(folder)), Metrics(), clock=Clock())
    said = ["大家早上好", "今天天气真不错", "收到，谢谢", "周末有人去爬山吗", "我也觉得"]
    sent = 0
    def cpu():
        used = resource.getrusage(resource.RUSAGE_SELF)
        info = dict(line.split(":", 1) for line in chat.stores.database.command("INFO", "cpu").splitlines() if ":" in line)
        return used.ru_utime + used.ru_stime, float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        messages = []
        for _ in range(int(line)):
            sent += 1
            messages.append(chat.words(f"{said[sent % 5]} {sent}", user=f"user{sent % 200}", group="wrMAIN"))
        chat.clock.set(chat.clock() + timedelta(minutes=7))
        before = cpu()
        for message in messages:
            chat.receive(message)
        after = cpu()
        print(json.dumps([after[0] - before[0], after[1] - before[1]]), file=out, flush=True)
"""


def main(words: list[str]) -> int:
    """Measures and prints; 1 when a message costs more than is asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counting", description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="folder with the program as it was without counting")
    parser.add_argument("--batches", type=int, default=BATCHES)
    asked = parser.parse_args(words)
    programs = [_start(folder) for folder in (asked.before.resolve(), Path(__file__).parents[1])]
    for program in programs:
        _run(program, 2 * MESSAGES)  # what is learned at first: members, templates, caches
    rounds = [[_run(program, MESSAGES) for program in programs] for _ in range(asked.batches)]
    for program in programs:
        program.terminate()
    names = ("program", "Redis")
    total = 0.0
    for at, name in enumerate(names):
        was, now = (statistics.median(pair[which][at] for pair in rounds) / MESSAGES * 1e6 for which in (0, 1))
        more = statistics.median(pair[1][at] - pair[0][at] for pair in rounds) / MESSAGES * 1e6
        total += more
        print(f"{name:8} {was:7.1f} → {now:7.1f} µs a message, {more:+6.1f}")
    print(f"counting costs {total:.1f} µs a message here, {total / FASTER:.1f} on a machine {FASTER:g} times as fast (asked: {LIMIT_US:g})")
    return int(total / FASTER > LIMIT_US)


def _start(folder: Path) -> subprocess.Popen[str]:
    program = subprocess.Popen([sys.executable, "-c", _CHILD], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdout
    assert "ready" in program.stdout.readline(), "it did not start: see above"
    return program


def _run(program: subprocess.Popen[str], messages: int) -> tuple[float, float]:
    assert program.stdin
    assert program.stdout
    program.stdin.write(f"{messages}\n")
    program.stdin.flush()
    own, redis = json.loads(program.stdout.readline())
    return own, redis


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
