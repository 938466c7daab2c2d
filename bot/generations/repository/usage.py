"""The queries of a server's usage: sums over the ledger's legs, and each charge with what it was for.

Every question is about one day at most, over the index of a server's legs, so that no reader is kept for long. Entries
are never changed: with ``cut`` (the newest leg when the first question was asked) all of them speak of one moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, and_, bindparam, case, distinct, exists, func, literal_column, select

from bot.generations.repository.base import Queries, Row
from bot.storage.credit_tables import account_owners, entries, legs
from bot.storage.request_tables import deliveries, pictures, requests

_ENDED = ("fetched", "failed", "cancelled", "lost")


@dataclass(frozen=True, slots=True)
class UsageRow(Row):
    """What one account used in one channel with one model. ``user_id`` None: of somebody who was forgotten."""

    user_id: int | None
    channel_id: int | None
    model: str | None
    used_credits: int
    on_hold_credits: int
    pictures: int


@dataclass(frozen=True, slots=True)
class ChargeRow(Row):
    """One picture with all its entries. ``used_credits``: what the ledger's legs of it come to, signed."""

    picture_id: str | None
    used_credits: int
    held_at_ms: int | None
    user_id: int | None
    channel_id: int | None
    model: str | None
    request_id: str | None
    state: str | None
    private: int | None
    price_credits: int | None
    hold_id: int | None
    settlement_id: int | None
    settlement: str | None
    settled_credits: int | None
    refunded_credits: int
    refund_ids: str | None
    place_guild_id: int | None
    message_channel_id: int | None
    message_id: int | None


@dataclass(frozen=True, slots=True)
class BookedRow(Row):
    """An entry that names a picture."""

    id: int
    kind: str
    amount_credits: int
    picture_id: str
    actor: str
    reason: str
    created_at_ms: int


def _in_window() -> tuple[object, ...]:
    return (
        legs.c.guild_id == bindparam("guild_id"),
        legs.c.dated_at_ms >= bindparam("since_ms"),
        legs.c.dated_at_ms < bindparam("until_ms"),
        legs.c.id <= bindparam("cut"),
    )


def _usage() -> Select[tuple[object, ...]]:
    settlement = entries.alias("settlement")
    settled = exists().where(
        settlement.c.settles_id == entries.c.id,
        # Written out, not bound: SQLite uses a partial index only for a condition that it can see.
        settlement.c.kind.in_((literal_column("'capture'"), literal_column("'void'"))),
    )
    is_hold = entries.c.kind == "hold"
    on_hold = case((and_(is_hold, pictures.c.state.not_in(_ENDED), ~settled), legs.c.amount_credits), else_=0)
    return (
        select(
            account_owners.c.user_id,
            requests.c.channel_id,
            requests.c.model,
            func.sum(legs.c.amount_credits).label("used_credits"),
            func.sum(on_hold).label("on_hold_credits"),
            func.count(distinct(case((and_(is_hold, pictures.c.state == "fetched"), entries.c.id)))).label("pictures"),
        )
        .select_from(legs)
        .join(entries, entries.c.id == legs.c.entry_id)
        .outerjoin(account_owners, account_owners.c.account_id == legs.c.account_id)
        .outerjoin(pictures, pictures.c.id == entries.c.picture_id)
        .outerjoin(requests, requests.c.id == pictures.c.request_id)
        .where(*_in_window())  # type: ignore[arg-type]
        .group_by(account_owners.c.user_id, requests.c.channel_id, requests.c.model)
    )


