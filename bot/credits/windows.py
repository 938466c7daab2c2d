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


def _utc(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
