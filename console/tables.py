"""The tables that may be taken along, declared once each: which page shows it, who may have it, its columns, and where its rows come from.

Rows come one by one, and no more than ``MOST_ROWS``. Texts of cases and tickets are in none of them: they stay where they are sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from bot.audience import Audience
from bot.case_desk import CaseDesk
from bot.case_words import JUDGES, VERDICTS
from bot.case_words import STATES as CASE_STATES
from bot.experiment_desk import STATES as EXPERIMENT_STATES
from bot.experiment_desk import ExperimentDesk, Shown
from bot.extensions import Table as ExtensionTable
from bot.faq_office import asked_in_vain
from bot.flow_desk import BEGUN, OVER
from bot.human_desk import STATES as TICKET_STATES
from bot.permissions import may
from bot.segment_desk import SegmentDesk
from bot.shop_desk import STATES as ORDER_STATES
from bot.shop_desk import ShopDesk
from bot.webhooks import WebhookKeys
from console.extension_pages import scene_of
from console.invitation_pages import HOWS
from console.machine_tables import MACHINE
from console.number_pages import WEEKS
from console.sheets import AT_ONCE, COUNTED, MOST_ROWS, Cells, Source, Table, batches, paged
from handlers.audit import actor_name, change_lines
from handlers.challenges import rules_of, standing_of
from handlers.points import title_of_row
from rules.activities import STATES as ACTIVITY_STATES
from rules.activities import TITLES as ACTIVITY_TITLES
from rules.calendar import WEEKDAY_NAMES
from rules.challenges import challenges_of
from rules.experiments import called, say_level
from rules.figures import RETURNS, Span, Where
from rules.invitations import STATES as INVITATION_STATES
from rules.judgement import TITLES
from rules.levels import level_of
from rules.segments import SegmentError, explain
from rules.wordlist import Word
from storage.moment import from_ms
from storage.points import Row

DAYS = 400
"""Days of a table of numbers."""
FUNNEL_DAYS = 90
GROUP_DAYS = 7
LEDGER_ROWS = 10_000
"""Rows of one member's ledger."""
COUNTED_WITHIN_S = 20.0
"""How long it may be counted whom the saved segments mean; then the file says nothing of it."""
ARM_HEADS = ("实验", "开始时间", "状态", "结论", "说法", "内容", "看到的", "做了的", "比例", "推广了")


# Members and points -----------------------------------------------------------------------------------------------------------


def _members(source: Source) -> Iterator[Cells]:
    stores, where, today = source.parts.stores, source.community.keys, source.today
    levels, seen = source.parts.live.current.levels, set[int]()
    may_see_users = may(source.role, "moderator")  # it is half of a login
    for batch in batches(stores.roster.all(where)):
        numbers = [number for number in dict.fromkeys(batch) if number not in seen]
        seen.update(numbers)
        if not numbers:
            continue
        source.learn(numbers)
        users = stores.directory.find_users(numbers)
        accounts, standings = stores.points.accounts(where, numbers, today), stores.check_ins.standings(where, numbers, today)
        active = stores.roster.last_actives(where, users, today)
        since = stores.roster.all_since([(where, number) for number in numbers])
        for number, first in zip(numbers, since, strict=True):
            account, last = accounts[number], active[number]
            yield (
                str(number), source.called(number), (users.get(number) or "") if may_see_users else "", str(account.balance), str(account.earned),
                level_of(levels, account.earned).name, str(standings[number].streak), str(standings[number].total), source.at(first),
                last.isoformat() if last else "",
            )  # fmt: skip


def _row(source: Source, member: int, row: Row) -> Cells:
    title = title_of_row(row, source.parts.live.current.points, source.called, owner="他")
    return source.at(row.at), str(member), source.called(member), str(row.amount), title, row.note, str(row.balance)


def _ledger_of(source: Source) -> Iterator[Cells]:
    member, stores = source.number(), source.parts.stores
    if stores.roster.seen(source.community.keys, [member]):
        yield from (_row(source, member, row) for row in stores.points.rows(source.community.keys, member, LEDGER_ROWS))


