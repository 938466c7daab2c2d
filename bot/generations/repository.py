"""All SQL of requests, pictures, references, attempts and deliveries, on one connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, and_, func, insert, or_, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.generations.states import FINAL_STATES, DeliveryState, PictureState, ReferenceState, RequestState
from bot.generations.values import Attachment
from bot.rivya import LearnedPrice
from bot.storage.tables import (
    attempts,
    deliveries,
    facts,
    learned_prices,
    pictures,
    reference_images,
    requests,
)

R = TypeVar("R")

# The conditions of the partial indexes, word for word: SQLite uses such an index only for a condition that it can see.
_OPEN_PICTURE = text("pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')")
_OPEN_REQUEST = text("requests.state IN ('accepted', 'running')")
_OPEN_DELIVERY = text("deliveries.state IN ('waiting', 'due')")


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A row of ``requests``."""

    id: str
    source_kind: str
    source_id: str
    account_id: int
    user_id: int
    guild_id: int | None
    channel_id: int
    model: str
    prompt: str
    options: str
    picture_count: int
    private: int
    notify: int
    locale: str
    state: RequestState
    trouble: str | None
    application_id: int
    interaction_token: str | None
    token_expires_at_ms: int
    message_id: int | None
    upload_limit_bytes: int
    created_at_ms: int
    acknowledged_at_ms: int | None
    settled_at_ms: int | None
    hidden_at_ms: int | None

    @property
    def chosen(self) -> dict[str, str]:
        """The complete options."""
        options: dict[str, str] = json.loads(self.options)
        return options

    @property
    def resolution(self) -> str | None:
        """The resolution, None for a model that has none."""
        return self.chosen.get("resolution")


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A row of ``pictures``."""

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
class ReferenceRow:
    """A row of ``reference_images``."""

    id: int
    request_id: str
    position: int
    source_url: str
    filename: str
    declared_bytes: int
    state: ReferenceState
    path: str | None
    mime: str | None
    width: int | None
    height: int | None
    size_bytes: int | None
    sha256: str | None
    upload_url: str | None
    uploaded_at_ms: int | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A row of ``attempts``."""

    picture_id: str
    number: int
    idempotency_key: str
    body: bytes
    committed_at_ms: int
    first_sent_at_ms: int | None
    outcome: str | None
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A row of ``deliveries``."""

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


_STATE_TYPES: dict[type[Any], type[Any]] = {
    RequestRow: RequestState,
    PictureRow: PictureState,
    ReferenceRow: ReferenceState,
    DeliveryRow: DeliveryState,
}


def _value(cls: type[R], mapping: Mapping[Any, Any]) -> R:
    values = {field.name: mapping[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    if cls in _STATE_TYPES:
        values["state"] = _STATE_TYPES[cls](values["state"])
    return cls(**values)


class GenerationsRepository:
    """The queries of the generations."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _one(self, cls: type[R], query: Any) -> R | None:
        row = (await self._connection.execute(query)).mappings().one_or_none()
        return _value(cls, dict(row)) if row is not None else None

    async def _all(self, cls: type[R], query: Any) -> list[R]:
        return [_value(cls, dict(row)) for row in (await self._connection.execute(query)).mappings()]

    async def _changed(self, statement: Any) -> bool:
        result: CursorResult[Any] = await self._connection.execute(statement)
        return bool(result.rowcount)

    # --- accepting ---

    async def request_of_event(self, source_kind: str, source_id: str) -> RequestRow | None:
        """Return the request that an event made, if it made one."""
        return await self._one(
            RequestRow,
            select(requests).where(requests.c.source_kind == source_kind, requests.c.source_id == source_id),
        )

    async def insert_request(self, **values: Any) -> None:
        """Add a request with its delivery."""
        await self._connection.execute(insert(requests).values(**values))
        await self._connection.execute(insert(deliveries).values(request_id=values["id"], state=DeliveryState.WAITING))

    async def insert_references(self, request_id: str, attached: Sequence[Attachment]) -> None:
        """Add the reference images, in their order."""
        if attached:
            await self._connection.execute(
                insert(reference_images),
                [
                    {
                        "request_id": request_id,
                        "position": position,
                        "source_url": image.url,
                        "filename": image.filename,
                        "declared_bytes": image.size_bytes,
                        "state": ReferenceState.WAITING,
                    }
                    for position, image in enumerate(attached, start=1)
                ],
            )

    async def insert_pictures(self, request_id: str, holds: Mapping[str, int], prices: Mapping[str, int]) -> None:
        """Add the pictures of a request, each with its hold."""
        await self._connection.execute(
            insert(pictures),
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

    async def open_pictures(self, *, user_id: int | None = None) -> int:
        """Count the pictures that are not final and not resting (of one person, or of all)."""
        query = (
            select(func.count())
            .select_from(pictures.join(requests))
            .where(_OPEN_PICTURE, pictures.c.state.in_(("held", "submitting", "painting", "fetching")))
        )
        if user_id is not None:
            query = query.where(requests.c.user_id == user_id)
        return int(await self._connection.scalar(query) or 0)

    async def promised_credits(self, since_ms: int) -> int:
        """Sum what a reading of the provider's balance at ``since_ms`` doesn't show yet, taken or still to be."""
        not_shown = or_(pictures.c.submitted_at_ms.is_(None), pictures.c.submitted_at_ms >= since_ms)
        taken_since = and_(pictures.c.path.is_not(None), pictures.c.finished_at_ms >= since_ms)
        promised = 0
        for which in (_OPEN_PICTURE, taken_since):
            amount = func.coalesce(pictures.c.final_credits, pictures.c.reserved_credits, pictures.c.price_credits)
            promised += int(await self._connection.scalar(select(func.sum(amount)).where(which, not_shown)) or 0)
        return promised

    # --- requests ---

    async def request(self, request_id: str) -> RequestRow | None:
        """Return a request."""
        return await self._one(RequestRow, select(requests).where(requests.c.id == request_id))

    async def open_requests(self, state: RequestState) -> list[RequestRow]:
        """Return all requests that are ``state`` (ACCEPTED or RUNNING), oldest first."""
        return await self._all(
            RequestRow,
            select(requests).where(_OPEN_REQUEST, requests.c.state == state).order_by(requests.c.created_at_ms),
        )

    async def move_request(self, request_id: str, before: RequestState, after: RequestState, **values: Any) -> bool:
        """Change a request's state if it is ``before``; tell whether it was."""
        return await self._changed(
            update(requests)
            .where(requests.c.id == request_id, requests.c.state == before)
            .values(state=after, **values)
        )

    async def set_trouble(self, request_id: str, trouble: str | None) -> None:
        """Store what a request waits for."""
        await self._connection.execute(update(requests).where(requests.c.id == request_id).values(trouble=trouble))

    async def untold_voids(self, now_ms: int) -> list[RequestRow]:
        """Return the voided requests whose person may not have heard of it, and still can."""
        return await self._all(
            RequestRow,
            select(requests).where(
                requests.c.interaction_token.is_not(None),
                requests.c.token_expires_at_ms > now_ms,
                requests.c.state == RequestState.VOID,
            ),
        )

    async def forget_token(self, request_id: str) -> None:
        """Forget a request's interaction token: nothing is to be said by it any more."""
        await self._connection.execute(
            update(requests).where(requests.c.id == request_id).values(interaction_token=None)
        )

    async def purge_tokens(self, now_ms: int) -> int:
        """Forget interaction tokens that have expired; returns how many."""
        result: CursorResult[Any] = await self._connection.execute(
            update(requests)
            .where(requests.c.interaction_token.is_not(None), requests.c.token_expires_at_ms <= now_ms)
            .values(interaction_token=None)
        )
        return result.rowcount

    # --- pictures ---

    async def picture(self, picture_id: str) -> PictureRow | None:
        """Return a picture."""
        return await self._one(PictureRow, select(pictures).where(pictures.c.id == picture_id))

    async def pictures_of(self, *request_ids: str) -> list[PictureRow]:
        """Return the pictures of requests, in order."""
        return await self._all(
            PictureRow,
            select(pictures)
            .where(pictures.c.request_id.in_(request_ids))
            .order_by(pictures.c.request_id, pictures.c.position),
        )

    async def pictures_in(
        self, states: Collection[PictureState], *, look_before_ms: int | None = None
    ) -> list[PictureRow]:
        """Return the pictures in any of ``states`` (no final ones); ``look_before_ms``: whose slow look is due."""
        query = select(pictures).where(_OPEN_PICTURE, pictures.c.state.in_(states))
        if look_before_ms is not None:
            query = query.where(pictures.c.next_look_at_ms <= look_before_ms)
        return await self._all(PictureRow, query.order_by(pictures.c.request_id, pictures.c.position))

    async def move_picture(
        self, picture_id: str, before: Collection[PictureState], after: PictureState, **values: Any
    ) -> bool:
        """Change a picture's state if it is one of ``before``; tell whether it was (compare and set)."""
        return await self._changed(
            update(pictures)
            .where(pictures.c.id == picture_id, pictures.c.state.in_(before))
            .values(state=after, **values)
        )

    async def set_picture(self, picture_id: str, **values: Any) -> None:
        """Change facts of a picture, not its state."""
        await self._connection.execute(update(pictures).where(pictures.c.id == picture_id).values(**values))

    async def unfinished_pictures(self, request_id: str) -> int:
        """Count a request's pictures that are not final."""
        return int(
            await self._connection.scalar(
                select(func.count())
                .select_from(pictures)
                .where(pictures.c.request_id == request_id, pictures.c.state.not_in(FINAL_STATES))
            )
            or 0
        )

    async def durations(self, limit: int) -> list[tuple[str, str | None, float]]:
        """Return (model, resolution, seconds from submission to success) of the latest pictures, oldest first."""
        rows = await self._connection.execute(
            select(requests.c.model, requests.c.options, pictures.c.submitted_at_ms, pictures.c.finished_at_ms)
            .select_from(pictures.join(requests))
            .where(pictures.c.state == PictureState.FETCHED, pictures.c.submitted_at_ms.is_not(None))
            .order_by(pictures.c.finished_at_ms.desc())
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
        found = []
        for row in rows:
            values = row._mapping
            found.append(
                (
                    _value(PictureRow, {column.name: values[column] for column in pictures.c}),
                    _value(DeliveryRow, {column.name: values[column] for column in deliveries.c}),
                )
            )
        return found

    # --- attempts ---

    async def insert_attempt(self, picture_id: str, number: int, key: str, body: bytes, now_ms: int) -> None:
        """Commit what will be sent: the exact bytes, the key, and the time of first sending."""
        await self._connection.execute(
            insert(attempts).values(
                picture_id=picture_id,
                number=number,
                idempotency_key=key,
                body=body,
                committed_at_ms=now_ms,
                first_sent_at_ms=now_ms,
            )
        )

    async def attempt(self, picture_id: str, number: int) -> AttemptRow | None:
        """Return one attempt."""
        return await self._one(
            AttemptRow,
            select(attempts).where(attempts.c.picture_id == picture_id, attempts.c.number == number),
        )

    async def end_attempt(self, picture_id: str, number: int, outcome: str, now_ms: int, **values: Any) -> None:
        """Store what came of an attempt."""
        await self._connection.execute(
            update(attempts)
            .where(attempts.c.picture_id == picture_id, attempts.c.number == number)
            .values(outcome=outcome, ended_at_ms=now_ms, **values)
        )

    # --- references ---

    async def references_of(self, *request_ids: str) -> list[ReferenceRow]:
        """Return the references of requests, in order."""
        return await self._all(
            ReferenceRow,
            select(reference_images)
            .where(reference_images.c.request_id.in_(request_ids))
            .order_by(reference_images.c.request_id, reference_images.c.position),
        )

    async def set_reference(self, reference_id: int, **values: Any) -> None:
        """Change a reference."""
        await self._connection.execute(
            update(reference_images).where(reference_images.c.id == reference_id).values(**values)
        )

    async def references_to_drop(self) -> list[ReferenceRow]:
        """Return the references with bytes on disk whose request needs them no more."""
        return await self._all(
            ReferenceRow,
            select(reference_images)
            .join(requests, requests.c.id == reference_images.c.request_id)
            .where(
                reference_images.c.path.is_not(None),
                requests.c.state.in_((RequestState.SETTLED, RequestState.VOID)),
            ),
        )

    # --- deliveries ---

    async def delivery(self, request_id: str) -> DeliveryRow | None:
        """Return the delivery of a request."""
        return await self._one(DeliveryRow, select(deliveries).where(deliveries.c.request_id == request_id))

    async def deliveries_of(self, *request_ids: str) -> list[DeliveryRow]:
        """Return the deliveries of requests."""
        return await self._all(DeliveryRow, select(deliveries).where(deliveries.c.request_id.in_(request_ids)))

    async def set_delivery(self, request_id: str, **values: Any) -> None:
        """Change a delivery."""
        await self._connection.execute(update(deliveries).where(deliveries.c.request_id == request_id).values(**values))

    async def reopen_delivery(self, request_id: str) -> None:
        """Mark a shown delivery as due again, because a picture changed."""
        await self._connection.execute(
            update(deliveries)
            .where(deliveries.c.request_id == request_id, deliveries.c.state == DeliveryState.SHOWN)
            .values(state=DeliveryState.DUE, tries=0, first_try_at_ms=None, next_try_at_ms=None)
        )

    async def open_deliveries(self) -> list[str]:
        """Return the requests whose message does not show the end yet."""
        rows = await self._connection.execute(
            select(deliveries.c.request_id)
            .join(requests, requests.c.id == deliveries.c.request_id)
            .where(
                requests.c.state.in_((RequestState.RUNNING, RequestState.SETTLED)),
                _OPEN_DELIVERY,
            )
            .order_by(requests.c.created_at_ms)
        )
        return list(rows.scalars())

    async def unnoticed(self, user_id: int, guild_id: int | None) -> list[str]:
        """Return a person's requests in a guild whose pictures wait in the history and that they were not told of."""
        rows = await self._connection.execute(
            select(deliveries.c.request_id)
            .join(requests, requests.c.id == deliveries.c.request_id)
            .where(
                requests.c.user_id == user_id,
                _in_guild(guild_id),
                deliveries.c.state == DeliveryState.KEPT,
                deliveries.c.noticed_at_ms.is_(None),
                select(pictures.c.id)
                .where(pictures.c.request_id == requests.c.id, pictures.c.path.is_not(None))
                .exists(),
            )
        )
        return list(rows.scalars())

    # --- history ---

    async def history(
        self, user_id: int, guild_id: int | None, *, limit: int, offset: int
    ) -> tuple[list[RequestRow], int]:
        """Return a page of a person's taken requests in a guild, newest first, and how many there are."""
        mine = and_(
            requests.c.user_id == user_id,
            _in_guild(guild_id),
            requests.c.state != RequestState.VOID,
            requests.c.hidden_at_ms.is_(None),
        )
        total = int(await self._connection.scalar(select(func.count()).select_from(requests).where(mine)) or 0)
        found = await self._all(
            RequestRow,
            select(requests).where(mine).order_by(requests.c.created_at_ms.desc()).limit(limit).offset(offset),
        )
        return found, total

    async def oldest_in_work(self) -> int | None:
        """Return when the oldest request with a picture in work was acknowledged; late and unknown ones only wait."""
        found: int | None = await self._connection.scalar(
            select(func.min(requests.c.acknowledged_at_ms))
            .select_from(requests.join(pictures))
            .where(
                _OPEN_REQUEST,
                requests.c.state == RequestState.RUNNING,
                _OPEN_PICTURE,
                pictures.c.state.not_in((PictureState.OVERDUE, PictureState.UNKNOWN)),
            )
        )
        return found

    async def newest_open_requests(self, user_id: int) -> list[RequestRow]:
        """Return a person's requests in work, newest first."""
        return await self._all(
            RequestRow,
            select(requests)
            .where(_OPEN_REQUEST, requests.c.user_id == user_id, requests.c.state == RequestState.RUNNING)
            .order_by(requests.c.created_at_ms.desc()),
        )

    # --- the bot's memory ---

    async def fact(self, name: str) -> tuple[str, int] | None:
        """Return a remembered value and when it was stored."""
        row = (
            await self._connection.execute(select(facts.c.value, facts.c.updated_at_ms).where(facts.c.name == name))
        ).one_or_none()
        return (row[0], row[1]) if row is not None else None

    async def remember(self, name: str, value: str, now_ms: int) -> None:
        """Store a value under a name."""
        await self._upsert(facts, {"name": name}, {"value": value, "updated_at_ms": now_ms})

    async def learned_prices(self) -> list[LearnedPrice]:
        """Return the prices that answers have taught."""
        rows = await self._connection.execute(
            select(
                learned_prices.c.model,
                learned_prices.c.resolution,
                learned_prices.c.credits,
                learned_prices.c.base_credits,
            )
        )
        return [LearnedPrice(model, resolution or None, taken, base) for model, resolution, taken, base in rows]

    async def learn_price(self, price: LearnedPrice, now_ms: int) -> None:
        """Store what a model and size cost."""
        await self._upsert(
            learned_prices,
            {"model": price.model, "resolution": price.resolution or ""},
            {"credits": price.credits, "base_credits": price.base_credits, "learned_at_ms": now_ms},
        )

    async def _upsert(self, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        statement = upsert(table).values(**key, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def _in_guild(guild_id: int | None) -> ColumnElement[bool]:
    return requests.c.guild_id.is_(None) if guild_id is None else requests.c.guild_id == guild_id
