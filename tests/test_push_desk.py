"""What stands between a push and a thousand readers: consent, the brake, and a look at the days ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chat import FAR, MAIN, Chat, OpenChat
from visits import Visit, met, visit

from bot.errors import UserError
from bot.faq_office import office_for
from bot.mailing import fire
from bot.mailing_desk import MailingDesk, correction_of, words_of
from bot.outlook import outlook, share_words
from bot.permissions import Actor, Role
from bot.push_desk import Braked, PushDesk
from handlers.contents import publish
from rules.contents import PUSHES, PUSHING, SEGMENTS
from rules.pushes import After, Arm, Body, Push, Trial, is_granted
from storage import keys
from storage.mailings import Mailing
from storage.moment import to_ms
from storage.tallies import place_of
from tests.casework import told

pytest_plugins = ("chat",)

SHANGHAI = ZoneInfo("Asia/Shanghai")
PAGE = "/console/in/main/calendar"
STRICT = "approve_above: 20\nbrake_above: 8\nquiet: ''\n"
TOMORROW = Push("", "", "周年庆开始了", "main", at="2026-03-11 09:00", title="周年庆")


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """Tuesday, 10 March 2026, 10:00; forty members, two of them administrators, and manners that a small community feels."""
    chat = met(open_chat())
    people(chat, 40)
    publish(chat.stores, PUSHES, "[]", "boss", chat.clock())
    publish(chat.stores, PUSHING, STRICT, "boss", chat.clock())
    chat.live.refresh()
    return chat


def people(chat: Chat, count: int, first: int = 1_000) -> None:
    """So many members who are here and in the main group, of whom every fourth has the third level."""
    facts: dict[int, Any] = {first + n: {"level": 3 if n % 4 == 0 else 1, "joined": date(2026, 3, 4)} for n in range(count)}
    where, shard = chat.community.keys, chat.community.shard
    chat.stores.traits.write(where, facts)
    places = (where.id, place_of(where.id, MAIN))
    chat.stores.database.pipeline(("SETBIT", keys.HERE(shard=shard, community=place), number, 1) for place in places for number in facts)


def desk(chat: Chat, who: str = "boss", role: Role = "owner") -> PushDesk:
    chat.live.refresh()
    actor = Actor(chat.member(who), who, role)
    office = office_for(chat.stores, chat.live.current, chat.community, actor, chat.clock, listed=2, everywhere="operator")
    return PushDesk.of(office, chat.config)


def put(chat: Chat, push: Push, once: str = "1", who: str = "boss") -> Push:
    """A push of somebody's, in force."""
    made = desk(chat, who).make(push, once=once, typed=40).after
    assert made
    return made


def manners(chat: Chat, raw: str) -> None:
    publish(chat.stores, PUSHING, raw, "boss", chat.clock())
    chat.live.refresh()


def form(browser: Visit, **typed: str) -> dict[str, Any]:
    """The form that is open, with what is typed into it."""
    return {**browser.form, **typed}


def make_admin(chat: Chat, user: str = "lilei") -> None:
    assert chat.stores.roles.grant(chat.member(user), "main", "admin", seen="", once=f"role {user}")


# Consent ------------------------------------------------------------------------------------------------------------------


def test_what_many_would_read_waits_until_another_administrator_agrees(chat: Chat) -> None:
    make_admin(chat)
    push = put(chat, TOMORROW, who="lilei")
    assert (push.approval, push.asked_by, is_granted(push)) == ("asked", chat.member("lilei"), False)
    [asked] = [one for one in chat.outbox() if one.id.startswith("push:asked:")]
    said = asked.body["markdown"]["content"]
    assert "周年庆开始了" in said
    assert f"推送 批准 {push.id} 40" in said
    kept = desk(chat).get(push.id)
    with pytest.raises(UserError, match="另一位管理员"):
        desk(chat, "lilei", "admin").grant(push.id, kept.mark, once="2", typed=40)
    with pytest.raises(UserError, match="要管理员"):
        desk(chat, "boss", "operator").grant(push.id, kept.mark, once="3", typed=40)
    done = desk(chat).grant(push.id, kept.mark, once="4", typed=40).after
    assert done
    assert (done.approval, done.granted_by, is_granted(done)) == ("granted", chat.member("boss"), True)
    assert desk(chat).grant(push.id, "whatever", once="4").after == done, "a repeat agrees once"
    assert [row.act for row in chat.stores.audit.newest("main", 2)] == ["推送 批准", "推送 新建"]


