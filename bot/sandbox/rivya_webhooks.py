"""Webhooks of the sandbox: endpoints, events, and deliveries that are really sent.

How a delivery is signed is not stated, so none is; secrets are made and rotated all the same.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

from bot.clock import Clock
from bot.sandbox.rivya_contract import ApiError, invalid, iso
from bot.sandbox.rivya_guard import Guard
from bot.sandbox.rivya_variants import Variants

log = structlog.get_logger()

API_VERSION: Final = "2026-05-11"
EVENT_TYPES: Final = ("generation.succeeded", "generation.failed")
STATES: Final = ("active", "disabled")
DELIVERY_TIMEOUT_S: Final = 5.0  # "a short timeout"; the pages give no number
_MAX_NAME: Final = 200


@dataclass(eq=False)
class _Endpoint:
    id: str
    name: str
    url: str
    event_types: tuple[str, ...]
    secret: str
    created_ms: int
    status: str = "active"
    deliveries: list[dict[str, Any]] = field(default_factory=list)


class Webhooks:
    """The endpoints of the one account, and what is sent to them."""

    def __init__(self, *, clock: Clock, variants: Variants, rng: Random) -> None:
        self._clock = clock
        self._variants = variants
        self._rng = rng
        self._endpoints: dict[str, _Endpoint] = {}
        self._events: list[dict[str, Any]] = []
        self._unsent: asyncio.Queue[tuple[_Endpoint, dict[str, Any]]] = asyncio.Queue()

    def add_routes(self, app: web.Application, guard: Guard) -> None:
        """Serve the webhook endpoints of the contract."""
        one = "/api/v1/webhooks/{webhook_id}"
        for method, path, handler in (
            ("POST", "/api/v1/webhooks", self._create),
            ("GET", "/api/v1/webhooks", self._list),
            ("PATCH", one, self._change),
            ("DELETE", one, self._delete),
            ("POST", f"{one}/rotate-secret", self._rotate),
            ("POST", f"{one}/test", self._test),
            ("GET", f"{one}/deliveries", self._deliveries),
            ("GET", "/api/v1/webhook-events", self._list_events),
        ):
            app.router.add_route(method, path, guard.around("webhooks", handler, "webhooks:manage"))

    def emit(self, event_type: str, generation: dict[str, Any]) -> None:
        """Note an event and queue it for every endpoint that listens to its type."""
        event = self._event(event_type, generation)
        for endpoint in self._endpoints.values():
            if endpoint.status == "active" and event_type in endpoint.event_types:
                self._unsent.put_nowait((endpoint, event))

    async def send_forever(self) -> None:
        """Send what is queued, each delivery once and on its own, until cancelled."""
        async with (
            ClientSession(timeout=ClientTimeout(total=DELIVERY_TIMEOUT_S)) as session,
            asyncio.TaskGroup() as group,
        ):
            while True:
                endpoint, event = await self._unsent.get()
                group.create_task(self._deliver(session, endpoint, event))

    async def _deliver(self, session: ClientSession, endpoint: _Endpoint, event: dict[str, Any]) -> None:
        delivery = {
            "id": self._id("whdel"),
            "object": "webhook_delivery",
            "event_id": event["id"],
            "event_type": event["type"],
            "status": "failed",
            "response_status": None,
            "attempted_at": iso(self._clock.now_ms()),
        }
        endpoint.deliveries.append(delivery)
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(
                endpoint.url, data=json.dumps(event).encode(), headers=headers, allow_redirects=False
            ) as answer:
                delivery["response_status"] = answer.status
                delivery["status"] = "delivered" if 200 <= answer.status < 300 else "failed"
        except (ClientError, TimeoutError, OSError) as error:
            log.info("sandbox.rivya.webhook_failed", webhook_id=endpoint.id, error=type(error).__name__)

    async def _create(self, request: web.Request) -> web.Response:
        body = await _json(request, {"name", "url", "event_types"})
        endpoint = _Endpoint(
            id=self._id("whend"),
            name=_name(body.get("name")),
            url=self._url(body.get("url")),
            event_types=_event_types(body.get("event_types")),
            secret=self._id("whsec"),
            created_ms=self._clock.now_ms(),
        )
        self._endpoints[endpoint.id] = endpoint
        return web.json_response({**_as_json(endpoint), "signing_secret": endpoint.secret})

    async def _list(self, _request: web.Request) -> web.Response:
        return _listed([_as_json(endpoint) for endpoint in self._endpoints.values()])

    async def _change(self, request: web.Request) -> web.Response:
        endpoint = self._find(request)
        body = await _json(request, {"name", "url", "event_types", "status"})
        status = body.get("status", endpoint.status)
        if status not in STATES:
            raise invalid(f"status must be one of {', '.join(STATES)}.")
        name = _name(body.get("name", endpoint.name))
        url = self._url(body["url"]) if "url" in body else endpoint.url
        event_types = _event_types(body.get("event_types", list(endpoint.event_types)))
        endpoint.name, endpoint.url, endpoint.event_types, endpoint.status = name, url, event_types, status
        return web.json_response(_as_json(endpoint))

    async def _delete(self, request: web.Request) -> web.Response:
        endpoint = self._find(request)
        del self._endpoints[endpoint.id]
        return web.json_response({"id": endpoint.id, "object": "webhook_endpoint", "deleted": True})

    async def _rotate(self, request: web.Request) -> web.Response:
        endpoint = self._find(request)
        endpoint.secret = self._id("whsec")
        return web.json_response({**_as_json(endpoint), "signing_secret": endpoint.secret})

    async def _test(self, request: web.Request) -> web.Response:
        endpoint = self._find(request)
        event = self._event("webhook.test", None)
        self._unsent.put_nowait((endpoint, event))
        return web.json_response(event)

    async def _deliveries(self, request: web.Request) -> web.Response:
        return _listed(self._find(request).deliveries)

    async def _list_events(self, _request: web.Request) -> web.Response:
        return _listed(self._events)

    def _event(self, event_type: str, generation: dict[str, Any] | None) -> dict[str, Any]:
        event = {
            "id": self._id("evt"),
            "type": event_type,
            "api_version": API_VERSION,
            "created_at": iso(self._clock.now_ms()),
            "data": generation,
        }
        self._events.append(event)
        return event

    def _find(self, request: web.Request) -> _Endpoint:
        endpoint = self._endpoints.get(request.match_info["webhook_id"])
        if endpoint is None:
            raise ApiError(404, "not_found", "No such webhook.")
        return endpoint

    def _url(self, value: object) -> str:
        """Take a public HTTPS URL, or with ``webhook_loopback`` an http one on this machine; raises ApiError."""
        refused = ApiError(400, "webhook_url_rejected", "The URL must be a public HTTPS URL.")
        if not isinstance(value, str):
            raise refused
        try:
            url = URL(value)
        except ValueError:
            raise refused from None
        host = (url.host or "").lower().rstrip(".")
        if url.scheme == "http" and self._variants.webhook_loopback and _is_loopback(host):
            return value
        if url.scheme != "https" or not _is_public(host):
            raise refused
        return value

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._rng.getrandbits(80):020x}"


def _as_json(endpoint: _Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": list(endpoint.event_types),
        "status": endpoint.status,
        "secret_preview": f"{endpoint.secret[:10]}…",
        "created_at": iso(endpoint.created_ms),
    }


def _listed(data: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"object": "list", "data": data})


async def _json(request: web.Request, known: set[str]) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise invalid("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The body must be an object.")
    if unknown := body.keys() - known:
        raise invalid(f"Unknown field: {min(unknown)}.")
    return body


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME:
        raise invalid(f"name must be text of 1 to {_MAX_NAME} characters.")
    return value


def _event_types(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or any(item not in EVENT_TYPES for item in value):
        raise invalid(f"event_types must be a list of {', '.join(EVENT_TYPES)}.")
    return tuple(dict.fromkeys(value))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
