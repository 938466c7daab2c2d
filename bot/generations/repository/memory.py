"""The queries of what the bot remembers: facts, and prices that it learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.generations.repository.base import Queries
from bot.rivya import LearnedPrice
from bot.storage.memory_tables import facts, learned_prices

_FACT = select(facts.c.value, facts.c.updated_at_ms).where(facts.c.name == bindparam("fact"))


class MemoryQueries(Queries):
    """The bot's own memory."""

    async def fact(self, name: str) -> tuple[str, int] | None:
        """Return a remembered value and when it was stored."""
        row = (await self._connection.execute(_FACT, {"fact": name})).one_or_none()
        return (row[0], row[1]) if row is not None else None

    async def remember(self, name: str, value: str, now_ms: int) -> None:
        """Store a value under a name."""
        await self._upsert(facts, {"name": name}, {"value": value, "updated_at_ms": now_ms})

    async def learned_prices(self) -> list[LearnedPrice]:
        """Return the prices that answers have taught."""
        rows = await self._connection.execute(
            select(
                learned_prices.c.model,
                learned_prices.c.resolution,
                learned_prices.c.credits,
                learned_prices.c.base_credits,
            )
        )
        return [LearnedPrice(model, resolution or None, taken, base) for model, resolution, taken, base in rows]

    async def learn_price(self, price: LearnedPrice, now_ms: int) -> None:
        """Store what a model and size cost."""
        await self._upsert(
            learned_prices,
            {"model": price.model, "resolution": price.resolution or ""},
            {"credits": price.credits, "base_credits": price.base_credits, "learned_at_ms": now_ms},
        )

    async def _upsert(self, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        statement = upsert(table).values(**key, **values)
        await self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