def _ledger(source: Source) -> Iterator[Cells]:
    stores, where, seen = source.parts.stores, source.community.keys, set[int]()
    for batch in batches(stores.roster.all(where)):
        source.learn(batch)
        for member in batch:
            if member not in seen:
                seen.add(member)
                yield from (_row(source, member, row) for row in stores.points.rows(where, member, LEDGER_ROWS))


def _invitations(source: Source) -> Iterator[Cells]:
    for batch in batches(source.parts.stores.invitations.all(source.community.keys)):
        source.learn([number for one in batch for number in (one.newcomer, one.by)])
        for one in batch:
            yield (
                source.called(one.newcomer), source.called(one.by), source.at(one.at), INVITATION_STATES[one.state], source.at(one.ended),
            )  # fmt: skip


def _brought(source: Source) -> Iterator[Cells]:
    store, where, member = source.parts.stores.invitations, source.community.keys, source.number()
    for page in paged(lambda count, skip: store.of_inviter(where, member, count, skip=skip)[1]):
        source.learn(one.newcomer for one in page)
        for one in page:
            newcomer = source.called(one.newcomer) if one.newcomer > 0 else "（已删除的成员）"
            yield newcomer, source.at(one.at), HOWS[one.how], INVITATION_STATES[one.state], source.at(one.ended)


# Segments and experiments -----------------------------------------------------------------------------------------------------


def _segments(source: Source) -> Iterator[Cells]:
    desk = SegmentDesk.of(source.office)
    kept = [one.segment for one in desk.segments()]
    saved, counted = desk.saved(), desk.count(kept, within_s=COUNTED_WITHIN_S)
    for one in kept:
        try:
            words = explain(saved.query(one.text, source.community.id))
        except SegmentError as error:
            words = str(error)
        yield (
            one.name,
            one.text,
            words,
            "全部社群" if one.community == "*" else source.community.name,
            one.note,
            str(counted.members.get(one.id, "")),
        )


def _meant(source: Source) -> Iterator[Cells]:
    """Whom a saved segment means now."""
    desk, audience, today = SegmentDesk.of(source.office), Audience(source.parts.stores, source.parts.live.current), source.today
    kept = next((one.segment for one in desk.segments() if one.segment.id == source.of), None)
    try:
        query = desk.saved().query(kept.text, source.community.id) if kept else None
    except SegmentError:
        return
    after: int | None = 0
    while query is not None and after is not None:
        members, after = audience.page(source.community, query, today, after)
        source.learn(members)
        yield from ((str(member), source.called(member)) for member in members)


def _experiments(source: Source) -> Iterator[Cells]:
    for shown in _experiment_desk(source).list_all():
        yield from _arms_of(source, shown)


def _arms(source: Source) -> Iterator[Cells]:
    for shown in _experiment_desk(source).list_all():
        if source.of in (shown.experiment.name, shown.experiment.row.push):
            yield from _arms_of(source, shown)


def _experiment_desk(source: Source) -> ExperimentDesk:
    return ExperimentDesk(source.parts.stores, source.parts.config, source.community, source.parts.clock())


def _arms_of(source: Source, shown: Shown) -> Iterator[Cells]:
    row, total = shown.experiment.row, shown.total
    for name in row.plan.arms:
        tally = total[name]
        yield (
            row.title, source.at(from_ms(row.since)), EXPERIMENT_STATES.get(row.state, row.state), row.said or shown.verdict.said, called(name),
            row.plan.texts.get(name, ""), str(tally.units), str(tally.hits), say_level(row.plan, tally), "是" if row.winner == name else "",
        )  # fmt: skip


# Shop, activities, flows ------------------------------------------------------------------------------------------------------


def _shop(source: Source) -> Iterator[Cells]:
    parts, contents = source.parts, source.parts.live.current
    desk = ShopDesk(parts.stores, parts.config, contents.shop, contents.levels, source.community, parts.clock())
    for offer in desk.offers(items=desk.shop.of(source.community.id)):
        left = offer.shelf.left
        yield offer.item.id, offer.item.name, str(offer.item.price), "不限" if left is None else str(left), str(offer.shelf.today)


