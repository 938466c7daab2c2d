"""Running totals: filled from what was booked before, kept by triggers, as quickly asked after a long life."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.credits.audit import audit
from bot.credits.ledger import Ledger, Purse
from bot.credits.quota_rules import Scope, Spender
from bot.credits.quotas import SpendingPolicy, hold_all, look_up
from bot.credits.repository import CreditsRepository
from bot.credits.windows import QUARTER_MS, month_of
from bot.storage import Connection, Database, open_database
from bot.storage.credit_tables import account_owners, accounts, entries, legs
from bot.storage.migrations import upgrade
from bot.storage.request_tables import deliveries, pictures, requests
from tests.books import CHANNEL, GUILD, USER, accept, end, fetch, used
from tests.rules import set_rule

NOW_MS = 1_790_000_000_000
POLICY = SpendingPolicy(20, None, None)
TOTALS = "SELECT scope, subject_id, quarter_ms, used_credits FROM totals ORDER BY 1, 2, 3"
HOLDS = "SELECT * FROM open_holds ORDER BY 1"
GRANTS = "SELECT * FROM grants_left ORDER BY 1"


class Counting:
    """Stands before a connection and counts what is asked of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.asked = 0

    async def execute(self, statement: Any, values: Any = None) -> Any:
        self.asked += 1
        return await self._connection.execute(statement, values)

    async def scalar(self, statement: Any, values: Any = None) -> Any:
        self.asked += 1
        return await self._connection.scalar(statement, values)


async def live(tx: Connection) -> None:
    """Something of everything, over some quarters of an hour."""
    ledger = Ledger(tx, NOW_MS)
    account_id = await ledger.member_account(guild_id=GUILD, user_id=USER)
    await ledger.grant(account_id, 30, actor="admin", reason="thanks", expires_at_ms=NOW_MS + 10**9)
    await accept(tx, "made", now_ms=NOW_MS, policy=POLICY, count=2)
    await fetch(tx, "made-1", now_ms=NOW_MS + 1, final_credits=10)
    await fetch(tx, "made-2", now_ms=NOW_MS + QUARTER_MS, final_credits=5)
    await accept(tx, "mixed", now_ms=NOW_MS + QUARTER_MS, policy=POLICY)
    await fetch(tx, "mixed-1", now_ms=NOW_MS + 2 * QUARTER_MS)
    await accept(tx, "failed", now_ms=NOW_MS + 3 * QUARTER_MS, policy=POLICY)
    await end(tx, "failed-1", now_ms=NOW_MS + 4 * QUARTER_MS)
    await accept(tx, "open", now_ms=NOW_MS + 4 * QUARTER_MS, policy=POLICY)
    await Ledger(tx, NOW_MS + 5 * QUARTER_MS).refund(
        "made-1", 3, actor="admin", reason="blurred", open_since_ms=month_of(NOW_MS).start_ms
    )
    await accept(tx, "alone", now_ms=NOW_MS, policy=SpendingPolicy(0, 0, None, 8), guild_id=None, user_id=USER + 1)
    await ledger.book_loss(3, picture_id="failed-1", reason="paid for nothing")


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Any]:
    """Give a database as the version before left it."""
    path = tmp_path / "before.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0002")
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        yield path, connection


async def test_what_was_booked_before_is_summed(database: Database, database_path: Path, before: Any) -> None:
    await database.write(live)
    path, old = before
    with closing(sqlite3.connect(database_path)) as new, old:
        expected = [new.execute(query).fetchall() for query in (TOTALS, HOLDS, GRANTS)]
        old.execute("PRAGMA defer_foreign_keys = ON")
        for table in (accounts, account_owners, entries, legs, requests, deliveries, pictures):
            here = [row[1] for row in old.execute(f"PRAGMA table_info({table.name})")]
            columns = ", ".join(here)
            for row in new.execute(f"SELECT {columns} FROM {table.name}"):
                places = ", ".join("?" * len(here))
                old.execute(f"INSERT INTO {table.name} ({columns}) VALUES ({places})", row)
    old.close()
    async with open_database(f"sqlite+aiosqlite:///{path}") as migrated, migrated.read() as tx:
        for query, rows in zip((TOTALS, HOLDS, GRANTS), expected, strict=True):
            assert [tuple(row) for row in await tx.execute(sa.text(query))] == rows
        assert len(expected[0]) > 10
        assert (await audit(tx, now_ms=NOW_MS + 10**9)).findings == ()
        channels = await tx.execute(sa.text("SELECT DISTINCT guild_id, channel_id FROM legs ORDER BY 1"))
        assert [tuple(row) for row in channels] == [(None, None), (GUILD, CHANNEL)]
    with closing(sqlite3.connect(path)) as stranger, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        stranger.execute("UPDATE legs SET amount_credits = 1")


