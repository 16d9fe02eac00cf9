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
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from flask import Flask

    from bot.archive import Ear
    from bot.breaker import Circuit
    from bot.communities import Communities
    from bot.config import ArchiveChannel, Config
    from bot.erased import ErasedRegister
    from bot.live import LiveContents
    from bot.metrics import Metrics
    from bot.pipeline import Pipeline
    from bot.processes import Role
    from bot.ways import Way
    from storage.connection import Database
    from storage.outbox import Outbox
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
    from bot.watch import keep_count

    threading.Thread(target=keep_count, args=(bot.stores.arrivals, threading.Event()), name="arrivals", daemon=True).start()
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
    from bot.watch import Watch
    from bot.worker import recover, start_threads

    ringing = _start_clock(bot)
    threads = start_threads(
        ("recover", lambda: recover(bot.pipeline, bot.stores, bot.metrics, stop)),
        ("sender", lambda: _send(bot, stop)),
        ("streams", lambda: _make_streams(bot, stop)),
        ("customers", lambda: _run_errands(bot, stop)),
        ("watch", lambda: Watch(bot.stores, config, bot.metrics, now).run(stop)),
        *_long_connections(bot, stop),
    )
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
@click.argument("channel")
@click.option("--socket", "at", type=click.Path(path_type=Path), default=None, help="在这个 Unix 套接字上等，不读标准输入")
@click.pass_obj
def archive(path: Path, later: Path | None, channel: str, at: Path | None) -> None:
    """旁听：逐行读入会话内容存档（每行一条解密后的 JSON），收到哪里就写出 {"seq":n}。CHANNEL 是 archive 渠道的名字。"""
    path = later or path
    config = _beside_serve(path, _load(path))
    heard = _archive_channel(config, channel)
    _end_with_parent()
    _set_up_logs(config)
    from bot.archive import Ear, acknowledgement, listen, serve_pullers

    listening = listen(at.absolute()) if at else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # at any moment: what was begun is done again
    try:
        bot = _patiently(lambda: build(config, "archive"))
        _watch(bot)
        # Whoever is mentioned by any of the bot's names hears it himself: the archive's copy is not judged a second time.
        names = tuple(dict.fromkeys(name for each in config.channels for name in config.mention_names(each.name)))
        ear = Ear(
            bot.pipeline, bot.stores.archive, heard, names,
            clock=now, complain=_say, rest=time.sleep,
        )  # fmt: skip
        show = _progress(ear)
        if listening:
            serve_pullers(ear, listening, show)
        ear.hear(lambda size: os.read(0, size), lambda mark: _write_all(1, acknowledgement(mark)), show)
        tally = ear.tally
        _say(f"读完 {tally.lines} 行：收下 {tally.taken}，重复 {tally.repeated}，不相干 {tally.passed}，坏行 {tally.bad}。")
    finally:
        if listening and at:
            listening.close()
            at.unlink(missing_ok=True)


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


@main.command()
@config_option
@click.argument("user")
@click.pass_obj
def rehire(path: Path, later: Path | None, user: str) -> None:
    """取消一个人的离职标记：写在 admins 里的权限随之恢复，其余管理员收到告警。USER 是企业微信 userid。"""
    from bot.errors import UserError
    from bot.leavers import note_back

    path = later or path
    with _stores(path) as stores:
        if not note_back(stores, _load(path), user, f"命令行 {getpass.getuser()}", now()):
            raise UserError(f"{user} 没有离职标记")
    click.echo(f"{user} 的离职标记已取消，五秒内生效。")


@main.group()
def webhook() -> None:
    """群机器人的 Webhook：泄露了就换掉，不用重启。"""


@webhook.command("set")
@config_option
@click.argument("community")
@click.argument("chat", default="")
@click.pass_obj
def set_webhook(path: Path, later: Path | None, community: str, chat: str) -> None:
    """换一个 Webhook，五秒内生效，旧的从此不用。COMMUNITY 是社群编号，CHAT 是群的 chatid（空着是主群）；新地址从提示或标准输入读。"""
    from bot.webhooks import WebhookKeys
    from storage.keys import shard_of

    path = later or path
    is_asked = sys.stdin.isatty()
    given = click.prompt("新的 Webhook（地址或 key，不会显示）", hide_input=True) if is_asked else sys.stdin.readline()
    with _stores(path) as stores:
        keys = WebhookKeys(_load(path), stores.webhooks)
        digest = keys.replace(community, chat, given)
        facts = {"act": "webhook", "chat": chat, "digest": digest, "by": getpass.getuser()}
        stores.events.record(shard_of(community, stores.shards), "admin", community, now(), facts)
    click.echo(f"已换成 {digest}，五秒内生效；旧的不再使用。记得把环境变量里的值也换成新的。")


