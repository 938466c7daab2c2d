"""A Rivya of one's own: the public API v1 over real HTTP on loopback, strict, with faults to switch on.

::

    async with RivyaSandbox(clock=SystemClock()) as sandbox:
        sandbox.url                                    # http://127.0.0.1:…
        sandbox.variants.create_status = 202           # what the contract leaves open
        sandbox.faults.add(Fault(kind=FaultKind.LOST_AFTER, route="create"))
        sandbox.books.total_charged                    # what really happened

Nothing is random that is not drawn from ``seed``; tasks, keys and URLs live by ``clock``.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final, Self

import structlog
from aiohttp import web

from bot.clock import Clock, SystemClock
from bot.sandbox.painting import Order
from bot.sandbox.rivya_admin import add_admin_routes
from bot.sandbox.rivya_books import Books, Outcome, TaskRecord, TaskStatus
from bot.sandbox.rivya_contract import MODELS, SCOPES, ApiError, CreateOrder, check_create, invalid, iso
from bot.sandbox.rivya_faults import Fault, FaultKind, Faults
from bot.sandbox.rivya_files import FileStore, upload_as_json
from bot.sandbox.rivya_guard import Guard
from bot.sandbox.rivya_keys import Gate, IdempotencyKeys, KeyState
from bot.sandbox.rivya_openapi import document
from bot.sandbox.rivya_results import Results
from bot.sandbox.rivya_variants import Variants
from bot.sandbox.rivya_webhooks import Webhooks

__all__ = ["Fault", "FaultKind", "RivyaSandbox", "Variants", "serve_rivya"]

log = structlog.get_logger()

SANDBOX_KEY: Final = "rvya_sk_sandbox"
_MAX_JSON_BYTES: Final = 1024 * 1024
_QUEUED_PART: Final = 0.2  # of a task's time it is queued, before it is processing


class RivyaSandbox:
    """The sandbox; an asynchronous context manager, serving between enter and exit.

    ``port`` 0 takes a free one. ``admin`` serves the switches under ``/sandbox/`` too. ``stop`` and ``start`` in
    between play an outage: everything is remembered, and the port stays.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        variants: Variants | None = None,
        api_key: str = SANDBOX_KEY,
        scopes: Iterable[str] = SCOPES,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        admin: bool = False,
    ) -> None:
        self._variants = variants or Variants()
        self._faults = Faults()
        self._books = Books(clock, funded_credits=self.variants.current_credits)
        self._clock = clock
        self._host = host
        self._port = port
        self._admin = admin
        self._seed = seed
        self._rng = Random(f"ids {seed}")
        self._gate = Gate(clock=clock, variants=self.variants, api_key=api_key, scopes=set(scopes))
        self._keys = IdempotencyKeys(clock=clock, variants=self.variants)
        self._folder = tempfile.TemporaryDirectory(prefix="rivya-sandbox-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._files = FileStore(folder=folder, clock=clock, books=self.books, variants=self.variants, rng=self._rng)
        self._results = Results(folder=folder, clock=clock, variants=self.variants, faults=self.faults, rng=self._rng)
        self._webhooks = Webhooks(clock=clock, variants=self.variants, rng=self._rng)
        self._guard = Guard(
            clock=clock,
            books=self.books,
            faults=self.faults,
            variants=self.variants,
            gate=self._gate,
            rng=self._rng,
        )
        self._runner: web.AppRunner | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self.books.on_end = self._announce

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except OSError:
            await asyncio.to_thread(self._folder.cleanup)
            raise
        self._chore(self._webhooks.send_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._results.close()
        await asyncio.to_thread(self._folder.cleanup)

    @property
    def variants(self) -> Variants:
        """The variants in force; change their fields in place."""
        return self._variants

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""
        return self._faults

    @property
    def books(self) -> Books:
        """What really happened."""
        return self._books

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def api_key(self) -> str:
        """The key that is accepted."""
        return self._gate.api_key

    @property
    def scopes(self) -> set[str]:
        """The key's scopes; may be changed in place."""
        return self._gate.scopes

    def revoke_key(self) -> None:
        """Answer every call with ``api_key_revoked``."""
        self.set_key(KeyState.REVOKED)

    def expire_key(self) -> None:
        """Answer every call with ``api_key_expired``."""
        self.set_key(KeyState.EXPIRED)

    def restore_key(self, key: str | None = None) -> None:
        """Accept the key again, or another one instead."""
        self.set_key(KeyState.ACTIVE, key)

    def set_key(self, state: KeyState, key: str | None = None) -> None:
        """Set what became of the key, and with ``key`` the key itself."""
        self._gate.state = state
        self._gate.api_key = key or self._gate.api_key

    def set_credits(self, current_credits: int) -> None:
        """Set what the account has left now."""
        self.books.fund(current_credits)

    async def start(self) -> None:
        """Listen."""
        self._guard.closing.clear()
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        log.info("sandbox.rivya.listening", url=self.url)

    async def stop(self) -> None:
        """Stop listening and hang up on everyone."""
        self._guard.closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_JSON_BYTES)
        guard = self._guard
        add = app.router.add_route
        add("GET", "/api/v1/models", guard.around("models", self._list_models))
        add("POST", "/api/v1/generations", guard.around("create", self._create, "generations:create"))
        add("GET", "/api/v1/generations/{task_id}", guard.around("status", self._status, "generations:read"))
        add("POST", "/api/v1/files", guard.around("upload", self._upload, "files:create"))
        add("GET", "/api/v1/files/{file_id}", guard.around("file", self._file, "files:read"))
        add("GET", "/api/v1/credits", guard.around("credits", self._credits, "credits:read"))
        add("GET", "/media/uploads/{name}", guard.around("media", self._serve_upload))
        add("GET", "/media/results/{name}", guard.around("result", self._results.serve))
        add("GET", "/api/v1/openapi.json", guard.around("openapi", _openapi))
        self._webhooks.add_routes(app, guard)
        if self._admin:
            add_admin_routes(app, self)
        add("*", "/{rest:.*}", guard.around("unknown", _nothing_here))
        return app

    # ------------------------------------------------------------------ the endpoints

    async def _list_models(self, _request: web.Request) -> web.Response:
        off = self.variants.unavailable_models
        data = [model.as_json(available=model.id not in off) for model in MODELS.values()]
        return web.json_response({"object": "list", "data": data})

    async def _credits(self, _request: web.Request) -> web.Response:
        return web.json_response({"current_credits": self.books.current_credits})

    async def _create(self, request: web.Request) -> web.Response:
        body_bytes = await request.read()
        if request.content_type != "application/json":
            raise invalid("Content-Type must be application/json.")
        key = request.headers.get("Idempotency-Key")
        # From here to the books there is no await: two calls under one key can't both find it unused.
        known_id = self._keys.replayed(key, body_bytes)
        known = self.books.task(known_id) if known_id else None
        if known is not None:
            known.replays += 1
            return web.json_response(self._task_json(known, request.url.origin()), status=self.variants.replay_status)
        task = self._new_task(check_create(body_bytes), key, body_bytes)
        self._keys.keep(key, body_bytes, task.id)
        return web.json_response(self._task_json(task, request.url.origin()), status=self.variants.create_status)

    async def _status(self, request: web.Request) -> web.Response:
        task = self.books.task(request.match_info["task_id"])
        if task is None or self.faults.at(FaultKind.NOT_FOUND_TASK) is not None:
            raise ApiError(404, "not_found", "No such task.")
        return web.json_response(self._task_json(task, request.url.origin()))

    async def _upload(self, request: web.Request) -> web.Response:
        upload = await self._files.receive(request)
        await self._guard.pause(self.variants.min_upload_latency_s)
        body = upload_as_json(upload, iso(upload.created_ms))
        if self.variants.bare_upload_answer:
            body = {"url": upload.url}
        return web.json_response(body, status=self.variants.upload_status)

    async def _file(self, request: web.Request) -> web.Response:
        upload = self._files.find(request.match_info["file_id"])
        return web.json_response(upload_as_json(upload, iso(upload.created_ms)))

    async def _serve_upload(self, request: web.Request) -> web.StreamResponse:
        upload = self._files.find(request.match_info["name"].partition(".")[0])
        if self._files.has_expired(upload):
            raise ApiError(403, "not_found", "This link is no longer valid.")
        return web.FileResponse(upload.path, headers={"Content-Type": upload.mime_type})

    # ------------------------------------------------------------------ tasks

    def _new_task(self, order: CreateOrder, key: str | None, body_bytes: bytes) -> TaskRecord:
        """Enter a task into the books and begin to paint; raises ApiError."""
        model = order.model
        if model.id in self.variants.unavailable_models:
            raise invalid(f"{model.id} is not available.")
        limit_bytes = model.reference_limit_bytes
        references = [self._files.reference(item, limit_bytes=limit_bytes) for item in order.references]
        resolution = model.chosen(order.params, "resolution")
        price = self.variants.price_credits.get((model.id, resolution), model.base_credits)
        poor = self.books.current_credits < price
        if poor and not self.variants.insufficient_as_failed_task:
            raise ApiError(self.variants.insufficient_status, "insufficient_credits", "Not enough credits.")
        now_ms = self._clock.now_ms()
        number = len(self.books.tasks) + 1
        task = TaskRecord(
            id=f"task_{self._rng.getrandbits(80):020x}",
            number=number,
            model=model.id,
            prompt=order.prompt,
            params=order.params,
            resolution=resolution,
            key=key,
            client_request_id=order.client_request_id,
            body_bytes=body_bytes,
            reference_ids=tuple(upload.id for upload in references),
            reserved_credits=0 if poor else price,
            created_ms=now_ms,
            updated_ms=now_ms,
            outcome=self._outcome(number, now_ms, (model.id, resolution), price, poor=poor),
        )
        self.books.open_task(task)
        if task.outcome.ends_ms is not None:
            self._chore(self._see_end(task.outcome.ends_ms))
        if task.outcome.succeeds and task.outcome.has_result and task.outcome.ends_ms is not None:
            self._results.start(
                task,
                Order(
                    prompt=order.prompt,
                    model=model.display_name,
                    aspect_ratio=model.chosen(order.params, "aspect_ratio", "imageSize"),
                    resolution=resolution or "1K",
                    output_format=model.chosen(order.params, "output_format") or "png",
                    references=tuple(upload.path for upload in references),
                    seed=number + 1000 * self._seed,
                    quick=self.variants.quick_pictures,
                    heavy=self.variants.heavy_pictures,
                ),
            )
        return task

    def _outcome(self, number: int, now_ms: int, price_key: tuple[str, str], price: int, *, poor: bool) -> Outcome:
        faults = {fault.kind: fault for fault in self.faults.for_task()}
        task_s = Random(f"task {self._seed} {number}").uniform(*self.variants.task_s)
        if slow := faults.get(FaultKind.TASK_SLOW):
            task_s += slow.delay_s
        ends_ms = now_ms + int(task_s * 1000)
        error = None
        fails = faults.get(FaultKind.TASK_FAILS)
        if poor:
            error = {"code": "insufficient_credits", "message": "Not enough credits."}
        elif fails is not None and fails.error_object:
            message = fails.message or "The picture could not be made."
            error = {"code": fails.code or "generation_failed", "message": message}
        return Outcome(
            starts_ms=now_ms + int(task_s * 1000 * _QUEUED_PART),
            ends_ms=None if FaultKind.TASK_ENDLESS in faults else ends_ms,
            succeeds=not poor and fails is None,
            final_credits=self.variants.final_credits.get(price_key, price),
            error=error,
            has_result=FaultKind.NO_RESULT not in faults,
            result_missing=FaultKind.MISSING_RESULT in faults,
            first_url_dead=FaultKind.DEAD_URL_ONCE in faults,
        )

    def _task_json(self, task: TaskRecord, origin: object) -> dict[str, Any]:
        """Shape a task as the create and status endpoints show it."""
        url = f"{origin}{self._results.path_of(task)}" if task.has_result else None
        return {
            "id": task.id,
            "status": task.status.value,
            "model": task.model,
            "reserved_credits": task.reserved_credits,
            "final_credits": task.final_credits,
            "created_at": iso(task.created_ms),
            "updated_at": iso(task.updated_ms),
            "result": {"primary_url": url, "urls": [url]} if url else None,
            "error": task.error,
        }

    async def _see_end(self, ends_ms: int) -> None:
        """Settle the books when a task is due, so that webhooks go out though nobody asks."""
        while (left_ms := ends_ms - self._clock.now_ms()) > 0:
            await self._clock.sleep(left_ms / 1000)
        self.books.settle()

    def _announce(self, task: TaskRecord) -> None:
        succeeded = task.status is TaskStatus.SUCCEEDED
        self._webhooks.emit(
            "generation.succeeded" if succeeded else "generation.failed", self._task_json(task, self.url)
        )

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        chore = asyncio.create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)


async def serve_rivya(*, host: str, port: int, seed: int, tell: Callable[[str, str], None] | None = None) -> None:
    """Serve a sandbox with its switches on ``host``:``port`` until cancelled; ``tell`` gets the URL and the key."""
    async with RivyaSandbox(clock=SystemClock(), host=host, port=port, seed=seed, admin=True) as sandbox:
        log.info("sandbox.rivya.ready", url=sandbox.url)
        if tell is not None:
            tell(sandbox.url, sandbox.api_key)
        await asyncio.Event().wait()


async def _openapi(_request: web.Request) -> web.StreamResponse:
    return web.json_response(document())


async def _nothing_here(_request: web.Request) -> web.StreamResponse:
    raise ApiError(404, "not_found", "There is no such endpoint.")
