"""What commands ask of the generations: accept, acknowledge, cancel, look at. Speaks to no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from bot.clock import Clock
from bot.credits.ledger import Balance, Ledger
from bot.credits.quota_rules import Spender
from bot.credits.quotas import SpendingPolicy, balance_of
from bot.credits.repository import CreditsRepository, Entry
from bot.generations.acceptance import Acceptance
from bot.generations.courier import digest_of
from bot.generations.house import note_request
from bot.generations.repository import BookedPicture, BookedRow, GenerationsRepository, RequestRow
from bot.generations.repository.requests import Wanted
from bot.generations.settling import end_without_picture, settle_if_over
from bot.generations.standing import Standing, stand
from bot.generations.states import UNSENT_STATES, DeliveryState, FailureCode, PictureState, RequestState
from bot.generations.values import (
    Accepted,
    Cancelled,
    Draft,
    GenerationRequest,
    HistoryPage,
    Load,
    Notices,
    Origin,
    Quote,
    Relatives,
    RequestView,
)
from bot.generations.views import Views
from bot.storage import Connection, Database, Work

log = structlog.get_logger(__name__)
T = TypeVar("T")

HISTORY_PAGE = 5
DRAFT_S = 15 * 60.0
"""How long a confirmation, a mended request or a modal waits for its person."""
CHILDREN_SHOWN = 20
NOTICES_AT_ONCE = 25
NOTICE_S = 60.0
"""How long saying a notice may take; Discord's calls end long before."""


