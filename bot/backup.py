"""A backup of a running bot (its database as of one moment, and the files that this speaks of), and the way back.

A restored bot never sends what was waiting when the backup was made: it may have been sent since, and would be paid for
and posted twice. What had been sent by then is asked for and brought to its end.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from bot.clock import Clock
from bot.config import Settings
from bot.errors import StorageError
from bot.generations.repository import GenerationsRepository
from bot.generations.settling import end_without_picture
from bot.generations.states import DeliveryState, FailureCode, PictureState, RequestState
from bot.media import commit_file, remove_quietly
from bot.storage import Connection, Database, open_database
from bot.storage.copying import copy_database, files_named_in
from bot.storage.database import database_path, take_lock

log = structlog.get_logger(__name__)

_DATABASE = "backup.db"
_FILES = "files"


@dataclass(frozen=True, slots=True)
class Copied:
    """``files`` of ``size_bytes`` in all, with those that were there already; ``gone``: those that were not found."""

    files: int
    size_bytes: int
    gone: int


async def backup(settings: Settings, folder: Path) -> Copied:
    """Copy database and files to ``folder``; again into the same folder, only what is new is copied.

    Works beside a running bot. ``folder`` is a whole backup at any moment from the first one's end on. Raises
    StorageError in words.
    """
    source = database_path(settings.database_url)
    try:
        return await asyncio.to_thread(_backup, source, settings.data_dir, folder)
    except OSError as error:
        raise StorageError(f"The backup in {folder} can't be written: {error.strerror}.") from error


def _backup(source: Path, data_dir: Path, folder: Path) -> Copied:
    if not source.exists():
        raise StorageError(f"There is no database at {source}.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh, final = folder / ".fresh.db", folder / _DATABASE
    try:
        remove_quietly(fresh)
        copy_database(source, fresh)
        # The database first, then what it speaks of: what comes later is in neither.
        names = files_named_in(fresh)
        copied = _copy(names, data_dir, folder / _FILES)
        commit_file(fresh, final)
    finally:
        remove_quietly(fresh)
    _remove_others(folder / _FILES, set(names))
    return copied


async def restore(settings: Settings, folder: Path, clock: Clock) -> Copied:
    """Put a backup in the place of database and files; what was there of the database is moved aside, never removed.

    Raises StorageError in words, when a bot runs, too.
    """
    target = database_path(settings.database_url)
    backed_up = folder / _DATABASE
    if not await asyncio.to_thread(backed_up.exists):
        raise StorageError(f"There is no backup in {folder}: it has no {_DATABASE}.")
    lock = await asyncio.to_thread(take_lock, target)
    coming = target.with_name(f"{target.name}.restoring")
    try:
        names = await asyncio.to_thread(files_named_in, backed_up)
        copied = await asyncio.to_thread(_copy, names, folder / _FILES, settings.data_dir)
        await asyncio.to_thread(_remove_database, coming)
        await asyncio.to_thread(copy_database, backed_up, coming)
        async with open_database(f"sqlite+aiosqlite:///{coming}") as database:
            await _end_what_waited(database, clock.now_ms())
        await asyncio.to_thread(_exchange, coming, target)
    except OSError as error:
        raise StorageError(f"The backup in {folder} can't be restored: {error.strerror}.") from error
    finally:
        await asyncio.to_thread(_remove_database, coming)
        os.close(lock)
    return copied


async def _end_what_waited(database: Database, now_ms: int) -> None:
    async def work(tx: Connection) -> None:
        rows = GenerationsRepository(tx)
        for request in await rows.requests.open(RequestState.ACCEPTED):
            await rows.requests.move(request.id, RequestState.ACCEPTED, RequestState.VOID, settled_at_ms=now_ms)
        waiting = await rows.pictures.in_states({PictureState.HELD})
        for picture in waiting:
            await end_without_picture(
                tx,
                picture.id,
                {PictureState.HELD},
                PictureState.FAILED,
                now_ms=now_ms,
                failure_code=FailureCode.RESTORED,
            )
        for request_id in {picture.request_id for picture in waiting}:
            if all(picture.failure_code == FailureCode.RESTORED for picture in await rows.pictures.of(request_id)):
                # Its message may show the picture by now: it is left as it is.
                await rows.deliveries.change(request_id, state=DeliveryState.WITHDRAWN, last_error="restored")
        log.info("backup.waiting_ended", pictures=len(waiting))

    await database.write(work)


def _copy(names: list[str], source: Path, target: Path) -> Copied:
    count = size_bytes = gone = 0
    for name in names:
        old, new = source / name, target / name
        try:
            status = old.stat()
            # A file never changes under its name.
            if not (new.is_file() and new.stat().st_size == status.st_size):
                new.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                unfinished = new.with_name(f".{new.name}.part")
                try:
                    shutil.copyfile(old, unfinished)
                    commit_file(unfinished, new)
                finally:
                    remove_quietly(unfinished)
        except FileNotFoundError:
            if old.exists():
                raise
            gone += 1  # the oldest pictures go while we copy
            continue
        count, size_bytes = count + 1, size_bytes + status.st_size
    return Copied(count, size_bytes, gone)


def _remove_others(folder: Path, names: set[str]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            remove_quietly(path)


def _exchange(coming: Path, target: Path) -> None:
    stamp = f"before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for suffix in ("", "-wal", "-shm"):
        old = target.with_name(target.name + suffix)
        if old.exists():
            old.rename(target.with_name(f"{target.name}.{stamp}{suffix}"))
    commit_file(coming, target)


def _remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        remove_quietly(path.with_name(path.name + suffix))
