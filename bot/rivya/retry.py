"""The one retry layer: attempts and total time bounded, jittered, on the injected clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import structlog
from tenacity import RetryCallState
from tenacity.asyncio import AsyncRetrying

from bot.clock import Clock
from bot.rivya.errors import RivyaError

log = structlog.get_logger()

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and for how long a call is tried again.

    No wait begins that would end later than ``total_s`` after the first attempt began. Waits double from
    ``first_wait_s`` up to ``wait_cap_s``, each cut to 50–100 % at random; a Retry-After of the service that is
    longer is kept instead, up to ``wait_cap_s``.
    """

    attempts: int
    total_s: float
    first_wait_s: float = 0.5
    wait_cap_s: float = 30.0

    def wait_s(self, failures: int, retry_after_s: float | None, rng: Random) -> float:
        """Return how long to wait after that many ``failures`` in a row."""
        own_s = min(self.first_wait_s * 2.0 ** (failures - 1), self.wait_cap_s) * rng.uniform(0.5, 1.0)
        return max(own_s, min(retry_after_s or 0.0, self.wait_cap_s))


async def with_retries(
    call: Callable[[], Awaitable[ValueT]],
    *,
    operation: str,
    policy: RetryPolicy,
    clock: Clock,
    rng: Random,
) -> ValueT:
    """Await ``call`` until it succeeds, fails for good, or ``policy`` ends; raises the last error."""
    deadline_ms = clock.now_ms() + policy.total_s * 1000

    def wait(state: RetryCallState) -> float:
        return policy.wait_s(state.attempt_number, _error_of(state).retry_after_s, rng)

    def stop(state: RetryCallState) -> bool:
        too_late = clock.now_ms() + state.upcoming_sleep * 1000 > deadline_ms
        return state.attempt_number >= policy.attempts or too_late

    def again(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return isinstance(error, RivyaError) and error.retryable

    def tell(state: RetryCallState) -> None:
        error = _error_of(state)
        log.warning(
            "rivya.retry",
            operation=operation,
            code=error.code,
            attempt=state.attempt_number,
            wait_s=round(state.upcoming_sleep, 2),
            provider_request_id=error.request_id,
        )

    async def attempt() -> ValueT:
        return await call()

    retrying = AsyncRetrying(sleep=clock.sleep, stop=stop, wait=wait, retry=again, before_sleep=tell, reraise=True)
    return await retrying(attempt)


def _error_of(state: RetryCallState) -> RivyaError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, RivyaError):  # `again` lets nothing else come this far
        raise TypeError("only errors of the image service are retried")
    return error
