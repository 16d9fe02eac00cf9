"""Serves a pretend WeCom on a loopback port."""

from __future__ import annotations

import logging
from threading import Thread
from typing import Self

from werkzeug.serving import WSGIRequestHandler, make_server

from simulator.pretend import PretendWeCom
from simulator.web import build_app


class _QuietHandler(WSGIRequestHandler):
    """Speaks HTTP/1.1, so that clients may keep their connections, and writes no access log: the wire record is the log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class Server:
    """A running server; ``port`` is the real one. A context manager that closes itself and the pretend WeCom."""

    def __init__(self, pretend: PretendWeCom, port: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.pretend = pretend
        self._server = make_server("127.0.0.1", port, build_app(pretend), threaded=True, request_handler=_QuietHandler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.port = int(self._server.server_port)
        self.url = f"http://127.0.0.1:{self.port}"
        pretend.base_url = self.url
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="pretend-wecom", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and stop the pretend WeCom's background work."""
        self._server.shutdown()
        self._server.server_close()
        self.pretend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(pretend: PretendWeCom, port: int = 0) -> Server:
    """A server on 127.0.0.1; port 0 takes a free one. OSError when the port is taken."""
    return Server(pretend, port)
