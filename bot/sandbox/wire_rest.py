"""The REST side: reads requests, checks what simcord does not, hands them to simcord's routes, plays faults."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import BodyPartReader, hdrs, web
from simcord.backend import errors, serializers
from simcord.backend.errors import BackendError
from simcord.http.router import RouteNotImplemented, UnsupportedField, dispatch

from bot.clock import Clock
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import InteractionRecord, RequestRecord, WireBooks
from bot.sandbox.wire_cdn import WireCdn
from bot.sandbox.wire_faults import WireFault, WireFaultKind, WireFaults, reset, route_name
from bot.sandbox.wire_rules import WireRules

log = structlog.get_logger()

API: Final = "/api/v10"
NONCE_MAX_CHARACTERS: Final = 25
_PIECE_BYTES: Final = 256 * 1024
_NO_TOKEN_NEEDED: Final = frozenset({"interactions", "webhooks"})


@dataclass
class Upload:
    """One file as simcord's routes expect it; ``fp`` is empty when the file was over ``limit``."""

    filename: str
    description: str | None = None
    size_bytes: int = 0
    fp: io.BytesIO = field(default_factory=io.BytesIO)


@dataclass
class Call:
    """One request, read to its end."""

    method: str
    path: str
    parts: list[str]
    authorization: str | None
    query: dict[str, str]
    reason: str | None
    body: Any = None
    files: list[Upload] = field(default_factory=list)
    limit_bytes: int = 0

    @property
    def too_large(self) -> bool:
        """Whether any file is over the limit of the place."""
        return any(file.size_bytes > self.limit_bytes for file in self.files)


