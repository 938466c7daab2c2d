"""The operator's one account at the provider: what it holds, and whether it may be used now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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
READ_NOW_S = 60.0
"""A reading with all its retries takes half of it."""


class ProviderAccount:
    """Knows the last reading of the account's credits, and closes the gate when the operator must act.

    While it is closed nothing is submitted; it opens by itself once the account answers well again.
    """

    def __init__(
        self,
        database: Database,
        client: RivyaClient,
        clock: Clock,
        *,
        renew_key: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._renew_key = renew_key
        self._retry_s = FIRST_RETRY_S
        self._stirred = asyncio.Event()
        self._just_closed = False
        self._closings = 0
        self._asked = False
        self._readers: list[asyncio.Future[None]] = []
        self.needed_credits = 0
        """What an empty account must hold to be used again."""
        self.closed_code: str | None = None
        self.closed_since_ms: int | None = None
        self.next_read_at_ms: int | None = None
        self.has_worked = False
        """Whether something was submitted since the gate was closed last (or the start)."""
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
        """Return True as soon as the gate closes, or False when it is time to ask (also when it is closed already)."""
        self.next_read_at_ms = self._clock.now_ms() + int(self.retry_s * 1000)
        await wait_for_event(self._clock, self._stirred, self.retry_s)
        self._stirred.clear()
        closed, self._just_closed = self._just_closed, False
        return closed and not self._asked

    def ask(self) -> None:
        """Have the account asked now, by whoever watches it; the key is read again before."""
        self._asked = True
        self._stirred.set()

    async def read_now(self) -> None:
        """Have the account asked, and return when it has answered or failed to; half a minute at most, or a little."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers.append(answered)
        self.ask()
        try:
            async with asyncio.timeout(READ_NOW_S):
                await answered
        except TimeoutError:
            log.warning("account.not_read_now")

    def restore(self, code: str, *, since_ms: int, needed_credits: int) -> None:
        """Be closed as before a restart, until the account answers well."""
        self.closed_code, self.closed_since_ms, self.needed_credits = code, since_ms, needed_credits

    def close(self, error: RivyaError, *, needed_credits: int = 0) -> bool:
        """Stop submission because of ``error``; tells whether it was open before.

        An empty account opens again when it holds ``needed_credits``.
        """
        was_open = not self.closed
        self._closings += 1
        # A call that needs nothing (a status, a reading) does not lower what the refused picture needs.
        self.needed_credits = needed_credits if was_open else max(needed_credits, self.needed_credits)
        self.closed_code = error.code
        if was_open:
            self.closed_since_ms, self.has_worked = self._clock.now_ms(), False
            self._just_closed = True
            self._stirred.set()
            log.error("account.closed", code=error.code, provider_request_id=error.request_id)
        return was_open

    async def read(self) -> None:
        """Ask for the credits and remember them; opens the gate when all is well, closes it when the key is refused.

        While the gate is closed the key is read again before.
        """
        readers, self._readers = self._readers, []
        by_hand, self._asked = self._asked, False
        try:
            if self._renew_key is not None and (self.closed or by_hand):
                await self._renew_key()
            await self._read(by_hand=by_hand)
        finally:
            for reader in readers:
                if not reader.done():
                    reader.set_result(None)

    async def _read(self, *, by_hand: bool) -> None:
        asked_ms, closings = self._clock.now_ms(), self._closings  # what happens from here on may not be in the answer
        # An impatient operator does not put off what would happen by itself.
        longer_s = self._retry_s if by_hand else min(self._retry_s * 2, LAST_RETRY_S)
        try:
            credits_now = await self._client.credits()
        except RivyaError as error:
            if error.account_problem:
                self.close(error)
            self.unread_code = error.code
            self._retry_s = longer_s
            log.warning("account.unread", code=error.code, provider_request_id=error.request_id)
            return
        self.unread_code = None
        await self._database.write(
            lambda tx: GenerationsRepository(tx).memory.remember(CREDITS_FACT, str(credits_now), asked_ms)
        )
        if self.closed_code is None or self._closings != closings:
            return
        # Also when it opens: a reading is no proof that pictures are taken again. ``worked`` is.
        self._retry_s = longer_s
        if self.closed_code == InsufficientCredits.code and credits_now < self.needed_credits:
            return
        log.info("account.opened", after=self.closed_code, credits=credits_now)
        self.closed_code = self.closed_since_ms = None
        self._just_closed = False

    def worked(self) -> None:
        """Note that a submission went through: the next closing starts with short waits again."""
        self._retry_s = FIRST_RETRY_S
        self.has_worked = True
