"""``lottery``: the proof of a lottery as a file, and whether one holds."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from commands.opening import chosen_community, config_option, load_config, stores_of

MOST_BYTES = 16_000_000
"""Of a proof: 200,000 tickets have half of it."""


@click.group()
def lottery() -> None:
    """抽奖：导出凭证，核对凭证。"""


@lottery.command("proof")
@config_option
@click.option("--community", "-c", default="", help="社群 id；只有一个社群时不用写")
@click.argument("number", type=click.IntRange(1, 10**9))
@click.pass_obj
def write_proof(path: Path, later: Path | None, community: str, number: int) -> None:
    """写出活动 NUMBER 的抽奖凭证（UTF-8 文本，到标准输出）：里面没有人名，可以公开。"""
    from bot.activities.lottery import proof_of
    from bot.communities import listed_community
    from bot.errors import UserError

    config = load_config(later or path)
    listed = chosen_community(config, community)
    with stores_of(later or path) as stores:
        where = listed_community(listed, stores.shards).keys
        activity = stores.activities.find(where, number)
        if activity is None:
            raise click.ClickException(f"社群 {listed.id} 没有活动 {number}")
        try:
            for piece in proof_of(stores, config, where, activity):
                click.echo(piece.encode(), nl=False)
        except UserError as wrong:
            raise click.ClickException(str(wrong)) from wrong


@lottery.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--commitment", default="", help="开始时群里公布的承诺，也一起核对")
@click.option("--list-hash", default="", help="截止时群里公布的名单哈希，也一起核对")
@click.option("--ticket", type=click.IntRange(1, 10**9), default=None, help="自己的号码，和 --code 一起写")
@click.option("--code", default="", help="自己的校验码")
def verify_proof(file: Path, commitment: str, list_hash: str, ticket: int | None, code: str) -> None:
    """重算抽奖凭证 FILE：承诺、名单、中奖的人都对退出码 0，有一处不对退出码 1 并说是第几行。不读配置，也不连任何服务。"""
    from rules.lottery import verify

    if bool(ticket) != bool(code):
        raise click.UsageError("--ticket 和 --code 要一起写，例如：--ticket 17 --code 9f86d081884c7d65")
    found = verify(_text(file), commitment=commitment, list_hash=list_hash, ticket=ticket or 0, code=code)
    for finding in found:
        where = f"第 {finding.line} 行：" if finding.line else ""
        click.echo(f"{'✓' if finding.is_right else '✗'} {where}{finding.text}")
    if not all(finding.is_right for finding in found):
        click.echo("凭证不成立。", err=True)
        sys.exit(1)
    click.echo("凭证成立。" + ("" if commitment and list_hash else "请再用 --commitment 和 --list-hash 与群里公布的比一比。"))


def _text(file: Path) -> str:
    if file.stat().st_size > MOST_BYTES:
        raise click.ClickException(f"{file.name} 大于 {MOST_BYTES // 1_000_000} MB，不是抽奖凭证")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name} 不是 UTF-8 文本") from None
