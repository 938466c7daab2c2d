"""The sandbox plays the contract: its answers and its refusals, and books that are exact."""

from __future__ import annotations

import io
from typing import Any

import httpx
import jsonschema
import pytest
from PIL import Image

from bot.sandbox.rivya import RivyaSandbox
from tests.clocks import TestClock
from tests.conformance.rivya_caller import PRO, caller, create, error_of, picture, status, upload


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
