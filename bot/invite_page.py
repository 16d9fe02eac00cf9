"""What stands behind the QR code of an invitation: a small public page that says how to join, and the code to say then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, render_template_string, request

from bot.communities import Communities
from bot.config import Config
from bot.invitation_desk import InvitationDesk
from bot.live import LiveContents
from bot.peers import client_address, network_digest
from rules.invitations import read_code
from storage.connection import StorageAway
from storage.limits import Limits, Rules
from storage.moment import to_ms
from storage.stores import Stores

LIVE_S = 300
"""How long a browser may show the page without asking again."""
PER_ADDRESS: Rules = ((30, 60),)
"""Looks in a minute from one address: codes cannot be found by trying."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { margin: 0; background: #12a67c; color: #1f2a37; font: 17px/1.7 system-ui, sans-serif; }
main { box-sizing: border-box; width: calc(100% - 32px); max-width: 28em; margin: 8vh auto; padding: 2em 1.5em; text-align: center;
  background: #fff; border-radius: 20px; }
h1 { font-size: 1.4em; margin: 0 0 .6em; }
p { margin: .6em 0; white-space: pre-line; }
code { display: block; font: bold 2.2em/1.6 system-ui, sans-serif; letter-spacing: .15em; }
</style>
<main>
<h1>{{ title }}</h1>
{% if code %}
<p>1. {{ how }}</p>
<p>2. 进群后对 @{{ bot }} 说：邀请码 {{ code }}</p>
<code>{{ code }}</code>
{% else %}
<p>{{ how }}</p>
{% endif %}
</main>
</html>
"""


def invite_page(
    stores: Stores, config: Config, live: LiveContents, communities: Communities, clock: Callable[[], datetime]
) -> Blueprint:  # fmt: skip
    """The page ``/i/<code>``. It names the inviter where no rule objects to his name, and nothing else of him."""
    pages, limits = Blueprint("invite", __name__), Limits(stores.database)

    def show(code: str) -> Response:
        now, plain = clock(), read_code(code[:16])
        try:
            if limits.acquire(f"invite.page.{network_digest(client_address(config, request.environ))}", PER_ADDRESS, to_ms(now)):
                return _page(429, title="太快了", how="请过一分钟再试。")
            owner = stores.invitations.find_owner(plain) if plain else None
            if owner is None or not live.current.invitations.enabled:
                return _page(404, title="没有这个邀请码", how="请向邀请你的朋友再要一次。")
            community = communities.named(owner[0])
            name = InvitationDesk(stores, config, live.current, community, now).fit_name(owner[1])
        except StorageAway:
            return _page(503, title="暂时打不开", how="请过几秒钟再试。")
        where = community.name if community.is_listed else "我们"
        title = f"{name} 邀请你加入{where}" if name else f"邀请你加入{where}"
        return _page(200, title=title, how=live.current.invitations.how, bot=config.bot_name, code=plain)

    pages.add_url_rule("/i/<code>", view_func=show, methods=["GET"], endpoint="show")
    return pages


def _page(status: int, **facts: str) -> Response:
    body = render_template_string(PAGE, **{"code": "", "bot": "", **facts})
    kept = f"public, max-age={LIVE_S}" if status == 200 else "no-store"
    return Response(body, status=status, mimetype="text/html", headers={**HEADERS, "Cache-Control": kept})
