"""The whole house of a run: a pretend WeCom, a Redis, and two machines with a bot each, every line between them breakable.

Machine A runs ``serve`` as an operator does. Machine B runs the roles ``web`` and ``worker`` one by one, and ``clock`` where lives are long, each on
a clock that may be wrong.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis
import yaml

from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.pretend import PretendWeCom
from simulator.server import serve
from simulator.world import BOT, single_chat
from tests.chaos.network import Proxy
from tests.chaos.record import Books, Post, Reader, Request, Said, Span, read
from tests.chaos.storm import Message
from tests.outside import Client
from tests.timing import PATIENCE_S, await_until
from tests.topologies import Topology
from tests.tree import CORP, GROUP, HERE, READY_WITHIN_S, RedisOfOurs, Tree, free_port

MEMBERS = 80
GROUPS = (GROUP, "wrOUTsecond", "wrOUTthird")
ADMINS = "wrOUTadmin"
ONCE = "/cgi-bin/aibot/response"
TOKEN_REFUSED = (40014, 42001)
"""WeCom looks at the token first: such a request is no message, and counts toward no limit of messages."""
SENDING = {"/cgi-bin/webhook/send": "hook", "/cgi-bin/message/send": "app"}


class House:
    """Everything a run needs; :meth:`open` starts it, :meth:`close` ends it.

    With a ``topology`` the bot's Redis stands on several machines, behind sentinels or as a cluster; ours is idle then, and so are the lines to it.
    """

    def __init__(self, folder: Path, topology: Topology | None = None, *, roles: Sequence[str] = ("web", "worker")) -> None:
        self.folder = folder
        self.topology = topology
        self.redis = RedisOfOurs(folder / "redis-of-ours")
        self.redis.start()
        self.lines = {"A": Proxy(self.redis.port), "B": Proxy(self.redis.port)}
        self.record = folder / "wire.jsonl"
        self.spans: list[Span] = []
        self.pretend = PretendWeCom(_world(), record=self.record)
        self._wecom = serve(self.pretend)
        self.outside = Proxy(self._wecom.port)
        url = {name: topology.url if topology else f"redis://127.0.0.1:{line.port}/0" for name, line in self.lines.items()}
        self.tree = Tree(
            folder, redis_url=url["A"], api_base=self.api_base, content=str(_content(folder)), communities=[_community()],
            redis={"url": url["A"], **({"wait_replicas": 1} if topology else {})},
        )  # fmt: skip
        self.second = _Roles(self.tree, url["B"], roles)
        self.machines = [self.tree.client, self.second.client]
        self._server = redis.Redis(port=self.redis.port, decode_responses=True, socket_timeout=10)

    @property
    def server(self) -> Reader:
        """A look into the Redis that the bot uses now."""
        return self.topology.reader() if self.topology else self._server

    @property
    def api_base(self) -> str:
        """Where the bot finds WeCom."""
        return f"http://127.0.0.1:{self.outside.port}"

    def open(self) -> None:
        """Starts both machines and waits until they are ready."""
        with ThreadPoolExecutor(2) as pool:
            for started in [pool.submit(self.tree.start), pool.submit(self.second.start)]:
                started.result()

    def revive(self) -> None:
        """Starts again what is gone, as the machine's own supervisor would, and waits until all are ready."""
        if not self.redis.answers():
            self.redis.start()
        with ThreadPoolExecutor(2) as pool:
            for started in [pool.submit(self.tree.revive), pool.submit(self.second.revive)]:
                started.result()

    def code(self, user: str, chat: str) -> str:
        """A fresh code of a response address."""
        return self.pretend.world.give_code("response", 3_600, channel="assistant", chat=chat or single_chat("assistant", user), quote=None)

    def url(self, code: str) -> str:
        """The response address of a code."""
        return f"{self.api_base}/cgi-bin/aibot/response?response_code={code}"

    def pids(self) -> dict[str, list[int]]:
        """The processes of the bot, by what they are."""
        return {"web": self.tree.web_workers(), "worker": self.tree.workers(), "serve": [self.tree.pid], **self.second.pids()}

    @contextlib.contextmanager
    def broken(self, why: str, *, hides: bool) -> Iterator[None]:
        """Notes that the world is broken meanwhile; ``hides`` is as in :class:`Span`."""
        begin = time.time()
        try:
            yield
        finally:
            self.spans.append(Span(why, begin, time.time(), hides))

    def books(self, messages: list[Message]) -> Books:
        """What is known of all that happened."""
        requests, later = self._requests()
        kept = read(self.server)
        said = [
            Said(
                f"{one.channel}:{one.id}", one.user, one.words, tuple(one.told), tuple(later.get(one.code, ())) if one.code else (),
                one.repeats_left > 0,
            )
            for one in messages
        ]  # fmt: skip
        return Books(
            said, self.posts(), requests, kept.lines, kept.numbers, kept.rows, kept.balances, kept.orders, kept.dead, kept.buried,
            kept.unfinished, kept.unsent, tuple(self.spans),
        )  # fmt: skip

    def close(self) -> None:
        """Ends everything."""
        self._server.close()
        self.redis.signal(signal.SIGCONT)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda stop: stop(), [self.tree.stop, self.second.stop]))
        self._wecom.close()
        for line in (*self.lines.values(), self.outside):
            line.close()
        self.redis.stop()

    def posts(self) -> list[Post]:
        """What members see that the bot said of its own accord."""
        chats = [*GROUPS, ADMINS, *(single_chat("desk", person.user) for person in self.pretend.config.people)]
        posts = [post for chat in chats for post in self.pretend.world.posts(chat) if post.sender == BOT and post.via in ("webhook", "app")]
        return [Post(post.at_ms / 1000, post.via, post.chat.rpartition("|")[2], post.text or json.dumps(post.card)) for post in posts]

    def _requests(self) -> tuple[list[Request], dict[str, list[str]]]:
        """The sendings that came to WeCom, and by each code the answers that it took."""
        found, later = list[Request](), dict[str, list[str]]()
        for line in self.record.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["target"] not in (*SENDING, ONCE) or not row["answer"]:
                continue
            if json.loads(row["answer"]).get("errcode") in TOKEN_REFUSED:
                continue
            body = json.loads(row["plaintext"] or "{}")
            text = str(body.get(body.get("msgtype", ""), {}).get("content", ""))
            if row["target"] in SENDING:
                to = body["touser"] if SENDING[row["target"]] == "app" else row["query"].removeprefix("key=")
                found.append(Request(row["at"] - row["ms"] / 1000, f"{SENDING[row['target']]}.{to}", text, row["status"] == 200))
            elif row["target"] == ONCE and json.loads(row["answer"]).get("errcode") == 0:
                later.setdefault(row["query"].removeprefix("response_code="), []).append(text)
        return found, later


