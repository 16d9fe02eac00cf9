"""``python run.py check``: everything that would keep the bot from working, each with its cure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from bot.config import AibotWsChannel, Config
from bot.errors import StartError
from bot.ports import is_free, who_listens
from rules import contents
from rules.contents import ContentProblem
from storage.connection import StorageAway
from storage.embedded import EmbeddedServerError
from storage.stores import Stores


def find_problems(config: Config, open_stores: Callable[[], AbstractContextManager[Stores]]) -> tuple[list[str], list[str]]:
    """All problems, and notes that are worth knowing, in Chinese."""
    problems = [f"{where}：直接写出了密钥。改成 ${{变量名}}，由环境变量给出" for where in config.literal_secrets]
    problems += _content(config)
    notes = _channels(config)
    if not is_free(config.server.host, config.server.port):
        notes.append(f"端口 {config.server.port} 正被使用：{who_listens(config.server.port)}（机器人正在运行时是正常的）")
    try:
        with open_stores() as stores:
            more_problems, more_notes = _redis(config, stores)
    except (StorageAway, StartError, EmbeddedServerError) as error:
        return [*problems, f"Redis：{error}。检查 redis.url 与服务是否启动"], notes
    return problems + more_problems, notes + more_notes


def _content(config: Config) -> list[str]:
    found = []
    for kind in contents.KINDS.values():
        file = config.content_path / kind.file
        if not file.exists():
            continue
        try:
            contents.parse(kind, file.read_text(encoding="utf-8"))
        except (ContentProblem, UnicodeDecodeError, OSError) as error:
            found += [f"{kind.file}：{line}" for line in str(error).splitlines()]
    return found


def _channels(config: Config) -> list[str]:
    if not config.channels:
        return ["还没有渠道：机器人能启动，但听不到任何消息。在 config.yaml 的 channels 里加一个"]
    base = config.server.public_url or f"http://{config.server.host}:{config.server.port}"
    notes = [
        f"渠道 {channel.name}（{channel.kind}）：回调地址 {base}/wecom/{channel.name}"
        for channel in config.channels
        if not isinstance(channel, AibotWsChannel)
    ]
    notes += [
        f"渠道 {channel.name}：长连接还不能使用，这个版本会跳过它" for channel in config.channels if isinstance(channel, AibotWsChannel)
    ]
    if not config.server.public_url:
        notes.append("server.public_url 空着：企业微信要能从公网访问回调地址")
    return notes


def _redis(config: Config, stores: Stores) -> tuple[list[str], list[str]]:
    problems, notes = [], []
    appendonly, appendfsync, policy = (stores.database.setting(name) for name in ("appendonly", "appendfsync", "maxmemory-policy"))
    if appendonly is None or policy is None:
        notes.append("Redis：它不让查看设置（托管服务常见），请自行确认 appendonly 是 yes、maxmemory-policy 是 noeviction")
    elif appendonly != "yes":
        problems.append("Redis：没有打开 AOF（appendonly no），重启会丢消息。在 redis.conf 里写 appendonly yes")
    elif appendfsync != "always":
        notes.append(f"Redis：appendfsync 是 {appendfsync}，断电时可能丢最后一秒；要一条不丢，改成 always")
    if policy not in (None, "noeviction"):
        problems.append(f"Redis：maxmemory-policy 是 {policy}，内存满时会悄悄丢数据。改成 noeviction")
    notes.append(f"密钥：证据密钥在 {config.data_path / 'evidence.key'}，请与数据一起备份")
    if unlisted := stores.groups.all():
        notes.append(
            f"未列入配置的群 {len(unlisted)} 个（只答不推）：{'、'.join(list(unlisted)[:10])}。要推送，把它们写进 communities；"
            "想留住已有的积分，就把 id 也写成这个 chatid"
        )
    return problems, notes
