"""The sandbox plays what the contract does not state, webhooks, and is switched over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from aiohttp import web

from bot.clock import SystemClock
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox, Variants, serve_rivya
from tests.clocks import TestClock
from tests.conformance.rivya_caller import PRO, caller, create, error_of, status, upload


async def test_a_replay_is_the_same_task_and_another_body_a_conflict(
    sandbox: RivyaSandbox, client: httpx.AsyncClient
) -> None:
    sandbox.variants.create_status, sandbox.variants.replay_status = 202, 201
    first, again = await asyncio.gather(create(client, "k"), create(client, "k"))
    assert first.json()["id"] == again.json()["id"]
    assert {first.status_code, again.status_code} == {201, 202}
    assert error_of(await create(client, "k", prompt="another")) == (409, "idempotency_conflict")
    assert (len(sandbox.books.tasks), sandbox.books.tasks[0].replays) == (1, 1)


async def test_without_a_key_each_call_is_a_task(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    await create(client)
    await create(client)
    assert len(sandbox.books.tasks) == 2


@pytest.mark.parametrize(("life_s", "pause_s", "tasks"), [(None, 1e6, 1), (60, 59, 1), (60, 61, 2), (0, 0, 2)])
async def test_how_long_a_key_lives(
    sandbox: RivyaSandbox,
    client: httpx.AsyncClient,
    clock: TestClock,
    *,
    life_s: float | None,
    pause_s: float,
    tasks: int,
) -> None:
    sandbox.variants.key_life_s = life_s
    await create(client, "k")
    clock.advance(pause_s)
    await create(client, "k")
    assert len(sandbox.books.tasks) == tasks


async def test_prices_other_than_the_page(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    sandbox.variants.price_credits[PRO, "4K"] = 16
    sandbox.variants.final_credits[PRO, "4K"] = 14
    created = await create(client, params={"resolution": "4K"})
    assert created.json()["reserved_credits"] == 16
    assert sandbox.books.current_credits == 100_000 - 16
    clock.advance(60)
    assert (await status(client, created))["final_credits"] == 14
    assert sandbox.books.current_credits == 100_000 - 14


async def test_an_empty_account(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    sandbox.set_credits(10)
    assert (await create(client)).status_code == 200
    assert error_of(await create(client, "k")) == (402, "insufficient_credits")
    sandbox.variants.insufficient_as_failed_task = True
    created = await create(client, "k")
    assert created.json()["reserved_credits"] == 0
    clock.advance(60)
    done = await status(client, created)
    assert (done["status"], done["error"]["code"], done["final_credits"]) == ("failed", "insufficient_credits", 0)
    assert (sandbox.books.total_charged, sandbox.books.current_credits) == (8, 2)


async def test_urls_that_die_of_age(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    sandbox.variants.result_url_life_s = sandbox.variants.upload_url_life_s = 600
    uploaded = (await upload(client)).json()["url"]
    created = await create(client)
    clock.advance(60)
    url = (await status(client, created))["result"]["primary_url"]
    assert (await client.get(url)).status_code == 200
    clock.advance(601)
    assert (await client.get(url)).status_code == 403
    fresh = (await status(client, created))["result"]["primary_url"]
    assert fresh != url
    assert (await client.get(fresh)).status_code == 200
    assert (await client.get(uploaded)).status_code == 403
    params = {"referenceMediaItems": [{"url": uploaded, "kind": "image"}]}
    assert error_of(await create(client, params=params)) == (400, "validation_failed")


async def test_rate_limit_and_retry_after(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    sandbox.variants.rate_limit_per_minute = 1
    await client.get("/api/v1/credits")
    limited = await client.get("/api/v1/credits")
    assert error_of(limited) == (429, "rate_limited")
    assert "retry-after" not in limited.headers
    sandbox.variants.retry_after_s = 7
    assert (await client.get("/api/v1/credits")).headers["retry-after"] == "7"
    clock.advance(61)
    assert (await client.get("/api/v1/credits")).status_code == 200


async def test_a_bare_upload_answer(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    sandbox.variants.bare_upload_answer, sandbox.variants.upload_status = True, 201
    answer = await upload(client)
    assert (answer.status_code, list(answer.json())) == (201, ["url"])


# ---------------------------------------------------------------------- webhooks


async def test_webhook_deliveries_are_really_sent(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock
) -> None:
    arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await arrived.put(await request.json())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    wanted = {"name": "bot", "url": hook, "event_types": ["generation.succeeded", "generation.failed"]}
    try:
        refused = await client.post("/api/v1/webhooks", json=wanted)
        assert error_of(refused) == (400, "webhook_url_rejected")
        sandbox.variants.webhook_loopback = True
        made = (await client.post("/api/v1/webhooks", json=wanted)).json()
        assert made["signing_secret"].startswith("whsec_")

        created = await create(client)
        clock.advance(60)
        event = await asyncio.wait_for(arrived.get(), 10)
        assert (event["type"], event["api_version"]) == ("generation.succeeded", "2026-05-11")
        assert event["data"] == await status(client, created)
        sandbox.faults.add(Fault(kind=FaultKind.TASK_FAILS))
        await create(client)
        clock.advance(60)
        assert (await asyncio.wait_for(arrived.get(), 10))["type"] == "generation.failed"
        await client.post(f"/api/v1/webhooks/{made['id']}/test")
        assert (await asyncio.wait_for(arrived.get(), 10))["type"] == "webhook.test"

        one = f"/api/v1/webhooks/{made['id']}"
        deliveries = (await client.get(f"{one}/deliveries")).json()["data"]
        assert [d["event_type"] for d in deliveries] == ["generation.succeeded", "generation.failed", "webhook.test"]
        assert deliveries[0]["response_status"] == 204
        assert len((await client.get("/api/v1/webhook-events")).json()["data"]) == 3
    finally:
        await runner.cleanup()


async def test_webhooks_are_kept(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    wanted = {"name": "bot", "url": "https://example.org/hook", "event_types": ["generation.failed"]}
    made = (await client.post("/api/v1/webhooks", json=wanted)).json()
    one = f"/api/v1/webhooks/{made['id']}"
    rotated = (await client.post(f"{one}/rotate-secret")).json()
    assert rotated["signing_secret"] != made["signing_secret"]
    changed = (await client.patch(one, json={"name": "other", "status": "disabled"})).json()
    assert (changed["name"], changed["status"], changed["url"]) == ("other", "disabled", wanted["url"])
    assert (await client.get("/api/v1/webhooks")).json()["data"] == [changed]
    assert "signing_secret" not in changed
    for wrong in ({"status": "asleep"}, {"event_types": []}, {"name": ""}, {"secret": "x"}):
        assert error_of(await client.patch(one, json=wrong)) == (400, "validation_failed")
    for url in ("http://example.org/", "https://localhost/", "https://10.0.0.1/", "https://x.internal/", "nonsense"):
        assert error_of(await client.patch(one, json={"url": url})) == (400, "webhook_url_rejected")
    assert (await client.delete(one)).json()["deleted"] is True
    assert error_of(await client.patch(one, json={})) == (404, "not_found")
    sandbox.scopes.discard("webhooks:manage")
    assert error_of(await client.get("/api/v1/webhooks")) == (403, "api_scope_denied")


# ---------------------------------------------------------------------- switches over HTTP


async def test_the_switches_over_http(sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock) -> None:
    changes = {"task_s": [1, 1], "key_life_s": 60, "price_credits": {f"{PRO}/4K": 20, "z-image/": 2}}
    variants = (await client.post("/sandbox/variants", json=changes)).json()
    assert variants["price_credits"] == changes["price_credits"]
    assert sandbox.variants.task_s == (1.0, 1.0)
    assert sandbox.variants.price_credits == {(PRO, "4K"): 20, ("z-image", ""): 2}
    await client.post("/sandbox/account", json={"current_credits": 50, "scopes": ["generations:create"]})
    assert (await client.get("/api/v1/credits")).status_code == 403

    faults = [{"kind": "lost_after", "route": "create"}, {"kind": "task_fails", "after": 1}]
    assert len((await client.post("/sandbox/faults", json=faults)).json()["faults"]) == 2
    with pytest.raises(httpx.TransportError):
        await create(client, "k", params={"resolution": "4K"})
    clock.advance(2)
    books = (await client.get("/sandbox/books")).json()
    assert (books["total_charged"], books["current_credits"]) == (20, 30)
    assert [(t["key"], t["status"], t["final_credits"]) for t in books["tasks"]] == [("k", "succeeded", 20)]
    assert (await client.delete("/sandbox/faults")).json() == {"faults": []}

    await client.post("/sandbox/account", json={"key_state": "revoked"})
    assert error_of(await create(client)) == (401, "api_key_revoked")
    for path, wrong in (
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "error", "stauts": 500}),
        ("faults", {"kind": "error", "status": 200}),
        ("variants", {"create_statsu": 201}),
        ("variants", {"create_status": "many"}),
        ("account", {"credits": 1}),
        ("account", {"key_state": "lost"}),
    ):
        answer = await client.post(f"/sandbox/{path}", json=wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]


async def test_a_sandbox_without_switches_has_none(clock: TestClock) -> None:
    async with RivyaSandbox(clock=clock) as sandbox, caller(sandbox.url, key=False) as client:
        assert (await client.get("/sandbox/books")).status_code == 404


async def test_a_port_that_is_taken_is_said_at_once(sandbox: RivyaSandbox, clock: TestClock) -> None:
    with pytest.raises(OSError, match="in use"):
        async with RivyaSandbox(clock=clock, port=int(sandbox.url.rpartition(":")[2])):
            pass


async def test_serving_alone_until_cancelled(unused_tcp_port: int) -> None:
    serving = asyncio.create_task(serve_rivya(host="127.0.0.1", port=unused_tcp_port, seed=3))
    async with caller(f"http://127.0.0.1:{unused_tcp_port}") as client:
        for _ in range(500):
            with suppress(httpx.ConnectError):
                assert (await client.get("/sandbox/books")).status_code == 200
                break
            await asyncio.sleep(0.01)
        assert (await client.get("/api/v1/credits")).json() == {"current_credits": 100_000}
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_the_same_seed_gives_the_same_tasks() -> None:
    async def times(seed: int) -> list[int]:
        variants = Variants(quick_pictures=True)
        async with (
            RivyaSandbox(clock=SystemClock(), variants=variants, seed=seed) as sandbox,
            caller(sandbox.url) as client,
        ):
            for _ in range(3):
                await create(client)
            return [(t.outcome.ends_ms or 0) - t.created_ms for t in sandbox.books.tasks]

    assert await times(1) == await times(1)
    assert await times(1) != await times(2)
