"""Draws every picture into a folder, to be looked at: ``python -m tools.draw_pictures FOLDER``. Without a folder, those of the documentation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.drawing import Artist, drawn

ROOT = Path(__file__).parent.parent
_LONG = "一个名字特别特别特别特别特别特别特别特别长的群友"
_FAR = "北京市朝阳区望京街道早起跑步读书写作互助交流群（三群）"
_NAMES = ("韩梅梅", "李雷", "Jim Green", "露西", "成员 12", "김철수", _LONG, "L", "王", "😀😀")
_POINTS = (320, 285, 285, 240, 199, 180, 120, 60, 20, 5)
_RANKS = (1, 2, 2, 4, 5, 6, 7, 8, 9, 10)
_CALENDAR = {"nickname": "李雷", "community": "早起读书群", "year": 2026, "month": 11, "streak": 10, "total": 128}
_DAYS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]
_POSTER = {"nickname": "李雷", "community": "早起读书群", "date": "2026 年 11 月 22 日", "sentence": "每天进步一点点，时间会记得你的坚持。"}
_BOARD = {"title": "本周积分榜", "period": "11 月 16 日 – 11 月 22 日", "community": "早起读书群", "size": 128}
_TEN = [{"rank": r, "name": n, "points": p, "own": n == "李雷"} for r, n, p in zip(_RANKS, _NAMES, _POINTS, strict=True)]
_FAR_OFF = {"rank": 1_234_567, "name": "李雷", "points": 15, "own": True}
_RICH = [
    {"rank": 1, "name": "韩梅梅", "points": 1_000_000},
    {"rank": 2, "name": _LONG, "points": 999_999},
    {"rank": 3, "name": "L", "points": 0},
]
_PROGRESS = {"nickname": "李雷", "community": "早起读书群", "title": "21 天早起挑战", "done": 9, "of": 21, "day": 11}
_WINNERS = {
    "title": "十周年抽奖", "community": "早起读书群", "entries": 128, "commitment": "b0f7f159…b3497a1c", "listed": "19939d91…f4125821",
    "check": "说“抽奖 凭证 3”核对",
}  # fmt: skip
_BARS = {"title": "周末活动去哪儿", "subtitle": "投票结果 · 42 人投票", "community": "早起读书群", "voters": 42}
_OPTION = "四十个字的选项要换成两行来写才放得下所以这里写"
_SCORES = {"title": "社群推荐度", "question": "你有多愿意把本社群推荐给朋友？", "community": "早起读书群"}
_ROLL = {"title": "周六爬山", "community": "早起读书群"}
_PODIUM = {"title": "社群常识答题", "community": "早起读书群", "said": "128 人参加 · 10 题 · 个人答题", "of": 10}
_SCORED = [{"rank": at + 1, "name": name, "score": 9_720 - at * 811, "right": 10 - at} for at, name in enumerate(_NAMES)]
_MOOD = {"title": "最近 30 天的情绪", "subtitle": "3,214 条聊天", "community": "早起读书群", "first": "10 月 24 日", "last": "11 月 22 日"}
_REPORT = {"title": "周报", "subtitle": "11 月 16 日 – 11 月 22 日", "community": "早起读书群", "note": "说“周报”随时看最新的"}
_INVITE = {"code": "K3M7PQ", "target": "邀请码 K3M7PQ", "sentence": "扫一扫，来和我们一起", "hint": "进群后对 @小助手 说：邀请码 K3M7PQ"}
_STORY = (
    "今天把家里的旧书整理了一遍，发现十年前买的那本《瓦尔登湖》还夹着当时的书签。\n读书大概就是在不同的年纪 meet the same book again 吧。"
)
_REPLIES = [
    {
        "place": 1,
        "author": "韩梅梅",
        "text": "每天读 20 页，读完写三句话：讲了什么、哪里不同意、明天能用上什么。坚持了两个月。",
        "likes": 26,
    },
    {"place": 2, "author": "李雷", "text": "和孩子一起读，读完互相出题", "likes": 18},
    {"place": 2, "author": "Jim Green", "text": "Audio books on the way to work, then a walk to think about it.", "likes": 18},
    {"place": 4, "author": _LONG, "text": "通勤路上听书" * 20, "likes": 3},
    {"place": 5, "author": "😀😀", "text": "😀", "likes": 0},
]

SHOWN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "calendar": ("calendar", {**_CALENDAR, "days": _DAYS, "made_up": [12], "today": 22}),
    "poster": ("poster", {**_POSTER, "streak": 10, "total": 128, "points": 1560, "rank": 3, "level": "达人"}),
    "board": ("board", {**_BOARD, "top": _TEN}),
    "progress": ("progress", {**_PROGRESS, "days": [1, 2, 3, 4, 6, 7, 8, 9, 10], "sentence": "坚持就是胜利，明天见！"}),
    "winners": (
        "winners",
        {**_WINNERS, "winners": 6}
        | {
            "prizes": [
                {"name": "咖啡券", "won": 3, "of": 3, "rows": [[17, "李雷"], [99, "韩梅梅"], [4, "Jim Green"]]},
                {"name": "马克杯", "won": 1, "of": 1, "rows": [[128, "露西"]]},
                {"name": "50 积分", "won": 2, "of": 2, "rows": [[56, "吴迪"], [71, "一位群友"]]},
            ]
        },
    ),
    "bars": (
        "bars",
        {**_BARS, "note": "最多：爬山"}
        | {"bars": [[1, "爬山", 18, True], [2, "看电影", 14, False], [3, "剧本杀 🎭", 10, False], [4, "在家躺平", 0, False]]},
    ),
    "scores": (
        "scores",
        {**_SCORES, "times": [1, 0, 0, 0, 0, 2, 1, 5, 9, 14, 12], "is_nps": True, "sentence": "n = 44，95% 误差 ±20"}
        | {"nps": {"score": 50, "margin": 19.5, "said": "+50"}},
    ),
    "roll": (
        "roll",
        {**_ROLL, "size": 4, "most": 20}
        | {"rows": [[1, "李雷", "我和孩子两人"], [2, "韩梅梅", "+1"], [3, "Jim Green", "带一箱水"], [4, "露西", "开车，可带 2 人"]]},
    ),
    "podium": (
        "podium",
        {**_PODIUM, "top": _SCORED}
        | {
            "teams": [
                {"rank": 1, "name": "红队", "mean": "6120.5", "members": 64},
                {"rank": 2, "name": "蓝队", "mean": "5980.0", "members": 64},
            ]
        },
    ),
    "mood": (
        "mood",
        {
            **_MOOD,
            "means": [
                62,
                64,
                60,
                None,
                58,
                61,
                63,
                66,
                64,
                60,
                55,
                48,
                41,
                44,
                52,
                58,
                61,
                None,
                None,
                63,
                65,
                62,
                60,
                61,
                64,
                66,
                63,
                60,
                57,
                62,
            ],
            "shares": [8, 6, 10, None, 12, 9, 8, 5, 7, 12, 18, 27, 38, 33, 20, 12, 9, None, None, 8, 6, 9, 10, 8, 6, 4, 7, 9, 13, 8],
            "alarm": 30,
        },
    ),
}
"""The pictures of the documentation by their names: painter and facts."""
EDGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "calendar-six-weeks": (
        "calendar",
        {**_CALENDAR, "nickname": _LONG, "community": _FAR[:24], "month": 8, "days": list(range(1, 32)), "streak": 10**6, "total": 10**6},
    ),
    "calendar-leap-day": (
        "calendar",
        {**_CALENDAR, "nickname": "L", "year": 2028, "month": 2, "days": [], "today": 29, "streak": 0, "total": 0},
    ),
    "calendar-four-weeks": (
        "calendar",
        {**_CALENDAR, "nickname": "😀", "year": 2027, "month": 2, "days": [1, 28], "streak": 1, "total": 2},
    ),
    "poster-long": (
        "poster",
        {**_POSTER, "nickname": _LONG, "community": _FAR, "date": "2028 年 2 月 29 日", "streak": 1000, "total": 10**6, "points": 10**6}
        | {
            "rank": 10**6,
            "level": _LONG,
            "sentence": "路虽远，行则将至；事虽难，做则必成。把每一个平凡的日子过成值得纪念的样子，就是坚持。",
        },
    ),
    "poster-new": ("poster", {**_POSTER, "nickname": "L"}),
    "board-far": ("board", {**_BOARD, "community": _FAR, "top": _RICH, "own": _FAR_OFF, "hint": "距上一名还差 3 分", "size": 10**6}),
    "board-empty": ("board", {**_BOARD, "top": [], "size": 0}),
    "progress-hundred": ("progress", {**_PROGRESS, "title": "100 天写作挑战", "done": 100, "of": 100, "day": 100}),
    "progress-year": ("progress", {**_PROGRESS, "title": _LONG, "done": 120, "of": 365}),
    "progress-first": ("progress", {**_PROGRESS, "title": "7 天", "done": 0, "of": 7, "day": 1}),
    "winners-far": (
        "winners",
        {**_WINNERS, "title": _LONG * 2, "community": _FAR[:24], "entries": 200_000, "winners": 1_000, "check": "说“抽奖 凭证 12345”核对"}
        | {
            "prizes": [
                {"name": _FAR[:20], "won": 993, "of": 993, "rows": [[199_999, _LONG[:16]], [7, "😀😀"], [123_456, "김철수"], [1, "L"]]},
                *({"name": f"第 {n} 种奖品", "won": 1, "of": 300, "rows": [[n, _LONG[:16]]]} for n in range(2, 9)),
            ]
        },
    ),
    "winners-one": (
        "winners",
        {**_WINNERS, "entries": 1, "winners": 1, "prizes": [{"name": "书", "won": 1, "of": 1, "rows": [[1, "王"]]}]},
    ),
    "bars-twenty": (
        "bars",
        {**_BARS, "title": f"{_FAR}：{_FAR}", "community": _FAR, "voters": 300, "note": "2 项并列最多"}
        | {"bars": [[n, _OPTION[: 24 if n % 2 else 8], 300 - max(n, 2) * 14, n < 3] for n in range(1, 21)]},
    ),
    "bars-one": (
        "bars",
        {**_BARS, "title": "😀😀", "subtitle": "1 人投票", "voters": 1, "bars": [[1, "😀😀", 1, True], [2, "김철수", 0, False]]},
    ),
    "scores-worst": (
        "scores",
        {**_SCORES, "title": _LONG * 2, "question": _FAR * 2, "community": _FAR, "times": [40_000, *[0] * 9, 345], "is_nps": True}
        | {"sentence": "n = 40345，95% 误差 ±1", "nps": {"score": -98.3, "margin": 0.9, "said": "−98"}},
    ),
    "scores-few": ("scores", {**_SCORES, "times": [*[0] * 10, 3], "is_nps": True, "sentence": "3 人打分"}),
    "scores-mean": (
        "scores",
        {**_SCORES, "title": "内容偏好", "times": [0, 0, 1, 0, 2, 3, 4, 5, 9, 14, 12], "mean": "8.1", "sentence": "50 人答完"},
    ),
    "roll-long": (
        "roll",
        {
            **_ROLL,
            "title": f"{_FAR}：{_FAR}",
            "community": _FAR,
            "rows": [[n, _LONG[:12], f"{_LONG[:15]}…"] for n in range(281, 301)],
            "size": 300,
        },
    ),
    "roll-empty": ("roll", {**_ROLL, "rows": [], "size": 0}),
    "podium-one": (
        "podium",
        {**_PODIUM, "said": "1 人参加 · 1 题 · 抢答", "of": 1, "top": [{"rank": 1, "name": "王", "score": 15, "right": 1}]},
    ),
    "podium-ties": (
        "podium",
        {**_PODIUM, "title": _LONG * 2, "community": _FAR, "said": "200,000 人参加 · 50 题 · 个人答题", "of": 50}
        | {
            "top": [
                {"rank": 1, "name": _LONG, "score": 1_000_000, "right": 50},
                {"rank": 1, "name": "😀😀", "score": 1_000_000, "right": 50},
                {"rank": 3, "name": "L", "score": 1, "right": 1},
                {"rank": 4, "name": _LONG, "score": 1, "right": 1},
            ],
            "teams": [
                {"rank": 1, "name": "特别特别长的队伍名字", "mean": "123456.123", "members": 200_000},
                {"rank": 1, "name": "b", "mean": "123456.123", "members": 1},
                *({"rank": 3, "name": name, "mean": "0.0", "members": 0} for name in "丙丁戊己"),
            ],
        },
    ),
    "replies": ("replies", {"title": "你最近怎么读书？", "community": "早起读书群", "best": _REPLIES[:3], "people": 18, "total": 23}),
    "replies-far": (
        "replies",
        {"title": _FAR[:24] * 2, "community": _FAR[:24], "best": _REPLIES, "people": 300, "total": 888, "is_over": False},
    ),
    "replies-none": ("replies", {"title": "安静的题目", "community": "", "best": []}),
    "voice": ("voice", {"number": 12, "text": "最近换了新工作，什么都要重新学，有点怕自己跟不上。", "community": "早起读书群"}),
    "voice-long": ("voice", {"number": 10**6, "text": (_STORY * 6)[:300], "parent": 12, "community": _FAR[:24]}),
    "voice-none": ("voice", {"number": 1, "text": "😀"}),
    "mood-one": ("mood", {**_MOOD, "title": "今天的情绪", "means": [0], "shares": [100], "first": "11 月 22 日"}),
    "mood-year": (
        "mood",
        {
            **_MOOD,
            "title": "最近 365 天的情绪",
            "subtitle": "1,234,567 条聊天，一点是一周",
            "community": _FAR[:24],
            "means": [n * 37 % 101 for n in range(53)],
            "shares": [n * 53 % 101 for n in range(53)],
            "alarm": 60,
        },
    ),
    "mood-none": ("mood", {**_MOOD, "means": [None] * 30, "shares": [None] * 30, "community": "😀"}),
    "report": (
        "report",
        {
            **_REPORT,
            "lamps": [
                ["red", "最近 7 天说话的人少了 34%（41 → 27 人）", "在日历里排一次推送或活动"],
                ["yellow", "一半要等 48 分钟以上", ""],
            ],
            "rest": "另有 1 项要留意（说：健康），5 项正常",
            "figures": [
                ["周活 WAU", "27 人", "-34%", "bad", "上周 41 人"],
                ["消息数", "412 次", "+12%", "good", "上周 368 次"],
                ["新成员", "6 人", "持平", "flat", "上周 6 人"],
                ["自助解决率", "86%", "+3.2 点", "good", "上周 83%"],
                ["净推荐值 NPS", "—", "", "grey", "还没有推荐打分"],
            ],
            "trend_name": "每天说话的人",
            "trend": [12, 14, 9, None, 8, 7, 5],
            "past": [16, 18, 14, 15, 17, 12, 11],
            "first": "11 月 16 日",
            "last": "11 月 22 日",
            "heat": "".join(str((day * 7 + hour * 5) % 5) for day in range(7) for hour in range(24)),
            "peak": "周三 20 点最热闹，42 条",
            "questions": [["怎么退款", 23], ["发票怎么开", 17], ["周末的线下活动在哪里报名", 1]],
        },
    ),
    "report-far": (
        "report",
        {
            **_REPORT,
            "subtitle": f"{_FAR[:20]}，截至 11 月 22 日",
            "community": _FAR[:24],
            "lamps": [["red", _LONG * 2, _FAR], ["yellow", _FAR * 2, ""], ["grey", "L", _LONG]],
            "rest": "另有 123 项要留意（说：健康）",
            "figures": [["新成员三十日留存 D30", "1,234,567,890 人", "+1,234,567%", "good", "上月同期 1,234,567,890 人"]] * 5,
            "trend_name": "每天说话的人",
            "trend": [10**9 * (n % 2) for n in range(31)],
            "past": [10**9] * 28,
            "first": "10 月 1 日",
            "last": "10 月 31 日",
            "heat": "4" * 168,
            "peak": "周日 23 点最热闹，1,000,000,000 条",
            "questions": [[_FAR[:24], 10**9], *[["😀😀", 0]] * 4],
        },
    ),
    "report-empty": ("report", {**_REPORT, "community": "😀", "lamps": [["grey", "8 项还看不出来", ""]]}),
    "report-day": (
        "report",
        {
            **_REPORT,
            "title": "数据",
            "figures": [["日活 DAU", "3 人", "", "flat", "前一天 12 人"], ["消息数", "8 次", "", "flat", ""]],
            "trend": [0, 0, 5, 0, 0, 0, 3],
            "trend_name": "最近七天说话的人",
        },
    ),
    "invite": ("invite", {**_INVITE, "nickname": "李雷", "community": "早起读书群"}),
    "invite-long": (
        "invite",
        {**_INVITE, "nickname": _LONG, "community": _FAR, "sentence": _FAR * 2, "hint": _LONG * 2, "target": _LONG * 5},
    ),
    "invite-nobody": ("invite", {**_INVITE, "nickname": "", "community": "😀", "sentence": ""}),
    "gem": (
        "gem",
        {"author": "韩梅梅", "text": _STORY, "title": "我和一本书", "community": "早起读书群", "date": "2026 年 11 月 22 日", "likes": 26},
    ),
    "gem-long": ("gem", {"author": _LONG, "text": (_STORY * 6)[:300], "title": _FAR, "community": _FAR[:24], "date": "2028 年 2 月 29 日"}),
}
"""What is hardest to draw: long names, none, great numbers, odd months."""


def main(words: list[str]) -> None:
    """Writes the PNGs and says their sizes."""
    folder = Path(words[0]) if words else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    artist = Artist()
    for name, (painter, facts) in ({**SHOWN, **EDGES} if words else SHOWN).items():
        data = artist.draw(drawn(painter, facts))
        (folder / f"picture-{name}.png").write_bytes(data)
        print(f"{folder / f'picture-{name}.png'}: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
