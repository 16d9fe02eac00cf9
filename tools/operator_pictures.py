"""Takes the pictures of docs/operators from a demo that runs: ``python -m tools.operator_pictures PORT``.

Best from one that began a minute ago (``run.py demo --data`` some fresh folder): then everybody's figures are those of its history. The page is as
narrow as a phone, and only what the picture is about is shown: some messages of a chat, or the upper part of a page of the console. The machine needs
a font with emoji (Debian: fonts-noto-color-emoji).
"""

from __future__ import annotations

import http.client
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from simulator.opening import ADMINS, BOSS, MAIN

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "operators" / "images"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT, SCALE = 430, 1_400, 1.5
COLOURS = 128
MOST_BYTES = 150_000
"""Of a picture in the documentation."""
SHOWN_MS = 20_000
LATER_MS = 90_000
"""How long what comes by itself (a common welcome waits 45 s) may take."""
LOOKS_EACH_MS = 100
"""How often it is looked whether something is there; the browser's own way is with each frame, for which it draws one."""

_ENTRY = "[...document.querySelectorAll('.entry')]"
_MESSAGE = "entry.querySelector('[data-testid=message]')"
_KEEP = f"""({{after, finds, more}}) => {{
  window.fetch = Response.prototype.json = () => new Promise(() => {{}});
  const all = {_ENTRY};
  const at = finds ? all.findLastIndex((entry) => entry.textContent.includes(finds)) : -1;
  const isAnswer = at > 0 && {_MESSAGE.replace("entry", "all[at]")}.dataset.via !== 'webhook';
  const before = isAnswer && {_MESSAGE.replace("entry", "all[at - 1]")}?.dataset.from !== 'bot' ? at - 1 : at;
  const kept = all.filter((entry, n) => finds ? n >= before && n <= at + more : Number(entry.dataset.id) > after && {_MESSAGE}?.dataset.via !== 'webhook');
  for (const entry of all) if (!kept.includes(entry)) entry.remove();
  document.querySelectorAll('.divider').forEach((line) => line.remove());
  return kept.length;
}}"""

_LINK = f"""(after) => {_ENTRY}.filter((entry) => Number(entry.dataset.id) > after)
  .map((entry) => entry.textContent.match(/http\\S+login#[\\w-]+/)?.[0]).find(Boolean)"""
_SHOWN = """({text, bottom}) => [...document.querySelectorAll('main *')].some((one) => one.textContent.includes(text)
  && one.getBoundingClientRect().height > 0 && one.children.length === 0 && one.getBoundingClientRect().top < bottom)"""
_BOXES = f"{_ENTRY}.map((entry) => entry.getBoundingClientRect().toJSON())"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: what somebody says in a chat ('' is the single chat) and is answered; or, if nothing, the message that ``finds`` is in.

    ``shows`` has to stand in it. ``more``: so many messages after it belong to it. ``later``: it comes by itself some time after the start, by day only.
    """

    name: str
    user: str
    chat: str
    says: tuple[str, ...] = ()
    shows: str = ""
    finds: str = ""
    more: int = 0
    later: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A picture of a page of the console, below ``/console/in/main/``: its first ``height`` px. ``shows`` has to stand in it."""

    name: str
    path: str
    shows: str
    height: int