@webhook.command("list")
@config_option
@click.pass_obj
def list_webhooks(path: Path, later: Path | None) -> None:
    """有哪些 Webhook、从哪里来：只显示摘要，从不显示 key。"""
    from bot.config import ADMINS
    from bot.webhooks import WebhookKeys

    path = later or path
    with _stores(path) as stores:
        for shown in WebhookKeys(_load(path), stores.webhooks).all():
            state = "已作废，不会用它发送" if shown.is_refused else "打不开：evidence.key 换过了" if not shown.digest else "在用"
            chat = "管理群" if shown.chat == ADMINS else shown.chat or "主群"
            click.echo(f"{shown.community}  {chat}  {shown.digest or '—'}  来自{shown.source}  {state}")


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
@click.option("--offline", is_flag=True, help="不联网：不试企业微信的接口和公网地址")
@click.pass_obj
def check(path: Path, later: Path | None, offline: bool) -> None:
    """检查配置、内容、Redis、密钥和连通，并说明企业微信后台该填什么：所有问题一次说完，每个都带解决办法。"""
    from bot.check import Check
    from bot.tries import BAD

    path = later or path
    problems: list[str] = []
    for part in Check(_load(path), lambda: _stores(path), now, is_online=not offline).parts():
        click.echo(part.title)
        for line in part.lines:
            click.echo(f"  {line}")
        for finding in part.findings:
            click.echo(f"  {finding.mark} {finding.text}")
        click.echo()
        problems += [f"{part.title}：{finding.text}" for finding in part.findings if finding.mark == BAD]
    click.echo(f"共 {len(problems)} 个问题：" if problems else "✓ 没有发现问题。")
    for problem in problems:
        click.echo(f"  {BAD} {problem}")
    sys.exit(1 if problems else 0)


@main.group()
def outbox() -> None:
    """发件箱：看等待发送和没能送达的消息，重发或丢弃没能送达的。"""


