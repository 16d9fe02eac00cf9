"""The rules of Redis Cluster, kept by every act: all its keys in one slot, and no key that it did not declare.

A single server in cluster mode that holds all slots refuses an act whose keys straddle slots (CROSSSLOT), as any cluster would. What scripts
touch beyond their declared keys is read from MONITOR.
"""

from __future__ import annotations

import re
import shlex
import socket as socketlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from chat import MAIN, Chat, a_config, build, settings
from redis.exceptions import ResponseError
from trying import live_through, trying

from bot.breaker import TARGET
from bot.health_desk import ring_health
from bot.invitation_desk import ring_invitations
from bot.mailing import fire
from bot.member_models import ring_models
from bot.metrics import Metrics
from bot.moods import ring_moods
from bot.readers import ring_log
from bot.shop_desk import ring_due as ring_orders
from bot.streams import Makers
from bot.traits import ring_traits
from bot.welcomes import ring_welcomes
from bot.worker import recover_once
from handlers.first_messages import award_firsts
from handlers.flows import ring_flows
from handlers.human import ring
from handlers.levels import crown_months
from handlers.privacy import export_person
from rules.contents import Push
from rules.judgement import Verdict
from rules.roster import Roster, Seat
from rules.text import Words
from storage import keys
from storage.connection import LUA, Database, Script
from storage.content import MOST_AT_ONCE
from storage.customer_groups import KnownGroup, Look, News
from storage.embedded import ask, find_server
from storage.errands import Errand
from storage.layouts import convert
from storage.limits import WEBHOOK, Limits
from storage.mailings import Claim, Page
from storage.mass_messages import MassRecord
from storage.moment import to_ms
from storage.moods import Scored
from storage.openings import Opening, PastDays
from storage.outbox import Delivery, Lease
from storage.tokens import TokenStore
from tests.timing import await_until

pytest_plugins = ("chat",)

WITHOUT_KEYS = {"PUBLISH"}
ENOUGH = "~~ seen enough ~~"
"""Ends the watching; no script says it."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of one."""
    binary, _ = find_server()
    folder = tmp_path_factory.mktemp("cluster")
    socket = folder / "c.sock"
    with socketlib.create_server(("127.0.0.1", 0)) as free, socketlib.create_server(("127.0.0.1", 0)) as free_too:
        ports = free.getsockname()[1], free_too.getsockname()[1]  # a cluster wants ports, though nobody connects to them here
    options = {"port": str(ports[0]), "cluster-port": str(ports[1]), "bind": "127.0.0.1", "unixsocket": str(socket), "save": ""}
    options |= {"cluster-enabled": "yes", "dir": str(folder)}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    server = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL)
    try:
        await_until(lambda: ask(socket, "PING") == "+PONG")
        assert ask(socket, "CLUSTER ADDSLOTSRANGE 0 16383") == "+OK"
        await_until(lambda: "cluster_state:ok" in ask(socket, "CLUSTER INFO"))
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def chat(cluster: str, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None) -> Iterator[Chat]:
    """The bot on an empty cluster."""
    assert ask(Path(cluster.removeprefix("unix://")), "FLUSHALL") == "+OK"
    chat = build(iter(range(1, 10_000)), a_config(tmp_path, cluster, settings(dry_run=False)), dictionary, metrics)
    yield chat
    chat.stores.database.close()


@contextmanager
def watched(url: str) -> Iterator[list[str]]:
    """Every command that the server runs meanwhile, with those of scripts, as MONITOR tells them."""
    seen: list[str] = []
    client: Any = redis.Redis.from_url(url, socket_timeout=60)  # the bot may be busy with something else than Redis for long
    listener = client.monitor()
    with listener:

        def listen() -> None:
            while ENOUGH not in (line := listener.connection.read_response().decode()):
                seen.append(line)

        thread = Thread(target=listen)
        thread.start()
        yield seen
        client.echo(ENOUGH)
        thread.join(10)
        assert not thread.is_alive()


