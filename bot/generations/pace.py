"""How often progress is shown, over all messages together."""

from __future__ import annotations

from bot.clock import Clock

MOST_AHEAD_MS = 60_000


class Pace:
    """Gives out moments, ``per_s`` a second, in the order in which they are asked for."""

    def __init__(self, clock: Clock, *, per_s: int) -> None:
        self._clock = clock
        self._gap_ms = 1000 / per_s
        self._next_ms = 0.0

    def moment_ms(self) -> int:
        """Return the next free moment: now after a quiet time, never more than a minute ahead."""
        now_ms = self._clock.now_ms()
        moment_ms = max(float(now_ms), min(self._next_ms, now_ms + MOST_AHEAD_MS))
        self._next_ms = moment_ms + self._gap_ms
        return int(moment_ms)