class _Roles:
    """Machine B: a process of each of its ``roles``, with a supervisor as systemd is one."""

    def __init__(self, tree: Tree, redis_url: str, roles: Sequence[str]) -> None:
        self.port = free_port()
        self.roles = roles
        self.client = Client(self.port, within_s=PATIENCE_S)
        self._tree, self._url = tree, redis_url
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.config = tree.folder / "config-b.yaml"

    def start(self) -> None:
        settings = yaml.safe_load(self._tree.config.read_text(encoding="utf-8"))
        settings["server"] |= {"port": self.port, "processes": 1}
        settings["redis"] |= {"url": self._url}
        self.config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.revive()

    def revive(self) -> None:
        """Starts what does not run, and waits until callbacks are answered."""
        for role in self.roles:
            if role not in self._running or self._running[role].poll() is not None:
                self._running[role] = self._start(role)
        await_until(lambda: self.client.ask("GET", "/readyz").status == 200, READY_WITHIN_S, "a second machine that is ready", every_s=0.05)

    def skew(self, role: str) -> Path:
        """The file that says by how much a role's clock is wrong."""
        return self._tree.folder / f"skew-of-{role}"

    def pids(self) -> dict[str, list[int]]:
        return {f"{role} of B": [process.pid] for role, process in self._running.items() if process.poll() is None}

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "tests.chaos.skewed", str(self.skew(role)), "--config", str(self.config), role]
        with self._tree.log.open("ab") as log:
            return subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._tree.environment(), start_new_session=True, cwd=HERE
            )


def _world() -> SimulatorConfig:
    secret = {"token": "t" * 16, "aes_key": "k" * 43}
    channels = (
        Channel("assistant", "aibot", **secret),
        Channel("desk", "app", **secret, agent_id=1000002, secret="secret-of-desk"),
        Channel("customers", "contact", **secret, secret="secret-of-customers"),
    )
    people = tuple(Person(user, user) for user in ("boss", *(user_name(n) for n in range(MEMBERS))))
    groups = tuple(Group(chat, chat, ("boss",), webhook_key=f"hook-{chat}", customer=False) for chat in (*GROUPS, ADMINS))
    return SimulatorConfig(CORP, channels, people, groups)


def user_name(n: int) -> str:
    """The user id of a member."""
    return f"user{n:03}"


def _community() -> Mapping[str, Any]:
    return {
        "id": "main", "name": "主群", "groups": list(GROUPS), "webhook": f"hook-{GROUP}", "admin_group": ADMINS,
        "webhooks": {chat: f"hook-{chat}" for chat in GROUPS[1:]}, "admin_webhook": f"hook-{ADMINS}",
    }  # fmt: skip


def _content(folder: Path) -> Path:
    """What ships, with one item that is cheap and never gone, and no push but ours, which goes out at night too: these lives are lived by the real clock."""
    content = folder / "content"
    shutil.copytree(HERE / "rules" / "content", content)
    item = {"id": "pin", "name": "徽章", "price": 3, "description": "一枚", "counted": False}
    (content / "shop.yaml").write_text(yaml.safe_dump({"confirm_from": 1000, "items": [item]}, allow_unicode=True), encoding="utf-8")
    (content / "pushes.yaml").write_text("[]\n", encoding="utf-8")
    (content / "pushing.yaml").write_text('quiet: ""\n', encoding="utf-8")
    return content
