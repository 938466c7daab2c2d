"""Storage: the schema, transactions and cancellation."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from bot.credits.quotas import QuotaExceeded, SpendingPolicy
from bot.errors import StorageError
from bot.storage import Connection, Database, open_database
from bot.storage.credit_tables import entries
from bot.storage.guards import GUARDS
from bot.storage.memory_tables import facts
from bot.storage.migrations import revisions
from bot.storage.tables import metadata
from tests.books import GUILD, UNLIMITED, USER, accept
from tests.databases import NOW_MS, number_of, url


def squeezed(statement: str) -> str:
    return " ".join(statement.split())


def parts_of(statement: str) -> set[str]:
    """Return what a statement says, whatever its order: a column that came later stands behind the constraints."""
    # And SQLite takes a later column's foreign key with the column alone.
    alike = re.sub(
        r"(\w+) (\w+) CONSTRAINT (\w+) REFERENCES (\w+) \(id\)",
        r"\1 \2, CONSTRAINT \3 FOREIGN KEY(\1) REFERENCES \4 (id)",
        squeezed(statement),
    )
    if not alike.startswith("CREATE TABLE"):
        return {alike}
    head, _, body = alike.partition("(")
    return {head.strip(), *(part.strip() for part in re.split(r",(?![^(]*\))", body.removesuffix(")").strip()))}


# --- the schema ---


async def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    def compare(connection: object) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})  # type: ignore[arg-type]
        return list(compare_metadata(context, metadata))

    async with database.read() as connection:
        assert await connection.run_sync(compare) == []
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == revisions()[-1]


async def test_checks_and_partial_indexes_are_those_of_the_tables_too(database: Database, tmp_path: Path) -> None:
    """Alembic compares neither; the statements themselves do."""
    engine = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    metadata.create_all(engine)
    query = text("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite_%'")
    with engine.connect() as direct:
        wanted = {name: parts_of(sql) for name, sql in direct.execute(query) if sql}
    engine.dispose()
    async with database.read() as connection:
        here = {name: parts_of(sql) for name, sql in await connection.execute(query) if sql}
    here.pop("alembic_version")
    assert here == wanted


async def test_the_guards_are_in_the_database(database: Database) -> None:
    async with database.read() as connection:
        here = await connection.scalars(text("SELECT sql FROM sqlite_master WHERE type = 'trigger'"))
        assert sorted(map(squeezed, here)) == sorted(map(squeezed, GUARDS))


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "below" / "bot.db"
    for value in ("first", "second"):
        async with open_database(url(path)) as database:
            await database.write(
                lambda tx, v=value: tx.execute(insert(facts).values(name=v, value=v, updated_at_ms=1))  # type: ignore[misc]
            )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM facts ORDER BY name").fetchall() == [("first",), ("second",)]


async def test_every_connection_writes_through_to_the_disk(database: Database) -> None:
    async def pragmas(connection: Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        return tuple([await connection.scalar(text(f"PRAGMA {name}")) for name in names])

    assert await database.write(pragmas) == ("wal", 2, 1, 1)
    async with database.read() as connection:
        assert await pragmas(connection) == ("wal", 2, 1, 1)


async def test_a_reader_can_not_write(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(OperationalError, match="readonly"):
            await connection.execute(insert(facts).values(name="x", value="y", updated_at_ms=1))


async def test_a_read_is_one_snapshot(database: Database) -> None:
    async with database.read() as connection:
        before = await connection.scalar(text("SELECT count(*) FROM facts"))
        await database.write(lambda tx: tx.execute(insert(facts).values(name="x", value="y", updated_at_ms=1)))
        assert await connection.scalar(text("SELECT count(*) FROM facts")) == before == 0
    assert await number_of(database, "SELECT count(*) FROM facts") == 1


# --- transactions ---


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    async def work(tx: Connection) -> None:
        await accept(tx, "r", now_ms=NOW_MS)
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        await database.write(work)
    for table in ("entries", "legs", "requests", "pictures", "accounts"):
        assert await number_of(database, f"SELECT count(*) FROM {table}") == 0


async def test_a_cancelled_caller_leaves_a_whole_write(database: Database) -> None:
    """However early or late the caller is cancelled, hold, legs, request and pictures are all there, or none is."""
    chance = random.Random(7)
    told: dict[str, bool] = {}

    async def ask(name: str) -> None:
        told[name] = False
        await database.write(lambda tx: accept(tx, name, now_ms=NOW_MS, count=2))
        told[name] = True

    for number in range(60):
        task = asyncio.create_task(ask(f"r{number}"))
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await database.write(lambda tx: tx.execute(select(1)))  # everything before it has ended

    assert sum(told.values()) < len(told)
    async with database.read() as connection:
        whole = await connection.execute(
            text(
                "SELECT r.id, (SELECT count(*) FROM pictures p JOIN entries h ON h.id = p.hold_id JOIN legs l "
                "ON l.entry_id = h.id WHERE p.request_id = r.id AND l.amount_credits = 8) FROM requests r"
            )
        )
        parts = dict(tuple(row) for row in whole)
    assert set(parts.values()) == {2}
    assert {name for name, answered in told.items() if answered} <= parts.keys()
    assert await number_of(database, "SELECT count(*) FROM entries") == 2 * len(parts)


async def test_closing_waits_for_the_write_of_a_cancelled_caller(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"

    async def slow(tx: Connection) -> None:
        for number in range(50):
            await tx.execute(insert(facts).values(name=str(number), value="x", updated_at_ms=1))

    async with open_database(url(path)) as database:
        task = asyncio.create_task(database.write(slow))
        await asyncio.sleep(0)
        task.cancel()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM facts").fetchone() == (50,)


async def test_two_owners_of_one_file_never_overdraw(database: Database, database_path: Path) -> None:
    """Every transaction that may write holds the file from its first read: BEGIN IMMEDIATE."""
    policy = SpendingPolicy(40, None, None)
    async with open_database(url(database_path), exclusive=False) as other:

        async def ask(number: int) -> bool:
            owner = (database, other)[number % 2]
            try:
                await owner.write(lambda tx: accept(tx, f"r{number}", now_ms=NOW_MS, policy=policy))
            except QuotaExceeded:
                return False
            return True

        answers = await asyncio.gather(*(ask(number) for number in range(40)))
    assert sum(answers) == 5
    assert await number_of(database, "SELECT sum(amount_credits) FROM legs") == 40


async def test_entries_stand_in_the_order_they_were_made(database: Database) -> None:
    """Ids have no gaps, also after a transaction that failed: a missing one means that somebody deleted it."""

    async def refused(tx: Connection) -> None:
        await accept(tx, "no", now_ms=NOW_MS, user_id=USER)
        raise RuntimeError

    await database.write(lambda tx: accept(tx, "r1", now_ms=NOW_MS))
    with suppress(RuntimeError):
        await database.write(refused)
    await database.write(lambda tx: accept(tx, "r2", now_ms=NOW_MS, guild_id=GUILD, policy=UNLIMITED))
    async with database.read() as connection:
        assert list(await connection.scalars(select(entries.c.id).order_by(entries.c.id))) == [1, 2]


async def test_a_closed_database_takes_no_more(database_path: Path) -> None:
    """A pool opens anew by itself: that would be a write without the lock."""
    async with open_database(f"sqlite+aiosqlite:///{database_path}") as database:
        pass
    with pytest.raises(StorageError, match="closed"):
        await database.write(lambda tx: tx.execute(text("DELETE FROM facts")))
    with pytest.raises(StorageError, match="closed"):
        async with database.read():
            pass


async def test_an_error_of_the_database_tells_no_prompt(database: Database) -> None:
    """Its text goes to the log."""

    async def twice(tx: Connection) -> None:
        for _ in range(2):
            await tx.execute(
                text("INSERT INTO facts (name, value, updated_at_ms) VALUES ('n', :value, 1)"), {"value": "my secret"}
            )

    with pytest.raises(IntegrityError) as failed:
        await database.write(twice)
    assert "my secret" not in str(failed.value)


async def test_a_transaction_can_not_wait_for_anything_else(database: Database) -> None:
    """Whoever awaited the network in one would hold everybody else up."""

    async def dawdling(tx: Connection) -> None:
        await accept(tx, "r", now_ms=NOW_MS)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaits nothing but its connection"):
        await database.write(dawdling)
    with pytest.raises(RuntimeError, match="awaits nothing but its connection"):
        await database.look(lambda _tx: asyncio.sleep(0))
    assert await number_of(database, "SELECT count(*) FROM requests") == 0


async def test_a_look_is_one_snapshot_that_can_not_write(database: Database, database_path: Path) -> None:
    async def between(tx: Connection) -> tuple[int, int]:
        before = await tx.scalar(text("SELECT count(*) FROM facts"))
        with closing(sqlite3.connect(database_path)) as other, other:
            other.execute("INSERT INTO facts (name, value, updated_at_ms) VALUES ('x', 'y', 1)")
        return before, await tx.scalar(text("SELECT count(*) FROM facts"))

    assert await database.look(between) == (0, 0)
    assert await number_of(database, "SELECT count(*) FROM facts") == 1
    with pytest.raises(OperationalError, match="readonly"):
        await database.look(lambda tx: tx.execute(insert(facts).values(name="z", value="y", updated_at_ms=1)))


async def test_a_reader_whose_caller_was_cancelled_serves_the_next_one(database: Database) -> None:
    for _ in range(20):
        asking = asyncio.ensure_future(database.look(lambda tx: tx.scalar(text("SELECT count(*) FROM facts"))))
        await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    assert await database.look(lambda tx: tx.scalar(text("SELECT count(*) FROM facts"))) == 0
