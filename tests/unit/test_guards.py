"""What the database itself refuses, whoever asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from bot.credits.ledger import Ledger
from bot.generations.states import FINAL_STATES, PICTURE_TRANSITIONS, PictureState
from bot.storage import Connection, Database
from bot.storage.guards import GUARDS
from bot.storage.request_tables import attempts, pictures
from tests.books import Held, accept, fetch, hold_of, move
from tests.databases import NOW_MS, number_of


@pytest.fixture
def stranger(database: Database, database_path: Path) -> Iterator[sqlite3.Connection]:
    """Give another program's connection: no foreign keys, no recursive triggers."""
    with closing(sqlite3.connect(database_path, isolation_level=None)) as connection:
        yield connection


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
