"""Whole copies of the database, made while it is in use, and what they speak of. Blocking: for a thread of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError

_WITH_FILES = ("pictures", "reference_images", "tray_images")
_BUSY_TIMEOUT_S = 10.0


def copy_database(source: Path, target: Path) -> None:
    """Copy the database at ``source`` as it is at one moment to ``target``, a single file that is not there yet.

    Raises StorageError when the source can't be read or is damaged, or the target can't be written.
    """
    try:
        # One step: the copy is one snapshot, and whoever writes meanwhile need not wait.
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)) as old,
            closing(sqlite3.connect(target, isolation_level=None)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            verdict = new.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StorageError(f"The database {source} can't be copied to {target}: {error}.") from error
    if verdict != "ok":
        raise StorageError(f"The database {source} is damaged, so it was not copied.")


def files_named_in(database: Path) -> list[str]:
    """Return every file that the rows of a copy speak of, relative to the data folder.

    Raises StorageError when it is no database of this bot.
    """
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return [
                row[0]
                for table in _WITH_FILES
                if table in there
                for row in connection.execute(f"SELECT path FROM {table} WHERE path IS NOT NULL ORDER BY path")  # noqa: S608 - our own names
            ]
    except sqlite3.Error as error:
        raise StorageError(f"{database} is not a backup of the bot's database: {error}.") from error
