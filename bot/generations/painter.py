"""One picture's way from its hold to its bytes: submit, wait, fetch. Each step commits before the next begins.

What a call may have done is never guessed. A create call that was not answered is repeated, byte for byte under its own
key, only while the provider can be trusted to remember the key (``trust_s`` from the first sending); after that the
picture is *unknown* and is never sent again. A new key is used only after a refusal that certainly had no effect, and
only when no earlier call under the old key was left unanswered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.clock import Clock
from bot.credits.ledger import Ledger
from bot.errors import BotError
from bot.generations.account import ProviderAccount
from bot.generations.notes import Notes
from bot.generations.references import ReferenceStage
from bot.generations.repository import AttemptRow, GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import (
    WRITE_OFF_AFTER_S,
    StoredResult,
    after_change,
    end_with_picture,
    end_without_picture,
    void_if_open,
)
from bot.generations.states import RESTING_STATES, PictureState
from bot.generations.store import RESULT_MIMES, FileStore
from bot.generations.values import Trouble
from bot.media import DamagedResult, ResultInfo, commit_file, inspect_result, remove_quietly
from bot.rivya import (
    Catalogue,
    DurationBook,
    IdempotencyConflict,
    LearnedPrice,
    NotFound,
    RequestBudget,
    ResultGone,
    ResultUnusable,
    RivyaClient,
    RivyaError,
    Task,
    TaskStatus,
    ValidationFailed,
)
from bot.storage import Database

log = structlog.get_logger(__name__)

MAX_RESULT_BYTES = 200 * 1024 * 1024
DAY_S = 24 * 3600
LATE_LOOK_S = 300
"""How often a late picture is asked for in its first day; afterwards every six hours for a week."""
VERY_LATE_LOOK_S = 6 * 3600
FORGOTTEN_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the painter keeps at it (seconds).

    ``trust_s``: replay of an unanswered create call. ``submit_s``: uploads and creates that are turned down for now.
    ``deadline_s``: from submission until a picture is called late. ``result_s``: a made picture that can't be fetched
    now; ``dead_result_s``: one whose every address is dead, or whose bytes are no picture.
    """

    trust_s: float
    deadline_s: float
    submit_s: float = 900.0
    result_s: float = float(DAY_S)
    dead_result_s: float = 1800.0