SHOTS = (
    Shot("welcome", "user01", MAIN, finds="欢迎 安然", shows="说“新人任务”", later=True),
    Shot("flow", "fresh04", "", ("新人任务", "能做到"), "任务一"),
    Shot("flow-funnel", BOSS, ADMINS, ("流程 漏斗 新人任务",), "最近 30 天"),
    Shot("check-in", "user03", MAIN, finds="「一周不断」", shows="升级啦"),
    Shot("make-up", "user24", MAIN, ("补签",), "补上了"),
    Shot("calendar", "user29", MAIN, ("签到日历",), "你签到了"),
    Shot("challenges", "user10", MAIN, ("挑战",), "读书笔记"),
    Shot("challenge", "user11", MAIN, finds="“读书笔记”打卡成功", shows="第 1/14 天"),
    Shot("progress", "user17", MAIN, ("打卡进度",), "1/21"),
    Shot("challenge-list", BOSS, ADMINS, ("挑战名单 1",), "参加"),
    Shot("points", "user01", "", ("我的积分", "积分明细"), "期初余额"),
    Shot("transfer", "user27", MAIN, finds="已送给李雷", shows="20 积分"),
    Shot("give", BOSS, ADMINS, ("发积分 @高远 20 帮忙布置会场",), "+20"),
    Shot("tasks", "user05", MAIN, ("任务",), "今天可以这样攒积分"),
    Shot("level", "user13", MAIN, ("等级",), "升到"),
    Shot("badges", "user28", MAIN, ("勋章",), "快到手的"),
    Shot("thanks", "user02", MAIN, finds="感谢了 李雷", shows="一共被感谢"),
    Shot("featured", BOSS, MAIN, finds="「精华作者」", shows="精华"),
    Shot("board", "user07", MAIN, ("排行榜",), "第一名"),
    Shot("poster", "user28", MAIN, ("海报",), "你的海报"),
    Shot("shop", "user22", "", ("商城",), "积分商城"),
    Shot("exchange", "user26", MAIN, ("我的订单",), "待处理"),
    Shot("stock", BOSS, ADMINS, ("商城 盘点",), "商城盘点"),
    Shot("orders", BOSS, ADMINS, ("订单",), "等待处理的订单"),
    Shot("order", BOSS, "", ("订单 3",), "纪念 T 恤"),
    Shot("member", BOSS, ADMINS, ("成员 @李雷",), "累计获得"),
    Shot("tags", BOSS, ADMINS, ("标签 列表", "标签 读书会"), "有标签"),
    Shot("activity-new", BOSS, ADMINS, finds="投票（活动 2）的预览", shows="现在开始"),
    Shot("activities", "user10", MAIN, ("活动",), "现在的活动"),
    Shot("activity", "user23", MAIN, ("活动 3",), "徒步"),
    Shot("poll", "user18", "", ("投票",), "湖边徒步"),
    Shot("poll-result", "user02", MAIN, ("投票 结果 1",), "67%"),
    Shot("chain", "user23", MAIN, finds="周六湖边徒步报名（5/20 人）", shows="排上了"),
    Shot("chain-list", "user09", MAIN, ("接龙 名单",), "我和孩子两人"),
    Shot("survey", "user05", "", ("问卷",), "推荐给朋友"),
    Shot("survey-result", BOSS, ADMINS, ("问卷 结果 9",), "NPS"),
    Shot("lottery", "user03", MAIN, finds="抽奖 5「周末咖啡抽奖」开始了", shows="公平承诺"),
    Shot("lottery-join", "user07", MAIN, ("抽奖 号码 5",), "校验码"),
    Shot("lottery-result", "user29", MAIN, ("抽奖 结果 4",), "种子"),
    Shot("quiz", "user02", MAIN, finds="你加入了蓝队", shows="第 1/3 题"),
    Shot("quiz-result", "user28", MAIN, ("答题 排名",), "🥇"),
    Shot("quiz-review", "user28", "", ("答题 解析",), "解析"),
    Shot("topic", "user05", MAIN, ("话题",), "饭要热着吃"),
    Shot("topic-like", "user09", MAIN, finds="2 号现在有 3 个赞", shows="赞 2"),
    Shot("box", "user12", "", ("我的树洞",), "周末总不知道找谁吃饭"),
    Shot("box-review", BOSS, ADMINS, finds="已通过。作者没有留名", more=1, shows=" 通过"),
    Shot("submissions", BOSS, ADMINS, ("审稿", "审稿 6"), "复利"),
    Shot("submission-featured", BOSS, ADMINS, finds="5 号：等待审核 → 精华", more=1, shows="写得真诚"),
    Shot("works", "user15", "", ("我的投稿",), "城南旧事"),
    Shot("invite", "user01", MAIN, ("邀请",), "你的邀请码"),
    Shot("invited", "user01", "", ("我的邀请",), "你邀请了"),
    Shot("report", "user10", "", ("举报 @高远 老在群里发兼职广告",), "收到，谢谢你告诉我们"),
    Shot("cases", BOSS, ADMINS, finds="待处理的案件", more=1, shows="举报 1 人"),
    Shot("claim", "fresh02", "", finds="我是李雷邀请的", more=1, shows="李雷"),
    Shot("words-add", BOSS, ADMINS, ("词库 添加 坏坏坏、臭臭臭 辱骂 3",), "已添加 2 个"),
    Shot("words-wide", BOSS, ADMINS, ("词库 添加 今天 广告", "2"), "太宽了"),
    Shot("words-try", BOSS, ADMINS, ("词库 测试 你这个傻·逼",), "去掉中间的符号"),
    Shot("segment", BOSS, ADMINS, ("群体 看 积分 >= 100 且 兑换次数 = 0",), "积分至少 100 分"),
)
LOOKS = (
    Look("console-members", "members", "李雷", 640),
    Look("console-points", "points", "杨帆", 760),
    Look("console-shop", "shop", "纪念 T 恤", 930),
    Look("console-activities", "activities", "周末咖啡抽奖", 1_040),
    Look("console-activity-new", "activities/new/poll", "谁能参加", 1_210),
    Look("console-poll", "activities/1", "谁选了什么", 1_195),
    Look("console-lottery", "activities/4", "要发的奖品", 1_260),
    Look("console-survey", "activities/9", "到现在为止", 1_100),
    Look("console-submission", "submissions/6", "复利", 640),
    Look("console-case", "cases/1", "发错群了", 1_250),
    Look("console-invitations", "invitations", "要过邀请码", 740),
    Look("console-calendar", "calendar?kind=push", "直播预告", 1_300),
    Look("console-push", "calendar?new=1", "什么时候", 850),
    Look("console-ahead", "calendar/ahead", "挤在一起", 900),
    Look("console-segment", "segments/one?id=never-ordered", "积分至少 100 分", 640),
    Look("console-segment-wrong", "segments/one?text=lvel >= 3 and silent_days > 7d", "是不是 level？", 420),
    Look("console-words", "words?kind=advert", "引流推广", 860),
)


