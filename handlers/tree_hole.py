"""树洞: words without a name, said to the bot alone and reviewed before others see them. What a member says here is written down nowhere with him."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.activities.asking import desk_of, propose, read_from
from bot.activities.box import EXAMPLE
from bot.activities.meant import addressed, running_of
from bot.context import Context
from bot.errors import UserError
from bot.members import name_of
from bot.message import Message, Reply
from bot.router import Router
from bot.staff import to_staff
from bot.submission_desk import HELP_LINES, SubmissionDesk
from rules.activities import Activity
from rules.lines import one_line
from rules.submissions import STATES
from rules.text import normalise
from storage.moment import to_ms

SAY = "树洞 今天有点难过，想说说话"
USAGE = f"写法是：{SAY}。回应别人说：树洞 回复 12 抱抱你。只在和我单独聊天里说，说了什么和是谁说的都不公开对应。"
NOT_HERE = f"树洞请私聊我说，这里大家都看得到。私聊我这样说：{SAY}"
ASKS_FOR_PEOPLE = frozenset({"请联系我", "联系我", "想找人聊聊", "请管理员联系我", "我想找人聊聊"})
OWN = frozenset({"我的", "我说的", "查看", "进度"})
LISTED = 10
LONGEST_QUESTION = 16
"""Characters of a question about the tree hole itself."""
_MARKS = " \n\t。.!！~～?？…，,"
_HEAD = r"[\W_]*(?:(?:我?[想要]?[对跟和给])(?:匿名)?[树樹]洞[说說讲講]|(?:匿名)?[树樹]洞)[\W_]*"
_BEGINS = re.compile(_HEAD)
_ABOUT = re.compile(
    r"(?:请问|想问)?(?:一下)?(?:这个|现在|这里)?(?:怎么|咋|如何|怎样)(?:使用|用|玩|参加|进|打开|说话|说|弄|投稿|发|关)(?:法|的|呢|啊|呀)*"
    r"|(?:请问|想问)?(?:这个)?(?:是|有)?(?:什么|啥|干[嘛么啥什]么?)(?:意思|东西|活动|用|的|用的|呢|啊)*"
    r"|(?:请问|想问)?(?:入口)?在?(?:哪里|哪儿|哪)(?:说|看|呢|啊)?"
    r"|(?:请问|想问)?(?:这个)?(?:真的|是真的|真|是不是|是|能|可以|会不会|会被?|会)?(?:真的)?(?:匿名|不记名|保密|安全|公开|被看到|被看见|知道是谁)的?[吗嘛么]"
    r"|(?:都有)?(?:谁|哪些人)(?:能|会|可以)?(?:看|看到|看见|看得到|知道)(?:的|呢|啊)?"
    r"|(?:还|现在|还有|有|还在|开着)*(?:在|有|开|开着)?[吗嘛]"
)
_ANSWER = re.compile(r"(?s)(?:回复|回应|答复)\s*#?(\d{1,7})(?:号)?(?![\d.])\s*[:：,，]?\s*(.*)")

LONGEST_SHOWN = 40
"""Characters of a text of one's own in a list."""

router = Router()


def _asks_about(words: str) -> bool:
    """Whether the tree hole itself is asked about, in one of the few ways in which people ask; every other question is what somebody has on his mind."""
    asked = words.strip(_MARKS)
    return len(asked) <= LONGEST_QUESTION and bool(_ABOUT.fullmatch(asked))


def _is_question_about(text: str) -> bool:
    return _asks_about(_said_to_it(text))


def _said_to_it(text: str) -> str:
    """What stands behind the tree hole's name, however it is written."""
    for whole in (text, normalise(text)):
        if found := _BEGINS.match(whole):
            return whole[found.end() :].strip()
    return text.strip()


