"""What a server used: by member, channel, model and day; every charge with what it was for; both ways.

Used is what the ledger's legs come to: a hold counts when it is made, and what is given back lessens it, dated as the
hold was. So the sums are those that the limits go by. Everything is read, a day at a time, on a reader.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from bot.clock import Clock
from bot.credits.quota_repository import QuotaRepository
from bot.credits.windows import start_of, zone_of
from bot.generations.repository import GenerationsRepository
from bot.generations.repository.usage import BookedRow, ChargeRow, UsageRow
from bot.storage import Connection, Database, Work

MAX_DAYS = 366
MOST_CHARGES = 200_000
"""In one file; a longer time is refused with a word."""
_AT_ONCE = 2
"""Of four readers."""


class By(StrEnum):
    """What usage is broken down by."""

    MEMBER = "member"
    CHANNEL = "channel"
    MODEL = "model"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    def each(self, zone: tzinfo) -> list[tuple[date, int, int]]:
        """Return the days, each with when it begins and ends there (it has 23 or 25 hours twice a year)."""
        dates = [self.first + timedelta(days=number) for number in range(self.days + 1)]
        starts = [start_of(day, zone) for day in dates]
        return [(dates[n], starts[n], starts[n + 1]) for n in range(self.days)]


@dataclass(slots=True)
class Sum:
    """Credits that were used (those on hold included), and pictures that came."""

    used_credits: int = 0
    on_hold_credits: int = 0
    pictures: int = 0

    def add(self, row: UsageRow) -> None:
        """Add one row."""
        self.used_credits += row.used_credits
        self.on_hold_credits += row.on_hold_credits
        self.pictures += row.pictures


Key = int | str | date | None
"""A member's or channel's id, a model's, a day; None: of somebody who was forgotten, or of nothing that is known."""


@dataclass(slots=True)
class Usage:
    """What a server used in a time, in all and by each of ``By``."""

    period: Period
    zone: tzinfo = UTC
    """By whose clocks the days begin."""
    total: Sum = field(default_factory=Sum)
    sums: Mapping[By, dict[Key, Sum]] = field(default_factory=lambda: {by: defaultdict(Sum) for by in By})

    def most(self, by: By) -> list[tuple[Key, Sum]]:
        """Return the sums, the largest first; days in their order."""
        found = [(key, one) for key, one in self.sums[by].items() if one.used_credits or one.pictures]
        if by is By.DAY:
            return sorted(self.sums[by].items(), key=lambda item: str(item[0]))
        return sorted(found, key=lambda item: (-item[1].used_credits, -item[1].pictures, str(item[0])))


@dataclass(frozen=True, slots=True)
class Trace:
    """A request and everything that was booked for it."""

    request_id: str
    entries: tuple[BookedRow, ...]


class UsageBook:
    """Answers admins. A few questions at a time: a reader that sums up is none for the others."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def zone_of(self, guild_id: int) -> tzinfo:
        """Return the time zone in which a server's days begin."""
        return zone_of(await self._database.look(lambda tx: QuotaRepository(tx).time_zone(guild_id)))

    async def today(self, guild_id: int) -> date:
        """Return the day that it is in a server."""
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, await self.zone_of(guild_id)).date()

    async def usage(self, guild_id: int, period: Period) -> Usage:
        """Sum up a time of at most MAX_DAYS."""
        zone = await self.zone_of(guild_id)
        found = Usage(period, zone)
        async with self._places:
            cut = await self._database.look(lambda tx: GenerationsRepository(tx).usage.cut())
            for day, since_ms, until_ms in period.each(zone):
                rows = await self._database.look(_usage_of(guild_id, since_ms, until_ms, cut))
                found.sums[By.DAY][day] = Sum()
                for row in rows:
                    found.total.add(row)
                    found.sums[By.DAY][day].add(row)
                    found.sums[By.MEMBER][row.user_id].add(row)
                    found.sums[By.CHANNEL][row.channel_id].add(row)
                    found.sums[By.MODEL][row.model].add(row)
        return found

    async def charges(self, guild_id: int, period: Period) -> AsyncIterator[list[ChargeRow]]:
        """Give each charge of a time, oldest first, a day at a time, all of one moment."""
        zone = await self.zone_of(guild_id)
        cut = await self._database.look(lambda tx: GenerationsRepository(tx).usage.cut())
        for _, since_ms, until_ms in period.each(zone):
            async with self._places:
                rows = await self._database.look(_charges_of(guild_id, since_ms, until_ms, cut))
            if rows:
                yield rows

    async def trace(
        self,
        guild_id: int,
        *,
        request_id: str | None = None,
        end: str | None = None,
        message_id: int | None = None,
        entry_id: int | None = None,
    ) -> Trace | None:
        """Return a server's request with its bookings: by its id or that one's end, a message, or an entry's number."""

        async def work(tx: Connection) -> Trace | None:
            rows = GenerationsRepository(tx)
            found = request_id
            if end is not None:
                found = await rows.usage.by_end(guild_id, end)
            elif message_id is not None:
                of_message = await rows.requests.of_message(message_id)
                found = of_message.id if of_message is not None else None
            elif entry_id is not None:
                found = await rows.usage.request_of_entry(entry_id)
            request = await rows.requests.get(found) if found is not None else None
            if request is None or request.guild_id != guild_id:
                return None
            return Trace(request.id, tuple(await rows.usage.booked(request.id)))

        return await self._database.look(work)


def _usage_of(guild_id: int, since_ms: int, until_ms: int, cut: int) -> Work[list[UsageRow]]:
    async def work(tx: Connection) -> list[UsageRow]:
        return await GenerationsRepository(tx).usage.usage(guild_id, since_ms=since_ms, until_ms=until_ms, cut=cut)

    return work


def _charges_of(guild_id: int, since_ms: int, until_ms: int, cut: int) -> Work[list[ChargeRow]]:
    async def work(tx: Connection) -> list[ChargeRow]:
        return await GenerationsRepository(tx).usage.charges(guild_id, since_ms=since_ms, until_ms=until_ms, cut=cut)

    return work
