"""Builds everything and starts it: the only file that sees all rooms. ``python run.py --help`` lists what it can do.

Heavy rooms are imported where a command needs them, so that ``ask`` does not pay for a web server.
"""

from __future__ import annotations

import gc
import getpass
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flask import Flask

    from bot.communities import Communities
    from bot.config import Config
    from bot.erased import ErasedRegister
    from bot.live import LiveContents
    from bot.metrics import Metrics
    from bot.pipeline import Pipeline
    from bot.processes import Role
    from storage.connection import Database
    from storage.stores import Stores

HERE = Path(__file__).resolve().parent
Built = TypeVar("Built")
WORKER_AFTER_S = 2.5


def now() -> datetime:
    """The one clock of the running bot."""
    return datetime.now(UTC)


# Building -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything, built and connected."""

    config: Config
    stores: Stores
    live: LiveContents
    communities: Communities
    pipeline: Pipeline
    metrics: Metrics


def build(config: Config, role: str, *, clock: Callable[[], datetime] = now) -> Bot:
    """The whole bot on the Redis of the configuration. Raises StartError with every problem.

    Only the role ``web`` indexes the FAQ ahead of the first question: in other processes there may never be one.
    """
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_metrics_folder(config)))
    from bot.communities import Communities
    from bot.live import LiveContents
    from bot.metrics import Metrics
    from bot.pipeline import Pipeline
    from handlers import GATES, discover
    from rules.text import Words

    metrics = Metrics()
    stores = open_all(config, role, on_round_trip=metrics.round_trips.inc, clock=clock)
    words = Words(_folder(config, "jieba"))
    live = LiveContents(stores.content, stores.directory, words, is_eager=role == "web")
    live.take_in(config.content_path, clock())
    communities = Communities(config, stores.groups, stores.shards)
    pipeline = Pipeline(stores, config, discover(), GATES, live, communities, metrics, clock)
    gc.freeze()  # what is built by now stays: no collection need look at it, and forks share its memory
    gc.enable()
    return Bot(config, stores, live, communities, pipeline, metrics)


def open_all(config: Config, role: str, *, on_round_trip: Callable[[], None] | None = None, clock: Callable[[], datetime] = now) -> Stores:
    """All stores, on the Redis of the configuration."""
    from bot.errors import StartError
    from bot.keyring import evidence_key
    from storage.schema import NewerData, settle_schema
    from storage.stores import open_stores

    database = _connect(config, on_round_trip)
    try:
        shards = settle_schema(database, int(clock().timestamp() * 1000))
    except NewerData as newer:
        raise StartError([str(newer)]) from newer
    # The tail of a pod's name is what tells it from the others; all of them have the same process ids.
    host = socket.gethostname()[-40:]
    stores = open_stores(
        database,
        shards,
        consumer=lambda: f"{role}.{host}.{os.getpid()}",
        evidence_key=evidence_key(config.data_path),
        answers_hours=config.retention.answers_hours,
    )
    stores.inbox.prepare()
    stores.outbox.prepare()
    return stores


def create_web(bot: Bot) -> Flask:
    """The web application."""
    from bot.forward import demo_page
    from bot.http import create_app

    def is_ready() -> bool:
        return bool(bot.stores.database.command("PING"))

    app = create_app(bot.config, bot.pipeline, bot.metrics, is_ready, now)
    if target := os.environ.get("BOT_DEMO_URL"):
        app.register_blueprint(demo_page(target))
    return app


def granian_app() -> Flask:
    """The web application as a granian worker builds it."""
    from bot.processes import die_with_parent

    die_with_parent()
    config = _load(Path(os.environ["BOT_CONFIG"]))
    _set_up_logs(config)
    bot = build(config, "web")
    _watch(bot)
    return create_web(bot)


def _connect(config: Config, on_round_trip: Callable[[], None] | None) -> Database:
    from bot.errors import StartError
    from storage.connection import Database

    url = config.redis.url.get_secret_value()
    try:
        return Database(url, on_round_trip=on_round_trip)
    except ValueError as error:
        raise StartError(
            ["redis.url：这个版本还不支持 redis+sentinel:// 与 redis+cluster://，请写 embedded、redis://、rediss:// 或 unix://"]
        ) from error


