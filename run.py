"""Where everything starts: the commands there are, and how one ends. ``python run.py --help`` lists what it can do.

What builds the bot is in ``commands/build.py``. **A new command** is a function in a file of ``commands/`` and a name in ``COMMANDS``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.app import app
from commands.archive import archive
from commands.ask import ask
from commands.backup import backup, restore
from commands.build import HERE, build, create_web, metrics_folder, watch
from commands.check import check
from commands.console import console_link
from commands.content import content
from commands.demo import demo
from commands.experiments import experiments
from commands.faq import faq
from commands.figures import figures
from commands.files import explain
from commands.judge import judge
from commands.log import log, log_level
from commands.lottery import lottery
from commands.members import members
from commands.migrate import migrate
from commands.models import models
from commands.opening import load_config, start_logs
from commands.outbox import outbox
from commands.people import erase, export, rehire
from commands.points import points
from commands.rehearse import rehearse
from commands.serve import clock, mood, serve, web
from commands.shop import shop
from commands.traits import traits
from commands.usage import explain_usage
from commands.webhook import webhook
from commands.worker import worker

if TYPE_CHECKING:
    from flask import Flask

# In the order of the help and of the documentation.
COMMANDS: tuple[click.Command, ...] = (
    serve, web, worker, mood, clock, demo, archive, log, export, erase, rehire, console_link, webhook, content, members, points, shop,
    lottery, rehearse, figures, experiments, traits, faq, ask, judge, models, check, log_level, backup, restore, migrate,
    outbox, app,
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    envvar="BOT_CONFIG",
    default=HERE / "config.yaml",
    help="配置文件，默认 config.yaml",
)
@click.pass_context
def main(context: click.Context, path: Path) -> None:
    """群管家：企业微信里的社群运营助手。"""
    context.obj = path


for command in COMMANDS:
    main.add_command(command)


def granian_app() -> Flask:
    """The web application as a granian worker builds it."""
    from bot.processes import die_with_parent
    from bot.serving_fast import is_leaving

    die_with_parent()
    config = load_config(Path(os.environ["BOT_CONFIG"]))
    start_logs(config)
    bot = build(config, "web")
    watch(bot)
    app = create_web(bot)
    app.extensions["is_leaving"] = lambda: is_leaving(metrics_folder(config))
    return app


def entry() -> None:
    """Runs a command; what was explained ends with exit code 1, wrong usage with 2."""
    try:
        main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(1)
    except click.exceptions.NoArgsIsHelpError as asking:
        asking.show()
        sys.exit(2)
    except click.UsageError as wrong:
        click.echo(explain_usage(wrong), err=True)
        sys.exit(2)
    except click.ClickException as wrong:
        click.echo(f"✗ {wrong.format_message()}", err=True)
        sys.exit(1)
    except Exception as error:
        problems = _explained(error)
        if not problems:
            raise
        for problem in problems:
            click.echo(f"✗ {problem}", err=True)
        sys.exit(1)


def _explained(error: Exception) -> Sequence[str]:
    """What to say about a failure that has an explanation. Looked up only then: ``ask`` need not wait for a Redis client that it never uses."""
    from bot.cures import cure
    from bot.errors import ApiError, StartError, UserError
    from storage.connection import StorageAway
    from storage.embedded import EmbeddedServerError
    from storage.events import LogElsewhere
    from storage.snapshot import NoSnapshot

    if isinstance(error, StartError):
        return error.problems
    if isinstance(error, OSError) and (problem := explain(error)):
        return (problem,)
    if isinstance(error, ApiError):
        return (cure(error),)
    if isinstance(error, StorageAway):
        return (
            f"{error}。看 Redis 是不是在运行、连不连得上，redis.url（或 BOT_REDIS_URL）的地址和密码对不对；python run.py check 会逐项试一遍",
        )
    return (str(error),) if isinstance(error, UserError | EmbeddedServerError | LogElsewhere | NoSnapshot) else ()


if __name__ == "__main__":
    entry()