class Rest:
    """Answers all of ``/api/v10`` and the CDN; ``closing`` ends every pause and every answer that never comes."""

    def __init__(
        self,
        *,
        backend: WireBackend,
        books: WireBooks,
        cdn: WireCdn,
        clock: Clock,
        faults: WireFaults,
        rules: WireRules,
        token: str,
    ) -> None:
        self.closing = asyncio.Event()
        self.gateway_url = ""
        self._backend = backend
        self._books = books
        self._cdn = cdn
        self._clock = clock
        self._faults = faults
        self._rules = rules
        self._token = token
        self._nonces: dict[str, tuple[int, int, int]] = {}

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer one REST request."""
        path = "/" + request.match_info["path"]
        call = Call(
            method=request.method,
            path=path,
            parts=path.strip("/").split("/"),
            authorization=request.headers.get(hdrs.AUTHORIZATION),
            query=dict(request.query),
            reason=request.headers.get("X-Audit-Log-Reason"),
        )
        call.limit_bytes = self._limit_bytes(call)
        record, struck = self._begin(request.method, path)
        try:
            await _read(request, call)
        except (ConnectionError, ValueError):
            record.status = 400
            self._books.touch()
            return web.Response(status=400)
        return await self._play(request, record, struck, lambda: self._answer(call))

    async def attachment(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to the CDN."""
        record, struck = self._begin(request.method, "/" + request.match_info["path"])

        def answer() -> web.Response:
            content = self._cdn.find(request)
            if content is None:
                return web.Response(status=404, text="This content is no longer available.")
            return web.Response(body=content, content_type="application/octet-stream")

        return await self._play(request, record, struck, answer)

    # ------------------------------------------------------------------ around every request

    def _begin(self, method: str, path: str) -> tuple[RequestRecord, list[WireFault]]:
        record = RequestRecord(at_ms=self._clock.now_ms(), method=method, path=path, route=route_name(method, path))
        self._books.requests.append(record)
        self._books.touch()
        return record, self._faults.for_request(method, path)

    async def _play(
        self, request: web.Request, record: RequestRecord, struck: list[WireFault], answer: Any
    ) -> web.StreamResponse:
        slow = [fault for fault in struck if fault.kind is WireFaultKind.SLOW]
        fault = next((fault for fault in struck if fault.kind is not WireFaultKind.SLOW), None)
        await self._pause(self._rules.latency_s + sum(item.delay_s for item in slow if not item.effect))
        response: web.Response | None = None
        if fault is None or fault.effect:
            response = answer()
        await self._pause(sum(item.delay_s for item in slow if item.effect))
        if fault is not None:
            record.fault = fault.kind.value
            self._books.touch()
            if fault.kind is WireFaultKind.HANG:
                await self.closing.wait()
            response = _error_of(fault) if fault.kind is WireFaultKind.ERROR else None
        if response is None:
            reset(request)
            return web.Response()  # goes nowhere; aiohttp wants one
        record.status = response.status
        if response.status >= 400 and response.content_type == "application/json" and isinstance(response.body, bytes):
            record.code = json.loads(response.body).get("code")
        self._books.touch()
        return response

    async def _pause(self, real_s: float) -> None:
        if real_s > 0:
            try:
                await asyncio.wait_for(self.closing.wait(), real_s)
            except TimeoutError:
                return

    # ------------------------------------------------------------------ one request

    def _answer(self, call: Call) -> web.Response:
        """Carry a request out; there is no await in here, so that each happens as a whole."""
        try:
            self._check(call)
            if call.parts in (["gateway"], ["gateway", "bot"]):
                return _json(200, self._gateway())
            if (known := self._known_nonce(call)) is not None:
                return _json(200, known)
            return self._carry_out(call)
        except (RouteNotImplemented, UnsupportedField) as error:
            log.warning("wire.not_modelled", method=call.method, path=call.path, error=str(error))
            return _json(501, {"code": 0, "message": str(error)})
        except BackendError as error:
            return _json(error.status, error.to_json())

    def _carry_out(self, call: Call) -> web.Response:
        nonce = call.body.get("nonce") if isinstance(call.body, dict) else None
        self._backend.nonce = str(nonce) if nonce is not None else None
        self._cdn.posting = True
        try:
            result = dispatch(
                self._backend,
                call.method,
                call.path,
                json=call.body,
                params=call.query,
                files=call.files,
                reason=call.reason,
                message_content_access=self._rules.message_content,
            )
        finally:
            self._backend.nonce = None
            self._cdn.posting = False
        if call.parts[0] == "interactions":
            self._acknowledged(call)
            if call.query.get("with_response") not in {"1", "true"}:
                result = None
        elif call.parts[0] == "webhooks" and call.method == "POST":
            self._followed_up(call, int(result["id"]))
        elif _is_send(call) and nonce is not None:
            self._nonces[str(nonce)] = (int(result["channel_id"]), int(result["id"]), self._clock.now_ms())
            result["nonce"] = nonce
        return web.Response(status=204) if result is None else _json(200, result)

    def _gateway(self) -> dict[str, Any]:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {"url": self.gateway_url, "shards": 1, "session_start_limit": limit}

    # ------------------------------------------------------------------ what simcord does not check

    def _check(self, call: Call) -> None:
        """Raise BackendError for what Discord refuses and simcord does not."""
        if call.parts[0] not in _NO_TOKEN_NEEDED and call.authorization != f"Bot {self._token}":
            raise BackendError(401, 0, "401: Unauthorized")
        match call.parts:
            case ["interactions", interaction_id, _token, "callback"]:
                self._check_in_time(self._books.interactions.get(_number(interaction_id)))
            case ["webhooks", _application_id, token, *_]:
                self._check_token(self._books.by_token(token))
            case ["channels", channel_id, "messages", *_] if call.method in {"POST", "PATCH"}:
                self._check_place(call, _number(channel_id))
        if call.too_large:
            raise BackendError(413, 40005, "Request entity too large")
        nonce = call.body.get("nonce") if isinstance(call.body, dict) else None
        if nonce is not None and len(str(nonce)) > NONCE_MAX_CHARACTERS:
            raise errors.invalid_form_body(f"nonce: Must be {NONCE_MAX_CHARACTERS} or fewer in length.")

    def _check_in_time(self, record: InteractionRecord | None) -> None:
        if record is None or (record.acknowledged_ms is None and self._clock.now_ms() >= record.deadline_ms):
            raise errors.unknown_interaction()

    def _check_token(self, record: InteractionRecord | None) -> None:
        if record is None:
            return  # a webhook of a channel, or nothing: simcord knows
        now_ms = self._clock.now_ms()
        if now_ms >= record.token_expires_ms:
            raise BackendError(401, 50027, "Invalid Webhook Token")
        if record.acknowledged_ms is None:
            raise errors.unknown_webhook()

    def _check_place(self, call: Call, channel_id: int) -> None:
        channel = self._backend.get_channel(channel_id)
        if channel.guild_id is None:
            for user_id in channel.recipient_ids:
                if user_id in self._backend.closed_to_bot:
                    raise errors.cannot_dm_bot()  # 50007, "Cannot send messages to this user"
                if not self._backend.shares_guild(user_id):
                    raise BackendError(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
        elif call.files:
            self._backend.require_permissions(channel.guild_id, self._backend.bot_user.id, channel_id, "attach_files")

    def _limit_bytes(self, call: Call) -> int:
        """Return what a file of this request may weigh."""
        match call.parts:
            case ["interactions", interaction_id, *_]:
                record = self._books.interactions.get(_number(interaction_id))
                return record.upload_bytes if record else 0
            case ["webhooks", _application_id, token, *_]:
                record = self._books.by_token(token)
                return record.upload_bytes if record else 0
            case ["channels", channel_id, *_]:
                return self._backend.upload_limit_bytes(_number(channel_id))
        return 0

    # ------------------------------------------------------------------ nonces and records

    def _known_nonce(self, call: Call) -> dict[str, Any] | None:
        """Return the message that was already made under this nonce, by the same author, in any channel."""
        body = call.body if isinstance(call.body, dict) else {}
        if not _is_send(call) or not body.get("enforce_nonce") or body.get("nonce") is None:
            return None
        channel_id, message_id, at_ms = self._nonces.get(str(body["nonce"]), (0, 0, 0))
        message = self._backend.messages.get(channel_id, {}).get(message_id)
        if message is None or self._clock.now_ms() - at_ms >= self._rules.nonce_window_s * 1000:
            return None
        return dict(serializers.message_payload(self._backend, message)) | {"nonce": body["nonce"]}

    def _acknowledged(self, call: Call) -> None:
        record = self._books.interactions[int(call.parts[1])]
        known = self._backend.interactions[record.id]
        record.message_id = known.message_id
        self._books.acknowledge(record, int(call.body["type"]), ephemeral=known.ephemeral)

    def _followed_up(self, call: Call, message_id: int) -> None:
        record = self._books.by_token(call.parts[2])
        if record is not None and message_id != record.message_id:
            record.followup_ids.append(message_id)


async def _read(request: web.Request, call: Call) -> None:
    """Read a body: JSON, or multipart with ``payload_json`` and files; raises ValueError."""
    if not request.content_type.startswith("multipart/"):
        raw = await request.read()
        call.body = json.loads(raw) if raw else None
        return
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "payload_json":
            call.body = json.loads(await part.read())
        elif part.filename is not None:
            call.files.append(await _file(part, call.limit_bytes))
    holder = call.body.get("data", call.body) if isinstance(call.body, dict) else {}
    described = {str(item.get("id")): item.get("description") for item in holder.get("attachments") or []}
    for index, file in enumerate(call.files):
        file.description = described.get(str(index))


async def _file(part: BodyPartReader, limit_bytes: int) -> Upload:
    """Read a file to its end, and keep it unless it is over the limit: it will be refused then."""
    file = Upload(part.filename or "file")
    while piece := await part.read_chunk(_PIECE_BYTES):
        file.size_bytes += len(piece)
        if file.size_bytes <= limit_bytes:
            file.fp.write(piece)
    file.fp.seek(0)
    return file


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    # The type must be exactly this: with a charset behind it discord.py takes the body for text.
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json", headers=headers)


def _error_of(fault: WireFault) -> web.Response:
    if fault.status == 429:
        body = {"message": "You are being rate limited.", "retry_after": fault.delay_s, "global": False}
        # Without Via, discord.py takes it for a ban by Cloudflare.
        return _json(429, body, {"Via": "1.1 wire", "Retry-After": f"{fault.delay_s:g}"})
    if fault.code is None and fault.status >= 500:
        page = f"<html><head><title>{fault.status}</title></head><body><h1>{fault.status}</h1></body></html>"
        return web.Response(status=fault.status, text=page, content_type="text/html")
    return _json(fault.status, {"code": fault.code or 0, "message": "The wire was told to answer so."})


def _is_send(call: Call) -> bool:
    return call.method == "POST" and len(call.parts) == 3 and call.parts[::2] == ["channels", "messages"]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
