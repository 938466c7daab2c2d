"""What the queries of every noun share: rows as values, a connection, and the conditions of the partial indexes.

The queries of every step are built once, with ``bindparam``s: building one takes several times as long as asking it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar, cast

from sqlalchemy import ColumnElement, text
from sqlalchemy.engine import CursorResult

from bot.storage import Connection
from bot.storage.tables import requests

# The conditions of the partial indexes, word for word: SQLite uses such an index only for a condition that it can see.
OPEN_PICTURE = text("pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')")
OPEN_REQUEST = text("requests.state IN ('accepted', 'running')")
OPEN_DELIVERY = text("deliveries.state IN ('waiting', 'due')")
UNTOLD_VOID = text("requests.state = 'void' AND requests.void_told_at_ms IS NULL")
HAS_PARENT = text("requests.parent_id IS NOT NULL")


class Row:
    """A row of a table as a frozen dataclass, with a field for each column."""

    __slots__ = ()

    STATES: ClassVar[type[StrEnum] | None] = None
    """What its column ``state`` may hold; None where there is none."""

    @classmethod
    def of(cls, mapping: Mapping[Any, Any]) -> Self:
        """Build it from a result's columns, by their names."""
        names: tuple[str, ...] = cls.__slots__
        values = {name: mapping[name] for name in names}
        if cls.STATES is not None:
            values["state"] = cls.STATES(values["state"])
        return cls(**values)


R = TypeVar("R", bound=Row)


class Queries:
    """The queries of one noun, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _one(self, row: type[R], query: Any, **values: Any) -> R | None:
        found = (await self._connection.execute(query, values)).mappings().one_or_none()
        return row.of(found) if found is not None else None

    async def _all(self, row: type[R], query: Any, **values: Any) -> list[R]:
        return [row.of(found) for found in (await self._connection.execute(query, values)).mappings()]

    async def _count(self, query: Any, **values: Any) -> int:
        """Return the one number that a query asks for; a sum over nothing is 0."""
        return int(await self._connection.scalar(query, values) or 0)

    async def _changed(self, statement: Any, **values: Any) -> int:
        """Carry out a change; returns how many rows it changed."""
        result = cast("CursorResult[Any]", await self._connection.execute(statement, values))
        return result.rowcount


def in_guild(guild_id: int | None) -> ColumnElement[bool]:
    """Return the condition for the requests of a guild; None: of direct messages."""
    return requests.c.guild_id.is_(None) if guild_id is None else requests.c.guild_id == guild_id
