"""The queries of what a server's admins allow, and of who changed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, literal_column, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.generations.repository.base import Queries, Row
from bot.generations.states import RequestState
from bot.storage.credit_tables import entries
from bot.storage.request_tables import pictures, requests
from bot.storage.server_tables import house_rules, setting_changes


@dataclass(frozen=True, slots=True)
class RulesRow(Row):
    """A row of ``house_rules``; lists are JSON, switches 0 or 1."""

    guild_id: int
    channels: str
    roles_allowed: str
    roles_denied: str
    terms: str
    age_restricted_only: int
    models: str
    default_model: str | None
    private_allowed: int
    slow_mode_s: int
    log_channel_id: int | None
    log_private: int


@dataclass(frozen=True, slots=True)
class ChangeRow(Row):
    """A row of ``setting_changes``; ``was`` and ``became`` are JSON, ``changed_by`` is 0 for the bot itself."""

    id: int
    guild_id: int
    changed_by: int
    name: str
    was: str
    became: str
    created_at_ms: int


_GET = select(house_rules).where(house_rules.c.guild_id == bindparam("which"))
# By the account, from its newest hold back: it stays a member's when they were forgotten and come back, and a request's
# name does not.
_LAST = (
    select(requests.c.created_at_ms)
    .select_from(entries)
    .join(pictures, pictures.c.id == entries.c.picture_id)
    .join(requests, requests.c.id == pictures.c.request_id)
    .where(
        entries.c.account_id == bindparam("account_id"),
        entries.c.kind == literal_column("'hold'"),
        requests.c.state != RequestState.VOID,
    )
    .order_by(entries.c.id.desc())
    .limit(1)
)


class RuleQueries(Queries):
    """Rules: read with every request, changed seldom, each change written down."""

    async def get(self, guild_id: int) -> RulesRow | None:
        """Return a server's rules; None when none were ever made."""
        return await self._one(RulesRow, _GET, which=guild_id)

    async def set(self, guild_id: int, **values: Any) -> None:
        """Set some of a server's rules, as their columns hold them; the others stay."""
        await self._connection.execute(
            upsert(house_rules)
            .values(guild_id=guild_id, **values)
            .on_conflict_do_update(index_elements=["guild_id"], set_=values)
        )

    async def telling_of_private(self, *guild_ids: int) -> frozenset[int]:
        """Return those of the servers whose log shows the prompts of private pictures."""
        rows = await self._connection.execute(
            select(house_rules.c.guild_id).where(
                house_rules.c.guild_id.in_(guild_ids),
                house_rules.c.log_channel_id.is_not(None),
                house_rules.c.log_private == 1,
            )
        )
        return frozenset(rows.scalars())

    async def last_request(self, account_id: int) -> int | None:
        """Return when an account's member asked last, for something that was taken."""
        found: int | None = await self._connection.scalar(_LAST, {"account_id": account_id})
        return found

    async def add_change(self, **values: Any) -> int:
        """Write down a change; returns its id."""
        added = insert(setting_changes).values(**values).returning(setting_changes.c.id)
        return int((await self._connection.execute(added)).scalar_one())

    async def changes(self, guild_id: int, *, limit: int, name: str | None = None) -> list[ChangeRow]:
        """Return a server's newest changes, of everything or of one setting, newest first."""
        query = select(setting_changes).where(setting_changes.c.guild_id == guild_id)
        if name is not None:
            query = query.where(setting_changes.c.name == name)
        return await self._all(ChangeRow, query.order_by(setting_changes.c.id.desc()).limit(limit))

    async def changes_by_id(self, *change_ids: int) -> list[ChangeRow]:
        """Return changes by their ids, in no order."""
        return await self._all(ChangeRow, select(setting_changes).where(setting_changes.c.id.in_(change_ids)))
