"""What people do and what goes wrong, over HTTP, for tests that run the wire as another process."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Protocol

from aiohttp import web
from pydantic import TypeAdapter, ValidationError, validate_call
from simcord.backend.errors import BackendError, SetupError

from bot.sandbox.wire_books import WireBooks
from bot.sandbox.wire_faults import WireFault, WireFaults
from bot.sandbox.wire_gateway import Gateway
from bot.sandbox.wire_people import People
from bot.sandbox.wire_rules import WireRules

PEOPLE = (
    "add_guild",
    "set_premium_tier",
    "add_channel",
    "add_member",
    "direct_channel",
    "slash",
    "click",
    "select",
    "modal_submit",
    "expire_token",
    "delete_message",
    "delete_channel",
    "remove_bot",
    "add_bot",
    "set_permissions",
    "close_direct_messages",
)


class Wire(Protocol):
    """What the switches turn: a WireServer."""

    @property
    def books(self) -> WireBooks:
        """What happened."""
        ...

    @property
    def faults(self) -> WireFaults:
        """The faults that are switched on."""
        ...

    @property
    def gateway(self) -> Gateway:
        """The gateway."""
        ...

    @property
    def people(self) -> People:
        """Who acts."""
        ...

    @property
    def rules(self) -> WireRules:
        """How this Discord behaves."""
        ...

    def expire_urls(self) -> None:
        """Let every attachment's address be dead."""
        ...


def add_admin_routes(app: web.Application, wire: Wire) -> None:
    """Serve ``/wire/…``: ``POST /wire/<what people do>``, faults, rules, gateway, books."""
    desk = _Desk(wire)
    for method, path, handler in (
        ("POST", "faults", desk.add_faults),
        ("GET", "faults", desk.list_faults),
        ("DELETE", "faults", desk.clear_faults),
        ("POST", "rules", desk.change_rules),
        ("GET", "rules", desk.list_rules),
        ("POST", "gateway", desk.gateway),
        ("POST", "expire_urls", desk.expire_urls),
        ("GET", "books", desk.show_books),
    ):
        app.router.add_route(method, f"/wire/{path}", _told(handler))
    for name in PEOPLE:
        app.router.add_route("POST", f"/wire/{name}", _told(desk.acting(name)))


def _told(handler: Callable[[web.Request], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer with what ``handler`` returns, or say with 400 what was wrong."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_url=False)]
            return web.json_response({"error": "; ".join(problems)}, status=400)
        except (BackendError, SetupError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        except KeyError as error:
            return web.json_response({"error": f"not known: {error}"}, status=400)

    return answered


class _Desk:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def acting(self, name: str) -> Callable[[web.Request], Awaitable[Any]]:
        """Return a handler that calls ``name`` of People with the body's fields; answers with an id or a record."""
        method = getattr(self._wire.people, name)
        names = [
            item.name for item in inspect.signature(method).parameters.values() if item.kind is item.POSITIONAL_ONLY
        ]
        act = validate_call(method)

        async def handle(request: web.Request) -> Any:
            given = _decoded(await request.json())
            first = [given.pop(item) for item in names]
            done = act(*first, **given.pop("options", {}), **given)
            result = await done if inspect.isawaitable(done) else done
            return asdict(result) if is_dataclass(result) and not isinstance(result, type) else {"id": result}

        return handle

    async def add_faults(self, request: web.Request) -> Any:
        """Take one fault or a list of them."""
        body = await request.json()
        faults = [
            _FAULT.validate_python(_known(item, WireFault)) for item in (body if isinstance(body, list) else [body])
        ]
        for fault in faults:
            self._wire.faults.add(fault)
        return await self.list_faults(request)

    async def list_faults(self, _request: web.Request) -> Any:
        """List the faults that can still strike."""
        return {"faults": [asdict(fault) for fault in self._wire.faults.waiting]}

    async def clear_faults(self, request: web.Request) -> Any:
        """Switch all faults off."""
        self._wire.faults.clear()
        return await self.list_faults(request)

    async def change_rules(self, request: web.Request) -> Any:
        """Change the rules that the body names."""
        changes = _known(await request.json(), WireRules)
        checked = _RULES.validate_python(asdict(self._wire.rules) | changes)
        for name in changes:
            setattr(self._wire.rules, name, getattr(checked, name))
        return await self.list_rules(request)

    async def list_rules(self, _request: web.Request) -> Any:
        """List all rules as they are."""
        return asdict(self._wire.rules)

    async def gateway(self, request: web.Request) -> Any:
        """Do to the gateway what ``action`` says, and tell how it is."""
        body, gateway = await request.json(), self._wire.gateway
        match body.get("action"):
            case "drop":
                await gateway.drop(body.get("code"))
            case "reconnect":
                gateway.ask_to_reconnect()
            case "invalidate":
                gateway.invalidate(resumable=bool(body.get("resumable")))
            case "forget":
                gateway.forget_sessions()
            case "open" | "shut" as action:
                gateway.open = action == "open"
            case None:
                pass
            case _:
                raise ValueError("action is one of drop, reconnect, invalidate, forget, open, shut")
        return {
            "connected": gateway.connected,
            "open": gateway.open,
            "identified": gateway.identified,
            "resumed": gateway.resumed,
        }

    async def expire_urls(self, _request: web.Request) -> Any:
        """Let every attachment's address be dead."""
        self._wire.expire_urls()
        return {}

    async def show_books(self, _request: web.Request) -> Any:
        """Show every interaction, message and request."""
        return self._wire.books.as_json()


_FAULT: TypeAdapter[WireFault] = TypeAdapter(WireFault)
_RULES: TypeAdapter[WireRules] = TypeAdapter(WireRules)


def _known(item: object, model: type[WireFault | WireRules]) -> dict[str, Any]:
    """Take an object whose every key is a field of ``model``; raises ValueError."""
    names = {f.name for f in fields(model)}
    if not isinstance(item, dict) or item.keys() - names:
        raise ValueError(f"known here: {', '.join(sorted(names))}")
    return dict(item)


def _decoded(body: Any) -> dict[str, Any]:
    """Turn ``{"filename": …, "base64": …}`` into the file it stands for; raises ValueError."""
    return {name: _file(value) for name, value in dict(body).items()}


def _file(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"filename", "base64"}:
        return value["filename"], base64.b64decode(value["base64"])
    if isinstance(value, dict):
        return {name: _file(item) for name, item in value.items()}
    return [_file(item) for item in value] if isinstance(value, list) else value
