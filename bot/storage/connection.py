"""One connection on a thread of its own, and what a transaction sees of it.

aiosqlite owns the thread and the ``sqlite3`` connection, SQLAlchemy speaks on it, there. A piece of work is a coroutine
that awaits nothing but its ``Connection``; it is carried out *on that thread*, from beginning to end: one trip for a
whole transaction, where a trip for each statement, each fetch and each cursor took longer than the statements did. That
nothing else is awaited in a transaction is no mere rule then: whatever would have to wait raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import NullPool

from bot.storage.keyed import KeyedHash

T = TypeVar("T")
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Rows = sa.Result[*tuple[Any, ...]]


class Connection(Protocol):
    """What work on the database is written against."""

    async def execute(self, statement: sa.Executable, values: Values | None = None) -> Rows:
        """Carry out a statement."""
        ...

    async def scalar(self, statement: sa.Executable, values: Values | None = None) -> Any:
        """Return the first column of the first row, None when there is no row."""
        ...

    async def scalars(self, statement: sa.Executable, values: Values | None = None) -> sa.ScalarResult[Any]:
        """Return the first column of all rows."""
        ...

    async def exec_driver_sql(self, statement: str, values: tuple[Any, ...] | None = None) -> Rows:
        """Carry out SQL as it stands."""
        ...

    async def run_sync(self, function: Callable[[sa.Connection], T]) -> T:
        """Call ``function`` with SQLAlchemy's own connection, on its thread."""
        ...

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's word for the database."""
        ...


Work = Callable[[Connection], Awaitable[T]]


class Here:
    """A ``Connection`` for work that runs on the connection's own thread: nothing it gives is waited for."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: sa.Executable, values: Values | None = None) -> Rows:
        """Carry out a statement."""
        return self._connection.execute(statement, values)

    async def scalar(self, statement: sa.Executable, values: Values | None = None) -> Any:
        """Return the first column of the first row, None when there is no row."""
        return self._connection.execute(statement, values).scalar()

    async def scalars(self, statement: sa.Executable, values: Values | None = None) -> sa.ScalarResult[Any]:
        """Return the first column of all rows."""
        return self._connection.execute(statement, values).scalars()

    async def exec_driver_sql(self, statement: str, values: tuple[Any, ...] | None = None) -> Rows:
        """Carry out SQL as it stands."""
        return self._connection.exec_driver_sql(statement, values)

    async def run_sync(self, function: Callable[[sa.Connection], T]) -> T:
        """Call ``function`` with SQLAlchemy's own connection."""
        return function(self._connection)

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's word for the database."""
        return self._connection.dialect


class Away:
    """A ``Connection`` for questions that are asked from the event loop: each is a trip to its thread and back."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def execute(self, statement: sa.Executable, values: Values | None = None) -> Rows:
        """Carry out a statement; all its rows come at once."""
        frozen = await self._worker.run(lambda: self._worker.sync.execute(statement, values).freeze())
        return frozen()

    async def scalar(self, statement: sa.Executable, values: Values | None = None) -> Any:
        """Return the first column of the first row, None when there is no row."""
        return await self._worker.run(lambda: self._worker.sync.execute(statement, values).scalar())

    async def scalars(self, statement: sa.Executable, values: Values | None = None) -> sa.ScalarResult[Any]:
        """Return the first column of all rows."""
        return (await self.execute(statement, values)).scalars()

    async def exec_driver_sql(self, statement: str, values: tuple[Any, ...] | None = None) -> Rows:
        """Carry out SQL as it stands; all rows come at once."""
        frozen = await self._worker.run(lambda: self._worker.sync.exec_driver_sql(statement, values).freeze())
        return frozen()

    async def run_sync(self, function: Callable[[sa.Connection], T]) -> T:
        """Call ``function`` with SQLAlchemy's own connection, on its thread."""
        return await self._worker.run(lambda: function(self._worker.sync))

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's word for the database."""
        return self._worker.sync.dialect


class Worker(aiosqlite.Connection):
    """aiosqlite's connection, with SQLAlchemy on its thread (``sync``); opened by ``open_worker``."""

    sync: sa.Connection

    async def run(self, function: Callable[[], T]) -> T:
        """Call ``function`` on the connection's thread, after whatever was asked of it before."""
        result: T = await self._execute(function)  # type: ignore[no-untyped-call]
        return result

    def send(self, function: Callable[[], object]) -> None:
        """Have ``function`` called on the connection's thread, and don't wait for it."""
        self._tx.put_nowait((None, function))

    def adopt(self, *, begin: str) -> None:
        """Let SQLAlchemy speak on the connection; ``begin`` starts its transactions. To be called on its thread."""
        engine = sa.create_engine(
            "sqlite+pysqlite://",
            creator=lambda: self._conn,
            poolclass=NullPool,
            hide_parameters=True,  # else an error's text, and so the log, holds prompts and tokens
        )
        sa.event.listen(engine, "begin", lambda _: self._conn.execute(begin))
        self.sync = engine.connect()

    async def end(self) -> None:
        """Close the connection and end its thread."""
        if self._connection is not None:
            await self.run(self.sync.close)
        await self.close()


@asynccontextmanager
async def snapshot(worker: Worker) -> AsyncIterator[Away]:
    """Give a connection on which one snapshot is read, a trip for each question."""
    try:
        yield Away(worker)
    finally:
        worker.send(worker.sync.rollback)  # before whatever is asked of it next


async def open_worker(path: str, *, begin: str, busy_timeout_ms: int, query_only: bool) -> Worker:
    """Open the SQLite file at ``path`` on a thread of its own. Raises sqlite3.Error when that can't be done."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=busy_timeout_ms / 1000)
        try:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "recursive_triggers=ON",  # else INSERT OR REPLACE deletes behind the triggers' back
                f"busy_timeout={busy_timeout_ms}",
                "temp_store=MEMORY",
                f"query_only={query_only}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            hashes = KeyedHash(Path(path))
            connection.create_function("keyed_hash", 1, hashes.of, deterministic=True)
            if not query_only:
                connection.create_function("new_keyed_hash", 1, hashes.made_of)
                connection.create_function("forget_hash_key", 0, hashes.forget_key)
        except BaseException:
            connection.close()
            raise
        return connection

    worker = Worker(connect, iter_chunk_size=64)
    await worker
    try:
        await worker.run(lambda: worker.adopt(begin=begin))
    except BaseException:
        await worker.close()
        raise
    return worker


def carry_out(work: Work[T], connection: Here) -> T:
    """Do the whole of ``work`` now; raises RuntimeError when it awaits anything but its connection."""
    steps = work(connection).__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        if hasattr(steps, "close"):
            steps.close()
    raise RuntimeError("a transaction awaits nothing but its connection")