@pytest.mark.parametrize(
    ("changes", "approval"),
    [
        ({"title": "换个标题"}, "granted"), ({"text": "周年庆延期了"}, "asked"), ({"at": "2026-03-12 09:00"}, "asked"), ({"groups": (MAIN,)}, "asked"),
        ({"to": "members", "segment": "level >= 1"}, "asked"), ({"enabled": False}, "granted"), ({"to": "members", "segment": "level > 9"}, ""),
    ],
)  # fmt: skip
def test_a_change_of_what_is_said_to_whom_or_when_takes_the_consent_back(chat: Chat, changes: dict[str, Any], approval: str) -> None:
    make_admin(chat)
    push = put(chat, TOMORROW, who="lilei")
    granted = desk(chat).grant(push.id, desk(chat).get(push.id).mark, once="2", typed=40).after
    assert granted
    changed = desk(chat, "lilei").change(push.id, desk(chat).get(push.id).mark, replace(granted, **changes), once="3", typed=40).after
    assert changed
    assert changed.approval == approval


def test_the_only_administrator_may_agree_to_his_own_after_ten_minutes_and_the_audit_says_so(chat: Chat) -> None:
    push = put(chat, TOMORROW)
    mark = desk(chat).get(push.id).mark
    with pytest.raises(UserError, match="10 分钟"):
        desk(chat).grant(push.id, mark, once="2", typed=40)
    chat.later(minutes=10)
    assert is_granted(desk(chat).grant(push.id, mark, once="3", typed=40).after or push)
    assert chat.stores.audit.newest("main", 1)[0].act == "推送 批准（单人）"


def test_what_is_past_is_not_agreed_to(chat: Chat) -> None:
    push = put(chat, TOMORROW)
    chat.later(days=2)
    with pytest.raises(UserError, match="已经过了"):
        desk(chat).grant(push.id, desk(chat).get(push.id).mark, once="2", typed=40)


def test_marketing_waits_for_consent_where_the_manners_say_so(chat: Chat) -> None:
    manners(chat, "approve_marketing: true\nbrake_above: 100\n")
    assert put(chat, replace(TOMORROW, marketing=True)).approval == "asked"
    assert put(chat, TOMORROW, "2").approval == ""


def test_consent_by_chat_lists_asks_for_the_number_and_agrees(chat: Chat) -> None:
    make_admin(chat)
    assert "没有推送在等批准" in chat.as_admin("推送 批准")
    push = put(chat, TOMORROW, who="lilei")
    assert f"{push.id}  周年庆" in chat.as_admin("推送 批准")
    letters = desk(chat).get(push.id).letters
    shown = chat.as_admin(f"推送 批准 {push.id}")
    assert "> 周年庆开始了" in shown
    assert f"同意就说：推送 批准 {push.id} 40 {letters}（" in shown
    assert not is_granted(desk(chat).get(push.id).push), "only looked at"
    assert f"推送 批准 {push.id} 40 {letters}" in chat.as_admin(f"推送 批准 {push.id} {letters}"), "the number is missing"
    assert "人数不对" in chat.as_admin(f"推送 批准 {push.id} 400 {letters}")
    assert "批准了“周年庆”" in chat.as_admin(f"推送 批准 {push.id} 40 {letters.upper()}")
    assert "不在等批准" in chat.as_admin(f"推送 批准 {push.id} 40 {letters}")
    assert "例如" in chat.as_admin("推送 批准 3 很多")
    assert "例如" in chat.as_admin("推送 启用 3 4 5")


