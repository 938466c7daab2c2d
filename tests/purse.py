"""A purse for the tests of the ledger: one account, each verb in a transaction of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from sqlalchemy import select, text

from bot.credits.ledger import Balance, Ledger
from bot.credits.ledger import Purse as Pocket
from bot.credits.quota_rules import Spender
from bot.credits.quotas import SpendingPolicy, balance_of
from bot.credits.windows import month_of
from bot.storage import Connection, Database
from bot.storage.credit_tables import entries, legs
from tests.books import CHANNEL, GUILD, USER, used

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000  # 21 September 2026
Legs = list[tuple[int | None, int]]


async def window_credits(tx: Connection, account_id: int, allowance: int | None, now_ms: int) -> int | None:
    """What the month's allowance still holds."""
    if allowance is None:
        return None
    return max(allowance - await used(tx, "account", account_id, month_of(now_ms).start_ms), 0)


async def balance(tx: Connection, allowance: int | None, user_id: int, now_ms: int) -> Balance:
    return await balance_of(tx, SpendingPolicy(allowance, None, None), Spender(user_id, GUILD), now_ms=now_ms)


class Purse:
    """One account, each verb in a transaction of its own."""

    def __init__(self, database: Database, account_id: int, user_id: int = USER) -> None:
        self.database = database
        self.account_id = account_id
        self.user_id = user_id
        self.now_ms = NOW_MS
        self.allowance: int | None = 20
        self._names = (f"p{number}" for number in count(1))

    async def do(self, verb: Callable[[Ledger], Awaitable[Any]]) -> Any:
        return await self.database.write(lambda tx: verb(Ledger(tx, self.now_ms)))

    async def grant(self, amount: int, expires_at_ms: int | None = None) -> int:
        return int(
            await self.do(
                lambda ledger: ledger.grant(
                    self.account_id, amount, actor="admin", reason="test", expires_at_ms=expires_at_ms
                )
            )
        )

    async def hold(self, amount: int) -> tuple[int | None, str]:
        picture = next(self._names)

        async def work(tx: Connection) -> int | None:
            window = await window_credits(tx, self.account_id, self.allowance, self.now_ms)
            purse = Pocket(self.account_id, window, GUILD, CHANNEL)
            return (await Ledger(tx, self.now_ms).hold(purse, {picture: amount}) or {}).get(picture)

        return await self.database.write(work), picture

    async def capture(self, hold_id: int | None, final: int) -> Any:
        assert hold_id is not None
        return await self.do(lambda ledger: ledger.capture(hold_id, final))

    async def void(self, hold_id: int | None) -> None:
        assert hold_id is not None
        await self.do(lambda ledger: ledger.void(hold_id, reason="test"))

    async def refund(self, picture: str, amount: int) -> int:
        return int(
            await self.do(
                lambda ledger: ledger.refund(
                    picture, amount, actor="admin", reason="blurred", open_since_ms=month_of(self.now_ms).start_ms
                )
            )
        )

    async def left(self) -> int | None:
        async with self.database.read() as connection:
            return (await balance(connection, self.allowance, self.user_id, self.now_ms)).left_credits

    async def legs(self, entry_id: int | None) -> Legs:
        query = select(legs.c.grant_id, legs.c.amount_credits).where(legs.c.entry_id == entry_id).order_by(legs.c.id)
        async with self.database.read() as connection:
            return [(grant, amount) for grant, amount in await connection.execute(query)]

    async def settled_by(self, hold_id: int | None) -> int:
        async with self.database.read() as connection:
            found = await connection.scalar(select(entries.c.id).where(entries.c.settles_id == hold_id))
            assert found is not None
            return int(found)

    async def operator(self, kind: str) -> int:
        query = text(
            "SELECT coalesce(sum(l.amount_credits), 0) FROM legs l JOIN accounts a ON a.id = l.account_id "
            "WHERE a.kind = :kind"
        )
        async with self.database.read() as connection:
            return int(await connection.scalar(query, {"kind": kind}) or 0)
