"""What the account at the image service has free, and for how long it lasts."""

from __future__ import annotations

from dataclasses import dataclass

from bot.generations.account import CREDITS_FACT
from bot.generations.repository import DeskRow, GenerationsRepository
from bot.storage import Connection

DAY_MS = 24 * 3600 * 1000
QUARTER_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the account has free, and for how long.

    ``free_credits`` is the last reading without what is promised since; None before the first reading. The pace is what
    was asked for in the last day (what failed is not in it), or that of the last week where it is faster: ``pace_days``
    says which.
    """

    read_credits: int | None
    read_at_ms: int | None
    free_credits: int | None
    pace_credits_per_day: float
    pace_days: int

    @property
    def days_left(self) -> float | None:
        """For how many days the credits last; None: not known, or nothing is spent."""
        if self.free_credits is None or not self.pace_credits_per_day:
            return None
        return max(self.free_credits, 0) / self.pace_credits_per_day


async def outlook_of(tx: Connection, now_ms: int) -> tuple[Outlook, DeskRow]:
    """Return what the account has free and for how long, and how everything stands."""
    rows = GenerationsRepository(tx)
    desk = await rows.operator.desk(day_ms=_quarter(now_ms - DAY_MS), week_ms=_quarter(now_ms - 7 * DAY_MS))
    # What is on hold is in both sums as of when it was asked for: it is spent, in all likelihood, and what is not goes
    # out of them again. Taken off, a day on which all is still in work would count as one on which nothing was asked.
    day, week = float(desk.used_day), desk.used_week / 7
    pace, days = (week, 7) if week > day else (day, 1)
    reading = await rows.memory.fact(CREDITS_FACT)
    if reading is None:
        return Outlook(None, None, None, pace, days), desk
    credits_read, read_at_ms = int(reading[0]), reading[1]
    free = credits_read - await rows.pictures.promised_credits(read_at_ms)
    return Outlook(credits_read, read_at_ms, free, pace, days), desk


def _quarter(at_ms: int) -> int:
    return at_ms - at_ms % QUARTER_MS
