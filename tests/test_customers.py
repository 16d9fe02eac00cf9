"""Customer groups and 客户联系: what happens in a group is told once, whatever is lost, doubled or late on the way."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chat import KEY, ROOT, Chat, a_config, build, settings
from hypothesis import given
from hypothesis import strategies as st

from bot.campaigns import Campaigns
from bot.channels import KINDS
from bot.client import WeComClient, Wire
from bot.customer_api import CustomerApi
from bot.customers import Customers, ask_for_sweep
from bot.errors import ApiError
from bot.message import Message
from bot.metrics import Metrics
from bot.sender import Sender
from bot.ways import Lookups, Ways
from handlers.customers import notice
from rules.contents import WORDS, parse
from rules.intercepts import NAME, Rule, plan
from rules.text import Words
from simulator import payloads
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.pretend import PretendWeCom
from simulator.server import serve
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.stores import Stores
from storage.tokens import TokenStore
from tests.timing import START, Clock

pytest_plugins = ("chat",)

GROUP, OTHER = "wrCUSTOMERS", "wrOTHER"
SECRET = "contact-secret"


class Stage:
    """The bot with a contact channel, a worker of its own, and a pretend WeCom on the same clock."""

    def __init__(self, chat: Chat, wecom: PretendWeCom, wire: Wire) -> None:
        self.chat, self.wecom, self.wire = chat, wecom, wire
        self.client = WeComClient("wwCORP", SECRET, wire=wire, tokens=TokenStore(chat.stores.database), now=chat.clock)
        self.api = CustomerApi(self.client)
        self.worker = self.another()

    def another(self, stores: Stores | None = None, api: Any = None) -> Customers:
        """A second worker process."""
        chat = self.chat
        stores = stores or chat.stores
        return Customers(
            stores, chat.config, chat.communities, Limits(chat.stores.database), {"customers": api or self.api},
            clock=chat.clock, compose=lambda community, news: notice(community, news, chat.live.current.judge),
            more=Campaigns(stores, chat.config, chat.communities, chat.clock).acts,
        )  # fmt: skip

    def sender(self) -> Sender:
        """What sends the outbox."""
        stores = self.chat.stores
        lookups = Lookups(
            webhook_key=lambda community, chat: None, user_id=stores.directory.find_user,
            app=lambda channel: (self.client, 0) if channel == "customers" else None,
        )  # fmt: skip
        ways = Ways(self.wire, lookups).table()
        return Sender(
            stores.outbox, Limits(stores.database), ways, now=self.chat.clock, shards=range(16), on_dead=lambda delivery, reason: None
        )

    def died(self) -> list[str]:
        """Why deliveries were given up."""
        return [letter.reason for shard in range(16) for letter in self.chat.stores.outbox.dead_letters(shard)]

    def hears(self, name: str, change: str, body: dict[str, Any]) -> None:
        """A callback of the contact channel, as the channel reads it."""
        self.chat.receive(self.event(name, change, body))

    def event(self, name: str, change: str, body: dict[str, Any]) -> Message:
        at = int(self.chat.clock().timestamp())
        plain = payloads.contact_event(corp_id="wwCORP", at=at, name=name, change=change, body=body)
        return KINDS["contact"].parse(plain, channel="customers")

    def change(self, *, joining: tuple[str, ...] = (), leaving: tuple[str, ...] = (), chat: str = GROUP, form: str = "items") -> Message:
        """Members in or out; gives the callback that tells of it, for the test to deliver or not."""
        for user in joining:
            self.wecom.world.people.setdefault(user, Person(user, f"客{user}", external=True))
        versions = self.wecom.world.change_members(chat, joining, leaving)
        users = list(joining or leaving)
        body = payloads.member_change(chat=chat, joining=bool(joining), scene=0, users=users, versions=versions, form=form)
        return self.event("change_external_chat", "update", body)

    def work(self, *, for_s: float = 12, step_s: float = 2) -> None:
        """Lets the worker do what is due, and what becomes due."""
        for _ in range(int(for_s / step_s)):
            self.worker.work_once()
            self.chat.later(seconds=step_s)

    def sweep(self, *, for_s: float = 4) -> None:
        ask_for_sweep(self.chat.stores, self.chat.community, "customers", self.chat.clock())
        self.work(for_s=for_s)

    def told(self, what: str = "") -> list[tuple[str, str]]:
        """What was told about members and groups, as (what, WeCom's id), oldest first; without what only the figures are made of."""
        find = self.chat.stores.directory.find_user
        rows = [(row.data["group"], row.member) for row in self.chat.log("change") if "group" in row.data]
        return [
            (kind, (find(member) or "?") if member else "") for kind, member in rows if what in ("", kind) and kind not in ("found", "out")
        ]

    def notices(self) -> list[str]:
        return [one.body["markdown"]["content"] for one in self.chat.outbox() if one.target == "hook.main.admin"]

    def seated(self, chat: str = GROUP) -> set[str | None]:
        roster = self.chat.stores.customer_groups.look_back(self.chat.communities.of_chat(chat, 0).keys, chat).roster
        return {self.chat.stores.directory.find_user(number) for number in (roster.seats if roster else ())}


def everything(database: Database) -> str:
    """All that Redis holds, as one text."""
    reads = {"string": "GET", "hash": "HGETALL"}
    ranges = {"list": ("LRANGE", 0, -1), "zset": ("ZRANGE", 0, -1), "stream": ("XRANGE", "-", "+")}
    found = []
    for key in database.scan("*"):
        kind = database.command("TYPE", key)
        name, *bounds = ranges.get(kind) or (reads.get(kind, "TYPE"),)
        found.append(f"{key} {database.command(name, key, *bounds)}")
    return "\n".join(found)


@pytest.fixture(scope="module")
def words_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped word list and greetings, without the rest of the content, which takes longer to read than a test."""
    folder = tmp_path_factory.mktemp("content")
    for name in ("words.yaml", "welcome.yaml"):
        shutil.copy(ROOT / "rules" / "content" / name, folder)
    return folder


@pytest.fixture
def stage(
    database: Database,
    redis_server: EmbeddedServer,
    tmp_path: Path,
    dictionary: Words,
    metrics: Metrics,
    words_only: Path,
    plain_logs: None,
) -> Iterator[Stage]:
    clock = Clock()
    tree = settings(content=words_only)
    tree["communities"][0]["groups"].append(GROUP)
    tree["channels"].append({"name": "customers", "kind": "contact", "token": "t", "aes_key": KEY, "secret": SECRET})
    people = (Person("boss", "王店长"), Person("old1", "老客户一", external=True), Person("old2", "老客户二", external=True))
    group = Group(GROUP, "悦读客户群", ("boss", "old1", "old2"))
    config = SimulatorConfig("wwCORP", (Channel("customers", "contact", "t", KEY, secret=SECRET),), people, (group,))
    wecom = PretendWeCom(config, now=lambda: clock().timestamp())
    with serve(wecom) as server:
        wire = Wire(server.url)
        chat = build(iter(range(1, 100_000)), a_config(tmp_path, redis_server.url, tree), dictionary, metrics, clock=clock)
        yield Stage(chat, wecom, wire)
        chat.stores.database.close()
        wire.close()


def test_the_first_look_at_a_group_tells_of_nobody_who_was_there_before(stage: Stage) -> None:
    stage.chat.later(hours=1)
    stage.hears("change_external_chat", "update", {"ChatId": GROUP, "UpdateDetail": "change_notice"})
    stage.work()

    assert stage.told() == [("known", "")]
    assert stage.seated() == {"boss", "old1", "old2"}
    assert stage.notices() == []


@pytest.mark.parametrize("form", ["items", "joined", "none"])
def test_who_comes_and_who_goes_is_told_once_in_one_notice_and_counted(stage: Stage, form: str) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    joining = stage.change(joining=("new1", "new2"), form=form)
    stage.chat.receive(joining)
    stage.chat.receive(stage.change(leaving=("old1",), form=form))
    stage.chat.receive(joining)
    stage.work()
    stage.sweep()

    assert stage.told("join") == [("join", "new1"), ("join", "new2")]
    assert stage.told("leave") == [("leave", "old1")]
    assert [text.splitlines()[1:] for text in stage.notices()] == [["新加入 2 人：客new1、客new2", "退出 1 人：老客户一"]]
    tally = stage.chat.stores.tallies.of_day("main", stage.chat.clock().astimezone(stage.chat.community.zone).date())
    assert (tally.counts["joins"], tally.counts["leaves"]) == (2, 1)
    assert "客户群：新加入 2 人，退出 1 人" in stage.chat.as_admin("数据")


# Lost, late, refused ------------------------------------------------------------------------------------------------------


def test_a_change_that_no_callback_told_of_is_told_by_the_next_sweep(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.change(joining=("new1",))
    stage.change(leaving=("old1",))
    stage.sweep()
    stage.sweep()

    assert stage.told("join") + stage.told("leave") == [("join", "new1"), ("leave", "old1")]


def test_a_hint_that_skips_a_version_says_that_something_was_missed(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.change(joining=("lost",))
    stage.chat.receive(stage.change(joining=("heard",)))
    stage.work()

    rows = [row.data for row in stage.chat.log("change") if row.data.get("group") == "join"]
    assert [row.get("missed") for row in rows] == [True, True]


def test_a_roster_that_does_not_show_the_change_yet_is_read_again(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.wecom.world.customers.roster_lag_s = 7
    stage.chat.receive(stage.change(joining=("new1",)))
    stage.work(for_s=60)

    assert stage.told("join") == [("join", "new1")]
    assert stage.chat.stores.errands.depth() == 0


def test_an_older_copy_of_the_roster_is_not_believed(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.chat.receive(stage.change(joining=("new1",)))
    stage.work()
    stage.wecom.world.customers.roster_lag_s = 60
    stage.sweep(for_s=14)
    stage.wecom.world.customers.roster_lag_s = 0
    stage.work(for_s=60)
    stage.sweep()

    assert stage.told("join") + stage.told("leave") == [("join", "new1")]
    assert "new1" in stage.seated()


def test_many_hints_about_one_group_are_one_read(stage: Stage) -> None:
    for _ in range(20):
        stage.hears("change_external_chat", "update", {"ChatId": GROUP, "UpdateDetail": "change_name"})
    stage.work()

    assert len(stage.wecom.wire.rest("/cgi-bin/externalcontact/groupchat/get")) == 1


def test_a_hint_that_comes_while_the_roster_is_read_has_it_read_again(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.chat.receive(stage.change(joining=("new1",)))
    stage.chat.later(seconds=5)
    errands, clock = stage.chat.stores.errands, stage.chat.clock
    [(shard, id)] = errands.due(int(clock().timestamp() * 1000))
    errand = errands.take(shard, id, int(clock().timestamp() * 1000))
    assert errand
    stage.chat.receive(stage.change(joining=("new2",)))

    assert errands.done(errand, int(clock().timestamp() * 1000))
    stage.work()

    assert stage.told("join") == [("join", "new1"), ("join", "new2")]


@pytest.mark.parametrize("fault", [{"errcode": -1}, {"errcode": 45009}, {"http_status": 502}, {"drop": "after"}, {"errcode": 40014}])
def test_trouble_at_wecom_delays_the_news_and_loses_none(stage: Stage, fault: dict[str, Any]) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.wecom.faults.add("/cgi-bin/externalcontact/groupchat/get", times=2, **fault)
    stage.chat.receive(stage.change(joining=("new1",)))
    stage.work(for_s=300)

    assert stage.told("join") == [("join", "new1")]
    assert stage.chat.stores.errands.depth() == 0


def test_after_45009_a_minute_passes_before_any_roster_is_asked_for(stage: Stage) -> None:
    stage.sweep()
    asked = len(stage.wecom.wire.rest("/cgi-bin/externalcontact/groupchat/get"))
    stage.wecom.faults.add("/cgi-bin/externalcontact/groupchat/get", errcode=45009)
    stage.chat.receive(stage.change(joining=("new1",)))
    stage.work(for_s=50)
    assert len(stage.wecom.wire.rest("/cgi-bin/externalcontact/groupchat/get")) == asked + 1

    stage.work(for_s=30)
    assert stage.told("join") == [("join", "new1")]


def test_a_dismissed_group_is_closed_and_told_once(stage: Stage) -> None:
    stage.sweep()
    stage.wecom.world.rooms[GROUP].is_dismissed = True
    stage.hears("change_external_chat", "dismiss", {"ChatId": GROUP})
    stage.work()
    stage.sweep()

    assert stage.told("dismissed") == [("dismissed", "")]
    assert stage.told("leave") == []
    assert [text for text in stage.notices() if "解散" in text] != []
    assert list(stage.chat.stores.customer_groups.all_open()) == []


def test_a_group_dismissed_without_a_word_is_closed_by_the_sweep(stage: Stage) -> None:
    stage.sweep()
    stage.wecom.world.rooms[GROUP].is_dismissed = True
    stage.sweep()
    stage.sweep()

    assert stage.told("dismissed") == [("dismissed", "")]


def test_a_group_that_belongs_to_another_community_now_leaves_the_one_before_without_a_word(stage: Stage) -> None:
    stage.sweep()
    here = next(iter(stage.chat.stores.customer_groups.all_open())).where
    other = stage.chat.communities.named("far")
    stage.chat.communities._by_chat[GROUP] = other
    told = len(stage.notices())
    stage.sweep()
    stage.sweep()

    assert [group.where for group in stage.chat.stores.customer_groups.all_open()] == [other.keys]
    assert stage.told("moved") == [("moved", "")]
    assert len(stage.notices()) == told
    assert stage.chat.stores.customer_groups.look_back(here, GROUP).is_closed


def test_an_event_without_a_group_asks_for_nothing(stage: Stage) -> None:
    stage.hears("change_external_chat", "update", {"UpdateDetail": "add_member"})
    assert stage.chat.stores.errands.depth() == 0


def test_a_group_that_is_no_customer_group_is_let_go(stage: Stage) -> None:
    stage.hears("change_external_chat", "update", {"ChatId": "wrNOBODYS", "UpdateDetail": "add_member", "MemChangeCnt": 1})
    stage.work()

    assert stage.told() == []
    assert stage.chat.stores.errands.depth() == 0


def test_a_large_corp_is_swept_by_its_owners(stage: Stage) -> None:
    stage.wecom.world.customers.most_visible = 1
    stage.sweep()

    assert stage.seated() == {"boss", "old1", "old2"}
    assert "boss" in stage.wecom.wire.rest("/cgi-bin/externalcontact/groupchat/list")[-1]["owner_filter"]["userid_list"]


def test_an_advertising_nickname_is_marked_and_its_owner_not_insulted(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    word = next(word for word in bad_words() if len(word) > 2)
    stage.wecom.world.people["ad"] = Person("ad", word, external=True)
    stage.chat.receive(stage.change(joining=("ad", "new1")))
    stage.work()

    assert stage.notices()[-1].splitlines()[1] == f"新加入 2 人：{word}（⚠️ 昵称疑似违规）、客new1"


def test_of_a_crowd_those_with_a_doubtful_name_are_named_first(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    word = next(word for word in bad_words() if len(word) > 2)
    stage.wecom.world.people["zz"] = Person("zz", word, external=True)
    stage.chat.receive(stage.change(joining=(*(f"n{n:02d}" for n in range(15)), "zz")))
    stage.work()

    assert stage.notices()[-1].splitlines()[1].startswith(f"新加入 16 人：{word}（⚠️ 昵称疑似违规）、客n00")
    assert stage.notices()[-1].endswith("等 16 人")


def test_the_founders_of_a_group_have_not_joined_it(stage: Stage) -> None:
    stage.wecom.world.add_room(Group(OTHER, "新群", ("boss", "old1")))
    stage.hears("change_external_chat", "create", {"ChatId": OTHER})
    stage.chat.later(seconds=6)
    stage.chat.receive(stage.change(joining=("new1",), chat=OTHER))
    stage.work()

    assert stage.told("join") == [("join", "new1")]


def test_a_new_owner_and_a_new_name_are_told_once(stage: Stage) -> None:
    stage.sweep()
    room = stage.wecom.world.rooms[GROUP]
    room.group = dataclasses.replace(room.group, owner="old1", name="新名字")
    stage.sweep()
    stage.sweep()

    assert [kind for kind, _ in stage.told()] == ["known", "owner", "name"]
    assert stage.notices() == ["👥 **主群** · 客户群“新名字”\n群主换了人，群名改了"]


def test_what_keeps_failing_is_told_to_the_administrators_once_a_day(stage: Stage) -> None:
    stage.wecom.faults.add("/cgi-bin/externalcontact/groupchat/get", errcode=48002, times=20)
    stage.hears("change_external_chat", "update", {"ChatId": GROUP, "UpdateDetail": "change_name"})
    stage.work(for_s=3_000, step_s=30)

    [alarm] = stage.notices()
    assert "错误码 48002" in alarm
    assert stage.chat.stores.errands.depth() == 1


def test_a_person_who_asked_to_be_forgotten_does_not_join_again(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(days=2)
    stage.sweep()
    stage.chat.erase("old1")
    stage.sweep()

    assert stage.told("join") + stage.told("leave") == []
    assert stage.seated() == {"boss", "old1", "old2"}


def test_after_an_erasure_neither_roster_nor_waiting_notice_names_the_person(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.chat.receive(stage.change(joining=("leiyu",)))
    stage.work()
    number = stage.chat.member("leiyu")
    assert list(stage.chat.stores.customer_groups.export_user(number)) == [GROUP]

    stage.chat.erase("leiyu")

    assert "leiyu" not in everything(stage.chat.stores.database)
    assert stage.chat.stores.customer_groups.export_user(number) == {}


def test_who_leaves_and_comes_back_between_two_looks_is_told_as_both(stage: Stage) -> None:
    stage.sweep()
    stage.chat.later(hours=1)
    stage.change(leaving=("old1",))
    stage.chat.later(hours=1)
    stage.change(joining=("old1",))
    stage.sweep()

    assert stage.told("join") + stage.told("leave") == [("join", "old1"), ("leave", "old1")]


# Killed anywhere ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a kill looks like from within."""


class Dying:
    """An API that dies before or after its n-th answer, or lets the process die at the n-th look at the clock."""

    def __init__(self, api: CustomerApi, rng: random.Random, odds: float) -> None:
        self._api, self._rng, self._odds = api, rng, odds

    def read_group(self, chat: str) -> Any:
        if self._rng.random() < self._odds:
            raise Killed
        found = self._api.read_group(chat)
        if self._rng.random() < self._odds:
            raise Killed
        return found

    def list_groups(self) -> Any:
        return self._api.list_groups()


class DyingStore:
    """A store whose process dies right before or right after an act."""

    def __init__(self, store: Any, rng: random.Random, odds: float) -> None:
        self._store, self._rng, self._odds = store, rng, odds

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._store, name)
        if name not in ("keep", "done", "again", "take"):
            return act

        def dying(*args: Any, **kwargs: Any) -> Any:
            if self._rng.random() < self._odds:
                raise Killed
            result = act(*args, **kwargs)
            if self._rng.random() < self._odds:
                raise Killed
            return result

        return dying