def _watch(bot: Bot, on_change: Callable[[], None] = lambda: None) -> None:
    threading.Thread(target=bot.live.watch, args=(threading.Event(), on_change), name="content", daemon=True).start()


def _metrics_folder(config: Config) -> Path:
    return _folder(config, "metrics")


def _folder(config: Config, name: str) -> Path:
    folder = config.data_path / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# Commands -------------------------------------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    envvar="BOT_CONFIG",
    default=HERE / "config.yaml",
    help="配置文件，默认 config.yaml",
)
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """群管家：企业微信里的社群运营助手。"""
    context.obj = path


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """``--config`` behind the command's name too: both places are natural."""
    return click.option("--config", "later", type=click.Path(path_type=Path), default=None, help="配置文件，默认 config.yaml")(command)


@main.command()
@config_option
@click.pass_obj
def serve(path: Path, later: Path | None) -> None:
    """启动整个机器人：自带的 Redis（如果用它）、网页、后台（后台也报时）。"""
    path = later or path
    config = _load(path)
    _refuse_taken_port(config.server.host, config.server.port)
    _end_with_parent()
    _set_up_logs(config)
    from bot.processes import ProcessTree

    with _redis_of(config) as url:
        click.echo(f"群管家：http://{config.server.host}:{config.server.port}/  数据：{config.data_path}")
        sys.exit(ProcessTree(_bot_roles(path, _bot_environment(config.data_path, url))).run())


@main.command()
@config_option
@click.pass_obj
def web(path: Path, later: Path | None) -> None:
    """只启动网页：接收企业微信的回调。"""
    path = later or path
    config = _one_role(path)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics_folder(config))
    os.environ["BOT_CONFIG"] = str(path.resolve())
    if config.server.engine == "granian":
        from bot.serving_fast import serve_granian

        serve_granian(config.server, "run:granian_app")
        return
    from bot.serving import serve_gthread

    built: list[Bot] = []

    def build_app() -> Flask:
        built.append(_patiently(lambda: build(config, "web")))
        return create_web(built[0])

    serve_gthread(config.server, build_app, lambda: _watch(built[0]))


@main.command()
@config_option
@click.pass_obj
def worker(path: Path, later: Path | None) -> None:
    """只启动后台：恢复、发送、情绪，也报时。"""
    os.nice(5)  # members wait for the web processes
    path = later or path
    config = _one_role(path)
    bot, stop = _patiently(lambda: build(config, "worker")), threading.Event()
    _patiently(lambda: _sweep_restored(bot))
    from bot.processes import ProcessTree, Role
    from bot.worker import recover, start_threads

    ringing = _start_clock(bot)
    threads = start_threads(("recover", lambda: recover(bot.pipeline, bot.stores, bot.metrics, stop)), ("sender", lambda: _send(bot, stop)))
    # The mood model is slow and large: a process of its own, so that it holds up no sender.
    moods = [Role("mood", _command(path, "mood"))] if config.mood.enabled else []
    ProcessTree(moods).run()
    ringing.stop()
    stop.set()
    for thread in threads:
        thread.join(8)


@main.command(hidden=True)
@config_option
@click.pass_obj
def mood(path: Path, later: Path | None) -> None:
    """只算情绪值：由后台启动，整个部署里只有一个在工作。"""
    _run_when_idle()
    config = _one_role(later or path)
    gc.enable()
    from bot.communities import Communities
    from bot.moods import keep_moods

    stores = _patiently(lambda: open_all(config, "mood"))
    keep_moods(stores, Communities(config, stores.groups, stores.shards), _stop_event())


@main.command()
@config_option
@click.pass_obj
def clock(path: Path, later: Path | None) -> None:
    """只启动时钟：到点把推送放进发件箱（可以有任意多个）。"""
    config = _one_role(later or path)
    bot, stop = _patiently(lambda: build(config, "clock")), _stop_event()
    ringing = _start_clock(bot)
    stop.wait()
    ringing.stop()


