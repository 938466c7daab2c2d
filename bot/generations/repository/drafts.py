"""The queries of drafts: requests that are none yet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from bot.generations.repository.base import Queries, Row
from bot.storage.personal_tables import drafts


@dataclass(frozen=True, slots=True)
class DraftRow(Row):
    """A row of ``drafts``."""

    id: str
    user_id: int
    guild_id: int | None
    request: str
    created_at_ms: int
    expires_at_ms: int
    request_id: str | None


class DraftQueries(Queries):
    """Drafts: kept, taken at most once, forgotten."""

    async def add(self, draft: DraftRow) -> None:
        """Add a draft."""
        await self._connection.execute(
            insert(drafts).values(
                id=draft.id,
                user_id=draft.user_id,
                guild_id=draft.guild_id,
                request=draft.request,
                created_at_ms=draft.created_at_ms,
                expires_at_ms=draft.expires_at_ms,
            )
        )

    async def get(self, draft_id: str) -> DraftRow | None:
        """Return a draft, expired or not."""
        return await self._one(DraftRow, select(drafts).where(drafts.c.id == draft_id))

    async def take(self, draft_id: str, request_id: str) -> bool:
        """Write down what became of a draft, unless something did already."""
        changed = await self._changed(
            update(drafts).where(drafts.c.id == draft_id, drafts.c.request_id.is_(None)).values(request_id=request_id)
        )
        return changed > 0

    async def give_back(self, request_id: str) -> None:
        """Let the draft of a request that was voided be taken again."""
        await self._connection.execute(update(drafts).where(drafts.c.request_id == request_id).values(request_id=None))

    async def forget_expired(self, before_ms: int) -> int:
        """Forget the drafts that expired before; returns how many."""
        return await self._changed(delete(drafts).where(drafts.c.expires_at_ms < before_ms))
