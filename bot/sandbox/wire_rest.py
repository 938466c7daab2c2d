"""The REST side: reads requests, checks what simcord does not, hands them to simcord's routes, plays faults."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import structlog
from aiohttp import BodyPartReader, hdrs, web
from simcord.backend.errors import BackendError
from simcord.http.router import RouteNotImplemented, UnsupportedField, dispatch

from bot.clock import Clock
from bot.sandbox.breaking import reset
from bot.sandbox.wire_backend import WireBackend
from bot.sandbox.wire_books import RequestRecord, WireBooks
from bot.sandbox.wire_cdn import WireCdn
from bot.sandbox.wire_checks import Call, Checks, Upload, number
from bot.sandbox.wire_faults import WireFault, WireFaultKind, WireFaults, route_name
from bot.sandbox.wire_rules import WireRules

log = structlog.get_logger()

API: Final = "/api/v10"
_PIECE_BYTES: Final = 256 * 1024
_LOOK_EVERY_S: Final = 0.02
"""How often a request that hangs looks whether its caller is still there."""
_EPHEMERAL: Final = 64
_NEW_MESSAGES: Final = frozenset({4, 5})
_SHOWS_MESSAGES: Final = frozenset({"channels", "interactions", "webhooks"})


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
        self._checks = Checks(backend=backend, books=books, clock=clock, token=token)
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
        files = request.content_type.startswith("multipart/")
        record, struck = self._begin(request.method, path, files=files)
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

    def _begin(self, method: str, path: str, *, files: bool = False) -> tuple[RequestRecord, list[WireFault]]:
        record = RequestRecord(at_ms=self._clock.now_ms(), method=method, path=path, route=route_name(method, path))
        self._books.requests.append(record)
        self._books.touch()
        return record, self._faults.for_request(method, path, files=files)

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
                await self._hang(request, record)
            response = _error_of(fault) if fault.kind is WireFaultKind.ERROR else None
        if response is None:
            reset(request)
            return web.Response()  # goes nowhere; aiohttp wants one
        record.status = response.status
        if response.status >= 400 and response.content_type == "application/json" and isinstance(response.body, bytes):
            record.code = json.loads(response.body).get("code")
        self._books.touch()
        return response

    async def _hang(self, request: web.Request, record: RequestRecord) -> None:
        """Give no answer until the caller hangs up or this server stops."""
        while not self.closing.is_set():
            if request.transport is None or request.transport.is_closing():
                record.given_up = True
                self._books.touch()
                return
            await self._pause(_LOOK_EVERY_S)

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
            self._checks.check(call)
            if call.parts in (["gateway"], ["gateway", "bot"]):
                return _json(200, self._gateway())
            if (known := self._known_nonce(call)) is not None:
                return _json(200, known)
            return self._carry_out(call)
        except (RouteNotImplemented, UnsupportedField) as error:
            log.warning("wire.not_modelled", method=call.method, path=call.path, error=str(error))
            return _json(501, {"code": 0, "message": str(error)})
        except BackendError as error:
            record = self._books.interactions.get(number(call.parts[1])) if call.parts[0] == "interactions" else None
            if record is not None:
                record.refused = error.code
            return _json(error.status, error.to_json())

    def _carry_out(self, call: Call) -> web.Response:
        nonce = call.body.get("nonce") if isinstance(call.body, dict) else None
        self._backend.nonce = str(nonce) if nonce is not None else None
        self._hide(call)
        self._cdn.posting = True
        try:
            result = dispatch(
                self._backend,
                call.method,
                _known_path(call),
                json=call.body,
                params=self._page(call),
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
        elif call.parts[-2:] == ["applications", "@me"]:
            result["flags"] = self._rules.application_flags
        if call.parts[0] in _SHOWS_MESSAGES:
            result = self._told(result)
        return web.Response(status=204) if result is None else _json(200, result)

    def _told(self, result: Any) -> Any:
        """Return an answer with addresses that live, and messages with all that Discord says."""
        if isinstance(result, list):
            return [self._told(item) for item in result]
        if isinstance(result, dict) and "author" in result:
            return self._backend.complete_message(result)
        return self._cdn.refreshed(result)

    def _hide(self, call: Call) -> None:
        """Make an answer ephemeral where the person may not show what apps of their own say."""
        match call.parts, call.method:
            case ["interactions", interaction_id, _token, "callback"], "POST":
                record = self._books.interactions.get(number(interaction_id))
            case ["webhooks", _application_id, token], "POST":
                record = self._books.by_token(token)
            case _:
                return
        if record is None or not record.only_ephemeral:
            return
        answer = call.body
        if call.parts[0] == "interactions":
            if call.body["type"] not in _NEW_MESSAGES:
                return
            answer = call.body["data"] = call.body.get("data") or {}
        answer["flags"] = int(answer.get("flags") or 0) | _EPHEMERAL

    def _page(self, call: Call) -> dict[str, str]:
        """Return a query; where it asks for what came after a message, for the first of it, not the last."""
        if call.method != "GET" or call.parts[2:] != ["messages"] or "after" not in call.query:
            return call.query
        after, most = number(call.query["after"]), int(call.query.get("limit", 50))
        kept = self._backend.messages.get(number(call.parts[1]), {}).values()
        later = sorted(message.id for message in kept if message.id > after and not message.is_ephemeral)
        return {**call.query, "before": str(later[most])} if len(later) > most else call.query

    def _gateway(self) -> dict[str, Any]:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {"url": self.gateway_url, "shards": 1, "session_start_limit": limit}

    def _limit_bytes(self, call: Call) -> int:
        """Return what a file of this request may weigh."""
        match call.parts:
            case ["interactions", interaction_id, *_]:
                record = self._books.interactions.get(number(interaction_id))
                return record.upload_bytes if record else 0
            case ["webhooks", _application_id, token, *_]:
                record = self._books.by_token(token)
                return record.upload_bytes if record else 0
            case ["channels", channel_id, *_]:
                return self._backend.upload_limit_bytes(number(channel_id))
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
        return self._backend.message_payload(message) | {"nonce": body["nonce"]}

    def _acknowledged(self, call: Call) -> None:
        record = self._books.interactions[int(call.parts[1])]
        known = self._backend.interactions[record.id]
        record.message_id = known.message_id
        record.modal, record.choices = known.modal, known.autocomplete_choices
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


def _known_path(call: Call) -> str:
    """Return the path by which simcord knows a route: of the two that tell of the application, the older one."""
    return "/oauth2/applications/@me" if call.parts == ["applications", "@me"] else call.path


def _is_send(call: Call) -> bool:
    return call.method == "POST" and len(call.parts) == 3 and call.parts[::2] == ["channels", "messages"]
