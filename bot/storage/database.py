"""The one owner of the database's connections.

SQLite in WAL mode with ``synchronous=FULL``. One writer connection, on which every transaction is BEGIN IMMEDIATE, and
a few readers beside it. (``engine.begin()`` alone begins deferred: two such transactions can both read a balance before
either writes.) Every write runs in a task of its own that no caller's cancellation reaches: it commits or it fails, and
the caller who was cancelled reads the state again.

A commit waits some milliseconds for the disk. What comes to be written meanwhile is written together, each piece of
work behind a savepoint of its own, and committed by the next one: nobody is answered before the disk has it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import ArgumentError, DBAPIError

from bot.errors import StorageDown, StorageError
from bot.storage.connection import Connection, Here, Work, Worker, carry_out, open_worker, snapshot
from bot.storage.migrations import upgrade

log = structlog.get_logger(__name__)
T = TypeVar("T")

READERS = 4
MOST_TOGETHER = 32
"""Pieces of work in one commit, so that the first of many does not wait for all of them."""
BUSY_TIMEOUT_MS = 10_000
_DOWN = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""What a transaction is refused with for reasons of the machine's, which may pass."""
APPLICATION_ID = int.from_bytes(b"NBot")


class _Order:
    """One piece of work to be written; ``done`` says what came of it."""

    __slots__ = ("context", "done", "work")

    def __init__(self, work: Work[Any], done: asyncio.Future[Any]) -> None:
        self.work = work
        self.done = done
        self.context = copy_context()  # what it logs is its caller's

    def succeed(self, result: Any) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Database:
    """Transactions over one SQLite file; see ``open_database``."""

    def __init__(self, path: Path, *, busy_timeout_ms: int) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._writer: Worker | None = None
        self._readers: list[Worker] = []
        self._idle: list[Worker] = []
        self._places = asyncio.Semaphore(READERS)
        self._writes: set[asyncio.Task[Any]] = set()
        self._orders: deque[_Order] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._closed = False
        self.down: str | None = None
        """Why the last transaction could not be written, in the operator's words; None when it was."""

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a BEGIN IMMEDIATE transaction and commit it, whatever happens to the caller.

        ``work`` must await nothing but its connection, and runs on that one's thread: what it returns must be values,
        and what it changes must be rows. If the caller is cancelled the transaction still runs to its end; what came of
        it is in the rows. Raises StorageError when the database is closed, StorageDown when its file can't be written
        to: then nothing was.
        """
        self._check_open()
        task = asyncio.get_running_loop().create_task(self._transact(work))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Work[T]) -> T:
        try:
            result: T = await self._in_turn(work)
        except (DBAPIError, sqlite3.Error) as error:
            if _primary_code(error) not in _DOWN:
                raise
            said = _explain(error, self.path)
            if said != self.down:
                log.error("database.down", reason=said)  # noqa: TRY400 - who called says where
            self.down = said
            raise StorageDown(said) from error
        if self.down is not None:
            log.info("database.well_again")
            self.down = None
        return result

    async def _in_turn(self, work: Work[T]) -> T:
        order = _Order(work, asyncio.get_running_loop().create_future())
        self._orders.append(order)
        if self._writing is None:
            # In a context of its own: it writes for many, and its log lines are nobody's in particular.
            self._writing = asyncio.get_running_loop().create_task(self._write_all(), context=Context())
        result: T = await order.done
        return result

    async def _write_all(self) -> None:
        batch: list[_Order] = []
        try:
            while self._orders:
                batch = [self._orders.popleft() for _ in range(min(len(self._orders), MOST_TOGETHER))]
                try:
                    writer = await self._the_writer()
                    outcomes = await writer.run(lambda: _write_together(writer.sync, batch))  # noqa: B023 - awaited here
                except Exception as error:  # noqa: BLE001 - whoever ordered it hears of it
                    for order in batch:
                        order.fail(error)
                else:
                    for order, (refused, result) in zip(batch, outcomes, strict=True):
                        if refused is None:
                            order.succeed(result)
                        else:
                            order.fail(refused)
        finally:  # also when the loop itself is ending
            self._writing = None
            for order in (*batch, *self._orders):
                order.fail(StorageError("The database is closed: the bot is stopping."))
            self._orders.clear()

    async def look(self, work: Work[T]) -> T:
        """Run ``work`` on one consistent snapshot, on a reader's thread; what it returns must be values."""
        async with self._reader() as reader:
            context = copy_context()
            return await reader.run(lambda: context.run(_look, reader.sync, work))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Give a connection that reads one consistent snapshot; each question is a trip to its thread."""
        async with self._reader() as reader, snapshot(reader) as connection:
            yield connection

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Worker]:
        self._check_open()
        async with self._places:
            self._check_open()
            reader = self._idle.pop() if self._idle else await self._open("BEGIN", query_only=True)
            try:
                yield reader
            finally:
                self._idle.append(reader)

    async def _the_writer(self) -> Worker:
        if self._writer is None:
            self._writer = await self._open("BEGIN IMMEDIATE", query_only=False)
        return self._writer

    async def _open(self, begin: str, *, query_only: bool) -> Worker:
        worker = await open_worker(
            str(self.path), begin=begin, busy_timeout_ms=self._busy_timeout_ms, query_only=query_only
        )
        if query_only:
            self._readers.append(worker)
        return worker

    async def close(self) -> None:
        """Let every write end, then close all connections; whoever comes later gets a StorageError."""
        self._closed = True
        while self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)
        while self._writing is not None:
            # Who ordered may have heard of a failure already, while the others' rows are still on their way.
            await asyncio.wait({self._writing})
        for worker in (*self._readers, *((self._writer,) if self._writer is not None else ())):
            await worker.end()
        self._readers, self._idle, self._writer = [], [], None

    def _check_open(self) -> None:
        # Connections are opened when they are needed: that would be a write without the lock.
        if self._closed:
            raise StorageError("The database is closed: the bot is stopping.")


def _write_together(connection: sa.Connection, batch: list[_Order]) -> list[tuple[Exception | None, Any]]:
    """Write each order's rows and commit them; returns what came of each, raises what leaves none of them written."""
    here, outcomes = Here(connection), list[tuple[Exception | None, Any]]()
    with connection.begin():
        if len(batch) == 1:
            outcomes.append((None, batch[0].context.run(carry_out, batch[0].work, here)))
        else:
            for order in batch:
                savepoint = connection.begin_nested()
                try:
                    result = order.context.run(carry_out, order.work, here)
                except Exception as error:  # noqa: BLE001 - that one's only: the others are written
                    savepoint.rollback()
                    outcomes.append((error, None))
                else:
                    savepoint.commit()
                    outcomes.append((None, result))
    return outcomes


