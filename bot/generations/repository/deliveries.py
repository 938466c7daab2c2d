"""The queries of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, not_, or_, select, update

from bot.generations.repository.base import OPEN_DELIVERY, Queries, Row, in_guild
from bot.generations.states import DeliveryState, PictureState, RequestState
from bot.storage.request_tables import deliveries, pictures, requests


@dataclass(frozen=True, slots=True)
class DeliveryRow(Row):
    """A row of ``deliveries``."""

    STATES = DeliveryState

    request_id: str
    state: DeliveryState
    rung: str | None
    tries: int
    first_try_at_ms: int | None
    next_try_at_ms: int | None
    shown_digest: str | None
    channel_id: int | None
    message_id: int | None
    last_error: str | None
    shown_at_ms: int | None
    notified_at_ms: int | None
    noticed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class PictureStanding:
    """How far a picture is."""

    state: PictureState
    finished_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a request, its delivery and its pictures are."""

    request: RequestState
    delivery: DeliveryState
    pictures: tuple[PictureStanding, ...]


_STANDING = (
    select(requests.c.state, deliveries.c.state, pictures.c.state, pictures.c.finished_at_ms)
    .select_from(
        requests.join(deliveries, deliveries.c.request_id == requests.c.id).join(
            pictures, pictures.c.request_id == requests.c.id
        )
    )
    .where(requests.c.id == bindparam("which"))
    .order_by(pictures.c.position)
)
_GET = select(deliveries).where(deliveries.c.request_id == bindparam("which"))
_OF = select(deliveries).where(deliveries.c.request_id.in_(bindparam("request_ids", expanding=True)))
_CHANGE = update(deliveries).where(deliveries.c.request_id == bindparam("which"))
_REOPEN = (
    update(deliveries)
    .where(deliveries.c.request_id == bindparam("which"), deliveries.c.state == DeliveryState.SHOWN)
    .values(state=DeliveryState.DUE, tries=0, first_try_at_ms=None, next_try_at_ms=None)
)


class DeliveryQueries(Queries):
    """Deliveries: what a request's message shows, and what its person was told."""

    async def get(self, request_id: str) -> DeliveryRow | None:
        """Return the delivery of a request."""
        return await self._one(DeliveryRow, _GET, which=request_id)

    async def standing(self, request_id: str) -> Standing | None:
        """Return how far a request is, in few words: whoever owns its message asks at every step."""
        found = (await self._connection.execute(_STANDING, {"which": request_id})).all()
        if not found:
            return None
        request, delivery, _, _ = found[0]
        made = tuple(PictureStanding(PictureState(state), ended_ms) for _, _, state, ended_ms in found)
        return Standing(RequestState(request), DeliveryState(delivery), made)

    async def of(self, *request_ids: str) -> list[DeliveryRow]:
        """Return the deliveries of requests."""
        return await self._all(DeliveryRow, _OF, request_ids=request_ids)

    async def open(self) -> list[str]:
        """Return the requests whose message does not show the end yet."""
        rows = await self._connection.execute(
            select(deliveries.c.request_id)
            .join(requests, requests.c.id == deliveries.c.request_id)
            .where(
                requests.c.state.in_((RequestState.RUNNING, RequestState.SETTLED)),
                OPEN_DELIVERY,
            )
            .order_by(requests.c.created_at_ms)
        )
        return list(rows.scalars())

    async def unnoticed(self, user_id: int, guild_id: int | None, *, limit: int) -> list[str]:
        """Return a person's requests in a guild that could not be shown and that they were not told of, oldest first.

        Those without a picture only once nothing of theirs is on hold any more.
        """
        mine = select(pictures.c.id).where(pictures.c.request_id == requests.c.id)
        rows = await self._connection.execute(
            select(deliveries.c.request_id)
            .join(requests, requests.c.id == deliveries.c.request_id)
            .where(
                requests.c.user_id == user_id,
                in_guild(guild_id),
                deliveries.c.state == DeliveryState.KEPT,
                deliveries.c.noticed_at_ms.is_(None),
                or_(
                    mine.where(pictures.c.path.is_not(None)).exists(),
                    not_(mine.where(pictures.c.charged_credits.is_(None)).exists()),
                ),
            )
            .order_by(requests.c.created_at_ms)
            .limit(limit)
        )
        return list(rows.scalars())

    async def mark_noticed(self, request_ids: Sequence[str], now_ms: int) -> None:
        """Store that a person was told of requests that could not be shown."""
        await self._connection.execute(
            update(deliveries)
            .where(deliveries.c.request_id.in_(request_ids), deliveries.c.noticed_at_ms.is_(None))
            .values(noticed_at_ms=now_ms)
        )

    async def change(self, request_id: str, **values: Any) -> None:
        """Change a delivery."""
        await self._connection.execute(_CHANGE, {"which": request_id, **values})

    async def unmark_noticed(self, request_id: str) -> None:
        """Forget that a person was told: there is something new that could not be shown."""
        await self._connection.execute(
            update(deliveries)
            .where(deliveries.c.request_id == request_id, deliveries.c.state == DeliveryState.KEPT)
            .values(noticed_at_ms=None)
        )

    async def reopen(self, request_id: str) -> None:
        """Mark a shown delivery as due again, because a picture changed."""
        await self._connection.execute(_REOPEN, {"which": request_id})
