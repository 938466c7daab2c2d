"""What a request waits for, noted in its row so that its card can say it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from bot.clock import Clock
from bot.generations.repository import GenerationsRepository
from bot.storage import Database

log = structlog.get_logger(__name__)

SLOW_CALL_S = 20.0
"""A call that hangs this long is told: well within the minute in which a person should hear of it."""


class Notes:
    """Writes a request's ``trouble`` when it changes, and tells the courier."""

    def __init__(self, database: Database, clock: Clock, changed: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed
        self._known: dict[str, str | None] = {}

    async def trouble(self, request_id: str, trouble: str | None) -> None:
        """Note what ``request_id`` waits for; None when all is well again."""
        if request_id not in self._known:
            request = await self._database.look(lambda tx: GenerationsRepository(tx).requests.get(request_id))
            self._known[request_id] = request.trouble if request else None
        if self._known[request_id] == trouble:
            return
        self._known[request_id] = trouble  # before the write, which goes on when we are cancelled in it
        try:
            await self._database.write(lambda tx: GenerationsRepository(tx).requests.set_trouble(request_id, trouble))
        except Exception:
            self._known.pop(request_id, None)
            raise
        self._changed(request_id)

    @asynccontextmanager
    async def told_if_slow(self, request_id: str, trouble: str) -> AsyncIterator[None]:
        """Note ``trouble`` while the block takes over ``SLOW_CALL_S``; the note never costs the block's result."""
        told = False

        async def tell() -> None:
            nonlocal told
            await self._clock.sleep(SLOW_CALL_S)
            told = True
            await self.trouble(request_id, trouble)

        teller = asyncio.get_running_loop().create_task(tell())
        try:
            yield
        finally:
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)
            if told:
                try:
                    await self.trouble(request_id, None)
                except Exception:  # what the call has said counts for more: it may be a paid picture's id
                    log.exception("trouble.untold")

    def forget(self, request_id: str) -> None:
        """Let go of a request that has ended."""
        self._known.pop(request_id, None)
