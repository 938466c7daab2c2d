"""Calendar windows in UTC."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.credits.windows import all_closed_ms, day_of, earliest_open_ms, month_of


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-09-21T13:14:15.678", "2026-09-01", "2026-10-01"),
        ("2026-09-01T00:00:00.000", "2026-09-01", "2026-10-01"),
        ("2026-09-30T23:59:59.999", "2026-09-01", "2026-10-01"),
        ("2026-12-31T23:59:59.999", "2026-12-01", "2027-01-01"),
        ("2028-02-29T12:00:00.000", "2028-02-01", "2028-03-01"),
        ("2026-01-31T12:00:00.000", "2026-01-01", "2026-02-01"),
    ],
)
def test_a_month_is_the_calendars(now: str, start: str, end: str) -> None:
    window = month_of(ms(now))
    assert (window.start_ms, window.end_ms) == (ms(start), ms(end))


@pytest.mark.parametrize("now", ["2026-09-21T00:00:00.000", "2026-09-21T23:59:59.999"])
def test_a_day_is_the_calendars(now: str) -> None:
    window = day_of(ms(now))
    assert (window.start_ms, window.end_ms) == (ms("2026-09-21"), ms("2026-09-22"))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, ms("2200-01-01")))
def test_windows_hold_their_moment_and_leave_no_gap(now_ms: int) -> None:
    for window_of, longest in ((month_of, timedelta(days=31)), (day_of, timedelta(days=1))):
        window = window_of(now_ms)
        assert window.start_ms <= now_ms < window.end_ms <= window.start_ms + longest / timedelta(milliseconds=1)
        assert window_of(window.end_ms - 1) == window
        assert window_of(window.end_ms).start_ms == window.end_ms


ZONES = (
    *(
        ZoneInfo(name)
        for name in ("Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")
    ),
    UTC,
)


def windows(now_ms: int, zone: tzinfo) -> list[tuple[int, int]]:
    """The day, week and month of a moment in a time zone."""
    today = datetime.fromtimestamp(now_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    ends = (
        (today, today + timedelta(days=1)),
        (monday, monday + timedelta(days=7)),
        (first, (first + timedelta(days=32)).replace(day=1)),
    )
    return [tuple(int(each.replace(tzinfo=zone).timestamp() * 1000) for each in window) for window in ends]  # type: ignore[misc]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(ms("2020-01-01"), ms("2035-01-01")), st.sampled_from(ZONES))
def test_no_window_outlasts_what_is_remembered_of_the_forgotten(now_ms: int, zone: tzinfo) -> None:
    opened_ms, closed_ms = earliest_open_ms(now_ms), all_closed_ms(now_ms)
    for start_ms, end_ms in windows(now_ms, zone):
        assert opened_ms <= start_ms <= now_ms < end_ms <= closed_ms
    longest = timedelta(days=33) / timedelta(milliseconds=1)
    assert closed_ms - now_ms < longest
    assert now_ms - opened_ms < longest