@main.command()
@config_option
@click.option("--port", type=click.IntRange(1, 65534), default=8080, help="网页端口；演示用的企业微信在它的下一个端口")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=HERE / "data" / "demo", help="演示数据的文件夹")
@click.pass_obj
def demo(path: Path, later: Path | None, port: int, data: Path) -> None:
    """演示：机器人和一个假的企业微信，不需要账号、密钥或任何设置。"""
    del path, later  # the demo writes a configuration of its own
    from bot.processes import ProcessTree, Role
    from simulator.scene import set_stage
    from storage.embedded import EmbeddedServer

    for number in (port, port + 1):
        _refuse_taken_port("127.0.0.1", number)
    stage = set_stage(data.resolve(), port, starting_content=HERE / "rules" / "content")
    pretend = [sys.executable, "-m", "simulator", "--port", str(port + 1), "--config", str(stage.simulator_config), "--with-parent"]
    os.chdir(HERE)  # where python -m finds the simulator
    with EmbeddedServer(stage.data) as server:
        threading.Thread(target=_open_demo, args=(port, stage.lines), daemon=True).start()
        environment = _bot_environment(stage.data, server.url) | {"BOT_DEMO_URL": f"http://127.0.0.1:{port + 1}"}
        sys.exit(ProcessTree([*_bot_roles(stage.bot_config, environment), Role("simulator", pretend)]).run())


@main.command()
@config_option
@click.option("--follow", "-f", is_flag=True, help="一直看下去，新的记录随时出现")
@click.option("--community", "-c", default="", help="只看这个社群")
@click.option("--user", "-u", default="", help="只看这个成员：企业微信 userid 或成员编号")
@click.option("--lines", "-n", type=click.IntRange(1, 100_000), default=50, help="先看最近多少条")
@click.option("--json", "as_json", is_flag=True, help="每条一行 JSON")
@click.pass_obj
def log(path: Path, later: Path | None, follow: bool, community: str, user: str, lines: int, as_json: bool) -> None:
    """看发生了什么：收到、判断、状态变化、发出、推送、管理、错误。"""
    from handlers.privacy import find_member

    with _stores(later or path) as stores:
        member = find_member(stores, user) if user else None
        tail = stores.events.tail()
        for entry in stores.events.newest(lines, community=community, member=member):
            click.echo(_line(entry, as_json))
        stop = _stop_event() if follow else None
        while stop and not stop.wait(0.5):
            for entry in stores.events.since(tail, community=community, member=member):
                click.echo(_line(entry, as_json))


@main.command()
@config_option
@click.argument("user")
@click.pass_obj
def export(path: Path, later: Path | None, user: str) -> None:
    """导出一个人的全部数据（JSON，写到标准输出）。USER 是企业微信 userid 或成员编号。"""
    from handlers.privacy import export_person, find_member

    with _stores(later or path) as stores:
        click.echo(json.dumps(export_person(stores, find_member(stores, user)), ensure_ascii=False, indent=2))


@main.command()
@config_option
@click.argument("user")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def erase(path: Path, later: Path | None, user: str, yes: bool) -> None:
    """删除一个人的全部数据，不能恢复。USER 是企业微信 userid 或成员编号。"""
    from handlers.privacy import erase_person, find_member

    path = later or path
    with _stores(path) as stores:
        number = find_member(stores, user)
        if not yes:
            click.confirm(f"将删除成员 {number} 的全部数据，不能恢复。继续吗？", abort=True)
        for name, done in erase_person(stores, _erased_register(_load(path)), number):
            click.echo(f"{name}：{done}")


@main.group()
def content() -> None:
    """运营内容（问答、词库、欢迎语、积分规则、推送）：导出成文件，改好再导入。"""


@content.command("export")
@config_option
@click.argument("kind")
@click.pass_obj
def export_content(path: Path, later: Path | None, kind: str) -> None:
    """把现在的内容写到标准输出。KIND 是 faq、words、welcome、points 或 pushes。"""
    from handlers.contents import current_text, find_kind

    with _stores(later or path) as stores:
        click.echo(current_text(stores, find_kind(kind)), nl=False)


