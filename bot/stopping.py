"""The stop of the process: asked for by a signal, in order as far as there is time for it, and over in any case."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import structlog

log = structlog.get_logger(__name__)


class Stop:
    """A stop that may be asked for. Make it inside the running event loop; ``listen`` before anything is opened."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._asked_s = 0.0
        self._grace_s: float | None = None

    def listen(self) -> None:
        """Take SIGINT and SIGTERM for it; a second one changes nothing."""
        for name in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(name, self.ask)

    def ask(self) -> None:
        """Ask for it."""
        if self._asked.is_set():
            log.info("bot.stopping_already", since_s=round(self.took_s, 1))
            return
        self._asked_s = self._loop.time()
        self._asked.set()
        if self._grace_s is not None:
            self._limit(self._grace_s)

    def within(self, grace_s: float) -> None:
        """Say how long it may take (seconds). Past that the process just ends: the next start goes on from the rows."""
        self._grace_s = grace_s
        if self.asked:
            self._limit(grace_s)

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    @property
    def took_s(self) -> float:
        """Seconds since it was asked for."""
        return self._loop.time() - self._asked_s if self.asked else 0.0

    async def wait(self) -> None:
        """Return when it is asked for."""
        await self._asked.wait()

    def _limit(self, grace_s: float) -> None:
        # On the loop, not in a thread: it runs until the last thread of its executor has ended.
        self._loop.call_at(self._asked_s + grace_s, self._end)

    def _end(self) -> None:
        log.warning("bot.stopped_short", took_s=round(self.took_s, 3))
        sys.stderr.flush()
        os._exit(0)
