"""抽奖: what is published when, who wins, and the proof that anyone can check (rules/lottery.py, docs/lottery.md)."""

from __future__ import annotations

import re
import secrets
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Award, Post, Settlement, Stage, Step
from bot.activities.words import terms_of
from bot.cards import Button, ButtonInteraction, task_of
from bot.communities import Communities
from bot.config import Config
from bot.drawing import drawn
from bot.errors import UserError
from bot.keyring import sealing_key
from bot.live import Contents
from bot.members import plain
from rules.activities import Activity, KindId
from rules.activity_words import Request
from rules.lottery import (
    LONGEST_WITNESS,
    SEED_BYTES,
    LotteryProblem,
    Prize,
    Proof,
    Terms,
    Win,
    code_of,
    commit,
    draw,
    hash_of,
    line_of,
    read_prizes,
)
from storage.community import CommunityKeys
from storage.stores import Stores

USAGE = "发起抽奖 周年抽奖 | 奖品 咖啡券 3 | 奖品 积分50 10 | 截止 明天20:00"
FACE = (26, 30, 112)
"""Characters of title, prizes and the rest that a card shows whole."""
MOST_NAMED = 30
"""Winners who are named in a post; all stand in the proof."""
MOST_DRAWN, MOST_DRAWN_PRIZES = 12, 8
"""Winners and prizes in a picture: its name has to stay below 4 KB."""
PAGE = 10_000
PROOFS = "lottery"
"""The first word of the name of a proof as a file."""
NOBODY = "（已退出的成员）"
HIDDEN = "一位群友"
"""Stands for a name that is not said in public."""


