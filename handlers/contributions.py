"""征稿: members hand in works, moderators review what is handed in – works, doubtful replies to topics, words of the tree hole – and feature the best."""

from __future__ import annotations

import re

from bot.activities.asking import desk_of, honours, propose, read_from
from bot.activities.contest import EXAMPLE
from bot.activities.meant import addressed
from bot.activities.written import authors_of
from bot.context import Context
from bot.errors import UserError
from bot.members import plain
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from bot.submission_desk import PAGE, WORDS, Judged, SubmissionDesk
from rules.numerals import whole
from rules.questions import asks_about, is_question
from rules.submissions import STATES
from storage.activities import Entry
from storage.submissions import Submission

SAY = "投稿 我和一本书：十年前买的《瓦尔登湖》还夹着当时的书签"
USAGE = f"写法是：{SAY}。图片可以和文字一起发。"
REVIEW = "写法是：审稿 编号 通过/精华/退回 理由，例如：审稿 5 通过、审稿 5 精华 写得真好、审稿 5 退回 请补充出处。只说“审稿”看全部。"
WAITS_S = 600
"""How long what is said next is taken for a work."""
SHORT = 15
"""Characters below which it is asked whether words are a work: good ones are that short, and so is most of what people say otherwise."""
_ENOUGH = re.compile(
    r"(?:还是|那|先|我)*(?:算了|取消|不[投发写用要]了?|没有|没了|下次|改天|以后|[等待一过]+会|稍[后等]|晚点|明天|[点发打写弄说]错|误[点触]|手滑).{0,8}"
    r"|(?:不好意思|抱歉|对不起).{0,10}"
)
_CHAT = frozenset({
    "好", "好的", "好吧", "好嘞", "嗯", "嗯嗯", "行", "可以", "收到", "知道了", "明白", "明白了", "谢谢", "谢谢你", "多谢",
    "ok", "在吗", "你好", "哈哈", "哈哈哈",
})  # fmt: skip
"""What is said in between, and leaves the question open."""
_VERDICT = re.compile(rf"({'|'.join(sorted(WORDS, key=len, reverse=True))})(?:[\s:：,，、;；。.!！]+(.*))?", re.DOTALL)
TAKES_DOWN = "撤下"

router = Router()


# Members ------------------------------------------------------------------------------------------------------------------


