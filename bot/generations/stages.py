"""What the stages of a picture's way share: their tools, their patience, and how a picture ends without bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import structlog

from bot.clock import Clock
from bot.credits.ledger import Ledger
from bot.errors import BotError
from bot.generations.account import ProviderAccount
from bot.generations.notes import Notes
from bot.generations.operator_news import note_doubted_price
from bot.generations.precedence import Precedence
from bot.generations.references import ReferenceStage
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import (
    end_without_picture,
    void_if_open,
)
from bot.generations.states import FailureCode, PictureState
from bot.generations.store import FileStore
from bot.media import remove_quietly
from bot.rivya import (
    Catalogue,
    DurationBook,
    LearnedPrice,
    RequestBudget,
    RivyaClient,
    RivyaError,
)
from bot.storage import Connection, Database

log = structlog.get_logger(__name__)

MACHINE_WAIT_S = 15.0
"""Between two tries while the disk is full or the database can't be written to."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the painter keeps at it (seconds).

    ``trust_s``: replay of an unanswered create call. ``submit_s``: uploads and creates that are turned down for now.
    ``deadline_s``: from submission until a picture is called late. ``result_s``: a made picture that can't be fetched
    now; ``dead_result_s``: one whose every address is dead, or whose bytes are no picture; ``forgotten_s``: one that
    our own disk does not take; and past this age, over all restarts, a result is asked for only ``last_try_s`` more.
    """

    trust_s: float
    deadline_s: float
    submit_s: float = 900.0
    result_s: float = 24 * 3600.0
    dead_result_s: float = 1800.0
    forgotten_s: float = 3 * 24 * 3600.0
    last_try_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every stage works with. ``changed`` is told of every committed step."""

    database: Database
    client: RivyaClient
    catalogue: Catalogue
    references: ReferenceStage
    account: ProviderAccount
    durations: DurationBook
    budget: RequestBudget
    store: FileStore
    notes: Notes
    clock: Clock
    rng: Random
    patience: Patience
    precedence: Precedence
    changed: Callable[[str], None]


class Stage:
    """Base of the stages: the tools at hand."""

    def __init__(self, tools: Tools) -> None:
        self._database = tools.database
        self._client = tools.client
        self._catalogue = tools.catalogue
        self._references = tools.references
        self._account = tools.account
        self._durations = tools.durations
        self._budget = tools.budget
        self._store = tools.store
        self._notes = tools.notes
        self._clock = tools.clock
        self._rng = tools.rng
        self._patience = tools.patience
        self._precedence = tools.precedence
        self._changed = tools.changed

    async def _learn(self, request: RequestRow, taken: int | None) -> None:
        """Correct the price by what an answer said was ``taken``; what can't be believed is told to the operators."""
        model, resolution, catalogue = request.model, request.resolution, self._catalogue
        if not taken:
            return
        doubted = catalogue.doubted_credits(model, resolution)
        now_ms = self._clock.now_ms()
        spec = catalogue.get(model)
        learned = catalogue.learn_price(model, resolution, taken, said_by=request.id)
        doubts = catalogue.doubted_credits(model, resolution)
        if learned or (doubted is not None and doubts is None):  # what was wrong must not come back by a restart
            price = LearnedPrice(model, resolution, catalogue.price_credits(model, resolution), spec.base_credits)
            await self._database.write(lambda tx: GenerationsRepository(tx).memory.learn_price(price, now_ms))
            log.warning("price.learned", model=model, resolution=resolution, price_credits=price.credits)
        elif doubts not in {None, doubted}:
            said = {
                "label": spec.label,
                "resolution": resolution,
                "taken_credits": taken,
                "price_credits": catalogue.price_credits(model, resolution),
            }
            await self._database.write(lambda tx: note_doubted_price(tx, said, now_ms))
            log.error("price.doubted", model=model, resolution=resolution, taken_credits=taken)


class Endings(Stage):
    """How a picture ends without bytes."""

    async def fail(
        self, picture_id: str, before: set[PictureState], error: BotError, *, taken_credits: int = 0
    ) -> bool:
        """End a picture that was certainly not made; its credits go back. Tells whether it was in such a state.

        One that was written off as late is a loss of ``taken_credits`` only: what the provider took nevertheless.
        """
        now_ms = self._clock.now_ms()
        provider_id = error.request_id if isinstance(error, RivyaError) else None

        async def work(tx: Connection) -> PictureRow | None:
            ended = await end_without_picture(
                tx,
                picture_id,
                before,
                PictureState.FAILED,
                now_ms=now_ms,
                failure_code=error.code,
                provider_request_id=provider_id,
            )
            if ended is not None and ended.task_id is not None:
                await Ledger(tx, now_ms).correct_loss(taken_credits, picture_id=picture_id, reason="failed after all")
            return ended

        ended = await self._database.write(work)
        if ended is not None:
            if isinstance(error, RivyaError) and error.account_problem:
                self._account.close(error, needed_credits=ended.price_credits)
            log.warning("picture.failed", picture_id=picture_id, code=error.code, provider_request_id=provider_id)
            self._changed(ended.request_id)
        return ended is not None

    async def lose(
        self, request: RequestRow, picture: PictureRow, before: set[PictureState], code: FailureCode
    ) -> None:
        """End a picture that was (or may have been) paid for and can't be had: the operator bears it."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            await self.write_off(tx, picture, code, now_ms)
            await end_without_picture(tx, picture.id, before, PictureState.LOST, now_ms=now_ms, failure_code=code)

        await self._database.write(work)
        log.error("picture.lost", picture_id=picture.id, task_id=picture.task_id, code=code)
        await asyncio.to_thread(remove_quietly, self._store.incoming(f"result-{picture.id}"))
        self._changed(request.id)

    async def write_off(self, tx: Connection, picture: PictureRow, code: FailureCode, now_ms: int) -> bool:
        """Void a picture's hold and book the operator's loss, once; tells whether it did."""
        if not await void_if_open(tx, picture, code, now_ms):
            return False
        paid = next(
            (known for known in (picture.final_credits, picture.reserved_credits) if known is not None),
            picture.price_credits,
        )
        await Ledger(tx, now_ms).book_loss(paid, picture_id=picture.id, reason=code)
        return True


def backoff(rng: Random, *, first_s: float, cap_s: float) -> Iterator[float]:
    """Yield waits in seconds, doubling from ``first_s`` to ``cap_s``, each with a fifth of jitter."""
    wait_s = first_s
    while True:
        yield wait_s * rng.uniform(0.8, 1.2)
        wait_s = min(wait_s * 2, cap_s)
