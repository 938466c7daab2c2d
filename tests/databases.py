"""What the tests of storage ask of a database file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from bot.storage import Database

NOW_MS = 1_790_000_000_000


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def number_of(database: Database, query: str) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(text(query)) or 0)
