"""The queries of reports to a server's moderators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, text, update

from bot.generations.repository.base import Queries, Row
from bot.storage.server_tables import reports

_OPEN = text("reports.state = 'open'")


class ReportState(StrEnum):
    """What has become of a report."""

    OPEN = "open"
    DISMISSED = "dismissed"
    DELETED = "deleted"
    """Its picture was removed."""


@dataclass(frozen=True, slots=True)
class ReportRow(Row):
    """A row of ``reports``."""

    STATES = ReportState

    id: int
    request_id: str
    guild_id: int
    reporter_id: int
    reason: str
    state: ReportState
    channel_id: int | None
    message_id: int | None
    created_at_ms: int
    handled_at_ms: int | None
    handled_by: int | None


class ReportQueries(Queries):
    """Reports: made once by each person, handled once."""

    async def get(self, report_id: int) -> ReportRow | None:
        """Return a report."""
        return await self._one(ReportRow, select(reports).where(reports.c.id == report_id))

    async def by(self, request_id: str, reporter_id: int) -> ReportRow | None:
        """Return a person's report of a request."""
        return await self._one(
            ReportRow,
            select(reports).where(reports.c.request_id == request_id, reports.c.reporter_id == reporter_id),
        )

    async def add(self, **values: Any) -> int:
        """Add an open report; returns its id."""
        added = insert(reports).values(state=ReportState.OPEN, **values).returning(reports.c.id)
        return int((await self._connection.execute(added)).scalar_one())

    async def open(self, guild_id: int, *, limit: int, offset: int = 0) -> tuple[list[ReportRow], int]:
        """Return a server's open reports, oldest first, and how many there are."""
        mine = (_OPEN, reports.c.guild_id == guild_id)
        total = await self._count(select(func.count()).select_from(reports).where(*mine))
        found = await self._all(
            ReportRow, select(reports).where(*mine).order_by(reports.c.id).limit(limit).offset(offset)
        )
        return found, total

    async def sent(self, report_id: int, *, channel_id: int, message_id: int) -> None:
        """Store where moderators see a report."""
        await self._connection.execute(
            update(reports).where(reports.c.id == report_id).values(channel_id=channel_id, message_id=message_id)
        )

    async def handle(self, report_id: int, state: ReportState, *, by: int, now_ms: int) -> bool:
        """Close a report if it is open; tell whether it was."""
        changed = await self._changed(
            update(reports)
            .where(reports.c.id == report_id, _OPEN)
            .values(state=state, handled_by=by, handled_at_ms=now_ms)
        )
        return changed > 0

    async def close_all(self, request_id: str, *, by: int, now_ms: int) -> list[ReportRow]:
        """Close all open reports of a request whose picture is gone; returns them as they were."""
        found = await self._all(ReportRow, select(reports).where(_OPEN, reports.c.request_id == request_id))
        for report in found:
            await self.handle(report.id, ReportState.DELETED, by=by, now_ms=now_ms)
        return found