@router.command("发起树洞", "开树洞", "新建树洞", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起树洞 标题 | 说明 | 每天 3：开一个匿名树洞，可以加 截止"""
    request = read_from(message, ctx, ("每天", "每人"), f"写法是：{EXAMPLE}")
    return propose(message, ctx, "box", request)


@router.command("树洞", "匿名树洞", takes_words=True, unless=_asks_about, is_confidential=True)
def whisper(message: Message, ctx: Context) -> Reply:
    """树洞 想说的话：不留名说说心里话；私聊我说，审核后匿名发到群里；树洞 回复 12 你的话"""
    return _whisper(_said_to_it(message.text), message, ctx)


@router.pattern(_HEAD + r"[\s\S]*", name="树洞：", is_confidential=True, alone=True, unless=_is_question_about)
@router.pattern(r"(?:匿名)?树洞\s*[:,][\s\S]+", name="树洞：", is_confidential=True)
def whisper_at_once(message: Message, ctx: Context) -> Reply:
    """树洞：和想说的话写在一起"""
    return _whisper(_said_to_it(message.text), message, ctx)


@router.command("我的树洞", is_confidential=True, is_hidden=True)
def own(message: Message, ctx: Context) -> Reply:
    """我的树洞：自己说过的和审核进度，只有自己私聊看得到"""
    return _own(ctx) if message.is_private else Reply(NOT_HERE, is_secret=True)


def _whisper(words: str, message: Message, ctx: Context) -> Reply:
    if not message.is_private:
        return Reply(NOT_HERE, is_secret=True)
    if words.strip("。.！!~ ") in ASKS_FOR_PEOPLE:
        return _call_people(ctx)
    if words.strip("。.！!~ ") in OWN:
        return _own(ctx)
    if not words:
        return Reply(USAGE, is_secret=True)
    answer = _ANSWER.fullmatch(words)
    return _keep(answer[2] if answer else words, int(answer[1]) if answer else 0, message, ctx)


def _keep(said: str, parent: int, message: Message, ctx: Context) -> Reply:
    boxes = running_of(ctx, "box")[::-1]  # the newest is meant where nobody says which
    named, text = addressed(said, boxes)
    desk, shelf = desk_of(ctx), SubmissionDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
    if shelf.sounds_of_despair(text):  # before every limit and refusal
        heard = shelf.hear_despair(next(iter(boxes), None), ctx.member, text, once=message.id)
        return Reply(f"{HELP_LINES}\n{heard}", is_secret=True)
    activity = _box_of(parent, named or next(iter(boxes), None), ctx)
    if why := desk.admits(activity, ctx.member):
        raise UserError(why)
    a_day = activity.spec["a_day"]
    handed = shelf.hand_in(activity, ctx.member, text, parent=parent, most_a_day=a_day, example=SAY, once=message.id)
    answer = {
        "ok": "🌳 收下了，谢谢你愿意说。管理员审核后会匿名发出来，他们看不到你是谁。说“我的树洞”看进度。",
        "day": f"今天已经说了 {a_day} 条，明天再来。很难受的时候，可以拨全国统一心理援助热线 12356。",
        "closed": f"“{activity.title}”已经关上了。很难受的时候，可以拨全国统一心理援助热线 12356。",
        "gone": f"没有树洞 {parent}，或者它不在这个树洞里。编号在每条的前面，例如：树洞 回复 12 抱抱你",
        "most": "",
    }[handed.added.outcome]
    return Reply(answer, is_secret=True)


def _box_of(parent: int, meant: Activity | None, ctx: Context) -> Activity:
    """The tree hole that holds what is answered, else the one that is meant. Raises UserError where none is open."""
    found = ctx.stores.submissions.find(ctx.community.keys, parent) if parent else None
    if parent and (found is None or found.kind != "box" or not found.is_shown):
        raise UserError(f"没有树洞 {parent}。编号在每条的前面，例如：树洞 回复 12 抱抱你")
    if meant and not found:
        return meant
    return desk_of(ctx).find_running("box", str(found.activity) if found else "")


def _own(ctx: Context) -> Reply:
    boxes = [one for one in ctx.stores.activities.newest(ctx.community.keys, 20)[1] if one.kind == "box"]
    mine = [said for box in boxes[:3] for said in ctx.stores.submissions.unnamed_of(ctx.community.keys, box.number, ctx.member)]
    if not mine:
        return Reply(f"你最近没有对树洞说过什么。想说的时候私聊我：{SAY}", is_secret=True)
    rows = [
        f"{one.number}. {'只有管理员看到' if one.state in ('help', 'cared') else STATES[one.state]}：{one_line(one.text, LONGEST_SHOWN)}"
        for one in mine[:LISTED]
    ]
    return Reply("你对树洞说过的（只有你看得到）：\n" + "\n".join(rows), is_secret=True)


@router.follow
def stand_beside(message: Message, ctx: Context, replies: Sequence[Reply]) -> Reply | None:
    """Says where help is beside whatever else was answered, where somebody tells the bot alone that he despairs, and not the tree hole."""
    del replies
    if not (ctx.is_unclaimed and message.is_private and message.text) or message.event:
        return None
    shelf = SubmissionDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
    return Reply(HELP_LINES, is_secret=True) if shelf.sounds_of_despair(message.text) else None


def _call_people(ctx: Context) -> Reply:
    """A member gives his name of his own will, so that people may talk to him."""
    name, now_ms = name_of(ctx.stores, ctx.member), to_ms(ctx.now())
    said = f"🆘 {name}（成员 {ctx.member}）希望有人找他聊聊，是他自己在树洞里说的。请尽快私聊他，态度温和，不要在群里提起。"
    id = f"box:{ctx.community.id}:call:{ctx.member}:{ctx.today().isoformat()}"
    posts = to_staff(ctx.stores, ctx.config, ctx.community, said, id=id, now_ms=now_ms, about=(ctx.member,))
    if not posts:
        return Reply(
            "这里没有能马上通知到的管理员，请直接联系群主，或拨全国统一心理援助热线 12356；有危险请拨 120 或 110。", is_secret=True
        )
    ctx.stores.outbox.enqueue(ctx.community.shard, posts, now_ms)
    waits = "我已经把你的名字告诉管理员，请他们找你。我不能保证他们多快看到；急的话请拨 12356，有危险请拨 120 或 110，或请身边的人陪着你。"
    return Reply(waits, is_secret=True)
