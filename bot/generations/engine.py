"""Runs requests: resumes them at the start, hands their pictures on to their places, and ends in order.

Everything that matters is in the rows; what this class holds in memory is rebuilt from them at every start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

import structlog

from bot.clock import Clock
from bot.errors import BotError, is_of_the_machine
from bot.generations.account import ProviderAccount
from bot.generations.background import Background, attempt
from bot.generations.courier import SEARCH_AFTER_S, Courier
from bot.generations.erasing import Eraser
from bot.generations.house_log import HouseLog
from bot.generations.operator_news import OperatorNews
from bot.generations.painter import Painter
from bot.generations.places import INTERNAL_WAITS_S, MACHINE_PATIENCE_S, InternalError, Places
from bot.generations.precedence import Precedence
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault, Voided
from bot.generations.references import ReferenceStage
from bot.generations.refusals import ServerPaused
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.repository.requests import VOID_NEWS_S
from bot.generations.service import Generations
from bot.generations.stages import MACHINE_WAIT_S
from bot.generations.states import PictureState, RequestState, SourceKind
from bot.generations.tray import Tray
from bot.generations.upkeep import Upkeep
from bot.rivya import Catalogue, RivyaClient, RivyaError, from_code
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 60.0
ACKNOWLEDGED_WITHIN_S = 60.0
"""Discord takes an acknowledgement for 3 s only: whatever is not acknowledged after a minute never will be."""
WORKED_ON = {PictureState.HELD, PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING}
"""Pictures in these states are driven, or wait for their place; the others rest."""
UPKEEP_EVERY_S = 300.0
MODELS_EVERY_S = 6 * 3600.0
MODELS_RETRY_S = 60.0
"""After a question without an answer; each time twice as long, up to what is usual."""
LOG_EVERY_S = 5.0
"""What happens within it is told in one message of a server's log."""
NEWS_EVERY_S = 5.0
ACCOUNT_AT_START_S = 10.0


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
        eraser: Eraser,
        places: Places,
        tray: Tray,
        house_log: HouseLog,
        operator_news: OperatorNews,
        delivery: Delivery,
        catalogue: Catalogue,
        client: RivyaClient,
        clock: Clock,
        precedence: Precedence,
        grace_s: float,
    ) -> None:
        self._database = database
        self._generations = generations
        self._references = references
        self._painter = painter
        self._courier = courier
        self._account = account
        self._upkeep = upkeep
        self._eraser = eraser
        self._places = places
        self._tray = tray
        self._house_log = house_log
        self._operator_news = operator_news
        self._delivery = delivery
        self._catalogue = catalogue
        self._client = client
        self._clock = clock
        self._precedence = precedence
        self._grace_s = grace_s
        self._inbox: deque[str] = deque()
        self._mail = asyncio.Event()
        self._paused = asyncio.Event()
        self._background = Background(clock)
        self._requests: dict[str, asyncio.Task[None]] = {}
        self._stopped = False

    async def __aenter__(self) -> Self:
        await self._upkeep.clear_incoming()
        await self._operator_news.begin()
        await self._look_whether_all_is_well()
        await self._void_unacknowledged()
        await self._resume()
        background = self._background
        background.keep(self._read_mail, "mail", rebuild=self._resume)  # what was in it is in the rows
        background.keep(self._places.give, "places")
        background.every(LOOK_EVERY_S, self._look_again, "late pictures")
        background.every(LOOK_EVERY_S, self._look_around, "left behind")
        background.every(UPKEEP_EVERY_S, self._keep_up, "upkeep")
        background.keep(self._watch_account, "account")
        background.every(LOG_EVERY_S, self._house_log.post, "logs of servers")
        background.every(NEWS_EVERY_S, self._operator_news.tell, "operators")
        background.keep(self._watch_pauses, "pauses")
        background.keep(self._watch_models, "models")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self, *, within_s: float | None = None) -> None:
        """Submit nothing more, let calls that cost money be answered, then stop everything.

        ``within_s``: how long those calls have; ``grace_s`` unless it is said.
        """
        if self._stopped:
            return
        self._stopped = True
        log.info("engine.stopping", running=self._places.running, waiting=self._places.waiting)
        try:
            grace_s = self._grace_s if within_s is None else within_s
            await asyncio.wait_for(self._painter.stop_submitting(), grace_s)
        except TimeoutError:
            log.warning("engine.grace_over")
        finally:  # also when whoever stops us is cancelled
            await self.abandon()
        log.info("engine.stopped")

    async def abandon(self) -> None:
        """Stop at once, as a crash would, but for the tasks' own clearing up; the next start goes on from the rows."""
        self._stopped = True
        tasks = [*self._background.tasks, *self._requests.values(), *self._places.tasks]
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
    def down(self) -> list[str]:
        """The names of the tasks that must live, and do not at the moment: each is begun again soon."""
        return self._background.down

    @property
    def idle(self) -> bool:
        """Whether nothing is being worked on (late and unknown pictures only wait)."""
        return not (self._inbox or self._requests or self._places.tasks or self._places.waiting or self._courier.busy)

    async def until_idle(self) -> None:
        """Return when nothing is being worked on."""
        while not self.idle:
            await asyncio.sleep(0.01)

    # --- start ---

    async def _void_unacknowledged(self) -> None:
        now_ms = self._clock.now_ms()
        untold = await self._database.look(lambda tx: GenerationsRepository(tx).requests.untold_voids(now_ms))
        for request in untold:  # we died between giving it back and saying so
            self._background.once(self._say_void(request), "void")
        await self._void(now_ms)

    async def _void(self, before_ms: int) -> None:
        """Void what was accepted until ``before_ms`` and is not acknowledged."""
        unseen = await self._database.look(lambda tx: GenerationsRepository(tx).requests.open(RequestState.ACCEPTED))
        for request in unseen:
            if request.created_at_ms > before_ms:
                continue
            voided = await self._generations.not_acknowledged(request.id)
            if voided:
                self._background.once(self._say_void(request), "void")

    async def _say_void(self, request: RequestRow) -> None:
        wait_s = 1.0  # at a start Discord is not connected yet
        until_ms = request.created_at_ms + VOID_NEWS_S * 1000
        by_message = request.source_kind == SourceKind.MESSAGE
        posted = by_message or request.source_kind == SourceKind.ELSEWHERE
        while (posted or request.interaction_token is not None) and self._clock.now_ms() < until_ms:
            voided = Voided(
                request_id=request.id,
                application_id=request.application_id,
                interaction_token=request.interaction_token,
                channel_id=request.channel_id,
                guild_id=request.place_guild_id,
                source_message_id=int(request.source_id) if by_message else None,
                search_history=self._clock.now_ms() - request.created_at_ms > SEARCH_AFTER_S * 1000,
            )
            try:
                await self._delivery.say_void(voided)
                break
            except DeliveryError as error:
                log.info("void.not_said", request_id=request.id, fault=error.fault)
                if error.fault is not DeliveryFault.TRANSIENT:
                    break
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, 60.0)
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).requests.void_told(request.id, now_ms))

    async def _resume(self) -> None:
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            running = await rows.requests.open(RequestState.RUNNING)
            deliveries = await rows.deliveries.open()
        for request in running:
            log.info("request.resumed", request_id=request.id)
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
            await self._precedence.give_way()
            request = await self._database.look(lambda tx: GenerationsRepository(tx).requests.get(request_id))
            if request is None or request.state is not RequestState.RUNNING:
                return
            ready = await self._guarded(lambda: self._references.spool(request), request_id)
            pictures = await self._database.look(lambda tx: GenerationsRepository(tx).pictures.of(request_id))
            for picture in pictures:
                self._places.hand_on(request, picture, ready=bool(ready))
        finally:
            self._requests.pop(request_id, None)
            self._courier.changed(request_id)

    async def _guarded(self, work: Callable[[], Awaitable[bool]], request_id: str) -> bool | None:
        """Do the references' work; an error of our own is tried again, then gives the credits back."""
        begun_ms = self._clock.now_ms()
        waits: list[float | None] = [*INTERNAL_WAITS_S, None]
        while waits:
            try:
                return await work()
            except Exception as error:
                if is_of_the_machine(error) and self._clock.now_ms() - begun_ms < MACHINE_PATIENCE_S * 1000:
                    wait_s: float | None = MACHINE_WAIT_S
                    log.warning("references.wait_for_machine", error=str(error))
                else:
                    wait_s = waits.pop(0)
                    log.exception("references.failed")
                if wait_s is not None:
                    await self._places.tell_of_our_error(request_id)
                    await self._clock.sleep(wait_s)
        pictures = await self._database.look(lambda tx: GenerationsRepository(tx).pictures.of(request_id))
        for picture in pictures:
            await self._painter.fail(picture.id, {PictureState.HELD}, InternalError())
        return None

    # --- background ---

    async def _look_again(self) -> None:
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            due = await rows.pictures.in_states(
                {PictureState.OVERDUE, PictureState.UNKNOWN}, look_before_ms=self._clock.now_ms()
            )
            found = {picture.request_id: await rows.requests.get(picture.request_id) for picture in due}
        for picture in due:
            request = found[picture.request_id]
            with structlog.contextvars.bound_contextvars(request_id=picture.request_id):
                try:
                    if await self._painter.look_again(picture) and request is not None:
                        self._places.hand_on(request, await self._reread(picture), ready=True)
                except Exception:  # one that is in trouble must not keep the others from their end
                    log.exception("picture.not_looked_at", picture_id=picture.id)

    async def _look_around(self) -> None:
        """Pick up what nobody works on: its command was cancelled before it could acknowledge, or to wake us."""
        await self._void(self._clock.now_ms() - int(ACKNOWLEDGED_WITHIN_S * 1000))

        async def look(tx: Connection) -> tuple[list[RequestRow], list[PictureRow]]:
            rows = GenerationsRepository(tx)
            return await rows.requests.open(RequestState.RUNNING), await rows.pictures.in_states(WORKED_ON)

        running, pictures = await self._database.look(look)
        # Not all: waking hundreds of those that are well at once would hold everybody up for a second.
        left = {picture.request_id for picture in pictures if not self._places.has(picture.id)}
        worked_on = {picture.request_id for picture in pictures} - left
        for request in running:
            if request.id not in worked_on:
                self.wake(request.id)

    async def _reread(self, picture: PictureRow) -> PictureRow:
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).pictures.get(picture.id) or picture

    async def _keep_up(self) -> None:
        duties: dict[str, Callable[[], Awaitable[None]]] = {
            "tokens": self._upkeep.purge_tokens,
            "references": self._upkeep.drop_references,
            "drafts": self._upkeep.forget_drafts,
            "trays": self._tray.sweep,
            "room": self._upkeep.make_room,
            "erasing": self._eraser.keep_up,
        }
        for name, duty in duties.items():  # one that fails keeps none of those behind it from being done
            await attempt(duty, name)

    async def _watch_models(self) -> None:
        retry_s = MODELS_RETRY_S
        while True:
            try:
                self._catalogue.refresh(await self._client.models())
            except Exception as error:
                if isinstance(error, RivyaError):
                    log.warning("models.unread", code=error.code)
                else:
                    log.exception("upkeep.failed", duty="models")
                await self._clock.sleep(retry_s)
                retry_s = min(retry_s * 2, MODELS_EVERY_S)
            else:
                retry_s = MODELS_RETRY_S
                await self._clock.sleep(MODELS_EVERY_S)

    async def _look_whether_all_is_well(self) -> None:
        """Read the account before anything is taken up that would be given back because it was closed before."""
        if not self._account.closed:
            return
        try:
            async with asyncio.timeout(ACCOUNT_AT_START_S):
                await self._account.read()
        except TimeoutError:
            log.warning("account.unread_at_start")

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

    async def _give_back_waiting(self) -> None:
        """Give back what was not submitted, since the operator's account can't be used; people are told."""
        code = self._account.closed_code
        if code is None:
            return
        waiting = await self._database.look(
            lambda tx: GenerationsRepository(tx).pictures.in_states({PictureState.HELD})
        )
        await self._give_back(waiting, from_code(code))

    def give_back_paused(self) -> None:
        """Give back what was not submitted in servers that the operator has paused; returns at once."""
        self._paused.set()

    async def _watch_pauses(self) -> None:
        while True:
            self._paused.clear()
            try:
                await self.give_back_where_paused()
            except Exception:  # what was left is turned down when its turn comes
                log.exception("pauses.unwatched")
            await self._paused.wait()

    async def give_back_where_paused(self) -> None:
        """Give back what was not submitted in servers that the operator has paused; returns when it is done."""
        waiting = await self._database.look(lambda tx: GenerationsRepository(tx).operator.waiting_where_paused())
        await self._give_back(waiting, ServerPaused)

    async def _give_back(self, waiting: Sequence[PictureRow], error: Callable[[], BotError]) -> None:
        for picture in waiting:
            self._places.discard(picture.id)
            with structlog.contextvars.bound_contextvars(request_id=picture.request_id):
                await self._painter.fail(picture.id, {PictureState.HELD}, error())
