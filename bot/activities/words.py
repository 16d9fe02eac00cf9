"""What of every kind of activity is said alike: moments, and the settings that all have."""

from __future__ import annotations

from datetime import datetime, tzinfo

from bot.activities.kind import Stage
from rules.activities import Activity
from rules.levels import Levels


def say(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """A moment as people say it: 今天 20:00, 3 月 12 日 09:00."""
    at, today = moment.astimezone(zone), now.astimezone(zone).date()
    near = {0: "今天", 1: "明天"}.get((at.date() - today).days)
    day = near or f"{at.month} 月 {at.day} 日"
    return f"{day} {at:%H:%M}" if at.year == today.year or near else f"{at.year} 年 {day} {at:%H:%M}"


def terms(activity: Activity, levels: Levels, now: datetime, zone: tzinfo) -> str:
    """The settings that all kinds have, one a line: when it opens and closes, cost, award, how many, for whom; '' where it has none."""
    wanted = activity.conditions
    level = levels.find(wanted.level) if wanted.level else None
    who = [
        f"「{level.name if level else wanted.level}」以上" if wanted.level else "",
        f"有“{wanted.tag}”标签" if wanted.tag else "",
        f"入群满 {wanted.days} 天" if wanted.days else "",
        f"累计签到 {wanted.check_ins} 天" if wanted.check_ins else "",
        "今天签过到" if wanted.checked_in else "",
    ]
    rows = [
        f"开始：{say(activity.opens, now, zone)}" if activity.opens and activity.state in ("draft", "scheduled") else "",
        f"截止：{say(activity.closes, now, zone)}" if activity.closes else "",
        f"参加要花 {activity.cost} 积分" if activity.cost else "",
        f"参加就得 {activity.award} 积分" if activity.award else "",
        f"名额：{activity.most} 人" if activity.most else "",
        f"条件：{'，'.join(filter(None, who))}" if any(who) else "",
    ]
    return "\n".join(filter(None, rows))


def terms_of(stage: Stage) -> str:
    """The same of an activity that its kind looks at."""
    return terms(stage.activity, stage.contents.levels, stage.now, stage.community.zone)


def short(text: str, most: int) -> str:
    """A text for a picture, whose facts have to fit into its name: at most so many characters, and no more bytes than Chinese ones have."""
    shown = "".join(filter(str.isprintable, text))
    if len(shown) <= most and len(shown.encode("utf-8", "replace")) <= 3 * most:
        return shown
    return shown[: most - 1].encode("utf-8", "ignore")[: 3 * (most - 1)].decode("utf-8", "ignore") + "…"
