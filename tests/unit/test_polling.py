"""The learned schedule lets a finished picture wait less than a fixed one does, for no more requests."""

from __future__ import annotations

import asyncio
import statistics
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rivya import DurationBook, RequestBudget
from bot.rivya.polling import (
    expected_lag_s,
    expected_polls,
    learned_plan,
    next_wait_s,
    plans_by_count,
    poll_times,
    took_about_s,
)
from tests.clocks import TestClock


def two_humps() -> list[float]:
    rng = Random(7)
    return [rng.gauss(9, 1) for _ in range(100)] + [rng.gauss(32, 2) for _ in range(100)]


def every_5_s(durations: list[float]) -> tuple[float, ...]:
    return tuple(5.0 * n for n in range(1, int(max(durations) / 5) + 2))


def lag_by_hand(times: list[float], durations: list[float]) -> float:
    """Count the lag the slow way: walk the polls one by one."""
    lags = []
    for done in durations:
        now, waits = 0.0, iter(times)
        back_off = 5.0
        while now < done:
            planned = next(waits, None)
            now, back_off = (planned, back_off) if planned else (now + back_off, min(back_off * 2, 30.0))
        lags.append(now - done)
    return statistics.fmean(lags)


@pytest.mark.parametrize(
    "durations",
    [
        two_humps(),
        [Random(i).lognormvariate(2.7, 0.4) for i in range(200)],
        [60 + i % 13 for i in range(100)],
        [Random(i).uniform(8, 14) for i in range(199)] + [3000.0],
    ],
)
def test_less_lag_than_a_poll_every_5_s_for_no_more_requests(durations: list[float]) -> None:
    learned, fixed = learned_plan(durations), every_5_s(durations)
    assert expected_polls(learned, durations) <= expected_polls(fixed, durations)
    assert expected_lag_s(learned, durations) < 0.75 * expected_lag_s(fixed, durations)


@settings(max_examples=25, deadline=None)
@given(halves=st.lists(st.integers(1, 22), min_size=1, max_size=7), polls=st.integers(1, 3))
def test_no_times_on_the_grid_are_better(halves: list[int], polls: int) -> None:
    durations = [half / 2 + 0.1 for half in halves]
    grid = [half / 2 for half in range(4, 29)]
    chosen = plans_by_count(durations, polls)[-1]
    possible = [
        times
        for times in combinations(grid, len(chosen))
        if all(later - earlier >= 2 for earlier, later in pairwise(times))
    ]
    best = min(lag_by_hand(list(times), durations) for times in possible)
    assert lag_by_hand(list(chosen), durations) == pytest.approx(best, abs=1e-6)
    assert expected_lag_s(chosen, durations) == pytest.approx(best, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(durations=st.lists(st.floats(0.01, 5000), min_size=1, max_size=40))
def test_every_plan_keeps_the_services_guidance(durations: list[float]) -> None:
    plan = learned_plan(durations)
    assert plan[0] >= 2
    assert all(later - earlier >= 2 - 1e-9 for earlier, later in pairwise(plan))
    assert expected_polls(plan, durations) <= max(2, expected_polls(every_5_s(durations), durations))
    times = poll_times(plan, max(durations))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap >= 2 - 1e-6 for gap in gaps)
    beyond = [gap for earlier, gap in zip(times, gaps, strict=False) if earlier >= plan[-1] - 1e-6]
    assert all(gap <= 30 + 1e-6 for gap in beyond)


def test_the_wait_follows_the_plan_and_then_backs_off() -> None:
    plan = (8.0, 11.0, 20.0)
    assert [next_wait_s(plan, at) for at in (0, 5, 8, 9.5, 12)] == [8, 3, 3, 2, 8]
    now, waits = 20.0, []
    for _ in range(5):
        waits.append(next_wait_s(plan, now))
        now += waits[-1]
    assert waits == [5, 10, 20, 30, 30]
    assert next_wait_s(plan, 86_400) == 30


