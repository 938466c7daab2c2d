"""What can go wrong on the wire, switched on and off while it runs."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiohttp import web

_NAMED: Final = (
    ("login", "GET", "/users/@me"),
    ("application", "GET", "/oauth2/applications/@me"),
    ("commands", "PUT", "/applications/*/commands"),
    ("gateway_info", "GET", "/gateway/bot"),
    ("callback", "POST", "/interactions/*/*/callback"),
    ("edit_original", "PATCH", "/webhooks/*/*/messages/@original"),
    ("get_original", "GET", "/webhooks/*/*/messages/@original"),
    ("followup", "POST", "/webhooks/*/*"),
    ("send", "POST", "/channels/*/messages"),
    ("edit", "PATCH", "/channels/*/messages/*"),
    ("delete", "DELETE", "/channels/*/messages/*"),
    ("history", "GET", "/channels/*/messages"),
    ("open_dm", "POST", "/users/@me/channels"),
    ("attachment", "GET", "/attachments/*/*/*"),
)
ROUTES: Final = frozenset(name for name, _, _ in _NAMED)


class WireFaultKind(StrEnum):
    """The kinds of trouble that one request can have."""

    ERROR = "error"
    RESET = "reset"
    HANG = "hang"
    SLOW = "slow"


@dataclass(frozen=True, kw_only=True)
class WireFault:
    """One fault: after ``after`` matching requests it strikes ``times`` of them (``None``: for ever).

    - ``route``: a name of ``ROUTES``, ``"*"``, or a path such as ``/channels/*/messages`` (a star is one segment);
      ``method`` narrows a path.
    - ``kind``: ERROR answers with ``status`` and ``code`` (without a code and from 500 on: a page, as from a proxy);
      RESET resets the connection; HANG never answers; SLOW waits ``delay_s`` real seconds, and goes together with
      another fault.
    - ``effect``: whether the request is carried out first. The body is read in any case.
    - ``delay_s``: of SLOW, in real seconds, and what a 429 gives as its Retry-After.
    """

    kind: WireFaultKind
    route: str = "*"
    method: str = "*"
    times: int | None = 1
    after: int = 0
    effect: bool = False
    status: int = 500
    code: int | None = None
    delay_s: float = 1.0

    def __post_init__(self) -> None:
        if self.route != "*" and not self.route.startswith("/") and self.route not in ROUTES:
            raise ValueError(f"no such route: {self.route}; a path, or one of *, {', '.join(sorted(ROUTES))}")
        if self.kind is WireFaultKind.ERROR and not 400 <= self.status <= 599:
            raise ValueError(f"not an error's status: {self.status}")

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is an occasion for this fault."""
        if self.method not in {"*", method}:
            return False
        if self.route.startswith("/"):
            return _fits(self.route, path)
        return self.route in {"*", route_name(method, path)}


class WireFaults:
    """The faults that are switched on, oldest first."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, fault: WireFault) -> None:
        """Switch ``fault`` on."""
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Switch all off."""
        self._armed.clear()

    @property
    def waiting(self) -> list[WireFault]:
        """The faults that can still strike."""
        return [armed.fault for armed in self._armed]

    def for_request(self, method: str, path: str) -> list[WireFault]:
        """Say what strikes this request: any number of SLOW ones, then at most one other."""
        struck: list[WireFault] = []
        for armed in tuple(self._armed):
            if armed.fault.matches(method, path) and self._strikes(armed):
                struck.append(armed.fault)
                if armed.fault.kind is not WireFaultKind.SLOW:
                    break
        return struck

    def _strikes(self, armed: _Armed) -> bool:
        """Count one occasion; a fault that has done its times is switched off."""
        armed.seen += 1
        if armed.seen <= armed.fault.after:
            return False
        if armed.fault.times is not None and armed.seen >= armed.fault.after + armed.fault.times:
            self._armed.remove(armed)
        return True


@dataclass(eq=False)
class _Armed:
    fault: WireFault
    seen: int = 0


def route_name(method: str, path: str) -> str:
    """Return the name of a route, ``"other"`` for those that have none; ``path`` is without ``/api/v10``."""
    for name, known_method, pattern in _NAMED:
        if method == known_method and _fits(pattern, path):
            return name
    return "other"


def reset(request: web.Request) -> None:
    """Drop the connection so that the other side sees a reset, not an orderly end."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def _fits(pattern: str, path: str) -> bool:
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))
