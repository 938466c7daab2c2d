"""The queries of attempts to submit a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from bot.generations.repository.base import Queries, Row
from bot.storage.request_tables import attempts


@dataclass(frozen=True, slots=True)
class AttemptRow(Row):
    """A row of ``attempts``."""

    picture_id: str
    number: int
    idempotency_key: str
    body: bytes
    committed_at_ms: int
    first_sent_at_ms: int | None
    outcome: str | None
    ended_at_ms: int | None
    key_mark: str | None


_GET = select(attempts).where(attempts.c.picture_id == bindparam("which"), attempts.c.number == bindparam("place"))
_END = update(attempts).where(attempts.c.picture_id == bindparam("which"), attempts.c.number == bindparam("place"))
_INSERT = insert(attempts)


class AttemptQueries(Queries):
    """Attempts: what is sent for a picture under which key, and what came of it."""

    async def add(self, attempt: AttemptRow) -> None:
        """Add what will be sent: the exact bytes, the key, and the time of first sending."""
        await self._connection.execute(_INSERT, asdict(attempt))

    async def get(self, picture_id: str, number: int) -> AttemptRow | None:
        """Return one attempt."""
        return await self._one(AttemptRow, _GET, which=picture_id, place=number)

    async def end(self, picture_id: str, number: int, outcome: str, now_ms: int, **values: Any) -> None:
        """Store what came of an attempt."""
        await self._connection.execute(
            _END, {"which": picture_id, "place": number, "outcome": outcome, "ended_at_ms": now_ms, **values}
        )