def _orders(source: Source) -> Iterator[Cells]:
    for page in paged(lambda count, skip: source.parts.stores.orders.newest(source.community.keys, count, skip=skip)[1]):
        source.learn(order.member for order in page)
        for order in page:
            yield (
                str(order.number), source.at(order.at), str(order.member), source.called(order.member), order.name, str(order.price),
                ORDER_STATES.get(order.state, order.state), source.at(order.ended), source.called(order.by),
            )  # fmt: skip


def _activities(source: Source) -> Iterator[Cells]:
    for page in paged(lambda count, skip: source.parts.stores.activities.newest(source.community.keys, count, skip=skip)[1]):
        for one in page:
            yield (
                str(one.number), ACTIVITY_TITLES[one.kind], one.title, ACTIVITY_STATES[one.state], source.at(one.created), source.at(one.opened),
                source.at(one.closes), source.at(one.ended), str(one.entries),
            )  # fmt: skip


def _entries(source: Source) -> Iterator[Cells]:
    """Who took part, and when he came; what he put in is no table of cells. Of a survey nothing: its answers, told in order, would be his."""
    stores, number = source.parts.stores, source.number()
    found = stores.activities.find(source.community.keys, number) if number else None
    if found is None or found.kind == "survey":
        return
    scores = dict(stores.activities.scores(source.community.keys, number, count=MOST_ROWS))
    skip = 0
    while page := stores.activities.order(source.community.keys, number, start=skip, count=AT_ONCE):
        skip += len(page)
        source.learn(member for _, member in page)
        yield from ((str(seq), str(member), source.called(member), str(scores.get(member, ""))) for seq, member in page)


def _featured(source: Source) -> Iterator[Cells]:
    for page in paged(lambda count, skip: source.parts.stores.submissions.featured(source.community.keys, count, skip=skip)):
        source.learn(one.author for one in page)
        yield from ((str(one.number), source.at(one.at), source.called(one.author) or "不记名", str(one.likes), one.text) for one in page)


def _flows(source: Source) -> Iterator[Cells]:
    for flow in source.parts.live.current.flows.by_id.values():
        if not flow.communities or source.community.id in flow.communities:
            yield from ((flow.title, *cells) for cells in _funnel_of(source, flow.id))


def _funnel(source: Source) -> Iterator[Cells]:
    flow = source.parts.live.current.flows.by_id.get(source.of)
    if flow is not None and (not flow.communities or source.community.id in flow.communities):
        yield from ((flow.title, *cells) for cells in _funnel_of(source, flow.id))


def _funnel_of(source: Source, flow: str) -> Iterator[Cells]:
    found = source.parts.stores.flows.funnel(source.community.keys, flow, source.today, FUNNEL_DAYS)
    called = {BEGUN: "开始", OVER: "完成"}
    for day, steps in sorted(found.items()):
        yield from ((day, called.get(label, label), str(n)) for label, n in steps.items())


def _challenges(source: Source) -> Iterator[Cells]:
    for one in challenges_of(source.parts.live.current.challenges, source.community.id, source.today, with_over=True):
        yield one.id, one.title, rules_of(one), "已结束" if one.is_over(source.today) else "开着"


def _runs(source: Source) -> Iterator[Cells]:
    """Who takes part in a challenge, whoever is farthest first."""
    ours = challenges_of(source.parts.live.current.challenges, source.community.id, source.today, with_over=True)
    found = next((one for one in ours if one.id == source.of), None)
    if found is None:
        return
    store, where = source.parts.stores.challenges, source.community.keys
    runs = store.members(where, found.id)
    for batch in batches(sorted(runs, key=lambda member: (-runs[member].done, member))):
        source.learn(batch)
        proofs = store.proofs(where, found.id, batch)
        for member in batch:
            run, proof = runs[member], proofs.get(member)
            yield (
                str(member), source.called(member), run.begin.isoformat(), str(run.done), str(run.times), standing_of(found, run, source.today),
                source.at(proof.at if proof else None),
            )  # fmt: skip


