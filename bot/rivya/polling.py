"""When to ask how a picture stands: learned from how long pictures took.

A poll that comes too early is a wasted request, one that comes late lets a person wait. From the durations seen so far
the poll times with the least expected lag for a given number of requests are computed (dynamic programming over the
empirical distribution), instead of asking every so many seconds.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.clock import Clock

FIRST_POLL_S = 2.0
MIN_GAP_S = 2.0
PREFERRED_GAP_S = 5.0
"""The service's guidance: wait 2–3 s, then poll every 5–10 s, no tight loops."""

BACK_OFF_FIRST_S = 5.0
BACK_OFF_CAP_S = 30.0
"""After the last planned poll: 5 s, then each wait doubled, 30 s at most (our choice)."""

KEPT_DURATIONS = 200
NEWS_SHARE = 10
"""A plan is made anew when a tenth of what it was made from has come in since: one costs some milliseconds."""
PRIOR_S = (8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 16.0, 18.0, 21.0, 25.0, 31.0, 40.0)
"""What we guess before anything was seen: the service states no times."""

MOST_POLLS = 16
_MAX_CELLS = 120
_FINEST_CELL_S = 0.5
"""These three bound the work of planning to some ten milliseconds."""

_ROUNDING_S = 1e-6
_IMPOSSIBLE = float("inf")


