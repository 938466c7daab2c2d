"""Runs requests: resumes them at the start, gives places fairly, drives pictures, and ends in order.

Everything that matters is in the rows; what this class holds in memory is rebuilt from them at every start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

import structlog

from bot.clock import Clock
from bot.errors import BotError
from bot.generations.account import ProviderAccount
from bot.generations.courier import Courier
from bot.generations.notes import Notes
from bot.generations.painter import Painter
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault
from bot.generations.queue import FairQueue, Ticket
from bot.generations.references import ReferenceStage
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.service import Generations
from bot.generations.states import FINAL_STATES, PictureState, RequestState
from bot.generations.upkeep import Upkeep
from bot.generations.values import Trouble
from bot.rivya import Catalogue, RivyaClient, RivyaError, from_code
from bot.storage import Database

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 60.0
ACKNOWLEDGED_WITHIN_S = 60.0
"""Discord takes an acknowledgement for 3 s only: whatever is not acknowledged after a minute never will be."""
UPKEEP_EVERY_S = 300.0
MODELS_EVERY_S = 6 * 3600.0
INTERNAL_WAITS_S = (5.0, 30.0, 120.0)
"""Waits after an error of our own; then an unsent picture is given back, a sent one is tried on every ten minutes."""
INTERNAL_LAST_WAIT_S = 600.0

_IN_WORK = {PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING}


class InternalError(BotError):
    """An error of the bot's own kept a picture from being sent."""

    code = "internal"


