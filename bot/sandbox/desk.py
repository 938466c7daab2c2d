"""Switches over HTTP: what is wrong is said with 400, fields are checked, faults are armed; for both sandboxes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any, Generic

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from bot.sandbox.arming import ArmedFaults, F

Handler = Callable[[web.Request], Awaitable[Any]]


def told(
    handler: Handler, refusals: tuple[type[Exception], ...] = ()
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer with what ``handler`` returns, or say with 400 what was wrong; ``refusals`` are errors that say it too."""
    said: tuple[type[Exception], ...] = (ValueError, *refusals)

    async def answered(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_url=False)]
            return web.json_response({"error": "; ".join(problems)}, status=400)
        except KeyError as error:
            return web.json_response({"error": f"not known: {error}"}, status=400)
        except said as error:
            return web.json_response({"error": str(error)}, status=400)

    return answered


def known(item: object, model: type[Any]) -> dict[str, Any]:
    """Take an object whose every key is a field of the dataclass ``model``; raises ValueError."""
    names = {field.name for field in fields(model)}
    if not isinstance(item, dict) or item.keys() - names:
        raise ValueError(f"known here: {', '.join(sorted(names))}")
    return dict(item)


class FaultDesk(Generic[F]):
    """Switches faults of the dataclass ``model`` on and off."""

    def __init__(self, faults: ArmedFaults[F], model: type[F]) -> None:
        self._faults = faults
        self._model = model
        self._checked: TypeAdapter[F] = TypeAdapter(model)

    def routes(self, prefix: str) -> list[tuple[str, str, Handler]]:
        """Return what is served under ``prefix``: method, path and handler."""
        return [
            ("POST", f"{prefix}/faults", self._add),
            ("GET", f"{prefix}/faults", self._list),
            ("DELETE", f"{prefix}/faults", self._clear),
        ]

    async def _add(self, request: web.Request) -> Any:
        """Take one fault or a list of them."""
        body = await request.json()
        items = body if isinstance(body, list) else [body]
        for fault in [self._checked.validate_python(known(item, self._model)) for item in items]:
            self._faults.add(fault)
        return await self._list(request)

    async def _list(self, _request: web.Request) -> Any:
        """List the faults that can still strike."""
        return {"faults": [asdict(fault) for fault in self._faults.waiting]}  # type: ignore[call-overload]

    async def _clear(self, request: web.Request) -> Any:
        """Switch all faults off."""
        self._faults.clear()
        return await self._list(request)
