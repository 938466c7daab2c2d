"""The results of the sandbox: painted while a task runs, served under URLs that may die."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.painting import Order, paint
from bot.sandbox.rivya_books import TaskRecord
from bot.sandbox.rivya_contract import ApiError
from bot.sandbox.rivya_faults import FaultKind, Faults
from bot.sandbox.rivya_variants import Variants

PAINTERS: Final = 2  # pictures in the making at once
NOT_A_PICTURE: Final = b"<!doctype html><title>Just a moment</title><p>This is not the picture you are looking for.</p>"


@dataclass(eq=False)
class _Link:
    """One result URL that was handed out."""

    task: TaskRecord
    path: str
    issued_ms: int
    dead: bool
    refused: bool = False


@dataclass(eq=False)
class _Picture:
    order: Order
    job: asyncio.Task[Path]
    links: list[_Link] = field(default_factory=list)


class Results:
    """Paints each task's picture into ``folder`` and serves it."""

    def __init__(self, *, folder: Path, clock: Clock, variants: Variants, faults: Faults, rng: Random) -> None:
        self._folder = folder
        self._clock = clock
        self._variants = variants
        self._faults = faults
        self._rng = rng
        self._painters = asyncio.Semaphore(PAINTERS)
        self._pictures: dict[str, _Picture] = {}
        self._by_path: dict[str, _Link] = {}

    def start(self, task: TaskRecord, order: Order) -> None:
        """Begin to paint; the picture is ready when someone asks for it, or soon after."""
        self._pictures[task.id] = _Picture(order, asyncio.create_task(self._paint(task.id, order)))

    def path_of(self, task: TaskRecord) -> str:
        """Give the path of the result: the last one given, or a fresh one where that has died."""
        picture = self._pictures[task.id]
        if picture.links and not picture.links[-1].refused and not self._has_expired(picture.links[-1]):
            return picture.links[-1].path
        dead = task.outcome.result_missing or (task.outcome.first_url_dead and not picture.links)
        path = f"/media/results/{self._rng.getrandbits(96):024x}.{picture.order.suffix}"
        link = _Link(task, path, self._clock.now_ms(), dead)
        picture.links.append(link)
        self._by_path[path] = link
        return path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one download; raises ApiError for a URL that is dead or has expired."""
        link = self._by_path.get(request.path)
        if link is None:
            raise ApiError(404, "not_found", "No such file.")
        if link.dead or self._has_expired(link):
            link.refused = True
            raise ApiError(404 if link.dead else 403, "not_found", "This link is no longer valid.")
        picture = self._pictures[link.task.id]
        fault = self._faults.at(FaultKind.TRUNCATED_RESULT, FaultKind.WRONG_TYPE_RESULT)
        if fault is not None and fault.kind is FaultKind.WRONG_TYPE_RESULT:
            return web.Response(body=NOT_A_PICTURE, content_type=picture.order.mime_type)
        path = await asyncio.shield(picture.job)
        if fault is not None:
            return await _truncated(request, await asyncio.to_thread(path.read_bytes), picture.order.mime_type)
        return web.FileResponse(path)

    async def close(self) -> None:
        """Give up what is still being painted."""
        jobs = [picture.job for picture in self._pictures.values()]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _paint(self, task_id: str, order: Order) -> Path:
        path = self._folder / f"{task_id}.{order.suffix}"
        async with self._painters:
            await asyncio.to_thread(lambda: path.write_bytes(paint(order)))
        return path

    def _has_expired(self, link: _Link) -> bool:
        life_s = self._variants.result_url_life_s
        return life_s is not None and self._clock.now_ms() >= link.issued_ms + life_s * 1000


async def _truncated(request: web.Request, picture: bytes, mime_type: str) -> web.StreamResponse:
    """Promise the whole picture, send half of it, hang up."""
    response = web.StreamResponse(headers={"Content-Type": mime_type, "Content-Length": str(len(picture))})
    await response.prepare(request)
    await response.write(picture[: len(picture) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
