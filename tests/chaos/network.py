"""A network between two parties that carries everything until it is told not to: cut, frozen or slow."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Proxy:
    """Carries TCP on 127.0.0.1 from ``port`` to ``target``. Runs in a thread of its own; may be told from any other."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._lines: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._delay_s = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=256))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Drops all connections, and every new one as soon as it comes."""
        self._tell(self._cut)

    def freeze(self) -> None:
        """Carries nothing more, and tells nobody: what is sent waits."""
        self._tell(self._flows.clear)

    def slow(self, delay_s: float) -> None:
        """Makes everything take so much longer, each way."""
        self._tell(lambda: setattr(self, "_delay_s", delay_s))

    def mend(self) -> None:
        """Carries again as it should."""
        self._tell(self._mend)

    def close(self) -> None:
        """Ends it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _tell(self, what: object) -> None:
        done = threading.Event()

        def do() -> None:
            what()  # type: ignore[operator]
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait(5)

    def _cut(self) -> None:
        self._is_cut = True
        for line in list(self._lines):
            line.transport.abort()

    def _mend(self) -> None:
        self._is_cut, self._delay_s = False, 0.0
        self._flows.set()

    async def _end(self) -> None:
        self._server.close()
        self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._lines.add(near_out)
        try:
            if self._is_cut:
                raise ConnectionRefusedError
            far_in, far_out = await asyncio.open_connection("127.0.0.1", self._target)
            self._lines.add(far_out)
            try:
                await asyncio.gather(self._pump(near_in, far_out), self._pump(far_in, near_out))
            finally:
                self._hang_up(far_out)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._hang_up(near_out)
            self._tasks.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction; its end ends the other too."""
        with contextlib.suppress(OSError):
            while carried := await source.read(65_536):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flows.wait()
                sink.write(carried)
                await sink.drain()
        sink.transport.abort() if self._is_cut else sink.close()

    def _hang_up(self, line: asyncio.StreamWriter) -> None:
        self._lines.discard(line)
        line.transport.abort()
