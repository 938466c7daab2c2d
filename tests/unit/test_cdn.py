"""Fetching attachments: from Discord's CDN and nowhere else, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from bot import cdn
from bot.cdn import MAX_REDIRECTS, CdnFetcher
from bot.generations.protocols import FetchError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Give a function that serves a handler on loopback and returns its address."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            app = web.Application()
            app.router.add_get("/{path:.*}", handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            return f"http://{host}:{port}"

        yield start


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=0.3, trust_env=False) as http:
        yield http


async def _body(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * int(request.query.get("bytes", "10")))


async def test_a_file_is_fetched_to_disk(serve: Serve, http: httpx.AsyncClient, tmp_path: Path) -> None:
    base = await serve(_body)
    size = await CdnFetcher(http, base).fetch(f"{base}/a.png?ex=1&hm=2", tmp_path / "a", max_bytes=10)
    assert size == 10
    assert (tmp_path / "a").read_bytes() == b"x" * 10


async def test_no_more_is_read_than_is_wanted(serve: Serve, http: httpx.AsyncClient, tmp_path: Path) -> None:
    base = await serve(_body)
    size = await CdnFetcher(http, base).fetch(f"{base}/a.png?bytes=5000000", tmp_path / "a", max_bytes=1000)
    assert size == 1001
    assert (tmp_path / "a").stat().st_size == 1001


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/attachments/1/2/a.png",
        "https://cdn.discordapp.com.example.org/a.png",
        "https://example.org/cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com@example.org/a.png",
        "https://someone@cdn.discordapp.com/a.png",
        "https://:secret@cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "http://cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com./a.png",
        "https://images-ext-3.discordapp.net/external/Zm9v/https/pictures.example/a.png",
        "https://images-ext-1.discordapp.net.example.org/external/Zm9v/a.png",
        "https://discordapp.net/attachments/1/2/a.png",
        "http://images-ext-1.discordapp.net/external/Zm9v/https/pictures.example/a.png",
        "https://xn--cdn-discordapp.com/a.png",
        "https://cdn。discordapp。com.evil.example/a.png",
        "ftp://cdn.discordapp.com/a.png",
        "file:///etc/passwd",
        "//cdn.discordapp.com/a.png",
        "http://127.0.0.1/a.png",
        "http://[::1]/a.png",
        "https://[bad/a.png",
        "",
    ],
)
async def test_other_places_are_never_asked(tmp_path: Path, url: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, content=b"no")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(FetchError) as refused:
            await CdnFetcher(http, "https://cdn.discordapp.com").fetch(url, tmp_path / "a", max_bytes=10)
    assert not refused.value.retryable_now
    assert asked == []
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.discordapp.com/attachments/1/2/a.png?ex=6&is=5&hm=4&",
        "https://CDN.discordapp.com:443/ephemeral-attachments/1/2/a%20b.png",
        "https://media.discordapp.net/attachments/1/2/a.png?width=100",
        "https://images-ext-1.discordapp.net/external/Zm9v/https/pictures.example/a.png",
        "https://images-ext-2.discordapp.net/external/Zm9v/https/pictures.example/a.png",
    ],
)
async def test_discords_own_places_are(tmp_path: Path, url: str) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"yes"))
    async with httpx.AsyncClient(transport=transport) as http:
        assert await CdnFetcher(http, "https://cdn.discordapp.com").fetch(url, tmp_path / "a", max_bytes=10) == 3


async def test_a_redirect_within_the_cdn_is_followed(serve: Serve, http: httpx.AsyncClient, tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/from":
            raise web.HTTPFound("/to?bytes=7")
        return await _body(request)

    base = await serve(handler)
    assert await CdnFetcher(http, base).fetch(f"{base}/from", tmp_path / "a", max_bytes=10) == 7


@pytest.mark.parametrize("place", ["elsewhere", "userinfo", "scheme"])
async def test_each_hop_is_checked(serve: Serve, http: httpx.AsyncClient, tmp_path: Path, place: str) -> None:
    asked: list[str] = []

    async def secret(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=b"secret")

    elsewhere = await serve(secret)
    hops = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal hops
        hops += 1
        if hops == 1:
            raise web.HTTPMovedPermanently("/again")
        host = request.host
        target = {"elsewhere": f"{elsewhere}/secret", "userinfo": f"http://a:b@{host}/x", "scheme": f"ftp://{host}/x"}
        raise web.HTTPFound(target[place])

    base = await serve(handler)
    with pytest.raises(FetchError) as refused:
        await CdnFetcher(http, base).fetch(f"{base}/from", tmp_path / "a", max_bytes=10)
    assert not refused.value.retryable_now
    assert hops == 2
    assert asked == []
    assert not (tmp_path / "a").exists()


async def test_redirects_end(serve: Serve, http: httpx.AsyncClient, tmp_path: Path) -> None:
    hops: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        hops.append(request.path)
        raise web.HTTPFound(f"/{len(hops)}")

    base = await serve(handler)
    with pytest.raises(FetchError, match="too many redirects"):
        await CdnFetcher(http, base).fetch(f"{base}/from", tmp_path / "a", max_bytes=10)
    assert len(hops) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (503, True), (429, True), (408, True), (404, False), (403, False), (204, False)]
)
async def test_what_is_worth_another_try(
    serve: Serve, http: httpx.AsyncClient, tmp_path: Path, status: int, again: bool
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    base = await serve(handler)
    with pytest.raises(FetchError) as failed:
        await CdnFetcher(http, base).fetch(f"{base}/a", tmp_path / "a", max_bytes=10)
    assert failed.value.retryable_now is again


async def test_silence_and_breaks_are_worth_another_try(
    serve: Serve, http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path == "/silent":
            await over.wait()
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        while request.path == "/drip" and not over.is_set():
            await response.write(b"x")
            await asyncio.sleep(0.02)
        if request.path == "/broken" and request.transport is not None:
            await response.write(b"x")
            request.transport.close()
        return response

    base = await serve(handler)
    fetcher = CdnFetcher(http, base)
    for path in ("/silent", "/broken"):
        with pytest.raises(FetchError) as failed:
            await fetcher.fetch(f"{base}{path}", tmp_path / "a", max_bytes=10_000)
        assert failed.value.retryable_now
    monkeypatch.setattr(cdn, "FETCH_TIMEOUT_S", 0.1)
    with pytest.raises(FetchError, match="too slow") as failed:
        await fetcher.fetch(f"{base}/drip", tmp_path / "a", max_bytes=10_000)
    assert failed.value.retryable_now
    over.set()


async def test_nobody_there_is_worth_another_try(http: httpx.AsyncClient, tmp_path: Path) -> None:
    base = "http://127.0.0.1:9"
    with pytest.raises(FetchError) as failed:
        await CdnFetcher(http, base).fetch(f"{base}/a", tmp_path / "a", max_bytes=10)
    assert failed.value.retryable_now