def bad_words() -> list[str]:
    """The shipped words that are more than noted."""
    return [word.text for word in parse(WORDS, (ROOT / "rules/content/words.yaml").read_text(encoding="utf-8")).words if word.severity >= 2]


class DiesAfter:
    """A part whose process dies right after (or before) one of its acts."""

    def __init__(self, part: Any, name: str, *, is_before: bool = False) -> None:
        self._part, self._name, self._is_before = part, name, is_before

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._part, name)
        if name != self._name:
            return act

        def dying(*args: Any, **kwargs: Any) -> Any:
            if not self._is_before:
                act(*args, **kwargs)
            raise Killed

        return dying


@pytest.mark.parametrize("seed", range(4))
def test_in_a_storm_every_join_and_leave_is_told_exactly_once(stage: Stage, seed: int) -> None:
    """Events lost, doubled and reordered, rosters late, workers killed around every act: after the sweep the ledger and the truth agree."""
    rng = random.Random(seed)
    stage.sweep()
    steady, stores = stage.worker, stage.chat.stores
    dying = dataclasses.replace(
        stores, errands=DyingStore(stores.errands, rng, 0.15), customer_groups=DyingStore(stores.customer_groups, rng, 0.15)
    )
    mortal = stage.another(dying, Dying(stage.api, rng, 0.15))
    happened: list[tuple[str, str]] = []
    late: list[Message] = []
    members = {"old1", "old2"}
    for step in range(40):
        stage.wecom.world.customers.roster_lag_s = rng.choice((0, 0, 2, 5))
        if members and rng.random() < 0.4:
            user = rng.choice(sorted(members))
            members.discard(user)
            happened.append(("leave", user))
            event = stage.change(leaving=(user,))
        else:
            user = f"c{step}"
            members.add(user)
            happened.append(("join", user))
            event = stage.change(joining=(user,), form=rng.choice(("items", "joined", "none")))
        late += [event] * rng.choice((0, 1, 1, 2))
        rng.shuffle(late)
        while late and rng.random() < 0.6:
            stage.chat.receive(late.pop())
        for _ in range(rng.randrange(4)):
            with contextlib.suppress(Killed):
                mortal.work_once()
            stage.chat.later(seconds=rng.choice((1, 3, 20)))
        if rng.random() < 0.5:
            # Between two changes of one person somebody has looked: what nobody could see nobody can tell.
            stage.worker = steady
            stage.wecom.world.customers.roster_lag_s = 0
            stage.chat.later(seconds=70)
            stage.sweep(for_s=60)
    stage.wecom.world.customers.roster_lag_s = 0
    stage.chat.later(seconds=90)
    stage.sweep(for_s=60)

    seen = [(what, who) for what, who in stage.told() if what in ("join", "leave")]
    assert len(seen) == len(set(seen)), "somebody was told twice"
    came_and_went = {user for what, user in happened if what == "leave" and ("join", user) in happened}
    unseen = {user for user in came_and_went if ("join", user) not in seen and ("leave", user) not in seen}
    assert set(seen) == {(what, user) for what, user in happened if user not in unseen}
    assert stage.seated() == {"boss", *members}
    tallied = [stores.tallies.of_day("main", START.date() + timedelta(days=day)).counts for day in range(3)]
    assert sum(day.get("joins", 0) for day in tallied) == sum(what == "join" for what, _ in seen)
    assert sum(day.get("leaves", 0) for day in tallied) == sum(what == "leave" for what, _ in seen)
    named = Counter(re.findall(r"客(c\d+)", "\n".join(stage.notices())))
    assert named == Counter(who for _, who in seen if who.startswith("c"))


