"""A clock that tests wind."""

from __future__ import annotations

import asyncio
import time

_monotonic = time.monotonic
"""The machine's own: within its scope simcord puts another in its place, and a command's time would not be ours."""


class TestClock:
    """Runs ``speed`` times as fast as the machine's, and jumps on ``advance``.

    Real sockets and the real database stay on real time; what the code under test *sleeps* is shortened.
    """

    __test__ = False

    def __init__(self, *, start_ms: int = 1_790_000_000_000, speed: float = 50.0) -> None:
        self._start_ms = start_ms
        self._speed = speed
        self._offset_ms = 0
        self._set_ms = 0
        self._begun = _monotonic()
        self._jumped: set[asyncio.Event] = set()

    def now_ms(self) -> int:
        return self._gone_ms() + self._set_ms

    def monotonic_s(self) -> float:
        return self._gone_ms() / 1000

    async def sleep(self, seconds: float) -> None:
        until_ms = self._gone_ms() + seconds * 1000
        while (left_ms := until_ms - self._gone_ms()) > 0:
            jumped = asyncio.Event()
            self._jumped.add(jumped)
            try:
                await asyncio.wait_for(jumped.wait(), left_ms / 1000 / self._speed)
            except TimeoutError:
                if time.monotonic is not _monotonic:  # a virtual timer is over at once, while our time has not gone by
                    break
            finally:
                self._jumped.discard(jumped)
        await asyncio.sleep(0)

    def slow_down(self, speed: float) -> None:
        """Run at ``speed`` from now on: for work of the machine's own (large pictures) that real seconds go by in."""
        self._start_ms, self._offset_ms, self._begun = self._gone_ms(), 0, _monotonic()
        self._speed = speed

    def advance(self, seconds: float) -> None:
        """Jump ``seconds`` ahead; every sleeper whose time has come wakes."""
        self._offset_ms += int(seconds * 1000)
        for event in tuple(self._jumped):
            event.set()

    def set_back(self, seconds: float) -> None:
        """Set the wall clock back by ``seconds``, as an operator or NTP does; nobody wakes, no time goes by."""
        self._set_ms -= int(seconds * 1000)

    def _gone_ms(self) -> int:
        return self._start_ms + self._offset_ms + int((_monotonic() - self._begun) * 1000 * self._speed)