def _look(connection: sa.Connection, work: Work[T]) -> T:
    with connection.begin() as transaction:
        try:
            return carry_out(work, Here(connection))
        finally:
            transaction.rollback()


@asynccontextmanager
async def open_database(url: str, *, exclusive: bool = True) -> AsyncIterator[Database]:
    """Open, lock, check and migrate the database at ``url`` (``sqlite+aiosqlite:///path``).

    ``exclusive`` takes the lock that lets one process only write to a file: the kernel releases it even on SIGKILL.
    Without it the database is opened to be looked at (``audit``), neither locked nor migrated.

    Raises StorageError, in words that say the way back, when the file is locked by another process, can't be read or
    written, is damaged, or was written by a newer version.
    """
    path = database_path(url)
    lock = await asyncio.to_thread(take_lock, path) if exclusive else None
    try:
        database = await _connect(path, exclusive=exclusive)
    except BaseException:
        _release(lock)
        raise
    try:
        yield database
    finally:
        # The lock goes after the last write, also when the caller is cancelled while that one ends.
        closing = asyncio.ensure_future(database.close())
        closing.add_done_callback(lambda _: _release(lock))
        await asyncio.shield(closing)


def database_path(url: str) -> Path:
    """Return the file of a ``sqlite+aiosqlite:///`` URL; raises StorageError for any other."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        parsed = sa.URL.create("unknown")
    if parsed.drivername != "sqlite+aiosqlite" or not parsed.database or parsed.database == ":memory:":
        raise StorageError("DATABASE_URL must name a file: sqlite+aiosqlite:///data/bot.db")
    return Path(parsed.database)


def is_in_use(path: Path) -> bool:
    """Tell whether a process of the bot holds the database at ``path``."""
    try:
        descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CLOEXEC)
    except (OSError, RuntimeError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def _connect(path: Path, *, exclusive: bool) -> Database:
    if not exclusive and not await asyncio.to_thread(path.exists):
        raise StorageError(f"There is no database at {path}.")
    try:
        verdict = await asyncio.to_thread(_first_look, path, whole=exclusive)
    except sqlite3.Error as error:
        raise StorageError(_explain(error, path)) from error
    except OSError as error:
        raise StorageError(_explain(error, path)) from error
    if verdict != "ok":
        raise StorageError(_damaged(path))
    database = Database(path, busy_timeout_ms=BUSY_TIMEOUT_MS)
    try:
        if exclusive:
            await database.write(_bring_up)
    except StorageDown as error:
        await database.close()
        raise StorageError(str(error)) from error
    except (DBAPIError, sqlite3.Error) as error:
        await database.close()
        raise StorageError(_explain(error, path)) from error
    except BaseException:
        await database.close()
        raise
    return database


async def _bring_up(connection: Connection) -> None:
    # The mark is also a first write: BEGIN IMMEDIATE alone succeeds on a file that is read-only.
    await connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    await connection.run_sync(upgrade)


def _first_look(path: Path, *, whole: bool) -> str:
    # Not through the engine: a connection of aiosqlite that can't be opened leaves its thread behind for a moment,
    # which then stumbles over a loop that is closed. The whole file is read by who will write to it; audit does so too.
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        check = "PRAGMA quick_check(1)" if whole else "PRAGMA quick_check(sqlite_master)"
        return str(connection.execute(check).fetchone()[0])


def _lock_path(path: Path) -> Path:
    # Beside the file itself, whatever name it was reached by: by a link, one file would have two locks.
    return (real := path.resolve()).with_name(real.name + ".lock")


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def take_lock(path: Path) -> int:
    """Take the lock that one process only can have on the database at ``path``; closing what is returned gives it back.

    Raises StorageError when another process has it, or where no file can be made.
    """
    # The lock is on a file beside the database: closing any descriptor of the database itself would drop SQLite's own
    # POSIX locks on it.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = lock_file(_lock_path(path))
    except RuntimeError as error:
        raise StorageError(f"{path} is a link that leads to itself.") from error
    except BlockingIOError as error:
        raise StorageError(
            f"Another process of the bot is using {path}. Stop it first: two of them would spend the same credits."
        ) from error
    except OSError as error:
        raise StorageError(
            f"The folder {path.parent} can't be written to ({error.strerror}). Make it writable for the bot's user."
        ) from error
    return descriptor


def lock_file(path: Path) -> int:
    """Make and lock the file ``path`` until the descriptor that is returned is closed, or the process ends.

    Raises BlockingIOError when another process has the lock, OSError where the file can't be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _primary_code(error: DBAPIError | sqlite3.Error) -> int | None:
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _explain(error: Exception, path: Path) -> str:
    reason = str(getattr(error, "orig", None) or error).lower()
    if "malformed" in reason or "not a database" in reason:
        return _damaged(path)
    if "readonly" in reason or "unable to open" in reason or "permission" in reason:
        return (
            f"The database {path} can't be opened for writing. "
            "Give the bot's user the right to write it and its folder."
        )
    if "disk i/o" in reason:
        return f"The disk that holds {path} does not take what is written to it. Look at the disk and its quota."
    if "full" in reason:
        return f"The disk that holds {path} is full. Make room; nothing is lost."
    if "locked" in reason or "busy" in reason:
        return f"The database {path} is locked by another program. Close that program."
    return f"The database {path} can't be used: {reason}"


def _damaged(path: Path) -> str:
    return (
        f"The database {path} is damaged. Move it and its -wal file aside and bring back your newest backup "
        "(`nano-banana-bot restore FOLDER`); `sqlite3 FILE .recover` can often read the damaged one."
    )
