"""Progress is shown so often over all messages together, whoever asks."""

from __future__ import annotations

from bot.generations.pace import Pace
from tests.clocks import TestClock


class StillClock(TestClock):
    """Stands, but for ``advance``."""

    def __init__(self) -> None:
        super().__init__()
        self.time_ms = 1_000_000

    def now_ms(self) -> int:
        return self.time_ms


def test_moments_are_spaced_evenly_and_nothing_is_saved_up() -> None:
    clock = StillClock()
    pace = Pace(clock, per_s=10)
    assert [pace.moment_ms() - clock.time_ms for _ in range(4)] == [0, 100, 200, 300]
    clock.time_ms += 10_000
    assert [pace.moment_ms() - clock.time_ms for _ in range(2)] == [0, 100]


def test_nobody_waits_for_more_than_a_minute() -> None:
    clock = StillClock()
    pace = Pace(clock, per_s=10)
    assert max(pace.moment_ms() - clock.time_ms for _ in range(2_000)) == 60_000


def test_a_clock_that_was_set_back_holds_nobody_up() -> None:
    clock = StillClock()
    pace = Pace(clock, per_s=10)
    pace.moment_ms()
    clock.time_ms -= 3_600_000
    assert pace.moment_ms() - clock.time_ms <= 60_000