class Engine:
    """Entered with ``async with``; leaving it stops in order within ``grace_s``."""

    def __init__(
        self,
        *,
        database: Database,
        generations: Generations,
        references: ReferenceStage,
        painter: Painter,
        courier: Courier,
        account: ProviderAccount,
        upkeep: Upkeep,
        notes: Notes,
        queue: FairQueue,
        delivery: Delivery,
        catalogue: Catalogue,
        client: RivyaClient,
        clock: Clock,
        max_running: int,
        grace_s: float,
    ) -> None:
        self._database = database
        self._generations = generations
        self._references = references
        self._painter = painter
        self._courier = courier
        self._account = account
        self._upkeep = upkeep
        self._notes = notes
        self._queue = queue
        self._delivery = delivery
        self._catalogue = catalogue
        self._client = client
        self._clock = clock
        self._max_running = max_running
        self._grace_s = grace_s
        self._inbox: deque[str] = deque()
        self._mail = asyncio.Event()
        self._places = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests: dict[str, asyncio.Task[None]] = {}
        self._driving: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    async def __aenter__(self) -> Self:
        await self._upkeep.clear_incoming()
        await self._void_unacknowledged()
        await self._resume()
        self._background(self._read_mail(), "mail")
        self._background(self._give_places(), "places")
        self._background(self._every(LOOK_EVERY_S, self._look_again), "late pictures")
        self._background(self._every(LOOK_EVERY_S, self._look_around), "left behind")
        self._background(self._every(UPKEEP_EVERY_S, self._keep_up), "upkeep")
        self._background(self._watch_account(), "account")
        self._background(self._every(MODELS_EVERY_S, self._refresh_models), "models")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Submit nothing more, let calls that cost money be answered (within the grace), then stop everything."""
        if self._stopped:
            return
        self._stopped = True
        log.info("engine.stopping", running=self._queue.running, waiting=len(self._queue))
        try:
            await asyncio.wait_for(self._painter.stop_submitting(), self._grace_s)
        except TimeoutError:
            log.warning("engine.grace_over")
        finally:  # also when whoever stops us is cancelled
            await self.abandon()
        log.info("engine.stopped")

    async def abandon(self) -> None:
        """Stop at once, as a crash would, but for the tasks' own clearing up; the next start goes on from the rows."""
        self._stopped = True
        tasks = [*self._tasks, *self._requests.values(), *self._driving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._courier.close()

    def wake(self, request_id: str) -> None:
        """Run a request whose rows a command has changed, or bring its message up to date; returns at once.

        The work is begun by the engine's own task, so that it belongs to no command.
        """
        self._inbox.append(request_id)
        self._mail.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked on (late and unknown pictures only wait)."""
        return not (self._inbox or self._requests or self._driving or len(self._queue) or self._courier.busy)

    async def until_idle(self) -> None:
        """Return when nothing is being worked on."""
        while not self.idle:
            await asyncio.sleep(0.01)

    # --- start ---

    async def _void_unacknowledged(self) -> None:
        now_ms = self._clock.now_ms()
        async with self._database.read() as tx:
            untold = await GenerationsRepository(tx).untold_voids(now_ms)
        for request in untold:  # we died between giving it back and saying so
            self._background(self._say_void(request), "void")
        await self._void(now_ms)

    async def _void(self, before_ms: int) -> None:
        """Void what was accepted until ``before_ms`` and is not acknowledged."""
        async with self._database.read() as tx:
            unseen = await GenerationsRepository(tx).open_requests(RequestState.ACCEPTED)
        for request in unseen:
            if request.created_at_ms > before_ms:
                continue
            voided = await self._generations.not_acknowledged(request.id)
            alive = request.token_expires_at_ms > self._clock.now_ms()
            if voided and alive and request.interaction_token is not None:
                self._background(self._say_void(request), "void")

    async def _say_void(self, request: RequestRow) -> None:
        wait_s = 1.0  # at a start Discord is not connected yet
        while self._clock.now_ms() < request.token_expires_at_ms:
            try:
                await self._delivery.say_void(request.application_id, request.interaction_token or "")
                break
            except DeliveryError as error:
                log.info("void.not_said", request_id=request.id, fault=error.fault)
                if error.fault is not DeliveryFault.TRANSIENT:
                    break
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, 60.0)
        await self._database.write(lambda tx: GenerationsRepository(tx).forget_token(request.id))

    async def _resume(self) -> None:
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            running = await rows.open_requests(RequestState.RUNNING)
            deliveries = await rows.open_deliveries()
        for request in running:
            self.wake(request.id)
        for request_id in deliveries:
            self._courier.changed(request_id)
        log.info("engine.resumed", running=len(running), deliveries=len(deliveries))

    # --- one request ---

    async def _read_mail(self) -> None:
        while True:
            self._mail.clear()
            while self._inbox:
                request_id = self._inbox.popleft()
                if request_id not in self._requests:
                    task = asyncio.get_running_loop().create_task(self._run(request_id), name=f"request {request_id}")
                    self._requests[request_id] = task
                self._courier.changed(request_id)
            await self._mail.wait()

    async def _run(self, request_id: str) -> None:
        """Spool the references, then hand each picture on: to its place in the queue, or back to where it was."""
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            async with self._database.read() as tx:
                request = await GenerationsRepository(tx).request(request_id)
            if request is None or request.state is not RequestState.RUNNING:
                return
            ready = await self._guarded(lambda: self._references.spool(request), request_id)
            async with self._database.read() as tx:
                pictures = await GenerationsRepository(tx).pictures_of(request_id)
            for picture in pictures:
                self._hand_on(request, picture, ready=bool(ready))
        finally:
            self._requests.pop(request_id, None)
            self._courier.changed(request_id)

    def _hand_on(self, request: RequestRow, picture: PictureRow, *, ready: bool) -> None:
        ticket = Ticket(picture.id, request.id, request.guild_id or 0, request.user_id)
        if picture.state in _IN_WORK and picture.id not in self._driving:
            self._queue.resume(ticket)
            self._drive(ticket)
        elif picture.state is PictureState.HELD and ready:
            if picture.id not in self._driving and not self._queue.has(picture.id):
                self._queue.push(ticket)
                self._places.set()
        else:
            self._queue.discard(picture.id)

    async def _guarded(self, work: Callable[[], Awaitable[bool]], request_id: str) -> bool | None:
        """Do the references' work; an error of our own is tried again, then gives the credits back."""
        for wait_s in (*INTERNAL_WAITS_S, None):
            try:
                return await work()
            except Exception:
                log.exception("references.failed")
                if wait_s is not None:
                    await self._tell_of_our_error(request_id)
                    await self._clock.sleep(wait_s)
        async with self._database.read() as tx:
            pictures = await GenerationsRepository(tx).pictures_of(request_id)
        for picture in pictures:
            await self._painter.fail(picture.id, {PictureState.HELD}, InternalError())
        return None

    # --- places ---

    async def _give_places(self) -> None:
        while True:
            self._places.clear()
            while self._queue.running < self._max_running and (ticket := self._queue.pop()) is not None:
                self._drive(ticket)
            await self._places.wait()

    def _drive(self, ticket: Ticket) -> None:
        task = asyncio.get_running_loop().create_task(self._drive_on(ticket), name=f"picture {ticket.picture_id}")
        self._driving[ticket.picture_id] = task

    async def _drive_on(self, ticket: Ticket) -> None:
        structlog.contextvars.bind_contextvars(request_id=ticket.request_id)
        failures = 0
        try:
            while True:
                try:
                    await self._painter.drive(ticket.picture_id)
                    break
                except Exception:
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
            self._places.set()
            self._courier.changed(ticket.request_id)

    async def _is_final(self, picture_id: str) -> bool:
        """Tell whether nothing is left to do for a picture; False when the database can't say."""
        try:
            async with self._database.read() as tx:
                picture = await GenerationsRepository(tx).picture(picture_id)
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
        await self._tell_of_our_error(ticket.request_id)
        return False

    async def _tell_of_our_error(self, request_id: str) -> None:
        try:
            await self._notes.trouble(request_id, Trouble.INTERNAL)
        except Exception:  # the database itself may be what fails; the work must go on when it is back
            log.exception("trouble.untold")

    async def _give_back_waiting(self) -> None:
        """Give back what was not submitted, since the operator's account can't be used; people are told."""
        code = self._account.closed_code or ""
        async with self._database.read() as tx:
            waiting = await GenerationsRepository(tx).pictures_in({PictureState.HELD})
        for picture in waiting:
            self._queue.discard(picture.id)
            await self._painter.fail(picture.id, {PictureState.HELD}, from_code(code)())

    # --- background ---

    async def _look_again(self) -> None:
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            due = await rows.pictures_in(
                {PictureState.OVERDUE, PictureState.UNKNOWN}, look_before_ms=self._clock.now_ms()
            )
            found = {picture.request_id: await rows.request(picture.request_id) for picture in due}
        for picture in due:
            request = found[picture.request_id]
            if await self._painter.look_again(picture) and request is not None:
                self._hand_on(request, await self._reread(picture), ready=True)

    async def _look_around(self) -> None:
        """Pick up what nobody works on: its command was cancelled before it could acknowledge, or to wake us."""
        await self._void(self._clock.now_ms() - int(ACKNOWLEDGED_WITHIN_S * 1000))
        async with self._database.read() as tx:
            running = await GenerationsRepository(tx).open_requests(RequestState.RUNNING)
        for request in running:
            self.wake(request.id)

    async def _reread(self, picture: PictureRow) -> PictureRow:
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).picture(picture.id) or picture

    async def _keep_up(self) -> None:
        await self._upkeep.purge_tokens()
        await self._upkeep.drop_references()
        await self._upkeep.make_room()

    async def _refresh_models(self) -> None:
        try:
            self._catalogue.refresh(await self._client.models())
        except RivyaError as error:
            log.warning("models.unread", code=error.code)

    async def _watch_account(self) -> None:
        while True:
            try:
                await self._account.read()
                while await self._account.until_closed():
                    await self._give_back_waiting()
                if self._account.closed:  # what was accepted at the moment of closing
                    await self._give_back_waiting()
            except Exception:
                log.exception("account.unwatched")
                await self._clock.sleep(LOOK_EVERY_S)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("upkeep.failed", duty=getattr(work, "__name__", ""))
            await self._clock.sleep(seconds)

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_failure)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("engine.task_died", task=task.get_name(), exc_info=error)
