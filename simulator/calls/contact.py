"""Calls of 客户联系: customer groups, greetings, mass messages, templates, intercept rules (manual pages 92120, 92122, 92137, 92135, 96308)."""

from __future__ import annotations

from typing import Any

from simulator.calls.call import Call, Handler, required_text
from simulator.config import Channel
from simulator.customers import REMINDERS, REMINDERS_WITHIN_S, MassTask
from simulator.world import BOT, RefusedError, Room, single_chat

DAY_S = 86_400


def _token_owner(call: Call) -> Channel:
    owner = call.tokens.owner(call.args.get("access_token", ""))
    if owner.kind not in ("contact", "app"):
        raise RefusedError(48002, "api forbidden for this token")
    return owner


def _employees(call: Call) -> dict[str, Any]:
    _token_owner(call)
    return {"follow_user": [person.user for person in call.world.people.values() if not person.external]}


# -- groups


def _groups(call: Call) -> list[Room]:
    return [room for room in call.world.rooms.values() if room.group.customer and not room.is_dismissed]


def _list(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    limit, cursor = body.get("limit"), str(body.get("cursor") or "0")
    if not isinstance(limit, int) or not 1 <= limit <= 1_000 or not cursor.isdigit():
        raise RefusedError(40058, "limit is 1 to 1000")
    owners = (body.get("owner_filter") or {}).get("userid_list") or []
    if len(owners) > 100:
        raise RefusedError(40058, "userid_list names more than 100 members")
    if not owners and len(call.world.people) > call.world.customers.most_visible:
        raise RefusedError(81017, "too many members, use owner_filter")
    found = [room for room in _groups(call) if not owners or room.owner in owners]
    start = int(cursor)
    answer: dict[str, Any] = {"group_chat_list": [{"chat_id": room.group.id, "status": 0} for room in found[start : start + limit]]}
    if start + limit < len(found):
        answer["next_cursor"] = str(start + limit)
    return answer


def _get(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    room = _room(call, str(body.get("chat_id", "")))
    return {"group_chat": _roster(call, room, bool(body.get("need_name")))}


def _room(call: Call, chat: str) -> Room:
    room = call.world.rooms.get(chat)
    if room is None or not room.group.customer or room.is_dismissed:
        raise RefusedError(90501, "not a customer group")
    return room


def _roster(call: Call, room: Room, with_names: bool) -> dict[str, Any]:
    with call.world.lock:
        seen, version = room.seen_at(call.world.now() - call.world.customers.roster_lag_s)
        members = [_member(call, room, user, at, with_names) for user, at in seen.items()]
        admins = [{"userid": user} for user in seen if call.world.people[user].admin]
        created = min(seen.values(), default=int(call.world.now()))
        head = {"chat_id": room.group.id, "name": room.group.name, "owner": room.owner, "create_time": created, "notice": ""}
        return {**head, "member_list": members, "admin_list": admins, "member_version": version}


def _member(call: Call, room: Room, user: str, joined_at: int, with_name: bool) -> dict[str, Any]:
    person = call.world.people[user]
    member: dict[str, Any] = {"userid": user, "type": 2 if person.external else 1, "join_time": joined_at, "join_scene": 1}
    if not person.external:
        member["invitor"] = {"userid": room.owner}
    member["group_nickname"] = ""
    return {**member, "name": person.name} if with_name else member


def _statistic(call: Call) -> dict[str, Any]:
    body = _statistic_asked(call)
    items = [{"owner": owner, "data": _figures(call, [owner])} for owner in body["owners"]]
    return {"total": len(items), "next_offset": len(items), "items": items}


def _statistic_by_day(call: Call) -> dict[str, Any]:
    body = _statistic_asked(call)
    days = range(body["begin"], body["end"] + 1, DAY_S)
    return {"items": [{"stat_time": day, "data": _figures(call, body["owners"])} for day in days]}


def _statistic_asked(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    begin, end = body.get("day_begin_time"), body.get("day_end_time", body.get("day_begin_time"))
    owners = (body.get("owner_filter") or {}).get("userid_list") or []
    if not isinstance(begin, int) or not isinstance(end, int) or begin > end or end - begin > 180 * DAY_S:
        raise RefusedError(40058, "day_begin_time and day_end_time are needed, at most 180 days apart")
    if not 1 <= len(owners) <= 100:
        raise RefusedError(40058, "owner_filter is needed and names 1 to 100 members")
    return {"begin": begin, "end": end, "owners": owners}


def _figures(call: Call, owners: list[str]) -> dict[str, int]:
    rooms = [room for room in _groups(call) if room.owner in owners]
    return {
        "new_chat_cnt": 0, "chat_total": len(rooms), "chat_has_msg": 0, "new_member_cnt": 0,
        "member_total": sum(len(room.members) for room in rooms), "member_has_msg": 0, "msg_total": 0, "migrate_trainee_chat_cnt": 0,
    }  # fmt: skip


# -- greetings


def _welcome(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    code = str(body.get("welcome_code", ""))
    found = call.world.look_at_code("welcome", code)
    if found is None:
        raise RefusedError(41050, "invalid or expired welcome_code")
    text = _content(body, 4_000)
    call.world.use_code(code)
    call.world.post(single_chat(found["channel"], found["user"]), BOT, "text", text=text, via="welcome", channel=found["channel"])
    return {}


def _content(body: dict[str, Any], limit_bytes: int) -> str:
    """The text of a greeting or mass message; 40058 when there is neither text nor attachment, or too many."""
    attachments = body.get("attachments") or []
    if len(attachments) > 9 or (not attachments and not body.get("text")):
        raise RefusedError(40058, "a text or 1 to 9 attachments are needed")
    return required_text(body, "text", limit_bytes) if body.get("text") else ""


_PARTS = ("text", "image", "link", "miniprogram", "file", "video")


def _add_template(call: Call) -> dict[str, Any]:
    _token_owner(call)
    desk, template = call.world.customers, _template(call.body())
    if len(desk.templates) >= 100:
        raise RefusedError(41081, "more than 100 group welcome templates")
    id = desk.next_id("msgTPL")
    desk.templates[id] = template
    return {"template_id": id}


def _edit_template(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    _known_template(call, body)
    call.world.customers.templates[body["template_id"]] = _template(body)
    return {}


def _get_template(call: Call) -> dict[str, Any]:
    _token_owner(call)
    return dict(_known_template(call, call.body()))


def _del_template(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    _known_template(call, body)
    del call.world.customers.templates[body["template_id"]]
    return {}


def _template(body: dict[str, Any]) -> dict[str, Any]:
    found = {part: body[part] for part in _PARTS if body.get(part)}
    if not found:
        raise RefusedError(40058, "text or an attachment is needed")
    if "text" in found:
        required_text(found, "text", 3_000)
    return found


def _known_template(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    found = call.world.customers.templates.get(str(body.get("template_id", "")))
    if found is None:
        raise RefusedError(40058, "invalid template_id")
    return found


# -- mass messages


def _add_mass(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    kind, sender = str(body.get("chat_type") or "single"), str(body.get("sender") or "")
    text = _content(body, 4_000)
    if kind == "group" and not sender:
        raise RefusedError(40058, "sender is needed for groups")
    wanted = body.get("chat_id_list" if kind == "group" else "external_userid") or []
    if len(wanted) > (2_000 if kind == "group" else 10_000):
        raise RefusedError(40058, "too many receivers")
    there = [room.group.id for room in _groups(call) if room.owner == sender] if kind == "group" else _customers(call)
    chosen = [one for one in wanted if one in there] if wanted else there
    if not chosen:
        raise RefusedError(41048, "no customer to send to")
    desk = call.world.customers
    msgid = desk.next_id("msgMASS")
    desk.tasks[msgid] = MassTask(kind, sender, text, int(call.world.now()), dict.fromkeys(chosen, 0))
    return {"msgid": msgid, "fail_list": [one for one in wanted if one not in there]}


def _customers(call: Call) -> list[str]:
    return [person.user for person in call.world.people.values() if person.external]


def _task(call: Call) -> tuple[str, MassTask]:
    _token_owner(call)
    msgid = str(call.body().get("msgid", ""))
    found = call.world.customers.tasks.get(msgid)
    if found is None:
        raise RefusedError(40058, "invalid msgid")
    return msgid, found


def _mass_task(call: Call) -> dict[str, Any]:
    _, task = _task(call)
    is_sent = all(state for state in task.results.values())
    return {"next_cursor": "", "task_list": [{"userid": task.sender, "status": 2 if is_sent else 0, "send_time": task.created}]}


def _mass_result(call: Call) -> dict[str, Any]:
    _, task = _task(call)
    body = call.body()
    limit, start = int(body.get("limit") or 500), int(body.get("cursor") or 0)
    key = "chat_id" if task.kind == "group" else "external_userid"
    rows = [{key: one, "userid": task.sender, "status": state, "send_time": task.created} for one, state in task.results.items()]
    following = str(start + limit) if start + limit < len(rows) else ""
    return {"next_cursor": following, "send_list": rows[start : start + limit]}


def _remind(call: Call) -> dict[str, Any]:
    _, task = _task(call)
    now = call.world.now()
    task.reminded = [at for at in task.reminded if at > now - REMINDERS_WITHIN_S]
    if len(task.reminded) >= REMINDERS:
        raise RefusedError(45009, "reminded 3 times within 24 hours")
    task.reminded.append(now)
    return {}


def _cancel(call: Call) -> dict[str, Any]:
    _, task = _task(call)
    task.is_cancelled = True
    return {}


# -- intercept rules


def _add_rule(call: Call) -> dict[str, Any]:
    _token_owner(call)
    desk, body = call.world.customers, call.body()
    if len(desk.rules) >= 100:
        raise RefusedError(41069, "more than 100 rules")
    _check_rule(call, body, "")
    rule_id = desk.next_id("rule")
    desk.rules[rule_id] = {"create_time": int(call.world.now()), **body}
    return {"rule_id": rule_id}


def _check_rule(call: Call, body: dict[str, Any], rule_id: str) -> None:
    name, words = str(body.get("rule_name") or ""), body.get("word_list")
    if not 1 <= len(name) <= 20:
        raise RefusedError(40058, "rule_name has 1 to 20 characters")
    if any(id != rule_id and rule["rule_name"] == name for id, rule in call.world.customers.rules.items()):
        raise RefusedError(41077, "a rule of this name exists")
    if not isinstance(words, list) or len(words) > 300:
        raise RefusedError(41068, "more than 300 words")
    if not words or any(not isinstance(word, str) or not 1 <= len(word) <= 32 for word in words):
        raise RefusedError(41083, "a word has 1 to 32 characters")


def _rule_list(call: Call) -> dict[str, Any]:
    _token_owner(call)
    rules = call.world.customers.rules.items()
    return {"rule_list": [{"rule_id": id, "rule_name": rule["rule_name"], "create_time": rule["create_time"]} for id, rule in rules]}


def _known_rule(call: Call, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    id = str(body.get("rule_id", ""))
    found = call.world.customers.rules.get(id)
    if found is None:
        raise RefusedError(41070, "invalid rule_id")
    return id, found


def _get_rule(call: Call) -> dict[str, Any]:
    _token_owner(call)
    id, rule = _known_rule(call, call.body())
    return {"rule": {"rule_id": id, **rule}}


def _update_rule(call: Call) -> dict[str, Any]:
    _token_owner(call)
    body = call.body()
    id, rule = _known_rule(call, body)
    new = rule | {key: value for key, value in body.items() if key in ("rule_name", "word_list", "intercept_type")}
    _check_rule(call, new, id)
    call.world.customers.rules[id] = new
    return {}


def _del_rule(call: Call) -> dict[str, Any]:
    _token_owner(call)
    id, _ = _known_rule(call, call.body())
    del call.world.customers.rules[id]
    return {}


_BASE = "/cgi-bin/externalcontact"
CONTACT_CALLS: dict[tuple[str, str], Handler] = {
    ("GET", f"{_BASE}/get_follow_user_list"): _employees,
    ("POST", f"{_BASE}/groupchat/list"): _list,
    ("POST", f"{_BASE}/groupchat/get"): _get,
    ("POST", f"{_BASE}/groupchat/statistic"): _statistic,
    ("POST", f"{_BASE}/groupchat/statistic_group_by_day"): _statistic_by_day,
    ("POST", f"{_BASE}/send_welcome_msg"): _welcome,
    ("POST", f"{_BASE}/group_welcome_template/add"): _add_template,
    ("POST", f"{_BASE}/group_welcome_template/edit"): _edit_template,
    ("POST", f"{_BASE}/group_welcome_template/get"): _get_template,
    ("POST", f"{_BASE}/group_welcome_template/del"): _del_template,
    ("POST", f"{_BASE}/add_msg_template"): _add_mass,
    ("POST", f"{_BASE}/get_groupmsg_task"): _mass_task,
    ("POST", f"{_BASE}/get_groupmsg_send_result"): _mass_result,
    ("POST", f"{_BASE}/remind_groupmsg_send"): _remind,
    ("POST", f"{_BASE}/cancel_groupmsg_send"): _cancel,
    ("POST", f"{_BASE}/add_intercept_rule"): _add_rule,
    ("GET", f"{_BASE}/get_intercept_rule_list"): _rule_list,
    ("POST", f"{_BASE}/get_intercept_rule"): _get_rule,
    ("POST", f"{_BASE}/update_intercept_rule"): _update_rule,
    ("POST", f"{_BASE}/del_intercept_rule"): _del_rule,
}
