"""Whose an account is, and how a person is forgotten without a way around the quota.

An entry never says who; `account_owners` does. That row goes when a person asks to be forgotten. What they used in a
window that is still open must count when they come back within it, so a keyed hash of who they were stays until every
such window has closed, and longer only while credits that were granted to them are left (at most `GRANTS_KEPT_S`).
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, exists, func, insert, select

from bot.credits.repository import CreditsRepository, owner_text
from bot.credits.windows import all_closed_ms, earliest_open_ms
from bot.storage import Connection
from bot.storage.credit_tables import account_owners, forgotten_owners, legs

PACE_KEPT_S = 24 * 3600
"""For this long at least it counts when somebody asked last: they may have to wait so long between two requests."""
GRANTS_KEPT_S = 365 * 24 * 3600
"""For this long a person who was forgotten can come back for credits that were granted to them; then they lapse."""

_OWNED = select(account_owners.c.account_id, account_owners.c.guild_key).where(
    account_owners.c.user_id == bindparam("user_id")
)
_USED_SINCE = select(
    exists().where(legs.c.account_id == bindparam("account_id"), legs.c.dated_at_ms >= bindparam("since_ms"))
)


class Owners:
    """The map from people to accounts, on one connection (the writer's: it alone makes hashes)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def accounts_of(self, user_id: int) -> list[tuple[int, int]]:
        """Return a person's accounts, each with its guild (0: personal)."""
        return [(row.account_id, row.guild_key) for row in await self._connection.execute(_OWNED, {"user_id": user_id})]

    async def release(self, user_id: int, now_ms: int) -> int:
        """Untie all accounts of a person; returns how many. Those that count still keep a keyed hash for a while."""
        accounts = await self.accounts_of(user_id)
        for account_id, guild_key in accounts:
            until_ms = await self._counts_until(account_id, now_ms)
            await self._connection.execute(delete(account_owners).where(account_owners.c.account_id == account_id))
            if until_ms > now_ms:
                hashed = func.new_keyed_hash(owner_text(guild_key, user_id))
                await self._connection.execute(
                    insert(forgotten_owners).values(account_id=account_id, owner_hash=hashed, until_ms=until_ms)
                )
        return len(accounts)

    async def forget_hashes(self, now_ms: int) -> int:
        """Remove the hashes whose time is over, and with the last one the key; returns how many."""
        over = forgotten_owners.c.until_ms <= now_ms
        if not await self._connection.scalar(select(exists().where(over))):
            return 0
        gone = (
            await self._connection.scalars(
                delete(forgotten_owners).where(over).returning(forgotten_owners.c.account_id)
            )
        ).all()
        if not await self._connection.scalar(select(exists(select(forgotten_owners)))):
            await self._connection.scalar(select(func.forget_hash_key()))
        return len(gone)

    async def _counts_until(self, account_id: int, now_ms: int) -> int:
        until_ms = 0
        pace_ms = PACE_KEPT_S * 1000
        since = {"account_id": account_id, "since_ms": min(earliest_open_ms(now_ms), now_ms - pace_ms)}
        if await self._connection.scalar(_USED_SINCE, since):
            until_ms = max(all_closed_ms(now_ms), now_ms + pace_ms)
        longest_ms = now_ms + GRANTS_KEPT_S * 1000
        for grant in await CreditsRepository(self._connection).grants_left(account_id, now_ms):
            until_ms = max(until_ms, min(grant.expires_at_ms or longest_ms, longest_ms))
        return until_ms
