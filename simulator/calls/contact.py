"""Calls of 客户联系: customer groups and the greeting of a new customer (manual pages 92120, 92122, 92137)."""

from __future__ import annotations

from typing import Any

from simulator.calls.call import Call, Handler, required_text
from simulator.config import Channel
from simulator.world import BOT, RefusedError, Room, single_chat


def _token_owner(call: Call) -> Channel:
    owner = call.tokens.owner(call.args.get("access_token", ""))
    if owner.kind not in ("contact", "app"):
        raise RefusedError(48002, "api forbidden for this token")
    return owner


def _list(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    limit, cursor = body.get("limit"), str(body.get("cursor") or "0")
    if not isinstance(limit, int) or not 1 <= limit <= 1_000 or not cursor.isdigit():
        raise RefusedError(40058, "limit is 1 to 1000")
    owners = (body.get("owner_filter") or {}).get("userid_list") or []
    if len(owners) > 100:
        raise RefusedError(40058, "userid_list names more than 100 members")
    found = [room for room in call.world.rooms.values() if room.group.customer and (not owners or room.owner in owners)]
    start = int(cursor)
    answer: dict[str, Any] = {"group_chat_list": [{"chat_id": room.group.id, "status": 0} for room in found[start : start + limit]]}
    if start + limit < len(found):
        answer["next_cursor"] = str(start + limit)
    return answer


def _get(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    room = call.world.rooms.get(str(body.get("chat_id", "")))
    if room is None or not room.group.customer:
        raise RefusedError(90501, "not a customer group")
    return {"group_chat": _roster(call, room, bool(body.get("need_name")))}


def _roster(call: Call, room: Room, with_names: bool) -> dict[str, Any]:
    with call.world.lock:
        members = [_member(call, room, user, at, with_names) for user, at in room.members.items()]
        admins = [{"userid": user} for user in room.members if call.world.people[user].admin]
        created = min(room.members.values(), default=int(call.world.now()))
        head = {"chat_id": room.group.id, "name": room.group.name, "owner": room.owner, "create_time": created, "notice": ""}
        return {**head, "member_list": members, "admin_list": admins, "member_version": room.version}


def _member(call: Call, room: Room, user: str, joined_at: int, with_name: bool) -> dict[str, Any]:
    person = call.world.people[user]
    member: dict[str, Any] = {"userid": user, "type": 2 if person.external else 1, "join_time": joined_at, "join_scene": 1}
    if not person.external:
        member["invitor"] = {"userid": room.owner}
    member["group_nickname"] = ""
    return {**member, "name": person.name} if with_name else member


def _welcome(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    code = str(body.get("welcome_code", ""))
    found = call.world.look_at_code("welcome", code)
    if found is None:
        raise RefusedError(41050, "invalid or expired welcome_code")
    attachments = body.get("attachments") or []
    if len(attachments) > 9 or (not attachments and not body.get("text")):
        raise RefusedError(40058, "a text or 1 to 9 attachments are needed")
    text = required_text(body, "text", 4_000) if body.get("text") else ""
    call.world.use_code(code)
    call.world.post(single_chat(found["channel"], found["user"]), BOT, "text", text=text, via="welcome", channel=found["channel"])
    return {}


CONTACT_CALLS: dict[tuple[str, str], Handler] = {
    ("POST", "/cgi-bin/externalcontact/groupchat/list"): _list,
    ("POST", "/cgi-bin/externalcontact/groupchat/get"): _get,
    ("POST", "/cgi-bin/externalcontact/send_welcome_msg"): _welcome,
}
