"""The queries of pictures that were paid for, and can be refunded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, text

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

# A message that was posted elsewhere than it was asked for stands in nobody knows which server.
_BOOKED = text(
    """
    SELECT p.id, p.request_id, p.position,
      iif(d.channel_id = r.channel_id, r.place_guild_id, NULL) AS guild_id,
      iif(d.state = 'shown' AND NOT r.private, d.channel_id, NULL) AS channel_id,
      iif(d.state = 'shown' AND NOT r.private, d.message_id, NULL) AS message_id
    FROM pictures p JOIN requests r ON r.id = p.request_id LEFT JOIN deliveries d ON d.request_id = r.id
    WHERE p.id IN :picture_ids
    """
).bindparams(bindparam("picture_ids", expanding=True))


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


@dataclass(frozen=True, slots=True)
class BookedPicture:
    """The picture that an entry is about, and where it stands for others to see (None: nowhere)."""

    request_id: str
    position: int
    guild_id: int | None
    channel_id: int | None
    message_id: int | None

    @property
    def reference(self) -> str:
        """The short id by which its request can be named."""
        return self.request_id[-6:]


class RefundQueries(Queries):
    """Paid pictures of a server."""

    async def get(self, guild_id: int, picture_id: str) -> PaidPicture | None:
        """Return a paid picture of a server."""
        row = (await self._connection.execute(_ONE, {"guild_id": guild_id, "which": picture_id})).one_or_none()
        return PaidPicture(*row) if row is not None else None

    async def booked(self, picture_ids: Collection[str]) -> dict[str, BookedPicture]:
        """Return pictures by their ids."""
        rows = await self._connection.execute(_BOOKED, {"picture_ids": list(picture_ids)})
        return {row.id: BookedPicture(*row[1:]) for row in rows}

    async def latest(self, guild_id: int, *, user_id: int | None, limit: int) -> list[PaidPicture]:
        """Return a server's (or one member's) newest paid pictures."""
        values = {"guild_id": guild_id, "user_id": user_id, "most": limit}
        return [PaidPicture(*row) for row in await self._connection.execute(_LATEST, values)]