def _charges() -> Select[tuple[object, ...]]:
    used = (
        select(
            entries.c.picture_id.label("picture_id"),
            func.sum(legs.c.amount_credits).label("used_credits"),
            func.min(legs.c.account_id).label("account_id"),
            func.min(legs.c.dated_at_ms).label("held_at_ms"),
        )
        .select_from(legs)
        .join(entries, entries.c.id == legs.c.entry_id)
        .where(*_in_window())  # type: ignore[arg-type]
        .group_by(entries.c.picture_id)
        .subquery("used")
    )
    settlement, refund = entries.alias("settlement"), entries.alias("refund")
    of_settlement = and_(refund.c.settles_id == settlement.c.id, refund.c.kind == literal_column("'refund'"))
    shown = and_(requests.c.private == 0, deliveries.c.message_id.is_not(None))
    return (
        select(
            used.c.picture_id,
            used.c.used_credits,
            used.c.held_at_ms,
            account_owners.c.user_id,
            requests.c.channel_id,
            requests.c.model,
            requests.c.id.label("request_id"),
            pictures.c.state,
            requests.c.private,
            pictures.c.price_credits,
            pictures.c.hold_id,
            settlement.c.id.label("settlement_id"),
            settlement.c.kind.label("settlement"),
            settlement.c.amount_credits.label("settled_credits"),
            select(func.coalesce(func.sum(refund.c.amount_credits), 0))
            .where(of_settlement)
            .correlate(settlement)
            .scalar_subquery()
            .label("refunded_credits"),
            select(func.group_concat(refund.c.id, " "))
            .where(of_settlement)
            .correlate(settlement)
            .scalar_subquery()
            .label("refund_ids"),
            requests.c.place_guild_id,
            case((shown, func.coalesce(deliveries.c.channel_id, requests.c.channel_id))).label("message_channel_id"),
            case((shown, deliveries.c.message_id)).label("message_id"),
        )
        .select_from(used)
        .outerjoin(account_owners, account_owners.c.account_id == used.c.account_id)
        .outerjoin(pictures, pictures.c.id == used.c.picture_id)
        .outerjoin(requests, requests.c.id == pictures.c.request_id)
        .outerjoin(deliveries, deliveries.c.request_id == requests.c.id)
        .outerjoin(
            settlement,
            and_(
                settlement.c.settles_id == pictures.c.hold_id,
                settlement.c.kind.in_((literal_column("'capture'"), literal_column("'void'"))),
            ),
        )
        .order_by(used.c.held_at_ms, used.c.picture_id)
    )


_USAGE, _CHARGES = _usage(), _charges()


class UsageQueries(Queries):
    """What a server used, and what for."""

    async def cut(self) -> int:
        """Return the newest leg: what is booked from now on is not part of what is asked with it."""
        return await self._count(select(func.max(legs.c.id)))

    async def usage(self, guild_id: int, *, since_ms: int, until_ms: int, cut: int) -> list[UsageRow]:
        """Return what was used of what was held in a time, by member, channel and model."""
        values = {"guild_id": guild_id, "since_ms": since_ms, "until_ms": until_ms, "cut": cut}
        return await self._all(UsageRow, _USAGE, **values)

    async def charges(self, guild_id: int, *, since_ms: int, until_ms: int, cut: int) -> list[ChargeRow]:
        """Return each picture that was held in a time, with its entries, oldest first."""
        values = {"guild_id": guild_id, "since_ms": since_ms, "until_ms": until_ms, "cut": cut}
        return await self._all(ChargeRow, _CHARGES, **values)

    async def booked(self, request_id: str) -> list[BookedRow]:
        """Return all entries of a request's pictures, oldest first."""
        return await self._all(
            BookedRow,
            select(
                entries.c.id,
                entries.c.kind,
                entries.c.amount_credits,
                entries.c.picture_id,
                entries.c.actor,
                entries.c.reason,
                entries.c.created_at_ms,
            )
            .join(pictures, pictures.c.id == entries.c.picture_id)
            .where(pictures.c.request_id == request_id)
            .order_by(entries.c.id),
        )

    async def request_of_entry(self, entry_id: int) -> str | None:
        """Return the request that an entry is about."""
        found: str | None = await self._connection.scalar(
            select(pictures.c.request_id)
            .join(entries, entries.c.picture_id == pictures.c.id)
            .where(entries.c.id == entry_id)
        )
        return found

    async def by_end(self, guild_id: int, end: str) -> str | None:
        """Return the newest request of a server whose id ends so. Walks the index of ids."""
        ending = select(requests.c.id).where(requests.c.id.endswith(end, autoescape=True)).limit(50)
        found: str | None = await self._connection.scalar(
            select(requests.c.id)
            .where(requests.c.id.in_(ending), requests.c.guild_id == guild_id)
            .order_by(requests.c.created_at_ms.desc())
            .limit(1)
        )
        return found
