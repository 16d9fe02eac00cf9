"""docs/configuration.md, made from the models of bot/config.py.

Write it with ``python -m tools.config_docs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.config import CHANNEL_MODELS, CommunityConfig, Config

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

_HEAD = """\
# 配置

<!-- 由 tools/config_docs.py 从 bot/config.py 生成，不要手改：python -m tools.config_docs -->

所有设置都在 `config.yaml` 里，每一项都有稳妥的默认值：不改也能启动。用 `--config 路径` 或环境变量 `BOT_CONFIG` 换一个文件。
文件里写的相对路径从它所在的文件夹算起；只写了键、没写值的行取默认值。

- **密钥**写成 `"${变量名}"`，启动时从环境变量取值。可以这样写的只有密钥、Webhook、`bot_id` 和 `redis.url`，也可以只占一部分：
  `"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${MAIN_KEY}"`。直接写出的密钥启动时会警告，`python run.py check` 视为问题。
- **环境变量 `BOT_REDIS_URL`** 优先于 `redis.url`。
- **写错了**，程序不启动，并一次列出所有问题：在第几行、哪一项、错在哪里、怎么改。改完先运行 `python run.py check`。
"""

_CHANNELS_HEAD = """\
## channels

{description}。每项一个渠道，由 `kind` 决定要写哪些键；回调地址是 `/wecom/渠道名`。
"""

_COMMUNITIES_HEAD = """\
## communities

{description}。每项是一个社群。
"""


def render() -> str:
    """The page's text: one table for each group of settings."""
    return "\n".join(_blocks())


def _blocks() -> Iterator[str]:
    yield _HEAD
    tops = Config.model_fields
    plain = {name: known for name, known in tops.items() if not _section(known) and name not in ("channels", "communities")}
    yield _table("## 顶层", plain)
    for name, known in tops.items():
        if section := _section(known):
            yield _table(f"## {name}\n\n{_first_line(section)}", section.model_fields)
    yield _CHANNELS_HEAD.format(description=tops["channels"].description)
    for kind, model in CHANNEL_MODELS.items():
        yield _table(f"### kind: {kind}\n\n{_first_line(model)}", model.model_fields)
    yield _COMMUNITIES_HEAD.format(description=tops["communities"].description)
    yield _table(_first_line(CommunityConfig), CommunityConfig.model_fields)


def _section(known: FieldInfo) -> type[BaseModel] | None:
    annotation = known.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _first_line(model: type[BaseModel]) -> str:
    return str(model.__doc__).splitlines()[0]


def _table(head: str, fields: Mapping[str, FieldInfo]) -> str:
    ordered = sorted(fields.items(), key=lambda field: "kind" in fields and field[0] not in ("name", "kind"))
    rows = [f"| `{name}` | {_kind_of(known)} | {_default_of(known)} | {known.description} |" for name, known in ordered]
    return "\n".join([head, "", "| 键 | 类型 | 默认值 | 含义 |", "|---|---|---|---|", *rows, ""])


def _kind_of(known: FieldInfo) -> str:
    return _kind(known.annotation) + _range(known)


def _kind(annotation: Any) -> str:
    """A type in an operator's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return "、".join(f"`{choice}`" for choice in inner)
    if origin is Union:
        return _kind(inner[0])
    if origin is tuple:
        return f"{_kind(inner[0])}的列表"
    if origin is dict:
        return f"一组键值：{_kind(inner[0])} → {_kind(inner[1])}"
    return {str: "文字", int: "整数", float: "数字", bool: "`true` 或 `false`", SecretStr: "文字，可写 `${…}`", Any: "任意值"}[annotation]


def _range(known: FieldInfo) -> str:
    """The bounds of a number: （1–65535）, （大于 0）, or nothing."""
    bounds = {name: getattr(mark, name) for mark in known.metadata for name in ("gt", "ge", "le") if hasattr(mark, name)}
    if "ge" in bounds:
        return f"（{bounds['ge']}–{bounds['le']}）"
    return f"（大于 {bounds['gt']}）" if "gt" in bounds else ""


def _default_of(known: FieldInfo) -> str:
    if known.is_required():
        return "**必填**"
    default = known.default.get_secret_value() if isinstance(known.default, SecretStr) else known.default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default or default == 0 else "空"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
