"""The queries of bans from the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, not_, or_, select, text, update

from bot.generations.repository.base import Queries, Row
from bot.storage.server_tables import bans, setting_changes

BAN: Final = "ban"
"""The name under which bans stand among the changes of settings."""
NOBODY: Final = 0
"""Stands in the log in the place of who asked to be forgotten. The same for all of them: a ban that still stands has
their id beside its time and reason, and nothing that leads from there to their requests."""
_SAID = (setting_changes.c.was, setting_changes.c.became)
_FORGOTTEN = text("bans.forgotten_at_ms IS NOT NULL")
_STANDING = text("bans.lifted_at_ms IS NULL")
"""The conditions of the partial indexes, word for word."""


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
    forgotten_at_ms: int | None = None

    @property
    def told_user_id(self) -> int:
        """Whom the log may name: 0 once they asked to be forgotten."""
        return self.user_id if self.forgotten_at_ms is None else NOBODY


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
        """End whatever stands for a member; of somebody who was forgotten it goes."""
        theirs = and_(_STANDING, bans.c.guild_id == guild_id, bans.c.user_id == user_id)
        await self._connection.execute(delete(bans).where(theirs, _FORGOTTEN))
        await self._connection.execute(update(bans).where(theirs).values(lifted_at_ms=now_ms, lifted_by=by))

    # --- when somebody is forgotten ---

    async def forget(self, user_id: int, now_ms: int) -> None:
        """Remove a person's bans but for those that stand, and take their id out of what was written down of any."""
        theirs = bans.c.user_id == user_id
        await self._connection.execute(delete(bans).where(theirs, not_(and_(_STANDING, _NOW))), {"now_ms": now_ms})
        await self._connection.execute(update(bans).where(theirs).values(forgotten_at_ms=now_ms))
        await self._connection.execute(
            update(setting_changes)
            .where(changes_about(user_id))
            .values({column: func.json_replace(column, "$.user_id", NOBODY) for column in _SAID})
        )

    async def has_ended(self, now_ms: int) -> bool:
        """Tell whether a ban of somebody who was forgotten is over."""
        return bool(await self._connection.scalar(select(func.count()).select_from(bans).where(_over(now_ms))))

    async def remove_ended(self, now_ms: int) -> int:
        """Remove such bans; returns how many."""
        return await self._changed(delete(bans).where(_over(now_ms)))


def changes_about(user_id: int) -> ColumnElement[bool]:
    """Return the condition for what was written down of a person's bans among the changes of settings."""
    named = (func.json_extract(column, "$.user_id") == user_id for column in _SAID)
    return and_(setting_changes.c.name == BAN, or_(*named))


def _over(now_ms: int) -> ColumnElement[bool]:
    return and_(_FORGOTTEN, bans.c.expires_at_ms <= now_ms)
