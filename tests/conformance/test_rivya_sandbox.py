"""The sandbox plays the contract: its answers, its refusals, its faults, and books that are exact."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import jsonschema
import pytest
from aiohttp import web
from PIL import Image

from bot.clock import SystemClock
from bot.sandbox.rivya import Fault, FaultKind, RivyaSandbox, Variants, serve_rivya
from tests.clocks import TestClock

KEY = {"Authorization": "Bearer rvya_sk_sandbox"}
PRO = "nano-banana-pro"


def caller(url: str, *, key: bool = True) -> httpx.AsyncClient:
    # All is plain http here; certificates would take longer to load than a test to run.
    return httpx.AsyncClient(base_url=url, headers=KEY if key else {}, timeout=10, verify=False)


@pytest.fixture
def clock() -> TestClock:
    return TestClock(speed=0.001)


@pytest.fixture
async def sandbox(clock: TestClock) -> AsyncIterator[RivyaSandbox]:
    async with RivyaSandbox(clock=clock, variants=Variants(quick_pictures=True), admin=True) as running:
        yield running


@pytest.fixture
async def client(sandbox: RivyaSandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(sandbox.url) as opened:
        yield opened


def picture(form: str = "PNG") -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (12, 8), "teal").save(sink, form)
    return sink.getvalue()


def body(**changes: Any) -> dict[str, Any]:
    return {"model": PRO, "prompt": "a calm lake"} | changes


async def create(client: httpx.AsyncClient, key: str | None = None, **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/api/v1/generations", json=body(**changes), headers=headers)


async def upload(client: httpx.AsyncClient, content: bytes | None = None, **fields: str) -> httpx.Response:
    files = {"file": ("photo.jpg", picture() if content is None else content, "image/jpeg")}
    return await client.post("/api/v1/files", files=files, data={"kind": "image"} | fields)


async def status(client: httpx.AsyncClient, created: httpx.Response) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/generations/{created.json()['id']}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def error_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["message"]
    assert error["requestId"].startswith("req_")
    return answer.status_code, error["code"]


# ---------------------------------------------------------------------- the good path


async def test_from_upload_to_picture_with_exact_books(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock
) -> None:
    uploaded = (await upload(client, model=PRO, client_request_id="mine")).json()
    item = {"url": uploaded["url"], "kind": "image", "name": "photo.jpg", "mimeType": "image/png"}
    params = {"aspect_ratio": "16:9", "resolution": "2K", "output_format": "jpg", "referenceMediaItems": [item]}
    created = await create(client, "k-1", params=params, client_request_id="trace")

    task = created.json()
    assert (task["status"], task["reserved_credits"], task["final_credits"]) == ("queued", 8, 0)
    assert (task["result"], task["error"]) == (None, None)
    assert (await client.get("/api/v1/credits")).json() == {"current_credits": 99_992}
    assert (sandbox.books.total_charged, sandbox.books.reserved_credits) == (0, 8)

    clock.advance(5)
    assert (await status(client, created))["status"] == "processing"
    clock.advance(10)
    done = await status(client, created)
    assert (done["status"], done["final_credits"]) == ("succeeded", 8)
    assert done["result"]["urls"] == [done["result"]["primary_url"]]
    result = await client.get(done["result"]["primary_url"], headers={"Authorization": ""})
    assert result.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(result.content)) as image:
        assert image.format == "JPEG"
        assert image.width > image.height

    books = sandbox.books
    record = books.tasks[0]
    assert (record.key, record.model, record.client_request_id) == ("k-1", PRO, "trace")
    assert record.body_bytes == created.request.content
    assert record.reference_ids == (uploaded["id"],)
    assert [(c.task_id, c.credits) for c in books.charges] == [(record.id, 8)]
    assert (books.total_charged, books.reserved_credits, books.current_credits) == (8, 0, 99_992)
    assert [(r.route, r.status) for r in books.requests][:3] == [("upload", 200), ("create", 200), ("credits", 200)]


async def test_a_charge_is_in_the_books_though_nobody_asked(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, clock: TestClock
) -> None:
    await create(client)
    clock.advance(60)
    assert sandbox.books.total_charged == 8


async def test_each_format_and_model_gives_what_was_asked(client: httpx.AsyncClient, clock: TestClock) -> None:
    wanted = [
        (PRO, {}, "PNG", 8),
        ("nano-banana-2", {"aspect_ratio": "8:1", "google_search": "true"}, "JPEG", 5),
        ("nano-banana", {"imageSize": "9:16", "output_format": "jpeg"}, "JPEG", 3),
        ("z-image", {"aspect_ratio": "4:3"}, "PNG", 1),
    ]
    created = [await create(client, model=model, params=params) for model, params, _, _ in wanted]
    clock.advance(60)
    for answer, (_, _, form, price) in zip(created, wanted, strict=True):
        done = await status(client, answer)
        assert done["final_credits"] == price
        with Image.open(io.BytesIO((await client.get(done["result"]["primary_url"])).content)) as image:
            assert image.format == form


async def test_models_need_no_key_and_tell_the_page(sandbox: RivyaSandbox) -> None:
    sandbox.variants.unavailable_models.add("z-image")
    async with caller(sandbox.url, key=False) as stranger:
        models = {m["id"]: m for m in (await stranger.get("/api/v1/models")).json()["data"]}
    assert models[PRO]["base_credits"] == 8
    assert models[PRO]["max_prompt_length"] == 10_000
    assert models[PRO]["api_status"] == "available"
    assert models["z-image"]["api_status"] == "coming_soon"
    assert models["z-image"]["reference_media"] is None


async def test_the_document_is_true_of_the_answers(client: httpx.AsyncClient, clock: TestClock) -> None:
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]

    def check(path: str, method: str, answer: httpx.Response) -> None:
        responses = paths[path][method]["responses"]
        schema = responses["2XX" if answer.is_success else "default"]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema).validate(answer.json())

    created = await create(client)
    clock.advance(60)
    task = f"/api/v1/generations/{created.json()['id']}"
    check("/api/v1/generations", "post", created)
    check("/api/v1/generations", "post", await create(client, prompt=""))
    check("/api/v1/generations/{taskId}", "get", await client.get(task))
    check("/api/v1/files", "post", await upload(client))
    check("/api/v1/credits", "get", await client.get("/api/v1/credits"))
    check("/api/v1/models", "get", await client.get("/api/v1/models"))
    check("/api/v1/webhooks", "get", await client.get("/api/v1/webhooks"))


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "changes",
    [
        {"files": []},
        {"colour": "red"},
        {"model": "nano-banana-9"},
        {"model": None},
        {"prompt": ""},
        {"prompt": None},
        {"prompt": "x" * 10_001},
        {"params": []},
        {"params": {"seed": 1}},
        {"params": {"aspect_ratio": "7:3"}},
        {"params": {"resolution": 2}},
        {"params": {"output_format": "jpeg"}},
        {"params": {"imageSize": "1:1"}},
        {"model": "nano-banana", "params": {"resolution": "1K"}},
        {"model": "nano-banana-2", "params": {"google_search": True}},
        {"model": "z-image", "params": {"referenceMediaItems": []}},
        {"model": "z-image", "prompt": "x" * 1_001},
        {"params": {"referenceMediaItems": [{"url": "https://cdn.discordapp.com/a.png", "kind": "image"}]}},
        {"params": {"referenceMediaItems": ["https://example.org/a.png"]}},
        {"params": {"referenceMediaItems": {}}},
        {"client_request_id": "x" * 129},
        {"client_request_id": 7},
    ],
)
async def test_a_wrong_create_is_refused_and_costs_nothing(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    assert error_of(await create(client, "k", **changes)) == (400, "validation_failed")
    assert (sandbox.books.tasks, sandbox.books.current_credits) == ([], 100_000)


async def test_what_is_just_within_the_limits_is_taken(client: httpx.AsyncClient) -> None:
    urls = [(await upload(client, model=PRO)).json()["url"] for _ in range(9)]
    items = [{"url": url, "kind": "image"} for url in urls]
    long = {"prompt": "x" * 10_000, "client_request_id": "x" * 128}
    assert (await create(client, **long, params={"referenceMediaItems": items[:8]})).status_code == 200
    assert error_of(await create(client, params={"referenceMediaItems": items})) == (400, "validation_failed")
    items[0]["kind"] = "video"
    assert error_of(await create(client, params={"referenceMediaItems": items[:1]})) == (400, "validation_failed")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/generations", content=raw, headers=headers)
    assert error_of(answer) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"", {"model": PRO}),
        (b"GIF89a" + bytes(20), {"model": PRO}),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {"model": PRO}),
        (b"\x89PNG\r\n\x1a\n" + bytes(30_000_001), {"model": PRO}),
        (b"\x89PNG\r\n\x1a\n" + bytes(10_000_001), {}),
        (None, {"kind": "picture"}),
        (None, {"kind": "video"}),
        (None, {"model": "nano-banana-9"}),
        (None, {"model": "z-image"}),
        (None, {"client_request_id": "x" * 129}),
        (None, {"purpose": "reference"}),
    ],
)
async def test_a_wrong_upload_is_refused(
    sandbox: RivyaSandbox, client: httpx.AsyncClient, content: bytes | None, fields: dict[str, str]
) -> None:
    assert error_of(await upload(client, content, **fields)) == (400, "validation_failed")
    assert sandbox.books.uploads == []


async def test_size_goes_by_the_model_and_type_by_the_signature(client: httpx.AsyncClient) -> None:
    large = picture() + bytes(10_000_001)
    assert (await upload(client, large, model=PRO)).status_code == 200
    for form in ("PNG", "JPEG", "WEBP"):
        uploaded = (await upload(client, picture(form), model=PRO)).json()
        assert uploaded["mime_type"] == f"image/{form.lower()}"
        assert (await client.get(f"/api/v1/files/{uploaded['id']}")).json() == uploaded
        assert (await client.get(uploaded["url"])).content == picture(form)


async def test_a_reference_must_fit_the_model_that_uses_it(client: httpx.AsyncClient) -> None:
    gif = (await upload(client, b"GIF89a" + bytes(20))).json()["url"]
    large = (await upload(client, picture() + bytes(10_000_001), model=PRO)).json()["url"]
    for model, url in ((PRO, gif), ("nano-banana", large)):
        params = {"referenceMediaItems": [{"url": url, "kind": "image"}]}
        assert error_of(await create(client, model=model, params=params)) == (400, "validation_failed")


async def test_keys_and_scopes(sandbox: RivyaSandbox, client: httpx.AsyncClient) -> None:
    async def asked(**headers: str) -> tuple[int, str]:
        return error_of(await client.get("/api/v1/credits", headers=headers))

    assert await asked(Authorization="") == (401, "api_key_missing")
    assert await asked(Authorization="Bearer rvya_sk_other") == (401, "api_key_invalid")
    assert await asked(Authorization="Basic rvya_sk_sandbox") == (401, "api_key_invalid")
    sandbox.revoke_key()
    assert await asked() == (401, "api_key_revoked")
    sandbox.expire_key()
    assert await asked() == (401, "api_key_expired")
    sandbox.restore_key("rvya_sk_new")
    assert await asked() == (401, "api_key_invalid")
    sandbox.restore_key("rvya_sk_sandbox")
    sandbox.scopes.discard("generations:create")
    assert error_of(await create(client)) == (403, "api_scope_denied")
    assert (await client.get("/api/v1/credits")).status_code == 200


async def test_unknown_things_are_not_found(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/generations/task_x", "/api/v1/files/file_x", "/api/v2/models", "/media/results/x.png"):
        assert error_of(await client.get(path)) == (404, "not_found")


# ---------------------------------------------------------------------- what is not stated


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


# ---------------------------------------------------------------------- faults


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
