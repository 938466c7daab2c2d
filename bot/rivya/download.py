"""Fetching a finished picture from the address that the service gave, straight to a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import httpx

from bot.rivya.answers import request_id_of, retry_after_s, transport_errors
from bot.rivya.errors import (
    BadAnswer,
    RateLimited,
    ResultGone,
    ResultTooLarge,
    ResultUnusable,
    RivyaError,
    ServerTrouble,
)

MAX_REDIRECTS = 3
PIECE_BYTES = 256 * 1024


async def fetch_to_file(
    http: httpx.AsyncClient, url: str, destination: Path, *, max_bytes: int, timeout_s: float, now_ms: int
) -> int:
    """Stream ``url`` into ``destination`` and return the size in bytes; on any failure no file is left.

    One attempt. The address may redirect three times, must be https (or lie on the API's own host, if that is
    spoken to over http), and is never sent the key. The file is flushed, not synced: the caller makes it durable.

    Raises ``ResultGone`` (dead address), ``ResultTooLarge``, ``ResultUnusable`` (an address we don't follow),
    retryable ``RivyaError``s, and OSError when the disk fails.
    """
    async with transport_errors(timeout_s):
        for _ in range(MAX_REDIRECTS + 1):
            target = _allowed(http.base_url, url)
            headers = {"Accept": "image/*", "Accept-Encoding": "identity"}
            async with http.stream("GET", target, headers=headers) as response:
                if not response.has_redirect_location:
                    return await _save(response, destination, max_bytes=max_bytes, now_ms=now_ms)
                url = str(_joined(target, response.headers["location"]))
        raise ResultUnusable("too many redirects")


async def _save(response: httpx.Response, destination: Path, *, max_bytes: int, now_ms: int) -> int:
    if response.status_code != 200:
        raise _no_picture(response, now_ms)
    if _stated_bytes(response) > max_bytes:
        raise ResultTooLarge(f"more than {max_bytes} bytes announced")
    size_bytes = 0
    async with _fresh_file(destination) as file:
        async for piece in response.aiter_bytes(PIECE_BYTES):
            size_bytes += len(piece)
            if size_bytes > max_bytes:
                raise ResultTooLarge(f"more than {max_bytes} bytes")
            await asyncio.to_thread(file.write, piece)
        if not size_bytes:
            raise BadAnswer("an empty picture", request_id=request_id_of(response))
    return size_bytes


@asynccontextmanager
async def _fresh_file(destination: Path) -> AsyncIterator[BinaryIO]:
    """Open ``destination`` for writing from scratch; it goes away again if the block fails or is cancelled."""
    file = await asyncio.to_thread(destination.open, "wb")
    try:
        yield file
        await asyncio.to_thread(file.flush)  # a full disk must show here, not in a silent close
    except BaseException:
        _discard(file, destination)
        raise
    file.close()


def _discard(file: BinaryIO, path: Path) -> None:
    with suppress(OSError):
        file.close()
    path.unlink(missing_ok=True)


def _no_picture(response: httpx.Response, now_ms: int) -> RivyaError:
    # This is a file server's answer: only its status speaks.
    status = response.status_code
    cls: type[RivyaError]
    if status == 429:
        cls = RateLimited
    elif status >= 500 or status in {408, 425}:
        cls = ServerTrouble
    elif status >= 400:
        cls = ResultGone
    else:
        cls = BadAnswer
    return cls(
        "no picture",
        http_status=status,
        request_id=request_id_of(response),
        retry_after_s=retry_after_s(response.headers.get("retry-after"), now_ms),
    )


def _allowed(base: httpx.URL, url: str) -> httpx.URL:
    target = _joined(base, url)
    own = target.host == base.host and target.scheme == base.scheme
    if not target.host or not (target.scheme == "https" or own):
        raise ResultUnusable(f"an address with the scheme {target.scheme!r}")
    return target


def _joined(base: httpx.URL, url: str) -> httpx.URL:
    try:
        return base.join(url)
    except httpx.InvalidURL:
        raise ResultUnusable("an address that can't be read") from None


def _stated_bytes(response: httpx.Response) -> int:
    stated = response.headers.get("content-length", "")
    return int(stated) if stated.isdigit() else 0
