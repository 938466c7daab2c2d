"""What stands around every endpoint: the log, faults and delays, the key check and the error envelope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from aiohttp import web

from bot.clock import Clock
from bot.sandbox.breaking import reset
from bot.sandbox.rivya_books import Books, RequestRecord
from bot.sandbox.rivya_contract import ApiError
from bot.sandbox.rivya_faults import Fault, FaultKind, Faults
from bot.sandbox.rivya_keys import Gate
from bot.sandbox.rivya_variants import Variants

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Wraps handlers; ``closing`` ends every pause and every answer that never comes."""

    def __init__(
        self, *, clock: Clock, books: Books, faults: Faults, variants: Variants, gate: Gate, rng: Random
    ) -> None:
        self.closing = asyncio.Event()
        self._clock = clock
        self._books = books
        self._faults = faults
        self._variants = variants
        self._gate = gate
        self._rng = rng

    def around(self, route: str, handler: Handler, scope: str | None = None) -> Handler:
        """Wrap ``handler``; with a ``scope``, a key that has it is asked for."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            record = RequestRecord(
                at_ms=self._clock.now_ms(),
                method=request.method,
                path=request.path,
                route=route,
                idempotency_key=request.headers.get("Idempotency-Key"),
            )
            self._books.requests.append(record)
            delay_s, fault = self._faults.for_request(route)
            response: web.StreamResponse | None = None
            if fault is None or fault.has_effect:
                response = await self._answer(request, handler, scope)
            await self.pause(delay_s + self._variants.latency_s)
            if fault is not None:
                response = await self._strike(request, fault, response)
            if response is None:
                reset(request)
                return web.Response()  # goes nowhere; aiohttp wants one
            record.status = response.status
            return response

        return guarded

    async def pause(self, real_s: float) -> None:
        """Let real seconds go by, fewer when the sandbox closes."""
        if real_s > 0:
            try:
                await asyncio.wait_for(self.closing.wait(), real_s)
            except TimeoutError:
                return

    async def _answer(self, request: web.Request, handler: Handler, scope: str | None) -> web.StreamResponse:
        try:
            if scope is not None:
                self._gate.check(request.headers.get("Authorization"), scope)
            return await handler(request)
        except ApiError as error:
            return self._error(error.status, error.code, error.message)
        except web.HTTPRequestEntityTooLarge:
            return self._error(400, "validation_failed", "The body is too large.")

    async def _strike(
        self, request: web.Request, fault: Fault, response: web.StreamResponse | None
    ) -> web.StreamResponse | None:
        """Answer as ``fault`` has it; ``None`` where the connection is to be reset."""
        if fault.kind is FaultKind.ERROR:
            message = fault.message or "The sandbox was told to answer so."
            return self._error(fault.status, fault.error_code, message)
        if fault.kind is FaultKind.BARE_ERROR:
            page = f"<html><head><title>{fault.status}</title></head><body><h1>{fault.status}</h1></body></html>"
            headers = self._retry_after(fault.status)
            return web.Response(status=fault.status, text=page, content_type="text/html", headers=headers)
        if fault.kind is FaultKind.MALFORMED and response is not None:
            text = (response.text if isinstance(response, web.Response) else None) or '{"broken": true}'
            broken = text[: len(text) // 2]
            return web.Response(status=response.status, text=broken, content_type="application/json")
        if fault.kind is FaultKind.HANG:
            await self.closing.wait()
        return None

    def _error(self, status: int, code: str, message: str) -> web.Response:
        request_id = f"req_{self._rng.getrandbits(64):016x}"
        body = {"error": {"code": code, "message": message, "requestId": request_id}}
        return web.json_response(body, status=status, headers=self._retry_after(status))

    def _retry_after(self, status: int) -> dict[str, str]:
        seconds = self._variants.retry_after_s
        return {"Retry-After": f"{seconds:g}"} if seconds is not None and status in (429, 503) else {}
