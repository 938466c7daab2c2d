"""What commands ask of the generations: accept, acknowledge, cancel, look at. Speaks to no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.clock import Clock
from bot.credits.ledger import Balance, Ledger
from bot.credits.quotas import SpendingPolicy, balance_of, hold_all
from bot.credits.repository import CreditsRepository, Entry
from bot.errors import ReferenceRefused
from bot.generations.account import CREDITS_FACT, ProviderAccount
from bot.generations.refusals import (
    DiskShort,
    MissingPermissions,
    NotAllowedHere,
    QueueFull,
    ServicePaused,
    TooManyAtOnce,
)
from bot.generations.repository import GenerationsRepository, RequestRow
from bot.generations.settling import end_without_picture, settle_if_over
from bot.generations.states import UNSENT_STATES, DeliveryState, PictureState, RequestState
from bot.generations.store import FileStore
from bot.generations.values import Accepted, Cancelled, GenerationRequest, HistoryPage, Origin, RequestView
from bot.generations.views import Views
from bot.rivya import Catalogue
from bot.storage import Database
from bot.storage.database import Work

log = structlog.get_logger(__name__)
T = TypeVar("T")

RESULT_ROOM_BYTES = 40 * 1024 * 1024
"""Reserved for one result: a 4096² PNG of noise is about 48 MB, a real one 15 to 30 (measured on the sandbox's)."""
HISTORY_PAGE = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows, beside credits."""

    allowed_guilds: frozenset[int]
    spending: SpendingPolicy
    max_running_per_member: int
    max_waiting: int
    disk_reserve_bytes: int


class Generations:
    """The one door for commands. ``wake`` tells the engine that a request's rows have changed."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Catalogue,
        limits: Limits,
        account: ProviderAccount,
        store: FileStore,
        views: Views,
        clock: Clock,
        new_id: Callable[[], str],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._limits = limits
        self._account = account
        self._store = store
        self._views = views
        self._clock = clock
        self._new_id = new_id
        self._wake = wake
        self._commits: set[asyncio.Task[Any]] = set()

    async def accept(self, request: GenerationRequest, origin: Origin) -> Accepted:
        """Check everything and hold the price: one transaction, nothing sent, not runnable until ``acknowledged``.

        Raises BadOption, ReferenceRefused, a Refused or QuotaExceeded; nothing is held then. The same event
        (``origin``'s source) twice gives the first request again.
        """
        spec = self._catalogue.open_model(request.model)
        options = spec.check(prompt=request.prompt, options=request.options, reference_count=len(request.references))
        for image in request.references:
            if image.size_bytes > spec.reference_max_bytes:
                limit = spec.reference_max_bytes // 1_000_000
                size = image.size_bytes / 1_000_000
                raise ReferenceRefused(image.filename, f"is {size:.0f} MB; {spec.label} takes at most {limit} MB each.")
        if self._limits.allowed_guilds and origin.guild_id not in self._limits.allowed_guilds:
            raise NotAllowedHere
        if origin.missing_permissions and not request.private:
            raise MissingPermissions(origin.missing_permissions)
        if self._account.closed:
            raise ServicePaused(self._account.closed_code or "")
        free_bytes = self._store.free_bytes()
        request_id = self._new_id()
        price = self._catalogue.price_credits(spec.id, options.get("resolution"))
        prices = {f"{request_id}-{position}": price for position in range(1, request.count + 1)}
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> Accepted:
            rows = GenerationsRepository(tx)
            known = await rows.request_of_event(origin.source_kind, origin.source_id)
            if known is not None:
                cost = sum(picture.price_credits for picture in await rows.pictures_of(known.id))
                return Accepted(known.id, cost, repeated=True)
            await self._check_room(rows, request, origin, free_bytes)
            account_id, holds = await hold_all(
                tx,
                self._limits.spending,
                now_ms=now_ms,
                guild_id=origin.guild_id,
                user_id=origin.user_id,
                prices=prices,
                provider_left_credits=await _provider_left(rows),
            )
            await rows.insert_request(
                id=request_id,
                source_kind=origin.source_kind,
                source_id=origin.source_id,
                account_id=account_id,
                user_id=origin.user_id,
                guild_id=origin.guild_id,
                channel_id=origin.channel_id,
                model=spec.id,
                prompt=request.prompt,
                options=json.dumps(options),
                picture_count=request.count,
                private=int(request.private),
                notify=int(request.notify),
                locale=origin.locale,
                state=RequestState.ACCEPTED,
                application_id=origin.application_id,
                interaction_token=origin.interaction_token,
                token_expires_at_ms=origin.token_expires_at_ms,
                upload_limit_bytes=origin.upload_limit_bytes,
                created_at_ms=now_ms,
            )
            await rows.insert_references(request_id, request.references)
            await rows.insert_pictures(request_id, holds, prices)
            return Accepted(request_id, sum(prices.values()))

        accepted = await self._database.write(work)
        log.info(
            "request.accepted",
            request_id=accepted.request_id,
            cost_credits=accepted.cost_credits,
            count=request.count,
            references=len(request.references),
            guild_id=origin.guild_id,
            user_id=origin.user_id,
            repeated=accepted.repeated,
        )
        return accepted

    async def _check_room(
        self, rows: GenerationsRepository, request: GenerationRequest, origin: Origin, free_bytes: int
    ) -> None:
        mine = await rows.open_pictures(user_id=origin.user_id)
        if mine + request.count > self._limits.max_running_per_member:
            raise TooManyAtOnce(mine, self._limits.max_running_per_member)
        waiting = await rows.open_pictures()
        if waiting + request.count > self._limits.max_waiting:
            raise QueueFull
        incoming = sum(image.size_bytes for image in request.references)
        promised = (waiting + request.count) * RESULT_ROOM_BYTES + 2 * incoming
        if free_bytes < promised + self._limits.disk_reserve_bytes:
            log.error("disk.short", free_bytes=free_bytes, promised_bytes=promised)
            raise DiskShort

    async def acknowledged(self, request_id: str, *, message_id: int | None) -> bool:
        """Store that the person has seen that we took it, and where; from now on it runs.

        Returns False when the request was voided in between: then nothing will come of it.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> bool:
            taken = await GenerationsRepository(tx).move_request(
                request_id,
                RequestState.ACCEPTED,
                RequestState.RUNNING,
                acknowledged_at_ms=now_ms,
                message_id=message_id,
            )
            if taken:  # its pictures may have ended meanwhile: the account was closed, or it was cancelled
                await settle_if_over(tx, request_id, now_ms)
            return taken

        taken = await self._write_and_wake(work, request_id)
        log.info("request.acknowledged", request_id=request_id, message_id=message_id, taken=taken)
        return taken

    async def not_acknowledged(self, request_id: str) -> bool:
        """Void a request whose acknowledgement failed or is unknown: the person would ask again, and pay twice."""
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> bool:
            rows = GenerationsRepository(tx)
            if not await rows.move_request(request_id, RequestState.ACCEPTED, RequestState.VOID, settled_at_ms=now_ms):
                return False
            for picture in await rows.pictures_of(request_id):
                await end_without_picture(
                    tx,
                    picture.id,
                    UNSENT_STATES,
                    PictureState.CANCELLED,
                    now_ms=now_ms,
                    failure_code="not_acknowledged",
                )
            return True

        voided = await self._database.write(work)
        log.warning("request.voided", request_id=request_id, voided=voided)
        return voided

    async def cancel(self, request_id: str, *, user_id: int, moderator: bool = False) -> Cancelled | None:
        """Take back what was not sent yet; None when there is no such request of this person.

        Against a submit at the same moment one of the two wins, by compare and set on the row.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> Cancelled | None:
            rows = GenerationsRepository(tx)
            request = await rows.request(request_id)
            if request is None or not (request.user_id == user_id or moderator):
                return None
            freed = [
                ended
                for picture in await rows.pictures_of(request_id)
                if (
                    ended := await end_without_picture(
                        tx, picture.id, UNSENT_STATES, PictureState.CANCELLED, now_ms=now_ms, failure_code="cancelled"
                    )
                )
            ]
            sent = [
                picture
                for picture in await rows.pictures_of(request_id)
                if picture.state in {PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING}
            ]
            return Cancelled(
                len(freed),
                sum(picture.price_credits for picture in freed),
                len(sent),
                sum(picture.price_credits for picture in sent),
            )

        cancelled = await self._write_and_wake(work, request_id)
        if cancelled is not None:
            log.info(
                "request.cancelled", request_id=request_id, freed=cancelled.freed_pictures, sent=cancelled.sent_pictures
            )
        return cancelled

    async def _write_and_wake(self, work: Work[T], request_id: str) -> T:
        """Commit ``work`` and tell the engine, also when the caller is cancelled in between."""

        async def both() -> T:
            result = await self._database.write(work)
            self._wake(request_id)
            return result

        task = asyncio.get_running_loop().create_task(both())
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        return await asyncio.shield(task)

    async def open_requests(self, user_id: int) -> list[RequestRow]:
        """Return a person's requests in work, newest first."""
        async with self._database.read() as tx:
            return await GenerationsRepository(tx).newest_open_requests(user_id)

    async def view(self, request_id: str) -> RequestView | None:
        """Return everything that a card shows of a request."""
        return await self._views.view(request_id)

    async def history(self, *, user_id: int, guild_id: int | None, page: int) -> HistoryPage:
        """Return a page (1 is the newest) of a person's requests in a guild."""
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            _, total = await rows.history(user_id, guild_id, limit=0, offset=0)
            pages = max(-(-total // HISTORY_PAGE), 1)
            page = min(max(page, 1), pages)
            found, _ = await rows.history(user_id, guild_id, limit=HISTORY_PAGE, offset=(page - 1) * HISTORY_PAGE)
            views = await self._views.of(tx, found)
        return HistoryPage(tuple(views), page, pages)

    async def notices(self, *, user_id: int, guild_id: int | None) -> int:
        """Count the requests whose pictures wait in the person's history in this guild; each is told once."""
        async with self._database.read() as tx:
            waiting = await GenerationsRepository(tx).unnoticed(user_id, guild_id)
        if waiting:
            now_ms = self._clock.now_ms()

            async def work(tx: AsyncConnection) -> list[str]:
                rows = GenerationsRepository(tx)
                untold = await rows.unnoticed(user_id, guild_id)  # another command may have told meanwhile
                for request_id in untold:
                    await rows.set_delivery(request_id, noticed_at_ms=now_ms)
                return untold

            waiting = await self._database.write(work)
        return len(waiting)

    async def posted_again(self, request_id: str, *, channel_id: int, message_id: int) -> None:
        """Note where a picture that waited in the history was posted by its owner."""
        now_ms = self._clock.now_ms()

        async def work(tx: AsyncConnection) -> None:
            rows = GenerationsRepository(tx)
            delivery, request = await rows.delivery(request_id), await rows.request(request_id)
            if delivery is None or request is None or delivery.state is not DeliveryState.KEPT:
                return
            # A late picture of a private request must never be edited into what its owner made public.
            place = {} if request.private else {"channel_id": channel_id, "message_id": message_id}
            await rows.set_delivery(request_id, state=DeliveryState.SHOWN, shown_at_ms=now_ms, **place)

        await self._database.write(work)

    async def balance(self, *, user_id: int, guild_id: int | None) -> Balance:
        """Return how a person stands."""
        async with self._database.read() as tx:
            return await balance_of(
                tx, self._limits.spending, now_ms=self._clock.now_ms(), guild_id=guild_id, user_id=user_id
            )

    async def statement(self, *, user_id: int, guild_id: int | None, limit: int = 8) -> list[Entry]:
        """Return a person's newest ledger entries."""
        async with self._database.read() as tx:
            account_id = await CreditsRepository(tx).find_account(guild_id=guild_id, user_id=user_id)
            if account_id is None:
                return []
            return await Ledger(tx, self._clock.now_ms()).statement(account_id, limit)

    async def fact(self, name: str) -> str | None:
        """Return something the bot remembers about itself."""
        async with self._database.read() as tx:
            found = await GenerationsRepository(tx).fact(name)
        return found[0] if found else None

    async def remember(self, name: str, value: str) -> None:
        """Store something about the bot itself."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).remember(name, value, now_ms))


async def _provider_left(rows: GenerationsRepository) -> int | None:
    reading = await rows.fact(CREDITS_FACT)
    if reading is None:
        return None
    value, read_at_ms = reading
    return int(value) - await rows.promised_credits(read_at_ms)
