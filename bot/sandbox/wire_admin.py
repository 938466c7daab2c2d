"""What people do and what goes wrong, over HTTP, for tests that run the wire as another process."""

from __future__ import annotations

import base64
import inspect
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol

from aiohttp import web
from pydantic import TypeAdapter, validate_call
from simcord.backend.errors import BackendError, SetupError

from bot.sandbox.desk import FaultDesk, Handler, known, told
from bot.sandbox.wire_books import WireBooks
from bot.sandbox.wire_faults import WireFault, WireFaults
from bot.sandbox.wire_gateway import Gateway
from bot.sandbox.wire_people import People
from bot.sandbox.wire_rules import WireRules

PEOPLE = (
    "add_guild",
    "set_premium_tier",
    "add_channel",
    "add_thread",
    "add_person",
    "add_member",
    "direct_channel",
    "private_channel",
    "install_for",
    "say",
    "slash",
    "autocomplete",
    "message_menu",
    "user_menu",
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
    "set_command_permissions",
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
    routes: list[tuple[str, str, Handler]] = [
        ("POST", "/wire/rules", desk.change_rules),
        ("GET", "/wire/rules", desk.list_rules),
        ("POST", "/wire/gateway", desk.gateway),
        ("POST", "/wire/expire_urls", desk.expire_urls),
        ("GET", "/wire/books", desk.show_books),
        *(("POST", f"/wire/{name}", desk.acting(name)) for name in PEOPLE),
        *FaultDesk(wire.faults, WireFault).routes("/wire"),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, path, told(handler, (BackendError, SetupError)))


class _Desk:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def acting(self, name: str) -> Handler:
        """Return a handler that calls ``name`` of People with the body's fields; answers with what that returns."""
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
            if isinstance(result, list):
                return {"choices": result}
            return asdict(result) if is_dataclass(result) and not isinstance(result, type) else {"id": result}

        return handle

    async def change_rules(self, request: web.Request) -> Any:
        """Change the rules that the body names."""
        changes = known(await request.json(), WireRules)
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


_RULES: TypeAdapter[WireRules] = TypeAdapter(WireRules)


def _decoded(body: Any) -> dict[str, Any]:
    """Turn ``{"filename": …, "base64": …}`` into the file it stands for; raises ValueError."""
    return {name: _file(value) for name, value in dict(body).items()}


def _file(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"filename", "base64"}:
        return value["filename"], base64.b64decode(value["base64"])
    if isinstance(value, dict):
        return {name: _file(item) for name, item in value.items()}
    return [_file(item) for item in value] if isinstance(value, list) else value
