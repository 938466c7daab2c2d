"""Calls of the sandbox Rivya, as a client with a key makes them."""

from __future__ import annotations

import io
from typing import Any

import httpx
from PIL import Image

KEY = {"Authorization": "Bearer rvya_sk_sandbox"}
PRO = "nano-banana-pro"


def caller(url: str, *, key: bool = True) -> httpx.AsyncClient:
    # All is plain http here; certificates would take longer to load than a test to run.
    return httpx.AsyncClient(base_url=url, headers=KEY if key else {}, timeout=10, verify=False)


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
