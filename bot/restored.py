"""What is done with data that came back from a backup, before anybody works on them: time has gone on without them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot.config import Config
from bot.erased import ErasedRegister
from storage.community import CommunityKeys
from storage.keys import shard_of
from storage.moment import to_ms
from storage.snapshot import drop_fleeting
from storage.stores import Stores

HELD = "恢复备份时还在排队：备份以后可能已经发过"
ONCE = "restored:{now_ms}:{community}"


def settle_restored(
    stores: Stores, config: Config, register: ErasedRegister, now: datetime, *, is_sending: bool, is_key_known: bool = True
) -> Iterator[str]:
    """Makes restored data fit to go on with; tells in Chinese what was done. May be repeated.

    Erased persons go again, logins end. What was queued, planned or under way may have been said after the backup was made: unless ``is_sending``, the
    queue becomes dead letters, moments that passed are not made up for, mailings end, and every community is paused until an administrator lets it go on.
    """
    drop_fleeting(stores.database)
    yield "已退出所有控制台登录；企业微信的 access_token 会重新取"
    if back := erase_again(stores, register, is_key_known=is_key_known):
        yield f"备份里有 {back} 位已删除的成员，已再次删除"
    if is_sending:
        return
    now_ms = to_ms(now)
    if held := stores.outbox.hold(HELD, now_ms):
        yield f"{held} 条还在排队的消息成了死信，没有发：确认没发过的，在“运行”页或用 run.py outbox replay 重发"
    stores.firings.begin_all_anew(now)
    places = [*(community.id for community in config.communities), *stores.groups.all()]
    stopped = sum(_stop_mailings(stores, place, now, now_ms) for place in places)
    if stopped:
        yield f"{stopped} 批发到一半的推送停下了"
    for place in places:
        if not stores.pauses.of(place):
            stores.pauses.set(place, "posts", once=ONCE.format(now_ms=now_ms, community=place))
    if places:
        yield f"{len(places)} 个社群暂停了推送、警告和欢迎（照常回答）：看过没有问题，就在各社群发“恢复”，或在控制台恢复"


def erase_again(stores: Stores, register: ErasedRegister, *, is_key_known: bool = True) -> int:
    """Forgets again whom a backup brought back; gives how many they were. Without the key nobody can be told by his mark: then his number decides."""
    back = 0
    for erased in dict.fromkeys(register.all()):
        user = stores.directory.find_user(erased.number)
        if user and (not is_key_known or register.is_meant(erased, user)):
            for store in stores.of_persons().values():
                store.erase_user(erased.number)
            back += 1
    if back:
        stores.database.rewrite_log()  # what was loaded still stands in the append-only file
    return back


def _stop_mailings(stores: Stores, community: str, now: datetime, now_ms: int) -> int:
    where = CommunityKeys(community, shard_of(community, stores.shards))
    running = stores.mailings.running(where)
    for one in running:
        stores.mailings.stop(where, one.push, one.planned, 0, now, once=ONCE.format(now_ms=now_ms, community=one.name))
    return len(running)
