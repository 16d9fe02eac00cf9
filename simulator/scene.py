"""The demo's stage: a community of thirty, the secrets both sides share, and what has already been said when the curtain rises."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from simulator.opening import ADMINS, BOSS, MAIN, NAMES, PHOTOS, STARTERS, Entry, Line, history, opening, user_of

READY_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Both sides' configuration files, the bot's data folder, the community's past as a sheet, and what is to happen at the start.

    ``opened`` is there once everything that happens only once has happened.
    """

    bot_config: Path
    data: Path
    simulator_config: Path
    history: Path
    opened: Path
    lines: tuple[Line | Entry, ...]


def set_stage(folder: Path, port: int, *, starting_content: Path) -> Stage:
    """Writes both configurations below ``folder``; secrets are made once and kept there, readable by the owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = _secrets(folder / ".env")
    content = folder / "content"
    if not content.exists():
        shutil.copytree(starting_content, content)
        (content / "pushes.yaml").write_text(_pushes(datetime.now(_ZONE).date()), encoding="utf-8")
        _start_by_itself(content / "flows" / "newcomer.yaml")
    bot, simulator = folder / "config.yaml", folder / "simulator.yaml"
    _write(bot, _bot_config(port))
    _write(simulator, _simulator_config(port, kept))
    sheet, opened = folder / "members.csv", folder / "opened"
    if not sheet.exists():
        _write(sheet, history(datetime.now(_ZONE).date()))
    lines = tuple(line for line in opening() if not (opened.exists() and isinstance(line, Line) and line.once))
    return Stage(bot, folder / _DATA, simulator, sheet, opened, lines)


def wait_until_ready(port: int) -> bool:
    """Waits until the bot answers on ``port``; False when it does not in two minutes."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if _ask(port, "GET", "/readyz")[0] == 200:
            return True
        time.sleep(0.1)
    return False


def speak(port: int, lines: Sequence[Line | Entry]) -> None:
    """Lets people come in and speak, in groups each mentioning the bot, through the pretend WeCom on ``port``."""
    heard = ""
    for line in lines:
        if isinstance(line, Entry):
            _ask(port, "POST", "/_/act", json.dumps({"act": "join", "user": line.user, "name": line.name, "group": MAIN}))
            continue
        text = line.text.format(line.reads(heard)) if line.reads else line.text
        said = {"user": line.user, "text": text, "chat": line.chat or None, "channel": "assistant", "mention": True}
        _, answer = _ask(port, "POST", "/_/say", json.dumps(said))
        heard = str(json.loads(answer)["text"]) if answer else ""


def _ask(port: int, method: str, path: str, body: str = "") -> tuple[int, bytes]:
    """The status and the body of one request to this machine; 0 when nobody answers."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(method, path, body.encode(), {"Content-Type": "application/json"})
        answer = line.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        line.close()


def _start_by_itself(flow: Path) -> None:
    """The newcomers' flow begins when somebody joins, so that a visitor need not ask for it."""
    shipped = flow.read_text(encoding="utf-8")
    flow.write_text(shipped.replace("  on: []\n", "  on: [joined, first_message]\n"), encoding="utf-8")


def _secrets(file: Path) -> dict[str, str]:
    kept = dict(line.split("=", 1) for line in file.read_text().split()) if file.exists() else {}
    made = {f"DEMO_{name}_TOKEN": secrets.token_urlsafe(18) for name in _CALLBACKS}
    made |= {f"DEMO_{name}_KEY": _aes_key() for name in _CALLBACKS}
    made |= {f"DEMO_{name}": secrets.token_urlsafe(24) for name in (*_SECRETS, *_WEBHOOKS)}
    made |= kept  # a later version may need more of them
    _write(file, "".join(f"{name}={value}\n" for name, value in made.items()))
    return made


def _aes_key() -> str:
    while True:
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        if key.isalnum():  # the console gives letters and digits only
            return key


def _write(file: Path, text: str) -> None:
    # A new file each time, so that its mode is ours from the first byte on.
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    fresh.replace(file)


