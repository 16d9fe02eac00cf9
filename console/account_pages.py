"""账号与登录: one's own sessions and login by password; for owners, everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import segno
from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot.account_desk import AccountDesk
from bot.communities import Community
from bot.errors import UserError
from bot.members import name_of
from console.asked import fresh_once, once_of
from console.doors import WAYS, needs
from console.parts import Parts, visitor
from rules.passwords import SHORTEST
from storage.sessions import Session


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may come in: the sessions that he has open, and whether he has a login by password."""

    number: int
    name: str
    sessions: list[Session]
    has_password: bool


def everybody(parts: Parts) -> list[Person]:
    """Who may come in, those who have the console open first."""
    stores = parts.stores
    owners = {number for user in parts.config.admins if (number := stores.directory.find_number(user))}
    numbers = {grant.member for grant in stores.roles.all()} | owners
    known = [number for number, user in stores.directory.find_users(sorted(numbers)).items() if user]
    sessions = stores.sessions.of_many(known, parts.clock())
    with_password = stores.accounts.among(known)
    people = [
        Person(number, name_of(stores, number), [one for one in sessions if one.member == number], number in with_password)
        for number in known
    ]  # fmt: skip
    return sorted(people, key=lambda one: (not one.sessions, not one.has_password, one.number))


class AccountPages:
    """The pages of 账号与登录."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = AccountDesk(parts.stores)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console. One's own account is everybody's who may come in; it is of no community."""
        pages.add_url_rule("/account", "account", self.show)
        for name, view in (
            ("set_up", self.set_up), ("password", self.change_password), ("codes", self.renew_codes), ("close", self.close), ("end", self.end),
        ):  # fmt: skip
            pages.add_url_rule(f"/account/{name.replace('_', '-')}", f"account_{name}", view, methods=["POST"])
        guard = needs(self._parts, "owner")
        pages.add_url_rule("/in/<place>/logins", "logins", guard(self.logins))
        pages.add_url_rule("/in/<place>/logins/end", "logins_end", guard(self.end_login), methods=["POST"])

    # One's own --------------------------------------------------------------------------------------------------------------

    def show(self) -> str:
        """The visitor's sessions and login by password."""
        return self._page()

    def set_up(self) -> Any:
        """Gives the visitor a login by password; shows his recovery codes, this once."""
        self._refuse_while_closed()
        if visitor().session.way != "link":
            abort(403, "要从企业微信里“控制台”给的链接进来，才能设置密码登录。")
        once = once_of()
        try:
            codes = self._desk.set_up(visitor().number, self._fresh(), _field("code"), self._parts.clock(), once=once)
        except UserError as problem:
            return self._page(str(problem)), 400
        self._note("打开密码登录", once)
        return self._page(codes=codes)

    def change_password(self) -> Any:
        """Puts a new password in force, and ends the visitor's other sessions."""
        self._refuse_while_closed()
        once, me = once_of(), visitor()
        try:
            self._desk.change_password(me.number, _field("password"), _field("code"), self._fresh(), self._parts.clock(), once=once)
        except UserError as problem:
            return self._page(str(problem), opened="password"), 400
        self._parts.stores.sessions.end_others(me.session)
        self._note("换密码", once)
        return self._back("password_changed")

    def renew_codes(self) -> Any:
        """Ten new recovery codes, shown this once."""
        self._refuse_while_closed()
        once = once_of()
        try:
            codes = self._desk.renew_codes(visitor().number, _field("password"), _field("code"), self._parts.clock(), once=once)
        except UserError as problem:
            return self._page(str(problem), opened="codes"), 400
        self._note("换恢复码", once)
        return self._page(codes=codes)

    def close(self) -> Any:
        """Ends the visitor's login by password."""
        once = once_of()
        try:
            self._desk.close(visitor().number, _field("password"), _field("code"), self._parts.clock())
        except UserError as problem:
            return self._page(str(problem), opened="close"), 400
        self._note("关闭密码登录", once)
        return self._back("password_closed")

    def end(self) -> Any:
        """Ends another session of the visitor."""
        once, wanted = once_of(), _field("session")
        for one in self._parts.stores.sessions.of(visitor().number, self._parts.clock()):
            if wanted and one.digest.startswith(wanted) and one.digest != visitor().session.digest:
                self._parts.stores.sessions.end(one)
                self._note("结束登录", once)
        return self._back("session_ended")

    # Everybody's --------------------------------------------------------------------------------------------------------------

    def logins(self, community: Community) -> str:
        """Who has the console open, and who may come in by password."""
        return render_template("logins.html", people=everybody(self._parts), ways=WAYS, once=fresh_once())

    def end_login(self, community: Community) -> Any:
        """Ends somebody's sessions, or his login by password with them."""
        once, what, member = once_of(), _field("what"), _field("member")
        if what not in ("sessions", "password") or not (member.isdecimal() and len(member) < 16):
            abort(400)
        number, stores = int(member), self._parts.stores
        if what == "password" and number == visitor().number:
            abort(403, "自己的密码登录在“账号与登录”里关，要用密码和验证码。")
        if what == "password":
            stores.accounts.drop(number)
        stores.sessions.end_all(number)
        act = "关闭他的密码登录" if what == "password" else "结束他的登录"
        stores.audit.record("", str(visitor().number), act, f"成员 {number}", "", "", self._parts.clock(), once=once)
        return redirect(url_for("console.logins", place=community.id, said="login_ended"), 303)

    # Small steps --------------------------------------------------------------------------------------------------------------

    def _page(self, problem: str = "", *, opened: str = "", codes: list[str] | None = None) -> str:
        parts, me = self._parts, visitor()
        g.community = next(place for place in parts.places if place.id in me.roles)  # whose zone the moments are told in
        account = parts.stores.accounts.find(me.number)
        # A form that is shown again keeps its mark: the app has the secret that belongs to it.
        once = fresh_once() if codes or not problem else request.form["once"]
        offer = None if account else self._desk.offer(me.number, f"console:{me.number}:{once}")
        return render_template(
            "account.html", user=parts.stores.directory.find_user(me.number), account=account, sessions=parts.stores.sessions.of(me.number, parts.clock()),
            ways=WAYS, has_passwords=parts.config.console.password_login, offer=offer, once=once, problem=problem, opened=opened, codes=codes,
            qr=segno.make(offer.address, error="m").svg_data_uri(scale=4, border=3, light="#fff") if offer else "", shortest=SHORTEST,
        )  # fmt: skip

    def _refuse_while_closed(self) -> None:
        if not self._parts.config.console.password_login:
            abort(403, "这里不用密码登录。")

    def _fresh(self) -> str:
        """The new password, written twice. Raises UserError."""
        fresh = request.form.get("fresh", "")
        if fresh != request.form.get("again", ""):
            raise UserError("两次写的密码不一样，请再写一遍。")
        return fresh

    def _note(self, act: str, once: str) -> None:
        me = visitor().number
        self._parts.stores.audit.record("", str(me), act, f"成员 {me}", "", "", self._parts.clock(), once=once)

    def _back(self, saying: str) -> BaseResponse:
        return redirect(url_for("console.account", said=saying), 303)


def _field(name: str) -> str:
    return request.form.get(name, "")[:400]
