"""Calls with an app's token: gettoken, message/*, media/* and the callback addresses (manual pages 91039, 90236, 94888, 94867, 90253)."""

from __future__ import annotations

from typing import Any

from simulator.calls.call import Call, Handler, articles_of, digest, required_text
from simulator.cards import find_problem, has_buttons
from simulator.config import Channel
from simulator.world import BOT, Post, RefusedError, single_chat

CARD_CODE_LIFE_S = 72 * 3_600
RECALL_S = 24 * 3_600


def _gettoken(call: Call) -> dict[str, Any]:
    if call.args.get("corpid") != call.world.config.corp_id:
        raise RefusedError(40013, "invalid corpid")
    return dict(call.tokens.give(call.args.get("corpsecret", "")))


def _getcallbackip(call: Call) -> dict[str, Any]:
    call.tokens.owner(call.args.get("access_token", ""))
    return {"ip_list": ["127.0.0.1"]}


def _agent(call: Call) -> dict[str, Any]:
    """Manual page 90227: what an app sees of itself."""
    app = app_of(call)
    if call.args.get("agentid") != str(app.agent_id):
        raise RefusedError(301002, "not allow to access this agentid")
    seen = {"allow_userinfos": {"user": []}, "allow_partys": {"partyid": [1]}, "allow_tags": {"tagid": []}}
    return {"agentid": app.agent_id, "name": app.name, "close": 0, **seen}


def _send(call: Call) -> dict[str, Any]:
    app, body = app_of(call), call.body()
    users, missed = _receivers(call, body)
    shape = _shape(call, body)
    if not call.windows.app_day.admit(app.name, call.world.now()):
        raise RefusedError(45009, "api freq out of limit")
    msgid = call.world.give_code("recall", RECALL_S, channel=app.name)
    answer: dict[str, Any] = {"msgid": msgid, **{field: "|".join(ids) for field, ids in missed.items() if ids}}
    if _is_repeat(call, app, body):
        return answer
    posts = [_show(call, app, user, msgid, shape) for user in users if _admitted(call, app, user)]
    if shape["card"] and has_buttons(shape["card"]):
        ids = [post.id for post in posts]
        answer["response_code"] = call.world.give_code("card", CARD_CODE_LIFE_S, channel=app.name, posts=ids)
    return answer


def app_of(call: Call) -> Channel:
    """The app whose token came along; 48002 for a token of another kind."""
    app = call.tokens.owner(call.args.get("access_token", ""))
    if app.kind != "app":
        raise RefusedError(48002, "api forbidden for this token")
    return app


