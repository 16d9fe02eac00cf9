"""A month rehearsed twice with one seed: how long it takes, and whether both reports are the same to the byte.

``python -m benchmarks.rehearse [--days 30] [--members 2000] [--groups 20] [--messages 30000]``

The command itself is run, as an operator would, in a folder of its own with the shipped content. Wall time and the CPU of all its processes (its embedded
Redis among them) are told for each run: on a machine that does other things too only the CPU says much.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from commands.build import HERE


def main() -> None:
    """Rehearses twice, under two hash seeds and in two zones, and says what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("days", 30), ("members", 2_000), ("groups", 20), ("messages", 30_000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = [word for name, value in vars(parser.parse_args()).items() for word in (f"--{name}", str(value))]
    digests = {rehearse(asked, hash_seed, zone) for hash_seed, zone in (("1", "UTC"), ("2", "America/New_York"))}
    print("reports:", "the same" if len(digests) == 1 else "DIFFER", *sorted(digests))
    sys.exit(len(digests) != 1)


def rehearse(asked: list[str], hash_seed: str, zone: str) -> str:
    """One run of the command; prints what it took and gives the digest of its report."""
    with tempfile.TemporaryDirectory() as folder:
        config, report = Path(folder) / "config.yaml", Path(folder) / "report.md"
        config.write_text(
            f"data_dir: {folder}/data\ncontent: {HERE / 'rules' / 'content'}\nwecom: {{corp_id: wwBENCH}}\n", encoding="utf-8"
        )
        words = [sys.executable, str(HERE / "run.py"), "--config", str(config), "rehearse", *asked, "--out", str(report)]
        before, began = _cpu_s(), time.monotonic()
        subprocess.run(words, env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}, check=True, stdout=subprocess.DEVNULL)
        print(f"{time.monotonic() - began:.1f} s, CPU {_cpu_s() - before:.1f} s", flush=True)
        return hashlib.sha256(report.read_bytes()).hexdigest()[:16]


def _cpu_s() -> float:
    """CPU seconds of all children that have ended, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
