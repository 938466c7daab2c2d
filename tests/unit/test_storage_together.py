"""Work that comes while another commit waits for the disk is committed together, each piece whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from bot.storage import Connection, Database
from bot.storage.memory_tables import facts


async def note(tx: Connection, name: str) -> str:
    await tx.execute(insert(facts).values(name=name, value="x", updated_at_ms=1))
    return name


def names_on_disk(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM facts")}


async def test_one_that_fails_takes_none_of_the_others_with_it(database: Database, database_path: Path) -> None:
    async def half(tx: Connection) -> None:
        await note(tx, "half")
        raise RuntimeError("stop here")

    async def refused(tx: Connection) -> None:
        await note(tx, "also half")
        await note(tx, "3")  # is there already, or will be

    works = [
        *(database.write(lambda tx, n=n: note(tx, str(n))) for n in range(6)),  # type: ignore[misc]
        database.write(half),
        database.write(refused),
        *(database.write(lambda tx, n=n: note(tx, str(n))) for n in range(6, 12)),  # type: ignore[misc]
    ]
    results = await asyncio.gather(*works, return_exceptions=True)

    assert results[:6] + results[8:] == [str(n) for n in range(12)]
    assert isinstance(results[6], RuntimeError)
    assert isinstance(results[7], IntegrityError)
    assert names_on_disk(database_path) == {str(n) for n in range(12)}


async def test_whoever_is_answered_is_on_the_disk(database: Database, database_path: Path) -> None:
    missing: list[str] = []

    async def ask(name: str) -> None:
        await database.write(lambda tx: note(tx, name))
        if name not in names_on_disk(database_path):
            missing.append(name)

    await asyncio.gather(*(ask(str(n)) for n in range(40)))
    assert missing == []


async def test_each_sees_what_the_one_before_it_has_written(database: Database) -> None:
    """A balance that is read and drawn on by two at once would be spent twice."""

    async def draw(tx: Connection) -> int:
        left = 3 - int(await tx.scalar(text("SELECT count(*) FROM facts")) or 0)
        if left <= 0:
            raise RuntimeError("nothing is left")
        await note(tx, str(left))
        return left

    results = await asyncio.gather(*(database.write(draw) for _ in range(8)), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [3, 2, 1]
