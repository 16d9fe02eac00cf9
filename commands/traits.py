"""``traits``: what segments know of members, worked out anew."""

from __future__ import annotations

from pathlib import Path

import click

from commands.build import now, private_folder
from commands.files import shown
from commands.opening import chosen_community, config_option, load_config, stores_of


@click.group()
def traits() -> None:
    """画像：群体和推送知道的成员情况"""


@traits.command()
@click.option("-c", "--community", "id", default="", help="社群的编号；不写就是全部")
@config_option
@click.pass_obj
def rebuild(path: Path, later: Path | None, id: str) -> None:
    """把每个成员的情况重新读一遍。平时不需要：事件每 5 秒读一次，每天每人还会重看一遍"""
    from bot.communities import Communities
    from bot.live import LiveContents
    from bot.traits import Filler
    from rules.text import Words

    config = load_config(later or path)
    if id:
        chosen_community(config, id)
    with stores_of(later or path) as stores:
        words = Words(private_folder(config, "jieba"))
        live = LiveContents(stores.content, stores.directory, words, is_eager=False, faq_folder=private_folder(config, "faq"))
        live.refresh()
        filler = Filler(stores, config, live.current, Communities(config, stores.groups, stores.shards), now())
        for community in filler.places():
            if id not in ("", community.id):
                continue
            total, done = stores.roster.count(community.keys), 0
            if total:
                with shown(community.name) as step:
                    for done in filler.rebuild(community):
                        step(done, total)
                click.echo(f"{community.name}：{done} 人")
