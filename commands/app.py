"""``app``: what an app of your own does at once: a message, its recall, its chats, its menu."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click

from commands.build import now
from commands.opening import config_option, load_config, stores_of


@click.group()
def app() -> None:
    """自建应用：立刻发一条消息、撤回、管理它建的群和它的菜单。"""


@app.command("send")
@config_option
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.option("--to", "users", multiple=True, help="成员的 userid，可以写多次；@all 是应用可见范围内的所有人")
@click.option("--party", "parties", multiple=True, help="部门编号，可以写多次")
@click.option("--tag", "tags", multiple=True, help="标签编号，可以写多次")
@click.option("--chat", default="", help="发到应用自己建的这个群")
@click.option("--text", default="", help="文字；太长会分成几条")
@click.option("--markdown", default="", help="Markdown；太长会分成几条")
@click.option("--file", "at", type=click.Path(path_type=Path, dir_okay=False), default=None, help="图片、语音、视频或文件，按内容判断")
@click.pass_obj
def send_by_app(
    path: Path, later: Path | None, name: str, users: tuple[str, ...], parties: tuple[str, ...], tags: tuple[str, ...], chat: str,
    text: str, markdown: str, at: Path | None,
) -> None:  # fmt: skip
    """立刻发出，写出没有送到谁，以及撤回时要用的编号。"""
    from bot.app_api import Receivers
    from bot.app_cli import announce, content_of, messages_of, missed_lines, open_app, record, say

    if not (text or markdown or at):
        raise click.UsageError("写明要说什么：--text、--markdown 或 --file")
    if bool(chat) == bool(users or parties or tags):
        raise click.UsageError("写明发给谁：--to、--party、--tag，或者只写 --chat")
    said, content, path = messages_of(text, markdown), content_of(at) if at else None, later or path
    to = None if chat else Receivers(users, parties, tags)
    with stores_of(path) as stores:
        found = open_app(load_config(path), stores.database, name, now)
        if to is None:
            say(found, chat, said, content)
            click.echo("已发到群里。群消息不能撤回。")
            return
        results = announce(found, to, said, content)
        id = record(stores.events, found, results, "", now())
    for line in dict.fromkeys(line for result in results for line in missed_lines(result)):
        click.echo(f"✗ {line}", err=True)
    click.echo(f"已发出 {len(results)} 条。24 小时内可以撤回：python run.py app recall {id}")
    sys.exit(0 if all(result.is_whole for result in results) else 1)


@app.command("recall")
@config_option
@click.argument("id")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def recall_message(path: Path, later: Path | None, id: str, yes: bool) -> None:
    """撤回应用发出的消息（24 小时内）。ID 是发出时写出的编号，或 log 里 outbound 那一行的消息编号。"""
    from bot.app_cli import open_app
    from bot.recall import recall

    path = later or path
    with stores_of(path) as stores:
        if not yes:
            click.confirm(f"将从所有收到的人那里撤回 {id}，继续吗？", abort=True)
        config = load_config(path)
        count = recall(stores.events, lambda name: open_app(config, stores.database, name, now).api, id, now())
    click.echo(f"已撤回 {count} 条。")


@app.command("menu")
@config_option
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.option("--remove", is_flag=True, help="去掉菜单")
@click.pass_obj
def put_menu(path: Path, later: Path | None, file: IO[str] | None, name: str, remove: bool) -> None:
    """换上 FILE（YAML）里的菜单：一个列表，每项有 name，以及 command（点了就像说了这个命令）、url 或 entries（下一层）。"""
    from bot.app_api import parse_menu
    from bot.app_cli import open_app
    from bot.errors import UserError
    from rules.content_file import ContentProblem, read

    if (file is None) != remove:
        raise click.UsageError("写明菜单文件，或者 --remove")
    path = later or path
    with stores_of(path) as stores:
        found = open_app(load_config(path), stores.database, name, now)
        if file is None:
            found.api.remove_menu()
            click.echo("已去掉菜单。")
            return
        try:
            entries = parse_menu(read(file.read()))
        except ContentProblem as problem:
            raise UserError(f"菜单文件读不了：{problem}") from problem
        found.api.put_menu(entries)
    click.echo(f"已换上 {len(entries)} 个入口的菜单，成员下次打开应用时看到。")


@app.group("chat")
def app_chat() -> None:
    """应用建的群：要求应用的可见范围是整个企业，成员都是企业内部的人。"""


@app_chat.command("create")
@config_option
@click.argument("title")
@click.argument("users", nargs=-1, required=True)
@click.option("--owner", default="", help="群主的 userid，默认第一个成员")
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def create_chat(path: Path, later: Path | None, title: str, users: tuple[str, ...], owner: str, name: str) -> None:
    """建一个群：TITLE 是群名，USERS 是成员的 userid（2 到 2000 人）。同样的群名和成员再建一次，还是那个群。"""
    from bot.app_cli import open_app

    path = later or path
    with stores_of(path) as stores:
        chats = open_app(load_config(path), stores.database, name, now).chats
        chat = chats.create(title, users, owner=owner or users[0], once="|".join((title, *sorted(users))))
    click.echo(f"{chat}\n群在第一条消息之后才会出现：python run.py app send --chat {chat} --text 大家好")


@app_chat.command("list")
@config_option
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def list_chats(path: Path, later: Path | None, name: str) -> None:
    """应用建过的群：编号和群名。"""
    from bot.app_cli import open_app

    path = later or path
    with stores_of(path) as stores:
        for chat, title in open_app(load_config(path), stores.database, name, now).chats.remembered().items():
            click.echo(f"{chat}  {title}")


@app_chat.command("update")
@config_option
@click.argument("chat")
@click.option("--title", default="", help="新群名")
@click.option("--owner", default="", help="新群主的 userid")
@click.option("--add", multiple=True, help="加入的成员，可以写多次")
@click.option("--remove", multiple=True, help="移出的成员，可以写多次")
@click.option("--app", "name", default="", help="应用的渠道名，默认第一个")
@click.pass_obj
def update_chat(
    path: Path, later: Path | None, chat: str, title: str, owner: str, add: tuple[str, ...], remove: tuple[str, ...], name: str
) -> None:
    """改群名、换群主、加人、移出人；写出现在的群主和人数。"""
    from bot.app_cli import open_app

    path = later or path
    with stores_of(path) as stores:
        chats = open_app(load_config(path), stores.database, name, now).chats
        chats.update(chat, name=title, owner=owner, add=add)
        if remove:
            gone = chats.remove(chat, remove)
            click.echo(f"已移出 {len(gone)} 人。")
        found = chats.get(chat)
    click.echo(f"{found.id}  {found.name}  群主 {found.owner}，共 {len(found.users)} 人")
