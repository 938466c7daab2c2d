"""Who may call the sandbox, and which calls are replays."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from bot.clock import Clock
from bot.sandbox.rivya_contract import ApiError
from bot.sandbox.rivya_variants import Variants


class KeyState(StrEnum):
    """What became of the account's API key."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Gate:
    """Checks key, scope and rate of a call."""

    def __init__(self, *, clock: Clock, variants: Variants, api_key: str, scopes: set[str]) -> None:
        self._clock = clock
        self._variants = variants
        self.api_key = api_key
        self.scopes = scopes
        self.state = KeyState.ACTIVE
        self._calls_ms: deque[int] = deque()

    def check(self, authorization: str | None, scope: str) -> None:
        """Let the call pass; raises ApiError 401, 403 or 429."""
        if not authorization:
            raise ApiError(401, "api_key_missing", "Send Authorization: Bearer with your API key.")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or key.strip() != self.api_key:
            raise ApiError(401, "api_key_invalid", "This API key is not known.")
        if self.state is not KeyState.ACTIVE:
            raise ApiError(401, f"api_key_{self.state}", f"This API key is {self.state}.")
        if scope not in self.scopes:
            raise ApiError(403, "api_scope_denied", f"This API key lacks the scope {scope}.")
        self._count_call()

    def _count_call(self) -> None:
        limit = self._variants.rate_limit_per_minute
        if limit is None:
            return
        now_ms = self._clock.now_ms()
        while self._calls_ms and self._calls_ms[0] <= now_ms - 60_000:
            self._calls_ms.popleft()
        if len(self._calls_ms) >= limit:
            raise ApiError(429, "rate_limited", "Too many requests.")
        self._calls_ms.append(now_ms)


@dataclass(frozen=True)
class _Kept:
    body_sha256: bytes
    task_id: str
    at_ms: int


class IdempotencyKeys:
    """Which task came under which Idempotency-Key, as long as the variants let a key live."""

    def __init__(self, *, clock: Clock, variants: Variants) -> None:
        self._clock = clock
        self._variants = variants
        self._kept: dict[str, _Kept] = {}

    def replayed(self, key: str | None, body_bytes: bytes) -> str | None:
        """Give the id of the task that this very call made before; raises ApiError 409 for another body."""
        kept = self._kept.get(key or "")
        if kept is None or self._forgotten(kept):
            return None
        if kept.body_sha256 != hashlib.sha256(body_bytes).digest():
            raise ApiError(409, "idempotency_conflict", "This Idempotency-Key was used with another body.")
        return kept.task_id

    def keep(self, key: str | None, body_bytes: bytes, task_id: str) -> None:
        """Remember what was made under ``key``."""
        if key:
            self._kept[key] = _Kept(hashlib.sha256(body_bytes).digest(), task_id, self._clock.now_ms())

    def _forgotten(self, kept: _Kept) -> bool:
        life_s = self._variants.key_life_s
        return life_s is not None and self._clock.now_ms() >= kept.at_ms + life_s * 1000
