"""The database's file: one process to it, and files that can't be used."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage import open_database
from bot.storage.database import database_path as path_of
from tests.books import accept, end
from tests.databases import NOW_MS, number_of, url

ROOT = Path(__file__).parents[2]


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