@router.command("发起征稿", "新建征稿", "创建征稿", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起征稿 标题 | 说明 | 截止 周日20:00 | 奖励 20：征集大家的作品"""
    request = read_from(message, ctx, ("奖励", "每人"), f"写法是：{EXAMPLE}。还可以加：每人 5")
    return propose(message, ctx, "contest", request)


@router.command("投稿", "我要投稿", takes_words=True, unless=asks_about)
def submit(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投稿 内容：把作品（文字、图片、链接）交给正在进行的征稿"""
    parts = message.text.split(None, 1)
    return _submit(parts[1].strip() if len(parts) > 1 else "", message, ctx)


@router.pattern(r"投稿\s*[:,][\s\S]+", name="投稿：")
def submit_at_once(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投稿：和内容写在一起"""
    return _submit(message.text.strip()[2:].lstrip(" :：,，\n"), message, ctx)


def _may_be_work(words: str, choices: tuple[str, ...]) -> bool:
    del choices
    return not is_question(words) and words.strip("。.！!~～ ").lower() not in _CHAT


@router.open_prompt("submit", accepts=_may_be_work, pictures=True)
def submit_by_words(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投稿：被问到之后说的话、发的图片就是稿子"""
    words = ctx.args[0]
    if message.attachments:
        return _submit(words, message, ctx)
    if _ENOUGH.fullmatch(words.strip("。！!~ ")):
        return Reply("好的，想投了再说“投稿”。")
    if len(words) < SHORT:
        said = f"这几个字就是稿子吗？是的话说：投稿 {plain(words)}\n不是的话接着发，不投了说“取消”。"
        return Reply(said, prompt=Prompt("submit", (), life_s=WAITS_S), note={"outcome": "short"})
    return _submit(words, message, ctx)


@router.command("我的投稿", "我的稿子", "投稿进度")
def show_own(message: Message, ctx: Context) -> Reply:
    """我的投稿：自己的稿子审得怎么样了，作者等级到了哪里"""
    return Reply(_shelf(ctx).own(ctx.member))


@router.command("精华列表", "精华作品", "精华墙", takes_words=True)
def show_gallery(message: Message, ctx: Context) -> Reply:
    """精华列表：评为精华的作品"""
    return _gallery(ctx.args[0] if ctx.args else "1", ctx)


@router.pattern(r"精华\s*(?:列表|作品)\s*(\d{0,4})", name="精华 列表")
def show_gallery_at_once(message: Message, ctx: Context) -> Reply:
    """精华列表：和“精华”分开写"""
    return _gallery(ctx.args[0] or "1", ctx)


def _gallery(page: str, ctx: Context) -> Reply:
    number = whole(page, 9_999)
    if number is None:
        raise UserError("写法是：精华列表 页数，例如：精华列表 2。只说“精华列表”看最新的。")
    said, about = _shelf(ctx).gallery(number)
    return Reply(said, about=about)


def _submit(words: str, message: Message, ctx: Context) -> Reply | list[Reply]:
    desk, shelf = desk_of(ctx), _shelf(ctx)
    running = [one for one in ctx.stores.activities.running(ctx.community.keys) if one.kind == "contest"]
    named, text = addressed(words, running)
    activity = named or desk.find_running("contest", chat=message.chat, among=running)
    pictures = sum(one.kind == "image" for one in message.attachments)
    if not text and not pictures:
        said = f"✍️ “{activity.title}”正在征稿，请把作品发给我（文字、图片都可以），或者写在一起：{SAY}"
        return Reply(said, prompt=Prompt("submit", (), life_s=WAITS_S), note={"activity": activity.number})
    shelf.check(text, pictures, SAY)
    entered = desk.enter(activity, ctx.member, Entry(""), once=message.id)
    if entered.outcome not in ("ok", "same", "already"):
        return Reply(desk.words_of(entered, activity), note={"activity": activity.number, "outcome": entered.outcome})
    handed = shelf.hand_in(
        activity, ctx.member, text, pictures=pictures, most=activity.spec["each"], example=SAY, once=message.id
    )  # fmt: skip
    note = {"activity": activity.number, "outcome": handed.added.outcome, "submission": handed.added.number}
    if handed.added.outcome == "most":
        return Reply(f"“{activity.title}”每人最多 {activity.spec['each']} 篇，你已经投满了。说“我的投稿”看进度。", note=note)
    if handed.added.outcome != "ok":
        return Reply(f"“{activity.title}”已经截止了。说“活动 结果 {activity.number}”看结果。", note=note)
    gained = f"积分 +{entered.points}。" if entered.outcome == "ok" and entered.points else ""
    kept = "图片请在群里也发一份，审核时好对照。" if pictures and message.is_private else ""
    said = f"✍️ 收到你的稿子 {handed.added.number}，审核结果会私聊告诉你。{gained}{kept}说“我的投稿”看进度。"
    return [Reply(said, note=note, counts=("submissions",)), *honours(ctx, entered, once=f"{activity.number}|{message.id}")]


# Reviewers ----------------------------------------------------------------------------------------------------------------


@router.command("审稿", "审核", role="moderator", takes_words=True, private=True, is_common=True)
def review(message: Message, ctx: Context) -> Reply:
    """审稿 编号 通过/精华/退回 理由：审核投稿、话题和树洞；只说“审稿”看等着的"""
    if not ctx.args:
        return _list(ctx)
    number, words = whole(ctx.args[0].lstrip("#＃").removesuffix("号"), 9_999_999), " ".join(ctx.args[1:])
    if number is None:
        raise UserError(REVIEW)
    shelf = _shelf(ctx)
    if not words:
        return _whole(shelf.get(number), shelf)
    verdict = _VERDICT.fullmatch(words)
    if verdict is None or (not verdict[2] and message.text.rstrip().endswith(("?", "？"))):
        raise UserError(REVIEW)
    return _decide(number, verdict[1], verdict[2] or "", message, ctx)


@router.prompt("review")
def choose(message: Message, ctx: Context) -> Reply:
    """审稿：用数字决定刚看的稿子"""
    if not may(ctx.role, "moderator"):
        raise UserError("这个命令只有版主和管理员可以用。")
    number, word = ctx.args[0].split(" ")
    return _decide(int(number), word, "", message, ctx)


def _list(ctx: Context) -> Reply:
    shelf, total = _shelf(ctx), ctx.stores.submissions.count_waiting(ctx.community.keys)
    waiting = ctx.stores.submissions.waiting(ctx.community.keys, PAGE)
    if not waiting:
        return Reply("没有等待审核的稿子。审过的可以再看，例如：审稿 5")
    more = f"\n……还有 {total - len(waiting)} 篇" if total > len(waiting) else ""
    rows = "\n".join(shelf.lines(waiting))
    first = waiting[0].number
    said = f"{ctx.community.name} · 等待审核 {total} 篇：\n{rows}{more}\n看全文：审稿 {first}；处理：审稿 {first} 通过"
    return Reply(said, about=authors_of(waiting))


def _whole(one: Submission, shelf: SubmissionDesk) -> Reply:
    match one.state:
        case "help":
            words: tuple[str, ...] = ("已联系",)
        case "cared":
            return Reply(shelf.whole(one))
        case "waiting":
            words = ("通过", "退回") if one.kind == "box" else ("通过", "精华", "退回")
        case "approved":
            words = ("撤下",) if one.kind == "box" else ("精华", "撤下")
        case "featured":
            words = ("撤下",)
        case _:
            words = ("通过",)
    rows = "\n".join(f"{at}. {word}" for at, word in enumerate(words, 1))
    said = f"{shelf.whole(one)}\n\n回复数字：\n{rows}\n要写理由请说：审稿 {one.number} 退回 请补充出处"
    return Reply(said, prompt=Prompt("review", tuple(f"{one.number} {word}" for word in words)), about=authors_of([one]))


def _decide(number: int, word: str, why: str, message: Message, ctx: Context) -> Reply:
    shelf, decision = _shelf(ctx), WORDS[word]
    if word == TAKES_DOWN and shelf.get(number).state == "waiting":
        raise UserError(f"{number} 号还没有让大家看到，不用撤下。可以说：审稿 {number} 退回 请补充出处")
    done = shelf.review(number, decision, ctx.actor, why, once=message.id)
    note = {"submission": number, "review": decision if done.is_done else "kept"}
    if not done.is_done:
        return Reply(f"{number} 号{STATES[done.reviewed.before]}，不能再改成“{STATES[decision]}”。", note=note)
    return Reply(_told(done), image=done.image, note=note)


def _told(done: Judged) -> str:
    found = done.found
    if found.state == "help":
        return f"{found.number} 号记为关心过了。谢谢你。"
    points = f"作者积分 +{done.points}。" if done.points else ""
    step = f"作者成为「{done.step}」。" if done.step else ""
    told = "已私聊告诉作者。" if found.author else "作者没有留名，他说“我的树洞”能看到。"
    unseen = "" if done.is_posted or not done.image else "群里没有能发的地址，请自己转到群里。"
    return f"{found.number} 号：{STATES[done.reviewed.before]} → {STATES[done.decision]}。{points}{step}{told}{unseen}"


def _shelf(ctx: Context) -> SubmissionDesk:
    return SubmissionDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