@outbox.command("list")
@config_option
@click.option("--community", "-c", default="", help="只看这个社群")
@click.option("--dead", "only_dead", is_flag=True, help="只看死信：没能送达、已放弃的")
@click.option("--json", "as_json", is_flag=True, help="每条一行 JSON")
@click.pass_obj
def list_outbox(path: Path, later: Path | None, community: str, only_dead: bool, as_json: bool) -> None:
    """列出等待发送的和死信：编号、社群、方式、目标、等了多久、试过几次、原因。"""
    from bot.outbox_cli import rows_of, table

    with _stores(later or path) as stores:
        at_ms = int(now().timestamp() * 1000)
        shards = range(stores.shards)
        rows = [row for shard in shards for row in rows_of(stores.outbox, shard, at_ms, community=community, only_dead=only_dead)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
        return
    if rows:
        click.echo("\n".join(table(rows)))
    dead = sum(row.state == "dead" for row in rows)
    click.echo(f"等待发送 {len(rows) - dead} 条，死信 {dead} 条。" if not only_dead else f"死信 {dead} 条。")


@outbox.command("replay")
@config_option
@click.argument("id", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="全部死信")
@click.option("--community", "-c", default="", help="只管这个社群的")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def replay_outbox(path: Path, later: Path | None, id: str, everything: bool, community: str, yes: bool) -> None:
    """重发死信：放回队尾，重新计次。ID 是 outbox list 里的编号；也可以用 --all。"""
    _settle_dead(later or path, id, everything, community, yes, "重发", lambda outbox, shard, one, at_ms: outbox.replay(shard, one, at_ms))


@outbox.command("drop")
@config_option
@click.argument("id", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="全部死信")
@click.option("--community", "-c", default="", help="只管这个社群的")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def drop_outbox(path: Path, later: Path | None, id: str, everything: bool, community: str, yes: bool) -> None:
    """丢弃死信，不能恢复。ID 是 outbox list 里的编号；也可以用 --all。"""
    _settle_dead(later or path, id, everything, community, yes, "丢弃", lambda outbox, shard, one, at_ms: outbox.drop(shard, one))


def _settle_dead(
    path: Path, id: str, everything: bool, community: str, yes: bool, verb: str, settle: Callable[[Outbox, int, str, int], bool]
) -> None:
    from bot.errors import UserError
    from bot.outbox_cli import rows_of

    if bool(id) == everything:
        raise click.UsageError(f"写明要{verb}哪一条的编号，或者用 --all {verb}全部")
    with _stores(path) as stores:
        at_ms = int(now().timestamp() * 1000)
        rows = [row for shard in range(stores.shards) for row in rows_of(stores.outbox, shard, at_ms, community=community, only_dead=True)]
        rows = [row for row in rows if everything or row.id == id]
        if id and not rows:
            raise UserError(f"没有编号为 {id} 的死信；python run.py outbox list --dead 列出全部")
        if rows and not yes and (everything or verb == "丢弃"):
            click.confirm(f"将{verb} {len(rows)} 条死信，继续吗？", abort=True)
        with click.progressbar(rows, label=verb, file=sys.stderr, hidden=len(rows) < 100) as shown:
            done = sum(settle(stores.outbox, row.shard, row.id, at_ms) for row in shown)
        click.echo(f"已{verb} {done} 条。")


@main.group()
def app() -> None:
    """自建应用：立刻发一条消息、撤回、管理它建的群和它的菜单。"""


@app.command("send")
@config_option
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.option("--to", "users", multiple=True, help="成员的 userid，可以写多次；@all 是应用可见范围内的所有人")
@click.option("--party", "parties", multiple=True, help="部门编号，可以写多次")
@click.option("--tag", "tags", multiple=True, help="标签编号，可以写多次")
@click.option("--chat", default="", help="发到应用自己建的这个群")
@click.option("--text", default="", help="文字；太长会分成几条")
@click.option("--markdown", default="", help="Markdown；太长会分成几条")
@click.option("--file", "at", type=click.Path(path_type=Path, dir_okay=False), default=None, help="图片、语音、视频或文件，按内容判断")
@click.pass_obj
def send_by_app(
    path: Path, later: Path | None, name: str, users: tuple[str, ...], parties: tuple[str, ...], tags: tuple[str, ...], chat: str,
    text: str, markdown: str, at: Path | None,
) -> None:  # fmt: skip
    """立刻发出，写出没有送到谁，以及撤回时要用的编号。"""
    from bot.app_api import Receivers
    from bot.app_cli import announce, content_of, messages_of, missed_lines, open_app, record, say

    if not (text or markdown or at):
        raise click.UsageError("写明要说什么：--text、--markdown 或 --file")
    if bool(chat) == bool(users or parties or tags):
        raise click.UsageError("写明发给谁：--to、--party、--tag，或者只写 --chat")
    said, content, path = messages_of(text, markdown), content_of(at) if at else None, later or path
    to = None if chat else Receivers(users, parties, tags)
    with _stores(path) as stores:
        found = open_app(_load(path), stores.database, name, now)
        if to is None:
            say(found, chat, said, content)
            click.echo("已发到群里。群消息不能撤回。")
            return
        results = announce(found, to, said, content)
        id = record(stores.events, found, results, "", now())
    for line in dict.fromkeys(line for result in results for line in missed_lines(result)):
        click.echo(f"✗ {line}", err=True)
    click.echo(f"已发出 {len(results)} 条。24 小时内可以撤回：python run.py app recall {id}")
    sys.exit(0 if all(result.is_whole for result in results) else 1)


@app.command("recall")
@config_option
@click.argument("id")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def recall_message(path: Path, later: Path | None, id: str, yes: bool) -> None:
    """撤回应用发出的消息（24 小时内）。ID 是发出时写出的编号，或 log 里 outbound 那一行的消息编号。"""
    from bot.app_cli import open_app
    from bot.recall import recall

    path = later or path
    with _stores(path) as stores:
        if not yes:
            click.confirm(f"将从所有收到的人那里撤回 {id}，继续吗？", abort=True)
        config = _load(path)
        count = recall(stores.events, lambda name: open_app(config, stores.database, name, now).api, id, now())
    click.echo(f"已撤回 {count} 条。")


@app.command("menu")
@config_option
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.option("--remove", is_flag=True, help="去掉菜单")
@click.pass_obj
def put_menu(path: Path, later: Path | None, file: IO[str] | None, name: str, remove: bool) -> None:
    """换上 FILE（YAML）里的菜单：一个列表，每项有 name，以及 command（点了就像说了这个命令）、url 或 entries（下一层）。"""
    import yaml

    from bot.app_api import parse_menu
    from bot.app_cli import open_app
    from bot.errors import UserError

    if (file is None) != remove:
        raise click.UsageError("写明菜单文件，或者 --remove")
    path = later or path
    with _stores(path) as stores:
        found = open_app(_load(path), stores.database, name, now)
        if file is None:
            found.api.remove_menu()
            click.echo("已去掉菜单。")
            return
        try:
            entries = parse_menu(yaml.safe_load(file))
        except yaml.YAMLError as error:
            raise UserError(f"菜单文件不是 YAML：{error}") from error
        found.api.put_menu(entries)
    click.echo(f"已换上 {len(entries)} 个入口的菜单，成员下次打开应用时看到。")


@app.group("chat")
def app_chat() -> None:
    """应用建的群：要求应用的可见范围是整个企业，成员都是企业内部的人。"""


@app_chat.command("create")
@config_option
@click.argument("title")
@click.argument("users", nargs=-1, required=True)
@click.option("--owner", default="", help="群主的 userid，默认第一个成员")
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def create_chat(path: Path, later: Path | None, title: str, users: tuple[str, ...], owner: str, name: str) -> None:
    """建一个群：TITLE 是群名，USERS 是成员的 userid（2 到 2000 人）。同样的群名和成员再建一次，还是那个群。"""
    from bot.app_cli import open_app

    path = later or path
    with _stores(path) as stores:
        chats = open_app(_load(path), stores.database, name, now).chats
        chat = chats.create(title, users, owner=owner or users[0], once="|".join((title, *sorted(users))))
    click.echo(f"{chat}\n群在第一条消息之后才会出现：python run.py app send --chat {chat} --text 大家好")


@app_chat.command("list")
@config_option
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def list_chats(path: Path, later: Path | None, name: str) -> None:
    """应用建过的群：编号和群名。"""
    from bot.app_cli import open_app

    path = later or path
    with _stores(path) as stores:
        for chat, title in open_app(_load(path), stores.database, name, now).chats.remembered().items():
            click.echo(f"{chat}  {title}")


@app_chat.command("update")
@config_option
@click.argument("chat")
@click.option("--title", default="", help="新群名")
@click.option("--owner", default="", help="新群主的 userid")
@click.option("--add", multiple=True, help="加入的成员，可以写多次")
@click.option("--remove", multiple=True, help="移出的成员，可以写多次")
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def update_chat(
    path: Path, later: Path | None, chat: str, title: str, owner: str, add: tuple[str, ...], remove: tuple[str, ...], name: str
) -> None:
    """改群名、换群主、加人、移出人；写出现在的群主和人数。"""
    from bot.app_cli import open_app

    path = later or path
    with _stores(path) as stores:
        chats = open_app(_load(path), stores.database, name, now).chats
        chats.update(chat, name=title, owner=owner, add=add)
        if remove:
            gone = chats.remove(chat, remove)
            click.echo(f"已移出 {len(gone)} 人。")
        found = chats.get(chat)
    click.echo(f"{found.id}  {found.name}  群主 {found.owner}，共 {len(found.users)} 人")


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


def _beside_serve(path: Path, config: Config) -> Config:
    """The configuration with the Redis that ``serve`` runs, be it up already or not; nobody else may hold the data for long."""
    from storage.embedded import EmbeddedServer

    if not config.redis.is_embedded:
        return config
    click.echo("自带的 Redis 由 serve 启动：serve 没有在运行时，等它起来", err=True)
    return _load(path, BOT_REDIS_URL=EmbeddedServer(config.data_path).url)


def _archive_channel(config: Config, name: str) -> ArchiveChannel:
    from bot.config import ArchiveChannel
    from bot.errors import UserError

    channel = config.channel(name)
    if isinstance(channel, ArchiveChannel):
        return channel
    known = "、".join(channel.name for channel in config.channels if isinstance(channel, ArchiveChannel))
    raise UserError(f"没有叫 {name} 的 archive 渠道" + (f"，有的是 {known}" if known else "：在 config.yaml 的 channels 里加一个"))


def _progress(ear: Ear) -> Callable[[], None]:
    """Shows how many lines a second are heard, on a terminal."""
    if not sys.stderr.isatty():
        return lambda: None
    began, shown = time.monotonic(), time.monotonic()

    def show() -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            lines = ear.tally.lines
            click.echo(f"\r{lines} 行，{lines / (shown - began):.0f} 行/秒 ", err=True, nl=False)

    return show


def _say(text: str) -> None:
    """A line to read, over the progress where that is shown."""
    click.echo(f"\r{text}" if sys.stderr.isatty() else text, err=True)


def _write_all(to: int, text: bytes) -> None:
    while text:
        text = text[os.write(to, text) :]


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


def _run_errands(bot: Bot, stop: threading.Event) -> None:
    """Does what is asked of 客户联系, while there is a channel that may."""
    from bot.campaigns import Campaigns
    from bot.client import WeComClient, Wire
    from bot.config import AppChannel, ContactChannel
    from bot.customer_api import CustomerApi
    from bot.customers import Customers
    from handlers.customers import notice
    from storage.limits import Limits
    from storage.tokens import TokenStore

    config, database = bot.config, bot.stores.database
    wire, tokens = Wire(config.wecom.api_base), TokenStore(database)
    apis = {
        channel.name: CustomerApi(WeComClient(config.wecom.corp_id, channel.secret.get_secret_value(), wire=wire, tokens=tokens, now=now))
        for channel in config.channels
        if isinstance(channel, AppChannel | ContactChannel)
    }
    if not apis:
        return
    Customers(
        bot.stores, config, bot.communities, Limits(database), apis, clock=now,
        compose=lambda community, news: notice(community, news, bot.live.current.judge),
        more=Campaigns(bot.stores, config, bot.communities, now).acts,
    ).run(stop)  # fmt: skip


def _make_streams(bot: Bot, stop: threading.Event) -> None:
    from bot.longway import Parts
    from bot.streams import Makers
    from storage import keys
    from storage.limits import Limits
    from storage.outbox import Bell

    parts = Parts(bot.stores.calls, Limits(bot.stores.database), bot.stores.directory.find_number, now)
    makers = Makers(bot.stores, bot.config, bot.pipeline.producers, bot.pipeline.context_of, bot.metrics, now, parts.show)
    makers.run(stop, Bell(bot.stores.database, keys.STREAM_BELL))


def _long_connections(bot: Bot, stop: threading.Event) -> list[tuple[str, Callable[[], None]]]:
    """A named loop for every long connection that this process contends for."""
    from bot.longholder import holders

    held = holders(bot.config, bot.stores, bot.pipeline.receive, bot.metrics, now)
    return [(f"link-{number}", partial(holder.run, stop)) for number, holder in enumerate(held, 1)]


def _send(bot: Bot, stop: threading.Event) -> None:
    from bot.client import WeComClient, Wire
    from bot.config import AppChannel, ContactChannel
    from bot.sender import Sender
    from bot.ways import Lookups, Ways
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

    from bot.alarms import Alarms
    from bot.leavers import Reach
    from bot.webhooks import WebhookKeys

    reach, hooks = Reach(bot.stores, config, now), WebhookKeys(config, bot.stores.webhooks)
    watched = {name: (reach.watched(client), agent_id) for name, (client, agent_id) in apps.items()}
    lookups = Lookups(webhook_key=hooks.find, user_id=reach.find_user, app=watched.get)

    def find_owner(user: str) -> int | None:
        return None if bot.stores.leavers.has_left(user) else bot.stores.directory.find_number(user)

    alarms = Alarms(bot.stores.outbox, config, bot.stores.shards, now, find_owner)

    def circuit_changed(circuit: Circuit) -> None:
        if circuit.is_host:  # targets are people and groups: they stand in the log and in the alarm
            bot.metrics.broken.labels(circuit.name).set(int(circuit.is_open))
        alarms.circuit_changed(circuit)

    ways = Ways(wire, lookups).table() | _long_way(bot, reach.find_user)
    Sender(
        bot.stores.outbox, Limits(database), ways, now=now, shards=range(bot.stores.shards), on_dead=alarms.delivery_died,
        on_outcome=lambda via, outcome: bot.metrics.sent.labels(via, outcome).inc(), on_circuit=circuit_changed,
    ).run(stop, Bell(database))  # fmt: skip


def _long_way(bot: Bot, find_user: Callable[[int], str | None]) -> dict[str, Way]:
    from bot.longway import LongWay
    from storage.keys import shard_of

    stores = bot.stores

    def keep_words(member: int, text: str, once: str) -> None:
        if user := find_user(member):
            stores.notices.keep(shard_of(user, stores.shards), member, text, once=once)

    return {"aibot_ws": LongWay(stores.calls, find_user, keep_words, now).way()}


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
    from bot.cures import cure
    from bot.errors import ApiError, StartError, UserError
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
    except ApiError as error:
        click.echo(f"✗ {cure(error)}", err=True)
        sys.exit(1)
    except (UserError, StorageAway, EmbeddedServerError) as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    entry()
