"""What is done with a lottery besides what every activity has: its public number is given, and it is drawn."""

from __future__ import annotations

from bot.activities.desk import ActivityDesk
from bot.activities.lottery import waits_for_witness
from bot.errors import UserError
from bot.permissions import Actor
from rules.activities import STATES, Activity
from rules.lottery import LotteryProblem, read_witnessed
from storage.activities import Changed

USAGE = "写法是：抽奖 公证数 编号 数字，例如：抽奖 公证数 3 4011.23"


def check_waits(activity: Activity) -> None:
    """Raises UserError where a lottery waits for no public number."""
    if waits_for_witness(activity):
        return
    has_none = activity.live and not activity.live.get("witness")
    why = "没有约定公证数" if has_none else f"{STATES[activity.state]}，现在不用公证数"
    raise UserError(f"活动 {activity.number}「{activity.title}」{why}。约定了公证数的抽奖截止以后说，例如：抽奖 公证数 3 4011.23")


def witnessed_in(words: str) -> str:
    """A public number as it is typed. Raises UserError."""
    try:
        return read_witnessed(words)
    except LotteryProblem as wrong:
        raise UserError(f"{wrong}。{USAGE}") from None


def give_witness(desk: ActivityDesk, activity: Activity, witnessed: str, actor: Actor, *, once: str) -> Changed:
    """Keeps the public number for good and draws. Where a process dies in between, the clock draws. Raises UserError."""
    if activity.live.get("witnessed") != witnessed:
        check_waits(activity)
        live = {**activity.live, "witnessed": witnessed}
        given = desk.stores.activities.change(
            desk.community.keys, activity, desk.now, live=live, next_step=desk.now, actor=actor.member, once=once
        )  # fmt: skip
        if given.outcome == "moved":
            raise UserError(f"活动 {activity.number} 刚刚被别人改过，请再看一次：抽奖 结果 {activity.number}")
        words = f"{activity.live['witness']}：{witnessed}"
        desk.stores.audit.record(
            desk.community.id, actor.id, "抽奖公证数", f"活动 {activity.number}（抽奖）", "", words, desk.now, once=once
        )  # fmt: skip
        activity = given.activity
    return desk.settle(activity, actor, once=f"{once}:settle") if activity.state == "closed" else Changed("again", activity)
