"""Reads rows into the frozen views that cards are drawn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.clock import Clock
from bot.credits.quotas import SpendingPolicy, balance_of
from bot.generations.repository import GenerationsRepository, PictureRow, RequestRow
from bot.generations.settling import WRITE_OFF_AFTER_S
from bot.generations.states import PictureState
from bot.generations.values import PictureView, ReferenceView, RequestView
from bot.rivya import Catalogue, DurationBook
from bot.storage import Database


class Views:
    """Builds RequestViews; ``position`` tells a request's place in the queue."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: Catalogue,
        durations: DurationBook,
        spending: SpendingPolicy,
        clock: Clock,
        position: Callable[[str], int | None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._durations = durations
        self._spending = spending
        self._clock = clock
        self._position = position

    async def view(self, request_id: str) -> RequestView | None:
        """Return the view of one request with its owner's balance, all from one snapshot."""
        async with self._database.read() as tx:
            request = await GenerationsRepository(tx).request(request_id)
            if request is None:
                return None
            (view,) = await self.of(tx, [request], with_balance=True)
            return view

    async def of(
        self, tx: AsyncConnection, found: Sequence[RequestRow], *, with_balance: bool = False
    ) -> list[RequestView]:
        """Return the views of several requests, in their order."""
        rows = GenerationsRepository(tx)
        ids = [request.id for request in found]
        deliveries = {delivery.request_id: delivery for delivery in await rows.deliveries_of(*ids)}
        pictures: defaultdict[str, list[PictureView]] = defaultdict(list)
        for picture in await rows.pictures_of(*ids):
            pictures[picture.request_id].append(
                PictureView(
                    id=picture.id,
                    position=picture.position,
                    state=picture.state,
                    price_credits=picture.price_credits,
                    charged_credits=picture.charged_credits,
                    path=picture.path,
                    mime=picture.mime,
                    width=picture.width,
                    height=picture.height,
                    size_bytes=picture.size_bytes,
                    failure_code=picture.failure_code,
                    failure_detail=picture.failure_detail,
                    submitted_at_ms=picture.submitted_at_ms,
                    hold_ends_at_ms=_hold_ends_at(picture),
                    finished_at_ms=picture.finished_at_ms,
                    bytes_dropped_at_ms=picture.bytes_dropped_at_ms,
                )
            )
        references: defaultdict[str, list[ReferenceView]] = defaultdict(list)
        for image in await rows.references_of(*ids):
            references[image.request_id].append(ReferenceView(image.position, image.filename, image.state))
        now_ms = self._clock.now_ms()
        views = []
        for request in found:
            delivery = deliveries[request.id]
            balance = None
            if with_balance:
                balance = await balance_of(
                    tx, self._spending, now_ms=now_ms, guild_id=request.guild_id, user_id=request.user_id
                )
            views.append(
                RequestView(
                    id=request.id,
                    user_id=request.user_id,
                    guild_id=request.guild_id,
                    channel_id=request.channel_id,
                    model=request.model,
                    model_label=self._catalogue.get(request.model).label,
                    prompt=request.prompt,
                    options=request.chosen,
                    private=bool(request.private),
                    notify=bool(request.notify),
                    locale=request.locale,
                    state=request.state,
                    created_at_ms=request.created_at_ms,
                    pictures=tuple(pictures[request.id]),
                    references=tuple(references[request.id]),
                    delivery=delivery.state,
                    message_id=request.message_id,
                    delivered_channel_id=delivery.channel_id,
                    delivered_message_id=delivery.message_id,
                    trouble=request.trouble,
                    queue_position=self._position(request.id),
                    expected_s=self._durations.expected_s(request.model, request.resolution),
                    now_ms=now_ms,
                    balance=balance,
                )
            )
        return views


def _hold_ends_at(picture: PictureRow) -> int | None:
    if picture.state is PictureState.UNKNOWN:
        return picture.next_look_at_ms
    if picture.state is PictureState.OVERDUE and picture.submitted_at_ms is not None:
        return picture.submitted_at_ms + WRITE_OFF_AFTER_S * 1000
    return None
