"""The queries of what a server's admins have set."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from bot.generations.repository.base import Queries, Row
from bot.storage.server_tables import guild_settings


@dataclass(frozen=True, slots=True)
class GuildRow(Row):
    """A row of ``guild_settings``."""

    guild_id: int
    gallery_channel_id: int | None
    reports_channel_id: int | None
    updated_at_ms: int
    updated_by: int
    time_zone: str | None = None


class GuildQueries(Queries):
    """Servers: their gallery, and where reports go."""

    async def get(self, guild_id: int) -> GuildRow | None:
        """Return what is set for a server; None when nothing ever was."""
        return await self._one(GuildRow, select(guild_settings).where(guild_settings.c.guild_id == guild_id))

    async def with_gallery(self, *guild_ids: int) -> set[int]:
        """Return those of the servers that have a gallery."""
        rows = await self._connection.execute(
            select(guild_settings.c.guild_id).where(
                guild_settings.c.guild_id.in_(guild_ids), guild_settings.c.gallery_channel_id.is_not(None)
            )
        )
        return set(rows.scalars())

    async def set(self, guild_id: int, *, updated_by: int, updated_at_ms: int, **channels: int | None) -> None:
        """Set ``gallery_channel_id`` or ``reports_channel_id`` (None: there is none); all else stays."""
        values = {**channels, "updated_by": updated_by, "updated_at_ms": updated_at_ms}
        await self._connection.execute(
            insert(guild_settings)
            .values(guild_id=guild_id, **values)
            .on_conflict_do_update(index_elements=["guild_id"], set_=values)
        )
