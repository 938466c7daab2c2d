"""The key of the image service while the bot runs: read again on SIGHUP, or when it is refused, and never shown."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from enum import StrEnum

import structlog
from pydantic import SecretStr

from bot.errors import ConfigError
from bot.logs import redact_too

log = structlog.get_logger(__name__)


def has_terminal() -> bool:
    """Tell whether this process belongs to a terminal; one that was closed is none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Renewal(StrEnum):
    """What reading the key again came to."""

    NEW = "new"
    SAME = "same"
    REFUSED = "refused"
    """What is there now can't be a key, or can't be read: the one before is kept."""


class RivyaKey:
    """Holds the key. Calling it gives the one to send now."""

    def __init__(self, key: SecretStr, read: Callable[[], SecretStr] | None = None) -> None:
        self._key = key
        self._read = read
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: Callable[[], None] = lambda: None
        self._had_terminal = False
        self.heard: Callable[[], None] | None = None
        """Called after a SIGHUP, when the key has been read."""

    def __call__(self) -> SecretStr:
        """Return the key that the next request is sent with."""
        return self._key

    async def renew(self) -> Renewal:
        """Read the key again from where it came from at the start. Never raises."""
        if self._read is None:
            return Renewal.SAME
        async with self._turn:
            try:
                found = await asyncio.to_thread(self._read)
            except ConfigError as error:
                log.error("key.refused", sentence=" ".join(error.problems), kept="the one before")  # noqa: TRY400 - it says all
                return Renewal.REFUSED
            if found == self._key:
                return Renewal.SAME
            redact_too(found)  # before anything can speak of it
            self._key = found
            log.info("key.renewed")
            return Renewal.NEW

    def listen(self, stop: Callable[[], None]) -> None:
        """Read the key again on SIGHUP, or ``stop`` when that says that the terminal was closed."""
        self._stop, self._had_terminal = stop, has_terminal()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        if self._had_terminal and not has_terminal():
            self._stop()
            return
        task = asyncio.get_running_loop().create_task(self._renew_on_signal(), name="key")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _renew_on_signal(self) -> None:
        renewal = await self.renew()
        log.info("key.read_again", came_to=renewal)
        if self.heard is not None:
            self.heard()
