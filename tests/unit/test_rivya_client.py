"""The client against a scripted network: what is sent, how often, and what never leaves."""

from __future__ import annotations

import asyncio
import logging
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.rivya import (
    ApiKeyInvalid,
    ApiKeyMissing,
    BadAnswer,
    NoAnswer,
    NotFound,
    NotSent,
    RateLimited,
    ResultGone,
    ResultTooLarge,
    ResultUnusable,
    RivyaClient,
    RivyaError,
    ServerTrouble,
    TaskStatus,
    Timeouts,
    ValidationFailed,
    open_http,
)

BASE = "https://rivya.test"
KEY = "rvya_sk_secret"
PATIENT = Timeouts()
TASK = {"id": "task_1", "status": "queued", "reserved_credits": 8}
Reply = httpx.Response | Exception


class JumpClock:
    """Sleeping takes no time here, but is counted."""

    def __init__(self) -> None:
        self.ms = 1_790_000_000_000
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += int(seconds * 1000)


class Service:
    """Plays the given replies in turn (the last one again and again) and remembers the requests."""

    def __init__(self, *replies: Reply | Callable[[httpx.Request], Awaitable[httpx.Response]]) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else await reply(request)


@asynccontextmanager
async def client_of(
    service: Service, clock: JumpClock | None = None, *, key: str = KEY, timeouts: Timeouts = PATIENT
) -> AsyncIterator[RivyaClient]:
    async with open_http(BASE, transport=httpx.MockTransport(service), timeouts=timeouts) as http:
        yield RivyaClient(http, api_key=SecretStr(key), clock=clock or JumpClock(), rng=Random(1), timeouts=timeouts)


def ok(value: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=value)


def refused(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "requestId": "req_9"}}, headers=headers)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def unannounced(size: int) -> AsyncIterator[bytes]:
    """Yield a body whose length no header tells."""
    yield b"1" * size


# ---------------------------------------------------------------------------------------------- create


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_create_sends_exactly_the_bytes_under_the_key(status: int) -> None:
    service = Service(ok(TASK, status))
    body = '{"model": "nano-banana-pro",  "prompt":"grüße 🦝"}'.encode()
    async with client_of(service) as client:
        task = await client.create(body, idempotency_key="key-1")
    assert (task.id, task.status, task.reserved_credits) == ("task_1", TaskStatus.QUEUED, 8)
    [request] = service.requests
    assert service.bodies == [body]
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/api/v1/generations")
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {KEY}"


DOUBTS: list[tuple[Reply, type[RivyaError], bool]] = [
    (httpx.ConnectError("x"), NotSent, True),
    (httpx.ConnectTimeout("x"), NotSent, True),
    (httpx.PoolTimeout("x"), NotSent, True),
    (httpx.ProxyError("x"), NotSent, True),
    (httpx.UnsupportedProtocol("x"), NotSent, True),
    (httpx.ReadTimeout("x"), NoAnswer, False),
    (httpx.WriteTimeout("x"), NoAnswer, False),
    (httpx.ReadError("x"), NoAnswer, False),
    (httpx.WriteError("x"), NoAnswer, False),
    (httpx.RemoteProtocolError("x"), NoAnswer, False),
    (httpx.DecodingError("x"), BadAnswer, False),
    (httpx.Response(200, content=b'{"id": "task'), BadAnswer, False),
    (httpx.Response(204), BadAnswer, False),
    (httpx.Response(302, headers={"location": "https://elsewhere.test"}), BadAnswer, False),
    (ok({"status": "queued"}), BadAnswer, False),
    (ok([TASK]), BadAnswer, False),
    (ok({"id": "x" * 5_000_000}), BadAnswer, False),
    (httpx.Response(502, content=b"<html>"), ServerTrouble, False),
    (refused(429, "rate_limited"), RateLimited, True),
    (refused(400, "validation_failed"), ValidationFailed, True),
]


@pytest.mark.parametrize(("reply", "cls", "definitive"), DOUBTS)
async def test_create_is_tried_once_and_says_what_is_certain(
    reply: Reply, cls: type[RivyaError], definitive: bool
) -> None:
    service = Service(reply)
    async with client_of(service) as client:
        with pytest.raises(cls) as caught:
            await client.create(b"{}", idempotency_key="key-1")
    assert len(service.requests) == 1
    assert caught.value.definitive is definitive


async def test_an_answer_that_drips_for_ever_ends() -> None:
    async def dripping(_: httpx.Request) -> httpx.Response:
        async def drops() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.01)
                yield b" "

        return httpx.Response(200, content=drops())

    async with client_of(Service(dripping), timeouts=Timeouts(create_s=0.1)) as client:
        with pytest.raises(NoAnswer):
            await client.create(b"{}", idempotency_key="key-1")


