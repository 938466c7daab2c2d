"""Fetches images, from Discord's own hosts and nowhere else, redirects included."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from bot.generations.protocols import FetchError

MAX_REDIRECTS = 3
FETCH_TIMEOUT_S = 180.0
"""For one whole file: 30 MB over a slow line."""
_PIECE_BYTES = 256 * 1024
_DISCORD = "cdn.discordapp.com"
_COPIES = ("media.discordapp.net", "images-ext-1.discordapp.net", "images-ext-2.discordapp.net")
"""Where Discord shows attachments too, and its copies of pictures from elsewhere: it fetches those, never we."""


class CdnFetcher:
    """Implements ``bot.generations.protocols.Fetcher`` over httpx; ``base_url`` is the CDN's (``DISCORD_CDN_URL``)."""

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        base = httpx.URL(base_url)
        self._places = {(base.scheme, base.host, base.port)}
        if base.host == _DISCORD:
            self._places |= {("https", host, None) for host in _COPIES}

    async def fetch(self, url: str, destination: Path, *, max_bytes: int) -> int:
        """Stream ``url`` to ``destination``; returns its size in bytes.

        Stops after ``max_bytes`` + 1. Raises FetchError.
        """
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                return await self._follow(url, destination, max_bytes)
        except TimeoutError as error:
            raise FetchError("too slow", retryable_now=True) from error

    async def _follow(self, url: str, destination: Path, max_bytes: int) -> int:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            try:
                async with self._http.stream("GET", url) as response:
                    if response.is_redirect and response.next_request is not None:
                        url = str(response.next_request.url)
                        continue
                    if response.status_code != 200:
                        again = response.status_code >= 500 or response.status_code in {408, 429}
                        raise FetchError(f"HTTP {response.status_code}", retryable_now=again)
                    return await _save(response, destination, max_bytes)
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise FetchError(type(error).__name__, retryable_now=True) from error
            except httpx.InvalidURL as error:
                raise FetchError("not an address", retryable_now=False) from error
        raise FetchError("too many redirects", retryable_now=False)

    def _check(self, url: str) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise FetchError("not an address", retryable_now=False) from error
        if (parsed.scheme, parsed.host, parsed.port) not in self._places or parsed.userinfo:
            raise FetchError("not on Discord's CDN", retryable_now=False)


async def _save(response: httpx.Response, destination: Path, max_bytes: int) -> int:
    size = 0
    with await asyncio.to_thread(destination.open, "wb") as file:
        async for piece in response.aiter_bytes(_PIECE_BYTES):
            kept = piece[: max_bytes + 1 - size]
            await asyncio.to_thread(file.write, kept)
            size += len(kept)
            if size > max_bytes:
                break
    return size
