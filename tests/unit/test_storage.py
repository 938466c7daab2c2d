"""What the storage promises, seen from the outside on real files."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import product
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from bot.credits.ledger import Ledger
from bot.credits.quotas import QuotaExceeded, SpendingPolicy
from bot.errors import StorageError
from bot.generations.states import FINAL_STATES, PICTURE_TRANSITIONS, PictureState
from bot.storage import Connection, Database, open_database
from bot.storage.credit_tables import entries
from bot.storage.database import database_path as path_of
from bot.storage.guards import GUARDS
from bot.storage.memory_tables import facts
from bot.storage.migrations import revisions
from bot.storage.request_tables import attempts, pictures
from bot.storage.tables import metadata
from tests.books import GUILD, UNLIMITED, USER, Held, accept, end, fetch, hold_of, move

ROOT = Path(__file__).parents[2]
NOW_MS = 1_790_000_000_000


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def squeezed(statement: str) -> str:
    return " ".join(statement.split())


@pytest.fixture
def stranger(database: Database, database_path: Path) -> Iterator[sqlite3.Connection]:
    """Give another program's connection: no foreign keys, no recursive triggers."""
    with closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        yield connection


async def number_of(database: Database, query: str) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(text(query)) or 0)


def connections() -> set[threading.Thread]:
    """Return the threads of open connections, whoever in this process opened them."""
    return {thread for thread in threading.enumerate() if "connection_worker" in thread.name}


def no_connection_is_left(before: set[threading.Thread]) -> bool:
    workers = connections() - before
    for worker in workers:
        worker.join(5)
    return not any(worker.is_alive() for worker in workers)


async def sentence(path: Path, *, exclusive: bool = True) -> str:
    before = connections()
    with pytest.raises(StorageError) as caught:
        async with open_database(url(path), exclusive=exclusive) as database:
            await number_of(database, "SELECT count(*) FROM entries")
    assert no_connection_is_left(before)
    return str(caught.value)


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


# --- append-only ---


@pytest.fixture
async def made(database: Database) -> Held:
    """Give a request of two pictures, the first captured, the second on hold: holds 1 and 2, capture 3."""

    async def work(tx: Connection) -> Held:
        held = await accept(tx, "r", now_ms=NOW_MS, count=2)
        await fetch(tx, "r-1", now_ms=NOW_MS)
        await move(tx, "r-2", "submitting")
        await tx.execute(
            insert(attempts).values(picture_id="r-2", number=1, idempotency_key="k1", body=b"{}", committed_at_ms=1)
        )
        return held

    return await database.write(work)


ENTRY = "(id, account_id, kind, amount_credits, settles_id, picture_id, actor, reason, created_at_ms)"
ATTEMPT = "(picture_id, number, idempotency_key, body, committed_at_ms)"

FORBIDDEN = [
    ("UPDATE entries SET amount_credits = 0 WHERE id = 1", "append-only"),
    ("UPDATE OR REPLACE entries SET id = 1 WHERE id = 2", "append-only"),
    ("UPDATE legs SET amount_credits = 1", "append-only"),
    ("DELETE FROM entries WHERE id = 1", "append-only"),
    ("DELETE FROM legs", "append-only"),
    (f"INSERT OR REPLACE INTO entries {ENTRY} VALUES (1, 1, 'grant', 9, NULL, NULL, 'x', 'y', 1)", "append-only"),
    (f"INSERT OR IGNORE INTO entries {ENTRY} VALUES (1, 1, 'grant', 9, NULL, NULL, 'x', 'y', 1)", "append-only"),
    ("REPLACE INTO legs (id, entry_id, account_id, amount_credits, dated_at_ms) VALUES (1, 1, 1, 9, 1)", "append-only"),
    # in the way by another unique index than the id
    (f"REPLACE INTO entries {ENTRY} VALUES (NULL, 1, 'hold', 9, NULL, 'r-2', 'x', 'y', 1)", "has its hold already"),
    (f"REPLACE INTO entries {ENTRY} VALUES (NULL, 1, 'void', 8, 1, 'r-1', 'x', 'y', 1)", "settled already"),
    (f"INSERT OR IGNORE INTO entries {ENTRY} VALUES (NULL, 1, 'capture', 8, 1, 'r-1', 'x', 'y', 1)", "settled already"),
    # settlements that fit no hold
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'capture', 9, 2, 'r-2', 'x', 'y', 1)", "needs a hold"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'void', 7, 2, 'r-2', 'x', 'y', 1)", "needs a hold"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'void', 8, 2, 'r-1', 'x', 'y', 1)", "needs a hold"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 2, 'void', 8, 2, 'r-2', 'x', 'y', 1)", "needs a hold"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'capture', 8, 3, 'r-1', 'x', 'y', 1)", "needs a hold"),
    # refunds
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'refund', 9, 3, 'r-1', 'x', 'y', 1)", "exceed their capture"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'refund', 1, 2, 'r-2', 'x', 'y', 1)", "exceed their capture"),
    # amounts
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'grant', -1, NULL, NULL, 'x', 'y', 1)", "ck_entries_amount"),
    (f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'gift', 1, NULL, NULL, 'x', 'y', 1)", "ck_entries_kind"),
    # pictures
    ("UPDATE pictures SET state = 'failed' WHERE id = 'r-2'", "while its credits are on hold"),
    ("UPDATE pictures SET state = 'held' WHERE id = 'r-1'", "from this state to that"),
    # what was sent
    ("UPDATE attempts SET body = 'x'", "can not change"),
    ("UPDATE attempts SET body = x''", "can not change"),  # its picture is not at its end
    ("UPDATE attempts SET idempotency_key = 'x'", "can not change"),
    ("UPDATE attempts SET number = 2", "can not change"),
    (f"REPLACE INTO attempts {ATTEMPT} VALUES ('r-2', 1, 'k2', 'x', 1)", "can not change"),
    (f"REPLACE INTO attempts {ATTEMPT} VALUES ('r-2', 2, 'k1', 'x', 1)", "can not change"),
]


