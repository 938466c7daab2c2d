"""Brings what became of a request to the person: progress while it runs, then the result, by the best way that works.

The ladder, best first::

    public    edit our message by the bot's own token → edit the original response by its token
              → a new channel message with a nonce → a direct message → kept in /history
              (the first two change places until something is shown: the token surely ends Discord's "thinking")
    private   edit the original response by its token → a direct message → kept in /history

In a person's direct messages with the bot there is no other channel; where the bot is no member there are the token, a
direct message and /history.

Where a delivery stands is in its row, so a restart goes on at the same rung. Credits were captured before: nothing here
costs or returns any. One task per request owns its message: progress can never overwrite a result.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bot.clock import Clock, wait_for_event
from bot.errors import is_of_the_machine
from bot.generations.files import files_of, kept
from bot.generations.pace import Pace
from bot.generations.precedence import Precedence
from bot.generations.protocols import Delivery, DeliveryError, DeliveryFault, Posted, PostFile, Target
from bot.generations.repository import DeliveryRow, GenerationsRepository, PictureRow, RequestRow
from bot.generations.states import RESTING_STATES, DeliveryState, PictureState, RequestState, Rung
from bot.generations.store import FileStore
from bot.generations.values import PictureView, Place, RequestView
from bot.generations.views import Gathered, Views
from bot.media import MIN_LIMIT_BYTES
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

PATIENCE_FOR_LATE_ONES_S = 60.0
"""After the first success of several pictures the message is posted; the others are edited in."""
FIRST_PROGRESS_GAP_S = 2.5
LAST_PROGRESS_GAP_S = 10.0
"""Edits per message: Discord allows about five in five seconds for a whole channel."""
PROGRESS_PER_S = 10
"""Edits of progress in all messages together, and as many first ones, which end "thinking". Discord takes 50 requests a
second from a bot, and each costs us milliseconds: acknowledgements and results come before a bar that moves on."""
STUCK_ON_RUNG_S = 1800.0
"""An edit may be repeated without harm, a new message may not: so an edit is tried for long before the next way."""
GIVE_UP_S = 24 * 3600.0
SEARCH_AFTER_S = 120.0
"""Discord forgets nonces after some minutes; past this the channel is searched for our own message first."""
SEND_AT_LEAST_S = 30.0
"""With less than this left of a nonce's time, the channel is searched, too: a file takes some time to arrive."""
MAX_SHRINKS = 4
FAILED_WAIT_S = 30.0
MAX_FAILURES = 5
"""Errors of our own in a row (a file that can't be made smaller) before a result is kept in /history."""
MAX_MACHINE_FAILURES = int(GIVE_UP_S / FAILED_WAIT_S)
"""Likewise of the machine's (a full disk): those pass when somebody looks after it."""

_EDITS = frozenset({Rung.EDIT_MESSAGE, Rung.EDIT_ORIGINAL})
_ENDED = frozenset({DeliveryState.KEPT, DeliveryState.WITHDRAWN})


class _Ended(Protocol):
    """How far a picture is."""

    @property
    def state(self) -> PictureState: ...
    @property
    def finished_at_ms(self) -> int | None: ...


@dataclass
class _Progress:
    """What one task knows of its message: whether anything was shown in it yet, and which edits are refused."""

    shown: bool = False
    closed: set[Rung] = field(default_factory=set)
    over: bool = False


