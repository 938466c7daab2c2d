"""The queries of the lines that wait for a server's log channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, insert, literal, select, update

from bot.generations.repository.base import Queries, Row
from bot.storage.server_tables import house_rules, log_lines


class LineKind(StrEnum):
    """What a line tells of."""

    REQUEST = "request"
    PRIVATE = "private"
    """A private request: that it was made, not what it says."""
    CHANGE = "change"
    QUOTA = "quota"
    """A change of who may spend what: a line of the quota log."""
    WORDS = "words"
    """Words of ours, as they are."""


@dataclass(frozen=True, slots=True)
class LogLineRow(Row):
    """A row of ``log_lines``; ``ref`` is the request's id, the change's, or the quota log's line."""

    id: int
    guild_id: int
    kind: str
    ref: str | None
    words: str | None
    batch_id: int | None
    created_at_ms: int


class LogLineQueries(Queries):
    """Lines: added where the server has a log, in the transaction of what they tell; removed when they are posted."""

    async def add(
        self, guild_id: int, kind: LineKind, now_ms: int, *, ref: str | None = None, words: str | None = None
    ) -> None:
        """Add a line, if the server has a log."""
        line = select(
            literal(guild_id), literal(kind.value), literal(ref), literal(words), literal(now_ms)
        ).where(
            select(house_rules.c.guild_id)
            .where(house_rules.c.guild_id == guild_id, house_rules.c.log_channel_id.is_not(None))
            .exists()
        )  # fmt: skip
        await self._connection.execute(
            insert(log_lines).from_select(["guild_id", "kind", "ref", "words", "created_at_ms"], line)
        )

    async def guilds(self) -> list[int]:
        """Return the servers for which lines wait."""
        found = await self._connection.execute(select(log_lines.c.guild_id).distinct())
        return list(found.scalars())

    async def next(self, guild_id: int, *, limit: int) -> list[LogLineRow]:
        """Return the lines of a server's next message, oldest first: those that were tried together, or the oldest."""
        found = await self._all(
            LogLineRow,
            select(log_lines).where(log_lines.c.guild_id == guild_id).order_by(log_lines.c.id).limit(limit),
        )
        batch_id = found[0].batch_id if found else None
        return found if batch_id is None else [line for line in found if line.batch_id == batch_id]

    async def bind(self, line_ids: list[int]) -> None:
        """Note that lines go into one message, so that a second try sends just these."""
        await self._connection.execute(
            update(log_lines).where(log_lines.c.id.in_(line_ids)).values(batch_id=line_ids[0])
        )

    async def remove(self, line_ids: list[int]) -> None:
        """Remove lines that were posted."""
        await self._connection.execute(delete(log_lines).where(log_lines.c.id.in_(line_ids)))

    async def count(self, guild_id: int) -> int:
        """Return how many lines of a server wait."""
        return await self._count(select(func.count()).select_from(log_lines).where(log_lines.c.guild_id == guild_id))

    async def drop_oldest(self, guild_id: int, *, keep: int) -> int:
        """Remove all but a server's newest lines; returns how many."""
        newest = (
            select(log_lines.c.id)
            .where(log_lines.c.guild_id == guild_id)
            .order_by(log_lines.c.id.desc())
            .limit(keep)
            .scalar_subquery()
        )
        return await self._changed(
            delete(log_lines).where(log_lines.c.guild_id == guild_id, log_lines.c.id.not_in(newest))
        )