class DurationBook:
    """How long pictures took, per model and resolution, and the poll times that follow from it.

    It holds the last 200 durations of each kind. As long as there are fewer than 13, guesses fill the rest.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str | None], deque[float]] = {}
        self._plans: dict[tuple[str, str | None], tuple[float, ...]] = {}
        self._news: dict[tuple[str, str | None], int] = {}

    def record(self, model: str, resolution: str | None, duration_s: float) -> None:
        """Note that a picture succeeded ``duration_s`` seconds after it was submitted."""
        if duration_s <= 0:
            return
        kind = (model, resolution)
        seen = self._seen.setdefault(kind, deque(maxlen=KEPT_DURATIONS))
        seen.append(duration_s)
        self._news[kind] = self._news.get(kind, 0) + 1
        if self._news[kind] * NEWS_SHARE >= len(seen):
            self._plans.pop(kind, None)
            self._news[kind] = 0

    def expected_s(self, model: str, resolution: str | None) -> float:
        """Return how long such a picture takes: the median, in seconds."""
        return statistics.median(self._sample(model, resolution))

    def lately_s(self, model: str, resolution: str | None) -> float | None:
        """Return how long such pictures took lately: the median, in seconds; None when none was seen."""
        seen = self._seen.get((model, resolution))
        return statistics.median(seen) if seen else None

    def schedule(self, model: str, resolution: str | None, elapsed_s: float) -> float:
        """Return how many seconds to wait for the next poll, ``elapsed_s`` seconds after submission."""
        plan = self._plans.get((model, resolution))
        if plan is None:
            plan = self._plans[model, resolution] = learned_plan(self._sample(model, resolution))
        return next_wait_s(plan, elapsed_s)

    def _sample(self, model: str, resolution: str | None) -> list[float]:
        seen = self._seen.get((model, resolution), ())
        return [*seen, *_spread(PRIOR_S, len(PRIOR_S) - len(seen))]


def took_about_s(said_s: float | None, *, open_at_s: float | None, ended_at_s: float) -> float | None:
    """Return how long a picture took that was not done yet at ``open_at_s`` and was done at ``ended_at_s``.

    What the service says by its own clock (``said_s``) is taken if it lies between the two; else it is the middle.
    Never simply the moment at which we asked: whoever learns from that never learns to ask earlier. None when nobody
    asked in between (``open_at_s`` None) and the service does not say.
    """
    if said_s is not None and (open_at_s or 0.0) < said_s <= ended_at_s:
        return said_s
    return (open_at_s + ended_at_s) / 2 if open_at_s is not None else None


def next_wait_s(plan_s: Sequence[float], elapsed_s: float) -> float:
    """Return the wait for the next poll: to the plan's next time, or backing off after its last.

    ``plan_s`` holds one or more ascending times in seconds since submission. The wait is 2 s or more.
    """
    later = next((time_s for time_s in plan_s if time_s > elapsed_s + _ROUNDING_S), None)
    if later is not None:
        return max(later - elapsed_s, MIN_GAP_S)
    return min(BACK_OFF_FIRST_S + elapsed_s - plan_s[-1], BACK_OFF_CAP_S)


def poll_times(plan_s: Sequence[float], until_s: float) -> list[float]:
    """Return the times at which a picture is asked for that is done after ``until_s`` seconds, the last included."""
    times = [next_wait_s(plan_s, 0.0)]
    while times[-1] + _ROUNDING_S < until_s:
        times.append(times[-1] + next_wait_s(plan_s, times[-1]))
    return times


def expected_lag_s(plan_s: Sequence[float], durations_s: Sequence[float]) -> float:
    """Return how long, on average, a finished picture waits for the poll that finds it."""
    times = poll_times(plan_s, max(durations_s))
    return statistics.fmean(times[bisect_left(times, done - _ROUNDING_S)] - done for done in durations_s)


def expected_polls(plan_s: Sequence[float], durations_s: Sequence[float]) -> float:
    """Return how many polls, on average, it takes to find a picture."""
    times = poll_times(plan_s, max(durations_s))
    return statistics.fmean(bisect_left(times, done - _ROUNDING_S) + 1 for done in durations_s)


def learned_plan(durations_s: Sequence[float]) -> tuple[float, ...]:
    """Return the poll times with the least expected lag which ask no more often than a poll every 5 s would.

    That means on average over the durations, so polls may stand closer where pictures tend to be done. Two polls on
    average are always allowed.
    """
    every_5_s = statistics.fmean(max(1, _cells_up(done, PREFERRED_GAP_S)) for done in durations_s)
    allowed = max(every_5_s, 2.0)
    plans = plans_by_count(durations_s, MOST_POLLS)
    modest = [plan for plan in plans if expected_polls(plan, durations_s) <= allowed] or plans[:1]
    return min(modest, key=lambda plan: (round(expected_lag_s(plan, durations_s), 6), len(plan)))


def plans_by_count(durations_s: Sequence[float], most: int) -> list[tuple[float, ...]]:
    """Return for 1, 2, … ``most`` polls the times (seconds since submission) with the least expected lag.

    Times lie on a grid of half a second, coarser where durations are long, and not far beyond the time by which 95 %
    are done. The first is at 2 s or later, gaps are 2 s or more. What is not done by the last one is found by backing
    off, and that lag counts too. The list ends early where no more polls fit.
    """
    grid = _Grid.over(durations_s)
    cells = range(grid.first, grid.cells + 1)
    tails = [grid.tail_lag(cell) for cell in cells]
    # best[i]: the least summed lag of all pictures done by cells[i], when the last of so many polls is made there.
    best = [grid.lag(0, cell) for cell in cells]
    came_from: list[list[int]] = []
    plans: list[tuple[float, ...]] = []
    while True:
        # Equally good: the later one, which spares a request.
        end = min(range(len(best)), key=lambda i: (round(best[i] + tails[i], 6), -i))
        if best[end] == _IMPOSSIBLE:
            return plans
        plans.append(_walk_back(end, came_from, grid))
        if len(plans) == most:
            return plans
        # lag(last, cell) taken apart, so that the inner loop is one line over plain lists.
        fixed = [lag + grid.summed_s[cell] for lag, cell in zip(best, cells, strict=True)]
        done = [grid.done_by[cell] for cell in cells]
        best, origins = [], []
        for cell in cells:
            time_s = cell * grid.cell_s
            reachable = max(cell - grid.gap - grid.first + 1, 0)
            costs = [fixed[i] - done[i] * time_s for i in range(reachable)]
            least = min(costs, default=_IMPOSSIBLE)
            origins.append(costs.index(least) if costs else 0)
            best.append(least + grid.done_by[cell] * time_s - grid.summed_s[cell])
        came_from.append(origins)


def _walk_back(end: int, came_from: Sequence[Sequence[int]], grid: _Grid) -> tuple[float, ...]:
    chosen = [end]
    for origins in reversed(came_from):
        chosen.append(origins[chosen[-1]])
    return tuple((grid.first + i) * grid.cell_s for i in reversed(chosen))


@dataclass(frozen=True)
class _Grid:
    """Time in cells of ``cell_s`` seconds; ``cells``, ``first`` (poll) and ``gap`` are counted in them.

    ``done_by[c]`` pictures are done by the end of cell c, and took ``summed_s[c]`` seconds together.
    """

    cell_s: float
    cells: int
    first: int
    gap: int
    done_by: Sequence[int]
    summed_s: Sequence[float]
    ordered_s: Sequence[float]
    back_off_s: Sequence[float]

    @classmethod
    def over(cls, durations_s: Sequence[float]) -> _Grid:
        ordered = sorted(durations_s)
        most_s = ordered[_cells_up(0.95 * len(ordered), 1) - 1]
        cell_s = max(_FINEST_CELL_S, most_s / _MAX_CELLS)
        first, gap = _cells_up(FIRST_POLL_S, cell_s), _cells_up(MIN_GAP_S, cell_s)
        cells = max(_cells_up(most_s, cell_s), first) + gap
        sums = [0.0, *accumulate(ordered)]
        done_by = [bisect_left(ordered, cell * cell_s + _ROUNDING_S) for cell in range(cells + 1)]
        summed = [sums[count] for count in done_by]
        return cls(cell_s, cells, first, gap, done_by, summed, ordered, poll_times((0.0,), ordered[-1]))

    def lag(self, last: int, cell: int) -> float:
        """Return the summed lag of the pictures done after ``last`` which a poll at ``cell`` finds."""
        found = self.done_by[cell] - self.done_by[last]
        return found * cell * self.cell_s - (self.summed_s[cell] - self.summed_s[last])

    def tail_lag(self, cell: int) -> float:
        """Return the summed lag of the pictures that are found by backing off after a last poll at ``cell``."""
        over = [done_s - cell * self.cell_s for done_s in self.ordered_s[self.done_by[cell] :]]
        return sum(self.back_off_s[bisect_left(self.back_off_s, late - _ROUNDING_S)] - late for late in over)


class RequestBudget:
    """So many status requests a minute for all running jobs together; who asks first goes first.

    A leaky bucket: after a quiet time ``burst`` requests may go at once, then they are spaced evenly. Over any minute
    no more than ``per_minute + burst`` pass. The service states no limit; the number is the caller's setting.
    """

    def __init__(self, clock: Clock, *, per_minute: int, burst: int = 5) -> None:
        self._clock = clock
        self._spacing_ms = 60_000 / per_minute
        self._burst_ms = self._spacing_ms * (burst - 1)
        self._next_ms = 0.0
        self._last_seen_ms = clock.now_ms()

    async def take(self) -> None:
        """Return when one request may be sent. A caller that is cancelled while waiting leaves its slot unused."""
        now_ms = self._clock.now_ms()
        if now_ms < self._last_seen_ms:  # the clock was set back: keep the waits, not the dates
            self._next_ms -= self._last_seen_ms - now_ms
        self._last_seen_ms = now_ms
        slot_ms = max(self._next_ms, float(now_ms))
        self._next_ms = slot_ms + self._spacing_ms
        wait_ms = slot_ms - self._burst_ms - now_ms
        if wait_ms > 0:
            await self._clock.sleep(wait_ms / 1000)


def _spread(values: Sequence[float], count: int) -> list[float]:
    """Return ``count`` of ``values``, evenly spread; the middle one if it is one."""
    if count <= 0:
        return []
    if count == 1:
        return [values[len(values) // 2]]
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def _cells_up(seconds: float, cell_s: float) -> int:
    return -int(-seconds // cell_s)
