"""``python -m simulator --port 8081 --config FILE [--bot URL] [--record FILE]``"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from _thread import start_new_thread
from pathlib import Path
from threading import Event

from simulator.config import read_config
from simulator.pretend import PretendWeCom
from simulator.server import serve


def main() -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    args = _arguments().parse_args()
    try:
        pretend = PretendWeCom(read_config(args.config), record=args.record)
        server = serve(pretend, args.port)
    except (OSError, ValueError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    pretend.bot_url = args.bot or pretend.bot_url
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # a signal may come while this thread holds the event's lock: whoever sets it from here would wait for himself
        signal.signal(number, lambda *_: start_new_thread(stop.set, ()))
    print(f"pretend WeCom on {server.url}/demo/ for the bot at {pretend.bot_url}", flush=True)
    if pretend.link:
        print(f"its long connection is on {pretend.link.url}", flush=True)
    parent = os.getppid()
    while not stop.wait(0.5) and (not args.with_parent or os.getppid() == parent):
        pass
    server.close()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A pretend WeCom with a chat page, on 127.0.0.1 only.")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--config", type=Path, required=True, help="YAML: corp_id, channels, people, groups")
    parser.add_argument("--bot", default="", help="the bot's address; overrides the file")
    parser.add_argument("--record", type=Path, default=None, help="append every exchange to this file as JSON lines")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started it is gone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
