"""What can go wrong at the sandbox, switched on and off while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.sandbox.arming import ArmedFaults

ROUTES: Final = frozenset(
    {"create", "status", "upload", "file", "credits", "models", "result", "media", "webhooks", "openapi"}
)

CODE_OF_STATUS: Final = {
    400: "validation_failed",
    401: "api_key_invalid",
    402: "insufficient_credits",
    403: "api_scope_denied",
    404: "not_found",
    409: "idempotency_conflict",
    429: "rate_limited",
    503: "public_api_disabled",
}


class FaultKind(StrEnum):
    """The kinds of trouble; the three groups are told apart below."""

    # One request goes wrong.
    ERROR = "error"
    BARE_ERROR = "bare_error"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    MALFORMED = "malformed"
    SLOW = "slow"
    HANG = "hang"
    # One task goes wrong.
    TASK_FAILS = "task_fails"
    TASK_ENDLESS = "task_endless"
    TASK_SLOW = "task_slow"
    MISSING_RESULT = "missing_result"
    NO_RESULT = "no_result"
    DEAD_URL_ONCE = "dead_url_once"
    # One status question or one download goes wrong.
    NOT_FOUND_TASK = "not_found_task"
    TRUNCATED_RESULT = "truncated_result"
    WRONG_TYPE_RESULT = "wrong_type_result"


TASK_KINDS: Final = frozenset(
    {
        FaultKind.TASK_FAILS,
        FaultKind.TASK_ENDLESS,
        FaultKind.TASK_SLOW,
        FaultKind.MISSING_RESULT,
        FaultKind.NO_RESULT,
        FaultKind.DEAD_URL_ONCE,
    }
)

HOME_ROUTE: Final = {
    **dict.fromkeys(TASK_KINDS, "create"),
    FaultKind.NOT_FOUND_TASK: "status",
    FaultKind.TRUNCATED_RESULT: "result",
    FaultKind.WRONG_TYPE_RESULT: "result",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: after ``after`` occasions it strikes ``times`` of them (``None``: for ever).

    An occasion is a request to ``route`` (``"*"``: any), or, for the kinds about tasks, a new task, and for those about
    a status question or a download, one of these; such kinds know their own place, and ``route`` is not asked.

    - ``status`` and ``code``: of ERROR and BARE_ERROR; without a code, the contract's for that status. For TASK_FAILS
      ``code`` is the one in the task's error object, left out altogether with ``error_object=False``.
    - ``effect``: ERROR and BARE_ERROR strike after the request took effect, as when a proxy gives up. SLOW, HANG,
      LOST_AFTER and MALFORMED always do; LOST_BEFORE never.
    - ``delay_s``: real seconds for SLOW; seconds of the sandbox's clock, on top of the drawn ones, for TASK_SLOW.
    """

    kind: FaultKind
    route: str = "*"
    times: int | None = 1
    after: int = 0
    status: int = 500
    code: str | None = None
    message: str | None = None
    delay_s: float = 1.0
    effect: bool = False
    error_object: bool = True

    def __post_init__(self) -> None:
        if self.route != "*" and self.route not in ROUTES:
            raise ValueError(f"no such route: {self.route}; one of *, {', '.join(sorted(ROUTES))}")
        if self.kind in (FaultKind.ERROR, FaultKind.BARE_ERROR) and not 400 <= self.status <= 599:
            raise ValueError(f"not an error's status: {self.status}")

    @property
    def error_code(self) -> str:
        """The code that an ERROR answers with."""
        return self.code or CODE_OF_STATUS.get(self.status, "internal_error")

    @property
    def has_effect(self) -> bool:
        """Whether the request is carried out before the fault shows."""
        if self.kind in (FaultKind.ERROR, FaultKind.BARE_ERROR):
            return self.effect
        return self.kind is not FaultKind.LOST_BEFORE


class Faults(ArmedFaults[Fault]):
    """The faults that are switched on, oldest first."""

    def for_request(self, route: str) -> tuple[float, Fault | None]:
        """Say what strikes this request: seconds of delay, and at most one other fault."""
        delay_s = 0.0
        for armed in tuple(self._armed):
            if armed.fault.kind in HOME_ROUTE or armed.fault.route not in ("*", route):
                continue
            if not self._strikes(armed):
                continue
            if armed.fault.kind is not FaultKind.SLOW:
                return delay_s, armed.fault
            delay_s += armed.fault.delay_s
        return delay_s, None

    def for_task(self) -> list[Fault]:
        """Say what strikes the task that is just being created."""
        return [a.fault for a in tuple(self._armed) if a.fault.kind in TASK_KINDS and self._strikes(a)]

    def at(self, *kinds: FaultKind) -> Fault | None:
        """Say which of ``kinds`` (about status questions or downloads) strikes this one."""
        for armed in tuple(self._armed):
            if armed.fault.kind in kinds and self._strikes(armed):
                return armed.fault
        return None
