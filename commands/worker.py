"""``worker``: recovers, sends, runs errands, rings the clock; what each of its threads is built of."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import Bot, build, now
from commands.opening import config_option, erased_register, one_role
from commands.roles import end_soon, patiently, role_command, start_clock, tell_status

if TYPE_CHECKING:
    from bot.breaker import Circuit
    from bot.sender import Sender
    from bot.uploads import Uploads
    from bot.ways import Way


@click.command()
@config_option
@click.pass_obj
def worker(path: Path, later: Path | None) -> None:
    """只启动后台：恢复、发送、情绪，也报时。"""
    os.nice(5)  # members wait for the web processes
    path = later or path
    config = one_role(path)
    bot, stop = patiently(lambda: build(config, "worker")), threading.Event()
    patiently(lambda: _sweep_restored(bot))
    from bot.processes import ProcessTree, Role
    from bot.watch import Watch
    from bot.worker import recover, start_threads

    ringing = start_clock(bot)
    tell_status(bot)
    threads = start_threads(
        ("recover", lambda: recover(bot.pipeline, bot.stores, bot.metrics, stop)),
        ("sender", lambda: _send(bot, stop)),
        ("streams", lambda: _make_streams(bot, stop)),
        ("customers", lambda: _run_errands(bot, stop)),
        ("pictures", lambda: _watch_pictures(bot, stop)),
        ("watch", lambda: Watch(bot.stores, config, bot.metrics, now).run(stop)),
        *_long_connections(bot, stop),
    )
    # SnowNLP is slow and large: a process of its own, so that it holds up no sender.
    moods = [Role("mood", role_command(path, "mood"))] if config.mood.enabled and config.mood.model == "snownlp" else []
    ProcessTree(moods).run()
    end_soon()
    ringing.stop()
    stop.set()
    for thread in threads:
        thread.join()


def _sweep_restored(bot: Bot) -> None:
    from bot.restored import erase_again

    if back := erase_again(bot.stores, erased_register(bot.config)):
        click.echo(f"恢复的备份里有 {back} 位已删除的成员，已再次删除。", err=True)


def _run_errands(bot: Bot, stop: threading.Event) -> None:
    """Does what is asked of 客户联系, while there is a channel that may."""
    from bot.campaigns import Campaigns
    from bot.client import WeComClient, Wire
    from bot.config import AppChannel, ContactChannel
    from bot.customer_api import CustomerApi
    from bot.customers import Customers
    from bot.invitation_desk import InvitationDesk
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
        see_roster=lambda community, *moves: InvitationDesk(bot.stores, config, bot.live.current, community, now()).see_roster(*moves),
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


def _watch_pictures(bot: Bot, stop: threading.Event) -> None:
    """Looks for codes in members' pictures, while there is a channel that shows any."""
    from bot.client import Wire
    from bot.config import AibotChannel, AibotWsChannel
    from bot.media import fetch
    from bot.picture_watch import PictureWatch
    from bot.qr_codes import MOST_BYTES, read_apart

    if not any(isinstance(channel, AibotChannel | AibotWsChannel) for channel in bot.config.channels):
        return
    wire = Wire(bot.config.wecom.api_base)
    PictureWatch(
        bot.stores, bot.config, bot.pipeline.context_of, lambda url, key: fetch(wire, url, key, most_bytes=MOST_BYTES).data, read_apart,
        bot.metrics, clock=now, rest=stop.wait,
    ).run(stop)  # fmt: skip


def _long_connections(bot: Bot, stop: threading.Event) -> list[tuple[str, Callable[[], None]]]:
    """A named loop for every long connection that this process contends for."""
    from bot.longholder import holders

    held = holders(bot.config, bot.stores, bot.pipeline.receive, bot.metrics, now)
    return [(f"link-{number}", partial(holder.run, stop)) for number, holder in enumerate(held, 1)]


