"""The queries of pictures."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    TextClause,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from bot.generations.repository.base import OPEN_PICTURE, Queries, R, Row, in_guild
from bot.generations.repository.deliveries import DeliveryRow
from bot.generations.states import FINAL_STATES, PictureState
from bot.generations.values import Load
from bot.storage.request_tables import deliveries, pictures, requests


@dataclass(frozen=True, slots=True)
class PictureRow(Row):
    """A row of ``pictures``."""

    STATES = PictureState

    id: str
    request_id: str
    position: int
    state: PictureState
    hold_id: int
    price_credits: int
    attempt: int
    task_id: str | None
    reserved_credits: int | None
    final_credits: int | None
    charged_credits: int | None
    submitted_at_ms: int | None
    deadline_at_ms: int | None
    next_look_at_ms: int | None
    finished_at_ms: int | None
    result_url: str | None
    path: str | None
    mime: str | None
    width: int | None
    height: int | None
    size_bytes: int | None
    sha256: str | None
    failure_code: str | None
    failure_detail: str | None
    provider_request_id: str | None
    bytes_dropped_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Crowd:
    """What is in work: pictures of all and of one person; requests of theirs in a server, all in a channel, in it."""

    pictures: int
    mine: int
    running: int
    running_in_channel: int
    running_in_server: int


def _promised(which: ColumnElement[bool] | TextClause) -> Select[Any]:
    not_shown = or_(pictures.c.submitted_at_ms.is_(None), pictures.c.submitted_at_ms >= bindparam("since_ms"))
    amount = func.coalesce(pictures.c.final_credits, pictures.c.reserved_credits, pictures.c.price_credits)
    return select(func.coalesce(func.sum(amount), 0)).where(which, not_shown)


_GET = select(pictures).where(pictures.c.id == bindparam("which"))
_OF = (
    select(pictures)
    .where(pictures.c.request_id.in_(bindparam("request_ids", expanding=True)))
    .order_by(pictures.c.request_id, pictures.c.position)
)
_WORKED_ON = (PictureState.HELD, PictureState.SUBMITTING, PictureState.PAINTING, PictureState.FETCHING)
_CROWD = text(
    """
    SELECT count(*) AS pictures, coalesce(sum(r.user_id = :user_id), 0) AS mine,
      count(DISTINCT CASE WHEN r.user_id = :user_id AND r.guild_id = :guild_id THEN r.id END) AS running,
      count(DISTINCT CASE WHEN r.quota_channel_id = :channel_id THEN r.id END) AS running_in_channel,
      count(DISTINCT CASE WHEN r.guild_id = :guild_id THEN r.id END) AS running_in_server
    FROM pictures JOIN requests r ON r.id = pictures.request_id
    WHERE pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')
      AND pictures.state IN ('held', 'submitting', 'painting', 'fetching')
    """
)
_UNFINISHED = (
    select(func.count())
    .select_from(pictures)
    .where(pictures.c.request_id == bindparam("request_id"), pictures.c.state.not_in(FINAL_STATES))
)
_PROMISED = select(
    _promised(OPEN_PICTURE).scalar_subquery()
    + _promised(
        and_(pictures.c.path.is_not(None), pictures.c.finished_at_ms >= bindparam("since_ms"))
    ).scalar_subquery()
)
_MOVE = update(pictures).where(
    pictures.c.id == bindparam("which"), pictures.c.state.in_(bindparam("before", expanding=True))
)
_CHANGE = update(pictures).where(pictures.c.id == bindparam("which"))
_INSERT = insert(pictures)


class PictureQueries(Queries):
    """Pictures: each with its hold, its state and its file."""

    async def add(self, request_id: str, holds: Mapping[str, int], prices: Mapping[str, int]) -> None:
        """Add the pictures of a request, each with its hold."""
        await self._connection.execute(
            _INSERT,
            [
                {
                    "id": picture_id,
                    "request_id": request_id,
                    "position": position,
                    "state": PictureState.HELD,
                    "hold_id": hold_id,
                    "price_credits": prices[picture_id],
                }
                for position, (picture_id, hold_id) in enumerate(holds.items(), start=1)
            ],
        )

    async def get(self, picture_id: str) -> PictureRow | None:
        """Return a picture."""
        return await self._one(PictureRow, _GET, which=picture_id)

    async def of(self, *request_ids: str) -> list[PictureRow]:
        """Return the pictures of requests, in order."""
        return await self._all(PictureRow, _OF, request_ids=request_ids)

    async def in_states(
        self, states: Collection[PictureState], *, look_before_ms: int | None = None
    ) -> list[PictureRow]:
        """Return the pictures in any of ``states`` (no final ones); ``look_before_ms``: whose slow look is due."""
        query = select(pictures).where(OPEN_PICTURE, pictures.c.state.in_(states))
        if look_before_ms is not None:
            query = query.where(pictures.c.next_look_at_ms <= look_before_ms)
        return await self._all(PictureRow, query.order_by(pictures.c.request_id, pictures.c.position))

    async def load(self, guild_id: int | None) -> tuple[Load, Load]:
        """Return what is in work for a guild (None: for personal use), and for all; late ones only wait."""
        here = in_guild(guild_id)
        sent = pictures.c.state != PictureState.HELD
        row = (
            await self._connection.execute(
                select(
                    func.count(),
                    func.coalesce(func.sum(cast(sent, Integer)), 0),
                    func.coalesce(func.sum(cast(here, Integer)), 0),
                    func.coalesce(func.sum(cast(and_(here, sent), Integer)), 0),
                )
                .select_from(pictures.join(requests))
                .where(OPEN_PICTURE, pictures.c.state.in_(_WORKED_ON))
            )
        ).one()
        total, total_sent, ours, ours_sent = map(int, row)
        return Load(ours - ours_sent, ours_sent), Load(total - total_sent, total_sent)

    async def count_unfinished(self, request_id: str) -> int:
        """Count a request's pictures that are not final."""
        return await self._count(_UNFINISHED, request_id=request_id)

    async def promised_credits(self, since_ms: int) -> int:
        """Sum what a reading of the provider's balance at ``since_ms`` doesn't show yet, taken or still to be."""
        return await self._count(_PROMISED, since_ms=since_ms)

    async def crowd(self, *, user_id: int, guild_id: int | None, channel_id: int | None) -> Crowd:
        """Count what is in work, not final and not resting, in one look."""
        values = {"user_id": user_id, "guild_id": guild_id, "channel_id": channel_id}
        return Crowd(*(await self._connection.execute(_CROWD, values)).one())

    async def durations(self, limit: int) -> list[tuple[str, str | None, float]]:
        """Return (model, resolution, seconds from submission to success) of the latest pictures, oldest first.

        The latest are those asked for last: by when they were finished all pictures ever made would have to be sorted.
        """
        rows = await self._connection.execute(
            select(requests.c.model, requests.c.options, pictures.c.submitted_at_ms, pictures.c.finished_at_ms)
            .select_from(pictures.join(requests))
            .where(pictures.c.state == PictureState.FETCHED, pictures.c.submitted_at_ms.is_not(None))
            .order_by(literal_column("pictures.rowid").desc())
            .limit(limit)
        )
        return [
            (model, json.loads(options).get("resolution"), (done - sent) / 1000) for model, options, sent, done in rows
        ][::-1]

    async def kept_bytes(self) -> list[tuple[PictureRow, DeliveryRow]]:
        """Return the pictures whose bytes are on disk with their deliveries, oldest first."""
        rows = await self._connection.execute(
            select(pictures, deliveries)
            .select_from(pictures.join(deliveries, deliveries.c.request_id == pictures.c.request_id))
            .where(pictures.c.path.is_not(None))
            .order_by(pictures.c.finished_at_ms)
        )
        return [(_part(PictureRow, row, pictures), _part(DeliveryRow, row, deliveries)) for row in rows.mappings()]

    async def move(self, picture_id: str, before: Collection[PictureState], after: PictureState, **values: Any) -> bool:
        """Change a picture's state if it is one of ``before``; tell whether it was (compare and set)."""
        return await self._changed(_MOVE, which=picture_id, before=list(before), state=after, **values) > 0

    async def change(self, picture_id: str, **values: Any) -> None:
        """Change facts of a picture, not its state."""
        await self._connection.execute(_CHANGE, {"which": picture_id, **values})


def _part(row: type[R], joined: Mapping[Any, Any], table: Table) -> R:
    """Take one table's row out of a join, where the names of columns repeat."""
    return row.of({column.name: joined[column] for column in table.c})
