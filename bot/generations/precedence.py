"""Who goes first when everybody wants the one event loop: a person who waits for an answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bot.clock import Clock, wait_for_event

LONGEST_S = 0.25
"""So long may a step be held up; then it goes on, however many are being answered."""


class Precedence:
    """Holds up the steps of pictures in work while a request is being answered, for a quarter of a second at most.

    Discord gives an answer three seconds, and a person feels a tenth of one; a poll, or a bar that moves on, is as good
    a little later. Whoever gave way goes on one at a time, so that an answer which comes then need not wait for all.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answering = 0
        self._giving_way: deque[asyncio.Event] = deque()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark that somebody waits for an answer."""
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            self._let_next()

    async def give_way(self) -> None:
        """Return when nobody waits for an answer, or when that has lasted for long enough."""
        if not self._answering:
            return
        turn = asyncio.Event()
        self._giving_way.append(turn)
        try:
            await wait_for_event(self._clock, turn, LONGEST_S)
        finally:
            if turn in self._giving_way:
                self._giving_way.remove(turn)

    def _let_next(self) -> None:
        if self._answering or not self._giving_way:
            return
        self._giving_way.popleft().set()
        asyncio.get_running_loop().call_soon(self._let_next)