def take(
    browser: Browser, port: int, folder: Path | None = FOLDER, shots: Sequence[Shot] = SHOTS, looks: Sequence[Look] = LOOKS
) -> list[Path]:
    """Takes pictures from the demo on ``port``; gives the files. Raises AssertionError where one would not show what it is for.

    Without a folder it only looks whether they could be taken, in half the time, and gives none.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE if folder else 1, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(SHOWN_MS)
    taken = [file for shot in shots for file in _take(page, port, folder, shot)]
    if looks:
        _log_in(page, port)
        taken += [file for look in looks for file in _look(page, port, folder, look)]
    context.close()
    return taken


def _take(page: Page, port: int, folder: Path | None, shot: Shot) -> list[Path]:
    chat = shot.chat or f"single|assistant|{shot.user}"
    after = _last_id(port, chat)
    for text in shot.says:
        _ask(port, "POST", "/_/say", {"user": shot.user, "text": text, "chat": shot.chat or None, "channel": "assistant", "mention": True})
    page.goto(f"http://127.0.0.1:{port}/demo/?who={shot.user}&chat={quote(chat)}")
    wanted, patience_ms = shot.finds or shot.shows, LATER_MS if shot.later else SHOWN_MS
    try:
        page.wait_for_function(
            "(text) => document.querySelector('#talk').textContent.includes(text)", arg=wanted, timeout=patience_ms, polling=LOOKS_EACH_MS
        )
    except PlaywrightTimeout:
        raise AssertionError(f"{shot.name}: “{wanted}” did not come; there is: {page.locator('#talk').inner_text()[-600:]}") from None
    kept = page.evaluate(_KEEP, {"after": after, "finds": shot.finds, "more": shot.more})
    page.wait_for_function(
        "[...document.querySelectorAll('.entry img')].every((img) => img.complete && img.naturalWidth > 0)", polling=LOOKS_EACH_MS
    )
    boxes = page.evaluate(_BOXES)
    said = page.locator("#talk").inner_text()
    assert shot.shows in said, f"{shot.name}: “{shot.shows}” is not in what is shown: {said[:300]}"
    top, bottom = boxes[0]["top"] - 6, boxes[-1]["bottom"] + 10
    assert len(boxes) == kept, f"{shot.name}: the page drew anew"
    assert 0 < top < bottom <= HEIGHT, f"{shot.name} is cut"
    taken = _keep(page, folder, shot.name, top, bottom)
    assert page.evaluate(_BOXES) == boxes, f"{shot.name}: the page moved while its picture was taken"
    return taken


def _log_in(page: Page, port: int) -> None:
    """By the link that the owner asks for."""
    chat = f"single|assistant|{BOSS}"
    after = _last_id(port, chat)
    _ask(port, "POST", "/_/say", {"user": BOSS, "text": "控制台", "chat": None, "channel": "assistant"})
    page.goto(f"http://127.0.0.1:{port}/demo/?who={BOSS}&chat={quote(chat)}")
    link = page.wait_for_function(_LINK, arg=after, polling=LOOKS_EACH_MS).json_value()
    page.goto(str(link))
    page.get_by_test_id("enter").click()
    page.get_by_test_id("me").wait_for(state="attached")


def _look(page: Page, port: int, folder: Path | None, look: Look) -> list[Path]:
    page.goto(f"http://127.0.0.1:{port}/console/in/main/{look.path}")
    page.wait_for_function("() => [...document.images].every((img) => img.complete)", polling=LOOKS_EACH_MS)
    box = page.locator("main").bounding_box()
    assert box, f"{look.name}: no page"
    top, bottom = box["y"], min(look.height, box["y"] + box["height"])
    shown = page.evaluate(_SHOWN, {"text": look.shows, "bottom": bottom})
    assert shown, f"{look.name}: “{look.shows}” is not in what is shown"
    return _keep(page, folder, look.name, top, bottom)


def _keep(page: Page, folder: Path | None, name: str, top: float, bottom: float) -> list[Path]:
    """A picture with few colours: a fifth of its size, and nobody sees the difference."""
    if folder is None:
        return []
    shown, file = page.screenshot(clip={"x": 0, "y": top, "width": WIDTH, "height": bottom - top}), folder / f"{name}.png"
    with Image.open(io.BytesIO(shown)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
    return [file]


def _last_id(port: int, chat: str) -> int:
    posts = _ask(port, "GET", f"/_/posts?chat={quote(chat)}", None)["posts"]
    return max((post["id"] for post in posts), default=0)


def _ask(port: int, method: str, path: str, body: object) -> dict[str, list[dict[str, int]]]:
    """What the pretend WeCom beside the demo answers."""
    line = http.client.HTTPConnection("127.0.0.1", port + 1, timeout=20)
    try:
        # a request without a body brings none: what a server leaves unread resets the connection when it closes it
        line.request(method, path, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
        found: dict[str, list[dict[str, int]]] = json.loads(line.getresponse().read())
        return found
    finally:
        line.close()


def main(words: Sequence[str]) -> int:
    """``PORT [NAME…]``; gives the exit code."""
    if not words or not words[0].isdecimal():
        print("usage: python -m tools.operator_pictures PORT [NAME…], with a fresh `run.py demo --port PORT` running", file=sys.stderr)
        return 2
    shots = [shot for shot in SHOTS if shot.name in words[1:] or not words[1:]]
    looks = [look for look in LOOKS if look.name in words[1:] or not words[1:]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for file in take(browser, int(words[0]), shots=shots, looks=looks):
            print(f"{file}: {file.stat().st_size // 1024} KB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
