"""The queries of bans from the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, or_, select, text, update

from bot.generations.repository.base import Queries, Row
from bot.storage.tables import bans

_STANDING = text("bans.lifted_at_ms IS NULL")
"""The condition of the partial index, word for word."""


@dataclass(frozen=True, slots=True)
class BanRow(Row):
    """A row of ``bans``."""

    id: int
    guild_id: int
    user_id: int
    reason: str
    banned_by: int
    created_at_ms: int
    expires_at_ms: int | None
    lifted_at_ms: int | None
    lifted_by: int | None


_NOW = or_(bans.c.expires_at_ms.is_(None), bans.c.expires_at_ms > bindparam("now_ms"))
_OF = select(bans).where(_STANDING, bans.c.guild_id == bindparam("which"), bans.c.user_id == bindparam("who"), _NOW)


class BanQueries(Queries):
    """Bans: one stands at a time for a member of a server."""

    async def standing(self, guild_id: int, user_id: int, now_ms: int) -> BanRow | None:
        """Return the ban that stands for a member now."""
        return await self._one(BanRow, _OF, which=guild_id, who=user_id, now_ms=now_ms)

    async def of_guild(self, guild_id: int, now_ms: int, *, limit: int, offset: int = 0) -> tuple[list[BanRow], int]:
        """Return the bans that stand in a server, newest first, and how many there are."""
        here = (_STANDING, bans.c.guild_id == guild_id, _NOW)
        total = await self._count(select(func.count()).select_from(bans).where(*here), now_ms=now_ms)
        newest = select(bans).where(*here).order_by(bans.c.id.desc()).limit(limit).offset(offset)
        return await self._all(BanRow, newest, now_ms=now_ms), total

    async def add(self, **values: Any) -> None:
        """Add a ban; none may stand for this member, not even an expired one."""
        await self._connection.execute(insert(bans).values(**values))

    async def lift(self, guild_id: int, user_id: int, *, by: int, now_ms: int) -> None:
        """End whatever stands for a member."""
        await self._connection.execute(
            update(bans)
            .where(_STANDING, bans.c.guild_id == guild_id, bans.c.user_id == user_id)
            .values(lifted_at_ms=now_ms, lifted_by=by)
        )