class Lottery(ActivityKind):
    """The kind ``lottery``. ``randomness`` gives so many random bytes."""

    id: KindId = "lottery"
    form = Form(
        "周年抽奖", "奖品", "咖啡券 3\n积分50 10", "一行一种，后面写几份；“积分50”开奖后自动到账",
        (Field("公证数", "想更让人放心，可以再等一个公开的数，例如：上证指数 11 月 23 日收盘"),),
    )  # fmt: skip

    def __init__(self, randomness: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._randomness = randomness

    # Before and while it runs ---------------------------------------------------------------------------------------------

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for."""
        if request.has("公证数") and not request.one("公证数"):
            raise UserError("“公证数”后面要写等哪个公开的数，例如：公证数 上证指数 11 月 23 日收盘")
        return request.title, {"prizes": list(request.lines), "witness": request.one("公证数")}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """``prizes`` as typed lines (or rows as they are kept), and the name of the public number that is waited for (``witness``)."""
        try:
            prizes = read_prizes([f"{row[0]} {row[1]}" if isinstance(row, list | tuple) else str(row) for row in spec.get("prizes", ())])
        except LotteryProblem as wrong:
            raise UserError(f"{wrong}。整条写法是：{USAGE}") from None
        witness = " ".join(str(spec.get("witness", "")).split())
        if len(witness) > LONGEST_WITNESS:
            raise UserError(f"公证数的说明最多 {LONGEST_WITNESS} 个字，例如：公证数 上证指数 11 月 23 日收盘")
        return {"prizes": [[prize.name, prize.count] for prize in prizes], "witness": witness}

    def prepare(self, stage: Stage) -> Mapping[str, Any]:
        """The seed, sealed together with the secret of the tickets' codes, and what is published of it."""
        seed, secret = self._randomness(SEED_BYTES), self._randomness(SEED_BYTES)
        terms = _terms(stage)
        return {
            "begun": terms.begun,
            "title": terms.title,
            "prizes": _rows(terms.prizes),
            "witness": terms.witness,
            "commitment": commit(seed, terms),
            "sealed": _seal(stage.config).encrypt(seed + secret).decode(),
        }

    def preview(self, stage: Stage) -> str:
        """What an operator checks before it begins."""
        prizes, witness = _prizes(stage.activity.spec), stage.activity.spec["witness"]
        total = sum(prize.count for prize in prizes)
        paid, number = sum(prize.points * prize.count for prize in prizes), stage.activity.number
        lines = [f"奖品（共 {total} 份，按这个顺序抽，每人最多中一份）：{said_prizes(prizes)}"]
        lines += [
            f"“{one.name} × {one.count}”不是 {one.count} 份的话，写成：奖品 {one.name}{one.count} 1 份" for one in prizes if one.is_doubtful
        ]
        lines += [f"积分奖品开奖后自动到账，最多共 {paid} 分。"] if paid else []
        lines += [] if all(prize.points for prize in prizes) else [f"要你们发的奖品，开奖后看名单：抽奖 名单 {number}"]
        lines += [f"公证数：{witness}。截止以后运营说“抽奖 公证数 {number} 4011.23”这样的话，才开奖。"] if witness else []
        return "\n".join([*lines, "开始时会公布种子的承诺，截止时公布名单哈希，开奖时公布种子：谁都可以验证。"])

    def opening(self, stage: Stage) -> Post:
        """The prizes, how to take part, and the commitment."""
        activity = stage.activity
        prizes, live = _prizes(activity.live), activity.live
        rows = (
            f"🎁 抽奖 {activity.number}「{activity.title}」开始了",
            f"奖品：{said_prizes(prizes)}",
            terms_of(stage),
            f"参加请说：抽奖 {activity.number}（每人一个号码，最多中一份）",
            f"截止以后再等公证数（{live['witness']}），一起决定谁中奖。" if live["witness"] else "",
            f"公平承诺（种子已封存，开奖时公布，谁都可以验证）：\n{live['commitment']}",
        )
        return Post("\n".join(filter(None, rows)), card=_card(stage, prizes))

    def reminder(self, stage: Stage) -> Post | None:
        """An hour before it closes."""
        activity = stage.activity
        return Post(
            f"抽奖 {activity.number}「{activity.title}」快截止了，{activity.entries} 人参加了。还没参加的请说：抽奖 {activity.number}"
        )

    def step(self, stage: Stage) -> Step:
        """It has no rounds."""
        raise UserError("抽奖没有下一步，要提前结束请说：活动 截止 " + str(stage.activity.number))

    # At its end -----------------------------------------------------------------------------------------------------------

    def settle(self, stage: Stage) -> Settlement | Step:
        """First the list's hash is told, then, once its public number is there, the seed and who wins."""
        activity, live = stage.activity, stage.activity.live
        if activity.state == "settled":
            return Settlement(activity.result, told=_told(activity))
        seed, secret = _open(stage.config, activity)
        tickets, members = _entries(stage.stores, stage.community.keys, activity)
        list_hash = hash_of(_lines(secret, tickets))
        if "list" not in live:
            listed = {**live, "list": list_hash, "count": len(tickets)}
            return Step(until=stage.now, live=listed, post=_closed(activity, list_hash, len(tickets)) if tickets else None)
        if (live["list"], live["count"]) != (list_hash, len(tickets)):
            raise UserError("参加名单与截止时公布的不一致，不能开奖。请保留现场并联系开发者；取消活动会退回花费。")
        if live["witness"] and tickets and "witnessed" not in live:
            return Step(live=live)
        prizes = _prizes(live)
        won = draw(seed, list_hash, live.get("witnessed", ""), len(tickets), prizes)
        wins = [[tickets[place], prizes.index(prize), members[place]] for place, prize in won]
        result = {"seed": seed.hex(), "list": list_hash, "count": len(tickets), "wins": wins}
        settled = replace(activity, result=result)
        post = _announced(stage, settled) if wins else _nobody(activity)
        return Settlement(result, post=post, told=_told(settled))

    def awards(self, stage: Stage) -> Sequence[Award]:
        """The prizes that are points, in the order in which they were drawn."""
        note = f"抽奖 {stage.activity.number} {stage.activity.title}"
        return [Award(member, prize.points, note) for _, prize, member in wins_of(stage.activity) if prize.points]

    # What is asked --------------------------------------------------------------------------------------------------------

    def standing(self, stage: Stage, member: int) -> str:
        """The prizes, the commitment, and the member's own ticket."""
        activity = stage.activity
        lines = [f"奖品：{said_prizes(_prizes(activity.live or activity.spec))}"]
        if activity.live:
            lines.append(f"公平承诺：{activity.live['commitment']}")
            lines += [f"名单哈希：{activity.live['list']}（{activity.live['count']} 人）"] if "list" in activity.live else []
            lines += [f"在等公证数：{activity.live['witness']}"] if waits_for_witness(activity) else []
            mine = stage.stores.activities.entry_of(stage.community.keys, activity.number, member) if member else None
            lines += [f"{said_ticket(stage.config, activity, mine.seq)}。"] if mine else []
        return "\n".join(lines)

    def results(self, stage: Stage) -> Post:
        """Who won, once it was drawn; before, how many take part."""
        activity = stage.activity
        if activity.state == "settled":
            if activity.result["wins"]:
                return _announced(stage, activity)
            return _nobody(activity)
        waits = f"，在等公证数（{activity.live['witness']}）" if waits_for_witness(activity) else ""
        return Post(f"抽奖 {activity.number}「{activity.title}」还没有开奖{waits}，{activity.entries} 人参加。")


def waits_for_witness(activity: Activity) -> bool:
    """Whether a lottery is closed, and only its public number is missing."""
    live = activity.live
    return activity.state == "closed" and bool(live.get("witness")) and "witnessed" not in live


def said_ticket(config: Config, activity: Activity, ticket: int) -> str:
    """A member's ticket, in words to him."""
    _, secret = _open(config, activity)
    return f"你的号码是 {ticket}，校验码 {code_of(secret, ticket)}"


def said_prizes(prizes: Sequence[Prize]) -> str:
    """Prizes in one line: 咖啡券 × 3、马克杯 × 1."""
    return "、".join(f"{prize.name} × {prize.count}" for prize in prizes)


@dataclass(frozen=True, slots=True)
class Winner:
    """Who won what with which ticket; ``name`` is '' of one who was erased."""

    ticket: int
    prize: str
    member: int
    name: str


def wins_of(activity: Activity) -> list[tuple[int, Prize, int]]:
    """Ticket, prize and member of all who won, in the order in which they were drawn; nobody as long as it was not."""
    prizes = _prizes(activity.live) if activity.result else ()
    return [(ticket, prizes[at], member) for ticket, at, member in activity.result.get("wins", ())]


def winners_of(stores: Stores, activity: Activity) -> list[Winner]:
    """The same with their names; two round trips."""
    wins = wins_of(activity)
    numbers = [member for _, _, member in wins]
    names, users = stores.directory.find_names(numbers), stores.directory.find_users(numbers)
    return [
        Winner(ticket, prize.name, member, (names[member] or f"成员 {member}") if users[member] else "") for ticket, prize, member in wins
    ]


# The proof --------------------------------------------------------------------------------------------------------------


def proof_of(stores: Stores, config: Config, where: CommunityKeys, activity: Activity) -> Iterator[str]:
    """The text that is published of a lottery, in pieces; of one that is closed without the seed.

    Raises UserError where there is none: it still runs, was cancelled, or its entries are no longer kept.
    """
    if activity.kind != "lottery" or "list" not in activity.live or activity.state == "cancelled":
        raise UserError(f"活动 {activity.number} 现在没有抽奖凭证：凭证从抽奖截止开始有，取消了的没有。")
    _, secret = _open(config, activity)
    tickets, _ = _entries(stores, where, activity)
    if len(tickets) != activity.live["count"]:
        raise UserError(f"抽奖 {activity.number} 的号码已经过了保存期，凭证请向当时下载过的人要。")
    return _written(activity, secret, tickets)


def proof_name(community: str, activity: Activity) -> str:
    """The proof as a file that is made when it is sent (``bot.files.Files``): its name ends with what members see."""
    number = activity.number
    return f"{PROOFS}:{community}/{number}/{activity.live['commitment'][:16]}/抽奖凭证-{number}.txt"


def proof_file(stores: Stores, config: Config, communities: Communities, name: str) -> bytes:
    """The bytes of such a file, by what stands behind its ``PROOFS:``. Raises UserError for a name that is none."""
    community, number, mark, _ = name.rsplit("/", 3) if name.count("/") > 2 else ("", "", "", "")
    where = communities.named(community).keys
    activity = stores.activities.find(where, int(number)) if re.fullmatch("[0-9]{1,9}", number) else None
    if activity is None or activity.live.get("commitment", "")[:16] != mark:
        raise UserError("没有这个抽奖的凭证")
    return "".join(proof_of(stores, config, where, activity)).encode()


def _written(activity: Activity, secret: bytes, tickets: Sequence[int]) -> Iterator[str]:
    live, result = activity.live, activity.result
    terms = Terms(activity.number, live["begun"], live["title"], _prizes(live), live["witness"])
    wins = tuple(Win(ticket, prize.name) for ticket, prize, _ in wins_of(activity))
    witnessed = live.get("witnessed", "") if result else ""
    yield Proof(terms, live["commitment"], live["count"], live["list"], witnessed, result.get("seed", ""), wins).head
    yield from (f"{line}\n" for line in _lines(secret, tickets))


def _entries(stores: Stores, where: CommunityKeys, activity: Activity) -> tuple[array[int], array[int]]:
    """Tickets and their members, in order; 8 bytes each."""
    tickets, members, start = array("q"), array("q"), 0
    while page := stores.activities.order(where, activity.number, start=start, count=PAGE):
        for ticket, member in page:
            tickets.append(ticket)
            members.append(member)
        start += PAGE
    return tickets, members


def _lines(secret: bytes, tickets: Sequence[int]) -> Iterator[str]:
    return (line_of(ticket, code_of(secret, ticket)) for ticket in tickets)


# Seeds and terms --------------------------------------------------------------------------------------------------------


def _seal(config: Config) -> Fernet:
    return Fernet(sealing_key(config))


def _open(config: Config, activity: Activity) -> tuple[bytes, bytes]:
    """Seed, and the secret of the tickets' codes."""
    try:
        both = _seal(config).decrypt(activity.live["sealed"].encode())
    except InvalidToken:
        raise UserError("这个抽奖的种子打不开：data_dir 里的 evidence.key 换过了。请放回原来的，或者取消活动（花费会退回）。") from None
    return both[:SEED_BYTES], both[SEED_BYTES:]


def _terms(stage: Stage) -> Terms:
    activity = stage.activity
    begun = stage.now.astimezone(stage.community.zone).strftime("%Y-%m-%d %H:%M:%S %z")
    return Terms(activity.number, begun, " ".join(activity.title.split()), _prizes(activity.spec), activity.spec["witness"])


def _prizes(kept: Mapping[str, Any]) -> tuple[Prize, ...]:
    return tuple(Prize(name, count) for name, count in kept["prizes"])


def _rows(prizes: Sequence[Prize]) -> list[list[Any]]:
    return [[prize.name, prize.count] for prize in prizes]


# Words ------------------------------------------------------------------------------------------------------------------


def _card(stage: Stage, prizes: Sequence[Prize]) -> ButtonInteraction | None:
    """The lottery as a card, where it shows all of it: over a long connection it stands in the place of the words."""
    activity, place = stage.activity, stage.community.id
    title, said = f"抽奖：{activity.title}", said_prizes(prizes)
    small = "\n".join(filter(None, (terms_of(stage), f"公平承诺 {activity.live['commitment']}")))
    if activity.live["witness"] or any(len(text) > most for text, most in zip((title, said, small), FACE, strict=True)):
        return None
    return ButtonInteraction(
        title=title,
        desc=said,
        sub_title=small,
        buttons=(Button(f"参加（{activity.cost} 积分）" if activity.cost else "参加", f"lottery:{place}:{activity.number}"),),
        task=task_of("lottery", place, str(activity.number), activity.live["begun"]),
    )


def _closed(activity: Activity, list_hash: str, count: int) -> Post:
    live = activity.live
    waits = f"还要等公证数：{live['witness']}。公布以后就开奖。" if live["witness"] else "马上开奖。"
    return Post(f"抽奖 {activity.number}「{activity.title}」已截止，{count} 人参加。{waits}\n名单哈希（名单从此不能再改）：\n{list_hash}")


def _nobody(activity: Activity) -> Post:
    return Post(f"抽奖 {activity.number}「{activity.title}」没有人参加，流抽了，奖品留到下一次。")


def _announced(stage: Stage, activity: Activity) -> Post:
    result, prizes = activity.result, _prizes(activity.live)
    winners = winners_of(stage.stores, activity)
    named = _some(winners, MOST_NAMED)
    lines = [f"🎉 抽奖 {activity.number}「{activity.title}」开奖：{result['count']} 人参加，{len(winners)} 人中奖"]
    for prize in prizes:
        names = [f"{_public(stage, one.name)}（{one.ticket} 号）" for one in named if one.prize == prize.name]
        all_of = sum(one.prize == prize.name for one in winners)
        more = f" 等 {all_of} 人" if all_of > len(names) else ""
        lines.append(f"{prize.name}：{'、'.join(names)}{more}" if all_of else f"{prize.name}：没有抽出")
    if (left := sum(prize.count for prize in prizes) - len(winners)) > 0:
        lines.append(f"参加的人比奖品少，{left} 份奖品没有抽出。")
    witnessed = activity.live.get("witnessed", "")
    lines += [f"公证数（{activity.live['witness']}）：{witnessed}"] if witnessed else []
    lines += [f"种子：{result['seed']}", f"名单哈希：{result['list']}", f"核对：说“抽奖 凭证 {activity.number}”，谁都可以重算一遍。"]
    return Post("\n".join(lines), image=_picture(stage, activity, winners), about=tuple(one.member for one in named))


def _picture(stage: Stage, activity: Activity, winners: Sequence[Winner]) -> str:
    prizes, shown = _prizes(activity.live)[:MOST_DRAWN_PRIZES], _some(winners, MOST_DRAWN)
    rows = [
        {
            "name": prize.name[:20],
            "won": sum(one.prize == prize.name for one in winners),
            "of": prize.count,
            "rows": [[one.ticket, _public(stage, one.name)[:16]] for one in shown if one.prize == prize.name],
        }
        for prize in prizes
    ]
    facts = {
        "title": activity.title,
        "community": stage.community.name[:24] if stage.community.is_listed else "",
        "entries": activity.result["count"],
        "winners": len(winners),
        "prizes": [row for row in rows if row["won"]],
        "commitment": _short(activity.live["commitment"]),
        "listed": _short(activity.result["list"]),
        "check": f"说“抽奖 凭证 {activity.number}”核对",
    }
    return drawn("winners", facts, about=tuple(one.member for one in shown))


def _some(winners: Sequence[Winner], most: int) -> list[Winner]:
    """At most so many of those who won, of each prize about equally many, in the order in which they were drawn."""
    seen = Counter[str]()
    turns = list[int]()
    for one in winners:
        turns.append(seen[one.prize])
        seen[one.prize] += 1
    chosen = sorted(sorted(range(len(winners)), key=turns.__getitem__)[:most])
    return [winners[at] for at in chosen]


def _short(digest: str) -> str:
    return f"{digest[:8]}…{digest[-8:]}"


def _public(stage: Stage, name: str) -> str:
    """A winner's name as it may be said to everybody."""
    if not name:
        return NOBODY
    return plain(name) if stage.contents.judge.judge(name).verdict == "pass" else HIDDEN


def _told(activity: Activity) -> list[tuple[int, str]]:
    head = f"🎉 恭喜！你在抽奖 {activity.number}「{activity.title}」里中了"
    return [
        (member, f"{head}“{prize.name}”（号码 {ticket}）。{'积分会自动到账。' if prize.points else '管理员会联系你发奖。'}")
        for ticket, prize, member in wins_of(activity)
    ]
