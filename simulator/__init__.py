"""A pretend WeCom for the demo and the tests: an outside party that shares no code with the bot.

::

    pretend = PretendWeCom(config, now=clock)
    with serve(pretend) as server:            # REST, chat page and control on one loopback port
        pretend.bot_url = "http://127.0.0.1:8080"
        result = pretend.say("lilei", "签到", chat="wrMAIN")
"""

from __future__ import annotations

from simulator.config import Channel, Group, Person, SimulatorConfig, parse_config, read_config
from simulator.courier import CallbackResult
from simulator.pretend import PretendWeCom
from simulator.server import Server, serve

__all__ = [
    "CallbackResult",
    "Channel",
    "Group",
    "Person",
    "PretendWeCom",
    "Server",
    "SimulatorConfig",
    "parse_config",
    "read_config",
    "serve",
]