class Courier:
    """Owns the messages. ``changed`` may be called from anywhere when a request's rows have changed."""

    def __init__(
        self,
        *,
        database: Database,
        delivery: Delivery,
        views: Views,
        store: FileStore,
        clock: Clock,
        precedence: Precedence,
        forget: Callable[[str], None],
    ) -> None:
        self._database = database
        self._delivery = delivery
        self._views = views
        self._store = store
        self._clock = clock
        self._precedence = precedence
        self._forget = forget
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._failures: dict[str, int] = {}
        self._first_edits = Pace(clock, per_s=PROGRESS_PER_S)
        self._later_edits = Pace(clock, per_s=PROGRESS_PER_S)
        self._closing = False

    def changed(self, request_id: str) -> None:
        """Look at a request (again) soon."""
        if self._closing:
            return
        self._news.setdefault(request_id, asyncio.Event()).set()
        if request_id not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._carry(request_id), name=f"courier {request_id}")
            self._tasks[request_id] = task

    @property
    def busy(self) -> bool:
        """Whether any message is being looked after."""
        return bool(self._tasks)

    async def close(self) -> None:
        """Stop; what is not shown yet is shown after the next start."""
        self._closing = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, request_id: str) -> None:
        structlog.contextvars.bind_contextvars(request_id=request_id)
        news = self._news[request_id]
        try:
            await self._look_after(request_id, news)
            self._failures.pop(request_id, None)
        except Exception as error:
            failures = self._failures[request_id] = self._failures.get(request_id, 0) + 1
            log.exception("courier.failed", failures=failures)
            most = MAX_MACHINE_FAILURES if is_of_the_machine(error) else MAX_FAILURES
            if failures < most or not await self._gave_up(request_id, error):
                await self._clock.sleep(FAILED_WAIT_S)
                news.set()
        finally:
            self._tasks.pop(request_id, None)
            if news.is_set() and not self._closing:
                self.changed(request_id)
            else:
                self._news.pop(request_id, None)

    async def _gave_up(self, request_id: str, error: Exception) -> bool:
        """Keep a result that can't be posted for an error of our own; False when there is none yet, or no database."""
        try:
            row = await self._database.look(lambda tx: GenerationsRepository(tx).deliveries.get(request_id))
            view = await self._views.view(request_id)
            # What failed may have been a bar that moved on, while the result came: that one has not been tried yet.
            tried = row is not None and row.first_try_at_ms is not None
            if row is None or view is None or not tried or not self._is_due(view.pictures, row.state):
                return False
            await self._end(request_id, DeliveryState.KEPT, type(error).__name__)
        except Exception:
            log.exception("delivery.not_ended")
            return False
        log.error("delivery.given_up", error=type(error).__name__)
        self._failures.pop(request_id, None)
        return True

    async def _look_after(self, request_id: str, news: asyncio.Event) -> None:
        gap_s = FIRST_PROGRESS_GAP_S
        next_edit_ms: int | None = None
        progress = _Progress()
        while True:
            news.clear()
            standing = await self._database.look(lambda tx: GenerationsRepository(tx).deliveries.standing(request_id))
            if standing is None or standing.request is RequestState.VOID:
                return
            if standing.delivery in _ENDED:
                return
            waits = standing.delivery is DeliveryState.WAITING and standing.request is RequestState.RUNNING
            wait_s = gap_s
            if self._is_due(standing.pictures, standing.delivery):
                if (seen := await self._see(request_id)) is None:
                    return
                wait_s = await self._deliver(*seen, progress)
                self._failures.pop(request_id, None)
            elif standing.delivery is not DeliveryState.WAITING:
                if _is_over(standing.pictures):
                    self._forget(request_id)
                    return
                wait_s = LAST_PROGRESS_GAP_S
            elif waits and not progress.over:
                # However much news there is: Discord limits edits.
                next_edit_ms = self._first_edits.moment_ms() if next_edit_ms is None else next_edit_ms
                now_ms = self._clock.now_ms()
                if now_ms >= next_edit_ms:
                    await self._precedence.give_way()
                    if (seen := await self._see(request_id)) is None:
                        return
                    await self._show_progress(*seen, progress)
                    gap_s = min(gap_s * 1.15, LAST_PROGRESS_GAP_S)
                    next_edit_ms = max(now_ms + int(gap_s * 1000), self._later_edits.moment_ms())
                wait_s = max((next_edit_ms - now_ms) / 1000, 0.0)
            await wait_for_event(self._clock, news, wait_s)

    async def _see(self, request_id: str) -> tuple[RequestRow, DeliveryRow, RequestView] | None:
        """Gather what a card shows; most news changes nothing yet, so it is done only when one is to be drawn."""

        async def gather(tx: Connection) -> tuple[DeliveryRow | None, Gathered | None]:
            row = await GenerationsRepository(tx).deliveries.get(request_id)
            return row, await self._views.gather_one(tx, request_id)

        row, gathered = await self._database.look(gather)
        if row is None or gathered is None:
            return None
        return gathered.requests[0], row, self._views.draw(gathered)[0]

    def _is_due(self, pictures: Sequence[_Ended], state: DeliveryState) -> bool:
        if state is not DeliveryState.WAITING:
            return state is DeliveryState.DUE
        if _is_over(pictures):
            return True
        first_ms = min(
            (p.finished_at_ms for p in pictures if p.state is PictureState.FETCHED and p.finished_at_ms),
            default=None,
        )
        return first_ms is not None and self._clock.now_ms() - first_ms >= PATIENCE_FOR_LATE_ONES_S * 1000

    # --- progress ---

    async def _show_progress(
        self, request: RequestRow, row: DeliveryRow, view: RequestView, progress: _Progress
    ) -> None:
        """Edit by the first way that is open; progress is over when none is, or when the message is gone."""
        for rung in self._rungs(request, row, progress):
            if rung not in _EDITS or rung in progress.closed:
                continue
            try:
                await self._delivery.show_progress(rung, view, self._target(request, row, view))
            except DeliveryError as error:
                log.info("progress.not_shown", rung=rung, fault=error.fault)
                if error.fault is DeliveryFault.TRANSIENT:
                    return
                if error.fault is DeliveryFault.GONE:
                    break
                progress.closed.add(rung)
            else:
                progress.shown = True
                return
        progress.over = True

    # --- the ladder ---

    def _rungs(self, request: RequestRow, row: DeliveryRow, progress: _Progress) -> list[Rung]:
        token_lives = request.interaction_token is not None and request.token_expires_at_ms > self._clock.now_ms()
        ladder: list[Rung] = []
        place = Place(request.place)
        stands_in_own_message = row.message_id is not None and row.message_id != request.message_id
        editable = place is not Place.OUTSIDE and not request.private and request.message_id is not None
        if place is Place.OUTSIDE:  # our own token opens nothing there but the direct messages
            stands_in_own_message = stands_in_own_message and row.rung == Rung.DIRECT
        if stands_in_own_message or editable:
            ladder.append(Rung.EDIT_MESSAGE)
        if token_lives:
            # The first edit of all is the token's; a delivery that began with the other way goes on with it.
            nothing_shown = not progress.shown and row.message_id is None and row.rung != Rung.EDIT_MESSAGE
            ladder.insert(0 if nothing_shown else len(ladder), Rung.EDIT_ORIGINAL)
        if not request.private and place is Place.SERVER:
            ladder.append(Rung.CHANNEL)
        ladder.append(Rung.DIRECT)
        return ladder

    def _target(self, request: RequestRow, row: DeliveryRow, view: RequestView) -> Target:
        first_try_ms = row.first_try_at_ms
        now_ms = self._clock.now_ms()
        left_s = SEARCH_AFTER_S - (now_ms - (first_try_ms if first_try_ms is not None else now_ms)) / 1000
        return Target(
            application_id=request.application_id,
            interaction_token=request.interaction_token,
            message_id=row.message_id or request.message_id,
            # The same for every try of one message, whatever became of the pictures meanwhile.
            # And of this way only: Discord tells nonces apart by their author, not by their channel.
            nonce=f"{request.id}{'d' if row.rung == Rung.DIRECT else 'c'}{(first_try_ms or 0) // 1000:08x}",
            nonce_left_s=left_s if left_s >= SEND_AT_LEAST_S else None,
        )

    async def _deliver(self, request: RequestRow, row: DeliveryRow, view: RequestView, progress: _Progress) -> float:
        """Try the current rung, and the next ones as far as they are closed; returns seconds to wait, 0 when done."""
        now_ms = self._clock.now_ms()
        if row.next_try_at_ms is not None and row.next_try_at_ms > now_ms:
            return float(row.next_try_at_ms - now_ms) / 1000
        rungs = ladder = self._rungs(request, row, progress)
        if row.rung is not None and row.first_try_at_ms is not None and Rung(row.rung) in rungs:
            rungs = rungs[rungs.index(Rung(row.rung)) :]
        fault: DeliveryFault | None = None
        for rung in rungs:
            row = await self._begin(request.id, row, rung, digest_of(view.pictures))
            try:
                posted = await self._post(rung, request, row, view)
            except DeliveryError as error:
                fault = error.fault
                log.warning("delivery.refused", rung=rung, fault=fault, detail=str(error)[:200])
                if fault is DeliveryFault.GONE and _was_deleted(rung, request, row, ladder):
                    # Only its owner can dismiss a private one; of the others somebody else may have deleted it, unseen.
                    await self._end(
                        request.id, DeliveryState.WITHDRAWN if request.private else DeliveryState.KEPT, str(error)
                    )
                    return 0.0
                if fault is DeliveryFault.TRANSIENT:
                    waited_s = (self._clock.now_ms() - (row.first_try_at_ms or now_ms)) / 1000
                    if waited_s < (STUCK_ON_RUNG_S if rung is not rungs[-1] else GIVE_UP_S):
                        return await self._later(request.id, row, str(error))
            else:
                # A new message that an earlier try may have posted shows what was true then: edit it to be sure.
                certain = rung in _EDITS or row.shown_digest == digest_of(view.pictures)
                await self._shown(request, rung, view, posted, certain=certain)
                return 0.0
        await self._end(request.id, DeliveryState.KEPT, str(fault))
        return 0.0

    async def _begin(self, request_id: str, row: DeliveryRow, rung: Rung, digest: str) -> DeliveryRow:
        """Commit which way is tried, since when, and what its first try is to show, before it is tried."""
        if row.rung == rung and row.first_try_at_ms is not None:
            return row
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> DeliveryRow | None:
            rows = GenerationsRepository(tx)
            await rows.deliveries.change(
                request_id, rung=rung, tries=0, first_try_at_ms=now_ms, next_try_at_ms=None, shown_digest=digest
            )
            return await rows.deliveries.get(request_id)

        return await self._database.write(work) or row

    async def _post(self, rung: Rung, request: RequestRow, row: DeliveryRow, view: RequestView) -> Posted:
        limit = self._delivery.upload_limit_bytes(rung, view, request.upload_limit_bytes)
        total: int | None = None
        for _ in range(MAX_SHRINKS):
            pictures = await asyncio.to_thread(kept, self._store, view)
            files = await files_of(self._store, view, pictures, limit_bytes=limit, total_bytes=total)
            try:
                return await self._delivery.post(rung, view, self._target(request, row, view), files)
            except DeliveryError as error:
                if error.fault is not DeliveryFault.TOO_LARGE or not files:
                    raise
                sent = await asyncio.to_thread(_total_bytes, files)
                log.warning("delivery.too_large", rung=rung, limit_bytes=limit, total_bytes=total, sent_bytes=sent)
                # First all of them together under the limit of one, then half of what was sent, and again.
                total = limit if sent > limit else sent // 2
                if total < len(files) * MIN_LIMIT_BYTES:
                    break
                limit = min(limit, total)
        raise DeliveryError(DeliveryFault.REJECTED, "too large however small")

    async def _shown(
        self, request: RequestRow, rung: Rung, view: RequestView, posted: Posted, *, certain: bool
    ) -> None:
        now_ms = self._clock.now_ms()
        ping = request.notify and any(p.state is PictureState.FETCHED for p in view.pictures)

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx)
            row = await rows.deliveries.get(request.id)
            # A picture may have ended while this was being posted.
            latest = digest_of(await rows.pictures.of(request.id)) == digest_of(view.pictures)
            message_id = request.message_id if rung is Rung.EDIT_ORIGINAL else posted.message_id
            state = DeliveryState.SHOWN if latest and certain else DeliveryState.DUE
            if row is not None and row.state in _ENDED:  # somebody deletes it at this moment
                state = row.state
            await rows.deliveries.change(
                request.id,
                state=state,
                rung=rung,
                shown_digest=digest_of(view.pictures),
                channel_id=posted.channel_id,
                message_id=message_id,
                shown_at_ms=now_ms,
                first_try_at_ms=None,
                next_try_at_ms=None,
                tries=0,
                last_error=None,
            )
            first_ping = bool(ping and row is not None and row.notified_at_ms is None)
            if first_ping:
                await rows.deliveries.change(request.id, notified_at_ms=now_ms)
            return first_ping

        must_ping = await self._database.write(work)
        log.info("delivery.shown", rung=rung, message_id=posted.message_id)
        if must_ping:
            current = await self._views.view(request.id)
            try:
                await self._delivery.ping(current or view)
            except DeliveryError as error:
                log.warning("ping.refused", fault=error.fault)

    async def _later(self, request_id: str, row: DeliveryRow, error: str) -> float:
        wait_s = min(2.0 * float(2 ** min(row.tries, 8)), 300.0)
        next_ms = self._clock.now_ms() + int(wait_s * 1000)
        await self._database.write(
            lambda tx: GenerationsRepository(tx).deliveries.change(
                request_id, tries=row.tries + 1, next_try_at_ms=next_ms, last_error=error[:300]
            )
        )
        return wait_s

    async def _end(self, request_id: str, state: DeliveryState, error: str) -> None:
        async def work(tx: Connection) -> DeliveryState:
            rows = GenerationsRepository(tx).deliveries
            row = await rows.get(request_id)
            # Whoever deleted it through the bot has said what becomes of it.
            after = row.state if row is not None and row.state in _ENDED else state
            await rows.change(request_id, state=after, last_error=error[:300])
            return after

        log.warning("delivery.ended", state=await self._database.write(work), error=error[:200])
        self._forget(request_id)


def digest_of(pictures: Sequence[PictureView] | Sequence[PictureRow]) -> str:
    """Return what tells one version of a result from another: what became of its pictures.

    How far those have got that are still in work makes no difference; a late one is late until it has come.
    """
    states = [(str(p.state) if p.state in RESTING_STATES else p.failure_code, p.charged_credits) for p in pictures]
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _was_deleted(rung: Rung, request: RequestRow, row: DeliveryRow, ladder: Sequence[Rung]) -> bool:
    """Tell whether a person deleted the message that ``rung`` does not find.

    By an interaction's token one that went with its channel looks the same. Of a public one the bot's own token knows;
    a private one can't be deleted by others, and whoever dismisses it before there is a picture still wants that.
    """
    if rung is not Rung.EDIT_ORIGINAL:
        return rung is Rung.EDIT_MESSAGE
    return row.shown_at_ms is not None if request.private else Rung.EDIT_MESSAGE not in ladder


def _total_bytes(files: Sequence[PostFile]) -> int:
    return sum(file.path.stat().st_size for file in files)


def _is_over(pictures: Sequence[_Ended]) -> bool:
    return all(picture.state in RESTING_STATES for picture in pictures)