class Generations:
    """The one door for commands. ``wake`` tells the engine that a request's rows have changed."""

    def __init__(
        self,
        *,
        database: Database,
        acceptance: Acceptance,
        spending: SpendingPolicy,
        views: Views,
        clock: Clock,
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._spending = spending
        self._views = views
        self._clock = clock
        self._wake = wake
        self._commits: set[asyncio.Task[Any]] = set()
        self._telling: dict[str, int] = {}

    async def accept(self, request: GenerationRequest, origin: Origin) -> Accepted:
        """Check everything and hold the price; see ``Acceptance.accept``."""
        return await self._acceptance.accept(request, origin)

    async def quote(self, request: GenerationRequest, origin: Origin) -> Quote:
        """Say what a request would cost, after all checks; nothing is held. See ``Acceptance.quote``."""
        return await self._acceptance.quote(request, origin)

    async def keep_draft(
        self, request: GenerationRequest, *, user_id: int, guild_id: int | None, life_s: float = DRAFT_S
    ) -> str:
        """Keep a request for one later press of ``user_id``; returns the draft's id (16 hex)."""
        return await self._acceptance.keep_draft(request, user_id=user_id, guild_id=guild_id, life_s=life_s)

    async def draft(self, draft_id: str) -> Draft | None:
        """Return a draft, expired or taken or not."""
        return await self._acceptance.draft(draft_id)

    async def acknowledged(self, request_id: str, *, message_id: int | None) -> bool:
        """Store that the person has seen that we took it, and where; from now on it runs.

        Returns False when the request was voided in between: then nothing will come of it.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx).requests
            taken = await rows.move(
                request_id,
                RequestState.ACCEPTED,
                RequestState.RUNNING,
                acknowledged_at_ms=now_ms,
                message_id=message_id,
            )
            request = await rows.get(request_id) if taken else None
            if request is not None:
                await note_request(tx, request, now_ms)
            if taken:  # its pictures may have ended meanwhile: the account was closed, or it was cancelled
                await settle_if_over(tx, request_id, now_ms)
            return taken

        taken = await self._write_and_wake(work, request_id)
        log.info("request.acknowledged", request_id=request_id, message_id=message_id, taken=taken)
        return taken

    async def not_acknowledged(self, request_id: str) -> bool:
        """Void a request whose acknowledgement failed or is unknown: the person would ask again, and pay twice."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> bool:
            rows = GenerationsRepository(tx)
            if not await rows.requests.move(request_id, RequestState.ACCEPTED, RequestState.VOID, settled_at_ms=now_ms):
                return False
            for picture in await rows.pictures.of(request_id):
                await end_without_picture(
                    tx,
                    picture.id,
                    UNSENT_STATES,
                    PictureState.CANCELLED,
                    now_ms=now_ms,
                    failure_code=FailureCode.NOT_ACKNOWLEDGED,
                )
            await rows.drafts.give_back(request_id)
            return True

        voided = await self._database.write(work)
        log.warning("request.voided", request_id=request_id, voided=voided)
        return voided

    async def cancel(self, request_id: str, *, user_id: int, moderator: bool = False) -> Cancelled | None:
        """Take back what was not sent yet; None when there is no such request of this person.

        Against a submit at the same moment one of the two wins, by compare and set on the row.
        """
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> Cancelled | None:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if request is None or not (request.user_id == user_id or moderator):
                return None
            freed = [
                ended
                for picture in await rows.pictures.of(request_id)
                if (
                    ended := await end_without_picture(
                        tx,
                        picture.id,
                        UNSENT_STATES,
                        PictureState.CANCELLED,
                        now_ms=now_ms,
                        failure_code=FailureCode.CANCELLED,
                    )
                )
            ]
            sent = [
                picture
                for picture in await rows.pictures.of(request_id)
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
        return await self._database.look(lambda tx: GenerationsRepository(tx).requests.running_of(user_id))

    async def in_work(self, user_id: int, *, limit: int) -> tuple[list[RequestView], int]:
        """Return a person's newest requests in work, wherever they stand, and how many there are."""
        async with self._database.read() as tx:
            found = await GenerationsRepository(tx).requests.running_of(user_id)
            return await self._views.of(tx, found[:limit]), len(found)

    async def load(self, guild_id: int | None) -> tuple[Load, Load]:
        """Return what is in work for a guild (None: for personal use), and for all together."""
        return await self._database.look(lambda tx: GenerationsRepository(tx).pictures.load(guild_id))

    async def by_reference(self, user_id: int, reference: str) -> RequestView | None:
        """Return a person's newest request with this short id (see ``RequestView.reference``)."""
        async with self._database.read() as tx:
            return await self._view_of(tx, await GenerationsRepository(tx).requests.by_end(user_id, reference))

    async def by_message(self, message_id: int) -> RequestView | None:
        """Return the request whose result stands in a message; in a gallery's, too."""
        async with self._database.read() as tx:
            return await self._view_of(tx, await GenerationsRepository(tx).requests.of_message(message_id))

    async def _view_of(self, tx: Connection, row: RequestRow | None) -> RequestView | None:
        return (await self._views.of(tx, [row], with_balance=True))[0] if row is not None else None

    async def view(self, request_id: str) -> RequestView | None:
        """Return everything that a card shows of a request."""
        return await self._views.view(request_id)

    async def relatives(self, request_id: str) -> Relatives:
        """Return what a request came of, and the newest of what came of it."""
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            request = await rows.requests.get(request_id)
            if request is None:
                return Relatives(None, ())
            children = await rows.requests.children_of(request_id, limit=CHILDREN_SHOWN)
            parents = await self._views.parents(tx, [request])
            return Relatives(parents.get(request_id), tuple(await self._views.relatives(tx, children)))

    async def history(self, *, user_id: int, guild_id: int | None, page: int) -> HistoryPage:
        """Return a page (1 is the newest) of a person's requests in a guild."""
        return await self.search(user_id=user_id, guild_id=guild_id, page=page)

    async def search(
        self,
        *,
        user_id: int,
        guild_id: int | None,
        text: str = "",
        model: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        with_picture: bool = False,
        waiting_first: bool = False,
        page: int = 1,
        size: int = HISTORY_PAGE,
    ) -> HistoryPage:
        """Return a page of those of a person's requests in a guild that have every word of ``text``, newest first.

        ``until_ms`` is not part of the time; ``with_picture``: only those of which a picture is kept;
        ``waiting_first``: before all others those that could not be shown to them. A page past the last is the last.
        """
        wanted = Wanted(text, model, since_ms, until_ms, with_picture)
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx).requests
            _, total = await rows.history(user_id, guild_id, limit=0, offset=0, wanted=wanted)
            pages = max(-(-total // size), 1)
            page = min(max(page, 1), pages)
            found, _ = await rows.history(
                user_id, guild_id, limit=size, offset=(page - 1) * size, wanted=wanted, waiting_first=waiting_first
            )
            views = await self._views.of(tx, found)
        return HistoryPage(tuple(views), page, pages)

    async def notices(self, *, user_id: int, guild_id: int | None) -> Notices:
        """Return what a person was not told yet; say it, then call ``noticed``.

        Nobody else is given the same for NOTICE_S. When saying it failed, it is given again after that.
        """
        async with self._database.read() as tx:
            rows = GenerationsRepository(tx)
            untold = await rows.deliveries.unnoticed(user_id, guild_id, limit=NOTICES_AT_ONCE)
            found = [request for request_id in untold if (request := await rows.requests.get(request_id))]
            views = await self._views.of(tx, found) if found else []
        now_ms = self._clock.now_ms()
        self._telling = {request_id: until_ms for request_id, until_ms in self._telling.items() if until_ms > now_ms}
        views = [view for view in views if view.id not in self._telling]
        self._telling |= {view.id: now_ms + int(NOTICE_S * 1000) for view in views}
        failed = [view for view in views if all(p.state is not PictureState.FETCHED for p in view.pictures)]
        return Notices(tuple(view.id for view in views), len(views) - len(failed), tuple(failed))

    async def noticed(self, notices: Notices) -> None:
        """Store that a person was told; from now on undelivered pictures are kept for a limited time only."""
        now_ms = self._clock.now_ms()
        await self._database.write(
            lambda tx: GenerationsRepository(tx).deliveries.mark_noticed(notices.request_ids, now_ms)
        )
        for request_id in notices.request_ids:
            self._telling.pop(request_id, None)

    async def listed(self, views: Sequence[RequestView]) -> None:
        """Store that a person saw these in their history: of those that could not be shown they need not be told again.

        Not of what has changed since: that they have not seen. Nor of what has no end yet.
        """
        kept = [
            view for view in views if view.delivery is DeliveryState.KEPT and (_has_picture(view) or _is_over(view))
        ]
        if not kept:
            return
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            seen = [view.id for view in kept if digest_of(await rows.pictures.of(view.id)) == digest_of(view.pictures)]
            await rows.deliveries.mark_noticed(seen, now_ms)

        await self._database.write(work)

    async def posted_again(self, request_id: str, *, channel_id: int, message_id: int) -> None:
        """Note where a picture that waited in the history was posted by its owner."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> None:
            rows = GenerationsRepository(tx)
            delivery, request = await rows.deliveries.get(request_id), await rows.requests.get(request_id)
            if delivery is None or request is None or delivery.state is not DeliveryState.KEPT:
                return
            # A late picture of a private request must never be edited into what its owner made public.
            place = {} if request.private else {"channel_id": channel_id, "message_id": message_id}
            await rows.deliveries.change(request_id, state=DeliveryState.SHOWN, shown_at_ms=now_ms, **place)

        await self._database.write(work)

    async def balance(self, spender: Spender) -> Balance:
        """Return how a person stands."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: balance_of(tx, self._spending, spender, now_ms=now_ms))

    async def standing(self, spender: Spender) -> Standing:
        """Return how a person stands, with what shuts them out and what all servers together have left."""
        now_ms = self._clock.now_ms()
        return await self._database.look(lambda tx: stand(tx, self._spending, spender, now_ms=now_ms))

    async def statement(
        self, *, user_id: int, guild_id: int | None, limit: int = 10
    ) -> tuple[list[Entry], Mapping[str, BookedPicture]]:
        """Return a person's newest ledger entries, settled holds left out, and the pictures that they are about."""
        now_ms = self._clock.now_ms()

        async def work(tx: Connection) -> tuple[list[Entry], Mapping[str, BookedPicture]]:
            account_id = await CreditsRepository(tx).find_account(guild_id=guild_id, user_id=user_id)
            if account_id is None:
                return [], {}
            found = await Ledger(tx, now_ms).statement(account_id, limit)
            about = {entry.picture_id for entry in found if entry.picture_id is not None}
            return found, await GenerationsRepository(tx).refunds.booked(about)

        return await self._database.look(work)

    async def booked(self, request_id: str) -> list[BookedRow]:
        """Return the ledger's entries of a request's pictures, oldest first."""
        return await self._database.look(lambda tx: GenerationsRepository(tx).usage.booked(request_id))

    async def fact(self, name: str) -> str | None:
        """Return something the bot remembers about itself."""
        found = await self._database.look(lambda tx: GenerationsRepository(tx).memory.fact(name))
        return found[0] if found else None

    async def remember(self, name: str, value: str) -> None:
        """Store something about the bot itself."""
        now_ms = self._clock.now_ms()
        await self._database.write(lambda tx: GenerationsRepository(tx).memory.remember(name, value, now_ms))


def _has_picture(view: RequestView) -> bool:
    return any(picture.path is not None for picture in view.pictures)


def _is_over(view: RequestView) -> bool:
    """Tell whether nothing of it is on hold any more."""
    return all(picture.charged_credits is not None for picture in view.pictures)