def test_who_agrees_agrees_to_what_he_was_shown(chat: Chat) -> None:
    make_admin(chat)
    push = put(chat, TOMORROW, who="lilei")
    said = next(one for one in chat.outbox() if one.id.startswith("push:asked:")).body["markdown"]["content"]
    agrees = said.partition("同意就说：")[2].partition("；")[0]
    kept = desk(chat, "lilei").get(push.id)
    desk(chat, "lilei").change(push.id, kept.mark, replace(kept.push, text="全部五折，点这里"), once="2")
    refused = chat.as_admin(agrees)
    assert "后来又改过，没有批准" in refused
    assert "你看过的：2026-03-11 09:00" in refused
    assert "周年庆开始了" in refused
    assert "> 全部五折，点这里" in refused
    assert not is_granted(desk(chat).get(push.id).push)
    assert "四个字母对不上，没有批准" in chat.as_admin(f"推送 批准 {push.id} 40 zzzz")
    assert "批准了" in chat.as_admin(refused.partition("同意就说：")[2].partition("（")[0])


def test_what_goes_to_all_is_agreed_to_by_an_administrator_of_all(chat: Chat) -> None:
    make_admin(chat)
    chat.says("签到", user="hanmei")
    push = put(chat, replace(TOMORROW, community="*"), who="lilei")
    kept = desk(chat).get(push.id)
    with pytest.raises(UserError, match="所有社群的管理员"):
        desk(chat, "hanmei", "admin").grant(push.id, kept.mark, once="2", typed=desk(chat).reach(push).people)
    assert chat.stores.roles.grant(chat.member("hanmei"), "*", "admin", seen="", once="all")
    above = replace(desk(chat, "hanmei", "admin"), may_agree=True)
    assert is_granted(above.grant(push.id, kept.mark, once="3", typed=desk(chat).reach(push).people).after or push)


def test_whoever_may_agree_to_what_goes_to_all_is_asked_alone(chat: Chat) -> None:
    """He may sit in no admin group, and none of those who do may agree."""
    make_admin(chat)
    chat.says("签到", user="hanmei")
    assert chat.stores.roles.grant(chat.member("hanmei"), "*", "admin", seen="", once="all")
    push = put(chat, replace(TOMORROW, community="*"), who="lilei")
    for user in ("boss", "hanmei"):
        [asked] = [words for words in told(chat, user) if "等批准" in words]
        assert f"推送 批准 {push.id}" in asked
    assert not any("等批准" in words for words in told(chat, "lilei"))
    before = len(told(chat, "boss"))
    put(chat, TOMORROW, "2", who="lilei")
    assert len(told(chat, "boss")) == before, "what goes to one community is asked in its admin group"


def test_who_is_an_administrator_elsewhere_is_not_waited_for_with_what_goes_to_all(chat: Chat) -> None:
    """The only one who may agree to it may do so himself, after a while."""
    make_admin(chat)
    push = put(chat, replace(TOMORROW, community="*"))
    own = replace(desk(chat), may_agree=True)
    with pytest.raises(UserError, match="10 分钟"):
        own.grant(push.id, own.get(push.id).mark, once="2", typed=own.reach(push).people)


# The brake ----------------------------------------------------------------------------------------------------------------


