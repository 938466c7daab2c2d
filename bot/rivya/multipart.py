"""A multipart/form-data body with one file in it, read from disk piece by piece, off the event loop.

httpx can do multipart itself, but it reads the file on the event loop. Here each piece is read in a thread, the
length is known beforehand, and at no time is more than one piece of the file in memory.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 256 * 1024


class MultipartFile:
    """An opened body: give it to httpx as ``content`` together with ``headers``. It can be sent once."""

    def __init__(self, file: BinaryIO, size_bytes: int, *, head: bytes, tail: bytes, boundary: str) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._head = head
        self._tail = tail
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size_bytes + len(tail)),
        }

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._head
        left = self._size_bytes
        while left > 0:
            piece = await asyncio.to_thread(self._file.read, min(PIECE_BYTES, left))
            if not piece:
                raise OSError("the file became shorter while it was sent")
            left -= len(piece)
            yield piece
        yield self._tail


@asynccontextmanager
async def open_multipart(
    path: Path, *, filename: str, mime: str, fields: Mapping[str, str], boundary: str
) -> AsyncIterator[MultipartFile]:
    """Open ``path`` as the field ``file`` of a form that also has ``fields``; raises OSError if it can't.

    ``boundary`` must be a word of letters and digits that does not occur in the file: 128 random bits don't.
    """
    head = b"".join(_part(boundary, f'name="{_quoted(name)}"', "", value.encode()) for name, value in fields.items())
    head += _part(boundary, f'name="file"; filename="{_quoted(filename)}"', f"Content-Type: {mime}\r\n", None)
    file = await asyncio.to_thread(path.open, "rb")
    try:
        size_bytes = os.fstat(file.fileno()).st_size
        tail = f"\r\n--{boundary}--\r\n".encode()
        yield MultipartFile(file, size_bytes, head=head, tail=tail, boundary=boundary)
    finally:
        file.close()


def _part(boundary: str, disposition: str, more: str, value: bytes | None) -> bytes:
    opening = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return opening.encode("utf-8", "replace") + (b"" if value is None else value + b"\r\n")


def _quoted(text: str) -> str:
    """Escape a name as browsers do (WHATWG HTML, multipart/form-data encoding algorithm)."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