def _receivers(call: Call, body: dict[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """Who gets the message, and who does not by WeCom's field for them. There are no parties and tags here: all of them are invalid."""
    wanted = [user for user in str(body.get("touser") or "").split("|") if user]
    if not wanted and not body.get("toparty") and not body.get("totag"):
        raise RefusedError(82001, "touser, toparty and totag are all empty")
    if len(wanted) > 1_000:
        raise RefusedError(40058, "touser names more than 1000 members")
    if wanted == ["@all"]:
        return list(call.world.people), {}
    users = [user for user in dict.fromkeys(wanted) if user in call.world.people]
    if not users:
        raise RefusedError(81013, "all receivers are invalid")
    missed = {
        "invaliduser": [user for user in wanted if user not in call.world.people],
        "invalidparty": [party for party in str(body.get("toparty") or "").split("|") if party],
        "invalidtag": [tag for tag in str(body.get("totag") or "").split("|") if tag],
        "unlicenseduser": [user for user in users if user in call.world.unlicensed],
    }
    return [user for user in users if user not in call.world.unlicensed], missed


def _shape(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    app = call.tokens.owner(call.args.get("access_token", ""))
    if body.get("agentid") != app.agent_id:
        raise (
            RefusedError(301002, "not allow to access this agentid")
            if isinstance(body.get("agentid"), int)
            else RefusedError(40056, "invalid agentid")
        )
    return shape_of(call, body)


def shape_of(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """What a member will see of a message body."""
    kind = str(body.get("msgtype"))
    shape: dict[str, Any] = {"kind": kind, "text": "", "image": "", "card": None, "articles": []}
    if kind in ("text", "markdown"):
        return {**shape, "text": required_text(body, kind, 2_048)}
    if kind == "template_card":
        card = body.get("template_card")
        if problem := find_problem(card, place="app"):
            raise RefusedError(40058, problem)
        return {**shape, "kind": "card", "card": card}
    if kind == "textcard":
        part = body.get("textcard") or {}
        if not part.get("title") or not part.get("description") or not part.get("url"):
            raise RefusedError(40058, "textcard needs a title, a description and a url")
        if len(str(part["url"]).encode()) > 2_048:
            raise RefusedError(45002, "textcard.url has more than 2048 bytes")
        return {**shape, "kind": "news", "articles": [part]}
    if kind == "news":
        return {**shape, "articles": articles_of(body)}
    if kind in ("image", "voice", "video", "file"):
        name = _media(call, body, kind)
        return {**shape, "image": f"media/{body[kind]['media_id']}"} if kind == "image" else {**shape, "text": name}
    if kind in ("mpnews", "miniprogram_notice") and isinstance(body.get(kind), dict):
        return {**shape, "kind": "text", "text": f"[{kind}]"}
    raise RefusedError(40008, f"invalid message type {kind}")


def _media(call: Call, body: dict[str, Any], kind: str) -> str:
    media = call.world.find_media(str((body.get(kind) or {}).get("media_id", "")))
    if media is None or media.owner or media.kind != kind:
        raise RefusedError(40007, "invalid media_id")
    return media.filename


def _is_repeat(call: Call, app: Channel, body: dict[str, Any]) -> bool:
    if not body.get("enable_duplicate_check"):
        return False
    interval_s = min(int(body.get("duplicate_check_interval") or 1_800), 14_400)
    return not call.world.first_time((app.name, digest(body)), interval_s)


def _admitted(call: Call, app: Channel, user: str) -> bool:
    """Above 30 a minute or 1000 an hour WeCom drops a member's messages without a word."""
    now, key = call.world.now(), (app.name, user)
    return call.windows.member_minute.admit(key, now) and call.windows.member_hour.admit(key, now)


def _show(call: Call, app: Channel, user: str, msgid: str, shape: dict[str, Any]) -> Post:
    return call.world.post(
        single_chat(app.name, user), BOT, shape["kind"], text=shape["text"], image=shape["image"], card=shape["card"], articles=shape["articles"],
        via="app", channel=app.name, msgid=msgid,
    )  # fmt: skip


def _recall(call: Call) -> dict[str, Any]:
    app, msgid = app_of(call), str(call.body().get("msgid", ""))
    found = call.world.look_at_code("recall", msgid)
    if found is None or found["channel"] != app.name:
        raise RefusedError(40058, "invalid msgid, or sent more than 24 hours ago")
    for post in call.world.posts_of_message(msgid):
        call.world.change(post, recalled=True, text="", card=None)
    return {}


def _update_card(call: Call) -> dict[str, Any]:
    app, body = app_of(call), call.body()
    found = call.world.look_at_code("card", str(body.get("response_code", "")))
    if found is None or found["channel"] != app.name:
        raise RefusedError(40058, "invalid response_code: unknown, used or expired")
    card, button = body.get("template_card"), body.get("button")
    if not card and not button:
        raise RefusedError(40058, "button or template_card is needed")
    if card and (problem := find_problem({"task_id": "same", **card} if isinstance(card, dict) else card, place="app")):
        raise RefusedError(40058, problem)
    call.world.use_code(str(body["response_code"]))
    users = list(call.world.people) if body.get("atall") else [str(user) for user in body.get("userids") or ()]
    for post in filter(None, (call.world.find_post(number) for number in found["posts"])):
        user = post.chat.rsplit("|", 1)[-1]
        if user in users and post.card:
            new = (
                {"task_id": post.card.get("task_id"), **card}
                if card
                else {**post.card, "replace_text": (button or {}).get("replace_name", "")}
            )
            call.world.replace_card(post, new)
    return {"invaliduser": [user for user in users if user not in call.world.people]}


def _upload(call: Call) -> dict[str, Any]:
    call.tokens.owner(call.args.get("access_token", ""))
    return call.keep_upload()


APP_CALLS: dict[tuple[str, str], Handler] = {
    ("GET", "/cgi-bin/gettoken"): _gettoken,
    ("GET", "/cgi-bin/getcallbackip"): _getcallbackip,
    ("GET", "/cgi-bin/agent/get"): _agent,
    ("POST", "/cgi-bin/message/send"): _send,
    ("POST", "/cgi-bin/message/recall"): _recall,
    ("POST", "/cgi-bin/message/update_template_card"): _update_card,
    ("POST", "/cgi-bin/media/upload"): _upload,
}