def test_before_anything_is_known_a_guess_is_made() -> None:
    book = DurationBook()
    assert book.expected_s("nano-banana-pro", "1K") == 14
    assert 2 <= book.schedule("nano-banana-pro", "1K", 0) <= 14


def test_the_book_learns_each_kind_for_itself() -> None:
    book = DurationBook()
    for _ in range(20):
        book.record("nano-banana-pro", "4K", 61.0)
        book.record("nano-banana-pro", "4K", -1.0)
    assert book.expected_s("nano-banana-pro", "4K") == 61
    assert book.schedule("nano-banana-pro", "4K", 0) == pytest.approx(61, abs=0.6)
    assert book.expected_s("nano-banana-pro", "1K") == 14
    for _ in range(200):
        book.record("nano-banana-pro", "4K", 30.0)
    assert book.expected_s("nano-banana-pro", "4K") == 30
    assert book.schedule("nano-banana-pro", "4K", 0) == 30, "what is older than 200 pictures is forgotten"


def test_a_few_real_durations_already_count_against_the_guesses() -> None:
    book = DurationBook()
    medians = []
    for _ in range(13):
        book.record("m", None, 50.0)
        medians.append(book.expected_s("m", None))
    assert medians == sorted(medians)
    assert medians[0] <= 16
    assert medians[6:] == [50.0] * 7


class JumpClock(TestClock):
    """Sleeping takes no time here, but moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.ms = 1_790_000_000_000

    def now_ms(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.ms += round(seconds * 1000)


async def test_the_budget_spaces_requests_after_a_burst() -> None:
    clock = JumpClock()
    budget = RequestBudget(clock, per_minute=30, burst=3)
    began, taken = clock.now_ms(), []
    for _ in range(6):
        await budget.take()
        taken.append((clock.now_ms() - began) / 1000)
    assert taken == [0, 0, 0, 2, 4, 6]
    clock.ms += 60_000
    before = clock.now_ms()
    for _ in range(3):
        await budget.take()
    assert clock.now_ms() == before, "a quiet minute gives the burst back"


async def test_the_budget_is_shared_and_first_come_first_served() -> None:
    waits: list[float] = []

    class StillClock(JumpClock):
        async def sleep(self, seconds: float) -> None:
            waits.append(seconds)

    budget = RequestBudget(StillClock(), per_minute=60, burst=1)
    await asyncio.gather(*(budget.take() for _ in range(5)))
    assert waits == [1, 2, 3, 4]


async def test_a_clock_set_back_stops_nobody() -> None:
    clock = JumpClock()
    budget = RequestBudget(clock, per_minute=60, burst=1)
    await budget.take()
    clock.ms -= 3_600_000
    before = clock.now_ms()
    await budget.take()
    assert clock.now_ms() - before == 1000


@pytest.mark.parametrize(
    ("said_s", "open_at_s", "took_s"),
    [
        (9.0, 7.0, 9.0),
        (None, 7.0, 9.5),  # in the middle of what is possible
        (6.0, 7.0, 9.5),  # it was not done yet then: that clock tells something else
        (13.0, 7.0, 9.5),
        (9.0, None, 9.0),
        (None, None, None),  # we may have been away for days
    ],
)
def test_what_a_picture_took_is_not_when_it_was_asked_for(
    said_s: float | None, open_at_s: float | None, took_s: float | None
) -> None:
    assert took_about_s(said_s, open_at_s=open_at_s, ended_at_s=12.0) == took_s


@pytest.mark.parametrize("says", [True, False])
def test_a_service_that_is_faster_than_the_guess_is_found_out(says: bool) -> None:
    """Whoever records the moments of asking asks at the same moments for ever."""
    book = DurationBook()
    for _ in range(40):
        open_at_s, asked_s = 0.0, 0.0
        while asked_s < 3.5:
            open_at_s, asked_s = asked_s, asked_s + book.schedule("m", None, asked_s)
        took_s = took_about_s(3.5 if says else None, open_at_s=open_at_s, ended_at_s=asked_s)
        assert took_s is not None
        book.record("m", None, took_s)
    assert book.schedule("m", None, 0) <= 4.5