def _send(bot: Bot, stop: threading.Event) -> None:
    from storage.outbox import Bell
    from storage.shared_clock import SharedClock

    sender_of(bot, SharedClock(bot.stores.database, now)).run(stop, Bell(bot.stores.database))


def sender_of(bot: Bot, clock: Callable[[], datetime], *, rng: random.Random | None = None, threads: int = 32) -> Sender:
    """What sends a bot's deliveries to WeCom."""
    from bot.client import WeComClient, Wire
    from bot.config import AppChannel, ContactChannel
    from bot.sender import Sender
    from bot.ways import Lookups, Ways
    from storage.limits import Limits
    from storage.tokens import TokenStore

    config, database = bot.config, bot.stores.database
    wire, tokens = Wire(config.wecom.api_base), TokenStore(database)
    apps = {
        channel.name: (
            WeComClient(config.wecom.corp_id, channel.secret.get_secret_value(), wire=wire, tokens=tokens, now=clock),
            channel.agent_id if isinstance(channel, AppChannel) else 0,
        )
        for channel in config.channels
        if isinstance(channel, AppChannel | ContactChannel)
    }

    from bot.activities.lottery import PROOFS, proof_file
    from bot.alarms import Alarms
    from bot.files import Files, Make
    from bot.leavers import Reach
    from bot.media import Media
    from bot.report_desk import BOOKS, book_file
    from bot.second_look import SecondLook
    from bot.uploads import Uploads
    from bot.webhooks import WebhookKeys
    from handlers.privacy import COPIES, copy_file
    from storage.media import MediaStore

    reach, hooks = Reach(bot.stores, config, clock), WebhookKeys(config, bot.stores.webhooks, bot.stores.groups)
    watched = {name: (reach.watched(client), agent_id) for name, (client, agent_id) in apps.items()}
    lookups = Lookups(webhook_key=hooks.find, user_id=reach.find_user, app=watched.get)

    def find_owner(user: str) -> int | None:
        return None if bot.stores.leavers.has_left(user) else bot.stores.directory.find_number(user)

    alarms = Alarms(bot.stores.outbox, config, bot.stores.shards, clock, find_owner)

    def circuit_changed(circuit: Circuit) -> None:
        if circuit.is_host:  # targets are people and groups: they stand in the log and in the alarm
            bot.metrics.broken.labels(circuit.name).set(int(circuit.is_open))
        alarms.circuit_changed(circuit)

    def book(name: str) -> bytes:
        return book_file(bot.stores, config, bot.live, bot.communities, clock(), name)

    makers: dict[str, Make] = {
        PROOFS: partial(proof_file, bot.stores, config, bot.communities),
        BOOKS: book,
        COPIES: partial(copy_file, bot.stores),
    }
    uploads = Uploads(Files(config.files_path, makers), Media(MediaStore(database), clock))
    ways = Ways(wire, lookups, uploads).table() | _long_way(bot, reach.find_user, uploads, clock)
    return Sender(
        bot.stores.outbox, Limits(database), ways, now=clock, shards=range(bot.stores.shards), on_dead=alarms.delivery_died,
        is_paused=bot.stores.pauses.holds, look_again=SecondLook(bot.stores, bot.live, bot.communities),
        on_outcome=lambda via, outcome: bot.metrics.sent.labels(via, outcome).inc(), on_circuit=circuit_changed, rng=rng,
        threads=threads,
    )  # fmt: skip


def _long_way(bot: Bot, find_user: Callable[[int], str | None], uploads: Uploads, clock: Callable[[], datetime]) -> dict[str, Way]:
    from bot.longway import LongWay
    from storage.keys import shard_of

    stores = bot.stores

    def keep_words(member: int, text: str, once: str) -> None:
        if user := find_user(member):
            stores.notices.keep(shard_of(user, stores.shards), member, text, once=once)

    return {"aibot_ws": LongWay(stores.calls, find_user, keep_words, clock, uploads).way()}