# Greetings ----------------------------------------------------------------------------------------------------------------


WELCOME = "/cgi-bin/externalcontact/send_welcome_msg"


def a_customer(stage: Stage, **more: Any) -> str:
    """A customer adds the boss; gives the welcome code."""
    stage.wecom.world.add_person("新客户", "woNEW")
    code = stage.wecom.world.give_code("welcome", 20, user="woNEW", channel="customers")
    body = {"UserID": "boss", "ExternalUserID": "woNEW", "WelcomeCode": code, **more}
    stage.hears("change_external_contact", "add_external_contact", body)
    return code


def test_a_new_customer_is_greeted_within_his_twenty_seconds(stage: Stage) -> None:
    code = a_customer(stage)

    assert stage.sender().drain_once() == 1
    [sent] = stage.wecom.wire.rest(WELCOME)
    assert sent["welcome_code"] == code
    assert "很高兴认识你" in sent["text"]["content"]


def test_a_greeting_that_is_late_is_given_up_without_asking(stage: Stage) -> None:
    a_customer(stage)
    stage.chat.later(seconds=21)

    assert stage.sender().drain_once() == 0
    assert stage.wecom.wire.rest(WELCOME) == []
    assert stage.died() == ["欢迎语已过期（只在 20 秒内有效）"]