def undeclared(seen: list[str]) -> set[tuple[str, str]]:
    """Commands and keys that scripts touched without having declared the key."""
    found, declared = set(), set()
    for line in seen:
        words = [bytes(word, "utf-8").decode("unicode_escape", "replace") for word in shlex.split(re.sub(r"^.*?\] ", "", line), posix=True)]
        if " lua] " in line.split('"')[0] + " ":
            if words[0].upper() not in WITHOUT_KEYS and words[1] not in declared:
                found.add((words[0], words[1]))
        elif words[0].upper() in {"EVALSHA", "EVAL"}:
            declared = set(words[3 : 3 + int(words[2])])
    return found


def try_wordings(chat: Chat) -> None:
    """A push on trial that is counted and settled."""
    live_through(trying(chat), days=1, a_day=4, chances={"A": 1.0, "B": 1.0})
    chat.as_admin("实验 推广 tea A")
    chat.stores.experiments.erase_user(1)


def use_everything(chat: Chat) -> None:
    """A day of the bot, so that every script runs."""
    now_ms = to_ms(chat.clock())
    for user in ("lilei", "hanmei", "boss"):
        chat.says("签到", user=user)
        chat.privately("我的积分", user=user)
        chat.says("排行榜", user=user)
        chat.privately("积分明细", user=user, through="desk")
        chat.enters(user=user)
    chat.stores.check_ins.give_cards(chat.community.keys, chat.member("lilei"), 1, once="card")
    for said in ("补签", "参加挑战 1", "打卡", "打卡进度", "退出挑战", "1"):
        chat.says(said)
    chat.as_admin("挑战 名单 1")
    chat.says("签到", group="wrSTRANGER")
    chat.says("发票")
    chat.says("1")
    chat.says("量子纠缠的贝尔不等式是什么意思")
    chat.says("怎么退款")
    chat.says("有用")
    chat.stores.proposals.add("main", "问", "答", (), "工单 1", chat.clock(), once="p")
    for command in ("未答", "未答 1 忽略", "未答 采纳 P1", "问答 列表", "问答 用例 添加 钱呢 => refund"):
        chat.as_admin(command)
    chat.says("你个王八蛋")
    chat.clicks(chat.as_admin("案件"), "忽略")
    chat.as_admin("处理 1 警告")
    chat.privately("申诉 1 开玩笑的")
    chat.later(minutes=11)
    assert "维持原判" in chat.as_admin("处理 1 维持 不是玩笑")
    chat.privately("举报 @lilei 他骂人", user="hanmei")
    chat.as_admin("处理 2 合并 1")
    chat.stores.reports.erase_user(chat.member("hanmei"))
    chat.as_admin("角色 lilei 运营")
    chat.as_admin("暂停")
    chat.as_admin("恢复")
    chat.privately("切换社群 1")
    chat.stores.sessions.touch(chat.stores.sessions.begin(1, chat.clock()), chat.clock())
    chat.stores.accounts.set_up(1, "digest", "secret", ["AAAAA-AAAAA"], 1, chat.clock(), once="a")
    chat.stores.accounts.drop(1)
    until = chat.clock() + timedelta(days=30)
    _, token = chat.stores.api_tokens.make("报表", "main", names=False, by=1, now=chat.clock(), until=until, once="a")
    chat.stores.api_tokens.revoke(token.id, chat.clock())
    chat.as_admin("数据")
    chat.as_admin("数据 本周")
    push_something(chat)
    makers = Makers(chat.stores, chat.config, chat.pipeline.producers, chat.pipeline.context_of, chat.metrics, chat.clock)
    assert [makers.make(work) for work in chat.stores.streams.take()] == [True]
    chat.says("人工 怎么退款")
    chat.as_admin("回复 1 这样")
    chat.says("再问 要几天")
    chat.later(minutes=16)
    assert ring(chat.stores, chat.config, chat.live.current.duty, chat.communities, chat.clock()) == 1
    honour_somebody(chat)
    chat.stores.notices.keep(3, 1, "悄悄话", once="n")
    chat.stores.heard.hush(chat.community.shard, MAIN, 1, chat.clock(), timedelta(seconds=60))
    chat.stores.heard.count_newcomer(chat.community.shard, MAIN, 1, chat.clock())
    chat.stores.trials.note(chat.community.keys, 1, Verdict("review", 2), "话", chat.clock(), once="t")
    chat.stores.trials.restart(chat.community.keys, chat.clock())
    for n in range(33):
        chat.says("退款一直没人处理，太差了，气死我了", user=f"unhappy{n % 4}")
    assert ring_moods(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 1
    assert ring_health(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 0  # looked, and nothing to tell
    assert ring_log(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    assert ring_traits(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    chat.as_admin("情绪")
    assert "主群" in chat.as_admin("健康")
    chat.as_admin("危机模式 开启")
    chat.as_admin("危机模式 解除")
    chat.stores.moods.mix(chat.community.keys, [Scored(1, MAIN, to_ms(chat.clock()), "2026-03-10", 0.7, False)])
    chat.stores.jobs.done([*chat.stores.jobs.take(), *chat.stores.jobs.left_behind(0)])
    chat.stores.leases.hold("mood", 1000)
    chat.stores.leases.release("mood")
    assert chat.stores.notes.add(chat.community.keys, chat.member("lilei"), "爱读书", chat.member("boss"), chat.clock(), once="n") == 1
    chat.stores.directory.rename("hanmei", "hanmeimei")
    assert chat.stores.archive.take("ear", 1, 2) == 2
    assert chat.stores.webhooks.put("main|wrMAIN", "new", "old", once="w")[0] == "replaced"
    chat.stores.content.put("welcome", {"": "first_message: 你好\n"}, "boss", chat.clock())
    chat.stores.content.put("spare", {f"n{n}": "x" for n in range(MOST_AT_ONCE + 1)}, "boss", chat.clock())
    chat.live.refresh()
    fire(Push("p", "0 9 * * *", "早安"), chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    try_wordings(chat)
    bury_one(chat)
    send_all(chat, now_ms + 10_000)
    look_at_a_group(chat)
    limits, tokens = Limits(chat.stores.database), TokenStore(chat.stores.database)
    limits.acquire("hook.main", WEBHOOK, now_ms)
    limits.failed("hook.main", TARGET, now_ms)
    limits.answered("hook.main")
    limits.pause("hook.main", now_ms + 1000, now_ms)
    tokens.put("id", "token", 7200, now_ms)
    tokens.unlock("id", tokens.lock("id") or "")
    chat.clean_up()
    go_shopping(chat)
    move_points(chat)
    lead_somebody(chat)
    bring_somebody(chat)
    invite_somebody(chat)
    hold_an_activity(chat)
    hand_something_in(chat)
    chat.stores.points.discrepancies(chat.community.keys)
    export_person(chat.stores, chat.member("lilei"))
    chat.erase("lilei")


def push_something(chat: Chat) -> None:
    """A mailing is begun and stopped, and a member wants no more of them."""
    now = chat.clock()
    page = Page((), None, "", "running", now, now.date())
    stores, where = chat.stores, chat.community.keys
    assert stores.mailings.carry_on(where, "p", now, page, now, Claim("groups", "早安", 0, now.date()))
    stopped = stores.mailings.stop(where, "p", now, 1, now, "stop")
    assert stopped
    assert stopped.state == "stopped"
    assert stores.firings.claim(where, "q", now, (), now, None, day=now.date(), why="quiet")
    chat.says("免打扰")
    chat.says("订阅")


def hand_something_in(chat: Chat) -> None:
    """Replies, likes, a work and words without a name, reviewed."""
    begun = [chat.as_admin(words) for request in ("发起话题 书", "发起征稿 书 | 奖励 5", "发起树洞 夜") for words in (request, "1")]
    assert all("开始了" in said for said in begun[1::2]), begun
    first = chat.stores.submissions.count_waiting(chat.community.keys)
    said = chat.says("话题 二十页")
    assert "记下了" in said, said
    number = int(said.split(" ")[1])
    assert "👍" in chat.says(f"赞 {number}", user="hanmei")
    assert "收到" in chat.says("投稿 书签")
    assert "收下了" in chat.privately("树洞 累了")
    assert chat.stores.submissions.count_waiting(chat.community.keys) == first + 2
    assert "精华" in chat.as_admin(f"审稿 {number + 1} 精华")
    in_box = next(one.number for one in chat.stores.submissions.waiting(chat.community.keys, 50) if one.text == "累了")
    assert "已通过" in chat.as_admin(f"审稿 {in_box} 通过")
    assert chat.stores.submissions.drop_before(chat.clock()) >= 0


def move_points(chat: Chat) -> None:
    """Points that are given, handed on, and lapse; and those of an older layout."""
    chat.as_admin("发积分 lilei 30 热心解答")
    assert "已送给" in chat.says("转赠 hanmeimei 2")
    where, now = chat.community.keys, chat.clock()
    assert chat.stores.points.lapse(where, now, today=now.date() + timedelta(days=1_000))
    t = to_ms(now)
    row = ("t", t, "from", "treasury", "to", 9, "n", 5, "reason", "签到", "actor", 9, "once", "m")
    chat.stores.database.command("XADD", keys.LEDGER_V2(shard=where.shard, community=where.id), "*", *row)
    chat.stores.directory.enrol("named", name="李雷")
    convert(chat.stores.database, 2)


def bring_somebody(chat: Chat) -> None:
    """Somebody brings points and check-ins from elsewhere."""
    where, today = chat.community.keys, chat.clock().date()
    opening = Opening(points=9, days=PastDays(today, 2, 2, 2, [(today, today)]))
    number = chat.stores.directory.enrol("brought", community=where.id).number
    book = chat.stores.openings.book(where, number, opening, chat.clock(), today=today, lapses=None, once="brought")
    assert (book.outcome, book.balance) == ("new", 9)
    assert number in {known.number for known in chat.stores.openings.everybody(where)}


def hold_an_activity(chat: Chat) -> None:
    """A lottery is made, entered, closed, drawn and paid."""
    chat.as_admin("发起抽奖 周五抽 | 奖品 积分5 1 | 截止 明天20:00")
    chat.as_admin("1")
    assert "号码" in chat.says("抽奖", user="hanmeimei")
    assert "开奖" in chat.as_admin("活动 截止 1")
    found = chat.stores.activities.find(chat.community.keys, 1)
    assert found is not None
    assert found.is_paid
    chat.as_admin("发起接龙 周六爬山 | 花费 1")
    chat.as_admin("1")
    chat.says("接龙 我", user="hanmeimei")
    chat.as_admin("活动 取消 2")
    assert "取消了" in chat.as_admin("1")


def invite_somebody(chat: Chat) -> None:
    """A newcomer comes by somebody's code, stays, and leaves; an inviter is forgotten."""
    stores, where = chat.stores, chat.community.keys
    code = stores.invitations.code_of(where, chat.member("hanmeimei"))
    assert "记下了" in chat.says(f"邀请码 {code}", user="guest")
    stores.invitations.note_seen(where, {chat.member("guest"): to_ms(chat.clock()) // 1000}, {}, chat.clock())
    later = chat.clock() + timedelta(days=7)
    assert ring_invitations(stores, chat.config, chat.live.current, chat.communities, later) == 1
    assert stores.invitations.erase_user(chat.member("guest"))


def lead_somebody(chat: Chat) -> None:
    """A newcomer is led, asked again by the clock, and welcomed together with another; one who was led is forgotten."""
    assert "群规" in chat.privately("新人任务")
    assert "群规" in chat.privately("新人任务", user="hanmei")
    chat.later(days=1, hours=1)
    assert ring_flows(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    chat.stores.flows.drop_question(0, "", chat.member("hanmei"), "none")
    assert chat.stores.flows.erase_user(chat.member("hanmei"))
    where, now = chat.community.keys, chat.clock()
    group, look = KnownGroup("wrMAIN", where, "customers"), Roster("v1", seats={1: Seat(2, 5)})
    assert chat.stores.customer_groups.keep(group, Look(), look, News(newcomers=(77, 78)), now, "2026-03-10")
    later = now + timedelta(minutes=1)
    assert chat.stores.welcomes.due(later)
    ring_welcomes(chat.stores, chat.config, chat.live.current, chat.communities, later)
    assert not chat.stores.welcomes.due(later)
    assert chat.stores.customer_groups.close(group, chat.stores.customer_groups.look_back(where, "wrMAIN"), News(), now, "2026-03-10")


def go_shopping(chat: Chat) -> None:
    """Shelves are filled; a code, a card and a thing are exchanged; of two orders one is recalled, the other given back."""
    chat.as_admin("发积分 lilei 900 热心解答")
    assert "→ 5 件" in chat.as_admin("商城 补货 纪念 T 恤 5")
    assert "加了 1 个" in chat.as_admin("商城 加码 咖啡兑换码\nABC-1")
    for item in ("咖啡兑换码", "补签卡"):
        assert "换到了" in chat.says(f"兑换 {item}")
    chat.says("兑换 纪念 T 恤")
    assert "换到了" in chat.says("1")
    assert "补签卡" in chat.says("我的订单")
    assert ring_orders(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock() + timedelta(days=3)) == 1
    assert "已退款" in chat.as_admin("订单 3 退款 缺货")


def honour_somebody(chat: Chat) -> None:
    """Thanks, a badge, a tag, the day's first messages and the best of a month."""
    assert "感谢了" in chat.says("谢谢 @hanmei")
    assert "获得勋章" in chat.as_admin("授勋 hanmei 社群之光")
    assert "VIP" in chat.as_admin("标签 hanmei 加 VIP")
    assert award_firsts(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    assert ring_log(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    assert ring_models(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    next_month = chat.clock() + timedelta(days=31)
    assert crown_months(chat.stores, chat.config, chat.live.current, chat.communities, next_month) == 2


def bury_one(chat: Chat) -> None:
    """A message that nobody can handle."""
    place_shard = chat.community.shard
    entry = chat.stores.database.command("XADD", keys.INBOX(shard=place_shard), "*", "m", kept(chat))
    chat.stores.database.command("XREADGROUP", "GROUP", "bot", "dead", "STREAMS", keys.INBOX(shard=place_shard), ">")
    chat.stores.database.command("XCLAIM", keys.INBOX(shard=place_shard), "bot", "dead", 0, entry, "RETRYCOUNT", 5, "JUSTID")
    recover_once(chat.pipeline, chat.stores, idle_ms=0)
    assert chat.stores.inbox.depth() == 0


def kept(chat: Chat) -> str:
    """An inbox entry of a member's message, as the pipeline writes it."""
    return (
        '{"message":{"id":"assistant:B","channel":"assistant","kind":"text","user":"lilei","chat":"wrMAIN","text":"x"},'
        f'"member":{chat.member("lilei")},"community":"main","as_json":false}}'
    )


def look_at_a_group(chat: Chat) -> None:
    """A customer group is looked at twice, closed, and sent a mass message."""
    stores, where, now = chat.stores, chat.community.keys, chat.clock()
    errand = Errand("roster", "customers", "wrX", where, {"current": "v1"})
    stores.errands.ask(errand, to_ms(now), first={"since": "1"}, once="e")
    taken = stores.errands.take(where.shard, errand.id, to_ms(now))
    assert taken
    assert stores.errands.begin(taken)
    assert not stores.errands.begin(taken), "once"
    assert stores.errands.take_back(taken)
    assert stores.errands.done(taken, to_ms(now))
    group, notice = KnownGroup("wrX", where, "customers"), Delivery("n", "now", "hook.main.admin", "webhook", "main", {}, about=(1,))
    news = News([(1, {"group": "join"})], {"joins": 1}, (notice,))
    looks = [Roster("v1", seats={1: Seat(2, 5)}), Roster("v2", seats={2: Seat(1, 6)})]
    for look in looks:
        assert stores.customer_groups.keep(group, stores.customer_groups.look_back(where, "wrX"), look, news, now, "2026-03-10")
    assert stores.customer_groups.owned_by(where, 0) == ["wrX"]
    assert stores.customer_groups.close(group, stores.customer_groups.look_back(where, "wrX"), News(), now, "2026-03-10")
    record = MassRecord("msg1", "customers", 1, 1, to_ms(now))
    number = stores.mass_messages.record(where, record, ["wrX"], "2026-03", once="m")
    assert stores.mass_messages.used(where, ["wrX"], "2026-03") == {"wrX": 1}
    assert stores.mass_messages.take_reminder(where, number, now, once="r") == 2


def send_all(chat: Chat, now_ms: int) -> None:
    """Every way that a delivery can end: it arrives, waits, is given up, replayed, dropped, or taken twice."""
    outbox = chat.stores.outbox
    more = [
        Delivery(id=f"d{n}", lane="now", target="hook.main.x", via="webhook", community="main", body={"n": n}, member=1) for n in range(4)
    ]
    assert outbox.enqueue(4, more, now_ms) == 4
    for shard, lane, target in outbox.due(range(16), now_ms):
        lease = outbox.lease(shard, lane, target, "me", now_ms, 1000)
        assert lease
        assert outbox.done(lease, now_ms)
    settled: list[Callable[[Lease], bool]] = [
        lambda lease: outbox.again(lease, now_ms, count_attempt=True, lets_pass=True),
        lambda lease: outbox.dead(lease, "test", now_ms),
        lambda lease: outbox.dead(lease, "test", now_ms),
    ]
    for settle in settled:
        lease = outbox.lease(4, "now", "hook.main.x", "me", now_ms, 1000)
        assert lease
        assert settle(lease)
    small = [replace(delivery, id=f"s{delivery.id}", mergeable=True) for delivery in more[:2]]
    assert outbox.enqueue(4, small, now_ms) == 2
    lease = outbox.lease_first(4, "hook.main.x", "me", now_ms, 1000)
    assert lease
    assert outbox.done(lease, now_ms)
    lease = outbox.lease_first(4, "hook.main.x", "me", now_ms, 1000)
    assert lease
    [(behind, _)] = outbox.behind(lease, 9)
    assert outbox.merge(lease, replace(lease.delivery, merged=("sd1",)), [behind])
    assert outbox.split(lease, small, now_ms)
    first, second = outbox.dead_letters(4)
    assert outbox.replay(4, first.delivery.id, now_ms, once="again")
    assert outbox.hold("held", now_ms) > 0
    assert chat.stores.mailings.claim_readers(chat.community.keys, "p", "2026-12-01 09:00", [1, 2]) == frozenset()
    assert outbox.drop(4, second.delivery.id, once="away")
    assert outbox.settled(4, "again")


def test_every_act_keeps_to_one_slot_and_to_its_declared_keys(chat: Chat, cluster: str) -> None:
    with watched(cluster) as seen:
        use_everything(chat)
    assert len([line for line in seen if " lua] " in line]) > 300, "or nothing was watched"
    assert undeclared(seen) == set()


def test_every_script_is_among_those_that_were_tried(chat: Chat, cluster: str) -> None:
    with watched(cluster) as seen:
        use_everything(chat)
    ran = {line.split('"')[3] for line in seen if line.split('"')[1].upper() == "EVALSHA"}
    untried = {path.stem for path in LUA.glob("*.lua") if sha_of(path) not in ran}
    assert untried == set()


def sha_of(path: Path) -> str:
    """The name under which the server knows a script."""
    return Script(path.stem).sha


def test_a_cluster_really_refuses_what_straddles_slots(cluster: str) -> None:
    database = Database(cluster)
    with pytest.raises(ResponseError, match="same slot"):
        database.client.eval("return 1", 2, "qb:{1}:a", "qb:{2}:a")
    database.close()


def test_an_undeclared_key_would_be_seen(cluster: str) -> None:
    client: Any = redis.Redis.from_url(cluster)
    with watched(cluster) as seen:
        client.eval("redis.call('SET', KEYS[1], 1) return redis.call('GET', 'qb:{1}:sec' .. 'ret')", 1, "qb:{1}:a")
    assert undeclared(seen) == {("GET", "qb:{1}:secret")}
