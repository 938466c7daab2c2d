"""Places: which held picture is worked on next, and who drives it to its end, through errors of our own too."""

from __future__ import annotations

import asyncio

import structlog

from bot.clock import Clock
from bot.errors import BotError, is_of_the_machine
from bot.generations.courier import Courier
from bot.generations.notes import Notes
from bot.generations.painter import Painter
from bot.generations.queue import FairQueue, Ticket
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.stages import MACHINE_WAIT_S
from bot.generations.states import FINAL_STATES, FailureCode, PictureState
from bot.generations.values import Trouble
from bot.storage import Database

log = structlog.get_logger(__name__)

INTERNAL_WAITS_S = (5.0, 30.0, 120.0)
"""Waits after an error of our own; then an unsent picture is given back, a sent one is tried on every ten minutes."""
INTERNAL_LAST_WAIT_S = 600.0
MACHINE_PATIENCE_S = 900.0
"""So long an unsent picture waits for that to end."""

_IN_WORK = {PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING}


class InternalError(BotError):
    """An error of the bot's own kept a picture from being sent."""

    code = FailureCode.INTERNAL


class Places:
    """At most ``max_running`` pictures are driven at a time; those that were in work at a start come on top."""

    def __init__(
        self,
        *,
        database: Database,
        painter: Painter,
        courier: Courier,
        notes: Notes,
        queue: FairQueue,
        clock: Clock,
        max_running: int,
    ) -> None:
        self._database = database
        self._painter = painter
        self._courier = courier
        self._notes = notes
        self._queue = queue
        self._clock = clock
        self._max_running = max_running
        self._freed = asyncio.Event()
        self._driving: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        """How many pictures have a place."""
        return self._queue.running

    @property
    def waiting(self) -> int:
        """How many pictures wait for a place."""
        return len(self._queue)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that drive a picture."""
        return list(self._driving.values())

    def has(self, picture_id: str) -> bool:
        """Tell whether a picture is driven, or waits for its place."""
        return picture_id in self._driving or self._queue.has(picture_id)

    def hand_on(self, request: RequestRow, picture: PictureRow, *, ready: bool) -> None:
        """Take a picture on: to its place in the queue (if its references are ``ready``), or back to where it was."""
        ticket = Ticket(picture.id, request.id, request.guild_id or 0, request.user_id)
        if picture.state in _IN_WORK and picture.id not in self._driving:
            self._queue.resume(ticket)
            self._drive(ticket)
        elif picture.state is PictureState.HELD and ready:
            if picture.id not in self._driving and not self._queue.has(picture.id):
                self._queue.push(ticket)
                self._freed.set()
        else:
            self._queue.discard(picture.id)

    def discard(self, picture_id: str) -> None:
        """Let a picture wait no more."""
        self._queue.discard(picture_id)

    async def give(self) -> None:
        """Give places to those who wait, for ever."""
        for picture_id in self._queue.taken - self._driving.keys():  # an error came between the two, and ended us
            self._queue.done(picture_id)
        while True:
            self._freed.clear()
            while self._queue.running < self._max_running and (ticket := self._queue.pop()) is not None:
                self._drive(ticket)
            await self._freed.wait()

    async def tell_of_our_error(self, request_id: str) -> None:
        """Let the card say that something went wrong on our side; never raises an error."""
        try:
            await self._notes.trouble(request_id, Trouble.INTERNAL)
        except Exception:  # the database itself may be what fails; the work must go on when it is back
            log.exception("trouble.untold")

    def _drive(self, ticket: Ticket) -> None:
        task = asyncio.get_running_loop().create_task(self._drive_on(ticket), name=f"picture {ticket.picture_id}")
        self._driving[ticket.picture_id] = task

    async def _drive_on(self, ticket: Ticket) -> None:
        structlog.contextvars.bind_contextvars(request_id=ticket.request_id)
        failures = 0
        begun_ms = self._clock.now_ms()
        try:
            while True:
                try:
                    await self._painter.drive(ticket.picture_id)
                    break
                except Exception as error:
                    if is_of_the_machine(error) and self._clock.now_ms() - begun_ms < MACHINE_PATIENCE_S * 1000:
                        log.warning("picture.waits_for_machine", picture_id=ticket.picture_id, error=str(error))
                        await self.tell_of_our_error(ticket.request_id)
                        await self._clock.sleep(MACHINE_WAIT_S)
                        continue
                    if await self._is_final(ticket.picture_id):
                        # Cancelled in the middle of its upload, say, and the spooled files are gone: nobody's trouble.
                        log.info("picture.ended_meanwhile", picture_id=ticket.picture_id, exc_info=True)
                        break
                    log.exception("picture.internal_error", picture_id=ticket.picture_id)
                failures += 1
                if await self._gave_up(ticket, failures):
                    break
                waits = (*INTERNAL_WAITS_S, INTERNAL_LAST_WAIT_S)
                await self._clock.sleep(waits[min(failures, len(waits)) - 1])
        finally:
            self._driving.pop(ticket.picture_id, None)
            self._queue.done(ticket.picture_id)
            self._freed.set()
            self._courier.changed(ticket.request_id)

    async def _is_final(self, picture_id: str) -> bool:
        """Tell whether nothing is left to do for a picture; False when the database can't say."""
        try:
            picture = await self._database.look(lambda tx: GenerationsRepository(tx).pictures.get(picture_id))
        except Exception:
            log.exception("picture.unread", picture_id=picture_id)
            return False
        return picture is None or picture.state in FINAL_STATES

    async def _gave_up(self, ticket: Ticket, failures: int) -> bool:
        """Give an unsent picture back after the last try; else say that it is tried again."""
        if failures > len(INTERNAL_WAITS_S):
            try:
                if await self._painter.fail(ticket.picture_id, {PictureState.HELD}, InternalError()):
                    return True
            except Exception:
                log.exception("picture.not_given_back", picture_id=ticket.picture_id)
        await self.tell_of_our_error(ticket.request_id)
        return False
