"""Calendar windows in which allowances count. UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start_ms`` (included) to ``end_ms`` (excluded)."""

    start_ms: int
    end_ms: int


def month_of(now_ms: int) -> Window:
    """Return the calendar month of ``now_ms``."""
    first = _utc(now_ms).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return Window(_ms(first), _ms(following))


def day_of(now_ms: int) -> Window:
    """Return the calendar day of ``now_ms``."""
    first = _utc(now_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(_ms(first), _ms(first + timedelta(days=1)))


# UTC-12 and UTC+14, and an hour that is put forward or back.
_LAST_ZONE, _FIRST_ZONE = timedelta(hours=13), timedelta(hours=15)


def all_closed_ms(now_ms: int) -> int:
    """Return when every day, week and month in which ``now_ms`` lies in any time zone is over."""
    # Somewhere it is the next day already, and that one may lie in another month or week.
    ahead_ms = now_ms + int(_FIRST_ZONE.total_seconds() * 1000)
    month, monday = month_of(ahead_ms), _monday(ahead_ms)
    return _ms(max(_utc(month.end_ms), monday + timedelta(days=7)) + _LAST_ZONE)


def earliest_open_ms(now_ms: int) -> int:
    """Return when the first of the days, weeks and months began in which ``now_ms`` lies in any time zone."""
    # Somewhere it is the day before still, and that one may lie in another month or week.
    behind_ms = now_ms - int(_LAST_ZONE.total_seconds() * 1000)
    return _ms(min(_utc(month_of(behind_ms).start_ms), _monday(behind_ms)) - _FIRST_ZONE)


def _monday(now_ms: int) -> datetime:
    today = _utc(now_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday())


def _utc(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