class Painter:
    """Drives pictures; knows nothing of queues or cards. ``changed`` is told of every committed step."""

    def __init__(
        self,
        *,
        database: Database,
        client: RivyaClient,
        catalogue: Catalogue,
        references: ReferenceStage,
        account: ProviderAccount,
        durations: DurationBook,
        budget: RequestBudget,
        store: FileStore,
        notes: Notes,
        clock: Clock,
        rng: Random,
        patience: Patience,
        changed: Callable[[str], None],
    ) -> None:
        self._database = database
        self._client = client
        self._catalogue = catalogue
        self._references = references
        self._account = account
        self._durations = durations
        self._budget = budget
        self._store = store
        self._notes = notes
        self._clock = clock
        self._rng = rng
        self._patience = patience
        self._changed = changed
        self._creating = 0
        self._stopping = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def stop_submitting(self) -> None:
        """Start no further create call, and return when those on their way are answered and stored."""
        self._stopping.set()
        await self._quiet.wait()

    async def drive(self, picture_id: str) -> None:
        """Take a picture as far as it goes: until it is final, or rests (late or unknown)."""
        begun_ms = self._clock.now_ms()  # patience is counted from here: the queue may have been long
        while True:
            async with self._database.read() as tx:
                rows = GenerationsRepository(tx)
                picture = await rows.picture(picture_id)
                request = await rows.request(picture.request_id) if picture else None
            if picture is None or request is None or picture.state in RESTING_STATES:
                return
            match picture.state:
                case PictureState.HELD:
                    await self._submit(request, picture, begun_ms)
                case PictureState.SUBMITTING:
                    async with self._creation():
                        await self._send(request, picture, begun_ms, answered_before=False)
                case PictureState.PAINTING:
                    await self._wait(request, picture)
                case PictureState.FETCHING:
                    await self._fetch(request, picture)

    # --- submitting ---

    async def _submit(self, request: RequestRow, picture: PictureRow, begun_ms: int) -> None:
        try:
            urls = await self._references.uploaded(request)
        except RivyaError as error:
            await self._not_submitted(request, picture, error, begun_ms)
            return
        spec = self._catalogue.get(request.model)
        body = spec.body(request.prompt, request.chosen, urls, picture.id)
        number = picture.attempt + 1
        now_ms = self._clock.now_ms()

        async def commit(tx: AsyncConnection) -> bool:
            rows = GenerationsRepository(tx)
            won = await rows.move_picture(picture.id, {PictureState.HELD}, PictureState.SUBMITTING, attempt=number)
            if won:  # else it was cancelled meanwhile
                await rows.insert_attempt(picture.id, number, f"nbb-{picture.id}-{number}", body, now_ms)
            return won

        if self._stopping.is_set():
            await asyncio.Event().wait()  # until we are cancelled: it goes on after the restart
        async with self._creation():
            if not await self._database.write(commit):
                return
            log.info("picture.submitting", picture_id=picture.id, attempt=number)
            self._changed(request.id)
            await self._send(request, picture, begun_ms, answered_before=True, number=number)

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
        begun_ms: int,
        *,
        answered_before: bool,
        number: int | None = None,
    ) -> None:
        """Send the committed attempt until it is answered or can't be trusted to be.

        ``answered_before`` False: a call under this key may be out there unanswered (we were killed in the middle).
        """
        attempt = await self._attempt(picture.id, number or picture.attempt)
        doubtful = not answered_before
        waits = _backoff(self._rng, first_s=1.0, cap_s=8.0)
        while True:
            first_sent_ms = attempt.first_sent_at_ms or attempt.committed_at_ms
            trusted_until_ms = first_sent_ms + self._patience.trust_s * 1000
            if doubtful and self._clock.now_ms() >= trusted_until_ms:
                await self._give_up_knowing(request, picture, attempt, "create_unknown")
                return
            try:
                async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                    task = await self._client.create(attempt.body, idempotency_key=attempt.idempotency_key)
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

    async def _attempt(self, picture_id: str, number: int) -> AttemptRow:
        async with self._database.read() as tx:
            attempt = await GenerationsRepository(tx).attempt(picture_id, number)
        if attempt is None:
            raise AssertionError(f"{picture_id} is submitting without an attempt")
        return attempt

    async def _submitted(self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, task: Task) -> None:
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> None:
            rows = GenerationsRepository(tx)
            await rows.move_picture(
                picture.id,
                {PictureState.SUBMITTING},
                PictureState.PAINTING,
                task_id=task.id,
                reserved_credits=task.reserved_credits,
                submitted_at_ms=now_ms,
                deadline_at_ms=now_ms + int(self._patience.deadline_s * 1000),
            )
            await rows.end_attempt(picture.id, attempt.number, task.id, now_ms)

        await self._database.write(work)
        self._account.worked()
        await self._notes.trouble(request.id, None)
        if not self._catalogue.has_learned(request.model, request.resolution):
            await self._learn(request, task.reserved_credits)  # what is finally taken decides, once it is known
        log.info("picture.submitted", picture_id=picture.id, task_id=task.id, reserved_credits=task.reserved_credits)
        self._changed(request.id)

    async def _refused(
        self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, error: RivyaError, begun_ms: int
    ) -> None:
        now_ms = self._clock.now_ms()

        async def back(tx: AsyncConnection) -> None:
            rows = GenerationsRepository(tx)
            await rows.move_picture(picture.id, {PictureState.SUBMITTING}, PictureState.HELD)
            await rows.end_attempt(picture.id, attempt.number, error.code, now_ms)

        await self._database.write(back)
        patient = now_ms - begun_ms < self._patience.submit_s * 1000
        stale = isinstance(error, ValidationFailed) and patient
        if stale and await self._references.renew(request, attempt.committed_at_ms):
            return
        await self._not_submitted(request, picture, error, begun_ms)

    async def _not_submitted(self, request: RequestRow, picture: PictureRow, error: RivyaError, begun_ms: int) -> None:
        """Wait and try again, or end it: the picture is HELD and nothing was started."""
        waited_s = (self._clock.now_ms() - begun_ms) / 1000
        if error.account_problem:
            self._account.close(error, needed_credits=picture.price_credits)
        if error.retryable and waited_s < self._patience.submit_s:
            trouble = Trouble.BUSY if error.definitive and error.http_status else Trouble.UNREACHABLE
            await self._notes.trouble(request.id, trouble)
            pause_s = next(_backoff(self._rng, first_s=2.0 * 2 ** min(picture.attempt, 4), cap_s=30.0))
            await self._clock.sleep(max(pause_s, min(error.retry_after_s or 0.0, 120.0)))
            return
        await self.fail(picture.id, {PictureState.HELD}, error)

    async def _give_up_knowing(self, request: RequestRow, picture: PictureRow, attempt: AttemptRow, code: str) -> None:
        now_ms = self._clock.now_ms()
        first_sent_ms = attempt.first_sent_at_ms or attempt.committed_at_ms

        async def work(tx: AsyncConnection) -> None:
            rows = GenerationsRepository(tx)
            await rows.move_picture(
                picture.id,
                {PictureState.SUBMITTING},
                PictureState.UNKNOWN,
                failure_code="create_unknown",
                next_look_at_ms=first_sent_ms + WRITE_OFF_AFTER_S * 1000,
            )
            await rows.end_attempt(picture.id, attempt.number, code, now_ms)
            await after_change(tx, request.id, PictureState.UNKNOWN, now_ms)

        await self._database.write(work)
        log.error("picture.unknown", picture_id=picture.id, code=code, key=attempt.idempotency_key)
        self._changed(request.id)

    # --- waiting ---

    async def _wait(self, request: RequestRow, picture: PictureRow) -> None:
        submitted_ms = picture.submitted_at_ms or self._clock.now_ms()
        deadline_ms = picture.deadline_at_ms or submitted_ms
        expected_s = self._durations.expected_s(request.model, request.resolution)
        silence = _backoff(self._rng, first_s=4.0, cap_s=30.0)
        pause_s: float | None = None
        heard = False
        while True:
            elapsed_s = (self._clock.now_ms() - submitted_ms) / 1000
            if elapsed_s > max(45.0, 2 * expected_s) and pause_s is None:
                await self._notes.trouble(request.id, Trouble.SLOW)
            planned_s = self._durations.schedule(request.model, request.resolution, elapsed_s)
            await self._clock.sleep(min(pause_s or planned_s, max((deadline_ms - self._clock.now_ms()) / 1000, 0.0)))
            await self._budget.take()
            try:
                async with self._notes.told_if_slow(request.id, Trouble.UNREACHABLE):
                    task = await self._client.status(picture.task_id or "")
            except RivyaError as error:
                await self._unanswered(request, picture, error)
                pause_s = max(next(silence), min(error.retry_after_s or 0.0, 60.0))
            else:
                if pause_s is not None or not heard:  # also what was noted before a restart is over
                    await self._notes.trouble(request.id, None)
                    pause_s, silence = None, _backoff(self._rng, first_s=4.0, cap_s=30.0)
                heard = True
                if await self.ended(request, picture, task):
                    return
            # After the question, never before it: we may have been away for longer than the deadline.
            if self._clock.now_ms() >= deadline_ms:
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

    async def ended(self, request: RequestRow, picture: PictureRow, task: Task) -> bool:
        """Store it when the task has ended; tells whether it has."""
        if task.status is TaskStatus.FAILED:
            await self.fail(picture.id, {PictureState.PAINTING, PictureState.OVERDUE}, task.failure())
            return True
        if task.status is not TaskStatus.SUCCEEDED:
            return False
        now_ms = self._clock.now_ms()
        url = task.result_urls[0] if task.result_urls else None
        final_credits = task.final_credits

        async def work(tx: AsyncConnection) -> bool:
            return await GenerationsRepository(tx).move_picture(
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
            if picture.submitted_at_ms is not None and picture.state is PictureState.PAINTING:
                self._durations.record(request.model, request.resolution, (now_ms - picture.submitted_at_ms) / 1000)
            await self._learn(request, final_credits)
            self._changed(request.id)
        return True

    async def _learn(self, request: RequestRow, taken: int | None) -> None:
        if not taken or not self._catalogue.learn_price(request.model, request.resolution, taken):
            return
        base = self._catalogue.get(request.model).base_credits
        price = LearnedPrice(request.model, request.resolution, taken, base)
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).learn_price(price, now_ms))
        log.warning("price.learned", model=request.model, resolution=request.resolution, price_credits=taken)

    async def _late(self, request: RequestRow, picture: PictureRow) -> None:
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> None:
            await GenerationsRepository(tx).move_picture(
                picture.id,
                {PictureState.PAINTING},
                PictureState.OVERDUE,
                failure_code="overdue",
                next_look_at_ms=now_ms + LATE_LOOK_S * 1000,
            )
            await after_change(tx, request.id, PictureState.OVERDUE, now_ms)

        await self._database.write(work)
        log.error("picture.overdue", picture_id=picture.id, task_id=picture.task_id)
        self._changed(request.id)

    async def look_again(self, picture: PictureRow) -> bool:
        """Ask after a late picture, or end an unknown one whose day is over; True when it can be driven on."""
        async with self._database.read() as tx:
            request = await GenerationsRepository(tx).request(picture.request_id)
        if request is None:
            return False
        if picture.state is PictureState.UNKNOWN:
            await self._lose(request, picture, {PictureState.UNKNOWN}, "create_unknown")
            return False
        try:
            task = await self._client.status(picture.task_id or "")
        except RivyaError as error:
            log.warning("picture.late_look_failed", picture_id=picture.id, code=error.code)
        else:
            if await self.ended(request, picture, task):
                return True
        age_s = (self._clock.now_ms() - (picture.submitted_at_ms or 0)) / 1000
        if age_s >= FORGOTTEN_S:
            await self._lose(request, picture, {PictureState.OVERDUE}, "overdue")
            return False
        now_ms = self._clock.now_ms()
        pause_s = LATE_LOOK_S if age_s < DAY_S else VERY_LATE_LOOK_S

        async def work(tx: AsyncConnection) -> bool:
            rows = GenerationsRepository(tx)
            await rows.set_picture(picture.id, next_look_at_ms=now_ms + pause_s * 1000)
            if age_s < WRITE_OFF_AFTER_S or not await self._write_off(tx, picture, "overdue", now_ms):
                return False
            await rows.set_picture(picture.id, charged_credits=0)
            await after_change(tx, request.id, PictureState.OVERDUE, now_ms)
            return True

        if await self._database.write(work):
            log.error("picture.written_off", picture_id=picture.id, task_id=picture.task_id)
            self._changed(request.id)
        return False

    # --- fetching ---

    async def _fetch(self, request: RequestRow, picture: PictureRow) -> None:
        waits = _backoff(self._rng, first_s=1.0, cap_s=60.0)
        begun_ms = self._clock.now_ms()
        url = picture.result_url
        stored = await asyncio.to_thread(self._kept_before, picture)
        while stored is None:
            try:
                url = url or await self._fresh_url(picture)
                stored = await self._download(request, picture, url)
            except (RivyaError, DamagedResult, OSError) as error:
                if await self._hopeless(request, picture, error, begun_ms):
                    return
                if isinstance(error, ResultGone | DamagedResult):
                    url = None  # the status may name a fresh address
                await self._clock.sleep(next(waits))
        await self._capture(request, picture, stored)

    async def _download(self, request: RequestRow, picture: PictureRow, url: str) -> StoredResult:
        incoming = self._store.incoming(f"result-{picture.id}")
        async with self._notes.told_if_slow(request.id, Trouble.RESULT):
            await self._client.download(url, incoming, max_bytes=MAX_RESULT_BYTES)
        return await asyncio.to_thread(self._keep, picture, incoming)

    async def _hopeless(
        self, request: RequestRow, picture: PictureRow, error: RivyaError | DamagedResult | OSError, begun_ms: int
    ) -> bool:
        """Say what is waited for; True when the picture was given up.

        Patience is counted from when we began to ask (``begun_ms``), not from the success: we may have been away since.
        """
        on_disk = isinstance(error, OSError)
        code = error.code if isinstance(error, BotError) else errno.errorcode.get(error.errno or 0, "os")
        log.warning("picture.fetch_failed", picture_id=picture.id, code=code)
        if isinstance(error, RivyaError) and error.account_problem:
            self._account.close(error)
        waited_s = (self._clock.now_ms() - begun_ms) / 1000
        dead = isinstance(error, ResultUnusable | DamagedResult)
        patience_s = self._patience.dead_result_s if dead else self._patience.result_s
        if waited_s > patience_s and not on_disk:
            await self._lose(request, picture, {PictureState.FETCHING}, "result_gone")
            return True
        if waited_s > 4:
            await self._notes.trouble(request.id, Trouble.DISK if on_disk else Trouble.RESULT)
        return False

    async def _capture(self, request: RequestRow, picture: PictureRow, stored: StoredResult) -> None:
        now_ms = self._clock.now_ms()
        captured = await self._database.write(lambda tx: end_with_picture(tx, picture.id, stored, now_ms=now_ms))
        await self._notes.trouble(request.id, None)
        if captured is not None:
            log.info(
                "picture.captured",
                picture_id=picture.id,
                charged_credits=captured.charged_credits,
                variance_credits=captured.variance_credits,
                size_bytes=stored.size_bytes,
            )
        self._changed(request.id)

    async def _fresh_url(self, picture: PictureRow) -> str:
        task = await self._client.status(picture.task_id or "")
        if not task.result_urls:
            raise ResultGone("no address in the status")
        return task.result_urls[0]

    def _keep(self, picture: PictureRow, incoming: Path) -> StoredResult:
        info = inspect_result(incoming)
        final = self._store.result(picture.id, info.kind.mime)
        commit_file(incoming, final)
        return self._stored(final, info)

    def _kept_before(self, picture: PictureRow) -> StoredResult | None:
        """Find the bytes that were renamed just before a crash kept them from being recorded."""
        for mime in RESULT_MIMES:
            final = self._store.result(picture.id, mime)
            if final.exists():
                with contextlib.suppress(DamagedResult):
                    return self._stored(final, inspect_result(final))
        return None

    def _stored(self, final: Path, info: ResultInfo) -> StoredResult:
        return StoredResult(
            self._store.relative(final), info.kind.mime, info.width, info.height, info.size_bytes, info.sha256
        )

    # --- ending without a picture ---

    async def fail(self, picture_id: str, before: set[PictureState], error: BotError) -> bool:
        """End a picture that was certainly not made; its credits go back. Tells whether it was in such a state."""
        now_ms = self._clock.now_ms()
        provider_id = error.request_id if isinstance(error, RivyaError) else None
        ended = await self._database.write(
            lambda tx: end_without_picture(
                tx,
                picture_id,
                before,
                PictureState.FAILED,
                now_ms=now_ms,
                failure_code=error.code,
                provider_request_id=provider_id,
            )
        )
        if ended is not None:
            if isinstance(error, RivyaError) and error.account_problem:
                self._account.close(error, needed_credits=ended.price_credits)
            log.warning("picture.failed", picture_id=picture_id, code=error.code, provider_request_id=provider_id)
            self._changed(ended.request_id)
        return ended is not None

    async def _lose(self, request: RequestRow, picture: PictureRow, before: set[PictureState], code: str) -> None:
        """End a picture that was (or may have been) paid for and can't be had: the operator bears it."""
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> None:
            await self._write_off(tx, picture, code, now_ms)
            await end_without_picture(tx, picture.id, before, PictureState.LOST, now_ms=now_ms, failure_code=code)

        await self._database.write(work)
        log.error("picture.lost", picture_id=picture.id, task_id=picture.task_id, code=code)
        await asyncio.to_thread(remove_quietly, self._store.incoming(f"result-{picture.id}"))
        self._changed(request.id)

    async def _write_off(self, tx: AsyncConnection, picture: PictureRow, code: str, now_ms: int) -> bool:
        if not await void_if_open(tx, picture, code, now_ms):
            return False
        paid = next(
            (known for known in (picture.final_credits, picture.reserved_credits) if known is not None),
            picture.price_credits,
        )
        await Ledger(tx, now_ms).book_loss(paid, picture_id=picture.id, reason=code)
        return True


def _backoff(rng: Random, *, first_s: float, cap_s: float) -> Iterator[float]:
    wait_s = first_s
    while True:
        yield wait_s * rng.uniform(0.8, 1.2)
        wait_s = min(wait_s * 2, cap_s)
