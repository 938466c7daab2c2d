"""How SQLite would carry out what a repository asks."""

from __future__ import annotations

from typing import Any

from bot.storage import Connection


class Recorder:
    """Stands before a connection and notes what is asked of it."""

    def __init__(self, connection: Connection, seen: list[tuple[str, Any]]) -> None:
        self._connection = connection
        self._seen = seen

    def _note(self, statement: Any, values: Any) -> None:
        compiled = statement.compile(dialect=self._connection.dialect)
        parameters = compiled.construct_params(values or {})
        expanded = compiled.construct_expanded_state(parameters)
        self._seen.append((expanded.statement, tuple(expanded.parameters[name] for name in expanded.positiontup)))

    async def execute(self, statement: Any, values: Any = None) -> Any:
        self._note(statement, values)
        return await self._connection.execute(statement, values)

    async def scalar(self, statement: Any, values: Any = None) -> Any:
        self._note(statement, values)
        return await self._connection.scalar(statement, values)

    async def scalars(self, statement: Any, values: Any = None) -> Any:
        self._note(statement, values)
        return await self._connection.scalars(statement, values)


async def plan_of(connection: Connection, seen: list[tuple[str, Any]]) -> list[str]:
    """Return the steps of each statement, each with the statement it belongs to."""
    return [
        f"{step.detail} IN {statement}"
        for statement, values in seen
        for step in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    ]
