"""Calendar windows, in UTC and over the changes of clocks."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.credits.windows import (
    QUARTER_MS,
    Period,
    all_closed_ms,
    day_of,
    earliest_open_ms,
    month_of,
    week_of,
    window_of,
    zone_names,
    zone_of,
)


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
    for around, longest in ((month_of, timedelta(days=31)), (day_of, timedelta(days=1))):
        window = around(now_ms)
        assert window.start_ms <= now_ms < window.end_ms <= window.start_ms + longest / timedelta(milliseconds=1)
        assert around(window.end_ms - 1) == window
        assert around(window.end_ms).start_ms == window.end_ms


# --- time zones ---


def local(window_start_or_end_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(window_start_or_end_ms / 1000, ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("zone", "now", "start", "hours"),
    [
        ("Europe/Berlin", "2026-09-20T22:30", "2026-09-21T00:00:00+02:00", 24),
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-29T00:00:00+01:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00", "2026-10-25T00:00:00+02:00", 25),
        ("Australia/Lord_Howe", "2026-10-03T20:00", "2026-10-04T00:00:00+10:30", 23.5),
        ("Asia/Kathmandu", "2026-09-20T18:20", "2026-09-21T00:00:00+05:45", 24),
        # clocks put forward at midnight: the day begins at one
        ("Africa/Cairo", "2026-04-24T12:00", "2026-04-24T01:00:00+03:00", 23),
        ("America/Havana", "2026-03-08T12:00", "2026-03-08T01:00:00-04:00", 23),
        # clocks put back to midnight, or over it: the day begins once
        ("America/Havana", "2026-11-01T12:00", "2026-11-01T00:00:00-04:00", 25),
        ("Africa/Cairo", "2026-10-29T20:30", "2026-10-29T00:00:00+03:00", 25),
        ("America/St_Johns", "2010-11-07T12:00", "2010-11-07T00:00:00-02:30", 25),
        ("America/Toronto", "1919-03-31T12:00", "1919-03-31T00:30:00-04:00", 23.5),
        # a day that was left out
        ("Pacific/Apia", "2011-12-31T00:00", "2011-12-31T00:00:00+14:00", 24),
    ],
)
def test_a_day_over_a_change_of_clocks(zone: str, now: str, start: str, hours: float) -> None:
    window = day_of(ms(now), ZoneInfo(zone))
    assert local(window.start_ms, zone) == start
    assert (window.end_ms - window.start_ms) / 3_600_000 == hours


def test_a_week_begins_with_monday() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for now in ("2026-10-18T22:00", "2026-10-21T12:00", "2026-10-25T22:59"):
        window = week_of(ms(now), berlin)
        assert local(window.start_ms, "Europe/Berlin") == "2026-10-19T00:00:00+02:00"
        assert local(window.end_ms, "Europe/Berlin") == "2026-10-26T00:00:00+01:00"


def test_a_month_in_a_zone() -> None:
    window = month_of(ms("2026-09-30T23:00"), ZoneInfo("Asia/Tokyo"))
    assert local(window.start_ms, "Asia/Tokyo") == "2026-10-01T00:00:00+09:00"


def test_a_period_has_its_window() -> None:
    now_ms = ms("2026-09-23T10:00")
    assert [window_of(period, now_ms) for period in Period] == [
        day_of(now_ms),
        week_of(now_ms),
        month_of(now_ms),
        month_of(now_ms),
    ]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(zone_names())), st.integers(ms("2020-01-01"), ms("2037-01-01")), st.booleans())
def test_in_every_zone_windows_hold_their_moment_leave_no_gap_and_are_made_of_quarters(
    name: str, now_ms: int, at_a_change: bool
) -> None:
    zone = ZoneInfo(name)
    if at_a_change:  # go to a change of clocks after it, where there is one within the year

        def offset(moment_ms: int) -> timedelta | None:
            return datetime.fromtimestamp(moment_ms / 1000, zone).utcoffset()

        days = (now_ms + day * 86_400_000 for day in range(366))
        now_ms = next((day_ms for day_ms in days if offset(day_ms) != offset(day_ms + 86_400_000)), now_ms)
    for of in (day_of, week_of, month_of):
        window = of(now_ms, zone)
        assert window.start_ms <= now_ms < window.end_ms
        assert window.start_ms % QUARTER_MS == window.end_ms % QUARTER_MS == 0
        assert of(window.start_ms, zone) == of(window.end_ms - 1, zone) == window
        assert of(window.end_ms, zone).start_ms == window.end_ms


def test_a_zone_that_is_not_known_is_utc() -> None:
    assert zone_of(None) is zone_of("Europe/Atlantis") is zone_of("../etc/passwd") is UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert {"UTC", "Europe/Berlin"} < zone_names()
    assert not {"localtime", "Factory"} & zone_names()


# --- what is remembered of the forgotten ---

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
