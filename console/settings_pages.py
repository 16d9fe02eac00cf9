"""设置: what is in force and where it comes from, in one place; who has which role is changed here, the rest where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from pydantic import BaseModel, SecretStr

from bot.communities import Community
from bot.config import Config
from bot.errors import UserError
from bot.members import find_members, listed, name_of
from bot.permissions import TITLES, Actor, Role, grants_shown, known_role, may, outranks, title_of
from console.asked import fresh_once, once_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from console.rule_pages import HINTS, KINDS
from handlers.pauses import STOPPED
from handlers.roles import set_role
from storage.content import Version
from storage.roles import ALL

OPERATOR: Role = "operator"
ADMIN: Role = "admin"
GIVEN: tuple[Role, ...] = ("viewer", "moderator", "operator", "admin")
"""The roles that are given here; owners stand in the configuration."""
RIGHTS = {
    "viewer": "看控制台，不能改", "moderator": "处理案件、申诉、工单和投稿", "operator": "再加：问答、规则、活动、积分、推送",
    "admin": "再加：角色、暂停、审计、接口令牌",
}  # fmt: skip
"""What each role may do, in a few words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of operators' content as it is in force: ``told`` says which version, who made it and when."""

    name: str
    title: str
    hint: str
    told: str


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody's role here: ``place`` is the community or all of them, ``may_take`` whether the visitor may take it away."""

    member: int
    name: str
    role: str
    place: str
    may_take: bool


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of config.yaml: its path, what it means, what is in force, and whether that is not the default."""

    path: str
    meaning: str
    value: str
    is_own: bool


class SettingsPages:
    """The page of 设置."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        pages.add_url_rule("/in/<place>/settings", "settings", needs(self._parts, OPERATOR)(self.show))
        pages.add_url_rule("/in/<place>/settings/role", "settings_role", needs(self._parts, ADMIN)(self.give), methods=["POST"])

    def show(self, community: Community) -> str:
        """Everything that can be set, with what is in force."""
        return self._page(community)

    def give(self, community: Community) -> Any:
        """Gives somebody a role, or takes it: as 角色 in chat."""
        once = once_of()
        try:
            number, role, place = self._asked(community)
            own = visitor().everywhere if place == ALL else visitor().roles[community.id]
            actor = Actor(visitor().number, visitor().name, own)
            stores, config, now = self._parts.stores, self._parts.config, self._parts.clock()
            set_role(stores, config, actor, number, role, place, now, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        said = "role_taken" if role == "member" else "role_given"
        return redirect(url_for("console.settings", place=community.id, said=said, _anchor="roles"), 303)

    def _asked(self, community: Community) -> tuple[int, Role, str]:
        """Whose role the form is about, which, and where. Raises UserError."""
        wanted, who = request.form.get("role", ""), words_of("who", 80, wanted="请写是谁，例如：李雷，或成员编号 12")
        if wanted not in (*GIVEN, "member"):
            raise UserError("请选一个角色：观察员、版主、运营或管理员。")
        place = ALL if request.form.get("everywhere") else community.id
        if place == ALL and not may(visitor().everywhere, ADMIN):
            raise UserError("给出全部社群的角色，自己要在全部社群都是管理员。")
        found = find_members(self._parts.stores, who, community.keys, strangers=True)
        if len(found) > 1:
            raise UserError(f"有 {len(found)} 个人叫“{who}”，请写成员编号：\n{listed(self._parts.stores, found)}")
        return found[0], known_role(wanted), place

    def _page(self, community: Community, problem: str = "") -> str:
        parts, is_admin = self._parts, visitor().may(community.id, ADMIN)
        may_share = parts.office(community).may_share
        return render_template(
            "settings.html", rules=self._rules() if may_share else [], may_share=may_share, held=self._held(community) if is_admin else [],
            owners=parts.config.admins, given=GIVEN, rights=RIGHTS, may_all=may(visitor().everywhere, ADMIN), problem=problem, typed=request.form,
            once=fresh_once(), pause=parts.stores.pauses.of(community.id), stopped=STOPPED,
            is_crisis=bool(parts.stores.pauses.crisis_since(community.id)), settings=list(settings_of(parts.config, community)) if is_admin else [],
        )  # fmt: skip

    def _rules(self) -> list[Rule]:
        newest = self._parts.stores.content.newest()
        return [Rule(name, kind.title, HINTS[name], self._told(newest.get(name))) for name, kind in KINDS.items()]

    def _told(self, version: Version | None) -> str:
        if version is None:
            return "还没有"
        if version.number == 1:
            return "随程序带来的，没有改过"
        who = name_of(self._parts.stores, int(version.author)) if version.author.isdecimal() else version.author
        return f"第 {version.number} 版，{who} {version.at.astimezone():%m-%d} 改的"

    def _held(self, community: Community) -> list[Held]:
        """Who has a role here, the highest first; what holds in every community is shown to its administrators only, as in chat."""
        grants = grants_shown(self._parts.stores, community.id, visitor().everywhere)
        names = self._parts.stores.directory.find_names([grant.member for grant in grants]) if grants else {}
        own, everywhere = visitor().roles[community.id], visitor().everywhere
        ranks = list(TITLES)
        return [
            Held(
                grant.member, names.get(grant.member) or f"成员 {grant.member}", title_of(grant.role), grant.place,
                outranks(everywhere if grant.place == ALL else own, known_role(grant.role)),
            )
            for grant in sorted(grants, key=lambda grant: -ranks.index(known_role(grant.role)))
        ]  # fmt: skip


def settings_of(config: Config, community: Community) -> Iterator[tuple[str, list[Setting]]]:
    """What stands in config.yaml and concerns this community, by section; of secrets only whether they are there. Other communities stay unnamed."""
    own = config.community(community.id)
    if own:
        yield f"社群 {own.id}", list(_values(own, f"communities.{own.id}"))
    general = [one for name in ("bot_name", "content", "data_dir", "evidence_key") for one in _value(config, name, name)]
    yield "一般", general
    for name in ("moderation", "mood", "boards", "retention", "server", "redis", "wecom", "log", "metrics"):
        section = getattr(config, name)
        yield type(config).model_fields[name].description or name, list(_values(section, name))


def _values(section: BaseModel, path: str) -> Iterator[Setting]:
    for name in type(section).model_fields:
        yield from _value(section, name, f"{path}.{name}")


def _value(section: BaseModel, name: str, path: str) -> Iterator[Setting]:
    about, value = type(section).model_fields[name], getattr(section, name)
    if not isinstance(value, BaseModel):
        yield Setting(path, about.description or "", _told_value(value), value != about.get_default())


def _told_value(value: object) -> str:
    """A value as people read it; nothing of a secret but that it is set."""
    match value:
        case SecretStr():
            return "已设置" if value.get_secret_value() else "没有设置"
        case dict():
            return f"{len(value)} 个，已设置" if value else "没有设置"
        case bool():
            return "是" if value else "否"
        case tuple() | list():
            return "、".join(map(str, value)) or "空"
        case _:
            return str(value) or "空"
