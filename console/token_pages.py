"""接口令牌: what programs read our numbers with – made, listed, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from bot.communities import Community
from bot.console_links import base_url
from bot.errors import UserError
from bot.members import name_of
from bot.permissions import Role, may
from console.api import BASE, PER_TOKEN
from console.asked import fresh_once, once_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from storage.api_tokens import MOST, ApiToken, TokenRefused, TooMany
from storage.roles import ALL

ADMIN: Role = "admin"
LONGEST_NAME = 40
LIVES = {30: "30 天", 90: "90 天", 365: "1 年", 1095: "3 年"}
USUAL = 365


class TokenPages:
    """The page of 接口令牌."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page to the console."""
        guard = needs(self._parts, ADMIN)
        pages.add_url_rule("/in/<place>/tokens", "tokens", guard(self.listed))
        pages.add_url_rule("/in/<place>/tokens/make", "tokens_make", guard(self.make), methods=["POST"])
        pages.add_url_rule("/in/<place>/tokens/revoke", "tokens_revoke", guard(self.revoke), methods=["POST"])

    def listed(self, community: Community) -> str:
        """The tokens that open this community."""
        return self._page(community)

    def make(self, community: Community) -> Any:
        """A new token, shown this once."""
        once, now, me = once_of(), self._parts.clock(), visitor().number
        names, days = request.form.get("names") == "on", request.form.get("days", "")
        try:
            name = words_of("name", LONGEST_NAME, wanted="请写上它是给谁用的，例如：每周经营报表")
            place = self._place(community)
            if days not in map(str, LIVES):
                raise UserError(f"期限只能是 {'、'.join(LIVES.values())}。")
            until = now + timedelta(days=int(days))
            token, made = self._parts.stores.api_tokens.make(name, place, names=names, by=me, now=now, until=until, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except TooMany:
            return self._page(community, f"已经有 {MOST} 个令牌了，请先吊销不用的。"), 400
        except TokenRefused:  # an old form, sent again after its token was ended, or with other words in it
            return self._page(community, "这张表单已经建过令牌了。要再建一个，请在下面重新填写。"), 409
        after = f"{name}；{'全部社群' if place == ALL else community.name}；{'含成员' if names else '不含成员'}；到 {until:%Y-%m-%d}"
        self._parts.stores.audit.record(_place_of(place), str(me), "建立接口令牌", made.id, "", after, now, once=once)
        return self._page(community, shown=token)

    def revoke(self, community: Community) -> Any:
        """Ends a token."""
        once, id, stores = once_of(), request.form.get("id", "")[:20], self._parts.stores
        found = next((token for token, _ in stores.api_tokens.all() if token.id == id and is_seen(community, token)), None)
        if found is not None and self._may_end(found):
            stores.api_tokens.revoke(id, self._parts.clock())
            stores.audit.record(
                _place_of(found.place), str(visitor().number), "吊销接口令牌", id, found.name, "", self._parts.clock(), once=once
            )
        return redirect(url_for("console.tokens", place=community.id, said="token_revoked"), 303)

    # Small steps --------------------------------------------------------------------------------------------------------------

    def _page(self, community: Community, problem: str = "", *, shown: str = "") -> str:
        now, stores = self._parts.clock(), self._parts.stores
        tokens = [(token, used) for token, used in stores.api_tokens.all() if is_seen(community, token)]
        return render_template(
            "tokens.html", tokens=tokens, names={number: name_of(stores, number) for number in {token.by for token, _ in tokens}}, now=now,
            may_end=self._may_end, may_all=may(visitor().everywhere, ADMIN), problem=problem, shown=shown, once=fresh_once(), lives=LIVES, usual=USUAL,
            longest=LONGEST_NAME, base=f"{base_url(self._parts.config.server)}{BASE}", rate=PER_TOKEN[0][0], all=ALL, typed=request.form,
        )  # fmt: skip

    def _place(self, community: Community) -> str:
        if request.form.get("place") != ALL:
            return community.id
        if not may(visitor().everywhere, ADMIN):
            raise UserError("看全部社群的令牌，只有全部社群的管理员能建。")
        return ALL

    def _may_end(self, token: ApiToken) -> bool:
        return token.place != ALL or may(visitor().everywhere, ADMIN)


def is_seen(community: Community, token: ApiToken) -> bool:
    """Whether a token opens a community, and so is shown there."""
    return token.place in (ALL, community.id)


def _place_of(place: str) -> str:
    return "" if place == ALL else place
