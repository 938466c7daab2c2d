"""The image service's public API v1, spoken over one httpx client."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import structlog
from pydantic import SecretStr, ValidationError

from bot.clock import Clock
from bot.rivya.answers import parse, read_bounded, refusal, success, transport_errors
from bot.rivya.download import fetch_to_file
from bot.rivya.errors import AnotherKey, ApiKeyInvalid, ApiKeyMissing, ApiKeyProblem, BadAnswer, RivyaError
from bot.rivya.multipart import open_multipart
from bot.rivya.retry import RetryPolicy, with_retries
from bot.rivya.schemas import AccountCredits, ModelInfo, Task, UploadedFile

log = structlog.get_logger()

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Timeouts:
    """How long each thing may take, in seconds of real time (all ours: the service states none).

    ``connect_s``, ``pool_s`` and ``silence_s`` (no byte read or written) bound each step; ``ask_s``, ``create_s`` and
    ``file_s`` bound a whole attempt. An unanswered create is repeated under its key while that is trusted, so its bound
    must leave room for a second try within ``IDEMPOTENCY_TRUST_S``.
    """

    connect_s: float = 10.0
    pool_s: float = 20.0
    silence_s: float = 60.0
    ask_s: float = 20.0
    create_s: float = 30.0
    file_s: float = 180.0


ASKING = RetryPolicy(attempts=4, total_s=30.0)
STATUS = RetryPolicy(attempts=2, total_s=5.0)
"""Short, for whoever polls asks again anyway."""
FILES = RetryPolicy(attempts=4, total_s=240.0, first_wait_s=1.0)

CLIENT_REQUEST_ID_MAX = 128
"""From the service's page on files."""


