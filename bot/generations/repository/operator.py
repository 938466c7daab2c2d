"""The queries of the operator's desk: what each server is allowed, how the account stands, who is to be told what."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, cast, delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.generations.repository.base import Queries, Row
from bot.generations.repository.pictures import PictureRow
from bot.storage.operator_tables import guild_limits, operator_log, operator_notices
from bot.storage.request_tables import pictures

_LIMITS = select(guild_limits).where(guild_limits.c.guild_id == bindparam("which_guild"))
_PAUSED = select(guild_limits.c.paused_at_ms).where(guild_limits.c.guild_id == bindparam("which_guild"))
_LIMITS_OF = select(guild_limits).where(guild_limits.c.guild_id.in_(bindparam("among", expanding=True)))
_LIMITS_LIKE = (
    select(guild_limits)
    .where(cast(guild_limits.c.guild_id, String).contains(bindparam("digits", type_=String)))
    .limit(bindparam("most"))
)
_KNOWN = text(
    "SELECT EXISTS (SELECT 1 FROM guild_limits WHERE guild_id = :guild_id) "
    "OR EXISTS (SELECT 1 FROM totals WHERE scope = 'guild' AND subject_id = :guild_id)"
)
_LOG_OF_EVENT = select(operator_log).where(operator_log.c.event_id == bindparam("event"))
_OPEN_NOTICES = (
    select(operator_notices)
    .where(text("operator_notices.ended_at_ms IS NULL"), operator_notices.c.operator_id == bindparam("operator"))
    .order_by(operator_notices.c.id)
    .limit(bindparam("most"))
)
_WAITING_WHERE_PAUSED = select(pictures).where(
    text("pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')"),
    text("pictures.state = 'held'"),
    text(
        "pictures.request_id IN (SELECT r.id FROM requests r JOIN guild_limits l ON l.guild_id = r.guild_id "
        "WHERE l.paused_at_ms IS NOT NULL AND r.id = pictures.request_id)"
    ),
)
_IN_SERVER = text(
    """
    SELECT count(DISTINCT CASE WHEN pictures.state = 'held' THEN r.id END) AS waiting_requests,
      coalesce(sum(pictures.state = 'held'), 0) AS waiting,
      coalesce(sum(CASE WHEN pictures.state = 'held' THEN pictures.price_credits END), 0) AS waiting_credits,
      coalesce(sum(pictures.state != 'held'), 0) AS submitted
    FROM pictures JOIN requests r ON r.id = pictures.request_id
    WHERE pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost') AND r.guild_id = :guild_id
    """
)

# What each server has used since a time. From one server to the next by the key, not through all that was ever used.
_USED_BY_GUILD = text(
    """
    WITH RECURSIVE used (guild_id) AS (
      SELECT min(subject_id) FROM totals WHERE scope = 'guild'
      UNION ALL
      SELECT (SELECT min(t.subject_id) FROM totals t WHERE t.scope = 'guild' AND t.subject_id > used.guild_id)
      FROM used WHERE used.guild_id IS NOT NULL)
    SELECT guild_id, (
      SELECT coalesce(sum(t.used_credits), 0) FROM totals t
      WHERE t.scope = 'guild' AND t.subject_id = used.guild_id AND t.quarter_ms >= :since_ms) AS used_credits
    FROM used WHERE guild_id IS NOT NULL
    """
)
_USED_BY_ONE = text(
    """
    SELECT coalesce(sum(used_credits), 0) FROM totals
    WHERE scope = 'guild' AND subject_id = :guild_id AND quarter_ms >= :since_ms
    """
)

# How everything stands, in one row.
_DESK = text(
    """
    SELECT
      (SELECT coalesce(sum(used_credits), 0) FROM totals
        WHERE scope = 'all' AND subject_id = 0 AND quarter_ms >= :day_ms) AS used_day,
      (SELECT coalesce(sum(used_credits), 0) FROM totals
        WHERE scope = 'all' AND subject_id = 0 AND quarter_ms >= :week_ms) AS used_week,
      (SELECT coalesce(sum(amount_credits), 0) FROM open_holds) AS on_hold,
      p.*,
      (SELECT request_id FROM pictures
        WHERE pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost') AND state IN ('overdue', 'unknown')
        ORDER BY submitted_at_ms IS NULL, submitted_at_ms LIMIT 1) AS late_request_id
    FROM (
      SELECT count(*) FILTER (WHERE state = 'held') AS waiting,
        count(*) FILTER (WHERE state IN ('submitting', 'painting', 'fetching')) AS running,
        count(*) FILTER (WHERE state IN ('overdue', 'unknown')) AS late,
        min(CASE WHEN state IN ('overdue', 'unknown') THEN submitted_at_ms END) AS late_since_ms
      FROM pictures WHERE pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')) p
    """
)
_BORNE = text(
    """
    SELECT a.kind, coalesce(sum(e.amount_credits), 0) AS ever,
      coalesce(sum(e.amount_credits) FILTER (WHERE e.created_at_ms >= :since_ms), 0) AS since
    FROM accounts a JOIN entries e ON e.account_id = a.id WHERE a.kind IN ('variance', 'loss') GROUP BY a.kind
    """
)
_BOOKS = text(
    """
    SELECT e.id, a.kind, e.amount_credits, e.reason, e.created_at_ms, r.id AS request_id, p.position, r.guild_id,
      r.channel_id,
      CASE WHEN NOT r.private AND r.place_guild_id = r.guild_id AND coalesce(d.channel_id, r.channel_id) = r.channel_id
        THEN coalesce(d.message_id, r.message_id) END AS message_id
    FROM accounts a JOIN entries e ON e.account_id = a.id
    LEFT JOIN pictures p ON p.id = e.picture_id LEFT JOIN requests r ON r.id = p.request_id
    LEFT JOIN deliveries d ON d.request_id = r.id AND d.message_id IS NOT NULL
    WHERE a.kind IN ('variance', 'loss') ORDER BY e.id DESC LIMIT :most OFFSET :skipped
    """
)
_BOOKED = text(
    "SELECT count(*) FROM accounts a JOIN entries e ON e.account_id = a.id WHERE a.kind IN ('variance', 'loss')"
)


@dataclass(frozen=True, slots=True)
class GuildLimitsRow(Row):
    """What the operator allows one server; without ``own_allowance`` the settings hold."""

    guild_id: int
    own_allowance: int
    allowance_credits: int | None
    paused_at_ms: int | None
    pause_reason: str | None


@dataclass(frozen=True, slots=True)
class ServerWorkRow(Row):
    """What is in work for a server: what waits goes back when it is paused, what was submitted goes on."""

    waiting_requests: int
    waiting: int
    waiting_credits: int
    submitted: int


@dataclass(frozen=True, slots=True)
class OperatorLogRow(Row):
    """A change at the desk. ``value_before`` and ``value_after`` are JSON of what the server was allowed."""

    id: int
    operator_id: int
    action: str
    guild_id: int
    value_before: str
    value_after: str
    reason: str
    event_id: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class NoticeRow(Row):
    """What an operator is to be told; ``facts`` is JSON."""

    id: int
    operator_id: int
    kind: str
    facts: str
    created_at_ms: int
    ended_at_ms: int | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class DeskRow(Row):
    """How everything stands. What was used includes what is on hold."""

    used_day: int
    used_week: int
    on_hold: int
    waiting: int
    running: int
    late: int
    late_since_ms: int | None
    late_request_id: str | None


@dataclass(frozen=True, slots=True)
class BookRow(Row):
    """An entry of what the operator bore, with the picture that it is about, and where that stands for all to see."""

    id: int
    kind: str
    amount_credits: int
    reason: str
    created_at_ms: int
    request_id: str | None
    position: int | None
    guild_id: int | None
    channel_id: int | None
    message_id: int | None


class OperatorQueries(Queries):
    """The desk's own."""

    # --- what each server is allowed ---

    async def limits(self, guild_id: int) -> GuildLimitsRow | None:
        """Return what a server is allowed, None where nothing was ever set."""
        return await self._one(GuildLimitsRow, _LIMITS, which_guild=guild_id)

    async def all_limits(self) -> list[GuildLimitsRow]:
        """Return all servers for which something was set."""
        return await self._all(GuildLimitsRow, select(guild_limits))

    async def limits_of(self, guild_ids: Collection[int]) -> list[GuildLimitsRow]:
        """Return what was set for these servers."""
        return await self._all(GuildLimitsRow, _LIMITS_OF, among=list(guild_ids))

    async def limits_like(self, digits: str, *, limit: int) -> list[GuildLimitsRow]:
        """Return what was set for servers whose ids contain ``digits``."""
        return await self._all(GuildLimitsRow, _LIMITS_LIKE, digits=digits, most=limit)

    async def knows(self, guild_id: int) -> bool:
        """Tell whether something was ever set for a server, or used in it."""
        return bool(await self._count(_KNOWN, guild_id=guild_id))

    async def is_paused(self, guild_id: int) -> bool:
        """Tell whether a server is paused."""
        return await self._connection.scalar(_PAUSED, {"which_guild": guild_id}) is not None

    async def put_limits(self, row: GuildLimitsRow) -> None:
        """Set what a server is allowed."""
        values = {name: getattr(row, name) for name in GuildLimitsRow.__slots__ if name != "guild_id"}
        statement = upsert(guild_limits).values(guild_id=row.guild_id, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["guild_id"], set_=values))

    async def waiting_where_paused(self) -> list[PictureRow]:
        """Return the pictures that wait in paused servers and were not submitted."""
        return await self._all(PictureRow, _WAITING_WHERE_PAUSED)

    async def in_server(self, guild_id: int) -> ServerWorkRow:
        """Return what is in work for a server."""
        found = await self._one(ServerWorkRow, _IN_SERVER, guild_id=guild_id)
        if found is None:
            raise AssertionError("sums make one row")
        return found

    # --- the log ---

    async def log(self, **values: Any) -> None:
        """Append a line."""
        await self._connection.execute(insert(operator_log).values(**values))

    async def of_event(self, event_id: str) -> OperatorLogRow | None:
        """Return what an event has changed already."""
        return await self._one(OperatorLogRow, _LOG_OF_EVENT, event=event_id)

    async def latest(self, *, limit: int, offset: int, guild_id: int | None = None) -> list[OperatorLogRow]:
        """Return lines of the log (of one server), newest first."""
        query = select(operator_log)
        if guild_id is not None:
            query = query.where(operator_log.c.guild_id == guild_id)
        return await self._all(OperatorLogRow, query.order_by(operator_log.c.id.desc()).limit(limit).offset(offset))

    async def log_count(self) -> int:
        """Count the lines of the log."""
        return await self._count(select(func.count()).select_from(operator_log))

    # --- how it stands ---

    async def desk(self, *, day_ms: int, week_ms: int) -> DeskRow:
        """Return how everything stands; what was used since two times."""
        found = await self._one(DeskRow, _DESK, day_ms=day_ms, week_ms=week_ms)
        if found is None:
            raise AssertionError("sums make one row")
        return found

    async def used_by_guild(self, since_ms: int) -> dict[int, int]:
        """Return what each server that ever used anything has used since a time."""
        rows = await self._connection.execute(_USED_BY_GUILD, {"since_ms": since_ms})
        return {row.guild_id: row.used_credits for row in rows}

    async def used_by(self, guild_id: int, since_ms: int) -> int:
        """Return what a server has used since a time."""
        return await self._count(_USED_BY_ONE, guild_id=guild_id, since_ms=since_ms)

    async def borne(self, since_ms: int) -> dict[str, tuple[int, int]]:
        """Return what the operator bore by kind: since a time, and ever."""
        rows = await self._connection.execute(_BORNE, {"since_ms": since_ms})
        return {row.kind: (row.since, row.ever) for row in rows}

    async def books(self, *, limit: int, offset: int) -> list[BookRow]:
        """Return entries of what the operator bore, newest first."""
        return await self._all(BookRow, _BOOKS, most=limit, skipped=offset)

    async def booked(self) -> int:
        """Count those entries."""
        return await self._count(_BOOKED)

    # --- what operators are told ---

    async def add_notice(self, operator_id: int, kind: str, facts: Mapping[str, Any], now_ms: int) -> None:
        """Have an operator told."""
        await self._connection.execute(
            insert(operator_notices).values(
                operator_id=operator_id, kind=kind, facts=json.dumps(dict(facts)), created_at_ms=now_ms
            )
        )

    async def open_notices(self, operator_id: int, *, limit: int) -> list[NoticeRow]:
        """Return what an operator is still to be told, oldest first."""
        return await self._all(NoticeRow, _OPEN_NOTICES, operator=operator_id, most=limit)

    async def end_notice(self, notice_id: int, outcome: str, now_ms: int) -> None:
        """Note what has become of a notice."""
        await self._connection.execute(
            update(operator_notices)
            .where(operator_notices.c.id == notice_id)
            .values(ended_at_ms=now_ms, outcome=outcome)
        )

    async def drop_notices(self, before_ms: int, *, still_told: Collection[int]) -> None:
        """Forget those that ended long ago, and those that wait for somebody who is no operator any more."""
        await self._connection.execute(delete(operator_notices).where(operator_notices.c.ended_at_ms < before_ms))
        await self._connection.execute(
            delete(operator_notices).where(
                operator_notices.c.ended_at_ms.is_(None), operator_notices.c.operator_id.not_in(still_told)
            )
        )
