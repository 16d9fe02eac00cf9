"""客户联系 as typed functions: customer groups, mass messages, group welcome templates, statistics, intercept rules (protocol reference §2.9, §2.10).

What WeCom gives is read here and nowhere else; every call raises ApiError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.errors import ApiError
from rules.roster import Seat

PAGE = 1_000
RESULTS_PAGE = 500
OWNERS_AT_ONCE = 100
WHOLE_CORP = 1
"""The department that everybody is in."""
TOO_MANY = 81017
STATES = {0: "waiting", 1: "sent", 2: "no contact", 3: "too many"}
"""What became of a mass message, by receiver (path 93338)."""


class Client(Protocol):
    """What is asked of a WeComClient."""

    def post(self, url: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """WeCom's answer to a POST; raises ApiError."""
        ...

    def get(self, url: str) -> dict[str, Any]:
        """WeCom's answer to a GET; raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as a roster lists him: WeCom's id, ``kind`` 1 employee or 2 customer, his name and what he is called in the group.

    ``inviter`` is the employee who brought him ('' where WeCom names none), ``state`` what his way in was marked with.
    """

    user: str
    seat: Seat
    name: str
    nickname: str
    inviter: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class GroupChat:
    """A customer group as WeCom tells of it; ``created_s`` in Unix seconds."""

    chat: str
    created_s: int
    name: str
    owner: str
    notice: str
    version: str
    members: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class MassMessage:
    """A task that an employee is to confirm: his ``text`` into customer groups that he owns. At most 4,000 bytes, 2,000 groups."""

    sender: str
    text: str
    chats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """A task that was made: WeCom's id, and the groups that it does not reach."""

    msgid: str
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What WeCom counts of the groups of one owner (or of all owners asked for) on the days asked for: no content, no names."""

    owner: str
    day: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class InterceptRule:
    """Words that employees are kept from sending: at most 300, of 1 to 32 characters."""

    id: str
    name: str
    words: tuple[str, ...]


class CustomerApi:
    """The interface of 客户联系, with one channel's rights. Every call raises ApiError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read_group(self, chat: str) -> GroupChat:
        """A group with its members and their names (path 92122). 90501: no customer group, or no more."""
        answer = self._post("groupchat/get", chat_id=chat, need_name=1)
        found = answer["group_chat"]
        return GroupChat(
            chat=chat,
            created_s=int(found.get("create_time") or 0),
            name=str(found.get("name") or ""),
            owner=str(found.get("owner") or ""),
            notice=str(found.get("notice") or ""),
            version=str(found.get("member_version") or ""),
            members=tuple(_listed(one) for one in found.get("member_list") or () if one.get("userid")),
        )

    def list_groups(self) -> Iterator[str]:
        """The chat ids of all customer groups that these rights can see (path 92120), by owners where there are too many members to ask at once."""
        try:
            yield from self._pages({})
        except ApiError as error:
            if error.code != TOO_MANY:
                raise
            owners = self.list_employees()
            for start in range(0, len(owners), OWNERS_AT_ONCE):
                yield from self._pages({"owner_filter": {"userid_list": owners[start : start + OWNERS_AT_ONCE]}})

    def list_employees(self) -> list[str]:
        """The ids of the employees who may have customers (path 92571)."""
        return [str(user) for user in self._client.get("externalcontact/get_follow_user_list").get("follow_user") or ()]

    # Mass messages (path 92135, 93338, 97610) ------------------------------------------------------------------------------

    def start_mass(self, mass: MassMessage) -> Started:
        """Makes a task that the sender is to confirm. Not to be done twice: a task that may have been made is one that may be sent."""
        body = {"chat_type": "group", "sender": mass.sender, "chat_id_list": list(mass.chats), "text": {"content": mass.text}}
        answer = self._post("add_msg_template", **body)
        return Started(str(answer["msgid"]), tuple(str(one) for one in answer.get("fail_list") or ()))

    def read_mass(self, msgid: str) -> Mapping[str, int]:
        """What became of a task: how many receivers are in each of ``STATES``."""
        counts: dict[str, int] = {}
        for task in self._rows("get_groupmsg_task", "task_list", msgid=msgid):
            for row in self._rows("get_groupmsg_send_result", "send_list", msgid=msgid, userid=str(task["userid"])):
                state = STATES.get(int(row.get("status", 0)), "waiting")
                counts[state] = counts.get(state, 0) + 1
        return counts

    def remind_mass(self, msgid: str) -> None:
        """Has WeCom remind those who have not confirmed yet: at most three times in 24 hours."""
        self._post("remind_groupmsg_send", msgid=msgid)

    def cancel_mass(self, msgid: str) -> None:
        """Takes a task back from those who have not confirmed yet."""
        self._post("cancel_groupmsg_send", msgid=msgid)

    # Group welcome templates (path 92366): the owner of a group chooses one in his client ----------------------------------

    def add_welcome(self, text: str, *, notify: bool = True) -> str:
        """A new template, of at most 3,000 bytes and 100 in a corp; gives its id. ``%NICKNAME%`` becomes the newcomer's name."""
        return str(self._post("group_welcome_template/add", text={"content": text}, notify=int(notify))["template_id"])

    def edit_welcome(self, id: str, text: str) -> None:
        """New words for a template that this app made."""
        self._post("group_welcome_template/edit", template_id=id, text={"content": text})

    def read_welcome(self, id: str) -> str:
        """The words of a template."""
        return str((self._post("group_welcome_template/get", template_id=id).get("text") or {}).get("content") or "")

    def drop_welcome(self, id: str) -> None:
        """Removes a template that this app made."""
        self._post("group_welcome_template/del", template_id=id)

    # Statistics (path 92133): by owner, at most 180 days back ----------------------------------------------------------------

    def read_figures(self, owners: Sequence[str], first: datetime, last: datetime) -> list[Figures]:
        """The sums of whole days, by owner. ``owners`` are 1 to 100."""
        found, offset = [], 0
        while True:
            asked = _days(owners, first, last) | {"order_by": 1, "order_asc": 0, "offset": offset, "limit": PAGE}
            answer = self._post("groupchat/statistic", **asked)
            items = answer.get("items") or ()
            found += [Figures(str(one.get("owner") or ""), None, _counts(one)) for one in items]
            offset = int(answer.get("next_offset") or 0)
            if not items or offset >= int(answer.get("total") or 0):
                return found

    def read_figures_by_day(self, owners: Sequence[str], first: datetime, last: datetime) -> list[Figures]:
        """The sums of all owners, day by day."""
        items = self._post("groupchat/statistic_group_by_day", **_days(owners, first, last)).get("items") or ()
        return [Figures("", datetime.fromtimestamp(int(one["stat_time"]), first.tzinfo), _counts(one)) for one in items]

    # Intercept rules (path 96308): what employees are kept from sending -------------------------------------------------------

    def list_rules(self) -> list[tuple[str, str]]:
        """Id and name of every rule of the corp."""
        answer = self._client.get("externalcontact/get_intercept_rule_list")
        return [(str(one["rule_id"]), str(one.get("rule_name") or "")) for one in answer.get("rule_list") or ()]

    def read_rule(self, id: str) -> InterceptRule:
        """A rule with its words."""
        rule = self._post("get_intercept_rule", rule_id=id)["rule"]
        return InterceptRule(id, str(rule.get("rule_name") or ""), tuple(str(word) for word in rule.get("word_list") or ()))

    def add_rule(self, name: str, words: Sequence[str]) -> str:
        """A new rule that warns and blocks, for the whole corp; gives its id."""
        body = {"rule_name": name, "word_list": list(words), "intercept_type": 1, "applicable_range": {"department_list": [WHOLE_CORP]}}
        return str(self._post("add_intercept_rule", **body)["rule_id"])

    def update_rule(self, rule: InterceptRule) -> None:
        """New words for a rule."""
        self._post("update_intercept_rule", rule_id=rule.id, rule_name=rule.name, word_list=list(rule.words), intercept_type=1)

    def drop_rule(self, id: str) -> None:
        """Removes a rule."""
        self._post("del_intercept_rule", rule_id=id)

    # Small steps --------------------------------------------------------------------------------------------------------------

    def _rows(self, path: str, name: str, **about: Any) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        while True:
            answer = self._post(path, limit=RESULTS_PAGE, cursor=cursor, **about)
            yield from answer.get(name) or ()
            following = str(answer.get("next_cursor") or "")
            if not following or following == cursor:
                return
            cursor = following

    def _pages(self, about: Mapping[str, Any]) -> Iterator[str]:
        cursor = ""
        while True:
            answer = self._post("groupchat/list", status_filter=0, cursor=cursor, limit=PAGE, **about)
            yield from (str(one["chat_id"]) for one in answer.get("group_chat_list") or ())
            following = str(answer.get("next_cursor") or "")
            if not following or following == cursor:
                return
            cursor = following

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._client.post(f"externalcontact/{path}", data=body)


def _days(owners: Sequence[str], first: datetime, last: datetime) -> dict[str, Any]:
    begin, end = (int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) for day in (first, last))
    return {"day_begin_time": begin, "day_end_time": end, "owner_filter": {"userid_list": list(owners)}}


def _counts(one: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(count) for name, count in (one.get("data") or {}).items()}


def _listed(one: Mapping[str, Any]) -> Listed:
    seat = Seat(int(one.get("type") or 2), int(one.get("join_time") or 0))
    inviter = one.get("invitor")
    brought_by = str(inviter.get("userid") or "") if isinstance(inviter, Mapping) else ""
    return Listed(
        str(one["userid"]), seat, str(one.get("name") or ""), str(one.get("group_nickname") or ""), brought_by, str(one.get("state") or "")
    )  # fmt: skip