@content.command("import")
@config_option
@click.argument("kind")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.pass_obj
def import_content(path: Path, later: Path | None, kind: str, file: IO[str]) -> None:
    """发布一个新版本，各进程两秒内生效。KIND 是 faq、words、welcome、points 或 pushes；有错就一条都不改，全部指出来。"""
    from handlers.contents import find_kind, publish

    with _stores(later or path) as stores:
        found = find_kind(kind)
        version = publish(stores, found, file.read(), f"命令行 {getpass.getuser()}", now())
        click.echo(f"{found.title}：第 {version} 版已发布。")


@main.command()
@config_option
@click.pass_obj
def check(path: Path, later: Path | None) -> None:
    """检查配置、内容、Redis、密钥和连通：所有问题一次说完，每个都带解决办法。"""
    from bot.check import find_problems

    path = later or path
    config = _load(path)
    problems, notes = find_problems(config, lambda: _stores(path))
    for note in notes:
        click.echo(f"· {note}")
    for problem in problems:
        click.echo(f"✗ {problem}")
    click.echo(f"共 {len(problems)} 个问题。" if problems else "✓ 没有发现问题。")
    sys.exit(1 if problems else 0)


# What commands share --------------------------------------------------------------------------------------------------


def _load(path: Path, **more: str) -> Config:
    """The configuration; secrets from the environment, else from a ``.env`` file beside it."""
    from bot.config import load

    return load(path, {**_env_file(path), **os.environ, **more})


def _env_file(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path.resolve().parent / ".env", interpolate=False).items() if value}


def _one_role(path: Path) -> Config:
    from bot.errors import StartError

    config = _load(path)
    if config.redis.is_embedded:
        raise StartError(
            ["redis.url 是 embedded：自带的 Redis 只能由 serve 或 demo 使用。要分开启动各个角色，请把 redis.url 改成 redis://…"]
        )
    _end_with_parent()
    _set_up_logs(config)
    for where in config.literal_secrets:
        click.echo(f"警告：{where} 直接写出了密钥，请改成 ${{变量名}}，由环境变量给出", err=True)
    return config


@contextmanager
def _redis_of(config: Config) -> Iterator[str]:
    """The Redis that this process owns while it runs, or the one that the configuration names."""
    from storage.embedded import EmbeddedServer

    if not config.redis.is_embedded:
        yield config.redis.url.get_secret_value()
        return
    with EmbeddedServer(config.data_path) as server:
        yield server.url


@contextmanager
def _stores(path: Path) -> Iterator[Stores]:
    """All stores for a short command: joins the embedded server that runs, or starts one meanwhile."""
    from storage.embedded import join_or_start

    config = _load(path)
    if not config.redis.is_embedded:
        yield open_all(config, "command")
        return
    with join_or_start(config.data_path) as url:
        yield open_all(_load(path, BOT_REDIS_URL=url), "command")


def _bot_roles(path: Path, environment: dict[str, str]) -> list[Role]:
    """What makes up a whole bot: members wait for the web, so it has the processor to itself at first. The worker rings too."""
    from bot.processes import Role

    return [Role("web", _command(path, "web"), environment), Role("worker", _command(path, "worker"), environment, after_s=WORKER_AFTER_S)]


def _bot_environment(data: Path, url: str) -> dict[str, str]:
    """What the roles of one tree share: their Redis, and an empty folder in which their figures meet."""
    shutil.rmtree(data / "metrics", ignore_errors=True)
    (data / "metrics").mkdir(parents=True)
    return {
        "BOT_REDIS_URL": url,
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
        # With an arena for each of many threads, glibc keeps some 50 MB a process that nobody uses.
        "MALLOC_ARENA_MAX": "2",
    }


def _command(path: Path, role: str) -> list[str]:
    return [sys.executable, str(HERE / "run.py"), "--config", str(path.resolve()), role]


def _patiently(make: Callable[[], Built]) -> Built:
    """What ``make`` gives, once Redis answers: a role that is started while it is away waits for it."""
    from storage.connection import StorageAway

    while True:
        try:
            return make()
        except StorageAway as away:
            click.echo(f"等待 Redis：{away}", err=True)
            time.sleep(0.5)


def _start_clock(bot: Bot) -> Any:
    from scheduler.clock import Clock

    ringing = Clock(bot.stores, bot.config, bot.live, bot.communities, now)
    ringing.start()
    _watch(bot, ringing.plan)
    return ringing


