"""实验: wordings of pushes that are tried against each other – what came of each, what may be concluded, and which one all get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.experiment_desk import STATES, ExperimentDesk, Shown
from bot.permissions import Role
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.experiments import DID, HOLDOUT, UNITS, Plan, Tally, called, say_level, say_plan
from rules.pushes import To
from storage.experiments import Step
from storage.moment import from_ms

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
MOST_LISTED = 100
WIDE = 1_000
"""Of the drawing of a share with its interval, in its own units."""
STEPS: Mapping[str, str] = {
    "begun": "开始", "won": "分出高下",
    "same": "看完了，没有差别", "rolled_out": "推广", "taken_back": "撤回推广", "over": "结束：推送改过了", "skewed": "分组不对",
}  # fmt: skip
TONES = {"decided": "ok", "rolled_out": "ok"}
"""How the states look that are good news."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An arm as the page shows it: its name and text, how many it reached, what they did, and where bar and interval end."""

    name: str
    title: str
    text: str
    tally: Tally
    said: str
    bar: int
    low: int
    high: int
    is_winner: bool
    is_held_out: bool


@dataclass(frozen=True, slots=True)
class Sized:
    """What the calculator was asked."""

    to: To = "members"
    arms: int = 2
    baseline: float = 20
    lift: float = 20
    readers: int = 1_000

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Sized:
        """The form's figures, within limits; what is no figure is the usual one."""
        return cls(
            "groups" if asked.get("to") == "groups" else "members",
            round(_within(asked.get("arms", ""), 2, 5, 2)),
            _within(asked.get("baseline", ""), 0.1, 95, 20),
            _within(asked.get("lift", ""), 1, 1_000, 20),
            round(_within(asked.get("readers", ""), 0, 10_000_000, 1_000)),
        )

    @property
    def said(self) -> str:
        """What so many readers can show."""
        arms = {"ABCDE"[at]: 1 / self.arms for at in range(self.arms)}
        return say_plan(Plan(arms, "A", self.to, baseline=self.baseline / 100, lift=self.lift / 100), self.readers)


class ExperimentPages:
    """The pages of 实验."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        see, act = needs(self._parts, VIEWER), needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/experiments", "experiments", see(self.listed))
        pages.add_url_rule("/in/<place>/experiments/<name>", "experiment", see(self.show))
        pages.add_url_rule("/in/<place>/experiments/<name>/act", "experiment_act", act(self.act), methods=["POST"])

    def listed(self, community: Community) -> str:
        """Every experiment with its verdict, and how many readers one takes."""
        sized = Sized.of(request.args)
        if request.headers.get("HX-Request"):
            return render_template("_experiment_size.html", sized=sized)
        found = self._desk(community).list_all()
        return render_template(
            "experiments.html", found=found[:MOST_LISTED], more=max(len(found) - MOST_LISTED, 0), states=STATES, tones=TONES, sized=sized
        )  # fmt: skip

    def show(self, community: Community, name: str) -> str:
        """One experiment: its arms side by side, and what may be concluded."""
        return self._page(community, name)

    def act(self, community: Community, name: str) -> Any:
        """Has all get one arm, or takes that back."""
        once, desk, actor = once_of(), self._desk(community), visitor().actor(community.id)
        self._get(community, name)
        try:
            match request.form.get("act", ""):
                case "roll_out":
                    desk.roll_out(name, request.form.get("arm", ""), actor, once=once)
                    said = "experiment_rolled_out"
                case "take_back":
                    desk.take_back(name, actor, once=once)
                    said = "experiment_taken_back"
                case _:
                    abort(400)
        except UserError as problem:
            return self._page(community, name, str(problem)), 409
        return redirect(url_for("console.experiment", place=community.id, name=name, said=said), 303)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _page(self, community: Community, name: str, problem: str = "") -> str:
        shown = self._get(community, name)
        row = shown.experiment.row
        names = self._parts.stores.directory.find_names([step.by for step in row.steps if step.by])
        return render_template(
            "experiment.html", shown=shown, row=row, plan=row.plan, verdict=shown.verdict, arms=_drawn(shown), states=STATES, units=UNITS[row.plan.to],
            did=DID[row.plan.outcome], steps=[(step, STEPS[step.act], from_ms(step.at), _who(step, names)) for step in reversed(row.steps)],
            tone=TONES.get(row.state, ""), problem=problem, once=fresh_once(), wide=WIDE,
        )  # fmt: skip

    def _get(self, community: Community, name: str) -> Shown:
        try:
            return self._desk(community).get(name)
        except UserError:
            abort(404)

    def _desk(self, community: Community) -> ExperimentDesk:
        return ExperimentDesk(self._parts.stores, self._parts.config, community, self._parts.clock())


def _drawn(shown: Shown) -> list[Drawn]:
    """The arms as they are drawn: all that was counted, on one scale."""
    plan, total = shown.experiment.row.plan, shown.total
    most = max(max((tally.interval(plan.to)[1] for tally in total.values() if tally.units), default=0), 1e-9)
    rows = []
    for name in plan.arms:
        tally = total[name]
        low, high = tally.interval(plan.to) if tally.units else (0.0, 0.0)
        bar, left, right = (round(WIDE * min(one / most, 1)) for one in (tally.level(plan.to), low, high))
        rows.append(Drawn(
            name, called(name), plan.texts.get(name, ""), tally, say_level(plan, tally), bar, left, right,
            bool(shown.experiment.row.winner) and name == shown.experiment.row.winner, name == HOLDOUT,
        ))  # fmt: skip
    return rows


def _who(step: Step, names: Mapping[int, str]) -> str:
    return (names.get(step.by) or f"成员 {step.by}") if step.by else "机器人"


def _within(text: str, least: float, most: float, usual: float) -> float:
    try:
        number = float(text) if len(text) < 12 else usual
    except ValueError:
        return usual
    return min(max(number, least), most) if number == number else usual
