"""Groups that an app creates (manual pages 90245, 98913, 90247, 90248) and the app's menu (90231, 90232, 90233)."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any

from simulator.calls.app import app_of, shape_of
from simulator.calls.call import Call, Handler
from simulator.config import Channel, Group
from simulator.world import BOT, AppGroup, RefusedError

NAME_CHARS = 50
SIZES = range(2, 2_001)
_CHAT_ID = re.compile(r"[0-9a-zA-Z]{1,32}")
_KINDS = frozenset({"text", "markdown", "image", "voice", "video", "file", "textcard", "news", "mpnews"})
_MENU_BYTES = {"name": 16, "sub_name": 40, "key": 128, "url": 1_024}


def _create(call: Call) -> dict[str, Any]:
    app, body = app_of(call), call.body()
    users = _users(call, body.get("userlist"))
    if not isinstance(body.get("userlist"), list) or len(users) not in SIZES:
        raise RefusedError(86006, "the group would have less than 2 or more than 2000 members")
    chat = str(body.get("chatid") or secrets.token_hex(16))
    if not _CHAT_ID.fullmatch(chat):
        raise RefusedError(86001, "invalid chatid")
    owner = _owner(body.get("owner") or users[0], users)
    group = AppGroup(chat, app.name, _name(body.get("name", "")), owner, users)
    with call.world.lock:
        if chat in call.world.app_groups or chat in call.world.rooms:
            raise RefusedError(86215, "the chatid exists already")
        if not call.windows.group_day.admit(call.world.config.corp_id, call.world.now()):
            raise RefusedError(45009, "api freq out of limit")
        call.world.app_groups[chat] = group
    return {"chatid": chat}


def _get(call: Call) -> dict[str, Any]:
    group = _group(call, app_of(call), call.args.get("chatid"))
    return {"chat_info": {"chatid": group.id, "name": group.name, "owner": group.owner, "userlist": list(group.users)}}


def _update(call: Call) -> dict[str, Any]:
    app, body = app_of(call), call.body()
    group = _group(call, app, body.get("chatid"))
    if not call.windows.update_hour.admit(call.world.config.corp_id, call.world.now()):
        raise RefusedError(45009, "api freq out of limit")
    joining, leaving = _users(call, body.get("add_user_list") or []), _users(call, body.get("del_user_list") or [])
    users = [user for user in dict.fromkeys([*group.users, *joining]) if user not in leaving]
    if len(users) not in SIZES:
        raise RefusedError(86006, "the group would have less than 2 or more than 2000 members")
    owner = _owner(body.get("owner") or (group.owner if group.owner in users else users[0]), users)
    name = _name(body["name"]) if body.get("name") else group.name
    call.world.app_groups[group.id] = replace(group, name=name, owner=owner, users=users)
    if room := call.world.rooms.get(group.id):
        room.group = replace(room.group, name=name, owner=owner)
        call.world.change_members(group.id, joining, leaving)
    return {}


def _send(call: Call) -> dict[str, Any]:
    app, body = app_of(call), call.body()
    group = _group(call, app, body.get("chatid"))
    if body.get("msgtype") not in _KINDS:
        raise RefusedError(40008, f"invalid message type {body.get('msgtype')}")
    shape = shape_of(call, body)
    called = (body.get("text") or {}).get("mentioned_list") or []
    if not isinstance(called, list):
        raise RefusedError(40058, "mentioned_list is not a list")
    if group.id not in call.world.rooms:  # it shows itself with its first message
        call.world.add_room(Group(group.id, group.name, tuple(group.users), owner=group.owner, customer=False))
    text = shape["text"] + "".join(f" <@{user}>" for user in called)
    if all(call.windows.group_member.admit((app.name, user), call.world.now()) for user in group.users):
        call.world.post(
            group.id,
            BOT,
            shape["kind"],
            text=text,
            image=shape["image"],
            card=shape["card"],
            articles=shape["articles"],
            via="appchat",
            channel=app.name,
        )
    return {}


def _group(call: Call, app: Channel, chat: object) -> AppGroup:
    if not chat:
        raise RefusedError(86003, "chatid is missing")
    found = call.world.app_groups.get(str(chat))
    if found is None:
        raise RefusedError(86008 if str(chat) in call.world.rooms else 86001, "no group that an app created")
    if found.channel != app.name:
        raise RefusedError(86008, "created by another app")
    return found


def _users(call: Call, listed: object) -> list[str]:
    if not isinstance(listed, list) or not all(isinstance(user, str) for user in listed):
        raise RefusedError(40058, "a list of user ids is needed")
    if bad := [user for user in listed if user not in call.world.people]:
        raise RefusedError(86216, f"illegal member id {bad[0]}")
    if outside := [user for user in listed if call.world.people[user].external]:
        raise RefusedError(86007, f"{outside[0]} is no internal member")
    return list(dict.fromkeys(listed))


def _owner(owner: object, users: list[str]) -> str:
    if owner not in users:
        raise RefusedError(86005, "the owner is no member")
    return str(owner)


def _name(name: object) -> str:
    if not isinstance(name, str) or len(name) > NAME_CHARS:
        raise RefusedError(86004, "invalid name")
    return name or "群聊"


# The menu


def _put_menu(call: Call) -> dict[str, Any]:
    app, buttons = _menu_app(call), call.body().get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise RefusedError(40016, "a menu has 1 to 3 buttons")
    for button in buttons:
        _check_button(button, "name")
    call.world.menus[app.name] = buttons
    return {}


def _get_menu(call: Call) -> dict[str, Any]:
    app = _menu_app(call)
    if app.name not in call.world.menus:
        raise RefusedError(46003, "menu no exist")
    return {"button": call.world.menus[app.name]}


def _remove_menu(call: Call) -> dict[str, Any]:
    app = _menu_app(call)
    if call.world.menus.pop(app.name, None) is None:
        raise RefusedError(46003, "menu no exist")
    return {}


def _menu_app(call: Call) -> Channel:
    app = app_of(call)
    if call.args.get("agentid") != str(app.agent_id):
        raise RefusedError(301002, "not allow to access this agentid")
    return app


def _check_button(button: Any, name: str) -> None:
    if not isinstance(button, dict):
        raise RefusedError(40058, "a button is no object")
    if not 1 <= len(str(button.get("name", "")).encode()) <= _MENU_BYTES[name]:
        raise RefusedError(40018, "invalid button name size")
    if below := button.get("sub_button"):
        if name == "sub_name" or len(below) > 5:
            raise RefusedError(40023, "invalid sub button size")
        for one in below:
            _check_button(one, "sub_name")
        return
    field = {"click": "key", "view": "url"}.get(str(button.get("type")))
    if field is None:
        raise RefusedError(40017, "invalid button type")
    if not 1 <= len(str(button.get(field, "")).encode()) <= _MENU_BYTES[field]:
        raise RefusedError(40019 if field == "key" else 40020, f"invalid button {field} size")


APPCHAT_CALLS: dict[tuple[str, str], Handler] = {
    ("POST", "/cgi-bin/appchat/create"): _create,
    ("GET", "/cgi-bin/appchat/get"): _get,
    ("POST", "/cgi-bin/appchat/update"): _update,
    ("POST", "/cgi-bin/appchat/send"): _send,
    ("POST", "/cgi-bin/menu/create"): _put_menu,
    ("GET", "/cgi-bin/menu/get"): _get_menu,
    ("GET", "/cgi-bin/menu/delete"): _remove_menu,
}