def _send(bot: Bot, stop: threading.Event) -> None:
    from bot.client import WeComClient, Wire
    from bot.config import AppChannel, ContactChannel
    from bot.sender import Lookups, Sender
    from storage.limits import Limits
    from storage.outbox import Bell
    from storage.tokens import TokenStore

    config, database = bot.config, bot.stores.database
    wire, tokens = Wire(config.wecom.api_base), TokenStore(database)
    apps = {
        channel.name: (
            WeComClient(config.wecom.corp_id, channel.secret.get_secret_value(), wire=wire, tokens=tokens, now=now),
            channel.agent_id if isinstance(channel, AppChannel) else 0,
        )
        for channel in config.channels
        if isinstance(channel, AppChannel | ContactChannel)
    }

    def webhook_key(community: str, chat: str) -> str | None:
        key = config.webhook_for(community, chat)
        return key.get_secret_value() if key else None

    lookups = Lookups(webhook_key=webhook_key, user_id=bot.stores.directory.find_user, app=apps.get, is_paused=lambda delivery: False)
    from bot.alarms import Alarms

    alarms = Alarms(bot.stores.outbox, config, bot.stores.shards, now)
    Sender(
        bot.stores.outbox, Limits(database), wire, lookups, now=now, shards=range(bot.stores.shards), on_dead=alarms.delivery_died,
    ).run(stop, Bell(database))  # fmt: skip


def _sweep_restored(bot: Bot) -> None:
    from handlers.privacy import sweep_restored

    if back := sweep_restored(bot.stores, _erased_register(bot.config)):
        click.echo(f"恢复的备份里有 {back} 位已删除的成员，已再次删除。", err=True)


def _erased_register(config: Config) -> ErasedRegister:
    from bot.erased import ErasedRegister
    from bot.keyring import evidence_key

    return ErasedRegister(config.data_path, evidence_key(config.data_path))


def _run_when_idle() -> None:
    """Figures can wait, answers cannot: this process gets what no other wants."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def _stop_event() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _end_with_parent() -> None:
    from bot.processes import die_with_parent

    if parent := os.environ.get("BOT_PARENT"):
        die_with_parent(int(parent))


def _set_up_logs(config: Config) -> None:
    from bot.logs import set_up_logs

    set_up_logs(config.log.level)


def _refuse_taken_port(host: str, port: int) -> None:
    from bot.errors import StartError
    from bot.ports import is_free, who_listens

    if not is_free(host, port):
        raise StartError([f"端口 {port} 已被占用：{who_listens(port)}。请先停掉它，或换一个端口（make run PORT={port + 100}）"])


def _open_demo(port: int, lines: Any) -> None:
    """Waits until the bot answers, then lets thirty people speak, through the real path."""
    from simulator.scene import speak, wait_until_ready

    if wait_until_ready(port):
        click.echo(f"\n  演示已就绪：http://127.0.0.1:{port}/demo/\n  按 Ctrl-C 结束。\n")
        speak(port + 1, lines)


def _line(entry: Any, as_json: bool) -> str:
    if as_json:
        return json.dumps(
            {"id": entry.id, "at": entry.at.isoformat(), "kind": entry.kind, "community": entry.community, "member": entry.member,
             "message": entry.message, "data": dict(entry.data)}, ensure_ascii=False,
        )  # fmt: skip
    facts = " ".join(f"{key}={value}" for key, value in entry.data.items() if value is not None)
    who = f"成员 {entry.member}" if entry.member else "—"
    return f"{entry.at.astimezone():%m-%d %H:%M:%S} {entry.kind:<8} {entry.community} {who} {entry.message} {facts}"


def entry() -> None:
    """Runs a command; what was explained ends with exit code 1, wrong usage with 2."""
    from bot.errors import StartError, UserError
    from storage.connection import StorageAway
    from storage.embedded import EmbeddedServerError

    try:
        main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(2 if isinstance(wrong, click.UsageError) else 1)
    except StartError as error:
        for problem in error.problems:
            click.echo(f"✗ {problem}", err=True)
        sys.exit(1)
    except (UserError, StorageAway, EmbeddedServerError) as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    entry()