def test_who_sends_to_many_types_their_number(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 8\n")
    with pytest.raises(Braked) as braked:
        desk(chat).make(TOMORROW, once="1")
    assert (braked.value.reach.people, braked.value.reach.groups) == (40, 1)
    with pytest.raises(Braked, match="你输的是 44"):
        desk(chat).make(TOMORROW, once="1", typed=44)
    assert desk(chat).make(TOMORROW, once="1", typed=40).after
    few = replace(TOMORROW, to="members", segment="level > 9")
    assert desk(chat).make(few, once="2").after, "nobody is asked for a number that is small"
    assert desk(chat).make(replace(TOMORROW, enabled=False), once="3").after, "nor for a draft"


def test_a_title_of_what_runs_already_is_changed_without_a_number(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 8\n")
    push = put(chat, TOMORROW)
    mark = desk(chat).get(push.id).mark
    assert desk(chat).change(push.id, mark, replace(push, title="庆"), once="2").after
    assert desk(chat).move(push.id, desk(chat).get(push.id).mark, date(2026, 3, 13), once="3").after, "nor what is only said later"
    with pytest.raises(Braked):
        desk(chat).change(push.id, desk(chat).get(push.id).mark, replace(push, text="别的"), once="4")


def test_by_chat_a_push_to_many_is_a_draft_until_the_number_is_typed(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 8\n")
    said = chat.as_admin("推送 新建 明天 9:00 周年庆")
    [push] = [kept.push for kept in desk(chat).pushes()]
    assert not push.enabled
    assert f"推送 启用 {push.id} 40" in said
    assert f"推送 启用 {push.id} 40" in chat.as_admin(f"推送 启用 {push.id}")
    assert "人数不对" in chat.as_admin(f"推送 启用 {push.id} 4")
    assert "照常发" in chat.as_admin(f"推送 启用 {push.id} 40")


def test_by_chat_a_push_goes_to_a_saved_segment_one_by_one_where_that_is_said_in_so_many_words(chat: Chat) -> None:
    publish(chat.stores, SEGMENTS, '- {id: old, name: 老成员, text: "level >= 3"}', "boss", chat.clock())
    manners(chat, "approve_above: 1000\nbrake_above: 20\n")
    assert "一个一个私聊给 @老成员（现在 10 人）" in chat.as_admin("推送 新建 明天 9:00 私聊 @老成员：好久不见")
    [push] = [kept.push for kept in desk(chat).pushes()]
    assert (push.to, push.segment, push.text) == ("members", "@老成员", "好久不见")
    assert "没有" in chat.as_admin("推送 新建 明天 9:00 私聊 @没存过的 好久不见")
    chat.as_admin("推送 新建 明天 9:00 私聊我就能领资料")
    assert [kept.push.to for kept in desk(chat).pushes()] == ["members", "groups"]


def test_a_segment_that_nobody_saved_and_a_brace_that_nobody_fills_are_refused(chat: Chat) -> None:
    with pytest.raises(UserError, match="不存在的"):
        desk(chat).make(replace(TOMORROW, to="members", segment="@不存在的"), once="1")
    with pytest.raises(UserError, match="nickname"):
        desk(chat).make(replace(TOMORROW, text="{name}，早"), once="2")


# The days ahead -----------------------------------------------------------------------------------------------------------


def test_the_days_ahead_tell_how_many_what_crowds_and_what_the_caps_cut(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 1000\n")
    wanted: list[dict[str, Any]] = [
        {"marketing": True}, {"marketing": True, "at": "2026-03-11 09:30", "title": "第二波"}, {"at": "2026-03-19 09:00", "title": "太远"},
        {"at": "2026-03-11 12:00", "to": "members", "segment": "level >= 3", "title": "老成员"}, {"at": "2026-03-11 13:00", "to": "members", "title": "所有人"},
    ]  # fmt: skip
    made = [desk(chat).make(replace(TOMORROW, **changes), once=str(n)) for n, changes in enumerate(wanted)]
    assert len(made) == 5
    found = outlook(desk(chat))
    rows = {one.push.title: one for one in found.moments}
    assert list(rows) == ["周年庆", "第二波", "老成员", "所有人"]
    assert [one.reach.people for one in rows.values()] == [40, 40, 10, 40]
    assert rows["周年庆"].notes == ()
    assert "不会发" in rows["第二波"].notes[0]
    assert "只隔 30 分钟" in rows["第二波"].notes[1]
    assert "最多 10 人会超过上限（1 天里最多 1 条推送）" in rows["所有人"].notes[0]


def test_too_much_marketing_is_told_where_it_is_made_and_ahead(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 1000\nmarketing_share: 0.2\n")
    for n in range(4):
        put(chat, replace(TOMORROW, at=f"2026-03-1{n + 2} 09:00"), str(n))
    sale = replace(TOMORROW, marketing=True, at="2026-03-16 09:00", enabled=False)
    assert share_words(desk(chat), put(chat, replace(sale, enabled=True), "one")) == "", "one of five is a fifth, no more"
    second = put(chat, sale, "two")
    assert "营销 2 条" in share_words(desk(chat), replace(second, enabled=True))
    assert "广告" in chat.as_admin(f"推送 启用 {second.id}")
    said = chat.as_admin("推送 未来")
    assert "注意：最近和以后的 6 条推送里营销 2 条（33%）" in said
    assert "03-12 09:00  周年庆 → 1 个群的 40 人" in said


def test_no_pushes_ahead_are_told_with_the_way_to_make_one(chat: Chat) -> None:
    assert "例如：推送 新建" in chat.as_admin("推送 未来")
    assert 'data-testid="empty"' in visit(chat).opens(f"{PAGE}/ahead")


# What is being said ---------------------------------------------------------------------------------------------------------


def begun(chat: Chat, push: Push) -> Mailing:
    """The mailing of a push that falls due at this moment."""
    now = chat.clock()
    assert fire(push, chat.community, now, chat.stores, chat.config, chat.live.current, now)
    found = chat.stores.mailings.find(chat.community.keys, push.id, now)
    assert found
    return found


def test_what_is_being_said_is_stopped_by_chat_and_the_audit_says_what_went_out(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 1000\nquiet: ''\n")
    assert "例如" in chat.as_admin("推送 停")
    push = put(chat, TOMORROW)
    assert "还没有发过" in chat.as_admin(f"推送 停 {push.id}")
    begun(chat, push)
    said = chat.as_admin(f"推送 停 {push.id}")
    assert "已停下：发出 0 个群" in said
    assert "收不回来" in said
    page = visit(chat).opens(f"{PAGE}?day=2026-03-10")
    assert "没有发；已停下：发出 0 个群" in page
    [row] = chat.stores.audit.newest("main", 1)
    assert (row.act, "已停下" in row.after) == ("推送 停", True)
    assert "没有可停的" in chat.as_admin(f"推送 停 {push.id}")


def test_a_mailing_is_looked_at_stopped_and_put_right_on_its_page(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 1000\nquiet: ''\n")
    push = put(chat, TOMORROW)
    mailing = begun(chat, push)
    address = f"{PAGE}/mailing/{push.id}/{to_ms(mailing.planned)}"
    browser = visit(chat)
    page = browser.opens(address)
    assert "正在发" in page
    assert 'data-testid="correct"' not in page
    assert "还在发" in browser.posts(f"{address}/act", act="correct", once="c1")
    lease = chat.stores.outbox.lease(chat.community.shard, "bulk", "hook.main.main", "s", 2**42, 1)
    assert lease
    chat.stores.outbox.done(lease, to_ms(chat.clock()))
    page = browser.opens(address)
    assert "发完了" in page
    assert f"mailing/{push.id}/" in browser.opens(f"{PAGE}?day=2026-03-10")
    assert "没有可停的" in browser.posts(f"{address}/act", act="stop", once="s1")
    page = browser.posts(f"{address}/act", act="correct", once="c2")
    assert "【更正】刚才发的“周年庆开始了”有误" in page
    [draft] = [kept.push for kept in desk(chat).pushes() if kept.push.id != push.id]
    assert (draft.enabled, draft.groups, draft.title, draft.quiet) == (False, (MAIN,), "更正：周年庆", "ignore")
    browser.opens(f"{PAGE}/mailing/{push.id}/1")
    assert browser.status == 404


def test_a_push_names_no_groups_of_others(chat: Chat) -> None:
    with pytest.raises(UserError, match=f"群 {FAR} 不在“主群”里"):
        put(chat, replace(TOMORROW, groups=(MAIN, FAR)))


def test_what_nobody_is_known_any_more_to_have_got_is_not_put_right(chat: Chat) -> None:
    """A correction that names no group would go to all of them."""
    manners(chat, "approve_above: 1000\nbrake_above: 1000\nquiet: ''\n")
    push = put(chat, TOMORROW)
    mailing = begun(chat, push)
    lease = chat.stores.outbox.lease(chat.community.shard, "bulk", "hook.main.main", "s", 2**42, 1)
    assert lease
    chat.stores.outbox.done(lease, to_ms(chat.clock()))
    after_90_days = keys.MAILING_GOT(shard=chat.community.shard, community="main", name=mailing.name)
    chat.stores.database.command("DEL", after_90_days)
    office = MailingDesk(desk(chat))
    with pytest.raises(UserError, match="不再记得谁收到过"):
        office.correct(office.get(push.id, mailing.planned), once="c")


def test_a_correction_to_members_goes_to_exactly_those_who_got_it(chat: Chat) -> None:
    mailing = Mailing(
        "p", chat.clock(), "main", "members", "回访", 40, 40, 40, 12, 1, {"cap": 27}, "done", chat.clock(), chat.clock(), None, "m40"
    )
    draft = correction_of(Push("p", "0 9 * * *", "还习惯吗", "main", to="members", title="回访"), mailing, desk(chat))
    assert (draft.to, draft.receivers_of, draft.enabled) == ("members", mailing.name, False)
    assert desk(chat).reach(draft).people == 0, "nobody got what never was"
    assert words_of(mailing) == "发完了：发出 12 人，没发成 1，超过上限 27（共 40 人）"


# In the console -----------------------------------------------------------------------------------------------------------


def test_the_form_holds_all_that_a_push_can_be_and_gives_it_back(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?new=1&day=2026-03-18")
    whole: dict[str, Any] = browser.form | {
        "act": "draft", "repeat": "daily", "time": "10:00", "text": "还习惯吗，{nickname}？", "title": "回访", "to": "members", "segment": "level >= 3",
        "after": "joined", "after_days": "7", "column": "回访", "quiet": "skip", "first": "20", "first_minutes": "15", "arm_B": "一周了，{nickname}",
        "outcome": "check_in", "within_hours": "48", "holdout": "10", "roll_out": "on", "card_title": "新手指南", "card_url": "https://example.com/new",
        "articles": "周报 | https://example.com/w | 这一周", "image": "早安.png",
    }  # fmt: skip
    browser.posts(f"{PAGE}/save", **whole)
    assert browser.status == 200
    [push] = [kept.push for kept in desk(chat).pushes()]
    assert (push.to, push.segment, push.after, push.column, push.quiet, push.first) == (
        "members",
        "level >= 3",
        After("joined", 7),
        "回访",
        "skip",
        20,
    )
    assert push.trial == Trial("check_in", 48, 10, roll_out=True)
    assert [(arm.name, arm.body.text) for arm in push.arms] == [("A", "还习惯吗，{nickname}？"), ("B", "一周了，{nickname}")]
    assert push.card
    assert (push.card.title, push.card.url, push.articles[0].text, push.image) == (
        "新手指南",
        "https://example.com/new",
        "这一周",
        "早安.png",
    )
    page = browser.opens(f"{PAGE}?push={push.id}")
    assert "一周了，李雷" in page
    browser.posts(f"{PAGE}/save", **form(browser, act="draft"))
    assert desk(chat).get(push.id).push == push, "a form that is saved as it was opened changes nothing"


def test_episodes_and_arms_that_were_typed_stay_where_something_is_refused(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?new=1&day=2026-03-18")
    page = browser.posts(f"{PAGE}/save", **form(browser, act="draft", repeat="daily", text="x", episodes="第一课\n---\n第二课", arm_B="y"))
    assert browser.status == 400
    assert "分成两条" in page
    assert "第一课\n---\n第二课" in page
    browser.posts(f"{PAGE}/save", **form(browser, act="draft", repeat="daily", text="x", episodes="第一课\n---\n第二课", arm_B=""))
    [push] = [kept.push for kept in desk(chat).pushes()]
    assert (push.episodes, push.began) == (("第一课", "第二课"), "2026-03-10")


def test_the_page_asks_for_the_number_and_takes_the_right_one(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 8\n")
    browser = visit(chat)
    browser.opens(f"{PAGE}?new=1&day=2026-03-18")
    page = browser.posts(f"{PAGE}/save", **form(browser, act="enable", repeat="once", text="周年庆"))
    assert (browser.status, 'data-testid="number"' in page, "1 个群的 40 人" in page) == (400, True, True)
    assert "人数不对" in browser.posts(f"{PAGE}/save", **form(browser, act="enable", number="4"))
    browser.posts(f"{PAGE}/save", **form(browser, act="enable", number="40"))
    assert [kept.push.enabled for kept in desk(chat).pushes()] == [True]


def test_an_administrator_agrees_on_the_page_and_an_operator_cannot(chat: Chat) -> None:
    make_admin(chat)
    push = put(chat, TOMORROW, who="lilei")
    browser = visit(chat)
    assert "1 条等批准" in browser.opens(PAGE)
    assert "周年庆" in browser.opens(f"{PAGE}/ahead")
    page = browser.opens(f"{PAGE}?push={push.id}")
    assert "李雷" in page
    fields: dict[str, Any] = {"id": push.id, "mark": desk(chat).get(push.id).mark, "act": "grant", "once": "abc"}
    assert "输一遍" in browser.posts(f"{PAGE}/switch", **fields)
    assert browser.status == 400
    browser.posts(f"{PAGE}/switch", **fields, number="40")
    assert desk(chat).get(push.id).push.approval == "granted"


def test_the_form_counts_whom_a_segment_means_and_says_what_is_wrong_with_it(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?new=1&day=2026-03-18&segment=level+%3E%3D+3")
    assert browser.form["segment"] == "level >= 3"
    asked = form(browser, text="早", repeat="once", to="members")
    assert "10 人" in browser.posts(f"{PAGE}/reach", **asked)
    assert "第 1 个字" in browser.posts(f"{PAGE}/reach", **asked | {"segment": "lvel > 3"})
    assert "40 人" in browser.posts(f"{PAGE}/reach", **asked | {"to": "groups", "segment": ""})
    size = browser.posts(f"{PAGE}/reach", **asked | {"segment": "", "arm_B": "早安"})
    assert "40 人" in size
    assert "看" in size


def test_a_trial_on_oneself_says_each_version(chat: Chat) -> None:
    arms = (Arm("A", Body("早")), Arm("B", Body("早安")))
    push = put(chat, replace(TOMORROW, text="早", arms=arms, trial=Trial()))
    chat.as_admin(f"推送 预览 {push.id}")
    shown = [one.body["text"]["content"] for one in chat.outbox() if one.id.startswith("push:trial:")]
    assert [text.splitlines()[1] for text in shown] == ["【版本 A】早", "【版本 B】早安"]


def test_the_clock_of_the_outlook_is_the_communitys(chat: Chat) -> None:
    manners(chat, "approve_above: 1000\nbrake_above: 1000\n")
    put(chat, TOMORROW)
    [one] = outlook(desk(chat)).moments
    assert (one.at.hour, one.day) == (9, date(2026, 3, 11))
    assert one.at.astimezone(UTC) == datetime(2026, 3, 11, 1, tzinfo=UTC)
    assert outlook(replace(desk(chat), now=one.at + timedelta(seconds=1))).moments == ()
