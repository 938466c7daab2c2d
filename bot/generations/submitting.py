"""From the hold to the provider: upload, commit the attempt, send it, and know what may have come of it.

What a call may have done is never guessed. A create call that was not answered is repeated, byte for byte under its own
key, only while the provider can be trusted to remember the key (``trust_s`` from the first sending), and only with the
same API key, since it may not know it under another one; after that the picture is *unknown* and is never sent again. A
new key is used only after a refusal that certainly had no effect, and only when no earlier call under the old key was
left unanswered.

What the provider has answered is never thrown away either: while the disk or the database can't take it, the *write* is
repeated, not the order. To order again would turn what is known into a doubt, and end as a loss.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.clock import wait_for_event
from bot.errors import is_of_the_machine
from bot.generations.refusals import ServerPaused
from bot.generations.repository import AttemptRow, GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import (
    WRITE_OFF_AFTER_S,
    after_change,
)
from bot.generations.stages import MACHINE_WAIT_S, Endings, Stage, Tools, backoff
from bot.generations.states import FailureCode, PictureState
from bot.generations.values import Trouble
from bot.rivya import (
    AnotherKey,
    ApiKeyProblem,
    IdempotencyConflict,
    RivyaError,
    Task,
    ValidationFailed,
    from_code,
)
from bot.storage import Connection, Work

log = structlog.get_logger(__name__)

STOPPING_WAIT_S = 1.0
"""Between two tries to write down an answer once a stop is asked for: its grace is short."""


class Submitting(Stage):
    """Submits pictures, each attempt committed before its first byte leaves."""

    def __init__(self, tools: Tools, endings: Endings) -> None:
        super().__init__(tools)
        self._endings = endings
        self._creating = 0
        self._stopping = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._sent_s: dict[str, float] = {}
        """By key: when it was first sent, by the clock that nobody sets."""

    async def stop(self) -> None:
        """Start no further create call, and return when those on their way are answered and stored."""
        self._stopping.set()
        await self._quiet.wait()

    async def submit(self, request: RequestRow, picture: PictureRow, begun_ms: int) -> None:
        """Bring a held picture to the provider; ``begun_ms`` is since when it is tried."""
        try:
            urls = await self._references.uploaded(request)
        except RivyaError as error:
            await self._not_submitted(request, picture, error, begun_ms)
            return
        spec = self._catalogue.get(request.model)
        body = spec.body(request.prompt, request.chosen, urls, picture.id)
        number = picture.attempt + 1
        now_ms, steady_s = self._clock.now_ms(), self._clock.monotonic_s()

        attempt = AttemptRow(
            picture_id=picture.id,
            number=number,
            idempotency_key=f"nbb-{picture.id}-{number}",
            body=body,
            committed_at_ms=now_ms,
            first_sent_at_ms=now_ms,
            outcome=None,
            ended_at_ms=None,
            key_mark=self._client.key_mark,
        )

        async def commit(tx: Connection) -> bool | None:
            rows = GenerationsRepository(tx)
            if request.guild_id is not None and await rows.operator.is_paused(request.guild_id):
                return None
            won = await rows.pictures.move(picture.id, {PictureState.HELD}, PictureState.SUBMITTING, attempt=number)
            if won:  # else it was cancelled meanwhile
                await rows.attempts.add(attempt)
            return won

        if self._stopping.is_set():
            await asyncio.Event().wait()  # until we are cancelled: it goes on after the restart
        if self._account.closed_code is not None:  # its references were being uploaded when the gate closed
            await self._endings.fail(picture.id, {PictureState.HELD}, from_code(self._account.closed_code)())
            return
        async with self._creation():
            won = await self._database.write(commit)
            if won is None:
                await self._endings.fail(picture.id, {PictureState.HELD}, ServerPaused())
            if not won:
                return
            log.info("picture.submitting", picture_id=picture.id, attempt=number)
            self._changed(request.id)
            self._sent_s[attempt.idempotency_key] = steady_s
            await self._send(request, picture, attempt, begun_ms, answered_before=True)
            self._sent_s.pop(attempt.idempotency_key, None)

    async def resume(self, request: RequestRow, picture: PictureRow, begun_ms: int) -> None:
        """Go on with an attempt that was committed before a crash: it may have been sent."""
        async with self._creation():
            attempt = await self._attempt(picture.id, picture.attempt)
            await self._send(request, picture, attempt, begun_ms, answered_before=False)
            self._sent_s.pop(attempt.idempotency_key, None)

    @asynccontextmanager
    async def _creation(self) -> AsyncIterator[None]:
        self._creating += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._creating -= 1
            if not self._creating:
                self._quiet.set()

    async def _send(
        self,
        request: RequestRow,
        picture: PictureRow,
        attempt: AttemptRow,
        begun_ms: int,
        *,
        answered_before: bool,
    ) -> None:
        """Send the committed attempt until it is answered or can't be trusted to be.

        ``answered_before`` False: a call under this key may be out there unanswered (we were killed in the middle).
        """
        doubtful = not answered_before
        waits = backoff(self._rng, first_s=1.0, cap_s=8.0)
        while True:
            if doubtful and self._age_s(attempt) >= self._patience.trust_s:
                await self._give_up_knowing(request, picture, attempt, FailureCode.CREATE_UNKNOWN)
                return
            try:
                async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                    task = await self._client.create(
                        attempt.body,
                        idempotency_key=attempt.idempotency_key,
                        key_mark=attempt.key_mark if doubtful else None,
                    )
            except AnotherKey as error:
                await self._give_up_knowing(request, picture, attempt, error.code)
                return
            except RivyaError as error:
                log.warning(
                    "picture.create_failed", picture_id=picture.id, code=error.code, definitive=error.definitive
                )
                if isinstance(error, IdempotencyConflict):
                    await self._give_up_knowing(request, picture, attempt, error.code)
                    return
                if error.definitive and not doubtful:
                    await self._refused(request, picture, attempt, error, begun_ms)
                    return
                # This call, or an earlier one under the same key, may have started the picture.
                doubtful = True
                if error.account_problem:
                    self._account.close(error, needed_credits=picture.price_credits)
                await self._notes.trouble(request.id, Trouble.UNREACHABLE)
                await self._clock.sleep(max(next(waits), min(error.retry_after_s or 0.0, 15.0)))
            else:
                await self._submitted(request, picture, attempt, task)
                return

    def _age_s(self, attempt: AttemptRow) -> float:
        """Return how long ago an attempt was first sent: by the wall clock, yet never less than we saw go by.

        Setting the wall clock back does not make the provider remember a key for longer. One that was sent in the
        future, and not by this process, was sent nobody knows when.
        """
        steady_s = self._clock.monotonic_s()
        by_wall_s = (self._clock.now_ms() - (attempt.first_sent_at_ms or attempt.committed_at_ms)) / 1000
        known_s = by_wall_s if by_wall_s >= 0 else math.inf
        sent_s = self._sent_s.setdefault(attempt.idempotency_key, steady_s - known_s)
        return max(by_wall_s, steady_s - sent_s)

    async def _attempt(self, picture_id: str, number: int) -> AttemptRow:
        attempt = await self._database.look(lambda tx: GenerationsRepository(tx).attempts.get(picture_id, number))
        if attempt is None:
            raise AssertionError(f"{picture_id} is submitting without an attempt")
        return attempt

    async def _write_down(self, picture: PictureRow, attempt: AttemptRow, work: Work[None]) -> None:
        """Store what the provider has answered, however long the machine does not take it: only we know of it."""
        while True:
            try:
                await self._database.write(work)
            except Exception as error:
                if not is_of_the_machine(error):
                    raise
                log.warning("picture.answer_unwritten", picture_id=picture.id, attempt=attempt.number, error=str(error))
                if self._stopping.is_set():
                    await self._clock.sleep(STOPPING_WAIT_S)
                else:
                    await wait_for_event(self._clock, self._stopping, MACHINE_WAIT_S)
            else:
                return

    async def _submitted(self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, task: Task) -> None:
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            await rows.pictures.move(
                picture.id,
                {PictureState.SUBMITTING},
                PictureState.PAINTING,
                task_id=task.id,
                reserved_credits=task.reserved_credits,
                submitted_at_ms=now_ms,
                deadline_at_ms=now_ms + int(self._patience.deadline_s * 1000),
            )
            await rows.attempts.end(picture.id, attempt.number, task.id, now_ms)

        await self._write_down(picture, attempt, work)
        self._account.worked()
        await self._notes.trouble(request.id, None)
        reserved = task.reserved_credits or 0
        # What is finally taken decides, once it is known; what is hard to believe waits for that.
        if not self._catalogue.has_learned(request.model, request.resolution) and self._catalogue.is_plausible(
            request.model, reserved
        ):
            await self._learn(request, reserved)
        log.info("picture.submitted", picture_id=picture.id, task_id=task.id, reserved_credits=task.reserved_credits)
        self._changed(request.id)

    async def _refused(
        self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, error: RivyaError, begun_ms: int
    ) -> None:
        now_ms = self._clock.now_ms()

        async def back(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            await rows.pictures.move(picture.id, {PictureState.SUBMITTING}, PictureState.HELD)
            await rows.attempts.end(picture.id, attempt.number, error.code, now_ms)

        await self._write_down(picture, attempt, back)
        patient = now_ms - begun_ms < self._patience.submit_s * 1000
        stale = isinstance(error, ValidationFailed) and patient
        if stale and await self._references.renew(request, attempt.committed_at_ms):
            return
        if isinstance(error, ApiKeyProblem) and await self._client.has_another_key(attempt.key_mark or ""):
            return  # a key that was changed before the old one was taken back costs nobody a picture
        await self._not_submitted(request, picture, error, begun_ms)

    async def _not_submitted(self, request: RequestRow, picture: PictureRow, error: RivyaError, begun_ms: int) -> None:
        """Wait and try again, or end it: the picture is HELD and nothing was started."""
        waited_s = (self._clock.now_ms() - begun_ms) / 1000
        if error.account_problem:
            self._account.close(error, needed_credits=picture.price_credits)
        if error.retryable and waited_s < self._patience.submit_s:
            trouble = Trouble.BUSY if error.definitive and error.http_status else Trouble.UNREACHABLE
            await self._notes.trouble(request.id, trouble)
            pause_s = next(backoff(self._rng, first_s=2.0 * 2 ** min(picture.attempt, 4), cap_s=30.0))
            await self._clock.sleep(max(pause_s, min(error.retry_after_s or 0.0, 120.0)))
            return
        await self._endings.fail(picture.id, {PictureState.HELD}, error)

    async def _give_up_knowing(self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, code: str) -> None:
        now_ms = self._clock.now_ms()
        first_sent_ms = attempt.first_sent_at_ms or attempt.committed_at_ms

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            await rows.pictures.move(
                picture.id,
                {PictureState.SUBMITTING},
                PictureState.UNKNOWN,
                failure_code=FailureCode.CREATE_UNKNOWN,
                next_look_at_ms=first_sent_ms + WRITE_OFF_AFTER_S * 1000,
            )
            await rows.attempts.end(picture.id, attempt.number, code, now_ms)
            await after_change(tx, request.id, PictureState.UNKNOWN, now_ms)

        await self._database.write(work)
        log.error("picture.unknown", picture_id=picture.id, code=code, key=attempt.idempotency_key)
        self._changed(request.id)