async def test_what_is_refunded_comes_back_to_the_member_and_to_nobody_else(database: Database) -> None:
    """The provider keeps what it was paid: the sums that guard the operator's money don't sink."""

    async def sums(tx: Connection) -> list[int]:
        rows, since_ms = CreditsRepository(tx), month_of(NOW_MS).start_ms
        account_id = await rows.find_account(guild_id=GUILD, user_id=USER)
        assert account_id is not None
        return [
            await used(tx, "account", account_id, since_ms),
            await used(tx, "channel", CHANNEL, since_ms),
            await used(tx, "guild", GUILD, since_ms),
            await used(tx, "all", 0, since_ms),
        ]

    async def made(tx: Connection) -> None:
        await accept(tx, "r", now_ms=NOW_MS)
        await fetch(tx, "r-1", now_ms=NOW_MS)

    await database.write(made)
    assert await database.look(sums) == [8, 8, 8, 8]
    await database.write(
        lambda tx: Ledger(tx, NOW_MS).refund(
            "r-1", 5, actor="admin", reason="blurred", open_since_ms=month_of(NOW_MS).start_ms
        )
    )
    assert await database.look(sums) == [3, 8, 8, 8]


async def test_the_database_overdraws_no_grant(database: Database) -> None:
    async def overdraw(tx: Connection) -> None:
        ledger = Ledger(tx, NOW_MS)
        account_id = await ledger.member_account(guild_id=GUILD, user_id=USER)
        await ledger.grant(account_id, 8, actor="admin", reason="thanks")
        await ledger.hold(Purse(account_id, 0, GUILD, CHANNEL), {"a": 8})
        await tx.exec_driver_sql(
            "INSERT INTO legs (entry_id, account_id, guild_id, grant_id, amount_credits, dated_at_ms) "
            f"SELECT 2, account_id, guild_id, grant_id, 1, {NOW_MS} FROM legs"
        )

    with pytest.raises(IntegrityError, match="overdrawn"):
        await database.write(overdraw)


@pytest.mark.parametrize("how", ["INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE"])
async def test_a_leg_that_a_stranger_writes_is_summed_too(database: Database, database_path: Path, how: str) -> None:
    await database.write(lambda tx: accept(tx, "r", now_ms=NOW_MS))
    with closing(sqlite3.connect(database_path)) as stranger, stranger:
        for _ in range(2):
            stranger.execute(
                f"{how} INTO legs (entry_id, account_id, guild_id, channel_id, amount_credits, dated_at_ms) "
                f"VALUES (1, 1, {GUILD}, {CHANNEL}, 5, {NOW_MS + 1})"
            )
        assert {row[-1] for row in stranger.execute(TOTALS)} == {18}


async def test_a_hold_takes_as_many_steps_after_a_long_life(database: Database) -> None:
    """Counted, not timed: SQLite tells how many steps of its machine a question took."""
    for number in range(200):
        await set_rule(database, GUILD, Scope.ROLE, 1000 + number, day=10**6)
    await set_rule(database, GUILD, Scope.CHANNEL, CHANNEL, month=10**9)
    await set_rule(database, GUILD, Scope.SERVER, month=10**9)
    spender = Spender(USER, GUILD, frozenset(range(1000, 1250)), NOW_MS - 10**9, CHANNEL)

    async def steps(tx: Connection, name: str) -> int:
        ticks = 0

        def tick() -> int:
            nonlocal ticks
            ticks += 1
            return 0

        async def ask() -> None:
            counted: Any = Counting(tx)
            situation = await look_up(counted, POLICY, spender, now_ms=NOW_MS)
            assert counted.asked == 2, "a balance is two questions"
            await hold_all(counted, situation, {name: 8}, provider_left_credits=None)
            assert counted.asked == 4, "an entry and its legs"

        driver = await tx.run_sync(lambda connection: connection.connection.driver_connection)
        assert driver is not None
        driver.set_progress_handler(tick, 10)
        await ask()
        driver.set_progress_handler(None, 0)
        return ticks

    await database.write(lambda tx: Ledger(tx, NOW_MS).member_account(guild_id=GUILD, user_id=USER))
    young = await database.write(lambda tx: steps(tx, "young"))

    async def much(tx: Connection) -> None:
        account_id = await CreditsRepository(tx).find_account(guild_id=GUILD, user_id=USER)
        assert account_id is not None
        for number in range(2000):
            ledger = Ledger(tx, NOW_MS - 30 * QUARTER_MS + number)
            holds = await ledger.hold(Purse(account_id, None, GUILD, CHANNEL), {f"p{number}": 8})
            assert holds is not None
            await ledger.capture(holds[f"p{number}"], 8)

    await database.write(much)
    assert await database.write(lambda tx: steps(tx, "old")) <= young * 1.2
