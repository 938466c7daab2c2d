"""The sandbox plays faults: of answers, of tasks, of results."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx
import pytest

from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox
from tests.clocks import TestClock
from tests.conformance.rivya_caller import PRO, caller, create, error_of, picture, status, upload


@pytest.mark.parametrize(
    ("fault", "error", "tasks"),
    [
        (Fault(kind=FaultKind.ERROR, route="create", status=429), (429, "rate_limited"), 0),
        (Fault(kind=FaultKind.ERROR, route="create", status=503), (503, "public_api_disabled"), 0),
        (Fault(kind=FaultKind.ERROR, status=401, code="api_key_revoked"), (401, "api_key_revoked"), 0),
        (Fault(kind=FaultKind.ERROR, status=418, code="brand_new_code"), (418, "brand_new_code"), 0),
        (Fault(kind=FaultKind.ERROR, route="create", effect=True), (500, "internal_error"), 1),
    ],
)
async def test_an_error_is_answered_once(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, fault: Fault, error: tuple[int, str], tasks: int
) -> None:
    sandbox.faults.add(fault)
    assert error_of(await create(client, "k")) == error
    assert len(sandbox.books.tasks) == tasks
    assert (await create(client, "k")).status_code == 200
    assert len(sandbox.books.tasks) == 1


@pytest.mark.parametrize(("kind", "tasks"), [(FaultKind.LOST_BEFORE, 0), (FaultKind.LOST_AFTER, 1)])
async def test_a_lost_answer(sandbox: RivyaSandbox, client: httpx.AsyncClient, kind: FaultKind, tasks: int) -> None:
    sandbox.faults.add(Fault(kind=kind, route="create"))
    with pytest.raises(httpx.TransportError):
        await create(client, "k")
    assert len(sandbox.books.tasks) == tasks
    assert sandbox.books.requests[-1].status is None
    assert (await create(client, "k")).status_code == 200
    assert len(sandbox.books.tasks) == 1


async def test_an_upload_that_is_lost_midway(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.LOST_BEFORE, route="upload"))
    with pytest.raises(httpx.TransportError):
        await upload(client, picture() + bytes(2_000_000), model=PRO)
    assert sandbox.books.uploads == []
    assert (await upload(client, model=PRO)).status_code == 200


async def test_broken_answers_after_the_effect(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.MALFORMED, route="create"))
    broken = await create(client, "k")
    with pytest.raises(ValueError):
        broken.json()
    sandbox.faults.add(Fault(kind=FaultKind.BARE_ERROR, status=502, effect=True))
    bare = await create(client, "k2")
    assert (bare.status_code, bare.headers["content-type"].split(";")[0]) == (502, "text/html")
    assert len(sandbox.books.tasks) == 2


async def test_slow_and_hanging_answers_come_after_the_effect(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.HANG, route="create"))
    hanging = asyncio.ensure_future(create(client, "k"))
    while not sandbox.books.tasks:
        await asyncio.sleep(0.01)
    assert not hanging.done()
    hanging.cancel()
    with suppress(asyncio.CancelledError):
        await hanging
    sandbox.faults.add(Fault(kind=FaultKind.SLOW, route="credits", delay_s=0.05))
    sandbox.faults.add(Fault(kind=FaultKind.ERROR, route="credits"))
    assert (await client.get("/api/v1/credits")).status_code == 500


async def test_the_end_of_the_sandbox_ends_what_hangs(clock: TestClock) -> None:
    async with RivyaSandbox(clock=clock) as sandbox, caller(sandbox.url) as client:
        sandbox.faults.add(Fault(kind=FaultKind.HANG))
        hanging = asyncio.ensure_future(client.get("/api/v1/credits"))
        while not sandbox.books.requests:
            await asyncio.sleep(0.01)
        await sandbox.stop()
        with pytest.raises(httpx.TransportError):
            await hanging
        url = sandbox.url
        await sandbox.start()
        assert sandbox.url == url
        assert (await client.get("/api/v1/credits")).status_code == 200


async def test_when_and_how_often_a_fault_strikes(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    async def answers(count: int) -> list[int]:
        return [(await client.get("/api/v1/credits")).status_code for _ in range(count)]

    sandbox.faults.add(Fault(kind=FaultKind.ERROR, route="credits", after=1, times=2))
    await client.get("/api/v1/models")
    assert await answers(4) == [200, 500, 500, 200]
    sandbox.faults.add(Fault(kind=FaultKind.ERROR, route="credits", times=None))
    assert await answers(3) == [500, 500, 500]
    sandbox.faults.clear()
    assert await answers(1) == [200]
    with pytest.raises(ValueError, match="no such route"):
        Fault(kind=FaultKind.ERROR, route="creates")
    with pytest.raises(ValueError, match="status"):
        Fault(kind=FaultKind.ERROR, status=200)


async def test_a_task_fails_and_its_credits_come_back(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock
) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.TASK_FAILS, code="content_rejected", message="Not this."))
    sandbox.faults.add(Fault(kind=FaultKind.TASK_FAILS, after=1, error_object=False))
    first, second = await create(client), await create(client)
    clock.advance(60)
    failed, bare = await status(client, first), await status(client, second)
    assert (failed["status"], failed["final_credits"], failed["result"]) == ("failed", 0, None)
    assert failed["error"] == {"code": "content_rejected", "message": "Not this."}
    assert (bare["status"], bare["error"]) == ("failed", None)
    assert (sandbox.books.charges, sandbox.books.current_credits) == ([], 100_000)


async def test_a_replay_does_not_use_up_a_task_fault(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock
) -> None:
    await create(client, "k")
    sandbox.faults.add(Fault(kind=FaultKind.TASK_FAILS))
    await create(client, "k")
    other = await create(client, "k2")
    clock.advance(60)
    assert (await status(client, other))["status"] == "failed"
    assert sandbox.books.total_charged == 8


async def test_slow_and_endless_tasks(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    sandbox.faults.add(Fault(kind=FaultKind.TASK_SLOW, delay_s=3600))
    slow = await create(client)
    sandbox.faults.add(Fault(kind=FaultKind.TASK_ENDLESS))
    endless = await create(client)
    clock.advance(3600)
    assert (await status(client, slow))["status"] == "processing"
    clock.advance(60)
    assert (await status(client, slow))["status"] == "succeeded"
    clock.advance(1e6)
    assert (await status(client, endless))["status"] == "processing"
    assert (sandbox.books.total_charged, sandbox.books.reserved_credits) == (8, 8)


async def test_results_that_are_not_there(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    for kind in (FaultKind.NO_RESULT, FaultKind.MISSING_RESULT, FaultKind.DEAD_URL_ONCE):
        sandbox.faults.add(Fault(kind=kind))
        created = await create(client)
        clock.advance(60)
        done = await status(client, created)
        assert done["status"] == "succeeded"
        if kind is FaultKind.NO_RESULT:
            assert done["result"] is None
            continue
        assert (await status(client, created))["result"] == done["result"]
        assert (await client.get(done["result"]["primary_url"])).status_code == 404
        fresh = (await status(client, created))["result"]["primary_url"]
        assert fresh != done["result"]["primary_url"]
        alive = kind is FaultKind.DEAD_URL_ONCE
        assert (await client.get(fresh)).status_code == (200 if alive else 404)
    assert sandbox.books.total_charged == 24


async def test_downloads_that_go_wrong(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    created = await create(client)
    clock.advance(60)
    url = (await status(client, created))["result"]["primary_url"]
    sandbox.faults.add(Fault(kind=FaultKind.TRUNCATED_RESULT))
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(url)
    sandbox.faults.add(Fault(kind=FaultKind.WRONG_TYPE_RESULT))
    wrong = await client.get(url)
    assert (wrong.headers["content-type"], wrong.content[:9]) == ("image/png", b"<!doctype")
    assert (await client.get(url)).content.startswith(b"\x89PNG")
    sandbox.faults.add(Fault(kind=FaultKind.NOT_FOUND_TASK))
    asked = await client.get(f"/api/v1/generations/{created.json()['id']}")
    assert error_of(asked) == (404, "not_found")
    assert (await status(client, created))["status"] == "succeeded"
