"""A line that several transfers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lane:
    """Lets transfers through in the order in which they come, as long as they weigh at most ``limit_bytes`` together.

    Small files all go at once, and no round trip waits for another. Large ones would share the line anyway: two or
    three at a time, the first is there early and can be worked on while the others come.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._under_way_bytes = 0
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()

    @asynccontextmanager
    async def hold(self, size_bytes: int) -> AsyncIterator[None]:
        """Enter when there is room for ``size_bytes``; what is heavier than the limit goes alone."""
        weight = min(size_bytes, self._limit_bytes)
        async with self._turn:
            while self._under_way_bytes + weight > self._limit_bytes:
                self._room.clear()
                await self._room.wait()
            self._under_way_bytes += weight
        try:
            yield
        finally:
            self._under_way_bytes -= weight
            self._room.set()
