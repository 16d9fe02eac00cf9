"""Makes what each older program left behind: data of every layout there was, written by the program of that time.

``python -m tests.layout_fixtures`` checks each commit of ``PROGRAMS`` out beside the working tree, runs its bot, talks to it as WeCom would, and writes
what then stands in its Redis to ``tests/data/layouts/<layout>.json.gz``, type by type and readable. It needs the history, and is run once for a layout:
on the last commit before the next one.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import yaml

from storage.connection import Database
from storage.embedded import EmbeddedServer, socket_path
from tests.outside import Channel, Client, aibot_text, make_channel, new_id
from tests.timing import await_until
from tests.tree import GROUP, HERE, free_port

FOLDER = HERE / "tests" / "data" / "layouts"
PROGRAMS = {1: "32039063", 2: "1ca7f80", 4: "2e8bee4", 5: "e4b4439", 6: "be8ef09"}
"""The last commit with each layout. Layout 3 lived within one piece of work: no program that was ever kept wrote it."""
SAID = (
    ("lilei", GROUP, "签到"), ("hanmei", GROUP, "签到"), ("lucy", GROUP, "签到"), ("lilei", GROUP, "我的积分"), ("hanmei", GROUP, "怎么退款"),
    ("lilei", "", "我叫 李雷"), ("hanmei", "", "我叫 韩梅梅"), ("lucy", GROUP, "量子纠缠和退货有什么关系"), ("lucy", GROUP, "签到"), ("boss", GROUP, "帮助"),
    ("lilei", GROUP, "你这个傻逼，去死吧"), ("newcomer", "wrOTHER", "签到"), ("hanmei", "", "积分明细"), ("boss", "", "发积分 @lilei 30 热心"),
)  # fmt: skip
"""What is said to each, in order: who, where ('' alone with the bot), and the words."""


def make(layout: int, commit: str) -> Path:
    """The file of one layout, made anew."""
    with tempfile.TemporaryDirectory(prefix="qb-layout-") as name:
        folder = Path(name)
        archive = subprocess.run(["git", "archive", commit], cwd=HERE, capture_output=True, check=True).stdout
        (folder / "program").mkdir()
        subprocess.run(["tar", "x"], cwd=folder / "program", input=archive, check=True)
        _live(folder)
        with EmbeddedServer(folder / "data") as server:
            rows = dict(sorted(_rows(redis.Redis(unix_socket_path=str(server.socket)))))
    found = rows["qb:{meta}:schema"]["hash"]["version"]
    assert found == str(layout), f"{commit} writes layout {found}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"{layout}.json.gz"
    target.write_bytes(gzip.compress(json.dumps(rows, ensure_ascii=False, indent=0).encode(), mtime=0))
    return target


def load(layout: int, database: Database) -> dict[str, Any]:
    """Puts a kept file into an empty Redis; gives its rows."""
    rows: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{layout}.json.gz").read_bytes()))
    for key, row in rows.items():
        database.pipeline(_commands(key, row))
    return rows


def _live(folder: Path) -> None:
    """One bot of the time of its program, and what is said to it."""
    channel, port = make_channel("assistant", "aibot"), free_port()
    (folder / "config.yaml").write_text(yaml.safe_dump(_settings(folder, port)))
    environment = os.environ | {"T": channel.token, "K": channel.aes_key}
    words = [sys.executable, "run.py", "--config", str(folder / "config.yaml"), "serve"]
    with subprocess.Popen(words, cwd=folder / "program", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            client = Client(port)
            await_until(lambda: client.ask("GET", "/readyz").status == 200, 60, "the bot of that time")
            for user, chat, text in SAID:
                _say(client, channel, user, chat, text)
            database = Database(f"unix://{quote(str(socket_path(folder / 'data')))}")
            await_until(lambda: not any(database.command("XLEN", key) for key in database.scan("qb:{*}:inbox")), 30, "an empty inbox")
            database.close()
        finally:
            process.terminate()


def _say(client: Client, channel: Channel, user: str, chat: str, text: str) -> None:
    answer = client.tell(channel, aibot_text(user, f"@小助手 {text}" if chat else text, id=new_id(), chat=chat, url=""))
    assert answer.status == 200, f"{text}: {answer.status}"


def _settings(folder: Path, port: int) -> dict[str, Any]:
    return {
        "server": {"host": "127.0.0.1", "port": port, "processes": 1, "threads": 4}, "bot_name": "小助手", "admins": ["boss"],
        "moderation": {"dry_run": False}, "mood": {"enabled": False}, "log": {"keep_text": True}, "data_dir": str(folder / "data"),
        "content": str(folder / "program" / "rules" / "content"),
        "channels": [{"name": "assistant", "kind": "aibot", "token": "${T}", "aes_key": "${K}"}],
        "communities": [{"id": "main", "name": "主群", "groups": [GROUP]}],
    }  # fmt: skip


def _rows(client: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that is not of the moment, readable: type → value."""
    for name in client.scan_iter("qb:*"):
        key, kind = name.decode(), client.type(name).decode()
        if ":processes" in key or "{lease" in key:
            continue
        yield key, {kind: _value(client, name, kind)}


def _value(client: Any, name: bytes, kind: str) -> Any:
    if kind == "hash":
        return {field.decode(): value.decode() for field, value in sorted(client.hgetall(name).items())}
    if kind == "zset":
        return {member.decode(): score for member, score in client.zrange(name, 0, -1, withscores=True)}
    if kind == "list":
        return [item.decode() for item in client.lrange(name, 0, -1)]
    if kind == "set":
        return sorted(item.decode() for item in client.smembers(name))
    if kind == "stream":
        return [[id.decode(), {field.decode(): value.decode() for field, value in row.items()}] for id, row in client.xrange(name)]
    return base64.b64encode(client.get(name)).decode()


def _commands(key: str, row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What puts a row back."""
    [(kind, value)] = row.items()
    if kind == "hash":
        return [("HSET", key, *(word for pair in value.items() for word in pair))]
    if kind == "zset":
        return [("ZADD", key, *(word for member, score in value.items() for word in (score, member)))]
    if kind in ("list", "set"):
        return [("RPUSH" if kind == "list" else "SADD", key, *value)]
    if kind == "stream":
        return [("XADD", key, id, *(word for pair in fields.items() for word in pair)) for id, fields in value]
    return [("SET", key, base64.b64decode(value))]


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]] or list(PROGRAMS)
    for number in wanted:
        made = make(number, PROGRAMS[number])
        print(f"{made} {made.stat().st_size} bytes")
