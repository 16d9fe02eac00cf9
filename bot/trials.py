"""How moderation stands in a community: how strict, for whom, on trial or in earnest. Chat, console and clock ask and change it here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from bot.communities import Communities, Community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents
from bot.permissions import Actor
from bot.staff import to_staff
from rules.contents import MODERATION, ContentProblem, from_items, items_of, parse
from rules.judgement import TITLES
from rules.ladder import Ladder
from rules.policy import Place, Policy
from storage.content import NoSuchVersion, Outdated
from storage.moment import to_ms
from storage.stores import Stores
from storage.trials import TrialReport

LENGTH = timedelta(days=7)
"""How long a community's first trial takes."""
Mode = Literal["on", "off", "week"]
STRICTNESS: Mapping[str, str] = {"strict": "严格", "normal": "普通", "gentle": "宽松"}
PROFILES: Mapping[str, str] = {"chat": "聊天群", "support": "客服群"}
_BLOCK = re.compile(r"^communities:.*(?:\n(?:[ \t-].*)?)*(?:\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Course:
    """Whether moderation only notes what it would do, and until when: None as long as nobody ends it."""

    is_trial: bool
    until: datetime | None = None


def mode_of(config: Config, policy: Policy, community: Community) -> Mode:
    """Whether a trial runs in a community for good, not at all, or in its first week: what its policy says, else the configuration."""
    own = policy.place(community.id).trial
    if own != "auto":
        return own
    general = config.moderation.dry_run
    return "week" if general == "first_week" else "on" if general else "off"


def course(stores: Stores, config: Config, policy: Policy, community: Community, now: datetime) -> Course:
    """Whether a trial runs in a community at this moment. Only a first week costs a round trip."""
    mode = mode_of(config, policy, community)
    if mode != "week":
        return Course(mode == "on")
    until = stores.trials.begin(community.keys, now) + LENGTH
    return Course(now < until, until)


def sum_up(report: TrialReport) -> str:
    """What would have been, in one sentence."""
    if not (report.warned or report.hinted or report.reviewed):
        return "要是开着，一个人也不会提醒，也没有要转人工的话。"
    people = f"{report.people} 人" if report.is_whole else f"至少 {report.people} 人"
    found = "、".join(f"{title_of(category)} {count}" for category, count in report.by_category.items())
    spared = [
        f"只提示新人 {report.hinted} 条" if report.hinted else "", f"另有 {report.added} 条是同样的话或刚提醒过，不再提醒" if report.added else "",
    ]  # fmt: skip
    more = "".join(f"，{said}" for said in spared if said)
    return f"要是开着，会提醒 {people}（{report.warned} 条）{more}，转人工 {report.reviewed} 条（{found}）。"


def title_of(category: str) -> str:
    """What operators call a category; one that a newer program wrote is shown as it is."""
    known: Mapping[str, str] = {str(name): title for name, title in TITLES.items()}
    return known.get(category, category)


def ring_trials(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Begins the first weeks of communities that were heard, and tells those who look after one when it is over; gives how many were told."""
    places = [place for place in communities.listed if mode_of(config, contents.judge.policy, place) == "week"]
    told = 0
    for community, standing in zip(places, stores.trials.standings([place.keys for place in places]), strict=True):
        if standing.since is None:
            if stores.roster.count(community.keys):
                stores.trials.begin(community.keys, now)
        elif not standing.is_told and now >= standing.since + LENGTH:
            told += _tell_of_end(stores, config, contents.judge.policy.ladder, community, standing.since, now)
    return told


def change_place(stores: Stores, community: Community, actor: Actor, place: Place, note: str, now: datetime, *, once: str) -> None:
    """Puts a new version of the policy in force in which a community is judged so. Raises UserError when somebody else changed it just now."""
    done = stores.content.made(MODERATION.name, once)
    policy = _before(stores, done) if done else None
    if policy is None:
        version, items = stores.content.snapshot(MODERATION.name)
        policy = from_items(MODERATION, items) if items else Policy()
        if place == policy.place(community.id):
            return
        changed = replace(policy, places={**policy.places, community.id: place})
        try:
            done = stores.content.put(
                MODERATION.name, {"": _written(items.get("", ""), changed)}, actor.id, now, note=note, once=once, expect=version
            )
        except Outdated:
            raise UserError("治理规则刚刚被别人改过，请再说一次") from None
    before = policy.place(community.id)
    if place.trial == "on" and before.trial != "on":
        stores.trials.restart(community.keys, now, once=once)
    stores.audit.record(
        community.id, actor.id, "治理", f"{community.name}（第 {done} 版）", tell_place(before, policy), tell_place(place, policy), now,
        once=once,
    )  # fmt: skip


def _before(stores: Stores, version: int) -> Policy | None:
    """The policy as it was before a version of it; None where that is not kept any more."""
    try:
        raw = next((change.before for change in stores.content.version(MODERATION.name, version)[1]), None)
    except NoSuchVersion:
        return None
    return from_items(MODERATION, {"": raw}) if raw else Policy()


def tell_place(place: Place, policy: Policy) -> str:
    """How a community is judged, in a few words."""
    trial = {"auto": "试运行按配置", "on": "试运行", "off": "正式"}[place.trial]
    return f"{STRICTNESS[place.strictness or policy.strictness]}、{PROFILES[place.profile]}、{trial}"


def _tell_of_end(stores: Stores, config: Config, ladder: Ladder, community: Community, since: datetime, now: datetime) -> int:
    text = (
        f"“{community.name}”的治理试运行满一周了。{sum_up(stores.trials.report(community.keys, ladder))}\n"
        "从现在起正式生效：过分的话会私下提醒本人，拿不准的转给你们看。看是哪些话：治理 报告。想再试一阵：治理 试运行 开。觉得太严：治理 宽松。"
    )
    posts = to_staff(stores, config, community, text, id=f"trial:{community.id}:{to_ms(since)}", now_ms=to_ms(now))
    done = stores.outbox.enqueue(community.shard, posts, to_ms(now))
    stores.trials.note_told(community.keys)
    return done


def _written(raw: str, policy: Policy) -> str:
    """The file with the communities of a policy in it: what else operators wrote there, comments too, stays as it is."""
    rows = [
        f"  - {{community: {id}, " + ", ".join(f"{name}: {value}" for name, value in _differing(place).items()) + "}"
        for id, place in policy.places.items()
        if _differing(place)
    ]
    block = "communities:\n" + "\n".join(rows) + "\n" if rows else "communities: []\n"
    text = _BLOCK.sub(lambda _: block, raw, count=1) if _BLOCK.search(raw) else f"{raw.rstrip()}\n{block}"
    known = replace(policy, places={id: place for id, place in policy.places.items() if _differing(place)})
    # a file written in a way that this does not know is written anew, without its comments
    return text if _reads_as(text, known) else items_of(MODERATION, policy)[""]


def _reads_as(text: str, policy: Policy) -> bool:
    try:
        return parse(MODERATION, text) == policy
    except ContentProblem:
        return False


def _differing(place: Place) -> dict[str, str]:
    """What a community has of its own; trial's on and off are words that YAML would read as yes and no."""
    own = {name: getattr(place, name) for name in ("strictness", "profile", "trial")}
    usual = Place()
    return {name: f'"{value}"' if name == "trial" else value for name, value in own.items() if value != getattr(usual, name)}
