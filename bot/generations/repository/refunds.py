"""The queries of pictures that were paid for, and can be refunded."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from bot.generations.repository.base import Queries

_PAID = """
    SELECT p.id, p.request_id, p.position, r.user_id, r.prompt, r.private, c.amount_credits AS charged_credits,
      coalesce((SELECT sum(f.amount_credits) FROM entries f WHERE f.settles_id = c.id AND f.kind = 'refund'), 0)
        AS refunded_credits,
      c.created_at_ms AS paid_at_ms, r.created_at_ms AS asked_at_ms, r.quota_period
    FROM requests r JOIN pictures p ON p.request_id = r.id
    JOIN entries c ON c.settles_id = p.hold_id AND c.kind = 'capture'
    WHERE r.guild_id = :guild_id AND c.amount_credits > 0
"""
_ONE = text(f"{_PAID} AND p.id = :which")
_LATEST = text(f"{_PAID} AND (:user_id IS NULL OR r.user_id = :user_id) ORDER BY r.created_at_ms DESC LIMIT :most")


@dataclass(frozen=True, slots=True)
class PaidPicture:
    """A picture that somebody paid for, and what of that has been given back. Credits."""

    id: str
    request_id: str
    position: int
    user_id: int
    prompt: str
    private: int
    charged_credits: int
    refunded_credits: int
    paid_at_ms: int
    asked_at_ms: int
    quota_period: str | None

    @property
    def left_credits(self) -> int:
        """What can still be refunded."""
        return self.charged_credits - self.refunded_credits


class RefundQueries(Queries):
    """Paid pictures of a server."""

    async def get(self, guild_id: int, picture_id: str) -> PaidPicture | None:
        """Return a paid picture of a server."""
        row = (await self._connection.execute(_ONE, {"guild_id": guild_id, "which": picture_id})).one_or_none()
        return PaidPicture(*row) if row is not None else None

    async def latest(self, guild_id: int, *, user_id: int | None, limit: int) -> list[PaidPicture]:
        """Return a server's (or one member's) newest paid pictures."""
        values = {"guild_id": guild_id, "user_id": user_id, "most": limit}
        return [PaidPicture(*row) for row in await self._connection.execute(_LATEST, values)]
