"""Control over HTTP for tests in another process: ``/_/say``, ``/_/act``, ``/_/faults``, ``/_/tokens``, ``/_/wire``, ``/_/posts``, ``/_/link``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.courier import CallbackResult
from simulator.pretend import PretendWeCom

_ACTS = frozenset(
    {
        "say",
        "repeat",
        "enter_chat",
        "click",
        "feedback",
        "join",
        "leave",
        "change_group",
        "befriend",
        "subscribe",
        "unsubscribe",
        "send_voice",
        "send_image",
        "app_event",
        "robot_event",
        "robot_click",
        "verify",
    }
)
Answer = tuple[Response, int]


def control_blueprint(pretend: PretendWeCom) -> Blueprint:
    """Routes that do from outside what a test inside would call."""
    control, routes = _Control(pretend), Blueprint("control", __name__, url_prefix="/_")
    for rule, view, method in (
        ("/say", control.say, "POST"),
        ("/act", control.act, "POST"),
        ("/faults", control.faults, "POST"),
        ("/tokens", control.spoil_tokens, "POST"),
        ("/tokens", control.token_calls, "GET"),
        ("/wire", control.wire, "GET"),
        ("/posts", control.posts, "GET"),
        ("/link", control.cut_link, "POST"),
        ("/link", control.link_frames, "GET"),
    ):
        routes.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
    return routes


class _Control:
    """The views; every body is a JSON object whose fields are the arguments of the method it stands for."""

    def __init__(self, pretend: PretendWeCom) -> None:
        self.pretend = pretend

    def say(self) -> Answer:
        """A member writes; waits for the bot's answer."""
        return self._done("say", _fields())

    def act(self) -> Answer:
        """Any other thing a member does, named by ``act``."""
        fields = _fields()
        name = str(fields.pop("act", ""))
        if name not in _ACTS:
            return jsonify(error=f"act is one of {', '.join(sorted(_ACTS))}"), 400
        return self._done(name, fields)

    def faults(self) -> Answer:
        """Order trouble, or ``{"clear": true}``."""
        fields = _fields()
        try:
            if fields.pop("clear", False):
                self.pretend.faults.clear()
            if fields:
                self.pretend.faults.add(**fields)
        except (TypeError, ValueError) as error:
            return jsonify(error=str(error)), 400
        return jsonify(ok=True), 200

    def spoil_tokens(self) -> Answer:
        """``{"how": "expire"}`` makes every token 42001, ``forget`` 40014."""
        spoil = {"expire": self.pretend.tokens.expire, "forget": self.pretend.tokens.forget}.get(str(_fields().get("how")))
        if spoil is None:
            return jsonify(error="how is expire or forget"), 400
        spoil()
        return jsonify(ok=True), 200

    def token_calls(self) -> Answer:
        """How often gettoken was called, by channel."""
        return jsonify(calls=dict(self.pretend.tokens.calls)), 200

    def wire(self) -> Answer:
        """The exchanges after a number, in full."""
        return jsonify(rows=[asdict(row) for row in self.pretend.wire.rows(request.args.get("after", 0, type=int))]), 200

    def posts(self) -> Answer:
        """What stands in a chat."""
        found = self.pretend.world.posts(request.args.get("chat", ""), request.args.get("after", 0, type=int))
        return jsonify(posts=[{**asdict(post), "only_for": sorted(post.only_for)} for post in found]), 200

    def cut_link(self) -> Answer:
        """``{"bot_id": …}`` tears that bot's long connection as a network does."""
        if self.pretend.link is None:
            return jsonify(error="no aibot_ws channel"), 400
        self.pretend.link.cut(str(_fields().get("bot_id", "")))
        return jsonify(ok=True), 200

    def link_frames(self) -> Answer:
        """Every frame of the long connections after a number, and which bots are connected."""
        link, after = self.pretend.link, request.args.get("after", 0, type=int)
        if link is None:
            return jsonify(error="no aibot_ws channel"), 400
        bots = [c.bot_id for c in self.pretend.world.channels.values() if c.kind == "aibot_ws" and link.live_connections(c.bot_id)]
        return jsonify(bots=bots, frames=[asdict(frame) for frame in link.frames if frame.n > after]), 200

    def _done(self, name: str, fields: dict[str, Any]) -> Answer:
        try:
            result: CallbackResult | None = getattr(self.pretend, name)(**fields)
        except (KeyError, TypeError, ValueError) as error:
            return jsonify(error=f"{type(error).__name__}: {error}"), 400
        if result is None:
            return jsonify(status=0, opened=None, msgid="", attempts=0, problem="nobody is to be told", text=""), 200
        return jsonify({**asdict(result), "text": result.text}), 200


def _fields() -> dict[str, Any]:
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else {}