@pytest.mark.parametrize(("statement", "words"), FORBIDDEN)
async def test_the_database_refuses(
    database: Database, stranger: sqlite3.Connection, made: Held, statement: str, words: str
) -> None:
    everything = "SELECT * FROM entries UNION ALL SELECT *, 0, 0 FROM legs"
    before = stranger.execute(everything).fetchall(), stranger.execute("SELECT * FROM attempts").fetchall()

    with pytest.raises(sqlite3.IntegrityError, match=words):
        stranger.execute(statement)
    with pytest.raises(IntegrityError, match=words):
        await database.write(lambda tx: tx.exec_driver_sql(statement))

    assert (stranger.execute(everything).fetchall(), stranger.execute("SELECT * FROM attempts").fetchall()) == before


async def test_refunds_stop_at_the_capture(database: Database, stranger: sqlite3.Connection, made: Held) -> None:
    refund = f"INSERT INTO entries {ENTRY} VALUES (NULL, 1, 'refund', 3, 3, 'r-1', 'x', 'y', 1)"
    stranger.execute(refund)
    stranger.execute(refund)
    with pytest.raises(sqlite3.IntegrityError, match="exceed"):
        stranger.execute(refund)


async def test_what_came_of_an_attempt_may_be_added(database: Database, made: Held) -> None:
    await database.write(lambda tx: tx.execute(update(attempts).values(outcome="task_1", ended_at_ms=5)))
    assert await number_of(database, "SELECT ended_at_ms FROM attempts") == 5


async def test_what_was_sent_may_be_emptied_once_nothing_is_sent_any_more(database: Database, made: Held) -> None:
    await database.write(
        lambda tx: tx.execute(
            insert(attempts).values(picture_id="r-1", number=1, idempotency_key="k0", body=b"{}", committed_at_ms=1)
        )
    )
    mine = update(attempts).where(attempts.c.picture_id == "r-1")
    for body in (b"{ }", b"\0"):
        with pytest.raises(IntegrityError, match="can not change"):
            await database.write(lambda tx, body=body: tx.execute(mine.values(body=body)))  # type: ignore[misc]
    with pytest.raises(IntegrityError, match="can not change"):
        await database.write(lambda tx: tx.execute(mine.values(body=b"", idempotency_key="k9")))
    await database.write(lambda tx: tx.execute(mine.values(body=b"")))
    with pytest.raises(IntegrityError, match="can not change"):
        await database.write(lambda tx: tx.execute(mine.values(body=b"{}")))
    assert await number_of(database, "SELECT count(*) FROM attempts WHERE body = x''") == 1


# --- pictures ---