@asynccontextmanager
async def open_http(
    base_url: str,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    max_connections: int = 50,
    timeouts: Timeouts = Timeouts(),
) -> AsyncIterator[httpx.AsyncClient]:
    """Open the connection pool to the service; ``transport`` replaces the network in tests.

    Proxies are taken from the environment. Redirects are not followed. httpx's own log lines, which hold whole
    addresses with their signatures, are silenced: this package logs each call itself.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    async with httpx.AsyncClient(
        base_url=base_url,
        transport=transport,
        timeout=httpx.Timeout(timeouts.silence_s, connect=timeouts.connect_s, pool=timeouts.pool_s),
        limits=httpx.Limits(max_connections=max_connections, max_keepalive_connections=8, keepalive_expiry=5.0),
        follow_redirects=False,
        headers={"User-Agent": "nano-banana-bot"},
    ) as http:
        yield http


class RivyaClient:
    """One method per endpoint that the bot uses. All raise ``RivyaError``s (see :mod:`bot.rivya.errors`).

    Reading calls and uploads are retried here, and nowhere else: also, once, when their key was refused and there is
    another one by now, which ``renew_key`` looks for. ``create`` is not retried: between two attempts the engine has
    facts to commit.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        api_key: SecretStr | Callable[[], SecretStr],
        clock: Clock,
        rng: Random,
        timeouts: Timeouts = Timeouts(),
        renew_key: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._http = http
        self._api_key = api_key
        self._renew_key = renew_key
        self._clock = clock
        self._rng = rng
        self._timeouts = timeouts

    async def models(self) -> list[ModelInfo]:
        """Return the public list of models; sends no key. Entries without an id are left out."""
        return await self._asking("models", "/api/v1/models", _read_models, key=False)

    async def credits(self) -> int:
        """Return what the operator's account holds, in credits."""
        return await self._asking(
            "credits", "/api/v1/credits", lambda answer: parse(AccountCredits, answer).current_credits
        )

    async def status(self, task_id: str) -> Task:
        """Return how the task stands. A ``NotFound`` is no proof that it failed."""

        def read(answer: dict[str, Any]) -> Task:
            task = parse(Task, {"id": task_id, **answer})
            if task.id != task_id:
                raise BadAnswer("the status of another task")
            if task.raw_status != task.status:
                log.warning("rivya.unknown_status", task_id=task_id, status=task.raw_status[:40])
            return task

        path = f"/api/v1/generations/{quote(task_id, safe='')}"
        return await self._asking("status", path, read, policy=STATUS)

    async def upload(self, path: Path, *, filename: str, mime: str, model: str, client_request_id: str) -> UploadedFile:
        """Upload the image at ``path``, read in pieces; raises OSError too, if it can't be read.

        A repeated upload costs nothing and leaves a second copy at the service, so this is retried like a reading
        call. ``client_request_id`` is cut to 128 characters.
        """
        fields = {"kind": "image", "model": model, "client_request_id": client_request_id[:CLIENT_REQUEST_ID_MAX]}

        async def attempt() -> UploadedFile:
            boundary = f"{self._rng.getrandbits(128):032x}"
            async with open_multipart(path, filename=filename, mime=mime, fields=fields, boundary=boundary) as form:
                answer = await self._call(
                    "POST", "/api/v1/files", content=form, headers=form.headers, timeout_s=self._timeouts.file_s
                )
            return parse(UploadedFile, answer)

        return await self._retried("upload", FILES, attempt)

    @property
    def key_mark(self) -> str:
        """What tells the API key of now from another one, and gives nothing of it away."""
        return hashlib.sha256(b"nano-banana-bot:" + self._key().get_secret_value().encode()).hexdigest()[:16]

    async def has_another_key(self, key_mark: str) -> bool:
        """Tell whether there is another key by now than the one with this mark, having looked for one."""
        if self.key_mark == key_mark and self._renew_key is not None:
            await self._renew_key()
        return self.key_mark != key_mark

    async def create(self, body: bytes, *, idempotency_key: str, key_mark: str | None = None) -> Task:
        """Send exactly these bytes under this key, once, and return the task that was started.

        With ``key_mark`` it is sent with that API key or not at all (``AnotherKey``): whether the service knows an
        idempotency key under another API key, it does not say. When it raises, ``definitive`` tells whether it is
        certain that this call started nothing.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}

        async def attempt() -> Task:
            if key_mark not in {None, self.key_mark}:
                raise AnotherKey("the API key was changed")
            answer = await self._call(
                "POST", "/api/v1/generations", content=body, headers=headers, timeout_s=self._timeouts.create_s
            )
            return parse(Task, answer)

        return await _logged("create", attempt)

    async def download(self, url: str, destination: Path, *, max_bytes: int) -> int:
        """Fetch a result into ``destination`` (replaced) and return its size in bytes; on failure no file is left.

        Sends no key. The file is flushed but not synced. Raises ``ResultGone`` for a dead address: ask the status
        again; ``ResultTooLarge`` past ``max_bytes``; ``ResultUnusable`` for an address that is not https; OSError
        when the disk fails.
        """

        async def attempt() -> int:
            return await fetch_to_file(
                self._http,
                url,
                destination,
                max_bytes=max_bytes,
                timeout_s=self._timeouts.file_s,
                now_ms=self._clock.now_ms(),
            )

        return await self._retried("download", FILES, attempt)

    async def _asking(
        self,
        operation: str,
        path: str,
        read: Callable[[dict[str, Any]], ValueT],
        *,
        key: bool = True,
        policy: RetryPolicy = ASKING,
    ) -> ValueT:
        async def attempt() -> ValueT:
            return read(await self._call("GET", path, key=key, timeout_s=self._timeouts.ask_s))

        return await self._retried(operation, policy, attempt)

    async def _retried(self, operation: str, policy: RetryPolicy, attempt: Callable[[], Awaitable[ValueT]]) -> ValueT:
        async def all_attempts() -> ValueT:
            return await with_retries(
                lambda: self._with_any_key(attempt),
                operation=operation,
                policy=policy,
                clock=self._clock,
                rng=self._rng,
            )

        return await _logged(operation, all_attempts)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        key: bool = True,
        timeout_s: float,
    ) -> dict[str, Any]:
        sent = {"Accept": "application/json", **(headers or {})}
        if key:
            sent["Authorization"] = f"Bearer {self._usable_key()}"
        async with (
            transport_errors(timeout_s),
            self._http.stream(method, path, content=content, headers=sent) as response,
        ):
            body = await read_bounded(response)
        if not response.is_success:
            raise refusal(response, body, self._clock.now_ms())
        return success(response, body, self._clock.now_ms())

    async def _with_any_key(self, attempt: Callable[[], Awaitable[ValueT]]) -> ValueT:
        mark = self.key_mark
        try:
            return await attempt()
        except ApiKeyProblem as error:
            if not await self.has_another_key(mark):
                raise
            log.info("rivya.with_another_key", code=error.code, provider_request_id=error.request_id)
            return await attempt()

    def _key(self) -> SecretStr:
        return self._api_key() if callable(self._api_key) else self._api_key

    def _usable_key(self) -> str:
        """Return the key; one that no header can carry is refused here, before httpx shows it in a traceback."""
        key = self._key().get_secret_value()
        if not key:
            raise ApiKeyMissing("no key is set")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ApiKeyInvalid("the key has characters that no key has")
        return key


def _read_models(answer: dict[str, Any]) -> list[ModelInfo]:
    entries = answer.get("data")
    if not isinstance(entries, list):
        raise BadAnswer("a list of models without data")
    found = []
    for entry in entries:
        try:
            found.append(ModelInfo.model_validate(entry))
        except ValidationError:
            log.warning("rivya.model_unreadable")
    return found


async def _logged(operation: str, call: Callable[[], Awaitable[ValueT]]) -> ValueT:
    try:
        return await call()
    except RivyaError as error:
        log.warning(
            "rivya.failed",
            operation=operation,
            code=error.code,
            provider_code=error.provider_code,
            http_status=error.http_status,
            provider_request_id=error.request_id,
            reason=str(error),
        )
        raise