@pytest.mark.parametrize(
    ("key", "cls"), [("", ApiKeyMissing), ("a\nb", ApiKeyInvalid), ("schlüssel", ApiKeyInvalid), ("a b", ApiKeyInvalid)]
)
async def test_a_key_that_no_header_can_carry_is_not_sent(key: str, cls: type[RivyaError]) -> None:
    service = Service(ok(TASK))
    async with client_of(service, key=key) as client:
        with pytest.raises(cls) as caught:
            await client.create(b"{}", idempotency_key="key-1")
    assert caught.value.definitive
    assert caught.value.account_problem
    assert service.requests == []


async def test_the_key_is_asked_for_anew_each_time() -> None:
    keys = [SecretStr("first")]
    service = Service(ok({"current_credits": 5}))
    async with open_http(BASE, transport=httpx.MockTransport(service)) as http:
        client = RivyaClient(http, api_key=lambda: keys[0], clock=JumpClock(), rng=Random(1))
        assert await client.credits() == 5
        keys[0] = SecretStr("second")
        await client.credits()
    assert [r.headers["authorization"] for r in service.requests] == ["Bearer first", "Bearer second"]


# ---------------------------------------------------------------------------------------------- asking


async def test_a_passing_trouble_is_retried_with_growing_jittered_waits() -> None:
    clock = JumpClock()
    service = Service(httpx.ReadError("x"), httpx.Response(500), ok({}), ok({"current_credits": 12}))
    async with client_of(service, clock) as client:
        assert await client.credits() == 12
    assert len(service.requests) == 4
    for wait_s, full_s in zip(clock.slept, (0.5, 1.0, 2.0), strict=True):
        assert full_s / 2 <= wait_s <= full_s
    assert clock.slept != [0.5, 1.0, 2.0], "no jitter"


async def test_attempts_are_bounded() -> None:
    service = Service(httpx.ReadError("x"))
    async with client_of(service) as client:
        with pytest.raises(NoAnswer):
            await client.models()
    assert len(service.requests) == 4


async def test_a_refusal_is_not_retried() -> None:
    service = Service(refused(404, "not_found"))
    async with client_of(service) as client:
        with pytest.raises(NotFound):
            await client.status("task_1")
    assert len(service.requests) == 1


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7.0), ("29.5", 29.5), ("Mon, 21 Sep 2026 14:13:30 GMT", 10.0)])
async def test_retry_after_is_kept(header: str, wait_s: float) -> None:
    clock = JumpClock()
    reply = refused(429, "rate_limited", **{"Retry-After": header})
    async with client_of(Service(reply, ok({"current_credits": 1})), clock) as client:
        await client.credits()
    assert clock.slept == [wait_s]


async def test_retry_after_is_capped_and_the_total_time_is_bounded() -> None:
    clock = JumpClock()
    service = Service(refused(429, "rate_limited", **{"Retry-After": "3000"}))
    async with client_of(service, clock) as client:
        with pytest.raises(RateLimited) as caught:
            await client.credits()
    assert caught.value.retry_after_s == 3000
    assert clock.slept == [30.0], "capped; a second wait would end past the total time"


async def test_status_gives_up_soon_since_the_engine_asks_again() -> None:
    clock = JumpClock()
    service = Service(httpx.ReadError("x"))
    async with client_of(service, clock) as client:
        with pytest.raises(NoAnswer):
            await client.status("task_1")
        assert len(service.requests) == 2
        assert sum(clock.slept) <= 1
        service.replies = [refused(429, "rate_limited", **{"Retry-After": "20"})]
        with pytest.raises(RateLimited):
            await client.status("task_1")
    assert len(service.requests) == 3, "twenty seconds are the engine's to wait"


async def test_status_reads_what_is_asked_for() -> None:
    service = Service(ok({"status": "paused"}), ok({"id": "task_2"}))
    async with client_of(service) as client:
        with capture_logs() as logs:
            task = await client.status("../x?y")
        assert (task.id, task.status) == ("../x?y", TaskStatus.PROCESSING)
        assert service.requests[0].url.raw_path == b"/api/v1/generations/..%2Fx%3Fy"
        assert [line["event"] for line in logs] == ["rivya.unknown_status"]
        with pytest.raises(BadAnswer):
            await client.status("task_1")