async def test_the_database_knows_every_transition(database: Database) -> None:
    """Every pair of states is tried; the hold is settled beforehand, so that only the transition decides."""
    pairs = [(before, after) for before, after in product(PictureState, PictureState) if before is not after]

    async def work(tx: Connection) -> set[tuple[PictureState, PictureState]]:
        await accept(tx, "r", now_ms=NOW_MS)
        await Ledger(tx, NOW_MS).void(await hold_of(tx, "r-1"), reason="test")
        await tx.execute(update(pictures).values(sha256="x"))
        allowed = set()
        for before, after in pairs:
            await tx.exec_driver_sql("DROP TRIGGER pictures_state")
            await move(tx, "r-1", before)
            await tx.exec_driver_sql(next(guard for guard in GUARDS if "TRIGGER pictures_state " in guard))
            await tx.exec_driver_sql("SAVEPOINT tried")
            try:
                await move(tx, "r-1", after)
                allowed.add((before, after))
            except IntegrityError:
                await tx.exec_driver_sql("ROLLBACK TO tried")
        return allowed

    wanted = {(before, after) for before, following in PICTURE_TRANSITIONS.items() for after in following}
    assert await database.write(work) == wanted


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
async def test_no_picture_ends_while_its_credits_are_on_hold(database: Database, state: PictureState) -> None:
    path = {
        PictureState.FETCHED: ("submitting", "painting", "fetching"),
        PictureState.LOST: ("submitting", "unknown"),
    }.get(state, ())

    async def work(tx: Connection) -> None:
        await accept(tx, "r", now_ms=NOW_MS)
        await tx.execute(update(pictures).values(sha256="x"))
        await move(tx, "r-1", *path)

    await database.write(work)
    with pytest.raises(IntegrityError, match="while its credits are on hold"):
        await database.write(lambda tx: move(tx, "r-1", state))
    assert await number_of(database, "SELECT count(*) FROM entries WHERE kind != 'hold'") == 0


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_nobody_pays_for_a_picture_that_was_not_made(database: Database, state: str) -> None:
    async def work(tx: Connection) -> None:
        await accept(tx, "r", now_ms=NOW_MS)
        await Ledger(tx, NOW_MS).capture(await hold_of(tx, "r-1"), 8)
        await move(tx, "r-1", state)

    with pytest.raises(IntegrityError, match="nobody pays"):
        await database.write(work)
    assert await number_of(database, "SELECT count(*) FROM entries") == 0


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


# --- one process to a file ---

HOLDER = """
import asyncio, sys
from bot.storage import open_database

async def main():
    async with open_database(sys.argv[1]):
        sys.stdout.write("open\\n")
        sys.stdout.flush()
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, url(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"open\n"
        assert await sentence(path) == (
            f"Another process of the bot is using {path}. Stop it first: two of them would spend the same credits."
        )
    finally:
        holder.kill()
        await holder.wait()
    async with open_database(url(path)) as database:
        assert await number_of(database, "SELECT count(*) FROM entries") == 0


async def test_the_lock_goes_with_the_database(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with open_database(url(path)):
        with pytest.raises(StorageError, match="Another process"):
            async with open_database(url(path)):
                pass
        async with open_database(url(path), exclusive=False) as looking:
            assert await number_of(looking, "SELECT count(*) FROM entries") == 0
    async with open_database(url(path)):
        pass


async def test_a_failed_start_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.write_bytes(b"no database at all, but some text that is long enough to be looked at" * 30)
    for _ in range(2):
        with pytest.raises(StorageError, match="is damaged"):
            async with open_database(url(path)):
                pass
    path.unlink()
    async with open_database(url(path)):
        pass


# --- files that can't be used ---


@pytest.fixture
async def filled(tmp_path: Path) -> Path:
    path = tmp_path / "filled.db"
    async with open_database(url(path)) as database:
        for number in range(3):
            await database.write(lambda tx, n=number: accept(tx, f"r{n}", now_ms=NOW_MS))  # type: ignore[misc]
            await database.write(lambda tx, n=number: end(tx, f"r{n}-1", now_ms=NOW_MS))  # type: ignore[misc]
    return path


def inflict(damage: str, path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "scribbled": whole[:4096] + random.Random(1).randbytes(4096) + whole[8192:],
            "header": b"\0" * 100 + whole[100:],
        }[damage]
    )


@pytest.mark.parametrize("damage", ["truncated", "scribbled", "header"])
async def test_a_damaged_file_is_named_with_the_way_back(filled: Path, damage: str) -> None:
    inflict(damage, filled)
    found = await sentence(filled)
    assert f"The database {filled} is damaged." in found
    assert "backup" in found
    assert ".recover" in found


async def test_a_newer_database_is_left_alone(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    found = await sentence(filled)
    assert "newer version of the bot (revision 9999)" in found
    assert "Install that version again" in found


async def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE accounts (id)")
    assert "already exists" in await sentence(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("accounts",)]


async def test_looking_makes_no_database(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    assert await sentence(path, exclusive=False) == f"There is no database at {path}."
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a path is not to be waited for in an async function


async def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "bot.db").mkdir()
    assert "can't be opened for writing" in await sentence(tmp_path / "bot.db")


async def test_a_file_where_its_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    found = await sentence(tmp_path / "data" / "bot.db")
    assert f"The folder {tmp_path / 'data'} can't be written to" in found


async def test_another_program_that_holds_the_file(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.storage.database.BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(filled, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert "is locked by another program" in await sentence(filled)


needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@needs_permissions
async def test_a_read_only_file(filled: Path) -> None:
    os.chmod(filled, 0o400)  # noqa: PTH101 - likewise
    assert "Give the bot's user the right to write it" in await sentence(filled)


@needs_permissions
async def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert "Make it writable for the bot's user" in await sentence(folder / "bot.db")


@pytest.mark.parametrize(
    "wrong", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "postgresql+asyncpg://h/d", "sqlite:///x.db", "x"]
)
def test_only_a_file_is_taken(wrong: str) -> None:
    with pytest.raises(StorageError, match="must name a file"):
        path_of(wrong)


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