# Questions, groups --------------------------------------------------------------------------------------------------------------


def _unanswered(source: Source) -> Iterator[Cells]:
    for pile in asked_in_vain(source.office):
        yield str(pile.count), source.at(pile.newest), pile.central, "\n".join(text for text in pile.wordings if text != pile.central)


def _waiting_submissions(source: Source) -> Iterator[Cells]:
    """What waits for a reviewer, but what was said into a tree hole: that stays where it is."""
    for page in paged(lambda count, skip: source.parts.stores.submissions.waiting(source.community.keys, count, skip=skip)):
        source.learn(one.author for one in page)
        for one in page:
            if one.kind != "box":
                yield str(one.number), source.at(one.at), ACTIVITY_TITLES[one.kind], source.called(one.author) or "不记名", one.text


def _groups(source: Source) -> Iterator[Cells]:
    """The community's groups over the last days; for who looks after all communities those that nobody listed, too."""
    parts, listed = source.parts, source.parts.config.community(source.community.id)
    heard = parts.stores.groups.all() if source.everywhere else {}
    places = [(Where(source.community.id, chat), "") for chat in (listed.groups if listed else ())]
    places += [(Where(chat), at) for chat, at in sorted(heard.items(), key=lambda one: one[1], reverse=True)]
    hooks = WebhookKeys(parts.config, parts.stores.webhooks, parts.stores.groups).shown()
    for batch in batches(places):
        days = parts.stores.daybook.many(
            [place for place, _ in batch], source.today - timedelta(days=GROUP_DAYS - 1), source.today, source.today
        )
        for place, at in batch:
            span, chat = Span(days[place]), place.chat or place.community
            has_hook = (place.community, chat) in hooks
            yield (
                chat, "没有登记" if at else source.community.name, str(span.count("messages")), str(span.last.spoke.week),
                str(sum(day.new for day in days[place])), "有" if has_hook else "没有", source.at(datetime.fromisoformat(at)) if at else "",
            )  # fmt: skip


# Cases, tickets, words, audit ---------------------------------------------------------------------------------------------------


def _category(id: str) -> str:
    """What a category is called, also one that this version does not know."""
    return {str(known): title for known, title in TITLES.items()}.get(id, id)


def _cases(source: Source) -> Iterator[Cells]:
    for page in paged(lambda count, skip: source.parts.stores.cases.newest(source.community.keys, count, skip=skip)):
        source.learn(number for case in page for number in (case.member, case.by))
        for case in page:
            yield (
                str(case.number), source.at(case.at), str(case.member), "不明" if case.is_claimed else source.called(case.member), _category(case.category),
                JUDGES.get(case.judge, case.judge), CASE_STATES.get(case.state, case.state), source.called(case.by), source.at(case.decided),
            )  # fmt: skip


def _appeals(source: Source) -> Iterator[Cells]:
    """What waits, without its words: they stay sealed with the case."""
    for page in paged(lambda count, skip: source.parts.stores.appeals.waiting(source.community.keys, count, skip=skip)):
        source.learn(one.member for one in page)
        yield from ((str(one.number), source.at(one.at), str(one.member), source.called(one.member)) for one in page)


def _judged(source: Source) -> Iterator[Cells]:
    """How often people found the judges wrong."""
    parts = source.parts
    desk = CaseDesk(parts.stores, parts.live.current, parts.config, source.community, parts.clock())
    for one in desk.disagreement().judged:
        if one.total.n:
            suggested = f"提到 {one.suggestion.score:.2f}" if one.suggestion else ""
            yield (
                JUDGES.get(one.judge, one.judge), _category(one.category), VERDICTS.get(one.verdict, one.verdict), f"{one.floor:.2f}",
                str(one.total.n), str(one.total.overturned), suggested,
            )  # fmt: skip