_SECRETS, _WEBHOOKS = ("DESK_SECRET", "CUSTOMERS_SECRET"), ("WEBHOOK", "ADMIN_WEBHOOK", "STARTERS_WEBHOOK")
_CALLBACKS = ("ASSISTANT", "DESK", "CUSTOMERS", "ROBOT")
_ZONE = ZoneInfo("Asia/Shanghai")
_CORP = "wwDEMO0123456789"
_DATA = "bot"
_AGE_S = 200 * 86_400
"""Who joins now is no founder of the groups."""
_PUSHES = """\
# 演示用的推送：每两分钟一条，好让人看见它到来；还有几条，让日历里有东西看。
- id: tip
  title: 小贴士
  cron: "*/2 * * * *"
  community: main
  grace_minutes: 1
  text: |-
    📮 **小贴士**（演示里每两分钟一条）
    说“签到”领积分，“商城”看能换什么，“任务”看还能怎么攒。
- id: lesson
  title: 每日一课
  cron: "0 20 * * *"
  days: workdays
  column: 每日一课
  community: main
  text: |-
    📚 **每日一课**：先把问题写清楚，再问。说清做了什么、看到什么、想要什么，别人一次就能帮到你。
- id: live
  title: 直播预告
  at: {live} 15:00
  community: main
  text: |-
    🎬 今天下午三点直播，讲怎么用好社群，{{nickname}}记得来！
- id: notes
  title: 直播笔记
  at: {live} 15:40
  community: main
  text: |-
    📝 直播里说的三件事：先写清楚问题，一天只做一件事，做完了告诉大家。
- id: sale
  title: 周年庆
  at: {sale} 10:00
  marketing: true
  community: main
  enabled: false
  text: |-
    🎉 周年庆全场八折，只有这一天。
"""


def _pushes(today: date) -> str:
    return _PUSHES.format(live=today + timedelta(days=3), sale=today + timedelta(days=8))


def _bot_config(port: int) -> str:
    def callback(name: str, kind: str, **more: object) -> dict[str, object]:
        upper = name.upper()
        return {"name": name, "kind": kind, "token": _variable(f"{upper}_TOKEN"), "aes_key": _variable(f"{upper}_KEY"), **more}

    return _yaml(
        "演示的配置：每次启动重写。",
        {
            "server": {"host": "127.0.0.1", "port": port, "processes": 2},
            "redis": {"url": "embedded"},
            "wecom": {"corp_id": _CORP, "api_base": f"http://127.0.0.1:{port + 1}"},
            "bot_name": "小助手",
            "admins": [BOSS],
            "channels": [
                callback("assistant", "aibot"),
                callback("desk", "app", agent_id=1000002, secret=_variable("DESK_SECRET")),
                callback("customers", "contact", secret=_variable("CUSTOMERS_SECRET")),
                callback("robot", "robot"),
            ],
            "communities": [
                {
                    "id": "main",
                    "name": "悦读社",
                    "groups": [MAIN],
                    "webhook": _variable("WEBHOOK"),
                    "admin_group": ADMINS,
                    "admin_webhook": _variable("ADMIN_WEBHOOK"),
                },
                {"id": "starters", "name": "新手群", "groups": [STARTERS], "webhook": _variable("STARTERS_WEBHOOK")},
                {"id": "photos", "name": "摄影小组", "groups": [PHOTOS]},
            ],
            "content": "content",
            "data_dir": _DATA,
            "moderation": {"dry_run": False},
        },
    )


def _simulator_config(port: int, kept: Mapping[str, str]) -> str:
    def callback(name: str, kind: str, **more: object) -> dict[str, object]:
        upper = name.upper()
        return {"name": name, "kind": kind, "token": kept[f"DEMO_{upper}_TOKEN"], "aes_key": kept[f"DEMO_{upper}_KEY"], **more}

    people = [{"user": user_of(n), "name": name} for n, name in enumerate(NAMES, 1)]
    everyone = [person["user"] for person in people]
    return _yaml(
        "假的企业微信的配置：每次启动重写。",
        {
            "bot": f"http://127.0.0.1:{port}",
            "corp_id": _CORP,
            "bot_name": "小助手",
            "channels": [
                callback("assistant", "aibot"),
                callback("desk", "app", agent_id=1000002, secret=kept["DEMO_DESK_SECRET"]),
                callback("customers", "contact", secret=kept["DEMO_CUSTOMERS_SECRET"]),
                callback("robot", "robot"),
            ],
            "admins": [BOSS],
            "people": [{"user": BOSS, "name": "王店长", "admin": True}, *people],
            "groups": [
                {"id": MAIN, "name": "悦读社 · 主群", "members": [BOSS, *everyone], "webhook_key": kept["DEMO_WEBHOOK"], "age_s": _AGE_S},
                {"id": ADMINS, "name": "悦读社 · 管理群", "members": [BOSS], "webhook_key": kept["DEMO_ADMIN_WEBHOOK"], "age_s": _AGE_S},
                {
                    "id": STARTERS,
                    "name": "新手群",
                    "members": [BOSS, *everyone[15:20]],
                    "webhook_key": kept["DEMO_STARTERS_WEBHOOK"],
                    "age_s": _AGE_S,
                },
                {"id": PHOTOS, "name": "摄影小组", "members": [BOSS, *everyone[24:30]]},
            ],
        },
    )


def _variable(name: str) -> str:
    return f"${{DEMO_{name}}}"


def _yaml(comment: str, tree: Mapping[str, Any]) -> str:
    return f"# {comment}\n{yaml.safe_dump(dict(tree), allow_unicode=True, sort_keys=False)}"
