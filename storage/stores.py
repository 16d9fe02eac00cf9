"""All stores of the bot, built once by ``commands/build.py`` and handed down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from storage import keys
from storage.accounts import Accounts
from storage.activities import Activities
from storage.api_tokens import ApiTokens
from storage.appeals import Appeals
from storage.archive import ArchiveMarks
from storage.arrivals import Arrivals
from storage.audit import Audit
from storage.badges import Badges
from storage.boards import Boards
from storage.calls import Calls
from storage.cases import Cases
from storage.challenges import Challenges
from storage.check_ins import CheckIns
from storage.connection import Database
from storage.content import ContentStore
from storage.customer_groups import CustomerGroups
from storage.daybook import Daybook
from storage.directory import Directory
from storage.edges import EdgeStore
from storage.errands import Errands
from storage.events import Events
from storage.evidence import Seal
from storage.experiments import Experiments
from storage.extensions import Drawer, Make
from storage.feedback import Feedback
from storage.firings import Firings
from storage.firsts import Firsts
from storage.flows import FlowStates
from storage.groups import Groups
from storage.heard import Heard
from storage.inbox import Inbox
from storage.invitations import Invitations
from storage.jobs import Jobs
from storage.leases import Leases
from storage.leavers import Leavers
from storage.lights import Lights
from storage.listings import Listings
from storage.log_files import LogFiles
from storage.machine import Machine
from storage.mailings import Mailings
from storage.mass_messages import MassMessages
from storage.moods import Moods
from storage.notes import Notes
from storage.notices import Notices
from storage.openings import Openings
from storage.orders import Orders
from storage.outbox import Outbox
from storage.pauses import Pauses
from storage.points import Points
from storage.presence import Presence
from storage.proposals import Proposals
from storage.reports import Reports
from storage.roles import Roles
from storage.room import RoomBook
from storage.roster import Roster
from storage.sessions import Sessions
from storage.shop import ShopStore
from storage.streams import Streams
from storage.submissions import Submissions
from storage.subscriptions import Subscriptions
from storage.tags import Tags
from storage.tallies import Tallies
from storage.tickets import Tickets
from storage.traits import Traits
from storage.trials import Trials
from storage.unanswered import Unanswered
from storage.webhooks import Webhooks
from storage.welcomes import Welcomes
from storage.wishes import Wishes


class KeepsPersons(Protocol):
    """What every store of people's data can do: give a person's data away, and forget him."""

    def export_user(self, number: int) -> Any:
        """What is kept of a member, in plain types."""

    def erase_user(self, number: int) -> str:
        """Forgets a member; says in Chinese what was done and what stays, and why."""


@dataclass(frozen=True, slots=True)
class Stores:
    """One of each store."""

    database: Database
    shards: int
    directory: Directory
    groups: Groups
    inbox: Inbox
    heard: Heard
    outbox: Outbox
    jobs: Jobs
    pictures: Jobs
    errands: Errands
    customer_groups: CustomerGroups
    mass_messages: MassMessages
    events: Events
    points: Points
    check_ins: CheckIns
    challenges: Challenges
    boards: Boards
    cases: Cases
    reports: Reports
    appeals: Appeals
    trials: Trials
    moods: Moods
    notices: Notices
    notes: Notes
    roster: Roster
    tallies: Tallies
    daybook: Daybook
    firings: Firings
    mailings: Mailings
    subscriptions: Subscriptions
    experiments: Experiments
    content: ContentStore
    leases: Leases
    machine: Machine
    room: RoomBook
    calls: Calls
    arrivals: Arrivals
    archive: ArchiveMarks
    leavers: Leavers
    webhooks: Webhooks
    streams: Streams
    unanswered: Unanswered
    proposals: Proposals
    feedback: Feedback
    listings: Listings
    lights: Lights
    audit: Audit
    roles: Roles
    pauses: Pauses
    sessions: Sessions
    accounts: Accounts
    api_tokens: ApiTokens
    tickets: Tickets
    badges: Badges
    edges: EdgeStore
    presence: Presence
    firsts: Firsts
    tags: Tags
    traits: Traits
    flows: FlowStates
    welcomes: Welcomes
    shop: ShopStore
    openings: Openings
    orders: Orders
    invitations: Invitations
    activities: Activities
    submissions: Submissions
    wishes: Wishes
    extensions: Mapping[str, Any]

    def of_persons(self) -> Mapping[str, KeepsPersons]:
        """Every store by what it holds, in the order in which a person is erased: his row in the directory goes last."""
        return {
            "订单": self.orders,
            "活动": self.activities,
            "投稿": self.submissions,
            "积分": self.points,
            "签到": self.check_ins,
            "挑战": self.challenges,
            "排行榜": self.boards,
            "举报": self.reports,
            "案件": self.cases,
            "申诉": self.appeals,
            "试运行": self.trials,
            "情绪": self.moods,
            "待转达": self.notices,
            "备注": self.notes,
            "发件箱": self.outbox,
            "收件箱": self.inbox,
            "发言计数": self.heard,
            "后台工作": self.jobs,
            "待看的图片": self.pictures,
            "跑腿": self.errands,
            "客户群": self.customer_groups,
            "群发": self.mass_messages,
            "分段回答": self.streams,
            "事件记录": self.events,
            "邀请": self.invitations,
            "成员名册": self.roster,
            "统计": self.tallies,
            "每日数字": self.daybook,
            "推送": self.firings,
            "推送的去向": self.mailings,
            "免打扰": self.subscriptions,
            "实验": self.experiments,
            "内容": self.content,
            "群": self.groups,
            "离职": self.leavers,
            "没答上的问题": self.unanswered,
            "待采纳": self.proposals,
            "反馈": self.feedback,
            "列表": self.listings,
            "审计": self.audit,
            "角色": self.roles,
            "暂停": self.pauses,
            "控制台": self.sessions,
            "密码登录": self.accounts,
            "接口令牌": self.api_tokens,
            "人工工单": self.tickets,
            "勋章": self.badges,
            "影响力": self.edges,
            "首次发言": self.firsts,
            "标签": self.tags,
            "画像": self.traits,
            "流程": self.flows,
            "欢迎": self.welcomes,
            "期初": self.openings,
            "本人的要求": self.wishes,
            **{f"扩展 {name}": store for name, store in self.extensions.items()},
            "通讯录": self.directory,
        }


def open_stores(
    database: Database,
    shards: int,
    *,
    consumer: Callable[[], str],
    evidence_key: bytes,
    answers_hours: int,
    log_folder: Path | None = None,
    extensions: Mapping[str, Make] = MappingProxyType({}),
) -> Stores:
    """All stores on one database. ``consumer`` names the calling process; ``extensions`` make theirs, by name.

    Without ``log_folder`` the event log stays in Redis.
    """
    seal = Seal(evidence_key)
    return Stores(
        database=database,
        shards=shards,
        directory=Directory(database),
        groups=Groups(database),
        inbox=Inbox(database, consumer, shards=shards, answers_hours=answers_hours),
        heard=Heard(database),
        outbox=Outbox(database, shards),
        jobs=Jobs(database, consumer, shards, keys.JOBS),
        pictures=Jobs(database, consumer, shards, keys.PICTURES),
        errands=Errands(database, shards),
        customer_groups=CustomerGroups(database, shards),
        mass_messages=MassMessages(database),
        events=Events(database, shards, LogFiles(log_folder) if log_folder else None),
        points=Points(database),
        check_ins=CheckIns(database),
        challenges=Challenges(database),
        boards=Boards(database),
        cases=Cases(database, seal),
        trials=Trials(database, seal),
        reports=Reports(database, seal),
        appeals=Appeals(database, seal),
        moods=Moods(database, shards),
        notices=Notices(database, shards),
        notes=Notes(database),
        roster=Roster(database, shards),
        tallies=Tallies(database, shards),
        daybook=Daybook(database, shards),
        firings=Firings(database),
        mailings=Mailings(database),
        subscriptions=Subscriptions(database),
        experiments=Experiments(database),
        content=ContentStore(database),
        leases=Leases(database, consumer),
        machine=Machine(database, consumer, shards),
        room=RoomBook(database),
        calls=Calls(database),
        arrivals=Arrivals(database),
        archive=ArchiveMarks(database),
        leavers=Leavers(database, evidence_key),
        webhooks=Webhooks(database, evidence_key),
        streams=Streams(database, consumer, shards),
        unanswered=Unanswered(database, shards),
        proposals=Proposals(database, shards),
        feedback=Feedback(database),
        listings=Listings(database),
        lights=Lights(database),
        audit=Audit(database, shards),
        roles=Roles(database),
        pauses=Pauses(database),
        sessions=Sessions(database, evidence_key),
        accounts=Accounts(database, evidence_key),
        api_tokens=ApiTokens(database, evidence_key),
        tickets=Tickets(database, shards),
        badges=Badges(database),
        edges=EdgeStore(database),
        presence=Presence(database, shards),
        firsts=Firsts(database, shards),
        tags=Tags(database),
        traits=Traits(database),
        flows=FlowStates(database, shards, answers_hours=answers_hours),
        welcomes=Welcomes(database, shards),
        shop=ShopStore(database, evidence_key),
        openings=Openings(database),
        orders=Orders(database, shards, evidence_key),
        invitations=Invitations(database, shards, evidence_key),
        activities=Activities(database, shards),
        submissions=Submissions(database, evidence_key),
        wishes=Wishes(database),
        extensions={name: make(Drawer(database, name)) for name, make in extensions.items()},
    )