async def test_models_are_asked_without_a_key_and_broken_entries_left_out() -> None:
    service = Service(ok({"object": "list", "data": [{"id": "a", "base_credits": 3}, {"base_credits": 1}, None, 4]}))
    async with client_of(service) as client:
        assert [(m.id, m.base_credits) for m in await client.models()] == [("a", 3)]
        assert "authorization" not in service.requests[0].headers
        service.replies = [ok({"object": "list"})]
        with pytest.raises(BadAnswer):
            await client.models()


async def test_cancellation_goes_through_the_retries() -> None:
    async def hanging(_: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    started = asyncio.Event()
    service = Service(hanging)
    async with client_of(service) as client:
        asking = asyncio.create_task(client.credits())
        await started.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert len(service.requests) == 1


async def test_logs_name_codes_and_requests_but_no_secret(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    service = Service(
        httpx.Response(500, json={"error": {"code": "boom", "message": "a red panda", "requestId": "req_7"}})
    )
    async with client_of(service) as client:
        with capture_logs() as logs, pytest.raises(ServerTrouble):
            await client.create(b'{"prompt":"a red panda"}', idempotency_key="key-1")
        assert logs[0]["event"] == "rivya.failed"
        assert (logs[0]["code"], logs[0]["provider_code"], logs[0]["provider_request_id"]) == (
            "server_trouble",
            "boom",
            "req_7",
        )
        with capture_logs() as more, pytest.raises(ServerTrouble):
            await client.download("https://cdn.test/a?signature=abc", tmp_path / "a", max_bytes=9)
        assert [line["event"] for line in more] == ["rivya.retry"] * 3 + ["rivya.failed"]
        assert [line.get("attempt") for line in more] == [1, 2, 3, None]
    everything = caplog.text + repr(logs) + repr(more)
    assert not any(secret in everything for secret in (KEY, "red panda", "signature", "abc"))


# ---------------------------------------------------------------------------------------------- upload


async def test_upload_sends_the_form_and_reads_the_file_again_on_a_retry(tmp_path: Path) -> None:
    path = tmp_path / "ref"
    path.write_bytes(bytes(range(256)) * 3000)
    service = Service(httpx.ReadError("x"), ok({"url": "https://rivya.test/f/1", "id": "file_1"}, 201))
    async with client_of(service) as client:
        uploaded = await client.upload(
            path, filename='a "b"\r\nc ü.png', mime="image/png", model="nano-banana-2", client_request_id="r" * 200
        )
    assert (uploaded.url, uploaded.id) == ("https://rivya.test/f/1", "file_1")
    assert len(service.bodies) == 2
    for request, body in zip(service.requests, service.bodies, strict=True):
        boundary = request.headers["content-type"].removeprefix("multipart/form-data; boundary=").encode()
        *fields, file = body.removesuffix(b"\r\n--" + boundary + b"--\r\n").split(b"--" + boundary + b"\r\n")[1:]
        assert [field.partition(b"\r\n\r\n")[2] for field in fields] == [
            b"image\r\n",
            b"nano-banana-2\r\n",
            b"r" * 128 + b"\r\n",
        ]
        head, _, content = file.partition(b"\r\n\r\n")
        assert 'name="file"; filename="a %22b%22%0D%0Ac ü.png"\r\nContent-Type: image/png' in head.decode()
        assert content == path.read_bytes()
        assert request.headers["content-length"] == str(len(body))
        assert "transfer-encoding" not in request.headers


async def test_an_unreadable_file_is_the_disks_matter(tmp_path: Path) -> None:
    async with client_of(Service(ok({}))) as client:
        with pytest.raises(FileNotFoundError):
            await client.upload(tmp_path / "none", filename="a", mime="image/png", model="m", client_request_id="r")


@asynccontextmanager
async def server(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=100_000_000)
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_thirty_megabytes_go_up_and_come_down_in_little_memory(tmp_path: Path) -> None:
    size = 30_000_000

    async def both_ways(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            received = 0
            async for piece in request.content.iter_chunked(65536):
                received += len(piece)
            assert received == request.content_length
            assert received > size
            return web.json_response({"url": "https://x.test/1"})
        response = web.StreamResponse(headers={"Content-Length": str(size)})
        await response.prepare(request)
        for _ in range(size // 100_000):
            await response.write(bytes(100_000))
        return response

    source, target = tmp_path / "up", tmp_path / "down"
    with source.open("wb") as file:
        file.truncate(size)
    async with server(both_ways) as url, open_http(url) as http:
        client = RivyaClient(http, api_key=SecretStr(KEY), clock=JumpClock(), rng=Random(1))
        tracemalloc.start()
        try:
            await client.upload(source, filename="a.png", mime="image/png", model="m", client_request_id="r")
            assert await client.download(f"{url}/result", target, max_bytes=size) == size
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert target.stat().st_size == size
    assert peak_bytes < 6_000_000, "server and client together"


# ---------------------------------------------------------------------------------------------- download


async def test_a_download_follows_redirects_without_the_key(tmp_path: Path) -> None:
    service = Service(
        httpx.Response(302, headers={"location": "https://cdn.test/b?s=1"}),
        httpx.Response(307, headers={"location": "/c"}),
        httpx.Response(200, content=b"picture"),
    )
    async with client_of(service) as client:
        assert await client.download("/results/a", tmp_path / "a", max_bytes=7) == 7
    assert (tmp_path / "a").read_bytes() == b"picture"
    assert [str(r.url) for r in service.requests] == [
        f"{BASE}/results/a",
        "https://cdn.test/b?s=1",
        "https://cdn.test/c",
    ]
    assert all("authorization" not in r.headers for r in service.requests)


@pytest.mark.parametrize(
    ("url", "reply", "cls", "requests"),
    [
        ("https://cdn.test/a", httpx.Response(403), ResultGone, 1),
        ("https://cdn.test/a", httpx.Response(404), ResultGone, 1),
        ("https://cdn.test/a", httpx.Response(410), ResultGone, 1),
        ("https://cdn.test/a", httpx.Response(429), RateLimited, 4),
        ("https://cdn.test/a", httpx.Response(503), ServerTrouble, 4),
        ("https://cdn.test/a", httpx.Response(204), BadAnswer, 4),
        ("https://cdn.test/a", httpx.Response(200), BadAnswer, 4),
        ("https://cdn.test/a", httpx.ReadError("x"), NoAnswer, 4),
        ("https://cdn.test/a", httpx.Response(200, content=unannounced(8)), ResultTooLarge, 1),
        ("https://cdn.test/a", httpx.Response(200, headers={"content-length": "8"}), ResultTooLarge, 1),
        ("https://cdn.test/a", httpx.Response(302, headers={"location": "http://cdn.test/a"}), ResultUnusable, 1),
        ("https://cdn.test/a", httpx.Response(302, headers={"location": "https://cdn.test/a"}), ResultUnusable, 4),
        ("https://cdn.test/a", httpx.Response(302, headers={"location": "https://cdn.test:bad/"}), NoAnswer, 4),
        ("http://cdn.test/a", httpx.Response(200, content=b"1"), ResultUnusable, 0),
        ("http://rivya.test/a", httpx.Response(200, content=b"1"), ResultUnusable, 0),
        ("file:///etc/passwd", httpx.Response(200, content=b"1"), ResultUnusable, 0),
        ("data:image/png;base64,AAAA", httpx.Response(200, content=b"1"), ResultUnusable, 0),
        ("https://:bad:/", httpx.Response(200, content=b"1"), ResultUnusable, 0),
    ],
)
async def test_a_download_that_fails_leaves_no_file(
    tmp_path: Path, url: str, reply: Reply, cls: type[RivyaError], requests: int
) -> None:
    service = Service(reply)
    async with client_of(service) as client:
        with pytest.raises(cls):
            await client.download(url, tmp_path / "a", max_bytes=7)
    assert len(service.requests) == requests
    assert names_in(tmp_path) == []


async def test_a_picture_cut_short_is_fetched_again_from_the_start(tmp_path: Path) -> None:
    pieces = [b"pic", b"picture"]

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "7"})
        await response.prepare(request)
        await response.write(pieces.pop(0))
        assert request.transport is not None
        request.transport.close()
        return response

    async with server(cut) as url, open_http(url) as http:
        client = RivyaClient(http, api_key=SecretStr(KEY), clock=JumpClock(), rng=Random(1))
        assert await client.download(f"{url}/a", tmp_path / "a", max_bytes=100) == 7
    assert (tmp_path / "a").read_bytes() == b"picture"


async def test_a_cancelled_download_leaves_no_file(tmp_path: Path) -> None:
    async def endless(_: httpx.Request) -> httpx.Response:
        async def drops() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            flowing.set()
            await asyncio.Event().wait()

        return httpx.Response(200, content=drops())

    flowing = asyncio.Event()
    async with client_of(Service(endless)) as client:
        fetching = asyncio.create_task(client.download("https://cdn.test/a", tmp_path / "a", max_bytes=10**6))
        await flowing.wait()
        assert names_in(tmp_path) == ["a"]
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    assert names_in(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
async def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/dev/full")
    async with client_of(Service(httpx.Response(200, content=b"picture"))) as client:
        with pytest.raises(OSError, match="space"):
            await client.download("https://cdn.test/a", tmp_path / "a", max_bytes=100)
    assert names_in(tmp_path) == []
