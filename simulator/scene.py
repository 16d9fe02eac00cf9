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
from pathlib import Path
from typing import Any

import yaml

MAIN, ADMINS = "wrDEMOmain", "wrDEMOadmin"
BOSS = "boss"
READY_WITHIN_S = 120.0

_NAMES = (
    "李雷", "韩梅梅", "王小明", "张伟", "刘洋", "陈静", "杨帆", "赵敏", "黄磊", "周婷", "吴迪", "徐丽", "孙浩", "马超", "朱琳",
    "胡杰", "郭芳", "何鑫", "高远", "林悦", "罗刚", "郑爽朗", "梁晨", "谢宁", "宋佳音", "唐果", "许诺", "韩冬", "冯唐诗", "邓小雨",
)  # fmt: skip
_WORDS = (
    "签到", "怎么退款", "签到", "你好呀，我是新来的", "我的积分", "发票怎么开", "签到", "帮助", "什么时候发货", "签到",
    "群规是什么", "签到", "积分怎么用", "大家周末都看什么书？", "签到", "活动什么时候开始", "签到", "签到", "怎么联系人工", "签到",
    "今天天气真不错", "签到", "我的积分", "可以邀请朋友进来吗", "签到", "签到", "怎么退款", "签到", "谢谢小助手", "签到",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody says in the main group."""

    user: str
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Both sides' configuration files, the bot's data folder, and the opening lines."""

    bot_config: Path
    data: Path
    simulator_config: Path
    lines: tuple[Line, ...]


def set_stage(folder: Path, port: int, *, starting_content: Path) -> Stage:
    """Writes both configurations below ``folder``; secrets are made once and kept there, readable by the owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = _secrets(folder / ".env")
    content = folder / "content"
    if not content.exists():
        shutil.copytree(starting_content, content)
        (content / "pushes.yaml").write_text(_PUSHES, encoding="utf-8")
    bot, simulator = folder / "config.yaml", folder / "simulator.yaml"
    _write(bot, _bot_config(port))
    _write(simulator, _simulator_config(port, kept))
    lines = tuple(Line(f"user{n:02d}", words) for n, words in enumerate(_WORDS, 1))
    return Stage(bot, folder / _DATA, simulator, lines)


def wait_until_ready(port: int) -> bool:
    """Waits until the bot answers on ``port``; False when it does not in two minutes."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until:
        if _ask(port, "GET", "/readyz") == 200:
            return True
        time.sleep(0.1)
    return False


def speak(port: int, lines: Sequence[Line]) -> None:
    """Lets people speak in the main group, each mentioning the bot, through the pretend WeCom on ``port``."""
    for line in lines:
        said = {"user": line.user, "text": line.text, "chat": MAIN, "channel": "assistant", "mention": True}
        _ask(port, "POST", "/_/say", json.dumps(said))


def _ask(port: int, method: str, path: str, body: str = "") -> int:
    """The status of one request to this machine; 0 when nobody answers."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(method, path, body.encode(), {"Content-Type": "application/json"})
        return line.getresponse().status
    except OSError:
        return 0
    finally:
        line.close()


def _secrets(file: Path) -> dict[str, str]:
    kept = dict(line.split("=", 1) for line in file.read_text().split()) if file.exists() else {}
    made = {f"DEMO_{name}_TOKEN": secrets.token_urlsafe(18) for name in _CALLBACKS}
    made |= {f"DEMO_{name}_KEY": _aes_key() for name in _CALLBACKS}
    made |= {f"DEMO_{name}": secrets.token_urlsafe(24) for name in ("DESK_SECRET", "CUSTOMERS_SECRET", "WEBHOOK", "ADMIN_WEBHOOK")}
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


_CALLBACKS = ("ASSISTANT", "DESK", "CUSTOMERS", "ROBOT")
_CORP = "wwDEMO0123456789"
_DATA = "bot"
_PUSHES = """\
# 演示用的推送：每两分钟一条，好让人看见它到来。
- id: tip
  cron: "*/2 * * * *"
  community: "*"
  grace_minutes: 1
  text: |-
    📮 **小贴士**（演示里每两分钟一条）
    对我说“签到”领积分，说“帮助”看全部功能。
"""


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
                }
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

    people = [{"user": f"user{n:02d}", "name": name} for n, name in enumerate(_NAMES, 1)]
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
                {"id": MAIN, "name": "悦读社 · 主群", "members": [BOSS, *everyone], "webhook_key": kept["DEMO_WEBHOOK"]},
                {"id": ADMINS, "name": "悦读社 · 管理群", "members": [BOSS], "webhook_key": kept["DEMO_ADMIN_WEBHOOK"]},
            ],
        },
    )


def _variable(name: str) -> str:
    return f"${{DEMO_{name}}}"


def _yaml(comment: str, tree: Mapping[str, Any]) -> str:
    return f"# {comment}\n{yaml.safe_dump(dict(tree), allow_unicode=True, sort_keys=False)}"
