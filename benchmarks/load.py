"""The load: a process of its own that sends ready-made HTTP requests over kept connections and times the answers.

One thread and no HTTP library: some 15 µs a request, so that on a small machine it is not the load that is measured.
``python -m benchmarks.load JOB RESULT`` connects, says ``ready``, and begins at a line on its standard input.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from collections import deque
from pathlib import Path

import msgspec

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
GIVE_UP_S = 20.0
"""What has no answer so long after the last request is an error."""


class Job(msgspec.Struct):
    """What to do. With ``due_s`` (seconds from the start, one for each request) every request goes out at its time and is timed from it, however
    late a free connection comes; without, every connection sends its next request when its last one is answered, for ``seconds``."""

    port: int
    requests: list[bytes]
    connections: int
    seconds: float
    due_s: list[float]
    keep_every: int


class Result(msgspec.Struct):
    """``latencies_ms`` of all answers; ``kept`` are the number of every so many-th request and its answer's body;
    ``cpu_s`` is what the load itself used."""

    seconds: float
    latencies_ms: list[float]
    errors: dict[str, int]
    kept: list[tuple[int, bytes]]
    cpu_s: float


class _Line:
    """One connection with at most one request on its way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.number = -1
        self.since_s = 0.0
        self._answer = b""
        self.connect()

    def connect(self) -> None:
        """Opens the connection, anew if need be."""
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=GIVE_UP_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """For select."""
        return self.socket.fileno()

    def send(self, number: int, request: bytes, since_s: float) -> None:
        """Sends a request that is timed from ``since_s``."""
        self.number, self.since_s, self._answer = number, since_s, b""
        self.socket.sendall(request)

    def receive(self) -> tuple[str, bytes] | None:
        """Status and body once the answer is whole, None before. OSError when the connection broke."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError
        self._answer += piece
        head, ends, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if ends else None
        if length is None or len(body) < int(length[1]):
            return None
        return head[9:12].decode(), body


class Load:
    """Carries out one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._idle = deque(_Line(job.port) for _ in range(job.connections))
        self._busy: set[_Line] = set()
        self._result = Result(0.0, [], {}, [], 0.0)
        self._next = 0
        self._started_s = 0.0

    def run(self) -> Result:
        """Sends everything, waits for the last answer."""
        self._started_s, cpu_s = time.perf_counter(), time.process_time()
        until_s = (self._job.due_s[-1] if self._job.due_s else self._job.seconds) + GIVE_UP_S
        while True:
            wait_s = self._send_what_is_due()
            if wait_s is None and not self._busy:
                break
            if self._now_s() > until_s:
                self._count_error("no answer", len(self._busy))
                break
            ready, _, _ = select.select(self._busy, (), (), 1.0 if wait_s is None else wait_s)
            for line in ready:
                self._take(line)
        self._result.seconds = self._now_s()
        self._result.cpu_s = time.process_time() - cpu_s
        return self._result

    def _send_what_is_due(self) -> float | None:
        """Sends; gives the seconds until the next request is due (1 while all connections are busy), None after the last."""
        job = self._job
        while self._next < len(job.requests):
            now_s = self._now_s()
            if not job.due_s and now_s >= job.seconds:
                return None
            if not self._idle:
                return 1.0
            due_s = job.due_s[self._next] if job.due_s else now_s
            if due_s > now_s:
                return due_s - now_s
            line = self._idle.popleft()
            line.send(self._next, job.requests[self._next], due_s)
            self._busy.add(line)
            self._next += 1
        return None

    def _take(self, line: _Line) -> None:
        try:
            answer = line.receive()
        except OSError as error:
            self._count_error(type(error).__name__, 1)
            line.connect()
        else:
            if answer is None:
                return
            self._note(line, *answer)
        self._busy.discard(line)
        self._idle.append(line)

    def _note(self, line: _Line, status: str, body: bytes) -> None:
        if status != "200" or not body:
            self._count_error(f"status {status}, {len(body)} bytes", 1)
            return
        self._result.latencies_ms.append((self._now_s() - line.since_s) * 1000)
        if line.number % self._job.keep_every == 0:
            self._result.kept.append((line.number, body))

    def _count_error(self, what: str, times: int) -> None:
        self._result.errors[what] = self._result.errors.get(what, 0) + times

    def _now_s(self) -> float:
        return time.perf_counter() - self._started_s


def main() -> None:
    """Reads the job, waits for the signal, writes the result."""
    job = msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    load = Load(job)
    print("ready", flush=True)
    sys.stdin.readline()
    Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode(load.run()))


if __name__ == "__main__":
    main()
