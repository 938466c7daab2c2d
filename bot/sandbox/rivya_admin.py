"""The sandbox's own switches over HTTP, for tests that run it as another process."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web
from pydantic import TypeAdapter

from bot.sandbox.desk import FaultDesk, Handler, known, told
from bot.sandbox.rivya_books import Books
from bot.sandbox.rivya_faults import Fault, Faults
from bot.sandbox.rivya_keys import KeyState
from bot.sandbox.rivya_variants import Variants


class Switchable(Protocol):
    """What the switches turn: a RivyaSandbox."""

    @property
    def books(self) -> Books:
        """What really happened."""
        ...

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""
        ...

    @property
    def variants(self) -> Variants:
        """The variants in force."""
        ...

    @property
    def scopes(self) -> set[str]:
        """The key's scopes."""
        ...

    def set_credits(self, current_credits: int) -> None:
        """Set what the account has left."""
        ...

    def set_key(self, state: KeyState, key: str | None = None) -> None:
        """Set the key and what became of it."""
        ...


def add_admin_routes(app: web.Application, sandbox: Switchable) -> None:
    """Serve ``/sandbox/…``: faults, variants, account and books."""
    desk = _Desk(sandbox)
    routes: list[tuple[str, str, Handler]] = [
        ("POST", "/sandbox/variants", desk.change_variants),
        ("GET", "/sandbox/variants", desk.list_variants),
        ("POST", "/sandbox/account", desk.change_account),
        ("GET", "/sandbox/books", desk.show_books),
        *FaultDesk(sandbox.faults, Fault).routes("/sandbox"),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, path, told(handler))


class _Desk:
    def __init__(self, sandbox: Switchable) -> None:
        self._sandbox = sandbox

    async def change_variants(self, request: web.Request) -> Any:
        """Change the variants that the body names."""
        changes = known(await request.json(), Variants)
        for name in _PRICES & changes.keys():
            changes[name] = {_price_key(key): value for key, value in dict(changes[name]).items()}
        checked = _VARIANTS.validate_python(asdict(self._sandbox.variants) | changes)
        for name in changes:
            setattr(self._sandbox.variants, name, getattr(checked, name))
        if "current_credits" in changes:
            self._sandbox.set_credits(checked.current_credits)
        return await self.list_variants(request)

    async def list_variants(self, _request: web.Request) -> Any:
        """List all variants as they are."""
        shown = asdict(self._sandbox.variants)
        for name in _PRICES:
            shown[name] = {"/".join(key): value for key, value in shown[name].items()}
        return shown | {"unavailable_models": sorted(shown["unavailable_models"])}

    async def change_account(self, request: web.Request) -> Any:
        """Change credits, key, the key's state or scopes."""
        body = await request.json()
        if not isinstance(body, dict) or body.keys() - {"current_credits", "api_key", "key_state", "scopes"}:
            raise ValueError("known here: current_credits, api_key, key_state, scopes")
        if "current_credits" in body:
            self._sandbox.set_credits(_INT.validate_python(body["current_credits"]))
        if "key_state" in body or "api_key" in body:
            self._sandbox.set_key(KeyState(body.get("key_state", "active")), body.get("api_key"))
        if "scopes" in body:
            scopes = _SCOPES.validate_python(body["scopes"])
            self._sandbox.scopes.clear()
            self._sandbox.scopes.update(scopes)
        return {"current_credits": self._sandbox.books.current_credits, "scopes": sorted(self._sandbox.scopes)}

    async def show_books(self, _request: web.Request) -> Any:
        """Show every task, charge, upload and request."""
        return self._sandbox.books.as_json()


_VARIANTS: TypeAdapter[Variants] = TypeAdapter(Variants)
_INT: TypeAdapter[int] = TypeAdapter(int)
_SCOPES: TypeAdapter[set[str]] = TypeAdapter(set[str])
_PRICES = frozenset({"price_credits", "final_credits"})


def _price_key(key: str) -> tuple[str, str]:
    """Read ``model/resolution``."""
    model, _, resolution = key.partition("/")
    return model, resolution
