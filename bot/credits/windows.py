"""Calendar windows in which allowances count: a day, a week from Monday, a month, in a server's time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

QUARTER_MS = 15 * 60 * 1000
"""Clocks differ by whole quarters of an hour, everywhere on earth: every window begins with one."""
_NO_PLACES = frozenset({"Factory", "localtime"})


class Period(StrEnum):
    """For how long an allowance is given."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    NONE = "none"
    """There is no limit on credits."""


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start_ms`` (included) to ``end_ms`` (excluded)."""

    start_ms: int
    end_ms: int


def month_of(now_ms: int, zone: tzinfo = UTC) -> Window:
    """Return the calendar month of ``now_ms``."""
    return _around(now_ms, zone, lambda day: day.replace(day=1), lambda first: (first + timedelta(32)).replace(day=1))


def week_of(now_ms: int, zone: tzinfo = UTC) -> Window:
    """Return the calendar week of ``now_ms``, which begins with Monday."""
    return _around(now_ms, zone, lambda day: day - timedelta(day.weekday()), lambda first: first + timedelta(7))


def day_of(now_ms: int, zone: tzinfo = UTC) -> Window:
    """Return the calendar day of ``now_ms``: 23 to 25 hours where clocks are changed."""
    return _around(now_ms, zone, lambda day: day, lambda first: first + timedelta(1))


# UTC-12 and UTC+14, and an hour that is put forward or back.
_LAST_ZONE, _FIRST_ZONE = timedelta(hours=13), timedelta(hours=15)


def all_closed_ms(now_ms: int) -> int:
    """Return when every day, week and month in which ``now_ms`` lies in any time zone is over."""
    # Somewhere it is the next day already, and that one may lie in another month or week.
    ahead_ms = now_ms + _ms(_FIRST_ZONE)
    return max(month_of(ahead_ms).end_ms, week_of(ahead_ms).end_ms) + _ms(_LAST_ZONE)


def earliest_open_ms(now_ms: int) -> int:
    """Return when the first of the days, weeks and months began in which ``now_ms`` lies in any time zone."""
    # Somewhere it is the day before still, and that one may lie in another month or week.
    behind_ms = now_ms - _ms(_LAST_ZONE)
    return min(month_of(behind_ms).start_ms, week_of(behind_ms).start_ms) - _ms(_FIRST_ZONE)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def window_of(period: Period, now_ms: int, zone: tzinfo = UTC) -> Window:
    """Return the window of a period; where there is no limit, what is used is told by the month."""
    match period:
        case Period.DAY:
            return day_of(now_ms, zone)
        case Period.WEEK:
            return week_of(now_ms, zone)
        case Period.MONTH | Period.NONE:
            return month_of(now_ms, zone)


def zone_of(name: str | None) -> tzinfo:
    """Return a time zone by the name that was stored; UTC for none, and for one that is not known any more."""
    if name is None or name not in zone_names():
        return UTC
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of all time zones (IANA)."""
    return frozenset(available_timezones() - _NO_PLACES)


def zones_like(typed: str) -> list[str]:
    """Return the time zone that is meant, as the only one; else those that may be, the likeliest first.

    Names are taken in any case, with blanks for underscores, and by the city alone ("new york").
    """
    names = {_folded(name): name for name in sorted(zone_names(), reverse=True)}
    wanted = _folded(typed)
    if wanted in names:
        return [names[wanted]]
    # Not of Etc: what is called GMT+2 there is two hours *behind* Greenwich.
    cities: dict[str, list[str]] = {}
    for folded, name in names.items():
        if "/" in name and not name.startswith("Etc/"):
            cities.setdefault(folded.rpartition("/")[2], []).append(name)
    if wanted in cities:
        return sorted(cities[wanted])
    near = get_close_matches(
        wanted, [*cities, *(name for name in names if not name.startswith("etc/"))], n=6, cutoff=0.7
    )
    found = [name for match in near for name in (cities.get(match) or [names[match]])]
    # One that is only near is for whoever typed it to confirm: it is never the only one.
    return [*dict.fromkeys(found), "UTC"] if found else []


def _folded(name: str) -> str:
    return "_".join(name.casefold().replace("_", " ").split())


def _around(now_ms: int, zone: tzinfo, first_of: Callable[[date], date], next_of: Callable[[date], date]) -> Window:
    first = first_of(_date(now_ms, zone))
    start_ms, end_ms = start_of(first, zone), start_of(next_of(first), zone)
    # Where clocks are put back over midnight, an hour of the day before comes again: it counts for the new day.
    if now_ms >= end_ms:
        following = next_of(first)
        return Window(end_ms, start_of(next_of(following), zone))
    return Window(start_ms, end_ms)


def start_of(day: date, zone: tzinfo) -> int:
    """Return when a day begins: the first moment at which its clocks show it.

    Midnight comes twice where clocks are put back over it (the first one counts), and not at all where they are put
    forward over it: then it is reckoned by the old time, which may be some quarters after the day has begun.
    """
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
    start_ms = midnight - midnight % QUARTER_MS
    while _date(start_ms - 1, zone) >= day:
        start_ms -= QUARTER_MS
    return start_ms


def _date(moment_ms: int, zone: tzinfo) -> date:
    return datetime.fromtimestamp(moment_ms / 1000, zone).date()
