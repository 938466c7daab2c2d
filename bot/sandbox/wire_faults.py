"""What can go wrong on the wire, switched on and off while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.sandbox.arming import ArmedFaults

_NAMED: Final = (
    ("login", "GET", "/users/@me"),
    ("application", "GET", "/oauth2/applications/@me"),
    ("commands", "PUT", "/applications/*/commands"),
    ("get_commands", "GET", "/applications/*/commands"),
    ("get_permissions", "GET", "/applications/*/guilds/*/commands/permissions"),
    ("gateway_info", "GET", "/gateway/bot"),
    ("callback", "POST", "/interactions/*/*/callback"),
    ("edit_original", "PATCH", "/webhooks/*/*/messages/@original"),
    ("get_original", "GET", "/webhooks/*/*/messages/@original"),
    ("delete_original", "DELETE", "/webhooks/*/*/messages/@original"),
    ("followup", "POST", "/webhooks/*/*"),
    ("edit_followup", "PATCH", "/webhooks/*/*/messages/*"),
    ("delete_followup", "DELETE", "/webhooks/*/*/messages/*"),
    ("send", "POST", "/channels/*/messages"),
    ("edit", "PATCH", "/channels/*/messages/*"),
    ("delete", "DELETE", "/channels/*/messages/*"),
    ("get_message", "GET", "/channels/*/messages/*"),
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
      ``method`` narrows a path, and ``files`` goes by whether the request carries any.
    - ``kind``: ERROR answers with ``status`` and ``code`` (without a code and from 500 on: a page, as from a proxy);
      RESET resets the connection; HANG never answers; SLOW waits ``delay_s`` real seconds, and goes together with
      another fault.
    - ``effect``: whether the request is carried out first. The body is read in any case.
    - ``delay_s``: of SLOW, in real seconds, and what a 429 gives as its Retry-After.
    """

    kind: WireFaultKind
    route: str = "*"
    method: str = "*"
    files: bool | None = None
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

    def matches(self, method: str, path: str, *, files: bool = False) -> bool:
        """Tell whether a request is an occasion for this fault."""
        if self.method not in {"*", method} or self.files not in {None, files}:
            return False
        if self.route.startswith("/"):
            return _fits(self.route, path)
        return self.route in {"*", route_name(method, path)}


class WireFaults(ArmedFaults[WireFault]):
    """The faults that are switched on, oldest first."""

    def for_request(self, method: str, path: str, *, files: bool = False) -> list[WireFault]:
        """Say what strikes this request: any number of SLOW ones, then at most one other."""
        struck: list[WireFault] = []
        for armed in tuple(self._armed):
            if armed.fault.matches(method, path, files=files) and self._strikes(armed):
                struck.append(armed.fault)
                if armed.fault.kind is not WireFaultKind.SLOW:
                    break
        return struck


def route_name(method: str, path: str) -> str:
    """Return the name of a route, ``"other"`` for those that have none; ``path`` is without ``/api/v10``."""
    for name, known_method, pattern in _NAMED:
        if method == known_method and _fits(pattern, path):
            return name
    return "other"


def _fits(pattern: str, path: str) -> bool:
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))
