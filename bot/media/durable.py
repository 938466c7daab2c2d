"""Bytes that are still there after a power cut."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def commit_file(temporary: Path, final: Path) -> None:
    """Give the finished file ``temporary`` its name ``final``, for good: when this returns, it survives a crash.

    The file is fsynced, renamed (replacing what was there) and the folder of ``final`` is fsynced. Both names
    must be on one file system. Raises OSError; ``final`` is then either the old file or the whole new one.
    """
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    # Two names of one inode are not renamed by POSIX: the old one would stay.
    remove_quietly(temporary)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Write the entries of ``folder`` to the disk, so that files created or renamed in it stay; raises OSError."""
    if os.name == "nt":  # Windows can't open a folder, and needs no fsync of it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_quietly(path: Path) -> None:
    """Remove a file if it is there and can be removed; never raises OSError."""
    with contextlib.suppress(OSError):
        path.unlink()


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written below ``folder``, by this user; raises OSError when it does not exist."""
    return shutil.disk_usage(folder).free
