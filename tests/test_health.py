"""The lights: when they turn and when they do not, what they say, and that those who look after a community hear of each trouble once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from chat import ADMINS, Chat
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.health_desk import MOST_TOLD, alarm_words, health_words, ring_health
from bot.moods import ring_moods
from bot.numbers import Numbers
from rules.contents import HEALTH, ContentProblem, dump, parse
from rules.figures import Day, Reach, Where
from rules.health import DEFAULTS, HealthRules, Light, Place, Remedy, Threshold
from rules.health_words import REMEDIES, reason_of
from rules.lighting import DAYS, WATCHED, judge, lights
from rules.metrics import METRICS, Inlet
from scheduler.clock import Agenda
from storage import keys
from tests.chat import ROOT

pytest_plugins = ("chat",)

LAST = date(2026, 6, 14)  # a Sunday; 劳动节 is six weeks ago
HEARD: frozenset[Inlet] = frozenset({"mentions", "pushes"})
ALL: frozenset[Inlet] = frozenset({"mentions", "archive", "roster", "pushes", "surveys", "invitations"})
WEEKEND: Callable[[date], bool] = lambda day: day.weekday() >= 5  # noqa: E731


def past(
    counts: Mapping[str, Sequence[int]] | None = None, *, week: Sequence[int] = (), members: Sequence[int] = (), days: int = DAYS
) -> list[Day]:
    """Whole days up to LAST; what is given are the newest values, those before are like the first of them."""
    counts = counts or {}

    def at(values: Sequence[int], n: int) -> int:
        return values[max(n - (days - len(values)), 0)] if values else 0

    return [
        Day(
            LAST - timedelta(days=days - 1 - n), {"messages": 1, **{name: at(values, n) for name, values in counts.items()}},
            spoke=Reach(day=at(week, n) // 2, week=at(week, n)), members=at(members, n) or 100,
        )
        for n in range(days)
    ]  # fmt: skip


def light(
    metric: str, days: list[Day], rules: HealthRules = HealthRules(), inlets: frozenset[Inlet] = HEARD, *, is_off: Any = WEEKEND
) -> Light:
    """One light after the newest day."""
    return next(one for one in lights(days, rules, "main", inlets, is_off) if one.metric == metric)


# When they turn ---------------------------------------------------------------------------------------------------------------


def test_fewer_people_than_in_the_weeks_before_turn_the_light_with_the_figures_in_its_reason() -> None:
    found = light("wau", past(week=[41] * 50 + [40, 36, 33, 30, 28, 27, 27]))

    assert found.colour == "red"
    assert found.reason == "最近 7 天说话的人少了 34%（41 → 27 人）"
    assert found.since
    assert LAST - timedelta(days=3) <= found.since <= LAST
    assert found.remedy
    assert found.remedy.endpoint == "calendar"
    assert found.trend[-1] == 27
    assert (found.value, found.before) == (27, 41)


def test_what_chance_does_to_few_people_turns_nothing() -> None:
    assert light("wau", past(week=[12] * 50 + [9] * 7)).colour == "green"  # a quarter less, and within twice the root of twelve
    assert light("wau", past(week=[400] * 50 + [340] * 7)).colour == "yellow"  # 15 % of many is no chance


def test_a_community_of_three_has_no_light() -> None:
    found = light("wau", past(week=[3]))

    assert found.colour == "grey"
    assert "满 10 才看" in found.reason


def test_who_were_many_and_are_gone_are_not_too_few_to_be_judged() -> None:
    assert light("wau", past(week=[40] * 50 + [4] * 7)).colour == "red"


def test_one_bad_day_does_not_turn_a_light() -> None:
    assert light("negative_share", past({"felt": [40], "unhappy": [4] * 30 + [100]})).colour != "red"
    assert light("negative_share", past({"felt": [40], "unhappy": [4] * 30 + [16] * 7})).colour == "red"


def test_a_figure_that_wavers_around_its_threshold_does_not_make_the_light_waver() -> None:
    wavering = [10, 10, 9, 9] * 3 + [10, 9]  # 20 % and a bit less, by turns: better by less than the margin
    days = past({"felt": [50], "unhappy": [11] * 7 + wavering})

    colours = {light("negative_share", days[: len(days) - back]).colour for back in range(14)}

    assert colours == {"yellow"}


def test_it_turns_back_where_the_figure_is_better_by_the_margin_and_stays_so() -> None:
    days = past({"felt": [50], "unhappy": [13] * 20 + [6] * 12})

    assert light("negative_share", days).colour == "green"
    assert light("negative_share", days[:-12]).colour == "yellow"


def test_a_member_base_that_shrinks_for_three_weeks_running_turns_the_light_and_for_two_does_not() -> None:
    leaving = [0] * 30 + [1] * 21
    two = [0] * 30 + [1] * 13

    assert light("net_growth", past({"gone": leaving}, members=[200]), inlets=ALL).colour == "yellow"
    assert light("net_growth", past({"gone": two}, members=[200]), inlets=ALL).colour == "green"


def test_the_colour_does_not_hang_on_which_day_the_weeks_begin_with() -> None:
    every_other = past({"felt": [100], "unhappy": [50, 12] * 60})  # the week's share is 34 % and 28 % by turns, red is from 30 % on

    assert {light("negative_share", every_other[: len(every_other) - back]).colour for back in range(8)} == {"yellow"}


def test_a_light_does_not_go_out_and_on_as_one_more_or_less_stands_behind_it() -> None:
    tickets = {
        "tickets": [1, 0, 0] * 40,
        "tickets_answered": [1, 0, 0] * 40,
        "wait:180": [1, 0, 0] * 40,
    }  # two or three a week, three are enough
    days = past(tickets)

    assert {light("answer_minutes", days[: len(days) - back]).colour for back in range(8)} == {"red"}
    assert light("answer_minutes", past({name: [0] * 100 + [1, 0] for name in tickets})).colour == "grey", "one is too few"


def test_a_threshold_of_nothing_has_a_margin_too() -> None:
    rules = HealthRules(lights=(Threshold("net_growth", "level", 0.0, -0.1, 20),))
    shrank = past({"gone": [0] * 60 + [1] * 14}, members=[200])
    still = past({"gone": [0] * 60 + [1] * 14 + [0] * 6 + [1]}, members=[200])

    for days in (shrank, still):
        found = next(one for one in lights(days, rules, "main", ALL, lambda day: day.weekday() >= 5))
        assert found.colour == "yellow"


def test_a_quiet_holiday_week_turns_nothing() -> None:
    golden = {LAST - timedelta(days=n) for n in range(7)}
    days = past(week=[60] * 50 + [55, 48, 40, 33, 30, 29, 28])

    assert light("wau", days, is_off=lambda day: day in golden or day.weekday() >= 5).colour == "green"
    assert light("wau", days).colour == "red"


def test_an_ordinary_healthy_community_that_only_mentions_is_not_red() -> None:
    counts = {
        "messages": [60],
        "felt": [40],
        "unhappy": [3],
        "faq_hit": [9],
        "faq_miss": [3],
        "tickets": [2],
        "tickets_answered": [2],
        "wait:14": [2],
    }
    found = lights(past(counts, week=[48], members=[300]), HealthRules(), "main", HEARD, WEEKEND)

    assert {one.colour for one in found} == {"green", "grey"}
    assert next(one.metric for one in found if one.colour == "green") == "wau"
    assert next(one for one in found if one.metric == "active_share").why_grey  # 16 % spoke: says nothing where only mentions are heard


@given(st.lists(st.integers(0, 500), min_size=1, max_size=60), st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, DAYS))
@settings(max_examples=25, deadline=None)
def test_lights_can_be_judged_whatever_was_counted(week: list[int], some: list[int], days: int) -> None:
    counts = dict.fromkeys(
        ("felt", "unhappy", "gone", "faq_hit", "faq_miss", "tickets", "tickets_answered", "pushes_failed", "wait:9"), some
    )
    found = lights(past(counts, week=week, members=some, days=days), HealthRules(), "main", ALL, WEEKEND)

    assert sorted(one.metric for one in found) == sorted({one.metric for one in DEFAULTS})
    assert all(one.reason and (one.why_grey or one.colour != "grey") for one in found)
    assert all(one.remedy for one in found if one.colour in ("red", "yellow"))


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("answer_minutes", 204.0, "找人工的提问，一半要等 3.4 小时以上（30 分钟以内才好）"),
        ("answer_minutes", 29.0, "找人工的提问，一半要等 29 分钟以上（30 分钟以内才好），刚刚好转，再看两天"),
        ("negative_share", 0.34, "聊天里有 34% 听得出不高兴（20% 以下才好）"),
        ("net_growth", -0.01, "成员连着 3 周没有长起来：净增长 -1%（高于 0% 才好）"),
        ("self_service", 0.3, "自助解决率 30%（50% 以上才好）"),
    ],
)
def test_a_reason_is_a_sentence_with_the_figure_and_what_would_be_well(metric: str, value: float, said: str) -> None:
    threshold = next((one for one in DEFAULTS if one.metric == metric), Threshold(metric, "level", 0.5, None, 20))

    assert reason_of(threshold, "yellow", value, None) == said


# What is missing ---------------------------------------------------------------------------------------------------------------


def test_without_its_inlet_a_light_is_grey_and_says_what_would_open_it() -> None:
    found = light("active_share", past(week=[5]), inlets=HEARD)

    assert found.colour == "grey"
    assert "客户联系" in found.why_grey
    assert "会话内容存档" in light("active_share", past(week=[5]), inlets=HEARD | {"roster"}).why_grey
    assert light("active_share", past(week=[5]), inlets=ALL).colour == "red"


def test_a_place_that_nobody_spoke_in_is_grey_throughout() -> None:
    empty = [Day(LAST - timedelta(days=n)) for n in reversed(range(DAYS))]

    assert {one.colour for one in lights(empty, HealthRules(), "main", ALL, WEEKEND)} == {"grey"}


# What operators write ------------------------------------------------------------------------------------------------------------


def test_the_shipped_file_says_what_holds_without_it() -> None:
    raw = (ROOT / "rules/content/health.yaml").read_text(encoding="utf-8")

    assert parse(HEALTH, raw) == HealthRules() == parse(HEALTH, "")
    assert parse(HEALTH, dump(HEALTH, HealthRules())) == HealthRules()


def test_a_community_has_thresholds_of_its_own_and_of_its_stage() -> None:
    rules = parse(
        HEALTH,
        "communities: [{community: vip, stage: 成长, lights: [{metric: wau, by: past, yellow: 0.5}, {metric: faq_hit, yellow: 0.9, on: false}]}]",
    )

    assert rules.places["vip"] == Place(
        "成长", (Threshold("wau", "past", 0.5, None, 20), Threshold("faq_hit", "level", 0.9, None, 20, on=False))
    )
    own, others = {one.metric: one for one in rules.of("vip")}, {one.metric: one for one in rules.of("main")}
    assert (own["net_growth"].yellow, others["net_growth"].yellow) == (0.05, 0.0)
    assert (own["wau"].yellow, others["wau"].yellow) == (0.5, 0.1)
    assert "faq_hit" not in own
    assert parse(HEALTH, dump(HEALTH, rules)) == rules


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("lights: [{metric: happiness, yellow: 1}]", "没有“happiness”"),
        ("lights: [{metric: points_in, yellow: 1}]", "没有“points_in”"),  # no way is better
        ("lights: [{metric: faq_hit, yellow: 0.3, red: 0.5}]", "red 要比 yellow 更差"),
        ("lights: [{metric: churn, yellow: 0.3, red: 0.1}]", "red 要比 yellow 更差"),
        ("lights: [{metric: wau, by: past, yellow: -0.2}]", "大于 0"),
        ("lights: [{metric: wau, by: past, yellow: 0.2, periods: 2}]", "periods"),
        ("lights: [{metric: faq_hit, yellow: 0.3}, {metric: faq_hit, yellow: 0.4}]", "写了两次"),
        ("communities: [{community: a}, {community: a}]", "写了两次"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused_with_the_remedy(raw: str, said: str) -> None:
    with pytest.raises(ContentProblem) as refused:
        parse(HEALTH, raw)

    assert said in "\n".join(refused.value.problems)


def test_every_judged_indicator_has_words_for_what_to_do() -> None:
    assert {one.metric for one in DEFAULTS} | {metric for metric, *_ in WATCHED} - {"messages", "dau"} <= REMEDIES.keys()
    assert REMEDIES.keys() <= METRICS.keys()


# Troubles ----------------------------------------------------------------------------------------------------------------------


def test_a_red_light_an_odd_day_and_silence_are_troubles_and_a_yellow_light_is_none() -> None:
    hours = {f"h:{at}": [3] for at in range(9, 21)}
    days = past({"messages": [36] * 79 + [4, 4], "felt": [40], "unhappy": [3] * 30 + [9] * 10, **hours}, week=[41] * 50 + [36] * 7)

    found = judge(days, Day(LAST + timedelta(days=1)), 15, HealthRules(), "main", HEARD, WEEKEND)

    assert found.troubles.keys() == {"odd:messages", "silent"}
    assert next(one for one in found.lights if one.metric == "negative_share").colour == "yellow"
    assert [one.colour for one in found.lights] == sorted(
        (one.colour for one in found.lights), key=("red", "yellow", "green", "grey").index
    )
    assert "今天到 15 点一条消息也没听到，平常这时候有 18 条" in found.troubles["silent"].reason
    assert judge(past(week=[41] * 50 + [20] * 7), Day(LAST), 15, HealthRules(), "main", HEARD, WEEKEND).troubles.keys() == {"wau"}
    assert "比平常的星期日少了 89%（36 → 4 次）" in found.troubles["odd:messages"].reason


# In the bot ---------------------------------------------------------------------------------------------------------------------


def bring(chat: Chat, *, people: Sequence[int], unhappy: int = 1) -> None:
    """Weeks of a past up to yesterday: so many people speak each week, the newest last, by turns."""
    yesterday = chat.clock().astimezone(chat.community.zone).date() - timedelta(days=1)
    chat.stores.daybook.bring(Where("main"), yesterday - timedelta(days=7 * len(people)), came=range(1, max(people) + 1))
    for week, count in enumerate(reversed(people)):
        for back in range(7):
            day = yesterday - timedelta(days=7 * week + back)
            counts = {"messages": 20, "felt": 10, "unhappy": unhappy, "faq_hit": 5, "faq_miss": 1}
            chat.stores.daybook.bring(Where("main"), day, counts=counts, spoke=[n for n in range(1, count + 1) if n % 7 == back])


def ring(chat: Chat) -> int:
    """The clock looks how well the communities are."""
    return ring_health(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def alarms(chat: Chat) -> list[str]:
    """What those who look after the community were told."""
    return [str(delivery.body) for delivery in chat.outbox() if delivery.id.startswith("lights:")]


def morning(chat: Chat, days: int = 0) -> None:
    """Goes on to nine in the morning of the community, so many days on."""
    now = chat.clock().astimezone(chat.community.zone)
    wanted = (now + timedelta(days=days)).replace(hour=9, minute=5, second=0)
    chat.later(seconds=max((wanted - now).total_seconds(), 0))


def test_health_in_chat_tells_what_is_not_well_why_and_what_to_do(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])

    said = chat.says("健康", user="boss", group=ADMINS)

    assert said.startswith("🔴 **主群** · 有 2 处要看一看")
    assert "最近 7 天说话的人少了 50%（60 → 30 人）" in said
    assert "→ 在日历里排一次推送或活动" in said
    assert "🟢 正常：" in said
    assert "问答命中率 83%" in said
    assert "⚪ 看不了 净增长率、流失率、活跃率：不知道群里有谁" in said


def test_health_in_chat_of_a_new_community_says_that_it_is_too_early(chat: Chat) -> None:
    assert chat.says("健康", user="boss", group=ADMINS).startswith("⚪ **主群** · 数据还少，看不出好坏")


def test_health_in_chat_is_for_those_who_look_after_the_community_and_an_everyday_word_for_others(chat: Chat) -> None:
    bring(chat, people=[60] * 7)

    assert "主群** ·" not in chat.says("健康", user="lilei")


def test_a_trouble_is_told_once_however_many_clocks_look(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)

    assert ring(chat) == 1
    assert len(alarms(chat)) == 1
    assert "有 2 处不好" in alarms(chat)[0]  # fewer people, and half of last week's did not come back
    assert "60 → 30 人" in alarms(chat)[0]
    for _ in range(5):
        chat.later(hours=1)
        assert ring(chat) == 0
    assert len(alarms(chat)) == 1


def test_the_clock_looks_by_itself(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)
    agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)

    {name: act for name, _, _, act in agenda.rounds()}["health"]()

    assert len(alarms(chat)) == 1


def test_two_clocks_that_look_at_one_moment_tell_of_it_once(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)
    looked = chat.stores.lights.all([chat.community.keys])[0]
    assert ring(chat) == 1

    assert not chat.stores.lights.keep(chat.community.keys, looked, "{}", {"wau": 1}, (), chat.clock())  # decided on an older look

    assert chat.stores.lights.all([chat.community.keys])[0].serial == looked.serial + 1
    assert len(alarms(chat)) == 1


def test_a_trouble_that_goes_on_is_told_again_after_a_week_and_one_that_ended_when_it_comes_back(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)
    where, now = chat.community.keys, chat.clock()
    assert ring(chat) == 1
    told = chat.stores.lights.all([where])[0].told["quiet"]

    chat.later(days=6, hours=23)  # nobody spoke since, so it stands
    ring(chat)
    assert chat.stores.lights.all([where])[0].told["quiet"] == told
    chat.later(hours=2)
    assert ring(chat) == 1
    assert chat.stores.lights.all([where])[0].told["quiet"] > told
    assert chat.clock() - now > timedelta(days=7)


def test_a_bad_mood_that_was_told_within_the_day_is_not_told_again_by_its_light(chat: Chat) -> None:
    bring(chat, people=[60] * 7, unhappy=9)
    for n in range(40):
        chat.says("退款一直没人处理，太差了，气死我了", user=f"unhappy{n % 4}")
    morning(chat)
    assert ring_moods(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 1

    assert ring(chat) == 0

    assert chat.stores.lights.all([chat.community.keys])[0].told.keys() == {"negative_share"}
    assert alarms(chat) == []


def test_nobody_is_woken_at_night_and_hears_of_it_in_the_morning(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    now = chat.clock().astimezone(chat.community.zone)
    chat.later(seconds=(now.replace(hour=23, minute=0) - now).total_seconds())

    assert ring(chat) == 0
    assert alarms(chat) == []
    morning(chat, days=1)
    assert ring(chat) == 1


def test_what_a_look_found_is_shown_for_an_hour_and_until_the_rules_change(chat: Chat) -> None:
    bring(chat, people=[60] * 7)
    morning(chat)
    ring(chat)
    bring(chat, people=[60] * 6 + [0], unhappy=90)  # counted late

    def colour() -> str:
        numbers = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)
        return next(one.colour for one in numbers.lights(chat.community) if one.metric == "negative_share")

    assert colour() == "green"
    chat.later(hours=2)
    assert colour() == "red"


def test_a_look_costs_one_round_trip_for_any_number_of_communities(chat: Chat) -> None:
    bring(chat, people=[60] * 7)
    morning(chat)
    ring(chat)
    numbers = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)

    asked: list[int] = []
    chat.stores.database._on_round_trip = lambda: asked.append(1)
    numbers.lights_of(chat.communities.listed)

    assert len(asked) == 1


# Words ----------------------------------------------------------------------------------------------------------------------------


def test_the_page_of_many_communities_judges_few_of_them_while_somebody_waits(chat: Chat) -> None:
    bring(chat, people=[60] * 7)
    morning(chat)
    numbers = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)
    none, late = numbers.lights_at_hand(chat.communities.listed, 0)
    assert (set(map(len, none.values())), late) == ({0}, len(chat.communities.listed))
    ring(chat)
    found, late = numbers.lights_at_hand(chat.communities.listed, 0)
    assert late == 0
    chat.later(hours=3)
    older, late = numbers.lights_at_hand(chat.communities.listed, 0)
    assert (older, late) == (found, len(chat.communities.listed)), "those of the last look, until the clock looks again"
    assert numbers.lights_at_hand(chat.communities.listed, 1)[1] == len(chat.communities.listed) - 1


def test_an_alarm_of_many_troubles_names_the_first_and_counts_the_rest(chat: Chat) -> None:
    troubles = [Light("wau", "周活", "red", f"第 {n} 处", remedy=Remedy("看看")) for n in range(MOST_TOLD + 2)]

    said = alarm_words(chat.community, troubles)

    assert f"第 {MOST_TOLD - 1} 处" in said
    assert f"第 {MOST_TOLD} 处" not in said
    assert "还有 2 处" in said


def test_when_all_is_well_it_says_so(chat: Chat) -> None:
    assert health_words(chat.community, [Light("wau", "周活", "green", "周活 41 人")]) == "🟢 **主群** · 一切正常\n🟢 正常：周活 41 人"


# Once a trouble, whatever the clock does --------------------------------------------------------------------------------------------


def look_every_hour(chat: Chat, days: int) -> None:
    """The clock looks every hour; the lease of the last look has run out by then."""
    for _ in range(24 * days):
        chat.later(hours=1)
        ring(chat)


def test_an_outage_of_days_is_told_once_in_a_week(chat: Chat) -> None:
    today = chat.clock().astimezone(chat.community.zone).date()
    for back in range(1, 64):
        spoke = [n for n in range(1, 41) if (n + back) % 3 == 0]
        counts = {"messages": 100, **{f"h:{at}": 10 for at in range(8, 18)}}
        chat.stores.daybook.bring(
            Where("main"), today - timedelta(days=back), counts=counts, spoke=spoke, came=range(1, 41) if back == 63 else ()
        )
    morning(chat, days=1)

    look_every_hour(chat, 6)

    assert len(alarms(chat)) == 1


def test_a_look_that_was_taken_in_the_future_freezes_nothing(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)
    now = chat.clock()
    ahead = now + timedelta(days=200)
    where = chat.community.keys
    shown = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current).pack([])
    chat.stores.lights.keep(where, chat.stores.lights.all([where])[0], shown, {"quiet": int(ahead.timestamp() * 1000)}, (), ahead)

    assert Numbers(chat.stores, chat.communities, chat.clock, chat.live.current).lights(chat.community)
    assert ring(chat) == 1
    assert len(alarms(chat)) == 1


def test_health_is_not_said_in_the_members_group(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])

    assert "60 → 30" not in chat.says("健康", user="boss")


def test_a_community_that_cannot_be_looked_at_stops_no_other(chat: Chat) -> None:
    bring(chat, people=[60, 60, 60, 60, 60, 60, 30])
    morning(chat)
    chat.stores.database.command("SET", keys.OUTBOX_DUE(shard=chat.community.shard), "broken")

    assert ring(chat) == 0


def test_nobody_wonders_that_a_holiday_is_silent() -> None:
    hours = {f"h:{at}": [3] for at in range(9, 21)}
    today = Day(LAST + timedelta(days=1))

    def troubles(is_off: Callable[[date], bool]) -> set[str]:
        return set(judge(past({"messages": [36], **hours}), today, 15, HealthRules(), "main", HEARD, is_off).troubles)

    assert "silent" in troubles(WEEKEND)
    assert "silent" not in troubles(lambda day: day == today.day or WEEKEND(day))
