"""The operator's one account at the provider: what it holds, and whether it may be used now."""

from __future__ import annotations

import asyncio

import structlog

from bot.clock import Clock, wait_for_event
from bot.generations.repository import GenerationsRepository
from bot.rivya import InsufficientCredits, RivyaClient, RivyaError
from bot.storage import Database

log = structlog.get_logger(__name__)

CREDITS_FACT = "provider.credits"
OPEN_S = 300.0
FIRST_RETRY_S = 60.0
LAST_RETRY_S = 1800.0


class ProviderAccount:
    """Knows the last reading of the account's credits, and closes the gate when the operator must act.

    While it is closed nothing is submitted; it opens by itself once the account answers well again.
    """

    def __init__(self, database: Database, client: RivyaClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._retry_s = FIRST_RETRY_S
        self._needed_credits = 0
        self._closing = asyncio.Event()
        self.closed_code: str | None = None
        self.unread_code: str | None = None
        """Why the last reading failed; None when it did not."""

    @property
    def closed(self) -> bool:
        """Whether submission is stopped."""
        return self.closed_code is not None

    @property
    def retry_s(self) -> float:
        """How long to wait before asking again: five minutes, one after a question without an answer.

        While closed one, doubling to half an hour.
        """
        if self.closed:
            return self._retry_s
        return OPEN_S if self.unread_code is None else FIRST_RETRY_S

    async def until_closed(self) -> bool:
        """Return True as soon as the gate closes, or False after ``retry_s`` (also when it is closed already)."""
        closed = await wait_for_event(self._clock, self._closing, self.retry_s)
        self._closing.clear()
        return closed

    def close(self, error: RivyaError, *, needed_credits: int = 0) -> bool:
        """Stop submission because of ``error``; tells whether it was open before.

        An empty account opens again when it holds ``needed_credits``.
        """
        was_open = not self.closed
        # A call that needs nothing (a status, a reading) does not lower what the refused picture needs.
        self._needed_credits = needed_credits if was_open else max(needed_credits, self._needed_credits)
        self.closed_code = error.code
        if was_open:
            self._closing.set()
            log.error("account.closed", code=error.code, provider_request_id=error.request_id)
        return was_open

    async def read(self) -> None:
        """Ask for the credits and remember them; opens the gate when all is well, closes it when the key is refused."""
        asked_ms = self._clock.now_ms()  # what is submitted from here on may not be in the answer
        try:
            credits_now = await self._client.credits()
        except RivyaError as error:
            if error.account_problem:
                self.close(error)
            self.unread_code = error.code
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
            log.warning("account.unread", code=error.code, provider_request_id=error.request_id)
            return
        self.unread_code = None
        await self._database.write(
            lambda tx: GenerationsRepository(tx).memory.remember(CREDITS_FACT, str(credits_now), asked_ms)
        )
        if self.closed_code is None:
            return
        # Also when it opens: a reading is no proof that pictures are taken again. ``worked`` is.
        self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
        if self.closed_code == InsufficientCredits.code and credits_now < self._needed_credits:
            return
        log.info("account.opened", after=self.closed_code, credits=credits_now)
        self.closed_code = None

    def worked(self) -> None:
        """Note that a submission went through: the next closing starts with short waits again."""
        self._retry_s = FIRST_RETRY_S
