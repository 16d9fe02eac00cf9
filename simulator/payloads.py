"""The plaintext of every callback WeCom sends, as pure functions (manual pages 100719, 101027, 90239, 90240, 92130, 99399)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.xmltext import to_xml

Fields = dict[str, Any]


def compact(fields: Mapping[str, Any]) -> str:
    """JSON as WeCom writes it: UTF-8, no blanks, nothing that is None."""
    return json.dumps({k: v for k, v in fields.items() if v is not None}, ensure_ascii=False, separators=(",", ":"))


# -- what the aibot is told


def aibot_message(
    *, msgid: str, aibotid: str, user: str, chat: str, response_url: str | None, body: Fields, quote: Fields | None = None
) -> str:
    """A message of a member; ``body`` is its msgtype and content, ``chat`` empty in the single chat, ``response_url`` None over a socket."""
    place = {"chatid": chat, "chattype": "group"} if chat else {"chattype": "single"}
    head = {"msgid": msgid, "aibotid": aibotid, **place, "from": {"userid": user}, "response_url": response_url}
    return compact({**head, **body, "quote": quote})


def aibot_refresh(*, msgid: str, aibotid: str, user: str, chat: str, stream_id: str) -> str:
    """WeCom asks for more of an unfinished stream."""
    place = {"chatid": chat, "chattype": "group"} if chat else {"chattype": "single"}
    return compact(
        {"msgid": msgid, "aibotid": aibotid, **place, "from": {"userid": user}, "msgtype": "stream", "stream": {"id": stream_id}}
    )


def aibot_event(*, msgid: str, aibotid: str, user: str, at: int, name: str, detail: Fields | None = None, **place: str) -> str:
    """An event; ``place`` may hold chatid, chattype and response_url, as the samples of each event do."""
    event: Fields = {"eventtype": name}
    if detail is not None:
        event[name] = detail
    head = {"msgid": msgid, "create_time": at, "aibotid": aibotid, "from": {"userid": user}}
    return compact({**head, **place, "msgtype": "event", "event": event})


def card_click(card: Mapping[str, Any], key: str, selected: Mapping[str, Sequence[str]]) -> Fields:
    """The detail of a template_card_event."""
    detail: Fields = {"card_type": card.get("card_type", ""), "event_key": key, "task_id": card.get("task_id", "")}
    if selected:
        chosen = [{"question_key": question, "option_ids": {"option_id": list(options)}} for question, options in selected.items()]
        detail["selected_items"] = {"selected_item": chosen}
    return detail


def text(content: str) -> Fields:
    """A text body."""
    return {"msgtype": "text", "text": {"content": content}}


def voice(content: str) -> Fields:
    """A voice body: WeCom has turned it into text already."""
    return {"msgtype": "voice", "voice": {"content": content}}


def linked(kind: str, url: str, key: str = "") -> Fields:
    """An image, file or video body; over the long connection each URL has a ``key`` of its own."""
    return {"msgtype": kind, kind: {"url": url, "aeskey": key} if key else {"url": url}}


def mixed(content: str, image: Fields) -> Fields:
    """A text and an image body in one message."""
    return {"msgtype": "mixed", "mixed": {"msg_item": [text(content), image]}}


# -- what an app and the contact channel are told


def app_message(*, corp_id: str, user: str, at: int, msgid: str, agent_id: int, kind: str, body: Fields) -> str:
    """A message in the app's single chat; ``body`` are the elements of its kind."""
    head = {"ToUserName": corp_id, "FromUserName": user, "CreateTime": at, "MsgType": kind}
    return to_xml({**head, **body, "MsgId": int(msgid), "AgentID": agent_id})


def app_event(*, corp_id: str, user: str, at: int, agent_id: int, name: str, body: Fields | None = None) -> str:
    """An event of the app: subscribe, enter_agent, click, template_card_event…"""
    head = {"ToUserName": corp_id, "FromUserName": user, "CreateTime": at, "MsgType": "event", "Event": name}
    return to_xml({**head, **(body or {}), "AgentID": agent_id})


def app_card_click(card: Mapping[str, Any], key: str, selected: Mapping[str, Sequence[str]], response_code: str) -> Fields:
    """The elements of an app's template_card_event."""
    body: Fields = {
        "EventKey": key,
        "TaskId": card.get("task_id", ""),
        "CardType": card.get("card_type", ""),
        "ResponseCode": response_code,
    }
    if selected:
        items = [{"QuestionKey": question, "OptionIds": {"OptionId": list(options)}} for question, options in selected.items()]
        body["SelectedItems"] = {"SelectedItem": items}
    return body


def contact_event(*, corp_id: str, at: int, name: str, change: str, body: Fields) -> str:
    """An event of 客户联系: change_external_contact or change_external_chat."""
    head = {"ToUserName": corp_id, "FromUserName": "sys", "CreateTime": at, "MsgType": "event", "Event": name}
    first = {"ChatId": body["ChatId"]} if "ChatId" in body else {}
    return to_xml({**head, **first, "ChangeType": change, **{key: value for key, value in body.items() if key != "ChatId"}})


def member_change(*, chat: str, joining: bool, scene: int, users: Sequence[str], versions: tuple[str, str], form: str) -> Fields:
    """The body of a change_external_chat update. ``form`` of the list is items, joined (an older payload) or none (older still)."""
    lists: dict[str, Fields] = {"items": {"MemChangeList": {"Item": list(users)}}, "joined": {"MemChangeList": ",".join(users)}, "none": {}}
    body: Fields = {"ChatId": chat, "UpdateDetail": "add_member" if joining else "del_member"}
    body |= {"JoinScene": scene} if joining else {"QuitScene": scene}
    body |= {"MemChangeCnt": len(users), **lists[form]}
    return body | {"LastMemVer": versions[0], "CurMemVer": versions[1]}


# -- what the group robot is told


def robot_message(*, form: str, head: Fields, user: str, name: str, kind: str, body: Fields) -> str:
    """A callback of the group robot; ``head`` is webhook_url, msgid, chatid, chattype and get_chat_info_url.

    ``body`` is the JSON of its kind; ``form`` xml turns both into CamelCase elements.
    """
    sender = {"userid": user, "name": name, "alias": user}
    if form == "json":
        return compact({**head, "from": sender, "msgtype": kind, **body})
    names = {
        "webhook_url": "WebhookUrl",
        "msgid": "MsgId",
        "chatid": "ChatId",
        "chattype": "ChatType",
        "get_chat_info_url": "GetChatInfoUrl",
    }
    fields: Fields = {names[key]: value for key, value in head.items() if value}
    return to_xml({**fields, "From": {"UserId": user, "Name": name, "Alias": user}, "MsgType": kind, **_camel(body)})


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel_name(key): _camel(inner) for key, inner in value.items()}
    return [_camel(inner) for inner in value] if isinstance(value, list) else value


def _camel_name(name: str) -> str:
    return {"callbackid": "CallbackId"}.get(name) or "".join(part.capitalize() for part in name.split("_"))
