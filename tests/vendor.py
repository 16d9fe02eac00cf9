"""A double of WeCom's own REST server, as far as sending goes: answers by script, remembers every request."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

Step = dict[str, Any] | Callable[[], Response]


@dataclass
class Vendor:
    """``base`` is its address. ``script[path]`` holds answers for the next requests to a path; then ``{"errcode": 0}``."""

    base: str = ""
    tokens: int = 0
    valid: set[str] = field(default_factory=set)
    token_delay_s: float = 0.0
    script: dict[str, deque[Step]] = field(default_factory=lambda: defaultdict(deque))
    seen: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self, path: str) -> list[Any]:
        """The bodies of all requests to a path, in order."""
        with self.lock:
            return [body for at, _, body in self.seen if at == path]

    def queries(self, path: str) -> list[dict[str, str]]:
        """The queries of all requests to a path, in order."""
        with self.lock:
            return [query for at, query, _ in self.seen if at == path]

    def will(self, path: str, *steps: Step) -> None:
        """Plans the next answers of a path."""
        self.script[path].extend(steps)


@contextmanager
def vendor() -> Iterator[Vendor]:
    """A running double on a port of its own."""
    app, double = Flask("vendor"), Vendor()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    @app.route("/cgi-bin/<path:path>", methods=["GET", "POST"])
    def answer(path: str) -> Any:
        query = request.args.to_dict()
        with double.lock:
            double.seen.append((path, query, request.get_json(silent=True)))
            planned = double.script[path].popleft() if double.script[path] else None
        if callable(planned):
            return planned()
        if planned is not None:
            return jsonify(planned)
        if path == "gettoken":
            time.sleep(double.token_delay_s)
            with double.lock:
                double.tokens += 1
                token = f"TOKEN-{double.tokens}"
                double.valid = {token}
            return jsonify(errcode=0, errmsg="ok", access_token=token, expires_in=7200)
        if "access_token" in query and query["access_token"] not in double.valid:
            return jsonify(errcode=40014, errmsg=f"invalid access_token={query['access_token']}")
        return jsonify(errcode=0, errmsg="ok", path=path)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    double.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