@pytest.mark.parametrize(
    ("code", "tries", "dead"),
    [
        (41050, 1, ["欢迎语的 code 无效或已过期（错误码 41050）"]),
        (41051, 1, ["已经发过欢迎语，或员工已开始和客户聊天（错误码 41051）"]),
        (41096, 2, []),
    ],
)
def test_a_greeting_is_tried_again_only_where_that_can_help(stage: Stage, code: int, tries: int, dead: list[str]) -> None:
    stage.wecom.faults.add(WELCOME, errcode=code)
    a_customer(stage)
    sender = stage.sender()
    for _ in range(5):
        sender.drain_once()
        stage.chat.later(seconds=3)

    assert len(stage.wecom.wire.rest(WELCOME)) == tries
    assert stage.died() == dead


def test_a_customer_without_a_code_is_not_greeted(stage: Stage) -> None:
    stage.hears("change_external_contact", "del_external_contact", {"UserID": "boss", "ExternalUserID": "woNEW"})
    assert stage.chat.outbox() == []


def test_the_code_stands_in_no_log_and_no_dead_letter_that_is_shown(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.wecom.faults.add(WELCOME, errcode=41050)
    code = a_customer(stage)
    stage.sender().drain_once()

    shown = capsys.readouterr()
    assert code not in shown.out + shown.err
    assert code not in repr([letter for shard in range(16) for letter in stage.chat.stores.outbox.dead_letters(shard)])
    assert code not in repr(stage.chat.log())


# What administrators ask for ----------------------------------------------------------------------------------------------


MASS = "/cgi-bin/externalcontact/add_msg_template"


def test_a_mass_message_is_made_for_the_groups_of_one_employee_and_reported(stage: Stage) -> None:
    stage.sweep()
    said = stage.chat.as_admin("群发 新建 boss 明天 20:00 开讲\n记得来")
    stage.work()

    assert "1 个客户群" in said
    [sent] = stage.wecom.wire.rest(MASS)
    assert sent == {"chat_type": "group", "sender": "boss", "chat_id_list": [GROUP], "text": {"content": "明天 20:00 开讲\n记得来"}}
    assert stage.notices()[-1].startswith("群发 1 已建好：1 个客户群")


def test_results_reminders_and_cancelling_are_asked_of_wecom_and_reported(stage: Stage) -> None:
    stage.sweep()
    stage.chat.as_admin("群发 新建 boss 你好")
    stage.work()
    stage.chat.as_admin("群发 结果 1")
    stage.work()
    stage.wecom.world.customers.confirm("msgMASS000001", 31, {})
    for words in ("群发 结果 1", "群发 提醒 1", "群发 取消 1"):
        stage.chat.as_admin(words)
        stage.work()

    assert stage.notices()[1:] == [
        "群发 1：待确认 1 个。",
        "群发 1：已发送 1 个。",
        "群发 1：已提醒还没确认的员工。",
        "群发 1：已取消；已经发出的收不回来。",
    ]


def test_a_fourth_reminder_within_a_day_is_refused_before_wecom_refuses_it(stage: Stage) -> None:
    stage.sweep()
    stage.chat.as_admin("群发 新建 boss 你好")
    stage.work()
    said = [stage.chat.as_admin("群发 提醒 1") for _ in range(4)]
    stage.work()

    assert "已经提醒过 3 次" in said[3]
    assert len(stage.wecom.wire.rest("/cgi-bin/externalcontact/remind_groupmsg_send")) == 3
    stage.chat.later(days=1)
    assert "好的" in stage.chat.as_admin("群发 提醒 1")


def test_a_group_gets_no_more_mass_messages_a_month_than_the_month_has_days(stage: Stage) -> None:
    stage.sweep()
    for _ in range(31):
        stage.chat.as_admin("群发 新建 boss 你好")
    stage.work()

    assert "到上限了" in stage.chat.as_admin("群发 新建 boss 你好")
    assert len(stage.wecom.wire.rest(MASS)) == 31
    stage.chat.later(days=31)
    assert "正在建" in stage.chat.as_admin("群发 新建 boss 你好")


@pytest.mark.parametrize(
    ("fault", "made", "report"),
    [
        ({"drop": "after"}, 1, "没有确定的结果"),
        ({"http_status": 504}, 0, "没有确定的结果"),
        ({"http_status": 502}, 1, "已建好"),
        ({"errcode": -1}, 1, "已建好"),
        ({"errcode": 45009}, 1, "已建好"),
        ({"errcode": 41063}, 1, "已建好"),
        ({"errcode": 48002}, 0, "没有权限"),
    ],
)
def test_a_mass_message_is_never_made_twice(stage: Stage, fault: dict[str, Any], made: int, report: str) -> None:
    stage.sweep()
    stage.wecom.faults.add(MASS, **fault)
    stage.chat.as_admin("群发 新建 boss 你好")
    stage.work(for_s=240)

    assert len(stage.wecom.world.customers.tasks) == made
    assert [report in text for text in stage.notices()] == [True]


@pytest.mark.parametrize("point", ["start_mass", "record", "done"])
def test_a_worker_that_dies_at_a_mass_message_leaves_it_to_be_looked_at(stage: Stage, point: str) -> None:
    stage.sweep()
    stage.chat.as_admin("群发 新建 boss 你好")
    stores = stage.chat.stores
    dying = {
        "start_mass": (stores, DiesAfter(stage.api, "start_mass")),
        "record": (dataclasses.replace(stores, mass_messages=DiesAfter(stores.mass_messages, "record")), stage.api),
        "done": (dataclasses.replace(stores, errands=DiesAfter(stores.errands, "done", is_before=True)), stage.api),
    }
    with pytest.raises(Killed):
        stage.another(*dying[point]).work_once()
    stage.chat.later(minutes=2)
    stage.work()

    assert len(stage.wecom.world.customers.tasks) == 1
    assert len(stage.notices()) == 1


def test_a_command_that_is_repeated_after_a_crash_makes_no_second_mass_message(stage: Stage) -> None:
    stage.sweep()
    words = stage.chat.words("@小助手 群发 新建 boss 你好", user="boss", group="wrADMIN")
    stage.chat.receive(words)
    stage.work()
    for key in stage.chat.stores.database.scan("qb:{*}:msg:*"):
        stage.chat.stores.database.command("DEL", key)
    stage.chat.receive(words)
    stage.work()

    assert len(stage.wecom.world.customers.tasks) == 1


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("群发", "写法是"),
        ("群发 新建 nobody 你好", "没有客户群"),
        ("群发 结果 7", "没有编号为 7"),
        ("群发 新建 boss " + "长" * 1334, "内容太长"),
        ("拦截词", "写法是"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(stage: Stage, words: str, answer: str) -> None:
    stage.sweep()
    assert answer in stage.chat.as_admin(words)
    assert "管理员" in stage.chat.says(words, user="lilei")


def test_intercept_rules_are_planned_then_made_and_then_left_alone(stage: Stage) -> None:
    desk = stage.wecom.world.customers
    desk.rules["theirs"] = {"rule_name": "法务", "word_list": ["机密"], "create_time": 1}
    for words in ("拦截词 同步", "拦截词 同步 确认", "拦截词 同步", "拦截词 同步 确认"):
        stage.chat.as_admin(words)
        stage.work()

    told = stage.notices()
    assert "还没有改动" in told[0]
    assert "已同步：新增" in told[1]
    assert "已经一致" in told[2]
    assert "已经一致" in told[3]
    ours = [rule for rule in desk.rules.values() if rule["rule_name"].startswith("群管家")]
    assert {word for rule in ours for word in rule["word_list"]} == set(bad_words())
    assert desk.rules["theirs"]["word_list"] == ["机密"]


def test_a_sync_that_breaks_off_is_taken_up_where_it_stopped(stage: Stage) -> None:
    stage.wecom.faults.add("/cgi-bin/externalcontact/add_intercept_rule", drop="after")
    stage.chat.as_admin("拦截词 同步 确认")
    stage.work()

    names = [rule["rule_name"] for rule in stage.wecom.world.customers.rules.values()]
    assert len(names) == len(set(names)) >= 1
    assert len(stage.notices()) == 1


@given(
    before=st.lists(st.sets(st.text("甲乙丙丁戊", min_size=1, max_size=4), max_size=9), max_size=4),
    words=st.sets(st.text("甲乙丙丁戊", min_size=1, max_size=4), max_size=30),
)
def test_a_plan_carried_out_leaves_exactly_the_words_and_nothing_to_do(before: list[set[str]], words: set[str]) -> None:
    rules = {f"id{n}": Rule(f"id{n}", f"{NAME} {n}", tuple(found)) for n, found in enumerate(before, 1)}
    planned = plan(words, list(rules.values()), others=3)
    after = rules | {rule.id: rule for rule in planned.update} | {name: Rule(name, name, chunk) for name, chunk in planned.add.items()}
    for rule in planned.drop:
        del after[rule.id]

    assert sorted(word for rule in after.values() for word in rule.words) == sorted(words)
    assert len({rule.name for rule in after.values()}) == len(after)
    assert plan(words, list(after.values()), others=3).is_empty


def test_words_are_planned_within_wecoms_bounds() -> None:
    planned = plan([f"词{n}" for n in range(40_000)] + ["长" * 33], [], others=10)

    assert len(planned.add) == 90
    assert {len(chunk) for chunk in planned.add.values()} == {300}
    assert planned.left_out[0] == "长" * 33
    assert len(planned.left_out) == 1 + 40_000 - 27_000


def test_templates_and_figures_are_read_and_written_as_wecom_has_them(stage: Stage) -> None:
    id = stage.api.add_welcome("欢迎 %NICKNAME%")
    stage.api.edit_welcome(id, "你好 %NICKNAME%")
    assert stage.api.read_welcome(id) == "你好 %NICKNAME%"
    stage.api.drop_welcome(id)
    with pytest.raises(ApiError):
        stage.api.read_welcome(id)

    days = START - timedelta(days=2), START
    [sums] = stage.api.read_figures(["boss"], *days)
    assert (sums.owner, sums.counts["chat_total"], sums.counts["member_total"]) == ("boss", 1, 3)
    assert len(stage.api.read_figures_by_day(["boss"], *days)) == 3
