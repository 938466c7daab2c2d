"""What the queries of every noun share: rows as values, a connection, and the conditions of the partial indexes.

The queries of every step are built once, with ``bindparam``s: building one takes several times as long as asking it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar, cast

from sqlalchemy import ColumnElement, exists, literal_column, text
from sqlalchemy.engine import CursorResult

from bot.storage import Connection
from bot.storage.request_tables import deliveries, pictures, requests

# The conditions of the partial indexes, word for word: SQLite uses such an index only for a condition that it can see.
OPEN_PICTURE = text("pictures.state NOT IN ('fetched', 'failed', 'cancelled', 'lost')")
OPEN_REQUEST = text("requests.state IN ('accepted', 'running')")
OPEN_DELIVERY = text("deliveries.state IN ('waiting', 'due')")
UNTOLD_VOID = text("requests.state = 'void' AND requests.void_told_at_ms IS NULL")
HAS_PARENT = text("requests.parent_id IS NOT NULL")
HAS_WAITING = (
    exists()
    .where(
        deliveries.c.request_id == requests.c.id,
        deliveries.c.state == literal_column("'kept'"),
        pictures.c.request_id == requests.c.id,
        pictures.c.path.is_not(None),
    )
    .correlate(requests)
)
"""Whether a picture of a request waits for its owner in the history."""


class Row:
    """A row of a table as a frozen dataclass, with a field for each column."""

    __slots__ = ()

    STATES: ClassVar[type[StrEnum] | None] = None
    """What its column ``state`` may hold; None where there is none."""

    @classmethod
    def of(cls, mapping: Mapping[Any, Any]) -> Self:
        """Build it from a result's columns, by their names."""
        names: tuple[str, ...] = cls.__slots__
        return cls.made_of(mapping[name] for name in names)

    @classmethod
    def made_of(cls, values: Iterable[Any]) -> Self:
        """Build it from the values of all its columns, in their order."""
        if cls.STATES is None:
            return cls(*values)
        found = list(values)
        place = tuple(cls.__slots__).index("state")
        found[place] = cls.STATES(found[place])
        return cls(*found)


R = TypeVar("R", bound=Row)


class Queries:
    """The queries of one noun, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _one(self, row: type[R], query: Any, **values: Any) -> R | None:
        """Return the one row that a query of a whole table finds, None when it finds none."""
        found = (await self._connection.execute(query, values)).one_or_none()
        return row.made_of(found) if found is not None else None

    async def _all(self, row: type[R], query: Any, **values: Any) -> list[R]:
        """Return the rows that a query of a whole table finds."""
        return [row.made_of(found) for found in await self._connection.execute(query, values)]

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