def _tickets(source: Source) -> Iterator[Cells]:
    for batch in batches(source.parts.stores.tickets.all(source.community.keys)):
        source.learn(number for one in batch for number in (one.member, one.taker, one.by))
        for one in batch:
            waited = f"{one.first_response_ms / 60_000:.1f}" if one.first_response_ms else ""
            yield (
                str(one.number), source.at(one.asked), source.called(one.member), TICKET_STATES.get(one.state, one.state), source.called(one.by or one.taker),
                waited, source.at(one.ended),
            )  # fmt: skip


def _words(source: Source) -> Iterator[Cells]:
    for entry in source.parts.live.current.judge.lexicon.entries.values():
        if not isinstance(entry, Word):
            yield entry.text, "放行", "", ""
        elif not entry.communities or source.community.id in entry.communities:
            yield entry.text, TITLES[entry.category], str(entry.severity), "、".join(entry.communities)


def _audit(source: Source) -> Iterator[Cells]:
    stores = source.parts.stores
    for community in (source.community.id, *([""] if source.everywhere else [])):
        for row in stores.audit.walk(community):
            changed = " ".join(change_lines(row)) if row.before or row.after else row.subject
            yield source.at(row.at), "全部社群" if not community else source.community.name, actor_name(stores, row.actor), row.act, changed


# Numbers ----------------------------------------------------------------------------------------------------------------------


def _numbers(source: Source) -> Iterator[Cells]:
    last = source.today - timedelta(days=1)
    days = source.parts.numbers.days(_place(source), last - timedelta(days=DAYS - 1), last)
    for one in days:
        if one.counts or one.members or one.spoke.month:
            counted = (str(one.counts.get(name, 0)) for name in COUNTED)
            yield (
                one.day.isoformat(), str(one.members), str(one.new), str(one.spoke.day), str(one.spoke.week), str(one.spoke.month),
                str(one.took_part.day), *counted,
            )  # fmt: skip


def _place(source: Source) -> Where:
    listed = source.parts.config.community(source.community.id)
    return Where(source.community.id, source.of if listed and source.of in listed.groups else "")


def _hours(source: Source) -> Iterator[Cells]:
    last = source.today - timedelta(days=1)
    grid = source.parts.numbers.heat(_place(source), last - timedelta(days=7 * WEEKS - 1), last)
    yield from ((f"周{name}", *map(str, row)) for name, row in zip(WEEKDAY_NAMES, grid, strict=True))


def _retention(source: Source) -> Iterator[Cells]:
    last = source.today - timedelta(days=1)
    for one in source.parts.numbers.cohorts(_place(source), last - timedelta(days=7 * WEEKS - 1), last):
        if one.size:
            kept = (one.back.get(days) for days in RETURNS)
            yield one.week.isoformat(), str(one.size), *(f"{each.still}/{each.of}" if each and each.of else "" for each in kept)


# Extensions -------------------------------------------------------------------------------------------------------------------


def _extension(source: Source) -> Iterator[Cells]:
    """The tables of an extension's page, one below the other, each with its heads."""
    page = next((one.page for one in source.parts.extensions if one.name == source.of), None)
    if page is None or not may(source.role, page.role):
        return
    for part in page.show(scene_of(source.parts, source.community, source.office.actor)):
        if isinstance(part, ExtensionTable):
            yield from ([[part.title]] if part.title else [])
            yield part.heads
            yield from part.rows


TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "members", "成员", "members", "viewer",
            ("编号", "名字", "userid", "积分", "累计积分", "等级", "连续签到", "累计签到", "第一次发言", "最近发言"), _members,
        ),
        Table("ledger", "积分明细", "points", "operator", ("时间", "编号", "名字", "变动", "事由", "备注", "余额"), _ledger),
        Table("ledger_of", "积分明细", "member", "operator", ("时间", "编号", "名字", "变动", "事由", "备注", "余额"), _ledger_of, of="member"),
        Table("invitations", "邀请", "invitations", "operator", ("新成员", "邀请人", "时间", "状态", "结束"), _invitations),
        Table("brought", "他邀请的人", "inviter", "operator", ("新成员", "时间", "怎么知道的", "状态", "结束"), _brought, of="member"),
        Table("segments", "群体", "segments", "viewer", ("群体", "条件", "意思", "在哪里", "备注", "人数"), _segments),
        Table("meant", "群体里的人", "segment", "operator", ("编号", "名字"), _meant, of="id"),
        Table("experiments", "实验", "experiments", "viewer", ARM_HEADS, _experiments),
        Table("arms", "实验", "experiment", "viewer", ARM_HEADS, _arms, of="name"),
        Table("shop", "商品", "shop", "viewer", ("商品", "名称", "积分", "剩余", "今天换出"), _shop),
        Table("orders", "订单", "orders", "viewer", ("订单", "时间", "编号", "成员", "商品", "积分", "状态", "结束", "处理人"), _orders),
        Table(
            "activities", "活动", "activities", "viewer", ("编号", "种类", "标题", "状态", "建立", "开放", "截止", "结束", "参加人数"), _activities
        ),
        Table("entries", "参加的人", "activity", "operator", ("先后", "编号", "名字", "得分"), _entries, of="number"),
        Table("featured", "精华", "submissions_featured", "viewer", ("编号", "时间", "作者", "赞", "内容"), _featured),
        Table("flows", "流程漏斗", "flows", "viewer", ("流程", "开始的那天", "走到", "人数"), _flows),
        Table("funnel", "流程漏斗", "flow", "viewer", ("流程", "开始的那天", "走到", "人数"), _funnel, of="flow"),
        Table("challenges", "挑战", "challenges", "viewer", ("挑战", "标题", "规则", "状态"), _challenges),
        Table(
            "runs", "参加挑战的人", "challenge", "moderator", ("编号", "名字", "开始", "打卡天数", "完成次数", "进度", "最近打卡"), _runs, of="id",
        ),
        Table("unanswered", "没答上的问题", "faq_unanswered", "viewer", ("次数", "最近一次", "问题", "别的问法"), _unanswered),
        Table("waiting", "待审的内容", "submissions", "moderator", ("编号", "时间", "种类", "作者", "内容"), _waiting_submissions),
        Table(
            "groups", f"群（最近 {GROUP_DAYS} 天）", "groups", "admin", ("群", "社群", "消息", "说话的人", "新人", "Webhook", "第一次听到"), _groups,
        ),
        Table("cases", "案件", "cases", "moderator", ("案件", "时间", "编号", "成员", "类别", "谁发现的", "状态", "处理人", "处理时间"), _cases),
        Table("appeals", "等着的申诉", "cases_appeals", "moderator", ("案件", "时间", "编号", "成员"), _appeals),
        Table(
            "judged", "各种判断", "cases_report", "moderator", ("谁发现的", "类别", "结论", "从几分起", "看过", "改判", "建议"), _judged,
        ),
        Table("tickets", "工单", "tickets", "moderator", ("工单", "时间", "成员", "状态", "处理人", "首次回复（分钟）", "结束"), _tickets),
        Table("words", "词库", "words", "operator", ("词", "类别", "级别", "只在这些社群"), _words),
        Table("audit", "审计", "audit", "admin", ("时间", "社群", "谁", "做了什么", "改了什么"), _audit),
        Table(
            "numbers", "每日数据", "numbers", "viewer",
            ("日期", "成员数", "新成员数", "活跃", "7 天活跃", "30 天活跃", "参加活动", *COUNTED.values()), _numbers, of="chat",
        ),
        Table("hours", f"每个钟点的消息（{WEEKS} 周）", "numbers_hours", "viewer", ("星期", *map(str, range(24))), _hours, of="chat"),
        Table(
            "retention", "新成员留下来了吗", "numbers_retention", "viewer", ("哪一周来的", "人数", *(f"第 {days} 天" for days in RETURNS)), _retention,
            of="chat",
        ),
        Table("extension", "这一页的表", "extension", "viewer", (), _extension, of="name"),
        *MACHINE,
    )
}  # fmt: skip
