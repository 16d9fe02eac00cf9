"""``check --live``: how a running bot is, said with cures, and for programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from vendor import Vendor, vendor

from tests.outside import aibot_text
from tests.tree import GROUP, HERE, Tree


def live(tree: Tree, *more: str) -> tuple[int, str]:
    words = [sys.executable, str(HERE / "run.py"), "check", "--live", "--config", str(tree.config), *more]
    done = subprocess.run(words, capture_output=True, text=True, env=tree.environment(), check=False)
    return done.returncode, done.stdout + done.stderr


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def set_public(tree: Tree, address: str) -> None:
    """Gives the bot a public address: here its own."""
    written = yaml.safe_load(tree.config.read_text(encoding="utf-8"))
    written["server"]["public_url"] = address
    tree.config.write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")


def test_a_running_bot_is_seen_and_one_without_a_worker_is_told_of_with_the_cure(tmp_path: Path) -> None:
    with vendor() as wecom:
        _look(tmp_path, wecom)


def _look(tmp_path: Path, wecom: Vendor) -> None:
    tree = Tree(tmp_path, api_base=wecom.base)
    set_public(tree, f"http://127.0.0.1:{tree.port}")
    try:
        tree.start()
        tree.all_pids()
        tree.client.tell(tree.channels["assistant"], aibot_text("lilei", "@小助手 签到", chat=GROUP))
        code, said = live(tree)
        for words in ("准备好了", "从外面绕回来", "时间：与企业微信一致", "web.", "Redis", "时钟一致", "没有发现问题"):
            assert words in said, said
        assert code == 0
        assert {len(list(Path(f"/proc/{parent_of(pid)}/task").iterdir())) for pid in tree.web_workers()} == {1}, "who forks has one thread"
        for pid in tree.web_workers():
            os.kill(pid, signal.SIGSTOP)
        code, said = live(tree, "--json")
        for pid in tree.web_workers():
            os.kill(pid, signal.SIGCONT)
        told: dict[str, Any] = json.loads(said)
        assert code == 1
        assert not told["ok"]
        assert "没有应答" in told["problems"][0]
        assert {part["title"] for part in told["parts"]} == {"网页", "企业微信", "进程", "排着的", "Redis", "空间", "告警"}
        tree.stop()
        code, said = live(tree)
        assert code == 1
        assert "一个也没有见过" in said, "who ended in order is not missed: the data may be converted at once"
        assert "systemctl start" in said
    finally:
        tree.stop()
