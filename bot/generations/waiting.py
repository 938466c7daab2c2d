"""From the provider's yes to its result: ask, never too often, never giving up on a picture that may still come."""

from __future__ import annotations

import structlog

from bot.errors import is_of_the_machine
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import (
    WRITE_OFF_AFTER_S,
    after_change,
)
from bot.generations.stages import Endings, Stage, Tools, backoff
from bot.generations.states import FailureCode, PictureState
from bot.generations.values import Trouble
from bot.rivya import (
    NotFound,
    RivyaError,
    Task,
    TaskStatus,
    took_about_s,
)
from bot.storage import Connection

log = structlog.get_logger(__name__)

FRESH_S = 2.0
"""A picture that was submitted this long ago was not asked for yet."""
LATE_LOOK_S = 300
"""How often a late picture is asked for in its first day; afterwards every six hours for a week."""
VERY_LATE_LOOK_S = 6 * 3600
FORGOTTEN_S = 7 * 24 * 3600


class Waiting(Stage):
    """Asks after pictures until they have ended, or are late; and after the late ones, seldom."""

    def __init__(self, tools: Tools, endings: Endings) -> None:
        super().__init__(tools)
        self._endings = endings

    async def wait(self, request: RequestRow, picture: PictureRow) -> None:
        """Ask until the task has ended or its deadline is over."""
        submitted_ms = picture.submitted_at_ms or self._clock.now_ms()
        deadline_ms = picture.deadline_at_ms or submitted_ms
        expected_s = self._durations.expected_s(request.model, request.resolution)
        silence = backoff(self._rng, first_s=4.0, cap_s=30.0)
        pause_s: float | None = None
        heard = False
        # Unknown when somebody else waited before us, and was killed.
        open_at_s = 0.0 if self._clock.now_ms() - submitted_ms < FRESH_S * 1000 else None
        while True:
            elapsed_s = (self._clock.now_ms() - submitted_ms) / 1000
            if elapsed_s > max(45.0, 2 * expected_s) and pause_s is None:
                await self._notes.trouble(request.id, Trouble.SLOW)
            planned_s = self._durations.schedule(request.model, request.resolution, elapsed_s)
            await self._clock.sleep(min(pause_s or planned_s, max((deadline_ms - self._clock.now_ms()) / 1000, 0.0)))
            await self._budget.take()
            await self._precedence.give_way()
            asking_ms = self._clock.now_ms()
            try:
                try:
                    async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                        task = await self._client.status(picture.task_id or "")
                except RivyaError as error:
                    await self._unanswered(request, picture, error)
                    pause_s = max(next(silence), min(error.retry_after_s or 0.0, 60.0))
                else:
                    if pause_s is not None or not heard:  # also what was noted before a restart is over
                        await self._notes.trouble(request.id, None)
                        pause_s, silence = None, backoff(self._rng, first_s=4.0, cap_s=30.0)
                    heard = True
                    asked_at_s = (self._clock.now_ms() - submitted_ms) / 1000
                    if await self._ended(request, picture, task):
                        took_s = took_about_s(task.took_s, open_at_s=open_at_s, ended_at_s=asked_at_s)
                        if task.status is TaskStatus.SUCCEEDED and took_s is not None:
                            self._durations.record(request.model, request.resolution, took_s)
                        return
                    open_at_s = asked_at_s
            except Exception as error:
                # What we can't handle is tried again, but must not keep the credits and the place for ever.
                if asking_ms < deadline_ms or is_of_the_machine(error):
                    raise
                log.exception("picture.answer_unhandled", picture_id=picture.id, task_id=picture.task_id)
            # After a question, and one that was asked after the deadline: we may have been away for longer than it,
            # between two questions or in the middle of one.
            if asking_ms >= deadline_ms:
                await self._late(request, picture)
                return

    async def _unanswered(self, request: RequestRow, picture: PictureRow, error: RivyaError) -> None:
        # A 401 or 404 is no failure of the picture: the operator is told, and asking goes on.
        if error.account_problem:
            self._account.close(error)
        if error.account_problem or isinstance(error, NotFound):
            log.error("picture.status_refused", picture_id=picture.id, task_id=picture.task_id, code=error.code)
            await self._notes.trouble(request.id, Trouble.ACCOUNT)
        else:
            log.warning("picture.status_failed", picture_id=picture.id, code=error.code)
            await self._notes.trouble(request.id, Trouble.BUSY if error.http_status else Trouble.UNREACHABLE)

    async def _ended(self, request: RequestRow, picture: PictureRow, task: Task) -> bool:
        """Store it when the task has ended; tells whether it has."""
        if task.status is TaskStatus.FAILED:
            await self._endings.fail(
                picture.id,
                {PictureState.PAINTING, PictureState.OVERDUE},
                task.failure(),
                taken_credits=task.charged_credits or 0,
            )
            return True
        if task.status is not TaskStatus.SUCCEEDED:
            return False
        now_ms = self._clock.now_ms()
        url = task.result_urls[0] if task.result_urls else None
        final_credits = task.final_credits

        async def work(tx: Connection) -> bool:
            return await GenerationsRepository(tx).pictures.move(
                picture.id,
                {PictureState.PAINTING, PictureState.OVERDUE},
                PictureState.FETCHING,
                result_url=url,
                final_credits=final_credits,
                finished_at_ms=now_ms,
                next_look_at_ms=None,
            )

        if await self._database.write(work):
            log.info("picture.painted", picture_id=picture.id, final_credits=final_credits)
            await self._learn(request, final_credits)
            self._changed(request.id)
        return True

    async def _late(self, request: RequestRow, picture: PictureRow) -> None:
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            await GenerationsRepository(tx).pictures.move(
                picture.id,
                {PictureState.PAINTING},
                PictureState.OVERDUE,
                failure_code=FailureCode.OVERDUE,
                next_look_at_ms=now_ms + LATE_LOOK_S * 1000,
            )
            await after_change(tx, request.id, PictureState.OVERDUE, now_ms)

        await self._database.write(work)
        log.error("picture.overdue", picture_id=picture.id, task_id=picture.task_id)
        self._changed(request.id)

    async def look_again(self, picture: PictureRow) -> bool:
        """Ask after a late picture, or end an unknown one whose day is over; True when it can be driven on."""
        request = await self._database.look(lambda tx: GenerationsRepository(tx).requests.get(picture.request_id))
        if request is None:
            return False
        if picture.state is PictureState.UNKNOWN:
            await self._endings.lose(request, picture, {PictureState.UNKNOWN}, FailureCode.CREATE_UNKNOWN)
            return False
        try:
            task = await self._client.status(picture.task_id or "")
            if await self._ended(request, picture, task):
                return True
        except RivyaError as error:
            log.warning("picture.late_look_failed", picture_id=picture.id, code=error.code)
        except Exception as error:  # it is written off in time, whatever is wrong with its answer
            if is_of_the_machine(error):
                raise
            log.exception("picture.answer_unhandled", picture_id=picture.id, task_id=picture.task_id)
        age_s = (self._clock.now_ms() - (picture.submitted_at_ms or 0)) / 1000
        if age_s >= FORGOTTEN_S:
            await self._endings.lose(request, picture, {PictureState.OVERDUE}, FailureCode.OVERDUE)
            return False
        now_ms = self._clock.now_ms()
        pause_s = LATE_LOOK_S if age_s < WRITE_OFF_AFTER_S else VERY_LATE_LOOK_S

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx)
            await rows.pictures.change(picture.id, next_look_at_ms=now_ms + pause_s * 1000)
            if age_s < WRITE_OFF_AFTER_S or not await self._endings.write_off(tx, picture, FailureCode.OVERDUE, now_ms):
                return False
            await rows.pictures.change(picture.id, charged_credits=0)
            await after_change(tx, request.id, PictureState.OVERDUE, now_ms)
            return True

        if await self._database.write(work):
            log.error("picture.written_off", picture_id=picture.id, task_id=picture.task_id)
            self._changed(request.id)
        return False
